"""What a signed request asks for: service, region and operation, before anything answers it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qs, parse_qsl

from botocore.exceptions import UnknownServiceError

from .wire import service_model

SCOPE = re.compile(r"Credential=([^/]+)/\d{8}/([^/]+)/([^/]+)/aws4_request")
RPC = re.compile(r"/service/[^/]+/operation/(\w+)")  # smithy-rpc-v2-cbor
QUERY = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Call:
    key: str
    region: str
    service: str  # signing name
    operation: str
    protocol: str  # for errors: json, query or rest-xml
    target: str  # path and query


def identify(environ: dict[str, Any], body: bytes) -> Call | None:
    """The call of a WSGI request, or None when it is not signed."""
    presigned = dict(parse_qsl(environ.get("QUERY_STRING", ""))).get("X-Amz-Credential", "")
    found = SCOPE.search(environ.get("HTTP_AUTHORIZATION", f"Credential={presigned}"))
    if not found:
        return None
    key, region, service = found.groups()
    operation, protocol = _operation(service, environ, body)
    target = f"{environ['PATH_INFO']}?{environ.get('QUERY_STRING', '')}"
    return Call(key, region, service, operation, protocol, target)


def unsigned(environ: dict[str, Any], body: bytes) -> bool:
    """Whether AWS wants no signature for a request: who exchanges a token for credentials has none yet (STS)."""
    operation, _ = _operation("sts", environ, body)
    model = service_model("sts")
    return operation in model.operation_names and model.operation_model(operation).auth_type == "none"


def _operation(service: str, environ: dict[str, Any], body: bytes) -> tuple[str, str]:
    path = environ["PATH_INFO"]
    if "HTTP_X_AMZ_TARGET" in environ:
        return environ["HTTP_X_AMZ_TARGET"].rsplit(".", 1)[-1], "json"
    if rpc := RPC.search(path):
        return rpc.group(1), "json"
    if environ.get("CONTENT_TYPE", "").startswith(QUERY):
        return parse_qs(body.decode("latin-1")).get("Action", ["?"])[0], "query"
    if service == "s3":
        return s3_operation(environ), "rest-xml"
    return rest_operation(service, environ["REQUEST_METHOD"], path), "json"


@cache
def _rest_routes(service: str) -> list[tuple[str, str, re.Pattern[str]]]:
    """(operation, method, path) of a service that tells its operations by address."""
    try:
        model = service_model(service)
    except UnknownServiceError:  # not a name of botocore's
        return []
    found = []
    for name in model.operation_names:
        http = model.operation_model(name).http
        path = re.sub(r"\\{[^}]+\\}", "[^/]+", re.escape(http["requestUri"].partition("?")[0]))
        found.append((name, http["method"], re.compile(path)))
    return found


def rest_operation(service: str, method: str, path: str) -> str:
    """The operation of a request to such a service, from botocore's model."""
    for name, wanted, pattern in _rest_routes(service):
        if wanted == method and pattern.fullmatch(path):
            return name
    return f"{method} {path}"


@dataclass(frozen=True)
class _Shape:
    """What tells one S3 operation from another in path-style requests."""

    operation: str
    method: str
    depth: int  # 0: the service, 1: a bucket, 2: an object
    query: frozenset[str]
    headers: frozenset[str]


@cache
def _s3_shapes() -> list[_Shape]:
    return sorted(_read_s3_shapes(), key=lambda s: (-len(s.query), -len(s.headers)))


def _read_s3_shapes() -> Iterator[_Shape]:
    model = service_model("s3")
    for name in model.operation_names:
        operation = model.operation_model(name)
        path, _, query = operation.http["requestUri"].partition("?")
        keys = {k for k, _ in parse_qsl(query, keep_blank_values=True)}
        headers = set()
        shape = operation.input_shape
        for member in shape.required_members if shape else ():
            place = shape.members[member].serialization
            if place.get("location") == "querystring":
                keys.add(place["name"])
            elif place.get("location") == "header":
                headers.add("HTTP_" + place["name"].upper().replace("-", "_"))
        depth = 2 if "{Key" in path else 1 if "{Bucket}" in path else 0
        yield _Shape(name, operation.http["method"], depth, frozenset(keys), frozenset(headers))


def s3_operation(environ: dict[str, Any]) -> str:
    """The S3 operation of a path-style request, from botocore's model; the most particular one that fits."""
    parts = environ["PATH_INFO"].strip("/").split("/", 1)
    depth = 0 if not parts[0] else len([p for p in parts if p])
    query = {k for k, _ in parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True)}
    for shape in _s3_shapes():
        if (shape.method, shape.depth) == (environ["REQUEST_METHOD"], depth) and (
            shape.query <= query and shape.headers <= set(environ)
        ):
            return shape.operation
    return f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"
