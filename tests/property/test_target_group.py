# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whatever is declared: it is refused before any call, or AWS takes it and nothing is left to change."""

from __future__ import annotations

from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules import target_group
from ansible_collections.steady.ecs.plugins.module_utils.rules.declaration import DeclarationError
from hypothesis import given
from hypothesis import strategies as st

from testbed.elbv2.attributes import TARGET_GROUP, changed_target_group

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


DECLARATIONS = st.dictionaries(st.one_of(st.sampled_from(KEYS), st.text(max_size=20)), VALUES, max_size=6).filter(
    within_quota
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
