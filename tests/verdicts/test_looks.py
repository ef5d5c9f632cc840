"""How soon it is said: looks between what happens in ECS and the line that says so, by the bed's call log."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from typing import Any

import pytest

from tests.testbed.beds import ROOT
from tests.verdicts import results
from tests.verdicts.kinds import BY_NAME, Kind
from tests.verdicts.stage import Stage

MOST = 2
"""One that finds it, and one that was under way when it happened or says it again to be sure."""


class Lines:
    """The lines of a play, each with the moment when it could be read."""

    def __init__(self, stage: Stage, kind: Kind, **variables: Any) -> None:
        self.stage, self.found = stage, list[tuple[float, str]]()
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
        self.process.wait(200)
        self.thread.join(10)

    def moment(self, words: str) -> float:
        """When the first line with these words came."""
        return next(at for at, line in self.found if words in line)


def looks(stage: Stage, begin: float, end: float) -> int:
    """How often the service was looked at between two moments."""
    return sum(call["operation"] == "DescribeServices" and begin < call["time"] < end for call in stage.calls())


def keep(name: str, count: int) -> None:
    """For the page."""
    results.FOLDER.mkdir(parents=True, exist_ok=True)
    (results.FOLDER / f"polls.{name}.json").write_text(json.dumps({"looks": count}) + "\n", encoding="utf-8")


@pytest.mark.verdicts
def test_the_cause_is_printed_at_the_first_look_after_the_first_task_has_failed(stage: Stage) -> None:
    kind = BY_NAME["exits_at_start"]
    stage.begin(kind)
    try:
        stage.bed.admin("DELETE", "/_bed/calls")
        lines = Lines(stage, kind)
        lines.end()
        told = lines.moment(" failed: Container app")
        stopped = stage.world.tasks("STOPPED")
        first = min(each["stoppedAt"].timestamp() for each in stopped if each["taskDefinitionArn"] != stage.first)
        count = looks(stage, first, told)
        assert first < told and count <= MOST
        keep("failure", count)
    finally:
        stage.end()


@pytest.mark.verdicts
def test_success_is_said_at_the_first_look_after_ecs_is_done(stage: Stage) -> None:
    kind = BY_NAME["sidecar_ends_by_design"]
    stage.begin(kind)
    try:
        stage.bed.admin("DELETE", "/_bed/calls")
        lines = Lines(stage, kind, rollout_stable_seconds=0)
        lines.end()
        told = lines.moment("succeeded: ")
        done = stage.service()["deployments"][0]
        assert done["rolloutState"] == "COMPLETED"
        count = looks(stage, done["updatedAt"].timestamp(), told)
        assert count <= MOST
        keep("success", count)
    finally:
        stage.end()
