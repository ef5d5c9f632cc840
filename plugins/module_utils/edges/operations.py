# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The writes of the operator's verbs. None is sent twice before the world was looked at (edges/writes.py)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import reads, writes
from ansible_collections.steady.ecs.plugins.module_utils.edges.aws import reading, translated, writing
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Task

Answer = dict[str, Any]


def stop_service_deployment(task: Task, arn: str, is_stopping: Callable[[Answer], bool]) -> None:
    """Ask ECS to stop a service deployment and to roll it back. ``is_stopping`` says so of one that was read."""

    def send() -> bool:
        with translated("Stopping a service deployment (ecs:StopServiceDeployment)"):
            writing(task, "ecs").stop_service_deployment(serviceDeploymentArn=arn, stopType="ROLLBACK")
        return True

    def arrived() -> bool | None:
        found = reads.service_deployment(task, arn)
        return True if found and is_stopping(found) else None

    writes.once(task, "StopServiceDeployment", send, arrived)


def continue_service_deployment(
    task: Task, arn: str, hook: str, action: str, is_waiting: Callable[[Answer], bool]
) -> None:
    """Answer a paused hook with ``CONTINUE`` or ``ROLLBACK``. ``is_waiting``: whether one still waits for it."""

    def send() -> bool:
        with translated("Answering a paused hook (ecs:ContinueServiceDeployment)"):
            writing(task, "ecs").continue_service_deployment(serviceDeploymentArn=arn, hookId=hook, action=action)
        return True

    def arrived() -> bool | None:
        found = reads.service_deployment(task, arn)
        return True if found and not is_waiting(found) else None

    writes.once(task, "ContinueServiceDeployment", send, arrived)


def deregister_task_definition(task: Task, arn: str) -> None:
    """Make a revision INACTIVE. One that is so already was deregistered by a call whose answer was lost."""

    def send() -> bool:
        with translated(f"Deregistering {arn} (ecs:DeregisterTaskDefinition)"):
            writing(task, "ecs").deregister_task_definition(taskDefinition=arn)
        return True

    def arrived() -> bool | None:
        return True if not is_active(task, arn) else None

    try:
        writes.once(task, f"DeregisterTaskDefinition of {arn}", send, arrived)
    except Failure as failure:
        if failure.fields.get("code") != "ClientException" or is_active(task, arn):
            raise


def is_active(task: Task, arn: str) -> bool:
    """Whether a revision can be run; read anew, for this is what deregistering changes."""
    with translated(f"Reading {arn} (ecs:DescribeTaskDefinition)"):
        answer = reading(task, "ecs").describe_task_definition(taskDefinition=arn)
    return bool(answer["taskDefinition"].get("status") == "ACTIVE")


def run_task(task: Task, arguments: Answer) -> Answer:
    """Start one task: ``{"tasks", "failures"}``. ``arguments`` has a clientToken, with which ECS starts it once only:
    after a lost answer the very same call answers the task that it started. Raises Failure as writes.by_token does."""

    def send() -> Answer:
        with translated("Starting a one-off task (ecs:RunTask)"):
            return dict(writing(task, "ecs").run_task(**arguments))

    return writes.by_token(task, "RunTask", send)
