# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The hooks of a service deployment that wait for a person's answer (case C40).

Source: ``lifecycleHookDetails`` of ServiceDeployment, ECS API reference.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Answer = dict[str, Any]

BEFORE_TASKS = {"RECONCILE_SERVICE", "PRE_SCALE_UP"}
"""Stages at which no task of the new revision is started yet ("Lifecycle stages", Amazon ECS developer guide)."""


@dataclass(frozen=True)
class Pause:
    """One hook that waits."""

    hook: str
    stage: str
    expires: str
    timeout_action: str

    def as_text(self) -> str:
        """For people."""
        return f"hook {self.hook} at stage {self.stage} ({self.timeout_action} if nobody answers until {self.expires})"

    @property
    def is_before_tasks(self) -> bool:
        """Whether to continue it starts the deployment's tasks."""
        return self.stage in BEFORE_TASKS

    def waits_in(self, rollout: Answer) -> bool:
        """Whether it still waits in a service deployment that was read; at a later stage the same hook waits anew."""
        return self in waiting(rollout)


def waiting(rollout: Answer) -> list[Pause]:
    """The hooks of a service deployment that wait. Of one that goes back none is answered any more: "the deployment
    must be in the IN_PROGRESS state" ("Continuing Amazon ECS service deployments", Amazon ECS developer guide)."""
    return [
        Pause(
            hook=str(each.get("hookId", "")),
            stage=str(rollout.get("lifecycleStage", "unknown")),
            expires=str(each.get("expiresAt", "never")),
            timeout_action=str(each.get("timeoutAction", "ROLLBACK")),
        )
        for each in rollout.get("lifecycleHookDetails", [])
        if each.get("status") == "AWAITING_ACTION" and rollout.get("status") == "IN_PROGRESS"
    ]


def chosen(found: list[Pause], wanted: str | None) -> tuple[Pause | None, str]:
    """The hook to answer, and why none can be chosen (with the remedy)."""
    names = ", ".join(each.hook for each in found)
    if wanted:
        match = next((each for each in found if each.hook == wanted), None)
        if match is None and found:
            return None, f"No hook {wanted} waits for an answer. Waiting: {names}. Set continue_hook to one of them."
        return match, ""
    if len(found) > 1:
        return None, f"Several hooks wait for an answer: {names}. Set continue_hook to one of them."
    return (found[0] if found else None), ""
