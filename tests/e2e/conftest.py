"""A checkout of one's own with a bed of its own: what a newcomer has after `git clone`, and nothing else."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.testbed.beds import READS

ROOT = Path(__file__).parents[2]
CLUSTER, SERVICE = "pardon-production-cluster", "pardon-production-service"
GROUP = "pardon-production-coral-tg"


@dataclass
class Run:
    """How a command ended, and all that it printed."""

    status: int
    text: str


@dataclass
class Checkout:
    """A folder with the project in it, and the environment that its commands get."""

    path: Path

    def environment(self, **more: str) -> dict[str, str]:
        """What a person's shell has: no variable of Ansible's or AWS's."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "AWS_", "CI"))}
        path = f"{self.path}/.venv/bin:{os.environ['PATH']}"
        return {**kept, "PATH": path, "XDG_STATE_HOME": str(self.path / ".xdg"), **more}

    def run(self, *command: str, timeout: float = 300, **more: str) -> Run:
        """Run a command to its end, stdout and stderr as they were shown."""
        done = subprocess.run(
            command, cwd=self.path, env=self.environment(**more), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout, check=False,
        )  # fmt: skip
        return Run(done.returncode, done.stdout)

    def start(self, *command: str, **more: str) -> subprocess.Popen[str]:
        """Start a command whose output is read while it runs."""
        return subprocess.Popen(
            command, cwd=self.path, env=self.environment(**more), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1,
        )  # fmt: skip

    @property
    def bed(self) -> dict[str, Any]:
        """What `./steady bed start` wrote down."""
        found: dict[str, Any] = json.loads((self.path / ".state/bed.json").read_text(encoding="utf-8"))
        return found

    def client(self, service: str) -> Any:
        """A client of AWS's API on the bed."""
        return boto3.client(
            service, endpoint_url=self.bed["endpoint"], region_name="us-east-1",
            aws_access_key_id="emulator", aws_secret_access_key="emulator-secret",
        )  # fmt: skip

    def admin(self, method: str, path: str, body: Any = None) -> Any:
        """A call of the bed's own interface."""
        request = urllib.request.Request(
            f"{self.bed['endpoint']}{path}", method=method, data=None if body is None else json.dumps(body).encode()
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def writes(self) -> list[str]:
        """Operations in the bed's call log that are not on the list of reading ones."""
        return [
            f"{call['service']}:{call['operation']}"
            for call in self.admin("GET", "/_bed/calls")["log"]
            if not READS.match(call["operation"])
        ]

    def service(self) -> dict[str, Any]:
        """The production service as AWS answers it."""
        found: dict[str, Any] = self.client("ecs").describe_services(cluster=CLUSTER, services=[SERVICE])["services"][0]
        return found

    def revision(self) -> str:
        """`pardon-simulator:75`."""
        return str(self.service()["taskDefinition"]).rsplit("/", 1)[-1]

    def environment_of(self, container: str) -> dict[str, str]:
        """Environment of one container in the revision that the service names."""
        arn = self.service()["taskDefinition"]
        found = self.client("ecs").describe_task_definition(taskDefinition=arn)["taskDefinition"]
        content = next(each for each in found["containerDefinitions"] if each["name"] == container)
        return {each["name"]: each["value"] for each in content["environment"]}

    def attributes(self) -> dict[str, str]:
        """Attributes of the production target group."""
        elb = self.client("elbv2")
        arn = elb.describe_target_groups(Names=[GROUP])["TargetGroups"][0]["TargetGroupArn"]
        answer = elb.describe_target_group_attributes(TargetGroupArn=arn)
        return {each["Key"]: each["Value"] for each in answer["Attributes"]}

    def stickiness(self) -> str:
        """Seconds that a user stays on one task."""
        return self.attributes()["stickiness.lb_cookie.duration_seconds"]

    def records(self) -> list[dict[str, Any]]:
        """The release records of the local store, oldest first."""
        return [
            json.loads(path.read_text(encoding="utf-8"))
            for path in sorted((self.path / ".state/releases").rglob("releases/*.json"))
        ]

    def prepare(self, *options: str) -> None:
        """A bed in the state before the deployment."""
        assert self.run("./steady", "bed", "start", *options).status == 0
        done = self.run(".venv-bed/bin/python", "-m", "testbed.production", self.bed["endpoint"], "--state", ".state")
        assert done.status == 0, done.text


def copied(folder: Path) -> Checkout:
    """The working tree as git would clone it (links kept), with the environments of this checkout."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in listed.stdout.splitlines():
        source, target = ROOT / name, folder / name
        if source.is_symlink() or source.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)
    for name in (".venv", ".venv-bed"):
        (folder / name).symlink_to(ROOT / name)
    return Checkout(folder)


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Checkout]:
    """A checkout without a bed; one that the test starts is stopped."""
    found = copied(tmp_path / "my steady")  # a path with a space, as on many a desktop
    yield found
    assert found.run("./steady", "bed", "stop").status == 0


@pytest.fixture
def production(checkout: Checkout) -> Checkout:
    """A checkout whose bed runs the production service as it was before the deployment."""
    checkout.prepare()
    return checkout


def until(condition: Callable[[], Any], seconds: float = 60, what: str = "") -> Any:
    """The first true answer of a condition, or a failed test."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s: {what or condition}")
