"""The load balancing API as AWS publishes it.

https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/ (the operation's page names each error)
"""

from typing import Any

import pytest

from tests.conformance.place import PORT, Place, error_of

pytestmark = pytest.mark.api

FIXED = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}


@pytest.fixture(scope="module")
def group(place: Place) -> str:
    return place.group()


def gone_beside(group: str) -> str:
    """The ARN of a target group of the same account and Region that does not exist."""
    return f"{group.rsplit('/', 2)[0]}/gone/0123456789abcdef"


def test_load_balancer(place: Place) -> None:
    """API_CreateLoadBalancer: idempotent with the same settings."""
    made = place.balancer()
    name, arn = made["LoadBalancerName"], made["LoadBalancerArn"]
    assert (made["Type"], made["Scheme"], made["IpAddressType"]) == ("application", "internet-facing", "ipv4")
    again = place.elb.create_load_balancer(Name=name, Subnets=place.subnets, SecurityGroups=place.security_groups)[
        "LoadBalancers"
    ][0]
    assert again["LoadBalancerArn"] == arn
    other = {"Name": name, "Subnets": place.subnets, "Scheme": "internal"}
    assert error_of(lambda: place.elb.create_load_balancer(**other)) == "DuplicateLoadBalancerName"
    (found,) = place.elb.describe_load_balancers(Names=[name])["LoadBalancers"]
    assert found["State"]["Code"] == "active"
    assert error_of(lambda: place.elb.describe_load_balancers(Names=[place.name()])) == "LoadBalancerNotFound"


def test_load_balancer_attributes(place: Place) -> None:
    """API_LoadBalancerAttribute: idle_timeout.timeout_seconds 1-4000, default 60."""
    arn = place.balancer()["LoadBalancerArn"]

    def modify(key: str, value: str) -> dict[str, str]:
        pairs = [{"Key": key, "Value": value}]
        found = place.elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=pairs)["Attributes"]
        return {pair["Key"]: pair["Value"] for pair in found}

    found = place.elb.describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"]
    attributes = {pair["Key"]: pair["Value"] for pair in found}
    assert attributes["idle_timeout.timeout_seconds"] == "60"
    assert attributes["deletion_protection.enabled"] == "false"
    assert modify("idle_timeout.timeout_seconds", "30")["idle_timeout.timeout_seconds"] == "30"
    assert error_of(lambda: modify("idle_timeout.timeout_seconds", "4001")) == "ValidationError"
    assert error_of(lambda: modify("idle_timeouts", "30")) == "ValidationError"


def test_target_group_defaults(place: Place, group: str) -> None:
    """API_CreateTargetGroup; user guide, target-group-health-checks."""
    (found,) = place.elb.describe_target_groups(TargetGroupArns=[group])["TargetGroups"]
    assert found["HealthCheckIntervalSeconds"] == 30
    assert found["HealthCheckTimeoutSeconds"] == 5
    assert (found["HealthyThresholdCount"], found["UnhealthyThresholdCount"]) == (5, 2)
    assert (found["HealthCheckPath"], found["HealthCheckPort"]) == ("/", "traffic-port")
    assert found["Matcher"] == {"HttpCode": "200"}
    assert found["LoadBalancerArns"] == []


@pytest.mark.parametrize(
    "more",
    [
        {"HealthCheckIntervalSeconds": 301},
        {"HealthyThresholdCount": 11},
        {"HealthCheckIntervalSeconds": 5, "HealthCheckTimeoutSeconds": 5},
        {"Matcher": {"HttpCode": "500"}},
        {"HealthCheckPath": "health"},
    ],
)
def test_wrong_health_checks(place: Place, more: dict[str, Any]) -> None:
    """API_CreateTargetGroup: the ranges of the health check's members."""
    assert error_of(lambda: place.group(**more)) == "ValidationError"


def test_target_group_name_is_taken(place: Place, group: str) -> None:
    """API_CreateTargetGroup, Errors: DuplicateTargetGroupName."""
    name = group.split("/")[1]
    assert error_of(lambda: place.group(Name=name, Port=81)) == "DuplicateTargetGroupName"


def test_target_group_attribute_defaults(place: Place, group: str) -> None:
    """API_TargetGroupAttribute."""
    found = place.attributes(group)
    expected = {
        "deregistration_delay.timeout_seconds": "300",
        "stickiness.enabled": "false",
        "stickiness.type": "lb_cookie",
        "stickiness.lb_cookie.duration_seconds": "86400",
        "slow_start.duration_seconds": "0",
        "load_balancing.algorithm.type": "round_robin",
        "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": "1",
    }
    assert {key: found.get(key) for key in expected} == expected


@pytest.mark.parametrize(
    "wanted",
    [
        {"stickyness__enabled": "true"},
        {"stickiness__lb_cookie__duration_seconds": "0"},
        {"stickiness__lb_cookie__duration_seconds": "604801"},
        {"deregistration_delay__timeout_seconds": "3601"},
        {"stickiness__type": "foo"},
        {"stickiness__enabled": "yes"},
        {"stickiness__type": "app_cookie", "stickiness__app_cookie__cookie_name": "AWSALBX"},
        {"slow_start__duration_seconds": "10"},
        {"load_balancing__algorithm__anomaly_mitigation": "on"},
    ],
)
def test_wrong_target_group_attributes_change_nothing(place: Place, group: str, wanted: dict[str, str]) -> None:
    """API_TargetGroupAttribute; API_ModifyTargetGroupAttributes, Errors."""
    before = place.attributes(group)
    together = {"deregistration_delay__timeout_seconds": "17", **wanted}
    assert error_of(lambda: place.modify(group, **together)) in ("ValidationError", "InvalidConfigurationRequest")
    assert place.attributes(group) == before


def test_target_group_attributes_round_trip(place: Place) -> None:
    """API_ModifyTargetGroupAttributes: what is not named stays as it is."""
    group = place.group()
    before = place.attributes(group)
    wanted = {"stickiness__enabled": "true", "stickiness__lb_cookie__duration_seconds": "3600"}
    place.modify(group, **wanted)
    changed = {"stickiness.enabled": "true", "stickiness.lb_cookie.duration_seconds": "3600"}
    assert place.attributes(group) == {**before, **changed}
    place.modify(group, stickiness__enabled="false", stickiness__lb_cookie__duration_seconds="86400")
    assert place.attributes(group) == before


def test_unknown_target_group(place: Place, group: str) -> None:
    """API_DescribeTargetHealth and API_DescribeTargetGroupAttributes, Errors."""
    gone = gone_beside(group)
    assert error_of(lambda: place.elb.describe_target_health(TargetGroupArn=gone)) == "TargetGroupNotFound"
    assert error_of(lambda: place.elb.describe_target_group_attributes(TargetGroupArn=gone)) == "TargetGroupNotFound"


def test_listeners_and_groups_in_use(place: Place) -> None:
    """API_CreateListener, API_DeleteTargetGroup, API_TargetGroup (one load balancer only)."""
    balancer, group = place.balancer(), place.group()
    forward = {"Type": "forward", "TargetGroupArn": group}
    listener = place.listener(balancer, forward)
    assert error_of(lambda: place.listener(balancer, forward)) == "DuplicateListener"
    assert error_of(lambda: place.elb.delete_target_group(TargetGroupArn=group)) == "ResourceInUse"
    other = place.balancer()
    assert error_of(lambda: place.listener(other, forward)) == "TargetGroupAssociationLimit"
    (found,) = place.elb.describe_target_groups(LoadBalancerArn=balancer["LoadBalancerArn"])["TargetGroups"]
    assert found["LoadBalancerArns"] == [balancer["LoadBalancerArn"]]
    place.elb.modify_listener(ListenerArn=listener, Port=PORT + 1)
    (shown,) = place.elb.describe_listeners(ListenerArns=[listener])["Listeners"]
    assert (shown["Port"], shown["DefaultActions"][0]["TargetGroupArn"]) == (PORT + 1, group)


def test_weighted_forward(place: Place) -> None:
    """API_ForwardActionConfig, API_TargetGroupStickinessConfig."""
    groups = [place.group(), place.group()]
    tuples = [{"TargetGroupArn": groups[0], "Weight": 90}, {"TargetGroupArn": groups[1], "Weight": 10}]
    sticky = {"Enabled": True, "DurationSeconds": 60}
    config = {"TargetGroups": tuples, "TargetGroupStickinessConfig": sticky}
    listener = place.listener(place.balancer(), {"Type": "forward", "ForwardConfig": config})
    (shown,) = place.elb.describe_listeners(ListenerArns=[listener])["Listeners"]
    found = shown["DefaultActions"][0]["ForwardConfig"]
    assert sorted(group["Weight"] for group in found["TargetGroups"]) == [10, 90]
    assert found["TargetGroupStickinessConfig"] == sticky


def test_group_stickiness_comes_before_target_stickiness(place: Place) -> None:
    """User guide, edit-target-group-attributes: "If you have a forward action with multiple target groups and one or
    more has sticky sessions enabled, you must enable target group stickiness"."""
    balancer, groups = place.balancer(), [place.group(), place.group()]
    tuples = [{"TargetGroupArn": group, "Weight": weight} for group, weight in zip(groups, (1, 0), strict=True)]
    divided = {"Type": "forward", "ForwardConfig": {"TargetGroups": tuples}}
    kept = {"Enabled": True, "DurationSeconds": 60}
    keeping = {"Type": "forward", "ForwardConfig": {"TargetGroups": tuples, "TargetGroupStickinessConfig": kept}}
    listener = place.listener(balancer, FIXED)
    matched = {"Conditions": [{"Field": "path-pattern", "Values": ["/a"]}], "Priority": 1, "ListenerArn": listener}
    (rule,) = place.elb.create_rule(Actions=[divided], **matched)["Rules"]
    for group in groups:
        assert (
            error_of(lambda arn=group: place.modify(arn, stickiness__enabled="true")) == "InvalidConfigurationRequest"
        )
        assert place.attributes(group)["stickiness.enabled"] == "false"
    place.elb.delete_rule(RuleArn=rule["RuleArn"])
    place.modify(groups[1], stickiness__enabled="true")
    assert error_of(lambda: place.elb.create_rule(Actions=[divided], **matched)) == "InvalidLoadBalancerAction"
    assert error_of(lambda: place.listener(balancer, divided, PORT + 1)) == "InvalidLoadBalancerAction"
    place.elb.create_rule(Actions=[keeping], **matched)
    again = {"ListenerArn": listener, "DefaultActions": [divided]}
    assert error_of(lambda: place.elb.modify_listener(**again)) == "InvalidLoadBalancerAction"
    place.elb.modify_listener(ListenerArn=listener, DefaultActions=[{"Type": "forward", "TargetGroupArn": groups[1]}])
    place.modify(groups[0], stickiness__enabled="true")


def test_rules(place: Place) -> None:
    """API_CreateRule, API_DeleteRule."""
    listener = place.listener(place.balancer(), FIXED)

    def rule(priority: int) -> str:
        condition = {"Field": "path-pattern", "Values": [f"/{priority}/*"]}
        made = place.elb.create_rule(ListenerArn=listener, Priority=priority, Conditions=[condition], Actions=[FIXED])
        return str(made["Rules"][0]["RuleArn"])

    def priorities() -> list[str]:
        return [found["Priority"] for found in place.elb.describe_rules(ListenerArn=listener)["Rules"]]

    late = rule(20)
    rule(10)
    assert error_of(lambda: rule(10)) == "PriorityInUse"
    assert priorities() == ["10", "20", "default"]
    default = place.elb.describe_rules(ListenerArn=listener)["Rules"][-1]
    assert error_of(lambda: place.elb.delete_rule(RuleArn=default["RuleArn"])) == "OperationNotPermitted"
    place.elb.delete_rule(RuleArn=late)
    assert priorities() == ["10", "default"]


def test_targets_of_a_group_without_a_listener(place: Place, group: str) -> None:
    """API_TargetHealth: unused, Target.NotRegistered."""
    targets = [{"Id": "127.99.0.1", "Port": PORT}]
    (row,) = place.elb.describe_target_health(TargetGroupArn=group, Targets=targets)["TargetHealthDescriptions"]
    assert (row["TargetHealth"]["State"], row["TargetHealth"]["Reason"]) == ("unused", "Target.NotRegistered")


def test_tags(place: Place, group: str) -> None:
    """API_AddTags, API_DescribeTags: 20 resources a call."""
    place.elb.add_tags(ResourceArns=[group], Tags=[{"Key": "team", "Value": "a"}, {"Key": "env", "Value": "test"}])
    place.elb.remove_tags(ResourceArns=[group], TagKeys=["env"])
    (found,) = place.elb.describe_tags(ResourceArns=[group])["TagDescriptions"]
    assert found == {"ResourceArn": group, "Tags": [{"Key": "team", "Value": "a"}]}
    twice = [{"Key": "x", "Value": "1"}, {"Key": "x", "Value": "2"}]
    assert error_of(lambda: place.elb.add_tags(ResourceArns=[group], Tags=twice)) == "DuplicateTagKeys"
    assert error_of(lambda: place.elb.describe_tags(ResourceArns=[group] * 21)) == "ValidationError"
    assert error_of(lambda: place.elb.describe_tags(ResourceArns=[gone_beside(group)])) == "TargetGroupNotFound"
