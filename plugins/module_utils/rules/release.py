# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The life of a release: what opening, applying and closing write, in which order, so that a run may die anywhere.

Every function answers documents; the edge writes them. The order is that of the protocol: a record is on file before
the head names it, and the head names it before the first change. So a record above ``head.seq`` was never applied,
and a final record that the head still names as open only waits for the head to be settled.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ansible_collections.steady.ecs.plugins.module_utils.rules.records import (
    ABANDONED,
    APPLYING,
    BASELINE,
    BASELINE_SAYS,
    CALLER_SAYS,
    FAILED,
    FINAL,
    GIVEN_AGAIN,
    PREPARED,
    RELEASES,
    ROLLED_BACK,
    ROLLING_BACK,
    SCHEMA,
    STEPS,
    SUCCEEDED,
    TOOL,
    TRANSITIONS,
    VERIFYING,
    Document,
    Identity,
    family_of,
    moved,
    proven,
    written,
)
from ansible_collections.steady.ecs.plugins.module_utils.rules.states import (
    as_found,
    differences,
    properties,
    records_after,
    state_of,
)

Records = Mapping[int, Document]

STATE_OF_OUTCOME = {
    "proven": SUCCEEDED,
    "unchanged": SUCCEEDED,
    "failed_rolled_back": ROLLED_BACK,
    "failed": FAILED,
    "superseded": FAILED,
    "held": FAILED,
    "error": FAILED,
}
"""The final state of a record by the outcome of its run. An interrupted run closes nothing: its record stays open."""

CREATE, REPLACE, HEAD = "create", "replace", "head"
TIMELINE_BEGIN, TIMELINE_END = 10, 50


@dataclass(frozen=True)
class Write:
    """One document to write: a new record, a record again, or the head."""

    how: str
    document: Document


@dataclass(frozen=True)
class Request:
    """What a run wants to do, before anything is written."""

    identity: Identity
    kind: str
    intent: Document
    audit: Document
    """who, host, commit, ref, why."""
    nonce: str
    restores: int | None = None


@dataclass
class Opening:
    """The release that a run works on, and the writes that open it (none when an interrupted one is resumed)."""

    record: Document
    writes: list[Write] = field(default_factory=list)
    baseline: Document | None = None
    resumed: bool = False
    unproven: bool = False
    """What is live is the work of releases that died or failed, so nobody has verified it, whoever declares it now."""


def settled(head: Document, records: Records) -> Document:
    """The head as it would be had the last run not died between its record's final write and the head's."""
    last = records.get(head["open"]) if head["open"] is not None else None
    if last is None or last["state"] not in FINAL:
        return head
    current = last["seq"] if last["state"] == SUCCEEDED else head["current"]
    return {**head, "open": None, "current": current}


def opened(head: Document, records: Records) -> Document | None:
    """The record of the release that a run has open, alive or dead; None when there is none."""
    number = settled(head, records)["open"]
    return None if number is None else records[number]


def opening(
    head: Document, records: Records, request: Request, live: Document, now: str, content_differs: bool = True
) -> Opening:
    """Open a release under the lease in ``head``: resume the dead one of the same intent, or write down what this one
    will change.

    ``live`` has the shape of ``before``; ``content_differs``: the declared task definition is not the one that the
    release left open has. The writes, in order: what died earlier becomes abandoned; a baseline, if the live state is
    that of no release; the record ``prepared``; the head that names it; the record ``applying``.
    """
    head = settled(head, records)
    left = None if head["open"] is None else records[head["open"]]
    writes, known = _buried(head, records, now)
    base, baseline = _adopted(head, known, live), None
    is_ours = explained(base, known, live)
    if left and is_ours and _resumable(left, request, live, content_differs):
        return _resumed(left, head["epoch"], request, now)
    seq, epoch = max([head["seq"], *known]), head["epoch"]
    if not is_ours:
        seq += 1
        baseline = _baseline(seq, epoch, base, request, live, now)
        writes.append(Write(CREATE, baseline))
        base = seq
    record = prepared(seq + 1, epoch, base, request, live, now)
    next_head = written(head, request.nonce, seq=seq + 1, open=seq + 1, current=base)
    applying = moved(record, APPLYING, now)
    writes += [Write(CREATE, record), Write(HEAD, next_head), Write(REPLACE, applying)]
    unproven = is_ours and base is not None and bool(differences(state_of(known[base], known), live))
    return Opening(record=applying, writes=writes, baseline=baseline, unproven=unproven)


def nothing_to_open(head: Document, records: Records, nonce: str, now: str) -> list[Write]:
    """The writes of a run that found nothing to release: what a dead run wanted otherwise is abandoned, and the head is
    as it should have left it, without lease."""
    head = settled(head, records)
    writes, _known = _buried(head, records, now)
    return [*writes, Write(HEAD, written(head, nonce, open=None, lease=None))]


def unsettled(head: Document, records: Records) -> bool:
    """Whether a dead run has left something for a run with nothing to release, too: its name in the head, or a record
    that it made, and the head does not count."""
    return head["open"] is not None or any(each["state"] not in FINAL for each in records_after(records, head["seq"]))


def explained(base: int | None, records: Records, live: Document) -> bool:
    """Whether the live state is that of release ``base``, or what dead or failed releases after it left of it.

    Such a half-done state is no hand edit and gets no baseline: else it became what the next rollback restores. A
    revision counts as a release's own when its record names it, which is why it is noted before the service is updated.
    """
    if base is None:
        return False
    state = state_of(records[base], records)
    if not differences(state, live):
        return True
    later = [each for each in records_after(records, base) if each["kind"] in RELEASES]
    dead = [each for each in later if each["state"] in (FAILED, ABANDONED)]
    if not dead:
        return False
    possible = [state, *(state_of(each) for each in dead), *(each["before"] for each in dead)]
    revisions = {*(each["task_definition"] for each in possible), *(way_back_revision(each) for each in dead)}
    if live["task_definition"] not in revisions:
        return False
    known = [properties(each) for each in possible]
    return all(
        any(each.get(name) == value for each in known) for name, value in properties(live).items() if name in known[0]
    )


def way_back_revision(record: Document) -> str | None:
    """The revision with which the way back from a release brings back what was before, as far as it is noted."""
    found: str | None = record["steps"].get("rollback_task_definition")
    return found


def as_it_runs(record: Document, later: Iterable[Document]) -> Document:
    """The record of a release with the revision that it runs as by now: a way back to it that had to register its
    content anew has given it another (a tag that was moved, case C68; a revision that is INACTIVE). That is of the same
    family, or it was not we who noted it.

    ``later``: the records after it, in their order. They are read up to the next proven one.
    """
    if record["state"] != SUCCEEDED or record["kind"] not in RELEASES:
        return record
    for each in later:
        if proven(each):
            break
        revision = way_back_revision(each)
        if each["state"] != ROLLED_BACK or each["base"] != record["seq"] or revision is None:
            continue
        if family_of(revision) == family_of(state_of(record)["task_definition"]):
            record = {**record, "steps": {**record["steps"], "task_definition": revision}}
    return record


def step(record: Document, steps: Document, now: str) -> Document:
    """The record with what was done so far. Raises ValueError when the release is not open any more."""
    done = _done(record, steps)
    intent, noted = record["intent"], done.get("task_definition")
    wanted = intent["task_definition"]
    if noted and (wanted["revision"] is None or family_of(noted) != wanted["family"]):
        intent = {**intent, "task_definition": {**wanted, "revision": noted, "family": family_of(noted)}}
    state = VERIFYING if done.get("deployment") or done.get("service_deployment") else record["state"]
    if state == PREPARED:
        state = APPLYING
    return moved(record, state, now, steps={**record["steps"], **done}, intent=intent)


def interrupted(record: Document, steps: Document, now: str) -> Document | None:
    """The record of a release whose run is being ended by a signal, with what is known by now; it stays open, in its
    state. None when it is closed: there is nothing to note."""
    if record["state"] in FINAL:
        return None
    log = [*record["log"], {"t": now, "state": "interrupted"}]
    return written(record, log=log, steps={**record["steps"], **_done(record, steps)})


def _done(record: Document, steps: Document) -> Document:
    """Steps to enter into a record. On the way back revision and deployment are those of the way back, and the others
    stay known: none of them is anybody else's."""
    done = {name: value for name, value in steps.items() if value is not None}
    if record["state"] != ROLLING_BACK:
        return done
    return {f"rollback_{name}": done[name] for name in ("task_definition", "deployment") if name in done}


def rolling_back(record: Document, now: str, verdict: Document | None = None) -> Document:
    """The record of a release that is being undone, with why: a run that goes on with it would not know any more.

    ``verdict`` as ``result`` of :func:`closing`. Raises ValueError when the release is closed.
    """
    if record["state"] == ROLLING_BACK:
        return moved(record, ROLLING_BACK, now)
    return moved(record, ROLLING_BACK, now, verdict=_judged(record, verdict or {}))


def closing(head: Document, record: Document, outcome: str, result: Document, now: str) -> list[Write]:
    """The last writes of a release: its final state, then the head, which names it no more and gives the lease back;
    its ``current`` moves on success only.

    ``result``: result (the verdict's word), checks, reason, rolled_back_by, cause, duration_seconds, timeline.
    """
    state = STATE_OF_OUTCOME[outcome]
    if state == SUCCEEDED and record["state"] == APPLYING:
        record = moved(record, VERIFYING, now)
    if state == ROLLED_BACK and ROLLED_BACK not in TRANSITIONS.get(record["state"], set()):
        state = FAILED
    verdict = {**_judged(record, result), "outcome": outcome}
    last = moved(record, state, now, verdict=verdict, audit={**record["audit"], "finished": now})
    current = last["seq"] if state == SUCCEEDED else head["current"]
    return [Write(REPLACE, last), Write(HEAD, written(head, record["nonce"], open=None, current=current, lease=None))]


def _judged(record: Document, result: Document) -> Document:
    """The verdict of a record with what is known now on top; what is not known any more stays as it was noted."""
    known = {name: value for name, value in result.items() if value not in (None, [], {})}
    verdict: Document = {**record["verdict"], **known}
    lines = verdict["timeline"] or []
    if len(lines) > TIMELINE_BEGIN + TIMELINE_END:
        verdict["timeline"] = lines[:TIMELINE_BEGIN] + lines[-TIMELINE_END:]
    return verdict


def _resumed(left: Document, epoch: int, request: Request, now: str) -> Opening:
    """A release that goes on from the state that it was left in, with the grounds that are given now. Its record is
    written anew in any case: a run that was only asleep cannot write to it any more."""
    state = APPLYING if left["state"] == PREPARED else left["state"]
    audit = {**left["audit"], **{name: request.audit[name] for name in GIVEN_AGAIN if request.audit.get(name)}}
    record = moved(left, state, now, epoch=epoch, nonce=request.nonce, audit=audit)
    record["log"][-1]["who"] = request.audit.get("who")
    return Opening(record=record, writes=[Write(REPLACE, record)], resumed=True)


def _resumable(left: Document, request: Request, live: Document, content_differs: bool) -> bool:
    """Whether a dead run's release is the one wanted now; one that was on its way back goes on going back.

    Values of the environment are not on file, so content is compared where it is: what is declared against the
    revision that the record names. Before it names one, nothing was rolled out yet."""
    if left["kind"] != request.kind or left["restores"] != request.restores:
        return False
    names = ("settings", "attributes", "count_policy")
    if any(left["intent"][name] != request.intent[name] for name in names):
        return False
    was, wanted = left["intent"]["task_definition"], request.intent["task_definition"]
    if was["changes"] != wanted["changes"] or was["images"] != wanted["images"]:
        return False
    untouched = (
        left["steps"]["task_definition"] is None and live["task_definition"] == left["before"]["task_definition"]
    )
    return untouched or not content_differs


def _buried(head: Document, records: Records, now: str) -> tuple[list[Write], dict[int, Document]]:
    """Writes that abandon what dead runs left since the current release, and the records since then as they are then.

    Whoever opened the current release has buried what was older, so a long history is not read.
    """
    numbers = [number for number in records if number > (head["current"] or 0)]
    if head["current"] is not None:
        numbers.insert(0, head["current"])  # by its number, not from the listing: it may have been deleted
    known = {number: records[number] for number in numbers}
    dead = [number for number in sorted(known) if known[number]["state"] not in FINAL]
    known.update({number: moved(known[number], ABANDONED, now) for number in dead})
    return [Write(REPLACE, known[number]) for number in dead], known


def _adopted(head: Document, records: Records, live: Document) -> int | None:
    """The current release; or the baseline of a run that died before it wrote the head, if it still says what is
    live: a second one would say the same."""
    orphans = [
        number
        for number, record in records.items()
        if number > head["seq"] and record["kind"] == BASELINE and not differences(state_of(record), live)
    ]
    current = head["current"]
    if orphans and not explained(current, {k: v for k, v in records.items() if k <= head["seq"]}, live):
        return max(orphans)
    return None if current is None else int(current)


def _baseline(seq: int, epoch: int, base: int | None, request: Request, live: Document, now: str) -> Document:
    """What was found, as a release: succeeded, for it serves; not proven, for nobody verified it."""
    intent = {
        "task_definition": {
            "family": family_of(live["task_definition"]),
            "revision": live["task_definition"],
            "images": [],
            "changes": [],
        },
        "settings": {},
        "count_policy": {"mode": "keep", "count": None},
        "attributes": {},
    }
    said = {name: request.audit.get(name) for name in BASELINE_SAYS}
    audit = {**said, "why": f"What was live before release {seq + 1}"}
    found = Request(request.identity, BASELINE, intent, audit, request.nonce)
    record = prepared(seq, epoch, base, found, live, now)
    reason = "as it was found; not proven" if base is None else "changed by hand since the last release; not proven"
    return {
        **record,
        "state": SUCCEEDED,
        "log": [{"t": now, "state": SUCCEEDED}],
        "audit": {**record["audit"], "finished": now},
        "verdict": {**record["verdict"], "result": "unknown", "reason": reason},
    }


def prepared(seq: int, epoch: int, base: int | None, request: Request, live: Document, now: str) -> Document:
    """The first form of a record: what is wanted and what was live, before anything is changed."""
    audit = {name: request.audit.get(name) for name in CALLER_SAYS}
    return {
        "schema": SCHEMA,
        "seq": seq,
        "kind": request.kind,
        "state": PREPARED,
        "base": base,
        "restores": request.restores,
        "target": {**request.identity.as_dict(), "target_groups": sorted(live["attributes"])},
        "audit": {**audit, "tool": TOOL, "started": now, "finished": None},
        "intent": request.intent,
        "before": as_found(live, request.intent),
        "steps": dict.fromkeys(STEPS),
        "verdict": {
            **dict.fromkeys(("result", "reason", "rolled_back_by", "outcome", "cause", "duration_seconds")),
            "checks": [],
            "timeline": [],
        },
        "log": [{"t": now, "state": PREPARED}],
        "epoch": epoch,
        "nonce": request.nonce,
        "n": 1,
        "write_id": f"{request.nonce}.1",
    }
