# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Look at the service once more at the moment when what changes it is sent, and each time when that is sent again.

UpdateService has no condition, so whoever works past the lease is kept out by looking alone. A look before the call is
not enough: between the two a process may wait for its turn, be turned away, lose an answer, or stand still. So the
transport asks while the call is being sent, as it asks for the deadline of the lease.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import reads, waits
from ansible_collections.steady.ecs.plugins.module_utils.edges.held import Held
from ansible_collections.steady.ecs.plugins.module_utils.rules import fence, looks, states
from ansible_collections.steady.ecs.plugins.module_utils.rules.records import OPERATIONS
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Task, TooLate

Answer = dict[str, Any]

FRESH = 2
"""Seconds for which a look is good enough to write on. What is done past us meanwhile cannot be kept out; and a call is
never sent again sooner (writes.PAUSE), so each time on a new look."""
SECOND_LOOK = 2
"""Seconds between two looks before another's deployment is believed: ECS's reads may lag behind its writes."""


def over(task: Task, hold: Held | None, service: Answer | None = None) -> Task:
    """The task with its writes fenced. Outside a release it stays as it is: nothing is known to compare with.

    ``service``: as the caller has just read it, which is the first look.
    """
    if hold is None or hold.seq is None:
        return task
    looked = -math.inf if service is None else waits.clock.now()
    return dataclasses.replace(task, lease=Fenced(task, hold, hold.seq, service, looked))


def passed(task: Task) -> None:
    """Raise Failure ``fenced`` before more is begun than one call; without a fence nothing is asked."""
    if isinstance(task.lease, Fenced):
        task.lease.look()


@dataclass
class Fenced:
    """The lease that a fenced task works under: the release's own, and in its time is only what goes out on a fresh
    look at the service."""

    task: Task
    hold: Held
    seq: int
    unjudged: Answer | None
    """The service as the caller has read it."""
    looked: float
    """When the newest look was made, on our clock."""

    def __post_init__(self) -> None:
        self.ttl = self.hold.ttl

    def renew(self) -> None:
        """As :meth:`Held.renew`."""
        self.hold.renew()

    def renew_if_due(self) -> None:
        """As :meth:`Held.renew_if_due`."""
        self.hold.renew_if_due()

    def in_time(self) -> None:
        """As :meth:`Held.in_time`, after which there is a fresh look. Raises Failure ``fenced``."""
        self.hold.in_time()
        self.look()
        self.hold.in_time()

    def look(self) -> None:
        """Raise Failure ``fenced`` when somebody else has changed the service since the release was opened.

        A look that may succeed later is TooLate: what is to be sent after it was not.
        """
        try:
            while self.unjudged is not None or self._is_old():
                self._judge(self.hold.store.record(self.seq))
        except Failure as failure:
            if not waits.passing(failure):
                raise
            raise TooLate(
                f"{failure.msg} Without that look nothing is sent. Run the same command again.", reason="too_late"
            ) from None

    def _is_old(self) -> bool:
        return waits.clock.now() - self.looked >= FRESH

    def _judge(self, record: Answer) -> None:
        """Judge what the caller has read; what is read anew where that is old, or shows a problem."""
        name, looked, problems = self.task.params["service"], self.looked, list[str]()
        given = None if self._is_old() else self.unjudged
        self.unjudged, self.looked = None, -math.inf  # what does not come to a good end was no look

        def judged(elapsed: float) -> float | None:
            now, made = given, looked
            if now is None or elapsed:
                now, made = reads.service(self.task, self.task.params["cluster"], name), waits.clock.now()
            problem = fence.problem(record, now)
            problems.extend([problem] if problem else [])
            return made if problem is None else None

        made = waits.until(judged, SECOND_LOOK, SECOND_LOOK)
        if made is None and not self._is_known(record):
            raise refusal(name, record, problems[-1])
        self.looked = waits.clock.now() if made is None else made

    def _is_known(self, record: Answer) -> bool:
        """Whether what is PRIMARY is nobody else's work: since the release was opened nobody has begun a deployment, so
        ECS itself has gone back to an earlier one, from what a dead run had left in progress; it has gone back from
        that of our way back; or one of our verbs has begun it while the release waited for its next run."""
        cluster, name = self.task.params["cluster"], self.task.params["service"]
        newest = looks.newest_service_deployment(reads.service_deployments(self.task, cluster, name) or [])
        if newest is not None and newest["serviceDeploymentArn"] == record["before"].get("service_deployment"):
            return True
        now = reads.service(self.task, cluster, name)
        begun = {each["deployment"] for each in steps_of_verbs(self.hold, record) if each["deployment"]}
        return fence.returned(record, now, newest) or looks.primary(now).get("id") in begun


def steps_of_verbs(hold: Held, record: Answer) -> list[Answer]:
    """What the operator's verbs noted (a restart, say) that came after a release and are on record."""
    later = states.records_after(hold.store.records(), record["seq"])
    return [each["steps"] for each in later if each["kind"] in OPERATIONS]


def refusal(service: str, record: Answer, problem: str) -> Failure:
    """The Failure ``fenced``."""
    return Failure(
        f"Somebody else has changed {service} since release {record['seq']} was opened: {problem}. Nothing more was "
        "changed. Find out who, then run the same command again.",
        reason="fenced",
    )
