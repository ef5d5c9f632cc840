"""docs/iam on the bed's IAM filter: each policy is enough for its playbook, and none of its actions is one too many."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from tests.iam.stage import CLUSTER, POLICIES, Policy, Stage, actions, documents, without
from tests.iam.verbs import VERBS, Plays, gated, promoted, shifting

ALL = documents()
SAMPLE = [
    ("deploy", "ecs:UpdateService"),
    ("deploy", "iam:PassRole"),
    ("deploy", "s3:PutObject"),
    ("rollback", "elasticloadbalancing:ModifyTargetGroupAttributes"),
    ("verify", "ecs:DescribeTasks"),
    ("drift", "elasticloadbalancing:DescribeTargetGroupAttributes"),
]
"""What is tried each time, the first every day; STEADY_LONG=1 tries every action of every policy."""


MORE = "shifting"
"""No playbook's."""


BESIDE: dict[str, tuple[Callable[[Stage], Plays], tuple[str, ...], set[str]]] = {
    MORE: (shifting, ("deploy", "rollback"), actions(ALL[MORE])),
    "run_task": (gated, ("deploy",), {"ecs:RunTask", "ecs:TagResource"}),
    "drift": (promoted, ("verify",), {"s3:GetObject", "s3:ListBucket"}),
}
"""Policies that others need beside them: for which plays, which others, and what of it these do not have themselves."""


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


EACH = [(name, action) for name in VERBS for action in sorted(actions(ALL[name]))]


@pytest.mark.walk
@pytest.mark.parametrize("name", VERBS)
def test_a_policy_is_enough_and_no_more(stage: Stage, name: str) -> None:
    stage.may(ALL[name])
    for expected, ended in VERBS[name](stage):
        assert ended.outcome == expected, ended.text
    calls = stage.calls()
    assert not [call for call in calls if str(call.get("error", "")).startswith("AccessDenied")]
    assert {action for call in calls for action in call["actions"]} == actions(ALL[name])


@pytest.mark.walk
@pytest.mark.parametrize("name", ["deploy", "rollback", "status", "scale"])
def test_a_service_that_was_deleted_is_the_finding_though_no_policy_may_list_services(stage: Stage, name: str) -> None:
    stage.ecs.delete_service(cluster=CLUSTER, service=stage.name, force=True)
    stage.may(ALL[name])
    ended = stage.play(name, scale_count=2)
    assert f"no active service {stage.name}" in " ".join(ended.text.split()), ended.text


def together(*policies: Policy) -> Policy:
    """One policy with the statements of all."""
    return {**policies[0], "Statement": [each for policy in policies for each in policy["Statement"]]}


@pytest.mark.walk
@pytest.mark.parametrize("name", BESIDE)
def test_a_policy_beside_others_is_enough_and_needed(stage: Stage, name: str) -> None:
    plays, others, needed = BESIDE[name]
    stage.may(together(ALL[name], *(ALL[each] for each in others)))
    for expected, ended in plays(stage):
        assert ended.outcome == expected, ended.text
    calls = stage.calls()
    assert not [call for call in calls if str(call.get("error", "")).startswith("AccessDenied")]
    assert needed <= {action for call in calls for action in call["actions"]}


DAILY, *WALKED = SAMPLE
TRIED = EACH if os.environ.get("STEADY_LONG") else [DAILY, *(pytest.param(*e, marks=pytest.mark.walk) for e in WALKED)]


@pytest.mark.parametrize(("name", "action"), TRIED)
def test_a_missing_action_is_named(stage: Stage, name: str, action: str) -> None:
    stage.may(without(ALL[name], action))
    _is_named(stage, VERBS[name](stage), action, (name, action) in EVIDENCE)


@pytest.mark.walk
@pytest.mark.parametrize(("name", "action"), [(name, each) for name in BESIDE for each in sorted(BESIDE[name][2])])
def test_a_missing_action_of_a_policy_beside_others_is_named(stage: Stage, name: str, action: str) -> None:
    plays, others = BESIDE[name][0], [ALL[each] for each in BESIDE[name][1]]
    if action == "elasticloadbalancing:DescribeRules":
        others = [without(each, action) for each in others]  # it knows no resources, and deploy has it too
    stage.may(together(without(ALL[name], action), *others))
    _is_named(stage, plays(stage), action, (name, action) in EVIDENCE)


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
