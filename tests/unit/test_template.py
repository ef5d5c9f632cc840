# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A CloudFormation template: read safely, its target groups found, and compared in three columns."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from ansible_collections.steady.ecs.plugins.module_utils.rules import template
from ansible_collections.steady.ecs.plugins.module_utils.rules.declaration import DeclarationError

DURATION, DELAY, ANOMALIES = (
    "stickiness.lb_cookie.duration_seconds",
    "deregistration_delay.timeout_seconds",
    "load_balancing.algorithm.anomaly_mitigation",
)
GROUP = {"TargetGroupArn": "arn", "TargetGroupName": "tg-web", "Protocol": "HTTP", "TargetType": "ip"}
LIVE = {DURATION: "86400", DELAY: "300", ANOMALIES: "off", "stickiness.enabled": "true"}


def made(*pairs: tuple[Any, Any], **properties: Any) -> str:
    """A template of one group, in JSON."""
    listed = [{"Key": key, "Value": value} for key, value in pairs]
    group = {"Type": template.TYPE, "Properties": {"TargetGroupAttributes": listed, **properties}}
    return json.dumps({"Resources": {"Web": group, "Topic": {"Type": "AWS::SNS::Topic"}}})


def columns(text: str, **declared: str) -> dict[str, tuple[Any, Any, Any]]:
    wanted = {key.replace("__", "."): value for key, value in declared.items()}
    found = template.compared(GROUP, wanted, LIVE, template.read(text, "edge.yml")["Web"])
    return {each["path"]: (each["declared"], each["live"], each["file"]) for each in found.columns}


def test_only_target_groups_are_read() -> None:
    assert template.read(made(Name="tg-web"), "edge.json") == {"Web": {"TargetGroupAttributes": [], "Name": "tg-web"}}


SHORT_FORMS = """
Resources:
  Web:
    Type: AWS::ElasticLoadBalancingV2::TargetGroup
    Condition: Wanted
    Properties:
      Name: !Join ["-", [!Ref "AWS::StackName", web]]
      Port: !If [Wanted, 80, !Ref "AWS::NoValue"]
      Tags: !Transform {Name: Include, Parameters: {Location: !Sub "s3://${Bucket}/tags"}}
      TargetGroupAttributes:
        - {Key: stickiness.enabled, Value: !FindInMap [Edge, !Ref "AWS::Region", Sticky]}
        - Key: stickiness.lb_cookie.duration_seconds
          Value: !Sub "${Seconds}"
        - {Key: deregistration_delay.timeout_seconds, Value: !GetAtt Delay.Value}
Conditions:
  Wanted: !Not [!Equals [!Ref A, b]]
"""


def test_the_short_forms_of_intrinsic_functions_are_read_and_shown_and_decide_nothing() -> None:
    assert columns(SHORT_FORMS, **{DURATION: "60"}) == {
        "stickiness.enabled": (None, "true", '!FindInMap ["Edge", {"Ref": "AWS::Region"}, "Sticky"]'),
        DURATION: ("60", "86400", "!Sub ${Seconds}"),
        DELAY: (None, "300", "!GetAtt Delay.Value"),
    }
    found = template.compared(GROUP, {DURATION: "60"}, LIVE, template.read(SHORT_FORMS, "edge.yml")["Web"])
    assert (found.differences, found.undeclared) == ([], [])


def test_the_full_forms_are_shown_alike() -> None:
    assert columns(made((DURATION, {"Fn::Sub": "${A}"}), (DELAY, {"Ref": "Delay"}))) == {
        DURATION: (None, "86400", "!Sub ${A}"),
        DELAY: (None, "300", "!Ref Delay"),
    }


@pytest.mark.parametrize(
    ("value", "file"), [(3600, "3600"), ("3600", "3600"), (True, "true"), (None, "86400"), ("none", "none")]
)
def test_values_mean_what_they_mean_in_a_declaration(value: Any, file: str) -> None:
    assert columns(made((DURATION, value)))[DURATION][2] == file


def test_off_is_off_although_yaml_reads_a_truth_value() -> None:
    text = yaml.safe_dump(json.loads(made((ANOMALIES, False))))
    assert columns(text)[ANOMALIES] == (None, "off", "off")


def test_what_is_declared_and_not_in_the_file_is_shown_and_no_difference() -> None:
    found = template.compared(GROUP, {DURATION: "60"}, LIVE, template.read(made(), "edge.yml")["Web"])
    assert [(each["path"], each["file"]) for each in found.columns] == [(DURATION, None)]
    assert (found.differences, found.undeclared) == ([], [])


def test_what_nobody_declares_is_held_against_what_is_live() -> None:
    text = made((DURATION, "3600"), (DELAY, "300"), ("new.key", "x"))
    found = template.compared(GROUP, {}, LIVE, template.read(text, "edge.yml")["Web"])
    assert [(each.path, each.expected, each.actual) for each in found.undeclared] == [(DURATION, "86400", "3600")]
    assert found.differences == []


@pytest.mark.parametrize(
    ("resources", "tags", "found"),
    [
        ({"A": {"Name": "tg-web"}, "B": {}}, None, "A"),
        ({"A": {"Name": "tg-b"}, "B": {}}, None, "B"),
        ({"A": {}, "B": {}}, None, None),
        ({"A": {}, "B": {}}, {"aws:cloudformation:logical-id": "B"}, "B"),
        ({"A": {}, "B": {}}, {"aws:cloudformation:logical-id": "C"}, None),
        ({"A": {"Name": {"Ref": "Name"}}, "B": {"Name": "tg-b"}}, None, "A"),
        ({"A": {"Name": "tg-a"}}, None, None),
        ({"A": {"Name": "tg-a"}, "B": {}, "C": {}}, {"aws:cloudformation:logical-id": "A"}, None),
    ],
)
def test_the_resource_of_a_group(resources: Any, tags: Any, found: str | None) -> None:
    assert template.resource_of(resources, "tg-web", tags) == found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [", "neither JSON nor YAML"),
        ("[1, 2]", "no mapping Resources"),
        ("", "no mapping Resources"),
        ("Resources: {A: {Type: AWS::SNS::Topic}}", "no resource of the type AWS::ElasticLoadBalancingV2::TargetGroup"),
        ("Resources: !!python/object/apply:os.system [id]", "neither JSON nor YAML"),
        ("Resources: !!python/name:os.system ''", "neither JSON nor YAML"),
        ("[" * 20000, "neither JSON nor YAML"),
        ("x" * 1_000_001, "larger"),
    ],
    ids=["broken", "list", "empty", "no group", "object", "name", "deep", "large"],
)
def test_what_is_no_template_is_refused_and_nothing_is_made_of_it(text: str, words: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        template.read(text, "edge.yml")
    assert refused.value.msg.startswith("target_group_template: edge.yml")
    assert words in refused.value.msg


def test_nobody_elses_yaml_is_read_like_a_template() -> None:
    template.read(SHORT_FORMS, "edge.yml")
    with pytest.raises(yaml.YAMLError):
        yaml.safe_load("a: !Ref b")


@pytest.mark.parametrize("odd", [None, "x", [1], [{"Key": 1, "Value": "x"}], [{"Value": "x"}], {"Ref": "Listed"}])
def test_odd_attributes_are_none(odd: Any) -> None:
    text = json.dumps({"Resources": {"Web": {"Type": template.TYPE, "Properties": {"TargetGroupAttributes": odd}}}})
    assert columns(text) == {}
