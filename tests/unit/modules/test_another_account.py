# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Names are equal in staging and in production, and the profile is the other one's: nothing is said of that service."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import reads, waits
from ansible_collections.steady.ecs.plugins.modules import (
    deployment_continue,
    deployment_stop,
    service_health,
    service_restart,
    service_scale,
    service_status,
    task_definition_prune,
    task_run,
)

from tests.unit.modules.verb_world import VerbWorld

DECLARED = "999999999999"
ASKED: list[tuple[Any, dict[str, Any]]] = [
    (deployment_continue, {}),
    (deployment_stop, {}),
    (service_health, {}),
    (service_restart, {}),
    (service_scale, {"count": 3}),
    (service_scale, {"count": 5}),
    (service_status, {}),
    (service_status, {"services": ["web", "shop"]}),
    (task_definition_prune, {}),
    (task_run, {}),
]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> VerbWorld:
    found = VerbWorld(tmp_path)
    monkeypatch.setattr(waits, "clock", found)
    monkeypatch.setattr(reads, "_definitions", {})
    return found


@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize(("module", "params"), ASKED)
def test_nothing_is_said_or_done_of_another_accounts_service(
    world: VerbWorld, module: Any, params: dict[str, Any], check_mode: bool
) -> None:
    found = world.verb(module, check_mode, account=DECLARED, **params)
    assert (found["failed"], found["reason"]) == (True, "wrong_account")
    assert found.get("outcome", "error") == "error"
    assert f"The credentials belong to account 111122223333, and the service is declared in {DECLARED}" in found["msg"]
    assert {name for name, _asked in world.calls} == {"describe_services"}, "and nothing else is asked of that account"
    assert "running" not in "\n".join(world.lines)


def test_where_no_account_is_declared_the_service_is_verified(world: VerbWorld) -> None:
    assert world.verb(service_health, account=None)["ok"]
