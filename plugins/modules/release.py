#!/usr/bin/python
# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: release
short_description: Open, note and close the record of a release of an Amazon ECS service
version_added: 0.1.0
description:
  - Writes down what a run is about to change and what was live before, so that a rollback knows an exact way back.
  - The live state is read by the module itself. When it is the state of no release on record (the first deployment
    ever, or a change by hand), it is written down as a I(baseline) first.
  - A run that died leaves its release open. The next one with the same intent resumes it; another intent abandons it.
  - No value of an environment variable, and no digest of one, is written.
author:
  - The steady.ecs authors (@steady-ecs)
options:
  store:
    description:
      - Folder of the release records. The default is C(${XDG_STATE_HOME:-~/.local/state}/steady).
      - Must be named when E(CI) is true, for a build machine's folder does not outlive its job.
    type: str
  account:
    description: AWS account id of the service, twelve digits.
    type: str
    required: true
  cluster:
    description: Name of the ECS cluster.
    type: str
    required: true
  service:
    description: Name of the ECS service.
    type: str
    required: true
  state:
    description:
      - V(opened) before the first change, V(applied) after a step, V(rolling_back) before an undo, V(closed) last.
      - The last three do nothing without O(seq), for then no release was opened.
    type: str
    required: true
    choices: [opened, applied, rolling_back, closed]
  kind:
    description: What is opened. A V(rollback) restores a release; it needs no declaration.
    type: str
    choices: [deploy, rollback]
    default: deploy
  seq:
    description: The number in the answer of O(state=opened).
    type: int
  changes:
    description: The declared changes to the task definition, as M(steady.ecs.task_definition) takes them.
    type: dict
    default: {}
  definition:
    description: The declared whole task definition, as M(steady.ecs.task_definition) takes it.
    type: dict
    default: {}
  images:
    description: Declared image of each container; with O(state=closed), the one that runs, with its digest.
    type: dict
    default: {}
  settings:
    description: The declared service settings, as M(steady.ecs.deployment) takes them.
    type: dict
    default: {}
  attributes:
    description: The declared target-group attributes, as M(steady.ecs.target_group_attributes) takes them.
    type: dict
    default: {}
  target_group:
    description: Name or ARN of the target group of O(attributes). The default is the service's only one.
    type: str
  differences:
    description:
      - The plan. With an empty list no release is opened, unless O(force) is set. Not used with O(kind=rollback).
    type: list
    elements: dict
    default: []
  force:
    description: Open a release although nothing differs, because a deployment is forced.
    type: bool
    default: false
  restores:
    description: With O(kind=rollback), number, revision or commit of the release to restore; see M(steady.ecs.release_info).
    type: str
  why:
    description: Why this release is made.
    type: str
    default: ''
  commit:
    description: Commit of the application or of the inventory.
    type: str
  steps:
    description: With O(state=applied), what was done. What is not given stays as it is on record.
    type: dict
    default: {}
    suboptions:
      attributes:
        description: V(done) when the target-group attributes are settled.
        type: str
      task_definition:
        description: ARN of the revision. Give it before the service is updated, so that the record names it.
        type: str
      registered:
        description: Whether the revision was registered by this release.
        type: bool
      deployment:
        description: Id of the deployment.
        type: str
      service_deployment:
        description: ARN of the service deployment.
        type: str
  outcome:
    description: With O(state=closed), the outcome of the run. Only V(proven) and V(unchanged) make it a way back.
    type: str
    choices: [proven, unchanged, failed_rolled_back, failed, held, superseded, error]
  verdict:
    description: With O(state=closed), the verdict's word in the answer of M(steady.ecs.deployment).
    type: str
  reason:
    description: With O(state=closed), why the run ended so, in one sentence.
    type: str
  checks:
    description: With O(state=closed), the checks in the answer of M(steady.ecs.service_health).
    type: list
    elements: dict
    default: []
  cause:
    description: With O(state=closed), the cause in the answer of M(steady.ecs.deployment), with its last log lines.
    type: dict
  timeline:
    description: With O(state=closed), the timeline in the answer of M(steady.ecs.deployment).
    type: list
    elements: dict
    default: []
  duration_seconds:
    description: With O(state=closed), how long the release took. The default is the time since it was opened.
    type: float
  rolled_back_by:
    description: With O(state=closed), who went back.
    type: str
    choices: [us, ecs]
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Open a release
  steady.ecs.release:
    state: opened
    account: "640080112933"
    region: us-east-1
    cluster: pardon-production-cluster
    service: pardon-production-service
    changes: {containers: {coral: {environment: {CORAL_SESSIONS: null}}}}
    attributes: {stickiness.lb_cookie.duration_seconds: 86400}
    differences: "{{ plan }}"
    why: Sessions stay on one task for 24 hours
  register: opened

- name: Close it
  steady.ecs.release:
    state: closed
    account: "640080112933"
    cluster: pardon-production-cluster
    service: pardon-production-service
    seq: "{{ opened.release.seq }}"
    outcome: proven
    verdict: succeeded
    checks: "{{ health.checks }}"
"""

RETURN = r"""
release:
  description: The release, or null when none was opened. In check mode its number is null, for nobody has it yet.
  returned: always
  type: dict
  contains:
    seq:
      description: Number of the release.
      type: int
      sample: 2
    kind:
      description: V(deploy) or V(rollback).
      type: str
      sample: deploy
    state:
      description: State of its record.
      type: str
      sample: applying
    path:
      description: Folder of the service in the store; M(steady.ecs.deployment) notes an interruption there.
      type: str
      sample: /home/me/.local/state/steady/640080112933/us-east-1/pardon-production-cluster/pardon-production-service
    base:
      description: Number of the release that was current when this one was opened.
      type: int
      sample: 1
    restores:
      description: Number of the release that a rollback restores.
      type: int
      sample: null
    duration_seconds:
      description: How long it took; null until it is closed.
      type: float
      sample: null
    resumed:
      description: Whether an interrupted run's release of the same intent goes on.
      type: bool
      sample: false
    baseline:
      description: Number of the baseline that was written first, or null.
      type: int
      sample: 1
differences:
  description: What will change; with O(kind=rollback) what the restoration changes, else O(differences).
  returned: when O(state=opened)
  type: list
  elements: dict
  sample: []
target:
  description: With O(kind=rollback), what to put back; see M(steady.ecs.release_info).
  returned: when O(state=opened)
  type: dict
  sample: null
"""

import platform
import secrets
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import live, reads
from ansible_collections.steady.ecs.plugins.module_utils.edges.store_files import Store, utc_now
from ansible_collections.steady.ecs.plugins.module_utils.rules import intent, release, restore, target_group
from ansible_collections.steady.ecs.plugins.module_utils.rules.declaration import DeclarationError
from ansible_collections.steady.ecs.plugins.module_utils.rules.differences import Difference
from ansible_collections.steady.ecs.plugins.module_utils.rules.records import ROLLBACK, Document, Identity
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Spec, Task, execute

SPEC = Spec(
    options={
        **live.STORE_OPTIONS,
        "state": {"type": "str", "required": True, "choices": ["opened", "applied", "rolling_back", "closed"]},
        "kind": {"type": "str", "choices": ["deploy", "rollback"], "default": "deploy"},
        "seq": {"type": "int"},
        "changes": {"type": "dict", "default": {}},
        "definition": {"type": "dict", "default": {}},
        "images": {"type": "dict", "default": {}},
        "settings": {"type": "dict", "default": {}},
        "attributes": {"type": "dict", "default": {}},
        "target_group": {"type": "str"},
        "differences": {"type": "list", "elements": "dict", "default": []},
        "force": {"type": "bool", "default": False},
        "restores": {"type": "str"},
        "why": {"type": "str", "default": ""},
        "commit": {"type": "str"},
        "steps": {
            "type": "dict",
            "default": {},
            "options": {
                "attributes": {"type": "str"},
                "task_definition": {"type": "str"},
                "registered": {"type": "bool"},
                "deployment": {"type": "str"},
                "service_deployment": {"type": "str"},
            },
        },
        "outcome": {"type": "str", "choices": list(release.STATE_OF_OUTCOME)},
        "verdict": {"type": "str"},
        "reason": {"type": "str"},
        "checks": {"type": "list", "elements": "dict", "default": []},
        "cause": {"type": "dict"},
        "timeline": {"type": "list", "elements": "dict", "default": []},
        "duration_seconds": {"type": "float"},
        "rolled_back_by": {"type": "str", "choices": ["us", "ecs"]},
    },
    rules={"required_if": [("state", "closed", ["outcome"])]},
)


def run(task: Task) -> dict[str, Any]:
    """Open a release, or note something in the open one."""
    if task.params["state"] == "opened":
        return _open(task)
    idle = task.check_mode or task.params["seq"] is None
    return {"changed": False, "release": None} if idle else _note(task)


def _open(task: Task) -> dict[str, Any]:
    params, store = task.params, live.store(task)
    found = live.state(task)
    with store.locked(write=not task.check_mode):
        head, records = store.head(), store.records()
        target = _target(task, head, records, found)
        request = _request(task, store.identity, found, target)
        differs = any(each.get("resource") == "task definition" for each in params["differences"])
        opening = release.opening(head, records, request, found, utc_now(), content_differs=differs)
        wanted = target or params["differences"] or params["force"] or opening.resumed
        if not wanted:
            return {"changed": False, "release": None, "target": None, "differences": []}
        if not task.check_mode:
            store.apply(opening.writes)
    differences = [each.as_dict() for each in announced(task, target, found)] if target else params["differences"]
    answer = _answer(store, opening.record)
    answer["resumed"], answer["baseline"] = opening.resumed, opening.baseline and opening.baseline["seq"]
    if task.check_mode and not opening.resumed:
        answer.update(seq=None, base=None, baseline=None)
    return {"changed": bool(opening.writes), "release": answer, "target": target, "differences": differences}


def announced(task: Task, target: Document, found: Document) -> list[Difference]:
    """What a rollback will change, after it was said: at three in the morning people want to read it first."""
    differences = restore.changes(target, found)
    proof = "" if target["proven"] else ", which nobody verified"
    task.report(f"restores release {target['seq']} ({target['kind']}{proof}): service first, then attributes")
    for each in differences:
        task.report(each.as_text())
    if target["force"]:
        task.report(f"{target['task_definition']} is live already: its tasks are replaced by new ones")
    for name in target["not_restorable"]:
        task.warn(f"{name} was declared later and is not known to release {target['seq']}: it stays as it is.")
    return differences


def _target(task: Task, head: Document, records: release.Records, found: Document) -> Document | None:
    """What a rollback restores; None for a deployment. Raises Failure when there is nothing to go back to."""
    if task.params["kind"] != ROLLBACK:
        return None
    choice = restore.choose(head, records, found, task.params["restores"])
    if choice.record is None:
        raise Failure(f"{choice.reason} {choice.remedy}", reason="nothing_to_restore", remedy=choice.remedy)
    return restore.restoration(choice.record, records, found)


def _request(task: Task, identity: Identity, found: Document, target: Document | None) -> release.Request:
    params = task.params
    who = reads.caller_identity(task)
    if who["Account"] != identity.account:
        raise Failure(
            f"The credentials belong to account {who['Account']}, and the service is declared in {identity.account}. "
            "Switch the profile, or correct service_account.",
            reason="wrong_account",
        )
    try:
        declared = (
            intent.restoring(target)
            if target
            else intent.intent(
                found["task_definition"],
                params["changes"],
                params["definition"],
                params["images"],
                params["settings"],
                _attributes(task, found),
            )
        )
    except DeclarationError as wrong:
        raise Failure(wrong.msg, reason="declaration") from None
    return release.Request(
        identity=identity,
        kind=params["kind"],
        intent=declared,
        audit={"who": who["Arn"], "host": platform.node(), "commit": params["commit"], "why": params["why"]},
        nonce=secrets.token_hex(8),
        restores=target["seq"] if target else None,
    )


def _attributes(task: Task, found: Document) -> dict[str, dict[str, str]]:
    """The declared attributes as AWS keeps them, by the ARN of their group."""
    if not task.params["attributes"]:
        return {}
    arn = intent.group_of(task.params["target_group"], list(found["attributes"]))
    group = reads.target_groups(task, [arn])[0]
    return {
        arn: target_group.normalised(
            task.params["attributes"],
            group.get("Protocol", ""),
            group.get("TargetType", "instance"),
            found["attributes"][arn],
        )
    }


def _note(task: Task) -> dict[str, Any]:
    params, store, now = task.params, live.store(task), utc_now()
    with store.locked():
        record = store.record(params["seq"])
        try:
            if params["state"] == "applied":
                writes = [release.Write(release.REPLACE, release.step(record, params["steps"], now))]
            elif params["state"] == "rolling_back":
                writes = [release.Write(release.REPLACE, release.rolling_back(record, now))]
            else:
                writes = release.closing(
                    store.head(), record, params["outcome"], intent.result(params, record, now), now
                )
        except ValueError as problem:
            raise Failure(f"{problem}. Look at it with release_info.", reason="release_closed") from None
        store.apply(writes)
    return {"changed": True, "release": _answer(store, writes[0].document)}


def _answer(store: Store, record: Document) -> dict[str, Any]:
    names = ("seq", "kind", "state", "base", "restores")
    answer = {name: record[name] for name in names}
    return {**answer, "path": str(store.folder), "duration_seconds": record["verdict"]["duration_seconds"]}


def main() -> None:
    """Run as a module process."""
    execute(SPEC, run)


if __name__ == "__main__":
    main()
