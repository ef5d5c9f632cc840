"""Health checks against real processes' answers: states, reasons, thresholds. Scale 0.05: an interval takes 0.25 s."""

from collections.abc import Iterator

import pytest

from tests.testbed.harness import Host, forward, running, until


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with running() as found:
        yield found


def health(host: Host, group: str) -> dict[str, str]:
    (row,) = host.elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    found: dict[str, str] = row["TargetHealth"]
    return found


def test_a_new_target_is_initial_and_one_success_makes_it_healthy(host: Host) -> None:
    app = host.app()
    group = host.group(check={"HealthyThresholdCount": 10})
    host.listen(forward(group))
    host.elb.register_targets(TargetGroupArn=group, Targets=[{"Id": app.address}])
    first = health(host, group)
    assert first["State"] in ("initial", "healthy")
    if first["State"] == "initial":
        assert first["Reason"] in ("Elb.RegistrationInProgress", "Elb.InitialHealthChecking")
    until(lambda: health(host, group) == {"State": "healthy"}, 2)  # ten successes would take longer


def test_a_group_that_no_listener_uses_is_not_checked(host: Host) -> None:
    app = host.app()
    group = host.group(app)
    assert host.states(group) == {app.address: ("unused", "Target.NotInUse")}
    entrance = host.listen(forward(group))
    host.await_states(group, "healthy")
    host.elb.delete_listener(ListenerArn=entrance.listener)
    assert host.states(group) == {app.address: ("unused", "Target.NotInUse")}
    until(lambda: not entrance.open())
    before = app.connections
    host.listen(forward(group))
    host.await_states(group, "healthy")
    assert app.connections > before


def test_unhealthy_after_failures_in_a_row_and_healthy_after_successes_in_a_row(host: Host) -> None:
    app = host.app()
    _, group = host.served(app, check={"HealthyThresholdCount": 3, "UnhealthyThresholdCount": 2})
    app.health = 503
    until(lambda: health(host, group)["State"] == "unhealthy")
    assert health(host, group) == {
        "State": "unhealthy",
        "Reason": "Target.ResponseCodeMismatch",
        "Description": "Health checks failed with these codes: [503]",
    }
    before, app.health = app.connections, 200
    until(lambda: health(host, group)["State"] == "healthy")
    assert app.connections - before >= 3


def test_one_failure_is_not_enough(host: Host) -> None:
    app = host.app()
    _, group = host.served(app, check={"UnhealthyThresholdCount": 10})
    app.health = 500
    before = app.connections
    until(lambda: app.connections >= before + 4)
    assert health(host, group) == {"State": "healthy"}


def test_nothing_listens(host: Host) -> None:
    group = host.group()
    host.listen(forward(group))
    host.elb.register_targets(TargetGroupArn=group, Targets=[{"Id": host.address()}])
    until(lambda: health(host, group)["State"] == "unhealthy")
    expected = {"State": "unhealthy", "Reason": "Target.FailedHealthChecks", "Description": "Health checks failed"}
    assert health(host, group) == expected


def test_too_slow(host: Host) -> None:
    app = host.app()
    app.health = 0
    group = host.group(app)
    host.listen(forward(group))
    until(lambda: health(host, group)["State"] == "unhealthy")
    assert health(host, group) == {"State": "unhealthy", "Reason": "Target.Timeout", "Description": "Request timed out"}


def test_an_answer_that_is_not_http(host: Host) -> None:
    app = host.app()
    app.health = -1
    group = host.group(app)
    host.listen(forward(group))
    until(lambda: health(host, group)["State"] == "unhealthy")
    assert health(host, group)["Reason"] == "Target.FailedHealthChecks"


def test_matcher_path_and_port_are_those_of_the_group_and_can_change(host: Host) -> None:
    checked = host.app()
    checked.health = 418
    check = {"Matcher": {"HttpCode": "200,418-420"}, "HealthCheckPath": "/health?x=1"}
    _, group = host.served(checked, check=check)
    host.elb.modify_target_group(TargetGroupArn=group, Matcher={"HttpCode": "200"})
    host.await_states(group, "unhealthy")
    app = host.app(9090)
    app.health = 299
    other = host.group(check={"HealthCheckPort": "9090", "Matcher": {"HttpCode": "200-299"}})
    host.listen(forward(other))
    host.elb.register_targets(TargetGroupArn=other, Targets=[{"Id": app.address}])  # nothing listens on port 8080
    host.await_states(other, "healthy")
    (row,) = host.elb.describe_target_health(TargetGroupArn=other)["TargetHealthDescriptions"]
    assert (row["HealthCheckPort"], row["Target"]["Port"]) == ("9090", 8080)


def test_declared_health_is_not_probed(host: Host) -> None:
    app = host.app()
    host.put("declare", app.address, "unhealthy")
    group = host.group(app)
    host.listen(forward(group))
    host.await_states(group, "unhealthy")
    assert app.connections == 0
    host.put("declare", app.address, "healthy")
    host.await_states(group, "healthy")
    assert app.connections == 0


def test_a_target_that_is_deregistered_is_no_longer_checked(host: Host) -> None:
    app = host.app()
    _, group = host.served(app, deregistration_delay__timeout_seconds="0")
    host.deregister(group, app)
    until(lambda: host.states(group) == {})
    neighbour = host.app()
    host.elb.register_targets(TargetGroupArn=group, Targets=[{"Id": neighbour.address}])
    host.await_states(group, "healthy")
    before, rounds = app.connections, neighbour.connections
    until(lambda: neighbour.connections >= rounds + 3)
    assert app.connections <= before + 1  # one probe may have been under way
