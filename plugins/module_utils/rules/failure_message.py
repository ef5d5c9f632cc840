# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The failure message of a deployment that was followed: what became of it, what to do next, why."""

from __future__ import annotations

from ansible_collections.steady.ecs.plugins.module_utils.rules import causes
from ansible_collections.steady.ecs.plugins.module_utils.rules.looks import Answer, name_of
from ansible_collections.steady.ecs.plugins.module_utils.rules.verdict import (
    FAILED,
    NOTHING_RAN,
    PAUSED,
    ROLLED_BACK,
    STOPPED,
    SUPERSEDED,
    UNKNOWN,
    Verdict,
)

STALLED = (
    "No new deployment was begun, for this one has what is declared: mend the cause and deploy with "
    "-e rollout_force=true, which starts its tasks anew, or run the rollback playbook."
)
"""What to do where ours had FAILED before this run: the same command again would say the same again."""


def message(
    service: str, ours: Answer, last: Verdict, cause: Answer | None, arn: str | None, before: Answer | None = None
) -> str:
    """The failure in words: what became of the deployment, what to do next, and the cause last.

    ``before``: the deployment that was PRIMARY when the run began, unless its own release had begun it.
    """
    stalled = before is not None and before.get("id") == ours["id"] and before.get("rolloutState") == "FAILED"
    who = f"{service}: deployment {ours['id']} of {name_of(ours.get('taskDefinition'))}"
    reason = last.reason.rstrip(".")
    stop = f"`aws ecs stop-service-deployment --service-deployment-arn {arn}`" if arn else "the rollback playbook"
    what, remedy = {
        FAILED: ("failed", STALLED if stalled else "Mend the cause and deploy again, or run the rollback playbook."),
        ROLLED_BACK: ("was rolled back", "Mend the cause and deploy again."),
        SUPERSEDED: (
            "was superseded",
            "Nothing is rolled back, for that would undo the other's deployment: find out who deploys, then run again.",
        ),
        STOPPED: ("was stopped", "Run the same command again to deploy, or the rollback playbook to go back."),
        NOTHING_RAN: (
            "ran nothing",
            "Raise the count (desiredCount) and run the same command again.",
        ),
        PAUSED: (
            "is paused",
            "To let it go on: the playbook continue (continue.yml; -e continue_action=rollback goes back). Then run "
            "the same command again: it goes on watching.",
        ),
        UNKNOWN: (
            "is not finished",
            f"The deployment goes on: run the same command again to go on watching, or {stop} to stop it.",
        ),
    }[last.word]
    return f"{who} {what}: {reason}. {last.remedy or remedy}" + (f" Cause: {causes.as_text(cause)}" if cause else "")
