"""Injected faults as clients meet them."""

import contextlib
import email.utils
import time
from concurrent.futures import ThreadPoolExecutor
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


@pytest.mark.parametrize(
    ("probability", "calls", "struck"), [(0, 50, range(1)), (1, 50, range(50, 51)), (0.5, 200, range(1, 200))]
)
def test_a_rule_strikes_with_its_probability(
    declared: World, fault: Any, probability: float, calls: int, struck: range
) -> None:
    """None of 200, or all, comes once in 10 ** 59 runs where it is one half."""
    fault(operation="ListClusters", kind="throttle", probability=probability)
    codes = []
    for _ in range(calls):
        with contextlib.suppress(ClientError):
            codes.append(declared.ecs.list_clusters())
    assert calls - len(codes) in struck


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
    """Which one it held up says the bed's log, for a slow machine holds up the others too."""
    fault(service="ecs", operation="ListServices", delay=0.5)
    declared.ecs.list_clusters()
    begun = time.monotonic()
    declared.ecs.list_services(cluster=declared.name)
    assert time.monotonic() - begun >= 0.5
    log = declared.bed.admin("GET", "/_bed/calls")[1]["log"]
    assert [each["operation"] for each in log if "fault" in each] == ["ListServices"]


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
    fault(service="ecs", operation="ListClusters", delay=5)
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


KINDS = {
    "throttle": ("ThrottlingException", "Throttling", "SlowDown"),
    "server_error": ("ServerException", "InternalFailure", "InternalError"),
    "server_error_after": ("ServerException", "InternalFailure", "InternalError"),
    "expired": ("ExpiredTokenException", "ExpiredToken", "ExpiredToken"),
    "reset": ("ConnectionClosedError",) * 3,
    "reset_after": ("ConnectionClosedError",) * 3,
    "timeout": ("ReadTimeoutError",) * 3,
    "timeout_after": ("ReadTimeoutError",) * 3,
}


def hasty(bed: Bed, service: str, key: str = "k", patience: float = 30) -> Any:
    """A client that tries once and waits for so many seconds."""
    return boto3.client(
        service,
        endpoint_url=bed.endpoint,
        region_name="us-east-1",
        aws_access_key_id=key,
        aws_secret_access_key="s",
        config=Config(read_timeout=patience, retries={"total_max_attempts": 1}),
    )


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_in_every_services_form_and_with_or_without_its_effect(
    declared: World, fault: Any, kind: str
) -> None:
    bed = declared.bed
    s3 = bed.client("s3")
    s3.create_bucket(Bucket="kinds")
    attribute = {"Key": "deregistration_delay.timeout_seconds", "Value": "77"}
    patience = 1 if kind.startswith("timeout") else 30
    calls: list[tuple[Any, dict[str, Any]]] = [
        (hasty(bed, "ecs", patience=patience).create_cluster, {"clusterName": "kinds"}),
        (
            hasty(bed, "elbv2", patience=patience).modify_target_group_attributes,
            {"TargetGroupArn": declared.group, "Attributes": [attribute]},
        ),
        (hasty(bed, "s3", patience=patience).put_object, {"Bucket": "kinds", "Key": "k", "Body": b"x"}),
    ]
    fault(kind=kind, access_key="k", times=3)
    for (call, words), expected in zip(calls, KINDS[kind], strict=True):
        with pytest.raises((ClientError, ConnectionClosedError, ReadTimeoutError)) as caught:
            call(**words)
        told = caught.value
        assert (told.response["Error"]["Code"] if isinstance(told, ClientError) else type(told).__name__) == expected

    def done() -> list[bool]:
        attributes = declared.elb.describe_target_group_attributes(TargetGroupArn=declared.group)["Attributes"]
        return [
            "kinds" in {arn.rsplit("/", 1)[1] for arn in declared.ecs.list_clusters()["clusterArns"]},
            attribute in attributes,
            s3.list_objects_v2(Bucket="kinds")["KeyCount"] == 1,
        ]

    until(lambda: done() == [kind.endswith("_after")] * 3, what=done)  # a client may give up before its work is done
    log = bed.admin("GET", "/_bed/calls")[1]["log"]
    assert [e["fault"] for e in log if e["access_key"] == "k"] == [kind] * 3


def test_the_call_with_a_number_over_all_services_of_one_key(declared: World) -> None:
    bed = declared.bed
    rules = [{"kind": "throttle", "at_call": 2, "access_key": "k"}, {"kind": "reset", "at_call": 4, "access_key": "k"}]
    assert bed.admin("PUT", "/_bed/faults", rules)[0] == 200
    bed.admin("DELETE", "/_bed/calls")
    for call in ("ecs list_clusters", "s3 list_buckets", "sts get_caller_identity", "elbv2 describe_target_groups"):
        declared.ecs.list_clusters()  # another key: not counted
        service, operation = call.split()
        with contextlib.suppress(ClientError, ConnectionClosedError):
            getattr(hasty(bed, service), operation)()
    log = [e for e in bed.admin("GET", "/_bed/calls")[1]["log"] if e["access_key"] == "k"]
    assert [(e["operation"], e.get("fault")) for e in log] == [
        ("ListClusters", None),
        ("ListBuckets", "throttle"),
        ("GetCallerIdentity", None),
        ("DescribeTargetGroups", "reset"),
    ]


def test_from_a_call_on(declared: World, fault: Any) -> None:
    fault(kind="expired", skip=1, access_key="k")
    hasty(declared.bed, "ecs").list_clusters()
    for service, call in (("s3", "list_buckets"), ("ecs", "list_clusters")):
        with pytest.raises(ClientError, match="expired"):
            getattr(hasty(declared.bed, service), call)()
    assert hasty(declared.bed, "ecs", "renewed").list_clusters()


def test_one_stale_read_answers_as_before_the_write(declared: World, fault: Any) -> None:
    fault(kind="stale", at_call=3, access_key="k")
    client = hasty(declared.bed, "ecs")
    before = client.list_clusters()["clusterArns"]
    client.create_cluster(clusterName="new")
    assert client.list_clusters()["clusterArns"] == before
    assert len(client.list_clusters()["clusterArns"]) == len(before) + 1


def groups(client: Any) -> int:
    return len(client.describe_target_groups()["TargetGroups"])


def test_an_answer_whose_request_id_alone_differs_has_not_changed(declared: World, fault: Any) -> None:
    """Load balancing answers each request with an id of its own; the old answer lasts from the change on, once."""
    fault(operation="DescribeTargetGroups", stale=0.5)
    before = groups(declared.elb)
    time.sleep(0.6)
    assert groups(declared.elb) == before
    declared.make_group("more")
    changed = time.monotonic()
    assert groups(declared.elb) == before
    until(lambda: groups(declared.elb) == before + 1, 5)
    assert time.monotonic() - changed >= 0.5
    assert {groups(declared.elb) for _ in range(5)} == {before + 1}


@pytest.mark.parametrize("word", ["list_clusters", "describe_target_groups"])
def test_the_log_calls_a_read_stale_only_when_it_was(declared: World, fault: Any, word: str) -> None:
    """A plan whose read had nothing to be stale about has proved nothing."""
    client = declared.bed.client("ecs" if word == "list_clusters" else "elbv2", key="k")
    fault(kind="stale", access_key="k")
    getattr(client, word)()
    getattr(client, word)()
    declared.ecs.create_cluster(clusterName="new")
    declared.make_group("new")
    getattr(client, word)()
    log = declared.bed.admin("GET", "/_bed/calls")[1]["log"]
    assert [each.get("fault") for each in log if each["access_key"] == "k"] == [None, None, "stale"]


def test_a_stale_write_and_a_stale_object_do_not_exist(declared: World, fault: Any) -> None:
    fault(kind="stale")
    s3 = declared.bed.client("s3")
    s3.create_bucket(Bucket="fresh")
    for body in (b"1", b"2"):
        s3.put_object(Bucket="fresh", Key="k", Body=body)
        assert s3.get_object(Bucket="fresh", Key="k")["Body"].read() == body


def test_a_failed_head_has_no_body_to_confuse_the_next_call(declared: World, fault: Any) -> None:
    s3 = declared.bed.client("s3")
    s3.create_bucket(Bucket="head-fault")
    s3.put_object(Bucket="head-fault", Key="k", Body=b"1")
    fault(kind="throttle", operation="HeadObject", times=1)
    with pytest.raises(ClientError, match="503"):
        s3.head_object(Bucket="head-fault", Key="k")
    assert s3.head_object(Bucket="head-fault", Key="k")["ContentLength"] == 1


def test_one_of_a_list_is_not_found(declared: World, fault: Any) -> None:
    declared.ecs.create_cluster(clusterName="other")
    fault(operation="DescribeClusters", failures="MISSING", times=1)
    found = declared.ecs.describe_clusters(clusters=[declared.name, "other"])
    assert [c["clusterName"] for c in found["clusters"]] == [declared.name]
    assert found["failures"] == [
        {"arn": "arn:aws:ecs:us-east-1:000000000000:cluster/other", "reason": "MISSING"},
    ]


@pytest.mark.parametrize(
    ("ahead", "ecs", "elb", "s3"),
    [
        (0, None, None, None),
        (280, None, None, None),
        (320, "InvalidSignatureException", "SignatureDoesNotMatch", None),
        (-320, "InvalidSignatureException", "SignatureDoesNotMatch", None),
        (960, "InvalidSignatureException", "SignatureDoesNotMatch", "RequestTimeTooSkewed"),
    ],
)
def test_a_clock_that_is_off_is_refused(declared: World, ahead: int, ecs: str, elb: str, s3: str) -> None:
    bed = declared.bed
    assert bed.admin("PUT", "/_bed/clock", {"ahead": ahead}) == (200, {"ahead": ahead})
    told = []
    for service, call in (("ecs", "list_clusters"), ("elbv2", "describe_target_groups"), ("s3", "list_buckets")):
        try:
            getattr(bed.client(service), call)()
            told.append(None)
        except ClientError as e:
            told.append(e.response["Error"]["Code"])
            if service != "s3":
                words = "Signature expired" if ahead > 0 else "Signature not yet current"
                assert words in e.response["Error"]["Message"]
    assert told == [ecs, elb, s3]
    bed.admin("POST", "/_bed/reset")
    assert declared.ecs.list_clusters()["clusterArns"] == []
    declared.ecs.create_cluster(clusterName=declared.name)  # for the clean-up


def test_the_date_of_an_answer_is_the_beds(declared: World) -> None:
    declared.bed.admin("PUT", "/_bed/clock", {"ahead": 120})
    answer = declared.ecs.list_clusters()["ResponseMetadata"]["HTTPHeaders"]["date"]
    ahead = email.utils.parsedate_to_datetime(answer).timestamp() - time.time()
    assert 60 < ahead < 180


def test_of_many_conditional_writes_at_once_one_succeeds(declared: World) -> None:
    s3 = declared.bed.client("s3")
    s3.create_bucket(Bucket="race")
    for _ in range(5):
        etag = s3.put_object(Bucket="race", Key="head", Body=b"before")["ETag"]

        def write(number: int, etag: str = etag) -> int:
            try:
                s3.put_object(Bucket="race", Key="head", Body=str(number).encode(), IfMatch=etag)
            except ClientError as e:
                assert e.response["Error"]["Code"] == "PreconditionFailed"
                return 0
            return 1

        with ThreadPoolExecutor(6) as pool:
            assert sum(pool.map(write, range(6))) == 1
