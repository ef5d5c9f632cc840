"""docs/iam on the bed's IAM filter: each policy is enough for its playbook, and none of its actions is one too many."""

from __future__ import annotations

import os

import pytest

from tests.iam.stage import POLICIES, Stage, actions, documents, without
from tests.iam.verbs import VERBS

ALL = documents()
EACH = [(name, action) for name in VERBS for action in sorted(actions(ALL[name]))]
SAMPLE = [
    ("deploy", "ecs:UpdateService"),
    ("deploy", "iam:PassRole"),
    ("deploy", "s3:PutObject"),
    ("rollback", "elasticloadbalancing:ModifyTargetGroupAttributes"),
    ("verify", "ecs:DescribeTasks"),
    ("drift", "elasticloadbalancing:DescribeTargetGroupAttributes"),
]
"""What is tried each time; STEADY_LONG=1 tries every action of every policy."""


UNPROVEN = {"continue"}
"""The bed runs no deployment that pauses, so this policy is only compared with that of `stop`, which does the same."""


def test_each_playbook_has_its_policy_and_each_policy_its_plays() -> None:
    assert {path.stem for path in (POLICIES.parents[1] / "playbooks").glob("*.yml")} == set(ALL)
    assert set(VERBS) | UNPROVEN == set(ALL)
    stop, answer = actions(ALL["stop"]), actions(ALL["continue"])
    assert answer - stop == {"ecs:ContinueServiceDeployment"}
    assert stop - answer == {"ecs:StopServiceDeployment"}


@pytest.mark.parametrize("name", VERBS)
def test_a_policy_is_enough_and_no_more(stage: Stage, name: str) -> None:
    stage.may(ALL[name])
    for expected, ended in VERBS[name](stage):
        assert ended.outcome == expected, ended.text
    calls = stage.calls()
    assert not [call for call in calls if str(call.get("error", "")).startswith("AccessDenied")]
    assert {action for call in calls for action in call["actions"]} == actions(ALL[name])


@pytest.mark.parametrize(("name", "action"), EACH if os.environ.get("STEADY_LONG") else SAMPLE)
def test_a_missing_action_is_named(stage: Stage, name: str, action: str) -> None:
    stage.may(without(ALL[name], action))
    for _expected, ended in VERBS[name](stage):
        denied = [c for c in stage.calls() if action in c["actions"] and "AccessDenied" in str(c.get("error"))]
        if denied or ended.status:
            break
    assert denied, "the action was never refused: who needs it?"
    assert action in ended.text
    assert "docs/iam" in ended.text
    assert ended.status != 0 or "not checked" in ended.text, ended.text
