# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Target-group attributes: what YAML means, what AWS takes, what differs."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.rules import target_group
from ansible_collections.steady.ecs.plugins.module_utils.rules.declaration import DeclarationError

from testbed.elbv2.attributes import TARGET_GROUP

PREFIX = "target_group_health"
LB_SECONDS, APP_SECONDS = "stickiness.lb_cookie.duration_seconds", "stickiness.app_cookie.duration_seconds"
COOKIE = "stickiness.app_cookie.cookie_name"
ALGORITHM, ANOMALIES = "load_balancing.algorithm.type", "load_balancing.algorithm.anomaly_mitigation"
SLOW_START, STICKY = "slow_start.duration_seconds", "stickiness.enabled"
CROSS_ZONE = "load_balancing.cross_zone.enabled"
DNS, ROUTING = (f"{PREFIX}.{each}.minimum_healthy_targets" for each in ("dns_failover", "unhealthy_state_routing"))


def text(key: str, value: Any, protocol: str = "HTTP", target_type: str = "ip") -> str:
    return target_group.normalised({key: value}, protocol, target_type)[key]


def refused(attributes: dict[str, Any], protocol: str = "HTTP", live: dict[str, str] | None = None) -> str:
    with pytest.raises(DeclarationError) as problem:
        target_group.normalised(attributes, protocol, "ip", live)
    return problem.value.msg


@pytest.mark.parametrize("value", [False, "false", "no", "False", "off", " false "])
def test_c18_all_ways_to_say_off(value: Any) -> None:
    assert text("stickiness.enabled", value) == "false"


@pytest.mark.parametrize("value", [True, "true", "yes", "on"])
def test_all_ways_to_say_on(value: Any) -> None:
    assert text("stickiness.enabled", value) == "true"


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        (ANOMALIES, False, "off"),
        (f"{PREFIX}.dns_failover.minimum_healthy_targets.percentage", False, "off"),
        (f"{PREFIX}.dns_failover.minimum_healthy_targets.percentage", 50, "50"),
        (f"{PREFIX}.dns_failover.minimum_healthy_targets.count", False, "off"),
        ("load_balancing.cross_zone.enabled", True, "true"),
        ("load_balancing.cross_zone.enabled", "use_load_balancer_configuration", "use_load_balancer_configuration"),
        (LB_SECONDS, 86400, "86400"),
        (LB_SECONDS, "0086400", "86400"),
        ("deregistration_delay.timeout_seconds", 0, "0"),
        (SLOW_START, 0, "0"),
        (LB_SECONDS, None, "86400"),
        ("stickiness.enabled", None, "false"),
        (COOKIE, "session", "session"),
    ],
)
def test_values_as_people_write_them(key: str, value: Any, expected: str) -> None:
    assert text(key, value) == expected


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        (LB_SECONDS, 0, "a whole number from 1 to 604800"),
        (LB_SECONDS, 604801, "a whole number from 1 to 604800"),
        (LB_SECONDS, "24h", "it is '24h'"),
        (LB_SECONDS, 1.5, "it is '1.5'"),
        (LB_SECONDS, True, "a whole number from 1 to 604800"),
        (LB_SECONDS, [1], "a whole number from 1 to 604800"),
        (LB_SECONDS, "١٢", "a whole number"),
        ("deregistration_delay.timeout_seconds", 3601, "from 0 to 3600"),
        ("deregistration_delay.timeout_seconds", -1, "from 0 to 3600"),
        (SLOW_START, 29, "0 or a whole number from 30 to 900"),
        ("stickiness.enabled", "maybe", "true, false"),
        ("stickiness.enabled", 1, "true, false"),
        ("stickiness.type", "lb-cookie", "Did you mean lb_cookie?"),
        (ALGORITHM, "roundrobin", "Did you mean round_robin?"),
        (f"{PREFIX}.unhealthy_state_routing.minimum_healthy_targets.count", False, "a whole number of 1 or more"),
        (
            f"{PREFIX}.unhealthy_state_routing.minimum_healthy_targets.percentage",
            101,
            "off or a whole number from 1 to",
        ),
        (COOKIE, None, "has no default to go back to"),
    ],
)
def test_a_value_that_aws_would_refuse_is_refused_with_the_range(key: str, value: Any, says: str) -> None:
    message = refused({key: value})
    assert message.startswith(f"target_group_attributes.{key} ")
    assert says in message


@pytest.mark.parametrize(
    ("key", "nearest"),
    [
        ("stickiness.enabledd", "stickiness.enabled"),
        ("stickiness.lb_cookie.duration_second", LB_SECONDS),
        ("deregistration_delay.timeout", "deregistration_delay.timeout_seconds"),
        ("slow_start.duration", SLOW_START),
    ],
)
def test_a_misspelt_name_is_refused_with_the_nearest(key: str, nearest: str) -> None:
    assert f"target_group_attributes.{key}: there is no such attribute. Did you mean {nearest}?" in refused({key: 1})


def test_c19_keys_of_an_application_load_balancer_on_a_tcp_group() -> None:
    message = refused({"stickiness.enabled": False, "stickiness.type": "lb_cookie"}, "TCP")
    assert "target_group_attributes.stickiness.type must be source_ip for a network load balancer" in message
    message = refused({LB_SECONDS: 1}, "TCP")
    assert "is for an application load balancer" in message
    assert "stickiness.type is source_ip." in message
    assert "proxy_protocol_v2.enabled" in message
    assert text("stickiness.type", "source_ip", "TCP") == "source_ip"
    assert text("stickiness.type", None, "TCP") == "source_ip"


@pytest.mark.parametrize(
    ("protocol", "target_type", "key"),
    [
        ("", "lambda", "lambda.multi_value_headers.enabled"),
        ("GENEVE", "ip", "send_tcp_reset.on_unhealthy.enabled"),
        ("TLS", "ip", "preserve_client_ip.enabled"),
    ],
)
def test_each_kind_of_group_has_keys_of_its_own(protocol: str, target_type: str, key: str) -> None:
    assert text(key, True, protocol, target_type) == "true"
    assert "is for a" in refused({key: True})


def test_c22_an_application_cookie_needs_its_name() -> None:
    both = {"stickiness.type": "app_cookie", COOKIE: "session"}
    assert target_group.normalised(both, "HTTP", "ip") == both
    assert "needs the name of the application's own cookie" in refused({"stickiness.type": "app_cookie"})
    for name in ("AWSALB", "AWSALBTG", "AWSALBAPP-0"):
        assert "must be the application's own cookie" in refused({"stickiness.type": "app_cookie", COOKIE: name})


@pytest.mark.parametrize(
    ("declared", "live"),
    [
        ({SLOW_START: 30, ALGORITHM: "least_outstanding_requests"}, {}),
        ({SLOW_START: 30}, {ALGORITHM: "weighted_random"}),
        ({ALGORITHM: "weighted_random"}, {SLOW_START: "30"}),
        ({ANOMALIES: True}, {ALGORITHM: "round_robin"}),
        ({ANOMALIES: "on"}, {}),
        ({ALGORITHM: "round_robin"}, {ALGORITHM: "weighted_random", ANOMALIES: "on"}),
    ],
)
def test_forbidden_combinations_with_what_is_live(declared: dict[str, Any], live: dict[str, str]) -> None:
    assert "works with the algorithm" in refused(declared, live=live)


def test_what_is_live_and_not_touched_forbids_nothing() -> None:
    live = {ALGORITHM: "weighted_random", SLOW_START: "30"}
    assert target_group.normalised({LB_SECONDS: 60}, "HTTP", "ip", live) == {LB_SECONDS: "60"}
    wanted = {ALGORITHM: "round_robin", ANOMALIES: "off"}
    assert target_group.normalised(wanted, "HTTP", "ip", {ALGORITHM: "weighted_random", ANOMALIES: "on"}) == wanted


@pytest.mark.parametrize(
    ("declared", "live"),
    [
        ({STICKY: True, ALGORITHM: "weighted_random"}, {}),
        ({STICKY: True}, {ALGORITHM: "weighted_random"}),
        ({ALGORITHM: "weighted_random"}, {STICKY: "true"}),
        ({STICKY: True, CROSS_ZONE: False}, {}),
        ({STICKY: True}, {CROSS_ZONE: "false"}),
        ({CROSS_ZONE: "off"}, {STICKY: "true"}),
    ],
)
def test_what_does_not_go_together_with_stickiness(declared: dict[str, Any], live: dict[str, str]) -> None:
    problem = refused(declared, live=live)
    assert "stickiness.enabled true does not work with" in problem and "or stickiness.enabled to false" in problem


@pytest.mark.parametrize(
    ("declared", "live"),
    [
        ({STICKY: False, ALGORITHM: "weighted_random"}, {STICKY: "true"}),
        ({STICKY: True, CROSS_ZONE: "use_load_balancer_configuration"}, {CROSS_ZONE: "false"}),
        ({LB_SECONDS: 60}, {STICKY: "true", CROSS_ZONE: "false"}),
        ({STICKY: True}, {STICKY: "true", CROSS_ZONE: "false"}),
    ],
)
def test_what_goes_together_with_stickiness(declared: dict[str, Any], live: dict[str, str]) -> None:
    assert target_group.normalised(declared, "HTTP", "ip", live)


def test_stickiness_of_a_network_load_balancer_works_within_a_zone() -> None:
    wanted = {STICKY: "true", CROSS_ZONE: "false"}
    assert target_group.normalised(wanted, "TCP", "ip") == wanted


@pytest.mark.parametrize(
    ("declared", "live"),
    [
        ({f"{DNS}.count": 2, f"{ROUTING}.count": 3}, {}),
        ({f"{ROUTING}.count": 10}, {f"{DNS}.count": "9"}),
        ({f"{DNS}.count": None}, {f"{ROUTING}.count": "2"}),
        ({f"{DNS}.percentage": 49, f"{ROUTING}.percentage": 50}, {}),
    ],
)
@pytest.mark.parametrize("protocol", ["HTTP", "TCP"])
def test_dns_failover_never_comes_after_routing_failover(
    declared: dict[str, Any], live: dict[str, str], protocol: str
) -> None:
    assert "must be" in refused(declared, protocol, live) and "Declare both" in refused(declared, protocol, live)


@pytest.mark.parametrize(
    ("declared", "live"),
    [
        ({f"{ROUTING}.count": 10}, {f"{DNS}.count": "10"}),
        ({f"{ROUTING}.count": 3}, {f"{DNS}.count": "off"}),
        ({f"{ROUTING}.percentage": 60}, {f"{DNS}.percentage": "off", f"{DNS}.count": "1"}),
        ({f"{ROUTING}.count": 3}, {f"{DNS}.count": "1", f"{ROUTING}.count": "3"}),
    ],
)
def test_thresholds_that_aws_takes(declared: dict[str, Any], live: dict[str, str]) -> None:
    assert target_group.normalised(declared, "HTTP", "ip", live)


def test_the_two_failovers_of_a_gateway_group_go_together() -> None:
    live = {"target_failover.on_deregistration": "no_rebalance", "target_failover.on_unhealthy": "no_rebalance"}
    assert "must be equal" in refused({"target_failover.on_unhealthy": "rebalance"}, "GENEVE", live)
    both = dict.fromkeys(live, "rebalance")
    assert target_group.normalised(both, "GENEVE", "ip", live) == both


def test_an_attribute_that_the_group_has_and_our_table_has_not() -> None:
    assert target_group.normalised({"new.key": "x"}, "HTTP", "ip", {"new.key": "y"}) == {"new.key": "x"}


def test_only_what_is_declared_is_compared() -> None:
    live = {"stickiness.enabled": "true", LB_SECONDS: "3600", "other": "x"}
    declared = target_group.normalised({"stickiness.enabled": True, LB_SECONDS: 86400}, "HTTP", "ip")
    assert [each.as_dict() for each in target_group.compare(declared, live, "tg-web")] == [
        {
            "resource": "target group tg-web",
            "path": LB_SECONDS,
            "expected": "86400",
            "actual": "3600",
            "type": "NOT_EQUAL",
        }
    ]
    assert target_group.compare(declared, {**live, LB_SECONDS: "86400"}, "tg-web") == []
    assert target_group.compare({}, live, "tg-web") == []


def test_table_and_bed_were_read_from_the_same_page() -> None:
    """Both were written from AWS's text, each by itself: a default that they disagree about is wrong in one."""
    assert set(TARGET_GROUP.rows) - set(target_group.DEFAULTS) == {COOKIE}
    assert target_group.DEFAULTS.items() >= {k: v for k, v in TARGET_GROUP.defaults.items() if k != COOKIE}.items()
