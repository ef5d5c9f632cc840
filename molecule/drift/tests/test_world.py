"""What the role says of a world that was changed behind its back, and of one that is as declared."""

KEY = "stickiness.lb_cookie.duration_seconds"


def differences(world):
    found = world.written("drift.json")["hosts"]["drift"]["differences"]
    return [(each["path"], each["expected"], each["actual"]) for each in found]


def test_the_changed_property_is_named_with_both_values_and_no_other(world):
    assert world.attributes()[KEY] == "60"
    assert world.written("drift.json")["status"] == "DRIFTED"
    assert differences(world) == [(KEY, "86400", "60")]
    assert world.written("outcome.json")["outcome"] == "drifted"


def test_a_scheduler_that_knows_only_success_and_failure_gets_a_failure(world):
    assert world.play("converge.yml", drift_fail=True).status == 2


def test_the_world_was_only_looked_at(world):
    assert world.compare() == ""


def test_it_is_in_sync_after_the_change_is_undone(world):
    world.set_attributes({KEY: "86400"})
    run = world.play("converge.yml")
    assert run.status == 0, run.text
    assert world.written("drift.json")["status"] == "IN_SYNC"
    assert differences(world) == []
    assert world.written("outcome.json")["outcome"] == "unchanged"
