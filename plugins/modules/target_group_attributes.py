#!/usr/bin/python
# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: target_group_attributes
short_description: Have the declared attributes on the target groups of an Amazon ECS service
version_added: 0.1.0
description:
  - Compares the declared attributes with the live ones and sets those that differ, all of a target group in one call or
    none; then reads them back.
  - Names, values and combinations of all groups are checked before any call, with the nearest valid name.
  - Never registers or deregisters a target, and never touches an attribute that is not declared.
author:
  - The steady.ecs authors (@steady-ecs)
options:
  cluster:
    description: Name of the cluster.
    type: str
    required: true
  service:
    description: Name of the service whose target group it is.
    type: str
    required: true
  target_group:
    description: Name or ARN of the target group of O(attributes). May be left out when the service has only one.
    type: str
  attributes:
    description:
      - Attributes by AWS's names, such as C(stickiness.lb_cookie.duration_seconds). Truth values and numbers may be
        written as YAML has them; null goes back to AWS's default.
    type: dict
    default: {}
  attributes_of:
    description: O(attributes) of each of several target groups, by its name or ARN.
    type: dict
    default: {}
  owner:
    description:
      - Who owns the attributes. Those of V(terraform) and V(other) are never written; what differs is returned, and a
        warning says what to write where.
      - Those of V(stack) are set by a change set of the CloudFormation stack that the group's tags name, through the
        stack's parameters where values are such, else through its template. A change set that would change anything
        else is deleted, and the task fails.
    type: str
    choices: [steady, stack, terraform, other]
  put_back:
    description: Put back what was before O(release), where a group still has what the release gave it. What somebody
      else has set since stays.
    type: bool
    default: false
  release:
    description:
      - RV(steady.ecs.release#module:release) in the answer of M(steady.ecs.release), when this change belongs to a
        release. Its lease is renewed, the change is noted in its record, and nothing is changed when somebody else has
        changed the service since.
    type: dict
    default: {}
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    support: full
    description: Makes no writing call and returns the same keys.
  diff_mode:
    support: full
    description: Shows the attributes that differ.
"""

EXAMPLES = r"""
- name: Keep users on one task for 24 hours
  steady.ecs.target_group_attributes:
    cluster: pardon-production-cluster
    service: pardon-production-service
    attributes:
      stickiness.enabled: true
      stickiness.type: lb_cookie
      stickiness.lb_cookie.duration_seconds: 86400

- name: Let the tasks of both target groups go sooner
  steady.ecs.target_group_attributes:
    cluster: pardon-production-cluster
    service: pardon-production-service
    attributes_of:
      pardon-production-coral-tg: {deregistration_delay.timeout_seconds: 30}
      pardon-production-admin-tg: {deregistration_delay.timeout_seconds: 5}
"""

RETURN = r"""
target_group_arn:
  description: ARN of the target group; null where there is none, or there are several.
  returned: success
  type: str
  sample: arn:aws:elasticloadbalancing:us-east-1:640080112933:targetgroup/pardon-production-coral-tg/6cd8923ffc120347
target_group_name:
  description: Its name.
  returned: success
  type: str
  sample: pardon-production-coral-tg
attributes:
  description: All its attributes after the change; in check mode, as they would be.
  returned: success
  type: dict
  sample: {"stickiness.enabled": "true", "stickiness.lb_cookie.duration_seconds": "86400"}
before:
  description: All its attributes before it.
  returned: success
  type: dict
  sample: {"stickiness.enabled": "true", "stickiness.lb_cookie.duration_seconds": "3600"}
target_groups:
  description: The same of each target group that attributes are declared for.
  returned: success
  type: list
  elements: dict
  contains:
    arn: {description: ARN of the target group., type: str}
    name: {description: Its name., type: str}
    attributes: {description: "All its attributes after the change; in check mode, as they would be.", type: dict}
    before: {description: All its attributes before it., type: dict}
  sample: []
by_stack:
  description: With O(owner=stack), what change sets change, or would change in check mode, a sentence a stack.
  returned: success
  type: list
  elements: str
  sample:
    - "attributes of pardon-production-coral-tg, by change set of stack edge: parameter Seconds from 3600 to 86400"
differences:
  description: What differed between declared and live.
  returned: success
  type: list
  elements: dict
  sample:
    - resource: target group pardon-production-coral-tg
      path: stickiness.lb_cookie.duration_seconds
      expected: "86400"
      actual: "3600"
      type: NOT_EQUAL
"""

from dataclasses import dataclass
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import (
    change_sets,
    fence,
    held,
    live,
    reads,
    waits,
    writes,
)
from ansible_collections.steady.ecs.plugins.module_utils.rules import groups, ownership, redact, target_group
from ansible_collections.steady.ecs.plugins.module_utils.rules.declaration import DeclarationError
from ansible_collections.steady.ecs.plugins.module_utils.rules.differences import Difference
from ansible_collections.steady.ecs.plugins.module_utils.rules.fence import to_put_back
from ansible_collections.steady.ecs.plugins.module_utils.rules.records import ROLLBACK, ROLLING_BACK
from ansible_collections.steady.ecs.plugins.module_utils.rules.stack import Part
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Spec, Task, execute

SPEC = Spec(
    options={
        "cluster": {"type": "str", "required": True},
        "service": {"type": "str", "required": True},
        "target_group": {"type": "str"},
        "attributes": {"type": "dict", "default": {}},
        "attributes_of": {"type": "dict", "default": {}},
        "owner": ownership.OPTION,
        "put_back": {"type": "bool", "default": False},
        **held.RELEASE_OPTION,
    },
)

READ_BACK_SECONDS = 10
"""How long an answer may be older than our change."""
PAUSE = 1
OF_ONE_GROUP = {"access_denied", "refused", "not_as_declared", "target_group_deleted"}
"""Reasons of a failure that say nothing about the next group."""

Answer = dict[str, Any]


@dataclass
class Change:
    """One target group: its attributes before, those that it is to have, what differs, and its attributes after."""

    group: Answer
    before: dict[str, str]
    wanted: dict[str, str]

    def __post_init__(self) -> None:
        self.arn, self.name = str(self.group["TargetGroupArn"]), str(self.group["TargetGroupName"])
        self.differences: list[Difference] = target_group.compare(self.wanted, self.before, self.name)
        self.after = {**self.before, **self.wanted}

    def as_dict(self) -> Answer:
        """What the module returns of it."""
        return {"arn": self.arn, "name": self.name, "attributes": self.after, "before": self.before}


def formerly(task: Task, hold: held.Held | None) -> list[str]:
    """The groups that the service had when the release was opened: a way back from a pair of them to one may leave the
    group whose attributes are to be put back."""
    return list(hold.store.record(task.params["release"]["seq"])["before"]["attributes"]) if hold else []


def groups_of(task: Task, service: Answer, hold: held.Held | None) -> list[Answer]:
    """The service's target groups, as DescribeTargetGroups answers them, and those that are meant by their ARN where
    the service had them until now. Refuses a service that cannot have any."""
    name, arns = task.params["service"], live.group_arns(service)
    meant = {task.params["target_group"], *task.params["attributes_of"]} - {*arns}
    arns = [*arns, *(arn for arn in formerly(task, hold) if arn in meant)]
    if not arns:
        raise Failure(
            f"Service {name} has no target group, so it has no attributes to set. Remove target_group_attributes.",
            reason="no_target_group",
        )
    found = reads.target_groups(task, arns)
    if len(found) < len(arns):
        gone = sorted(set(arns) - {each["TargetGroupArn"] for each in found})
        raise Failure(
            f"Service {name} names {', '.join(gone)}, which is deleted: its tasks cannot be registered. Give the "
            "service an existing target group first.",
            reason="target_group_deleted",
        )
    return found


def arrived(task: Task, change: Change, seconds: float = 0) -> dict[str, str] | None:
    """All attributes of the group as they are read; None when they are not as wanted within these seconds."""

    def as_wanted(_elapsed: float) -> dict[str, str] | None:
        found = reads.target_group_attributes(task, change.arn)
        return None if target_group.compare(change.wanted, found, "") else found

    return waits.until(as_wanted, seconds, PAUSE)


def settled(task: Task, change: Change) -> dict[str, str]:
    """Set what differs in one call, and answer all attributes as they are read back."""
    arn, declared = change.arn, change.wanted
    changed = {each.path: str(each.expected) for each in change.differences}
    writes.modify_target_group_attributes(task, arn, changed, lambda: arrived(task, change))
    found = arrived(task, change, READ_BACK_SECONDS)
    if found is None:
        task.assure_lease()
        now = target_group.compare(declared, reads.target_group_attributes(task, arn), change.name)
        raise Failure(
            f"AWS took the change, but {READ_BACK_SECONDS} s later it shows otherwise: "
            f"{'; '.join(each.as_text() for each in now)}. Someone else may be changing this group: find out who, then "
            "run the same command again.",
            reason="not_as_declared",
        )
    return found


def declared(task: Task, hold: held.Held | None, service: Answer) -> list[Change]:
    """What is declared of each group. All of it is refused, before any call that writes, when it cannot be meant."""
    params, arns = task.params, live.group_arns(service)
    if not (params["attributes"] or params["attributes_of"]) and len(arns) != 1:
        return []  # a service without attributes to set may have several target groups, or none
    existing = groups_of(task, service, hold)
    try:
        meant = groups.parts(params["target_group"], params["attributes"], params["attributes_of"], existing)
        if not meant:
            return [Change(existing[0], reads.target_group_attributes(task, arns[0]), {})]
        found = [(each, reads.target_group_attributes(task, each.arn)) for each in meant]
        return [Change(each.group, before, each.text(before)) for each, before in found]
    except DeclarationError as wrong:
        raise Failure(wrong.msg, reason="declaration") from None


def put_back(task: Task, hold: held.Held, service: Answer) -> list[Change]:
    """What the release gave each group and still has, as it was before."""
    record = hold.store.record(task.params["release"]["seq"])
    known = {*live.group_arns(service), *formerly(task, hold)}
    arns = [arn for arn in record["intent"]["attributes"] if arn in known]
    found = []
    for group in reads.target_groups(task, arns):
        before = reads.target_group_attributes(task, group["TargetGroupArn"])
        found.append(Change(group, before, to_put_back(record, group["TargetGroupArn"], before)))
    return found


def run(task: Task) -> Answer:
    """Compare, set what differs in one call a group, read back, note it."""
    hold, back = held.of(task), task.params["put_back"]
    if back and hold is None:
        raise Failure("put_back needs the release whose attributes it puts back.", reason="declaration")
    service = reads.service(task, task.params["cluster"], task.params["service"])
    changes = put_back(task, hold, service) if hold and back else declared(task, hold, service)
    if task.params["owner"] in ownership.ELSEWHERE:
        return left_alone(task, changes)
    said = list[str]()
    if task.params["owner"] == ownership.STACK and task.check_mode:
        said = planned(task, changes)
    elif not task.check_mode:
        said = settle(task, changes, None if back else hold, service)
    if hold and changes and not back:
        hold.note({"attributes": "done"})
    return answer(changes, said)


def settle(task: Task, changes: list[Change], hold: held.Held | None, service: Answer) -> list[str]:
    """Group by group; what stacks have changed, in words. ``hold``: the release that changes them, as long as nobody
    else has changed the service."""
    differing = [each for each in changes if each.differences]
    if not differing:
        return []
    fenced = fence.over(task, hold, service)
    fence.passed(fenced)
    if task.params["owner"] != ownership.STACK:
        one_by_one(fenced, differing, hold)
        return []
    why = f"steady.ecs: {task.params['service']} in {task.params['cluster']}"
    executed = change_sets.apply(task, parts(changes), why, fenced)
    theirs = {part.arn for each in executed for part in each.parts}
    for each in differing:  # what the stack had already no update of it touches: that is set as the stack has it
        found = arrived(task, each, READ_BACK_SECONDS if each.arn in theirs else 0)
        if found is None:
            found = settled(fenced, each)
        each.after = found
    return [each.words for each in executed]


def one_by_one(task: Task, changes: list[Change], hold: held.Held | None) -> None:
    """A call for each group. On the way back one that fails keeps no other from being put back."""
    failures = list[Failure]()
    for each in changes:
        if each is not changes[0]:
            fence.passed(task)
        try:
            each.after = settled(task, each)
        except Failure as failure:
            if failure.fields.get("reason") not in OF_ONE_GROUP or not goes_back(task, hold):
                raise
            failures.append(failure)
    if failures:
        raise Failure(" ".join(each.msg for each in failures), **failures[0].fields)


def goes_back(task: Task, hold: held.Held | None) -> bool:
    """Whether what was there before is brought back: by a rollback, or by the release that has failed."""
    if task.params["put_back"] or hold is None:
        return bool(task.params["put_back"])
    record = hold.store.record(task.params["release"]["seq"])
    return bool(record["kind"] == ROLLBACK or record["state"] == ROLLING_BACK)


def parts(changes: list[Change]) -> list[Part]:
    """The same for the rules about stacks."""
    return [Part(each.group, each.wanted, each.before) for each in changes]


def planned(task: Task, changes: list[Change]) -> list[str]:
    """What the stacks would change, in words; a warning says what cannot be."""
    found = change_sets.planned(task, parts(changes))
    for each in found:
        if each.problem:
            task.warn(change_sets.refusal(each).msg)
        else:
            task.report(each.words)
    return [each.words for each in found if not each.problem]


def left_alone(task: Task, changes: list[Change]) -> Answer:
    """What differs, and what its owner has to write; nothing is changed."""
    differences = [found for each in changes for found in each.differences]
    if differences:
        task.warn("Not set from here: " + "\n".join(ownership.told(task.params["owner"], differences)))
    for each in changes:
        each.after = each.before
    return {**answer(changes, []), "changed": False}


def answer(changes: list[Change], by_stack: list[str]) -> Answer:
    """What the module returns; without a group, that there was nothing to do."""
    key, only = redact.run_key(), changes[0] if len(changes) == 1 else None
    shown = [redact.difference(difference, set(), key) for each in changes for difference in each.differences]
    diff = redact.diff(shown)
    if by_stack:
        diff["after"]["change sets"] = "; ".join(by_stack)
    return {
        "changed": bool(shown),
        "target_group_arn": only.arn if only else None,
        "target_group_name": only.name if only else None,
        "attributes": only.after if only else {},
        "before": only.before if only else {},
        "target_groups": [each.as_dict() for each in changes],
        "differences": [each.as_dict() for each in shown],
        "by_stack": by_stack,
        "diff": diff,
    }


def main() -> None:
    """Entry point of the module process."""
    execute(SPEC, run)


if __name__ == "__main__":
    main()
