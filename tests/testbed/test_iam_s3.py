"""Policies of keys and buckets about objects: S3's user guide and API reference."""

import json

import pytest
from botocore.exceptions import ClientError

from tests.testbed.caller import Caller, policy


def test_objects_their_bucket_and_what_is_missing(caller: Caller) -> None:
    s3 = caller.world.bed.client("s3")
    s3.create_bucket(Bucket="iam")
    s3.put_object(Bucket="iam", Key="p/head.json", Body=b"1")
    reading = {"Action": "s3:GetObject", "Resource": "arn:aws:s3:::iam/p/*"}
    caller.may(reading)
    assert caller("s3").get_object(Bucket="iam", Key="p/head.json")["Body"].read() == b"1"
    assert 's3:PutObject on resource: "arn:aws:s3:::iam/p/x" because' in caller.refused(
        "s3", "put_object", Bucket="iam", Key="p/x", Body=b""
    )
    assert "s3:GetObject" in caller.refused("s3", "get_object", Bucket="iam", Key="q/head.json")
    assert "s3:ListBucket" in caller.refused("s3", "list_objects_v2", Bucket="iam", Prefix="p/")
    assert "s3:ListBucket" in caller.refused("s3", "get_object", Bucket="iam", Key="p/missing")
    caller.may(
        reading,
        {
            "Action": "s3:ListBucket",
            "Resource": "arn:aws:s3:::iam",
            "Condition": {"StringLike": {"s3:prefix": "p/*"}},
        },
    )
    with pytest.raises(ClientError, match="NoSuchKey"):
        caller("s3").get_object(Bucket="iam", Key="p/missing")
    assert caller("s3").list_objects_v2(Bucket="iam", Prefix="p/")["KeyCount"] == 1
    assert "s3:ListBucket" in caller.refused("s3", "list_objects_v2", Bucket="iam")


def test_a_write_that_compares_needs_the_right_to_read(caller: Caller) -> None:
    """User guide, "How to prevent object overwrites with conditional writes": If-Match, but not If-None-Match."""
    caller.world.bed.client("s3").create_bucket(Bucket="compares")
    words = {"Bucket": "compares", "Key": "p/head.json"}
    caller.may({"Action": "s3:PutObject"})
    etag = caller("s3").put_object(**words, Body=b"1", IfNoneMatch="*")["ETag"]
    told = caller.refused("s3", "put_object", **words, Body=b"2", IfMatch=etag)
    assert 's3:GetObject on resource: "arn:aws:s3:::compares/p/head.json" because' in told
    part = caller.world.bed.client("s3").create_multipart_upload(**words)["UploadId"]
    parts = {"UploadId": part, "MultipartUpload": {"Parts": [{"ETag": etag, "PartNumber": 1}]}}
    assert "s3:GetObject" in caller.refused("s3", "complete_multipart_upload", **words, **parts, IfMatch=etag)
    caller.may({"Action": ["s3:PutObject", "s3:GetObject"]})
    caller("s3").put_object(**words, Body=b"2", IfMatch=etag)


def test_a_bucket_refuses_unconditional_writes_by_its_own_policy(caller: Caller) -> None:
    s3 = caller.world.bed.client("s3")
    s3.create_bucket(Bucket="strict")
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": "arn:aws:s3:::strict/p/*",
        "Condition": {"Null": {"s3:if-match": "true", "s3:if-none-match": "true"}},
    }
    with pytest.raises(ClientError, match="NoSuchBucketPolicy"):
        s3.get_bucket_policy(Bucket="strict")
    s3.put_bucket_policy(Bucket="strict", Policy=json.dumps(policy(deny)))
    assert json.loads(s3.get_bucket_policy(Bucket="strict")["Policy"]) == policy(deny)
    with pytest.raises(ClientError, match="with an explicit deny in a resource-based policy"):
        s3.put_object(Bucket="strict", Key="p/a", Body=b"1")
    etag = s3.put_object(Bucket="strict", Key="p/a", Body=b"1", IfNoneMatch="*")["ETag"]
    s3.put_object(Bucket="strict", Key="p/a", Body=b"2", IfMatch=etag)
    s3.put_object(Bucket="strict", Key="elsewhere", Body=b"1")
    with pytest.raises(ClientError, match="MalformedPolicy"):
        s3.put_bucket_policy(Bucket="strict", Policy=json.dumps(policy({**deny, "Condition": {"NotIp": {}}})))
    nobody = {key: value for key, value in deny.items() if key != "Principal"}
    for wrong in (nobody, {**deny, "Condition": {"Null": {"aws:sourceVpce": "true"}}}):
        with pytest.raises(ClientError, match="MalformedPolicy"):
            s3.put_bucket_policy(Bucket="strict", Policy=json.dumps(policy(wrong)))
    with pytest.raises(ClientError, match="NoSuchBucket"):
        s3.put_bucket_policy(Bucket="nowhere", Policy=json.dumps(policy(deny)))
    s3.delete_bucket_policy(Bucket="strict")
    s3.put_object(Bucket="strict", Key="p/a", Body=b"1")


def test_a_bucket_s_policy_goes_with_the_bucket(caller: Caller) -> None:
    s3, place = caller.world.bed.client("s3"), {"Bucket": "again"}
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::again/*"}
    for _ in range(2):
        s3.create_bucket(**place)
        s3.put_object(**place, Key="a", Body=b"1")
        s3.delete_object(**place, Key="a")
        s3.put_bucket_policy(**place, Policy=json.dumps(policy(deny)))
        s3.delete_bucket(**place)
