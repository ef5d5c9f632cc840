# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The production system as AWS answers about it, for modules that only read; a test changes what it answers."""

from __future__ import annotations

import copy
import types
from collections.abc import Iterator
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.work import Spec, Task, perform
from botocore.exceptions import ClientError, EndpointConnectionError

from testbed.ecs.definitions import stored
from testbed.production import task_definition as production
from tests.unit.answers import moment
from tests.unit.modules.releases import ACCOUNT, BALANCER, CLUSTER, DURATION, FAMILY, GROUP, REGION, SERVICE

Answer = dict[str, Any]
ECS = f"arn:aws:ecs:{REGION}:{ACCOUNT}"
ROLES = ("taskRoleArn", "executionRoleArn")
TASKS = "ecs-tasks.amazonaws.com"
DEFAULTS = {
    "deregistration_delay.timeout_seconds": "60",
    "load_balancing.algorithm.type": "round_robin",
    "slow_start.duration_seconds": "0",
    "stickiness.enabled": "true",
    "stickiness.type": "lb_cookie",
    DURATION: "3600",
}


class System:
    """Its own connection and client. Counts the calls; one of ``refused`` is answered with that code."""

    def __init__(self) -> None:
        self.caller = {"Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:user/ada", "UserId": "U"}
        self.meta = types.SimpleNamespace(region_name=REGION, endpoint_url="https://ecs.us-east-1.amazonaws.com")
        self._request_signer = types.SimpleNamespace(_credentials=None)
        self.definitions: dict[str, Answer] = {}
        self.service: Answer = {
            "serviceName": SERVICE,
            "serviceArn": f"{ECS}:service/{CLUSTER}/{SERVICE}",
            "clusterArn": f"{ECS}:cluster/{CLUSTER}",
            "status": "ACTIVE",
            "desiredCount": 3,
            "runningCount": 3,
            "pendingCount": 0,
            "launchType": "FARGATE",
            "taskDefinition": self.register(74, production()),
            "deploymentController": {"type": "ECS"},
            "deploymentConfiguration": {
                "maximumPercent": 200,
                "minimumHealthyPercent": 100,
                "deploymentCircuitBreaker": {"enable": True, "rollback": True},
            },
            "healthCheckGracePeriodSeconds": 120,
            "loadBalancers": [{"targetGroupArn": GROUP, "containerName": "coral", "containerPort": 5555}],
            "deployments": [self.deployment(74)],
        }
        self.groups: list[Answer] = [
            {
                "TargetGroupArn": GROUP,
                "TargetGroupName": GROUP.split("/")[1],
                "LoadBalancerArns": [BALANCER],
                "Protocol": "HTTP",
                "TargetType": "ip",
            }
        ]
        self.attributes = {GROUP: dict(DEFAULTS)}
        self.tags: dict[str, str] = {}
        self.addresses: list[str] = []
        """Healthy targets of every group."""
        self.tasks: list[str] = []
        """Addresses of the service's tasks that run."""
        self.roles: dict[str, str] = {"pardon-production-execution": TASKS, "pardon-production-task": TASKS}
        """By name, the service that may assume it."""
        self.log_groups: set[str] | None = None
        """Those that exist; None stands for any."""
        self.alarms: list[Answer] = []
        self.metrics: list[Answer] = []
        self.rules: list[Answer] = []
        self.instances: list[Answer] = []
        self.subnets: list[Answer] = []
        self.zones: list[str] = []
        self.manifests: list[Answer] = []
        self.others: dict[str, Any] = {}
        """Clients of services that a test brings along."""
        self.calls: list[str] = []
        self.refused: dict[str, str] = {}
        self.lines: list[str] = []
        self.warnings: list[str] = []

    # -- what a test tells it
    def register(self, number: int, request: Answer) -> str:
        """A revision of the family, as ECS would store it. Answers its ARN."""
        arn = f"{FAMILY}:{number}"
        request = {
            **request,
            **{key: str(request[key]).replace("000000000000", ACCOUNT) for key in ROLES if key in request},
        }
        more = {"taskDefinitionArn": arn, "revision": number, "status": "ACTIVE", "registeredAt": moment(0)}
        self.definitions[arn] = {**stored(copy.deepcopy(request)), **more}
        return arn

    def container(self, name: str) -> Answer:
        """A container of the live revision, to be changed."""
        containers = self.definitions[self.service["taskDefinition"]]["containerDefinitions"]
        found: Answer = next(each for each in containers if each["name"] == name)
        return found

    def deployment(self, number: int, state: str = "COMPLETED") -> Answer:
        return {
            "id": f"ecs-svc/{number}",
            "status": "PRIMARY",
            "rolloutState": state,
            "taskDefinition": f"{FAMILY}:{number}",
            "createdAt": moment(0),
        }

    def run(self, module: Any, check_mode: bool = False, **params: Any) -> Answer:
        """Run a module with its defaults filled in, on this service unless another is named."""
        spec: Spec = module.SPEC
        values = {name: option.get("default") for name, option in spec.options.items()}
        named = {"account": ACCOUNT, "cluster": CLUSTER, "service": SERVICE, "region": REGION}
        task = Task(
            params={**values, **named, **params},
            connection=self,
            check_mode=check_mode,
            report=self.lines.append,
            warn=self.warnings.append,
        )
        return perform(task, module.run)

    # -- connection
    def client(self, service: str, _attempts: int) -> Any:
        return self.others.get(service, self)

    # -- the APIs
    def _called(self, operation: str) -> None:
        self.calls.append(operation)
        code = self.refused.get(operation)
        if code == "nothing answers":
            raise EndpointConnectionError(endpoint_url="http://127.0.0.1:4566/")
        if code:
            raise ClientError({"Error": {"Code": code, "Message": "no rights"}}, operation)

    def get_caller_identity(self) -> Answer:
        self._called("get_caller_identity")
        return self.caller

    def describe_services(self, **asked: Any) -> Answer:
        self._called("describe_services")
        if asked["cluster"] != CLUSTER:
            raise ClientError({"Error": {"Code": "ClusterNotFoundException", "Message": "Cluster not found."}}, "X")
        return {"services": [self.service] if SERVICE in asked["services"] else []}

    def list_service_deployments(self, **_asked: Any) -> Answer:
        self._called("list_service_deployments")
        return {"serviceDeployments": []}

    def get_paginator(self, operation: str) -> types.SimpleNamespace:
        pages = {
            "list_services": {"serviceArns": [self.service["serviceArn"]]},
            "list_clusters": {"clusterArns": [self.service["clusterArn"]]},
            "list_tasks": {"taskArns": self.tasks},
            "list_metrics": {"Metrics": self.metrics},
            "describe_listeners": {"Listeners": [{"ListenerArn": "l"}]},
            "describe_rules": {"Rules": self.rules},
            "list_container_instances": {"containerInstanceArns": [str(n) for n in range(len(self.instances))]},
        }

        def paginate(**_asked: Any) -> Iterator[Answer]:
            self._called(operation)
            yield pages[operation]

        return types.SimpleNamespace(paginate=paginate)

    def describe_task_definition(self, **asked: Any) -> Answer:
        self._called("describe_task_definition")
        return {"taskDefinition": self.definitions[asked["taskDefinition"]], "tags": []}

    def describe_target_groups(self, **asked: Any) -> Answer:
        self._called("describe_target_groups")
        found = [each for each in self.groups if each["TargetGroupArn"] in asked["TargetGroupArns"]]
        if len(found) < len(asked["TargetGroupArns"]):
            raise ClientError({"Error": {"Code": "TargetGroupNotFound", "Message": "not found"}}, "X")
        return {"TargetGroups": found}

    def describe_target_group_attributes(self, **asked: Any) -> Answer:
        self._called("describe_target_group_attributes")
        return {
            "Attributes": [
                {"Key": key, "Value": value} for key, value in self.attributes[asked["TargetGroupArn"]].items()
            ]
        }

    def describe_tags(self, ResourceArns: list[str]) -> Answer:
        self._called("describe_tags")
        found = {arn: [{"Key": key, "Value": value} for key, value in self.tags.items()] for arn in ResourceArns}
        return {"TagDescriptions": [{"ResourceArn": arn, "Tags": tags} for arn, tags in found.items()]}

    def describe_target_health(self, **_asked: Any) -> Answer:
        self._called("describe_target_health")
        healthy = [{"Target": {"Id": each}, "TargetHealth": {"State": "healthy"}} for each in self.addresses]
        return {"TargetHealthDescriptions": healthy}

    def describe_tasks(self, tasks: list[str], **_asked: Any) -> Answer:
        self._called("describe_tasks")
        found = {each: [{"name": "privateIPv4Address", "value": each}] for each in tasks}
        return {"tasks": [{"taskArn": arn, "attachments": [{"details": details}]} for arn, details in found.items()]}

    def get_role(self, RoleName: str) -> Answer:
        self._called("get_role")
        if RoleName not in self.roles:
            raise ClientError({"Error": {"Code": "NoSuchEntity", "Message": "no such role"}}, "GetRole")
        statement = {"Effect": "Allow", "Principal": {"Service": self.roles[RoleName]}, "Action": "sts:AssumeRole"}
        arn = f"arn:aws:iam::{ACCOUNT}:role/{RoleName}"
        return {"Role": {"Arn": arn, "AssumeRolePolicyDocument": {"Statement": [statement]}}}

    def describe_log_streams(self, logGroupName: str, limit: int) -> Answer:
        self._called("describe_log_streams")
        if self.log_groups is not None and logGroupName not in self.log_groups:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": "no"}}, "DescribeLogStreams")
        return {"logStreams": []}

    def describe_alarms(self, AlarmNames: list[str], AlarmTypes: list[str]) -> Answer:
        self._called("describe_alarms")
        return {"MetricAlarms": [each for each in self.alarms if each["AlarmName"] in AlarmNames]}

    def describe_subnets(self, Filters: list[Answer]) -> Answer:
        self._called("describe_subnets")
        return {"Subnets": [each for each in self.subnets if each["SubnetId"] in Filters[0]["Values"]]}

    def describe_load_balancers(self, LoadBalancerArns: list[str]) -> Answer:
        self._called("describe_load_balancers")
        return {"LoadBalancers": [{"AvailabilityZones": [{"ZoneName": each} for each in self.zones]}]}

    def describe_container_instances(self, cluster: str, containerInstances: list[str]) -> Answer:
        self._called("describe_container_instances")
        return {"containerInstances": [self.instances[int(each)] for each in containerInstances]}
