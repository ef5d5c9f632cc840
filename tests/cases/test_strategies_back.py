# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The way back of services that shift traffic between two groups, on the bed (case C60)."""

from __future__ import annotations

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.rules import looks, restore, states, strategies, together
from ansible_collections.steady.ecs.plugins.modules import release_info

from tests.cases.conftest import Answer, gone_back, released
from tests.cases.shifting import BLUE_GREEN, Pair, function, pause
from tests.cases.test_strategies import CANARY, deploy, pair, preflight
from tests.testbed.beds import until

pytestmark = pytest.mark.walk

Patch = pytest.MonkeyPatch
__all__ = ["pair"]


def test_going_back_while_it_shifts_is_done_by_ecs_at_once(pair: Pair) -> None:
    first = pair.at_rest(**CANARY, lifecycleHooks=[pause("PRODUCTION_TRAFFIC_SHIFT")])
    blue = pair.place.healthy(pair.groups[0])
    assert deploy(pair)["verdict"] == "paused"
    back = deploy(pair, first)
    assert (back["changed"], back["verdict"]) == (True, "succeeded"), back.get("msg")
    assert pair.place.asked("UpdateService", "StopServiceDeployment") == ["UpdateService", "StopServiceDeployment"]
    assert pair.weights() == [100, 0]
    assert pair.place.healthy(pair.groups[0]) == blue, "the same tasks serve as before"
    assert pair.place.rollouts()[0]["status"] == "ROLLBACK_SUCCESSFUL"


def test_without_the_right_to_stop_a_new_deployment_goes_back(pair: Pair) -> None:
    first = pair.at_rest(**CANARY, lifecycleHooks=[pause("PRODUCTION_TRAFFIC_SHIFT")])
    assert deploy(pair)["verdict"] == "paused"
    denied = {"service": "ecs", "operation": "StopServiceDeployment", "kind": "denied"}
    pair.place.bed.admin("PUT", "/_bed/faults", [denied])
    pair.place.update(deploymentConfiguration={**BLUE_GREEN, **CANARY, "lifecycleHooks": []})
    back = deploy(pair, first)
    assert (back["changed"], back["verdict"]) == (True, "succeeded"), back.get("msg")
    assert pair.place.service()["taskDefinition"] == first
    assert sorted(pair.weights()) == [0, 100]


def test_settings_from_before_the_pair_lead_to_the_group_that_serves(pair: Pair) -> None:
    """What a rollback restores was written down when the first group had the traffic."""
    first = pair.place.at_rest()
    before = pair.place.service()
    pair.place.update(loadBalancers=[pair.entry()], deploymentConfiguration=BLUE_GREEN)
    until(lambda: pair.place.rollouts()[0]["status"] == "SUCCESSFUL", 30)
    assert pair.weights() == [0, 100]
    settings = {"deploymentConfiguration": {"strategy": "ROLLING"}, "loadBalancers": before["loadBalancers"]}
    back = deploy(pair, first, settings=settings, force=True)
    assert back["verdict"] == "succeeded", back.get("msg")
    (entry,) = pair.place.service()["loadBalancers"]
    assert entry == {"targetGroupArn": pair.groups[1], "containerName": "app", "containerPort": 8080}
    assert len(pair.place.healthy(pair.groups[1])) == 3


SINGLE = {"containerName": "app", "containerPort": 8080}


def to_a_pair(pair: Pair) -> Answer:
    """The settings by which a rolling service becomes one that shifts traffic."""
    return {"deploymentConfiguration": BLUE_GREEN, "loadBalancers": [pair.entry()]}


def serves(pair: Pair) -> list[bool]:
    """Of each group whether its tasks are what users reach."""
    both = zip(pair.groups, pair.weights(), strict=True)
    return [bool(weight) and len(pair.place.healthy(group)) == 3 for group, weight in both]


def test_a_strategy_that_was_left_comes_back_whole(pair: Pair) -> None:
    """Nobody declares its hooks, bake times and steps again: they went along, and come back so."""
    pair.at_rest(**CANARY, lifecycleHooks=[function("POST_TEST_TRAFFIC_SHIFT")])
    before = states.live_settings(pair.place.service())["deploymentConfiguration"]
    entry = {"targetGroupArn": pair.groups[0], **SINGLE}
    released(pair.place, {"deploymentConfiguration": {"strategy": "ROLLING"}, "loadBalancers": [entry]})
    assert set(pair.place.service()["deploymentConfiguration"]) & set(strategies.OWN) == set()
    assert pair.place.run(release_info)["live_is_current"]
    assert gone_back(pair.place)["verdict"] == "succeeded"
    assert states.live_settings(pair.place.service())["deploymentConfiguration"] == before


def test_a_strategy_fails_to_come_back_on_a_tool_that_records_what_is_declared_alone(
    pair: Pair, monkeypatch: Patch
) -> None:
    monkeypatch.setattr(together, "taken_along", lambda given: given)
    with pytest.raises(AssertionError):
        test_a_strategy_that_was_left_comes_back_whole(pair)


def test_early_success_of_rolling_comes_back_with_it(pair: Pair) -> None:
    criteria = {"enable": True, "healthyPercent": 60, "sourceServiceRevisionCleanup": "DEFERRED"}
    pair.place.at_rest(deploymentConfiguration={"minimumHealthyPercent": 50, strategies.EARLY: criteria})
    released(pair.place, to_a_pair(pair))
    assert strategies.EARLY not in pair.place.service()["deploymentConfiguration"]
    assert gone_back(pair.place)["verdict"] == "succeeded"
    assert pair.place.service()["deploymentConfiguration"][strategies.EARLY] == criteria


def test_c60_going_back_further_than_the_pair_stays_in_the_group_that_serves(pair: Pair) -> None:
    """The releases before the pair name the first group, which has no traffic any more."""
    pair.place.at_rest()
    for seconds in (10, 20):
        released(pair.place, {"healthCheckGracePeriodSeconds": seconds})
    released(pair.place, to_a_pair(pair))
    until(lambda: pair.place.rollouts()[0]["status"] == "SUCCESSFUL", 30)
    assert serves(pair) == [False, True]
    for seconds, release in ((20, None), (10, "2")):
        gone_back(pair.place, release)
        assert pair.place.run(release_info)["live_is_current"]
        assert pair.place.service()["healthCheckGracePeriodSeconds"] == seconds
        assert serves(pair) == [False, True]


def test_c60_fails_on_a_tool_that_takes_records_at_their_word(pair: Pair, monkeypatch: Patch) -> None:
    monkeypatch.setattr(restore, "rules_of_pairs", lambda *_known: [])
    with pytest.raises(AssertionError):
        test_c60_going_back_further_than_the_pair_stays_in_the_group_that_serves(pair)


def test_preflight_refuses_a_group_that_nobody_reaches(pair: Pair) -> None:
    """An inventory from before the pair names the first group, and ECS would take it."""
    pair.place.at_rest()
    released(pair.place, to_a_pair(pair))
    until(lambda: pair.place.rollouts()[0]["status"] == "SUCCESSFUL", 30)
    gone_back(pair.place)
    old = {"loadBalancers": [{"targetGroupArn": pair.groups[0], **SINGLE}]}
    refused = preflight(pair, **old)
    assert refused["failed"]
    assert f"requests for {looks.group_name(pair.groups[0])}" in refused["msg"]
    both = [{"TargetGroupArn": each, "Weight": 50} for each in pair.groups]
    action = {"Type": "forward", "ForwardConfig": {"TargetGroups": both}}
    listener = pair.elb.describe_listeners(LoadBalancerArn=pair.place.balancer["LoadBalancerArn"])["Listeners"][0]
    pair.elb.modify_listener(ListenerArn=listener["ListenerArn"], DefaultActions=[action])
    assert preflight(pair, **old).get("failed") is None
