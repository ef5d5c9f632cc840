# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a plan may be carried out now: its content was approved, and a release window is open.

Both are asked before the lease, for a refusal at once, and again under it: a run that has waited for another one finds
another plan, or another time of day.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import aws_time, live, reads
from ansible_collections.steady.ecs.plugins.module_utils.rules import approval, checks, plan, release, windows
from ansible_collections.steady.ecs.plugins.module_utils.rules.declaration import DeclarationError
from ansible_collections.steady.ecs.plugins.module_utils.rules.differences import Difference
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Task

APPROVAL_OPTIONS: dict[str, Any] = {
    "approved_plan": {"type": "str"},
    "before": {"type": "list", "elements": "dict", "default": []},
    "force": {"type": "bool", "default": False},
}
"""The options that say which plan was approved, and what belongs to a plan beside its differences."""
WINDOW_OPTIONS: dict[str, Any] = {
    "windows": {"type": "list", "elements": "str", "default": []},
    "window_override": {"type": "str", "default": ""},
}


def approved(task: Task, now: plan.Live, differences: list[Difference]) -> approval.Plan:
    """The plan with all that is bound by its digest. Raises Failure ``not_approved`` when another one was approved."""
    others = approval.others(task.params["before"], task.params["force"], bool(differences))
    whole = approval.Plan(now.service["serviceArn"], now.service["taskDefinition"], differences + others)
    if task.params["approved_plan"]:
        refusal = approval.refusal(task.params["approved_plan"], whole, _left_open(task))
        if refusal:
            raise Failure(refusal, reason="not_approved")
    return whole


def in_window(task: Task) -> None:
    """Raise Failure ``window`` when no window is open by AWS's clock. What a run left open goes on at any time."""
    if not task.params["windows"] or task.params["window_override"].strip():
        return
    try:
        at = aws_time.of(reads.caller_identity(task))
        found = windows.opened(task.params["windows"], task.params["window_override"], at)
    except DeclarationError as wrong:
        raise Failure(wrong.msg, reason="declaration") from None
    if found and not found["ok"] and not _left_open(task):
        raise Failure(f"{checks.sentence(found)} Nothing was changed.", reason="window")


def _left_open(task: Task) -> bool:
    store = live.store(task)
    return release.opened(store.head(), store.records()) is not None
