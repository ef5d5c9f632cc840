# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""CloudWatch alarms and whether their metrics are there. Only asked; no value of a metric is read."""

from __future__ import annotations

from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges.aws import reading, translated
from ansible_collections.steady.ecs.plugins.module_utils.work import Task

Answer = dict[str, Any]

NAMES_A_CALL = 50
"""As many as one page of an answer has, so that none is on a second one (CloudWatch API reference, DescribeAlarms)."""


def named(task: Task, names: list[str]) -> dict[str, Answer]:
    """The alarms of these names that exist, composite ones too, which are left out unless they are asked for."""
    found: dict[str, Answer] = {}
    with translated("Reading the deployment alarms (cloudwatch:DescribeAlarms)"):
        cloudwatch = reading(task, "cloudwatch")
        for start in range(0, len(names), NAMES_A_CALL):
            answer = cloudwatch.describe_alarms(
                AlarmNames=names[start : start + NAMES_A_CALL], AlarmTypes=["MetricAlarm", "CompositeAlarm"]
            )
            for each in [*answer.get("MetricAlarms", []), *answer.get("CompositeAlarms", [])]:
                found[each["AlarmName"]] = each
    return found


def fed(task: Task, metric: Answer) -> bool:
    """Whether CloudWatch had data of a metric with exactly these dimensions in the last two weeks (ListMetrics)."""
    wanted = {(each["Name"], each["Value"]) for each in metric["Dimensions"]}
    with translated(f"Looking for metric {metric['Namespace']} {metric['MetricName']} (cloudwatch:ListMetrics)"):
        pages = reading(task, "cloudwatch").get_paginator("list_metrics")
        for page in pages.paginate(**{name: value for name, value in metric.items() if value}):
            for each in page["Metrics"]:
                if {(one["Name"], one["Value"]) for one in each.get("Dimensions", [])} == wanted:
                    return True
    return False
