"""What preflight refuses on the bed, before anything is written: cases of public reports, as a person types them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.plays.place import CLUSTER
from tests.faults.plays.player import Ended, Player
from tests.iam.stage import DECLARED, IMAGE, REPOSITORY, Stage, furnish
from tests.testbed.beds import READS, Bed, running

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    with running(tmp_path_factory.mktemp("bed") / "state", "--scale", "0.02", "--engine", "none") as found:
        furnish(found)
        yield found


@pytest.fixture(scope="module")
def player(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Player]:
    with Player(tmp_path_factory.mktemp("player")) as found:
        yield found


@pytest.fixture
def stage(bed: Bed, player: Player, tmp_path: Path) -> Iterator[Stage]:
    found = Stage(bed, tmp_path, player)
    yield found
    found.remove()


def refused(stage: Stage, *words: str, **declared: Any) -> None:
    """A deployment is refused with these words, and nothing was written."""
    stage.bed.admin("DELETE", "/_bed/calls")
    ended: Ended = stage.play("deploy", **declared)
    written = [each["operation"] for each in stage.calls() if not READS.match(each["operation"])]
    assert (ended.outcome, written) == ("error", []), ended.text
    for each in words:
        assert each in ended.text, ended.text


def test_c42_an_image_tag_that_does_not_exist_is_refused(stage: Stage) -> None:
    refused(stage, f"image {IMAGE}:nope", "CannotPullContainerError", rollout_images={"app": f"{IMAGE}:nope"})


def test_an_image_for_other_processors_is_refused(stage: Stage) -> None:
    digest = "sha256:" + "a" * 64
    stage.bed.admin("PUT", "/_bed/layers", {digest: {"architecture": "arm64", "config": {}}})
    kind = "application/vnd.docker.distribution.manifest.v2+json"
    manifest = {"schemaVersion": 2, "mediaType": kind, "config": {"digest": digest}, "layers": []}
    stage.bed.client("ecr").put_image(
        repositoryName=REPOSITORY, imageManifest=json.dumps(manifest), imageTag=stage.name
    )
    refused(stage, "expected amd64, found arm64", rollout_images={"app": f"{IMAGE}:{stage.name}"})


def test_c96_an_alarm_that_rings_already_is_refused_or_told_in_the_report(stage: Stage) -> None:
    cloudwatch = stage.bed.client("cloudwatch")
    cloudwatch.set_alarm_state(AlarmName=stage.name, StateValue="ALARM", StateReason="a test")
    refused(stage, "so ECS ignores it for this deployment", "preflight_without_alarm_cover")
    ended = stage.play("deploy", preflight_without_alarm_cover=True)
    assert ended.outcome == "proven", ended.text
    report = next(stage.reports.rglob("*.md")).read_text(encoding="utf-8")
    assert "no alarm cover" in report


def test_c29_a_group_without_a_rule_is_refused(stage: Stage) -> None:
    listener = stage.elb.describe_listeners(LoadBalancerArn=stage.balancer)["Listeners"][0]["ListenerArn"]
    stage.elb.delete_listener(ListenerArn=listener)
    refused(stage, f"target group {stage.name}", "no listener rule forwards to it")


def test_c94_a_service_that_is_missing_is_answered_with_those_that_exist(stage: Stage) -> None:
    refused(stage, f"nobody in cluster {CLUSTER}", "Services there:", stage.name, service_name="nobody")


def test_c24_a_weighted_rule_is_named_before_the_change(stage: Stage) -> None:
    other = stage.elb.create_target_group(
        Name=f"{stage.name}-b", Protocol="HTTP", Port=80, VpcId="vpc-1", TargetType="ip"
    )["TargetGroups"][0]["TargetGroupArn"]
    listener = stage.elb.describe_listeners(LoadBalancerArn=stage.balancer)["Listeners"][0]["ListenerArn"]
    groups = [{"TargetGroupArn": stage.group, "Weight": 90}, {"TargetGroupArn": other, "Weight": 10}]
    stage.elb.create_rule(
        ListenerArn=listener, Priority=5,
        Conditions=[{"Field": "path-pattern", "PathPatternConfig": {"Values": ["/new/*"]}}],
        Actions=[{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}],
    )  # fmt: skip
    refused(stage, f"stickiness of {stage.name}", "TargetGroupStickinessConfig")


def test_a_role_and_a_log_group_that_are_gone_are_refused(stage: Stage) -> None:
    stage.bed.client("logs").delete_log_group(logGroupName=f"/ecs/{stage.name}")
    changes = {**DECLARED["rollout_changes"], "taskRoleArn": "arn:aws:iam::000000000000:role/nobody"}
    refused(stage, f"log group /ecs/{stage.name}", "role nobody", rollout_changes=changes)
