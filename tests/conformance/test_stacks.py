"""Change sets of a stack that has made a target group, as CloudFormation publishes them: CreateChangeSet,
DescribeChangeSet, ExecuteChangeSet and DeleteChangeSet of its API reference.
"""

import json
from typing import Any

import pytest

from tests.conformance.place import Place, error_of, until
from tests.conformance.stacks import DURATION, GROUP, Stack

NOTHING = "The submitted information didn't contain changes. Submit different information to create a change set."


def seen_in_order(seen: list[str], known: list[str]) -> bool:
    """User guide, "Stack status codes". One may come too late for some; the last is never missed."""
    return seen == [each for each in known if each in seen] and seen[-1] == known[-1]


@pytest.fixture(scope="module")
def stack(place: Place) -> Stack:
    return Stack(place)


@pytest.mark.api
def test_a_parameter_changes_the_attribute_when_its_change_set_is_executed(stack: Stack) -> None:
    """API_ExecuteChangeSet; user guide, "Update CloudFormation stacks using change sets"."""
    name = stack.create("120")
    found = stack.described(name)
    assert (found["Status"], found["ExecutionStatus"]) == ("CREATE_COMPLETE", "AVAILABLE")
    ((change,),) = ([each["ResourceChange"] for each in found["Changes"]],)
    assert (change["Action"], change["LogicalResourceId"], change["Replacement"]) == ("Modify", "Web", "False")
    assert change["PhysicalResourceId"] == stack.group
    assert {each["Target"]["Name"] for each in change["Details"]} == {"TargetGroupAttributes"}
    before = stack.attributes()[DURATION]
    assert before != "120"
    kept = ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_COMPLETE"]
    assert seen_in_order(stack.states(name), kept)
    assert stack.attributes()[DURATION] == "120"
    assert stack.stack()["ChangeSetId"] == found["ChangeSetId"]
    assert {each["ParameterKey"]: each["ParameterValue"] for each in stack.stack()["Parameters"]} == {"Seconds": "120"}
    assert error_of(lambda: stack.api.execute_change_set(StackName=stack.name, ChangeSetName=name)) == (
        "InvalidChangeSetStatus"
    )


@pytest.mark.api
def test_a_change_set_without_changes_has_failed(stack: Stack) -> None:
    """API_DescribeChangeSet; user guide, "Create change sets": it cannot be executed, and can be deleted."""
    name = stack.create()
    found = stack.described(name)
    assert (found["Status"], found["ExecutionStatus"], found["StatusReason"]) == ("FAILED", "UNAVAILABLE", NOTHING)
    assert error_of(lambda: stack.api.execute_change_set(StackName=stack.name, ChangeSetName=name)) == (
        "InvalidChangeSetStatus"
    )
    stack.api.delete_change_set(StackName=stack.name, ChangeSetName=name)
    assert error_of(lambda: stack.api.describe_change_set(StackName=stack.name, ChangeSetName=name)) == (
        "ChangeSetNotFound"
    )


@pytest.mark.api
def test_a_property_that_replaces_the_group_says_so(stack: Stack) -> None:
    """API_ResourceChange, Replacement; template reference of the target group: Port, "Update requires: Replacement"."""
    name = stack.create(TemplateBody=json.dumps(stack.template(Port=81)))
    (change,) = stack.described(name)["Changes"]
    assert change["ResourceChange"]["Replacement"] == "True"
    stack.api.delete_change_set(StackName=stack.name, ChangeSetName=name)


@pytest.mark.api
def test_a_resource_that_is_gone_from_the_template_would_be_removed(stack: Stack) -> None:
    """API_ResourceChange, Action."""
    rest = {"Type": GROUP, "Properties": {"VpcId": stack.place.vpc, "Port": 80, "Protocol": "HTTP"}}
    name = stack.create(TemplateBody=json.dumps({**stack.template(), "Resources": {"Other": rest}}))
    found = {each["ResourceChange"]["LogicalResourceId"]: each for each in stack.described(name)["Changes"]}
    assert {key: each["ResourceChange"]["Action"] for key, each in found.items()} == {"Web": "Remove", "Other": "Add"}
    stack.api.delete_change_set(StackName=stack.name, ChangeSetName=name)


@pytest.mark.api
def test_a_parameter_that_is_not_named_gets_its_default(stack: Stack) -> None:
    """API_Parameter, UsePreviousValue: without it, and without a value, the template's default is used."""
    name = stack.create(Parameters=[])
    parameters = stack.described(name)["Parameters"]
    assert [each["ParameterValue"] for each in parameters] == ["86400"]
    stack.api.delete_change_set(StackName=stack.name, ChangeSetName=name)


@pytest.mark.api
def test_what_cannot_be_meant_is_refused(stack: Stack) -> None:
    """API_CreateChangeSet, Errors; CommonErrors: ValidationError."""
    name = stack.create("300")
    assert error_of(lambda: stack.create("300", ChangeSetName=name)) == "AlreadyExistsException"
    for words in ({"ChangeSetName": "1-x"}, {"Parameters": [{"ParameterKey": "No", "ParameterValue": "1"}]}):
        assert error_of(lambda words=words: stack.create("300", **words)) == "ValidationError"  # type: ignore[misc]
    assert error_of(lambda: stack.create("300", TemplateBody="Resources: [")) == "ValidationError"
    assert error_of(lambda: stack.api.describe_stacks(StackName=f"{stack.name}-gone")) == "ValidationError"
    more = stack.template()
    more["Parameters"]["New"] = {"Type": "String", "Default": "a"}
    earlier = {"Parameters": [{"ParameterKey": "New", "UsePreviousValue": True}], "TemplateBody": json.dumps(more)}
    assert error_of(lambda: stack.create("300", **earlier)) == "ValidationError"
    stack.described(name)
    stack.api.delete_change_set(StackName=stack.name, ChangeSetName=name)


@pytest.mark.api
@pytest.mark.parametrize(("name", "needed"), [(None, "CAPABILITY_IAM"), ("web", "CAPABILITY_NAMED_IAM")])
def test_rights_are_made_only_by_who_says_so(stack: Stack, name: str | None, needed: str) -> None:
    """API_CreateChangeSet, Capabilities: resources with custom names need CAPABILITY_NAMED_IAM."""
    trust = {"Effect": "Allow", "Principal": {"Service": "ecs.amazonaws.com"}, "Action": "sts:AssumeRole"}
    properties: dict[str, Any] = {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]}}
    role = {"Type": "AWS::IAM::Role", "Properties": properties | ({"RoleName": name} if name else {})}
    template = stack.template()
    body = json.dumps({**template, "Resources": {**template["Resources"], "Role": role}})
    for given in [[]] if name is None else [[], ["CAPABILITY_IAM"]]:
        told = error_of(lambda given=given: stack.create(TemplateBody=body, Capabilities=given))  # type: ignore[misc]
        assert told == "InsufficientCapabilitiesException"
    made = stack.create(TemplateBody=body, Capabilities=[needed])
    stack.described(made)
    stack.api.delete_change_set(StackName=stack.name, ChangeSetName=made)


@pytest.mark.api
def test_a_stack_that_is_being_updated_takes_no_change_set(stack: Stack) -> None:
    """API_CreateChangeSet; user guide, "Troubleshooting": a stack in an _IN_PROGRESS state cannot be updated."""

    def refused() -> bool:
        """Not where the update was over before it was asked."""
        name = stack.create(str(600 + stack.number))
        stack.described(name)
        stack.api.execute_change_set(StackName=stack.name, ChangeSetName=name)
        told = error_of(lambda: stack.create("700"))
        until(lambda: stack.stack()["StackStatus"] == "UPDATE_COMPLETE", stack.place.patience)
        return told == "ValidationError"

    until(refused, stack.place.patience)


@pytest.mark.api
def test_an_update_that_a_service_refuses_goes_back_with_its_reason(stack: Stack) -> None:
    """API_DescribeStackEvents; user guide, "Troubleshooting": the reason is that of the resource's event."""
    before = stack.attributes()
    name = stack.create("604801")
    stack.described(name)
    back = [f"UPDATE_{each}" for each in ("IN_PROGRESS", "ROLLBACK_IN_PROGRESS")]
    back += [f"UPDATE_ROLLBACK_COMPLETE{each}" for each in ("_CLEANUP_IN_PROGRESS", "")]
    assert seen_in_order(stack.states(name), back)
    assert stack.attributes() == before
    events = stack.api.describe_stack_events(StackName=stack.name)["StackEvents"]
    failed = next(each for each in events if each["ResourceStatus"] == "UPDATE_FAILED")
    assert failed["LogicalResourceId"] == "Web" and "604801" in failed["ResourceStatusReason"]
    assert stack.api.get_template(StackName=stack.name)["TemplateBody"]["Resources"]
