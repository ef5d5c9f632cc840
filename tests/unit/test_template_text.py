# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Entries in the text of a YAML template: changed where they stand, and nothing else of it (case C63)."""

from __future__ import annotations

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.rules import template_text

DURATION, DELAY = "stickiness.lb_cookie.duration_seconds", "deregistration_delay.timeout_seconds"
BLOCK = """\
# the edge
Resources:
  Web:   # what users meet
    Type: AWS::ElasticLoadBalancingV2::TargetGroup
    Properties:
      Name: !Sub "${AWS::StackName}-web"
      TargetGroupAttributes:
        # a day
        - Key: stickiness.lb_cookie.duration_seconds
          Value: 86400 # seconds
        - {Key: deregistration_delay.timeout_seconds, Value: '300'}
Outputs:
  Made: {Value: 2026-01-02}
"""


def edited(text: str, **wanted: str) -> str:
    keys = {"duration": DURATION, "delay": DELAY, "slow": "slow_start.duration_seconds"}
    return template_text.edited(text, [template_text.Entry("Web", keys[k], wanted[k]) for k in wanted])


def test_only_the_characters_of_a_value_change() -> None:
    assert edited(BLOCK, duration="60") == BLOCK.replace("86400", '"60"')
    assert edited(BLOCK, delay="5", duration="60") == BLOCK.replace("86400", '"60"').replace("'300'", '"5"')


def test_a_new_entry_comes_before_the_first_in_the_form_of_the_list() -> None:
    added = '- {Key: "slow_start.duration_seconds", Value: "30"}\n        '
    assert edited(BLOCK, slow="30") == BLOCK.replace("- Key: stick", f"{added}- Key: stick")
    flow = BLOCK.split("      TargetGroupAttributes")[0] + "      TargetGroupAttributes: [{Key: a.b, Value: 1}]\n"
    assert '[{Key: "slow_start.duration_seconds", Value: "30"}, {Key: a.b, Value: 1}]' in edited(flow, slow="30")


def test_a_group_without_attributes_gets_some() -> None:
    none = BLOCK.split("      TargetGroupAttributes")[0]
    found = edited(none, slow="30")
    assert 'TargetGroupAttributes: [{Key: "slow_start.duration_seconds", Value: "30"}]\n      Name: !Sub' in found


KIND_LINE = "Type: AWS::ElasticLoadBalancingV2::TargetGroup"
LOSSY = [
    BLOCK.replace("86400 # seconds", "|\n            86400"),
    BLOCK.replace("  Web:   # what users meet\n", "  Old: &shared\n").replace("Outputs:", "  Web: *shared\nOutputs:"),
    BLOCK.replace("86400 # seconds", "*day").replace("# the edge\n", "Metadata: &day 86400\n"),
    f"Resources:\n  Web:\n    {KIND_LINE}\n",
    f"Resources:\n  Web:\n    {KIND_LINE}\n    Properties:\n      TargetGroupAttributes: []\n",
]


@pytest.mark.parametrize("text", LOSSY)
def test_a_text_that_cannot_be_changed_without_loss_is_not_changed(text: str) -> None:
    with pytest.raises(ValueError, match="cannot be changed"):
        edited(text, duration="60")
