"""The one result file of all sweeps: a JSON line for each plan, appended when the plan has ended.

`{"kind", "plan", "end", "ok", "reached", "seconds", "problems", "code"}`; a plan that was run again counts as it went
the last time. Several shards may append at the same time: a line is one write.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PLACE = ROOT / ".state/sweep/results.jsonl"
Line = dict[str, Any]


@dataclass(frozen=True)
class Shard:
    """Part `number` of `count`, from 1; the seed gives the order, so that what time allows is a fair sample."""

    number: int = 1
    count: int = 1
    seed: int = 1

    @classmethod
    def parse(cls, text: str, seed: int) -> Shard:
        """From "2/4". Raises ValueError."""
        number, count = (int(part) for part in text.split("/"))
        if not 1 <= number <= count:
            raise ValueError(f"{text}: want i/n with 1 <= i <= n")
        return cls(number, count, seed)

    def of(self, names: Iterable[str]) -> list[str]:
        """Those names that are this shard's, in its order; the same whatever else there is."""
        mine = [name for name in names if digest(name) % self.count == self.number - 1]
        return sorted(mine, key=lambda name: digest(f"{self.seed} {name}"))


def digest(text: str) -> int:
    """A number that depends on the text alone."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])


PRODUCT = ("plugins/**/*.py", "roles/**/*.yml", "playbooks/*.yml")
PLAYS = ("testbed/**/*.py", "tests/faults/plays/**/*.py")
IAM = ("testbed/**/*.py", "tests/iam/**/*.py", "docs/iam/*.json")


def code(tests: Iterable[str] = ()) -> str:
    """What is tested and the tests of these patterns, in twelve digits: results of other code are not counted."""
    found = hashlib.sha256()
    for pattern in (*PRODUCT, *tests):
        for path in sorted(ROOT.glob(pattern)):
            found.update(path.read_bytes())
    return found.hexdigest()[:12]


class Ledger:
    """The file, and what is in it of this code."""

    def __init__(self, place: Path = PLACE) -> None:
        self.place = place
        place.parent.mkdir(parents=True, exist_ok=True)
        plays = code(PLAYS)
        self.codes = {"iam": code(IAM), **dict.fromkeys(("plays", "users", "deployers"), plays)}

    def lines(self) -> dict[tuple[str, str], Line]:
        """The last line of each (kind, plan). A line that was cut off by a kill is none, nor is another sweep's."""
        found: dict[tuple[str, str], Line] = {}
        if self.place.exists():
            for text in self.place.read_text(encoding="utf-8").splitlines():
                try:
                    line = json.loads(text)
                except ValueError:
                    continue
                if "kind" in line and line.get("code") == self.codes.get(line["kind"]):
                    found[line["kind"], line["plan"]] = line
        return found

    def done(self, kind: str) -> set[str]:
        """Plans of a kind that need not be run again."""
        return {plan for found, plan in self.lines() if found == kind}

    def add(self, kind: str, plan: str, problems: list[str], seconds: float, reached: bool = True) -> Line:
        """Write down how a plan ended."""
        line = {
            "kind": kind,
            "plan": plan,
            "end": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "ok": not problems,
            "reached": reached,
            "seconds": seconds,
            "problems": problems,
            "code": self.codes[kind],
        }
        handle = os.open(self.place, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(handle, json.dumps(line).encode() + b"\n")
        finally:
            os.close(handle)
        return line

    def keep(self, plan: str, text: str) -> None:
        """What a failed plan printed, in a file beside."""
        folder = self.place.parent / "failed"
        folder.mkdir(exist_ok=True)
        (folder / f"{plan.replace('/', '_')}.txt").write_text(text, encoding="utf-8")

    def summary(self) -> str:
        """Counts of each kind, and each failure with the command that repeats it."""
        lines = list(self.lines().values())
        said = []
        for kind in sorted({line["kind"] for line in lines}):
            mine = [line for line in lines if line["kind"] == kind]
            failed = [line for line in mine if not line["ok"]]
            idle = sum(not line["reached"] for line in mine)
            said.append(
                f"{kind}: {len(mine)} plans, {len(mine) - len(failed)} held, {len(failed)} failed"
                f"{f', {idle} never reached their disturbance' if idle else ''}; "
                f"{sum(line['seconds'] for line in mine):.0f} s of work, "
                f"{min(line['end'] for line in mine)} to {max(line['end'] for line in mine)}"
            )
            for line in failed:
                said.append(f"  ./steady sweep --kind {kind} --plan {line['plan']}")
                said += [f"    {problem[:300]}" for problem in line["problems"]]
        return "\n".join(said) or "no plan has been run yet"
