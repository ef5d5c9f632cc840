# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Service settings: what is equal, what differs, what is refused, what UpdateService is told."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest
from ansible_collections.steady.ecs.plugins.module_utils.rules import calls, service
from ansible_collections.steady.ecs.plugins.module_utils.rules.declaration import DeclarationError

GROUP_A = "arn:aws:elasticloadbalancing:us-east-1:111122223333:targetgroup/tg-a/1111111111111111"
GROUP_B = "arn:aws:elasticloadbalancing:us-east-1:111122223333:targetgroup/tg-b/2222222222222222"
REVISION = "arn:aws:ecs:us-east-1:111122223333:task-definition/web:74"


def live(**changes: Any) -> dict[str, Any]:
    """A service as DescribeServices answers it."""
    return {
        "serviceName": "web",
        "desiredCount": 3,
        "launchType": "FARGATE",
        "taskDefinition": REVISION,
        "deployments": [{"id": "ecs-svc/1", "status": "PRIMARY"}],
        "deploymentConfiguration": {
            "maximumPercent": 200,
            "minimumHealthyPercent": 100,
            "deploymentCircuitBreaker": {"enable": True, "rollback": True},
            "strategy": "ROLLING",
        },
        "networkConfiguration": {
            "awsvpcConfiguration": {"subnets": ["s-1", "s-2"], "securityGroups": ["g-1"], "assignPublicIp": "DISABLED"}
        },
        "loadBalancers": [
            {"targetGroupArn": GROUP_A, "containerName": "web", "containerPort": 3000},
            {"targetGroupArn": GROUP_B, "containerName": "web", "containerPort": 3002},
        ],
        "healthCheckGracePeriodSeconds": 60,
        **changes,
    }


def paths(declared: dict[str, Any], answer: dict[str, Any] | None = None) -> list[str]:
    return [each.path for each in service.compare(declared, answer or live())]


RECREATED = {"deploymentConfiguration": {"maximumPercent": 100, "minimumHealthyPercent": 0}}
ENABLED = {"availabilityZoneRebalancing": "ENABLED"}


def threshold(**given: Any) -> dict[str, Any]:
    return {"deploymentConfiguration": {"deploymentCircuitBreaker": {"thresholdConfiguration": given}}}


def test_a_count_of_failed_tasks_may_be_above_100() -> None:
    assert service.compare(threshold(type="COUNT", value=150), live())
    assert service.compare(threshold(value=150), live(**threshold(type="COUNT", value=2)))


def test_nothing_declared_is_nothing_different() -> None:
    assert paths({}) == []


def test_defaults_that_aws_leaves_out_are_equal() -> None:
    declared = {
        "deploymentConfiguration": {"deploymentCircuitBreaker": {"resetOnHealthyTask": True}, "bakeTimeInMinutes": 0},
        "enableExecuteCommand": False,
        "propagateTags": "NONE",
        "platformVersion": "LATEST",
        "placementStrategy": [],
    }
    assert paths(declared) == []


def test_a_leaf_is_compared_and_its_neighbours_are_left_alone() -> None:
    declared = {"deploymentConfiguration": {"minimumHealthyPercent": 50}}
    assert paths(declared) == ["deploymentConfiguration.minimumHealthyPercent"]


def test_c58_load_balancers_in_other_order_and_port_as_text_are_equal() -> None:
    declared = {
        "loadBalancers": [
            {"containerPort": "3002", "containerName": "web", "targetGroupArn": GROUP_B},
            {"containerName": "web", "targetGroupArn": GROUP_A, "containerPort": "3000"},
        ]
    }
    assert paths(declared) == []


def test_what_is_null_in_a_structure_at_any_depth_is_not_there() -> None:
    """Else it were refused by the SDK, or a difference that no call settles."""
    advanced = {"alternateTargetGroupArn": GROUP_B, "testListenerRule": None}
    entry = {
        "targetGroupArn": GROUP_A,
        "containerName": "web",
        "containerPort": 3000,
        "advancedConfiguration": advanced,
    }
    declared = {"loadBalancers": [{**entry, "loadBalancerName": None}]}
    (sent,) = service.request(service.compare(declared, live()), live())["loadBalancers"]
    assert sent == {**entry, "advancedConfiguration": {"alternateTargetGroupArn": GROUP_B}}
    assert paths(declared, live(loadBalancers=[sent])) == []


def test_subnets_are_a_set() -> None:
    assert paths({"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["s-2", "s-1"]}}}) == []
    assert paths({"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["s-2"]}}}) == [
        "networkConfiguration.awsvpcConfiguration.subnets"
    ]


def test_numbers_and_flags_may_be_written_as_text() -> None:
    declared = {
        "healthCheckGracePeriodSeconds": "60",
        "deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": "yes"}, "maximumPercent": "200"},
    }
    assert paths(declared) == []


def test_the_count_matters_only_when_declared() -> None:
    assert paths({}, live(desiredCount=8)) == []
    assert paths({"desiredCount": 3}, live(desiredCount=8)) == ["desiredCount"]


def test_null_goes_back_to_the_default_of_aws() -> None:
    (found,) = service.compare({"healthCheckGracePeriodSeconds": None}, live())
    assert (found.expected, found.actual) == (0, 60)
    whole = service.compare({"deploymentConfiguration": {"deploymentCircuitBreaker": None}}, live())
    assert [each.path.rsplit(".", 1)[1] for each in whole] == ["enable", "rollback"]


def test_zone_rebalancing_is_off_where_it_never_had_a_value_and_has_no_default() -> None:
    """API reference, UpdateService; CreateService enables it only for a service that can have it."""
    assert service.compare({"availabilityZoneRebalancing": "DISABLED"}, live()) == []
    with pytest.raises(DeclarationError, match="no default to go back to"):
        service.compare({"availabilityZoneRebalancing": None}, live())


@pytest.mark.parametrize("declared", [ENABLED, {"deploymentConfiguration": {"minimumHealthyPercent": 50}}])
def test_what_aws_has_taken_beside_zone_rebalancing_is_not_refused(declared: dict[str, Any]) -> None:
    there = {**ENABLED, "deploymentConfiguration": {"maximumPercent": 100, "minimumHealthyPercent": 0}}
    service.compare(declared, live(**there))


def test_whoever_declares_zone_rebalancing_is_told_nothing_of_percentages() -> None:
    there = {"deploymentConfiguration": {"maximumPercent": 100, "minimumHealthyPercent": 100}}
    assert service.compare({"availabilityZoneRebalancing": "DISABLED"}, live(**there)) == []


def test_where_zones_are_rebalanced_room_for_a_task_more_stays() -> None:
    with pytest.raises(DeclarationError, match="availabilityZoneRebalancing: DISABLED"):
        service.compare(RECREATED, live(availabilityZoneRebalancing="ENABLED"))
    for declared, there in ((RECREATED, {}), ({**RECREATED, "availabilityZoneRebalancing": "DISABLED"}, ENABLED)):
        assert service.compare(declared, live(**there))


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        ({"desiredCounts": 3}, "desiredCount"),
        ({"deploymentConfiguration": {"minimumHealthPercent": 50}}, "minimumHealthyPercent"),
        ({"desiredCount": None}, "no default"),
        ({"desiredCount": True}, "whole number"),
        ({"desiredCount": "three"}, "whole number"),
        ({"desiredCount": "--5"}, "whole number"),
        ({"desiredCount": "\u00b2"}, "whole number"),
        ({"desiredCount": -1}, "0 or more"),
        ({"healthCheckGracePeriodSeconds": "-60"}, "0 or more"),
        ({"enableExecuteCommand": "maybe"}, "true or false"),
        ({"deploymentConfiguration": 5}, "mapping"),
        ({"loadBalancers": {"containerPort": 1}}, "list"),
        ({"taskDefinition": "web:75"}, "task_definition"),
        ({"tags": {"aws:a": "b"}}, "belong to AWS"),
        ({"launchType": "EC2"}, "capacityProviderStrategy"),
        ({"launchType": "FARGATE", "capacityProviderStrategy": [{"capacityProvider": "X"}]}, "exclude each other"),
        ({"deploymentConfiguration": {"maximumPercent": 100}}, "no room"),
        ({"deploymentConfiguration": {"minimumHealthyPercent": 101}}, "0 to 100"),
        ({"deploymentConfiguration": {"maximumPercent": 50}}, "100 or more"),
        (threshold(value=101), "COUNT"),
        (threshold(value=0), "1 to 100"),
        (threshold(type="COUNT", value=0), "too low"),
        ({"availabilityZoneRebalancing": "ENABLED", **RECREATED}, "availabilityZoneRebalancing: DISABLED"),
        ({"availabilityZoneRebalancing": None, **RECREATED}, "no default to go back to"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_way_out(declared: dict[str, Any], words: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        service.compare(declared, live())
    assert words in refused.value.msg


def test_c59_the_request_holds_only_what_differs() -> None:
    declared = {"desiredCount": 2, "healthCheckGracePeriodSeconds": 60}
    assert service.request(service.compare(declared, live()), live()) == {"desiredCount": 2}


def test_a_structure_is_sent_whole_so_that_nothing_in_it_is_lost() -> None:
    found = service.compare({"deploymentConfiguration": {"minimumHealthyPercent": 50}}, live())
    assert service.request(found, live()) == {
        "deploymentConfiguration": {
            "maximumPercent": 200,
            "minimumHealthyPercent": 50,
            "deploymentCircuitBreaker": {"enable": True, "rollback": True},
            "strategy": "ROLLING",
        }
    }


def test_the_request_does_not_write_into_the_answer_it_was_made_from() -> None:
    before = live()
    service.request(service.compare({"deploymentConfiguration": {"minimumHealthyPercent": 50}}, before), before)
    assert before == live()


def test_c51_a_strategy_in_place_of_a_launch_type_needs_force_and_no_launch_type() -> None:
    found = service.compare({"capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT", "weight": "1"}]}, live())
    assert service.request(found, live()) == {
        "capacityProviderStrategy": [{"base": 0, "capacityProvider": "FARGATE_SPOT", "weight": 1}],
        "forceNewDeployment": True,
    }


def test_force_is_sent_once_and_only_when_asked_for() -> None:
    assert service.request([], live(), force=True) == {"forceNewDeployment": True}
    assert service.request([], live()) == {}


@pytest.mark.parametrize("wanted", [None, "", REVISION, "web:74"])
def test_the_same_revision_is_no_difference(wanted: str | None) -> None:
    assert service.revision_difference(wanted, live()) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"deploymentController": {"type": "EXTERNAL"}}, "EXTERNAL"), ({"status": "DRAINING"}, "being deleted")],
)
def test_a_service_that_takes_no_deployment_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        service.planned(None, {}, live(**changes))
    assert words in refused.value.msg


def test_c60_back_to_rolling_takes_the_hooks_of_the_other_strategy_along() -> None:
    configuration = {
        **live()["deploymentConfiguration"],
        "strategy": "BLUE_GREEN",
        "bakeTimeInMinutes": 5,
        "lifecycleHooks": [{"hookTargetArn": "arn:x"}],
    }
    before = live(deploymentConfiguration=configuration)
    found = service.compare({"deploymentConfiguration": {"strategy": "ROLLING"}}, before)
    assert [(each.path.rsplit(".", 1)[1], each.kind) for each in found] == [
        ("strategy", "NOT_EQUAL"),
        ("bakeTimeInMinutes", "ADD"),
        ("lifecycleHooks", "ADD"),
    ]
    assert service.request(found, before) == {"deploymentConfiguration": live()["deploymentConfiguration"]}


def test_a_family_without_revision_is_refused() -> None:
    with pytest.raises(DeclarationError) as refused:
        service.revision_difference("web", live())
    assert "web:74" in refused.value.msg


def test_another_revision_deploys_and_a_percentage_does_not() -> None:
    revision = service.revision_difference("web:75", live())
    assert service.request(revision, live()) == {"taskDefinition": REVISION.replace(":74", ":75")}
    assert service.deploys(revision, live())
    assert not service.deploys(service.compare({"deploymentConfiguration": {"maximumPercent": 150}}, live()), live())
    assert service.deploys(service.compare({"platformVersion": "1.4.0"}, live()), live())


@pytest.mark.parametrize(
    "declared",
    [
        {"deploymentConfiguration": {"deploymentCircuitBreaker": {"thresholdConfiguration": {"value": 5}}}},
        {"deploymentConfiguration": {"alarms": {"alarmNames": ["a"], "enable": True}}},
        {"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["s-3"]}}},
        {"capacityProviderStrategy": [{"capacityProvider": "FARGATE"}]},
        {"placementConstraints": [{"type": "distinctInstance"}]},
        {"desiredCount": "4", "enableExecuteCommand": "on", "propagateTags": "SERVICE"},
    ],
)
def test_every_request_fits_the_model_of_the_api(declared: dict[str, Any]) -> None:
    model = botocore.session.get_session().get_service_model("ecs").operation_model("UpdateService").input_shape
    arguments = service.request(service.compare(declared, live()), live())
    assert arguments
    from botocore.validate import ParamValidator

    report = ParamValidator().validate({"service": "web", **arguments}, model)
    assert not report.has_errors(), report.generate_report()


def test_what_is_written_down_equals_what_is_live() -> None:
    declared = service.declared_from(live())
    assert declared == {
        "deploymentConfiguration": {
            "maximumPercent": 200,
            "minimumHealthyPercent": 100,
            "deploymentCircuitBreaker": {"enable": True, "rollback": True},
        },
        "healthCheckGracePeriodSeconds": 60,
    }
    assert paths(declared) == []


def test_what_would_be_refused_is_left_out_of_the_call_that_takes_load_balancers_away() -> None:
    declared = {"loadBalancers": None, "healthCheckGracePeriodSeconds": None}
    assert service.request(service.compare(declared, live()), live()) == {"loadBalancers": []}


def test_a_strategy_that_stays_takes_nothing_along() -> None:
    """What AWS may go on answering of another one would never be settled."""
    left = live(deploymentConfiguration={**live()["deploymentConfiguration"], "bakeTimeInMinutes": 5})
    assert service.compare({"deploymentConfiguration": {"strategy": "ROLLING"}}, left) == []
    (found,) = service.compare({"deploymentConfiguration": {"bakeTimeInMinutes": 0}}, left)
    assert service.request([found], left)["deploymentConfiguration"]["bakeTimeInMinutes"] == 0


def test_load_balancers_and_a_grace_period_are_two_calls_for_a_service_that_had_none() -> None:
    entries = live()["loadBalancers"]
    declared = {"loadBalancers": entries, "healthCheckGracePeriodSeconds": 30}
    none = live(loadBalancers=[], healthCheckGracePeriodSeconds=None)
    found = service.compare(declared, none)
    first, second = service.calls(found, none, False)
    assert (set(first), second) == ({"loadBalancers"}, {"healthCheckGracePeriodSeconds": 30})
    told = calls.lines(found, {**none, "loadBalancers": entries}, 0, None)
    assert [each.partition("),")[0] for each in told] == [
        "call 1: ecs:UpdateService (loadBalancers",
        "call 2: ecs:UpdateService (healthCheckGracePeriodSeconds",
    ]
    assert "starts no deployment" in told[1]
    assert service.calls(service.compare(declared, live()), live(), False)[1] == {}
