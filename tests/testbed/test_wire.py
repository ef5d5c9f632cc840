"""What every operation has in common: refusals, errors in each protocol's form, paging, credentials."""

import json
import urllib.error
import urllib.request
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from testbed import wire
from tests.testbed.beds import Bed, World

IMPLEMENTED = {  # what the tests of the bed rely on: a handler lost by accident must not become a quiet refusal
    "ecs": 25,
    "elbv2": 24,
}
SPOT = [{"capacityProvider": "FARGATE_SPOT"}]


def post(bed: Bed, scope: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
    """A raw signed request: what no client of boto3's would send."""
    signed = f"AWS4-HMAC-SHA256 Credential=key/20260101/us-east-1/{scope}/aws4_request, Signature=x"
    request = urllib.request.Request(bed.endpoint, data=body, headers={"Authorization": signed, **headers})
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as e:
        return e.code, e.read()


def ecs(bed: Bed, operation: str, params: Any) -> dict[str, Any]:
    target = {"X-Amz-Target": f"AmazonEC2ContainerServiceV20141113.{operation}"}
    target["Content-Type"] = "application/x-amz-json-1.1"
    body = params if isinstance(params, bytes) else json.dumps(params).encode()
    return dict(json.loads(post(bed, "ecs", target, body)[1]))


def elb(bed: Bed, body: str) -> str:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    return post(bed, "elasticloadbalancing", form, body.encode())[1].decode()


@pytest.mark.parametrize("service", ["ecs", "elbv2"])
def test_every_operation_of_the_model_is_implemented_or_refused_by_name(declared_bed: Bed, service: str) -> None:
    """An empty request reaches every handler: it answers or misses a parameter, or the bed names what it lacks."""
    names = set(declared_bed.client(service).meta.service_model.operation_names)
    refused = set()
    for name in names:
        text = json.dumps(ecs(declared_bed, name, {})) if service == "ecs" else elb(declared_bed, f"Action={name}")
        if "InvalidAction" in text:
            assert f"The test bed does not implement {service}:{name}" in text
            refused.add(name)
    assert refused == set(declared_bed.admin("GET", "/_bed/unsupported")[1][service])
    assert len(names - refused) >= IMPLEMENTED[service]


@pytest.mark.parametrize(
    ("operation", "params", "named"),
    [
        ("CreateService", {"serviceRegistries": [{"registryArn": "a"}]}, "serviceRegistries"),
        ("CreateService", {"loadBalancers": [{"loadBalancerName": "x"}]}, "loadBalancers.loadBalancerName"),
        ("UpdateService", {"capacityProviderStrategy": [{"capacityProvider": "FARGATE"}]}, "capacityProviderStrategy"),
        ("CreateService", {"capacityProviderStrategy": SPOT}, "capacityProviderStrategy"),
        ("RunTask", {"capacityProviderStrategy": SPOT}, "capacityProviderStrategy"),
        ("UpdateService", {"vpcLatticeConfigurations": [{"portName": "http"}]}, "vpcLatticeConfigurations"),
        ("RunTask", {"overrides": {"cpu": "1"}}, "overrides.cpu"),
        ("ListTasks", {"containerInstance": "i"}, "containerInstance"),
        ("DescribeTasks", {"tasks": ["x"], "nonsense": 1}, "nonsense"),
        ("RegisterTaskDefinition", {"containerDefinitions": [{"imagee": "x"}]}, "containerDefinitions.imagee"),
    ],
)
def test_a_parameter_that_nobody_reads_is_refused_by_name(
    declared_bed: Bed, operation: str, params: dict[str, Any], named: str
) -> None:
    answer = ecs(declared_bed, operation, params)
    assert answer["__type"] == "InvalidAction"
    assert f"{named} of ecs:{operation}" in answer["message"]


def test_an_empty_list_or_word_that_nobody_reads_chooses_nothing(declared_bed: Bed) -> None:
    given = {"service": "x", "cluster": "nowhere", "capacityProviderStrategy": []}
    assert ecs(declared_bed, "UpdateService", given)["__type"] == "ClusterNotFoundException"


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({}, "Value null at 'taskDefinition'"),
        ({"taskDefinition": 7}, "Value at 'taskDefinition' is not a string"),
        ({"taskDefinition": "a", "count": True}, "Value at 'count' is not a integer"),
        ({"taskDefinition": "a", "launchType": "MOON"}, "Member must satisfy enum value set: [EC2, FARGATE"),
    ],
)
def test_what_breaks_the_model_is_refused(declared_bed: Bed, params: dict[str, Any], said: str) -> None:
    answer = ecs(declared_bed, "RunTask", params)
    assert answer["__type"] == "InvalidParameterException"
    assert said in answer["message"]


@pytest.mark.parametrize(
    ("service", "operation", "result", "said"),
    [
        ("ecs", "DescribeClusters", {"cluster": []}, "DescribeClustersResponse has no cluster"),
        ("ecs", "DescribeClusters", {"clusters": [{"clusterNam": "a"}]}, "Cluster has no clusterNam"),
        ("ecs", "DescribeClusters", {"clusters": [{"settings": [{"nam": None}]}]}, "ClusterSetting has no nam"),
        ("elbv2", "DescribeRules", {"Rules": [{"RuleArn": "a", "Tags": []}]}, "Rule has no Tags"),
        ("cloudformation", "ExecuteChangeSet", {"Id": "a"}, "ExecuteChangeSetOutput has no Id"),
        ("elbv2", "DeleteRule", {"RuleArn": "a"}, "DeleteRuleOutput has no RuleArn"),
    ],
)
def test_a_member_that_an_answer_cannot_have_is_an_error_of_the_beds(
    service: str, operation: str, result: dict[str, Any], said: str
) -> None:
    """Left out it would be missed by nobody: an answer without it fits the model."""
    with pytest.raises(ValueError, match=said):
        wire.answer(wire.service_model(service), operation, result)


def test_a_null_counts_as_not_sent(declared_bed: Bed) -> None:
    answer = ecs(declared_bed, "CreateCluster", {"clusterName": "nulls", "configuration": None, "tags": None})
    assert answer["cluster"]["clusterName"] == "nulls"


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff"])
def test_a_body_that_is_no_json_object_is_refused(declared_bed: Bed, body: bytes) -> None:
    assert ecs(declared_bed, "ListClusters", body)["__type"] == "SerializationException"


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ("Action=DescribeTargetGroups&Version=2015-12-01&Nonsense=1", "Nonsense"),
        ("Action=DescribeTargetGroups&Names.member.1=a&Names.member.3=c", "Names.member.3"),
        ("Action=RegisterTargets&Targets.member.1.Id=b&Targets.member.1.Zone=c", "Targets.member.1.Zone"),
        ("Action=RegisterTargets&Targets.member.1.AvailabilityZone=all", "Targets.AvailabilityZone"),
        ("Action=DescribeTargetGroups&Names.1=a", "Names.1"),
    ],
)
def test_a_parameter_that_the_model_does_not_know_is_refused_by_name(declared_bed: Bed, body: str, named: str) -> None:
    assert f"does not implement the parameter {named} of elbv2:" in elb(declared_bed, body)


@pytest.mark.parametrize("words", ["PageSize=many", "PageSize=1_0", "PageSize=%201", "PageSize=%D9%A1", "PageSize=1.0"])
def test_a_number_that_is_none_is_refused(declared_bed: Bed, words: str) -> None:
    assert "MalformedInput" in elb(declared_bed, f"Action=DescribeTargetGroups&{words}")


@pytest.mark.parametrize("word", ["True", "1", "yes", ""])
def test_a_truth_value_that_is_none_is_refused(declared_bed: Bed, word: str) -> None:
    assert "MalformedInput" in elb(declared_bed, f"Action=CreateTargetGroup&Name=a&HealthCheckEnabled={word}")


def test_an_operation_that_aws_does_not_have(declared_bed: Bed) -> None:
    assert ecs(declared_bed, "MakeCoffee", {})["__type"] == "InvalidAction"
    assert "<Code>InvalidAction</Code>" in elb(declared_bed, "Action=MakeCoffee")


@pytest.mark.parametrize("service", ["ecs", "elbv2", "s3", "logs", "sts", "cloudwatch"])
def test_expired_credentials_are_refused_in_every_protocol(declared_bed: Bed, service: str) -> None:
    calls = {"s3": "list_buckets", "logs": "describe_log_groups", "sts": "get_caller_identity"}
    calls |= {"ecs": "list_clusters", "elbv2": "describe_load_balancers", "cloudwatch": "list_metrics"}
    with pytest.raises(ClientError) as caught:
        getattr(declared_bed.client(service, key="EXPIRED1"), calls[service])()
    assert caught.value.response["Error"]["Code"] in ("ExpiredToken", "ExpiredTokenException")


def test_pages_hold_everything_once(declared: World) -> None:
    made = {declared.register(f"v{n}") for n in range(5)}
    paginator = declared.ecs.get_paginator("list_task_definitions")
    pages = list(paginator.paginate(familyPrefix=declared.name, PaginationConfig={"PageSize": 2}))
    assert [len(p["taskDefinitionArns"]) for p in pages] == [2, 2, 1]
    assert {arn for p in pages for arn in p["taskDefinitionArns"]} == made
    with pytest.raises(ClientError, match="Invalid token"):
        declared.ecs.list_clusters(nextToken="nonsense")


def test_regions_do_not_see_each_other(declared: World) -> None:
    other = declared.bed.client("ecs", region="eu-central-1")
    assert other.list_clusters()["clusterArns"] == []
    assert other.create_cluster(clusterName="c")["cluster"]["clusterArn"].startswith(
        "arn:aws:ecs:eu-central-1:000000000000:"
    )


def test_the_account_is_the_same_in_every_service(declared: World) -> None:
    assert declared.bed.client("sts").get_caller_identity()["Account"] == "000000000000"
    arn = declared.ecs.describe_clusters(clusters=[declared.name])["clusters"][0]["clusterArn"]
    assert arn == f"arn:aws:ecs:us-east-1:000000000000:cluster/{declared.name}"


def test_stacks_cannot_make_what_would_land_in_another_store(declared_bed: Bed) -> None:
    template = json.dumps({"Resources": {"C": {"Type": "AWS::ECS::Cluster", "Properties": {}}}})
    with pytest.raises(ClientError, match="does not implement cloudformation:CreateStack"):
        declared_bed.client("cloudformation").create_stack(StackName="s", TemplateBody=template)


def test_s3_keeps_a_head_answers_length(declared_bed: Bed) -> None:
    s3 = declared_bed.client("s3")
    s3.create_bucket(Bucket="head")
    s3.put_object(Bucket="head", Key="k", Body=b"12345")
    assert s3.head_object(Bucket="head", Key="k")["ContentLength"] == 5
    assert s3.get_object(Bucket="head", Key="k")["Body"].read() == b"12345"


def presigned(bed: Bed, key: str = "k") -> str:
    """The address of an upload."""
    keys = {"aws_access_key_id": key, "aws_secret_access_key": "s", "region_name": "us-east-1"}
    client = boto3.client("s3", endpoint_url=bed.endpoint, config=Config(signature_version="s3v4"), **keys)
    return str(client.generate_presigned_url("put_object", Params={"Bucket": "chunks", "Key": "k"}))


def test_an_upload_in_chunks(declared_bed: Bed) -> None:
    s3 = declared_bed.client("s3")
    s3.create_bucket(Bucket="chunks")
    url = presigned(declared_bed)
    kind = {"Content-Type": "application/octet-stream"}
    request = urllib.request.Request(url, data=iter([b"one ", b"two"]), headers=kind, method="PUT")
    with urllib.request.urlopen(request, timeout=10) as response:
        assert response.status == 200
    assert s3.get_object(Bucket="chunks", Key="k")["Body"].read() == b"one two"


def test_a_presigned_request_has_the_rights_of_its_key(declared_bed: Bed) -> None:
    declared_bed.client("s3").create_bucket(Bucket="chunks")
    declared_bed.admin("PUT", "/_bed/iam", {"LIMITED": []})
    kind = {"Content-Type": "application/octet-stream"}
    request = urllib.request.Request(presigned(declared_bed, "LIMITED"), data=b"1", headers=kind, method="PUT")
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(request, timeout=10)
    declared_bed.admin("DELETE", "/_bed/iam")
    entry = declared_bed.admin("GET", "/_bed/calls")[1]["log"][-1]
    assert (entry["access_key"], entry["operation"], entry["error"]) == ("LIMITED", "PutObject", "AccessDenied")


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"X-Amz-Target": "AmazonEC2ContainerServiceV20141113.ListClusters"}, b"{}"),
        ({"Content-Type": "application/x-www-form-urlencoded"}, b"Action=DescribeLoadBalancers"),
        ({"Authorization": "Bearer x"}, b""),
    ],
)
def test_a_request_without_a_signature_is_refused(declared_bed: Bed, headers: dict[str, str], body: bytes) -> None:
    """ "Common Error Types": nothing answers it, least of all moto's own ECS."""
    request = urllib.request.Request(declared_bed.endpoint, data=body, headers=headers)
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=10)
    assert caught.value.code == 403
    assert b"MissingAuthenticationToken" in caught.value.read()


def test_an_exchange_of_a_token_needs_no_signature(declared_bed: Bed) -> None:
    """botocore's model: AssumeRoleWithWebIdentity has the authentication type none."""
    sts = boto3.client(
        "sts", endpoint_url=declared_bed.endpoint, region_name="us-east-1", config=Config(signature_version=UNSIGNED)
    )
    role = "arn:aws:iam::000000000000:role/execution"
    asked = {"RoleArn": role, "RoleSessionName": "pipeline", "WebIdentityToken": "token"}
    assert sts.assume_role_with_web_identity(**asked)["Credentials"]["SecretAccessKey"]
    with pytest.raises(ClientError, match="MissingAuthenticationToken"):
        sts.get_caller_identity()
