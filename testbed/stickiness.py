"""Sticky sessions: the cookies of an Application Load Balancer, sealed so that a client can neither read nor make one.

User guide, "Sticky sessions for your Application Load Balancer". AWSALB names a target, AWSALBTG the target group of a
weighted forward; each has a twin ending in CORS with SameSite=None. Every cookie is set anew with each answer and
expires at the client after 7 days, whatever duration is configured: the duration lies inside the sealed value and is
enforced here. Application cookies are refused by name.
"""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from email.utils import formatdate
from typing import Any

from .elbv2.model import Address, Json, Rule, Target, TargetGroup

KEY = secrets.token_bytes(32)
SIGNATURE = 12  # bytes of the signature kept in a cookie
CLIENT_SECONDS = 7 * 86400
GROUP_COOKIE, TARGET_COOKIE = "AWSALBTG", "AWSALB"


def seal(purpose: str, until: float, *fields: str | int) -> str:
    """A cookie value that holds `fields` and is good until `until` (time.time()); each one looks different."""
    body = json.dumps([secrets.randbits(32), until, *fields]).encode()
    return base64.urlsafe_b64encode(_signature(purpose, body) + body).decode().rstrip("=")


def unseal(purpose: str, value: str, now: float) -> list[Any] | None:
    """The fields of a cookie value, or None if it is forged, expired or sealed for another purpose."""
    try:
        raw = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
    except ValueError:
        return None
    body = raw[SIGNATURE:]
    if not hmac.compare_digest(raw[:SIGNATURE], _signature(purpose, body)):
        return None
    _, until, *fields = json.loads(body)
    return fields if until > now else None


def _signature(purpose: str, body: bytes) -> bytes:
    return hmac.new(KEY, purpose.encode() + b"\0" + body, hashlib.sha256).digest()[:SIGNATURE]


def _cookies(name: str, purpose: str, duration: float, now: float, *fields: str | int) -> list[str]:
    value, expires = seal(purpose, now + duration, *fields), formatdate(now + CLIENT_SECONDS, usegmt=True)
    return [
        f"{name}={value}; Expires={expires}; Path=/",
        f"{name}CORS={value}; Expires={expires}; Path=/; SameSite=None",
    ]


def _seen(name: str, purpose: str, cookies: Mapping[str, str], now: float) -> list[Any] | None:
    for candidate in (name, f"{name}CORS"):
        fields = unseal(purpose, cookies.get(candidate, ""), now)
        if fields is not None:
            return fields
    return None


def group_of(rule: Rule, config: Json, cookies: Mapping[str, str], now: float) -> str | None:
    """ARN of the target group that a client of a weighted forward sticks to."""
    if not config["TargetGroupStickinessConfig"]["Enabled"]:
        return None
    fields = _seen(GROUP_COOKIE, rule.arn, cookies, now)
    return str(fields[0]) if fields else None


def group_cookies(rule: Rule, config: Json, group: TargetGroup, now: float) -> list[str]:
    """Set-Cookie values that keep a client on `group`; none for a single group or without group stickiness."""
    sticky = config["TargetGroupStickinessConfig"]
    if len(config["TargetGroups"]) < 2 or not sticky["Enabled"]:
        return []
    return _cookies(GROUP_COOKIE, rule.arn, sticky["DurationSeconds"], now, group.arn)


def _sticks(group: TargetGroup) -> bool:
    return group.attributes["stickiness.enabled"] == "true"


def address_of(group: TargetGroup, cookies: Mapping[str, str], now: float) -> Address | None:
    """The target that a client sticks to."""
    fields = _seen(TARGET_COOKIE, f"{TARGET_COOKIE} {group.arn}", cookies, now) if _sticks(group) else None
    return (str(fields[0]), int(fields[1])) if fields else None


def target_cookies(group: TargetGroup, target: Target, now: float) -> list[str]:
    """Set-Cookie values that keep a client on `target`."""
    if not _sticks(group):
        return []
    duration = group.seconds("stickiness.lb_cookie.duration_seconds")
    return _cookies(TARGET_COOKIE, f"{TARGET_COOKIE} {group.arn}", duration, now, target.address, target.port)
