# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The report of one release as facts: from its record, what the run found, and the service as it is afterwards.

The facts are the source (report.json); ``report_markdown`` only lays them out. Values of the environment come in with
the run's differences, redacted by the module that compared, or not at all: a record has none.
"""

from __future__ import annotations

from ansible_collections.steady.ecs.plugins.module_utils.rules.history import changed_count, declared_content
from ansible_collections.steady.ecs.plugins.module_utils.rules.looks import group_name, name_of
from ansible_collections.steady.ecs.plugins.module_utils.rules.outcome import duration_text
from ansible_collections.steady.ecs.plugins.module_utils.rules.records import (
    BASELINE,
    CALLER_SAYS,
    ROLLBACK,
    ROLLED_BACK,
    Document,
    audit_of,
)
from ansible_collections.steady.ecs.plugins.module_utils.rules.states import (
    COUNT,
    differences,
    flat_settings,
    properties,
    state_of,
)
from ansible_collections.steady.ecs.plugins.module_utils.rules.task_definition_meaning import RESOURCE as CONTENT

SCHEMA = 1
NOT_RECORDED = "not recorded"
ALARM_NAMESPACE = "AWS/ApplicationELB"
ELB_PREFIX = "loadbalancer/"

TRAFFIC = (
    ("users", "Users at work", ""),
    ("seconds", "Watched for", "s"),
    ("requests", "Requests served", ""),
    ("failed", "Requests failed", ""),
    ("lost_messages", "Messages lost", ""),
    ("moves", "Moves to another task", ""),
    ("moves_off_healthy", "Moves off a healthy task", ""),
    ("p50", "Median answer time", "ms"),
    ("p99", "99th percentile", "ms"),
    ("max", "Slowest answer", "ms"),
)
"""Key in the summary of a traffic generator, what it is called here, its unit."""

TITLES = {
    "proven": "proven",
    "unchanged": "unchanged",
    "failed_rolled_back": "failed and rolled back",
    "failed": "failed",
    "superseded": "superseded by another deployment",
    "held": "held by another run",
    "error": "ended by an error",
}


def facts(service: Document, definition: Document, groups: list[Document], health: dict[str, list[str]]) -> Document:
    """What the service is now, from AWS's answers: ``health`` has the states of each target group's targets."""
    containers = definition.get("containerDefinitions", [])
    logs = [each.get("logConfiguration") or {} for each in containers]
    return {
        "status": service["status"],
        "desired": service["desiredCount"],
        "running": service["runningCount"],
        "task_definition": service["taskDefinition"],
        "deployment_strategy": service.get("deploymentConfiguration", {}).get("strategy", "ROLLING"),
        "containers": [each["name"] for each in containers],
        "log_groups": sorted({each["options"]["awslogs-group"] for each in logs if _has_group(each)}),
        "target_groups": [_group(each, health.get(each["TargetGroupArn"], [])) for each in groups],
    }


def report(record: Document, found: Document, results: Document, restored: Document | None) -> Document:
    """The facts of one release.

    ``results``: differences (redacted), checks, cause, timeline, traffic, endpoints; what is null is taken from the
    record. ``restored`` is what a rollback of it would put back, with ``commands`` and ``left`` of :mod:`by_hand` and
    the ``command`` of the playbook; None where there is nothing.
    """
    verdict, audit, target = record["verdict"], audit_of(record), record["target"]
    seconds = verdict["duration_seconds"]
    timeline = results["timeline"] or verdict["timeline"] or []
    return {
        "schema": SCHEMA,
        "title": _title(record),
        "release": {
            **{name: record[name] for name in ("seq", "kind", "state", "base", "restores")},
            **{name: audit.get(name) for name in (*CALLER_SAYS, "tool", "started", "finished")},
            "images": sorted((verdict.get("images") or {}).values()),
            "outcome": verdict["outcome"],
            "verdict": verdict["result"],
            "reason": verdict["reason"],
            "rolled_back_by": verdict["rolled_back_by"],
            "duration_seconds": seconds,
            "duration": None if seconds is None else duration_text(seconds),
        },
        "service": {**{name: target[name] for name in ("account", "region", "cluster", "service")}, **found},
        "task_definition": {
            "before": record["before"]["task_definition"],
            "after": state_of(record)["task_definition"],
            "registered": record["steps"]["registered"],
            "deployment": record["steps"]["deployment"],
            "service_deployment": record["steps"]["service_deployment"],
        },
        "changes": _changes(record, results["differences"]),
        "timeline": [*_moves(record), *_lines(timeline)],
        "verification": _verification(record, results["checks"]),
        "cause": results["cause"] or verdict["cause"],
        "traffic": _traffic(results["traffic"]),
        "rollback": _rollback(record, restored),
        "monitoring": monitoring(record, found, results["endpoints"]),
    }


def monitoring(record: Document, found: Document, endpoints: list[str]) -> Document:
    """What to watch, and for how long. No metric HealthCheckStatus exists in AWS/ApplicationELB: an alarm on it never
    fires. Metrics as in "CloudWatch metrics for your Application Load Balancer"."""
    desired = found["desired"]
    alarms = []
    for group in found["target_groups"]:
        for balancer in group["load_balancers"]:
            dimensions = {"LoadBalancer": balancer, "TargetGroup": group["dimension"]}
            for metric, statistic, condition in (
                ("UnHealthyHostCount", "Maximum", "> 0 for 2 of 3 minutes"),
                ("HealthyHostCount", "Minimum", f"< {desired} for 3 minutes"),
                ("HTTPCode_Target_5XX_Count", "Sum", "> 0 for 2 of 3 minutes"),
            ):
                alarms.append(
                    {
                        "namespace": ALARM_NAMESPACE,
                        "metric": metric,
                        "statistic": statistic,
                        "condition": condition,
                        "dimensions": dimensions,
                    }
                )
    logs = ", ".join(found["log_groups"]) or "the containers' logs"
    sticky = sorted(
        {key for values in record["intent"]["attributes"].values() for key in values if "stickiness" in key}
    )
    return {
        "first_hour": [
            f"{desired} of {desired} tasks run {name_of(found['task_definition'])}, and none is replaced",
            "every target of the service is healthy",
            f"no new errors in {logs}",
            "a user's conversation of several turns keeps its context",
        ],
        "first_24_hours": [
            "threads are restored when a session comes back, and no message is lost",
            "conversations go on after a page refresh and after a task was replaced",
            *(["users stay on one task for as long as the stickiness says"] if sticky else []),
            "the drift check finds nothing",
        ],
        "alarms": alarms,
        "endpoints": endpoints,
        "metrics": [
            f"{ALARM_NAMESPACE}: RequestCount, HealthyHostCount, UnHealthyHostCount, TargetResponseTime",
            "AWS/ECS: CPUUtilization, MemoryUtilization",
            "ECS/ContainerInsights: RunningTaskCount (where Container Insights is on)",
        ],
    }


def _title(record: Document) -> str:
    name, number = record["target"]["service"], record["seq"]
    if record["kind"] == BASELINE:
        return f"Baseline {number} of {name}: as it was found"
    ended = TITLES.get(record["verdict"]["outcome"] or "", record["state"].replace("_", " "))
    kind = f"Rollback {number} to release {record['restores']}" if record["kind"] == ROLLBACK else f"Release {number}"
    return f"{kind} of {name}: {ended}"


def _has_group(log: Document) -> bool:
    return log.get("logDriver") == "awslogs" and bool((log.get("options") or {}).get("awslogs-group"))


def _group(group: Document, states: list[str]) -> Document:
    arn = group["TargetGroupArn"]
    return {
        "name": group["TargetGroupName"],
        "arn": arn,
        "dimension": arn.rsplit(":", 1)[-1],
        "load_balancers": [each.split(ELB_PREFIX, 1)[-1] for each in group.get("LoadBalancerArns", [])],
        "targets": len(states) - states.count("draining"),
        "healthy": states.count("healthy"),
        "draining": states.count("draining"),
    }


def _changes(record: Document, found: list[Document] | None) -> list[Document]:
    """Before and after, in the order of the release: attributes, task definition, settings."""
    after, was = state_of(record), properties(record["before"])
    rows = [
        {"resource": each.resource, "property": each.path, "before": each.actual, "after": each.expected}
        for each in differences(after, record["before"])
    ]
    known = {"service", *(resource for resource, _path in was)}  # a group may have been attached by the release
    rows += [
        {"resource": resource, "property": path, "before": None if resource in known else NOT_RECORDED, "after": value}
        for (resource, path), value in properties(after).items()
        if (resource, path) not in was and value not in (None, "")
    ]
    rows.sort(key=lambda each: (each["resource"] == "service", each["property"] != "taskDefinition"))
    attributes = [each for each in rows if each["resource"] != "service"]
    service = [each for each in rows if each["resource"] == "service"]
    return [*attributes, *_content(record, found), *service, *_count(record)]


def _content(record: Document, found: list[Document] | None) -> list[Document]:
    """Changes inside the task definition: the run's own differences. Where these have none, the names on record: a run
    that goes on with a release may find its revision live already, and a later report knows of no run."""
    shown = [
        {
            "resource": each["resource"],
            "property": each["path"],
            "before": each.get("actual"),
            "after": each.get("expected"),
        }
        for each in found or []
        if each.get("resource") == CONTENT
    ]
    return shown or [
        {"resource": CONTENT, "property": path, "before": NOT_RECORDED, "after": NOT_RECORDED}
        for path in declared_content(record)
    ]


def _count(record: Document) -> list[Document]:
    return [
        {"resource": "service", "property": COUNT, "before": was, "after": count}
        for was, count in changed_count(record)
    ]


def _moves(record: Document) -> list[Document]:
    """The states of the record, and who has gone on with it; one that repeats itself for another step is one line."""
    log, moves = record["log"], []
    for before, each in zip([None, *log], log, strict=False):
        resumed = f", gone on with by {each['who']}" if each.get("who") else ""
        if resumed or before is None or before["state"] != each["state"]:
            moves.append({"time": each["t"], "text": each["state"].replace("_", " ") + resumed})
    return moves


def _lines(timeline: list[Document]) -> list[Document]:
    return [
        {"seconds": each["seconds"], "text": f"{duration_text(float(each['seconds']))}: {each['text']}"}
        for each in timeline
    ]


def _verification(record: Document, checks: list[Document] | None) -> list[Document]:
    """Each check with what was expected and found; from the record, where only the detail is kept."""
    if checks:
        names = ("name", "expected", "found", "ok", "remedy", "reason")
        return [{name: each.get(name) for name in names} for each in checks]
    return [
        {
            "name": each["name"],
            "expected": None,
            "found": each["detail"],
            "ok": each["ok"],
            "remedy": None,
            "reason": None,
        }
        for each in record["verdict"]["checks"] or []
    ]


def _traffic(summary: Document | None) -> Document | None:
    if not summary:
        return None
    counted = [
        {"name": title, "value": summary[key], "unit": unit}
        for key, title, unit in TRAFFIC
        if isinstance(summary.get(key), (int, float)) and not isinstance(summary.get(key), bool)
    ]
    failures = summary.get("first_failures")
    return {
        "counted": counted,
        "first_failures": [str(each) for each in failures][:10] if isinstance(failures, list) else [],
    }


def _rollback(record: Document, restored: Document | None) -> Document:
    done = record["base"] if record["state"] == ROLLED_BACK else None
    if restored is None:
        return {"restores": None, "done": done, "command": None, "aws": [], "not_by_commands": []}
    rows = [
        *(
            {"resource": f"target group {group_name(arn)}", "property": key, "value": text}
            for arn, values in restored["attributes"].items()
            for key, text in values.items()
        ),
        *(
            {"resource": "service", "property": path, "value": value}
            for path, value in flat_settings(restored["settings"]).items()
        ),
    ]
    return {
        "restores": {**{name: restored[name] for name in ("seq", "kind", "proven", "task_definition")}, "values": rows},
        "done": done,
        "command": restored["command"],
        "aws": restored["commands"],
        "not_by_commands": restored["left"],
    }
