# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Cases of a service's settings, on the bed."""

from __future__ import annotations

import dataclasses

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.rules import settings
from ansible_collections.steady.ecs.plugins.modules import deployment

from tests.cases.conftest import Place
from tests.testbed.beds import PORT


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
