#!/usr/bin/python
# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: release_images
short_description: Settle which images a release of an Amazon ECS service gets, by their digest
version_added: 0.1.0
description:
  - Takes the images of another service's proven release, as from staging to production, by the digests that ran there.
    Where each account has a registry of its own, the image is taken from this service's registry.
  - Environment variables, settings and attributes are not taken; what the other release declared of them and this
    inventory does not is named. So is an image in O(changes) or O(definition) on top of which another one is taken.
  - Replaces the tags of declared images by the digests that Amazon ECR has for them.
  - Reads only. Nothing is registered or deployed; see M(steady.ecs.task_definition).
author:
  - The steady.ecs authors (@steady-ecs)
options:
  account:
    description: AWS account id that the credentials must belong to, twelve digits, quoted.
    type: str
    required: true
  cluster:
    description: Name of the cluster.
    type: str
    required: true
  service:
    description: Name of the service that gets the images.
    type: str
    required: true
  promotes:
    description:
      - The release whose images are taken, as C(STORE/ACCOUNT/REGION/CLUSTER/SERVICE/releases/41). Without
        C(/releases/41) it is the last proven one of that service. One that is not proven is refused.
    type: str
  pin:
    description: Whether to replace tags in O(images) by digests. Of registries other than Amazon ECR the tag stays.
    type: bool
    default: false
  images:
    description: Declared image of each container. One that O(promotes) brings otherwise is refused.
    type: dict
    default: {}
extends_documentation_fragment:
  - steady.ecs.declaration
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    support: full
    description: Never changes anything.
  diff_mode:
    support: none
    description: There is nothing to compare.
"""

EXAMPLES = r"""
- name: Bring to production what staging has proven
  steady.ecs.release_images:
    account: "640080112933"
    cluster: pardon-production-cluster
    service: pardon-production-service
    promotes: s3://pardon-releases/steady/111122223333/us-east-1/pardon-staging-cluster/pardon-staging-service
  register: promoted

- name: Know today which content a tag means
  steady.ecs.release_images:
    account: "640080112933"
    cluster: pardon-production-cluster
    service: pardon-production-service
    pin: true
    images: {coral: 640080112933.dkr.ecr.us-east-1.amazonaws.com/coral:1.2}
"""

RETURN = r"""
images:
  description: By container, the image to declare.
  returned: success
  type: dict
  sample: {coral: "640080112933.dkr.ecr.us-east-1.amazonaws.com/coral:1.2@sha256:5f70bf18"}
promoted_from:
  description: Place of the release that the images come from; null without O(promotes).
  returned: success
  type: str
  sample: s3://pardon-releases/steady/111122223333/us-east-1/pardon-staging-cluster/pardon-staging-service/releases/41
commit:
  description: Commit of the application on the record of that release, or null.
  returned: success
  type: str
  sample: 5d290ed1c0ffee
left:
  description: What that release brought and this one will not, in words; shown as warnings too.
  returned: success
  type: list
  elements: str
  sample: ["Declared there and not here: healthCheckGracePeriodSeconds 90."]
"""

from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import live, models, reads, registry, stores
from ansible_collections.steady.ecs.plugins.module_utils.rules import images, plan, promotion
from ansible_collections.steady.ecs.plugins.module_utils.rules.declaration import DeclarationError
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Spec, Task, execute

SPEC = Spec(
    options={
        "account": {"type": "str", "required": True},
        "cluster": {"type": "str", "required": True},
        "service": {"type": "str", "required": True},
        "promotes": {"type": "str"},
        "pin": {"type": "bool", "default": False},
        **live.DECLARATION_OPTIONS,
    }
)

Answer = dict[str, Any]


def promoted(task: Task) -> Answer:
    """Images of another service's proven release, and where they come from."""
    store, seq = stores.located(task, task.params["promotes"])
    try:
        records = store.records()
        record = promotion.chosen(records.written, records, seq)
        now, declared = live.whole(task), live.declared(task)
        # Names are looked for in what has a form; what has none is refused here, for preflight comes after this.
        plan.differences(declared, now, models.task_definition())
        found = promotion.promotion(record, now.definition, declared, plan.names(declared, now))
    except DeclarationError as wrong:
        raise Failure(wrong.msg, reason="declaration") from None
    place = f"{store.place}/releases/{record['seq']}"
    for container, image in found.images.items():
        task.report(f"{container} gets {image}, proven as release {record['seq']} of {store.identity.service}")
    for each in found.left:
        task.warn(f"{place}: {each}")
    return {
        "images": {**declared.images, **found.images},
        "promoted_from": place,
        "commit": record["audit"].get("commit"),
        "left": found.left,
    }


def pinned(task: Task, declared: dict[str, str]) -> dict[str, str]:
    """The images with the digests that Amazon ECR has for their tags. Raises Failure for one that it has not."""
    found = dict(declared)
    for container, image in declared.items():
        if images.digest_of(image):
            continue
        if not images.reference(image).ecr:
            task.warn(f"{image} is not in a private registry of Amazon ECR, so its tag is not replaced by a digest.")
            continue
        digest = registry.image_digest(task, image)
        if digest is None:
            raise Failure(
                f"{image} of {container} does not exist in Amazon ECR. Nothing was changed. Push it, or correct "
                "rollout_images.",
                reason="image_gone",
            )
        found[container] = images.pinned(image, digest)
        task.report(f"{container}: {image} is {digest}")
    return found


def run(task: Task) -> Answer:
    """Promotion first, then digests."""
    reads.caller_of(task, task.params["account"])
    found: Answer = {"images": task.params["images"], "promoted_from": None, "commit": None, "left": []}
    if task.params["promotes"] is not None:
        found = promoted(task)
    if task.params["pin"]:
        found["images"] = pinned(task, found["images"])
    return {"changed": False, **found}


def main() -> None:
    """Entry point of the module process."""
    execute(SPEC, run)


if __name__ == "__main__":
    main()
