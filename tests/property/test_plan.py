# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whatever a service is like: its plan is empty once ``init`` has written it down, and no value of it is in a file."""

from __future__ import annotations

import json
from typing import Any

import yaml
from ansible_collections.steady.ecs.plugins.module_utils.rules import plan, project, target_group
from ansible_collections.steady.ecs.plugins.module_utils.rules.declaration import DeclarationError
from hypothesis import given, settings
from hypothesis import strategies as st

from testbed.elbv2.attributes import TARGET_GROUP
from tests.unit.answers import GROUP, deployment, service
from tests.unit.task_definitions import MODEL, RICH, described

CANARY = "canary-7f3a"
COOKIES = st.sampled_from(["true", "007", "session", "off", "1e3", "null"])
SELDOM = st.integers(0, 7).map(lambda each: each == 7)
NUMBERS = st.integers(0, 604800)
VALUES = st.one_of(
    COOKIES,
    NUMBERS.map(str),
    st.sampled_from(["true", "false", "on", "off", "lb_cookie", "app_cookie", "weighted_random", "round_robin"]),
    st.sampled_from(["least_outstanding_requests", "use_load_balancer_configuration", "inspect_immediately"]),
)


@st.composite
def attributes(draw: st.DrawFn) -> dict[str, str]:
    """Attributes that a target group can have: AWS's defaults with what AWS takes on top."""
    found = dict(TARGET_GROUP.defaults)
    if draw(st.booleans()):
        found |= {"stickiness.type": "app_cookie", "stickiness.app_cookie.cookie_name": draw(COOKIES)}
    for each in draw(st.lists(st.dictionaries(st.sampled_from(sorted(TARGET_GROUP.rows)), VALUES, max_size=4))):
        try:
            found.update(target_group.normalised(each, "HTTP", "ip", found))
        except DeclarationError:
            continue
    return found


PERCENTS = st.tuples(st.integers(100, 400), st.integers(0, 100)).filter(lambda each: each != (100, 100))
BREAKERS = st.none() | st.fixed_dictionaries(
    {"enable": st.booleans(), "rollback": st.booleans()}, optional={"resetOnHealthyTask": st.booleans()}
)


@st.composite
def services(draw: st.DrawFn) -> dict[str, Any]:
    most, least = draw(PERCENTS)
    configuration: dict[str, Any] = draw(
        st.sampled_from([{}, {"maximumPercent": most, "minimumHealthyPercent": least}])
    )
    breaker = draw(BREAKERS)
    if breaker is not None:
        configuration = {**configuration, "deploymentCircuitBreaker": breaker}
    changes: dict[str, Any] = {
        "deploymentConfiguration": configuration,
        "desiredCount": draw(st.integers(0, 50)),
    }
    if draw(st.booleans()):
        changes["healthCheckGracePeriodSeconds"] = draw(st.integers(0, 2147483647))
    if draw(SELDOM):
        changes["loadBalancers"] = []
    return service(deployment(1), **changes)


@st.composite
def definitions(draw: st.DrawFn) -> dict[str, Any]:
    found = described(RICH)
    container = found["containerDefinitions"][0]
    names = st.sampled_from(["A", "TOKEN", "stickiness.enabled"])
    values = draw(st.dictionaries(names, st.text(max_size=5), max_size=3))
    container["environment"] = [{"name": name, "value": f"{CANARY}{value}"} for name, value in values.items()]
    container["command"], container["image"] = [CANARY], f"example.com/{CANARY}"
    return found


@settings(max_examples=120)
@given(services(), attributes(), definitions(), SELDOM)
def test_what_was_written_down_is_what_runs(
    live: dict[str, Any], values: dict[str, str], definition: dict[str, Any], another: bool
) -> None:
    groups = [
        {"TargetGroupArn": arn, "TargetGroupName": arn.split("/")[1], "Protocol": "HTTP", "TargetType": "ip"}
        for arn in [GROUP, GROUP.replace("tg-web", "tg-admin")][: (1 + another) * bool(live["loadBalancers"])]
    ]
    declaration = project.declaration(
        live, definition, [(each, values) for each in groups], target_group.DEFAULTS, "https://example.com"
    )
    files = project.files("web", "111122223333", "us-east-1", None, declaration)
    read = yaml.safe_load(files["inventories/main/host_vars/web.yml"])
    assert {name: read[name] for name in declaration} == declaration

    declared = plan.Declared(
        settings=read["rollout_settings"],
        attributes=read.get("target_group_attributes", {}),
        attributes_of=read.get("target_group_attributes_of", {}),
        target_group=read.get("target_group_name"),
    )
    now = plan.Live(live, definition, groups, {each["TargetGroupArn"]: values for each in groups})
    assert plan.differences(declared, now, MODEL) == []
    assert plan.count(declared, now) >= 4
    assert CANARY not in json.dumps(files)
