"""One service's deployments in one tick: verdicts, abort, starts and stops, the end of a deployment.

The order matters: verdicts and the abort come before starts, or a failed deployment would start one more batch.
Sources: "Amazon ECS deployment circuit breaker",
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html, "How CloudWatch alarms
detect Amazon ECS deployment failures", .../deployment-alarm-failure.html, and "Complete Amazon ECS rolling deployments
early with early success criteria", .../early-success-criteria.html
"""

import time
from dataclasses import dataclass

from .alarms import Alarms
from .ecs import Ecs, rules
from .ecs.deployments import OF_THE_REVISION, REPLACED
from .ecs.plan import Seen, plan
from .ecs.state import Deployment, Rollout, Service, Task
from .shifting import Shifting
from .tasks_runtime import targets
from .wire import AwsError, now

SCALING = "Scaling activity initiated by (deployment {id})"
STRUGGLING = (
    "is unable to consistently start tasks successfully. "
    "For more information, see the Troubleshooting section of the Amazon ECS Developer Guide."
)


@dataclass(frozen=True)
class Failure:
    """Why a deployment fails, in the words of rolloutStateReason, of the event, and of the service deployment."""

    cause: str
    what: str
    reason: str


STOPPED = Failure("stop request", "stopped by the user", "Service deployment was stopped by the user.")
ALARM = Failure("alarm", "alarm detected", "Service deployment failed because an alarm was detected.")
BREAKER = Failure(
    "circuit breaker",
    "tasks failed to start",
    "Service deployment failed because the circuit breaker threshold was exceeded.",
)


class Rollouts:
    def __init__(self, scale: float, alarms: Alarms) -> None:
        self.scale, self.alarms, self.shifting = scale, alarms, Shifting(scale)

    def step(self, ecs: Ecs, service: Service) -> None:
        if service.status == "INACTIVE" or (service.controller == "EXTERNAL" and service.status == "ACTIVE"):
            return
        tasks = ecs.tasks_of(service)
        if service.status == "DRAINING":
            self._end_deleted(service, tasks)
            return
        for task in tasks:
            self._judge(ecs, service, task)
        primary = service.primary
        if primary.rollout and primary.rollout.status == "PENDING":
            primary.rollout.become("IN_PROGRESS")
        if primary.state == "IN_PROGRESS" and self._aborted(ecs, service, primary):
            return
        live = [t for t in tasks if t.alive]
        mine = [t for t in live if t.deployment is primary]
        healthy = sum(self._healthy(ecs, t) for t in mine)
        steady = len(mine) == healthy == service.desired
        in_use = {t.deployment for t in tasks if t.status != "STOPPED"}
        rollout = primary.rolls_back or primary.rollout
        if rollout is not None and rollout.stages and primary.state != "COMPLETED":
            if self._shift(ecs, service, primary, rollout, tasks, steady):
                self._finish(ecs, service, primary, in_use, steady)
            return
        early = self._early(service, primary, healthy)
        bakes = self._bakes(ecs, service, primary, bool(early) or (steady and in_use <= {primary}))
        holds = early == "DEFERRED" or (early == "BLOCKING" and bakes)
        self._start_and_stop(ecs, service, primary, live, service.source, holds)
        self._finish(ecs, service, primary, in_use, steady, early, bakes)

    # -- what is known about a task --------------------------------------------------------------
    def _healthy(self, ecs: Ecs, task: Task) -> bool:
        """RUNNING, its essential containers that have a check HEALTHY, and healthy in every target group; without any
        of these, RUNNING for 40 s (API reference, DeploymentConfiguration, minimumHealthyPercent)."""
        if task.status != "RUNNING" or task.wanted != "RUNNING" or task.started is None:
            return False
        if task.checked and task.health_status != "HEALTHY":
            return False
        found = [group.target(address, port) for group, address, port in targets(ecs, task)]
        if not found and not task.checked:
            return time.time() - task.started >= rules.STEADY_AFTER * self.scale
        return all(t is not None and t.state in ("healthy", "unavailable") for t in found)

    def _sickness(self, ecs: Ecs, task: Task) -> tuple[str, str] | None:
        """(event, stopped reason) when a target or a container is unhealthy and the grace period is over: it is for
        both (API reference, CreateService)."""
        if task.status != "RUNNING" or task.started is None or task.service is None:
            return None
        grace = task.service.settings.get("healthCheckGracePeriodSeconds", 0) * self.scale
        if time.time() - task.started > grace:
            for group, address, port in targets(ecs, task):
                target = group.target(address, port)
                if target is not None and target.state == "unhealthy":
                    where = f"in (target-group {group.arn})"
                    due = f"is unhealthy {where} due to (reason {target.description or ''})"
                    return due, f"Task failed ELB health checks {where}"
            if task.health_status == "UNHEALTHY":
                return "failed container health checks", "Task failed container health checks"
        return None

    # -- 1. verdicts -----------------------------------------------------------------------------
    def _judge(self, ecs: Ecs, service: Service, task: Task) -> None:
        """A user's StopTask and scaling count neither as success nor as failure."""
        deployment = task.deployment
        assert deployment is not None
        rollout = deployment.rollout if deployment.rollout and deployment.rollout.status == "IN_PROGRESS" else None
        if not task.succeeded and self._healthy(ecs, task):
            task.succeeded = deployment.proven = True
            deployment.failed = deployment.unstarted = 0
            deployment.not_before = 0.0
            breaker = service.configuration["deploymentCircuitBreaker"]
            if rollout and breaker.get("resetOnHealthyTask", True):
                rollout.failures = 0
        broken = task.stop_code in ("TaskFailedToStart", "EssentialContainerExited") or task.unhealthy
        if not task.failed and broken:
            task.failed = True
            counts = self._counts(task)
            if counts and not deployment.proven:
                deployment.failed += 1
            if counts and rollout:
                rollout.failures += 1
            if task.stop_code == "TaskFailedToStart":
                self._throttle(service, deployment)

    def _throttle(self, service: Service, deployment: Deployment) -> None:
        """What "stopped after they reach the RUNNING state" neither delays the next starts nor brings the event:
        https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-throttle-logic.html"""
        deployment.unstarted += 1
        deployment.not_before = time.monotonic() + rules.restart_delay(deployment.unstarted) * self.scale
        if deployment.unstarted in (3, 8):
            service.event(STRUGGLING)

    def _counts(self, task: Task) -> bool:
        """Whether a task that failed is one for failedTasks and the circuit breaker.

        They count what does not reach RUNNING and what is replaced for its health checks (the page on the circuit
        breaker; API reference, Deployment). What ran and exited counts if it had checks that it had not passed by then
        (github.com/aws/containers-roadmap/issues/1206), and never without any.
        """
        if task.stop_code != "EssentialContainerExited":
            return True
        has_checks = bool(task.checked or (task.deployment and task.deployment.balancers))
        return has_checks and not task.succeeded

    # -- 2. abort --------------------------------------------------------------------------------
    def _aborted(self, ecs: Ecs, service: Service, primary: Deployment) -> bool:
        """A rollback is not itself rolled back."""
        rollout = primary.rollout
        if rollout is None or primary.rolls_back is not None:
            return False
        if rollout.stage is not None and rollout.stage.name == "CLEAN_UP":
            return False  # what it replaces is going: there is nothing to go back to
        breaker, alarms = service.configuration["deploymentCircuitBreaker"], service.configuration.get("alarms", {})
        rollout.threshold = rules.threshold(service.configuration, service.desired)
        if rollout.status == "ROLLBACK_REQUESTED":
            self._fail(ecs, service, rollout, STOPPED, roll_back=True)
        elif alarms.get("enable") and self._alarming(ecs.region, rollout, alarms["alarmNames"]):
            rollout.alarms = "TRIGGERED"
            self._fail(ecs, service, rollout, ALARM, bool(alarms.get("rollback")))
        elif breaker["enable"] and not rollout.stages and rollout.failures >= rollout.threshold:
            rollout.breaker = "TRIGGERED"
            self._fail(ecs, service, rollout, BREAKER, bool(breaker["rollback"]))
        else:
            return False
        return True

    def _alarming(self, region: str, rollout: Rollout, names: list[str]) -> bool:
        """An alarm that was in ALARM when the deployment began is ignored, as on AWS."""
        states = self.alarms.states(region, names)
        ringing = {n for n in names if states.get(n) == "ALARM"}
        if rollout.alarms_before is None:
            rollout.alarms_before = ringing
        rollout.triggered = sorted(ringing - rollout.alarms_before)
        return bool(rollout.triggered)

    def _fail(self, ecs: Ecs, service: Service, rollout: Rollout, failure: Failure, roll_back: bool) -> None:
        """The deployment becomes FAILED and starts nothing more; back to the last COMPLETED one if that is asked for
        and there is one. Otherwise it stalls. One that is still being brought back is "not eligible for another
        rollback until it reaches a COMPLETED state" (the page on the circuit breaker, of rolling deployments)."""
        primary, cause, reason = rollout.target, failure.cause, failure.reason
        primary.become("FAILED", f"ECS deployment {cause}: {failure.what}.")
        service.event(f"(deployment {primary.id}) deployment failed: {failure.what}.")
        last = service.last_completed
        if not roll_back or last is None or (last.state != "COMPLETED" and not rollout.stages):
            rollout.become("STOPPED", reason, over=True)
            rollout.stopped = rollout.stopped or rollout.finished  # API reference, ServiceDeployment, stoppedAt
            return
        service.definition = last.definition
        service.settings = {k: v for k, v in service.settings.items() if k not in OF_THE_REVISION} | last.settings
        primary.status = "ACTIVE"
        if last in service.deployments:
            last.status = "PRIMARY"
        else:  # its tasks are gone: the same revision, deployed anew
            last = ecs.make_primary(service, last.revision)
        last.rolls_back = rollout
        last.become("IN_PROGRESS", f"ECS deployment {cause}: rolling back to deploymentId {last.id}.")
        rollout.rollback = {"reason": reason, "startedAt": now(), "serviceRevisionArn": last.revision}
        rollout.become("ROLLBACK_IN_PROGRESS", reason)
        service.event(f"rolling back to (deployment {last.id}).")

    # -- 3. and 4. start and stop ----------------------------------------------------------------
    def _start_and_stop(
        self,
        ecs: Ecs,
        service: Service,
        primary: Deployment,
        live: list[Task],
        source: Deployment | None = None,
        holds: bool = False,
    ) -> None:
        if not (live or service.desired or (source and source.kept)):
            return  # of ten thousand services without tasks each tick asks this
        sick = {t.arn: self._sickness(ecs, t) for t in live}
        seen = [
            Seen(
                key=t.arn,
                primary=t.deployment is primary,
                source=t.deployment is source,
                healthy=self._healthy(ecs, t),
                sick=sick[t.arn] is not None,
                running=t.status == "RUNNING",
                proven=t.succeeded,
                created=t.created,
            )
            for t in live
        ]
        configuration, desired = service.configuration, service.desired
        highest = rules.highest(configuration, desired)
        wanted = plan(
            seen,
            desired,
            rules.lowest(configuration, desired),
            highest,
            stalled=primary.state == "FAILED",
            kept=source.kept if source else 0,
            holds=holds,
        )
        if source:
            source.kept = wanted.kept
        room = highest - len(live)
        for deployment, count in ((source, wanted.restore), (primary, wanted.start)):
            if deployment and time.monotonic() >= deployment.not_before:
                room -= sum(ecs.new_service_task(service, deployment) for _ in range(min(count, room)))
        for arn in wanted.replace:
            self._replace(service, ecs.tasks[arn], sick[arn])
        for arn in wanted.scale_in:
            ecs.tasks[arn].ask_to_stop("ServiceSchedulerInitiated", SCALING.format(id=primary.id))

    def _replace(self, service: Service, task: Task, sickness: tuple[str, str] | None) -> None:
        what, reason = sickness or ("is unhealthy", "")
        service.event(f"(task {task.id}) {what}.")
        task.unhealthy = True
        task.ask_to_stop("ServiceSchedulerInitiated", reason)

    # -- instead of 3. and 4., while traffic is shifted -------------------------------------------
    def _shift(
        self, ecs: Ecs, service: Service, primary: Deployment, rollout: Rollout, tasks: list[Task], steady: bool
    ) -> bool:
        """Both versions run in full until the traffic has gone from one to the other; true when one of them may go."""
        back = primary.rolls_back is not None
        gone = all(t.deployment in (primary, rollout.replaces) for t in tasks if t.status != "STOPPED")
        if back and steady:
            self.shifting.go_back(ecs, rollout, primary)
        elif not back and primary.state == "IN_PROGRESS":
            failure = self._advance(ecs, service, rollout, steady, gone)
            if failure is not None:
                self._fail(ecs, service, rollout, failure, True)
                return False
        for deployment in [d for d in service.deployments if d not in (primary, rollout.replaces, rollout.target)]:
            if all(t.deployment is not deployment for t in tasks if t.status != "STOPPED"):
                self._forget(service, deployment)
        assert rollout.stage is not None
        started = rollout.stage.name not in ("RECONCILE_SERVICE", "PRE_SCALE_UP")
        ends = (back and steady) or rollout.stage.name == "CLEAN_UP"
        for deployment in service.deployments:
            own = [t for t in tasks if t.alive and t.deployment is deployment]
            if deployment is primary:
                if back or started:
                    self._start_and_stop(ecs, service, primary, own)
            elif deployment in (rollout.replaces, rollout.target) and not ends:
                self._start_and_stop(ecs, service, deployment, own)
            else:
                for task in own:
                    task.ask_to_stop("ServiceSchedulerInitiated", SCALING.format(id=primary.id))
        return ends

    def _advance(self, ecs: Ecs, service: Service, rollout: Rollout, steady: bool, gone: bool) -> Failure | None:
        """One step; why the deployment fails, if a hook or Elastic Load Balancing says no."""
        try:
            reason = self.shifting.advance(ecs, service, rollout, steady, gone)
        except AwsError as refused:
            reason = f"Service deployment failed because a listener rule could not be changed: {refused.message}"
            return Failure("listener rule", "a listener rule could not be changed", reason)
        return Failure("lifecycle hook", "rolled back by a hook", reason) if reason is not None else None

    # -- 5. finish -------------------------------------------------------------------------------
    def _early(self, service: Service, primary: Deployment, healthy: int) -> str:
        """When the old tasks are cleaned up, once enough of a deployment with early success criteria are healthy; what
        is healthy on "the target service revision" counts, and a rollback brings back another."""
        needed = rules.early_success(service.configuration, service.desired)
        if needed is None or healthy < needed or primary.state != "IN_PROGRESS" or primary.rolls_back is not None:
            return ""
        return str(service.configuration["earlySuccessCriteria"]["sourceServiceRevisionCleanup"])

    def _finish(
        self,
        ecs: Ecs,
        service: Service,
        primary: Deployment,
        in_use: set[Deployment | None],
        steady: bool,
        early: str = "",
        bakes: bool = False,
    ) -> None:
        alone = in_use <= {primary}
        if steady and alone and not service.steady:
            service.event("has reached a steady state.")
        service.steady = steady and alone
        enough = early == "DEFERRED" or (alone and (steady or early == "BLOCKING"))
        if primary.state == "IN_PROGRESS" and enough and not bakes:
            self._complete(ecs, service, primary)
        for deployment in [d for d in service.deployments if d is not primary and d not in in_use]:
            if deployment.state == "FAILED" and primary.rolls_back is not None:
                continue  # stays listed until the rollback is complete
            if deployment.kept:
                continue  # what it lost is replaced once there is room
            self._forget(service, deployment)

    def _bakes(self, ecs: Ecs, service: Service, primary: Deployment, ready: bool) -> bool:
        """Whether a rolling deployment that is ready goes on for its alarms: "the bake time is a period of time after a
        new service version has scaled out and the old service version has scaled in"; of an early success before the
        clean-up, for which the old tasks that are left are held."""
        rollout = primary.rollout
        if rollout is None or rollout.stages or rollout.alarms != "MONITORING":
            return False
        if not ready:
            rollout.until = 0.0
        elif not rollout.until:
            names = service.configuration.get("alarms", {}).get("alarmNames", [])
            rollout.until = time.monotonic() + self.alarms.bake_time(ecs.region, names) * self.scale
        return time.monotonic() < rollout.until

    def _forget(self, service: Service, deployment: Deployment) -> None:
        service.deployments.remove(deployment)
        self._gone(deployment, REPLACED)

    def _complete(self, ecs: Ecs, service: Service, primary: Deployment) -> None:
        if service.source is not None:
            service.source.kept = 0  # after an early success it has tasks that go, and is owed none
        primary.become("COMPLETED", f"ECS deployment {primary.id} completed.")
        primary.failed = 0
        service.last_completed = primary
        service.event(f"(deployment {primary.id}) deployment completed.")
        if primary.rolls_back is not None:
            primary.rolls_back.become("ROLLBACK_SUCCESSFUL", over=True)
            primary.rolls_back = None
        elif primary.rollout is not None:
            ecs.succeed(primary.rollout)

    def _gone(self, deployment: Deployment, reason: str) -> None:
        """Its tasks are gone: a service deployment that has not ended is STOPPED."""
        for rollout in (deployment.rolls_back, deployment.rollout):
            if rollout is not None and rollout.finished is None:
                rollout.become("STOPPED", reason, over=True)

    def _end_deleted(self, service: Service, tasks: list[Task]) -> None:
        """A deleted service stops its tasks, then it is INACTIVE."""
        for task in tasks:
            task.ask_to_stop("ServiceSchedulerInitiated", SCALING.format(id=service.primary.id))
        if all(t.status == "STOPPED" for t in tasks):
            for deployment in service.deployments:
                self._gone(deployment, "The service was deleted.")
            service.deployments.clear()
            service.status = "INACTIVE"
