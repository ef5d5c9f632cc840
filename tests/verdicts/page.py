"""Writes docs/verdicts.md from what the tests of the kinds have kept: `python -m tests.verdicts.page`."""

from __future__ import annotations

import sys
import textwrap
from typing import Any

from tests.testbed.beds import ROOT
from tests.verdicts import results
from tests.verdicts.kinds import KINDS, Kind

PAGE = ROOT / "docs/verdicts.md"
WAYS = {
    results.IN_PROCESS: "in process",
    results.MODULES: "modules as processes",
    results.LOST: "every look's answer lost once",
}
COUNTED = "tests/verdicts/test_looks.py"
UNSEEN = "Not seen in the run that wrote this page."
PART = """\
**This page is of a part of a run (`python -m tests.verdicts.page --seen`).** What it prints was seen; of some kinds
nothing was, of some without users, and `told alike by` names no way that was not run. `./steady test verdicts` writes
the whole.
"""
HEAD = """\
# Verdicts: what Steady says of each way in which a deployment goes

Written by `./steady test verdicts`, which provokes each kind on the test bed with real processes and asserts what is
printed here: the verdict on the deployment, the outcome, the exit status of `./steady play`, the cause, and what serves
in the end. Names, addresses and times are replaced by constant ones.

Each kind is run in process, with modules that are processes of their own (`-e steady_ecs_in_process=false`), and with
the answer of every look lost once, the last one's included; `told alike by` names the ways of the last run. While it
runs in process users are at work, and what they count is printed. They are harmed only where a kind says why.
"""
NOT_PROVOKED = """\
## Not provoked here

The bed has Fargate tasks, rolling deployments and ECS's own controller only. So these are held by unit tests of the
rules (`tests/unit/test_verdict.py`, `test_causes.py`, `modules/test_service_preflight.py`), not by processes:

- a container that the kernel kills for its memory (a crash that ends with 137 is provoked), and a container's own
  health check;
- no room for a task (RESOURCE:MEMORY, RESOURCE:CPU, no Fargate capacity), and a host port that is taken;
- a service that CODE_DEPLOY or an EXTERNAL controller deploys: refused by name;
- a deployment that a lifecycle hook pauses: verdict `paused`;
- a task role that ECS cannot assume;
- `ROLLBACK_FAILED`: the bed's ECS goes on trying, as `rollback_cannot_start` shows; AWS does not say when it gives up;
- `dependsOn` with the condition SUCCESS or COMPLETE; a container that ends by design is provoked without it.
"""


def section(kind: Kind) -> str:
    """One kind, as it was seen."""
    ways = {way: found for way in results.WAYS if (found := results.kept(kind.name, way))}
    if not ways:
        return f"### {kind.name}\n\n{kind.title}\n\nExpected: `{kind.verdict}`, `{kind.outcome}`. {UNSEEN}\n"
    seen: dict[str, Any] = next(iter(ways.values()))
    users = seen.get("users") or {}
    told = ", ".join(WAYS[way] for way in ways)
    facts = [
        f"| `{seen['verdict']}` | `{seen['outcome']}` | {seen['status']} | {'yes' if kind.succeeds else 'no'} "
        f"| {_users(kind, users)} | {told} |"
    ]
    return "\n".join(
        [
            f"### {kind.name}",
            "",
            kind.title,
            "",
            "| Verdict | Outcome | Exit status | The new version serves in the end | Users | Told alike by |",
            "|---|---|---|---|---|---|",
            *facts,
            "",
            "```text",
            *textwrap.wrap(seen["last"], 118, break_long_words=False, break_on_hyphens=False),
            "```",
            "",
        ]
    )


def _users(kind: Kind, users: dict[str, int]) -> str:
    """Their count."""
    if kind.harms:
        return f"harmed: {kind.harms}"
    if not users:
        return "none at work"
    return f"{users['requests']} requests, {users['failed']} failed"


def polls() -> str:
    """How many looks lie between what happens and what is said."""
    found = results.kept("polls", "failure"), results.kept("polls", "success")
    if not all(found):
        raise LookupError("nobody counted the looks: run `./steady test verdicts`")
    failure, success = (each["looks"] for each in found if each)
    return (
        "## How soon it is said\n\n"
        "Looks (DescribeServices in the bed's call log) that begin after something happens and before it is said; "
        f"`{COUNTED}` asserts 2 at most.\n\n"
        "| From | To | Looks |\n|---|---|---|\n"
        f"| the first task of the deployment is STOPPED | its cause is printed | {failure} |\n"
        f"| ECS's deployment is COMPLETED | `succeeded` is printed, with `rollout_stable_seconds: 0` | {success} |\n"
    )


def page(whole: bool) -> str:
    """The page; `whole`: raises LookupError when a kind was not seen in every way."""
    missing = [kind.name for kind in KINDS if not all(results.kept(kind.name, way) for way in results.WAYS)]
    if missing and whole:
        raise LookupError(f"no result of {', '.join(missing)}: run `./steady test verdicts`")
    parts = [HEAD] if whole else [HEAD, PART]
    chapters = list(dict.fromkeys(kind.chapter for kind in KINDS))
    for chapter in chapters:
        parts.append(f"## {chapter}\n")
        parts += [section(kind) for kind in KINDS if kind.chapter == chapter]
    return "\n".join([*parts, *([polls()] if whole or results.kept("polls", "success") else []), NOT_PROVOKED])


def main() -> int:
    """0: written. With `--seen` from what was seen so far, and the page says of which kinds nothing was."""
    try:
        PAGE.write_text(page("--seen" not in sys.argv), encoding="utf-8")
    except LookupError as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
