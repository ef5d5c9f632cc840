"""Sticky sessions: the cookies of an Application Load Balancer, sealed so that a client can neither read nor make one.

User guide, "Sticky sessions for your Application Load Balancer". AWSALB names a target, AWSALBTG the target group of a
weighted forward; each has a twin ending in CORS with SameSite=None, which counts more. AWSALBAPP-0 names a target of
each group whose stickiness an application's own cookie begins. Every cookie is set anew with each answer and expires
at the client after 7 days, whatever duration is configured: the duration lies inside the sealed value and is enforced
here.
"""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable, Mapping
from email.utils import formatdate
from typing import Any

from .elbv2.model import Address, Json, Rule, Target, TargetGroup

KEY = secrets.token_bytes(32)
SIGNATURE = 12  # bytes of the signature kept in a cookie
CLIENT_SECONDS = 7 * 86400
GROUP_COOKIE, TARGET_COOKIE, APPLICATION_COOKIE = "AWSALBTG", "AWSALB", "AWSALBAPP-0"


def seal(purpose: str, until: float, *fields: Any) -> str:
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
    for candidate in (f"{name}CORS", name):
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


def _by_load_balancer(group: TargetGroup) -> bool:
    return group.attributes["stickiness.enabled"] == "true" and group.attributes["stickiness.type"] == "lb_cookie"


def _by_application(group: TargetGroup, config: Json) -> bool:
    """ "Application-based stickiness does not work with weighted target groups." """
    kind = group.attributes["stickiness.enabled"], group.attributes["stickiness.type"]
    return kind == ("true", "app_cookie") and len(config["TargetGroups"]) == 1


def address_of(group: TargetGroup, config: Json, cookies: Mapping[str, str], now: float) -> Address | None:
    """The target that a client sticks to."""
    fields = None
    if _by_load_balancer(group):
        fields = _seen(TARGET_COOKIE, f"{TARGET_COOKIE} {group.arn}", cookies, now)
    elif _by_application(group, config) and group.attributes["stickiness.app_cookie.cookie_name"] in cookies:
        fields = _of_applications(cookies, now).get(group.arn, [0])[1:]  # "clients have to send back both cookies"
    return (str(fields[0]), int(fields[1])) if fields else None


def _of_applications(cookies: Mapping[str, str], now: float) -> dict[str, list[Any]]:
    """What the one cookie holds for each group, by ARN: until when, address and port."""
    fields = unseal(APPLICATION_COOKIE, cookies.get(APPLICATION_COOKIE, ""), now) or [{}]
    return {arn: kept for arn, kept in fields[0].items() if kept[0] > now}


def target_cookies(
    group: TargetGroup, config: Json, target: Target, seen: Mapping[str, str], answered: Iterable[str], now: float
) -> list[str]:
    """Set-Cookie values that keep a client on `target`. It came with the cookies `seen`; the target sets `answered`.

    Where the application begins the stickiness, "only [...] the name" of its cookie counts; a session whose target is
    gone is "stuck" to the new one.
    """
    if _by_load_balancer(group):
        duration = group.seconds("stickiness.lb_cookie.duration_seconds")
        return _cookies(TARGET_COOKIE, f"{TARGET_COOKIE} {group.arn}", duration, now, target.address, target.port)
    if not _by_application(group, config):
        return []
    begins = group.attributes["stickiness.app_cookie.cookie_name"] in answered
    if not begins and address_of(group, config, seen, now) is None:
        return []
    until = now + group.seconds("stickiness.app_cookie.duration_seconds")
    kept = {**_of_applications(seen, now), group.arn: [until, target.address, target.port]}
    value = seal(APPLICATION_COOKIE, max(each[0] for each in kept.values()), kept)
    return [f"{APPLICATION_COOKIE}={value}; Expires={formatdate(now + CLIENT_SECONDS, usegmt=True)}; Path=/"]
