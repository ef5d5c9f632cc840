# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How fast AWS lets its APIs be called, and a token bucket that stays below it.

Limits hold per account and Region, and other users of the account share them.
"""

from __future__ import annotations

import math
import re
import struct
from dataclasses import dataclass, replace

SHARE = 50
"""Percent of each limit that we use unless told otherwise."""
LARGEST_SHARE = 90
JITTER = 0.3
"""Seconds by which requests may overtake one another on their way."""
CUT, EASE, SILENCE = 0.7, 1.02, 1.0
"""After a throttle the rate is multiplied by CUT, at most once in SILENCE seconds, and nothing is sent for as long;
each call then eases it by EASE."""
NOTABLE = 10
"""Seconds from which a plan says how long its calls take."""
SLOWEST = 0.05
"""The rate is never cut below this part of it: calls go on, however slowly."""


@dataclass(frozen=True)
class Limit:
    """A bucket of AWS's: calls at once, and calls that come back each second."""

    burst: float
    rate: float


@dataclass(frozen=True)
class Rule:
    """The operations of a service that one bucket counts."""

    service: str
    name: str
    operations: re.Pattern[str]
    limit: Limit


def _rule(service: str, name: str, operations: str, burst: float, rate: float) -> Rule:
    return Rule(service, name, re.compile(operations), Limit(burst, rate))


REGISTER = "task-definition-modify"
RULES = (
    # "Request throttling for the Amazon ECS API", Amazon ECS API reference.
    _rule("ecs", "cluster-read", "DescribeClusters|ListClusters", 50, 20),
    _rule("ecs", REGISTER, "(Register|Deregister)TaskDefinition", 20, 1),
    _rule("ecs", "task-definition-read", "(Describe|List)TaskDefinition(s|Families)?", 50, 20),
    _rule("ecs", "task-definition-delete", "DeleteTaskDefinitions", 5, 1),
    _rule("ecs", "service-deployments", "(Describe|List|Stop)ServiceDeployments?", 50, 20),
    _rule("ecs", "service-revisions", "DescribeServiceRevisions", 50, 20),
    _rule("ecs", "service-read", "(Describe|List)Services", 100, 20),
    _rule("ecs", "service-modify", "(Create|Update|Delete)Service", 50, 5),
    _rule("ecs", "cluster-resource-read", "(Describe|List)(Tasks|ContainerInstances)|ListAttributes", 100, 20),
    _rule("ecs", "cluster-resource-modify", "(Run|Start|Stop)Task", 100, 40),
    _rule("ecs", "tags", "(Tag|Untag)Resource", 20, 10),
    _rule("ecs", "tags-read", "ListTagsForResource", 50, 20),
    # "Request throttling for the Elastic Load Balancing APIs", Elastic Load Balancing API reference: one bucket for
    # everything, and smaller ones for what changes something.
    _rule("elastic-load-balancing-v2", "every", ".*", 40, 10),
    _rule("elastic-load-balancing-v2", "modify", "(?!Describe|RegisterTargets|DeregisterTargets).*", 20, 3),
    _rule("elastic-load-balancing-v2", "registration", "(Register|Deregister)Targets", 20, 4),
)
"""Services by botocore's hyphenated service id. Every rule that fits counts; a call that none fits is not paced."""


def rules(service: str, operation: str) -> list[Rule]:
    """The buckets that count an operation."""
    return [each for each in RULES if each.service == service and each.operations.fullmatch(operation)]


def within(share: int) -> int:
    """A share in percent that leaves something to the account's other users, and something to us."""
    return min(max(share, 1), LARGEST_SHARE)


def ours(limit: Limit, share: int) -> Limit:
    """Our part of a limit. ``share`` in percent.

    The burst is smaller by the tokens of a second, for AWS gives them back in whole seconds, and by those of JITTER.
    """
    part = within(share) / 100
    return Limit(max(1.0, (limit.burst - limit.rate * (1 + JITTER)) * part), limit.rate * part)


def least_seconds(calls: int, limit: Limit) -> float:
    """The least time in which so many calls go through a bucket that is full now."""
    return max(0.0, (calls - limit.burst) / limit.rate)


def registering(services: int, share: int | None) -> list[str]:
    """What a run of so many services takes at least, when each needs a new revision; empty when that is no time.

    Registering is AWS's slowest bucket, and no retry makes it faster (case C84).
    """
    if share is None:
        return []
    limit = next(each for each in RULES if each.name == REGISTER).limit
    seconds = least_seconds(services, ours(limit, share))
    if seconds < NOTABLE:
        return []
    return [
        f"{services} services: where each needs a new revision, registering them takes {seconds / 60:.1f} min or more, "
        f"for AWS takes {limit.rate:.0f} a second after the first {limit.burst:.0f}, of which we use {within(share)} % "
        "(steady_ecs_aws_share)."
    ]


@dataclass(frozen=True)
class State:
    """A bucket between two calls, as the generic cell rate algorithm (ITU-T I.371) keeps it.

    Times are seconds of one clock of the machine.
    """

    due: float = 0.0
    """When the bucket will be full again."""
    pace: float = 1.0
    """The part of its rate that is left after throttles."""
    cut: int = 0
    """When the rate was last cut, in whole seconds, rounded up."""

    FORM = struct.Struct("<dfI")
    """Sixteen bytes."""

    def packed(self) -> bytes:
        """For a file that processes share."""
        return State.FORM.pack(self.due, self.pace, self.cut)

    @staticmethod
    def unpacked(data: bytes, now: float, longest: float) -> State:
        """From such a file; a full bucket for anything else, such as what an earlier boot of the machine left."""
        if len(data) != State.FORM.size:
            return State()
        due, pace, cut = State.FORM.unpack(data)
        sound = 0 <= due <= now + longest and SLOWEST / 2 <= pace <= 1 and cut <= now + 1
        return State(due, pace, cut) if sound else State()


def taken(state: State, limit: Limit, now: float) -> tuple[State, float]:
    """The state after one more call, and the moment at which that call may be sent."""
    pace = min(1.0, state.pace * EASE)
    interval = 1 / (limit.rate * pace)
    moment = max(now, state.due - (limit.burst - 1) * interval)
    return State(max(state.due, moment) + interval, pace, state.cut), moment


def throttled(state: State, limit: Limit, now: float) -> State:
    """The state after AWS turned a call away: slower, empty, and silent for a while."""
    if now - state.cut < SILENCE:
        return state
    pace = max(SLOWEST, state.pace * CUT)
    interval = 1 / (limit.rate * pace)
    due = max(state.due, now + SILENCE + (limit.burst - 1) * interval)
    return replace(state, due=due, pace=pace, cut=math.ceil(now))
