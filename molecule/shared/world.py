"""The world of a scenario: one small service behind a load balancer, all of it named after the scenario.

    python world.py prepare SCENARIO    make it, or bring what an earlier run left back to how it is created
    python world.py note SCENARIO       write down what the check step must leave as it is
    python world.py compare SCENARIO    exit 1 when that has changed
    python world.py set SCENARIO KEY=VALUE ...    attributes of the target group, as somebody else changes them

Works on any endpoint with the API of ECS and Elastic Load Balancing. The scenario's tests look through the same class,
and only at the world: AWS's API, HTTP, files. The application answers with the tag of its image as its version.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError
from emulator import STATE, endpoint

IMAGE = "steady/echo:1"
SECOND = "-admin"
"""Ends the name of the second target group, which a scenario of several has."""
PORT, EDGE_PORT, COUNT = 8080, 4566, 2
ATTRIBUTES = {
    "deregistration_delay.timeout_seconds": "10",
    "stickiness.enabled": "false",
    "stickiness.type": "lb_cookie",
    "stickiness.lb_cookie.duration_seconds": "86400",
}
BREAKER = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
READING = re.compile("Describe|List|Get")
SHARED = Path(__file__).resolve().parent
Answer = dict[str, Any]


def client(service: str) -> Any:
    """A client for the emulator; the credentials are those of the scenarios' inventory."""
    return boto3.client(
        service, endpoint_url=endpoint(), region_name="us-east-1",
        aws_access_key_id="emulator", aws_secret_access_key="emulator-secret",
    )  # fmt: skip


def asked(url: str) -> Any:
    """The JSON that a URL answers. Raises OSError when it does not answer 2xx."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


def on_the_bed() -> bool:
    """Whether the emulator is this project's bed, whose call log and faults a test may use."""
    return str(asked(f"{endpoint()}/_localstack/health").get("edition")) == "steady-bed"


@dataclass
class Run:
    """How an ansible-playbook ended, and all that it printed."""

    status: int
    text: str


@dataclass(frozen=True)
class World:
    """What one scenario has in AWS and on disk."""

    scenario: str

    @property
    def name(self) -> str:
        """Of cluster, service, family, load balancer and target group."""
        return f"molecule-{self.scenario}".replace("_", "-")

    @property
    def folder(self) -> Path:
        """Where the scenario's runs write their files."""
        return STATE / self.scenario

    @cached_property
    def ecs(self) -> Any:
        return client("ecs")

    @cached_property
    def elb(self) -> Any:
        return client("elbv2")

    # -- looking

    def service(self) -> Answer:
        """The service as DescribeServices answers it; empty when there is none."""
        found: list[Answer] = self.ecs.describe_services(cluster=self.name, services=[self.name])["services"]
        return found[0] if found and found[0]["status"] == "ACTIVE" else {}

    def revision(self) -> str:
        """`FAMILY:REVISION` that the service names."""
        return str(self.service()["taskDefinition"]).rsplit("/", 1)[-1]

    def revisions(self) -> list[str]:
        """`FAMILY:REVISION` of all that are registered, the oldest first."""
        arns = self.ecs.list_task_definitions(familyPrefix=self.name, sort="ASC")["taskDefinitionArns"]
        return [arn.rsplit("/", 1)[-1] for arn in arns]

    def running(self) -> list[Answer]:
        """The tasks that run."""
        arns = self.ecs.list_tasks(cluster=self.name, serviceName=self.name, desiredStatus="RUNNING")["taskArns"]
        return list(self.ecs.describe_tasks(cluster=self.name, tasks=arns)["tasks"]) if arns else []

    def environments(self) -> list[dict[str, str]]:
        """The environment of the container of each task that runs, from the revision that the task names."""
        found = []
        for arn in [task["taskDefinitionArn"] for task in self.running()]:
            content = self.ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
            pairs = content["containerDefinitions"][0]["environment"]
            found.append({pair["name"]: pair["value"] for pair in pairs})
        return found

    def deployments(self) -> list[Answer]:
        """Every deployment of the service, the newest first (ListServiceDeployments)."""
        return list(self.ecs.list_service_deployments(cluster=self.name, service=self.name)["serviceDeployments"])

    def deployments_since(self) -> list[Answer]:
        """Those made after `note`."""
        return [each for each in self.deployments() if each["createdAt"].timestamp() > self.before["time"]]

    @property
    def groups(self) -> list[str]:
        """What the names of the service's target groups end with."""
        return ["", SECOND] if self.scenario == "target_group" else [""]

    def group(self, which: str = "") -> str:
        """ARN of a target group."""
        return str(self.elb.describe_target_groups(Names=[self.name + which])["TargetGroups"][0]["TargetGroupArn"])

    def attributes(self, which: str = "") -> dict[str, str]:
        """A target group's attributes."""
        found = self.elb.describe_target_group_attributes(TargetGroupArn=self.group(which))["Attributes"]
        return {each["Key"]: each["Value"] for each in found}

    def targets(self) -> dict[str, str]:
        """Address of each target that is not leaving, and its state."""
        found = self.elb.describe_target_health(TargetGroupArn=self.group())["TargetHealthDescriptions"]
        states = {each["Target"]["Id"]: each["TargetHealth"]["State"] for each in found}
        return {target: state for target, state in states.items() if state != "draining"}

    def url(self) -> str:
        """Where users reach the application. LocalStack serves all load balancers on its own port."""
        name = self.elb.describe_load_balancers(Names=[self.name])["LoadBalancers"][0]["DNSName"]
        return f"http://{name}:{EDGE_PORT if name.endswith('.localstack.cloud') else PORT}"

    def answer(self) -> Answer:
        """What a user of the application is told: its instance and version."""
        found: Answer = asked(f"{self.url()}/")
        return found

    def records(self) -> list[Answer]:
        """The release records on file, the oldest first."""
        paths = sorted((self.folder / "releases").rglob("releases/*.json"))
        return [json.loads(path.read_text(encoding="utf-8")) for path in paths]

    def written(self, name: str) -> Answer:
        """A JSON file that the scenario's run has written."""
        found: Answer = json.loads((self.folder / name).read_text(encoding="utf-8"))
        return found

    def snapshot(self) -> Answer:
        """All that a run could have changed, as JSON."""
        service = self.service()
        kept = [path for name in ("releases", "report") for path in (self.folder / name).rglob("*") if path.is_file()]
        return {
            "service": {key: service[key] for key in ("taskDefinition", "desiredCount", "deploymentConfiguration")},
            "deployments": sorted(each["id"] for each in service["deployments"]),
            "revisions": self.revisions(),
            "tasks": sorted(task["taskArn"] for task in self.running()),
            "attributes": self.attributes(),
            "others": {which: self.attributes(which) for which in self.groups[1:]},
            "files": {str(path.relative_to(self.folder)): path.read_text(encoding="utf-8") for path in sorted(kept)},
        }

    @property
    def before(self) -> Answer:
        """The world as `note` found it, before the roles ran."""
        return self.written("before.json")

    def writes(self, since: float = 0) -> list[str]:
        """Operations in the bed's call log that write and name the scenario's things, the oldest first."""
        calls = asked(f"{endpoint()}/_bed/calls")["log"]
        return [
            call["operation"]
            for call in calls
            if call["time"] >= since
            and not READING.match(call["operation"])
            and self.name in json.dumps(call.get("parameters", {}))
        ]

    # -- acting

    def play(self, playbook: str | Path, *options: str, **variables: Any) -> Run:
        """Run a playbook of the scenario's folder, as Molecule runs converge.yml."""
        path = SHARED.parent / self.scenario / playbook
        done = subprocess.run(
            ["ansible-playbook", f"--inventory={SHARED / 'inventory'}", f"--limit={self.scenario}",
             "--extra-vars", json.dumps(variables), *options, str(path)],
            env={**os.environ, "ANSIBLE_NOCOLOR": "1"}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, check=False,
        )  # fmt: skip
        return Run(done.returncode, done.stdout)

    def set_attributes(self, wanted: dict[str, str], which: str = "") -> None:
        """Change attributes as somebody else would, past the roles."""
        pairs = [{"Key": key, "Value": value} for key, value in wanted.items()]
        self.elb.modify_target_group_attributes(TargetGroupArn=self.group(which), Attributes=pairs)

    def prepare(self) -> None:
        """Have the world as it is created, and no file of an earlier run."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.ecs.create_cluster(clusterName=self.name)
        if self.service():
            self._reset()
        else:
            self._create(self._balanced())
        for which in self.groups:
            self.set_attributes(ATTRIBUTES, which)
        self._wait()
        for revision in self.revisions()[1:]:  # else an equal one is used again, and none is registered
            self.ecs.deregister_task_definition(taskDefinition=revision)
        self._write("world.json", {"url": self.url(), "target_group": self.group()})

    def note(self) -> None:
        """Write the snapshot that `compare` and :attr:`before` read."""
        self._write("before.json", {"time": time.time(), **self.snapshot()})

    def compare(self) -> str:
        """What has changed since `note`, a line each; empty when nothing has."""
        was, now = self.before, json.loads(json.dumps(self.snapshot()))
        return "\n".join(f"{key}: was {was[key]}, is {now[key]}" for key in now if was[key] != now[key])

    def _write(self, name: str, content: Answer) -> None:
        (self.folder / name).write_text(json.dumps(content, indent=1), encoding="utf-8")

    def _reset(self) -> None:
        first = self.revisions()[0]
        if self.revision() != first or self.service()["desiredCount"] != COUNT:
            self.ecs.update_service(
                cluster=self.name, service=self.name, taskDefinition=first, desiredCount=COUNT,
                deploymentConfiguration=BREAKER,
            )  # fmt: skip

    def _balanced(self) -> list[str]:
        """A load balancer that serves each target group on a port of its own."""
        ec2 = client("ec2")
        subnets = [each["SubnetId"] for each in ec2.describe_subnets()["Subnets"]][:2]
        network = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
        balancer = self.elb.create_load_balancer(Name=self.name, Subnets=subnets)["LoadBalancers"][0]["LoadBalancerArn"]
        served = {each["Port"] for each in self.elb.describe_listeners(LoadBalancerArn=balancer)["Listeners"]}
        found = []
        for port, which in enumerate(self.groups, PORT):
            group = self.elb.create_target_group(
                Name=self.name + which, Protocol="HTTP", Port=PORT, VpcId=network, TargetType="ip",
                HealthCheckPath="/health", HealthCheckIntervalSeconds=10, HealthyThresholdCount=2,
            )["TargetGroups"][0]["TargetGroupArn"]  # fmt: skip
            if port not in served:
                action = {"Type": "forward", "TargetGroupArn": group}
                self.elb.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=port, DefaultActions=[action])
            found.append(str(group))
        return found

    def _create(self, groups: list[str]) -> None:
        environment = [{"name": "GREETING", "value": "hello"}, {"name": "LANGUAGE", "value": "en"}]
        ports = [{"containerPort": PORT}]
        container = {"name": "app", "image": IMAGE, "portMappings": ports, "environment": environment}
        self.ecs.register_task_definition(
            family=self.name, networkMode="awsvpc", requiresCompatibilities=["FARGATE"], cpu="256", memory="512",
            containerDefinitions=[container],
        )  # fmt: skip
        subnets = [each["SubnetId"] for each in client("ec2").describe_subnets()["Subnets"]][:1]
        self.ecs.create_service(
            cluster=self.name, serviceName=self.name, taskDefinition=self.name, desiredCount=COUNT,
            launchType="FARGATE", networkConfiguration={"awsvpcConfiguration": {"subnets": subnets}},
            loadBalancers=[{"targetGroupArn": arn, "containerName": "app", "containerPort": PORT} for arn in groups],
            deploymentConfiguration=BREAKER,
        )  # fmt: skip

    def _wait(self, seconds: float = 120) -> None:
        """Until the service's only deployment is complete and users are served."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            service = self.service()
            complete = [each["rolloutState"] for each in service["deployments"]] == ["COMPLETED"]
            if complete and list(self.targets().values()) == ["healthy"] * COUNT:
                return
            time.sleep(0.1)
        sys.exit("\n".join(event["message"] for event in self.service()["events"][:10]))


def main() -> None:
    """Make, note, compare or change the world of one scenario."""
    verb, scenario, *pairs = sys.argv[1:]
    world = World(scenario)
    try:
        if verb == "prepare":
            world.prepare()
        elif verb == "note":
            world.note()
        elif verb == "set":
            world.set_attributes(dict(pair.split("=", 1) for pair in pairs))
        elif changes := world.compare():
            sys.exit(f"check mode has changed the world:\n{changes}")
    except ClientError as refused:
        sys.exit(f"{scenario}: {refused}")


if __name__ == "__main__":
    main()
