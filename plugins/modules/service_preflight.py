#!/usr/bin/python
# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: service_preflight
short_description: Check an Amazon ECS service and its declaration before anything is written
version_added: 0.1.0
description:
  - Checks that the credentials belong to the declared account, that service, revision, container, port, target group
    and listener exist and hang together, that the declaration can be meant, and that no other deployment is under way.
  - Fails with everything that is wrong at once. With another account or Region it asks nothing else.
  - Needs read rights only and never writes.
author:
  - The steady.ecs authors (@steady-ecs)
options:
  account:
    description: AWS account id that the credentials must belong to, twelve digits, quoted.
    type: str
    required: true
  cluster: {description: Name of the cluster., type: str, required: true}
  service: {description: Name of the service., type: str, required: true}
  url:
    description: Where users meet the service, as M(steady.ecs.service_health) takes it. It is not asked.
    type: str
  endpoints:
    description: URLs that the verification asks, as M(steady.ecs.service_health) takes them. They are not asked here.
    type: list
    elements: raw
    default: []
  task_identity:
    description: How the application names its task, as M(steady.ecs.service_health) takes it.
    type: dict
    default: {}
  sticky_requests:
    description: Requests of a client with cookies, as M(steady.ecs.service_health) takes them.
    type: int
    default: 10
  containers:
    description: Containers that must run in each task. Each must be in what is declared, or else in what is live.
    type: list
    elements: str
    default: []
  desired_count: {description: "Tasks that are verified, as M(steady.ecs.service_health) takes it.", type: int}
  going_back:
    description:
      - Whether this is a rollback. It may replace a deployment that is under way, and what the inventory declares does
        not matter to it.
    type: bool
    default: false
  store:
    description:
      - Folder or C(s3://BUCKET/PREFIX) of the release records. With O(going_back) the release to restore is looked up
        there, and refused with the nearest one that can run when its revision, an image or a secret is gone.
    type: str
  rollback_to:
    description: With O(going_back), number, revision or commit of the release to restore.
    type: str
  windows:
    description:
      - When the service may be changed, such as V(mon-thu 09:00-16:00 Europe/Berlin). Outside it is refused with the
        next opening, by AWS's clock. A rollback and a release that a run left open are never kept waiting.
    type: list
    elements: str
    default: []
  window_override:
    description: Why the windows do not count this time.
    type: str
    default: ''
  wait_timeout:
    description: Seconds for which the rollout may be watched. Credentials that are known to end sooner are a finding.
    type: int
    default: 1800
  without_alarm_cover:
    description:
      - Whether to go on although an alarm that should guard the deployment cannot, for it is missing, fed by no metric,
        or in ALARM already.
    type: bool
    default: false
  services:
    description: How many services the run changes. A finding says how long AWS's rate makes that take.
    type: int
    default: 1
  variables:
    description: Names of the host's variables; one that is nearly a role's variable is refused as a misspelling.
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - steady.ecs.declaration
  - steady.ecs.hazards
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    support: full
    description: Never changes anything.
  diff_mode:
    support: none
    description: There is nothing to compare.
"""

EXAMPLES = r"""
- name: Check before the first write
  steady.ecs.service_preflight:
    account: "640080112933"
    cluster: pardon-production-cluster
    service: pardon-production-service
    attributes: {stickiness.lb_cookie.duration_seconds: 86400}
"""

RETURN = r"""
ok:
  description: Whether every check holds; the task fails when one does not.
  returned: always
  type: bool
  sample: true
checks:
  description: The checks. One whose C(ok) is null was not checked, for the C(reason).
  returned: always
  type: list
  elements: dict
  sample:
    - {name: account, expected: "640080112933", found: "640080112933", ok: true, remedy: "", reason: ""}
findings:
  description: What is no reason to refuse, and should be known; shown as warnings too.
  returned: success
  type: list
  elements: str
  sample: []
caller_arn:
  description: Who the credentials are.
  returned: always
  type: str
  sample: arn:aws:iam::640080112933:user/ada
service_arn:
  description: ARN of the service.
  returned: success
  type: str
  sample: arn:aws:ecs:us-east-1:640080112933:service/pardon-production-cluster/pardon-production-service
target_group_arns:
  description: ARNs of the target groups that the service registers its tasks in.
  returned: success
  type: list
  elements: str
  sample:
    - arn:aws:elasticloadbalancing:us-east-1:640080112933:targetgroup/pardon-production-coral-tg/6cd8923ffc120347
image:
  description: Image of the container that the load balancer asks, as it would be deployed; empty before a rollback.
  returned: success
  type: str
  sample: 640080112933.dkr.ecr.us-east-1.amazonaws.com/coral:1.2
uncovered:
  description: Which deployment alarms do not guard the release although they should; empty when all do.
  returned: success
  type: str
  sample: ""
task_definition_arn:
  description: The live revision.
  returned: success
  type: str
  sample: arn:aws:ecs:us-east-1:640080112933:task-definition/pardon-simulator:74
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import (
    allowed,
    aws_time,
    live,
    models,
    opening,
    reads,
    registry,
    surroundings,
    way_back,
)
from ansible_collections.steady.ecs.plugins.module_utils.edges.aws import region_of, seconds_left, share
from ansible_collections.steady.ecs.plugins.module_utils.rules import (
    checks,
    hazards,
    images,
    plan,
    preflight,
    rates,
    refusals,
    release,
    restore,
    runnable,
    task_definition,
    variables,
    windows,
    wording,
)
from ansible_collections.steady.ecs.plugins.module_utils.rules.declaration import DeclarationError
from ansible_collections.steady.ecs.plugins.module_utils.rules.records import DEPLOY, ROLLING_BACK
from ansible_collections.steady.ecs.plugins.module_utils.rules.task_definition_shape import Model
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Spec, Task, execute

SPEC = Spec(
    options={
        "account": {"type": "str", "required": True},
        "cluster": {"type": "str", "required": True},
        "service": {"type": "str", "required": True},
        **live.DECLARATION_OPTIONS,
        "url": {"type": "str"},
        "endpoints": {"type": "list", "elements": "raw", "default": []},
        "task_identity": {"type": "dict", "default": {}},
        "sticky_requests": {"type": "int", "default": 10},
        "containers": {"type": "list", "elements": "str", "default": []},
        "variables": {"type": "list", "elements": "str", "default": []},
        "desired_count": {"type": "int"},
        "going_back": {"type": "bool", "default": False},
        "store": {"type": "str"},
        "rollback_to": {"type": "str"},
        **allowed.WINDOW_OPTIONS,
        "wait_timeout": {"type": "int", "default": 1800},
        "without_alarm_cover": {"type": "bool", "default": False},
        **hazards.OPTIONS,
        "services": {"type": "int", "default": 1},
    }
)

Answer = dict[str, Any]

UNREAD = ("access_denied", "refused")
"""Failures of one read that leave the others worth asking: all that is wrong is to be found at once."""


class Preflight:
    """One run: what was found so far."""

    def __init__(self, task: Task) -> None:
        self.task, self.params = task, task.params
        self.caller = reads.caller_identity(task)
        self.checks: list[checks.Check] = []
        self.findings: list[str] = []
        self.image, self.uncovered = "", ""

    def add(self, *found: checks.Check) -> None:
        """Note checks. What a right is missing for names the policy that has it."""
        policy = "rollback" if self.params["going_back"] else "deploy"
        self.checks += [refusals.naming(each, policy) for each in found]

    def refuse(self) -> None:
        """Fail with all that is wrong."""
        wrong = checks.failed(self.checks)
        if wrong:
            self.task.report(checks.table(self.checks))
            raise Failure(
                "Nothing was changed. " + "\n".join(checks.sentence(each) for each in wrong),
                reason="preflight",
                ok=False,
                checks=self.checks,
                caller_arn=self.caller["Arn"],
            )

    def service(self) -> Answer:
        """The service. One that does not exist ends the questions, with the names that do exist (case C94)."""
        cluster, name = self.params["cluster"], self.params["service"]
        try:
            return reads.service(self.task, cluster, name)
        except Failure as failure:
            found = failure.msg
            if failure.fields.get("code") == "ClusterNotFoundException":
                names = reads.existing(lambda: reads.cluster_names(self.task))
                place = f"no such cluster in {region_of(self.task)}. Clusters there: {names}"
                found = f"{place}. Correct service_cluster or service_region"
            elif failure.fields.get("reason") != "service_not_found":
                raise
        self.add(checks.check("service", f"{name} in cluster {cluster}", found, False))
        self.refuse()
        return {}

    def asked(self, name: str, call: Callable[[], Any]) -> Any:
        """What a read answers; a refusal is a failed check and None, and the questions go on."""
        try:
            return call()
        except Failure as failure:
            if failure.fields.get("reason") not in UNREAD:
                raise
            self.add(preflight.unread(name, failure.msg))
            return None

    def live(self) -> plan.Live:
        """The service with its revision, its target groups and their attributes, as far as they may be read."""
        task, service = self.task, self.service()
        service = self.asked("scalable target", lambda: live.scaled(task, service)) or service
        arn = service.get("taskDefinition")
        definition = self.asked("task definition", lambda: reads.task_definition(task, arn)) if arn else None
        groups = self.asked("target groups", lambda: reads.target_groups(task, live.group_arns(service)))
        attributes = {
            each["TargetGroupArn"]: self.asked(
                f"attributes of {each['TargetGroupName']}",
                functools.partial(reads.target_group_attributes, task, each["TargetGroupArn"]),
            )
            or {}
            for each in groups or []
        }
        found = plan.Live(service, definition or {}, groups or [], attributes)
        if groups is not None:
            self.add(*preflight.balancing(found))
        return found

    @functools.cached_property
    def left(self) -> Answer | None:
        """The record of the release that a run has open, alive or dead."""
        return release.opened(*self.on_record)

    @functools.cached_property
    def on_record(self) -> tuple[Answer, release.Records]:
        """The head and the records."""
        store = live.store(self.task)
        return store.head(), store.records()

    def window(self) -> None:
        """Whether the service may be changed at this time. What a run left open goes on at any: it is half done."""
        try:
            found = windows.opened(self.params["windows"], self.params["window_override"], aws_time.of(self.caller))
        except DeclarationError as wrong:
            self.add(checks.check("declared release_windows", windows.FORM, wrong.msg, False))
            return
        if found is None:
            return
        if found["ok"]:
            self.add(found)
        elif self.task.check_mode:
            self.findings.append(checks.sentence(found))
        else:
            self.add(found if self.left is None else {**found, "ok": True, "found": "closed, but a release is open"})

    def needs(self, declared: plan.Declared, now: plan.Live, model: Model) -> None:
        """Whether what would be deployed can start, and whether there would be a way back."""
        content = task_definition.plan(
            now.definition, model, declared.changes or None, declared.definition or None, declared.images
        ).declared
        becoming = plan.becoming(declared, now, content)
        self.image = images.serving(content, now.service)
        self.findings += preflight.in_clear(content)
        wanted, before = runnable.needs(content), runnable.needs(now.definition)
        self.add(*registry.checks_of(self.task, wanted))
        found, said, self.uncovered = surroundings.checks_of(self.task, declared, now, becoming)
        harms, warned = hazards.judged(becoming, self.params, found)
        self.add(*found, *harms)
        self.findings += [*said, *warned, *preflight.not_kept(declared.settings, now)]
        lost = checks.failed(registry.checks_of(self.task, before.without(wanted)))
        self.findings += [f"There would be no way back from this release: {checks.sentence(each)}" for each in lost]
        if wanted.images:
            running = live.running_images(self.task)
            self.findings += preflight.moved(registry.moved_tags(self.task, content, running))

    def goes_on_undoing(self) -> bool:
        """Whether the run will undo the release that is on its way back, which is of this declaration: then nothing
        that is declared has to start. One of another declaration is abandoned, and this one is deployed."""
        if self.left is None or self.left["state"] != ROLLING_BACK:
            return False
        wish = {"kind": DEPLOY, "differences": [], "force": False, "why": "", "commit": None, "audit": {}}
        return opening.look(dataclasses.replace(self.task, params={**self.params, **wish})).resumes


def run(task: Task) -> Answer:
    """Identity first, then everything else at once."""
    params, declared, model = task.params, live.declared(task), models.task_definition()
    account, going_back = params["account"], params["going_back"]
    flight = Preflight(task)
    wrong = variables.misspelt(params["variables"])
    if wrong:
        flight.add(checks.check("variables", "names that a role has", wrong, False))
    region = region_of(task)
    flight.add(*preflight.identity(account, params["region"] or region, flight.caller, region, declared))
    flight.refuse()
    now = flight.live()
    if not going_back:
        flight.add(preflight.count(now, declared), *preflight.counts(declared, params["desired_count"]))
    flight.add(preflight.place(account, region, now, flight.caller["Arn"]), *preflight.service(now, declared))
    names = ("url", "endpoints", "task_identity", "sticky_requests", "containers")
    verification = wording.Verification(*(params[name] for name in names))
    flight.add(*preflight.declaration(declared, verification, now, model, going_back))
    left = None if going_back else restore.begun_by_us(*flight.on_record, now.service)
    flight.add(preflight.under_way(declared, now, model, going_back, left))
    if not going_back:
        flight.window()
    flight.refuse()
    if going_back:
        flight.add(*way_back.to_restore(task, now, params["rollback_to"]))
    elif not flight.goes_on_undoing():
        flight.needs(declared, now, model)
    flight.refuse()
    findings = [*preflight.findings(now), *preflight.movable(declared), *flight.findings]
    findings += preflight.session(seconds_left(task), params["wait_timeout"])
    findings += [] if going_back else rates.registering(params["services"], share(task))
    for each in [*findings, *checks.unanswered(flight.checks)]:
        task.warn(each)
    return {
        "changed": False,
        "ok": True,
        "checks": flight.checks,
        "findings": findings,
        "caller_arn": flight.caller["Arn"],
        "image": flight.image,
        "uncovered": flight.uncovered,
        "service_arn": now.service["serviceArn"],
        "target_group_arns": live.group_arns(now.service),
        "task_definition_arn": now.service["taskDefinition"],
    }


def main() -> None:
    """Entry point of the module process."""
    execute(SPEC, run)


if __name__ == "__main__":
    main()
