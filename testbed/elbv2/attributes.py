"""Attributes of target groups and load balancers as tables: the default, what AWS accepts, what the bed serves.

Source: API reference, TargetGroupAttribute and LoadBalancerAttribute; user guide, "Edit target group attributes for
your Application Load Balancer" and "Edit attributes for your Application Load Balancer".
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..wire import AwsError

Test = Callable[[str], bool]


def between(low: int, high: int) -> Test:
    return lambda value: value.isascii() and value.isdigit() and low <= int(value) <= high


def one_of(*words: str) -> Test:
    return lambda value: value in words


def text(value: str) -> bool:
    return True


def off_or(test: Test) -> Test:
    return lambda value: value == "off" or test(value)


BOOLEAN = one_of("true", "false")
DAYS_7 = between(1, 604800)
TARGETS = between(1, 1000)  # "1 to the maximum number of targets"; the quota is 1,000 targets per load balancer


@dataclass(frozen=True)
class Attribute:
    """`served` tells which of AWS's values the bed carries out; the others are refused by name."""

    default: str
    valid: Test
    served: Test = text


def fixed(default: str, valid: Test = BOOLEAN) -> Attribute:
    """An attribute of which the bed serves the default only."""
    return Attribute(default, valid, one_of(default))


@dataclass(frozen=True)
class Table:
    kind: str  # as AWS's messages begin: "Target group" or "Load balancer"
    rows: dict[str, Attribute]

    @property
    def defaults(self) -> dict[str, str]:
        return {key: row.default for key, row in self.rows.items()}

    def changed(self, current: dict[str, str], wanted: list[dict[str, Any]]) -> dict[str, str]:
        """`current` with the list of {Key, Value} applied; nothing is applied if one of them is wrong (AwsError)."""
        new = dict(current)
        for item in wanted:
            key, value = item.get("Key", ""), item.get("Value", "")
            if key not in self.rows:
                raise AwsError("ValidationError", f"{self.kind} attribute key '{key}' is not recognized")
            row = self.rows[key]
            if not row.valid(value):
                what = f"{self.kind} attribute value '{value}' is not valid for the key '{key}'"
                raise AwsError("ValidationError", what)
            if not row.served(value) and value != current[key]:
                what = f"The test bed does not serve the {self.kind.lower()} attribute {key}={value}"
                raise AwsError("InvalidAction", what)
            new[key] = value
        return new


SLOW_START_EXCLUDES = ("least_outstanding_requests", "weighted_random")
COOKIE_NAME = re.compile(r"[!#$%&'*+.^`|~\w-]{0,256}", re.ASCII)

TARGET_GROUP = Table(
    "Target group",
    {
        "deregistration_delay.timeout_seconds": Attribute("300", between(0, 3600)),
        "stickiness.enabled": Attribute("false", BOOLEAN),
        "stickiness.type": Attribute("lb_cookie", one_of("lb_cookie", "app_cookie")),
        "stickiness.lb_cookie.duration_seconds": Attribute("86400", DAYS_7),
        "stickiness.app_cookie.duration_seconds": Attribute("86400", DAYS_7),
        "stickiness.app_cookie.cookie_name": Attribute(
            "", lambda value: bool(COOKIE_NAME.fullmatch(value)) and not value.startswith("AWSALB")
        ),
        "slow_start.duration_seconds": Attribute("0", lambda value: value == "0" or between(30, 900)(value)),
        "load_balancing.algorithm.type": Attribute("round_robin", one_of("round_robin", *SLOW_START_EXCLUDES)),
        "load_balancing.algorithm.anomaly_mitigation": fixed("off", one_of("on", "off")),
        # The bed has one zone: these three decide between zones and change nothing here.
        "load_balancing.cross_zone.enabled": Attribute(
            "use_load_balancer_configuration", one_of("true", "false", "use_load_balancer_configuration")
        ),
        "target_group_health.dns_failover.minimum_healthy_targets.count": Attribute("1", off_or(TARGETS)),
        "target_group_health.dns_failover.minimum_healthy_targets.percentage": Attribute(
            "off", off_or(between(1, 100))
        ),
        "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": Attribute("1", TARGETS),
        "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": Attribute(
            "off", off_or(between(1, 100))
        ),
    },
)

LOGS = {
    f"{kind}.s3.{key}": fixed(default, valid)
    for kind in ("access_logs", "connection_logs", "health_check_logs")
    for key, default, valid in (("enabled", "false", BOOLEAN), ("bucket", "", text), ("prefix", "", text))
}
LOAD_BALANCER = Table(
    "Load balancer",
    {
        "deletion_protection.enabled": fixed("false"),
        "load_balancing.cross_zone.enabled": fixed("true", one_of("true")),  # AWS: "can't be changed"
        "idle_timeout.timeout_seconds": Attribute("60", between(1, 4000)),
        "client_keep_alive.seconds": fixed("3600", between(60, 604800)),
        "routing.http.preserve_host_header.enabled": fixed("false"),
        "routing.http.xff_client_port.enabled": fixed("false"),
        "routing.http.xff_header_processing.mode": fixed("append", one_of("append", "preserve", "remove")),
        "routing.http.desync_mitigation_mode": fixed("defensive", one_of("monitor", "defensive", "strictest")),
        "routing.http.drop_invalid_header_fields.enabled": fixed("false"),
        "routing.http.x_amzn_tls_version_and_cipher_suite.enabled": fixed("false"),
        "routing.http.x_amzn_tls_kx.enabled": fixed("false"),
        "routing.http2.enabled": Attribute("true", BOOLEAN),  # without TLS clients speak HTTP/1.1 in any case
        "ipv6.deny_all_igw_traffic": fixed("false"),
        "waf.fail_open.enabled": fixed("false"),
        "zonal_shift.config.enabled": fixed("false"),
        **LOGS,
    },
)


def changed_target_group(current: dict[str, str], wanted: list[dict[str, Any]]) -> dict[str, str]:
    """A target group's attributes after ModifyTargetGroupAttributes, or AwsError: all or nothing.

    The rules between attributes: anomaly mitigation is "only available when load_balancing.algorithm.type is
    weighted_random"; slow start is not available with the two other algorithms (user guide, "Slow start mode"; the
    words are those of kubernetes-sigs/aws-load-balancer-controller#3686); a network load
    balancer's stickiness is not for HTTP (the words are those of ansible/ansible#67993); app_cookie needs a name (the
    words are those of terraform-aws-modules/terraform-aws-alb#242); "the weighted random routing algorithm can not be
    used with sticky sessions"; "attempts to enable sticky sessions while cross-zone load balancing is disabled fail"
    ("Sticky sessions"); and of two thresholds "the threshold for DNS failover must be greater than or equal to the
    threshold for routing failover" ("Target group health").
    """
    asked = {item.get("Key"): item.get("Value", "") for item in wanted}
    kind = asked.get("stickiness.type", "")
    if kind in ("source_ip", "source_ip_dest_ip", "source_ip_dest_ip_proto"):
        raise _forbidden(f"Stickiness type '{kind}' is not supported for target groups with the HTTP protocol")
    algorithm = asked.get("load_balancing.algorithm.type", current["load_balancing.algorithm.type"])
    if asked.get("load_balancing.algorithm.anomaly_mitigation") == "on" and algorithm != "weighted_random":
        raise _forbidden("Anomaly mitigation is only available with the load balancing algorithm weighted_random")
    new = TARGET_GROUP.changed(current, wanted)
    if new["stickiness.type"] == "app_cookie" and not new["stickiness.app_cookie.cookie_name"]:
        raise _forbidden("You must set an application cookie name to enable stickiness of type 'app_cookie'")
    if new["slow_start.duration_seconds"] != "0" and algorithm in SLOW_START_EXCLUDES:
        name = algorithm.replace("_", " ")
        raise _forbidden(f"You cannot enable both slow start and {name} algorithm on a target group")
    if new["stickiness.enabled"] == "true" and algorithm == "weighted_random":
        raise _forbidden("You cannot enable both stickiness and weighted random algorithm on a target group")
    if new["stickiness.enabled"] == "true" and new.get("load_balancing.cross_zone.enabled") == "false":
        raise _forbidden("You cannot enable stickiness while cross-zone load balancing is disabled")
    for what in ("count", "percentage"):
        dns = new.get(f"target_group_health.dns_failover.minimum_healthy_targets.{what}", "off")
        routing = new.get(f"target_group_health.unhealthy_state_routing.minimum_healthy_targets.{what}", "off")
        if "off" not in (dns, routing) and int(dns) < int(routing):
            raise _forbidden(f"The DNS failover threshold ({what}) must not be less than that for routing failover")
    return new


def _forbidden(problem: str) -> AwsError:
    return AwsError("InvalidConfigurationRequest", problem)
