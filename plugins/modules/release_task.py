#!/usr/bin/python
# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: release_task
short_description: Run a one-off task of the new revision before an Amazon ECS service is rolled to it
version_added: 0.1.0
description:
  - A gate of a release, such as a migration of the database. Starts one task of the revision with the service's own
    network, launch type or capacity providers, platform version and tags, and waits until it has ended.
  - Fails unless the container ended by itself with 0. Then the service was not touched, and what the release has
    changed before is put back.
  - Does nothing where the service runs the revision already, or where nothing was opened. Fails, and starts nothing,
    when somebody else has changed the service since the release was opened.
  - It belongs to the release O(release). Whoever goes on with that follows the task, or takes its end for done, as long
    as ECS knows it, one hour. So what it does must bear to be done twice.
  - What O(command) and O(environment) hold reaches ECS only. There it stands in clear for whoever may read the task, so
    a secret belongs into the task definition's C(secrets).
author:
  - The steady.ecs authors (@steady-ecs)
options:
  cluster:
    description: Name of the cluster.
    type: str
    required: true
  service:
    description: Name of the service.
    type: str
    required: true
  task_definition:
    description: The revision to be rolled out, as ARN or as C(family:revision). In check mode it may end in C((next)).
    type: str
    required: true
  wait_timeout:
    description: Seconds to wait for the end. After that the task goes on, and so does the release with the same call.
    type: int
    default: 1800
  release:
    description: RV(steady.ecs.release#module:permit) in the answer of M(steady.ecs.release). Without it the task is run
      in any case, and not found again.
    type: dict
    default: {}
extends_documentation_fragment:
  - steady.ecs.job
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    support: full
    description: Sends nothing; says what would be run.
  diff_mode: {support: none, description: Changes no property of anything.}
"""

EXAMPLES = r"""
- name: Migrate the database before the rollout
  steady.ecs.release_task:
    cluster: pardon-production-cluster
    service: pardon-production-service
    task_definition: pardon-simulator:75
    container: coral
    command: [./manage, migrate]
"""

RETURN = r"""
task:
  description: Id of the task; null when none was run.
  returned: always
  type: str
  sample: 1dc5c17a422b4dc4b493371970c6c4d6
container:
  description: The container that did the work; null when none was run.
  returned: always
  type: str
  sample: coral
task_definition_arn:
  description: The revision.
  returned: always
  type: str
  sample: arn:aws:ecs:us-east-1:640080112933:task-definition/pardon-simulator:75
exit_code:
  description: The container's exit code; null when it never ran.
  returned: always
  type: int
  sample: 0
verdict:
  description: V(succeeded), V(failed), or V(unknown) when the time was over first; null when none was run.
  returned: always
  type: str
  sample: succeeded
cause:
  description: Why it failed, or null; see M(steady.ecs.deployment).
  returned: always
  type: dict
  sample: null
log_lines:
  description: The last lines of the container's log.
  returned: always
  type: list
  elements: str
  sample: [applied 3 migrations]
"""

import secrets
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import fence, held, job, one_off, rolling
from ansible_collections.steady.ecs.plugins.module_utils.rules import looks
from ansible_collections.steady.ecs.plugins.module_utils.rules import one_off as rule
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Spec, Task, execute

SPEC = Spec(
    options={
        "cluster": {"type": "str", "required": True},
        "service": {"type": "str", "required": True},
        "task_definition": {"type": "str", "required": True},
        **job.OPTIONS,
        **held.RELEASE_OPTION,
    }
)

Answer = dict[str, Any]


def run(task: Task) -> Answer:
    """Run the gate to its end, unless there is nothing to go through it."""
    revision, hold = task.params["task_definition"], held.of(task)
    if task.params["release"] == held.NOTHING_OPENED:
        return _nothing(revision)
    service = rolling.service(task)
    if service["taskDefinition"] == revision:
        return _nothing(revision)
    if task.check_mode:
        task.report(f"a one-off task of {looks.name_of(revision)} would have to end with 0 before the rollout")
        return {**_nothing(revision), "changed": True}
    gate = job.Job(fence.over(task, hold, service), service)
    mark, token = _identity(gate, hold)
    marked = one_off.started_by(task, gate.cluster, mark, gate.revision)
    found = next((each for each in marked if _is_it(gate, each)), None)
    if found is None:
        return {**_ended(gate, job.started(gate, mark, token)), "changed": True}
    task.report(f"task {job.id_of(found)} was started before, by this release")
    return {**_ended(gate, found), "changed": False}


def _identity(gate: job.Job, hold: held.Held | None) -> tuple[str, str]:
    """What the task is found by and started once by; outside a release, of this call alone."""
    if hold is None or hold.seq is None:
        return rule.gate(secrets.token_hex(8), 0, gate.revision, gate.overrides)
    return rule.gate(gate.service["serviceArn"], hold.seq, gate.revision, gate.overrides)


def _is_it(gate: job.Job, found: Answer) -> bool:
    return rule.is_equal(found, gate.revision, gate.overrides)


def _ended(gate: job.Job, found: Answer) -> Answer:
    """A gate that has not ended, or whose end is not known, says nothing of the release: it goes on, and so does the
    same command."""
    try:
        answer = job.ended(gate, found)
    except Failure as failure:
        if rule.may_go_on(failure.fields):
            failure.fields["cut_off"] = True
        raise
    answer.pop("operation", None)
    return answer


def _nothing(revision: str) -> Answer:
    return {**job.NOTHING, "changed": False, "task_definition_arn": revision}


def main() -> None:
    """Run as a module process."""
    execute(SPEC, run)


if __name__ == "__main__":
    main()
