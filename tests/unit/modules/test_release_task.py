# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module release_task: a gate of a release is gone through once, and nothing passes one that failed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import held, reads, waits
from ansible_collections.steady.ecs.plugins.module_utils.rules import one_off as rule
from ansible_collections.steady.ecs.plugins.modules import release_task as module

from tests.unit.answers import revision
from tests.unit.modules.one_off_world import Runner
from tests.unit.modules.test_in_release import Release
from tests.unit.modules.test_task_run_quotes import SECRET
from tests.unit.modules.world import no_answer, refused

NEW, MIGRATE = revision(2), ["./manage", "migrate"]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runner:
    found = Runner(tmp_path)
    monkeypatch.setattr(waits, "clock", found)
    monkeypatch.setattr(reads, "_definitions", {})
    return found


@pytest.fixture
def of(world: Runner, tmp_path: Path) -> Release:
    return Release(world, tmp_path)


def test_the_new_revision_is_run_in_the_services_place_and_the_service_is_left_alone(
    world: Runner, of: Release
) -> None:
    world.logs = ["applied 3 migrations"]
    found = of.task(module, task_definition=NEW, command=MIGRATE)
    assert (found["verdict"], found["exit_code"], found["changed"]) == ("succeeded", 0, True)
    assert found["log_lines"] == ["applied 3 migrations"]
    asked = world.called("run_task")[0]
    assert (asked["taskDefinition"], asked["networkConfiguration"]) == (NEW, world.service["networkConfiguration"])
    assert asked["overrides"]["containerOverrides"] == [{"name": "app", "command": MIGRATE}]
    assert world.called("update_service") == []


@pytest.mark.parametrize("seconds", [0, 100], ids=["still at work", "ended"])
def test_whoever_goes_on_with_the_release_does_not_run_it_again(world: Runner, of: Release, seconds: float) -> None:
    world.seconds_of_work = 50
    first = of.task(module, task_definition=NEW, command=MIGRATE, wait_timeout=10)
    assert (first["failed"], first["verdict"], first["cut_off"]) == (True, "unknown", True)
    world.sleep(seconds)
    again = of.task(module, resumed=True, task_definition=NEW, command=MIGRATE)
    assert (again["verdict"], again["changed"], again["task"]) == ("succeeded", False, first["task"])
    assert len(world.jobs) == 1


def test_stopped_tasks_of_other_families_are_not_read(world: Runner, of: Release) -> None:
    """A cluster may have stopped thousands within the hour for which ECS lists them."""
    other = {"taskArn": "arn:aws:ecs:us-east-1:111122223333:task/c1/other", "desiredStatus": "STOPPED"}
    world.jobs.append({**other, "taskDefinitionArn": NEW.replace("web", "batch"), "lastStatus": "STOPPED"})
    of.task(module, task_definition=NEW, command=MIGRATE)
    again = of.task(module, resumed=True, task_definition=NEW, command=MIGRATE)
    assert (again["changed"], len(world.jobs)) == (False, 2)
    assert other["taskArn"] not in [arn for asked in world.called("describe_tasks") for arn in asked["tasks"]]


def test_gates_of_other_content_and_of_other_releases_are_run_for_themselves(world: Runner, of: Release) -> None:
    wanted: tuple[list[str], ...] = (MIGRATE, [*MIGRATE, "--all"])
    for command in wanted:
        of.task(module, task_definition=NEW, command=command)
    assert len(world.jobs) == 2
    marks = [rule.gate("service/c1/web", seq, NEW, {}) for seq in (1, 2)]
    assert not {*marks[0]} & {*marks[1]}
    assert not {*rule.gate("service/c1/api", 1, NEW, {})} & {*marks[0]}, (
        "two services of a cluster have the same numbers"
    )


def test_a_gate_that_fails_says_why_and_is_no_success_to_the_next_run_either(world: Runner, of: Release) -> None:
    world.ends = {"stopCode": "EssentialContainerExited", "containers": [{"name": "app", "exitCode": 3}]}
    world.logs = ["column exists"]
    for resumed in (False, True):
        found = of.task(module, resumed=resumed, task_definition=NEW, command=MIGRATE)
        assert (found["failed"], found["verdict"], found["reason"]) == (True, "failed", "failed")
        assert found["cause"]["exit_code"] == 3 and "column exists" in found["msg"]
        assert "cut_off" not in found
    assert len(world.jobs) == 1


@pytest.mark.parametrize("given", [{"task_definition": revision(1)}, {"release": held.NOTHING_OPENED}])
def test_where_nothing_will_be_rolled_out_nothing_is_run(world: Runner, of: Release, given: dict[str, Any]) -> None:
    found = of.task(module, **{"task_definition": NEW, "command": MIGRATE, **given})
    assert (found["changed"], found["task"], found["verdict"]) == (False, None, None)
    assert world.jobs == []


def test_check_mode_says_it_and_starts_nothing(world: Runner) -> None:
    found = world.verb(module, check_mode=True, task_definition="web:(next)", command=[SECRET])
    assert found["changed"] and world.jobs == []
    assert "would have to end with 0 before the rollout" in "\n".join(world.lines)
    assert SECRET not in "\n".join(world.lines)


def test_a_lost_lease_starts_nothing(world: Runner, of: Release) -> None:
    of.taken_by_another()
    found = of.task(module, task_definition=NEW)
    assert (found["failed"], found["reason"]) == (True, "lease_lost")
    assert world.jobs == []


def test_a_lost_answer_starts_no_second_task(world: Runner, of: Release) -> None:
    world.fail("run_task", world.lose_the_start)
    assert of.task(module, task_definition=NEW, command=MIGRATE)["verdict"] == "succeeded"
    assert len(world.jobs) == 1


@pytest.mark.parametrize("then", [(no_answer, no_answer), (refused("AccessDeniedException"),)])
def test_a_gate_of_which_nobody_knows_whether_it_runs_is_gone_on_with(
    world: Runner, of: Release, then: tuple[Any, ...]
) -> None:
    world.fail("run_task", world.lose_the_start, *then)
    found = of.task(module, task_definition=NEW, command=MIGRATE)
    assert (found["failed"], found["verdict"], found["cut_off"]) == (True, "unknown", True)
    again = of.task(module, resumed=True, task_definition=NEW, command=MIGRATE)
    assert (again["verdict"], again["changed"]) == ("succeeded", False)
    assert len(world.jobs) == 1
