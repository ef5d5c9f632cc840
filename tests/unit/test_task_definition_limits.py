"""What RegisterTaskDefinition refuses although its names and types are right."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.rules import task_definition_limits


def content(*containers: dict[str, Any], fargate: bool = True, **more: Any) -> dict[str, Any]:
    named = [{"name": f"c{number}", "image": "i", **each} for number, each in enumerate(containers)]
    return {"requiresCompatibilities": ["FARGATE"] if fargate else [], "containerDefinitions": named, **more}


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        (content({"stopTimeout": 121}), "2 to 120"),
        (content({"stopTimeout": 1}), "2 to 120"),
        (content({"name": "a b"}), "letters, digits"),
        (content({"name": "a" * 256}), "up to 255"),
        (content({"healthCheck": {"command": ["curl", "x"]}}), "CMD or CMD-SHELL"),
        (content({"healthCheck": {"command": ["CMD-SHELL"]}}), "CMD or CMD-SHELL"),
        (content({"memory": 300}, {"memory": 300}, memory="512"), "reserve 600 MiB of memory, and the task has 512"),
        (content({"memory": 1025}, memory="1 GB", fargate=False), "the task has 1024"),
        (content({"cpu": 200}, {"cpu": 100}, cpu=".25 vCPU"), "reserve 300 CPU units, and the task has 256"),
    ],
)
def test_what_aws_refuses_is_said_with_what_it_takes(declared: dict[str, Any], words: str) -> None:
    (said,) = task_definition_limits.problems(declared)
    assert words in said


@pytest.mark.parametrize(
    "declared",
    [
        content({"stopTimeout": 120, "healthCheck": {"command": ["CMD", "true"]}}, {}, cpu="256", memory="512"),
        content({"stopTimeout": 600}, fargate=False),
        content({"cpu": 512}, cpu="256", fargate=False),  # of Fargate alone
        content({"memory": 512, "cpu": 256}, cpu="256", memory="512"),
        content({"memory": 512, "memoryReservation": 100}, {"memory": 412}, memory="512"),  # reserved is the softer one
        content({"memory": 512}, {"memory": 512}),
        content({}, cpu="${CPU}", memory="much"),  # no amount: refused as such
        {},
    ],
)
def test_what_aws_takes_is_no_problem(declared: dict[str, Any]) -> None:
    assert task_definition_limits.problems(declared) == []
