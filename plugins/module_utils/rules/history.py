# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What release records say to people and to scripts: who, when, why, from which commits, what changed, how it ended.

A record is untrusted text: it may come from a store that others write to (rules/redact.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules import causes, images
from ansible_collections.steady.ecs.plugins.module_utils.rules.conclusion import GOES_ON
from ansible_collections.steady.ecs.plugins.module_utils.rules.looks import group_name, name_of
from ansible_collections.steady.ecs.plugins.module_utils.rules.outcome import duration_text, one_line, shortened
from ansible_collections.steady.ecs.plugins.module_utils.rules.records import (
    CALLER_SAYS,
    FINAL,
    OPERATIONS,
    RELEASES,
    SUCCEEDED,
    Document,
    audit_of,
    proven,
    seconds_between,
)
from ansible_collections.steady.ecs.plugins.module_utils.rules.states import COUNT, flat_settings, settled, state_of

AUDIT = (*CALLER_SAYS, "started", "finished")
APPROVAL = "Steady records who approved, and does not check it"
INTERRUPTED = "interrupted"
NO_END = "no end"
GOES_ON_WITH_IT = "its run is at work (`status` shows who is), or has died and the same command goes on with it"
SHOWN_CHANGES = 3
SHOWN_COMMIT = 12


def entry(record: Document) -> Document:
    """One release as a script gets it; every key is there in every entry, null where nothing is on record."""
    audit, verdict = audit_of(record), record["verdict"]
    return {
        **{name: record[name] for name in ("seq", "kind", "state", "base", "restores")},
        "proven": proven(record),
        "interrupted": _interrupted(record),
        **{name: audit.get(name) for name in AUDIT},
        "duration_seconds": verdict["duration_seconds"] or _seconds(audit["started"], audit.get("finished")),
        "previous_task_definition": record["before"]["task_definition"],
        "task_definition": state_of(record)["task_definition"],
        "images": images.recorded(record),
        "changed": changed(record),
        "outcome": _outcome(record),
        "verdict": verdict["result"],
        "reason": verdict["reason"],
        "rolled_back_by": verdict["rolled_back_by"],
        "cause": verdict["cause"] or _result(record).get("cause"),
        "checks": verdict["checks"] or [],
        "timeline": verdict["timeline"] or [],
        "operation": record.get("operation"),
        "log": record["log"],
        "problem": None,
    }


def unread(seq: int, problem: str) -> Document:
    """The entry of a record that cannot be trusted: its number, and what is wrong with which document."""
    names = ("kind", "state", "base", "restores", *AUDIT, "duration_seconds", "previous_task_definition")
    more = ("task_definition", "outcome", "verdict", "reason", "rolled_back_by", "cause", "operation")
    lists = {name: list[Any]() for name in ("changed", "checks", "timeline", "log")}
    known = {"seq": seq, "proven": False, "interrupted": False, "images": {}, "problem": shortened(problem)}
    return {**dict.fromkeys((*names, *more)), **lists, **known}


def changed(record: Document) -> list[str]:
    """What a release changed, or was to change, one name each: first what differs from what was there, then what it
    declares of the content of another revision. Of that the names, for no value is kept."""
    before, intent, after = record["before"], record["intent"], state_of(record)
    found = []
    if after["task_definition"] != before["task_definition"]:
        found.append(f"revision: {name_of(before['task_definition'])} -> {name_of(after['task_definition'])}")
    found += [f"{COUNT}: {was} -> {count}" for was, count in changed_count(record)]
    was, wanted = flat_settings(before["settings"]), flat_settings(intent["settings"])
    means = settled(intent["settings"])
    found += [
        f"{path}: {_shown(was.get(path))} -> {_shown(value)}"
        for path, value in sorted(wanted.items())
        if was.get(path) not in (value, means.get(path, value))
    ]
    for arn, values in sorted(intent["attributes"].items()):
        had = before["attributes"].get(arn, {})
        found += [
            f"{key} of {group_name(arn)}: {_shown(had.get(key))} -> {_shown(value)}"
            for key, value in sorted(values.items())
            if had.get(key) != value
        ]
    found += [f"declared: {_without_defaults(path)}" for path in declared_content(record)]
    return [one_line(each) for each in found]


def changed_count(record: Document) -> list[tuple[int, int]]:
    """The desired count before and after where a release changed it: one pair or none. How many tasks ran is no count
    that somebody desired; records of old have no other."""
    was, count = record["before"].get("desired"), record["intent"]["count_policy"]["count"]
    return [] if None in (was, count) or was == count else [(was, count)]


def declared_content(record: Document) -> list[str]:
    """Paths that a release declares in the task definition. One whose revision is the one before changed none of it."""
    if record["steps"]["task_definition"] == record["before"]["task_definition"]:
        return []
    return list(record["intent"]["task_definition"]["changes"] or [])


def line(found: Document) -> str:
    """One release in one line: number, kind, how it ended, when, who, what, commits, approval, why, cause or reason.
    Of one that cannot be trusted: number and problem."""
    if found["problem"]:
        return f"{found['seq']:>4}  {found['problem']}"
    said = [
        _took(found),
        _person(found["who"]),
        _content(found),
    ]
    commits = [
        f"{label} {found[name][:SHOWN_COMMIT]}"
        for label, name in (("commit", "commit"), ("inventory", "inventory_commit"))
        if found[name]
    ]
    said += commits
    if found["approved_by"]:
        said.append(f"approved by {found['approved_by']}")
    if found["why"]:
        said.append(f"why: {found['why']}")
    if _ended(found) == NO_END:
        said.append(GOES_ON_WITH_IT)
    said.append(_why_ended(found))
    columns = (f"{found['seq']:>4}", f"{found['kind']:<8}", f"{_ended(found):<11}", one_line(str(found["started"])))
    return "  ".join([*columns, *(one_line(each) for each in said if each)])


def whole(found: Document) -> list[str]:
    """Everything on record of one release, line by line, with the log lines that were saved when it failed."""
    lines = [f"release {found['seq']}: {found['kind']}, {_ended(found)}"]
    rows = (
        ("started", found["started"]),
        ("finished", found["finished"]),
        ("took", _took(found)),
        ("who", found["who"]),
        ("host", found["host"]),
        ("why", found["why"]),
        ("application commit", found["commit"]),
        ("ref", found["ref"]),
        ("inventory commit", _inventory(found)),
        ("approved by", found["approved_by"] and f"{found['approved_by']} ({APPROVAL})"),
        ("outside windows", found["window_override"]),
        ("deployment alarms", found["uncovered"]),
        ("promoted from", found["promoted_from"]),
        ("restores release", found["restores"]),
        ("built on release", found["base"]),
        ("interrupted", "yes" if found["interrupted"] else None),
        (NO_END, GOES_ON_WITH_IT if _ended(found) == NO_END else None),
        ("verdict", found["verdict"]),
        ("rolled back by", found["rolled_back_by"]),
        ("reason", found["reason"]),
    )
    lines += [f"  {name:<18}  {one_line(str(value))}" for name, value in rows if value not in (None, "")]
    lines += [f"  {'changed':<18}  {each}" for each in found["changed"]]
    lines += [f"  {'image':<18}  {one_line(f'{name}: {image}')}" for name, image in sorted(found["images"].items())]
    lines += _operation_lines(found["operation"])
    for each in found["checks"]:
        state = {True: "ok", False: "FAILED", None: "not checked"}[each.get("ok")]
        lines.append(
            f"  {'check':<18}  {one_line(each['name'])}: {state} {one_line(str(each.get('detail') or ''))}".rstrip()
        )
    if found["cause"]:
        lines.append(f"  {'cause':<18}  {one_line(_cause_text(found['cause']))}")
        lines += [f"  {'log':<18}  {one_line(str(each))}" for each in found["cause"].get("log_lines", [])]
    return lines


def summary(head: Document, count: int, shown: Document | None, problems: Sequence[int] = ()) -> str:
    """The whole of an answer in one sentence; ``shown`` is the entry that was asked for alone, ``problems`` are the
    numbers of those that cannot be trusted."""
    if shown is not None:
        return f"release {shown['seq']} is on record: {_ended(shown)}"
    if not count:
        return "no release is on record"
    said = f"{count} {'record is' if count == 1 else 'records are'} kept; "
    said += "no release has succeeded yet" if head["current"] is None else f"release {head['current']} is current"
    said += f"; release {head['open']} is open" if head["open"] is not None else ""
    return said + (f"; cannot be read: {', '.join(map(str, problems))}" if problems else "")


_NO_CAUSE: dict[str, Any] = {
    **dict.fromkeys(("container", "image", "exit_code", "stop_code", "target_reason")),
    "meaning": "",
    "reason": "",
    "log_lines": [],
}


def _result(record: Document) -> Document:
    """What an operation came to; empty for a release."""
    found: Document = (record.get("operation") or {}).get("result") or {}
    return found


def _interrupted(record: Document) -> bool:
    """Whether a run of it ended before the end of its work: by a signal, or while that goes on unwatched."""
    return _result(record).get("verdict") in GOES_ON or any(each["state"] == INTERRUPTED for each in record["log"])


def _outcome(record: Document) -> str | None:
    """As the run said it. The record of an operation has no outcome, and one that was interrupted is neither open, for
    no run goes on with its record, nor failed."""
    if record["kind"] in OPERATIONS and record["state"] != SUCCEEDED and _interrupted(record):
        return INTERRUPTED
    outcome: str | None = record["verdict"]["outcome"]
    return outcome


def _ended(found: Document) -> str:
    if found["outcome"] == INTERRUPTED:
        return INTERRUPTED
    if found["state"] not in FINAL:
        return NO_END if found["kind"] in OPERATIONS else f"open ({found['state']})"
    if found["proven"]:
        return "proven"
    return "not proven" if found["state"] == "succeeded" and found["kind"] in RELEASES else str(found["state"])


def _why_ended(found: Document) -> str:
    """Why it did not succeed: the first failure of a task; where there was none, what the run said last."""
    if found["cause"]:
        return f"cause: {_cause_text(found['cause'])}"
    if found["state"] == SUCCEEDED or found["state"] not in FINAL or not found["reason"]:
        return ""
    return f"reason: {shortened(found['reason'])}"


def _cause_text(cause: Document) -> str:
    return causes.as_text({**_NO_CAUSE, **cause, "log_lines": []})


def _inventory(found: Document) -> str | None:
    if not found["inventory_commit"]:
        return None
    return f"{found['inventory_commit']}{' with changes not committed' if found['inventory_dirty'] else ''}"


def _took(found: Document) -> str:
    seconds = found["duration_seconds"]
    return "" if seconds is None else duration_text(seconds)


def _person(arn: str) -> str:
    return arn.rsplit(":", 1)[-1] if arn.startswith("arn:") else arn


def _content(found: Document) -> str:
    operation = found["operation"]
    if operation:
        told = ", ".join(f"{name}={value}" for name, value in sorted((operation.get("arguments") or {}).items()))
        return f"{operation['verb']} {told}".strip()
    names = found["changed"]
    rest = len(names) - SHOWN_CHANGES
    return "; ".join(names[:SHOWN_CHANGES]) + (f"; {rest} more" if rest > 0 else "")


def _operation_lines(operation: Document | None) -> list[str]:
    if not operation:
        return []
    result = {name: value for name, value in (operation.get("result") or {}).items() if name != "cause"}
    pairs = [*sorted((operation.get("arguments") or {}).items()), *sorted(result.items())]
    return [
        f"  {name.replace('_', ' '):<18}  {one_line(_told(value))}"
        for name, value in pairs
        if value not in (None, "", [])
    ]


def _told(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _without_defaults(path: str) -> str:
    """``containerDefinitions[coral].environment[TOKEN]`` as people say it: ``coral environment TOKEN``."""
    return path.removeprefix("containerDefinitions").replace("[", " ").replace("]", "").replace(".", " ").strip()


def _shown(value: Any) -> str:
    return "default" if value is None else str(value)


def _seconds(started: str, finished: str | None) -> float | None:
    return None if finished is None else seconds_between(started, finished)
