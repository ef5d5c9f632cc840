"""The short form of the sweeps: a fixed sample of every part. The long one is ``python -m tests.faults.model``."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import aws, fence, held
from ansible_collections.steady.ecs.plugins.module_utils.rules import redact
from ansible_collections.steady.ecs.plugins.modules import task_definition
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.faults.model import chains, deployers, judge, plans
from tests.faults.model.judge import plan_of
from tests.faults.model.plans import carried_out
from tests.faults.model.wire import CONSOLE_ROUNDS, CONSOLE_STILL

SHARES = 4
SAMPLE = {"single": 80, "pairs": 40, "mixed": 30, "other": 24, "console": 24}
INTERLEAVINGS = 20


def sample(part: str) -> list[judge.Plan]:
    """The same plans each time, from all of the part."""
    found = plans.of_part(part)
    return random.Random(part).sample(found, min(SAMPLE[part], len(found)))


def violations(wanted: list[judge.Plan]) -> list[str]:
    done = [carried_out(each) for each in wanted]
    return [f"{each.plan}: {each.wrong}" for each in done if each.wrong]


@pytest.mark.parametrize("share", range(SHARES))
@pytest.mark.parametrize("part", sorted(SAMPLE))
def test_whatever_happens_the_same_command_again_ends_well(part: str, share: int) -> None:
    assert violations(sample(part)[share::SHARES]) == []


@pytest.mark.parametrize("share", range(SHARES))
def test_two_or_three_deployers_never_write_at_the_same_time(share: int) -> None:
    found = [deployers.interleaved(seed) for seed in range(share, INTERLEAVINGS, SHARES)]
    assert [(each.seed, each.wrong) for each in found if each.wrong] == []


faults = st.tuples(st.integers(0, chains.MOST_CALLS), st.sampled_from(chains.KINDS))
steps = st.builds(chains.Step, st.sampled_from(sorted(chains.COMMANDS)), st.lists(faults, max_size=2).map(tuple))


@settings(max_examples=20, derandomize=True)
@given(st.lists(steps, min_size=1, max_size=chains.LONGEST), st.booleans())
def test_after_any_chain_of_disturbed_commands_the_next_one_ends_well(chain: list[chains.Step], files: bool) -> None:
    assert chains.chained(chain, files).wrong == []


def test_the_parts_are_as_large_as_they_are_said_to_be() -> None:
    assert sum(len(plans.of_part(part)) for part in plans.PARTS) > 10_000


# -- the sweeps can fail: a product that is wrong in one place is noticed
def registered_blindly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_definition, "equal_revision", lambda *_any: None)


def written_again_by_the_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aws, "WRITE_ATTEMPTS", 5)


def shown_in_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redact, "difference", lambda found, _safe, _key: found)


@pytest.mark.parametrize("wrong", [registered_blindly, written_again_by_the_sdk, shown_in_clear])
def test_a_product_that_is_wrong_is_noticed(wrong: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch) -> None:
    trace = judge.BY_NAME["deploy"].undisturbed()[1]
    at = next(number for number, each in enumerate(trace) if each.method == "register_task_definition")
    # What leaves a read out comes to the call earlier.
    near = [plan_of(f"deploy|s3|0:{number}:lost|") for number in (at - 1, at)]
    assert violations(near) == []
    wrong(monkeypatch)
    assert violations(near)


OFTEN = 0.25
"""Of the calls: a process stands still between the look at its lease and the request, and another may take over."""


def test_without_the_deadline_in_the_transport_two_write_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as without:
        without.setattr(held.Held, "in_time", lambda _self: None)
        seen = next((seed for seed in range(400) if deployers.interleaved(seed, OFTEN).stale_writes), None)
    assert seen is not None, "none of 400 runs shows what the deadline is for: they prove nothing"
    assert deployers.interleaved(seen, OFTEN).wrong == []


def test_without_the_fence_what_was_deployed_by_hand_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    trace = judge.BY_NAME["deploy"].undisturbed()[1]
    writes = [number for number, each in enumerate(trace) if each.method == "modify_target_group_attributes"]
    by_hand = [plan_of(f"deploy|s3|0:{number}:console|") for number in range(writes[0] + 1, writes[0] + 8)]
    assert violations(by_hand) == []
    monkeypatch.setattr(fence.Fenced, "look", lambda _self: None)
    assert violations(by_hand)


@pytest.mark.parametrize("scenario", ["deploy", "rollback"])
def test_what_somebody_deploys_between_two_rounds_or_in_a_pause_is_not_overwritten(
    scenario: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace = judge.BY_NAME[scenario].undisturbed()[1]
    update = next(number for number, each in enumerate(trace) if each.method == "update_service")
    by_hand = [plan_of(f"{scenario}|s3|0:{update}:{kind}|") for kind in (*CONSOLE_STILL, *CONSOLE_ROUNDS)]
    assert violations(by_hand) == []
    # A look is good for ever: the one before the first sending is the only one.
    monkeypatch.setattr(fence, "FRESH", math.inf)
    assert len(violations(by_hand)) == len(by_hand)
