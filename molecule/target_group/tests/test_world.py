"""After the role: stickiness as declared, everything else as it was, nobody disturbed."""

import time

import pytest


def test_what_is_declared_is_live(world):
    live = world.attributes()
    assert live["stickiness.enabled"] == "true"
    assert live["stickiness.lb_cookie.duration_seconds"] == "3600"


def test_what_is_not_declared_is_as_before(world):
    declared = {"stickiness.enabled", "stickiness.lb_cookie.duration_seconds"}
    was = {key: value for key, value in world.before["attributes"].items() if key not in declared}
    is_now = {key: value for key, value in world.attributes().items() if key not in declared}
    assert is_now == was


def test_each_group_has_what_is_declared_of_it(world):
    was, is_now = world.before["others"]["-admin"], world.attributes("-admin")
    assert is_now == {**was, "deregistration_delay.timeout_seconds": "20"}
    assert was != is_now


def test_each_group_is_settled_by_one_call(world):
    assert world.writes(since=world.before["time"]).count("ModifyTargetGroupAttributes") == 2


def test_what_another_tool_owns_is_shown_and_not_written(world):
    before = [world.attributes(which) for which in world.groups]
    run = world.play("owned.yml")
    assert run.status == 0, run.text
    assert "cookie_duration = 60" in run.text and "deregistration_delay = 30" in run.text
    assert [world.attributes(which) for which in world.groups] == before


def test_targets_stay_registered_and_healthy(world):
    assert sorted(world.targets().values()) == ["healthy", "healthy"]
    assert sorted(task["taskArn"] for task in world.running()) == world.before["tasks"]
    assert world.answer()["version"] == "1"


@pytest.fixture(scope="module")
def misspelt(world):
    """The run of a playbook that declares a name that AWS does not have, the attributes before it, and its begin."""
    begun, before = time.time(), world.attributes()
    return world.play("misspelt.yml"), before, begun


def test_a_misspelt_attribute_is_refused_with_the_name_that_exists(world, misspelt):
    run, before, _begun = misspelt
    assert run.status == 2, run.text
    assert "stickyness.lb_cookie.duration_seconds" in run.text
    assert "stickiness.lb_cookie.duration_seconds" in run.text
    assert world.attributes() == before


def test_a_misspelt_attribute_is_refused_before_any_write(world, misspelt):
    *_, begun = misspelt
    assert "ModifyTargetGroupAttributes" in world.writes(), "the log shows what converge did"
    assert world.writes(since=begun) == []
