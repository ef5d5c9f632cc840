# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The digest of a plan, by which an approval holds for this content and no other.

``SALT.ROUNDS.WHOLE.ENTRIES``: the salt is a random one and stands in the digest, so that a later run can make the same
digest of the same plan. Each entry, a difference with both its values, has eight hex digits of its own: so a refusal
names what differs, and a run that resumes half of an approved plan is known. A value that may not be shown could be
guessed from a plain hash; it goes through PBKDF2, and what is printed of it are 32 bits.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules import redact
from ansible_collections.steady.ecs.plugins.module_utils.rules.differences import Difference

DIGITS = 8
"""Of each entry."""
MOST_ROUNDS, ALL_ROUNDS, FEWEST_ROUNDS = 200_000, 4_000_000, 20_000
"""Of PBKDF2-HMAC-SHA256 for each hidden value: a tenth of a second each, about two seconds for all of them together."""
_FORM = re.compile(r"([0-9a-f]{16})\.([0-9]{5,6})\.([0-9a-f]{32})\.((?:[0-9a-f]{8}){3,})")
"""The last part: service, live revision, and at least one entry, for a plan without any prints no digest."""
_NO_DIGEST = (
    "release_plan is no digest as a plan prints it. Take it whole from the last lines of the plan (`--check --diff`)."
)


@dataclass(frozen=True)
class Plan:
    """What is bound: of which service, from which live revision, and every difference with its values."""

    service: str
    base: str
    differences: list[Difference]


def others(before: list[dict[str, Any]], force: bool, differs: bool) -> list[Difference]:
    """What a plan does beside settling its differences, as entries of it that are approved with the rest: the one-off
    tasks ``before`` a rollout, and new tasks by ``force``, though nothing differs. None where nothing would be done."""
    tasks = enumerate(before if differs else [])
    gates = [Difference("one-off task", f"rollout_before[{number}]", each, None) for number, each in tasks]
    return gates + ([Difference("service", "rollout_force", True, False)] if force else [])


def digest(plan: Plan) -> str:
    """The digest to be printed with a plan."""
    hidden = sum(1 for each in plan.differences if not _shown(each))
    return _digest(plan, secrets.token_hex(8), max(FEWEST_ROUNDS, min(MOST_ROUNDS, ALL_ROUNDS // max(hidden, 1))))


def refusal(approved: str, plan: Plan, resumes: bool) -> str | None:
    """Why this plan is not the approved one, naming what differs; None when it is, or when nothing is left to do.

    ``resumes``: a release is open, so that a part of the approved plan may be live already.
    """
    found = _FORM.fullmatch(approved.strip())
    if not found or not FEWEST_ROUNDS <= int(found[2]) <= MOST_ROUNDS:
        return _NO_DIGEST
    salt, rounds, whole, tags = found[1], int(found[2]), found[3], found[4]
    now = _digest(plan, salt, rounds)
    if now.split(".")[2] == whole:
        return None if now == found[0] else _NO_DIGEST
    service, base, *entries = (tags[start : start + DIGITS] for start in range(0, len(tags), DIGITS))
    mine_service, mine_base, *mine = _tags(plan, salt, rounds)
    if not plan.differences and mine_service.startswith(service):
        return None
    named = list(zip(mine, _sorted(plan.differences), strict=True))
    other = [f"{each.path} of {each.resource}" for tag, each in named if tag[:DIGITS] not in entries]
    if resumes and not other and mine_service.startswith(service):
        return None
    said = []
    if not mine_service.startswith(service):
        said.append("it was made for another service")
    elif not mine_base.startswith(base):
        said.append(f"another revision is live by now ({plan.base.rsplit('/', 1)[-1]})")
    if other:
        said.append(f"not in it, or with another value now or before: {', '.join(other)}")
    gone = len(set(entries) - {tag[:DIGITS] for tag in mine})
    if gone and mine_service.startswith(service):
        said.append(f"{gone} of its {len(entries)} differences {'is' if gone == 1 else 'are'} not in the plan any more")
    return (
        f"The plan is not the one that was approved: {'; '.join(said)}. Nothing was changed. Look at the plan "
        "again, and have this one approved."
    )


def _digest(plan: Plan, salt: str, rounds: int) -> str:
    tags = _tags(plan, salt, rounds)
    whole = hashlib.sha256("".join(tags).encode()).hexdigest()[:32]
    return f"{salt}.{rounds}.{whole}.{''.join(tag[:DIGITS] for tag in tags)}"


def _tags(plan: Plan, salt: str, rounds: int) -> list[str]:
    """A whole hash for the service, the live revision, and each difference in a fixed order."""
    entries = [(_text(each), 1 if _shown(each) else rounds) for each in _sorted(plan.differences)]
    return [
        hashlib.pbkdf2_hmac("sha256", text.encode(), salt.encode(), count).hex()
        for text, count in [(f"service {plan.service}", 1), (f"base {plan.base}", 1), *entries]
    ]


def _sorted(differences: Iterable[Difference]) -> list[Difference]:
    return sorted(differences, key=_text)


def _text(each: Difference) -> str:
    return json.dumps([each.resource, each.path, each.expected, each.actual], sort_keys=True, default=str)


def _shown(each: Difference) -> bool:
    """Whether both values are printed in clear beside the digest."""
    return redact.difference(each, set(), b"") == each
