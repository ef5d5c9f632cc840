# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a release takes from another service's proven one, as from staging to production: its images, by digest.

Values of environment variables are on no record, so other changes cannot be taken: they are named where they are not
declared here. Settings and attributes are of each place's own; what the other declared is named with its value.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules import images
from ansible_collections.steady.ecs.plugins.module_utils.rules.declaration import DeclarationError
from ansible_collections.steady.ecs.plugins.module_utils.rules.plan import Declared
from ansible_collections.steady.ecs.plugins.module_utils.rules.records import Document, proven
from ansible_collections.steady.ecs.plugins.module_utils.rules.states import flat_settings
from ansible_collections.steady.ecs.plugins.module_utils.rules.task_definition import CHANGES, WHOLE, content_images
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure

Written = Callable[[int], Document | None]
"""Reads the record of a number as it was written; None where there is none. Raises Failure for what is not trusted."""
NOTHING_PROVEN = "Nothing is proven there: deploy it there first."


@dataclass
class Promotion:
    """What is taken, and what is to be declared by hand."""

    images: dict[str, str]
    """By container, the image by its digest."""
    left: list[str] = field(default_factory=list)
    """In words, what the other release brought and this one will not."""


def chosen(written: Written, numbers: Iterable[int], seq: int | None) -> Document:
    """The release that is promoted: the named one, or the last proven one. Raises DeclarationError where none is.

    No more is read than decides, for another record that cannot be trusted says nothing about the one that is meant;
    and each as it was written, for a later way back may have given its content another revision, and no other image.
    """
    if seq is None:
        for number in sorted(numbers, reverse=True):
            record = written(number)
            if record is not None and proven(record):
                return record
        raise DeclarationError(f"release_from: there is no proven release. {NOTHING_PROVEN}")
    record = written(seq)
    if record is not None and proven(record):
        return record
    found = "is not on record" if record is None else f"is a {record['kind']} that ended {record['state']}"
    raise DeclarationError(
        f"release_from: release {seq} {found}, so nobody has proven it. {_proven_there(written, numbers)}"
    )


def _proven_there(written: Written, numbers: Iterable[int]) -> str:
    """Which release can be named instead."""
    good, unread = [], []
    for number in sorted(numbers):
        try:
            record = written(number)
        except Failure:  # what was wrong with the named one must still be said
            unread.append(number)
            continue
        good += [number] if record is not None and proven(record) else []
    if good:
        there = f"Proven there: {', '.join(map(str, good))}."
    else:
        there = "None that can be read is proven there." if unread else NOTHING_PROVEN
    return f"{there} Cannot be read: {', '.join(map(str, unread))}." if unread else there


def promotion(record: Document, live: Document, declared: Declared, ours: Document) -> Promotion:
    """What of the release is taken into the service whose live revision is ``live``.

    ``ours``: the names that are ``declared`` here, as :func:`states.declared` gives them. Raises DeclarationError where
    nothing can be taken, or rollout_images, which is as much on top as what is taken, says otherwise.
    """
    known = images.recorded(record)
    if not known:
        raise DeclarationError(
            f"release_from: release {record['seq']} has no digest of an image on record, so it is not known what was "
            "proven. Verify it there again with a release, or declare rollout_images."
        )
    found = Promotion({})
    here = {each["name"]: str(each.get("image", "")) for each in live.get("containerDefinitions", [])}
    for container, image in known.items():
        _take(found, container, image, here.get(container))
    for container in sorted({*_imaged(record), *here} - set(known)):
        found.left.append(
            f"{container}: no image of it is on record there (none, no digest, or tasks that differed), so it stays."
        )
    for container, image in found.images.items():
        other = declared.images.get(container)
        if other and images.digest_of(other) != images.digest_of(image):
            raise DeclarationError(
                f"release_from brings {image} for {container}, and rollout_images declares {other}: take one of them "
                "out."
            )
    if not found.images:
        raise DeclarationError(f"release_from: nothing can be taken. {' '.join(found.left)}")
    found.left += [*_overruled(found.images, declared), *_names(record, ours)]
    return found


def _overruled(taken: dict[str, str], declared: Declared) -> list[str]:
    """Images that the content declares beneath what is taken: not refused, for images are meant to go on top of it."""
    variable = WHOLE if declared.definition else CHANGES
    return [
        f"{container}: {taken[container]} goes on top of {image}, which {variable} declares. A release without "
        f"release_from brings {image} back, and drift reports the difference until then."
        for container, image in content_images(declared.changes, declared.definition).items()
        if container in taken
        and container not in declared.images
        and images.digest_of(image) != images.digest_of(taken[container])
    ]


def _imaged(record: Document) -> set[str]:
    """The containers whose image the release declared."""
    changes = record["intent"]["task_definition"]["changes"] or []
    return {each[len("containerDefinitions[") : -len("].image")] for each in changes if each.endswith("].image")}


def _take(found: Promotion, container: str, image: str, live: str | None) -> None:
    """Take one image: from the registry that the service uses, for each account may have its own copy."""
    if live is None:
        found.left.append(f"{container} ({image}) is a container that this service does not have.")
        return
    there, here = images.reference(image), images.reference(live)
    if there.name != here.name:
        found.left.append(
            f"{container} is made from {there.repository} there and from {here.repository} here: declare "
            f"rollout_images.{container} if it is to change."
        )
        return
    tag = f":{there.tag}" if there.tag else ""
    found.images[container] = images.pinned(f"{here.repository}{tag}", there.digest)


def _names(record: Document, ours: Document) -> list[str]:
    """What the other release declared beside images and this inventory does not, with the values that are on record."""
    intent = record["intent"]
    content = [each for each in intent["task_definition"]["changes"] or [] if not each.endswith(".image")]
    missing = [each for each in content if each not in ours["task_definition"]]
    said = []
    if missing:
        said.append(f"Declared there, not here, and their values are on no record: {', '.join(missing)}.")
    keys = {key for values in ours["attributes"].values() for key in values}
    valued: dict[str, Any] = {
        **{path: value for path, value in flat_settings(intent["settings"]).items() if path not in ours["settings"]},
        **{key: text for each in intent["attributes"].values() for key, text in each.items() if key not in keys},
    }
    if valued:
        listed = ", ".join(f"{name} {json.dumps(value)}" for name, value in sorted(valued.items()))
        said.append(f"Declared there and not here: {listed}.")
    return said
