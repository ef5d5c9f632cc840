# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Cases of a service's settings, on the bed."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.rules import service, settings
from ansible_collections.steady.ecs.plugins.modules import deployment, target_group_attributes

from tests.cases.conftest import SOON, Answer, Place
from tests.testbed.beds import PORT

Patch = pytest.MonkeyPatch


def test_c58_a_load_balancer_written_otherwise_is_equal(place: Place) -> None:
    place.at_rest()
    written = [{"containerPort": str(PORT), "containerName": "app", "targetGroupArn": place.group}]
    found = place.run(
        deployment,
        task_definition=place.register("v2"),
        settings={"loadBalancers": written},
        wait_delay=1,
        stable_seconds=5,
    )
    assert [each["path"] for each in found["differences"]] == ["taskDefinition"]
    assert found["verdict"] == "succeeded"


def test_c58_fails_on_a_tool_that_compares_as_it_is_written(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    as_written = dataclasses.replace(settings.SETTINGS["loadBalancers"], normal=lambda _path, value: value)
    monkeypatch.setitem(settings.SETTINGS, "loadBalancers", as_written)
    with pytest.raises((AssertionError, KeyError)):
        test_c58_a_load_balancer_written_otherwise_is_equal(place)


def updates(place: Place) -> list[Answer]:
    """What each UpdateService said, without which service."""
    log = place.bed.admin("GET", "/_bed/calls")[1]["log"]
    found = [each["parameters"] for each in log if each["operation"] == "UpdateService"]
    return [{name: value for name, value in each.items() if name not in ("cluster", "service")} for each in found]


def sends_too(patch: Patch, add: Any) -> None:
    """A tool that sends more, or less, than what differs."""
    ours = service.request
    patch.setattr(service, "request", lambda *asked: add(ours(*asked)))


# -- C55


def test_c55_two_load_balancer_entries_survive_an_image_change(place: Place) -> None:
    other = place.make_group(f"{place.name}-b")
    place.listen(other, PORT + 1)
    entries = [{"targetGroupArn": arn, "containerName": "app", "containerPort": PORT} for arn in (place.group, other)]
    place.at_rest(loadBalancers=entries)
    before = place.service()["loadBalancers"]
    found = place.run(deployment, task_definition=place.register("v2"), **SOON)
    assert found["verdict"] == "succeeded"
    assert place.service()["loadBalancers"] == before
    assert len(place.healthy(place.group) & place.healthy(other)) == 3, "new tasks are in both"


def test_c55_fails_on_a_tool_that_sends_the_entry_it_knows(place: Place, monkeypatch: Patch) -> None:
    def one_entry(arguments: Answer) -> Answer:
        return {**arguments, "loadBalancers": place.service()["loadBalancers"][:1]}

    sends_too(monkeypatch, one_entry)
    with pytest.raises(AssertionError):
        test_c55_two_load_balancer_entries_survive_an_image_change(place)


# -- C57


def test_c57_force_means_new_tasks_once_though_only_an_attribute_changed(place: Place) -> None:
    place.at_rest()
    first = place.service()["deployments"][0]["id"]
    changed = place.run(target_group_attributes, attributes={"deregistration_delay.timeout_seconds": 30})
    assert changed["changed"]
    found = place.run(deployment, force=True, **SOON)
    assert found["verdict"] == "succeeded"
    assert updates(place) == [{"forceNewDeployment": True}]
    assert place.service()["deployments"][0]["id"] != first


def test_c57_fails_on_a_tool_that_ignores_force(place: Place, monkeypatch: Patch) -> None:
    sends_too(monkeypatch, lambda given: {k: v for k, v in given.items() if k != "forceNewDeployment"})
    with pytest.raises(AssertionError):
        test_c57_force_means_new_tasks_once_though_only_an_attribute_changed(place)


# -- C59


def test_c59_a_count_is_sent_alone(place: Place) -> None:
    place.at_rest()
    found = place.run(deployment, settings={"desiredCount": 2}, **SOON)
    assert found["verdict"] == "succeeded"
    assert updates(place) == [{"desiredCount": 2}]


def test_c59_fails_on_a_tool_that_sends_the_network_along(place: Place, monkeypatch: Patch) -> None:
    sends_too(monkeypatch, lambda given: {**given, "networkConfiguration": place.service()["networkConfiguration"]})
    with pytest.raises(AssertionError):
        test_c59_a_count_is_sent_alone(place)
