"""The data plane's routing: rules and listeners."""

import socket
from collections.abc import Iterator

import pytest

from tests.testbed.harness import Host, forward, running, until


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


def test_the_order_of_rules(host: Host) -> None:
    entrance = host.listen(fixed("default"))
    site = {"Field": "host-header", "Values": ["example.com"]}
    path = {"Field": "path-pattern", "Values": ["/a"]}
    wanted = ((20, [path], "path"), (10, [site, path], "both"))
    arns = [
        host.elb.create_rule(ListenerArn=entrance.listener, Priority=p, Conditions=c, Actions=[fixed(t)])["Rules"][0][
            "RuleArn"
        ]
        for p, c, t in wanted
    ]
    assert entrance.get("/a", Host="example.com").content == b"both"
    assert entrance.get("/a").content == b"path"
    assert entrance.get("/b", Host="example.com").content == b"default"
    host.elb.delete_rule(RuleArn=arns[1])
    assert entrance.get("/a", Host="example.com").content == b"path"


def test_fixed_response(host: Host) -> None:
    config = {"StatusCode": "418", "MessageBody": '{"a": 1}', "ContentType": "application/json"}
    answer = host.listen({"Type": "fixed-response", "FixedResponseConfig": config}).get()
    assert (answer.status, answer.content) == (418, b'{"a": 1}')
    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.headers["Server"] == "awselb/2.0"


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
