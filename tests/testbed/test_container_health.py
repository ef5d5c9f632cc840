"""A container's own health check: when it counts, what ECS does about it, and that it runs in the container's place."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from testbed.container_health import ContainerHealth
from tests.testbed.beds import World, until

CHECK = {"command": ["CMD-SHELL", "exit 1"], "interval": 5, "timeout": 2, "retries": 2}


class Command:
    """A check that has ended with this code; None: it hangs."""

    def __init__(self, code: int | None) -> None:
        self.code, self.killed = code, False

    def exit_code(self) -> int | None:
        return self.code

    def send(self, _number: int) -> None:
        self.killed = True


def course(codes: list[int | None], monkeypatch: pytest.MonkeyPatch, **check: Any) -> list[str]:
    """The status after each of these answers, at a clock that goes on by the interval."""
    clock = itertools.count(0, 5)
    monkeypatch.setattr("testbed.container_health.time.monotonic", lambda: float(next(clock)))
    commands = iter([Command(code) for code in codes])
    health = ContainerHealth({**CHECK, **check}, 1.0, lambda: next(commands))  # type: ignore[arg-type,return-value]
    found = []
    for _ in codes:
        while health._running is None:
            health.step()
        health.step()
        found.append(health.status)
    return found


def test_failures_count_in_a_row_and_a_success_forgets_them(monkeypatch: pytest.MonkeyPatch) -> None:
    assert course([1, 0, 1, 1, 0], monkeypatch) == ["UNKNOWN", "HEALTHY", "HEALTHY", "UNHEALTHY", "HEALTHY"]


def test_within_the_start_period_failures_do_not_count_until_a_first_success(monkeypatch: pytest.MonkeyPatch) -> None:
    assert course([1, 1, 1, 1, 1], monkeypatch, startPeriod=40)[-2:] == ["UNKNOWN", "UNHEALTHY"]
    assert course([1, 0, 1, 1], monkeypatch, startPeriod=300) == ["UNKNOWN", "HEALTHY", "HEALTHY", "UNHEALTHY"]


def test_a_check_that_gets_no_answer_in_time_has_failed_and_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert course([None, None], monkeypatch) == ["UNKNOWN", "UNHEALTHY"]


def statuses(world: World) -> list[str]:
    return sorted(task["healthStatus"] for task in world.tasks())


def test_a_task_is_healthy_when_its_containers_say_so_and_replaced_when_not(declared: World) -> None:
    definition = declared.register(healthCheck=CHECK)
    declared.create(definition, desiredCount=2, loadBalancers=[])
    declared.completed(definition)
    assert statuses(declared) == ["HEALTHY", "HEALTHY"]
    before = {task["taskArn"] for task in declared.tasks()}
    declared.bed.admin("PUT", "/_bed/health", {definition.rsplit("/", 1)[1]: "unhealthy"})
    stopped = until(lambda: [each for each in declared.tasks("STOPPED") if each["taskArn"] in before])
    assert (stopped[0]["stopCode"], stopped[0]["stoppedReason"]) == (
        "ServiceSchedulerInitiated", "Task failed container health checks",
    )  # fmt: skip
    events = " ".join(event["message"] for event in declared.service()["events"])
    assert f"(task {stopped[0]['taskArn'].rsplit('/', 1)[1]}) failed container health checks." in events


@pytest.mark.parametrize(
    ("command", "status"),
    [
        (["CMD-SHELL", 'test "$VERSION" = 2 && test -n "$TASK_ID"'], "HEALTHY"),
        (["CMD", "false"], "UNHEALTHY"),
        (["CMD", "/no/such/program"], "UNHEALTHY"),
        (["CMD", "tr\0ue"], "UNHEALTHY"),
    ],
)
def test_a_check_is_a_command_in_the_environment_of_its_container(
    world: World, command: list[str], status: str
) -> None:
    check = {**CHECK, "command": command}
    definition = world.register(env={"VERSION": "2"}, healthCheck=check)
    world.create(definition, desiredCount=1, healthCheckGracePeriodSeconds=3600)
    until(lambda: statuses(world) == [status], what=lambda: statuses(world))
    (container,) = world.tasks()[0]["containers"]
    assert container["healthStatus"] == status


@pytest.mark.parametrize("wrong", [{"interval": 4}, {"timeout": 61}, {"retries": 0}, {"startPeriod": 301}])
def test_numbers_out_of_range_are_refused(declared: World, wrong: dict[str, int]) -> None:
    with pytest.raises(declared.ecs.exceptions.ClientException):
        declared.register(healthCheck={**CHECK, **wrong})


def test_a_check_of_a_container_that_is_not_essential_says_nothing_of_the_task(declared: World) -> None:
    """API reference, DeploymentConfiguration, minimumHealthyPercent: "if a task has no essential containers with a
    health check defined", 40 s of RUNNING make it healthy, or the load balancer."""
    side = {"name": "side", "image": "steady/echo:v1", "essential": False, "healthCheck": CHECK}
    definition = declared.register("v1", declared.container(), side)
    declared.create(definition, desiredCount=2, loadBalancers=[])
    declared.completed(definition)
    assert statuses(declared) == ["UNKNOWN", "UNKNOWN"]
