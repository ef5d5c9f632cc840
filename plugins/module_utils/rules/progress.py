# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a wait says while it lasts, and when the looks add up to a last word.

One look is judged by rules/verdict.py. Here is what needs memory: what was said already, the first failure, a verdict
that must be seen twice, and the time for which all was well.
"""

from __future__ import annotations

import collections
import datetime
import math
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules import causes, strategies
from ansible_collections.steady.ecs.plugins.module_utils.rules.events import condensed, is_everyday
from ansible_collections.steady.ecs.plugins.module_utils.rules.looks import (
    Answer,
    Look,
    address_of,
    is_in_service,
    is_running,
    listed_as,
    name_of,
    newer,
    own_tasks,
    primary,
    registered_in,
    unhealthy,
)
from ansible_collections.steady.ecs.plugins.module_utils.rules.verdict import (
    DELETED,
    FAILED,
    NOTHING_RAN,
    ROLLED_BACK,
    SUCCEEDED,
    UNKNOWN,
    Verdict,
    ended_from_outside,
    verdict,
)

SILENCE = 15.0
"""Seconds after which the state is said again although it has not changed."""
ALIKE = 3
"""Tasks that fail of the same cause, while none is in service, after which a fourth would say nothing new."""
PATIENCE = 60.0
"""Seconds that ECS may take to begin a rollback of a deployment that it has declared failed."""


@dataclass
class Step:
    """What one look adds."""

    lines: list[str]
    """To be shown, without the time."""
    state: str
    """The state in one line, for a terminal."""
    failure: Answer | None = None
    """The first failed task of ours, once: its evidence is to be read now."""
    verdict: Verdict | None = None
    """The last word, when it is said."""


@dataclass
class Progress:
    """The memory of one wait."""

    ours: Answer
    """The deployment watched, as UpdateService answered it."""
    hold: float
    """Seconds for which all must stay well after the deployment is complete."""
    settled: bool = False
    """Whether the deployment was complete before the wait began: earlier failures and events are no news then."""
    events: list[dict[str, str]] = field(default_factory=list)
    """Events of the service since our deployment began: ``{"at", "text"}``, oldest first."""
    timeline: list[dict[str, Any]] = field(default_factory=list)
    fail_fast: bool = False
    """Whether the same cause, ALIKE times, is the last word where ECS would go on trying."""
    fail_on_timeout: bool = False
    """Whether the end of the time is a failure, to be undone, where nobody would watch the deployment any longer."""
    wait_until: str | None = None
    """The stage of a strategy that shifts traffic at which nobody waits any longer; none: the end."""
    secrets: set[str] = field(default_factory=set)
    """What of its revision no line may show; known once a task of it has failed, or ECS says what is not everyday."""
    checked: bool = True
    """Whether ECS checks the health of its tasks; taken for granted until a task of it has failed."""
    first_failure: Answer | None = None
    last: Verdict = field(default_factory=lambda: Verdict(UNKNOWN, "nothing was read yet", final=False))

    _looks: int = 0
    _said: str = ""
    _ill: str = ""
    _said_at: float = 0.0
    _event_ids: set[str] = field(default_factory=set)
    _failures: dict[str, Answer] = field(default_factory=dict)
    _forgiven: set[str] | None = None
    _ran: set[str] = field(default_factory=set)
    _served: set[str] = field(default_factory=set)
    _others: set[str] = field(default_factory=set)
    _ill_targets: dict[str, list[Answer]] = field(default_factory=dict)
    _well_since: float | None = None
    _failed_since: float | None = None
    _listed: bool = False

    def wants_stopped(self, service: Answer, rollout: Answer | None, running: list[Answer]) -> bool:
        """Whether the stopped tasks are worth reading: one of ours failed, or is not there (any more).

        ECS counts no failed tasks for a deployment that is complete, such as one that is scaled. Of such a one the
        first look reads them all, so that later those from before are known for old.
        """
        listed = listed_as(self.ours, service) or {}
        lost = self._ran - {each["taskArn"] for each in running}
        counted = ((rollout or {}).get("deploymentCircuitBreaker") or {}).get("failureCount")
        undone = (rollout or {}).get("status", "").startswith("ROLLBACK")
        short = len(running) < service.get("desiredCount", 0)
        return bool(
            lost
            or (self.settled and (short or not self._looks))
            or counted
            or undone
            or listed.get("failedTasks")
            or not listed
            or listed.get("rolloutState") == "FAILED"
        )

    def observe(self, elapsed: float, look: Look) -> Step:
        """Take in one look, ``elapsed`` seconds after the wait began."""
        mine = own_tasks(self.ours, look.tasks)
        if self.settled and not self._looks:
            self._failures = {each["taskArn"]: each for each in mine if causes.failed(each)}
            self._event_ids = {event["id"] for event in look.service.get("events", [])}
        self._looks += 1
        self._others |= {name_of(each["taskArn"]) for each in look.tasks if each.get("startedBy") != self.ours["id"]}
        self._remember(mine, look)
        step = Step(lines=self._new_events(look), state=self._state(look))
        self._new_failures(mine, step)
        afterwards: list[str] = []
        step.verdict = self._judge(elapsed, look, afterwards)
        if self._worth_saying(elapsed, step):
            step.lines.append(step.state)
            self._said, self._said_at = step.state, elapsed
        step.lines += afterwards
        self.timeline += [{"seconds": round(elapsed, 1), "text": line} for line in step.lines]
        return step

    def say(self, elapsed: float, line: str) -> str:
        """Enter a line of the module's own into the timeline."""
        self.timeline.append({"seconds": round(elapsed, 1), "text": line})
        return line

    def texts(self) -> list[str]:
        """What the events say."""
        return [each["text"] for each in self.events]

    def telling(self) -> list[str]:
        """What those events say that may tell the cause of the last word. One of another deployment's task does only
        where no other does: ECS replaces sick tasks of the old revision while the new one is rolled out."""
        may_tell = [each for each in self.texts() if self.last.may_tell(each)]
        ours = [each for each in may_tell if not any(name in each for name in self._others)]
        return ours if causes.from_events(ours) else may_tell

    def ill_targets(self, task: Answer) -> list[Answer]:
        """The targets of a task as they were when last seen ill; by its end they are only draining."""
        return self._ill_targets.get(task["taskArn"], [])

    def give_up(self, seconds: float, seen: bool = True) -> None:
        """Take the end of the time for the last word: it is not known what becomes of the deployment, unless that is a
        failure. It is none where the last look was not ``seen`` (case C78)."""
        word = FAILED if self.fail_on_timeout and seen else UNKNOWN
        said = f"{seconds} s have passed; last seen: {self.last.reason}{self._ill}"
        self.last = Verdict(word, said, final=False, outside=self.last.outside)

    def end_deleted(self) -> Step:
        """Take it for the last word that the service is not there any more."""
        self.last = DELETED
        return Step([], self.last.reason, verdict=self.last)

    def went_well(self, nothing_is_meant: bool = False) -> bool:
        """Whether the last word is a success. That nothing runs is one where ``nothing_is_meant`` to run."""
        return self.last.word == SUCCEEDED or (nothing_is_meant and self.last.word == NOTHING_RAN)

    def _remember(self, mine: list[Answer], look: Look) -> None:
        for each in mine:
            if each.get("desiredStatus") == "RUNNING":
                self._ran.add(each["taskArn"])
            if is_in_service(each, look):
                self._served.add(each["taskArn"])
            for balancer in look.service.get("loadBalancers", []):
                found = registered_in(each, balancer, look)[1]
                # Of several that its host port alone matches (looks.targets_of) an ill one may be another task's.
                if len(found) == 1 and found[0]["state"] == "unhealthy":
                    self._ill_targets[each["taskArn"]] = found

    def _new_failures(self, mine: list[Answer], step: Step) -> None:
        new = [each for each in mine if causes.failed(each) and each["taskArn"] not in self._failures]
        also: dict[str, int] = {}
        for each in sorted(new, key=_stopped_at):
            self._failures[each["taskArn"]] = each
            if self.first_failure is None:
                self.first_failure = step.failure = each
            else:
                also[self._briefly(each)] = also.get(self._briefly(each), 0) + 1
        for words, count in also.items():
            step.lines.append(f"{count} more {'task' if count == 1 else 'tasks'} failed: {words}")

    def _judge(self, elapsed: float, look: Look, lines: list[str]) -> Verdict | None:
        now = (
            self._unguarded(look)
            or self._hopeless(look)
            or self._overdue(elapsed, look)
            or self._vanished(look)
            or verdict(self.ours, look)
        )
        if now.word == SUCCEEDED:
            now = self._held(elapsed, now, look, lines)
        else:
            self._well_since = None
        if not now.final and strategies.reached(self.wait_until, look.service_deployment):
            now = Verdict(UNKNOWN, f"it has come to stage {self.wait_until}, and was to be watched until there")
        before, self.last = self.last, now
        if not now.final:
            return None
        return now if not now.twice or (before.word, before.final) == (now.word, now.final) else None

    def _held(self, elapsed: float, now: Verdict, look: Look, lines: list[str]) -> Verdict:
        running = {each["taskArn"] for each in own_tasks(self.ours, look.tasks) if is_running(each)}
        if self._well_since is None or self._ran - running:
            self._well_since, self._ran = elapsed, set(running)
            if self.hold:
                lines.append(f"all {len(running)} tasks are in service; seeing for {self.hold:.0f} s that they stay so")
        held = elapsed - self._well_since
        if held >= self.hold:
            return now
        return Verdict(UNKNOWN, f"all is well since {held:.0f} s; {self.hold:.0f} s are asked for", final=False)

    def _unguarded(self, look: Look) -> Verdict | None:
        """Without a circuit breaker, and after a deployment is complete, ECS replaces failing tasks for ever. Then half
        the desired count decides, which is the circuit breaker's own default, but two at least (case C33).

        So it does with those that the circuit breaker does not count: then its threshold decides, from two on.
        """
        listed = listed_as(self.ours, look.service) or {}
        breaker = strategies.breaker(look.service)
        complete = listed.get("rolloutState") == "COMPLETED"
        if complete and self._forgiven is None:
            self._forgiven = set(self._failures)
        if listed.get("status") != "PRIMARY" or listed.get("rolloutState") == "FAILED":
            return None
        if (look.service_deployment or {}).get("status", "").startswith(("STOP", "ROLLBACK")):
            return None  # it has been asked to end: the listed deployment shows that only later
        failed = self._failures.keys() - (self._forgiven or set())
        least = max(2, math.ceil(look.service.get("desiredCount", 0) / 2))
        if breaker.get("enable") and not complete:
            failed = {each for each in failed if self._is_uncounted(self._failures[each])}
            least = max(2, _threshold(look) or least)
        count = len(failed)
        if count < least:
            return None
        why = "the deployment counts as complete" if complete else strategies.without_breaker(look.service)
        return Verdict(FAILED, f"{count} of its tasks have failed. ECS goes on starting tasks, for {why}")

    def _is_uncounted(self, failed: Answer) -> bool:
        """Whether ECS's circuit breaker overlooks a failed task: it counts those that do not reach RUNNING or fail
        their health checks (developer guide, deployment circuit breaker), and those that exit before they have passed
        any (aws/containers-roadmap#1206). A worker may end with 0 by design, to be started anew."""
        exited = failed.get("stopCode") == "EssentialContainerExited" and causes.culprit(failed).get("exitCode") != 0
        return exited and (not self.checked or failed["taskArn"] in self._served)

    def _hopeless(self, look: Look) -> Verdict | None:
        """The same failure over and over, where ECS's circuit breaker waits for more of them: its threshold grows with
        the desired count, up to 200 (Amazon ECS developer guide, deployment circuit breaker)."""
        listed = listed_as(self.ours, look.service) or {}
        status = (look.service_deployment or {}).get("status", "IN_PROGRESS")
        if (
            not self.fail_fast
            or listed.get("rolloutState") != "IN_PROGRESS"
            or status not in ("PENDING", "IN_PROGRESS")
        ):
            return None
        if (_threshold(look) or math.ceil(look.service.get("desiredCount", 0) / 2)) <= ALIKE:
            return None  # ECS ends it itself, at the same failure
        if any(is_running(each) and not unhealthy(each, look) for each in own_tasks(self.ours, look.tasks)):
            return None
        counts = collections.Counter(self._briefly(each) for each in self._failures.values())
        words, count = counts.most_common(1)[0] if counts else ("", 0)
        if count < ALIKE:
            return None
        return Verdict(
            FAILED,
            f"{count} of its tasks have failed alike ({words}) and none is in service. ECS goes on starting tasks",
        )

    def _overdue(self, elapsed: float, look: Look) -> Verdict | None:
        """A rollback that is configured and does not begin: say so rather than wait for ever (case C37)."""
        lead = primary(look.service)
        status = (look.service_deployment or {}).get("status", "")
        if lead.get("id") != self.ours["id"] or lead.get("rolloutState") != "FAILED" or status.startswith("ROLLBACK"):
            self._failed_since = None
            return None
        if self._failed_since is None:
            self._failed_since = elapsed
        if elapsed - self._failed_since < PATIENCE:
            return None
        said = f"{lead.get('rolloutStateReason', '')} ECS has not begun to roll it back"
        return Verdict(FAILED, said, outside=ended_from_outside(self.ours, look))

    def _vanished(self, look: Look) -> Verdict | None:
        """Without service deployments, one that was listed and is no more, while an older one is, was rolled back.

        Its FAILED state may have come and gone between two looks.
        """
        lead = primary(look.service)
        listed = listed_as(self.ours, look.service)
        if listed is not None:
            self._listed = True
            return None
        gone = self._listed and lead.get("rolloutState") == "COMPLETED" and not newer(lead, self.ours)
        if look.service_deployment is not None or not gone:
            return None
        onto = name_of(lead.get("taskDefinition"))
        return Verdict(ROLLED_BACK, f"the service is back on {onto}", twice=True)

    def wants_revision(self, look: Look) -> bool:
        """Whether something is to be said that may quote our revision: a task of it failed, or an event tells more than
        the everyday ones."""
        failed = any(causes.failed(each) for each in own_tasks(self.ours, look.tasks))
        return failed or not all(is_everyday(text) for _event, text in self._unsaid(look))

    def _unsaid(self, look: Look) -> list[tuple[Answer, str]]:
        """The new events since our deployment began, by AWS's clock (case C50), oldest first, and their texts; none
        since ECS has gone back from it: they are of what was before."""
        began, service, rollout = self.ours.get("createdAt"), look.service, look.service_deployment or {}
        ended = rollout.get("finishedAt") if str(rollout.get("status")).startswith("ROLLBACK") else None
        return [
            (event, str(event["message"]).removeprefix(f"(service {service.get('serviceName')}) "))
            for event in reversed(service.get("events", []))
            if event["id"] not in self._event_ids
            and not (began and event["createdAt"] < began)
            and not (ended and event["createdAt"] > ended)
        ]

    def _new_events(self, look: Look) -> list[str]:
        texts = []
        for event, message in self._unsaid(look):
            self._event_ids.add(event["id"])
            text = causes.readable(causes.masked([message], self.secrets)[0])
            self.events.append({"at": event["createdAt"].isoformat(), "text": text})
            texts.append(text)
        return condensed(texts)

    def _state(self, look: Look) -> str:
        service, rollout = look.service, look.service_deployment or {}
        listed = listed_as(self.ours, service) or {}
        others = [each for each in service.get("deployments", []) if each.get("id") != self.ours["id"]]
        old = sum(each.get("runningCount", 0) + each.get("pendingCount", 0) for each in others)
        running = [each for each in own_tasks(self.ours, look.tasks) if is_running(each)]
        waiting = [why for why in (unhealthy(each, look) for each in running) if why]
        healthy = len(running) - len(waiting)
        said = [f"{listed.get('runningCount', 0)}/{service.get('desiredCount', 0)} running"]
        if service.get("loadBalancers") and healthy != service.get("desiredCount"):
            said.append(f"{healthy} healthy")
        if listed.get("pendingCount"):
            said.append(f"{listed['pendingCount']} starting")
        if old:
            said.append(f"{old} old")
        if listed.get("failedTasks"):
            said.append(f"{listed['failedTasks']} failed")
        status = str(rollout.get("status", ""))
        if rollout.get("lifecycleStage"):
            said.append(strategies.traffic(rollout))
        undone = status if status.startswith(("ROLLBACK", "STOP")) else ""
        ill = [why for why in waiting if " is unhealthy" in why or "check fails" in why]
        self._ill = f"; {causes.readable(ill[0])}" if ill else ""
        state = undone or listed.get("rolloutState") or status or "not listed"
        return f"{', '.join(said)}; deployment {state}{self._ill}"

    def _briefly(self, task: Answer) -> str:
        found = causes.cause(task, [], [], [], secrets=self.secrets)
        if found["exit_code"] is not None:
            return f"container {found['container']} exited with code {found['exit_code']}"
        return str(found["reason"] or found["stop_code"] or address_of(task))

    def _worth_saying(self, elapsed: float, step: Step) -> bool:
        return step.state != self._said or (elapsed - self._said_at >= SILENCE and step.verdict is None)


def _threshold(look: Look) -> int:
    """At how many failed tasks the circuit breaker ends the deployment; 0 where ECS does not say."""
    breaker = (look.service_deployment or {}).get("deploymentCircuitBreaker") or {}
    return int(breaker.get("threshold", 0))


def clock_text(seconds: float) -> str:
    """``0:45``: minutes and seconds since the wait began."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _stopped_at(task: Answer) -> datetime.datetime:
    found = task.get("stoppingAt") or task.get("stoppedAt") or task.get("createdAt")
    return found if isinstance(found, datetime.datetime) else datetime.datetime.max.replace(tzinfo=datetime.UTC)
