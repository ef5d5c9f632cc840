#!/usr/bin/python
# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: release_unlock
short_description: Take away the lease of a run that will not come back
version_added: 0.1.0
description:
  - Names who holds the lease on the service, from which machine, why and since when, and the release that is open.
  - With O(confirm), or with the O(key) that it showed, takes the lease away, unless the holder still renews it - for as
    long as it would take to see that, the lease is watched.
  - The open release stays as it is; the next deploy or rollback goes on with it or undoes it.
  - Not needed in normal life, for a lease that nobody renews is taken over after its time by the next run.
author:
  - The steady.ecs authors (@steady-ecs)
options:
  confirm:
    description: Take away whatever lease there is.
    type: bool
    default: false
  key:
    description: Take away the lease of this nonce, and no other.
    type: str
extends_documentation_fragment:
  - steady.ecs.records
  - steady.ecs.operation
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    support: full
    description: Takes nothing away; says who holds the lease, and refuses what is refused.
"""

EXAMPLES = r"""
- name: Look who holds the service
  steady.ecs.release_unlock:
    account: "640080112933"
    region: us-east-1
    cluster: pardon-production-cluster
    service: pardon-production-service

- name: Take the lease away
  steady.ecs.release_unlock:
    account: "640080112933"
    region: us-east-1
    cluster: pardon-production-cluster
    service: pardon-production-service
    key: 9f1c2b7e0d3a4c55
    why: runner-7 was switched off
"""

RETURN = r"""
holder:
  description: Who held the lease - who, host, why, since and nonce; null when nobody did.
  returned: success
  type: dict
  sample:
    who: arn:aws:iam::640080112933:user/ada
    host: runner-7
    since: "2025-11-27T10:00:00Z"
    nonce: 9f1c2b7e0d3a4c55
open:
  description: The release that is open; null when none is.
  returned: success
  type: dict
  sample: {seq: 42, kind: deploy, state: verifying, who: "arn:...:user/ada", started: "2025-11-27T10:00:00Z"}
outcome:
  description: The run's last word.
  returned: always
  type: str
  sample: proven
detail:
  description: It in one sentence.
  returned: success
  type: str
  sample: the lease of arn:aws:iam::640080112933:user/ada was taken away
release:
  description: Number of the record that the operation left; null when nothing was done.
  returned: always
  type: int
  sample: 43
line:
  description: The last line shown.
  returned: always
  type: str
  sample: "outcome: proven: the lease of arn:aws:iam::640080112933:user/ada was taken away (12 s)"
"""

from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import last_word, live, rolling, stores, waits
from ansible_collections.steady.ecs.plugins.module_utils.rules import lease, release, unlocking, verbs
from ansible_collections.steady.ecs.plugins.module_utils.rules.records import Document
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Spec, Task, execute

SPEC = Spec(
    options={
        **last_word.WRITING_OPTIONS,
        "confirm": {"type": "bool", "default": False},
        "key": {"type": "str", "no_log": False},
    },
)

Answer = dict[str, Any]


def run(task: Task) -> Answer:
    """Say who is at work, and take the lease away when that is meant."""
    return last_word.spoken(task, "unlock", lambda: _unlocked(task))


def _unlocked(task: Task) -> Answer:
    store = live.store(task)
    records = store.records()
    head = release.settled(store.head(), records)
    found = unlocking.found(head, release.opened(head, records))
    task.report("\n".join(unlocking.lines(found, store.now())))
    answer = {**found, "changed": False, "outcome": "unchanged", "release": None}
    left = verbs.left_open(found["open"] and found["open"]["seq"])
    if found["holder"] is None:
        return {**answer, "detail": f"nobody holds {store.place}{left}"}
    refusal = unlocking.refusal(found["holder"], task.params["confirm"], task.params["key"])
    if refusal:
        raise Failure(refusal, **found, reason="held")
    if task.check_mode:
        return {**answer, "changed": True, "detail": "check mode: the lease would be taken away, if it is not renewed"}
    _watch(task, store, head, found)
    taken = {"operation": {"taken_from": found["holder"]["who"]}}
    made = rolling.recorded(task, "unlock", {"holder": found["holder"]}, lambda _by: taken, dead=head["lease"])
    detail = f"the lease of {found['holder']['who']} was taken away{left}"
    return {**answer, **made, "changed": True, "outcome": "proven", "detail": detail}


def _watch(task: Task, store: stores.Store, head: Document, found: Answer) -> None:
    """Look for as long as a living holder would take to renew. Raises Failure when it does."""
    key = head["lease"]["key"]
    seconds = lease.patience(head["lease"])
    task.report(f"watching for {seconds:.0f} s whether the holder still renews")

    def renewed(_elapsed: float) -> Document | None:
        now = store.head()["lease"]
        return now if now is not None and now["key"] != key else None

    now = waits.until(renewed, seconds, min(unlocking.LOOK_EVERY, seconds / 4))
    if now is not None:
        raise Failure(unlocking.alive(found["holder"], now), **found, reason="held")


def main() -> None:
    """Run as a module process."""
    execute(SPEC, run)


if __name__ == "__main__":
    main()
