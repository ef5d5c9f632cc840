# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Going back from a deployment that is under way: ECS itself does so at once, onto the tasks from before.

They still run. A new deployment would start them anew: it needs room, and where traffic shifts it waits
for each bake time.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import fence, following, held, operations, reads
from ansible_collections.steady.ecs.plugins.module_utils.rules.looks import (
    is_replacing,
    name_of,
    own_service_deployment,
    primary,
)
from ansible_collections.steady.ecs.plugins.module_utils.rules.progress import Progress
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Task

Answer = dict[str, Any]


def by_ecs(task: Task, hold: held.Held | None, live: Answer, wanted: str | None) -> bool:
    """Have the deployment under way stopped when what is ``wanted`` is what it replaces, and follow that to its end.
    Answers whether something was stopped: then the service is to be read anew."""
    ours = primary(live)
    if not is_replacing(live, wanted):
        return False
    cluster, name = task.params["cluster"], task.params["service"]
    arn = own_service_deployment(ours, following.listed(task, cluster, name), set())
    rollout = reads.service_deployment(task, arn) if arn else None
    if arn is None or rollout is None:
        return False
    if rollout["status"] in ("PENDING", "IN_PROGRESS"):
        fence.passed(task, hold, live)
        try:
            operations.stop_service_deployment(task, arn, lambda found: found["status"].startswith("ROLLBACK"))
        except Failure as failure:
            # It has just ended or cannot be stopped any more; or the right is missing. A new deployment goes back too.
            if failure.fields.get("code") != "ConflictException" and failure.fields.get("reason") != "access_denied":
                raise
            task.report(f"ECS is not asked to take its deployment back: {failure.msg}")
            return False
    seen = following.Following(task, cluster, name, live, Progress(ours, 0), arn=arn)
    seen.say(f"ECS takes deployment {ours['id']} back, and returns to {name_of(wanted)}")
    following.follow(seen, task.params["wait_timeout"], task.params["wait_delay"])
    return True
