#!/usr/bin/python
# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: deployment_stop
short_description: Stop the deployment of an Amazon ECS service that is under way, and roll it back
version_added: 0.1.0
description:
  - Asks ECS to stop the service deployment and to roll it back, and follows that to its end. One that ECS takes back
    already is followed, which changes nothing.
  - Where service deployments are not offered, brings the service back to the revision before.
  - Puts back the service only. What a release set beside the deployment is put back by the rollback playbook, which
    also closes the release; the outcome says so.
  - Takes the lease on the service and leaves a record. The run that is at work on the deployment has to be interrupted
    first.
author:
  - The steady.ecs authors (@steady-ecs)
extends_documentation_fragment:
  - steady.ecs.records
  - steady.ecs.operation
  - steady.ecs.following
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    support: full
    description: Sends nothing and takes no lease; says what would be stopped.
"""

EXAMPLES = r"""
- name: Stop what is being rolled out
  steady.ecs.deployment_stop:
    account: "640080112933"
    region: us-east-1
    cluster: pardon-production-cluster
    service: pardon-production-service
    why: the new checkout loses orders
"""

RETURN = r"""
verdict:
  description: What became of the deployment that was followed; null when none was.
  returned: always
  type: str
  sample: succeeded
cause:
  description: The first failure, or null; see M(steady.ecs.deployment).
  returned: always
  type: dict
  sample: null
deployment_id:
  description: Id of the deployment that was followed.
  returned: always
  type: str
  sample: ecs-svc/9223370512345678901
service_deployment_arn:
  description: ARN of its service deployment, where it is known.
  returned: always
  type: str
  sample: arn:aws:ecs:us-east-1:640080112933:service-deployment/c/s/nCGq
task_definition_arn:
  description: The revision that the service names now.
  returned: success
  type: str
  sample: arn:aws:ecs:us-east-1:640080112933:task-definition/pardon-simulator:75
desired_count:
  description: Tasks that the service is to run now.
  returned: success
  type: int
  sample: 3
running_count:
  description: Tasks of the service that run now.
  returned: success
  type: int
  sample: 3
events:
  description: Events of the service since then, oldest first.
  returned: always
  type: list
  elements: dict
  sample: []
timeline:
  description: What was shown while waiting.
  returned: always
  type: list
  elements: dict
  sample: [{"seconds": 45.0, "text": "2/3 running, 1 starting"}]
outcome:
  description: The run's last word.
  returned: always
  type: str
  sample: proven
detail:
  description: It in one sentence.
  returned: success
  type: str
  sample: deployment ecs-svc/9223370512345678901 of web:76 was stopped; web runs web:75
release:
  description: Number of the record that the operation left; null when nothing was done.
  returned: always
  type: int
  sample: 43
line:
  description: The last line shown.
  returned: always
  type: str
  sample: "outcome: proven: deployment ecs-svc/9223370512345678901 of web:76 was stopped; web runs web:75 (12 s)"
"""

from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import (
    fence,
    following,
    held,
    last_word,
    live,
    operations,
    reads,
    rolling,
    stores,
    waits,
    writes,
)
from ansible_collections.steady.ecs.plugins.module_utils.rules import looks, release, verbs, verdict
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Spec, Task, execute

SPEC = Spec(options={**last_word.WRITING_OPTIONS, **following.OPTIONS})

LISTED_WITHIN = 30
"""Seconds that ECS may take to list the service deployment of a deployment that has just begun."""

Answer = dict[str, Any]


def run(task: Task) -> Answer:
    """Stop what is under way, and follow the way back."""
    return last_word.spoken(task, "stop", lambda: _stopped(task))


def _stopped(task: Task) -> Answer:
    found = rolling.service(task)
    listed, undone, ours = _under_way(task, found)
    if ours is None:
        return _nothing(task, found)
    if task.check_mode:
        already = undone or _stopped_already(ours, listed or [])
        would = "is taken back by ECS already, which would be followed" if already else "would be stopped"
        detail = f"check mode: deployment {_named(ours)} {would}"
        return {**_nothing(task, found), "changed": not already, "deployment_id": ours["id"], "detail": detail}
    return rolling.recorded(task, "stop", {"deployment": ours["id"]}, lambda by: _act(task, by))


def _under_way(task: Task, found: Answer) -> tuple[list[Answer] | None, Answer | None, Answer | None]:
    """The service deployments, None where they are not offered; the one that ECS takes back already, if any; and the
    deployment that is to be stopped, or is being: none where nothing is under way."""
    listed = reads.service_deployments(task, task.params["cluster"], found["serviceName"])
    undone, lead = verdict.going_back(listed or []), looks.primary(found)
    if undone:
        return listed, undone, looks.carried_out(undone, found)
    return listed, None, lead if lead["rolloutState"] == "IN_PROGRESS" else None


def _named(ours: Answer) -> str:
    return " of ".join(filter(None, [ours["id"], looks.name_of(ours["taskDefinition"])]))


def _left_open(store: stores.Store) -> str:
    """What to do about a release that is open. One whose record is final is closed, though the head may say less."""
    return verbs.left_open(release.settled(store.head(), store.records())["open"])


def _nothing(task: Task, found: Answer) -> Answer:
    name, ours = found["serviceName"], looks.primary(found)
    runs = f"{name} runs {looks.name_of(found['taskDefinition'])}"
    failed = "; the last one failed: rollback.yml goes back" if ours["rolloutState"] == "FAILED" else ""
    open_release = _left_open(live.store(task))
    return {
        **rolling.NOTHING,
        "changed": False,
        "outcome": "unchanged",
        "detail": f"no deployment is under way; {runs}{failed}{open_release}",
        "release": None,
        "task_definition_arn": found["taskDefinition"],
        "desired_count": found["desiredCount"],
        "running_count": found["runningCount"],
    }


def _act(task: Task, by: held.Held) -> Answer:
    found = rolling.service(task)
    listed, undone, ours = _under_way(task, found)
    if ours is None:  # it has ended while the lease was waited for
        return {**_nothing(task, found), "operation": {"verdict": None}}
    seen = rolling.watching(task, found, set(), settled=False, ours=ours, hold=0)
    seen.arn = undone["serviceDeploymentArn"] if undone else None
    rolling.noted(by, seen)
    answer = _stop(task, seen, by) if listed is not None else _go_back(task, found, by)
    runs = looks.name_of(answer["task_definition_arn"])
    was = "was stopped" if answer["changed"] else "was taken back by ECS already, so nothing was sent"
    detail = f"deployment {_named(ours)} {was}; {seen.name} runs {runs}{_left_open(by.store)}"
    result = {"stopped": ours["id"] if answer["changed"] else None, "verdict": answer["verdict"]}
    return {**answer, "outcome": "proven", "detail": detail, "operation": result}


def _stop(task: Task, seen: following.Following, by: held.Held) -> Answer:
    """StopServiceDeployment, unless ECS or a person has asked for it already: ``changed``."""

    def listed(_elapsed: float) -> str | None:
        seen.find_service_deployment()
        return seen.arn

    arn = waits.until(listed, LISTED_WITHIN, task.params["wait_delay"])
    if arn is None:
        raise Failure(
            f"ECS does not list the service deployment of {seen.progress.ours['id']} yet. Nothing was changed. Run the "
            "same command again.",
            reason="not_listed",
        )
    rolling.noted(by, seen)
    now = reads.service_deployment(task, arn)
    sends = now is None or not _is_stopping(now)
    if sends:
        operations.stop_service_deployment(task, arn, _is_stopping)
    seen.say(f"{seen.progress.ours['id']} is being stopped; if this is interrupted: the same command follows it")
    return {**rolling.followed(seen, (verdict.ROLLED_BACK,)), "changed": sends}


def _stopped_already(ours: Answer, listed: list[Answer]) -> bool:
    """Whether the service deployment of ``ours`` is listed as one that ECS or a person stops."""
    arn = looks.own_service_deployment(ours, listed, set())
    return any(_is_stopping(each) for each in listed if each["serviceDeploymentArn"] == arn)


def _is_stopping(deployment: Answer) -> bool:
    return str(deployment.get("status", "")).startswith(("ROLLBACK", "STOP"))


def _go_back(task: Task, found: Answer, by: held.Held) -> Answer:
    """Where ECS stops no deployment: a new one of the revision before."""
    previous = looks.previous_revision(found, resumes=True)
    if previous == found["taskDefinition"]:
        raise Failure(
            "No deployment is left to go back to: this is the first one of its kind. rollback.yml goes back to a "
            "release on record. Nothing was changed.",
            reason="nothing_to_restore",
        )
    before = looks.primary(found)["id"]
    now = writes.update_service(
        fence.over(task, by, found),
        task.params["cluster"],
        found["serviceName"],
        {"taskDefinition": previous},
        lambda seen: bool(seen["taskDefinition"] == previous and looks.primary(seen).get("id") != before),
    )
    seen = rolling.watching(task, now, set(), settled=False)
    rolling.noted(by, seen)
    return {**rolling.followed(seen, (verdict.SUCCEEDED,)), "changed": True}


def main() -> None:
    """Run as a module process."""
    execute(SPEC, run)


if __name__ == "__main__":
    main()
