# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which services preflight asks room on instances for, and how much of it (case C47)."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import reads
from ansible_collections.steady.ecs.plugins.modules import service_preflight as module

from tests.unit.modules.system import System

Answer = dict[str, Any]
ROOM = "room for a new task"


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> System:
    monkeypatch.setattr(reads, "_definitions", {})
    return System()


def refused(system: System, **declared: Any) -> list[str] | None:
    """What preflight found in the place of room; None where it did not refuse for that."""
    checks = system.run(module, **declared)["checks"]
    return next((each["found"] for each in checks if each["name"] == ROOM and each["ok"] is False), None)


def on_one_instance(system: System, **definition: Any) -> None:
    """Of launch type EC2, on an instance with room for 1024 CPU units and 2048 MiB."""
    system.definitions[system.service["taskDefinition"]].update(
        networkMode="bridge", requiresCompatibilities=["EC2"], **definition
    )
    system.service.update(launchType="EC2", desiredCount=1)
    left = [{"name": "CPU", "integerValue": 1024}, {"name": "MEMORY", "integerValue": 2048}]
    system.instances = [{"status": "ACTIVE", "ec2InstanceId": "i-1", "remainingResources": left}]


def test_the_size_of_a_task_may_be_declared_with_its_units(system: System) -> None:
    on_one_instance(system)
    assert system.run(module, changes={"cpu": "1 vCPU", "memory": "2 GB"})["ok"]
    too_fast = refused(system, changes={"cpu": "2 vcpu", "memory": "2GB"})
    assert too_fast == ["i-1: 1024 of 2048 CPU units are free"]
    too_large = refused(system, changes={"cpu": ".5 vCPU", "memory": "3GB"})
    assert too_large == ["i-1: 2048 of 3072 MiB are free"]


@pytest.mark.parametrize("provider", ["FARGATE", "managed"])
def test_a_service_that_moves_to_capacity_providers_needs_no_room_where_it_was(system: System, provider: str) -> None:
    on_one_instance(system, cpu="4096", memory="8192")
    assert refused(system) == ["i-1: 1024 of 4096 CPU units are free"]
    strategy = [{"capacityProvider": provider, "weight": 1}]
    assert refused(system, settings={"capacityProviderStrategy": strategy}) is None
