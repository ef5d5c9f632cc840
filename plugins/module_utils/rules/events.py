# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Events of a service as lines for people."""

from __future__ import annotations

import re

ROUTINE = (
    (re.compile(r"^has started (\d+) tasks"), "started {} tasks"),
    (re.compile(r"^registered (\d+) targets"), "registered {} targets"),
    (re.compile(r"^deregistered (\d+) targets"), "deregistered {} targets"),
    (re.compile(r"^has begun draining connections on (\d+) tasks"), "began to drain {} tasks"),
    (re.compile(r"^has stopped (\d+) running tasks"), "stopped {} tasks"),
)
EVERYDAY = (
    *(pattern for pattern, _words in ROUTINE),
    re.compile(r"^has reached a steady state\.$"),
    re.compile(r"^\(deployment [\w/-]+\) deployment completed\.$"),
)
"""What ECS says while all goes well: names and numbers."""
TASK_ID = re.compile(r"\b([0-9a-f]{8})[0-9a-f]{24}\b")
SHORT = r"\1"


def is_everyday(text: str) -> bool:
    """Whether an event is of the kinds that quote nothing of what was declared."""
    return any(pattern.match(text) for pattern in EVERYDAY)


def condensed(texts: list[str]) -> list[str]:
    """Events as lines: those of the everyday kind added up in one line, every other one in full after it."""
    counts: dict[str, int] = {}
    lines = []
    for text in texts:
        for pattern, words in ROUTINE:
            found = pattern.match(text)
            if found:
                counts[words] = counts.get(words, 0) + int(found[1])
                break
        else:
            lines.append(f"ECS: {TASK_ID.sub(SHORT, text.split(' For more information, see')[0])}")
    everyday = ", ".join(words.format(count) for words, count in counts.items())
    return ([f"ECS: {everyday}"] if everyday else []) + lines
