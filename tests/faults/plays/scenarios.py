"""The commands that a plan disturbs, and what must be true of each in the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.faults.plays.place import Place
from tests.faults.plays.player import Player

TIME: dict[str, Any] = {"health_wait_timeout": 60, "rollout_wait_timeout": 600, "release_lease_seconds": 30}
"""A short lease, for the run after a SIGKILL waits for its end."""


@dataclass
class Scenario:
    """`begin` makes the world before; `final` are the outcomes after which nobody types the command again."""

    name: str
    playbook: str
    final: tuple[str, ...]
    kind: str
    state: str
    """What the record of the release must have come to."""
    begin: Callable[[Place, Player], None]

    def arguments(self, place: Place, **declared: Any) -> tuple[str, ...]:
        """The command, the same at each try."""
        return ("-i", place.inventory(**{**TIME, **place.declared, **declared}), self.playbook)


def _fresh(place: Place, player: Player) -> None:
    """Revision 1 is live and nothing is on record."""


def _released(place: Place, player: Player) -> None:
    """A release has been made and proven."""
    done = player.run(*DEPLOY.arguments(place))
    assert done.outcome == "proven", done.text
    place.rest()


def _ill(place: Place, player: Player) -> None:
    """What the release brings is ill."""
    place.ill()


def _unproven(place: Place, player: Player) -> None:
    """What the release brings is well for ECS, and does not pass the verification."""
    place.unproven()


DEPLOY = Scenario("deploy", "deploy.yml", ("proven", "unchanged"), "deploy", "succeeded", _fresh)
ROLLBACK = Scenario("rollback", "rollback.yml", ("proven", "unchanged"), "rollback", "succeeded", _released)
FAILING = Scenario("failing", "deploy.yml", ("failed_rolled_back",), "deploy", "rolled_back", _ill)
UNPROVEN = Scenario("unproven", "deploy.yml", ("failed_rolled_back",), "deploy", "rolled_back", _unproven)
"""Unlike a failing one, which the circuit breaker takes back, all of this one is for us to take back."""
SCENARIOS = {each.name: each for each in (DEPLOY, ROLLBACK, FAILING, UNPROVEN)}
