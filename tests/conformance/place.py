"""One place to run conformance tests in: clients, names, and the removal of whatever was made."""

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
REFUSALS = ("ValidationError", "InvalidConfigurationRequest", "ClientException", "InvalidParameterException")
Json = dict[str, Any]


def until(condition: Callable[[], Any], seconds: float, every: float = 0.1) -> Any:
    """The first true value of `condition`; fails when there is none within `seconds`."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(every)
    return found


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


class Place:
    def __init__(self, endpoint: str | None) -> None:
        keys: Any = {"endpoint_url": endpoint, **EMULATOR} if endpoint else {}
        self.elb: Any = watch(boto3.client("elbv2", **keys))
        self.ecs: Any = watch(boto3.client("ecs", **keys))
        self.scaling: Any = watch(boto3.client("application-autoscaling", **keys))
        self.patience = 30 if endpoint else 600  # seconds for something that needs health checks and tasks
        self.subnets = os.environ.get("CONFORMANCE_SUBNETS", "subnet-1,subnet-2").split(",")
        self.vpc = os.environ.get("CONFORMANCE_VPC", "vpc-1")
        self.security_groups = [os.environ.get("CONFORMANCE_SECURITY_GROUP", "sg-1")]
        self.image = os.environ.get("CONFORMANCE_IMAGE", "steady/echo:v1")
        self.role = os.environ.get("CONFORMANCE_ROLE", "arn:aws:iam::000000000000:role/execution")
        self.balancer_role = os.environ.get("CONFORMANCE_BALANCER_ROLE", "arn:aws:iam::000000000000:role/balancers")
        self._removals: dict[str, list[Callable[[], Any]]] = {
            kind: [] for kind in ("service", "drained", "instance", "cluster", "balancer", "group")
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
        definition = self.ecs.register_task_definition(
            family=name,
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu="256",
            memory="512",
            executionRoleArn=self.role,
            containerDefinitions=[container],
        )["taskDefinition"]["taskDefinitionArn"]
        network = {"subnets": self.subnets, "securityGroups": self.security_groups, "assignPublicIp": "ENABLED"}
        self.ecs.create_service(
            cluster=name,
            serviceName=name,
            taskDefinition=definition,
            desiredCount=count,
            launchType="FARGATE",
            networkConfiguration={"awsvpcConfiguration": network},
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

    def cluster(self, name: str) -> None:
        self.ecs.create_cluster(clusterName=name)
        self._removals["cluster"].append(lambda: self.ecs.delete_cluster(cluster=name))

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

    def get(self, balancer: Json, path: str = "/", cookies: dict[str, str] | None = None, port: int = PORT) -> Answer:
        """One request on a connection of its own; waits until the listener is open."""

        def ask() -> Answer | None:
            connection = http.client.HTTPConnection(balancer["DNSName"], port, timeout=10)
            try:
                pairs = "; ".join(f"{name}={value}" for name, value in (cookies or {}).items())
                connection.request("GET", path, headers={"Cookie": pairs} if pairs else {})
                response = connection.getresponse()
                return Answer(response.status, response.headers, response.read())
            except ConnectionRefusedError:
                return None
            finally:
                connection.close()

        found: Answer = until(ask, self.patience)
        return found
