#!/usr/bin/python
# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: target_group_attributes
short_description: Have the declared attributes on the target group of an Amazon ECS service
version_added: 0.1.0
description:
  - Compares the declared attributes with the live ones and sets those that differ, all in one call or none; then reads
    them back.
  - Names, values and combinations are checked before any call, with the nearest valid name.
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
    description: Name or ARN of the target group. May be left out when the service has only one.
    type: str
  attributes:
    description:
      - Attributes by AWS's names, such as C(stickiness.lb_cookie.duration_seconds). Truth values and numbers may be
        written as YAML has them; null goes back to AWS's default.
      - Required unless O(put_back) is set.
    type: dict
  put_back:
    description: Put back what was before O(release), where the group still has what the release gave it. What somebody
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
"""

RETURN = r"""
target_group_arn:
  description: ARN of the target group; null where nothing is declared and the service has none or several.
  returned: success
  type: str
  sample: arn:aws:elasticloadbalancing:us-east-1:640080112933:targetgroup/pardon-production-coral-tg/6cd8923ffc120347
target_group_name:
  description: Its name.
  returned: success
  type: str
  sample: pardon-production-coral-tg
attributes:
  description: All attributes after the change; in check mode, as they would be.
  returned: success
  type: dict
  sample: {"stickiness.enabled": "true", "stickiness.lb_cookie.duration_seconds": "86400"}
before:
  description: All attributes before it.
  returned: success
  type: dict
  sample: {"stickiness.enabled": "true", "stickiness.lb_cookie.duration_seconds": "3600"}
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

from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import fence, held, live, reads, waits, writes
from ansible_collections.steady.ecs.plugins.module_utils.rules import redact, target_group
from ansible_collections.steady.ecs.plugins.module_utils.rules.declaration import DeclarationError
from ansible_collections.steady.ecs.plugins.module_utils.rules.differences import Difference
from ansible_collections.steady.ecs.plugins.module_utils.rules.fence import to_put_back
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Spec, Task, execute

SPEC = Spec(
    options={
        "cluster": {"type": "str", "required": True},
        "service": {"type": "str", "required": True},
        "target_group": {"type": "str"},
        "attributes": {"type": "dict"},
        "put_back": {"type": "bool", "default": False},
        **held.RELEASE_OPTION,
    },
    rules={"required_if": [("put_back", False, ["attributes"])]},
)

READ_BACK_SECONDS = 10
"""How long an answer may be older than our change."""
PAUSE = 1

Answer = dict[str, Any]


def group_of(task: Task, service: Answer, wanted: str | None) -> Answer:
    """The target group that is meant, as DescribeTargetGroups answers it. Refuses another service's group."""
    name = task.params["service"]
    arns = live.group_arns(service)
    if not arns:
        raise Failure(
            f"Service {name} has no target group, so it has no attributes to set. Remove target_group_attributes.",
            reason="no_target_group",
        )
    groups = reads.target_groups(task, arns)
    if len(groups) < len(arns):
        gone = sorted(set(arns) - {each["TargetGroupArn"] for each in groups})
        raise Failure(
            f"Service {name} names {', '.join(gone)}, which is deleted: its tasks cannot be registered. Give the "
            "service an existing target group first.",
            reason="target_group_deleted",
        )
    names = ", ".join(sorted(each["TargetGroupName"] for each in groups))
    if not wanted and len(groups) > 1:
        raise Failure(
            f"Service {name} has several target groups: {names}. Say which: target_group_name.",
            reason="several_target_groups",
        )
    found = [each for each in groups if not wanted or wanted in (each["TargetGroupName"], each["TargetGroupArn"])]
    if not found:
        raise Failure(
            f"Service {name} does not use target group {wanted}. It uses: {names}. Correct target_group_name.",
            reason="target_group_not_found",
        )
    return found[0]


def settled(task: Task, arn: str, declared: dict[str, str], differences: list[Difference]) -> dict[str, str]:
    """Set what differs, and answer all attributes as they are read back."""

    def arrived() -> dict[str, str] | None:
        found = reads.target_group_attributes(task, arn)
        return None if target_group.compare(declared, found, "") else found

    changed = {each.path: str(each.expected) for each in differences}
    writes.modify_target_group_attributes(task, arn, changed, arrived)
    found = waits.until(lambda _elapsed: arrived(), READ_BACK_SECONDS, PAUSE)
    if found is None:
        now = target_group.compare(declared, reads.target_group_attributes(task, arn), arn.split("/")[1])
        raise Failure(
            f"AWS took the change, but {READ_BACK_SECONDS} s later it shows otherwise: "
            f"{'; '.join(each.as_text() for each in now)}. Someone else may be changing this group: find out who, then "
            "run the same command again.",
            reason="not_as_declared",
        )
    return found


def wanted(task: Task, hold: held.Held | None, group: Answer, before: dict[str, str]) -> dict[str, str]:
    """The attributes to have: the declared ones as AWS keeps them, or those that go back to what they were."""
    if hold and task.params["put_back"]:
        record = hold.store.record(task.params["release"]["seq"])
        return to_put_back(record, group["TargetGroupArn"], before)
    try:
        return target_group.normalised(
            task.params["attributes"], group.get("Protocol", ""), group.get("TargetType", "instance"), before
        )
    except DeclarationError as wrong:
        raise Failure(wrong.msg, reason="declaration") from None


def run(task: Task) -> Answer:
    """Compare, set what differs in one call, read back, note it."""
    hold = held.of(task)
    if task.params["put_back"] and hold is None:
        raise Failure("put_back needs the release whose attributes it puts back.", reason="declaration")
    service = reads.service(task, task.params["cluster"], task.params["service"])
    if not declares(task, hold) and len(live.group_arns(service)) != 1:
        return answer(None, {}, {}, [])
    group = group_of(task, service, task.params["target_group"])
    arn, name = group["TargetGroupArn"], group["TargetGroupName"]
    before = reads.target_group_attributes(task, arn)
    declared = wanted(task, hold, group, before)
    differences = target_group.compare(declared, before, name)
    after = {**before, **declared}
    if differences and not task.check_mode:
        if not task.params["put_back"]:
            fence.passed(task, hold, service)
        after = settled(task, arn, declared, differences)
    if hold and not task.params["put_back"]:
        hold.note({"attributes": "done"})
    return answer(group, before, after, differences)


def declares(task: Task, hold: held.Held | None) -> bool:
    """Whether any attribute is declared, or was by the release that is put back. A service without attributes to set
    may have several target groups, or none."""
    if hold and task.params["put_back"]:
        return bool(hold.store.record(task.params["release"]["seq"])["intent"]["attributes"])
    return bool(task.params["attributes"])


def answer(
    group: Answer | None, before: dict[str, str], after: dict[str, str], differences: list[Difference]
) -> Answer:
    """What the module returns; without a group, that there was nothing to do."""
    key = redact.run_key()
    shown = [redact.difference(each, set(), key) for each in differences]
    return {
        "changed": bool(differences),
        "target_group_arn": group["TargetGroupArn"] if group else None,
        "target_group_name": group["TargetGroupName"] if group else None,
        "attributes": after,
        "before": before,
        "differences": [each.as_dict() for each in shown],
        "diff": redact.diff(shown),
    }


def main() -> None:
    """Entry point of the module process."""
    execute(SPEC, run)


if __name__ == "__main__":
    main()
