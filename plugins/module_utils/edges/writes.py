# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Calls that change a task definition or a target group. None is sent twice before the world was looked at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import waits
from ansible_collections.steady.ecs.plugins.module_utils.edges.aws import translated, writing
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Task

Answer = dict[str, Any]

PATIENCE = 60
PAUSE = 2
"""Seconds between two attempts, and between two looks (ECS's reads may lag behind its writes)."""
ATTEMPTS = 3
SAME_FAMILY = "Too many concurrent attempts"


def register_task_definition(task: Task, content: Answer, arrived: Callable[[], Answer | None]) -> Answer:
    """Register a revision, and answer it as ``reads.task_definition`` does.

    ``arrived`` looks for the revision when the answer was lost. Two registers in one family at a time are refused by
    AWS as too many, which is a throttle.
    """

    def send() -> Answer:
        doing = f"Registering a revision of {content['family']} (ecs:RegisterTaskDefinition)"
        with translated(doing):
            answer = writing(task, "ecs").register_task_definition(**content)
        return {**answer["taskDefinition"], "tags": answer.get("tags", [])}

    return once(task, f"RegisterTaskDefinition of {content['family']}", send, arrived)


def modify_target_group_attributes(
    task: Task, arn: str, attributes: dict[str, str], arrived: Callable[[], dict[str, str] | None]
) -> dict[str, str]:
    """Set attributes of one target group, all or none, and answer all of them."""

    def send() -> dict[str, str]:
        with translated(f"Changing attributes of {arn} (elasticloadbalancing:ModifyTargetGroupAttributes)"):
            answer = writing(task, "elbv2").modify_target_group_attributes(
                TargetGroupArn=arn, Attributes=[{"Key": key, "Value": value} for key, value in attributes.items()]
            )
        return {each["Key"]: each["Value"] for each in answer["Attributes"]}

    return once(task, "ModifyTargetGroupAttributes", send, arrived)


# pylint: disable-next=using-generic-type-syntax-in-unsupported-version  # Python 3.12
def once[T](task: Task, call: str, send: Callable[[], T], arrived: Callable[[], T | None]) -> T:
    """Send ``call`` until it is known to have been carried out, for at most three rounds.

    A throttled call was certainly not carried out, and is repeated for a minute. After a lost answer the world is
    read twice, and only when neither look shows the change, the call is made again.
    """

    refused: list[Failure] = []

    def unless_throttled(_elapsed: float) -> T | None:
        try:
            return send()
        except Failure as failure:
            if not waits.throttled(failure) and SAME_FAMILY not in failure.msg:
                raise
            refused.append(failure)
            return None

    for _attempt in range(ATTEMPTS):
        try:
            sent = waits.until(unless_throttled, PATIENCE, PAUSE)
            if sent is not None:
                return sent
            raise refused[-1]
        except Failure as failure:
            if not waits.unanswered(failure):
                raise
            task.report(f"no answer to {call}; reading whether it arrived")
            seen = waits.until(lambda _elapsed: arrived(), PAUSE, PAUSE)
            if seen is not None:
                return seen
    raise Failure(
        f"{call} was sent {ATTEMPTS} times; no answer came, and what it should change is unchanged. "
        "Run the same command again.",
        reason="no_answer",
    )
