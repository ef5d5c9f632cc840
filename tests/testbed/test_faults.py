"""Injected faults as clients meet them."""

import time
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from tests.testbed.beds import Bed, World, until


@pytest.fixture
def fault(declared: World) -> Any:
    def put(**rule: Any) -> None:
        status, said = declared.bed.admin("PUT", "/_bed/faults", [rule])
        assert status == 200, said

    return put


def clusters(bed: Bed) -> int:
    return len(bed.client("ecs").list_clusters()["clusterArns"])


def test_throttling_for_some_calls_only(declared: World, fault: Any) -> None:
    fault(
        service="ecs", operation="ListClusters", error="ThrottlingException", message="Rate exceeded", skip=1, times=2
    )
    seen = []
    for _ in range(5):
        try:
            declared.ecs.list_clusters()
            seen.append("ok")
        except ClientError as e:
            seen.append(e.response["Error"]["Code"])
    assert seen == ["ok", "ThrottlingException", "ThrottlingException", "ok", "ok"]


def test_a_client_that_retries_gets_through(declared: World, fault: Any) -> None:
    fault(service="ecs", operation="ListClusters", error="ThrottlingException", times=2)
    assert declared.bed.client("ecs", attempts=4).list_clusters()["clusterArns"]
    assert declared.bed.admin("GET", "/_bed/calls")[1]["calls"]["ecs:ListClusters"] == 3


@pytest.mark.parametrize(
    ("service", "call", "operation", "code"),
    [
        ("elbv2", "describe_load_balancers", "Describe*", "Throttling"),
        ("cloudwatch", "list_metrics", "*", "InternalServiceFault"),
        ("s3", "list_buckets", "ListBuckets", "SlowDown"),
        ("dynamodb", "list_tables", "*", "ProvisionedThroughputExceededException"),
    ],
)
def test_errors_in_every_services_form(
    declared: World, fault: Any, service: str, call: str, operation: str, code: str
) -> None:
    signing = declared.bed.client(service).meta.service_model.signing_name
    fault(service=signing, operation=operation, error=code, status=503)
    with pytest.raises(ClientError) as caught:
        getattr(declared.bed.client(service), call)()
    assert caught.value.response["Error"]["Code"] == code
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    assert declared.bed.admin("GET", "/_bed/calls")[1]["log"][-1]["error"] == code


def test_a_lost_answer_is_work_done(declared: World, fault: Any) -> None:
    fault(service="ecs", operation="CreateCluster", after=True, times=1)
    before = clusters(declared.bed)
    with pytest.raises(ConnectionClosedError):
        declared.ecs.create_cluster(clusterName="lost")
    assert clusters(declared.bed) == before + 1


def test_a_reset_connection_is_no_work_done(declared: World, fault: Any) -> None:
    fault(service="ecs", operation="CreateCluster", reset=True, times=1)
    before = clusters(declared.bed)
    with pytest.raises(ConnectionClosedError):
        declared.ecs.create_cluster(clusterName="never")
    assert clusters(declared.bed) == before


def test_only_calls_that_contain_a_word(declared: World, fault: Any) -> None:
    fault(service="ecs", operation="CreateCluster", contains="unlucky", error="ServerException", status=500)
    declared.ecs.create_cluster(clusterName="lucky")
    with pytest.raises(ClientError):
        declared.ecs.create_cluster(clusterName="unlucky")


def test_a_delay_holds_up_one_call_and_no_other(declared: World, fault: Any) -> None:
    fault(service="ecs", operation="ListServices", delay=0.5)
    begun = time.monotonic()
    declared.ecs.list_clusters()
    assert time.monotonic() - begun < 0.4
    declared.ecs.list_services(cluster=declared.name)
    assert time.monotonic() - begun >= 0.5


def test_a_stale_read_lags_behind_the_write(declared: World, fault: Any) -> None:
    fault(service="ecs", operation="ListClusters", stale=0.5)
    before = clusters(declared.bed)
    declared.ecs.create_cluster(clusterName="new")
    changed = time.monotonic()
    assert clusters(declared.bed) == before
    until(lambda: clusters(declared.bed) == before + 1, 5)
    assert time.monotonic() - changed >= 0.5


def test_rules_are_told_and_deleted(declared: World, fault: Any) -> None:
    rule = {"service": "ecs", "operation": "ListClusters", "error": "ServerException", "status": 500}
    fault(**rule)
    assert declared.bed.admin("GET", "/_bed/faults") == (200, [rule])
    assert declared.bed.admin("DELETE", "/_bed/faults") == (200, [])
    declared.ecs.list_clusters()


def test_read_timeouts_can_be_made(declared: World, fault: Any) -> None:
    fault(service="ecs", operation="ListClusters", delay=1.5)
    hasty = boto3.client(
        "ecs",
        endpoint_url=declared.bed.endpoint,
        region_name="us-east-1",
        aws_access_key_id="k",
        aws_secret_access_key="s",
        config=Config(read_timeout=1, retries={"total_max_attempts": 1}),
    )
    with pytest.raises(ReadTimeoutError):
        hasty.list_clusters()
