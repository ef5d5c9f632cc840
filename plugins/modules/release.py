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
  - Opening takes the lease of the service, so that one run at a time changes it; another waits for it, and takes it
    over from a run that is silent for longer than its lease. Each later task of the run renews it; closing gives it
    back.
  - No value of an environment variable, and no digest of one, is written.
author:
  - The steady.ecs authors (@steady-ecs)
options:
  store:
    description:
      - Folder or C(s3://BUCKET/PREFIX) of the release records; see M(steady.ecs.release_store). The default is
        C(${XDG_STATE_HOME:-~/.local/state}/steady).
      - Must be named when E(CI) is true, for a build machine's folder does not outlive its job.
    type: str
  state:
    description:
      - V(opened) before the first change, V(applied) after a step, V(rolling_back) before an undo, V(closed) last.
        V(interrupted) gives the lease back and leaves the release open, for a deployment that goes on.
      - The others do nothing without O(release), for then no release was opened.
    type: str
    required: true
    choices: [opened, applied, rolling_back, interrupted, closed]
  kind:
    description: What is opened. A V(rollback) restores a release; it needs no declaration.
    type: str
    choices: [deploy, rollback]
    default: deploy
  release:
    description: RV(release) in the answer of O(state=opened).
    type: dict
    default: {}
  lease_seconds:
    description:
      - With O(state=opened), seconds for which the lease holds after each renewal, at least 15. A hook between two
        tasks must take less.
    type: int
    default: 90
  lease_wait:
    description: With O(state=opened), seconds to wait for another run's lease, before the task fails as C(held). The
      default is 180, or as long as the lease of a dead run takes to run out.
    type: int
  images:
    description: Declared image of each container; with O(state=closed), the one that runs, with its digest.
    type: dict
    default: {}
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
  approved_plan:
    description:
      - With O(state=opened), the digest that a plan of M(steady.ecs.service_drift) has printed. The plan is made again
        under the lease, and any other than that one opens nothing.
    type: str
  before:
    description: One-off tasks before the rollout, for O(approved_plan).
    type: list
    elements: dict
    default: []
  windows:
    description: Release windows. Outside all of them, by AWS's clock, no deployment is opened, unless a run left one.
    type: list
    elements: str
    default: []
  window_override:
    description: Why closed windows do not count this time. It is recorded where none is open.
    type: str
    default: ''
  restores:
    description: With O(kind=rollback), which release to restore, as M(steady.ecs.release_info) takes it.
    type: str
  why:
    description: Why this release is made.
    type: str
    default: ''
  commit:
    description: Commit of the application or of the inventory.
    type: str
  audit:
    description: On what grounds the release is made, for the record.
    type: dict
    default: {}
    suboptions:
      ref: {description: Branch or tag that was deployed., type: str}
      inventory_commit: {description: Commit of the inventory., type: str}
      inventory_dirty: {description: Whether the inventory had changes that no commit has., type: bool}
      approved_by: {description: "Who approved it. Recorded, not enforced.", type: str}
      uncovered: {description: Which deployment alarms do not guard it although they should., type: str}
      promoted_from: {description: The release of another service that it takes images and changes from., type: str}
  steps:
    description: With O(state=applied), what was done. What is not given stays as it is on record.
    type: dict
    default: {}
    suboptions:
      attributes: {description: V(done) when the target-group attributes are settled., type: str}
      task_definition: {description: "ARN of the revision, noted before the service is updated.", type: str}
      registered: {description: Whether the revision was registered by this release., type: bool}
      deployment: {description: Id of the deployment., type: str}
      service_deployment: {description: ARN of the service deployment., type: str}
  outcome:
    description: With O(state=closed), the outcome of the run. Only V(proven) and V(unchanged) make it a way back.
    type: str
    choices: [proven, unchanged, failed_rolled_back, failed, held, superseded, error]
  verdict:
    description: With V(closed) or V(rolling_back), the verdict's word in the answer of M(steady.ecs.deployment).
    type: str
  reason:
    description: With V(closed) or V(rolling_back), why the run ended so, in one sentence.
    type: str
  checks:
    description: With V(closed) or V(rolling_back), the checks in the answer of M(steady.ecs.service_health).
    type: list
    elements: dict
    default: []
  cause:
    description: With V(closed) or V(rolling_back), the cause in the answer of M(steady.ecs.deployment).
    type: dict
  timeline:
    description: With V(closed) or V(rolling_back), the timeline in the answer of M(steady.ecs.deployment).
    type: list
    elements: dict
    default: []
  duration_seconds:
    description: With O(state=closed), how long the release took. The default is the time since it was opened.
    type: float
  rolled_back_by: {description: "With O(state=closed), who went back.", type: str, choices: [us, ecs]}
extends_documentation_fragment:
  - steady.ecs.records
  - steady.ecs.declaration
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
    release: "{{ opened.release }}"
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
    place:
      description: Where its record is.
      type: str
      sample: s3://releases/steady/640080112933/us-east-1/pardon-production-cluster/pardon-production-service
    store:
      description: O(store) as it was given, for the later tasks of the run.
      type: str
      sample: s3://releases/steady
    account:
      description: O(account), for the later tasks of the run.
      type: str
      sample: "640080112933"
    nonce: {description: "The name of the run in the lease.", type: str, sample: 9f1c2b7e0d3a4c55}
    lease_seconds: {description: "O(lease_seconds), for the later tasks of the run.", type: int, sample: 90}
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
permit:
  description: The option C(release) of the modules that come next. When nothing was opened, they may write nothing.
  returned: when O(state=opened)
  type: dict
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

from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import allowed, held, live, opening
from ansible_collections.steady.ecs.plugins.module_utils.edges.held import Held
from ansible_collections.steady.ecs.plugins.module_utils.rules import intent, release
from ansible_collections.steady.ecs.plugins.module_utils.rules.records import ROLLING_BACK, Document
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Spec, Task, execute

STATES = ("opened", "applied", "rolling_back", "interrupted", "closed")
_TEXT = {"type": "str"}

SPEC = Spec(
    options={
        **live.STORE_OPTIONS,
        **live.DECLARATION_OPTIONS,
        **held.OPTIONS,
        **held.RELEASE_OPTION,
        "state": {"type": "str", "required": True, "choices": list(STATES)},
        "kind": {"type": "str", "choices": ["deploy", "rollback"], "default": "deploy"},
        "differences": {"type": "list", "elements": "dict", "default": []},
        **allowed.APPROVAL_OPTIONS,
        **allowed.WINDOW_OPTIONS,
        "restores": {"type": "str"},
        "why": {"type": "str", "default": ""},
        "commit": {"type": "str"},
        "audit": {
            "type": "dict",
            "default": {},
            "options": {
                "ref": _TEXT,
                "inventory_commit": _TEXT,
                "inventory_dirty": {"type": "bool"},
                "approved_by": _TEXT,
                "promoted_from": _TEXT,
                "uncovered": _TEXT,
            },
        },
        "steps": {
            "type": "dict",
            "default": {},
            "options": {
                "attributes": _TEXT,
                "task_definition": _TEXT,
                "registered": {"type": "bool"},
                "deployment": _TEXT,
                "service_deployment": _TEXT,
            },
        },
        "outcome": {"type": "str", "choices": list(release.STATE_OF_OUTCOME)},
        "verdict": _TEXT,
        "reason": _TEXT,
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
    hold = held.of(task)
    if hold is None:
        return {"changed": False, "release": None}
    record = _noted(task, hold)
    return {"changed": True, "release": {**task.params["release"], **_answer(record)}}


def _open(task: Task) -> dict[str, Any]:
    found = opening.look(task)
    if task.check_mode or not (found.opening or found.settles):
        return _planned(task, found)
    hold = held.take(task, task.params["why"] or task.params["kind"])
    claimed: opening.Look | None = None
    try:
        claimed = opening.claim(task, hold, found)
    finally:
        if claimed is None:
            hold.release()
    return _opened(task, hold, claimed)


def _opened(task: Task, hold: Held, found: opening.Look) -> dict[str, Any]:
    """The answer of a release that was opened; of one that goes on being rolled back, the failure that it is."""
    if found.opening is None:
        return _nothing(task, found)
    record = found.opening.record
    answer = {
        **_answer(record),
        "place": hold.store.place,
        "store": task.params["store"],
        "account": task.params["account"],
        "nonce": hold.nonce,
        "lease_seconds": hold.ttl,
        "resumed": found.opening.resumed,
        "baseline": found.opening.baseline and found.opening.baseline["seq"],
    }
    scope = f", {hold.store.scope}" if hold.store.scope else ""
    task.report(f"release {record['seq']} is recorded in {hold.store.place}{scope}")
    opening.announce_grounds(task, record["audit"])
    result = _permitting(task, found, answer)
    if record["state"] == ROLLING_BACK and found.target is None:
        raise Failure(opening.unfinished(record), reason="rolling_back", **result)
    return result


def _planned(task: Task, found: opening.Look) -> dict[str, Any]:
    """What would be opened; it has no number, for nobody has it yet."""
    if found.opening is None:
        return _nothing(task, found)
    answer = {**_answer(found.opening.record), "resumed": found.opening.resumed}
    answer.update(seq=None, base=None, baseline=None, place=live.store(task).place)
    return _permitting(task, found, answer)


def _permitting(task: Task, found: opening.Look, answer: dict[str, Any]) -> dict[str, Any]:
    shown = {"target": found.target, "differences": _announced(task, found)}
    return {"changed": True, "release": answer, "permit": answer, **shown}


def _nothing(task: Task, found: opening.Look) -> dict[str, Any]:
    if found.choice:
        opening.announce_standing(task, found.choice)
    return {"changed": False, "release": None, "permit": held.NOTHING_OPENED, "target": found.target, "differences": []}


def _announced(task: Task, found: opening.Look) -> list[dict[str, Any]]:
    if found.opening and found.opening.baseline:
        opening.announce_baseline(task, found.opening.baseline)
    if found.target is None:
        return found.differences
    return [each.as_dict() for each in opening.announce(task, found.target, found)]


def _noted(task: Task, hold: Held) -> Document:
    params = task.params
    if params["state"] == "applied":
        return hold.change(lambda record, now: release.step(record, params["steps"], now))
    if params["state"] == "rolling_back":
        return hold.change(lambda record, now: release.rolling_back(record, now, intent.result(params, record, now)))
    if params["state"] == "interrupted":
        hold.interrupted()
        return hold.store.record(params["release"]["seq"])
    return hold.close(params["outcome"], lambda record, now: intent.result(params, record, now))


def _answer(record: Document) -> dict[str, Any]:
    names = ("seq", "kind", "state", "base", "restores")
    return {**{name: record[name] for name in names}, "duration_seconds": record["verdict"]["duration_seconds"]}


def main() -> None:
    """Run as a module process."""
    execute(SPEC, run)


if __name__ == "__main__":
    main()
