"""Images: what a reference names, which content ran, and whether a name still means that content."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.rules import checks, images, plan, preflight

OLD, NEW = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"
ECR = "640080112933.dkr.ecr.us-east-1.amazonaws.com"


def task(number: int, status: str = "RUNNING", **containers: str | None) -> dict[str, Any]:
    return {
        "taskArn": f"arn:aws:ecs:us-east-1:640080112933:task/c/{number:032d}",
        "lastStatus": status,
        "desiredStatus": status,
        "containers": [
            {"name": name, "image": f"{name}:latest", "imageDigest": digest} for name, digest in containers.items()
        ],
    }


@pytest.mark.parametrize(
    ("image", "parts"),
    [
        ("app", ("", "app", "", "")),
        ("team/app:1.2", ("", "team/app", "1.2", "")),
        ("localhost:5000/app", ("localhost:5000", "app", "", "")),
        (f"{ECR}/team/app:1.2", (ECR, "team/app", "1.2", "")),
        (f"{ECR}/app@{OLD}", (ECR, "app", "", OLD)),
        (f"{ECR}/app:1.2@{OLD}", (ECR, "app", "1.2", OLD)),
        ("public.ecr.aws/nginx/nginx:1", ("public.ecr.aws", "nginx/nginx", "1", "")),
    ],
)
def test_a_reference_has_four_parts(image: str, parts: tuple[str, str, str, str]) -> None:
    found = images.reference(image)
    assert (found.registry, found.name, found.tag, found.digest) == parts
    assert found.ecr == (("640080112933", "us-east-1") if found.registry == ECR else None)


@pytest.mark.parametrize(
    "host",
    [
        "640080112933.dkr.ecr-fips.us-east-1.amazonaws.com",
        "640080112933.dkr-ecr.us-east-1.on.aws",
        "640080112933.dkr.ecr.us-east-1.amazonaws.com.cn",
    ],
)
def test_every_private_host_of_amazon_ecr_is_known(host: str) -> None:
    assert images.reference(f"{host}/app:1").ecr == ("640080112933", "us-east-1")


def test_c69_the_digest_wins_over_the_tag() -> None:
    image = f"repo:1.2@{OLD}"
    assert images.digest_of(image) == OLD
    assert preflight.movable(plan.Declared(images={"app": image})) == []
    assert preflight.movable(plan.Declared(images={"app": "repo:1.2"}))[0].startswith("repo:1.2: a tag can be moved")
    (found,) = images.compared([task(1, app=OLD)], {"app": image})
    assert found["ok"]


def test_what_ran_is_kept_by_digest_and_only_where_it_is_certain() -> None:
    same = [task(1, app=OLD, side=OLD), task(2, app=OLD, side=NEW), task(3, "STOPPED", app=NEW)]
    assert images.running(same) == {"app": f"app:latest@{OLD}"}
    assert images.running([task(1, app=None)]) == {}


def test_c68_another_image_behind_the_tag_is_found_by_its_digest() -> None:
    (found,) = images.compared([task(1, app=OLD), task(2, app=NEW)], {"app": f"app:latest@{OLD}"})
    assert found["ok"] is False
    assert found["found"] == [f"{2:032d}"[:8] + f" runs {NEW}"]
    words = checks.sentence(found)
    assert "another content" in words and OLD in words and NEW in words and "rollout_images" in words


def test_what_the_api_does_not_tell_is_not_checked() -> None:
    (unknown,) = images.compared([task(1, app=None)], {"app": f"app:latest@{OLD}"})
    (other,) = images.compared([task(1, side=OLD)], {"app": f"app:latest@{OLD}"})
    assert (unknown["ok"], other["ok"]) == (None, None)
    assert "no digest" in unknown["reason"] and "no running task" in other["reason"]


def test_a_record_without_digests_expects_nothing() -> None:
    record: dict[str, Any] = {"kind": "deploy", "verdict": {}, "before": {"images": {"app": f"app@{OLD}"}}}
    assert images.recorded(record) == {}
    assert images.recorded({**record, "kind": "baseline"}) == {"app": f"app@{OLD}"}
    assert images.recorded({**record, "verdict": {"images": {"app": "app:nonsense"}}}) == {}
