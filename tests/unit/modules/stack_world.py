# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""CloudFormation as a client sees it, for modules that run without a bed: the bed's own stacks, over attributes that a
test keeps; at the speed of the calls."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError, ConnectionClosedError

from testbed import stacks as bed
from testbed import strict
from testbed.elbv2.attributes import changed_target_group
from testbed.wire import AwsError, service_model

Answer = dict[str, Any]
KIND = "AWS::ElasticLoadBalancingV2::TargetGroup"
KEYS = {"Duration": "stickiness.lb_cookie.duration_seconds", "Delay": "deregistration_delay.timeout_seconds"}
URL = "https://cloudformation.us-east-1.amazonaws.com"


def resource(**attributes: Any) -> Answer:
    """A target group with these attributes (`Duration`, `Delay`)."""
    listed = [{"Key": KEYS[name], "Value": value} for name, value in attributes.items()]
    return {"Type": KIND, "Properties": {"TargetGroupAttributes": listed}}


def template(**attributes: Any) -> Answer:
    """One target group, `CoralGroup`; the parameter Seconds is there for a value."""
    seconds = {"Type": "Number", "Default": 60}
    return {"Parameters": {"Seconds": seconds}, "Resources": {"CoralGroup": resource(**attributes)}}


class Stacks:
    """A client. Keeps the names of the calls; one of ``refused`` is answered with that code, one of ``lost`` once not
    at all, after it was carried out."""

    def __init__(self, attributes: dict[str, dict[str, str]]) -> None:
        self.attributes, self.tags = attributes, dict[str, dict[str, str]]()
        self.api = bed.Stacks("us-east-1", "111122223333", self, 0.0)  # type: ignore[arg-type]
        self.calls: list[str] = []
        self.refused: dict[str, str] = {}
        self.lost: list[str] = []
        self.stale = 0
        """So many answers about a stack are older than the execution of its change set."""
        self._before: Answer = {}

    def declare(self, name: str, body: Any, groups: dict[str, str], parameters: Answer, **more: Any) -> None:
        """A stack that has made these groups."""
        self.api.declare(name, {"template": body, "groups": groups, "parameters": parameters, **more})

    def modify_target_group_attributes(self, asked: Answer) -> None:
        """What CloudFormation calls."""
        arn = asked["TargetGroupArn"]
        self.attributes[arn] = changed_target_group(self.attributes[arn], asked["Attributes"])

    def wrote(self) -> list[str]:
        """The calls that change something, or make a change set."""
        return [each for each in self.calls if not each.startswith(("describe", "get"))]

    def __getattr__(self, operation: str) -> Callable[..., Answer]:
        def call(**asked: Any) -> Answer:
            self.calls.append(operation)
            if operation in self.refused:
                raise ClientError({"Error": {"Code": self.refused[operation], "Message": "no rights"}}, operation)
            if self.stale and operation == "describe_stacks" and "execute_change_set" in self.calls:
                self.stale -= 1
                return self._before
            self.api.settle()
            model = service_model("cloudformation")
            name = next(each for each in model.operation_names if strict.handler_name(each) == operation)
            try:
                found = strict.call(model, self.api, name, asked)
            except AwsError as error:
                said = {"Code": error.code, "Message": error.message}
                raise ClientError({"Error": said}, name) from None  # type: ignore[arg-type]
            if operation in self.lost:
                self.lost.remove(operation)
                raise ConnectionClosedError(endpoint_url=URL)
            self._before = found if operation == "describe_stacks" else self._before
            return _as_the_sdk_reads_it(found)

        return call


def _as_the_sdk_reads_it(found: Answer) -> Answer:
    """A template in JSON is a mapping (botocore's handlers, json_decode_template_body)."""
    body = found.get("TemplateBody")
    if isinstance(body, str) and body.startswith("{"):
        return {**found, "TemplateBody": json.loads(body)}
    return {key: value for key, value in found.items() if value is not None}
