# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""CloudFormation stacks and their change sets: what AWS answers, and the calls that change them (edges/writes.py)."""

from __future__ import annotations

from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import writes
from ansible_collections.steady.ecs.plugins.module_utils.edges.aws import code_of, reading, translated, writing
from ansible_collections.steady.ecs.plugins.module_utils.rules.stack import Stack
from ansible_collections.steady.ecs.plugins.module_utils.work import Task

try:
    from botocore.exceptions import ClientError
except ImportError:
    ClientError = Exception

Answer = dict[str, Any]
SERVICE = "cloudformation"
NOT_FOUND = {"ChangeSetNotFound", "ChangeSetNotFoundException"}


def described(task: Task, name: str) -> Answer:
    """A stack as DescribeStacks answers it. One that does not exist is a Failure: AWS's ValidationError."""
    with translated(f"Reading stack {name} (cloudformation:DescribeStacks)"):
        return dict(reading(task, SERVICE).describe_stacks(StackName=name)["Stacks"][0])


def stack(task: Task, name: str) -> Stack:
    """A stack with its template, as it was given."""
    found = described(task, name)
    with translated(f"Reading the template of stack {name} (cloudformation:GetTemplate)"):
        body = reading(task, SERVICE).get_template(StackName=name, TemplateStage="Original")["TemplateBody"]
    return Stack(
        name=str(found["StackName"]),
        status=str(found["StackStatus"]),
        body=body,
        parameters={each["ParameterKey"]: each.get("ParameterValue", "") for each in found.get("Parameters", [])},
        capabilities=list(found.get("Capabilities", [])),
        change_set=str(found.get("ChangeSetId") or ""),
        parent=found.get("ParentId"),
    )


def events(task: Task, name: str) -> list[Answer]:
    """The newest events of a stack, newest first: one page has a hundred."""
    with translated(f"Reading the events of stack {name} (cloudformation:DescribeStackEvents)"):
        return list(reading(task, SERVICE).describe_stack_events(StackName=name)["StackEvents"])


def change_set(task: Task, stack_name: str, name: str) -> Answer | None:
    """A change set with all its changes; None when there is none of that name."""
    more: Answer = {}
    found: Answer | None = None
    with translated(f"Reading change set {name} of stack {stack_name} (cloudformation:DescribeChangeSet)"):
        while found is None or more:
            try:
                page = reading(task, SERVICE).describe_change_set(StackName=stack_name, ChangeSetName=name, **more)
            except ClientError as error:
                if code_of(error) in NOT_FOUND:
                    return None
                raise
            found = {**page, "Changes": [*(found or {}).get("Changes", []), *page.get("Changes", [])]}
            more = {"NextToken": page["NextToken"]} if page.get("NextToken") else {}
    return found


def create_change_set(task: Task, request: Answer) -> None:
    """Have CloudFormation find out what an update would do; nothing is changed by it."""
    stack_name, name = request["StackName"], request["ChangeSetName"]

    def send() -> bool:
        with translated(f"Making a change set of stack {stack_name} (cloudformation:CreateChangeSet)"):
            writing(task, SERVICE).create_change_set(**request)
        return True

    writes.once(task, f"CreateChangeSet of {stack_name}", send, lambda: change_set(task, stack_name, name) and True)


def execute_change_set(task: Task, stack_name: str, name: str) -> None:
    """Have CloudFormation carry out a change set."""

    def send() -> bool:
        with translated(f"Executing change set {name} of stack {stack_name} (cloudformation:ExecuteChangeSet)"):
            writing(task, SERVICE).execute_change_set(StackName=stack_name, ChangeSetName=name)
        return True

    def arrived() -> bool | None:
        found = change_set(task, stack_name, name)
        return True if found is None or found["ExecutionStatus"].startswith("EXECUTE") else None

    writes.once(task, f"ExecuteChangeSet of {stack_name}", send, arrived)


def delete_change_set(task: Task, stack_name: str, name: str) -> None:
    """Take away a change set that is not executed."""

    def send() -> bool:
        with translated(f"Deleting change set {name} of stack {stack_name} (cloudformation:DeleteChangeSet)"):
            writing(task, SERVICE).delete_change_set(StackName=stack_name, ChangeSetName=name)
        return True

    def arrived() -> bool | None:
        return True if change_set(task, stack_name, name) is None else None

    writes.once(task, f"DeleteChangeSet of {stack_name}", send, arrived)
