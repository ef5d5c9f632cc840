# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The task definition that a declaration asks for, and how it differs from a live one.

Two modes: *changes* copies the live revision with every field and touches only what is named; *whole* takes
a definition in which what is not there goes. Either way three things stay as they are live unless they are declared:
the family, a container's image, and the tags, which stand beside a task definition and not in it.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules import task_definition_meaning, task_definition_shape
from ansible_collections.steady.ecs.plugins.module_utils.rules.declaration import DeclarationError
from ansible_collections.steady.ecs.plugins.module_utils.rules.differences import Difference
from ansible_collections.steady.ecs.plugins.module_utils.rules.task_definition_meaning import (
    CONTAINERS,
    NAMED,
    RESOURCE,
    Place,
)
from ansible_collections.steady.ecs.plugins.module_utils.rules.task_definition_shape import Model, Shape, nearest, text

__all__ = ["RESOURCE", "Plan", "apply", "compare", "content_images", "expected_environment", "plan", "request_form"]

Content = dict[str, Any]

CHANGES = "rollout_changes"
WHOLE = "rollout_task_definition"
IMAGES = "rollout_images"
"""Where people write the declarations; errors say where in them something is wrong."""

TEXTS = {"environment": "values", "secrets": "names or ARNs of Secrets Manager or Parameter Store"}
"""Lists of a container that map a name to a text, and nothing else."""


@dataclass(frozen=True)
class Plan:
    """What is declared and what is live, both in request form."""

    declared: Content
    live: Content
    ignored: list[str]
    """Members of a whole definition that only answers of AWS have; they were left out (case C10)."""

    @property
    def differences(self) -> list[Difference]:
        """What registering the declared content would settle."""
        return compare(self.declared, self.live)


def plan(
    described: Content, model: Model, changes: Content | None, definition: Content | None, images: dict[str, str]
) -> Plan:
    """Hold a declaration against a revision as ``reads.task_definition`` answers it.

    Names and types are checked first, against AWS's model. Raises DeclarationError that names where.
    """
    live = request_form(described, model.answer_only)
    whole = request_form(definition, model.answer_only) if definition else None
    declared = apply(
        live,
        _typed_changes(changes, model) if changes else None,
        _typed(whole, model.request, (), WHOLE, by_name=False) if whole else None,
        images,
    )
    task_definition_shape.refuse_incomplete(declared, live, model)
    return Plan(declared, live, sorted(set(_unwrapped(definition or {})) & model.answer_only))


def request_form(described: Content, answer_only: set[str] | frozenset[str]) -> Content:
    """A described task definition as RegisterTaskDefinition takes it: a copy without what only answers have.

    ``answer_only`` holds dotted paths (``edges/models.py`` reads them from AWS's model). The whole answer, with
    ``taskDefinition`` and ``tags`` beside each other, is taken too. Tags of AWS's own (``aws:...``) cannot be
    registered and are left out.
    """
    content: Content = _without(_unwrapped(described), answer_only, "")
    tags = content.pop("tags", [])
    if isinstance(tags, list):  # what else a declaration may hold is refused with its place, by its type
        tags = [each for each in tags if not (isinstance(each, dict) and _is_of_aws(each))]
    return {**content, "tags": tags} if tags else content


def _is_of_aws(tag: Content) -> bool:
    return str(tag.get("key", "")).lower().startswith("aws:")


def apply(base: Content, changes: Content | None, definition: Content | None, images: dict[str, str]) -> Content:
    """The declared content in request form; ``base`` is the live revision in request form and stays as it is.

    ``changes``: ``{containers: {NAME: {environment: {NAME: value or None}, image: ...}}, cpu: ...}``; None removes.
    ``definition``: the whole content in AWS's form. ``images``: container to image, on top of either.
    Raises DeclarationError.
    """
    if changes and definition:
        raise DeclarationError(f"{CHANGES} and {WHOLE} exclude each other: declare one of them.")
    declared = _whole(base, definition, images) if definition else _changed(base, changes or {})
    for name, image in images.items():
        if image is not None:
            _container(declared, name, IMAGES)["image"] = text(f"{IMAGES}.{name}", image)
    for container in declared.get(CONTAINERS, []):
        _refuse_twice(container)
    return declared


def compare(declared: Content, live: Content) -> list[Difference]:
    """What two task definitions in request form disagree about, by meaning (``task_definition_meaning``).

    Paths are like ``containerDefinitions[coral].environment[CORAL_SESSIONS]``.
    """
    return task_definition_meaning.differences(
        task_definition_meaning.meaning(declared), task_definition_meaning.meaning(live)
    )


def expected_environment(changes: Content | None, definition: Content | None) -> dict[str, dict[str, str | None]]:
    """Container to variable to the value that it must have; None where it must be absent. Only what is declared."""
    if definition:
        return {
            str(container["name"]): {each["name"]: each.get("value", "") for each in container["environment"]}
            for container in _unwrapped(definition).get(CONTAINERS, [])
            if container.get("environment")
        }
    return {
        name: dict(change["environment"])
        for name, change in _containers(changes or {}).items()
        if change.get("environment")
    }


def content_images(changes: Content | None, definition: Content | None) -> dict[str, str]:
    """Container to the image that the content names; images that are declared by themselves go on top of it. What is in
    no form that can be meant is passed over: whoever compares refuses it, with its place."""
    if definition:
        listed = _unwrapped(definition).get(CONTAINERS)
        containers = [(each.get("name"), each) for each in _dicts(listed if isinstance(listed, list) else [])]
    else:
        named = (changes or {}).get("containers")
        containers = [each for each in named.items() if _dicts(each[1:])] if isinstance(named, dict) else []
    return {str(name): str(each["image"]) for name, each in containers if each.get("image")}


def _dicts(values: Iterable[Any]) -> list[Content]:
    return [each for each in values if isinstance(each, dict)]


# -- mode changes


def _typed_changes(changes: Content, model: Model) -> Content:
    containers = _containers(changes)
    rest = {name: value for name, value in changes.items() if name != "containers"}
    shape = model.request
    inner = shape[CONTAINERS][0] if isinstance(shape, dict) else {}
    return {
        **_typed(rest, shape, (), CHANGES),
        "containers": {
            name: _typed(change, inner, (CONTAINERS,), f"{CHANGES}.containers.{name}")
            for name, change in containers.items()
        },
    }


def _containers(changes: Content) -> dict[str, Content]:
    """The declared containers. Refuses what has no meaning in changes."""
    if CONTAINERS in changes:
        raise DeclarationError(f"{CHANGES}.{CONTAINERS}: write containers: {{NAME: {{...}}}}, with only what changes.")
    if "family" in changes:
        raise DeclarationError(f"{CHANGES}.family cannot be changed: a service keeps its family.")
    containers = changes.get("containers") or {}
    if not isinstance(containers, dict):
        raise DeclarationError(f"{CHANGES}.containers must be a mapping of container names.")
    for name, change in containers.items():
        if not isinstance(change, dict):
            # Null is what YAML makes of a name with nothing below it: too easily written to mean removal.
            raise DeclarationError(
                f"{CHANGES}.containers.{name} must be a mapping of what changes. To remove a container, declare the "
                f"rest as {WHOLE}."
            )
        for member, values in TEXTS.items():
            if not isinstance(change.get(member) or {}, dict):
                raise DeclarationError(
                    f"{CHANGES}.containers.{name}.{member} must be a mapping of names to {values}; null removes one."
                )
    return containers


def _changed(base: Content, changes: Content) -> Content:
    declared = copy.deepcopy(base)
    for name, change in _containers(changes).items():
        _change_container(_container(declared, name, f"{CHANGES}.containers"), name, change)
    for name, change in changes.items():
        if name != "containers":
            _set(declared, name, change, (name,), f"{CHANGES}.{name}")
    return declared


def _container(content: Content, name: str, where: str) -> Content:
    containers = content.get(CONTAINERS, [])
    names = [str(each.get("name")) for each in containers]
    if name not in names:
        raise DeclarationError(
            f"{where}.{name}: there is no such container. {nearest(name, names)}containers: {', '.join(names)}"
        )
    found: Content = containers[names.index(name)]
    return found


def _change_container(container: Content, name: str, change: Content) -> None:
    path = f"{CHANGES}.containers.{name}"
    for member, value in change.items():
        if member == "name" and value != name:
            raise DeclarationError(f"{path}.name cannot be changed: a container is known by its name.")
        if member == "image" and value is None:
            raise DeclarationError(f"{path}.image cannot be removed: give an image, or leave it out.")
        _set(container, member, value, (CONTAINERS, member), f"{path}.{member}")


def _set(target: Content, name: str, change: Any, place: Place, path: str) -> None:
    value = _merged(target.get(name), change, place, path)
    if value is None:
        target.pop(name, None)
    else:
        target[name] = value


def _merged(current: Any, change: Any, place: Place, path: str) -> Any:
    """The value after a change: structures are merged, named lists by their names, everything else is replaced."""
    if change is None:
        return None
    if not isinstance(change, dict):
        return _without(change, frozenset(), "")
    if place in NAMED:
        items = _merged_items(current or [], change, place, path)
        return items if items or current is not None else None
    merged = dict(current) if isinstance(current, dict) else {}
    for name, value in change.items():
        _set(merged, name, value, (*place, name), f"{path}.{name}")
    return merged if merged or not change else None


def _merged_items(current: list[Any], change: Content, place: Place, path: str) -> list[Any]:
    key, member = NAMED[place]
    items = list(current)
    for name, wanted in change.items():
        at = [index for index, each in enumerate(items) if each.get(key) == name]
        before = items[at[0]] if at else {key: name}
        for index in reversed(at[0 if wanted is None else 1 :]):
            del items[index]
        if wanted is None:
            continue
        if place[-1] in TEXTS:
            text(f"{path}.{name}", wanted)
        if isinstance(wanted, dict):
            after = {**(_merged(before, wanted, (*place, key), f"{path}.{name}") or {}), key: name}
        elif member is None:
            raise DeclarationError(f"{path}.{name} must be a mapping.")
        else:
            after = {**before, member: wanted}
        if at:
            items[at[0]] = after
        else:
            items.append(after)
    return items


# -- mode whole


def _whole(base: Content, definition: Content, images: dict[str, str]) -> Content:
    declared: Content = _without(definition, frozenset(), "")
    if declared.setdefault("family", base["family"]) != base["family"]:
        raise DeclarationError(
            f"{WHOLE}.family is {declared['family']}, the service runs {base['family']}: a service keeps its family."
        )
    if "tags" not in declared and "tags" in base:
        declared["tags"] = copy.deepcopy(base["tags"])
    containers = declared.get(CONTAINERS)
    if not isinstance(containers, list) or not containers or not all(isinstance(each, dict) for each in containers):
        raise DeclarationError(
            f"{WHOLE}.{CONTAINERS} must be a list of containers, as describe-task-definition has it."
        )
    live = {str(each.get("name")): each.get("image") for each in base.get(CONTAINERS, [])}
    for index, container in enumerate(containers):
        if not container.get("name"):
            raise DeclarationError(f"{WHOLE}.{CONTAINERS}[{index}] needs a name.")
        path = f"{WHOLE}.{CONTAINERS}[{container['name']}]"
        if not container.setdefault("image", images.get(container["name"]) or live.get(container["name"])):
            raise DeclarationError(f"{path} is new, so it needs an image.")
        for member in TEXTS:
            _check_texts(container.get(member), (CONTAINERS, member), f"{path}.{member}")
    _refuse_repeated([str(each["name"]) for each in containers], f"{WHOLE}.{CONTAINERS}")
    return declared


def _check_texts(items: Any, place: Place, path: str) -> None:
    key, member = NAMED[place]
    if items is None:
        return
    if not isinstance(items, list) or not all(isinstance(each, dict) and each.get(key) for each in items):
        raise DeclarationError(f"{path} must be a list of {key} and {member}, as describe-task-definition has it.")
    for each in items:
        text(f"{path}[{each[key]}]", each.get(str(member)))
    _refuse_repeated([str(each[key]) for each in items], path)


def _refuse_repeated(names: list[str], path: str) -> None:
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise DeclarationError(f"{path} has {', '.join(repeated)} more than once: keep one.")


# -- both


def _refuse_twice(container: Content) -> None:
    """AWS refuses a name that is an environment variable and a secret (API reference, Secret); we can say which."""
    environment, secrets = ({each["name"] for each in container.get(member) or []} for member in TEXTS)
    twice = sorted(environment & secrets)
    if twice:
        raise DeclarationError(
            f"{', '.join(twice)} would be an environment variable and a secret of container {container['name']}: "
            "set it to null under one of them."
        )


def _typed(content: Content, shape: Shape, place: Place, where: str, by_name: bool = True) -> Content:
    found: Content = task_definition_shape.typed(content, shape, place, where, by_name)
    return found


def _unwrapped(described: Content) -> Content:
    inner = described.get("taskDefinition")
    return {**inner, "tags": described.get("tags") or []} if isinstance(inner, dict) else described


def _without(value: Any, left_out: set[str] | frozenset[str], path: str) -> Any:
    """A deep copy without the members at these paths, and without members that are null."""
    if isinstance(value, dict):
        return {
            name: _without(item, left_out, f"{path}{name}.")
            for name, item in value.items()
            if item is not None and f"{path}{name}" not in left_out
        }
    return [_without(each, left_out, path) for each in value] if isinstance(value, list) else value
