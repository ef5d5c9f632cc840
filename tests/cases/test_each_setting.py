# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Settings of a service on the bed: each is planned, set, removed by null and given back by a rollback."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.rules import restore, settings
from ansible_collections.steady.ecs.plugins.modules import deployment, service_drift

from tests.cases.conftest import Answer, Place, gone_back, released

DISK = {"sizeInGiB": 20, "roleArn": "arn:aws:iam::000000000000:role/ecsInfrastructureRole"}
ALARMS = {"alarmNames": ["web-5xx"], "enable": True, "rollback": True}
THRESHOLD = {"type": "COUNT", "value": 5}
SET: dict[str, tuple[Answer, bool]] = {
    "healthCheckGracePeriodSeconds": ({"healthCheckGracePeriodSeconds": 30}, False),
    "maximumPercent": ({"deploymentConfiguration": {"maximumPercent": 150}}, False),
    "minimumHealthyPercent": ({"deploymentConfiguration": {"minimumHealthyPercent": 50}}, False),
    "breaker": ({"deploymentConfiguration": {"deploymentCircuitBreaker": {"resetOnHealthyTask": False}}}, False),
    "threshold": (
        {"deploymentConfiguration": {"deploymentCircuitBreaker": {"thresholdConfiguration": THRESHOLD}}},
        False,
    ),
    "alarms": ({"deploymentConfiguration": {"alarms": ALARMS}}, False),
    "securityGroups": ({"networkConfiguration": {"awsvpcConfiguration": {"securityGroups": ["sg-2"]}}}, True),
    "assignPublicIp": ({"networkConfiguration": {"awsvpcConfiguration": {"assignPublicIp": "ENABLED"}}}, True),
    "platformVersion": ({"platformVersion": "1.4.0"}, True),
    "enableExecuteCommand": ({"enableExecuteCommand": True}, False),
    "enableECSManagedTags": ({"enableECSManagedTags": True}, False),
    "propagateTags": ({"propagateTags": "SERVICE"}, False),
    "availabilityZoneRebalancing": ({"availabilityZoneRebalancing": "ENABLED"}, False),
    "volumeConfigurations": (
        {"volumeConfigurations": [{"name": "scratch", "managedEBSVolume": {**DISK, "sizeInGiB": "20"}}]},
        True,
    ),
}
"""What is declared, and whether it starts new tasks."""


def at_rest(place: Place) -> None:
    """A service whose task definition has a volume that is configured at launch."""
    first = place.ecs.register_task_definition(
        family=place.name,
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        memory="512",
        executionRoleArn="arn:aws:iam::000000000000:role/execution",
        containerDefinitions=[place.container()],
        volumes=[{"name": "scratch", "configuredAtLaunch": True}],
    )["taskDefinition"]["taskDefinitionArn"]
    place.at_rest(str(first))


def null(declared: Any) -> Any:
    """The same names, each back to AWS's default."""
    return {name: null(value) for name, value in declared.items()} if isinstance(declared, dict) else None


def live(place: Place, path: str) -> Any:
    """A setting as AWS answers it, in the form in which equal means equal; the default where there is none."""
    found = settings.live_value(path, place.service())
    setting = settings.SETTINGS[path]
    return setting.default if found is None else setting.normal(path, found)


def each_way(place: Place, name: str) -> None:
    declared, deploys = SET[name]
    at_rest(place)
    planned = place.run(service_drift, settings=declared)["differences"]
    paths = [each["path"] for each in planned]
    before = {path: live(place, path) for path in paths}
    assert paths
    first = place.service()["deployments"][0]["id"]
    released(place, declared)
    assert place.asked("UpdateService") == ["UpdateService"]
    assert (place.service()["deployments"][0]["id"] != first) == deploys
    assert {path: live(place, path) for path in paths} == {each["path"]: each["expected"] for each in planned}
    assert not place.run(deployment, True, settings=declared)["changed"]
    gone_back(place)
    assert {path: live(place, path) for path in paths} == before
    released(place, declared)
    released(place, null(declared))
    assert {path: live(place, path) for path in paths} == {path: settings.SETTINGS[path].default for path in paths}


@pytest.mark.parametrize("name", SET)
def test_a_setting_is_planned_set_given_back_and_removed(place: Place, name: str) -> None:
    each_way(place, name)


def test_it_fails_on_a_rollback_of_the_revision_alone(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = restore.restoration
    monkeypatch.setattr(restore, "restoration", lambda *asked: {**ours(*asked), "settings": {}})
    with pytest.raises(AssertionError):
        each_way(place, "enableExecuteCommand")
