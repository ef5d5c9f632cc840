#!/usr/bin/python
# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: deployment
short_description: Roll an Amazon ECS service and judge what became of it
version_added: 0.1.0
description:
  - Brings a service to a revision and to declared settings with one UpdateService call of what differs; none when
    nothing does, a second one for the grace period of a service that had no load balancer.
  - Watches the deployment that this call began, by its own id and on its own tasks and targets, and says what becomes
    of it. Only a deployment that is complete, whose tasks all run and are healthy in every target group, and which
    stayed so for O(stable_seconds), has succeeded.
  - Shows what happens while it waits, and the cause of the first failure as soon as it is known.
  - When the same content is already being rolled out, by a run that was interrupted, goes on watching it.
  - From another deployment that is under way ECS itself is asked to go back (StopServiceDeployment), where
    O(task_definition) is what that one replaces.
  - Never creates, deletes or scales a service, unless O(settings) declares C(desiredCount).
author: The steady.ecs authors (@steady-ecs)
options:
  cluster: {description: Name of the cluster., type: str, required: true}
  service: {description: Name of the service. Its deployment controller must be ECS., type: str, required: true}
  task_definition:
    description: The revision to run, as ARN or as C(family:revision). When left out, the live one stays. In check mode
      it may end in C((next)), which stands for a revision that is not registered yet.
    type: str
  settings:
    description:
      - Settings of the service in AWS's own words, such as C(deploymentConfiguration) and
        C(healthCheckGracePeriodSeconds). Only what is named is compared and changed; null goes back to AWS's default.
      - C(desiredCount) is sent only when it is declared, so that autoscaling keeps its say.
      - C(scalableTarget), with C(minCapacity), C(maxCapacity) and C(suspendedState), is the range of Application Auto
        Scaling. It is changed first, by a call of its own, and never registered anew.
      - C(tags) are set and, by null, taken away by calls of their own; other tags of the service stay.
    type: dict
    default: {}
  force:
    description: Start new tasks even when nothing differs, once. A forced deployment of the same content that is still
      in progress is watched, not begun again.
    type: bool
    default: false
  wait: {description: Whether to watch it to its end. Without it the verdict is V(unknown)., type: bool, default: true}
  wait_timeout:
    description: Seconds to watch. After that the verdict is V(unknown) and the task fails, but the deployment goes on
      and the same task watches it again. With O(fail_on_timeout) the verdict is V(failed).
    type: int
    default: 1800
  wait_delay:
    description:
      - Seconds between two looks. The interval never grows, so the end is noticed within one of them.
      - Each look takes about six calls. 5 seconds leave room for twenty services at a time under AWS's limits.
    type: int
    default: 5
    choices: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]
  stable_seconds:
    description: Seconds for which the new tasks must stay up and healthy after the deployment is complete, for ECS may
      count a task that runs for three seconds as a success. Not waited for when nothing was changed.
    type: int
    default: 10
  fail_fast:
    description:
      - Whether three tasks that fail of the same cause, while none of the new ones is in service, are the verdict
        V(failed). ECS's circuit breaker waits for half of the desired count, at least 3 and at most 200.
      - What is to become of the deployment then is not decided here. ECS goes on with it until something else is begun.
    type: bool
    default: false
  fail_on_timeout: {description: Whether the end of O(wait_timeout) is V(failed)., type: bool, default: false}
  wait_until:
    description:
      - Lifecycle stage at which to stop watching a deployment that shifts traffic (strategy BLUE_GREEN, LINEAR or
        CANARY). The verdict is V(unknown) then, the task fails, and the deployment goes on. By default its end.
      - A rolling deployment has no stages and is watched to its end.
    type: str
    choices: [RECONCILE_SERVICE, PRE_SCALE_UP, SCALE_UP, POST_SCALE_UP, TEST_TRAFFIC_SHIFT, POST_TEST_TRAFFIC_SHIFT,
      PRE_PRODUCTION_TRAFFIC_SHIFT, PRODUCTION_TRAFFIC_SHIFT, POST_PRODUCTION_TRAFFIC_SHIFT, BAKE_TIME, CLEAN_UP]
  release:
    description:
      - RV(steady.ecs.release#module:release) in the answer of M(steady.ecs.release), when this deployment belongs to a
        release. Its lease is renewed, the deployment is noted in its record, and nothing is changed when somebody else
        has changed the service since.
      - Tasks that were started anew since the release was opened are not started anew again by O(force).
    type: dict
    default: {}
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode: {support: full, description: Makes no writing call and returns the same keys.}
  diff_mode: {support: full, description: Shows the settings and the revision before and after.}
"""

EXAMPLES = r"""
- name: Roll the service to a revision
  steady.ecs.deployment:
    cluster: pardon-production-cluster
    service: pardon-production-service
    task_definition: pardon-simulator:75

- name: Change how deployments replace tasks
  steady.ecs.deployment:
    cluster: pardon-production-cluster
    service: pardon-production-service
    settings:
      healthCheckGracePeriodSeconds: 60
      deploymentConfiguration:
        deploymentCircuitBreaker: {enable: true, rollback: true}

- name: Restart the service on its live revision
  steady.ecs.deployment:
    cluster: pardon-production-cluster
    service: pardon-production-service
    force: true
"""

RETURN = r"""
verdict:
  description:
    - What became of the deployment. The task fails for every word but V(succeeded), and V(nothing_ran) where a count
      of 0 is declared. V(unknown) without failure in check mode and without O(wait).
  returned: always
  type: str
  sample: succeeded
cause:
  description: The first failure, or null.
  returned: always
  type: dict
  sample: {"task": "1dc5c17a422b4dc4b493371970c6c4d6", "container": "coral", "image": "example.com/coral:2",
    "exit_code": 3, "meaning": "the application reported an error", "stop_code": "EssentialContainerExited",
    "reason": "Essential container in task exited", "target_reason": null, "log_lines": ["cannot open the database"],
    "events": []}
deployment_id:
  description: Id of the deployment that was watched, or empty in check mode when something would change.
  returned: always
  type: str
  sample: ecs-svc/9223370512345678901
service_deployment_arn:
  description: ARN of its service deployment; null where it is not known.
  returned: always
  type: str
  sample: arn:aws:ecs:us-east-1:640080112933:service-deployment/pardon-production-cluster/pardon-production-service/nCGq
task_definition_arn:
  description: The revision that the service names now; in check mode, the one that it would name.
  returned: always
  type: str
  sample: arn:aws:ecs:us-east-1:640080112933:task-definition/pardon-simulator:75
previous_task_definition_arn:
  {description: The revision before., returned: always, type: str,
   sample: "arn:aws:ecs:us-east-1:640080112933:task-definition/pardon-simulator:74"}
desired_count: {description: Tasks that the service is to run now., returned: always, type: int, sample: 3}
running_count: {description: Tasks of the service that run now., returned: always, type: int, sample: 3}
duration_seconds:
  {description: "Seconds that the task took, from its first read.", returned: always, type: float, sample: 412.5}
events:
  description: Events of the service since the deployment began, oldest first.
  returned: always
  type: list
  elements: dict
  sample: [{"at": "2025-11-27T10:02:11+00:00", "text": "has reached a steady state."}]
timeline:
  description: What was shown while waiting.
  returned: always
  type: list
  elements: dict
  sample: [{"seconds": 45.0, "text": "2/3 running, 1 starting, 1 old; deployment IN_PROGRESS"}]
differences:
  description: What differed between declared and live. Log options that may be secret are masked.
  returned: always
  type: list
  elements: dict
  sample: [{"resource": "service", "path": "desiredCount", "expected": 3, "actual": 2, "type": "NOT_EQUAL"}]
"""

from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import (
    beside,
    fence,
    following,
    held,
    live,
    taken_back,
    waits,
    writes,
)
from ansible_collections.steady.ecs.plugins.module_utils.rules import (
    looks,
    progress,
    service,
    settings,
    strategies,
    verdict,
)
from ansible_collections.steady.ecs.plugins.module_utils.rules.declaration import DeclarationError
from ansible_collections.steady.ecs.plugins.module_utils.rules.differences import Difference
from ansible_collections.steady.ecs.plugins.module_utils.rules.failure_message import message
from ansible_collections.steady.ecs.plugins.module_utils.rules.fence import own, undone, went_back
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Spec, Task, execute, shielded

SPEC = Spec(
    options={
        "cluster": {"type": "str", "required": True},
        "service": {"type": "str", "required": True},
        "task_definition": {"type": "str"},
        "settings": {"type": "dict", "default": {}},
        "force": {"type": "bool", "default": False},
        "wait": {"type": "bool", "default": True},
        "fail_fast": {"type": "bool", "default": False},
        "fail_on_timeout": {"type": "bool", "default": False},
        "wait_until": {"type": "str", "choices": list(strategies.STAGES)},
        **following.OPTIONS,
        **held.RELEASE_OPTION,
    }
)

Answer = dict[str, Any]


class Rollout:
    """One run: what was live, what is to change, and what is followed."""

    def __init__(self, task: Task, stopped: bool = False) -> None:
        self.task, self.params, self.stopped = task, task.params, stopped
        self.cluster, self.name = self.params["cluster"], self.params["service"]
        began = waits.clock.now()
        self.hold = held.of(task)
        self.record = self.hold.store.record(self.params["release"]["seq"]) if self.hold else None
        self.left = self.record if self.params["release"].get("resumed") else None
        self.live = self.first_look()
        self.task = fence.over(task, self.hold, self.live)
        self.differences = planned(task, self.live)
        self.shown = service.shown(self.differences)
        self.before = looks.primary(self.live)
        in_progress = self.before.get("rolloutState") == "IN_PROGRESS"
        updates = [each for each in self.differences if not settings.beside(each.path)]
        self.own = self.own_service_deployment(self.left) if self.left else None
        self.undone = self.left is not None and went_back(self.left, self.live, self.own)
        self.resumes = self.undone or (in_progress and not updates)
        left_over = in_progress and self.left is not None  # between the two calls of service.calls, say
        self.begun = self.resumes or (left_over and not any(each.path == "taskDefinition" for each in updates))
        force = self.params["force"] and not self.resumes and not self.forced_already()
        self.arguments, self.later = ({}, {}) if self.undone else service.calls(self.differences, self.live, force)
        self.beside = [] if self.undone else beside.calls(self.task, self.live, self.differences)
        settled = progress.Progress(self.before, 0, settled=True)
        self.following = following.Following(self.task, self.cluster, self.name, self.live, settled, began=began)
        self.word = verdict.UNKNOWN

    def first_look(self) -> Answer:
        """The service as it is live. What a release that goes on would begin is believed from a second look only: the
        first may be older than what the interrupted run has begun."""
        found = live.asked(self.task)
        if self.left is None:
            return found
        before = self.left["before"]["deployment"]
        if looks.primary(found).get("id") != before or not (self.params["force"] or planned(self.task, found)):
            return found
        waits.clock.sleep(writes.PAUSE)
        return live.asked(self.task)

    def own_service_deployment(self, left: Answer) -> Answer | None:
        """That of a release which goes on, where they are offered; a verb may have begun others meanwhile."""
        verbs = fence.steps_of_verbs(self.hold, left) if self.hold else []
        begun = {each["service_deployment"] for each in verbs}
        return own(left, following.listed(self.task, self.cluster, self.name), begun)

    def forced_already(self) -> bool:
        """Whether tasks were started anew since the release was opened: of all updates this one alone would do it
        twice (forceNewDeployment is not idempotent), after a run that died before it noted its deployment."""
        return self.record is not None and self.before.get("id") != self.record["before"]["deployment"]

    def update(self) -> None:
        """Make the call, and take the identity of what is followed from its answer."""
        known: set[str] = set()
        for settle in self.beside:
            settle()
        if self.arguments:
            where = self.task, self.cluster, self.name
            known = {each["serviceDeploymentArn"] for each in following.listed(*where)}
            with shielded():
                self.following.now = writes.update_service(*where, self.arguments, self.arrived)
                self.note()
        elif self.left and self.undone:
            self.follow_what_was_undone(self.left)
            return
        elif self.resumes:
            self.note()
        ours = looks.primary(self.following.now)
        is_new = ours["id"] != self.before["id"]
        self.following.known = known if is_new else set()
        settled = not is_new and ours.get("rolloutState") == "COMPLETED"
        hold = self.params["stable_seconds"] if self.arguments or self.resumes else 0
        asked = {name: self.params[name] for name in ("fail_fast", "fail_on_timeout", "wait_until")}
        self.following.progress = progress.Progress(ours, hold, settled, **asked)

    def update_later(self) -> None:
        """Make the second call, where ECS wants two. Raises Failure, which says what the first one has begun."""
        if not self.later:
            return
        has, where = self.later.items(), (self.task, self.cluster, self.name)
        try:
            writes.update_service(*where, self.later, lambda found: has <= found.items())
        except Failure as failure:
            begun = f"{failure.msg.rstrip('.')}. Deployment {self.following.progress.ours['id']} had begun by then."
            raise Failure(begun, **{**failure.fields, "changed": True}) from None

    def follow_what_was_undone(self, left: Answer) -> None:
        """The interrupted run's deployment is replaced by one of what was before. Begun anew it would fail anew: its
        own end is the verdict, and who says so stands in its service deployment."""
        ours = undone(left, self.live, self.own)
        if ours is None:
            raise fence.refusal(self.name, left, "what was before it is live again, and it was not ECS that went back")
        self.following.arn = str(self.own["serviceDeploymentArn"]) if self.own else None
        self.following.progress = progress.Progress(ours, self.params["stable_seconds"], False)

    def note(self) -> None:
        """Note the deployment in the release's record, so that whoever goes on knows it for its own."""
        ours = looks.primary(self.following.now)["id"]
        if self.hold and self.record and ours != self.record["before"]["deployment"]:
            self.hold.note({"deployment": ours})

    def known(self) -> Answer:
        """What an interruption is to note of the deployment that is followed."""
        ours = self.following.progress.ours
        is_new = ours["id"] != self.before["id"] or self.resumes
        return {"deployment": ours["id"], "service_deployment": self.following.arn} if is_new else {}

    def arrived(self, found: Answer) -> bool:
        """Whether a service shows the change whose answer was lost: its content, and for new tasks a new deployment."""
        left = planned(self.task, {**self.live, **found})
        if any(each.path.split(".")[0] in self.arguments for each in left):
            return False
        new_tasks = self.arguments.get("forceNewDeployment") or service.deploys(self.differences, self.live)
        return not new_tasks or looks.primary(found).get("id") != self.before.get("id")

    def answer(self) -> Answer:
        """The keys that every run returns."""
        planned_only = self.arguments if self.task.check_mode else {}
        seen = self.following
        return {
            "changed": bool(self.arguments or self.beside) or self.stopped,
            "verdict": self.word,
            "cause": seen.cause,
            "deployment_id": "" if planned_only else seen.progress.ours["id"],
            "service_deployment_arn": seen.arn,
            "task_definition_arn": planned_only.get("taskDefinition", seen.now["taskDefinition"]),
            "previous_task_definition_arn": looks.previous_revision(self.live, self.begun),
            "desired_count": seen.now["desiredCount"],
            "running_count": seen.now["runningCount"],
            "duration_seconds": round(seen.elapsed(), 1),
            "events": seen.progress.events,
            "timeline": seen.progress.timeline,
            "differences": [each.as_dict() for each in self.shown],
            "diff": service.diff(self.shown, self.arguments),
        }


def planned(task: Task, now: Answer) -> list[Difference]:
    """What is to change. Refuses what cannot be meant."""
    try:
        wanted = service.registered(task.params["task_definition"], task.check_mode)
        given = live.reachable(task, task.params["settings"], now)
        return service.planned(wanted, given, now)
    except DeclarationError as wrong:
        raise Failure(wrong.msg, reason="declaration") from None


def conclude(rollout: Rollout) -> Answer:
    """The result, or the failure with its cause last."""
    seen = rollout.following
    declared_nothing = settings.declared_count(rollout.params["settings"]) == 0
    following.find_cause(seen, declared_nothing)
    last = seen.progress.last
    rollout.word = last.word
    if seen.progress.went_well(declared_nothing):
        if rollout.arguments or rollout.resumes:
            seen.say(f"{last.word}: {last.reason}")
        return rollout.answer()
    before = {} if rollout.forced_already() else rollout.before  # a release that goes on may have begun it itself
    raise Failure(
        message(rollout.name, seen.progress.ours, last, seen.cause, seen.arn, before),
        **{"reason": last.word, **rollout.answer()},
    )


def run(task: Task) -> Answer:
    """Plan, update, watch, judge."""
    rollout = Rollout(task)
    if task.check_mode:
        return rollout.answer()
    if taken_back.by_ecs(rollout.task, rollout.hold, rollout.record, rollout.live):
        rollout = Rollout(task, stopped=True)
    if rollout.hold:
        rollout.hold.known = rollout.known
    rollout.update()
    rollout.update_later()
    if not task.params["wait"]:
        return rollout.answer()
    try:
        following.begin(rollout.following, rollout.resumes)
        following.follow(rollout.following, task.params["wait_timeout"], task.params["wait_delay"])
    except Failure as failure:
        # Whatever keeps us from looking is no failure of the deployment (case C78).
        raise Failure(
            f"{failure.msg} Deployment {rollout.following.progress.ours['id']} goes on; resume with the same command.",
            **{**rollout.answer(), **failure.fields},
        ) from None
    return conclude(rollout)


def main() -> None:
    """Entry point of the module process."""
    execute(SPEC, run)


if __name__ == "__main__":
    main()
