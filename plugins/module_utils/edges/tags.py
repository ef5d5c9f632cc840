# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The calls that change the tags of a service. Both do the same when they are sent twice."""

from __future__ import annotations

from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import reads, writes
from ansible_collections.steady.ecs.plugins.module_utils.edges.aws import translated, writing
from ansible_collections.steady.ecs.plugins.module_utils.work import Task

Answer = dict[str, Any]


def add(task: Task, service: Answer, tags: list[dict[str, str]]) -> None:
    """Set tags of a service; others stay (API reference, TagResource)."""
    arn, name = service["serviceArn"], service["serviceName"]

    def send() -> bool:
        with translated(f"Setting tags of {name} (ecs:TagResource)"):
            writing(task, "ecs").tag_resource(resourceArn=arn, tags=tags)
        return True

    def arrived() -> bool | None:
        there = reads.service(task, task.params["cluster"], name).get("tags") or []
        return True if all(each in there for each in tags) else None

    writes.once(task, f"TagResource of {name}", send, arrived)


def remove(task: Task, service: Answer, keys: list[str]) -> None:
    """Take tags of a service away."""
    arn, name = service["serviceArn"], service["serviceName"]

    def send() -> bool:
        with translated(f"Taking tags of {name} away (ecs:UntagResource)"):
            writing(task, "ecs").untag_resource(resourceArn=arn, tagKeys=keys)
        return True

    def arrived() -> bool | None:
        there = reads.service(task, task.params["cluster"], name).get("tags") or []
        return None if {each["key"] for each in there} & set(keys) else True

    writes.once(task, f"UntagResource of {name}", send, arrived)
