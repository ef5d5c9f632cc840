# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether an operator may set the count of a service: not a DAEMON's, and not one that autoscaling owns unasked."""

from __future__ import annotations

from typing import Any

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
    if not low <= count <= high:
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
