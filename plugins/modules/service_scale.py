#!/usr/bin/python
# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: service_scale
short_description: Set how many tasks an Amazon ECS service runs
version_added: 0.1.0
description:
  - Sends the count and nothing else, so that no revision on record is sent along, and waits until so many tasks run and
    are healthy.
  - Refuses when Application Auto Scaling owns the count, unless O(autoscaled) says so, and for a DAEMON service.
  - Refuses more tasks where an image of theirs is gone from Amazon ECR; one that cannot be asked about is said.
  - Takes the lease on the service and leaves a record. When the count is set already, sends nothing and watches on.
author:
  - The steady.ecs authors (@steady-ecs)
options:
  count:
    description: Tasks that the service is to run.
    type: int
    required: true
  autoscaled:
    description: Set the count within its range although Application Auto Scaling owns it, which may move it again.
    type: bool
    default: false
extends_documentation_fragment:
  - steady.ecs.records
  - steady.ecs.operation
  - steady.ecs.following
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    support: full
    description: Sends nothing and takes no lease; says what would be changed.
"""

EXAMPLES = r"""
- name: Run five tasks
  steady.ecs.service_scale:
    account: "640080112933"
    region: us-east-1
    cluster: pardon-production-cluster
    service: pardon-production-service
    count: 5
    why: the sale begins
"""

RETURN = r"""
previous_count:
  description: Tasks that it was to run before.
  returned: success
  type: int
  sample: 3
verdict:
  description: What became of the deployment that was followed; null when none was.
  returned: always
  type: str
  sample: succeeded
cause:
  description: The first failure, or null; see M(steady.ecs.deployment).
  returned: always
  type: dict
  sample: null
deployment_id:
  description: Id of the deployment that was followed.
  returned: always
  type: str
  sample: ecs-svc/9223370512345678901
service_deployment_arn:
  description: ARN of its service deployment, where it is known.
  returned: always
  type: str
  sample: arn:aws:ecs:us-east-1:640080112933:service-deployment/c/s/nCGq
task_definition_arn:
  description: The revision that the service names now.
  returned: success
  type: str
  sample: arn:aws:ecs:us-east-1:640080112933:task-definition/pardon-simulator:75
desired_count:
  description: Tasks that the service is to run now.
  returned: success
  type: int
  sample: 3
running_count:
  description: Tasks of the service that run now.
  returned: success
  type: int
  sample: 3
events:
  description: Events of the service since then, oldest first.
  returned: always
  type: list
  elements: dict
  sample: []
timeline:
  description: What was shown while waiting.
  returned: always
  type: list
  elements: dict
  sample: [{"seconds": 45.0, "text": "2/3 running, 1 starting"}]
outcome:
  description: The run's last word.
  returned: always
  type: str
  sample: proven
detail:
  description: It in one sentence.
  returned: success
  type: str
  sample: web runs web:75, 3/3 running
release:
  description: Number of the record that the operation left; null when nothing was done.
  returned: always
  type: int
  sample: 43
line:
  description: The last line shown.
  returned: always
  type: str
  sample: "outcome: proven: web runs web:75, 3/3 running (12 s)"
"""

from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import (
    autoscaling,
    following,
    held,
    last_word,
    reads,
    rolling,
    writes,
)
from ansible_collections.steady.ecs.plugins.module_utils.rules import looks, release, scaling, verdict
from ansible_collections.steady.ecs.plugins.module_utils.rules.states import state_of
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Spec, Task, execute

SPEC = Spec(
    options={
        **last_word.WRITING_OPTIONS,
        **following.OPTIONS,
        "count": {"type": "int", "required": True},
        "autoscaled": {"type": "bool", "default": False},
    },
)

Answer = dict[str, Any]


def run(task: Task) -> Answer:
    """Set the count and wait until it is reached."""
    return last_word.spoken(task, "scale", lambda: _scaled(task))


def _scaled(task: Task) -> Answer:
    count, found = task.params["count"], rolling.service(task)
    refusal = scaling.refusal(found, _owner(task), count, task.params["autoscaled"])
    if refusal:
        raise Failure(f"{refusal} Nothing was changed.", reason="not_ours_to_scale")
    before = found["desiredCount"]
    if count > before:
        rolling.pullable(task, "scale", found, anew=False)
    answer = {**rolling.NOTHING, "previous_count": before, **_counts(found), "release": None}
    word = f"{found['serviceName']} is to run {count} tasks"
    if before != count and task.check_mode:
        return {**answer, "changed": True, "outcome": "unchanged", "detail": f"check mode: {word}, {before} now"}
    if before != count:
        arguments = {"count": count, "previous_count": before}
        made = rolling.recorded(task, "scale", arguments, lambda by: _act(task, by, count))
        return {**answer, **made, "changed": True}
    settled = looks.primary(found).get("rolloutState") == "COMPLETED"
    nothing = {**answer, "changed": False, "outcome": "unchanged"}
    if settled and found["runningCount"] == count:
        return {**nothing, "detail": f"{word}, and does"}
    if task.check_mode:
        under_way = "" if settled else ", a deployment is under way"
        would = f"{word}, {found['runningCount']} run now{under_way}; it would be waited for"
        return {**nothing, "detail": f"check mode: {would}"}
    return {**answer, **_reached(task, found, count), "changed": False}


def _owner(task: Task) -> Answer | None:
    """The scalable target. That it cannot be read is no reason to think that there is none, unless one says so."""
    try:
        return autoscaling.scalable_target(task, task.params["cluster"], task.params["service"])
    except Failure as failure:
        if failure.fields.get("reason") not in ("access_denied", "refused"):
            raise
        if task.params["autoscaled"]:
            return None
        raise Failure(
            f"{failure.msg} Or set scale_autoscaled=true to set the count whoever owns it. Nothing was changed.",
            **failure.fields,
        ) from None


def _act(task: Task, by: held.Held, count: int) -> Answer:
    cluster, name = task.params["cluster"], task.params["service"]
    records = by.store.records()
    current = release.settled(by.store.head(), records)["current"]
    recorded = None if current is None else state_of(records[current])["task_definition"]
    note = scaling.stale(current, recorded, reads.service(task, cluster, name))
    if note:
        task.warn(note)
    now = writes.update_service(
        task, cluster, name, {"desiredCount": count}, lambda seen: bool(seen["desiredCount"] == count)
    )
    answer = _reached(task, now, count, by)
    result = {"count": answer["desired_count"], "verdict": answer["verdict"], "note": note or None}
    return {**answer, "operation": result}


def _reached(task: Task, now: Answer, count: int, by: held.Held | None = None) -> Answer:
    """Wait until so many tasks run; those that fail from now on are told with their cause."""
    seen = rolling.watching(task, now, set(), looks.primary(now).get("rolloutState") == "COMPLETED")
    if by is not None:
        rolling.noted(by, seen)
    seen.say(f"waiting until {count} tasks run and are healthy; if this is interrupted: the same command goes on")
    wanted = (verdict.SUCCEEDED,) if count else (verdict.SUCCEEDED, verdict.NOTHING_RAN)
    answer = rolling.followed(seen, wanted)
    if answer["desired_count"] != count:
        raise Failure(
            f"Somebody else set the count to {answer['desired_count']} while {count} was waited for. Find out who, "
            "then run again.",
            **{**answer, "reason": "superseded", "verdict": verdict.SUPERSEDED},
        )
    runs = looks.name_of(answer["task_definition_arn"])
    detail = f"{seen.name} runs {runs}, {answer['running_count']}/{count} running"
    return {**answer, "outcome": "proven", "detail": detail}


def _counts(found: Answer) -> Answer:
    return {
        "task_definition_arn": found.get("taskDefinition"),
        "desired_count": found["desiredCount"],
        "running_count": found["runningCount"],
    }


def main() -> None:
    """Run as a module process."""
    execute(SPEC, run)


if __name__ == "__main__":
    main()
