# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether the alarms that guard a deployment can guard it: they exist, something feeds them, and none rings already.

An alarm that is in ALARM when a deployment begins is ignored for all of it (case C96; "How CloudWatch alarms detect
Amazon ECS deployment failures", Amazon ECS developer guide).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules import plan
from ansible_collections.steady.ecs.plugins.module_utils.rules.checks import Check, check, failed
from ansible_collections.steady.ecs.plugins.module_utils.rules.looks import group_name, groups_of, name_of

Answer = dict[str, Any]

FLAG = "preflight_without_alarm_cover"
READY = "there, fed by a metric, and not in ALARM"
SPARSE = re.compile(r"HTTPCode_|Error|Rejected|Dropped|Failed|Throttle|5[xX][xX]|4[xX][xX]")
"""Metrics that count what goes wrong: many are reported only when there is something to count ("CloudWatch metrics for
your Application Load Balancer"), so that none is there says nothing."""


def names(declared: plan.Declared, live: plan.Live) -> list[str]:
    """The alarms that will guard the deployment: as declared, else as they are."""
    before = (live.service.get("deploymentConfiguration") or {}).get("alarms") or {}
    configuration = declared.settings.get("deploymentConfiguration")
    wanted = configuration.get("alarms") if isinstance(configuration, dict) else None
    alarms = {**before, **wanted} if isinstance(wanted, dict) else before
    listed = alarms.get("alarmNames")
    return [str(each) for each in listed] if alarms.get("enable") and isinstance(listed, list) else []


def metrics(alarms: dict[str, Answer]) -> dict[str, Answer]:
    """By alarm, the metric to look for: of those that watch one, and one that is there whenever its source is."""
    return {
        name: {each: alarm.get(each) or [] for each in ("Namespace", "MetricName", "Dimensions")}
        for name, alarm in alarms.items()
        if alarm.get("MetricName") and not SPARSE.search(alarm["MetricName"])
    }


def checks(wanted: list[str], alarms: dict[str, Answer], unfed: set[str]) -> Iterator[Check]:
    """Of each alarm whether it can ring for this deployment. ``unfed``: those whose metric CloudWatch does not have."""
    for name in wanted:
        alarm = alarms.get(name)
        found = READY
        if alarm is None:
            found = "no such alarm"
        elif alarm.get("StateValue") == "ALARM":
            found = "in ALARM already, so ECS ignores it for this deployment"
        elif name in unfed:
            found = f"no metric {alarm['Namespace']} {alarm['MetricName']} with its dimensions in the last two weeks"
        yield check(
            f"deployment alarm {name}",
            READY,
            found,
            found == READY,
            "It would not stop a bad deployment. Wait until it is OK, correct it or its name, or go "
            f"on without its cover: -e {FLAG}=true, which the report says.",
        )


def cover(found: list[Check]) -> str:
    """What the report says of alarms that do not guard the release, in one line; empty when all do."""
    missing = [f"{each['name'].removeprefix('deployment alarm ')}: {each['found']}" for each in failed(found)]
    return f"no alarm cover ({'; '.join(missing)})" if missing else ""


def elsewhere(alarms: dict[str, Answer], live: plan.Live) -> list[str]:
    """Alarms that watch another target group, load balancer or service than this one's."""
    service = live.service
    ours = {
        "TargetGroup": {
            arn.rpartition(":")[2] for entry in service.get("loadBalancers") or [] for arn in groups_of(entry)
        },
        "LoadBalancer": {
            arn.partition(":loadbalancer/")[2] for each in live.groups for arn in each.get("LoadBalancerArns", [])
        },
        "ServiceName": {str(service.get("serviceName"))},
        "ClusterName": {name_of(service.get("clusterArn"))},
    }
    return [
        f"The deployment alarm {name} watches {each['Name']} {group_name(each['Value'])}, which is not this service's: "
        "it may never ring for it, or ring for another."
        for name, alarm in alarms.items()
        for each in alarm.get("Dimensions") or []
        if ours.get(each["Name"]) and each["Value"] not in ours[each["Name"]]
    ]


def one_sided(alarms: dict[str, Answer], live: plan.Live) -> list[str]:
    """Alarms that watch one group of a pair between which ECS shifts the production traffic, and none the other (case
    C98)."""
    watched: dict[str, list[str]] = {}
    for name, alarm in alarms.items():
        for each in alarm.get("Dimensions") or []:
            watched.setdefault(str(each["Value"]), []).append(name)
    found = []
    for entry in live.service.get("loadBalancers") or []:
        by_group = {arn: watched.get(arn.rpartition(":")[2], []) for arn in groups_of(entry)}
        blind, names = (
            [arn for arn, by in by_group.items() if not by],
            sorted({n for by in by_group.values() for n in by}),
        )
        if names and blind:
            found.append(
                f"{', '.join(group_name(arn) for arn in blind)} is watched by no deployment alarm, and its twin by "
                f"{', '.join(names)}: production alternates between both, so at every second release nobody watches. "
                "Make an alarm for each group."
            )
    return found
