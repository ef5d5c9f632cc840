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
  - What the last release declared, the inventory no longer does, and is still live, is a finding. An image that the
    last release was given and that is no longer live is drift, though the inventory may not name it.
  - An image in Amazon ECR, a secret or a parameter that is gone and that what runs or the way back needs is a finding.
  - What nobody declares and what is not as the last release left it (without one, not AWS's default), is listed, and
    counts only with O(undeclared).
author:
  - The steady.ecs authors (@steady-ecs)
options:
  store:
    description:
      - Folder or C(s3://BUCKET/PREFIX) of the release records, for the findings about the last release. The default is
        C(${XDG_STATE_HOME:-~/.local/state}/steady); it may be missing.
    type: str
  safe_environment:
    {description: Names of environment variables whose values may be shown., type: list, elements: str, default: []}
  undeclared:
    description: Whether undeclared differences from the last release, or from AWS's defaults, count as drift.
    type: bool
    default: false
  ignore:
    description: Differences that do not count. They are listed with their reason, and count again when they expire.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Path of the property, as differences show it; V(*) stands for any text.
        type: str
        required: true
      resource: {description: "Its resource, as differences show it; V(*) stands for any text.", type: str}
      reason: {description: Why it may differ., type: str, required: true}
      until: {description: "The last day on which it may, such as V(2026-01-31).", type: str, required: true}
  template:
    description:
      - CloudFormation template, in JSON or YAML, of the stack that makes the target groups. Declared attributes that it
        has otherwise count as drift, for the stack's next update would bring them. A value that is a parameter is
        shown, and decides nothing.
      - The template that the stack has, with its parameters put in, is compared beside it, where the group has a stack.
    type: path
  further_tasks:
    description:
      - Whether to ask Amazon ECR for the images of further tasks too, by the digests to which the running deployment
        has resolved their tags. Needs the right ecs:DescribeServiceRevisions.
    type: bool
    default: false
  file: {description: "Report of all hosts, in JSON; this host is added. Written in check mode too.", type: path}
  host: {description: Name of the host in O(file). The default is the name of the service., type: str}
  digest: {description: "Whether to answer the plan's digest, for approvals.", type: bool, default: false}
  approved_plan:
    description:
      - RV(digest) of the plan that was approved. Any other plan fails the task, with what differs; what is left of the
        approved one, while a release is open, does not.
    type: str
  before:
    description: One-off tasks that must end with 0 before the rollout (C(rollout_before)). The digest binds them too.
    type: list
    elements: dict
    default: []
  force:
    description: Whether new tasks are started though nothing differs (C(rollout_force)). The digest binds it too.
    type: bool
    default: false
  variables:
    description: Names of the host's variables; one that is nearly a role's variable is refused as a misspelling.
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - steady.ecs.records
  - steady.ecs.declaration
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode: {support: full, description: Never changes anything.}
  diff_mode: {support: full, description: Shows live and declared values of what differs.}
"""

EXAMPLES = r"""
- name: Look for drift
  steady.ecs.service_drift:
    account: "640080112933"
    cluster: pardon-production-cluster
    service: pardon-production-service
    attributes: {stickiness.lb_cookie.duration_seconds: 86400}
    ignore:
      - {path: deregistration_delay.timeout_seconds, reason: load test until the launch, until: "2026-01-31"}
    file: drift.json
"""

RETURN = r"""
status:
  {description: "V(IN_SYNC), V(DRIFTED), or V(NOT_CHECKED) when AWS gave no answer.",
   returned: always, type: str, sample: DRIFTED}
outcome:
  {description: The outcome word of the status.,
   returned: always, type: str, sample: drifted}
reason:
  {description: Why the service was not checked; empty when it was.,
   returned: always, type: str, sample: ''}
summary:
  {description: The status in one sentence.,
   returned: always, type: str, sample: "web: 1 declared property is not live"}
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
elsewhere:
  {description: "Declared attributes that are not live, and that their O(owner) has to write. They count as drift.",
   returned: always, type: list, elements: dict, sample: []}
template:
  {description: "Declared attributes that O(template), or its stack, has otherwise, as C(actual). They count as drift.",
   returned: always, type: list, elements: dict, sample: []}
columns:
  description: Of each attribute that is declared, in O(template) or in the group's stack, what each of them has.
  returned: always
  type: list
  elements: dict
  sample: [{path: stickiness.lb_cookie.duration_seconds, declared: "86400", live: "86400", stack: "3600", file: "3600"}]
to_write:
  description: What settles RV(elsewhere) and RV(template), in the owner's own words.
  returned: always
  type: list
  elements: str
  sample: ["target group pardon-production-coral-tg, in Terraform:", "stickiness {", "  cookie_duration = 86400", "}"]
released:
  {description: "Images that the last release was given, that the inventory does not name, and that are not live.",
   returned: always, type: list, elements: dict, sample: []}
undeclared:
  description:
    - What nobody declares and what is not as the last release left it (without one, not AWS's default). O(undeclared)
      counts it.
  returned: always
  type: list
  elements: dict
  sample: []
findings:
  {description: Names that the last release declared and the inventory no longer does; expired entries of O(ignore).,
   returned: always, type: list, elements: str,
   sample: ["service: healthCheckGracePeriodSeconds: no longer declared; still live: set null, or declare it"]}
calls:
  description: With O(digest), the calls that would settle the differences, in their order; what starts new tasks, how
    many at a time, and how long the last release took.
  returned: always
  type: list
  elements: str
  sample: ["call 1: ecs:UpdateService (healthCheckGracePeriodSeconds), which starts no deployment"]
digest:
  description:
    - With O(digest), what stands for exactly these differences and their values; empty without differences. Hidden
      values are in it by way of PBKDF2, so that they cannot be guessed from it cheaply.
  returned: always
  type: str
  sample: ''
checked:
  {description: How many declared properties were compared.,
   returned: always, type: int, sample: 12}
ignored:
  {description: "Differences that O(ignore) leaves out, each with C(reason) and C(until).",
   returned: always, type: list, elements: dict, sample: []}
not_looked_at:
  {description: What this comparison does not cover.,
   returned: always, type: list, elements: str, sample: ["listener rules"]}
"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import (
    allowed,
    change_sets,
    last_release,
    live,
    models,
    result_files,
    store_files,
    templates,
    way_back,
)
from ansible_collections.steady.ecs.plugins.module_utils.edges.aws import region_of
from ansible_collections.steady.ecs.plugins.module_utils.rules import (
    approval,
    calls,
    checks,
    drift,
    ownership,
    plan,
    preflight,
    redact,
    states,
    template,
    undeclared,
    variables,
)
from ansible_collections.steady.ecs.plugins.module_utils.rules.declaration import DeclarationError
from ansible_collections.steady.ecs.plugins.module_utils.rules.differences import Difference
from ansible_collections.steady.ecs.plugins.module_utils.rules.ignored import Ignore
from ansible_collections.steady.ecs.plugins.module_utils.rules.settings import SCALING
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Spec, Task, execute

_TEXT = {"type": "str"}
_NEEDED = {"type": "str", "required": True}

SPEC = Spec(
    options={
        **live.STORE_OPTIONS,
        **live.DECLARATION_OPTIONS,
        "safe_environment": {"type": "list", "elements": "str", "default": []},
        "variables": {"type": "list", "elements": "str", "default": []},
        "undeclared": {"type": "bool", "default": False},
        "ignore": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "options": {"path": _NEEDED, "resource": _TEXT, "reason": _NEEDED, "until": _NEEDED},
        },
        "digest": {"type": "bool", "default": False},
        **allowed.APPROVAL_OPTIONS,
        "template": {"type": "path"},
        "further_tasks": {"type": "bool", "default": False},
        "file": {"type": "path"},
        "host": {"type": "str"},
    },
)

Answer = dict[str, Any]


@dataclass
class Found:
    """What was compared, as it may be shown."""

    status: str
    reason: str = ""
    differences: list[Difference] = field(default_factory=list)
    elsewhere: list[Difference] = field(default_factory=list)
    template: list[Difference] = field(default_factory=list)
    columns: list[Answer] = field(default_factory=list)
    to_write: list[str] = field(default_factory=list)
    released: list[Difference] = field(default_factory=list)
    undeclared: list[Difference] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    ignored: list[Answer] = field(default_factory=list)
    digest: str = ""
    calls: list[str] = field(default_factory=list)
    checked: int = 0
    not_looked_at: list[str] = field(default_factory=lambda: list(drift.NOT_LOOKED_AT))

    @property
    def counted(self) -> list[Difference]:
        """What makes it drift, whatever is undeclared."""
        return self.differences + self.elsewhere + self.released

    def answer(self, name: str) -> Answer:
        """The keys that every run returns and drift.json holds."""
        listed = ("differences", "elsewhere", "template", "released", "undeclared")
        found = {**vars(self), **{key: [each.as_dict() for each in getattr(self, key)] for key in listed}}
        del found["digest"], found["calls"]  # for whoever approves this plan, not for a report that is kept
        counted = [each.as_dict() for each in self.counted]
        return {**found, "summary": drift.summary(name, {**found, "differences": counted})}


def compared(task: Task, now: plan.Live) -> Found:
    """Everything that the comparison says. Raises DeclarationError."""
    declared, found = live.declared(task), Found(drift.IN_SYNC)
    key, safe = redact.run_key(), set(task.params["safe_environment"])
    ignore = Ignore(task.params["ignore"], store_files.utc_now()[:10])
    last = last_release.of(task)
    record = last.record
    found.not_looked_at += [last.unread] if last.unread else []
    now = with_scaling(task, now, record, found)

    def shown(differences: list[Difference]) -> list[Difference]:
        return [redact.difference(each, safe, key) for each in differences]

    differences = ignore.kept(plan.differences(declared, now, models.task_definition()))
    whole = allowed.planned(task, now, differences)
    if task.params["approved_plan"] is not None:
        allowed.approved(task, whole, allowed.left_open(task))
    found.differences, found.digest = shown(differences), bound(task, whole)
    if found.digest:
        becoming = plan.becoming(declared, now, {})
        found.calls = calls.lines(
            differences,
            becoming.service,
            len(task.params["before"]),
            record,
            change_sets.calls(task, declared, now),
            task.params["force"],
        )
    found.elsewhere = shown(ignore.kept(plan.elsewhere(declared, now)))
    found.to_write = ownership.told(declared.owner, found.elsewhere)
    beside, unasked = templates.compared(task, declared, now)
    found.not_looked_at = unasked + [each for each in found.not_looked_at if each != drift.TEMPLATE]
    found.template, found.columns = shown(ignore.kept(beside.differences)), beside.columns
    found.to_write += template.to_write(found.template)
    other, unread = last_release.other_images(task, declared, now, record)
    found.released, found.not_looked_at = shown(ignore.kept(other)), found.not_looked_at + unread
    others = [] if last.may_be else undeclared.differences(declared, now, record)
    found.undeclared = shown(ignore.kept(others + beside.undeclared))
    found.findings = undeclared.no_longer_declared(declared, now, record) + ignore.expired
    found.ignored = [
        {**shown([each])[0].as_dict(), "reason": entry["reason"], "until": entry["until"]}
        for each, entry in ignore.left_out
    ]
    gone, unread = way_back.missing(task, now, last.base)
    found.findings, found.not_looked_at = found.findings + gone, found.not_looked_at + unread
    found.checked = plan.count(declared, now)
    found.status = drift.status(found.counted + found.template, found.undeclared, task.params["undeclared"])
    if last.may_be and task.params["undeclared"] and found.status == drift.IN_SYNC:
        found.status, found.reason = drift.NOT_CHECKED, f"undeclared properties count, and not read was {last.unread}"
    return found


def with_scaling(task: Task, now: plan.Live, record: Answer | None, found: Found) -> plan.Live:
    """The service with its scalable target, where the last release knows one and nobody declares it now."""
    if record is None or SCALING in now.service or SCALING not in states.state_of(record)["settings"]:
        return now
    try:
        return replace(now, service=live.scaled(task, now.service, recorded=True))
    except Failure as failure:
        found.not_looked_at.append(f"who scales it: {failure.msg}")
        return now


def bound(task: Task, whole: approval.Plan) -> str:
    """The digest of the plan, for whoever approves it; empty where nothing would be done."""
    return approval.digest(whole) if task.params["digest"] and whole.differences else ""


def looked(task: Task, region: str) -> Found:
    """Read and compare. What AWS does not answer, and a service of elsewhere, is not checked."""
    try:
        now = live.whole(task)
    except Failure as failure:
        return Found(drift.NOT_CHECKED, failure.msg)
    place = preflight.place(task.params["account"], task.params["region"] or region, now)
    if not place["ok"]:
        return Found(drift.NOT_CHECKED, checks.sentence(place))
    return compared(task, now)


def run(task: Task) -> Answer:
    """Read, compare, report."""
    name, wrong = task.params["service"], None
    region = region_of(task)
    try:
        misspelt = variables.misspelt(task.params["variables"])
        if misspelt:
            raise DeclarationError(" ".join(misspelt))
        found = looked(task, region)
    except DeclarationError as problem:
        wrong, found = problem, Found(drift.NOT_CHECKED, problem.msg)
    answer = found.answer(name)
    entry = {
        "service": name,
        **{key: task.params[key] for key in ("account", "cluster")},
        "region": task.params["region"] or region,
        **answer,
    }
    if task.params["file"]:
        result_files.merge_drift(Path(task.params["file"]), task.params["host"] or name, entry)
    if wrong is not None:
        raise Failure(wrong.msg, reason="declaration")
    unread = [f"not looked at: {each}" for each in found.not_looked_at if each not in drift.NOT_LOOKED_AT]
    told = [*(each.as_text() for each in found.counted), *template.lines(found.columns, found.template)]
    for line in [*told, *found.to_write, *found.findings, *unread, *found.calls]:
        task.report(line)
    if found.digest:
        task.report(f"this plan and no other: -e release_plan={found.digest}")
    return {
        "changed": False,
        "outcome": drift.OUTCOMES[found.status],
        **entry,
        "digest": found.digest,
        "calls": found.calls,
        "diff": redact.diff(found.differences + found.elsewhere),
    }


def main() -> None:
    """Entry point of the module process."""
    execute(SPEC, run)


if __name__ == "__main__":
    main()
