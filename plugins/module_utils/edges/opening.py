# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Open a release: read what is live and on record, take the lease, and write what the rules say.

The first look is made without the lease, for a run with nothing to do takes none. Under it the live state and the
records are read again, and the plan is made again where another run has ended in between.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import allowed, held, live, models, reads
from ansible_collections.steady.ecs.plugins.module_utils.rules import (
    approval,
    groups,
    intent,
    ownership,
    plan,
    redact,
    release,
    restore,
    states,
    task_definition,
)
from ansible_collections.steady.ecs.plugins.module_utils.rules.declaration import DeclarationError
from ansible_collections.steady.ecs.plugins.module_utils.rules.differences import Difference
from ansible_collections.steady.ecs.plugins.module_utils.rules.records import ROLLBACK, Document
from ansible_collections.steady.ecs.plugins.module_utils.rules.settings import SCALING
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Task

Answer = dict[str, Any]


@dataclass
class Look:
    """The live state and the records at one moment, and what the task's wish comes to there."""

    task: Task
    live: Document
    differences: list[Answer]
    """The plan, as it may be shown."""
    who: str = ""
    nonce: str = ""
    overrides: bool = False
    """Whether no release window is open, so that a reason given for that is one on which the release is made."""
    choice: restore.Choice | None = None
    """Where a rollback goes; None for a deployment."""
    target: Document | None = None
    """What a rollback restores, or has restored already; None for a deployment."""
    theirs: dict[str, Difference] = field(default_factory=dict)
    """Attributes that a rollback leaves to their owner, by their names in ``not_restorable``."""
    opening: release.Opening | None = None
    settles: bool = False
    """There is nothing to open, but a dead run has left something (:func:`release.unsettled`)."""
    seen: tuple[int, int | None, int | None] = (0, None, None)
    """What the head said: the last number, the current release and the open one."""

    @property
    def resumes(self) -> bool:
        """Whether what is opened is a dead run's release of the same intent."""
        return self.opening is not None and self.opening.resumed

    def decide(self, head: Document, records: release.Records, now: str) -> list[release.Write]:
        """Settle what is to be opened, and answer the writes. Raises Failure where it cannot be meant."""
        self.seen = _said(head)
        self.target = self._target(head, records)
        if self.choice and self.choice.stands:
            self.opening, self.settles = None, release.unsettled(head, records)
            return release.nothing_to_open(head, records, self.nonce, now)
        request = self._request()
        left = release.opened(head, records)
        differs = left is not None and self.target is None and _content_differs(self.task, left, self.live)
        opening = release.opening(head, records, request, self.live, now, differs)
        goes_on = opening.resumed or opening.unproven
        wanted = self.target or self.differences or self.task.params["force"] or goes_on
        self.opening = opening if wanted else None
        self.settles = not wanted and release.unsettled(head, records)
        return opening.writes if wanted else release.nothing_to_open(head, records, self.nonce, now)

    def _target(self, head: Document, records: release.Records) -> Document | None:
        if self.task.params["kind"] != ROLLBACK:
            return None
        self.choice, restored = live.chosen(self.task, head, records, self.live, self.task.params["restores"])
        if restored is None:
            why, remedy = self.choice.reason, self.choice.remedy
            raise Failure(f"{why} {remedy}", reason="nothing_to_restore", remedy=remedy)
        if self.task.params["owner"] not in ownership.ELSEWHERE:
            return restored
        self.theirs = ownership.not_restored(restored["attributes"], self.live["attributes"])
        return {**restored, "attributes": {}, "not_restorable": [*restored["not_restorable"], *self.theirs]}

    def _request(self) -> release.Request:
        params = self.task.params
        try:
            declared = (
                intent.restoring(self.target)
                if self.target
                else intent.intent(
                    self.live["task_definition"],
                    params["changes"],
                    params["definition"],
                    params["images"],
                    params["settings"],
                    _attributes(self.task, self.live),
                )
            )
        except DeclarationError as wrong:
            raise Failure(wrong.msg, reason="declaration") from None
        grounds = {name: value for name, value in params["audit"].items() if value is not None}
        said = {"who": self.who, "host": platform.node(), "commit": params["commit"], "why": params["why"]}
        override = allowed.override(self.task) if self.overrides else ""
        return release.Request(
            identity=live.store(self.task).identity,
            kind=params["kind"],
            intent=declared,
            audit={**grounds, **said, "window_override": override or None},
            nonce=self.nonce,
            restores=self.target["seq"] if self.target else None,
        )


def look(task: Task) -> Look:
    """What the task's wish comes to now, before any lease; writes nothing."""
    store = live.store(task)
    head, records = store.head(), store.records()
    found = Look(task, live.state(task, states.scales(head, records)), task.params["differences"])
    if task.check_mode:
        found.who = reads.caller_of(task, store.identity.account)
    found.decide(head, records, store.now())
    return found


def claim(task: Task, hold: held.Held, before: Look) -> Look:
    """Open the release under the lease, or give the lease back when nothing is left to do."""
    deploys, differences = before.target is None, before.differences
    closed = allowed.closed(task) if deploys else None
    whole: approval.Plan | None = None
    # What a dead run left was perhaps not live yet when the plan was made.
    approves = task.params["approved_plan"] is not None
    if deploys and (approves or before.settles or _said(hold.store.head()) != before.seen):
        differences, whole = _planned(task)
    # Read first: what begins between the two reads is then in the state, and not taken for known.
    newest = live.newest_service_deployment(task)
    state = {**live.state(task, SCALING in before.live["settings"]), "service_deployment": newest}
    if before.opening and before.opening.baseline:
        # A baseline may be a way back, and a tag is none: what runs is remembered by its digest (case C68).
        state["images"] = live.running_images(task)
    found = Look(task, state, differences, hold.who, hold.nonce, overrides=bool(closed))

    def deciding(head: Document, records: release.Records) -> tuple[list[release.Write], None]:
        writes = found.decide(head, records, hold.store.now())
        _as_said(before.choice, found.choice, records)
        if whole:
            allowed.approved(task, whole, found.resumes)
        if not found.resumes and found.opening:
            allowed.in_window(task, closed)
        return writes, None

    hold.claim(deciding)
    return found


def _as_said(before: restore.Choice | None, now: restore.Choice | None, records: release.Records) -> None:
    """A rollback goes where its first look has said, or nowhere."""
    if not (before and before.record and now and now.record):
        return
    wanted, found = restore.reached(before.record, records), restore.reached(now.record, records)
    if not set(wanted) & set(found):
        instead = "" if now.stands else f" From what is live now it would go back to release {found[-1]}."
        raise Failure(
            f"This rollback was to restore release {wanted[-1]}, and another run has ended while it waited: "
            f"{now.reason.rstrip('.')}.{instead} Nothing was changed by this run. Look at status and history; to go "
            "back all the same, run the same command again.",
            reason="overtaken",
        )


def _said(head: Document) -> tuple[int, int | None, int | None]:
    return head["seq"], head["current"], head["open"]


def announce_grounds(task: Task, audit: Document) -> None:
    """What the record says of who approved it, and why closed windows did not count; once it says so."""
    if audit["approved_by"]:
        task.report(f"approved by {audit['approved_by']}: recorded, not enforced")
    if audit["window_override"]:
        task.report(f"release windows overridden: {audit['window_override']}")


def announce(task: Task, target: Document, found: Look) -> list[Difference]:
    """What a rollback will change, after it was said: at three in the morning people want to read it first."""
    differences = restore.changes(target, found.live)
    proof = "" if target["proven"] else ", which nobody verified"
    if found.choice:
        task.report(found.choice.reason.rstrip("."))
    task.report(f"restores release {target['seq']} ({target['kind']}{proof}): service first, then attributes")
    for each in differences:
        task.report(each.as_text())
    if target["force"]:
        task.report(f"{target['task_definition']} is live already: its tasks are replaced by new ones")
    for name in target["not_restorable"]:
        if name == states.COUNT:
            owner = f"release {target['seq']} had left it to others, or autoscaling would move it"
            task.warn(f"{name} stays: somebody has moved it since, {owner}.")
        elif name not in found.theirs:
            reason = f"what it was is not on record of release {target['seq']}"
            task.warn(f"{name} was declared later, and {reason}: it stays.")
    if found.theirs:
        lines = "\n".join(ownership.told(task.params["owner"], [*found.theirs.values()]))
        task.warn(f"Not restored from here, for another owner has it, and release {target['seq']} had it so: {lines}")
    return differences


def announce_standing(task: Task, choice: restore.Choice) -> None:
    """A rollback that is typed again: whoever was cut off, or did not see the last word, learns what it was."""
    task.report(f"{choice.reason} Nothing is restored. {choice.remedy}")


def announce_baseline(task: Task, baseline: Document) -> None:
    """What runs was made by hand, or by another tool: it is said, for a rollback may come back to it."""
    task.report(
        f"what is live is the state of no release on record, so it is written down as a baseline: "
        f"{baseline['verdict']['reason']}"
    )


def unfinished(record: Document) -> str:
    """Why a run that wanted to deploy goes back: an earlier one of the same intent was on its way back when it died."""
    reason = record["verdict"]["reason"] or "why is not on record"
    return (
        f"Release {record['seq']} has failed, and the run that went back from it was interrupted: {reason} Its way "
        "back is gone on with first. Correct what is declared, then deploy again."
    )


def _content_differs(task: Task, left: Document, found: Document) -> bool:
    """Whether the declared content is another than that of a release left open. A revision that is gone has none."""
    if left["kind"] == ROLLBACK:
        return True
    arn = left["steps"]["task_definition"] or found["task_definition"]
    declared = live.declared(task)
    try:
        content = reads.task_definition(task, arn)
        wanted = task_definition.plan(
            content, models.task_definition(), declared.changes or None, declared.definition or None, declared.images
        )
    except DeclarationError as wrong:
        raise Failure(wrong.msg, reason="declaration") from None
    except Failure as failure:
        if failure.fields.get("code") != "ClientException":
            raise
        return True
    return bool(wanted.differences)


def _planned(task: Task) -> tuple[list[Answer], approval.Plan]:
    """The plan as it is now, as it may be shown and as it is approved."""
    now = live.whole(task)
    try:
        found = plan.differences(live.declared(task), now, models.task_definition())
    except DeclarationError as wrong:
        raise Failure(wrong.msg, reason="declaration") from None
    key = redact.run_key()
    return [redact.difference(each, set(), key).as_dict() for each in found], allowed.planned(task, now, found)


def _attributes(task: Task, found: Document) -> dict[str, dict[str, str]]:
    """The declared attributes as AWS keeps them, by the ARN of their group; those that we own."""
    params = task.params
    if not (params["attributes"] or params["attributes_of"]) or params["owner"] in ownership.ELSEWHERE:
        return {}
    existing = reads.target_groups(task, list(found["attributes"]))
    meant = groups.parts(params["target_group"], params["attributes"], params["attributes_of"], existing)
    return {each.arn: each.text(found["attributes"][each.arn]) for each in meant}
