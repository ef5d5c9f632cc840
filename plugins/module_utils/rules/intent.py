# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a release declares, as its record keeps it: every name, and no value of an environment variable."""

from __future__ import annotations

from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules.images import digest_of
from ansible_collections.steady.ecs.plugins.module_utils.rules.outcome import shortened
from ansible_collections.steady.ecs.plugins.module_utils.rules.records import Document, family_of, seconds_between
from ansible_collections.steady.ecs.plugins.module_utils.rules.states import (
    COUNT,
    flat_settings,
    nested_settings,
)

MOST_CHECKS = 100
LOG_LINES = 20
WHOLE = "the whole task definition"


def intent(
    live_arn: str,
    changes: Document,
    definition: Document,
    images: dict[str, str],
    settings: Document,
    attributes: dict[str, dict[str, str]],
) -> Document:
    """``intent`` of a record. ``attributes`` by target-group ARN, as text; the others as the modules' options take
    them."""
    count = flat_settings(settings).get(COUNT)
    kept = {path: value for path, value in flat_settings(settings).items() if path != COUNT}
    return {
        "task_definition": {
            "family": family_of(live_arn),
            "revision": None,
            "images": [images[name] for name in sorted(images)],
            "changes": sorted({*_changed(changes), *_changed_whole(definition), *_changed_images(images)}),
        },
        "settings": nested_settings(kept),
        "count_policy": {"mode": "keep" if count is None else "fixed", "count": None if count is None else int(count)},
        "attributes": {arn: dict(sorted(values.items())) for arn, values in sorted(attributes.items()) if values},
    }


def restoring(restored: Document) -> Document:
    """``intent`` of a rollback: what :func:`restore.restoration` says, fixed when the rollback is opened."""
    made = intent(restored["task_definition"], {}, {}, {}, restored["settings"], restored["attributes"])
    return {**made, "task_definition": {**made["task_definition"], "revision": restored["task_definition"]}}


def _changed(changes: Document) -> list[str]:
    """Paths of the mode *changes*: ``containerDefinitions[coral].environment[CORAL_SESSIONS]``."""
    found = [name for name in changes if name != "containers"]
    for container, fields in (changes.get("containers") or {}).items():
        found += _fields(container, fields or {})
    return found


def _changed_whole(definition: Document) -> list[str]:
    if not definition:
        return []
    found = [WHOLE]
    for container in definition.get("containerDefinitions") or []:
        named = {key: {each["name"]: None for each in container.get(key) or []} for key in ("environment", "secrets")}
        found += _fields(str(container.get("name", "")), {**container, **named})
    return found


def _changed_images(images: dict[str, str]) -> list[str]:
    return [f"containerDefinitions[{name}].image" for name in images]


def _fields(container: str, fields: Document) -> list[str]:
    place = f"containerDefinitions[{container}]"
    found = []
    for name, value in fields.items():
        if name in ("environment", "secrets") and isinstance(value, dict):
            found += [f"{place}.{name}[{each}]" for each in value]
        elif name != "name":
            found.append(f"{place}.{name}")
    return found


def result(given: Document, record: Document, now: str) -> Document:
    """The end of a release as its record keeps it, from the options of the module; the duration if none is given."""
    seconds = given["duration_seconds"]
    if seconds is None:
        seconds = seconds_between(record["audit"]["started"], now)
    return {
        "result": given["verdict"],
        "reason": None if given["reason"] is None else shortened(given["reason"]),
        "rolled_back_by": given["rolled_back_by"],
        "checks": recorded_checks(given["checks"]),
        "images": {name: image for name, image in given["images"].items() if digest_of(str(image))},
        "cause": recorded_cause(given["cause"]),
        "timeline": [
            {"seconds": float(each["seconds"]), "text": shortened(each["text"])} for each in given["timeline"]
        ],
        "duration_seconds": float(seconds),
    }


def recorded_checks(checks: list[dict[str, Any]]) -> list[Document]:
    """Checks as a record keeps them. A detail is kept except for the environment, whose values stay out of records."""
    return [
        {
            "name": shortened(each.get("name", "")),
            "ok": each.get("ok"),
            "detail": None if "environment" in str(each.get("name", "")).lower() else _detail(each),
        }
        for each in checks[:MOST_CHECKS]
    ]


def recorded_cause(cause: Document | None) -> Document | None:
    """A cause with its last log lines, while AWS still has them: a stopped task is gone after an hour, and a log group
    may keep its lines for a day. Whoever read them has masked the environment's values (:func:`causes.masked`)."""
    if not cause:
        return None
    kept = {name: shortened(value) if isinstance(value, str) else value for name, value in cause.items()}
    for name in ("log_lines", "events"):
        kept[name] = [shortened(each) for each in (cause.get(name) or [])[-LOG_LINES:]]
    return kept


def _detail(check: Document) -> str:
    if check.get("ok") is None:
        return shortened(check.get("reason") or "not checked")
    if check["ok"]:
        return shortened(check.get("found"))
    return shortened(f"expected {check.get('expected')}, found {check.get('found')}")
