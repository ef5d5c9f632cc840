# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What may be declared about what users meet, and when an answer is the declared one."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.rules import endpoints, health
from ansible_collections.steady.ecs.plugins.module_utils.rules.declaration import DeclarationError

URL = "https://example.com/health"


@pytest.mark.parametrize("equals", [None, "null", "down"])
@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"<html>We are back soon</html>", "200, but its body is no JSON"),
        (b"", "200, but its body is no JSON"),
        (b"[" * 60_000, "200, but its body is no JSON"),
        (b'{"error": "down", "rest": "' + b"x" * 65_536, "200, but its body has more than the 64 KB that are read"),
    ],
)
def test_what_is_not_read_is_no_null(body: bytes, told: str, equals: str | None) -> None:
    wanted = endpoints.endpoint({"url": URL, "path": "error", "equals": equals})
    found = health.endpoint(wanted, 200, body[: endpoints.BODY])
    assert (found["ok"], found["found"]) == (False, told)
    assert "health_endpoints" in found["remedy"]
    assert health.endpoint(wanted, 503, body[: endpoints.BODY])["found"] == "503"


def test_what_is_cut_behind_its_json_is_whole() -> None:
    wanted = endpoints.endpoint({"url": URL, "path": "error", "equals": None})
    assert health.endpoint(wanted, 200, (b"{}" + b" " * endpoints.BODY)[: endpoints.BODY])["ok"]


def test_a_url_must_answer_200() -> None:
    found = endpoints.endpoint(URL)
    assert (found.url, found.status, found.expected) == (URL, 200, "200")


@pytest.mark.parametrize(
    ("declared", "status", "body", "told"),
    [
        ({"status": 401}, 401, b"", "401"),
        ({"path": "status", "equals": "healthy"}, 200, b'{"status": "healthy"}', '200, status is "healthy"'),
        ({"path": "length(tasks)", "equals": 2}, 200, b'{"tasks": [1, 2]}', "200, length(tasks) is 2"),
        ({"path": "ok", "equals": True}, 200, b'{"ok": true}', "200, ok is true"),
        ({"path": "gone", "equals": None}, 200, b"{}", "200, gone is null"),
    ],
)
def test_an_answer_as_declared(declared: dict[str, Any], status: int, body: bytes, told: str) -> None:
    found = health.endpoint(endpoints.endpoint({"url": URL, **declared}), status, body)
    assert (found["ok"], found["found"], found["expected"]) == (True, told, told)


@pytest.mark.parametrize(
    ("declared", "status", "body", "told"),
    [
        ({"status": 401}, 200, b"", "200"),
        ({"path": "status", "equals": "healthy"}, 503, b'{"status": "healthy"}', "503"),
        ({"path": "status", "equals": "healthy"}, 200, b'{"status": "ill"}', '200, status is "ill"'),
        ({"path": "status", "equals": "healthy"}, 200, b"<html>", "200, but its body is no JSON"),
        ({"path": "length(a)", "equals": 1}, 200, b'{"a": 5}', "200, length(a) is null"),
        ({"path": "a", "equals": 1}, 200, b"[" * 9000, "200, but its body is no JSON"),
        ({"path": "a", "equals": 1}, 200, b'{"a": "\\u001b[31m::error::"}', '200, a is "\\u001b[31m::error::"'),
        (
            {"path": "a", "equals": 1},
            "timeout: no whole answer within 10 s",
            b"",
            "timeout: no whole answer within 10 s",
        ),
    ],
)
def test_an_answer_that_is_another(declared: dict[str, Any], status: int | str, body: bytes, told: str) -> None:
    found = health.endpoint(endpoints.endpoint({"url": URL, **declared}), status, body)
    assert (found["ok"], found["found"]) == (False, told)


def test_a_token_in_a_url_is_not_shown() -> None:
    assert "hunter2" not in str(health.endpoint(endpoints.endpoint(f"{URL}?token=hunter2"), 503))


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        ("http://169.254.169.254/latest", "never asked"),
        ("http://[::ffff:169.254.169.254]/", "never asked"),
        ("ftp://example.com", "http or https"),
        ({"url": "https://user:hunter2@example.com"}, "user name"),
        ({"url": 7}, "must be a URL"),
        (7, "must be a URL"),
        ({"url": URL, "code": 200}, "has code"),
        ({"url": URL, "status": "200"}, "number"),
        ({"url": URL, "status": True}, "number"),
        ({"url": URL, "status": 20}, "number"),
        ({"url": URL, "path": "a"}, "together"),
        ({"url": URL, "equals": "a"}, "together"),
        ({"url": URL, "path": "a[", "equals": 1}, "JMESPath"),
        ({"url": URL, "path": None, "equals": 1}, "JMESPath"),
    ],
)
def test_an_endpoint_that_cannot_be_meant(declared: Any, words: str) -> None:
    with pytest.raises(DeclarationError, match=words) as caught:
        endpoints.endpoint(declared)
    assert "health_endpoints" in caught.value.msg
    assert "hunter2" not in caught.value.msg


@pytest.mark.parametrize(
    "identity",
    [
        {"request": "/x"},
        {"request": "/x", "header": "a", "path": "b"},
        {"request": "x", "header": "a"},
        {"request": "//evil.example.com/", "header": "a"},
        {"request": "/x", "path": "a["},
        {"request": "/x", "header": "a", "headers": "b"},
    ],
)
def test_an_identity_that_cannot_be_meant(identity: dict[str, Any]) -> None:
    with pytest.raises(DeclarationError, match="health_task_identity"):
        endpoints.refuse_identity(identity)


@pytest.mark.parametrize("identity", [{"request": "/x", "header": "X-Task"}, {"request": "/x", "path": "task.id"}])
def test_an_identity_that_can_be_meant(identity: dict[str, Any]) -> None:
    endpoints.refuse_identity(identity)
