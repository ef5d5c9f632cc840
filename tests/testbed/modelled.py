"""Every answer of the bed that a test's client gets is held against botocore's output model, as it came over the wire.

botocore itself is lenient: it drops members that the model does not have, and takes words outside an enumeration.
"""

import json
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from typing import Any

from botocore.model import Shape

OURS = ("application-auto-scaling", "cloudformation", "ecs", "elastic-load-balancing-v2")
TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "double": (int, float),
    "float": (int, float),
    "timestamp": (int, float),
}
FORMS = {  # of a value in XML; its timestamps are ISO 8601's, in UTC (smithy.io, aws-query-protocol)
    "integer": r"-?\d+",
    "long": r"-?\d+",
    "double": r"-?\d+(\.\d+)?",
    "float": r"-?\d+(\.\d+)?",
    "timestamp": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z",
}


def watch(client: Any) -> Any:
    """The client, which from now on raises AssertionError for an answer that breaks the model."""
    if client.meta.service_model.service_id.hyphenize() in OURS:

        def check(response_dict: dict[str, Any] | None, event_name: str, **more: Any) -> None:
            operation = client.meta.service_model.operation_model(event_name.rsplit(".", 1)[-1])
            found = list(problems(operation, response_dict))
            assert not found, f"{operation.name}: {found}"

        client.meta.events.register("response-received", check)
    return client


def problems(operation: Any, response: dict[str, Any] | None) -> Iterator[str]:
    """What of an answer the operation's model does not have; nothing of an error, or of an answer that was lost."""
    if response is None or response["status_code"] != 200:
        return
    shape, body = operation.output_shape, response["body"]
    if operation.service_model.metadata["protocol"] == "json":
        yield from _json(shape, json.loads(body), "")
        return
    root = ElementTree.fromstring(body)
    result = next((child for child in root if _name(child) == f"{operation.name}Result"), None)
    if shape is not None and result is None:
        yield f"no {operation.name}Result"
    elif shape is not None:
        yield from _xml(shape, result, "")


def _json(shape: Shape | None, value: Any, path: str) -> Iterator[str]:
    kind = getattr(shape, "type_name", "structure")
    members = getattr(shape, "members", {})
    if kind == "structure":
        if not isinstance(value, dict):
            yield f"{path} is no structure"
            return
        yield from (f"{path} lacks {name}" for name in getattr(shape, "required_members", []) if name not in value)
        for name, inner in value.items():
            if name in members:
                yield from _json(members[name], inner, f"{path}.{name}")
            else:
                yield f"{path} has no member {name}"
    elif kind == "list":
        for item in value:
            yield from _json(shape.member, item, path)  # type: ignore[union-attr]
    elif kind == "map":
        for key, item in value.items():
            yield from _json(shape.value, item, f"{path}.{key}")  # type: ignore[union-attr]
    elif not isinstance(value, TYPES[kind]) or (isinstance(value, bool) and kind != "boolean"):
        yield f"{path} is no {kind}: {value!r}"
    else:
        yield from _word(shape, value, path)


def _word(shape: Any, value: Any, path: str) -> Iterator[str]:
    if getattr(shape, "enum", None) and value not in shape.enum:
        yield f"{path} is none of {shape.enum}: {value!r}"


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _xml(shape: Any, element: Any, path: str) -> Iterator[str]:
    kind, text = shape.type_name, element.text or ""
    if kind == "structure":
        there = {_name(child) for child in element}
        yield from (f"{path} lacks {name}" for name in shape.required_members if name not in there)
        for child in element:
            name = _name(child)
            if name in shape.members:
                yield from _xml(shape.members[name], child, f"{path}.{name}")
            else:
                yield f"{path} has no member {name}"
    elif kind == "list":
        for child in element:
            if _name(child) != "member":
                yield f"{path} is no list: {_name(child)}"
            yield from _xml(shape.member, child, path)
    elif kind == "boolean" and text not in ("true", "false"):
        yield f"{path} is no boolean: {text!r}"
    elif kind in FORMS and not re.fullmatch(FORMS[kind], text, re.ASCII):
        yield f"{path} is no {kind}: {text!r}"
    else:
        yield from _word(shape, text, path)
