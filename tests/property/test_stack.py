# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whatever a stack's template says of its groups: what is changed of it brings what is wanted, nothing else (C63)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import yaml
from ansible_collections.steady.ecs.plugins.module_utils.rules import stack as rules
from ansible_collections.steady.ecs.plugins.module_utils.rules import template
from hypothesis import event, given, settings
from hypothesis import strategies as st

from tests.property.test_ownership import GROUPS, NAMES

KEYS = ("deregistration_delay.timeout_seconds", "stickiness.lb_cookie.duration_seconds", "slow_start.duration_seconds")
SECONDS = st.sampled_from(["30", "60", "300", "900"])
PARAMETERS = ("First", "Second")
Answer = dict[str, Any]


@st.composite
def stacks(draw: st.DrawFn) -> tuple[rules.Stack, list[rules.Part]]:
    """A template with two groups, whose values are literals or parameters, some of which other things have too; live is
    what the stack has, but for what somebody has changed by hand."""
    values = {name: draw(SECONDS) for name in PARAMETERS}
    resources: Answer = {"Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": {"Ref": "First"}}}}
    parts = []
    for group in GROUPS:
        has = {key: draw(SECONDS | st.sampled_from(PARAMETERS)) for key in draw(st.sets(st.sampled_from(KEYS)))}
        written = {key: {"Ref": value} if value in values else draw(_written(value)) for key, value in has.items()}
        listed = [{"Key": key, "Value": value} for key, value in written.items()]
        name = NAMES[group["TargetGroupName"]]
        resources[name] = {"Type": template.TYPE, "Properties": {"Port": 80, "TargetGroupAttributes": listed}}
        live = dict.fromkeys(KEYS, "0") | {key: values.get(value, value) for key, value in has.items()}
        live |= draw(st.dictionaries(st.sampled_from(KEYS), SECONDS, max_size=1)) if draw(st.booleans()) else {}
        some = st.sampled_from(sorted(has)) if has else st.sampled_from(KEYS)
        wanted = draw(st.dictionaries(st.sampled_from(KEYS) | some, SECONDS, min_size=1))
        parts.append(rules.Part(group, wanted, live, name))
    declared = {name: {"Type": "Number", "Default": 1} for name in PARAMETERS}
    body = draw(st.sampled_from(FORMS))({"Parameters": declared, "Resources": resources})
    return rules.Stack("edge", "UPDATE_COMPLETE", body, values), draw(st.sampled_from([parts, parts[:1]]))


def _written(value: str) -> st.SearchStrategy[Any]:
    return st.sampled_from([value, int(value)])


def _dumped(**how: Any) -> Callable[[Answer], str]:
    return lambda content: "# the edge\n" + yaml.safe_dump(content, sort_keys=False, **how)


FORMS: list[Callable[[Answer], Any]] = [
    lambda content: content,
    json.dumps,
    _dumped(),
    _dumped(default_flow_style=True),
    _dumped(default_flow_style=False, default_style='"'),
    lambda content: _dumped(default_flow_style=False)(content).replace("\n", " # said\n"),
]


@settings(max_examples=120)
@given(stacks())
def test_what_is_changed_of_a_stack_brings_what_is_wanted_and_nothing_else(
    case: tuple[rules.Stack, list[rules.Part]],
) -> None:
    stack, parts = case
    edit = rules.edit(stack, parts)
    event("refused" if edit.problem else f"entries: {bool(edit.entries)}, parameters: {bool(edit.parameters)}")
    if edit.problem:
        return
    values = {**stack.parameters, **{name: after for name, (_before, after) in edit.parameters.items()}}
    after = rules.Stack("edge", "UPDATE_COMPLETE", edit.body or stack.body, values)
    wanted = {part.logical_id: part.wanted for part in edit.parts}
    assert all(part.logical_id in wanted or not part.open for part in parts), "what differs is settled"
    for group in GROUPS:
        name = NAMES[group["TargetGroupName"]]
        before, now = ({**rules.deployed(each, rules.Part(group, {}, {}, name))} for each in (stack, after))
        if name not in wanted:  # as declared, or not declared: CloudFormation touches what stays as it is in no update
            assert now == before
            continue
        live = next(part.live for part in parts if part.logical_id == name)
        for key, value in wanted.get(name, {}).items():
            assert now.get(key, live[key]) == value
        assert {key: value for key, value in now.items() if key not in wanted.get(name, {})} == {
            key: value for key, value in before.items() if key not in wanted.get(name, {})
        }
        if edit.changes:  # then the update sets all of them
            assert all(now[key] == live[key] for key in now if live and key not in wanted[name])
    assert _rest(after) == _rest(stack)


def _rest(stack: rules.Stack) -> Answer:
    content = json.loads(json.dumps(stack.content))
    for name in NAMES.values():
        content["Resources"][name]["Properties"].pop("TargetGroupAttributes")
    return dict(content)


@given(stacks())
def test_comments_and_everything_else_of_a_text_stay(case: tuple[rules.Stack, list[rules.Part]]) -> None:
    stack, parts = case
    edit = rules.edit(stack, parts)
    if edit.problem or edit.body is None or not isinstance(stack.body, str):
        return
    assert edit.body.count("#") == stack.body.count("#")
    assert len(edit.body.splitlines()) - len(stack.body.splitlines()) <= len(edit.entries)
