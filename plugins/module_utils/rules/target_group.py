# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Attributes of target groups: which ones a group takes, what they may be, and what differs.

Source: TargetGroupAttribute in the Elastic Load Balancing API reference; user guide, "Edit target group attributes for
your Application Load Balancer". Only what is declared is compared: other keys belong to others.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules.declaration import DeclarationError
from ansible_collections.steady.ecs.plugins.module_utils.rules.differences import Difference
from ansible_collections.steady.ecs.plugins.module_utils.rules.task_definition_shape import nearest

ATTRIBUTES = "target_group_attributes"
"""Where people write the declaration."""

APPLICATION, LAMBDA, NETWORK, GATEWAY = "application", "lambda", "network", "gateway"
BALANCERS = {
    APPLICATION: "an application load balancer (protocol HTTP or HTTPS)",
    LAMBDA: "an application load balancer with a Lambda function behind",
    NETWORK: "a network load balancer (protocol TCP, TLS, UDP, TCP_UDP, QUIC or TCP_QUIC)",
    GATEWAY: "a gateway load balancer (protocol GENEVE)",
}
BOTH = (APPLICATION, NETWORK)
TRUTH = ("true", "false")
COOKIE_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`|~]{1,256}")
"""What a cookie's name may consist of (RFC 6265, section 4.1.1: a token)."""
STICKY, CROSS_ZONE = "stickiness.enabled", "load_balancing.cross_zone.enabled"
TYPE, COOKIE_NAME = "stickiness.type", "stickiness.app_cookie.cookie_name"
ALGORITHM, ANOMALIES = "load_balancing.algorithm.type", "load_balancing.algorithm.anomaly_mitigation"
SLOW_START = "slow_start.duration_seconds"
RESERVED_COOKIES = "AWSALB"
"""AWSALBAPP and AWSALBTG begin with it."""

TYPES = {
    APPLICATION: ("lb_cookie", "app_cookie"),
    LAMBDA: ("lb_cookie", "app_cookie"),
    NETWORK: ("source_ip",),
    GATEWAY: ("source_ip_dest_ip", "source_ip_dest_ip_proto"),
}


@dataclass(frozen=True)
class Attribute:
    """One key: AWS's default (None: it has none, or it depends), the words and the whole numbers that it takes."""

    default: str | None
    words: tuple[str, ...] = ()
    low: int | None = None
    high: int | None = None
    kinds: tuple[str, ...] = (APPLICATION,)

    def takes(self, value: str) -> bool:
        """Whether AWS takes this text."""
        if value in self.words:
            return True
        if self.low is None or not (value.isascii() and value.isdigit()):
            return not self.words and self.low is None
        return self.low <= int(value) and (self.high is None or int(value) <= self.high)

    def range(self) -> str:
        """What it takes, in words."""
        numbers = [] if self.low is None else [f"a whole number of {self.low} or more"]
        if self.high is not None:
            numbers = [f"a whole number from {self.low} to {self.high}"]
        return " or ".join([", ".join(self.words)] * bool(self.words) + numbers) or "text"


_HEALTH = "target_group_health"
_TABLE: dict[str, Attribute] = {
    "deregistration_delay.timeout_seconds": Attribute("300", (), 0, 3600, (APPLICATION, NETWORK, GATEWAY)),
    STICKY: Attribute("false", TRUTH, kinds=tuple(BALANCERS)),
    TYPE: Attribute("lb_cookie", TYPES[APPLICATION], kinds=tuple(BALANCERS)),
    "stickiness.lb_cookie.duration_seconds": Attribute("86400", (), 1, 604800),
    "stickiness.app_cookie.duration_seconds": Attribute("86400", (), 1, 604800),
    COOKIE_NAME: Attribute(None),
    SLOW_START: Attribute("0", ("0",), 30, 900),
    ALGORITHM: Attribute("round_robin", ("round_robin", "least_outstanding_requests", "weighted_random")),
    ANOMALIES: Attribute("off", ("on", "off")),
    CROSS_ZONE: Attribute("use_load_balancer_configuration", (*TRUTH, "use_load_balancer_configuration"), kinds=BOTH),
    f"{_HEALTH}.dns_failover.minimum_healthy_targets.count": Attribute("1", ("off",), 1, None, BOTH),
    f"{_HEALTH}.dns_failover.minimum_healthy_targets.percentage": Attribute("off", ("off",), 1, 100, BOTH),
    f"{_HEALTH}.unhealthy_state_routing.minimum_healthy_targets.count": Attribute("1", (), 1, None, BOTH),
    f"{_HEALTH}.unhealthy_state_routing.minimum_healthy_targets.percentage": Attribute("off", ("off",), 1, 100, BOTH),
    "waf.http2.traffic_inspection_behavior": Attribute(
        "inspect_immediately", ("inspect_immediately", "inspect_after_sufficient_data")
    ),
    "routing.http2.rst_stream_error_forwarding.enabled": Attribute("false", TRUTH),
    "lambda.multi_value_headers.enabled": Attribute("false", TRUTH, kinds=(LAMBDA,)),
    "deregistration_delay.connection_termination.enabled": Attribute(None, TRUTH, kinds=(NETWORK,)),
    "preserve_client_ip.enabled": Attribute(None, TRUTH, kinds=(NETWORK,)),
    "proxy_protocol_v2.enabled": Attribute("false", TRUTH, kinds=(NETWORK,)),
    "target_health_state.unhealthy.connection_termination.enabled": Attribute("true", TRUTH, kinds=(NETWORK,)),
    "target_health_state.unhealthy.draining_interval_seconds": Attribute("0", (), 0, 360000, (NETWORK,)),
    "target_failover.on_deregistration": Attribute("no_rebalance", ("rebalance", "no_rebalance"), kinds=(GATEWAY,)),
    "target_failover.on_unhealthy": Attribute("no_rebalance", ("rebalance", "no_rebalance"), kinds=(GATEWAY,)),
    "send_tcp_reset.on_unhealthy.enabled": Attribute("false", TRUTH, kinds=(GATEWAY,)),
    "send_tcp_reset.on_deregistration.enabled": Attribute("false", TRUTH, kinds=(GATEWAY,)),
}

DEFAULTS: dict[str, str] = {
    key: each.default for key, each in _TABLE.items() if APPLICATION in each.kinds and each.default is not None
}
"""AWS's defaults of the groups of application load balancers, as text."""


def kind(protocol: str, target_type: str) -> str:
    """Which kind of load balancer a group with this protocol and target type is for."""
    if target_type == "lambda":
        return LAMBDA
    if protocol in ("HTTP", "HTTPS"):
        return APPLICATION
    return GATEWAY if protocol == "GENEVE" else NETWORK


def normalised(
    attributes: dict[str, Any],
    protocol: str,
    target_type: str,
    live: dict[str, str] | None = None,
    where: str = ATTRIBUTES,
) -> dict[str, str]:
    """Declared attributes as text, the way AWS keeps them; null is AWS's default.

    YAML's truth values and numbers are taken for what they mean: ``off`` and ``false`` are one value to YAML, and the
    attribute decides. ``live``, where it is known, is what the rules between attributes are held against, and its
    keys are known even where our table does not have them yet. ``where`` the attributes are declared. Raises
    DeclarationError with the nearest valid name, the range, or the rule.
    """
    group = kind(protocol, target_type)
    known = [key for key, each in _TABLE.items() if group in each.kinds]
    known += live or {}
    found = {key: _text(f"{where}.{key}", key, value, group, known) for key, value in attributes.items()}
    _refuse_forbidden(found, live or {}, where)
    if group == APPLICATION:  # a network load balancer keeps its clients without cross-zone load balancing too
        _refuse_sticky(found, live or {}, where)
    _refuse_thresholds(found, live or {}, where)
    return found


def compare(declared: dict[str, str], live: dict[str, str], name: str) -> list[Difference]:
    """What the declared attributes (normalised) and the live ones of group ``name`` disagree about."""
    return [
        Difference(f"target group {name}", key, value, live.get(key))
        for key, value in declared.items()
        if live.get(key) != value
    ]


def unset(key: str, value: str) -> bool:
    """Whether a live value stands for a cookie name that the group never had: nothing goes back to it.

    AWS keeps a name once given, whatever stickiness.type becomes (hashicorp/terraform-provider-aws#31436), and with
    another type it means nothing.
    """
    return key == COOKIE_NAME and not value


def _text(path: str, key: str, value: Any, group: str, known: Iterable[str]) -> str:
    if key not in known:
        raise DeclarationError(_unknown(path, key, group, known))
    attribute = _TABLE.get(key, Attribute(None))
    if key == TYPE:
        attribute = Attribute(TYPES[group][0], TYPES[group])
    if value is None:
        if attribute.default is None:
            raise DeclarationError(f"{path} has no default to go back to: give a value, or leave it out.")
        return attribute.default
    text = _written(value, attribute)
    if not attribute.takes(text):
        raise DeclarationError(
            f"{path} must be {attribute.range()} for {BALANCERS[group]}; it is {text!r}. "
            f"{nearest(text, attribute.words)}".rstrip()
        )
    return text


def _written(value: Any, attribute: Attribute) -> str:
    """The text that a value in YAML stands for."""
    words = attribute.words
    text = str(value).strip()
    if text in words:
        return text
    if attribute.low is not None and text.isascii() and text.isdigit():
        return str(int(text))
    truth = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}.get(text.lower())
    if truth is not None:
        for word in ("true", "on") if truth else ("false", "off"):
            if word in words:
                return word
    return text


def _unknown(path: str, key: str, group: str, known: Iterable[str]) -> str:
    elsewhere = _TABLE.get(key)
    if elsewhere is not None:
        return (
            f"{path} is for {' and '.join(BALANCERS[each] for each in elsewhere.kinds)}; this group is for "
            f"{BALANCERS[group]}, whose stickiness.type is {' or '.join(TYPES[group])}. Attributes: {_listed(known)}."
        )
    return (
        f"{path}: there is no such attribute. {nearest(key, known)}Attributes of a group for "
        f"{BALANCERS[group]}: {_listed(known)}."
    )


def _listed(known: Iterable[str]) -> str:
    return ", ".join(sorted(set(known)))


def _refuse_forbidden(declared: dict[str, str], live: dict[str, str], where: str) -> None:
    """Combinations that AWS refuses, each at the place where it is declared (case C22)."""
    merged = {**live, **declared}
    if declared.get(TYPE) == "app_cookie" and not merged.get(COOKIE_NAME):
        raise DeclarationError(
            f"{where}.{TYPE} app_cookie needs the name of the application's own cookie: declare {COOKIE_NAME}."
        )
    name = declared.get(COOKIE_NAME)
    if name is not None and (not name or name.startswith(RESERVED_COOKIES)):
        raise DeclarationError(
            f"{where}.{COOKIE_NAME} must be the application's own cookie; names that begin with "
            f"{RESERVED_COOKIES} are the load balancer's."
        )
    if name is not None and not COOKIE_TOKEN.fullmatch(name):
        raise DeclarationError(
            f"{where}.{COOKIE_NAME} must be a cookie's name (letters, digits and !#$%&'*+-.^_`|~); it is {name!r}."
        )
    algorithm = merged.get(ALGORITHM, "round_robin")
    if {ALGORITHM, SLOW_START} & set(declared) and algorithm != "round_robin" and merged.get(SLOW_START, "0") != "0":
        raise DeclarationError(
            f"{where}: slow start ({SLOW_START} {merged[SLOW_START]}) works with the algorithm round_robin only; "
            f"{ALGORITHM} is {algorithm}. Set {SLOW_START} to 0, or {ALGORITHM} to round_robin."
        )
    if {ALGORITHM, ANOMALIES} & set(declared) and merged.get(ANOMALIES) == "on" and algorithm != "weighted_random":
        raise DeclarationError(
            f"{where}: {ANOMALIES} on works with the algorithm weighted_random only; {ALGORITHM} is {algorithm}."
        )
    failovers = {merged.get("target_failover.on_deregistration"), merged.get("target_failover.on_unhealthy")}
    if any(key.startswith("target_failover.") for key in declared) and len(failovers) > 1:
        raise DeclarationError(
            f"{where}: target_failover.on_deregistration and target_failover.on_unhealthy must be equal: declare both."
        )


def _refuse_sticky(declared: dict[str, str], live: dict[str, str], where: str) -> None:
    """What AWS refuses beside stickiness ("Sticky sessions for your Application Load Balancer" and "Edit target group
    attributes": "The weighted random routing algorithm can not be used with sticky sessions"; "Attempts to enable
    sticky sessions while cross-zone load balancing is disabled fail"). What is live AWS has taken."""
    merged = {**live, **declared}
    if merged.get(STICKY) != "true":
        return
    for key, forbidden, others in (
        (ALGORITHM, "weighted_random", "round_robin or least_outstanding_requests"),
        (CROSS_ZONE, "false", "true or use_load_balancer_configuration"),
    ):
        changes = any(each in declared and declared[each] != live.get(each) for each in (STICKY, key))
        if changes and merged.get(key) == forbidden:
            raise DeclarationError(
                f"{where}: {STICKY} true does not work with {key} {forbidden}. Set {key} to {others}, or {STICKY} to "
                "false."
            )


def _refuse_thresholds(declared: dict[str, str], live: dict[str, str], where: str) -> None:
    """ "If you specify thresholds for both actions, the threshold for DNS failover must be greater than or equal to the
    threshold for routing failover" ("Target group health"). AWS's default is a threshold too; what is live already,
    AWS has taken."""
    merged = {**live, **declared}
    for what in ("count", "percentage"):
        dns = f"{_HEALTH}.dns_failover.minimum_healthy_targets.{what}"
        routing = f"{_HEALTH}.unhealthy_state_routing.minimum_healthy_targets.{what}"
        values = [merged.get(key, "off") for key in (dns, routing)]
        changes = any(key in declared and declared[key] != live.get(key) for key in (dns, routing))
        if changes and "off" not in values and int(values[0]) < int(values[1]):
            raise DeclarationError(
                f"{where}: {dns} ({values[0]}) must be {routing} ({values[1]}) or more, or off, so that DNS failover "
                "does not come after routing failover. Declare both."
            )
