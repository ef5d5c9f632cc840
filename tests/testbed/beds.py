"""Beds for tests: started by the command line in a state folder of their own, so that they work beside others."""

import contextlib
import json
import re
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from tests.testbed.modelled import watch

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-bed/bin/python"
PORT = 8080
NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-1", "subnet-2"], "securityGroups": ["sg-1"]}}
BREAKER = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
READS = re.compile("(Describe|List|Get|BatchGet|Head|Filter|Simulate)")
"""Operations that change nothing."""
READS_SECRETS = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": ["secretsmanager:GetSecretValue", "ssm:GetParameters"], "Resource": "*"}
    ],
}
ROLE = "arn:aws:iam::000000000000:role/execution"


def until(
    condition: Callable[[], Any], seconds: float = 20, what: Callable[[], Any] = lambda: "", every: float = 0.02
) -> Any:
    """The first true value of `condition`; fails when there is none within `seconds`, showing what `what` sees."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"not within {seconds} s: {what()}"
        time.sleep(every)
    return found


def command(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """python -m testbed WORDS"""
    line = [str(PYTHON), "-m", "testbed", *map(str, words)]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=60)


class Bed:
    """The client's side of a running bed, or of anything that answers at `endpoint`."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self._clients: dict[str, Any] = {}

    def client(self, service: str, key: str = "emulator", region: str = "us-east-1", attempts: int = 1) -> Any:
        name = f"{service} {key} {region} {attempts}"
        if name not in self._clients:
            made = boto3.client(
                service,
                endpoint_url=self.endpoint,
                region_name=region,
                aws_access_key_id=key,
                aws_secret_access_key="emulator-secret",
                config=Config(retries={"total_max_attempts": attempts, "mode": "standard"}),
            )
            self._clients[name] = watch(made)
        return self._clients[name]

    def make_roles(self, *names: str, trusting: str = "ecs-tasks.amazonaws.com") -> None:
        """Roles that tasks (or ECS itself) may assume, as far as they are not there; the execution role is one."""
        statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": trusting}}
        trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam = self.client("iam", key="bed")
        for name in ("execution", *names):
            with contextlib.suppress(iam.exceptions.EntityAlreadyExistsException):
                iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)
                iam.put_role_policy(RoleName=name, PolicyName="secrets", PolicyDocument=json.dumps(READS_SECRETS))

    def admin(self, method: str, path: str, given: Any = None) -> tuple[int, Any]:
        """(HTTP status, parsed JSON) of one of the bed's own paths."""
        body = None if given is None else json.dumps(given).encode()
        request = urllib.request.Request(self.endpoint + path, data=body, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as e:
            return e.code, json.load(e)


@contextlib.contextmanager
def running(state: Path, *options: str) -> Iterator[Bed]:
    """A bed in a state folder; whatever happens, it is stopped at the end."""
    begun = command("start", "--state", state, *options)
    try:
        assert begun.returncode == 0, begun.stderr
        yield Bed(json.loads((state / "bed.json").read_text())["endpoint"])
    finally:
        command("stop", "--state", state)


class World:
    """A cluster, a load balancer with one target group, and what is deployed there: names nobody else uses."""

    def __init__(self, bed: Bed, interval: int = 5, image: str = "steady/echo") -> None:
        self.bed, self.ecs, self.elb, self.image = bed, bed.client("ecs"), bed.client("elbv2"), image
        self.name = f"conf-{uuid.uuid4().hex[:8]}"
        bed.make_roles()
        self.ecs.create_cluster(clusterName=self.name)
        self.balancer = self.elb.create_load_balancer(Name=self.name, Subnets=["subnet-1", "subnet-2"])[
            "LoadBalancers"
        ][0]
        self.group = self.make_group(self.name, interval)
        self.listen(self.group, PORT)

    def make_group(self, name: str, interval: int = 5, kind: str = "ip") -> str:
        group = self.elb.create_target_group(
            Name=name,
            Protocol="HTTP",
            Port=PORT,
            VpcId="vpc-1",
            TargetType=kind,
            HealthCheckPath="/health",
            HealthCheckIntervalSeconds=interval,
            HealthCheckTimeoutSeconds=2,
            HealthyThresholdCount=2,
            UnhealthyThresholdCount=2,
        )["TargetGroups"][0]["TargetGroupArn"]
        attributes = [{"Key": "deregistration_delay.timeout_seconds", "Value": "5"}]
        self.elb.modify_target_group_attributes(TargetGroupArn=group, Attributes=attributes)
        return str(group)

    def instance(self, cpu: int = 1024, memory: int = 2048, *reserved: int) -> str:
        """The ARN of a new container instance of the cluster."""
        made = self.ecs.register_container_instance(
            cluster=self.name,
            instanceIdentityDocument=json.dumps({"instanceId": f"i-{uuid.uuid4().hex[:17]}"}),
            totalResources=[
                {"name": "CPU", "type": "INTEGER", "integerValue": cpu},
                {"name": "MEMORY", "type": "INTEGER", "integerValue": memory},
                {"name": "PORTS", "type": "STRINGSET", "stringSetValue": [str(each) for each in reserved]},
            ],
        )
        return str(made["containerInstance"]["containerInstanceArn"])

    def listen(self, group: str, port: int) -> None:
        actions = [{"Type": "forward", "TargetGroupArn": group}]
        self.elb.create_listener(
            LoadBalancerArn=self.balancer["LoadBalancerArn"], Protocol="HTTP", Port=port, DefaultActions=actions
        )

    @property
    def url(self) -> str:
        return f"http://{self.balancer['DNSName']}:{PORT}/"

    def container(self, tag: str = "v1", **more: Any) -> dict[str, Any]:
        environment = [{"name": k, "value": v} for k, v in more.pop("env", {}).items()]
        ports = [{"containerPort": PORT}]
        found = {"name": "app", "image": f"{self.image}:{tag}", "portMappings": ports, "environment": environment}
        return {**found, **more}

    def register(self, tag: str = "v1", *containers: dict[str, Any], **more: Any) -> str:
        """The ARN of a new revision; `env` and other words go into its one container unless containers are given."""
        body = {
            "family": self.name,
            "networkMode": "awsvpc",
            "requiresCompatibilities": ["FARGATE"],
            "cpu": "256",
            "memory": "512",
            "executionRoleArn": ROLE,
            "containerDefinitions": list(containers) or [self.container(tag, **more)],
        }
        return str(self.ecs.register_task_definition(**body)["taskDefinition"]["taskDefinitionArn"])

    def create(self, definition: str, name: str = "web", **more: Any) -> dict[str, Any]:
        body = {
            "cluster": self.name,
            "serviceName": name,
            "taskDefinition": definition,
            "desiredCount": 3,
            "launchType": "FARGATE",
            "networkConfiguration": NETWORK,
            "loadBalancers": [{"targetGroupArn": self.group, "containerName": "app", "containerPort": PORT}],
            "deploymentConfiguration": BREAKER,
        }
        wanted = {key: value for key, value in {**body, **more}.items() if value is not None}
        return dict(self.ecs.create_service(**wanted)["service"])

    def update(self, name: str = "web", **more: Any) -> dict[str, Any]:
        return dict(self.ecs.update_service(cluster=self.name, service=name, **more)["service"])

    def service(self, name: str = "web") -> dict[str, Any]:
        return dict(self.ecs.describe_services(cluster=self.name, services=[name])["services"][0])

    def deployments(self, name: str = "web") -> list[tuple[str, str, int, int]]:
        """(status, rolloutState, revision, failedTasks) of each deployment."""
        return [
            (d["status"], d["rolloutState"], int(d["taskDefinition"].rsplit(":", 1)[1]), d["failedTasks"])
            for d in self.service(name)["deployments"]
        ]

    def completed(self, definition: str, name: str = "web", seconds: float = 20, every: float = 0.02) -> dict[str, Any]:
        """Wait until the service runs this revision alone and its deployment is COMPLETED."""

        def done() -> dict[str, Any] | None:
            service = self.service(name)
            only = service["deployments"][0]
            ok = len(service["deployments"]) == 1 and only["rolloutState"] == "COMPLETED"
            return service if ok and only["taskDefinition"] == definition else None

        return dict(until(done, seconds, lambda: (self.deployments(name), self.events(name)[:5]), every))

    def events(self, name: str = "web") -> list[str]:
        return [e["message"] for e in self.service(name)["events"]]

    def tasks(self, wanted: str = "RUNNING", **more: Any) -> list[dict[str, Any]]:
        filters = more if "startedBy" in more else {"desiredStatus": wanted, **more}
        arns = self.ecs.list_tasks(cluster=self.name, **filters)["taskArns"]
        found = self.ecs.describe_tasks(cluster=self.name, tasks=arns)["tasks"] if arns else []
        return [dict(t) for t in found]

    def rollouts(self, name: str = "web") -> list[dict[str, Any]]:
        """Service deployments, newest first, described."""
        found = self.ecs.list_service_deployments(cluster=self.name, service=name)["serviceDeployments"]
        arns = [r["serviceDeploymentArn"] for r in found]
        described = self.ecs.describe_service_deployments(serviceDeploymentArns=arns)["serviceDeployments"]
        return [dict(r) for r in described]

    def remove(self) -> None:
        """Delete every service and wait until its tasks are gone."""
        names = self.ecs.list_services(cluster=self.name, maxResults=100)["serviceArns"]
        for arn in names:
            self.ecs.delete_service(cluster=self.name, service=arn, force=True)
        until(lambda: not self.ecs.list_services(cluster=self.name)["serviceArns"])
