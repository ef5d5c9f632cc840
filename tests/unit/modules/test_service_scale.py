# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module service_scale: the count and nothing else, under the lease, on record, until it is reached."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import reads, waits
from ansible_collections.steady.ecs.plugins.modules import service_scale as module

from tests.unit.answers import crashed, revision
from tests.unit.modules.verb_world import VerbWorld
from tests.unit.modules.world import refused


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> VerbWorld:
    found = VerbWorld(tmp_path)
    monkeypatch.setattr(waits, "clock", found)
    monkeypatch.setattr(reads, "_definitions", {})
    return found


def scale(world: VerbWorld, count: int, check_mode: bool = False, **params: Any) -> dict[str, Any]:
    return world.verb(module, check_mode, count=count, **params)


def test_so_many_tasks_run_and_it_is_on_record(world: VerbWorld) -> None:
    world.at(10, lambda: world.run_tasks(5))
    found = scale(world, 5, why="the sale begins")
    assert world.writes() == [{"cluster": "c1", "service": "web", "desiredCount": 5}]
    assert (found["outcome"], found["verdict"], found["running_count"], found["previous_count"]) == (
        "proven",
        "succeeded",
        5,
        3,
    )
    assert world.lines[-1].startswith("outcome: proven: web runs web:1, 5/5 running")
    record = world.newest()
    assert (record["seq"], record["kind"], record["state"]) == (found["release"], "scale", "succeeded")
    assert record["operation"]["arguments"] == {"count": 5, "previous_count": 3}
    assert record["audit"]["why"] == "the sale begins"
    assert world.before == ["applying"], "it was on record before the change"
    assert world.kept.store.head()["lease"] is None
    assert world.kept.store.head()["current"] is None, "an operation is no release"


def test_c71_no_stale_revision_is_sent_along_and_the_record_is_corrected(world: VerbWorld) -> None:
    world.kept.released(70)
    world.at(5, lambda: world.run_tasks(5))
    found = scale(world, 5)
    assert found["outcome"] == "proven"
    assert [set(each) for each in world.writes()] == [{"cluster", "service", "desiredCount"}]
    record = world.newest()
    assert record["before"]["task_definition"] == revision(1), "what runs, not what was on record"
    assert "names web:70, and web:1 runs" in record["operation"]["result"]["note"]


def test_the_last_release_is_the_one_whose_record_is_final_though_the_head_was_not_written(world: VerbWorld) -> None:
    world.kept.released(70)
    world.kept.released(1, head_too=False)
    world.at(5, lambda: world.run_tasks(5))
    scale(world, 5)
    assert world.newest()["operation"]["result"]["note"] is None


@pytest.mark.parametrize("state", ["COMPLETED", "IN_PROGRESS"])
def test_check_mode_says_what_runs_where_the_count_is_set_and_not_reached(world: VerbWorld, state: str) -> None:
    world.run_tasks(1)
    world.service["deployments"][0]["rolloutState"] = state
    planned = scale(world, 3, check_mode=True)
    assert (planned["changed"], planned["outcome"]) == (False, "unchanged")
    under_way = ", a deployment is under way" if state == "IN_PROGRESS" else ""
    assert f"check mode: web is to run 3 tasks, 1 run now{under_way}; it would be waited for" in planned["detail"]


def test_what_is_set_already_is_not_sent_again(world: VerbWorld) -> None:
    found = scale(world, 3)
    assert (found["changed"], found["outcome"], found["release"]) == (False, "unchanged", None)
    assert world.writes() == []
    assert not world.kept.store.records()


def test_an_interrupted_scale_goes_on_waiting(world: VerbWorld) -> None:
    world.service["desiredCount"] = 5
    world.at(10, lambda: world.run_tasks(5))
    found = scale(world, 5)
    assert (found["changed"], found["outcome"], found["running_count"]) == (False, "proven", 5)
    assert world.writes() == []


def test_to_zero_is_meant(world: VerbWorld) -> None:
    world.at(10, lambda: world.run_tasks(0))
    assert scale(world, 0)["outcome"] == "proven"


@pytest.mark.parametrize(("count", "status"), [(0, "DRAINING"), (5, "INACTIVE")])
def test_a_service_that_is_deleted_meanwhile_has_failed(world: VerbWorld, count: int, status: str) -> None:
    world.at(3, lambda: world.service.update(status=status, desiredCount=0))
    world.at(3, lambda: world.run_tasks(0))
    found = scale(world, count)
    assert (found["failed"], found["verdict"], found["outcome"]) == (True, "failed", "failed")
    assert "create it again" in found["msg"] and "goes on" not in found["msg"]


def crash(world: VerbWorld) -> None:
    """Three new tasks end one after the other."""
    world.logs = ["cannot open the database"]
    world.at(10, lambda: world.tasks.append(crashed(1, 7)))
    world.at(20, lambda: world.tasks.append(crashed(1, 8)))
    world.at(30, lambda: world.tasks.append(crashed(1, 9)))


def test_however_long_the_last_lines_of_a_cause_are_the_record_is_closed(world: VerbWorld) -> None:
    crash(world)
    world.logs = ["x" * 14000] * 20
    found = scale(world, 5)
    record = world.newest()
    assert (found["outcome"], record["state"]) == ("failed", "failed")
    assert record["operation"]["result"]["verdict"] == "failed"
    assert world.kept.store.head()["lease"] is None


@pytest.mark.parametrize(("happens", "said"), [(crash, "exited with code 3"), (None, "outcome: ")])
def test_what_has_come_of_it_is_said_though_the_result_file_cannot_be_written(
    world: VerbWorld, tmp_path: Path, happens: Any, said: str
) -> None:
    (tmp_path / "file").touch()
    if happens:
        happens(world)
    else:
        world.at(10, lambda: world.run_tasks(5))
    found = scale(world, 5, result_file=str(tmp_path / "file/result.json"))
    assert found["failed"] and found["outcome"] == ("failed" if happens else "proven")
    assert said in found["msg"] and "The result file could not be written: " in found["msg"]
    assert found["release"] == world.newest()["seq"]


def test_tasks_that_do_not_start_are_told_with_their_cause(world: VerbWorld, tmp_path: Path) -> None:
    crash(world)
    found = scale(world, 5, result_file=str(tmp_path / "result.json"))
    assert found["failed"]
    assert (found["outcome"], found["verdict"]) == ("failed", "failed")
    assert "exited with code 3" in found["msg"]
    assert "cannot open the database" in found["msg"]
    assert json.loads((tmp_path / "result.json").read_text())["outcome"] == "failed"
    record = world.newest()
    assert record["state"] == "failed"
    assert record["operation"]["result"]["cause"]["log_lines"] == ["cannot open the database"]
    assert world.kept.store.head()["lease"] is None


def test_what_crashed_before_is_no_failure_of_a_scale_in(world: VerbWorld) -> None:
    def run_tasks(count: int) -> None:
        world.run_tasks(count)
        world.tasks += [crashed(1, 7), crashed(1, 8)]

    world.service["desiredCount"] = 5
    run_tasks(5)
    world.at(10, lambda: run_tasks(3))
    found = scale(world, 3)
    assert (found["outcome"], found["verdict"]) == ("proven", "succeeded")
    assert not [line for line in world.lines if "failed" in line]


def test_what_crashes_from_now_on_fails_a_scale_in(world: VerbWorld) -> None:
    def run_tasks(count: int, *crashes: int) -> None:
        world.run_tasks(count)
        world.tasks += [crashed(1, index) for index in (7, *crashes)]

    world.service["desiredCount"] = 5
    run_tasks(5)
    world.at(10, lambda: run_tasks(2, 8, 9))
    found = scale(world, 3)
    assert (found["outcome"], found["verdict"]) == ("failed", "failed")
    assert "2 of its tasks have failed" in found["msg"]


def test_a_count_that_somebody_else_moves_is_not_reached(world: VerbWorld) -> None:
    def other() -> None:
        world.service["desiredCount"] = 7
        world.run_tasks(7)

    world.at(3, other)
    found = scale(world, 5)
    assert (found["outcome"], found["failed"]) == ("superseded", True)
    assert "set the count to 7" in found["msg"]


def test_autoscaling_owns_the_count_unless_one_says_so(world: VerbWorld) -> None:
    world.scalable = {"MinCapacity": 2, "MaxCapacity": 10}
    found = scale(world, 5)
    assert (found["failed"], found["outcome"]) == (True, "error")
    assert "min 2, max 10, desired now 3" in found["msg"]
    assert "scale_autoscaled=true" in found["msg"]
    outside = scale(world, 11, autoscaled=True)
    assert "11 is outside of its range" in outside["msg"]
    assert world.writes() == []
    world.at(5, lambda: world.run_tasks(5))
    assert scale(world, 5, autoscaled=True)["outcome"] == "proven"


def test_an_owner_that_may_not_be_read_may_be_there(world: VerbWorld) -> None:
    world.fail("describe_scalable_targets", refused("AccessDeniedException", "no"), refused("AccessDeniedException"))
    assert "scale_autoscaled=true" in scale(world, 5)["msg"]
    world.at(5, lambda: world.run_tasks(5))
    assert scale(world, 5, autoscaled=True)["outcome"] == "proven"


def test_c67_an_image_that_may_not_be_asked_about_is_said_and_refuses_nothing(world: VerbWorld) -> None:
    image = "111122223333.dkr.ecr.us-east-1.amazonaws.com/app:v1"
    world.container["image"] = image
    world.fail("describe_images", refused("AccessDeniedException", "no"))
    world.at(5, lambda: world.run_tasks(5))
    assert scale(world, 5)["outcome"] == "proven"
    (said,) = world.warnings
    assert said.startswith(f"not checked: image {image}: ") and "docs/iam/scale.json has it" in said


def test_c67_an_image_of_another_region_is_said_and_refuses_nothing(world: VerbWorld) -> None:
    world.container["image"] = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/app:v1"
    assert scale(world, 5, check_mode=True)["outcome"] == "unchanged"
    assert world.warnings == [f"not checked: image {world.container['image']}: it is in another Region"]
    assert not world.called("describe_images")


def test_c67_a_revision_that_may_not_be_read_is_said_and_refuses_nothing(world: VerbWorld) -> None:
    world.fail("describe_task_definition", refused("AccessDeniedException", "no"))
    assert scale(world, 5, check_mode=True)["outcome"] == "unchanged"
    (said,) = world.warnings
    assert said.startswith("not checked: images of web:1: ") and "ecs:DescribeTaskDefinition" in said


def test_a_lost_answer_is_looked_up_and_not_sent_again(world: VerbWorld) -> None:
    world.fail("update_service", world.lose_the_answer)
    world.at(10, lambda: world.run_tasks(5))
    assert scale(world, 5)["outcome"] == "proven"
    assert len(world.writes()) == 1


def test_check_mode_sends_nothing_and_takes_no_lease(world: VerbWorld) -> None:
    world.at(10, lambda: world.run_tasks(5))
    planned = scale(world, 5, check_mode=True)
    assert (planned["changed"], planned["outcome"]) == (True, "unchanged")
    assert "is to run 5 tasks, 3 now" in planned["detail"]
    assert world.writes() == []
    assert not world.kept.store.records()
    assert set(planned) == set(scale(world, 5))


def test_a_whole_inventory_is_not_scaled_by_accident(world: VerbWorld) -> None:
    found = scale(world, 5, hosts=["web", "shop"])
    assert "This would scale 2 services: web, shop" in found["msg"]
    assert "--limit" in found["msg"]
    assert world.calls == []


def test_another_run_at_work_is_named(world: VerbWorld) -> None:
    world.kept.leased(ttl=90)
    found = scale(world, 5, lease_wait=10)
    assert (found["failed"], found["outcome"], found["reason"]) == (True, "held", "held")
    assert "user/ben on runner-9" in found["msg"]
    assert world.writes() == []
