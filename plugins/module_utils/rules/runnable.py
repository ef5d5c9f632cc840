# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a revision needs to start a task, and whether it is still there: images, secrets, roles, log groups, itself.

An image that a lifecycle policy deleted is otherwise met in the middle of an emergency (case C67). Only that
something is there is asked, never what a secret or a parameter says.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules import images
from ansible_collections.steady.ecs.plugins.module_utils.rules.checks import Check, check, not_checked
from ansible_collections.steady.ecs.plugins.module_utils.rules.looks import name_of

Answer = dict[str, Any]

THERE, GONE = "there", "it is gone"
RESTORE_IT = "Without it no task can start: bring it back, or choose what needs it no more."
ACTIVE, INACTIVE = "ACTIVE", "INACTIVE"
TASKS = "ecs-tasks.amazonaws.com"
TRUST = f"there, and {TASKS} may assume it"
"""A task's roles are assumed by the service principal of tasks ("Amazon ECS task execution IAM role" and "Amazon ECS
task IAM role", Amazon ECS developer guide)."""
ROLES = (("taskRoleArn", "the task's role"), ("executionRoleArn", "the execution role"))
ASSUMING = {"sts:assumerole", "sts:*", "*"}
SECRET_PARTS = 7
"""Of a secret's ARN; what follows names a key, a stage or a version inside the secret."""


@dataclass
class Needs:
    """By what is needed, the containers that need it."""

    images: dict[str, list[str]] = field(default_factory=dict)
    """In Amazon ECR only: of others nothing can be asked."""
    secrets: dict[str, list[str]] = field(default_factory=dict)
    """ARNs of AWS Secrets Manager."""
    parameters: dict[str, list[str]] = field(default_factory=dict)
    """Names or ARNs of Systems Manager's Parameter Store."""
    roles: dict[str, list[str]] = field(default_factory=dict)
    """Names or ARNs; what needs them is the task, or the agent that starts it."""
    log_groups: dict[str, list[str]] = field(default_factory=dict)
    """``REGION NAME`` of those that the driver awslogs writes to and does not create."""

    def any(self) -> bool:
        """Whether anything is needed."""
        return any(getattr(self, each.name) for each in fields(self))

    def without(self, other: Needs) -> Needs:
        """What is needed here and not there."""
        kinds = ((getattr(self, each.name), getattr(other, each.name)) for each in fields(self))
        return Needs(*({name: who for name, who in own.items() if name not in known} for own, known in kinds))


def needs(content: Answer, pins: dict[str, str] | None = None) -> Needs:
    """What a revision's content needs. ``pins``: container to the image that it is given instead of its own."""
    found = Needs()
    for container in content.get("containerDefinitions", []):
        name = str(container.get("name", ""))
        image = (pins or {}).get(name) or str(container.get("image", ""))
        if images.reference(image).ecr:
            found.images.setdefault(image, []).append(name)
        for source in sources(container):
            _sort(found, source, name)
    return found


def ground(content: Answer) -> Needs:
    """The roles and log groups of a revision's content. They are asked about before a release only, for that takes
    rights which the watching playbooks do without."""
    found = Needs()
    for key, purpose in ROLES:
        if content.get(key):
            found.roles.setdefault(str(content[key]), []).append(purpose)
    for container in content.get("containerDefinitions", []):
        if group := _log_group(container):
            found.log_groups.setdefault(group, []).append(str(container.get("name", "")))
    return found


def parameter_names(source: str) -> list[str]:
    """The names that a parameter may have, from how a container names it: an ARN drops a leading slash."""
    if not source.startswith("arn:"):
        return [source]
    name = source.split(":", 5)[5].removeprefix("parameter/")
    return [f"/{name}"] if "/" in name else [name, f"/{name}"]


def elsewhere(named: str, account: str, region: str) -> str:
    """Why a secret or parameter is not asked about: it is of another account, or of a Region with an API of its own.
    Empty when it is asked."""
    parts = named.split(":")
    if not named.startswith("arn:") or (parts[3], parts[4]) == (region, account):
        return ""
    return f"it is in {parts[3]}, account {parts[4]}"


def image(name: str, containers: list[str], digest: str | None) -> Check:
    """Whether the registry has an image. ``digest``: what it answered; None: the image or its repository is gone."""
    return check(
        f"image {name}",
        "in its registry",
        "in its registry" if digest else GONE,
        bool(digest),
        f"{_who(containers)} could not be started (CannotPullContainerError). Push it again, or choose another.",
    )


def source(name: str, containers: list[str], there: bool) -> Check:
    """Whether a secret or a parameter exists."""
    return check(
        f"secret {short(name)}",
        THERE,
        THERE if there else GONE,
        there,
        f"{_who(containers)} could not be started (ResourceInitializationError). {RESTORE_IT}",
    )


def role(named: str, purposes: list[str], found: Answer | None) -> Check:
    """Whether a role can be a task's. ``found``: what IAM answers of the role; None: there is none of that name."""
    there = "it does not exist"
    if found is not None:
        lets_in = sorted(trusted(found.get("AssumeRolePolicyDocument") or {}))
        there = TRUST if TASKS in lets_in else f"its trust policy lets in {', '.join(lets_in) or 'no service'}"
        if named.startswith("arn:") and found["Arn"] != named:
            there = f"the role of that name is {found['Arn']}"  # ECS is given the path too
    return check(
        f"role {name_of(named)}",
        TRUST,
        there,
        there == TRUST,
        f"It is {' and '.join(purposes)}, without which no task can start. Create it, name another, or "
        f"let {TASKS} assume it in its trust policy.",
    )


def log_group(named: str, containers: list[str], there: bool) -> Check:
    """Whether a log group exists: the driver awslogs does not create it unless it is told to."""
    return check(
        f"log group {named.partition(' ')[2]}",
        THERE,
        THERE if there else GONE,
        there,
        f"{_who(containers)} could not be started. Create it (`aws logs create-log-group`), or declare the log option "
        'awslogs-create-group: "true", for which the execution role needs logs:CreateLogGroup.',
    )


def unknown(name: str, why: str) -> Check:
    """Something that could not be asked about."""
    return not_checked(short(name), THERE, why)


def revision(arn: str, status: str | None) -> Check:
    """Whether a revision's content can still be had. ``status``: None when AWS does not know the revision any more.

    Of an INACTIVE one the same content is registered again; one that is being deleted is as good as gone.
    """
    usable = status in (ACTIVE, INACTIVE)
    found = "ACTIVE" if status == ACTIVE else "INACTIVE, so its content is registered again under a new number"
    return check(
        f"revision {name_of(arn)}",
        "known to ECS",
        found if usable else f"{status or 'it does not exist any more'}",
        usable,
        "A deleted task definition cannot be brought back.",
    )


def can_run(found: list[Check]) -> bool:
    """Whether nothing that a release needs is known to be missing."""
    return all(each["ok"] is not False for each in found)


def nearest(wanted: int, able: int | None, tried: int) -> str:
    """What to type when the chosen release cannot run. ``able``: the nearest that can; ``tried``: how many were."""
    if able is not None:
        return f"Release {wanted} cannot run. The nearest that can is release {able}: -e rollback_to={able}."
    others = f"nor can any of the {tried} releases nearest to it" if tried else "and no other release is on record"
    return f"Release {wanted} cannot run, {others}: bring back what is missing, or deploy what can run."


def _log_group(container: Answer) -> str:
    log = container.get("logConfiguration") or {}
    options = log.get("options") or {}
    if log.get("logDriver") != "awslogs" or str(options.get("awslogs-create-group", "")).lower() == "true":
        return ""
    group = options.get("awslogs-group")
    return f"{options.get('awslogs-region') or ''} {group}" if group else ""


def trusted(policy: Answer) -> set[str]:
    """The services that a trust policy lets assume the role. Its conditions are not weighed."""
    found: set[str] = set()
    for statement in _listed(policy.get("Statement")):
        actions = {str(each).lower() for each in _listed(statement.get("Action"))}
        principal = statement.get("Principal")
        if statement.get("Effect") == "Allow" and actions & ASSUMING and isinstance(principal, dict):
            found |= {str(each) for each in _listed(principal.get("Service"))}
    return found


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def sources(container: Answer) -> Iterator[str]:
    """Where a container's secrets come from, as it names them."""
    listed = [*(container.get("secrets") or [])]
    listed += (container.get("logConfiguration") or {}).get("secretOptions") or []
    yield from (str(each.get("valueFrom", "")) for each in listed)
    yield str((container.get("repositoryCredentials") or {}).get("credentialsParameter") or "")


def _sort(found: Needs, named: str, container: str) -> None:
    if not named:
        return
    parts = named.split(":")
    if named.startswith("arn:") and len(parts) > 5 and parts[2] == "secretsmanager":
        kind, key = found.secrets, ":".join(parts[:SECRET_PARTS])
    else:
        kind, key = found.parameters, named
    if container not in kind.setdefault(key, []):
        kind[key].append(container)


def _who(containers: list[str]) -> str:
    return f"container {containers[0]}" if len(containers) == 1 else f"containers {', '.join(containers)}"


def short(name: str) -> str:
    """An ARN without its partition, service, Region and account; any other name as it is."""
    return name.split(":", 5)[5] if name.startswith("arn:") and name.count(":") > 4 else name
