# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Differences that a drift report is told to leave out: each with a reason, and none for ever."""

from __future__ import annotations

import datetime
import re
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules.declaration import DeclarationError
from ansible_collections.steady.ecs.plugins.module_utils.rules.differences import Difference

Answer = dict[str, Any]
ANY = "*"


class Ignore:
    """An ignore list on one day, and what it has left out.

    Entries: ``path``, ``reason``, ``until`` (a date, the last day that it holds) and ``resource``, which may be left
    out. ``*`` in path or resource stands for any text. Raises DeclarationError.
    """

    def __init__(self, entries: list[Answer], today: str) -> None:
        self._entries = [_checked(each) for each in entries]
        self._today = today
        self.left_out: list[tuple[Difference, Answer]] = []

    @property
    def expired(self) -> list[str]:
        """Entries that hold no longer, in words."""
        return [
            f"drift_ignore: {each['path']} held until {each['until']}: settle it, or give it a new date"
            for each in self._entries
            if each["until"] < self._today
        ]

    def kept(self, found: list[Difference]) -> list[Difference]:
        """The differences that count; the others are noted."""
        kept = []
        for each in found:
            entry = next((entry for entry in self._entries if self._holds(entry, each)), None)
            if entry is None:
                kept.append(each)
            else:
                self.left_out.append((each, entry))
        return kept

    def _holds(self, entry: Answer, found: Difference) -> bool:
        return bool(
            entry["until"] >= self._today
            and _matches(entry["path"], found.path)
            and _matches(entry.get("resource") or ANY, found.resource)
        )


def _checked(entry: Answer) -> Answer:
    try:
        until = datetime.date.fromisoformat(str(entry["until"]))
    except ValueError:
        raise DeclarationError(
            f"drift_ignore: until of {entry['path']} must be a date, such as 2026-01-31; it is {entry['until']!r}."
        ) from None
    # It takes 20260131 and 2026-W05-6 too, which as text come after every day of their year.
    return {**entry, "until": until.isoformat()}


def _matches(pattern: str, text: str) -> bool:
    # fnmatch would take the brackets of a path for a set of characters.
    return re.fullmatch(".*".join(map(re.escape, pattern.split(ANY))), text, re.DOTALL) is not None
