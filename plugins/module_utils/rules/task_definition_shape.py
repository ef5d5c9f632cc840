# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Names and types of a declaration, held against AWS's own model of the request, before any call.

Messages never quote a value: it may be a secret.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules.declaration import DeclarationError
from ansible_collections.steady.ecs.plugins.module_utils.rules.task_definition_meaning import NAMED, Place

Shape = dict[str, Any] | list[Any] | tuple[str, ...] | str  # pylint: disable=unsupported-binary-operation
"""A structure as ``{member: shape}``, a map as ``{"*": shape}``, a list as ``[shape]``, a word as the tuple of all that
AWS knows, another scalar as ``string``, ``integer``, ``double`` or ``boolean``, JSON of any form as ``document``."""


UPDATE = "UpdateService"
"""Where the settings of a service begin, as a place."""
AMOUNTS: set[Place] = {("cpu",), ("memory",)}
"""Text in AWS's model, and numbers to everyone who writes them."""

WORDS = {"true": True, "yes": True, "false": False, "no": False}


@dataclass(frozen=True)
class Model:
    """What the installed SDK knows of task definitions and of UpdateService; ``edges/models.py`` reads it."""

    request: Shape
    answer_only: frozenset[str]
    """Members that only answers have, as dotted paths such as ``taskDefinitionArn``."""
    settings: Shape
    """The arguments of UpdateService."""
    required: dict[Place, list[str]]
    """Members that a structure cannot be without, below the request and below UPDATE."""


def nearest(name: str, known: Iterable[str]) -> str:
    """``Did you mean X? `` where one of the known names is like this one; nothing where none is."""
    folded = {str(each).lower(): str(each) for each in known}
    close = difflib.get_close_matches(str(name).lower(), folded, 1)
    return f"Did you mean {folded[close[0]]}? " if close else ""


def text(path: str, value: Any) -> str:
    """The value, which must be text (case C13): YAML turns 8080, 0x1F, 1e3, on and true into something else."""
    if isinstance(value, str):
        return value
    kinds: dict[type, str] = {bool: "a truth value", int: "a number", float: "a number", dict: "a mapping"}
    kind = "null" if value is None else kinds.get(type(value), "a list")
    raise DeclarationError(f'{path} must be text; it is {kind} in YAML. Quote it: "..."')


def typed(value: Any, shape: Shape, place: Place, path: str, by_name: bool) -> Any:
    """The value with numbers and truth values as AWS's model wants them; null stays.

    ``by_name``: a named list may be written as a mapping of its names, for it is merged. Raises DeclarationError for a
    name that the model does not have and a value of another kind.
    """
    if value is None:
        return None
    if isinstance(shape, list):
        return _list(value, shape[0], place, path, by_name)
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            raise DeclarationError(f"{path} must be a mapping.")
        return {name: _member(name, item, shape, place, path, by_name) for name, item in value.items()}
    return _word(value, shape, path) if isinstance(shape, tuple) else _scalar(value, shape, place, path)


def refuse_incomplete(declared: dict[str, Any], live: dict[str, Any], model: Model) -> None:
    """Raise DeclarationError where a task definition in request form lacks what AWS requires. What the live one lacks
    as well, AWS has taken, and nobody has declared."""
    known = missing(live, model.required, (), "")
    found = [each for each in missing(declared, model.required, (), "") if each not in known]
    if found:
        raise DeclarationError(
            f"The task definition would lack {', '.join(found)}, which AWS requires: declare it, or take out what it "
            "belongs to."
        )


def missing(value: Any, required: dict[Place, list[str]], place: Place, path: str) -> list[str]:
    """Paths of the members that AWS requires and the value, at this place, has not."""
    if isinstance(value, list):
        named = zip(_item_names(value, place), value, strict=True)
        return [each for name, item in named for each in missing(item, required, place, f"{path}[{name}]")]
    if not isinstance(value, dict):
        return []
    begin = f"{path}." if path else ""
    found = [f"{begin}{name}" for name in required.get(place, []) if value.get(name) is None]
    for name, item in value.items():
        found += missing(item, required, (*place, name), f"{begin}{name}")
    return found


def _member(name: str, value: Any, shape: dict[str, Any], place: Place, path: str, by_name: bool) -> Any:
    if "*" in shape:
        return typed(value, shape["*"], (*place, name), f"{path}[{name}]", by_name)
    if name not in shape:
        raise DeclarationError(
            f"{path}.{name}: AWS has no such field here, or one that is newer than the botocore that is installed. "
            f"{nearest(name, shape)}Fields: {', '.join(sorted(shape))}."
        )
    return typed(value, shape[name], (*place, name), f"{path}.{name}", by_name)


def _list(value: Any, item: Shape, place: Place, path: str, by_name: bool) -> Any:
    if isinstance(value, dict) and place in NAMED and isinstance(item, dict):
        key, member = NAMED[place]
        if not by_name:
            of = f"{key} and {member}" if member else f"mappings with a {key}"
            raise DeclarationError(f"{path} must be a list of {of}, as describe-task-definition has it.")
        return {
            name: typed(
                each, item[member] if member and not isinstance(each, dict) else item, place, f"{path}.{name}", by_name
            )
            for name, each in value.items()
        }
    if not isinstance(value, list):
        raise DeclarationError(f"{path} must be a list.")
    return [
        _item(each, item, place, f"{path}[{name}]", by_name)
        for name, each in zip(_item_names(value, place), value, strict=True)
    ]


def _item(value: Any, shape: Shape, place: Place, path: str, by_name: bool) -> Any:
    if value is None:  # a dash with nothing behind it: in a list it has no name whose removal it could mean
        raise DeclarationError(f"{path} is null: give it a value, or leave it out of the list.")
    return typed(value, shape, place, path, by_name)


def _item_names(items: list[Any], place: Place) -> list[str]:
    """What items of a list are called in messages: by their names, else by their numbers. What stands in the place of a
    name, and is none, may be a secret."""
    key = NAMED[place][0] if place in NAMED else ""
    found = [each.get(key) if isinstance(each, dict) else None for each in items]
    return [name if isinstance(name, str) else str(index) for index, name in enumerate(found)]


def _word(value: Any, words: tuple[str, ...], path: str) -> str:
    """A word. It may be newer than the installed SDK: one in the case of those it knows, and like none of them, is
    taken."""
    found, meant = text(path, value), nearest(value, words)
    forms: tuple[Callable[[str], bool], ...] = (str.isupper, str.islower, lambda word: word[:1].islower())
    strange = any(all(map(form, words)) and not form(found) for form in forms)
    if found not in words and (meant or strange):
        raise DeclarationError(f"{path}: no such word is known. {meant}Words: {', '.join(sorted(words))}.")
    return found


def _scalar(value: Any, shape: str, place: Place, path: str) -> Any:
    if shape == "document":
        return value
    if shape == "double":
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise DeclarationError(f"{path} must be a number.")
        return value
    if shape == "integer":
        if not re.fullmatch(r"-?[0-9]+", str(value).strip()):
            raise DeclarationError(f"{path} must be a whole number.")
        return int(value)
    if shape == "boolean":
        if isinstance(value, bool):
            return value
        if str(value).strip().lower() not in WORDS:
            raise DeclarationError(f"{path} must be true or false.")
        return WORDS[str(value).strip().lower()]
    if place in AMOUNTS and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return text(path, value)
