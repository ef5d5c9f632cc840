# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a plan may be carried out now: its content was approved, and a release window is open.

Both are asked before the lease, for a refusal at once, and again under it: a run that has waited for another one finds
another plan, or another time of day. What a dead run left half done may be gone on with, at any time, by the run that
resumes it. Before the lease whatever is open may be that.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import aws_time, live, reads
from ansible_collections.steady.ecs.plugins.module_utils.rules import approval, checks, outcome, plan, release, windows
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


def planned(task: Task, now: plan.Live, differences: list[Difference]) -> approval.Plan:
    """The plan with all that its digest binds."""
    others = approval.others(task.params["before"], task.params["force"], bool(differences))
    # A service that has kept the short form of ARN does not name its cluster in it.
    service = f"{now.service['clusterArn']} {now.service['serviceArn']}"
    return approval.Plan(service, now.service["taskDefinition"], differences + others)


def approved(task: Task, whole: approval.Plan, resumes: bool) -> None:
    """Raise Failure ``not_approved`` when another plan than this one was approved. ``resumes``: a part of it may be
    live already, by a run that left its release open."""
    given = task.params["approved_plan"]
    if given is not None and (refusal := approval.refusal(given, whole, resumes)):
        raise Failure(refusal, reason="not_approved")


def closed(task: Task) -> checks.Check | None:
    """Why no window is open by AWS's clock, overridden or not; None when one is, or none is declared."""
    if not task.params["windows"]:
        return None
    try:
        at = aws_time.of(reads.caller_identity(task))
        found = windows.opened(task.params["windows"], "", at)
    except DeclarationError as wrong:
        raise Failure(wrong.msg, reason="declaration") from None
    return None if found is None or found["ok"] else found


def override(task: Task) -> str:
    """The reason for which closed windows do not count; empty without one."""
    return outcome.shortened(task.params["window_override"])


def in_window(task: Task, found: checks.Check | None) -> None:
    """Raise Failure ``window`` when none is open (:func:`closed`) and no reason to override that is given."""
    if found and not override(task):
        raise Failure(f"{checks.sentence(found)} Nothing was changed.", reason="window")


def left_open(task: Task) -> bool:
    """Whether a run, alive or dead, has a release open."""
    store = live.store(task)
    return release.opened(store.head(), store.records()) is not None
