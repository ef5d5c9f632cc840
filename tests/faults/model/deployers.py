"""Two or three people deploy at the same time: their processes are threads, stepped one call at a time by a seed.

A process stands still now and then (20 to 140 s, before a request is sent), requests are under way for up to a call
limit, answers are lost, and processes are killed. Watched at each write: whether the writer has the lease at that very
moment, and whether a record that is closed says what is live.
"""

from __future__ import annotations

import json
import random
import threading
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules.records import ROLLED_BACK

from tests.faults.model import folders, judge, scenarios
from tests.faults.model.cloud import BUCKET, Cloud
from tests.faults.model.ecs import Answer
from tests.faults.model.scenarios import PLACE, PREFIX, Command, documents, is_live, succeeded
from tests.faults.model.stand_ins import installed
from tests.faults.model.wire import Call, Run, set_current

STILL = 0.03
"""Of the calls: the process stands still before the request is sent."""
STILL_SECONDS = (20.0, 140.0)
SLOW = 0.03
"""Of the requests: under way for long, but not longer than the client waits."""
SLOW_SECONDS = (2.0, 19.0)
DISTURBED = 0.01
"""Of the calls: a fault that a run survives."""
MILD = ("throttle", "lost", "late", "unavailable", "stale")
DIES = 0.45
"""Of the processes: killed or interrupted at some call."""
DEATHS = ("kill_before", "kill_after", "int_before", "term_after")
COMMANDS = (
    Command("deploy", scenarios.declared("5", 500, 50)),
    Command("deploy", scenarios.OTHER),
    Command(
        "deploy", scenarios.SECOND
    ),  # is live when they begin, so there is nothing to do, or something to take back
    Command("deploy", scenarios.BAD),
    Command("rollback", scenarios.INVENTORY),
)


class Deployer(Run):
    """A run that lets the others go on whenever time goes by."""

    scheduler: Scheduler
    chance: random.Random
    still = STILL
    wake = 0.0

    def pause(self, seconds: float) -> None:
        self.wake = self.cloud.seconds + max(0.0, seconds)
        self.scheduler.hand_over(self)

    def latency(self, _call: Call) -> float:
        return self.chance.uniform(*SLOW_SECONDS) if self.chance.random() < SLOW else self.chance.uniform(0.02, 1.0)

    def step(self) -> None:
        self.pause(self.chance.uniform(0.001, 0.2))

    def fault(self, call: Call) -> str:
        found = super().fault(call)
        if found or self.dying:
            return found
        if self.chance.random() < self.still:
            self.pause(self.chance.uniform(*STILL_SECONDS))
        if self.chance.random() < DISTURBED:
            kind = self.chance.choice(MILD)
            return kind if kind in call.kinds() else ""
        return ""


@dataclass
class Interleaving:
    """What became of one seed."""

    seed: int
    outcomes: list[str] = field(default_factory=list)
    crashes: int = 0
    stale_writes: list[str] = field(default_factory=list)
    """Writes by a run that does not have the lease at that moment."""
    lies: list[str] = field(default_factory=list)
    """Records that were closed and said what was not live."""
    dishonest: list[str] = field(default_factory=list)
    """Runs that call ill what is well, because another one has worked beside them."""
    left_open: bool = False
    """Who was at work died: the next run has something to go on with, or to abandon."""
    mixed: bool = False
    """Nothing is open, and live is neither what one of them wanted nor what was before."""
    unrepaired: list[str] = field(default_factory=list)
    """What is wrong after the next run."""
    calls: int = 0

    @property
    def wrong(self) -> list[str]:
        return [*self.stale_writes, *self.lies, *self.dishonest, *self.unrepaired]


class Scheduler:
    """Lets one thread go on at a time: the one that wakes first; time jumps there."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.back = threading.Semaphore(0)
        self.gates: dict[str, threading.Semaphore] = {}

    def hand_over(self, run: Deployer) -> None:
        """Wait until it is this run's turn again."""
        self.back.release()
        self.gates[run.name].acquire()

    def play(self, work: dict[str, Any], runs: list[Deployer]) -> None:
        """All runs to their ends. ``work``: what each thread does."""
        failures: list[BaseException] = []

        def body(run: Deployer) -> None:
            self.gates[run.name].acquire()
            set_current(run)
            try:
                work[run.name]()
            except BaseException as problem:  # noqa: BLE001 a thread's end must be seen by the test
                failures.append(problem)
            alive.remove(run)
            self.back.release()

        alive = list(runs)
        self.gates = {each.name: threading.Semaphore(0) for each in runs}
        threads = [threading.Thread(target=body, args=(each,), daemon=True) for each in runs]
        for each in threads:
            each.start()
        while alive:
            run = min(alive, key=lambda each: (each.wake, each.name))
            self.cloud.seconds = max(self.cloud.seconds, run.wake)
            self.gates[run.name].release()
            self.back.acquire()
        for each in threads:
            each.join()
        if failures:
            raise failures[0]


class Watch:
    """Looks at each write before it takes effect."""

    def __init__(self, cloud: Cloud, found: Interleaving) -> None:
        self.cloud, self.found = cloud, found
        self.owners: dict[str, str] = {}

    def see(self, run: Run, service: str, method: str, arguments: Answer) -> None:
        """One request that changes something, at the moment when AWS takes it."""
        if service == "s3":
            self._document(run, arguments["Key"], json.loads(_body(arguments)))
            return
        lease = documents(self.cloud)[0]["lease"]
        holder = self.owners.get(lease["nonce"], "?") if lease else "nobody"
        if holder != run.name:
            self.found.stale_writes.append(f"{run.name} called {method} while {holder} had the lease")

    def _document(self, run: Run, key: str, document: Answer) -> None:
        if key == f"{PLACE}/head.json":
            if document["lease"]:
                self.owners.setdefault(document["lease"]["nonce"], run.name)
            return
        before = self.cloud.objects.get(key)
        was = json.loads(before[0])["state"] if before else ""
        if document["kind"] == "baseline" or document["state"] == was:
            return
        if succeeded(document) and not is_live(document, self.cloud):
            self.found.lies.append(f"{run.name}: release {document['seq']} says succeeded and is not live")
        base = documents(self.cloud)[1].get(document["base"])
        if document["state"] == ROLLED_BACK and base and not is_live(base, self.cloud):
            self.found.lies.append(f"{run.name}: release {document['seq']} says rolled back and its base is not live")


def _body(arguments: Answer) -> bytes:
    body = arguments["Body"]
    return body if isinstance(body, (bytes, str)) else body.getvalue()  # type: ignore[no-any-return]


def interleaved(seed: int, still: float = STILL) -> Interleaving:
    """Two or three deployers by this seed, and then the next run, undisturbed. ``still``: how often they do."""
    chance, found = random.Random(seed), Interleaving(seed)
    random.seed(seed)
    cloud = scenarios.BY_NAME["third deploy"].start()
    before = judge.of_world(cloud)
    runs, commands = _deployers(cloud, chance)
    scheduler, watch = Scheduler(cloud), Watch(cloud, found)
    ended: dict[str, scenarios.Ended] = {}

    def work(run: Deployer, command: Command) -> None:
        variables = {**command.variables, "release_store": f"s3://{BUCKET}/{PREFIX}"}
        ended[run.name] = scenarios.played(run, variables, command.playbook)

    for each in runs:
        each.scheduler, each.watch, each.still = scheduler, watch.see, still
    with installed(folders.CountedStore):
        scheduler.play({each.name: _bound(work, each, commands[each.name]) for each in runs}, runs)
    found.outcomes = [f"{commands[each.name].playbook} {judge._word(ended[each.name])}" for each in runs]
    found.crashes = sum(each.outcome.killed for each in ended.values())
    found.calls = sum(len(each.trace) for each in runs)
    found.unrepaired += [line for each in runs for line in each.wrong]
    silent = [name for name, each in ended.items() if not each.outcome.killed and each.outcome.word is None]
    found.unrepaired += [f"{name} ended without a word" for name in silent]
    well = [name for name, command in commands.items() if command.variables != scenarios.BAD]
    words = {name: judge._word(ended[name]) for name in well}
    found.dishonest += [f"{name}: {word}" for name, word in words.items() if word in ("failed", "failed_rolled_back")]
    _repaired(cloud, found, before, commands)
    return found


def _bound(work: Any, run: Deployer, command: Command) -> Any:
    return lambda: work(run, command)


def _deployers(cloud: Cloud, chance: random.Random) -> tuple[list[Deployer], dict[str, Command]]:
    names = ["ada", "bob", "cleo"][: 3 if chance.random() < 0.3 else 2]
    runs, commands = [], {}
    for name in names:
        run = Deployer(cloud, name=name)
        run.chance, run.wake = random.Random(chance.random()), cloud.seconds + chance.uniform(0, 40)
        if chance.random() < DIES:
            run.faults = {chance.randrange(8, 110): chance.choice(DEATHS)}
        commands[name] = chance.choice(COMMANDS)
        runs.append(run)
    return runs, commands


def _repaired(cloud: Cloud, found: Interleaving, before: judge.Expected, commands: dict[str, Command]) -> None:
    """What everything has come to, and whether the next run makes it whole."""
    wanted = [judge.of_intent(each.variables) for each in commands.values() if each.playbook == "deploy"]
    earlier = [judge.of_intent(each) for each in (scenarios.FIRST, scenarios.SECOND)]
    found.left_open = not all(map(scenarios.final, documents(cloud)[1].values()))
    found.mixed = not found.left_open and judge.of_world(cloud) not in [before, *wanted, *earlier]
    last = scenarios.play(cloud, Command("deploy", scenarios.OTHER))
    if last.outcome.word not in judge.DONE:
        found.unrepaired.append(f"the next run ended {last.outcome}")
    if judge.of_world(cloud) != judge.of_intent(scenarios.OTHER):
        found.unrepaired.append(f"after the next run {judge.of_world(cloud)} is live")
    found.unrepaired += [*judge.tidy(cloud, judge._word(last)), *judge._shown(cloud, [last])]
