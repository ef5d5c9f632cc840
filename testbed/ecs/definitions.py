"""Task definitions: registration with AWS's defaults and refusals, and the life of a revision.

A revision is echoed as it was given: members that the bed does not act on are carried, as long as they do not change
how a task behaves (`unrunnable` names those that do, when somebody wants to run it).
Sources: API reference RegisterTaskDefinition; "Task definition differences for Fargate",
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html
"""

import re
from typing import Any

from ..strict import reads
from ..wire import AwsError, Params, now, page
from . import limits
from .state import Definition, State

CONTAINER: Params = {
    "cpu": 0,
    "essential": True,
    "environment": [],
    "mountPoints": [],
    "volumesFrom": [],
    "portMappings": [],
    "systemControls": [],
}
HEALTH_CHECK = {"interval": 30, "timeout": 5, "retries": 3}
HEALTH_RANGES = {"interval": (5, 300), "timeout": (2, 60), "retries": (1, 10), "startPeriod": (0, 300)}
GIB = 1024
FARGATE_SIZES: dict[int, Any] = {  # cpu units: the memory values in MiB that go with them
    256: (512, GIB, 2 * GIB),
    512: range(GIB, 4 * GIB + 1, GIB),
    1024: range(2 * GIB, 8 * GIB + 1, GIB),
    2048: range(4 * GIB, 16 * GIB + 1, GIB),
    4096: range(8 * GIB, 30 * GIB + 1, GIB),
    8192: range(16 * GIB, 60 * GIB + 1, 4 * GIB),
    16384: range(32 * GIB, 120 * GIB + 1, 8 * GIB),
}
MEMBERS = (
    *("family", "taskRoleArn", "executionRoleArn", "networkMode", "containerDefinitions", "volumes", "pidMode"),
    *("placementConstraints", "requiresCompatibilities", "cpu", "memory", "tags", "ipcMode", "proxyConfiguration"),
    *("ephemeralStorage", "runtimePlatform", "enableFaultInjection"),
)
LOG_OPTIONS = {"awslogs-group", "awslogs-region", "awslogs-stream-prefix", "awslogs-create-group", "mode"}
LOG_OPTIONS |= {"max-buffer-size"}
LOG_REQUIRED = {"awslogs-group", "awslogs-region", "awslogs-stream-prefix"}
NOT_RUN = ("environmentFiles", "restartPolicy", "firelensConfiguration", "startTimeout")


def refuse(message: str) -> AwsError:
    return AwsError("ClientException", message)


def number(value: str, unit: str) -> int | None:
    """'1024', '1 GB' or '.25 vCPU' in MiB or CPU units; None when it is none of these."""
    words = value.lower().split()
    try:
        if len(words) == 2 and words[1] == unit.lower():
            return int(float(words[0]) * 1024)
        return int(value)
    except ValueError:
        return None


def check(p: Params) -> None:
    """Raise as RegisterTaskDefinition does."""
    limits.words("RegisterTaskDefinition", p, "ClientException")
    containers = p["containerDefinitions"]
    if not containers:
        raise refuse("Container list cannot be empty.")
    names = [c.get("name") for c in containers]
    for container in containers:
        if not container.get("name") or not container.get("image"):
            raise refuse("Invalid 'containerDefinitions' setting: a container needs a name and an image.")
        if not re.fullmatch(limits.NAME, container["name"]):
            raise refuse(f"Invalid container name '{container['name']}'.")
        if not all(e.get("name") for e in container.get("environment", [])):
            raise refuse("Invalid 'environment' setting: a variable needs a name.")
        if not all("containerPort" in m for m in container.get("portMappings", [])):
            raise refuse("Invalid 'portMappings' setting: a mapping needs a container port.")
        for name, (low, high) in HEALTH_RANGES.items():
            if not low <= container.get("healthCheck", {}).get(name, low) <= high:
                raise refuse(f"Invalid 'healthCheck' setting: {name} must be between {low} and {high}.")
        if "healthCheck" in container and not _is_command(container["healthCheck"]["command"]):
            raise refuse("Invalid 'healthCheck' setting: the command must start with CMD or CMD-SHELL.")
        for wanted in container.get("dependsOn", []):
            if wanted["containerName"] not in names or wanted["containerName"] == container["name"]:
                raise refuse(f"Invalid 'dependsOn' setting for container '{container['name']}'.")
        if not p.get("memory") and not container.get("memory") and not container.get("memoryReservation"):
            what = f"Invalid setting for container '{container['name']}'."
            raise refuse(f"{what} At least one of 'memory' or 'memoryReservation' must be specified.")
    if len(set(names)) != len(names):
        raise refuse("Container names should be unique within a task definition.")
    if not any(c.get("essential", True) for c in containers):
        raise refuse("Invalid 'containerDefinitions' setting: at least one container must be essential.")
    if any(c.get("secrets") for c in containers) and not p.get("executionRoleArn"):
        raise refuse("When you are specifying container secrets, you must also specify a value for 'executionRoleArn'.")
    # "The total amount of memory reserved for all containers within a task must be lower than the task memory value"
    # (ContainerDefinition, memory); AWS takes an equal one.
    reserved = sum(c.get("memoryReservation") or c.get("memory", 0) for c in containers)
    most = number(p.get("memory", ""), "GB")
    if most and max(reserved, *(c.get("memory", 0) for c in containers)) > most:
        raise refuse(f"The containers may have more memory than the task: {most} MiB.")
    if "FARGATE" in p.get("requiresCompatibilities", []):
        check_fargate(p)
    if p.get("networkMode") == "awsvpc":
        for mapping in (m for c in containers for m in c.get("portMappings", [])):
            if mapping.get("hostPort", mapping.get("containerPort")) != mapping.get("containerPort"):
                raise refuse("When networkMode=awsvpc, the host ports and container ports in port mappings must match.")
    start_order(containers)


def _is_command(words: list[str]) -> bool:
    """API reference, HealthCheck: it "must start with CMD ... or CMD-SHELL", and has something to run."""
    return words[:1] in (["CMD"], ["CMD-SHELL"]) and any(words[1:])


def check_fargate(p: Params) -> None:
    if p.get("networkMode") != "awsvpc":
        raise refuse("Fargate only supports network mode 'awsvpc'.")
    if not p.get("cpu") or not p.get("memory"):
        raise refuse("Fargate requires that 'cpu' and 'memory' be defined at the task level.")
    cpu, memory = number(p["cpu"], "vCPU"), number(p["memory"], "GB")
    if cpu not in FARGATE_SIZES or memory not in FARGATE_SIZES[cpu]:
        raise refuse(f"No Fargate configuration exists for given values: {p['cpu']} CPU, {p['memory']} memory.")
    if sum(c.get("cpu", 0) for c in p["containerDefinitions"]) > cpu:
        raise refuse(f"The containers reserve more CPU than the task has: {cpu} units.")
    for container in p["containerDefinitions"]:
        if not 2 <= container.get("stopTimeout", 30) <= 120:
            raise refuse("The valid values of stopTimeout for Fargate are 2-120 seconds.")
        log = container.get("logConfiguration", {})
        if log.get("logDriver") == "awslogs":
            missing = LOG_REQUIRED - set(log.get("options", {}))
            if missing:
                raise refuse(f"Log driver awslogs requires options: {', '.join(sorted(missing))}")
            if not p.get("executionRoleArn"):
                raise refuse(
                    "Fargate requires task definition to have execution role ARN to support log driver awslogs."
                )


def start_order(containers: list[Params]) -> list[Params]:
    """Containers in an order that honours dependsOn. Raises on a circle."""
    left, ordered, done = list(containers), [], set()
    while left:
        ready = [c for c in left if all(d["containerName"] in done for d in c.get("dependsOn", []))]
        if not ready:
            raise refuse("Invalid 'dependsOn' setting: the containers wait for each other.")
        ordered += ready
        done |= {c["name"] for c in ready}
        left = [c for c in left if c["name"] not in done]
    return ordered


def unrunnable(definition: Definition) -> None:
    """Refuse, by name, what a revision may declare but the bed's processes cannot honour."""

    def no(what: str) -> AwsError:
        return AwsError("InvalidAction", f"The test bed does not run task definitions with {what}")

    mode = definition.body.get("networkMode", "bridge")
    if mode == "none" or (mode == "bridge" and len(definition.containers) > 1):  # they would reach each other by links
        raise no(f"networkMode {mode} and {len(definition.containers)} containers")
    for container in definition.containers:
        for name in NOT_RUN:
            if container.get(name):
                raise no(name)
        for wanted in container.get("dependsOn", []):
            if wanted["condition"] != "START":
                raise no(f"the dependsOn condition {wanted['condition']}")
        log = container.get("logConfiguration")
        if log and log["logDriver"] != "awslogs":
            raise no(f"the log driver {log['logDriver']}")
        given = set(log.get("options", {})) if log else LOG_REQUIRED
        if given - LOG_OPTIONS:
            raise no(f"the log option {min(given - LOG_OPTIONS)}")
        if LOG_REQUIRED - given:  # optional on EC2
            raise no(f"the log driver awslogs without {min(LOG_REQUIRED - given)}")


def stored(p: Params) -> Params:
    """A registered revision as DescribeTaskDefinition prints it: what was given, over AWS's defaults."""
    body = {k: v for k, v in p.items() if k != "tags"}
    body["containerDefinitions"] = [{**CONTAINER, **c} for c in p["containerDefinitions"]]
    host_ports = p.get("networkMode") in ("awsvpc", "host")
    for c in body["containerDefinitions"]:
        c["portMappings"] = [
            {
                **m,
                "hostPort": m.get("hostPort", m["containerPort"] if host_ports else 0),
                "protocol": m.get("protocol", "tcp"),
            }
            for m in c["portMappings"]
        ]
        if "healthCheck" in c:
            c["healthCheck"] = {**HEALTH_CHECK, **c["healthCheck"]}
    if p.get("cpu"):
        body["cpu"] = str(number(p["cpu"], "vCPU") or p["cpu"])
    if p.get("memory"):
        body["memory"] = str(number(p["memory"], "GB") or p["memory"])
    body.update(
        volumes=p.get("volumes", []),
        placementConstraints=p.get("placementConstraints", []),
        compatibilities=compatibilities(p),
        requiresAttributes=[{"name": name} for name in required_attributes(p)],
    )
    return body


def compatibilities(p: Params) -> list[str]:
    """What the definition could run on, whatever it asks for (API reference, TaskDefinition, compatibilities)."""
    try:
        check_fargate(p)
    except AwsError:
        return ["EC2"] if p.get("networkMode") == "awsvpc" else ["EXTERNAL", "EC2"]
    return ["EC2", "FARGATE"]


def required_attributes(p: Params) -> list[str]:
    """Some of the agent capabilities that AWS derives from a definition: who registers it anew must drop them."""
    found = {"com.amazonaws.ecs.capability.docker-remote-api.1.18"}
    if p.get("networkMode") == "awsvpc":
        found.add("ecs.capability.task-eni")
    if p.get("taskRoleArn"):
        found.add("com.amazonaws.ecs.capability.task-iam-role")
    return sorted(found)


class Definitions(State):
    @reads(*MEMBERS)
    def register_task_definition(self, p: Params) -> Params:
        check(p)
        family = p["family"]
        revision = self.families.get(family, 0) + 1
        self.families[family] = revision
        name = f"{family}:{revision}"
        body = stored(p)
        body.update(
            taskDefinitionArn=f"{self.prefix}task-definition/{name}",
            revision=revision,
            status="ACTIVE",
            registeredAt=now(),
            registeredBy=f"arn:aws:iam::{self.account}:root",
        )
        found = Definition(body["taskDefinitionArn"], family, revision, body)
        self.definitions[name] = found
        self.tags[found.arn] = list(p.get("tags", []))
        return {"taskDefinition": body, "tags": p.get("tags", [])}

    @reads("taskDefinition", "include")
    def describe_task_definition(self, p: Params) -> Params:
        found = self.definition(p["taskDefinition"])
        tags = self.tags.get(found.arn, []) if "TAGS" in p.get("include", []) else None
        return {"taskDefinition": found.body, "tags": tags}

    @reads("familyPrefix", "status", "sort", "maxResults", "nextToken")
    def list_task_definitions(self, p: Params) -> Params:
        """Ordered by family and revision; `familyPrefix` is, in spite of its name, a whole family."""
        wanted = [
            d
            for d in self.definitions.values()
            if d.status == p.get("status", "ACTIVE") and d.family == p.get("familyPrefix", d.family)
        ]
        wanted.sort(key=lambda d: (d.family, d.revision), reverse=p.get("sort") == "DESC")
        items, token = page([d.arn for d in wanted], p, 100, "maxResults", "nextToken")
        return {"taskDefinitionArns": items, "nextToken": token}

    @reads("taskDefinition")
    def deregister_task_definition(self, p: Params) -> Params:
        if ":" not in p["taskDefinition"].rsplit("/", 1)[-1]:
            raise AwsError("ClientException", "Invalid revision number. Number: ")
        found = self.definition(p["taskDefinition"])
        if found.status != "ACTIVE":
            raise AwsError("ClientException", "The specified task definition is inactive.")
        found.body.update(status="INACTIVE", deregisteredAt=now())
        return {"taskDefinition": found.body}

    @reads("taskDefinitions")
    def delete_task_definitions(self, p: Params) -> Params:
        """INACTIVE revisions become DELETE_IN_PROGRESS, and stay it here: AWS gives no time for the end."""
        if len(p["taskDefinitions"]) > 10:
            raise AwsError("InvalidParameterException", "Up to 10 task definitions can be deleted in one call.")
        done, failures = [], []
        for reference in p["taskDefinitions"]:
            found = self.definitions.get(reference.rsplit("/", 1)[-1])
            if found is None:
                failures.append(self.missing(reference))
            elif found.status != "INACTIVE":
                reason = "The specified task definition is still in ACTIVE status. Please deregister it first."
                failures.append({"arn": found.arn, "reason": reason})
            else:
                found.body.update(status="DELETE_IN_PROGRESS", deleteRequestedAt=now())
                done.append(found.body)
        return {"taskDefinitions": done, "failures": failures}
