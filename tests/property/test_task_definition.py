# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Task definitions made from AWS's own model of the request: whatever they hold, nothing is lost and a plan settles.

The live side is what the bed makes of a registered request; it was written from AWS's pages apart from our rules.
"""

from __future__ import annotations

import copy
from typing import Any

import botocore.session
import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import models
from ansible_collections.steady.ecs.plugins.module_utils.rules import redact, task_definition
from ansible_collections.steady.ecs.plugins.module_utils.rules.declaration import DeclarationError
from ansible_collections.steady.ecs.plugins.module_utils.rules.task_definition_meaning import (
    CONTAINERS,
    MAPS,
    NAMED,
    UNORDERED,
    Place,
)
from botocore.validate import ParamValidator
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from testbed.ecs.definitions import stored

ECS = botocore.session.get_session().get_service_model("ecs")
REQUEST = ECS.operation_model("RegisterTaskDefinition").input_shape
MODEL = models.task_definition()
CANARY = "canary"
"""Stands in every text that is neither a name nor a word of AWS's."""

WORDS = st.text("abcxyz.-", min_size=1, max_size=4)
NAMES = st.sampled_from(["a", "b-1", "C_2", "data"])
ALWAYS: dict[Place, set[str]] = {
    (): {"family", "containerDefinitions"},
    (CONTAINERS,): {"image"},
    (CONTAINERS, "portMappings"): {"containerPort"},
    (CONTAINERS, "healthCheck"): {"command"},
    (CONTAINERS, "logConfiguration"): {"logDriver"},
}
ONE_WORD: dict[Place, list[Any]] = {
    ("family",): ["web"],
    ("cpu",): ["256", "1 vCPU", "2048"],
    ("memory",): ["512", "1 GB", "4096"],
    ("taskRoleArn",): ["arn:aws:iam::111122223333:role/task"],
    (CONTAINERS, "portMappings", "containerPort"): [80, 443, 5555],
}


def value_of(shape: Any, place: Place) -> st.SearchStrategy[Any]:
    """Values of a shape of AWS's model, as AWS would take them."""
    if place in ONE_WORD:
        return st.sampled_from(ONE_WORD[place])
    if shape.type_name == "structure":
        return structure(shape, place)
    if shape.type_name == "list":
        items = value_of(shape.member, place)
        key = (lambda each: each[NAMED[place][0]]) if place in NAMED else repr
        smallest = 1 if place == (CONTAINERS,) else 0
        return st.lists(items, min_size=smallest, max_size=3, unique_by=key)
    if shape.type_name == "map":
        return st.dictionaries(WORDS, WORDS.map(lambda each: CANARY + each) | st.just(""), max_size=2)
    if shape.type_name == "boolean":
        return st.booleans()
    if shape.type_name in ("integer", "long"):
        return st.integers(shape.metadata.get("min", 0), shape.metadata.get("max", 100))
    return st.sampled_from(shape.enum) if getattr(shape, "enum", None) else WORDS.map(lambda each: CANARY + each)


def structure(shape: Any, place: Place) -> st.SearchStrategy[dict[str, Any]]:
    always = ALWAYS.get(place, set()) | set(shape.required_members)
    if place in NAMED:
        always |= {NAMED[place][0], NAMED[place][1] or NAMED[place][0]}
    members = {name: value_of(member, (*place, name)) for name, member in shape.members.items()}
    if place in NAMED:
        members[NAMED[place][0]] = NAMES
    if shape.is_tagged_union:
        return st.one_of(*(st.fixed_dictionaries({name: each}) for name, each in members.items()))
    optional = {name: each for name, each in members.items() if name not in always}
    chosen = st.lists(st.sampled_from(sorted(optional)), max_size=4, unique=True) if optional else st.just([])
    return chosen.flatmap(
        lambda names: st.fixed_dictionaries({name: members[name] for name in sorted({*always, *names})})
    )


def settled_clashes(request: dict[str, Any]) -> dict[str, Any]:
    """AWS takes no name as variable and secret, and no host port of awsvpc other than the container's."""
    for container in request[CONTAINERS]:
        taken = {each["name"] for each in container.get("environment", [])}
        if "secrets" in container:
            container["secrets"] = [each for each in container["secrets"] if each["name"] not in taken]
        for mapping in container.get("portMappings", []):
            if request.get("networkMode") in ("awsvpc", "host"):
                mapping.pop("hostPort", None)
    return request


REQUESTS = value_of(REQUEST, ()).map(settled_clashes)
slow_to_draw = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], max_examples=60)


def described(request: dict[str, Any]) -> dict[str, Any]:
    registered = {"taskDefinitionArn": "arn:aws:ecs:r:1:task-definition/web:74", "revision": 74, "status": "ACTIVE"}
    return {**stored(copy.deepcopy(request)), **registered, "tags": copy.deepcopy(request.get("tags", []))}


def plan(live: dict[str, Any], **declaration: Any) -> task_definition.Plan:
    asked = {"changes": None, "definition": None, "images": {}, **declaration}
    return task_definition.plan(live, MODEL, asked["changes"], asked["definition"], asked["images"])


def paths(found: task_definition.Plan) -> list[str]:
    return [each.path for each in found.differences]


@st.composite
def declarations(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    """A request, and changes of what it has and has not."""
    request = draw(REQUESTS)
    container = REQUEST.members[CONTAINERS].member
    text = WORDS.map(lambda each: CANARY + each) | st.just("")
    change = st.fixed_dictionaries(
        {},
        optional={
            "environment": st.dictionaries(st.sampled_from(["a", "E1", "E2"]), st.none() | text, max_size=2),
            "secrets": st.dictionaries(st.sampled_from(["b-1", "S1", "S2"]), st.none() | text, max_size=2),
            "dockerLabels": st.none() | st.dictionaries(WORDS, st.none() | WORDS, max_size=2),
            "ulimits": st.dictionaries(NAMES, st.none() | st.just({"softLimit": 1, "hardLimit": 2}), max_size=2),
            **{
                name: st.none() | value_of(container.members[name], (CONTAINERS, name))
                for name in ("healthCheck", "command", "cpu", "essential", "logConfiguration", "portMappings", "user")
            },
        },
    )
    names = [each["name"] for each in request[CONTAINERS]]
    whole = {
        name: st.none() | value_of(REQUEST.members[name], (name,)) for name in ("cpu", "runtimePlatform", "volumes")
    }
    changes = draw(st.fixed_dictionaries({}, optional=whole))
    changes["containers"] = draw(st.dictionaries(st.sampled_from(names), change, max_size=2))
    return request, changes


@slow_to_draw
@given(REQUESTS)
def test_what_was_registered_is_what_is_declared(request: dict[str, Any]) -> None:
    """Plan, apply, plan, with a whole definition: AWS's own defaults are no difference, on either side."""
    live = described(request)
    assert paths(plan(live, definition=request)) == []
    assert paths(plan(live, definition=live)) == []
    assert paths(plan(live)) == []


@slow_to_draw
@given(declarations())
def test_a_plan_that_was_carried_out_is_empty(both: tuple[dict[str, Any], dict[str, Any]]) -> None:
    request, changes = both
    try:
        first = plan(described(request), changes=changes)
    except DeclarationError as refused:
        assert "an environment variable and a secret" in refused.msg
        return
    assert paths(plan(described(first.declared), changes=changes)) == []
    assert bool(first.differences) == bool(paths(plan(described(request), definition=first.declared)))
    assert not ParamValidator().validate(first.declared, REQUEST).has_errors()


WRONG = st.sampled_from(
    [None, 5, True, "x", [], {}, [None], ["x"], [{}], {"a": None}, {"a": "b"}, {"a": {"b": None}}, {"a": {"name": "b"}}]
)


def miswritten(draw: st.DrawFn, value: Any) -> Any:
    """A declaration with one value, at whatever depth, replaced by what people may write there, or gone."""
    if not isinstance(value, (dict, list)) or not value or draw(st.integers(0, 3)) == 0:
        return draw(WRONG)
    place = draw(st.sampled_from(sorted(value) if isinstance(value, dict) else range(len(value))))
    changed = copy.copy(value)
    if draw(st.integers(0, 5)) == 0:
        del changed[place]
    else:
        changed[place] = miswritten(draw, value[place])
    return changed


@st.composite
def miswritten_declarations(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    request, changes = draw(declarations())
    mode, written = draw(st.sampled_from([("changes", changes), ("definition", request)]))
    wrong = miswritten(draw, written)
    assume(isinstance(wrong, dict))
    return request, {mode: wrong}


@settings(slow_to_draw, max_examples=120)
@given(miswritten_declarations())
def test_what_is_not_refused_is_what_aws_takes(both: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """By the model of the request that AWS publishes."""
    request, declaration = both
    try:
        declared = plan(described(request), **declaration).declared
    except DeclarationError:
        return
    assert ParamValidator().validate(declared, REQUEST).generate_report() == ""


def shape_at(place: Place) -> Any:
    shape = REQUEST
    for name in place:
        shape = shape.members[name]
        shape = shape.member if shape.type_name == "list" else shape
    return shape


def nested(place: Place, value: Any) -> dict[str, Any]:
    return {place[0]: nested(place[1:], value) if place[1:] else value}


@pytest.mark.parametrize("place", sorted(set(NAMED) - {(CONTAINERS,)}))
@slow_to_draw
@given(st.data())
def test_null_removes_a_member_of_an_item_of_every_named_list(place: Place, data: st.DataObject) -> None:
    key, required = (
        NAMED[place][0],
        {"proxyConfiguration": {"containerName": "a"}, "logConfiguration": {"logDriver": "x"}},
    )
    in_container = place[0] == CONTAINERS
    inner = place[1:] if in_container else place
    item = data.draw(structure(shape_at(place), place))
    assume(set(item) - {key})
    member = data.draw(st.sampled_from(sorted(set(item) - {key})))
    held = {
        each: {**value, **required.get(each, {})} if inner[1:] else value
        for each, value in nested(inner, [item]).items()
    }
    container = {"name": "a", "image": "x", **(held if in_container else {})}
    live = {"family": "web", CONTAINERS: [container], **({} if in_container else held)}
    change = nested(inner, {item[key]: {member: None}})
    changes = {"containers": {"a": change}} if in_container else change
    if member in shape_at(place).required_members or place[1:] in (("environment",), ("secrets",)):
        with pytest.raises(DeclarationError, match=f"lack .*{member}, which AWS requires|must be text"):
            plan(described(live), changes=changes)
        return
    found: Any = plan(described(live), changes=changes).declared
    found = found[CONTAINERS][0] if in_container else found
    for name in inner:
        found = found[name]
    (before,) = described(live)[inner[0]] if place in NAMED and not in_container and not inner[1:] else [item]
    assert found == [{name: value for name, value in before.items() if name != member}]


@slow_to_draw
@given(REQUESTS, st.dictionaries(st.sampled_from(["newA", "newB"]), st.recursive(WORDS, st.lists), max_size=2))
def test_a_copy_loses_no_field_whatever_it_is(request: dict[str, Any], invented: dict[str, Any]) -> None:
    live = described(request)
    live.update(copy.deepcopy(invented))
    for container in live[CONTAINERS]:
        container.update(copy.deepcopy(invented))
    name = live[CONTAINERS][0]["name"]
    declared = plan(live, images={name: "other"}).declared
    expected = {key: value for key, value in live.items() if key not in MODEL.answer_only}
    expected[CONTAINERS][0]["image"] = "other"
    if not expected["tags"]:
        del expected["tags"]
    assert declared == expected


@slow_to_draw
@given(REQUESTS, st.randoms())
def test_the_order_of_what_has_names_means_nothing(request: dict[str, Any], random: Any) -> None:
    live = described(request)

    def shuffle(value: Any, place: Place) -> None:
        if isinstance(value, list):
            if place in NAMED or place in UNORDERED or place == (CONTAINERS, "portMappings"):
                random.shuffle(value)
            for each in value:
                shuffle(each, place)
        elif isinstance(value, dict) and place not in MAPS:
            for name, each in value.items():
                shuffle(each, (*place, name))

    shuffled = copy.deepcopy(live)
    shuffle(shuffled, ())
    assert paths(plan(shuffled, definition=live)) == []


@slow_to_draw
@given(REQUESTS, st.sampled_from(["E1", "E2"]), WORDS)
def test_one_new_variable_is_one_difference(request: dict[str, Any], name: str, value: str) -> None:
    container = request[CONTAINERS][0]["name"]
    found = plan(described(request), changes={"containers": {container: {"environment": {name: value}}}})
    assert paths(found) == [f"{CONTAINERS}[{container}].environment[{name}]"]


@slow_to_draw
@given(REQUESTS)
def test_no_free_text_is_shown(request: dict[str, Any]) -> None:
    """But names, images and where a secret is taken from, which are taken out of the request first."""
    open_places = ("image", "family", "taskRoleArn", "executionRoleArn", "valueFrom", "name", "sourceVolume")
    open_places += ("containerName", "sourceContainer", "key", "containerPortRange")

    def without_open(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: "x" if key in open_places else without_open(each) for key, each in value.items()}
        return [without_open(each) for each in value] if isinstance(value, list) else value

    everything = without_open(request)
    for number, container in enumerate(everything[CONTAINERS]):
        container["name"] = f"c{number}"
    for found in task_definition.compare(everything, {}) + task_definition.compare({}, everything):
        shown = redact.difference(found, set(), b"key")
        assert CANARY not in repr((shown.expected, shown.actual)), found.path
