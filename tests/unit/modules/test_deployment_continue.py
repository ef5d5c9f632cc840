# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module deployment_continue, against a stub that is as strict as AWS's own model of the call (case C40).

The bed has no BLUE_GREEN deployments, so nothing but the model says what the call takes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import botocore.loaders
import botocore.model
import botocore.validate
import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import following, held, reads, waits
from ansible_collections.steady.ecs.plugins.modules import deployment_continue as module

from tests.unit.answers import moment
from tests.unit.modules.verb_world import VerbWorld
from tests.unit.modules.world import no_answer, refused

Answer = dict[str, Any]
HOOK = {
    "hookId": "manual-approval",
    "targetType": "PAUSE",
    "status": "AWAITING_ACTION",
    "expiresAt": moment(86400),
    "timeoutAction": "ROLLBACK",
}


def strict(operation: str, arguments: dict[str, Any]) -> None:
    """Refuse what botocore's model of the operation does not allow, its choices too."""
    service = botocore.model.ServiceModel(botocore.loaders.Loader().load_service_model("ecs", "service-2"))
    shape = service.operation_model(operation).input_shape
    report = botocore.validate.ParamValidator().validate(arguments, shape)
    assert not report.has_errors(), report.generate_report()
    for name, value in arguments.items():
        choices = getattr(shape.members[name], "enum", [])
        assert not choices or value in choices, f"{name} is {value}"


class Pausing(VerbWorld):
    """A blue/green deployment that waits for an answer."""

    def pause(self, stage: str = "POST_TEST_TRAFFIC_SHIFT", **changes: Any) -> str:
        self.begin_deployment()
        arn, rollout = next(iter(self.rollouts.items()))
        rollout.update(lifecycleStage=stage, lifecycleHookDetails=[{**HOOK, **changes}])
        return arn

    def continue_service_deployment(self, **arguments: Any) -> dict[str, Any]:
        self._called("continue_service_deployment", arguments)
        strict("ContinueServiceDeployment", arguments)
        return self.answered(arguments)

    def answered(self, arguments: dict[str, Any]) -> dict[str, Any]:
        rollout = self.rollouts[arguments["serviceDeploymentArn"]]
        waiting = [each for each in rollout["lifecycleHookDetails"] if each["hookId"] == arguments["hookId"]]
        if not waiting or waiting[0]["status"] != "AWAITING_ACTION":
            raise refused("InvalidParameterException", "The hook is not awaiting an action.")()
        self.at(1, lambda: waiting[0].update(status="SUCCEEDED"))  # a read may lag behind
        if arguments["action"] == "CONTINUE":
            self.at(10, self.start_tasks)
            self.at(20, self.complete)
        else:
            self.at(20, self.roll_back)
        return {"serviceDeploymentArn": arguments["serviceDeploymentArn"]}

    def lose_the_answer_to_it(self) -> Exception:
        self.answered(self.calls[-1][1])
        return no_answer()


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pausing:
    found = Pausing(tmp_path)
    monkeypatch.setattr(waits, "clock", found)
    monkeypatch.setattr(reads, "_definitions", {})
    return found


def test_c40_the_next_pause_ends_the_wait(world: Pausing) -> None:
    arn = world.pause()

    def again() -> None:
        second = {**HOOK, "hookId": "second"}
        world.rollouts[arn].update(lifecycleStage="POST_PRODUCTION_TRAFFIC_SHIFT", lifecycleHookDetails=[second])

    world.at(8, again)
    found = world.verb(module)
    assert (found["failed"], found["outcome"], found["verdict"]) == (True, "interrupted", "paused")
    assert "paused at stage POST_PRODUCTION_TRAFFIC_SHIFT by hook second" in found["msg"]
    assert "expires" in found["msg"]
    assert "ROLLBACK" in found["msg"]


def test_c40_a_paused_deployment_is_continued_and_followed_to_its_end(world: Pausing) -> None:
    arn = world.pause()
    found = world.verb(module, why="the new colour is tested")
    assert world.called("continue_service_deployment") == [
        {"serviceDeploymentArn": arn, "hookId": "manual-approval", "action": "CONTINUE"}
    ]
    assert (found["outcome"], found["verdict"], found["hook"]) == ("proven", "succeeded", "manual-approval")
    assert found["stage"] == "POST_TEST_TRAFFIC_SHIFT"
    assert world.newest()["operation"]["arguments"]["hook"] == "manual-approval"
    assert world.newest()["state"] == "succeeded"


@pytest.mark.parametrize("stage", ["RECONCILE_SERVICE", "PRE_SCALE_UP"])
def test_c67_tasks_whose_image_is_gone_are_not_started(world: Pausing, stage: str) -> None:
    world.container["image"] = "111122223333.dkr.ecr.us-east-1.amazonaws.com/app:v2"
    world.pause(stage)
    gone = [refused("ImageNotFoundException")] * 2
    world.fail("describe_images", *gone)
    for check_mode in (True, False):
        found = world.verb(module, check_mode)
        assert (found["failed"], found["outcome"], found["reason"]) == (True, "error", "image_gone")
        assert f"image {world.container['image']}: expected in its registry, found it is gone" in found["msg"]
    assert world.called("continue_service_deployment") == [] and not world.kept.store.records()
    world.fail("describe_images", *gone)
    assert world.verb(module, action="rollback")["verdict"] == "rolled_back", "the way out is open"


def test_tasks_that_run_already_need_no_image(world: Pausing) -> None:
    world.container["image"] = "111122223333.dkr.ecr.us-east-1.amazonaws.com/app:v2"
    world.pause()
    assert world.verb(module)["outcome"] == "proven"
    assert world.called("describe_images") == []


def test_the_answer_may_be_to_roll_back(world: Pausing) -> None:
    world.pause()
    found = world.verb(module, action="rollback")
    assert world.called("continue_service_deployment")[0]["action"] == "ROLLBACK"
    assert (found["outcome"], found["verdict"]) == ("proven", "rolled_back")


def test_a_lost_answer_is_looked_up(world: Pausing) -> None:
    world.pause()
    world.fail("continue_service_deployment", world.lose_the_answer_to_it)
    found = world.verb(module)
    assert found["outcome"] == "proven"
    assert len(world.called("continue_service_deployment")) == 1


def test_no_hook_waits(world: Pausing) -> None:
    world.pause(status="SUCCEEDED")
    found = world.verb(module)
    assert (found["outcome"], found["changed"]) == ("unchanged", False)
    assert found["detail"] == "no hook of web waits for an answer; its newest service deployment 2 is IN_PROGRESS"
    assert world.called("continue_service_deployment") == []
    assert world.verb(module, hook="manual-approval")["outcome"] == "unchanged"


def timed_out(world: Pausing, action: str) -> Answer:
    return world.verb(module, action=action, wait_timeout=1)


def expired(world: Pausing, action: str) -> Answer:
    world.at(4, lambda: world.fail("describe_services", refused("ExpiredTokenException")))
    return world.verb(module, action=action)


def killed(world: Pausing, action: str) -> Answer:
    """Nothing is written any more after the call."""
    with pytest.raises(KeyboardInterrupt), pytest.MonkeyPatch.context() as patch:
        patch.setattr(held, "_closed", lambda *_asked: None)
        patch.setattr(following, "follow", interrupt)
        world.verb(module, action=action)
    return {"outcome": "interrupted"}


def interrupt(*_asked: Any) -> None:
    raise KeyboardInterrupt


def succeed(world: Pausing) -> None:
    world.start_tasks()
    world.complete()


ENDS: dict[str, Any] = {"rolled_back": Pausing.roll_back, "succeeded": succeed}
LEFT = [timed_out, expired, killed]


@pytest.mark.parametrize("leave", LEFT)
@pytest.mark.parametrize(
    ("action", "end", "outcome"),
    [
        ("continue", "succeeded", "proven"),
        ("continue", "rolled_back", "failed"),
        ("rollback", "rolled_back", "proven"),
        ("rollback", "succeeded", "failed"),
    ],
)
def test_c40_run_again_an_interrupted_answer_is_followed_to_its_end(
    world: Pausing, leave: Any, action: str, end: str, outcome: str
) -> None:
    arn = world.pause()
    assert leave(world, action)["outcome"] == "interrupted"
    number = world.newest()["seq"]
    world.plan.clear()
    ENDS[end](world)
    world.calls.clear()
    planned = world.verb(module, check_mode=True, action=action)
    assert (planned["changed"], planned["outcome"]) == (False, "unchanged")
    assert f"what the interrupted continue {number} has answered would be followed" in planned["detail"]
    found = world.verb(module, action=action)
    assert (found["outcome"], found["verdict"], found["service_deployment_arn"]) == (outcome, end, arn)
    assert found["changed"] is False if outcome == "proven" else found["failed"] is True
    if (action, end) == ("continue", "rolled_back"):
        assert "deployment ecs-svc/2 of web:2 was rolled back: the service is back on web:1" in found["msg"]
    assert world.called("continue_service_deployment") == []
    again = world.verb(module, action=action)
    assert again["outcome"] == ("error" if (action, end) == ("continue", "rolled_back") else "unchanged")


@pytest.mark.parametrize("status", ["ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS", "ROLLBACK_SUCCESSFUL", "STOPPED"])
def test_after_a_rollback_nothing_was_continued(world: Pausing, status: str) -> None:
    world.rollouts[world.pause()].update(status=status, statusReason="The hook timed out.")
    for check_mode in (True, False):
        found = world.verb(module, check_mode)
        assert (found["failed"], found["outcome"], found["reason"]) == (True, "error", "gone_back")
        assert f"its newest service deployment 2 is {status} (The hook timed out). Nothing was changed." in found["msg"]
    assert world.called("continue_service_deployment") == []
    assert not world.kept.store.records()


def test_what_has_begun_since_an_interrupted_answer_is_not_its_deployment(world: Pausing) -> None:
    world.pause()
    timed_out(world, "continue")
    world.plan.clear()
    world.roll_back()
    world.sleep(120)
    world.begin_deployment(3)
    found = world.verb(module)
    assert (found["outcome"], found["changed"]) == ("unchanged", False)
    assert "no hook of web waits for an answer; its newest service deployment 3 is IN_PROGRESS" in found["detail"]


def test_several_hooks_need_a_name(world: Pausing) -> None:
    arn = world.pause()
    world.rollouts[arn]["lifecycleHookDetails"].append({**HOOK, "hookId": "second"})
    found = world.verb(module)
    assert "Several hooks wait for an answer: manual-approval, second" in found["msg"]
    assert "No hook third waits" in world.verb(module, hook="third")["msg"]
    assert world.called("continue_service_deployment") == []


def test_check_mode_says_which_hook_would_be_answered(world: Pausing) -> None:
    world.pause()
    planned = world.verb(module, check_mode=True)
    assert (planned["changed"], planned["hook"]) == (True, "manual-approval")
    assert world.called("continue_service_deployment") == []
    assert set(planned) == set(world.verb(module))
