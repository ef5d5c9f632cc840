"""What clients and targets see of the load balancer: routing, streaming, failures. Draining is in test_draining.py."""

import contextlib
import hashlib
import http.client
import itertools
import json
import re
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.testbed.harness import Handler, Host, forward, running, until


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with running() as found:
        yield found


# -- headers and bodies --------------------------------------------------------------------------------------------


def test_the_target_sees_the_request_and_where_it_came_from(host: Host) -> None:
    app = host.app()
    entrance, _ = host.served(app)
    answer = entrance.get("/a%20b/../c?x=%7E&y", Connection="X-Hop", X_Hop="1", X_mIxEd="Value")
    assert answer.status == 200
    assert answer.told["path"] == "/a%20b/../c?x=%7E&y"
    headers = answer.told["headers"]
    assert ["X-mIxEd", "Value"] in headers  # the case is kept
    told = {name.lower(): value for name, value in headers}
    assert told["host"] == f"{entrance.address}:{entrance.port}"
    assert told["x-forwarded-for"] == "127.0.0.1"
    assert (told["x-forwarded-proto"], told["x-forwarded-port"]) == ("http", "8080")
    assert re.fullmatch(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}", told["x-amzn-trace-id"])
    assert "x-hop" not in told


def test_forwarded_headers_that_the_client_sent(host: Host) -> None:
    entrance, _ = host.served(host.app())
    trace = "Root=1-67891233-abcdef012345678912345678"
    sent = {"X_Forwarded_For": "203.0.113.7", "X_Forwarded_Proto": "https", "X_Amzn_Trace_Id": trace}
    told = {name.lower(): value for name, value in entrance.get(**sent).told["headers"]}
    assert told["x-forwarded-for"] == "203.0.113.7, 127.0.0.1"
    assert told["x-forwarded-proto"] == "http"
    assert re.fullmatch(rf"Self=1-[0-9a-f]{{8}}-[0-9a-f]{{24}};{trace}", told["x-amzn-trace-id"])


def test_the_targets_answer_is_passed_on(host: Host) -> None:
    app = host.app()
    app.routes["/"] = lambda handler: handler.send(
        404, b"gone", ("X-cAsE", "1"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("Content-Encoding", "gzip")
    )
    entrance, _ = host.served(app)
    answer = entrance.get()
    assert (answer.status, answer.content) == (404, b"gone")  # not decoded, whatever the encoding says
    assert ("X-cAsE", "1") in answer.headers.items()
    assert answer.headers.get_all("Set-Cookie") == ["a=1", "b=2"]


def test_no_header_is_added_that_the_target_did_not_send(host: Host) -> None:
    app = host.app()

    def plain(handler: Handler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    app.routes["/"] = plain
    entrance, _ = host.served(app)
    answer = entrance.get()
    assert answer.content == b"ok"
    assert {name.lower() for name in answer.headers} <= {"content-length", "date", "connection"}


def test_head_has_a_length_and_no_body(host: Host) -> None:
    entrance, _ = host.served(host.app())
    answer = entrance.get(method="HEAD")
    assert (answer.status, answer.content) == (200, b"")
    assert int(answer.headers["Content-Length"]) > 0


def test_bodies_with_a_length_and_chunked(host: Host) -> None:
    app = host.app()

    def chunked(handler: Handler) -> None:
        digest = hashlib.sha256()
        while size := int(handler.rfile.readline(), 16):
            digest.update(handler.rfile.read(size))
            handler.rfile.readline()
        handler.send(200, digest.hexdigest().encode())

    app.routes["/chunked"] = chunked
    entrance, _ = host.served(app)
    text = "x" * 3_000_000
    assert entrance.get(method="POST", body=text).told["body"] == text
    pieces = (bytes([n % 256]) * 100_000 for n in range(20))
    expected = hashlib.sha256(b"".join(bytes([n % 256]) * 100_000 for n in range(20))).hexdigest()
    assert entrance.get("/chunked", "POST", pieces).content.decode() == expected


def test_a_large_answer(host: Host) -> None:
    app, content = host.app(), bytes(range(256)) * 100_000
    app.routes["/"] = lambda handler: handler.send(200, content)
    entrance, _ = host.served(app)
    assert entrance.get().content == content


def test_expect_100_continue_is_answered_at_once(host: Host) -> None:
    app = host.app()
    entrance, _ = host.served(app)
    with socket.create_connection((entrance.address, entrance.port), 10) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"ok")
        answer = http.client.HTTPResponse(client)
        answer.begin()
        told = json.load(answer)
    assert told["body"] == "ok"
    assert "expect" not in {name.lower() for name, _ in told["headers"]}


def test_events_pass_through_one_by_one(host: Host) -> None:
    app, received = host.app(), threading.Semaphore(0)

    def events(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for number in range(3):
            assert received.acquire(timeout=10)  # the client has everything sent so far
            event = f"data: {number}\n\n".encode()
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
        handler.wfile.write(b"0\r\n\r\n")

    app.routes["/"] = events
    entrance, _ = host.served(app)
    with contextlib.closing(entrance.connect()) as client:
        client.request("GET", "/")
        answer = client.getresponse()  # the headers come before the first event
        assert answer.headers["Content-Type"] == "text/event-stream"
        for number in range(3):
            received.release()
            assert answer.read1() == f"data: {number}\n\n".encode()
        assert answer.read1() == b""


def test_a_request_body_is_passed_on_while_it_is_sent(host: Host) -> None:
    app, first = host.app(), threading.Event()

    def upload(handler: Handler) -> None:
        got = handler.rfile.read(5)
        first.set()
        handler.send(200, got + handler.rfile.read(5))

    app.routes["/"] = upload
    entrance, _ = host.served(app)
    with socket.create_connection((entrance.address, entrance.port), 10) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nfirst")
        assert first.wait(10)
        client.sendall(b"other")
        answer = http.client.HTTPResponse(client)
        answer.begin()
        assert answer.read() == b"firstother"


def test_connections_are_kept_on_both_sides(host: Host) -> None:
    app = host.app()
    entrance, _ = host.served(app, check={"HealthCheckIntervalSeconds": 300})
    before = app.connections
    with contextlib.closing(entrance.connect()) as client:
        local = set()
        for _ in range(5):
            client.request("GET", "/")
            client.getresponse().read()
            assert client.sock is not None
            local.add(client.sock.getsockname())
    assert len(local) == 1
    assert app.connections == before + 1


def test_a_client_that_goes_away_ends_its_request_to_the_target(host: Host) -> None:
    app, begun, over = host.app(), threading.Event(), threading.Event()

    def wait(handler: Handler) -> None:
        begun.set()
        handler.connection.settimeout(10)
        if handler.connection.recv(1) == b"":
            over.set()
        handler.close_connection = True

    app.routes["/"] = wait
    entrance, _ = host.served(app)
    with socket.create_connection((entrance.address, entrance.port), 10) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert begun.wait(10)
    assert over.wait(10)


# -- failures ------------------------------------------------------------------------------------------------------


def test_503_without_registered_targets(host: Host) -> None:
    answer = host.listen(forward(host.group())).get()
    assert answer.status == 503
    assert answer.headers["Server"] == "awselb/2.0"
    assert b"<h1>503 Service Temporarily Unavailable</h1>" in answer.content


def test_502_when_nothing_listens(host: Host) -> None:
    group = host.group()
    entrance = host.listen(forward(group))
    host.elb.register_targets(TargetGroupArn=group, Targets=[{"Id": host.address()}])
    answer = entrance.get()
    assert (answer.status, answer.headers["Server"]) == (502, "awselb/2.0")


@pytest.mark.parametrize("words", [b"", b"HTTP/1.1 200 OK\r\nContent-", b"SSH-2.0-OpenSSH_9.6\r\n\r\n"])
def test_502_when_the_target_breaks_off_before_its_answer_and_no_second_try(host: Host, words: bytes) -> None:
    app = host.app()

    def break_off(handler: Handler) -> None:
        handler.wfile.write(words)
        handler.close_connection = True

    app.routes["/broken"] = break_off
    entrance, _ = host.served(app)
    entrance.get()  # a connection to the target is open and kept: the next request uses it
    assert entrance.get("/broken").status == 502
    assert app.seen.count("/broken") == 1


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_breaks_off_closes_the_clients_connection(host: Host, chunked: bool) -> None:
    app = host.app()

    def break_off(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header(*(("Transfer-Encoding", "chunked") if chunked else ("Content-Length", "100")))
        handler.end_headers()
        handler.wfile.write(b"4\r\nhalf\r\n" if chunked else b"half")
        handler.close_connection = True

    app.routes["/"] = break_off
    entrance, _ = host.served(app)
    with pytest.raises(http.client.IncompleteRead) as failure:
        entrance.get()
    assert failure.value.partial == b"half"


def test_504_when_the_target_is_silent_for_the_idle_timeout(host: Host) -> None:
    app, over = host.app(), threading.Event()
    app.routes["/"] = lambda handler: None if over.wait(10) else None

    def stall(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "100")
        handler.end_headers()
        handler.wfile.write(b"half")
        over.wait(10)

    app.routes["/stall"] = stall
    entrance, _ = host.served(app)
    idle = [{"Key": "idle_timeout.timeout_seconds", "Value": "1"}]
    host.elb.modify_load_balancer_attributes(LoadBalancerArn=entrance.balancer, Attributes=idle)
    assert entrance.get().status == 504
    with pytest.raises(http.client.IncompleteRead):
        entrance.get("/stall")
    over.set()


def test_an_idle_connection_to_a_target_is_closed_after_the_idle_timeout(host: Host) -> None:
    """Neither sooner nor later: an application that keeps its connections for less than that loses requests."""
    app = host.app()
    entrance, _ = host.served(app, check={"HealthCheckIntervalSeconds": 300})
    for seconds in (3, 1):
        idle = [{"Key": "idle_timeout.timeout_seconds", "Value": str(seconds)}]
        host.elb.modify_load_balancer_attributes(LoadBalancerArn=entrance.balancer, Attributes=idle)
        before, asked = app.closed, time.monotonic()
        entrance.get()
        until(lambda before=before: app.closed > before, 10)
        assert time.monotonic() - asked >= seconds


def test_an_idle_client_is_disconnected_after_the_idle_timeout(host: Host) -> None:
    entrance, _ = host.served(host.app())
    idle = [{"Key": "idle_timeout.timeout_seconds", "Value": "1"}]
    host.elb.modify_load_balancer_attributes(LoadBalancerArn=entrance.balancer, Attributes=idle)
    with contextlib.closing(entrance.connect()) as client:
        client.request("GET", "/")
        client.getresponse().read()
        assert client.sock is not None
        assert client.sock.recv(1) == b""  # within the socket's timeout of 10 s


def test_fail_open_when_no_target_is_healthy(host: Host) -> None:
    apps = host.app(), host.app()
    entrance, group = host.served(*apps)
    apps[0].health = 500
    host.await_states(group, "healthy", "unhealthy")
    assert {entrance.get().me for _ in range(10)} == {apps[1].address}
    apps[1].health = 500
    host.await_states(group, "unhealthy", "unhealthy")
    assert {entrance.get().me for _ in range(10)} == {app.address for app in apps}


def test_fail_open_below_the_groups_minimum_of_healthy_targets(host: Host) -> None:
    apps = host.app(), host.app(), host.app()
    limit = "target_group_health.unhealthy_state_routing.minimum_healthy_targets"
    entrance, group = host.served(*apps, **{"target_group_health.dns_failover.minimum_healthy_targets.count": "off"})
    apps[0].health = 500
    host.await_states(group, "healthy", "healthy", "unhealthy")
    well, everybody = {app.address for app in apps[1:]}, {app.address for app in apps}
    for key, value, expected in (
        ("percentage", "60", well),
        ("percentage", "70", everybody),
        ("count", "3", everybody),
    ):
        host.set(group, **{f"{limit}.{key}": value})
        assert {entrance.get().me for _ in range(12)} == expected
        host.set(group, **{f"{limit}.percentage": "off"})


def test_trace_is_not_allowed(host: Host) -> None:
    app = host.app()
    entrance, _ = host.served(app)
    assert (entrance.get(method="TRACE").status, app.seen) == (405, [])


def test_websocket_is_refused_by_name(host: Host) -> None:
    entrance, _ = host.served(host.app())
    found = entrance.get(Upgrade="websocket", Connection="Upgrade")
    assert (found.status, found.content) == (501, b"The test bed does not serve WebSocket.")


# -- algorithms ----------------------------------------------------------------------------------------------------


def test_round_robin_is_even(host: Host) -> None:
    apps = host.app(), host.app(), host.app()
    entrance, _ = host.served(*apps)
    seen = [entrance.get().me for _ in range(30)]
    assert {seen.count(app.address) for app in apps} == {10}


def test_weighted_random_is_even_and_in_no_order(host: Host) -> None:
    apps = host.app(), host.app()
    entrance, _ = host.served(*apps, load_balancing__algorithm__type="weighted_random")
    seen = [entrance.get().me for _ in range(100)]
    assert all(25 <= seen.count(app.address) <= 75 for app in apps)  # 5 standard deviations
    assert any(a == b for a, b in itertools.pairwise(seen))


def test_least_outstanding_requests(host: Host) -> None:
    busy, idle = host.app(), host.app()
    over = threading.Event()
    for app in (busy, idle):
        app.routes["/wait"] = lambda handler: handler.send(200, b"") if over.wait(10) else None
    entrance, _ = host.served(busy, idle, load_balancing__algorithm__type="least_outstanding_requests")
    client = threading.Thread(target=entrance.get, args=("/wait",))
    client.start()
    held = until(lambda: next((app for app in (busy, idle) if "/wait" in app.seen), None))
    other = idle if held is busy else busy
    assert {entrance.get().me for _ in range(10)} == {other.address}
    over.set()
    client.join(10)


def test_slow_start_gives_a_new_target_a_growing_share(host: Host) -> None:
    old, new = host.app(), host.app()
    entrance, group = host.served(old, slow_start__duration_seconds="900")  # scaled: 45 s
    assert {entrance.get().me for _ in range(5)} == {old.address}  # no slow start without a warm neighbour
    host.elb.register_targets(TargetGroupArn=group, Targets=[{"Id": new.address}])
    host.await_states(group, "healthy", "healthy")
    early = [entrance.get().me for _ in range(30)].count(new.address)
    assert early < 10  # its full share is 15
    for seconds in ("30", "900"):  # "when the target becomes healthy, it enters slow start mode again"
        host.set(group, slow_start__duration_seconds=seconds)
        new.health = 500
        host.await_states(group, "healthy", "unhealthy")
        new.health = 200
        host.await_states(group, "healthy", "healthy")
        if seconds == "30":  # scaled: 1.5 s, after which it has its full share
            until(lambda: [entrance.get().me for _ in range(10)].count(new.address) == 5)
    assert [entrance.get().me for _ in range(30)].count(new.address) < 10
