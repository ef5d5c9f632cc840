# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""On what grounds a release is made: commits by git and by an image's label, and what is only recorded."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import visits
from ansible_collections.steady.ecs.plugins.modules import release_grounds as module
from botocore.exceptions import ClientError

from tests.unit.modules.releases import ACCOUNT, REGION
from tests.unit.modules.system import System

REPOSITORY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/app"
COMMIT = "5d290ed1c0ffee"


def git(folder: Path, *words: str) -> str:
    who = ("-c", "user.name=ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *who, "-C", folder, *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def inventory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A committed inventory beside other files of its repository, as git sees it from inside a hook of another one."""
    folder = tmp_path / "inventories/main"
    folder.mkdir(parents=True)
    (folder / "hosts.yml").write_text("all: {}\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "first")
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    return folder


class World(System):
    """The system with a registry: manifests by tag or digest, and what their configurations are labelled with."""

    def __init__(self) -> None:
        super().__init__()
        self.manifests: dict[str, Any] = {}

    def batch_get_image(self, **asked: Any) -> dict[str, Any]:
        self._called("batch_get_image")
        (wanted,) = asked["imageIds"]
        manifest = self.manifests.get(wanted.get("imageDigest") or wanted["imageTag"])
        return {"images": [] if manifest is None else [{"imageManifest": json.dumps(manifest)}]}

    def get_download_url_for_layer(self, **asked: Any) -> dict[str, Any]:
        self._called("get_download_url_for_layer")
        if asked["layerDigest"] != "sha256:c":
            raise ClientError({"Error": {"Code": "LayersNotFoundException", "Message": "gone"}}, "X")
        return {"downloadUrl": "https://layers.example.com/c"}


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    body = json.dumps({"config": {"Labels": {"org.opencontainers.image.revision": COMMIT}}}).encode()
    monkeypatch.setattr(visits, "asked", lambda url: (200, body if url.endswith("/c") else b""))
    return World()


def gathered(world: World, **params: Any) -> dict[str, Any]:
    found = world.run(module, **params)
    assert not found.get("failed"), found
    return found


def test_the_commit_of_the_inventory_and_whether_it_is_clean(world: World, inventory: Path) -> None:
    commit = git(inventory, "--git-dir", str(inventory.parents[1] / ".git"), "rev-parse", "HEAD")
    found = gathered(world, inventory=str(inventory))
    assert found["audit"] == {"inventory_commit": commit, "inventory_dirty": False}
    (inventory.parents[1] / "README.md").write_text("not of the inventory")
    assert gathered(world, inventory=str(inventory))["audit"]["inventory_dirty"] is False
    (inventory / "more.yml").write_text("all: {}\n")
    assert gathered(world, inventory=str(inventory))["audit"]["inventory_dirty"] is True
    assert any(commit[:12] in each for each in world.warnings)


@pytest.mark.parametrize("shown", ["no", "normal", "all"])
def test_what_git_is_set_not_to_show_is_not_committed_either(world: World, inventory: Path, shown: str) -> None:
    with (inventory.parents[1] / ".git/config").open("a") as config:
        config.write(f"[status]\n\tshowUntrackedFiles = {shown}\n")
    assert gathered(world, inventory=str(inventory))["audit"]["inventory_dirty"] is False
    (inventory / "host_vars").mkdir()
    (inventory / "host_vars/web.yml").write_text("rollout_images: {}\n")
    assert gathered(world, inventory=str(inventory))["audit"]["inventory_dirty"] is True


@pytest.mark.parametrize("ignored", [False, True])
def test_the_commit_of_a_repository_around_is_none_of_the_inventory(
    world: World, inventory: Path, ignored: bool
) -> None:
    """A home under version control, with somebody's inventory beneath it."""
    other = inventory.parents[1] / "services/inventory"
    other.mkdir(parents=True)
    (other / "hosts.yml").write_text("all: {}\n")
    if ignored:
        (inventory.parents[1] / ".gitignore").write_text("services\n")
    assert gathered(world, inventory=str(other))["audit"] == {}
    assert gathered(world, inventory=str(inventory))["audit"]["inventory_commit"]


def test_no_program_of_the_repository_is_run(world: World, inventory: Path, tmp_path: Path) -> None:
    trap, sprung = tmp_path / "trap.sh", tmp_path / "sprung"
    trap.write_text(f"#!/bin/sh\ntouch {sprung}\n")
    trap.chmod(0o700)
    with (inventory.parents[1] / ".git/config").open("a") as config:
        config.write(f"[core]\n\tfsmonitor = {trap}\n\thooksPath = {tmp_path}\n")
    assert gathered(world, inventory=str(inventory))["audit"]["inventory_commit"]
    assert not sprung.exists()


@pytest.mark.parametrize("make", [False, True])
def test_without_a_repository_nothing_is_told(world: World, tmp_path: Path, make: bool) -> None:
    folder = tmp_path / "plain"
    if make:
        folder.mkdir()
    assert gathered(world, inventory=str(folder))["audit"] == {}


def test_an_approval_and_a_promotion_are_passed_on_clean(world: World) -> None:
    found = gathered(world, approved_by="ada\n::error::x", promoted_from="s3://a/b")
    assert "\n" not in found["audit"]["approved_by"]
    assert found["audit"]["promoted_from"] == "s3://a/b"
    assert not world.lines, "what is recorded is said once it is"


@pytest.mark.parametrize(
    "manifests",
    [
        {"1.2": {"annotations": {"org.opencontainers.image.revision": COMMIT}}},
        {"1.2": {"config": {"digest": "sha256:c"}}},
        {"1.2": {"manifests": [{"digest": "sha256:m"}]}, "sha256:m": {"config": {"digest": "sha256:c"}}},
    ],
)
def test_the_commit_of_the_application_is_what_its_image_is_labelled_with(
    world: World, manifests: dict[str, Any]
) -> None:
    world.manifests = manifests
    assert gathered(world, image=f"{REPOSITORY}:1.2")["commit"] == COMMIT
    assert gathered(world, image=f"{REPOSITORY}:1.2", commit="given")["commit"] == "given"
    assert gathered(world, image=f"{REPOSITORY}:1.2", promoted_commit="promoted")["commit"] == COMMIT


@pytest.mark.parametrize(
    "manifests",
    [
        {},
        {"1.2": "no manifest"},
        {"1.2": {"config": {"digest": "sha256:gone"}}},
        {"1.2": {"annotations": {"org.opencontainers.image.revision": "a b\n::error::"}}},
        {"1.2": {"manifests": [{"digest": "1.2"}]}},
    ],
)
def test_what_a_registry_does_not_tell_is_null(world: World, manifests: dict[str, Any]) -> None:
    world.manifests = manifests
    assert gathered(world, image=f"{REPOSITORY}:1.2")["commit"] is None
    assert gathered(world, image=f"{REPOSITORY}:1.2", promoted_commit="promoted")["commit"] == "promoted"


def test_of_other_registries_and_without_rights_nothing_is_told(world: World) -> None:
    assert gathered(world, image="nginx:1")["commit"] is None and world.calls == []
    world.refused["batch_get_image"] = "AccessDeniedException"
    assert gathered(world, image=f"{REPOSITORY}:1.2")["commit"] is None
