"""What is too short to be met through the API for certain: the moment before a deployment's first tick."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from testbed.ecs import Ecs

FAMILY = {"family": "web", "containerDefinitions": [{"name": "app", "image": "i", "memory": 8}]}
SERVICE = {"serviceName": "web", "taskDefinition": "web", "desiredCount": 1}


def made() -> Ecs:
    ecs = Ecs("us-east-1", "0" * 12, SimpleNamespace(groups={}), lambda: None)
    ecs.create_cluster({})
    ecs.register_task_definition(FAMILY)
    ecs.create_service(SERVICE)
    return ecs


def test_a_service_deployment_is_pending_until_it_starts() -> None:
    """ "Pending: the service deployment has been created, but has not started" (service-deployment)."""
    ecs = made()

    def newest() -> dict[str, Any]:
        return dict(ecs.list_service_deployments({"service": "web"})["serviceDeployments"][0])

    assert (newest()["status"], newest()["startedAt"]) == ("PENDING", None)
    ecs.update_service({"service": "web", "forceNewDeployment": True})
    second, first = ecs.list_service_deployments({"service": "web"})["serviceDeployments"]
    assert (second["status"], first["status"]) == ("PENDING", "STOP_REQUESTED")
    ecs.rollouts[second["serviceDeploymentArn"]].become("IN_PROGRESS")
    assert newest()["startedAt"] is not None
