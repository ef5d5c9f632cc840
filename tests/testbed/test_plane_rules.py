"""The data plane's routing: rules, listeners, and the way through the API's own port."""

import socket
from collections.abc import Iterator

import pytest

from tests.testbed.harness import Entrance, Host, forward, running, until


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with running() as found:
        yield found


# -- rules ---------------------------------------------------------------------------------------------------------


def fixed(text: str, status: str = "200") -> dict[str, object]:
    return {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": status, "MessageBody": text}}


@pytest.mark.parametrize(
    ("condition", "hits", "misses"),
    [
        (
            {"Field": "path-pattern", "Values": ["/img/*.?pg"]},
            [("/img/a/b.jpg?x=1", {})],
            [("/img/a.pg", {}), ("/IMG/a.jpg", {}), ("/x?/img/a.jpg", {})],
        ),
        (
            {"Field": "host-header", "HostHeaderConfig": {"Values": ["*.example.com", "b.org"]}},
            [("/", {"Host": "API.example.com"}), ("/", {"Host": "b.org:8080"})],
            [("/", {"Host": "example.com"}), ("/", {"Host": "b.org.evil"})],
        ),
        (
            {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "X-Beta", "Values": ["yes*"]}},
            [("/", {"x_bETA": "YES please"})],
            [("/", {}), ("/", {"X_Beta": "no"})],
        ),
        (
            {"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "v", "Value": "1*"}, {"Value": "\\*"}]}},
            [("/?v=12", {}), ("/?a=b&V=1", {}), ("/?q=*", {})],
            [("/?v=2", {}), ("/?q=x", {}), ("/v=1", {})],
        ),
        (
            {"Field": "source-ip", "SourceIpConfig": {"Values": ["127.0.0.0/24"]}},
            [("/", {"X_Forwarded_For": "203.0.113.7"})],
            [],
        ),
        (
            {"Field": "source-ip", "SourceIpConfig": {"Values": ["10.0.0.0/8"]}},
            [],
            [("/", {"X_Forwarded_For": "10.1.1.1"})],
        ),
    ],
)
def test_conditions(
    host: Host,
    condition: dict[str, object],
    hits: list[tuple[str, dict[str, str]]],
    misses: list[tuple[str, dict[str, str]]],
) -> None:
    entrance = host.listen(fixed("default"))
    host.elb.create_rule(
        ListenerArn=entrance.listener, Priority=1, Conditions=[condition], Actions=[fixed("matched", "202")]
    )
    for path, headers in hits:
        assert entrance.get(path, **headers).content == b"matched", (path, headers)
    for path, headers in misses:
        assert entrance.get(path, **headers).content == b"default", (path, headers)


def test_method_condition_and_the_order_of_rules(host: Host) -> None:
    entrance = host.listen(fixed("default"))
    method = {"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["POST", "PUT"]}}
    path = {"Field": "path-pattern", "Values": ["/a"]}
    arns = [
        host.elb.create_rule(ListenerArn=entrance.listener, Priority=p, Conditions=c, Actions=[fixed(t)])["Rules"][0][
            "RuleArn"
        ]
        for p, c, t in ((20, [method, path], "both"), (10, [path], "path"))
    ]
    assert entrance.get("/a", "POST").content == b"path"
    host.elb.set_rule_priorities(RulePriorities=[{"RuleArn": arns[0], "Priority": 5}])
    assert entrance.get("/a", "POST").content == b"both"
    assert entrance.get("/a", "GET").content == b"path"
    assert entrance.get("/b", "PUT").content == b"default"
    host.elb.modify_rule(RuleArn=arns[1], Actions=[fixed("changed")])
    assert entrance.get("/a").content == b"changed"
    host.elb.delete_rule(RuleArn=arns[1])
    assert entrance.get("/a").content == b"default"


def test_fixed_response(host: Host) -> None:
    config = {"StatusCode": "418", "MessageBody": '{"a": 1}', "ContentType": "application/json"}
    answer = host.listen({"Type": "fixed-response", "FixedResponseConfig": config}).get()
    assert (answer.status, answer.content) == (418, b'{"a": 1}')
    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.headers["Server"] == "awselb/2.0"


@pytest.mark.parametrize(
    ("config", "status", "location"),
    [
        ({"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}, 301, "https://example.com:443/a/b?c=d"),
        (
            {"Host": "new.#{host}", "Path": "/v2/#{path}", "Query": "", "StatusCode": "HTTP_302"},
            302,
            "http://new.example.com:8080/v2/a/b",
        ),
    ],
)
def test_redirect(host: Host, config: dict[str, str], status: int, location: str) -> None:
    entrance = host.listen({"Type": "redirect", "RedirectConfig": config})
    answer = entrance.get("/a/b?c=d", Host="example.com")
    assert (answer.status, answer.headers["Location"]) == (status, location)


def test_weights_and_no_failover_between_groups(host: Host) -> None:
    app = host.app()
    full, empty = host.group(app), host.group()
    entrance = host.listen(forward(full, empty, weights=(1, 0)))
    host.await_states(full, "healthy")
    assert {entrance.get().status for _ in range(20)} == {200}
    host.elb.modify_listener(ListenerArn=entrance.listener, DefaultActions=[forward(full, empty, weights=(1, 1))])
    statuses = [entrance.get().status for _ in range(60)]
    assert set(statuses) == {200, 503}  # the empty group keeps its share
    host.elb.modify_listener(ListenerArn=entrance.listener, DefaultActions=[forward(full, empty, weights=(0, 0))])
    assert entrance.get().status == 503


# -- listeners -----------------------------------------------------------------------------------------------------


def test_a_listener_moves_to_another_port_and_goes(host: Host) -> None:
    entrance = host.listen(fixed("here"))
    host.elb.modify_listener(ListenerArn=entrance.listener, Port=9090)
    until(lambda: not entrance.open())
    entrance.port = 9090
    until(entrance.open)
    assert entrance.get().content == b"here"
    host.elb.delete_load_balancer(LoadBalancerArn=entrance.balancer)
    until(lambda: not entrance.open())


def test_a_port_that_is_taken_is_refused_by_name(host: Host) -> None:
    made = host.elb.create_load_balancer(Name="taken", Subnets=["subnet-1", "subnet-2"])["LoadBalancers"][0]
    with socket.create_server((made["DNSName"], 8080)), pytest.raises(host.elb.exceptions.ClientError) as failure:
        host.elb.create_listener(
            LoadBalancerArn=made["LoadBalancerArn"], Protocol="HTTP", Port=8080, DefaultActions=[fixed("x")]
        )
    assert "EADDRINUSE" in str(failure.value)
    assert host.elb.describe_listeners(LoadBalancerArn=made["LoadBalancerArn"])["Listeners"] == []


# -- the way through the API's port --------------------------------------------------------------------------------


def test_localstacks_way_to_a_load_balancer(host: Host) -> None:
    entrance, _ = host.served(host.app(), stickiness__enabled="true")
    (balancer,) = host.elb.describe_load_balancers(LoadBalancerArns=[entrance.balancer])["LoadBalancers"]
    endpoint = host.endpoint.removeprefix("http://").split(":")
    api = Entrance(endpoint[0], int(endpoint[1]), "", "")
    answer = api.get(f"/_aws/elb/{balancer['LoadBalancerName']}/a%20b?x=1", X_Beta="yes")
    assert (answer.status, answer.told["path"]) == (200, "/a%20b?x=1")
    assert ["X-Beta", "yes"] in answer.told["headers"]
    assert sorted(answer.cookies) == ["AWSALB", "AWSALBCORS"]
    assert api.get("/_aws/elb/nobody/").status == 404
