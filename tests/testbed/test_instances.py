"""Launch type EC2 on a cluster of declared capacity: placement, host ports, and what has no room."""

import urllib.request
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.testbed.beds import NETWORK, PORT, World, until

NO_ROOM = "was unable to place a task because no container instance met all of its requirements."


def definition(world: World, memory: int = 512, mode: str = "awsvpc", port: int = PORT, **more: Any) -> str:
    """The ARN of a revision for instances. `more` goes into its container."""
    container = world.container(portMappings=[{"containerPort": PORT, "hostPort": port}], memory=memory, **more)
    made = world.ecs.register_task_definition(
        family=world.name, networkMode=mode, requiresCompatibilities=["EC2"], containerDefinitions=[container]
    )
    return str(made["taskDefinition"]["taskDefinitionArn"])


def create(world: World, revision: str, count: int = 1, group: str | None = None, **more: Any) -> None:
    balancers = [{"targetGroupArn": group or world.group, "containerName": "app", "containerPort": PORT}]
    network = {} if group else {"networkConfiguration": NETWORK}
    body = {"launchType": "EC2", "desiredCount": count, "loadBalancers": balancers, "deploymentConfiguration": {}}
    body |= {"cluster": world.name, "serviceName": "web", "taskDefinition": revision, **network, **more}
    world.ecs.create_service(**body)


def left(world: World, instance: str) -> dict[str, Any]:
    found = world.ecs.describe_container_instances(cluster=world.name, containerInstances=[instance])
    resources = found["containerInstances"][0]["remainingResources"]
    return {each["name"]: each.get("integerValue", each.get("stringSetValue")) for each in resources}


def unplaced(world: World) -> list[str]:
    return [each for each in world.events() if NO_ROOM in each]


def test_a_log_without_a_prefix_is_refused_by_name(declared: World) -> None:
    """AWS takes it on EC2, where the stream is then named by the container's id (guide, using_awslogs)."""
    declared.instance()
    options = {"awslogs-group": "g", "awslogs-region": "us-east-1"}
    revision = definition(declared, logConfiguration={"logDriver": "awslogs", "options": options})
    with pytest.raises(ClientError, match="InvalidAction.*the log driver awslogs without awslogs-stream-prefix"):
        create(declared, revision)


# -- placement


def test_tasks_spread_over_instances_and_give_back_what_they_took(declared: World) -> None:
    first, second = declared.instance(1024, 2048, 22), declared.instance()
    revision = definition(declared, cpu=256)
    create(declared, revision, 2)
    declared.completed(revision)
    for instance in (first, second):
        assert (left(declared, instance)["CPU"], left(declared, instance)["MEMORY"]) == (768, 1536)
    assert left(declared, first)["PORTS"] == ["22"], "awsvpc takes no port of the host"
    tasks = declared.tasks(launchType="EC2")
    assert {each["containerInstanceArn"] for each in tasks} == {first, second}
    assert {(each["launchType"], each.get("platformVersion")) for each in tasks} == {("EC2", None)}
    declared.update(desiredCount=0)
    until(lambda: left(declared, first)["MEMORY"] == left(declared, second)["MEMORY"] == 2048)


@pytest.mark.parametrize(("memory", "cpu", "why"), [(1500, 0, "memory available"), (100, 900, "CPU units available")])
def test_a_rollout_without_room_waits_says_so_once_and_goes_on(
    declared: World, memory: int, cpu: int, why: str
) -> None:
    instance = declared.instance()
    first, second = (definition(declared, memory, cpu=cpu) for _ in range(2))
    create(declared, first, healthCheckGracePeriodSeconds=60)
    declared.completed(first)
    declared.update(taskDefinition=second)
    until(lambda: unplaced(declared))
    assert (declared.deployments()[0][1:], len(declared.tasks())) == (("IN_PROGRESS", 2, 0), 1)
    name = instance.rsplit("/", 1)[1]
    told = f"The closest matching (container-instance {name}) has insufficient {why}."
    assert told in unplaced(declared)[0]
    declared.instance()
    declared.completed(second)
    assert len(unplaced(declared)) == 1


def test_a_cluster_without_instances_has_no_room(declared: World) -> None:
    revision = definition(declared)
    create(declared, revision)
    until(lambda: unplaced(declared))
    assert "Reason: No Container Instances were found in your cluster." in unplaced(declared)[0]
    with pytest.raises(ClientError, match="No Container Instances were found in your cluster"):
        declared.ecs.run_task(cluster=declared.name, taskDefinition=revision, networkConfiguration=NETWORK)


@pytest.mark.parametrize(
    ("needs", "reason"),
    [({"memory": 4096}, "RESOURCE:MEMORY"), ({"cpu": 2048}, "RESOURCE:CPU"), ({"port": 22}, "RESOURCE:PORTS")],
)
def test_run_task_answers_a_failure_for_each_instance(declared: World, needs: Any, reason: str) -> None:
    instances = [declared.instance(1024, 2048, 22) for _ in range(2)]
    found = declared.ecs.run_task(cluster=declared.name, taskDefinition=definition(declared, mode="bridge", **needs))
    assert found["tasks"] == []
    assert found["failures"] == [{"arn": each, "reason": reason} for each in instances]


# -- host ports


def host_group(world: World) -> str:
    """A second group, of targets that are instances; users reach it on the port above the usual one."""
    group = world.make_group(f"{world.name}-i", kind="instance")
    world.listen(group, PORT + 1)
    return group


def answer(world: World) -> int:
    with urllib.request.urlopen(f"http://{world.balancer['DNSName']}:{PORT + 1}/", timeout=10) as found:
        return int(found.status)


def targets(world: World, group: str) -> set[tuple[str, int, str]]:
    found = world.elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    return {(each["Target"]["Id"], each["Target"]["Port"], each["TargetHealth"]["State"]) for each in found}


@pytest.mark.parametrize("mode", ["host", "bridge"])
def test_users_reach_a_task_by_its_instance_and_host_port(world: World, mode: str) -> None:
    group, instance = host_group(world), world.instance()
    revision = definition(world, mode=mode)
    create(world, revision, group=group, healthCheckGracePeriodSeconds=600)
    world.completed(revision, seconds=60)
    described = world.ecs.describe_container_instances(cluster=world.name, containerInstances=[instance])
    assert targets(world, group) == {(described["containerInstances"][0]["ec2InstanceId"], PORT, "healthy")}
    assert answer(world) == 200
    (task,) = world.tasks()
    assert task["attachments"] == [] == task["containers"][0]["networkInterfaces"]
    binding = {"bindIP": "0.0.0.0", "containerPort": PORT, "hostPort": PORT, "protocol": "tcp"}
    assert task["containers"][0]["networkBindings"] == [binding]


def test_a_fixed_port_is_free_when_its_task_has_stopped(declared: World) -> None:
    group, instance = host_group(declared), declared.instance()
    first, second = (definition(declared, mode="bridge", port=80) for _ in range(2))
    create(declared, first, group=group)
    declared.completed(first)
    assert left(declared, instance)["PORTS"] == ["80"]
    declared.update(taskDefinition=second)
    until(lambda: unplaced(declared))
    assert "is already using a port required by your task." in unplaced(declared)[0]
    recreated = {"minimumHealthyPercent": 0, "maximumPercent": 100}
    declared.update(deploymentConfiguration=recreated, availabilityZoneRebalancing="DISABLED")
    declared.completed(second)


def test_a_port_of_0_is_another_one_for_each_task(declared: World) -> None:
    group = host_group(declared)
    declared.instance()
    revision = definition(declared, mode="bridge", port=0)
    create(declared, revision, 3, group=group)
    declared.completed(revision)
    ports = {port for _id, port, _state in targets(declared, group)}
    assert len(ports) == 3 and min(ports) >= 49153


@pytest.mark.parametrize(("mode", "kind"), [("bridge", "ip"), ("awsvpc", "instance")])
def test_a_target_group_of_the_wrong_type_is_refused(declared: World, mode: str, kind: str) -> None:
    group = host_group(declared) if kind == "instance" else declared.group
    network = {"networkConfiguration": NETWORK} if mode == "awsvpc" else {}
    with pytest.raises(ClientError, match=f"target type {kind}, which is incompatible with the {mode} network mode"):
        create(declared, definition(declared, mode=mode), group=group, **network)


def test_what_an_instance_needs_and_what_it_cannot_do(declared: World) -> None:
    with pytest.raises(ClientError, match="identity, CPU and MEMORY"):
        declared.ecs.register_container_instance(cluster=declared.name)
    instance = declared.instance()
    with pytest.raises(ClientError) as caught:
        declared.ecs.delete_cluster(cluster=declared.name)
    assert caught.value.response["Error"]["Code"] == "ClusterContainsContainerInstancesException"
    declared.ecs.deregister_container_instance(cluster=declared.name, containerInstance=instance)
    assert declared.ecs.list_container_instances(cluster=declared.name)["containerInstanceArns"] == []
    for mode, what in (("none", "networkMode none"), ("bridge", "networkMode bridge and 2 containers")):
        made = declared.ecs.register_task_definition(
            family=declared.name, networkMode=mode, containerDefinitions=[
                {"name": name, "image": "steady/echo:v1", "memory": 128} for name in ("a", "b")],
        )  # fmt: skip
        with pytest.raises(ClientError, match=what):
            declared.ecs.run_task(cluster=declared.name, taskDefinition=made["taskDefinition"]["taskDefinitionArn"])
    with pytest.raises(ClientError, match="At least one of 'memory' or 'memoryReservation'"):
        declared.ecs.register_task_definition(family="x", containerDefinitions=[{"name": "a", "image": "b"}])


# -- memory


def test_a_container_over_its_limit_is_killed(world: World) -> None:
    container = {"memory": 64, "env": {"EATS_MEMORY": "96"}}
    revision = world.register("v1", **container)
    world.ecs.run_task(cluster=world.name, launchType="FARGATE", networkConfiguration=NETWORK, taskDefinition=revision)
    until(lambda: [t for t in world.tasks("STOPPED") if t["lastStatus"] == "STOPPED"])
    (task,) = world.tasks("STOPPED")
    assert (task["stopCode"], task["stoppedReason"]) == (
        "EssentialContainerExited",
        "Essential container in task exited",
    )
    (only,) = task["containers"]
    assert (only["exitCode"], only["reason"]) == (137, "OutOfMemoryError: Container killed due to memory usage")


# -- other controllers


def test_a_service_that_code_deploy_deploys_lists_no_deployments(declared: World) -> None:
    first = declared.register()
    declared.create(first, deploymentController={"type": "CODE_DEPLOY"}, deploymentConfiguration={})
    until(lambda: declared.service()["runningCount"] == 3)
    found = declared.service()
    assert (found["deployments"], found["deploymentController"]) == ([], {"type": "CODE_DEPLOY"})
    assert declared.ecs.list_service_deployments(cluster=declared.name, service="web")["serviceDeployments"] == []
    for change in (
        {"taskDefinition": declared.register()},
        {"forceNewDeployment": True},
        {"volumeConfigurations": []},
        {"serviceConnectConfiguration": {"enabled": False}},
    ):
        with pytest.raises(ClientError, match="Use AWS CodeDeploy to trigger a new deployment"):
            declared.update(**change)
    assert declared.update(desiredCount=1)["desiredCount"] == 1


def test_a_service_of_an_external_controller_runs_nothing_by_itself(declared: World) -> None:
    declared.ecs.create_service(
        cluster=declared.name, serviceName="web", desiredCount=2, deploymentController={"type": "EXTERNAL"}
    )
    found = declared.service()
    assert (found["deployments"], found["runningCount"], found.get("taskDefinition")) == ([], 0, None)
    assert "launchType" not in found
    assert declared.update(desiredCount=1)["desiredCount"] == 1
    for change in ({"taskDefinition": declared.register()}, {"networkConfiguration": NETWORK}, {"loadBalancers": []}):
        with pytest.raises(ClientError, match="EXTERNAL deployment controller"):
            declared.update(**change)
