"""What kinds are made of: how the world is before, what others do meanwhile, and what a change needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.cases.shifting import BLUE_GREEN, Pair, pause
from tests.verdicts.stage import APP_PORT, KEY, Stage, env, merged, until

Json = dict[str, Any]
Act = Callable[[Stage], None]
ALARM = "web-errors"
RECREATE = {"minimumHealthyPercent": 0, "maximumPercent": 100}
"""All old tasks end before new ones begin."""


def changed(**values: Any) -> Callable[[Stage], Json]:
    """The same change in every world."""
    return lambda stage: values


def variables(**values: str) -> Callable[[Stage], Json]:
    """Environment variables of the server."""
    return changed(container=env(**values))


def service(**how: Any) -> Act:
    """A service that is complete and healthy before anybody deploys; as Stage.create."""
    return lambda stage: stage.create(**how)


def breaker(enable: bool, rollback: bool, **more: Any) -> Json:
    """CreateService's parameter."""
    return {"deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": enable, "rollback": rollback}, **more}}


def secret(stage: Stage, name: str, value: str) -> str:
    """ARN of a new secret."""
    made = stage.bed.client("secretsmanager", key="somebody").create_secret(
        Name=f"{stage.world.name}-{name}", SecretString=value
    )
    return str(made["ARN"])


def missing_secret(stage: Stage) -> Json:
    """A secret that was there when its ARN was written down."""
    arn = secret(stage, "gone", "x")
    stage.bed.client("secretsmanager", key="somebody").delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)
    return {"container": {"secrets": [{"name": "PASSWORD", "valueFrom": arn}]}}


def once(made: Callable[[Stage], Json]) -> Callable[[Stage], Json]:
    """What a change needs is made once in a world, however often it is asked for."""

    def change(stage: Stage) -> Json:
        if "made" not in stage.notes:
            stage.notes["made"] = made(stage)
        return dict(stage.notes["made"])

    return change


def secret_without_key(stage: Stage) -> Json:
    """A JSON secret, of which a key is wanted that it does not have."""
    arn = secret(stage, "keys", '{"user": "x"}')
    return {"container": {"secrets": [{"name": "PASSWORD", "valueFrom": f"{arn}:password::"}]}}


def logs_unseen(stage: Stage) -> None:
    """Who deploys may not look at log groups, so nobody can know beforehand that one is missing."""
    stage.create()
    refused = {"error": "AccessDeniedException", "message": "not authorized to perform: logs:DescribeLogGroups"}
    stage.faults.append({"service": "logs", "operation": "Describe*", "access_key": KEY, **refused})


def alarmed(rollback: bool) -> Act:
    """A service that an alarm guards; one alarm a world."""

    def before(stage: Stage) -> None:
        name = f"{ALARM}-{stage.world.name}"
        stage.bed.client("cloudwatch", key="somebody").put_metric_alarm(
            AlarmName=name, MetricName="HTTPCode_Target_5XX_Count", Namespace="AWS/ApplicationELB", Statistic="Sum",
            Period=60, EvaluationPeriods=1, Threshold=1, ComparisonOperator="GreaterThanThreshold",
        )  # fmt: skip
        alarms = {"enable": True, "rollback": rollback, "alarmNames": [name]}
        off = {"enable": False, "rollback": False}
        stage.create(deploymentConfiguration={"deploymentCircuitBreaker": off, "alarms": alarms})

    return before


def ring(stage: Stage) -> None:
    """The alarm goes off while the new tasks start."""
    stage.started()
    stage.looked(1)
    stage.bed.client("cloudwatch", key="somebody").set_alarm_state(
        AlarmName=f"{ALARM}-{stage.world.name}", StateValue="ALARM", StateReason="a test"
    )


def never_completed(stage: Stage) -> None:
    """A service whose first deployment failed: there is nothing to go back to."""
    stage.create(changes={"container": env(CRASH_AT_START="1")}, wait=False)
    stage.at_rest()


def needing_a_secret(stage: Stage) -> None:
    """A service whose live revision has a secret, and which ends all old tasks before it starts new ones."""
    stage.notes["secret"] = secret(stage, "live", "x")
    changes = {"container": {"secrets": [{"name": "PASSWORD", "valueFrom": stage.notes["secret"]}]}}
    stage.create(count=2, changes=changes, **breaker(True, True, **RECREATE))


def delete_the_secret(stage: Stage) -> None:
    """So that the old revision cannot start any more either."""
    stage.started()
    client = stage.bed.client("secretsmanager", key="somebody")
    client.delete_secret(SecretId=stage.notes["secret"], ForceDeleteWithoutRecovery=True)


def supersede(stage: Stage) -> None:
    """A colleague deploys something else."""
    stage.started()
    stage.looked(2)
    body = merged_definition(stage, RELEASE="colleague")
    arn = stage.ecs.register_task_definition(**body)["taskDefinition"]["taskDefinitionArn"]
    stage.ecs.update_service(**stage.where, taskDefinition=arn)


def merged_definition(stage: Stage, **values: str) -> Json:
    """Revision 1 with other variables."""
    live = stage.ecs.describe_task_definition(taskDefinition=stage.first)["taskDefinition"]
    names = stage.ecs.meta.service_model.operation_model("RegisterTaskDefinition").input_shape.members
    return merged({k: v for k, v in live.items() if k in names}, {"container": env(**values)})


def stop(stage: Stage) -> None:
    """Somebody stops the deployment in the console."""
    stage.started()
    stage.looked(2)
    arn = stage.newest()["serviceDeploymentArn"]
    stage.ecs.stop_service_deployment(serviceDeploymentArn=arn, stopType="ROLLBACK")


def scale(*counts: int) -> Act:
    """Somebody, or autoscaling, moves the desired count."""

    def act(stage: Stage) -> None:
        stage.started()
        for number, count in enumerate(counts, 1):
            stage.looked(number)
            stage.ecs.update_service(**stage.where, desiredCount=count)

    return act


def stop_a_task(stage: Stage) -> None:
    """Somebody stops one of the new tasks: no failure of theirs."""
    stage.started()
    stage.looked(1)
    begun = stage.begun()["id"]
    victim = stage.world.tasks(startedBy=begun)[0]["taskArn"]
    stage.ecs.stop_task(cluster=stage.world.name, task=victim, reason="looking around")


def back_by_hand(stage: Stage) -> None:
    """Somebody goes back to the old revision by hand."""
    stage.started()
    stage.looked(2)
    stage.ecs.update_service(**stage.where, taskDefinition=stage.first)


def instances(count: int, memory: int, cpu: int = 1024, seen: bool = True, shared: bool = False, **how: Any) -> Act:
    """A service of two tasks on so many instances of its own. `seen`: whoever deploys may look at them; `shared`: the
    tasks are in the host's network, and each takes the host port of the application; `how` as Stage.create."""

    def before(stage: Stage) -> None:
        for _ in range(count):
            stage.world.instance(cpu, memory)
        asked: Json = {"requiresCompatibilities": ["EC2"]}
        more: Json = {"launchType": "EC2", "healthCheckGracePeriodSeconds": 600, **how}
        if shared:
            stage.world.group = stage.world.make_group(f"{stage.world.name}-i", kind="instance")
            forward(stage, {"Type": "forward", "TargetGroupArn": stage.world.group})
            asked["networkMode"], more["networkConfiguration"] = "host", None
        stage.create(count=2, definition=asked, **more)
        if not seen:
            refused = {"error": "AccessDeniedException", "message": "not authorized: ecs:ListContainerInstances"}
            stage.faults.append({"service": "ecs", "operation": "ListContainerInstances", "access_key": KEY, **refused})

    return before


def more_room(stage: Stage) -> None:
    """A colleague adds an instance when ECS has said that there is no room."""
    until(lambda: any("unable to place a task" in each for each in stage.world.events()), 90, stage.world.events)
    stage.looked(2)
    stage.world.instance()


def pausing(stage: Stage) -> None:
    """A blue/green service that a hook stops before users are sent to the new version."""
    pair = Pair(stage.world)
    sticky = [{"Key": "stickiness.enabled", "Value": "true"}]  # as the first group is, and then the rule has to be
    stage.elb.modify_target_group_attributes(TargetGroupArn=pair.groups[1], Attributes=sticky)
    groups = [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in zip(pair.groups, (1, 0), strict=True)]
    config = {"TargetGroups": groups, "TargetGroupStickinessConfig": {"Enabled": True, "DurationSeconds": 3600}}
    forward(stage, {"Type": "forward", "ForwardConfig": config})
    entry = {**pair.entry(), "containerPort": APP_PORT}
    stage.create(loadBalancers=[entry], deploymentConfiguration=BLUE_GREEN)
    hooks = {"lifecycleHooks": [pause("POST_TEST_TRAFFIC_SHIFT")]}
    stage.ecs.update_service(**stage.where, deploymentConfiguration={**BLUE_GREEN, **hooks})


def code_deploy(stage: Stage) -> None:
    """A service that CodeDeploy deploys."""
    stage.create(wait=False, deploymentController={"type": "CODE_DEPLOY"}, deploymentConfiguration={})


def external(stage: Stage) -> None:
    """A service whose task sets another tool makes."""
    stage.ecs.create_service(
        cluster=stage.world.name, serviceName="web", desiredCount=2, deploymentController={"type": "EXTERNAL"}
    )


def nobody_forwards(stage: Stage) -> None:
    """The listener sends users elsewhere: no rule forwards to the service's target group."""
    stage.create()
    forward(stage, {"Type": "forward", "TargetGroupArn": stage.world.make_group(f"{stage.world.name}-b")})


def forward(stage: Stage, action: Json) -> None:
    """The listener sends users so."""
    for listener in stage.elb.describe_listeners(LoadBalancerArn=stage.world.balancer["LoadBalancerArn"])["Listeners"]:
        stage.elb.modify_listener(ListenerArn=listener["ListenerArn"], DefaultActions=[action])


def somebody_deploys(stage: Stage) -> None:
    """A colleague's deployment is on its way, and takes its time."""
    stage.create(healthCheckGracePeriodSeconds=3600)
    body = merged_definition(stage, RELEASE="colleague", NEVER_HEALTHY="1")
    arn = stage.ecs.register_task_definition(**body)["taskDefinition"]["taskDefinitionArn"]
    stage.ecs.update_service(**stage.where, taskDefinition=arn)
