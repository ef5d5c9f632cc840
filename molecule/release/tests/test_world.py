"""After the role and the run that it belongs to: what was live before, and what was made of it, on file."""

LONGER = {"stickiness.enabled": True, "stickiness.lb_cookie.duration_seconds": 7200}
SHORTER = {"stickiness.enabled": True, "stickiness.lb_cookie.duration_seconds": 60}


def test_the_state_before_is_on_file_as_the_baseline(world):
    baseline = world.records()[0]
    assert (baseline["seq"], baseline["kind"], baseline["state"]) == (1, "baseline", "succeeded")
    assert baseline["before"]["task_definition"].endswith(f"/{world.revision()}")
    assert baseline["before"]["attributes"][world.group()]["stickiness.enabled"] == "false"


def test_the_release_is_on_file_and_closed_with_what_was_done_and_why(world):
    release = world.records()[1]
    assert (release["seq"], release["kind"], release["state"]) == (2, "deploy", "succeeded")
    assert release["base"] == 1
    assert release["audit"]["why"] == "Users stay on their task"
    assert release["steps"]["attributes"] == "done"
    assert release["verdict"]["outcome"] == "proven"
    assert release["before"]["attributes"][world.group()]["stickiness.lb_cookie.duration_seconds"] == "86400"
    live = world.attributes()
    for key, value in release["intent"]["attributes"][world.group()].items():
        assert live[key] == value


def test_the_second_run_made_no_release(world):
    assert len(world.records()) == 2


def test_a_release_that_died_is_resumed_by_the_same_intent_and_abandoned_by_another(world):
    for attributes, states in (
        (LONGER, ["applying"]),
        (LONGER, ["applying"]),
        (SHORTER, ["abandoned", "applying"]),
    ):
        run = world.play("opened.yml", target_group_attributes=attributes)
        assert run.status == 0, run.text
        assert [record["state"] for record in world.records()[2:]] == states


def test_no_value_of_the_environment_is_on_file(world):
    paths = list((world.folder / "releases").rglob("*.json"))
    assert len(paths) >= 3
    assert not [path for path in paths if "hello" in path.read_text(encoding="utf-8")]
