"""Policies given to the bed: what they allow, and how the rest is refused.

The sentences are AWS's: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html; what a call
asks for is in the service authorization reference.
"""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.testbed.beds import Bed
from tests.testbed.caller import Caller, policy

ARN = "arn:aws:ecs:us-east-1:000000000000"


def test_a_key_without_policies_may_do_all_and_one_with_none_nothing(caller: Caller) -> None:
    assert caller("ecs").list_clusters()
    caller.world.bed.admin("PUT", "/_bed/iam", {"LIMITED": []})
    assert caller.refused("ecs", "list_clusters") == (
        "User: arn:aws:sts::000000000000:assumed-role/LIMITED/steady is not authorized to perform: ecs:ListClusters "
        "on resource: * because no identity-based policy allows the ecs:ListClusters action"
    )
    assert caller("sts").get_caller_identity()["Account"] == "000000000000"
    assert caller.world.ecs.list_clusters()


def test_the_refusal_names_action_and_resource_and_nothing_is_done(caller: Caller) -> None:
    world = caller.world
    definition = world.register()
    world.create(definition, desiredCount=0)
    caller.may({"Action": "ecs:UpdateService", "Resource": f"{ARN}:service/{world.name}/other"})
    told = caller.refused("ecs", "update_service", cluster=world.name, service="web", desiredCount=2)
    assert f"perform: ecs:UpdateService on resource: {ARN}:service/{world.name}/web because" in told
    assert world.service()["desiredCount"] == 0
    caller.may({"Action": ["ecs:UpdateService"], "Resource": [f"{ARN}:service/{world.name}/web"]})
    caller("ecs").update_service(cluster=world.name, service="web", desiredCount=0)


def test_of_several_resources_each_must_be_allowed(caller: Caller) -> None:
    name = caller.world.name
    caller.may({"Action": "ecs:DescribeServices", "Resource": f"{ARN}:service/{name}/web-*"})
    caller("ecs").describe_services(cluster=name, services=["web-1", f"{ARN}:service/{name}/web-2"])
    told = caller.refused("ecs", "describe_services", cluster=name, services=["web-1", "api"])
    assert f"{ARN}:service/{name}/api" in told


def test_a_service_deployment_needs_its_service_too(caller: Caller) -> None:
    world = caller.world
    definition = world.register()
    world.create(definition, desiredCount=0)
    arn = world.rollouts()[0]["serviceDeploymentArn"]
    words = {"serviceDeploymentArns": [arn]}
    caller.may({"Action": "ecs:DescribeServiceDeployments", "Resource": f"{ARN}:service-deployment/{world.name}/*"})
    assert f"resource: {ARN}:service/{world.name}/web" in caller.refused("ecs", "describe_service_deployments", **words)
    caller.may({"Action": "ecs:DescribeServiceDeployments", "Resource": [f"{ARN}:service/{world.name}/web", arn]})
    assert caller("ecs").describe_service_deployments(**words)["serviceDeployments"]


@pytest.mark.parametrize(
    ("condition", "allowed"),
    [
        ({"ArnEquals": {"ecs:cluster": f"{ARN}:cluster/NAME"}}, True),
        ({"ArnEquals": {"ecs:cluster": f"{ARN}:cluster/other"}}, False),
        ({"ArnLikeIfExists": {"ecs:task-definition": f"{ARN}:task-definition/NAME:*"}}, True),
        ({"ArnLikeIfExists": {"ecs:task-definition": f"{ARN}:task-definition/other:*"}}, False),
        ({"BoolIfExists": {"ecs:enable-execute-command": "false"}}, False),
        ({"BoolIfExists": {"ecs:enable-execute-command": ["true", "false"]}}, True),
        ({"Bool": {"ecs:privileged": "true"}}, False),
        ({"Null": {"ECS:Enable-Execute-Command": "true"}}, False),
        ({"StringLike": {"ECS:Cluster": "*:cluster/NAME"}}, True),
        ({"Null": {"ecs:enable-execute-command": False}}, True),
        ({"Null": {"ecs:enable-execute-command": "true"}}, False),
        ({"StringLike": {"ecs:cluster": "*/NAM?"}, "ArnEquals": {"ecs:cluster": "nothing"}}, False),
    ],
)
def test_conditions(caller: Caller, condition: dict[str, Any], allowed: bool) -> None:
    world = caller.world
    definition = world.register()
    world.create(definition, desiredCount=0)
    caller.may(
        {"Action": "iam:PassRole"},
        {"Action": "ecs:UpdateService", "Condition": json.loads(json.dumps(condition).replace("NAME", world.name))},
    )
    words = {"cluster": world.name, "service": "web", "taskDefinition": definition, "enableExecuteCommand": True}
    if allowed:
        caller("ecs").update_service(**words)
    else:
        caller.refused("ecs", "update_service", **words)


def test_a_condition_that_may_be_absent_holds_without_the_key(caller: Caller) -> None:
    world = caller.world
    world.create(world.register(), desiredCount=0)
    condition = {"ArnLikeIfExists": {"ecs:task-definition": "other"}}
    caller.may({"Action": "ecs:UpdateService", "Condition": condition})
    caller("ecs").update_service(cluster=world.name, service="web", desiredCount=0)


@pytest.mark.parametrize(
    ("operation", "words"),
    [
        ("list_container_instances", {"cluster": "NAME"}),
        ("describe_clusters", {"clusters": ["NAME"]}),
        ("list_tags_for_resource", {"resourceArn": f"{ARN}:cluster/NAME"}),
    ],
)
def test_what_has_the_cluster_as_its_resource_knows_no_condition_of_it(
    caller: Caller, operation: str, words: dict[str, Any]
) -> None:
    """Service authorization reference: these actions list no key ecs:cluster."""
    words = json.loads(json.dumps(words).replace("NAME", caller.world.name))
    cluster = f"{ARN}:cluster/{caller.world.name}"
    caller.may({"Action": "ecs:*", "Condition": {"ArnEquals": {"ecs:cluster": cluster}}})
    assert f"on resource: {cluster} because" in caller.refused("ecs", operation, **words)
    caller.may({"Action": "ecs:*", "Resource": cluster})
    getattr(caller("ecs"), operation)(**words)


def test_registering_passes_roles_and_tags(caller: Caller) -> None:
    name = caller.world.name
    words: dict[str, Any] = {
        "family": name,
        "executionRoleArn": "arn:aws:iam::000000000000:role/execution",
        "containerDefinitions": [{"name": "app", "image": "steady/echo:v1", "memory": 128}],
        "tags": [{"key": "a", "value": "b"}],
    }
    register = {
        "Action": "ecs:RegisterTaskDefinition",
        "Resource": f"{ARN}:task-definition/{name}:*",
        "Condition": {"Bool": {"ecs:privileged": "false"}},
    }
    caller.may(register)
    told = caller.refused("ecs", "register_task_definition", **words)
    assert "iam:PassRole on resource: arn:aws:iam::000000000000:role/execution because" in told
    to_tasks = passing("ecs-tasks")
    caller.may(register, to_tasks)
    assert "ecs:TagResource" in caller.refused("ecs", "register_task_definition", **words)
    tagging = {
        "Action": "ecs:TagResource",
        "Condition": {"StringEquals": {"ecs:CreateAction": "RegisterTaskDefinition"}},
    }
    caller.may(register, to_tasks, tagging)
    arn = caller("ecs").register_task_definition(**words)["taskDefinition"]["taskDefinitionArn"]
    words["containerDefinitions"][0]["privileged"] = True
    assert "ecs:RegisterTaskDefinition" in caller.refused("ecs", "register_task_definition", **words)
    run = {"Action": "ecs:RunTask", "Resource": arn}
    caller.may(run)
    assert "iam:PassRole" in caller.refused("ecs", "run_task", cluster=name, taskDefinition=arn)
    caller.may(run, to_tasks)
    told = caller.refused("ecs", "run_task", cluster=name, taskDefinition=arn, tags=words["tags"])
    assert f"ecs:TagResource on resource: {ARN}:task/{name}/* because" in told


def passing(service: str) -> dict[str, Any]:
    """iam:PassRole to one principal only."""
    return {
        "Action": "iam:PassRole",
        "Condition": {"StringEquals": {"iam:PassedToService": f"{service}.amazonaws.com"}},
    }


ROLE = "arn:aws:iam::000000000000:role/infrastructure"
PAIR = {"alternateTargetGroupArn": "arn:b", "productionListenerRule": "arn:r", "roleArn": ROLE}
BALANCER = {"targetGroupArn": "arn:a", "containerName": "app", "containerPort": 80, "advancedConfiguration": PAIR}
HOOK = {"hookTargetArn": "arn:h", "roleArn": ROLE, "lifecycleStages": ["PRE_SCALE_UP"]}
TLS = {"issuerCertificateAuthority": {"awsPcaAuthorityArn": "arn:ca"}, "roleArn": ROLE}


@pytest.mark.parametrize("operation", ["create_service", "update_service"])
@pytest.mark.parametrize(
    "words",
    [
        {"loadBalancers": [BALANCER]},
        {"deploymentConfiguration": {"lifecycleHooks": [HOOK]}},
        {"volumeConfigurations": [{"name": "v", "managedEBSVolume": {"roleArn": ROLE}}]},
        {"serviceConnectConfiguration": {"enabled": True, "services": [{"portName": "p", "tls": TLS}]}},
    ],
)
def test_a_service_passes_its_roles_to_ecs_itself(caller: Caller, operation: str, words: dict[str, Any]) -> None:
    """Service authorization reference, "API operations"; developer guide, "Amazon ECS infrastructure IAM role"."""
    name = "serviceName" if operation == "create_service" else "service"
    given = {"cluster": caller.world.name, name: "web", **words}
    for rights in ([], [passing("ecs-tasks")]):
        caller.may({"Action": "ecs:*"}, *rights)
        assert f"iam:PassRole on resource: {ROLE} because" in caller.refused("ecs", operation, **given)
    caller.may({"Action": "ecs:*"}, passing("ecs"))
    with pytest.raises(ClientError) as caught:
        getattr(caller("ecs"), operation)(**given)
    assert "AccessDenied" not in str(caught.value)


def test_a_service_passes_the_roles_of_a_revision_that_it_is_given(caller: Caller) -> None:
    world = caller.world
    definition = world.register()
    words = {"cluster": world.name, "taskDefinition": definition, "desiredCount": 0}
    caller.may({"Action": "ecs:*"}, passing("ecs"))
    assert "role/execution because" in caller.refused("ecs", "create_service", serviceName="web", **words)
    world.create(definition, desiredCount=0)
    assert "role/execution because" in caller.refused("ecs", "update_service", service="web", **words)
    caller("ecs").update_service(cluster=world.name, service="web", desiredCount=0)
    caller.may({"Action": "ecs:*"}, passing("ecs-tasks"))
    caller("ecs").update_service(service="web", **words)


def test_a_task_passes_the_roles_of_its_overrides_and_volumes(caller: Caller) -> None:
    words: dict[str, Any] = {"cluster": caller.world.name, "taskDefinition": "none:1"}
    caller.may({"Action": "ecs:*"}, passing("ecs"))
    own = {**words, "overrides": {"taskRoleArn": ROLE}}
    assert f"{ROLE} because" in caller.refused("ecs", "run_task", **own)
    caller.may({"Action": "ecs:*"}, passing("ecs-tasks"))
    volume = {"name": "v", "managedEBSVolume": {"roleArn": ROLE}}
    assert f"{ROLE} because" in caller.refused("ecs", "run_task", **words, volumeConfigurations=[volume])


def test_load_balancing_in_its_own_form(caller: Caller) -> None:
    group = caller.world.group
    caller.may({"Action": "elasticloadbalancing:Describe*"})
    assert caller("elbv2").describe_target_group_attributes(TargetGroupArn=group)["Attributes"]
    attributes = [{"Key": "deregistration_delay.timeout_seconds", "Value": "7"}]
    words = {"TargetGroupArn": group, "Attributes": attributes}
    told = caller.refused("elbv2", "modify_target_group_attributes", **words)
    assert f"elasticloadbalancing:ModifyTargetGroupAttributes on resource: {group} because" in told
    assert attributes[0] not in caller.world.elb.describe_target_group_attributes(TargetGroupArn=group)["Attributes"]
    caller.may({"Action": "elasticloadbalancing:ModifyTargetGroupAttributes", "Resource": group})
    caller("elbv2").modify_target_group_attributes(**words)


@pytest.mark.parametrize(
    ("service", "operation", "words", "action", "resource"),
    [
        ("logs", "describe_log_streams", {"logGroupName": "/a"}, "logs:DescribeLogStreams", "log-group:/a:log-stream:"),
        (
            "logs",
            "get_log_events",
            {"logGroupName": "/a", "logStreamName": "s"},
            "logs:GetLogEvents",
            "log-group:/a:log-stream:s",
        ),
        ("scheduler", "list_schedules", {}, "scheduler:ListSchedules", "*"),
        ("scheduler", "get_schedule", {"Name": "n"}, "scheduler:GetSchedule", "schedule/default/n"),
        ("events", "list_targets_by_rule", {"Rule": "r"}, "events:ListTargetsByRule", "rule/r"),
        ("ecr", "describe_images", {"repositoryName": "re"}, "ecr:DescribeImages", "repository/re"),
        ("ssm", "describe_parameters", {}, "ssm:DescribeParameters", "*"),
        ("secretsmanager", "describe_secret", {"SecretId": "arn:s"}, "secretsmanager:DescribeSecret", "arn:s"),
        ("iam", "get_role", {"RoleName": "r"}, "iam:GetRole", "arn:aws:iam::000000000000:role/r"),
        (
            "iam",
            "simulate_principal_policy",
            {"PolicySourceArn": "arn:aws:iam::000000000000:role/r", "ActionNames": ["ssm:GetParameters"]},
            "iam:SimulatePrincipalPolicy",
            "arn:aws:iam::000000000000:role/r",
        ),
        ("cloudformation", "get_template", {"StackName": "s"}, "cloudformation:GetTemplate", "stack/s/*"),
        (
            "cloudformation",
            "execute_change_set",
            {"StackName": "arn:aws:cloudformation:us-east-1:000000000000:stack/s/1", "ChangeSetName": "c"},
            "cloudformation:ExecuteChangeSet",
            "stack/s/1",
        ),
        ("cloudwatch", "describe_alarms", {}, "cloudwatch:DescribeAlarms", "*"),
        (
            "application-autoscaling",
            "describe_scalable_targets",
            {"ServiceNamespace": "ecs"},
            "application-autoscaling:DescribeScalableTargets",
            "*",
        ),
        (
            "application-autoscaling",
            "register_scalable_target",
            {
                "ServiceNamespace": "ecs",
                "ResourceId": "service/c/s",
                "ScalableDimension": "ecs:service:DesiredCount",
            },
            "application-autoscaling:RegisterScalableTarget",
            "scalable-target/*",
        ),
    ],
)
def test_the_services_beside_ecs(
    caller: Caller, service: str, operation: str, words: dict[str, Any], action: str, resource: str
) -> None:
    caller.may({"Action": "ecs:*"})
    told = caller.refused(service, operation, **words)
    assert f"perform: {action} on resource: " in told
    assert f"{resource} because" in told
    caller.may({"Action": action})
    try:
        getattr(caller(service), operation)(**words)
    except ClientError as e:  # what is asked for does not exist: but it may be asked for
        assert "AccessDenied" not in e.response["Error"]["Code"]


def test_one_statement_need_not_be_in_a_list(caller: Caller) -> None:
    """IAM JSON policy elements: Statement."""
    one = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "ecs:ListClusters", "Resource": "*"}}
    status, said = caller.world.bed.admin("PUT", "/_bed/iam", {"LIMITED": [one]})
    assert status == 200, said
    assert caller("ecs").list_clusters()
    assert simulated(caller, one, ActionNames=["ecs:ListClusters"]) == ["allowed"]


def simulated(caller: Caller, document: Any, **words: Any) -> list[str]:
    """What IAM says of a role with this one policy."""
    bed = caller.world.bed
    bed.make_roles("simulated")
    bed.client("iam").put_role_policy(RoleName="simulated", PolicyName="p", PolicyDocument=json.dumps(document))
    arn = "arn:aws:iam::000000000000:role/simulated"
    found = bed.client("iam").simulate_principal_policy(PolicySourceArn=arn, **words)
    return [each["EvalDecision"] for each in found["EvaluationResults"]]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ContextEntries", [{"ContextKeyName": "aws:k", "ContextKeyValues": ["v"], "ContextKeyType": "string"}]),
        ("PolicyInputList", ["{}"]),
        ("ResourcePolicy", "{}"),
        ("MaxItems", 5),
    ],
)
def test_a_simulation_refuses_what_it_does_not_read(caller: Caller, name: str, value: Any) -> None:
    with pytest.raises(ClientError, match=f"does not implement the parameter {name} of iam:SimulatePrincipalPolicy"):
        simulated(caller, policy({"Action": "s3:*"}), ActionNames=["s3:GetObject"], **{name: value})


def test_a_simulation_refuses_by_name_a_policy_that_it_does_not_understand(caller: Caller) -> None:
    """It is a valid one for AWS."""
    valid = {"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}
    with pytest.raises(ClientError, match="does not simulate p of simulated"):
        simulated(caller, {"Version": "2012-10-17", "Statement": [valid]}, ActionNames=["s3:GetObject"])


def test_the_log_names_what_each_call_needed(caller: Caller) -> None:
    bed = caller.world.bed
    bed.client("s3").create_bucket(Bucket="needs")
    bed.admin("DELETE", "/_bed/calls")
    caller.world.register()
    with pytest.raises(ClientError):
        bed.client("s3").get_object(Bucket="needs", Key="missing")
    bed.client("sts").get_caller_identity()
    assert [e["actions"] for e in bed.admin("GET", "/_bed/calls")[1]["log"]] == [
        ["ecs:RegisterTaskDefinition", "iam:PassRole"],
        ["s3:GetObject", "s3:ListBucket"],
        [],
    ]


@pytest.mark.parametrize(
    "given",
    [
        [],
        {"K": {}},
        {"K": [{"Statement": []}]},
        {"K": [policy({"NotAction": "s3:*"})]},
        {"K": [policy({"Action": "s3:*", "Effect": "Perhaps"})]},
        {"K": [policy({"Action": "s3:*", "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}})]},
        {"K": [policy({"Action": "s3:*", "Condition": {"Null": {"aws:MultiFactorAuthPresent": "true"}}})]},
        {"K": [policy({"Action": "s3:*", "Condition": {"StringEqualsIfExists": {"ecs:clusters": "c"}}})]},
        {"K": [policy({"Action": "s3:*", "Principal": "*"})]},
        {"K": [{"Version": "2012-10-17", "Statement": "all"}]},
    ],
)
def test_a_policy_that_is_not_understood_is_refused(declared_bed: Bed, given: Any) -> None:
    status, said = declared_bed.admin("PUT", "/_bed/iam", given)
    assert status == 400
    assert said["message"]
