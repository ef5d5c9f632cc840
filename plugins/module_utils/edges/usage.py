# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which revisions are named by something that may start tasks of them, anywhere in account and Region."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import reads
from ansible_collections.steady.ecs.plugins.module_utils.edges.aws import reading, translated
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Task

Answer = dict[str, Any]
Named = list[tuple[str, str]]
"""Pairs of a task definition as it is named (an ARN, ``family:revision``, or a bare family) and of who names it."""
Services = dict[tuple[str, str], Answer]
"""Services as DescribeServices answers them, by cluster and name."""
Unread = Callable[[Failure], None]
"""Called with why something cannot be read: raises, or returns where the rest is to be read all the same."""
UNCLEAR = "schedule"
"""Reason of a Failure: what a schedule starts is not to be understood."""
OVER = {"SUCCESSFUL", "STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED"}
"""Status of a service deployment that has ended (ECS API reference, ServiceDeployment)."""


def active_revisions(task: Task, family: str) -> list[str]:
    """ARNs of the ACTIVE revisions of exactly this family, oldest first."""
    with translated(f"Listing the revisions of {family} (ecs:ListTaskDefinitions)"):
        pages = reading(task, "ecs").get_paginator("list_task_definitions").paginate(familyPrefix=family, sort="ASC")
        arns = [arn for page in pages for arn in page["taskDefinitionArns"]]
    return [arn for arn in arns if family_of(arn) == family]


def services(task: Task) -> Services:
    """Every service of every cluster of account and Region."""
    return {
        (cluster, name): service
        for cluster in reads.cluster_names(task)
        for name, service in reads.services(task, cluster, reads.service_names(task, cluster)).items()
    }


def by_services(found: Services) -> Named:
    """What each service names: itself, its deployments, its task sets."""
    return [
        (named, f"service {name} of cluster {cluster}")
        for (cluster, name), service in found.items()
        for named in _named_by(service)
    ]


def _named_by(service: Answer) -> list[str]:
    holders = [service, *service.get("deployments", []), *service.get("taskSets", [])]
    return [each["taskDefinition"] for each in holders if each.get("taskDefinition")]


def sharing(found: Services, family: str) -> list[tuple[str, str]]:
    """Clusters and names of the services that run revisions of a family, as staging and production of one account
    may."""
    return [place for place, service in found.items() if family in map(family_of, _named_by(service))]


def by_tasks(task: Task, family: str) -> Named:
    """What the tasks of a family run, in every cluster: those that are to run, and those that are still stopping."""
    found: Named = []
    for cluster in reads.cluster_names(task):
        doing = f"Reading the tasks of {family} in {cluster} (ecs:ListTasks, ecs:DescribeTasks)"
        filters = ({"family": family, "desiredStatus": status} for status in ("RUNNING", "STOPPED"))
        for each in reads.filtered_tasks(task, doing, cluster, *filters):
            if each.get("lastStatus") != "STOPPED":
                who = f"task {each['taskArn'].rsplit('/', 1)[-1]} of cluster {cluster}"
                found.append((each["taskDefinitionArn"], who))
    return found


def by_service_deployments(task: Task, found: Services) -> Named:
    """What ECS would go back to by itself: both sides of each deployment under way.

    While alarms are watched after a deployment, the service itself lists the new side only, which may be of another
    family than the one that it comes from.
    """
    under_way = [place for place, service in found.items() if _under_way(service)]
    return [named for cluster, name in under_way for named in _sides(task, cluster, name)]


def family_of(named: str) -> str:
    """The family in an ARN, in ``family:revision``, or itself."""
    return named.rsplit("/", 1)[-1].rsplit(":", 1)[0]


def _under_way(service: Answer) -> bool:
    return any(each.get("rolloutState") != "COMPLETED" for each in service.get("deployments", []))


def _sides(task: Task, cluster: str, name: str) -> Named:
    found: Named = []
    for brief in reads.service_deployments(task, cluster, name) or []:
        if brief.get("status") in OVER:
            continue
        arn = brief["serviceDeploymentArn"]
        deployment = reads.service_deployment(task, arn) or {}
        sides = [*deployment.get("sourceServiceRevisions", []), deployment.get("targetServiceRevision") or {}]
        arns = [each["arn"] for each in sides if each.get("arn")]
        who = f"service deployment {arn.rsplit('/', 1)[-1]} of {name}"
        found += [(each["taskDefinition"], who) for each in reads.service_revisions(task, name, arns)]
    return found


def by_schedules(task: Task, unread: Unread) -> Named:
    """What EventBridge rules and EventBridge Scheduler start, each of them read apart. ``unread`` decides about one
    that may not be read, or is not to be understood: what is not known must not be deregistered unless it is meant."""
    return [*_rules(task, unread), *_schedules(task, unread)]


def _rules(task: Task, unread: Unread) -> Iterator[tuple[str, str]]:
    doing = "Reading EventBridge rules (events:ListEventBuses, events:ListRules, events:ListTargetsByRule)"
    read = functools.partial(_readable, doing, unread)
    events = reading(task, "events")
    for bus in read(_pages(events.list_event_buses, "EventBuses")):
        for rule in read(_pages(events.list_rules, "Rules", EventBusName=bus["Name"])):
            wanted = {"Rule": rule["Name"], "EventBusName": bus["Name"]}
            for target in read(_pages(events.list_targets_by_rule, "Targets", **wanted)):
                named = (target.get("EcsParameters") or {}).get("TaskDefinitionArn")
                if named:
                    yield named, f"EventBridge rule {rule['Name']}"


def _schedules(task: Task, unread: Unread) -> Iterator[tuple[str, str]]:
    doing = "Reading EventBridge Scheduler (scheduler:ListSchedules, scheduler:GetSchedule)"
    read = functools.partial(_readable, doing, unread)
    scheduler = reading(task, "scheduler")
    for each in read(_pages(scheduler.list_schedules, "Schedules")):
        yield from read(_started(scheduler, each))


def _started(scheduler: Any, brief: Answer) -> Iterator[tuple[str, str]]:
    """What one schedule starts, if it is a task."""
    schedule = scheduler.get_schedule(Name=brief["Name"], GroupName=brief.get("GroupName", "default"))
    target = schedule.get("Target") or {}
    who = f"schedule {brief['Name']}"
    named = (target.get("EcsParameters") or {}).get("TaskDefinitionArn") or _universal(target, who)
    if named:
        yield named, who


# pylint: disable-next=using-generic-type-syntax-in-unsupported-version  # Python 3.12
def _readable[T](doing: str, unread: Unread, members: Iterator[T]) -> Iterator[T]:
    """The members up to what cannot be read, which is handed to ``unread``."""
    try:
        with translated(doing):
            yield from members
    except Failure as failure:
        unread(failure)


def _universal(target: Answer, who: str) -> str | None:
    """The task definition that a universal target of ECS names in its input ("Using universal targets with EventBridge
    Scheduler"): the target is the API's operation, and the input its parameters. Raises Failure where that is not to be
    understood: what it names must not be deregistered."""
    if ":aws-sdk:ecs:" not in str(target.get("Arn")):
        return None
    try:
        given = json.loads(target.get("Input") or "{}")
        return str(given["TaskDefinition"]) if given.get("TaskDefinition") else None
    except (ValueError, AttributeError):
        raise Failure(
            f"The input of {who} is no JSON object, so what it starts is not known. Correct its target, or "
            "take the schedule away.",
            reason=UNCLEAR,
        ) from None


def _pages(call: Any, key: str, **arguments: Any) -> Iterator[Answer]:
    """All members of a list whose pages are linked by NextToken: not every one of these calls has a paginator."""
    token: Answer = {}
    while True:
        page = call(**arguments, **token)
        yield from page.get(key, [])
        if not page.get("NextToken"):
            return
        token = {"NextToken": page["NextToken"]}
