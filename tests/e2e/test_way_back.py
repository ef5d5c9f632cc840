"""The way back, from real processes: by digest, by another name, refused where it cannot run, and whole."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from tests.e2e.conftest import CLUSTER, SERVICE, Checkout, until
from tests.e2e.test_release import declare

NOBODY_ANSWERS = json.dumps({"health_endpoints": [], "health_task_identity": {}})
"""The bed's tasks have no processes here, so nothing is asked of them."""
CORAL = {"command": ["python", "-m", "testbed.app.coral_server"]}
REPOSITORY = "000000000000.dkr.ecr.us-east-1.amazonaws.com/coral"
IMAGE = f"{REPOSITORY}:latest"


@pytest.fixture
def quick(checkout: Checkout) -> Checkout:
    """The production service on a bed without processes."""
    checkout.prepare("--engine", "none")
    declare(checkout, rollout_stable_seconds=1)
    return checkout


def play(checkout: Checkout, verb: str, *options: str, status: int = 0, **variables: Any) -> str:
    """Run a playbook to its end, which must have this exit status. Answers what it printed."""
    more = [word for pair in ((("-e", json.dumps(variables)),) if variables else ()) for word in pair]
    done = checkout.run("./steady", "play", f"{verb}.yml", "-e", NOBODY_ANSWERS, *more, *options)
    assert done.status == status, done.text
    return done.text


def digests(checkout: Checkout) -> set[str]:
    """Digests of the image that the running tasks' coral container has."""
    ecs = checkout.client("ecs")
    arns = ecs.list_tasks(cluster=CLUSTER, serviceName=SERVICE)["taskArns"]
    tasks = ecs.describe_tasks(cluster=CLUSTER, tasks=arns)["tasks"]
    return {c.get("imageDigest", "") for each in tasks for c in each["containers"] if c["name"] == "coral"}


def pushed(checkout: Checkout, commit: str) -> str:
    """Push an image made from this commit under its own tag and under ``latest``, as a pipeline does. Answers its
    digest; the bed runs it from now on."""
    layer = f"sha256:{hashlib.sha256(commit.encode()).hexdigest()}"
    kind = "application/vnd.oci.image"
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{kind}.manifest.v1+json",
        "config": {"mediaType": f"{kind}.config.v1+json", "digest": layer, "size": 1},
        "layers": [{"mediaType": f"{kind}.layer.v1.tar+gzip", "digest": layer, "size": 1}],
        "annotations": {"org.opencontainers.image.revision": commit},
    }
    for tag in (commit, "latest"):
        answer = checkout.client("ecr").put_image(
            repositoryName="coral", imageTag=tag, imageManifest=json.dumps(manifest)
        )
    digest: str = answer["image"]["imageId"]["imageDigest"]
    checkout.admin("PUT", "/_bed/images", {REPOSITORY: {**CORAL, "digest": digest}})
    return digest


@pytest.mark.long
def test_c68_a_rollback_to_a_tag_that_was_moved_fails_and_says_so(quick: Checkout) -> None:
    old, new = (f"sha256:{digit * 64}" for digit in "12")
    quick.admin("PUT", "/_bed/images", {"pardon/coral-server": {**CORAL, "digest": old}})
    quick.client("ecs").update_service(cluster=CLUSTER, service=SERVICE, forceNewDeployment=True)
    until(lambda: digests(quick) == {old} and len(quick.service()["deployments"]) == 1)
    play(quick, "deploy")
    baseline, release = quick.records()
    assert baseline["before"]["images"]["coral"].endswith(f"@{old}")
    assert release["verdict"]["images"]["coral"].endswith(f"@{old}")
    quick.admin("PUT", "/_bed/images", {"pardon/coral-server": {**CORAL, "digest": new}})
    said = play(quick, "rollback", status=4)
    assert "image of coral" in said and new in said and old in said
    assert digests(quick) == {new}, "what runs is not what was proven, and no output may say otherwise"


@pytest.mark.walk
def test_c68_where_the_registry_has_it_the_content_that_ran_is_restored(quick: Checkout) -> None:
    quick.client("ecr").create_repository(repositoryName="coral")
    old = pushed(quick, "5d290ed1c0ffee")
    play(quick, "deploy", rollout_images={"coral": IMAGE})
    assert quick.records()[-1]["audit"]["commit"] == "5d290ed1c0ffee"
    declare(quick, rollout_changes={"containers": {"coral": {"environment": {"NEW": "1"}}}})
    new = pushed(quick, "0a1b2c3d4e5f")
    said = play(quick, "deploy")
    assert "whatever else it changes" in said
    assert digests(quick) == {new}
    said = play(quick, "rollback", rollback_to="5d290ed1")
    assert "taking" in said and old in said
    assert digests(quick) == {old}
    ecs = quick.client("ecs")
    live = ecs.describe_task_definition(taskDefinition=quick.service()["taskDefinition"])["taskDefinition"]
    assert live["containerDefinitions"][0]["image"] == f"{IMAGE}@{old}"
    play(quick, "rollback", "--check")


@pytest.mark.long
def test_c67_an_image_that_is_gone_is_refused_before_anything_moves(quick: Checkout) -> None:
    ecr = quick.client("ecr")
    ecr.create_repository(repositoryName="coral")
    pushed(quick, "5d290ed1c0ffee")
    play(quick, "deploy", rollout_images={"coral": IMAGE})
    play(quick, "deploy", rollout_images={"coral": "pardon/coral-server:2"})
    ecr.batch_delete_image(repositoryName="coral", imageIds=[{"imageTag": "latest"}, {"imageTag": "5d290ed1c0ffee"}])
    quick.admin("DELETE", "/_bed/calls")
    said = play(quick, "rollback", status=1)
    assert f"image {IMAGE}" in said and "Release 2 cannot run" in said
    assert "-e rollback_to=1" in said, "the baseline is the nearest that can"
    assert quick.writes() == []
    play(quick, "rollback", rollback_to="1")
    assert quick.revision() == "pardon-simulator:74"


@pytest.mark.long
def test_an_inactive_revision_comes_back_under_a_new_number(quick: Checkout) -> None:
    before = quick.environment_of("coral")
    play(quick, "deploy")
    quick.client("ecs").deregister_task_definition(taskDefinition="pardon-simulator:74")
    said = play(quick, "rollback", rollback_to="pardon-simulator:74")
    assert "registered again" in said
    assert quick.revision() == "pardon-simulator:76"
    assert quick.environment_of("coral") == before and quick.stickiness() == "3600"
    assert quick.records()[-1]["steps"]["task_definition"].endswith(":76")
    play(quick, "deploy")
    kinds = [each["kind"] for each in quick.records()]
    assert kinds == ["baseline", "deploy", "rollback", "deploy"], "what the rollback made is no change by hand"


@pytest.mark.walk
def test_a_migration_that_fails_stops_the_release_before_a_task_of_the_service_is_touched(quick: Checkout) -> None:
    declare(quick, rollout_before=[{"container": "coral", "command": ["./manage", "migrate"]}])
    quick.admin("PUT", "/_bed/health", {"pardon-simulator:75": "crash"})
    quick.admin("DELETE", "/_bed/calls")
    said = play(quick, "deploy", status=3)
    last = said.rstrip().splitlines()[-1]
    assert "everything that this run changed was put back. The one-off task" in last and "code 1" in last
    assert "ecs:RunTask" in quick.writes() and "ecs:UpdateService" not in quick.writes()
    assert quick.revision() == "pardon-simulator:74" and quick.stickiness() == "3600"
    assert quick.records()[-1]["verdict"]["cause"]["exit_code"] == 1

    quick.admin("PUT", "/_bed/health", {"pardon-simulator:75": "healthy"})
    quick.admin("DELETE", "/_bed/calls")
    play(quick, "deploy")
    writes = quick.writes()
    assert writes.index("ecs:RunTask") < writes.index("ecs:UpdateService")
    assert quick.revision() == "pardon-simulator:75"
    quick.admin("DELETE", "/_bed/calls")
    play(quick, "deploy")
    assert quick.writes() == []


@pytest.mark.long
def test_the_same_failure_again_and_again_is_put_back_before_the_breaker_has_had_enough(quick: Checkout) -> None:
    breaker = {"enable": True, "rollback": True, "thresholdConfiguration": {"type": "COUNT", "value": 1000}}
    declare(quick, rollout_settings={"deploymentConfiguration": {"deploymentCircuitBreaker": breaker}})
    quick.admin("PUT", "/_bed/health", {"pardon-simulator:75": "crash"})
    said = play(quick, "deploy", status=3)
    assert "have failed alike (container" in said and "everything that this run changed was put back" in said
    assert quick.records()[-1]["verdict"]["rolled_back_by"] == "us", (
        "ECS would have waited for the thousandth, whatever the machine's pace"
    )
    assert quick.revision() == "pardon-simulator:74" and quick.stickiness() == "3600"


@pytest.mark.walk
def test_after_ecs_own_rollback_settings_and_attributes_are_put_back_too(quick: Checkout) -> None:
    quick.admin("PUT", "/_bed/health", {"pardon-simulator:75": "crash"})
    grace = quick.service()["healthCheckGracePeriodSeconds"]
    before = quick.attributes()
    declare(quick, rollout_settings={"healthCheckGracePeriodSeconds": grace + 30})
    said = play(quick, "deploy", status=3)
    assert "everything that this run changed was put back" in said
    assert quick.records()[-1]["verdict"]["rolled_back_by"] == "ecs"
    assert quick.revision() == "pardon-simulator:74"
    assert quick.service()["healthCheckGracePeriodSeconds"] == grace
    assert quick.attributes() == before
    cause = quick.records()[-1]["verdict"]["cause"]
    assert cause["container"] == "coral" and "log_lines" in cause


HALF_EDITED = {
    "rollout_images": {"coral": "repository@{{ a_name_that_is_not_defined }}"},
    "rollout_changes": {"cpu": "{{ another_name_that_is_not_defined }}"},
    **dict.fromkeys(
        (
            *("rollout_task_definition", "rollout_settings", "rollout_before", "rollout_wait_timeout"),
            *("rollout_wait_delay", "rollout_stable_seconds", "target_group_attributes", "release_windows"),
            *("release_lease_seconds", "release_wait_seconds", "health_endpoints", "health_task_identity"),
            *("health_containers", "health_wait_timeout"),
        )
    ),
}


def test_what_the_inventory_declares_does_not_keep_anybody_from_going_back(quick: Checkout) -> None:
    """At three in the morning it may be half edited: what cannot be evaluated, or is empty, refused the rollback."""
    play(quick, "deploy")
    declare(quick, **HALF_EDITED)
    wrong = quick.run("./steady", "play", "deploy.yml")
    assert wrong.status == 1 and quick.revision() == "pardon-simulator:75", wrong.text
    empty = quick.run("./steady", "play", "rollback.yml", "-e", "rollback_to=")
    assert empty.status == 1 and "'' is neither a release number" in empty.text, empty.text
    done = quick.run("./steady", "play", "rollback.yml")
    assert done.status == 0, done.text
    assert quick.revision() == "pardon-simulator:74"
    assert quick.records()[-1]["verdict"]["outcome"] == "proven"


@pytest.mark.parametrize("name", ["release_plan", "release_from"])
def test_an_approval_or_a_promotion_that_came_out_empty_is_refused(quick: Checkout, name: str) -> None:
    """A pipeline's variable was not set: without a word the plan that nobody approved was carried out."""
    quick.admin("DELETE", "/_bed/calls")
    said = play(quick, "deploy", "-e", f"{name}=", status=1)
    assert {"release_plan": "no digest as a plan prints it", "release_from": "names no release"}[name] in said
    assert quick.writes() == []


@pytest.mark.walk
def test_a_window_is_opened_by_a_reason_alone(quick: Checkout) -> None:
    closed = {"release_windows": ["mon 00:00-00:01 UTC"]}
    for nothing in (False, None, "", "  "):
        assert "The next one opens Mon" in play(quick, "deploy", **closed, release_window_override=nothing, status=1)
    assert quick.records() == []


@pytest.mark.walk
def test_what_one_play_promotes_is_not_what_the_next_one_releases(quick: Checkout) -> None:
    """Both are plays of one call: the second one recorded that it had come from there, too."""
    play(quick, "deploy")
    own = quick.path / ".state/releases/000000000000/us-east-1" / CLUSTER / SERVICE
    said = quick.run(
        "./steady", "play", "deploy.yml", "rollback.yml", "-e", NOBODY_ANSWERS,
        "-e", json.dumps({"release_from": str(own), "rollout_force": True}),
    )  # fmt: skip
    assert said.status == 0, said.text
    promoted = [each["audit"]["promoted_from"] for each in quick.records()]
    assert promoted[-2:] == [f"{own}/releases/2", None], promoted


@pytest.mark.long
def test_a_failed_release_may_stay_to_be_looked_at(quick: Checkout) -> None:
    quick.admin("PUT", "/_bed/health", {"pardon-simulator:75": "unhealthy"})
    settings = {"deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": False, "rollback": False}}}
    declare(quick, rollout_settings=settings)
    done = quick.run(
        "./steady", "play", "deploy.yml", "-e", "rollback_on_failure=false"
    )  # on a command line it is text
    assert done.status == 4, done.text
    assert quick.revision() == "pardon-simulator:75" and quick.stickiness() == "86400"


@pytest.mark.long
def test_an_approval_and_a_window_hold_and_are_on_record(quick: Checkout) -> None:
    plan = play(quick, "deploy", "--check")
    digest = plan.split("-e release_plan=")[1].split()[0]
    quick.admin("DELETE", "/_bed/calls")
    refused = play(
        quick, "deploy", release_plan=digest, rollout_settings={"healthCheckGracePeriodSeconds": 77}, status=1
    )
    assert "not the one that was approved" in refused and "healthCheckGracePeriodSeconds of service" in refused
    refused = play(quick, "deploy", release_plan=digest, rollout_force=True, status=1)
    assert "rollout_force of service" in refused
    closed = {"release_windows": ["mon 00:00-00:01 UTC"]}
    refused = play(quick, "deploy", **closed, release_plan=digest, status=1)
    assert "The next one opens Mon" in refused
    assert quick.writes() == []
    said = play(
        quick, "deploy", **closed, release_plan=digest, release_window_override="test", release_approved_by="ada"
    )
    assert "approved by ada: recorded, not enforced" in said
    audit = quick.records()[-1]["audit"]
    assert (audit["approved_by"], audit["window_override"]) == ("ada", "test")
    assert digest not in json.dumps(quick.records()), "no digest of a value is on record"
    play(quick, "rollback", **closed)
