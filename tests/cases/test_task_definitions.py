# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Cases of comparing task definitions, on the bed: what is equal is not registered again, what differs is named."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.rules import task_definition as rules
from ansible_collections.steady.ecs.plugins.module_utils.rules import task_definition_meaning as meaning
from ansible_collections.steady.ecs.plugins.modules import task_definition

from tests.cases.conftest import Answer, Place

Patch = pytest.MonkeyPatch
REGISTER = "RegisterTaskDefinition"
FARGATE = {"networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512"}
ROLE = "arn:aws:iam::000000000000:role/execution"


def whole(place: Place, *containers: Answer) -> Answer:
    """A declaration of the whole, as people write it: without what AWS fills in."""
    return {"family": place.name, "executionRoleArn": ROLE, **FARGATE, "containerDefinitions": list(containers)}


def app(**more: Any) -> Answer:
    """One container as people write it."""
    return {"name": "app", "image": "steady/echo:v1", "portMappings": [{"containerPort": 8080}], **more}


def differing(place: Place, definition: Answer) -> list[str]:
    """Paths of what differs from the live revision; and a second run of the same finds its revision again."""
    place.forget()
    found = place.run(task_definition, definition=definition)
    assert not found.get("failed"), found["msg"]
    paths = [each["path"] for each in found["differences"]]
    again = place.run(task_definition, definition=definition)
    assert again["task_definition_arn"] == found["task_definition_arn"]
    assert place.asked(REGISTER) == [REGISTER] * bool(paths)
    return paths


def live_with(place: Place, *containers: Answer) -> None:
    made = place.ecs.register_task_definition(**whole(place, *containers))["taskDefinition"]
    place.at_rest(str(made["taskDefinitionArn"]))


# -- what AWS fills in (C01, C02), and order (C03)


def test_c01_a_host_port_that_aws_fills_in_is_no_difference(place: Place) -> None:
    live_with(place, app())
    content = place.ecs.describe_task_definition(taskDefinition=place.name)["taskDefinition"]
    assert content["containerDefinitions"][0]["portMappings"][0]["hostPort"] == 8080
    assert differing(place, whole(place, app())) == []


def test_c02_a_second_container_is_the_only_difference(place: Place) -> None:
    live_with(place, app())
    assert differing(place, whole(place, app())) == []
    both = whole(place, app(), {"name": "sidecar", "image": "steady/echo:v1"})
    assert differing(place, both) == ["containerDefinitions[sidecar]"]


def variables(*names: str, **other: str) -> list[Answer]:
    return [{"name": name, "value": other.get(name, name.lower())} for name in names]


def test_c03_order_is_no_difference_and_one_value_is_one_line(place: Place) -> None:
    live_with(place, app(environment=variables("B", "A", "C")))
    assert differing(place, whole(place, app(environment=variables("A", "B", "C")))) == []
    changed = whole(place, app(environment=variables("A", "B", "C", B="other")))
    assert differing(place, changed) == ["containerDefinitions[app].environment[B]"]


def as_written(patch: Patch) -> None:
    """Whoever compares what is written with what AWS answers."""
    patch.setattr(
        rules,
        "compare",
        lambda declared, live: meaning.differences(
            {name: repr(declared.get(name)) for name in declared},
            {name: repr(live.get(name)) for name in declared},
        ),
    )


def a_subset(patch: Patch) -> None:
    """Whoever is content when all that is written is there."""

    def within(declared: Any, live: Any) -> bool:
        if isinstance(declared, dict) and isinstance(live, dict):
            return all(name in live and within(value, live[name]) for name, value in declared.items())
        if isinstance(declared, list) and isinstance(live, list):
            return all(any(within(each, other) for other in live) for each in declared)
        return str(declared) == str(live)

    patch.setattr(rules, "compare", lambda declared, live: [] if within(declared, live) else meaning.differences(1, 2))


AS_WRITTEN = [
    test_c01_a_host_port_that_aws_fills_in_is_no_difference,
    test_c02_a_second_container_is_the_only_difference,
    test_c03_order_is_no_difference_and_one_value_is_one_line,
]


@pytest.mark.parametrize("way", AS_WRITTEN)
def test_c01_and_c02_and_c03_fail_on_a_tool_that_compares_as_it_is_written(
    place: Place, monkeypatch: Patch, way: Callable[[Place], None]
) -> None:
    as_written(monkeypatch)
    with pytest.raises((AssertionError, KeyError)):
        way(place)


# -- C05, C06, C11: nothing of the base is lost


def test_c05_an_empty_value_in_a_free_map_is_kept(place: Place) -> None:
    labels = {"traefik.enable": "true", "traefik.prefix": ""}
    live_with(place, app(dockerLabels=labels))
    assert place.run(task_definition, images={"app": "steady/echo:v2"})["changed"]
    newest = place.ecs.describe_task_definition(taskDefinition=place.name)["taskDefinition"]
    assert newest["containerDefinitions"][0]["dockerLabels"] == labels


def test_c11_a_copied_revision_is_the_base_key_by_key(place: Place) -> None:
    more = {"ephemeralStorage": {"sizeInGiB": 50}, "runtimePlatform": {"cpuArchitecture": "ARM64"}}
    made = place.ecs.register_task_definition(**{**whole(place, app(stopTimeout=30)), **more})["taskDefinition"]
    place.at_rest(str(made["taskDefinitionArn"]))
    found = place.run(task_definition, images={"app": "steady/echo:v2"})
    assert [each["path"] for each in found["differences"]] == ["containerDefinitions[app].image"]
    newest = place.ecs.describe_task_definition(taskDefinition=place.name)["taskDefinition"]
    for each in (made, newest):
        for name in ("taskDefinitionArn", "revision", "registeredAt"):
            each.pop(name)
    made["containerDefinitions"][0]["image"] = "steady/echo:v2"
    assert newest == made


def test_c05_fails_on_a_tool_that_strips_empties(place: Place, monkeypatch: Patch) -> None:
    ours = rules.apply

    def stripped(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: stripped(each) for name, each in value.items() if each != ""}
        return [stripped(each) for each in value] if isinstance(value, list) else value

    monkeypatch.setattr(rules, "apply", lambda *asked: stripped(ours(*asked)))
    with pytest.raises(AssertionError):
        test_c05_an_empty_value_in_a_free_map_is_kept(place)


def test_c11_fails_on_a_tool_that_copies_the_fields_it_knows(place: Place, monkeypatch: Patch) -> None:
    ours = rules.apply
    known = {"family", "containerDefinitions", *FARGATE}
    monkeypatch.setattr(
        rules, "apply", lambda *asked: {name: each for name, each in ours(*asked).items() if name in known}
    )
    with pytest.raises((AssertionError, KeyError)):
        test_c11_a_copied_revision_is_the_base_key_by_key(place)


# -- C10, C13, C14


def test_c10_what_describe_task_definition_prints_can_be_declared(place: Place) -> None:
    live_with(place, app())
    printed = place.ecs.describe_task_definition(taskDefinition=place.name)["taskDefinition"]
    place.forget()
    found = place.run(task_definition, definition={**copy.deepcopy(printed), "registeredAt": "2026-01-01T00:00:00Z"})
    assert (found.get("failed"), found["changed"], place.asked(REGISTER)) == (None, False, [])


def test_c10_fails_on_a_tool_that_sends_it_as_it_is(place: Place, monkeypatch: Patch) -> None:
    monkeypatch.setattr(rules, "request_form", lambda described, _answer_only: described)
    with pytest.raises((AssertionError, KeyError)):
        test_c10_what_describe_task_definition_prints_can_be_declared(place)


@pytest.mark.parametrize("value", [True, 8080, 0x1F, 1e3])
def test_c13_a_variable_that_is_no_text_is_refused_with_the_fix(place: Place, value: Any) -> None:
    live_with(place, app())
    place.forget()
    said = place.run(task_definition, changes={"containers": {"app": {"environment": {"A": value}}}})
    assert said.get("failed"), "it was sent"
    assert "uote" in said["msg"]
    assert place.asked(REGISTER) == []


def test_c13_fails_on_a_tool_that_sends_pythons_text(place: Place, monkeypatch: Patch) -> None:
    monkeypatch.setattr(rules, "_check_texts", lambda *_asked: None)
    ours = rules._typed_changes
    monkeypatch.setattr(
        rules,
        "_typed_changes",
        lambda changes, model: ours(
            {"containers": {"app": {"environment": {k: str(v) for k, v in _environment(changes).items()}}}}, model
        ),
    )
    with pytest.raises(AssertionError, match="it was sent"):
        test_c13_a_variable_that_is_no_text_is_refused_with_the_fix(place, True)


def _environment(changes: Answer) -> Answer:
    found: Answer = changes["containers"]["app"]["environment"]
    return found


def test_c14_a_variable_that_is_no_longer_declared_is_gone(place: Place) -> None:
    live_with(place, app(environment=variables("A", "B")))
    assert differing(place, whole(place, app(environment=variables("A")))) == [
        "containerDefinitions[app].environment[B]"
    ]
    newest = place.ecs.describe_task_definition(taskDefinition=place.name)["taskDefinition"]
    assert newest["containerDefinitions"][0]["environment"] == variables("A")


def test_c14_fails_on_a_tool_that_looks_for_what_is_written_alone(place: Place, monkeypatch: Patch) -> None:
    a_subset(monkeypatch)
    with pytest.raises(AssertionError):
        test_c14_a_variable_that_is_no_longer_declared_is_gone(place)
