# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Waiting: when it asks, when it stops, and what it takes for passing."""

from __future__ import annotations

import time

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import waits
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure


class Hands:
    """A clock that a test moves: sleeping takes no time of ours."""

    def __init__(self) -> None:
        self.moment = 1000.0

    def now(self) -> float:
        return self.moment

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.moment += seconds


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Hands:
    found = Hands()
    monkeypatch.setattr(waits, "clock", found)
    return found


def test_an_answer_at_once_waits_for_nothing(hands: Hands) -> None:
    assert waits.until(lambda _elapsed: "yes", 60, 5) == "yes"
    assert hands.moment == 1000.0


def test_the_interval_never_grows_and_the_last_look_is_at_the_deadline(hands: Hands) -> None:
    looks: list[float] = []

    def look(elapsed: float) -> None:
        looks.append(elapsed)

    assert waits.until(look, 12, 5) is None
    assert looks == [0, 5, 10, 12]


def test_a_slow_look_does_not_stretch_the_interval(hands: Hands) -> None:
    looks: list[float] = []

    def look(elapsed: float) -> None:
        looks.append(elapsed)
        hands.moment += 3

    waits.until(look, 10, 5)
    assert looks == [0, 5, 10]


def test_a_look_slower_than_the_interval_is_followed_at_once(hands: Hands) -> None:
    looks: list[float] = []

    def look(elapsed: float) -> None:
        looks.append(elapsed)
        hands.moment += 7

    waits.until(look, 10, 5)
    assert looks == [0, 7, 14]


def test_a_false_answer_is_an_answer(hands: Hands) -> None:
    assert waits.until(lambda _elapsed: False, 60, 5) is False


def test_the_system_clock_moves() -> None:
    clock = waits.SystemClock()
    before = clock.now()
    clock.sleep(0.001)
    assert clock.now() > before


def test_the_system_clock_goes_on_while_the_machine_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lease does: a laptop that wakes after an hour must not believe that it still has its own."""
    slept = {time.CLOCK_MONOTONIC: 5.0, time.CLOCK_BOOTTIME: 3605.0}
    monkeypatch.setattr(time, "clock_gettime", slept.__getitem__)
    assert waits.SystemClock().now() == 3605.0


@pytest.mark.parametrize(
    ("fields", "passing", "unanswered"),
    [
        ({"reason": "no_answer"}, True, True),
        ({"reason": "no_endpoint"}, True, False),
        ({"reason": "refused", "code": "ThrottlingException"}, True, False),
        ({"reason": "refused", "code": "ServerException"}, True, True),
        ({"reason": "refused", "code": "503"}, True, True),
        ({"reason": "refused", "code": "InvalidParameterException"}, False, False),
        ({"reason": "expired_credentials", "code": "ExpiredTokenException"}, False, False),
        ({"reason": "access_denied", "code": "AccessDeniedException"}, False, False),
    ],
)
def test_what_passes_and_what_stays(fields: dict[str, str], passing: bool, unanswered: bool) -> None:
    failure = Failure("it failed", **fields)
    assert waits.passing(failure) is passing
    assert waits.unanswered(failure) is unanswered
