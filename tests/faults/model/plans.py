"""Which plans there are: every fault at every call, pairs, another intent after a crash, and chains."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator

from tests.faults.model import judge
from tests.faults.model.judge import Done, Fault, Plan
from tests.faults.model.scenarios import BY_NAME, SCENARIOS, Ended
from tests.faults.model.wire import BORDER, CONSOLE, CONSOLE_ROUNDS, CONSOLE_STILL

CRASHES = ("kill_before", "kill_after", "int_before")
PAIRED = ("kill_before", "kill_after", "term_after", "lost", "unavailable", "stale", "pause")
"""Of a pair: one kind for each thing that may be true after a call (nothing happened, it happened, nobody knows)."""

ENDS = {*CRASHES, "term_after", "expired", "outage", BORDER}
"""Kinds after which a run has ended."""
MIXED = 4000


def single() -> Iterator[Plan]:
    """One fault of each kind at each call of each scenario, and a cut at each border, in both stores."""
    for files, scenario in itertools.product((False, True), SCENARIOS):
        _seen, trace, tasks = scenario.undisturbed(files)
        for at, call in enumerate(trace):
            if files and call.service != "store" and scenario.name not in ("deploy", "first deploy"):
                continue  # a call of AWS's does not know where the record is
            for kind in call.kinds():
                yield Plan(scenario.name, (Fault(0, at, kind),), files=files)
        for at in range(1, tasks):
            yield Plan(scenario.name, (Fault(0, at, BORDER),), files=files)


def pairs() -> Iterator[Plan]:
    """All pairs of calls of the plain deployment: both faults in one run, or the second in the run that goes on."""
    scenario = BY_NAME["deploy"]
    trace = scenario.undisturbed()[1]
    chance = random.Random("pairs")
    for first, second in itertools.combinations(range(len(trace)), 2):
        kinds = [
            (a, b)
            for a, b in itertools.product(trace[first].kinds(), trace[second].kinds())
            if a in PAIRED and b in PAIRED
        ]
        for a, b in chance.sample(kinds, min(2, len(kinds))):
            again = int(a in CRASHES or a == "term_after")
            yield Plan(scenario.name, (Fault(0, first, a), Fault(again, second - again * first, b)))


def mixed() -> Iterator[Plan]:
    """Pairs by chance of all that ``pairs`` leaves out: every kind, borders, both stores, a deployment that goes back.

    The second comes in the same run, or in the one that goes on where the first ends it.
    """
    chance = random.Random("mixed")
    for number in range(MIXED):
        files, scenario = number % 2 == 1, BY_NAME[chance.choice(("deploy", "rollback", "bad image"))]
        _seen, trace, tasks = scenario.undisturbed(files)
        points = [(at, kind) for at, call in enumerate(trace) for kind in call.kinds()]
        points += [(at, BORDER) for at in range(1, tasks) for _weight in range(5)]
        (first, a), (second, b) = sorted(chance.sample(points, 2))
        yield Plan(scenario.name, (Fault(0, first, a), Fault(int(a in ENDS), second, b)), files=files)


def other() -> Iterator[Plan]:
    """The run dies at any call or border, and then something else is wanted: good, bad, or back."""
    for then in ("other", "bad", "rollback"):
        scenario = BY_NAME["third deploy"]
        _seen, trace, tasks = scenario.undisturbed()
        for at, call in enumerate(trace):
            for kind in CRASHES if call.write else ("kill_before", "int_before"):
                yield Plan(scenario.name, (Fault(0, at, kind),), then)
        for at in range(1, tasks):
            yield Plan(scenario.name, (Fault(0, at, BORDER),), then)


def console() -> Iterator[Plan]:
    """Somebody deploys by hand before each call of a deployment and of a rollback: at once, while the process stands
    still there, or between two rounds of a write."""
    for name in ("deploy", "attributes only", "rollback"):
        for at, call in enumerate(BY_NAME[name].undisturbed()[1]):
            for kind in (CONSOLE, *CONSOLE_STILL, *(CONSOLE_ROUNDS if call.write else ())):
                yield Plan(name, (Fault(0, at, kind),))


def carried_out(plan: Plan, see: Callable[[int, Ended], None] = lambda _number, _ended: None) -> Done:
    """Carry out a plan of any part."""
    by_hand = any(each.kind.startswith(CONSOLE) for each in plan.faults)
    return judge.beside_a_console(plan, see) if by_hand else judge.carried_out(plan, see)


PARTS = {"single": single, "pairs": pairs, "mixed": mixed, "other": other, "console": console}


def of_part(part: str) -> list[Plan]:
    """All plans of a part."""
    return list(PARTS[part]())
