# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module task_run: once, in the service's own place, to its end, with the cause when it fails."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.rules import one_off, outcome, records, release
from ansible_collections.steady.ecs.plugins.module_utils.rules.operation import NOTHING
from ansible_collections.steady.ecs.plugins.modules import task_run as module

from tests.unit.answers import ACCOUNT, revision
from tests.unit.modules.one_off_world import NETWORK, Runner, on_its_clock
from tests.unit.modules.world import no_answer, refused

Answer = dict[str, Any]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runner:
    return on_its_clock(Runner(tmp_path), monkeypatch)


def test_a_task_is_run_to_its_end_with_its_log(world: Runner) -> None:
    world.logs = ["applied 3 migrations"]
    found = world.verb(module, command=["./manage", "migrate"], why="the new column")
    assert (found["outcome"], found["verdict"], found["exit_code"]) == ("proven", "succeeded", 0)
    assert found["log_lines"] == ["applied 3 migrations"]
    assert "log: applied 3 migrations" in "\n".join(world.lines)
    record = world.newest()
    assert (record["kind"], record["state"], record["audit"]["why"]) == ("run_task", "succeeded", "the new column")
    assert record["operation"]["result"]["exit_code"] == 0
    assert world.kept.store.head()["lease"] is None


def test_c77_network_capacity_platform_and_tags_are_the_services_own(world: Runner) -> None:
    world.verb(module)
    asked = world.called("run_task")[0]
    assert asked["networkConfiguration"] == NETWORK
    assert (asked["launchType"], asked["platformVersion"]) == ("FARGATE", "1.4.0")
    assert "capacityProviderStrategy" not in asked
    assert asked["tags"] == [{"key": "team", "value": "a"}], "tags of AWS's own cannot be given"
    assert asked["enableECSManagedTags"] is True
    assert asked["taskDefinition"] == revision(1)
    assert (asked["cluster"], asked["count"]) == ("c1", 1)


def test_c77_capacity_providers_come_in_the_place_of_a_launch_type(world: Runner) -> None:
    strategy = [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]
    world.service["capacityProviderStrategy"] = strategy
    world.verb(module)
    asked = world.called("run_task")[0]
    assert asked["capacityProviderStrategy"] == strategy
    assert "launchType" not in asked


def test_c74_a_task_that_never_started_is_a_failure(world: Runner, tmp_path: Path) -> None:
    reason = "CannotPullContainerError: failed to resolve ref example.com/app:2: not found"
    world.ends = {"stopCode": "TaskFailedToStart", "stoppedReason": reason, "containers": [{"name": "app"}]}
    found = world.verb(module, result_file=str(tmp_path / "result.json"))
    assert (found["failed"], found["outcome"], found["exit_code"]) == (True, "failed", None)
    assert found["cause"]["stop_code"] == "TaskFailedToStart"
    assert "the image cannot be pulled" in found["msg"].lower()
    assert json.loads((tmp_path / "result.json").read_text())["outcome"] == "failed"


@pytest.mark.parametrize(
    ("reason", "meaning"),
    [
        ("RESOURCE:MEMORY", "no instance of the cluster has so much memory free"),
        ("Capacity is unavailable at this time. Please try again later or in a different availability zone", "Fargate"),
        ("SOMETHING NEW", ""),
    ],
)
def test_c74_no_task_at_all_is_a_failure(world: Runner, reason: str, meaning: str) -> None:
    world.failures = [{"arn": "arn:aws:ecs:us-east-1:111122223333:container-instance/1", "reason": reason}]
    found = world.verb(module)
    assert (found["failed"], found["outcome"], found["verdict"]) == (True, "failed", "failed")
    assert reason.split(".")[0] in found["msg"]
    assert meaning in found["msg"]
    assert world.newest()["operation"]["result"]["cause"]["reason"].startswith(reason[:10])


def test_c75_an_exit_without_a_reason_is_explained(world: Runner) -> None:
    world.ends = {"stopCode": "EssentialContainerExited", "containers": [{"name": "app", "exitCode": 137}]}
    world.logs = ["loading", "loaded 9 of 10 million rows"]
    found = world.verb(module)
    assert (found["outcome"], found["exit_code"]) == ("failed", 137)
    assert found["cause"]["container"] == "app"
    for part in ("Container app exited with code 137", "out of memory", "loaded 9 of 10 million rows"):
        assert part in found["msg"]
    assert "null" not in found["msg"]
    assert "None" not in found["msg"]
    assert world.newest()["operation"]["result"]["cause"]["log_lines"] == ["loading", "loaded 9 of 10 million rows"]


def test_a_task_that_a_person_stops_is_no_success(world: Runner) -> None:
    world.ends = {"stopCode": "UserInitiated", "containers": [{"name": "app", "exitCode": 0}]}
    assert world.verb(module)["outcome"] == "failed"


def test_a_lost_answer_starts_no_second_task(world: Runner) -> None:
    world.fail("run_task", world.lose_the_start)
    assert world.verb(module)["outcome"] == "proven"
    assert len(world.jobs) == 1
    first, second = world.called("run_task")
    assert first == second, "the same token with the same arguments"


def test_after_the_deadline_the_task_goes_on_and_the_same_command_follows_it(world: Runner) -> None:
    world.seconds_of_work = 100
    found = world.verb(module, wait_timeout=30, command=["./long"])
    assert (found["failed"], found["outcome"], found["verdict"]) == (True, "interrupted", "unknown")
    assert "aws ecs stop-task --cluster c1 --task" in found["msg"]
    again = world.verb(module, command=["./long"])
    assert (again["outcome"], again["changed"], again["task"]) == ("proven", False, found["task"])
    assert len(world.jobs) == 1
    third = world.verb(module, command=["./long"])
    assert (third["outcome"], third["changed"]) == ("proven", True), "what has ended is run anew when asked for anew"
    assert len(world.jobs) == 2


LOST: dict[str, tuple[Any, ...]] = {
    "each answer": ("lost", no_answer, no_answer),
    "one, and the token runs out": ("lost", refused("ExpiredTokenException")),
    "one, and the right is taken away": ("lost", refused("AccessDeniedException")),
}


@pytest.mark.parametrize("answers", LOST.values(), ids=LOST)
def test_a_task_that_nobody_knows_of_is_followed_by_the_same_command(world: Runner, answers: tuple[Any, ...]) -> None:
    world.fail("run_task", *(world.lose_the_start if each == "lost" else each for each in answers))
    found = world.verb(module, command=["./long"])
    assert found["failed"] and found["outcome"] == "interrupted"
    assert (found["verdict"], found["task"]) == ("unknown", None)
    assert "whether it was carried out is not known" in found["msg"]
    assert "unchanged" not in found["msg"]
    assert world.newest()["operation"]["result"] == {"task": None, "verdict": "unknown"}
    again = world.verb(module, command=["./long"])
    assert (again["outcome"], again["changed"]) == ("proven", False)
    assert len(world.jobs) == 1


def test_where_no_call_came_through_the_same_command_starts_the_task(world: Runner) -> None:
    world.fail("run_task", no_answer, no_answer, no_answer)
    assert world.verb(module)["outcome"] == "interrupted"
    assert world.verb(module)["outcome"] == "proven"
    assert len(world.jobs) == 1


def test_however_long_its_last_lines_are_the_record_is_closed_and_the_command_runs_again(world: Runner) -> None:
    """A closing write that was refused for its size left a run without an end, which was followed for ever."""
    line = '{"stack": "' + "at com.example.Foo(Foo.java:1) " * 450 + '"}'
    world.logs = [line] * 20
    world.ends = {"stopCode": "EssentialContainerExited", "containers": [{"name": "app", "exitCode": 3}]}
    failed = world.verb(module, command=["./manage", "migrate"])
    assert (failed["outcome"], failed["exit_code"]) == ("failed", 3), failed["msg"]
    record = world.newest()
    longest = outcome.LONGEST_TEXT + len('""')
    assert record["state"] == "failed" and len(json.dumps(record["verdict"]["reason"])) == longest
    cause = record["operation"]["result"]["cause"]
    assert (cause["exit_code"], len(cause["log_lines"])) == (3, 20)
    assert all(line.startswith(each) and len(json.dumps(each)) == longest for each in cause["log_lines"])
    world.ends = {"stopCode": "EssentialContainerExited", "containers": [{"name": "app", "exitCode": 0}]}
    world.sleep(60)
    again = world.verb(module, command=["./manage", "migrate"])
    assert (again["outcome"], again["changed"], len(world.jobs)) == ("proven", True, 2)
    assert world.newest()["state"] == "succeeded"


def test_a_refused_start_is_no_open_end(world: Runner) -> None:
    world.fail("run_task", refused("AccessDeniedException"))
    found = world.verb(module)
    assert (found["outcome"], found.get("verdict")) == ("failed", None)
    world.sleep(7200)
    assert world.verb(module)["outcome"] == "proven"


def timed_out(world: Runner) -> str:
    found = world.verb(module, wait_timeout=10, command=["./long"])
    assert found["outcome"] == "interrupted"
    return str(found["task"])


def died(world: Runner) -> str:
    """Killed after RunTask, and buried by a release of somebody else."""
    killed(world, command=["./long"])
    return "the task that it may have started"


@pytest.mark.parametrize("left", [timed_out, died])
def test_a_task_that_ecs_has_forgotten_is_not_run_again_unless_told(world: Runner, left: Any) -> None:
    named = left(world)
    world.sleep(30)
    world.kept.released(1)
    world.sleep(3700)
    found = world.verb(module, command=["./long"])
    assert (found["failed"], found["outcome"], found["reason"]) == (True, "failed", "task_lost")
    assert named in found["msg"] and "run_task_again=true" in found["msg"]
    assert "is not known: ECS forgets a stopped task after an hour" in found["msg"]
    assert len(world.jobs) == 1
    assert world.verb(module, command=["./long"], again=True)["outcome"] == "proven"
    assert len(world.jobs) == 2
    assert world.verb(module, command=["./long"])["outcome"] == "proven", "what is over is asked about no more"


def test_a_killed_run_that_started_nothing_is_no_open_end_within_the_hour(world: Runner) -> None:
    killed(world, command=["./long"])
    world.forgotten += world.jobs
    world.sleep(3000 - world.seconds)
    assert world.verb(module, command=["./long"])["outcome"] == "proven"


@pytest.mark.parametrize("left", [timed_out, died])
def test_a_release_in_between_does_not_hide_a_task_at_work(world: Runner, left: Any) -> None:
    world.seconds_of_work = 100
    left(world)
    world.kept.released(1)
    assert world.newest()["kind"] == "deploy"
    again = world.verb(module, command=["./long"])
    assert (again["outcome"], again["changed"]) == ("proven", False)
    assert len(world.jobs) == 1


@pytest.mark.parametrize("left", [timed_out, died])
def test_much_that_happened_within_the_hour_does_not_hide_a_task_at_work(world: Runner, left: Any) -> None:
    world.seconds_of_work = 100
    left(world)
    for _time in range(one_off.LOOKS_BACK + 1):
        world.kept.released(1)
    again = world.verb(module, command=["./long"])
    assert (again["outcome"], again["changed"], len(world.jobs)) == ("proven", False, 1)


def test_what_is_older_than_an_hour_is_looked_for_in_so_many_records_only(world: Runner) -> None:
    timed_out(world)
    for _time in range(one_off.LOOKS_BACK + 1):
        world.kept.released(1)
    world.sleep(3700)
    read = list[int]()
    record = world.kept.store.__class__.record
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(world.kept.store.__class__, "record", lambda store, seq: read.append(seq) or record(store, seq))
        assert world.verb(module, command=["./long"])["changed"]
    assert len({each for each in read if each < world.newest()["seq"]}) == one_off.LOOKS_BACK + 1


@pytest.mark.parametrize("left", [timed_out, died])
def test_another_job_in_between_does_not_hide_a_task_whose_end_nobody_saw(world: Runner, left: Any) -> None:
    """Of as many words, so that the records of both look alike."""
    world.seconds_of_work = 100
    left(world)
    world.sleep(200)
    assert world.verb(module, command=["./check"])["changed"], "another job, for the first has ended"
    again = world.verb(module, command=["./long"])
    assert (again["outcome"], again["changed"], len(world.jobs)) == ("proven", False, 2)
    anew = world.verb(module, command=["./long"])
    assert (anew["changed"], len(world.jobs)) == (True, 3), "its end is on record now"


def test_once_its_end_is_on_record_a_killed_run_is_asked_about_no_more(world: Runner) -> None:
    killed(world, command=["./long"])
    assert world.verb(module, command=["./long"])["changed"] is False
    world.sleep(7200)
    assert (world.verb(module, command=["./long"])["outcome"], len(world.jobs)) == ("proven", 2)


@pytest.mark.parametrize("then", [(), (refused("ExpiredTokenException"),)], ids=["for good", "and the token runs out"])
def test_of_a_task_that_ecs_does_not_know_nobody_says_that_it_goes_on(world: Runner, then: tuple[Any, ...]) -> None:
    def forget() -> Exception:
        world.forgotten += world.jobs
        return no_answer()

    world.fail("describe_tasks", None, forget, None, *then)
    found = world.verb(module, command=["./long"])
    assert (found["outcome"], found["verdict"]) == ("interrupted", "unknown")
    assert "goes on" not in found["msg"]
    assert world.newest()["operation"]["result"] == {"task": found["task"], "verdict": "unknown"}
    again = world.verb(module, command=["./long"])
    assert (again["failed"], again["reason"]) == (True, "task_lost")
    assert found["task"] in again["msg"]
    assert len(world.jobs) == 1


def test_a_time_that_is_over_before_ecs_knows_the_task_does_not_say_that_it_goes_on(world: Runner) -> None:
    world.fail("describe_tasks", lambda: world.forgotten.extend(world.jobs) or no_answer())
    found = world.verb(module, wait_timeout=10)
    assert (found["outcome"], found["reason"]) == ("interrupted", "task_lost")
    assert "goes on" not in found["msg"]


def killed(world: Runner, **overrides: Any) -> None:
    """A run that started a task and died."""
    store = world.kept.store
    audit = {"who": "ada", "host": "h", "commit": None, "why": ""}
    request = release.Request(store.identity, "run_task", NOTHING, audit, "dead")
    record = release.prepared(1, 1, None, request, world.kept.live, "2025-11-27T10:00:00Z")
    told = one_off.told("app", revision(1), overrides.get("command", []), {})
    record = {**record, "operation": {"verb": "run_task", "arguments": told, "result": None}}
    head = records.written(store.head(), "dead", seq=1)
    store.apply([release.Write("create", record), release.Write("head", head)])
    wanted = {"containerOverrides": [{"name": "app", **overrides}]}
    world.started(
        {"taskDefinition": revision(1), "startedBy": "steady/dead", "clientToken": "dead", "overrides": wanted}
    )


def test_the_task_of_a_killed_run_is_followed(world: Runner) -> None:
    killed(world, command=["./long"])
    found = world.verb(module, command=["./long"])
    assert (found["outcome"], found["changed"]) == ("proven", False)
    assert len(world.jobs) == 1


def test_the_task_of_a_killed_run_is_found_after_its_end_among_hundreds_of_others(world: Runner) -> None:
    killed(world, command=["./long"])
    world.sleep(60)
    others = [{"taskArn": f"{ACCOUNT}task/c1/{n:032x}", "desiredStatus": "STOPPED"} for n in range(500, 750)]
    world.tasks = [
        {
            **each,
            "taskDefinitionArn": f"{ACCOUNT}task-definition/web:1",
            "startedBy": "ecs-svc/1",
            "lastStatus": "STOPPED",
        }
        for each in others
    ]
    found = world.verb(module, command=["./long"])
    assert (found["outcome"], found["changed"]) == ("proven", False)
    assert len(world.jobs) == 1
    assert max(len(asked["tasks"]) for asked in world.called("describe_tasks")) <= 100  # API reference, DescribeTasks


def test_another_task_of_a_killed_run_is_not_run_beside(world: Runner) -> None:
    killed(world, command=["./other"])
    found = world.verb(module, command=["./long"])
    assert found["failed"]
    assert "still runs something else" in found["msg"]
    assert len(world.jobs) == 1
    world.sleep(30)
    assert world.verb(module, command=["./long"])["outcome"] == "proven"


def test_a_container_that_would_not_end_the_task_is_refused(world: Runner) -> None:
    found = world.verb(module, container="sidecar")
    assert "is not essential" in found["msg"]
    assert "Name an essential one: app" in found["msg"]
    assert "has no container nobody" in world.verb(module, container="nobody")["msg"]
    assert world.jobs == []
    assert not world.kept.store.records()


def test_a_look_that_fails_is_made_again_and_expired_credentials_end_it(world: Runner) -> None:
    world.fail("describe_tasks", no_answer, refused("ThrottlingException"), None, refused("ExpiredTokenException"))
    found = world.verb(module)
    assert (found["outcome"], found["reason"], found["verdict"]) == ("interrupted", "expired_credentials", "unknown")
    assert "goes on; the same command looks again" in found["msg"]


def test_check_mode_starts_nothing(world: Runner) -> None:
    planned = world.verb(module, check_mode=True, command=["./migrate"])
    assert (planned["changed"], planned["outcome"]) == (True, "unchanged")
    assert "container app of web:1" in planned["detail"]
    assert world.jobs == []
    assert set(planned) == set(world.verb(module))
