# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What AWS answers, as it answers it: one function a question, batches and pages hidden, nothing decided.

Batch sizes and page lengths are those of the ECS and Elastic Load Balancing API references.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges.aws import code_of, reading, status_of, translated
from ansible_collections.steady.ecs.plugins.module_utils.rules.refusals import DENIED
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Task

try:
    from botocore.exceptions import ClientError
except ImportError:
    ClientError = Exception

Answer = dict[str, Any]
SERVICES_A_CALL = 10
TASKS_A_CALL = 100
LISTED_A_CALL = 100
UNOFFERED = {"InvalidAction", "UnknownOperationException", "501"}
"""Codes for an operation that an endpoint does not have. LocalStack answers InternalFailure with status 501 for it
(``create_not_implemented_response``); with any other status that is a failure which passes."""

_definitions: dict[str, Answer] = {}


def caller_identity(task: Task) -> Answer:
    """``{"Account", "Arn", "UserId"}`` of the credentials in use (STS GetCallerIdentity)."""
    with translated("Asking AWS who we are (sts:GetCallerIdentity)"):
        return dict(reading(task, "sts").get_caller_identity())


def caller_of(task: Task, account: str) -> str:
    """ARN of whoever calls. Raises Failure ``wrong_account`` when they are not of this account: nothing is asked of
    another one about a service of the same name, and nothing is made there."""
    who = caller_identity(task)
    _settle_account(who["Account"], account)
    return str(who["Arn"])


def of_account(found: Answer, account: str | None) -> Answer:
    """A service that was read, if it is one of the account that a task declares; of any where it declares none. Raises
    Failure ``wrong_account``: names are equal in staging and in production, and the profile may be the other one's."""
    if account:
        _settle_account(found["serviceArn"].split(":")[4], account)
    return found


def _settle_account(found: str, declared: str) -> None:
    if found != declared:
        raise Failure(
            f"The credentials belong to account {found}, and the service is declared in {declared}. Switch the "
            "profile, or correct service_account.",
            reason="wrong_account",
        )


def cluster(task: Task, name: str) -> Answer | None:
    """The cluster, or None when there is no ACTIVE one of that name."""
    with translated(f"Reading cluster {name} (ecs:DescribeClusters)"):
        found = reading(task, "ecs").describe_clusters(clusters=[name])["clusters"]
    return next((dict(each) for each in found if each["status"] == "ACTIVE"), None)


def cluster_names(task: Task) -> list[str]:
    """Names of the clusters of this account and Region."""
    with translated("Listing clusters (ecs:ListClusters)"):
        pages = reading(task, "ecs").get_paginator("list_clusters").paginate()
        return sorted(arn.rsplit("/", 1)[-1] for page in pages for arn in page["clusterArns"])


def service_revisions(task: Task, name: str, arns: list[str]) -> list[Answer]:
    """Revisions of a service by their ARNs, 20 at most. Raises Failure."""
    if not arns:
        return []
    with translated(f"Reading the revisions of {name} (ecs:DescribeServiceRevisions)"):
        answer = reading(task, "ecs").describe_service_revisions(serviceRevisionArns=arns)
    return list(answer.get("serviceRevisions", []))


def service_names(task: Task, cluster_name: str) -> list[str]:
    """Names of the services of a cluster."""
    with translated(f"Listing the services of {cluster_name} (ecs:ListServices)"):
        pages = (
            reading(task, "ecs")
            .get_paginator("list_services")
            .paginate(cluster=cluster_name, PaginationConfig={"PageSize": 100})
        )
        return sorted(arn.rsplit("/", 1)[-1] for page in pages for arn in page["serviceArns"])


def existing(names: Callable[[], list[str]]) -> str:
    """What there is in the place of what there is not, for a message. Few policies may list, and what is missing is the
    finding all the same."""
    try:
        return ", ".join(names()) or "none"
    except Failure as failure:
        if failure.fields.get("code") not in DENIED:
            raise
        return "not known, for these credentials may not list them"


def services(task: Task, cluster_name: str, names: list[str]) -> dict[str, Answer]:
    """Services by name, ten a call; a name that is MISSING or INACTIVE is left out.

    ClusterNotFoundException becomes a Failure. So does what AWS could not read for another reason, once all batches
    were asked: of such a service nothing is known, not even that it does not exist.
    """
    found: dict[str, Answer] = {}
    unread: list[str] = []
    for start in range(0, len(names), SERVICES_A_CALL):
        batch = names[start : start + SERVICES_A_CALL]
        with translated(f"Reading {', '.join(batch)} in {cluster_name} (ecs:DescribeServices)"):
            answer = reading(task, "ecs").describe_services(cluster=cluster_name, services=batch, include=["TAGS"])
        found.update({each["serviceName"]: each for each in answer["services"] if each["status"] != "INACTIVE"})
        unread += [_unread(each) for each in answer.get("failures", []) if each.get("reason") != "MISSING"]
    if unread:
        raise Failure(f"AWS could not read {', '.join(unread)}. Run the same command again.", reason="unread")
    return found


def _unread(failure: Answer) -> str:
    """``web (reason: detail)`` of an entry in ``failures``."""
    words = ": ".join(str(failure[name]) for name in ("reason", "detail") if failure.get(name))
    return f"{str(failure.get('arn', '')).rsplit('/', 1)[-1]} ({words or 'no reason'})"


def service(task: Task, cluster_name: str, name: str) -> Answer:
    """One service; a Failure that names the services which exist when there is none of that name."""
    found = services(task, cluster_name, [name]).get(name)
    if found is None:
        there = existing(lambda: service_names(task, cluster_name))
        raise Failure(
            f"Cluster {cluster_name} has no active service {name}. Services there: {there}. Correct service_name.",
            reason="service_not_found",
        )
    return found


def declared_service(task: Task) -> Answer:
    """The service that a task names. Raises Failure as :func:`service` and :func:`of_account` do."""
    params = task.params
    return of_account(service(task, params["cluster"], params["service"]), params.get("account"))


def task_definition(task: Task, name: str) -> Answer:
    """A revision's content and ``tags``. A registered revision never changes, so an ARN is read once a process."""
    if name not in _definitions:
        with translated(f"Reading task definition {name} (ecs:DescribeTaskDefinition)"):
            answer = reading(task, "ecs").describe_task_definition(taskDefinition=name, include=["TAGS"])
        content = {**answer["taskDefinition"], "tags": answer.get("tags", [])}
        if not name.startswith("arn:"):
            return content
        _definitions[name] = content
    return _definitions[name]


def newer_revisions(task: Task, family: str, revision: int) -> list[str]:
    """ARNs of the ACTIVE revisions of a family above ``revision``, newest first."""
    newer: list[str] = []
    with translated(f"Listing the revisions of {family} (ecs:ListTaskDefinitions)"):
        pages = reading(task, "ecs").get_paginator("list_task_definitions").paginate(familyPrefix=family, sort="DESC")
        for page in pages:
            for arn in page["taskDefinitionArns"]:
                if int(arn.rsplit(":", 1)[1]) <= revision:
                    return newer
                newer.append(arn)
    return newer


def target_groups(task: Task, arns: list[str]) -> list[Answer]:
    """Target groups by ARN; one that was deleted is left out."""
    if not arns:
        return []
    with translated("Reading target groups (elasticloadbalancing:DescribeTargetGroups)"):
        try:
            return list(reading(task, "elbv2").describe_target_groups(TargetGroupArns=arns)["TargetGroups"])
        except ClientError as error:
            if code_of(error) != "TargetGroupNotFound":
                raise
            if len(arns) == 1:
                return []
    return [group for arn in arns for group in target_groups(task, [arn])]


def listener_rules(task: Task, arns: list[str]) -> list[Answer]:
    """Listener rules by ARN; one that does not exist is left out."""
    if not arns:
        return []
    with translated("Reading listener rules (elasticloadbalancing:DescribeRules)"):
        try:
            return list(reading(task, "elbv2").describe_rules(RuleArns=arns)["Rules"])
        except ClientError as error:
            if code_of(error) != "RuleNotFound":
                raise
            if len(arns) == 1:
                return []
    return [rule for arn in arns for rule in listener_rules(task, [arn])]


def target_group_attributes(task: Task, arn: str) -> dict[str, str]:
    """All attributes of one target group, as text, the way AWS keeps them."""
    with translated(f"Reading the attributes of {arn} (elasticloadbalancing:DescribeTargetGroupAttributes)"):
        answer = reading(task, "elbv2").describe_target_group_attributes(TargetGroupArn=arn)
    return {each["Key"]: each["Value"] for each in answer["Attributes"]}


def target_group_tags(task: Task, arn: str) -> dict[str, str]:
    """Tags of one target group; CloudFormation's own are among them."""
    with translated(f"Reading the tags of {arn} (elasticloadbalancing:DescribeTags)"):
        found = reading(task, "elbv2").describe_tags(ResourceArns=[arn])["TagDescriptions"]
    return {each["Key"]: each["Value"] for described in found for each in described["Tags"]}


def target_health(task: Task, arn: str) -> list[Answer]:
    """Each target as ``{"address", "port", "state", "reason", "description"}``."""
    with translated(f"Reading the target health of {arn} (elasticloadbalancing:DescribeTargetHealth)"):
        answer = reading(task, "elbv2").describe_target_health(TargetGroupArn=arn)
    return [
        {
            "address": each["Target"]["Id"],
            "port": each["Target"].get("Port"),
            "state": each["TargetHealth"]["State"],
            "reason": each["TargetHealth"].get("Reason", ""),
            "description": each["TargetHealth"].get("Description", ""),
        }
        for each in answer["TargetHealthDescriptions"]
    ]


def tasks(task: Task, cluster_name: str, service_name: str, status: str = "RUNNING") -> list[Answer]:
    """The tasks of a service whose desired status is ``RUNNING`` or ``STOPPED`` (those of about the last hour)."""
    doing = f"Reading the tasks of {service_name} (ecs:ListTasks, ecs:DescribeTasks)"
    return filtered_tasks(task, doing, cluster_name, {"serviceName": service_name, "desiredStatus": status})


def filtered_tasks(task: Task, doing: str, cluster_name: str, *filters: Answer) -> list[Answer]:
    """The tasks of a cluster that any of these filters of ListTasks finds."""
    with translated(doing):
        ecs = reading(task, "ecs")
        listing = ecs.get_paginator("list_tasks")
        pages = (page for each in filters for page in listing.paginate(cluster=cluster_name, **each))
        arns = list(dict.fromkeys(arn for page in pages for arn in page["taskArns"]))
        found: list[Answer] = []
        for start in range(0, len(arns), TASKS_A_CALL):
            found += ecs.describe_tasks(cluster=cluster_name, tasks=arns[start : start + TASKS_A_CALL])["tasks"]
    return found


def service_deployments(task: Task, cluster_name: str, service_name: str) -> list[Answer] | None:
    """Brief service deployments; None where the endpoint does not offer them (LocalStack).

    All of them, for AWS says of no order in which it lists them; botocore has no paginator for them.
    """

    def listed(ecs: Any) -> list[Answer]:
        asked = {"cluster": cluster_name, "service": service_name, "maxResults": LISTED_A_CALL}
        page = ecs.list_service_deployments(**asked)
        found = list(page["serviceDeployments"])
        while page.get("nextToken"):
            page = ecs.list_service_deployments(**asked, nextToken=page["nextToken"])
            found += page["serviceDeployments"]
        return found

    return _if_offered(task, f"Listing the deployments of {service_name} (ecs:ListServiceDeployments)", listed)


def service_deployment(task: Task, arn: str) -> Answer | None:
    """One service deployment in full; None where the endpoint does not offer it, or does not know the ARN (yet)."""
    found = _if_offered(
        task,
        "Reading a service deployment (ecs:DescribeServiceDeployments)",
        lambda ecs: ecs.describe_service_deployments(serviceDeploymentArns=[arn])["serviceDeployments"],
    )
    return found[0] if found else None


def _if_offered(task: Task, doing: str, call: Any) -> list[Answer] | None:
    with translated(doing):
        try:
            return list(call(reading(task, "ecs")))
        except ClientError as error:
            if code_of(error) in UNOFFERED or status_of(error) == 501:
                return None
            raise


def log_tail(task: Task, group: str, stream: str, lines: int) -> list[str]:
    """The last lines of one log stream; empty when group or stream do not exist (yet) or may not be read."""
    try:
        answer = reading(task, "logs").get_log_events(
            logGroupName=group, logStreamName=stream, limit=lines, startFromHead=False
        )
    except ClientError:
        return []
    return [str(event["message"]) for event in answer["events"]]
