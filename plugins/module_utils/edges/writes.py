# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Calls that change a task definition, target group or service. None is sent twice before the world was looked at, but
for those that AWS itself carries out once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import reads, waits
from ansible_collections.steady.ecs.plugins.module_utils.edges.aws import translated, writing
from ansible_collections.steady.ecs.plugins.module_utils.rules import redact, refusals
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Task, TooLate

Answer = dict[str, Any]

PATIENCE = 60
PAUSE = 2
"""Seconds between two attempts, and between two looks (ECS's reads may lag behind its writes)."""
ATTEMPTS = 3
LONGEST = 300
"""Seconds for one call with all that keeps it from being carried out. After them it is not sent again: the run stops
with its record as it is, and the next one goes on."""
MODIFY = "elasticloadbalancing:ModifyTargetGroupAttributes"
NOT_KNOWN: Answer = {"not_known": True, "cut_off": True}
"""Fields of a failure after which nobody can say whether the call was carried out."""
SAME_FAMILY = "Too many concurrent attempts"
ROLE_PATIENCE = 120
"""Seconds for a role that was just made: IAM's changes reach other services after a while ("Changes that I make are
not always immediately visible", IAM user guide); the AWS provider of Terraform waits as long."""


@dataclass
class Step:
    """One call that is to be carried out once, and what has kept it from that."""

    call: str
    began: float = field(default_factory=lambda: waits.clock.now())
    tried: Counter[str] = field(default_factory=Counter)
    last: str = ""

    def failed(self, failure: Failure) -> None:
        """Keep in mind why it is to be sent again."""
        why = "turned away for AWS's rate"
        if isinstance(failure, TooLate):
            why = "not sent, for it was too late"
        elif waits.unanswered(failure):
            why = "without an answer"
        elif refusals.unusable_role(failure):
            why = "refused for a role that ECS cannot use yet"
        self.tried[why] += 1
        self.last = failure.msg

    def may_be_sent(self) -> None:
        """Raise Failure when it was tried for long enough."""
        seconds = waits.clock.now() - self.began
        if not self.tried or seconds < LONGEST:
            return
        tried = ", ".join(f"{count} time{'' if count == 1 else 's'} {why}" for why, count in self.tried.items())
        raise Failure(
            f"{self.call} was tried for {seconds:.0f} s ({tried}); one step may take {LONGEST} s, so it is not sent "
            f"again. At last: {self.last.rstrip('.')}. Run the same command again: it reads what is live, and goes on.",
            reason="out_of_time",
            cut_off=True,
        )


def register_task_definition(task: Task, content: Answer, arrived: Callable[[], Answer | None]) -> Answer:
    """Register a revision, and answer it as ``reads.task_definition`` does.

    ``arrived`` looks for the revision when the answer was lost. Two registers in one family at a time are refused by
    AWS as too many, which is a throttle.
    """

    def send() -> Answer:
        doing = f"Registering a revision of {content['family']} (ecs:RegisterTaskDefinition)"
        with translated(doing):
            answer = writing(task, "ecs").register_task_definition(**content)
        return {**answer["taskDefinition"], "tags": answer.get("tags", [])}

    roles = [content.get(each, "") for each in ("executionRoleArn", "taskRoleArn")]
    return once(task, f"RegisterTaskDefinition of {content['family']}", send, arrived, roles)


def modify_target_group_attributes(
    task: Task, arn: str, attributes: dict[str, str], arrived: Callable[[], dict[str, str] | None]
) -> dict[str, str]:
    """Set attributes of one target group, all or none, and answer all of them."""

    def send() -> dict[str, str]:
        with translated(f"Changing attributes of {arn} ({MODIFY})"):
            answer = writing(task, "elbv2").modify_target_group_attributes(
                TargetGroupArn=arn, Attributes=[{"Key": key, "Value": value} for key, value in attributes.items()]
            )
        return {each["Key"]: each["Value"] for each in answer["Attributes"]}

    return once(task, "ModifyTargetGroupAttributes", send, arrived)


def update_service(task: Task, cluster: str, name: str, arguments: Answer, arrived: Callable[[Answer], bool]) -> Answer:
    """Change a service with one UpdateService, which takes no token, and answer the service after it.

    ``arrived`` says of a service as it was read whether it shows the change.
    """

    def send() -> Answer:
        try:
            with translated(f"Updating {name} in {cluster} (ecs:UpdateService)"):
                return dict(writing(task, "ecs").update_service(cluster=cluster, service=name, **arguments)["service"])
        except Failure as failure:  # a refusal may quote what was sent
            failure.msg = redact.without(failure.msg, redact.values_in(arguments))
            raise

    def look() -> Answer | None:
        found = reads.service(task, cluster, name)
        return found if arrived(found) else None

    return once(task, f"UpdateService of {name}", send, look)


# pylint: disable-next=using-generic-type-syntax-in-unsupported-version  # Python 3.12
def once[T](
    task: Task, call: str, send: Callable[[], T], arrived: Callable[[], T | None], roles: Sequence[str] = ()
) -> T:
    """Send until it is known to have been carried out, for at most three rounds.

    After a lost answer the world is read twice, two seconds apart, by ``arrived``, and only when neither look shows the
    change the call is made again. ``roles``: what the call hands to ECS.
    """
    step = Step(call)
    for _attempt in range(ATTEMPTS):
        try:
            return _sent(task, step, send, roles)
        except Failure as failure:
            if not waits.unanswered(failure):
                raise
            step.failed(failure)
            task.report(f"no answer to {call}; reading whether it arrived")
            seen = waits.until(lambda _elapsed: arrived(), PAUSE, PAUSE)
            if seen is not None:
                return seen
    raise Failure(
        f"{call} was sent {ATTEMPTS} times; no answer came, and what it should change is unchanged. "
        "Run the same command again: it begins by reading what is live.",
        reason="no_answer",
    )


# pylint: disable-next=using-generic-type-syntax-in-unsupported-version  # Python 3.12
def by_token[T](task: Task, call: str, send: Callable[[], T]) -> T:
    """Send a call that names a client token, with which AWS carries it out once however often it comes.

    So nothing is read after a lost answer: the very same call is made again, and answers what the first has begun.
    Raises Failure; with the field ``not_known`` when an answer was lost and none came after it.
    """
    step, lost = Step(call), False
    for _attempt in range(ATTEMPTS):
        try:
            return _sent(task, step, send, ())
        except Failure as failure:
            if not waits.unanswered(failure):
                if not lost:
                    raise
                said = f"{failure.msg} An earlier {call} was not answered: whether it was carried out is not known."
                raise Failure(said, **{**failure.fields, **NOT_KNOWN}) from None
            lost = True
            step.failed(failure)
            task.report(f"no answer to {call}; asking again with the same token")
            waits.clock.sleep(PAUSE)
    raise Failure(
        f"{call} was sent {ATTEMPTS} times, and no answer came: whether it was carried out is not known. Run the same "
        "command again: it begins by looking for what this one may have begun.",
        **{"reason": "no_answer", **NOT_KNOWN},
    )


# pylint: disable-next=using-generic-type-syntax-in-unsupported-version  # Python 3.12
def _sent[T](task: Task, step: Step, send: Callable[[], T], roles: Sequence[str]) -> T:
    """Send one call, and again as long as it certainly was not carried out for a reason that passes.

    A throttle is one, for a minute. So is a role that ECS cannot use yet (case C86), for two: a role that was made a
    moment ago; one that stays so is named. A call that its lease did not let out any more goes out after a renewal; of
    a lease that is fenced, each time on a new look at the service (edges/fence.py).
    """
    began, last = waits.clock.now(), list[Failure]()

    def attempt(elapsed: float) -> T | None:
        step.may_be_sent()
        try:
            return send()
        except TooLate as late:
            last.append(late)
            if task.lease is None:
                raise
            step.failed(late)
            task.lease.renew()
        except Failure as failure:
            last.append(failure)
            is_role = refusals.unusable_role(failure)
            if is_role and elapsed == 0:
                task.report(f"ECS cannot use a role of {step.call} yet; asking again for up to {ROLE_PATIENCE} s")
            if not is_role and not (elapsed < PATIENCE and _passes(failure)):
                raise
            step.failed(failure)
        return None

    sent = waits.until(attempt, ROLE_PATIENCE, PAUSE)
    if sent is not None:
        return sent
    if refusals.unusable_role(last[-1]):
        raise refusals.of_role(last[-1], list(roles), waits.clock.now() - began)
    raise last[-1]


def _passes(failure: Failure) -> bool:
    return waits.throttled(failure) or SAME_FAMILY in failure.msg
