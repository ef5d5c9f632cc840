"""Whatever is asked of the bed, in whatever order, while processes are killed: it keeps its word and leaves nothing.

    .venv/bin/pytest -m long tests/testbed/test_machine.py --machine-seconds 600

Invariants hold after each step. In the end every service is deleted: no process, no target and no line in the bed's log
is left.
"""

import contextlib
import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, Phase, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.testbed.beds import Bed, World, running, until

EXPECTED = {  # a refusal that AWS's pages name for the call in that state
    *("ClientException", "InvalidParameterException", "ServiceNotFoundException", "ServiceNotActiveException"),
    *("ConflictException", "ServiceDeploymentNotFoundException"),
}
LIFE = ("PROVISIONING", "PENDING", "RUNNING", "DEACTIVATING", "STOPPING", "STOPPED")
OVER = ("SUCCESSFUL", "STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED")
NEXT = {  # API_ServiceDeployment, status
    "PENDING": {"IN_PROGRESS", "STOPPED", "STOP_REQUESTED", "ROLLBACK_REQUESTED"},
    "IN_PROGRESS": {"SUCCESSFUL", "STOPPED", "STOP_REQUESTED", "ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS"},
    "STOP_REQUESTED": {"STOPPED"},
    "ROLLBACK_REQUESTED": {"ROLLBACK_IN_PROGRESS", "STOPPED", "STOP_REQUESTED"},
    "ROLLBACK_IN_PROGRESS": {"ROLLBACK_SUCCESSFUL", "STOPPED"},
}
KINDS: dict[str, dict[str, str]] = {
    "good": {},
    "crash": {"CRASH_AT_START": "3"},
    "sick": {"NEVER_HEALTHY": "1"},
    "stubborn": {"IGNORE_SIGTERM": "1"},
}
KIND = st.sampled_from([*KINDS, "good", "missing", "gone"])
NAMES = st.sampled_from(["web", "api"])
PATIENCE = 40.0


class Place:
    """The bed that all machines of a test share, one after the other."""

    bed: Bed
    folder: Path


def children() -> list[int]:
    """The processes whose parent is the bed."""
    bed = json.loads((Place.folder / "bed.json").read_text())["pid"]
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = path.read_text().rsplit(")", 1)[1].split()
            if int(fields[1]) == bed and fields[0] not in "ZX":
                found.append(int(path.parent.name))
    return sorted(found)


def later(seen: str, now: str) -> bool:
    """Whether a service deployment may have gone from one status to the other, in one step or several."""
    reached, new = {seen}, {seen}
    while new := {after for each in new for after in NEXT.get(each, ())} - reached:
        reached |= new
    return now in reached


class Life(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        assert Place.bed.admin("POST", "/_bed/reset")[0] == 200
        self.world = World(Place.bed)
        self.ecs, self.cluster = self.world.ecs, self.world.name
        self.seen: dict[str, dict[str, Any]] = {}  # tasks, by ARN, as they were last
        self.statuses: dict[str, str] = {}  # service deployments
        arn = self.world.register()
        self.world.create(arn, "web", desiredCount=2, healthCheckGracePeriodSeconds=60)
        self.world.completed(arn, "web", PATIENCE)

    @contextlib.contextmanager
    def asked(self) -> Iterator[None]:
        try:
            yield
        except ClientError as e:
            assert e.response["Error"]["Code"] in EXPECTED, e
            note(f"refused: {e}")

    # -- what is done ------------------------------------------------------------------------------------------------

    def revision(self, kind: str) -> str:
        """A new one; its tasks fare as its kind says, unless it is gone itself."""
        if kind == "missing":
            return self.world.register("v1", {**self.world.container(), "image": "nobody/knows:v1"})
        arn = self.world.register(env=KINDS.get(kind, {}))
        if kind == "gone":
            self.ecs.deregister_task_definition(taskDefinition=arn)
        return arn

    @rule(name=NAMES, kind=KIND, count=st.integers(0, 3), breaker=st.booleans(), behind=st.booleans())
    def create(self, name: str, kind: str, count: int, breaker: bool, behind: bool) -> None:
        more: dict[str, Any] = {} if breaker else {"deploymentConfiguration": {}}
        if not behind:
            more["loadBalancers"] = []
        with self.asked():
            self.world.create(self.revision(kind), name, desiredCount=count, **more)

    @rule(kind=KIND, count=st.integers(0, 3))
    def update(self, kind: str, count: int) -> None:
        with self.asked():
            self.world.update("web", taskDefinition=self.revision(kind), desiredCount=count)

    @rule(name=NAMES, count=st.integers(0, 4), force=st.booleans())
    def scale(self, name: str, count: int, force: bool) -> None:
        with self.asked():
            self.world.update(name, desiredCount=count, forceNewDeployment=force)

    @rule(name=NAMES)
    def stop_deployment(self, name: str) -> None:
        with self.asked():
            newest = self.ecs.list_service_deployments(cluster=self.cluster, service=name)["serviceDeployments"]
            for each in newest[:1]:
                self.ecs.stop_service_deployment(serviceDeploymentArn=each["serviceDeploymentArn"])

    @rule(which=st.integers(0, 99))
    def stop_task(self, which: int) -> None:
        tasks = self.world.tasks()
        if tasks:
            with self.asked():
                self.ecs.stop_task(cluster=self.cluster, task=tasks[which % len(tasks)]["taskArn"])

    @rule(which=st.integers(0, 99), number=st.sampled_from([signal.SIGKILL, signal.SIGTERM]))
    def kill(self, which: int, number: signal.Signals) -> None:
        alive = children()
        if alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(alive[which % len(alive)], number)

    @rule(name=NAMES, force=st.booleans())
    def delete(self, name: str, force: bool) -> None:
        with self.asked():
            self.ecs.delete_service(cluster=self.cluster, service=name, force=force)

    @rule(seconds=st.sampled_from(["0", "5", "60"]))
    def drain_for(self, seconds: str) -> None:
        attributes = [{"Key": "deregistration_delay.timeout_seconds", "Value": seconds}]
        self.world.elb.modify_target_group_attributes(TargetGroupArn=self.world.group, Attributes=attributes)

    @rule(name=NAMES)
    def come_to_rest(self, name: str) -> None:
        """Until the service has what it wants, or for as long as one that cannot is worth looking at."""
        end = time.monotonic() + 1
        while time.monotonic() < end:
            self.services_hold()
            self.tasks_only_grow_older()

    # -- what always holds -------------------------------------------------------------------------------------------

    def described(self) -> list[dict[str, Any]]:
        return list(self.ecs.describe_services(cluster=self.cluster, services=["web", "api"])["services"])

    @invariant()
    def services_hold(self) -> None:
        for service in self.described():
            deployments = service["deployments"]
            if service["status"] != "ACTIVE":
                assert service["desiredCount"] == 0
                assert service["status"] == "DRAINING" or not deployments
                continue
            (primary,) = [d for d in deployments if d["status"] == "PRIMARY"]
            assert all(d["status"] == "ACTIVE" for d in deployments if d is not primary)
            assert primary["taskDefinition"] == service["taskDefinition"]
            assert primary["desiredCount"] == service["desiredCount"]
            assert sum(d["runningCount"] for d in deployments) == service["runningCount"]
            events = [event["createdAt"] for event in service["events"]]
            assert events == sorted(events, reverse=True) and len(events) <= 100

    @invariant()
    def tasks_only_grow_older(self) -> None:
        for task in self.world.tasks() + self.world.tasks("STOPPED"):
            before = self.seen.get(task["taskArn"], task)
            assert LIFE.index(task["lastStatus"]) >= LIFE.index(before["lastStatus"])
            for key in ("stopCode", "stoppedReason", "startedAt", "stoppedAt"):
                assert key not in before or task[key] == before[key], (key, before, task)
            if task["lastStatus"] == "STOPPED":
                assert task["stopCode"] and task["desiredStatus"] == "STOPPED"
            self.seen[task["taskArn"]] = task

    @invariant()
    def service_deployments_go_forward(self) -> None:
        for service in self.described():
            if service["status"] == "INACTIVE":
                continue
            name = service["serviceName"]
            newest = self.ecs.list_service_deployments(cluster=self.cluster, service=name)["serviceDeployments"][:20]
            arns = [each["serviceDeploymentArn"] for each in newest]
            rollouts = self.ecs.describe_service_deployments(serviceDeploymentArns=arns)["serviceDeployments"]
            assert sum(each["status"] == "IN_PROGRESS" for each in rollouts) <= 1
            for each in rollouts:
                arn, status = each["serviceDeploymentArn"], each["status"]
                assert later(self.statuses.get(arn, status), status), (self.statuses[arn], status)
                assert ("finishedAt" in each) == (status in OVER), each
                assert status not in ("PENDING", "IN_PROGRESS") or ("startedAt" in each) == (status != "PENDING"), each
                self.statuses[arn] = status

    @invariant()
    def a_target_is_a_task(self) -> None:
        """Looked at again for a while: a task may end between two calls."""

        def strangers() -> set[str]:
            rows = self.world.elb.describe_target_health(TargetGroupArn=self.world.group)["TargetHealthDescriptions"]
            served = {row["Target"]["Id"] for row in rows if row["TargetHealth"]["State"] != "draining"}
            details = [d for t in self.world.tasks() for a in t["attachments"] for d in a["details"]]
            return served - {d["value"] for d in details}

        until(lambda: not strangers(), 5, strangers)

    # -- the end -----------------------------------------------------------------------------------------------------

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        for service in self.described():
            if service["status"] == "ACTIVE":
                self.ecs.delete_service(cluster=self.cluster, service=service["serviceName"], force=True)
        until(lambda: all(s["status"] == "INACTIVE" for s in self.described()), PATIENCE, self.described)
        assert not self.world.tasks()
        until(lambda: not children(), 5, children)
        health = self.world.elb.describe_target_health
        until(lambda: not health(TargetGroupArn=self.world.group)["TargetHealthDescriptions"], PATIENCE)
        assert (Place.folder / "bed/server.log").read_text() == ""
        self.tasks_only_grow_older()


@pytest.fixture(scope="module", autouse=True)
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    Place.folder = tmp_path_factory.mktemp("machine")
    with running(Place.folder, "--scale", "0.02") as Place.bed:
        yield


def live(lives: int, steps: int) -> None:
    once = settings(
        max_examples=lives,
        stateful_step_count=steps,
        database=None,
        phases=[Phase.generate],  # the world does not repeat itself, so that a smaller example would not be one
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Life, settings=once)


@pytest.mark.walk
def test_a_few_lives() -> None:
    live(5, 8)


@pytest.mark.long
def test_many_lives(request: pytest.FixtureRequest) -> None:
    end = time.monotonic() + request.config.getoption("--machine-seconds")
    while time.monotonic() < end:
        live(10, 30)
