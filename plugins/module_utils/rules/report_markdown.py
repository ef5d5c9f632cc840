# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The report of a release for people: GitHub-flavoured Markdown, which a step summary, an issue and Slack take.

All text from AWS, the application and the inventory is foreign. It never starts a cell, a link, a tag or a code span:
names and values stand in code spans, prose is escaped, commands and log lines stand in indented blocks.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules import checks
from ansible_collections.steady.ecs.plugins.module_utils.rules.outcome import one_line
from ansible_collections.steady.ecs.plugins.module_utils.rules.records import BASELINE, Document
from ansible_collections.steady.ecs.plugins.module_utils.rules.report import NOT_RECORDED

ESCAPES = {each: f"\\{each}" for each in "\\`*_{}[]<>|~#"} | {"&": "&amp;", "@": "@\u200b"}
"""A backslash does not keep GitHub from reading a mention: it looks at the rendered text. A zero-width space does."""
LONGEST_CELL = 400


def escaped(value: Any) -> str:
    """Foreign text for one cell or one sentence: one line, limited in length, every special character escaped."""
    text = one_line("not set" if value is None else "" if value == "" else checks.text(value))
    if len(text) > LONGEST_CELL:
        text = text[: LONGEST_CELL - 1] + "…"
    return "".join(ESCAPES.get(each, each) for each in text).replace("://", ":&#47;&#47;").replace("www.", "www&#46;")


class Code(str):
    """A name or a value, shown as such."""


def _cell(value: Any) -> str:
    """A code span where nothing in the text can end it, else escaped text."""
    if not isinstance(value, Code):
        return escaped(value)
    text = one_line(value)
    if not text or len(text) > LONGEST_CELL or "`" in text or "|" in text:
        return escaped(text)
    return f"`{text}`"


def _value(value: Any, absent: str) -> str:
    """One side of a change."""
    return absent if value is None else value if value == NOT_RECORDED else Code(value)


def markdown(report: Document) -> str:
    """The whole page."""
    parts = [
        f"# {escaped(report['title'])}",
        _summary(report),
        _changes(report),
        _timeline(report),
        _verification(report),
        _cause(report),
        _traffic(report),
        _rollback(report),
        _monitoring(report),
        f"Written by steady.ecs {escaped(report['release']['tool'])}. The same facts are in report.json.",
    ]
    return "\n\n".join(each for each in parts if each) + "\n"


def _table(head: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return "\n".join([*lines, *(f"| {' | '.join(map(_cell, row))} |" for row in rows)])


def _code(lines: Iterable[str]) -> str:
    return "\n".join(f"    {one_line(line)}" for line in lines)


def _short(arn: str) -> str:
    return arn.rsplit("/", 1)[-1]


def _summary(report: Document) -> str:
    release, service, revision = report["release"], report["service"], report["task_definition"]
    rows = [
        ("Outcome", release["outcome"] or release["state"]),
        ("Verdict", release["verdict"]),
        ("Reason", release["reason"]),
        ("Region, account", f"{service['region']}, {service['account']}"),
        ("ECS cluster, service", f"{service['cluster']}, {service['service']}"),
        ("Tasks", f"{service['running']} of {service['desired']} running, status {service['status']}"),
        ("Deployment strategy", service["deployment_strategy"]),
        ("Task definition", f"{_short(revision['before'])} before, {_short(revision['after'])} after"),
        ("Live now", _short(service["task_definition"])),
        ("Containers of one task", f"{len(service['containers'])}: {', '.join(service['containers'])}"),
        *(("Target group", Code(each["arn"])) for each in service["target_groups"]),
        *(("Healthy targets", _targets(each)) for each in service["target_groups"]),
        *(("Health endpoint", Code(each)) for each in report["monitoring"]["endpoints"]),
        ("Logs", Code(", ".join(service["log_groups"]))),
        ("Why", release["why"]),
        ("Who", Code(release["who"])),
        ("From", release["host"]),
        ("Commit", " ".join(each for each in (release["commit"], release["ref"]) if each)),
        ("Inventory", _inventory(release)),
        ("Promoted from", Code(release["promoted_from"]) if release["promoted_from"] else None),
        ("Approved by", f"{release['approved_by']} (recorded, not enforced)" if release["approved_by"] else None),
        ("Release windows overridden", release["window_override"]),
        ("Deployment alarms", release["uncovered"]),
        *(("Image", Code(each)) for each in release["images"]),
        ("Started, finished", f"{release['started']}, {release['finished'] or 'not finished'}"),
        ("Duration", release["duration"]),
    ]
    return _table(("What", "Fact"), (row for row in rows if row[1] not in (None, "")))


def _inventory(release: Document) -> str | None:
    """The commit that the release was declared in."""
    commit = release["inventory_commit"]
    dirty = ", with changes that are not committed" if release["inventory_dirty"] else ""
    return f"{commit}{dirty}" if commit else None


def _targets(group: Document) -> str:
    leaving = f", {group['draining']} of earlier tasks draining" if group["draining"] else ""
    return f"{group['healthy']} of {group['targets']}{leaving}"


def _changes(report: Document) -> str:
    if not report["changes"]:
        return "## What changed\n\nNothing."
    rows = (
        (
            each["resource"],
            Code(each["property"]),
            _value(each["before"], "not set"),
            _value(each["after"], "removed"),
        )
        for each in report["changes"]
    )
    table = _table(("Resource", "Property", "Before", "After"), rows)
    undone = report["release"]["state"] == "rolled_back"
    said = "\n\nIt was put back, except what the reason above leaves out: see the timeline."
    return f"## What changed\n\n{table}" + (said if undone else "")


def _timeline(report: Document) -> str:
    rows = [f"- {escaped(each.get('time'))} {escaped(each['text'])}" for each in report["timeline"] if "time" in each]
    lines = [f"- {escaped(each['text'])}" for each in report["timeline"] if "seconds" in each]
    text = "## Deployment timeline\n\n" + "\n".join(rows)
    return (
        text
        if not lines
        else text + "\n\nWhile the service was rolled (time since the rollout began):\n\n" + "\n".join(lines)
    )


def _verification(report: Document) -> str:
    if not report["verification"]:
        return "## Verification\n\nNothing was verified."
    words = {True: "passed", False: "FAILED", None: "not checked"}
    rows = (
        (each["name"], each["expected"], each["found"] if each["ok"] is not None else each["reason"], words[each["ok"]])
        for each in report["verification"]
    )
    return "## Verification\n\n" + _table(("Check", "Expected", "Found", "Result"), rows)


def _cause(report: Document) -> str:
    cause = report["cause"]
    if not cause:
        return ""
    rows = [
        (name.replace("_", " "), value)
        for name, value in cause.items()
        if name not in ("log_lines", "events") and value not in (None, "", [])
    ]
    text = "## Cause\n\n" + _table(("What", "Found"), rows)
    lines = [str(each) for each in cause.get("log_lines") or []]
    return text if not lines else f"{text}\n\nLast lines of its log:\n\n{_code(lines)}"


def _traffic(report: Document) -> str:
    traffic = report["traffic"]
    if traffic is None:
        return "## Users\n\nRequests were not counted during this release."
    rows = ((each["name"], f"{each['value']} {each['unit']}".strip()) for each in traffic["counted"])
    text = "## Users\n\n" + _table(("What", "Count"), rows)
    if traffic["first_failures"]:
        text += "\n\nFirst failures:\n\n" + "\n".join(f"- {escaped(each)}" for each in traffic["first_failures"])
    return text


def _rollback(report: Document) -> str:
    plan = report["rollback"]
    restores, left = plan["restores"], plan["not_by_commands"]
    if plan["done"] is not None:
        return f"## Rollback plan\n\nNothing is to be done: this release was put back to release {plan['done']}."
    if restores is None:
        return "## Rollback plan\n\nNothing older is on record, so there is nothing to go back to."
    kind = BASELINE if restores["kind"] == BASELINE else "release"
    proven = "proven" if restores["proven"] else "not proven: as it was found"
    rows = [
        ("service", Code("taskDefinition"), Code(_short(restores["task_definition"]))),
        *((each["resource"], Code(each["property"]), Code(each["value"])) for each in restores["values"]),
    ]
    return "\n\n".join(
        [
            "## Rollback plan",
            f"Back to {kind} {restores['seq']} ({proven}):",
            _table(("Resource", "Property", "Value"), rows),
            "With the playbook, which also verifies:",
            _code([plan["command"]]),
            *(["By hand, in this order:", _code(plan["aws"])] if plan["aws"] else []),
            *([f"These commands leave as they are: {escaped(', '.join(left))}."] if left else []),
        ]
    )


def _monitoring(report: Document) -> str:
    watch = report["monitoring"]
    alarms = (
        (
            Code(each["metric"]),
            Code(each["condition"]),
            each["statistic"],
            Code("; ".join(f"{name}={value}" for name, value in each["dimensions"].items())),
        )
        for each in watch["alarms"]
    )
    return "\n\n".join(
        [
            "## Monitoring",
            "First hour:",
            "\n".join(
                [
                    *(f"- [ ] {escaped(each)}" for each in watch["first_hour"]),
                    *(f"- [ ] {_cell(Code(each))} answers" for each in watch["endpoints"]),
                ]
            ),
            "First 24 hours:",
            "\n".join(f"- [ ] {escaped(each)}" for each in watch["first_24_hours"]),
            "Alarms, all in AWS/ApplicationELB, and one on each health endpoint:",
            _table(("Metric", "Alarm when", "Statistic", "Dimensions"), alarms),
            "Metrics to look at:",
            "\n".join(f"- {escaped(each)}" for each in watch["metrics"]),
        ]
    )
