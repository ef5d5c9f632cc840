# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Going back from a deployment that is under way: ECS itself does so at once, onto the tasks from before.

They still run. A new deployment would start them anew: it needs room, and where traffic shifts it waits
for each bake time.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import fence, following, held, operations, reads, waits
from ansible_collections.steady.ecs.plugins.module_utils.rules.looks import (
    name_of,
    own_service_deployment,
    primary,
    returned_to,
)
from ansible_collections.steady.ecs.plugins.module_utils.rules.progress import Progress
from ansible_collections.steady.ecs.plugins.module_utils.rules.records import ROLLING_BACK, Document
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Task

Answer = dict[str, Any]


def by_ecs(task: Task, hold: held.Held | None, record: Document | None, live: Answer) -> bool:
    """Have the deployment under way stopped when what is wanted is what it replaces, and follow that to its end.

    ``task``: with its writes fenced. ``record``: the release's, if any; of one that is on its way back its own
    deployment is what is undone. Answers whether something was stopped: then the service is to be read anew.
    """
    undone = record["steps"]["deployment"] if record and record["state"] == ROLLING_BACK else None
    wanted, ours = task.params["task_definition"], primary(live)
    earlier = returned_to(live, wanted, undone)
    if earlier is None:
        return False
    cluster, name = task.params["cluster"], task.params["service"]
    arn = own_service_deployment(ours, following.listed(task, cluster, name), set())
    rollout = reads.service_deployment(task, arn) if arn else None
    if arn is None or rollout is None:
        return False
    if rollout["status"] in ("PENDING", "IN_PROGRESS"):
        fence.passed(task)
        if hold and undone:  # what a release that is gone had left under way may be what this one found
            hold.note({"deployment": earlier["id"]})
        if not _stopped(task, arn):
            return False
    seen = following.Following(task, cluster, name, live, Progress(ours, 0), arn=arn)
    seen.say(f"ECS takes deployment {ours['id']} back, and returns to {name_of(wanted)}")
    try:
        following.follow(seen, task.params["wait_timeout"], task.params["wait_delay"])
    except Failure as failure:
        # Whatever keeps us from looking is no failure of the way back (case C78).
        known = {"verdict": seen.progress.last.word, "deployment_id": ours["id"]}
        raise Failure(f"{failure.msg} ECS goes on going back.", **{**known, **failure.fields}) from None
    return True


def _stopped(task: Task, arn: str) -> bool:
    """Ask ECS; whether it goes back. One that has just ended, or that cannot be stopped, or whose right is missing, is
    gone back from by a new deployment."""
    try:
        operations.stop_service_deployment(task, arn, lambda found: found["status"].startswith("ROLLBACK"))
    except Failure as failure:
        if failure.fields.get("reason") not in ("access_denied", "refused") or waits.passing(failure):
            raise
        task.report(f"ECS is not asked to take its deployment back: {failure.msg}")
        return False
    return True
