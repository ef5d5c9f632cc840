# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a declaration makes of a live revision, and when two task definitions mean the same."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.rules import task_definition
from ansible_collections.steady.ecs.plugins.module_utils.rules.declaration import DeclarationError

from testbed.production import task_definition as production
from tests.unit.task_definitions import (
    AGENTS,
    ANSWER_ONLY,
    MODEL,
    PRODUCTION_CHANGES,
    RICH,
    URL,
    again,
    app,
    described,
    paths,
    plan,
    whole,
)

APP = RICH["containerDefinitions"][0]
WORKER = "arn:aws:iam::111122223333:role/worker"

# -- the production change


def test_the_production_change_is_nine_lines_and_then_none() -> None:
    live = production()
    first = plan(PRODUCTION_CHANGES, live=live)
    assert [(each.path, each.expected, each.kind) for each in first.differences] == [
        ("containerDefinitions[coral].environment[CORAL_SESSIONS]", None, "ADD"),
        *((f"containerDefinitions[{name}].environment[CORAL_SSE_URL]", URL, "NOT_EQUAL") for name in AGENTS),
    ]
    assert again(first, PRODUCTION_CHANGES) == []
    by_name = {each["name"]: each for each in first.declared["containerDefinitions"]}
    assert [each["name"] for each in by_name["agent-1"]["environment"]] == ["AGENT_NAME", "CORAL_SSE_URL"]
    assert by_name["coral"]["environment"] == []


def test_nothing_declared_is_nothing_different() -> None:
    assert paths(plan()) == paths(plan({})) == paths(plan({"containers": {}})) == []


# -- copying the base (C11)


def test_an_image_change_copies_every_other_field() -> None:
    base = task_definition.request_form(described(RICH), MODEL.answer_only)
    base["invented"] = {"by": ["AWS", "tomorrow"]}
    base["containerDefinitions"][0]["invented"] = [{"a": 1}]
    declared = task_definition.apply(base, None, None, {"app": "example.com/app:2"})
    assert declared["containerDefinitions"][0].pop("image") == "example.com/app:2"
    assert base["containerDefinitions"][0].pop("image") == "example.com/app:1"
    assert declared == base


def test_the_request_form_has_nothing_that_only_answers_have() -> None:
    found = task_definition.request_form(described(RICH), MODEL.answer_only)
    assert not set(ANSWER_ONLY) & set(found)
    assert set(RICH) <= set(found)


def test_an_answer_only_field_deep_inside_is_left_out_too() -> None:
    found = task_definition.request_form(
        {"containerDefinitions": [{"name": "a", "digest": "x"}], "tags": []}, {"containerDefinitions.digest"}
    )
    assert found == {"containerDefinitions": [{"name": "a"}]}


def test_tags_of_aws_cannot_be_registered() -> None:
    live = described(RICH)
    live["tags"].append({"key": "aws:cloudformation:stack-name", "value": "x"})
    assert task_definition.request_form(live, MODEL.answer_only)["tags"] == RICH["tags"]


def test_applying_leaves_the_base_alone() -> None:
    base = task_definition.request_form(described(RICH), MODEL.answer_only)
    before = copy.deepcopy(base)
    task_definition.apply(base, {**app(environment={"A": None}), "volumes": {"data": None}}, None, {"app": "x"})
    assert base == before


# -- meaning


@pytest.mark.parametrize("mode", ["awsvpc", "host"])
def test_c01_the_host_port_is_the_container_port_where_it_can_be_no_other(mode: str) -> None:
    live = {**RICH, "networkMode": mode}
    assert described(live)["containerDefinitions"][0]["portMappings"][0]["hostPort"] == 9411
    assert paths(plan(definition=live, live=live)) == []


def test_c01_a_fixed_host_port_in_bridge_mode_is_a_change() -> None:
    live = {**whole(portMappings=[{"containerPort": 9411, "hostPort": 9411}]), "networkMode": "bridge"}
    declared = {**RICH, "networkMode": "bridge"}
    (found,) = plan(definition=declared, live=live).differences
    assert found.path == "containerDefinitions[app].portMappings[9411/tcp].hostPort"
    assert (found.expected, found.actual) == (0, 9411)


def test_two_host_ports_of_one_container_port_are_two() -> None:
    two = [{"containerPort": 80, "hostPort": 8080}, {"containerPort": 80, "hostPort": 8081}]
    live = {**whole(portMappings=two), "networkMode": "bridge"}
    assert paths(plan(definition={**whole(portMappings=two[::-1]), "networkMode": "bridge"}, live=live)) == []
    assert paths(plan(definition={**whole(portMappings=two[:1]), "networkMode": "bridge"}, live=live)) == [
        "containerDefinitions[app].portMappings[80/tcp#2]"
    ]


def test_two_mappings_of_one_port_are_told_apart_after_the_defaults_too() -> None:
    two = [{"containerPort": 443}, {"containerPort": 443, "name": "tls", "hostPort": 0}]
    live = {**whole(portMappings=two), "networkMode": "bridge"}
    assert paths(plan(definition=live, live=live)) == []


def test_the_order_of_members_inside_unordered_items_means_nothing() -> None:
    one, other = {"type": "memberOf", "expression": "b"}, {"type": "memberOf", "expression": "a"}
    turned = [dict(reversed(each.items())) for each in (one, other)]
    mixed = {"placementConstraints": [one, turned[1]]}
    assert task_definition.compare(mixed, {"placementConstraints": [other, turned[0]]}) == []


def test_c02_an_added_container_is_one_difference() -> None:
    added = {"name": "sidecar", "image": "example.com/sidecar:1"}
    declared = copy.deepcopy(RICH)
    declared["containerDefinitions"].append(added)
    first = plan(definition=declared)
    assert paths(first) == ["containerDefinitions[sidecar]"]
    assert paths(plan(definition=declared, live=first.declared)) == []


def test_c03_order_means_nothing_and_one_value_is_one_line() -> None:
    app_now = RICH["containerDefinitions"][0]
    reordered = whole(environment=app_now["environment"][::-1], secrets=app_now["secrets"][::-1])
    assert paths(plan(definition=reordered)) == []
    assert paths(plan(app(environment={"B": "3"}))) == ["containerDefinitions[app].environment[B]"]


def test_c03_a_name_listed_twice_is_refused() -> None:
    twice = [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]
    with pytest.raises(DeclarationError, match=r"containerDefinitions\[app\].environment has A more than once"):
        plan(definition=whole(environment=twice))


def test_c05_c06_empty_text_is_a_value() -> None:
    declared = plan(images={"app": "example.com/app:2"}).declared
    assert declared["containerDefinitions"][0]["logConfiguration"]["options"]["tag"] == ""
    assert {"name": "IgnoredGID", "value": ""} in declared["proxyConfiguration"]["properties"]
    without_tag = whole(logConfiguration={"logDriver": "awslogs", "options": {"awslogs-group": "/g"}})
    assert paths(plan(definition=without_tag)) == ["containerDefinitions[app].logConfiguration.options[tag]"]


def test_c08_defaults_of_a_health_check() -> None:
    check = {"command": ["CMD-SHELL", "true"]}
    assert paths(plan(definition=whole(healthCheck=check))) == []
    five = plan(app(healthCheck={"retries": 5}))
    assert [(each.path, each.expected, each.actual) for each in five.differences] == [
        ("containerDefinitions[app].healthCheck.retries", 5, 3)
    ]
    (back,) = plan(definition=whole(healthCheck=check), live=five.declared).differences
    assert (back.expected, back.actual) == (3, 5)
    (null,) = plan(app(healthCheck={"retries": None}), live=five.declared).differences
    assert (null.expected, null.actual) == (3, 5)


def test_c08_fails_on_a_comparison_of_what_is_written_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def within(declared: Any, live: Any) -> bool:
        if isinstance(declared, dict):
            return all(name in live and within(value, live[name]) for name, value in declared.items())
        if isinstance(declared, list):
            return all(any(within(each, other) for other in live) for each in declared)
        return bool(declared == live)

    ours = task_definition.compare
    monkeypatch.setattr(
        task_definition, "compare", lambda declared, live: [] if within(declared, live) else ours(declared, live)
    )
    with pytest.raises(ValueError, match="not enough values"):
        test_c08_defaults_of_a_health_check()


def test_c05_c06_fail_on_a_tool_that_strips_empties(monkeypatch: pytest.MonkeyPatch) -> None:
    def stripped(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: stripped(each) for name, each in value.items() if each != ""}
        return [stripped(each) for each in value] if isinstance(value, list) else value

    ours = task_definition.apply
    monkeypatch.setattr(task_definition, "apply", lambda *asked: stripped(ours(*asked)))
    with pytest.raises((AssertionError, KeyError)):
        test_c05_c06_empty_text_is_a_value()


@pytest.mark.parametrize("wrap", [False, True])
def test_c10_pasted_from_describe_task_definition(wrap: bool) -> None:
    pasted = described(RICH)
    if wrap:
        tags = pasted.pop("tags")
        pasted = {"taskDefinition": pasted, "tags": tags}
    found = plan(definition=pasted)
    assert paths(found) == []
    assert found.ignored == sorted(ANSWER_ONLY)
    assert not set(ANSWER_ONLY) & set(found.declared)


def test_c14_a_variable_that_is_no_longer_there_goes() -> None:
    found = plan(definition=whole(environment=[{"name": "A", "value": "1"}]))
    assert paths(found) == ["containerDefinitions[app].environment[B]", "containerDefinitions[app].environment[C]"]
    assert {each.kind for each in found.differences} == {"ADD"}


@pytest.mark.parametrize(
    ("declared", "live"),
    [
        ({"cpu": "1 vCPU"}, {"cpu": "1024"}),
        ({"memory": "2GB"}, {"memory": "2GB"}),
        ({"memory": "2 GB"}, {"memory": "2048"}),
        ({"memory": "1GB", "cpu": ".25 vCPU"}, {"memory": "1024", "cpu": "256"}),
        ({"taskRoleArn": "task"}, {"taskRoleArn": "arn:aws:iam::111122223333:role/task"}),
        ({"executionRoleArn": "arn:aws:iam::1:role/team/task"}, {"executionRoleArn": "team/task"}),
        ({"requiresCompatibilities": ["FARGATE", "EC2"]}, {"requiresCompatibilities": ["EC2", "FARGATE"]}),
        ({}, {"requiresCompatibilities": []}),
        ({"volumes": [{"name": "v"}]}, {"volumes": [{"name": "v", "host": {}}]}),
    ],
)
def test_equal_in_other_words(declared: dict[str, Any], live: dict[str, Any]) -> None:
    assert task_definition.compare(declared, live) == []


@pytest.mark.parametrize(
    ("declared", "live"),
    [
        ({"taskRoleArn": "arn:aws:iam::1:role/task"}, {"taskRoleArn": "arn:aws:iam::2:role/task"}),
        ({"taskRoleArn": "task"}, {"taskRoleArn": "arn:aws:iam::1:role/mytask"}),
        ({"taskRoleArn": "task"}, {"taskRoleArn": "arn:aws:iam::1:role/team/task"}),
        ({"taskRoleArn": "task"}, {"executionRoleArn": "arn:aws:iam::1:role/task"}),
        ({"taskRoleArn": ""}, {"taskRoleArn": "arn:aws:iam::1:role/task"}),
        ({"memory": "2 GB"}, {"memory": "2"}),
        ({"networkMode": "awsvpc"}, {}),
        ({"containerDefinitions": [{"name": "a"}]}, {"containerDefinitions": [{"name": "b"}]}),
        (
            {"containerDefinitions": [{"name": "a", "command": ["x", "y"]}]},
            {"containerDefinitions": [{"name": "a", "command": ["y", "x"]}]},
        ),
    ],
)
def test_not_equal(declared: dict[str, Any], live: dict[str, Any]) -> None:
    assert task_definition.compare(declared, live)
    assert task_definition.compare(live, declared)


def test_a_text_that_is_a_role_elsewhere_is_a_text() -> None:
    live = {**RICH, "containerDefinitions": [{**APP, "environment": [{"name": "ROLE", "value": WORKER}]}]}
    found = plan(app(environment={"ROLE": "worker"}), live=live)
    assert paths(found) == ["containerDefinitions[app].environment[ROLE]"]
    labelled = {**RICH, "containerDefinitions": [{**APP, "dockerLabels": {"taskRoleArn": WORKER}}]}
    found = plan(app(dockerLabels={"taskRoleArn": "worker"}), live=labelled)
    assert paths(found) == ["containerDefinitions[app].dockerLabels[taskRoleArn]"]


# -- changes


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"cpu": 2048}, "cpu"),
        ({"ephemeralStorage": {"sizeInGiB": "60"}}, "ephemeralStorage.sizeInGiB"),
        ({"ephemeralStorage": None}, "ephemeralStorage"),
        ({"volumes": {"scratch": None}}, "volumes[scratch]"),
        ({"volumes": {"more": {"host": {"sourcePath": "/m"}}}}, "volumes[more]"),
        ({"tags": {"team": "other"}}, "tags[team]"),
        (app(secrets={"T": None}), "containerDefinitions[app].secrets[T]"),
        (app(secrets={"T": "/other"}), "containerDefinitions[app].secrets[T]"),
        (app(environment={"NEW": "x"}), "containerDefinitions[app].environment[NEW]"),
        (app(essential="false"), "containerDefinitions[app].essential"),
        (app(command=["run"]), "containerDefinitions[app].command"),
        (app(healthCheck=None), "containerDefinitions[app].healthCheck"),
        (app(ulimits={"nofile": {"softLimit": 10}}), "containerDefinitions[app].ulimits[nofile].softLimit"),
        (app(logConfiguration={"options": {"tag": None}}), "containerDefinitions[app].logConfiguration.options[tag]"),
        (app(dockerLabels={"empty": None}), "containerDefinitions[app].dockerLabels[empty]"),
        (app(portMappings=[{"containerPort": 80}]), "containerDefinitions[app].portMappings[80/tcp]"),
    ],
)
def test_a_change_touches_what_it_names_and_is_settled_by_one_run(changes: dict[str, Any], path: str) -> None:
    found = plan(changes)
    assert path in paths(found)
    assert all(each == path or each == "containerDefinitions[app].portMappings[9411/tcp]" for each in paths(found))
    assert again(found, changes) == []


def test_removing_what_is_not_there_changes_nothing() -> None:
    changes = {**app(environment={"GONE": None}, secrets={"GONE": None}, user=None), "ipcMode": None}
    found = plan(changes)
    assert found.declared == found.live
    assert paths(plan({"containers": {"envoy": {"healthCheck": {"retries": None}}}})) == []


def test_a_variable_that_is_live_twice_is_set_once() -> None:
    live = whole(environment=[{"name": "A", "value": "1"}, {"name": "B", "value": "2"}, {"name": "A", "value": "3"}])
    declared = plan(app(environment={"A": "4"}), live=live).declared["containerDefinitions"][0]["environment"]
    assert declared == [{"name": "A", "value": "4"}, {"name": "B", "value": "2"}]
    declared = plan(app(environment={"A": None}), live=live).declared["containerDefinitions"][0]["environment"]
    assert declared == [{"name": "B", "value": "2"}]


def test_a_variable_can_become_a_secret() -> None:
    changes = app(environment={"A": None}, secrets={"A": "/a"})
    found = plan(changes)
    assert sorted(paths(found)) == ["containerDefinitions[app].environment[A]", "containerDefinitions[app].secrets[A]"]
    assert again(found, changes) == []


def test_an_image_of_its_own_option_wins() -> None:
    declared = plan(app(image="example.com/app:2"), images={"app": "example.com/app:3"}).declared
    assert declared["containerDefinitions"][0]["image"] == "example.com/app:3"


# -- whole


def test_what_nobody_declares_of_a_whole_definition_stays() -> None:
    declared = copy.deepcopy(RICH)
    del declared["family"], declared["tags"]
    for container in declared["containerDefinitions"]:
        del container["image"]
    assert paths(plan(definition=declared)) == []
    assert paths(plan(definition=declared, images={"app": "x"})) == ["containerDefinitions[app].image"]


def test_a_new_container_may_have_its_image_from_the_images() -> None:
    declared = whole()
    declared["containerDefinitions"].append({"name": "new"})
    assert paths(plan(definition=declared, images={"new": "x"})) == ["containerDefinitions[new]"]


def test_null_in_a_whole_definition_is_absence() -> None:
    assert paths(plan(definition={**whole(user=None), "ipcMode": None})) == []


# -- what else reads a declaration


def test_expected_environment() -> None:
    expected = task_definition.expected_environment(PRODUCTION_CHANGES, None)
    assert expected["coral"] == {"CORAL_SESSIONS": None}
    assert expected["agent-8"] == {"CORAL_SSE_URL": URL}
    assert task_definition.expected_environment(None, RICH) == {"app": {"B": "2", "A": "1", "C": ""}}
    assert task_definition.expected_environment(app(cpu=1), None) == {}
    assert task_definition.expected_environment(None, None) == {}


def test_null_in_a_list_that_is_replaced_is_what_is_not_there() -> None:
    ports = [{"containerPort": 80, "name": "http", "appProtocol": None}]
    assert plan(app(portMappings=ports)).declared["containerDefinitions"][0]["portMappings"] == [
        {"containerPort": 80, "name": "http"}
    ]
    volumes = [{"name": "data", "dockerVolumeConfiguration": {"driver": "local", "labels": {"a": "b", "c": None}}}]
    assert plan({"volumes": volumes}).declared["volumes"] == [
        {"name": "data", "dockerVolumeConfiguration": {"driver": "local", "labels": {"a": "b"}}}
    ]


def test_null_deep_in_a_named_item_removes_it() -> None:
    found = plan({"volumes": {"data": {"efsVolumeConfiguration": {"authorizationConfig": {"iam": None}}}}})
    assert paths(found) == ["volumes[data].efsVolumeConfiguration.authorizationConfig.iam"]
    assert again(found, {}) == []
    assert paths(plan({"volumes": {"data": {"efsVolumeConfiguration": None}}})) == [
        "volumes[data].efsVolumeConfiguration"
    ]
