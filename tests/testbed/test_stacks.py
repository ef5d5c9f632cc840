"""Stacks as the bed is told of them: what it refuses by name, and what becomes of a group that is gone."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.testbed.beds import World, until

GROUP = "AWS::ElasticLoadBalancingV2::TargetGroup"
DELAY, SLOW_START = "deregistration_delay.timeout_seconds", "slow_start.duration_seconds"


def template(**more: Any) -> dict[str, Any]:
    """One group, whose delay is a parameter, and a topic; `more` goes into the topic."""
    web = {"Type": GROUP, "Properties": {"TargetGroupAttributes": [{"Key": DELAY, "Value": {"Ref": "Seconds"}}]}}
    resources = {"Web": web, "Topic": {"Type": "AWS::SNS::Topic", **more}}
    return {"Parameters": {"Seconds": {"Type": "Number", "Default": 60}}, "Resources": resources}


def declare(world: World, body: Any, **more: Any) -> tuple[int, Any]:
    """Of a stack with the world's own name."""
    stack = {"template": body, "groups": {"Web": world.group}, **more}
    return world.bed.admin("PUT", "/_bed/stacks", {world.name: stack})


class Stack:
    def __init__(self, world: World, body: Any = None, **more: Any) -> None:
        assert declare(world, body or template(), **more)[0] == 200
        self.api, self.name = world.bed.client("cloudformation"), world.name

    def create(self, body: Any = None, **more: Any) -> None:
        how = {"UsePreviousTemplate": True} if body is None else {"TemplateBody": json.dumps(body)}
        self.api.create_change_set(StackName=self.name, ChangeSetName="c", **how, **more)
        until(lambda: self.change_set()["Status"] != "CREATE_IN_PROGRESS")

    def change_set(self) -> dict[str, Any]:
        return dict(self.api.describe_change_set(StackName=self.name, ChangeSetName="c"))

    def execute(self) -> None:
        self.api.execute_change_set(StackName=self.name, ChangeSetName="c")

    @property
    def status(self) -> str:
        return str(self.api.describe_stacks(StackName=self.name)["Stacks"][0]["StackStatus"])


SUB = {"Fn::Sub": "x-${Seconds}"}
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({**template(), "Conditions": {"A": {"Fn::Equals": [1, 1]}}}, "the section Conditions"),
    ({**template(), "Mappings": {"A": {}}}, "the section Mappings"),
    ({**template(), "Rules": {"A": {}}}, "the section Rules"),
    ({**template(), "Transform": "AWS::Serverless-2016-10-31"}, "the section Transform"),
    (template(Condition="A"), "Condition of the resource Topic"),
    (template(DeletionPolicy="Retain"), "DeletionPolicy of the resource Topic"),
    (template(Properties={"TopicName": SUB}), "Fn::Sub"),
    (template(Properties={"Tags": [{"Key": "a", "Value": {"Fn::Join": ["", [SUB]]}}]}), "Fn::Sub"),
    (template(Properties={"TopicName": {"Fn::Sub": ["${a}${Seconds}", {"a": 1}]}}), "Fn::Sub"),
    (template(Properties={"TopicName": {"Fn::If": ["A", 1, 2]}}), "Fn::If"),
    (template(Properties={"TopicName": {"Fn::FindInMap": ["A", "b", "c"]}}), "Fn::FindInMap"),
    (template(Properties={"Fn::Transform": {"Name": "AWS::Include"}}), "Fn::Transform"),
]


@pytest.mark.parametrize(("body", "named"), REFUSED)
def test_a_template_of_which_a_change_set_would_say_too_little_is_refused(
    declared: World, body: dict[str, Any], named: str
) -> None:
    status, said = declare(declared, body)
    assert status == 400 and named in said["message"]
    with pytest.raises(ClientError, match="InvalidAction") as caught:
        Stack(declared).create(body)
    assert named in str(caught.value)


def test_what_a_parameter_is_put_into_by_ref_is_changed_with_it(declared: World) -> None:
    joined = {"Fn::Join": ["-", ["a", {"Ref": "Seconds"}, {"Fn::Sub": "${AWS::Region}"}, {"Fn::GetAtt": "Web.X"}]]}
    stack = Stack(declared, template(Properties={"TopicName": joined}), parameters={"Seconds": "30"})
    stack.create()
    changed = [each["ResourceChange"]["LogicalResourceId"] for each in stack.change_set()["Changes"]]
    assert changed == ["Topic", "Web"]


def test_what_somebody_has_changed_by_hand_is_no_change_and_comes_back_with_the_next(declared: World) -> None:
    """User guide, "Using drift-aware change sets": others compare the new template with the one that was deployed, and
    not with what is there. That an update sets all that the template lists, AWS does not say (testbed/README.md)."""
    body = template()
    body["Resources"]["Web"]["Properties"]["TargetGroupAttributes"].append({"Key": SLOW_START, "Value": 45})
    stack = Stack(declared, body, parameters={"Seconds": "30"})

    def attributes() -> list[str]:
        found = declared.elb.describe_target_group_attributes(TargetGroupArn=declared.group)["Attributes"]
        return [each["Value"] for name in (DELAY, SLOW_START) for each in found if each["Key"] == name]

    assert attributes() == ["30", "45"]
    by_hand = [{"Key": SLOW_START, "Value": "90"}]
    declared.elb.modify_target_group_attributes(TargetGroupArn=declared.group, Attributes=by_hand)
    stack.create(Parameters=[{"ParameterKey": "Seconds", "UsePreviousValue": True}])
    assert (stack.change_set()["Status"], attributes()) == ("FAILED", ["30", "90"])
    assert "didn't contain changes" in stack.change_set()["StatusReason"]
    stack.api.delete_change_set(StackName=stack.name, ChangeSetName="c")
    stack.create(Parameters=[{"ParameterKey": "Seconds", "ParameterValue": "60"}])
    stack.execute()
    until(lambda: stack.status == "UPDATE_COMPLETE")
    assert attributes() == ["60", "45"]


@pytest.mark.parametrize("status", ["UPDATED", "COMPLETE", ""])
def test_a_status_that_aws_does_not_have_is_refused(declared: World, status: str) -> None:
    assert declare(declared, template(), status=status)[0] == 400


@pytest.mark.parametrize("status", ["DELETE_COMPLETE", "ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED", "UPDATE_FAILED"])
def test_a_stack_in_such_a_state_is_not_updated(declared: World, status: str) -> None:
    with pytest.raises(ClientError, match=f"is in {status} state and can not be updated"):
        Stack(declared, status=status).create()


def test_a_group_that_the_stack_was_not_told_to_have_made_is_not_updated(declared: World) -> None:
    body = template()
    body["Resources"]["Other"] = body["Resources"]["Web"]
    stack = Stack(declared, body, parameters={"Seconds": "30"})
    stack.create()
    with pytest.raises(ClientError, match="does not implement updates of Other"):
        stack.execute()


def test_a_group_that_is_gone_leaves_the_way_back_failed_and_no_other_call(declared: World) -> None:
    """User guide, "Stack status codes": UPDATE_ROLLBACK_FAILED."""
    stack = Stack(declared, parameters={"Seconds": "30"})
    stack.create()
    for listener in declared.elb.describe_listeners(LoadBalancerArn=declared.balancer["LoadBalancerArn"])["Listeners"]:
        declared.elb.delete_listener(ListenerArn=listener["ListenerArn"])
    declared.elb.delete_target_group(TargetGroupArn=declared.group)
    stack.execute()  # asks nothing of the group: the update does, later
    until(lambda: declared.ecs.list_clusters() and stack.status == "UPDATE_ROLLBACK_FAILED")
    events = stack.api.describe_stack_events(StackName=stack.name)["StackEvents"]
    assert [each["ResourceStatus"] for each in events[:3]] == [
        "UPDATE_ROLLBACK_FAILED", "UPDATE_FAILED", "UPDATE_ROLLBACK_IN_PROGRESS",
    ]  # fmt: skip
