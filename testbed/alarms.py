"""CloudWatch alarms, as deployments look at them.

Source: "How CloudWatch alarms detect Amazon ECS deployment failures",
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-alarm-failure.html
"""

import time

from .moto_calls import MotoCalls
from .wire import AwsError, Params

FRESH = 0.5  # seconds of real time that an answer is good for


class Alarms:
    def __init__(self, moto: MotoCalls) -> None:
        self._moto = moto
        self.reset()

    def reset(self) -> None:
        self._known: dict[tuple[str, tuple[str, ...]], tuple[float, list[Params]]] = {}

    def states(self, region: str, names: list[str]) -> dict[str, str]:
        """{name: "OK" | "ALARM" | "INSUFFICIENT_DATA"} of the alarms that exist."""
        return {a["AlarmName"]: a["StateValue"] for a in self._described(region, names)}

    def bake_time(self, region: str, names: list[str]) -> int:
        """Seconds for which they are watched once the old tasks are gone: "Amazon ECS computes this time period based
        on the alarm configuration", by no published formula. Here it is the longest period."""
        return max((a.get("Period", 60) for a in self._described(region, names)), default=0)

    def _described(self, region: str, names: list[str]) -> list[Params]:
        key = region, tuple(names)
        asked, found = self._known.get(key, (0.0, []))
        if time.monotonic() - asked > FRESH:
            found = self._ask(region, names)
            self._known[key] = time.monotonic(), found
        return found

    def _ask(self, region: str, names: list[str]) -> list[Params]:
        try:
            found: list[Params] = self._moto.call("cloudwatch", region, "DescribeAlarms", AlarmNames=names)[
                "MetricAlarms"
            ]
        except AwsError:  # names that CloudWatch does not accept: no such alarm can ring
            return []
        return found
