# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What one look says about our deployment. Ours is always ecs-svc/2 of web:2; ecs-svc/1 was before, ecs-svc/3 after."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.rules import verdict as rules
from ansible_collections.steady.ecs.plugins.module_utils.rules.looks import (
    Look,
    own_service_deployment,
    previous_revision,
)
from ansible_collections.steady.ecs.plugins.module_utils.rules.verdict import Verdict

from tests.unit.answers import GROUP, PORT, deployment, moment, rollout, service, target, task

OURS = deployment(2, state="IN_PROGRESS")
WELL = [target(2, index) for index in range(3)]
TASKS = [task(2, index) for index in range(3)]


def judge(answer: dict[str, Any], status: str | None = None, **look: Any) -> Verdict:
    given = {"tasks": TASKS, "targets": {GROUP: WELL}, **look}
    found = rollout(2, status) if status else None
    return rules.verdict(OURS, Look(answer, given.pop("service_deployment", found), **given))


def done(**changes: Any) -> dict[str, Any]:
    return service(deployment(2), **changes)


def test_complete_running_and_healthy_is_success() -> None:
    assert judge(done(), "SUCCESSFUL").word == "succeeded"
    assert judge(done()).word == "succeeded", "where service deployments are not offered, rolloutState serves"


@pytest.mark.parametrize(
    ("answer", "status", "look"),
    [
        (service(deployment(2, state="IN_PROGRESS"), deployment(1, "ACTIVE")), "IN_PROGRESS", {}),
        (done(), "IN_PROGRESS", {}),
        (done(desiredCount=5), "SUCCESSFUL", {}),
        (done(), "SUCCESSFUL", {"tasks": TASKS[:2]}),
        (done(), "SUCCESSFUL", {"tasks": [*TASKS[:2], task(1, 0)]}),
        (done(), "SUCCESSFUL", {"tasks": [*TASKS[:2], task(2, 2, desiredStatus="STOPPED")]}),
        (done(), "SUCCESSFUL", {"tasks": [*TASKS[:2], task(2, 2, lastStatus="PENDING")]}),
        (done(), "SUCCESSFUL", {"tasks": [*TASKS[:2], task(2, 2, healthStatus="UNHEALTHY")]}),
        (done(), "SUCCESSFUL", {"targets": {}}),
        (done(), "SUCCESSFUL", {"targets": {GROUP: WELL[:2]}}),
        (done(), "SUCCESSFUL", {"targets": {GROUP: [*WELL[:2], target(2, 2, "initial")]}}),
        (done(), "SUCCESSFUL", {"targets": {GROUP: [*WELL[:2], {**WELL[2], "port": PORT + 1}]}}),
    ],
)
def test_anything_less_goes_on(answer: dict[str, Any], status: str, look: dict[str, Any]) -> None:
    found = judge(answer, status, **look)
    assert (found.word, found.final) == ("unknown", False)


@pytest.mark.parametrize("status", [None, "SUCCESSFUL"])
def test_an_early_success_is_watched_until_the_previous_tasks_are_removed(status: str | None) -> None:
    """``earlySuccessCriteria`` with the clean-up DEFERRED: the verification wants the one deployment that is left."""
    early = {"enable": True, "healthyPercent": 100, "sourceServiceRevisionCleanup": "DEFERRED"}
    behind = service(deployment(2), deployment(1, "ACTIVE"), deploymentConfiguration={"earlySuccessCriteria": early})
    found = judge(behind, status)
    assert (found.word, found.final) == ("unknown", False)
    assert "the tasks of web:1 are still being removed" in found.reason
    assert judge(done(), status).word == "succeeded"


def test_old_targets_that_drain_do_not_matter() -> None:
    assert judge(done(), targets={GROUP: [*WELL, target(1, 0, "draining")]}).word == "succeeded"


def test_the_live_count_is_followed() -> None:
    assert judge(done(desiredCount=2), tasks=TASKS[:2]).word == "succeeded"


def test_c55_every_group_of_the_service_counts() -> None:
    second = GROUP.replace("tg-web", "tg-two")
    both = done(
        loadBalancers=[
            {"targetGroupArn": GROUP, "containerName": "app", "containerPort": PORT},
            {"targetGroupArn": second, "containerName": "app", "containerPort": 9000},
        ]
    )
    ill = {GROUP: WELL, second: [{**each, "port": 9000, "state": "unhealthy"} for each in WELL]}
    assert "tg-two is unhealthy" in judge(both, targets=ill).reason
    well = {GROUP: WELL, second: [{**each, "port": 9000} for each in WELL]}
    assert judge(both, targets=well).word == "succeeded"


def test_a_task_without_an_interface_is_known_by_its_host_port() -> None:
    binding = {"containerPort": PORT, "hostPort": 32768}
    bridge = task(2, 0, attachments=[], containers=[{"name": "app", "networkBindings": [binding]}])
    healthy = {"address": "i-1", "port": 32768, "state": "healthy", "reason": "", "description": ""}
    one = {"desiredCount": 1}
    assert judge(done(**one), tasks=[bridge], targets={GROUP: [healthy]}).word == "succeeded"
    ill = {**healthy, "state": "unhealthy"}
    assert judge(done(**one), tasks=[bridge], targets={GROUP: [ill]}).word == "unknown"


def test_scaled_to_zero_ran_nothing() -> None:
    assert judge(done(desiredCount=0), tasks=[]).word == "nothing_ran"


def test_a_rollback_is_followed_to_its_end() -> None:
    failed = deployment(2, "ACTIVE", "FAILED")
    back = service(deployment(1, state="IN_PROGRESS"), failed)
    assert not judge(back, "ROLLBACK_IN_PROGRESS").final
    found = judge(service(deployment(1)), "ROLLBACK_SUCCESSFUL")
    assert (found.word, found.final, found.twice) == ("rolled_back", True, False)
    assert "web:1" in found.reason


@pytest.mark.parametrize("reason", ["Rolled back by a lifecycle hook.", ""])
def test_the_hook_that_ended_a_deployment_is_named(reason: str) -> None:
    hooks = [
        {"hookId": "h-1", "targetArn": "arn:aws:lambda:r:1:function:smoke", "status": "FAILED"},
        {"hookId": "h-2", "status": "TIMED_OUT"},
        {"hookId": "h-3", "status": "SUCCEEDED"},
    ]
    ended = {**rollout(2, "ROLLBACK_SUCCESSFUL"), "statusReason": reason, "lifecycleHookDetails": hooks}
    found = judge(service(deployment(1)), service_deployment=ended)
    for words in ("function:smoke ended as FAILED", "hook h-2 ended as TIMED_OUT"):
        assert words in found.reason
    assert "h-3" not in found.reason
    assert reason.rstrip(".") in found.reason


def test_a_rollback_anew_under_a_third_id_is_not_superseded() -> None:
    anew = service(deployment(3, state="IN_PROGRESS"), deployment(2, "ACTIVE", "FAILED"))
    assert not judge(anew, "ROLLBACK_IN_PROGRESS").final
    assert judge(service(deployment(3)), "ROLLBACK_SUCCESSFUL").word == "rolled_back"
    assert not judge(anew).final


def test_a_rollback_is_seen_without_service_deployments() -> None:
    failed = deployment(2, "ACTIVE", "FAILED")
    assert not judge(service(deployment(1, state="IN_PROGRESS"), failed)).final
    assert judge(service(deployment(1), failed)).word == "rolled_back"
    assert judge(service(deployment(1, state="FAILED"), failed)).word == "failed"


def test_a_rollback_that_failed_says_what_serves() -> None:
    found = judge(service(deployment(1, state="FAILED", runningCount=1)), "ROLLBACK_FAILED")
    assert found.word == "failed"
    assert "1 on web:1" in found.reason


def test_failed_without_rollback_is_final_at_once() -> None:
    breaker = {"deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": True, "rollback": False}}}
    failed = deployment(2, state="FAILED", runningCount=0)
    for status in ("IN_PROGRESS", "STOPPED", None):
        found = judge(service(failed, deployment(1, "ACTIVE"), **breaker), status)
        assert (found.word, found.final, found.twice) == ("failed", True, False)
        assert "3 on web:1" in found.reason


def test_failed_with_nothing_to_go_back_to() -> None:
    failed = deployment(2, state="FAILED", runningCount=0)
    for status in ("STOPPED", None):
        found = judge(service(failed), status)
        assert found.word == "failed"
        assert "no completed deployment" in found.reason


@pytest.mark.parametrize(("state", "none"), [("COMPLETED", False), ("FAILED", True)])
def test_that_nothing_complete_is_there_is_said_only_where_it_is_so(state: str, none: bool) -> None:
    """The circuit breaker trips without rollback, and only the alarms are to roll back."""
    guards = {
        "deploymentCircuitBreaker": {"enable": True, "rollback": False},
        "alarms": {"alarmNames": ["a"], "enable": True, "rollback": True},
    }
    earlier = deployment(1, "ACTIVE", state)
    found = judge(service(deployment(2, state="FAILED"), earlier, deploymentConfiguration=guards), "STOPPED")
    assert found.word == "failed"
    assert ("no completed deployment" in found.reason) is none
    assert ("ECS has not rolled it back" in found.reason) is not none


def test_failed_and_about_to_be_rolled_back_goes_on() -> None:
    failed = deployment(2, state="FAILED")
    assert not judge(service(failed, deployment(1, "ACTIVE")), "IN_PROGRESS").final
    assert not judge(service(failed, deployment(1, "ACTIVE"))).final


def test_a_newer_primary_superseded_ours_but_only_seen_twice() -> None:
    other = service(deployment(3, state="IN_PROGRESS"), deployment(2, "ACTIVE", "IN_PROGRESS"))
    for status in ("IN_PROGRESS", "STOPPED", None):
        found = judge(other, status)
        assert (found.word, found.final, found.twice) == ("superseded", True, True)
        assert "ecs-svc/3 (web:3, begun 2025-11-27 10:03:00 UTC)" in found.reason
    assert judge(service(deployment(3)), None).word == "superseded", "also when ours is no longer listed"


@pytest.mark.parametrize("state", ["IN_PROGRESS", "COMPLETED", "FAILED"])
def test_a_newer_primary_is_no_rollback_of_a_failed_one_that_ended_without_one(state: str) -> None:
    other = service(deployment(3, state=state), deployment(2, "ACTIVE", "FAILED"))
    found = judge(other, "STOPPED")
    assert (found.word, found.final, found.twice) == ("superseded", True, True)
    assert "ecs-svc/3 (web:3" in found.reason


def test_an_older_primary_is_a_stale_read_never_superseded() -> None:
    for answer in (service(deployment(1)), service(deployment(1), deployment(2, "ACTIVE", "IN_PROGRESS"))):
        found = judge(answer, "PENDING")
        assert (found.word, found.final) == ("unknown", False)


def test_stopped_by_somebody() -> None:
    found = judge(service(deployment(2, state="IN_PROGRESS")), "STOPPED")
    assert (found.word, found.twice) == ("stopped", True)
    assert not judge(service(deployment(2, state="IN_PROGRESS")), "STOP_REQUESTED").final


def test_a_pause_is_told_with_the_way_on() -> None:
    hook = {
        "hookId": "h-1",
        "status": "AWAITING_ACTION",
        "expiresAt": moment(3600).replace(microsecond=867000),
        "timeoutAction": "ROLLBACK",
    }
    paused = rollout(2, "IN_PROGRESS", lifecycleStage="POST_SCALE_UP", lifecycleHookDetails=[hook])
    found = judge(service(deployment(2, state="IN_PROGRESS")), service_deployment=paused)
    assert found.word == "paused"
    for words in ("POST_SCALE_UP", "h-1", "11:00:00 UTC", "ROLLBACK"):
        assert words in found.reason


def test_our_service_deployment_is_the_new_one_that_began_with_ours() -> None:
    ours = deployment(2)
    before, mine, later = rollout(1, "SUCCESSFUL"), rollout(2, "PENDING"), rollout(3, "PENDING")
    later["createdAt"] = moment(125)
    known = {before["serviceDeploymentArn"]}
    assert own_service_deployment(ours, [later, mine, before], known) == mine["serviceDeploymentArn"]
    assert own_service_deployment(ours, [before], known) is None
    near = {**before, "createdAt": moment(119)}
    assert own_service_deployment(ours, [near], known) is None, "what was there before our call is not ours"
    assert own_service_deployment(ours, [rollout(9, "PENDING")], set()) is None


def test_the_revision_before_is_that_of_the_deployment_being_replaced() -> None:
    live = service(deployment(2, state="IN_PROGRESS"), deployment(1, "ACTIVE"))
    assert previous_revision(live, resumes=True).endswith("web:1")
    assert previous_revision(live, resumes=False).endswith("web:2")


def test_the_revision_before_is_one_that_was_completed_where_one_was() -> None:
    failed, complete = deployment(2, "ACTIVE", "FAILED"), deployment(1, "ACTIVE")
    for others in ((failed, complete), (complete, failed)):
        live = service(deployment(3, state="IN_PROGRESS"), *others)
        assert previous_revision(live, resumes=True).endswith("web:1")
    assert previous_revision(service(deployment(3, state="IN_PROGRESS"), failed), resumes=True).endswith("web:2")
