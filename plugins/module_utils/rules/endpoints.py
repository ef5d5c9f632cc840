# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is declared about what users meet: URLs and their answers, and where an answer names its task."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules import addresses
from ansible_collections.steady.ecs.plugins.module_utils.rules.declaration import DeclarationError

try:
    import jmespath
    from jmespath.exceptions import JMESPathError
except ImportError:  # it comes with boto3, whose absence is said when the module starts
    JMESPathError = ValueError

ENDPOINTS, URL, IDENTITY, REQUESTS = (
    "health_endpoints",
    "service_url",
    "health_task_identity",
    "health_sticky_requests",
)
"""Where people write them; errors say so."""

NAMED = "endpoint "
"""What the name of an endpoint's check begins with; its URL follows."""
FEWEST_REQUESTS = 2
BODY = 64 * 1024
"""Bytes of an answer's body that are read."""


class NoValue(Exception):
    """A body in which nothing can be looked up, and why in words. That is no null."""


@dataclass(frozen=True)
class Endpoint:
    """A URL and the answer that it must give: a status, and a value in its JSON body where ``path`` is given."""

    url: str
    status: int = 200
    path: str | None = None
    equals: Any = None

    @property
    def expected(self) -> str:
        """In words."""
        return str(self.status) if self.path is None else f"{self.status}, {self.path} is {json.dumps(self.equals)}"


def recorded(record: dict[str, Any]) -> dict[str, str]:
    """By the name of its check, what each endpoint answered when a release was verified and it was as declared."""
    found = record["verdict"]["checks"] or []
    return {each["name"]: str(each["detail"]) for each in found if each["name"].startswith(NAMED) and each["ok"]}


def endpoint(declared: Any) -> Endpoint:
    """A URL, or ``{url, status, path, equals}``, as it is declared. Raises DeclarationError."""
    if isinstance(declared, str):
        addresses.origin(declared, f"One of {ENDPOINTS}")
        return Endpoint(declared)
    if not isinstance(declared, dict) or not isinstance(declared.get("url"), str):
        raise DeclarationError(f"One of {ENDPOINTS} must be a URL, or a mapping with url, status, path and equals.")
    unknown = ", ".join(sorted(map(str, set(declared) - {"url", "status", "path", "equals"})))
    if unknown:
        raise DeclarationError(f"One of {ENDPOINTS} has {unknown}; it takes url, status, path and equals.")
    addresses.origin(declared["url"], f"One of {ENDPOINTS}")
    status = declared.get("status", 200)
    if isinstance(status, bool) or not isinstance(status, int) or not 100 <= status <= 599:
        raise DeclarationError(f"The status of one of {ENDPOINTS} must be a number from 100 to 599.")
    if ("path" in declared) != ("equals" in declared):
        raise DeclarationError(f"path and equals of one of {ENDPOINTS} belong together: give both or none.")
    if "path" in declared:
        _path(declared["path"], f"path of one of {ENDPOINTS}")
    return Endpoint(declared["url"], status, declared.get("path"), declared.get("equals"))


def value_at(body: bytes, path: str) -> Any:
    """The value at a JMESPath of a JSON body; None where there is none. The body is foreign. Raises NoValue."""
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        cut = f"its body has more than the {BODY // 1024} KB that are read"
        raise NoValue(cut if len(body) >= BODY else "its body is no JSON") from None
    try:
        return jmespath.search(path, parsed)
    except (ValueError, RecursionError, JMESPathError):
        return None


def refuse_identity(identity: dict[str, Any]) -> None:
    """Raises DeclarationError unless it is ``{request: "/path"}`` with either ``header`` or ``path``."""
    unknown, request = set(identity) - {"request", "header", "path"}, identity.get("request")
    if unknown or ("header" in identity) == ("path" in identity):
        found = ", ".join(sorted(identity))
        raise DeclarationError(f"{IDENTITY} takes request and either header or path; it has {found}.")
    if not isinstance(request, str) or not request.startswith("/") or request.startswith("//"):
        raise DeclarationError(f"{IDENTITY}.request must be a path below {URL} that begins with one slash.")
    if any(each.isspace() or not each.isprintable() for each in request):
        raise DeclarationError(f"{IDENTITY}.request holds a space or a control character. Write it as %20 and so on.")
    if "path" in identity:
        _path(identity["path"], f"{IDENTITY}.path")


def attempts(
    url: str | None, endpoints: list[Any], identity: dict[str, Any], requests: int
) -> Iterator[Callable[[], object]]:
    """What refuses, one by one, each part that cannot be meant: calls that raise DeclarationError."""
    for each in endpoints:
        yield partial(endpoint, each)
    if url:
        yield partial(addresses.origin, url, URL)
    if identity:
        yield partial(refuse_identity, identity)
    yield partial(_refuse_requests, requests)


def _refuse_requests(requests: int) -> None:
    if requests < FEWEST_REQUESTS:
        raise DeclarationError(f"{REQUESTS} must be {FEWEST_REQUESTS} or more: one request shows nothing.")


def _path(path: Any, where: str) -> None:
    try:
        jmespath.compile(path if isinstance(path, str) else "")
    except JMESPathError:
        raise DeclarationError(f"{where} is not a JMESPath.") from None
