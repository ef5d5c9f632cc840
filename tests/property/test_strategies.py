# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whatever strategy a service has and whatever is declared: what is sent is taken, the plan is empty afterwards, and
what a rollback restores brings back the configuration that was there. The test bed's rules say what ECS takes."""

from __future__ import annotations

import copy
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules import service, states
from ansible_collections.steady.ecs.plugins.module_utils.rules.strategies import HOOKED, OWN
from hypothesis import given
from hypothesis import strategies as st

from testbed.ecs.checks import configuration as taken
from tests.unit.test_service import live
from tests.unit.test_strategies import ENTRY

ROLLING = live()["deploymentConfiguration"]
MINUTES = st.integers(0, 1440)
LIMITS = st.fixed_dictionaries(
    {}, optional={"timeoutInMinutes": st.integers(1, 20160), "action": st.sampled_from(["CONTINUE", "ROLLBACK"])}
)
HOOKS = st.lists(
    st.fixed_dictionaries(
        {
            "targetType": st.just("PAUSE"),
            "lifecycleStages": st.lists(st.sampled_from(HOOKED), min_size=1, max_size=3, unique=True),
        },
        optional={"timeoutConfiguration": LIMITS},
    ),
    max_size=2,
)
CANARIES = st.fixed_dictionaries(
    {"canaryPercent": st.integers(1, 1000).map(lambda each: each / 10), "canaryBakeTimeInMinutes": MINUTES}
)
STEPS = st.fixed_dictionaries(
    {"stepPercent": st.integers(30, 1000).map(lambda each: each / 10), "stepBakeTimeInMinutes": MINUTES}
)


@st.composite
def configurations(draw: st.DrawFn) -> dict[str, Any]:
    """What can be declared of a strategy, complete in itself."""
    strategy = draw(st.sampled_from(["ROLLING", "BLUE_GREEN", "LINEAR", "CANARY"]))
    found: dict[str, Any] = {"strategy": strategy}
    if strategy != "ROLLING":
        found |= {"bakeTimeInMinutes": draw(MINUTES)}
        found |= {"lifecycleHooks": draw(HOOKS)} if draw(st.booleans()) else {}
    if strategy == "CANARY":
        found["canaryConfiguration"] = draw(CANARIES)
    if strategy == "LINEAR":
        found["linearConfiguration"] = draw(STEPS)
    return found


def after(declared: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """The service once ECS has taken what settles the differences."""
    sent = service.request(service.compare({"deploymentConfiguration": declared}, now), now)
    wanted = sent.get("deploymentConfiguration", {})
    return {**now, "deploymentConfiguration": taken(now["deploymentConfiguration"], copy.deepcopy(wanted), "ECS")}


def own(now: dict[str, Any]) -> dict[str, Any]:
    """The part of the configuration that makes a strategy, in the form in which equal means equal."""
    whole = states.flat_settings(states.live_settings(now))
    names = tuple(f"deploymentConfiguration.{name}" for name in ("strategy", *OWN))
    return {path: value for path, value in whole.items() if path.startswith(names)}


@given(configurations(), configurations())
def test_plan_apply_plan_is_empty_and_the_way_back_is_whole(first: dict[str, Any], second: dict[str, Any]) -> None:
    before = after(first, live(loadBalancers=[ENTRY], deploymentConfiguration=ROLLING))
    assert service.compare({"deploymentConfiguration": first}, before) == []
    then = after(second, before)
    assert service.compare({"deploymentConfiguration": second}, then) == []
    restored = states.live_settings(before)["deploymentConfiguration"]
    back = after(restored, then)
    assert own(back) == own(before)
