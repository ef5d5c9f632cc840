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
    again; another one that still runs is not run beside.
  - What O(command) and O(environment) hold reaches ECS only. There it stands in clear for whoever may read the task, so
    a secret belongs into the task definition's C(secrets).
author:
  - The steady.ecs authors (@steady-ecs)
options:
  container:
    description: The container that does the work. The default is the one that the load balancer asks, else the first
      essential one. It must be essential.
    type: str
  command:
    description: Command in the place of the image's.
    type: list
    elements: str
    default: []
  environment:
    description: Variables over those of the revision.
    type: dict
    default: {}
  task_definition:
    description: Another revision than the one that the service runs, as ARN or as C(family:revision).
    type: str
  wait_timeout:
    description: Seconds to wait for the end. After that the outcome is V(interrupted), the task goes on, and the same
      call follows it.
    type: int
    default: 1800
  wait_delay:
    description: Seconds between two looks.
    type: int
    default: 5
    choices: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]
extends_documentation_fragment:
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

from ansible_collections.steady.ecs.plugins.module_utils.edges import (
    following,
    held,
    last_word,
    one_off,
    operations,
    reads,
    rolling,
)
from ansible_collections.steady.ecs.plugins.module_utils.rules import causes, looks
from ansible_collections.steady.ecs.plugins.module_utils.rules import one_off as rule
from ansible_collections.steady.ecs.plugins.module_utils.rules.verdict import FAILED, SUCCEEDED, UNKNOWN
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Spec, Task, execute

SPEC = Spec(
    options={
        **last_word.WRITING_OPTIONS,
        "container": {"type": "str"},
        "command": {"type": "list", "elements": "str", "default": []},
        "environment": {"type": "dict", "default": {}},
        "task_definition": {"type": "str"},
        "wait_timeout": following.OPTIONS["wait_timeout"],
        "wait_delay": following.OPTIONS["wait_delay"],
    },
)

Answer = dict[str, Any]


class Job:
    """What is to be run."""

    def __init__(self, task: Task) -> None:
        params = task.params
        self.task, self.cluster = task, params["cluster"]
        self.command, self.environment = params["command"], params["environment"]
        self.service = rolling.service(task)
        self.definition = reads.task_definition(task, params["task_definition"] or self.service["taskDefinition"])
        self.revision = str(self.definition["taskDefinitionArn"])
        self.container, refusal = rule.chosen_container(self.definition, self.service, params["container"])
        if refusal:
            raise Failure(f"{refusal} Nothing was started.", reason="declaration")
        self.overrides = rule.overrides(self.container, self.command, self.environment)

    @property
    def secrets(self) -> set[str]:
        """What must not come back in a log line."""
        return {*self.command, *(str(value) for value in self.environment.values())}

    def answer(self, **fields: Any) -> Answer:
        """The keys that every run returns."""
        nothing: Answer = {
            "task": None,
            "exit_code": None,
            "verdict": None,
            "cause": None,
            "log_lines": [],
            "release": None,
        }
        return {**nothing, "container": self.container, "task_definition_arn": self.revision, **fields}


def run(task: Task) -> Answer:
    """Run the task to its end."""
    return last_word.spoken(task, "run_task", lambda: _ran(task))


def _ran(task: Task) -> Answer:
    job = Job(task)
    what = f"container {job.container} of {looks.name_of(job.revision)}"
    if task.check_mode:
        detail = f"check mode: a task with {what} would be run as {job.service['serviceName']} runs its own"
        return job.answer(changed=True, outcome="unchanged", detail=detail)
    arguments = rule.told(job.container, job.revision, job.command, job.environment)
    answer = rolling.recorded(task, rule.KIND, arguments, lambda by: _act(job, by))
    return {**answer, "outcome": "proven", "detail": f"{what} ended with 0 in task {answer['task']}"}


def _act(job: Job, by: held.Held) -> Answer:
    found = _of_an_interrupted_run(job, by)
    changed = found is None
    if found is None:
        found = _start(job, by)
    else:
        job.task.report(f"goes on waiting for task {_id(found)}, which an interrupted run started")
    return {**_ended(job, found), "changed": changed}


def _of_an_interrupted_run(job: Job, by: held.Held) -> Answer | None:
    """The task that a dead run of this very job started. Raises Failure while one of another job still runs."""
    numbers = sorted((seq for seq in by.store.records() if by.seq is None or seq < by.seq), reverse=True)
    nonces, ended = rule.unfinished(by.store.record(seq) for seq in numbers)
    for nonce in nonces:
        for found in one_off.started_by(job.task, job.cluster, rule.started_by(nonce)):
            if _id(found) in ended:
                continue
            if rule.is_equal(found, job.revision, job.overrides):
                return found
            if found.get("lastStatus") != "STOPPED":
                raise Failure(
                    f"Task {_id(found)}, which an interrupted run started, still runs something else. Nothing was "
                    f"started. Wait for its end, or `aws ecs stop-task --cluster {job.cluster} --task {_id(found)}`.",
                    reason="task_at_work",
                )
    return None


def _start(job: Job, by: held.Held) -> Answer:
    arguments = rule.request(job.cluster, job.service, job.revision, job.overrides, by.nonce)
    answer = operations.run_task(job.task, arguments)
    if not answer.get("tasks"):
        cause = rule.not_started(answer.get("failures") or [])
        words = f": {cause['meaning']}" if cause["meaning"] else ""
        raise Failure(
            f"ECS started no task: {cause['reason']}{words}. Mend that, then run the same command again.",
            **job.answer(verdict=FAILED, cause=cause, reason="not_started"),
        )
    found: Answer = answer["tasks"][0]
    job.task.report(f"started task {_id(found)}; if this is interrupted: the same command goes on waiting for it")
    return found


def _ended(job: Job, found: Answer) -> Answer:
    """Wait, and judge."""
    task, params, name = job.task, job.task.params, _id(found)
    unknown = job.answer(task=name, verdict=UNKNOWN, operation={"task": name, "verdict": UNKNOWN})
    try:
        last = one_off.until_stopped(task, job.cluster, found["taskArn"], params["wait_timeout"], params["wait_delay"])
    except Failure as failure:  # whatever keeps us from looking is no failure of the task (case C78)
        raise Failure(
            f"{failure.msg} Task {name} goes on; the same command looks again.", **{**unknown, **failure.fields}
        ) from None
    if last is None:
        raise Failure(
            f"{params['wait_timeout']} s have passed, and task {name} has not ended. It goes on: the same command goes "
            f"on waiting, `aws ecs stop-task --cluster {job.cluster} --task {name}` ends it.",
            **{**unknown, "reason": UNKNOWN},
        )
    code = rule.exit_code(last, job.container)
    if rule.succeeded(last, job.definition, job.container):
        lines = _log(job, job.container, name)
        result: Answer = {"task": name, "exit_code": code, "verdict": SUCCEEDED}
        return job.answer(task=name, exit_code=code, verdict=SUCCEEDED, log_lines=lines, operation=result)
    culprit = str(causes.culprit(last).get("name") or job.container)
    lines = _log(job, culprit, name)
    cause = causes.cause(last, lines, [], [])
    result = {"task": name, "exit_code": code, "verdict": FAILED, "cause": cause}
    raise Failure(
        f"The one-off task {name} failed. {causes.as_text(cause)}",
        **job.answer(
            task=name, exit_code=code, verdict=FAILED, cause=cause, log_lines=lines, operation=result, reason=FAILED
        ),
    )


def _log(job: Job, container: str, name: str) -> list[str]:
    lines = one_off.log_tail(job.task, job.definition, container, name, job.secrets)
    job.task.report("\n".join(f"log: {line}" for line in lines) or f"{container} has written no log that can be read")
    return lines


def _id(found: Answer) -> str:
    return looks.name_of(found["taskArn"])


def main() -> None:
    """Run as a module process."""
    execute(SPEC, run)


if __name__ == "__main__":
    main()
