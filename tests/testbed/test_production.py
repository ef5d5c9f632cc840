"""The state before the deployment: what the AWS API and the application say after the set-up, fact by fact."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from testbed.production import NotPrepared, Prepared, prepare
from tests.testbed.bed_process import ROOT, RunningBed, running_bed
from tests.testbed.pardon_task import ask

CLUSTER, SERVICE = "pardon-production-cluster", "pardon-production-service"


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBed]:
    with running_bed(tmp_path_factory.mktemp("bed")) as found:
        yield found


@pytest.fixture(scope="module")
def prepared(bed: RunningBed) -> Prepared:
    return prepare(bed.endpoint)


@pytest.fixture
def definition(bed: RunningBed, prepared: Prepared) -> dict[str, Any]:
    found: dict[str, Any] = bed.client("ecs").describe_task_definition(taskDefinition="pardon-simulator")[
        "taskDefinition"
    ]
    return found


def group(bed: RunningBed, name: str) -> dict[str, Any]:
    found: dict[str, Any] = bed.client("elbv2").describe_target_groups(Names=[name])["TargetGroups"][0]
    return found


def test_the_service_runs_3_of_3_on_revision_74(bed: RunningBed, prepared: Prepared) -> None:
    service = bed.client("ecs").describe_services(cluster=CLUSTER, services=[SERVICE])["services"][0]
    assert (service["status"], service["desiredCount"], service["runningCount"]) == ("ACTIVE", 3, 3)
    assert service["taskDefinition"].endswith(":000000000000:task-definition/pardon-simulator:74")
    assert [d["rolloutState"] for d in service["deployments"]] == ["COMPLETED"]
    assert service["deploymentConfiguration"]["deploymentCircuitBreaker"]["rollback"] is True
    assert prepared.task_definition == "pardon-simulator:74"


def test_one_task_is_a_coral_server_and_eight_agents(definition: dict[str, Any]) -> None:
    names = [c["name"] for c in definition["containerDefinitions"]]
    assert names == ["coral", *(f"agent-{n}" for n in range(1, 9))]
    environments = [{e["name"]: e["value"] for e in c["environment"]} for c in definition["containerDefinitions"]]
    assert environments[0] == {"CORAL_SESSIONS": "pool-0,pool-1,pool-2,pool-3,pool-4"}
    assert [e["AGENT_NAME"] for e in environments[1:]] == names[1:]
    assert {e["CORAL_SSE_URL"] for e in environments[1:]} == {"http://localhost:5555/sse/v1/devmode/app/priv"}
    logs = {c["logConfiguration"]["options"]["awslogs-group"] for c in definition["containerDefinitions"]}
    assert logs == {"/ecs/pardon-simulator"}


def test_74_is_the_only_revision(bed: RunningBed, prepared: Prepared) -> None:
    arns = bed.client("ecs").list_task_definitions(familyPrefix="pardon-simulator")["taskDefinitionArns"]
    assert [arn.rpartition("/")[2] for arn in arns] == ["pardon-simulator:74"]


def test_users_stay_for_an_hour(bed: RunningBed, prepared: Prepared) -> None:
    coral = group(bed, "pardon-production-coral-tg")
    assert (coral["Protocol"], coral["Port"], coral["TargetType"], coral["HealthCheckPath"]) == (
        "HTTP",
        5555,
        "ip",
        "/health",
    )
    found = bed.client("elbv2").describe_target_group_attributes(TargetGroupArn=coral["TargetGroupArn"])["Attributes"]
    attributes = {a["Key"]: a["Value"] for a in found}
    assert attributes["stickiness.enabled"] == "true"
    assert attributes["stickiness.type"] == "lb_cookie"
    assert attributes["stickiness.lb_cookie.duration_seconds"] == "3600"


@pytest.mark.parametrize(("name", "count"), [("pardon-production-coral-tg", 3), ("pardon-production-site-tg", 1)])
def test_all_targets_are_healthy(bed: RunningBed, prepared: Prepared, name: str, count: int) -> None:
    arn = group(bed, name)["TargetGroupArn"]
    found = bed.client("elbv2").describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
    assert [t["TargetHealth"]["State"] for t in found] == ["healthy"] * count


def test_the_application_answers_at_the_url_that_the_bed_tells(bed: RunningBed, prepared: Prepared) -> None:
    assert bed.record["url"] == prepared.url
    address, _, port = prepared.url.removeprefix("http://").partition(":")
    health = ask(address, "GET", "/api/health/coral", port=int(port))
    assert (health.status, health.json["status"]) == (200, "healthy")
    tasks = bed.client("ecs").list_tasks(cluster=CLUSTER, serviceName=SERVICE)["taskArns"]
    assert health.json["coral"]["instance"] in [arn.rpartition("/")[2] for arn in tasks]
    assert ask(address, "POST", "/api/threads", {}, port=int(port)).status == 201


def test_what_a_container_prints_is_in_cloudwatch_logs(bed: RunningBed, prepared: Prepared) -> None:
    events = bed.client("logs").filter_log_events(logGroupName="/ecs/pardon-simulator")["events"]
    assert any(event["message"].startswith("Coral server listens on") for event in events)


def test_a_second_run_changes_nothing_and_says_so(bed: RunningBed, prepared: Prepared) -> None:
    bed.admin("DELETE", "calls")
    command = [sys.executable, "-m", "testbed.production", "--state", str(bed.state)]
    second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert second.stdout == f"nothing to do: {SERVICE} runs pardon-simulator:74, all healthy, at {prepared.url}\n"
    operations = {name.partition(":")[2] for name in bed.admin("GET", "calls")["calls"]}
    assert operations and all(name.startswith(("Describe", "List")) for name in operations)


def test_without_a_bed_it_says_so(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "testbed.production", "--state", str(tmp_path)]
    refused = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert refused.returncode == 3
    assert "no bed runs" in refused.stderr


def test_an_application_that_does_not_start_is_said_with_the_events(tmp_path: Path) -> None:
    with running_bed(tmp_path / "state") as bed:
        broken = {"command": ["python", "-m", "testbed.app.coral_server"], "environment": {"CRASH_AT_START": "3"}}
        bed.admin("PUT", "images", {"pardon/coral-server": broken})
        with pytest.raises(NotPrepared, match="not there after 2 s: rollout .*IN_PROGRESS|FAILED"):
            prepare(bed.endpoint, deadline=2)
