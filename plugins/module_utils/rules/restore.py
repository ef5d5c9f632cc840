# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where a rollback goes, and what it puts back.

Undoing a release that is open goes back exactly to where it started from, a baseline included. The operator's
rollback goes to the last *proven* release before the live one; what was never proven is a way back only where nothing
proven exists. Typed again, a rollback that is live goes nowhere, for whoever was cut off, or did not see the last word,
types the same command again: to go further back the release is named. Where its count, its tasks or its deployment are
not what it left, it is brought back once more. No rollback returns to the release that was left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules import (
    counts,
    endpoints,
    named_release,
    redact,
    target_group,
)
from ansible_collections.steady.ecs.plugins.module_utils.rules.checks import failed
from ansible_collections.steady.ecs.plugins.module_utils.rules.differences import Difference
from ansible_collections.steady.ecs.plugins.module_utils.rules.images import compared, recorded
from ansible_collections.steady.ecs.plugins.module_utils.rules.looks import groups_of, primary
from ansible_collections.steady.ecs.plugins.module_utils.rules.records import (
    ABANDONED,
    DEPLOY,
    FAILED,
    FINAL,
    RELEASES,
    ROLLBACK,
    ROLLED_BACK,
    SUCCEEDED,
    Document,
    proven,
)
from ansible_collections.steady.ecs.plugins.module_utils.rules.release import Records, explained, opened, settled
from ansible_collections.steady.ecs.plugins.module_utils.rules.settings import GRACE, SCALING, tag_key
from ansible_collections.steady.ecs.plugins.module_utils.rules.states import (
    COUNT,
    changed_settings,
    declared,
    differences,
    flat_settings,
    nested_settings,
    records_after,
    state_of,
)

BALANCERS = "loadBalancers"
LAUNCH_TYPE = "launchType"
"""UpdateService cannot change it: a capacity provider strategy, or none, says all that can be gone back to."""


@dataclass(frozen=True)
class Choice:
    """The release to restore, and why that one; or why there is none, and what to do instead."""

    record: Document | None
    reason: str
    remedy: str = ""
    stands: bool = False
    """The record is that of the rollback that is wanted, which is live already: nothing is to be restored."""


def choose(head: Document, records: Records, live: Document, wanted: str | int | None = None) -> Choice:
    """The release that a rollback restores now; ``wanted`` names one (``rollback_to``), see :mod:`named_release`."""
    head = settled(head, records)
    standing = _standing(head, records, live)
    if wanted is not None:
        named = named_release.find(records, str(wanted))
        if standing and named.record and named.record["seq"] in reached(standing, records):
            return _stands(standing, records)
        return Choice(named.record, named.reason, named.remedy)
    if head["current"] is None:
        return Choice(
            None,
            "No release of this service is on record, so nothing is known to go back to.",
            "Deploy once: the first release writes down what was live before it. Until then "
            "`aws ecs update-service --task-definition FAMILY:REVISION` goes back by hand.",
        )
    if standing:
        return _stands(standing, records)
    open_record = opened(head, records)
    if open_record:
        return _undone(open_record, records)
    current = records[head["current"]]
    if differences(state_of(current, records), live):
        halfway = _halfway(current, records, live)
        if halfway is not None:
            return Choice(records[halfway["restores"]], f"rollback {halfway['seq']} got halfway only")
        return _proven_from(current, records, f"what is live is not release {current['seq']}")
    left = failed_since(current, records)
    if left and _has_left(left, live):
        return _proven_from(current, records, f"release {left['seq']} failed, and some of what it set is still there")
    start = _before(current, records)
    if start is None:
        return Choice(None, f"Nothing is older than release {current['seq']}, which is live.", _other(current, records))
    return _proven_from(start, records, f"release {current['seq']} is live")


def reached(record: Document, records: Records) -> list[int]:
    """The numbers of the releases that are live where this one is: a rollback is the one that it restored, and that may
    be one in its turn."""
    return [int(each["seq"]) for each in _chain(record, records)]


def failed_since(base: Document, records: Records) -> Document | None:
    """The newest release, when it is a deployment over this one that failed and was not undone."""
    newest = next(records[number] for number in sorted(records, reverse=True) if records[number]["kind"] in RELEASES)
    is_failed = newest["kind"] == DEPLOY and newest["state"] in (FAILED, ABANDONED)
    return newest if is_failed and newest["base"] == base["seq"] else None


def begun_by_us(head: Document, records: Records, service: Document) -> Document | None:
    """The record of the release whose deployment may be under way: the open one, or the newest where that has failed
    and was not undone. Without a circuit breaker ECS goes on starting its tasks, and a mended release ends that."""
    left = opened(head, records)
    if left or primary(service).get("rolloutState") != "IN_PROGRESS" or head["current"] is None:
        return left
    return failed_since(records[head["current"]], records)


def damage(rollback: Document, records: Records, live: Document, service: Document, tasks: list[Document]) -> str:
    """What is wrong with a rollback that is live, although its state is: another count is wanted than it restored, its
    deployment has failed, or its tasks run another content than it left (case C68); empty when nothing is."""
    count, desired = counts.fixed(rollback, records, live).get(COUNT), live.get("desired")
    if count is not None and desired not in (None, count):
        return f"its desired count is {desired} instead of {count}"
    lead = primary(service)
    if lead.get("rolloutState") == "FAILED":
        return f"deployment {lead['id']} of it has failed"
    wrong = failed(compared(tasks, recorded(rollback)))
    return "; ".join(f"{each['name']}: expected {each['expected']}, found {each['found']}" for each in wrong)


def once_more(rollback: Document, why: str) -> Choice:
    """The choice of a rollback that would stand, but whose work is damaged: it is brought back again."""
    return Choice(
        rollback, f"release {rollback['seq']}, a rollback to release {rollback['restores']}, is live, but {why}"
    )


def restoration(target: Document, records: Records, live: Document) -> Document:
    """What restoring this release means: its revision, and the settings and attributes that later releases declared.

    ``{"seq", "kind", "proven", "task_definition", "images": {container: image by digest}, "endpoints": {check: answer},
    "attributes": {ARN: {key: text}}, "settings": {...}, "force", "not_restorable": [name]}``. ``images`` and
    ``endpoints``: what ran and was answered then, as far as it is on record. ``force``: its revision is live already,
    so only a forced deployment replaces tasks. ``not_restorable``:
    declared since, but on no record from before that (of a target group that was attached with it), of a group or a
    scalable target that is gone since, with a value that no record keeps (a log option that may be a secret), or a
    count that belongs to others by now.
    """
    state = state_of(target, records)
    since = records_after(records, target["seq"])
    declarations = [declared(each) for each in since]
    attributes: dict[str, dict[str, str]] = {}
    unknown: list[str] = []
    for arn, key in sorted(
        {(arn, key) for each in declarations for arn, keys in each["attributes"].items() for key in keys}
    ):
        value = state["attributes"].get(arn, {}).get(key, _attribute_found_later(since, arn, key))
        # A target group that the service left behind cannot be told from one that was deleted: neither is written.
        if value is None or arn not in live.get("attributes", {arn: {}}):
            unknown.append(f"{arn} {key}")
        elif not target_group.unset(key, value):
            attributes.setdefault(arn, {})[key] = value
    known = {**_found_later(target, records), **flat_settings(state["settings"])}
    known = {path: value for path, value in known.items() if path != redact.LOGGING or not redact.is_withheld(value)}
    paths = {path for each in since for path in changed_settings(each)} - {LAUNCH_TYPE}
    taken = [each for each in since if BALANCERS in each["intent"]["settings"] and not _balancers(each["intent"])]
    if BALANCERS in paths and not known.get(BALANCERS):
        paths -= {GRACE}  # ECS takes it only beside load balancers: it goes with them, and comes back with them
    elif BALANCERS in paths and (taken or not _balancers(live)):
        paths |= {GRACE}
    if SCALING not in live.get("settings", {SCALING: {}}):
        known = {path: value for path, value in known.items() if not path.startswith(SCALING)}
    unknown += sorted(paths - set(known))
    settings: dict[str, Any] = {path: known[path] for path in sorted(paths) if path in known}
    count = counts.restored(target, records, live, nested_settings(settings))
    settings.update(count)
    if not count and counts.is_moved(target, records, live):
        unknown.append(COUNT)
    return {
        "seq": target["seq"],
        "kind": target["kind"],
        "proven": proven(target),
        "task_definition": state["task_definition"],
        "images": recorded(target),
        "endpoints": endpoints.recorded(target),
        "attributes": attributes,
        "settings": nested_settings(settings),
        "force": state["task_definition"] == live["task_definition"],
        "not_restorable": unknown,
    }


def standing(target: Document, records: Records) -> Document:
    """The same of a rollback that is live: nothing is put back, and what it brought back is verified again."""
    return {
        "seq": target["seq"],
        "kind": target["kind"],
        "proven": proven(target),
        "task_definition": state_of(target, records)["task_definition"],
        "images": recorded(target),
        "endpoints": endpoints.recorded(target),
        "attributes": {},
        "settings": {},
        "force": False,
        "not_restorable": [],
    }


def rules_of_pairs(restored: Document, records: Records, live: Document) -> list[str]:
    """ARNs of the production rules of the pairs in which target groups ever were that are to be restored and are not
    there: ECS alternates between the groups of a pair, so the one that was named then may have no traffic any more
    (case C60)."""
    there = {group for entry in _balancers(live) for group in groups_of(entry)}
    single = [groups_of(entry) for entry in _balancers(restored) if len(groups_of(entry)) == 1]
    wanted = {group for groups in single for group in groups} - there
    known = [_balancers(each[part]) for each in records.values() for part in ("before", "intent")]
    pairs = [entry for entries in known for entry in entries if len(groups_of(entry)) > 1]
    theirs = [each["advancedConfiguration"] for each in pairs if wanted & set(groups_of(each))]
    return sorted({str(each["productionListenerRule"]) for each in theirs if each.get("productionListenerRule")})


def _balancers(part: Document) -> list[Document]:
    return part.get("settings", {}).get(BALANCERS) or []


def _found_later(target: Document, records: Records) -> dict[str, Any]:
    """Settings that are unknown to a release, because nobody declared them then, as the first release after it that
    knows them found them: until then nobody had changed them here."""
    found: dict[str, Any] = {}
    for each in records_after(records, target["seq"]):
        found = {**flat_settings(each["before"]["settings"]), **found}
    return found


def _attribute_found_later(since: list[Document], arn: str, key: str) -> str | None:
    """The same of an attribute. None where the release that declared it first attached its group, too: nobody knows
    what it was before that."""
    for each in since:
        value: str | None = each["before"]["attributes"].get(arn, {}).get(key)
        if value is not None or key in each["intent"]["attributes"].get(arn, {}):
            return value
    return None


def way_back(record: Document, records: Records) -> Document | None:
    """What going back from this very release restores, whatever came after it: for its report. None where nothing is
    older, and for one that was put back."""
    if record["state"] == ROLLED_BACK:
        return None
    if record["state"] not in FINAL:
        return _undone(record, records).record
    if record["kind"] == ROLLBACK and record["state"] != SUCCEEDED:
        return records.get(record["restores"])
    start = _before(record, records)
    return None if start is None else _proven_from(start, records, "").record


def command(playbook: str, record: Document, base: Document, records: Records) -> str:
    """What to type to go back from this very release: the rollback goes there by itself from the newest one only, and
    only when that succeeded and is no rollback."""
    is_newest = not any(each["kind"] in RELEASES for each in records_after(records, record["seq"]))
    goes_there = is_newest and record["state"] == SUCCEEDED and record["kind"] != ROLLBACK
    return playbook if goes_there else f"{playbook} -e rollback_to={base['seq']}"


def others(records: Records, chosen: Document, live: Document) -> list[Document]:
    """The other releases that could be gone back to: proven ones first, the nearest to the chosen one first."""
    found = [each for each in records.values() if each["state"] == SUCCEEDED and each["kind"] in RELEASES]
    found = [each for each in found if each["seq"] != chosen["seq"] and differences(state_of(each), live)]
    return sorted(found, key=lambda each: (not proven(each), abs(each["seq"] - chosen["seq"]), -each["seq"]))


def changes(restored: Document, live: Document) -> list[Difference]:
    """What a restoration would change: for the plan that a rollback prints. A count, too, where one is restored."""
    count = {COUNT: live["desired"]} if "desired" in live else {}
    return differences(restored, {**live, "settings": {**live["settings"], **count}})


def _standing(head: Document, records: Records, live: Document) -> Document | None:
    """The rollback that was the last release to succeed, as long as what is live is its work alone, nothing is open,
    and no release over it has failed, which is another reason to go back than the one it was made for."""
    if head["open"] is not None or head["current"] is None:
        return None
    current = records[head["current"]]
    if current["kind"] != ROLLBACK or differences(state_of(current, records), live):
        return None
    left = failed_since(current, records)
    return None if left and (left["state"] == FAILED or _has_left(left, live)) else current


def _has_left(record: Document, live: Document) -> bool:
    """Whether the count or a tag of a failed release, neither of which is part of the state that is compared, is still
    what it set."""
    before, intent = record["before"], record["intent"]
    count, now = intent["count_policy"]["count"], live.get("desired")
    if count is not None and count == now and before.get("desired") not in (None, count):
        return True
    was, wanted, found = (flat_settings(each["settings"]) for each in (before, intent, live))
    tags = [path for path in wanted if tag_key(path)]
    return any(found.get(path) == wanted[path] != was.get(path) for path in tags)


def _stands(current: Document, records: Records) -> Choice:
    start = _before(current, records)
    further = _proven_from(start, records, "").record if start else None
    return Choice(
        current,
        f"release {current['seq']}, a rollback to release {current['restores']}, is live already.",
        f"To go further back, name the release: -e rollback_to={further['seq']}." if further else "Nothing is older.",
        stands=True,
    )


def _undone(record: Document, records: Records) -> Choice:
    """An open rollback goes on to where it was going; any other open release is undone."""
    number = record["restores"] if record["kind"] == ROLLBACK else record["base"]
    if number is None or number not in records:
        return Choice(
            None,
            f"Release {record['seq']} is open, and the record of what was before it is missing.",
            f"`aws ecs update-service --task-definition {record['before']['task_definition']}` goes back by hand.",
        )
    return Choice(records[number], f"release {record['seq']} is open ({record['state']})")


def _halfway(current: Document, records: Records, live: Document) -> Document | None:
    """The last release, when it is a rollback that failed halfway: what it left is no change by hand, and putting back
    the release that it was to leave would be the opposite of what is wanted."""
    later = [each for each in records_after(records, current["seq"]) if each["kind"] in RELEASES]
    last = later[-1] if later else current
    is_halfway = last["kind"] == ROLLBACK and last["state"] in (FAILED, ABANDONED) and last["restores"] in records
    return last if is_halfway and explained(current["seq"], records, live) else None


def _before(record: Document, records: Records) -> Document | None:
    """What was current before a release; for a rollback, before the release that it restored."""
    base = _chain(record, records)[-1]["base"]
    return None if base is None else records.get(base)


def _chain(record: Document, records: Records) -> list[Document]:
    """A release; for a rollback, the one that it restored after it, and so on."""
    found = [record]
    while found[-1]["restores"] is not None and found[-1]["restores"] in records:
        found.append(records[found[-1]["restores"]])
    return found


def _proven_from(start: Document, records: Records, reason: str) -> Choice:
    each: Document | None = start
    while each is not None:
        if proven(each):
            return Choice(each, reason)
        each = _before(each, records)
    return Choice(start, f"{reason}; release {start['seq']} is not proven, but nothing proven is older")


def _other(current: Document, records: Records) -> str:
    later = [str(number) for number, each in sorted(records.items()) if proven(each) and number != current["seq"]]
    if not later:
        return "Deploy the content that you want instead."
    return (
        f"To go to another proven release, name it: -e rollback_to={later[-1]} (proven: {', '.join(map(str, later))})."
    )
