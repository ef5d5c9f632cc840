# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether an image runs on the processors that a revision asks for: a wrong one ends as "exec format error"."""

from __future__ import annotations

from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules import images
from ansible_collections.steady.ecs.plugins.module_utils.rules.checks import Check, check

Answer = dict[str, Any]

ARCHITECTURES = {"X86_64": "amd64", "ARM64": "arm64"}
"""ECS's words (API reference, RuntimePlatform) to those of images (OCI image specification, image configuration)."""


def wanted(content: Answer) -> str:
    """The architecture that a task's images must have, as images call it; empty where any of the cluster's may do.

    X86_64 is the default on Fargate ("Amazon ECS task definition parameters for Fargate", runtime platform).
    """
    named = (content.get("runtimePlatform") or {}).get("cpuArchitecture")
    if not named and "FARGATE" not in (content.get("requiresCompatibilities") or []):
        return ""
    return ARCHITECTURES.get(str(named or "X86_64"), "")


def to_ask(content: Answer, live: Answer) -> dict[str, list[str]]:
    """The images in Amazon ECR whose architecture is not proven by what runs, with the containers that need them."""
    asks = wanted(content)
    proven = (
        {str(each.get("image")) for each in live.get("containerDefinitions", [])} if asks == wanted(live) else set()
    )
    found: dict[str, list[str]] = {}
    for container in content.get("containerDefinitions", []):
        name = str(container.get("image", ""))
        if asks and name not in proven and images.reference(name).ecr:
            found.setdefault(name, []).append(str(container.get("name", "")))
    return found


def offered(manifest: Answer) -> list[str] | None:
    """The architectures that an index lists; None for a manifest of one image, whose configuration names its own."""
    if "manifests" not in manifest:
        return None
    platforms = [each.get("platform") or {} for each in manifest["manifests"]]
    return sorted({str(each.get("architecture")) for each in platforms if each.get("architecture") != "unknown"})


def platform(name: str, containers: list[str], asks: str, found: list[str]) -> Check:
    """Whether an image has the architecture."""
    return check(
        f"platform of image {name}",
        asks,
        found,
        asks in found,
        f"{', '.join(containers)} would end at once (exec format error). Push the image for {asks}, or declare "
        "rollout_changes.runtimePlatform.cpuArchitecture.",
    )
