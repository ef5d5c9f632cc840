"""Attributes of target groups and load balancers: defaults, what is accepted, what is refused and in which words."""

from typing import Any

import pytest

from testbed.elbv2 import attributes
from testbed.wire import AwsError

DEFAULTS = {  # API reference, TargetGroupAttribute, for targets of the types instance and ip
    "deregistration_delay.timeout_seconds": "300",
    "stickiness.enabled": "false",
    "stickiness.type": "lb_cookie",
    "stickiness.lb_cookie.duration_seconds": "86400",
    "stickiness.app_cookie.duration_seconds": "86400",
    "stickiness.app_cookie.cookie_name": "",
    "slow_start.duration_seconds": "0",
    "load_balancing.algorithm.type": "round_robin",
    "load_balancing.algorithm.anomaly_mitigation": "off",
    "load_balancing.cross_zone.enabled": "use_load_balancer_configuration",
    "target_group_health.dns_failover.minimum_healthy_targets.count": "1",
    "target_group_health.dns_failover.minimum_healthy_targets.percentage": "off",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": "1",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": "off",
}


def pairs(wanted: dict[str, str]) -> list[dict[str, Any]]:
    return [{"Key": key, "Value": value} for key, value in wanted.items()]


def changed(wanted: dict[str, str], current: dict[str, str] | None = None) -> dict[str, str]:
    return attributes.changed_target_group(current or DEFAULTS, pairs(wanted))


def refusal(wanted: dict[str, str], current: dict[str, str] | None = None) -> AwsError:
    with pytest.raises(AwsError) as found:
        changed(wanted, current)
    return found.value


def test_defaults() -> None:
    assert attributes.TARGET_GROUP.defaults == DEFAULTS


@pytest.mark.parametrize(
    ("key", "good", "bad"),
    [
        ("deregistration_delay.timeout_seconds", ["0", "3600"], ["3601", "-1", "", "1.5", "x", "٣"]),
        ("stickiness.enabled", ["true", "false"], ["True", "yes", "1", ""]),
        ("stickiness.type", ["lb_cookie"], ["foo", ""]),  # app_cookie needs a name: see below
        ("stickiness.lb_cookie.duration_seconds", ["1", "604800"], ["0", "604801"]),
        ("stickiness.app_cookie.duration_seconds", ["1", "604800"], ["0", "604801"]),
        ("stickiness.app_cookie.cookie_name", ["session", ""], ["AWSALB", "AWSALBAPP-0", "AWSALBTGX", "a b", "a;b"]),
        ("slow_start.duration_seconds", ["0", "30", "900"], ["29", "1", "901"]),
        (
            "load_balancing.algorithm.type",
            ["round_robin", "least_outstanding_requests", "weighted_random"],
            ["random", ""],
        ),
        ("load_balancing.algorithm.anomaly_mitigation", ["off"], ["true"]),
        ("load_balancing.cross_zone.enabled", ["true", "false", "use_load_balancer_configuration"], ["on"]),
        ("target_group_health.dns_failover.minimum_healthy_targets.count", ["off", "1"], ["0"]),
        ("target_group_health.dns_failover.minimum_healthy_targets.percentage", ["off", "1", "100"], ["0", "101"]),
        ("target_group_health.unhealthy_state_routing.minimum_healthy_targets.count", ["1"], ["0", "off"]),
        (
            "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage",
            ["off", "1", "100"],
            ["0", "101"],
        ),
    ],
)
def test_values_of_target_group_attributes(key: str, good: list[str], bad: list[str]) -> None:
    for value in good:
        assert changed({key: value}) == {**DEFAULTS, key: value}
    for value in bad:
        error = refusal({key: value})
        assert error.code == "ValidationError", value
        assert key in error.message and f"'{value}'" in error.message


@pytest.mark.parametrize(
    "key", ["stickyness.enabled", "lambda.multi_value_headers.enabled", "proxy_protocol_v2.enabled", ""]
)
def test_unknown_keys_in_the_words_of_aws(key: str) -> None:
    error = refusal({key: "true"})
    assert (error.code, error.message) == ("ValidationError", f"Target group attribute key '{key}' is not recognized")


def test_all_or_nothing() -> None:
    current = dict(DEFAULTS)
    refusal({"stickiness.enabled": "true", "slow_start.duration_seconds": "1"}, current)
    assert current == DEFAULTS


@pytest.mark.parametrize(
    ("wanted", "word"),
    [
        ({"load_balancing.algorithm.anomaly_mitigation": "on"}, "weighted_random"),
        (
            {"slow_start.duration_seconds": "60", "load_balancing.algorithm.type": "least_outstanding_requests"},
            "You cannot enable both slow start and least outstanding requests algorithm",
        ),
        ({"stickiness.type": "app_cookie"}, "You must set an application cookie name"),
        (
            {"slow_start.duration_seconds": "60", "load_balancing.algorithm.type": "weighted_random"},
            "You cannot enable both slow start and weighted random algorithm on a target group",
        ),
        (
            {"stickiness.enabled": "true", "load_balancing.algorithm.type": "weighted_random"},
            "both stickiness and weighted random algorithm",
        ),
        ({"stickiness.enabled": "true", "load_balancing.cross_zone.enabled": "false"}, "cross-zone"),
        ({"target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": "2"}, "threshold (count)"),
        (
            {
                "target_group_health.dns_failover.minimum_healthy_targets.percentage": "49",
                "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": "50",
            },
            "threshold (percentage)",
        ),
        (
            {"stickiness.type": "source_ip"},
            "Stickiness type 'source_ip' is not supported for target groups with the HTTP protocol",
        ),
    ],
)
def test_forbidden_combinations(wanted: dict[str, str], word: str) -> None:
    error = refusal(wanted)
    assert error.code == "InvalidConfigurationRequest"
    assert word in error.message


def test_what_aws_accepts_and_the_bed_does_not_do_is_refused_by_name() -> None:
    anomalies = "load_balancing.algorithm.anomaly_mitigation"
    error = refusal({"load_balancing.algorithm.type": "weighted_random", anomalies: "on"})
    assert error.code == "InvalidAction"
    assert error.message == f"The test bed does not serve the target group attribute {anomalies}=on"


def test_combinations_are_judged_with_what_is_already_set() -> None:
    slow = changed({"slow_start.duration_seconds": "60"})
    assert (
        refusal({"load_balancing.algorithm.type": "least_outstanding_requests"}, slow).code
        == "InvalidConfigurationRequest"
    )
    both = {"load_balancing.algorithm.type": "least_outstanding_requests", "slow_start.duration_seconds": "0"}
    assert changed(both, slow)["load_balancing.algorithm.type"] == "least_outstanding_requests"


@pytest.mark.parametrize(
    ("key", "value", "code"),
    [
        ("idle_timeout.timeout_seconds", "4001", "ValidationError"),
        ("idle_timeout.timeout_seconds", "0", "ValidationError"),
        ("client_keep_alive.seconds", "59", "ValidationError"),
        ("client_keep_alive.seconds", "60", "InvalidAction"),
        ("routing.http.xff_header_processing.mode", "drop", "ValidationError"),
        ("load_balancing.cross_zone.enabled", "false", "ValidationError"),
        ("access_logs.s3.enabled", "true", "InvalidAction"),
        ("access_logs.s3.bucket", "logs", "InvalidAction"),
        ("routing.http.drop_invalid_header_fields.enabled", "true", "InvalidAction"),
        ("no.such.key", "1", "ValidationError"),
    ],
)
def test_refused_load_balancer_attributes(key: str, value: str, code: str) -> None:
    with pytest.raises(AwsError) as found:
        attributes.LOAD_BALANCER.changed(attributes.LOAD_BALANCER.defaults, pairs({key: value}))
    assert found.value.code == code
    assert key in found.value.message


def test_setting_an_unserved_attribute_to_its_default_is_no_change() -> None:
    defaults = attributes.LOAD_BALANCER.defaults
    assert attributes.LOAD_BALANCER.changed(defaults, pairs(defaults)) == defaults
