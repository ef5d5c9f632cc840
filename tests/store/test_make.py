"""The module release_store: what it makes of a bucket and of a folder, and what it leaves alone."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.rules import bucket as rules
from ansible_collections.steady.ecs.plugins.module_utils.rules.store_place import Bucket as Place
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure
from ansible_collections.steady.ecs.plugins.modules import release_store
from botocore.exceptions import ClientError

from tests.store.conftest import ACCOUNT, HEAD, Bucket, Clock, Folder, heads, opened, touched

FOREIGN = {
    "Sid": "TheirAudit",
    "Effect": "Allow",
    "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:role/audit"},
    "Action": "s3:GetObject",
    "Resource": "arn:aws:s3:::x/*",
}


def made(place: Any, check: bool = False, create: bool = False, **named: str) -> dict[str, Any]:
    task = place.task(**named)
    task.params["create"], task.check_mode = create, check
    return release_store.run(task)


def policy_of(place: Bucket) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(place.s3.get_bucket_policy(Bucket=place.bucket)["Policy"])
    return found


def settings(place: Bucket) -> tuple[Any, Any, Any]:
    name = place.bucket
    return (
        place.s3.get_bucket_versioning(Bucket=name).get("Status"),
        place.s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"],
        place.s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"],
    )


@pytest.fixture
def absent(bucket: Bucket) -> Bucket:
    """A place whose bucket does not exist."""
    bucket.release_store = bucket.release_store.replace("releases-", "new-")
    return bucket


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1"])
def test_a_bucket_is_made_only_when_that_is_said_and_then_right(absent: Bucket, region: str) -> None:
    absent.release_store = absent.release_store.replace("new-", f"new-{region}-")
    with pytest.raises(Failure, match="no bucket.*store.yml -e release_store_create=true") as refused:
        made(absent, region=region)
    assert refused.value.fields["reason"] == "no_bucket"
    answer = made(absent, create=True, region=region)
    assert (answer["changed"], answer["created"], answer["kind"]) == (True, True, "bucket")
    versioning, public, encryption = settings(absent)
    assert versioning == "Enabled"
    assert public == rules.PUBLIC_ACCESS and all(public.values())
    assert encryption[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    writes, tls = policy_of(absent)["Statement"]
    assert writes["Effect"] == "Deny" and writes["Principal"] == "*" and writes["Action"] == "s3:PutObject"
    assert writes["Resource"] == f"arn:aws:s3:::{absent.bucket}/steady/*"
    assert writes["Condition"] == {"Null": {"s3:if-match": "true", "s3:if-none-match": "true"}}
    assert tls["Condition"] == {"Bool": {"aws:SecureTransport": "false"}} and tls["Action"] == "s3:*"
    place = absent.s3.get_bucket_location(Bucket=absent.bucket)["LocationConstraint"]
    assert place == (None if region == "us-east-1" else region)
    opened(absent)


def test_the_second_run_changes_nothing(absent: Bucket) -> None:
    made(absent, create=True)
    absent.bed.admin("DELETE", "/_bed/calls")
    for create in (True, False):
        answer = made(absent, create=create)
        assert (answer["changed"], answer["created"], answer["differences"]) == (False, False, [])
    sent = absent.bed.admin("GET", "/_bed/calls")[1]["calls"]
    assert not [each for each in sent if ":Put" in each or ":Create" in each]


def test_check_mode_says_it_all_and_does_nothing(absent: Bucket) -> None:
    said = made(absent, check=True, create=True)
    assert said["changed"] and said["created"]
    assert absent.bucket not in [each["Name"] for each in absent.s3.list_buckets()["Buckets"]]
    done = made(absent, create=True)
    assert {each["path"] for each in done["differences"]} == {each["path"] for each in said["differences"]}
    assert set(done) == set(said)
    assert "versioning: Enabled" in said["diff"]["after"] and "versioning: None" in said["diff"]["before"]


def test_what_others_set_is_kept(bucket: Bucket) -> None:
    name = bucket.bucket
    kms = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}, "BucketKeyEnabled": True}
    bucket.s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": [kms]})
    theirs = {"Version": "2012-10-17", "Id": "theirs", "Statement": [FOREIGN]}
    bucket.s3.put_bucket_policy(Bucket=name, Policy=json.dumps(theirs))
    answer = made(bucket)
    assert answer["changed"] and not answer["created"]
    found = policy_of(bucket)
    assert found["Id"] == "theirs" and found["Statement"][0] == FOREIGN and len(found["Statement"]) == 3
    assert settings(bucket)[2][0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert not made(bucket)["changed"]


def test_a_policy_of_one_statement_may_have_it_without_a_list() -> None:
    made_of = rules.policy({"Version": "2012-10-17", "Statement": FOREIGN}, Place("b", "p"), "aws")
    assert made_of["Statement"][0] == FOREIGN and len(made_of["Statement"]) == 3


def test_a_write_without_a_condition_is_refused_by_the_bucket(bucket: Bucket) -> None:
    store = opened(bucket)
    made(bucket)
    before = bucket.read(HEAD)
    with pytest.raises(ClientError, match="AccessDenied.*explicit deny in a resource-based policy"):
        bucket.write(HEAD, b"{}")
    assert bucket.read(HEAD) == before
    store.apply(heads(touched(store.head(), nonce="mine")))
    assert bucket.store().head()["nonce"] == "mine"
    bucket.s3.put_object(Bucket=bucket.bucket, Key="elsewhere/notes.txt", Body=b"x")


def test_only_what_is_wrong_is_set(bucket: Bucket) -> None:
    made(bucket)
    weakened = policy_of(bucket)
    weakened["Statement"][0]["Effect"] = "Allow"
    bucket.s3.put_bucket_policy(Bucket=bucket.bucket, Policy=json.dumps(weakened))
    bucket.s3.put_public_access_block(
        Bucket=bucket.bucket, PublicAccessBlockConfiguration={**rules.PUBLIC_ACCESS, "BlockPublicPolicy": False}
    )
    bucket.s3.put_bucket_versioning(Bucket=bucket.bucket, VersioningConfiguration={"Status": "Suspended"})
    paths = [each["path"] for each in made(bucket)["differences"]]
    assert paths == [
        "versioning",
        "public access block.BlockPublicPolicy",
        f"policy[{weakened['Statement'][0]['Sid']}]",
    ]
    assert policy_of(bucket)["Statement"][0]["Effect"] == "Deny" and len(policy_of(bucket)["Statement"]) == 2


@pytest.mark.parametrize("principal", ["*", {"AWS": "*"}, {"AWS": [f"arn:aws:iam::{ACCOUNT}:root", "*"]}])
@pytest.mark.parametrize("sid", ["Website", None])
def test_a_bucket_that_is_open_to_all_is_refused_before_anything_is_set(
    bucket: Bucket, principal: Any, sid: str | None
) -> None:
    """S3 takes its policy no more once public access is blocked, and so it was left with half of its settings."""
    theirs = {**FOREIGN, "Principal": principal, "Sid": sid}
    theirs = {name: value for name, value in theirs.items() if value is not None}
    whole = {"Version": "2012-10-17", "Statement": theirs if sid else [theirs]}
    bucket.s3.put_bucket_policy(Bucket=bucket.bucket, Policy=json.dumps(whole))
    bucket.bed.admin("DELETE", "/_bed/calls")
    for check in (True, False):
        with pytest.raises(Failure, match=r"everybody in \((Website|statement 1)\).*Nothing was changed") as refused:
            made(bucket, check)
        assert refused.value.fields["reason"] == "public_bucket"
    assert not [each for each in bucket.bed.admin("GET", "/_bed/calls")[1]["calls"] if ":Put" in each]
    assert policy_of(bucket) == whole
    limited = {**theirs, "Condition": {"StringEquals": {"aws:PrincipalAccount": ACCOUNT}}}
    bucket.s3.put_bucket_policy(Bucket=bucket.bucket, Policy=json.dumps({**whole, "Statement": [limited]}))
    assert made(bucket)["changed"] and policy_of(bucket)["Statement"][0] == limited


def test_two_stores_share_a_bucket(bucket: Bucket) -> None:
    made(bucket)
    bucket.release_store = f"s3://{bucket.bucket}/other"
    answer = made(bucket)
    assert [each["path"][:29] for each in answer["differences"]] == ["policy[SteadyConditionalWrites"[:29]]
    resources = [each["Resource"] for each in policy_of(bucket)["Statement"] if each["Action"] == "s3:PutObject"]
    assert resources == [f"arn:aws:s3:::{bucket.bucket}/{prefix}/*" for prefix in ("steady", "other")]
    assert not made(bucket)["changed"]


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov"])
def test_the_policy_names_the_partition(partition: str) -> None:
    made_of = rules.statements(Place("b", "p"), partition)
    assert made_of[0]["Resource"] == f"arn:{partition}:s3:::b/p/*"
    assert all(each["Sid"].isalnum() for each in made_of), "a Sid has letters and digits only"


def test_a_bucket_of_another_account_is_left_alone(bucket: Bucket) -> None:
    bucket.fault({"operation": "GetBucketVersioning", "error": "AccessDenied", "status": 403})
    with pytest.raises(Failure, match=f"does not belong to account {ACCOUNT}.*docs/iam"):
        made(bucket, create=True)
    assert "Policy" not in str(bucket.bed.admin("GET", "/_bed/calls")[1]["log"][-1])


@pytest.mark.parametrize("check", [False, True])
def test_no_bucket_is_made_in_an_account_that_is_not_the_services(absent: Bucket, check: bool) -> None:
    absent.bed.admin("DELETE", "/_bed/calls")
    with pytest.raises(Failure, match=f"belong to account {ACCOUNT}, and .* in 111111111111. Switch") as refused:
        made(absent, check, account="111111111111", create=True)
    assert refused.value.fields["reason"] == "wrong_account"
    assert absent.bucket not in [each["Name"] for each in absent.s3.list_buckets()["Buckets"]]
    called = [each for each in absent.bed.admin("GET", "/_bed/calls")[1]["calls"] if "ListBuckets" not in each]
    assert [each.partition(":")[2] for each in called] == ["GetCallerIdentity"]


def test_a_name_that_is_taken_is_told(absent: Bucket) -> None:
    absent.fault({"operation": "CreateBucket", "error": "BucketAlreadyExists", "status": 409})
    with pytest.raises(Failure, match="belongs to somebody else.*Choose another in release_store"):
        made(absent, create=True)


@pytest.mark.parametrize("fault", ["server_error_after", "reset_after", "throttle", "server_error", "reset"])
def test_a_lost_answer_does_not_stop_it(absent: Bucket, clock: Clock, fault: str) -> None:
    absent.fault(
        {"operation": "CreateBucket", "kind": fault, "times": 1},
        {"operation": "PutBucket*", "kind": fault, "times": 3},
    )
    assert made(absent, create=True, region="eu-central-1")["changed"]
    assert not made(absent, region="eu-central-1")["changed"]


def test_a_bucket_that_does_not_settle_is_told(bucket: Bucket, clock: Clock) -> None:
    bucket.fault({"operation": "PutBucketPolicy", "error": "Ignored", "status": 200})
    with pytest.raises(Failure, match="does not answer that it is as it was set. Wait a minute"):
        made(bucket)


def test_a_folder_is_made_and_closed(folder: Folder) -> None:
    path = Path(folder.release_store)
    said = made(folder, check=True)
    assert (said["changed"], said["created"], said["kind"]) == (True, True, "folder") and not path.exists()
    assert made(folder)["created"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert not made(folder)["changed"]
    path.chmod(0o755)
    assert made(folder, check=True)["differences"] == [
        {"resource": f"folder {path}", "path": "mode", "expected": "0700", "actual": "0755", "type": "NOT_EQUAL"}
    ]
    assert stat.S_IMODE(path.stat().st_mode) == 0o755
    assert made(folder)["changed"] and stat.S_IMODE(path.stat().st_mode) == 0o700
    opened(folder)
    assert not made(folder)["changed"]


def test_a_folder_says_that_it_is_this_machines(folder: Folder) -> None:
    task, said = folder.task(), list[str]()
    task.params["create"], task.warn = False, said.append
    release_store.run(task)
    assert "its history and its lock are this machine's" in said[0] and "s3://BUCKET/PREFIX" in said[0]


def test_a_file_is_no_folder(folder: Folder) -> None:
    Path(folder.release_store).write_text("x")
    with pytest.raises(Failure, match="is no folder. Name another"):
        made(folder)
