"""AWS's rates, when they are switched on."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import cycle
from types import SimpleNamespace
from typing import Any, NamedTuple

import boto3
import pytest
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError

from testbed import strict, wire
from testbed.buckets import LIMITS, Buckets
from testbed.calls import Call
from testbed.ecs import Ecs
from testbed.elbv2 import Elbv2
from tests.testbed.beds import World, until


class Rate(NamedTuple):
    """A row of AWS's tables, as far as the bed has its operations: copied from there, not from the bed."""

    operations: list[str]
    burst: int
    refill: float  # a second
    service: str = "ecs"


B = "elasticloadbalancing"
RATES = [
    # API reference of ECS, "Request throttling for the Amazon ECS API"
    Rate(["CreateCluster", "DeleteCluster"], 20, 1),
    Rate(["DescribeClusters", "ListClusters"], 50, 20),
    Rate(["RegisterTaskDefinition", "DeregisterTaskDefinition"], 20, 1),
    Rate(["DescribeTaskDefinition", "ListTaskDefinitions"], 50, 20),
    Rate(["DeleteTaskDefinitions"], 5, 1),
    Rate(["TagResource", "UntagResource"], 20, 10),
    Rate(["ListTagsForResource"], 50, 20),
    Rate(["RunTask", "StopTask", "DeregisterContainerInstance"], 100, 40),
    Rate(["DescribeTasks", "ListTasks", "DescribeContainerInstances", "ListContainerInstances"], 100, 20),
    Rate(["RegisterContainerInstance"], 200, 120),
    Rate(["CreateService", "UpdateService", "DeleteService"], 50, 5),
    Rate(["DescribeServices", "ListServices"], 100, 20),
    Rate(["DescribeServiceDeployments", "ListServiceDeployments"], 50, 20),
    Rate(["DescribeServiceRevisions"], 50, 20),
    # User guide of Elastic Load Balancing, "Request throttling for the Elastic Load Balancing API"
    Rate(
        [
            *("DescribeListeners", "DescribeLoadBalancerAttributes", "DescribeLoadBalancers", "DescribeRules"),
            *("DescribeTags", "DescribeTargetGroupAttributes", "DescribeTargetGroups", "DescribeTargetHealth"),
        ],
        *(40, 10, B),
    ),
    Rate(["RegisterTargets", "DeregisterTargets"], 20, 4, B),
    Rate(["CreateLoadBalancer"], 10, 0.2, B),
    Rate(
        [
            *("AddTags", "CreateListener", "CreateRule", "CreateTargetGroup", "DeleteListener", "DeleteLoadBalancer"),
            *("DeleteRule", "DeleteTargetGroup", "ModifyListener", "ModifyLoadBalancerAttributes"),
            *("ModifyTargetGroup", "ModifyTargetGroupAttributes", "RemoveTags"),
        ],
        *(20, 3, B),
    ),
    Rate(["DescribeRules", "RegisterTargets", "DeleteRule"], 40, 10, B),  # the account's, over all of them
]
IN_NO_ROW = {"StopServiceDeployment", "ContinueServiceDeployment"}  # of AWS's page
NEVER = 1000.0  # seconds of a second: nothing is refilled while a test runs


class Account:
    """Calls at a clock that is set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, rate: Rate) -> None:
        self.now, self.rate, self.buckets = 0.0, rate, Buckets()
        monkeypatch.setattr("testbed.buckets.time", SimpleNamespace(monotonic=lambda: self.now))
        self.buckets.switch(1.0)

    def _take(self, operation: str) -> bool:
        return self.buckets.take(Call("key", "us-east-1", self.rate.service, operation, "json", "/"))

    def answered(self) -> int:
        """How many calls are answered now, the operations by turns, until each of them is refused."""
        found = 0
        for operation in cycle(self.rate.operations):
            if not self._take(operation):
                break
            found += 1
        assert not any(self._take(operation) for operation in self.rate.operations)
        return found


@pytest.mark.parametrize("rate", RATES, ids=lambda rate: f"{rate.service}-{rate.operations[0]}")
def test_a_bucket_is_as_deep_and_fills_as_fast_as_aws_says(monkeypatch: pytest.MonkeyPatch, rate: Rate) -> None:
    """ "A set number of tokens is added back every second until the bucket reaches its maximum capacity"."""
    account = Account(monkeypatch, rate)
    assert account.answered() == rate.burst
    whole = 1 if rate.refill >= 1 else round(1 / rate.refill)  # "several seconds to generate one full token"
    account.now += whole - 0.1
    assert account.answered() == 0
    account.now += 0.2
    assert account.answered() == whole * rate.refill
    account.now += 2 * whole
    assert account.answered() == min(rate.burst, 2 * whole * rate.refill)
    for _ in range(whole):  # a refused call takes nothing, and keeps no part of a token from coming
        account.now += 1
        found = account.answered()
    assert found == whole * rate.refill
    account.now += 3600
    assert account.answered() == rate.burst


def test_every_operation_of_the_bed_and_every_bucket_is_in_awss_tables() -> None:
    for service, name, api in (("ecs", "ecs", Ecs), (B, "elbv2", Elbv2)):
        model, rates = wire.service_model(name), [rate for rate in RATES if rate.service == service]
        there = set(model.operation_names) - set(strict.unsupported(model, api))
        assert there - {each for rate in rates for each in rate.operations} == (IN_NO_ROW if name == "ecs" else set())
        assert [(r.burst, Fraction(str(r.refill))) for r in rates] == [
            (each.burst, each.refill) for each in LIMITS[service]
        ]


@pytest.fixture
def rated(declared: World) -> Iterator[World]:
    assert declared.bed.admin("PUT", "/_bed/buckets", {"scale": NEVER}) == (200, {"scale": NEVER})
    yield declared
    declared.bed.admin("DELETE", "/_bed/buckets")


def answered(call: Callable[[], Any], most: int) -> tuple[int, str]:
    """How often a call was answered before the first refusal, and the code of that."""
    for number in range(most):
        try:
            call()
        except ClientError as e:
            assert e.response["Error"]["Message"] == "Rate exceeded"
            assert e.response["ResponseMetadata"]["HTTPStatusCode"] == 400
            return number, str(e.response["Error"]["Code"])
    return most, ""


def test_a_burst_and_then_the_refusal(rated: World) -> None:
    assert answered(rated.register, 25) == (20, "ThrottlingException")
    group = rated.group
    assert answered(lambda: rated.elb.describe_target_health(TargetGroupArn=group), 50) == (40, "Throttling")
    log = rated.bed.admin("GET", "/_bed/calls")[1]["log"]
    assert [(e["operation"], e["fault"], e["error"]) for e in log if "fault" in e] == [
        ("RegisterTaskDefinition", "bucket", "ThrottlingException"),
        ("DescribeTargetHealth", "bucket", "Throttling"),
    ]


def test_classes_and_regions_have_buckets_of_their_own(rated: World) -> None:
    assert answered(rated.register, 25)[0] == 20
    assert rated.ecs.list_task_definitions()
    other = rated.bed.client("ecs", region="eu-central-1")
    assert other.register_task_definition(family="f", containerDefinitions=[{"name": "a", "image": "i", "memory": 9}])


@pytest.mark.parametrize(("operations", "burst"), [(r.operations, r.burst) for r in RATES if r.service == "ecs"])
def test_the_bucket_that_operations_share(rated: World, operations: list[str], burst: int) -> None:
    """ "Request throttling for the Amazon ECS API": all operations of a category together. What is refused counts."""

    keys = {"aws_access_key_id": "k", "aws_secret_access_key": "s", "region_name": "us-east-1"}
    bare = Config(parameter_validation=False, retries={"total_max_attempts": 1})
    client = boto3.client("ecs", endpoint_url=rated.bed.endpoint, config=bare, **keys)

    def code(operation: str) -> str:
        try:
            getattr(client, xform_name(operation))()
        except ClientError as e:
            return str(e.response["Error"]["Code"])
        return ""

    codes = [code(operations[number % len(operations)]) for number in range(burst)]
    assert "ThrottlingException" not in codes
    assert {code(each) for each in operations} == {"ThrottlingException"}


def test_all_of_load_balancing_shares_one_more(rated: World) -> None:
    def write() -> None:
        attributes = [{"Key": "deregistration_delay.timeout_seconds", "Value": "5"}]
        rated.elb.modify_target_group_attributes(TargetGroupArn=rated.group, Attributes=attributes)

    assert answered(write, 25) == (20, "Throttling")
    assert answered(lambda: rated.elb.describe_target_groups(), 30) == (20, "Throttling")


def test_refill_at_the_time_scale(declared: World) -> None:
    declared.bed.admin("PUT", "/_bed/buckets", {"scale": NEVER})
    assert answered(declared.register, 25)[0] == 20
    declared.bed.admin("PUT", "/_bed/buckets", {"scale": 0.02})
    assert answered(declared.register, 25)[0] >= 20
    until(lambda: answered(declared.register, 1)[0])
    declared.bed.admin("DELETE", "/_bed/buckets")
    assert answered(declared.register, 40)[0] == 40
