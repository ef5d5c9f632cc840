"""Every operation that Steady's rights name, in every state of what it names, and what answers: a table of calls.

    PYTHONPATH=collections:. .venv/bin/python -m tests.conformance.errors     writes errors.md from it

`CELLS` holds what a state of the world brings about. The error codes of botocore's model that no state brings about
have a reason in `REASONS`, and a fault rule of the bed answers with them. What an operation can name is in `NAMES`, so
that a state without a cell is found (tests/house/test_conformance.py). API_* pages of both references name the errors.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel

from tests.conformance.rows import ANSWERED, BALANCING, PARAMETERS, Call
from tests.conformance.stage import Stage

ROOT = Path(__file__).parents[2]
PAGE = Path(__file__).with_name("errors.md")
SERVICES = {"ecs": "ecs", "elasticloadbalancing": "elbv2"}  # IAM's prefix: botocore's name

STATES = {
    "cluster": ("missing",),
    "service": ("missing", "INACTIVE"),
    "task definition": ("missing", "INACTIVE", "DELETE_IN_PROGRESS"),
    "task": ("missing", "STOPPED"),
    "container instance": ("missing",),
    "service deployment": ("missing", "finished", "IN_PROGRESS", "ROLLBACK_IN_PROGRESS"),
    "service revision": ("missing",),
    "client token": ("used by another call",),
    "target group": ("missing",),
    "target": ("not registered",),
    "load balancer": ("missing",),
    "listener": ("missing",),
    "rule": ("missing",),
}
NAMES: dict[str, tuple[str, ...]] = {
    "ecs:ContinueServiceDeployment": ("service deployment",),
    "ecs:DeregisterTaskDefinition": ("task definition",),
    "ecs:DescribeClusters": ("cluster",),
    "ecs:DescribeContainerInstances": ("cluster", "container instance"),
    "ecs:DescribeServiceDeployments": ("service deployment",),
    "ecs:DescribeServiceRevisions": ("service revision",),
    "ecs:DescribeServices": ("cluster", "service"),
    "ecs:DescribeTaskDefinition": ("task definition",),
    "ecs:DescribeTasks": ("cluster", "task"),
    "ecs:ListClusters": (),
    "ecs:ListContainerInstances": ("cluster",),
    "ecs:ListServiceDeployments": ("cluster", "service"),
    "ecs:ListServices": ("cluster",),
    "ecs:ListTaskDefinitions": (),
    "ecs:ListTasks": ("cluster", "service"),
    "ecs:RegisterTaskDefinition": (),
    "ecs:RunTask": ("cluster", "task definition", "client token"),
    "ecs:StopServiceDeployment": ("service deployment",),
    "ecs:TagResource": ("task definition", "service"),
    "ecs:UntagResource": ("service",),
    "ecs:UpdateService": ("cluster", "service", "task definition"),
    "elasticloadbalancing:DescribeListeners": ("load balancer", "listener"),
    "elasticloadbalancing:DescribeLoadBalancerAttributes": ("load balancer",),
    "elasticloadbalancing:DescribeLoadBalancers": ("load balancer",),
    "elasticloadbalancing:DescribeRules": ("listener", "rule"),
    "elasticloadbalancing:DescribeTags": ("load balancer", "listener", "rule", "target group"),
    "elasticloadbalancing:DescribeTargetGroupAttributes": ("target group",),
    "elasticloadbalancing:DescribeTargetGroups": ("target group", "load balancer"),
    "elasticloadbalancing:DescribeTargetHealth": ("target group", "target"),
    "elasticloadbalancing:ModifyTargetGroupAttributes": ("target group",),
}
NO_STATES: dict[str, str] = {}
"""Operations of the rights that the bed does not have, and why."""
REASONS = {
    "BlockedException": "AWS has blocked the account",
    "ClientException": "the page names no state that gives it here",
    "ClusterNotFoundException": "the call names no cluster, or only within an ARN",
    "HealthUnavailable": "load balancing's own failure",
    "InvalidParameterException": "what can be sent is a name; what does not exist is told in another way",
    "InvalidTarget": "the page names it; a target that is not registered is answered as unused",
    "LimitExceededException": "a quota of the account",
    "NamespaceNotFoundException": "the bed keeps no namespaces: any name is taken",
    "PlatformTaskDefinitionIncompatibilityException": "every platform version of the bed carries every definition",
    "ResourceNotFoundException": "the call names nothing that can be missing",
    "ServerException": "ECS's own failure",
    "ServiceNotFoundException": "the call names no service; what is missing is listed in failures",
    "TrustStoreNotFound": "the bed has no trust stores",
    "UnsupportedFeatureException": "the Region lacks a feature",
    "UnsupportedProtocol": "load balancers of another kind are refused by name",
}


@dataclass(frozen=True)
class Cell:
    operation: str
    state: str
    answer: str  # an error code, or ANSWERED
    call: Call

    @property
    def id(self) -> str:
        return f"{self.operation.partition(':')[2]}-{self.state}".replace(" ", "_")


def _cells() -> Iterator[Cell]:
    def cell(operation: str, state: str, answer: str, call: Call) -> Cell:
        return Cell(operation, state, answer, call)

    missing = "ClusterNotFoundException"
    e = "ecs:"
    for state in STATES["task definition"]:
        inside = answered = ANSWERED
        described = "ClientException" if state == "missing" else answered
        tagged = "ResourceNotFoundException" if state == "missing" else inside
        name = f"task definition {state}"
        yield cell(e + "DeregisterTaskDefinition", name, "ClientException", _on(state, "deregister"))
        yield cell(e + "DescribeTaskDefinition", name, described, _on(state, "describe"))
        yield cell(e + "RunTask", name, "ClientException", _on(state, "run"))
        yield cell(e + "UpdateService", name, "ClientException", _on(state, "update"))
        yield cell(e + "TagResource", name, tagged, _on(state, "tag"))
    clusters: dict[str, Call] = {
        "DescribeContainerInstances": lambda s: s.instances("0" * 32, cluster=s.gone),
        "DescribeServices": lambda s: s.ecs.describe_services(cluster=s.gone, services=["x"]),
        "DescribeTasks": lambda s: s.ecs.describe_tasks(cluster=s.gone, tasks=["0" * 32]),
        "ListContainerInstances": lambda s: s.ecs.list_container_instances(cluster=s.gone),
        "ListServiceDeployments": lambda s: s.ecs.list_service_deployments(cluster=s.gone, service="x"),
        "ListServices": lambda s: s.ecs.list_services(cluster=s.gone),
        "ListTasks": lambda s: s.ecs.list_tasks(cluster=s.gone),
        "RunTask": lambda s: s.run(cluster=s.gone),
        "UpdateService": lambda s: s.update(cluster=s.gone),
    }
    for operation, call in clusters.items():
        yield cell(e + operation, "cluster missing", missing, call)
    yield cell(
        e + "DescribeClusters", "cluster missing", ANSWERED, lambda s: s.ecs.describe_clusters(clusters=[s.gone])
    )
    services: dict[str, tuple[str, str, Callable[[Stage, str], Any]]] = {
        "DescribeServices": (
            ANSWERED,
            ANSWERED,
            lambda s, name: s.ecs.describe_services(cluster=s.name, services=[name]),
        ),
        "ListServiceDeployments": (
            "ServiceNotFoundException",
            ANSWERED,
            lambda s, name: s.ecs.list_service_deployments(cluster=s.name, service=name),
        ),
        "ListTasks": (
            "ServiceNotFoundException",
            ANSWERED,
            lambda s, name: s.ecs.list_tasks(cluster=s.name, serviceName=name),
        ),
        "UpdateService": (
            "ServiceNotFoundException",
            "ServiceNotActiveException",
            lambda s, name: s.update(service=name),
        ),
        "TagResource": ("ResourceNotFoundException", ANSWERED, lambda s, name: s.tag_service(name)),
        "UntagResource": (
            "ResourceNotFoundException",
            ANSWERED,
            lambda s, name: s.ecs.untag_resource(resourceArn=s.service_arn(name), tagKeys=["a"]),
        ),
    }
    for operation, (of_missing, of_inactive, ask) in services.items():
        yield cell(e + operation, "service missing", of_missing, lambda s, ask=ask: ask(s, s.gone))  # type: ignore[misc]
        yield cell(e + operation, "service INACTIVE", of_inactive, lambda s, ask=ask: ask(s, s.deleted))  # type: ignore[misc]
    yield cell(
        e + "DescribeContainerInstances", "container instance missing", ANSWERED, lambda s: s.instances("0" * 32)
    )
    yield cell(e + "DescribeTasks", "task missing", ANSWERED, lambda s: s.tasks("0" * 32))
    yield cell(e + "DescribeTasks", "task STOPPED", ANSWERED, lambda s: s.tasks(s.stopped))
    yield cell(
        e + "DescribeServiceDeployments", "service deployment missing", ANSWERED, lambda s: s.rollouts(s.nowhere)
    )
    yield cell(e + "DescribeServiceDeployments", "service deployment finished", ANSWERED, lambda s: s.rollouts(s.over))
    yield cell(
        e + "DescribeServiceDeployments", "service deployment IN_PROGRESS", ANSWERED, lambda s: s.rollouts(s.under_way)
    )
    yield cell(
        e + "DescribeServiceDeployments",
        "service deployment ROLLBACK_IN_PROGRESS",
        ANSWERED,
        lambda s: s.rollouts(s.going_back),
    )
    yield cell(
        e + "DescribeServiceRevisions",
        "service revision missing",
        ANSWERED,
        lambda s: s.ecs.describe_service_revisions(
            serviceRevisionArns=[s.nowhere.replace("-deployment/", "-revision/")]
        ),
    )
    stops = (
        ("missing", "ServiceDeploymentNotFoundException", "nowhere"),
        ("finished", "ConflictException", "over"),
        ("IN_PROGRESS", ANSWERED, "under_way"),
        ("ROLLBACK_IN_PROGRESS", ANSWERED, "going_back"),
    )
    for state, answer, which in stops:
        name = f"service deployment {state}"
        # No hook of theirs waits. First, for stopping ends the one that is IN_PROGRESS.
        unheard = answer if state == "missing" else "InvalidParameterException"
        yield cell(e + "ContinueServiceDeployment", name, unheard, _continue(which))
        yield cell(e + "StopServiceDeployment", name, answer, _stop(which))
    yield cell(e + "RunTask", "client token used by another call", "ConflictException", lambda s: s.run_twice())
    yield from (Cell(*row) for row in PARAMETERS)
    yield from (Cell(*row) for row in BALANCING)


def _on(state: str, verb: str) -> Call:
    return lambda stage: getattr(stage, verb + "_definition")(stage.definition_in(state))


def _stop(which: str) -> Call:
    return lambda s: s.ecs.stop_service_deployment(serviceDeploymentArn=getattr(s, which))


def _continue(which: str) -> Call:
    return lambda s: s.ecs.continue_service_deployment(serviceDeploymentArn=getattr(s, which), hookId="ecs-pause-x")


CELLS = tuple(_cells())


# -- what the models and the rights add -------------------------------------------------------------------------------


@cache
def _service(name: str) -> ServiceModel:
    return ServiceModel(Loader().load_service_model(name, "service-2"), name)


def model(operation: str) -> OperationModel:
    service, _, name = operation.partition(":")
    return _service(SERVICES[service]).operation_model(name)


def modelled() -> dict[str, list[str]]:
    """All operations of both services, by IAM's prefix."""
    return {prefix: list(_service(name).operation_names) for prefix, name in SERVICES.items()}


def granted() -> set[str]:
    """The operations of both services that docs/iam names."""
    found: set[str] = set()
    for path in (ROOT / "docs/iam").glob("*.json"):
        found |= set(re.findall(r'"((?:ecs|elasticloadbalancing):[A-Z]\w+)"', path.read_text(encoding="utf-8")))
    return {each for each in found if each != "ecs:CreateAction"}  # a condition key


def operations() -> list[str]:
    return sorted({*NAMES, *NO_STATES, *granted()})


def codes(operation: str) -> dict[str, int]:
    """Error codes of an operation and their HTTP status, by botocore's model."""
    found = {}
    for shape in model(operation).error_shapes:
        told = shape.metadata.get("error", {})
        found[told.get("code", shape.name)] = told.get("httpStatusCode", 500 if shape.metadata.get("fault") else 400)
    return found


def denied(operation: str) -> str:
    return "AccessDeniedException" if operation.startswith("ecs:") else "AccessDenied"


def injected() -> list[tuple[str, str]]:
    """(operation, code) of the model that no state brings about: a fault rule answers so."""
    told = {(cell.operation, cell.answer) for cell in CELLS}
    wanted = [(each, code) for each in operations() for code in codes(each)]
    return [pair for pair in wanted if pair not in told and pair[1] != denied(pair[0])]


def reason(operation: str, code: str) -> str:
    """Why no state brings this code about. Raises KeyError when nobody has said so."""
    return NO_STATES.get(operation) or REASONS[code]


COMMON = ("throttle", "expired", "server_error", "denied")


def page() -> str:
    """The table as it is read."""
    head = f"""# Operation, error and state

Generated by `python -m tests.conformance.errors`; each line is one case of test_errors.py. *rule*: no
state of the bed brings it about, for the reason given; a fault rule answers so. Besides, each operation answers once
with each of: {", ".join(COMMON)}.

| Operation | State, or why there is none | Answer |
|---|---|---|
"""
    lines = []
    for operation in operations():
        rows = [(cell.state, cell.answer) for cell in CELLS if cell.operation == operation]
        rows += [(f"*rule*: {reason(operation, code)}", code) for each, code in injected() if each == operation]
        lines += [f"| {operation} | {state} | {answer} |\n" for state, answer in rows]
    return head + "".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE}: {len(CELLS)} cells by state, {len(injected())} by rule\n")
