# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whatever AWS answers, in whatever order: no success that was not seen, and no failure of another taken for ours."""

from __future__ import annotations

import copy
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules import verdict as rules
from ansible_collections.steady.ecs.plugins.module_utils.rules.looks import Look, primary
from ansible_collections.steady.ecs.plugins.module_utils.rules.progress import Progress
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.answers import GROUP, crashed, deployment, rollout, service, target, task

OURS = deployment(2, state="IN_PROGRESS")
STATES = ["IN_PROGRESS", "COMPLETED", "FAILED"]
STATUSES = [
    *("PENDING", "IN_PROGRESS", "SUCCESSFUL", "STOP_REQUESTED", "STOPPED"),
    *("ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED"),
]
NUMBERS = st.integers(1, 3)


@st.composite
def services(draw: st.DrawFn) -> dict[str, Any]:
    lead, *others = draw(st.lists(NUMBERS, min_size=1, max_size=3, unique=True))
    count = st.integers(0, 3)
    listed = [deployment(lead, "PRIMARY", draw(st.sampled_from(STATES)), runningCount=draw(count))]
    listed += [deployment(each, "ACTIVE", draw(st.sampled_from(STATES)), runningCount=draw(count)) for each in others]
    guarded = draw(st.booleans())
    breaker = {"deploymentCircuitBreaker": {"enable": guarded, "rollback": guarded and draw(st.booleans())}}
    return service(*listed, desiredCount=draw(count), deploymentConfiguration=breaker)


@st.composite
def looks(draw: st.DrawFn) -> Look:
    names = draw(st.lists(st.tuples(NUMBERS, st.integers(0, 3)), max_size=6, unique=True))
    tasks = [crashed(*name) if draw(st.booleans()) and draw(st.booleans()) else task(*name) for name in names]
    states = st.sampled_from(["healthy", "healthy", "healthy", "initial", "unhealthy", "draining"])
    targets = [target(*name, state=draw(states)) for name in names if draw(st.integers(0, 4))]
    status = draw(st.sampled_from([None, *STATUSES]))
    return Look(draw(services()), rollout(2, status) if status else None, tasks, {GROUP: targets})


WELL = Look(
    service(deployment(2)),
    rollout(2, "SUCCESSFUL"),
    [task(2, index) for index in range(3)],
    {GROUP: [target(2, index) for index in range(3)]},
)
"""All is well; without it in the mixture, success would hardly ever be drawn."""


def seen_well(look: Look) -> bool:
    """The definition of success, written down a second time."""
    ours = [each for each in look.service["deployments"] if each["id"] == "ecs-svc/2"]
    running = [each for each in look.tasks if each["startedBy"] == "ecs-svc/2" and each["lastStatus"] == "RUNNING"]
    healthy = {each["address"] for each in look.targets[GROUP] if each["state"] == "healthy"}
    addresses = {each["attachments"][0]["details"][0]["value"] for each in running}
    return (
        bool(ours)
        and (ours[0]["status"], ours[0]["rolloutState"]) == ("PRIMARY", "COMPLETED")
        and len(running) == look.service["desiredCount"] > 0
        and addresses <= healthy
    )


@given(looks())
def test_a_look_is_judged_by_a_known_word_and_is_not_written_into(look: Look) -> None:
    before = copy.deepcopy(look)
    found = rules.verdict(OURS, look)
    assert found.word in rules.WORDS
    assert found.final or found.word == "unknown"
    assert found.reason
    assert look == before


@given(looks())
def test_success_is_only_what_was_seen(look: Look) -> None:
    if rules.verdict(OURS, look).word == "succeeded":
        assert seen_well(look)


@given(looks())
def test_tasks_of_others_change_nothing(look: Look) -> None:
    mine = [each for each in look.tasks if each["startedBy"] == "ecs-svc/2"]
    alone = Look(look.service, look.service_deployment, mine, look.targets)
    assert rules.verdict(OURS, look) == rules.verdict(OURS, alone)


@given(looks())
def test_an_older_primary_never_superseded_ours(look: Look) -> None:
    if primary(look.service)["id"] == "ecs-svc/1":
        assert rules.verdict(OURS, look).word != "superseded"


@given(st.lists(st.just(WELL) | st.just(WELL) | looks(), min_size=1, max_size=8), st.sampled_from([0, 5, 10]))
def test_a_wait_ends_in_success_only_when_all_was_well_throughout_the_hold(seen: list[Look], hold: int) -> None:
    watched = Progress(OURS, hold)
    for index, look in enumerate(seen):
        step = watched.observe(5.0 * index, look)
        if step.verdict is None:
            continue
        assert step.verdict.final
        if step.verdict.word == "succeeded":
            assert index * 5 >= hold
            assert all(seen_well(each) for each in seen[index - hold // 5 : index + 1])
        if step.verdict.word in {"superseded", "stopped"}:
            assert index > 0
        break
