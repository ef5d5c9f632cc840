"""Each hazard of docs/hazards.md does its damage with the setting that preflight warns of, and none with its cure."""

import os
from collections.abc import Iterator

import pytest

from tests.hazards.trials import TRIALS
from tests.testbed.bed_process import RunningBed, running_bed

# The counts of docs/hazards.md are those of five.
RUNS = int(os.environ.get("HAZARD_RUNS", "1"))
DAILY, LONG = "minimum", pytest.mark.long


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBed]:
    with running_bed(tmp_path_factory.mktemp("bed")) as found:
        yield found


@pytest.mark.parametrize("run", range(RUNS))
@pytest.mark.parametrize("cured", [False, True], ids=["damage", "cured"])
@pytest.mark.parametrize(
    "trial", [each if each == DAILY else pytest.param(each, marks=pytest.mark.long) for each in TRIALS]
)
def test_a_hazard_harms_and_its_cure_does_not(bed: RunningBed, trial: str, cured: bool, run: int) -> None:
    name, what = TRIALS[trial]
    harm = what(bed, cured)
    assert (harm.count > 0) is not cured, harm.seen
    assert (name in harm.hazards) is not cured, harm.hazards
    if cured:
        assert harm.hazards == [], "a cured configuration has no hazard"
