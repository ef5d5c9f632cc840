# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Values of settings: each kind as people write it, brought into the form in which equal means equal."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules.declaration import DeclarationError

TINY = 1e-6
"""Of what is no multiple of a tenth only by how numbers are stored."""


def whole(path: str, value: Any) -> int:
    """No setting of a service is negative."""
    said = str(value).strip()
    if isinstance(value, bool) or not re.fullmatch(r"-?[0-9]+", said):
        raise DeclarationError(f"{path} must be a whole number; it is {value!r}. Write it without a unit.")
    if int(said) < 0:
        raise DeclarationError(f"{path} must be 0 or more; it is {value!r}. Write it without the sign.")
    return int(said)


def flag(path: str, value: Any) -> bool:
    """A yes or no, as people and YAML write them."""
    said = str(value).strip().lower()
    if said in {"true", "yes", "on", "1"}:
        return True
    if said in {"false", "no", "off", "0"}:
        return False
    is_text = isinstance(value, (str, int, float))  # a structure may hold what nobody should read
    raise DeclarationError(f"{path} must be true or false" + (f"; it is {value!r}." if is_text else "."))


def text(path: str, value: Any) -> str:
    """Text, and nothing that YAML makes of text."""
    if not isinstance(value, str):
        raise DeclarationError(f"{path} must be text; it is {value!r}. Quote it.")
    return value


def members(path: str, value: Any) -> list[Any]:
    """A list."""
    if not isinstance(value, list):
        raise DeclarationError(f"{path} must be a list; it is {value!r}.")
    return value


def mapping(path: str, value: Any) -> dict[str, Any] | None:
    """A structure that is set as a whole; what is null in it is not there, and None when nothing is. The message quotes
    no value: among log options it may be a secret."""
    if not isinstance(value, dict):
        raise DeclarationError(f"{path} must be a mapping.")
    return {name: item for name, item in sorted(present(value).items()) if item != {}} or None


def present(value: Any) -> Any:
    """A structure without what is null in it, at any depth: that is not there."""
    if isinstance(value, dict):
        return {str(name): present(item) for name, item in value.items() if item is not None}
    return [present(each) for each in value] if isinstance(value, list) else value


def percent(path: str, value: Any) -> float:
    """A percentage in steps of 0.1, as strategies take them."""
    try:
        found = float(str(value).strip())
    except ValueError:
        raise DeclarationError(f"{path} must be a number; it is {value!r}. Write it without a sign or unit.") from None
    if isinstance(value, bool) or not 0 <= found <= 100 or abs(found * 10 - round(found * 10)) > TINY:
        raise DeclarationError(f"{path} must be 0 to 100 in steps of 0.1; it is {value!r}.")
    return round(found, 1)


def names(path: str, value: Any) -> list[str]:
    """A list whose order means nothing: subnets, security groups, alarms."""
    return sorted(text(path, each) for each in members(path, value))


def items(defaults: dict[str, Any], numbers: set[str]) -> Callable[[str, Any], list[dict[str, Any]]]:
    """A list of structures whose order means nothing; numbers may be written as text (case C58)."""

    def normal(path: str, value: Any) -> list[dict[str, Any]]:
        found = []
        for each in members(path, value):
            if not isinstance(each, dict):
                raise DeclarationError(f"{path} must hold mappings; one is {each!r}.")
            given = {**defaults, **present(each)}
            found.append({n: whole(f"{path}.{n}", i) if n in numbers else i for n, i in sorted(given.items())})
        return sorted(found, key=repr)

    return normal


def ordered_items(path: str, value: Any) -> list[Any]:
    """Placement strategies apply in their order. ``host`` "has the same effect" as ``instanceId`` (API reference,
    PlacementStrategy), and AWS keeps the latter (awsdocs/amazon-ecs-developer-guide#77)."""
    found = []
    for each in members(path, value):
        if isinstance(each, dict):
            each = dict(sorted(present(each).items()))
            each = {**each, "field": "instanceId"} if each.get("field") == "host" else each
        found.append(each)
    return found
