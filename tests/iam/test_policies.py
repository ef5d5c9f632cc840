"""docs/iam on the bed's IAM filter: each policy is enough for its playbook, and none of its actions is one too many."""

from __future__ import annotations

import os

import pytest

from tests.iam.stage import POLICIES, Policy, Stage, actions, documents, without
from tests.iam.verbs import VERBS, Plays, shifting

ALL = documents()
SAMPLE = [
    ("deploy", "ecs:UpdateService"),
    ("deploy", "iam:PassRole"),
    ("deploy", "s3:PutObject"),
    ("rollback", "elasticloadbalancing:ModifyTargetGroupAttributes"),
    ("verify", "ecs:DescribeTasks"),
    ("drift", "elasticloadbalancing:DescribeTargetGroupAttributes"),
]
"""What is tried each time; STEADY_LONG=1 tries every action of every policy."""


MORE, SHIFTED = "shifting", ("deploy", "verify", "rollback")
"""No playbook's: what deploy, rollback and verify need more for a service whose deployments shift traffic."""


UNPLAYED: dict[str, set[str]] = {
    "deploy": {"ec2:DescribeSubnets", "elasticloadbalancing:DescribeLoadBalancers"},
    "rollback": {"cloudformation:DeleteChangeSet", "cloudformation:DescribeStackEvents"},
}
"""What preflight asks of services that move to other subnets, which the bed does not have. What a rollback does about a
stack that goes wrong is what a deploy does."""


EVIDENCE = {
    *(
        (name, "logs:GetLogEvents")
        for name in ("deploy", "rollback", "restart", "stop", "continue", "run_task", "scale")
    ),
    ("stop", "ecs:DescribeTaskDefinition"),
    *(("deploy", action) for action in ("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")),
}
"""What only adds to a record (the last log lines, an image's commit): the run ends the same without it."""


def test_each_playbook_has_its_policy_and_each_policy_its_plays() -> None:
    assert {path.stem for path in (POLICIES.parents[1] / "playbooks").glob("*.yml")} | {MORE} == set(ALL)
    assert set(VERBS) | {MORE} == set(ALL)


EACH = [(name, action) for name in VERBS for action in sorted(actions(ALL[name]) - UNPLAYED.get(name, set()))]


@pytest.mark.long
@pytest.mark.parametrize("name", VERBS)
def test_a_policy_is_enough_and_no_more(stage: Stage, name: str) -> None:
    stage.may(ALL[name])
    for expected, ended in VERBS[name](stage):
        assert ended.outcome == expected, ended.text
    calls = stage.calls()
    assert not [call for call in calls if str(call.get("error", "")).startswith("AccessDenied")]
    assert {action for call in calls for action in call["actions"]} == actions(ALL[name]) - UNPLAYED.get(name, set())


def together(*policies: Policy) -> Policy:
    """One policy with the statements of all."""
    return {**policies[0], "Statement": [each for policy in policies for each in policy["Statement"]]}


@pytest.mark.long
def test_what_shifts_traffic_needs_one_policy_more_and_all_of_it(stage: Stage) -> None:
    mine, others = ALL[MORE], [ALL[name] for name in SHIFTED]
    stage.may(together(mine, *others))
    for expected, ended in shifting(stage):
        assert ended.outcome == expected, ended.text
    calls = stage.calls()
    assert not [call for call in calls if str(call.get("error", "")).startswith("AccessDenied")]
    made = {action for call in calls for action in call["actions"]}
    assert actions(mine) <= made <= actions(mine).union(*map(actions, others))


@pytest.mark.long
@pytest.mark.parametrize(("name", "action"), EACH if os.environ.get("STEADY_LONG") else SAMPLE)
def test_a_missing_action_is_named(stage: Stage, name: str, action: str) -> None:
    stage.may(without(ALL[name], action))
    _is_named(stage, VERBS[name](stage), action, (name, action) in EVIDENCE)


@pytest.mark.long
@pytest.mark.parametrize("action", sorted(actions(ALL[MORE])))
def test_a_missing_action_of_what_shifts_traffic_is_named(stage: Stage, action: str) -> None:
    others = [ALL[name] for name in SHIFTED]
    if action == "elasticloadbalancing:DescribeRules":
        others = [without(each, action) for each in others]  # it knows no resources, and deploy has it too
    stage.may(together(without(ALL[MORE], action), *others))
    _is_named(stage, shifting(stage), action, (MORE, action) in EVIDENCE)


def _is_named(stage: Stage, plays: Plays, action: str, evidence: bool) -> None:
    ends = []
    for end in plays:
        ends.append(end)
        denied = [c for c in stage.calls() if action in c["actions"] and "AccessDenied" in str(c.get("error"))]
        if denied or end[1].outcome != end[0]:
            break
    expected, ended = ends[-1]
    assert denied, "the action was never refused: who needs it?"
    if evidence:
        assert ended.outcome == expected, ended.text
    else:
        assert action in ended.text
        assert "docs/iam" in ended.text
