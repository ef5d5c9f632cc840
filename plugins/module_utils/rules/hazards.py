# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hazards: settings that are valid, and with which a deployment harms users. Each says what would happen, and its cure.

Only what is known is judged: of the application that is what the inventory says, so nothing is guessed and nobody cries
wolf. Each hazard was shown on the test bed, and its cure too (docs/hazards.md).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules import (
    groups,
    plan,
    preflight_capacity,
    service,
    strategies,
)
from ansible_collections.steady.ecs.plugins.module_utils.rules.checks import Check, check

DELAY = "deregistration_delay.timeout_seconds"
STOP_TIMEOUT = 30
"""Seconds that a container has after SIGTERM where none are given (ContainerDefinition, stopTimeout)."""
LONGEST_STOP = 120
"""AWS Fargate's maximum (ContainerDefinition, stopTimeout)."""
PERCENT = "rollout_settings.deploymentConfiguration"


@dataclass(frozen=True)
class Known:
    """What the inventory says of the application, in seconds; None is not known."""

    slowest_answer: float | None = None
    longest_stream: float | None = None
    work_after: float | None = None
    """Work that goes on after its answer was sent."""
    start: float | None = None
    """From the start of a task until its health check is answered well."""
    keep_alive: float | None = None
    """How long the application keeps an idle connection."""
    idle_timeout: float = 60
    """The load balancer's own (LoadBalancerAttribute idle_timeout.timeout_seconds)."""


OPTIONS: dict[str, Any] = {
    "hazards": {"type": "str", "choices": ["warn", "refuse"], "default": "warn"},
    "hazards_refused": {"type": "list", "elements": "str", "default": []},
    "hazards_allowed": {"type": "list", "elements": "str", "default": []},
    "application": {"type": "dict", "default": {}, "options": {each.name: {"type": "float"} for each in fields(Known)}},
}
"""What a module takes about hazards; documented in doc_fragments/hazards.py."""


@dataclass(frozen=True)
class Hazard:
    """``sentence``: what would happen to users. ``remedy``: the setting that cures it."""

    name: str
    sentence: str
    remedy: str

    @property
    def text(self) -> str:
        """One line for a warning."""
        return f"hazard {self.name}: {self.sentence} {self.remedy}"


NAMES = (
    "deregistration_delay",
    "stop_timeout",
    "minimum_healthy",
    "sticky_gathering",
    "grace_period",
    "circuit_breaker",
    "keep_alive",
    "fixed_host_port",
)


def found(live: plan.Live, known: Known, room_is_known: bool = False) -> list[Hazard]:
    """The hazards of a service that is set so. ``room_is_known``: the instances were looked at, so preflight says
    itself whether there is room for a new task."""
    placing = [] if room_is_known else _placing(live)
    return [
        *_draining(live, known),
        *_stopping(live, known),
        *_replacing(live),
        *_starting(live, known),
        *_open(known),
        *placing,
    ]


def judged(becoming: plan.Live, options: dict[str, Any], checks: list[Check]) -> tuple[list[Check], list[str]]:
    """Failed checks and warnings about a service as it would become; ``options`` are those of OPTIONS, ``checks`` what
    was found of its surroundings."""
    names = {each: options[f"hazards_{each}"] for each in ("refused", "allowed")}
    hazards = found(becoming, known(options["application"]), preflight_capacity.is_known(checks))
    wrong = refused(hazards, options["hazards"], **names)
    return [*misnamed(**names), *wrong], warnings(hazards, names["allowed"], wrong)


def refused(hazards: list[Hazard], mode: str, refused: list[str], allowed: list[str]) -> list[Check]:
    """Failed checks of those that the inventory wants refused: all, or by name; none that it allows."""
    return [
        check(f"hazard {each.name}", "no such hazard", each.sentence, False, each.remedy)
        for each in hazards
        if each.name not in allowed and (mode == "refuse" or each.name in refused)
    ]


def warnings(hazards: list[Hazard], allowed: list[str], refused: list[Check]) -> list[str]:
    """A line for each hazard that is neither refused nor allowed."""
    known = {*allowed, *(each["name"].removeprefix("hazard ") for each in refused)}
    return [each.text for each in hazards if each.name not in known]


def misnamed(refused: list[str], allowed: list[str]) -> list[Check]:
    """A failed check for names that no hazard has: each would be a refusal that never comes."""
    wrong = sorted({*refused, *allowed} - {*NAMES})
    if not wrong:
        return []
    expected = f"names of hazards: {', '.join(NAMES)}"
    cure = "Correct preflight_hazards_refused and preflight_hazards_allowed."
    return [check("declared hazards", expected, wrong, False, cure)]


def known(application: dict[str, Any]) -> Known:
    """What the inventory says of the application: the values that are given."""
    return Known(**{name: value for name, value in application.items() if value is not None})


def _draining(live: plan.Live, known: Known) -> Iterator[Hazard]:
    """AWS: "The deregistration delay period elapsed for a request being handled by a target that was deregistered",
    HTTP 502 (Elastic Load Balancing user guide, "Troubleshoot your Application Load Balancers")."""
    what = {"slowest answer": known.slowest_answer, "longest stream": known.longest_stream}
    longest = max((each for each in what.values() if each is not None), default=None)
    for group in live.groups:
        text = live.attributes.get(group["TargetGroupArn"], {}).get(DELAY, "")
        if not text.isdigit() or (longest is None and text != "0") or (longest is not None and int(text) > longest):
            continue
        how = "whatever is in flight" if longest is None else f"answers and streams of up to {longest:g} s"
        enough = "as many seconds as the slowest answer takes" if longest is None else math.floor(longest) + 1
        yield Hazard(
            "deregistration_delay",
            f"{group['TargetGroupName']} lets a task go after {text} s: users of each replaced task lose {how} "
            "(502, or a stream that breaks off).",
            f"Declare {groups.declaring(group['TargetGroupName'], f'{{{DELAY}: {enough}}}', live.groups)}.",
        )


def _stopping(live: plan.Live, known: Known) -> Iterator[Hazard]:
    """ContainerDefinition, stopTimeout: "Time duration (in seconds) to wait before the container is forcefully killed
    if it doesn't exit normally on its own"."""
    if known.work_after is None:
        return
    containers = {each["name"]: each for each in live.definition["containerDefinitions"]}
    for name in sorted(serving(live)):
        limit = containers[name].get("stopTimeout") or STOP_TIMEOUT
        if limit > known.work_after:
            continue
        enough = math.floor(known.work_after) + 1
        cure = f"Declare rollout_changes: {{containers: {{{name}: {{stopTimeout: {enough}}}}}}}."
        if enough > LONGEST_STOP:
            cure = f"AWS Fargate gives {LONGEST_STOP} s at most: hand such work to a queue, or make it shorter."
        yield Hazard(
            "stop_timeout",
            f"{name} is killed {limit} s after SIGTERM: of work that goes on for {known.work_after:g} s after its "
            "answer, what a replaced task had begun is lost.",
            cure,
        )


def serving(live: plan.Live) -> set[str]:
    """The containers that a load balancer asks, as far as the revision has them."""
    there = {each["name"] for each in live.definition.get("containerDefinitions", [])}
    return there & {str(each.get("containerName")) for each in live.service.get("loadBalancers", [])}


def _replacing(live: plan.Live) -> Iterator[Hazard]:
    """How many tasks stay while they are replaced: DeploymentConfiguration, minimumHealthyPercent, "rounded up"."""
    desired, (_most, percent) = live.service.get("desiredCount", 0), service.percents(live.service)
    least = desired - service.room(live.service)[1]
    cure = f"Declare {PERCENT}: {{minimumHealthyPercent: 100, maximumPercent: 200}}."
    sticky = any(each.get("stickiness.enabled") == "true" for each in live.attributes.values())
    if desired and not least:
        yield Hazard(
            "minimum_healthy",
            f"With minimumHealthyPercent {percent} ECS may stop all of {desired} tasks before one new task is healthy: "
            "users get 503 until then.",
            cure,
        )
    if sticky and desired > 1 and least < 2:
        yield Hazard(
            "sticky_gathering",
            f"With minimumHealthyPercent {percent} ECS may keep a single one of {desired} tasks: all sticky users "
            "gather on the first new task and stay there, while the other new tasks serve nobody.",
            cure,
        )


def _starting(live: plan.Live, known: Known) -> Iterator[Hazard]:
    """A target is unhealthy after UnhealthyThresholdCount failures in a row, and then needs HealthyThresholdCount
    successes; until healthCheckGracePeriodSeconds ECS overlooks it (UpdateService)."""
    breaker = (live.service.get("deploymentConfiguration") or {}).get("deploymentCircuitBreaker") or {}
    if not strategies.shifts(live.service) and not (breaker.get("enable") and breaker.get("rollback")):
        ends = "ends a deployment that cannot run, but does not go back from it"
        goes_on = "starts the tasks of a deployment that cannot run over and over"
        yield Hazard(
            "circuit_breaker",
            "ECS's circuit breaker with rollback is off: once the run is cut off or its wait is over, ECS "
            f"{ends if breaker.get('enable') else goes_on}, and users never get the release.",
            f"Declare {PERCENT}.deploymentCircuitBreaker: {{enable: true, rollback: true}}.",
        )
    grace = live.service.get("healthCheckGracePeriodSeconds") or 0
    for group in live.groups if known.start is not None else []:
        interval, failures = group.get("HealthCheckIntervalSeconds", 30), group.get("UnhealthyThresholdCount", 2)
        needed = math.ceil(known.start + interval * group.get("HealthyThresholdCount", 5))
        if known.start < interval * (failures - 1) or grace >= needed:
            continue
        yield Hazard(
            "grace_period",
            f"{group['TargetGroupName']} calls a task unhealthy after {failures} checks {interval} s apart, the grace "
            f"period is {grace} s, and a start takes {known.start:g} s: ECS replaces each new task before it serves, "
            "so users never get the release.",
            f"Declare rollout_settings: {{healthCheckGracePeriodSeconds: {needed}}}.",
        )


def _open(known: Known) -> Iterator[Hazard]:
    """AWS: "we recommend that you configure the idle timeout of your application to be larger than the idle timeout
    configured for the load balancer" (user guide, "Edit attributes for your Application Load Balancer")."""
    if known.keep_alive is not None and known.keep_alive <= known.idle_timeout:
        yield Hazard(
            "keep_alive",
            f"The application closes idle connections after {known.keep_alive:g} s, the load balancer uses them for "
            f"{known.idle_timeout:g} s: a request on its way to a connection that is just closed fails with 502.",
            f"Let the application keep idle connections for {math.floor(known.idle_timeout) + 5} s, or lower the load "
            "balancer's idle_timeout.timeout_seconds.",
        )


def _placing(live: plan.Live) -> Iterator[Hazard]:
    """PortMapping, hostPort: "Any host port that was previously specified in a running task is also reserved while the
    task is running"; with 0 "your container automatically receives a port" (case C47)."""
    fixing = preflight_capacity.fixing(live.definition)
    if not fixing or not live.service.get("desiredCount") or service.room(live.service)[1] > 0:
        return
    if live.service.get("schedulingStrategy", "REPLICA") != "REPLICA":
        return  # a daemon's old task ends before the new one starts
    ports = sorted({port for _kind, port in preflight_capacity.needed(live.definition).ports}, key=int)
    free = {each["name"]: [_of_any_port(mapping) for mapping in each["portMappings"]] for each in fixing}
    named = ", ".join(f"{name}: {{portMappings: [{', '.join(mappings)}]}}" for name, mappings in free.items())
    cure = f"Declare rollout_changes: {{containers: {{{named}}}}}."
    if live.definition.get("networkMode") == "host":
        cure = f"Keep one instance more than tasks, or declare {PERCENT}.minimumHealthyPercent below 100."
    yield Hazard(
        "fixed_host_port",
        f"Each task takes host port {', '.join(ports)} of its instance, and minimumHealthyPercent keeps all old ones: "
        "while no other instance is free ECS can start no new task, so users never get the release.",
        cure,
    )


def _of_any_port(mapping: dict[str, Any]) -> str:
    """A port mapping for whichever port the host gives, as an inventory has it."""
    protocol = f", protocol: {mapping['protocol']}" if mapping.get("protocol", "tcp") != "tcp" else ""
    return f"{{containerPort: {mapping['containerPort']}, hostPort: 0{protocol}}}"
