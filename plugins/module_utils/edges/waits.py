# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The one place that waits: no other file of the collection sleeps or reads a clock to wait."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from ansible_collections.steady.ecs.plugins.module_utils.rules.refusals import THROTTLED, UNAVAILABLE
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, pausing

CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Linux alone has the first."""


class Clock(Protocol):
    """What waiting needs of the world."""

    def now(self) -> float:
        """Seconds since some moment; never goes back."""

    def sleep(self, seconds: float) -> None:
        """Return after so many seconds."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> float:
        """Seconds since the machine was started, those included in which it slept; unmoved by a wall clock that is set.

        The monotonic clock of Linux stands still in a laptop's sleep, and a lease does not (clock_gettime(2)).
        """
        return time.clock_gettime(CLOCK)

    def sleep(self, seconds: float) -> None:
        """Return after so many seconds."""
        with pausing():
            time.sleep(seconds)


clock: Clock = SystemClock()
"""Tests put a clock of their own here."""


# pylint: disable-next=using-generic-type-syntax-in-unsupported-version  # Python 3.12
def until[T](poll: Callable[[float], T | None], seconds: float, delay: float) -> T | None:
    """Call ``poll`` at once and then every ``delay`` seconds until it answers something or ``seconds`` have passed.

    ``poll`` is given the seconds since the wait began. The interval never grows, so what happens is noticed within
    one of them at any age of the wait (case C41), and the last call is made at the deadline, not before it. Returns
    what ``poll`` answered, or None when the time was over first. What ``poll`` raises ends the wait.
    """
    started = clock.now()
    while True:
        asked = clock.now()
        answer = poll(asked - started)
        if answer is not None:
            return answer
        left = started + seconds - asked
        if left <= 0:
            return None
        clock.sleep(max(0.0, min(asked + delay, started + seconds) - clock.now()))


def throttled(failure: Failure) -> bool:
    """Whether AWS turned the call away unread: it was certainly not carried out."""
    return failure.fields.get("code") in THROTTLED


def unanswered(failure: Failure) -> bool:
    """Whether it is unknown if the call was carried out: no answer came, or one with a 5xx status."""
    return failure.fields.get("reason") == "no_answer" or failure.fields.get("code") in UNAVAILABLE


def passing(failure: Failure) -> bool:
    """Whether a read that failed so may succeed at the next look. Expired credentials do not (case C79)."""
    return throttled(failure) or unanswered(failure) or failure.fields.get("reason") == "no_endpoint"
