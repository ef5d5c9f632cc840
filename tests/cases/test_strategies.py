# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Deployments that shift traffic, on the bed: verdicts, pauses, the group that serves, and the way back to ROLLING."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.rules import (
    looks,
    preflight_alarms,
    strategies,
    together,
    verdict,
)
from ansible_collections.steady.ecs.plugins.modules import (
    deployment,
    deployment_continue,
    deployment_stop,
    service_health,
    service_preflight,
    service_scale,
)

from tests.cases.conftest import Answer, Place
from tests.cases.shifting import BLUE_GREEN, SMOKE, Pair, function, pause
from tests.testbed.beds import until

pytestmark = pytest.mark.walk

Patch = pytest.MonkeyPatch
SOON = {"wait_delay": 1, "stable_seconds": 5}
CANARY = {"strategy": "CANARY", "canaryConfiguration": {"canaryPercent": 10.0, "canaryBakeTimeInMinutes": 3}}
LINEAR = {"strategy": "LINEAR", "linearConfiguration": {"stepPercent": 40.0, "stepBakeTimeInMinutes": 3}}


@pytest.fixture
def pair(place: Place) -> Pair:
    return Pair(place)


def deploy(pair: Pair, revision: str | None = None, **more: Any) -> Answer:
    """What the module deployment answers for a new revision."""
    wanted = revision or pair.place.register("v2")
    return pair.place.run(deployment, task_definition=wanted, wait_timeout=1800, **SOON, **more)


# -- going forward


def test_blue_green_is_followed_to_its_end_and_then_goes_back_and_forth(pair: Pair) -> None:
    pair.at_rest(bakeTimeInMinutes=3)
    for weights in ([0, 100], [100, 0]):
        found = deploy(pair)
        assert (found["changed"], found["verdict"]) == (True, "succeeded"), found.get("msg")
        assert pair.weights() == weights
        assert pair.place.rollouts()[0]["status"] == "SUCCESSFUL"
        serving = pair.groups[weights.index(100)]
        assert pair.place.healthy(serving) == {looks.address_of(each) for each in pair.place.tasks()}
        said = "\n".join(pair.place.lines)
        assert "stage BAKE_TIME, 100 % of the production traffic on it" in said
        assert "3 old, stage" in said, "the old version runs until the bake time is over"
        pair.place.lines.clear()


@pytest.mark.parametrize(("configuration", "percents"), [(CANARY, ["10"]), (LINEAR, ["40", "80"])])
def test_each_step_of_a_shift_is_shown(pair: Pair, configuration: Answer, percents: list[str]) -> None:
    """Declared together with the revision: one UpdateService has both."""
    pair.at_rest()
    found = deploy(pair, settings={"deploymentConfiguration": configuration})
    assert found["verdict"] == "succeeded", found.get("msg")
    assert pair.place.asked("UpdateService") == ["UpdateService"]
    said = "\n".join(pair.place.lines)
    for percent in percents:
        assert f"stage PRODUCTION_TRAFFIC_SHIFT, {percent} % of the production traffic on it" in said
    assert pair.weights() == [0, 100]
    again = deploy(pair, pair.place.service()["taskDefinition"], settings={"deploymentConfiguration": configuration})
    assert (again["changed"], again["differences"]) == (False, [])


def test_a_rolling_service_becomes_a_blue_green_one(pair: Pair) -> None:
    pair.place.at_rest()
    found = deploy(pair, settings={"deploymentConfiguration": BLUE_GREEN, "loadBalancers": [pair.entry()]})
    assert found["verdict"] == "succeeded", found.get("msg")
    assert pair.weights() == [0, 100]


def test_the_wait_ends_at_a_stage_and_the_same_command_goes_on(pair: Pair) -> None:
    pair.at_rest(**CANARY)
    revision = pair.place.register("v2")
    found = deploy(pair, revision, wait_until="PRODUCTION_TRAFFIC_SHIFT")
    assert (found["failed"], found["verdict"]) == (True, "unknown")
    assert "it has come to stage PRODUCTION_TRAFFIC_SHIFT" in found["msg"]
    assert pair.place.rollouts()[0]["status"] == "IN_PROGRESS"
    again = deploy(pair, revision)
    assert (again["changed"], again["verdict"]) == (False, "succeeded")
    assert pair.place.asked("UpdateService") == ["UpdateService"]


# -- C40


def test_c40_a_pause_of_the_bed_is_told_and_continued(pair: Pair) -> None:
    pair.at_rest(lifecycleHooks=[pause("POST_TEST_TRAFFIC_SHIFT")])
    began = pair.place.clock.now()
    found = deploy(pair)
    assert (found["failed"], found["verdict"]) == (True, "paused")
    assert pair.place.clock.now() - began < 600, "a pause may last for a day"
    for words in ("stage POST_TEST_TRAFFIC_SHIFT", "ecs-pause-", "expires", "ROLLBACK", "continue.yml"):
        assert words in found["msg"]
    assert pair.weights() == [100, 0]
    going_on = pair.place.run(deployment_continue, wait_timeout=1800, **SOON)
    assert (going_on.get("failed"), going_on["verdict"]) == (None, "succeeded"), going_on.get("msg")
    assert pair.weights() == [0, 100]


def test_c40_fails_on_a_tool_that_waits_for_a_pause(pair: Pair, monkeypatch: Patch) -> None:
    monkeypatch.setattr(verdict, "_paused", lambda _rollout: None)
    with pytest.raises(AssertionError):
        test_c40_a_pause_of_the_bed_is_told_and_continued(pair)


def test_a_pause_that_is_answered_with_rollback_goes_back(pair: Pair) -> None:
    first = pair.at_rest(lifecycleHooks=[pause("POST_PRODUCTION_TRAFFIC_SHIFT")])
    assert deploy(pair)["verdict"] == "paused"
    assert pair.weights() == [0, 100]
    back = pair.place.run(deployment_continue, action="rollback", wait_timeout=1800, **SOON)
    assert (back.get("failed"), back["verdict"]) == (None, "rolled_back"), back.get("msg")
    assert (pair.weights(), pair.place.service()["taskDefinition"]) == ([100, 0], first)


# -- going back


def test_a_pause_whose_time_is_over_is_a_rollback(pair: Pair) -> None:
    first = pair.at_rest(lifecycleHooks=[pause("PRE_PRODUCTION_TRAFFIC_SHIFT", timeoutInMinutes=1)])
    revision = pair.place.register("v2")
    assert deploy(pair, revision)["verdict"] == "paused"
    until(lambda: pair.place.rollouts()[0]["status"] == "ROLLBACK_SUCCESSFUL", 30)
    assert (pair.weights(), pair.place.service()["taskDefinition"]) == ([100, 0], first)


@pytest.mark.parametrize(("word", "ended"), [("FAILED", "FAILED"), ("IN_PROGRESS", "TIMED_OUT")])
def test_a_function_that_refuses_or_never_decides_is_named(pair: Pair, word: str, ended: str) -> None:
    """ECS's reason says that it was a hook, and not which: a service has several."""
    first = pair.at_rest(lifecycleHooks=[function("POST_TEST_TRAFFIC_SHIFT", timeoutInMinutes=2)])
    assert deploy(pair)["verdict"] == "succeeded", "it says yes unless told otherwise"
    pair.place.bed.admin("PUT", "/_bed/hooks", {SMOKE: word})
    before, revision = pair.weights(), pair.place.service()["taskDefinition"]
    found = deploy(pair, pair.place.register("v3"))
    assert (found["failed"], found["verdict"]) == (True, "rolled_back")
    assert f"lifecycle hook {SMOKE} ended as {ended}" in found["msg"]
    assert (pair.weights(), pair.place.service()["taskDefinition"]) == (before, revision)
    assert revision != first


@pytest.mark.parametrize("word", ["crash", "never-starts", "unhealthy"])
def test_a_green_version_that_fails_is_failed_though_ecs_never_says_so(pair: Pair, word: str) -> None:
    pair.at_rest(deploymentCircuitBreaker={"enable": True, "rollback": True})
    bad = pair.place.register("v2")
    pair.place.fares(bad, word)
    found = deploy(pair, bad)
    assert (found["failed"], found["verdict"]) == (True, "failed")
    assert "BLUE_GREEN has no circuit breaker" in found["msg"]
    assert found["cause"]
    assert pair.weights() == [100, 0]
    assert len(pair.place.healthy(pair.groups[0])) == 3


def test_what_is_stopped_is_rolled_back_and_the_verb_follows_it(pair: Pair) -> None:
    first = pair.at_rest(**CANARY, lifecycleHooks=[pause("PRODUCTION_TRAFFIC_SHIFT")])
    assert deploy(pair)["verdict"] == "paused"
    assert pair.weights() == [90, 10]
    found = pair.place.run(deployment_stop, wait_timeout=1800, **SOON)
    assert (found.get("failed"), found["verdict"]) == (None, "rolled_back"), found.get("msg")
    assert (pair.weights(), pair.place.service()["taskDefinition"]) == ([100, 0], first)


def test_somebody_elses_deployment_supersedes_ours(pair: Pair) -> None:
    pair.at_rest()
    theirs = pair.place.register("v3")
    pair.place.clock.at(30, lambda: pair.place.update(taskDefinition=theirs))
    found = deploy(pair)
    assert (found["failed"], found["verdict"]) == (True, "superseded"), found
    pair.place.completed(theirs)
    assert sorted(pair.weights()) == [0, 100]


# -- which group serves


def healthy(pair: Pair, revision: str, **more: Any) -> Answer:
    return pair.place.run(service_health, task_definition=revision, wait_timeout=60, **more)


def test_verification_looks_at_the_group_that_serves(pair: Pair) -> None:
    pair.at_rest()
    found = deploy(pair)
    well = healthy(pair, found["task_definition_arn"])
    assert well["ok"], well.get("msg")
    assert f"targets in {looks.group_name(pair.groups[1])}" in [each["name"] for each in well["checks"]]
    action = {"Type": "forward", "TargetGroupArn": pair.groups[0]}
    listener = pair.elb.describe_listeners(LoadBalancerArn=pair.place.balancer["LoadBalancerArn"])["Listeners"][0]
    pair.elb.modify_listener(ListenerArn=listener["ListenerArn"], DefaultActions=[action])
    ill = healthy(pair, found["task_definition_arn"])
    assert ill["failed"], "users are sent to a group without targets"
    assert f"targets in {looks.group_name(pair.groups[0])}" in ill["msg"]


def test_verification_fails_on_a_tool_that_takes_the_first_group(pair: Pair, monkeypatch: Patch) -> None:
    monkeypatch.setattr(strategies, "serving", lambda service, _rules: service)
    with pytest.raises(AssertionError):
        test_verification_looks_at_the_group_that_serves(pair)


# -- C59 and C60


def test_c59_the_count_of_a_blue_green_service_is_sent_alone(pair: Pair) -> None:
    pair.at_rest()
    found = pair.place.run(service_scale, count=2, wait_timeout=300, wait_delay=1)
    assert found.get("failed") is None, found.get("msg")
    assert pair.place.service()["runningCount"] == 2
    (sent,) = [
        each for each in pair.place.bed.admin("GET", "/_bed/calls")[1]["log"] if each["operation"] == "UpdateService"
    ]
    assert set(sent["parameters"]) == {"cluster", "service", "desiredCount"}


def preflight(pair: Pair, **settings: Any) -> Answer:
    return pair.place.run(service_preflight, settings=settings)


def test_c60_back_to_rolling_names_the_group_that_serves_and_takes_the_rest_along(pair: Pair) -> None:
    pair.at_rest(lifecycleHooks=[pause("POST_TEST_TRAFFIC_SHIFT", action="CONTINUE", timeoutInMinutes=1)])
    assert deploy(pair)["verdict"] == "paused"
    until(lambda: pair.place.rollouts()[0]["status"] == "SUCCESSFUL", 30)
    rolling = {"strategy": "ROLLING"}
    refused = preflight(pair, deploymentConfiguration=rolling)
    assert refused["failed"]
    assert f"targetGroupArn {pair.groups[1]}" in refused["msg"], "the first group has no traffic any more"
    entry = {"targetGroupArn": pair.groups[1], "containerName": "app", "containerPort": 8080}
    settings = {"deploymentConfiguration": rolling, "loadBalancers": [entry]}
    assert preflight(pair, **settings).get("failed") is None
    found = deploy(pair, settings=settings)
    assert found["verdict"] == "succeeded", found.get("msg")
    paths = [each["path"].rpartition(".")[2] for each in found["differences"]]
    assert {"strategy", "lifecycleHooks", "bakeTimeInMinutes", "loadBalancers"} <= set(paths)
    live = pair.place.service()
    assert set(live["deploymentConfiguration"]) & set(strategies.OWN) == set()
    assert len(pair.place.healthy(pair.groups[1])) == 3


def test_c60_fails_on_a_tool_that_leaves_the_hooks(pair: Pair, monkeypatch: Patch) -> None:
    monkeypatch.setattr(together, "taken_along", lambda given: given)
    with pytest.raises((AssertionError, KeyError)):
        test_c60_back_to_rolling_names_the_group_that_serves_and_takes_the_rest_along(pair)


# -- preflight


def test_preflight_passes_what_hangs_together_and_says_how_long_it_waits(pair: Pair) -> None:
    pair.at_rest()
    found = pair.place.run(
        service_preflight, settings={"deploymentConfiguration": {"bakeTimeInMinutes": 90}}, wait_timeout=1800
    )
    assert found.get("failed") is None, found.get("msg")
    assert any("waits for 90 min" in each for each in found["findings"])


def wrong_group(pair: Pair) -> Answer:
    return {"alternateTargetGroupArn": pair.groups[1][:-4] + "0000"}


def wrong_rule(pair: Pair) -> Answer:
    return {"productionListenerRule": pair.rule[:-4] + "0000"}


def wrong_role(_pair: Pair) -> Answer:
    return {"roleArn": "arn:aws:iam::000000000000:role/execution"}


def same_rule(pair: Pair) -> Answer:
    return {"testListenerRule": pair.rule}


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (wrong_group, "it does not exist"),
        (wrong_rule, "no rule"),
        (wrong_role, "its trust policy lets in ecs-tasks.amazonaws.com"),
        (same_rule, "it is the production listener rule"),
    ],
)
def test_preflight_refuses_parts_that_do_not_hang_together(pair: Pair, wrong: Any, words: str) -> None:
    pair.at_rest()
    found = preflight(pair, loadBalancers=[pair.entry(**wrong(pair))])
    assert found["failed"]
    assert words in found["msg"]
    assert pair.place.writes() == []


def test_preflight_wants_declared_attributes_on_both_groups(pair: Pair) -> None:
    pair.at_rest()
    found = pair.place.run(service_preflight, attributes={"deregistration_delay.timeout_seconds": 7})
    assert found["failed"]
    assert (
        f"--target-group-arn {pair.groups[1]} --attributes Key=deregistration_delay.timeout_seconds,Value=7"
        in found["msg"]
    )


# -- alarms


def alarms(pair: Pair, *groups: str) -> list[str]:
    """Deployment alarms on these target groups, with metrics that feed them."""
    cloudwatch = pair.place.bed.client("cloudwatch")
    names = []
    for number, arn in enumerate(groups):
        dimensions = [{"Name": "TargetGroup", "Value": arn.rpartition(":")[2]}]
        metric = {"Namespace": "AWS/ApplicationELB", "MetricName": "UnHealthyHostCount", "Dimensions": dimensions}
        names.append(f"{pair.place.name}-{number}")
        cloudwatch.put_metric_alarm(
            AlarmName=names[-1], **metric, Statistic="Sum", Period=60, EvaluationPeriods=1, Threshold=1,
            ComparisonOperator="GreaterThanThreshold",
        )  # fmt: skip
        data = {"MetricName": "UnHealthyHostCount", "Dimensions": dimensions, "Value": 0}
        cloudwatch.put_metric_data(Namespace="AWS/ApplicationELB", MetricData=[data])
        cloudwatch.set_alarm_state(AlarmName=names[-1], StateValue="OK", StateReason="a test")
    return names


def guarded_by(names: list[str]) -> Answer:
    return {"alarms": {"alarmNames": names, "enable": True, "rollback": True}}


def test_c98_an_alarm_on_one_group_of_two_is_a_finding(pair: Pair) -> None:
    pair.at_rest()
    one, two = alarms(pair, *pair.groups)
    found = preflight(pair, deploymentConfiguration=guarded_by([one]))
    assert found.get("failed") is None, found.get("msg")
    (said,) = [each for each in found["findings"] if "nobody watches" in each]
    assert looks.group_name(pair.groups[1]) in said and one in said
    both = preflight(pair, deploymentConfiguration=guarded_by([one, two]))
    assert not [each for each in both["findings"] if "nobody watches" in each or "not this service's" in each]


def test_c98_fails_on_a_tool_that_knows_the_first_group_alone(pair: Pair, monkeypatch: Patch) -> None:
    monkeypatch.setattr(preflight_alarms, "groups_of", lambda entry: [entry["targetGroupArn"]])
    with pytest.raises((AssertionError, ValueError)):
        test_c98_an_alarm_on_one_group_of_two_is_a_finding(pair)


def test_an_alarm_during_the_bake_time_is_rolled_back_by_ecs(pair: Pair) -> None:
    (name,) = alarms(pair, pair.groups[1])
    first = pair.at_rest(**guarded_by([name]))
    cloudwatch = pair.place.bed.client("cloudwatch")

    def ring() -> None:
        if pair.place.rollouts()[0]["lifecycleStage"] == "BAKE_TIME":
            cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="a test")
        else:
            pair.place.clock.at(1, ring)

    pair.place.clock.at(1, ring)
    found = deploy(pair)
    assert (found["failed"], found["verdict"]) == (True, "rolled_back"), found.get("msg")
    assert "alarm" in found["msg"]
    assert (pair.weights(), pair.place.service()["taskDefinition"]) == ([100, 0], first)
