"""After the role: the whole release before the live one; typed again it stays there, and goes further back by name."""

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


def test_typed_again_it_verifies_and_stays_and_says_how_to_go_further_back(world):
    count, tasks = len(world.records()), sorted(each["taskArn"] for each in world.running())
    again = world.play("converge.yml")
    assert again.status == 0, again.text
    assert "release 4, a rollback to release 2, is live already" in again.text
    assert "-e rollback_to=1" in again.text
    assert "outcome: unchanged" in again.text
    assert len(world.records()) == count
    assert sorted(each["taskArn"] for each in world.running()) == tasks


def test_by_name_it_goes_further_back_and_stays_there(world):
    further = world.play("converge.yml", rollback_to=1)
    assert further.status == 0, further.text
    assert world.revision() == world.revisions()[0]
    assert world.answer()["version"] == "1"
    assert world.attributes()["stickiness.enabled"] == "false"

    count = len(world.records())
    for named in ({}, {"rollback_to": 1}):
        again = world.play("converge.yml", **named)
        assert again.status == 0, again.text
        assert "Nothing is older" in again.text
    assert world.answer()["version"] == "1"
    assert len(world.records()) == count
