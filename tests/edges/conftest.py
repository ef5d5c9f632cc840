# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The edge to AWS against a bed of its own, with the environment of nobody who runs the tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import aws

from tests.edges.issuing import Keys
from tests.testbed.beds import Bed, World, running


@pytest.fixture(scope="session")
def shared_bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    with running(tmp_path_factory.mktemp("bed"), "--scale", "0.02", "--engine", "none") as found:
        yield found


@pytest.fixture
def bed(shared_bed: Bed) -> Bed:
    """A bed without faults and without calls so far."""
    shared_bed.admin("POST", "/_bed/reset")
    return shared_bed


@pytest.fixture
def world(bed: Bed) -> World:
    """A service ``web`` that runs."""
    found = World(bed)
    found.create(found.register())
    found.completed(found.service()["taskDefinition"])
    return found


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home: no credentials, no configuration, no client of another test, no shared buckets."""
    for name in [each for each in os.environ if each.startswith(("AWS_", "STEADY_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(aws, "_sessions", {})
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return tmp_path


@pytest.fixture
def keys() -> Keys:
    return Keys()
