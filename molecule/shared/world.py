"""The world before a scenario: one small service behind a load balancer, all of it named after the scenario.

    python world.py SCENARIO [KEY=VALUE ...]

Works on any endpoint with the API of ECS and Elastic Load Balancing; a second call finds what it made. Keys: `count`
(tasks, 2), `image`, and any other becomes an environment variable of the container `app`.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import boto3
from emulator import endpoint

IMAGE = "steady/echo:1"
PORT = 8080


def client(service: str) -> Any:
    """A client for the emulator; the credentials are the local inventory's."""
    return boto3.client(
        service,
        endpoint_url=endpoint(),
        region_name="us-east-1",
        aws_access_key_id="emulator",
        aws_secret_access_key="emulator-secret",
    )


def balanced(name: str) -> str:
    """A load balancer with a listener on a target group; answers the group's ARN."""
    elb, ec2 = client("elbv2"), client("ec2")
    subnets = [each["SubnetId"] for each in ec2.describe_subnets()["Subnets"]][:2]
    network = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    balancer = elb.create_load_balancer(Name=name, Subnets=subnets)["LoadBalancers"][0]["LoadBalancerArn"]
    group = elb.create_target_group(
        Name=name, Protocol="HTTP", Port=PORT, VpcId=network, TargetType="ip", HealthCheckPath="/health",
        HealthCheckIntervalSeconds=10, HealthyThresholdCount=2,
    )["TargetGroups"][0]["TargetGroupArn"]  # fmt: skip
    if not elb.describe_listeners(LoadBalancerArn=balancer)["Listeners"]:
        action = {"Type": "forward", "TargetGroupArn": group}
        elb.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=PORT, DefaultActions=[action])
    fast = {"Key": "deregistration_delay.timeout_seconds", "Value": "10"}
    elb.modify_target_group_attributes(TargetGroupArn=group, Attributes=[fast])
    return str(group)


def url(name: str) -> str:
    """Where users reach the scenario's application."""
    found = client("elbv2").describe_load_balancers(Names=[name])["LoadBalancers"][0]
    return f"http://{found['DNSName']}:{PORT}"


def made(name: str, count: int, image: str, environment: dict[str, str]) -> None:
    """Cluster, task definition and service; nothing when the service is there."""
    ecs = client("ecs")
    ecs.create_cluster(clusterName=name)
    if ecs.describe_services(cluster=name, services=[name])["services"]:
        return
    group = balanced(name)
    container = {
        "name": "app",
        "image": image,
        "portMappings": [{"containerPort": PORT}],
        "environment": [{"name": key, "value": value} for key, value in environment.items()],
    }
    ecs.register_task_definition(
        family=name, networkMode="awsvpc", requiresCompatibilities=["FARGATE"], cpu="256", memory="512",
        containerDefinitions=[container],
    )  # fmt: skip
    subnets = [each["SubnetId"] for each in client("ec2").describe_subnets()["Subnets"]][:1]
    ecs.create_service(
        cluster=name, serviceName=name, taskDefinition=name, desiredCount=count, launchType="FARGATE",
        networkConfiguration={"awsvpcConfiguration": {"subnets": subnets}},
        loadBalancers=[{"targetGroupArn": group, "containerName": "app", "containerPort": PORT}],
        deploymentConfiguration={"deploymentCircuitBreaker": {"enable": True, "rollback": True}},
    )  # fmt: skip


def wait(name: str, seconds: float = 60) -> None:
    """Until the service's only deployment is complete; exits with its events when that takes too long."""
    ecs, deadline = client("ecs"), time.monotonic() + seconds
    while time.monotonic() < deadline:
        service = ecs.describe_services(cluster=name, services=[name])["services"][0]
        if [each["rolloutState"] for each in service["deployments"]] == ["COMPLETED"]:
            return
        time.sleep(0.1)
    sys.exit("\n".join(event["message"] for event in service["events"][:10]))


def main() -> None:
    """Make the world of one scenario."""
    name, *pairs = sys.argv[1:]
    given = dict(pair.split("=", 1) for pair in pairs)
    count, image = int(given.pop("count", "2")), given.pop("image", IMAGE)
    made(f"molecule-{name}".replace("_", "-"), count, image, {"GREETING": "hello", **given})
    wait(f"molecule-{name}".replace("_", "-"))


if __name__ == "__main__":
    main()
