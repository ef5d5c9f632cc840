#!/usr/bin/python
# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: release_store
short_description: Make the place right where releases are kept
version_added: 0.1.0
description:
  - Of a bucket, turns versioning on, sees that it is encrypted, blocks public access, and adds two statements to its
    policy. One denies every write under the prefix that has no condition, for such a write could overwrite what
    another run has just written; one denies every call without TLS. The statements of others stay as they are.
  - Makes the bucket only when told to, with O(create).
  - Makes a folder, and closes it to all but its owner.
  - Says what it changed; the second run changes nothing.
author:
  - The steady.ecs authors (@steady-ecs)
options:
  store:
    description: C(s3://BUCKET/PREFIX), or a folder. The default is C(${XDG_STATE_HOME:-~/.local/state}/steady).
    type: str
  account:
    description: AWS account id of the service, twelve digits. A bucket must belong to it, and so must the credentials.
    type: str
    required: true
  create:
    description: Whether a bucket that does not exist is made, in the Region of the task.
    type: bool
    default: false
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    support: full
    description: Says what it would change, and changes nothing.
  diff_mode:
    support: full
    description: Shows what the bucket or folder has and gets.
"""

EXAMPLES = r"""
- name: Keep the releases in S3
  steady.ecs.release_store:
    store: s3://pardon-releases/steady
    account: "640080112933"
    region: us-east-1
    create: true

- name: Keep the releases in a folder of this machine
  steady.ecs.release_store:
    store: /srv/steady
    account: "640080112933"
"""

RETURN = r"""
store:
  description: Where releases are kept.
  returned: always
  type: str
  sample: s3://pardon-releases/steady
kind:
  description: V(bucket) or V(folder).
  returned: always
  type: str
  sample: bucket
detail:
  description: What the place is now, in words.
  returned: always
  type: str
  sample: s3://pardon-releases/steady is fit to keep releases
created:
  description: Whether the bucket or folder did not exist before.
  returned: always
  type: bool
  sample: false
differences:
  description: What was changed, or in check mode would be, in the form of every comparison of this collection.
  returned: always
  type: list
  elements: dict
  sample:
    - {resource: bucket pardon-releases, path: versioning, expected: Enabled, actual: null, type: REMOVE}
"""

import os
import stat
from pathlib import Path
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import buckets, files, reads, store_files
from ansible_collections.steady.ecs.plugins.module_utils.rules import bucket as rules
from ansible_collections.steady.ecs.plugins.module_utils.rules import store_place
from ansible_collections.steady.ecs.plugins.module_utils.rules.differences import Difference
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Spec, Task, execute

SPEC = Spec(
    options={
        "store": {"type": "str"},
        "account": {"type": "str", "required": True},
        "create": {"type": "bool", "default": False},
    }
)
PRIVATE = 0o700
NOTHING = rules.State(versioning=None, encryption=None, public_access={}, policy=None)


def run(task: Task) -> dict[str, Any]:
    """Find out what is not as it must be, settle it, and say so."""
    bucket = store_place.bucket(task.params["store"])
    return _folder(task) if bucket is None else _bucket(task, bucket)


def _bucket(task: Task, bucket: store_place.Bucket) -> dict[str, Any]:
    # CreateBucket takes no ExpectedBucketOwner: it makes the bucket in whatever account the credentials are of.
    reads.caller_of(task, task.params["account"])
    partition, before = buckets.partition(task), buckets.state(task, bucket)
    if before is None and not task.params["create"]:
        raise Failure(
            f"There is no bucket {bucket.name}. Correct release_store, or have it made: "
            "ansible-playbook store.yml -e release_store_create=true.",
            reason="no_bucket",
        )
    if before is None and not task.check_mode:
        buckets.create(task, bucket)
    found = before or NOTHING
    differences = rules.differences(found, bucket, partition)
    if differences and (public := rules.opened_to_all(found.policy)):
        raise Failure(
            f"The policy of the bucket {bucket.name} lets everybody in ({', '.join(public)}). Records are not public, "
            "and S3 takes no such policy where public access is blocked. Nothing was changed. Take that out of the "
            "policy, or choose another bucket in release_store.",
            reason="public_bucket",
        )
    if differences and not task.check_mode:
        buckets.change(task, bucket, rules.wanted(found, bucket, partition))
        if not buckets.settled(task, bucket):
            raise Failure(
                f"The bucket {bucket.name} does not answer that it is as it was set. Wait a minute, then run store.yml "
                "again before the next release.",
                reason="not_settled",
            )
    return _answer(task, str(bucket), "bucket", before is None, differences)


def _folder(task: Task) -> dict[str, Any]:
    environment = {name: value for name, value in os.environ.items() if name != "CI" or not task.check_mode}
    folder = store_files.root(task.params["store"], environment)
    with files.told(folder, "read"):
        mode = _mode(folder)
    before = None if mode is None else f"{mode:04o}"
    differences = [] if mode == PRIVATE else [Difference(f"folder {folder}", "mode", f"{PRIVATE:04o}", before)]
    if differences and not task.check_mode:
        files.make_private(folder)
        with files.told(folder, "written"):
            folder.chmod(PRIVATE)
    task.warn(
        f"The release store {folder} is a folder: {store_files.FileStore.scope}. Where several people or a pipeline "
        "deploy, set release_store to s3://BUCKET/PREFIX."
    )
    return _answer(task, str(folder), "folder", mode is None, differences)


def _mode(folder: Path) -> int | None:
    """The permission bits; None when there is nothing. Raises Failure when it is no folder."""
    try:
        found = folder.stat().st_mode
    except FileNotFoundError:
        return None
    if not stat.S_ISDIR(found):
        raise Failure(f"{folder} is no folder. Name another in release_store.", reason="store_unwritable")
    return stat.S_IMODE(found)


def _answer(task: Task, store: str, kind: str, created: bool, differences: list[Difference]) -> dict[str, Any]:
    for each in differences:
        task.report(each.as_text())
    is_wrong = task.check_mode and differences
    return {
        "changed": bool(differences) or created,
        "detail": f"{store} {'is not yet' if is_wrong else 'is'} fit to keep releases",
        "store": store,
        "kind": kind,
        "created": created,
        "differences": [each.as_dict() for each in differences],
        "diff": {"before": _side(differences, "actual"), "after": _side(differences, "expected")},
    }


def _side(differences: list[Difference], side: str) -> str:
    return "".join(f"{each.resource}: {each.path}: {getattr(each, side)}\n" for each in differences)


def main() -> None:
    """Run as a module process."""
    execute(SPEC, run)


if __name__ == "__main__":
    main()
