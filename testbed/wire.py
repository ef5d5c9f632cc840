"""AWS wire formats, driven by botocore's service models: nothing about one service is written by hand.

Two protocols are enough for the services that the bed answers itself: `json` (ECS) and `query` (Elastic Load
Balancing v2). botocore describes both: https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html and
https://smithy.io/2.0/aws/protocols/aws-query-protocol.html
"""

import datetime as dt
import json
import re
import time
import uuid
from collections.abc import Iterator
from functools import cache
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from botocore.loaders import Loader
from botocore.model import ServiceModel

Params = dict[str, Any]
Answer = tuple[int, list[tuple[str, str]], bytes]


class AwsError(Exception):
    """An error answer of the API: code and message as an SDK shows them, and the HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


@cache
def service_model(name: str) -> ServiceModel:
    """botocore's model of a service, by botocore's name for it ("ecs", "elbv2")."""
    return ServiceModel(Loader().load_service_model(name, "service-2"), name)


def now() -> float:
    """Seconds since the epoch, in milliseconds' precision: the timestamps of every answer."""
    return round(time.time(), 3)


def parse(model: ServiceModel, operation: str, body: bytes) -> Params:
    """The input of a call as a dict in the model's words, and what the model has no word for as it was sent.

    Raises AwsError when the body is not in the protocol.
    """
    shape = model.operation_model(operation).input_shape
    if model.metadata["protocol"] == "json":
        try:
            found = json.loads(body or b"{}")
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise AwsError("SerializationException", "The request body is not a JSON object.")
        return {k: _without_nulls(v) for k, v in found.items() if v is not None}
    try:
        flat = dict(parse_qsl(body.decode(), keep_blank_values=True))
        named = (_from_query(shape, flat, "") or {}) if shape else {}
        return {**named, **{k: v for k, v in flat.items() if k not in ("Action", "Version")}}
    except ValueError as e:  # not UTF-8, or words where the model wants a number
        raise AwsError("MalformedInput", f"The request body is malformed: {e}") from None


def _without_nulls(value: Any) -> Any:
    """A null member counts as not sent, as on AWS."""
    if isinstance(value, dict):
        return {k: _without_nulls(v) for k, v in value.items() if v is not None}
    return [_without_nulls(v) for v in value] if isinstance(value, list) else value


def _from_query(shape: Any, flat: dict[str, str], prefix: str) -> Any:
    """The value of a shape; whatever belongs to it is taken out of `flat`."""
    if shape.type_name == "structure":
        found = {}
        for name, member in shape.members.items():
            value = _from_query(member, flat, f"{prefix}.{name}" if prefix else name)
            if value is not None:
                found[name] = value
        return found or ({} if flat.pop(prefix, None) is not None else None)
    if shape.type_name == "list":
        items: list[Any] = []
        while (item := _from_query(shape.member, flat, f"{prefix}.member.{len(items) + 1}")) is not None:
            items.append(item)
        return items or ([] if flat.pop(prefix, None) is not None else None)
    text = flat.pop(prefix, None)
    if text is None:
        return None
    if shape.type_name in ("integer", "long"):
        if not re.fullmatch(r"-?\d+", text, re.ASCII):
            raise ValueError(f"{prefix} is not a number")
        return int(text)
    if shape.type_name == "boolean":
        if text not in ("true", "false"):
            raise ValueError(f"{prefix} is not true or false")
        return text == "true"
    return text


def answer(model: ServiceModel, operation: str, result: Params) -> Answer:
    """A successful answer. A member that the output shape does not have is a mistake of the bed's (ValueError)."""
    shape = model.operation_model(operation).output_shape
    request_id = str(uuid.uuid4())
    headers = [("x-amzn-RequestId", request_id)]
    if model.metadata["protocol"] == "json":
        headers.append(("Content-Type", "application/x-amz-json-1.1"))
        return 200, headers, json.dumps(_to_json(shape, result)).encode()
    inner = "".join(_to_xml(n, m, v) for n, m, v in _members(shape, result))
    headers.append(("Content-Type", "text/xml"))
    text = (
        f'<{operation}Response xmlns="{model.metadata["xmlNamespace"]}">'
        f"<{operation}Result>{inner}</{operation}Result>"
        f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{operation}Response>"
    )
    return 200, headers, text.encode()


def _members(shape: Any, value: Params) -> Iterator[tuple[str, Any, Any]]:
    """(name, shape, value) of what a structure says, in the model's order. What the model has no word for would vanish
    without a trace: no client, and no check of an answer, could miss it."""
    known = shape.members if shape else {}
    if unknown := value.keys() - known.keys():
        raise ValueError(f"{getattr(shape, 'name', 'an empty answer')} has no {', '.join(sorted(unknown))}")
    yield from ((name, member, value[name]) for name, member in known.items() if value.get(name) is not None)


def _to_json(shape: Any, value: Any) -> Any:
    if value is None:
        return None
    if shape is None or shape.type_name == "structure":
        return {n: _to_json(m, v) for n, m, v in _members(shape, value)}
    if shape.type_name == "list":
        return [_to_json(shape.member, v) for v in value]
    return value


def _to_xml(name: str, shape: Any, value: Any) -> str:
    if value is None:
        return ""
    if shape.type_name == "structure":
        inner = "".join(_to_xml(n, m, v) for n, m, v in _members(shape, value))
    elif shape.type_name == "list":
        inner = "".join(_to_xml("member", shape.member, v) for v in value)
    elif shape.type_name == "boolean":
        inner = "true" if value else "false"
    elif shape.type_name == "timestamp":
        inner = dt.datetime.fromtimestamp(value, dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    else:
        inner = escape(str(value))
    return f"<{name}>{inner}</{name}>"


def failure(protocol: str, code: str, message: str, status: int) -> Answer:
    """An error in the form that an SDK of that protocol ("json", "query", "rest-xml") parses."""
    request_id = str(uuid.uuid4())
    headers = [("x-amzn-RequestId", request_id), ("x-amzn-errortype", code)]
    fault = "Sender" if status < 500 else "Receiver"
    if protocol == "query":
        headers.append(("Content-Type", "text/xml"))
        text = (
            f"<ErrorResponse><Error><Type>{fault}</Type><Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
            f"</Error><RequestId>{request_id}</RequestId></ErrorResponse>"
        )
    elif protocol == "rest-xml":
        headers.append(("Content-Type", "application/xml"))
        text = f"<Error><Code>{escape(code)}</Code><Message>{escape(message)}</Message></Error>"
    else:
        headers.append(("Content-Type", "application/x-amz-json-1.1"))
        text = json.dumps({"__type": code, "message": message})
    return status, headers, text.encode()


def page(items: list[Any], params: Params, size: int, key: str, marker: str) -> tuple[list[Any], str | None]:
    """One page of `items` and the token of the next: `key` names the wanted size, `marker` the token's parameter.

    `size` is what AWS gives when the caller wants none; maxResults "can be between 1 and 100" (API reference of ECS).
    Tokens are positions: the lists of a test bed are short.
    """
    if key == "maxResults" and not 1 <= params.get(key, size) <= 100:
        raise AwsError("InvalidParameterException", "maxResults must be between 1 and 100.")
    token = params.get(marker) or "0"
    if not token.isdigit():
        code = "InvalidParameterException" if marker == "nextToken" else "ValidationError"
        raise AwsError(code, f"Invalid token: {token}")
    start, size = int(token), int(params.get(key) or size)
    return items[start : start + size], str(start + size) if start + size < len(items) else None
