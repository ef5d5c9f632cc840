# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hazards: which settings have one, and that the setting which the remedy names cures it."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from ansible_collections.steady.ecs.plugins.module_utils.rules import hazards, plan
from ansible_collections.steady.ecs.plugins.module_utils.rules.checks import check, not_checked
from hypothesis import given
from hypothesis import strategies as st

ARN = "arn:aws:elasticloadbalancing:us-east-1:640080112933:targetgroup/web/0123456789abcdef"
BREAKER = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}


def live(
    desired: int = 3,
    grace: int = 0,
    stop: int | None = None,
    delay: str = "300",
    sticky: bool = False,
    port: int | None = None,
    mode: str = "bridge",
    **settings: Any,
) -> plan.Live:
    """A service without hazards, as long as nothing is given."""
    service = {
        "desiredCount": desired,
        "healthCheckGracePeriodSeconds": grace,
        "deploymentConfiguration": {"minimumHealthyPercent": 100, "maximumPercent": 200} | BREAKER | settings,
        "loadBalancers": [{"targetGroupArn": ARN, "containerName": "app", "containerPort": 80}],
    }
    container: dict[str, Any] = {"name": "app"} | ({} if stop is None else {"stopTimeout": stop})
    if port is not None:
        container["portMappings"] = [{"containerPort": 80, "hostPort": port, "protocol": "tcp"}]
    group = {
        "TargetGroupArn": ARN,
        "TargetGroupName": "web",
        "HealthCheckIntervalSeconds": 10,
        "HealthyThresholdCount": 2,
        "UnhealthyThresholdCount": 3,
    }
    attributes = {ARN: {hazards.DELAY: delay, "stickiness.enabled": str(sticky).lower()}}
    return plan.Live(service, {"networkMode": mode, "containerDefinitions": [container]}, [group], attributes)


def names(found: plan.Live, **known: float) -> list[str]:
    return [each.name for each in hazards.found(found, hazards.Known(**known))]


@pytest.mark.parametrize(
    ("hazard", "harmful", "cured", "known"),
    [
        ("deregistration_delay", {"delay": "20"}, {"delay": "21"}, {"slowest_answer": 20}),
        ("deregistration_delay", {"delay": "30"}, {"delay": "31"}, {"slowest_answer": 5, "longest_stream": 30}),
        ("deregistration_delay", {"delay": "0"}, {"delay": "1"}, {}),
        ("stop_timeout", {}, {"stop": 31}, {"work_after": 30}),
        ("stop_timeout", {"stop": 10}, {"stop": 13}, {"work_after": 12}),
        ("minimum_healthy", {"minimumHealthyPercent": 0}, {"minimumHealthyPercent": 1}, {}),
        (
            "sticky_gathering",
            {"desired": 2, "minimumHealthyPercent": 50, "sticky": True},
            {"desired": 2, "minimumHealthyPercent": 51, "sticky": True},
            {},
        ),
        ("grace_period", {"grace": 69}, {"grace": 70}, {"start": 50}),
        ("circuit_breaker", {"deploymentCircuitBreaker": {}}, {}, {}),
        ("fixed_host_port", {"port": 80}, {"port": 0}, {}),
        ("fixed_host_port", {"port": 80}, {"port": 80, "mode": "awsvpc"}, {}),
        ("fixed_host_port", {"port": 80, "minimumHealthyPercent": 67}, {"port": 80, "minimumHealthyPercent": 66}, {}),
        ("fixed_host_port", {"port": 80, "mode": "host"}, {"port": 80, "desired": 0}, {}),
        ("circuit_breaker", {"deploymentCircuitBreaker": {"enable": True, "rollback": False}}, {}, {}),
    ],
)
def test_a_hazard_is_seen_up_to_its_border(
    hazard: str, harmful: dict[str, Any], cured: dict[str, Any], known: dict[str, float]
) -> None:
    assert names(live(**harmful), **known) == [hazard]
    assert names(live(**cured), **known) == []


@pytest.mark.parametrize(("enable", "told"), [(True, "does not go back from it"), (False, "over and over")])
def test_what_is_off_of_the_circuit_breaker_is_told(enable: bool, told: str) -> None:
    (found,) = hazards.found(live(deploymentCircuitBreaker={"enable": enable, "rollback": False}), hazards.Known())
    assert told in found.text


def test_connections_that_the_application_closes_first() -> None:
    assert names(live(), keep_alive=60) == ["keep_alive"]
    assert names(live(), keep_alive=61) == []
    assert names(live(), keep_alive=5, idle_timeout=4) == []


def test_a_start_that_the_thresholds_bear_needs_no_grace_period() -> None:
    assert names(live(), start=19) == []


def test_one_task_is_no_gathering_and_no_task_is_no_hazard() -> None:
    assert names(live(desired=1, sticky=True, minimumHealthyPercent=50)) == []
    assert names(live(desired=0, sticky=True, minimumHealthyPercent=0)) == []


def test_work_that_fargate_does_not_wait_for_has_another_remedy() -> None:
    (found,) = hazards.found(live(), hazards.Known(work_after=120))
    assert "queue" in found.remedy


def test_a_balancer_that_names_no_container_of_the_revision_is_for_preflight_to_refuse() -> None:
    found = live(stop=10)
    assert names(found, work_after=20) == ["stop_timeout"]
    found.service["loadBalancers"][0]["containerName"] = "renamed"
    assert names(found, work_after=20) == []


seconds = st.floats(min_value=0.1, max_value=119, allow_nan=False)


@given(
    st.builds(
        live,
        desired=st.integers(0, 12),
        grace=st.integers(0, 600),
        stop=st.none() | st.integers(2, 120),
        delay=st.integers(0, 3600).map(str),
        sticky=st.booleans(),
        port=st.none() | st.sampled_from([0, 80]),
        mode=st.sampled_from(["awsvpc", "bridge"]),
        minimumHealthyPercent=st.integers(0, 100),
        deploymentCircuitBreaker=st.fixed_dictionaries({"enable": st.booleans(), "rollback": st.booleans()}),
    ),
    st.fixed_dictionaries(dict.fromkeys(("slowest_answer", "longest_stream", "work_after", "start"), seconds)),
)
def test_the_remedies_of_a_service_cure_it(found: plan.Live, known: dict[str, float]) -> None:
    """In two rounds at most: where all old tasks are kept, a new one may need a port that they have."""
    for _ in range(2):
        for hazard in hazards.found(found, hazards.Known(**known)):
            assert hazard.name in hazards.NAMES
            apply(found, hazard.remedy)
    assert names(found, **known) == []


def apply(found: plan.Live, remedy: str) -> None:
    """Do what a remedy says, as an inventory would read it."""
    said = re.fullmatch(r"Declare ([\w.]+): (\{.*\})\.", remedy)
    assert said, remedy
    path, value = said[1].split("."), yaml.safe_load(said[2])
    for name in reversed(path[1:]):
        value = {name: value}
    if path[0] == "rollout_settings":
        inner = value.pop("deploymentConfiguration", {})
        found.service["deploymentConfiguration"].update(inner)
        found.service.update(value)
    elif path[0] == "target_group_attributes":
        found.attributes[ARN].update({name: str(each) for name, each in value.items()})
    else:
        assert path == ["rollout_changes"]
        for container in found.definition["containerDefinitions"]:
            container.update(value["containers"][container["name"]])


def test_a_hazard_is_refused_when_all_are_or_by_name_unless_it_is_meant() -> None:
    found = hazards.found(live(delay="0", minimumHealthyPercent=0), hazards.Known())
    both = ["hazard deregistration_delay", "hazard minimum_healthy"]

    def refused(*arguments: Any) -> list[str]:
        return [each["name"] for each in hazards.refused(found, *arguments)]

    assert refused("warn", [], []) == []
    assert refused("refuse", [], []) == both
    assert refused("warn", ["minimum_healthy"], []) == both[1:]
    assert refused("refuse", ["minimum_healthy"], ["minimum_healthy"]) == both[:1]


def test_a_hazard_is_warned_of_unless_it_is_refused_or_meant() -> None:
    found = hazards.found(live(delay="0", minimumHealthyPercent=0), hazards.Known())
    refused = hazards.refused(found, "warn", ["minimum_healthy"], [])
    (line,) = hazards.warnings(found, [], refused)
    assert line.startswith("hazard deregistration_delay: web lets a task go after 0 s")
    assert hazards.warnings(found, ["deregistration_delay"], refused) == []


def test_a_fixed_port_is_no_hazard_where_the_instances_were_looked_at() -> None:
    options = {"hazards": "warn", "hazards_refused": [], "hazards_allowed": [], "application": {}}
    room = "room for a new task"
    assert hazards.judged(live(port=80), options, [check(room, "room", "i-1: full", False)]) == ([], [])
    (said,) = hazards.judged(live(port=80), options, [not_checked(room, "room", "may not look")])[1]
    assert said.startswith("hazard fixed_host_port: Each task takes host port 80 of its instance")
    daemon = live(port=80)
    daemon.service["schedulingStrategy"] = "DAEMON"
    assert names(daemon) == []
    (found,) = hazards.found(live(port=80, mode="host"), hazards.Known())
    assert "one instance more than tasks" in found.remedy


def test_a_name_that_no_hazard_has_is_refused() -> None:
    (wrong,) = hazards.misnamed(["minimum_health"], ["keep_alive"])
    assert wrong["found"] == ["minimum_health"]
    assert "minimum_healthy" in wrong["expected"]
    assert hazards.misnamed(["keep_alive"], []) == []


def test_what_is_declared_counts_not_what_is_live() -> None:
    declared = plan.Declared(
        settings={"deploymentConfiguration": {"minimumHealthyPercent": 0}}, attributes={hazards.DELAY: 0}
    )
    now = live()
    now.service.update(deploymentController={"type": "ECS"}, serviceName="web")
    now.groups[0].update(Protocol="HTTP", TargetType="ip")
    becoming = plan.becoming(declared, now, {})
    assert names(becoming) == ["deregistration_delay", "minimum_healthy"]
    assert names(now) == []
