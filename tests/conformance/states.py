"""The cells of the table that a state brings about: of each operation, in each state of what it names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tests.conformance.place import DIMENSION
from tests.conformance.rows import ANSWERED, INVALID, Row
from tests.conformance.stage import Stage

STATES = {
    "cluster": ("missing",),
    "service": ("missing", "INACTIVE", "DRAINING", "of CODE_DEPLOY", "of EXTERNAL"),
    "task definition": ("missing", "INACTIVE", "DELETE_IN_PROGRESS"),
    "task": ("missing", "STOPPED"),
    "container instance": ("missing",),
    "service deployment": (
        *("missing", "finished", "IN_PROGRESS", "ROLLBACK_IN_PROGRESS", "waiting at a hook", "CLEAN_UP"),
    ),
    "service revision": ("missing",),
    "client token": ("used by another call",),
    "target group": ("missing",),
    "target": ("not registered",),
    "load balancer": ("missing",),
    "listener": ("missing",),
    "rule": ("missing",),
    "stack": ("missing", "UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_FAILED"),
    "change set": (*("missing", "of a missing stack", "CREATE_IN_PROGRESS", "FAILED", "being executed", "executed"),),
    "scalable target": ("missing",),
}
Answers = dict[str, str]
"""What is told by state; where none is named, the call is answered."""
NO_CLUSTER, NO_SERVICE, NOT_ACTIVE = "ClusterNotFoundException", "ServiceNotFoundException", "ServiceNotActiveException"
NO_DEPLOYMENT, NO_CHANGE_SET, UNFIT = (
    "ServiceDeploymentNotFoundException",
    "ChangeSetNotFound",
    "InvalidChangeSetStatus",
)
CLIENT, MISSING, VALIDATION = "ClientException", "ResourceNotFoundException", "ValidationError"


def by_state() -> Iterator[Row]:
    yield from _definitions()
    yield from _clusters()
    yield from _services()
    yield from _deployments()
    yield from _stacks()
    e = "ecs:"
    yield e + "DescribeContainerInstances", "container instance missing", ANSWERED, lambda s: s.instances("0" * 32)
    yield e + "DescribeTasks", "task missing", ANSWERED, lambda s: s.tasks("0" * 32)
    yield e + "DescribeTasks", "task STOPPED", ANSWERED, lambda s: s.tasks(s.stopped)
    yield (
        e + "DescribeServiceRevisions",
        "service revision missing",
        ANSWERED,
        lambda s: s.ecs.describe_service_revisions(
            serviceRevisionArns=[s.nowhere.replace("-deployment/", "-revision/")]
        ),
    )
    yield e + "RunTask", "client token used by another call", "ConflictException", lambda s: s.run_twice()
    yield (
        "application-autoscaling:DescribeScalableTargets",
        "scalable target missing",
        ANSWERED,
        lambda s: s.place.scaling.describe_scalable_targets(ResourceIds=["service/x/x"], **DIMENSION),
    )


def _in_each(
    what: str,
    operation: str,
    answers: Answers,
    call: Callable[..., Any],
    met: Callable[[Stage, str, Any], Any],
) -> Iterator[Row]:
    """A row for each state of `what`: `met` has the call made with a thing that is in a state."""
    for state in STATES[what]:

        def row(stage: Stage, state: str = state) -> Any:
            return met(stage, state, lambda *thing: call(stage, *thing))

        yield operation, f"{what} {state}", answers.get(state, ANSWERED), row


def _definitions() -> Iterator[Row]:
    every = dict.fromkeys(STATES["task definition"], CLIENT)
    operations: dict[str, tuple[Answers, Callable[[Stage, str], Any]]] = {
        "DeregisterTaskDefinition": (every, lambda s, arn: s.ecs.deregister_task_definition(taskDefinition=arn)),
        "DescribeTaskDefinition": (
            {"missing": CLIENT},
            lambda s, arn: s.ecs.describe_task_definition(taskDefinition=arn),
        ),
        "RunTask": (every, lambda s, arn: s.run(taskDefinition=arn)),
        "UpdateService": (every, lambda s, arn: s.update(taskDefinition=arn)),
        "TagResource": ({"missing": MISSING}, lambda s, arn: s.tag_definition(arn)),
    }
    for name, (answers, call) in operations.items():
        yield from _in_each("task definition", f"ecs:{name}", answers, call, Stage.definition_in)


def _clusters() -> Iterator[Row]:
    calls: dict[str, Callable[[Stage], Any]] = {
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
    for operation, call in calls.items():
        yield f"ecs:{operation}", "cluster missing", NO_CLUSTER, call
    yield "ecs:DescribeClusters", "cluster missing", ANSWERED, lambda s: s.ecs.describe_clusters(clusters=[s.gone])


def _services() -> Iterator[Row]:
    only_its_controller = {"of CODE_DEPLOY": INVALID, "of EXTERNAL": INVALID}
    operations: dict[str, tuple[Answers, Callable[[Stage, str], Any]]] = {
        "DescribeServices": ({}, lambda s, name: s.ecs.describe_services(cluster=s.name, services=[name])),
        "ListServiceDeployments": (
            {"missing": NO_SERVICE},
            lambda s, name: s.ecs.list_service_deployments(cluster=s.name, service=name),
        ),
        "ListTasks": ({"missing": NO_SERVICE}, lambda s, name: s.ecs.list_tasks(cluster=s.name, serviceName=name)),
        "UpdateService": (
            {"missing": NO_SERVICE, "INACTIVE": NOT_ACTIVE, "DRAINING": NOT_ACTIVE, **only_its_controller},
            lambda s, name: s.update(service=name, taskDefinition=s.revision),
        ),
        "TagResource": ({"missing": MISSING}, lambda s, name: s.tag_service(name)),
        "UntagResource": ({"missing": MISSING}, lambda s, name: s.untag_service(name, "a")),
    }
    for name, (answers, call) in operations.items():
        yield from _in_each("service", f"ecs:{name}", answers, call, Stage.service_in)
    no_target = dict.fromkeys(("missing", "INACTIVE", "DRAINING"), "ValidationException")
    operation = "application-autoscaling:RegisterScalableTarget"
    yield from _in_each("service", operation, no_target, lambda s, name: s.register_target(name), Stage.service_in)


def _deployments() -> Iterator[Row]:
    """ContinueServiceDeployment first, for stopping ends the one that is IN_PROGRESS."""
    waits = {state: INVALID for state in STATES["service deployment"] if state != "waiting at a hook"}
    operations: dict[str, tuple[Answers, Callable[[Stage, str, str], Any]]] = {
        "DescribeServiceDeployments": ({}, lambda s, arn, _hook: s.rollouts(arn)),
        "ContinueServiceDeployment": (
            {**waits, "missing": NO_DEPLOYMENT},
            lambda s, arn, hook: s.ecs.continue_service_deployment(serviceDeploymentArn=arn, hookId=hook),
        ),
        "StopServiceDeployment": (
            {"missing": NO_DEPLOYMENT, "finished": "ConflictException", "CLEAN_UP": "ConflictException"},
            lambda s, arn, _hook: s.ecs.stop_service_deployment(serviceDeploymentArn=arn),
        ),
    }
    for name, (answers, call) in operations.items():
        yield from _in_each("service deployment", f"ecs:{name}", answers, call, Stage.deployment_in)


def _stacks() -> Iterator[Row]:
    """ValidationError is what CommonErrors has for a stack that does not exist, or cannot be updated as it is."""
    reads: dict[str, Callable[[Stage, str], Any]] = {
        "DescribeStacks": lambda s, name: s.place.stacks.describe_stacks(StackName=name),
        "DescribeStackEvents": lambda s, name: s.place.stacks.describe_stack_events(StackName=name),
        "GetTemplate": lambda s, name: s.place.stacks.get_template(StackName=name, TemplateStage="Original"),
    }
    for name, call in reads.items():
        yield from _in_each("stack", f"cloudformation:{name}", {"missing": VALIDATION}, call, Stage.stack_in)
    never = dict.fromkeys(STATES["stack"], VALIDATION)
    yield from _in_each(
        "stack", "cloudformation:CreateChangeSet", never, lambda s, name: s.change(StackName=name), Stage.stack_in
    )
    gone = {"missing": NO_CHANGE_SET, "of a missing stack": VALIDATION}
    unready = dict.fromkeys(("CREATE_IN_PROGRESS", "being executed"), UNFIT)
    operations: dict[str, tuple[Answers, str]] = {
        "DescribeChangeSet": (gone, "describe_change_set"),
        "ExecuteChangeSet": ({**gone, **unready, "FAILED": UNFIT, "executed": UNFIT}, "execute_change_set"),
        "DeleteChangeSet": ({**unready, "of a missing stack": VALIDATION}, "delete_change_set"),
    }
    for name, (answers, method) in operations.items():

        def ask(stage: Stage, stack: str, change_set: str, method: str = method) -> Any:
            return getattr(stage.place.stacks, method)(StackName=stack, ChangeSetName=change_set)

        yield from _in_each("change set", f"cloudformation:{name}", answers, ask, Stage.change_set_in)
