"""Attributes of target groups that nobody thought of are accepted or refused as AWS's table says.

The table stands here a second time, copied from the page and not from the bed: API_TargetGroupAttribute. What the page
does not decide is not drawn: more healthy targets than a group can have, the empty name of a cookie.
"""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conformance.place import Place, accepted

pytestmark = pytest.mark.api

ALGORITHM, ANOMALIES = "load_balancing.algorithm.type", "load_balancing.algorithm.anomaly_mitigation"
ZONES, SLOW_START = "load_balancing.cross_zone.enabled", "slow_start.duration_seconds"
STICKY, STICKINESS, COOKIE = "stickiness.enabled", "stickiness.type", "stickiness.app_cookie.cookie_name"
DNS_COUNT, DNS_PERCENTAGE, ROUTING_COUNT, ROUTING_PERCENTAGE = (
    f"target_group_health.{action}.minimum_healthy_targets.{what}"
    for action in ("dns_failover", "unhealthy_state_routing")
    for what in ("count", "percentage")
)
RANGES: dict[str, Any] = {  # the page's "The range is 0-3600 seconds", "1 second to 1 week (604800 seconds)"
    "deregistration_delay.timeout_seconds": range(3601),
    "stickiness.lb_cookie.duration_seconds": range(1, 604801),
    "stickiness.app_cookie.duration_seconds": range(1, 604801),
    SLOW_START: [0, *range(30, 901)],
    DNS_PERCENTAGE: range(1, 101),
    ROUTING_PERCENTAGE: range(1, 101),
}
COUNTS = {DNS_COUNT: range(1, 5), ROUTING_COUNT: range(1, 5)}  # "1 to the maximum number of targets"
MAY_BE_OFF = {DNS_COUNT, DNS_PERCENTAGE, ROUTING_PERCENTAGE}
WORDS = {
    STICKY: {"true", "false"},
    STICKINESS: {"lb_cookie", "app_cookie"},
    ALGORITHM: {"round_robin", "least_outstanding_requests", "weighted_random"},
    ANOMALIES: {"on", "off"},
    ZONES: {"true", "false", "use_load_balancer_configuration"},
}
RESERVED = "AWSALB"  # and AWSALBAPP, AWSALBTG: what no application's cookie may begin with
KEYS = [*RANGES, *COUNTS, *WORDS, COOKIE]
TOGETHER = (  # keys that a rule ties to each other
    *((SLOW_START, ALGORITHM), (STICKY, ALGORITHM), (STICKY, ZONES), (STICKINESS, COOKIE), (ANOMALIES, ALGORITHM)),
    *((DNS_COUNT, ROUTING_COUNT), (DNS_PERCENTAGE, ROUTING_PERCENTAGE)),
)
EXCLUDES_SLOW_START = {"least_outstanding_requests", "weighted_random"}
EASY = settings(max_examples=60, suppress_health_check=list(HealthCheck))


def change(place: Place, group: str, wanted: dict[str, str]) -> bool:
    return accepted(lambda: place.modify(group, **{key.replace(".", "__"): value for key, value in wanted.items()}))


def valid(key: str, value: str) -> bool:
    if key in WORDS:
        return value in WORDS[key]
    if key == COOKIE:
        return not value.startswith(RESERVED)
    return (value == "off" and key in MAY_BE_OFF) or (value.isdigit() and int(value) in {**RANGES, **COUNTS}[key])


def right(key: str) -> st.SearchStrategy[str]:
    if key == COOKIE:
        return st.sampled_from(["session", "JSESSIONID"])
    if key in WORDS:
        return st.sampled_from(sorted(WORDS[key]))
    numbers = {**RANGES, **COUNTS}[key]
    some = st.one_of(st.sampled_from([numbers[0], numbers[-1]]), st.sampled_from(numbers)).map(str)
    return st.one_of(some, some, st.just("off")) if key in MAY_BE_OFF else some


def wrong(key: str) -> st.SearchStrategy[str]:
    outside = [RANGES[key][0] - 1, RANGES[key][-1] + 1, 29] if key in RANGES else [0]
    some = [*map(str, outside), "1.5", "", "x", "TRUE", "off", RESERVED, f"{RESERVED}APP-0", f"{RESERVED}TG"]
    return st.sampled_from([value for value in some if not valid(key, value)])


@st.composite
def attributes(draw: st.DrawFn) -> dict[str, str]:
    """A few attributes, and often such as go together or do not; one value of nine is none that the key can have."""
    tied, any_keys = st.sampled_from(TOGETHER), st.lists(st.sampled_from(KEYS), min_size=1, max_size=3, unique=True)
    keys = draw(st.one_of(tied, tied, any_keys))
    return {key: draw(wrong(key) if draw(st.integers(0, 8)) == 8 else right(key)) for key in keys}


def forbidden(after: dict[str, str]) -> bool:
    """Whether valid values exclude each other."""

    def below(dns: str, routing: str) -> bool:
        return "off" not in (after[dns], after[routing]) and int(after[dns]) < int(after[routing])

    algorithm, sticky = after[ALGORITHM], after[STICKY] == "true"
    return (
        (after[SLOW_START] != "0" and algorithm in EXCLUDES_SLOW_START)
        or (sticky and (algorithm == "weighted_random" or after[ZONES] == "false"))
        or (after[ANOMALIES] == "on" and algorithm != "weighted_random")
        or (after[STICKINESS] == "app_cookie" and not after[COOKIE])
        or below(DNS_COUNT, ROUTING_COUNT)
        or below(DNS_PERCENTAGE, ROUTING_PERCENTAGE)
    )


PAIRS = [  # whether they can be set at once
    ({SLOW_START: "30", ALGORITHM: "round_robin"}, True),
    ({SLOW_START: "30", ALGORITHM: "least_outstanding_requests"}, False),
    ({SLOW_START: "30", ALGORITHM: "weighted_random"}, False),
    ({STICKY: "true", ALGORITHM: "least_outstanding_requests"}, True),
    ({STICKY: "true", ALGORITHM: "weighted_random"}, False),
    ({STICKY: "true", ZONES: "use_load_balancer_configuration"}, True),
    ({STICKY: "true", ZONES: "false"}, False),
    ({STICKINESS: "app_cookie", COOKIE: "session"}, True),
    ({STICKINESS: "app_cookie"}, False),
    *(({COOKIE: name}, False) for name in ("AWSALB", "AWSALBAPP", "AWSALBTG")),
    ({ANOMALIES: "off", ALGORITHM: "weighted_random"}, True),
    ({ANOMALIES: "on", ALGORITHM: "round_robin"}, False),
    ({DNS_COUNT: "2", ROUTING_COUNT: "2"}, True),
    ({DNS_COUNT: "2", ROUTING_COUNT: "3"}, False),
    ({DNS_COUNT: "off", ROUTING_COUNT: "3"}, True),
    ({DNS_PERCENTAGE: "50", ROUTING_PERCENTAGE: "50"}, True),
    ({DNS_PERCENTAGE: "49", ROUTING_PERCENTAGE: "50"}, False),
    ({DNS_PERCENTAGE: "49", ROUTING_PERCENTAGE: "off"}, True),
    ({ROUTING_COUNT: "off"}, False),
]


@pytest.mark.parametrize(("wanted", "expected"), PAIRS)
def test_attributes_that_go_together_or_do_not(place: Place, wanted: dict[str, str], expected: bool) -> None:
    """API_TargetGroupAttribute; user guide, slow-start-mode, sticky-sessions, target-group-health."""
    group = place.group()
    before = place.attributes(group)
    assert change(place, group, wanted) == expected
    assert place.attributes(group) == ({**before, **wanted} if expected else before)


@pytest.mark.parametrize("key", RANGES)
def test_the_edges_of_an_attributes_range(place: Place, key: str) -> None:
    """API_TargetGroupAttribute."""
    group, (low, high) = place.group(), (RANGES[key][0], RANGES[key][-1])
    for value in (low - 1, low, low + 1, high - 1, high, high + 1):
        assert change(place, group, {key: str(value)}) == valid(key, str(value)), value


@EASY
@given(calls=st.lists(attributes(), min_size=1, max_size=3))
def test_attributes_of_a_target_group(place: Place, calls: list[dict[str, str]]) -> None:
    """API_TargetGroupAttribute; user guide, slow-start-mode, sticky-sessions, target-group-health."""
    group = place.group()
    for wanted in calls:
        before = place.attributes(group)
        after = {**before, **wanted}
        good = all(valid(key, value) for key, value in wanted.items()) and not forbidden(after)
        if good and after[ANOMALIES] == "on":
            continue  # the next test
        assert change(place, group, wanted) == good, wanted
        assert place.attributes(group) == (after if good else before)


def test_anomaly_mitigation_goes_with_weighted_random(place: Place) -> None:
    """API_TargetGroupAttribute: "Only available when load_balancing.algorithm.type is weighted_random"; CommonErrors,
    InvalidAction: what a target does not do at all it says by name, and nothing is changed."""
    group, both = place.group(), {ALGORITHM: "weighted_random", ANOMALIES: "on"}
    before = place.attributes(group)
    try:
        place.modify(group, **{key.replace(".", "__"): value for key, value in both.items()})
    except ClientError as e:
        assert e.response["Error"]["Code"] == "InvalidAction" and ANOMALIES in str(e), e
        both = {}
    assert place.attributes(group) == {**before, **both}


@pytest.mark.parametrize("what", ["count", "percentage"])
def test_dns_failover_never_comes_after_routing_failover(place: Place, what: str) -> None:
    """User guide, target-group-health: "the threshold for DNS failover must be greater than or equal to the threshold
    for routing failover"."""
    group = place.group()
    dns, routing = (
        f"target_group_health__{action}__minimum_healthy_targets__{what}"
        for action in ("dns_failover", "unhealthy_state_routing")
    )
    assert not accepted(lambda: place.modify(group, **{dns: "2", routing: "3"}))
    assert accepted(lambda: place.modify(group, **{dns: "10", routing: "9"}))
    assert not accepted(lambda: place.modify(group, **{routing: "11"}))
    assert accepted(lambda: place.modify(group, **{dns: "off", routing: "11"}))
