"""A stack that sets attributes as a part of a release: lease and fence hold for it, and it gives them back."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import reads, waits
from ansible_collections.steady.ecs.plugins.module_utils.rules import release
from ansible_collections.steady.ecs.plugins.modules import target_group_attributes as module

from testbed.elbv2.attributes import TARGET_GROUP
from tests.unit.answers import GROUP
from tests.unit.modules.stack_world import KEYS, Stacks, template
from tests.unit.modules.test_in_release import Balanced, Release

Answer = dict[str, Any]
DURATION = KEYS["Duration"]
STACK: Answer = {"owner": "stack", "attributes": {DURATION: 7200}}


class Owned(Balanced):
    """The world, whose target group is a stack's."""

    def __init__(self) -> None:
        super().__init__()
        self.stacks = Stacks({GROUP: dict(TARGET_GROUP.defaults)})
        body = template(Duration={"Ref": "Seconds"})
        self.stacks.declare("edge", body, {"CoralGroup": GROUP}, {"Seconds": "3600"})

    def of(self, service: str) -> Any:
        return self.stacks if service == "cloudformation" else self

    def describe_target_group_attributes(self, **arguments: Any) -> Answer:
        self._called("describe_target_group_attributes", arguments)
        return {"Attributes": [{"Key": key, "Value": value} for key, value in self.stacks.attributes[GROUP].items()]}

    def describe_tags(self, **arguments: Any) -> Answer:
        self._called("describe_tags", arguments)
        tags = [{"Key": key, "Value": value} for key, value in self.stacks.tags[GROUP].items()]
        return {"TagDescriptions": [{"ResourceArn": GROUP, "Tags": tags}]}

    @property
    def duration(self) -> str:
        return self.stacks.attributes[GROUP][DURATION]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Owned:
    found = Owned()
    monkeypatch.setattr(waits, "clock", found)
    monkeypatch.setattr(reads, "_definitions", {})
    return found


def opened(world: Owned, folder: Path) -> Release:
    """A release that wants a longer cookie than was live before."""
    found = Release(world, folder, attributes={GROUP: {DURATION: "7200"}})
    record = found.record()
    record["before"]["attributes"][GROUP][DURATION] = "3600"
    found.store.head()
    found.store.apply([release.Write(release.REPLACE, record)])
    return found


def test_the_change_set_has_its_name_from_the_release(world: Owned, tmp_path: Path) -> None:
    of = opened(world, tmp_path)
    assert of.task(module, **STACK)["by_stack"]
    (name,) = world.stacks.api.stacks["edge"].change_sets
    assert name.startswith("steady-web-") and f"-{of.given['seq']}-" in name
    assert (world.duration, of.record()["steps"]["attributes"]) == ("7200", "done")


def test_the_fence_stands_before_the_change_set_too(world: Owned, tmp_path: Path) -> None:
    of = opened(world, tmp_path)
    world.begin_deployment(9)
    assert of.task(module, **STACK)["reason"] == "fenced"
    assert (world.stacks.wrote(), world.duration) == ([], "3600")


def test_a_fenced_release_has_the_stack_give_back_what_is_still_its_own(world: Owned, tmp_path: Path) -> None:
    of = opened(world, tmp_path)
    of.task(module, **STACK)
    world.begin_deployment(9)
    found = of.task(module, owner="stack", put_back=True)
    assert (found["changed"], world.duration, world.modified()) == (True, "3600", [])
    assert "parameter Seconds from 7200 to 3600" in found["by_stack"][0]


def test_what_the_stack_gave_a_group_that_the_service_has_left_since_is_given_back(
    world: Owned, tmp_path: Path
) -> None:
    """The rollback names all groups of the record at once."""
    of = opened(world, tmp_path)
    of.task(module, **STACK)
    world.service["loadBalancers"] = []
    found = of.task(module, owner="stack", attributes_of={GROUP: {DURATION: "3600"}})
    assert (found.get("msg"), world.duration, len(found["by_stack"])) == (None, "3600", 1)


def test_a_run_that_loses_its_lease_while_the_change_set_is_made_executes_nothing(world: Owned, tmp_path: Path) -> None:
    of = opened(world, tmp_path)
    world.stacks.api.scale = 1000.0  # it is never made
    world.at(60, of.taken_by_another)
    found = of.task(module, **STACK)
    assert (found["reason"], found["holder"]["who"]) == ("lease_lost", "bob")
    assert (world.stacks.wrote(), world.duration) == (["create_change_set"], "3600")


def test_the_lease_is_renewed_while_the_stack_is_updated(world: Owned, tmp_path: Path) -> None:
    of, keys = opened(world, tmp_path), set[str]()
    world.stacks.api.scale = 1000.0
    for seconds in range(0, 600, 30):
        world.at(seconds, lambda: keys.add(of.store.head()["lease"]["key"]))
    world.at(600, lambda: setattr(next(iter(world.stacks.api.stacks["edge"].change_sets.values())), "due", 0.0))
    # Each step is due so long after the one before: long ago, however long this machine has been up.
    world.at(700, lambda: setattr(world.stacks.api.stacks["edge"], "due", -math.inf))
    assert of.task(module, **STACK)["changed"]
    assert (world.duration, len(keys) >= 10) == ("7200", True)
