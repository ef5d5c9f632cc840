# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Attributes of several target groups on the way back: one group that fails keeps no other as the release left it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import reads, waits
from ansible_collections.steady.ecs.plugins.module_utils.rules import release
from ansible_collections.steady.ecs.plugins.modules import target_group_attributes

from tests.unit.answers import GROUP
from tests.unit.modules.test_in_release import KEY, NOW, Balanced, Release
from tests.unit.modules.world import refused

OTHER, THIRD = f"{GROUP}-b", f"{GROUP}-c"
GROUPS = (GROUP, OTHER, THIRD)
Answer = dict[str, Any]


class Several(Balanced):
    """Three groups, as the release has left them; the first two may not be changed any more."""

    def __init__(self) -> None:
        super().__init__()
        self.held_by = {arn: {KEY: "false"} for arn in GROUPS}
        self.service["loadBalancers"] = [
            {"targetGroupArn": arn, "containerName": "app", "containerPort": 80} for arn in GROUPS
        ]

    def describe_target_group_attributes(self, **arguments: Any) -> Answer:
        self.attributes = self.held_by[arguments["TargetGroupArn"]]
        return super().describe_target_group_attributes(**arguments)

    def describe_target_groups(self, **arguments: Any) -> Answer:
        return {
            "TargetGroups": [
                {"TargetGroupArn": arn, "TargetGroupName": f"tg{arn[-2:]}"} for arn in arguments["TargetGroupArns"]
            ]
        }

    def modify_target_group_attributes(self, **arguments: Any) -> Answer:
        self.attributes = self.held_by[arguments["TargetGroupArn"]]
        if arguments["TargetGroupArn"] != THIRD:
            self._called("modify_target_group_attributes", arguments)
            raise refused("AccessDenied", f"no right to {arguments['TargetGroupArn']}")()
        return super().modify_target_group_attributes(**arguments)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Several:
    found = Several()
    monkeypatch.setattr(waits, "clock", found)
    monkeypatch.setattr(reads, "_definitions", {})
    return found


def opened(world: Several, folder: Path) -> Release:
    return Release(world, folder, GROUPS, attributes={arn: {KEY: "false"} for arn in GROUPS})


def undoing(of: Release) -> None:
    """The release has failed, and what was before it is brought back."""
    of.note(attributes="done")
    of.store.head()
    of.store.apply([release.Write(release.REPLACE, release.rolling_back(of.record(), NOW))])


@pytest.mark.parametrize("how", ["failed", "fenced"])
def test_every_group_is_tried_and_each_that_fails_is_told(world: Several, tmp_path: Path, how: str) -> None:
    of = opened(world, tmp_path)
    if how == "failed":
        undoing(of)
        found = of.task(target_group_attributes, attributes_of={arn: {KEY: "true"} for arn in GROUPS})
    else:
        found = of.task(target_group_attributes, put_back=True)
    assert (found["failed"], found["reason"]) == (True, "access_denied")
    assert f"no right to {GROUP}" in found["msg"] and f"no right to {OTHER}" in found["msg"]
    assert world.held_by == {GROUP: {KEY: "false"}, OTHER: {KEY: "false"}, THIRD: {KEY: "true"}}


def test_on_the_way_forward_the_first_that_fails_is_the_last(world: Several, tmp_path: Path) -> None:
    of = opened(world, tmp_path)
    found = of.task(target_group_attributes, attributes_of={arn: {KEY: "true"} for arn in GROUPS})
    assert found["reason"] == "access_denied"
    assert [each["TargetGroupArn"] for each in world.modified()] == [GROUP]
