"""Cells of the table that a parameter brings about, and those of load balancing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.conformance.stage import Stage

ANSWERED = "answered"
WRONG = "INVALID_WORD"
Call = Callable[[Stage], Any]
INVALID = "InvalidParameterException"
Row = tuple[str, str, str, Call]
THRESHOLD = {"type": "BOUNDED_PERCENT", "value": 101}
OVER = {"deploymentCircuitBreaker": {"enable": True, "rollback": True, "thresholdConfiguration": THRESHOLD}}
EARLY = {"enable": True, "healthyPercent": 90, "sourceServiceRevisionCleanup": "DEFERRED"}
PAST = {"minimumHealthyPercent": 100, "earlySuccessCriteria": EARLY}
PARAMETERS: tuple[Row, ...] = (
    ("ecs:DescribeServices", "11 services", INVALID, lambda s: s.ecs.describe_services(services=["x"] * 11)),
    ("ecs:DescribeTasks", "101 tasks", INVALID, lambda s: s.ecs.describe_tasks(cluster=s.name, tasks=["x"] * 101)),
    ("ecs:DescribeContainerInstances", "101 container instances", INVALID, lambda s: s.instances(*["x"] * 101)),
    ("ecs:DescribeServiceDeployments", "21 service deployments", INVALID, lambda s: s.rollouts(*[s.nowhere] * 21)),
    (
        "ecs:DescribeServiceRevisions",
        "21 service revisions",
        INVALID,
        lambda s: s.ecs.describe_service_revisions(serviceRevisionArns=[s.nowhere] * 21),
    ),
    ("ecs:DescribeClusters", "include of no such word", INVALID, lambda s: s.ecs.describe_clusters(include=[WRONG])),
    (
        "ecs:DescribeTaskDefinition",
        "include of no such word",
        INVALID,
        lambda s: s.ecs.describe_task_definition(taskDefinition=s.revision, include=[WRONG]),
    ),
    ("ecs:ListClusters", "a token of nobody's", INVALID, lambda s: s.ecs.list_clusters(nextToken="x")),
    ("ecs:ListServices", "a token of nobody's", INVALID, lambda s: s.ecs.list_services(cluster=s.name, nextToken="x")),
    ("ecs:ListTaskDefinitions", "no such sort", INVALID, lambda s: s.ecs.list_task_definitions(sort=WRONG)),
    ("ecs:ListTasks", "no such status", INVALID, lambda s: s.ecs.list_tasks(cluster=s.name, desiredStatus=WRONG)),
    ("ecs:ListTasks", "101 a page", INVALID, lambda s: s.ecs.list_tasks(cluster=s.name, maxResults=101)),
    ("ecs:ListServices", "none a page", INVALID, lambda s: s.ecs.list_services(cluster=s.name, maxResults=0)),
    (
        "ecs:ListServiceDeployments",
        "101 a page",
        INVALID,
        lambda s: s.ecs.list_service_deployments(cluster=s.name, service=s.idle, maxResults=101),
    ),
    (
        "ecs:ListTasks",
        "startedBy beside another filter",
        INVALID,
        lambda s: s.ecs.list_tasks(cluster=s.name, startedBy="x", family="x"),
    ),
    (
        "ecs:ListServiceDeployments",
        "no such status",
        INVALID,
        lambda s: s.ecs.list_service_deployments(cluster=s.name, service=s.idle, status=[WRONG]),
    ),
    (
        "ecs:ListContainerInstances",
        "101 a page",
        INVALID,
        lambda s: s.ecs.list_container_instances(cluster=s.name, maxResults=101),
    ),
    (
        "ecs:ListContainerInstances",
        "a token of nobody's",
        INVALID,
        lambda s: s.ecs.list_container_instances(cluster=s.name, nextToken="x"),
    ),
    ("ecs:RegisterTaskDefinition", "no such network mode", INVALID, lambda s: s.register(networkMode=WRONG)),
    ("ecs:RegisterTaskDefinition", "no Fargate size", "ClientException", lambda s: s.register(cpu="256", memory="999")),
    ("ecs:RunTask", "a count of 11", INVALID, lambda s: s.run(count=11)),
    ("ecs:RunTask", "no such platform version", "PlatformUnknownException", lambda s: s.run(platformVersion="9.9.9")),
    ("ecs:RegisterTaskDefinition", "a family of 256", "ClientException", lambda s: s.register(family="f" * 256)),
    (
        "ecs:RegisterTaskDefinition",
        "a dot in a container's name",
        "ClientException",
        lambda s: s.registered(name="a.b"),
    ),
    ("ecs:RegisterTaskDefinition", "a stopTimeout of 121", "ClientException", lambda s: s.registered(stopTimeout=121)),
    ("ecs:RegisterTaskDefinition", "memory beyond the task's", "ClientException", lambda s: s.registered(memory=513)),
    (
        "ecs:RegisterTaskDefinition",
        "a check without CMD",
        "ClientException",
        lambda s: s.registered(healthCheck={"command": ["true"]}),
    ),
    ("ecs:RunTask", "a startedBy of 129", INVALID, lambda s: s.run(startedBy="x" * 129)),
    ("ecs:RunTask", "a startedBy with a space", INVALID, lambda s: s.run(startedBy="a b")),
    ("ecs:RunTask", "a client token of 65", INVALID, lambda s: s.run(clientToken="x" * 65)),
    ("ecs:TagResource", "a key of 129", INVALID, lambda s: s.tag("k" * 129)),
    ("ecs:TagResource", "a value of 257", INVALID, lambda s: s.tag("k", "v" * 257)),
    ("ecs:TagResource", "a key of AWS's", INVALID, lambda s: s.tag("aws:k")),
    ("ecs:TagResource", "a value of AWS's", INVALID, lambda s: s.tag("k", "aws:v")),
    ("ecs:UntagResource", "a key of 129", INVALID, lambda s: s.untag_service(s.idle, "k" * 129)),
    ("ecs:UntagResource", "a key of AWS's", INVALID, lambda s: s.untag_service(s.idle, "aws:k")),
    ("ecs:UpdateService", "a count, of a service of CODE_DEPLOY", ANSWERED, lambda s: s.count("CODE_DEPLOY")),
    ("ecs:UpdateService", "a count, of a service of EXTERNAL", ANSWERED, lambda s: s.count("EXTERNAL")),
    ("ecs:UpdateService", "a threshold of 101 percent", INVALID, lambda s: s.update(deploymentConfiguration=OVER)),
    (
        "ecs:UpdateService",
        "an early success below the minimum",
        INVALID,
        lambda s: s.update(deploymentConfiguration=PAST),
    ),
    (
        "ecs:StopServiceDeployment",
        "no such stop type",
        INVALID,
        lambda s: s.ecs.stop_service_deployment(serviceDeploymentArn=s.over, stopType=WRONG),
    ),
    (
        "ecs:TagResource",
        "51 tags",
        INVALID,
        lambda s: s.tag_definition(s.revision, *[{"key": str(n), "value": ""} for n in range(51)]),
    ),
    (
        "ecs:UpdateService",
        "percentages that block",
        INVALID,
        lambda s: s.update(deploymentConfiguration={"maximumPercent": 100, "minimumHealthyPercent": 100}),
    ),
    (
        "ecs:UpdateService",
        "no such platform version",
        "PlatformUnknownException",
        lambda s: s.update(platformVersion="9.9.9"),
    ),
)
C, A = "cloudformation:", "application-autoscaling:"
BESIDE: tuple[Row, ...] = (
    (C + "CreateChangeSet", "a name that is used", "AlreadyExistsException", lambda s: s.change_twice()),
    (
        C + "CreateChangeSet",
        "a role without its capability",
        "InsufficientCapabilitiesException",
        lambda s: s.change_of_rights(),
    ),
    (C + "CreateChangeSet", "a template that is none", "ValidationError", lambda s: s.change(TemplateBody="x: [")),
    (
        C + "CreateChangeSet",
        "the last template, and another",
        "ValidationError",
        lambda s: s.change(UsePreviousTemplate=True, TemplateBody="{}"),
    ),
    (
        A + "DescribeScalableTargets",
        "no such namespace",
        "ValidationException",
        lambda s: s.place.scaling.describe_scalable_targets(ServiceNamespace=WRONG),
    ),
    (
        A + "RegisterScalableTarget",
        "a minimum above the maximum",
        "ValidationException",
        lambda s: s.register_target(s.idle, MinCapacity=2),
    ),
    (
        A + "RegisterScalableTarget",
        "a minimum below 0",
        "ValidationException",
        lambda s: s.register_target(s.idle, MinCapacity=-1),
    ),
)
"""Of who owns what is beside a service: the attributes of its target group, and its count."""
B = "elasticloadbalancing:"
NOT_FOUND, VALIDATION = "TargetGroupNotFound", "ValidationError"
BALANCING: tuple[Row, ...] = (
    (B + "DescribeTags", "target group missing", NOT_FOUND, lambda s: s.tags(s.no_group)),
    (B + "DescribeTags", "load balancer missing", "LoadBalancerNotFound", lambda s: s.tags(s.no_balancer)),
    (B + "DescribeTags", "listener missing", "ListenerNotFound", lambda s: s.tags(s.no_listener)),
    (B + "DescribeTags", "rule missing", "RuleNotFound", lambda s: s.tags(s.no_rule)),
    (
        B + "DescribeTargetGroupAttributes",
        "target group missing",
        NOT_FOUND,
        lambda s: s.elb.describe_target_group_attributes(TargetGroupArn=s.no_group),
    ),
    (
        B + "DescribeTargetGroups",
        "target group missing",
        NOT_FOUND,
        lambda s: s.elb.describe_target_groups(TargetGroupArns=[s.no_group]),
    ),
    (
        B + "DescribeTargetGroups",
        "load balancer missing",
        "LoadBalancerNotFound",
        lambda s: s.elb.describe_target_groups(LoadBalancerArn=s.no_balancer),
    ),
    (
        B + "DescribeTargetGroups",
        "names and ARNs at once",
        VALIDATION,
        lambda s: s.elb.describe_target_groups(Names=["x"], TargetGroupArns=[s.group]),
    ),
    (
        B + "DescribeTargetHealth",
        "target group missing",
        NOT_FOUND,
        lambda s: s.elb.describe_target_health(TargetGroupArn=s.no_group),
    ),
    (B + "DescribeTargetHealth", "target not registered", ANSWERED, lambda s: s.health(8080)),
    (B + "DescribeTargetHealth", "a port of 70000", VALIDATION, lambda s: s.health(70000)),
    (B + "ModifyTargetGroupAttributes", "target group missing", NOT_FOUND, lambda s: s.attribute(s.no_group)),
    (B + "ModifyTargetGroupAttributes", "a value out of range", VALIDATION, lambda s: s.attribute(s.group, "604801")),
    (
        B + "ModifyTargetGroupAttributes",
        "attributes that exclude each other",
        "InvalidConfigurationRequest",
        lambda s: s.excluding(),
    ),
    (
        B + "DescribeListeners",
        "load balancer missing",
        "LoadBalancerNotFound",
        lambda s: s.elb.describe_listeners(LoadBalancerArn=s.no_balancer),
    ),
    (
        B + "DescribeListeners",
        "listener missing",
        "ListenerNotFound",
        lambda s: s.elb.describe_listeners(ListenerArns=[s.no_listener]),
    ),
    (
        B + "DescribeLoadBalancers",
        "load balancer missing",
        "LoadBalancerNotFound",
        lambda s: s.elb.describe_load_balancers(LoadBalancerArns=[s.no_balancer]),
    ),
    (
        B + "DescribeLoadBalancerAttributes",
        "load balancer missing",
        "LoadBalancerNotFound",
        lambda s: s.elb.describe_load_balancer_attributes(LoadBalancerArn=s.no_balancer),
    ),
    (
        B + "DescribeRules",
        "listener missing",
        "ListenerNotFound",
        lambda s: s.elb.describe_rules(ListenerArn=s.no_listener),
    ),
    (B + "DescribeRules", "rule missing", "RuleNotFound", lambda s: s.elb.describe_rules(RuleArns=[s.no_rule])),
)
