# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Drift and the last release: which one it is, and what is said where the records cannot be read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import reads
from ansible_collections.steady.ecs.plugins.modules import service_drift

from testbed.elbv2.attributes import TARGET_GROUP
from tests.unit.modules.drifting import DECLARED, released, settled
from tests.unit.modules.releases import DURATION, GROUP
from tests.unit.modules.system import System


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> System:
    monkeypatch.setattr(reads, "_definitions", {})
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("CI", raising=False)
    return System()


def test_records_that_cannot_be_used_are_named_as_not_looked_at(system: System, tmp_path: Path) -> None:
    settled(system)
    released(system, tmp_path, **DECLARED)
    (head,) = tmp_path.rglob("head.json")
    head.write_text("{")
    found = system.run(service_drift, store=str(tmp_path), **DECLARED)
    assert found["status"] == "IN_SYNC"
    assert found["not_looked_at"][-1].startswith("the last release: ")
    counted = system.run(service_drift, store=str(tmp_path), undeclared=True, **DECLARED)
    assert (counted["status"], counted["outcome"]) == ("NOT_CHECKED", "error"), "with what it is to be compared"
    assert "the last release: " in counted["summary"]
    system.attributes[GROUP][DURATION] = "3600"
    assert system.run(service_drift, store=str(tmp_path), undeclared=True, **DECLARED)["status"] == "DRIFTED"


def test_where_no_store_is_declared_undeclared_is_what_is_not_aws_s_default(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled(system)
    monkeypatch.setenv("CI", "true")
    found = system.run(service_drift, undeclared=True, **DECLARED)
    assert found["status"] == "DRIFTED" and found["undeclared"]
    system.attributes[GROUP] = {**TARGET_GROUP.defaults, "stickiness.enabled": "true", DURATION: "86400"}
    assert system.run(service_drift, undeclared=True, **DECLARED)["status"] == "IN_SYNC"


def test_the_last_release_is_that_of_a_run_that_died_before_it_wrote_the_head(system: System, tmp_path: Path) -> None:
    settled(system)
    released(system, tmp_path, **DECLARED)
    (head,) = tmp_path.rglob("head.json")
    written = json.loads(head.read_text())
    head.write_text(json.dumps({**written, "current": 1, "open": written["current"]}))
    found = system.run(service_drift, store=str(tmp_path), **{**DECLARED, "settings": {}})
    assert any("healthCheckGracePeriodSeconds: no longer declared" in each for each in found["findings"])
