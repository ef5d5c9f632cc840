"""The watch over answers sees what botocore overlooks; the other tests' clients all have it."""

import json
from typing import Any

import pytest

from tests.testbed.beds import Bed, World
from tests.testbed.modelled import problems

ANSWER: dict[str, Any] = {
    "services": [{"serviceName": "web", "desiredCount": 3, "createdAt": 1.5, "launchType": "FARGATE"}]
}


def seen(bed: Bed, **change: Any) -> list[str]:
    operation = bed.client("ecs").meta.service_model.operation_model("DescribeServices")
    body = {"services": [{**ANSWER["services"][0], **change}]}
    return list(problems(operation, {"status_code": 200, "body": json.dumps(body).encode()}))


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"desiredCounts": 3}, "no member desiredCounts"),
        ({"desiredCount": "3"}, "no integer"),
        ({"desiredCount": True}, "no integer"),
        ({"createdAt": "2026-01-01"}, "no timestamp"),
        ({"launchType": "MOON"}, "none of"),
        ({"deployments": [{"rolloutState": "DONE"}]}, "none of"),
        ({"deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": True}}}, "lacks rollback"),
    ],
)
def test_what_breaks_the_model_of_an_answer_is_seen(declared_bed: Bed, change: dict[str, Any], word: str) -> None:
    assert seen(declared_bed) == []
    (problem,) = seen(declared_bed, **change)
    assert word in problem


STATE = "<CapacityReservationState><member>{}</member></CapacityReservationState>"
STACK = "<Stacks><member><StackName>a</StackName>{}</member></Stacks>"
MADE = "<CreationTime>2026-01-01T10:00:00Z</CreationTime>"


@pytest.mark.parametrize(
    ("service", "name", "inner", "word"),
    [
        ("cloudformation", "DescribeStacks", STACK.format(MADE), "lacks StackStatus"),
        (
            "cloudformation",
            "DescribeStacks",
            STACK.format("<CreationTime>1767261600.0</CreationTime><StackStatus>CREATE_COMPLETE</StackStatus>"),
            "no timestamp",
        ),
        (
            "elbv2",
            "DescribeCapacityReservation",
            STATE.format("<EffectiveCapacityUnits>many</EffectiveCapacityUnits>"),
            "no double",
        ),
    ],
)
def test_what_few_answers_have_is_seen_there_too(
    declared_bed: Bed, service: str, name: str, inner: str, word: str
) -> None:
    operation = declared_bed.client(service).meta.service_model.operation_model(name)
    body = f"<{name}Response><{name}Result>{inner}</{name}Result></{name}Response>".encode()
    (problem,) = problems(operation, {"status_code": 200, "body": body})
    assert word in problem


@pytest.mark.parametrize(
    ("inner", "word"),
    [
        ("<TargetGroups><member><Port>x</Port></member></TargetGroups>", "no integer"),
        ("<TargetGroups><member><Portal>1</Portal></member></TargetGroups>", "no member Portal"),
        ("<TargetGroups><item/></TargetGroups>", "no list"),
        ("<TargetGroups><member><TargetType>moon</TargetType></member></TargetGroups>", "none of"),
        ("<TargetGroups><member><HealthCheckEnabled>yes</HealthCheckEnabled></member></TargetGroups>", "no boolean"),
    ],
)
def test_it_is_seen_in_the_other_protocol_too(declared_bed: Bed, inner: str, word: str) -> None:
    operation = declared_bed.client("elbv2").meta.service_model.operation_model("DescribeTargetGroups")
    name = "DescribeTargetGroups"
    body = f"<{name}Response><{name}Result>{inner}</{name}Result></{name}Response>".encode()
    (problem, *_) = problems(operation, {"status_code": 200, "body": body})
    assert word in problem


def test_a_lost_answer_and_an_error_break_no_model(declared_bed: Bed) -> None:
    operation = declared_bed.client("ecs").meta.service_model.operation_model("DescribeServices")
    for response in (None, {"status_code": 400, "body": b"nothing that is JSON"}):
        assert list(problems(operation, response)) == []


def test_a_client_of_a_test_has_it(declared: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.testbed.modelled.problems", lambda operation, response: [f"seen {operation.name}"])
    for call in (declared.ecs.list_clusters, declared.elb.describe_load_balancers):
        with pytest.raises(AssertionError, match="seen"):
            call()
    monkeypatch.undo()
