"""Whose deployment a release may write over, and which attributes it may put back."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.rules import fence, intent, records, release

from tests.unit.answers import GROUP, deployment, moment, revision, service

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


def listed(*status: str) -> list[dict[str, Any]]:
    """Service deployments ``arn:1``, ``arn:2`` and so on, one a minute."""
    return [
        {"serviceDeploymentArn": f"arn:{number}", "status": each, "createdAt": moment(60 * number)}
        for number, each in enumerate(status, 1)
    ]


OLDER = "ROLLBACK_SUCCESSFUL"
"""Of ``arn:1``, which was the newest when the release was opened."""
BACK = service(deployment(7, taskDefinition=revision(1)))
"""Another deployment of the revision from before is PRIMARY."""


@pytest.mark.parametrize(
    ("noted", "live_now", "since", "undone"),
    [
        pytest.param("ecs-svc/2", live(1), [], True, id="ECS went back to the deployment from before"),
        pytest.param("ecs-svc/2", live(7, taskDefinition=revision(1)), [], False, id="another revision is PRIMARY"),
        pytest.param("ecs-svc/2", BACK, [], True, id="by one of its own"),
        pytest.param("ecs-svc/2", live(2), [], False, id="ours is live"),
        pytest.param(None, live(1), [], False, id="nothing was begun"),
        pytest.param(None, live(1), ["ROLLBACK_SUCCESSFUL"], True, id="ECS went back from one that nobody noted"),
        pytest.param(None, BACK, ["ROLLBACK_IN_PROGRESS"], True, id="and does so by a new one"),
        pytest.param(None, live(1), ["SUCCESSFUL"], False, id="that one is somebody else's"),
        pytest.param(None, BACK, [], False, id="a restart by hand"),
        pytest.param("ecs-svc/2", BACK, ["ROLLBACK_SUCCESSFUL", "SUCCESSFUL"], True, id="a restart after it"),
    ],
)
def test_whether_a_release_that_goes_on_is_undone_already(
    noted: str | None, live_now: dict[str, Any], since: list[str], undone: bool
) -> None:
    record = release.step(opened(), {"task_definition": revision(2), "deployment": noted}, NOW)
    record["before"] = {**record["before"], "service_deployment": "arn:1"}
    rollout = fence.own(record, listed(OLDER, *since), set())
    assert fence.went_back(record, live_now, rollout) is undone
    assert fence.went_back(release.rolling_back(record, NOW), live_now, rollout) is False


@pytest.mark.parametrize("now", [live(1), BACK], ids=["the deployment from before", "a new one"])
@pytest.mark.parametrize(("status", "undone"), [("ROLLBACK_SUCCESSFUL", True), ("SUCCESSFUL", False)])
def test_of_a_release_that_keeps_the_revision_its_service_deployment_says_it(
    now: dict[str, Any], status: str, undone: bool
) -> None:
    record = release.step(opened(changes={}), {"task_definition": revision(1), "deployment": "ecs-svc/2"}, NOW)
    rollout = fence.own(record, listed(status), set())
    assert fence.went_back(record, now, rollout) is undone
    found = fence.undone(record, now, rollout)
    assert (found and found["id"]) == ("ecs-svc/2" if undone else None), "never the one that it went back to"
    assert fence.went_back(record, live(2, taskDefinition=revision(1)), rollout) is False, "its own is PRIMARY"


def test_the_service_deployment_of_a_release_is_the_noted_one_else_the_first_since_that_is_no_verbs() -> None:
    record = opened()
    record["before"] = {**record["before"], "service_deployment": "arn:1"}
    known = listed("SUCCESSFUL", "SUCCESSFUL", "ROLLBACK_SUCCESSFUL", "SUCCESSFUL")

    def own(record: dict[str, Any], *others: str) -> str | None:
        found = fence.own(record, known, set(others))
        return found and found["serviceDeploymentArn"]

    assert (own(record), own(record, "arn:2"), own(record, "arn:2", "arn:3", "arn:4")) == ("arn:2", "arn:3", None)
    noted = release.step(record, {"task_definition": revision(2), "service_deployment": "arn:4"}, NOW)
    assert own(noted) == "arn:4"


def test_what_ecs_returned_to_from_the_deployment_of_a_way_back_is_nobody_elses() -> None:
    record = release.step(opened(), {"task_definition": revision(2), "deployment": "ecs-svc/2"}, NOW)
    record["before"] = {**record["before"], "service_deployment": "arn:1"}
    again, elsewhere = service(deployment(9, taskDefinition=revision(2))), live(9)
    back = listed("SUCCESSFUL", "SUCCESSFUL", "ROLLBACK_SUCCESSFUL")[-1]
    on_its_way = release.rolling_back(record, NOW)
    assert fence.returned(on_its_way, again, back)
    assert not fence.returned(record, again, back), "while it goes forward, ECS returns to what was before it"
    assert not fence.returned(on_its_way, elsewhere, back), "that is another revision"
    assert not fence.returned(on_its_way, again, {**back, "status": "SUCCESSFUL"}), "somebody has deployed it"
    assert not fence.returned(on_its_way, again, {**back, "serviceDeploymentArn": "arn:1"}) and back


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
