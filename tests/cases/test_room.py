# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Cases of capacity on a bed with container instances, and of services that another controller deploys."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.rules import (
    causes,
    looks,
    one_off,
    preflight_capacity,
    progress,
)
from ansible_collections.steady.ecs.plugins.modules import deployment, service_preflight, task_run

from tests.cases.conftest import SOON, Answer, Place, until
from tests.cases.test_capacity import a_warning_is_the_end
from tests.testbed.beds import PORT

Patch = pytest.MonkeyPatch
FIXED, ANY = 80, 0
"""Host ports of bridge mode."""
NO_ROOM = "was unable to place a task"


def on_instances(place: Place, tag: str = "v1", port: int | None = None) -> str:
    """A revision for instances. Without a port it is in awsvpc mode, and one task of it fills an instance."""
    mapping = {"containerPort": PORT} | ({} if port is None else {"hostPort": port})
    mode, memory = ("awsvpc", 1500) if port is None else ("bridge", 256)
    container = place.container(tag, memory=memory, portMappings=[mapping])
    made = place.ecs.register_task_definition(
        family=place.name, networkMode=mode, requiresCompatibilities=["EC2"], containerDefinitions=[container]
    )
    return str(made["taskDefinition"]["taskDefinitionArn"])


def one_task(place: Place, port: int | None = None) -> None:
    """A service of one task on the only instance."""
    place.instance()
    group, more = place.group, dict[str, Any]()
    if port is not None:
        group, more = place.make_group(f"{place.name}-i", kind="instance"), {"networkConfiguration": None}
        place.listen(group, PORT + 1)
    balancers = [{"targetGroupArn": group, "containerName": "app", "containerPort": PORT}]
    place.at_rest(on_instances(place, port=port), desiredCount=1, launchType="EC2", loadBalancers=balancers, **more)


def deploy(place: Place, revision: str, **more: Any) -> Answer:
    return place.run(deployment, task_definition=revision, **SOON, **{"wait_timeout": 3000, **more})


def warned(place: Place) -> bool:
    return any(NO_ROOM in each for each in place.events())


# -- C47


def c47_refused(place: Place) -> None:
    one_task(place, FIXED)
    found = place.run(service_preflight, changes={"containers": {"app": {"image": "steady/echo:v2"}}})
    assert found.get("failed"), "it was let through"
    assert place.writes() == []
    for words in ("host port 80 is taken", "It needs a free instance", "minimumHealthyPercent below 100"):
        assert words in found["msg"]


def test_c47_a_fixed_host_port_on_one_instance_is_refused_before_the_change(place: Place) -> None:
    c47_refused(place)


def test_c47_fails_where_nobody_asks_for_the_instances(place: Place, monkeypatch: Patch) -> None:
    monkeypatch.setattr(preflight_capacity, "is_asked", lambda _becoming: False)
    with pytest.raises(AssertionError, match="it was let through"):
        c47_refused(place)


@pytest.mark.parametrize("cure", ["a free instance", "a lower percent", "any port"])
def test_c47_each_cure_lets_the_release_through(place: Place, cure: str) -> None:
    one_task(place, FIXED)
    port, settings = FIXED, dict[str, Any]()
    if cure == "a free instance":
        place.instance()
    elif cure == "a lower percent":
        settings = {"deploymentConfiguration": {"minimumHealthyPercent": 0, "maximumPercent": 100}}
        settings["availabilityZoneRebalancing"] = "DISABLED"
    else:
        port = ANY
    ports = [{"containerPort": PORT, "hostPort": port}]
    changes = {"containers": {"app": {"image": "steady/echo:v2", "portMappings": ports}}}
    assert place.run(service_preflight, changes=changes, settings=settings)["ok"]
    found = deploy(place, on_instances(place, "v2", port), settings=settings)
    assert found["verdict"] == "succeeded", found.get("msg")
    if cure != "a lower percent":  # there the port is taken until the old task has stopped
        assert not warned(place)


def c47_cause(place: Place) -> None:
    """Whoever deploys all the same is told by the event what is in the way."""
    one_task(place, FIXED)
    place.clock.at(0, lambda: until(lambda: warned(place)))  # a last look is made after it
    found = deploy(place, on_instances(place, "v2", FIXED), wait_timeout=30)
    assert (found["failed"], found["verdict"]) == (True, "unknown")
    for words in (
        "The host port is taken on each instance",
        "hostPort 0",
        "already using a port required by your task",
    ):
        assert words in found["msg"], found["msg"]
    assert place.service()["runningCount"] == 1, "the old task serves on"


def test_c47_the_event_is_the_cause(place: Place) -> None:
    c47_cause(place)


def test_c47_fails_where_events_are_not_read(place: Place, monkeypatch: Patch) -> None:
    monkeypatch.setattr(causes, "from_events", lambda _events: None)
    with pytest.raises(AssertionError):
        c47_cause(place)


# -- C49


def placed_late(place: Place) -> None:
    """The instance comes up once ECS has warned, however late that is."""
    one_task(place)
    place.clock.at(60, lambda: (until(lambda: warned(place)), place.instance()))
    found = deploy(place, on_instances(place, "v2"))
    assert (found["verdict"], found.get("failed")) == ("succeeded", None), found.get("msg")
    assert any("insufficient memory available" in each["text"] for each in found["timeline"])


def test_c49_a_task_that_finds_room_late_is_a_success_with_a_warning(place: Place) -> None:
    placed_late(place)


def test_c49_fails_on_a_tool_for_which_the_warning_is_the_end(place: Place, monkeypatch: Patch) -> None:
    a_warning_is_the_end(monkeypatch)
    with pytest.raises(AssertionError):
        placed_late(place)


def never_placed(place: Place) -> None:
    """The time ends without room. Whoever reports a failure then goes back, so that room which comes up later serves
    the version from before."""
    one_task(place)
    first, second = place.service()["taskDefinition"], on_instances(place, "v2")
    place.clock.at(0, lambda: until(lambda: warned(place)))  # a last look is made after it
    found = deploy(place, second, wait_timeout=30, fail_on_timeout=True)
    assert (found["failed"], found["verdict"]) == (True, "failed"), "it goes on, and finishes when nobody looks"
    assert "30 s have passed" in found["msg"] and "No instance has so much memory free" in found["msg"]
    assert deploy(place, first)["verdict"] == "succeeded"
    place.instance()
    place.completed(first)
    ran = [*place.tasks(), *place.tasks("STOPPED")]
    assert {each["taskDefinitionArn"] for each in ran} == {first}


def test_c49_after_the_time_it_is_taken_back_where_that_is_declared(place: Place) -> None:
    never_placed(place)


def test_c49_fails_on_a_tool_that_lets_it_finish_unwatched(place: Place, monkeypatch: Patch) -> None:
    real = progress.Progress.give_up

    def wrong(self: progress.Progress, seconds: float, **_more: bool) -> None:
        self.fail_on_timeout = False
        real(self, seconds)

    monkeypatch.setattr(progress.Progress, "give_up", wrong)
    with pytest.raises(AssertionError, match="finishes when nobody looks"):
        never_placed(place)


# -- C50


def warned_before(place: Place) -> None:
    one_task(place)
    place.update(desiredCount=2)
    until(lambda: warned(place), 20)
    place.update(desiredCount=1)
    place.instance()
    found = deploy(place, on_instances(place, "v2"))
    assert (found["verdict"], found.get("failed")) == ("succeeded", None), found.get("msg")
    assert not any(NO_ROOM in each["text"] for each in found["timeline"])


def test_c50_the_warning_of_before_is_not_taken_for_a_new_one(place: Place) -> None:
    warned_before(place)


def test_c50_fails_on_a_tool_that_reads_every_event(place: Place, monkeypatch: Patch) -> None:
    a_warning_is_the_end(monkeypatch)
    with pytest.raises(AssertionError):
        warned_before(place)


# -- C74


def no_room_for_a_job(place: Place) -> None:
    one_task(place)
    found = place.run(task_run, command=["true"], wait_timeout=60)
    assert (found.get("failed"), found["outcome"], found["exit_code"]) == (True, "failed", None)
    assert "no instance of the cluster has so much memory free" in found["msg"].lower()
    assert found["cause"]["reason"] == "RESOURCE:MEMORY"
    assert place.asked("RunTask") == ["RunTask"]


def test_c74_no_room_for_a_one_off_task_is_a_failure(place: Place) -> None:
    no_room_for_a_job(place)


def test_c74_fails_on_a_tool_that_overlooks_failures(place: Place, monkeypatch: Patch) -> None:
    monkeypatch.setattr(one_off, "not_started", lambda _failures, _secrets: {"verdict": "succeeded", "cause": None})
    with pytest.raises((AssertionError, KeyError)):
        no_room_for_a_job(place)


# -- C36


def refused_at_once(place: Place) -> None:
    place.create(place.register(), deploymentController={"type": "CODE_DEPLOY"}, deploymentConfiguration={})
    until(lambda: place.service()["runningCount"] == 3, 20)
    place.forget()
    began = place.clock.now()
    found = deploy(place, place.register("v2"))
    assert found.get("failed"), "it was let through"
    for words in ("deployed by the controller CODE_DEPLOY", "`aws deploy create-deployment`"):
        assert words in found["msg"]
    assert place.asked("UpdateService") == []
    assert place.clock.now() - began < 2000, "nobody waits for it"


def test_c36_a_service_of_code_deploy_is_refused_at_once(place: Place) -> None:
    refused_at_once(place)


def test_c36_fails_on_a_tool_that_does_not_ask_for_the_controller(place: Place, monkeypatch: Patch) -> None:
    monkeypatch.setattr(looks, "controller", lambda _service: "ECS")
    with pytest.raises((AssertionError, KeyError)):
        refused_at_once(place)
