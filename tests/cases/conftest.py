# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The cases of docs/cases.md on a bed: a service, modules that are run on it, and somebody else who meddles meanwhile.

Each test of a case has a second one beside it: a stand-in that behaves as the case's *Wrong* takes the place of our
rule, and the very same test must fail.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import aws, reads, waits
from ansible_collections.steady.ecs.plugins.module_utils.work import Task, perform
from ansible_collections.steady.ecs.plugins.modules import deployment, release, service_drift

from tests.testbed.beds import READS, Bed, World, running, until
from tests.unit.modules.world import World as SmallWorld

Answer = dict[str, Any]
ACCOUNT = "000000000000"
DECLARED, PROCESSES = 0.02, 0.05
"""How long a second of AWS's is on the bed whose tasks are declared, and on the one whose tasks are processes."""


class Clock:
    """The bed's clock: it waits as much shorter as the bed is faster. Somebody else may act at a moment of it."""

    def __init__(self, scale: float) -> None:
        self.scale, self.plan = scale, list[tuple[float, Callable[[], Any]]]()

    def now(self) -> float:
        return time.monotonic() / self.scale

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds * self.scale)
        due = [each for each in self.plan if each[0] <= self.now()]
        self.plan = [each for each in self.plan if each not in due]
        for _moment, what in due:
            what()

    def at(self, seconds: float, what: Callable[[], Any]) -> None:
        """Have somebody do something so many seconds from now."""
        self.plan.append((self.now() + seconds, what))


class Place(World):
    """A service ``web`` of the bed, modules that are run on it, and what they asked of AWS."""

    def __init__(self, bed: Bed, clock: Clock, folder: Path) -> None:
        super().__init__(bed)
        self.clock, self.folder = clock, folder
        self.lines: list[str] = []
        self.warnings: list[str] = []

    def at_rest(self, definition: str | None = None, **more: Any) -> str:
        """The service runs its first revision, and nobody has asked for anything yet."""
        first = definition or self.register()
        self.create(first, **more)
        self.completed(first)
        self.forget()
        return first

    def forget(self) -> None:
        self.bed.admin("DELETE", "/_bed/calls")

    def asked(self, *operations: str) -> list[str]:
        """The calls since then; only these operations where some are named."""
        found = [str(each["operation"]) for each in self.bed.admin("GET", "/_bed/calls")[1]["log"]]
        return [each for each in found if not operations or each in operations]

    def writes(self) -> list[str]:
        """The calls that are not on the list of reading ones."""
        return [each for each in self.asked() if not READS.match(each)]

    def run(self, module: Any, check_mode: bool = False, **params: Any) -> Answer:
        """What a module answers, run as a playbook would."""
        options = {name: option.get("default") for name, option in module.SPEC.options.items()}
        place = {"account": ACCOUNT, "cluster": self.name, "service": "web", "region": "us-east-1"}
        keys = {"endpoint_url": self.bed.endpoint, "access_key": "emulator", "secret_key": "x", "validate_certs": True}
        known = {name: value for name, value in place.items() if name in module.SPEC.options or name == "region"}
        if "store" in module.SPEC.options:
            known["store"] = str(self.folder)
        given = {**options, **known, **keys, **params}
        heard = {"report": self.lines.append, "warn": self.warnings.append}
        task = Task(params=given, connection=aws.Connection(given), check_mode=check_mode, **heard)
        return perform(task, module.run)

    def fares(self, revision: str, word: str) -> None:
        """Declare how the tasks of a revision fare: healthy, unhealthy, crash, never-starts."""
        self.bed.admin("PUT", "/_bed/health", {revision.rsplit("/", 1)[-1]: word})

    def healthy(self, group: str) -> set[str]:
        """Addresses of the healthy targets of a group."""
        found = self.elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
        return {each["Target"]["Id"] for each in found if each["TargetHealth"]["State"] == "healthy"}


SOON = {"wait_delay": 1, "stable_seconds": 5}


def released(place: Place, settings: Answer, ends: str = "succeeded", **rollout: Any) -> Answer:
    """A release of these settings (and of a revision), from the plan to its last record, which says how it ``ends``;
    what its rollout answers."""
    looked = place.run(service_drift, settings=settings)
    assert "differences" in looked, looked["msg"]
    plan = looked["differences"]
    opened = place.run(release, state="opened", settings=settings, differences=plan, force=bool(rollout))
    assert opened.get("release"), opened.get("msg")
    found = place.run(deployment, settings=settings, release=opened["permit"], **SOON, **rollout)
    assert not found.get("failed"), found["msg"]
    steps = {"task_definition": rollout.get("task_definition")}
    place.run(release, state="applied", release=opened["release"], steps=steps)
    outcome = "proven" if ends == "succeeded" else ends
    closed = place.run(release, state="closed", release=opened["release"], outcome=outcome, verdict="succeeded")
    assert closed["release"]["state"] == ends, closed
    return found


def gone_back(place: Place, to: str | None = None) -> Answer:
    """A rollback as the operator types it; what its rollout answers."""
    opened = place.run(release, state="opened", kind="rollback", restores=to)
    assert opened.get("release"), opened.get("msg")
    target = opened["target"]
    wanted = {"task_definition": target["task_definition"], "settings": target["settings"], "force": target["force"]}
    found = place.run(deployment, release=opened["permit"], **wanted, **SOON)
    assert not found.get("failed"), found["msg"]
    place.run(release, state="closed", release=opened["release"], outcome="proven", verdict="succeeded")
    return found


@pytest.fixture(scope="session")
def declared_bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    with running(tmp_path_factory.mktemp("declared"), "--scale", str(DECLARED), "--engine", "none") as found:
        yield found


@pytest.fixture(scope="session")
def real_bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    with running(tmp_path_factory.mktemp("real"), "--scale", str(PROCESSES)) as found:
        yield found


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No home, no client and no definition of another test."""
    monkeypatch.setattr(aws, "_sessions", {})
    monkeypatch.setattr(reads, "_definitions", {})
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return tmp_path


def _place(bed: Bed, scale: float, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    bed.admin("POST", "/_bed/reset")  # what an earlier test left ends here
    clock = Clock(scale)
    monkeypatch.setattr(waits, "clock", clock)
    found = Place(bed, clock, folder / "releases")
    yield found


@pytest.fixture
def place(declared_bed: Bed, alone: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """A place whose tasks have no processes: a test declares how they fare."""
    yield from _place(declared_bed, DECLARED, alone, monkeypatch)


@pytest.fixture
def real(real_bed: Bed, alone: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """A place whose tasks are processes that answer users."""
    yield from _place(real_bed, PROCESSES, alone, monkeypatch)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> SmallWorld:
    """For what the bed does not have, such as capacity providers. It is its own clock."""
    found = SmallWorld()
    monkeypatch.setattr(waits, "clock", found)
    monkeypatch.setattr(reads, "_definitions", {})
    return found


__all__ = ["ACCOUNT", "SOON", "Answer", "Place", "gone_back", "released", "until"]
