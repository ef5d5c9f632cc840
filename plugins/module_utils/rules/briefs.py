# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""AWS's answers in the form that results have: snake_case names, only what people and playbooks ask for."""

from __future__ import annotations

from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules.looks import address_of, name_of

Answer = dict[str, Any]


def service(answer: Answer, target_groups: list[Answer], tasks: list[Answer]) -> Answer:
    """One service as DescribeServices answers it, with its target groups and running tasks."""
    return {
        "name": answer["serviceName"],
        "arn": answer["serviceArn"],
        "cluster": name_of(answer["clusterArn"]),
        "status": answer["status"],
        "desired_count": answer["desiredCount"],
        "running_count": answer["runningCount"],
        "pending_count": answer["pendingCount"],
        "task_definition": answer["taskDefinition"],
        "deployment_configuration": answer.get("deploymentConfiguration") or {},
        "health_check_grace_period_seconds": answer.get("healthCheckGracePeriodSeconds") or 0,
        "launch_type": answer.get("launchType"),
        "load_balancers": answer.get("loadBalancers") or [],
        "deployments": [deployment(each) for each in answer.get("deployments", [])],
        "tags": {each["key"]: each.get("value", "") for each in answer.get("tags", [])},
        "target_groups": target_groups,
        "tasks": [task(each) for each in tasks],
    }


def deployment(answer: Answer) -> Answer:
    """One member of a service's ``deployments``."""
    return {
        "id": answer["id"],
        "status": answer["status"],
        "rollout_state": answer.get("rolloutState"),
        "rollout_state_reason": answer.get("rolloutStateReason"),
        "task_definition": answer["taskDefinition"],
        "desired_count": answer.get("desiredCount", 0),
        "running_count": answer.get("runningCount", 0),
        "pending_count": answer.get("pendingCount", 0),
        "failed_tasks": answer.get("failedTasks", 0),
        "created_at": answer.get("createdAt"),
    }


def target_group(answer: Answer, attributes: dict[str, str], targets: list[Answer]) -> Answer:
    """One target group with its attributes and targets, both as reads.py gives them."""
    return {
        "name": answer["TargetGroupName"],
        "arn": answer["TargetGroupArn"],
        "attributes": attributes,
        "targets": targets,
    }


def task(answer: Answer) -> Answer:
    """One task as DescribeTasks answers it."""
    return {
        "id": name_of(answer["taskArn"]),
        "arn": answer["taskArn"],
        "task_definition": answer["taskDefinitionArn"],
        "deployment_id": answer.get("startedBy"),
        "last_status": answer.get("lastStatus"),
        "desired_status": answer.get("desiredStatus"),
        "health_status": answer.get("healthStatus"),
        "address": address_of(answer) or None,
        "availability_zone": answer.get("availabilityZone"),
        "started_at": answer.get("startedAt"),
        "containers": [
            {
                "name": each["name"],
                "image": each.get("image"),
                "image_digest": each.get("imageDigest"),
                "last_status": each.get("lastStatus"),
                "health_status": each.get("healthStatus"),
                "exit_code": each.get("exitCode"),
            }
            for each in answer.get("containers", [])
        ],
    }
