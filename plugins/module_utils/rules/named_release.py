# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which release a person means by a number, a revision or a commit (``rollback_to``).

A name chooses only what it names alone: where several releases fit and would restore different states, none is taken
for granted, for at three in the morning the wrong one is worse than a question.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from ansible_collections.steady.ecs.plugins.module_utils.rules.images import recorded
from ansible_collections.steady.ecs.plugins.module_utils.rules.records import (
    DEPLOY,
    RELEASES,
    ROLLBACK,
    SUCCEEDED,
    UNTRUSTED,
    Document,
    proven,
)
from ansible_collections.steady.ecs.plugins.module_utils.rules.release import Records
from ansible_collections.steady.ecs.plugins.module_utils.rules.states import differences, state_of
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure

COMMIT = re.compile(r"[0-9a-f]{7,64}")
"""A whole commit or its beginning: git's own short form has seven letters, and a SHA-256 repository has 64."""
REVISION = re.compile(r"(?:arn:\S+/)?[A-Za-z0-9_-]+:[0-9]+")


@dataclass(frozen=True)
class Named:
    """The release that is meant, and why it; or why none is, and what to type instead."""

    record: Document | None
    reason: str
    remedy: str = ""


def find(records: Records, wanted: str) -> Named:
    """The release that ``wanted`` names: its number, its revision (``web:75`` or the ARN), or a commit of it."""
    wanted = wanted.strip()
    if wanted.isdecimal() and (int(wanted) in records or not COMMIT.fullmatch(wanted)):
        return _numbered(records, int(wanted))
    if REVISION.fullmatch(wanted):
        return _chosen(records, lambda each: _is_of(each, wanted), f"of revision {wanted}")
    if COMMIT.fullmatch(wanted.lower()):
        return _chosen(records, lambda each: _is_from(each, wanted.lower()), f"of commit {wanted}")
    return Named(
        None,
        f"{wanted!r} is neither a release number, nor a revision (FAMILY:NUMBER or its ARN), nor a commit of at least "
        "seven digits.",
        _possible(records),
    )


def _numbered(records: Records, wanted: int) -> Named:
    record = records.get(wanted)
    if record is not None and _is_whole(record):
        return Named(record, f"release {wanted} was asked for")
    found = "is not on record"
    if record is not None:
        found = f"ended {record['state']}, so it is no state to go back to"
        if record["kind"] not in RELEASES:
            found = f"is no release but a note of {record['kind'].replace('_', ' ')}"
    return Named(None, f"Release {wanted} {found}.", _possible(records))


def _chosen(records: Records, is_meant: Callable[[Document], bool], words: str) -> Named:
    """The one release among several, proven ones first. Several are one when each restores the same state."""
    found = [each for each in _whole(records)[0] if is_meant(each)]
    if not found:
        return Named(None, f"No release on record is {words}.", _possible(records))
    best = [each for each in found if proven(each)] or found
    numbers = {each["seq"] for each in best}
    # A rollback is the release that it restores: whoever names that by its revision does not mean another one.
    best = [each for each in best if each["kind"] != ROLLBACK or each["restores"] not in numbers]
    newest = max(best, key=lambda each: int(each["seq"]))
    if all(_same(each, newest) for each in best):
        return Named(newest, f"release {newest['seq']} is the newest {words}")
    listed = ", ".join(_line(each) for each in sorted(best, key=lambda each: int(each["seq"])))
    verified = "proven " if proven(newest) else ""
    return Named(
        None,
        f"Several releases are {words}, and they are not alike: {listed}.",
        f"Name one by its number; the newest {verified}one is -e rollback_to={newest['seq']}.",
    )


def _same(one: Document, other: Document) -> bool:
    return not differences(state_of(one), state_of(other)) and recorded(one) == recorded(other)


def _whole(records: Records) -> tuple[list[Document], int | None]:
    """The releases that somebody can mean to go back to, newest first; and the number of the record with which they
    end, where one cannot be trusted: what was declared after an older release is not known without it."""
    found = list[Document]()
    for number in sorted(records, reverse=True):
        try:
            record = records[number]
        except Failure as failure:
            if failure.fields.get("reason") != UNTRUSTED:
                raise
            return found, number
        found += [record] if _is_whole(record) else []
    return found, None


def _is_whole(record: Document) -> bool:
    """Whether a release was brought to its end."""
    return record["state"] == SUCCEEDED and record["kind"] in RELEASES


def _is_of(record: Document, wanted: str) -> bool:
    """Whether it runs as this revision, or did until a way back to it registered its content anew."""
    arns = [str(arn) for arn in (state_of(record)["task_definition"], record["intent"]["task_definition"]["revision"])]
    return any(wanted in (arn, arn.rsplit("/", 1)[-1]) for arn in arns)


def _is_from(record: Document, wanted: str) -> bool:
    """Whether it deployed this commit, of which either side may have the short form.

    A rollback is made where the inventory stands by then, which is the commit of what it leaves; older versions gave a
    baseline that of the release that came after it.
    """
    known = [str(record["audit"].get(name) or "").lower() for name in ("commit", "inventory_commit")]
    begins = any(each.startswith(wanted) or (COMMIT.fullmatch(each) and wanted.startswith(each)) for each in known)
    return record["kind"] == DEPLOY and begins


def _line(record: Document) -> str:
    proof = "proven" if proven(record) else "not proven"
    return f"{record['seq']} ({record['kind']}, {proof}, {record['audit'].get('finished') or 'no date'})"


def _possible(records: Records) -> str:
    found, end = _whole(records)
    possible = ", ".join(str(each["seq"]) for each in reversed(found))
    if end is None:
        return f"Set rollback_to to one of: {possible or 'none exists yet'}."
    there = f"Set rollback_to to one of: {possible}. " if possible else ""
    return f"{there}Nothing older can be gone back to without record {end}, which cannot be read: history says why."
