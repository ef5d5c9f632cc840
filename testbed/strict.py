"""Nothing is ignored in silence: an operation or a parameter that the bed does not carry out is refused by name.

A handler is a method with the operation's name in snake case and the decorator `reads`, which lists the members of
its input that it reads. Whatever else a caller sends is refused, so that the bed is never softer than AWS.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

from botocore.model import ServiceModel

from .wire import AwsError, Params

Handler = Callable[[Any, Params], Params]
SNAKE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
INVALID = {
    "application-autoscaling": "ValidationException",
    "cloudformation": "ValidationError",
    "ecs": "InvalidParameterException",
    "elbv2": "ValidationError",
    "iam": "ValidationError",
}


def reads(*members: str) -> Callable[[Handler], Handler]:
    """Declare the input members that a handler reads.

    A name covers everything below it ("networkConfiguration"); a dotted name covers one member of a structure or of
    a list's structures ("loadBalancers.targetGroupArn"), and its siblings that are not named are refused.
    """

    def declare(handler: Handler) -> Handler:
        handler.reads = frozenset(members)  # type: ignore[attr-defined]
        return handler

    return declare


def handler_name(operation: str) -> str:
    return SNAKE.sub("_", operation).lower()


def unsupported(model: ServiceModel, api: Any) -> list[str]:
    """The operations of a service's model that a class (or an object of it) has no handler for: generated."""
    return sorted(o for o in model.operation_names if _reads(api, o) is None)


def call(model: ServiceModel, service: Any, operation: str, params: Params) -> Params:
    """Check the parameters against the model and against what the handler reads, then let it answer."""
    members = _reads(service, operation) if operation in model.operation_names else None
    if members is None:
        raise AwsError("InvalidAction", f"The test bed does not implement {model.service_name}:{operation}")
    for problem in _refused(model.operation_model(operation).input_shape, params, members, ""):
        raise AwsError(
            "InvalidAction",
            f"The test bed does not implement the parameter {problem} of {model.service_name}:{operation}",
        )
    for problem in _invalid(model.operation_model(operation).input_shape, params, ""):
        raise AwsError(INVALID[model.service_name], f"1 validation error detected: {problem}")
    found: Params = getattr(service, handler_name(operation))(params)
    return found


def _reads(api: Any, operation: str) -> frozenset[str] | None:
    handler = getattr(api, handler_name(operation), None)
    return getattr(handler, "reads", None)


def _refused(shape: Any, value: Any, members: frozenset[str], path: str) -> Iterator[str]:
    """Paths of what was sent and is not read."""
    if isinstance(value, list):
        for item in value:
            yield from _refused(None if shape is None else shape.member, item, members, path)
    elif isinstance(value, dict):
        for name, inner in value.items():
            where = f"{path}.{name}" if path else name
            known = getattr(shape, "members", {})
            if where in members and name in known:
                yield from _unknown(known[name], inner, where)
            elif name in known and any(m.startswith(where + ".") for m in members):
                yield from _refused(known[name], inner, members, where)
            elif inner not in ("", []):  # nothing is chosen: community.aws' ecs_service sends a role and strategies so
                yield where


def _unknown(shape: Any, value: Any, path: str) -> Iterator[str]:
    """Paths below a member that is read whole which the model does not know."""
    if shape.type_name == "structure" and isinstance(value, dict):
        for name, inner in value.items():
            if name not in shape.members:
                yield f"{path}.{name}"
            else:
                yield from _unknown(shape.members[name], inner, f"{path}.{name}")
    elif shape.type_name == "list" and isinstance(value, list):
        for item in value:
            yield from _unknown(shape.member, item, path)


TYPES: dict[str, tuple[Any, ...]] = {
    "structure": (dict,),
    "map": (dict,),
    "list": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "double": (int, float),
    "float": (int, float),
    "timestamp": (int, float, str),
}


def _invalid(shape: Any, value: Any, path: str) -> Iterator[str]:
    """What breaks the model itself: types, required members, enumerations, in the words of AWS's answers."""
    if shape is None:
        return
    kinds = TYPES.get(shape.type_name, (object,))
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds and object not in kinds):
        yield f"Value at '{path}' is not a {shape.type_name}"
    elif shape.type_name == "structure":
        for name in shape.required_members:
            if value.get(name) is None:
                where = f"{path}.{name}" if path else name
                yield f"Value null at '{where}' failed to satisfy constraint: Member must not be null"
        for name, inner in value.items():
            if name in shape.members:
                yield from _invalid(shape.members[name], inner, f"{path}.{name}" if path else name)
    elif shape.type_name == "list":
        for number, item in enumerate(value, 1):
            yield from _invalid(shape.member, item, f"{path}.{number}.member")
    elif shape.type_name == "map":
        for key, item in value.items():
            yield from _invalid(shape.value, item, f"{path}.{key}")
    elif getattr(shape, "enum", None) and value not in shape.enum:
        allowed = f"Member must satisfy enum value set: [{', '.join(shape.enum)}]"
        yield f"Value '{value}' at '{path}' failed to satisfy constraint: {allowed}"
