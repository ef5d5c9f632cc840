# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Container images: what a reference names, which content ran, and whether the same name still means that content.

A tag can be moved, so a release is remembered by digest (case C68). Where a reference has both, the digest decides
and the tag is a word for people (case C69).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules.checks import Check, check, not_checked
from ansible_collections.steady.ecs.plugins.module_utils.rules.looks import is_running, name_of, serving_container

Answer = dict[str, Any]

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_ECR = re.compile(
    r"(\d{12})\.dkr[.-]ecr(?:-fips)?\.([a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|on\.(?:aws|amazonwebservices\.com\.cn))"
)


@dataclass(frozen=True)
class Reference:
    """An image as a container names it: ``registry/name:tag@digest``. Empty where a part is not there."""

    registry: str
    name: str
    tag: str
    digest: str

    @property
    def repository(self) -> str:
        """With the registry's host, without tag and digest."""
        return f"{self.registry}/{self.name}" if self.registry else self.name

    @property
    def ecr(self) -> tuple[str, str] | None:
        """Account and Region of a private registry of Amazon ECR; None for any other."""
        found = _ECR.fullmatch(self.registry)
        return (found[1], found[2]) if found else None


def reference(image: str) -> Reference:
    """The parts of an image reference. The first part is a registry when it has a dot or a port, as Docker has it."""
    rest, _at, digest = image.partition("@")
    registry, slash, name = rest.partition("/")
    if not slash or not ("." in registry or ":" in registry or registry == "localhost"):
        registry, name = "", rest
    head, colon, tag = name.rpartition(":")
    return Reference(registry, head if colon else name, tag if colon else "", digest)


def pinned(image: str, digest: str) -> str:
    """The image by its content; its tag stays as a word for people."""
    return f"{image.partition('@')[0]}@{digest}"


def digest_of(image: str) -> str:
    """The digest in a reference; empty where it has none that can be one."""
    found = reference(image).digest
    return found if _DIGEST.fullmatch(found) else ""


def running(tasks: Iterable[Answer]) -> dict[str, str]:
    """By container, the image that runs, with its digest: what a record keeps of a release.

    A container whose tasks run several contents, or of which the API tells no digest, is left out.
    """
    found: dict[str, set[str]] = {}
    for task in tasks:
        for each in task.get("containers", []) if is_running(task) else []:
            image, digest = str(each.get("image") or ""), str(each.get("imageDigest") or "")
            found.setdefault(each["name"], set()).add(pinned(image, digest) if _DIGEST.fullmatch(digest) else "")
    return {name: each for name, contents in sorted(found.items()) for each in contents if each and len(contents) == 1}


def established(content: Answer, tasks: Iterable[Answer]) -> dict[str, str]:
    """By container, the image that a deployment of this content starts further tasks with, as its ``tasks`` tell it;
    not where ECS is to resolve the tag for each task (``versionConsistency``, API reference, ContainerDefinition)."""
    return _once(content, running(tasks))


def resolved(content: Answer, revision: Answer) -> dict[str, str]:
    """The same as a service revision tells it, whether or not a task runs ("containerImages", API reference,
    ServiceRevision)."""
    told = {each["containerName"]: each for each in revision.get("containerImages", [])}
    known = {name: pinned(str(each["image"]), str(each.get("imageDigest", ""))) for name, each in told.items()}
    return _once(content, {name: image for name, image in known.items() if digest_of(image)})


def _once(content: Answer, known: dict[str, str]) -> dict[str, str]:
    """Without the containers whose tag is resolved for each task."""
    each_anew = {
        each["name"] for each in content["containerDefinitions"] if each.get("versionConsistency") == "disabled"
    }
    return {name: image for name, image in known.items() if name not in each_anew}


def recorded(record: Answer) -> dict[str, str]:
    """By container, the image with its digest that ran under a release: as verified, or as found in a baseline."""
    known = record["verdict"].get("images") or (record["before"].get("images") if record["kind"] == "baseline" else {})
    return {str(name): str(image) for name, image in (known or {}).items() if digest_of(str(image))}


def compared(tasks: Iterable[Answer], expected: dict[str, str]) -> list[Check]:
    """Whether each running task has the content that is on record, container by container (case C68)."""
    live = [each for each in tasks if is_running(each)]
    return [_compared(name, image, live) for name, image in sorted(expected.items())]


def serving(content: Answer, service: Answer) -> str:
    """The image of the container that the load balancer asks, else of the first one; empty for a revision without."""
    found = {each.get("name"): str(each.get("image") or "") for each in content.get("containerDefinitions", [])}
    return found.get(serving_container(service)) or next(iter(found.values()), "")


def _compared(container: str, image: str, tasks: list[Answer]) -> Check:
    name, expected = f"image of {container}", digest_of(image)
    found = {
        name_of(task["taskArn"])[:8]: str(each.get("imageDigest") or "")
        for task in tasks
        for each in task.get("containers", [])
        if each["name"] == container
    }
    unknown = [task for task, digest in found.items() if not digest]
    wrong = [f"{task} runs {digest}" for task, digest in found.items() if digest and digest != expected]
    if not wrong and (unknown or not found):
        reason = "the API tells no digest of what runs" if found else "no running task has this container"
        return not_checked(name, image, reason)
    return check(
        name,
        image,
        wrong or f"{len(found)} of {len(found)} run it",
        not wrong,
        f"The name {image.partition('@')[0]} means another content by now, so what was proven is not what runs. Deploy "
        f'it by digest: -e \'{{"rollout_images": {{"{container}": "{image}"}}}}\'.',
    )
