"""Counts calls and injects faults, by service and operation, in front of every API of the bed.

A rule is a dict; the first that matches decides. Which calls: `service` (signing name), `operation` (a pattern),
`contains` (in the body), `skip`, `times`, `probability`. What happens: `delay` (s), `error` + `status` + `message`,
`after` (do it, then lose the answer), `reset` (drop the connection), `stale` (s: reads lag behind writes).
"""

import collections
import fnmatch
import random
import threading
import time
from collections.abc import Callable
from typing import Any

from .wire import Answer, Params

Rule = dict[str, Any]
WHICH: dict[str, tuple[type, ...]] = {
    "service": (str,),
    "operation": (str,),
    "contains": (str,),
    "skip": (int,),
    "times": (int,),
    "probability": (int, float),
}
WHAT: dict[str, tuple[type, ...]] = {
    "delay": (int, float),
    "error": (str,),
    "after": (bool,),
    "reset": (bool,),
    "stale": (int, float),
}
OTHER_NAMES = {"elbv2": "elasticloadbalancing", "cloudwatch": "monitoring"}  # botocore's: they would never match
WORDS: dict[str, tuple[type, ...]] = {"status": (int,), "message": (str,)}


def checked(rules: Any) -> list[Rule]:
    """The rules as given, or ValueError: a misspelt rule would never match and the test would prove nothing."""
    if not isinstance(rules, list):
        raise ValueError("want a list of rules")
    known = {**WHICH, **WHAT, **WORDS}
    for rule in rules:
        if not isinstance(rule, dict):
            raise ValueError("a rule is an object")
        for key, value in rule.items():
            if key not in known:
                raise ValueError(f"a rule has no key {key!r}; it has {', '.join(known)}")
            if not isinstance(value, known[key]):
                raise ValueError(f"{key} must be of type {known[key][-1].__name__}")
        if not any(rule.get(key) for key in WHAT):
            raise ValueError(f"a rule needs one of {', '.join(WHAT)}")
        if rule.get("service") in OTHER_NAMES:
            raise ValueError(f"the service is called {OTHER_NAMES[rule['service']]} here, as in signatures")
    return [dict(rule) for rule in rules]


class Faults:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        self.set_rules([])
        self.forget_calls()

    def set_rules(self, rules: Any) -> None:
        """Raises ValueError when a rule is not one."""
        new = checked(rules)
        with self._lock:
            self._rules: list[Rule] = new
            self._seen = [0] * len(new)
            self._answers: dict[tuple[str, str, bytes], tuple[Answer, float | None]] = {}

    @property
    def rules(self) -> list[Rule]:
        return self._rules

    def forget_calls(self) -> None:
        with self._lock:
            self._calls: collections.Counter[str] = collections.Counter()
            self._log: collections.deque[Params] = collections.deque(maxlen=20000)

    def calls(self) -> Params:
        with self._lock:
            return {"calls": dict(self._calls), "log": list(self._log)}

    def note(self, service: str, operation: str) -> Params:
        """Begin a call's entry in the log; the caller adds `parameters` and `error` when it knows them."""
        entry: Params = {"time": round(time.time(), 3), "service": service, "operation": operation}
        with self._lock:
            self._calls[f"{service}:{operation}"] += 1
            self._log.append(entry)
        return entry

    def _rule_for(self, service: str, operation: str, body: bytes) -> Rule | None:
        with self._lock:
            for number, rule in enumerate(self._rules):
                if (
                    rule.get("service", service) != service
                    or not fnmatch.fnmatchcase(operation, rule.get("operation", "*"))
                    or rule.get("contains", "").encode() not in body
                ):
                    continue
                self._seen[number] += 1
                first, times = rule.get("skip", 0), rule.get("times")
                due = self._seen[number] > first and (times is None or self._seen[number] <= first + times)
                if due and random.random() < rule.get("probability", 1):
                    return rule
        return None

    def apply(
        self,
        service: str,
        operation: str,
        body: bytes,
        do: Callable[[], Answer],
        refuse: Callable[[str, str, int], Answer],
    ) -> Answer | None:
        """`do()` gives the real answer; `refuse(code, message, status)` an error. None: drop the connection."""
        rule = self._rule_for(service, operation, body)
        if rule is None:
            return do()
        time.sleep(rule.get("delay", 0))
        if rule.get("stale"):
            return self._stale(rule["stale"], (service, operation, body), do())
        if rule.get("after"):
            do()
        if rule.get("reset"):
            return None
        if rule.get("error"):
            status = rule.get("status", 400)
            return refuse(rule["error"], rule.get("message", "injected by the test bed"), status)
        return None if rule.get("after") else do()

    def _stale(self, seconds: float, key: tuple[str, str, bytes], fresh: Answer) -> Answer:
        """The answer of before for `seconds` after it changed, as an eventually consistent read gives it."""
        with self._lock:
            kept, changed = self._answers.get(key, (fresh, None))
            if kept[2] != fresh[2]:
                changed = changed or time.monotonic()
                if time.monotonic() - changed < seconds:
                    self._answers[key] = kept, changed
                    return kept
            self._answers[key] = fresh, None
            return fresh
