"""A hundred users at work through deploy and rollback: nobody notices. The referee is testbed/users.py."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import GROUP, Checkout
from tests.e2e.test_release import declare

MINIMUM = "60"


class Users:
    """Clients in a process of their own, until they are told to go."""

    def __init__(self, checkout: Checkout, folder: Path, seconds: str = MINIMUM, users: int = 100) -> None:
        self.stop, self.summary = folder / "stop", folder / "users.json"
        bed = checkout.bed
        self.process = subprocess.Popen(
            [
                sys.executable, "-m", "testbed.users", bed["url"], "--users", str(users), "--pace", "5",
                "--seconds", seconds, "--until", str(self.stop), "--json", str(self.summary),
                "--endpoint", bed["endpoint"], "--target-group", GROUP,
            ],
            cwd=checkout.path, env=checkout.environment(), stdout=subprocess.DEVNULL,
        )  # fmt: skip

    def end(self) -> dict[str, Any]:
        """Let them finish (after the minimum) and answer what they counted."""
        self.stop.touch()
        self.process.wait(180)
        found: dict[str, Any] = json.loads(self.summary.read_text(encoding="utf-8"))
        return found


def requests_logged(checkout: Checkout, run: str) -> int:
    """How many requests of a run of users the application itself wrote down."""
    shared = next((checkout.path / ".state/bed").rglob("requests*"))
    return sum(run in line for line in shared.read_text(encoding="utf-8").splitlines())


def harmless(count: dict[str, Any]) -> bool:
    """Whether nobody noticed."""
    return not (count["failed"] or count["lost_messages"]) and count["moves_off_healthy"] == 0


@pytest.mark.walk
def test_a_hundred_users_notice_neither_deploy_nor_rollback(production: Checkout, tmp_path: Path) -> None:
    for playbook, revision in (("deploy.yml", "pardon-simulator:75"), ("rollback.yml", "pardon-simulator:74")):
        folder = tmp_path / playbook
        folder.mkdir()
        users = Users(production, folder)
        done = production.run("./steady", "play", playbook)
        count = users.end()
        assert done.status == 0, done.text
        assert production.revision() == revision
        assert harmless(count), count
        assert count["seconds"] >= float(MINIMUM)
        assert requests_logged(production, count["run"]) == count["requests"]


@pytest.mark.walk
def test_the_same_measure_sees_an_application_that_crashes_while_it_serves(
    production: Checkout, tmp_path: Path
) -> None:
    changes = {"containers": {"coral": {"environment": {"CRASH_AFTER": "12"}}}}
    declare(production, rollout_changes=changes, rollout_stable_seconds=1)
    users = Users(production, tmp_path, seconds="25")
    production.run("./steady", "play", "deploy.yml", "-e", "rollback_on_failure=false")
    assert not harmless(users.end())
