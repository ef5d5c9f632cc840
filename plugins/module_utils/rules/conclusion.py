# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a run has come to, from the answers of its steps: the one place that chooses the outcome.

Each answer is the registered result of a task, or empty when the run did not get there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules import verdict

Answer = dict[str, Any]

GOES_ON = {verdict.UNKNOWN, verdict.PAUSED}
"""Verdicts that are not the last word: the deployment goes on, and the same command watches it again."""


@dataclass(frozen=True)
class Run:
    """What the steps of one run answered."""

    check_mode: bool = False
    plan: Answer = field(default_factory=dict)
    """``differences`` found before the first write; empty in a run that only verifies."""
    opened: Answer = field(default_factory=dict)
    """The module release: ``release``, null when nothing was opened."""
    deployment: Answer = field(default_factory=dict)
    health: Answer = field(default_factory=dict)
    failure: Answer = field(default_factory=dict)
    """The first task that failed."""
    restored: Answer = field(default_factory=dict)
    """The health of what the rollback brought back, when it got so far."""
    stay: bool = False
    """``rollback_on_failure: false``: a failed release stays, to be looked at."""

    @property
    def release(self) -> Answer:
        """The release that this run opened, or empty."""
        return dict(self.opened.get("release") or {})

    @property
    def verdict(self) -> str:
        """The word for the run's deployment; empty when it did not get to one."""
        return str(self.deployment.get("verdict") or "")


def rolls_back(run: Run) -> bool:
    """Whether what this run changed is to be put back.

    Not when nothing was opened (nothing was changed), not when another deployment has taken over (a rollback would
    destroy it), and not while ours goes on.
    """
    if not run.failure or not run.release or run.check_mode or run.stay:
        return False
    return run.verdict != verdict.SUPERSEDED and not _goes_on(run)


def outcome(run: Run) -> str:
    """The run's last word."""
    if not run.failure:
        verified_only = not run.plan and bool(run.health.get("ok"))
        return "proven" if (run.release or verified_only) and not run.check_mode else "unchanged"
    if run.verdict == verdict.SUPERSEDED:
        return "superseded"
    if _goes_on(run):
        return "interrupted"
    if rolls_back(run):
        return "failed_rolled_back" if run.restored.get("ok") else "failed"
    if not run.release and not run.health:
        return "error"  # before the first write: identity, declaration, or the connection
    return "failed"


def detail(run: Run) -> str:
    """The outcome in one sentence; after a failure its cause, last."""
    if run.failure:
        undone = "everything that this run changed was put back. " if run.restored.get("ok") else ""
        return f"{undone}{run.failure.get('msg', 'a task failed without a message')}"
    if run.check_mode:
        count = len(run.plan.get("differences") or [])
        return (
            f"check mode: {count} difference{'' if count == 1 else 's'} would be settled" if count else "no difference"
        )
    summary = str(run.health.get("summary") or "")
    return summary if run.release or not run.plan else f"no difference; {summary}"


def closing(run: Run) -> Answer:
    """What the release record keeps: the arguments of ``release state=closed``."""
    by_ecs = run.verdict == verdict.ROLLED_BACK
    return {
        "outcome": outcome(run),
        "verdict": run.verdict or None,
        "reason": detail(run),
        "checks": run.health.get("checks") or run.failure.get("checks") or [],
        "cause": run.deployment.get("cause"),
        "timeline": run.deployment.get("timeline") or [],
        "rolled_back_by": ("ecs" if by_ecs else "us") if run.restored.get("ok") else None,
    }


def _goes_on(run: Run) -> bool:
    return bool(run.failure) and run.verdict in GOES_ON and bool(run.deployment.get("deployment_id"))
