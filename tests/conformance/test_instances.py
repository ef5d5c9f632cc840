"""Launch type EC2 and what else decides whether a task runs: room, memory, and who deploys the service.

API_* is the page of https://docs.aws.amazon.com/AmazonECS/latest/APIReference/, guide pages are those of
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/. The image is that of test_ecs.py.
"""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from tests.conformance.place import PORT, Place, container, error_of, until

NO_ROOM = "was unable to place a task because no container instance met all of its requirements."


class Cluster:
    """A cluster with one instance of 1024 CPU units and 2048 MiB, whose port 22 is reserved."""

    def __init__(self, place: Place) -> None:
        self.place, self.ecs, self.name = place, place.ecs, place.name()
        place.cluster(self.name)
        self.instance = self.join()

    def join(self) -> str:
        totals = [{"name": name, "type": "INTEGER", "integerValue": n} for name, n in (("CPU", 1024), ("MEMORY", 2048))]
        made = self.ecs.register_container_instance(
            cluster=self.name,
            instanceIdentityDocument=json.dumps({"instanceId": f"i-{uuid.uuid4().hex[:17]}"}),
            totalResources=[*totals, {"name": "PORTS", "type": "STRINGSET", "stringSetValue": ["22"]}],
        )
        arn = str(made["containerInstance"]["containerInstanceArn"])
        self.place.remove_instance(self.name, arn)
        return arn

    def register(self, port: int = PORT, **more: Any) -> str:
        only = {**container(self.place), "portMappings": [{"containerPort": PORT, "hostPort": port}], **more}
        made = self.ecs.register_task_definition(
            family=self.name, networkMode="bridge", requiresCompatibilities=["EC2"], containerDefinitions=[only]
        )
        return str(made["taskDefinition"]["taskDefinitionArn"])

    def run(self, revision: str) -> dict[str, Any]:
        return dict(self.ecs.run_task(cluster=self.name, taskDefinition=revision, launchType="EC2"))

    def left(self) -> dict[str, Any]:
        asked = {"cluster": self.name, "containerInstances": [self.instance]}
        (found,) = self.ecs.describe_container_instances(**asked)["containerInstances"]
        return {
            each["name"]: each.get("integerValue", each.get("stringSetValue")) for each in found["remainingResources"]
        }

    def stop(self, task: str) -> None:
        self.ecs.stop_task(cluster=self.name, task=task)
        until(lambda: self.left()["MEMORY"] == 2048, self.place.patience)


@pytest.fixture
def cluster(place: Place) -> Cluster:
    return Cluster(place)


@pytest.mark.api
def test_a_task_takes_of_its_instance_and_gives_back(cluster: Cluster) -> None:
    """API_ContainerInstance, remainingResources; API_PortMapping: "after a task stops, the host port is released"."""
    (task,) = cluster.run(cluster.register(8080, cpu=256, memory=512, memoryReservation=300))["tasks"]
    assert task["containerInstanceArn"] == cluster.instance
    left = cluster.left()
    assert (left["CPU"], left["MEMORY"]) == (768, 1748), "the soft limit is what placement counts"
    assert set(left["PORTS"]) == {"22", "8080"}
    cluster.stop(task["taskArn"])
    assert set(cluster.left()["PORTS"]) == {"22"}


@pytest.mark.api
@pytest.mark.parametrize(
    ("what", "needs"),
    [("MEMORY", {"memory": 2049}), ("CPU", {"memory": 9, "cpu": 1025}), ("PORTS", {"memory": 9, "port": 22})],
)
def test_run_task_without_room_on_any_instance(cluster: Cluster, what: str, needs: dict[str, int]) -> None:
    """Guide, api_failures_messages: RESOURCE:*, in `failures` of an answer that is no error."""
    found = cluster.run(cluster.register(**needs))
    assert found["tasks"] == []
    assert [(each["arn"], each["reason"]) for each in found["failures"]] == [(cluster.instance, f"RESOURCE:{what}")]


@pytest.mark.rollout
def test_a_service_waits_for_an_instance_with_room(cluster: Cluster) -> None:
    """Guide, service-event-messages-list: unable to place; service-event-messages: once until the cause is resolved."""
    where = {"cluster": cluster.name, "serviceName": cluster.place.name()}
    cluster.ecs.create_service(**where, taskDefinition=cluster.register(memory=2000), desiredCount=2, launchType="EC2")
    cluster.place.remove_service(cluster.name, where["serviceName"])

    def service() -> dict[str, Any]:
        return dict(cluster.ecs.describe_services(cluster=cluster.name, services=[where["serviceName"]])["services"][0])

    def unplaced() -> list[str]:
        return [each["message"] for each in service()["events"] if NO_ROOM in each["message"]]

    until(lambda: unplaced() and service()["runningCount"] == 1, cluster.place.patience)
    assert service()["deployments"][0]["failedTasks"] == 0
    cluster.join()
    until(lambda: service()["runningCount"] == 2, cluster.place.patience)
    assert len(unplaced()) == 1


@pytest.mark.rollout
def test_a_container_that_needs_more_than_its_memory(place: Place) -> None:
    """API_ContainerDefinition, memory: "If your container attempts to exceed the memory specified here, the container
    is killed"; guide, stopped-task-error-codes: OutOfMemoryError."""
    task = place.ran({**container(place, EATS_MEMORY="96"), "memory": 64})
    assert task["stopCode"] == "EssentialContainerExited"
    (killed,) = task["containers"]
    assert killed["exitCode"] == 137
    assert killed["reason"].startswith("OutOfMemory")


@pytest.mark.api
def test_a_service_of_code_deploy_is_not_deployed_by_an_update(place: Place) -> None:
    """API_UpdateService: of such a service only the desired count, the deployment configuration, the grace period and
    few more "can be updated using this API"; it has task sets and no deployments (API_Service)."""
    group = place.group()
    place.listener(place.balancer(), {"Type": "forward", "TargetGroupArn": group})
    where = place.service(group, 1, deploymentController={"type": "CODE_DEPLOY"})
    (found,) = place.ecs.describe_services(cluster=where, services=[where])["services"]
    assert (found["deploymentController"]["type"], found["deployments"]) == ("CODE_DEPLOY", [])

    def refused(**change: Any) -> str:
        return error_of(lambda: place.ecs.update_service(cluster=where, service=where, **change))

    assert refused(taskDefinition=found["taskDefinition"]) == refused(platformVersion="1.4.0")
    assert refused(taskDefinition=found["taskDefinition"]) == "InvalidParameterException"
    place.ecs.update_service(cluster=where, service=where, desiredCount=0)
