"""IAM's SimulatePrincipalPolicy for a role with inline policies, which moto does not have.

Source: https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html. Policies of resources are
not looked at, as there.
"""

import json
from urllib.parse import unquote

from .iam import Asked, Statement, applies, checked
from .moto_calls import MotoCalls
from .strict import reads
from .wire import AwsError, Params


class Simulation:
    """The one operation, in one region."""

    def __init__(self, moto: MotoCalls, region: str) -> None:
        self._moto, self._region = moto, region

    @reads("PolicySourceArn", "ActionNames", "ResourceArns")
    def simulate_principal_policy(self, p: Params) -> Params:
        """A result for each action and resource. Raises AwsError."""
        statements = self._statements(p["PolicySourceArn"].rpartition("/")[2])
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

    def _statements(self, role: str) -> list[Statement]:
        if self._moto.call("iam", self._region, "ListAttachedRolePolicies", RoleName=role)["AttachedPolicies"]:
            raise AwsError("InvalidAction", "The test bed does not simulate attached policies: inline ones only")
        found: list[Statement] = []
        for name in self._moto.call("iam", self._region, "ListRolePolicies", RoleName=role)["PolicyNames"]:
            got = self._moto.call("iam", self._region, "GetRolePolicy", RoleName=role, PolicyName=name)
            document = got["PolicyDocument"]
            try:
                # Of any condition key: nobody has given its value, and the answer says so.
                found += checked(json.loads(unquote(document)) if isinstance(document, str) else document, known=None)
            except ValueError as e:
                raise AwsError("InvalidAction", f"The test bed does not simulate {name} of {role}: {e}") from None
        return found


def _decision(statements: list[Statement], asked: Asked) -> str:
    effects = {each["Effect"] for each in statements if applies(each, asked)}
    return "explicitDeny" if "Deny" in effects else "allowed" if "Allow" in effects else "implicitDeny"


def _missing(statements: list[Statement], asked: Asked) -> list[str]:
    """The context keys that statements about this action have conditions on: nobody has given one."""
    about = [each for each in statements if applies({**each, "Condition": {}}, asked)]
    return sorted({key for each in about for keys in each.get("Condition", {}).values() for key in keys})
