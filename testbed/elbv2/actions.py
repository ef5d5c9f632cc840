"""Actions of listener rules: forward and fixed-response; the others are refused by name.

Source: API reference, Action; user guide, "Action types for listener rules".
"""

import re
from collections.abc import Callable

from ..wire import AwsError
from .model import Json
from .state import refused, within

CONFIGS = {
    "forward": ("TargetGroupArn", "ForwardConfig"),
    "fixed-response": ("FixedResponseConfig",),
}
CONTENT_TYPES = ("text/plain", "text/css", "text/html", "application/javascript", "application/json")
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
    maker = {"forward": _forward, "fixed-response": _fixed}[kind]
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
    # "If you specify both ForwardConfig and TargetGroupArn, you can specify only one target group using ForwardConfig
    # and it must be the same target group" (API reference, Action).
    if len(set(arns)) != len(arns) or ("TargetGroupArn" in action and [action["TargetGroupArn"]] != arns):
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


def _fixed(action: Json) -> Json:
    config = dict(action.get("FixedResponseConfig") or {})
    if not re.fullmatch(r"[245]\d\d", config.get("StatusCode", ""), re.ASCII):
        raise AwsError("ValidationError", "The status code of a fixed response must be 2XX, 4XX or 5XX")
    if config.get("ContentType", CONTENT_TYPES[0]) not in CONTENT_TYPES or len(config.get("MessageBody", "")) > 1024:
        raise AwsError("ValidationError", "The content type or the message body of a fixed response is not valid")
    return {"FixedResponseConfig": config}
