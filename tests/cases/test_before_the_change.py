# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Cases of what is asked before the first write, on the bed: what would fail half way is refused."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import reads, registry
from ansible_collections.steady.ecs.plugins.module_utils.rules import causes, preflight, service
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure
from ansible_collections.steady.ecs.plugins.modules import deployment, service_preflight

from tests.cases.conftest import ACCOUNT, SOON, Answer, Place

Patch = pytest.MonkeyPatch
REGISTRY = f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com"


def refused(place: Place, **declared: Any) -> Answer:
    """What preflight refuses, while nothing is written."""
    found = place.run(service_preflight, **declared)
    assert found.get("failed"), "it was let through"
    assert place.writes() == []
    return found


# -- C29


def without_a_rule(place: Place) -> None:
    """Nothing forwards to the group any more."""
    for listener in place.elb.describe_listeners(LoadBalancerArn=place.balancer["LoadBalancerArn"])["Listeners"]:
        place.elb.delete_listener(ListenerArn=listener["ListenerArn"])
    place.forget()


def test_c29_a_group_that_nothing_forwards_to_is_named_before_the_change(place: Place) -> None:
    place.at_rest()
    without_a_rule(place)
    said = refused(place, changes={"containers": {"app": {"image": "steady/echo:v2"}}})["msg"]
    assert f"target group {place.name}" in said
    assert "no listener rule forwards to it" in said


def test_c29_a_group_that_is_deleted_is_named_before_the_change(place: Place) -> None:
    place.at_rest()
    without_a_rule(place)
    place.elb.delete_target_group(TargetGroupArn=place.group)
    place.forget()
    said = refused(place, changes={"containers": {"app": {"image": "steady/echo:v2"}}})["msg"]
    assert f"target group {place.name}" in said
    assert "it is deleted" in said


@pytest.mark.parametrize(
    "way",
    [
        test_c29_a_group_that_nothing_forwards_to_is_named_before_the_change,
        test_c29_a_group_that_is_deleted_is_named_before_the_change,
    ],
)
def test_c29_fails_on_a_tool_that_does_not_look_at_the_group(place: Place, monkeypatch: Patch, way: Any) -> None:
    monkeypatch.setattr(preflight, "balancing", lambda _live: [])
    with pytest.raises(AssertionError, match="let through"):
        way(place)


# -- C42


def test_c42_an_image_that_does_not_exist_is_refused_and_else_told_in_seconds(real: Place) -> None:
    real.bed.client("ecr").create_repository(repositoryName="app")
    real.at_rest(healthCheckGracePeriodSeconds=600)
    image = f"{REGISTRY}/app:nope"
    said = refused(real, images={"app": image})["msg"]
    assert f"image {image}" in said
    revision = real.register("v2", {**real.container(), "image": image})
    began = real.clock.now()
    found = real.run(deployment, task_definition=revision, fail_fast=True, wait_timeout=600, **SOON)
    assert found.get("failed")
    assert "CannotPullContainerError" in found["msg"]
    assert image in found["msg"]
    assert real.clock.now() - began < 300, "not after ten minutes"


def test_c42_fails_on_a_tool_that_does_not_ask_the_registry(real: Place, monkeypatch: Patch) -> None:
    monkeypatch.setattr(registry, "image_digest", lambda *_asked: "sha256:cached")
    with pytest.raises(AssertionError, match="let through"):
        test_c42_an_image_that_does_not_exist_is_refused_and_else_told_in_seconds(real)


def test_c42_fails_on_a_tool_that_has_no_cause(real: Place, monkeypatch: Patch) -> None:
    monkeypatch.setattr(causes, "as_text", lambda _cause: "Max attempts exceeded")
    with pytest.raises(AssertionError, match="Max attempts"):
        test_c42_an_image_that_does_not_exist_is_refused_and_else_told_in_seconds(real)


# -- C52

BOTH = {"launchType": "FARGATE", "capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]}


def test_c52_what_excludes_each_other_is_refused_by_both_who_read_it(place: Place) -> None:
    place.at_rest()
    assert "exclude each other" in refused(place, settings=BOTH)["msg"]
    said = place.run(deployment, settings=BOTH)
    assert "exclude each other" in said["msg"]
    assert place.writes() == []


def test_c52_fails_on_a_tool_that_sends_both(place: Place, monkeypatch: Patch) -> None:
    monkeypatch.setattr(service, "_refuse_contradictions", lambda *_asked: None)
    with pytest.raises(AssertionError):
        test_c52_what_excludes_each_other_is_refused_by_both_who_read_it(place)


# -- C94


def test_c94_a_wrong_name_is_answered_with_account_region_and_what_exists(place: Place) -> None:
    place.at_rest()
    said = refused(place, service="wbe")["msg"]
    assert f"wbe in cluster {place.name}" in said
    assert "Services there: web" in said
    assert place.name in refused(place, cluster="nowhere")["msg"]
    assert ACCOUNT in refused(place, account="111122223333")["msg"]
    assert "eu-west-1" in refused(place, region="eu-west-1", cluster=place.name)["msg"]


def test_c94_fails_on_a_tool_that_says_missing(place: Place, monkeypatch: Patch) -> None:
    def missing(*_asked: Any) -> Answer:
        raise Failure("web is MISSING", reason="service_not_found")

    monkeypatch.setattr(reads, "service", missing)
    with pytest.raises(AssertionError, match="MISSING"):
        test_c94_a_wrong_name_is_answered_with_account_region_and_what_exists(place)
