#!/usr/bin/python
# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: release_report
short_description: Write the report of one release of an Amazon ECS service
version_added: 0.1.0
description:
  - Writes C(report.md) for people and C(report.json) with the same facts.
  - What changed before and after, the timeline, the verification, requests served and failed, the rollback plan with
    its commands, and what to watch.
  - Reads the service as it is now; changes nothing but the two files.
author:
  - The steady.ecs authors (@steady-ecs)
options:
  seq:
    description: Number of the release. Without it nothing is written, for no release was opened.
    type: int
  path:
    description: Folder of the two files. The default is C(reports/NUMBER) beside the record.
    type: path
  differences:
    description:
      - The plan of the run, redacted as the modules answer it. Without it the report names what was declared in the
        task definition, but no value, for the record has none.
    type: list
    elements: dict
  checks:
    description: The checks in the answer of M(steady.ecs.service_health). Without them, those of the record.
    type: list
    elements: dict
  cause:
    description: The cause in the answer of M(steady.ecs.deployment), with its log lines. Without it, the record's.
    type: dict
  timeline:
    description: The timeline in the answer of M(steady.ecs.deployment). Without it, the record's.
    type: list
    elements: dict
  traffic:
    description: JSON summary of a traffic generator. A file that is not there (yet) is a note, not a failure.
    type: path
  endpoints:
    description: The health endpoints, as M(steady.ecs.service_health) takes them.
    type: list
    elements: raw
    default: []
  services:
    description: Services of this run. With several, a report in O(path) gets a folder of its service's name there.
    type: int
    default: 1
  rollback_command:
    description: The command that goes back.
    type: str
    default: ansible-playbook steady.ecs.rollback
extends_documentation_fragment:
  - steady.ecs.records
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Write the report
  steady.ecs.release_report:
    account: "640080112933"
    region: us-east-1
    cluster: pardon-production-cluster
    service: pardon-production-service
    seq: 2
    endpoints: [https://pardonsimulator.com/api/health/coral]
"""

RETURN = r"""
path_markdown:
  description: Path of report.md; null when nothing was written.
  returned: always
  type: str
  sample: /home/me/reports/00000002/report.md
path_json:
  description: Path of report.json; null when nothing was written.
  returned: always
  type: str
  sample: /home/me/reports/00000002/report.json
report:
  description: The facts, as in report.json; null without O(seq).
  returned: always
  type: dict
  sample: {title: "Release 2 of pardon-production-service: proven"}
markdown:
  description: The text of report.md, for a step summary or an issue.
  returned: always
  type: str
  sample: "# Release 2 of pardon-production-service: proven"
"""

import json
from pathlib import Path
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import live, reads, result_files
from ansible_collections.steady.ecs.plugins.module_utils.rules import (
    addresses,
    by_hand,
    report,
    report_markdown,
    restore,
)
from ansible_collections.steady.ecs.plugins.module_utils.rules.records import Document
from ansible_collections.steady.ecs.plugins.module_utils.rules.release import Records
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Spec, Task, execute

SPEC = Spec(
    options={
        **live.STORE_OPTIONS,
        "seq": {"type": "int"},
        "path": {"type": "path"},
        "services": {"type": "int", "default": 1},
        "differences": {"type": "list", "elements": "dict"},
        "checks": {"type": "list", "elements": "dict"},
        "cause": {"type": "dict"},
        "timeline": {"type": "list", "elements": "dict"},
        "traffic": {"type": "path"},
        "endpoints": {"type": "list", "elements": "raw", "default": []},
        "rollback_command": {"type": "str", "default": "ansible-playbook steady.ecs.rollback"},
    },
)


def run(task: Task) -> dict[str, Any]:
    """Gather the facts, lay them out, write two files."""
    params = task.params
    if params["seq"] is None:
        return {"changed": False, "report": None, "markdown": "", "path_markdown": None, "path_json": None}
    store = live.store(task)
    records = store.records()
    record = store.record(params["seq"])
    service = reads.service(task, params["cluster"], params["service"])
    found = _found(task, service)
    base = restore.way_back(record, records)
    restored = _restored(params["rollback_command"], record, base, records, service) if base else None
    urls = [addresses.shown(str(each["url"] if isinstance(each, dict) else each)) for each in params["endpoints"]]
    made = report.report(record, found, {**params, "endpoints": urls, "traffic": _traffic(task)}, restored)
    text = report_markdown.markdown(made)
    folder = Path(params["path"] or store.reports / f"{record['seq']:08d}")
    if params["path"] and params["services"] > 1:  # each would write over the one before
        folder /= params["service"]
    answer = {
        "changed": True,
        "report": made,
        "markdown": text,
        "path_markdown": str(folder / "report.md"),
        "path_json": str(folder / "report.json"),
    }
    if not task.check_mode:
        task.report(f"report: {folder / 'report.md'}")
        result_files.write_report(folder, {"report.md": text, "report.json": json.dumps(made, indent=1) + "\n"})
    return answer


def _restored(playbook: str, record: Document, base: Document, records: Records, service: Document) -> Document:
    """What going back restores, and what to type for it."""
    found = {"task_definition": service["taskDefinition"], "desired": service["desiredCount"]}
    restored = restore.restoration(base, records, found)
    made, left = by_hand.commands(record["target"], restored, service)
    typed = restore.command(playbook, record, base, records)
    unknown = [each for each in restored["not_restorable"] if each not in left]
    return {**restored, "command": typed, "commands": made, "left": left + unknown}


def _found(task: Task, service: Document) -> Document:
    groups = reads.target_groups(task, live.group_arns(service))
    health = {
        each["TargetGroupArn"]: [target["state"] for target in reads.target_health(task, each["TargetGroupArn"])]
        for each in groups
    }
    return report.facts(service, reads.task_definition(task, service["taskDefinition"]), groups, health)


def _traffic(task: Task) -> Document | None:
    if not task.params["traffic"]:
        return None
    try:
        return result_files.summary_file(Path(task.params["traffic"]))
    except Failure as failure:
        task.warn(f"The report counts no requests: {failure.msg}")
        return None


def main() -> None:
    """Run as a module process."""
    execute(SPEC, run)


if __name__ == "__main__":
    main()
