# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which revisions of a family may be deregistered: none that anything names, and none before a proven release.

Deregistering the revision that serves puts the next scale-out in danger (case C64), and deregistering before the new
one is proven takes the way back (case C65).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ansible_collections.steady.ecs.plugins.module_utils.rules.looks import name_of
from ansible_collections.steady.ecs.plugins.module_utils.rules.records import FINAL, Document, proven
from ansible_collections.steady.ecs.plugins.module_utils.rules.states import state_of


@dataclass
class Plan:
    """What stays, with the reasons, and what goes, oldest first; all by ARN."""

    keep: dict[str, list[str]] = field(default_factory=dict)
    remove: list[str] = field(default_factory=list)

    def as_lines(self) -> list[str]:
        """For people."""
        kept = [f"keeps {name_of(arn)}: {'; '.join(reasons)}" for arn, reasons in self.keep.items()]
        return [*kept, *(f"deregisters {name_of(arn)}" for arn in self.remove)]


def refusal(head: Document, records: Mapping[int, Document], keep: int) -> str:
    """Why nothing may be deregistered now, with the remedy; empty when something may. ``head`` is settled."""
    if keep < 1:
        return f"prune_keep is {keep}: at least the last proven release must stay. Set it to 1 or more."
    if head["open"] is not None:
        return (
            f"Release {head['open']} is open, and its way back must stay. Finish it with its own command, or with "
            "rollback.yml, then run again."
        )
    if not any(proven(records[number]) for number in records):
        return "No release is proven yet, so every old revision may still be the way back. Deploy once, then run again."
    return ""


def plan(
    active: list[str], current: int | None, records: Mapping[int, Document], keep: int, named: list[tuple[str, str]]
) -> Plan:
    """Sort the ACTIVE revisions of one family (ARNs, oldest first).

    ``named``: pairs of a task definition as something names it and of what does; a bare family means its newest
    revision. A revision that is newer than that of every proven release is kept: nobody knows yet what it is for.
    """
    reasons: dict[str, list[str]] = {arn: [] for arn in active}

    def hold(name: str, why: str) -> None:
        arn = _meant(name, active)
        if arn is not None and why not in reasons[arn]:
            reasons[arn].append(why)

    for name, why in named:
        hold(name, why)
    releases = _kept(current, records, keep)
    for number in releases:
        for name in _names(records[number]):
            hold(name, f"release {number}")
    newest = _newest_proven(records, {name_of(arn).rsplit(":", 1)[0] for arn in active})
    for arn in active:
        if number_of(arn) > newest:
            hold(arn, "newer than every proven release")
    return Plan(
        {arn: why for arn, why in reasons.items() if why},
        [arn for arn, why in reasons.items() if not why],
    )


def of_another(
    head: Document, records: Mapping[int, Document], keep: int, whose: str, active: list[str]
) -> list[tuple[str, str]]:
    """What another service of the same family needs, as pairs for :func:`plan`: the same of its records as of ours;
    and while a release of it is open, whatever is newer than what that began from, for it may have registered it.
    ``head`` is settled."""
    kept = _kept(head["current"], records, keep)
    found = [(name, f"release {number} of {whose}") for number in kept for name in _names(records[number])]
    if head["open"] is not None:
        began = records[head["open"]]["before"]["task_definition"]
        is_same = name_of(began).rsplit(":", 1)[0] in {name_of(arn).rsplit(":", 1)[0] for arn in active}
        newer = [arn for arn in active if not is_same or number_of(arn) > number_of(began)]
        found += [(arn, f"{whose} has release {head['open']} open, which may have registered it") for arn in newer]
    return found


def number_of(arn: str) -> int:
    """The revision's number."""
    return int(arn.rsplit(":", 1)[1])


def _kept(current: int | None, records: Mapping[int, Document], keep: int) -> list[int]:
    """The last proven releases, the current one, and what is not closed; and what those of them restored that are
    rollbacks, for the way back from a rollback begins where the restored release began."""
    numbers = sorted(records, reverse=True)
    kept = [number for number in numbers if proven(records[number])][:keep]
    not_closed = [number for number in numbers if records[number]["state"] not in FINAL]
    found: list[int] = []
    waiting = [*kept, *([] if current is None else [current]), *not_closed]
    while waiting:
        number = waiting.pop(0)
        if number not in found:
            found.append(number)
            restored = records[number]["restores"]
            waiting += [restored] if restored in records else []
    return found


def _newest_proven(records: Mapping[int, Document], families: set[str]) -> int:
    """The highest revision of these families that a release has proven; 0 when none has."""
    arns = [state_of(records[number])["task_definition"] for number in records if proven(records[number])]
    return max((number_of(arn) for arn in arns if name_of(arn).rsplit(":", 1)[0] in families), default=0)


def _names(record: Document) -> list[str]:
    """Every revision that a record names: its own and the one before it."""
    found = [
        record["before"]["task_definition"],
        record["intent"]["task_definition"]["revision"],
        record["steps"]["task_definition"],
    ]
    return [each for each in found if each]


def _meant(name: str, active: list[str]) -> str | None:
    """The ACTIVE revision that a name means; None for another family's, or one that is INACTIVE already."""
    short = name_of(name)
    if ":" not in short:
        same = [arn for arn in active if name_of(arn).rsplit(":", 1)[0] == short]
        return max(same, key=number_of, default=None)
    return next((arn for arn in active if name_of(arn) == short), None)
