#!/usr/bin/python
# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: service_restart
short_description: Replace all tasks of an Amazon ECS service by new ones of the same revision
version_added: 0.1.0
description:
  - Forces one new deployment and follows it to its end. No task definition is sent, so no old one can be pinned.
  - A deployment that is under way replaces all tasks already, and is followed; so is the one of an interrupted restart,
    also when ECS has finished it, if that restart's last word is less than an hour old. While ECS takes one back
    nothing is restarted, for the tasks that it goes back to stay.
  - Refuses where an image of the revision is gone from Amazon ECR, for ECS may stop tasks in the place of which no new
    one can start; one that cannot be asked about is said.
  - Takes the lease on the service and leaves a record.
author:
  - The steady.ecs authors (@steady-ecs)
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
    description: Sends nothing and takes no lease; says what would be replaced or followed, and refuses what is refused.
"""

EXAMPLES = r"""
- name: Replace all tasks
  steady.ecs.service_restart:
    account: "640080112933"
    region: us-east-1
    cluster: pardon-production-cluster
    service: pardon-production-service
    why: new certificates on the volume
"""

RETURN = r"""
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

from dataclasses import dataclass
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import (
    fence,
    following,
    held,
    last_word,
    live,
    rolling,
    stores,
    writes,
)
from ansible_collections.steady.ecs.plugins.module_utils.rules import looks, verbs, verdict
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Spec, Task, execute

SPEC = Spec(options={**last_word.WRITING_OPTIONS, **following.OPTIONS})

Answer = dict[str, Any]


def run(task: Task) -> Answer:
    """Restart the service, once."""
    return last_word.spoken(task, "restart", lambda: _restarted(task))


def _restarted(task: Task) -> Answer:
    found = rolling.service(task)
    name = found["serviceName"]
    nothing = {
        **rolling.NOTHING,
        "task_definition_arn": found["taskDefinition"],
        "desired_count": found["desiredCount"],
        "running_count": found["runningCount"],
        "release": None,
        "outcome": "unchanged",
    }
    if found["desiredCount"] == 0:
        return {**nothing, "changed": False, "detail": f"{name} is to run no task, so there is nothing to restart"}
    if task.check_mode:
        return {**nothing, **_planned(task, found)}
    return rolling.recorded(task, "restart", {}, lambda by: _act(task, by))


def _planned(task: Task, found: Answer) -> Answer:
    """What a run would do now, for check mode."""
    decided = _decide(task, found, live.store(task), None)
    if not decided.resumes:
        rolling.pullable(task, "restart", found, anew=True)
    lead = looks.primary(found)["id"]
    if decided.in_progress:
        detail = f"deployment {lead} is under way and replaces all tasks, so it would be followed"
    elif decided.left:
        detail = f"nothing would be sent: {_earlier(decided.left, lead)}"
    else:
        tasks = f"{found['desiredCount']} tasks of {looks.name_of(found['taskDefinition'])}"
        detail = f"{tasks} would be replaced"
    return {"changed": not decided.resumes, "detail": f"check mode: {detail}"}


@dataclass(frozen=True)
class Decision:
    """What is to be done about a service."""

    listed: list[Answer]
    """Its service deployments."""
    in_progress: bool
    """Whether a deployment is under way, which replaces all tasks already."""
    left: Answer | None
    """The record of an interrupted restart whose deployment ECS has finished."""

    @property
    def resumes(self) -> bool:
        """Whether nothing is sent."""
        return self.in_progress or self.left is not None


def _decide(task: Task, found: Answer, store: stores.Store, ours: int | None) -> Decision:
    """``ours``: the number of this run's record. Raises Failure ``going_back``."""
    name = task.params["service"]
    listed = following.listed(task, task.params["cluster"], name)
    if verdict.going_back(listed):
        raise Failure(
            f"ECS is taking a deployment of {name} back, and the tasks that it goes back to stay. Nothing was "
            "restarted. Run the same command again when it is over; `status` shows it.",
            reason="going_back",
            changed=False,
        )
    lead = looks.primary(found)
    if lead.get("rolloutState") == "IN_PROGRESS":
        return Decision(listed, in_progress=True, left=None)
    last = verbs.last_before(store.records(), ours, store.now)
    is_left = last is not None and verbs.left_by_a_dead_run(last, "restart", lead["id"])
    return Decision(listed, False, last if last and is_left and verbs.is_recent(last, store.now()) else None)


def _earlier(left: Answer, deployment: str) -> str:
    """What an interrupted restart has come to, and how to restart all the same."""
    return (
        f"deployment {deployment}, begun at {left['audit']['started']} by the interrupted restart {left['seq']}, has "
        "replaced them; run again to restart anew"
    )


def _act(task: Task, by: held.Held) -> Answer:
    cluster, name = task.params["cluster"], task.params["service"]
    found = rolling.service(task)
    decided = _decide(task, found, by.store, by.seq)
    before, known = looks.primary(found), set[str]()
    if not decided.resumes:
        rolling.pullable(task, "restart", found, anew=True)
        known = {each["serviceDeploymentArn"] for each in decided.listed}
        found = writes.update_service(
            fence.over(task, by, found),
            cluster,
            name,
            {"forceNewDeployment": True},
            lambda seen: bool(looks.primary(seen).get("id") != before["id"]),
        )
    seen = rolling.watching(task, found, known, settled=decided.left is not None)
    rolling.noted(by, seen)
    following.begin(seen, decided.resumes)
    answer = rolling.followed(seen, (verdict.SUCCEEDED,))
    result = {"deployment": answer["deployment_id"], "verdict": answer["verdict"]}
    runs = looks.name_of(answer["task_definition_arn"])
    anew = _earlier(decided.left, answer["deployment_id"]) if decided.left else "all started anew"
    detail = f"{name} runs {runs}, {answer['running_count']}/{answer['desired_count']} running, {anew}"
    return {**answer, "outcome": "proven", "detail": detail, "changed": not decided.resumes, "operation": result}


def main() -> None:
    """Run as a module process."""
    execute(SPEC, run)


if __name__ == "__main__":
    main()
