# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether releases on record can still run: asked before anything moves, and every day, not in the emergency (C67)."""

from __future__ import annotations

from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import live as live_edge
from ansible_collections.steady.ecs.plugins.module_utils.edges import reads, registry, surroundings
from ansible_collections.steady.ecs.plugins.module_utils.rules import (
    ownership,
    plan,
    release,
    restore,
    runnable,
    stack,
    states,
)
from ansible_collections.steady.ecs.plugins.module_utils.rules.checks import Check, failed, sentence
from ansible_collections.steady.ecs.plugins.module_utils.rules.images import digest_of, recorded, resolved
from ansible_collections.steady.ecs.plugins.module_utils.rules.states import state_of
from ansible_collections.steady.ecs.plugins.module_utils.work import Task

Answer = dict[str, Any]

MOST_TRIED = 5
"""Releases that are tried for the nearest one that can run: each takes a handful of calls."""


def of_record(task: Task, record: Answer) -> list[Check]:
    """Checks of all that a release needs to run again: its revision, its images as recorded, its secrets."""
    arn = str(state_of(record)["task_definition"])
    content = registry.revision(task, arn)
    found = runnable.revision(arn, content["status"] if content else None)
    if content is None or not found["ok"]:
        return [found]
    pins = registry.moved_tags(task, content, recorded(record))
    return [found, *registry.checks_of(task, runnable.needs(content, pins))]


def missing(task: Task, now: plan.Live, base: Answer | None) -> tuple[list[str], list[str]]:
    """What the running revision and the way back need and is gone, in words; and what could not be asked (case C67).

    ``base``: the record of the release that a rollback would restore now; None without one.
    """
    needed = runnable.needs(now.definition)
    found = registry.checks_of(task, needed)
    words = [f"What runs could not be started again: {sentence(each)}" for each in failed(found)]
    further = of_further_tasks(task, now, needed) if task.params["further_tasks"] else []
    words += [f"No task could take the place of one that is lost: {sentence(each)}" for each in failed(further)]
    found += further
    if base is not None and state_of(base)["task_definition"] != now.definition["taskDefinitionArn"]:
        older = of_record(task, base)
        words += [f"Release {base['seq']}, the way back, cannot run: {sentence(each)}" for each in failed(older)]
        found += older
    return words, [f"{each['name']}: {each['reason']}" for each in found if each["ok"] is None]


def of_further_tasks(task: Task, now: plan.Live, asked: runnable.Needs) -> list[Check]:
    """Checks of the images by the digests that the running deployment starts further tasks with, beside what was
    ``asked``: a tag may mean another content by now, and what it meant be gone ("Container image resolution", Amazon
    ECS developer guide)."""
    if all(digest_of(image) for image in asked.images):
        return []
    arns = [each["arn"] for each in now.service.get("currentServiceRevisions", [])]
    name = now.service["serviceName"]
    revisions = registry.asked("images of further tasks", lambda: reads.service_revisions(task, name, arns))
    if isinstance(revisions, dict):
        return [revisions]
    arn = now.definition["taskDefinitionArn"]
    lead: Answer = next((each for each in revisions if each["taskDefinition"] == arn), {})
    pinned = runnable.needs(now.definition, resolved(now.definition, lead))
    return registry.checks_of(task, runnable.Needs(images=pinned.without(asked).images))


def attributes(task: Task, records: release.Records, chosen: Answer, live: Answer) -> list[Check]:
    """Whether the stacks that own the target groups can give back what that release had."""
    if task.params["owner"] != ownership.STACK:
        return []
    wanted = restore.restoration(chosen, records, live)["attributes"]
    groups = {each["TargetGroupArn"]: each for each in reads.target_groups(task, list(wanted))}
    parts = [stack.Part(groups[arn], wanted[arn], live["attributes"][arn]) for arn in wanted if arn in groups]
    return surroundings.through_stacks(task, parts)


def checks(task: Task, records: release.Records, chosen: Answer, live: Answer) -> list[Check]:
    """The checks of the release that a rollback restores. Each that fails names the nearest release that can run."""
    found = of_record(task, chosen)
    if runnable.can_run(found):
        return found
    others = restore.others(records, chosen, live)[:MOST_TRIED]
    able = next((each["seq"] for each in others if runnable.can_run(of_record(task, each))), None)
    remedy = runnable.nearest(chosen["seq"], able, len(others))
    return [each if each["ok"] is not False else {**each, "remedy": f"{each['remedy']} {remedy}"} for each in found]


def to_restore(task: Task, now: plan.Live, wanted: str | None) -> list[Check]:
    """Whether the release that a rollback would restore can run. That there is none is said by who opens it."""
    store = live_edge.store(task)
    head, records = store.head(), store.records()
    service = live_edge.scaled(task, now.service, states.scales(head, records))
    state = {
        "task_definition": service["taskDefinition"],
        "settings": states.live_settings(service),
        "desired": service["desiredCount"],
        "attributes": now.attributes,
    }
    choice = restore.choose(head, records, state, wanted)
    if choice.record is None:
        return []
    return [*checks(task, records, choice.record, state), *attributes(task, records, choice.record, state)]
