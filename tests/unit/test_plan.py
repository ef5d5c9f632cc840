# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A whole declaration against a whole live service: which differences there are, and how many names were compared."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.rules import plan
from ansible_collections.steady.ecs.plugins.module_utils.rules.declaration import DeclarationError

from testbed.elbv2.attributes import TARGET_GROUP
from tests.unit.answers import GROUP, deployment, service
from tests.unit.task_definitions import MODEL, RICH, app, described

OTHER = GROUP.replace("tg-web", "tg-admin")
DURATION = "stickiness.lb_cookie.duration_seconds"


def group(arn: str) -> dict[str, Any]:
    return {
        "TargetGroupArn": arn,
        "TargetGroupName": arn.split("/")[1],
        "Protocol": "HTTP",
        "TargetType": "ip",
    }


def live(*arns: str, **changes: Any) -> plan.Live:
    named = arns or (GROUP,)
    return plan.Live(
        service(deployment(1), healthCheckGracePeriodSeconds=60, **changes),
        described(RICH),
        [group(arn) for arn in named],
        {arn: {**TARGET_GROUP.defaults, "stickiness.enabled": "true", DURATION: "3600"} for arn in named},
    )


def found(declared: plan.Declared, now: plan.Live) -> list[tuple[str, str, Any, Any]]:
    return [(each.resource, each.path, each.expected, each.actual) for each in plan.differences(declared, now, MODEL)]


def test_an_empty_declaration_differs_from_nothing() -> None:
    assert found(plan.Declared(), live()) == []
    assert plan.count(plan.Declared(), live()) == 0


def test_differences_of_all_three_resources_in_the_order_of_a_release() -> None:
    declared = plan.Declared(
        changes=app(environment={"A": "2", "C": None}),
        images={"envoy": "example.com/envoy:2"},
        settings={"healthCheckGracePeriodSeconds": 90, "deploymentConfiguration": {"maximumPercent": 200}},
        attributes={DURATION: 86400, "stickiness.enabled": True},
    )
    container = "containerDefinitions[app].environment"
    assert sorted(found(declared, live())[:3]) == [
        ("task definition", f"{container}[A]", "2", "1"),
        ("task definition", f"{container}[C]", None, ""),
        ("task definition", "containerDefinitions[envoy].image", "example.com/envoy:2", "example.com/envoy:1"),
    ]
    assert found(declared, live())[3:] == [
        ("target group tg-web", DURATION, "86400", "3600"),
        ("service", "healthCheckGracePeriodSeconds", 90, 60),
    ]
    assert plan.count(declared, live()) == 7, "every declared name was compared, also those that do not differ"


def test_attributes_belong_to_the_named_group_only() -> None:
    declared = plan.Declared(attributes={DURATION: 60}, target_group="tg-admin")
    assert found(declared, live(GROUP, OTHER)) == [("target group tg-admin", DURATION, "60", "3600")]
    assert [each.group for each in plan.parts(declared, live(GROUP, OTHER))] == [group(OTHER)]


@pytest.mark.parametrize(
    ("declared", "arns"),
    [
        pytest.param(plan.Declared(attributes={DURATION: 60}), (GROUP, OTHER), id="two, none named"),
        pytest.param(plan.Declared(attributes={DURATION: 60}, target_group="tg-old"), (GROUP,), id="another name"),
    ],
)
def test_a_group_that_cannot_be_meant_is_refused_with_those_that_exist(
    declared: plan.Declared, arns: tuple[str, ...]
) -> None:
    with pytest.raises(DeclarationError) as refused:
        plan.differences(declared, live(*arns), MODEL)
    assert all(arn.split("/")[1] in refused.value.msg for arn in arns)


def test_a_group_that_was_deleted_is_no_group() -> None:
    now = live()
    gone = plan.Live(now.service, now.definition, [], {})
    assert found(plan.Declared(settings={"healthCheckGracePeriodSeconds": 60}), gone) == []
    with pytest.raises(DeclarationError, match="which has: none"):
        plan.differences(plan.Declared(attributes={DURATION: 60}), gone, MODEL)


def test_attributes_are_held_as_aws_keeps_them() -> None:
    declared = plan.Declared(attributes={"stickiness.enabled": True, DURATION: None})
    assert plan.attributes(declared, live()) == {GROUP: {"stickiness.enabled": "true", DURATION: "86400"}}
    assert plan.attributes(plan.Declared(), live()) == {}


BOTH = plan.Declared(attributes_of={"tg-web": {DURATION: 60}, OTHER: {DURATION: 3600, "stickiness.enabled": False}})


def test_each_group_has_attributes_of_its_own() -> None:
    now = live(GROUP, OTHER)
    assert found(BOTH, now) == [
        ("target group tg-web", DURATION, "60", "3600"),
        ("target group tg-admin", "stickiness.enabled", "false", "true"),
    ]
    assert plan.count(BOTH, now) == 3
    assert plan.names(BOTH, now)["attributes"] == {GROUP: [DURATION], OTHER: ["stickiness.enabled", DURATION]}
    becoming = plan.becoming(BOTH, now, {}).attributes
    assert (becoming[GROUP][DURATION], becoming[OTHER]["stickiness.enabled"]) == ("60", "false")
    assert found(BOTH, plan.Live(now.service, now.definition, now.groups, becoming)) == []


@pytest.mark.parametrize("owner", ["terraform", "other"])
def test_what_another_owner_has_to_write_is_no_part_of_the_plan(owner: str) -> None:
    declared, now = dataclasses.replace(BOTH, owner=owner), live(GROUP, OTHER)
    assert found(declared, now) == []
    assert plan.attributes(declared, now) == {}
    assert plan.becoming(declared, now, {}).attributes == now.attributes
    assert plan.elsewhere(declared, now) == plan.differences(BOTH, now, MODEL)
    assert plan.names(declared, now) == plan.names(BOTH, now), "declared all the same"
    with pytest.raises(DeclarationError):
        plan.elsewhere(dataclasses.replace(declared, attributes_of={"tg-web": {DURATION: 0}}), now)


@pytest.mark.parametrize("owner", [None, "steady", "stack"])
def test_what_we_own_is_in_the_plan(owner: str | None) -> None:
    declared, now = dataclasses.replace(BOTH, owner=owner), live(GROUP, OTHER)
    assert len(found(declared, now)) == 2
    assert plan.elsewhere(declared, now) == []


def test_both_ways_of_declaring_go_together() -> None:
    declared = plan.Declared(
        attributes={DURATION: 60}, target_group="tg-admin", attributes_of={"tg-web": {DURATION: 30}}
    )
    assert found(declared, live(GROUP, OTHER)) == [
        ("target group tg-web", DURATION, "30", "3600"),
        ("target group tg-admin", DURATION, "60", "3600"),
    ]


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        pytest.param({"attributes_of": {"tg-old": {DURATION: 60}}}, ["tg-old", "tg-web, tg-admin"], id="another name"),
        pytest.param(
            {"attributes_of": {"tg-web": {DURATION: 60}, GROUP: {DURATION: 60}}}, ["twice", GROUP], id="name and ARN"
        ),
        pytest.param(
            {"attributes": {DURATION: 60}, "target_group": "tg-web", "attributes_of": {"tg-web": {DURATION: 60}}},
            ["tg-web", "twice", "target_group_attributes_of.tg-web"],
            id="both ways",
        ),
        pytest.param({"attributes_of": {"tg-web": None}}, ["target_group_attributes_of.tg-web", "None"], id="empty"),
        pytest.param(
            {"attributes_of": {"tg-web": {DURATION: 0}}}, [f"target_group_attributes_of.tg-web.{DURATION}"], id="range"
        ),
        pytest.param(
            {"attributes_of": {"tg-web": {"stickiness.type": "app_cookie"}}},
            ["target_group_attributes_of.tg-web.stickiness.type", "declare stickiness.app_cookie.cookie_name"],
            id="together",
        ),
    ],
)
def test_what_of_several_groups_cannot_be_meant_says_where_it_is_declared(
    declared: dict[str, Any], words: list[str]
) -> None:
    with pytest.raises(DeclarationError) as refused:
        plan.differences(plan.Declared(**declared), live(GROUP, OTHER), MODEL)
    assert [each for each in words if each not in refused.value.msg] == []


@pytest.mark.parametrize(
    "declared",
    [
        pytest.param(plan.Declared(attributes={"stickiness.enabeld": True}), id="attribute"),
        pytest.param(plan.Declared(settings={"desiredcount": 2}), id="setting"),
        pytest.param(plan.Declared(changes={"containers": {"ap": {}}}), id="container"),
        pytest.param(plan.Declared(images={"ap": "example.com/app:2"}), id="image"),
        pytest.param(plan.Declared(changes=app(user="1"), definition=RICH), id="both modes"),
    ],
)
def test_what_cannot_be_meant_is_refused(declared: plan.Declared) -> None:
    with pytest.raises(DeclarationError):
        plan.differences(declared, live(), MODEL)


def test_names_are_those_that_a_record_holds() -> None:
    declared = plan.Declared(
        changes=app(environment={"A": "2"}), attributes={DURATION: 1}, settings={"desiredCount": 3}
    )
    assert plan.names(declared, live()) == {
        "attributes": {GROUP: [DURATION]},
        "settings": [],
        "task_definition": ["containerDefinitions[app].environment[A]"],
    }
