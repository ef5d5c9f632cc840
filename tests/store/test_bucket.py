"""The store in S3: what is sent, what an answer that is lost or refused means, and what a person is told."""

from __future__ import annotations

import datetime
import json
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import aws, store_s3, stores
from ansible_collections.steady.ecs.plugins.module_utils.edges.documents import record_name
from ansible_collections.steady.ecs.plugins.module_utils.rules import release
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure

from tests.store.conftest import HEAD, RECORD, Bucket, Clock, heads, interrupt, opened, opening, touched

PUT = {"operation": "PutObject"}


def listened(place: Bucket, store: Any) -> list[tuple[str, dict[str, Any]]]:
    """From now on: name and parameters of each call that this store sends."""
    found: list[tuple[str, dict[str, Any]]] = []
    for client in {aws.reading(store._task, "s3"), aws.writing(store._task, "s3")}:
        client.meta.events.register(
            "provide-client-params.s3", lambda params, model, **_more: found.append((model.name, dict(params)))
        )
    return found


def test_every_write_has_a_condition_and_every_call_an_owner(bucket: Bucket) -> None:
    store = bucket.store()
    sent = listened(bucket, store)
    found = stores.transact(store, opening(store))
    store.apply(release.closing(store.head(), found.record, "failed", {}, store.now()))
    assert {name for name, _params in sent} == {"GetObject", "PutObject", "ListObjectsV2"}
    assert {params["ExpectedBucketOwner"] for _name, params in sent} == {"000000000000"}
    writes = [params for name, params in sent if name == "PutObject"]
    assert len(writes) >= 6
    for params in writes:
        assert (params.get("IfNoneMatch") == "*") != bool(params.get("IfMatch")), params["Key"]


@pytest.mark.parametrize("fault", ["server_error_after", "reset_after"])
def test_an_answer_that_is_lost_after_the_effect_is_read_not_sent_again(
    bucket: Bucket, clock: Clock, fault: str
) -> None:
    store = opened(bucket)
    head, record = touched(store.head()), {**store.record(2), "seq": 3}
    before = bucket.versions(HEAD)
    bucket.bed.admin("DELETE", "/_bed/calls")
    bucket.fault({**PUT, "kind": fault, "times": 2})
    store.apply([*heads(head), release.Write(release.CREATE, record)])
    assert bucket.bed.admin("GET", "/_bed/calls")[1]["calls"] == {"s3:PutObject": 2, "s3:GetObject": 2}
    assert (bucket.versions(HEAD), bucket.versions(record_name(3))) == (before + 1, 1)
    store.apply(heads(touched(head)))
    assert bucket.store().head()["n"] == head["n"] + 1, "the version of what arrived is known"


@pytest.mark.parametrize("fault", ["server_error", "reset", "throttle"])
def test_a_write_that_did_not_arrive_is_sent_again(bucket: Bucket, clock: Clock, fault: str) -> None:
    store = opened(bucket)
    before = bucket.versions(HEAD)
    bucket.fault({**PUT, "kind": fault, "times": 2})
    store.apply(
        [*heads(touched(store.head(), nonce="mine")), release.Write(release.CREATE, {**store.record(2), "seq": 3})]
    )
    assert bucket.store().head()["nonce"] == "mine"
    assert (bucket.versions(HEAD), bucket.versions(record_name(3))) == (before + 1, 1)


@pytest.mark.parametrize(("code", "status"), [("ConditionalRequestConflict", 409), ("OperationAborted", 409)])
def test_a_conflicting_operation_is_waited_for(bucket: Bucket, clock: Clock, code: str, status: int) -> None:
    store = opened(bucket)
    bucket.fault({**PUT, "error": code, "status": status, "times": 3})
    store.apply(heads(touched(store.head(), nonce="mine")))
    assert bucket.store().head()["nonce"] == "mine"
    assert clock.now() >= 1003


def test_a_bucket_that_is_never_free_ends_the_run(bucket: Bucket, clock: Clock) -> None:
    store = opened(bucket)
    bucket.fault({**PUT, "kind": "throttle"})
    with pytest.raises(Failure, match="SlowDown.*run the same command again"):
        store.apply(heads(touched(store.head())))
    assert 1060 <= clock.now() < 1070


def test_a_write_that_stays_unanswered_is_sent_three_times(bucket: Bucket, clock: Clock) -> None:
    store = opened(bucket)
    head = store.head()
    bucket.bed.admin("DELETE", "/_bed/calls")
    bucket.fault({**PUT, "kind": "reset"})
    with pytest.raises(Failure, match="run the same command again"):
        store.apply(heads(touched(head)))
    assert bucket.bed.admin("GET", "/_bed/calls")[1]["calls"]["s3:PutObject"] == store_s3.ROUNDS


def test_a_lost_answer_is_no_licence_to_overwrite(bucket: Bucket, clock: Clock) -> None:
    store, other = opened(bucket), bucket.store()
    head = store.head()
    other.apply(heads(touched(other.head(), nonce="other")))
    bucket.fault({**PUT, "kind": "reset", "times": 1})
    with pytest.raises(stores.Conflict):
        store.apply(heads(touched(head, nonce="mine")))
    assert bucket.store().head()["nonce"] == "other"


def test_the_failed_condition_of_our_own_second_attempt_is_success(bucket: Bucket, clock: Clock) -> None:
    """The first attempt arrives after its answer was given up and after it was looked for."""
    store = opened(bucket)
    document = touched(store.head(), nonce="mine")
    data = store._encoded(HEAD, document)
    fetch, arrives = store.fetch, iter([True])

    def late(name: str) -> Any:
        found = fetch(name)
        if next(arrives, False):
            bucket.write(HEAD, data)
        return found

    store.fetch = late
    bucket.fault({**PUT, "kind": "reset", "times": 1, "contains": '"mine"'})
    store.apply(heads(document))
    assert json.loads(bucket.read(HEAD))["nonce"] == "mine"


def test_a_foreign_document_with_our_write_id_is_not_ours(bucket: Bucket) -> None:
    store = opened(bucket)
    document = touched(store.head(), nonce="mine")
    bucket.write(HEAD, json.dumps({**document, "epoch": 99}).encode())
    with pytest.raises(stores.Conflict):
        store.apply(heads(document))


def test_a_signal_handler_sends_once(bucket: Bucket) -> None:
    store = opened(bucket)
    before = bucket.store().record(2)
    bucket.bed.admin("DELETE", "/_bed/calls")
    bucket.fault({**PUT, "kind": "throttle"})
    interrupt(store, 2)
    assert bucket.bed.admin("GET", "/_bed/calls")[1]["calls"]["s3:PutObject"] == 1
    assert bucket.store().record(2) == before


def test_a_signal_handler_does_not_wait_for_what_it_interrupted(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    monkeypatch.setattr(store_s3, "HANDLER_LIMIT", 0.2)
    lock = threading.Lock()
    with lock:
        assert bucket.store().in_handler(lambda: lock.acquire(timeout=60)) is False


# -- what a person is told


@pytest.mark.parametrize(
    ("rule", "reason", "words"),
    [
        (
            {"error": "AccessDenied", "status": 403},
            "access_denied",
            r"account 000000000000 .* s3:GetObject and s3:PutObject on steady/.*s3:ListBucket.*docs/iam",
        ),
        ({"error": "InvalidAccessKeyId", "status": 403}, "rejected_credentials", "Log in again"),
        ({"kind": "expired"}, "expired_credentials", "have expired. Log in again"),
        ({"error": "RequestTimeTooSkewed", "status": 403}, "wrong_clock", "clock"),
    ],
)
@pytest.mark.parametrize("operation", ["GetObject", "PutObject", "ListObjectsV2"])
def test_a_refusal_says_what_to_do(
    bucket: Bucket, clock: Clock, rule: dict[str, Any], reason: str, words: str, operation: str
) -> None:
    opened(bucket)
    bucket.fault({"operation": operation, **rule})

    def everything() -> None:
        store = bucket.store()
        head, _numbers = store.head(), list(store.records())
        store.apply(heads(touched(head)))

    with pytest.raises(Failure, match=f"s3://{bucket.bucket}/steady/.*{words}") as refused:
        everything()
    assert refused.value.fields["reason"] == reason


def test_a_bucket_of_another_account_is_refused(bucket: Bucket) -> None:
    store = bucket.store(account="111111111111")
    for act in (store.head, lambda: list(store.records()), lambda: store.put(HEAD, b"{}", None)):
        with pytest.raises(Failure, match="does not belong to account 111111111111"):
            act()
    assert bucket.names() == []


def test_what_s3_itself_says_is_missing_is_said(bucket: Bucket) -> None:
    """A bucket may be encrypted with a key of KMS, and none of our guesses was right then."""
    said = (
        "User: arn:aws:sts::000000000000:assumed-role/deploy/x is not authorized to perform: kms:GenerateDataKey on "
        "resource: arn:aws:kms:us-east-1:000000000000:key/1 because no identity-based policy allows it"
    )
    bucket.fault({"operation": "PutObject", "error": "AccessDenied", "status": 403, "message": said})
    with pytest.raises(Failure, match="Grant these credentials kms:GenerateDataKey") as refused:
        opened(bucket)
    assert said in refused.value.msg and "does not belong" not in refused.value.msg
    assert refused.value.fields["reason"] == "access_denied"


def test_a_bucket_that_is_gone_is_named(bucket: Bucket) -> None:
    bucket.release_store = "s3://no-such-bucket/steady"
    store = bucket.store()
    for act in (store.head, lambda: list(store.records()), lambda: store.put(HEAD, b"{}", None)):
        with pytest.raises(
            Failure, match="no bucket no-such-bucket.*store.yml -e release_store_create=true"
        ) as refused:
            act()
        assert refused.value.fields["reason"] == "no_bucket"


def test_an_sdk_without_conditions_is_refused_before_anything_is_sent(bucket: Bucket) -> None:
    store = bucket.store()
    client = aws.writing(store._task, "s3")
    members = client.meta.service_model.operation_model("PutObject").input_shape.members
    kept = members.pop("IfMatch")
    try:
        with pytest.raises(Failure, match=r"pip install 'boto3>=1.35.70'"):
            store.apply(heads(touched(store.head())))
    finally:
        members["IfMatch"] = kept
    assert bucket.names() == []


@pytest.mark.parametrize(
    "named",
    [
        "gs://bucket/prefix",
        "s3://bucket",
        "s3://bucket/",
        "s3://Bucket/steady",
        "s3://b/steady",
        "s3://192.168.0.1/steady",
        "s3://a..b/steady",
        "s3://bucket/../x",
        "s3://bucket//x",
        "s3://bucket/a b",
        "s3://bucket/steady?versionId=1",
        "s3:///steady",
        "s3:/bucket/steady",
        "s3:bucket/steady",
        "file:/var/steady",
        f"s3://bucket/{'x' * 300}",
    ],
)
def test_what_is_no_place_is_refused(bucket: Bucket, named: str) -> None:
    bucket.release_store = named
    with pytest.raises(Failure, match=r"Set it to s3://BUCKET/PREFIX or to a folder") as refused:
        bucket.store()
    assert refused.value.fields["reason"] == "store_not_supported"


def test_a_slash_at_the_end_and_a_deep_prefix_are_fine(bucket: Bucket) -> None:
    bucket.release_store = f"s3://{bucket.bucket}/team-a/steady/"
    store = bucket.store()
    assert store.place == f"s3://{bucket.bucket}/team-a/steady/000000000000/us-east-1/production/web"
    store.apply(heads(touched(store.head())))
    (found,) = bucket.s3.list_objects_v2(Bucket=bucket.bucket)["Contents"]
    assert found["Key"] == "team-a/steady/000000000000/us-east-1/production/web/head.json"


def test_the_release_of_another_service_has_a_place(bucket: Bucket) -> None:
    opened(bucket)
    place = f"{bucket.store().place}/releases/2"
    store, seq = stores.located(bucket.task(service="other"), place)
    assert seq == 2 and store.record(seq)["target"]["service"] == "web"
    assert stores.located(bucket.task(service="other"), bucket.store().place)[1] is None
    for wrong in ("41", "releases/41", "s3://b/releases/x", f"{bucket.store().place}/head.json"):
        with pytest.raises(Failure, match="names no release. Write STORE/"):
            stores.located(bucket.task(), wrong)


def test_times_are_the_stores_own(bucket: Bucket, clock: Clock) -> None:
    store = bucket.store()
    before = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    store.apply(heads(touched(store.head())))
    first = datetime.datetime.fromisoformat(store.now())
    assert before <= first
    clock.sleep(90)
    assert datetime.datetime.fromisoformat(store.now()) == first + datetime.timedelta(seconds=90)
    store._dates({"ResponseMetadata": {"HTTPHeaders": {"date": "yesterday"}}})
    assert datetime.datetime.fromisoformat(store.now()) == first + datetime.timedelta(seconds=90)
    store._dates({"ResponseMetadata": {"HTTPHeaders": {"date": "Thu, 27 Nov 2025 10:00:00 GMT"}}})
    assert store.now() == "2025-11-27T10:00:00Z"


def test_an_endpoint_of_ones_own_needs_no_host_name_for_a_bucket(bucket: Bucket) -> None:
    """localhost, unlike 127.0.0.1, would get the bucket's name in front of it."""
    url = aws.reading(bucket.task(endpoint_url="http://localhost:1"), "s3").generate_presigned_url(
        "get_object", {"Bucket": "b", "Key": "k"}
    )
    assert url.startswith("http://localhost:1/b/k?")


def test_reports_are_kept_on_this_machine(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    monkeypatch.setenv("CI", "true")
    assert str(bucket.store().reports) == "/state/steady/000000000000/us-east-1/production/web/reports"


@pytest.mark.walk
def test_more_records_than_one_listing_answers(bucket: Bucket) -> None:
    from concurrent.futures import ThreadPoolExecutor

    count = 1003
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda seq: bucket.write(record_name(seq), b"x"), range(1, count + 1)))
    assert list(bucket.store().records()) == list(range(1, count + 1))
    assert RECORD in bucket.names()
