# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A session that ends in the middle of a rollout (case C78): real plays, with credentials from a file."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.exits import Runs
from tests.testbed.beds import Bed, running, until

pytestmark = pytest.mark.walk

FIRST, SECOND = "ASIAFIRST", "ASIASECOND"
CHANGES = {"containers": {"app": {"image": "steady/echo:v2"}}}


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    with running(tmp_path_factory.mktemp("bed"), "--scale", "0.1", "--engine", "none") as found:
        yield found


class Session:
    """A deploy with the credentials of a file, which a test writes anew; and what the bed was asked."""

    def __init__(self, bed: Bed, folder: Path) -> None:
        self.bed, self.file, self.lines = bed, folder / "credentials", list[str]()
        self.runs = Runs(bed, folder, True, rollout_changes=CHANGES, service_access_key="", service_secret_key="")
        self.environment = {"AWS_SHARED_CREDENTIALS_FILE": str(self.file), "AWS_CONFIG_FILE": str(folder / "none")}

    def log_in(self, key: str, *more: str) -> None:
        whole = self.file.with_suffix(".new")
        whole.write_text(
            "\n".join(
                ["[default]", f"aws_access_key_id = {key}", "aws_secret_access_key = x", "aws_session_token = t", *more]
            )
        )
        os.replace(whole, self.file)

    def expire(self, key: str) -> None:
        self.bed.admin("PUT", "/_bed/faults", [{"access_key": key, "kind": "expired"}])

    def calls(self, operation: str) -> list[Any]:
        return [each for each in self.bed.admin("GET", "/_bed/calls")[1]["log"] if each["operation"] == operation]

    def deploy(self) -> subprocess.Popen[str]:
        self.bed.admin("DELETE", "/_bed/calls")
        return self.runs.start("deploy.yml", environment=self.environment)

    def watched(self) -> None:
        """Return when the rollout has begun and is looked at."""
        until(lambda: self.calls("UpdateService") and len(self.calls("DescribeServiceDeployments")) > 1, 90)


@pytest.fixture
def session(bed: Bed, tmp_path_factory: pytest.TempPathFactory) -> Session:
    bed.admin("POST", "/_bed/reset")
    return Session(bed, tmp_path_factory.mktemp("x"))


def test_c78_a_login_in_the_middle_of_a_rollout_lets_it_go_on(session: Session) -> None:
    session.log_in(FIRST)
    process = session.deploy()
    session.watched()
    session.log_in(SECOND)
    session.expire(FIRST)
    assert session.runs.ended(process) == 0, session.runs.text
    assert "outcome: proven" in session.runs.text
    assert len(session.calls("UpdateService")) == 1


def test_c78_without_one_the_run_is_interrupted_and_the_same_command_resumes_it(session: Session) -> None:
    """Fails on the Wrong: the run fails, is rolled back, or goes on asking for minutes."""
    session.log_in(FIRST)
    process = session.deploy()
    session.watched()
    session.expire(FIRST)
    assert session.runs.ended(process) != 0
    assert "outcome: interrupted" in session.runs.text
    assert re.search("(resume with|run) the same command", session.runs.text)
    assert len(session.calls("UpdateService")) == 1
    session.log_in(SECOND)
    assert session.runs.ended(session.deploy()) == 0, session.runs.text
    assert session.calls("UpdateService") == []
    assert session.calls("RegisterTaskDefinition") == []
    states = [json.loads(path.read_text())["state"] for path in sorted(session.runs.folder.rglob("releases/*.json"))]
    assert states[-1] == "succeeded"
    assert len(states) == 2


def test_c78_a_session_that_is_too_short_is_said_beforehand(session: Session) -> None:
    session.log_in(FIRST, "aws_expiration = 2020-01-01T00:00:00Z")
    assert session.runs.ended(session.deploy()) == 0, session.runs.text
    assert "The credentials end in 0 min, and a rollout may be watched for 30 min" in " ".join(
        session.runs.text.split()
    )
