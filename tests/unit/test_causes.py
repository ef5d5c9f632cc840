# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The cause of a failure, in words that a person at three in the morning can act on."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.rules import causes

from tests.unit.answers import GROUP, crashed, target, task


def stopped(code: str, reason: str, *containers: dict[str, Any]) -> dict[str, Any]:
    return task(2, 0, stopCode=code, stoppedReason=reason, containers=list(containers), lastStatus="STOPPED")


def container(name: str, code: int | None = None, reason: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {"name": name, "image": f"example.com/{name}:2"}
    return found | ({"exitCode": code} if code is not None else {}) | ({"reason": reason} if reason else {})


PULL = "CannotPullContainerError: example.com/app:nope: not found"
ELB = f"Task failed ELB health checks in (target-group {GROUP})"


NO_ROOM = "was unable to place a task because no container instance met all of its requirements. "


@pytest.mark.parametrize(
    ("why", "remedy"),
    [
        ("The closest matching (container-instance 1) has insufficient memory available.", "let the task ask for less"),
        ("The closest matching (container-instance 1) has insufficient CPU units available.", "many CPU units free"),
        ("The closest matching (container-instance 1) is already using a port required by your task.", "hostPort 0"),
        ("Reason: No Container Instances were found in your cluster.", "add one"),
        ("The closest matching (container-instance 1) encountered error AGENT.", "no capacity has room"),
    ],
)
def test_what_has_no_room_says_what_to_do(why: str, remedy: str) -> None:
    found = causes.from_events(["has started 1 tasks", NO_ROOM + why])
    assert found and remedy in found["meaning"], found
    assert why.rstrip(".") in causes.as_text(found)


@pytest.mark.parametrize(
    ("task_answer", "failed"),
    [
        (crashed(2, 0), True),
        (crashed(2, 0, code=0), True),
        (stopped("TaskFailedToStart", PULL), True),
        (stopped("ServiceSchedulerInitiated", ELB), True),
        (stopped("ServiceSchedulerInitiated", "Task failed container health checks"), True),
        (stopped("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/2)"), False),
        (stopped("UserInitiated", "Task stopped by user"), False),
        (stopped("SpotInterruption", "Your Spot Task was interrupted."), False),
        (stopped("InfrastructureHealth", "The underlying host failed"), False),
        (task(2, 0), False),
    ],
)
def test_what_counts_as_a_failure_of_the_deployment(task_answer: dict[str, Any], failed: bool) -> None:
    assert causes.failed(task_answer) is failed


@pytest.mark.parametrize(
    ("task_answer", "name"),
    [
        (stopped("EssentialContainerExited", "", container("a", 143), container("b", 3), container("c", 0)), "b"),
        (stopped("EssentialContainerExited", "", container("a", 143), container("b", 0)), "b"),
        (stopped("EssentialContainerExited", "", container("a", 0), container("app", 137)), "app"),
        (stopped("EssentialContainerExited", "", container("a", 137), container("app", 0)), "app"),
        (stopped("EssentialContainerExited", "", container("a", 0), container("app", 143)), "a"),
        (stopped("EssentialContainerExited", "", container("a", 143), container("b", 137, "OutOfMemoryError: x")), "b"),
        (stopped("TaskFailedToStart", PULL, container("a"), container("b", None, PULL)), "b"),
        (stopped("ServiceSchedulerInitiated", ELB, container("a", 143), container("app", 137)), "app"),
        (stopped("TaskFailedToStart", "ResourceInitializationError: x", container("a"), container("b")), None),
    ],
)
def test_the_container_that_failed_first_is_named(task_answer: dict[str, Any], name: str | None) -> None:
    assert causes.culprit(task_answer, "app").get("name") == name


OWN = "Task failed container health checks"
ILL = {"healthStatus": "UNHEALTHY"}
WELL = {"healthStatus": "HEALTHY"}


@pytest.mark.parametrize(
    ("containers", "name"),
    [
        ([container("app", 137) | WELL, container("agent", 143) | ILL], "agent"),
        ([container("agent", 143) | WELL, container("app", 137) | ILL], "app"),
        ([container("agent", 143), container("app", 137)], None),
        ([container("agent", 143)], "agent"),
    ],
)
def test_a_containers_own_health_check_blames_the_one_that_is_unhealthy(
    containers: list[dict[str, Any]], name: str | None
) -> None:
    answer = stopped("ServiceSchedulerInitiated", OWN, *containers)
    found = causes.cause(answer, [], [], [], "app")
    assert (found["container"], causes.culprit(answer, "app").get("name")) == (name, name)
    assert "the container's own health check failed" in causes.as_text(found).lower()
    by_balancer = stopped("ServiceSchedulerInitiated", ELB, *containers)
    assert causes.culprit(by_balancer, "app").get("name") == ("app" if len(containers) > 1 else "agent")


@pytest.mark.parametrize(
    ("task_answer", "words"),
    [
        (crashed(2, 0, 137), "killed"),
        (crashed(2, 0, 127), "not found in the image"),
        (crashed(2, 0, 0), "ended by itself"),
        (crashed(2, 0, 135), "signal 7"),
        (stopped("TaskFailedToStart", PULL, container("app", None, PULL)), "cannot be pulled"),
        (stopped("TaskFailedToStart", "ResourceInitializationError: secret x"), "before it starts"),
        (stopped("EssentialContainerExited", "x", container("app", 137, "OutOfMemoryError: killed")), "memory"),
        (stopped("ServiceSchedulerInitiated", ELB, container("app", 137)), "health check failed"),
    ],
)
def test_a_code_or_reason_gets_a_meaning(task_answer: dict[str, Any], words: str) -> None:
    found = causes.cause(task_answer, [], [], [], "app")
    assert words in found["meaning"]
    assert words in causes.as_text(found)


def test_everything_known_is_in_the_paragraph() -> None:
    lines = [f"line {number}" for number in range(30)]
    found = causes.cause(crashed(2, 0), lines, [], ["has started 1 tasks", "is unable to place a task"])
    assert found["exit_code"] == 3
    assert found["log_lines"] == lines[-20:]
    assert found["events"] == ["is unable to place a task"]
    assert causes.as_text(found) == (
        "Container app (example.com/app:2) exited with code 3: the application reported an error. ECS says: Essential "
        "container in task exited [EssentialContainerExited]. Last log lines: line 27 | line 28 | line 29."
    )


def test_a_task_that_ecs_stopped_did_not_exit_by_itself() -> None:
    ill = target(2, 0, "unhealthy", "Target.ResponseCodeMismatch", "Health checks failed with these codes: [503]")
    found = causes.cause(stopped("ServiceSchedulerInitiated", ELB, container("app", 137)), [], [ill], [], "app")
    assert found["exit_code"] is None
    assert found["target_reason"] == (
        "10.0.2.0:8080 is unhealthy Target.ResponseCodeMismatch (Health checks failed with these codes: [503])"
    )
    assert "tg-web" in found["reason"]
    assert "arn:" not in causes.as_text(found)


def test_a_port_that_a_variable_has_too_is_shown() -> None:
    ill = target(2, 0, "unhealthy") | {"reason": "Target.ResponseCodeMismatch", "description": "hunter2: [503]"}
    found = causes.cause(crashed(2, 0), [], [ill], [], secrets={"8080", "hunter2"})
    assert found["target_reason"] == "10.0.2.0:8080 is unhealthy Target.ResponseCodeMismatch (hidden: [503])"


def test_the_event_tells_the_target_reason_when_no_look_did() -> None:
    name = task(2, 0)["taskArn"].rsplit("/", 1)[1]
    text = f"(task {name}) is unhealthy due to (reason Health checks failed with these codes: [503])"
    found = causes.cause(stopped("ServiceSchedulerInitiated", ELB), [], [], [text])
    assert found["target_reason"] == text.replace(f"(task {name})", "the task")


def test_without_a_failed_task_the_events_speak() -> None:
    text = "was unable to place a task because no container instance met all of its requirements."
    assert "no capacity" not in causes.as_text(causes.cause({}, [], [], ["has started 1 tasks"]))
    found = causes.cause({}, [], [], ["has started 1 tasks", text])
    assert found["reason"] == text
    assert "unable to place" in causes.as_text(found)


def test_the_end_of_a_deployment_is_not_the_cause_of_it() -> None:
    """ECS may count a task that cannot be placed (API reference, Deployment, failedTasks), and says so after it."""
    ended = "(deployment ecs-svc/2) deployment failed: tasks failed to start."
    why = "was unable to place a task. The closest matching (container-instance x) has insufficient memory available."
    found = causes.from_events([why, ended, "rolling back to (deployment ecs-svc/1)."])
    assert found is not None
    assert (found["reason"], found["meaning"]) == (why, causes.REASONS["has insufficient memory"])
    alone = causes.from_events([ended])
    assert alone is not None
    assert alone["reason"] == ended


def test_a_missing_reason_is_no_null() -> None:
    answer = crashed(2, 0, 137)
    answer["stoppedReason"] = None
    assert "None" not in causes.as_text(causes.cause(answer, [], [], []))


def test_what_comes_from_outside_carries_no_control_characters() -> None:
    answer = crashed(2, 0)
    answer["stoppedReason"] = "bad\x1b[31m\nreason"
    found = causes.cause(answer, ["red\x1b[31m"], [], [])
    assert "\x1b" not in causes.as_text(found)
    assert "\n" not in causes.as_text(found)
    assert causes.readable("::error::x\narn:aws:ecs:us-east-1:111122223333:task/c1/abc") == ": :error::x abc"


def test_values_of_the_environment_do_not_come_out_in_log_lines() -> None:
    definition = {
        "containerDefinitions": [
            {
                "name": "app",
                "environment": [{"name": "PASSWORD", "value": "hunter2hunter2"}, {"name": "N", "value": "3"}],
            }
        ]
    }
    lines = ["auth hunter2hunter2 in 3 s", "postgres://me:secret@db/x"]
    assert causes.masked(lines, causes.secret_values(definition)) == ["auth hidden in 3 s", "postgres://hidden@db/x"]


@pytest.mark.parametrize(
    "line",
    [
        "redis://:s3cret@cache:6379/0",
        "clone https://s3cret@github.com/x",
        "postgres://app:p@s3cret@db/x",
        "postgres://me:s3cret@db/x?mail=a@b.c",
    ],
)
def test_who_and_how_of_a_url_never_come_out(line: str) -> None:
    answer = crashed(2, 0)
    answer["stoppedReason"] = line
    found = causes.cause(answer, [line], [target(2, 0, "unhealthy", "", line)], [f"{line} failed"])
    for text in (found["reason"], found["target_reason"], *found["log_lines"], *found["events"]):
        assert "s3cret" not in text and "hidden@" in text


def test_a_reason_that_quotes_a_command_shows_no_value_of_it() -> None:
    command = ["/srv/run", "--api-key=hunter2hunter2"]
    definition = {"containerDefinitions": [{"name": "app", "command": command}]}
    quoted = f'CannotStartContainerError: exec: "{" ".join(command)}": no such file'
    answer = stopped("TaskFailedToStart", quoted, container("app", None, quoted))
    secrets = causes.secret_values(definition)
    ill = target(2, 0, "unhealthy", "", quoted)
    found = causes.cause(answer, [quoted], [ill], [quoted], secrets=secrets)
    assert "hunter2" not in repr(found)
    assert found["reason"].startswith("CannotStartContainerError: exec:")
    assert found["meaning"].startswith("the container cannot be started")


def test_the_log_stream_is_known_with_awslogs_and_a_prefix_only() -> None:
    options = {"awslogs-group": "/ecs/web", "awslogs-stream-prefix": "p"}

    def definition(driver: str, options: dict[str, str]) -> dict[str, Any]:
        return {
            "containerDefinitions": [{"name": "app", "logConfiguration": {"logDriver": driver, "options": options}}]
        }

    arn = "arn:aws:ecs:us-east-1:111122223333:task/c1/abc"
    assert causes.log_stream(definition("awslogs", options), "app", arn) == ("/ecs/web", "p/app/abc")
    assert causes.log_stream(definition("awslogs", {"awslogs-group": "/ecs/web"}), "app", arn) is None
    assert causes.log_stream(definition("fluentd", options), "app", arn) is None
    assert causes.log_stream({}, "app", arn) is None


def test_c86_a_role_that_ecs_cannot_use_is_the_cause() -> None:
    event = (
        "(service web) failed to launch a task with (error ECS was unable to assume the role "
        "'arn:aws:iam::111122223333:role/web' that was provided for this task)."
    )
    found = causes.from_events([event])
    assert found is not None
    assert "role/web" in found["reason"]
    assert "ecs-tasks.amazonaws.com" in found["meaning"]
