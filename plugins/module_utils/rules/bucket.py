# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a bucket must be to keep releases: versioned, encrypted, private, and closed to writes without a condition."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules.differences import Difference
from ansible_collections.steady.ecs.plugins.module_utils.rules.store_place import Bucket

Document = dict[str, Any]

PUBLIC_ACCESS: dict[str, bool] = dict.fromkeys(
    ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
)
ENCRYPTION: Document = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
"""S3's own keys, which cost nothing. Another choice (aws:kms) is left as it is."""
VERSION = "2012-10-17"
"""Version of the policy language."""

VERSIONING, ENCRYPTED, PRIVATE, POLICY = "versioning", "encryption", "public access block", "policy"


@dataclass(frozen=True)
class State:
    """What S3 answers of a bucket; None and empty where nothing is set."""

    versioning: str | None
    encryption: Document | None
    public_access: Document
    policy: Document | None


def statements(bucket: Bucket, partition: str) -> list[Document]:
    """Our statements of the bucket's policy, each known by its Sid.

    A PutObject without ``If-Match`` and without ``If-None-Match`` has neither key (S3 user guide, "Enforce conditional
    writes on Amazon S3 buckets"). The parts of a multipart upload have none either; a record never needs one. The Sid
    carries a digest of the prefix, for several stores may share a bucket; it may have letters and digits only.
    """
    arn = f"arn:{partition}:s3:::{bucket.name}"
    return [
        {
            "Sid": f"SteadyConditionalWrites{hashlib.sha256(bucket.prefix.encode()).hexdigest()[:8]}",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:PutObject",
            "Resource": f"{arn}/{bucket.prefix}/*",
            "Condition": {"Null": {"s3:if-match": "true", "s3:if-none-match": "true"}},
        },
        {
            "Sid": "SteadyTlsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [arn, f"{arn}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
    ]


def policy(found: Document | None, bucket: Bucket, partition: str) -> Document:
    """The bucket's policy with our statements in it; those of others stay, in their order."""
    ours = {each["Sid"]: each for each in statements(bucket, partition)}
    settled = [ours.pop(each.get("Sid"), each) for each in _statements(found)]
    return {**(found or {"Version": VERSION}), "Statement": [*settled, *ours.values()]}


def opened_to_all(found: Document | None) -> list[str]:
    """The statements of a policy, by Sid or place, that let everybody in: beside our public access block S3 takes no
    policy that has one (S3 user guide, "Blocking public access to your Amazon S3 storage")."""
    return [
        str(each.get("Sid") or f"statement {number}")
        for number, each in enumerate(_statements(found), 1)
        if each.get("Effect") == "Allow" and not each.get("Condition") and _is_anybody(each.get("Principal"))
    ]


def _statements(found: Document | None) -> list[Document]:
    listed = found["Statement"] if found else []
    return listed if isinstance(listed, list) else [listed]


def _is_anybody(principal: Any) -> bool:
    named = principal.get("AWS") if isinstance(principal, dict) else principal
    return "*" in (named if isinstance(named, list) else [named])


def wanted(found: State, bucket: Bucket, partition: str) -> dict[str, Any]:
    """What is to be set, by name; empty when the bucket is right."""
    settled: dict[str, Any] = {}
    if found.versioning != "Enabled":
        settled[VERSIONING] = "Enabled"
    if not (found.encryption or {}).get("Rules"):
        settled[ENCRYPTED] = ENCRYPTION
    if any(found.public_access.get(name) is not True for name in PUBLIC_ACCESS):
        settled[PRIVATE] = PUBLIC_ACCESS
    whole = policy(found.policy, bucket, partition)
    if whole != found.policy:
        settled[POLICY] = whole
    return settled


def differences(found: State, bucket: Bucket, partition: str) -> list[Difference]:
    """What :func:`wanted` sets, for people: of the policy only the statements that change."""
    settled, resource = wanted(found, bucket, partition), f"bucket {bucket.name}"
    shown = []
    if VERSIONING in settled:
        shown.append(Difference(resource, VERSIONING, "Enabled", found.versioning))
    if ENCRYPTED in settled:
        shown.append(Difference(resource, ENCRYPTED, "AES256", None))
    if PRIVATE in settled:
        actual = found.public_access
        shown += [
            Difference(resource, f"{PRIVATE}.{name}", True, actual.get(name))
            for name in PUBLIC_ACCESS
            if actual.get(name) is not True
        ]
    if POLICY in settled:
        known = {each.get("Sid"): each for each in _statements(found.policy)}
        shown += [
            Difference(resource, f"{POLICY}[{each['Sid']}]", each, known.get(each["Sid"]))
            for each in statements(bucket, partition)
            if known.get(each["Sid"]) != each
        ]
    return shown
