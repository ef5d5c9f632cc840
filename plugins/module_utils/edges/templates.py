# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The template file that a service's target groups are compared with, the template of the stack that has made them, and
the tags that say which resource and which stack it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import project_files, reads, stacks
from ansible_collections.steady.ecs.plugins.module_utils.rules import drift, ownership, plan, stack, template
from ansible_collections.steady.ecs.plugins.module_utils.rules.declaration import DeclarationError
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Task


def compared(task: Task, declared: plan.Declared, now: plan.Live) -> tuple[template.Compared, list[str]]:
    """Declared, live and file of the groups that attributes are declared for (of all, when there are none), and what
    could not be looked at. Raises DeclarationError when the file is none, or has not one of them."""
    if not task.params["template"]:
        return template.Compared(), [drift.TEMPLATE]
    path = str(task.params["template"])
    try:
        text = project_files.existing(Path(path).parent, Path(path).name)
        if text is None:
            raise DeclarationError(f"{template.WHERE}: there is no file {path}. Correct it.")
        return _compared(task, declared, now, template.read(text, path))
    except Failure as failure:
        return template.Compared(), [f"{drift.TEMPLATE}: {failure.msg}"]


def _compared(
    task: Task, declared: plan.Declared, now: plan.Live, resources: dict[str, Any]
) -> tuple[template.Compared, list[str]]:
    parts, found, unread = plan.parts(declared, now), [], list[str]()
    wanted = {each.arn: each.text(now.attributes[each.arn]) for each in parts}
    for group in [each.group for each in parts] or now.groups:
        arn, name = group["TargetGroupArn"], group["TargetGroupName"]
        part, tags = stack.Part(group, {}, now.attributes[arn]), None
        deployed: dict[str, Any] | None = None
        try:
            tags = reads.target_group_tags(task, arn)
            deployed = _deployed(task, part, tags)
        except Failure as failure:
            unread.append(f"{drift.TEMPLATE}, of target group {name}: {failure.msg}")
        logical_id = template.resource_of(resources, name, tags)
        if logical_id is None and tags is not None:
            raise template.unknown(resources, name, task.params["template"])
        if logical_id is not None:
            columns = (wanted.get(arn, {}), now.attributes[arn], resources[logical_id], deployed)
            found.append(template.compared(group, *columns))
    return template.together(found), unread


def _deployed(task: Task, part: stack.Part, tags: dict[str, str]) -> dict[str, Any] | None:
    """The attributes that the group's stack has; None for a group without one."""
    name = tags.get(ownership.STACK_NAME)
    part = replace(part, logical_id=tags.get(ownership.LOGICAL_ID, ""))
    return stack.deployed(stacks.stack(task, name), part) if name else None
