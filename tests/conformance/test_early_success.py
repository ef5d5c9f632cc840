"""Rolling deployments with early success criteria, as AWS publishes them.

API_* is the page of https://docs.aws.amazon.com/AmazonECS/latest/APIReference/, guide pages are those of
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/. The image is that of test_ecs.py, and outlives SIGTERM
when IGNORE_SIGTERM is set.
"""

from typing import Any

import pytest

from tests.conformance.deployed import Deployed
from tests.conformance.place import FARGATE, Place, container, error_of, until

Json = dict[str, Any]


def early(cleanup: str, **more: Any) -> Json:
    """A deployment configuration."""
    criteria = {"enable": True, "healthyPercent": 50, "sourceServiceRevisionCleanup": cleanup, **more}
    return {"minimumHealthyPercent": 50, "earlySuccessCriteria": criteria}


class Slow(Deployed):
    """Its tasks take two minutes to end."""

    def register(self) -> str:
        slow = {**container(self.place, IGNORE_SIGTERM="1"), "stopTimeout": 120}
        made = self.ecs.register_task_definition(
            family=self.name, executionRoleArn=self.place.role, containerDefinitions=[slow], **FARGATE
        )
        return str(made["taskDefinition"]["taskDefinitionArn"])

    def begin(self, **change: Any) -> str:
        """A new deployment; its revision."""
        before, revision = self.newest()["serviceDeploymentArn"], self.register()
        self.update(taskDefinition=revision, **change)
        until(lambda: self.newest()["serviceDeploymentArn"] != before, self.place.patience)
        return revision

    def tasks(self, definition: str) -> list[Json]:
        """Of a revision, all that are still described."""
        found = [
            self.ecs.list_tasks(cluster=self.name, serviceName=self.name, desiredStatus=each)["taskArns"]
            for each in ("RUNNING", "STOPPED")
        ]
        tasks = self.ecs.describe_tasks(cluster=self.name, tasks=sum(found, []))["tasks"]
        return [each for each in tasks if each["taskDefinitionArn"] == definition]


@pytest.fixture(scope="module")
def slow(place: Place) -> Slow:
    found = Slow(place)
    found.completed(found.begin())
    return found


@pytest.mark.api
@pytest.mark.parametrize(
    "wrong",
    [
        {"healthyPercent": 101},
        {"healthyPercent": 49},
        {"healthyPercent": None},
        {"sourceServiceRevisionCleanup": None},
        {"sourceServiceRevisionCleanup": "SOON"},
    ],
)
def test_criteria_that_are_refused(slow: Slow, wrong: Json) -> None:
    """API_DeploymentEarlySuccessCriteria: between minimumHealthyPercent and 100, and both others beside enable."""
    wanted = early("BLOCKING", **wrong)
    wanted["earlySuccessCriteria"] = {k: v for k, v in wanted["earlySuccessCriteria"].items() if v is not None}
    assert error_of(lambda: slow.update(deploymentConfiguration=wanted)) == "InvalidParameterException"


@pytest.mark.api
def test_criteria_are_of_rolling_deployments_alone(slow: Slow) -> None:
    """API_DeploymentEarlySuccessCriteria, Note."""
    shifts = {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 1, **early("DEFERRED")}
    assert error_of(lambda: slow.update(deploymentConfiguration=shifts)) == "InvalidParameterException"


@pytest.mark.rollout
def test_a_deployment_is_successful_while_old_tasks_are_still_there(place: Place, slow: Slow) -> None:
    """Guide, early-success-criteria: with DEFERRED the clean-up is "outside of the deployment", which cannot be stopped
    any more; the counts of a service deployment are a snapshot of its end."""
    old = slow.service()["taskDefinition"]
    wanted = early("DEFERRED")
    new = slow.begin(deploymentConfiguration=wanted)
    assert slow.newest()["deploymentConfiguration"]["earlySuccessCriteria"] == wanted["earlySuccessCriteria"]
    until(lambda: slow.newest()["status"] == "SUCCESSFUL", place.patience)
    newest, service = slow.newest(), slow.service()
    assert "finishedAt" in newest
    assert service["deploymentConfiguration"]["earlySuccessCriteria"] == wanted["earlySuccessCriteria"]
    listed = {each["status"]: each for each in service["deployments"]}
    assert (listed["PRIMARY"]["taskDefinition"], listed["PRIMARY"]["rolloutState"]) == (new, "COMPLETED")
    assert listed["ACTIVE"]["taskDefinition"] == old
    assert [each for each in slow.tasks(old) if each["lastStatus"] != "STOPPED"]
    arn = newest["serviceDeploymentArn"]
    assert error_of(lambda: place.ecs.stop_service_deployment(serviceDeploymentArn=arn)) == "ConflictException"
    slow.completed(new)
    until(lambda: slow.service()["runningCount"] == 3, place.patience)
    assert slow.newest() == newest
    done = place.ecs.list_service_deployments(cluster=slow.name, service=slow.name, status=["SUCCESSFUL"])
    assert done["serviceDeployments"][0]["serviceDeploymentArn"] == arn


@pytest.mark.rollout
def test_a_blocking_clean_up_comes_before_the_success(place: Place, slow: Slow) -> None:
    """Guide, early-success-criteria: BLOCKING "cleans up the tasks on the source service revision", then "completes the
    deployment"."""
    old = slow.service()["taskDefinition"]
    new = slow.begin(deploymentConfiguration=early("BLOCKING"))
    until(lambda: slow.newest()["status"] == "SUCCESSFUL", place.patience)
    assert {each["lastStatus"] for each in slow.tasks(old)} == {"STOPPED"}
    assert max(each["stoppedAt"] for each in slow.tasks(old)) <= slow.newest()["finishedAt"]
    slow.completed(new)


@pytest.mark.rollout
def test_criteria_that_are_not_enabled_change_nothing(place: Place, slow: Slow) -> None:
    """API_DeploymentEarlySuccessCriteria, enable: "the default behavior"."""
    old = slow.service()["taskDefinition"]
    new = slow.begin(deploymentConfiguration=early("DEFERRED", enable=False))
    until(lambda: slow.newest()["status"] == "SUCCESSFUL", place.patience)
    assert {each["lastStatus"] for each in slow.tasks(old)} == {"STOPPED"}
    assert slow.completed(new)["runningCount"] == 3
