"""Tasks: RunTask, StopTask, ListTasks, DescribeTasks."""

import secrets

from ..strict import reads
from ..wire import AwsError, Params, page
from . import checks, limits
from .definitions import unrunnable
from .instances import NOBODY, Instances
from .state import Cluster, Definition, Deployment, Instance, Service, Task, digests, fargate

OUT_OF_MEMORY = "OutOfMemoryError: Container killed due to memory usage"  # "Stopped tasks error codes"


def _overrides(definition: Definition, given: list[Params]) -> dict[str, Params]:
    """By container what RunTask says otherwise: a command in the place of the image's, variables over the declared."""
    known = {c["name"] for c in definition.containers}
    for each in given:
        if each.get("name") not in known:
            message = f"Override for container named {each.get('name')} is not a container in the TaskDefinition."
            raise AwsError("InvalidParameterException", message)
        if not all(variable.get("name") for variable in each.get("environment", [])):
            raise AwsError("InvalidParameterException", "An environment variable of an override needs a name.")
    return {each["name"]: each for each in given}


class Tasks(Instances):
    def new_task(self, cluster: Cluster, definition: Definition, started_by: str | None, group: str) -> Task:
        arn = f"{self.prefix}task/{cluster.name}/{secrets.token_hex(16)}"
        task = Task(arn, cluster, definition, started_by=started_by, group=group, digests=digests(definition))
        self.tasks[arn] = task
        self.tags[arn] = []
        return task

    def new_service_task(self, service: Service, deployment: Deployment) -> bool:
        """Whether there is one. What finds no room is not there, and said once: "duplicate event messages are omitted
        until either the cause is resolved or six hours passes" ("Service event messages")."""
        instance = None
        if service.launch == "EC2":
            instance, refusals = self.room(service.cluster, deployment.definition)
            event = "" if instance else self.no_room(refusals)
            if event and event != deployment.unplaced:
                service.event(event)
            deployment.unplaced = event
            if instance is None:
                return False
        task = self.new_task(service.cluster, deployment.definition, deployment.id, f"service:{service.name}")
        task.deployment, task.service, task.digests = deployment, service, deployment.digests
        source = {"SERVICE": service.arn, "TASK_DEFINITION": deployment.definition.arn}
        self._tag(task, source.get(service.settings["propagateTags"]), service.settings["enableECSManagedTags"])
        task.executes = service.settings["enableExecuteCommand"]
        if instance:
            self.put(task, instance)
        return True

    def _tag(self, task: Task, source: str | None, managed: bool) -> None:
        """Tags of the one that they are propagated from, and ECS's own ("Tagging Amazon ECS resources")."""
        found = list(self.tags.get(source, [])) if source else []
        names = {"clusterName": task.cluster.name, **({"serviceName": task.service.name} if task.service else {})}
        if managed:
            found += [{"key": f"aws:ecs:{name}", "value": value} for name, value in names.items()]
        self.tags[task.arn] = found

    def forget_task(self, task: Task) -> None:
        del self.tasks[task.arn]
        self.tags.pop(task.arn, None)

    @reads(
        *("cluster", "taskDefinition", "count", "startedBy", "group", "launchType", "networkConfiguration"),
        *("platformVersion", "propagateTags", "tags", "enableExecuteCommand", "enableECSManagedTags", "clientToken"),
        *(f"overrides.containerOverrides.{name}" for name in ("name", "command", "environment")),
    )
    def run_task(self, p: Params) -> Params:
        """The same clientToken gives the same tasks ("Ensuring idempotency in Amazon ECS API requests")."""
        limits.words("RunTask", p)
        token = p.get("clientToken")
        if token in self.run_tokens:
            before, arns = self.run_tokens[token]
            if before != p:
                raise AwsError("ConflictException", "The client token was used with other parameters.")
            return {
                "tasks": [self._task_view(self.tasks[a], ["TAGS"]) for a in arns if a in self.tasks],
                "failures": [],
            }
        cluster, definition = self.cluster(p.get("cluster")), self.definition(p["taskDefinition"], active=True)
        checks.platform(p)
        checks.network(definition, p, p.get("launchType", "EC2"))
        unrunnable(definition)
        if not 1 <= p.get("count", 1) <= 10:
            raise AwsError("InvalidParameterException", "Count must be between 1 and 10.")
        if p.get("propagateTags") == "SERVICE":
            raise AwsError("InvalidParameterException", "Tags can not be propagated from a service by RunTask.")
        overrides = _overrides(definition, p.get("overrides", {}).get("containerOverrides", []))
        tasks, failures = [], []
        for _ in range(p.get("count", 1)):
            instance, refusals = self._room_for_one(cluster, definition, p)
            failures += [{"arn": each.arn, "reason": f"RESOURCE:{lack}"} for each, lack in refusals]
            if refusals:
                continue
            group = p.get("group", f"family:{definition.family}")
            task = self.new_task(cluster, definition, p.get("startedBy"), group)
            task.overrides = overrides
            if instance:
                self.put(task, instance)
            source = definition.arn if p.get("propagateTags") == "TASK_DEFINITION" else None
            self._tag(task, source, p.get("enableECSManagedTags", False))
            self.tags[task.arn] += p.get("tags", [])
            task.executes = p.get("enableExecuteCommand", False)
            tasks.append(task)
        if token:
            self.run_tokens[token] = p, [t.arn for t in tasks]
        self.wake()
        return {"tasks": [self._task_view(t, ["TAGS"]) for t in tasks], "failures": failures}

    def _room_for_one(
        self, cluster: Cluster, definition: Definition, p: Params
    ) -> tuple[Instance | None, list[tuple[Instance, str]]]:
        """An instance, or of each why it is none ("API failure reasons"); neither on Fargate."""
        if p.get("launchType", "EC2") == "FARGATE":
            return None, []
        instance, refusals = self.room(cluster, definition)
        if instance is None and not refusals:
            raise checks.invalid(NOBODY)
        return instance, [] if instance else refusals

    @reads("cluster", "task", "reason")
    def stop_task(self, p: Params) -> Params:
        task = self.task(self.cluster(p.get("cluster")), p["task"])
        if task is None:
            raise AwsError("InvalidParameterException", "The referenced task was not found.")
        task.ask_to_stop("UserInitiated", p.get("reason") or "Task stopped by user")
        self.wake()
        return {"task": self._task_view(task, [])}

    @reads(
        *("cluster", "family", "startedBy", "serviceName", "desiredStatus", "launchType", "maxResults", "nextToken"),
    )
    def list_tasks(self, p: Params) -> Params:
        """API reference, ListTasks: `startedBy` "must be the only filter that you use"; `desiredStatus` PENDING finds
        none, for ECS never wants a task to be pending."""
        if "startedBy" in p and {"family", "serviceName", "desiredStatus", "launchType"} & set(p):
            raise checks.invalid("cannot specify startedBy with other arguments")
        cluster, wanted = self.cluster(p.get("cluster")), p.get("desiredStatus", "RUNNING")
        service = self.service(p, "serviceName") if "serviceName" in p else None
        found = [
            t.arn
            for t in self.tasks.values()
            if t.cluster is cluster
            and t.wanted == wanted
            and (service is None or t.service is service)
            and t.definition.family == p.get("family", t.definition.family)
            and t.started_by == p.get("startedBy", t.started_by)
            and t.launch == p.get("launchType", t.launch)
        ]
        items, token = page(found, p, 100, "maxResults", "nextToken")
        return {"taskArns": items, "nextToken": token}

    @reads("cluster", "tasks", "include")
    def describe_tasks(self, p: Params) -> Params:
        cluster = self.cluster(p.get("cluster"))
        if not p["tasks"]:
            raise AwsError("InvalidParameterException", "Tasks cannot be empty.")
        if len(p["tasks"]) > 100:
            raise AwsError("InvalidParameterException", "Tasks cannot be longer than 100.")
        found, failures = [], []
        for reference in p["tasks"]:
            task = self.task(cluster, reference)
            if task is None:
                failures.append(self.missing(f"{self.prefix}task/{cluster.name}/{reference.rsplit('/', 1)[-1]}"))
            else:
                found.append(self._task_view(task, p.get("include", [])))
        return {"tasks": found, "failures": failures}

    def _task_view(self, task: Task, include: list[str]) -> Params:
        attached = "PRECREATED" if task.address is None else "DELETED" if task.status == "STOPPED" else "ATTACHED"
        details = [{"name": "privateIPv4Address", "value": task.address}] if task.address else []
        interface = {"id": task.id, "type": "ElasticNetworkInterface", "status": attached, "details": details}
        return {
            "taskArn": task.arn,
            "clusterArn": task.cluster.arn,
            "taskDefinitionArn": task.definition.arn,
            "lastStatus": task.status,
            "desiredStatus": task.wanted,
            "startedBy": task.started_by,
            "group": task.group,
            **fargate(task),
            "containerInstanceArn": task.instance.arn if task.instance else None,
            "cpu": task.definition.body.get("cpu"),
            "memory": task.definition.body.get("memory"),
            "availabilityZone": f"{self.region}a",
            "connectivity": "CONNECTED" if task.started else None,
            "version": 1,
            "overrides": {
                "containerOverrides": [
                    {"name": c["name"], **task.overrides.get(c["name"], {})} for c in task.definition.containers
                ]
            },
            "containers": [*(self._container_view(task, c) for c in task.definition.containers), *_proxy(task)],
            "createdAt": task.created,
            "startedAt": task.started,
            "stoppingAt": task.stopping,
            "stoppedAt": task.stopped,
            "stopCode": task.stop_code,
            "stoppedReason": task.stop_reason,
            "healthStatus": task.health_status,
            "enableExecuteCommand": task.executes,
            "attachments": [interface] if task.owns_interface else [],
            "tags": self.tags[task.arn] if "TAGS" in include else [],
        }

    @staticmethod
    def _container_view(task: Task, container: Params) -> Params:
        process = task.processes.get(container["name"])
        code = process.exit_code() if process else None
        running = "RUNNING" if process and task.started else "PENDING"
        interface = {"attachmentId": task.id, "privateIpv4Address": task.address}
        return {
            "containerArn": f"{task.arn.replace(':task/', ':container/')}/{container['name']}",
            "taskArn": task.arn,
            "name": container["name"],
            "image": container["image"],
            "imageDigest": task.digests[container["name"]] if process else None,
            "runtimeId": f"{task.id}-{container['name']}" if process else None,
            "lastStatus": "STOPPED" if code is not None or task.status == "STOPPED" else running,
            "exitCode": code,
            "reason": OUT_OF_MEMORY if container["name"] in task.out_of_memory else task.start_problem,
            "networkBindings": [
                {k: v for k, v in b.items() if k != "container"}
                for b in task.bindings
                if b["container"] == container["name"]
            ],
            "networkInterfaces": [interface] if task.address and task.owns_interface else [],
            "healthStatus": task.health[container["name"]].status if container["name"] in task.health else "UNKNOWN",
            "cpu": str(container["cpu"]),
            "memory": str(container["memory"]) if "memory" in container else None,
        }


def _proxy(task: Task) -> list[Params]:
    """The container that Service Connect adds to each task (developer guide, "Service Connect"): listed, and nothing of
    it runs here."""
    settings = task.deployment.settings if task.deployment else {}
    if not (settings.get("serviceConnectConfiguration") or {}).get("enabled"):
        return []
    name = f"ecs-service-connect-{task.id[:5]}"
    arn = f"{task.arn.replace(':task/', ':container/')}/{name}"
    state = "STOPPED" if task.stopped else "RUNNING" if task.started else "PENDING"
    return [{"containerArn": arn, "taskArn": task.arn, "name": name, "lastStatus": state, "healthStatus": "UNKNOWN"}]
