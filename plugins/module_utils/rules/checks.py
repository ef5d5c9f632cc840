# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Checks: named statements about the world, each with what was expected, what was found and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules import outcome

Check = dict[str, Any]

MARKS = {True: "ok", False: "FAILED", None: "not checked"}


def check(name: str, expected: Any, found: Any, ok: bool, remedy: str = "") -> Check:
    """A statement that was looked at. ``expected`` and ``found`` must already be fit to be shown (redacted)."""
    return _check(name, expected, found, ok, "" if ok else remedy, "")


def not_checked(name: str, expected: Any, reason: str) -> Check:
    """A statement that could not be looked at, and why. It neither holds nor fails."""
    return _check(name, expected, None, None, "", reason)


def failed(checks: Iterable[Check]) -> list[Check]:
    """The checks that were looked at and do not hold."""
    return [each for each in checks if each["ok"] is False]


def table(checks: Iterable[Check]) -> str:
    """One line a check: mark, name, and what was found or why it was not looked at."""
    rows = [(MARKS[each["ok"]], each["name"], _told(each)) for each in checks]
    marks = max((len(mark) for mark, _name, _text in rows), default=0)
    names = max((len(name) for _mark, name, _text in rows), default=0)
    return "\n".join(f"{mark:<{marks}}  {name:<{names}}  {text}".rstrip() for mark, name, text in rows)


def sentence(each: Check) -> str:
    """A failed check in words: what was expected, what was found, what to do."""
    words = f"{each['name']}: expected {_text(each['expected'])}, found {_text(each['found'])}."
    return f"{words} {each['remedy']}".rstrip()


def _check(name: str, expected: Any, found: Any, ok: bool | None, remedy: str, reason: str) -> Check:
    return {"name": name, "expected": expected, "found": found, "ok": ok, "remedy": remedy, "reason": reason}


def _told(each: Check) -> str:
    if each["ok"] is None:
        return _text(each["reason"])
    if each["ok"]:
        return _text(each["found"])
    return f"expected {_text(each['expected'])}, found {_text(each['found'])}"


def _text(value: Any) -> str:
    """A value on one line; lists and dicts without Python's brackets."""
    if isinstance(value, dict):
        return ", ".join(f"{name}={_text(item)}" for name, item in value.items()) or "nothing"
    if isinstance(value, (list, tuple)):
        return "; ".join(_text(item) for item in value) or "nothing"
    if value is None:
        return "nothing"
    return outcome.one_line(str(value))
