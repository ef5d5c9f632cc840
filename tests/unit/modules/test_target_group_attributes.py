# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module target_group_attributes, judged by what it calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import waits
from ansible_collections.steady.ecs.plugins.module_utils.work import Task, perform
from ansible_collections.steady.ecs.plugins.modules import target_group_attributes as module
from botocore.exceptions import ClientError, ConnectionClosedError

from testbed.elbv2.attributes import TARGET_GROUP, changed_target_group

Answer = dict[str, Any]

MODIFY = "modify_target_group_attributes"
DURATION = "stickiness.lb_cookie.duration_seconds"
STICKY = {"stickiness.enabled": True, "stickiness.type": "lb_cookie", DURATION: 86400}


def arn_of(name: str) -> str:
    return f"arn:aws:elasticloadbalancing:us-east-1:111122223333:targetgroup/{name}/6cd8923ffc120347"


class Balancing:
    """Service ``web`` and its target groups. It is connection, client and clock."""

    def __init__(self, *names: str) -> None:
        self.attributes = {
            arn_of(name): {**TARGET_GROUP.defaults, "stickiness.enabled": "true", DURATION: "3600"} for name in names
        }
        self.groups = list(self.attributes)
        self.protocol = "HTTP"
        self.owner: str | None = None
        self.warnings: list[str] = []
        self.calls: list[tuple[str, Answer]] = []
        self.faults: list[Callable[[], Exception] | None] = []
        self.lose_answer = False
        self.stale_reads = 0
        self.seconds = 0.0

    def client(self, _service: str, _attempts: int) -> Balancing:
        return self

    def now(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    def describe_services(self, **asked: Any) -> Answer:
        balancers = [{"targetGroupArn": arn, "containerName": "app", "containerPort": 80} for arn in self.groups]
        return {"services": [{"serviceName": "web", "status": "ACTIVE", "loadBalancers": balancers}]}

    def describe_target_groups(self, **asked: Any) -> Answer:
        if set(asked["TargetGroupArns"]) - set(self.attributes):
            raise refusal("TargetGroupNotFound")
        return {
            "TargetGroups": [
                {
                    "TargetGroupArn": arn,
                    "TargetGroupName": arn.split("/")[1],
                    "Protocol": self.protocol,
                    "TargetType": "ip",
                }
                for arn in asked["TargetGroupArns"]
            ]
        }

    def describe_target_group_attributes(self, **asked: Any) -> Answer:
        self.calls.append(("describe", asked))
        found = dict(self.attributes[asked["TargetGroupArn"]])
        if self.modified() and self.stale_reads:
            self.stale_reads -= 1
            found[DURATION] = "3600"
        return {"Attributes": [{"Key": key, "Value": value} for key, value in found.items()]}

    def modify_target_group_attributes(self, **asked: Any) -> Answer:
        self.calls.append((MODIFY, asked))
        fault = self.faults.pop(0) if self.faults else None
        if fault is not None:
            raise fault()
        arn = asked["TargetGroupArn"]
        self.attributes[arn] = changed_target_group(self.attributes[arn], asked["Attributes"])
        if self.lose_answer:
            raise lost()
        return {"Attributes": [{"Key": key, "Value": value} for key, value in self.attributes[arn].items()]}

    def __getattr__(self, operation: str) -> Any:
        raise AssertionError(f"no test allows {operation}, and least of all a change of targets")

    def modified(self) -> list[Answer]:
        return [asked for operation, asked in self.calls if operation == MODIFY]

    def run(
        self, attributes: Answer, check_mode: bool = False, target_group: str | None = None, of: Answer | None = None
    ) -> Answer:
        params = {"cluster": "c1", "service": "web", "target_group": target_group, "attributes": attributes}
        params |= {"attributes_of": of or {}, "owner": self.owner, "put_back": False}
        task = Task(params=params, connection=self, check_mode=check_mode, warn=self.warnings.append)
        return perform(task, module.run)


def refusal(code: str, message: str = "") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "ModifyTargetGroupAttributes")


def lost() -> ConnectionClosedError:
    return ConnectionClosedError(endpoint_url="https://elasticloadbalancing.us-east-1.amazonaws.com")


@pytest.fixture
def one(monkeypatch: pytest.MonkeyPatch) -> Iterator[Balancing]:
    made = Balancing("tg-web")
    monkeypatch.setattr(waits, "clock", made)
    yield made


def test_the_production_change_is_one_call_with_one_key_and_then_none(one: Balancing) -> None:
    done = one.run(STICKY)
    assert one.modified() == [
        {"TargetGroupArn": arn_of("tg-web"), "Attributes": [{"Key": DURATION, "Value": "86400"}]},
    ]
    assert (done["changed"], done["target_group_name"]) == (True, "tg-web")
    assert (done["before"][DURATION], done["attributes"][DURATION]) == ("3600", "86400")
    assert done["attributes"] == one.attributes[arn_of("tg-web")]
    assert done["diff"] == {"before": {DURATION: "3600"}, "after": {DURATION: "86400"}}
    again = one.run(STICKY)
    assert (again["changed"], again["differences"], again["before"]) == (False, [], done["attributes"])
    assert len(one.modified()) == 1


def test_check_mode_writes_nothing_and_says_what_would_be(one: Balancing) -> None:
    planned = one.run(STICKY, check_mode=True)
    assert one.modified() == []
    done = one.run(STICKY)
    assert done == planned


@pytest.mark.parametrize("owner", ["terraform", "other"])
def test_attributes_of_another_owner_are_never_written(one: Balancing, owner: str) -> None:
    one.owner = owner
    found = one.run(STICKY)
    assert (found["changed"], one.modified()) == (False, [])
    assert [each["path"] for each in found["differences"]] == [DURATION]
    assert found["attributes"] == found["before"] == one.attributes[arn_of("tg-web")]
    (said,) = one.warnings
    assert "86400" in said
    one.attributes[arn_of("tg-web")][DURATION] = "86400"
    assert (one.run(STICKY)["differences"], len(one.warnings)) == ([], 1)


def test_c18_switching_stickiness_off_is_one_call(one: Balancing) -> None:
    assert one.run({"stickiness.enabled": False})["attributes"]["stickiness.enabled"] == "false"
    assert [each["Attributes"] for each in one.modified()] == [[{"Key": "stickiness.enabled", "Value": "false"}]]


def test_nothing_declared_reads_and_changes_nothing(one: Balancing) -> None:
    assert not one.run({})["changed"]
    assert one.modified() == []


@pytest.mark.parametrize(
    "attributes", [{"stickiness.enabledd": True}, {DURATION: 0}, {"stickiness.type": "app_cookie"}, {DURATION: "24h"}]
)
def test_what_cannot_be_meant_is_refused_before_any_call_that_writes(one: Balancing, attributes: Answer) -> None:
    failed = one.run({"stickiness.enabled": False, **attributes})
    assert failed["reason"] == "declaration"
    assert failed["msg"].startswith("target_group_attributes.")
    assert one.modified() == []


def test_c19_the_protocol_of_the_group_decides(one: Balancing) -> None:
    one.protocol = "TCP"
    assert "source_ip" in one.run({"stickiness.enabled": False, "stickiness.type": "lb_cookie"})["msg"]
    assert one.modified() == []


def test_c19_fails_on_a_tool_that_knows_one_kind_of_group(one: Balancing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.target_group, "kind", lambda *_asked: module.target_group.APPLICATION)
    with pytest.raises((AssertionError, KeyError)):
        test_c19_the_protocol_of_the_group_decides(one)


def test_several_groups_must_be_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    world = Balancing("tg-a", "tg-b")
    monkeypatch.setattr(waits, "clock", world)
    failed = world.run(STICKY)
    assert failed["reason"] == "declaration"
    assert "tg-a, tg-b" in failed["msg"]
    assert world.run(STICKY, target_group="tg-b")["target_group_arn"] == arn_of("tg-b")
    assert world.run(STICKY, target_group=arn_of("tg-a"))["target_group_name"] == "tg-a"
    assert [each["TargetGroupArn"] for each in world.modified()] == [arn_of("tg-b"), arn_of("tg-a")]


def test_several_groups_are_settled_by_one_call_each(monkeypatch: pytest.MonkeyPatch) -> None:
    world = Balancing("tg-a", "tg-b", "tg-c")
    monkeypatch.setattr(waits, "clock", world)
    of = {"tg-a": STICKY, "tg-b": {"stickiness.enabled": "no", DURATION: 60}}
    planned = world.run({}, check_mode=True, of=of)
    assert world.modified() == []
    done = world.run({}, of=of)
    assert done == planned
    assert world.modified() == [
        {"TargetGroupArn": arn_of("tg-a"), "Attributes": [{"Key": DURATION, "Value": "86400"}]},
        {
            "TargetGroupArn": arn_of("tg-b"),
            "Attributes": [{"Key": "stickiness.enabled", "Value": "false"}, {"Key": DURATION, "Value": "60"}],
        },
    ]
    assert [(each["name"], each["attributes"]) for each in done["target_groups"]] == [
        (name, world.attributes[arn_of(name)]) for name in ("tg-a", "tg-b")
    ]
    assert (done["changed"], done["target_group_arn"], done["attributes"]) == (True, None, {})
    assert world.run({}, of=of)["changed"] is False
    assert len(world.modified()) == 2


def test_what_is_wrong_with_one_group_keeps_all_from_being_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    world = Balancing("tg-a", "tg-b")
    monkeypatch.setattr(waits, "clock", world)
    failed = world.run({}, of={"tg-a": STICKY, "tg-b": {"stickyness.enabled": True}})
    assert failed["reason"] == "declaration"
    assert "target_group_attributes_of.tg-b.stickyness.enabled" in failed["msg"]
    assert world.modified() == []


def test_a_group_of_another_service_is_refused(one: Balancing) -> None:
    failed = one.run(STICKY, target_group="tg-other")
    assert failed["reason"] == "declaration"
    assert "which has: tg-web." in failed["msg"]


def test_a_service_without_group_is_refused(one: Balancing) -> None:
    one.groups = []
    assert one.run(STICKY)["reason"] == "no_target_group"


def test_a_service_without_attributes_to_set_may_have_no_group_or_several(one: Balancing) -> None:
    one.groups = []
    assert one.run({})["changed"] is False
    one.groups = [arn_of("a"), arn_of("b")]
    found = one.run({})
    assert (found["changed"], found["target_group_arn"], one.modified()) == (False, None, [])


def test_c29_a_group_that_was_deleted_under_the_service_is_named(one: Balancing) -> None:
    one.groups.append(arn_of("tg-gone"))
    failed = one.run(STICKY)
    assert failed["reason"] == "target_group_deleted"
    assert arn_of("tg-gone") in failed["msg"]
    assert one.modified() == []


def test_an_answer_that_is_a_moment_old_is_read_again(one: Balancing) -> None:
    one.stale_reads = 3
    assert one.run(STICKY)["attributes"][DURATION] == "86400"
    assert 0 < one.seconds <= 10


def test_a_change_that_does_not_stay_is_told(one: Balancing) -> None:
    one.stale_reads = 1000
    failed = one.run(STICKY)
    assert failed["reason"] == "not_as_declared"
    assert f"target group tg-web: {DURATION}: 3600 -> 86400" in failed["msg"]


def test_a_throttled_call_is_repeated(one: Balancing) -> None:
    one.faults = [lambda: refusal("Throttling", "Rate exceeded")] * 2
    assert one.run(STICKY)["changed"]
    assert len(one.modified()) == 3


def test_a_lost_answer_is_not_followed_by_a_second_call(one: Balancing) -> None:
    one.lose_answer = True
    assert one.run(STICKY)["attributes"][DURATION] == "86400"
    assert len(one.modified()) == 1


def test_a_call_that_never_arrived_is_made_again(one: Balancing) -> None:
    one.faults = [lost]
    assert one.run(STICKY)["attributes"][DURATION] == "86400"
    assert len(one.modified()) == 2


def test_what_aws_refuses_is_passed_on(one: Balancing) -> None:
    one.faults = [lambda: refusal("AccessDenied", "not authorized")]
    failed = one.run(STICKY)
    assert failed["reason"] == "access_denied"
    assert "ModifyTargetGroupAttributes" in failed["msg"]
