# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Release windows: when a service may be changed, in the words ``mon-thu 09:00-16:00 Europe/Berlin``.

One text a window, for YAML makes a number of an unquoted 16:00. A window that ends before it begins goes over
midnight and belongs to the day on which it begins. A rollback is never kept waiting.
"""

from __future__ import annotations

import datetime
import re
import zoneinfo
from collections.abc import Iterator
from dataclasses import dataclass

from ansible_collections.steady.ecs.plugins.module_utils.rules.checks import Check, check
from ansible_collections.steady.ecs.plugins.module_utils.rules.declaration import DeclarationError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WINDOW = re.compile(
    r"([a-z]{3})(?:-([a-z]{3}))?((?:,[a-z]{3})*) +(\d\d?):(\d\d)-(\d\d?):(\d\d) +([A-Za-z0-9_+/-]+)", re.IGNORECASE
)
MIDNIGHT = 24 * 60
NO_PLACE = re.compile(r"localtime|posixrules|Factory|(posix|right)/.*")
"""Files of the time-zone database that are no zone: this machine's own one, and copies with other seconds."""
FORM = "DAYS FROM-TO ZONE, such as mon-thu 09:00-16:00 Europe/Berlin, or sat,sun 00:00-24:00 UTC"
NAME = "release window"


@dataclass(frozen=True)
class Window:
    """One window of the week. ``begin`` and ``end`` in minutes after local midnight; ``end`` may be of the next day."""

    days: frozenset[int]
    begin: int
    end: int
    zone: zoneinfo.ZoneInfo

    def spans(self, now: datetime.datetime) -> Iterator[tuple[datetime.datetime, datetime.datetime]]:
        """Begin and end, in UTC, of each time that it is open from the day before ``now`` to fifteen days after it: one
        of a week's may lie within the hour that does not exist when clocks go forward."""
        today = now.astimezone(self.zone).date()
        for offset in range(-1, 16):
            day = today + datetime.timedelta(days=offset)
            begin, end = self._moment(day, self.begin), self._moment(day, self.end)
            if day.weekday() in self.days and begin < end:
                yield begin, end

    def _moment(self, day: datetime.date, minutes: int) -> datetime.datetime:
        # The wall clock counts, also on the day on which clocks are moved: for a time that is skipped stands the moment
        # at which that is done, within the hour before what its earlier offset would make of it.
        day += datetime.timedelta(days=minutes // MIDNIGHT)
        hour, minute = divmod(minutes % MIDNIGHT, 60)
        local = datetime.datetime(day.year, day.month, day.day, hour, minute, tzinfo=self.zone)
        moment = local.astimezone(datetime.UTC)
        if moment.astimezone(self.zone).replace(tzinfo=None) == local.replace(tzinfo=None):
            return moment
        moment, after = local.replace(fold=1).astimezone(datetime.UTC), local.replace(fold=1).utcoffset()
        while moment.astimezone(self.zone).utcoffset() != after:
            moment += datetime.timedelta(minutes=1)
        return moment


def window(text: str) -> Window:
    """One declared window. Raises DeclarationError with the form that is wanted."""
    found = WINDOW.fullmatch(text.strip())
    if not found:
        raise DeclarationError(f"release_windows: {text!r} is no window. Write {FORM}.")
    first, last, more, *clock, zone = found.groups()
    begin, end = (int(hour) * 60 + int(minute) for hour, minute in (clock[:2], clock[2:]))
    if max(int(clock[1]), int(clock[3])) > 59 or begin >= MIDNIGHT or end > MIDNIGHT or begin == end:
        raise DeclarationError(f"release_windows: {text!r} has no such times of day. Write {FORM}.")
    try:
        days = set(_days(first, last or first)) | {DAYS.index(each) for each in more.lower().split(",") if each}
    except ValueError:
        raise DeclarationError(f"release_windows: {text!r} has no such days. They are {', '.join(DAYS)}.") from None
    try:
        if NO_PLACE.fullmatch(zone):
            raise ValueError
        return Window(frozenset(days), begin, end if end > begin else end + MIDNIGHT, zoneinfo.ZoneInfo(zone))
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise DeclarationError(
            f"release_windows: no time zone {zone} is known here. Correct it, or run `pip install tzdata`."
        ) from None


def is_open(windows: list[Window], now: datetime.datetime) -> bool:
    """Whether one of them is open."""
    return any(begin <= now < end for each in windows for begin, end in each.spans(now))


def next_opening(windows: list[Window], now: datetime.datetime) -> tuple[datetime.datetime, zoneinfo.ZoneInfo]:
    """When the next one opens, and in whose time zone. ``now`` is outside all of them, and there is one at least."""
    moments = [(begin, each.zone) for each in windows for begin, _end in each.spans(now) if begin > now]
    return min(moments, key=lambda each: each[0])


def opened(declared: list[str], override: str, now: datetime.datetime) -> Check | None:
    """Whether the service may be changed at this time; None where no window is declared. Raises DeclarationError.

    ``override``: the reason for which the windows do not count this time; it stands in the record.
    """
    windows = [window(each) for each in declared]
    if not windows:
        return None
    expected = "; ".join(declared)
    if is_open(windows, now):
        return check(NAME, expected, "it is open", True)
    if override.strip():
        return check(NAME, expected, f"closed; overridden: {override.strip()}", True)
    opening, zone = next_opening(windows, now)
    return check(
        NAME,
        expected,
        f"closed at {now:%a %Y-%m-%d %H:%M} UTC",
        False,
        f"The next one opens {opening.astimezone(zone):%a %Y-%m-%d %H:%M} {zone.key} ({opening:%H:%M} UTC). If it "
        "cannot wait: -e release_window_override=REASON, which is recorded. A rollback is never kept waiting.",
    )


def _days(first: str, last: str) -> Iterator[int]:
    begin, end = DAYS.index(first.lower()), DAYS.index(last.lower())
    yield from (each % len(DAYS) for each in range(begin, end + 1 if end >= begin else end + 1 + len(DAYS)))
