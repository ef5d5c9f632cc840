# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The count that is set and the count that is verified, before anything is written."""

from __future__ import annotations

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import reads
from ansible_collections.steady.ecs.plugins.modules import service_preflight as module

from tests.unit.modules.system import System


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> System:
    monkeypatch.setattr(reads, "_definitions", {})
    return System()


@pytest.mark.parametrize(
    ("set_to", "verified", "refused"),
    [(2, 3, True), ("0", 3, True), (3, 0, True), (3, 3, False), ("3", 3, False), (2, None, False), (None, 2, False)],
)
def test_two_counts_that_contradict_are_refused(
    system: System, set_to: int | str | None, verified: int | None, refused: bool
) -> None:
    settings = {} if set_to is None else {"desiredCount": set_to}
    found = system.run(module, settings=settings, desired_count=verified)
    wrong = [each["name"] for each in found["checks"] if each["ok"] is False]
    assert (wrong, found.get("failed", False)) == (["declared counts"] if refused else [], refused)
    assert not refused or "health_desired_count" in found["msg"] and "rollout_settings.desiredCount" in found["msg"]
    assert system.run(module, settings=settings, desired_count=verified, going_back=True)["ok"], "no matter going back"
