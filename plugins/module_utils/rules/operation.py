# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The record of an operator's verb (scale, restart, stop, ...): the shape of a release's, and never a release.

It is never current, never open in the head, and never a way back; what dies in it leaves a record that the next
release calls abandoned.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules import intent, release
from ansible_collections.steady.ecs.plugins.module_utils.rules.outcome import shortened
from ansible_collections.steady.ecs.plugins.module_utils.rules.records import (
    APPLYING,
    FAILED,
    OPERATIONS,
    SUCCEEDED,
    VERIFYING,
    Document,
    moved,
    written,
)

MOST_NAMES = 200
"""Of a longer list, such as the deregistered revisions of a family, the record keeps the first and the last ones."""

NOTHING: Document = {
    "task_definition": {"family": None, "revision": None, "images": [], "changes": []},
    "settings": {},
    "count_policy": {"mode": "keep", "count": None},
    "attributes": {},
}
"""``intent`` of an operation: it declares nothing of a release."""


def opening(
    head: Document, records: release.Records, request: release.Request, arguments: Document, live: Document, now: str
) -> list[release.Write]:
    """The writes before an operation: its record, the head that counts it, the record ``applying``.

    ``live`` has the shape of ``before``, ``arguments`` what the verb was told, redacted. Raises ValueError for a kind
    that is none.
    """
    if request.kind not in OPERATIONS:
        raise ValueError(f"{request.kind} is no operation")
    seq = max([head["seq"], *records]) + 1
    record = release.prepared(seq, head["epoch"], head["current"], request, live, now)
    record["operation"] = {"verb": request.kind, "arguments": arguments, "result": None}
    counted = written(head, request.nonce, seq=seq)
    return [
        release.Write(release.CREATE, record),
        release.Write(release.HEAD, counted),
        release.Write(release.REPLACE, moved(record, APPLYING, now)),
    ]


def closed(record: Document, result: Document | None, reason: str | None, seconds: float, now: str) -> Document:
    """The record as an operation leaves it: failed when there is a ``reason``. Raises ValueError for one closed."""
    if reason is None and record["state"] == APPLYING:
        record = moved(record, VERIFYING, now)
    return moved(
        record,
        SUCCEEDED if reason is None else FAILED,
        now,
        verdict={**record["verdict"], "reason": reason, "duration_seconds": round(float(seconds), 1)},
        audit={**record["audit"], "finished": now},
        operation={**record["operation"], "result": None if result is None else recorded(result)},
    )


def recorded(result: Document) -> Document:
    """What a verb came to as its record keeps it: of any length that AWS and its callers make it, the closing write is
    never refused for it."""
    kept = {name: _shortened(value) for name, value in result.items()}
    return {**kept, "cause": intent.recorded_cause(result["cause"])} if "cause" in result else kept


def _shortened(value: Any) -> Any:
    if isinstance(value, str):
        return shortened(value)
    if not isinstance(value, list) or len(value) <= MOST_NAMES:
        return value
    half = MOST_NAMES // 2
    return [*value[:half], f"and {len(value) - MOST_NAMES} more", *value[-half:]]
