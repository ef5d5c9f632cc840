# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The checks before the first write: identity, how the parts hang together, and whether the declaration can be meant.

Everything that is wrong is found at once; only a wrong identity ends the questions, for what another account answers
about a service of the same name is of no use (case C94).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules import (
    connect,
    fence,
    images,
    looks,
    plan,
    redact,
    settings,
    strategies,
    task_definition,
    wording,
)
from ansible_collections.steady.ecs.plugins.module_utils.rules.checks import Check, check, not_checked
from ansible_collections.steady.ecs.plugins.module_utils.rules.task_definition_shape import Model

Answer = dict[str, Any]

ROLES = ("taskRoleArn", "executionRoleArn")
READING = "a role with the rights of docs/iam/deploy.json (before a rollback: docs/iam/rollback.json)"


def identity(account: str, region: str, caller: Answer, client_region: str, declared: plan.Declared) -> list[Check]:
    """Whether credentials, client and declared ARNs belong to the declared account and Region, before more is asked.

    ``caller`` is the answer of sts:GetCallerIdentity.
    """
    remedy = (
        f"The credentials are those of {caller['Arn']}. Set service_profile or AWS_PROFILE to one of account "
        f"{account}, or correct service_account."
    )
    if not re.fullmatch(r"\d{12}", account):
        # YAML takes digits for a number: leading zeros go, and 0o-like ones change.
        remedy = f'An account id has twelve digits. Quote it in the inventory: service_account: "{caller["Account"]}".'
    found = [check("account", account, caller["Account"], caller["Account"] == account, remedy)]
    found.append(
        check(
            "Region",
            region,
            client_region,
            region == client_region,
            "Correct service_region, or the Region of the profile.",
        )
    )
    arns = list(_declared_arns(declared))
    if arns:
        found.append(_place("account and Region of what is declared", arns, account, region, _partition(caller["Arn"])))
    return found


def place(account: str, region: str, live: plan.Live, caller_arn: str | None = None) -> Check:
    """Whether every ARN of the service lies in the declared account and Region, and in the caller's partition."""
    answer = live.service
    named = [answer["serviceArn"], answer.get("clusterArn"), answer.get("taskDefinition"), *_group_arns(answer)]
    arns = [each for each in named if each]
    return _place("account and Region of all parts", arns, account, region, _partition(caller_arn or arns[0]))


def service(live: plan.Live, declared: plan.Declared) -> list[Check]:
    """Whether the service is one that a release can be made of (cases C36, C40, C60)."""
    answer = live.service
    controller = looks.controller(answer)
    strategy = (answer.get("deploymentConfiguration") or {}).get("strategy", "ROLLING")
    configuration = declared.settings.get("deploymentConfiguration")
    becomes = (configuration.get("strategy") if isinstance(configuration, dict) else None) or strategy
    return [
        check(
            "service status",
            "ACTIVE",
            answer["status"],
            answer["status"] == "ACTIVE",
            "The service is being deleted, so it starts no tasks: create it again, or correct service_name.",
        ),
        check(
            "deployment controller",
            "ECS",
            controller,
            controller == "ECS",
            looks.deployed_otherwise(controller),
        ),
        check(
            "deployment strategy",
            f"one of {', '.join(strategies.STRATEGIES)}",
            becomes,
            becomes in strategies.STRATEGIES,
            "Deploy it with `aws ecs update-service`, or declare one of these as "
            "rollout_settings.deploymentConfiguration.strategy.",
        ),
    ]


def count(live: plan.Live, declared: plan.Declared) -> Check:
    """Whether any task will run: of a service that is scaled to 0 nothing could be verified, if that is not meant."""
    desired, wanted = live.service.get("desiredCount", 0), declared.settings.get("desiredCount")
    return check(
        "desired count",
        "1 or more, or a declared 0",
        desired if wanted is None else f"{wanted}, declared",
        wanted is not None or desired > 0,
        "The service is scaled to 0, so a deployment would run nothing. Scale it first, or declare "
        "rollout_settings.desiredCount.",
    )


def counts(declared: plan.Declared, verified: int | None) -> Iterator[Check]:
    """Whether the count that is set is the one that is verified: else each release would be rolled back for it."""
    wanted = settings.declared_count(declared.settings)
    if wanted is not None and verified is not None:
        yield check(
            "declared counts",
            f"health_desired_count {wanted}, as rollout_settings.desiredCount",
            f"health_desired_count {verified}",
            wanted == verified,
            "The verification could not hold: give both the same number, or leave one of them out.",
        )


def balancing(live: plan.Live) -> Iterator[Check]:
    """Whether container, port, target group and listener hang together (case C29)."""
    there = {each["TargetGroupArn"]: each for each in live.groups}
    ports = wording.ports(live.definition)
    for entry in live.service.get("loadBalancers", []):
        arn = entry.get("targetGroupArn")
        if not arn:
            continue
        group, name = there.get(arn), looks.group_name(arn)
        used = bool(group and group.get("LoadBalancerArns"))
        yield check(
            f"target group {name}",
            "exists, and a listener rule forwards to it",
            "as expected" if used else "it is deleted" if group is None else "no listener rule forwards to it",
            used,
            "ECS could not register tasks in it: restore the group or the rule, or give the service another group.",
        )
        wanted = wording.entry_port(entry)
        if live.definition:
            yield check(
                f"container and port of {name}",
                wanted,
                wanted if wanted in ports else sorted(ports),
                wanted in ports,
                "The live revision maps no such port: correct the load-balancer entry of the service.",
            )


def declaration(
    declared: plan.Declared, verification: wording.Verification, live: plan.Live, model: Model, going_back: bool
) -> list[Check]:
    """Whether the declaration can be meant: names, types, ranges, containers that exist. All that is wrong, at once."""
    expected = "names and values that can be meant"
    if going_back:
        return [not_checked("declaration", expected, "a rollback uses a release, not the inventory")]
    return [
        check(f"declared {name}", expected, problems or "as expected", not problems, "Correct it in the inventory.")
        for name, problems in wording.problems(declared, live, model, verification).items()
    ]


def under_way(
    declared: plan.Declared, live: plan.Live, model: Model, going_back: bool, left: Answer | None = None
) -> Check:
    """Whether somebody else's deployment is in progress. One of the declared content is ours to resume; one of a
    release that a run has ``left``, open or failed, is for who takes its lease, be it ECS on its way back from it."""
    primary = looks.primary(live.service)
    name, busy = "other deployment", primary.get("rolloutState") == "IN_PROGRESS"
    if not busy:
        return check(name, "none in progress", "none in progress", True)
    began = primary.get("createdAt")
    since = f", since {began:%Y-%m-%d %H:%M:%S %Z}" if began else ""
    found = f"{primary.get('id')} of {looks.name_of(primary.get('taskDefinition'))} in progress{since}"
    if going_back:
        return check(name, "none, or one that the rollback replaces", found, True)
    if left is not None and fence.is_of(left, live.service):
        return check(name, "none, or one of our own releases", f"{found}, of release {left['seq']}", True)
    known = bool(live.definition) and not any(wording.problems(declared, live, model).values())
    ours = known and not plan.differences(declared, live, model)
    return check(
        name,
        "none in progress, or one of what is declared, which is watched to its end",
        found,
        ours,
        "Somebody is deploying something else. Wait until it has ended and run the same command again, or stop it: the "
        "rollback playbook goes back to the last proven release.",
    )


def findings(live: plan.Live) -> list[str]:
    """What is no reason to refuse, and should be known."""
    found = []
    if live.definition.get("status", "ACTIVE") != "ACTIVE":
        found.append(
            f"The live revision {looks.name_of(live.service['taskDefinition'])} is INACTIVE: UpdateService does not "
            "take it any more, so going back to it needs a new revision of the same content."
        )
    if str(live.service["serviceArn"]).count("/") < 2:
        found.append(
            "The ARN of the service has the old, short form, so its tags cannot be changed; releases are not affected. "
            "It gets a long one when it is created again (Amazon ECS developer guide, long ARN format)."
        )
    return found


def not_kept(declared: Answer, live: plan.Live) -> list[str]:
    """What a release that declares these settings may change, and no way back brings back."""
    now = redact.recorded(redact.LOGGING, settings.live_value(redact.LOGGING, live.service))
    if connect.NAME not in declared or not redact.is_withheld(now):
        return []
    return [
        f"There would be no way back for {redact.LOGGING}: an option of it may be a secret, so no record keeps it. A "
        "rollback leaves it as this release makes it."
    ]


def session(left: float | None, wait: int) -> list[str]:
    """Whether the credentials may end while the rollout is watched (case C78). Both in seconds."""
    if left is None or left >= wait:
        return []
    return [
        f"The credentials end in {max(left, 0) / 60:.0f} min, and a rollout may be watched for {wait / 60:.0f} min. "
        "Log in again first, or renew them meanwhile where they came from: they are read anew when they have ended. "
        "Otherwise the run stops, the deployment goes on, and the same command resumes it."
    ]


def movable(declared: plan.Declared) -> list[str]:
    """What is declared by a tag: the same declaration may bring another image tomorrow (case C68)."""
    content = task_definition.content_images(declared.changes, declared.definition)
    named = [*declared.images.values(), *content.values()]
    tags = sorted({str(each) for each in named if each and not images.digest_of(str(each))})
    if not tags:
        return []
    return [
        f"{', '.join(tags)}: a tag can be moved, so the same declaration may bring another image later. The record "
        "keeps the digest that runs, and a rollback is held to it. Name the image by digest, or set "
        "rollout_pin_images: true (Amazon ECR)."
    ]


def in_clear(content: Answer) -> list[str]:
    """Environment variables that are named like a secret. Their values stand in clear in each revision, for whoever may
    describe it (Amazon ECS developer guide, passing sensitive data to a container)."""
    names = sorted(
        f"{variable['name']} of {container.get('name')}"
        for container in content.get("containerDefinitions") or []
        for variable in container.get("environment") or []
        if redact.names_secret(str(variable.get("name"))) and variable.get("value")
    )
    if not names:
        return []
    return [
        f"{', '.join(names)}: named like a secret, and a plain environment variable, which everybody reads who may "
        "describe the task definition. Put it into Secrets Manager or Parameter Store, and name it under the "
        "container's secrets."
    ]


def moved(pins: dict[str, str]) -> list[str]:
    """Tags that mean another image than the one that runs. ``pins``: by container, that one by its digest."""
    return [
        f"The tag of {container}'s image was moved since its tasks were started: this deployment brings the new "
        f"content, whatever else it changes. To keep what runs: rollout_images: {{{container}: {image}}}."
        for container, image in pins.items()
    ]


def unread(name: str, message: str) -> Check:
    """A part of the service that AWS does not let us read."""
    return check(name, "an answer", message, False, f"Use {READING}.")


def _declared_arns(declared: plan.Declared) -> Iterator[str]:
    yield from (str(each) for each in (declared.target_group, *declared.attributes_of) if str(each).startswith("arn:"))
    for entry in wording.entries(declared.settings):
        yield from (each for each in looks.groups_of(entry) if each.startswith("arn:"))
    for content in (declared.changes, declared.definition):
        for role in ROLES:
            if str(content.get(role) or "").startswith("arn:"):
                yield str(content[role])


def _place(name: str, arns: list[str], account: str, region: str, partition: str) -> Check:
    # The ARN of a role has no Region.
    parts = {arn: [*arn.split(":"), *[""] * 4] for arn in arns}
    elsewhere = sorted(
        arn for arn, part in parts.items() if part[1] != partition or part[4] != account or part[3] not in ("", region)
    )
    return check(
        name,
        f"{account}, {region}",
        elsewhere or f"{account}, {region}",
        not elsewhere,
        "Correct service_account, service_region or this ARN: a service and its parts share account and Region.",
    )


def _partition(arn: str) -> str:
    return arn.split(":")[1]


def _group_arns(answer: Answer) -> list[str]:
    return [each["targetGroupArn"] for each in answer.get("loadBalancers", []) if each.get("targetGroupArn")]
