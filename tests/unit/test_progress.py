# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What several looks add up to. Ours is ecs-svc/2 of web:2."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.rules import causes
from ansible_collections.steady.ecs.plugins.module_utils.rules.failure_message import message
from ansible_collections.steady.ecs.plugins.module_utils.rules.looks import Look
from ansible_collections.steady.ecs.plugins.module_utils.rules.progress import Progress
from ansible_collections.steady.ecs.plugins.module_utils.rules.verdict import Verdict

from tests.unit.answers import GROUP, PORT, crashed, deployment, event, moment, rollout, service, target, task

OURS = deployment(2, state="IN_PROGRESS")
WELL = {GROUP: [target(2, index) for index in range(4)]}
TASKS = [task(2, index) for index in range(3)]
NO_BREAKER = {"deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": False, "rollback": False}}}


def done(**changes: Any) -> Look:
    tasks = changes.pop("tasks", TASKS)
    return Look(service(deployment(2), **changes), rollout(2, "SUCCESSFUL"), tasks, WELL)


def starting(tasks: list[dict[str, Any]], **changes: Any) -> Look:
    ours = deployment(2, state="IN_PROGRESS", runningCount=len(tasks), pendingCount=3 - len(tasks))
    return Look(service(ours, deployment(1, "ACTIVE"), **changes), rollout(2, "IN_PROGRESS"), tasks, WELL)


def test_success_is_said_only_after_the_hold() -> None:
    watched = Progress(OURS, hold=10)
    assert watched.observe(0, done()).verdict is None
    assert watched.observe(5, done()).verdict is None
    found = watched.observe(10, done()).verdict
    assert found is not None
    assert found.word == "succeeded"


def test_a_task_that_stops_begins_the_hold_anew() -> None:
    watched = Progress(OURS, hold=10)
    watched.observe(0, done())
    assert watched.observe(9, done(tasks=[*TASKS[:2], crashed(2, 2)])).verdict is None
    replaced = [*TASKS[:2], task(2, 3)]
    assert watched.observe(12, done(tasks=replaced)).verdict is None
    assert watched.observe(21, done(tasks=replaced)).verdict is None
    assert watched.observe(22, done(tasks=replaced)).verdict is not None


def test_a_task_replaced_between_two_looks_begins_the_hold_anew() -> None:
    watched = Progress(OURS, hold=10)
    watched.observe(0, done())
    replaced = [*TASKS[:2], task(2, 3)]
    assert watched.observe(10, done(tasks=replaced)).verdict is None


def test_crashes_after_the_deployment_is_complete_are_its_failure() -> None:
    watched = Progress(OURS, hold=10)
    watched.observe(0, done())
    watched.observe(3, done(tasks=[*TASKS[:2], crashed(2, 2)]))
    found = watched.observe(6, done(tasks=[*TASKS[:2], crashed(2, 2), crashed(2, 3)])).verdict
    assert found is not None
    assert (found.word, found.final) == ("failed", True)


def test_the_second_exit_fails_a_deployment_that_no_breaker_guards() -> None:
    watched = Progress(OURS, hold=10)
    assert watched.observe(0, starting([TASKS[0], crashed(2, 1)], **NO_BREAKER)).verdict is None
    found = watched.observe(5, starting([TASKS[0], crashed(2, 1), crashed(2, 2)], **NO_BREAKER)).verdict
    assert found is not None
    assert found.word == "failed"
    assert "no circuit breaker" in found.reason


def many(tasks: list[dict[str, Any]], desired: int = 12, threshold: int | None = None) -> Look:
    """A service of so many tasks, and what was started of its new revision."""
    breaker = {} if threshold is None else {"deploymentCircuitBreaker": {"threshold": threshold, "failureCount": 1}}
    ours = deployment(2, state="IN_PROGRESS", runningCount=0, pendingCount=desired, failedTasks=len(tasks))
    guarded = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
    found = service(ours, deployment(1, "ACTIVE"), desiredCount=desired, deploymentConfiguration=guarded)
    return Look(found, rollout(2, "IN_PROGRESS", **breaker), tasks, WELL)


THREE = [crashed(2, index) for index in range(3)]


@pytest.mark.parametrize("threshold", [None, 6])
def test_the_same_cause_three_times_ends_what_the_breaker_would_try_on(threshold: int | None) -> None:
    watched = Progress(OURS, hold=10, fail_fast=True)
    assert watched.observe(0, many(THREE[:2], threshold=threshold)).verdict is None
    found = watched.observe(5, many(THREE, threshold=threshold)).verdict
    assert found is not None
    assert (found.word, found.final) == ("failed", True)
    assert "3 of its tasks have failed alike (container app exited with code 3)" in found.reason


@pytest.mark.parametrize(
    ("tasks", "more", "fast"),
    [
        ([*THREE[:2], crashed(2, 3, code=1)], {}, True),
        ([*THREE, TASKS[2]], {}, True),
        (THREE, {"desired": 6}, True),
        (THREE, {"threshold": 3}, True),
        (THREE, {}, False),
    ],
    ids=["another cause", "one is in service", "ECS ends it itself", "by its own word", "not wanted"],
)
def test_what_may_still_come_right_is_watched_on(tasks: list[dict[str, Any]], more: dict[str, int], fast: bool) -> None:
    assert Progress(OURS, hold=10, fail_fast=fast).observe(0, many(tasks, **more)).verdict is None


@pytest.mark.parametrize("status", ["ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS", "STOP_REQUESTED"])
def test_a_crashing_deployment_that_was_asked_to_end_is_followed_to_its_end(status: str) -> None:
    watched = Progress(OURS, hold=10)
    look = starting([crashed(2, index) for index in range(3)], **NO_BREAKER)
    assert watched.observe(0, Look(look.service, rollout(2, status), look.tasks, WELL)).verdict is None


def test_with_a_breaker_it_is_the_breaker_that_decides() -> None:
    watched = Progress(OURS, hold=10)
    assert watched.observe(0, starting([crashed(2, index) for index in range(9)])).verdict is None


WORKER = {"loadBalancers": []}
THRESHOLD = {"deploymentCircuitBreaker": {"status": "MONITORING", "failureCount": 0, "threshold": 3}}


def unseen(tasks: list[dict[str, Any]], **changes: Any) -> Look:
    """Of a deployment whose circuit breaker has counted nothing."""
    look = starting(tasks, **changes)
    return Look(look.service, rollout(2, "IN_PROGRESS", **THRESHOLD), tasks, WELL)


def test_exits_of_tasks_without_any_health_check_are_counted_here_for_the_breaker_counts_none() -> None:
    watched = Progress(OURS, hold=10, checked=False)
    assert watched.observe(0, unseen([TASKS[0], *THREE[1:]], **WORKER)).verdict is None
    found = watched.observe(5, unseen(THREE, **WORKER)).verdict
    assert found is not None
    assert (found.word, found.final) == ("failed", True)
    assert found.reason == (
        "3 of its tasks have failed. ECS goes on starting tasks, for its circuit breaker counts only those that do not "
        "start or fail a health check"
    )


def test_exits_of_tasks_that_had_passed_their_health_checks_are_counted_here() -> None:
    watched = Progress(OURS, hold=10)
    assert watched.observe(0, unseen(TASKS)).verdict is None
    found = watched.observe(5, unseen(THREE)).verdict
    assert found is not None
    assert found.word == "failed"


def test_a_worker_that_ends_with_0_to_be_started_anew_is_no_failure() -> None:
    watched = Progress(OURS, hold=10, checked=False)
    ended = [crashed(2, index, code=0) for index in range(9)]
    assert watched.observe(0, unseen([*ended, *TASKS], **WORKER)).verdict is None


def test_one_exit_is_no_verdict_whatever_the_threshold() -> None:
    watched = Progress(OURS, hold=10, checked=False)
    look = unseen([crashed(2, 5), *TASKS], **WORKER)
    assert look.service_deployment is not None
    look.service_deployment["deploymentCircuitBreaker"] = {"threshold": 1, "failureCount": 0}
    assert watched.observe(0, look).verdict is None


@pytest.mark.parametrize("health", ["UNKNOWN", "UNHEALTHY"])
def test_exits_of_tasks_that_had_passed_no_check_are_the_breakers(health: str) -> None:
    watched = Progress(OURS, hold=10)
    own = [task(2, index, healthStatus=health) for index in range(3)]
    assert watched.observe(0, unseen(own, **WORKER)).verdict is None
    assert watched.observe(5, unseen(THREE, **WORKER)).verdict is None
    unstarted = [{**each, "stopCode": "TaskFailedToStart"} for each in THREE]
    blind = Progress(OURS, hold=10, checked=False)
    assert blind.observe(0, unseen(unstarted, **WORKER)).verdict is None


def test_tasks_of_another_deployment_never_count() -> None:
    watched = Progress(OURS, hold=0)
    step = watched.observe(0, starting([*TASKS, *(crashed(1, index) for index in range(9))], **NO_BREAKER))
    assert step.failure is None
    assert step.verdict is None


def test_the_first_failure_is_handed_out_once_and_the_rest_is_added_up() -> None:
    watched = Progress(OURS, hold=10)
    first = watched.observe(0, starting([crashed(2, 1), crashed(2, 0), crashed(2, 2)]))
    assert first.failure is not None
    assert first.failure["taskArn"] == crashed(2, 0)["taskArn"], "the one that stopped first"
    assert "2 more tasks failed: container app exited with code 3" in first.lines
    assert watched.observe(5, starting([crashed(2, 1), crashed(2, 0), crashed(2, 2)])).failure is None


def test_superseded_is_believed_at_the_second_look_in_a_row() -> None:
    other = Look(service(deployment(3, state="IN_PROGRESS"), deployment(2, "ACTIVE", "IN_PROGRESS")))
    watched = Progress(OURS, hold=0)
    assert watched.observe(0, other).verdict is None
    assert watched.observe(5, starting(TASKS)).verdict is None
    assert watched.observe(10, other).verdict is None
    found = watched.observe(15, other).verdict
    assert found is not None
    assert found.word == "superseded"


def test_a_rollback_that_never_begins_is_not_waited_for() -> None:
    failed = Look(service(deployment(2, state="FAILED"), deployment(1, "ACTIVE")), rollout(2, "IN_PROGRESS"))
    watched = Progress(OURS, hold=0)
    assert watched.observe(0, failed).verdict is None
    assert watched.observe(59, failed).verdict is None
    found = watched.observe(60, failed).verdict
    assert found is not None
    assert found.word == "failed"


def test_a_failed_deployment_that_disappears_was_rolled_back() -> None:
    failed = Look(service(deployment(1, state="IN_PROGRESS"), deployment(2, "ACTIVE", "FAILED")))
    gone = Look(service(deployment(1)))
    watched = Progress(OURS, hold=0)
    watched.observe(0, failed)
    assert watched.observe(5, gone).verdict is None
    found = watched.observe(10, gone).verdict
    assert found is not None
    assert found.word == "rolled_back"
    stale = Progress(OURS, hold=0)
    for elapsed in (0, 5, 10):
        assert stale.observe(elapsed, gone).verdict is None, "never seen failed: a stale read"


def test_c50_only_events_of_our_time_are_told_once_and_condensed() -> None:
    events = [
        event(5, 130, "was unable to place a task."),
        event(4, 124, "registered 1 targets in (target-group arn:x)"),
        event(3, 123, "has started 1 tasks: (task 0123456789abcdef0123456789abcdef)."),
        event(2, 122, "has started 2 tasks: (task a) (task b)."),
        event(1, 119, "was unable to place a task, yesterday."),
    ]
    watched = Progress(OURS, hold=0)
    lines = watched.observe(0, starting(TASKS, events=events)).lines
    assert [line for line in lines if line.startswith("ECS")] == [
        "ECS: started 3 tasks, registered 1 targets",
        "ECS: was unable to place a task.",
    ]
    assert [each["text"] for each in watched.events][0] == "has started 2 tasks: (task a) (task b)."
    assert watched.events[0]["at"] == moment(122).isoformat()
    assert not [line for line in watched.observe(5, starting(TASKS, events=events)).lines if line.startswith("ECS")]


def test_the_state_is_said_when_it_changes_and_every_fifteen_seconds() -> None:
    watched = Progress(OURS, hold=0)
    said = {elapsed: watched.observe(elapsed, starting(TASKS[:2])).lines for elapsed in (0, 5, 10, 15, 20)}
    line = "2/3 running, 2 healthy, 1 starting, 3 old; deployment IN_PROGRESS"
    assert said == {0: [line], 5: [], 10: [], 15: [line], 20: []}
    assert watched.observe(22, starting(TASKS)).lines == ["3/3 running, 3 old; deployment IN_PROGRESS"]
    assert [each["seconds"] for each in watched.timeline] == [0, 15, 22]


def test_a_target_that_fails_its_checks_is_told_before_ecs_gives_up_the_task() -> None:
    ill = {GROUP: [*WELL[GROUP][:2], target(2, 2, "unhealthy", "Target.ResponseCodeMismatch", "codes: [503]")]}
    look = starting(TASKS)
    step = Progress(OURS, hold=0).observe(0, Look(look.service, look.service_deployment, look.tasks, ill))
    assert step.state == (
        "3/3 running, 2 healthy, 3 old; deployment IN_PROGRESS; "
        "10.0.2.2:8080 in tg-web is unhealthy (Target.ResponseCodeMismatch: codes: [503])"
    )


@pytest.mark.parametrize(("others", "told"), [([], ["i-2"]), (["i-1"], [])])
def test_an_ill_target_is_told_of_a_task_only_where_no_other_could_be_its_own(
    others: list[str], told: list[str]
) -> None:
    """Without an interface of its own a task is known by its host port, which each instance may have."""
    binding = {"containerPort": PORT, "hostPort": 80}
    bridge = task(2, 0, attachments=[], containers=[{"name": "app", "networkBindings": [binding]}])
    known = {"port": 80, "reason": "", "description": ""}
    targets = [{**known, "address": each, "state": "healthy"} for each in others]
    targets += [{**known, "address": "i-2", "state": "unhealthy"}]
    look, watched = starting([bridge]), Progress(OURS, hold=0)
    watched.observe(0, Look(look.service, look.service_deployment, [bridge], {GROUP: targets}))
    assert [each["address"] for each in watched.ill_targets(bridge)] == told


def test_what_was_complete_before_keeps_its_old_failures_and_events_to_itself() -> None:
    watched = Progress(OURS, hold=0, settled=True)
    step = watched.observe(0, done(tasks=[*TASKS, crashed(2, 8), crashed(2, 9)], events=[event(1, 130, "old")]))
    assert step.failure is None
    assert watched.events == []
    assert step.verdict is not None
    assert step.verdict.word == "succeeded"


@pytest.mark.parametrize(
    ("answer", "running", "wanted"),
    [
        (service(deployment(2)), TASKS, False),
        (service(deployment(2)), TASKS[:2], True),
        (service(deployment(2, failedTasks=1)), TASKS, True),
        (service(deployment(2, state="FAILED")), TASKS, True),
        (service(deployment(1)), TASKS, True),
    ],
)
def test_stopped_tasks_are_read_only_when_one_was_lost(
    answer: dict[str, Any], running: list[dict[str, Any]], wanted: bool
) -> None:
    watched = Progress(OURS, hold=0)
    watched.observe(0, done())
    assert watched.wants_stopped(answer, None, running) is wanted


@pytest.mark.parametrize("word", ["failed", "rolled_back", "superseded", "stopped", "nothing_ran", "paused", "unknown"])
def test_each_word_has_a_sentence_with_a_way_on_and_the_cause_last(word: str) -> None:
    cause = causes.cause(crashed(2, 0), ["no database"], [], [])
    text = message("web", OURS, Verdict(word, "why."), cause, None)
    assert text.startswith("web: deployment ecs-svc/2 of web:2 ")
    assert " Cause: Container app " in text
    assert text.endswith("Last log lines: no database.")
    assert ": why. " in text


def test_unknown_is_never_called_failed() -> None:
    text = message("web", OURS, Verdict("unknown", "1800 s have passed", final=False), None, "arn:x")
    assert "failed" not in text
    assert "goes on: run the same command again" in text
    assert "stop-service-deployment --service-deployment-arn arn:x" in text


@pytest.mark.parametrize("last_state", ["IN_PROGRESS", "FAILED"])
def test_a_deployment_that_is_listed_no_more_was_rolled_back_where_nothing_else_tells(last_state: str) -> None:
    watched = Progress(OURS, hold=10)
    watched.observe(0, Look(service(deployment(2, state=last_state), deployment(1, "ACTIVE"))))
    gone = Look(service(deployment(1)))
    words = [watched.observe(seconds, gone).verdict for seconds in (5, 10)]
    assert [each and each.word for each in words] == [None, "rolled_back"], "one such answer may be a stale one"


def test_a_deployment_that_was_never_listed_is_waited_for() -> None:
    watched = Progress(OURS, hold=10)
    assert [watched.observe(seconds, Look(service(deployment(1)))).verdict for seconds in (0, 5, 10)] == [None] * 3


def test_what_is_seen_last_when_the_time_is_over_says_which_health_check_fails() -> None:
    watched = Progress(OURS, hold=0)
    ill = {GROUP: [target(2, index, "unhealthy", "Target.ResponseCodeMismatch") for index in range(3)]}
    look = starting(TASKS)
    watched.observe(0, Look(look.service, look.service_deployment, TASKS, ill))
    watched.give_up(60)
    assert watched.last.reason.startswith("60 s have passed; last seen: deployment IN_PROGRESS; ")
    assert "is unhealthy (Target.ResponseCodeMismatch" in watched.last.reason


@pytest.mark.parametrize(("asked", "word"), [(False, "unknown"), (True, "failed")])
def test_the_end_of_the_time_is_a_failure_where_it_is_declared_one(asked: bool, word: str) -> None:
    watched = Progress(OURS, hold=0, fail_on_timeout=asked)
    watched.observe(0, starting(TASKS))
    watched.give_up(60)
    said = message("web", OURS, watched.last, None, None)
    unseen = Progress(OURS, hold=0, fail_on_timeout=asked)
    unseen.give_up(60, seen=False)
    assert unseen.last.word == "unknown", "what nobody could look at may have gone well"
    assert watched.last.word == word
    assert ("The deployment goes on" in said) is not asked
