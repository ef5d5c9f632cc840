# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Preflight beside a release that was left on its way back: only its own declaration need not be able to start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import reads
from ansible_collections.steady.ecs.plugins.modules import release, service_preflight

from tests.unit.modules.releases import DURATION
from tests.unit.modules.system import System

GONE: dict[str, Any] = {"changes": {"executionRoleArn": "arn:aws:iam::640080112933:role/gone"}}
STICKY: dict[str, Any] = {"attributes": {"stickiness.enabled": True, DURATION: 86400}}


@pytest.mark.parametrize(("declared", "refused"), [(GONE, False), ({**GONE, **STICKY}, True)])
def test_what_is_deployed_anew_must_be_able_to_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, declared: dict[str, Any], refused: bool
) -> None:
    system, store = System(), str(tmp_path)
    monkeypatch.setattr(reads, "_definitions", {})
    differences = [{"resource": "task definition"}]
    opened = system.run(release, state="opened", store=store, differences=differences, **GONE)
    assert not opened.get("failed"), opened
    noted = system.run(release, state="rolling_back", store=store, release=opened["release"])
    assert not noted.get("failed"), noted
    found = system.run(service_preflight, store=store, **declared)
    assert bool(found.get("failed")) == refused, found.get("msg")
    if refused:
        assert "gone" in found["msg"] and found["reason"] == "preflight"
