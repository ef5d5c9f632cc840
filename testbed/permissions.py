"""Which permissions a call asks for: action, resource, condition keys, as the service authorization reference has it.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerservice.html (and the
pages of the other services). An action is the service's prefix and the operation's name, but for the exceptions below.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from . import wire
from .calls import Call
from .iam import Asked
from .wire import AwsError, Params

PREFIXES = {"monitoring": "cloudwatch"}  # IAM's prefix where the signing name is another
MODELS = {"monitoring": "cloudwatch", "elasticloadbalancing": "elbv2"}
TASKS, ITSELF = "ecs-tasks.amazonaws.com", "ecs.amazonaws.com"  # to whom ECS passes a role
OF_A_TASK = ("taskRoleArn", "executionRoleArn")
FREE = {("sts", "GetCallerIdentity")}  # needs no permission: API_GetCallerIdentity.html
S3_ACTIONS = {
    "HeadObject": "GetObject",
    "HeadBucket": "ListBucket",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "ListObjectVersions": "ListBucketVersions",
    "ListBuckets": "ListAllMyBuckets",
    "CompleteMultipartUpload": "PutObject",
    "DeleteObjects": "DeleteObject",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
}


@dataclass(frozen=True)
class Place:
    """Where names become ARNs."""

    region: str
    account: str
    cluster: str = "default"

    def arn(self, service: str, rest: str) -> str:
        return f"arn:aws:{service}:{self.region}:{self.account}:{rest}"

    def ecs(self, kind: str, name: str) -> list[str]:
        """Of a cluster's service or task, given as ARN or name."""
        return [self.arn("ecs", f"{kind}/{self.cluster}/{name.rsplit('/', 1)[-1]}")]


def _service(place: Place, name: str) -> list[str]:
    return place.ecs("service", name)


def _task(place: Place, name: str) -> list[str]:
    return place.ecs("task", name)


def _instance(place: Place, name: str) -> list[str]:
    return place.ecs("container-instance", name)


def _cluster(place: Place, name: str) -> list[str]:
    return [place.arn("ecs", f"cluster/{name.rsplit('/', 1)[-1]}")]


def _definition(place: Place, name: str) -> list[str]:
    return [place.arn("ecs", f"task-definition/{name.rsplit('/', 1)[-1]}")]


def _family(place: Place, name: str) -> list[str]:
    return [place.arn("ecs", f"task-definition/{name}:*")]


def _given(_place: Place, arn: str) -> list[str]:
    return [arn]


def _with_service(place: Place, arn: str) -> list[str]:
    """A service deployment or revision needs its service's permission too: both resource types are required."""
    *_, cluster, service, _ = arn.split("/") if arn.count("/") == 3 else ("", place.cluster, "?", "")
    return [place.arn("ecs", f"service/{cluster}/{service}"), arn]


ECS: dict[str, tuple[str, Callable[[Place, str], list[str]]]] = {
    "DescribeClusters": ("clusters", _cluster),
    "DescribeServices": ("services", _service),
    "ListServiceDeployments": ("service", _service),
    "UpdateService": ("service", _service),
    "CreateService": ("serviceName", _service),
    "DeleteService": ("service", _service),
    "DescribeServiceDeployments": ("serviceDeploymentArns", _with_service),
    "DescribeServiceRevisions": ("serviceRevisionArns", _with_service),
    "StopServiceDeployment": ("serviceDeploymentArn", _with_service),
    "ContinueServiceDeployment": ("serviceDeploymentArn", _with_service),
    "DescribeTasks": ("tasks", _task),
    "ListContainerInstances": ("cluster", _cluster),
    "DescribeContainerInstances": ("containerInstances", _instance),
    "StopTask": ("task", _task),
    "RunTask": ("taskDefinition", _definition),
    "RegisterTaskDefinition": ("family", _family),
    "DeleteTaskDefinitions": ("taskDefinitions", _definition),
    "TagResource": ("resourceArn", _given),
    "UntagResource": ("resourceArn", _given),
    "ListTagsForResource": ("resourceArn", _given),
}
"""The input member that names the resource, and what becomes of it; ListTasks and the rest ask for *."""
UNCLUSTERED = {
    *("DescribeClusters", "ListContainerInstances"),  # their resource is the cluster
    *("RegisterTaskDefinition", "DeleteTaskDefinitions", "TagResource", "UntagResource", "ListTagsForResource"),
}
CLUSTERED = {*ECS, "ListTasks", "ListServices"} - UNCLUSTERED  # know the key ecs:cluster
OTHERS: dict[str, tuple[str, Callable[[Place, str], list[str]]]] = {
    "logs:DescribeLogStreams": ("logGroupName", lambda p, name: [p.arn("logs", f"log-group:{name}:log-stream:")]),
    "ecr:DescribeImages": ("repositoryName", lambda p, name: [p.arn("ecr", f"repository/{name}")]),
    "ecr:BatchGetImage": ("repositoryName", lambda p, name: [p.arn("ecr", f"repository/{name}")]),
    "ecr:GetDownloadUrlForLayer": ("repositoryName", lambda p, name: [p.arn("ecr", f"repository/{name}")]),
    "secretsmanager:DescribeSecret": ("SecretId", _given),
    "iam:GetRole": ("RoleName", lambda p, name: [f"arn:aws:iam::{p.account}:role/{name}"]),
    "iam:SimulatePrincipalPolicy": ("PolicySourceArn", _given),
    "events:ListTargetsByRule": ("Rule", lambda p, name: [p.arn("events", f"rule/{name}")]),
}


def asked(
    call: Call, environ: dict[str, Any], body: bytes, account: str, roles: Callable[[str, str], list[str]]
) -> list[Asked]:
    """What a call needs, in the order in which AWS checks it.

    `roles(region, task definition)` gives the role ARNs of a registered revision, for RunTask passes them.
    """
    if (call.service, call.operation) in FREE:
        return []
    place = Place(call.region, account)
    if call.service == "s3":
        return _s3(call, environ, account)
    parameters = _parameters(call, body)
    if call.service == "ecs":
        return list(_ecs(call.operation, parameters, place, lambda name: roles(call.region, name)))
    action = f"{PREFIXES.get(call.service, call.service)}:{call.operation}"
    if call.service == "elasticloadbalancing" and not call.operation.startswith("Describe"):
        named = [v for v in parameters.values() if isinstance(v, str) and v.startswith("arn:")]
        return [Asked(action, arn) for arn in named or ["*"]]
    if call.service == "cloudformation":
        name = str(parameters.get("StackName", "*"))
        return [Asked(action, name if name.startswith("arn:") else place.arn("cloudformation", f"stack/{name}/*"))]
    if action == "scheduler:GetSchedule":
        path, _, query = call.target.partition("?")
        group = dict(parse_qsl(query)).get("groupName", "default")
        return [Asked(action, place.arn("scheduler", f"schedule/{group}/{path.rpartition('/')[2]}"))]
    if action == "application-autoscaling:RegisterScalableTarget":
        keys = {"service-namespace": "ServiceNamespace", "scalable-dimension": "ScalableDimension"}
        context = {f"{call.service}:{key}": str(parameters.get(member, "")) for key, member in keys.items()}
        return [Asked(action, place.arn("application-autoscaling", "scalable-target/*"), context)]
    if action == "logs:GetLogEvents":
        group, stream = parameters.get("logGroupName", ""), parameters.get("logStreamName", "")
        return [Asked(action, place.arn("logs", f"log-group:{group}:log-stream:{stream}"))]
    member, resources = OTHERS.get(action, ("", _given))
    return [Asked(action, arn) for name in _list(parameters.get(member, "*")) for arn in resources(place, name)]


def _list(value: Any) -> list[str]:
    """Of one name or several; what is no name is refused later, by what answers the call."""
    return [str(each) for each in (value if isinstance(value, list) else [value])]


def _parameters(call: Call, body: bytes) -> Params:
    """The input of a call; nothing when it is not in a protocol that can be read here."""
    try:
        if call.protocol == "query":
            model = wire.service_model(MODELS.get(call.service, call.service))
            return wire.parse(model, call.operation, body) if call.operation in model.operation_names else {}
        found = json.loads(body or b"{}")
    except (AwsError, ValueError, KeyError):
        return {}
    return found if isinstance(found, dict) else {}


def _ecs(operation: str, p: Params, place: Place, roles: Callable[[str], list[str]]) -> Iterator[Asked]:
    member, resources = ECS.get(operation, ("", _given))
    names = _list(p.get(member, "*")) if member else ["*"]
    cluster = str(p.get("cluster", "default")).rsplit("/", 1)[-1]
    if resources is _with_service and names[0].count("/") == 3:
        cluster = names[0].split("/")[1]
    place = Place(place.region, place.account, cluster)
    context = {"ecs:cluster": place.arn("ecs", f"cluster/{cluster}")} if operation in CLUSTERED else {}
    if "taskDefinition" in p and operation in ("CreateService", "UpdateService"):
        context["ecs:task-definition"] = _definition(place, str(p["taskDefinition"]))[0]
    if "enableExecuteCommand" in p:
        context["ecs:enable-execute-command"] = str(p["enableExecuteCommand"]).lower()
    passed: list[tuple[str, str]] = []
    if operation == "RegisterTaskDefinition":
        containers = p.get("containerDefinitions")
        definitions = [c for c in (containers if isinstance(containers, list) else []) if isinstance(c, dict)]
        context = {"ecs:privileged": str(any(c.get("privileged") for c in definitions)).lower()}
        passed = [(TASKS, str(p[name])) for name in OF_A_TASK if p.get(name)]
    elif operation in ("RunTask", "CreateService", "UpdateService"):
        # Both principals are in the reference, for each of the three. When UpdateService passes the roles of a revision
        # it does not say: here whenever one is named.
        passed = [(TASKS, role) for role in roles(str(p.get("taskDefinition", "")))]
        passed += _passed(p)
    arns = [arn for name in names for arn in resources(place, name)]
    for arn in arns:
        yield Asked(f"ecs:{operation}", arn, context)
    for service, role in passed:
        arn = role if ":" in role else f"arn:aws:iam::{place.account}:role/{role}"
        yield Asked("iam:PassRole", arn, {"iam:PassedToService": service})
    if p.get("tags") and operation in ("RegisterTaskDefinition", "CreateService", "CreateCluster", "RunTask"):
        # "Grant permission to tag resources on creation", supported-iam-actions-tagging.html: of what is made, and
        # RunTask makes tasks of which nobody knows the id yet.
        made = place.ecs("task", "*")[0] if operation == "RunTask" else arns[0]
        yield Asked("ecs:TagResource", made, {"ecs:CreateAction": operation})


def _passed(value: Any) -> Iterator[tuple[str, str]]:
    """The roles in a request of a service or task, and to whom each goes: load balancers, hooks, volumes and Service
    Connect have one for ECS itself ("Amazon ECS infrastructure IAM role", developer guide)."""
    if isinstance(value, list):
        for each in value:
            yield from _passed(each)
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name in (*OF_A_TASK, "roleArn") and inner:
                yield (ITSELF if name == "roleArn" else TASKS), str(inner)
            else:
                yield from _passed(inner)


def _s3(call: Call, environ: dict[str, Any], account: str) -> list[Asked]:
    bucket, _, key = environ["PATH_INFO"].lstrip("/").partition("/")
    query = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
    action = S3_ACTIONS.get(call.operation, call.operation)
    if "versionId" in query and action in ("GetObject", "DeleteObject"):
        action += "Version"
    context = {
        "s3:prefix": query.get("prefix"),
        "s3:if-match": environ.get("HTTP_IF_MATCH"),
        "s3:if-none-match": environ.get("HTTP_IF_NONE_MATCH"),
        "s3:x-amz-server-side-encryption": environ.get("HTTP_X_AMZ_SERVER_SIDE_ENCRYPTION"),
        "s3:ResourceAccount": account,
        "aws:PrincipalAccount": account,
        "aws:SecureTransport": "true",  # the bed's plain HTTP stands for TLS
    }
    resource = f"arn:aws:s3:::{bucket}/{key}" if key else f"arn:aws:s3:::{bucket}" if bucket else "*"
    known = {name: value for name, value in context.items() if value is not None}
    # "To perform conditional writes with an HTTP If-Match header you must have the s3:PutObject and s3:GetObject
    # permissions": user guide, "How to prevent object overwrites with conditional writes".
    more = ["GetObject"] if action == "PutObject" and "s3:if-match" in known else []
    return [Asked(f"s3:{each}", resource, known) for each in (action, *more)]


def listing(missing: Asked) -> Asked:
    """What decides whether a missing object is told of (404) or not (403); AWS takes its key for the prefix.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html, "Permissions".
    """
    bucket, _, key = missing.resource.partition("/")
    return Asked("s3:ListBucket", bucket, {**missing.context, "s3:prefix": key})
