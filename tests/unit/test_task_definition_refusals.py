# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What cannot be meant is refused before any call, with its place and without its value."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.rules import task_definition
from ansible_collections.steady.ecs.plugins.module_utils.rules.declaration import DeclarationError

from tests.unit.task_definitions import RICH, app, paths, plan, whole


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"containers": {"ap": {}}},
            r"rollout_changes\.containers\.ap: .*Did you mean app\? containers: app, envoy",
        ),
        (app(enviroment={}), r"rollout_changes\.containers\.app\.enviroment: .*Did you mean environment\?"),
        ({"memry": "1"}, r"rollout_changes\.memry: .*Did you mean memory\?"),
        (app(healthCheck={"retry": 1}), r"rollout_changes\.containers\.app\.healthCheck\.retry: "),
        (app(environment=[{"name": "A", "value": "1"}]), r"containers\.app\.environment must be a mapping of names"),
        (app(secrets=["A"]), r"containers\.app\.secrets must be a mapping of names to names or ARNs"),
        (app(environment="A=1"), r"containers\.app\.environment must be a mapping"),
        (app(environment={"T": "x"}), r"T would be an environment variable and a secret of container app"),
        (app(name="other"), r"containers\.app\.name cannot be changed"),
        (app(image=None), r"containers\.app\.image cannot be removed"),
        (app(cpu="many"), r"containers\.app\.cpu must be a whole number"),
        (app(cpu="--5"), r"containers\.app\.cpu must be a whole number"),
        (app(cpu=1.5), r"containers\.app\.cpu must be a whole number"),
        (app(cpu=True), r"containers\.app\.cpu must be a whole number"),
        (app(essential="maybe"), r"containers\.app\.essential must be true or false"),
        (app(command="run"), r"containers\.app\.command must be a list"),
        (app(healthCheck="x"), r"containers\.app\.healthCheck must be a mapping"),
        (app(ulimits={"nofile": 5}), r"containers\.app\.ulimits\.nofile must be a mapping"),
        (app(dockerLabels={"a": 1}), r"containers\.app\.dockerLabels\[a\] must be text; it is a number"),
        (app(command=["a", 1]), r"containers\.app\.command\[1\] must be text"),
        (app(command=["a", None]), r"containers\.app\.command\[1\] is null: give it a value, or leave it out"),
        (
            app(ulimits={"core": {"softLimit": 1}}),
            r"would lack containerDefinitions\[app\]\.ulimits\[core\]\.hardLimit",
        ),
        (
            app(healthCheck={"command": None}),
            r"would lack containerDefinitions\[app\]\.healthCheck\.command, which AWS",
        ),
        ({"tags": [{"key": "a"}, None]}, r"rollout_changes\.tags\[1\] is null"),
        ({"containers": {"app": None}}, r"containers\.app must be a mapping of what changes"),
        ({"containers": ["app"]}, r"rollout_changes\.containers must be a mapping"),
        ({"containerDefinitions": []}, r"rollout_changes\.containerDefinitions: write containers"),
        ({"family": "other"}, r"rollout_changes\.family cannot be changed"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_place(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DeclarationError, match=message):
        plan(changes)


@pytest.mark.parametrize(
    ("value", "kind"),
    [(True, "truth value"), (8080, "number"), (0x1F, "number"), (1e3, "number"), ({}, "mapping"), ([], "list")],
)
def test_c13_a_variable_that_is_not_text(value: Any, kind: str) -> None:
    for where in (app(environment={"PIN": value}), app(secrets={"PIN": value})):
        with pytest.raises(DeclarationError) as refused:
            plan(where)
        assert f".PIN must be text; it is a {kind} in YAML. Quote it" in refused.value.msg
        with pytest.raises(DeclarationError, match="must be text"):
            task_definition.apply(plan().live, where, None, {})
    with pytest.raises(DeclarationError, match=r"environment\[PIN\]"):
        plan(definition=whole(environment=[{"name": "PIN", "value": value}]))


def test_a_refusal_quotes_no_value() -> None:
    with pytest.raises(DeclarationError) as refused:
        plan(app(environment={"PIN": 987654321}))
    assert "987654321" not in refused.value.msg


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        ({"family": "other", "containerDefinitions": [{"name": "app"}]}, "a service keeps its family"),
        ({"cpu": "1"}, "containerDefinitions must be a list of containers"),
        ({"containerDefinitions": []}, "containerDefinitions must be a list of containers"),
        ({"containerDefinitions": [{"image": "x"}]}, r"containerDefinitions\[0\] needs a name"),
        ({"containerDefinitions": [{"name": "new"}]}, r"containerDefinitions\[new\] is new, so it needs an image"),
        ({"containerDefinitions": [{"name": "app"}, {"name": "app"}]}, "has app more than once"),
        ({"containerDefinitions": [{"name": "app", "environment": {"A": "1"}}]}, "must be a list of name and value"),
        (
            {"containerDefinitions": [{"name": "app", "environment": [{"name": "A"}]}]},
            r"\[A\] must be text; it is null",
        ),
        ({"containerDefinitions": [{"name": "app", "memry": 1}]}, r"containerDefinitions\[app\]\.memry: "),
        ({"tags": {"a": "b"}}, "tags must be a list of key and value, as describe-task-definition has it"),
        ({"tags": "a"}, "tags must be a list"),
        ({"tags": ["a"]}, r"tags\[0\] must be a mapping"),
        ({"volumes": {"data": {}}}, "volumes must be a list of mappings with a name"),
        *(
            ({"containerDefinitions": [{"name": "app", member: {"x": value}}]}, rf"\[app\]\.{member} must be a list of")
            for member, value in (
                ("ulimits", {"softLimit": 1, "hardLimit": 2}),
                ("dependsOn", "START"),
                ("mountPoints", {"sourceVolume": "data"}),
                ("systemControls", "1"),
            )
        ),
    ],
)
def test_a_whole_definition_is_refused_with_its_place(definition: dict[str, Any], message: str) -> None:
    with pytest.raises(DeclarationError, match=f"rollout_task_definition.*{message}"):
        plan(definition=definition)


@pytest.mark.parametrize("wrong", [["canary"], {"canary": 1}, [["canary"]], {"name": "canary"}])
def test_what_stands_in_the_place_of_a_name_is_not_quoted(wrong: Any) -> None:
    """It may be a value that has slipped a column; the item is called by its number then."""
    for changes in (
        app(dependsOn=[{"name": "n", "containerName": wrong}]),
        app(command=[{"name": "canary", "value": wrong}]),
        {"tags": [{"key": wrong, "name": "n"}]},
    ):
        with pytest.raises(DeclarationError, match=r"\[0\]") as found:
            plan(changes)
        assert "canary" not in found.value.msg


def test_both_modes_at_once_are_refused() -> None:
    with pytest.raises(DeclarationError, match="exclude each other"):
        plan(app(cpu=1), definition=RICH)


@pytest.mark.parametrize(("images", "message"), [({"ap": "x"}, r"rollout_images\.ap: "), ({"app": 1.2}, "Quote it")])
def test_images_are_refused_with_their_place(images: dict[str, Any], message: str) -> None:
    with pytest.raises(DeclarationError, match=message):
        plan(images=images)


def test_an_image_that_is_null_stays() -> None:
    assert paths(plan(images={"app": None})) == []  # type: ignore[dict-item]
