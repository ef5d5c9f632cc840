"""CloudFormation: stacks that have made target groups, and the change sets that change the groups' attributes.

Source: CloudFormation API reference (CreateChangeSet, DescribeChangeSet, ExecuteChangeSet, DescribeStacks); user guide,
"Update CloudFormation stacks using change sets" and the template reference of AWS::ElasticLoadBalancingV2::TargetGroup,
which says of each property whether its update replaces the group. A stack is declared at /_bed/stacks, over groups that
exist, as tags of AWS's own are. What a change set would do to other resources is told as on AWS; executing that is
refused by name.
"""

import json
import re
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .elbv2 import Elbv2
from .stack_templates import Template
from .strict import reads
from .wire import AwsError, Params, now, service_model

GROUP = "AWS::ElasticLoadBalancingV2::TargetGroup"
ATTRIBUTES = "TargetGroupAttributes"
NAME = re.compile(r"[a-zA-Z][-a-zA-Z0-9]{0,127}")
LARGEST = 51_200  # bytes of a TemplateBody: API reference, CreateChangeSet
CREATING, UPDATING, CLEANING = 3.0, 10.0, 5.0  # AWS seconds; nobody publishes them
UPDATABLE = {f"{each}_COMPLETE" for each in ("CREATE", "UPDATE", "UPDATE_ROLLBACK", "IMPORT", "IMPORT_ROLLBACK")}
NOTHING = "The submitted information didn't contain changes. Submit different information to create a change set."
IN_PLACE = {  # "Update requires: No interruption"; what is not here replaces the group
    *("HealthCheckEnabled", "HealthCheckIntervalSeconds", "HealthCheckPath", "HealthCheckPort", "HealthCheckProtocol"),
    *("HealthCheckTimeoutSeconds", "HealthyThresholdCount", "Matcher", "Tags", "Targets", "UnhealthyThresholdCount"),
    ATTRIBUTES,
}


@dataclass
class ChangeSet:
    name: str
    arn: str
    template: Template
    parameters: dict[str, str]
    description: str
    due: float  # by time.monotonic
    status: str = "CREATE_IN_PROGRESS"
    execution: str = "UNAVAILABLE"
    reason: str = ""
    changes: list[Params] = field(default_factory=list)
    created: float = field(default_factory=now)


@dataclass
class Stack:
    name: str
    arn: str
    template: Template
    parameters: dict[str, str]
    groups: dict[str, str]  # ARN of a target group by its logical id
    capabilities: list[str] = field(default_factory=list)
    fails: str = ""  # what a service says to the next updates
    status: str = "CREATE_COMPLETE"
    executed: str = ""  # ARN of the last change set
    change_sets: dict[str, ChangeSet] = field(default_factory=dict)
    events: list[Params] = field(default_factory=list)
    then: Callable[[], None] | None = None  # the next step of an update
    due: float = 0.0
    created: float = field(default_factory=now)


class Stacks:
    """The API of one region. Callers hold the bed's lock, and let what is due happen first (`settle`)."""

    def __init__(self, region: str, account: str, elbv2: Elbv2, scale: float) -> None:
        self.prefix, self.elbv2, self.scale = f"arn:aws:cloudformation:{region}:{account}:", elbv2, scale
        self.stacks: dict[str, Stack] = {}

    # -- what the bed is told ------------------------------------------------------------------------------------------

    def declare(self, name: str, said: Params) -> None:
        """A stack that has made these groups: they get its tags and the attributes of its template."""
        known = {"template", "parameters", "groups", "capabilities", "fails", "status"}
        if set(said) - known or not {"template", "groups"} <= set(said) or not NAME.fullmatch(name):
            raise ValueError(f"{name}: want a template, groups by logical id, and at most {', '.join(sorted(known))}")
        text = said["template"] if isinstance(said["template"], str) else json.dumps(said["template"])
        try:
            template = Template(text)
            parameters = template.parameters({}, said.get("parameters", {}))
            resources = template.resolved(parameters)
            served(resources)
            for logical, arn in said["groups"].items():
                self._apply(arn, resources[logical])
        except (AwsError, KeyError) as problem:
            raise ValueError(f"{name}: {problem}") from None
        stack = Stack(name, f"{self.prefix}stack/{name}/{uuid.uuid4()}", template, parameters, said["groups"])
        stack.capabilities, stack.fails = said.get("capabilities", []), said.get("fails", "")
        stack.status = said.get("status", stack.status)
        if stack.status not in service_model("cloudformation").shape_for("StackStatus").enum:
            raise ValueError(f"{name}: AWS has no status {stack.status}")
        for logical, arn in stack.groups.items():
            tags = {"stack-name": name, "stack-id": stack.arn, "logical-id": logical}
            self.elbv2.tags.setdefault(arn, {}).update({f"aws:cloudformation:{k}": v for k, v in tags.items()})
        self.stacks[name] = stack

    def settle(self) -> None:
        """What became due since the last call."""
        for stack in self.stacks.values():
            for each in stack.change_sets.values():
                if each.status == "CREATE_IN_PROGRESS" and time.monotonic() >= each.due:
                    self._create(stack, each)
            while stack.then and time.monotonic() >= stack.due:
                step, stack.then = stack.then, None
                step()

    # -- the API -------------------------------------------------------------------------------------------------------

    @reads("StackName")
    def describe_stacks(self, p: Params) -> Params:
        found = [self._stack(p["StackName"])] if "StackName" in p else list(self.stacks.values())
        return {"Stacks": [self._view(each) for each in found]}

    def _view(self, stack: Stack) -> Params:
        hidden = stack.template.hidden
        return {
            "StackId": stack.arn,
            "StackName": stack.name,
            "ChangeSetId": stack.executed or None,
            "Parameters": [
                {"ParameterKey": key, "ParameterValue": "****" if key in hidden else value}
                for key, value in stack.parameters.items()
            ],
            "CreationTime": stack.created,
            "StackStatus": stack.status,
            "Capabilities": stack.capabilities,
        }

    @reads("StackName", "TemplateStage")
    def get_template(self, p: Params) -> Params:
        if p.get("TemplateStage", "Original") != "Original":
            raise refused("templates after their macros")
        return {"TemplateBody": self._stack(p["StackName"]).template.text, "StagesAvailable": ["Original"]}

    @reads("StackName")
    def describe_stack_events(self, p: Params) -> Params:
        """Newest first (API reference)."""
        return {"StackEvents": list(reversed(self._stack(p["StackName"]).events))}

    @reads(
        *("StackName", "ChangeSetName", "ChangeSetType", "Description", "UsePreviousTemplate", "TemplateBody"),
        *("Parameters", "Capabilities"),
    )
    def create_change_set(self, p: Params) -> Params:
        stack, name = self._stack(p["StackName"]), p["ChangeSetName"]
        if p.get("ChangeSetType", "UPDATE") != "UPDATE":
            raise refused("change sets that create or import")
        if not NAME.fullmatch(name):
            raise invalid(f"Value '{name}' at 'changeSetName' failed to satisfy constraint: [a-zA-Z][-a-zA-Z0-9]*")
        if name in stack.change_sets:
            raise AwsError("AlreadyExistsException", f"ChangeSet {name} cannot be created due to a mismatch")
        if stack.status not in UPDATABLE:
            raise invalid(f"Stack:{stack.arn} is in {stack.status} state and can not be updated.")
        if bool(p.get("UsePreviousTemplate")) == ("TemplateBody" in p):
            raise invalid("Either Template URL, Template Body or Use Previous Template must be specified.")
        text = p.get("TemplateBody", stack.template.text)
        if len(text.encode()) > LARGEST:
            raise invalid(f"Member must have length less than or equal to {LARGEST} at 'templateBody'")
        template = Template(text)
        parameters = template.parameters(stack.parameters, given(p.get("Parameters", [])))
        served(template.resolved(parameters))
        if template.capability and not {template.capability, "CAPABILITY_NAMED_IAM"} & set(p.get("Capabilities", [])):
            raise AwsError("InsufficientCapabilitiesException", f"Requires capabilities : [{template.capability}]")
        arn = f"{self.prefix}changeSet/{name}/{uuid.uuid4()}"
        due = time.monotonic() + CREATING * self.scale
        stack.change_sets[name] = ChangeSet(name, arn, template, parameters, p.get("Description", ""), due)
        return {"Id": arn, "StackId": stack.arn}

    @reads("StackName", "ChangeSetName")
    def describe_change_set(self, p: Params) -> Params:
        stack, found = self._change_set(p)
        return {
            "ChangeSetName": found.name,
            "ChangeSetId": found.arn,
            "StackId": stack.arn,
            "StackName": stack.name,
            "Description": found.description or None,
            "Parameters": [{"ParameterKey": k, "ParameterValue": v} for k, v in found.parameters.items()],
            "CreationTime": found.created,
            "ExecutionStatus": found.execution,
            "Status": found.status,
            "StatusReason": found.reason or None,
            "Changes": found.changes,
        }

    @reads("StackName", "ChangeSetName")
    def execute_change_set(self, p: Params) -> Params:
        """ "CloudFormation deletes all change sets that are associated with the stack" but for this one."""
        stack, found = self._change_set(p)
        if found.execution != "AVAILABLE":
            raise unfit(f"ChangeSet [{found.arn}] cannot be executed in its current status of [{found.status}]")
        for each in found.changes:
            change = each["ResourceChange"]
            names = {detail["Target"].get("Name") for detail in change["Details"]}
            is_ours = change["LogicalResourceId"] in stack.groups
            if (change["Action"], change["ResourceType"]) != ("Modify", GROUP) or names != {ATTRIBUTES} or not is_ours:
                raise refused(f"updates of {change['LogicalResourceId']} ({change['ResourceType']})")
        stack.change_sets = {found.name: found}
        stack.executed, found.execution, stack.due = found.arn, "EXECUTE_IN_PROGRESS", time.monotonic()
        self._becomes(stack, "UPDATE_IN_PROGRESS", "User Initiated")
        self._later(stack, UPDATING, lambda: self._execute(stack, found))
        return {}

    @reads("StackName", "ChangeSetName")
    def delete_change_set(self, p: Params) -> Params:
        """One that is not there is no error: the API names none but InvalidChangeSetStatus."""
        stack = self._stack(p["StackName"])
        found = stack.change_sets.get(p["ChangeSetName"].rpartition("changeSet/")[2].partition("/")[0])
        if found and "IN_PROGRESS" in f"{found.status} {found.execution}":
            raise unfit(f"ChangeSet [{found.arn}] cannot be deleted in status {found.status}")
        if found:
            del stack.change_sets[found.name]
        return {}

    # -- inside --------------------------------------------------------------------------------------------------------

    def _stack(self, name: str) -> Stack:
        """By its name or id."""
        found = self.stacks.get(name) or next((each for each in self.stacks.values() if each.arn == name), None)
        if found is None:
            raise invalid(f"Stack with id {name} does not exist")
        return found

    def _change_set(self, p: Params) -> tuple[Stack, ChangeSet]:
        if "StackName" not in p:
            raise refused("change sets by their ARN alone")
        stack, name = self._stack(p["StackName"]), p["ChangeSetName"]
        found = stack.change_sets.get(name.rpartition("changeSet/")[2].partition("/")[0])
        if found is None:
            raise AwsError("ChangeSetNotFound", f"ChangeSet [{name}] does not exist", 404)
        return stack, found

    def _create(self, stack: Stack, found: ChangeSet) -> None:
        found.changes = changes(stack, found)
        found.status, found.execution = "CREATE_COMPLETE", "AVAILABLE"
        if not found.changes:
            found.status, found.execution, found.reason = "FAILED", "UNAVAILABLE", NOTHING

    def _execute(self, stack: Stack, found: ChangeSet) -> None:
        """User guide, "Stack status codes": after an update or its way back, what is left over is cleaned up."""
        after = found.template.resolved(found.parameters)
        for change in found.changes:
            logical = change["ResourceChange"]["LogicalResourceId"]
            try:
                if stack.fails:
                    raise AwsError("Fails", stack.fails)
                self._apply(stack.groups[logical], after[logical])
            except AwsError as e:
                self._failed(stack, logical, e)
                why = f"The following resource(s) failed to update: [{logical}]. "
                self._becomes(stack, "UPDATE_ROLLBACK_IN_PROGRESS", why)
                self._later(stack, UPDATING, lambda: self._go_back(stack, found))
                return
            self._event(stack, logical, GROUP, stack.groups[logical], "UPDATE_COMPLETE", "")
        stack.template, stack.parameters = found.template, found.parameters
        self._ends(stack, found, "UPDATE_COMPLETE", "EXECUTE_COMPLETE")

    def _go_back(self, stack: Stack, found: ChangeSet) -> None:
        before = stack.template.resolved(stack.parameters)
        for logical in (each["ResourceChange"]["LogicalResourceId"] for each in found.changes if not stack.fails):
            try:
                self._apply(stack.groups[logical], before[logical])
            except AwsError as e:
                self._failed(stack, logical, e)
                found.execution = "EXECUTE_FAILED"
                why = f"The following resource(s) failed to update: [{logical}]. "
                self._becomes(stack, "UPDATE_ROLLBACK_FAILED", why)
                return
        self._ends(stack, found, "UPDATE_ROLLBACK_COMPLETE", "EXECUTE_FAILED")

    def _ends(self, stack: Stack, found: ChangeSet, status: str, execution: str) -> None:
        def end() -> None:
            found.execution = execution
            self._becomes(stack, status, "")

        stack.status = f"{status}_CLEANUP_IN_PROGRESS"  # no event: ResourceStatus has no such word
        self._later(stack, CLEANING, end)

    def _later(self, stack: Stack, seconds: float, step: Callable[[], None]) -> None:
        stack.then, stack.due = step, stack.due + seconds * self.scale

    def _failed(self, stack: Stack, logical: str, error: AwsError) -> None:
        reason = f"Resource handler returned message: {error.message}"
        self._event(stack, logical, GROUP, stack.groups[logical], "UPDATE_FAILED", reason)

    def _apply(self, arn: str, properties: Params) -> None:
        wanted = properties.get(ATTRIBUTES, [])
        if wanted:
            self.elbv2.modify_target_group_attributes({"TargetGroupArn": arn, "Attributes": wanted})

    def _becomes(self, stack: Stack, status: str, reason: str) -> None:
        stack.status = status
        self._event(stack, stack.name, "AWS::CloudFormation::Stack", stack.arn, status, reason)

    def _event(self, stack: Stack, logical: str, kind: str, physical: str, status: str, reason: str) -> None:
        names = {"StackId": stack.arn, "StackName": stack.name, "EventId": str(uuid.uuid4()), "Timestamp": now()}
        resource = {"LogicalResourceId": logical, "PhysicalResourceId": physical, "ResourceType": kind}
        told = {"ResourceStatus": status, "ResourceStatusReason": reason or None}
        stack.events.append({**names, **resource, **told})


def changes(stack: Stack, wanted: ChangeSet) -> list[Params]:
    """What an update would do, resource by resource."""
    before, after = stack.template.resolved(stack.parameters), wanted.template.resolved(wanted.parameters)
    found = []
    for logical in sorted({*before, *after}):
        kind = (wanted.template if logical in after else stack.template).kinds[logical]
        old, new = before.get(logical), after.get(logical)
        names = sorted(key for key in {**(old or {}), **(new or {})} if (old or {}).get(key) != (new or {}).get(key))
        if old is not None and new is not None and not names:
            continue
        change: Params = {"LogicalResourceId": logical, "ResourceType": kind, "Details": []}
        change["Action"] = "Add" if old is None else "Remove" if new is None else "Modify"
        if change["Action"] == "Modify":
            replaces = not set(names) <= IN_PLACE if kind == GROUP else None
            word = {True: "True", False: "False", None: "Conditional"}[replaces]
            change |= {"PhysicalResourceId": stack.groups.get(logical, logical), "Replacement": word}
            change |= {"Scope": ["Properties"], "Details": [_detail(name, kind) for name in names]}
        found.append({"Type": "Resource", "ResourceChange": change})
    return found


def _detail(name: str, kind: str) -> Params:
    again = "Conditionally" if kind != GROUP else "Never" if name in IN_PLACE else "Always"
    target = {"Attribute": "Properties", "Name": name, "RequiresRecreation": again}
    return {"Target": target, "Evaluation": "Static", "ChangeSource": "DirectModification"}


def served(resources: dict[str, Params]) -> None:
    """Refuse by name attributes whose values only AWS could work out."""
    for logical, properties in resources.items():
        listed = properties.get(ATTRIBUTES, [])
        if not isinstance(listed, list) or any(not isinstance(each.get("Value"), str) for each in listed):
            raise refused(f"intrinsic functions but Ref of a parameter in {ATTRIBUTES} of {logical}")


def given(parameters: list[Params]) -> dict[str, str | None]:
    """Values by key; None for one whose previous value is to be used."""
    return {each["ParameterKey"]: _value(each) for each in parameters}


def _value(each: Params) -> str | None:
    if bool(each.get("UsePreviousValue")) == ("ParameterValue" in each):
        raise invalid(f"Invalid input for parameter key {each['ParameterKey']}. Specify a value or UsePreviousValue")
    value: Any = each.get("ParameterValue")
    return None if value is None else str(value)


def invalid(message: str) -> AwsError:
    return AwsError("ValidationError", message)


def unfit(message: str) -> AwsError:
    return AwsError("InvalidChangeSetStatus", message)


def refused(what: str) -> AwsError:
    return AwsError("InvalidAction", f"The test bed does not implement {what}")
