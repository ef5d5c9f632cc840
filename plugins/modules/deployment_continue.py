#!/usr/bin/python
# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: deployment_continue
short_description: Answer the hook that pauses the deployment of an Amazon ECS service
version_added: 0.1.0
description:
  - Finds the hook that waits for an answer, answers it, and follows the deployment to its end or to its next pause.
  - With O(action=rollback) the deployment is rolled back, and that is followed.
  - Refuses to continue one whose tasks are not started yet where an image of theirs is gone from Amazon ECR; one that
    cannot be asked about is said.
  - Where no hook waits, what an interrupted run of this module has answered is followed to its end; else the state of
    the newest service deployment is said, which fails when that was rolled back or stopped.
  - Takes the lease on the service and leaves a record.
author:
  - The steady.ecs authors (@steady-ecs)
options:
  hook:
    description: Id of the hook; needed when several wait.
    type: str
  action:
    description: The answer.
    type: str
    choices: [continue, rollback]
    default: continue
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
    description: Sends nothing and takes no lease; says which hook would be answered.
"""

EXAMPLES = r"""
- name: Let the paused deployment go on
  steady.ecs.deployment_continue:
    account: "640080112933"
    region: us-east-1
    cluster: pardon-production-cluster
    service: pardon-production-service
    why: the new colour is tested
"""

RETURN = r"""
hook:
  description: The hook that was answered; null when none waits.
  returned: success
  type: str
  sample: manual-approval
stage:
  description: The stage at which it waited.
  returned: success
  type: str
  sample: POST_TEST_TRAFFIC_SHIFT
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
  sample: "hook manual-approval was answered with continue; web runs web:76: succeeded"
release:
  description: Number of the record that the operation left; null when nothing was done.
  returned: always
  type: int
  sample: 43
line:
  description: The last line shown.
  returned: always
  type: str
  sample: "outcome: proven: hook manual-approval was answered with continue; web runs web:76: succeeded (12 s)"
"""

from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import (
    following,
    held,
    last_word,
    live,
    operations,
    reads,
    rolling,
    waits,
)
from ansible_collections.steady.ecs.plugins.module_utils.rules import looks, pauses, verbs, verdict
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Spec, Task, execute

SPEC = Spec(
    options={
        **last_word.WRITING_OPTIONS,
        **following.OPTIONS,
        "hook": {"type": "str"},
        "action": {"type": "str", "choices": ["continue", "rollback"], "default": "continue"},
    },
)

TAKEN_WITHIN = 60
"""Seconds after which a hook that was answered and still waits is a fault of its own."""

WANTED = {"continue": (verdict.SUCCEEDED,), "rollback": (verdict.ROLLED_BACK,)}
"""The verdicts that each answer is given for."""

NOT_AS_ASKED = {"continue": ("ROLLBACK", "STOP"), "rollback": ("ROLLBACK_FAILED",)}
"""How the states of a service deployment begin that is not what the answer is given for (API reference,
ServiceDeployment)."""

Answer = dict[str, Any]


def run(task: Task) -> Answer:
    """Answer the hook, and follow what comes of it."""
    return last_word.spoken(task, "continue", lambda: _continued(task))


def _continued(task: Task) -> Answer:
    found = rolling.service(task)
    listed = following.listed(task, task.params["cluster"], found["serviceName"])
    paused = _paused(task, found, listed)
    nothing = {
        **rolling.NOTHING,
        "hook": None,
        "stage": None,
        "task_definition_arn": found["taskDefinition"],
        "desired_count": found["desiredCount"],
        "running_count": found["runningCount"],
        "release": None,
        "outcome": "unchanged",
    }
    if paused is None:
        return _no_hook_waits(task, found, looks.newest_service_deployment(listed), {**nothing, "changed": False})
    arn, pause = paused
    word = task.params["action"]
    if word == "continue" and pause.is_before_tasks:
        rolling.pullable(task, "continue", found, anew=True)
    if task.check_mode:
        detail = f"check mode: {pause.as_text()} would be answered with {word}"
        return {**nothing, "changed": True, "hook": pause.hook, "stage": pause.stage, "detail": detail}
    arguments = {"hook": pause.hook, "stage": pause.stage, "action": word}
    return rolling.recorded(task, "continue", arguments, lambda by: _act(task, by, arn, pause))


def _no_hook_waits(task: Task, found: Answer, newest: Answer | None, nothing: Answer) -> Answer:
    """What an interrupted run of this verb has answered is followed to its end; else the state of the newest service
    deployment is said. Raises Failure ``gone_back`` where that is no success of what is asked for."""
    said, action = f"no hook of {found['serviceName']} waits for an answer", task.params["action"]
    if newest is None:
        return {**nothing, "detail": said}
    arn, status = newest["serviceDeploymentArn"], newest["status"]
    store = live.store(task)
    left = verbs.last_before(store.records(), None, store.now)
    if left and verbs.has_no_end(left, "continue") and left["steps"]["service_deployment"] == arn:
        if task.check_mode:
            would = f"what the interrupted continue {left['seq']} has answered would be followed"
            return {**nothing, "detail": f"check mode: {said}; {would}"}
        arguments = {**left["operation"]["arguments"], "action": action}
        return rolling.recorded(task, "continue", arguments, lambda by: _go_on(task, by, left, newest))
    reason = f" ({newest['statusReason'].rstrip('.')})" if newest.get("statusReason") else ""
    state = f"{said}; its newest service deployment {looks.name_of(arn)} is {status}{reason}"
    if status.startswith(NOT_AS_ASKED[action]):
        raise Failure(f"{state}. Nothing was changed. Mend the cause and deploy again.", reason="gone_back")
    return {**nothing, "detail": state}


def _go_on(task: Task, by: held.Held, left: Answer, newest: Answer) -> Answer:
    """Follow the service deployment of an interrupted run to its end; after a rollback ECS lists no deployment of it
    any more."""
    found, was = rolling.service(task), left["operation"]["arguments"]
    noted = {
        "id": left["steps"]["deployment"],
        "taskDefinition": left["before"]["task_definition"],
        "createdAt": newest["createdAt"],
    }
    ours = looks.listed_as(noted, found) or noted
    seen = rolling.watching(task, found, set(), settled=False, ours=ours)
    seen.arn = newest["serviceDeploymentArn"]
    rolling.noted(by, seen)
    seen.say(f"no hook waits; following what the interrupted continue {left['seq']} has answered")
    answer = rolling.followed(seen, WANTED[task.params["action"]])
    runs = looks.name_of(answer["task_definition_arn"])
    hook, stage, action = (was.get(name) for name in ("hook", "stage", "action"))
    told = f"hook {hook} was answered with {action} by the interrupted continue {left['seq']}"
    detail = f"{told}; {seen.name} runs {runs}: {answer['verdict']}"
    result = {"hook": hook, "verdict": answer["verdict"]}
    fields = {"hook": hook, "stage": stage, "outcome": "proven", "detail": detail}
    return {**answer, **fields, "changed": False, "operation": result}


def _paused(task: Task, found: Answer, listed: list[Answer]) -> tuple[str, pauses.Pause] | None:
    """ARN of the deployment under way and the hook in it that waits; None when none does."""
    arn = looks.own_service_deployment(looks.primary(found), listed, set())
    rollout = reads.service_deployment(task, arn) if arn else None
    if arn is None or rollout is None:
        return None
    waiting = pauses.waiting(rollout)
    chosen, refusal = pauses.chosen(waiting, task.params["hook"])
    if refusal:
        raise Failure(refusal, reason="hook")
    return None if chosen is None else (arn, chosen)


def _act(task: Task, by: held.Held, arn: str, pause: pauses.Pause) -> Answer:
    found = rolling.service(task)
    seen = rolling.watching(task, found, set(), settled=False)
    seen.arn = arn
    rolling.noted(by, seen)
    action = task.params["action"]
    operations.continue_service_deployment(task, arn, pause.hook, action.upper(), pause.waits_in)

    def taken(_elapsed: float) -> bool | None:
        now = reads.service_deployment(task, arn)
        return True if now is None or not pause.waits_in(now) else None

    waits.until(taken, TAKEN_WITHIN, task.params["wait_delay"])
    seen.say(f"{pause.as_text()} was answered with {action}")
    answer = rolling.followed(seen, WANTED[action])
    runs = looks.name_of(answer["task_definition_arn"])
    detail = f"hook {pause.hook} was answered with {action}; {seen.name} runs {runs}: {answer['verdict']}"
    result = {"hook": pause.hook, "verdict": answer["verdict"]}
    told = {"hook": pause.hook, "stage": pause.stage, "outcome": "proven", "detail": detail}
    return {**answer, **told, "changed": True, "operation": result}


def main() -> None:
    """Run as a module process."""
    execute(SPEC, run)


if __name__ == "__main__":
    main()
