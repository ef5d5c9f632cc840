"""Amazon ECS as far as a release touches it: revisions, one service, its deployments, the circuit breaker.

It moves only when it is asked: what is due by the simulated clock happens first. Requests are checked against
botocore's own models by ``wire.py``; what is asked and not modelled is an AssertionError, never a guess.
"""

from __future__ import annotations

import copy
import datetime
from typing import Any

from botocore.exceptions import ClientError

Answer = dict[str, Any]

ACCOUNT, REGION, CLUSTER, SERVICE = "640080112933", "us-east-1", "model-cluster", "model-service"
ECS = f"arn:aws:ecs:{REGION}:{ACCOUNT}"
FAMILY = f"{ECS}:task-definition/model"
GROUP = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:targetgroup/model-tg/6cd8923ffc120347"
WHO = f"arn:aws:sts::{ACCOUNT}:assumed-role/deploy/"
BAD = "bad"
"""An image with this tag starts nothing that lives."""
COUNT = 3
BY_HAND = 1

STARTED, HEALTHY, COMPLETE = 2.0, 3.0, 4.0
"""Seconds from the beginning of a deployment of a good image."""
FAILURES, BROKEN, RESTORED = (1.0, 2.0, 24.0), 25.0, 3.0
"""Of a bad one: its tasks fail, the circuit breaker trips, not before a client has given up waiting for the answer that
began it; and then until the service is back."""

CONTENT_MEMBERS = {
    *("family", "containerDefinitions", "cpu", "memory", "networkMode", "requiresCompatibilities", "executionRoleArn"),
    *("taskRoleArn", "volumes", "placementConstraints", "runtimePlatform"),
}
BRIEF = {"serviceDeploymentArn", "serviceArn", "status", "createdAt"}
CONTAINER_DEFAULTS: Answer = {
    "cpu": 0,
    "essential": True,
    "environment": [],
    "mountPoints": [],
    "volumesFrom": [],
    "portMappings": [],
    "systemControls": [],
}


def moment(seconds: float) -> datetime.datetime:
    return datetime.datetime(2025, 11, 27, 10, 0, tzinfo=datetime.UTC) + datetime.timedelta(seconds=seconds)


def refused(code: str, message: str, status: int = 400) -> ClientError:
    """An error answer of AWS."""
    return ClientError(
        {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}, "Operation"
    )


class Ecs:
    """One cluster with one service. Everything in it can be pickled, for old reads and to start plans from."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.revisions: dict[int, Answer] = {}
        self.status = "ACTIVE"
        self.settings: Answer = {
            "deploymentConfiguration": {
                "maximumPercent": 200,
                "minimumHealthyPercent": 100,
                "deploymentCircuitBreaker": {"enable": True, "rollback": True},
            },
            "healthCheckGracePeriodSeconds": 60,
        }
        self.desired = COUNT
        self.deployments: list[Answer] = []
        self.rollouts: dict[str, Answer] = {}
        self.last_completed = ""
        self.numbers = 0
        self.begun = 0
        """Deployments that UpdateService began; a rollback of ECS's own is none."""
        self.events: list[Answer] = []
        self.due: list[tuple[float, int, str, str]] = []
        self.looked = 0.0
        """When the service was last read."""
        self.edit = ("", 0.0)
        """The deployment that somebody began in the console, and when the service was last read before."""

    # -- time
    def settle(self) -> None:
        """What is due by now happens, in its order."""
        while self.due and min(self.due)[0] <= self.seconds:
            when, _order, what, which = min(self.due)
            self.due.remove(min(self.due))
            getattr(self, f"_{what}")(which, when)

    def _at(self, when: float, what: str, which: str) -> None:
        self.numbers += 1
        self.due.append((when, self.numbers, what, which))

    def remember(self) -> None:
        """Called before each change."""

    # -- the life of a deployment
    def _deployment(self, which: str) -> Answer | None:
        return next((each for each in self.deployments if each["id"] == which), None)

    @property
    def primary(self) -> Answer:
        return next(each for each in self.deployments if each["status"] == "PRIMARY")

    def begin(self, number: int, when: float) -> Answer:
        """A new PRIMARY deployment of a revision."""
        self.numbers += 1
        for each in self.deployments:
            each["status"] = "ACTIVE"
            if each["rolloutState"] == "IN_PROGRESS":
                self._end_rollout(each["id"], "STOPPED")
        made = {
            "id": f"ecs-svc/{self.numbers:019d}",
            "status": "PRIMARY",
            "rolloutState": "IN_PROGRESS",
            "rolloutStateReason": "in progress",
            "revision": number,
            "createdAt": when,
            "running": 0,
            "healthy": False,
            "failed": 0,
        }
        self.deployments.insert(0, made)
        arn = f"{ECS}:service-deployment/{CLUSTER}/{SERVICE}/{self.numbers:016d}"
        self.rollouts[arn] = {"of": made["id"], "status": "IN_PROGRESS", "createdAt": when, "failures": 0}
        if BAD in str(self.revisions[number]["containerDefinitions"]):
            for each in FAILURES:
                self._at(when + each, "fails", made["id"])
            self._at(when + BROKEN, "breaks", made["id"])
        else:
            self._at(when + STARTED, "starts", made["id"])
            self._at(when + HEALTHY, "heals", made["id"])
            self._at(when + COMPLETE, "completes", made["id"])
        return made

    def _end_rollout(self, which: str, status: str) -> None:
        for each in self.rollouts.values():
            if each["of"] == which and each["status"] in ("IN_PROGRESS", "ROLLBACK_IN_PROGRESS"):
                each["status"] = status

    def _starts(self, which: str, _when: float) -> None:
        found = self._deployment(which)
        if found and found["status"] == "PRIMARY":
            found["running"] = self.desired

    def _heals(self, which: str, _when: float) -> None:
        found = self._deployment(which)
        if found and found["status"] == "PRIMARY":
            found["healthy"] = True

    def _completes(self, which: str, _when: float) -> None:
        found = self._deployment(which)
        if found and found["status"] == "PRIMARY" and found["rolloutState"] == "IN_PROGRESS":
            found.update(rolloutState="COMPLETED", rolloutStateReason=f"ECS deployment {which} completed.")
            found.update(running=self.desired, healthy=True)
            self.deployments, self.last_completed = [found], found["id"]
            self._end_rollout(which, "SUCCESSFUL")

    def _fails(self, which: str, when: float) -> None:
        found = self._deployment(which)
        if found and found["status"] == "PRIMARY":
            found["failed"] += 1
            for each in self.rollouts.values():
                if each["of"] == which:
                    each["failures"] += 1
            self.events.insert(0, {"id": f"{which}-{when}", "createdAt": when, "message": f"({SERVICE}) a task failed"})

    def _breaks(self, which: str, when: float) -> None:
        """The circuit breaker; without one, ECS goes on starting tasks for ever."""
        found = self._deployment(which)
        if not found or found["status"] != "PRIMARY":
            return
        breaker = self.settings["deploymentConfiguration"].get("deploymentCircuitBreaker", {})
        if not breaker.get("enable"):
            self._at(when + FAILURES[0], "fails", which)
            self._at(when + BROKEN, "breaks", which)
            return
        found.update(rolloutState="FAILED", rolloutStateReason="ECS deployment circuit breaker: tasks failed to start.")
        last = self._deployment(self.last_completed)
        if not breaker.get("rollback") or last is None:
            self._end_rollout(which, "STOPPED")
            return
        self._goes_back(found, last, when)

    def _goes_back(self, found: Answer, last: Answer, when: float) -> None:
        """From a deployment to the last that was complete, whose tasks still run."""
        which = found["id"]
        found["status"] = "ACTIVE"
        last.update(status="PRIMARY", rolloutState="IN_PROGRESS")
        self._end_rollout(which, "ROLLBACK_IN_PROGRESS")
        self._at(when + RESTORED, "restores", f"{which} {last['id']}")

    def _restores(self, which: str, when: float) -> None:
        failed, last = which.split()
        if self._deployment(last) and self.primary["id"] == last:
            self._completes(last, when)
            self._end_rollout(failed, "ROLLBACK_SUCCESSFUL")

    # -- the API
    def describe_services(self, cluster: str, services: list[str], include: list[str] | None = None) -> Answer:
        self._cluster(cluster)
        self.looked = self.seconds
        found = [self._service()] if SERVICE in services else []
        missing = [{"arn": each, "reason": "MISSING"} for each in services if each != SERVICE]
        return {"services": found, "failures": missing}

    def _cluster(self, name: str) -> None:
        if name != CLUSTER:
            raise refused("ClusterNotFoundException", "Cluster not found.")

    def _service(self) -> Answer:
        return {
            "serviceName": SERVICE,
            "serviceArn": f"{ECS}:service/{CLUSTER}/{SERVICE}",
            "clusterArn": f"{ECS}:cluster/{CLUSTER}",
            "status": self.status,
            "desiredCount": self.desired,
            "runningCount": sum(each["running"] for each in self.deployments),
            "pendingCount": 0,
            "launchType": "FARGATE",
            "taskDefinition": f"{FAMILY}:{self.primary['revision']}",
            "deploymentController": {"type": "ECS"},
            "loadBalancers": [{"targetGroupArn": GROUP, "containerName": "web", "containerPort": 8080}],
            "deployments": [self._listed(each) for each in self.deployments],
            "events": [{**each, "createdAt": moment(each["createdAt"])} for each in self.events[:100]],
            "tags": [],
            **copy.deepcopy(self.settings),
        }

    def _listed(self, each: Answer) -> Answer:
        return {
            "id": each["id"],
            "status": each["status"],
            "taskDefinition": f"{FAMILY}:{each['revision']}",
            "desiredCount": self.desired if each["status"] == "PRIMARY" else 0,
            "runningCount": each["running"],
            "pendingCount": 0,
            "failedTasks": each["failed"],
            "createdAt": moment(each["createdAt"]),
            "rolloutState": each["rolloutState"],
            "rolloutStateReason": each["rolloutStateReason"],
        }

    def list_services(self, cluster: str, **_page: Any) -> Answer:
        self._cluster(cluster)
        return {"serviceArns": [f"{ECS}:service/{CLUSTER}/{SERVICE}"]}

    def describe_clusters(self, clusters: list[str], **_more: Any) -> Answer:
        known = {"clusterName": CLUSTER, "clusterArn": f"{ECS}:cluster/{CLUSTER}", "status": "ACTIVE"}
        return {"clusters": [known] if CLUSTER in clusters else [], "failures": []}

    def update_service(self, cluster: str, service: str, **changes: Any) -> Answer:
        self._cluster(cluster)
        if service != SERVICE:
            raise refused("ServiceNotFoundException", "Service not found.")
        self.remember()
        wanted = changes.pop("taskDefinition", None)
        number = self.primary["revision"] if wanted is None else self._number(wanted)
        if wanted is not None and self.revisions[number]["status"] != "ACTIVE":
            raise refused("ClientException", "TaskDefinition is inactive")
        deploys = bool(changes.pop("forceNewDeployment", False)) or number != self.primary["revision"]
        unknown = changes.keys() - {"deploymentConfiguration", "healthCheckGracePeriodSeconds", "desiredCount"}
        assert not unknown, f"the model knows no {unknown} of UpdateService"
        self.desired = changes.pop("desiredCount", self.desired)
        merged = {**self.settings["deploymentConfiguration"], **changes.pop("deploymentConfiguration", {})}
        self.settings = {**self.settings, **changes, "deploymentConfiguration": merged}
        if deploys:
            self.begun += 1
            self.begin(number, self.seconds)
        elif self.primary["running"]:
            self.primary["running"] = self.desired
        return {"service": self._service()}

    def by_hand(self) -> None:
        """Somebody deploys the oldest revision in the console."""
        self.settle()
        self.update_service(CLUSTER, SERVICE, taskDefinition=f"{FAMILY}:{BY_HAND}")
        self.edit = (self.primary["id"], self.looked)

    def _number(self, name: str) -> int:
        text = name.removeprefix(f"{FAMILY}:").removeprefix("model:")
        if not text.isdigit() or int(text) not in self.revisions:
            raise refused("ClientException", "Unable to describe task definition.")
        return int(text)

    def register_task_definition(self, **content: Any) -> Answer:
        unknown = content.keys() - CONTENT_MEMBERS - {"tags"}
        assert not unknown, f"the model knows no {unknown} of RegisterTaskDefinition"
        self.remember()
        number = max(self.revisions, default=0) + 1
        tags = content.pop("tags", [])
        containers = [{**CONTAINER_DEFAULTS, **each} for each in copy.deepcopy(content["containerDefinitions"])]
        self.revisions[number] = {
            "volumes": [],
            "placementConstraints": [],
            **content,
            "containerDefinitions": containers,
            "taskDefinitionArn": f"{FAMILY}:{number}",
            "revision": number,
            "status": "ACTIVE",
            "compatibilities": ["EC2", "FARGATE"],
            "registeredBy": WHO,
        }
        return {"taskDefinition": copy.deepcopy(self.revisions[number]), "tags": tags}

    # pylint: disable-next=invalid-name
    def describe_task_definition(self, taskDefinition: str, include: list[str] | None = None) -> Answer:
        found = self.revisions[self._number(taskDefinition)]
        return {"taskDefinition": copy.deepcopy(found), "tags": []}

    def list_task_definitions(self, **asked: Any) -> Answer:
        assert asked.get("familyPrefix") == "model"
        newest = sorted(self.revisions, reverse=asked.get("sort") == "DESC")
        active = [each for each in newest if self.revisions[each]["status"] == asked.get("status", "ACTIVE")]
        return {"taskDefinitionArns": [f"{FAMILY}:{each}" for each in active]}

    def list_tasks(self, cluster: str, **asked: Any) -> Answer:
        self._cluster(cluster)
        return {"taskArns": [each["taskArn"] for each in self._tasks(asked.get("desiredStatus", "RUNNING"))]}

    def describe_tasks(self, cluster: str, tasks: list[str], include: list[str] | None = None) -> Answer:
        self._cluster(cluster)
        known = [each for status in ("RUNNING", "STOPPED") for each in self._tasks(status)]
        return {"tasks": [each for each in known if each["taskArn"] in tasks], "failures": []}

    def _tasks(self, status: str) -> list[Answer]:
        return [
            self._task(each, index, status)
            for each in self.deployments
            for index in range(each["running"] if status == "RUNNING" else each["failed"])
        ]

    def _task(self, of: Answer, index: int, status: str) -> Answer:
        number = int(of["id"].rsplit("/", 1)[1])
        stopped: Answer = {} if status == "RUNNING" else self._stopped(of)
        return {
            "taskArn": f"{ECS}:task/{CLUSTER}/{number:016x}{'0f'[status == 'STOPPED']}{index:015x}",
            "taskDefinitionArn": f"{FAMILY}:{of['revision']}",
            "startedBy": of["id"],
            "group": f"service:{SERVICE}",
            "lastStatus": status,
            "desiredStatus": status,
            "healthStatus": "UNKNOWN",
            "createdAt": moment(of["createdAt"]),
            "containers": [{"name": "web", "lastStatus": status, **stopped.pop("container", {})}],
            "attachments": [{"details": [{"name": "privateIPv4Address", "value": f"10.0.{number % 250}.{index}"}]}],
            **stopped,
        }

    def _stopped(self, of: Answer) -> Answer:
        return {
            "container": {"exitCode": 3},
            "stopCode": "EssentialContainerExited",
            "stoppedReason": "Essential container in task exited",
            "stoppingAt": moment(of["createdAt"] + 1),
        }

    def list_service_deployments(self, service: str, cluster: str, **_more: Any) -> Answer:
        self._cluster(cluster)
        found = [self._rollout(arn) for arn in reversed(self.rollouts)]
        brief = [{name: value for name, value in each.items() if name in BRIEF} for each in found]
        return {"serviceDeployments": brief}

    # pylint: disable-next=invalid-name
    def describe_service_deployments(self, serviceDeploymentArns: list[str]) -> Answer:
        return {"serviceDeployments": [self._rollout(arn) for arn in serviceDeploymentArns if arn in self.rollouts]}

    # pylint: disable-next=invalid-name
    def stop_service_deployment(self, serviceDeploymentArn: str, stopType: str) -> Answer:
        assert stopType == "ROLLBACK"
        rollout = self.rollouts.get(serviceDeploymentArn)
        if rollout is None:
            raise refused("ServiceDeploymentNotFoundException", "Service deployment not found.")
        if rollout["status"] != "IN_PROGRESS":
            raise refused("ConflictException", f"A service deployment in status {rollout['status']} cannot be stopped.")
        self.remember()
        found, last = self._deployment(rollout["of"]), self._deployment(self.last_completed)
        assert found and last, "what is in progress replaces something"
        found.update(rolloutState="FAILED", rolloutStateReason="Service deployment was stopped by the user.")
        self._goes_back(found, last, self.seconds)
        return {"serviceDeploymentArn": serviceDeploymentArn}

    def _rollout(self, arn: str) -> Answer:
        found = self.rollouts[arn]
        return {
            "serviceDeploymentArn": arn,
            "serviceArn": f"{ECS}:service/{CLUSTER}/{SERVICE}",
            "status": found["status"],
            "createdAt": moment(found["createdAt"]),
            "deploymentCircuitBreaker": {"failureCount": found["failures"], "threshold": COUNT, "status": "MONITORING"},
        }
