# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Images that are gone when a verb starts tasks of the revision that runs, on the bed: refused before the change."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import registry, rolling
from ansible_collections.steady.ecs.plugins.module_utils.rules import images
from ansible_collections.steady.ecs.plugins.modules import (
    deployment,
    deployment_continue,
    service_drift,
    service_restart,
    service_scale,
)

from tests.cases.conftest import ACCOUNT, SOON, Answer, Place
from tests.cases.shifting import BLUE_GREEN, Pair, pause

Patch = pytest.MonkeyPatch
REPOSITORY = f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/app"
COMMAND = ["python", "-m", "testbed.app.echo"]
SCALE, RESTART = (service_scale, {"count": 4}), (service_restart, {})
STOPS_FIRST = {"minimumHealthyPercent": 0, "maximumPercent": 100}
"""ECS may stop all tasks before it has started one."""


def pushed(place: Place, content: str, *tags: str) -> str:
    """Push an image, which the bed runs from now on; its digest."""
    kind, layer = "application/vnd.oci.image.manifest.v1+json", {"digest": f"sha256:{content * 64}", "size": 1}
    manifest = json.dumps({"schemaVersion": 2, "mediaType": kind, "config": layer, "layers": [layer]})
    for tag in tags:
        answer = place.bed.client("ecr").put_image(repositoryName="app", imageManifest=manifest, imageTag=tag)
    digest: str = answer["image"]["imageId"]["imageDigest"]
    place.bed.admin("PUT", "/_bed/images", {REPOSITORY: {"command": COMMAND, "digest": digest}})
    return digest


def removed(place: Place, **image: str) -> None:
    """A lifecycle policy, or somebody, takes an image away, or one of its tags."""
    place.bed.client("ecr").batch_delete_image(repositoryName="app", imageIds=[image])
    place.forget()


def serving(place: Place, **container: Any) -> str:
    """The service runs two tasks of ``app:v1``; its digest."""
    place.bed.client("ecr").create_repository(repositoryName="app")
    digest = pushed(place, "1", "v1", "kept")
    revision = place.register("v1", {**place.container(), "image": f"{REPOSITORY}:v1", **container})
    place.at_rest(revision, desiredCount=2, deploymentConfiguration=STOPS_FIRST)
    return digest


def started(place: Place) -> set[str]:
    return {each["taskArn"] for each in place.tasks()}


def refused(place: Place, verb: tuple[Any, Answer], image: str) -> str:
    """What a verb says that refuses, in check mode and else, while nothing is written and no task is touched."""
    (module, given), before = verb, started(place)
    for check_mode in (True, False):
        found = place.run(module, check_mode, **given, **SOON)
        assert found.get("failed"), "it was let through"
        assert (found["reason"], found["outcome"], found["changed"]) == ("image_gone", "error", False)
        assert f"image {image}: expected in its registry, found it is gone" in found["msg"]
        assert place.writes() == []
    assert (started(place), place.service()["desiredCount"]) == (before, 2)
    return str(found["msg"])


def done(place: Place, verb: tuple[Any, Answer]) -> None:
    """A verb that is let through, and comes to a good end."""
    module, given = verb
    found = place.run(module, **given, **SOON)
    assert found["outcome"] == "proven", found
    assert place.warnings == []
    assert place.writes() == ["UpdateService"]


# -- C67


@pytest.mark.parametrize("verb", [SCALE, RESTART], ids=["scale", "restart"])
def test_c67_no_task_is_started_or_stopped_where_the_image_is_gone(place: Place, verb: tuple[Any, Answer]) -> None:
    digest = serving(place)
    removed(place, imageDigest=digest)
    said = refused(place, verb, f"{REPOSITORY}:v1@{digest}" if verb is SCALE else f"{REPOSITORY}:v1")
    assert "CannotPullContainerError" in said
    assert "Push it again" in said and "rollback.yml goes back to the last proven release" in said
    pushed(place, "1", "v1")
    place.forget()
    done(place, verb)


@pytest.mark.parametrize("verb", [SCALE, RESTART], ids=["scale", "restart"])
def test_c67_fails_on_a_tool_that_does_not_ask_the_registry(
    place: Place, monkeypatch: Patch, verb: tuple[Any, Answer]
) -> None:
    monkeypatch.setattr(rolling, "pullable", lambda *_asked, **_how: None)
    with pytest.raises(AssertionError, match="let through"):
        test_c67_no_task_is_started_or_stopped_where_the_image_is_gone(place, verb)


def test_c67_fewer_tasks_need_no_image(place: Place) -> None:
    removed(place, imageDigest=serving(place))
    done(place, (service_scale, {"count": 1}))
    assert "DescribeImages" not in place.asked()


def test_c67_more_tasks_are_started_by_the_digest_of_those_that_run(place: Place) -> None:
    """The tag was moved, and a policy has deleted what it left: a deployment of its own takes what it means now."""
    digest = serving(place)
    pushed(place, "2", "v1")
    removed(place, imageDigest=digest)
    refused(place, SCALE, f"{REPOSITORY}:v1@{digest}")
    done(place, RESTART)


def test_c67_fails_on_a_tool_that_asks_for_the_tag_alone(place: Place, monkeypatch: Patch) -> None:
    monkeypatch.setattr(images, "established", lambda _content, _tasks: {})
    with pytest.raises(AssertionError, match="let through"):
        test_c67_more_tasks_are_started_by_the_digest_of_those_that_run(place)


def test_c67_the_daily_check_asks_for_what_a_lost_task_is_replaced_by(place: Place) -> None:
    digest = serving(place)
    pushed(place, "2", "v1")
    removed(place, imageTag="kept")
    removed(place, imageDigest=digest)
    found = place.run(service_drift, further_tasks=True)
    image = f"{REPOSITORY}:v1@{digest}"
    assert [each.partition(": expected")[0] for each in found["findings"]] == [
        f"No task could take the place of one that is lost: image {image}"
    ]
    assert not any(each.startswith("images of further tasks") for each in found["not_looked_at"])


def test_c67_a_tag_that_is_gone_keeps_no_task_from_its_digest(place: Place) -> None:
    serving(place)
    removed(place, imageTag="v1")
    refused(place, RESTART, f"{REPOSITORY}:v1")
    done(place, SCALE)


def test_c67_a_pause_before_the_first_task_is_not_continued_into_what_cannot_start(place: Place) -> None:
    serving(place)
    shifting = {**BLUE_GREEN, "bakeTimeInMinutes": 0}
    place.update(loadBalancers=[Pair(place).entry()], deploymentConfiguration=shifting)
    place.completed(place.service()["taskDefinition"], seconds=60)
    place.update(deploymentConfiguration={**shifting, "lifecycleHooks": [pause("PRE_SCALE_UP")]})
    image = f"{REPOSITORY}:v2"
    digest = pushed(place, "2", "v2")
    revision = place.register("v2", {**place.container(), "image": image})
    found = place.run(deployment, task_definition=revision, **SOON)
    assert found["verdict"] == "paused", found
    removed(place, imageDigest=digest)
    for check_mode in (True, False):
        found = place.run(deployment_continue, check_mode, **SOON)
        assert found.get("failed"), "it was let through"
        assert (found["reason"], found["outcome"]) == ("image_gone", "error")
        assert f"image {image}: expected in its registry, found it is gone" in found["msg"]
    assert place.writes() == []
    assert place.rollouts()[0]["lifecycleStage"] == "PRE_SCALE_UP"
    pushed(place, "2", "v2")
    going_on = place.run(deployment_continue, wait_timeout=1800, **SOON)
    assert (going_on["outcome"], going_on["verdict"]) == ("proven", "succeeded"), going_on


def test_c67_fails_on_a_tool_that_continues_unasked(place: Place, monkeypatch: Patch) -> None:
    monkeypatch.setattr(rolling, "pullable", lambda *_asked, **_how: None)
    with pytest.raises(AssertionError, match="let through"):
        test_c67_a_pause_before_the_first_task_is_not_continued_into_what_cannot_start(place)


def test_c67_what_ecs_resolves_for_each_task_is_asked_for_by_its_tag(place: Place) -> None:
    serving(place, versionConsistency="disabled")
    removed(place, imageTag="v1")
    refused(place, SCALE, f"{REPOSITORY}:v1")


# -- C69


def test_c69_what_has_a_tag_and_a_digest_is_asked_for_by_its_digest(place: Place) -> None:
    """Even where the tag is gone or means another image: a registry that is asked for both finds nothing."""
    digest = serving(place)
    image = f"{REPOSITORY}:v1@{digest}"
    place.update(taskDefinition=place.register("v1", {**place.container(), "image": image}))
    place.completed(place.service()["taskDefinition"], seconds=60)
    removed(place, imageTag="v1")
    done(place, RESTART)
    pushed(place, "2", "v1")
    place.forget()
    done(place, RESTART)
    removed(place, imageDigest=digest)
    refused(place, RESTART, image)


def test_c69_fails_on_a_tool_that_asks_for_both(place: Place, monkeypatch: Patch) -> None:
    def wrong(task: Any, image: str) -> str | None:
        named = images.reference(image)
        wanted = {"imageTag": named.tag, "imageDigest": named.digest}
        ecr = registry.reading(task, "ecr")
        try:
            answer = ecr.describe_images(registryId=ACCOUNT, repositoryName="app", imageIds=[wanted])
        except ecr.exceptions.ImageNotFoundException:
            return None
        found: str = answer["imageDetails"][0]["imageDigest"]
        return found

    monkeypatch.setattr(registry, "image_digest", wrong)
    with pytest.raises(AssertionError, match="image_gone"):
        test_c69_what_has_a_tag_and_a_digest_is_asked_for_by_its_digest(place)
