"""What ECS stores, and how it is found. No threads: the caller holds the bed's lock."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Protocol

from ..images import digest
from ..wire import AwsError, Params, now
from .strategies import Stage

LIVE = ("PROVISIONING", "PENDING", "RUNNING")


class Process(Protocol):
    """A container at run time: engine.Process, or declared.DeclaredProcess."""

    def exit_code(self) -> int | None: ...
    def memory(self) -> int: ...
    def send(self, number: int) -> None: ...
    @property
    def output(self) -> BinaryIO | None: ...


@dataclass
class Cluster:
    arn: str
    name: str
    settings: list[Params] = field(default_factory=list)


@dataclass(eq=False)
class Instance:
    """A container instance, with the resources that it was registered with."""

    arn: str
    cluster: Cluster
    id: str  # of EC2
    cpu: int
    memory: int
    reserved: frozenset[int]  # host ports that no task gets
    registered: float = field(default_factory=now)


@dataclass(eq=False)
class Rollout:
    """A service deployment: the record of one change, from its start to its end."""

    arn: str
    service: "Service"
    target: "Deployment"
    configuration: Params
    sources: list[tuple["Deployment", int]]  # what it replaces, with the running tasks at its start
    replaces: "Deployment | None"  # the one of those that was complete, and serves until traffic is shifted
    requested: int
    threshold: int
    status: str = "PENDING"  # "has been created, but has not started" (service-deployment), until the next tick
    reason: str | None = None
    failures: int = 0  # tasks that count for the circuit breaker
    breaker: str = "DISABLED"
    alarms: str = "DISABLED"
    alarms_before: set[str] | None = None  # in ALARM when it began: ignored
    triggered: list[str] = field(default_factory=list)
    rollback: Params | None = None
    stages: list[Stage] = field(default_factory=list)  # of a strategy that shifts traffic
    at: int = 0  # the stage it is in,
    entered: bool = False  # whether that has begun,
    until: float = 0.0  # and the time.monotonic() until which it, or the bake time, lasts at least
    hooks: list[Params] = field(default_factory=list)  # lifecycleHookDetails
    counted: "dict[Deployment, Params]" = field(default_factory=dict)  # the tasks of each when it was SUCCESSFUL
    percent: float = 0.0  # of the production traffic that the target has,
    test_percent: float = 0.0  # and of the test traffic
    created: float = field(default_factory=now)
    updated: float = field(default_factory=now)
    started: float | None = None
    finished: float | None = None
    stopped: float | None = None

    @property
    def stage(self) -> Stage | None:
        return self.stages[self.at] if self.stages else None

    def become(self, status: str, reason: str | None = None, over: bool = False) -> None:
        self.status, self.updated = status, now()
        self.reason = reason or self.reason
        if status == "IN_PROGRESS":
            self.started = self.updated
        if over:
            self.finished = self.updated
            if self.breaker == "MONITORING":
                self.breaker = "MONITORING_COMPLETE"
            if self.alarms == "MONITORING":
                self.alarms = "MONITORING_COMPLETE"


@dataclass(eq=False)
class Deployment:
    """What a service's tasks are made from: one service revision being, or having been, deployed."""

    id: str
    revision: str  # ARN of the service revision
    definition: "Definition"
    settings: Params  # networkConfiguration, loadBalancers, platformVersion: they belong to the revision
    balancers: list[Params]  # loadBalancers with the target group that its tasks are registered in
    status: str = "PRIMARY"
    failed: int = 0  # "once a service deployment has one or more successfully running tasks, the failed task count
    proven: bool = False  # resets to zero and stops being evaluated" (API reference, Deployment)
    state: str = "IN_PROGRESS"
    reason: str = ""
    created: float = field(default_factory=now)
    updated: float = field(default_factory=now)
    rollout: Rollout | None = None  # None when it only brings back an older revision
    rolls_back: Rollout | None = None
    unstarted: int = 0  # tasks in a row that did not start: they delay the next start
    not_before: float = 0.0
    digests: dict[str, str] = field(default_factory=dict)  # of each container's image, resolved once a service revision
    kept: int = 0  # tasks that it has or is owed while it is replaced
    unplaced: str = ""  # the event that no instance has room: said once, until one has

    def become(self, state: str, reason: str) -> None:
        self.state, self.reason, self.updated = state, reason, now()


@dataclass(eq=False)
class Definition:
    """One revision of a task definition, in AWS's form."""

    arn: str
    family: str
    revision: int
    body: Params

    @property
    def name(self) -> str:
        return f"{self.family}:{self.revision}"

    @property
    def status(self) -> str:
        return str(self.body["status"])

    @property
    def containers(self) -> list[Params]:
        found: list[Params] = self.body["containerDefinitions"]
        return found


@dataclass(eq=False)
class Service:
    arn: str
    name: str
    cluster: Cluster
    definition: Definition
    desired: int
    configuration: Params
    settings: Params  # what is stored as it was given
    launch: str = "FARGATE"
    controller: str = "ECS"
    status: str = "ACTIVE"
    created: float = field(default_factory=now)
    token: str | None = None
    deployments: list[Deployment] = field(default_factory=list)
    events: list[Params] = field(default_factory=list)
    last_completed: Deployment | None = None
    steady: bool = False

    @property
    def primary(self) -> Deployment:
        return next(d for d in self.deployments if d.status == "PRIMARY")

    @property
    def source(self) -> Deployment | None:
        """The deployment that ran before the PRIMARY one and is replaced by it, while it has tasks or is owed some."""
        last = self.last_completed
        return last if last in self.deployments and last is not self.primary else None

    def scale(self, desired: int) -> None:
        """ "When Application Auto Scaling triggers during a rolling deployment, ECS applies scale-out to both service
        revisions" (aws.amazon.com/about-aws/whats-new/2025/11, amazon-ecs-service-availability-rolling-deployments)."""
        if self.source and self.source.kept:
            self.source.kept += max(0, desired - self.desired)
        self.desired = desired

    def event(self, text: str) -> None:
        """A line of `events`: newest first, 100 are kept, as on AWS."""
        message = f"(service {self.name}) {text}"
        self.events.insert(0, {"id": secrets.token_hex(16), "createdAt": now(), "message": message})
        del self.events[100:]


@dataclass(eq=False)
class Task:
    """States: PROVISIONING, PENDING, RUNNING, DEACTIVATING (leaving the target groups), STOPPING, STOPPED."""

    arn: str
    cluster: Cluster
    definition: Definition
    deployment: Deployment | None = None
    service: Service | None = None
    started_by: str | None = None
    group: str = ""
    executes: bool = False  # ExecuteCommand is enabled
    overrides: dict[str, Params] = field(default_factory=dict)  # by container name: what RunTask said otherwise
    instance: Instance | None = None  # of launch type EC2: where it was placed,
    bindings: list[Params] = field(default_factory=list)  # and in bridge and host mode which of its ports it has
    status: str = "PROVISIONING"
    wanted: str = "RUNNING"
    address: str | None = None
    processes: dict[str, Process] = field(default_factory=dict)  # by container name
    digests: dict[str, str] = field(default_factory=dict)  # of each container's image, as it was pulled
    health: dict[str, Any] = field(default_factory=dict)  # ContainerHealth of each container that has a check
    created: float = field(default_factory=now)
    started: float | None = None
    stopping: float | None = None
    stopped: float | None = None
    stop_code: str | None = None
    stop_reason: str | None = None
    start_problem: str | None = None
    out_of_memory: set[str] = field(default_factory=set)  # containers that were killed for it
    term_sent: float | None = None
    succeeded: bool = False  # counted once as a success of its deployment,
    failed: bool = False  # and once as a failure
    unhealthy: bool = False  # stopped because a load balancer found it unhealthy

    @property
    def id(self) -> str:
        return self.arn.rsplit("/", 1)[1]

    @property
    def launch(self) -> str:
        return "EC2" if self.instance else "FARGATE"

    @property
    def owns_interface(self) -> bool:
        return bool(self.definition.body.get("networkMode") == "awsvpc")

    def target(self, balancer: Params) -> tuple[str, int]:
        """What of it is registered in a target group: an address, or an instance and a host port."""
        wanted = balancer["containerName"], balancer["containerPort"]
        port = next((b["hostPort"] for b in self.bindings if (b["container"], b["containerPort"]) == wanted), None)
        return (self.instance.id, port) if self.instance and port else (self.address or "", wanted[1])

    @property
    def checked(self) -> set[str]:
        """Its essential containers that have a check: only these say how it is (developer guide, healthcheck)."""
        return {c["name"] for c in self.definition.containers if c["essential"] and c.get("healthCheck")}

    @property
    def health_status(self) -> str:
        found = {check.status for name, check in self.health.items() if name in self.checked}
        return "UNHEALTHY" if "UNHEALTHY" in found else "HEALTHY" if found == {"HEALTHY"} else "UNKNOWN"

    @property
    def alive(self) -> bool:
        return self.status in LIVE and self.wanted == "RUNNING"

    def ask_to_stop(self, code: str, reason: str) -> None:
        """The first cause stays: AWS never overwrites a stopped reason."""
        if self.wanted == "RUNNING":
            self.wanted, self.stop_code, self.stop_reason, self.stopping = "STOPPED", code, reason, now()


def fargate(what: "Service | Task") -> Params:
    """How a service or task is launched, as every view of it says; a platform version is AWS Fargate's alone."""
    platform = {"platformVersion": "1.4.0", "platformFamily": "Linux"} if what.launch == "FARGATE" else {}
    return {"launchType": what.launch or None, **platform}


def digests(definition: Definition) -> dict[str, str]:
    """By container, what the registry answers for its image now."""
    return {each["name"]: digest(each["image"]) for each in definition.containers}


class State:
    """The stores of one region, and look-ups that fail as AWS's do."""

    def __init__(
        self, region: str, account: str, elbv2: Any, wake: Callable[[], None], families: dict[str, int] | None = None
    ) -> None:
        self.region, self.account, self.elbv2, self.wake = region, account, elbv2, wake
        self.prefix = f"arn:aws:ecs:{region}:{account}:"
        self.families = {} if families is None else families  # revision numbers already used up, by family
        self.clusters: dict[str, Cluster] = {}
        self.definitions: dict[str, Definition] = {}
        self.services: dict[str, Service] = {}  # by ARN
        self.hooks: dict[str, str] = {}  # what the function of a lifecycle hook says, by its ARN
        self.tasks: dict[str, Task] = {}  # by ARN
        self.instances: dict[str, Instance] = {}  # by ARN
        self.tags: dict[str, list[Params]] = {}  # by ARN
        self.run_tokens: dict[str, tuple[Params, list[str]]] = {}  # RunTask's parameters and tasks by clientToken
        self.rollouts: dict[str, Rollout] = {}  # by ARN
        self.revisions: dict[str, Params] = {}  # by ARN, AWS's form

    def cluster(self, reference: str | None) -> Cluster:
        found = self.clusters.get((reference or "default").rsplit("/", 1)[-1])
        if found is None:
            raise AwsError("ClusterNotFoundException", "Cluster not found.")
        return found

    def service_arn(self, cluster: Cluster, reference: str) -> str:
        return f"{self.prefix}service/{cluster.name}/{reference.rsplit('/', 1)[-1]}"

    def service(self, params: Params, key: str = "service") -> Service:
        found = self.services.get(self.service_arn(self.cluster(params.get("cluster")), params[key]))
        if found is None:
            raise AwsError("ServiceNotFoundException", "Service not found.")
        return found

    def definition(self, reference: str, active: bool = False) -> Definition:
        """By ARN, family:revision, or family alone (its latest ACTIVE revision)."""
        name = reference.rsplit("/", 1)[-1]
        if ":" in name:
            found = self.definitions.get(name)
        else:
            alive = [d for d in self.definitions.values() if d.family == name and d.status == "ACTIVE"]
            found = max(alive, key=lambda d: d.revision, default=None)
        if found is None:
            raise AwsError("ClientException", "Unable to describe task definition.")
        if active and found.status != "ACTIVE":
            raise AwsError("ClientException", "TaskDefinition is inactive")
        return found

    def task(self, cluster: Cluster, reference: str) -> Task | None:
        return self.tasks.get(f"{self.prefix}task/{cluster.name}/{reference.rsplit('/', 1)[-1]}")

    def tasks_of(self, service: Service) -> list[Task]:
        return [t for t in self.tasks.values() if t.service is service]

    def missing(self, arn: str) -> Params:
        return {"arn": arn, "reason": "MISSING"}


def counts(tasks: list[Task]) -> Params:
    """runningCount and pendingCount, as AWS counts them."""
    return {
        "runningCount": sum(t.status == "RUNNING" for t in tasks),
        "pendingCount": sum(t.status in ("PROVISIONING", "PENDING") for t in tasks),
    }
