"""Asks the caller's policies and the bucket's before a call is answered, and notes in the log what it needed."""

import json
from collections.abc import Callable
from typing import Any

from . import permissions
from .calls import Call
from .iam import Asked, Iam, checked
from .moto_calls import MotoCalls
from .wire import Answer, AwsError, Params, failure


def denied(call: Call, text: str) -> Answer:
    if call.protocol == "json":
        return failure("json", "AccessDeniedException", text, 400)
    return failure(call.protocol, "AccessDenied", text, 403)


class Access:
    def __init__(self, account: str, moto: MotoCalls, roles: Callable[[str, str], list[str]]) -> None:
        self._account, self._moto, self._roles = account, moto, roles
        self.reset()

    def reset(self) -> None:
        self.iam = Iam(self._account)
        self._buckets: dict[str, bytes] = {}  # their policies: moto would take a denial without its conditions

    def guarded(
        self, call: Call, environ: dict[str, Any], body: bytes, entry: Params, do: Callable[[], Answer]
    ) -> Answer:
        """`do()` answers, if all that the call asks for is allowed; `entry` is the call's in the log."""
        asked = permissions.asked(call, environ, body, self._account, self._roles)
        entry["actions"] = sorted({each.action for each in asked})
        for each in asked:
            if refusal := self._refusal(call, each):
                return denied(call, refusal)
        if call.service == "s3" and call.operation.endswith("BucketPolicy"):
            return self._policy(call, asked[0].resource.rpartition(":")[2], body)
        found = do()
        if (call.service, call.operation) == ("s3", "DeleteBucket") and found[0] < 300:
            self._buckets.pop(asked[0].resource.rpartition(":")[2], None)
        if found[0] == 404 and entry["actions"] == ["s3:GetObject"]:
            needed = permissions.listing(asked[0])
            entry["actions"].append(needed.action)
            if refusal := self._refusal(call, needed):
                return denied(call, refusal)
        return found

    def _refusal(self, call: Call, asked: Asked) -> str | None:
        if refusal := self.iam.refusal(call.key, asked):
            return refusal
        bucket = asked.resource.rpartition(":")[2].partition("/")[0] if call.service == "s3" else ""
        if bucket not in self._buckets or asked.action.endswith("BucketPolicy"):
            return None
        return self.iam.refusal_of_bucket(call.key, asked, json.loads(self._buckets[bucket]))

    def _policy(self, call: Call, bucket: str, body: bytes) -> Answer:
        """GetBucketPolicy, PutBucketPolicy, DeleteBucketPolicy."""
        try:
            self._moto.call("s3", call.region, "GetBucketLocation", Bucket=bucket)
            if call.operation == "PutBucketPolicy":
                checked(json.loads(body), of_bucket=True)
        except AwsError as e:
            self._buckets.pop(bucket, None)
            return failure(call.protocol, e.code, e.message, e.status)
        except ValueError as e:
            return failure(call.protocol, "MalformedPolicy", f"The test bed does not read it: {e}", 400)
        if call.operation == "PutBucketPolicy":
            self._buckets[bucket] = body
        elif call.operation == "DeleteBucketPolicy":
            self._buckets.pop(bucket, None)
        elif bucket in self._buckets:
            return 200, [("Content-Type", "application/json")], self._buckets[bucket]
        else:
            return failure(call.protocol, "NoSuchBucketPolicy", "The bucket policy does not exist", 404)
        return 204, [], b""
