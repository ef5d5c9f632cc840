# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What runs now, who is at work on it, and whether it is what was last proven; from reads alone."""

from __future__ import annotations

from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules import causes, lease
from ansible_collections.steady.ecs.plugins.module_utils.rules.looks import name_of, primary
from ansible_collections.steady.ecs.plugins.module_utils.rules.outcome import one_line
from ansible_collections.steady.ecs.plugins.module_utils.rules.records import (
    FINAL,
    OPERATIONS,
    ROLLBACK,
    ROLLING_BACK,
    Document,
    proven,
)
from ansible_collections.steady.ecs.plugins.module_utils.rules.release import Records, opened, settled
from ansible_collections.steady.ecs.plugins.module_utils.rules.states import differences, state_of
from ansible_collections.steady.ecs.plugins.module_utils.rules.verdict import Verdict

Answer = dict[str, Any]

SHOWN_DIFFERENCES = 5


def under_way(service: Answer) -> bool:
    """Whether a deployment of the service is not at its end, or has failed and stays."""
    return primary(service).get("rolloutState") in ("IN_PROGRESS", "FAILED") or len(service["deployments"]) > 1


def deployment(service: Answer, rollout: Answer | None, found: Verdict, arn: str | None) -> Answer:
    """The deployment that is under way: ``rollout`` is its service deployment, ``found`` the verdict so far."""
    ours = primary(service)
    counts = {name: ours.get(name, 0) for name in ("desiredCount", "runningCount", "pendingCount", "failedTasks")}
    return {
        "id": ours["id"],
        "service_deployment_arn": arn,
        "task_definition": ours["taskDefinition"],
        "state": (rollout or {}).get("status") or ours.get("rolloutState"),
        "stage": (rollout or {}).get("lifecycleStage"),
        "began": ours.get("createdAt"),
        "desired_count": counts["desiredCount"],
        "running_count": counts["runningCount"],
        "pending_count": counts["pendingCount"],
        "failed_tasks": counts["failedTasks"],
        "verdict": found.word,
        "reason": causes.readable(found.reason),
    }


def service(answer: Answer, rolling: Answer | None) -> Answer:
    """What AWS says of a service. ``rolling``: see :func:`deployment`."""
    return {
        "service": answer["serviceName"],
        "status": answer["status"],
        "task_definition": answer.get("taskDefinition"),
        "desired_count": answer["desiredCount"],
        "running_count": answer["runningCount"],
        "pending_count": answer["pendingCount"],
        "deployment": rolling,
    }


def at_work(head: Document, records: Records) -> Answer:
    """Who is at work on it, what is open, and which verb has no end, by the newest records alone."""
    head = settled(head, records)
    open_record, numbers = opened(head, records), list(records)
    return {
        "lease": lease.holder(head),
        "open": open_record
        and {**{name: open_record[name] for name in ("seq", "kind", "state")}, **_audit(open_record)},
        "operation": _without_end(head, records[max(numbers)] if numbers else None),
    }


def last_proven(records: Records) -> Document | None:
    """The last release that somebody verified."""
    return next((records[number] for number in sorted(records, reverse=True) if proven(records[number])), None)


def proof(last: Document | None, records: Records, live: Document | None) -> Answer:
    """What was proven ``last``, and whether it is what is ``live``: a state, or None where that could not be read."""
    if last is None:
        return {"last_proven": None, "live_is_proven": None, "differences": [], "store_read": True}
    made = state_of(last, records)
    found = [] if live is None else differences(made, live)
    known = {name: last[name] for name in ("seq", "kind")}
    return {
        "last_proven": {**known, "task_definition": made["task_definition"], **_audit(last)},
        "live_is_proven": None if live is None else not found,
        "differences": [each.as_dict() for each in found],
        "store_read": True,
    }


def missing(name: str) -> Answer:
    """A service that does not exist: its own problem, in the middle of others (case C85)."""
    nothing = dict.fromkeys(("status", "task_definition", "deployment"))
    counts = dict.fromkeys(("desired_count", "running_count", "pending_count"), 0)
    problem = f"there is no active service {name} in this cluster"
    return {"service": name, **nothing, **counts, **UNKNOWN, "problems": [problem]}


UNKNOWN: Answer = {
    **dict.fromkeys(("lease", "open", "operation", "last_proven", "live_is_proven")),
    "differences": [],
    "store_read": False,
}
"""What the store says when it cannot be read."""


def lines(found: Answer) -> list[str]:
    """One service for people, what matters most first."""
    if found["status"] is None:
        return [one_line(f"{found['service']}: {each}") for each in found["problems"]]
    counts = f"{found['running_count']}/{found['desired_count']} running"
    counts += f", {found['pending_count']} starting" if found["pending_count"] else ""
    said = [f"{found['service']} runs {name_of(found['task_definition']) or 'task sets'}, {counts}"]
    rolling = found["deployment"]
    if rolling:
        stage = f", stage {rolling['stage']}" if rolling["stage"] else ""
        failed = f", {rolling['failed_tasks']} failed" if rolling["failed_tasks"] else ""
        said.append(
            f"deployment {rolling['id']} of {name_of(rolling['task_definition'])}: {rolling['state']}{stage}{failed}; "
            f"verdict so far: {rolling['verdict']} ({rolling['reason']})"
        )
    if found["lease"]:
        said.append(f"at work on it: {lease.holder_text(found['lease'])}")
    if found["open"]:
        opened = found["open"]
        said.append(
            f"release {opened['seq']} ({opened['kind']}) is open: {opened['state']}, begun {opened['started']} by "
            f"{opened['who']}" + ("" if found["lease"] else f"; nobody is at work on it: {_goes_on(opened)}")
        )
    if found["operation"]:
        begun = found["operation"]
        run = "is at work, or has died and" if begun["at_work"] else "was interrupted:"
        said.append(
            f"{begun['kind']} {begun['seq']}, begun {begun['started']} by {begun['who']}, has no end on record: its "
            f"run {run} the same command goes on with it"
        )
    said.append(_proof(found))
    said += [f"problem: {each}" for each in found["problems"]]
    return [one_line(each) for each in said]


def _goes_on(opened: Answer) -> str:
    """What the next run does with a release that a dead one left open."""
    if opened["kind"] == ROLLBACK:
        return "rollback.yml goes on with it"
    if opened["state"] == ROLLING_BACK:
        return "it was on its way back, and the same command or rollback.yml goes on undoing it"
    return "the same command resumes it, rollback.yml undoes it"


def summary(found: list[Answer]) -> str:
    """All services in one sentence."""
    if len(found) == 1:
        return f"{lines(found[0])[0]}; {_proof(found[0])}"
    rolling = sum(1 for each in found if each.get("deployment"))
    unread = [each["service"] for each in found if _unread(each)]
    unproven = [each["service"] for each in found if not _unread(each) and each["live_is_proven"] is not True]
    said = f"{len(found)} services, {rolling} with a deployment under way"
    said += f"; could not be read, or compared: {', '.join(unread)}" if unread else ""
    others = "all are" if not unread else "the others are"
    return said + (
        f"; not what was last proven: {', '.join(unproven)}" if unproven else f"; {others} what was last proven"
    )


def _unread(found: Answer) -> bool:
    """Whether it is not known if it is what was last proven."""
    return not found["store_read"] or (found["last_proven"] is not None and found["live_is_proven"] is None)


def _without_end(head: Document, newest: Document | None) -> Answer | None:
    """The operation that is at work, or whose run was interrupted before it could close its record. ``at_work``:
    whether its run has the lease, which one that was killed keeps until the next run comes."""
    if newest is None or newest["kind"] not in OPERATIONS or newest["state"] in FINAL:
        return None
    known = {name: newest[name] for name in ("seq", "kind")}
    return {**known, "at_work": lease.holds(head, newest["nonce"]), **_audit(newest)}


def _audit(record: Document) -> Answer:
    return {name: record["audit"][name] for name in ("who", "host", "why", "started", "finished")}


def _proof(found: Answer) -> str:
    last = found["last_proven"]
    if not found["store_read"]:
        at_work = "" if found["lease"] else " or who is at work on it"
        return f"its releases could not be read, so nobody knows what was proven{at_work}"
    if last is None:
        return "no release is proven"
    if found["live_is_proven"] is None:
        return f"whether it is release {last['seq']}, the last proven one, is not known"
    if found["live_is_proven"]:
        return f"it is release {last['seq']}, the last proven one"
    names = [f"{each['path']} of {each['resource']}" for each in found["differences"]]
    more = f" and {len(names) - SHOWN_DIFFERENCES} more" if len(names) > SHOWN_DIFFERENCES else ""
    return f"it is not release {last['seq']}, the last proven one: {', '.join(names[:SHOWN_DIFFERENCES])}{more} differ"
