# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The rollout of one service in a small world: which calls are made, what is watched, what the last word is."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import reads, waits
from ansible_collections.steady.ecs.plugins.modules import deployment as module

from tests.unit.answers import crashed, deployment, event, moment, revision, rollout
from tests.unit.modules.world import World, no_answer, refused

RETURNED = {
    *("changed", "verdict", "cause", "deployment_id", "service_deployment_arn", "task_definition_arn", "diff"),
    *("previous_task_definition_arn", "desired_count", "running_count", "duration_seconds", "events", "timeline"),
    "differences",
}


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    found = World()
    monkeypatch.setattr(waits, "clock", found)
    monkeypatch.setattr(reads, "_definitions", {})
    return found


def params(**changes: Any) -> dict[str, Any]:
    options = {name: option.get("default") for name, option in module.SPEC.options.items()}
    return {**options, "cluster": "c1", "service": "web", **changes}


def roll(world: World, check_mode: bool = False, **changes: Any) -> dict[str, Any]:
    return world.run(module.run, params(**changes), check_mode)


def goes_well(world: World) -> None:
    world.at(10, world.start_tasks)
    world.at(20, world.complete)


def test_a_good_rollout(world: World) -> None:
    goes_well(world)
    found = roll(world, task_definition="web:2")
    assert world.writes() == [{"cluster": "c1", "service": "web", "taskDefinition": revision(2)}]
    assert set(found) == RETURNED
    assert (found["verdict"], found["changed"], found["cause"]) == ("succeeded", True, None)
    assert (found["deployment_id"], found["task_definition_arn"]) == ("ecs-svc/2", revision(2))
    assert found["previous_task_definition_arn"] == revision(1)
    assert found["service_deployment_arn"].endswith("/web/2")
    assert found["duration_seconds"] == 30, "complete at 20 s, and ten seconds of staying so"
    assert found["diff"] == {"before": {"taskDefinition": revision(1)}, "after": {"taskDefinition": revision(2)}}
    assert any("if this is interrupted" in line for line in world.lines)
    assert any("0/3 running" in line for line in world.lines)
    assert world.lines[-1].startswith("0:30  succeeded: 3 of 3 tasks run on web:2")


def test_an_early_success_is_over_when_the_previous_deployment_is_gone(world: World) -> None:
    """The clean-up is DEFERRED: ECS calls the deployment successful, and removes the previous tasks afterwards."""

    def early() -> None:
        world.service["deployments"][0].update(rolloutState="COMPLETED")
        for each in world.rollouts.values():
            each["status"] = "SUCCESSFUL"

    world.at(10, world.start_tasks)
    world.at(20, early)
    world.at(400, world.complete)
    found = roll(world, task_definition="web:2")
    assert (found["verdict"], found["duration_seconds"]) == ("succeeded", 410)


def test_nothing_differs_nothing_is_sent_and_nobody_waits(world: World) -> None:
    found = roll(world, task_definition=revision(1), settings={"deploymentConfiguration": {"maximumPercent": 200}})
    assert world.writes() == []
    assert (found["changed"], found["verdict"], found["differences"]) == (False, "succeeded", [])
    assert found["duration_seconds"] == 0


def test_check_mode_says_the_same_and_writes_nothing(world: World) -> None:
    settings = {"healthCheckGracePeriodSeconds": 30}
    found = roll(world, check_mode=True, task_definition="arn:x:task-definition/web:(next)", settings=settings)
    assert world.writes() == []
    assert set(found) == RETURNED
    assert found["changed"]
    assert found["task_definition_arn"] == "arn:x:task-definition/web:(next)"
    assert [each["path"] for each in found["differences"]] == ["taskDefinition", "healthCheckGracePeriodSeconds"]
    assert not roll(world, check_mode=True, task_definition="web:1")["changed"]


def test_revision_and_settings_go_in_one_call(world: World) -> None:
    goes_well(world)
    roll(world, task_definition="web:2", settings={"healthCheckGracePeriodSeconds": 30, "desiredCount": "3"})
    assert world.writes() == [
        {"cluster": "c1", "service": "web", "taskDefinition": revision(2), "healthCheckGracePeriodSeconds": 30}
    ]


def test_a_setting_alone_starts_no_deployment_and_is_watched_on_the_running_one(world: World) -> None:
    found = roll(world, settings={"healthCheckGracePeriodSeconds": 30})
    assert (found["verdict"], found["deployment_id"]) == ("succeeded", "ecs-svc/1")
    assert found["changed"]


def test_tasks_that_crashed_before_the_count_is_lowered_are_no_failure_of_it(world: World) -> None:
    crashes = [crashed(1, 7), crashed(1, 8)]
    world.tasks += crashes
    world.at(5, lambda: world.tasks.pop(2))
    world.at(5, lambda: world.targets.pop(2))
    found = roll(world, settings={"desiredCount": 2})
    assert (found["verdict"], found["deployment_id"], found["cause"]) == ("succeeded", "ecs-svc/1", None)
    assert world.writes() == [{"cluster": "c1", "service": "web", "desiredCount": 2}]


def test_force_is_sent_once_and_resumed_not_repeated(world: World) -> None:
    goes_well(world)
    assert roll(world, force=True)["changed"]
    assert world.writes() == [{"cluster": "c1", "service": "web", "forceNewDeployment": True}]
    world.service["deployments"][0]["rolloutState"] = "IN_PROGRESS"
    world.at(5, world.complete)
    assert not roll(world, force=True)["changed"]
    assert len(world.writes()) == 1


def test_an_interrupted_rollout_is_resumed_without_a_call(world: World) -> None:
    world.begin_deployment()
    goes_well(world)
    found = roll(world, task_definition="web:2")
    assert world.writes() == []
    assert (found["verdict"], found["changed"]) == ("succeeded", False)
    assert found["previous_task_definition_arn"] == revision(1)
    assert found["service_deployment_arn"].endswith("/web/2")
    assert any("goes on watching" in line for line in world.lines)


def crash(world: World) -> None:
    world.tasks += [crashed(2, index) for index in range(3)]
    world.service["deployments"][0]["failedTasks"] = 3


def test_a_rollback_fails_with_the_cause_last(world: World) -> None:
    world.logs = ["connecting with hunter2hunter2", "cannot open the database"]
    world.environment = [{"name": "PASSWORD", "value": "hunter2hunter2"}]
    world.at(10, lambda: crash(world))
    world.at(60, world.roll_back)
    found = roll(world, task_definition="web:2")
    assert found["failed"]
    assert (found["verdict"], found["changed"]) == ("rolled_back", True)
    assert found["task_definition_arn"] == revision(1)
    assert found["cause"]["exit_code"] == 3
    assert found["cause"]["log_lines"] == ["connecting with hidden", "cannot open the database"]
    assert found["msg"].endswith("connecting with hidden | cannot open the database.")
    assert "hunter2" not in repr(found) + repr(world.lines)
    assert set(found) >= RETURNED
    told = next(each["seconds"] for each in found["timeline"] if "exited with code 3" in each["text"])
    assert told <= 20, "within two looks of the first failure"


def test_an_old_task_that_stops_is_no_failure_of_ours(world: World) -> None:
    goes_well(world)
    world.at(5, lambda: world.tasks.append(crashed(1, 7)))
    found = roll(world, task_definition="web:2")
    assert found["verdict"] == "succeeded"
    assert not [line for line in world.lines if "failed" in line]


def test_another_deployment_supersedes_ours_and_nothing_is_rolled_back(world: World) -> None:
    world.at(10, lambda: world.begin_deployment(3))
    found = roll(world, task_definition="web:2")
    assert (found["failed"], found["verdict"]) == (True, "superseded")
    assert "ecs-svc/3" in found["msg"]
    assert len(world.writes()) == 1


def test_the_time_is_over_and_the_deployment_goes_on(world: World) -> None:
    found = roll(world, task_definition="web:2", wait_timeout=60)
    assert (found["failed"], found["verdict"]) == (True, "unknown")
    assert "goes on" in found["msg"]
    assert "run the same command again" in found["msg"]
    assert "fail" not in found["msg"]
    assert found["duration_seconds"] == 60


def test_the_time_is_over_without_capacity_and_the_event_is_the_cause(world: World) -> None:
    text = "was unable to place a task because no container instance met all of its requirements."
    world.at(30, lambda: world.service["events"].insert(0, event(1, world.seconds, text)))
    found = roll(world, task_definition="web:2", wait_timeout=60)
    assert found["verdict"] == "unknown"
    assert found["cause"]["reason"] == text


def test_credentials_that_expire_in_the_wait_do_not_fail_the_deployment(world: World) -> None:
    world.fail("describe_services", None, None, None, refused("ExpiredTokenException", "expired"))
    found = roll(world, task_definition="web:2")
    assert (found["failed"], found["reason"], found["verdict"]) == (True, "expired_credentials", "unknown")
    assert "Deployment ecs-svc/2 goes on; resume with the same command." in found["msg"]
    goes_well(world)
    again = roll(world, task_definition="web:2")
    assert (again["verdict"], len(world.writes())) == ("succeeded", 1)


@pytest.mark.parametrize("fault", [no_answer, refused("ThrottlingException"), refused("ServerException")])
def test_a_look_that_fails_in_passing_is_told_once_and_tolerated(world: World, fault: Any) -> None:
    goes_well(world)
    world.fail("describe_services", None, None, fault, fault, fault)
    assert roll(world, task_definition="web:2")["verdict"] == "succeeded"
    assert len([line for line in world.lines if "could not look" in line]) == 1


def test_a_service_deployment_that_cannot_be_listed_at_once_is_found_later(world: World) -> None:
    goes_well(world)
    world.fail("list_service_deployments", None, no_answer, no_answer)
    found = roll(world, task_definition="web:2")
    assert (found["verdict"], found["service_deployment_arn"].rsplit("/", 1)[1]) == ("succeeded", "2")


def test_the_own_service_deployment_is_found_among_hundreds_in_any_order(world: World) -> None:
    earlier = [rollout(number, "SUCCESSFUL", createdAt=moment(number - 10000)) for number in range(1000, 1250)]
    world.rollouts = {each["serviceDeploymentArn"]: each for each in earlier}
    goes_well(world)
    found = roll(world, task_definition="web:2")
    assert found["service_deployment_arn"].rsplit("/", 1)[1] == "2"


def test_a_service_that_is_missing_once_is_a_stale_answer(world: World) -> None:
    goes_well(world)
    world.at(5, lambda: world.service.update(status="INACTIVE"))
    world.at(10, lambda: world.service.update(status="ACTIVE"))
    assert roll(world, task_definition="web:2")["verdict"] == "succeeded"


def test_a_lost_answer_is_looked_up_not_sent_again(world: World) -> None:
    goes_well(world)
    world.fail("update_service", world.lose_the_answer)
    found = roll(world, task_definition="web:2")
    assert len(world.writes()) == 1
    assert (found["verdict"], found["deployment_id"]) == ("succeeded", "ecs-svc/2")


def test_a_lost_forced_deployment_is_known_by_its_new_id(world: World) -> None:
    goes_well(world)
    world.fail("update_service", world.lose_the_answer)
    assert roll(world, force=True)["verdict"] == "succeeded"
    assert len(world.writes()) == 1


def test_a_forced_deployment_that_did_not_arrive_is_not_taken_for_one_that_did(world: World) -> None:
    goes_well(world)
    world.fail("update_service", no_answer)
    found = roll(world, force=True)
    assert (found["verdict"], found["deployment_id"]) == ("succeeded", "ecs-svc/2")
    assert len(world.writes()) == 2


def test_a_call_that_did_not_arrive_is_sent_once_more(world: World) -> None:
    goes_well(world)
    world.fail("update_service", no_answer)
    assert roll(world, task_definition="web:2")["verdict"] == "succeeded"
    assert len(world.writes()) == 2


def test_a_call_that_never_arrives_is_sent_three_times_at_most(world: World) -> None:
    world.fail("update_service", no_answer, no_answer, no_answer)
    found = roll(world, task_definition="web:2")
    assert (found["failed"], found["reason"]) == (True, "no_answer")
    assert len(world.writes()) == 3
    assert world.service["taskDefinition"] == revision(1)


def test_a_throttled_update_is_sent_again(world: World) -> None:
    goes_well(world)
    world.fail("update_service", *[refused("ThrottlingException")] * 3)
    assert roll(world, task_definition="web:2")["verdict"] == "succeeded"


def test_a_second_call_that_is_refused_says_what_the_first_has_begun(world: World) -> None:
    balancers = world.service["loadBalancers"]
    world.service |= {"loadBalancers": [], "healthCheckGracePeriodSeconds": None}
    world.fail("update_service", None, refused("InvalidParameterException", "no"))
    settings = {"loadBalancers": balancers, "healthCheckGracePeriodSeconds": 30}
    found = roll(world, task_definition="web:2", settings=settings)
    assert found["failed"] and "Deployment ecs-svc/2 had begun by then" in found["msg"]
    assert (found["changed"], "verdict" in found) == (True, False), "a failure of its own, not of the deployment"


def test_a_refused_update_is_said_and_nothing_is_watched(world: World) -> None:
    world.fail("update_service", refused("InvalidParameterException", "no such group"))
    found = roll(world, task_definition="web:2")
    assert found["failed"]
    assert "no such group" in found["msg"]
    assert len(world.writes()) == 1


def test_scaled_to_zero_is_no_success_unless_declared(world: World) -> None:
    world.service["desiredCount"] = 0
    world.at(5, world.complete)
    assert roll(world, task_definition="web:2")["verdict"] == "nothing_ran"
    world.service["desiredCount"] = 3
    found = roll(world, settings={"desiredCount": 0})
    assert (found["verdict"], found.get("failed")) == ("nothing_ran", None)


def test_the_same_command_after_a_failure_without_rollback_says_so_again(world: World) -> None:
    world.service = {
        **world.service,
        "deployments": [deployment(1, state="FAILED", failedTasks=2, runningCount=0)],
        "deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": True, "rollback": False}},
    }
    world.tasks = [crashed(1, 0)]
    found = roll(world, task_definition="web:1")
    assert (found["failed"], found["verdict"], found["cause"]["exit_code"]) == (True, "failed", 3)
    assert world.writes() == []
    assert "deploy with -e rollout_force=true" in found["msg"], "the same declaration would change nothing"
    assert "rollout_force" in roll(world, settings={"healthCheckGracePeriodSeconds": 30})["msg"], "nor would a setting"
    world.at(5, lambda: world.service["deployments"][0].update(rolloutState="FAILED"))
    anew = roll(world, task_definition="web:1", force=True)
    assert (anew["verdict"], anew["deployment_id"]) == ("failed", "ecs-svc/2")
    assert "Mend the cause and deploy again" in anew["msg"] and "rollout_force" not in anew["msg"]


def test_without_wait_nothing_is_watched(world: World) -> None:
    found = roll(world, task_definition="web:2", wait=False)
    assert (found["verdict"], found["changed"], found["deployment_id"]) == ("unknown", True, "ecs-svc/2")
    assert "describe_target_health" not in [operation for operation, _arguments in world.calls]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"settings": {"desiredCounts": 3}}, "desiredCount"),
        ({"task_definition": "arn:x:task-definition/web:(next)"}, "not registered"),
        ({"task_definition": "web"}, "names no revision"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_any_write(world: World, changes: dict[str, Any], words: str) -> None:
    found = roll(world, **changes)
    assert found["failed"]
    assert words in found["msg"]
    assert world.writes() == []


def test_another_controller_is_refused(world: World) -> None:
    world.service.update(deploymentController={"type": "CODE_DEPLOY"}, deployments=[])
    found = roll(world, task_definition="web:2")
    assert found["failed"]
    assert "CODE_DEPLOY" in found["msg"]


def test_a_look_takes_few_calls_while_nothing_fails(world: World) -> None:
    goes_well(world)
    roll(world, task_definition="web:2")
    asked = [operation for operation, _arguments in world.calls]
    looks = asked.count("describe_target_health")
    assert asked.count("list_tasks") == looks, "stopped tasks are not read"
    assert asked.count("list_service_deployments") <= 3


SECRET = "canary-7f3a-secret"
QUOTED = f"was unable to place a task. Reason: Container.environment value {SECRET} is not valid."


@pytest.mark.parametrize("ends_well", [True, False])
def test_an_event_that_quotes_a_value_of_the_revision_brings_none(world: World, ends_well: bool) -> None:
    """It is a line, a part of the result and of the record, and where no task failed it is the cause."""
    world.environment = [{"name": "PASSWORD", "value": SECRET}]
    world.at(5, lambda: world.service["events"].insert(0, event(1, world.seconds, QUOTED)))
    if ends_well:
        goes_well(world)
    found = roll(world, task_definition="web:2", wait_timeout=60)
    assert SECRET not in f"{found}{world.lines}"
    assert QUOTED.replace(SECRET, "hidden") in str(found["events"])
    assert found["verdict"] == ("succeeded" if ends_well else "unknown")


@pytest.mark.parametrize(("said", "reads_it"), [("has reached a steady state.", 0), (QUOTED, 1)])
def test_everyday_events_ask_for_no_revision(world: World, said: str, reads_it: int) -> None:
    everyday = ["has started 3 tasks: (task 1).", "registered 3 targets in (target-group web)", said]
    everyday.append("(deployment ecs-svc/2) deployment completed.")

    def say() -> None:
        world.service["events"][:0] = [event(number, world.seconds, text) for number, text in enumerate(everyday)]

    world.at(5, say)
    goes_well(world)
    assert len(roll(world, task_definition="web:2")["events"]) == 4
    assert [name for name, _asked in world.calls].count("describe_task_definition") == reads_it
