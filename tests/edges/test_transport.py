# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A write is held to its lease at the moment when it is sent, and fits into it; what was not sent is sent again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import aws, waits, writes
from ansible_collections.steady.ecs.plugins.module_utils.rules import refusals
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Task, TooLate

from tests.testbed.beds import Bed, World

GROUP = "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/none/0000000000000000"


class Hands:
    """A clock that a test moves; sleeping takes no time of ours."""

    def __init__(self) -> None:
        self.moment = 1000.0

    def now(self) -> float:
        return self.moment

    def sleep(self, seconds: float) -> None:
        self.moment += seconds


class Lease:
    """A lease as a task has it: over when a test says so, and good again once it is renewed."""

    def __init__(self, ttl: int = 90) -> None:
        self.ttl, self.over, self.renewals, self.lost = ttl, False, 0, False

    def in_time(self) -> None:
        if self.over:
            raise TooLate("too late", reason="too_late")

    def renew(self) -> None:
        if self.lost:
            raise Failure("another run has it", reason="lease_lost")
        self.over, self.renewals = False, self.renewals + 1

    def renew_if_due(self) -> None:
        self.renew()


@pytest.fixture(autouse=True)
def hands(monkeypatch: pytest.MonkeyPatch) -> Hands:
    found = Hands()
    monkeypatch.setattr(waits, "clock", found)
    return found


@pytest.fixture
def lease() -> Lease:
    return Lease()


@pytest.fixture
def task(bed: Bed, home: object, lease: Lease) -> Task:
    options = {"region": "us-east-1", "endpoint_url": bed.endpoint, "validate_certs": True}
    options |= {"access_key": "AKIAX", "secret_key": "x"}
    found = Task(params=options, connection=aws.Connection(options))
    found.lease = lease
    return found


def sent(bed: Bed, operation: str) -> list[str | None]:
    """The errors of the calls of an operation; None for one that went well."""
    return [each.get("error") for each in bed.admin("GET", "/_bed/calls")[1]["log"] if each["operation"] == operation]


def definition(world: World) -> dict[str, Any]:
    return {"family": f"{world.name}-new", "containerDefinitions": [world.container()], "memory": "512", "cpu": "256"}


def nothing_arrived() -> Any:
    return None


def test_a_write_that_is_too_late_does_not_leave_and_is_no_lost_answer(bed: Bed, task: Task, lease: Lease) -> None:
    lease.over = True
    with pytest.raises(TooLate), aws.translated("Making a cluster"):
        aws.writing(task, "ecs").create_cluster(clusterName="late")
    assert sent(bed, "CreateCluster") == []


def test_a_read_of_the_same_task_is_not_held_to_the_lease(bed: Bed, task: Task, lease: Lease) -> None:
    lease.over = True
    aws.reading(task, "ecs").list_clusters()
    assert sent(bed, "ListClusters") == [None]


def test_the_lease_that_ends_while_the_request_is_made_is_noticed(bed: Bed, task: Task, lease: Lease) -> None:
    """A check before the call would let this one through: the process stood still after it."""
    client = aws.writing(task, "ecs")

    def stand_still(**_request: Any) -> None:
        lease.over = True

    client.meta.events.register("request-created", stand_still)
    with pytest.raises(TooLate):
        client.create_cluster(clusterName="late")
    assert sent(bed, "CreateCluster") == []


def test_each_task_s_writes_are_held_to_its_own_lease(bed: Bed, task: Task, lease: Lease) -> None:
    """The store renews the lease by a task without one, over the same connection."""
    store = Task(params=task.params, connection=task.connection)
    lease.over = True
    aws.writing(store, "ecs").create_cluster(clusterName="early")
    with pytest.raises(TooLate):
        aws.writing(task, "ecs").create_cluster(clusterName="late")
    aws.writing(store, "ecs").create_cluster(clusterName="early-too")
    assert sent(bed, "CreateCluster") == [None, None]


def test_what_was_not_sent_is_sent_once_the_lease_is_renewed(world: World, task: Task, lease: Lease) -> None:
    lease.over = True
    found = writes.register_task_definition(task, definition(world), nothing_arrived)
    assert found["revision"] == 1
    assert lease.renewals == 1


def test_what_was_not_sent_stays_so_when_another_run_has_the_lease(world: World, task: Task, lease: Lease) -> None:
    lease.over, lease.lost = True, True
    before = len(sent(world.bed, "RegisterTaskDefinition"))
    with pytest.raises(Failure) as found:
        writes.register_task_definition(task, definition(world), nothing_arrived)
    assert found.value.fields["reason"] == "lease_lost"
    assert len(sent(world.bed, "RegisterTaskDefinition")) == before


@pytest.mark.parametrize(("ttl", "connect", "read"), [(90, 5, 20), (30, 2, 8), (300, 5, 20), (3, 0.2, 0.8)])
def test_the_time_outs_of_a_write_fit_into_what_its_lease_allows(
    task: Task, ttl: int, connect: float, read: float
) -> None:
    task.lease = Lease(ttl)
    config = aws.writing(task, "ecs").meta.config
    assert (config.connect_timeout, config.read_timeout) == (pytest.approx(connect), pytest.approx(read))
    assert config.retries["total_max_attempts"] == 1


@pytest.mark.parametrize("service", ["ecs", "elbv2", "s3", "application-autoscaling"])
def test_the_sdk_sends_no_write_twice(bed: Bed, task: Task, service: str) -> None:
    """Its own retry of a conditional PUT whose answer was lost would say that another run was faster."""
    bed.admin("PUT", "/_bed/faults", [{"kind": "server_error_after"}])
    client = aws.writing(task, service)
    calls: dict[str, tuple[str, Callable[[], Any]]] = {
        "ecs": ("CreateCluster", lambda: client.create_cluster(clusterName="once")),
        "elbv2": ("DeleteTargetGroup", lambda: client.delete_target_group(TargetGroupArn=GROUP)),
        "s3": ("PutObject", lambda: client.put_object(Bucket="none", Key="k", Body=b"x", IfNoneMatch="*")),
        "application-autoscaling": (
            "DeregisterScalableTarget",
            lambda: client.deregister_scalable_target(
                ServiceNamespace="ecs", ResourceId="service/a/b", ScalableDimension="ecs:service:DesiredCount"
            ),
        ),
    }
    operation, call = calls[service]
    with pytest.raises(Failure) as found, aws.translated("Writing"):
        call()
    assert waits.unanswered(found.value)
    assert len(sent(bed, operation)) == 1


def test_a_throttled_write_is_sent_until_it_goes_through(world: World, task: Task) -> None:
    world.bed.admin("PUT", "/_bed/faults", [{"operation": "UpdateService", "kind": "throttle", "times": 3}])
    found = writes.update_service(task, world.name, "web", {"desiredCount": 2}, lambda service: False)
    assert found["desiredCount"] == 2
    assert sent(world.bed, "UpdateService") == ["ThrottlingException"] * 3 + [None]


def test_a_throttle_that_does_not_end_is_given_up_after_a_minute(world: World, task: Task, hands: Hands) -> None:
    world.bed.admin("PUT", "/_bed/faults", [{"operation": "UpdateService", "kind": "throttle"}])
    with pytest.raises(Failure, match="Others use up the account's rate"):
        writes.update_service(task, world.name, "web", {"desiredCount": 2}, lambda service: False)
    assert 60 <= hands.moment - 1000 <= 70


@pytest.mark.parametrize("kind", ["reset_after", "server_error_after"])
def test_a_write_whose_answer_was_lost_is_not_sent_again_when_it_arrived(world: World, task: Task, kind: str) -> None:
    world.bed.admin("PUT", "/_bed/faults", [{"operation": "UpdateService", "kind": kind}])
    found = writes.update_service(task, world.name, "web", {"desiredCount": 2}, lambda one: one["desiredCount"] == 2)
    assert found["desiredCount"] == 2
    assert len(sent(world.bed, "UpdateService")) == 1


def test_before_it_is_sent_again_the_world_is_read_twice_two_seconds_apart(
    world: World, task: Task, hands: Hands
) -> None:
    world.bed.admin("PUT", "/_bed/faults", [{"operation": "UpdateService", "kind": "reset", "times": 1}])
    looked: list[float] = []

    def arrived(_service: dict[str, Any]) -> bool:
        looked.append(hands.moment)
        return False

    writes.update_service(task, world.name, "web", {"desiredCount": 2}, arrived)
    assert len(looked) == 2
    assert looked[1] - looked[0] == 2
    assert len(sent(world.bed, "UpdateService")) == 2


# -- a role that was made a moment ago

NOT_YET = [
    pytest.param(
        "ClientException", "ECS was unable to assume the role '{role}' that was provided for this task.", id="1"
    ),
    pytest.param("InvalidParameterException", "Unable to assume role and validate the listeners.", id="2"),
    pytest.param("ClientException", "The role {role} is invalid or cannot be assumed", id="3"),
    pytest.param("ClientException", "Role is not valid", id="4"),
]
ROLE = "arn:aws:iam::000000000000:role/new"


def refusing(world: World, code: str, message: str, **which: Any) -> None:
    rule = {"operation": "RegisterTaskDefinition", "error": code, "message": message.format(role=ROLE), **which}
    world.bed.admin("PUT", "/_bed/faults", [rule])


@pytest.mark.parametrize(("code", "message"), NOT_YET)
def test_c86_a_role_that_was_made_a_moment_ago_is_waited_for(
    world: World, task: Task, hands: Hands, code: str, message: str
) -> None:
    """Fails on the Wrong: the first refusal ends it, and the same command works a minute later."""
    lines: list[str] = []
    task.report = lines.append
    refusing(world, code, message, times=4)
    found = writes.register_task_definition(task, {**definition(world), "executionRoleArn": ROLE}, nothing_arrived)
    assert found["revision"] == 1
    assert hands.moment - 1000 < 30
    assert lines == [
        f"ECS cannot use a role of RegisterTaskDefinition of {world.name}-new yet; asking again for up to 120 s"
    ]


def test_c86_the_wrong_ends_at_the_first_refusal(world: World, task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who does not know the refusal for what it is fails, and the same command works a minute later."""
    monkeypatch.setattr(refusals, "unusable_role", lambda _failure: False)
    refusing(world, "ClientException", "Role is not valid", times=4)
    with pytest.raises(Failure, match="Role is not valid"):
        writes.register_task_definition(task, {**definition(world), "executionRoleArn": ROLE}, nothing_arrived)


@pytest.mark.parametrize(("code", "message"), NOT_YET)
def test_c86_a_role_that_stays_unusable_is_the_cause_that_is_named(
    world: World, task: Task, hands: Hands, code: str, message: str
) -> None:
    refusing(world, code, message)
    with pytest.raises(Failure) as found:
        writes.register_task_definition(task, {**definition(world), "executionRoleArn": ROLE}, nothing_arrived)
    assert found.value.fields["reason"] == "unusable_role"
    assert f"The cause is {ROLE}: for 120 s ECS could not use it." in found.value.msg
    assert hands.moment - 1000 == 120


def test_c86_another_refusal_is_not_waited_for(world: World, task: Task, hands: Hands) -> None:
    refusing(world, "ClientException", "The role {role} may not have two names")
    with pytest.raises(Failure, match="may not have two names"):
        writes.register_task_definition(task, {**definition(world), "executionRoleArn": ROLE}, nothing_arrived)
    assert hands.moment == 1000


def test_settings_of_a_person_s_own_do_not_have_a_write_sent_twice(bed: Bed, task: Task) -> None:
    own = {"retries": {"total_max_attempts": 5, "mode": "legacy"}, "read_timeout": 300, "proxies": {}}
    task.connection.params["aws_config"] = own
    config = aws.writing(task, "ecs").meta.config
    assert config.retries["total_max_attempts"] == 1
    assert config.read_timeout == 20
    assert config.proxies == {}
