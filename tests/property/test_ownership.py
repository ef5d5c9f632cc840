# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whatever is declared of several groups: one owner has to write it, and a template that has it is no drift."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import yaml
from ansible_collections.steady.ecs.plugins.module_utils.rules import ownership, plan, template
from ansible_collections.steady.ecs.plugins.module_utils.rules.declaration import DeclarationError
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from testbed.elbv2.attributes import TARGET_GROUP
from tests.property.test_target_group import live
from tests.unit.answers import GROUP, deployment, service
from tests.unit.task_definitions import MODEL, RICH, described

OTHER = GROUP.replace("tg-web", "tg-admin")
GROUPS = [
    {"TargetGroupArn": arn, "TargetGroupName": arn.split("/")[1], "Protocol": "HTTP", "TargetType": "ip"}
    for arn in (GROUP, OTHER)
]
SERVICE, DEFINITION = service(deployment(1)), described(RICH)
OWNERS = st.sampled_from(sorted(ownership.ELSEWHERE))
NAMES = {"tg-web": "Web", "tg-admin": "Admin"}


@st.composite
def cases(draw: st.DrawFn) -> tuple[plan.Declared, plan.Live]:
    """A declaration of both groups that can be meant, and what is live."""
    now = plan.Live(SERVICE, DEFINITION, GROUPS, {GROUP: draw(live()), OTHER: draw(live())})
    wanted = [draw(live()), draw(live())]
    keys = [draw(st.sets(st.sampled_from(sorted(each)), max_size=6)) for each in wanted]
    first, second = ({key: each[key] for key in some} for each, some in zip(wanted, keys, strict=True))
    declared = plan.Declared(attributes_of={"tg-web": first, OTHER: second})
    try:
        plan.attributes(declared, now)
    except DeclarationError:
        assume(False)
    return declared, now


@settings(max_examples=30)  # the whole plan of a rich task definition each time
@given(cases(), OWNERS)
def test_what_is_open_is_ours_or_the_owners_and_never_both(case: tuple[plan.Declared, plan.Live], owner: str) -> None:
    ours, now = case
    theirs = dataclasses.replace(ours, owner=owner)
    assert plan.elsewhere(theirs, now) == plan.differences(ours, now, MODEL)
    assert plan.differences(theirs, now, MODEL) == plan.elsewhere(ours, now) == []
    assert plan.becoming(theirs, now, {}).attributes == now.attributes
    after = dataclasses.replace(now, attributes=plan.becoming(ours, now, {}).attributes)
    assert plan.elsewhere(theirs, after) == plan.differences(ours, after, MODEL) == []


@given(cases(), OWNERS)
def test_every_value_that_is_open_is_among_the_lines(case: tuple[plan.Declared, plan.Live], owner: str) -> None:
    declared, now = case
    open_ = plan.elsewhere(dataclasses.replace(declared, owner=owner), now)
    text = "\n".join(ownership.told(owner, open_))
    assert bool(text) == bool(open_)
    for each in open_:
        assert str(each.expected) in text
        if owner != ownership.TERRAFORM:
            assert each.path in text


def resources(attributes: dict[str, dict[str, str]]) -> dict[str, Any]:
    """A template that has these attributes of each group."""
    found: dict[str, Any] = {}
    for group in GROUPS:
        pairs = [{"Key": key, "Value": value} for key, value in attributes.get(group["TargetGroupArn"], {}).items()]
        properties = {"Name": group["TargetGroupName"], "TargetGroupAttributes": pairs}
        found[NAMES[group["TargetGroupName"]]] = {"Type": template.TYPE, "Properties": properties}
    return {"Resources": found}


def compared(text: str, wanted: dict[str, dict[str, str]], live: dict[str, dict[str, str]]) -> template.Compared:
    found, beside = template.read(text, "edge"), []
    for group in GROUPS:
        arn, name = group["TargetGroupArn"], template.resource_of(found, group["TargetGroupName"], None)
        beside.append(template.compared(group, wanted.get(arn, {}), live[arn], found[str(name)]))
    return template.together(beside)


@given(cases(), st.sampled_from([json.dumps, yaml.safe_dump]))
def test_a_template_with_the_lines_that_were_shown_is_no_drift(
    case: tuple[plan.Declared, plan.Live], dumped: Callable[[Any], str]
) -> None:
    declared, now = case
    wanted, open_ = (
        plan.attributes(declared, now),
        plan.elsewhere(dataclasses.replace(declared, owner="terraform"), now),
    )
    before = compared(dumped(resources(now.attributes)), wanted, now.attributes)
    told = {(each.resource, each.path): each.expected for each in open_ if each.actual is not None}
    assert {
        (each.resource.removeprefix("template of "), each.path): each.expected for each in before.differences
    } == told
    assert before.undeclared == []
    shown = [yaml.safe_load(each)[0] for each in template.to_write(before.differences) if each.startswith("  - ")]
    assert sorted((each["Key"], each["Value"]) for each in shown) == sorted((key[1], told[key]) for key in told)
    assert compared(dumped(resources(wanted)), wanted, now.attributes).differences == []


def test_the_table_of_the_bed_is_the_one_that_is_declared_from() -> None:
    assert set(ownership._ARGUMENTS) >= set(TARGET_GROUP.rows) - {
        each for each in TARGET_GROUP.rows if each.startswith(("waf.", "routing."))
    }
