"""After the role: the whole release before the live one, and every further rollback goes further back."""

DURATION = "stickiness.lb_cookie.duration_seconds"


def test_the_release_before_is_back_whole(world):
    assert world.revision() == world.revisions()[1]
    assert world.environments() == [{"GREETING": "good day", "LANGUAGE": "en"}] * 2
    assert {world.answer()["version"] for _ in range(4)} == {"2"}
    assert world.attributes()[DURATION] == "3600"
    assert sorted(world.targets().values()) == ["healthy", "healthy"]


def test_no_revision_was_registered_for_it(world):
    assert world.revisions() == world.before["revisions"]


def test_the_rollback_is_a_release_on_record(world):
    assert [each["kind"] for each in world.records()] == ["baseline", "deploy", "deploy", "rollback"]
    last = world.records()[-1]
    assert (last["restores"], last["state"], last["verdict"]["outcome"]) == (2, "succeeded", "proven")


def test_a_second_rollback_goes_further_back_and_a_third_refuses(world):
    second = world.play("converge.yml")
    assert second.status == 0, second.text
    assert world.revision() == world.revisions()[0]
    assert world.answer()["version"] == "1"
    assert world.attributes()["stickiness.enabled"] == "false"

    count = len(world.records())
    third = world.play("converge.yml")
    assert third.status == 2, third.text
    assert "Nothing is older than release" in third.text
    assert "rollback_to" in third.text
    assert world.answer()["version"] == "1"
    assert len(world.records()) == count
