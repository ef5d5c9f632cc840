#!/usr/bin/python
# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: service_status
short_description: Say what an Amazon ECS service runs now, and who is at work on it
version_added: 0.1.0
description:
  - Says which revision runs in how many tasks, whether a deployment is under way and what its verdict is so far, which
    release is open, who holds the lease, and whether what runs is what was last proven.
  - Needs read rights only and changes nothing. What may not be read is named in C(problems), and the rest is said.
author:
  - The steady.ecs authors (@steady-ecs)
options:
  services:
    description: Names of the services of the cluster to say it of, any number of them, read ten a call. The default is
      O(service) alone.
    type: list
    elements: str
    default: []
  format:
    description: V(text) shows lines for people, V(json) the same as one JSON document. The result is the same.
    type: str
    choices: [text, json]
    default: text
  file:
    description: JSON file that gets the answer of each host of the run.
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
- name: Say what runs
  steady.ecs.service_status:
    account: "640080112933"
    region: us-east-1
    cluster: pardon-production-cluster
    service: pardon-production-service

- name: Say it of a hundred services in as few calls as there are
  steady.ecs.service_status:
    account: "640080112933"
    region: us-east-1
    cluster: shops
    service: shop-1
    services: "{{ shops }}"
    file: status.json
"""

RETURN = r"""
services:
  description: The services, in the order asked for.
  returned: success
  type: list
  elements: dict
  contains:
    service: {description: Name., type: str, sample: pardon-production-service}
    status: {description: Status that ECS gives it; null when there is none of that name., type: str, sample: ACTIVE}
    task_definition: {description: Its revision., type: str, sample: "arn:...:75"}
    desired_count: {description: Tasks that are to run., type: int, sample: 3}
    running_count: {description: Tasks that run., type: int, sample: 3}
    pending_count: {description: Tasks that start., type: int, sample: 0}
    deployment:
      description: The deployment under way, with its verdict so far; null when there is none.
      type: dict
      sample:
        id: ecs-svc/9223370512345678901
        service_deployment_arn: arn:aws:ecs:us-east-1:640080112933:service-deployment/c/s/nCGq
        task_definition: "arn:...:76"
        state: IN_PROGRESS
        stage: null
        began: "2025-11-27T10:02:11+00:00"
        desired_count: 3
        running_count: 2
        pending_count: 1
        failed_tasks: 0
        verdict: unknown
        reason: deployment IN_PROGRESS
    lease:
      description: Who is at work on it - who, host, why and since when; null when nobody is.
      type: dict
      sample: {who: "arn:aws:iam::640080112933:user/ada", host: runner-7, why: "", since: "2025-11-27T10:00:00Z"}
    open:
      description: The release that is not closed; null when none is.
      type: dict
      sample: {seq: 42, kind: deploy, state: verifying, who: "arn:...:user/ada", started: "2025-11-27T10:00:00Z"}
    operation:
      description:
        - The newest record, where it is of a verb such as scale and has no end; null otherwise.
        - C(at_work) - whether its run has the lease, which one that was killed keeps until the next run takes it over.
      type: dict
      sample: {seq: 43, kind: scale, at_work: true, who: "arn:...:user/ada", started: "2025-11-27T10:00:00Z"}
    last_proven:
      description: The last release that was verified; null when none was.
      type: dict
      sample: {seq: 41, kind: deploy, task_definition: "arn:...:75", who: "arn:...:user/ada"}
    live_is_proven:
      description: Whether what is live is what that release made; null where none is proven, or what is live could
        not be read.
      type: bool
      sample: true
    differences:
      description: What differs from it.
      type: list
      elements: dict
      sample: []
    store_read:
      description: Whether its releases could be read; if not, what is null of C(lease), C(open), C(operation) and
        C(last_proven) says nothing.
      type: bool
      sample: true
    problems:
      description: What could not be read, and why.
      type: list
      elements: str
      sample: []
outcome:
  description: The run's last word, V(unchanged) unless it failed.
  returned: always
  type: str
  sample: unchanged
detail:
  description: It in one sentence.
  returned: success
  type: str
  sample: pardon-production-service runs pardon-simulator:75, 3/3 running; it is release 41, the last proven one
release:
  description: Always null.
  returned: success
  type: int
  sample: null
line:
  description: The last line shown.
  returned: always
  type: str
  sample: "outcome: unchanged: pardon-production-service runs pardon-simulator:75, 3/3 running"
"""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import (
    following,
    last_word,
    live,
    reads,
    result_files,
    watch,
)
from ansible_collections.steady.ecs.plugins.module_utils.rules import lease, looks, release, states, status
from ansible_collections.steady.ecs.plugins.module_utils.rules.records import Document
from ansible_collections.steady.ecs.plugins.module_utils.rules.verdict import verdict
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Spec, Task, execute, plain

SPEC = Spec(
    options={
        **last_word.OPTIONS,
        "services": {"type": "list", "elements": "str", "default": []},
        "format": {"type": "str", "choices": ["text", "json"], "default": "text"},
        "file": {"type": "path"},
    },
)

Answer = dict[str, Any]


def run(task: Task) -> Answer:
    """Read what was asked for and show it."""
    return last_word.spoken(task, "status", lambda: _shown(task))


def _shown(task: Task) -> Answer:
    params = task.params
    names = list(dict.fromkeys(params["services"])) or [params["service"]]
    if len(names) == 1:
        answers = {names[0]: reads.service(task, params["cluster"], names[0])}
    else:
        answers = reads.services(task, params["cluster"], names)
    for answer in answers.values():
        reads.of_account(answer, params["account"])
    found = [_one(task, name, answers.get(name)) for name in names]
    detail = status.summary(found)
    if params["format"] == "json":
        task.report(json.dumps(plain(found)))
    else:
        task.report("\n".join(line for each in found for line in status.lines(each)))
    if params["file"]:
        entry = {"outcome": "unchanged", "detail": detail, "release": None, "services": plain(found)}
        result_files.merge_outcome(Path(params["file"]), "status", params["host"] or params["service"], entry)
    return {"changed": False, "services": found, "outcome": "unchanged", "detail": detail, "release": None}


def _one(task: Task, name: str, answer: Answer | None) -> Answer:
    """One service. What cannot be read becomes a problem of its own: the rest is worth saying."""
    if answer is None:
        return status.missing(name)
    problems: list[str] = []
    found = status.service(answer, _read(problems, lambda: _rolling(task, answer), None))
    return {**found, **_on_record(task, name, answer, problems), "problems": problems}


# pylint: disable-next=using-generic-type-syntax-in-unsupported-version  # Python 3.12
def _read[T](problems: list[str], ask: Callable[[], T], otherwise: T) -> T:
    try:
        return ask()
    except Failure as failure:
        if failure.fields.get("reason") == "expired_credentials":
            raise
        problems.append(failure.msg)
        return otherwise


def _rolling(task: Task, service: Answer) -> Answer | None:
    """The deployment under way, looked at once."""
    if not status.under_way(service):
        return None
    cluster, name, ours = task.params["cluster"], service["serviceName"], looks.primary(service)
    if not ours:
        return None  # an external controller keeps none
    arn = looks.own_service_deployment(ours, following.listed(task, cluster, name), set())
    seen = watch.look(task, cluster, name, arn, lambda _service, _rollout, _running: False)
    return status.deployment(service, seen.service_deployment, verdict(ours, seen), arn)


def _on_record(task: Task, name: str, service: Answer, problems: list[str]) -> Answer:
    """What is on record of the service, compared with what is live: as much of it as can be read, who is at work on it
    first."""
    store = live.store(dataclasses.replace(task, params={**task.params, "service": name}))
    head = _read(problems, store.head, None)
    if head is None:
        return status.UNKNOWN
    records = store.records()
    known = {**status.UNKNOWN, "lease": lease.holder(head)}
    work = _read(problems, lambda: status.at_work(head, records), None)
    if work is None:
        return known
    walked = _read(problems, lambda: (status.last_proven(records),), None)
    if walked is None:
        return {**known, **work}
    (last,) = walked
    now = None if last is None else _read(problems, lambda: _live(task, service, head, records), None)
    return {**known, **work, **status.proof(last, records, now)}


def _live(task: Task, service: Answer, head: Document, records: release.Records) -> Document:
    """The state of the service, as a release on record is compared with it."""
    found = live.scaled(task, service, states.scales(head, records))
    return {
        "task_definition": service.get("taskDefinition"),
        "settings": states.live_settings(found),
        "attributes": {arn: reads.target_group_attributes(task, arn) for arn in live.group_arns(service)},
    }


def main() -> None:
    """Run as a module process."""
    execute(SPEC, run)


if __name__ == "__main__":
    main()
