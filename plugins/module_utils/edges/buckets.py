# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The settings of a bucket that keeps releases: read, make, set. Its objects are of no interest here."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import waits
from ansible_collections.steady.ecs.plugins.module_utils.edges.aws import code_of, reading, translated, writing
from ansible_collections.steady.ecs.plugins.module_utils.rules import bucket as rules
from ansible_collections.steady.ecs.plugins.module_utils.rules import refusals
from ansible_collections.steady.ecs.plugins.module_utils.rules.store_place import Bucket
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Task

with suppress(ImportError):  # the module says so in words, see work.execute
    from botocore.exceptions import ClientError

ABSENT = {
    *("NoSuchBucket", "NoSuchBucketPolicy", "NoSuchPublicAccessBlockConfiguration"),
    "ServerSideEncryptionConfigurationNotFoundError",
}
"""What S3 answers when there is no bucket, or a setting was never made."""
PATIENCE = 60
PAUSE = 2
"""Seconds: S3's settings of a bucket are eventually consistent (S3 user guide, "Amazon S3 data consistency model")."""


def partition(task: Task) -> str:
    """``aws``, ``aws-cn``, ...: of the Region that is asked."""
    return str(reading(task, "s3").meta.partition)


def state(task: Task, bucket: Bucket) -> rules.State | None:
    """The settings as they are; None when there is no such bucket. Raises Failure when it is another account's."""
    # Not HeadBucket, whose refusals have no body that says why.
    versioning = _setting(task, bucket, "get_bucket_versioning", "s3:GetBucketVersioning")
    if versioning is None:
        return None
    encryption = _setting(task, bucket, "get_bucket_encryption", "s3:GetEncryptionConfiguration") or {}
    public = _setting(task, bucket, "get_public_access_block", "s3:GetBucketPublicAccessBlock") or {}
    text = (_setting(task, bucket, "get_bucket_policy", "s3:GetBucketPolicy") or {}).get("Policy")
    return rules.State(
        versioning=versioning.get("Status"),
        encryption=encryption.get("ServerSideEncryptionConfiguration"),
        public_access=public.get("PublicAccessBlockConfiguration", {}),
        policy=json.loads(text) if text else None,
    )


def create(task: Task, bucket: Bucket) -> None:
    """Make the bucket in the Region of the task. One that is ours already is fine, for an answer may have been lost."""
    client = writing(task, "s3")
    # S3 refuses to hear the name of its first Region.
    region = client.meta.region_name
    place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}

    def send() -> bool:
        with _told(task, f"Making the bucket {bucket.name} (s3:CreateBucket)", bucket):
            try:
                client.create_bucket(Bucket=bucket.name, **place)
            except ClientError as error:
                if code_of(error) == "BucketAlreadyOwnedByYou":
                    return True
                if code_of(error) == "BucketAlreadyExists":
                    raise Failure(
                        f"The bucket {bucket.name} belongs to somebody else: the names of buckets are unique in the "
                        "world. Choose another in release_store.",
                        reason="bucket_taken",
                    ) from None
                raise
        return True

    _patiently(send)


def change(task: Task, bucket: Bucket, settled: dict[str, Any]) -> None:
    """Set what ``rules.bucket.wanted`` names. Each sets a whole, so that it may be sent again."""
    calls: dict[str, tuple[str, str, dict[str, Any]]] = {
        rules.VERSIONING: (
            "put_bucket_versioning",
            "s3:PutBucketVersioning",
            {"VersioningConfiguration": {"Status": settled.get(rules.VERSIONING)}},
        ),
        rules.ENCRYPTED: (
            "put_bucket_encryption",
            "s3:PutEncryptionConfiguration",
            {"ServerSideEncryptionConfiguration": settled.get(rules.ENCRYPTED)},
        ),
        rules.PRIVATE: (
            "put_public_access_block",
            "s3:PutBucketPublicAccessBlock",
            {"PublicAccessBlockConfiguration": settled.get(rules.PRIVATE)},
        ),
        rules.POLICY: ("put_bucket_policy", "s3:PutBucketPolicy", {"Policy": json.dumps(settled.get(rules.POLICY))}),
    }
    for name in settled:
        operation, action, arguments = calls[name]

        def send(name: str = name, operation: str = operation, action: str = action, given: Any = arguments) -> bool:
            with _told(task, f"Setting the {name} of {bucket.name} ({action})", bucket):
                getattr(writing(task, "s3"), operation)(**_place(task, bucket), **given)
            return True

        _patiently(send)


def settled(task: Task, bucket: Bucket) -> bool:
    """Whether the bucket answers within a minute that it is right, after it was changed."""
    name = partition(task)

    def look(_elapsed: float) -> bool | None:
        found = state(task, bucket)
        return True if found and not rules.wanted(found, bucket, name) else None

    return waits.until(look, PATIENCE, PAUSE) is not None


def _place(task: Task, bucket: Bucket) -> dict[str, str]:
    return {"Bucket": bucket.name, "ExpectedBucketOwner": task.params["account"]}


def _setting(task: Task, bucket: Bucket, operation: str, action: str) -> dict[str, Any] | None:
    """One setting; None when it was never made, or there is no bucket."""
    with _told(task, f"Reading the settings of {bucket.name} ({action})", bucket):
        try:
            answer: dict[str, Any] = getattr(reading(task, "s3"), operation)(**_place(task, bucket))
            return answer
        except ClientError as error:
            if code_of(error) in ABSENT:
                return None
            raise


def _patiently(send: Callable[[], bool]) -> None:
    """Send until S3 has answered, for at most a minute."""
    refused: list[Failure] = []

    def attempt(_elapsed: float) -> bool | None:
        try:
            return send()
        except Failure as failure:
            is_busy = failure.fields.get("code") == "OperationAborted"
            if not (is_busy or waits.throttled(failure) or waits.unanswered(failure)):
                raise
            refused.append(failure)
            return None

    if waits.until(attempt, PATIENCE, PAUSE) is None:
        raise refused[-1]


@contextmanager
def _told(task: Task, doing: str, bucket: Bucket) -> Iterator[None]:
    """As ``edges/aws.translated``; a refusal may also mean that the bucket is another account's, which S3 hides."""
    try:
        with translated(doing):
            yield
    except Failure as failure:
        if failure.fields.get("code") != "AccessDenied" or refusals.tells_why(failure):
            raise
        raise Failure(
            f"{doing}: S3 refused it. Either the bucket {bucket.name} does not belong to account "
            f"{task.params['account']}: then choose another in release_store; or these credentials lack the right: "
            "docs/iam has the policy of store.yml.",
            **{**failure.fields, "reason": "access_denied"},
        ) from None
