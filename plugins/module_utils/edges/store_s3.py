# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The release store in S3: ``s3://BUCKET/PREFIX/ACCOUNT/REGION/CLUSTER/SERVICE/{head.json,releases/00000042.json}``.

Every write is conditional: on nothing being there (``If-None-Match: *``), or on the ETag that was read or written last
(``If-Match``). Nothing is ever deleted. S3 user guide, "Add preconditions to S3 operations with conditional requests".
"""

from __future__ import annotations

import dataclasses
import datetime
import email.utils
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import store_files, waits
from ansible_collections.steady.ecs.plugins.module_utils.edges.aws import code_of, reading, translated, writing
from ansible_collections.steady.ecs.plugins.module_utils.edges.documents import (
    RECORD_NAME,
    UNLUCKY,
    Changed,
    Documents,
    Found,
)
from ansible_collections.steady.ecs.plugins.module_utils.rules import refusals
from ansible_collections.steady.ecs.plugins.module_utils.rules.records import SIZE_LIMIT, Identity
from ansible_collections.steady.ecs.plugins.module_utils.rules.store_place import Bucket
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Task

with suppress(ImportError):  # the module says so in words, see work.execute
    from botocore.exceptions import ClientError

ROUNDS = 3
"""How often a write is sent whose outcome stays unknown."""
PATIENCE = 60
PAUSE = 1
"""Seconds: how long, and how often, a write is sent again that S3 turned away unread."""
HANDLER_LIMIT = 5
"""Seconds that a signal handler gives to one write. GitHub Actions sends SIGKILL ten seconds after SIGINT."""

TAKEN = {"PreconditionFailed", "412"}
ABSENT = {"NoSuchKey", "404"}
SAME_MOMENT = {"ConditionalRequestConflict", "OperationAborted", "409"}
"""409: a conflicting operation was under way; S3 says to send the request again."""


class S3Store(Documents):
    """The documents of one service in a bucket of the service's account."""

    REPAIR = "Restore an earlier version of the object: the bucket keeps them (aws s3api list-object-versions)."

    def __init__(self, task: Task, bucket: Bucket, identity: Identity) -> None:
        """The connection options of ``task`` serve S3 as well. Nothing is asked yet. Raises Failure."""
        # A write of the store is not under the lease that it renews.
        self.bucket, self._task = bucket, dataclasses.replace(task, lease=None)
        self._prefix = "/".join((bucket.prefix, *identity.as_dict().values()))
        super().__init__(identity, f"s3://{bucket.name}/{self._prefix}")
        self._dated: tuple[datetime.datetime, float] | None = None
        self._hurried = False

    @property
    def reports(self) -> Path:
        """A folder of this machine for reports of this service's releases."""
        environment = {name: value for name, value in os.environ.items() if name != "CI"}
        return store_files.root(None, environment).joinpath(*self.identity.as_dict().values(), "reports")

    def now(self) -> str:
        """S3's time by its last answer, so that the records of several machines are in order; else this machine's."""
        if self._dated is None:
            return store_files.utc_now()
        moment, at = self._dated
        return (moment + datetime.timedelta(seconds=waits.clock.now() - at)).strftime("%Y-%m-%dT%H:%M:%SZ")

    def fetch(self, name: str) -> Found | None:
        """One GET. At most ``SIZE_LIMIT + 1`` bytes are read, whatever the object has."""
        with self._told(f"Reading {self.place}/{name} (s3:GetObject)"):
            try:
                answer = reading(self._task, "s3").get_object(**self._object(name))
            except ClientError as error:
                if code_of(error) in ABSENT:
                    return None
                raise
            self._dates(answer)
            try:
                return Found(answer["Body"].read(SIZE_LIMIT + 1), str(answer["ETag"]))
            finally:
                answer["Body"].close()

    def put(self, name: str, data: bytes, version: str | None) -> str:
        """Send a conditional PUT until it is known whether the document is there.

        An answer may be lost after the effect, and the condition of the next attempt then fails on our own document;
        so after every failed condition and lost answer the document is read: what has our bytes, with our write_id
        in them, was written by us.
        """
        began, unknown = waits.clock.now(), 0
        while True:
            try:
                return self._send(name, data, version)
            except Changed:
                found = self.fetch(name)
                if found is None or found.data != data:
                    raise
                return found.version
            except Failure as failure:
                if self._is_unread(failure):
                    if self._hurried or waits.clock.now() - began >= PATIENCE:
                        raise
                elif waits.unanswered(failure):
                    found, unknown = self.fetch(name), unknown + 1
                    if found is not None and found.data == data:
                        return found.version
                    if (found and found.version) != version:
                        raise Changed from None
                    if self._hurried or unknown == ROUNDS:
                        raise
                else:
                    raise
            waits.clock.sleep(PAUSE)

    def numbers(self) -> list[int]:
        """A LIST of the prefix, a thousand records to a call."""
        start = f"{self._prefix}/"
        with self._told(f"Listing {self.place}/releases/ (s3:ListBucket)"):
            pages = reading(self._task, "s3").get_paginator("list_objects_v2")
            asked = pages.paginate(**self._place(), Prefix=f"{start}releases/")
            keys = [each["Key"].removeprefix(start) for page in asked for each in page.get("Contents", [])]
        return [int(found[1]) for found in map(RECORD_NAME.fullmatch, keys) if found]

    def in_handler(self, act: Callable[[], object]) -> bool:
        """Call ``act`` in a thread of its own, for a limited time.

        What the handler interrupted may hold a lock of the SDK (its connection pool; for seconds, that of credentials
        which are being renewed) and goes on only after the handler: waiting for it would wait for ever.
        """
        answered: list[bool] = []

        def call() -> None:
            try:
                answered.append(bool(act()))
            except UNLUCKY:
                answered.append(False)

        self._hurried = True
        thread = threading.Thread(target=call, daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the system gives no thread, or the interpreter is ending
            return False
        thread.join(HANDLER_LIMIT)
        return answered == [True]

    def _send(self, name: str, data: bytes, version: str | None) -> str:
        condition = {"IfNoneMatch": "*"} if version is None else {"IfMatch": version}
        with self._told(f"Writing {self.place}/{name} (s3:PutObject)"):
            client = writing(self._task, "s3")
            if "IfMatch" not in client.meta.service_model.operation_model("PutObject").input_shape.members:
                raise Failure(
                    "This boto3 cannot make a write to S3 conditional, and without that two runs could overwrite each "
                    "other's releases. Install a newer one: pip install 'boto3>=1.35.70'.",
                    reason="old_boto3",
                )
            try:
                answer = client.put_object(**self._object(name), Body=data, ContentType="application/json", **condition)
            except ClientError as error:
                # If-Match on a key that is not there answers 404.
                if code_of(error) in TAKEN | ABSENT:
                    raise Changed from None
                raise
            self._dates(answer)
            return str(answer["ETag"])

    def _place(self) -> dict[str, str]:
        return {"Bucket": self.bucket.name, "ExpectedBucketOwner": self.identity.account}

    def _object(self, name: str) -> dict[str, str]:
        return {**self._place(), "Key": f"{self._prefix}/{name}"}

    def _dates(self, answer: dict[str, Any]) -> None:
        text = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
        try:
            self._dated = email.utils.parsedate_to_datetime(text).astimezone(datetime.UTC), waits.clock.now()
        except ValueError:
            return

    @staticmethod
    def _is_unread(failure: Failure) -> bool:
        return waits.throttled(failure) or failure.fields.get("code") in SAME_MOMENT

    @contextmanager
    def _told(self, doing: str) -> Iterator[None]:
        """As ``edges/aws.translated``, with what a person can do about a bucket."""
        try:
            with translated(doing):
                yield
        except Failure as failure:
            remedy = self._remedy(str(failure.fields.get("code", "")))
            if remedy is None or refusals.tells_why(failure):  # of a key of KMS, say
                raise
            reason, text = remedy
            raise Failure(f"{doing}: {text}", **{**failure.fields, "reason": reason}) from None

    def _remedy(self, code: str) -> tuple[str, str] | None:
        account, name, prefix = self.identity.account, self.bucket.name, self.bucket.prefix
        return {
            "NoSuchBucket": (
                "no_bucket",
                f"there is no bucket {name}. Correct release_store, or make the bucket: "
                "ansible-playbook store.yml -e release_store_create=true.",
            ),
            "AccessDenied": (
                "access_denied",
                f"S3 refused it. Either the bucket {name} does not belong to account {account} (release_store must be "
                f"in the service's account), or these credentials lack s3:GetObject and s3:PutObject on {prefix}/*, or "
                "s3:ListBucket with that s3:prefix: docs/iam has the policies.",
            ),
            "InvalidAccessKeyId": (
                "rejected_credentials",
                "S3 does not know the credentials. Log in again, or correct the profile that AWS_PROFILE or "
                "service_profile names.",
            ),
        }.get(code)
