# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a run has come to, from the answers of its steps: the one place that chooses the outcome.

Each answer is the registered result of a task, or empty when the run did not get there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules import checks, verdict
from ansible_collections.steady.ecs.plugins.module_utils.rules.endpoints import NAMED
from ansible_collections.steady.ecs.plugins.module_utils.rules.refusals import THROTTLED, UNAVAILABLE

Answer = dict[str, Any]

GOES_ON = {verdict.UNKNOWN, verdict.PAUSED}
"""Verdicts that are not the last word: the deployment goes on, and the same command watches it again."""

LOST, FENCED, OVERTAKEN, UNFINISHED = "lease_lost", "fenced", "overtaken", "rolling_back"
"""Reasons: another run has the service; somebody else has changed it; somebody did so since this run looked, which has
nothing to do with it; an earlier run was on its way back."""

BESIDE = ("service", "target group")
"""What a release changes that no deployment of somebody else replaces."""

COMPARED = ("task definition", "attributes of ")
"""Checks of the verification that compare what the plan has compared."""

JUDGED = {verdict.FAILED, verdict.ROLLED_BACK, verdict.STOPPED, verdict.NOTHING_RAN, "unhealthy"}
"""Reasons of the way back that are its own last word: what was live before does not get healthy again."""

GONE = "revision_gone"
ENDLESS = {GONE, "target_group_deleted", "declaration", "sdk_too_old"}
"""Reasons for which the way back would never come to its end, however often it is begun: what it is to restore is gone,
or nothing that the run could wait for changes it."""

CUT_OFF = {
    *("no_answer", "expired_credentials", "rejected_credentials", "no_credentials", "no_endpoint", "wrong_clock"),
    *("connection", "wrong_account", "too_late"),
}
"""Reasons for which no further call can succeed, or none left in time: neither is anything known of the release, nor
could it be undone."""


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
    undoing: list[Answer] = field(default_factory=list)
    """What the steps of that rollback answered, in their order: the way back as release_info knows it comes first."""
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

    Not when nothing was opened (nothing was changed), not when another deployment or another run has taken over (a
    rollback would destroy it), and not while ours goes on. What an earlier run began to put back is put back.
    """
    if not run.failure or not run.release or run.check_mode:
        return False
    if run.failure.get("reason") == UNFINISHED:
        return True
    return not run.stay and not _is_superseded(run) and not _goes_on(run)


def puts_back_attributes(run: Run) -> bool:
    """Whether the attributes alone go back to what they were, where they still hold what this run gave them: somebody
    else has changed the service, which stays as they want it."""
    return bool(run.failure.get("reason") == FENCED and run.release and not run.check_mode)


def last_note(run: Run) -> str | None:
    """What the record is told at the end, as ``state`` of the module release; None when there is nothing to tell, or
    when the record belongs to another run by now. A way back that did not come to its end is gone on with."""
    if not run.release or LOST in _reasons(run):
        return None
    return "interrupted" if _is_half_way(run) or outcome(run) == "interrupted" else "closed"


def outcome(run: Run) -> str:
    """The run's last word."""
    if not run.failure:
        verified_only = not run.plan and bool(run.health.get("ok"))
        return "proven" if verified_only or (run.release and not run.check_mode) else "unchanged"
    if _is_superseded(run):
        return "superseded"
    if _goes_on(run):
        return "interrupted"
    if rolls_back(run):
        return "failed_rolled_back" if _is_back(run) else "failed"
    if run.failure.get("reason") == "held":
        return "held"
    if not (run.release or run.verdict) and run.failure.get("reason") != "unhealthy":
        return "error"  # nothing was written, nothing was found ill: identity, declaration, or the connection
    return "failed"


def detail(run: Run) -> str:
    """The outcome in one sentence; after a failure its cause, last."""
    if run.failure:
        return f"{_left(run)}{_undone(run)}{_meanwhile(run)}{run.failure.get('msg', 'a task failed without a message')}"
    if run.check_mode and not run.health.get("ok"):
        if not (run.plan or run.deployment):
            return "check mode after a plan: nothing was looked at, for what is declared is not live yet"
        count = len(run.plan.get("differences") or run.deployment.get("differences") or [])
        if not count:
            return "check mode: new tasks would be started" if run.plan.get("calls") else "no difference"
        return f"check mode: {count} difference{'' if count == 1 else 's'} would be settled"
    summary = f"{_except(run)}{run.health.get('summary') or ''}"
    return summary if run.release or not run.plan else f"no difference; {summary}"


def _except(run: Run) -> str:
    """What a rollback has left as it was, in front of how that does: the warning at its beginning is long gone."""
    kept = (run.opened.get("target") or {}).get("not_restorable", [])
    return f"restored, except {', '.join(kept)}, which stays as it is; " if kept and run.release else ""


def closing(run: Run) -> Answer:
    """What the release record keeps: the arguments of ``release state=closed``."""
    by_ecs, word = run.verdict == verdict.ROLLED_BACK, outcome(run)
    return {
        "outcome": None if word == "interrupted" else word,  # one that goes on has no last state
        "verdict": run.verdict or None,
        "reason": detail(run),
        "failure": run.failure.get("msg"),
        "checks": run.health.get("checks") or run.failure.get("checks") or [],
        "images": run.health.get("images") or {},
        "cause": run.deployment.get("cause") or run.failure.get("cause"),
        "timeline": run.deployment.get("timeline") or [],
        "rolled_back_by": "ecs" if by_ecs else "us" if _is_back(run) else None,
    }


def _is_half_way(run: Run) -> bool:
    """Whether what was to be put back is not, for a reason that says nothing of what was live before."""
    return rolls_back(run) and not _is_back(run) and _reasons_back(run).isdisjoint(JUDGED | ENDLESS)


def _is_back(run: Run) -> bool:
    """Whether what was live before serves again. A URL that answers as wrong as under the release is no reason to say
    that it does not: then the check, or what the URL asks, is wrong, and not what was put back."""
    return bool(run.restored.get("ok")) or bool(_as_before(run))


def _as_before(run: Run) -> list[str]:
    """The checks that fail after the way back, when each is of what users meet and failed equally before it."""
    wrong = checks.failed(run.restored.get("checks") or [])
    before = [(each["name"], each["found"]) for each in checks.failed(run.health.get("checks") or [])]
    equal = all(each["name"].startswith(NAMED) and (each["name"], each["found"]) in before for each in wrong)
    return [each["name"] for each in wrong] if equal else []


def _undone(run: Run) -> str:
    """What became of the way back, in front of what it was taken for."""
    failed = next((str(each.get("msg", "")) for each in map(_first_failed, run.undoing) if each), "")
    if failed and _is_superseded(run):
        return f"the way back was stopped: {failed} It was taken because: "
    if failed and _goes_on(run):
        return (
            f"the way back is not at its end: {failed} The same command again goes on with it. It was taken because: "
        )
    if not rolls_back(run):
        return ""
    if not _is_back(run):
        failed = failed or "it did not come to its end."
        return f"the way back failed: {failed} {_further(run)} It was taken because: "
    said = "everything that this run changed was put back"
    kept = [name for step in run.undoing for name in (step.get("target") or {}).get("not_restorable", [])]
    if kept:
        said += f", except {', '.join(kept)}: what was before is not known, or others own it, so it stays"
    if _as_before(run):
        said += (
            f". {run.restored.get('summary', '')}, and {', '.join(_as_before(run))} fails there as it did before, so "
            "correct what is declared, or mend what it asks"
        )
    return f"{said}. "


def _further(run: Run) -> str:
    """What to type when the way back has failed. Where it is judged, what was live before may be back and not healthy:
    then the rollback playbook by itself would leave that, too."""
    if _is_half_way(run):
        return "Run the same command again, or the rollback playbook, to go on with it."
    if GONE in _reasons_back(run):
        return "The rollback playbook names the nearest release that can run."
    return (
        f"Mend that, then go on with it: the rollback playbook with -e rollback_to={run.release.get('base')} begins it "
        "again; without a name it goes further back, where all of that is live already."
    )


def _meanwhile(run: Run) -> str:
    """What to do about a verification that finds what the plan did not."""
    if not _was_overtaken(run):
        return ""
    standing = run.opened.get("target")
    wish = f"bring release {standing['seq']} back" if standing else "have what is declared"
    return (
        "nothing differed when it was this run's turn, and it changed nothing: somebody has changed the service since. "
        f"Run the same command again to {wish}. "
    )


def _was_overtaken(run: Run) -> bool:
    """Whether the one comparison, made twice in a run that had nothing to release, has come to two answers. What it had
    planned, another run may have released while this one waited for it: what counts is the plan under the lease."""
    if run.release or not run.plan or run.opened.get("differences", run.plan.get("differences")):
        return False
    wrong = checks.failed(run.health.get("checks") or [])
    return any(each["name"].startswith(COMPARED) for each in wrong)


def _left(run: Run) -> str:
    """What stays of a release that somebody else has taken over, beside their revision: while it was watched, or on its
    way back, where nothing more is put back."""
    stopped = not _reasons_back(run).isdisjoint({FENCED, OVERTAKEN})
    if not stopped and (run.verdict != verdict.SUPERSEDED or puts_back_attributes(run)):
        return ""
    planned = [each for each in run.plan.get("differences") or [] if str(each["resource"]).startswith(BESIDE)]
    names = [f"{each['path']} of {each['resource']}" for each in planned if each["path"] != "taskDefinition"]
    return f"What this run set stays, unless they have set it since: {', '.join(names)}. " if names else ""


def _is_superseded(run: Run) -> bool:
    """Whether somebody else has taken over: by a deployment, a change of the service, or as the next run."""
    taken_over = {LOST, FENCED, OVERTAKEN, verdict.SUPERSEDED}
    return run.verdict == verdict.SUPERSEDED or not taken_over.isdisjoint(_reasons(run)) or _was_overtaken(run)


def _goes_on(run: Run) -> bool:
    """Whether the last word is not said: a deployment, or the way back, goes on, or no further call can succeed."""
    if not run.failure:
        return False
    steps = [run.failure, *map(_first_failed, run.undoing)]
    if run.release and any(map(is_cut_off, steps)):
        return True
    going_back = [each for each in run.undoing if each.get("failed") and each.get("verdict") in GOES_ON]
    watched = run.verdict in GOES_ON and bool(run.deployment.get("deployment_id"))
    return bool(going_back) or watched


def is_cut_off(step: Answer) -> bool:
    """Whether a step failed because nobody answered it, which says nothing of the service."""
    reason, code = step.get("reason"), step.get("code")
    return reason in CUT_OFF or bool(step.get("cut_off")) or code in THROTTLED or code in UNAVAILABLE


def _reasons(run: Run) -> set[str]:
    """The reasons of everything that failed in the run."""
    return {str(run.failure.get("reason")), *_reasons_back(run)} if run.failure else _reasons_back(run)


def _reasons_back(run: Run) -> set[str]:
    """The same of the way back alone."""
    return {str(each.get("reason")) for each in map(_first_failed, run.undoing) if each}


def failed_item(failure: Answer) -> Answer:
    """A failure, of a loop its first item that failed: what Ansible says of the loop is no cause."""
    return next((each for each in failure.get("results") or [] if each.get("failed")), failure)


def _first_failed(step: Answer) -> Answer:
    """A step that failed; of a loop, the first item that did; empty for one that went well."""
    return failed_item(step) if step.get("failed") else {}
