"""The service of the production story as an API that remembers, for the tests of the release modules."""

from __future__ import annotations

import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges.held import NOTHING_OPENED
from ansible_collections.steady.ecs.plugins.module_utils.work import Task
from ansible_collections.steady.ecs.plugins.modules import release

ACCOUNT, REGION = "640080112933", "us-east-1"
CLUSTER, SERVICE = "pardon-production-cluster", "pardon-production-service"
FAMILY = f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/pardon-simulator"
GROUP = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:targetgroup/pardon-production-coral-tg/6cd8923ffc120347"
BALANCER = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:loadbalancer/app/pardon-alb/50dc6c495c0c9188"
DURATION = "stickiness.lb_cookie.duration_seconds"
SECRET = "canary-7f3a-secret"

CHANGES: dict[str, Any] = {
    "containers": {
        "coral": {"environment": {"CORAL_SESSIONS": None}},
        "agent-1": {"environment": {"CORAL_SSE_URL": "http://localhost:5555/sse", "TOKEN": SECRET}},
    }
}


class World:
    """Answers the reads of the release modules; a test changes it as a deployment or a person would."""

    def __init__(self) -> None:
        self.revision = 74
        self.running = 3
        self.settings: dict[str, Any] = {
            "deploymentConfiguration": {"maximumPercent": 200, "minimumHealthyPercent": 100},
            "healthCheckGracePeriodSeconds": 60,
        }
        self.attributes = {"stickiness.enabled": "true", DURATION: "3600", "deregistration_delay.timeout_seconds": "30"}
        self.account = ACCOUNT
        self.calls: list[str] = []
        self.opened: dict[str, Any] = {}
        self.seconds = 1000.0
        self._request_signer = types.SimpleNamespace(_credentials=None)
        self.at_renewal: Callable[[], object] = list
        self.lines: list[str] = []

    # -- the clock
    def now(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    # -- the module release, as the tasks of one run call it
    def release(self, store: Path | None, state: str, check_mode: bool = False, **params: Any) -> dict[str, Any]:
        if state != "opened":
            params = {"release": self.opened, **params}
        answer = release.run(
            self.task(release.SPEC.options, check_mode, **{"store": store and str(store), "state": state, **params})
        )
        if state == "opened":
            self.opened = answer["release"] or {}
        return answer

    def client(self, _service: str, _attempts: int) -> World:
        return self

    def get_caller_identity(self) -> dict[str, Any]:
        return {"Account": self.account, "Arn": f"arn:aws:iam::{self.account}:user/ada", "UserId": "U"}

    def describe_services(self, **_asked: Any) -> dict[str, Any]:
        service = {
            "serviceName": SERVICE,
            "serviceArn": f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/{CLUSTER}/{SERVICE}",
            "clusterArn": f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/{CLUSTER}",
            "status": "ACTIVE",
            "desiredCount": 3,
            "runningCount": self.running,
            "taskDefinition": f"{FAMILY}:{self.revision}",
            "deployments": [{"id": f"ecs-svc/{self.revision}", "status": "PRIMARY", "rolloutState": "COMPLETED"}],
            "loadBalancers": [{"targetGroupArn": GROUP, "containerName": "coral", "containerPort": 5555}],
            **self.settings,
        }
        return {"services": [service]}

    def get_paginator(self, operation: str) -> World:
        assert operation == "list_tasks"
        return self

    def paginate(self, **_asked: Any) -> list[dict[str, Any]]:
        return [{"taskArns": []}]

    def list_service_deployments(self, **_asked: Any) -> dict[str, Any]:
        return {"serviceDeployments": []}

    def describe_target_group_attributes(self, **_asked: Any) -> dict[str, Any]:
        return {"Attributes": [{"Key": key, "Value": value} for key, value in self.attributes.items()]}

    def describe_target_groups(self, **_asked: Any) -> dict[str, Any]:
        group = {
            "TargetGroupArn": GROUP,
            "TargetGroupName": GROUP.split("/")[1],
            "LoadBalancerArns": [BALANCER],
            "Protocol": "HTTP",
            "TargetType": "ip",
        }
        return {"TargetGroups": [group]}

    def describe_target_health(self, **_asked: Any) -> dict[str, Any]:
        return {
            "TargetHealthDescriptions": [
                {"Target": {"Id": f"10.0.0.{n}", "Port": 5555}, "TargetHealth": {"State": "healthy"}}
                for n in range(self.running)
            ]
        }

    def describe_task_definition(self, **asked: Any) -> dict[str, Any]:
        log = {"logDriver": "awslogs", "options": {"awslogs-group": "/ecs/pardon-simulator"}}
        containers = [
            {"name": name, "environment": [{"name": "TOKEN", "value": SECRET}], "logConfiguration": log}
            for name in ("coral", *(f"agent-{n}" for n in range(1, 9)))
        ]
        if asked["taskDefinition"].endswith(":75"):
            sse = CHANGES["containers"]["agent-1"]["environment"]["CORAL_SSE_URL"]
            containers[1]["environment"] = [*containers[1]["environment"], {"name": "CORAL_SSE_URL", "value": sse}]
        return {"taskDefinition": {"taskDefinitionArn": asked["taskDefinition"], "containerDefinitions": containers}}

    def deployed(self) -> None:
        """What the release of the production story changes."""
        self.revision, self.attributes[DURATION] = 75, "86400"

    def task(self, options: dict[str, Any], check_mode: bool = False, **params: Any) -> Task:
        """A task of a module with this spec, its defaults filled in."""
        values = {name: option.get("default") for name, option in options.items()}
        named = {"account": ACCOUNT, "cluster": CLUSTER, "service": SERVICE, "region": REGION}
        all_of_them = {**values, **named, **params}
        return Task(
            params=all_of_them, connection=self, check_mode=check_mode, report=self.lines.append, warn=self.lines.append
        )


def assert_stands(answer: dict[str, Any], seq: int) -> None:
    """Nothing was opened, and what that rollback has brought back is named for the verification."""
    assert (answer["changed"], answer["release"], answer["differences"]) == (False, None, [])
    assert answer["permit"] == NOTHING_OPENED
    assert (answer["target"]["seq"], answer["target"]["force"]) == (seq, False)
