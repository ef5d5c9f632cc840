# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What users meet at a service's URL: whether it answers, and which task does."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges.http import Client, NoAnswer, Response
from ansible_collections.steady.ecs.plugins.module_utils.rules.declaration import DeclarationError

try:
    import jmespath
    from jmespath.exceptions import JMESPathError
except ImportError:  # it comes with boto3, whose absence is said when the module starts
    JMESPathError = ValueError

IDENTITY = "health_task_identity"
"""Where people write it; errors say so."""


class NotServed(Exception):
    """A request that a healthy service would have served. ``found``: the status, or why there was no answer."""

    def __init__(self, found: int | str) -> None:
        super().__init__(str(found))
        self.found = found


def refuse_identity(identity: dict[str, Any]) -> None:
    """Raises DeclarationError unless it is ``{request: "/path"}`` with either ``header`` or ``path``."""
    unknown, request = set(identity) - {"request", "header", "path"}, identity.get("request")
    if unknown or ("header" in identity) == ("path" in identity):
        found = ", ".join(sorted(identity))
        raise DeclarationError(f"{IDENTITY} takes request and either header or path; it has {found}.")
    if not isinstance(request, str) or not request.startswith("/") or request.startswith("//"):
        raise DeclarationError(f"{IDENTITY}.request must be a path below service_url that begins with one slash.")
    if any(each.isspace() or not each.isprintable() for each in request):
        raise DeclarationError(f"{IDENTITY}.request holds a space or a control character. Write it as %20 and so on.")
    try:
        jmespath.compile(str(identity.get("path", "@")))
    except JMESPathError:
        raise DeclarationError(f"{IDENTITY}.path is not a JMESPath.") from None


def status(url: str) -> int | str:
    """The status that a new user gets, or why there was no answer."""
    with Client() as user:
        try:
            return user.get(url).status
        except NoAnswer as problem:
            return str(problem)


def tasks_met(url: str, identity: dict[str, Any], requests: int) -> tuple[list[str | None], list[str | None]]:
    """Which task answered each request: of one user with cookies, and of users who come once each.

    None stands for an answer that names no task. Users who come once stop coming as soon as two tasks were met.
    Raises NotServed.
    """
    with Client() as user:
        one = [_met(user, url, identity) for _request in range(requests)]
    others: list[str | None] = []
    while len(others) < requests and len(set(others) - {None}) < 2:
        with Client() as user:
            others.append(_met(user, url, identity))
    return one, others


def _met(user: Client, url: str, identity: dict[str, Any]) -> str | None:
    try:
        answer = user.get(url)
    except NoAnswer as problem:
        raise NotServed(str(problem)) from None
    if answer.status >= 500:
        raise NotServed(answer.status)
    return _named(answer, identity)


def _named(answer: Response, identity: dict[str, Any]) -> str | None:
    if "header" in identity:
        return answer.headers.get(str(identity["header"]).lower()) or None
    try:
        found = jmespath.search(str(identity["path"]), json.loads(answer.body))
    except (ValueError, RecursionError, JMESPathError):
        return None
    return str(found) if isinstance(found, (str, int)) and found != "" else None
