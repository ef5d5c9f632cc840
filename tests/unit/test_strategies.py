# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Strategies that shift traffic: what is refused, what is sent, which group serves, when a wait ends."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.rules import (
    plan,
    preflight_network,
    preflight_shifting,
    progress,
    service,
    strategies,
)
from ansible_collections.steady.ecs.plugins.module_utils.rules.declaration import DeclarationError
from ansible_collections.steady.ecs.plugins.module_utils.rules.failure_message import message
from ansible_collections.steady.ecs.plugins.module_utils.rules.looks import Look

from tests.unit import answers
from tests.unit.test_service import GROUP_A, GROUP_B, live

RULE = "arn:aws:elasticloadbalancing:us-east-1:111122223333:listener-rule/app/web/1/2/3"
ADVANCED = {"alternateTargetGroupArn": GROUP_B, "productionListenerRule": RULE, "roleArn": "arn:aws:iam::1:role/ecs"}
ENTRY = {"targetGroupArn": GROUP_A, "containerName": "web", "containerPort": 3000, "advancedConfiguration": ADVANCED}
PAUSE = {"targetType": "PAUSE", "lifecycleStages": ["POST_TEST_TRAFFIC_SHIFT", "POST_SCALE_UP"]}
CANARY = {"strategy": "CANARY", "canaryConfiguration": {"canaryPercent": 5, "canaryBakeTimeInMinutes": 10}}
LINEAR = {"strategy": "LINEAR", "linearConfiguration": {"stepPercent": "12.5", "stepBakeTimeInMinutes": 2}}
BLUE_GREEN = {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 5}
EARLY = {"enable": True, "healthyPercent": 80, "sourceServiceRevisionCleanup": "BLOCKING"}


def shifting(**configuration: Any) -> dict[str, Any]:
    """A service that shifts traffic already."""
    whole = {**live()["deploymentConfiguration"], **BLUE_GREEN, **configuration}
    return live(loadBalancers=[ENTRY], deploymentConfiguration=whole)


def refusal(configuration: dict[str, Any], answer: dict[str, Any] | None = None, **more: Any) -> str:
    with pytest.raises(DeclarationError) as refused:
        service.compare({"deploymentConfiguration": configuration, **more}, answer or shifting())
    return refused.value.msg


@pytest.mark.parametrize(
    ("configuration", "words"),
    [
        ({"strategy": "GREEN_BLUE"}, "ROLLING, BLUE_GREEN, LINEAR, CANARY"),
        ({"strategy": "CANARY"}, "declare canaryConfiguration"),
        ({"strategy": "LINEAR"}, "declare linearConfiguration"),
        ({"canaryConfiguration": {"canaryPercent": 5}}, "belongs to the strategy CANARY"),
        ({**CANARY, "linearConfiguration": {"stepPercent": 5}}, "belongs to the strategy LINEAR"),
        ({"strategy": "ROLLING", "bakeTimeInMinutes": 5}, "belongs to the strategy BLUE_GREEN or LINEAR or CANARY"),
        ({"earlySuccessCriteria": EARLY}, "belongs to the strategy ROLLING"),
        ({"strategy": "ROLLING", "earlySuccessCriteria": {"enable": True}}, "needs healthyPercent and source"),
        (
            {
                "strategy": "ROLLING",
                "minimumHealthyPercent": 50,
                "earlySuccessCriteria": {**EARLY, "healthyPercent": 49},
            },
            "which is 50, and 100",
        ),
        ({"strategy": "ROLLING", "earlySuccessCriteria": {**EARLY, "healthyPercent": 101}}, "and 100; it is 101"),
        (
            {"strategy": "ROLLING", "earlySuccessCriteria": {**EARLY, "sourceServiceRevisionCleanup": "LATER"}},
            "BLOCKING or DEFERRED",
        ),
        ({"strategy": "ROLLING", "minimumHealthyPercent": 90, "earlySuccessCriteria": EARLY}, "which is 90"),
        ({"bakeTimeInMinutes": 1441}, "0 to 1440 minutes"),
        ({"bakeTimeInMinutes": "5m"}, "whole number"),
        ({"strategy": "CANARY", "canaryConfiguration": {"canaryPercent": 0.05}}, "steps of 0.1"),
        ({"strategy": "CANARY", "canaryConfiguration": {"canaryPercent": 0}}, "0.1 to 100"),
        ({"strategy": "CANARY", "canaryConfiguration": {"canaryBakeTimeInMinutes": 1441}}, "0 to 1440"),
        ({"strategy": "LINEAR", "linearConfiguration": {"stepPercent": 2.9}}, "3.0 to 100"),
        ({"strategy": "LINEAR", "linearConfiguration": {"stepPercent": "a lot"}}, "must be a number"),
        ({"lifecycleHooks": ["x"]}, "mappings"),
        ({"lifecycleHooks": [{**PAUSE, "lifecycleStages": ["BAKE_TIME"]}]}, "stages that have hooks"),
        ({"lifecycleHooks": [{"targetType": "PAUSE"}]}, "it has none"),
        ({"lifecycleHooks": [{**PAUSE, "roleArn": "arn:x"}]}, "calls nothing"),
        ({"lifecycleHooks": [{"lifecycleStages": ["PRE_SCALE_UP"]}]}, "hookTargetArn and roleArn"),
        ({"lifecycleHooks": [{**PAUSE, "targetType": "SLEEP"}]}, "PAUSE or AWS_LAMBDA"),
        ({"lifecycleHooks": [{**PAUSE, "timeoutConfiguration": {"timeoutInMinutes": 0}}]}, "1 to 20160"),
        ({"lifecycleHooks": [{**PAUSE, "timeoutConfiguration": {"action": "WAIT"}}]}, "CONTINUE or ROLLBACK"),
    ],
)
def test_what_contradicts_itself_is_refused_with_the_way_out(configuration: dict[str, Any], words: str) -> None:
    assert words in refusal(configuration)


def test_a_strategy_that_shifts_needs_a_bake_time_and_something_to_shift_by() -> None:
    assert "bakeTimeInMinutes" in refusal({"strategy": "BLUE_GREEN"}, live())
    assert "lacks alternateTargetGroupArn, productionListenerRule, roleArn" in refusal(BLUE_GREEN, live())
    assert "no load balancer" in refusal(BLUE_GREEN, live(loadBalancers=[]))
    lame = {**ENTRY, "advancedConfiguration": {**ADVANCED, "alternateTargetGroupArn": GROUP_A}}
    assert "another group" in refusal(BLUE_GREEN, live(), loadBalancers=[lame])
    assert service.compare({"deploymentConfiguration": BLUE_GREEN, "loadBalancers": [ENTRY]}, live())


def test_hooks_are_equal_whatever_their_order_and_what_aws_fills_in() -> None:
    told = {**PAUSE, "timeoutConfiguration": {"timeoutInMinutes": "1440", "action": "ROLLBACK"}}
    other = {"lifecycleStages": ["PRE_SCALE_UP"], "hookTargetArn": "arn:l", "roleArn": "arn:r"}
    stored = [{**other, "targetType": "AWS_LAMBDA"}, {**told, "lifecycleStages": PAUSE["lifecycleStages"][::-1]}]
    declared = {"deploymentConfiguration": {"lifecycleHooks": [PAUSE, other]}}
    assert service.compare(declared, shifting(lifecycleHooks=stored)) == []
    (found,) = service.compare({"deploymentConfiguration": {"lifecycleHooks": None}}, shifting(lifecycleHooks=stored))
    assert (found.path, found.expected) == ("deploymentConfiguration.lifecycleHooks", [])


def test_what_belongs_to_the_strategy_before_goes_with_it() -> None:
    before = shifting(**CANARY)
    found = service.compare({"deploymentConfiguration": LINEAR}, before)
    sent = service.request(found, before)["deploymentConfiguration"]
    assert "canaryConfiguration" not in sent
    assert sent["linearConfiguration"] == {"stepPercent": 12.5, "stepBakeTimeInMinutes": 2}
    assert sent["bakeTimeInMinutes"] == 5


def test_early_success_goes_with_the_strategy_that_has_it_and_comes_back_with_it() -> None:
    quick = live(deploymentConfiguration={**live()["deploymentConfiguration"], "earlySuccessCriteria": EARLY})
    found = service.compare({"deploymentConfiguration": BLUE_GREEN, "loadBalancers": [ENTRY]}, quick)
    assert "deploymentConfiguration.earlySuccessCriteria.healthyPercent" in [each.path for each in found]
    assert "earlySuccessCriteria" not in service.request(found, quick)["deploymentConfiguration"]
    off = {"enable": False, "healthyPercent": None, "sourceServiceRevisionCleanup": None}
    assert service.compare({"deploymentConfiguration": {**BLUE_GREEN, "earlySuccessCriteria": off}}, shifting()) == []
    null = {"deploymentConfiguration": {"earlySuccessCriteria": None}}
    sent = service.request(service.compare(null, quick), quick)["deploymentConfiguration"]
    assert sent["earlySuccessCriteria"] == {"enable": False}


def test_null_takes_a_configuration_away() -> None:
    before = shifting(**CANARY)
    declared = {"deploymentConfiguration": {"strategy": "BLUE_GREEN", "canaryConfiguration": None}}
    sent = service.request(service.compare(declared, before), before)["deploymentConfiguration"]
    assert "canaryConfiguration" not in sent
    assert service.compare(declared, shifting()) == []


def test_both_versions_run_in_full() -> None:
    assert service.room(shifting()) == (3, 0)
    assert service.room(live()) == (3, 0)
    assert service.room(shifting(maximumPercent=100, minimumHealthyPercent=50)) == (3, 0)


@pytest.mark.parametrize(
    ("configuration", "minutes"),
    [({}, 0), (BLUE_GREEN, 5), ({**CANARY, "bakeTimeInMinutes": 1}, 11), (LINEAR, 14), ({"strategy": "LINEAR"}, 54)],
)
def test_how_long_a_deployment_waits_on_purpose(configuration: dict[str, Any], minutes: float) -> None:
    assert strategies.minutes(configuration) == minutes


def forwarding(*weights: int, sticky: bool = False, kind: str = "forward") -> dict[str, Any]:
    groups = [{"TargetGroupArn": a, "Weight": w} for a, w in zip((GROUP_A, GROUP_B), weights, strict=False)]
    forward = {"TargetGroups": groups, "TargetGroupStickinessConfig": {"Enabled": sticky}}
    return {"RuleArn": RULE, "Actions": [{"Type": kind, "ForwardConfig": forward}]}


def test_the_group_with_the_weight_serves() -> None:
    for weights, first in (((100, 0), GROUP_A), ((0, 100), GROUP_B), ((50, 50), GROUP_A)):
        (entry,) = strategies.serving(shifting(), [forwarding(*weights)])["loadBalancers"]
        assert entry["targetGroupArn"] == first
        assert {entry["targetGroupArn"], entry["advancedConfiguration"]["alternateTargetGroupArn"]} == {
            GROUP_A,
            GROUP_B,
        }
    assert strategies.serving(shifting(), []) == shifting(), "a rule that is gone says nothing"
    assert strategies.serving(live(), []) == live()


def test_c60_settings_from_before_the_pair_lead_to_the_group_that_serves() -> None:
    plain = {name: value for name, value in ENTRY.items() if name != "advancedConfiguration"}
    settings = {"deploymentConfiguration": {"strategy": "ROLLING"}, "loadBalancers": [plain]}
    assert strategies.leads_back(settings, shifting())
    now = strategies.serving(shifting(), [forwarding(0, 100)])
    assert strategies.reachable(settings, shifting(), now)["loadBalancers"] == [{**plain, "targetGroupArn": GROUP_B}]
    assert not strategies.leads_back({"loadBalancers": [ENTRY]}, shifting())
    assert not strategies.leads_back(settings, live())


# -- a wait


def seen(number: int = 3, stage: str = "SCALE_UP", status: str = "IN_PROGRESS", crashed: int = 0) -> Look:
    ours = answers.deployment(2, state="IN_PROGRESS", runningCount=0)
    now = answers.service(
        ours, answers.deployment(1, "ACTIVE"), desiredCount=number, deploymentConfiguration=BLUE_GREEN
    )
    tasks = [answers.crashed(2, index) for index in range(crashed)]
    return Look(now, answers.rollout(2, status, lifecycleStage=stage), tasks, {})


def test_the_wait_ends_at_the_stage_that_was_asked_for_or_beyond_and_not_on_the_way_back() -> None:
    ours = answers.deployment(2, state="IN_PROGRESS")
    watched = progress.Progress(ours, 0, wait_until="PRODUCTION_TRAFFIC_SHIFT")
    assert watched.observe(0, seen(stage="POST_SCALE_UP")).verdict is None
    back = seen(stage="PRODUCTION_TRAFFIC_SHIFT", status="ROLLBACK_IN_PROGRESS")
    assert watched.observe(5, back).verdict is None
    found = watched.observe(10, seen(stage="BAKE_TIME")).verdict
    assert found is not None
    assert (found.word, "PRODUCTION_TRAFFIC_SHIFT" in found.reason) == ("unknown", True)
    assert progress.Progress(ours, 0).observe(10, seen(stage="BAKE_TIME")).verdict is None


@pytest.mark.parametrize(("number", "fail_fast", "crashes"), [(3, False, 2), (100, True, 3), (100, False, 50)])
def test_failing_tasks_are_the_end_though_no_circuit_breaker_says_so(
    number: int, fail_fast: bool, crashes: int
) -> None:
    ours = answers.deployment(2, state="IN_PROGRESS")
    fewer = progress.Progress(ours, 0, fail_fast=fail_fast)
    assert fewer.observe(0, seen(number, crashed=crashes - 1)).verdict is None
    found = progress.Progress(ours, 0, fail_fast=fail_fast).observe(0, seen(number, crashed=crashes)).verdict
    assert found is not None
    assert found.word == "failed"


def test_a_pause_says_what_to_type() -> None:
    last = strategies_verdict()
    said = message("web", answers.deployment(2), last, None, None)
    assert "continue.yml" in said and "continue_action=rollback" in said and "same command again" in said


def strategies_verdict() -> progress.Verdict:
    return progress.Verdict("paused", "it is paused at stage X by hook h")


# -- preflight


def checked(rule: dict[str, Any], attributes: dict[str, str] | None = None) -> dict[str, Any]:
    now = plan.Live(shifting(), {})
    groups = {arn: {"TargetType": "ip", "Protocol": "HTTP", "VpcId": "vpc-1"} for arn in (GROUP_A, GROUP_B)}
    around = preflight_shifting.Around({RULE: rule}, groups, {GROUP_A: attributes or {}, GROUP_B: attributes or {}})
    found = {each["name"]: each for each in preflight_shifting.checks(now, now, around, {})}
    return dict(found["production listener rule"])


@pytest.mark.parametrize(("other", "ok"), [("tg-c", True), ("tg-d", False)])
def test_c60_each_port_of_a_container_has_a_group_of_its_own_to_go_back_to(other: str, ok: bool) -> None:
    """ "Registering multiple target groups with a service", developer guide."""
    second = {
        **ENTRY,
        "containerPort": 3001,
        "targetGroupArn": GROUP_A.replace("tg-a", "tg-c"),
        "advancedConfiguration": {
            **ADVANCED,
            "alternateTargetGroupArn": GROUP_A.replace("tg-a", "tg-d"),
            "productionListenerRule": f"{RULE}2",
        },
    }
    single = [
        {"targetGroupArn": GROUP_A, "containerName": "web", "containerPort": 3000},
        {**second, "targetGroupArn": GROUP_A.replace("tg-a", other), "advancedConfiguration": None},
    ]
    before = {**shifting(), "loadBalancers": [ENTRY, second]}
    after = {**live(), "loadBalancers": single}
    forward = {"Type": "forward", "TargetGroupArn": second["targetGroupArn"]}
    rules = {RULE: forwarding(100, 0), f"{RULE}2": {"RuleArn": f"{RULE}2", "Actions": [forward]}}
    around = preflight_shifting.Around(rules, {}, {})
    found = list(preflight_shifting.checks(plan.Live(before, {}), plan.Live(after, {}), around, {}))
    groups = [each["ok"] for each in found if "from now on" in each["name"]]
    assert groups == [True, ok]


def test_the_production_rule_forwards_to_the_pair_alone() -> None:
    assert checked(forwarding(100, 0))["ok"]
    assert checked({"RuleArn": RULE, "Actions": [{"Type": "forward", "TargetGroupArn": GROUP_A}]})["ok"]
    assert "fixed-response" in str(checked({"RuleArn": RULE, "Actions": [{"Type": "fixed-response"}]})["found"])
    elsewhere = {"RuleArn": RULE, "Actions": [{"Type": "forward", "TargetGroupArn": GROUP_A.replace("tg-a", "tg-c")}]}
    assert "tg-c" in str(checked(elsewhere)["found"])


def test_c24_sticky_groups_need_a_sticky_rule() -> None:
    sticky = {"stickiness.enabled": "true"}
    assert "enable its TargetGroupStickinessConfig" in str(checked(forwarding(100, 0), sticky)["found"])
    assert checked(forwarding(100, 0, sticky=True), sticky)["ok"]


def test_c24_the_rule_for_tests_too() -> None:
    advanced = {**ADVANCED, "testListenerRule": f"{RULE}2"}
    becoming = plan.Live({**shifting(), "loadBalancers": [{**ENTRY, "advancedConfiguration": advanced}]}, {})
    for sticky in (False, True):
        rules = {RULE: forwarding(100, 0, sticky=True), f"{RULE}2": forwarding(100, 0, sticky=sticky)}
        around = preflight_shifting.Around(rules, {}, {GROUP_A: {"stickiness.enabled": "true"}})
        found = preflight_shifting.checks(becoming, becoming, around, {})
        assert [each["ok"] for each in found if each["name"] == "test listener rule"] == [sticky]


@pytest.mark.parametrize(
    ("kept", "minutes", "said"),
    [
        ({"Enabled": True, "DurationSeconds": 3600}, 5, True),
        ({"Enabled": True, "DurationSeconds": 300}, 5, True),
        ({"Enabled": True, "DurationSeconds": 1}, 0, True),
        ({"Enabled": True, "DurationSeconds": 299}, 5, False),
        ({"Enabled": False, "DurationSeconds": 3600}, 5, False),
        ({"Enabled": False}, 0, False),
        ({}, 0, False),
    ],
)
def test_a_rule_that_keeps_users_beyond_the_bake_time_is_a_finding(
    kept: dict[str, Any], minutes: int, said: bool
) -> None:
    rule = forwarding(100, 0)
    rule["Actions"][0]["ForwardConfig"]["TargetGroupStickinessConfig"] = kept
    becoming = plan.Live(shifting(bakeTimeInMinutes=minutes), {})
    found = preflight_shifting.findings(becoming, preflight_shifting.Around({RULE: rule}), 1800)
    assert ["DurationSeconds of the rule's" in each for each in found] == [True] * said


def test_the_stickiness_of_an_application_does_not_survive_weights() -> None:
    """A finding, for the release makes it no worse; the one that begins it is refused (test_preflight_surroundings)."""
    around = preflight_shifting.Around()
    for kind, count in (("app_cookie", 1), ("lb_cookie", 0)):
        sticky = {GROUP_A: {"stickiness.enabled": "true", "stickiness.type": kind}}
        found = preflight_shifting.findings(plan.Live(shifting(), {}, attributes=sticky), around, 1800)
        assert ["tg-a: Application-based stickiness does not work" in each for each in found] == [True] * count


def test_groups_that_differ_are_a_finding() -> None:
    around = preflight_shifting.Around(attributes={GROUP_A: {"x": "1", "y": "2"}, GROUP_B: {"x": "1", "y": "3"}})
    (said,) = preflight_shifting.findings(plan.Live(shifting(), {}), around, 1800)
    assert "tg-a and tg-b differ in y," in said


OTHER = GROUP_A.replace("tg-a", "tg-c")


def single(group: str, port: int = 3000) -> dict[str, Any]:
    return {"targetGroupArn": group, "containerName": "web", "containerPort": port}


@pytest.mark.parametrize(
    ("wanted", "now", "weights", "expected"),
    [
        ([GROUP_A], [GROUP_B], (0, 100), [GROUP_B]),
        ([GROUP_A], [GROUP_B], (50, 50), [GROUP_A]),  # it was moved on purpose
        ([GROUP_A], [GROUP_B], (0, 0), [GROUP_A]),
        ([GROUP_A], [GROUP_A, GROUP_B], (0, 100), [GROUP_A]),  # it is there
        ([OTHER], [GROUP_B], (0, 100), [GROUP_B]),
    ],
)
def test_c60_a_group_without_traffic_gives_way(
    wanted: list[str], now: list[str], weights: tuple[int, int], expected: list[str]
) -> None:
    asked = {"loadBalancers": [single(each) for each in wanted]}
    live_ = {"loadBalancers": [single(each) for each in now]}
    found = strategies.still_served(asked, live_, [forwarding(*weights)])
    assert found == {"loadBalancers": [single(each) for each in expected]}


def test_c60_a_group_gives_way_to_the_one_of_its_own_port_alone() -> None:
    asked = {"loadBalancers": [single(GROUP_A), single(OTHER, 9999)]}
    now = {"loadBalancers": [single(OTHER, 9999), single(GROUP_B)]}
    found = strategies.still_served(asked, now, [forwarding(0, 100)])
    assert found == {"loadBalancers": [single(GROUP_B), single(OTHER, 9999)]}
    pair = {"loadBalancers": [ENTRY]}
    assert strategies.still_served(pair, now, [forwarding(0, 100)]) == pair


def test_only_a_group_in_the_place_of_another_is_asked_about() -> None:
    def new(had: list[str], gets: list[str]) -> list[str]:
        now, then = (plan.Live(live(loadBalancers=[single(each) for each in groups]), {}) for groups in (had, gets))
        return preflight_network.new_groups(now, then)

    assert new([GROUP_A], [GROUP_B]) == [GROUP_B]
    assert new([GROUP_A], [GROUP_A, GROUP_B]) == new([], [GROUP_B]) == new([GROUP_A], []) == []
    classic = plan.Live(
        live(loadBalancers=[{"loadBalancerName": "old", "containerName": "web", "containerPort": 80}]), {}
    )
    assert preflight_network.new_groups(plan.Live(live(loadBalancers=[single(GROUP_A)]), {}), classic) == []
    assert preflight_network.new_groups(plan.Live(shifting(), {}), plan.Live(live(), {})) == []


def test_a_group_that_no_rule_gives_weight_is_refused() -> None:
    assert preflight_network.served(GROUP_A, [forwarding(1, 0)])["ok"]
    assert not preflight_network.served(GROUP_B, [forwarding(1, 0)])["ok"]
    assert preflight_network.served(OTHER, [forwarding(1, 0)])["found"] == "no rule forwards to it"
