# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A small world in place of AWS: it answers what it is told, counts calls, and moves only with its own clock."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges.aws import WRITE_ATTEMPTS
from ansible_collections.steady.ecs.plugins.module_utils.work import Lease, Task, perform
from botocore.exceptions import ClientError, ConnectionClosedError

from tests.unit.answers import GROUP, deployment, moment, revision, rollout, service, target, task

Answer = dict[str, Any]
WRITES = ("update_service",)


class World:
    """One service ``web`` in cluster ``c1``, on ``web:1`` at first. It is its own connection, client and clock."""

    def __init__(self) -> None:
        self.seconds = 600.0
        self.service: Answer = service(deployment(1), deploymentController={"type": "ECS"})
        self.rollouts: dict[str, Answer] = {}
        self.tasks: list[Answer] = [task(1, index) for index in range(3)]
        self.targets: list[Answer] = [target(1, index) for index in range(3)]
        self.logs: list[str] = []
        self.environment: list[Answer] = []
        self.command: list[str] = []
        self.container: Answer = {}
        """What the container of each revision has beside these."""
        self.calls: list[tuple[str, Answer]] = []
        self._request_signer = types.SimpleNamespace(_credentials=None)
        self.meta = types.SimpleNamespace(region_name="us-east-1")
        self.lines: list[str] = []
        self.warnings: list[str] = []
        self.plan: list[tuple[float, Callable[[], None]]] = []
        self.faults: dict[str, list[Callable[[], Exception] | None]] = {}
        self.after_update: Callable[[], None] = self.begin_deployment

    # -- what a test tells it
    def at(self, seconds: float, what: Callable[[], None]) -> None:
        """Do something so many seconds after now."""
        self.plan.append((self.seconds + seconds, what))

    def fail(self, operation: str, *faults: Callable[[], Exception] | None) -> None:
        """Let the next calls of an operation fail, or pass for None."""
        self.faults.setdefault(operation, []).extend(faults)

    def writes(self) -> list[Answer]:
        return [arguments for operation, arguments in self.calls if operation in WRITES]

    def run(self, run: Callable[[Task], Answer], params: Answer, check_mode: bool = False) -> Answer:
        """Run a module in this world."""
        heard = {"report": self.lines.append, "warn": self.warnings.append}
        return perform(Task(params=params, connection=self, check_mode=check_mode, **heard), run)

    # -- what happens in it
    def begin_deployment(self, number: int = 2) -> None:
        """Deployment ``ecs-svc/NUMBER`` of ``web:NUMBER`` becomes PRIMARY; its tasks are still to start."""
        for each in self.service["deployments"]:
            each["status"] = "ACTIVE"
        began = moment(self.seconds)
        new = deployment(number, state="IN_PROGRESS", runningCount=0, pendingCount=3, createdAt=began)
        self.service["deployments"].insert(0, new)
        self.service["taskDefinition"] = revision(number)
        found = rollout(number, "IN_PROGRESS", createdAt=began)
        self.rollouts[found["serviceDeploymentArn"]] = found

    def start_tasks(self, number: int = 2, state: str = "healthy") -> None:
        self.tasks += [task(number, index) for index in range(3)]
        self.targets += [target(number, index, state) for index in range(3)]
        self.service["deployments"][0].update(runningCount=3, pendingCount=0)

    def complete(self, number: int = 2) -> None:
        """The deployment is complete: every other one is gone with its tasks."""
        self.service["deployments"] = [
            each for each in self.service["deployments"] if each["id"] == f"ecs-svc/{number}"
        ]
        self.service["deployments"][0].update(status="PRIMARY", rolloutState="COMPLETED")
        self.service["taskDefinition"] = revision(number)
        self.tasks = [each for each in self.tasks if each["startedBy"] == f"ecs-svc/{number}"]
        for each in self.rollouts.values():
            if each["serviceDeploymentArn"].endswith(f"/{number}"):
                each["status"] = "SUCCESSFUL"

    def roll_back(self) -> None:
        """ECS gives up ecs-svc/2 and is back on web:1."""
        for each in self.rollouts.values():
            each.update(status="ROLLBACK_SUCCESSFUL", statusReason="circuit breaker threshold was exceeded.")
        self.service["deployments"] = [deployment(1)]
        self.service["taskDefinition"] = revision(1)

    # -- connection and clock
    lease: Lease | None = None
    """What a writing client is held to (edges/aws.py)."""

    def client(self, service: str, attempts: int) -> Any:
        held = self.lease if attempts == WRITE_ATTEMPTS else None
        return self.of(service) if held is None else HeldTo(held, self.of(service))

    def of(self, _service: str) -> Any:
        """The API of a service."""
        return self

    def now(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        due = [each for each in self.plan if each[0] <= self.seconds]
        self.plan = [each for each in self.plan if each[0] > self.seconds]
        for _when, what in sorted(due, key=lambda each: each[0]):
            what()

    # -- the APIs
    def _called(self, operation: str, arguments: Answer) -> None:
        self.calls.append((operation, arguments))
        waiting = self.faults.get(operation)
        fault = waiting.pop(0) if waiting else None
        if fault is not None:
            raise fault()

    def describe_services(self, **arguments: Any) -> Answer:
        self._called("describe_services", arguments)
        found = self.service if "web" in arguments["services"] else None
        counted = found and {**found, "runningCount": sum(each["lastStatus"] == "RUNNING" for each in self.tasks)}
        return {"services": [counted] if counted else [], "failures": []}

    def update_service(self, **arguments: Any) -> Answer:
        self._called("update_service", arguments)
        return {"service": self._update(arguments)}

    def _update(self, arguments: Answer) -> Answer:
        for name, value in arguments.items():
            if name not in {"cluster", "service", "taskDefinition", "forceNewDeployment"}:
                self.service[name] = value
        if "taskDefinition" in arguments or arguments.get("forceNewDeployment"):
            self.after_update()
        return self.service

    def lose_the_answer(self) -> Exception:
        """UpdateService is carried out, and its answer does not arrive."""
        self._update(self.calls[-1][1])
        return ConnectionClosedError(endpoint_url="https://ecs.us-east-1.amazonaws.com")

    def list_service_deployments(self, **arguments: Any) -> Answer:
        """In no order that AWS promises: here the oldest come first."""
        self._called("list_service_deployments", arguments)
        start, size = int(arguments.get("nextToken", 0)), arguments.get("maxResults", 20)
        found, more = list(self.rollouts.values()), start + size < len(self.rollouts)
        return {"serviceDeployments": found[start : start + size], **({"nextToken": str(start + size)} if more else {})}

    def describe_service_deployments(self, **arguments: Any) -> Answer:
        self._called("describe_service_deployments", arguments)
        wanted = arguments["serviceDeploymentArns"]
        return {"serviceDeployments": [self.rollouts[each] for each in wanted if each in self.rollouts]}

    def get_paginator(self, operation: str) -> _Pages:
        return _Pages(self, operation)

    def describe_tasks(self, **arguments: Any) -> Answer:
        self._called("describe_tasks", arguments)
        return {"tasks": [each for each in self.tasks if each["taskArn"] in arguments["tasks"]]}

    def describe_target_health(self, **arguments: Any) -> Answer:
        self._called("describe_target_health", arguments)
        return {
            "TargetHealthDescriptions": [
                {
                    "Target": {"Id": each["address"], "Port": each["port"]},
                    "TargetHealth": {"State": each["state"], "Reason": each["reason"]},
                }
                for each in self.targets
            ]
        }

    def describe_target_groups(self, **arguments: Any) -> Answer:
        self._called("describe_target_groups", arguments)
        return {"TargetGroups": [{"TargetGroupArn": GROUP, "TargetGroupName": "tg-web"}]}

    def describe_target_group_attributes(self, **arguments: Any) -> Answer:
        self._called("describe_target_group_attributes", arguments)
        return {"Attributes": [{"Key": "stickiness.enabled", "Value": "true"}]}

    def describe_task_definition(self, **arguments: Any) -> Answer:
        self._called("describe_task_definition", arguments)
        log = {
            "logDriver": "awslogs",
            "options": {"awslogs-group": "/ecs/web", "awslogs-stream-prefix": "web"},
        }
        container = {**self.container, "name": "app", "environment": self.environment, "logConfiguration": log}
        container |= {"command": self.command} if self.command else {}
        return {"taskDefinition": {"containerDefinitions": [container]}, "tags": []}

    def describe_images(self, **arguments: Any) -> Answer:
        self._called("describe_images", arguments)
        return {"imageDetails": [{"imageDigest": "sha256:0"}]}

    def get_log_events(self, **arguments: Any) -> Answer:
        self._called("get_log_events", arguments)
        return {"events": [{"message": each} for each in self.logs]}


class HeldTo:
    """A client that asks the lease at the moment when it sends a call (edges/transport.py)."""

    def __init__(self, lease: Lease, api: Any) -> None:
        self._lease, self._api = lease, api

    def __getattr__(self, operation: str) -> Callable[..., Answer]:
        def call(**arguments: Any) -> Answer:
            self._lease.in_time()
            answer: Answer = getattr(self._api, operation)(**arguments)
            return answer

        return call


class _Pages:
    """Pages of ListTasks and ListServices, one page each."""

    def __init__(self, world: World, operation: str) -> None:
        self.world, self.operation = world, operation

    def paginate(self, **arguments: Any) -> Iterator[Answer]:
        self.world._called(self.operation, arguments)
        if self.operation == "list_services":
            yield {"serviceArns": [self.world.service["serviceArn"]]}
            return
        wanted = arguments["desiredStatus"]
        yield {"taskArns": [each["taskArn"] for each in self.world.tasks if each["desiredStatus"] == wanted]}


def refused(code: str, message: str = "") -> Callable[[], Exception]:
    """An error answer of AWS."""
    return lambda: ClientError({"Error": {"Code": code, "Message": message}}, "Operation")


def no_answer() -> Exception:
    """A connection that is closed before the call is carried out."""
    return ConnectionClosedError(endpoint_url="https://ecs.us-east-1.amazonaws.com")
