"""docs/iam/roles.yaml, made from the policies: `python -m tests.iam.template` writes it, and a test compares.

A policy's placeholders are CloudFormation's own (${Cluster}, ${AWS::Region}), so it is embedded as it stands.
"""

from __future__ import annotations

from typing import Any

import yaml

from tests.iam.stage import POLICIES, Policy, documents

ROLES = POLICIES / "roles.yaml"
WATCH = ("verify", "drift", "history", "status")
PERSONS = ("store", "init")  # a person's, once: no pipeline needs them
HEAD = """\
# Roles for pipelines that call Steady, without a secret of AWS's in them: docs/iam/README.md.
# Made from the policies beside it by `python -m tests.iam.template`.
#   aws cloudformation deploy --stack-name steady-pardon --template-file docs/iam/roles.yaml \\
#     --capabilities CAPABILITY_IAM --parameter-overrides Provider=GitHub Project=OWNER/NAME Cluster=... Service=...
"""
PARAMETERS: dict[str, tuple[str, str | None]] = {
    "Project": ("Where the pipelines run: OWNER/NAME at GitHub, GROUP/PROJECT at GitLab", None),
    "Environment": ("GitHub: the environment that a deploying job must have, with its reviewers", "production"),
    "Branch": ("GitLab: the branch whose pipelines may deploy; protect it", "main"),
    "ProviderArn": ("The account's OIDC provider, if there is one already; empty makes it", ""),
    "Cluster": ("Name of the cluster", None),
    "Service": ("Name of the service", None),
    "Family": ("Family of its task definitions", None),
    "TargetGroup": ("Last part of the target group's ARN: NAME/ID; none when it has none", "none"),
    "Stack": ("Name of the CloudFormation stack that owns the target group; none when Steady does", "none"),
    "TaskRole": ("Name of the tasks' role, with its path if it has one", "none"),
    "ExecutionRole": ("Name of the tasks' execution role, with its path if it has one", None),
    "BalancerRole": ("Name of the role of advancedConfiguration, where deployments shift traffic", "none"),
    "ImageRepository": ("ECR repositories of the images; * stands for any part of a name", "none"),
    "Secret": ("Names of the secrets that the tasks get, as in pardon/*", "none"),
    "LogGroup": ("Log group of the tasks", "none"),
    "Bucket": ("Bucket of the releases", None),
    "Prefix": ("Its prefix", "steady"),
}
HOSTS = {"GitHub": "token.actions.githubusercontent.com", "GitLab": "gitlab.com"}
PROJECT = r"[\w.-]+(/[\w.-]+)+"
"""One whole name: the watching roles compare it as a pattern, and with a star in it they would trust other projects."""
AUDIENCES = {"GitHub": "sts.amazonaws.com", "GitLab": "https://gitlab.com"}
DEPLOYING = {
    "GitHub": "repo:${Project}:environment:${Environment}",
    "GitLab": "project_path:${Project}:ref_type:branch:ref:${Branch}",
}
WATCHING = {"GitHub": "repo:${Project}:*", "GitLab": "project_path:${Project}:*"}


class Tagged(str):
    """A text with a tag of CloudFormation's."""

    tag = ""


class Sub(Tagged):
    """!Sub: placeholders are filled in."""

    tag = "!Sub"


class Ref(Tagged):
    """!Ref"""

    tag = "!Ref"


class Dumper(yaml.SafeDumper):
    """Writes the tags, and no aliases: each policy is read on its own."""

    def ignore_aliases(self, data: Any) -> bool:
        """Always."""
        return True


def _tagged(dumper: Dumper, value: Tagged) -> yaml.Node:
    return dumper.represent_scalar(value.tag, str(value))


Dumper.add_representer(Sub, _tagged)
Dumper.add_representer(Ref, _tagged)


def substituted(value: Any) -> Any:
    """The value with !Sub before each text that has a placeholder."""
    if isinstance(value, dict):
        return {key: substituted(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [substituted(inner) for inner in value]
    return Sub(value) if isinstance(value, str) and "${" in value else value


def logical(name: str) -> str:
    """`run_task` as the logical name of its policy: RunTaskPolicy."""
    return "".join(part.title() for part in name.split("_")) + "Policy"


def _policy(name: str, document: Policy) -> Policy:
    properties = {"Description": f"docs/iam/{name}.json of Steady", "PolicyDocument": substituted(document)}
    return {"Type": "AWS::IAM::ManagedPolicy", "Properties": properties}


def _role(provider: str, operator: str, subject: str, names: list[str]) -> Policy:
    host = HOSTS[provider]
    trust = {
        "Effect": "Allow",
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Principal": {"Federated": {"Fn::If": ["HasProvider", Ref("ProviderArn"), Ref(f"{provider}Provider")]}},
        "Condition": {"StringEquals": {f"{host}:aud": AUDIENCES[provider]}},
    }
    trust["Condition"].setdefault(operator, {})[f"{host}:sub"] = Sub(subject)
    properties = {
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
        "ManagedPolicyArns": [Ref(logical(name)) for name in names],
    }
    return {"Type": "AWS::IAM::Role", "Condition": f"At{provider}", "Properties": properties}


def template() -> Policy:
    """The whole template."""
    policies = documents()
    deploying = [name for name in policies if name not in (*WATCH, *PERSONS)]
    parameters: Policy = {"Provider": {"Type": "String", "AllowedValues": list(HOSTS)}}
    for name, (description, default) in PARAMETERS.items():
        given = {} if default is None else {"Default": default}
        given |= {"AllowedPattern": PROJECT} if name == "Project" else {}
        parameters[name] = {"Type": "String", "Description": description, **given}
    resources: Policy = {logical(name): _policy(name, document) for name, document in policies.items()}
    outputs: Policy = {}
    for provider, host in HOSTS.items():
        made = {"Url": f"https://{host}", "ClientIdList": [AUDIENCES[provider]]}
        resources |= {
            f"{provider}Provider": {
                "Type": "AWS::IAM::OIDCProvider", "Condition": f"Makes{provider}", "Properties": made,
            },
            f"{provider}Deploys": _role(provider, "StringEquals", DEPLOYING[provider], deploying),
            f"{provider}Watches": _role(provider, "StringLike", WATCHING[provider], list(WATCH)),
        }  # fmt: skip
        for role in ("Deploys", "Watches"):
            arn = {"Fn::GetAtt": [f"{provider}{role}", "Arn"]}
            outputs[f"{provider}{role}Arn"] = {"Condition": f"At{provider}", "Value": arn}
    conditions: Policy = {"HasProvider": {"Fn::Not": [{"Fn::Equals": [Ref("ProviderArn"), ""]}]}}
    for provider in HOSTS:
        conditions[f"At{provider}"] = {"Fn::Equals": [Ref("Provider"), provider]}
        absent = {"Fn::Not": [{"Condition": "HasProvider"}]}
        conditions[f"Makes{provider}"] = {"Fn::And": [{"Condition": f"At{provider}"}, absent]}
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "Roles for the pipelines of one ECS service that is released with Steady",
        "Parameters": parameters,
        "Conditions": conditions,
        "Resources": resources,
        "Outputs": outputs,
    }


def text() -> str:
    """It as YAML."""
    return HEAD + "---\n" + yaml.dump(template(), Dumper=Dumper, sort_keys=False, width=118)


if __name__ == "__main__":
    ROLES.write_text(text(), encoding="utf-8")
