"""A long run in parts: what was seen of this very code is not run again, and what several shards saw adds up.

Only where STEADY_SHARD is set, as tests/run.sh does ("1/1" is all): whoever types pytest gets what was typed.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable

import pytest

from tests.faults.ledger import Shard, code

TESTS = (
    "testbed/**/*.py",
    "tests/cases/shifting.py",
    "tests/testbed/beds.py",
    "tests/verdicts/acts.py",
    "tests/verdicts/kinds.py",
    "tests/verdicts/stage.py",
    "tests/verdicts/ways.py",
)
"""What the kinds are, how they are provoked, and on which bed."""


@functools.cache
def here(*more: str) -> str:
    """What is tested, and the tests of the kinds."""
    return code((*TESTS, *more))


def shard() -> Shard | None:
    """The part that this run is; None where all that is typed shall be run."""
    given = os.environ.get("STEADY_SHARD")
    return Shard.parse(given, seed=1) if given else None


def leave_out(
    config: pytest.Config,
    items: list[pytest.Item],
    named: Callable[[pytest.Item], str | None],
    seen: Callable[[str], bool],
) -> None:
    """Deselect what other shards run, and what was seen before. What `named` has no name for is run by every shard."""
    mine = shard()
    if mine is None:
        return
    names = {item: name for item in items if (name := named(item))}
    kept = {name for name in mine.of(names.values()) if not seen(name)}
    out = [item for item, name in names.items() if name not in kept]
    if out:
        config.hook.pytest_deselected(items=out)
        items[:] = [item for item in items if names.get(item) in {None, *kept}]
