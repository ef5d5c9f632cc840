# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A verb that moves tasks: under the lease, on record, followed to its end, with the cause when it fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import following, held, reads, registry
from ansible_collections.steady.ecs.plugins.module_utils.rules import (
    checks,
    images,
    looks,
    refusals,
    runnable,
    verbs,
)
from ansible_collections.steady.ecs.plugins.module_utils.rules.progress import Progress
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Task

Answer = dict[str, Any]

NOTHING: Answer = {
    "verdict": None,
    "cause": None,
    "deployment_id": None,
    "service_deployment_arn": None,
    "events": [],
    "timeline": [],
}
"""What a verb answers that followed nothing."""


def service(task: Task) -> Answer:
    """The service that a verb is about. Raises Failure ``wrong_account``, and where ECS keeps no deployments of it
    (case C36)."""
    found = reads.declared_service(task)
    controller = looks.controller(found)
    if controller != "ECS":
        raise Failure(
            f"The deployment controller of {found['serviceName']} is {controller}. "
            f"{looks.deployed_otherwise(controller)}",
            reason="controller",
        )
    return found


def pullable(task: Task, verb: str, found: Answer, anew: bool) -> None:
    """Raise Failure ``image_gone`` where a new task of the live revision could not pull an image (case C67). What
    cannot be asked is said, and refuses nothing.

    ``anew``: in a deployment of its own, which resolves the tags once more. Else in the one that is PRIMARY, which
    starts further tasks by the digests that it has resolved them to ("Container image resolution", Amazon ECS developer
    guide).
    """
    revision = found["taskDefinition"]

    def needed() -> tuple[runnable.Needs]:
        content = reads.task_definition(task, revision)
        pins = {} if anew else images.established(content, _started_by_primary(task, found))
        return (runnable.Needs(images=runnable.needs(content, pins).images),)

    needs = registry.asked(f"images of {looks.name_of(revision)}", needed)
    asked = registry.checks_of(task, needs[0]) if isinstance(needs, tuple) else [needs]
    for each in checks.unanswered(refusals.naming(each, verb) for each in asked):
        task.warn(each)
    gone = checks.failed(asked)
    if gone:
        raise Failure(
            f"Nothing was changed, for no new task of {looks.name_of(revision)} could start. "
            f"{' '.join(map(checks.sentence, gone))} deploy.yml brings another; rollback.yml goes back to the last "
            "proven release, and names the nearest that can run where that one cannot.",
            reason="image_gone",
            changed=False,
        )


def _started_by_primary(task: Task, found: Answer) -> list[Answer]:
    lead = looks.primary(found).get("id")
    tasks = reads.tasks(task, task.params["cluster"], found["serviceName"])
    return [each for each in tasks if each.get("startedBy") == lead]


def recorded(
    task: Task, kind: str, arguments: Answer, act: Callable[[held.Held], Answer], dead: Answer | None = None
) -> Answer:
    """Act under the lease with a record around it (held.operate); the answer, or the Failure, has its number."""

    def acting(held_by_us: held.Held) -> Answer:
        try:
            return {**act(held_by_us), "release": held_by_us.seq}
        except Failure as failure:
            result = failure.fields.get("operation") or {
                name: failure.fields.get(name) for name in ("verdict", "cause")
            }
            fields = {**failure.fields, "release": held_by_us.seq, "operation": result}
            raise Failure(failure.msg, **fields) from None

    answer = held.operate(task, kind, task.params["why"], arguments, acting, dead)
    answer.pop("operation", None)
    return answer


def watching(
    task: Task, now: Answer, known: set[str], settled: bool, ours: Answer | None = None, hold: float | None = None
) -> following.Following:
    """The PRIMARY deployment of a service (or ``ours``), to be followed. ``settled``: it was complete before the verb
    began. ``known``: service deployments that were listed before it."""
    seconds = task.params["stable_seconds"] if hold is None else hold
    progress = Progress(ours or looks.primary(now), seconds, settled)
    return following.Following(task, task.params["cluster"], now["serviceName"], now, progress, known)


def noted(by: held.Held, seen: following.Following) -> None:
    """Note in the record which deployment it is, now and when the run is interrupted."""

    def steps() -> Answer:
        return {"deployment": seen.progress.ours["id"], "service_deployment": seen.arn}

    by.known = steps
    by.note(steps())


def followed(seen: following.Following, wanted: tuple[str, ...]) -> Answer:
    """Follow a deployment to its end, and answer it when the verdict is one of ``wanted``.

    Raises Failure with the cause for any other; and for whatever keeps us from looking, which is no failure of the
    deployment (case C78).
    """
    params, progress = seen.task.params, seen.progress
    try:
        following.follow(seen, params["wait_timeout"], params["wait_delay"])
    except Failure as failure:
        raise Failure(
            f"{failure.msg} Deployment {progress.ours['id']} goes on; the same command looks again.",
            **{**_answer(seen, "unknown"), **failure.fields},
        ) from None
    last = progress.last
    if last.word in wanted:
        seen.say(f"{last.word}: {last.reason}")
        return _answer(seen, last.word)
    following.find_cause(seen)
    raise Failure(
        verbs.unwanted(seen.name, progress.ours, progress.last, seen.cause, seen.arn),
        **{"reason": last.word, **_answer(seen, last.word)},
    )


def _answer(seen: following.Following, word: str) -> Answer:
    progress = seen.progress
    return {
        "verdict": word,
        "cause": seen.cause,
        "deployment_id": progress.ours["id"],
        "service_deployment_arn": seen.arn,
        "task_definition_arn": seen.now.get("taskDefinition"),
        "desired_count": seen.now["desiredCount"],
        "running_count": seen.now["runningCount"],
        "events": progress.events,
        "timeline": progress.timeline,
    }
