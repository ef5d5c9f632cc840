# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What AWS's own service models, as the installed SDK brings them, say of requests and answers."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges.aws import reading, service_models, translated
from ansible_collections.steady.ecs.plugins.module_utils.rules.task_definition_meaning import Place
from ansible_collections.steady.ecs.plugins.module_utils.rules.task_definition_shape import UPDATE, Model, Shape
from ansible_collections.steady.ecs.plugins.module_utils.work import Task

try:
    from botocore.model import ServiceModel
except ImportError:
    ServiceModel = None


@functools.cache
def task_definition() -> Model:
    """Request and answer of task definitions, so that a field which AWS adds tomorrow is handled (cases C10 C11), and
    the arguments of UpdateService."""
    ecs = ServiceModel(service_models().load_service_model("ecs", "service-2"), "ecs")
    request = ecs.operation_model("RegisterTaskDefinition").input_shape
    update = ecs.operation_model("UpdateService").input_shape
    answer = ecs.operation_model("DescribeTaskDefinition").output_shape.members["taskDefinition"]
    required = {**dict(_required(request, ())), **dict(_required(update, (UPDATE,)))}
    settings = {name: _sent(member) for name, member in update.members.items()}
    return Model(_shape(request), frozenset(_answer_only(answer, request, "")), settings, required)


def _sent(shape: Any) -> Shape:
    """A shape of what is sent as it is declared: with the words of enumerations."""
    if getattr(shape, "is_document_type", False):
        return "document"
    if shape.type_name == "structure":
        return {name: _sent(member) for name, member in shape.members.items()}
    if shape.type_name == "list":
        return [_sent(shape.member)]
    if shape.type_name == "map":
        return {"*": _sent(shape.value)}
    return tuple(shape.enum) if getattr(shape, "enum", None) else _shape(shape)


def _shape(shape: Any) -> Shape:
    if shape.type_name == "structure":
        return {name: _shape(member) for name, member in shape.members.items()}
    if shape.type_name == "list":
        return [_shape(shape.member)]
    if shape.type_name == "map":
        return {"*": _shape(shape.value)}
    return {"long": "integer"}.get(shape.type_name, str(shape.type_name))


def _required(shape: Any, place: Place) -> Iterator[tuple[Place, list[str]]]:
    """The structures of a shape that cannot be without some of their members."""
    if shape.type_name == "list":
        yield from _required(shape.member, place)
    if shape.type_name == "structure":
        if shape.required_members:
            yield place, list(shape.required_members)
        for name, member in shape.members.items():
            yield from _required(member, (*place, name))


def _answer_only(answer: Any, request: Any, path: str) -> list[str]:
    """Dotted paths of the members that the answer has and the request has not."""
    if answer.type_name == "list" and request.type_name == "list":
        return _answer_only(answer.member, request.member, path)
    if answer.type_name != "structure" or request.type_name != "structure":
        return []
    found = [f"{path}{name}" for name in answer.members if name not in request.members]
    for name in answer.members:
        if name in request.members:
            found += _answer_only(answer.members[name], request.members[name], f"{path}{name}.")
    return found


def members_not_read(task: Task, arn: str) -> list[str]:
    """Members of a task definition in AWS's answer that the installed SDK does not know, and so drops in silence.

    A copy made with this SDK would lose them (case C11). Dotted paths, without values. One DescribeTaskDefinition.
    """
    ecs, raw = reading(task, "ecs"), [b"{}"]

    def keep(http_response: Any, **_rest: Any) -> None:
        raw.append(http_response.content)

    event = "after-call.ecs.DescribeTaskDefinition"
    ecs.meta.events.register(event, keep, unique_id=event)
    try:
        with translated(f"Reading task definition {arn} (ecs:DescribeTaskDefinition)"):
            ecs.describe_task_definition(taskDefinition=arn)
    finally:
        ecs.meta.events.unregister(event, keep, unique_id=event)
    answer = ecs.meta.service_model.operation_model("DescribeTaskDefinition").output_shape
    definition = json.loads(raw[-1]).get("taskDefinition", {})
    return sorted(set(_unknown(definition, answer.members["taskDefinition"], "")))


def _unknown(value: Any, shape: Any, path: str) -> list[str]:
    if isinstance(value, list) and shape.type_name == "list":
        return [each for item in value for each in _unknown(item, shape.member, path)]
    if not isinstance(value, dict) or shape.type_name != "structure":
        return []
    found = [f"{path}{name}" for name in value if name not in shape.members]
    for name in value:
        if name in shape.members:
            found += _unknown(value[name], shape.members[name], f"{path}{name}.")
    return found
