#!/usr/bin/python
# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: task_run
short_description: Run a one-off task in the place of an Amazon ECS service's
version_added: 0.1.0
description:
  - Starts one task of the service's revision with the service's own network, launch type or capacity providers,
    platform version and tags, waits until it has ended, and says the exit code, the cause and the end of the log.
  - Fails unless the container ended by itself with 0, so that a migration can be a gate.
  - Takes the lease on the service and leaves a record. The same task of an interrupted run is followed, not started
    again; another one that still runs is not run beside. ECS forgets a stopped task after an hour; one whose end nobody
    has seen until then is started anew only with O(again).
  - What O(command) and O(environment) hold reaches ECS only. There it stands in clear for whoever may read the task, so
    a secret belongs into the task definition's C(secrets).
author:
  - The steady.ecs authors (@steady-ecs)
options:
  task_definition:
    description: Another revision than the one that the service runs, as ARN or as C(family:revision).
    type: str
  wait_timeout:
    description: Seconds to wait for the end. After that the outcome is V(interrupted), the task goes on, and the same
      call follows it.
    type: int
    default: 1800
  again:
    description: Start the task although the end of an earlier one is not known, because ECS has forgotten it. One that
      ECS still knows is followed all the same.
    type: bool
    default: false
extends_documentation_fragment:
  - steady.ecs.job
  - steady.ecs.records
  - steady.ecs.operation
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    support: full
    description: Sends nothing and takes no lease; says what would be run.
"""

EXAMPLES = r"""
- name: Migrate the database
  steady.ecs.task_run:
    account: "640080112933"
    region: us-east-1
    cluster: pardon-production-cluster
    service: pardon-production-service
    container: coral
    command: [./manage, migrate]
    why: the new column
"""

RETURN = r"""
task:
  description: Id of the task; null in check mode.
  returned: always
  type: str
  sample: 1dc5c17a422b4dc4b493371970c6c4d6
container:
  description: The container that did the work.
  returned: success
  type: str
  sample: coral
task_definition_arn:
  description: Its revision.
  returned: success
  type: str
  sample: arn:aws:ecs:us-east-1:640080112933:task-definition/pardon-simulator:75
exit_code:
  description: The container's exit code; null when it never ran.
  returned: always
  type: int
  sample: 0
verdict:
  description: V(succeeded), V(failed), or V(unknown) when the time was over first; null in check mode.
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
outcome:
  description: The run's last word.
  returned: always
  type: str
  sample: proven
detail:
  description: It in one sentence.
  returned: success
  type: str
  sample: container coral of pardon-simulator:75 ended with 0 in task 1dc5c17a422b4dc4b493371970c6c4d6
release:
  description: Number of the record that the operation left; null when nothing was done.
  returned: always
  type: int
  sample: 43
line:
  description: The last line shown.
  returned: always
  type: str
  sample: "outcome: proven: container coral of pardon-simulator:75 ended with 0 (12 s)"
"""

from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import held, job, last_word, one_off, rolling
from ansible_collections.steady.ecs.plugins.module_utils.rules import looks
from ansible_collections.steady.ecs.plugins.module_utils.rules import one_off as rule
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Spec, Task, execute

SPEC = Spec(
    options={
        **last_word.WRITING_OPTIONS,
        **job.OPTIONS,
        "task_definition": {"type": "str"},
        "again": {"type": "bool", "default": False},
    }
)

Answer = dict[str, Any]


def run(task: Task) -> Answer:
    """Run the task to its end."""
    return last_word.spoken(task, "run_task", lambda: _ran(task))


def _ran(task: Task) -> Answer:
    wanted = job.Job(task, rolling.service(task))
    what = f"container {wanted.container} of {looks.name_of(wanted.revision)}"
    if task.check_mode:
        detail = f"check mode: a task with {what} would be run as {wanted.service['serviceName']} runs its own"
        return wanted.answer(changed=True, outcome="unchanged", detail=detail, release=None)
    arguments = rule.told(wanted.container, wanted.revision, wanted.command, wanted.environment)
    answer = rolling.recorded(task, rule.KIND, arguments, lambda by: _act(wanted, by))
    return {**answer, "outcome": "proven", "detail": f"{what} ended with 0 in task {answer['task']}"}


def _act(wanted: job.Job, by: held.Held) -> Answer:
    found = _of_an_interrupted_run(wanted, by)
    changed = found is None
    if found is None:
        found = job.started(wanted, rule.started_by(by.nonce), by.nonce)
    else:
        wanted.task.report(f"goes on waiting for task {job.id_of(found)}, which an interrupted run started")
    return {**job.ended(wanted, found), "changed": changed}


def _of_an_interrupted_run(wanted: job.Job, by: held.Held) -> Answer | None:
    """The task that a dead run of this very job started. Raises Failure while one of another job still runs, and
    where an earlier one's end cannot be known any more, unless it is to be run again."""
    numbers = sorted((seq for seq in by.store.records() if by.seq is None or seq < by.seq), reverse=True)
    runs, over = rule.unfinished((by.store.record(seq) for seq in numbers), by.store.now)
    listed: dict[str, list[str]] = {}
    for run in runs:
        revision = run.revision or wanted.revision
        tasks = one_off.started_by(wanted.task, wanted.cluster, rule.started_by(run.nonce), revision)
        listed[run.nonce] = [job.id_of(each) for each in tasks]
        for found in (each for each in tasks if job.id_of(each) not in over):
            if rule.is_equal(found, wanted.revision, wanted.overrides):
                return found
            if found.get("lastStatus") != "STOPPED":
                name = job.id_of(found)
                raise Failure(
                    f"Task {name}, which an interrupted run started, still runs something else. Nothing was started. "
                    f"Wait for its end, or `aws ecs stop-task --cluster {wanted.cluster} --task {name}`.",
                    reason="task_at_work",
                )
    refusal = rule.forgotten(runs, listed, by.store.now())
    if refusal and not wanted.task.params["again"]:
        raise Failure(refusal, reason="task_lost")
    return None


def main() -> None:
    """Run as a module process."""
    execute(SPEC, run)


if __name__ == "__main__":
    main()
