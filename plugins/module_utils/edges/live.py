# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The live state of a service in the form that release records keep, and the place where its records are."""

from __future__ import annotations

from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import autoscaling, reads, stores
from ansible_collections.steady.ecs.plugins.module_utils.rules import (
    images,
    looks,
    ownership,
    release,
    restore,
    states,
    strategies,
)
from ansible_collections.steady.ecs.plugins.module_utils.rules.plan import Declared, Live
from ansible_collections.steady.ecs.plugins.module_utils.rules.records import Document
from ansible_collections.steady.ecs.plugins.module_utils.rules.settings import SCALING
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Task

STORE_OPTIONS: dict[str, Any] = {
    "store": {"type": "str"},
    "account": {"type": "str", "required": True},
    "cluster": {"type": "str", "required": True},
    "service": {"type": "str", "required": True},
}
"""The options that name a service and its store, equal in every module that reads or writes records."""


def store(task: Task) -> stores.Store:
    """The store of the service that a task names. Touches neither file nor network."""
    return stores.of(task)


def asked(task: Task, recorded: bool = False) -> Document:
    """The service that a task names, and what :func:`scaled` says of it."""
    return scaled(task, reads.service(task, task.params["cluster"], task.params["service"]), recorded)


def scaled(task: Task, found: Document, recorded: bool = False) -> Document:
    """A service with its scalable target laid beside it where the task declares one, or a release on record knows one
    (``recorded``, :func:`states.scales`). Nobody else is asked for the right to read it."""
    declared = SCALING in (task.params.get("settings") or {})
    return autoscaling.beside(task, found) if declared or recorded else found


def state(task: Task, recorded: bool = False) -> Document:
    """``before`` of a record: revision, PRIMARY deployment, settings, counts, all attributes of each group."""
    found = asked(task, recorded)
    primary = next((each["id"] for each in found.get("deployments", []) if each["status"] == "PRIMARY"), None)
    return {
        "task_definition": found["taskDefinition"],
        "deployment": primary,
        "settings": states.live_settings(found),
        "running": found["runningCount"],
        "desired": found["desiredCount"],
        "attributes": {arn: reads.target_group_attributes(task, arn) for arn in group_arns(found)},
    }


def running_images(task: Task) -> dict[str, str]:
    """By container, the image that runs, with its digest, where the API tells one and all tasks agree."""
    return images.running(reads.tasks(task, task.params["cluster"], task.params["service"]))


def newest_service_deployment(task: Task) -> str | None:
    """ARN of the newest service deployment; None where there is none, or they are not offered."""
    listed = reads.service_deployments(task, task.params["cluster"], task.params["service"])
    newest = looks.newest_service_deployment(listed or [])
    return str(newest["serviceDeploymentArn"]) if newest else None


def revision_arn(service: Document) -> str:
    """The revision that a service names. Raises Failure for one that has none of its own: its task sets do (C36)."""
    if not service.get("taskDefinition"):
        controller = looks.controller(service)
        raise Failure(
            f"{service['serviceName']} names no task definition, for its deployment controller is {controller}. "
            f"{looks.deployed_otherwise(controller)}",
            reason="controller",
        )
    return str(service["taskDefinition"])


def group_arns(service: Document) -> list[str]:
    """ARNs of the target groups that a service registers its tasks with, in a fixed order."""
    return sorted({each["targetGroupArn"] for each in service.get("loadBalancers", []) if each.get("targetGroupArn")})


def serving(task: Task, service: Document) -> Document:
    """The service with the target group that has its production traffic, where ECS alternates between two."""
    rules = strategies.production_rules(service)
    return strategies.serving(service, reads.listener_rules(task, rules)) if rules else service


def reachable(task: Task, wanted: Document, now: Document) -> Document:
    """Settings as they can be reached from those that a service has ``now``: from a pair of target groups back to the
    one that serves."""
    if not strategies.leads_back(wanted, now):
        return wanted
    return strategies.reachable(wanted, now, serving(task, now))


def restoration(task: Task, target: Document, records: release.Records, found: Document) -> Document:
    """What restoring a release means (:func:`restore.restoration`), in the target groups that serve by now."""
    restored = restore.restoration(target, records, found)
    wanted, now = restored["settings"], found["settings"]
    if strategies.leads_back(wanted, now):
        wanted = reachable(task, wanted, now)
    elif rules := restore.rules_of_pairs(restored, records, found):
        wanted = strategies.still_served(wanted, now, reads.listener_rules(task, rules))
    return {**restored, "settings": wanted}


def chosen(
    task: Task, head: Document, records: release.Records, found: Document, wanted: str | None
) -> tuple[restore.Choice, Document | None]:
    """Where a rollback goes, and what that comes to; None where there is nothing to go back to."""
    choice = restore.choose(head, records, found, wanted)
    record = choice.record
    if record is None:
        return choice, None
    if not choice.stands:
        return choice, restoration(task, record, records, found)
    cluster, name = task.params["cluster"], task.params["service"]
    looked = reads.service(task, cluster, name), reads.tasks(task, cluster, name)
    if damage := restore.damage(record, records, found, *looked):
        return restore.once_more(record, damage), restoration(task, record, records, found)
    return choice, restore.standing(record, records)


def whole(task: Task) -> Live:
    """A service, its revision and its target groups with all attributes: what a plan is made from."""
    service = asked(task)
    groups = reads.target_groups(task, group_arns(service))
    return Live(
        service=service,
        definition=reads.task_definition(task, revision_arn(service)),
        groups=groups,
        attributes={arn: reads.target_group_attributes(task, arn) for arn in (g["TargetGroupArn"] for g in groups)},
    )


DECLARATION_OPTIONS: dict[str, Any] = {
    "changes": {"type": "dict", "default": {}},
    "definition": {"type": "dict", "default": {}},
    "images": {"type": "dict", "default": {}},
    "settings": {"type": "dict", "default": {}},
    "attributes": {"type": "dict", "default": {}},
    "target_group": {"type": "str"},
    "attributes_of": {"type": "dict", "default": {}},
    "owner": ownership.OPTION,
}
"""The options that hold a whole declaration, equal in every module that only looks."""


def declared(task: Task) -> Declared:
    """The declaration in a task's options."""
    return Declared(**{name: task.params[name] for name in DECLARATION_OPTIONS})
