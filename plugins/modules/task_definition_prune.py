#!/usr/bin/python
# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: task_definition_prune
short_description: Deregister old revisions of an Amazon ECS service's task definition
version_added: 0.1.0
description:
  - Deregisters the ACTIVE revisions of the service's family that nothing names - no service, deployment or task in any
    cluster of account and Region, no EventBridge rule, no schedule, and none of the releases that are kept.
  - Keeps the revisions of the last O(keep) proven releases and those before them, and whatever is newer than every
    proven release. Refuses while no release is proven, and while one is open.
  - Other services that run the family keep what the same O(keep) releases of theirs need, as far as their records are
    in the same store; while a release of one is open, whatever is newer than what that began from, too.
  - Takes the lease on the service and leaves a record. A deregistered revision can be read and registered again; it is
    not deleted.
author:
  - The steady.ecs authors (@steady-ecs)
options:
  keep:
    description: How many proven releases stay ways back, counted from the newest.
    type: int
    default: 10
  skip_schedules:
    description:
      - Go on although EventBridge rules or schedules may not be read, or not be understood. Those that can be read
        count all the same.
      - One that cannot be read, and starts a revision which is deregistered, fails from then on.
    type: bool
    default: false
extends_documentation_fragment:
  - steady.ecs.records
  - steady.ecs.operation
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    support: full
    description: Sends nothing and takes no lease; lists what would be kept and why, and what would be deregistered.
"""

EXAMPLES = r"""
- name: Deregister what nobody needs any more
  steady.ecs.task_definition_prune:
    account: "640080112933"
    region: us-east-1
    cluster: pardon-production-cluster
    service: pardon-production-service
    keep: 5
"""

RETURN = r"""
kept:
  description: The revisions that stay, with all that names each.
  returned: success
  type: dict
  sample: {"pardon-simulator:75": ["service web of cluster shops", "release 2"]}
removed:
  description: The revisions that were deregistered; in check mode, that would be.
  returned: success
  type: list
  elements: str
  sample: [pardon-simulator:70]
outcome:
  description: The run's last word.
  returned: always
  type: str
  sample: proven
detail:
  description: It in one sentence.
  returned: success
  type: str
  sample: 4 revisions were deregistered, 6 are kept
release:
  description: Number of the record that the operation left; null when nothing was done.
  returned: always
  type: int
  sample: 43
line:
  description: The last line shown.
  returned: always
  type: str
  sample: "outcome: proven: 4 revisions were deregistered, 6 are kept (12 s)"
"""

import dataclasses
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import (
    held,
    last_word,
    live,
    operations,
    rolling,
    stores,
    usage,
)
from ansible_collections.steady.ecs.plugins.module_utils.rules import looks, pruning, release
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Spec, Task, execute

SPEC = Spec(
    options={
        **last_word.WRITING_OPTIONS,
        "keep": {"type": "int", "default": 10},
        "skip_schedules": {"type": "bool", "default": False},
    },
)

Answer = dict[str, Any]


def run(task: Task) -> Answer:
    """Deregister what nothing names."""
    return last_word.spoken(task, "prune", lambda: _pruned(task))


def _pruned(task: Task) -> Answer:
    found = _plan(task, live.store(task))
    task.report("\n".join(found.as_lines()))
    answer = _answer(found, found.remove)
    count = f"{len(found.remove)} of {len(found.keep) + len(found.remove)} revisions"
    if not found.remove:
        return {**answer, "changed": False, "detail": f"every one of {len(found.keep)} revisions is needed"}
    if task.check_mode:
        return {**answer, "changed": True, "detail": f"check mode: {count} would be deregistered"}
    made = rolling.recorded(task, "prune", {"keep": task.params["keep"]}, lambda by: _act(task, by))
    gone = len(made["removed"])
    detail = f"{gone} revisions were deregistered, {len(made['kept'])} are kept"
    return {**made, "changed": bool(gone), "outcome": "proven" if gone else "unchanged", "detail": detail}


def _plan(task: Task, store: stores.Store) -> pruning.Plan:
    """What goes, from what is on record and from all that names a revision now. Raises Failure when nothing may."""
    family = usage.family_of(rolling.service(task)["taskDefinition"])
    records = store.records()
    head = release.settled(store.head(), records)
    refusal = pruning.refusal(head, records, task.params["keep"])
    if refusal:
        raise Failure(f"{refusal} Nothing was changed.", reason="not_to_be_pruned")
    active, found = usage.active_revisions(task, family), usage.services(task)
    named = [
        *usage.by_services(found),
        *_needed_by_others(task, usage.sharing(found, family), active),
        *usage.by_tasks(task, family),
        *usage.by_service_deployments(task, found),
        *_scheduled(task),
    ]
    return pruning.plan(active, head["current"], records, task.params["keep"], named)


def _needed_by_others(task: Task, places: list[tuple[str, str]], active: list[str]) -> usage.Named:
    """What the other services of the family have on record, in the same store. Raises Failure where it cannot be read:
    their way back must stay."""
    needed: usage.Named = []
    for cluster, name in places:
        if (cluster, name) == (task.params["cluster"], task.params["service"]):
            continue
        store = live.store(dataclasses.replace(task, params={**task.params, "cluster": cluster, "service": name}))
        records, keep = store.records(), task.params["keep"]
        head = release.settled(store.head(), records)
        needed += pruning.of_another(head, records, keep, f"service {name} of cluster {cluster}", active)
    return needed


def _scheduled(task: Task) -> usage.Named:
    def unread(failure: Failure) -> None:
        if failure.fields.get("reason") not in ("access_denied", "refused", usage.UNCLEAR):
            raise failure
        if not task.params["skip_schedules"]:
            raise Failure(
                f"{failure.msg} Or set prune_skip_schedules=true when nothing that cannot be read starts tasks of this "
                "family. Nothing was changed.",
                **failure.fields,
            ) from None
        task.warn(f"A rule or schedule that may start a task is left out: {failure.msg}")

    return usage.by_schedules(task, unread)


def _act(task: Task, by: held.Held) -> Answer:
    """Under the lease all is read again: a release may have been made while it was waited for."""
    found = _plan(task, by.store)
    done: list[str] = []
    for arn in found.remove:
        by.renew_if_due()
        try:
            operations.deregister_task_definition(task, arn)
        except Failure as failure:
            result = {"removed": [looks.name_of(each) for each in done]}
            raise Failure(failure.msg, **{**failure.fields, **_answer(found, done), "operation": result}) from None
        done.append(arn)
        task.report(f"deregistered {looks.name_of(arn)}")
    answer = _answer(found, done)
    return {**answer, "operation": {"removed": answer["removed"], "kept": sorted(answer["kept"])}}


def _answer(found: pruning.Plan, removed: list[str]) -> Answer:
    return {
        "kept": {looks.name_of(arn): reasons for arn, reasons in found.keep.items()},
        "removed": [looks.name_of(arn) for arn in removed],
        "outcome": "unchanged",
        "release": None,
    }


def main() -> None:
    """Run as a module process."""
    execute(SPEC, run)


if __name__ == "__main__":
    main()
