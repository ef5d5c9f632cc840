# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether the execution role may read the secrets and parameters of a revision, as IAM's simulator says.

ECS's agent reads them with that role before it starts a container ("Amazon ECS task execution IAM role", Amazon ECS
developer guide). The simulator knows the role's own policies, its boundary and the organization's, and not the policy
of a secret (API reference, SimulatePrincipalPolicy): what that may allow is not called forbidden. Nor is the key asked
about that encrypts them.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules import runnable
from ansible_collections.steady.ecs.plugins.module_utils.rules.checks import Check, check, not_checked
from ansible_collections.steady.ecs.plugins.module_utils.rules.looks import name_of

Answer = dict[str, Any]

SECRET, PARAMETER = "secretsmanager:GetSecretValue", "ssm:GetParameters"
EXPECTED = "readable by the execution role"
NAME = "secrets and the execution role"


def wanted(content: Answer, account: str, region: str) -> dict[str, tuple[str, list[str]]]:
    """By the ARN of each secret and parameter of this account and Region, the action that reads it and who needs it."""
    role = str(content.get("executionRoleArn") or "")
    if not role.startswith("arn:") or role.split(":")[4] != account:
        return {}
    partition, needs = role.split(":")[1], runnable.needs(content)
    found: dict[str, tuple[str, list[str]]] = {}
    for named, who in needs.secrets.items():
        if not runnable.elsewhere(named, account, region):
            found[named] = (SECRET, who)
    for named, who in needs.parameters.items():
        if not runnable.elsewhere(named, account, region):
            arn = f"arn:{partition}:ssm:{region}:{account}:parameter/{named.lstrip('/')}"
            found[named if named.startswith("arn:") else arn] = (PARAMETER, who)
    return found


def decisions(results: list[Answer]) -> dict[tuple[str, str], tuple[str, list[str]]]:
    """By action and resource, what the simulator decided and which context it did not know."""
    found = {}
    for each in results:
        specific = each.get("ResourceSpecificResults") or [{**each, "EvalResourceDecision": each["EvalDecision"]}]
        for one in specific:
            missing = list(one.get("MissingContextValues") or [])
            found[each["EvalActionName"], one.get("EvalResourceName", "*")] = (one["EvalResourceDecision"], missing)
    return found


def judged(arn: str, action: str, who: list[str], role: str, decided: tuple[str, list[str]] | None) -> Check:
    """Whether one secret or parameter can be read."""
    name = f"right to read {runnable.short(arn)}"
    if decided is None:
        return not_checked(name, EXPECTED, "IAM's simulator said nothing of it")
    decision, missing = decided
    if decision != "allowed" and missing:
        return not_checked(name, EXPECTED, f"it depends on {', '.join(missing)}, which only the call itself has")
    if decision == "implicitDeny" and action == SECRET:
        why = f"no policy of {name_of(role)} allows {action}; the secret's own policy may"
        return not_checked(name, EXPECTED, why)
    found = {"allowed": EXPECTED, "explicitDeny": f"a policy denies {action}"}.get(decision, f"nothing allows {action}")
    return check(
        name,
        EXPECTED,
        found,
        decision == "allowed",
        f"{', '.join(who)} could not be started (ResourceInitializationError). Let {name_of(role)} call "
        f"{action} on {arn}.",
    )
