"""Conditions of listener rules: what AWS accepts, and whether a request meets them.

Source: API reference, RuleCondition; user guide, "Condition types for listener rules". Served: path-pattern,
host-header, http-header, http-request-method, query-string, source-ip. Regular expressions are refused by name.
"""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from ..wire import AwsError
from .model import Json
from .state import refused

CONFIGS = {
    "host-header": "HostHeaderConfig",
    "path-pattern": "PathPatternConfig",
    "http-header": "HttpHeaderConfig",
    "query-string": "QueryStringConfig",
    "http-request-method": "HttpRequestMethodConfig",
    "source-ip": "SourceIpConfig",
}
ONCE = ("host-header", "path-pattern", "http-request-method", "source-ip")  # the others may appear several times
MOST_VALUES = 5  # quota "Condition values per rule"


@dataclass(frozen=True)
class Facts:
    """What conditions look at: names in lower case, query decoded by nobody, `source` the peer's address."""

    method: str
    host: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: tuple[tuple[str, str], ...]
    source: str


def checked(conditions: list[Json]) -> list[Json]:
    """Conditions in the form that AWS stores and answers, or AwsError."""
    stored = [_checked(condition) for condition in conditions]
    fields = [condition["Field"] for condition in stored]
    for field in ONCE:
        if fields.count(field) > 1:
            raise AwsError("InvalidConfigurationRequest", f"A rule can only have one '{field}' condition")
    if not stored:
        raise AwsError("ValidationError", "A rule must have at least one condition")
    if sum(len(_values(condition)) for condition in stored) > MOST_VALUES:
        raise AwsError("ValidationError", f"A rule can only have '{MOST_VALUES}' condition values")
    return stored


def _checked(condition: Json) -> Json:
    field = condition.get("Field")
    if field not in CONFIGS:
        raise AwsError("ValidationError", f"Condition field '{field}' must be one of '[{', '.join(sorted(CONFIGS))}]'")
    config = CONFIGS[field]
    if condition.get("RegexValues") or condition.get(config, {}).get("RegexValues"):
        raise refused("regular expressions in rule conditions")
    for other in condition:
        if other not in ("Field", config) and not (other == "Values" and field in ("host-header", "path-pattern")):
            raise AwsError("ValidationError", f"'{other}' cannot be specified for a condition of the field '{field}'")
    for member in condition.get(config, {}):
        if member != "Values" and (field, member) != ("http-header", "HttpHeaderName"):
            raise AwsError(
                "ValidationError", f"'{config}.{member}' cannot be specified for a condition of this listener"
            )
    if "Values" in condition and config in condition and condition["Values"] != condition[config].get("Values"):
        raise AwsError("ValidationError", f"Specify either Values or {config}, but not both")
    stored: Json = {"Field": field, config: dict(condition.get(config) or {"Values": condition.get("Values", [])})}
    values = _values(stored)
    if not values:
        raise AwsError("ValidationError", "A condition value must be specified")
    for value in values:
        _check_value(field, value)
    if field == "http-header" and not re.fullmatch(
        r"[\w!#$%&'*+.^`|~-]{1,40}", stored[config].get("HttpHeaderName", "")
    ):
        raise AwsError("ValidationError", "An HTTP header condition must have a valid HttpHeaderName")
    if field in ("host-header", "path-pattern"):
        stored["Values"] = values
    return stored


def _values(condition: Json) -> list[Json | str]:
    found: list[Json | str] = condition[CONFIGS[condition["Field"]]].get("Values", [])
    return found


def _check_value(field: str, value: Json | str) -> None:
    text = value.get("Value", "") if isinstance(value, dict) else value
    good = 1 <= len(text) <= 128
    if field == "source-ip":
        try:
            ipaddress.ip_network(text, strict=False)
        except ValueError:
            good = False
    elif field == "http-request-method":
        good = bool(re.fullmatch(r"[A-Z_-]{1,40}", text))
    if not good:
        raise AwsError("ValidationError", f"The condition value '{text}' is not valid for the field '{field}'")


def met(conditions: Iterable[Json], facts: Facts) -> bool:
    """Whether the request meets every condition; one of a condition's values is enough."""
    return all(_met(condition, facts) for condition in conditions)


def _met(condition: Json, facts: Facts) -> bool:
    field, values = condition["Field"], _values(condition)
    if field == "source-ip":
        source = ipaddress.ip_address(facts.source)
        return any(source in ipaddress.ip_network(str(value), strict=False) for value in values)
    if field == "http-request-method":
        return facts.method in values
    if field == "query-string":
        return any(_query_has(facts.query, value) for value in values if isinstance(value, dict))
    if field == "http-header":
        name = condition["HttpHeaderConfig"]["HttpHeaderName"].lower()
        seen = [value for key, value in facts.headers if key == name]
        return any(like(str(pattern), value, ignore_case=True) for pattern in values for value in seen)
    if field == "host-header":
        return any(like(str(pattern), facts.host, ignore_case=True) for pattern in values)
    return any(like(str(pattern), facts.path) for pattern in values)


def _query_has(query: tuple[tuple[str, str], ...], wanted: Json) -> bool:
    """A pair without a key matches the value under any key."""
    return any(
        like(wanted["Value"], value, ignore_case=True)
        and ("Key" not in wanted or like(wanted["Key"], key, ignore_case=True))
        for key, value in query
    )


def like(pattern: str, text: str, ignore_case: bool = False) -> bool:
    r"""AWS's wildcards: * for any characters, ? for exactly one, \* and \? for themselves."""
    return bool(_compiled(pattern, ignore_case).fullmatch(text))


@lru_cache(maxsize=1024)
def _compiled(pattern: str, ignore_case: bool) -> "re.Pattern[str]":
    words = {"*": ".*", "?": ".", r"\*": r"\*", r"\?": r"\?"}
    parts = re.split(r"(\\\*|\\\?|\*|\?)", pattern)
    expression = "".join(words.get(part, re.escape(part)) for part in parts)
    return re.compile(expression, re.DOTALL | (re.IGNORECASE if ignore_case else 0))
