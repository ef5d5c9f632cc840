#!/usr/bin/python
# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: service_drift
short_description: Compare what is declared of an Amazon ECS service with what is live
version_added: 0.1.0
description:
  - Compares every declared property of the task definition, the service's settings and the target group's attributes
    with the live one, by the same rules that the changing modules use. Its differences are the plan of a deploy.
  - Writes nothing to AWS and needs read rights only. An answer that cannot be had is a status, not a failure; only a
    declaration that cannot be meant fails.
  - What the last release declared and the inventory no longer does is a finding. Attributes that nobody declares and
    that are not AWS's default are listed, and count only with O(undeclared).
author:
  - The steady.ecs authors (@steady-ecs)
options:
  store:
    description:
      - Folder of the release records, for the findings about the last release. The default is
        C(${XDG_STATE_HOME:-~/.local/state}/steady); it may be missing.
    type: str
  account:
    description: AWS account id of the service, twelve digits.
    type: str
    required: true
  cluster:
    description: Name of the cluster.
    type: str
    required: true
  service:
    description: Name of the service.
    type: str
    required: true
  changes:
    description: The declared changes, as M(steady.ecs.task_definition) takes them.
    type: dict
    default: {}
  definition:
    description: The declared whole task definition, as M(steady.ecs.task_definition) takes it.
    type: dict
    default: {}
  images:
    description: Declared image of each container.
    type: dict
    default: {}
  settings:
    description: The declared settings, as M(steady.ecs.deployment) takes them.
    type: dict
    default: {}
  attributes:
    description: The declared attributes, as M(steady.ecs.target_group_attributes) takes them.
    type: dict
    default: {}
  target_group:
    description: Name or ARN of the target group of O(attributes). The default is the service's only one.
    type: str
  safe_environment:
    description: Names of environment variables whose values may be shown.
    type: list
    elements: str
    default: []
  undeclared:
    description: Whether undeclared differences from AWS's defaults count as drift.
    type: bool
    default: false
  file:
    description: Report of all hosts, in JSON; this host is added. Written in check mode too.
    type: path
  host:
    description: Name of the host in O(file). The default is the name of the service.
    type: str
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    support: full
    description: Never changes anything.
  diff_mode:
    support: full
    description: Shows live and declared values of what differs.
"""

EXAMPLES = r"""
- name: Look for drift
  steady.ecs.service_drift:
    account: "640080112933"
    cluster: pardon-production-cluster
    service: pardon-production-service
    attributes: {stickiness.lb_cookie.duration_seconds: 86400}
    file: drift.json
"""

RETURN = r"""
status:
  description: V(IN_SYNC), V(DRIFTED), or V(NOT_CHECKED) when AWS gave no answer.
  returned: always
  type: str
  sample: DRIFTED
outcome:
  description: The outcome word of the status.
  returned: always
  type: str
  sample: drifted
reason:
  description: Why the service was not checked; empty when it was.
  returned: always
  type: str
  sample: ''
summary:
  description: The status in one sentence.
  returned: always
  type: str
  sample: "web: 1 declared property is not live"
differences:
  description: Every declared property that is not live.
  returned: always
  type: list
  elements: dict
  sample:
    - resource: target group pardon-production-coral-tg
      path: stickiness.lb_cookie.duration_seconds
      expected: "86400"
      actual: "3600"
      type: NOT_EQUAL
undeclared:
  description: Attributes that nobody declares and that are not AWS's default; O(undeclared) counts them.
  returned: always
  type: list
  elements: dict
  sample: []
findings:
  description: Names that the last release declared and the inventory no longer does.
  returned: always
  type: list
  elements: str
  sample: ["service: healthCheckGracePeriodSeconds: no longer declared; still live: set null, or declare it"]
checked:
  description: How many declared properties were compared.
  returned: always
  type: int
  sample: 12
not_looked_at:
  description: What this comparison does not cover.
  returned: always
  type: list
  elements: str
  sample: ["listener rules"]
"""

from pathlib import Path
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import live, models, store_files
from ansible_collections.steady.ecs.plugins.module_utils.rules import drift, plan, redact, target_group
from ansible_collections.steady.ecs.plugins.module_utils.rules.declaration import DeclarationError
from ansible_collections.steady.ecs.plugins.module_utils.rules.differences import Difference
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Spec, Task, execute

SPEC = Spec(
    options={
        **live.STORE_OPTIONS,
        **live.DECLARATION_OPTIONS,
        "safe_environment": {"type": "list", "elements": "str", "default": []},
        "undeclared": {"type": "bool", "default": False},
        "file": {"type": "path"},
        "host": {"type": "str"},
    },
)

Answer = dict[str, Any]


def compared(task: Task, declared: plan.Declared, now: plan.Live) -> Answer:
    """Everything that the comparison says."""
    key, safe = redact.run_key(), set(task.params["safe_environment"])

    def shown(found: list[Difference]) -> list[Difference]:
        return [redact.difference(each, safe, key) for each in found]

    try:
        differences = shown(plan.differences(declared, now, models.task_definition()))
        others = shown(plan.undeclared(declared, now, target_group.DEFAULTS))
        findings = plan.no_longer_declared(declared, now, last_release(task))
        checked = plan.count(declared, now)
    except DeclarationError as wrong:
        raise Failure(wrong.msg, reason="declaration") from None
    for line in [*(each.as_text() for each in differences), *findings]:
        task.report(line)
    return {
        "status": drift.status(differences, others, task.params["undeclared"]),
        "reason": "",
        "differences": [each.as_dict() for each in differences],
        "undeclared": [each.as_dict() for each in others],
        "findings": findings,
        "checked": checked,
        "diff": redact.diff(differences),
    }


def last_release(task: Task) -> Answer | None:
    """The current record of the store, if there is one: verify and drift work without a store."""
    try:
        store = live.store(task)
        with store.locked(write=False):
            head = store.head()
            current: int | None = head["current"]
            return None if current is None else store.record(current)
    except Failure as failure:
        task.warn(f"The release records were not looked at: {failure.msg}")
        return None


def not_checked(failure: Failure) -> Answer:
    """What is said of a service that AWS gave no answer about."""
    return {
        "status": drift.NOT_CHECKED,
        "reason": failure.msg,
        "differences": [],
        "undeclared": [],
        "findings": [],
        "checked": 0,
        "diff": {"before": {}, "after": {}},
    }


def run(task: Task) -> Answer:
    """Read, compare, report."""
    declared, name = live.declared(task), task.params["service"]
    try:
        now = live.whole(task)
    except Failure as failure:
        found = not_checked(failure)
    else:
        found = compared(task, declared, now)
    found["summary"] = drift.summary(name, found)
    entry = {
        "service": name,
        **{key: task.params[key] for key in ("account", "region", "cluster")},
        **{key: value for key, value in found.items() if key != "diff"},
        "not_looked_at": list(drift.NOT_LOOKED_AT),
    }
    if task.params["file"]:
        store_files.merge_drift(Path(task.params["file"]), task.params["host"] or name, entry)
    return {"changed": False, "outcome": drift.OUTCOMES[found["status"]], **entry, "diff": found["diff"]}


def main() -> None:
    """Entry point of the module process."""
    execute(SPEC, run)


if __name__ == "__main__":
    main()
