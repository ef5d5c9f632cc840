"""Listeners, actions, rules and conditions of the load balancing API: what is accepted and what is refused."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.testbed.elb_api import FIXED, PATH, Api, Json, refused, to


@pytest.fixture
def api() -> Api:
    return Api()


# -- listeners and rules -------------------------------------------------------------------------------------------


def test_a_listener(api: Api) -> None:
    balancer, group = api.balancer(), api.group()
    made = api.listener(balancer, to(group))
    arn = group["TargetGroupArn"]
    config = {
        "TargetGroups": [{"TargetGroupArn": arn, "Weight": 1}],
        "TargetGroupStickinessConfig": {"Enabled": False},
    }
    assert made["DefaultActions"] == [{"Type": "forward", "TargetGroupArn": arn, "ForwardConfig": config}]
    assert api("DescribeListeners", LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"] == [made]
    refused("DuplicateListener", "already exists", lambda: api.listener(balancer, to(group)))
    other = api.listener(balancer, FIXED, port=8081)
    clash = {"ListenerArn": other["ListenerArn"], "Port": 8080}
    refused("DuplicateListener", "already exists", lambda: api("ModifyListener", **clash))
    (rule,) = api("DescribeRules", ListenerArn=made["ListenerArn"])["Rules"]
    assert (rule["Priority"], rule["IsDefault"]) == ("default", True)
    refused("OperationNotPermitted", "Default rule", lambda: api("DeleteRule", RuleArn=rule["RuleArn"]))
    api("DeleteListener", ListenerArn=made["ListenerArn"])
    refused("ListenerNotFound", "", lambda: api("DeleteListener", ListenerArn=made["ListenerArn"]))


def test_a_target_group_belongs_to_one_load_balancer(api: Api) -> None:
    group = api.group()
    api.listener(api.balancer(), to(group))
    other = api.balancer("other")
    refused("TargetGroupAssociationLimit", group["TargetGroupArn"], lambda: api.listener(other, to(group)))


def test_a_port_that_this_user_must_not_open_is_refused_by_name(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*words: Any, **more: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("socket.create_server", forbidden)
    balancer = api.balancer()
    refused("InvalidAction", "127.99.0.2:80: this machine", lambda: api.listener(balancer, FIXED, port=80))


@pytest.mark.parametrize(
    ("code", "words", "more"),
    [
        ("InvalidAction", "HTTPS", {"Protocol": "HTTPS"}),
        ("InvalidAction", "TCP", {"Protocol": "TCP"}),
        ("InvalidAction", "SslPolicy", {"SslPolicy": "x"}),
        ("InvalidAction", "Certificates", {"Certificates": [{"CertificateArn": "x"}]}),
        ("InvalidAction", "MutualAuthentication", {"MutualAuthentication": {"Mode": "off"}}),
        ("ValidationError", "port", {"Port": 0}),
    ],
)
def test_refused_listeners(api: Api, code: str, words: str, more: Json) -> None:
    balancer = api.balancer()
    settings = {"LoadBalancerArn": balancer["LoadBalancerArn"], "Protocol": "HTTP", "Port": 8080, **more}
    refused(code, words, lambda: api("CreateListener", **settings, DefaultActions=[FIXED]))


def authenticate(kind: str) -> Json:
    return {"Type": kind}


@pytest.mark.parametrize(
    ("code", "words", "actions"),
    [
        ("InvalidAction", "authenticate-oidc", [authenticate("authenticate-oidc"), FIXED]),
        ("InvalidAction", "authenticate-cognito", [authenticate("authenticate-cognito")]),
        ("InvalidAction", "jwt-validation", [authenticate("jwt-validation"), FIXED]),
        ("ValidationError", "exactly one", [FIXED, FIXED]),
        ("ValidationError", "exactly one", []),
        ("ValidationError", "Type", [{"Type": "drop"}]),
        ("InvalidLoadBalancerAction", "TargetGroupArn", [{**FIXED, "TargetGroupArn": "x"}]),
        ("ValidationError", "target group", [{"Type": "forward"}]),
        ("TargetGroupNotFound", "", [{"Type": "forward", "TargetGroupArn": "arn:nowhere"}]),
        ("ValidationError", "2XX", [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "302"}}]),
        (
            "ValidationError",
            "content type",
            [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200", "ContentType": "image/png"}}],
        ),
        ("InvalidAction", "RedirectConfig", [{"Type": "redirect", "RedirectConfig": {"StatusCode": "HTTP_301"}}]),
        ("ValidationError", "order", [{**FIXED, "Order": 50001}]),
    ],
)
def test_refused_actions(api: Api, code: str, words: str, actions: list[Json]) -> None:
    balancer = api.balancer()
    refused(code, words, lambda: api.listener(balancer, *actions))


def test_weighted_forward(api: Api) -> None:
    balancer, groups = api.balancer(), [api.group(f"g{n}") for n in range(6)]
    sticky = {"TargetGroupStickinessConfig": {"Enabled": True, "DurationSeconds": 60}}
    (action,) = api.listener(balancer, to(*groups[:2], **sticky))["DefaultActions"]
    assert "TargetGroupArn" not in action
    assert action["ForwardConfig"]["TargetGroupStickinessConfig"] == sticky["TargetGroupStickinessConfig"]
    assert [group["Weight"] for group in action["ForwardConfig"]["TargetGroups"]] == [1, 1]
    listener = api.listener(balancer, FIXED, port=8081)["ListenerArn"]

    def modify(action: Json) -> Callable[[], Json]:
        return lambda: api("ModifyListener", ListenerArn=listener, DefaultActions=[action])

    refused("TooManyTargetGroups", "5", modify(to(*groups)))
    without = {"TargetGroupStickinessConfig": {"Enabled": True}}
    refused("InvalidLoadBalancerAction", "duration", modify(to(*groups[:2], **without)))
    too_long = {"TargetGroupStickinessConfig": {"Enabled": True, "DurationSeconds": 604801}}
    refused("ValidationError", "durationSeconds", modify(to(*groups[:2], **too_long)))
    refused("InvalidLoadBalancerAction", "unique", modify(to(groups[0], groups[0], **sticky)))
    arn = groups[0]["TargetGroupArn"]
    refused("InvalidLoadBalancerAction", "agree", modify({**to(*groups[:2], **sticky), "TargetGroupArn": arn}))
    assert modify({**to(groups[0], **sticky), "TargetGroupArn": arn})()["Listeners"]
    modify(FIXED)()
    heavy = to(*groups[:2], **sticky)
    heavy["ForwardConfig"]["TargetGroups"][0]["Weight"] = 1000
    refused("ValidationError", "weight", modify(heavy))
    (unchanged,) = api("DescribeListeners", ListenerArns=[listener])["Listeners"]
    assert unchanged["DefaultActions"] == [FIXED]


def test_rules_and_their_priorities(api: Api) -> None:
    listener = api.listener(api.balancer(), FIXED)
    late, early = api.rule(listener, 20), api.rule(listener, 10)
    assert early["Conditions"] == [{**PATH, "PathPatternConfig": {"Values": ["/x"]}}]

    def order() -> list[str]:
        return [rule["Priority"] for rule in api("DescribeRules", ListenerArn=listener["ListenerArn"])["Rules"]]

    assert order() == ["10", "20", "default"]
    refused("PriorityInUse", "'10'", lambda: api.rule(listener, 10))
    refused("ValidationError", "priority", lambda: api.rule(listener, 50001))

    api("DeleteRule", RuleArn=late["RuleArn"])
    refused("RuleNotFound", "", lambda: api("DescribeRules", RuleArns=[late["RuleArn"]]))


@pytest.mark.parametrize(
    ("code", "words", "conditions"),
    [
        ("ValidationError", "at least one", []),
        ("ValidationError", "must be one of", [{"Field": "cookie", "Values": ["x"]}]),
        ("ValidationError", "value must be specified", [{"Field": "path-pattern", "Values": []}]),
        ("ValidationError", "'5' condition values", [{"Field": "path-pattern", "Values": [f"/{n}" for n in range(6)]}]),
        ("InvalidConfigurationRequest", "one 'path-pattern'", [PATH, PATH]),
        ("InvalidAction", "regular expressions", [{"Field": "path-pattern", "RegexValues": ["/.*"]}]),
        (
            "InvalidAction",
            "regular expressions",
            [{"Field": "host-header", "HostHeaderConfig": {"RegexValues": ["a"]}}],
        ),
        ("InvalidAction", "source-ip", [{"Field": "source-ip", "SourceIpConfig": {"Values": ["10.0.0.0/8"]}}]),
        ("InvalidAction", "http-header", [{"Field": "http-header", "Values": ["x"]}]),
        ("InvalidAction", "query-string", [{"Field": "query-string", "QueryStringConfig": {"Values": []}}]),
        ("InvalidAction", "http-request-method", [{"Field": "http-request-method", "Values": ["GET"]}]),
        ("ValidationError", "cannot be specified", [{**PATH, "HostHeaderConfig": {"Values": ["x"]}}]),
        *(
            ("ValidationError", "not valid", [{"Field": field, "Values": [value]}])
            for field, values in (
                ("path-pattern", ["", "/" * 129, "/a b", "/ä", "/a%20b", r"/a\*", "/a(b)", "/a\n"]),
                (
                    "host-header",
                    ["localhost", "example.c0m", "127.0.0.1", "example.*", "example.", "a_b.org", "a.b:80"],
                ),
            )
            for value in values
        ),
        ("ValidationError", "not both", [{**PATH, "PathPatternConfig": {"Values": PATH["Values"]}}]),
        ("ValidationError", "'6' condition wildcards", [{"Field": "path-pattern", "Values": ["/*/*/*", "/?/?/*/*"]}]),
    ],
)
def test_refused_conditions(api: Api, code: str, words: str, conditions: list[Json]) -> None:
    listener = api.listener(api.balancer(), FIXED)
    refused(code, words, lambda: api.rule(listener, 1, Conditions=conditions))
    assert len(api("DescribeRules", ListenerArn=listener["ListenerArn"])["Rules"]) == 1


def test_every_character_that_a_condition_may_have(api: Api) -> None:
    listener = api.listener(api.balancer(), FIXED)
    path = {"Field": "path-pattern", "Values": ["""/aZ09_-.$/~"'@:+&*?"""]}
    host = {"Field": "host-header", "HostHeaderConfig": {"Values": ["*.Ex-4?ple.cOm"]}}
    made = api.rule(listener, 1, Conditions=[path, host])["Conditions"]
    assert [each["Values"] for each in made] == [path["Values"], ["*.Ex-4?ple.cOm"]]


def test_transforms_are_refused_by_name(api: Api) -> None:
    listener = api.listener(api.balancer(), FIXED)
    transforms = [{"Type": "url-rewrite", "UrlRewriteConfig": {"Rewrites": [{"Regex": "a", "Replace": "b"}]}}]
    refused("InvalidAction", "Transforms", lambda: api.rule(listener, 1, Transforms=transforms))
