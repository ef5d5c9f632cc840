# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Change entries of TargetGroupAttributes in the text of a YAML template, and nothing else of it.

A template that was read and written anew would lose comments, order and short forms. So only the characters of a value
are replaced, or an entry is put before the first one; then the text is read again, and must say what was wanted and all
that it said before. Where that cannot be had (aliases, merge keys, block scalars), nothing is changed.
"""

from __future__ import annotations

import contextlib
import copy
import json
from dataclasses import dataclass
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules import template

with contextlib.suppress(ImportError):  # template.loaded, which is asked first, says what is missing
    import yaml

Answer = dict[str, Any]


@dataclass(frozen=True)
class Entry:
    """An attribute in the template itself."""

    logical_id: str
    key: str
    value: str
    before: Any = None
    """What it was; None for an entry that there was not."""


def unshared(content: Any) -> Any:
    """A copy in which nothing is shared, though a YAML alias names it twice; dates are text."""
    return json.loads(json.dumps(content, default=str))


def with_entries(content: Answer, entries: list[Entry]) -> Answer:
    """The template with these entries; a new one comes first, as in :func:`edited`."""
    found = copy.deepcopy(content)
    for entry in entries:
        properties = found["Resources"][entry.logical_id].setdefault("Properties", {})
        listed = properties.setdefault(template.ATTRIBUTES, [])
        there = next((each for each in listed if each["Key"] == entry.key), None)
        if there is None:
            listed.insert(0, {"Key": entry.key, "Value": entry.value})
        else:
            there["Value"] = entry.value
    return found


def edited(text: str, entries: list[Entry]) -> str:
    """The same text with other entries. Raises ValueError where that cannot be done without losing anything."""
    wanted = with_entries(unshared(template.loaded(text)), entries)
    for entry in entries:
        text = _edited(text, entry)
    try:
        found = unshared(template.loaded(text))
    except ValueError:
        found = None
    if found != wanted:
        raise ValueError("its YAML cannot be changed without losing anything")
    return text


def _edited(text: str, entry: Entry) -> str:
    root = yaml.compose(text, Loader=template.loader())
    properties = _child(_child(_child(root, "Resources"), entry.logical_id), "Properties")
    listed, value = _child(properties, template.ATTRIBUTES), json.dumps(entry.value)
    pair = f"{{Key: {json.dumps(entry.key)}, Value: {value}}}"
    if listed is None:
        return _before(text, properties, f"{template.ATTRIBUTES}: [{pair}]")
    for each in listed.value if isinstance(listed, yaml.SequenceNode) else []:
        key, old = _child(each, "Key"), _child(each, "Value")
        if key is None or key.value != entry.key:
            continue
        if not isinstance(old, yaml.ScalarNode) or old.style not in (None, "'", '"'):
            return text
        return text[: old.start_mark.index] + value + text[old.end_mark.index :]
    return _before(text, listed, pair)


def _before(text: str, node: Any, added: str) -> str:
    """Put something before the first member of a list or mapping, in the form that the others have."""
    if node is None or not node.value:
        return text
    first = node.value[0][0] if isinstance(node, yaml.MappingNode) else node.value[0]
    start = first.start_mark.index
    if node.flow_style:
        return f"{text[:start]}{added}, {text[start:]}"
    line = text[text.rfind("\n", 0, start) + 1 : start]
    return f"{text[:start]}{added}\n{line}{text[start:]}"


def _child(node: Any, name: str) -> Any:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for key, value in node.value if key.value == name), None)
