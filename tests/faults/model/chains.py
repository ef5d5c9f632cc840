"""Chains: several commands one after the other, each disturbed or dying somewhere; then one that nothing disturbs."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass, field

from ansible_collections.steady.ecs.plugins.module_utils.rules.states import state_of

from tests.faults.model import judge, scenarios
from tests.faults.model.cloud import Cloud
from tests.faults.model.ecs import Answer
from tests.faults.model.scenarios import FIRST, Command, Ended, documents, play, seen, succeeded
from tests.faults.model.wire import BORDER, READ_KINDS, STALE, WRITE_KINDS, Run

COMMANDS = {
    "first": Command("deploy", FIRST),
    "second": Command("deploy", scenarios.SECOND),
    "bad": Command("deploy", scenarios.BAD),
    "endless": Command("deploy", scenarios.ENDLESS),
    "forced": Command("deploy", {**FIRST, "rollout_force": True}),
    "rollback": Command("rollback", scenarios.INVENTORY),
    "attributes": Command("deploy", {**FIRST, "target_group_attributes": {scenarios.DURATION: 100}}),
}
KINDS = (*dict.fromkeys((*WRITE_KINDS, *READ_KINDS, STALE, BORDER)),)
LONGEST = 6
MOST_CALLS = 130


@dataclass(frozen=True)
class Step:
    """One command and what happens in it. A fault that means nothing at its call does not happen."""

    command: str
    faults: tuple[tuple[int, str], ...] = ()

    def __str__(self) -> str:
        return ",".join((self.command, *(f"{at}:{kind}" for at, kind in self.faults)))


@dataclass
class Chained:
    """What became of a chain."""

    wrong: list[str] = field(default_factory=list)
    outcomes: list[str] = field(default_factory=list)
    calls: int = 0


class Chosen(dict[int, str]):
    """Faults by call; one that the call cannot have is passed over by the run."""


def step_of(text: str) -> Step:
    """The step with this text."""
    command, *faults = text.split(",")
    return Step(command, tuple((int(each.split(":")[0]), each.split(":")[1]) for each in faults))


def by_chance(seed: int) -> list[Step]:
    """A chain for the sweep."""
    chance = random.Random(f"chain {seed}")
    return [
        Step(
            chance.choice(list(COMMANDS)),
            tuple((chance.randrange(MOST_CALLS), chance.choice(KINDS)) for _ in range(chance.choice((0, 1, 1, 1, 2)))),
        )
        for _ in range(chance.randint(2, LONGEST))
    ]


def chained(steps: list[Step], files: bool = False) -> Chained:
    """Play the chain from a service that nobody has released yet, and judge what it has come to."""
    random.seed(repr(steps))
    cloud, done = scenarios.by_hand(), Chained()
    cloud.files = files
    for number, each in enumerate(steps):
        ended = play(cloud, COMMANDS[each.command], _run(cloud, each, number))
        cloud.seconds += judge.AGAIN
        _take(done, cloud, ended)
    _ends_well(done, cloud)
    return done


def _run(cloud: Cloud, step: Step, number: int) -> Run:
    borders = [at % 18 for at, kind in step.faults if kind == BORDER]
    faults = {at: kind for at, kind in step.faults if kind != BORDER}
    return Run(cloud, faults, name=f"run {number}", dies_before_task=borders[0] if borders else None)


def _take(done: Chained, cloud: Cloud, ended: Ended) -> None:
    done.outcomes.append(judge._word(ended))
    done.calls += len(ended.run.trace)
    done.wrong += judge._shown(cloud, [ended])
    if not ended.outcome.killed and ended.outcome.word in judge.DONE:
        done.wrong += judge.tidy(cloud, str(ended.outcome.word))


def _ends_well(done: Chained, cloud: Cloud) -> None:
    """Another intent is deployed and taken back, and nothing of what came before shows."""
    ended = play(cloud, Command("deploy", scenarios.OTHER))
    _take(done, cloud, ended)
    if done.outcomes[-1] != "proven" or judge.of_world(cloud) != judge.of_intent(scenarios.OTHER):
        done.wrong.append(f"the last deploy ended {ended.outcome}, live is {judge.of_world(cloud)}")
        return
    head, records = documents(cloud)
    base = records[records[head["current"]]["base"]]
    cloud.seconds += judge.AGAIN
    ended = play(cloud, Command("rollback", scenarios.INVENTORY))
    _take(done, cloud, ended)
    back = _proven_before(records, base)
    if done.outcomes[-1] != "proven" or not scenarios.is_live(back, cloud):
        state = state_of(back)["task_definition"]
        done.wrong.append(f"the rollback to {back['seq']} ({state}) ended {ended.outcome}, live is {seen(cloud)}")
    _registered_once(done, cloud)


def _proven_before(records: dict[int, Answer], base: Answer) -> Answer:
    """The last proven release from ``base`` on; ``base`` itself where nothing proven is older."""
    each = base
    while True:
        if succeeded(each) and each["kind"] != "baseline":
            return each
        if each["base"] is None:
            return base
        each = records[each["base"]]


def _registered_once(done: Chained, cloud: Cloud) -> None:
    """A content is registered once, however often its answer is lost. Going back to a content that is older than what
    is live may register it anew: only newer revisions are compared. Revisions 1 and 2 were made by hand."""
    images = [each["containerDefinitions"][0]["image"] for number, each in cloud.revisions.items() if number > 1]
    if any(one == other for one, other in itertools.pairwise(images)):
        done.wrong.append(f"registered twice: {images}")
