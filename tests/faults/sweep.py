"""./steady sweep: every disturbance that we know, in shards that resume and add up to one result file.

./steady sweep --shard 1/4 --seed 7 [--kind plays] [--minutes 30]
./steady sweep --kind plays --plan files/deploy/call-17/reset_after
./steady sweep --kind plays --like '*/rollback/*'
./steady sweep --summary
"""

from __future__ import annotations

import argparse
import contextlib
import fnmatch
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.faults.ledger import PLACE, ROOT, Ledger, Shard, digest

Run = Callable[[str], tuple[list[str], bool, str]]
"""Performs the plan of that name: its problems, whether its disturbance happened, and what was printed."""
Sweep = tuple[list[list[str]], Run]
"""The plans, in tiers: none of the next is begun before the shard's part of this one has ended."""
SCALE = "0.02"
STORES = ("files", "s3")
SAMPLE, RACES = 60, 100
"""Of the sample some never reach their call: how many calls a wait makes differs from run to run."""
MODEL = [sys.executable, "-m", "tests.faults.model"]


@contextlib.contextmanager
def plays() -> Iterator[Sweep]:
    """Faults, signals and cuts in real plays on a bed without task processes."""
    from tests.faults.plays.plans import Plan, Stage
    from tests.faults.plays.player import Player
    from tests.faults.plays.scenarios import SCENARIOS
    from tests.testbed.beds import running

    with (
        tempfile.TemporaryDirectory(prefix="steady-sweep-") as name,
        running(Path(name) / "state", "--engine", "none", "--scale", SCALE) as bed,
        Player(Path(name) / "player") as player,
    ):
        stage = Stage(bed, player, Path(name) / "places")
        known = [
            (plan.name, (store, scenario, undisturbed.what_is_at(plan), plan.what))
            for store in STORES
            for scenario in SCENARIOS
            for undisturbed in (stage.undisturbed(scenario, store),)
            for plan in undisturbed.plans(scenario, store)
        ]

        def run(plan: str) -> tuple[list[str], bool, str]:
            result = stage.perform(Plan.parse(plan))
            return result.problems, result.reached, result.text()

        yield by_worth(known), run


def by_worth(known: list[tuple[str, tuple[str, ...]]]) -> list[list[str]]:
    """First one of each disturbance of each operation, chosen by chance, and each border; then the same at the other
    calls of that operation."""
    mixed = sorted(known, key=lambda each: digest(each[0]))
    first = set({key: name for name, key in mixed}.values())
    return [sorted(first), [name for name, _ in mixed if name not in first]]


@contextlib.contextmanager
def users() -> Iterator[Sweep]:
    """A sample of the plans on real processes, with users at work: nobody may notice."""
    from tests.faults.plays.plans import Plan
    from tests.faults.plays.player import Player
    from tests.faults.plays.scenarios import SCENARIOS
    from tests.faults.plays.served import HASTE, ServedStage
    from tests.testbed.beds import running

    with (
        tempfile.TemporaryDirectory(prefix="steady-sweep-") as name,
        running(Path(name) / "state", "--scale", str(1 / HASTE)) as bed,
        Player(Path(name) / "player", HASTE) as player,
        ServedStage(bed, player, Path(name) / "places") as stage,
    ):
        known = [
            plan.name
            for scenario in SCENARIOS
            for plan in stage.undisturbed(scenario, "served").plans(scenario, "served")
        ]

        def run(plan: str) -> tuple[list[str], bool, str]:
            result = stage.perform(Plan.parse(plan))
            return result.problems, result.reached, f"{result.requests} requests of users\n{result.text()}"

        yield [Shard(1, 1, seed=1).of(known)[:SAMPLE]], run


@contextlib.contextmanager
def deployers() -> Iterator[Sweep]:
    """Two or three deployers at one service."""
    from tests.faults.plays.races import Course
    from tests.testbed.beds import running

    with (
        tempfile.TemporaryDirectory(prefix="steady-sweep-") as name,
        running(Path(name) / "state", "--engine", "none", "--scale", SCALE) as bed,
        Course.made(bed, Path(name)) as course,
    ):

        def run(plan: str) -> tuple[list[str], bool, str]:
            race = course.perform(int(plan.removeprefix("race-")))
            said = f"{race.deployers}\nmixed end: {race.mixed}\n{race.result.text()}"
            return race.result.problems, True, said

        yield [[f"race-{number}" for number in range(1, RACES + 1)]], run


@contextlib.contextmanager
def iam() -> Iterator[Sweep]:
    """Each action of each policy taken away in turn: tests/iam in its long form, a policy a plan, for what the tests of
    one need is made once for all of them."""
    command, environment = [sys.executable, "-m", "pytest", "-q"], {**os.environ, "STEADY_LONG": "1"}

    def pytest(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )

    tests: dict[str, list[str]] = {}
    for line in pytest("--collect-only", "tests/iam").stdout.splitlines():
        name, _, parameters = line.partition("[")
        if "::" in name:
            tests.setdefault(parameters.rstrip("]").partition("-")[0] or "all", []).append(line)

    def run(plan: str) -> tuple[list[str], bool, str]:
        done = pytest(*tests[plan])
        return ([] if done.returncode == 0 else done.stdout.splitlines()[-3:]), True, done.stdout

    yield [sorted(tests)], run


KINDS = {"plays": plays, "users": users, "deployers": deployers, "iam": iam}


def sweep(kind: str, shard: Shard, ledger: Ledger, minutes: float | None, only: str | None, like: str) -> None:
    """One shard of one kind, of the plans that a mend touches if `like` says which; what the ledger has is not run
    again."""
    end = time.monotonic() + 60 * minutes if minutes else None
    with KINDS[kind]() as (known, run):
        done = ledger.done(kind)
        tiers = [[name for name in shard.of(fnmatch.filter(tier, like)) if name not in done] for tier in known]
        left = [only] if only else sum(tiers, [])
        counts = " + ".join(f"{len(mine)} of {len(tier)}" for mine, tier in zip(tiers, known, strict=True))
        say(f"{kind}: {counts} plans left in shard {shard.number}/{shard.count}")
        for name in left:
            if end and time.monotonic() > end:
                say(f"{kind}: the time is over; the same command goes on")
                return
            begun = time.monotonic()
            problems, reached, text = run(name)
            line = ledger.add(kind, name, problems, round(time.monotonic() - begun, 1), reached)
            if problems:
                ledger.keep(name, text)
            say(f"{'ok  ' if line['ok'] else 'FAIL'} {name} {line['seconds']} s {'; '.join(problems)[:400]}")


def model(ledger: Ledger, *options: str) -> int:
    """The sweeps in one process have a command of their own; it writes to the same file."""
    return subprocess.run([*MODEL, "--result", str(ledger.place), *options], cwd=ROOT, check=False).returncode


def say(line: str) -> None:
    """At once: a sweep is watched."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(arguments: list[str] | None = None) -> int:
    """0: every plan in the ledger held; 1: some did not."""
    parser = argparse.ArgumentParser(prog="./steady sweep", description="Every disturbance that we know.")
    parser.add_argument("--shard", default="1/1", help="part i of n (1/1)")
    parser.add_argument("--seed", type=int, default=1, help="order of the plans (1)")
    parser.add_argument("--kind", choices=["model", *KINDS], action="append", help="one kind; all without it")
    parser.add_argument("--plan", help="this one plan of the kind, whatever the ledger says")
    parser.add_argument("--like", default="*", help="only plans whose names match, of kinds other than model (all)")
    parser.add_argument("--minutes", type=float, help="begin no plan after so many minutes")
    parser.add_argument("--summary", action="store_true", help="only print what the ledger has")
    parser.add_argument("--results", type=Path, default=PLACE, help="the ledger (.state/sweep/results.jsonl)")
    given = parser.parse_args(arguments)
    ledger, shard = Ledger(given.results), Shard.parse(given.shard, given.seed)
    kinds, ill = given.kind or ["model", *KINDS], 0
    if "model" in kinds:
        timed = ["--minutes", str(given.minutes)] if given.minutes else []
        timed += ["--plan", given.plan] if given.plan else []
        ill = model(ledger, "--shard", given.shard, "--seed", str(given.seed), *timed, *["--summary"] * given.summary)
    for kind in [] if given.summary else [each for each in kinds if each != "model"]:
        sweep(kind, shard, ledger, given.minutes, given.plan, given.like)
    say(ledger.summary())
    return 1 if ill or not all(line["ok"] for line in ledger.lines().values()) else 0


if __name__ == "__main__":
    sys.exit(main())
