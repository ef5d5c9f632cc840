"""Whose deployment a release may write over, and which attributes it may put back."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.rules import fence, intent, records, release

from tests.unit.answers import GROUP, deployment, revision, service

IDENTITY = records.Identity("111122223333", "us-east-1", "c1", "web")
NOW = "2026-11-27T10:00:00Z"
BEFORE = {
    "task_definition": revision(1),
    "deployment": "ecs-svc/1",
    "settings": {"healthCheckGracePeriodSeconds": 0},
    "running": 3,
    "desired": 3,
    "attributes": {GROUP: {"duration": "3600", "stickiness.enabled": "true"}},
}


def opened(**declared: Any) -> dict[str, Any]:
    wanted = {"changes": {"cpu": "512"}, "definition": {}, "images": {}, "settings": {}, "attributes": {}, **declared}
    request = release.Request(IDENTITY, "deploy", intent.intent(revision(1), **wanted), {"who": "ada"}, "nonce")
    return release.opening(records.new_head(), {}, request, BEFORE, NOW).record


def live(number: int, **changes: Any) -> dict[str, Any]:
    return service(deployment(number), **changes)


def test_what_was_live_before_and_our_own_deployments_are_no_hindrance() -> None:
    record = opened()
    assert fence.problem(record, live(1)) is None
    record = release.step(record, {"task_definition": revision(2)}, NOW)
    record = release.step(record, {"deployment": "ecs-svc/2"}, NOW)
    assert fence.problem(record, live(2)) is None
    assert fence.problem(record, live(1)) is None, "an older deployment is a stale look, not somebody else's"
    record = release.step(release.rolling_back(record, NOW), {"deployment": "ecs-svc/3"}, NOW)
    for number in (1, 2, 3):
        assert fence.problem(record, live(number)) is None


def test_the_content_is_compared_before_the_id() -> None:
    record = release.step(opened(settings={"healthCheckGracePeriodSeconds": 60}), {"task_definition": revision(2)}, NOW)
    ours = live(2, healthCheckGracePeriodSeconds=60)
    assert fence.problem(record, ours) is None, "the answer was lost, and with it the id: it is our own deployment"
    assert fence.problem(record, live(2)), "the same revision with other settings is not ours"


def test_somebody_elses_deployment_is_named() -> None:
    record = opened()
    found = fence.problem(record, live(9))
    assert found and "ecs-svc/9 of web:9, begun 2025-11-27 10:09" in found
    record = release.step(record, {"task_definition": revision(2), "deployment": "ecs-svc/2"}, NOW)
    assert fence.problem(record, live(9))
    assert fence.problem(release.rolling_back(record, NOW), live(9))


def test_before_its_revision_is_known_a_release_has_no_content() -> None:
    again = service(deployment(9, taskDefinition=revision(1)))
    assert fence.problem(opened(), again), "who restarted the old revision did not do our work"
    attributes_only = opened(changes={}, attributes={GROUP: {"duration": "86400"}})
    assert fence.problem(attributes_only, again) is None, "this release wants nothing else of the service"


def test_what_ecs_itself_went_back_to_needs_no_defence() -> None:
    record = release.step(opened(), {"task_definition": revision(2), "deployment": "ecs-svc/2"}, NOW)
    back = service(deployment(7, taskDefinition=revision(1)))
    assert fence.problem(release.rolling_back(record, NOW), back) is None
    assert fence.problem(record, back), "while it still goes forward, nobody but ECS or a person did that"


def test_a_way_back_through_a_new_revision_is_our_own_although_its_deployment_was_not_noted() -> None:
    record = release.step(opened(), {"task_definition": revision(2), "deployment": "ecs-svc/2"}, NOW)
    back = service(deployment(7, taskDefinition=revision(3)))
    record = release.rolling_back(record, NOW)
    assert fence.problem(record, back), "a revision that the record does not name is somebody else's"
    record = release.step(record, {"task_definition": revision(3), "registered": True}, NOW)
    assert fence.problem(record, back) is None
    assert fence.problem(record, service(deployment(8, taskDefinition=revision(4))))


BROKEN = {"serviceDeploymentArn": "arn:2", "status": "ROLLBACK_SUCCESSFUL"}
OLDER = {"serviceDeploymentArn": "arn:1", "status": "ROLLBACK_SUCCESSFUL"}


@pytest.mark.parametrize(
    ("noted", "live_now", "newest", "undone"),
    [
        pytest.param("ecs-svc/2", live(1), None, True, id="ECS went back to the deployment from before"),
        pytest.param("ecs-svc/2", live(7, taskDefinition=revision(1)), None, False, id="another revision is PRIMARY"),
        pytest.param(
            "ecs-svc/2", service(deployment(7, taskDefinition=revision(1))), None, True, id="by one of its own"
        ),
        pytest.param("ecs-svc/2", live(2), None, False, id="ours is live"),
        pytest.param(None, live(1), None, False, id="nothing was begun"),
        pytest.param(None, live(1), OLDER, False, id="ECS went back from one before us"),
        pytest.param(None, live(1), BROKEN, True, id="ECS went back from the one that nobody noted"),
        pytest.param(None, live(1), {**BROKEN, "status": "SUCCESSFUL"}, False, id="that one is somebody else's"),
    ],
)
def test_whether_a_release_that_goes_on_is_undone_already(
    noted: str | None, live_now: dict[str, Any], newest: dict[str, Any] | None, undone: bool
) -> None:
    record = release.step(opened(), {"task_definition": revision(2), "deployment": noted}, NOW)
    record["before"] = {**record["before"], "service_deployment": "arn:1"}
    assert fence.went_back(record, live_now, newest) is undone
    assert fence.went_back(release.rolling_back(record, NOW), live_now, newest) is False
    unchanged = release.step(opened(), {"task_definition": revision(1), "deployment": noted}, NOW)
    assert fence.went_back(unchanged, live_now, newest) is False, "there is no other revision to go back from"


@pytest.mark.parametrize(
    ("now", "back"),
    [
        ({"duration": "86400", "stickiness.enabled": "true"}, {"duration": "3600"}),
        ({"duration": "7200", "stickiness.enabled": "true"}, {}),
        ({"duration": "3600", "stickiness.enabled": "true"}, {}),
    ],
    ids=["ours is still there", "somebody else has set it since", "it was never set"],
)
def test_only_what_still_holds_our_value_is_put_back(now: dict[str, str], back: dict[str, str]) -> None:
    record = opened(attributes={GROUP: {"duration": "86400", "stickiness.enabled": "true"}})
    assert fence.to_put_back(record, GROUP, now) == back
