# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The template file that a service's target groups are compared with, and the tags that say which resource is which."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import project_files, reads
from ansible_collections.steady.ecs.plugins.module_utils.rules import drift, plan, template
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
        return _compared(task, declared, now, template.read(text, path)), []
    except Failure as failure:
        return template.Compared(), [f"{drift.TEMPLATE}: {failure.msg}"]


def _compared(task: Task, declared: plan.Declared, now: plan.Live, resources: dict[str, Any]) -> template.Compared:
    parts, found = plan.parts(declared, now), []
    wanted = {each.arn: each.text(now.attributes[each.arn]) for each in parts}
    for group in [each.group for each in parts] or now.groups:
        arn, name = group["TargetGroupArn"], group["TargetGroupName"]
        logical_id = template.resource_of(resources, name, None) or template.resource_of(
            resources, name, reads.target_group_tags(task, arn)
        )
        if logical_id is None:
            raise template.unknown(resources, name, task.params["template"])
        found.append(template.compared(group, wanted.get(arn, {}), now.attributes[arn], resources[logical_id]))
    return template.together(found)
