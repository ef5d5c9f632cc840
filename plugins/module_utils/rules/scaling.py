# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Application Auto Scaling: whether an operator may set the count of a service that it owns, and its declared range.

A scalable target is declared as ``scalableTarget`` among the settings of a service: ``minCapacity``, ``maxCapacity``,
``suspendedState``. It is changed and never registered anew, for Steady neither creates nor deletes.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules.declaration import DeclarationError
from ansible_collections.steady.ecs.plugins.module_utils.rules.differences import Difference
from ansible_collections.steady.ecs.plugins.module_utils.rules.settings import SCALING

Answer = dict[str, Any]


def refusal(service: Answer, target: Answer | None, count: int, told: bool) -> str:
    """Why the count must not be set, with the remedy; empty when it may. ``target``: the scalable target, or None."""
    name = service["serviceName"]
    if count < 0:
        return f"A count of {count} does not exist. Set scale_count to 0 or more."
    if service.get("schedulingStrategy") == "DAEMON":
        return f"{name} runs one task on each instance (DAEMON), so it has no count. Scale its instances."
    if target is None:
        return ""
    low, high = target["MinCapacity"], target["MaxCapacity"]
    now = service["desiredCount"]
    owner = f"Application Auto Scaling owns the count of {name} (min {low}, max {high}, desired now {now})"
    if not told:
        return (
            f"{owner}: it would move it again. Change its range, or set scale_autoscaled=true to set the count within "
            "the range all the same."
        )
    if not low <= count <= high and not _rests(spelled(target)["suspendedState"]):
        return f"{owner}, and {count} is outside of its range: it would be moved back at once. Change the range first."
    return ""


def stale(current: int | None, recorded: str | None, service: Answer) -> str:
    """A note when the release that is current names another revision than the one that is to be scaled (case C71)."""
    live = service.get("taskDefinition")
    if recorded is None or recorded == live:
        return ""
    names = [str(each).rsplit("/", 1)[-1] for each in (recorded, live)]
    return (
        f"release {current}, the current one on record, names {names[0]}, and {names[1]} runs: what runs is scaled, "
        "and the record of this operation says so"
    )


def spelled(target: Answer | None) -> Answer:
    """A scalable target as DescribeScalableTargets answers it, in the spelling of ECS's settings; empty for none."""
    if target is None:
        return {}
    state = target.get("SuspendedState") or {}
    return {
        "minCapacity": target["MinCapacity"],
        "maxCapacity": target["MaxCapacity"],
        "suspendedState": {_lower(name): value for name, value in state.items()},
    }


def request(differences: list[Difference]) -> Answer:
    """The arguments of RegisterScalableTarget that settle these differences; empty when none is of it.

    What is left out stays as it is (API reference, RegisterScalableTarget). Of ``SuspendedState`` that is not said, so
    a caller lays it over the live one.
    """
    found: Answer = {}
    for each in differences:
        above, *steps = each.path.split(".")
        if above != SCALING:
            continue
        place = found
        for step in steps[:-1]:
            place = place.setdefault(_upper(step), {})
        place[_upper(steps[-1])] = each.expected
    return found


def refuse_contradictions(declared: Answer, live: Answer) -> None:
    """Raise DeclarationError where the declared range cannot be meant for this service."""
    wanted = declared.get(SCALING)
    if not isinstance(wanted, dict):
        return
    name, there = live.get("serviceName"), live.get(SCALING)
    if there == {}:
        raise DeclarationError(
            f"{SCALING} is declared, and nothing scales {name}: register it with Application Auto Scaling in the "
            f"template that made the service, or declare desiredCount in place of {SCALING}."
        )
    low, high = (_number(wanted, there or {}, each) for each in ("minCapacity", "maxCapacity"))
    if low is not None and high is not None and low > high:
        raise DeclarationError(f"{SCALING}.minCapacity {low} is above its maxCapacity {high}. Swap or correct them.")
    count = _number(declared, {}, "desiredCount")
    if count is not None and moves(count, wanted, there or {}):
        raise DeclarationError(
            f"desiredCount {count} is outside of {SCALING} {low} to {high}: Application Auto Scaling would move it "
            "back at once. Leave desiredCount out, or correct it."
        )


def moves(count: int, wanted: Answer, there: Answer) -> bool:
    """Whether Application Auto Scaling would move a count, where its range (``there``) becomes the one that is
    ``wanted``."""
    suspended = wanted.get("suspendedState", {})
    if suspended is not None and _rests({**(there.get("suspendedState") or {}), **suspended}):
        return False
    low, high = (_number(wanted, there, each) for each in ("minCapacity", "maxCapacity"))
    return not (low or 0) <= count <= (count if high is None else high)


def _rests(suspended: Answer) -> bool:
    """Whether nothing scales by itself, so that a count outside of the range stays (a service that sleeps)."""
    names = ("dynamicScalingInSuspended", "dynamicScalingOutSuspended", "scheduledScalingSuspended")
    return all(str(suspended.get(each)).lower() in ("true", "yes", "on", "1") for each in names)


def _number(declared: Answer, live: Answer, name: str) -> int | None:
    """A number that may be declared; what is none is refused by the table of settings."""
    text = str(declared.get(name, live.get(name)))
    return int(text) if text.isdecimal() else None


def _upper(name: str) -> str:
    return name[0].upper() + name[1:]


def _lower(name: str) -> str:
    return name[0].lower() + name[1:]
