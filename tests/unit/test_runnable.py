"""What a revision needs to start, and the words for what is missing."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.rules import checks, runnable

ACCOUNT, REGION = "640080112933", "us-east-1"
IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/app:1"
SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:db-AbCdEf"
PARAMETER = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/prod/key"

CONTENT: dict[str, Any] = {
    "containerDefinitions": [
        {
            "name": "app",
            "image": IMAGE,
            "secrets": [
                {"name": "PASSWORD", "valueFrom": f"{SECRET}:password::"},
                {"name": "USER", "valueFrom": f"{SECRET}:user:AWSCURRENT:"},
                {"name": "KEY", "valueFrom": PARAMETER},
            ],
            "logConfiguration": {"secretOptions": [{"name": "token", "valueFrom": "plain-name"}]},
            "repositoryCredentials": {"credentialsParameter": SECRET},
        },
        {"name": "side", "image": "nginx:1", "secrets": [{"name": "PASSWORD", "valueFrom": SECRET}]},
        {"name": "other", "image": IMAGE},
    ]
}


def test_everything_that_a_task_needs_is_asked_once() -> None:
    found = runnable.needs(CONTENT)
    assert found.images == {IMAGE: ["app", "other"]}
    assert found.secrets == {SECRET: ["app", "side"]}
    assert found.parameters == {PARAMETER: ["app"], "plain-name": ["app"]}


def test_a_pinned_image_is_asked_for_instead_of_the_tag() -> None:
    pin = f"{IMAGE}@sha256:{'1' * 64}"
    assert runnable.needs(CONTENT, {"app": pin}).images == {pin: ["app"], IMAGE: ["other"]}


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("/prod/key", ["/prod/key"]),
        (PARAMETER, ["/prod/key"]),
        (f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/key", ["key", "/key"]),
    ],
)
def test_the_arn_of_a_parameter_hides_its_first_slash(source: str, names: list[str]) -> None:
    assert runnable.parameter_names(source) == names


def test_what_is_elsewhere_is_not_asked() -> None:
    assert runnable.elsewhere(SECRET, ACCOUNT, REGION) == runnable.elsewhere("name", ACCOUNT, REGION) == ""
    assert runnable.elsewhere(SECRET, "111122223333", REGION) and runnable.elsewhere(SECRET, ACCOUNT, "eu-west-1")


def test_c67_what_is_gone_is_named_with_who_needs_it() -> None:
    gone = runnable.image(IMAGE, ["app", "other"], None)
    assert gone["ok"] is False
    assert "containers app, other" in checks.sentence(gone) and "CannotPullContainerError" in gone["remedy"]
    secret = runnable.source(SECRET, ["app"], False)
    assert secret["name"] == "secret secret:db-AbCdEf" and "ResourceInitializationError" in secret["remedy"]
    assert runnable.can_run([runnable.unknown("image x", "no rights")])
    assert not runnable.can_run([gone])


@pytest.mark.parametrize(
    ("status", "ok", "words"),
    [
        ("ACTIVE", True, "ACTIVE"),
        ("INACTIVE", True, "registered again"),
        ("DELETE_IN_PROGRESS", False, "DELETE_IN_PROGRESS"),
        (None, False, "does not exist any more"),
    ],
)
def test_a_revision_that_is_being_deleted_is_as_good_as_gone(status: str | None, ok: bool, words: str) -> None:
    found = runnable.revision(f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/web:74", status)
    assert found["ok"] is ok and words in found["found"] and found["name"] == "revision web:74"


def test_the_nearest_release_that_can_run_is_named() -> None:
    assert "-e rollback_to=3" in runnable.nearest(5, 3, 2)
    assert "no other release is on record" in runnable.nearest(5, None, 0)
    assert "the 4 releases" in runnable.nearest(5, None, 4)
