# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the operator's verbs have in common: when one refuses a whole inventory, and the outcome of one that failed."""

from __future__ import annotations

from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules import conclusion
from ansible_collections.steady.ecs.plugins.module_utils.rules.records import FINAL, Document


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
    null when it failed before it had one, and so changed nothing.
    """
    opened = {"release": {"seq": fields["release"]}} if fields.get("release") is not None else {}
    failure = {"msg": msg, **fields}
    watched = {**fields, "deployment_id": fields.get("deployment_id") or fields.get("task")}
    return conclusion.outcome(conclusion.Run(opened=opened, deployment=watched, failure=failure, stay=True))


def left_by_a_dead_run(record: Document | None, kind: str, primary_id: str) -> bool:
    """Whether a record says that a dead run of this verb has begun the deployment that is PRIMARY now.

    Its id is noted right after the call; a run that died in between is known by the deployment that it found.
    """
    if record is None or record["kind"] != kind or record["state"] in FINAL:
        return False
    noted = record["steps"]["deployment"]
    return bool(noted == primary_id if noted else record["before"]["deployment"] != primary_id)


def left_open(number: int | None) -> str:
    """What to do about a release that a dead run left open; empty when there is none."""
    if number is None:
        return ""
    return (
        f"; release {number} is open: rollback.yml puts back what it set beside the deployment and closes it, the "
        "command that opened it goes on with it"
    )
