"""AWS's rates, when they are switched on."""

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.testbed.beds import World, until

NEVER = 1000.0  # seconds of a second: nothing is refilled while a test runs


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


@pytest.mark.parametrize(
    ("burst", "operations"),
    [
        (20, ["CreateCluster", "DeleteCluster"]),
        (50, ["DescribeClusters", "ListClusters"]),
        (20, ["RegisterTaskDefinition", "DeregisterTaskDefinition"]),
        (50, ["DescribeTaskDefinition", "ListTaskDefinitions"]),
        (5, ["DeleteTaskDefinitions"]),
        (20, ["TagResource", "UntagResource"]),
        (50, ["ListTagsForResource"]),
        (100, ["RunTask", "StopTask", "DeregisterContainerInstance"]),
        (100, ["DescribeTasks", "ListTasks", "DescribeContainerInstances", "ListContainerInstances"]),
        (200, ["RegisterContainerInstance"]),
        (50, ["CreateService", "UpdateService", "DeleteService"]),
        (100, ["DescribeServices", "ListServices"]),
        (50, ["DescribeServiceDeployments", "ListServiceDeployments"]),
        (50, ["DescribeServiceRevisions"]),
    ],
)
def test_the_bucket_that_operations_share(rated: World, burst: int, operations: list[str]) -> None:
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
