# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Preflight: what would be deployed can start, what would be restored can run, and the window is open."""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import live, reads, registry
from ansible_collections.steady.ecs.plugins.module_utils.rules import images
from ansible_collections.steady.ecs.plugins.modules import service_drift
from ansible_collections.steady.ecs.plugins.modules import service_preflight as module
from botocore.exceptions import ClientError

from tests.unit.modules.releases import ACCOUNT, REGION
from tests.unit.modules.system import System
from tests.unit.test_release import FAMILY, Service

OLD, NEW = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"
REPOSITORY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/app"
SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:db-AbCdEf"
THURSDAY = "Thu, 27 Nov 2025 10:00:00 GMT"


class World(System):
    """The system with a registry, secrets and parameters: what is listed is there."""

    def __init__(self) -> None:
        super().__init__()
        self.images: dict[str, str] = {}
        """By tag or digest, the digest that ECR answers."""
        self.secrets = {SECRET}
        self.parameters = {"/prod/key"}
        self.caller["ResponseMetadata"] = {"HTTPHeaders": {"date": THURSDAY}}

    def runs(self, number: int, image: str, status: str = "ACTIVE", **container: Any) -> None:
        """A revision of the family ``web``."""
        arn = f"{FAMILY}:{number}"
        self.definitions[arn] = {
            **self.definitions[self.service["taskDefinition"]],
            "taskDefinitionArn": arn,
            "status": status,
            "containerDefinitions": [{"name": "coral", "image": image, "portMappings": [{"containerPort": 5555}]}],
        }
        self.definitions[arn]["containerDefinitions"][0].update(container)

    def describe_task_definition(self, **asked: Any) -> dict[str, Any]:
        if asked["taskDefinition"] not in self.definitions:
            raise ClientError({"Error": {"Code": "ClientException", "Message": "Unable to describe"}}, "X")
        return super().describe_task_definition(**asked)

    def describe_service_revisions(self, **asked: Any) -> dict[str, Any]:
        self._called("describe_service_revisions")
        assert asked["serviceRevisionArns"] == ["arn:revision/1"]
        told = [{"containerName": "coral", "image": f"{REPOSITORY}:latest", "imageDigest": OLD}]
        return {"serviceRevisions": [{"taskDefinition": self.service["taskDefinition"], "containerImages": told}]}

    def describe_images(self, **asked: Any) -> dict[str, Any]:
        self._called("describe_images")
        (wanted,) = asked["imageIds"]
        digest = self.images.get(wanted.get("imageDigest") or wanted["imageTag"])
        if digest is None:
            raise ClientError({"Error": {"Code": "ImageNotFoundException", "Message": "gone"}}, "X")
        return {"imageDetails": [{"imageDigest": digest}]}

    def describe_secret(self, **asked: Any) -> dict[str, Any]:
        self._called("describe_secret")
        if asked["SecretId"] not in self.secrets:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": "gone"}}, "X")
        return {"ARN": asked["SecretId"]}

    def get_paginator(self, operation: str) -> types.SimpleNamespace:
        if operation == "describe_parameters":

            def paginate(**asked: Any) -> Iterator[dict[str, Any]]:
                self._called(operation)
                wanted = asked["ParameterFilters"][0]["Values"]
                yield {"Parameters": [{"Name": each} for each in wanted if each in self.parameters]}

            return types.SimpleNamespace(paginate=paginate)
        if operation == "list_tasks":
            return types.SimpleNamespace(paginate=lambda **_asked: iter([{"taskArns": ["arn:task/1"]}]))
        return super().get_paginator(operation)

    def describe_tasks(self, **_asked: Any) -> dict[str, Any]:
        running = {"lastStatus": "RUNNING", "desiredStatus": "RUNNING", "taskArn": "arn:task/1"}
        container = {"name": "coral", "image": f"{REPOSITORY}:latest", "imageDigest": OLD}
        return {"tasks": [{**running, "containers": [container]}]}


@dataclass
class Shelf:
    """The store of a service, in memory."""

    service: Service

    def head(self) -> dict[str, Any]:
        return self.service.head

    def records(self) -> dict[int, Any]:
        return self.service.records


@pytest.fixture(autouse=True)
def nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reads, "_definitions", {})


@pytest.fixture
def world() -> World:
    """Runs web:76 of release 4; release 3 is web:75, release 2 web:77, release 1 the baseline web:74."""
    found = World()
    for number, tag in ((74, "a"), (77, "b"), (75, "c"), (76, "latest")):
        found.runs(number, f"{REPOSITORY}:{tag}")
        found.images[tag] = OLD
    found.images[OLD] = OLD
    found.service.update(taskDefinition=f"{FAMILY}:76", healthCheckGracePeriodSeconds=0)
    return found


@pytest.fixture
def releases(monkeypatch: pytest.MonkeyPatch) -> Service:
    found = Service()
    for number in (77, 75, 76):
        found.deploy(number, "100")
    monkeypatch.setattr(live, "store", lambda _task: Shelf(found))
    return found


def failed(found: dict[str, Any]) -> dict[str, Any]:
    assert found["failed"], found
    return {each["name"]: each for each in found["checks"] if each["ok"] is False}


def back(world: World, **params: Any) -> dict[str, Any]:
    return world.run(module, going_back=True, **params)


# -- the way back


def test_a_release_that_can_run_is_restored(world: World, releases: Service) -> None:
    found = back(world)
    assert found["ok"], found.get("msg")
    names = [each["name"] for each in found["checks"] if each["ok"]]
    assert {"revision web:75", f"image {REPOSITORY}:c"} <= set(names)


def test_c67_an_image_that_is_gone_is_refused_with_the_nearest_release_that_can_run(
    world: World, releases: Service
) -> None:
    del world.images["c"], world.images["b"]
    found = back(world)
    assert set(failed(found)) == {f"image {REPOSITORY}:c"}
    assert "Release 3 cannot run. The nearest that can is release 1: -e rollback_to=1." in found["msg"]
    assert not any(each.startswith(("update", "register", "modify")) for each in world.calls)
    world.images["b"] = OLD
    assert "-e rollback_to=2" in back(world)["msg"], "a proven one is nearer than a baseline"
    assert back(world, rollback_to="2")["ok"]


def test_c67_fails_on_a_rollback_that_does_not_ask_the_registry(
    world: World, releases: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "image_digest", lambda _task, _image: OLD)
    with pytest.raises(KeyError, match="failed"):
        test_c67_an_image_that_is_gone_is_refused_with_the_nearest_release_that_can_run(world, releases)


def test_c67_a_digest_that_is_gone_is_a_daily_finding_though_its_tag_is_there(world: World, releases: Service) -> None:
    """The tag was moved, and a policy has deleted what it left: a task that is lost cannot be replaced."""
    releases.records[4]["intent"]["task_definition"]["changes"] = []
    world.service["currentServiceRevisions"] = [{"arn": "arn:revision/1"}]
    assert world.run(service_drift, further_tasks=True)["findings"] == []
    world.images["latest"] = NEW
    del world.images[OLD]
    assert world.run(service_drift)["findings"] == [], "a plan asks for the tags, which is what it deploys by"
    (said,) = world.run(service_drift, further_tasks=True)["findings"]
    assert said.startswith(
        f"No task could take the place of one that is lost: image {REPOSITORY}:latest@{OLD}: expected in its registry"
    )
    world.definitions[f"{FAMILY}:76"]["containerDefinitions"][0]["versionConsistency"] = "disabled"
    reads._definitions.clear()
    assert world.run(service_drift, further_tasks=True)["findings"] == [], "each task asks for the tag"
    del world.definitions[f"{FAMILY}:76"]["containerDefinitions"][0]["versionConsistency"]
    reads._definitions.clear()
    world.refused["describe_service_revisions"] = "AccessDeniedException"
    found = world.run(service_drift, further_tasks=True)
    assert found["findings"] == []
    assert any(each.startswith("images of further tasks: ") for each in found["not_looked_at"])


def test_c67_fails_on_a_daily_check_that_does_not_ask_the_registry(
    world: World, releases: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "image_digest", lambda _task, _image: OLD)
    with pytest.raises(ValueError, match="not enough values"):
        test_c67_what_is_gone_is_a_daily_finding_before_the_emergency(world, releases)


def test_a_release_that_was_named_is_checked_too(world: World, releases: Service) -> None:
    del world.images["b"]
    assert "Release 2 cannot run" in back(world, rollback_to="web:77")["msg"]


@pytest.mark.parametrize("status", ["DELETE_IN_PROGRESS", None])
def test_a_deleted_revision_is_refused_and_an_inactive_one_is_not(
    world: World, releases: Service, status: str | None
) -> None:
    arn = f"{FAMILY}:75"
    world.definitions[arn]["status"] = "INACTIVE"
    found = back(world)
    assert found["ok"], found.get("msg")
    (said,) = [each for each in found["checks"] if each["name"] == "revision web:75"]
    assert "registered again" in said["found"]
    reads._definitions.clear()
    if status:
        world.definitions[arn]["status"] = status
    else:
        del world.definitions[arn]
    found = back(world)
    assert set(failed(found)) == {"revision web:75"}
    assert "-e rollback_to=2" in found["msg"]


def test_a_secret_or_parameter_that_is_gone_is_refused_and_never_read(world: World, releases: Service) -> None:
    secrets = [{"name": "P", "valueFrom": f"{SECRET}:password::"}, {"name": "K", "valueFrom": "/prod/key"}]
    world.runs(75, f"{REPOSITORY}:c", secrets=secrets)
    assert back(world)["ok"]
    world.secrets.clear()
    world.parameters.clear()
    found = back(world)
    assert set(failed(found)) == {"secret secret:db-AbCdEf", "secret /prod/key"}
    assert not any("get_secret" in each or "get_parameter" in each for each in world.calls)


def test_what_may_not_be_asked_is_not_checked(world: World, releases: Service) -> None:
    world.refused["describe_images"] = "AccessDeniedException"
    found = back(world)
    assert found["ok"], found.get("msg")
    (said,) = [each for each in found["checks"] if each["name"] == f"image {REPOSITORY}:c"]
    assert said["ok"] is None and "ecr:DescribeImages" in said["reason"]


def test_c68_a_moved_tag_is_no_obstacle_while_the_recorded_image_is_there(world: World, releases: Service) -> None:
    releases.records[3]["verdict"]["images"] = {"coral": f"{REPOSITORY}:c@{OLD}"}
    world.images["c"] = NEW
    found = back(world)
    assert found["ok"], found.get("msg")
    assert f"image {REPOSITORY}:c@{OLD}" in {each["name"] for each in found["checks"]}


def test_c68_fails_on_a_rollback_by_name(world: World, releases: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "pinned", lambda image, _digest: image)
    with pytest.raises(AssertionError):
        test_c68_a_moved_tag_is_no_obstacle_while_the_recorded_image_is_there(world, releases)


def test_c67_what_is_gone_is_a_daily_finding_before_the_emergency(world: World, releases: Service) -> None:
    releases.records[4]["intent"]["task_definition"]["changes"] = []
    found = world.run(service_drift)
    assert (found["status"], found["findings"]) == ("IN_SYNC", [])
    del world.images["latest"], world.images["c"]
    found = world.run(service_drift)
    assert found["status"] == "IN_SYNC", "what is gone is no difference between what is declared and what is live"
    running, way_back = found["findings"]
    assert running.startswith(f"What runs could not be started again: image {REPOSITORY}:latest")
    assert way_back.startswith(f"Release 3, the way back, cannot run: image {REPOSITORY}:c")
    world.refused["describe_images"] = "AccessDeniedException"
    found = world.run(service_drift)
    assert found["findings"] == []
    assert any(f"image {REPOSITORY}:c" in each for each in found["not_looked_at"])


# -- what would be deployed


def deploy(world: World, **params: Any) -> dict[str, Any]:
    return world.run(module, **params)


def test_an_image_that_does_not_exist_is_refused_before_the_deployment(world: World) -> None:
    found = deploy(world, images={"coral": f"{REPOSITORY}:typo"})
    assert set(failed(found)) == {f"image {REPOSITORY}:typo"}
    assert "CannotPullContainerError" in found["msg"]


def test_a_release_without_a_way_back_is_said_and_not_refused(world: World) -> None:
    world.images = {"next": NEW}
    found = deploy(world, images={"coral": f"{REPOSITORY}:next"})
    assert found["ok"], found.get("msg")
    assert any("no way back" in each and f"image {REPOSITORY}:latest" in each for each in world.warnings)


def test_a_tag_that_was_declared_or_moved_is_said(world: World) -> None:
    world.images["latest"] = NEW
    deploy(world)
    assert any("whatever else it changes" in each and OLD in each for each in world.warnings)
    world.warnings.clear()
    world.images["next"] = NEW
    deploy(world, images={"coral": f"{REPOSITORY}:next"})
    assert any("rollout_pin_images" in each for each in world.warnings)
    world.warnings.clear()
    deploy(world, images={"coral": f"{REPOSITORY}:latest@{OLD}"})
    assert world.warnings == [], "a digest decides, whatever its tag means by now"


# -- windows


def test_outside_the_window_is_refused_with_the_next_opening_by_awss_clock(world: World, releases: Service) -> None:
    declared = ["fri 09:00-16:00 UTC"]
    found = deploy(world, windows=declared)
    assert set(failed(found)) == {"release window"}
    assert "Fri 2025-11-28 09:00 UTC" in found["msg"]
    assert deploy(world, windows=["thu 09:00-16:00 UTC"])["ok"]
    assert deploy(world, windows=declared, window_override="the shop is down")["ok"]


def test_a_rollback_is_never_kept_waiting_and_an_open_release_goes_on(world: World, releases: Service) -> None:
    declared = ["fri 09:00-16:00 UTC"]
    assert back(world, windows=declared)["ok"]
    releases.open(changes={"cpu": "512"})
    assert deploy(world, windows=declared)["ok"]


def test_a_plan_outside_the_window_says_so_and_goes_on(world: World, releases: Service) -> None:
    found = world.run(module, check_mode=True, windows=["fri 09:00-16:00 UTC"])
    assert found["ok"]
    assert any("Fri 2025-11-28 09:00 UTC" in each for each in world.warnings)


def test_a_window_that_is_none_is_refused_in_a_sentence(world: World) -> None:
    found = deploy(world, windows=["always"])
    assert "'always' is no window" in failed(found)["declared release_windows"]["found"]
