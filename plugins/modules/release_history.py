#!/usr/bin/python
# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: release_history
short_description: Show the releases of an Amazon ECS service as they are on record
version_added: 0.1.0
description:
  - Shows who released what, when, why and from which commits, what it changed, how it ended and for what cause, one
    line a release, oldest first; with O(release), everything on record of one.
  - Asks the release store only. So the cause of a failure and the end of its log are there long after AWS has
    forgotten the task.
  - The operations between the releases (scale, restart, stop, ...) are listed too.
  - A record that cannot be trusted has a line and an entry that name its document and what is wrong with it. The others
    are shown all the same.
author:
  - The steady.ecs authors (@steady-ecs)
options:
  release:
    description: Number of the one release to show whole.
    type: int
  limit:
    description: How many releases to show, the newest ones.
    type: int
    default: 20
  format:
    description: V(text) shows lines for people, V(json) the same as one JSON document. The result is the same.
    type: str
    choices: [text, json]
    default: text
  file:
    description: JSON file that gets the releases of each service of the run, by host.
    type: path
  host:
    description: Name of the host in the files; the service's by default.
    type: str
  result_file:
    description: Result file of the run, as in M(steady.ecs.outcome).
    type: path
extends_documentation_fragment:
  - steady.ecs.records
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    support: full
    description: Does the same, for it only reads.
"""

EXAMPLES = r"""
- name: Show the last releases
  steady.ecs.release_history:
    account: "640080112933"
    region: us-east-1
    cluster: pardon-production-cluster
    service: pardon-production-service

- name: Show why release 41 failed
  steady.ecs.release_history:
    account: "640080112933"
    region: us-east-1
    cluster: pardon-production-cluster
    service: pardon-production-service
    release: 41
"""

RETURN = r"""
releases:
  description: The releases, newest first. A key that nothing is on record for is null.
  returned: success
  type: list
  elements: dict
  contains:
    seq: {description: Number., type: int, sample: 41}
    kind:
      description: V(baseline), V(deploy), V(rollback), or the verb of an operation.
      type: str
      sample: deploy
    state: {description: State of the record., type: str, sample: rolled_back}
    proven: {description: Whether it succeeded and was verified., type: bool, sample: false}
    base: {description: The release that was current before it., type: int, sample: 40}
    restores: {description: The release that a rollback restored., type: int, sample: null}
    interrupted:
      description: Whether a run of it ended before the end of its work, by a signal or while that went on unwatched.
      type: bool
      sample: false
    who: {description: ARN of the caller., type: str, sample: "arn:aws:iam::640080112933:user/ada"}
    host: {description: The machine that it was run on., type: str, sample: runner-7}
    why: {description: The reason given., type: str, sample: Sessions stay on one task for 24 hours}
    commit: {description: Commit of the application., type: str, sample: 5d290ed}
    ref: {description: Branch or tag of it., type: str, sample: main}
    inventory_commit: {description: Commit of the inventory., type: str, sample: 91ab3c0}
    inventory_dirty:
      description: Whether the inventory had changes that were not committed.
      type: bool
      sample: false
    window_override:
      description: Why it was made outside the release windows.
      type: str
      sample: null
    uncovered:
      description: Which deployment alarms did not guard it although they should.
      type: str
      sample: null
    promoted_from:
      description: The proven release of another service that it took over.
      type: str
      sample: null
    approved_by: {description: Who approved it; recorded and not checked., type: str, sample: grace}
    started: {description: When it was opened in UTC., type: str, sample: "2025-11-27T10:00:00Z"}
    finished: {description: When it was closed in UTC., type: str, sample: "2025-11-27T10:02:10Z"}
    duration_seconds: {description: How long it took., type: float, sample: 130}
    previous_task_definition: {description: The revision before., type: str, sample: "arn:...:74"}
    task_definition: {description: Its revision., type: str, sample: "arn:...:75"}
    images:
      description: Its images by container, as far as they are on record.
      type: dict
      sample: {coral: "sha256:0a1b"}
    changed:
      description:
        - What it changed; what it declared and was there before is not listed.
        - Last, after C(declared), the names that it declared in the task definition, when it has another revision.
          Their values are in no record, so whether each was another one before is not known.
      type: list
      elements: str
      sample: ["revision: pardon-simulator:74 -> pardon-simulator:75", "declared: coral environment CORAL_SESSIONS"]
    outcome:
      description:
        - Outcome of the run; null for one that is open.
        - V(interrupted) for an operation that ended before the end of its work, whatever the state of its record; null
          for every other operation.
      type: str
      sample: failed_rolled_back
    verdict: {description: What became of its deployment., type: str, sample: rolled_back}
    reason: {description: The outcome in one sentence., type: str, sample: everything was put back}
    rolled_back_by: {description: V(us) or V(ecs)., type: str, sample: ecs}
    cause:
      description:
        - The first failure, with the end of its log as it was then; see M(steady.ecs.deployment).
        - Of an operation, that of its result.
      type: dict
      sample: {container: coral, exit_code: 3, log_lines: [cannot open the database]}
    checks:
      description: What was verified.
      type: list
      elements: dict
      sample: [{name: targets, ok: true, detail: 3/3}]
    timeline:
      description: What was shown while waiting.
      type: list
      elements: dict
      sample: [{seconds: 45.0, text: "2/3 running"}]
    operation:
      description: What an operation was told, and its result; null for a release.
      type: dict
      sample: null
    problem:
      description:
        - Of a record that cannot be trusted, its document and what is wrong with it; null for every other.
        - Beside it only C(seq) is known, and all else is null, false or empty.
      type: str
      sample: null
    log:
      description: The states of the record, and with C(who) who has gone on with it.
      type: list
      elements: dict
      sample: [{t: "2025-11-27T10:00:00Z", state: prepared}]
place:
  description: Where the records are.
  returned: success
  type: str
  sample: s3://releases/steady/640080112933/us-east-1/pardon-production-cluster/pardon-production-service
outcome:
  description: The run's last word, V(unchanged) unless it failed.
  returned: always
  type: str
  sample: unchanged
detail:
  description: It in one sentence.
  returned: success
  type: str
  sample: 41 releases are on record; release 40 is current
release:
  description: The release that was asked for, or null.
  returned: success
  type: int
  sample: 41
line:
  description: The last line shown.
  returned: always
  type: str
  sample: "outcome: unchanged: 41 releases are on record; release 40 is current (0 s)"
"""

import json
from pathlib import Path
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import last_word, live, result_files, stores
from ansible_collections.steady.ecs.plugins.module_utils.rules import history, release
from ansible_collections.steady.ecs.plugins.module_utils.rules.records import UNTRUSTED, Document
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Spec, Task, execute, plain

SPEC = Spec(
    options={
        **last_word.OPTIONS,
        "release": {"type": "int"},
        "limit": {"type": "int", "default": 20},
        "format": {"type": "str", "choices": ["text", "json"], "default": "text"},
        "file": {"type": "path"},
    },
)

Answer = dict[str, Any]


def run(task: Task) -> Answer:
    """Read the records and show them."""
    return last_word.spoken(task, "history", lambda: _shown(task))


def _shown(task: Task) -> Answer:
    params, store = task.params, live.store(task)
    wanted, records = params["release"], store.records()
    head = _settled(store.head(), records)
    if wanted is None:
        numbers = sorted(records, reverse=True)[: max(0, params["limit"])]
        found = [_entry(task, store, number) for number in numbers]
    else:
        found = [history.entry(store.record(wanted))]
    problems = [each["seq"] for each in reversed(found) if each["problem"]]
    detail = history.summary(head, len(records), found[0] if wanted is not None else None, problems)
    if params["format"] == "json":
        task.report(json.dumps(plain(found)))
    elif wanted is not None:
        task.report("\n".join(history.whole(found[0])))
    elif found:
        task.report("\n".join(history.line(each) for each in reversed(found)))
    if params["file"]:
        entry = {"outcome": "unchanged", "detail": detail, "release": wanted, "releases": plain(found)}
        result_files.merge_outcome(Path(params["file"]), "history", params["host"] or params["service"], entry)
    return {
        "changed": False,
        "releases": found,
        "place": store.place,
        "outcome": "unchanged",
        "detail": detail,
        "release": wanted,
    }


def _settled(head: Document, records: release.Records) -> Document:
    """The head as its last run left it, or would have; as it is, where the record that it calls open does not say."""
    try:
        return release.settled(head, records)
    except Failure as failure:
        if failure.fields.get("reason") != UNTRUSTED:
            raise
        return head


def _entry(task: Task, store: stores.Store, number: int) -> Document:
    """One release; of one that cannot be trusted, what is wrong with it: the others are shown all the same."""
    try:
        return history.entry(store.record(number))
    except Failure as failure:
        if failure.fields.get("reason") != UNTRUSTED:
            raise
        found = history.unread(number, failure.msg)
        task.warn(found["problem"])
        return found


def main() -> None:
    """Run as a module process."""
    execute(SPEC, run)


if __name__ == "__main__":
    main()
