# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run one task to its end, in the place of a service's: what the verb run_task and a release's gates do alike."""

from __future__ import annotations

from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import following, one_off, operations, reads
from ansible_collections.steady.ecs.plugins.module_utils.rules import causes, looks, redact
from ansible_collections.steady.ecs.plugins.module_utils.rules import one_off as rule
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Task

Answer = dict[str, Any]

OPTIONS: dict[str, Any] = {
    "container": {"type": "str"},
    "command": {"type": "list", "elements": "str", "default": []},
    "environment": {"type": "dict", "default": {}},
    "wait_timeout": following.OPTIONS["wait_timeout"],
    "wait_delay": following.OPTIONS["wait_delay"],
}


NOTHING: Answer = {
    "task": None,
    "container": None,
    "task_definition_arn": None,
    "exit_code": None,
    "verdict": None,
    "cause": None,
    "log_lines": [],
}
"""The keys that every run answers, of one that ran nothing."""


class Job:
    """What is to be run."""

    def __init__(self, task: Task, service: Answer) -> None:
        params = task.params
        self.task, self.cluster, self.service = task, params["cluster"], service
        self.command, self.environment = params["command"], params["environment"]
        self.definition = reads.task_definition(task, params["task_definition"] or self.service["taskDefinition"])
        self.revision = str(self.definition["taskDefinitionArn"])
        self.container, refusal = rule.chosen_container(self.definition, self.service, params["container"])
        if refusal:
            raise Failure(f"{refusal} Nothing was started.", reason="declaration")
        self.overrides = rule.overrides(self.container, self.command, self.environment)

    @property
    def secrets(self) -> set[str]:
        """What must not come back in a log line or a reason: of the revision, and of what is given for this task."""
        given = self.overrides.get("containerOverrides", [])
        words = {each for each in self.command if len(each) >= causes.SHORTEST_SECRET}
        return causes.secret_values(self.definition) | causes.secret_values({"containerDefinitions": given}) | words

    def answer(self, **fields: Any) -> Answer:
        """The keys that every run returns."""
        return {**NOTHING, "container": self.container, "task_definition_arn": self.revision, **fields}


def started(job: Job, mark: str, token: str) -> Answer:
    """Start the task. ``mark``: what it is found by again; ``token``: ECS starts it once for each.

    Raises Failure: with the verdict ``unknown`` when nobody can say whether one was started.
    """
    arguments = rule.request(job.cluster, job.service, job.revision, job.overrides, mark, token)
    try:
        answer = operations.run_task(job.task, arguments)
    except Failure as failure:
        failure.msg = redact.without(failure.msg, job.secrets)  # a refusal may quote what was sent
        if not failure.fields.get("not_known"):
            raise
        raise Failure(failure.msg, **{**job.answer(**rule.not_ended(None)), **failure.fields}) from None
    if not answer.get("tasks"):
        fields = rule.not_started(answer.get("failures") or [], job.secrets)
        cause = fields["cause"]
        words = f": {cause['meaning']}" if cause["meaning"] else ""
        raise Failure(
            f"ECS started no task: {cause['reason']}{words}. Mend that, then run the same command again.",
            **job.answer(**fields),
        )
    found: Answer = answer["tasks"][0]
    job.task.report(f"started task {id_of(found)}; if this is interrupted: the same command goes on waiting for it")
    return found


def ended(job: Job, found: Answer) -> Answer:
    """Wait, and say what became of it. Raises Failure unless the container ended by itself with 0."""
    task, params, name = job.task, job.task.params, id_of(found)
    unknown = job.answer(**rule.not_ended(name))
    try:
        last = one_off.until_stopped(task, job.cluster, found["taskArn"], params["wait_timeout"], params["wait_delay"])
    except Failure as failure:  # whatever keeps us from looking is no failure of the task (case C78)
        raise Failure(failure.msg, **{**unknown, **failure.fields}) from None
    if last is None:
        raise Failure(
            f"{params['wait_timeout']} s have passed, and task {name} has not ended. It goes on: the same command goes "
            f"on waiting, `aws ecs stop-task --cluster {job.cluster} --task {name}` ends it.",
            **unknown,
        )
    end = rule.ended(last, job.definition, job.container)
    lines = _log(job, end.speaker, name)
    if end.well:
        return job.answer(**rule.told_of(name, end, None), log_lines=lines)
    cause = causes.cause(last, lines, [], [], secrets=job.secrets)
    raise Failure(
        f"The one-off task {name} failed. {causes.as_text(cause)}",
        **job.answer(**rule.told_of(name, end, cause), log_lines=lines, reason=end.verdict),
    )


def _log(job: Job, container: str, name: str) -> list[str]:
    lines = one_off.log_tail(job.task, job.definition, container, name, job.secrets)
    job.task.report("\n".join(f"log: {line}" for line in lines) or f"{container} has written no log that can be read")
    return lines


def id_of(found: Answer) -> str:
    """The id of a task, as people and records name it."""
    return looks.name_of(found["taskArn"])
