#!/usr/bin/python
# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: service_health
short_description: Verify that an Amazon ECS service runs what is declared
version_added: 0.1.0
description:
  - Looks at the service, its deployments, tasks, targets, target group and revisions, and then at what users meet,
    until everything is as declared or O(wait_timeout) has passed. Changes nothing.
  - Every statement is a check with what was expected, what was found and what to do. A check that could not be made
    says why and does not fail the task.
  - URLs are asked only once everything else holds. Only C(http) and C(https) URLs without user information are; the
    name is resolved once a connection; redirects are followed only within the host; link-local addresses are never
    asked, loopback and private ones only when the URL's host is such an address itself, or V(localhost).
  - Where the time is over and nothing is wrong but that tasks which a scaling has asked for are still starting, the
    answer has C(cut_off) beside it. A release is then not rolled back but interrupted, and the same command goes on.
  - Values of environment variables are never shown unless O(safe_environment) names the variable.
author: The steady.ecs authors (@steady-ecs)
options:
  account: {description: AWS account id that the service must be of; of any when left out., type: str}
  cluster: {description: Name of the cluster., type: str, required: true}
  service: {description: Name of the service., type: str, required: true}
  url: {description: "Where users meet it, without the path. Stickiness is looked at there.", type: str}
  target_group:
    description: Name or ARN of the target group that O(attributes) and O(url) belong to. By default the only one.
    type: str
  attributes: {description: Attributes that the group must have. Only what is named counts., type: dict, default: {}}
  attributes_of:
    description: O(attributes) of each of several target groups, by its name or ARN.
    type: dict
    default: {}
  owner: {description: Who owns them., type: str, choices: [steady, stack, terraform, other]}
  changes:
    description:
      - What is declared of the task definition, as M(steady.ecs.task_definition) takes it. Variables that are null must
        be absent from the running tasks.
    type: dict
    default: {}
  definition: {description: The declared task definition in AWS's form. Excludes O(changes)., type: dict, default: {}}
  images: {description: Container to image., type: dict, default: {}}
  safe_environment:
    {description: Names of environment variables whose values may be shown., type: list, elements: str, default: []}
  task_definition:
    description:
      - ARN of the revision that must run, as after a rollback. O(changes), O(definition) and O(images) are not
        compared then.
    type: str
  recorded_endpoints:
    description:
      - Of a release that was gone back to, what each endpoint answered when that was verified, by the name of the
        check, as C(target.endpoints) of M(steady.ecs.release) has it. O(endpoints) may be of a later release.
      - An endpoint that answers so again holds, whatever O(endpoints) expects. One that is not among them is not
        checked where it answers something else without an error of the server.
    type: dict
  recorded_images:
    description: By container, the image with its digest that must run, as a release's record has it, for tags move.
    type: dict
    default: {}
  containers: {description: Containers that must run in each task., type: list, elements: str, default: []}
  desired_count: {description: "Tasks it must want. By default whatever it wants, but at least one.", type: int}
  settings:
    description: What is declared of the service. A C(desiredCount) of 0 in it is 0 for O(desired_count) left out. Where
      the service wants none, no URL is asked.
    type: dict
    default: {}
  endpoints:
    description:
      - URLs that must answer 200.
      - One may be a mapping with C(url), C(status) (200), and C(path), a JMESPath into the JSON body of the answer,
        whose value must be what C(equals) says.
    type: list
    elements: raw
    default: []
  task_identity:
    description:
      - How the application names the task that answers. C(request) is a path below O(url). C(header) is the name of a
        header of its answer, or C(path) a JMESPath into its JSON body.
      - Without it, or when an answer names no task, stickiness is not checked; with C(stickiness.type=app_cookie) only
        where the answer to C(request) sets the application's cookie.
    type: dict
    default: {}
  sticky_requests:
    description: Requests that a client with cookies makes to see whether it stays on one task. At least 2.
    type: int
    default: 10
  wait_timeout:
    description: Seconds to look again while a check fails. 0 looks once.
    type: int
    default: 120
  wait_delay:
    description: Seconds between two looks. A look takes about five calls.
    type: int
    default: 5
    choices: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]
  release:
    description: RV(steady.ecs.release#module:release) in the answer of M(steady.ecs.release), whose lease is renewed.
    type: dict
    default: {}
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode: {support: full, description: It only reads.}
  diff_mode: {support: none, description: It changes nothing.}
"""

EXAMPLES = r"""
- name: Verify what runs
  steady.ecs.service_health:
    account: "640080112933"
    cluster: pardon-production-cluster
    service: pardon-production-service
    url: https://pardonsimulator.com
    attributes:
      stickiness.enabled: true
      stickiness.lb_cookie.duration_seconds: 86400
    changes:
      containers:
        coral:
          environment:
            CORAL_SESSIONS: null
    containers: [coral]
    endpoints:
      - https://pardonsimulator.com/
      - {url: "https://pardonsimulator.com/api/health/coral", path: status, equals: healthy}
    task_identity:
      request: /health
      header: X-Coral-Instance

- name: Verify that a rollback has arrived
  steady.ecs.service_health:
    cluster: pardon-production-cluster
    service: pardon-production-service
    task_definition: arn:aws:ecs:us-east-1:640080112933:task-definition/pardon-simulator:74
"""

RETURN = r"""
ok:
  description: Whether no check failed.
  returned: always
  type: bool
  sample: true
summary:
  description: What runs, in one line.
  returned: always
  type: str
  sample: pardon-production-service runs pardon-simulator:75, 3/3 healthy
images:
  description: By container, the image that runs, with its digest, where the API tells one and all tasks agree.
  returned: always
  type: dict
  sample: {coral: "pardon/coral-server:latest@sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"}
checks:
  description: Each check of the last look. C(ok) is null for one that could not be made; C(reason) says why.
  returned: always
  type: list
  elements: dict
  sample: [{"name": "task count", "expected": "3 of 3", "found": "3 of 3", "ok": true, "remedy": "", "reason": ""}]
"""

from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import held, live, models, reads, verifying, visits
from ansible_collections.steady.ecs.plugins.module_utils.edges.rotation import tell_changed
from ansible_collections.steady.ecs.plugins.module_utils.rules import (
    addresses,
    checks,
    endpoints,
    groups,
    health,
    images,
    looks,
    ownership,
    redact,
    settling,
    task_definition,
)
from ansible_collections.steady.ecs.plugins.module_utils.rules.declaration import DeclarationError
from ansible_collections.steady.ecs.plugins.module_utils.rules.differences import Difference
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Spec, Task, execute

SPEC = Spec(
    options={
        "account": {"type": "str"},
        "cluster": {"type": "str", "required": True},
        "service": {"type": "str", "required": True},
        "url": {"type": "str"},
        "target_group": {"type": "str"},
        "attributes": {"type": "dict", "default": {}},
        "attributes_of": {"type": "dict", "default": {}},
        "owner": ownership.OPTION,
        "changes": {"type": "dict", "default": {}},
        "definition": {"type": "dict", "default": {}},
        "images": {"type": "dict", "default": {}},
        "safe_environment": {"type": "list", "elements": "str", "default": []},
        "task_definition": {"type": "str"},
        "recorded_images": {"type": "dict", "default": {}},
        "recorded_endpoints": {"type": "dict"},
        "containers": {"type": "list", "elements": "str", "default": []},
        "desired_count": {"type": "int"},
        "settings": {"type": "dict", "default": {}},
        "endpoints": {"type": "list", "elements": "raw", "default": []},
        "task_identity": {"type": "dict", "default": {}},
        "sticky_requests": {"type": "int", "default": 10},
        "wait_timeout": {"type": "int", "default": 120},
        "wait_delay": {"type": "int", "default": 5, "choices": list(range(1, 16))},
        **held.RELEASE_OPTION,
    }
)

Answer = dict[str, Any]


class Verification:
    """One verification: what is declared, what never changes and was read once, and the last look."""

    def __init__(self, task: Task) -> None:
        self.task, self.params = task, task.params
        self.key, self.safe = redact.run_key(), set(self.params["safe_environment"])
        self.count = health.declared_count(self.params["desired_count"], self.params["settings"])
        self.arns: list[str] | None = None
        self.groups: dict[str, Answer] = {}
        self.compared: dict[str, list[Difference]] = {}
        self.seen: looks.Look | None = None
        self.checks: list[checks.Check] = []

    def look(self) -> list[checks.Check]:
        """All checks of one look. What users meet is asked when everything before it holds."""
        params = self.params
        service = live.serving(self.task, reads.declared_service(self.task))
        arns = self.find_groups(service)
        tasks = reads.tasks(self.task, params["cluster"], params["service"])
        targets = {arn: reads.target_health(self.task, arn) for arn in arns if arn in self.groups}
        seen = looks.Look(service, tasks=tasks, targets=targets)
        found = [health.status(service), health.count(seen, self.count), health.deployment(service)]
        found += [*self.content(service), health.task_revisions(seen)]
        found += [health.targets(seen, arn) if arn in self.groups else health.no_group(arn) for arn in arns]
        attributes: dict[str, dict[str, str]] = {}
        found += [*self.declared_attributes(service, arns, attributes), *self.environment(seen)]
        found += [health.containers(seen, params["containers"]), *images.compared(tasks, params["recorded_images"])]
        holds = not checks.failed(found)
        skips = "no task is meant to run" if service["desiredCount"] == 0 else "" if holds else health.LATER
        found += [self.endpoint(each, skips) for each in params["endpoints"]]
        found.append(self.stickiness(seen, self.sticky_attributes(service, arns, attributes), holds))
        self.seen, self.checks = seen, found
        return found

    def find_groups(self, service: Answer) -> list[str]:
        """ARNs of the service's target groups; those that exist are described when the list is new."""
        arns = live.group_arns(service)
        if arns != self.arns:
            self.groups = {each["TargetGroupArn"]: each for each in reads.target_groups(self.task, arns)}
            self.arns = arns
        return arns

    def declared_attributes(
        self, service: Answer, arns: list[str], read: dict[str, dict[str, str]]
    ) -> list[checks.Check]:
        """The attributes as they are declared, of each group. ``read``: those that were read for it, by ARN."""
        params = self.params
        if len(self.groups) < len(arns):
            return []  # that one is deleted is a failed check of its own
        existing = [self.groups[arn] for arn in arns]
        wanted = looks.serving_group(params["target_group"], service)
        several = {looks.serving_group(name, service) or name: given for name, given in params["attributes_of"].items()}
        meant = groups.parts(wanted, params["attributes"], several, existing)
        read.update({each.arn: reads.target_group_attributes(self.task, each.arn) for each in meant})
        return [
            health.attributes(each.name, each.text(read[each.arn]), read[each.arn], params["owner"]) for each in meant
        ]

    def sticky_attributes(
        self, service: Answer, arns: list[str], read: dict[str, dict[str, str]]
    ) -> dict[str, str] | None:
        """The live attributes of the group that users meet, when stickiness is to be looked at: the named group, or the
        only one; None where it does not exist or is not known. ``read``: what is known already."""
        params, arn = self.params, arns[0] if len(arns) == 1 else None
        if params["target_group"]:
            arn = groups.group_of(looks.serving_group(params["target_group"], service), arns)
        if arn not in self.groups or not (params["url"] and params["task_identity"]):
            return None
        return read.get(arn) or reads.target_group_attributes(self.task, arn)

    def content(self, service: Answer) -> list[checks.Check]:
        """The revision that is named, or the content that is declared; nothing when neither is."""
        params = self.params
        if params["task_definition"]:
            return [health.revision(service, params["task_definition"])]
        if not (params["changes"] or params["definition"] or params["images"]):
            return []
        arn = service["taskDefinition"]
        if arn not in self.compared:
            base = reads.task_definition(self.task, arn)
            plan = task_definition.plan(
                base, models.task_definition(), params["changes"], params["definition"], params["images"]
            )
            self.compared[arn] = [redact.difference(each, self.safe, self.key) for each in plan.differences]
        return [health.content(service, self.compared[arn])]

    def environment(self, seen: looks.Look) -> list[checks.Check]:
        """The declared environment in the revisions that tasks run."""
        if self.params["task_definition"]:
            return []
        expected = task_definition.expected_environment(self.params["changes"], self.params["definition"])
        if not expected:
            return []
        arns = sorted({each["taskDefinitionArn"] for each in health.running_tasks(seen)})
        revisions = {arn: reads.task_definition(self.task, arn) for arn in arns}
        return [
            health.environment(
                container,
                wanted,
                {arn: health.environment_of(content, container) for arn, content in revisions.items()},
                self.safe,
                self.key,
            )
            for container, wanted in expected.items()
        ]

    def endpoint(self, declared: Any, skips: str) -> checks.Check:
        """A URL that must answer as is declared. ``skips``: why it is not asked."""
        wanted, recorded = endpoints.endpoint(declared), self.params["recorded_endpoints"]
        if skips:
            return health.not_asked(wanted, skips)
        answered = visits.asked(wanted.url)
        found = health.endpoint(wanted, *answered)
        return found if recorded is None else health.as_restored(found, answered[0], recorded)

    def stickiness(self, seen: looks.Look, attributes: dict[str, str] | None, holds: bool) -> checks.Check:
        """Whether users stay on one task."""
        url, identity = self.params["url"], self.params["task_identity"]
        reason = health.why_not_sticky(url, identity, attributes, health.healthy_count(seen))
        if reason or not holds:
            return checks.not_checked(health.STICKINESS, health.STICKY, reason or health.LATER)
        address = url.rstrip("/") + identity["request"]
        try:
            met = visits.tasks_met(address, identity, self.params["sticky_requests"])
        except visits.NotServed as problem:
            return health.unanswered(addresses.shown(address), problem.found)
        return health.stickiness(*met, attributes or {})

    def starting(self) -> int:
        """How many tasks are still starting, where nothing else is wrong. None does so that may be in the place of one
        which has ended, for then it may end the same way."""
        number = settling.starting(self.seen, self.checks, self.count) if self.seen else 0
        if not (self.seen and number):
            return 0
        stopped = reads.tasks(self.task, self.params["cluster"], self.params["service"], "STOPPED")
        return 0 if looks.own_tasks(looks.primary(self.seen.service), stopped) else number

    def answer(self) -> Answer:
        """What the module returns, whether it fails or not."""
        return {
            "ok": self.seen is not None and not checks.failed(self.checks),
            "checks": self.checks,
            "summary": health.summary(self.seen) if self.seen else "",
            "images": images.running(self.seen.tasks) if self.seen else {},
        }


def refuse_what_cannot_be_meant(params: Answer) -> None:
    """Raises DeclarationError, before any call."""
    names = ("url", "endpoints", "task_identity", "sticky_requests")
    for attempt in endpoints.attempts(*(params[name] for name in names)):
        attempt()


def run(task: Task) -> Answer:
    """Look until it is healthy; fail with everything that is not."""
    held.of(task)
    verification = Verification(task)
    try:
        refuse_what_cannot_be_meant(task.params)
        verifying.Watch(task, verification.look).run()
    except DeclarationError as wrong:
        raise Failure(wrong.msg, reason="declaration", **verification.answer()) from None
    except Failure as failure:
        raise Failure(failure.msg, **{**verification.answer(), **failure.fields}) from None
    task.report(checks.table(verification.checks))
    tell_changed(task, verification.seen)
    answer = verification.answer()
    if not answer["ok"]:
        task.assure_lease()
        words = checks.message(answer["summary"], verification.checks)
        starting = verification.starting()
        if starting:
            raise Failure(f"{words}\n{settling.told(starting)}", reason="unhealthy", cut_off=True, **answer)
        raise Failure(words, reason="unhealthy", **answer)
    return {"changed": False, **answer}


def main() -> None:
    """Entry point of the module process."""
    execute(SPEC, run)


if __name__ == "__main__":
    main()
