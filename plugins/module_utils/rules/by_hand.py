# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A restoration as commands of the AWS CLI, for the day on which the playbook is not at hand."""

from __future__ import annotations

import json
import shlex
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules import connect, redact, service
from ansible_collections.steady.ecs.plugins.module_utils.rules.declaration import DeclarationError
from ansible_collections.steady.ecs.plugins.module_utils.rules.differences import Difference
from ansible_collections.steady.ecs.plugins.module_utils.rules.records import Document
from ansible_collections.steady.ecs.plugins.module_utils.rules.settings import beside

BALANCERS = "loadBalancers"
"""Of a pair between which ECS shifts traffic, which group serves must be looked up first (case C60)."""


def commands(target: Document, restored: Document, live: Document) -> tuple[list[str], list[str]]:
    """The commands in the order of an undo, and the paths of the settings that they leave as they are.

    ``restored``: see :func:`restore.restoration`; ``live``: the service as ECS answers it now.
    """
    where = f"--cluster {shlex.quote(target['cluster'])} --service {shlex.quote(target['service'])}"
    region = f"--region {shlex.quote(target['region'])}"
    try:
        found = service.planned(restored["task_definition"], restored["settings"], live)
    except DeclarationError:
        return [], []
    left = [each.path for each in found if beside(each.path) or each.path == BALANCERS]
    first = _first([each for each in found if each.path not in left], live, restored["force"])
    logs = first.get(connect.NAME, {}).get("logConfiguration")
    if redact.is_withheld(redact.recorded(redact.LOGGING, logs)):  # it is sent whole, and a command may be shown
        left += [each.path for each in found if each.path.startswith(connect.NAME)]
        first = _first([each for each in found if each.path not in left], live, restored["force"])
    made = [f"aws ecs update-service {region} {where} {_arguments(first)}"] if first else []
    for arn, values in restored["attributes"].items():
        pairs = " ".join(shlex.quote(f"Key={key},Value={text}") for key, text in values.items())
        made.append(
            f"aws elbv2 modify-target-group-attributes {region} --target-group-arn {shlex.quote(arn)} "
            f"--attributes {pairs}"
        )
    waits = where.replace("--service", "--services")
    return [*made, f"aws ecs wait services-stable {region} {waits}"], left


def _first(differences: list[Difference], live: Document, force: bool) -> dict[str, Any]:
    return service.calls(differences, live, force)[0]


def _arguments(call: dict[str, Any]) -> str:
    """Of UpdateService: the revision as an option of its own, everything else as the JSON that the CLI takes."""
    others = {name: value for name, value in call.items() if name not in ("taskDefinition", "forceNewDeployment")}
    words = [f"--task-definition {shlex.quote(call['taskDefinition'])}"] if "taskDefinition" in call else []
    words += ["--force-new-deployment"] if call.get("forceNewDeployment") else []
    words += [f"--cli-input-json {shlex.quote(json.dumps(others, sort_keys=True))}"] if others else []
    return " ".join(words)
