"""Deregistration: what clients and the ECS scheduler see of it. Scale 0.05: 20 s of delay take one."""

import http.client
import threading
import time
from collections.abc import Iterator

import pytest

from tests.testbed.harness import Answer, App, Entrance, Handler, Host, running, until


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with running() as found:
        yield found


class Slow:
    """A request that its target answers when it is told to, and after ten seconds without being told."""

    def __init__(self, app: App, entrance: Entrance, stream: bool = False) -> None:
        self.go, self.begun = threading.Event(), threading.Event()
        self.answer: Answer | None = None
        self.failure: Exception | None = None
        app.routes["/slow"] = self.stream if stream else self.wait
        self.thread = threading.Thread(target=self.ask, args=(entrance,))
        self.thread.start()
        assert self.begun.wait(10)

    def wait(self, handler: Handler) -> None:
        self.begun.set()
        self.go.wait(10)
        handler.send(200, b"done")

    def stream(self, handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.wfile.write(b"4\r\nhalf\r\n")
        self.begun.set()
        self.go.wait(10)
        handler.wfile.write(b"4\r\nrest\r\n0\r\n\r\n")

    def ask(self, entrance: Entrance) -> None:
        try:
            self.answer = entrance.get("/slow")
        except http.client.HTTPException as e:
            self.failure = e

    def end(self) -> Answer | None:
        self.thread.join(10)
        assert not self.thread.is_alive()
        return self.answer


def test_requests_in_flight_end_and_nothing_new_arrives(host: Host) -> None:
    app, neighbour = host.app(), host.app()
    entrance, group = host.served(app, neighbour, deregistration_delay__timeout_seconds="200")
    until(lambda: entrance.get().me == neighbour.address)  # round robin: the next one is for `app`
    slow = Slow(app, entrance)
    host.deregister(group, app)
    assert host.states(group)[app.address] == ("draining", "Target.DeregistrationInProgress")
    assert {entrance.get().me for _ in range(10)} == {neighbour.address}
    assert host.held(app)
    slow.go.set()
    answer = slow.end()
    assert answer and (answer.status, answer.content) == (200, b"done")
    until(lambda: not host.held(app))


def test_an_idle_target_is_let_go_at_once_and_shown_as_draining_until_the_delay_ends(host: Host) -> None:
    app = host.app()
    entrance, group = host.served(app, deregistration_delay__timeout_seconds="3600")
    entrance.get()
    host.deregister(group, app)
    until(lambda: not host.held(app))
    assert host.states(group) == {app.address: ("draining", "Target.DeregistrationInProgress")}
    host.elb.register_targets(TargetGroupArn=group, Targets=[{"Id": app.address, "Port": app.port}])
    host.set(group, deregistration_delay__timeout_seconds="20")
    began = time.monotonic()
    host.deregister(group, app)
    until(lambda: host.states(group) == {})
    assert time.monotonic() - began > 0.9
    asked = host.elb.describe_target_health(TargetGroupArn=group, Targets=[{"Id": app.address, "Port": app.port}])
    health = asked["TargetHealthDescriptions"][0]["TargetHealth"]
    assert (health["State"], health["Reason"]) == ("unused", "Target.NotRegistered")


def test_a_delay_shorter_than_the_answer_harms_the_client(host: Host) -> None:
    app = host.app()
    entrance, group = host.served(app, deregistration_delay__timeout_seconds="10")
    slow, began = Slow(app, entrance), time.monotonic()
    host.deregister(group, app)
    answer = slow.end()
    assert answer and answer.status == 502
    assert time.monotonic() - began > 0.4
    until(lambda: not host.held(app))
    slow.go.set()


def test_a_stream_is_cut_off_when_the_delay_ends(host: Host) -> None:
    app = host.app()
    entrance, group = host.served(app, deregistration_delay__timeout_seconds="10")
    slow = Slow(app, entrance, stream=True)
    host.deregister(group, app)
    slow.end()
    assert isinstance(slow.failure, http.client.IncompleteRead)
    assert slow.failure.partial == b"half"
    slow.go.set()


def test_without_a_delay_requests_are_cut_off_at_once(host: Host) -> None:
    app = host.app()
    entrance, group = host.served(app, deregistration_delay__timeout_seconds="0")
    slow = Slow(app, entrance)
    host.deregister(group, app)
    answer = slow.end()
    assert answer and answer.status == 502
    until(lambda: host.states(group) == {})
    slow.go.set()


def test_a_draining_target_that_is_registered_again_serves_again(host: Host) -> None:
    app = host.app()
    entrance, group = host.served(app, deregistration_delay__timeout_seconds="3600")
    host.deregister(group, app)
    assert entrance.get().status == 503
    host.elb.register_targets(TargetGroupArn=group, Targets=[{"Id": app.address, "Port": app.port}])
    host.await_states(group, "healthy")
    assert entrance.get().me == app.address


def test_a_group_without_listeners_has_nothing_to_drain(host: Host) -> None:
    app = host.app()
    group = host.group(app)
    host.deregister(group, app)
    assert host.states(group) == {}
    assert not host.held(app)
