# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Cases of waiting and of the verdict."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import waits
from ansible_collections.steady.ecs.plugins.module_utils.rules import looks, progress, service, verdict
from ansible_collections.steady.ecs.plugins.modules import deployment

from tests.cases.conftest import Answer, Place
from tests.testbed.beds import BREAKER, until
from tests.unit import answers
from tests.unit.modules.world import World

Patch = pytest.MonkeyPatch
Look, Verdict = looks.Look, verdict.Verdict
WITHOUT_BREAKER = {"deploymentCircuitBreaker": {"enable": False, "rollback": False}}
SOON = {"wait_delay": 1, "stable_seconds": 5}


def params(**changes: Any) -> Answer:
    """What the module deployment is given in the small world."""
    options = {name: option.get("default") for name, option in deployment.SPEC.options.items()}
    return {**options, "cluster": "c1", "service": "web", **changes}


def counts_alone_decide(patch: Patch) -> None:
    """As many tasks run as are wanted, seen once: a success, whoever's they are."""

    def wrong(_ours: Answer, look: Look) -> Verdict:
        found = look.service
        if found["runningCount"] >= found["desiredCount"]:
            return Verdict(verdict.SUCCEEDED, "running equals desired")
        return Verdict(verdict.UNKNOWN, "not yet", final=False)

    patch.setattr(progress, "verdict", wrong)
    patch.setattr(progress.Progress, "_held", lambda _self, _elapsed, now, _look, _lines: now)
    patch.setattr(progress.Progress, "_unguarded", lambda _self, _look: None)


# -- C31


def test_c31_superseded_by_someone_else_says_by_whom_and_takes_nothing_back(place: Place) -> None:
    place.at_rest(healthCheckGracePeriodSeconds=100000)  # or ECS itself takes ours back before theirs comes
    ours, theirs = place.register("v2"), place.register("v3")
    place.forget()
    place.fares(ours, "unhealthy")
    place.clock.at(15, lambda: place.update(taskDefinition=theirs))
    found = place.run(deployment, task_definition=ours, wait_timeout=3000, **SOON)
    assert (found.get("failed"), found["verdict"]) == (True, "superseded")
    lead = place.service()["deployments"][0]
    assert f"{lead['id']} ({looks.name_of(theirs)}, begun {lead['createdAt']:%Y-%m-%d %H:%M}" in found["msg"]
    assert place.asked("UpdateService") == ["UpdateService"] * 2, "theirs and ours, and nothing is taken back"
    assert place.service()["taskDefinition"] == theirs


def test_c31_fails_on_a_tool_that_blames_the_circuit_breaker(place: Place, monkeypatch: Patch) -> None:
    monkeypatch.setattr(
        verdict, "_superseded", lambda _lead: Verdict(verdict.ROLLED_BACK, "likely by the circuit breaker")
    )
    with pytest.raises(AssertionError):
        test_c31_superseded_by_someone_else_says_by_whom_and_takes_nothing_back(place)


# -- C33


def at_rest_with(real: Place, guard: Answer = WITHOUT_BREAKER, **environment: str) -> str:
    """A service at rest with this circuit breaker, and a revision with these faults."""
    real.at_rest(deploymentConfiguration=guard, healthCheckGracePeriodSeconds=600)
    revision = real.register("v2", env=environment)
    real.forget()
    return revision


def running_for_three_seconds(real: Place, guard: Answer = WITHOUT_BREAKER) -> None:
    """What exits after a while, though its targets were healthy before, has failed at its second exit.

    Seconds of a process are not scaled: four leave a slow machine time to see it healthy, and all is to stay well for
    longer than that.
    """
    revision = at_rest_with(real, guard, CRASH_AFTER="4")
    began = real.clock.now()
    found = real.run(deployment, task_definition=revision, wait_timeout=3000, wait_delay=1, stable_seconds=600)
    assert (found.get("failed"), found["verdict"]) == (True, "failed")
    assert found["cause"]["exit_code"] == 137
    stopped = [each for each in real.tasks("STOPPED") if each["taskDefinitionArn"] == revision]
    assert len(stopped) >= 2
    assert real.clock.now() - began < 2000, "not after the time is over"


def never_healthy(real: Place) -> None:
    """What runs and never becomes healthy is no success."""
    revision = at_rest_with(real, NEVER_HEALTHY="1")
    found = real.run(deployment, task_definition=revision, wait_timeout=120, **SOON)
    assert found.get("failed")
    assert found["verdict"] in ("failed", "unknown")
    ours = {looks.address_of(each) for each in real.tasks() if each["taskDefinitionArn"] == revision}
    assert not real.healthy(real.group) & ours


def exits_without_any_check(place: Place, wait_timeout: int = 3000) -> None:
    """What has no health check exits over and over: the circuit breaker is on, and counts none of it."""
    place.at_rest(loadBalancers=[])
    revision = place.register("v2")
    place.fares(revision, "crash")
    found = place.run(deployment, task_definition=revision, wait_timeout=wait_timeout, **SOON)
    assert (found.get("failed"), found["verdict"]) == (True, "failed")
    assert "Cause: Container app (steady/echo:v2) exited with code 1" in found["msg"]
    (lead, *_) = place.service()["deployments"]
    assert (lead["rolloutState"], lead["failedTasks"]) == ("IN_PROGRESS", 0)


def test_c33_what_the_circuit_breaker_counts_not_is_no_success_and_is_not_waited_for(place: Place) -> None:
    exits_without_any_check(place)


def test_c33_fails_on_a_tool_that_leaves_all_to_the_circuit_breaker(place: Place, monkeypatch: Patch) -> None:
    monkeypatch.setattr(progress.Progress, "_is_uncounted", lambda _self, _failed: False)
    with pytest.raises(AssertionError):
        exits_without_any_check(place, wait_timeout=300)


BOTH_WAYS = pytest.mark.parametrize("way", [running_for_three_seconds, never_healthy])


@BOTH_WAYS
def test_c33_running_for_three_seconds_is_no_success(real: Place, way: Any) -> None:
    way(real)


def test_c33_nor_under_a_circuit_breaker_which_counts_no_task_that_was_healthy(real: Place) -> None:
    running_for_three_seconds(real, BREAKER)


@BOTH_WAYS
def test_c33_fails_on_a_tool_that_counts_once(real: Place, monkeypatch: Patch, way: Any) -> None:
    counts_alone_decide(monkeypatch)
    with pytest.raises(AssertionError):
        way(real)


# -- alarms of a rolling deployment


def test_an_alarm_after_the_old_tasks_are_gone_is_rolled_back_by_ecs(place: Place) -> None:
    """ECS watches it for a bake time more, in which the deployment looks finished and is not."""
    cloudwatch = place.bed.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName=place.name, Namespace="N", MetricName="M", Statistic="Sum", Period=1200, EvaluationPeriods=1,
        Threshold=1, ComparisonOperator="GreaterThanThreshold",
    )  # fmt: skip
    guard = {"alarms": {"alarmNames": [place.name], "enable": True, "rollback": True}}
    first = place.at_rest()  # without the alarm, whose bake time is long enough to ring in
    place.update(deploymentConfiguration=guard)
    revision = place.register("v2")

    def ring() -> None:
        if {each["taskDefinitionArn"] for each in place.tasks()} == {revision} and place.service()["runningCount"] == 3:
            cloudwatch.set_alarm_state(AlarmName=place.name, StateValue="ALARM", StateReason="a test")
        else:
            place.clock.at(1, ring)

    place.clock.at(1, ring)
    found = place.run(deployment, task_definition=revision, wait_timeout=3000, **SOON)
    assert (found.get("failed"), found["verdict"]) == (True, "rolled_back"), found.get("msg")
    assert "alarm" in found["msg"]
    assert place.completed(first)["taskDefinition"] == first


# -- C35


def autoscaled_meanwhile(place: Place, wait_timeout: int = 3000) -> None:
    first = place.at_rest(healthCheckGracePeriodSeconds=100000)
    second = place.register("v2")
    place.fares(second, "unhealthy")
    asked: list[int] = []

    def scaled(count: int) -> None:
        asked.append(count)
        place.update(desiredCount=count)

    place.clock.at(10, lambda: scaled(8))
    place.clock.at(40, lambda: scaled(5))
    place.clock.at(60, lambda: place.fares(second, "healthy"))
    found = place.run(deployment, task_definition=second, wait_timeout=wait_timeout, **SOON)
    assert asked == [8, 5]
    assert found["verdict"] == "succeeded", found["msg"]
    assert (found["desired_count"], found["running_count"]) == (5, 5)
    assert place.service()["desiredCount"] == 5, "nobody has put the count back"
    assert first != place.service()["taskDefinition"]


def test_c35_autoscaling_moves_the_goal_and_the_wait_follows_it(place: Place) -> None:
    autoscaled_meanwhile(place)


def the_count_of_the_start_is_waited_for(patch: Patch) -> None:
    ours = progress.verdict

    def wrong(mine: Answer, look: Look) -> Verdict:
        return ours(mine, Look({**look.service, "desiredCount": 3}, look.service_deployment, look.tasks, look.targets))

    patch.setattr(progress, "verdict", wrong)


def the_count_is_sent_along(patch: Patch) -> None:
    ours = service.request

    def wrong(differences: Any, live: Answer, force: bool = False) -> Answer:
        return {**ours(differences, live, force), "desiredCount": 3}

    patch.setattr(service, "request", wrong)


@pytest.mark.parametrize("wrong", [the_count_of_the_start_is_waited_for])
def test_c35_fails_on_a_tool_that_keeps_to_its_first_count(place: Place, monkeypatch: Patch, wrong: Any) -> None:
    wrong(monkeypatch)
    with pytest.raises(AssertionError):
        autoscaled_meanwhile(place, wait_timeout=250)


def test_c35_a_count_that_nobody_declares_is_never_sent(place: Place) -> None:
    place.at_rest(desiredCount=5)
    revision = place.register("v2")
    found = place.run(deployment, task_definition=revision, settings={"healthCheckGracePeriodSeconds": 5}, **SOON)
    assert (found["verdict"], place.service()["desiredCount"]) == ("succeeded", 5)


def test_c35_fails_on_a_tool_that_sends_the_count_along(place: Place, monkeypatch: Patch) -> None:
    the_count_is_sent_along(monkeypatch)
    with pytest.raises(AssertionError):
        test_c35_a_count_that_nobody_declares_is_never_sent(place)


# -- C37


def first_deployment_ever(place: Place) -> None:
    """Nothing was ever complete, so there is nothing to go back to."""
    first, second = place.register("v1"), place.register("v2")
    place.fares(first, "crash")
    place.fares(second, "crash")
    place.create(first)
    found = place.run(deployment, task_definition=second, wait_timeout=900, **SOON)
    assert (found.get("failed"), found["verdict"]) == (True, "failed")
    assert "There is no completed deployment to go back to; running now: " in found["msg"]


def during_a_rollback(place: Place) -> None:
    """ECS has not gone back from another's deployment yet, and so does not go back from this one."""
    first = place.at_rest(deploymentConfiguration=BREAKER, healthCheckGracePeriodSeconds=100000)
    theirs, ours = place.register("v2"), place.register("v3")
    place.fares(first, "unhealthy")
    place.fares(theirs, "crash")
    place.fares(ours, "crash")
    until(lambda: not place.healthy(place.group))
    place.update(taskDefinition=theirs)
    until(lambda: place.rollouts()[0]["status"] == "ROLLBACK_IN_PROGRESS")
    found = place.run(deployment, task_definition=ours, wait_timeout=3000, **SOON)
    assert (found.get("failed"), found["verdict"]) == (True, "failed")
    assert "There is no completed deployment to go back to; running now:" in found["msg"]
    assert "Mend the cause and deploy again, or run the rollback playbook. Cause: Container app" in found["msg"]


def rollback_that_fails(place: Place) -> None:
    """Neither revision starts: what was there cannot be started again."""
    first = place.at_rest(deploymentConfiguration={**BREAKER, "minimumHealthyPercent": 0, "maximumPercent": 100})
    second = place.register("v2")
    place.fares(first, "never-starts")
    place.fares(second, "never-starts")
    place.clock.at(0, lambda: until(lambda: place.rollouts()[0]["status"] == "ROLLBACK_IN_PROGRESS"))
    found = place.run(deployment, task_definition=second, wait_timeout=60, **SOON)
    assert (found.get("failed"), found["verdict"]) == (True, "unknown")
    assert "ECS rolls it back; running now: no task (desired 3)" in found["msg"]


def ecs_gives_the_rollback_up(world: World) -> None:
    """AWS says ROLLBACK_FAILED. The bed's rollbacks go on for ever, so this is the small world."""

    def given_up() -> None:
        for each in world.rollouts.values():
            each.update(status="ROLLBACK_FAILED", statusReason="the previous revision cannot start.")
        world.tasks = []
        world.service["deployments"] = [answers.deployment(1, state="FAILED", runningCount=0)]

    world.at(10, given_up)
    found = world.run(deployment.run, params(task_definition="web:2"))
    assert (found.get("failed"), found["verdict"]) == (True, "failed")
    assert "the rollback of ECS failed too (the previous revision cannot start.); running now: no task" in found["msg"]


@pytest.mark.parametrize("way", [first_deployment_ever, during_a_rollback, rollback_that_fails])
def test_c37_no_way_back_is_said_in_words(place: Place, way: Any) -> None:
    way(place)


def test_c37_a_rollback_that_failed_is_said_in_words(world: World) -> None:
    ecs_gives_the_rollback_up(world)


def test_c37_fails_on_a_tool_that_takes_the_end_for_success(place: Place, world: World, monkeypatch: Patch) -> None:
    monkeypatch.setattr(
        progress, "verdict", lambda _ours, _look: Verdict(verdict.SUCCEEDED, "the stack is CREATE_COMPLETE")
    )
    monkeypatch.setattr(progress.Progress, "_held", lambda _self, _elapsed, now, _look, _lines: now)
    with pytest.raises(AssertionError):
        first_deployment_ever(place)
    monkeypatch.setattr(waits, "clock", world)
    with pytest.raises(AssertionError):
        ecs_gives_the_rollback_up(world)


# -- C36


def another_controller(world: World) -> None:
    """CodeDeploy keeps no deployments of ECS's own: refused at once, with what to use instead."""
    world.service.update(deploymentController={"type": "CODE_DEPLOY"}, deployments=[])
    began = world.now()
    found = world.run(deployment.run, params(task_definition="web:2"))
    assert found.get("failed")
    assert "deployed by the controller CODE_DEPLOY" in found["msg"]
    assert "Deploy it with AWS CodeDeploy (`aws deploy create-deployment`)" in found["msg"]
    assert (world.writes(), world.now()) == ([], began)


def test_c36_a_controller_without_deployments_is_refused_and_not_waited_for(world: World) -> None:
    another_controller(world)


def test_c36_fails_on_a_tool_that_waits_for_one_deployment(world: World, monkeypatch: Patch) -> None:
    monkeypatch.setattr(looks, "controller", lambda _service: "ECS")
    monkeypatch.setattr(looks, "primary", lambda _service: answers.deployment(2, state="IN_PROGRESS"))
    with pytest.raises(AssertionError):
        another_controller(world)


# -- C41


def late_poll(seconds: float) -> None:
    """However long a deployment takes, its end is noticed within one interval."""
    world, delay = World(), 5
    world.at(seconds - 1, world.start_tasks)
    world.at(seconds, world.complete)
    began = world.now()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(waits, "clock", world)
        found = world.run(deployment.run, params(task_definition="web:2", stable_seconds=0, wait_delay=delay))
    assert found["verdict"] == "succeeded"
    assert world.now() - began <= seconds + delay


AGES = pytest.mark.parametrize("seconds", [61, 299, 700, 1791])


@AGES
def test_c41_a_late_poll_comes_within_one_interval(seconds: float) -> None:
    late_poll(seconds)


@AGES
def test_c41_fails_on_a_tool_that_backs_off(seconds: float, monkeypatch: Patch) -> None:
    def wrong(poll: Any, limit: float, delay: float) -> Any:
        started = waits.clock.now()
        while waits.clock.now() - started < limit:
            answer = poll(waits.clock.now() - started)
            if answer is not None:
                return answer
            waits.clock.sleep(delay)
            delay = min(2 * delay, 120)
        return None

    monkeypatch.setattr(waits, "until", wrong)
    with pytest.raises(AssertionError):
        late_poll(seconds)
