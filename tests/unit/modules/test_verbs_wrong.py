# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The tests of the verbs' cases fail on what the cases call wrong: a stand-in that behaves so takes our place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import operations, reads, waits, writes
from ansible_collections.steady.ecs.plugins.module_utils.edges.aws import writing
from ansible_collections.steady.ecs.plugins.module_utils.rules import causes, history, one_off, pruning, verdict
from ansible_collections.steady.ecs.plugins.module_utils.rules.states import state_of

from tests.unit.answers import revision
from tests.unit.modules import (
    test_deployment_continue,
    test_deployment_stop,
    test_release_history,
    test_service_restart,
    test_service_scale,
    test_task_definition_prune,
    test_task_run,
)
from tests.unit.modules.records_of import CAUSE, Kept
from tests.unit.modules.verb_world import VerbWorld

Patch = pytest.MonkeyPatch


def a_stale_revision_is_sent_along(patch: Patch) -> None:
    ours = writes.update_service

    def wrong(task: Any, cluster: str, name: str, arguments: Any, arrived: Any) -> Any:
        return ours(task, cluster, name, {**arguments, "taskDefinition": revision(70)}, arrived)

    patch.setattr(writes, "update_service", wrong)


def a_lost_answer_is_sent_again(patch: Patch) -> None:
    def wrong(task: Any, cluster: str, name: str, arguments: Any, _arrived: Any) -> Any:
        for _attempt in ("first", "second"):
            try:
                return writing(task, "ecs").update_service(cluster=cluster, service=name, **arguments)["service"]
            except Exception as problem:  # noqa: BLE001 as the wrong one does
                last = problem
        raise last

    patch.setattr(writes, "update_service", wrong)


def nothing_is_stopped(patch: Patch) -> None:
    patch.setattr(operations, "stop_service_deployment", lambda *_asked: None)


def a_pause_is_waited_for(patch: Patch) -> None:
    patch.setattr(verdict, "_paused", lambda _rollout: None)


def the_newest_record_decides_what_serves(patch: Patch) -> None:
    def wrong(active: list[str], current: int, records: Any, *_asked: Any) -> pruning.Plan:
        kept = state_of(records[current])["task_definition"]
        return pruning.Plan({kept: ["the newest record"]}, [arn for arn in active if arn != kept])

    patch.setattr(pruning, "plan", wrong)


def deregistering_waits_for_no_proof(patch: Patch) -> None:
    patch.setattr(pruning, "refusal", lambda *_asked: "")


def no_exit_code_is_no_failure(patch: Patch) -> None:
    patch.setattr(one_off, "succeeded", lambda task, _definition, name: not one_off.exit_code(task, name))


def the_reason_alone_is_shown(patch: Patch) -> None:
    patch.setattr(causes, "as_text", lambda _cause: "[null]")


def the_network_is_left_out(patch: Patch) -> None:
    ours = one_off.request

    def wrong(*asked: Any) -> Any:
        return {name: value for name, value in ours(*asked).items() if name != "networkConfiguration"}

    patch.setattr(one_off, "request", wrong)


def the_cause_is_not_kept(patch: Patch) -> None:
    ours = history.entry
    patch.setattr(history, "entry", lambda record: {**ours(record), "cause": None})


def pruned(folder: Path) -> test_task_definition_prune.Account:
    world = test_task_definition_prune.Account(folder)
    for number in range(2, 11):
        world.kept.released(number)
    return world


def named(module: Any, case: str) -> Callable[..., None]:
    """The first test of a case in a module."""
    found: Callable[..., None] = getattr(
        module, next(each for each in vars(module) if each.startswith(f"test_{case}_"))
    )
    return found


WRONG: dict[str, tuple[Any, Any, Callable[[Patch], None]]] = {
    "c40": (test_deployment_continue.Pausing, test_deployment_continue, a_pause_is_waited_for),
    "c57": (VerbWorld, test_service_restart, a_lost_answer_is_sent_again),
    "c64": (pruned, test_task_definition_prune, the_newest_record_decides_what_serves),
    "c71": (VerbWorld, test_service_scale, a_stale_revision_is_sent_along),
    "c75": (test_task_run.Runner, test_task_run, the_reason_alone_is_shown),
    "c77": (test_task_run.Runner, test_task_run, the_network_is_left_out),
    "c80": (test_deployment_stop.Stoppable, test_deployment_stop, nothing_is_stopped),
    "c93": (VerbWorld, test_service_restart, a_stale_revision_is_sent_along),
}
FAILS = (AssertionError, KeyError)


@pytest.mark.parametrize("case", WRONG)
def test_the_case_fails_on_its_wrong(case: str, tmp_path: Path, monkeypatch: Patch) -> None:
    make, module, wrong = WRONG[case]
    test = named(module, case)
    for is_wrong in (False, True):
        world = make(tmp_path / str(is_wrong))
        monkeypatch.setattr(waits, "clock", world)
        monkeypatch.setattr(reads, "_definitions", {})
        if not is_wrong:
            test(world)
            continue
        wrong(monkeypatch)
        with pytest.raises(FAILS):
            test(world)


def test_c45_fails_on_its_wrong(tmp_path: Path, monkeypatch: Patch) -> None:
    kept = Kept(tmp_path)
    kept.released(2)
    kept.released(3, "failed_rolled_back", CAUSE)
    test_release_history.test_c45_too_late_to_ask_aws_the_cause_is_on_record(kept, tmp_path)
    the_cause_is_not_kept(monkeypatch)
    with pytest.raises(FAILS):
        test_release_history.test_c45_too_late_to_ask_aws_the_cause_is_on_record(kept, tmp_path)


def test_c65_fails_on_its_wrong(tmp_path: Path, monkeypatch: Patch) -> None:
    test = test_task_definition_prune.test_c65_nothing_is_deregistered_before_a_release_is_proven
    test(tmp_path / "ours", monkeypatch)
    deregistering_waits_for_no_proof(monkeypatch)
    with pytest.raises(FAILS):
        test(tmp_path / "wrong", monkeypatch)


def test_c74_fails_on_its_wrong(tmp_path: Path, monkeypatch: Patch) -> None:
    test = test_task_run.test_c74_a_task_that_never_started_is_a_failure
    for is_wrong in (False, True):
        world = test_task_run.Runner(tmp_path / str(is_wrong))
        monkeypatch.setattr(waits, "clock", world)
        monkeypatch.setattr(reads, "_definitions", {})
        if not is_wrong:
            test(world, tmp_path / "ours")
            continue
        no_exit_code_is_no_failure(monkeypatch)
        with pytest.raises(FAILS):
            test(world, tmp_path / "wrong")
