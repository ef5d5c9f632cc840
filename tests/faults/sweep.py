"""./steady sweep: every disturbance that we know, in shards that resume and add up to one result file.

./steady sweep --shard 1/4 --seed 7 [--kind plays] [--minutes 30]
./steady sweep --kind plays --plan files/deploy/call-17/reset_after
./steady sweep --summary
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.faults.ledger import PLACE, Ledger, Shard

Run = Callable[[str], tuple[list[str], bool, str]]
"""Performs the plan of that name: its problems, whether its disturbance happened, and what was printed."""
SCALE = "0.02"


@contextlib.contextmanager
def plays() -> Iterator[tuple[list[str], Run]]:
    """Faults, signals and cuts in real plays on a bed without task processes."""
    from tests.faults.plays.plans import Plan, Stage
    from tests.faults.plays.player import Player
    from tests.faults.plays.scenarios import SCENARIOS
    from tests.testbed.beds import running

    with tempfile.TemporaryDirectory(prefix="steady-sweep-") as name:
        folder = Path(name)
        with (
            running(folder / "state", "--engine", "none", "--scale", SCALE) as bed,
            Player(folder / "player") as player,
        ):
            stage = Stage(bed, player, folder / "places")
            known = [
                plan.name
                for store in stores()
                for scenario in SCENARIOS
                for plan in stage.undisturbed(scenario, store).plans(scenario, store)
            ]

            def run(plan: str) -> tuple[list[str], bool, str]:
                result = stage.perform(Plan.parse(plan))
                return result.problems, result.reached, result.text()

            yield known, run


def stores() -> list[str]:
    """The sorts of store that there are."""
    return ["files"]


def sweep(kind: str, shard: Shard, ledger: Ledger, minutes: float | None, only: str | None) -> None:
    """One shard of one kind; what the ledger has is not run again."""
    end = time.monotonic() + 60 * minutes if minutes else None
    with KINDS[kind]() as (known, run):
        left = [only] if only else [name for name in shard.of(known) if name not in ledger.done(kind)]
        say(f"{kind}: {len(known)} plans, {len(left)} left in shard {shard.number}/{shard.count}")
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


KINDS = {"plays": plays}


def say(line: str) -> None:
    """At once: a sweep is watched."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(arguments: list[str] | None = None) -> int:
    """0: every plan in the ledger held; 1: some did not."""
    parser = argparse.ArgumentParser(prog="./steady sweep", description="Every disturbance that we know.")
    parser.add_argument("--shard", default="1/1", help="part i of n (1/1)")
    parser.add_argument("--seed", type=int, default=1, help="order of the plans (1)")
    parser.add_argument("--kind", choices=sorted(KINDS), action="append", help="one kind; all without it")
    parser.add_argument("--plan", help="this one plan of the kind, whatever the ledger says")
    parser.add_argument("--minutes", type=float, help="begin no plan after so many minutes")
    parser.add_argument("--summary", action="store_true", help="only print what the ledger has")
    parser.add_argument("--results", type=Path, default=PLACE, help="the ledger (.state/sweep/results.jsonl)")
    given = parser.parse_args(arguments)
    ledger = Ledger(given.results)
    if not given.summary:
        for kind in given.kind or sorted(KINDS):
            sweep(kind, Shard.parse(given.shard, given.seed), ledger, given.minutes, given.plan)
    say(ledger.summary())
    return 0 if all(line["ok"] for line in ledger.lines().values()) else 1


if __name__ == "__main__":
    sys.exit(main())
