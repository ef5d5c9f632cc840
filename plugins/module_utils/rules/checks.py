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


def unanswered(checks: Iterable[Check]) -> list[str]:
    """A sentence for each check that could not be made, with the reason."""
    return [f"not checked: {each['name']}: {each['reason']}" for each in checks if each["ok"] is None]


def table(checks: Iterable[Check]) -> str:
    """One line a check: mark, name, and what was found or why it was not looked at."""
    rows = [(MARKS[each["ok"]], each["name"], _told(each)) for each in checks]
    marks = max((len(mark) for mark, _name, _found in rows), default=0)
    names = max((len(name) for _mark, name, _found in rows), default=0)
    return "\n".join(f"{mark:<{marks}}  {name:<{names}}  {told}".rstrip() for mark, name, told in rows)


def sentence(each: Check) -> str:
    """A failed check in words: what was expected, what was found, what to do."""
    words = f"{each['name']}: expected {text(each['expected'])}, found {text(each['found']).rstrip('.')}."
    return f"{words} {each['remedy']}".rstrip()


def message(words: str, checks: Iterable[Check]) -> str:
    """Why a verification failed: the summary, then every failed check with its remedy."""
    wrong = failed(checks)
    count_of = f"{len(wrong)} check{'' if len(wrong) == 1 else 's'} failed"
    return "\n".join([f"{words}; {count_of}:", *(f"- {sentence(each)}" for each in wrong)])


def _check(name: str, expected: Any, found: Any, ok: bool | None, remedy: str, reason: str) -> Check:
    return {
        "name": name,
        "expected": _clean(expected),
        "found": _clean(found),
        "ok": ok,
        "remedy": remedy,
        "reason": outcome.one_line(reason),
    }


def _clean(value: Any) -> Any:
    """What AWS or an application answered, without what a terminal or a CI system would obey."""
    if isinstance(value, dict):
        return {name: _clean(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_clean(item) for item in value]
    return outcome.one_line(value) if isinstance(value, str) else value


def _told(each: Check) -> str:
    if each["ok"] is None:
        return text(each["reason"])
    if each["ok"]:
        return text(each["found"])
    return f"expected {text(each['expected'])}, found {text(each['found'])}"


def text(value: Any) -> str:
    """A value on one line; lists and dicts without Python's brackets."""
    if isinstance(value, dict):
        pairs = [f"{name} absent" if item is None else f"{name}={text(item)}" for name, item in value.items()]
        return ", ".join(pairs) or "nothing"
    if isinstance(value, (list, tuple)):
        return "; ".join(text(item) for item in value) or "nothing"
    if value is None:
        return "absent"
    return outcome.one_line(str(value))
