"""Every operation that Steady's rights name, in every state of what it names, and what answers: a table of calls.

    PYTHONPATH=collections:. .venv/bin/python -m tests.conformance.errors     writes errors.md from it

`CELLS` holds what a state of the world brings about. The error codes of botocore's model that no state brings about
have a reason in `REASONS`, and a fault rule of the bed answers with them. What an operation can name is in `NAMES`, so
that a state without a cell is found (tests/house/test_conformance.py). API_* pages of both references name the errors.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel

from tests.conformance.rows import BALANCING, BESIDE, PARAMETERS, Call
from tests.conformance.states import by_state

ROOT = Path(__file__).parents[2]
PAGE = Path(__file__).with_name("errors.md")
SERVICES = {  # that the bed answers itself; IAM's prefix: botocore's name
    "ecs": "ecs",
    "elasticloadbalancing": "elbv2",
    "cloudformation": "cloudformation",
    "application-autoscaling": "application-autoscaling",
}
NAMES: dict[str, tuple[str, ...]] = {
    "application-autoscaling:DescribeScalableTargets": ("scalable target",),
    "application-autoscaling:RegisterScalableTarget": ("service",),
    "cloudformation:CreateChangeSet": ("stack",),
    "cloudformation:DeleteChangeSet": ("change set",),
    "cloudformation:DescribeChangeSet": ("change set",),
    "cloudformation:DescribeStackEvents": ("stack",),
    "cloudformation:DescribeStacks": ("stack",),
    "cloudformation:ExecuteChangeSet": ("change set",),
    "cloudformation:GetTemplate": ("stack",),
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
    "ChangeSetNotFound": "the call names a stack alone",
    "ClientException": "the page names no state that gives it here",
    "ClusterNotFoundException": "the call names no cluster, or only within an ARN",
    "ConcurrentUpdateException": "the bed does one call after the other, and none has work left to do",
    "HealthUnavailable": "load balancing's own failure",
    "InsufficientCapabilitiesException": "a change set that needs a capability is not made without it",
    "InternalServiceException": "Application Auto Scaling's own failure",
    "InvalidNextTokenException": "targets are asked for by name: the bed refuses pages of them",
    "InvalidParameterException": "what can be sent is a name; what does not exist is told in another way",
    "InvalidTarget": "the page names it; a target that is not registered is answered as unused",
    "LimitExceededException": "a quota of the account",
    "NamespaceNotFoundException": "the bed keeps no namespaces: any name is taken",
    "PlatformTaskDefinitionIncompatibilityException": "every platform version of the bed carries every definition",
    "ServerException": "ECS's own failure",
    "ServiceNotFoundException": "the call names no service; what is missing is listed in failures",
    "TokenAlreadyExistsException": "Steady sends no token of its own: the bed refuses one by name",
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


CELLS = tuple(Cell(*row) for row in (*by_state(), *PARAMETERS, *BALANCING, *BESIDE))


# -- what the models and the rights add -------------------------------------------------------------------------------


@cache
def service(name: str) -> ServiceModel:
    return ServiceModel(Loader().load_service_model(name, "service-2"), name)


def model(operation: str) -> OperationModel:
    prefix, _, name = operation.partition(":")
    return service(SERVICES[prefix]).operation_model(name)


def protocol(operation: str) -> str:
    return str(model(operation).service_model.metadata["protocol"])


def modelled() -> dict[str, list[str]]:
    """All operations of the services, by IAM's prefix."""
    return {prefix: list(service(name).operation_names) for prefix, name in SERVICES.items()}


@cache
def rights() -> frozenset[str]:
    """The actions that docs/iam names, but for the condition key that looks like one."""
    text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs/iam").glob("*.json"))
    return frozenset(re.findall(r'"([a-z0-9-]+:[A-Z]\w+)"', text)) - {"ecs:CreateAction"}


def granted() -> set[str]:
    """The operations of the services among them."""
    return {each for each in rights() if each.partition(":")[0] in SERVICES}


def elsewhere() -> list[str]:
    """The services of the rights that the bed does not answer itself."""
    return sorted({each.partition(":")[0] for each in rights()} - set(SERVICES))


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
    return "AccessDeniedException" if protocol(operation) == "json" else "AccessDenied"


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

The services are those that the bed answers itself: {", ".join(SERVICES)}.
The others that docs/iam names ({", ".join(elsewhere())}) have no
lines: moto answers for them, so that a line would be a test of moto's states and not of AWS's. What Steady makes of
their errors is shown in tests/faults, whose rules strike each call of a run whatever its service, and in tests/cases.

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
