# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Preflight, judged by what it asks AWS and by what it says."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import credentials, reads
from ansible_collections.steady.ecs.plugins.modules import service_preflight as module

from tests.unit.modules.releases import ACCOUNT, CLUSTER, DURATION, FAMILY, GROUP, REGION, SERVICE
from tests.unit.modules.system import System
from tests.unit.task_definitions import PRODUCTION_CHANGES

OTHER = "111122223333"
DECLARED: dict[str, Any] = {
    "changes": PRODUCTION_CHANGES,
    "attributes": {"stickiness.enabled": True, DURATION: 86400},
    "target_group": GROUP.split("/")[1],
    "settings": {"healthCheckGracePeriodSeconds": 120},
    "url": "https://pardonsimulator.com",
    "endpoints": ["https://pardonsimulator.com/api/health/coral"],
    "task_identity": {"request": "/health", "header": "X-Coral-Instance"},
    "containers": ["coral", "agent-8"],
}


@pytest.fixture(autouse=True)
def nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(reads, "_definitions", {})
    yield


@pytest.fixture
def system() -> System:
    return System()


def wrong(found: dict[str, Any]) -> dict[str, Any]:
    """Failed checks by name, and that the run says so."""
    assert found["failed"]
    assert found["reason"] == "preflight"
    assert not found["ok"]
    names = {each["name"]: each for each in found["checks"] if each["ok"] is False}
    assert names, found
    for name, each in names.items():
        assert name in found["msg"]
        assert each["remedy"] in found["msg"]
    return names


def test_the_production_declaration_passes_in_ten_calls(system: System) -> None:
    found = system.run(module, **DECLARED)
    assert found["ok"], found.get("msg")
    assert {each["ok"] for each in found["checks"]} == {True}
    assert found["findings"] == system.warnings == []
    assert found["service_arn"] == system.service["serviceArn"]
    assert found["target_group_arns"] == [GROUP]
    assert found["task_definition_arn"] == f"{FAMILY}:74"
    assert found["caller_arn"] == f"arn:aws:iam::{ACCOUNT}:user/ada"
    assert system.calls[0] == "get_caller_identity"
    assert sorted(system.calls) == [
        "describe_log_streams",
        "describe_services",
        "describe_tags",
        "describe_target_group_attributes",
        "describe_target_groups",
        "describe_target_health",
        "describe_task_definition",
        "get_caller_identity",
        "get_role",
        "get_role",
    ]


def test_credentials_of_another_account_end_the_questions(system: System) -> None:
    system.caller = {"Account": OTHER, "Arn": f"arn:aws:iam::{OTHER}:user/eve", "UserId": "U"}
    found = system.run(module, **DECLARED)
    (name,) = wrong(found)
    assert name == "account"
    assert f"arn:aws:iam::{OTHER}:user/eve" in found["msg"]
    assert "service_profile" in found["msg"]
    assert system.calls == ["get_caller_identity"]


def test_another_region_ends_the_questions(system: System) -> None:
    system.meta.region_name = "eu-west-1"
    assert set(wrong(system.run(module, **DECLARED))) == {"Region"}
    assert system.calls == ["get_caller_identity"]


@pytest.mark.parametrize(
    "declared",
    [
        {"target_group": GROUP.replace(REGION, "eu-west-1")},
        {"target_group": GROUP.replace(ACCOUNT, OTHER)},
        {"attributes_of": {GROUP: {DURATION: 60}, GROUP.replace(ACCOUNT, OTHER): {DURATION: 60}}},
        {"changes": {"taskRoleArn": f"arn:aws:iam::{OTHER}:role/web"}},
        {"changes": {"executionRoleArn": f"arn:aws-cn:iam::{ACCOUNT}:role/web"}},
    ],
)
def test_a_declared_arn_of_elsewhere_ends_the_questions(system: System, declared: dict[str, Any]) -> None:
    found = system.run(module, **declared)
    assert set(wrong(found)) == {"account and Region of what is declared"}
    assert system.calls == ["get_caller_identity"]


def test_an_account_id_that_yaml_took_for_a_number_is_explained(system: System) -> None:
    found = system.run(module, account="12345678901")
    assert f'service_account: "{ACCOUNT}"' in wrong(found)["account"]["remedy"]


def test_everything_that_is_wrong_is_said_at_once(system: System) -> None:
    system.service["deploymentConfiguration"]["strategy"] = "SHADOW"
    system.service["loadBalancers"].append(
        {"targetGroupArn": GROUP.replace("coral", "old"), "containerName": "coral", "containerPort": 5556}
    )
    system.groups[0]["LoadBalancerArns"] = []
    found = system.run(
        module,
        changes={
            "containers": {"corral": {"cpu": 1}, "agent-1": {"environment": {"A": 1, "B": "x"}, "imagee": "x"}},
            "cpu": True,
        },
        images={"agent-9": "x"},
        settings={"maximumPercent": 200, "healthCheckGracePeriodSeconds": "soon"},
        attributes={"stickiness.enable": True, DURATION: 0, "slow_start.duration_seconds": 5},
        target_group=GROUP,
    )
    names = wrong(found)
    assert set(names) == {
        "deployment strategy",
        "target group pardon-production-coral-tg",
        "target group pardon-production-old-tg",
        "container and port of pardon-production-old-tg",
        "declared task definition",
        "declared settings",
        "declared target group",
    }
    assert "no listener rule" in names["target group pardon-production-coral-tg"]["found"]
    assert "deleted" in names["target group pardon-production-old-tg"]["found"]
    definition = " ".join(names["declared task definition"]["found"])
    for each in ("corral", "environment.A", "imagee", "rollout_changes.cpu", "agent-9"):
        assert each in definition
    assert "Did you mean coral?" in definition
    settings = " ".join(names["declared settings"]["found"])
    assert "maximumPercent" in settings
    assert "healthCheckGracePeriodSeconds" in settings
    attributes = " ".join(names["declared target group"]["found"])
    for each in ("stickiness.enable:", DURATION, "slow_start.duration_seconds"):
        assert each in attributes
    assert system.lines[-1].count("FAILED") == len(names)


def test_everything_that_is_wrong_with_several_groups_is_said_at_once(system: System) -> None:
    arn = GROUP.replace("coral", "admin")
    system.groups.append({**system.groups[0], "TargetGroupArn": arn, "TargetGroupName": "pardon-production-admin-tg"})
    system.attributes[arn] = dict(system.attributes[GROUP])
    system.service["loadBalancers"] += [{**system.service["loadBalancers"][0], "targetGroupArn": arn}]
    of = {
        "pardon-production-coral-tg": {DURATION: 0, "stickiness.enable": True},
        arn: {"slow_start.duration_seconds": 5},
        "tg-old": {DURATION: 1},
    }
    (name,) = wrong(system.run(module, attributes_of=of)).values()
    assert name["name"] == "declared target group"
    words = " ".join(name["found"])
    for each in (f"coral-tg.{DURATION}", "stickiness.enable:", f"{arn}.slow_start.duration_seconds", "tg-old"):
        assert each in words
    twice = {arn: {DURATION: 60}, "pardon-production-admin-tg": {DURATION: 60}}
    (name,) = wrong(system.run(module, attributes_of=twice)).values()
    assert "declared twice" in name["found"][0]
    assert system.run(module, attributes_of={GROUP: {DURATION: 60}, arn: {DURATION: 60}})["ok"]


def test_a_verification_that_would_undo_the_deployment_is_refused_before_it(system: System) -> None:
    found = system.run(
        module,
        url="pardonsimulator.com",
        endpoints=["https://ada:918273645@pardonsimulator.com/", {"url": "https://pardonsimulator.com/", "stat": 1}],
        task_identity={"request": "/health"},
        sticky_requests=1,
        containers=["coral", "agent-9"],
    )
    (name,) = wrong(found).values()
    assert name["name"] == "declared verification"
    words = " ".join(name["found"])
    for each in ("service_url", "user name", "has stat", "health_task_identity", "health_sticky_requests", "agent-9"):
        assert each in words
    assert "918273645" not in str(found)


def test_a_container_that_only_the_declaration_has_may_be_verified(system: System) -> None:
    definition = {"containerDefinitions": [{"name": "coral", "image": "a"}, {"name": "new", "image": "b"}]}
    definition["containerDefinitions"][0]["portMappings"] = [{"containerPort": 5555}]
    assert system.run(module, definition=definition, containers=["new"])["ok"]
    gone = wrong(system.run(module, definition=definition, containers=["agent-1"]))
    assert "Containers: coral, new" in gone["declared verification"]["found"][0]


def test_a_declaration_that_loses_the_registered_port_is_refused(system: System) -> None:
    definition = {"containerDefinitions": [{"name": "coral", "image": "a", "portMappings": [{"containerPort": 80}]}]}
    assert "coral:5555" in wrong(system.run(module, definition=definition))["declared task definition"]["found"][0]


def test_no_value_of_the_environment_is_quoted(system: System) -> None:
    found = system.run(module, changes={"containers": {"coral": {"environment": {"TOKEN": 918273645}}}})
    assert "TOKEN" in wrong(found)["declared task definition"]["found"][0]
    assert "918273645" not in str(found) + str(system.lines)


def test_a_service_that_does_not_exist_is_answered_with_those_that_do(system: System) -> None:
    found = system.run(module, service="pardon-service")
    assert set(wrong(found)) == {"service"}
    assert SERVICE in found["msg"]
    assert [each["name"] for each in found["checks"] if each["ok"]] == ["account", "Region"]


def test_a_cluster_that_does_not_exist_is_answered_with_those_that_do(system: System) -> None:
    found = system.run(module, cluster="pardon-cluster")
    assert set(wrong(found)) == {"service"}
    assert CLUSTER in found["msg"]
    assert "service_cluster" in found["msg"]


@pytest.mark.parametrize(("controller", "revision"), [("CODE_DEPLOY", True), ("EXTERNAL", False)])
def test_another_controller_is_refused_with_what_to_use(system: System, controller: str, revision: bool) -> None:
    system.service["deploymentController"] = {"type": controller}
    system.service["deployments"] = []
    if not revision:
        del system.service["taskDefinition"]
    found = system.run(module, **DECLARED)
    instead = {"CODE_DEPLOY": "aws deploy create-deployment", "EXTERNAL": "aws ecs create-task-set"}[controller]
    assert instead in wrong(found)["deployment controller"]["remedy"]


def test_a_service_that_goes_back_to_rolling_by_declaration_passes(system: System) -> None:
    system.service["deploymentConfiguration"]["strategy"] = "BLUE_GREEN"
    found = system.run(module, settings={"deploymentConfiguration": {"strategy": "ROLLING"}})
    assert found["ok"], found.get("msg")


def test_another_strategy_that_is_declared_is_named(system: System) -> None:
    configuration = {"deploymentConfiguration": {"strategy": "SHADOW"}}
    found = wrong(system.run(module, **{**DECLARED, "settings": configuration}))
    assert found["deployment strategy"]["found"] == "SHADOW"
    assert "BLUE_GREEN" in str(found["declared settings"]["found"])


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"deploymentConfiguration": [1]}, "deploymentConfiguration must be a mapping; it is [1]."),
        ({"loadBalancers": ["web"]}, "loadBalancers must hold mappings; one is 'web'."),
    ],
)
def test_a_setting_of_another_shape_is_a_wrong_declaration(
    system: System, settings: dict[str, Any], problem: str
) -> None:
    found = wrong(system.run(module, **{**DECLARED, "settings": settings}))
    assert found["declared settings"]["found"] == [problem]


def test_a_service_in_its_deletion_is_refused(system: System) -> None:
    system.service["status"] = "DRAINING"
    assert wrong(system.run(module))["service status"]["found"] == "DRAINING"


@pytest.mark.parametrize(
    "options", [{"settings": {"desiredCount": 0}}, {"settings": {"desiredCount": 2}}, {"going_back": True}]
)
def test_a_service_that_is_scaled_to_0_is_deployed_only_if_the_count_is_declared(
    system: System, options: dict[str, Any]
) -> None:
    system.service.update(desiredCount=0, runningCount=0)
    assert wrong(system.run(module, **DECLARED)).keys() == {"desired count"}
    assert system.run(module, **{**DECLARED, **options})["ok"]


def test_parts_of_another_account_are_refused(system: System) -> None:
    system.service["loadBalancers"][0]["targetGroupArn"] = GROUP.replace(ACCOUNT, OTHER)
    found = wrong(system.run(module))
    assert found["account and Region of all parts"]["found"] == [GROUP.replace(ACCOUNT, OTHER)]


def test_ports_in_ranges_and_classic_load_balancers_are_no_obstacle(system: System) -> None:
    system.container("agent-1")["portMappings"] = [{"containerPortRange": "9000-9010", "protocol": "tcp"}]
    system.service["loadBalancers"].append({"loadBalancerName": "old", "containerName": "coral", "containerPort": 1})
    assert system.run(module, **DECLARED)["ok"]


def test_a_port_that_the_live_revision_does_not_map_is_refused(system: System) -> None:
    system.service["loadBalancers"][0]["containerPort"] = 80
    found = wrong(system.run(module))["container and port of pardon-production-coral-tg"]
    assert (found["expected"], found["found"]) == ("coral:80", ["coral:5555"])


# -- another deployment


def test_somebody_elses_deployment_is_refused_with_its_name_and_time(system: System) -> None:
    system.service["deployments"] = [system.deployment(74, "IN_PROGRESS")]
    found = wrong(system.run(module, **DECLARED))["other deployment"]
    assert found["found"] == "ecs-svc/74 of pardon-simulator:74 in progress, since 2025-11-27 10:00:00 UTC"
    assert "rollback playbook" in found["remedy"]


def test_a_deployment_of_what_is_declared_is_ours_to_resume(system: System) -> None:
    system.service["deployments"] = [system.deployment(74, "IN_PROGRESS")]
    found = system.run(module, attributes={DURATION: 3600}, settings=DECLARED["settings"])
    assert found["ok"], found.get("msg")


def test_a_rollback_may_replace_any_deployment_and_asks_for_no_declaration(system: System) -> None:
    system.service["deployments"] = [system.deployment(74, "IN_PROGRESS")]
    found = system.run(module, going_back=True, changes={"containers": {"gone": {"cpu": 1}}})
    assert found["ok"], found.get("msg")
    (declaration,) = (each for each in found["checks"] if each["name"] == "declaration")
    assert declaration["ok"] is None
    assert "rollback" in declaration["reason"]


# -- what AWS does not answer


def test_a_refused_read_does_not_hide_what_else_is_wrong(system: System) -> None:
    system.refused["describe_target_groups"] = "AccessDenied"
    system.service["status"] = "DRAINING"
    found = wrong(system.run(module, **DECLARED))
    assert set(found) == {"target groups", "service status"}
    assert "DescribeTargetGroups" in found["target groups"]["found"]


@pytest.mark.parametrize(
    ("listing", "asked", "said"),
    [
        ("list_services", {"service": "gone"}, "has no active service gone. Services there: not known"),
        ("list_clusters", {"cluster": "gone"}, "no such cluster in us-east-1. Clusters there: not known"),
    ],
)
def test_what_is_missing_is_the_finding_for_those_too_who_may_not_list(
    system: System, listing: str, asked: dict[str, str], said: str
) -> None:
    system.refused[listing] = "AccessDeniedException"
    assert said in wrong(system.run(module, **DECLARED, **asked))["service"]["found"]


def test_a_revision_that_may_not_be_read_is_a_failed_check(system: System) -> None:
    system.refused["describe_task_definition"] = "AccessDeniedException"
    assert set(wrong(system.run(module, **DECLARED))) == {"task definition"}


def test_expired_credentials_end_the_run_at_once(system: System) -> None:
    system.refused["describe_target_groups"] = "ExpiredToken"
    found = system.run(module, **DECLARED)
    assert found["reason"] == "expired_credentials"


def test_without_a_bed_the_message_says_how_to_start_one(system: System) -> None:
    system.refused["get_caller_identity"] = "nothing answers"
    found = system.run(module, **DECLARED)
    assert found["msg"] == (
        "Nothing answers at http://127.0.0.1:4566: `./steady bed start`, or `-i inventories/production`."
    )
    assert system.calls == ["get_caller_identity"]


# -- findings


def test_what_is_no_reason_to_refuse_is_said(system: System) -> None:
    system.service["deploymentConfiguration"]["deploymentCircuitBreaker"]["rollback"] = False
    system.service["serviceArn"] = f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/{SERVICE}"
    system.definitions[f"{FAMILY}:74"]["status"] = "INACTIVE"
    found = system.run(module, **DECLARED)
    assert found["ok"]
    assert found["findings"] == system.warnings
    inactive, arn, breaker = found["findings"]
    assert breaker.startswith("hazard circuit_breaker")
    assert "deploymentCircuitBreaker" in breaker
    assert "pardon-simulator:74 is INACTIVE" in inactive
    assert "long ARN format" in arn


def test_c78_credentials_that_end_before_the_rollout_does_are_said_beforehand(system: System) -> None:
    """Fails on the Wrong: nothing is said, and the deployment goes on unwatched fifteen minutes later."""
    ending = credentials.Found(None, time.time() + 900)
    system._request_signer._credentials = credentials.Renewable(ending, lambda: ending)
    found = system.run(module, **DECLARED, wait_timeout=1200)
    assert found["ok"]
    assert any(
        "The credentials end in 15 min, and a rollout may be watched for 20 min" in each for each in found["findings"]
    )
    assert system.run(module, **DECLARED, wait_timeout=600)["findings"] == []


@pytest.mark.parametrize(("services", "said"), [(1, False), (60, True)])
def test_c84_a_run_of_many_services_says_how_long_it_takes(system: System, services: int, said: bool) -> None:
    found = system.run(module, **DECLARED, services=services)
    assert any(each.startswith("60 services: ") for each in found["findings"]) is said
    assert found["findings"] == system.warnings


def test_a_hazard_is_warned_of_refused_where_that_is_declared_and_meant_by_name(system: System) -> None:
    system.groups[0].update(HealthCheckIntervalSeconds=10, HealthyThresholdCount=2, UnhealthyThresholdCount=3)
    options = {**DECLARED, "application": {"slowest_answer": 3600}}
    found = system.run(module, **options)
    (warned,) = found["findings"]
    assert warned.startswith("hazard deregistration_delay")
    assert warned in system.warnings
    (refused,) = wrong(system.run(module, **options, hazards="refuse"))
    assert refused == "hazard deregistration_delay"
    meant = system.run(module, **options, hazards="refuse", hazards_allowed=["deregistration_delay"])
    assert (meant["ok"], meant["findings"]) == (True, [])
    assert set(wrong(system.run(module, **options, hazards_refused=["no_delay"]))) == {"declared hazards"}
