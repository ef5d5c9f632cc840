"""Numbers as pure functions: thresholds, delays, limits. AWS publishes them, but of RESTART_DELAYS only the last.

Sources: "How the Amazon ECS deployment circuit breaker detects failures",
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html, and
"Service throttling logic", https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-throttle-logic.html, and
"Complete Amazon ECS rolling deployments early with early success criteria", .../early-success-criteria.html
"""

import math

from ..wire import Params

# Seconds before the next start after 1, 2... tasks that did not start: "incrementally increased up to a maximum of 27
# minutes".
RESTART_DELAYS = (0, 0, 1, 2, 4, 8, 15, 30, 60, 120, 240, 480, 960, 1620)
STEADY_AFTER = 40  # seconds of RUNNING that make a task without a load balancer healthy
KEPT = 3600  # seconds that a stopped task can be described


def threshold(configuration: Params, desired: int) -> int:
    """How many failed tasks trip the circuit breaker of a deployment of `desired` tasks."""
    breaker = configuration.get("deploymentCircuitBreaker", {})
    declared = breaker.get("thresholdConfiguration", {})
    kind, value = declared.get("type", "BOUNDED_PERCENT"), int(declared.get("value", 50))
    if kind == "COUNT":
        return value
    count = math.ceil(desired * value / 100)
    return max(1, count) if kind == "UNBOUNDED_PERCENT" else min(200, max(3, count))


def lowest(configuration: Params, desired: int) -> int:
    """minimumHealthyPercent of the desired count, rounded up: below it no healthy task is stopped."""
    return math.ceil(desired * int(configuration["minimumHealthyPercent"]) / 100)


def highest(configuration: Params, desired: int) -> int:
    """maximumPercent of the desired count, rounded down: the live tasks of all deployments together."""
    return max(1, desired * int(configuration["maximumPercent"]) // 100) if desired else 0


def early_success(configuration: Params, desired: int) -> int | None:
    """How many healthy tasks of its own complete a deployment of `desired` tasks; None where early success is not
    enabled. healthyPercent is rounded up, and ECS "waits for it to become healthy" of at least one."""
    criteria = configuration.get("earlySuccessCriteria", {})
    if not criteria.get("enable"):
        return None
    return min(desired, max(1, math.ceil(desired * int(criteria["healthyPercent"]) / 100)))


def restart_delay(failures: int) -> int:
    """Seconds to wait before the next start after so many tasks in a row that did not start, one at least."""
    return RESTART_DELAYS[min(failures, len(RESTART_DELAYS)) - 1]
