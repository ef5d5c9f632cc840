"""What else ends a deployment, or changes it under way, as Elastic Container Service publishes it.

API_* is the page of https://docs.aws.amazon.com/AmazonECS/latest/APIReference/, guide pages are those of
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/.
"""

from collections import Counter

import pytest

from tests.conformance.deployed import BREAKER, Deployed
from tests.conformance.place import Place, container, register, until

pytestmark = pytest.mark.rollout


def test_a_scale_out_during_a_rollout_is_for_both_revisions(place: Place, deployed: Deployed) -> None:
    """API_UpdateService: the desired count begins no deployment; aws.amazon.com/about-aws/whats-new/2025/11,
    amazon-ecs-service-availability-rolling-deployments: scale-out is applied "to both service revisions" (the guide's
    deployment-type-ecs). How far is not published. The new revision never gets well here."""
    good = deployed.service()["taskDefinition"]
    bad = register(place, deployed.name, NEVER_HEALTHY="1")
    deployed.update(taskDefinition=bad)

    def live() -> Counter[str]:
        arns = place.ecs.list_tasks(cluster=deployed.name, serviceName=deployed.name)["taskArns"]
        tasks = place.ecs.describe_tasks(cluster=deployed.name, tasks=arns)["tasks"]
        return Counter(t["taskDefinitionArn"] for t in tasks if t["desiredStatus"] == t["lastStatus"] == "RUNNING")

    until(lambda: live() == {good: 3, bad: 3}, place.patience)
    before = deployed.newest()["serviceDeploymentArn"]
    deployed.update(desiredCount=5)
    until(lambda: live()[good] > 3 and live()[bad] > 3, place.patience)
    assert deployed.newest()["serviceDeploymentArn"] == before
    assert deployed.service()["deployments"][0]["desiredCount"] == 5
    deployed.update(taskDefinition=good, desiredCount=3)
    assert deployed.completed(good)["runningCount"] == 3


def test_an_alarm_rolls_a_deployment_back(place: Place, deployed: Deployed) -> None:
    """Guide, deployment-alarm-failure; API_ServiceDeploymentAlarms: status, triggeredAlarmNames. The new revision never
    gets well here, and its grace period is long, so that nothing but the alarm ends its deployment."""
    good, name = deployed.service()["taskDefinition"], place.alarm()
    alarms = {"alarmNames": [name], "enable": True, "rollback": True}
    bad = register(place, deployed.name, NEVER_HEALTHY="1")
    deployed.update(taskDefinition=bad, deploymentConfiguration={**BREAKER, "alarms": alarms})
    until(lambda: deployed.service()["deployments"][0]["runningCount"] == 3, place.patience)
    arn = deployed.newest()["serviceDeploymentArn"]
    assert deployed.newest()["alarms"]["status"] == "MONITORING"

    def triggered() -> bool:
        """API_SetAlarmState (CloudWatch): the alarm returns to its actual state soon, so it is set until it is seen."""
        place.cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="conformance")
        return bool(deployed.newest()["alarms"]["status"] == "TRIGGERED")

    until(triggered, place.patience, every=place.patience / 60)
    until(lambda: deployed.newest()["status"] == "ROLLBACK_SUCCESSFUL", place.patience)
    newest = deployed.newest()
    assert (newest["serviceDeploymentArn"], newest["alarms"]["triggeredAlarmNames"]) == (arn, [name])
    assert newest["deploymentCircuitBreaker"]["status"] != "TRIGGERED"
    assert deployed.completed(good)["runningCount"] == 3


def test_a_secret_that_is_missing(place: Place) -> None:
    """API_Secret: a parameter of the task's Region by its name; guide, resource-initialization-error and
    stopped-task-error-codes: the task does not start, and its stopped reason says why."""
    task = place.ran({**container(place), "secrets": [{"name": "KEY", "valueFrom": place.name()}]})
    assert task["stopCode"] == "TaskFailedToStart"
    assert task["stoppedReason"].startswith("ResourceInitializationError: unable to pull secrets or registry auth")
    assert "exitCode" not in task["containers"][0]
