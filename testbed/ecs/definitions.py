"""Task definitions: registration with AWS's defaults (registration.py refuses), and the life of a revision.

A revision is echoed as it was given: members that the bed does not act on are carried, as long as they do not change
how a task behaves (`unrunnable` names those that do, when somebody wants to run it).
Source: API reference, RegisterTaskDefinition and TaskDefinition.
"""

from ..strict import reads
from ..wire import AwsError, Params, now, page
from .registration import PREFIX, check, fargate, number
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
MEMBERS = (
    *("family", "taskRoleArn", "executionRoleArn", "networkMode", "containerDefinitions", "volumes", "pidMode"),
    *("placementConstraints", "requiresCompatibilities", "cpu", "memory", "tags", "ipcMode", "proxyConfiguration"),
    *("ephemeralStorage", "runtimePlatform", "enableFaultInjection"),
)
LOG_OPTIONS = {"awslogs-group", "awslogs-region", PREFIX, "awslogs-create-group", "mode"}
LOG_OPTIONS |= {"max-buffer-size"}
NOT_RUN = ("environmentFiles", "restartPolicy", "firelensConfiguration", "startTimeout")


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
        given = set(log.get("options", {})) if log else {PREFIX}
        if given - LOG_OPTIONS:
            raise no(f"the log option {min(given - LOG_OPTIONS)}")
        if PREFIX not in given:  # optional on EC2
            raise no(f"the log driver awslogs without {PREFIX}")


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
    if not any(fargate(p)):
        return ["EC2", "FARGATE"]
    return ["EC2"] if p.get("networkMode") == "awsvpc" else ["EXTERNAL", "EC2"]


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
