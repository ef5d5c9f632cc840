"""The load balancing API without its plane: what it stores, tells and refuses. The calls go through the model."""

from typing import Any

import pytest

from testbed import strict
from testbed.addresses import Addresses
from testbed.elbv2 import Elbv2
from tests.testbed.elb_api import FIXED, MODEL, NOWHERE, Api, Json, refused, to


@pytest.fixture
def api() -> Api:
    return Api()


# -- load balancers ------------------------------------------------------------------------------------------------


def test_a_load_balancer_and_its_loopback_address(api: Api) -> None:
    made = api.balancer(Tags=[{"Key": "team", "Value": "a"}], SecurityGroups=["sg-1"], Scheme="internal")
    assert made["DNSName"] == "127.99.0.2"
    assert made["State"] == {"Code": "active"} and made["Type"] == "application"
    assert [zone["SubnetId"] for zone in made["AvailabilityZones"]] == ["subnet-1", "subnet-2"]
    assert api("DescribeLoadBalancers", Names=["web"])["LoadBalancers"] == [made]
    assert api("DescribeLoadBalancers", LoadBalancerArns=[made["LoadBalancerArn"]])["LoadBalancers"] == [made]
    assert api.balancer("other")["DNSName"] == "127.99.0.3"


def test_creating_twice_is_idempotent_and_a_name_is_taken_once(api: Api) -> None:
    assert api.balancer() == api.balancer()
    refused("DuplicateLoadBalancerName", "different settings", lambda: api.balancer(Scheme="internal"))


@pytest.mark.parametrize(
    ("code", "words", "more"),
    [
        ("InvalidAction", "network", {"Type": "network"}),
        ("InvalidAction", "gateway", {"Type": "gateway"}),
        ("InvalidAction", "dualstack", {"IpAddressType": "dualstack"}),
        ("InvalidAction", "IpamPools", {"IpamPools": {}}),
        ("InvalidAction", "SubnetMappings", {"SubnetMappings": [{"SubnetId": "s"}]}),
        ("ValidationError", "At least two subnets", {"Subnets": ["subnet-1"]}),
        ("InvalidConfigurationRequest", "same Availability Zone", {"Subnets": ["subnet-1", "subnet-1"]}),
        ("ValidationError", "Scheme", {"Scheme": "public"}),
        ("ValidationError", "not valid", {"Name": "internal-web"}),
        ("ValidationError", "not valid", {"Name": "-web"}),
        ("ValidationError", "not valid", {"Name": "x" * 33}),
        ("DuplicateTagKeys", "'a'", {"Tags": [{"Key": "a"}, {"Key": "a"}]}),
        ("TooManyTags", "50", {"Tags": [{"Key": f"k{n}"} for n in range(51)]}),
        ("ValidationError", "aws:x", {"Tags": [{"Key": "aws:x"}]}),
    ],
)
def test_refused_load_balancers(api: Api, code: str, words: str, more: Json) -> None:
    refused(code, words, lambda: api.balancer(**more))
    assert api("DescribeLoadBalancers")["LoadBalancers"] == []


def test_addresses_for_load_balancers_are_used_up_by_name(api: Api) -> None:
    for number in range(240):
        api.balancer(f"b{number}")
    refused("TooManyLoadBalancers", "240", lambda: api.balancer("one-more"))
    gone, *_others = api("DescribeLoadBalancers", Names=["b7"])["LoadBalancers"]
    api("DeleteLoadBalancer", LoadBalancerArn=gone["LoadBalancerArn"])
    made = api.balancer("one-more")
    assert made["DNSName"] == gone["DNSName"]


def test_a_missing_load_balancer(api: Api) -> None:
    api.balancer()
    refused("LoadBalancerNotFound", "nope", lambda: api("DescribeLoadBalancers", Names=["web", "nope"]))
    gone = f"{NOWHERE}:loadbalancer/app/x/0123456789abcdef"
    refused("LoadBalancerNotFound", gone, lambda: api("DescribeLoadBalancerAttributes", LoadBalancerArn=gone))
    assert api("DeleteLoadBalancer", LoadBalancerArn=gone) == {}


def test_deletion_takes_the_listeners_along(api: Api) -> None:
    balancer, group = api.balancer(), api.group()
    arn = balancer["LoadBalancerArn"]
    listener = api.listener(balancer, to(group))
    api("DeleteLoadBalancer", LoadBalancerArn=arn)
    refused("ListenerNotFound", "", lambda: api("DescribeListeners", ListenerArns=[listener["ListenerArn"]]))
    api("DeleteTargetGroup", TargetGroupArn=group["TargetGroupArn"])


def test_pages(api: Api) -> None:
    names = [f"b{n}" for n in range(5)]
    for name in names:
        api.balancer(name)
    seen, marker = [], None
    while True:
        more = {"Marker": marker} if marker else {}
        answer = api("DescribeLoadBalancers", PageSize=2, **more)
        seen.append([found["LoadBalancerName"] for found in answer["LoadBalancers"]])
        marker = answer["NextMarker"]
        if not marker:
            break
    assert seen == [["b0", "b1"], ["b2", "b3"], ["b4"]]
    for size in (0, 401):
        refused("ValidationError", "pageSize", lambda size=size: api("DescribeLoadBalancers", PageSize=size))
    refused("ValidationError", "token", lambda: api("DescribeTargetGroups", Marker="x"))


# -- target groups -------------------------------------------------------------------------------------------------


def test_a_target_groups_defaults(api: Api) -> None:
    made = api("CreateTargetGroup", Name="web", Protocol="HTTP", Port=80, VpcId="vpc-1")["TargetGroups"][0]
    arn = made.pop("TargetGroupArn")
    assert arn.startswith(f"{NOWHERE}:targetgroup/web/")
    assert made == {
        "TargetGroupName": "web",
        "Protocol": "HTTP",
        "ProtocolVersion": "HTTP1",
        "Port": 80,
        "VpcId": "vpc-1",
        "TargetType": "instance",
        "IpAddressType": "ipv4",
        "HealthCheckProtocol": "HTTP",
        "HealthCheckPort": "traffic-port",
        "HealthCheckEnabled": True,
        "HealthCheckPath": "/",
        "HealthCheckIntervalSeconds": 30,
        "HealthCheckTimeoutSeconds": 5,
        "HealthyThresholdCount": 5,
        "UnhealthyThresholdCount": 2,
        "Matcher": {"HttpCode": "200"},
        "LoadBalancerArns": [],
    }


def test_a_target_group_name_is_taken_once(api: Api) -> None:
    assert api.group() == api.group()
    refused("DuplicateTargetGroupName", "different settings", lambda: api.group(Port=81))


@pytest.mark.parametrize(
    ("code", "words", "more"),
    [
        ("InvalidAction", "lambda", {"TargetType": "lambda"}),
        ("InvalidAction", "alb", {"TargetType": "alb"}),
        *(("InvalidAction", p, {"Protocol": p}) for p in ("HTTPS", "TCP", "TLS", "UDP", "TCP_UDP", "GENEVE", "QUIC")),
        ("InvalidAction", "GRPC", {"ProtocolVersion": "GRPC"}),
        ("InvalidAction", "ipv6", {"IpAddressType": "ipv6"}),
        ("InvalidAction", "TargetControlPort", {"TargetControlPort": 9}),
        ("InvalidAction", "Matcher.GrpcCode", {"Matcher": {"GrpcCode": "0"}}),
        ("ValidationError", "port", {"Port": 65536}),
        ("ValidationError", "Protocol", {"Protocol": "http"}),
        ("ValidationError", "VpcId", {"VpcId": ""}),
        ("ValidationError", "healthCheckIntervalSeconds", {"HealthCheckIntervalSeconds": 4}),
        ("ValidationError", "healthCheckIntervalSeconds", {"HealthCheckIntervalSeconds": 301}),
        ("ValidationError", "healthCheckTimeoutSeconds", {"HealthCheckTimeoutSeconds": 1}),
        ("ValidationError", "healthyThresholdCount", {"HealthyThresholdCount": 11}),
        ("ValidationError", "unhealthyThresholdCount", {"UnhealthyThresholdCount": 1}),
        ("ValidationError", "interval must be greater than the timeout", {"HealthCheckIntervalSeconds": 5}),
        ("InvalidConfigurationRequest", "TCP", {"HealthCheckProtocol": "TCP"}),
        ("InvalidConfigurationRequest", "enabled", {"HealthCheckEnabled": False}),
        ("ValidationError", "path", {"HealthCheckPath": "health"}),
        ("ValidationError", "path", {"HealthCheckPath": "/a b"}),
        ("ValidationError", "port", {"HealthCheckPort": "http"}),
        ("ValidationError", "port", {"HealthCheckPort": "0"}),
        *(
            ("ValidationError", "200-499", {"Matcher": {"HttpCode": code}})
            for code in ("199", "500", "200-500", "299-200", "", "200,", "2xx")
        ),
    ],
)
def test_refused_target_groups(api: Api, code: str, words: str, more: Json) -> None:
    refused(code, words, lambda: api.group(**more))
    assert api("DescribeTargetGroups")["TargetGroups"] == []


def test_modified_health_checks(api: Api) -> None:
    arn = api.group()["TargetGroupArn"]
    api("ModifyTargetGroup", TargetGroupArn=arn, HealthCheckPath="/health", Matcher={"HttpCode": "200,204-299"})
    (found,) = api("DescribeTargetGroups", TargetGroupArns=[arn])["TargetGroups"]
    assert (found["HealthCheckPath"], found["Matcher"]) == ("/health", {"HttpCode": "200,204-299"})
    wrong = {"HealthCheckPath": "/other", "HealthCheckTimeoutSeconds": 30}
    refused("ValidationError", "timeout", lambda: api("ModifyTargetGroup", TargetGroupArn=arn, **wrong))
    assert api("DescribeTargetGroups")["TargetGroups"] == [found]


def test_ways_to_describe_target_groups(api: Api) -> None:
    balancer, used, spare = api.balancer(), api.group("used"), api.group("spare")
    api.listener(balancer, to(used))
    arn = balancer["LoadBalancerArn"]
    (found,) = api("DescribeTargetGroups", LoadBalancerArn=arn)["TargetGroups"]
    assert (found["TargetGroupName"], found["LoadBalancerArns"]) == ("used", [arn])
    assert len(api("DescribeTargetGroups", Names=["used", "spare"])["TargetGroups"]) == 2
    refused("TargetGroupNotFound", "", lambda: api("DescribeTargetGroups", Names=["used", "nope"]))
    gone = f"{NOWHERE}:targetgroup/x/0123456789abcdef"
    for operation in ("DescribeTargetHealth", "DescribeTargetGroupAttributes", "ModifyTargetGroup"):
        refused("TargetGroupNotFound", "", lambda operation=operation: api(operation, TargetGroupArn=gone))
    refused("ValidationError", "same time", lambda: api("DescribeTargetGroups", Names=["used"], LoadBalancerArn=arn))
    refused("ResourceInUse", "in use", lambda: api("DeleteTargetGroup", TargetGroupArn=used["TargetGroupArn"]))
    assert api("DeleteTargetGroup", TargetGroupArn=spare["TargetGroupArn"]) == {}
    assert api("DeleteTargetGroup", TargetGroupArn=spare["TargetGroupArn"]) == {}


def test_attributes_are_changed_all_or_nothing(api: Api) -> None:
    arn = api.group()["TargetGroupArn"]

    def modify(*pairs: tuple[str, str]) -> Json:
        attributes = [{"Key": key, "Value": value} for key, value in pairs]
        return api("ModifyTargetGroupAttributes", TargetGroupArn=arn, Attributes=attributes)

    before = api("DescribeTargetGroupAttributes", TargetGroupArn=arn)
    assert len(before["Attributes"]) == 14
    refused("ValidationError", "nope", lambda: modify(("stickiness.enabled", "true"), ("nope", "1")))
    assert api("DescribeTargetGroupAttributes", TargetGroupArn=arn) == before
    after = modify(("stickiness.enabled", "true"), ("deregistration_delay.timeout_seconds", "10"))
    assert {"Key": "stickiness.enabled", "Value": "true"} in after["Attributes"]
    assert api("DescribeTargetGroupAttributes", TargetGroupArn=arn) == after
    modify(("stickiness.enabled", "false"), ("deregistration_delay.timeout_seconds", "300"))
    assert api("DescribeTargetGroupAttributes", TargetGroupArn=arn) == before


# -- targets -------------------------------------------------------------------------------------------------------


def test_health_of_targets(api: Api) -> None:
    group = api.group()
    arn = group["TargetGroupArn"]
    api("RegisterTargets", TargetGroupArn=arn, Targets=[{"Id": "127.99.1.2"}, {"Id": "127.99.1.2", "Port": 9090}])

    def rows(**more: Any) -> list[tuple[str, int, str, str | None]]:
        found = api("DescribeTargetHealth", TargetGroupArn=arn, **more)["TargetHealthDescriptions"]
        return [
            (r["Target"]["Id"], r["Target"]["Port"], r["TargetHealth"]["State"], r["TargetHealth"]["Reason"])
            for r in found
        ]

    unused = "Target.NotInUse"
    assert rows() == [("127.99.1.2", 8080, "unused", unused), ("127.99.1.2", 9090, "unused", unused)]
    api.listener(api.balancer(), to(group))
    first = ("127.99.1.2", 8080, "initial", "Elb.RegistrationInProgress")
    assert rows()[0] == first  # at once: DescribeTargetHealth right after RegisterTargets
    asked = rows(Targets=[{"Id": "127.99.1.2", "Port": 8080}, {"Id": "127.99.9.9"}])
    assert asked == [first, ("127.99.9.9", 8080, "unused", "Target.NotRegistered")]
    api("DeregisterTargets", TargetGroupArn=arn, Targets=[{"Id": "127.99.1.2", "Port": 9090}, {"Id": "127.99.9.9"}])
    draining = ("127.99.1.2", 9090, "draining", "Target.DeregistrationInProgress")
    assert sorted(rows()) == [first, draining]
    refused("InvalidAction", "Include", lambda: rows(Include=["AnomalyDetection"]))


@pytest.mark.parametrize(
    ("kind", "code", "identifier"),
    [
        ("ip", "ValidationError", "10.0.0.7"),
        ("ip", "ValidationError", "8.8.8.8"),
        ("ip", "ValidationError", "::1"),
        ("ip", "ValidationError", "localhost"),
        ("instance", "ValidationError", "127.99.1.2"),
        ("instance", "InvalidTarget", "i-0123456789abcdef0"),
    ],
)
def test_targets_that_cannot_be_registered(api: Api, kind: str, code: str, identifier: str) -> None:
    arn = api.group(TargetType=kind)["TargetGroupArn"]
    targets = [{"Id": "127.99.1.3"}, {"Id": identifier}] if kind == "ip" else [{"Id": identifier}]
    refused(code, identifier, lambda: api("RegisterTargets", TargetGroupArn=arn, Targets=targets))
    assert api("DescribeTargetHealth", TargetGroupArn=arn)["TargetHealthDescriptions"] == []


# -- tags ----------------------------------------------------------------------------------------------------------


def test_tags(api: Api) -> None:
    balancer = api.balancer()
    listener = api.listener(balancer, FIXED, Tags=[{"Key": "team", "Value": "a"}])
    rule, group = api.rule(listener, 1, Tags=[{"Key": "team", "Value": "b"}]), api.group()
    arns = [balancer["LoadBalancerArn"], listener["ListenerArn"], rule["RuleArn"], group["TargetGroupArn"]]

    def tags() -> list[dict[str, str]]:
        found = api("DescribeTags", ResourceArns=arns)["TagDescriptions"]
        assert [row["ResourceArn"] for row in found] == arns
        return [{tag["Key"]: tag["Value"] for tag in row["Tags"]} for row in found]

    assert tags() == [{}, {"team": "a"}, {"team": "b"}, {}]
    api("AddTags", ResourceArns=arns[:2], Tags=[{"Key": "team", "Value": "c"}, {"Key": "env"}])
    assert tags()[:2] == [{"team": "c", "env": ""}] * 2
    api("RemoveTags", ResourceArns=arns[:1], TagKeys=["team", "unknown"])
    assert tags()[0] == {"env": ""}
    refused("DuplicateTagKeys", "x", lambda: api("AddTags", ResourceArns=arns, Tags=[{"Key": "x"}, {"Key": "x"}]))
    many = [{"Key": f"k{n}"} for n in range(50)]
    refused("TooManyTags", "50", lambda: api("AddTags", ResourceArns=[arns[3], arns[0]], Tags=many))
    assert tags()[3] == {}  # all or nothing


@pytest.mark.parametrize(
    ("arn", "code"),
    [
        (f"{NOWHERE}:loadbalancer/app/x/0123456789abcdef", "LoadBalancerNotFound"),
        (f"{NOWHERE}:targetgroup/x/0123456789abcdef", "TargetGroupNotFound"),
        (f"{NOWHERE}:listener/app/x/0123456789abcdef/0", "ListenerNotFound"),
        (f"{NOWHERE}:listener-rule/app/x/0123456789abcdef/0/1", "RuleNotFound"),
        ("nonsense", "ValidationError"),
    ],
)
def test_tags_of_what_is_missing(api: Api, arn: str, code: str) -> None:
    refused(code, "", lambda: api("DescribeTags", ResourceArns=[arn]))
    refused(code, "", lambda: api("AddTags", ResourceArns=[arn], Tags=[{"Key": "a"}]))


def test_tags_of_twenty_resources_a_call(api: Api) -> None:
    arns = [api.group(f"g{n}")["TargetGroupArn"] for n in range(21)]
    assert len(api("DescribeTags", ResourceArns=arns[:20])["TagDescriptions"]) == 20
    refused("ValidationError", "20", lambda: api("DescribeTags", ResourceArns=arns))


# -- what is not implemented ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", strict.unsupported(MODEL, Elbv2("r", "a", Addresses("127.99"), 1.0)))
def test_every_other_operation_is_refused_by_name(api: Api, operation: str) -> None:
    refused("InvalidAction", f"does not implement elbv2:{operation}", lambda: api(operation))
