"""Rolling deployments that complete before all of their tasks are healthy, or before the old ones are gone.

Source: "Complete Amazon ECS rolling deployments early with early success criteria",
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/early-success-criteria.html
"""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.testbed.beds import BREAKER, World, until
from tests.testbed.test_instances import create, definition, unplaced
from tests.testbed.test_rollbacks import made_alarms
from tests.testbed.test_scheduler import broken, declare, deployed, ended

CLEANUPS = pytest.mark.parametrize("cleanup", ["BLOCKING", "DEFERRED"])
Json = dict[str, Any]


def early(cleanup: str, percent: int = 100, **more: Any) -> Json:
    """A deployment configuration."""
    criteria = {"enable": True, "healthyPercent": percent, "sourceServiceRevisionCleanup": cleanup}
    return {"earlySuccessCriteria": criteria, "minimumHealthyPercent": percent, **more}


def of(world: World, revision: str, wanted: str = "STOPPED") -> list[Json]:
    """The tasks of a revision that are to run, or no more."""
    return [each for each in world.tasks(wanted) if each["taskDefinitionArn"] == revision]


def cleaned_up_when(world: World, revision: str, rollout: Json) -> str:
    """Which clean-up the last tasks of the old revision had, once they are gone."""
    until(lambda: not of(world, revision, "RUNNING"))
    until(lambda: all(each["lastStatus"] == "STOPPED" for each in of(world, revision)))
    if all(each["stoppedAt"] <= rollout["finishedAt"] for each in of(world, revision)):
        return "BLOCKING"
    assert max(each["stoppingAt"] for each in of(world, revision)) >= rollout["finishedAt"]
    return "DEFERRED"


@CLEANUPS
def test_a_part_of_the_tasks_is_enough_and_the_others_follow(declared: World, cleanup: str) -> None:
    first = deployed(declared, desiredCount=4, deploymentConfiguration=early(cleanup, 50, maximumPercent=100))
    second = declared.register("v2")
    declared.update(taskDefinition=second)
    found = ended(declared, "SUCCESSFUL")
    left = sum(each["runningTaskCount"] for each in found["sourceServiceRevisions"])
    assert (left > 0) == (cleanup == "DEFERRED")
    assert declared.completed(second)["runningCount"] in range(2, 5)
    until(lambda: declared.service()["runningCount"] == 4)
    assert cleaned_up_when(declared, first, found) == cleanup
    assert declared.rollouts()[0] == found, "its counts are those of its end"


def crowded(world: World, cleanup: str, **more: Any) -> tuple[str, str]:
    """Three small tasks on an instance, whose next revision is so large that two have room there: of those one is
    enough. Both revisions, once ECS calls the deployment successful."""
    world.instance()
    first, second = (definition(world, memory) for memory in (400, 900))
    create(world, first, 3, deploymentConfiguration=early(cleanup, 33, **more))
    world.completed(first)
    world.update(taskDefinition=second)
    ended(world, "SUCCESSFUL")
    return first, second


@CLEANUPS
def test_what_finds_no_room_yet_is_started_outside_of_the_deployment(declared: World, cleanup: str) -> None:
    first, second = crowded(declared, cleanup)
    assert cleaned_up_when(declared, first, declared.rollouts()[0]) == cleanup
    until(lambda: unplaced(declared) and declared.service()["runningCount"] == 2)
    assert declared.deployments() == [("PRIMARY", "COMPLETED", 2, 0)]
    steady = [each for each in declared.events() if "steady state" in each]
    assert len(steady) == 1, "the first one's"
    declared.instance()
    until(lambda: len([each for each in declared.events() if "steady state" in each]) == 2)
    assert declared.completed(second)["runningCount"] == 3


def test_nothing_goes_back_once_it_is_complete(declared: World) -> None:
    """ "These mechanisms no longer roll back the service, including while Amazon ECS launches any remaining tasks"."""
    cloudwatch, names = made_alarms(declared, "late", period=1)
    alarms = {"alarmNames": names, "enable": True, "rollback": True}
    _first, second = crowded(declared, "DEFERRED", alarms=alarms, **BREAKER)
    cloudwatch.set_alarm_state(AlarmName=names[0], StateValue="ALARM", StateReason="after it")
    declare(declared, second, "crash")
    until(lambda: len([t for t in of(declared, second) if t["stopCode"] == "EssentialContainerExited"]) > 5)
    newest = declared.rollouts()[0]
    told = newest["status"], newest["deploymentCircuitBreaker"]["status"], newest["alarms"]["status"]
    assert told == ("SUCCESSFUL", "MONITORING_COMPLETE", "MONITORING_COMPLETE")
    assert declared.deployments()[0][:3] == ("PRIMARY", "COMPLETED", 2)
    with pytest.raises(ClientError, match="ConflictException"):
        declared.ecs.stop_service_deployment(serviceDeploymentArn=newest["serviceDeploymentArn"])


@CLEANUPS
def test_the_bake_time_comes_before_the_clean_up(declared: World, cleanup: str) -> None:
    _cloudwatch, names = made_alarms(declared, "bake", period=60)  # 1.2 s at this scale
    first, second = deployed(declared), declared.register("v2")
    alarms = {"alarmNames": names, "enable": True, "rollback": True}
    declared.update(taskDefinition=second, deploymentConfiguration=early(cleanup, alarms=alarms))
    found = ended(declared, "SUCCESSFUL")
    assert cleaned_up_when(declared, first, found) == cleanup
    last = max(each["stoppingAt"] for each in of(declared, first))
    began = max(each["startedAt"] for each in of(declared, second, "RUNNING"))
    assert (last - began).total_seconds() >= 1.19, "less the rounding of stamps"


@CLEANUPS
def test_an_alarm_in_the_bake_time_finds_the_old_tasks_that_are_left(declared: World, cleanup: str) -> None:
    cloudwatch, names = made_alarms(declared, "bake", period=3000)  # 60 s at this scale
    first, second = deployed(declared), declared.register("v2")
    alarms = {"alarmNames": names, "enable": True, "rollback": True}
    declared.update(taskDefinition=second, deploymentConfiguration=early(cleanup, alarms=alarms))

    def healthy() -> int:
        found = declared.elb.describe_target_health(TargetGroupArn=declared.group)["TargetHealthDescriptions"]
        return sum(each["TargetHealth"]["State"] == "healthy" for each in found)

    until(lambda: len(of(declared, second, "RUNNING")) == 3)
    until(lambda: healthy() == 3 + len(of(declared, first, "RUNNING")))
    left = {each["taskArn"] for each in of(declared, first, "RUNNING")}
    assert left and declared.rollouts()[0]["status"] == "IN_PROGRESS"
    cloudwatch.set_alarm_state(AlarmName=names[0], StateValue="ALARM", StateReason="during it")
    ended(declared, "ROLLBACK_SUCCESSFUL")
    assert left <= {each["taskArn"] for each in declared.tasks()}


def test_a_rollback_is_over_when_it_is_whole(declared: World) -> None:
    """What counts is "the target service revision", which is not what a rollback brings back."""
    first = deployed(declared, deploymentConfiguration=early("DEFERRED", **BREAKER))
    bad = broken(declared, "unhealthy")
    declared.update(taskDefinition=bad)
    found = ended(declared, "ROLLBACK_SUCCESSFUL")
    assert cleaned_up_when(declared, bad, found) == "BLOCKING"
    declared.completed(first)


def test_the_next_deployment_may_begin_at_once_and_goes_back_to_this_one(declared: World) -> None:
    _first, second = crowded(declared, "DEFERRED", **BREAKER)
    third = definition(declared, 400)
    declare(declared, third, "crash")
    declared.update(taskDefinition=third)
    declared.instance()  # so that all of the second have room
    ended(declared, "ROLLBACK_SUCCESSFUL")
    declared.completed(second)
    until(lambda: {each["taskDefinitionArn"] for each in declared.tasks()} == {second})


@pytest.mark.parametrize(
    ("change", "controller", "told"),
    [
        ({"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 1}, "ECS", "the deployment strategy BLUE_GREEN"),
        ({"strategy": "CANARY"}, "ECS", "the deployment strategy CANARY"),
        ({}, "CODE_DEPLOY", "the deployment controller CODE_DEPLOY"),
        ({"minimumHealthyPercent": 51}, "ECS", "healthyPercent must be between minimumHealthyPercent and 100"),
    ],
)
def test_what_they_cannot_be_beside_is_refused(declared: World, change: Json, controller: str, told: str) -> None:
    configuration = {**early("DEFERRED", 50), **change}
    with pytest.raises(ClientError, match=f"InvalidParameterException.*{told}"):
        declared.create(
            declared.register(), deploymentController={"type": controller}, deploymentConfiguration=configuration
        )


def test_a_minimum_that_would_pass_them_is_refused_and_they_go_with_false(declared: World) -> None:
    deployed(declared, desiredCount=0, deploymentConfiguration=early("DEFERRED", 50))
    with pytest.raises(ClientError, match="InvalidParameterException"):
        declared.update(deploymentConfiguration={"minimumHealthyPercent": 100})
    off = {"minimumHealthyPercent": 100, "earlySuccessCriteria": {"enable": False}}
    assert declared.update(deploymentConfiguration=off)["deploymentConfiguration"].items() >= off.items()
