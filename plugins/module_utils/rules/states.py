# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The state of a service that releases change and rollback restores: revision, settings, target-group attributes.

A *state* is ``{"task_definition": ARN, "settings": {...}, "attributes": {ARN: {key: text}}}``; ``before`` of a record
is one, with more in it. The desired count is a policy (autoscaling may own it), so it is never part of a state.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules import redact, target_group, together
from ansible_collections.steady.ecs.plugins.module_utils.rules.declaration import DeclarationError
from ansible_collections.steady.ecs.plugins.module_utils.rules.differences import Difference
from ansible_collections.steady.ecs.plugins.module_utils.rules.looks import group_name
from ansible_collections.steady.ecs.plugins.module_utils.rules.records import RELEASES, ROLLED_BACK, Document
from ansible_collections.steady.ecs.plugins.module_utils.rules.settings import (
    GRACE,
    NO_DEFAULT,
    SCALING,
    SETTINGS,
    TAGS,
    beside,
    live_value,
    setting,
    tag_key,
    tag_path,
)
from ansible_collections.steady.ecs.plugins.module_utils.rules.strategies import NUMBERS

COUNT = "desiredCount"


def flat_settings(settings: Document) -> Document:
    """Settings by dotted path, ``deploymentConfiguration.maximumPercent``; null above paths stands for each below. As
    records keep them (:func:`redact.recorded`): one of before that rule may still hold a log option in clear."""
    found: Document = {}

    def walk(value: Any, path: str) -> None:
        if path in SETTINGS:
            found[path] = redact.recorded(path, value)
        elif path == TAGS:
            found.update({tag_path(str(key)): text for key, text in (value or {}).items()})
        elif value is None:
            found.update(dict.fromkeys(each for each in SETTINGS if each.startswith(f"{path}.")))
        elif isinstance(value, dict):
            for name, item in value.items():
                walk(item, f"{path}.{name}")

    for name, value in settings.items():
        walk(value, name)
    return found


def unreadable(record: Document) -> list[str]:
    """What is wrong with the settings on a record, which its shape leaves open (empty when they may be used): each must
    be in a form that could be declared, as all are that were found or declared."""
    wrong = []
    for part in ("before", "intent"):
        try:
            for path, value in flat_settings(record[part]["settings"]).items():
                known = setting(path)
                if known and value is not None:
                    known.normal(path, value)
        except (AttributeError, DeclarationError, LookupError, TypeError, ValueError):  # a message may quote a secret
            wrong.append(f"the settings in its {part} are not in the form of this version")
    return wrong


def nested_settings(flat: Document) -> Document:
    """The reverse of :func:`flat_settings`: AWS's own nesting, as the module ``deployment`` takes it."""
    found: Document = {}
    for path, value in flat.items():
        key = tag_key(path)
        place, *steps = found, *([TAGS, key] if key else path.split("."))
        for name in steps[:-1]:
            place = place.setdefault(name, {})
        place[steps[-1]] = value
    return found


def live_settings(service: Document) -> Document:
    """Every setting that can be declared, as a service in DescribeServices's answer has it, in AWS's nesting; what is
    in no such answer (:func:`settings.beside`) only where it was laid beside it. No secret is in it."""
    found: Document = {}
    for path, known in SETTINGS.items():
        value = live_value(path, service)
        if path == COUNT or (value is None and known.default is NO_DEFAULT):
            continue
        if beside(path) and not service.get(path.split(".")[0]):
            continue  # not read, or not there
        found[path] = redact.recorded(path, known.default if value is None else known.normal(path, value))
    found.update({tag_path(each["key"]): each.get("value", "") for each in service.get(TAGS) or []})
    return nested_settings(found)


def as_found(live: Document, intent: Document) -> Document:
    """What a release found, for its record. Of the tags those that it declares, absent ones too: they belong to whoever
    sets them, and one that somebody else changes meanwhile says nothing about the release."""
    settings = flat_settings(live["settings"])
    wanted = [path for path in flat_settings(intent["settings"]) if tag_key(path)]
    kept = {path: value for path, value in settings.items() if not tag_key(path)}
    return {**live, "settings": nested_settings({**kept, **{path: settings.get(path) for path in wanted}})}


def records_after(records: Mapping[int, Document], seq: int) -> list[Document]:
    """The records after a number, oldest first. Nothing older is read: a history may be long, each a call."""
    return [records[number] for number in sorted(records) if number > seq]


def scales(head: Document, records: Mapping[int, Document]) -> bool:
    """Whether the current release, or one after it that may have left something, knows a scalable target: then that is
    one of the things that releases change, whoever declares it now."""
    since = records_after(records, (head["current"] or 0) - 1)
    left = [each for each in since if each["kind"] in RELEASES and each["state"] != ROLLED_BACK]
    return any(SCALING in each[part]["settings"] for each in left for part in ("before", "intent"))


def state_of(record: Document, records: Mapping[int, Document] | None = None) -> Document:
    """The state that a record's release has brought about, or was to bring about: what it found, and its own on top.

    Of a scalable target only what it declared, and what one after it in ``records`` found and changed: the rest is
    moved by whoever owns it, scheduled actions too. What becomes of the grace period of load balancers that are taken
    away only AWS knows.
    """
    before, intent = record["before"], record["intent"]
    found = flat_settings(before["settings"])
    found = {path: value for path, value in found.items() if not path.startswith(SCALING)}
    for each in reversed(records_after(records, record["seq"]) if records else []):  # the first one has the last word
        if each["state"] != ROLLED_BACK:
            theirs = flat_settings(each["before"]["settings"])
            ours = [path for path in flat_settings(each["intent"]["settings"]) if path.startswith(SCALING)]
            found.update({path: theirs[path] for path in ours if path in theirs})
    wanted = settled(intent["settings"])
    if wanted.get("loadBalancers") == []:
        found.pop(GRACE, None)
    settings = {**found, **wanted}
    revision = record["steps"]["task_definition"] or intent["task_definition"]["revision"]
    return {
        "task_definition": revision or before["task_definition"],
        "settings": nested_settings(settings),
        "attributes": added_attributes(before["attributes"], intent["attributes"]),
    }


def settled(declared: Document) -> Document:
    """Declared settings by path, and what they take along, null replaced by AWS's default, in the form in which equal
    means equal."""
    found: Document = {}
    for path, value in flat_settings(together.taken_along(declared)).items():
        known = setting(path)
        if path == COUNT or known is None:
            continue
        if value is not None:
            found[path] = known.normal(path, value)
        elif known.default is not NO_DEFAULT:
            found[path] = known.default
    return found


def added_attributes(below: Document, above: Document) -> Document:
    """Attributes by target group, the second laid over the first."""
    return {arn: {**below.get(arn, {}), **above.get(arn, {})} for arn in sorted({*below, *above})}


def properties(state: Document) -> dict[tuple[str, str], Any]:
    """Settings and attributes of a state in one flat form: by (resource, path)."""
    found: dict[tuple[str, str], Any] = {
        ("service", path): value for path, value in flat_settings(state["settings"]).items()
    }
    for arn, values in state["attributes"].items():
        found.update({(f"target group {group_name(arn)}", key): text for key, text in values.items()})
    return found


def differences(state: Document, live: Document) -> list[Difference]:
    """What would have to change for the live state to become this one.

    A setting or attribute that only one side knows decides nothing: AWS adds some over the years, and a target group
    may have been attached or detached since. So does a number of a strategy that was left to AWS.
    """
    found = []
    if state["task_definition"] != live["task_definition"]:
        found.append(Difference("service", "taskDefinition", state["task_definition"], live["task_definition"]))
    actual = properties(live)
    for (resource, path), value in properties(state).items():
        nothing = target_group.unset(path, value) or (value is None and path in NUMBERS)
        if actual.get((resource, path), value) != value and not nothing:
            found.append(Difference(resource, path, value, actual[resource, path]))
    return found


def changed_settings(record: Document) -> list[str]:
    """The paths of the settings that a release changed: what it declared, and what that takes along."""
    return sorted(flat_settings(together.taken_along(record["intent"]["settings"])))


def declared(record: Document) -> Document:
    """The names that a release declared.

    ``{"attributes": {ARN: [key]}, "settings": [path], "task_definition": [path]}``. A name that the last release
    declared and the inventory no longer does is a finding in plan and drift.
    """
    intent = record["intent"]
    return {
        "attributes": {arn: sorted(values) for arn, values in sorted(intent["attributes"].items())},
        "settings": sorted(flat_settings(intent["settings"])),
        "task_definition": sorted(intent["task_definition"]["changes"] or []),
    }
