"""Conditions of listener rules: what AWS accepts, and whether a request meets them.

Source: API reference, RuleCondition; user guide, "Condition types for listener rules". Served: path-pattern and
host-header. The other fields and regular expressions are refused by name.
"""

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
}
NOT_SERVED = ("http-header", "http-request-method", "query-string", "source-ip")
MOST_VALUES = 5  # quota "Condition values per rule"
MOST_WILDCARDS = 6  # quota "Condition wildcards per rule"
VALID = {  # API reference, RuleCondition, and HostHeaderConditionConfig: letters alone after the last "."
    "host-header": re.compile(r"[A-Za-z0-9.*?-]*\.[A-Za-z]+"),
    "path-pattern": re.compile(r"""[A-Za-z0-9_.$/~"'@:+&*?-]+"""),
}


@dataclass(frozen=True)
class Facts:
    """What conditions look at."""

    host: str
    path: str


def checked(conditions: list[Json]) -> list[Json]:
    """Conditions in the form that AWS stores and answers, or AwsError."""
    stored = [_checked(condition) for condition in conditions]
    fields = [condition["Field"] for condition in stored]
    for field in CONFIGS:
        if fields.count(field) > 1:
            raise AwsError("InvalidConfigurationRequest", f"A rule can only have one '{field}' condition")
    if not stored:
        raise AwsError("ValidationError", "A rule must have at least one condition")
    values = [value for condition in stored for value in _values(condition)]
    if len(values) > MOST_VALUES:
        raise AwsError("ValidationError", f"A rule can only have '{MOST_VALUES}' condition values")
    if sum(value.count("*") + value.count("?") for value in values) > MOST_WILDCARDS:
        raise AwsError("ValidationError", f"A rule can only have '{MOST_WILDCARDS}' condition wildcards")
    return stored


def _checked(condition: Json) -> Json:
    field = condition.get("Field")
    if field in NOT_SERVED:
        raise refused(f"rule conditions of the field {field}")
    if field not in CONFIGS:
        raise AwsError(
            "ValidationError",
            f"Condition field '{field}' must be one of '[{', '.join(sorted((*CONFIGS, *NOT_SERVED)))}]'",
        )
    config = CONFIGS[field]
    if condition.get("RegexValues") or condition.get(config, {}).get("RegexValues"):
        raise refused("regular expressions in rule conditions")
    for other in condition:
        if other not in ("Field", config, "Values"):
            raise AwsError("ValidationError", f"'{other}' cannot be specified for a condition of the field '{field}'")
    for member in condition.get(config, {}):
        if member != "Values":
            raise AwsError(
                "ValidationError", f"'{config}.{member}' cannot be specified for a condition of this listener"
            )
    if "Values" in condition and config in condition:
        raise AwsError("ValidationError", f"Specify either Values or {config}, but not both")
    stored: Json = {"Field": field, config: dict(condition.get(config) or {"Values": condition.get("Values", [])})}
    values = _values(stored)
    if not values:
        raise AwsError("ValidationError", "A condition value must be specified")
    for value in values:
        if len(value) > 128 or not VALID[field].fullmatch(value):
            raise AwsError("ValidationError", f"The condition value '{value}' is not valid for the field '{field}'")
    return {**stored, "Values": values}


def _values(condition: Json) -> list[str]:
    found: list[str] = condition[CONFIGS[condition["Field"]]].get("Values", [])
    return found


def met(conditions: Iterable[Json], facts: Facts) -> bool:
    """Whether the request meets every condition; one of a condition's values is enough."""
    return all(_met(condition, facts) for condition in conditions)


def _met(condition: Json, facts: Facts) -> bool:
    field, values = condition["Field"], _values(condition)
    if field == "host-header":
        return any(like(pattern, facts.host, ignore_case=True) for pattern in values)
    return any(like(pattern, facts.path) for pattern in values)


def like(pattern: str, text: str, ignore_case: bool = False) -> bool:
    """AWS's wildcards: * for any characters, ? for exactly one."""
    return bool(_compiled(pattern, ignore_case).fullmatch(text))


@lru_cache(maxsize=1024)
def _compiled(pattern: str, ignore_case: bool) -> "re.Pattern[str]":
    expression = "".join({"*": ".*", "?": "."}.get(each, re.escape(each)) for each in pattern)
    return re.compile(expression, re.DOTALL | (re.IGNORECASE if ignore_case else 0))
