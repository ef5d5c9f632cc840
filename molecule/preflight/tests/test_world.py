"""What preflight lets pass, and what it refuses; it never writes."""


def refused(world, **variables):
    run = world.play("converge.yml", **variables)
    assert run.status == 2, run.text
    return run.text


def test_credentials_of_another_account_are_refused_with_both_accounts(world):
    text = refused(world, service_account="999999999999")
    assert "account: expected 999999999999, found 000000000000" in text
    assert "service_profile" in text, "the remedy"


def test_a_service_of_another_name_is_refused_with_the_names_that_exist(world):
    text = refused(world, service_name="molecule-preflite")
    assert f"Services there: {world.name}." in text


def test_everything_that_is_wrong_is_said_at_once(world):
    text = refused(
        world,
        target_group_attributes={"stickiness.enabled": "maybe"},
        rollout_changes={"containers": {"ap": {"environment": {"GREETING": "good day"}}}},
    )
    assert "maybe" in text
    assert "declares a container ap" in text or "'ap'" in text or " ap" in text


def test_a_hazard_is_warned_of_and_refused_where_that_is_declared(world):
    declared = {"preflight_application": {"slowest_answer": 3000}}
    warned = world.play("converge.yml", **declared)
    assert warned.status == 0, warned.text
    assert "hazard deregistration_delay" in warned.text
    assert "deregistration_delay.timeout_seconds: 3001" in warned.text, "the remedy"
    assert "hazard deregistration_delay" in refused(world, **declared, preflight_hazards="refuse")


def test_nothing_was_changed(world):
    assert world.compare() == ""
