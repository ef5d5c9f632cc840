"""CloudWatch alarms' states, as deployments look at them."""

import time

from .moto_calls import MotoCalls
from .wire import AwsError

FRESH = 0.5  # seconds of real time that an answer is good for


class Alarms:
    def __init__(self, moto: MotoCalls) -> None:
        self._moto = moto
        self.reset()

    def reset(self) -> None:
        self._known: dict[tuple[str, tuple[str, ...]], tuple[float, dict[str, str]]] = {}

    def states(self, region: str, names: list[str]) -> dict[str, str]:
        """{name: "OK" | "ALARM" | "INSUFFICIENT_DATA"} of the alarms that exist."""
        key = region, tuple(names)
        asked, found = self._known.get(key, (0.0, {}))
        if time.monotonic() - asked > FRESH:
            found = self._ask(region, names)
            self._known[key] = time.monotonic(), found
        return found

    def _ask(self, region: str, names: list[str]) -> dict[str, str]:
        try:
            answer = self._moto.call("cloudwatch", region, "DescribeAlarms", AlarmNames=names)
        except AwsError:  # names that CloudWatch does not accept: no such alarm can ring
            return {}
        return {a["AlarmName"]: a["StateValue"] for a in answer["MetricAlarms"]}
