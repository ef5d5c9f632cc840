"""IAM policies as far as the project's own use them: which call is refused, and in which words.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html and, for the words,
https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html. A key without policies may do all.
"""

import re
from collections.abc import Callable, Container
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from .wire import Params

Statement = dict[str, Any]
MEMBERS = {"Sid", "Effect", "Action", "Resource", "Condition"}
KEYS = {
    *("ecs:cluster", "ecs:task-definition", "ecs:enable-execute-command", "ecs:privileged", "ecs:createaction"),
    *("iam:passedtoservice", "application-autoscaling:service-namespace"),
    *("application-autoscaling:scalable-dimension", "s3:prefix", "s3:if-match", "s3:if-none-match"),
    *("s3:x-amz-server-side-encryption", "s3:resourceaccount", "aws:principalaccount", "aws:securetransport"),
}
"""The condition keys that permissions.py fills in, in small letters: AWS tells keys apart without case
(reference_policies_elements_condition.html). On any other a condition would hold or fail in silence."""


@dataclass(frozen=True)
class Asked:
    """One permission that a call needs."""

    action: str
    resource: str = "*"
    context: dict[str, str] = field(default_factory=dict)


@cache
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(re.escape(text).replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL)


def like(pattern: str, value: str) -> bool:
    """IAM's wildcards: * and ? (fnmatch has brackets too)."""
    return bool(_pattern(pattern).fullmatch(value))


OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": str.__eq__,
    "StringLike": like,
    "ArnEquals": like,  # the two Arn operators are the same: reference_policies_elements_condition_operators.html
    "ArnLike": like,
    "Bool": lambda wanted, value: wanted.lower() == value,
}


def values(given: Any) -> list[str]:
    """What a policy gives as one word or as a list of words."""
    found = given if isinstance(given, list) else [given]
    return [str(v).lower() if isinstance(v, bool) else str(v) for v in found]


def _holds(operator: str, wanted: list[str], value: str | None) -> bool:
    if operator == "Null":
        return str(value is None).lower() in wanted
    if value is None:
        return operator.endswith("IfExists")
    matches = OPERATORS[operator.removesuffix("IfExists")]
    return any(matches(each, value) for each in wanted)


def applies(statement: Statement, asked: Asked) -> bool:
    """Whether a statement speaks of what is asked."""
    context = {key.lower(): value for key, value in asked.context.items()}
    return (
        any(like(each.lower(), asked.action.lower()) for each in values(statement["Action"]))
        and any(like(each, asked.resource) for each in values(statement["Resource"]))
        and all(
            _holds(operator, values(wanted), context.get(key.lower()))
            for operator, keys in statement.get("Condition", {}).items()
            for key, wanted in keys.items()
        )
    )


def checked(policy: Any, of_bucket: bool = False, known: Container[str] | None = KEYS) -> list[Statement]:
    """The statements of a policy document, or ValueError: what is not understood must not allow or forbid a thing.

    A bucket's policy says of whom each statement speaks, a key's or a role's does not.
    """
    statements = policy.get("Statement") if isinstance(policy, dict) else None
    if isinstance(statements, dict):
        statements = [statements]
    if not isinstance(statements, list) or policy.get("Version") != "2012-10-17":
        raise ValueError('want {"Version": "2012-10-17", "Statement": [...]}')
    needed = {"Effect", "Action", "Resource", *(["Principal"] if of_bucket else [])}
    for statement in statements:
        if not isinstance(statement, dict) or not needed <= statement.keys() <= needed | MEMBERS:
            raise ValueError(f"a statement has {', '.join(sorted(needed))}, perhaps Sid and Condition, not {statement}")
        if statement["Effect"] not in ("Allow", "Deny"):
            raise ValueError("Effect is Allow or Deny")
        if statement["Effect"] == "Deny" and statement.get("Principal", "*") not in ("*", {"AWS": "*"}):
            raise ValueError("the bed knows denials for everybody only")
        for operator, keys in statement.get("Condition", {}).items():
            if operator != "Null" and operator.removesuffix("IfExists") not in OPERATORS:
                raise ValueError(f"the bed does not know the condition operator {operator}")
            if known is not None and (unknown := sorted(key for key in keys if key.lower() not in known)):
                raise ValueError(f"the bed does not know the condition keys {unknown}")
    return statements


class Iam:
    def __init__(self, account: str) -> None:
        self.account = account
        self._statements: dict[str, list[Statement]] = {}

    def set(self, given: Any) -> list[str]:
        """Take {access key: [policy document, ...]} in place of what there was; returns the keys."""
        if not isinstance(given, dict) or not all(isinstance(policies, list) for policies in given.values()):
            raise ValueError('want {"ACCESS KEY": [policy document, ...]}')
        self._statements = {key: [s for policy in given[key] for s in checked(policy)] for key in given}
        return sorted(given)

    def refusal(self, key: str, asked: Asked) -> str | None:
        """AWS's sentence when this key's policies do not allow it; None: allowed."""
        statements = self._statements.get(key)
        if statements is None:
            return None
        effects = {s["Effect"] for s in statements if applies(s, asked)}
        if "Deny" in effects:
            return self._sentence(key, asked, "with an explicit deny in an identity-based policy")
        if "Allow" in effects:
            return None
        return self._sentence(key, asked, f"because no identity-based policy allows the {asked.action} action")

    def refusal_of_bucket(self, key: str, asked: Asked, policy: Params) -> str | None:
        """The same for a bucket's policy: only its denials count, for the account's own keys need no grant there."""
        if any(s["Effect"] == "Deny" and applies(s, asked) for s in checked(policy, of_bucket=True)):
            return self._sentence(key, asked, "with an explicit deny in a resource-based policy")
        return None

    def _sentence(self, key: str, asked: Asked, why: str) -> str:
        who = f"arn:aws:sts::{self.account}:assumed-role/{key}/steady"
        resource = f'"{asked.resource}"' if asked.action.startswith("s3:") else asked.resource
        return f"User: {who} is not authorized to perform: {asked.action} on resource: {resource} {why}"
