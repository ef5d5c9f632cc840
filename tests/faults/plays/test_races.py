"""The referee of several deployers: what it must see, on a history and a call log that are written down here; and two
races of real ansible-playbook processes, of the hundred that ./steady sweep has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.faults.plays.races import Course, Deployer, LeaseWatch, strangers
from tests.faults.sweep import SCALE
from tests.testbed.beds import running

HISTORY = [(10.0, "ada"), (20.0, None), (21.0, "bob"), (30.0, None)]


class Log:
    """A bed that has seen these calls."""

    def __init__(self, *calls: dict[str, Any]) -> None:
        self.calls = calls

    def admin(self, method: str, path: str, given: Any = None) -> tuple[int, Any]:
        """The call log."""
        return 200, {"log": list(self.calls)}


def call(who: str, at: float, operation: str = "UpdateService", **more: Any) -> dict[str, Any]:
    """An entry of the call log."""
    return {"access_key": who, "time": at, "operation": operation, **more}


def judged(*calls: dict[str, Any], slow: tuple[int, float] | None = None) -> list[str]:
    """What the referee says of calls by ada and bob."""
    watch = LeaseWatch.__new__(LeaseWatch)
    watch.history = HISTORY
    deployers = [Deployer(name, 3, 0.0, None, slow, 1) for name in ("ada", "bob")]
    return strangers(watch, Log(*calls), deployers)  # type: ignore[arg-type]


@pytest.mark.parametrize(("who", "at"), [("ada", 10.0), ("ada", 19.9), ("ada", 20.002), ("bob", 21.5)])
def test_who_has_the_lease_may_write(who: str, at: float) -> None:
    assert judged(call(who, at)) == []


@pytest.mark.parametrize(("who", "at"), [("bob", 15.0), ("ada", 20.5), ("ada", 25.0), ("bob", 31.0), ("ada", 9.0)])
def test_who_has_not_is_found_out(who: str, at: float) -> None:
    found = judged(call(who, at))
    assert len(found) == 1
    assert f"UpdateService by {who}" in found[0]


def test_a_call_that_takes_effect_after_its_lease_is_found_out() -> None:
    assert judged(call("ada", 19.5), slow=(1, 2.0)) == []
    assert len(judged(call("ada", 19.5, fault="rule"), slow=(1, 2.0))) == 1


def test_reads_and_other_peoples_calls_do_not_matter() -> None:
    assert judged(call("ada", 25.0, "DescribeServices"), call("emulator", 25.0)) == []


@pytest.mark.walk
@pytest.mark.parametrize("number", [29, 58])
def test_three_deployers_at_one_service(tmp_path: Path, number: int) -> None:
    """Two rollbacks and a deployment, one of them paused and one killed; three deployments, one of which waits for the
    other two."""
    bed = running(tmp_path / "state", "--engine", "none", "--scale", SCALE)
    with bed as it, Course.made(it, tmp_path / "course") as course:
        race = course.perform(number)
    assert race.result.problems == [], race.result.text()
