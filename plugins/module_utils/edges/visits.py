# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What users meet at a service's URL: whether it answers, and which task does."""

from __future__ import annotations

from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges.http import Client, NoAnswer, Response
from ansible_collections.steady.ecs.plugins.module_utils.rules.endpoints import NoValue, value_at


class NotServed(Exception):
    """A request that a healthy service would have served. ``found``: the status, or why there was no answer."""

    def __init__(self, found: int | str) -> None:
        super().__init__(str(found))
        self.found = found


def asked(url: str) -> tuple[int | str, bytes]:
    """The status and the body that a new user gets, or why there was no answer and no body."""
    with Client() as user:
        try:
            found = user.get(url)
        except NoAnswer as problem:
            return str(problem), b""
        return found.status, found.body


def tasks_met(url: str, identity: dict[str, Any], requests: int) -> tuple[list[str | None], list[str | None], set[str]]:
    """Which task answered each request: of one user with cookies, and of users who come once each; names of the first
    one's cookies.

    None stands for an answer that names no task. Users who come once stop coming as soon as two tasks were met.
    Raises NotServed.
    """
    with Client() as user:
        one = [_met(user, url, identity) for _request in range(requests)]
        cookies = user.cookies
    others: list[str | None] = []
    while len(others) < requests and len(set(others) - {None}) < 2:
        with Client() as user:
            others.append(_met(user, url, identity))
    return one, others, cookies


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
        found = value_at(answer.body, str(identity["path"]))
    except NoValue:
        return None
    return str(found) if isinstance(found, (str, int)) and found != "" else None
