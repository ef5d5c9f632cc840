# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whatever settings a release declares, over whatever was there before: what is live afterwards is known as that
release, and the way back from it, proven or open, is accepted, is taken by ECS, and is whole. The test bed's rules say
what ECS takes."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.rules import fence, release, restore, scaling, service, states
from ansible_collections.steady.ecs.plugins.module_utils.rules.declaration import DeclarationError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from testbed.ecs import checks
from testbed.wire import AwsError
from tests.property.test_strategies import MINUTES, configurations
from tests.unit.test_release import NOW, Service
from tests.unit.test_service import live
from tests.unit.test_strategies import ENTRY

Answer = dict[str, Any]
SINGLE = {name: value for name, value in ENTRY.items() if name != "advancedConfiguration"}
CONNECT: Answer = {
    "enabled": True,
    "namespace": "internal",
    "services": [{"portName": "http", "clientAliases": [{"port": 80}]}],
    "logConfiguration": {"logDriver": "awslogs"},
}
ON = st.sampled_from([CONNECT, {**CONNECT, "namespace": "other"}, {"enabled": True, "namespace": "internal"}])
STRATEGY, BALANCERS, GRACE = "deploymentConfiguration", "loadBalancers", "healthCheckGracePeriodSeconds"
SHIFTS = configurations().filter(lambda each: each["strategy"] != "ROLLING")
ROLLS = {STRATEGY: st.just({"strategy": "ROLLING"}), BALANCERS: st.just([SINGLE])}
SPOT = [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]
SUSPENDED = ("dynamicScalingInSuspended", "dynamicScalingOutSuspended", "scheduledScalingSuspended")
PARTS: list[st.SearchStrategy[Answer]] = [  # settings that mean something together
    st.fixed_dictionaries({STRATEGY: SHIFTS, BALANCERS: st.just([ENTRY])}),
    st.fixed_dictionaries({STRATEGY: SHIFTS}),
    st.fixed_dictionaries(ROLLS),
    st.fixed_dictionaries(
        {STRATEGY: st.sampled_from([{"strategy": "ROLLING", "bakeTimeInMinutes": None}, None])} | ROLLS
    ),
    st.fixed_dictionaries(
        {
            STRATEGY: st.sampled_from(
                [{"strategy": "BLUE_GREEN"}, {"strategy": "CANARY", "canaryConfiguration": {"canaryPercent": 9}}]
            )
        }
    ),
    st.fixed_dictionaries(
        {STRATEGY: st.fixed_dictionaries({"bakeTimeInMinutes": MINUTES, "lifecycleHooks": st.none()})}
    ),
    st.fixed_dictionaries(
        {BALANCERS: st.sampled_from([[SINGLE], [], None])}, optional={GRACE: st.sampled_from([0, 30, None])}
    ),
    st.fixed_dictionaries({GRACE: st.sampled_from([0, 30, 60, None])}),
    st.fixed_dictionaries(
        {"serviceConnectConfiguration": st.one_of(ON, st.sampled_from([{"enabled": False}, {"services": []}, None]))}
    ),
    st.fixed_dictionaries({"capacityProviderStrategy": st.sampled_from([[], SPOT, None])}),
    st.just({"launchType": "FARGATE"}),
    st.fixed_dictionaries(
        {
            "placementStrategy": st.sampled_from(
                [[{"type": "spread", "field": "host"}], [{"type": "random", "field": None}], []]
            )
        }
    ),
    st.fixed_dictionaries(
        {},
        optional={"platformVersion": st.sampled_from(["LATEST", "1.4.0", None]), "enableExecuteCommand": st.booleans()},
    ),
    st.fixed_dictionaries(
        {
            "scalableTarget": st.fixed_dictionaries(
                {}, optional={"minCapacity": st.integers(0, 3), "maxCapacity": st.integers(3, 9)}
            )
        }
    ),
    st.fixed_dictionaries(
        {"scalableTarget": st.booleans().map(lambda each: {"suspendedState": dict.fromkeys(SUSPENDED, each)})},
        optional={"desiredCount": st.integers(0, 6)},
    ),
    st.fixed_dictionaries(
        {"tags": st.dictionaries(st.sampled_from(["team", "old"]), st.sampled_from(["shop", "", None]), max_size=2)}
    ),
]
DECLARED = st.lists(st.one_of(PARTS), min_size=1, max_size=2).map(
    lambda parts: {k: v for each in parts for k, v in each.items()}
)
START = live(
    serviceArn="arn:aws:ecs:us-east-1:1:service/c/web",
    loadBalancers=[SINGLE],
    scalableTarget={"minCapacity": 2, "maxCapacity": 5, "suspendedState": {}},
    desiredCount=3,
)


def after(declared: Answer, now: Answer) -> Answer:
    """The service once ECS has taken what settles the differences. Raises DeclarationError, and AwsError where ECS
    refuses what was sent."""
    found = service.compare(declared, now)
    sent = service.request(found, now)
    sent.pop("forceNewDeployment", None)
    then = copy.deepcopy({**now, **sent})
    then["deploymentConfiguration"] = checks.configuration(
        now["deploymentConfiguration"], copy.deepcopy(sent.get("deploymentConfiguration", {})), "ECS"
    )
    canary = then["deploymentConfiguration"].get("canaryConfiguration")
    if canary:
        canary.setdefault("canaryBakeTimeInMinutes", 10)  # "The default value is 10" (CanaryConfiguration)
    if not then["loadBalancers"] and "healthCheckGracePeriodSeconds" not in sent:
        then.pop("healthCheckGracePeriodSeconds", None)
        checks.grace_period(
            {**then, "healthCheckGracePeriodSeconds": declared.get("healthCheckGracePeriodSeconds") or None}
        )
    checks.grace_period(then)
    connect = then.pop("serviceConnectConfiguration", None)
    if connect:
        if connect.get("enabled") and not connect.get("namespace"):
            raise AwsError("InvalidParameterException", "A namespace is needed to enable Service Connect.")
        then["deployments"] = [{**then["deployments"][0], "serviceConnectConfiguration": connect}]
    if "capacityProviderStrategy" in sent:
        then.pop("launchType", None)
        if not sent["capacityProviderStrategy"]:
            then["launchType"] = "FARGATE"
    for each in then.get("placementStrategy", []):
        each |= {"field": "instanceId"} if each.get("field") == "host" else {}
    target = then["scalableTarget"]
    for name, value in scaling.spelled({"MinCapacity": 0, "MaxCapacity": 0, **scaling.request(found)}).items():
        if name == "suspendedState":
            target[name] = {**target.get(name, {}), **value}
        elif f"scalableTarget.{name}" in [each.path for each in found]:
            target[name] = value
    tags = {each["key"]: each["value"] for each in then.get("tags", [])}
    for each in found:
        if each.path.startswith("tags["):
            tags[each.path[5:-1]] = each.expected
    then["tags"] = [{"key": key, "value": value} for key, value in tags.items() if value is not None]
    return then


class Told(Service):
    """A service whose settings a release declares, and its store."""

    def __init__(self) -> None:
        super().__init__()
        self.now = copy.deepcopy(START)
        self.see()

    def see(self) -> None:
        self.live["settings"] = states.live_settings(self.now)
        self.live["desired"] = self.now["desiredCount"]

    def begin(self, declared: Answer) -> Answer:
        """The open record of a release of these settings, applied."""
        then = after(declared, self.now)
        record = self.open(settings=declared).record
        self.now = then
        self.see()
        return dict(record)

    def end(self, record: Answer) -> None:
        self.write(release.closing(self.head, release.step(record, {}, NOW), "proven", {}, NOW))

    def goes_back(self, target: Answer) -> tuple[Answer, list[str]]:
        """The settings once that release is restored, and what is said to stay."""
        found = restore.restoration(target, self.records, self.live)
        return states.flat_settings(states.live_settings(after(found["settings"], self.now))), found["not_restorable"]


def is_moved(before: Answer) -> bool:
    """Whether a count is outside of a range that is enforced."""
    target = before["settings"]["scalableTarget"]
    is_awake = not all(target["suspendedState"].get(each) for each in SUSPENDED)
    return is_awake and not target["minCapacity"] <= before["desired"] <= target["maxCapacity"]


def sleeps(each: bool) -> Answer:
    return {"suspendedState": dict.fromkeys(SUSPENDED, each)}


def goes_there_and_back(told: Told, declared: list[Answer], refused: tuple[type[Exception], ...] = ()) -> None:
    known: dict[int, Answer] = {}
    for each in declared:
        before, head = states.flat_settings(told.live["settings"]), told.head["current"]
        try:
            record = told.begin(each)
        except refused:
            continue  # before the first call, or by ECS: nothing to go back from
        start = told.records[record["base"]]
        known[start["seq"]] = before
        found, stays = told.goes_back(start)
        assert found == before, "a release that is undone"
        assert not stays or (stays == ["desiredCount"] and is_moved(record["before"])), "whole, but for what is moved"
        told.end(record)
        assert not states.differences(states.state_of(told.records[record["seq"]]), told.live), "it is what is live"
        assert head is None or record["base"] == head, "nobody has changed anything by hand"
    for number, before in known.items():
        found, stays = told.goes_back(told.records[number])
        assert found == before, "the operator's rollback, however far back"
        assert set(stays) <= {"desiredCount"}, "which others may have moved since"


ASLEEP: list[Answer] = [{"desiredCount": 0, "scalableTarget": sleeps(True)}]


@given(st.lists(DECLARED, min_size=2, max_size=4))
@settings(max_examples=120, suppress_health_check=list(HealthCheck), deadline=None)
def test_the_way_back_of_whatever_settings_is_whole(declared: list[Answer]) -> None:
    goes_there_and_back(Told(), declared, (DeclarationError, AwsError))


@pytest.mark.parametrize(
    ("start", "declared"),
    [
        ({}, [{"serviceConnectConfiguration": CONNECT}, {"serviceConnectConfiguration": {"enabled": False}}]),
        ({}, [{"launchType": "FARGATE"}, {"capacityProviderStrategy": SPOT}]),
        ({}, [{BALANCERS: []}, {BALANCERS: [SINGLE], GRACE: 60}]),
        ({}, [{BALANCERS: []}, {GRACE: 0}]),
        (
            {"desiredCount": 0, "scalableTarget": {"minCapacity": 2, "maxCapacity": 5, **sleeps(True)}},
            [{"desiredCount": 2, "scalableTarget": sleeps(False)}, {"desiredCount": 0, "scalableTarget": sleeps(True)}],
        ),
        # It is woken, and nothing has moved its count yet: the way back is not to a count that its range forbids.
        ({}, [*ASLEEP, {"scalableTarget": sleeps(False)}, *ASLEEP]),
        ({}, [*ASLEEP, {"scalableTarget": sleeps(False)}, {"desiredCount": 3, "scalableTarget": sleeps(False)}]),
    ],
)
def test_what_chance_rarely_meets_goes_back(start: Answer, declared: list[Answer]) -> None:
    told = Told()
    told.now |= start
    told.see()
    goes_there_and_back(told, declared)


def test_a_scalable_target_that_is_gone_stays_away_and_a_moved_one_is_nobodys_change() -> None:
    told = Told()
    record = told.begin({"scalableTarget": {"maxCapacity": 7}})
    told.end(record)
    told.now["scalableTarget"]["minCapacity"] = 4  # a scheduled action
    told.see()
    assert not states.differences(states.state_of(told.records[record["seq"]]), told.live)
    assert told.open(settings={"enableExecuteCommand": True}).baseline is None
    del told.live["settings"]["scalableTarget"]
    told.now["scalableTarget"] = {}
    assert told.goes_back(told.records[record["base"]])[1] == ["scalableTarget.maxCapacity"]


def test_what_a_failed_release_left_of_a_scalable_target_is_not_the_release_before() -> None:
    """It was set before its revision failed: the way back is to the release before it, not to the one before that."""
    told = Told()
    for number in (3, 4):
        record = told.begin({"scalableTarget": {"maxCapacity": number + 3}})
        told.end(record)
    last = record["seq"]
    failed = told.begin({"scalableTarget": {"minCapacity": 3}})
    told.write(release.closing(told.head, release.step(failed, {}, NOW), "failed", {}, NOW))
    chosen = told.choose().record
    assert chosen is not None and chosen["seq"] == last
    assert told.open(settings={"scalableTarget": {"maxCapacity": 7}}).unproven


def test_a_grace_period_that_ecs_keeps_without_load_balancers_is_nobodys_change() -> None:
    """ECS may keep it (hashicorp/terraform-provider-aws#31104), and it is for container health checks too."""
    told = Told()
    told.end(told.begin({BALANCERS: []}))
    told.now["healthCheckGracePeriodSeconds"] = 60
    told.see()
    assert service.compare({BALANCERS: []}, told.now) == []
    assert told.open(settings={"enableExecuteCommand": True}).baseline is None
    (found,) = service.compare({GRACE: 0}, told.now)
    assert service.request([found], told.now) == {GRACE: 0}


def test_a_range_that_its_owner_moved_goes_back_to_what_was_found() -> None:
    told = Told()
    told.end(told.begin({"scalableTarget": {"minCapacity": 1}}))
    told.now["scalableTarget"]["maxCapacity"] = 40
    told.see()
    record = told.begin({"scalableTarget": {"maxCapacity": 50}})
    start = told.records[record["base"]]
    assert start["kind"] == "deploy", "what nobody declared is nobody's change"
    assert told.goes_back(start)[0]["scalableTarget.maxCapacity"] == 40
    told.end(record)
    assert told.goes_back(start)[0]["scalableTarget.maxCapacity"] == 40


def test_a_grace_period_that_nobody_declared_stays_where_groups_are_swapped() -> None:
    told = Told()
    record = told.begin({BALANCERS: [{**SINGLE, "targetGroupArn": SINGLE["targetGroupArn"].replace("tg-a", "tg-c")}]})
    told.end(record)
    told.now["healthCheckGracePeriodSeconds"] = 180  # by a stack, or by hand
    told.see()
    restored = restore.restoration(told.records[record["base"]], told.records, told.live)["settings"]
    assert restored == {BALANCERS: [dict(sorted(SINGLE.items()))]}


def test_what_the_second_call_has_yet_to_set_is_no_work_of_somebody_else() -> None:
    """A run that died before it noted its deployment, between both calls."""
    told = Told()
    told.end(told.begin({BALANCERS: []}))
    record = told.open(settings={BALANCERS: [SINGLE], GRACE: 60}).record
    now = {**told.now, BALANCERS: [SINGLE], "deployments": [{"id": "ecs-svc/2", "status": "PRIMARY"}]}
    now["taskDefinition"] = told.live["task_definition"]
    assert fence.problem(record, now) is None
    elsewhere = {**SINGLE, "targetGroupArn": SINGLE["targetGroupArn"].replace("tg-a", "tg-c")}
    assert fence.problem(record, {**now, BALANCERS: [elsewhere]}) is not None
