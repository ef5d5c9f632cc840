# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Preflight of declared settings: what UpdateService would refuse after the first writes is refused before them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import reads
from ansible_collections.steady.ecs.plugins.modules import service_preflight as module

from tests.unit.modules.releases import ACCOUNT, GROUP, REGION
from tests.unit.modules.system import System
from tests.unit.modules.test_service_preflight import wrong

Answer = dict[str, Any]
NEW = GROUP.replace("coral-tg", "new-tg")
ENTRY = {"targetGroupArn": GROUP, "containerName": "coral", "containerPort": 5555}
RULE = {
    "RuleArn": "rule",
    "Priority": "1",
    "Actions": [{"Type": "forward", "TargetGroupArn": NEW}],
    "Conditions": [],
}


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> System:
    monkeypatch.setattr(reads, "_definitions", {})
    found = System()
    new = {**found.groups[0], "TargetGroupArn": NEW, "TargetGroupName": NEW.split("/")[1]}
    found.groups.append(new)
    found.attributes[NEW] = dict(found.attributes[GROUP])
    found.rules = [RULE]
    return found


def balancers(system: System, *changes: Answer) -> Answer:
    """Preflight of a service with one entry for each of these changes to its live one."""
    return system.run(module, settings={"loadBalancers": [{**ENTRY, **each} for each in changes]})


def test_entries_that_ecs_would_take_pass(system: System) -> None:
    assert balancers(system, {})["ok"]
    assert balancers(system, {"containerPort": "5555", "targetGroupArn": NEW})["ok"]
    assert balancers(system, {}, {"targetGroupArn": NEW})["ok"]
    assert balancers(system, {"advancedConfiguration": {"alternateTargetGroupArn": NEW}})["ok"]
    taken_away = {"containers": {"coral": {"portMappings": []}}}
    assert system.run(module, settings={"loadBalancers": []}, changes=taken_away)["ok"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"containerPort": 8081}, "coral:8081"),
        ({"containerName": "corl"}, "Did you mean coral:5555?"),
        ({"containerName": None}, "Containers and ports: "),
    ],
)
def test_an_entry_for_a_port_that_no_task_will_have_is_refused(system: System, change: Answer, words: str) -> None:
    found = wrong(balancers(system, {}, {**change, "targetGroupArn": NEW}))
    assert words in str(found["declared task definition"]["found"])


def test_an_entry_is_held_against_the_declared_revision_not_the_live_one(system: System) -> None:
    """A port that the same release maps is there by then, and one that it takes away is not."""
    given = {"changes": {"containers": {"coral": {"portMappings": [{"containerPort": 6000}]}}}}
    moved = {"loadBalancers": [{**ENTRY, "containerPort": 6000}]}
    assert system.run(module, settings=moved, **given)["ok"]
    found = wrong(system.run(module, settings={"loadBalancers": [ENTRY]}, **given))
    assert "loadBalancers names coral:5555" in str(found["declared task definition"]["found"])


def test_what_register_task_definition_would_refuse_is_refused_unless_it_has_been_taken(system: System) -> None:
    given = {"changes": {"containers": {"coral": {"healthCheck": {"command": ["curl", "x"]}}}}}
    assert "CMD-SHELL" in str(wrong(system.run(module, **given))["declared task definition"]["found"])
    for container in system.definitions[system.service["taskDefinition"]]["containerDefinitions"]:
        container["healthCheck"] = {"command": ["wget", "x"]}
    assert system.run(module, **given)["ok"]


@pytest.mark.parametrize("gone", [NEW.replace("new-tg", "gone-tg"), "gone-tg"])
@pytest.mark.parametrize("member", ["targetGroupArn", "alternateTargetGroupArn"])
def test_a_target_group_that_is_not_there_is_refused(system: System, gone: str, member: str) -> None:
    entry = {member: gone} if member == "targetGroupArn" else {"advancedConfiguration": {member: gone}}
    (found,) = wrong(balancers(system, entry)).values()
    assert found["name"].startswith("target group") and gone in found["found"]


@pytest.mark.parametrize("elsewhere", [NEW.replace(ACCOUNT, "111122223333"), NEW.replace(REGION, "eu-west-1"), "arn:x"])
@pytest.mark.parametrize("member", ["targetGroupArn", "alternateTargetGroupArn"])
def test_a_target_group_of_another_account_or_region_is_refused_first(
    system: System, elsewhere: str, member: str
) -> None:
    entry = {member: elsewhere} if member == "targetGroupArn" else {"advancedConfiguration": {member: elsewhere}}
    (found,) = wrong(balancers(system, entry)).values()
    assert found["name"] == "account and Region of what is declared" and found["found"] == [elsewhere]
    assert system.calls == ["get_caller_identity"]


def test_of_a_pair_that_is_to_shift_traffic_both_groups_must_be_there(system: System) -> None:
    pair = {"alternateTargetGroupArn": NEW, "productionListenerRule": "rule", "roleArn": "arn:aws:iam::1:role/r"}
    gone = NEW.replace("new-tg", "gone-tg")
    settings = {
        "deploymentConfiguration": {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 1},
        "loadBalancers": [{**ENTRY, "targetGroupArn": gone, "advancedConfiguration": pair}],
    }
    system.others["elbv2"] = system
    system.describe_rules = lambda **_asked: {"Rules": system.rules}  # type: ignore[attr-defined]
    found = wrong(system.run(module, settings=settings))
    assert gone in found["target group pardon-production-gone-tg"]["found"]


PORT = {"portName": "http", "clientAliases": [{"port": 80, "dnsName": "web"}]}
CONNECT = {"enabled": True, "namespace": "internal", "services": []}
LOGS = {"logDriver": "splunk", "options": {"splunk-token": "canary"}}
DISK = {"roleArn": f"arn:aws:iam::{ACCOUNT}:role/r", "sizeInGiB": "20", "encrypted": "yes", "kmsKeyId": None}


@pytest.mark.parametrize(
    "settings",
    [
        {"capacityProviderStrategy": [{"capacityProvider": "FARGATE", "weight": "1", "base": None}]},
        {"placementStrategy": [{"type": "spread", "field": "host"}], "placementConstraints": None},
        {"serviceConnectConfiguration": {**CONNECT, "logConfiguration": {**LOGS, "secretOptions": None}}},
        {"volumeConfigurations": [{"name": "scratch", "managedEBSVolume": DISK}]},
        {"deploymentConfiguration": {"deploymentCircuitBreaker": {"thresholdConfiguration": {"type": "COUNT"}}}},
        {"deploymentConfiguration": {"alarms": {"alarmNames": []}}, "propagateTags": None},
        {"tags": {"team": "shop"}, "desiredCount": "2"},
    ],
)
def test_settings_that_can_be_meant_pass(system: System, settings: Answer) -> None:
    found = system.run(module, settings=settings)
    assert [each["ok"] for each in found["checks"] if each["name"] == "declared settings"] == [True]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"capacityProviderStrategy": [{"capacityprovider": "FARGATE"}]}, "Did you mean capacityProvider?"),
        ({"capacityProviderStrategy": [{"weight": 1}]}, "capacityProviderStrategy[0].capacityProvider must be given"),
        (
            {"serviceConnectConfiguration": {**CONNECT, "services": [{**PORT, "clientAliases": [{"dnsname": "web"}]}]}},
            "Did you mean dnsName?",
        ),
        (
            {
                "serviceConnectConfiguration": {
                    **CONNECT,
                    "logConfiguration": {**LOGS, "options": {"max-buffer-size": 25}},
                }
            },
            'options[max-buffer-size] must be text; it is a number in YAML. Quote it: "..."',
        ),
        (
            {"serviceConnectConfiguration": {**CONNECT, "logConfiguration": {**LOGS, "logDriver": "Splunk"}}},
            "Did you mean splunk?",
        ),
        ({"placementStrategy": ["spread"]}, "placementStrategy[0] must be a mapping"),
        ({"placementConstraints": [{"type": "distinctinstance"}]}, "Did you mean distinctInstance?"),
        ({"propagateTags": "TASK-DEFINITION"}, "Did you mean TASK_DEFINITION?"),
        ({"networkConfiguration": {"awsvpcConfiguration": {"assignPublicIp": "enabled"}}}, "Did you mean ENABLED?"),
        ({"availabilityZoneRebalancing": "on"}, "Words: DISABLED, ENABLED"),
        (
            {"deploymentConfiguration": {"deploymentCircuitBreaker": {"thresholdConfiguration": {"type": "PERCENT"}}}},
            "Words: BOUNDED_PERCENT, COUNT, UNBOUNDED_PERCENT",
        ),
        (
            {"volumeConfigurations": [{"name": "scratch", "managedEBSVolume": {**DISK, "filesystemType": "EXT4"}}]},
            "Did you mean ext4?",
        ),
    ],
)
def test_settings_that_update_service_would_refuse_are_refused_in_words(
    system: System, settings: Answer, words: str
) -> None:
    system.service["networkConfiguration"] = {"awsvpcConfiguration": {"subnets": ["s-1"]}}
    (said,) = wrong(system.run(module, settings=settings))["declared settings"]["found"]
    assert words in said and "canary" not in said


def test_a_percentage_is_judged_with_the_rebalancing_that_is_declared_beside_it(system: System) -> None:
    system.service["availabilityZoneRebalancing"] = "ENABLED"
    settings = {"deploymentConfiguration": {"maximumPercent": 100, "minimumHealthyPercent": 0}}
    (said,) = wrong(system.run(module, settings=settings))["declared settings"]["found"]
    assert "declare availabilityZoneRebalancing: DISABLED" in said
    found = system.run(module, settings={**settings, "availabilityZoneRebalancing": "DISABLED"})
    assert [each["ok"] for each in found["checks"] if each["name"] == "declared settings"] == [True]


def test_a_word_that_is_newer_than_the_sdk_is_left_to_aws(system: System) -> None:
    for disk in ("ntfs", "apfs"):
        given = {"volumeConfigurations": [{"name": "scratch", "managedEBSVolume": {**DISK, "filesystemType": disk}}]}
        found = system.run(module, settings=given)
        assert [each["ok"] for each in found["checks"] if each["name"] == "declared settings"] == [True]


@pytest.mark.parametrize("pair", [[{"alternateTargetGroupArn": "x"}], "x", True, 7])
@pytest.mark.parametrize("going_back", [False, True])
def test_a_pair_that_is_no_mapping_is_a_wrong_declaration_and_no_crash(
    system: System, pair: object, going_back: bool
) -> None:
    entry = {**system.service["loadBalancers"][0], "advancedConfiguration": pair}
    found = system.run(module, settings={"loadBalancers": [entry]}, going_back=going_back)
    said = [each for each in found["checks"] if each["ok"] is False]
    assert bool(said) is not going_back, "what is declared says nothing about a way back"


def test_all_that_is_wrong_is_said_at_once_and_once(system: System) -> None:
    given = {"propagateTags": "service", "availabilityZoneRebalancing": "on", "placementStrategy": ["spread"]}
    found = wrong(system.run(module, settings=given))["declared settings"]["found"]
    assert len(found) == len(set(found)) == 3
