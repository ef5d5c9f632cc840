# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Follow one deployment to its end: look, show, read a failure's evidence. What it means, rules/progress.py says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import reads, waits, watch
from ansible_collections.steady.ecs.plugins.module_utils.rules import causes, looks
from ansible_collections.steady.ecs.plugins.module_utils.rules.progress import Progress, Step, clock_text
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Task

Answer = dict[str, Any]

MISSING = ("ServiceNotFoundException", "ServiceNotActiveException")
"""Codes for a service that is not there (API reference, ListServiceDeployments and ListTasks)."""
OPTIONS: dict[str, Any] = {
    "wait_timeout": {"type": "int", "default": 1800},
    "wait_delay": {"type": "int", "default": 5, "choices": list(range(1, 16))},
    "stable_seconds": {"type": "int", "default": 10},
}
"""How a deployment is followed, by the module deployment and by each verb that moves tasks."""


def _now() -> float:
    return waits.clock.now()


@dataclass
class Following:
    """A deployment that is followed, and what is known of it so far."""

    task: Task
    cluster: str
    name: str
    now: Answer
    """The service as it was last read."""
    progress: Progress
    """The memory of the wait: the deployment, its events, its first failure and the last verdict on it."""
    known: set[str] = field(default_factory=set)
    """ARNs of the service deployments that were listed before this one began."""
    arn: str | None = None
    """ARN of its service deployment, once it is listed; stays None where they are not offered."""
    cause: Answer | None = None
    began: float = field(default_factory=_now)
    """When the run began, by ``waits.clock``: lines are timed from here."""

    def elapsed(self) -> float:
        """Seconds since the run began."""
        return _now() - self.began

    def say(self, line: str) -> None:
        """Show a line of the module's own and enter it into the timeline."""
        elapsed = self.elapsed()
        self.task.report(f"{clock_text(elapsed)}  {self.progress.say(elapsed, line)}")

    def find_service_deployment(self) -> None:
        """Look for the ARN of what is watched, until it is listed. What is complete already needs none."""
        if self.arn is not None or self.progress.settled:
            return
        try:
            found = listed(self.task, self.cluster, self.name)
            self.arn = looks.own_service_deployment(self.progress.ours, found, self.known)
        except Failure as failure:
            if not (waits.passing(failure) or _is_missing(failure)):  # a look says whether it is gone
                raise


def listed(task: Task, cluster: str, name: str) -> list[Answer]:
    """Service deployments of the service; none where they are not offered."""
    return reads.service_deployments(task, cluster, name) or []


def begin(following: Following, resumes: bool) -> None:
    """Say what is watched, and how to resume and to stop it: after an interruption nothing can be said any more."""
    ours = following.progress.ours
    if following.progress.settled:
        return
    following.find_service_deployment()
    verb = "goes on watching" if resumes else "watching"
    following.say(f"{verb} deployment {ours['id']} of {looks.name_of(ours['taskDefinition'])}")
    following.say("if this is interrupted: the same command again resumes it")
    arn = following.arn
    stop = f"`aws ecs stop-service-deployment --service-deployment-arn {arn}`, or " if arn else ""
    following.say(f"to stop it and go back: {stop}the rollback playbook")


def follow(following: Following, seconds: float, delay: float) -> None:
    """Look every ``delay`` seconds until the last word is said, or ``seconds`` are over: ``following.progress.last``.

    A look that fails for a reason that may pass is shown once and made again; that the service is missing is believed
    at the second answer. Raises the Failure of one that cannot pass, and of a lease that another run has: whoever lost
    it must not go on.
    """
    absent: list[Failure] = []
    offset = following.elapsed()

    def poll(elapsed: float) -> Step | None:
        if following.task.lease is not None:
            following.task.lease.renew_if_due()
        try:
            following.find_service_deployment()
            wants_stopped = following.progress.wants_stopped
            seen = watch.look(following.task, following.cluster, following.name, following.arn, wants_stopped)
        except Failure as failure:
            absent.append(failure)
            if sum(map(_is_missing, absent)) > 1:
                return following.progress.end_deleted()
            if not waits.passing(failure) and not _is_missing(failure):
                raise
            if len(absent) == 1:
                following.say(f"could not look, looking on: {causes.readable(failure.msg)}")
            return None
        absent.clear()
        following.now = seen.service
        learn_revision(following, seen)
        step = following.progress.observe(elapsed + offset, seen)
        show(following, step, elapsed + offset)
        return step if step.verdict is not None else None

    if waits.until(poll, seconds, delay) is None:
        following.progress.give_up(seconds, seen=not absent)


def _is_missing(failure: Failure) -> bool:
    """Whether an answer lacks the service, which a single stale one may."""
    return failure.fields.get("reason") == "service_not_found" or failure.fields.get("code") in MISSING


def learn_revision(following: Following, seen: looks.Look) -> None:
    """Know what must not be shown before anything is said that may quote it: the reason of a failed task its command,
    an event a value. And whether ECS checks the health of such tasks, for its circuit breaker overlooks what exits
    without a check."""
    progress = following.progress
    if not progress.secrets and progress.wants_revision(seen):
        definition = watch.definition_if_readable(following.task, progress.ours["taskDefinition"])
        progress.secrets = causes.secret_values(definition)
        progress.checked = looks.has_health_checks(seen.service, definition)


def show(following: Following, step: Step, elapsed: float) -> None:
    """Put one look on the screen; read the evidence of the first failure while it is there."""
    if step.failure is not None:
        following.cause = explain(following, step.failure)
        following.say(f"task {looks.name_of(step.failure['taskArn'])[:8]} failed: {causes.as_text(following.cause)}")
    for line in step.lines:
        following.task.report(f"{clock_text(elapsed)}  {line}")
    following.task.count(f"{clock_text(elapsed)}  {step.state}")


def explain(following: Following, failed: Answer) -> Answer:
    """The cause of one task's failure, with the end of its log."""
    serving = looks.serving_container(following.now)
    container = str(causes.culprit(failed, serving).get("name", ""))
    definition = watch.definition_if_readable(following.task, failed["taskDefinitionArn"])
    stream = causes.log_stream(definition, container, failed["taskArn"])
    lines = watch.last_log_lines(following.task, stream, causes.LOG_LINES)
    progress, secrets = following.progress, causes.secret_values(definition)
    return causes.cause(failed, lines, progress.ill_targets(failed), progress.texts(), serving, secrets)


def find_cause(following: Following, nothing_is_meant: bool = False) -> None:
    """Settle the cause, once the last word is said: none of a success and of what another person did, the first
    failure's, else what events say. Of an end from outside a failed task is no cause, and is told beside it.

    ``nothing_is_meant`` as in ``Progress.went_well``.
    """
    progress, last, found = following.progress, following.progress.last, following.cause
    if progress.went_well(nothing_is_meant) or not last.has_cause:
        found = None
    elif progress.first_failure is None:
        found = causes.from_events(progress.telling())
    elif not (found or {}).get("log_lines"):
        found = explain(following, progress.first_failure)  # its last lines may have come after it ended
    if found and last.outside and progress.first_failure is not None:
        progress.last = last.beside(causes.as_text(found))
        found = None
    following.cause = found
