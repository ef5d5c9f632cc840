# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the operator's verbs have in common: when one refuses a whole inventory, and the outcome of one that failed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules import conclusion, looks, one_off, verdict
from ansible_collections.steady.ecs.plugins.module_utils.rules.failure_message import message
from ansible_collections.steady.ecs.plugins.module_utils.rules.records import FAILED, FINAL, Document, seconds_between
from ansible_collections.steady.ecs.plugins.module_utils.rules.release import Records

RESUMED_WITHIN = one_off.REMEMBERED
"""Seconds since the last word of a run for which whoever types its command again is taken to go on with it, as with a
one-off task. Later they mean a new one: a secret may have been rotated since."""


BESIDE = {"scale", "run_task", "prune", "unlock"}
"""Verbs that neither begin a deployment nor end one: they say nothing of what an interrupted run has begun."""


def too_many(verb: str, hosts: list[str], meant: bool) -> str:
    """Why a verb that writes refuses to do so for all these services; empty when it may."""
    if meant or len(hosts) < 2:
        return ""
    return (
        f"This would {verb.replace('_', ' ')} {len(hosts)} services: {', '.join(hosts)}. Nothing was changed. Add "
        "--limit SERVICE, or -e deploy_many=true for all of them."
    )


def failed_as(msg: str, fields: dict[str, Any]) -> str:
    """The outcome of a verb that failed with this message and these fields.

    ``deployment_id`` (or ``task``) and ``verdict`` as of the module deployment; ``release``: the number of its record,
    null when it failed before it had one, and so changed nothing. ``changed``: False where it was refused under the
    lease, and so changed nothing either.
    """
    touched = fields.get("release") is not None and fields.get("changed") is not False
    opened = {"release": {"seq": fields["release"]}} if touched else {}
    failure = {"msg": msg, **fields}
    watched = {**fields, "deployment_id": fields.get("deployment_id") or fields.get("task")}
    return conclusion.outcome(conclusion.Run(opened=opened, deployment=watched, failure=failure, stay=True))


def unwanted(service: str, ours: Document, last: verdict.Verdict, cause: Document | None, arn: str | None) -> str:
    """What is said of a deployment that did not end as a verb wants it: it failed, or has succeeded before ECS could
    take it back."""
    if last.word != verdict.SUCCEEDED:
        return message(service, ours, last, cause, arn)
    who = f"deployment {ours['id']} of {looks.name_of(ours['taskDefinition'])}"
    return (
        f"{service}: {who} was not taken back, for it had succeeded: {last.reason.rstrip('.')}. rollback.yml goes back."
    )


def last_before(records: Records, ours: int | None, now: Callable[[], str]) -> Document | None:
    """The newest record before this run's own, ``ours`` (of all where it has none), that is not of a verb beside which
    a deployment goes on as it was."""
    numbers = sorted((number for number in records if ours is None or number < ours), reverse=True)
    earlier = one_off.looked_through((records[number] for number in numbers), now)
    return next((each for each in earlier if each["kind"] not in BESIDE), None)


def has_no_end(record: Document | None, kind: str) -> bool:
    """Whether a record is of a run of this verb that saw no end of its deployment: it died, or it was closed as one
    that could not look until then."""
    if record is None or record["kind"] != kind:
        return False
    result = (record.get("operation") or {}).get("result") or {}
    unseen = record["state"] == FAILED and result.get("verdict") in {None, *conclusion.GOES_ON}
    return unseen or record["state"] not in FINAL


def left_by_a_dead_run(record: Document | None, kind: str, primary_id: str) -> bool:
    """Whether a record says that an interrupted run of this verb has begun the deployment that is PRIMARY now.

    Its id is noted right after the call; a run that died in between is known by the deployment that it found.
    """
    if record is None or not has_no_end(record, kind):
        return False
    noted = record["steps"]["deployment"]
    if noted or record["state"] in FINAL:
        return bool(noted == primary_id)
    return bool(record["before"]["deployment"] != primary_id)


def is_recent(record: Document, now: str) -> bool:
    """Whether the last word of a run on record is so young that its command, typed again, goes on with it."""
    return seconds_between(record["log"][-1]["t"], now) <= RESUMED_WITHIN


def left_open(number: int | None) -> str:
    """What to do about a release that a dead run left open; empty when there is none."""
    if number is None:
        return ""
    return (
        f"; release {number} is open: rollback.yml puts back what it set beside the deployment and closes it, the "
        "command that opened it goes on with it"
    )
