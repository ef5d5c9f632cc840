"""Attributes and task definitions that nobody thought of are accepted or refused as AWS's tables say.

The tables stand here a second time, copied from the pages and not from the bed: API_TargetGroupAttribute; developer
guide, "Task CPU and memory" (fargate-tasks-services.html) and "Amazon ECS task definition parameters for Fargate"
(task_definition_parameters.html).
"""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conformance.place import Place

pytestmark = pytest.mark.api

RANGES = {  # the page's "The range is 0-3600 seconds", "1 second to 1 week (604800 seconds)", "30-900 seconds"
    "deregistration_delay.timeout_seconds": range(3601),
    "stickiness.lb_cookie.duration_seconds": range(1, 604801),
    "stickiness.app_cookie.duration_seconds": range(1, 604801),
    "slow_start.duration_seconds": [0, *range(30, 901)],
}
WORDS = {
    "stickiness.enabled": {"true", "false"},
    "stickiness.type": {"lb_cookie"},  # app_cookie needs the name of a cookie: a case of its own
    "load_balancing.algorithm.type": {"round_robin", "least_outstanding_requests", "weighted_random"},
    "load_balancing.cross_zone.enabled": {"true", "false", "use_load_balancer_configuration"},
}
EXCLUDES_SLOW_START = {"least_outstanding_requests", "weighted_random"}
GIB = 1024
SIZES = {  # CPU units: memory in MiB; from 8192 units on "Linux platform 1.4.0 or later"
    256: {512, GIB, 2 * GIB},
    512: {n * GIB for n in range(1, 5)},
    1024: {n * GIB for n in range(2, 9)},
    2048: {n * GIB for n in range(4, 17)},
    4096: {n * GIB for n in range(8, 31)},
    8192: {n * GIB for n in range(16, 61, 4)},
    16384: {n * GIB for n in range(32, 121, 8)},
}
EASY = settings(max_examples=60, suppress_health_check=list(HealthCheck))
REFUSALS = ("ValidationError", "InvalidConfigurationRequest", "ClientException", "InvalidParameterException")


def accepted(call: Any) -> bool:
    try:
        call()
    except ClientError as e:
        assert e.response["Error"]["Code"] in REFUSALS, e
        return False
    return True


# -- attributes --------------------------------------------------------------------------------------------------------


@st.composite
def attributes(draw: st.DrawFn) -> dict[str, str]:
    """A few attributes: numbers in and around their range, words that are and are not in their list."""
    found = {}
    for key in draw(st.lists(st.sampled_from([*RANGES, *WORDS]), min_size=1, max_size=3, unique=True)):
        if key in RANGES:
            edges = [RANGES[key][0], RANGES[key][-1], RANGES[key][0] - 1, RANGES[key][-1] + 1, 29]
            number = draw(st.one_of(st.sampled_from(edges), st.integers(-10, 700000), st.sampled_from(RANGES[key])))
            found[key] = draw(st.one_of(st.just(str(number)), st.just(str(number)), st.just(f"{number}.5")))
        else:
            found[key] = draw(st.one_of(st.sampled_from(sorted(WORDS[key])), st.sampled_from(["", "TRUE", "on", "x"])))
    return found


def valid(key: str, value: str) -> bool:
    if key in WORDS:
        return value in WORDS[key]
    return value.isdigit() and int(value) in RANGES[key]


@pytest.fixture(scope="module")
def group(place: Place) -> str:
    return place.group()


@pytest.mark.parametrize("key", RANGES)
def test_the_edges_of_an_attributes_range(place: Place, group: str, key: str) -> None:
    """API_TargetGroupAttribute."""
    low, high = RANGES[key][0], RANGES[key][-1]
    for value in (low - 1, low, low + 1, high - 1, high, high + 1):
        said = accepted(lambda number=str(value): place.modify(group, **{key.replace(".", "__"): number}))
        assert said == valid(key, str(value)), value
    place.modify(group, **{key.replace(".", "__"): str(low)})


@EASY
@given(wanted=attributes())
def test_attributes_of_a_target_group(place: Place, group: str, wanted: dict[str, str]) -> None:
    """API_TargetGroupAttribute; user guide, slow-start-mode: not with the two other algorithms; sticky-sessions:
    neither with weighted_random nor without cross-zone load balancing."""
    before = place.attributes(group)
    after = {**before, **wanted}
    slow, sticky = after["slow_start.duration_seconds"] != "0", after["stickiness.enabled"] == "true"
    algorithm = after["load_balancing.algorithm.type"]
    excluded = (slow and algorithm in EXCLUDES_SLOW_START) or (
        sticky and (algorithm == "weighted_random" or after["load_balancing.cross_zone.enabled"] == "false")
    )
    good = all(valid(key, value) for key, value in wanted.items()) and not excluded
    said = accepted(lambda: place.modify(group, **{key.replace(".", "__"): value for key, value in wanted.items()}))
    assert said == good, wanted
    assert place.attributes(group) == (after if good else before)


@pytest.mark.parametrize("what", ["count", "percentage"])
def test_dns_failover_never_comes_after_routing_failover(place: Place, what: str) -> None:
    """User guide, target-group-health: "the threshold for DNS failover must be greater than or equal to the threshold
    for routing failover"."""
    group = place.group()
    dns, routing = (
        f"target_group_health__{action}__minimum_healthy_targets__{what}"
        for action in ("dns_failover", "unhealthy_state_routing")
    )
    assert not accepted(lambda: place.modify(group, **{dns: "2", routing: "3"}))
    assert accepted(lambda: place.modify(group, **{dns: "10", routing: "9"}))
    assert not accepted(lambda: place.modify(group, **{routing: "11"}))
    assert accepted(lambda: place.modify(group, **{dns: "off", routing: "11"}))


# -- task definitions --------------------------------------------------------------------------------------------------


MEMORY = sorted({memory for sizes in SIZES.values() for memory in sizes})


@pytest.mark.parametrize("cpu", SIZES)
def test_each_pair_of_cpu_and_memory(place: Place, cpu: int) -> None:
    """Guide, fargate-tasks-services, task CPU and memory."""
    for memory in MEMORY:
        register = definition(place, [container("app")], cpu=str(cpu), memory=str(memory))
        assert accepted(register) == (memory in SIZES[cpu]), memory


@EASY
@given(cpu=st.one_of(st.sampled_from(sorted(SIZES)), st.integers(0, 32768)), memory=st.integers(1, 200 * GIB))
def test_any_pair_of_cpu_and_memory(place: Place, cpu: int, memory: int) -> None:
    """Guide, fargate-tasks-services, task CPU and memory."""
    register = definition(place, [container("app")], cpu=str(cpu), memory=str(memory))
    assert accepted(register) == (memory in SIZES.get(cpu, ()))


def container(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "image": "steady/echo:v1", **more}


def definition(place: Place, containers: list[dict[str, Any]], **more: Any) -> Any:
    size = {"cpu": "256", "memory": "512", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"]}
    body = {"family": place.name(), "containerDefinitions": containers, **size, **more}

    def register() -> None:
        arn = place.ecs.register_task_definition(**body)["taskDefinition"]["taskDefinitionArn"]
        place.ecs.deregister_task_definition(taskDefinition=arn)

    return register


NAMES = st.sampled_from(["app", "agent", "proxy"])


@st.composite
def containers(draw: st.DrawFn) -> list[dict[str, Any]]:
    found = []
    for name in draw(st.lists(NAMES, min_size=1, max_size=3)):
        more: dict[str, Any] = {"essential": draw(st.sampled_from([True, True, False]))}
        if draw(st.booleans()):
            port = draw(st.integers(1, 65535))
            host = draw(st.sampled_from([port, port, None, port % 65535 + 1]))
            more["portMappings"] = [{"containerPort": port, **({} if host is None else {"hostPort": host})}]
        if draw(st.integers(0, 3)) == 0:
            more["dependsOn"] = [{"containerName": draw(NAMES), "condition": "START"}]
        if draw(st.integers(0, 3)) == 0:
            more["secrets"] = [{"name": "KEY", "valueFrom": "arn:aws:ssm:us-east-1:000000000000:parameter/key"}]
        found.append(container(name, **more))
    return found


def circular(found: list[dict[str, Any]]) -> bool:
    """Whether a container waits for one that is not there, for itself, or in a circle."""
    waits = {c["name"]: [d["containerName"] for d in c.get("dependsOn", [])] for c in found}
    for name in waits:
        seen, at = {name}, waits[name]
        while at:
            if at[0] in seen or at[0] not in waits:
                return True
            seen.add(at[0])
            at = waits[at[0]]
    return False


@EASY
@given(found=containers(), role=st.booleans())
def test_containers_of_a_task_definition(place: Place, found: list[dict[str, Any]], role: bool) -> None:
    """Guide, task_definition_parameters: name, essential, portMappings, dependsOn, secrets."""
    names = [c["name"] for c in found]
    ports = [m for c in found for m in c.get("portMappings", [])]
    good = (
        len(set(names)) == len(names)
        and any(c["essential"] for c in found)
        and all(m.get("hostPort", m["containerPort"]) == m["containerPort"] for m in ports)
        and not circular(found)
        and (role or not any(c.get("secrets") for c in found))
    )
    more = {"executionRoleArn": place.role} if role else {}
    assert accepted(definition(place, found, **more)) == good
