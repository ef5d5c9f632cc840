# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The last line of a run, in one place: ``outcome: proven: web runs web:75, 3/3 healthy (2 min 10 s)``."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules import redact

LONGEST_TEXT = 1000
"""Bytes of a text on a record, as JSON: a letter takes one to four, and a quotation mark two."""


def one_line(text: str) -> str:
    """Foreign text on one line, without control characters: an API's event must not forge a line of its own."""
    return " ".join(redact.text(text).split())


def shortened(text: Any) -> str:
    """Foreign text as a record keeps it: on one line, and never so long that the closing write is refused."""
    kept = one_line(str(text)[: 4 * LONGEST_TEXT])[:LONGEST_TEXT]  # cleaning goes letter by letter
    while (over := len(json.dumps(kept, ensure_ascii=False).encode()) - 2 - LONGEST_TEXT) > 0:
        kept = kept[: -max(1, over // 4)]
    return kept


def duration_text(seconds: float) -> str:
    """``45 s``, ``2 min 10 s``, ``1 h 5 min``."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def last_line(word: str, detail: str, seconds: float | None) -> str:
    """The line; without a detail only the word, without a duration no brackets."""
    line = f"outcome: {word}"
    if detail:
        line += f": {detail}"
    return line if seconds is None else f"{line} ({duration_text(seconds)})"
