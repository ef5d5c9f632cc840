"""Counts calls and injects faults, by service and operation, in front of every API of the bed.

A rule is a dict. Which calls: `service` (signing name), `operation` (a pattern), `contains` (in the body),
`access_key`; of those the ones after the first `skip`, for `times` (no end without it), or the one with the number
`at_call`, with `probability`. Every rule counts every call that fits it; of the rules that are due the first decides.
What happens: a `kind` (KINDS), or in detail `delay` (s), `error` + `status` + `message`, `after` (do it, then lose the
answer), `reset` (drop the connection), `stale` (s: reads lag behind writes), `failures` (a reason: the last of a list
is not found).
"""

import collections
import enum
import fnmatch
import json
import random
import re
import threading
import time
from collections.abc import Callable
from typing import Any

from .calls import Call
from .wire import Answer, Params, failure

Rule = dict[str, Any]
WHICH: dict[str, tuple[type, ...]] = {
    "service": (str,),
    "operation": (str,),
    "contains": (str,),
    "access_key": (str,),
    "skip": (int,),
    "times": (int,),
    "at_call": (int,),
    "probability": (int, float),
}
WHAT: dict[str, tuple[type, ...]] = {
    "kind": (str,),
    "delay": (int, float),
    "error": (str,),
    "after": (bool,),
    "reset": (bool,),
    "stale": (int, float),
    "failures": (str,),
}
OTHER_NAMES = {"elbv2": "elasticloadbalancing", "cloudwatch": "monitoring"}  # botocore's: they would never match
WORDS: dict[str, tuple[type, ...]] = {"status": (int,), "message": (str,)}
EXPIRED_TEXT = "The security token included in the request is expired"
ERRORS: dict[str, dict[str, tuple[str, int, str]]] = {
    "throttle": {
        "json": ("ThrottlingException", 400, "Rate exceeded"),
        "query": ("Throttling", 400, "Rate exceeded"),
        "rest-xml": ("SlowDown", 503, "Please reduce your request rate."),
    },
    "server_error": {
        "json": ("ServerException", 500, "Service Unavailable. Please try again later."),
        "query": ("InternalFailure", 500, "The request processing has failed because of an unknown error."),
        "rest-xml": ("InternalError", 500, "We encountered an internal error. Please try again."),
    },
    "expired": {
        "json": ("ExpiredTokenException", 400, EXPIRED_TEXT),
        "query": ("ExpiredToken", 403, EXPIRED_TEXT),
        "rest-xml": ("ExpiredToken", 400, "The provided token has expired."),
    },
}
"""Code, HTTP status and message of a kind, by protocol."""
KINDS: dict[str, Rule] = {
    "throttle": {},
    "server_error": {},
    "server_error_after": {"after": True},
    "expired": {},
    "reset": {"reset": True},
    "reset_after": {"after": True, "reset": True},
    "timeout": {"silence": True},
    "timeout_after": {"after": True, "silence": True},
    "stale": {"stale": 1.0},
}
READS = re.compile("(Describe|List|Get|BatchGet|Head|Filter|Simulate)")

REQUEST_ID = re.compile(rb"<requestid>[^<]*</requestid>", re.IGNORECASE)


class Lost(enum.Enum):
    """How a client gets no answer."""

    RESET = "connection dropped"
    SILENCE = "no answer"


def error(kind: str, protocol: str) -> Answer:
    """The refusal of a kind, as the protocol's services word it."""
    code, status, message = ERRORS[kind][protocol]
    return failure(protocol, code, message, status)


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
        if rule.get("kind", "reset") not in KINDS:
            raise ValueError(f"the kinds are {', '.join(KINDS)}")
        if rule.get("at_call", 1) < 1 or ("at_call" in rule and {"skip", "times"} & rule.keys()):
            raise ValueError("at_call is the number of one call, from 1, and stands without skip and times")
        if WORDS.keys() & rule.keys() and "error" not in rule:
            raise ValueError(f"{' and '.join(WORDS)} are those of an error, whose code is missing")
        if rule.get("service") in OTHER_NAMES:
            raise ValueError(f"the service is called {OTHER_NAMES[rule['service']]} here, as in signatures")
    return [dict(rule) for rule in rules]


def fits(rule: Rule, call: Call, body: bytes) -> bool:
    return (
        rule.get("service", call.service) == call.service
        and rule.get("access_key", call.key) == call.key
        and fnmatch.fnmatchcase(call.operation, rule.get("operation", "*"))
        and rule.get("contains", "").encode() in body
    )


def due(rule: Rule, number: int) -> bool:
    """Whether a rule strikes at the number-th call that fits it, counted from 1."""
    if "at_call" in rule:
        return bool(number == rule["at_call"])
    first, times = rule.get("skip", 0), rule.get("times")
    return bool(number > first and (times is None or number <= first + times))


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
            self._answers: dict[tuple[Call, bytes], tuple[Answer, float | None]] = {}

    @property
    def rules(self) -> list[Rule]:
        return self._rules

    def forget_calls(self) -> None:
        with self._lock:
            self._calls: collections.Counter[str] = collections.Counter()
            self._log: collections.deque[Params] = collections.deque(maxlen=20000)

    def calls(self) -> Params:
        """How many there were of each, and each in order of arrival."""
        with self._lock:
            return {"calls": dict(self._calls), "log": list(self._log)}

    def note(self, call: Call) -> Params:
        """Begin a call's entry in the log; `parameters`, `fault` and `error` are added once they are known."""
        entry: Params = {
            "time": round(time.time(), 3),
            "access_key": call.key,
            "service": call.service,
            "operation": call.operation,
        }
        with self._lock:
            self._calls[f"{call.service}:{call.operation}"] += 1
            self._log.append(entry)
        return entry

    def _rule_for(self, call: Call, body: bytes) -> Rule | None:
        found = None
        with self._lock:
            for number, rule in enumerate(self._rules):
                if fits(rule, call, body):
                    self._seen[number] += 1
                    if found is None and due(rule, self._seen[number]) and random.random() < rule.get("probability", 1):
                        found = rule
        return found

    def apply(self, call: Call, body: bytes, entry: Params, do: Callable[[], Answer]) -> Answer | Lost:
        """`do()` gives the real answer; `entry` is the call's in the log."""
        rule = self._rule_for(call, body)
        if rule is None:
            return self._remembered(call, body, do())
        wanted = {**KINDS.get(rule.get("kind", ""), {}), **rule}
        if wanted.get("stale"):
            time.sleep(wanted.get("delay", 0))
            found, is_old = self._stale(wanted["stale"], call, body, do())
            if is_old or wanted.get("delay"):
                entry["fault"] = rule.get("kind", "rule")
            return found
        entry["fault"] = rule.get("kind", "rule")
        time.sleep(wanted.get("delay", 0))
        if wanted.get("failures"):
            return with_failure(do(), wanted["failures"])
        if wanted.get("after"):
            do()
        if wanted.get("silence"):
            return Lost.SILENCE
        if wanted.get("reset"):
            return Lost.RESET
        if "error" in wanted:
            status, message = wanted.get("status", 400), wanted.get("message", "injected by the test bed")
            return failure(call.protocol, wanted["error"], message, status)
        if "kind" in wanted:
            return error(wanted["kind"].removesuffix("_after"), call.protocol)
        return Lost.RESET if wanted.get("after") else do()

    def _remembered(self, call: Call, body: bytes, fresh: Answer) -> Answer:
        """What a stale read of later may answer with."""
        with self._lock:
            if any("stale" in (rule.get("kind"), *rule) for rule in self._rules):
                self._answers[call, body] = fresh, None
        return fresh

    def _stale(self, seconds: float, call: Call, body: bytes, fresh: Answer) -> tuple[Answer, bool]:
        """The answer of before for `seconds` after it changed, as an eventually consistent read gives it; and whether
        it is one: there is none before the first.

        S3 is never stale: https://aws.amazon.com/s3/consistency/
        """
        if call.service == "s3" or not READS.match(call.operation):
            return fresh, False
        with self._lock:
            kept, changed = self._answers.get((call, body), (fresh, None))
            if told(kept) != told(fresh):
                changed = changed or time.monotonic()
                if time.monotonic() - changed < seconds:
                    self._answers[call, body] = kept, changed
                    return kept, True
            self._answers[call, body] = fresh, None
            return fresh, False


def told(answer: Answer) -> bytes:
    """What an answer says, without the request's own id, which is another each time."""
    return REQUEST_ID.sub(b"", answer[2])


def with_failure(answer: Answer, reason: str) -> Answer:
    """The answer of an ECS Describe call with the last thing found moved to its `failures`."""
    status, headers, content = answer
    body = json.loads(content) if status == 200 and b'"failures"' in content else {}
    for name in [name for name, value in body.items() if name != "failures" and isinstance(value, list) and value]:
        arn = body[name].pop()[f"{name.removesuffix('s')}Arn"]
        body["failures"].append({"arn": arn, "reason": reason})
        return status, headers, json.dumps(body).encode()
    return answer
