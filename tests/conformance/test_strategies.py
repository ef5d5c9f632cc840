"""Deployments that shift traffic between two target groups, as AWS publishes them.

API_* is the page of https://docs.aws.amazon.com/AmazonECS/latest/APIReference/, guide pages are those of
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/.
"""

from collections.abc import Callable
from typing import Any

import pytest

from tests.conformance.place import Place, error_of, until
from tests.conformance.test_ecs import CHECKS, container, register

BLUE_GREEN = {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 1}
STAGES = [
    *("RECONCILE_SERVICE", "PRE_SCALE_UP", "SCALE_UP", "POST_SCALE_UP", "TEST_TRAFFIC_SHIFT"),
    *("POST_TEST_TRAFFIC_SHIFT", "PRODUCTION_TRAFFIC_SHIFT", "POST_PRODUCTION_TRAFFIC_SHIFT", "BAKE_TIME", "CLEAN_UP"),
]
PORTS = (8080, 8081)
"""Of production and of test traffic."""
Json = dict[str, Any]


def hook(*stages: str, **limits: Any) -> Json:
    more = {"timeoutConfiguration": limits} if limits else {}
    return {"targetType": "PAUSE", "lifecycleStages": list(stages), **more}


class Pair:
    """A service of two tasks, two target groups, and a rule that sends production traffic to one of them."""

    def __init__(self, place: Place) -> None:
        self.place, self.ecs = place, place.ecs
        self.groups = [place.group(**CHECKS) for _ in range(2)]
        for group in self.groups:
            place.modify(group, deregistration_delay__timeout_seconds="20")
        balancer = place.balancer()
        self.rules = []
        for port in PORTS:
            listener = place.listener(balancer, {"Type": "forward", "TargetGroupArn": self.groups[0]}, port)
            self.rules.append(place.elb.describe_rules(ListenerArn=listener)["Rules"][0]["RuleArn"])
        self.advanced = {
            "alternateTargetGroupArn": self.groups[1],
            "productionListenerRule": self.rules[0],
            "testListenerRule": self.rules[1],
            "roleArn": place.balancer_role,
        }
        self.name = place.service(self.groups[0], 2, self.advanced, deploymentConfiguration=BLUE_GREEN)
        until(lambda: self.newest()["status"] == "SUCCESSFUL", place.patience)

    def update(self, **change: Any) -> None:
        self.ecs.update_service(cluster=self.name, service=self.name, **change)

    def begin(self, **configuration: Any) -> str:
        """Deploy a new revision this way; its service deployment."""
        before = self.newest()["serviceDeploymentArn"]
        wanted = {**BLUE_GREEN, "lifecycleHooks": [], **configuration}
        self.update(taskDefinition=register(self.place, self.name), deploymentConfiguration=wanted)
        return str(until(lambda: (n := self.newest()["serviceDeploymentArn"]) != before and n, self.place.patience))

    def newest(self) -> Json:
        return self.described(self.listed()[0]["serviceDeploymentArn"])

    def listed(self, **only: Any) -> list[Json]:
        found = self.ecs.list_service_deployments(cluster=self.name, service=self.name, **only)
        return list(found["serviceDeployments"])

    def described(self, arn: str) -> Json:
        return dict(self.ecs.describe_service_deployments(serviceDeploymentArns=[arn])["serviceDeployments"][0])

    def production(self) -> list[int]:
        """The percent of the production traffic that each group gets, by the rule."""
        return self.weights(self.rules[0])

    def weights(self, rule: str) -> list[int]:
        (found,) = self.place.elb.describe_rules(RuleArns=[rule])["Rules"]
        weights = {g["TargetGroupArn"]: g["Weight"] for g in found["Actions"][0]["ForwardConfig"]["TargetGroups"]}
        return [round(100 * weights.get(each, 0) / sum(weights.values())) for each in self.groups]

    def side(self) -> int:
        """Which group has the production traffic."""
        return self.production().index(100)

    def seen(self, arn: str, look: Callable[[], Any] = lambda: None) -> list[Any]:
        """(stage, what `look` answers) of a deployment until its end, each once, in their order."""
        found: list[Any] = []

        def over() -> bool:
            now = self.described(arn)
            each = (now["lifecycleStage"], look())
            if each not in found:
                found.append(each)
            return now["status"] not in ("PENDING", "IN_PROGRESS")

        until(over, self.place.patience * 2)
        return found

    def waiting(self, arn: str) -> Json:
        """The hook that waits for an answer."""

        def hooks() -> list[Json]:
            return [h for h in self.described(arn).get("lifecycleHookDetails", []) if h["status"] == "AWAITING_ACTION"]

        return dict(until(hooks, self.place.patience)[0])

    def ended(self, arn: str) -> str:
        until(lambda: self.described(arn)["status"] in ("SUCCESSFUL", "ROLLBACK_SUCCESSFUL"), self.place.patience * 2)
        return str(self.described(arn)["status"])


@pytest.fixture(scope="module")
def pair(place: Place) -> Pair:
    return Pair(place)


@pytest.mark.rollout
def test_blue_green(pair: Pair) -> None:
    """Guide, blue-green-deployment-how-it-works: the stages in their order; both versions run until the bake time is
    over; API_ResolvedConfiguration: the revision says which group serves."""
    before = pair.side()
    arn = pair.begin()

    def look() -> tuple[int, int]:
        return pair.production()[1 - before], len(pair.place.states(pair.groups[before]))

    seen = pair.seen(arn, look)
    order = [STAGES.index(stage) for stage, _look in seen]
    assert order == sorted(order)
    assert {percent for _stage, (percent, _blue) in seen} in ({0, 100}, {100})  # the first look may come late
    assert all(blue >= 2 for stage, (_percent, blue) in seen if stage in ("SCALE_UP", "BAKE_TIME"))
    assert pair.described(arn)["status"] == "SUCCESSFUL"
    assert (pair.side(), pair.weights(pair.rules[1])) == (1 - before, pair.production())
    revision = pair.described(arn)["targetServiceRevision"]
    assert revision["requestedProductionTrafficWeight"] == 100.0
    (resolved,) = pair.ecs.describe_service_revisions(serviceRevisionArns=[revision["arn"]])["serviceRevisions"]
    (serves,) = resolved["resolvedConfiguration"]["loadBalancers"]
    assert serves == {"targetGroupArn": pair.groups[1 - before], "productionListenerRule": pair.rules[0]}
    assert sorted(pair.place.states(pair.groups[1 - before]).values()) == ["healthy", "healthy"]


@pytest.mark.rollout
def test_linear(pair: Pair) -> None:
    """API_LinearConfiguration: equal steps, and a wait between them that the last has not."""
    before = pair.side()
    linear = {"stepPercent": 40.0, "stepBakeTimeInMinutes": 1}
    arn = pair.begin(strategy="LINEAR", linearConfiguration=linear, bakeTimeInMinutes=0)
    seen = pair.seen(arn, lambda: pair.production()[1 - before])
    shifting = [percent for stage, percent in seen if stage == "PRODUCTION_TRAFFIC_SHIFT"]
    assert [each for each in shifting if each not in (0, 100)] == [40, 80]
    assert pair.side() == 1 - before


@pytest.mark.rollout
def test_canary_with_pauses(pair: Pair) -> None:
    """API_CanaryConfiguration; guide, pause-lifecycle-hooks and continue-service-deployment: a hook waits at each stage
    that it names, and goes on when it is answered; it is answered once."""
    before = pair.side()
    canary = {"canaryPercent": 10.0, "canaryBakeTimeInMinutes": 1}
    hooks = [hook("POST_TEST_TRAFFIC_SHIFT", "PRE_PRODUCTION_TRAFFIC_SHIFT")]
    arn = pair.begin(strategy="CANARY", canaryConfiguration=canary, lifecycleHooks=hooks)
    first = pair.waiting(arn)
    assert pair.described(arn)["lifecycleStage"] == "POST_TEST_TRAFFIC_SHIFT"
    assert (first["targetType"], first["timeoutAction"]) == ("PAUSE", "ROLLBACK")
    assert pair.production()[1 - before] == 0
    pair.ecs.continue_service_deployment(serviceDeploymentArn=arn, hookId=first["hookId"])
    again = {"serviceDeploymentArn": arn, "hookId": first["hookId"]}
    assert error_of(lambda: pair.ecs.continue_service_deployment(**again)) == "InvalidParameterException"
    percents = []
    for _ in range(2):
        waits = pair.waiting(arn)
        assert waits["hookId"] != first["hookId"]
        percents.append(pair.production()[1 - before])
        pair.ecs.continue_service_deployment(serviceDeploymentArn=arn, hookId=waits["hookId"], action="CONTINUE")
    assert percents == [0, 10]
    assert pair.ended(arn) == "SUCCESSFUL"
    assert pair.side() == 1 - before


@pytest.mark.rollout
@pytest.mark.parametrize("way", ["answer", "time-out", "stop"])
def test_a_deployment_goes_back(pair: Pair, way: str) -> None:
    """Guide, pause-lifecycle-hooks: ROLLBACK as answer and when the time is over; API_StopServiceDeployment. The
    traffic returns to the tasks that had it."""
    before, blue = pair.side(), set(pair.place.states(pair.groups[pair.side()]))
    good = pair.listed(status=["SUCCESSFUL"])[0]["targetServiceRevisionArn"]
    arn = pair.begin(
        lifecycleHooks=[hook("POST_PRODUCTION_TRAFFIC_SHIFT", timeoutInMinutes=1 if way == "time-out" else 9)]
    )
    waits = pair.waiting(arn)
    assert pair.side() == 1 - before
    if way == "answer":
        pair.ecs.continue_service_deployment(serviceDeploymentArn=arn, hookId=waits["hookId"], action="ROLLBACK")
    if way == "stop":
        pair.ecs.stop_service_deployment(serviceDeploymentArn=arn)
    assert pair.ended(arn) == "ROLLBACK_SUCCESSFUL"
    assert pair.described(arn)["rollback"]["serviceRevisionArn"] == good
    assert pair.side() == before
    assert pair.weights(pair.rules[1]) == pair.production()
    assert blue <= set(pair.place.states(pair.groups[before]))


@pytest.mark.rollout
def test_a_newer_deployment_takes_the_place_of_one_that_waits(pair: Pair) -> None:
    """API_DeploymentLifecycleHook, RECONCILE_SERVICE: where more than one revision is active at the start."""
    before = pair.side()
    canary = {"canaryPercent": 50.0, "canaryBakeTimeInMinutes": 0}
    first = pair.begin(strategy="CANARY", canaryConfiguration=canary, lifecycleHooks=[hook("PRODUCTION_TRAFFIC_SHIFT")])
    pair.waiting(first)
    until(lambda: pair.production() == [50, 50], pair.place.patience)
    second = pair.begin(lifecycleHooks=[hook("RECONCILE_SERVICE")])
    waits = pair.waiting(second)
    assert pair.described(second)["lifecycleStage"] == "RECONCILE_SERVICE"
    until(lambda: pair.production()[before] == 100, pair.place.patience)
    pair.ecs.continue_service_deployment(serviceDeploymentArn=second, hookId=waits["hookId"])
    pair.seen(second)
    assert pair.described(first)["status"] == "STOPPED"
    assert pair.described(second)["status"] == "SUCCESSFUL"
    assert pair.side() == 1 - before


@pytest.mark.rollout
def test_a_sticky_group_behind_a_rule_that_keeps_no_client(pair: Pair) -> None:
    """User guide, edit-target-group-attributes: ECS cannot make such a rule forward to a second group (case C24)."""
    if pair.side():  # the group that the service declares is to serve, or UpdateService is refused already
        assert pair.ended(pair.begin()) == "SUCCESSFUL"
    elb, before = pair.place.elb, pair.side()
    for rule in pair.rules:
        listener = rule.replace(":listener-rule/", ":listener/").rpartition("/")[0]
        action = {"Type": "forward", "TargetGroupArn": pair.groups[before]}
        elb.modify_listener(ListenerArn=listener, DefaultActions=[action])
    pair.place.modify(pair.groups[before], stickiness__enabled="true")
    try:
        arn = pair.begin()
        assert {stage for stage, _ in pair.seen(arn)} <= {None, "PRE_SCALE_UP"}
        assert pair.ended(arn) == "ROLLBACK_SUCCESSFUL"
        assert pair.side() == before
        assert "healthy" not in pair.place.states(pair.groups[1 - before]).values()
    finally:
        pair.place.modify(pair.groups[before], stickiness__enabled="false")


@pytest.mark.api
@pytest.mark.parametrize(
    "configuration",
    [
        {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 1441},
        {"strategy": "CANARY", "canaryConfiguration": {"canaryPercent": 0.05}},
        {"strategy": "LINEAR", "linearConfiguration": {"stepPercent": 2.9}},
        {"strategy": "BLUE_GREEN", "canaryConfiguration": {"canaryPercent": 10.0}},
        {"strategy": "CANARY", "linearConfiguration": {"stepPercent": 10.0}},
        {"lifecycleHooks": [{**hook("PRE_SCALE_UP"), "hookTargetArn": "arn:aws:lambda:us-east-1:1:function:f"}]},
    ],
)
def test_configurations_that_are_refused(pair: Pair, configuration: Json) -> None:
    """API_DeploymentConfiguration, API_CanaryConfiguration, API_LinearConfiguration, API_DeploymentLifecycleHook."""
    wanted = {**BLUE_GREEN, **configuration}
    assert error_of(lambda: pair.update(deploymentConfiguration=wanted)) == "InvalidParameterException"


@pytest.mark.api
@pytest.mark.parametrize("change", ["alternateTargetGroupArn", "productionListenerRule", "roleArn", "all"])
def test_load_balancers_that_are_refused(pair: Pair, change: str) -> None:
    """API_AdvancedConfiguration; guide, alb-resources-for-blue-green: a second group, a rule, a role."""
    advanced = {k: v for k, v in pair.advanced.items() if k != change}
    entry = {"targetGroupArn": pair.groups[0], "containerName": container(pair.place)["name"], "containerPort": 8080}
    if change != "all":
        entry["advancedConfiguration"] = advanced
    assert error_of(lambda: pair.update(loadBalancers=[entry])) == "InvalidParameterException"
