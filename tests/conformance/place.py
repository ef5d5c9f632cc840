"""One place to run conformance tests in: clients, names, and the removal of whatever was made."""

import contextlib
import http.client
import json
import os
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import Any

import boto3
from botocore.exceptions import ClientError

from tests.testbed.modelled import watch

PORT = 8080
EMULATOR = {"aws_access_key_id": "emulator", "aws_secret_access_key": "emulator-secret", "region_name": "us-east-1"}
CHECKS = {
    "HealthCheckPath": "/health",
    "HealthCheckIntervalSeconds": 6,
    "HealthCheckTimeoutSeconds": 2,
    "HealthyThresholdCount": 2,
}
FARGATE = {"networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512"}
DIMENSION = {"ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount"}
REFUSALS = ("ValidationError", "InvalidConfigurationRequest", "ClientException", "InvalidParameterException")
Json = dict[str, Any]


def until(condition: Callable[[], Any], seconds: float, every: float = 0.1) -> Any:
    """The first true value of `condition`; fails when there is none within `seconds`."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(every)
    return found


def during[T](begin: Callable[[], T], call: Callable[[T], Any], lasts: Callable[[T], bool], seconds: float) -> Any:
    """What `call` answers, or raises, in a state that passes by itself: all of it anew until the state outlasted it."""

    def met() -> list[tuple[Any, ClientError | None]]:
        found = begin()
        try:
            told: tuple[Any, ClientError | None] = call(found), None
        except ClientError as e:
            told = None, e
        return [told] if lasts(found) else []

    ((answered, error),) = until(met, seconds)
    if error:
        raise error
    return answered


def error_of(call: Callable[[], Any]) -> str:
    """The error code of a call that must fail."""
    try:
        call()
    except ClientError as e:
        return str(e.response["Error"]["Code"])
    raise AssertionError("the call was accepted")


def accepted(call: Callable[[], Any]) -> bool:
    """Whether a call succeeds, or is refused for what it says."""
    try:
        call()
    except ClientError as e:
        assert e.response["Error"]["Code"] in REFUSALS, e
        return False
    return True


@dataclass
class Answer:
    status: int
    headers: Any
    content: bytes

    @property
    def cookies(self) -> dict[str, str]:
        found: SimpleCookie = SimpleCookie()
        for header in self.headers.get_all("Set-Cookie") or []:
            found.load(header)
        return {name: morsel.value for name, morsel in found.items()}

    @property
    def instance(self) -> str:
        return str(json.loads(self.content)["instance"])


def answered(connection: http.client.HTTPConnection) -> Answer:
    with contextlib.closing(connection):
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())


class Place:
    def __init__(self, endpoint: str | None) -> None:
        keys: Any = {"endpoint_url": endpoint, **EMULATOR} if endpoint else {}
        self.elb: Any = watch(boto3.client("elbv2", **keys))
        self.ecs: Any = watch(boto3.client("ecs", **keys))
        self.cloudwatch: Any = watch(boto3.client("cloudwatch", **keys))
        self.scaling: Any = watch(boto3.client("application-autoscaling", **keys))
        self.stacks: Any = watch(boto3.client("cloudformation", **keys))
        self.endpoint = endpoint
        self.patience = 30 if endpoint else 600  # seconds for something that needs health checks and tasks
        self.subnets = os.environ.get("CONFORMANCE_SUBNETS", "subnet-1,subnet-2").split(",")
        self.vpc = os.environ.get("CONFORMANCE_VPC", "vpc-1")
        self.security_groups = [os.environ.get("CONFORMANCE_SECURITY_GROUP", "sg-1")]
        # The public address is for the image: a task in a public subnet reaches no registry without one.
        network = {"subnets": self.subnets, "securityGroups": self.security_groups, "assignPublicIp": "ENABLED"}
        self.network = {"awsvpcConfiguration": network}
        self.image = os.environ.get("CONFORMANCE_IMAGE", "steady/echo:v1")
        self.role = os.environ.get("CONFORMANCE_ROLE", "arn:aws:iam::000000000000:role/execution")
        self.balancer_role = os.environ.get("CONFORMANCE_BALANCER_ROLE", "arn:aws:iam::000000000000:role/balancers")
        self._removals: dict[str, list[Callable[[], Any]]] = {
            kind: [] for kind in ("stack", "service", "drained", "instance", "cluster", "balancer", "group", "alarm")
        }

    @staticmethod
    def name() -> str:
        return f"conf-{uuid.uuid4().hex[:10]}"

    def clean(self) -> None:
        """Users before what they use, whatever the order in which they were made."""
        for removals in self._removals.values():
            for removal in removals:
                removal()

    def balancer(self) -> Json:
        made = self.elb.create_load_balancer(
            Name=self.name(), Subnets=self.subnets, SecurityGroups=self.security_groups
        )
        found: Json = made["LoadBalancers"][0]
        arn = found["LoadBalancerArn"]
        self._removals["balancer"].append(lambda: self.elb.delete_load_balancer(LoadBalancerArn=arn))
        waiter = self.elb.get_waiter("load_balancer_available")
        waiter.wait(LoadBalancerArns=[arn])
        return found

    def group(self, **more: Any) -> str:
        settings = {"Name": self.name(), "Protocol": "HTTP", "Port": PORT, "VpcId": self.vpc, "TargetType": "ip"}
        arn = str(self.elb.create_target_group(**{**settings, **more})["TargetGroups"][0]["TargetGroupArn"])
        self._removals["group"].append(lambda: self._delete_group(arn))
        return arn

    def _delete_group(self, arn: str) -> None:
        """A deleted load balancer's group stays in use for a moment on AWS."""

        def deleted() -> bool:
            try:
                self.elb.delete_target_group(TargetGroupArn=arn)
            except ClientError as e:
                if e.response["Error"]["Code"] != "ResourceInUse":
                    raise
                return False
            return True

        until(deleted, self.patience)

    def listener(self, balancer: Json, action: Json, port: int = PORT) -> str:
        made = self.elb.create_listener(
            LoadBalancerArn=balancer["LoadBalancerArn"], Protocol="HTTP", Port=port, DefaultActions=[action]
        )
        return str(made["Listeners"][0]["ListenerArn"])

    def attributes(self, group: str) -> dict[str, str]:
        found = self.elb.describe_target_group_attributes(TargetGroupArn=group)["Attributes"]
        return {pair["Key"]: pair["Value"] for pair in found}

    def modify(self, group: str, **wanted: str) -> None:
        """Attributes with __ for the dot."""
        pairs = [{"Key": key.replace("__", "."), "Value": value} for key, value in wanted.items()]
        self.elb.modify_target_group_attributes(TargetGroupArn=group, Attributes=pairs)

    def states(self, group: str) -> dict[str, str]:
        rows = self.elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
        return {row["Target"]["Id"]: row["TargetHealth"]["State"] for row in rows}

    def service(self, group: str, count: int, advanced: Json | None = None, **more: Any) -> str:
        """A cluster with one service of `count` tasks that are healthy in the group; its name is the cluster's. Its
        grace period is long, so that a task that starts slowly is no unhealthy one."""
        name = self.name()
        self.cluster(name)
        container = {"name": "app", "image": self.image, "portMappings": [{"containerPort": PORT}]}
        self.ecs.create_service(
            cluster=name,
            serviceName=name,
            taskDefinition=self._register(name, container),
            desiredCount=count,
            launchType="FARGATE",
            networkConfiguration=self.network,
            loadBalancers=[
                {
                    "targetGroupArn": group,
                    "containerName": "app",
                    "containerPort": PORT,
                    **({"advancedConfiguration": advanced} if advanced else {}),
                }
            ],
            **{"healthCheckGracePeriodSeconds": 3600, **more},
        )
        self.remove_service(name, name)
        until(lambda: list(self.states(group).values()) == ["healthy"] * count, self.patience)
        return name

    def _register(self, family: str, container: Json) -> str:
        made = self.ecs.register_task_definition(
            family=family,
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu="256",
            memory="512",
            executionRoleArn=self.role,
            containerDefinitions=[container],
        )
        return str(made["taskDefinition"]["taskDefinitionArn"])

    def ran(self, container: Json) -> Json:
        """A task of this one container, in a cluster of its own and in no service, once it is STOPPED."""
        name = self.name()
        self.cluster(name)
        definition = {"cluster": name, "taskDefinition": self._register(name, container)}
        (task,) = self.ecs.run_task(**definition, launchType="FARGATE", networkConfiguration=self.network)["tasks"]

        def stopped() -> Json | None:
            (found,) = self.ecs.describe_tasks(cluster=name, tasks=[task["taskArn"]])["tasks"]
            return dict(found) if found["lastStatus"] == "STOPPED" else None

        return dict(until(stopped, self.patience))

    def cluster(self, name: str) -> None:
        self.ecs.create_cluster(clusterName=name)
        self._removals["cluster"].append(lambda: self.ecs.delete_cluster(cluster=name))

    def alarm(self) -> str:
        """The name of a new alarm on a metric that nobody reports, so that it rings when its state is set."""
        name = self.name()
        self.cloudwatch.put_metric_alarm(
            AlarmName=name,
            Namespace="Conformance",
            MetricName=name,
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1,
            ComparisonOperator="GreaterThanThreshold",
        )
        self._removals["alarm"].append(lambda: self.cloudwatch.delete_alarms(AlarmNames=[name]))
        return name

    def remove_stack(self, name: str) -> None:
        """Have it deleted in the end, with what it has made."""
        self._removals["stack"].append(lambda: self.stacks.delete_stack(StackName=name))

    def remove_instance(self, cluster: str, instance: str) -> None:
        """Have it deregistered in the end."""
        which = {"cluster": cluster, "containerInstance": instance}
        self._removals["instance"].append(lambda: self.ecs.deregister_container_instance(**which))

    def remove_service(self, cluster: str, name: str) -> None:
        """Have it deleted in the end."""
        self._removals["service"].append(lambda: self._delete_service(cluster, name))
        self._removals["drained"].append(lambda: until(lambda: self._is_drained(cluster, name), self.patience))

    def _delete_service(self, cluster: str, name: str) -> None:
        (found,) = self.ecs.describe_services(cluster=cluster, services=[name])["services"]
        if found["status"] == "ACTIVE":
            self.ecs.delete_service(cluster=cluster, service=name, force=True)

    def _is_drained(self, cluster: str, name: str) -> bool:
        running = self.ecs.list_tasks(cluster=cluster)["taskArns"]
        described = self.ecs.describe_services(cluster=cluster, services=[name])["services"]
        return not running and all(service["status"] == "INACTIVE" for service in described)

    def send(
        self, balancer: Json, path: str = "/", cookies: dict[str, str] | None = None, port: int = PORT
    ) -> http.client.HTTPConnection:
        """One request on a connection of its own, not yet answered; waits until the listener is open."""
        pairs = "; ".join(f"{name}={value}" for name, value in (cookies or {}).items())

        def sent() -> http.client.HTTPConnection | None:
            connection = http.client.HTTPConnection(balancer["DNSName"], port, timeout=60)
            try:
                connection.request("GET", path, headers={"Cookie": pairs} if pairs else {})
            except ConnectionRefusedError:
                return None
            return connection

        found: http.client.HTTPConnection = until(sent, self.patience)
        return found

    def get(self, balancer: Json, path: str = "/", cookies: dict[str, str] | None = None, port: int = PORT) -> Answer:
        return answered(self.send(balancer, path, cookies, port))


def container(place: Place, **environment: str) -> Json:
    pairs = [{"name": k, "value": v} for k, v in environment.items()]
    return {"name": "app", "image": place.image, "portMappings": [{"containerPort": PORT}], "environment": pairs}


def register(place: Place, family: str, **environment: str) -> str:
    made = place.ecs.register_task_definition(
        family=family, executionRoleArn=place.role, containerDefinitions=[container(place, **environment)], **FARGATE
    )
    return str(made["taskDefinition"]["taskDefinitionArn"])
