# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Cases of target-group attributes and of check mode, on the bed."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import writes
from ansible_collections.steady.ecs.plugins.module_utils.rules import target_group, undeclared
from ansible_collections.steady.ecs.plugins.modules import (
    deployment,
    service_drift,
    target_group_attributes,
    task_definition,
)

from tests.cases.conftest import Answer, Place

Patch = pytest.MonkeyPatch
DELAY = {"deregistration_delay.timeout_seconds": 30}
IMAGE = {"containers": {"app": {"image": "steady/echo:v2"}}}


def sticky(place: Place) -> str:
    """What the group says of stickiness."""
    found = place.elb.describe_target_group_attributes(TargetGroupArn=place.group)["Attributes"]
    return next(str(each["Value"]) for each in found if each["Key"] == "stickiness.enabled")


@pytest.mark.parametrize("off", [False, "false", "no"])
def test_c18_stickiness_is_switched_off_by_one_call(place: Place, off: Any) -> None:
    place.at_rest()
    on = [{"Key": "stickiness.enabled", "Value": "true"}]
    place.elb.modify_target_group_attributes(TargetGroupArn=place.group, Attributes=on)
    place.forget()
    found = place.run(target_group_attributes, attributes={"stickiness.enabled": off})
    assert (found["changed"], found["attributes"]["stickiness.enabled"]) == (True, "false")
    assert (sticky(place), place.writes()) == ("false", ["ModifyTargetGroupAttributes"])


def test_c18_fails_on_a_tool_that_takes_off_for_not_declared(place: Place, monkeypatch: Patch) -> None:
    ours = target_group.compare
    monkeypatch.setattr(
        target_group,
        "compare",
        lambda declared, *more: ours({key: value for key, value in declared.items() if value != "false"}, *more),
    )
    with pytest.raises(AssertionError):
        test_c18_stickiness_is_switched_off_by_one_call(place, False)


def test_c21_what_was_switched_on_by_hand_and_nobody_declares_is_listed(place: Place) -> None:
    place.at_rest()
    by_hand = [{"Key": "stickiness.enabled", "Value": "true"}]
    place.elb.modify_target_group_attributes(TargetGroupArn=place.group, Attributes=by_hand)
    found = place.run(service_drift)
    assert ("stickiness.enabled", "true") in [(each["path"], each["actual"]) for each in found["undeclared"]]
    assert place.run(service_drift, undeclared=True)["status"] == "DRIFTED"


def test_c21_fails_on_a_tool_that_looks_at_what_is_declared_alone(place: Place, monkeypatch: Patch) -> None:
    monkeypatch.setattr(undeclared, "differences", lambda *_asked: [])
    with pytest.raises(AssertionError):
        test_c21_what_was_switched_on_by_hand_and_nobody_declares_is_listed(place)


def test_c25_an_attribute_is_changed_and_no_target_is_touched(place: Place) -> None:
    place.at_rest()
    before = place.healthy(place.group)
    changed = [place.run(target_group_attributes, attributes=DELAY)["changed"] for _run in range(2)]
    assert changed == [True, False]
    assert place.writes() == ["ModifyTargetGroupAttributes"]
    assert place.healthy(place.group) == before
    assert len(before) == 3


def test_c25_fails_on_a_tool_that_manages_the_targets_too(place: Place, monkeypatch: Patch) -> None:
    ours = writes.modify_target_group_attributes

    def wrong(*asked: Any) -> Any:
        answer = ours(*asked)
        targets = [{"Id": each} for each in place.healthy(place.group)]
        place.elb.deregister_targets(TargetGroupArn=place.group, Targets=targets)
        return answer

    monkeypatch.setattr(writes, "modify_target_group_attributes", wrong)
    with pytest.raises(AssertionError):
        test_c25_an_attribute_is_changed_and_no_target_is_touched(place)


def asked_of_all(place: Place, check_mode: bool, changes: Answer, attributes: Answer, grace: int) -> list[Answer]:
    """What each module that changes something answers."""
    return [
        place.run(task_definition, check_mode, changes=changes),
        place.run(target_group_attributes, check_mode, attributes=attributes),
        place.run(deployment, check_mode, settings={"healthCheckGracePeriodSeconds": grace}),
    ]


def test_c88_check_mode_writes_nothing(place: Place, ignored: bool = False) -> None:
    place.at_rest()
    found = asked_of_all(place, not ignored, IMAGE, DELAY, 7)
    assert [each.get("changed") for each in found] == [True, True, True], found
    assert place.writes() == []
    assert not place.folder.exists()


def test_c88_fails_on_a_tool_that_ignores_check_mode(place: Place) -> None:
    with pytest.raises(AssertionError):
        test_c88_check_mode_writes_nothing(place, ignored=True)


def test_c90_check_mode_is_quiet_when_nothing_is_to_change(place: Place) -> None:
    place.at_rest()
    found = asked_of_all(place, True, {"containers": {"app": {"image": "steady/echo:v1"}}}, {}, 0)
    assert [(each.get("changed"), each.get("differences", [])) for each in found] == [(False, [])] * 3, found


def test_c90_what_check_mode_says_is_what_the_run_changes(place: Place) -> None:
    place.at_rest()
    said = place.run(target_group_attributes, True, attributes=DELAY)
    done = place.run(target_group_attributes, attributes=DELAY)
    assert (said["changed"], said["diff"]) == (done["changed"], done["diff"])
    assert not place.run(target_group_attributes, True, attributes=DELAY)["changed"]


def test_c90_fails_on_a_tool_that_says_changed_whatever_it_finds(place: Place, monkeypatch: Patch) -> None:
    ours = place.run
    monkeypatch.setattr(place, "run", lambda *asked, **params: {**ours(*asked, **params), "changed": True})
    with pytest.raises(AssertionError):
        test_c90_check_mode_is_quiet_when_nothing_is_to_change(place)
