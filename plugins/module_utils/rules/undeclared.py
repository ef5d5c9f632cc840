# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is live and nobody declares (any longer): notes in drift, never a reason to change anything."""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules import intent, looks, plan, states, target_group
from ansible_collections.steady.ecs.plugins.module_utils.rules.differences import Difference
from ansible_collections.steady.ecs.plugins.module_utils.rules.settings import setting
from ansible_collections.steady.ecs.plugins.module_utils.rules.task_definition_meaning import CONTAINERS, RESOURCE

Answer = dict[str, Any]

NO_LONGER = "no longer declared; still live: set null, or declare it"
NO_LONGER_WHOLE = "no longer declared as a whole: what else it set stays live"

_IN_CONTAINER = re.compile(rf"{CONTAINERS}\[([\w-]+)\]\.(\w+)(?:\[(.*)\])?", re.DOTALL)
IMAGE = "image"
IDENTIFIED_BY = {"environment": "name", "secrets": "name"}


def differences(declared: plan.Declared, live: plan.Live, record: Answer | None) -> list[Difference]:
    """What nobody declares and what is not as the last release left it, or, unknown to it, not AWS's default (C21).

    ``record``: the current release's, None without one. ``expected`` is what the release left, or the default.
    """
    last = states.state_of(record) if record else {"attributes": {}}
    found = _attributes(declared, live, last["attributes"])
    if record is None:
        return found
    if last["task_definition"] != live.service["taskDefinition"]:
        found.append(Difference("service", "taskDefinition", last["task_definition"], live.service["taskDefinition"]))
    now, mine = _settings(live), states.flat_settings(declared.settings)
    left = states.flat_settings(last["settings"])
    return found + [
        Difference("service", path, value, now[path])
        for path, value in left.items()
        if path in now and now[path] != value and path not in mine
    ]


def no_longer_declared(declared: plan.Declared, live: plan.Live, record: Answer | None) -> list[str]:
    """Names that the last release declared, the inventory no longer does, and that are still live, in words.

    An image is none of them: a pipeline that deploys images and an inventory that does not name them never fight.
    """
    if record is None:
        return []
    then, now = states.declared(record), plan.names(declared, live)
    found, settings = [], _settings(live)
    for path in then["settings"]:
        known = setting(path)
        default = known.default if known else None
        if path not in now["settings"] and path in settings and settings[path] != default:
            found.append(f"service: {path}: {NO_LONGER}")
    if intent.WHOLE in then["task_definition"] and intent.WHOLE not in now["task_definition"]:
        found.append(f"task definition: {NO_LONGER_WHOLE}")
    else:
        gone = [path for path in then["task_definition"] if path not in now["task_definition"]]
        found += [f"task definition: {path}: {NO_LONGER}" for path in gone if _is_there(path, live.definition)]
    for arn, keys in then["attributes"].items():
        here, name = live.attributes.get(arn, {}), looks.group_name(arn)
        found += [
            f"target group {name}: {key}: {NO_LONGER}"
            for key in keys
            if key in here and key not in now["attributes"].get(arn, []) and here[key] != target_group.DEFAULTS.get(key)
        ]
    return found


def released_images(declared: plan.Declared, live: plan.Live, record: Answer | None) -> list[str]:
    """Containers whose image the last release was given, by ``-e`` for one, and the inventory does not name."""
    if record is None:
        return []
    mine = plan.names(declared, live)["task_definition"]
    found = [_IN_CONTAINER.fullmatch(path) for path in states.declared(record)["task_definition"] if path not in mine]
    return [each[1] for each in found if each and each[2] == IMAGE and intent.WHOLE not in mine]


def image_differences(containers: list[str], released: Answer, live: Answer) -> list[Difference]:
    """Of these containers, the images of the released revision that the live one does not have."""
    then, now = (_images(content) for content in (released, live))
    return [
        Difference(RESOURCE, f"{CONTAINERS}[{name}].{IMAGE}", then[name], now.get(name))
        for name in containers
        if name in then and then[name] != now.get(name)
    ]


def _attributes(declared: plan.Declared, live: plan.Live, left: dict[str, dict[str, str]]) -> list[Difference]:
    mine, found = plan.names(declared, live)["attributes"], []
    for each in live.groups:
        arn, kind = each["TargetGroupArn"], target_group.kind(each.get("Protocol", ""), each.get("TargetType", ""))
        usual = target_group.DEFAULTS if kind == target_group.APPLICATION else {}
        base, now = {**usual, **left.get(arn, {})}, live.attributes[arn]
        found += [
            Difference(f"target group {each['TargetGroupName']}", key, base[key], now[key])
            for key in sorted(base)
            if key in now and now[key] != base[key] and key not in mine.get(arn, [])
        ]
    return found


def _settings(live: plan.Live) -> Answer:
    return states.flat_settings(states.live_settings(live.service))


def _images(content: Answer) -> dict[str, str]:
    return {each["name"]: each.get(IMAGE, "") for each in content.get(CONTAINERS, [])}


def _is_there(path: str, content: Answer) -> bool:
    """Whether a path of a record's ``changes`` is set in a described task definition."""
    inner = _IN_CONTAINER.fullmatch(path)
    if not inner:
        return bool(content.get(path))
    name, member, item = inner.groups()
    container: Answer = next((each for each in content.get(CONTAINERS, []) if each["name"] == name), {})
    value = container.get(member)
    if member == IMAGE:
        return False
    if item is None:
        return bool(value)
    key = IDENTIFIED_BY.get(member, "name")
    return any(each.get(key) == item for each in value or [])
