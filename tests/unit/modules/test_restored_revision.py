# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module task_definition as a rollback calls it: the content of an older revision, whatever became of that one."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import reads, registry
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure
from ansible_collections.steady.ecs.plugins.modules import task_definition as module

from tests.unit.modules.ecs_api import ACCOUNT, EcsApi
from tests.unit.task_definitions import RICH

REGISTER = "RegisterTaskDefinition"
OLD, NEW = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"
IMAGE = "111122223333.dkr.ecr.us-east-1.amazonaws.com/app:latest"
OLDER = f"{ACCOUNT}task-definition/{RICH['family']}:74"


class Registry:
    """What Amazon ECR answers: digests by image."""

    def __init__(self) -> None:
        self.has = {IMAGE: NEW, f"{IMAGE}@{OLD}": OLD}
        self.refuses = False

    def image_digest(self, _task: Any, image: str) -> str | None:
        if self.refuses:
            raise Failure("no rights", reason="access_denied")
        return self.has.get(image)


@pytest.fixture(autouse=True)
def ecr(monkeypatch: pytest.MonkeyPatch) -> Registry:
    found = Registry()
    monkeypatch.setattr(reads, "_definitions", {})
    monkeypatch.setattr(registry, "image_digest", found.image_digest)
    return found


@pytest.fixture
def api() -> EcsApi:
    """Runs revision 75; 74 is older, and names its image by a tag."""
    older = copy.deepcopy(RICH)
    older["containerDefinitions"][0]["image"] = IMAGE
    found = EcsApi(older)
    newer = copy.deepcopy(RICH)
    newer["containerDefinitions"][0]["image"] = "example.com/app:3"
    found.live = found.register(newer, 75)
    return found


def restored(api: EcsApi, **params: Any) -> dict[str, Any]:
    return api.run(module, restores=OLDER, **params)


def recorded(api: EcsApi, digest: str = OLD) -> dict[str, str]:
    return {api.revisions[74]["containerDefinitions"][0]["name"]: f"{IMAGE}@{digest}"}


def test_an_active_revision_serves_as_it_is(api: EcsApi) -> None:
    found = restored(api)
    assert (found["task_definition_arn"], found["changed"], found["base_arn"]) == (OLDER, False, OLDER)
    assert api.sent(REGISTER) == []


def test_an_inactive_one_is_registered_again_once(api: EcsApi) -> None:
    api.revisions[74]["status"] = "INACTIVE"
    found = restored(api)
    assert found["task_definition_arn"].endswith(":76") and found["registered"]
    (sent,) = api.sent(REGISTER)
    assert sent["containerDefinitions"][0]["image"] == IMAGE
    assert any("registered again" in each for each in api.lines)
    again = restored(api)
    assert again["task_definition_arn"].endswith(":76") and not again["changed"]
    assert len(api.sent(REGISTER)) == 1


def test_one_that_is_being_deleted_is_refused(api: EcsApi) -> None:
    api.revisions[74]["status"] = "DELETE_IN_PROGRESS"
    found = restored(api)
    assert found["failed"] and found["reason"] == "revision_gone"
    assert api.sent(REGISTER) == []


def test_c68_a_tag_that_was_moved_is_replaced_by_the_digest_that_ran(api: EcsApi) -> None:
    found = restored(api, recorded_images=recorded(api))
    assert found["task_definition_arn"].endswith(":76")
    (sent,) = api.sent(REGISTER)
    assert sent["containerDefinitions"][0]["image"] == f"{IMAGE}@{OLD}"
    assert any(OLD in each and "another content" in each for each in api.lines)


def test_a_tag_that_still_means_what_ran_is_left_alone(api: EcsApi, ecr: Registry) -> None:
    ecr.has[IMAGE] = OLD
    assert restored(api, recorded_images=recorded(api))["task_definition_arn"] == OLDER


@pytest.mark.parametrize("kind", ["gone", "refused"])
def test_where_the_recorded_content_cannot_be_had_the_tag_stays_and_verification_finds_out(
    api: EcsApi, ecr: Registry, kind: str
) -> None:
    ecr.refuses = kind == "refused"
    del ecr.has[f"{IMAGE}@{OLD}"]
    assert restored(api, recorded_images=recorded(api))["task_definition_arn"] == OLDER
    assert api.sent(REGISTER) == []
