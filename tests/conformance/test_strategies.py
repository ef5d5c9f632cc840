"""Deployments that shift traffic between two target groups, as AWS publishes them.

API_* is the page of https://docs.aws.amazon.com/AmazonECS/latest/APIReference/, guide pages are those of
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/.
"""

import pytest

from tests.conformance.pairs import BLUE_GREEN, Pair, hook
from tests.conformance.place import Json, Place, container, error_of, until

STAGES = [
    *("RECONCILE_SERVICE", "PRE_SCALE_UP", "SCALE_UP", "POST_SCALE_UP", "TEST_TRAFFIC_SHIFT"),
    *("POST_TEST_TRAFFIC_SHIFT", "PRODUCTION_TRAFFIC_SHIFT", "POST_PRODUCTION_TRAFFIC_SHIFT", "BAKE_TIME", "CLEAN_UP"),
]


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
def test_a_pause_before_the_scale_up_holds_the_tasks_back(pair: Pair) -> None:
    """API_DeploymentLifecycleHook, PRE_SCALE_UP: "The green service revision has not started"."""
    arn = pair.begin(lifecycleHooks=[hook("PRE_SCALE_UP")], bakeTimeInMinutes=0)
    waits = pair.waiting(arn)
    tasks = pair.ecs.list_tasks(cluster=pair.name, serviceName=pair.name)["taskArns"]
    described = pair.ecs.describe_tasks(cluster=pair.name, tasks=tasks)["tasks"]
    (service,) = pair.ecs.describe_services(cluster=pair.name, services=[pair.name])["services"]
    assert service["taskDefinition"] not in {task["taskDefinitionArn"] for task in described}
    pair.ecs.continue_service_deployment(serviceDeploymentArn=arn, hookId=waits["hookId"])
    assert pair.ended(arn) == "SUCCESSFUL"


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
