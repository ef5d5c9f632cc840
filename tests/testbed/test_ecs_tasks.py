"""Tasks of the bed without processes: RunTask, StopTask, ListTasks, DescribeTasks, and what tags they get."""

from typing import Any

from tests.testbed.beds import NETWORK, World, until
from tests.testbed.test_ecs import code


def run(world: World, definition: str, **more: Any) -> list[dict[str, Any]]:
    body = {"cluster": world.name, "launchType": "FARGATE", "networkConfiguration": NETWORK}
    return list(world.ecs.run_task(**body, taskDefinition=definition, **more)["tasks"])


def test_a_task_of_its_own(declared: World) -> None:
    definition = declared.register()
    (task,) = run(declared, definition, startedBy="me", tags=[{"key": "a", "value": "b"}])
    assert (task["lastStatus"], task["desiredStatus"]) == ("PROVISIONING", "RUNNING")
    found = until(lambda: [t for t in declared.tasks() if t["lastStatus"] == "RUNNING"])[0]
    assert (found["startedBy"], found["group"]) == ("me", f"family:{declared.name}")
    container = found["containers"][0]
    assert (container["lastStatus"], container["healthStatus"]) == ("RUNNING", "UNKNOWN")
    assert container["imageDigest"].startswith("sha256:")
    address = container["networkInterfaces"][0]["privateIpv4Address"]
    assert {"name": "privateIPv4Address", "value": address} in found["attachments"][0]["details"]
    declared.ecs.stop_task(cluster=declared.name, task=task["taskArn"], reason="enough")
    stopped = until(lambda: [t for t in declared.tasks("STOPPED") if t["lastStatus"] == "STOPPED"])[0]
    assert (stopped["stopCode"], stopped["stoppedReason"]) == ("UserInitiated", "enough")
    assert stopped["stoppedAt"] >= stopped["stoppingAt"] >= stopped["startedAt"] >= stopped["createdAt"]
    assert stopped["containers"][0]["exitCode"] == 143
    tags = declared.ecs.list_tags_for_resource(resourceArn=task["taskArn"])["tags"]
    assert tags == [{"key": "a", "value": "b"}]


def test_the_same_token_starts_no_second_task(declared: World) -> None:
    definition = declared.register()
    (first,) = run(declared, definition, clientToken="t")
    (again,) = run(declared, definition, clientToken="t")
    assert again["taskArn"] == first["taskArn"]
    assert code(run, declared, definition, clientToken="t", count=2) == "ConflictException"
    declared.ecs.stop_task(cluster=declared.name, task=first["taskArn"])


def test_tasks_are_found_by_what_they_are(declared: World) -> None:
    definition = declared.register()
    declared.create(definition, desiredCount=2)
    declared.completed(definition)
    run(declared, definition, startedBy="me")
    until(lambda: len(declared.tasks()) == 3)
    assert len(declared.tasks(serviceName="web")) == 2
    assert len(declared.tasks(startedBy="me")) == 1
    assert len(declared.tasks(family=declared.name)) == 3
    assert declared.tasks(family="other") == declared.tasks(launchType="EC2") == declared.tasks("STOPPED") == []
    others = {"family": declared.name, "serviceName": "web", "launchType": "EC2", "desiredStatus": "STOPPED"}
    for name, value in others.items():
        refused = code(declared.ecs.list_tasks, cluster=declared.name, startedBy="me", **{name: value})
        assert refused == "InvalidParameterException"
    assert code(declared.tasks, serviceName="none") == "ServiceNotFoundException"
    deployment = declared.service()["deployments"][0]["id"]
    assert {t["startedBy"] for t in declared.tasks(serviceName="web")} == {deployment}
    for task in declared.tasks(startedBy="me"):
        declared.ecs.stop_task(cluster=declared.name, task=task["taskArn"])


def test_run_task_refuses_what_it_cannot_run(declared: World) -> None:
    definition = declared.register()
    inactive = declared.register()
    declared.ecs.deregister_task_definition(taskDefinition=inactive)
    assert code(run, declared, inactive) == "ClientException"
    assert code(run, declared, definition, count=11) == "InvalidParameterException"
    nameless = {"containerOverrides": [{"name": "app", "environment": [{"value": "x"}]}]}
    assert code(run, declared, definition, overrides=nameless) == "InvalidParameterException"
    assert code(declared.ecs.stop_task, cluster=declared.name, task="0" * 32) == "InvalidParameterException"


def test_tags_reach_the_tasks_of_a_service(declared: World) -> None:
    definition = declared.register()
    declared.create(definition, desiredCount=1, tags=[{"key": "team", "value": "a"}], propagateTags="SERVICE")
    declared.completed(definition)
    (arn,) = declared.ecs.list_tasks(cluster=declared.name)["taskArns"]
    found = declared.ecs.describe_tasks(cluster=declared.name, tasks=[arn], include=["TAGS"])["tasks"][0]
    assert found["tags"] == [{"key": "team", "value": "a"}]


def test_ecs_manages_tags_and_enables_execute_command_where_it_is_asked_to(declared: World) -> None:
    definition = declared.register()
    asked = {"enableECSManagedTags": True, "enableExecuteCommand": True}
    declared.create(definition, desiredCount=1, **asked)
    declared.completed(definition)
    arns = declared.ecs.list_tasks(cluster=declared.name)["taskArns"]
    (found,) = declared.ecs.describe_tasks(cluster=declared.name, tasks=arns, include=["TAGS"])["tasks"]
    own = {"key": "aws:ecs:clusterName", "value": declared.name}
    of_service = {"key": "aws:ecs:serviceName", "value": "web"}
    assert (found["tags"], found["enableExecuteCommand"]) == ([own, of_service], True)
    (once,) = run(declared, definition, **asked)
    assert (once["tags"], once["enableExecuteCommand"]) == ([own], True)
