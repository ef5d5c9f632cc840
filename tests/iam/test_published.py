"""What docs/iam says apart from the policies themselves: the template, the table, the limits of IAM."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from tests.iam import template
from tests.iam.stage import POLICIES, actions, documents
from tests.testbed.beds import ROOT

ALL = documents()
LARGEST = 6144
"""Characters of a managed policy, white space aside (IAM quotas)."""
LONGEST = {"Partition": "aws-us-gov", "Region": "ap-southeast-1", "AccountId": "0" * 12}
README = (POLICIES / "README.md").read_text(encoding="utf-8")
NOWHERE = {"s3:DeleteObject", "ecs:CreateService", "ecs:DeleteService", "elasticloadbalancing:CreateTargetGroup"}
KNOWN = {*template.PARAMETERS, "AWS::Partition", "AWS::Region", "AWS::AccountId"}


def test_the_template_is_made_from_the_policies() -> None:
    assert template.ROLES.read_text(encoding="utf-8") == template.text(), "python -m tests.iam.template"


@pytest.mark.walk
def test_the_roles_trust_one_project() -> None:
    pattern = re.compile(template.template()["Parameters"]["Project"]["AllowedPattern"])
    assert not any(map(pattern.fullmatch, ["*", "OWNER/*", "OWNER/NA?E", "OWNER", "OWNER/NAME:ref", "OWNER/"]))
    assert all(map(pattern.fullmatch, ["my-org/my.app_2", "group/sub/project"]))


def test_the_template_is_one_for_cloudformation() -> None:
    lint = ROOT / ".venv-bed/bin/cfn-lint"  # it comes with moto
    done = subprocess.run([lint, template.ROLES], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", ALL)
def test_a_policy_keeps_within_what_iam_takes(name: str) -> None:
    text = filled = json.dumps(ALL[name])
    for placeholder, longest in LONGEST.items():
        filled = filled.replace(f"${{AWS::{placeholder}}}", longest)
    assert len(re.sub(r"\s", "", filled)) < LARGEST - 900, "names are longer than their placeholders"
    assert set(re.findall(r"\$\{([\w:]+)\}", text)) <= KNOWN
    sids = [statement["Sid"] for statement in ALL[name]["Statement"]]
    assert len(sids) == len(set(sids))
    for statement in ALL[name]["Statement"]:
        assert statement["Effect"] == "Allow"
        assert not [action for action in statement["Action"] if "*" in action]


@pytest.mark.parametrize("name", ALL)
def test_no_policy_deletes_or_creates(name: str) -> None:
    assert not actions(ALL[name]) & NOWHERE
    assert ("ecs:DeregisterTaskDefinition" in actions(ALL[name])) == (name == "prune")


CLUSTER = {
    "ArnEquals": {"ecs:cluster": "arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:cluster/${Cluster}"}
}
NO_SHELL = {"BoolIfExists": {"ecs:enable-execute-command": "false"}}
FAMILY = "arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:task-definition/${Family}:*"
LIMITED: dict[str, list[dict[str, dict[str, str]]]] = {
    "ecs:ListTasks": [CLUSTER],
    "ecs:DescribeTasks": [CLUSTER],
    "ecs:RegisterTaskDefinition": [{"Bool": {"ecs:privileged": "false"}}],
    "ecs:RunTask": [{**CLUSTER, **NO_SHELL}],
    "ecs:UpdateService": [
        {**CLUSTER, **NO_SHELL, "ArnLikeIfExists": {"ecs:task-definition": FAMILY}},
        {**CLUSTER, **NO_SHELL, "Null": {"ecs:task-definition": "true"}},
    ],
    "iam:PassRole": [
        {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
        {"StringEquals": {"iam:PassedToService": "ecs.amazonaws.com"}},
    ],
    "s3:ListBucket": [{"StringLike": {"s3:prefix": "${Prefix}/*"}}],
}
"""Conditions without which a statement would allow more than the playbook needs; a verb may have one of several."""
EVERY_CLUSTER = {("prune", "ecs:ListTasks"), ("prune", "ecs:DescribeTasks")}
"""It keeps what tasks of any cluster run."""


@pytest.mark.parametrize("name", ALL)
def test_a_statement_is_limited_by_its_conditions(name: str) -> None:
    for statement in ALL[name]["Statement"]:
        for action in LIMITED.keys() & statement["Action"]:
            if (name, action) not in EVERY_CLUSTER:
                assert statement.get("Condition") in LIMITED[action], (name, action)


def test_each_policy_belongs_to_a_role_or_a_person() -> None:
    resources = template.template()["Resources"]
    roles = [r["Properties"]["ManagedPolicyArns"] for r in resources.values() if r["Type"] == "AWS::IAM::Role"]
    given = {str(arn) for arns in roles for arn in arns}
    assert all(len(arns) <= 10 for arns in roles), "IAM attaches ten managed policies to a role"
    assert given == {template.logical(name) for name in ALL if name not in template.PERSONS}


@pytest.mark.parametrize("name", ALL)
def test_the_line_of_the_readme_fills_in_every_placeholder(name: str) -> None:
    line = README.partition("```sh\n")[2].partition(" >deploy-policy.json")[0].replace("deploy.json", f"{name}.json")
    done = subprocess.run(["sh", "-c", line], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert "${" not in done.stdout
    assert actions(json.loads(done.stdout)) == actions(ALL[name])


def test_the_table_of_the_readme_is_the_policies() -> None:
    text = README.partition("## The actions")[2].partition("##")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if "|" in line]
    head, told = rows[0][1:], {row[0]: row[1:] for row in rows[2:]}
    assert head == sorted(ALL)
    for name in head:
        marked = {action for action, cells in told.items() if cells[head.index(name)] == "x"}
        assert marked == actions(ALL[name]), name
