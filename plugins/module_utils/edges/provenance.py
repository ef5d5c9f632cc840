# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where a release comes from: the commit of the inventory, by git, and that of the application, by its image's label.

Neither is needed to release. What cannot be told is null on the record, and keeps nobody waiting for long.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import visits
from ansible_collections.steady.ecs.plugins.module_utils.edges.aws import reading, translated
from ansible_collections.steady.ecs.plugins.module_utils.rules import images
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Task

Answer = dict[str, Any]

LABEL = "org.opencontainers.image.revision"
"""OCI image specification, pre-defined annotation keys: the source control revision."""
REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/+-]{0,99}")
MANIFESTS = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
]
GIT = ("git", "--no-optional-locks", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")
"""Reads only: no hook, no monitor and no lock of the repository's own."""
SECONDS = 10
DEPTH = 2
"""An index names manifests, and a manifest its configuration."""


def inventory(folder: str | None) -> tuple[str | None, bool | None]:
    """Commit of the folder's repository, and whether something in the folder is not committed; None where git or a
    repository is missing, and where the repository is of something else and has nothing of the folder."""
    if not folder or not Path(folder).is_dir() or not _git(folder, "ls-files", "--", "."):
        return None, None
    commit = _git(folder, "rev-parse", "--verify", "HEAD")
    if commit is None or not re.fullmatch(r"[0-9a-f]{40,64}", commit):
        return None, None
    # Whoever has set status.showUntrackedFiles to `no` has files that count all the same.
    shown = ("--untracked-files=normal", "--ignore-submodules=all")
    changes = _git(folder, "status", "--porcelain", *shown, "--", ".")
    return commit, None if changes is None else bool(changes)


def image_commit(task: Task, image: str) -> str | None:
    """The revision that an image in Amazon ECR is labelled with; None where it has none, or it may not be read."""
    found = images.reference(image)
    if not found.ecr:
        return None
    wanted = {"imageDigest": found.digest} if found.digest else {"imageTag": found.tag or "latest"}
    try:
        text = str(_labels(task, found, wanted, DEPTH).get(LABEL) or "")
    except (Failure, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None  # what a registry answers is whatever somebody pushed
    return text if REVISION.fullmatch(text) else None


def manifest(task: Task, image: images.Reference, wanted: dict[str, str]) -> Answer:
    """The manifest of an image in Amazon ECR, or the index that lists its manifests.

    Raises Failure, and LookupError or ValueError for an answer without one.
    """
    with translated(f"Reading the manifest of {image.repository} (ecr:BatchGetImage)"):
        answer = reading(task, "ecr").batch_get_image(**_place(image), imageIds=[wanted], acceptedMediaTypes=MANIFESTS)
    return dict(json.loads(answer["images"][0]["imageManifest"]))


def configuration(task: Task, image: images.Reference, of: Answer) -> Answer:
    """The configuration that a manifest names (OCI image specification). Raises as :func:`manifest` does."""
    with translated(f"Reading the configuration of {image.repository} (ecr:GetDownloadUrlForLayer)"):
        layer = reading(task, "ecr").get_download_url_for_layer(**_place(image), layerDigest=of["config"]["digest"])
    _status, body = visits.asked(str(layer["downloadUrl"]))
    return dict(json.loads(body))


def _labels(task: Task, image: images.Reference, wanted: dict[str, str], depth: int) -> Answer:
    """Annotations of the manifest, or labels of the image's configuration."""
    found = manifest(task, image, wanted)
    if LABEL in (found.get("annotations") or {}):
        return dict(found["annotations"])
    if "manifests" in found:
        first = {"imageDigest": str(found["manifests"][0]["digest"])}
        return _labels(task, image, first, depth - 1) if depth else {}
    return dict(configuration(task, image, found)["config"].get("Labels") or {})


def _place(image: images.Reference) -> dict[str, str]:
    return {"registryId": (image.ecr or ("",))[0], "repositoryName": image.name}


def _git(folder: str, *words: str) -> str | None:
    # The variables by which git is told of another repository, as inside one of its hooks, are not for this folder.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        # pylint: disable-next=ansible-bad-function  # run_command is AnsibleModule's, and in process there is none
        done = subprocess.run(
            [*GIT, "-C", folder, *words],
            env={**environment, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
