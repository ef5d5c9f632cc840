"""Writes docs/verdicts.md from what the tests of the kinds have kept: `python -m tests.verdicts.page`."""

from __future__ import annotations

import re
import sys
import textwrap
from typing import Any

from tests.testbed.beds import ROOT
from tests.verdicts import parts, results
from tests.verdicts.kinds import KINDS, Kind
from tests.verdicts.test_looks import FAIL, SERVE, TO_SUCCESS, TO_THE_CAUSE
from tests.verdicts.ways import WAYS, Way

Seen = dict[str, Any]

PAGE = ROOT / "docs/verdicts.md"
COUNTED = "tests/verdicts/test_looks.py"
UNSEEN = "Not seen in the run that wrote this page."
PART = """\
**This page is of a part of a run (`python -m tests.verdicts.page --seen`).** What it prints was seen, of some kinds by
an earlier run; a way that is not named was not run. `./steady test verdicts` writes the whole.
"""
HEAD = """\
# Verdicts: what Steady says of each way in which a deployment goes

Written by `./steady test verdicts`, which provokes each kind on the test bed with real processes and asserts what is
printed here: the verdict on the deployment, the outcome, the exit status of `./steady play`, the cause, and what serves
in the end. Names, addresses and times are replaced by constant ones.

Each kind is run in three ways, with users at work who count what goes wrong for them, except where a kind says why they
are harmed whoever deploys:

| Way | What is typed, and what happens |
|---|---|
| in process | `./steady play deploy.yml`, as it is installed |
| as modules | the same with `-e steady_ecs_in_process=false`: each module is a process of its own |
| answers lost | the same as in process; each answer of a look is lost once, the last look's too; how many, is counted |

The answers of a look that are lost are those by which it judges: DescribeServices and DescribeServiceDeployments. What
is refused before it is asked for loses none.

An interrupted run is gone on with by the same command, as long as the code is the same; `STEADY_SHARD=1/2 ./steady test
verdicts` runs a half, and shards add up.
"""
NOT_PROVOKED = """\
## Not provoked here

These are held by unit tests of the rules (`tests/unit/test_verdict.py`, `test_causes.py`), not by processes:

- no Fargate capacity, and a capacity provider that adds no instance;
- a task role that ECS cannot assume;
- `ROLLBACK_FAILED`: the bed's ECS goes on trying, as `rollback_cannot_start` shows; AWS does not say when it gives up;
- `dependsOn` with the condition SUCCESS or COMPLETE; a container that ends by design is provoked without it.
"""


def section(kind: Kind, before: str = "") -> str:
    """One kind, as it was seen; `before`: the page that there is, whose word stands where nothing new was seen."""
    ways = {way: found for way in WAYS if (found := results.kept(results.of(kind.name, way.name)))}
    if not ways:
        there = re.search(rf"(?ms)^### {kind.name}\n\n.*?(?=^##)", before)
        if there and f"\n{kind.title}\n" in there[0] and f"`{kind.verdict}`" in there[0] and "```text" in there[0]:
            return there[0].rstrip() + "\n"
        return f"### {kind.name}\n\n{kind.title}\n\nExpected: `{kind.verdict}`, `{kind.outcome}`. {UNSEEN}\n"
    serves = "serves" if kind.succeeds else "does not serve"
    harmed = f" Users are harmed whoever deploys: {kind.harms}." if kind.harms else ""
    return "\n".join(
        [
            f"### {kind.name}",
            "",
            f"{kind.title}\n\nIn the end the new version {serves}.{harmed}",
            "",
            "| Way | Verdict | Outcome | Exit status | Users |",
            "|---|---|---|---|---|",
            *(_line(way, found) for way, found in ways.items()),
            "",
            *_texts(ways),
        ]
    )


def _line(way: Way, seen: Seen) -> str:
    """What one way ended with."""
    count = (
        f"{seen['users']['requests']} requests, {seen['users']['failed']} failed" if seen["users"] else "none at work"
    )
    title = f"{way.title}: {seen['lost']}" if way.faults else way.title
    return f"| {title} | `{seen['verdict']}` | `{seen['outcome']}` | {seen['status']} | {count} |"


def _texts(ways: dict[Way, Seen]) -> list[str]:
    """What was printed; once where several ways print the same."""
    said: dict[str, list[str]] = {}
    for way, seen in ways.items():
        said.setdefault(results.stable(seen["last"]), []).append(way.title)
    lines = []
    for text, titles in said.items():
        wrapped = textwrap.wrap(text, 118, break_long_words=False, break_on_hyphens=False)
        lines += [f"What is printed ({', '.join(titles)}):", "", "```text", *wrapped, "```", ""]
    return lines


def looks() -> str:
    """How many looks lie between what happens and what is said: the most that was seen."""
    found = {
        what: [results.kept(f"looks.{what}.{name}") for name in names]
        for what, names in (("cause", FAIL), ("success", SERVE))
    }
    if not all(all(each) for each in found.values()):
        raise LookupError("nobody counted the looks: run `./steady test verdicts`")
    most = {what: max(each["looks"] for each in counts if each) for what, counts in found.items()}
    return (
        "## How soon it is said\n\n"
        "Looks (DescribeServices in the bed's call log) that begin after something happens and before it is said; "
        f"the most\nthat was counted. `pytest {COUNTED}` counts them again and asserts the limit.\n\n"
        "| From | To | Looks | Limit | Kinds |\n|---|---|---|---|---|\n"
        "| the first task of the deployment is STOPPED | its cause is printed "
        f"| {most['cause']} | {TO_THE_CAUSE} | {', '.join(FAIL)} |\n"
        "| ECS's deployment is COMPLETED | `succeeded` is printed, with `rollout_stable_seconds: 0` "
        f"| {most['success']} | {TO_SUCCESS} | {', '.join(SERVE)} |\n"
    )


def effort() -> str:
    """What the whole took."""
    seconds = [
        found["seconds"] for kind in KINDS for way in WAYS if (found := results.kept(results.of(kind.name, way.name)))
    ]
    return (
        f"## What it took\n\n{len(seconds)} runs, {round(sum(seconds) / 60)} minutes if they ran one after the other.\n"
    )


def missing() -> list[str]:
    """What was not seen yet, as the results are named."""
    names = [results.of(kind.name, way.name) for kind in KINDS for way in WAYS]
    return [name for name in names if results.kept(name) is None]


def page(whole: bool) -> str:
    """The page; `whole`: raises LookupError when a kind was not seen in every way."""
    left = missing()
    if left and whole:
        raise LookupError(f"no page yet: {len(left)} of {len(KINDS) * len(WAYS)} are missing, first {left[0]}")
    before = "" if whole else PAGE.read_text(encoding="utf-8")
    found = [HEAD] if whole else [HEAD, PART]
    for chapter in dict.fromkeys(kind.chapter for kind in KINDS):
        found.append(f"## {chapter}\n")
        found += [section(kind, before) for kind in KINDS if kind.chapter == chapter]
    return "\n".join([*found, *([effort()] if whole else []), _looks(whole, before), NOT_PROVOKED])


def _looks(whole: bool, before: str) -> str:
    """As `looks`, or what an earlier run counted."""
    try:
        return looks()
    except LookupError:
        if whole:
            raise
        there = re.search(r"(?ms)^## How soon it is said\n.*?(?=^## )", before)
        return there[0].rstrip() + "\n" if there else ""


def main() -> int:
    """0: written, or one shard of several is over. With `--seen` from what was seen so far, and the page says so."""
    try:
        PAGE.write_text(page("--seen" not in sys.argv), encoding="utf-8")
    except LookupError as problem:
        sys.stderr.write(f"{problem}\n")
        shard = parts.shard()
        return 0 if shard and shard.count > 1 else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
