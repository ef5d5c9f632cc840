"""What the sweeps have found, smallest plans only: each failed once and must hold for ever."""

from __future__ import annotations

import pytest

from tests.faults.model.judge import carried_out, plan_of

FOUND = {
    "rollback|s3|0:32:outage|": "a rollback that failed halfway, typed again, restored the release that was to be left",
}


@pytest.mark.parametrize("plan", FOUND, ids=str)
def test_what_was_found_once_holds(plan: str) -> None:
    assert carried_out(plan_of(plan)).wrong == [], FOUND[plan]
