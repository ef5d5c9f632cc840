"""Steady says of each kind what is true, in one word, with the cause, by its exit status, however it is run.

And nobody who uses the old version notices, where a healthy old version is there.
"""

from __future__ import annotations

import re
import time
from typing import Any

import pytest

from tests.verdicts import results
from tests.verdicts.kinds import KINDS, Kind
from tests.verdicts.stage import Run, Stage, until
from tests.verdicts.ways import WAYS, Way

STATUS = {"proven": 0, "failed_rolled_back": 3, "failed": 4, "superseded": 6, "interrupted": 7, "error": 1}
"""Of `./steady play`, as the README has them."""
DAILY = [kind for kind in KINDS if kind.daily]


def told(kind: Kind, run: Run) -> None:
    """Verdict, outcome, exit status and cause, as the table has them."""
    assert (run.verdict, run.outcome, run.status) == (kind.verdict, kind.outcome, STATUS[kind.outcome]), run.text
    assert re.search(kind.cause, run.last, re.DOTALL), run.last


def true(kind: Kind, stage: Stage) -> None:
    """What serves in the end is what the table says."""
    wanted = kind.succeeds
    until(lambda: stage.truth().new_serves == wanted, 60, stage.truth)
    if not kind.harms:
        whole(stage)


def whole(stage: Stage) -> None:
    """As many healthy tasks serve as are desired."""
    until(lambda: stage.truth().healthy == stage.truth().desired > 0, 60, stage.truth)


def harmless(counted: dict[str, Any]) -> bool:
    """Whether no user noticed."""
    return not (counted["failed"] or counted["lost_messages"]) and counted["moves_off_healthy"] == 0


def lost(way: Way, run: Run) -> int:
    """How many answers were lost: of what this way loses, each one once."""
    count = 0
    for operation in sorted({rule["operation"] for rule in way.faults}):
        struck = [bool(call.get("fault")) for call in run.calls if call["operation"] == operation]
        assert struck == [number % 2 == 0 for number in range(len(struck))], (operation, struck)
        assert len(struck) % 2 == 0, (operation, struck)
        count += sum(struck)
    return count


def play(kind: Kind, way: Way, stage: Stage) -> None:
    """One run of one kind in one way, to its end, with users at work wherever the old version serves."""
    name, counted, begun = results.of(kind.name, way.name), dict[str, Any](), time.monotonic()
    results.forget(name)
    stage.begin(kind)
    try:
        stage.faults += way.faults
        if kind.harms:
            run = stage.deploy(kind, *way.words)
        else:
            whole(stage)
            with stage.users() as counted:
                run = stage.deploy(kind, *way.words)
        told(kind, run)
        true(kind, stage)
        if not kind.harms:
            assert harmless(counted), [counted[each] for each in ("failures", "first_failures", "moves_off_healthy")]
        users = {each: counted[each] for each in ("requests", "failed") if counted}
        seconds = round(time.monotonic() - begun)
        results.keep(name, results.seen(run, users=users, lost=lost(way, run), seconds=seconds))
    finally:
        stage.end()


@pytest.mark.verdicts
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_kind_is_told_as_it_is_in_each_way(kind: Kind, way: Way, stage: Stage) -> None:
    play(kind, way, stage)


@pytest.mark.parametrize(
    "kind", [pytest.param(each, id=each.name, marks=[pytest.mark.walk] if n else []) for n, each in enumerate(DAILY)]
)
def test_the_commonest_kinds_are_told_as_they_are(kind: Kind, stage: Stage) -> None:
    """These every day, in short."""
    stage.begin(kind)
    try:
        told(kind, stage.deploy(kind))
        true(kind, stage)
    finally:
        stage.end()
