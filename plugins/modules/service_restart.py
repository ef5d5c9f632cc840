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
  - A deployment that is under way replaces all tasks already, and is followed; so is the one of an interrupted restart.
    While ECS takes one back nothing is restarted, for the tasks that it goes back to stay.
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
    description: Sends nothing and takes no lease; says what would be replaced.
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

from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import following, held, last_word, rolling, writes
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
        detail = (
            f"check mode: {found['desiredCount']} tasks of {looks.name_of(found['taskDefinition'])} would be replaced"
        )
        return {**nothing, "changed": True, "detail": detail}
    answer = rolling.recorded(task, "restart", {}, lambda by: _act(task, by))
    runs = looks.name_of(answer["task_definition_arn"])
    detail = f"{name} runs {runs}, {answer['running_count']}/{answer['desired_count']} running, all started anew"
    return {**answer, "outcome": "proven", "detail": detail}


def _act(task: Task, by: held.Held) -> Answer:
    cluster, name = task.params["cluster"], task.params["service"]
    found = rolling.service(task)
    listed = following.listed(task, cluster, name)
    if verdict.going_back(listed):
        raise Failure(
            f"ECS is taking a deployment of {name} back, and the tasks that it goes back to stay. Nothing was "
            "restarted. Run the same command again when it is over; `status` shows it.",
            reason="going_back",
        )
    before = looks.primary(found)
    in_progress = before.get("rolloutState") == "IN_PROGRESS"
    resumes = in_progress or verbs.left_by_a_dead_run(_last(by), "restart", before["id"])
    known: set[str] = set()
    if not resumes:
        known = {each["serviceDeploymentArn"] for each in listed}
        found = writes.update_service(
            task,
            cluster,
            name,
            {"forceNewDeployment": True},
            lambda seen: bool(looks.primary(seen).get("id") != before["id"]),
        )
    seen = rolling.watching(task, found, known, settled=resumes and not in_progress)
    rolling.noted(by, seen)
    following.begin(seen, resumes)
    answer = rolling.followed(seen, (verdict.SUCCEEDED,))
    result = {"deployment": answer["deployment_id"], "verdict": answer["verdict"]}
    return {**answer, "changed": not resumes, "operation": result}


def _last(by: held.Held) -> Answer | None:
    """The record before this operation's own."""
    earlier = [seq for seq in by.store.records() if by.seq is None or seq < by.seq]
    return by.store.record(max(earlier)) if earlier else None


def main() -> None:
    """Run as a module process."""
    execute(SPEC, run)


if __name__ == "__main__":
    main()
