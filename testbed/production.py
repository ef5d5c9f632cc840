"""Puts a bed into the state before the deployment of 27 November 2025 (docs/production.md), by the AWS API.

    python -m testbed.production [ENDPOINT] [--state .state]

Afterwards pardon-production-service runs three tasks of pardon-simulator:74 behind pardon-production-alb, and the web
site answers /api/health/coral beside them. What is there already stays as it is: a second run changes nothing.
"""

import argparse
import json
import sys
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError

REGION, ACCOUNT = "us-east-1", "000000000000"
CLUSTER, SERVICE, FAMILY = "pardon-production-cluster", "pardon-production-service", "pardon-simulator"
REVISIONS_BEFORE = 73
DESIRED = 3
LOG_GROUP = "/ecs/pardon-simulator"
LOAD_BALANCER, CORAL_GROUP, SITE_GROUP = (
    "pardon-production-alb",
    "pardon-production-coral-tg",
    "pardon-production-site-tg",
)
LISTENER_PORT = 8080  # 80 needs root
VPC, SUBNETS, SECURITY_GROUP = (
    "vpc-0a1b2c3d4e5f60718",
    ["subnet-0a1b2c3d4e5f60711", "subnet-0a1b2c3d4e5f60712"],
    "sg-0a1b2c3d",
)
SITE = {"command": ["python", "-m", "testbed.app.site"], "port": 3000}
HEALTH_CHECK = {
    "HealthCheckPath": "/health",
    "HealthCheckIntervalSeconds": 10,
    "HealthCheckTimeoutSeconds": 5,
    "HealthyThresholdCount": 2,
    "UnhealthyThresholdCount": 3,
}
ATTRIBUTES = {
    "stickiness.enabled": "true",
    "stickiness.type": "lb_cookie",
    "stickiness.lb_cookie.duration_seconds": "3600",
    "deregistration_delay.timeout_seconds": "60",  # the slowest answer takes ten
}
DEADLINE = 90.0  # seconds until the service must be there


class NotPrepared(Exception):
    """The bed did not get there; the text says what was seen last."""


ROLES = ("pardon-production-execution", "pardon-production-task")


@dataclass
class Prepared:
    """`url`: where users reach the application. `changed`: what this run did, in words; nothing if all was there."""

    url: str
    task_definition: str
    changed: list[str] = field(default_factory=list)


def container(name: str, image: str, environment: dict[str, str], **more: Any) -> dict[str, Any]:
    options = {"awslogs-group": LOG_GROUP, "awslogs-region": REGION, "awslogs-stream-prefix": "pardon"}
    return {
        "name": name,
        "image": image,
        "essential": True,
        "environment": [{"name": key, "value": value} for key, value in environment.items()],
        "logConfiguration": {"logDriver": "awslogs", "options": options},
        **more,
    }


def task_definition() -> dict[str, Any]:
    """RegisterTaskDefinition's parameters for revision 74: one Coral server and eight agents."""
    sse = "http://localhost:5555/sse/v1/devmode/app/priv"
    pools = ",".join(f"pool-{n}" for n in range(5))
    ports = [{"containerPort": 5555, "protocol": "tcp"}]
    coral = container("coral", "pardon/coral-server:1.0.0", {"CORAL_SESSIONS": pools}, portMappings=ports)
    names = [f"agent-{n}" for n in range(1, 9)]
    agents = [container(name, "pardon/agent:1.0.0", {"AGENT_NAME": name, "CORAL_SSE_URL": sse}) for name in names]
    return {
        "family": FAMILY,
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "2048",
        "memory": "4096",
        "executionRoleArn": f"arn:aws:iam::{ACCOUNT}:role/{ROLES[0]}",
        "taskRoleArn": f"arn:aws:iam::{ACCOUNT}:role/{ROLES[1]}",
        "containerDefinitions": [coral, *agents],
    }


class Setup:
    def __init__(self, endpoint: str) -> None:
        self.endpoint, self.changed = endpoint, list[str]()
        keys = {"aws_access_key_id": "emulator", "aws_secret_access_key": "emulator-secret"}
        session = boto3.Session(region_name=REGION, **keys)
        self.ecs, self.elb, self.logs, self.iam = (
            session.client(n, endpoint_url=endpoint) for n in ("ecs", "elbv2", "logs", "iam")
        )

    def bed(self, path: str, value: object) -> Any:
        """PUT to the bed's own paths. Raises NotPrepared with the bed's words."""
        data = json.dumps(value).encode()
        request = urllib.request.Request(f"{self.endpoint}/_bed/{path}", data=data, method="PUT")
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise NotPrepared(f"/_bed/{path}: {error.read(2000).decode(errors='replace')}") from error

    def cluster_and_logs(self) -> None:
        if not self.ecs.describe_clusters(clusters=[CLUSTER])["clusters"]:
            self.ecs.create_cluster(clusterName=CLUSTER)
            self.changed.append(f"cluster {CLUSTER}")
        if not self.logs.describe_log_groups(logGroupNamePrefix=LOG_GROUP)["logGroups"]:
            self.logs.create_log_group(logGroupName=LOG_GROUP)
            self.changed.append(f"log group {LOG_GROUP}")

    def roles(self) -> None:
        statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ecs-tasks.amazonaws.com"}}
        trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        there = {each["RoleName"] for each in self.iam.list_roles()["Roles"]}
        for name in ROLES:
            if name not in there:
                self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)
                self.changed.append(f"role {name}")

    def target_group(self, name: str, port: int, attributes: dict[str, str]) -> str:
        try:
            return str(self.elb.describe_target_groups(Names=[name])["TargetGroups"][0]["TargetGroupArn"])
        except self.elb.exceptions.TargetGroupNotFoundException:
            pass
        made = self.elb.create_target_group(
            Name=name, Protocol="HTTP", Port=port, VpcId=VPC, TargetType="ip", **HEALTH_CHECK
        )
        arn = str(made["TargetGroups"][0]["TargetGroupArn"])
        given = [{"Key": key, "Value": value} for key, value in attributes.items()]
        self.elb.modify_target_group_attributes(TargetGroupArn=arn, Attributes=given)
        self.changed.append(
            f"target group {name} on port {port}: {', '.join(f'{k} {v}' for k, v in attributes.items())}"
        )
        return arn

    def load_balancer(self, coral: str, site: str) -> str:
        """The application's URL: its listener sends /api/health/* to the site, everything else to Coral."""
        try:
            found = self.elb.describe_load_balancers(Names=[LOAD_BALANCER])["LoadBalancers"][0]
        except self.elb.exceptions.LoadBalancerNotFoundException:
            made = self.elb.create_load_balancer(Name=LOAD_BALANCER, Subnets=SUBNETS, SecurityGroups=[SECURITY_GROUP])
            found = made["LoadBalancers"][0]
            self.changed.append(f"load balancer {LOAD_BALANCER}, {found['DNSName']}:{LISTENER_PORT}")
        arn, to_coral = found["LoadBalancerArn"], [{"Type": "forward", "TargetGroupArn": coral}]
        listeners = self.elb.describe_listeners(LoadBalancerArn=arn)["Listeners"]
        if not listeners:
            listeners = self.elb.create_listener(
                LoadBalancerArn=arn, Protocol="HTTP", Port=LISTENER_PORT, DefaultActions=to_coral
            )["Listeners"]
        listener = listeners[0]["ListenerArn"]
        if len(self.elb.describe_rules(ListenerArn=listener)["Rules"]) == 1:  # the default one alone
            self.elb.create_rule(
                ListenerArn=listener,
                Priority=10,
                Conditions=[{"Field": "path-pattern", "PathPatternConfig": {"Values": ["/api/health/*"]}}],
                Actions=[{"Type": "forward", "TargetGroupArn": site}],
            )
        return f"http://{found['DNSName']}:{LISTENER_PORT}"

    def site(self, group: str, url: str) -> None:
        if self.elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]:
            return
        place = self.bed("processes", {"pardon-site": {**SITE, "environment": {"CORAL_URL": url}}})["pardon-site"]
        self.elb.register_targets(TargetGroupArn=group, Targets=[{"Id": place["address"], "Port": place["port"]}])
        self.changed.append(f"web site at {place['address']}:{place['port']}, which asks Coral through {url}")

    def service(self, group: str) -> str:
        """The service's task definition; it is created with revision 74 if it is not there."""
        found = self.ecs.describe_services(cluster=CLUSTER, services=[SERVICE])["services"]
        if found and found[0]["status"] == "ACTIVE":
            return str(found[0]["taskDefinition"])
        try:
            revision = self.ecs.describe_task_definition(taskDefinition=FAMILY)["taskDefinition"]
        except ClientError:
            self.bed("families", {FAMILY: REVISIONS_BEFORE})
            revision = self.ecs.register_task_definition(**task_definition())["taskDefinition"]
            containers = len(revision["containerDefinitions"])
            self.changed.append(f"task definition {FAMILY}:{revision['revision']}, {containers} containers")
        network = {"subnets": SUBNETS, "securityGroups": [SECURITY_GROUP], "assignPublicIp": "DISABLED"}
        self.ecs.create_service(
            cluster=CLUSTER,
            serviceName=SERVICE,
            taskDefinition=revision["taskDefinitionArn"],
            desiredCount=DESIRED,
            launchType="FARGATE",
            networkConfiguration={"awsvpcConfiguration": network},
            loadBalancers=[{"targetGroupArn": group, "containerName": "coral", "containerPort": 5555}],
            healthCheckGracePeriodSeconds=120,
            deploymentConfiguration={
                "minimumHealthyPercent": 100,
                "maximumPercent": 200,
                "deploymentCircuitBreaker": {"enable": True, "rollback": True},
            },
        )
        self.changed.append(f"service {SERVICE}, desired {DESIRED}")
        return str(revision["taskDefinitionArn"])

    def states(self, group: str) -> list[str]:
        found = self.elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
        return [target["TargetHealth"]["State"] for target in found]

    def wait(self, coral: str, site: str, deadline: float) -> None:
        """Until the deployment is COMPLETED and every target healthy. Raises NotPrepared with what was seen last."""
        end, pause = time.monotonic() + deadline, threading.Event()
        while True:
            service = self.ecs.describe_services(cluster=CLUSTER, services=[SERVICE])["services"][0]
            rollouts = [d["rolloutState"] for d in service["deployments"]]
            states = {"coral": self.states(coral), "site": self.states(site)}
            well = states == {"coral": ["healthy"] * service["desiredCount"], "site": ["healthy"]}
            if rollouts == ["COMPLETED"] and well:
                return
            if time.monotonic() > end:
                events = "; ".join(e["message"] for e in service["events"][:3])
                raise NotPrepared(f"not there after {deadline:g} s: rollout {rollouts}, targets {states}; {events}")
            pause.wait(0.2)


def prepare(endpoint: str, deadline: float = DEADLINE) -> Prepared:
    """Create what is missing and wait (seconds) until 3 of 3 are healthy. Raises NotPrepared, or botocore's errors."""
    setup = Setup(endpoint)
    setup.cluster_and_logs()
    setup.roles()
    coral = setup.target_group(CORAL_GROUP, 5555, ATTRIBUTES)
    site = setup.target_group(SITE_GROUP, 3000, {"deregistration_delay.timeout_seconds": "10"})
    url = setup.load_balancer(coral, site)
    setup.site(site, url)
    revision = setup.service(coral)
    setup.wait(coral, site, deadline)
    if setup.changed:
        setup.bed("url", {"url": url})
    return Prepared(url, revision.rpartition("/")[2], setup.changed)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m testbed.production", description="The state before the deployment."
    )
    parser.add_argument("endpoint", nargs="?", help="default: the one of the bed in --state")
    parser.add_argument("--state", type=Path, default=Path(".state"))
    given = parser.parse_args(arguments)
    try:
        endpoint = given.endpoint or json.loads((given.state / "bed.json").read_text())["endpoint"]
    except FileNotFoundError:
        sys.stderr.write(f"no bed runs ({given.state}/bed.json is missing): start one, or name its endpoint\n")
        return 3
    try:
        prepared = prepare(endpoint)
    except NotPrepared as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for change in prepared.changed:
        sys.stdout.write(f"created: {change}\n")
    state = f"{SERVICE} runs {prepared.task_definition}, all healthy, at {prepared.url}\n"
    sys.stdout.write(state if prepared.changed else f"nothing to do: {state}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
