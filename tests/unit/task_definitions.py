# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Task definitions for tests, registered by the bed's rules, and a plan against them."""

from __future__ import annotations

import copy
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import models
from ansible_collections.steady.ecs.plugins.module_utils.rules import task_definition

from testbed.ecs.definitions import stored

MODEL = models.task_definition()
AGENTS = [f"agent-{number}" for number in range(1, 9)]
URL_BEFORE = "http://localhost:5555/sse/v1/devmode/app/priv"
URL = f"{URL_BEFORE}/production-main"
PRODUCTION_CHANGES: dict[str, Any] = {
    "containers": {
        "coral": {"environment": {"CORAL_SESSIONS": None}},
        **{name: {"environment": {"CORAL_SSE_URL": URL}} for name in AGENTS},
    }
}
ANSWER_ONLY = {
    "taskDefinitionArn": "arn:aws:ecs:us-east-1:111122223333:task-definition/web:74",
    "revision": 74,
    "status": "ACTIVE",
    "requiresAttributes": [{"name": "ecs.capability.task-eni"}],
    "compatibilities": ["EC2", "FARGATE"],
    "registeredAt": "2025-11-27T10:00:00+00:00",
    "registeredBy": "arn:aws:iam::111122223333:user/ada",
    "deregisteredAt": "2025-11-27T11:00:00+00:00",
}
RICH: dict[str, Any] = {
    "family": "web",
    "networkMode": "awsvpc",
    "cpu": "1024",
    "memory": "2048",
    "executionRoleArn": "arn:aws:iam::111122223333:role/execution",
    "taskRoleArn": "arn:aws:iam::111122223333:role/task",
    "ephemeralStorage": {"sizeInGiB": 50},
    "runtimePlatform": {"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"},
    "pidMode": "task",
    "placementConstraints": [{"type": "memberOf", "expression": "attribute:ecs.os-type == linux"}],
    "proxyConfiguration": {
        "type": "APPMESH",
        "containerName": "envoy",
        "properties": [{"name": "IgnoredGID", "value": ""}, {"name": "AppPorts", "value": "80"}],
    },
    "volumes": [
        {
            "name": "data",
            "efsVolumeConfiguration": {
                "fileSystemId": "fs-1",
                "transitEncryption": "ENABLED",
                "authorizationConfig": {"accessPointId": "fsap-1", "iam": "ENABLED"},
            },
        },
        {"name": "scratch", "host": {}},
    ],
    "containerDefinitions": [
        {
            "name": "app",
            "image": "example.com/app:1",
            "portMappings": [{"containerPort": 9411}],
            "environment": [{"name": "B", "value": "2"}, {"name": "A", "value": "1"}, {"name": "C", "value": ""}],
            "secrets": [{"name": "T", "valueFrom": "/t"}, {"name": "S", "valueFrom": "/s"}],
            "healthCheck": {"command": ["CMD-SHELL", "true"]},
            "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/g", "tag": ""}},
            "ulimits": [{"name": "nofile", "softLimit": 1024, "hardLimit": 2048}],
            "dockerLabels": {"empty": ""},
        },
        {"name": "envoy", "image": "example.com/envoy:1"},
    ],
    "tags": [{"key": "team", "value": "pardon"}],
}


def described(request: dict[str, Any]) -> dict[str, Any]:
    """A registered request as ``reads.task_definition`` answers it."""
    return {**stored(copy.deepcopy(request)), **ANSWER_ONLY, "tags": copy.deepcopy(request.get("tags", []))}


def plan(
    changes: dict[str, Any] | None = None,
    definition: dict[str, Any] | None = None,
    images: dict[str, str] | None = None,
    live: dict[str, Any] | None = None,
) -> task_definition.Plan:
    return task_definition.plan(described(live or RICH), MODEL, changes, definition, images or {})


def paths(found: task_definition.Plan) -> list[str]:
    return [each.path for each in found.differences]


def again(found: task_definition.Plan, changes: dict[str, Any]) -> list[str]:
    """The plan after the plan was carried out."""
    return paths(task_definition.plan(described(found.declared), MODEL, changes, None, {}))


def app(**members: Any) -> dict[str, Any]:
    return {"containers": {"app": members}}


def whole(**members: Any) -> dict[str, Any]:
    """RICH with members of the container app replaced; None takes them out."""
    definition = copy.deepcopy(RICH)
    definition["containerDefinitions"][0].update(members)
    return definition
