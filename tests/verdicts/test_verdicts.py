"""Steady says of each kind what is true, in one word, with the cause, by its exit status, however it is run.

And nobody who uses the old version notices, where a healthy old version is there.
"""

from __future__ import annotations

import contextlib
import re
from typing import Any

import pytest

from tests.testbed.beds import until
from tests.verdicts import results
from tests.verdicts.kinds import KINDS, Kind
from tests.verdicts.stage import KEY, Run, Stage

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
    until(lambda: stage.truth().new_serves == wanted, 20, stage.truth)
    if not kind.harms:
        until(lambda: stage.truth().healthy == stage.truth().desired > 0, 60, stage.truth)


def harmless(counted: dict[str, Any]) -> bool:
    """Whether no user noticed."""
    return not (counted["failed"] or counted["lost_messages"] or counted["moves_off_healthy"])


def play(kind: Kind, stage: Stage, way: str, *words: str, **variables: Any) -> Run:
    """One run of one kind, to its end."""
    results.forget(kind.name, way)
    stage.begin(kind)
    try:
        served = way == results.IN_PROCESS and stage.truth().healthy > 0
        with stage.users() if served else contextlib.nullcontext({}) as counted:
            run = stage.deploy(kind, *words, **variables)
        told(kind, run)
        true(kind, stage)
        if served and not kind.harms:
            assert harmless(counted), [counted[name] for name in ("failures", "first_failures", "moves_off_healthy")]
        users = {name: counted[name] for name in ("requests", "failed")} if served else {}
        results.keep(kind.name, way, run, users=users, **polls(run))
    finally:
        stage.end()
    return run


def polls(run: Run) -> dict[str, int]:
    """How often the deployment was looked at, by the bed's log."""
    names = [call["operation"] for call in run.calls if call["access_key"] == KEY]
    after = names[names.index("UpdateService") :] if "UpdateService" in names else []
    return {"looks": after.count("DescribeServices")}


@pytest.mark.verdicts
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_kind_is_told_as_it_is(kind: Kind, stage: Stage) -> None:
    play(kind, stage, results.IN_PROCESS)


@pytest.mark.verdicts
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_it_is_told_alike_by_modules_that_are_processes(kind: Kind, stage: Stage) -> None:
    play(kind, stage, results.MODULES, "-e", "steady_ecs_in_process=false")


@pytest.mark.verdicts
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_it_is_told_alike_when_the_answer_of_each_look_is_lost_once(kind: Kind, stage: Stage) -> None:
    """The last look's too, whichever that is: every odd DescribeServices of ours is carried out and not answered."""
    rules = [
        {"service": "ecs", "operation": "DescribeServices", "access_key": KEY, "at_call": n, "kind": "reset_after"}
        for n in range(1, 400, 2)
    ]
    stage.bed.admin("PUT", "/_bed/faults", rules)
    run = play(kind, stage, results.LOST)
    lost = [call for call in run.calls if call.get("fault")]
    assert lost and all(call["operation"] == "DescribeServices" for call in lost)


@pytest.mark.parametrize("kind", DAILY, ids=lambda kind: kind.name)
def test_the_commonest_kinds_are_told_as_they_are(kind: Kind, stage: Stage) -> None:
    """These every day, in short."""
    stage.begin(kind)
    try:
        told(kind, stage.deploy(kind))
        true(kind, stage)
    finally:
        stage.end()
