# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What became of *our* deployment, judged from one look at the service.

A verdict is tied to the identity in UpdateService's own answer and to the tasks that this deployment started: the
stock waiter ``services_stable`` cannot tell success from a rollback, from another's deployment, or from a service
scaled to zero (docs/cases.md).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from ansible_collections.steady.ecs.plugins.module_utils.rules import strategies
from ansible_collections.steady.ecs.plugins.module_utils.rules.looks import (
    Answer,
    Look,
    is_running,
    listed_as,
    moment,
    name_of,
    newer,
    newest_service_deployment,
    own_tasks,
    primary,
    unhealthy,
)

SUCCEEDED = "succeeded"
FAILED = "failed"
ROLLED_BACK = "rolled_back"
SUPERSEDED = "superseded"
STOPPED = "stopped"
NOTHING_RAN = "nothing_ran"
PAUSED = "paused"
UNKNOWN = "unknown"
WORDS = (SUCCEEDED, FAILED, ROLLED_BACK, SUPERSEDED, STOPPED, NOTHING_RAN, PAUSED, UNKNOWN)

ROLLING_BACK = {"ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS"}
OUTSIDE = re.compile(r"(?<![\w/:-])(?:alarms?|hooks?|user)(?![\w/-])", re.IGNORECASE)
"""In ECS's reasons and events, and in no name there: it was an alarm, a lifecycle hook or a person that ended it, not
the circuit breaker, which counts failed tasks."""


@dataclass(frozen=True)
class Verdict:
    """A word, why, and how much it weighs."""

    word: str
    reason: str
    final: bool = True
    """Whether waiting can change it. While it can, the word is ``unknown``."""
    twice: bool = False
    """Whether it must be seen at two looks in a row, because one stale answer looks the same."""
    outside: bool = False
    """Whether something other than its tasks ended it, so that a task which failed earlier is not the cause."""
    remedy: str = ""
    """What to do, where that of the word does not fit."""

    @property
    def has_cause(self) -> bool:
        """Whether a cause is to be looked for: not of what another person did, and not of what went well."""
        return self.word in (FAILED, ROLLED_BACK, UNKNOWN)

    def may_tell(self, event: str) -> bool:
        """Whether an event may say the cause: of an end from outside only one that speaks of it."""
        return not self.outside or bool(OUTSIDE.search(event))

    def beside(self, failure: str) -> Verdict:
        """With a task's failure in words that was not what ended the deployment."""
        return replace(self, reason=f"{self.reason.rstrip('.')}. Besides, a task had failed: {failure}")


RECREATE = "Find out who deleted it, and create it again. Then run the same command again."
DELETED = Verdict(FAILED, "the service has been deleted", outside=True, remedy=RECREATE)


def verdict(ours: Answer, look: Look) -> Verdict:
    """Judge the deployment ``ours`` (a member of ``deployments`` in UpdateService's answer) from one look."""
    found = (
        _deleted(look.service)
        or _paused(look.service_deployment)
        or _by_service_deployment(ours, look)
        or _by_deployments(ours, look)
        or _by_tasks(ours, look)
    )
    return replace(found, outside=found.outside or ended_from_outside(ours, look))


def ended_from_outside(ours: Answer, look: Look) -> bool:
    """Whether ECS says that an alarm, a hook or a person ended the deployment."""
    rollout = look.service_deployment or {}
    said = (
        rollout.get("statusReason") or _why(rollout),
        (listed_as(ours, look.service) or {}).get("rolloutStateReason"),
    )
    return any(OUTSIDE.search(str(each or "")) for each in said)


def going_back(listed: list[Answer]) -> Answer | None:
    """Of the listed service deployments the one that ECS is taking back; None where it takes back none.

    PRIMARY does not tell: meanwhile it may be the deployment that is gone back to, or a new one of its revision.
    """
    return newest_service_deployment([each for each in listed if each.get("status") in ROLLING_BACK])


def _going_on(reason: str) -> Verdict:
    return Verdict(UNKNOWN, reason, final=False)


def _deleted(service: Answer) -> Verdict | None:
    """A service that DeleteService has been called for: ECS stops its tasks and takes no update of it any more."""
    if service["status"] == "ACTIVE":
        return None
    said = f"the service is being deleted (it is {service['status']}); {_serving(service)}"
    return replace(DELETED, reason=said, twice=True)


def _paused(rollout: Answer | None) -> Verdict | None:
    """A hook that waits for an answer: a pause may last days, so nobody waits for it (case C40). Once it goes back,
    or is over, none is answered any more."""
    if rollout is None or rollout["status"] not in ("PENDING", "IN_PROGRESS"):
        return None
    for hook in rollout.get("lifecycleHookDetails", []):
        if hook.get("status") == "AWAITING_ACTION":
            return Verdict(
                PAUSED,
                f"it is paused at stage {rollout.get('lifecycleStage', 'unknown')} by hook {hook.get('hookId', '')}, "
                f"which expires {moment(hook.get('expiresAt'), 'never')} with {hook.get('timeoutAction', 'ROLLBACK')}",
            )
    return None


def _by_service_deployment(ours: Answer, look: Look) -> Verdict | None:
    rollout = look.service_deployment or {}
    status, why = rollout.get("status"), _why(rollout)
    lead = primary(look.service)
    if status == "ROLLBACK_SUCCESSFUL":
        return Verdict(ROLLED_BACK, _rolled_back(look.service, why))
    if status == "ROLLBACK_FAILED":
        return Verdict(FAILED, f"the rollback of ECS failed too ({why or 'no reason given'}); {_serving(look.service)}")
    if status == "STOPPED" and _state(look.service, ours) != "FAILED":
        if newer(lead, ours):
            return _superseded(lead)
        return Verdict(STOPPED, f"somebody stopped it{': ' + why if why else ''}; {_serving(look.service)}", twice=True)
    if status in ROLLING_BACK:
        return _going_on(f"ECS rolls it back; {_serving(look.service)}")
    if status == "STOP_REQUESTED":
        return _going_on("somebody asked ECS to stop it")
    return None


def _why(rollout: Answer) -> str:
    """ECS's reason, and which hook it was: the reason alone names none. One whose time may run out ended nothing."""
    ended = [
        f"lifecycle hook {each.get('targetArn') or each.get('hookId')} ended as {each['status']}"
        for each in rollout.get("lifecycleHookDetails") or []
        if each.get("status") == "FAILED"
        or (each.get("status") == "TIMED_OUT" and each.get("timeoutAction") != "CONTINUE")
    ]
    reason = str(rollout.get("statusReason") or "")
    return "; ".join(filter(None, [reason.rstrip("."), *ended])) if ended else reason


def _by_deployments(ours: Answer, look: Look) -> Verdict | None:
    service, lead = look.service, primary(look.service)
    listed = listed_as(ours, service)
    if listed is None:
        # An older id after ours is a stale read: the answer was made before our call.
        return _superseded(lead) if newer(lead, ours) else _going_on("ECS does not list it (yet)")
    if listed.get("rolloutState") == "FAILED":
        return _failed(ours, listed, look)
    if lead.get("id") != ours["id"]:
        return _superseded(lead) if newer(lead, ours) else _going_on("an earlier deployment is PRIMARY")
    return None


def _failed(ours: Answer, listed: Answer, look: Look) -> Verdict:
    service, lead, rollout = look.service, primary(look.service), look.service_deployment
    why = str(listed.get("rolloutStateReason") or "ECS gives no reason")
    if lead.get("id") != ours["id"]:
        if rollout and rollout["status"] == "STOPPED" and newer(lead, ours):
            return _superseded(lead)  # of one that ECS takes back it says ROLLBACK_
        if lead.get("rolloutState") == "COMPLETED":
            return Verdict(ROLLED_BACK, _rolled_back(service, why), twice=True)
        if lead.get("rolloutState") == "FAILED":
            return Verdict(FAILED, f"the rollback of ECS failed too ({why}); {_serving(service)}", twice=True)
        return _going_on(f"ECS rolls it back to {name_of(lead.get('taskDefinition'))}")
    if not _rolls_back(service):
        return Verdict(FAILED, f"{why} It is not rolled back, for that is not configured; {_serving(service)}")
    if rollout["status"] in {"PENDING", "IN_PROGRESS"} if rollout else len(service["deployments"]) > 1:
        return _going_on("it has failed and ECS has not begun to roll it back")
    complete = any(each.get("rolloutState") == "COMPLETED" for each in service["deployments"])
    undone = "ECS has not rolled it back" if complete else "There is no completed deployment to go back to"
    return Verdict(FAILED, f"{why} {undone}; {_serving(service)}", twice=True)


def _by_tasks(ours: Answer, look: Look) -> Verdict:
    service, desired = look.service, look.service.get("desiredCount", 0)
    rollout = (look.service_deployment or {}).get("status", "SUCCESSFUL")
    if _state(service, ours) != "COMPLETED" or rollout not in ("SUCCESSFUL", "STOPPED"):
        return _going_on(f"deployment {_state(service, ours) or rollout}")
    running = [each for each in own_tasks(ours, look.tasks) if is_running(each)]
    if desired == 0 and not running:
        return Verdict(NOTHING_RAN, "the service's desired count is 0, so no task of it runs")
    if len(running) != desired:
        return _going_on(f"{len(running)} of {desired} tasks run")
    ill = [why for why in (unhealthy(each, look) for each in running) if why]
    if ill:
        return _going_on(f"{len(ill)} of {desired} tasks are not in service: {ill[0]}")
    older = [name_of(each.get("taskDefinition")) for each in service["deployments"] if each["id"] != ours["id"]]
    if older:
        # With early success, ECS "marks the deployment successful, and then removes the previous tasks in the
        # background" (API reference, DeploymentEarlySuccessCriteria); without it, it removes them first.
        return _going_on(f"the tasks of {', '.join(older)} are still being removed")
    return Verdict(
        SUCCEEDED, f"{desired} of {desired} tasks run on {name_of(ours.get('taskDefinition'))} and are healthy"
    )


def _state(service: Answer, ours: Answer) -> str:
    return str((listed_as(ours, service) or {}).get("rolloutState", ""))


def _superseded(lead: Answer) -> Verdict:
    began = moment(lead.get("createdAt"), "")
    since = f", begun {began}" if began else ""
    return Verdict(
        SUPERSEDED, f"deployment {lead.get('id')} ({name_of(lead.get('taskDefinition'))}{since}) took over", twice=True
    )


def _rolls_back(service: Answer) -> bool:
    configuration = service.get("deploymentConfiguration") or {}
    guards = (strategies.breaker(service), configuration.get("alarms") or {})
    return any(each.get("enable") and each.get("rollback") for each in guards)


def _rolled_back(service: Answer, why: str) -> str:
    because = f" ({why.rstrip('.')})" if why else ""
    return f"the service is back on {name_of(primary(service).get('taskDefinition'))}{because}"


def _serving(service: Answer) -> str:
    """What serves now, for the person who must decide what to do."""
    found = [
        f"{each.get('runningCount', 0)} on {name_of(each.get('taskDefinition'))}"
        for each in service.get("deployments", [])
        if each.get("runningCount")
    ]
    return f"running now: {', '.join(found) or 'no task'} (desired {service.get('desiredCount', 0)})"
