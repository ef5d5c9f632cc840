"""Health checks of one target: the probe, and what its results make of the target's state.

User guide, "Health checks for Application Load Balancer target groups".
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from yarl import URL

from .elbv2.groups import codes
from .elbv2.model import CHECKING, HEALTHY, REGISTERING, Health, Json, Target, TargetGroup

Declared = Callable[[str], str | None]  # an address: "healthy", "unhealthy" or None, which means "probe it"
SHORTEST = 0.2  # seconds between two probes, and
SHORTEST_TIMEOUT = 1.0  # seconds that a probe may take, however small the scale: an application's speed is not scaled


def mismatch(status: int) -> Health:
    return Health("unhealthy", "Target.ResponseCodeMismatch", f"Health checks failed with these codes: [{status}]")


TIMEOUT = Health("unhealthy", "Target.Timeout", "Request timed out")
FAILED = Health("unhealthy", "Target.FailedHealthChecks", "Health checks failed")


@dataclass
class Streak:
    """Successes and failures in a row."""

    passed: int = 0
    failed: int = 0

    def judge(self, current: Health, problem: Health | None, settings: Json) -> Health:
        """The target's health after one more probe; `problem` is None for a success.

        A new target "must pass one health check" to be healthy, an unhealthy one HealthyThresholdCount in a row;
        UnhealthyThresholdCount failures in a row make it unhealthy.
        """
        if problem is None:
            self.passed, self.failed = self.passed + 1, 0
            enough = current.state == "initial" or self.passed >= settings["HealthyThresholdCount"]
            return HEALTHY if enough else current
        self.passed, self.failed = 0, self.failed + 1
        return problem if self.failed >= settings["UnhealthyThresholdCount"] else current


class Checker:
    """Probes targets from the plane's loop, one task a target."""

    def __init__(self, scale: float, declared: Declared) -> None:
        self.scale, self.declared = scale, declared
        # The load balancer does not verify targets' certificates (user guide, "Routing configuration").
        connector = TCPConnector(limit=0, force_close=True, ssl=False)
        self.session = ClientSession(
            connector=connector,
            cookie_jar=DummyCookieJar(),
            headers={"User-Agent": "ELB-HealthChecker/2.0"},
            skip_auto_headers=("Accept", "Accept-Encoding"),
        )

    async def close(self) -> None:
        await self.session.close()

    async def watch(self, group: TargetGroup, target: Target) -> None:
        """Check until the target is deregistered (or this task is cancelled: its group lost its last listener)."""
        streak = Streak()
        target.checked = CHECKING
        try:
            while target.drain_until is None:
                started, settings = time.monotonic(), group.settings
                problem = await self._problem(target, settings)
                health = streak.judge(target.checked, problem, settings)
                if health is not HEALTHY:
                    target.slow_until = 0.0  # "exits slow start mode when [...] the target becomes unhealthy"
                elif target.checked is not HEALTHY:
                    self._start_slowly(group, target)
                target.checked = health
                pause = settings["HealthCheckIntervalSeconds"] * self.scale - (time.monotonic() - started)
                await asyncio.sleep(max(SHORTEST, pause))
        finally:
            target.checked = REGISTERING

    def _start_slowly(self, group: TargetGroup, target: Target) -> None:
        """Targets start slowly "when they are considered healthy", each time, if "there is at least one healthy target
        that is not in slow start mode" (user guide, "Slow start mode")."""
        now, seconds = time.time(), group.seconds("slow_start.duration_seconds") * self.scale
        others = [t for t in list(group.targets.values()) if t.state == "healthy" and t.slow_until <= now]
        if seconds and others:
            target.slow_until, target.slow_seconds = now + seconds, seconds

    async def _problem(self, target: Target, settings: Json) -> Health | None:
        declared = self.declared(target.at[0])
        if declared is not None:
            return None if declared == "healthy" else mismatch(503)
        port = target.at[1] if settings["HealthCheckPort"] == "traffic-port" else int(settings["HealthCheckPort"])
        scheme, path = settings["HealthCheckProtocol"].lower(), settings["HealthCheckPath"]
        limit = ClientTimeout(total=max(SHORTEST_TIMEOUT, settings["HealthCheckTimeoutSeconds"] * self.scale))
        url = URL(f"{scheme}://{target.at[0]}:{port}{path}", encoded=True)
        try:
            async with self.session.get(url, allow_redirects=False, timeout=limit) as answer:
                await answer.read()
        except TimeoutError:
            return TIMEOUT
        except (ClientError, OSError, ValueError):  # no connection, or an answer that is not HTTP
            return FAILED
        good = any(low <= answer.status <= high for low, high in codes(settings["Matcher"]["HttpCode"]))
        return None if good else mismatch(answer.status)
