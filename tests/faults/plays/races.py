"""Two or three ansible-playbook at one service, with kills, pauses and slow calls: who wrote when, and what is left.

A race follows from its number; the moments are the machine's, so a repetition is of the same sort, not the same to the
millisecond. Judged from outside: the bed's call log (each deployer has an access key of its own) against the lease in
head.json as it changed, and the state, the head and the records at the end.
"""

from __future__ import annotations

import json
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.plays.place import RELEASE, Place
from tests.faults.plays.plans import Result, leaks
from tests.faults.plays.player import HASTE, Ended, Player
from tests.faults.plays.scenarios import TIME
from tests.testbed.beds import Bed

CHANGING = {"UpdateService", "RegisterTaskDefinition", "ModifyTargetGroupAttributes"}
FINAL = {"succeeded", "failed", "rolled_back", "abandoned"}
HTTP_LIMIT = 20 / HASTE  # the collection's read time-out on the clock of its lease
TOLERANCE = 0.003
"""Seconds: the bed notes a call to the millisecond."""
OVER = ("proven", "unchanged", "superseded")
WRONG = ("failed", "failed_rolled_back", "drifted")
Answer = dict[str, Any]


def wanted(version: int) -> Answer:
    """The declaration of one deployer's release: revision and attribute belong together."""
    changes = {"containers": {"app": {"environment": {"VERSION": str(version)}}}}
    attributes = {"stickiness.enabled": True, "stickiness.lb_cookie.duration_seconds": 1000 * version}
    return {**RELEASE, **TIME, "rollout_changes": changes, "target_group_attributes": attributes}


@dataclass
class Deployer:
    """What one of them types, and what happens to them."""

    name: str
    version: int | None
    """None: a rollback."""
    start: float
    """Seconds after the race began."""
    strike: tuple[str, float, float] | None
    """(signal, seconds after their start, for SIGSTOP the seconds until SIGCONT)."""
    slow: tuple[int, float] | None
    """(number of their call, seconds that it takes on the way)."""
    tries: int
    runs: list[Ended] = field(default_factory=list)

    @classmethod
    def drawn(cls, name: str, chance: random.Random) -> Deployer:
        """By chance."""
        strike = None
        if chance.random() < 0.7:
            what = chance.choice(["SIGINT", "SIGTERM", "SIGKILL", "SIGKILL", "SIGSTOP"])
            strike = (what, chance.uniform(0.2, 4.0), chance.uniform(2.0, 8.0))
        slow = (chance.randint(5, 50), chance.uniform(0.1, 0.9)) if chance.random() < 0.4 else None
        version = chance.choice([3, 3, 4, 5, None])
        return cls(name, version, chance.choice([0.0, chance.uniform(0, 3)]), strike, slow, chance.choice([1, 2, 3, 3]))

    def arguments(self, place: Place) -> tuple[str, ...]:
        """The command."""
        mine = {"release_why": self.name, "rollback_why": self.name, "service_access_key": self.name}
        declared = wanted(self.version or 2)
        playbook = "rollback.yml" if self.version is None else "deploy.yml"
        return ("-i", place.inventory(**declared, **mine), playbook)

    def race(self, place: Place, player: Player, begun: float) -> None:
        """Until the command has its end, or they have tried often enough."""
        time.sleep(max(0.0, begun + self.start - time.monotonic()))
        arguments = self.arguments(place)
        for number in range(self.tries):
            player.start(*arguments, STEADY_HTTP_LIMIT=str(HTTP_LIMIT))
            if number == 0 and self.strike:
                self._struck(player, *self.strike)
            self.runs.append(player.wait())
            if self.runs[-1].outcome in OVER:
                return

    def _struck(self, player: Player, what: str, after: float, pause: float) -> None:
        if player.ended(after):
            return
        player.end(signal.Signals[what])
        if what == "SIGSTOP":
            time.sleep(pause)
            player.end(signal.SIGCONT)


class LeaseWatch:
    """Who has the lease, from the moment that head.json was written so; looked at a thousand times a second."""

    def __init__(self, place: Place) -> None:
        self._pattern = Path(place.store)
        self.history: list[tuple[float, str | None]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    @contextmanager
    def watching(self) -> Iterator[LeaseWatch]:
        """While the race goes on."""
        self._thread.start()
        try:
            yield self
        finally:
            self._over.set()
            self._thread.join()

    def _watch(self) -> None:
        seen = 0
        while not self._over.wait(0.001):
            for head in self._pattern.glob("*/*/*/*/head.json"):
                moment = head.stat().st_mtime_ns
                if moment != seen:
                    seen = moment
                    lease = json.loads(head.read_bytes()).get("lease")
                    self.history.append((moment / 1e9, lease["why"] if lease else None))

    def holders(self, moment: float) -> set[str | None]:
        """Everybody who had it around a moment."""
        before = [who for at, who in self.history if at <= moment - TOLERANCE][-1:]
        return {*before, *(who for at, who in self.history if abs(at - moment) <= TOLERANCE)}


@dataclass
class Race:
    """What came of it."""

    result: Result
    deployers: list[Deployer]
    mixed: bool = False
    """Whether the race ended in a state that belongs to no declaration; the next run repaired it."""


class Course:
    """A bed and three players, for many races."""

    def __init__(self, bed: Bed, players: list[Player], folder: Path) -> None:
        self.bed, self.players, self.folder = bed, players, folder

    @classmethod
    @contextmanager
    def made(cls, bed: Bed, folder: Path) -> Iterator[Course]:
        """With players of its own."""
        with ExitStack() as stack:
            players = [stack.enter_context(Player(folder / f"player-{number}")) for number in range(3)]
            yield cls(bed, players, folder / "places")

    def perform(self, number: int) -> Race:
        """Race number so and so."""
        chance = random.Random(number)
        names = ["ada", "bob", "cleo"][: chance.choice([2, 2, 3])]
        deployers = [Deployer.drawn(name, chance) for name in names]
        place = Place(self.bed, self.folder)
        race = Race(Result(), deployers)
        last = Deployer("zoe", 9, 0.0, None, None, 3)
        try:
            first = Deployer("eva", 2, 0.0, None, None, 1)
            first.race(place, self.players[0], time.monotonic())
            if first.runs[-1].outcome != "proven":
                race.result.problems.append(f"the first release was {first.runs[-1].outcome}")
                race.result.runs = first.runs
                return race
            place.rest()
            self.bed.admin("DELETE", "/_bed/calls")
            slow = [
                {"access_key": each.name, "at_call": each.slow[0], "delay": each.slow[1]}
                for each in deployers
                if each.slow
            ]
            self.bed.admin("PUT", "/_bed/faults", slow)
            with LeaseWatch(place).watching() as watch:
                self._run(deployers, place)
            place.rest()
            race.result.problems += strangers(watch, self.bed, deployers) + lies(place)
            race.mixed = mixed(place)
            last.race(place, self.players[0], time.monotonic())
            race.result.problems += unrepaired(place, last)
        finally:
            self.bed.admin("DELETE", "/_bed/faults")
            place.remove()
        race.result.runs = [run for each in (*deployers, last) for run in each.runs]
        wrong = [f"{each.name}: {run.outcome}" for each in deployers for run in each.runs if run.outcome in WRONG]
        race.result.problems += [f"dishonest: {wrong}"] if wrong else []
        race.result.problems += [f"a secret in {where}" for where in leaks(place, race.result)]
        return race

    def _run(self, deployers: list[Deployer], place: Place) -> None:
        begun = time.monotonic()
        pairs = zip(deployers, self.players, strict=False)
        threads = [threading.Thread(target=each.race, args=(place, player, begun)) for each, player in pairs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def strangers(watch: LeaseWatch, bed: Bed, deployers: list[Deployer]) -> list[str]:
    """Changes by somebody who did not have the lease when the call arrived, or when it took effect."""
    late = {each.name: each.slow[1] for each in deployers if each.slow}
    found = []
    for call in bed.admin("GET", "/_bed/calls")[1]["log"]:
        who = call["access_key"]
        if call["operation"] not in CHANGING or who not in {each.name for each in deployers}:
            continue
        moments = [call["time"], *([call["time"] + late[who]] if "fault" in call else [])]
        for moment in moments:
            holders = watch.holders(moment)
            if who not in holders:
                found.append(f"{call['operation']} by {who} at {moment:.3f}, when the lease was {holders}'s")
    return found


def matches(place: Place, record: Answer) -> bool:
    """Whether what is live is, whole, what a record says that its release made."""
    service, attributes = place.service(), place.attributes()
    revision = record["steps"]["task_definition"] or record["intent"]["task_definition"]["revision"]
    declared = record["intent"]["attributes"].get(place.group, {})
    return service["taskDefinition"] == revision and all(attributes.get(key) == declared[key] for key in declared)


def lies(place: Place) -> list[str]:
    """A newest record that says "succeeded" of what is not live, with nothing open that explains it."""
    releases = [each for each in place.records() if each["kind"] in ("deploy", "rollback")]
    newest = releases[-1]
    if place.head()["open"] is None and newest["state"] == "succeeded" and not matches(place, newest):
        return [f"release {newest['seq']} says succeeded, and what is live is something else"]
    return []


def mixed(place: Place) -> bool:
    """Whether revision and attributes belong to different declarations."""
    return not any(matches(place, each) for each in place.records() if each["kind"] in ("deploy", "rollback"))


def unrepaired(place: Place, last: Deployer) -> list[str]:
    """What the next run left wrong."""
    place.rest()
    head, found = place.head(), []
    if not last.runs or last.runs[-1].outcome != "proven":
        found.append(f"the next run ended {[run.outcome for run in last.runs]}")
    if head.get("open") is not None or head.get("lease") is not None:
        found.append(f"after the next run: open {head.get('open')}, lease {head.get('lease')}")
    if place.attributes()["stickiness.lb_cookie.duration_seconds"] != "9000":
        found.append("after the next run the attribute is somebody else's")
    found += [
        f"release {each['seq']} is left {each['state']}" for each in place.records() if each["state"] not in FINAL
    ]
    return found
