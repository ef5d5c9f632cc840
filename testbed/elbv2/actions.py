"""Actions of listener rules: forward, redirect, fixed-response. Authentication needs HTTPS: refused by name.

Source: API reference, Action; user guide, "Action types for listener rules".
"""

import re
from collections.abc import Callable

from ..wire import AwsError
from .model import Json
from .state import refused, within

CONFIGS = {
    "forward": ("TargetGroupArn", "ForwardConfig"),
    "redirect": ("RedirectConfig",),
    "fixed-response": ("FixedResponseConfig",),
}
CONTENT_TYPES = ("text/plain", "text/css", "text/html", "application/javascript", "application/json")
REDIRECT = {  # a component that is not given keeps the request's
    "Protocol": "#{protocol}",
    "Host": "#{host}",
    "Port": "#{port}",
    "Path": "/#{path}",
    "Query": "#{query}",
}
MOST_GROUPS = 5  # quota "Target groups per action"


def checked(actions: list[Json], check_group: Callable[[str], object]) -> list[Json]:
    """Actions in the form that AWS stores and answers, or AwsError; `check_group` raises for an unknown group."""
    if len(actions) != 1:
        for action in actions:
            _check_kind(action)
        what = "exactly one of the following action types: forward, redirect, fixed-response"
        raise AwsError("ValidationError", f"A rule must have {what}")
    (action,) = actions
    _check_kind(action)
    kind = action["Type"]
    for member in action:
        if member not in ("Type", "Order", *CONFIGS[kind]):
            raise AwsError(
                "InvalidLoadBalancerAction", f"'{member}' cannot be specified for an action of the type {kind}"
            )
    within("Order", action.get("Order"), 1, 50000)
    maker = {"forward": _forward, "redirect": _redirect, "fixed-response": _fixed}[kind]
    stored = {"Type": kind, **({"Order": action["Order"]} if "Order" in action else {}), **maker(action)}
    for group in stored.get("ForwardConfig", {}).get("TargetGroups", []):
        check_group(group["TargetGroupArn"])
    return [stored]


def _check_kind(action: Json) -> None:
    if action["Type"] not in CONFIGS:
        raise refused(f"actions of the type {action['Type']}")


def _forward(action: Json) -> Json:
    """`ForwardConfig` always; `TargetGroupArn` too when there is one group only."""
    config = action.get("ForwardConfig") or {"TargetGroups": [{"TargetGroupArn": action.get("TargetGroupArn")}]}
    groups = [{"Weight": 1, **group} for group in config.get("TargetGroups", [])]
    arns = [group.get("TargetGroupArn") for group in groups]
    if not arns or None in arns:
        raise AwsError("ValidationError", "A target group must be specified for an action of the type forward")
    if len(arns) > MOST_GROUPS:
        raise AwsError("TooManyTargetGroups", f"An action can forward to at most {MOST_GROUPS} target groups")
    if len(set(arns)) != len(arns) or action.get("TargetGroupArn", arns[0]) != arns[0]:
        raise AwsError("InvalidLoadBalancerAction", "The target groups of a forward action must be unique and agree")
    for group in groups:
        within("Weight", group["Weight"], 0, 999)
    sticky = {"Enabled": False, **config.get("TargetGroupStickinessConfig", {})}
    if sticky["Enabled"] and "DurationSeconds" not in sticky:
        text = "You must specify a duration when enabling target group stickiness"
        raise AwsError("InvalidLoadBalancerAction", text)
    within("DurationSeconds", sticky.get("DurationSeconds"), 1, 604800)
    stored: Json = {"ForwardConfig": {"TargetGroups": groups, "TargetGroupStickinessConfig": sticky}}
    return {"TargetGroupArn": arns[0], **stored} if len(arns) == 1 else stored


def _redirect(action: Json) -> Json:
    config = {**REDIRECT, **(action.get("RedirectConfig") or {})}
    if "StatusCode" not in config:
        raise AwsError("ValidationError", "A redirect action must have a StatusCode")
    if not re.fullmatch(r"HTTPS?|#\{protocol\}", config["Protocol"]):
        raise AwsError("ValidationError", f"The redirect protocol '{config['Protocol']}' is not valid")
    port = config["Port"]
    if port != "#{port}" and not (port.isascii() and port.isdigit() and 1 <= int(port) <= 65535):
        raise AwsError("ValidationError", f"The redirect port '{port}' is not valid")
    if not config["Path"].startswith("/"):
        raise AwsError("ValidationError", "The redirect path must start with a '/'")
    # "You must modify at least one of: protocol, port, hostname or path" (user guide, "Redirect actions")
    if all(config[key] == REDIRECT[key] for key in ("Protocol", "Host", "Port", "Path")):
        text = "The redirect configuration is not valid because it creates a loop."
        raise AwsError("InvalidLoadBalancerAction", text)
    return {"RedirectConfig": config}


def _fixed(action: Json) -> Json:
    config = dict(action.get("FixedResponseConfig") or {})
    if not re.fullmatch(r"[245]\d\d", config.get("StatusCode", ""), re.ASCII):
        raise AwsError("ValidationError", "The status code of a fixed response must be 2XX, 4XX or 5XX")
    if config.get("ContentType", CONTENT_TYPES[0]) not in CONTENT_TYPES or len(config.get("MessageBody", "")) > 1024:
        raise AwsError("ValidationError", "The content type or the message body of a fixed response is not valid")
    return {"FixedResponseConfig": config}


def location(config: Json, protocol: str, host: str, port: int, path: str, query: str) -> str:
    """Where a redirect action sends a request: the port is always written, as AWS does."""
    words = {"protocol": protocol, "host": host, "port": str(port), "path": path.removeprefix("/"), "query": query}
    filled = {key: re.sub(r"#\{(\w+)\}", lambda match: words.get(match[1], match[0]), config[key]) for key in REDIRECT}
    question = f"?{filled['Query']}" if filled["Query"] else ""
    return f"{filled['Protocol'].lower()}://{filled['Host']}:{filled['Port']}{filled['Path']}{question}"
