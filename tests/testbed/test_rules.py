"""The bed's pure rules: thresholds, percentages, the plan of starts and stops, images, addresses, Fargate sizes."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed import images
from testbed.addresses import Addresses
from testbed.ecs import registration, rules
from testbed.ecs.plan import Plan, Seen, plan


@pytest.mark.parametrize(
    ("declared", "desired", "count"),
    [
        ({}, 1, 3),  # 50 % of one task, but at least 3
        ({}, 3, 3),
        ({}, 25, 13),
        ({}, 1000, 200),  # at most 200
        ({"type": "BOUNDED_PERCENT", "value": 10}, 100, 10),
        ({"type": "UNBOUNDED_PERCENT", "value": 50}, 3, 2),
        ({"type": "UNBOUNDED_PERCENT", "value": 50}, 1000, 500),
        ({"type": "COUNT", "value": 7}, 1, 7),
    ],
)
def test_the_circuit_breakers_threshold(declared: dict[str, object], desired: int, count: int) -> None:
    breaker = {"enable": True, "rollback": True}
    if declared:
        breaker["thresholdConfiguration"] = declared  # type: ignore[assignment]
    assert rules.threshold({"deploymentCircuitBreaker": breaker}, desired) == count


def test_percentages_round_in_favour_of_health() -> None:
    half = {"minimumHealthyPercent": 50, "maximumPercent": 150}
    assert (rules.lowest(half, 3), rules.highest(half, 3)) == (2, 4)
    assert rules.highest(half, 0) == 0
    assert [rules.restart_delay(n) for n in (1, 2, 3, 8, 99)] == [0, 0, 1, 30, 27 * 60]


@pytest.mark.parametrize(
    ("desired", "percent", "count"),
    [(2, 50, 1), (3, 50, 2), (10, 80, 8), (100, 90, 90), (10, 100, 10), (3, 0, 1), (0, 50, 0)],
)
def test_how_many_healthy_tasks_are_an_early_success(desired: int, percent: int, count: int) -> None:
    criteria = {"enable": True, "healthyPercent": percent, "sourceServiceRevisionCleanup": "DEFERRED"}
    assert rules.early_success({"earlySuccessCriteria": criteria}, desired) == count
    assert rules.early_success({"earlySuccessCriteria": {**criteria, "enable": False}}, desired) is None
    assert rules.early_success({}, desired) is None


def task(key: str, **more: object) -> Seen:
    usual = {"primary": True, "source": False, "healthy": True, "sick": False, "running": True, "proven": True}
    usual["created"] = 0.0
    return Seen(key=key, **{**usual, **more})  # type: ignore[arg-type]


def old(key: str, **more: object) -> Seen:
    return task(key, primary=False, source=True, **more)


OLD = [old("a"), old("b"), old("c")]


def test_a_rolling_update_starts_as_many_as_the_maximum_allows() -> None:
    assert plan(OLD, 3, 3, 6, stalled=False) == Plan(start=3)
    assert plan(OLD, 3, 3, 4, stalled=False) == Plan(start=1)


def test_an_old_task_goes_when_a_new_one_is_healthy() -> None:
    assert plan([*OLD, task("x"), task("y", healthy=False)], 3, 3, 5, stalled=False) == Plan(scale_in=["a"])


def test_old_tasks_that_are_held_stay_when_enough_others_are_healthy() -> None:
    new = [task(key) for key in "xyz"]
    assert plan([*OLD, *new], 3, 3, 6, stalled=False, kept=3, holds=True) == Plan(kept=3)
    assert plan([*OLD, *new], 3, 3, 6, stalled=False, kept=3).scale_in == ["a", "b", "c"]


def test_without_room_an_old_task_goes_first() -> None:
    assert plan(OLD, 3, 2, 3, stalled=False) == Plan(scale_in=["a"])


def test_an_old_task_that_is_not_healthy_goes_when_enough_others_are() -> None:
    lingering = old("c", healthy=False)
    assert plan([task("x"), task("y"), task("z"), lingering], 3, 3, 6, stalled=False) == Plan(scale_in=["c"])
    assert plan([task("x"), task("y"), lingering], 3, 3, 6, stalled=False) == Plan(start=1)


def test_a_sick_task_is_replaced_before_it_goes() -> None:
    sick = task("c", healthy=False, sick=True)
    assert plan([task("a"), task("b"), sick], 3, 3, 6, stalled=False) == Plan(start=1)
    assert plan([task("a"), task("b"), task("d"), sick], 3, 3, 6, stalled=False) == Plan(replace=["c"])


def test_a_sick_task_stays_until_its_replacement_is_healthy() -> None:
    sick, starting = task("c", healthy=False, sick=True), task("d", healthy=False, running=False)
    assert plan([task("a"), task("b"), sick, starting], 3, 3, 6, stalled=False) == Plan()
    assert plan([old("c", healthy=False, sick=True), task("d", healthy=False)], 1, 1, 3, stalled=False).replace == []


def test_where_the_replacement_is_sick_too_one_of_both_goes() -> None:
    sick = [task(key, healthy=False, sick=True) for key in "cd"]
    assert plan([task("a"), task("b"), *sick], 3, 3, 6, stalled=False) == Plan(start=1, replace=["c"])


def test_without_room_sick_tasks_go_one_by_one() -> None:
    sick = [task(key, healthy=False, sick=True) for key in "abc"]
    assert plan(sick, 3, 0, 3, stalled=False).replace == ["a"]


def test_a_stalled_deployment_starts_nothing_and_keeps_the_old_tasks() -> None:
    assert plan(OLD, 3, 3, 6, stalled=True) == Plan()


NEW = [task(key, healthy=False) for key in "xyz"]


def test_what_the_old_revision_loses_is_started_anew_while_the_new_one_is_not_healthy() -> None:
    assert plan([*OLD[:2], *NEW], 3, 3, 6, stalled=False, kept=3) == Plan(restore=1, kept=3)
    assert plan(OLD[:1], 3, 3, 6, stalled=True, kept=3) == Plan(restore=2, kept=3)
    assert plan([], 3, 3, 6, stalled=False, kept=3) == Plan(start=3, restore=3, kept=3)
    starting = old("c", healthy=False, proven=False)
    assert plan([*OLD[:2], starting, *NEW], 3, 3, 6, stalled=False, kept=3) == Plan(kept=3)


def test_what_the_old_revision_loses_is_gone_when_enough_are_healthy_without_it() -> None:
    healthy = [task(key) for key in "xy"]
    assert plan([*OLD[:1], *healthy], 3, 3, 6, stalled=False, kept=1) == Plan(start=1, kept=1)
    assert plan(healthy, 3, 3, 6, stalled=False, kept=2) == Plan(start=1, restore=1, kept=1)
    assert plan([*OLD, *NEW], 3, 2, 6, stalled=False, kept=3) == Plan(scale_in=["a"], kept=2)
    assert plan([*OLD[:1], *NEW], 3, 0, 6, stalled=False, kept=2).kept == 0


def test_the_old_revision_is_started_anew_within_the_maximum_and_before_the_new_one() -> None:
    assert plan([*OLD[:2], *NEW], 3, 3, 5, stalled=False, kept=3) == Plan(kept=3)
    assert plan(OLD[:2], 3, 3, 4, stalled=False, kept=3) == Plan(start=2, restore=1, kept=3)  # 2 if the old has no use


def test_a_sick_task_of_the_old_revision_is_replaced_by_its_own() -> None:
    sick = old("c", healthy=False, sick=True)
    assert plan([*OLD[:2], sick, *NEW], 3, 3, 7, stalled=False, kept=3) == Plan(restore=1, kept=3)
    assert plan([*OLD[:2], sick, old("d"), *NEW], 3, 3, 7, stalled=False, kept=3) == Plan(replace=["c"], kept=3)
    assert plan([*OLD[:2], sick, *NEW], 3, 3, 6, stalled=False, kept=3) == Plan(replace=["c"], kept=3)
    sick3 = [old(key, healthy=False, sick=True) for key in "abc"]
    assert plan([*sick3, old("d")], 4, 2, 8, stalled=False, kept=4) == Plan(start=4, restore=1, kept=4)
    assert plan([*sick3, *NEW], 3, 2, 6, stalled=False, kept=3) == Plan(replace=["a"], kept=3)


def test_a_sick_task_stays_where_the_one_that_replaces_it_fills_the_room() -> None:
    sick = task("a", healthy=False, sick=True)
    assert plan([sick, task("b", healthy=False)], 1, 1, 2, stalled=False) == Plan()


def test_a_stalled_deployment_is_scaled_in() -> None:
    assert plan([*OLD, *map(task, "xyz")], 3, 3, 6, stalled=True, kept=3) == Plan(kept=3)
    five = [*OLD, old("d"), old("e")]
    assert plan(five, 3, 3, 6, stalled=True, kept=5) == Plan(scale_in=["a", "b"], kept=3)
    assert plan(five, 0, 0, 0, stalled=True, kept=5) == Plan(scale_in=list("abcde"))


def test_scaling_in_takes_unhealthy_tasks_first() -> None:
    tasks = [task("a"), task("b", healthy=False), task("c")]
    assert plan(tasks, 2, 2, 4, stalled=False) == Plan(scale_in=["b"])


seen = st.builds(
    Seen,
    key=st.uuids().map(str),
    primary=st.booleans(),
    source=st.booleans(),
    healthy=st.booleans(),
    sick=st.booleans(),
    running=st.booleans(),
    proven=st.booleans(),
    created=st.floats(0, 9),
).filter(lambda t: not (t.healthy and (t.sick or not t.running)) and not (t.primary and t.source))


@given(
    st.lists(seen, max_size=8, unique_by=lambda t: t.key),
    st.integers(1, 5),
    st.integers(0, 100),
    st.integers(100, 200),
    st.integers(0, 5),
    st.booleans(),
)
def test_a_plan_keeps_both_limits(
    tasks: list[Seen], desired: int, low: int, high: int, kept: int, stalled: bool
) -> None:
    """Never more live tasks than maximumPercent allows by starting; never fewer healthy ones by replacing old ones."""
    lowest, highest = math.ceil(desired * low / 100), max(1, desired * high // 100)
    found = plan(tasks, desired, lowest, highest, stalled, kept)
    assert 0 <= max(found.start, found.restore) <= max(0, highest - len(tasks))
    assert (found.start == 0 or not stalled) and (found.restore == 0 or found.restore <= min(kept, lowest))
    assert 0 <= found.kept <= kept
    gone = set(found.replace) | set(found.scale_in)
    healthy = [t for t in tasks if t.healthy]
    lost = [t for t in healthy if t.key in gone and not t.primary]
    assert not lost or len(healthy) - len(lost) >= min(lowest, len(healthy))
    assert not any(t.healthy for t in tasks if t.key in found.replace)
    well = [t for t in tasks if t.primary and not t.sick and t.key not in gone]
    assert len(well) + found.start <= max(desired, len(well))


@pytest.mark.parametrize(
    ("image", "name", "tag"),
    [
        ("steady/echo", "steady/echo", "latest"),
        ("steady/echo:v1", "steady/echo", "v1"),
        ("host:5000/steady/echo:v1", "host:5000/steady/echo", "v1"),
        ("host:5000/echo", "host:5000/echo", "latest"),
        ("steady/echo@sha256:abc", "steady/echo", "sha256:abc"),
    ],
)
def test_the_parts_of_an_image_reference(image: str, name: str, tag: str) -> None:
    assert images.split(image) == (name, tag)


def test_a_digest_follows_from_name_and_tag() -> None:
    assert images.digest("a/b:v1") == images.digest("a/b:v1") != images.digest("a/b:v2")
    assert images.digest("a/b") == images.digest("a/b:latest")
    assert images.digest("a/b@sha256:1f") == "sha256:1f"


def test_an_unknown_image_cannot_be_pulled() -> None:
    with pytest.raises(images.CannotPull, match="CannotPullContainerError.*nobody/knows:v1"):
        images.Images().find("nobody/knows:v1")


def test_addresses_are_unique_and_come_back_late() -> None:
    given_out = Addresses("127.20")
    first = [given_out.task() for _ in range(3)]
    assert first == ["127.20.1.2", "127.20.1.3", "127.20.1.4"]
    given_out.give_back(first[0])
    assert given_out.task() == "127.20.1.5"
    assert (given_out.load_balancer(), given_out.load_balancer()) == ("127.20.0.2", "127.20.0.3")
    assert given_out.helper() == "127.20.0.250"


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("1024", "vCPU", 1024),
        ("1 vCPU", "vCPU", 1024),
        (".25 vcpu", "vCPU", 256),
        ("2 GB", "GB", 2048),
        ("2GB", "GB", 2048),
        ("x", "GB", None),
        ("inf GB", "GB", None),
        ("1 GB", "vCPU", None),
    ],
)
def test_sizes_in_words(text: str, unit: str, value: int | None) -> None:
    assert registration.number(text, unit) == value


def test_containers_start_after_those_they_depend_on() -> None:
    containers: list[dict[str, Any]] = [
        {"name": "web", "dependsOn": [{"containerName": "db", "condition": "START"}]},
        {"name": "db", "dependsOn": [{"containerName": "log", "condition": "START"}]},
        {"name": "log"},
    ]
    assert [c["name"] for c in registration.start_order(containers)] == ["log", "db", "web"]
