"""Release windows: what they say, when they are open, and when the next one opens."""

from __future__ import annotations

import datetime

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.rules import windows
from ansible_collections.steady.ecs.plugins.module_utils.rules.declaration import DeclarationError
from hypothesis import given
from hypothesis import strategies as st

SKIPPED = [f"sun {each} Europe/Berlin" for each in ("02:00-03:00", "02:30-03:00", "02:15-02:45")]
"""Within the hour that does not exist on the day on which clocks go forward."""
WEEK = "mon-thu 09:00-16:00 Europe/Berlin"


def at(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("declared", "moment", "expected"),
    [
        (WEEK, "2025-11-27T08:00", True),  # Thursday 09:00 in Berlin, in winter
        (WEEK, "2025-11-27T07:59", False),
        (WEEK, "2025-11-27T15:00", False),  # the end is outside
        (WEEK, "2025-11-28T10:00", False),  # Friday
        (WEEK, "2025-07-24T07:00", True),  # summer time: an hour earlier
        ("sat,sun 00:00-24:00 UTC", "2025-11-30T23:59", True),
        ("sat,sun 00:00-24:00 UTC", "2025-12-01T00:00", False),
        ("fri 22:00-04:00 UTC", "2025-11-29T03:59", True),  # over midnight, and of Friday
        ("fri 22:00-04:00 UTC", "2025-11-28T03:59", False),
        ("sat-mon,wed 10:00-11:00 UTC", "2025-12-01T10:30", True),  # over the week's end
        ("sat-mon,wed 10:00-11:00 UTC", "2025-12-02T10:30", False),
        ("sat-mon,wed 10:00-11:00 UTC", "2025-12-03T10:30", True),
    ],
)
def test_a_window_is_open_by_the_wall_clock_of_its_zone(declared: str, moment: str, expected: bool) -> None:
    assert windows.is_open([windows.window(declared)], at(moment)) is expected


def test_outside_is_refused_with_the_next_opening() -> None:
    found = windows.opened([WEEK, "fri 09:00-12:00 Europe/Berlin"], "", at("2025-11-28T12:00"))
    assert found is not None and found["ok"] is False
    assert "Mon 2025-12-01 09:00 Europe/Berlin (08:00 UTC)" in found["remedy"]
    assert "release_window_override" in found["remedy"]
    inside = windows.opened([WEEK], "", at("2025-11-27T09:00"))
    assert inside is not None and inside["ok"]


def test_an_override_has_a_reason_and_opens_it() -> None:
    found = windows.opened([WEEK], "the shop is down", at("2025-11-29T12:00"))
    assert found is not None and found["ok"] and "the shop is down" in found["found"]
    blank = windows.opened([WEEK], "  ", at("2025-11-29T12:00"))
    assert blank is not None and not blank["ok"]


def test_without_windows_nothing_is_looked_at() -> None:
    assert windows.opened([], "", at("2025-11-29T12:00")) is None


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        ("mon-thu 9-16 UTC", "is no window"),
        ("mon-thu 09:00-16:00", "is no window"),
        ("960", "is no window"),
        ("mon-thu 09:00-25:00 UTC", "times of day"),
        ("mon-thu 09:70-16:00 UTC", "times of day"),
        ("mon-thu 09:00-09:00 UTC", "times of day"),
        ("mon-xyz 09:00-16:00 UTC", "no such days"),
        ("mon-thu 09:00-16:00 Europe/Berln", "no time zone Europe/Berln"),
        ("mon-thu 09:00-16:00 ../../etc/passwd", "is no window"),
        ("mon-thu 09:00-16:00 /etc/passwd", "no time zone"),
        ("mon-thu 09:00-16:00 localtime", "no time zone localtime"),
        ("mon-thu 09:00-16:00 right/Europe/Berlin", "no time zone"),
    ],
)
def test_what_cannot_be_meant_is_refused(declared: str, words: str) -> None:
    with pytest.raises(DeclarationError, match=words):
        windows.window(declared)


@given(
    st.datetimes(datetime.datetime(2024, 1, 1), datetime.datetime(2030, 1, 1)),
    st.sampled_from([WEEK, "fri 22:00-04:00 America/New_York", *SKIPPED, "sat 00:00-24:00 UTC"]),
)
def test_the_next_opening_is_in_the_future_and_open(moment: datetime.datetime, declared: str) -> None:
    now, found = moment.replace(tzinfo=datetime.UTC), windows.window(declared)
    if windows.is_open([found], now):
        return
    opening, _zone = windows.next_opening([found], now)
    assert now < opening <= now + datetime.timedelta(days=15)
    assert windows.is_open([found], opening), "what is announced opens"
    assert not windows.is_open([found], opening - datetime.timedelta(seconds=1))


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ("sun 02:30-03:15 Europe/Berlin", ("01:00", "01:15")),  # 03:00 is the moment at which 02:00 would have been
        ("sun 01:30-02:30 Europe/Berlin", ("00:30", "01:00")),
        ("sun 01:30-03:30 Europe/Berlin", ("00:30", "01:30")),
        ("sun 02:10-02:20 Australia/Lord_Howe", None),  # half an hour is skipped there, in October
    ],
)
def test_of_a_window_around_the_skipped_hour_the_rest_is_open(declared: str, expected: tuple[str, str] | None) -> None:
    day = datetime.date(2026, 3, 29) if "Berlin" in declared else datetime.date(2026, 10, 4)
    found = windows.window(declared)
    spans = [
        (f"{begin:%H:%M}", f"{end:%H:%M}")
        for begin, end in found.spans(at(f"{day}T00:00"))
        if begin.astimezone(found.zone).date() == day
    ]
    assert spans == ([expected] if expected else [])


def test_a_window_within_the_hour_that_is_skipped_is_announced_for_the_week_after() -> None:
    found = windows.opened([SKIPPED[0]], "", at("2026-03-28T12:00"))
    assert found is not None and "Sun 2026-04-05 02:00 Europe/Berlin" in found["remedy"]
