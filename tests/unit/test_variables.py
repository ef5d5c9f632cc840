"""A misspelt variable is said, and an operator's own variables are left alone."""

from __future__ import annotations

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.rules.variables import KNOWN, RESULTS, misspelt


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("rollout_change", "rollout_changes"),
        ("target_group_attribute", "target_group_attributes"),
        ("health_endpoint", "health_endpoints"),
        ("rollback_on_failiure", "rollback_on_failure"),
        ("service_acount", "service_account"),
    ],
)
def test_a_near_miss_names_what_was_meant(written: str, meant: str) -> None:
    assert misspelt([written]) == [f"{written}: no role has such a variable. Did you mean {meant}?"]


def test_known_names_results_and_the_operators_own_are_fine() -> None:
    own = ["release_version", "service_team", "ansible_connection", "inventory_hostname", "bed", "deploy_many"]
    assert misspelt([*KNOWN, *RESULTS, *own]) == []
