# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What has come of a run, in a word and in its last line: ``outcome: proven: web runs web:75 (2 min 10 s)``."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules import redact

OUTCOME_STATUS = {
    "proven": 0,
    "unchanged": 0,
    "drifted": 2,
    "failed_rolled_back": 3,
    "failed": 4,
    "held": 5,
    "superseded": 6,
    "interrupted": 7,
    "error": 1,
}
"""The outcome words and the exit status of each; ``./steady`` has a copy in shell, and a test compares."""

OUTCOMES_BY_WEIGHT = (
    "unchanged",
    "proven",
    "drifted",
    "held",
    "error",
    "superseded",
    "failed_rolled_back",
    "interrupted",
    "failed",
)
"""From the best to the worst, for a run over several hosts: how urgently a person must look at the service. Nothing
was changed by a run that was held or refused (error); a superseded service runs somebody else's release; one rolled
back runs the old one; an interrupted one goes on unwatched; a failed one may be broken right now."""

LONGEST_TEXT = 1000
"""Bytes of a text on a record, as JSON: a letter takes one to four, and a quotation mark two."""


def worst(outcomes: list[str]) -> str:
    """The word that a run over several hosts ends with; ``error`` when there is none, or an unknown one."""
    if not outcomes or not set(outcomes) <= set(OUTCOMES_BY_WEIGHT):
        return "error"
    return max(outcomes, key=OUTCOMES_BY_WEIGHT.index)


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
