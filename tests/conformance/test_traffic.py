"""Requests through an Application Load Balancer to the tasks of a service, as AWS publishes it."""

import select
import time
from email.utils import parsedate_to_datetime
from http.cookies import SimpleCookie
from typing import Any

import pytest

from tests.conformance.place import PORT, Answer, Place, answered, until

pytestmark = pytest.mark.traffic

CHECKS = {
    "HealthCheckPath": "/health",
    "HealthCheckIntervalSeconds": 6,
    "HealthCheckTimeoutSeconds": 2,
    "HealthyThresholdCount": 2,
}


class Served:
    """Three tasks behind a load balancer, with stickiness."""

    def __init__(self, place: Place) -> None:
        self.place, self.balancer, self.group = place, place.balancer(), place.group(**CHECKS)
        place.modify(self.group, stickiness__enabled="true", deregistration_delay__timeout_seconds="20")
        place.listener(self.balancer, {"Type": "forward", "TargetGroupArn": self.group})
        self.cluster = place.service(self.group, 3)

    def get(self, cookies: dict[str, str] | None = None) -> Any:
        return self.place.get(self.balancer, cookies=cookies)

    def stop(self, instance: str) -> None:
        """Stop the task that answers with this name."""
        arns = self.place.ecs.list_tasks(cluster=self.cluster)["taskArns"]
        (mine,) = [arn for arn in arns if arn.endswith(instance)]
        self.place.ecs.stop_task(cluster=self.cluster, task=mine, reason="conformance")


@pytest.fixture(scope="module")
def served(place: Place) -> Served:
    return Served(place)


def test_cookies_and_their_expiry(served: Served) -> None:
    """User guide, sticky-sessions: AWSALB and AWSALBCORS, "an expiration period of 7 days", not configurable."""
    answer = served.get()
    assert answer.status == 200
    seen: SimpleCookie = SimpleCookie()
    for header in answer.headers.get_all("Set-Cookie"):
        seen.load(header)
    assert set(seen) == {"AWSALB", "AWSALBCORS"}
    for morsel in seen.values():
        left = parsedate_to_datetime(morsel["expires"]).timestamp() - time.time()
        assert left == pytest.approx(7 * 86400, abs=120)
        assert morsel["path"] == "/"
    assert seen["AWSALBCORS"]["samesite"] == "None"


def test_a_client_with_its_cookie_stays_and_others_are_spread(served: Served) -> None:
    """User guide, sticky-sessions: requests with the cookie go to the same target; round robin for the others."""
    first = served.get()
    cookies = first.cookies
    for _ in range(10):
        answer = served.get(cookies)
        assert answer.instance == first.instance
        cookies = answer.cookies
    assert len({served.get().instance for _ in range(30)}) == 3


def test_a_cookie_that_means_nothing_is_ignored(served: Served) -> None:
    """User guide, sticky-sessions: the load balancer chooses by its algorithm where no valid cookie names a target."""
    seen = {served.get({"AWSALB": "nonsense"}).instance for _ in range(30)}
    assert len(seen) == 3


def test_a_cookie_is_good_for_its_duration(place: Place, served: Served) -> None:
    """API_TargetGroupAttribute, stickiness.lb_cookie.duration_seconds: "the time period, in seconds, during which
    requests from a client should be routed to the same target"."""
    place.modify(served.group, stickiness__lb_cookie__duration_seconds="1")
    first = served.get()
    until(lambda: served.get(first.cookies).instance != first.instance, place.patience)
    place.modify(served.group, stickiness__lb_cookie__duration_seconds="86400")


def test_a_client_moves_off_a_target_that_is_stopped(served: Served) -> None:
    """User guide, sticky-sessions: a target that fails or is deregistered loses its clients to another one."""
    first, before = served.get(), set(served.place.states(served.group))
    served.stop(first.instance)
    cookies, seen, drained = first.cookies, [first.instance], set()

    def moved() -> bool:
        answer = served.get(cookies)
        assert answer.status == 200  # a stopped task is deregistered before its processes end
        cookies.update(answer.cookies)
        seen.append(answer.instance)
        drained.update(address for address, state in served.place.states(served.group).items() if state == "draining")
        return answer.instance != first.instance

    until(moved, served.place.patience)
    for _ in range(10):
        moved()
    assert len(set(seen)) == 2  # one move, then it stays
    assert drained & before

    def replaced() -> bool:
        now = served.place.states(served.group)
        return sorted(now.values()) == ["healthy"] * 3

    until(replaced, served.place.patience)


def test_a_request_in_flight_is_answered_while_its_target_drains(place: Place, served: Served) -> None:
    """User guide, edit-target-group-attributes, deregistration delay: no new requests, and time for those in flight;
    ECS guide, task-lifecycle-explanation, DEACTIVATING: a stopped task is deregistered first."""
    place.modify(served.group, deregistration_delay__timeout_seconds="600")
    first, before = served.get(), set(place.states(served.group))
    seconds = min(30, place.patience / 3)  # idle_timeout.timeout_seconds is 60
    asked = place.send(served.balancer, f"/?seconds={seconds}", first.cookies)
    served.get()  # the load balancer has passed on what came before this
    served.stop(first.instance)
    until(lambda: "draining" in {place.states(served.group).get(address) for address in before}, place.patience)
    others = {served.get(first.cookies).instance for _ in range(10)}
    assert first.instance not in others
    assert not select.select([asked.sock], [], [], 0)[0], "answered before anything was seen"
    answer = answered(asked)
    assert (answer.status, answer.instance) == (200, first.instance)
    place.modify(served.group, deregistration_delay__timeout_seconds="20")
    until(lambda: list(place.states(served.group).values()).count("healthy") == 3, place.patience)


def test_without_registered_targets_503(place: Place) -> None:
    """User guide, load-balancer-troubleshooting, HTTP 503: "target groups ... have no registered targets"."""
    balancer = place.balancer()
    place.listener(balancer, {"Type": "forward", "TargetGroupArn": place.group()})
    answer = place.get(balancer)
    assert (answer.status, answer.headers["Server"]) == (503, "awselb/2.0")


def test_rules_and_fixed_responses(place: Place) -> None:
    """User guide, rule-action-types and rule-condition-types."""
    balancer = place.balancer()

    def fixed(code: str, body: str) -> dict[str, Any]:
        config = {"StatusCode": code, "MessageBody": body, "ContentType": "text/plain"}
        return {"Type": "fixed-response", "FixedResponseConfig": config}

    listener = place.listener(balancer, fixed("418", "default"))
    paths = [{"Field": "path-pattern", "Values": ["/old/*"]}]
    place.elb.create_rule(ListenerArn=listener, Priority=1, Conditions=paths, Actions=[fixed("410", "gone")])
    answer = place.get(balancer, "/new")
    assert (answer.status, answer.content) == (418, b"default")
    ruled = until(lambda: (found := place.get(balancer, "/old/a?b=c")).status == 410 and found, place.patience)
    assert ruled.content == b"gone"


def test_weights_of_zero_get_nothing(place: Place, served: Served) -> None:
    """API_TargetGroupTuple: weights 0 to 999."""
    empty = place.group()
    tuples = [{"TargetGroupArn": served.group, "Weight": 1}, {"TargetGroupArn": empty, "Weight": 0}]
    kept = {"Enabled": True, "DurationSeconds": 60}  # as the group is sticky, the rule has to be
    action = {"Type": "forward", "ForwardConfig": {"TargetGroups": tuples, "TargetGroupStickinessConfig": kept}}
    place.listener(served.balancer, action, PORT + 1)
    assert {place.get(served.balancer, port=PORT + 1).status for _ in range(20)} == {200}


def test_a_client_stays_with_its_group_of_a_weighted_rule(place: Place, served: Served) -> None:
    """API_TargetGroupStickinessConfig; user guide, rule-action-types, "Sticky sessions and weighted target groups":
    the cookie AWSALBTG holds the group, and AWSALBTGCORS for requests from other sites."""
    other, port = place.group(**CHECKS), PORT + 2
    tuples = [{"TargetGroupArn": arn, "Weight": 1} for arn in (served.group, other)]
    kept = {"Enabled": True, "DurationSeconds": 3600}
    action = {"Type": "forward", "ForwardConfig": {"TargetGroups": tuples, "TargetGroupStickinessConfig": kept}}
    place.listener(served.balancer, action, port)
    arns = place.ecs.list_tasks(cluster=place.service(other, 1))["taskArns"]
    own = {arn.rpartition("/")[2] for arn in arns}

    def get(**cookies: str) -> Answer:
        return place.get(served.balancer, cookies=cookies, port=port)

    met = {answer.instance in own: answer for answer in (get() for _ in range(30))}
    assert set(met) == {True, False}, "both groups"
    for group, first in met.items():
        cookies = {name: value for name, value in first.cookies.items() if name.startswith("AWSALBTG")}
        assert set(cookies) == {"AWSALBTG", "AWSALBTGCORS"}
        assert {get(**cookies).instance in own for _ in range(10)} == {group}
