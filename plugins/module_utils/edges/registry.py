# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether what a task needs to start is there: images in Amazon ECR, secrets, parameters, roles, log groups.

Only asked, never read.

A right that is missing makes a check that was not made, for it says nothing about what would start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import reads, waits
from ansible_collections.steady.ecs.plugins.module_utils.edges.aws import code_of, reading, region_of, translated
from ansible_collections.steady.ecs.plugins.module_utils.rules import images, runnable
from ansible_collections.steady.ecs.plugins.module_utils.rules.checks import Check
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Task

try:
    from botocore.exceptions import ClientError
except ImportError:
    ClientError = Exception

Answer = dict[str, Any]

NO_IMAGE = {"ImageNotFoundException", "RepositoryNotFoundException"}
NAMES_A_CALL = 50
"""Values of one filter of ssm:DescribeParameters (API reference, ParameterStringFilter)."""
AGAIN = 3
"""Seconds between two looks for a role."""
UNREAD = {"access_denied", "refused", "no_answer", "no_endpoint"}
"""Reasons of a read's failure that leave a release possible: what could not be asked is not checked."""


def image_digest(task: Task, image: str) -> str | None:
    """The digest that Amazon ECR has for an image of one of its private registries; None when it has no such image.

    Raises Failure when it may not be asked.
    """
    found = images.reference(image)
    account = (found.ecr or ("", ""))[0]
    wanted = {"imageDigest": found.digest} if found.digest else {"imageTag": found.tag or "latest"}
    with translated(f"Looking for image {image} (ecr:DescribeImages)"):
        try:
            answer = reading(task, "ecr").describe_images(
                registryId=account, repositoryName=found.name, imageIds=[wanted]
            )
        except ClientError as error:
            if code_of(error) in NO_IMAGE:
                return None
            raise
    return next((str(each["imageDigest"]) for each in answer["imageDetails"]), None)


def secret(task: Task, arn: str) -> Answer | None:
    """What is known of a secret but its value (secretsmanager:DescribeSecret); None when it is gone, or on its way to
    be deleted. Raises Failure."""
    with translated(f"Looking for secret {arn} (secretsmanager:DescribeSecret)"):
        try:
            found = dict(reading(task, "secretsmanager").describe_secret(SecretId=arn))
        except ClientError as error:
            if code_of(error) == "ResourceNotFoundException":
                return None
            raise
    return None if "DeletedDate" in found else found


def existing_parameters(task: Task, names: list[str]) -> dict[str, Answer]:
    """Those of these parameters that are there, by name (ssm:DescribeParameters). Raises Failure."""
    found: dict[str, Answer] = {}
    with translated("Looking for parameters (ssm:DescribeParameters)"):
        pages = reading(task, "ssm").get_paginator("describe_parameters")
        for start in range(0, len(names), NAMES_A_CALL):
            wanted = {"Key": "Name", "Option": "Equals", "Values": names[start : start + NAMES_A_CALL]}
            for page in pages.paginate(ParameterFilters=[wanted]):
                found |= {str(each["Name"]): each for each in page["Parameters"]}
    return found


def role(task: Task, named: str) -> Answer | None:
    """What IAM answers of a role, its trust policy included (iam:GetRole); None when there is none. Raises Failure."""
    name = named.rpartition("/")[2]
    with translated(f"Looking for role {name} (iam:GetRole)"):
        try:
            return dict(reading(task, "iam").get_role(RoleName=name)["Role"])
        except ClientError as error:
            if code_of(error) == "NoSuchEntity":
                return None
            raise


def log_group_exists(task: Task, name: str) -> bool:
    """Whether a log group is there. Asked by its streams, for that right can be given for one group alone
    (logs:DescribeLogStreams). Raises Failure."""
    with translated(f"Looking for log group {name} (logs:DescribeLogStreams)"):
        try:
            reading(task, "logs").describe_log_streams(logGroupName=name, limit=1)
        except ClientError as error:
            if code_of(error) == "ResourceNotFoundException":
                return False
            raise
    return True


def revision(task: Task, arn: str) -> Answer | None:
    """A revision's content; None when ECS does not know it any more. Raises Failure."""
    try:
        return reads.task_definition(task, arn)
    except Failure as failure:
        # DescribeTaskDefinition answers so for a revision that was deleted.
        if failure.fields.get("code") == "ClientException":
            return None
        raise


def checks_of(task: Task, found: runnable.Needs, patience: float = 0) -> list[Check]:
    """A check for each image, secret, parameter, role and log group that is needed.

    ``patience``: seconds for which a role that is not there is looked for again, for one that was made a moment ago may
    not be seen everywhere yet (case C86; "Changes that I make are not always immediately visible", IAM user guide).
    """
    account, region = task.params["account"], region_of(task)
    return [
        *(_image(task, name, containers, region) for name, containers in found.images.items()),
        *(
            _secret(task, arn, containers, runnable.elsewhere(arn, account, region))
            for arn, containers in found.secrets.items()
        ),
        *_parameters(task, found.parameters, account, region),
        *(_role(task, named, purposes, patience) for named, purposes in found.roles.items()),
        *(_log_group(task, named, containers, region) for named, containers in found.log_groups.items()),
    ]


def moved_tags(task: Task, content: Answer, recorded: dict[str, str]) -> dict[str, str]:
    """The containers whose tag means another image by now than the one on record, with that one by its digest.

    Only where Amazon ECR says both: that the tag has moved, and that it still has the content on record.
    """
    pins: dict[str, str] = {}
    for container in content.get("containerDefinitions", []):
        image, known = str(container.get("image", "")), recorded.get(container["name"], "")
        if not known or images.digest_of(image) or not images.reference(image).ecr:
            continue
        pin = images.pinned(image, images.digest_of(known))
        try:
            if image_digest(task, image) != images.digest_of(known) and image_digest(task, pin):
                pins[container["name"]] = pin
        except Failure as failure:
            if failure.fields.get("reason") not in UNREAD:
                raise
    return pins


def _image(task: Task, name: str, containers: list[str], region: str) -> Check:
    ecr = images.reference(name).ecr
    if ecr and ecr[1] != region:
        return runnable.unknown(f"image {name}", "it is in another Region")
    digest = asked(f"image {name}", lambda: image_digest(task, name))
    return digest if isinstance(digest, dict) else runnable.image(name, containers, digest)


def _secret(task: Task, arn: str, containers: list[str], elsewhere: str) -> Check:
    if elsewhere:
        return runnable.unknown(f"secret {arn}", elsewhere)
    there = asked(f"secret {arn}", lambda: secret(task, arn) is not None)
    return there if isinstance(there, dict) else runnable.source(arn, containers, there)


def _parameters(task: Task, needed: dict[str, list[str]], account: str, region: str) -> Iterator[Check]:
    away = {each: runnable.elsewhere(each, account, region) for each in needed}
    yield from (runnable.unknown(f"parameter {each}", why) for each, why in away.items() if why)
    here = {each: runnable.parameter_names(each) for each in needed if not away[each]}
    if not here:
        return
    names = sorted({name for possible in here.values() for name in possible})
    answer = asked("parameters", lambda: (existing_parameters(task, names),))
    if not isinstance(answer, tuple):
        yield answer
        return
    there = set(answer[0])
    yield from (runnable.source(each, needed[each], bool(there & set(possible))) for each, possible in here.items())


def _role(task: Task, named: str, purposes: list[str], patience: float) -> Check:
    if named.startswith("arn:") and named.split(":")[4] != task.params["account"]:
        return runnable.unknown(f"role {named}", "it is in another account")
    answer = asked(f"role {named}", lambda: (waits.until(lambda _elapsed: role(task, named), patience, AGAIN),))
    return runnable.role(named, purposes, answer[0]) if isinstance(answer, tuple) else answer


def _log_group(task: Task, named: str, containers: list[str], region: str) -> Check:
    where, _space, name = named.partition(" ")
    if where not in ("", region):
        return runnable.unknown(f"log group {name}", f"it is in {where}")
    there = asked(f"log group {name}", lambda: log_group_exists(task, name))
    return there if isinstance(there, dict) else runnable.log_group(named, containers, there)


def asked(name: str, call: Callable[[], Any]) -> Any:
    """What a call answers, or the check that could not be made."""
    try:
        return call()
    except Failure as failure:
        if failure.fields.get("reason") not in UNREAD:
            raise
        return runnable.unknown(name, failure.msg)
