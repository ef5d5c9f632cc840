# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The words and the counting of drift. The words are those of CloudFormation's drift detection."""

from __future__ import annotations

from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules.template import OF_STACK

IN_SYNC = "IN_SYNC"
DRIFTED = "DRIFTED"
NOT_CHECKED = "NOT_CHECKED"
BY_WEIGHT = (IN_SYNC, DRIFTED, NOT_CHECKED)

OUTCOMES = {IN_SYNC: "unchanged", DRIFTED: "drifted", NOT_CHECKED: "error"}
"""The outcome word of each status."""

TEMPLATE = "the template of a stack that may own the target group"
NOT_LOOKED_AT = (
    TEMPLATE,
    "values of environment variables, images and other content of the task definition that nobody declares",
    "listener rules, load-balancer attributes, scaling policies, alarms and IAM",
)
"""A clean report over an unstated population misleads."""

Answer = dict[str, Any]


def status(differences: list[Any], undeclared: list[Any], count_undeclared: bool) -> str:
    """IN_SYNC or DRIFTED. Undeclared differences count only when the inventory asks for it."""
    return DRIFTED if differences or (count_undeclared and undeclared) else IN_SYNC


def summary(name: str, found: Answer) -> str:
    """One sentence for the last line. ``found``: as the module answers it."""
    if found["status"] == NOT_CHECKED:
        return f"{name} could not be looked at: {found['reason']}"
    ignored = f"; {len(found['ignored'])} ignored" if found["ignored"] else ""
    if found["status"] == IN_SYNC:
        are = "property is" if found["checked"] == 1 else "properties are"
        return f"{name}: {found['checked']} declared {are} live{ignored}"
    in_stack = [each for each in found["template"] if each["resource"].startswith(OF_STACK)]
    in_file = [each for each in found["template"] if each not in in_stack]
    said = [
        (found["differences"], "declared", "not live"),
        (in_file, "declared", "not so in the template"),
        (in_stack, "declared", "not so in the stack"),
    ]
    if not any(each for each, *_words in said):
        said = [(found["undeclared"], "undeclared", "not as the last release left it, or not AWS's default")]
    words = [
        f"{len(each)} {kind} propert{'y is' if len(each) == 1 else 'ies are'} {how}" for each, kind, how in said if each
    ]
    return f"{name}: {', '.join(words)}{ignored}"


def merged(existing: Answer, host: str, entry: Answer, time: str) -> Answer:
    """drift.json with one host added; its status is the worst of all hosts."""
    hosts = {**existing.get("hosts", {}), host: entry}
    worst = max((each["status"] for each in hosts.values()), key=BY_WEIGHT.index)
    return {
        "schema": 1,
        "time": time,
        "status": worst,
        "drifted": sorted(name for name, each in hosts.items() if each["status"] == DRIFTED),
        "not_checked": sorted(name for name, each in hosts.items() if each["status"] == NOT_CHECKED),
        "hosts": hosts,
    }
