"""Elastic Container Service as AWS publishes it: the API, and deployments to their end.

API_* is the page of https://docs.aws.amazon.com/AmazonECS/latest/APIReference/, guide pages are those of
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/. The image must end with CRASH_AT_START's value as its
exit code, answer /health with 503 when NEVER_HEALTHY is set, and hold as many MiB as EATS_MEMORY says.
"""

from typing import Any

import pytest

from tests.conformance.deployed import BREAKER, Deployed
from tests.conformance.place import FARGATE, PORT, Place, container, error_of, register, until

# -- the API ------------------------------------------------------------------------------------------


@pytest.mark.api
def test_missing_things(place: Place) -> None:
    """API_DescribeClusters and others: what is missing is listed in failures; operations on it are errors."""
    name = place.name()
    assert place.ecs.describe_clusters(clusters=[name])["failures"][0]["reason"] == "MISSING"
    assert error_of(lambda: place.ecs.describe_services(cluster=name, services=["x"])) == "ClusterNotFoundException"
    assert error_of(lambda: place.ecs.list_tasks(cluster=name)) == "ClusterNotFoundException"
    assert error_of(lambda: place.ecs.describe_task_definition(taskDefinition=f"{name}:1")) == "ClientException"


@pytest.mark.api
def test_a_revision_and_its_defaults(place: Place) -> None:
    """API_ContainerDefinition: essential is true by default; API_PortMapping: in awsvpc the host port is the same."""
    family = place.name()
    arn = register(place, family)
    found = place.ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
    (only,) = found["containerDefinitions"]
    assert (only["essential"], only["cpu"], only["mountPoints"], only["volumesFrom"]) == (True, 0, [], [])
    assert only["portMappings"] == [{"containerPort": PORT, "hostPort": PORT, "protocol": "tcp"}]
    assert (found["status"], found["revision"]) == ("ACTIVE", 1)
    assert "FARGATE" in found["compatibilities"]
    assert register(place, family).endswith(":2")
    place.ecs.deregister_task_definition(taskDefinition=arn)
    assert place.ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]["status"] == "INACTIVE"
    listed = place.ecs.list_task_definitions(familyPrefix=family, sort="DESC")["taskDefinitionArns"]
    assert [a.rsplit(":", 1)[1] for a in listed] == ["2"]


@pytest.mark.api
@pytest.mark.parametrize(
    "change",
    [
        {"networkMode": "bridge"},
        {"cpu": "256", "memory": "4096"},
        {"containerDefinitions": []},
    ],
)
def test_revisions_that_fargate_refuses(place: Place, change: dict[str, Any]) -> None:
    """Guide, fargate-tasks-services: awsvpc only, and pairs of cpu and memory."""
    body = {"family": place.name(), "containerDefinitions": [container(place)], **FARGATE, **change}
    refused = error_of(lambda: place.ecs.register_task_definition(**body))
    assert refused in ("ClientException", "InvalidParameterException")


@pytest.mark.api
def test_services_that_are_refused(place: Place, deployed: Deployed) -> None:
    """API_CreateService, Errors; guide, service-load-balancing: the target group needs a load balancer."""

    def refused(**change: Any) -> str:
        body = {
            "cluster": deployed.name,
            "serviceName": place.name(),
            "taskDefinition": deployed.first,
            "desiredCount": 1,
            "launchType": "FARGATE",
            "networkConfiguration": place.network,
        }
        return error_of(lambda: place.ecs.create_service(**{**body, **change}))

    def balancer(**change: Any) -> list[dict[str, Any]]:
        return [{"targetGroupArn": deployed.group, "containerName": "app", "containerPort": PORT, **change}]

    assert refused(cluster=place.name()) == "ClusterNotFoundException"
    assert refused(taskDefinition=f"{place.name()}:1") == "ClientException"
    assert refused(serviceName=deployed.name) == "InvalidParameterException"
    for change in ({"targetGroupArn": place.group()}, {"containerName": "other"}, {"containerPort": 1}):
        assert refused(loadBalancers=balancer(**change)) == "InvalidParameterException"
    blocked = {"maximumPercent": 100, "minimumHealthyPercent": 100}
    assert refused(deploymentConfiguration=blocked) == "InvalidParameterException"
    recreated = {"maximumPercent": 100, "minimumHealthyPercent": 0}
    zones = {"availabilityZoneRebalancing": "ENABLED"}  # guide, service-rebalancing: not with 100% for maximumPercent
    assert refused(deploymentConfiguration=recreated, **zones) == "InvalidParameterException"


@pytest.mark.api
def test_zones_are_rebalanced_where_nothing_is_said(deployed: Deployed) -> None:
    """API_CreateService, availabilityZoneRebalancing."""
    assert deployed.service()["availabilityZoneRebalancing"] == "ENABLED"


@pytest.mark.api
def test_updates_that_are_refused(place: Place, deployed: Deployed) -> None:
    """API_UpdateService, Errors; guide, deregister-task-definition-v2: no update to an INACTIVE revision."""

    def update(**change: Any) -> str:
        body = {"cluster": deployed.name, "service": deployed.name, **change}
        return error_of(lambda: place.ecs.update_service(**body))

    inactive = register(place, place.name())
    place.ecs.deregister_task_definition(taskDefinition=inactive)
    assert update(taskDefinition=inactive) == "ClientException"
    assert update(service=place.name()) == "ServiceNotFoundException"
    # API_ServiceConnectService: portName is the name of a port mapping of the task definition.
    offered = {"enabled": True, "namespace": place.name(), "services": [{"portName": "nobody"}]}
    assert update(serviceConnectConfiguration=offered) == "InvalidParameterException"


@pytest.mark.api
def test_batches(place: Place, deployed: Deployed) -> None:
    """API_DescribeServices: up to 10 services; API_DescribeTasks: up to 100 tasks."""
    services = [f"s{n}" for n in range(11)]
    many = error_of(lambda: place.ecs.describe_services(cluster=deployed.name, services=services))
    assert many == "InvalidParameterException"
    tasks = error_of(lambda: place.ecs.describe_tasks(cluster=deployed.name, tasks=["0" * 32] * 101))
    assert tasks == "InvalidParameterException"
    found = place.ecs.describe_services(cluster=deployed.name, services=["missing"])
    assert [f["reason"] for f in found["failures"]] == ["MISSING"]


@pytest.mark.api
def test_tags_are_in_lower_case_and_told_on_request(place: Place, deployed: Deployed) -> None:
    """API_Tag; API_DescribeServices: tags are omitted unless include has TAGS."""
    service = deployed.service()
    assert not service.get("tags")
    arn = service["serviceArn"]
    place.ecs.tag_resource(resourceArn=arn, tags=[{"key": "team", "value": "a"}])
    asked = place.ecs.describe_services(cluster=deployed.name, services=[arn], include=["TAGS"])["services"][0]
    assert {"key": "team", "value": "a"} in asked["tags"]
    place.ecs.untag_resource(resourceArn=arn, tagKeys=["team"])
    assert {"key": "team", "value": "a"} not in place.ecs.list_tags_for_resource(resourceArn=arn)["tags"]


@pytest.mark.api
def test_tasks_show_what_they_are(place: Place, deployed: Deployed) -> None:
    """API_Task, API_Container, API_Attachment: the address is a detail of the network interface."""
    arns = place.ecs.list_tasks(cluster=deployed.name, serviceName=deployed.name)["taskArns"]
    tasks = place.ecs.describe_tasks(cluster=deployed.name, tasks=arns)["tasks"]
    addresses = {d["value"] for t in tasks for d in t["attachments"][0]["details"] if d["name"] == "privateIPv4Address"}
    assert addresses == set(place.states(deployed.group))
    for task in tasks:
        assert (task["lastStatus"], task["desiredStatus"], task["launchType"]) == ("RUNNING", "RUNNING", "FARGATE")
        assert task["group"] == f"service:{deployed.name}"
        assert task["containers"][0]["imageDigest"].startswith("sha256:")


# -- deployments --------------------------------------------------------------------------------------


@pytest.mark.rollout
def test_a_rolling_update(place: Place, deployed: Deployed) -> None:
    """Guide, deployment-type-ecs: PRIMARY and ACTIVE at first, then one deployment, COMPLETED."""
    second = register(place, deployed.name, ROUND="2")
    updated = deployed.update(taskDefinition=second)
    states = [(d["status"], d["rolloutState"]) for d in updated["deployments"]]
    assert states[0] == ("PRIMARY", "IN_PROGRESS")
    assert ("ACTIVE", "COMPLETED") in states
    service = deployed.completed(second)
    assert service["runningCount"] == 3
    assert until(lambda: deployed.newest()["status"] == "SUCCESSFUL", place.patience)
    newest = deployed.newest()
    assert newest["targetServiceRevision"]["requestedTaskCount"] == 3
    assert "startedAt" in newest and "stoppedAt" not in newest
    revision = newest["targetServiceRevision"]["arn"]
    service = deployed.service()
    (current,) = service["currentServiceRevisions"]
    assert (service["currentServiceDeployment"], current["arn"]) == (newest["serviceDeploymentArn"], revision)
    assert (current["requestedTaskCount"], current["runningTaskCount"], current["pendingTaskCount"]) == (3, 3, 0)
    described = place.ecs.describe_service_revisions(serviceRevisionArns=[revision])["serviceRevisions"][0]
    assert described["taskDefinition"] == second
    assert until(lambda: any("has reached a steady state" in e["message"] for e in deployed.service()["events"]), 60)


@pytest.mark.rollout
def test_the_desired_count_is_no_deployment(deployed: Deployed) -> None:
    """API_UpdateService: scaling starts no new deployment."""
    before = deployed.service()["deployments"][0]["id"]
    deployed.update(desiredCount=4)
    until(lambda: deployed.service()["runningCount"] == 4, deployed.place.patience)
    deployed.update(desiredCount=3)
    until(lambda: deployed.service()["runningCount"] == 3, deployed.place.patience)
    assert deployed.service()["deployments"][0]["id"] == before


@pytest.mark.rollout
def test_a_stopped_task_is_replaced(place: Place, deployed: Deployed) -> None:
    """API_StopTask: the reason is shown; stopCode UserInitiated. The service keeps its desired count."""
    victim = place.ecs.list_tasks(cluster=deployed.name, serviceName=deployed.name)["taskArns"][0]
    place.ecs.stop_task(cluster=deployed.name, task=victim, reason="conformance")

    def task() -> dict[str, Any]:
        return dict(place.ecs.describe_tasks(cluster=deployed.name, tasks=[victim])["tasks"][0])

    until(lambda: task()["lastStatus"] == "STOPPED", place.patience)
    assert (task()["stopCode"], task()["desiredStatus"]) == ("UserInitiated", "STOPPED")
    assert "conformance" in task()["stoppedReason"]
    until(lambda: list(place.states(deployed.group).values()).count("healthy") == 3, place.patience)


@pytest.mark.rollout
def test_what_ends_during_a_rollout_is_replaced_by_its_own_version(place: Place, deployed: Deployed) -> None:
    """Guide, deployment-type-ecs: unhealthy tasks are "replaced using the same service revision"; What's New of
    November 2025: terminated ones too. The new version never gets well here."""
    good = deployed.service()["taskDefinition"]
    bad = register(place, deployed.name, NEVER_HEALTHY="1")
    deployed.update(taskDefinition=bad)

    def own() -> set[str]:
        arns = place.ecs.list_tasks(cluster=deployed.name, serviceName=deployed.name)["taskArns"]
        tasks = place.ecs.describe_tasks(cluster=deployed.name, tasks=arns)["tasks"]
        return {t["taskArn"] for t in tasks if t["taskDefinitionArn"] == good and t["desiredStatus"] == "RUNNING"}

    before = own()
    until(lambda: deployed.service()["deployments"][0]["runningCount"] == 3, place.patience)
    victim = min(before)
    place.ecs.stop_task(cluster=deployed.name, task=victim, reason="conformance")
    until(lambda: len(own()) == 3 and own() - before and victim not in own(), place.patience)
    deployed.update(taskDefinition=good)
    deployed.completed(good)


def rolled_back(deployed: Deployed, definition: str, grace: int = 3600) -> dict[str, Any]:
    """Deploy what fails; the service deployment once the circuit breaker has rolled it back."""
    good = deployed.service()["taskDefinition"]
    deployed.update(taskDefinition=definition, healthCheckGracePeriodSeconds=grace)
    until(lambda: deployed.newest()["status"] == "ROLLBACK_SUCCESSFUL", deployed.place.patience * 2)
    deployed.update(healthCheckGracePeriodSeconds=3600)
    assert deployed.completed(good)["runningCount"] == 3
    return deployed.newest()


@pytest.mark.rollout
def test_crashing_tasks_are_rolled_back(place: Place, deployed: Deployed) -> None:
    """Guide, deployment-circuit-breaker: 3 failures at a desired count of 3, then back to the last COMPLETED one."""
    bad = register(place, deployed.name, CRASH_AT_START="3")
    newest = rolled_back(deployed, bad)
    assert newest["deploymentCircuitBreaker"]["status"] == "TRIGGERED"
    assert newest["deploymentCircuitBreaker"]["threshold"] == 3
    crashed = [t for t in deployed.stopped(bad) if t["stopCode"] == "EssentialContainerExited"]
    # What is still starting by then is stopped by ECS.
    assert [t["containers"][0]["exitCode"] for t in crashed[:3]] == [3, 3, 3]


@pytest.mark.rollout
def test_crashes_of_tasks_without_any_check_are_no_matter_of_the_circuit_breaker(place: Place) -> None:
    """Guide, deployment-circuit-breaker: stage 1 is about reaching RUNNING, stage 2 about health checks.
    API_Deployment, failedTasks: it "doesn't transition to a RUNNING state, or ... fails any of its defined health
    checks"."""
    name = place.name()
    place.cluster(name)
    place.ecs.create_service(
        cluster=name, serviceName=name, taskDefinition=register(place, name, CRASH_AT_START="3"), desiredCount=1,
        launchType="FARGATE", networkConfiguration=place.network, deploymentConfiguration=BREAKER,
    )  # fmt: skip
    place.remove_service(name, name)
    until(lambda: len(place.ecs.list_tasks(cluster=name, desiredStatus="STOPPED")["taskArns"]) > 3, place.patience)
    (lead,) = place.ecs.describe_services(cluster=name, services=[name])["services"][0]["deployments"]
    assert (lead["rolloutState"], lead["failedTasks"]) == ("IN_PROGRESS", 0)


@pytest.mark.rollout
def test_unhealthy_tasks_are_rolled_back(place: Place, deployed: Deployed) -> None:
    """Guide, deployment-circuit-breaker, stage 2: health checks of the load balancer."""
    bad = register(place, deployed.name, NEVER_HEALTHY="1")
    rolled_back(deployed, bad, grace=0)
    reasons = [t["stoppedReason"] for t in deployed.stopped(bad)]
    assert any("Task failed ELB health checks in" in r for r in reasons), reasons


@pytest.mark.rollout
def test_a_container_that_fails_its_own_check(place: Place, deployed: Deployed) -> None:
    """Guide, healthcheck: an essential container that is UNHEALTHY makes its task so; the service replaces it, and the
    circuit breaker counts it. API_CreateService: the grace period is for container health checks too."""
    check = {"command": ["CMD-SHELL", "exit 1"], "interval": 5, "timeout": 2, "retries": 1}
    made = place.ecs.register_task_definition(
        family=deployed.name, executionRoleArn=place.role,
        containerDefinitions=[{**container(place), "healthCheck": check}], **FARGATE,
    )  # fmt: skip
    bad = made["taskDefinition"]["taskDefinitionArn"]
    rolled_back(deployed, bad, grace=120)  # until then the load balancer is content
    reasons = [task["stoppedReason"] for task in deployed.stopped(bad)]
    assert any("container health checks" in reason for reason in reasons), reasons


@pytest.mark.rollout
def test_an_image_that_is_missing(place: Place, deployed: Deployed) -> None:
    """Guide, stopped-task-error-codes: TaskFailedToStart, CannotPullContainerError."""
    missing = {**container(place), "image": f"conformance/{place.name()}:v1"}
    made = place.ecs.register_task_definition(
        family=deployed.name, executionRoleArn=place.role, containerDefinitions=[missing], **FARGATE
    )
    bad = made["taskDefinition"]["taskDefinitionArn"]
    rolled_back(deployed, bad)
    (failed, *_) = deployed.stopped(bad)
    assert failed["stopCode"] == "TaskFailedToStart"
    assert failed["stoppedReason"].startswith("CannotPullContainerError")


@pytest.mark.rollout
def test_a_deployment_is_stopped(place: Place, deployed: Deployed) -> None:
    """API_StopServiceDeployment: ROLLBACK is the only stop type; a finished one cannot be stopped. Guide,
    stop-service-deployment: one that is being rolled back can, and goes on."""
    good = deployed.service()["taskDefinition"]
    deployed.update(taskDefinition=register(place, deployed.name, NEVER_HEALTHY="1"))
    arn = deployed.newest()["serviceDeploymentArn"]
    for _ in range(2):
        stopped = place.ecs.stop_service_deployment(serviceDeploymentArn=arn, stopType="ROLLBACK")
        assert stopped["serviceDeploymentArn"] == arn
    until(lambda: deployed.newest()["status"] == "ROLLBACK_SUCCESSFUL", place.patience)
    again = error_of(lambda: place.ecs.stop_service_deployment(serviceDeploymentArn=arn))
    assert again == "ConflictException"
    deployed.completed(good)


@pytest.mark.rollout
def test_a_deleted_service_is_drained(place: Place, deployed: Deployed) -> None:
    """API_DeleteService: not above 0 without force; DRAINING, then INACTIVE; then updates are refused."""
    which = {"cluster": deployed.name, "service": place.name()}
    place.ecs.create_service(
        cluster=deployed.name,
        serviceName=which["service"],
        taskDefinition=deployed.first,
        desiredCount=1,
        launchType="FARGATE",
        networkConfiguration=place.network,
    )

    def status() -> str:
        found = place.ecs.describe_services(cluster=deployed.name, services=[which["service"]])["services"][0]
        return str(found["status"])

    assert error_of(lambda: place.ecs.delete_service(**which)) == "InvalidParameterException"
    place.ecs.update_service(**which, desiredCount=0)
    assert place.ecs.delete_service(**which)["service"]["status"] in ("DRAINING", "INACTIVE")
    until(lambda: status() == "INACTIVE", place.patience)
    assert error_of(lambda: place.ecs.update_service(**which, desiredCount=1)) == "ServiceNotActiveException"
