"""The whole account: ECS, a target group, STS, a bucket, logs; and what an old read of it answers."""

from __future__ import annotations

import copy
import hashlib
import io
import pickle
from typing import Any

from tests.faults.model.ecs import ACCOUNT, GROUP, REGION, WHO, Answer, Ecs, moment, refused

BALANCER = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:loadbalancer/app/model-alb/50dc6c495c0c9188"
BUCKET = "model-releases"
MOST_STALE = 8.0
"""Seconds after a change for which a read may still answer the state before it."""
STRONG = {"objects", "before", "files"}
"""What is read strongly consistent, as S3 is, or is no state of AWS's."""


class Cloud(Ecs):
    """Everything behind the connection of a task. One method an operation, named and called as botocore does."""

    def __init__(self) -> None:
        super().__init__()
        self.attributes: dict[str, str] = {
            "deregistration_delay.timeout_seconds": "30",
            "load_balancing.algorithm.type": "round_robin",
            "slow_start.duration_seconds": "0",
            "stickiness.enabled": "true",
            "stickiness.type": "lb_cookie",
            "stickiness.lb_cookie.duration_seconds": "3600",
        }
        self.objects: dict[str, tuple[bytes, str]] = {}
        self.before: tuple[float, bytes] = (0.0, b"")
        """When the newest change was made, and the pickled state before it."""
        self.caller = "ada"
        self.files = False
        """Whether the releases are kept in a folder instead of the bucket."""

    def remember(self) -> None:
        """Keep the state as it is, before a change, for old reads."""
        state = {name: value for name, value in vars(self).items() if name not in STRONG}
        self.before = (self.seconds, pickle.dumps(state, pickle.HIGHEST_PROTOCOL))

    def stale(self) -> Cloud:
        """The world as a replica that lags behind shows it; this one when nothing was changed lately."""
        when, kept = self.before
        if not kept or self.seconds - when > MOST_STALE:
            return self
        old = Cloud.__new__(Cloud)
        vars(old).update({**vars(self), **pickle.loads(kept)})  # noqa: S301 our own bytes
        old.seconds = self.seconds
        return old

    def seen(self) -> Answer:
        """Everything that a release brings about, in one form that can be compared."""
        return {
            "revision": self.primary["revision"],
            "state": [(each["revision"], each["rolloutState"]) for each in self.deployments],
            "settings": copy.deepcopy(self.settings),
            "desired": self.desired,
            "attributes": dict(self.attributes),
            "revisions": len(self.revisions),
            "begun": self.begun,
        }

    # pylint: disable=invalid-name  # botocore's own names
    # -- STS and logs
    def get_caller_identity(self) -> Answer:
        return {"Account": ACCOUNT, "Arn": f"{WHO}{self.caller}", "UserId": f"AROA:{self.caller}"}

    def get_log_events(self, **_asked: Any) -> Answer:
        return {"events": [{"message": "cannot open the database"}]}

    # -- Elastic Load Balancing
    def describe_target_groups(self, TargetGroupArns: list[str]) -> Answer:
        if TargetGroupArns != [GROUP]:
            raise refused("TargetGroupNotFound", "One or more target groups not found")
        group = {
            "TargetGroupArn": GROUP,
            "TargetGroupName": GROUP.split("/")[1],
            "LoadBalancerArns": [BALANCER],
            "Protocol": "HTTP",
            "TargetType": "ip",
            "Port": 8080,
            "HealthCheckPath": "/",
            "HealthCheckIntervalSeconds": 10,
            "HealthCheckTimeoutSeconds": 5,
            "HealthyThresholdCount": 2,
            "UnhealthyThresholdCount": 2,
        }
        return {"TargetGroups": [group]}

    def describe_target_group_attributes(self, TargetGroupArn: str) -> Answer:
        self._group(TargetGroupArn)
        return {"Attributes": [{"Key": key, "Value": value} for key, value in self.attributes.items()]}

    def describe_tags(self, ResourceArns: list[str]) -> Answer:
        for arn in ResourceArns:
            self._group(arn)
        return {"TagDescriptions": [{"ResourceArn": arn, "Tags": []} for arn in ResourceArns]}

    def _group(self, arn: str) -> None:
        if arn != GROUP:
            raise refused("TargetGroupNotFound", "One or more target groups not found")

    def modify_target_group_attributes(self, TargetGroupArn: str, Attributes: list[Answer]) -> Answer:
        self._group(TargetGroupArn)
        unknown = {each["Key"] for each in Attributes} - self.attributes.keys()
        if unknown:
            raise refused("ValidationError", f"Target group attribute key '{min(unknown)}' is not recognized")
        self.remember()
        self.attributes.update({each["Key"]: each["Value"] for each in Attributes})
        return self.describe_target_group_attributes(TargetGroupArn)

    def describe_target_health(self, TargetGroupArn: str) -> Answer:
        self._group(TargetGroupArn)
        found = []
        for each in self.deployments:
            state = "healthy" if each["healthy"] else "initial"
            for index in range(each["running"]):
                address = self._task(each, index, "RUNNING")["attachments"][0]["details"][0]["value"]
                found.append({"Target": {"Id": address, "Port": 8080}, "TargetHealth": {"State": state}})
        return {"TargetHealthDescriptions": found}

    # -- S3: conditional requests as the API reference has them: 412 when lost, 404 for If-Match on what is absent
    def put_object(self, Bucket: str, Key: str, Body: Any, **more: Any) -> Answer:
        self._bucket(Bucket, more)
        data = Body if isinstance(Body, bytes) else Body.encode() if isinstance(Body, str) else Body.read()
        found = self.objects.get(Key)
        if more.get("IfNoneMatch") == "*" and found:
            raise refused("PreconditionFailed", "At least one of the pre-conditions you specified did not hold", 412)
        if "IfMatch" in more and found is None:
            raise refused("NoSuchKey", "The specified key does not exist.", 404)
        if "IfMatch" in more and found and found[1].strip('"') != more["IfMatch"].strip('"'):
            raise refused("PreconditionFailed", "At least one of the pre-conditions you specified did not hold", 412)
        if not {"IfMatch", "IfNoneMatch"} & more.keys():
            raise refused("AccessDenied", "The bucket's policy takes no unconditional write", 403)
        etag = f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'
        self.objects[Key] = (data, etag)
        return self._answered({"ETag": etag})

    def get_object(self, Bucket: str, Key: str, **more: Any) -> Answer:
        self._bucket(Bucket, more)
        if Key not in self.objects:
            raise refused("NoSuchKey", "The specified key does not exist.", 404)
        data, etag = self.objects[Key]
        return self._answered({"Body": io.BytesIO(data), "ETag": etag, "ContentLength": len(data)})

    def list_objects_v2(self, Bucket: str, Prefix: str = "", **more: Any) -> Answer:
        self._bucket(Bucket, more)
        keys = sorted(each for each in self.objects if each.startswith(Prefix) and each > more.get("StartAfter", ""))
        found = [{"Key": each, "Size": len(self.objects[each][0]), "ETag": self.objects[each][1]} for each in keys]
        return self._answered({"Contents": found, "KeyCount": len(found), "IsTruncated": False})

    def head_bucket(self, Bucket: str, **more: Any) -> Answer:
        self._bucket(Bucket, more)
        return self._answered({"BucketRegion": REGION})

    def _bucket(self, name: str, more: Answer) -> None:
        if name != BUCKET:
            raise refused("NoSuchBucket", "The specified bucket does not exist", 404)
        if more.get("ExpectedBucketOwner", ACCOUNT) != ACCOUNT:
            raise refused("AccessDenied", "Access Denied", 403)

    def _answered(self, answer: Answer) -> Answer:
        date = moment(self.seconds).strftime("%a, %d %b %Y %H:%M:%S GMT")
        return {**answer, "ResponseMetadata": {"HTTPStatusCode": 200, "HTTPHeaders": {"date": date}}}
