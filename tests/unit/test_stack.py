# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What of a stack gives a target group its attributes, and what a change set of it may do (case C63)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.rules import stack as rules

from testbed.elbv2.attributes import TARGET_GROUP

Answer = dict[str, Any]
KIND = "AWS::ElasticLoadBalancingV2::TargetGroup"
DURATION, DELAY = "stickiness.lb_cookie.duration_seconds", "deregistration_delay.timeout_seconds"
ARN = "arn:aws:elasticloadbalancing:us-east-1:111122223333:targetgroup/{}/6cd8923ffc120347"
LIVE = {**TARGET_GROUP.defaults, DURATION: "60", DELAY: "300"}


def entries(**values: Any) -> Answer:
    """A resource with the duration and the delay."""
    keys = {"duration": DURATION, "delay": DELAY}
    return {
        "Type": KIND,
        "Properties": {"TargetGroupAttributes": [{"Key": keys[k], "Value": values[k]} for k in values]},
    }


def stack(resources: Answer | None = None, parameters: Answer | None = None, **more: Any) -> rules.Stack:
    body = {
        "Parameters": {"Seconds": {"Type": "Number", "Default": 1}, "Hidden": {"Type": "String", "NoEcho": True}},
        "Resources": resources or {"Web": entries(duration={"Ref": "Seconds"}, delay="300")},
    }
    body["Parameters"] |= parameters or {}
    given = {
        "name": "edge",
        "status": "UPDATE_COMPLETE",
        "body": body,
        "parameters": {"Seconds": "60", "Hidden": "****"},
    }
    return rules.Stack(**{**given, **more})


def part(wanted: dict[str, str], live: dict[str, str] | None = None, name: str = "web") -> rules.Part:
    group = {"TargetGroupArn": ARN.format(name), "TargetGroupName": name, "Protocol": "HTTP", "TargetType": "ip"}
    return rules.Part(group, wanted, live or LIVE, name.capitalize())


def test_c63_a_parameter_goes_before_the_template() -> None:
    found = rules.edit(stack(), [part({DURATION: "7200"})])
    assert (found.parameters, found.entries, found.body, found.problem) == ({"Seconds": ("60", "7200")}, [], None, "")
    assert found.words(stack()) == "by change set of stack edge: parameter Seconds from 60 to 7200"
    asked = rules.request(stack(capabilities=["CAPABILITY_IAM"]), found, "steady-1", "why")
    assert asked["UsePreviousTemplate"] and "TemplateBody" not in asked
    assert asked["Capabilities"] == ["CAPABILITY_IAM"]
    assert asked["Parameters"] == [
        {"ParameterKey": "Seconds", "ParameterValue": "7200"},
        {"ParameterKey": "Hidden", "UsePreviousValue": True},
    ]


def test_c63_what_is_no_parameter_is_an_entry() -> None:
    found = rules.edit(stack(), [part({DELAY: "5", "stickiness.enabled": "true"})])
    assert found.parameters == {} and found.body is not None
    listed = json.loads(found.body)["Resources"]["Web"]["Properties"]["TargetGroupAttributes"]
    assert listed == [
        {"Key": "stickiness.enabled", "Value": "true"},
        {"Key": DURATION, "Value": {"Ref": "Seconds"}},
        {"Key": DELAY, "Value": "5"},
    ]
    assert rules.request(stack(), found, "steady-1", "why")["TemplateBody"] == found.body


def test_a_stack_that_has_it_already_is_not_changed() -> None:
    found = rules.edit(stack(), [part({DURATION: "60", DELAY: "300"}, {**LIVE, DURATION: "5"})])
    assert (found.changes, found.problem) == (False, "")


def test_what_is_live_and_not_in_the_template_is_not_put_there() -> None:
    found = rules.edit(stack(), [part({DURATION: "7200", "slow_start.duration_seconds": "0"})])
    assert (found.parameters, found.entries) == ({"Seconds": ("60", "7200")}, [])


PROBLEMS: list[tuple[rules.Stack, list[rules.Part], str]] = [
    (stack({"Other": entries(duration="1")}), [part({DURATION: "2"})], "has no target group Web"),
    (stack({"Web": {"Type": "AWS::SNS::Topic"}}), [part({DURATION: "2"})], "has no target group Web"),
    (stack({"Web": entries(duration={"Fn::If": ["A", 1, 2]})}), [part({DURATION: "2"})], "is !If"),
    (stack({"Web": entries(duration={"Ref": "AWS::Region"})}), [part({DURATION: "2"})], "is !Ref AWS::Region"),
    (
        stack({"Web": entries(duration={"Ref": "Kept"})}, {"Kept": {"Type": "AWS::SSM::Parameter::Value<String>"}}),
        [part({DURATION: "2"})],
        "parameter Kept is of the type AWS::SSM",
    ),
    (
        stack({"Web": entries(duration={"Ref": "Seconds"}, delay={"Ref": "Seconds"})}),
        [part({DURATION: "5", DELAY: "60"}, {**LIVE, DELAY: "60"})],
        "would have to be 5 and 60 at once",
    ),
    (
        stack({"Web": entries(duration={"Ref": "Seconds"}, delay={"Ref": "Seconds"})}),
        [part({DURATION: "60", DELAY: "5"}, {**LIVE, DELAY: "60"})],
        "would have to be 60 and 5 at once",
    ),
    (
        stack({"Web": entries(duration={"Ref": "Seconds"}, delay={"Ref": "Seconds"})}),
        [part({DURATION: "5"}, {**LIVE, DELAY: "60"})],
        f"parameter Seconds is also {DELAY} of Web, which is not declared",
    ),
    (
        stack({"Web": entries(duration={"Ref": "Seconds"}), "Admin": entries(duration={"Ref": "Seconds"})}),
        [part({DURATION: "5"})],
        f"parameter Seconds is also {DURATION} of Admin, which is not declared",
    ),
    (
        stack(None, {"Seconds": {"Type": "Number", "AllowedValues": [60, 120]}}),
        [part({DURATION: "5"})],
        "parameter Seconds may only be 60, 120",
    ),
    (
        stack({"Web": entries(duration={"Ref": "Seconds"}, delay={"Fn::Sub": "${Seconds}"})}),
        [part({DURATION: "5"})],
        f"parameter Seconds is also in {DELAY} of Web, which is an expression",
    ),
    (stack(), [part({DURATION: "5"}, {**LIVE, DELAY: "7"})], f"would also set {DELAY} of web from 7 to 300"),
    (
        stack({"Web": {"Type": KIND, "Properties": {"TargetGroupAttributes": {"Fn::If": []}}}}),
        [part({DURATION: "2"})],
        "!If",
    ),
    (
        stack({"Web": entries(duration="60"), "X": {"Type": "Y" * 60_000}}),
        [part({DURATION: "5"})],
        "too large for a call",
    ),
    (stack(body="Resources: [unclosed"), [part({DURATION: "5"})], "expected"),
]


@pytest.mark.parametrize(("of", "parts", "words"), PROBLEMS, ids=[words for *_each, words in PROBLEMS])
def test_what_no_change_set_can_do_is_told(of: rules.Stack, parts: list[rules.Part], words: str) -> None:
    assert words in rules.edit(of, parts).problem


def test_one_parameter_of_two_attributes_is_changed_when_both_want_the_same() -> None:
    both = {"Web": entries(duration={"Ref": "Seconds"}), "Admin": entries(duration={"Ref": "Seconds"})}
    found = rules.edit(stack(both), [part({DURATION: "5"}), part({DURATION: "5"}, name="admin")])
    assert (found.parameters, found.problem) == ({"Seconds": ("60", "5")}, "")


def test_an_expression_that_is_as_declared_is_left() -> None:
    of = stack({"Web": entries(duration={"Fn::If": ["A", 1, 2]}, delay="300")})
    found = rules.edit(of, [part({DURATION: "60", DELAY: "5"})])
    assert ([each.key for each in found.entries], found.problem) == ([DELAY], "")


def test_a_hidden_parameter_is_set_and_not_shown() -> None:
    of = stack({"Web": entries(duration={"Ref": "Hidden"})})
    found = rules.edit(of, [part({DURATION: "5"})])
    assert found.parameters == {"Hidden": ("****", "5")}
    assert rules.deployed(of, part({})) == {DURATION: {"Ref": "Hidden"}}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({}, ""),
        ({"status": "CREATE_COMPLETE"}, ""),
        ({"status": "UPDATE_ROLLBACK_COMPLETE"}, ""),
        ({"status": "UPDATE_ROLLBACK_FAILED"}, "takes no update"),
        ({"status": "DELETE_COMPLETE"}, "takes no update"),
        ({"status": "ROLLBACK_COMPLETE"}, "takes no update"),
        ({"status": "UPDATE_IN_PROGRESS"}, "somebody is updating it"),
        ({"parent": "arn:aws:cloudformation:us-east-1:1:stack/all/1"}, "is nested in"),
    ],
)
def test_which_stacks_take_a_change_set(more: Answer, words: str) -> None:
    found = rules.hindrance(stack(**more), "web")
    assert words in found and bool(found) == bool(words)


def test_only_our_own_update_is_waited_for() -> None:
    name = rules.name("c1/web", "web", 7, [part({DURATION: "5"})])
    arn = f"arn:aws:cloudformation:us-east-1:1:changeSet/{name}-2/0-0-0"
    busy = stack(status="UPDATE_IN_PROGRESS", change_set=arn)
    assert rules.hindrance(busy, "web") == ""
    assert "somebody" in rules.hindrance(busy, "web2") and "somebody" in rules.hindrance(busy, "w")


def test_the_name_of_a_change_set_says_release_and_wish() -> None:
    one, other = [part({DURATION: "5"})], [part({DURATION: "6"})]
    names = {
        rules.name(place, "my_web", seq, parts)
        for place in ("c1/my_web", "c2/my_web")
        for seq in (None, 7)
        for parts in (one, other)
    }
    assert len(names) == 8
    assert all(len(each) <= 128 and each.replace("-", "").isalnum() for each in names)
    assert rules.name("c", "x" * 255, 1, one).startswith("steady-xxx") and len(rules.name("c", "x" * 255, 1, one)) < 128


def change(**more: Any) -> Answer:
    target = {"Attribute": "Properties", "Name": "TargetGroupAttributes", "RequiresRecreation": "Never"}
    given = {"Action": "Modify", "LogicalResourceId": "Web", "ResourceType": KIND, "Replacement": "False"}
    return {"Type": "Resource", "ResourceChange": {**given, "Details": [{"Target": target}], **more}}


TAGS = {"Target": {"Attribute": "Tags", "RequiresRecreation": "Never"}}
BEYOND: list[tuple[Answer, str]] = [
    ({"Replacement": "True"}, "replacement True"),
    ({"Replacement": "Conditional"}, "replacement Conditional"),
    ({"Replacement": None}, "TargetGroupAttributes"),
    ({"Action": "Remove"}, "Remove"),
    ({"Action": "Dynamic"}, "Dynamic"),
    ({"LogicalResourceId": "Admin"}, "Admin"),
    ({"Details": []}, "Modify"),
    ({"Details": [TAGS]}, "Tags"),
    ({"Details": [*change()["ResourceChange"]["Details"], TAGS]}, "Tags"),
]


@pytest.mark.parametrize(("more", "words"), BEYOND)
def test_c63_whatever_a_change_set_would_do_besides_is_told(more: Answer, words: str) -> None:
    assert rules.beyond([change()], ["Web"]) == []
    (found,) = rules.beyond([change(), change(**more)], ["Web"])
    assert words in found


def event(status: str, reason: str | None, logical_id: str = "Web") -> Answer:
    return {"ResourceStatus": status, "ResourceStatusReason": reason, "LogicalResourceId": logical_id}


def test_the_cause_is_the_first_failure_since_the_update_began() -> None:
    events = [
        event("UPDATE_ROLLBACK_COMPLETE", None, "edge"),
        event("UPDATE_FAILED", "Resource update cancelled", "Admin"),
        event("UPDATE_FAILED", "Rate exceeded"),
        event("UPDATE_IN_PROGRESS", "User Initiated", "edge"),
        event("UPDATE_FAILED", "long ago"),
    ]
    assert rules.cause(events, "edge") == "Web: Rate exceeded"
    assert "no reason" in rules.cause(events[3:], "edge")
