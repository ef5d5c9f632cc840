# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Answers of ECS and Elastic Load Balancing for tests, in the form that boto3 gives them."""

from __future__ import annotations

import datetime
from typing import Any

Answer = dict[str, Any]

ACCOUNT = "arn:aws:ecs:us-east-1:111122223333:"
GROUP = "arn:aws:elasticloadbalancing:us-east-1:111122223333:targetgroup/tg-web/1111111111111111"
PORT = 8080


def moment(seconds: float) -> datetime.datetime:
    """So many seconds after ten o'clock."""
    return datetime.datetime(2025, 11, 27, 10, 0, tzinfo=datetime.UTC) + datetime.timedelta(seconds=seconds)


def revision(number: int) -> str:
    return f"{ACCOUNT}task-definition/web:{number}"


def deployment(number: int, status: str = "PRIMARY", state: str = "COMPLETED", **changes: Any) -> Answer:
    """Deployment ``ecs-svc/NUMBER`` of revision ``web:NUMBER``, begun NUMBER minutes after ten."""
    return {
        "id": f"ecs-svc/{number}",
        "status": status,
        "rolloutState": state,
        "rolloutStateReason": f"ECS deployment ecs-svc/{number} {state.lower()}.",
        "taskDefinition": revision(number),
        "desiredCount": 3,
        "runningCount": 3,
        "pendingCount": 0,
        "failedTasks": 0,
        "createdAt": moment(60 * number),
        **changes,
    }


def service(*deployments: Answer, **changes: Any) -> Answer:
    """Service ``web`` with these deployments, the PRIMARY one's revision, three tasks and one target group."""
    lead = next((each for each in deployments if each["status"] == "PRIMARY"), {})
    return {
        "serviceName": "web",
        "serviceArn": f"{ACCOUNT}service/c1/web",
        "clusterArn": f"{ACCOUNT}cluster/c1",
        "status": "ACTIVE",
        "desiredCount": 3,
        "runningCount": sum(each["runningCount"] for each in deployments),
        "pendingCount": 0,
        "launchType": "FARGATE",
        "taskDefinition": lead.get("taskDefinition", revision(0)),
        "deployments": list(deployments),
        "deploymentConfiguration": {
            "maximumPercent": 200,
            "minimumHealthyPercent": 100,
            "deploymentCircuitBreaker": {"enable": True, "rollback": True},
        },
        "loadBalancers": [{"targetGroupArn": GROUP, "containerName": "app", "containerPort": PORT}],
        "events": [],
        **changes,
    }


def rollout(number: int, status: str, **changes: Any) -> Answer:
    """The service deployment of deployment NUMBER."""
    return {
        "serviceDeploymentArn": f"{ACCOUNT}service-deployment/c1/web/{number}",
        "status": status,
        "createdAt": moment(60 * number),
        **changes,
    }


def task(number: int, index: int, **changes: Any) -> Answer:
    """A running task of deployment NUMBER with the address 10.0.NUMBER.INDEX."""
    return {
        "taskArn": f"{ACCOUNT}task/c1/{number:04x}{index:028x}",
        "taskDefinitionArn": revision(number),
        "startedBy": f"ecs-svc/{number}",
        "lastStatus": "RUNNING",
        "desiredStatus": "RUNNING",
        "healthStatus": "UNKNOWN",
        "createdAt": moment(60 * number + index),
        "containers": [{"name": "app", "image": "example.com/app:2", "lastStatus": "RUNNING"}],
        "attachments": [{"details": [{"name": "privateIPv4Address", "value": f"10.0.{number}.{index}"}]}],
        **changes,
    }


def crashed(number: int, index: int, code: int = 3) -> Answer:
    """A task of deployment NUMBER whose container exited."""
    return task(
        number,
        index,
        lastStatus="STOPPED",
        desiredStatus="STOPPED",
        stopCode="EssentialContainerExited",
        stoppedReason="Essential container in task exited",
        stoppingAt=moment(60 * number + index + 5),
        containers=[{"name": "app", "image": "example.com/app:2", "exitCode": code}],
    )


def target(number: int, index: int, state: str = "healthy", reason: str = "", description: str = "") -> Answer:
    """The target of task INDEX of deployment NUMBER, as reads.target_health gives it."""
    return {
        "address": f"10.0.{number}.{index}",
        "port": PORT,
        "state": state,
        "reason": reason,
        "description": description,
    }


def event(number: int, seconds: float, text: str) -> Answer:
    return {"id": f"event-{number}", "createdAt": moment(seconds), "message": f"(service web) {text}"}
