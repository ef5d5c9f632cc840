"""The load balancing API without its plane, for tests: operations by name, as strictly as through the bed's port."""

from collections.abc import Callable
from typing import Any

import pytest

from testbed import strict, wire
from testbed.addresses import Addresses
from testbed.elbv2 import Elbv2

MODEL = wire.service_model("elbv2")
NOWHERE = "arn:aws:elasticloadbalancing:us-east-1:000000000000"
Json = dict[str, Any]


class Api:
    """The operations by their names: api("CreateRule", ...) as strictly as through the bed's port."""

    def __init__(self) -> None:
        self.state = Elbv2("us-east-1", "000000000000", Addresses("127.99"), 1.0)

    def __call__(self, operation: str, **params: Any) -> Json:
        return strict.call(MODEL, self.state, operation, params)

    def balancer(self, name: str = "web", **more: Any) -> Json:
        made = self("CreateLoadBalancer", **{"Name": name, "Subnets": ["subnet-1", "subnet-2"], **more})
        found: Json = made["LoadBalancers"][0]
        return found

    def group(self, name: str = "web", **more: Any) -> Json:
        settings = {"Name": name, "Protocol": "HTTP", "Port": 8080, "VpcId": "vpc-1", "TargetType": "ip", **more}
        found: Json = self("CreateTargetGroup", **settings)["TargetGroups"][0]
        return found

    def listener(self, balancer: Json, *actions: Json, port: int = 8080, **more: Any) -> Json:
        settings = {"LoadBalancerArn": balancer["LoadBalancerArn"], "Protocol": "HTTP", "Port": port, **more}
        found: Json = self("CreateListener", **settings, DefaultActions=list(actions))["Listeners"][0]
        return found

    def rule(self, listener: Json, priority: int, **more: Any) -> Json:
        settings = {"Conditions": [PATH], "Actions": [FIXED], **more}
        made = self("CreateRule", ListenerArn=listener["ListenerArn"], Priority=priority, **settings)
        found: Json = made["Rules"][0]
        return found


FIXED: Json = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}
PATH: Json = {"Field": "path-pattern", "Values": ["/x"]}


def to(*groups: Json, **config: Any) -> Json:
    if len(groups) == 1 and not config:
        return {"Type": "forward", "TargetGroupArn": groups[0]["TargetGroupArn"]}
    tuples = [{"TargetGroupArn": group["TargetGroupArn"]} for group in groups]
    return {"Type": "forward", "ForwardConfig": {"TargetGroups": tuples, **config}}


def refused(code: str, words: str, call: Callable[[], Any]) -> None:
    with pytest.raises(wire.AwsError) as found:
        call()
    assert found.value.code == code, found.value.message
    assert words in found.value.message
