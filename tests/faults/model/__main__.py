"""The long form of the sweeps, by shards; see README.md."""

from __future__ import annotations

import argparse
import collections
import hashlib
import json
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
sys.path[:0] = [str(ROOT / "collections"), str(ROOT)]

from tests.faults.ledger import code  # noqa: E402 the path comes first
from tests.faults.model import chains, deployers, judge, plans  # noqa: E402
from tests.faults.model.scenarios import Ended, documents  # noqa: E402

CHAINS, INTERLEAVINGS = 2000, 2000
PARTS = (*plans.PARTS, "chains", "deployers")


def version_of_code() -> str:
    """What is tested, the model itself included."""
    found = hashlib.sha256(code().encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        found.update(path.read_bytes())
    return found.hexdigest()[:12]


def of_part(part: str) -> list[str]:
    """The names of all plans of a part."""
    if part == "chains":
        return [str(number) for number in range(CHAINS)]
    if part == "deployers":
        return [str(number) for number in range(INTERLEAVINGS)]
    return [str(each) for each in plans.of_part(part)]


def carried_out(part: str, name: str) -> dict[str, Any]:
    """One line of the result file."""
    if part == "chains":
        chain = chains.chained(chains.by_chance(int(name)), files=int(name) % 3 == 0)
        return {"wrong": chain.wrong, "outcomes": chain.outcomes, "calls": chain.calls}
    if part == "deployers":
        found = deployers.interleaved(int(name))
        return {**vars(found), "wrong": found.wrong}
    done = plans.carried_out(judge.plan_of(name))
    return {"wrong": done.wrong, "outcomes": done.outcomes, "calls": done.calls}


def lines(path: Path, version: str) -> Iterator[dict[str, Any]]:
    """What is in the file of this code and of this sweep: others write there too."""
    for text in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            line = json.loads(text)
        except ValueError:
            continue  # cut off by a kill
        if line.get("code") == version and "part" in line:
            yield line


def say(line: str) -> None:
    """One line on the screen."""
    sys.stdout.write(f"{line}\n")


def summary(path: Path, version: str) -> int:
    """Print the figures; 1 when something is wrong or nothing is there."""
    parts: dict[str, list[dict[str, Any]]] = collections.defaultdict(list)
    for each in lines(path, version):
        parts[each["part"]].append(each)
    say(f"code {version}")
    for part, found in parts.items():
        wrong = [each for each in found if each["wrong"]]
        calls, seconds = sum(each["calls"] for each in found), sum(each["seconds"] for each in found)
        more = ""
        if part == "deployers":
            counted = {
                "crashes": sum(each["crashes"] for each in found),
                "with a second writer": sum(bool(each["stale_writes"]) for each in found),
                "with a lying record": sum(bool(each["lies"]) for each in found),
                "left open": sum(each["left_open"] for each in found),
                "mixed ends": sum(each["mixed"] for each in found),
            }
            more = "; " + ", ".join(f"{count} {what}" for what, count in counted.items())
        say(f"{part}: {len(found)} plans, {len(wrong)} violated, {calls} calls, {seconds:.0f} s{more}")
        for each in wrong[:10]:
            say(f"  {each['plan']}: {each['wrong'][0][:300]}")
    return int(not parts or any(each["wrong"] for found in parts.values() for each in found))


def tell(number: int, ended: Ended) -> None:
    """One run of a plan: its writes and disturbed calls, and what it left."""
    run, (head, records) = ended.run, documents(ended.run.cloud)
    say(f"run {number}: {ended.outcome}")
    for at, call in enumerate(run.trace):
        if call.write or at in run.faults:
            say(f"  {at} {call.service}.{call.method} {run.faults.get(at, '')}")
    say(f"  head: current {head['current']}, open {head['open']}, lease {head['lease'] and head['lease']['key']}")
    for seq, each in records.items():
        states, done = " ".join(entry["state"] for entry in each["log"]), {k: v for k, v in each["steps"].items() if v}
        say(f"  {seq} {each['kind']} base {each['base']} restores {each['restores']}: {states}; {done}")
    say(f"  live: {run.cloud.seen()}")


def sweep(options: argparse.Namespace, version: str) -> None:
    """Run what is this shard's and not in the file yet."""
    index, of = (int(each) for each in options.shard.split("/"))
    done = {(each["part"], each["plan"]) for each in lines(options.result, version)}
    wanted = [(part, name) for part in options.part or PARTS for name in of_part(part)]
    random.Random(options.seed).shuffle(wanted)
    options.result.parent.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    with options.result.open("a", encoding="utf-8") as file:
        for part, name in wanted[index - 1 :: of]:
            if (part, name) in done:
                continue
            if options.minutes and time.monotonic() - began > 60 * options.minutes:
                break
            at = time.monotonic()
            line = {"code": version, "part": part, "plan": name, **carried_out(part, name)}
            file.write(json.dumps({**line, "seconds": round(time.monotonic() - at, 3)}) + "\n")
            file.flush()


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.model", description=__doc__)
    parser.add_argument("--shard", default="1/1", help="i/n: the i-th of n shares, from 1")
    parser.add_argument("--seed", default="0", help="the order of the plans")
    parser.add_argument("--part", action="append", choices=PARTS)
    parser.add_argument("--minutes", type=float, help="stop after so long; the same command goes on")
    parser.add_argument("--result", type=Path, default=ROOT / ".state/sweep/model.jsonl")
    parser.add_argument("--summary", action="store_true", help="only read the file")
    parser.add_argument("--plan", help="only this one, told at length")
    options, version = parser.parse_args(), version_of_code()
    if options.plan:
        wrong = plans.carried_out(judge.plan_of(options.plan), tell).wrong
        say("\n".join(wrong) or "it held")
        return int(bool(wrong))
    if not options.summary:
        sweep(options, version)
    return summary(options.result, version)


if __name__ == "__main__":
    sys.exit(main())
