# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""AWS's limits, and a bucket that stays below them: held against AWS's own bucket, which refills in whole seconds."""

from __future__ import annotations

import math

import botocore.session
import pytest
from ansible_collections.steady.ecs.plugins.module_utils.rules import rates
from hypothesis import given, settings
from hypothesis import strategies as st

ELB = "elastic-load-balancing-v2"
REGISTER = rates.Limit(20, 1)


class Bucket:
    """A bucket as AWS documents it: full at first, and so many tokens more at the end of each second."""

    def __init__(self, limit: rates.Limit) -> None:
        self.limit, self.tokens, self.second = limit, limit.burst, 0

    def take(self, now: float) -> bool:
        """Whether a call that arrives now goes through."""
        passed = math.floor(now) - self.second
        self.second += max(0, passed)
        self.tokens = min(self.limit.burst, self.tokens + max(0, passed) * self.limit.rate)
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


def moments(limit: rates.Limit, calls: int, began: float = 0.0) -> list[float]:
    """When so many calls that all want to go at once may be sent."""
    state, found = rates.State(), []
    for _call in range(calls):
        state, moment = rates.taken(state, limit, began)
        found.append(moment)
    return found


@pytest.mark.parametrize(
    ("service", "operation", "names"),
    [
        ("ecs", "RegisterTaskDefinition", ["task-definition-modify"]),
        ("ecs", "DeleteTaskDefinitions", ["task-definition-delete"]),
        ("ecs", "DescribeTaskDefinition", ["task-definition-read"]),
        ("ecs", "DescribeServices", ["service-read"]),
        ("ecs", "UpdateService", ["service-modify"]),
        ("ecs", "DescribeTasks", ["cluster-resource-read"]),
        ("ecs", "ListContainerInstances", ["cluster-resource-read"]),
        ("ecs", "DescribeContainerInstances", ["cluster-resource-read"]),
        ("ecs", "RunTask", ["cluster-resource-modify"]),
        ("ecs", "ListClusters", ["cluster-read"]),
        ("ecs", "UntagResource", ["tags"]),
        ("ecs", "ListTagsForResource", ["tags-read"]),
        ("ecs", "ListServiceDeployments", ["service-deployments"]),
        ("ecs", "DescribeServiceRevisions", ["service-revisions"]),
        (ELB, "DescribeTargetHealth", ["every"]),
        (ELB, "ModifyTargetGroupAttributes", ["every", "modify"]),
        (ELB, "RegisterTargets", ["every", "registration"]),
        ("sts", "GetCallerIdentity", []),
        ("s3", "PutObject", []),
    ],
)
def test_the_bucket_of_an_operation(service: str, operation: str, names: list[str]) -> None:
    assert [each.name for each in rates.rules(service, operation)] == names


@pytest.mark.parametrize("name", ["ecs", "elbv2"])
def test_services_and_operations_have_the_sdk_s_names(name: str) -> None:
    """Or a rule would count nothing and nobody would notice."""
    model = botocore.session.Session().get_service_model(name)
    service = model.service_id.hyphenize()
    rules = [each for each in rates.RULES if each.service == service]
    assert rules
    for rule in rules:
        assert any(rule.operations.fullmatch(operation) for operation in model.operation_names), rule.name


@pytest.mark.parametrize(("share", "used"), [(50, 50), (90, 90), (100, 90), (1000, 90), (0, 1)])
def test_the_whole_of_a_limit_is_never_used(share: int, used: int) -> None:
    assert rates.within(share) == used


@settings(max_examples=200)
@given(
    rule=st.sampled_from(rates.RULES),
    share=st.integers(1, 90),
    began=st.floats(0, 1),
    late=st.lists(st.floats(0, rates.JITTER), min_size=120, max_size=120),
)
def test_with_nobody_else_at_work_aws_turns_nothing_away(
    rule: rates.Rule, share: int, began: float, late: list[float]
) -> None:
    """Whatever part of a second it begins in, and though requests overtake one another."""
    sent = moments(rates.ours(rule.limit, share), 120, began)
    bucket = Bucket(rule.limit)
    arrivals = sorted(moment + delay for moment, delay in zip(sent, late, strict=True))
    assert all(bucket.take(moment) for moment in arrivals)


def test_the_half_stays_free_for_others() -> None:
    """Someone else who takes the other half in the same way is not turned away either."""
    mine, theirs = moments(rates.ours(REGISTER, 50), 60), moments(rates.ours(REGISTER, 50), 60, 0.4)
    bucket = Bucket(REGISTER)
    assert all(bucket.take(moment) for moment in sorted(mine + theirs))


def test_without_a_bucket_of_our_own_the_21st_register_is_turned_away() -> None:
    """Case C84's Wrong: or the tests above would prove nothing."""
    bucket = Bucket(REGISTER)
    assert [bucket.take(0.1) for _call in range(21)] == [True] * 20 + [False]


def test_the_least_time_is_kept() -> None:
    limit = rates.ours(REGISTER, 50)
    assert moments(limit, 60)[-1] == pytest.approx(rates.least_seconds(60, limit), abs=2)


def test_a_bucket_fills_again_up_to_its_burst() -> None:
    limit, state = rates.Limit(4, 2), rates.State()
    for _call in range(6):
        state, moment = rates.taken(state, limit, 0.0)
    assert moment == 1.0
    later = [100.0, 100.0, 100.0, 100.0, 100.5]
    for expected in later:
        state, moment = rates.taken(state, limit, 100.0)
        assert moment == pytest.approx(expected)


def test_a_throttle_silences_for_a_second_and_slows_down_once_a_second() -> None:
    limit = rates.Limit(10, 10)
    state, _moment = rates.taken(rates.State(), limit, 100.0)
    first = rates.throttled(state, limit, 100.0)
    assert first.pace == pytest.approx(0.7)
    assert rates.throttled(first, limit, 100.5) == first
    _state, moment = rates.taken(first, limit, 100.1)
    assert moment == pytest.approx(101.0, abs=0.1)
    assert rates.throttled(first, limit, 101.5).pace == pytest.approx(0.49)


def test_calls_ease_the_pace_again_and_no_storm_stops_them() -> None:
    limit, state = rates.Limit(10, 10), rates.State()
    for second in range(100, 200):
        state = rates.throttled(state, limit, second)
    assert state.pace == pytest.approx(rates.SLOWEST)
    for _call in range(200):
        state, _moment = rates.taken(state, limit, 10_000.0)
    assert state.pace == 1.0


@given(due=st.floats(0, 5000), pace=st.floats(rates.SLOWEST, 1), cut=st.integers(0, 5000))
def test_a_bucket_is_sixteen_bytes_in_a_file(due: float, pace: float, cut: int) -> None:
    packed = rates.State(due, pace, cut).packed()
    assert len(packed) == 16
    found = rates.State.unpacked(packed, 5000, 3600)
    assert (found.due, found.cut, found.pace) == (due, cut, pytest.approx(pace))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"short",
        b"\xff" * 16,
        rates.State(1e9, 1, 0).packed(),
        rates.State(10, 0.0, 0).packed(),
        rates.State(10, 1, 4_000_000_000).packed(),
        rates.State(float("nan"), 1, 0).packed(),
        rates.State(-1, 1, 0).packed(),
    ],
)
def test_a_file_that_cannot_be_trusted_is_a_full_bucket(data: bytes) -> None:
    """Such as one of before the machine was started again."""
    assert rates.State.unpacked(data, 100.0, 3600) == rates.State()


def test_c84_a_plan_says_how_long_60_registers_take() -> None:
    (said,) = rates.registering(60, 50)
    assert said.startswith("60 services: where each needs a new revision, registering them takes 1.7 min or more")
    assert rates.registering(5, 50) == []
    assert rates.registering(60, None) == []
