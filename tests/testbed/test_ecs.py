"""The ECS API of the bed, with tasks that have no processes: definitions, services, clusters, tags."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.testbed.beds import BREAKER, NETWORK, PORT, ROLE, World, until


def code(call: Any, *args: Any, **params: Any) -> str:
    """The error code that a call is refused with."""
    with pytest.raises(ClientError) as caught:
        call(*args, **params)
    return str(caught.value.response["Error"]["Code"])


def said(call: Any, *args: Any, **params: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(*args, **params)
    return str(caught.value.response["Error"]["Message"])


# -- task definitions ---------------------------------------------------------------------------------


def test_a_revision_is_echoed_with_awss_defaults(declared: World) -> None:
    arn = declared.register("v1", env={"A": "1"})
    found = declared.ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
    assert found["containerDefinitions"] == [
        {
            "name": "app",
            "image": "steady/echo:v1",
            "cpu": 0,
            "essential": True,
            "portMappings": [{"containerPort": PORT, "hostPort": PORT, "protocol": "tcp"}],
            "environment": [{"name": "A", "value": "1"}],
            "mountPoints": [],
            "volumesFrom": [],
            "systemControls": [],
        }
    ]
    assert (found["revision"], found["status"], found["family"]) == (1, "ACTIVE", declared.name)
    assert (found["volumes"], found["placementConstraints"]) == ([], [])
    assert found["compatibilities"] == ["EC2", "FARGATE"]
    assert found["requiresCompatibilities"] == ["FARGATE"]
    assert {"name": "ecs.capability.task-eni"} in found["requiresAttributes"]


def test_what_the_bed_does_not_act_on_is_carried(declared: World) -> None:
    more = {"dockerLabels": {"team": "a"}, "ulimits": [{"name": "nofile", "softLimit": 1, "hardLimit": 2}]}
    arn = declared.register("v1", command=["x"], **more)
    container = declared.ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]["containerDefinitions"][0]
    assert {k: container[k] for k in ("command", *more)} == {"command": ["x"], **more}


def test_sizes_in_words_become_numbers(declared: World) -> None:
    base = {"family": declared.name, "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"]}
    containers = [declared.container()]
    found = declared.ecs.register_task_definition(**base, cpu="1 vCPU", memory="2 GB", containerDefinitions=containers)
    assert (found["taskDefinition"]["cpu"], found["taskDefinition"]["memory"]) == ("1024", "2048")


LOG = {"logDriver": "awslogs", "options": {"awslogs-group": "g", "awslogs-region": "us-east-1"}}
SPLUNK = {"splunk-token": "t", "splunk-url": "https://splunk.internal"}
AWSLOGS = {**LOG, "options": {**LOG["options"], "awslogs-stream-prefix": "p"}}  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"containerDefinitions": []}, "Container list cannot be empty"),
        ({"networkMode": "bridge"}, "only supports network mode 'awsvpc'"),
        ({"cpu": "256", "memory": "4096"}, "No Fargate configuration exists"),
        ({"container": {"essential": False}}, "at least one container must be essential"),
        ({"container": {"portMappings": [{"containerPort": 1, "hostPort": 2}]}}, "ports in port mappings must match"),
        ({"container": {"secrets": [{"name": "A", "valueFrom": "/a"}]}, "executionRoleArn": ""}, "executionRoleArn"),
        ({"container": {"logConfiguration": LOG}}, "awslogs-stream-prefix"),
        ({"container": {"logConfiguration": AWSLOGS}, "executionRoleArn": ""}, "execution role ARN"),
        ({"container": {"environment": [{"value": "x"}]}}, "a variable needs a name"),
        ({"container": {"portMappings": [{"hostPort": 1}]}}, "a mapping needs a container port"),
        ({"container": {"healthCheck": {"command": []}}}, "must start with CMD"),
        ({"container": {"healthCheck": {"command": ["CMD"]}}}, "must start with CMD"),
        ({"container": {"healthCheck": {"command": ["true"]}}}, "must start with CMD"),
        ({"container": {"stopTimeout": 121}}, "2-120 seconds"),
        ({"container": {"stopTimeout": 1}}, "2-120 seconds"),
        ({"container": {"memory": 513}}, "more memory than the task"),
        ({"container": {"cpu": 257}}, "more CPU than the task"),
        ({"container": {"name": "a b"}}, "container name"),
        ({"family": "a:b"}, "family is too long"),
        ({"tags": [{"key": "aws:a", "value": "b"}]}, "prefix aws:"),
        ({"container": {"dependsOn": [{"containerName": "z", "condition": "START"}]}}, "dependsOn"),
        ({"container": {"linuxParameters": {"tmpfs": [{"containerPath": "/t", "size": 1}]}}}, "do not support tmpfs"),
        ({"container": {"dnsServers": ["10.0.0.2"]}, "requiresCompatibilities": []}, "when networkMode=awsvpc"),
        ({"container": {"disableNetworking": True}, "requiresCompatibilities": []}, "when networkMode=awsvpc"),
        ({"container": {"memory": 64, "memoryReservation": 64}}, "must be greater than 'memoryReservation'"),
        ({"memory": "inf GB"}, "Invalid 'memory' setting"),
    ],
)
def test_registrations_that_aws_refuses(declared: World, change: dict[str, Any], message: str) -> None:
    container = {**declared.container(), **change.pop("container", {})}
    body = {
        "family": declared.name,
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "256",
        "memory": "512",
        "executionRoleArn": ROLE,
        "containerDefinitions": [container],
    }
    with pytest.raises(ClientError) as caught:
        declared.ecs.register_task_definition(**{**body, **change})
    assert caught.value.response["Error"]["Code"] == "ClientException"
    assert message in caught.value.response["Error"]["Message"]
    assert declared.register().endswith(":1")  # a refusal uses up no revision


def test_a_deregistered_revision_is_described_but_not_used(declared: World) -> None:
    first, second = declared.register(), declared.register("v2")
    declared.ecs.deregister_task_definition(taskDefinition=second)
    assert declared.ecs.describe_task_definition(taskDefinition=second)["taskDefinition"]["status"] == "INACTIVE"
    latest = declared.ecs.describe_task_definition(taskDefinition=declared.name)["taskDefinition"]
    assert latest["taskDefinitionArn"] == first
    assert said(declared.create, second) == "TaskDefinition is inactive"
    declared.create(first)
    assert code(declared.update, taskDefinition=second) == "ClientException"
    assert declared.register("v3").endswith(":3")  # numbers are never used twice


def test_revisions_are_listed(declared: World) -> None:
    arns = [declared.register(f"v{n}") for n in range(3)]
    declared.ecs.deregister_task_definition(taskDefinition=arns[1])
    listed = declared.ecs.list_task_definitions
    assert listed(familyPrefix=declared.name)["taskDefinitionArns"] == [arns[0], arns[2]]
    assert listed(familyPrefix=declared.name, sort="DESC")["taskDefinitionArns"] == [arns[2], arns[0]]
    assert listed(familyPrefix=declared.name, status="INACTIVE")["taskDefinitionArns"] == [arns[1]]


def test_service_deployments_are_listed_20_a_page(declared: World) -> None:
    """API reference, ListServiceDeployments: "returns up to 20 results and a nextToken value"."""
    declared.create(declared.register(), desiredCount=0)
    for _ in range(20):
        declared.update(forceNewDeployment=True)
    names = {"cluster": declared.name, "service": "web"}
    first = declared.ecs.list_service_deployments(**names)
    rest = declared.ecs.list_service_deployments(**names, nextToken=first["nextToken"])
    assert (len(first["serviceDeployments"]), len(rest["serviceDeployments"])) == (20, 1)
    assert len(declared.ecs.list_service_deployments(**names, maxResults=100)["serviceDeployments"]) == 21


def test_only_inactive_revisions_are_deleted(declared: World) -> None:
    first, second = declared.register(), declared.register()
    declared.ecs.deregister_task_definition(taskDefinition=first)
    done = declared.ecs.delete_task_definitions(taskDefinitions=[first, second, "nothing:1"])
    assert [d["status"] for d in done["taskDefinitions"]] == ["DELETE_IN_PROGRESS"]
    assert [f["arn"] for f in done["failures"]] == [second, "nothing:1"]
    assert code(declared.create, first) == "ClientException"


def test_what_fargate_would_refuse_is_not_compatible_with_it(declared: World) -> None:
    containers = [{**declared.container(), "logConfiguration": LOG}]
    sizes = {"networkMode": "awsvpc", "cpu": "256", "memory": "512"}
    made = declared.ecs.register_task_definition(family=declared.name, containerDefinitions=containers, **sizes)
    assert made["taskDefinition"]["compatibilities"] == ["EC2"]
    arn = made["taskDefinition"]["taskDefinitionArn"]
    assert said(declared.create, arn) == "Task definition does not support launch_type FARGATE."


# -- services -----------------------------------------------------------------------------------------


def test_a_new_service(declared: World) -> None:
    definition = declared.register()
    made = declared.create(definition, tags=[{"key": "a", "value": "b"}])
    (only,) = made["deployments"]
    assert (only["status"], only["rolloutState"], only["runningCount"]) == ("PRIMARY", "IN_PROGRESS", 0)
    service = declared.completed(definition)
    assert (service["status"], service["desiredCount"], service["runningCount"]) == ("ACTIVE", 3, 3)
    assert service["propagateTags"] == "NONE"
    assert service["deploymentConfiguration"]["maximumPercent"] == 200
    assert "tags" not in service
    arn = service["serviceArn"]
    with_tags = declared.ecs.describe_services(cluster=declared.name, services=[arn], include=["TAGS"])["services"][0]
    assert with_tags["tags"] == [{"key": "a", "value": "b"}]
    assert declared.ecs.list_services(cluster=declared.name)["serviceArns"] == [arn]


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"cluster": "nowhere"}, "ClusterNotFoundException", "Cluster not found"),
        ({"taskDefinition": "nothing:9"}, "ClientException", "Unable to describe"),
        ({"networkConfiguration": None}, "InvalidParameterException", "Network Configuration must be provided"),
        ({"launchType": "EXTERNAL"}, "InvalidAction", "launch type EXTERNAL"),
        ({"launchType": "EC2", "platformVersion": "1.4.0"}, "InvalidParameterException", "must be null"),
        ({"schedulingStrategy": "DAEMON"}, "InvalidAction", "scheduling strategy DAEMON"),
        ({"deploymentController": {"type": "EXTERNAL"}}, "InvalidParameterException", "taskDefinition cannot be"),
        (
            {
                "deploymentConfiguration": {
                    "strategy": "LINEAR",
                    "lifecycleHooks": [{"hookTargetArn": "x", "lifecycleStages": ["PRE_SCALE_UP"]}],
                }
            },
            "InvalidParameterException",
            "roleArn must be specified",
        ),
        (
            {"deploymentConfiguration": {"strategy": "CANARY"}, "loadBalancers": []},
            "InvalidAction",
            "blue/green services without a load balancer",
        ),
        (
            {"deploymentConfiguration": {"maximumPercent": 100, "minimumHealthyPercent": 100}},
            "InvalidParameterException",
            "cannot be 100",
        ),
        ({"loadBalancers": [], "healthCheckGracePeriodSeconds": 9}, "InvalidParameterException", "grace period"),
        ({"desiredCount": None}, "InvalidParameterException", "desiredCount"),
    ],
)
def test_services_that_are_refused(declared: World, change: dict[str, Any], error: str, message: str) -> None:
    body = {
        "cluster": declared.name,
        "serviceName": "web",
        "taskDefinition": declared.register(),
        "desiredCount": 1,
        "launchType": "FARGATE",
        "networkConfiguration": NETWORK,
        **change,
    }
    with pytest.raises(ClientError) as caught:
        declared.ecs.create_service(**{k: v for k, v in body.items() if v is not None})
    assert caught.value.response["Error"]["Code"] == error
    assert message in caught.value.response["Error"]["Message"]


def test_load_balancers_that_are_refused(declared: World) -> None:
    definition = declared.register()

    def balancer(**change: Any) -> list[dict[str, Any]]:
        return [{"targetGroupArn": declared.group, "containerName": "app", "containerPort": PORT, **change}]

    lonely = declared.make_group(f"{declared.name}-l")
    instances = declared.make_group(f"{declared.name}-i", kind="instance")
    declared.listen(instances, 9090)
    for change, message in (
        ({"targetGroupArn": declared.group[:-4] + "ffff"}, "Unable to assume role"),
        ({"targetGroupArn": lonely}, "does not have an associated load balancer"),
        ({"targetGroupArn": instances}, "target type instance"),
        ({"containerName": "other"}, "does not exist in the task definition"),
        ({"containerPort": 1}, "did not have a container port 1"),
    ):
        assert message in said(declared.create, definition, loadBalancers=balancer(**change))


@pytest.mark.parametrize(
    ("container", "what"),
    [
        ({"startTimeout": 5}, "startTimeout"),
        ({"environmentFiles": [{"type": "s3", "value": "arn:aws:s3:::b/f.env"}]}, "environmentFiles"),
        ({"restartPolicy": {"enabled": True}}, "restartPolicy"),
        ({"logConfiguration": {"logDriver": "splunk", "options": SPLUNK}}, "log driver splunk"),
        (
            {"logConfiguration": {**AWSLOGS, "options": {**AWSLOGS["options"], "awslogs-datetime-format": "%Y"}}},  # type: ignore[dict-item]
            "awslogs-datetime-format",
        ),
    ],
)
def test_what_a_process_cannot_honour_is_not_run(declared: World, container: dict[str, Any], what: str) -> None:
    definition = declared.register("v1", **container)  # carried, as AWS would
    assert what in said(declared.create, definition)


def test_a_second_service_of_the_name_is_refused_unless_it_is_the_same_request(declared: World) -> None:
    definition = declared.register()
    made = declared.create(definition, clientToken="t1")
    assert said(declared.create, definition) == "Creation of service was not idempotent."
    assert declared.create(definition, clientToken="t1")["createdAt"] == made["createdAt"]


def test_which_updates_deploy_anew(declared: World) -> None:
    first, second = declared.register(), declared.register("v2")
    declared.create(first)
    declared.completed(first)
    other_group = declared.make_group(f"{declared.name}-b")
    declared.listen(other_group, PORT + 1)

    def deploys(**change: Any) -> bool:
        before = declared.service()["deployments"][0]["id"]
        return bool(declared.update(**change)["deployments"][0]["id"] != before)

    other_network = {"awsvpcConfiguration": {"subnets": ["subnet-9"]}}
    balancers = [{"targetGroupArn": other_group, "containerName": "app", "containerPort": PORT}]
    assert not deploys(desiredCount=2)
    assert not deploys(taskDefinition=first)
    assert not deploys(deploymentConfiguration={"minimumHealthyPercent": 50})
    assert not deploys(healthCheckGracePeriodSeconds=30)
    assert not deploys(networkConfiguration=NETWORK)
    assert not deploys(propagateTags="SERVICE", enableExecuteCommand=True)
    assert deploys(taskDefinition=second)
    assert deploys(networkConfiguration=other_network)
    assert deploys(platformVersion="1.4.0")
    assert deploys(loadBalancers=balancers)
    assert deploys(forceNewDeployment=True)
    assert deploys(loadBalancers=[])
    assert "healthCheckGracePeriodSeconds" not in declared.service()
    assert deploys(loadBalancers=balancers)
    assert (
        declared.service()["deploymentConfiguration"]["deploymentCircuitBreaker"] == BREAKER["deploymentCircuitBreaker"]
    )
    declared.completed(second)
    health = declared.elb.describe_target_health
    assert len(health(TargetGroupArn=other_group)["TargetHealthDescriptions"]) == 2
    old = health(TargetGroupArn=declared.group)["TargetHealthDescriptions"]
    assert {t["TargetHealth"]["State"] for t in old} <= {"draining"}


def test_deleting_a_service(declared: World) -> None:
    definition = declared.register()
    declared.create(definition)
    declared.completed(definition)
    delete = declared.ecs.delete_service
    assert "scaled above 0" in said(delete, cluster=declared.name, service="web")
    assert code(declared.ecs.delete_cluster, cluster=declared.name) == "ClusterContainsServicesException"
    assert delete(cluster=declared.name, service="web", force=True)["service"]["status"] == "DRAINING"
    until(lambda: declared.service()["status"] == "INACTIVE")
    assert code(declared.update, desiredCount=1) == "ServiceNotActiveException"
    assert declared.tasks() == []
    declared.create(definition)  # the name is free again
    declared.completed(definition)


def test_batches_and_missing_ones(declared: World) -> None:
    describe = declared.ecs.describe_services
    assert code(describe, cluster=declared.name, services=[f"s{n}" for n in range(11)]) == "InvalidParameterException"
    assert describe(cluster=declared.name, services=["none"])["failures"][0]["reason"] == "MISSING"
    assert code(declared.update, name="none") == "ServiceNotFoundException"
    tasks = declared.ecs.describe_tasks
    assert code(tasks, cluster=declared.name, tasks=["x"] * 101) == "InvalidParameterException"
    assert tasks(cluster=declared.name, tasks=["0" * 32])["failures"][0]["reason"] == "MISSING"
    assert declared.ecs.describe_clusters(clusters=["none"])["failures"][0]["reason"] == "MISSING"
    revisions = declared.ecs.describe_service_revisions
    arn = f"arn:aws:ecs:us-east-1:000000000000:service-revision/{declared.name}/web/1"
    assert revisions(serviceRevisionArns=[arn])["failures"][0]["reason"] == "MISSING"


# -- clusters and tags --------------------------------------------------------------------------------


def test_clusters_count_what_is_in_them(declared: World) -> None:
    definition = declared.register()
    declared.create(definition)
    declared.completed(definition)
    found = declared.ecs.describe_clusters(clusters=[declared.name])["clusters"][0]
    assert (found["activeServicesCount"], found["runningTasksCount"], found["pendingTasksCount"]) == (1, 3, 0)
    declared.ecs.create_cluster(clusterName=declared.name)  # the same again is the same
    assert len(declared.ecs.list_clusters()["clusterArns"]) == 1
    declared.ecs.create_cluster(clusterName="empty")
    assert declared.ecs.delete_cluster(cluster="empty")["cluster"]["status"] == "INACTIVE"
    assert code(declared.ecs.delete_cluster, cluster="empty") == "ClusterNotFoundException"


def test_tags_of_every_resource(declared: World) -> None:
    definition = declared.register()
    service = declared.create(definition, desiredCount=0)["serviceArn"]
    cluster = declared.ecs.describe_clusters(clusters=[declared.name])["clusters"][0]["clusterArn"]
    for arn in (definition, service, cluster):
        declared.ecs.tag_resource(resourceArn=arn, tags=[{"key": "a", "value": "1"}, {"key": "b", "value": "2"}])
        declared.ecs.tag_resource(resourceArn=arn, tags=[{"key": "a", "value": "3"}])
        declared.ecs.untag_resource(resourceArn=arn, tagKeys=["b"])
        assert declared.ecs.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "a", "value": "3"}]
    found = declared.ecs.describe_task_definition(taskDefinition=definition, include=["TAGS"])
    assert found["tags"] == [{"key": "a", "value": "3"}]
    assert code(declared.ecs.list_tags_for_resource, resourceArn=service + "x") == "InvalidParameterException"
