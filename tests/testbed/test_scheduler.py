"""Deployments in the bed: rolling updates, failures, the circuit breaker.

Most run with declared tasks (no processes): what is tested is ECS's side.
"""

import time
from pathlib import Path
from typing import Any

import pytest

from tests.testbed.beds import World, running, until

NO_ROLLBACK = {"deploymentCircuitBreaker": {"enable": True, "rollback": False}}


def declare(world: World, definition: str, word: str) -> None:
    revision = definition.rsplit("/", 1)[1]
    assert world.bed.admin("PUT", "/_bed/health", {revision: word})[0] == 200


def deployed(world: World, **more: Any) -> str:
    """A service with one completed deployment; its revision."""
    definition = world.register()
    world.create(definition, **more)
    world.completed(definition)
    return definition


def broken(world: World, word: str) -> str:
    definition = world.register(word)
    declare(world, definition, word)
    return definition


def ended(world: World, status: str) -> dict[str, Any]:
    """The newest service deployment, once it has this status."""

    def found() -> dict[str, Any] | None:
        newest = world.rollouts()[0]
        return newest if newest["status"] == status else None

    return dict(until(found, what=lambda: (world.rollouts()[0], world.deployments())))


def test_a_rolling_update_replaces_every_task(declared: World) -> None:
    deployed(declared)
    second = declared.register("v2")
    updated = declared.update(taskDefinition=second)
    assert [(d["status"], d["rolloutState"]) for d in updated["deployments"]] == [
        ("PRIMARY", "IN_PROGRESS"),
        ("ACTIVE", "COMPLETED"),
    ]
    declared.completed(second)
    assert {t["taskDefinitionArn"] for t in declared.tasks()} == {second}
    newest, first = declared.rollouts()
    assert (newest["status"], first["status"]) == ("SUCCESSFUL", "SUCCESSFUL")
    assert newest["sourceServiceRevisions"][0]["arn"] == first["targetServiceRevision"]["arn"]
    assert newest["sourceServiceRevisions"][0]["requestedTaskCount"] == 3
    assert newest["targetServiceRevision"]["runningTaskCount"] == 3
    assert newest["deploymentCircuitBreaker"] == {"status": "MONITORING_COMPLETE", "failureCount": 0, "threshold": 3}
    revision = newest["targetServiceRevision"]["arn"]
    described = declared.ecs.describe_service_revisions(serviceRevisionArns=[revision])["serviceRevisions"][0]
    assert described["taskDefinition"] == second
    assert described["containerImages"][0]["image"] == "steady/echo:v2"
    assert any("has reached a steady state." in e for e in declared.events())
    assert any("deployment completed." in e for e in declared.events())
    stopped = [t for t in declared.tasks("STOPPED") if t["lastStatus"] == "STOPPED"]
    assert {t["stopCode"] for t in stopped} == {"ServiceSchedulerInitiated"}
    assert all(t["stoppedReason"].startswith("Scaling activity initiated by (deployment ecs-svc/") for t in stopped)


@pytest.mark.parametrize(("low", "high"), [(100, 200), (50, 100), (0, 100), (66, 134)])
def test_an_update_keeps_both_percentages(declared: World, low: int, high: int) -> None:
    config = {"minimumHealthyPercent": low, "maximumPercent": high}
    deployed(declared, desiredCount=6, deploymentConfiguration=config)
    second = declared.register("v2")
    declared.update(taskDefinition=second)
    seen = []

    def done() -> bool:
        service = declared.service()
        seen.append((service["runningCount"], service["runningCount"] + service["pendingCount"]))
        return len(service["deployments"]) == 1 and service["deployments"][0]["rolloutState"] == "COMPLETED"

    until(done)
    assert min(running for running, _ in seen) >= 6 * low // 100
    assert max(total for _, total in seen) <= 6 * high // 100


def test_tasks_that_crash_trip_the_breaker_and_are_rolled_back(declared: World) -> None:
    first = deployed(declared)
    bad = broken(declared, "crash")
    declared.update(taskDefinition=bad)
    until(lambda: declared.rollouts()[0]["status"] == "ROLLBACK_SUCCESSFUL")
    declared.completed(first)
    newest = declared.rollouts()[0]
    assert newest["deploymentCircuitBreaker"]["status"] == "TRIGGERED"
    assert 3 <= newest["deploymentCircuitBreaker"]["failureCount"] < 6  # it stops with the batch that reaches it
    assert "circuit breaker" in newest["rollback"]["reason"]
    assert newest["rollback"]["serviceRevisionArn"] == declared.rollouts()[1]["targetServiceRevision"]["arn"]
    events = declared.events()
    assert any("deployment failed: tasks failed to start." in e for e in events)
    assert any("rolling back to (deployment" in e for e in events)
    crashed = [t for t in declared.tasks("STOPPED") if t["taskDefinitionArn"] == bad]
    assert crashed[0]["stopCode"] == "EssentialContainerExited"
    assert crashed[0]["stoppedReason"] == "Essential container in task exited"
    assert crashed[0]["containers"][0]["exitCode"] == 1
    assert len(declared.rollouts()) == 2  # the way back is no service deployment of its own


CHECK = {"command": ["CMD-SHELL", "true"], "interval": 5, "timeout": 2, "retries": 3}


@pytest.mark.parametrize(("essential", "counted"), [(None, False), (False, False), (True, True)])
def test_without_a_load_balancer_crashes_count_where_an_essential_container_has_a_check(
    declared: World, essential: bool | None, counted: bool
) -> None:
    """Of tasks that ran the circuit breaker counts those that fail their health checks:
    .../deployment-circuit-breaker.html and github.com/aws/containers-roadmap/issues/1206"""
    own = {} if essential is None else {"essential": essential, "healthCheck": CHECK}
    side = {"name": "side", "image": "steady/echo:v1", "essential": False, **own}
    bad = declared.register("v1", declared.container(), side)
    declare(declared, bad, "crash")
    declared.create(bad, desiredCount=1, loadBalancers=[])
    if counted:
        assert ended(declared, "STOPPED")["deploymentCircuitBreaker"]["status"] == "TRIGGERED"
        return
    until(lambda: len(declared.tasks("STOPPED")) > 4)
    assert declared.deployments()[0][:2] + declared.deployments()[0][3:] == ("PRIMARY", "IN_PROGRESS", 0)
    assert declared.rollouts()[0]["deploymentCircuitBreaker"] == {
        "status": "MONITORING", "failureCount": 0, "threshold": 3,
    }  # fmt: skip


def test_once_a_task_was_healthy_failed_tasks_are_counted_no_more(declared: World) -> None:
    """API reference, Deployment: failedTasks "resets to zero and stops being evaluated"; the breaker goes on."""
    config = {"deploymentCircuitBreaker": {"enable": False, "rollback": False}}
    first = deployed(declared, desiredCount=1, deploymentConfiguration=config)
    declare(declared, first, "never-starts")
    (task,) = declared.tasks()
    declared.ecs.stop_task(cluster=declared.name, task=task["taskArn"])
    until(lambda: len(declared.tasks("STOPPED")) > 3)
    assert declared.deployments()[0] == ("PRIMARY", "COMPLETED", 1, 0)


def test_tasks_that_never_start_say_why(declared: World) -> None:
    first = deployed(declared)
    bad = broken(declared, "never-starts")
    declared.update(taskDefinition=bad)
    ended(declared, "ROLLBACK_SUCCESSFUL")
    declared.completed(first)
    failed = [t for t in declared.tasks("STOPPED") if t["taskDefinitionArn"] == bad]
    assert {t["stopCode"] for t in failed} == {"TaskFailedToStart"}
    assert all("CannotPullContainerError" in t["stoppedReason"] for t in failed)
    assert all("CannotPullContainerError" in t["containers"][0]["reason"] for t in failed)


def test_unhealthy_tasks_are_replaced_and_rolled_back(declared: World) -> None:
    first = deployed(declared)
    bad = broken(declared, "unhealthy")
    declared.update(taskDefinition=bad)
    ended(declared, "ROLLBACK_SUCCESSFUL")
    declared.completed(first)
    failed = [t for t in declared.tasks("STOPPED") if t["taskDefinitionArn"] == bad]
    reasons = {t["stoppedReason"] for t in failed}
    assert f"Task failed ELB health checks in (target-group {declared.group})" in reasons
    assert any("is unhealthy in (target-group" in e for e in declared.events())
    assert len([t for t in declared.tasks() if t["taskDefinitionArn"] == first]) == 3  # not one old task was lost


def test_a_grace_period_holds_back_the_replacement(declared: World) -> None:
    bad = broken(declared, "unhealthy")
    declared.create(bad, desiredCount=1, healthCheckGracePeriodSeconds=100000)
    states = declared.elb.describe_target_health

    def unhealthy() -> bool:
        found = states(TargetGroupArn=declared.group)["TargetHealthDescriptions"]
        return bool(found) and found[0]["TargetHealth"]["State"] == "unhealthy"

    until(unhealthy)
    (task,) = declared.tasks()
    end = time.monotonic() + 0.4  # several ticks
    while time.monotonic() < end:
        assert [t["taskArn"] for t in declared.tasks()] == [task["taskArn"]]
    assert declared.deployments()[0][3] == 0
    declared.update(healthCheckGracePeriodSeconds=0)
    until(lambda: task["taskArn"] in [t["taskArn"] for t in declared.tasks("STOPPED")])


def test_without_rollback_a_failed_deployment_stalls(declared: World) -> None:
    deployed(declared, deploymentConfiguration=NO_ROLLBACK)
    bad = broken(declared, "crash")
    declared.update(taskDefinition=bad)
    ended(declared, "STOPPED")
    assert declared.deployments()[0][:3] == ("PRIMARY", "FAILED", 2)
    assert "stoppedAt" in declared.rollouts()[0], "API reference, ServiceDeployment: the rollback option is not in use"
    assert declared.service()["taskDefinition"] == bad
    until(lambda: not [t for t in declared.tasks() if t["taskDefinitionArn"] == bad])
    before = len(declared.tasks("STOPPED"))
    declared.update(desiredCount=4)
    until(lambda: declared.service()["runningCount"] == 4)  # of what ran before
    good = declared.register("v3")
    assert len(declared.tasks("STOPPED")) == before  # it started nothing more
    declared.update(taskDefinition=good)
    declared.completed(good)


def test_a_first_deployment_has_nothing_to_go_back_to(declared: World) -> None:
    bad = broken(declared, "crash")
    declared.create(bad)
    ended(declared, "STOPPED")
    assert declared.deployments()[0][:2] == ("PRIMARY", "FAILED")
    assert declared.service()["runningCount"] == 0


@pytest.mark.parametrize(("word", "warned"), [("crash", False), ("unhealthy", False), ("never-starts", True)])
def test_the_breaker_may_be_off(declared: World, word: str, warned: bool) -> None:
    """And only tasks that never were RUNNING bring the event of the throttle: .../service-throttle-logic.html"""
    first = deployed(declared, deploymentConfiguration={"maximumPercent": 200})
    declared.update(taskDefinition=broken(declared, word))
    until(lambda: declared.deployments()[0][3] >= 5)
    assert declared.rollouts()[0]["status"] == "IN_PROGRESS"
    assert declared.rollouts()[0]["deploymentCircuitBreaker"]["status"] == "DISABLED"
    assert any("unable to consistently start tasks successfully" in e for e in declared.events()) is warned
    declared.update(taskDefinition=first)
    declared.completed(first)
    assert [r["status"] for r in declared.rollouts()] == ["SUCCESSFUL", "STOPPED", "SUCCESSFUL"]


def test_what_ran_is_started_again_without_delay(declared: World) -> None:
    """ "Tasks that are stopped after they reach the RUNNING state don't start the throttle logic"
    (service-throttle-logic): after as many that did not start, the delays would be minutes, even here."""
    declared.create(broken(declared, "crash"), desiredCount=1, loadBalancers=[])
    until(lambda: len(declared.tasks("STOPPED")) > 14, 20)


def test_a_counted_threshold(declared: World) -> None:
    breaker = {"enable": True, "rollback": True, "thresholdConfiguration": {"type": "COUNT", "value": 5}}
    deployed(declared, deploymentConfiguration={"deploymentCircuitBreaker": breaker})
    declared.update(taskDefinition=broken(declared, "crash"))
    newest = ended(declared, "ROLLBACK_SUCCESSFUL")
    assert newest["deploymentCircuitBreaker"]["threshold"] == 5
    assert 5 <= newest["deploymentCircuitBreaker"]["failureCount"] < 8


@pytest.mark.parametrize("reset", [True, False])
def test_a_healthy_task_resets_the_count_unless_told_otherwise(declared: World, reset: bool) -> None:
    breaker: dict[str, Any] = {"enable": True, "rollback": False, "resetOnHealthyTask": reset}
    breaker["thresholdConfiguration"] = {"type": "COUNT", "value": 1000}  # however late it is healthy
    deployed(declared, desiredCount=1, deploymentConfiguration={"deploymentCircuitBreaker": breaker})
    flaky = broken(declared, "crash")
    declared.update(taskDefinition=flaky)
    until(lambda: declared.deployments()[0][3] >= 3)
    declare(declared, flaky, "healthy")
    declared.completed(flaky)
    assert declared.deployments()[0][3] == 0  # failedTasks is forgotten either way
    count = declared.rollouts()[0]["deploymentCircuitBreaker"]["failureCount"]
    assert count == 0 if reset else count >= 3


def test_a_newer_deployment_replaces_one_in_progress(declared: World) -> None:
    deployed(declared)
    bad = broken(declared, "unhealthy")
    declared.update(taskDefinition=bad, healthCheckGracePeriodSeconds=100000)
    until(lambda: len(declared.tasks()) == 6)
    good = declared.register("v3")
    declared.update(taskDefinition=good)
    declared.completed(good)
    newest, middle, _ = declared.rollouts()
    assert (newest["status"], middle["status"]) == ("SUCCESSFUL", "STOPPED")
    assert {s["arn"] for s in newest["sourceServiceRevisions"]} >= {middle["targetServiceRevision"]["arn"]}


def test_a_deleted_services_deployment_is_stopped(declared: World) -> None:
    bad = broken(declared, "unhealthy")
    declared.create(bad, healthCheckGracePeriodSeconds=100000)
    declared.ecs.delete_service(cluster=declared.name, service="web", force=True)
    until(lambda: declared.service()["status"] == "INACTIVE")
    assert declared.rollouts()[0]["status"] == "STOPPED"
    assert declared.service()["deployments"] == []


def test_scaling_is_no_deployment(declared: World) -> None:
    definition = deployed(declared)
    before = [d["id"] for d in declared.service()["deployments"]]
    declared.update(desiredCount=5)
    until(lambda: declared.service()["runningCount"] == 5)
    declared.update(desiredCount=1)
    until(lambda: declared.service()["runningCount"] == 1 and len(declared.tasks()) == 1)
    assert [d["id"] for d in declared.service()["deployments"]] == before
    assert declared.deployments() == [("PRIMARY", "COMPLETED", 1, 0)]
    assert len(declared.rollouts()) == 1
    declared.update(desiredCount=0)
    until(lambda: declared.tasks() == [])
    assert declared.service()["deployments"][0]["taskDefinition"] == definition


def test_a_stopped_task_is_replaced_and_is_no_failure(declared: World) -> None:
    deployed(declared)
    victim = declared.tasks()[0]["taskArn"]
    declared.ecs.stop_task(cluster=declared.name, task=victim, reason="a test")
    until(lambda: len(declared.tasks()) == 3 and victim not in [t["taskArn"] for t in declared.tasks()])
    until(lambda: declared.service()["runningCount"] == 3)
    assert declared.deployments() == [("PRIMARY", "COMPLETED", 1, 0)]


def test_without_a_load_balancer_forty_seconds_of_running_make_a_task_healthy(declared: World) -> None:
    definition = declared.register()
    declared.create(definition, loadBalancers=[])
    declared.completed(definition)
    running = declared.rollouts()[0]["finishedAt"] - max(task["startedAt"] for task in declared.tasks())
    assert running.total_seconds() >= 0.79, "40 s are 0.8 s at this scale, less the rounding of stamps"


def test_stopped_tasks_are_forgotten_after_an_hour(tmp_path: Path) -> None:
    with running(tmp_path, "--scale", "0.001", "--engine", "none") as bed:
        world = World(bed)
        deployed(world, desiredCount=1)
        (task,) = world.tasks()
        world.update(desiredCount=0)

        def described() -> dict[str, Any]:
            return dict(world.ecs.describe_tasks(cluster=world.name, tasks=[task["taskArn"]]))

        until(lambda: described()["tasks"][0]["lastStatus"] == "STOPPED")
        assert described()["tasks"][0]["stoppedReason"].startswith("Scaling activity")
        until(lambda: [f["reason"] for f in described()["failures"]] == ["MISSING"], 10)
