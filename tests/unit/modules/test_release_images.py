# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Images by digest: from another service's proven release, and from the tags of a registry."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import reads
from ansible_collections.steady.ecs.plugins.modules import release_images as module

from tests.unit.modules.releases import ACCOUNT, FAMILY, REGION
from tests.unit.modules.test_preflight_way_back import World
from tests.unit.test_release import IDENTITY, Service

OLD, NEW = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"
HERE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
STAGING = f"111122223333.dkr.ecr.{REGION}.amazonaws.com"


@pytest.fixture(autouse=True)
def nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reads, "_definitions", {})


@pytest.fixture
def world() -> World:
    found = World()
    for container in ("coral", "agent-1"):
        found.container(container)["image"] = f"{HERE}/{container}:1.1"
    return found


class Staging:
    """Another service's releases in a folder store: baseline 1, proven 2, failed 3."""

    def __init__(self, root: Path) -> None:
        self.root, self.service = root, Service()
        self.service.deploy(75, "100")
        self.service.deploy(76, "200", outcome="failed")
        record = self.service.records[2]
        record["verdict"]["images"] = {
            "coral": f"{STAGING}/coral:1.2@{NEW}",
            "agent-1": f"{STAGING}/another:7@{OLD}",
            "extra": f"{STAGING}/extra:1@{OLD}",
        }
        record["audit"]["commit"] = "5d290ed1c0ffee"
        record["intent"]["settings"] = {"healthCheckGracePeriodSeconds": 90}
        record["intent"]["task_definition"]["changes"] = [
            "containerDefinitions[coral].image",
            "containerDefinitions[coral].environment[TOKEN]",
        ]
        self.place = root.joinpath(*IDENTITY.as_dict().values())
        self.write()

    def write(self) -> None:
        (self.place / "releases").mkdir(parents=True, exist_ok=True)
        (self.place / "head.json").write_text(json.dumps(self.service.head))
        for number, record in self.service.records.items():
            (self.place / f"releases/{number:08d}.json").write_text(json.dumps(record))


@pytest.fixture
def staging(tmp_path: Path) -> Staging:
    return Staging(tmp_path / "store")


def test_the_last_proven_release_is_promoted_by_digest_from_the_registry_of_this_account(
    world: World, staging: Staging
) -> None:
    found = world.run(module, promotes=str(staging.place), images={"agent-2": "nginx:1"})
    assert not found.get("failed"), found
    assert found["images"] == {"agent-2": "nginx:1", "coral": f"{HERE}/coral:1.2@{NEW}"}
    assert found["promoted_from"] == f"{staging.place}/releases/2" and found["commit"] == "5d290ed1c0ffee"
    left = "\n".join(found["left"])
    assert f"agent-1 is made from {STAGING}/another there" in left and "extra" in left
    assert "containerDefinitions[coral].environment[TOKEN]" in left and ".image" not in left
    assert "healthCheckGracePeriodSeconds 90" in left
    assert len(world.warnings) == len(found["left"])


def test_what_is_declared_here_is_not_missed(world: World, staging: Staging) -> None:
    changes = {"containers": {"coral": {"environment": {"TOKEN": "x"}}}}
    settings = {"healthCheckGracePeriodSeconds": 30}
    found = world.run(module, promotes=str(staging.place), changes=changes, settings=settings)
    assert not any("TOKEN" in each or "healthCheckGrace" in each for each in found["left"])


@pytest.mark.parametrize(
    ("number", "words"),
    [
        ("3", "release 3 is a deploy that ended failed"),
        ("1", "release 1 is a baseline that ended succeeded, so nobody has proven it"),
        ("9", "release 9 is not on record"),
    ],
)
def test_a_release_that_nobody_has_proven_is_refused(world: World, staging: Staging, number: str, words: str) -> None:
    found = world.run(module, promotes=f"{staging.place}/releases/{number}")
    assert found["failed"] and words in found["msg"] and "Proven there: 2." in found["msg"]
    assert world.run(module, promotes=f"{staging.place}/releases/2")["images"]


def test_a_place_that_names_no_release_is_refused(world: World, tmp_path: Path) -> None:
    assert "names no release" in world.run(module, promotes="staging")["msg"]
    empty = tmp_path.joinpath(*IDENTITY.as_dict().values())
    assert "there is no proven release" in world.run(module, promotes=str(empty))["msg"]


def test_two_declarations_of_one_image_are_refused(world: World, staging: Staging) -> None:
    found = world.run(module, promotes=str(staging.place), images={"coral": f"{HERE}/coral:1.0"})
    assert found["failed"] and "take one of them out" in found["msg"]


@pytest.mark.parametrize(
    "wrong", [[], ["x"], "x", 7, {"coral": None}, {"coral": ["x"]}, {"coral": {"environment": ["x"]}}]
)
@pytest.mark.parametrize(
    "declared",
    [
        lambda value: {"changes": {"containers": value}},
        lambda value: {"definition": {"containerDefinitions": value}},
        lambda value: {"definition": {"containerDefinitions": [value]}},
        lambda value: {"definition": {"containerDefinitions": [{"name": "coral", "environment": value}]}},
        lambda value: {"settings": {"deploymentConfiguration": value}},
        lambda value: {"settings": {"networkConfiguration": {"awsvpcConfiguration": value}}},
        lambda value: {"images": {"coral": value}},
    ],
)
def test_a_declaration_without_form_is_refused_with_its_place(
    world: World, staging: Staging, declared: Callable[[Any], dict[str, Any]], wrong: Any
) -> None:
    """Preflight says all that is wrong with a declaration, and comes after this; it was a defect of ours here."""
    found = world.run(module, promotes=str(staging.place), **declared(wrong))
    assert not found.get("failed") or found["reason"] == "declaration", found["msg"]


@pytest.mark.parametrize(
    ("variable", "declared"),
    [
        ("rollout_changes", lambda image: {"changes": {"containers": {"coral": {"image": image}}}}),
        (
            "rollout_task_definition",
            lambda image: {"definition": {"containerDefinitions": [{"name": "coral", "image": image}]}},
        ),
        (
            "rollout_task_definition",
            lambda image: {
                "definition": {"taskDefinition": {"containerDefinitions": [{"name": "coral", "image": image}]}}
            },
        ),
    ],
)
def test_what_goes_on_top_of_a_declared_image_is_said(
    world: World, staging: Staging, variable: str, declared: Callable[[str], dict[str, Any]]
) -> None:
    """It is no conflict, for images are meant to go on top of either; but the next release would take it back."""
    taken = f"{HERE}/coral:1.2@{NEW}"
    for image in (f"{HERE}/coral:1.2", f"{HERE}/coral:1.2@{OLD}"):
        found = world.run(module, promotes=str(staging.place), **declared(image))
        assert found["images"]["coral"] == taken
        said = [each for each in found["left"] if each.startswith(f"coral: {taken} goes on top of {image}, ")]
        assert len(said) == 1 and f"which {variable} declares" in said[0]
        assert f"without release_from brings {image} back" in said[0]
        assert any(said[0] in each for each in world.warnings)
    same = declared(f"{HERE}/coral@{NEW}")
    assert "on top of" not in str(world.run(module, promotes=str(staging.place), **same)["left"])
    # rollout_images is on top of it as well, and stays there without release_from.
    above = {"images": {"coral": taken}}
    assert "on top of" not in str(world.run(module, promotes=str(staging.place), **declared(image), **above)["left"])
    other = {"changes": {"containers": {"agent-1": {"image": f"{HERE}/agent-1:9"}}}}
    assert "on top of" not in str(world.run(module, promotes=str(staging.place), **other)["left"])


@pytest.mark.parametrize("number", [1, 3])
def test_a_record_that_cannot_be_read_is_not_in_the_way_of_the_named_one(
    world: World, staging: Staging, number: int
) -> None:
    """A later version of the collection may have written it."""
    spoil(staging, number)
    found = world.run(module, promotes=f"{staging.place}/releases/2")
    assert found["images"] == {"coral": f"{HERE}/coral:1.2@{NEW}"}, found
    refused = world.run(module, promotes=f"{staging.place}/releases/{4 - number}")
    assert "so nobody has proven it. Proven there: 2." in refused["msg"]
    assert refused["msg"].endswith(f"Cannot be read: {number}.")
    assert "its schema is 2" in world.run(module, promotes=f"{staging.place}/releases/{number}")["msg"]


def test_the_last_proven_release_is_found_from_the_newest_and_no_record_is_guessed_at(
    world: World, staging: Staging
) -> None:
    spoil(staging, 1)
    assert world.run(module, promotes=str(staging.place))["promoted_from"].endswith("/releases/2")
    spoil(staging, 3)  # which may be a proven one
    assert "releases/00000003.json is not used" in world.run(module, promotes=str(staging.place))["msg"]
    spoil(staging, 2)
    refused = world.run(module, promotes=f"{staging.place}/releases/9")["msg"]
    assert "release 9 is not on record" in refused and "None that can be read is proven there." in refused


def spoil(staging: Staging, number: int) -> None:
    place = staging.place / f"releases/{number:08d}.json"
    place.write_text(place.read_text().replace('"schema": 1', '"schema": 2'))


def test_a_record_without_digests_promotes_nothing(world: World, staging: Staging) -> None:
    staging.service.records[2]["verdict"]["images"] = {}
    staging.write()
    assert "no digest of an image on record" in world.run(module, promotes=str(staging.place))["msg"]


def test_a_tag_is_replaced_by_the_digest_that_the_registry_has(world: World) -> None:
    world.images["1.2"] = NEW
    declared = {"coral": f"{HERE}/coral:1.2", "side": "nginx:1", "agent-1": f"{HERE}/agent:1@{OLD}"}
    found = world.run(module, pin=True, images=declared)
    assert found["images"] == {**declared, "coral": f"{HERE}/coral:1.2@{NEW}"}
    assert any("nginx:1" in each for each in world.warnings)
    gone = world.run(module, pin=True, images={"coral": f"{HERE}/coral:typo"})
    assert gone["failed"] and "does not exist in Amazon ECR" in gone["msg"]


def test_another_account_is_asked_nothing(world: World, staging: Staging) -> None:
    world.caller["Account"] = "111122223333"
    found = world.run(module, promotes=str(staging.place))
    assert found["failed"] and found["reason"] == "wrong_account"
    assert world.calls == ["get_caller_identity"]


def test_a_promoted_image_is_one_that_the_preflight_asks_for(world: World, staging: Staging) -> None:
    """In the registry of this account it may be missing: nobody has replicated it."""
    from ansible_collections.steady.ecs.plugins.modules import service_preflight

    brought: dict[str, Any] = world.run(module, promotes=str(staging.place))["images"]
    world.images["1.1"] = OLD
    found = world.run(service_preflight, images=brought)
    assert found["failed"] and f"image {HERE}/coral:1.2@{NEW}" in found["msg"]
    world.images[NEW] = NEW
    assert world.run(service_preflight, images=brought)["ok"]
    assert world.service["taskDefinition"] == f"{FAMILY}:74"


def test_a_container_whose_proven_image_is_not_on_record_is_said_to_stay(world: World, staging: Staging) -> None:
    """Half a release beside what was here was never proven together."""
    record = staging.service.records[2]
    del record["verdict"]["images"]["agent-1"]
    record["intent"]["task_definition"]["changes"].append("containerDefinitions[agent-1].image")
    staging.write()
    found = world.run(module, promotes=str(staging.place))
    assert found["images"] == {"coral": f"{HERE}/coral:1.2@{NEW}"}
    assert any(each.startswith("agent-1: no image of it is on record there") for each in found["left"])
