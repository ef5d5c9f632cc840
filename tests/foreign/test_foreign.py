"""The test bed is true to AWS where others meet it: each client sees what its users tell of, false successes included.

Sources: the waiters of botocore (data/ecs/2014-11-13/waiters-2.json, data/elbv2/2015-12-01/waiters-2.json), the
documentation of community.aws 11.2.0 and of ecs-deploy 1.17.0, and the issues that are named where they are played.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.foreign.clients import FOREIGN, Shell, Wanted, ecs_deploy, playbook
from tests.testbed.beds import NETWORK, PORT, ROLE, World, until

CRASH = {"CRASH_AT_START": "3"}
RED, BLUE = {"COLOUR": "red"}, {"COLOUR": "blue"}


@pytest.fixture
def served(world: World) -> World:
    """A service of three healthy tasks of revision 1."""
    first = world.register(env=RED)
    world.create(first)
    world.completed(first, seconds=60)
    return world


def want(world: World, **env: str) -> Wanted:
    """Revision 1 with other environment variables."""
    live = world.ecs.describe_task_definition(taskDefinition=f"{world.name}:1")["taskDefinition"]
    names = world.ecs.meta.service_model.operation_model("RegisterTaskDefinition").input_shape.members
    change = [{"name": name, "value": value} for name, value in env.items()]
    [app] = live["containerDefinitions"]
    app = {**app, "environment": change}
    definition = {**{k: v for k, v in live.items() if k in names}, "containerDefinitions": [app]}
    return Wanted(world.name, "web", definition, {"app": {"environment": change}})


def revision(world: World) -> int:
    """Of the service, as it names it."""
    return int(world.service()["taskDefinition"].rsplit(":", 1)[1])


def stable(shell: Shell, world: World) -> Any:
    return shell.aws("ecs", "wait", "services-stable", "--cluster", world.name, "--services", "web")


def at_rest(world: World) -> None:
    until(lambda: len(world.deployments()) == 1 and world.deployments()[0][1] != "IN_PROGRESS", 60, world.deployments)


# -- the waiters of the AWS CLI ----------------------------------------------------------------------------------------


def test_the_waiters_differ_from_botocores_in_their_delay_alone(shell: Shell) -> None:
    [data] = FOREIGN.glob("lib/python3*/site-packages/botocore/data")
    for name in ("ecs/2014-11-13", "elbv2/2015-12-01"):
        theirs = json.loads((data / name / "waiters-2.json").read_text(encoding="utf-8"))["waiters"]
        ours = json.loads((shell.folder / "models" / name / "waiters-2.json").read_text(encoding="utf-8"))["waiters"]
        assert {waiter: {**how, "delay": 0} for waiter, how in ours.items()} == {
            waiter: {**how, "delay": 0} for waiter, how in theirs.items()
        }


def test_services_stable_comes_back_when_a_good_deployment_is_complete(served: World, shell: Shell) -> None:
    served.update(taskDefinition=served.register(env=BLUE))
    ended = stable(shell, served)
    assert (ended.status, ended.text) == (0, "")
    assert revision(served) == 2 and len(served.deployments()) == 1


def test_services_stable_calls_a_rollback_of_the_circuit_breaker_a_success(served: World, shell: Shell) -> None:
    """aws-actions/amazon-ecs-deploy-task-definition#191: one deployment, running count equal to desired count."""
    served.update(taskDefinition=served.register(env=CRASH))
    ended = stable(shell, served)
    assert (ended.status, ended.text) == (0, "")
    assert revision(served) == 1


def test_services_stable_calls_a_service_of_no_tasks_a_success(served: World, shell: Shell) -> None:
    served.update(taskDefinition=served.register(env=CRASH), desiredCount=0)
    assert stable(shell, served).status == 0
    assert served.service()["runningCount"] == 0


def test_services_stable_calls_the_deployment_of_somebody_else_a_success(served: World, shell: Shell) -> None:
    served.update(taskDefinition=served.register(env=CRASH))
    served.update(taskDefinition=served.register(env=BLUE))
    assert stable(shell, served).status == 0
    assert revision(served) == 3


def test_services_stable_gives_up_after_forty_looks_and_says_no_cause(served: World, shell: Shell) -> None:
    """boto/botocore#3305. Without a circuit breaker ECS tries for ever."""
    off = {"deploymentCircuitBreaker": {"enable": False, "rollback": False}}
    served.update(taskDefinition=served.register(env=CRASH), deploymentConfiguration=off)
    ended = stable(shell, served)
    assert ended.status == 255
    assert ended.text.strip().endswith("Waiter ServicesStable failed: Max attempts exceeded")
    assert 39 * 15 * shell.scale <= ended.seconds, "forty looks, fifteen seconds apart"


def test_services_stable_knows_no_service_that_is_missing(world: World, shell: Shell) -> None:
    ended = stable(shell, world)
    assert ended.status == 255
    assert "Waiter ServicesStable failed: Waiter encountered a terminal failure state" in ended.text
    assert "MISSING" in ended.text


def test_target_in_service_waits_for_the_last_target_that_drains(served: World, shell: Shell) -> None:
    """It wants every target healthy, so a deployment is over for it only when the old targets are gone."""
    delay = [{"Key": "deregistration_delay.timeout_seconds", "Value": "200"}]
    served.elb.modify_target_group_attributes(TargetGroupArn=served.group, Attributes=delay)
    served.update(taskDefinition=served.register(env=BLUE))

    def states() -> set[str]:
        found = served.elb.describe_target_health(TargetGroupArn=served.group)["TargetHealthDescriptions"]
        return {each["TargetHealth"]["State"] for each in found}

    until(lambda: len(states()) > 1, 30, states)
    ended = shell.aws("elbv2", "wait", "target-in-service", "--target-group-arn", served.group)
    assert (ended.status, ended.text, states()) == (0, "", {"healthy"})
    looks = [c for c in served.bed.admin("GET", "/_bed/calls")[1]["log"] if c["operation"] == "DescribeTargetHealth"]
    assert len([c for c in looks if c["access_key"] == "player"]) > 1


def test_target_in_service_calls_a_group_without_targets_no_success(world: World, shell: Shell) -> None:
    """pathAll of an empty list is false: it waits to its end."""
    ended = shell.aws("elbv2", "wait", "target-in-service", "--target-group-arn", world.group)
    assert ended.status == 255 and "Waiter TargetInService failed: Max attempts exceeded" in ended.text


# -- ecs-deploy --------------------------------------------------------------------------------------------------------


def test_ecs_deploy_deploys_and_deregisters_the_revision_that_was_live(served: World, shell: Shell) -> None:
    ended = ecs_deploy(shell, want(served, **BLUE))
    assert ended.status == 0 and "Deployment successful" in ended.text
    assert "Successfully deregistered revision: 1" in ended.text
    assert revision(served) == 2
    first = served.ecs.describe_task_definition(taskDefinition=f"{served.name}:1")["taskDefinition"]
    assert first["status"] == "INACTIVE"


@pytest.mark.parametrize("broken", [CRASH, {"NEVER_HEALTHY": "1"}], ids=["crashes", "unhealthy"])
def test_ecs_deploy_calls_a_rollback_a_success_and_deregisters_what_runs(
    served: World, shell: Shell, broken: dict[str, str]
) -> None:
    """fabfuel/ecs-deploy#185: after the rollback the service has one deployment and all of its tasks, of the old one.
    Tasks that were RUNNING once bring no event with the word "unable", the only ones that ecs-deploy reads:
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-throttle-logic.html"""
    ended = ecs_deploy(shell, want(served, **broken))
    assert ended.status == 0 and "Deployment successful" in ended.text
    assert revision(served) == 1
    first = served.ecs.describe_task_definition(taskDefinition=f"{served.name}:1")["taskDefinition"]
    assert first["status"] == "INACTIVE"


def test_ecs_deploy_reads_the_warning_that_tasks_never_start(served: World, shell: Shell) -> None:
    """Its text names no image (fabfuel/ecs-deploy#195)."""
    wanted = Wanted(served.name, "web", {}, {"app": {"image": "nobody/pushed-it:v2"}})
    ended = ecs_deploy(shell, wanted)
    assert ended.status == 1
    said = ended.text.partition("Deploying new task definition")[2]
    assert "ERROR: (service web) is unable to consistently start tasks successfully." in said
    assert "Deployment failed" in said and "CannotPull" not in said and "nobody/pushed-it" not in said


def test_ecs_deploy_sees_a_circuit_breaker_that_does_not_roll_back(served: World, shell: Shell) -> None:
    served.update(deploymentConfiguration={"deploymentCircuitBreaker": {"enable": True, "rollback": False}})
    at_rest(served)
    ended = ecs_deploy(shell, want(served, NEVER_HEALTHY="1"))
    assert ended.status == 1
    assert "Deployment Failed! ECS deployment circuit breaker: tasks failed to start." in ended.text


def test_ecs_deploy_ends_with_its_timeout(served: World, shell: Shell) -> None:
    served.update(deploymentConfiguration={"deploymentCircuitBreaker": {"enable": False, "rollback": False}})
    at_rest(served)
    ended = ecs_deploy(shell, want(served, NEVER_HEALTHY="1"), "--timeout", "3")
    assert ended.status == 1 and "Deployment failed due to timeout" in ended.text


def test_ecs_deploy_names_a_service_that_is_missing(world: World, shell: Shell) -> None:
    ended = shell.ecs("deploy", world.name, "web")
    assert ended.status == 1 and "Service not found" in ended.text


# -- community.aws -----------------------------------------------------------------------------------------------------


def definition(world: World, **env: str) -> dict[str, Any]:
    """Options of ecs_taskdefinition."""
    environment = [{"name": name, "value": value} for name, value in env.items()]
    ports = [{"containerPort": PORT, "hostPort": PORT, "protocol": "tcp"}]
    app = {"name": "app", "image": "steady/echo:v1", "essential": True, "portMappings": ports}
    return {
        "state": "present", "family": world.name, "network_mode": "awsvpc", "launch_type": "FARGATE", "cpu": "256",
        "memory": "512", "execution_role_arn": ROLE, "containers": [{**app, "environment": environment}],
    }  # fmt: skip


def service(world: World, task_definition: str, **more: Any) -> dict[str, Any]:
    """Options of ecs_service."""
    network = NETWORK["awsvpcConfiguration"]
    balancers = [{"targetGroupArn": world.group, "containerName": "app", "containerPort": PORT}]
    return {
        "state": "present", "name": "web", "cluster": world.name, "task_definition": task_definition,
        "desired_count": 2, "launch_type": "FARGATE", "load_balancers": balancers,
        "network_configuration": {"subnets": network["subnets"], "security_groups": network["securityGroups"]},
        "deployment_configuration": {"deployment_circuit_breaker": {"enable": True, "rollback": True}}, **more,
    }  # fmt: skip


def test_ecs_cluster_makes_a_cluster_once_and_removes_it(world: World, shell: Shell) -> None:
    name = f"{world.name}-2"
    ended, answer = shell.module("community.aws.ecs_cluster", name=name, state="present")
    assert ended.status == 0 and answer["changed"], ended.text
    assert world.ecs.describe_clusters(clusters=[name])["clusters"][0]["status"] == "ACTIVE"
    assert not shell.module("community.aws.ecs_cluster", name=name, state="present")[1]["changed"]
    assert shell.module("community.aws.ecs_cluster", name=name, state="absent")[1]["changed"]
    left = world.ecs.describe_clusters(clusters=[name])["clusters"]
    assert all(each["status"] == "INACTIVE" for each in left), "AWS may show it for a while"


def test_ecs_taskdefinition_registers_once_and_overlooks_a_changed_value(world: World, shell: Shell) -> None:
    """Two lists of equal length are equal to it, whatever stands in them; `force_create` is the way around."""
    module = "community.aws.ecs_taskdefinition"
    ended, answer = shell.module(module, **definition(world, **RED))
    assert ended.status == 0 and answer["changed"] and answer["taskdefinition"]["revision"] == 1, ended.text
    assert not shell.module(module, **definition(world, **RED))[1]["changed"]
    assert not shell.module(module, **definition(world, **BLUE))[1]["changed"]
    assert not shell.module(module, **{**definition(world, **RED), "memory": "1024"})[1]["changed"]
    answer = shell.module(module, force_create=True, **definition(world, **BLUE))[1]
    assert answer["changed"] and answer["taskdefinition"]["revision"] == 2


def test_ecs_taskdefinition_info_tells_what_is_registered(world: World, shell: Shell) -> None:
    world.register(env=RED)
    ended, answer = shell.module("community.aws.ecs_taskdefinition_info", task_definition=f"{world.name}:1")
    assert ended.status == 0, ended.text
    assert (answer["family"], answer["revision"], answer["status"]) == (world.name, 1, "ACTIVE")
    assert answer["container_definitions"][0]["environment"] == [{"name": "COLOUR", "value": "red"}]


def test_ecs_service_makes_a_service_and_comes_back_before_it_runs(world: World, shell: Shell) -> None:
    """Its `wait` is for `state: absent` alone, as its documentation says."""
    world.register(env=RED)
    ended, answer = shell.module("community.aws.ecs_service", **service(world, f"{world.name}:1", wait=True))
    assert ended.status == 0 and answer["changed"] and answer["service"]["runningCount"] == 0, ended.text
    world.completed(answer["service"]["taskDefinition"], seconds=60)
    again = shell.module("community.aws.ecs_service", **service(world, f"{world.name}:1"))[1]
    assert not again["changed"]
    by_arn = service(world, answer["service"]["taskDefinition"])
    assert shell.module("community.aws.ecs_service", check=True, **by_arn)[1]["changed"], "a full ARN is always another"


def test_ecs_service_overlooks_a_changed_circuit_breaker(served: World, shell: Shell) -> None:
    options = service(served, f"{served.name}:1", desired_count=3)
    options["deployment_configuration"] = {"deployment_circuit_breaker": {"enable": False, "rollback": False}}
    ended, answer = shell.module("community.aws.ecs_service", **options)
    assert ended.status == 0 and not answer["changed"], ended.text
    assert served.service()["deploymentConfiguration"]["deploymentCircuitBreaker"]["enable"]


def test_ecs_service_says_changed_and_what_it_deployed_never_serves(served: World, shell: Shell) -> None:
    ended = playbook(shell, want(served, **CRASH), until_stable=False)
    assert ended.status == 0 and "changed=2" in ended.text, ended.text
    at_rest(served)
    assert revision(served) == 1


def test_a_loop_of_ecs_service_info_calls_a_rollback_a_success(served: World, shell: Shell) -> None:
    ended = playbook(shell, want(served, **CRASH))
    assert ended.status == 0 and "failed=0" in ended.text, ended.text
    assert revision(served) == 1


def one_off(world: World, number: int, **more: Any) -> dict[str, Any]:
    """Options of ecs_task: run a revision of this family."""
    network = NETWORK["awsvpcConfiguration"]
    return {
        "operation": "run", "cluster": world.name, "task_definition": f"{world.name}:{number}", "count": 1,
        "launch_type": "FARGATE", "started_by": "somebody",
        "network_configuration": {"subnets": network["subnets"], "security_groups": network["securityGroups"]}, **more,
    }  # fmt: skip


def test_ecs_task_runs_another_task_each_time_and_stops_a_stopped_one_again(world: World, shell: Shell) -> None:
    """It looks for a task whose ARN ends with the name of the task definition, which no ARN does."""
    module, mine = "community.aws.ecs_task", {"startedBy": "somebody"}
    world.register(env=RED)
    ended, answer = shell.module(module, **one_off(world, 1, wait=True))
    assert ended.status == 0 and answer["changed"], ended.text
    [first] = answer["task"]
    assert first["lastStatus"] == "PROVISIONING", "it has waited, and answers what RunTask said"
    assert [task["lastStatus"] for task in world.tasks(**mine)] == ["RUNNING"]
    assert shell.module(module, **one_off(world, 1))[1]["changed"] and len(world.tasks(**mine)) == 2
    stop = {"operation": "stop", "cluster": world.name, "task_definition": world.name, "task": first["taskArn"]}
    ended, answer = shell.module(module, **stop, wait=True)
    assert ended.status == 0 and answer["changed"] and answer["task"]["desiredStatus"] == "STOPPED", ended.text
    assert first["taskArn"] in [task["taskArn"] for task in world.tasks("STOPPED") if task["lastStatus"] == "STOPPED"]
    assert shell.module(module, **stop)[1]["changed"]


def test_ecs_task_calls_a_task_that_fails_a_success_and_tells_its_exit_code(world: World, shell: Shell) -> None:
    """`wait_complete` answers stopCode and exitCode, as its documentation says, and judges neither."""
    world.register(env=CRASH)
    ended, answer = shell.module("community.aws.ecs_task", **one_off(world, 1, wait_complete=True))
    assert ended.status == 0 and answer["changed"], ended.text
    [task] = answer["task"]
    assert (task["stopCode"], task["containers"][0]["exitCode"]) == ("EssentialContainerExited", 3)


@pytest.mark.parametrize("kind", ["cluster", "service"])
def test_ecs_tag_adds_once_and_takes_away_what_has_the_value(served: World, shell: Shell, kind: str) -> None:
    which = {"cluster_name": served.name, "resource_type": kind, **({"resource": "web"} if kind == "service" else {})}

    def tagged(**more: Any) -> tuple[bool, dict[str, str]]:
        """Whether it says that it has changed something, and the tags afterwards."""
        ended, answer = shell.module("community.aws.ecs_tag", **which, **more)
        assert ended.status == 0, ended.text
        arn = served.service()["serviceArn" if kind == "service" else "clusterArn"]
        found = served.ecs.list_tags_for_resource(resourceArn=arn)["tags"]
        return answer["changed"], {each["key"]: each["value"] for each in found}

    both = {"team": "a", "stage": "test"}
    assert tagged(tags=both) == (True, both)
    assert tagged(tags=both) == (False, both)
    assert tagged(tags={"team": "b"}, state="absent") == (False, both)
    assert tagged(tags={"team": "a"}, state="absent") == (True, {"stage": "test"})
    assert tagged(tags={"team": "c"}, purge_tags=True) == (True, {"team": "c"})


@pytest.fixture
def group(world: World) -> Iterator[str]:
    """The name of a target group that is not there yet."""
    name = f"{world.name}-2"
    yield name
    found = [g for g in world.elb.describe_target_groups()["TargetGroups"] if g["TargetGroupName"] == name]
    for each in found:
        world.elb.delete_target_group(TargetGroupArn=each["TargetGroupArn"])


def test_elb_target_group_sets_attributes_and_cannot_turn_stickiness_off(
    world: World, shell: Shell, group: str
) -> None:
    module, common = "community.aws.elb_target_group", {
        "name": group, "state": "present", "protocol": "http", "port": PORT, "vpc_id": "vpc-1", "target_type": "ip",
        "health_check_protocol": "http", "health_check_path": "/health", "modify_targets": False,
    }  # fmt: skip
    sticky = {"stickiness_enabled": True, "stickiness_lb_cookie_duration": 3600}
    ended, answer = shell.module(module, **common, **sticky, deregistration_delay_timeout=60)
    assert ended.status == 0 and answer["changed"], ended.text

    def attributes() -> dict[str, str]:
        found = world.elb.describe_target_group_attributes(TargetGroupArn=answer["target_group_arn"])["Attributes"]
        return {each["Key"]: each["Value"] for each in found}

    made = attributes()
    assert (made["stickiness.enabled"], made["deregistration_delay.timeout_seconds"]) == ("true", "60")
    assert not shell.module(module, **common, **sticky, deregistration_delay_timeout=60)[1]["changed"]
    ended, _ = shell.module(module, **common, stickiness_enabled=False)
    assert ended.status == 0 and attributes()["stickiness.enabled"] == "true"
