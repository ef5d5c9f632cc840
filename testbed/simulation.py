"""IAM's SimulatePrincipalPolicy for a role with inline policies, which moto does not have.

Source: https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html. Policies of resources are
not looked at, as there.
"""

import json
from urllib.parse import unquote

from .iam import Asked, Statement, applies, checked
from .moto_calls import MotoCalls
from .wire import AwsError, Params


def simulated(moto: MotoCalls, region: str, p: Params) -> Params:
    """A result for each action and resource. Raises AwsError."""
    role = p["PolicySourceArn"].rpartition("/")[2]
    statements = _statements(moto, region, role)
    asked = [Asked(action, arn) for action in p["ActionNames"] for arn in p.get("ResourceArns", ["*"])]
    return {
        "IsTruncated": False,
        "EvaluationResults": [
            {
                "EvalActionName": each.action,
                "EvalResourceName": each.resource,
                "EvalDecision": _decision(statements, each),
                "MissingContextValues": _missing(statements, each),
            }
            for each in asked
        ],
    }


def _statements(moto: MotoCalls, region: str, role: str) -> list[Statement]:
    if moto.call("iam", region, "ListAttachedRolePolicies", RoleName=role)["AttachedPolicies"]:
        raise AwsError("InvalidAction", "The test bed does not simulate policies that are attached: inline ones only")
    found: list[Statement] = []
    for name in moto.call("iam", region, "ListRolePolicies", RoleName=role)["PolicyNames"]:
        document = moto.call("iam", region, "GetRolePolicy", RoleName=role, PolicyName=name)["PolicyDocument"]
        found += checked(json.loads(unquote(document)) if isinstance(document, str) else document)
    return found


def _decision(statements: list[Statement], asked: Asked) -> str:
    effects = {each["Effect"] for each in statements if applies(each, asked)}
    return "explicitDeny" if "Deny" in effects else "allowed" if "Allow" in effects else "implicitDeny"


def _missing(statements: list[Statement], asked: Asked) -> list[str]:
    """The context keys that statements about this action have conditions on: nobody has given one."""
    about = [each for each in statements if applies({**each, "Condition": {}}, asked)]
    return sorted({key for each in about for keys in each.get("Condition", {}).values() for key in keys})
