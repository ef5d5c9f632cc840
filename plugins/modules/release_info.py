#!/usr/bin/python
# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: release_info
short_description: Show the releases of an Amazon ECS service, and what a rollback would restore
version_added: 0.1.0
description:
  - Reads the release records and the live state of the service. Nothing is written.
  - While a release is open, the target is the state that it started from. Otherwise it is the last proven release
    before the live one; a baseline, which nobody verified, only where nothing proven exists. A rollback that is live,
    and whole, stays.
author:
  - The steady.ecs authors (@steady-ecs)
options:
  rollback_to:
    description:
      - The release to go back to. Its number, its revision (C(FAMILY:NUMBER) or the ARN), or a commit of at least
        seven digits. The default is chosen as described above.
    type: str
  limit:
    description: How many releases RV(history) lists.
    type: int
    default: 20
extends_documentation_fragment:
  - steady.ecs.records
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Ask what a rollback would restore
  steady.ecs.release_info:
    account: "640080112933"
    region: us-east-1
    cluster: pardon-production-cluster
    service: pardon-production-service
  register: releases

- name: Refuse when there is nothing to go back to
  ansible.builtin.fail:
    msg: "{{ releases.reason }} {{ releases.remedy }}"
  when: not releases.target
"""

RETURN = r"""
current:
  description: The last succeeded release, or null. Its keys are those of an entry of RV(history).
  returned: always
  type: dict
  sample: {seq: 2, kind: deploy, state: succeeded, proven: true}
open:
  description: The release that is not closed, or null.
  returned: always
  type: dict
  sample: null
live_is_current:
  description: Whether the live state is that of the current release.
  returned: always
  type: bool
  sample: true
history:
  description: The releases, newest first.
  returned: always
  type: list
  elements: dict
  contains:
    seq:
      description: Number.
      type: int
      sample: 2
    kind:
      description: V(baseline), V(deploy) or V(rollback).
      type: str
      sample: deploy
    state:
      description: State of the record.
      type: str
      sample: succeeded
    proven:
      description: Whether it succeeded and was verified.
      type: bool
      sample: true
    outcome:
      description: Outcome of the run.
      type: str
      sample: proven
    base:
      description: The release before it.
      type: int
      sample: 1
    restores:
      description: The release that a rollback restored.
      type: int
      sample: null
    task_definition:
      description: ARN of its revision.
      type: str
      sample: arn:aws:ecs:us-east-1:640080112933:task-definition/pardon-simulator:75
    declared:
      description: The names it declared. Attributes by target group, settings and the task definition by path.
      type: dict
      sample:
        attributes: {}
        settings: []
        task_definition: ["containerDefinitions[coral].environment[CORAL_SESSIONS]"]
    interrupted:
      description: Whether a run of it was interrupted.
      type: bool
      sample: false
    who:
      description: ARN of the caller.
      type: str
      sample: arn:aws:iam::640080112933:user/ada
    why:
      description: The reason given.
      type: str
      sample: Sessions stay on one task for 24 hours
    started:
      description: When it was opened, UTC.
      type: str
      sample: "2025-11-27T10:00:00Z"
    finished:
      description: When it was closed, UTC.
      type: str
      sample: "2025-11-27T10:10:00Z"
target:
  description: What a rollback would restore now; null when there is nothing, see RV(reason) and RV(remedy).
  returned: always
  type: dict
  contains:
    seq:
      description: Number of the release.
      type: int
      sample: 1
    kind:
      description: Its kind.
      type: str
      sample: baseline
    proven:
      description: Whether it was verified.
      type: bool
      sample: false
    task_definition:
      description: ARN of its revision.
      type: str
      sample: arn:aws:ecs:us-east-1:640080112933:task-definition/pardon-simulator:74
    images:
      description: By container, the image with its digest that ran then, as far as it is on record.
      type: dict
      sample: {coral: "pardon/coral-server:latest@sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddf"}
    endpoints:
      description: By the name of its check, what each endpoint answered when that release was verified.
      type: dict
      sample: {"endpoint https://pardon.example.com/health": "200"}
    attributes:
      description: By target-group ARN, the attributes that later releases declared.
      type: dict
      sample:
        "arn:aws:elasticloadbalancing:us-east-1:640080112933:targetgroup/web/6cd8":
          stickiness.lb_cookie.duration_seconds: "3600"
    settings:
      description: The settings that later releases declared.
      type: dict
      sample: {}
    force:
      description: Its revision is live already, so that only a forced deployment replaces the tasks.
      type: bool
      sample: false
    not_restorable:
      description:
        - Names that later releases declared and of which the record of this one does not say what they were, because it
          did not know them, or because a record keeps no value of a log option that may be a secret; and
          C(desiredCount) where a later release has left it to others, such as autoscaling. In the answer of
          M(steady.ecs.release) also the target-group attributes that its O(steady.ecs.release#module:owner) has
          otherwise, for V(terraform) and V(other) are never written.
      type: list
      elements: str
      sample: []
differences:
  description: What that rollback would change.
  returned: always
  type: list
  elements: dict
  sample: [{resource: service, path: taskDefinition, expected: "arn…:74", actual: "arn…:75", type: NOT_EQUAL}]
reason:
  description: Why this target, or why none.
  returned: always
  type: str
  sample: release 2 is live; release 1 is not proven, but nothing proven is older
remedy:
  description: What to do when there is no target.
  returned: always
  type: str
  sample: ""
folder:
  description: Where the store keeps the records of this service.
  returned: always
  type: str
  sample: /home/me/.local/state/steady/640080112933/us-east-1/pardon-production-cluster/pardon-production-service
"""

from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import live
from ansible_collections.steady.ecs.plugins.module_utils.rules import release, restore
from ansible_collections.steady.ecs.plugins.module_utils.rules.records import Document, proven
from ansible_collections.steady.ecs.plugins.module_utils.rules.states import declared, differences, scales, state_of
from ansible_collections.steady.ecs.plugins.module_utils.work import Spec, Task, execute

SPEC = Spec(
    options={
        **live.STORE_OPTIONS,
        "rollback_to": {"type": "str"},
        "limit": {"type": "int", "default": 20},
    },
)


def run(task: Task) -> dict[str, Any]:
    """Read the records and the live state."""
    store = live.store(task)
    records = store.records()
    head = release.settled(store.head(), records)
    found = live.state(task, scales(head, records))
    current = records.get(head["current"])
    choice, target = live.chosen(task, head, records, found, task.params["rollback_to"])
    unfinished = release.opened(head, records)
    return {
        "changed": False,
        "current": current and _brief(current),
        "open": unfinished and _brief(unfinished),
        "live_is_current": current is not None and not differences(state_of(current, records), found),
        "history": [_brief(records[seq]) for seq in sorted(records, reverse=True)[: task.params["limit"]]],
        "target": target,
        "differences": [each.as_dict() for each in restore.changes(target, found)] if target else [],
        "reason": choice.reason,
        "remedy": choice.remedy,
        "folder": store.place,
    }


def _brief(record: Document) -> Document:
    audit = record["audit"]
    return {
        **{name: record[name] for name in ("seq", "kind", "state", "base", "restores")},
        "proven": proven(record),
        "outcome": record["verdict"]["outcome"],
        "task_definition": state_of(record)["task_definition"],
        "declared": declared(record),
        "interrupted": any(each["state"] == "interrupted" for each in record["log"]),
        **{name: audit[name] for name in ("who", "why", "started", "finished")},
    }


def main() -> None:
    """Run as a module process."""
    execute(SPEC, run)


if __name__ == "__main__":
    main()
