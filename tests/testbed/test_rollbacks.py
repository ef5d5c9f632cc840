"""Deployments in the bed that are rolled back: to what, and after alarms and stops too.

They run with declared tasks (no processes): what is tested is ECS's side.
"""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.testbed.beds import World, until
from tests.testbed.test_scheduler import NO_ROLLBACK, broken, declare, deployed, ended


def ill(world: World, definition: str) -> None:
    """All targets of a revision that runs are unhealthy from now on; its grace period is long."""
    declare(world, definition, "unhealthy")

    def states() -> set[str]:
        found = world.elb.describe_target_health(TargetGroupArn=world.group)["TargetHealthDescriptions"]
        return {each["TargetHealth"]["State"] for each in found}

    until(lambda: states() == {"unhealthy"})


def test_a_newer_deployment_replaces_a_rollback(declared: World) -> None:
    first = deployed(declared, healthCheckGracePeriodSeconds=100000)
    bad = broken(declared, "crash")
    ill(declared, first)  # the way back is not completed
    declared.update(taskDefinition=bad)
    ended(declared, "ROLLBACK_IN_PROGRESS")
    good = declared.register("v3")
    declared.update(taskDefinition=good)
    declared.completed(good)
    assert [r["status"] for r in declared.rollouts()] == ["SUCCESSFUL", "STOPPED", "SUCCESSFUL"]


def test_what_is_being_brought_back_is_nothing_to_go_back_to(declared: World) -> None:
    """It is "not eligible for another rollback until it reaches a COMPLETED state" (deployment-circuit-breaker)."""
    first = deployed(declared, healthCheckGracePeriodSeconds=100000)
    bad, worse = broken(declared, "crash"), broken(declared, "crash")
    ill(declared, first)  # the way back is not completed
    declared.update(taskDefinition=bad)
    ended(declared, "ROLLBACK_IN_PROGRESS")
    declared.update(taskDefinition=worse)
    newest = ended(declared, "STOPPED")
    assert (newest["deploymentCircuitBreaker"]["status"], newest.get("rollback")) == ("TRIGGERED", None)
    assert declared.deployments()[0][:3] == ("PRIMARY", "FAILED", 3)
    assert declared.service()["taskDefinition"] == worse


def test_a_rollback_takes_what_only_the_failed_revision_had(declared: World) -> None:
    """API reference, DeploymentCircuitBreaker: "the service is rolled back to the last deployment"."""
    first = deployed(declared)
    connected = {"enabled": True, "namespace": "internal"}
    declared.update(taskDefinition=broken(declared, "crash"), serviceConnectConfiguration=connected)
    assert declared.service()["deployments"][0]["serviceConnectConfiguration"] == connected
    ended(declared, "ROLLBACK_SUCCESSFUL")
    declared.completed(first)
    again = declared.update(forceNewDeployment=True)["deployments"][0]
    assert "serviceConnectConfiguration" not in again


def test_stopping_a_deployment_rolls_it_back(declared: World) -> None:
    first = deployed(declared)
    bad = broken(declared, "unhealthy")
    declared.update(taskDefinition=bad, healthCheckGracePeriodSeconds=100000)
    listed = declared.ecs.list_service_deployments(
        cluster=declared.name, service="web", status=["PENDING", "IN_PROGRESS"]
    )
    (running,) = listed["serviceDeployments"]
    stop = declared.ecs.stop_service_deployment
    with pytest.raises(ClientError, match="ABORT is not supported"):
        stop(serviceDeploymentArn=running["serviceDeploymentArn"], stopType="ABORT")
    until(lambda: len(declared.tasks()) == 6)
    stop(serviceDeploymentArn=running["serviceDeploymentArn"], stopType="ROLLBACK")
    newest = ended(declared, "ROLLBACK_SUCCESSFUL")
    assert newest["stoppedAt"]
    declared.completed(first)
    with pytest.raises(ClientError, match="ConflictException"):
        stop(serviceDeploymentArn=running["serviceDeploymentArn"])
    with pytest.raises(ClientError, match="ServiceDeploymentNotFoundException"):
        stop(serviceDeploymentArn=running["serviceDeploymentArn"] + "0")


def test_a_rollback_brings_back_a_revision_whose_tasks_are_gone(declared: World) -> None:
    """maximumPercent 100: the old tasks make room one by one, so that none may be left when the breaker trips."""
    config = {"minimumHealthyPercent": 0, "maximumPercent": 100, **NO_ROLLBACK}
    config["deploymentCircuitBreaker"] = {"enable": True, "rollback": True}
    first = deployed(declared, deploymentConfiguration=config)
    declared.ecs.deregister_task_definition(taskDefinition=first)  # INACTIVE: a rollback takes it all the same
    bad = broken(declared, "crash")
    declare(declared, first, "unhealthy")  # so that the way back takes until the test allows it
    declared.update(taskDefinition=bad, healthCheckGracePeriodSeconds=100000)
    ended(declared, "ROLLBACK_IN_PROGRESS")
    until(lambda: {t["taskDefinitionArn"] for t in declared.tasks()} == {first})
    assert ("ACTIVE", "FAILED", 2) in [d[:3] for d in declared.deployments()]  # listed until the rollback is complete
    assert declared.service()["deployments"][0]["rolloutState"] == "IN_PROGRESS"
    assert "rolling back to deploymentId" in declared.service()["deployments"][0]["rolloutStateReason"]
    declare(declared, first, "healthy")
    ended(declared, "ROLLBACK_SUCCESSFUL")
    service = declared.completed(first)
    assert service["taskDefinition"] == first
    assert len(declared.rollouts()) == 2
    assert service["currentServiceDeployment"] == declared.rollouts()[1]["serviceDeploymentArn"]


def made_alarms(declared: World, *words: str, period: int = 60) -> tuple[Any, list[str]]:
    """CloudWatch, and the names of alarms there."""
    cloudwatch = declared.bed.client("cloudwatch")
    names = [f"{declared.name}-{word}" for word in words]
    for name in names:
        cloudwatch.put_metric_alarm(
            AlarmName=name,
            Namespace="N",
            MetricName="M",
            Statistic="Sum",
            Period=period,
            EvaluationPeriods=1,
            Threshold=1,
            ComparisonOperator="GreaterThanThreshold",
        )
    return cloudwatch, names


def test_alarms_are_watched_for_a_bake_time_after_the_old_tasks_are_gone(declared: World) -> None:
    """ "When the service reaches a steady state and the bake time is complete, the rollout state transitions to
    COMPLETED" (deployment-alarm-failure)."""
    cloudwatch, names = made_alarms(declared, "bake", period=3000)  # the bake time: 60 s at this scale
    alarms = {"alarmNames": names, "enable": True, "rollback": True}
    first = deployed(declared)  # without alarms, so that this does not take as long
    second = declared.register("v2")
    declared.update(taskDefinition=second, deploymentConfiguration={"alarms": alarms})
    until(lambda: "has reached a steady state." in declared.events()[0])
    assert {each["taskDefinitionArn"] for each in declared.tasks()} == {second}
    assert [each[:2] for each in declared.deployments()] == [("PRIMARY", "IN_PROGRESS")]
    cloudwatch.set_alarm_state(AlarmName=names[0], StateValue="ALARM", StateReason="during it")
    ended(declared, "ROLLBACK_SUCCESSFUL")
    declared.completed(first)


def test_alarms_roll_a_deployment_back(declared: World) -> None:
    cloudwatch, names = made_alarms(declared, "old", "new")
    cloudwatch.set_alarm_state(AlarmName=names[0], StateValue="ALARM", StateReason="before the deployment")
    alarms = {"alarmNames": names, "enable": True, "rollback": True}
    first = deployed(declared, deploymentConfiguration={"alarms": alarms})  # the old alarm is ignored
    bad = broken(declared, "unhealthy")
    declared.update(taskDefinition=bad, healthCheckGracePeriodSeconds=100000)
    until(lambda: len(declared.tasks()) == 6)
    assert declared.rollouts()[0]["alarms"]["status"] == "MONITORING"
    cloudwatch.set_alarm_state(AlarmName=names[1], StateValue="ALARM", StateReason="during it")
    newest = ended(declared, "ROLLBACK_SUCCESSFUL")
    assert newest["alarms"] == {"status": "TRIGGERED", "alarmNames": names, "triggeredAlarmNames": [names[1]]}
    declared.completed(first)
