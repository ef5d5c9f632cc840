"""The same failures for everybody: each client deploys each kind on the same bed; what it said is kept for the page.

What a client of others says is not asserted here, for it is theirs (test_foreign.py asserts what is known of it); that
the world went the way of the kind is, and that Steady is never wrong about it.
"""

import contextlib
import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.foreign.clients import CLIENTS, Ended, Shell, Wanted
from tests.foreign.conftest import SCALE
from tests.foreign.table import COMPARED, STEADY, Row, keep, last_words, named
from tests.testbed.beds import Bed
from tests.verdicts.kinds import Kind
from tests.verdicts.stage import SETTLED, Stage, Truth, until

OURS = 2
"""Number of the revision that whoever deploys registers: the live one is the first of its family."""


class Shared(Stage):
    """A stage whose other people may act without waiting for looks: a client that looks rarely, or not, misses them."""

    waits = False

    def looked(self, times: int = 2) -> None:
        if self.waits:
            super().looked(times)


@pytest.fixture
def stage(bed: Bed, tmp_path: Path) -> Iterator[Shared]:
    found = Shared(bed, tmp_path / "stage")
    yield found
    found.end()


def changes(kind: Kind, stage: Stage) -> dict[str, dict[str, object]]:
    """By container; of a list of named items what changes."""
    found = kind.changes(stage)
    assert not set(found) - {"container", "containers"}, "only Steady says more than this in one command"
    return {**({"app": found["container"]} if "container" in found else {}), **found.get("containers", {})}


def foreign(client: str, kind: Kind, stage: Shared, folder: Path) -> Ended:
    shell = Shell(stage.bed.endpoint, folder / "shell", SCALE)
    want = Wanted(stage.world.name, "web", stage.definition(kind), changes(kind, stage))
    stage.bed.admin("DELETE", "/_bed/calls")
    with stage.meanwhile(kind):
        return CLIENTS[client](shell, want)


def steady(kind: Kind, stage: Shared) -> Ended:
    stage.waits, begun = True, time.monotonic()
    run = stage.deploy(kind)
    assert "A defect in steady.ecs" not in run.text, run.text
    return Ended(run.status, run.last or run.text, time.monotonic() - begun, ("./steady play deploy.yml",))


def serves(truth: Truth) -> bool:
    """Whether what was deployed serves, whole."""
    return truth.revision == truth.named == OURS and truth.healthy == truth.desired > 0


@pytest.mark.parametrize("client", [*CLIENTS, STEADY])
@pytest.mark.parametrize("kind", COMPARED, ids=lambda kind: kind.name)
def test_each_client_deploys_each_kind(kind: Kind, client: str, stage: Shared, tmp_path: Path) -> None:
    stage.begin(kind)
    ended = steady(kind, stage) if client == STEADY else foreign(client, kind, stage, tmp_path)
    shutil.rmtree(tmp_path / "shell", ignore_errors=True)
    until(lambda: serves(stage.truth()) is kind.succeeds, SETTLED, stage.truth)
    with contextlib.suppress(AssertionError):  # what never comes to rest is looked at as it is
        stage.at_rest(5)
    if client == STEADY:
        assert (ended.status == 0) is kind.succeeds, ended.text
    row = Row(
        kind=kind.name, client=client, status=ended.status, seconds=round(ended.seconds),
        cause=named(kind, client, ended.text), last=last_words(client, ended.text), serves=asdict(stage.truth()),
    )  # fmt: skip
    keep(row)
