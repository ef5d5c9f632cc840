# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A fenced write goes out on a fresh look at the service, which the transport makes when the call is being sent."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import aws, fence, waits, writes
from ansible_collections.steady.ecs.plugins.module_utils.rules import intent, records, release
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Task, TooLate

from tests.edges.test_transport import Hands, Lease, sent
from tests.testbed.beds import Bed, World

NOW = "2026-11-27T10:00:00Z"
LOOK, UPDATE = "DescribeServices", "UpdateService"


class Hold(Lease):
    """The lease of a release, with its record."""

    seq = 1

    def __init__(self, record: dict[str, Any]) -> None:
        super().__init__()
        self.store = types.SimpleNamespace(record=lambda _seq: record, records=dict)


class Busy(Hands):
    """Something happens at the first sleep."""

    meanwhile: Callable[[], object] | None = None

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        happens, self.meanwhile = self.meanwhile, None
        if happens:
            happens()


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Busy:
    found = Busy()
    monkeypatch.setattr(waits, "clock", found)
    return found


@pytest.fixture
def hold(world: World) -> Hold:
    primary = world.service()["deployments"][0]
    before = {
        "task_definition": primary["taskDefinition"],
        "deployment": primary["id"],
        "settings": {},
        "running": 1,
        "desired": 1,
        "attributes": {},
    }
    identity = records.Identity("000000000000", "us-east-1", world.name, "web")
    wanted = {"changes": {"cpu": "512"}, "definition": {}, "images": {}, "settings": {}, "attributes": {}}
    request = release.Request(identity, "deploy", intent.intent(before["task_definition"], **wanted), {}, "nonce")
    return Hold(release.opening(records.new_head(), {}, request, before, NOW).record)


@pytest.fixture
def task(world: World, home: object, hold: Hold, hands: Busy) -> Task:
    """Fenced on a look that was made this moment."""
    options = {"region": "us-east-1", "endpoint_url": world.bed.endpoint, "validate_certs": True}
    options |= {"access_key": "AKIAX", "secret_key": "x", "cluster": world.name, "service": "web"}
    found = Task(params=options, connection=aws.Connection(options))
    found.lease = hold
    return fence.over(found, hold, world.service())  # type: ignore[arg-type]


@pytest.fixture
def calls(world: World, task: Task) -> Callable[[], list[str]]:
    """The looks and updates since the test began, in their order."""

    def found() -> list[str]:
        log = [each["operation"] for each in world.bed.admin("GET", "/_bed/calls")[1]["log"]]
        return [each for each in log[before:] if each in (LOOK, UPDATE)]

    before = 0
    before = len(world.bed.admin("GET", "/_bed/calls")[1]["log"])
    return found


def update(world: World, task: Task) -> dict[str, Any]:
    return writes.update_service(task, world.name, "web", {"desiredCount": 2}, lambda one: one["desiredCount"] == 2)


def by_hand(world: World) -> Callable[[], None]:
    """Somebody deploys another revision in the console."""
    other = world.register("v2")

    def deployed() -> None:
        world.ecs.update_service(cluster=world.name, service="web", taskDefinition=other)

    return deployed


def failing(bed: Bed, kind: str, **which: Any) -> None:
    bed.admin("PUT", "/_bed/faults", [{"operation": UPDATE, "kind": kind, "times": 1, **which}])


def test_what_is_sent_at_once_needs_no_other_look(world: World, task: Task, calls: Callable[[], list[str]]) -> None:
    assert update(world, task)["desiredCount"] == 2
    assert calls() == [UPDATE]


def test_what_is_sent_later_is_preceded_by_a_look(
    world: World, task: Task, hands: Busy, calls: Callable[[], list[str]]
) -> None:
    hands.moment += fence.FRESH
    update(world, task)
    assert calls() == [LOOK, UPDATE]


def test_each_round_of_a_throttled_write_has_its_own_look(
    world: World, task: Task, calls: Callable[[], list[str]]
) -> None:
    failing(world.bed, "throttle", times=2)
    update(world, task)
    assert calls() == [UPDATE, LOOK, UPDATE, LOOK, UPDATE]


@pytest.mark.parametrize("kind", ["throttle", "reset", "server_error"])
def test_what_somebody_deploys_between_two_rounds_stays(world: World, task: Task, hands: Busy, kind: str) -> None:
    failing(world.bed, kind)
    hands.meanwhile = by_hand(world)
    with pytest.raises(Failure, match="Somebody else has changed web since release"):
        update(world, task)
    assert world.service()["desiredCount"] == 3


@pytest.mark.parametrize("seconds", [3, 200], ids=["within the lease", "past the lease"])
def test_what_somebody_deploys_while_the_process_stands_still_stays(
    world: World, task: Task, hold: Hold, hands: Busy, seconds: float
) -> None:
    """A look before the call would let this one through: the process stands still after it."""
    deploy, client = by_hand(world), aws.writing(task, "ecs")

    def stand_still(**_request: Any) -> None:
        if hands.moment == 1000:
            hands.moment += seconds
            hold.over = seconds > hold.ttl
            deploy()

    client.meta.events.register("request-created", stand_still)
    with pytest.raises(Failure) as found:
        update(world, task)
    assert (found.value.fields["reason"], hold.renewals) == ("fenced", int(seconds > hold.ttl))
    assert world.service()["desiredCount"] == 3


def test_what_is_refused_stays_so_and_a_look_that_was_not_answered_is_none(
    world: World, task: Task, hands: Busy, monkeypatch: pytest.MonkeyPatch
) -> None:
    hands.moment += fence.FRESH

    def unanswered(*_asked: Any) -> dict[str, Any]:
        raise Failure("no answer", reason="no_answer")

    with monkeypatch.context() as patched:
        patched.setattr(fence.reads, "service", unanswered)
        with pytest.raises(TooLate, match="Without that look nothing is sent"):
            fence.passed(task)
    by_hand(world)()
    for _again in range(2):
        with pytest.raises(Failure, match="Somebody else has changed web"):
            fence.passed(task)
    assert sent(world.bed, UPDATE) == [None], "theirs"


def test_outside_a_release_nothing_is_fenced(task: Task) -> None:
    plain = Task(params={}, connection=None)
    assert fence.over(plain, None) is plain
    fence.passed(plain)
