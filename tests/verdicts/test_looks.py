"""How soon it is said: looks between what happens in ECS and the line that says so, by the bed's call log."""

from __future__ import annotations

import subprocess
import threading
import time
from typing import Any

import pytest

from tests.testbed.beds import ROOT
from tests.verdicts import results
from tests.verdicts.kinds import BY_NAME, Kind
from tests.verdicts.stage import PATIENCE, Stage

TO_THE_CAUSE, TO_SUCCESS = 2, 1
"""Looks at most. The first after a task has failed may come before ECS counts the failure."""
FAIL = ("exits_at_start", "image_missing", "secret_without_key")
SERVE = ("sidecar_ends_by_design", "slow_but_well")


class Lines:
    """The lines of a play, each with the moment when it could be read."""

    def __init__(self, stage: Stage, kind: Kind, **variables: Any) -> None:
        self.stage, self.found = stage, list[tuple[float, str]]()
        stage.bed.admin("DELETE", "/_bed/calls")
        self.process = subprocess.Popen(
            ["./steady", "play", *stage.command(kind, **variables)], cwd=ROOT, text=True, bufsize=1,
            env={**stage.environment(), "PYTHONUNBUFFERED": "1"}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self.thread = threading.Thread(target=self._read)
        self.thread.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.found.append((time.time(), line))

    def end(self) -> None:
        """Wait for the end of the play."""
        self.process.wait(PATIENCE)
        self.thread.join(10)

    def moment(self, words: str) -> float:
        """When the first line with these words came."""
        return next(at for at, line in self.found if words in line)


def looks(stage: Stage, begin: float, end: float) -> int:
    """How often the service was looked at between two moments."""
    return sum(call["operation"] == "DescribeServices" and begin < call["time"] < end for call in stage.calls())


@pytest.mark.verdicts
@pytest.mark.parametrize("name", FAIL)
def test_the_cause_is_printed_soon_after_the_first_task_has_failed(name: str, stage: Stage) -> None:
    kind = BY_NAME[name]
    stage.begin(kind)
    try:
        lines = Lines(stage, kind)
        lines.end()
        told = lines.moment(" failed: Container app")
        stopped = stage.world.tasks("STOPPED")
        first = min(each["stoppedAt"].timestamp() for each in stopped if each["taskDefinitionArn"] != stage.first)
        count = looks(stage, first, told)
        assert first < told and count <= TO_THE_CAUSE
        results.keep(f"looks.cause.{name}", {"looks": count})
    finally:
        stage.end()


@pytest.mark.verdicts
@pytest.mark.parametrize("name", SERVE)
def test_success_is_said_at_the_first_look_after_ecs_is_done(name: str, stage: Stage) -> None:
    kind = BY_NAME[name]
    stage.begin(kind)
    try:
        lines = Lines(stage, kind, rollout_stable_seconds=0)
        lines.end()
        told = lines.moment("succeeded: ")
        done = stage.service()["deployments"][0]
        assert done["rolloutState"] == "COMPLETED"
        count = looks(stage, done["updatedAt"].timestamp(), told)
        assert count <= TO_SUCCESS
        results.keep(f"looks.success.{name}", {"looks": count})
    finally:
        stage.end()
