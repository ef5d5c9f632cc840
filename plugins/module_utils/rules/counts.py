# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The desired count of a release that is gone back to. It is no part of a state, for others may own it by then."""

from __future__ import annotations

from ansible_collections.steady.ecs.plugins.module_utils.rules import scaling
from ansible_collections.steady.ecs.plugins.module_utils.rules.records import (
    DEPLOY,
    FINAL,
    RELEASES,
    ROLLBACK,
    ROLLED_BACK,
    SUCCEEDED,
    Document,
)
from ansible_collections.steady.ecs.plugins.module_utils.rules.release import Records
from ansible_collections.steady.ecs.plugins.module_utils.rules.settings import SCALING
from ansible_collections.steady.ecs.plugins.module_utils.rules.states import COUNT, records_after


def restored(target: Document, records: Records, live: Document, settings: Document) -> dict[str, int]:
    """The count beside the ``settings`` that are restored; none where Application Auto Scaling, as it is restored,
    would move it at once: it is awake again."""
    count = fixed(target, records, live)
    wanted, there = settings.get(SCALING) or {}, live.get("settings", {}).get(SCALING) or {}
    return {} if count and wanted and scaling.moves(count[COUNT], wanted, there) else count


def is_moved(target: Document, records: Records, live: Document) -> bool:
    """Whether a count that was declared after a release stays, for it is not what was found then."""
    return bool(_fixed_since(target, records)) and not _is_as_it_was(target, records, live)


def fixed(target: Document, records: Records, live: Document) -> dict[str, int]:
    """The desired count, only where the target fixed it and nothing says that it belongs to others by now.

    Releases over it that are open, have failed or were given up are undone whole, their counts too, as long as nobody
    has moved it since: from the newest on, as far as each found what the one before it had set. A rollback that is open
    goes on to the count that it began with.
    """
    set_since = [each for each in _left_over(target, records) if each["intent"]["count_policy"]["mode"] == "fixed"]
    if set_since and "desired" in live and set_since[0]["before"].get("desired") is not None:
        found = live["desired"]
        for each in set_since:
            if found == each["intent"]["count_policy"]["count"]:
                found = each["before"].get("desired", found)
        return {COUNT: found} if live["desired"] == set_since[0]["intent"]["count_policy"]["count"] else {}
    now = _since_live(target, records)
    last = now[-1] if now else target
    if last["kind"] == ROLLBACK and last["state"] not in FINAL and last["restores"] == target["seq"]:
        policies = [last["intent"]["count_policy"]]
    else:
        policies = [each["intent"]["count_policy"] for each in (target, *now)]
    return {COUNT: policies[0]["count"]} if all(each["mode"] == "fixed" for each in policies) else {}


def _left_over(target: Document, records: Records) -> list[Document]:
    """The deployments over a release, newest first, back to the first that succeeded or was undone: what they set may
    still be there."""
    found: list[Document] = []
    for each in reversed([each for each in records_after(records, target["seq"]) if each["kind"] in RELEASES]):
        if each["kind"] != DEPLOY or each["base"] != target["seq"] or each["state"] in (SUCCEEDED, ROLLED_BACK):
            break
        found.append(each)
    return found


def _since_live(target: Document, records: Records) -> list[Document]:
    """Of the releases after this one the last that succeeded, and what came after it: what they leave to others, which
    autoscaling may own by now, is not this one's to restore. A baseline says nothing of the count."""
    since = [each for each in records_after(records, target["seq"]) if each["kind"] in (DEPLOY, ROLLBACK)]
    live = max((each["seq"] for each in since if each["state"] == SUCCEEDED), default=0)
    return [each for each in since if each["seq"] >= live]


def _is_as_it_was(target: Document, records: Records, live: Document) -> bool:
    """Whether the count is what a release that was to follow this one, and declared another, has found: it never came
    to that, or the way back has restored it already."""
    found = [each["before"].get("desired") for each in _fixed_since(target, records) if each["base"] == target["seq"]]
    return live.get("desired") is not None and live["desired"] in found


def _fixed_since(target: Document, records: Records) -> list[Document]:
    """The releases after this one that declared a count."""
    return [each for each in records_after(records, target["seq"]) if each["intent"]["count_policy"]["mode"] == "fixed"]
