"""The ways in which the same deployment is run; of each kind each says the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.verdicts.stage import KEY

LOOKS = 200
"""More than any wait here has."""


@dataclass(frozen=True, eq=False)
class Way:
    """One way to run a deployment."""

    name: str
    title: str
    words: tuple[str, ...] = ()
    """Options of the command."""
    faults: tuple[dict[str, Any], ...] = ()
    """Rules for the bed."""


def lost_once(operation: str) -> tuple[dict[str, Any], ...]:
    """Every odd call of ours is carried out and not answered, so the SDK asks once more: each answer is lost once."""
    which = {"service": "ecs", "operation": operation, "access_key": KEY, "kind": "reset_after"}
    return tuple({**which, "at_call": number} for number in range(1, 2 * LOOKS, 2))


IN_PROCESS = Way("in_process", "in process")
MODULES = Way("modules", "as modules", ("-e", "steady_ecs_in_process=false"))
LOST = Way(
    "answers_lost",
    "answers lost",
    faults=lost_once("DescribeServices") + lost_once("DescribeServiceDeployments"),
)
"""Both reads that a look judges by. Which look is the last nobody knows beforehand; it is one of them."""
WAYS = (IN_PROCESS, MODULES, LOST)
