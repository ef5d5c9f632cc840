# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whatever is declared: it is refused before any call, or AWS takes it and nothing is left to change."""

from __future__ import annotations

from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules import fence, release, restore, states, target_group
from ansible_collections.steady.ecs.plugins.module_utils.rules.declaration import DeclarationError
from hypothesis import example, given
from hypothesis import strategies as st

from testbed.elbv2.attributes import TARGET_GROUP, changed_target_group
from tests.unit.test_release import GROUP, NOW, Service

KEYS = sorted(TARGET_GROUP.rows)
WORDS = ["lb_cookie", "app_cookie", "source_ip", "round_robin", "least_outstanding_requests", "on", "off", "no", "yes"]
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([*WORDS, "session", "AWSALB"]),
    st.integers(-1, 604801),
    st.integers(-1, 1000).map(str),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
    st.lists(st.integers(), max_size=1),
)
QUOTA = 1000
"""Targets a group, by default: an account can have it raised, so the rules do not know it, and the bed does."""


def within_quota(declared: dict[str, Any]) -> bool:
    counts = [value for key, value in declared.items() if key.endswith(".minimum_healthy_targets.count")]
    return all(not isinstance(value, (int, float)) or value <= QUOTA for value in counts)


ANYTHING = st.dictionaries(st.one_of(st.sampled_from(KEYS), st.text(max_size=20)), VALUES, max_size=6)
TOGETHER: list[dict[str, st.SearchStrategy[Any]]] = [  # attributes with rules between them, which chance rarely meets
    {
        "stickiness.enabled": st.booleans(),
        "stickiness.type": st.sampled_from(["lb_cookie", "app_cookie"]),
        "stickiness.app_cookie.cookie_name": st.sampled_from(["session", "other", ""]),
    },
    {
        "load_balancing.algorithm.type": st.sampled_from(["round_robin", "weighted_random"]),
        "slow_start.duration_seconds": st.sampled_from([0, 30]),
        "stickiness.enabled": st.booleans(),
        "load_balancing.cross_zone.enabled": st.booleans(),
    },
    {
        f"target_group_health.{action}.minimum_healthy_targets.{what}": values
        for what, values in (("count", st.integers(1, 11)), ("percentage", st.sampled_from(["off", 9, 10])))
        for action in ("dns_failover", "unhealthy_state_routing")
    },
]
DECLARATIONS = st.one_of(
    ANYTHING.filter(within_quota), *(st.fixed_dictionaries({}, optional=each) for each in TOGETHER)
)


@st.composite
def live(draw: st.DrawFn) -> dict[str, str]:
    """Attributes that a group can have: AWS's defaults with what AWS takes on top."""
    found = dict(TARGET_GROUP.defaults)
    for declared in draw(st.lists(DECLARATIONS, max_size=3)):
        try:
            found.update(target_group.normalised(declared, "HTTP", "ip", found))
        except DeclarationError:
            continue
    return found


def modified(attributes: dict[str, str], differences: list[Any]) -> dict[str, str]:
    wanted = [{"Key": each.path, "Value": each.expected} for each in differences]
    return changed_target_group(attributes, wanted)


@given(declared=DECLARATIONS, before=live())
def test_what_is_not_refused_is_taken_by_aws_and_settled_by_one_call(
    declared: dict[str, Any], before: dict[str, str]
) -> None:
    try:
        wanted = target_group.normalised(declared, "HTTP", "ip", before)
    except DeclarationError as refused:
        assert refused.msg.startswith("target_group_attributes")
        return
    after = modified(before, target_group.compare(wanted, before, "tg"))
    assert target_group.compare(wanted, after, "tg") == []
    assert {key: value for key, value in after.items() if key not in declared} == {
        key: value for key, value in before.items() if key not in declared
    }
    assert target_group.normalised(wanted, "HTTP", "ip", after) == wanted


@given(declared=DECLARATIONS)
def test_the_order_of_a_declaration_means_nothing(declared: dict[str, Any]) -> None:
    def outcome(attributes: dict[str, Any]) -> dict[str, str] | None:
        try:
            return target_group.normalised(attributes, "HTTP", "ip")
        except DeclarationError:
            return None

    assert outcome(declared) == outcome(dict(reversed(declared.items())))


BY_APPLICATION = {"stickiness.type": "app_cookie", "stickiness.app_cookie.cookie_name": "session"}


@given(declared=DECLARATIONS, before=live())
@example(declared={"stickiness.type": "lb_cookie"}, before=TARGET_GROUP.defaults | BY_APPLICATION)
@example(declared=BY_APPLICATION, before=TARGET_GROUP.defaults)
def test_whatever_a_release_declared_goes_back_by_one_call(declared: dict[str, Any], before: dict[str, str]) -> None:
    """By a rollback, and by a release that puts back its own attributes alone: AWS takes them, and all is as before."""
    try:
        wanted = target_group.normalised(declared, "HTTP", "ip", before)
    except DeclarationError:
        return
    service = Service()
    service.live["attributes"] = {GROUP: before}
    record = service.open(attributes={GROUP: wanted}).record
    after = modified(before, target_group.compare(wanted, before, "tg"))
    start = {"task_definition": service.live["task_definition"], "settings": {}, "attributes": {GROUP: before}}

    def is_as_before(back: dict[str, str]) -> bool:
        assert all(back.values()), "nobody knows whether AWS takes an empty name"
        now = modified(after, target_group.compare(back, after, "tg"))
        return not states.differences(start, {**service.live, "attributes": {GROUP: now}})

    assert is_as_before(fence.to_put_back(record, GROUP, after))
    service.live["attributes"] = {GROUP: after}
    service.write(release.closing(service.head, release.step(record, {}, NOW), "proven", {}, NOW))
    put_back = restore.restoration(service.records[1], service.records, service.live)
    assert not put_back["not_restorable"]
    assert is_as_before(target_group.normalised(put_back["attributes"].get(GROUP, {}), "HTTP", "ip", after))
