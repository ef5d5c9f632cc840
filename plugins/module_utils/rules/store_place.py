# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where a release store is: what ``release_store`` may say, and the place of one release in it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ansible_collections.steady.ecs.plugins.module_utils.rules.records import Identity
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_SLIP = re.compile(r"[A-Za-z0-9]+:/|s3:")
"""How a mistyped place begins. As a folder it would be one in the working folder, where nobody would look for it."""
_ADDRESS = re.compile(r"[0-9]+(\.[0-9]+){3}")
_PREFIX = re.compile(r"[A-Za-z0-9_.=-]+(/[A-Za-z0-9_.=-]+)*")
LONGEST_PREFIX = 200
"""Characters. A key has at most 1,024 bytes (S3 user guide, "Naming Amazon S3 objects"), and cluster and service take
up to 255 each."""


@dataclass(frozen=True)
class Bucket:
    """``s3://BUCKET/PREFIX``."""

    name: str
    prefix: str

    def __str__(self) -> str:
        return f"s3://{self.name}/{self.prefix}"


def bucket(named: str | None) -> Bucket | None:
    """The bucket that ``release_store`` names; None for a folder, or for none. Raises Failure."""
    scheme, separator, rest = (named or "").partition("://")
    if not separator:
        if slip := _SLIP.match(named or ""):
            raise _wrong(named, f"{slip[0]} begins neither the path of a folder nor s3://BUCKET")
        return None
    if scheme != "s3":
        raise _wrong(named, f"{scheme} is no kind of store")
    name, _slash, prefix = rest.partition("/")
    prefix = prefix.removesuffix("/")
    # S3 user guide, "General purpose bucket naming rules".
    if not _BUCKET.fullmatch(name) or ".." in name or _ADDRESS.fullmatch(name):
        raise _wrong(named, f"{name!r} is no name of a bucket")
    if not prefix:
        raise _wrong(named, "a prefix is missing: a bucket's policy and others' objects need a line between them")
    if not _PREFIX.fullmatch(prefix) or len(prefix) > LONGEST_PREFIX or {".", ".."} & set(prefix.split("/")):
        raise _wrong(named, f"{prefix!r} is no prefix: letters, digits, _ . = - and single slashes")
    return Bucket(name, prefix)


def release(place: str) -> tuple[str, Identity, int | None]:
    """Store, service and number in ``STORE/ACCOUNT/REGION/CLUSTER/SERVICE/releases/41``; no number in a place that ends
    with the service. Raises Failure."""
    found = re.fullmatch(r"(.+?)(?:/releases/([0-9]{1,12})(?:\.json)?)?/?", place.strip())
    store, *names = (found[1] if found else "").rsplit("/", 4)
    if not found or len(names) != 4 or not store or Identity(*names).problem():
        raise Failure(
            f"{place} names no release. Write STORE/ACCOUNT/REGION/CLUSTER/SERVICE/releases/NUMBER: a release says "
            "at its begin where it is recorded.",
            reason="no_release_place",
        )
    return store, Identity(*names), int(found[2]) if found[2] else None


def _wrong(named: str | None, problem: str) -> Failure:
    return Failure(
        f"release_store is {named}, and {problem}. Set it to s3://BUCKET/PREFIX or to a folder.",
        reason="store_not_supported",
    )
