"""The role passes a world that is as declared, and names the check that fails in one that is not."""

import http.cookiejar
import json
import urllib.request

import pytest

ONCE = {"health_wait_timeout": 0}


def client():
    """A user with a browser: cookies are kept."""
    return urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))


def instance(opener, url):
    with opener.open(url, timeout=10) as answer:
        return json.load(answer)["instance"]


def test_what_the_role_has_passed_is_so(world):
    assert sorted(world.targets().values()) == ["healthy", "healthy"]
    assert {container["lastStatus"] for task in world.running() for container in task["containers"]} == {"RUNNING"}
    assert [each["GREETING"] for each in world.environments()] == ["hello", "hello"]
    with urllib.request.urlopen(f"{world.url()}/health", timeout=10) as answer:
        assert answer.status == 200


def test_a_user_stays_on_one_task_and_users_are_spread(world):
    user = client()
    assert len({instance(user, world.url()) for _ in range(6)}) == 1
    assert len({instance(client(), world.url()) for _ in range(6)}) == 2


@pytest.fixture(scope="module")
def refused(world):
    """What the role says of a world in which much is not as declared."""
    run = world.play(
        "converge.yml",
        **ONCE,
        health_containers=["app", "sidecar"],
        target_group_attributes={"stickiness.enabled": True, "stickiness.lb_cookie.duration_seconds": 60},
        rollout_changes={"containers": {"app": {"environment": {"GREETING": "goodbye"}}}},
        health_desired_count=3,
    )
    assert run.status == 2, run.text
    return run.text


@pytest.mark.parametrize(
    "words",
    [
        ["containers: expected RUNNING in each task: app, sidecar", "sidecar in"],
        ["attributes of molecule-health: expected", "found stickiness.enabled=true, stickiness.lb_cookie.duration_se"],
        ["environment of app: expected GREETING=goodbye, found GREETING=hello"],
        ["task count: expected 3 running of 3 desired"],
    ],
    ids=["container", "attribute", "environment", "count"],
)
def test_what_is_not_so_fails_by_its_name(refused, words):
    for each in words:
        assert each in refused


def test_an_endpoint_that_does_not_answer_200_fails_by_its_name(world):
    run = world.play("converge.yml", **ONCE, health_endpoints=[f"{world.url()}:1/"])
    assert run.status == 2, run.text
    assert "endpoint" in run.text


def test_the_world_was_only_looked_at(world):
    assert world.compare() == ""
