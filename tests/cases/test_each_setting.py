# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Settings of a service on the bed: each is planned, set, removed by null and given back by a rollback."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.rules import release as release_rules
from ansible_collections.steady.ecs.plugins.module_utils.rules import restore, settings, states
from ansible_collections.steady.ecs.plugins.modules import deployment, release_info, service_drift, service_preflight

from tests.cases.conftest import Answer, Place, gone_back, released

DISK = {"sizeInGiB": 20, "roleArn": "arn:aws:iam::000000000000:role/ecsInfrastructureRole"}
ALARMS = {"alarmNames": ["web-5xx"], "enable": True, "rollback": True}
CONNECT = {
    "enabled": True,
    "namespace": "internal",
    "services": [{"portName": "http", "clientAliases": [{"port": "8080", "dnsName": "web"}]}],
    "accessLogConfiguration": {"format": "JSON"},
}
EARLY = {"enable": True, "healthyPercent": 100, "sourceServiceRevisionCleanup": "DEFERRED"}
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
    "early success": ({"deploymentConfiguration": {"earlySuccessCriteria": EARLY}}, False),
    "alarms": ({"deploymentConfiguration": {"alarms": ALARMS}}, False),
    "securityGroups": ({"networkConfiguration": {"awsvpcConfiguration": {"securityGroups": ["sg-2"]}}}, True),
    "assignPublicIp": ({"networkConfiguration": {"awsvpcConfiguration": {"assignPublicIp": "ENABLED"}}}, True),
    "platformVersion": ({"platformVersion": "1.4.0"}, True),
    "enableExecuteCommand": ({"enableExecuteCommand": True}, False),
    "enableECSManagedTags": ({"enableECSManagedTags": True}, False),
    "propagateTags": ({"propagateTags": "SERVICE"}, False),
    "availabilityZoneRebalancing": ({"availabilityZoneRebalancing": "DISABLED"}, False),
    "volumeConfigurations": (
        {"volumeConfigurations": [{"name": "scratch", "managedEBSVolume": {**DISK, "sizeInGiB": "20"}}]},
        True,
    ),
    "serviceConnectConfiguration": ({"serviceConnectConfiguration": CONNECT}, True),
    "tags": ({"tags": {"team": "a", "cost.center/eu": "7"}}, False),
}
"""What is declared, and whether it starts new tasks."""
CALLS = ("UpdateService", "TagResource", "UntagResource")


def at_rest(place: Place) -> None:
    """A service whose task definition has a volume that is configured at launch, and a port with a name."""
    container = place.container()
    named = [{**mapping, "name": "http"} for mapping in container["portMappings"]]
    first = place.ecs.register_task_definition(
        family=place.name,
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        memory="512",
        executionRoleArn="arn:aws:iam::000000000000:role/execution",
        containerDefinitions=[{**container, "portMappings": named}],
        volumes=[{"name": "scratch", "configuredAtLaunch": True}],
    )["taskDefinition"]["taskDefinitionArn"]
    place.at_rest(str(first))


def null(declared: Answer) -> Answer:
    """The same names, each back to AWS's default."""
    return states.nested_settings(dict.fromkeys(states.flat_settings(declared)))


def live(place: Place, path: str) -> Any:
    """A setting as AWS answers it, in the form in which equal means equal; the default where there is none."""
    service = place.ecs.describe_services(cluster=place.name, services=["web"], include=["TAGS"])["services"][0]
    found, setting = settings.live_value(path, service), settings.setting(path)
    assert setting is not None
    return setting.default if found is None else setting.normal(path, found)


def default(path: str) -> Any:
    """What null goes back to."""
    setting = settings.setting(path)
    assert setting is not None
    return setting.default


def each_way(place: Place, name: str) -> None:
    declared, deploys = SET[name]
    at_rest(place)
    planned = place.run(service_drift, settings=declared)["differences"]
    paths = [each["path"] for each in planned]
    before = {path: live(place, path) for path in paths}
    assert paths
    first = place.service()["deployments"][0]["id"]
    released(place, declared)
    assert place.asked(*CALLS) == ["TagResource" if name == "tags" else "UpdateService"]
    assert (place.service()["deployments"][0]["id"] != first) == deploys
    assert {path: live(place, path) for path in paths} == {each["path"]: each["expected"] for each in planned}
    assert not place.run(deployment, True, settings=declared)["changed"]
    gone_back(place)
    assert {path: live(place, path) for path in paths} == before
    released(place, declared)
    if settings.NO_DEFAULT in map(default, paths):
        return
    released(place, null(declared))
    assert {path: live(place, path) for path in paths} == {path: default(path) for path in paths}


DAILY = ("healthCheckGracePeriodSeconds", "serviceConnectConfiguration", "tags")
WALKED = [pytest.param(name, marks=pytest.mark.walk) for name in SET if name not in DAILY]


@pytest.mark.parametrize("name", [*DAILY, *WALKED])
def test_a_setting_is_planned_set_given_back_and_removed(place: Place, name: str) -> None:
    each_way(place, name)


def test_it_fails_on_a_rollback_of_the_revision_alone(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = restore.restoration
    monkeypatch.setattr(restore, "restoration", lambda *asked: {**ours(*asked), "settings": {}})
    with pytest.raises(AssertionError):
        each_way(place, "enableExecuteCommand")


def test_service_connect_changes_in_part_and_keeps_the_rest(place: Place) -> None:
    """A structure is sent whole: what another release declared of it stays, and ECS gets the one change."""
    at_rest(place)
    released(place, {"serviceConnectConfiguration": CONNECT})
    released(place, {"serviceConnectConfiguration": {"namespace": "other"}})
    found = place.service()["deployments"][0]["serviceConnectConfiguration"]
    assert (found["namespace"], found["services"][0]["portName"]) == ("other", "http")
    task = place.tasks()[0]
    assert [each["name"].rpartition("-")[0] for each in task["containers"]][1:] == ["ecs-service-connect"]
    released(place, {"serviceConnectConfiguration": {"enabled": False}})
    assert not place.run(deployment, True, settings={"serviceConnectConfiguration": None})["changed"]
    gone_back(place)
    assert place.service()["deployments"][0]["serviceConnectConfiguration"] == found, "all of it, not its switch alone"


def test_a_port_that_service_connect_offers_keeps_its_name(place: Place) -> None:
    """ECS refuses a revision without it, so preflight does: with what is declared now, and with what is live."""
    at_rest(place)
    lost = {"containers": {"app": {"portMappings": [{"containerPort": 80}]}}}
    for port, changes, words in (("https", {}, "is named https"), ("http", {}, ""), ("http", lost, "is named http")):
        declared = {"serviceConnectConfiguration": {**CONNECT, "services": [{"portName": port}]}}
        found = place.run(service_preflight, settings=declared, changes=changes)
        refused = [str(each) for each in found["checks"] if each["ok"] is False]
        assert found["ok"] == (not words), refused
        assert all(words in each for each in refused)
        assert len(refused) == bool(words)


def tags(place: Place) -> dict[str, str]:
    listed = place.ecs.list_tags_for_resource(resourceArn=place.service()["serviceArn"])["tags"]
    return {each["key"]: each["value"] for each in listed}


def tagged(place: Place) -> None:
    """Somebody else tags the service too: before, between and after ours."""
    at_rest(place)
    arn = place.service()["serviceArn"]
    place.ecs.tag_resource(resourceArn=arn, tags=[{"key": "theirs", "value": "1"}, {"key": "ours", "value": "old"}])
    released(place, {"tags": {"ours": "new", "more": "x"}})
    place.ecs.tag_resource(resourceArn=arn, tags=[{"key": "theirs", "value": "2"}, {"key": "later", "value": "y"}])
    found = place.run(service_drift, settings={"tags": {"ours": "new", "more": "x"}})
    assert (found["outcome"], found["undeclared"]) == ("unchanged", []), found
    released(place, {"tags": {"ours": None}}, task_definition=place.register("v2"))
    assert tags(place) == {"more": "x", "theirs": "2", "later": "y"}
    gone_back(place)
    assert tags(place) == {"ours": "new", "more": "x", "theirs": "2", "later": "y"}
    gone_back(place, "1")
    assert tags(place) == {"ours": "old", "theirs": "2", "later": "y"}


def test_tags_of_others_stay_and_say_nothing_about_a_release(place: Place) -> None:
    tagged(place)


def test_it_fails_on_a_record_that_takes_all_tags_for_its_own(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release_rules, "as_found", lambda live, intent: live)
    with pytest.raises(AssertionError):
        tagged(place)


@pytest.mark.parametrize("kind", ["reset_after", "reset", "throttle"])
def test_a_lost_answer_to_a_tag_is_no_failure(place: Place, kind: str) -> None:
    at_rest(place)
    rules = [
        {"service": "ecs", "operation": each, "kind": kind, "times": 1} for each in ("TagResource", "UntagResource")
    ]
    place.bed.admin("PUT", "/_bed/faults", rules)
    released(place, {"tags": {"team": "a"}})
    released(place, {"tags": {"team": None, "more": "b"}})
    place.bed.admin("DELETE", "/_bed/faults")
    assert tags(place) == {"more": "b"}


def test_load_balancers_come_back_with_their_grace_period(place: Place) -> None:
    """ECS takes a grace period only from a service that has load balancers by then: two calls, one deployment."""
    at_rest(place)
    place.update(healthCheckGracePeriodSeconds=60)
    before = place.service()
    released(place, {"loadBalancers": []})
    assert "healthCheckGracePeriodSeconds" not in place.service()
    place.forget()
    gone_back(place)
    now = place.service()
    assert (now["loadBalancers"], now["healthCheckGracePeriodSeconds"]) == (before["loadBalancers"], 60)
    assert place.asked("UpdateService") == ["UpdateService"] * 2
    assert place.run(release_info)["live_is_current"]
