# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which revisions are named by something that may start tasks of them, anywhere in account and Region."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import reads
from ansible_collections.steady.ecs.plugins.module_utils.edges.aws import reading, translated
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Task

Answer = dict[str, Any]
Named = list[tuple[str, str]]
"""Pairs of a task definition as it is named (an ARN, ``family:revision``, or a bare family) and of who names it."""
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


def by_services(task: Task) -> Named:
    """What every service of every cluster names: itself, its deployments, its task sets."""
    found: Named = []
    for cluster in reads.cluster_names(task):
        names = reads.service_names(task, cluster)
        for name, service in reads.services(task, cluster, names).items():
            who = f"service {name} of cluster {cluster}"
            holders = [service, *service.get("deployments", []), *service.get("taskSets", [])]
            found += [(each["taskDefinition"], who) for each in holders if each.get("taskDefinition")]
    return found


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


def by_service_deployments(task: Task, family: str) -> Named:
    """What ECS would go back to by itself: both sides of each deployment under way of a service of this family.

    While alarms are watched after a deployment, the service itself lists the new side only.
    """
    found: Named = []
    for cluster in reads.cluster_names(task):
        names = reads.service_names(task, cluster)
        for name, service in reads.services(task, cluster, names).items():
            if family_of(service.get("taskDefinition") or "") == family and _under_way(service):
                found += _sides(task, cluster, name)
    return found


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
        with translated(f"Reading the revisions of {name} (ecs:DescribeServiceRevisions)"):
            answer = reading(task, "ecs").describe_service_revisions(serviceRevisionArns=arns) if arns else {}
        who = f"service deployment {arn.rsplit('/', 1)[-1]} of {name}"
        found += [(each["taskDefinition"], who) for each in answer.get("serviceRevisions", [])]
    return found


def by_schedules(task: Task) -> Named:
    """What EventBridge rules and EventBridge Scheduler start. Raises Failure ``access_denied`` when either is not to
    be read: what is not known must not be deregistered."""
    return [*_rules(task), *_schedules(task)]


def _rules(task: Task) -> Iterator[tuple[str, str]]:
    with translated("Reading EventBridge rules (events:ListRules, events:ListTargetsByRule)"):
        events = reading(task, "events")
        for bus in _pages(events.list_event_buses, "EventBuses"):
            for rule in _pages(events.list_rules, "Rules", EventBusName=bus["Name"]):
                wanted = {"Rule": rule["Name"], "EventBusName": bus["Name"]}
                for target in _pages(events.list_targets_by_rule, "Targets", **wanted):
                    named = (target.get("EcsParameters") or {}).get("TaskDefinitionArn")
                    if named:
                        yield named, f"EventBridge rule {rule['Name']}"


def _schedules(task: Task) -> Iterator[tuple[str, str]]:
    with translated("Reading EventBridge Scheduler (scheduler:ListSchedules, scheduler:GetSchedule)"):
        scheduler = reading(task, "scheduler")
        for each in _pages(scheduler.list_schedules, "Schedules"):
            schedule = scheduler.get_schedule(Name=each["Name"], GroupName=each.get("GroupName", "default"))
            target = schedule.get("Target") or {}
            who = f"schedule {each['Name']}"
            named = (target.get("EcsParameters") or {}).get("TaskDefinitionArn") or _universal(target, who)
            if named:
                yield named, who


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
            f"The input of {who} is no JSON object, so what it starts is not known. Nothing was deregistered. Correct "
            "its target, or take the schedule away.",
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
