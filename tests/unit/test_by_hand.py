# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A restoration as commands: what they ask of AWS is what the rollback would, and what they leave is named."""

from __future__ import annotations

import argparse
import json
import shlex
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.rules import by_hand, records

from tests.unit.answers import GROUP, deployment, revision, service

IDENTITY = records.Identity("111122223333", "us-east-1", "production", "web; rm -rf /")
KEY = "stickiness.lb_cookie.duration_seconds"
CONFIGURATION = {"maximumPercent": 150, "minimumHealthyPercent": 100, "strategy": "ROLLING"}


def restored(**changes: Any) -> dict[str, Any]:
    return {"task_definition": revision(1), "attributes": {}, "settings": {}, "force": False, **changes}


def asked(command: str) -> dict[str, Any]:
    """The arguments of UpdateService in a command, as the CLI reads them."""
    parser = argparse.ArgumentParser()
    for option in ("region", "cluster", "service", "task-definition"):
        parser.add_argument(f"--{option}")
    parser.add_argument("--cli-input-json", type=json.loads, default={})
    parser.add_argument("--force-new-deployment", action="store_true")
    found = vars(parser.parse_args(shlex.split(command)[3:]))
    more = found.pop("cli_input_json")
    return {**{key: value for key, value in found.items() if value}, **more}


def commands(**changes: Any) -> tuple[list[str], list[str]]:
    live = service(deployment(2), deploymentConfiguration=CONFIGURATION, tags=[{"key": "team", "value": "new"}])
    return by_hand.commands(IDENTITY.as_dict(), restored(**changes), live)


def test_the_commands_go_back_in_reverse_order() -> None:
    (update, modify, wait), left = commands(attributes={GROUP: {KEY: "3600", "a": "1; rm -rf /"}})
    assert asked(update)["task_definition"] == revision(1)
    assert asked(update)["service"] == "web; rm -rf /"
    assert shlex.split(modify)[-3:] == ["--attributes", f"Key={KEY},Value=3600", "Key=a,Value=1; rm -rf /"]
    assert shlex.split(wait)[:4] == ["aws", "ecs", "wait", "services-stable"]
    assert left == []


def test_settings_go_back_too_and_a_structure_whole() -> None:
    (update, _wait), _left = commands(settings={"deploymentConfiguration": {"maximumPercent": 200}})
    assert asked(update)["deploymentConfiguration"] == {**CONFIGURATION, "maximumPercent": 200}
    assert asked(update)["task_definition"] == revision(1)


def test_the_revision_that_is_live_is_rolled_anew() -> None:
    (update, _wait), _left = commands(task_definition=revision(2), force=True)
    assert asked(update)["force_new_deployment"] and "task_definition" not in asked(update)


def test_what_takes_other_calls_is_named() -> None:
    balancers = [{"targetGroupArn": GROUP + "other", "containerName": "app", "containerPort": 80}]
    (update, _wait), left = commands(settings={"tags": {"team": "old"}, "loadBalancers": balancers})
    assert left == ["loadBalancers", "tags[team]"]
    assert set(asked(update)) == {"region", "cluster", "service", "task_definition"}


@pytest.mark.parametrize(("options", "is_shown"), [({"awslogs-group": "/g"}, True), ({"splunk-token": "t"}, False)])
def test_c91_a_structure_with_a_log_option_that_may_be_a_secret_is_in_no_command(
    options: dict[str, str], is_shown: bool
) -> None:
    """It is sent whole, so the live options would stand beside what is to change."""
    logs = {"logDriver": "x", "options": options}
    configuration = {"enabled": True, "namespace": "new", "services": [], "logConfiguration": logs}
    live = service(deployment(2, serviceConnectConfiguration=configuration))
    wanted = restored(settings={"serviceConnectConfiguration": {"namespace": "old"}})
    (update, _wait), left = by_hand.commands(IDENTITY.as_dict(), wanted, live)
    sent = {"serviceConnectConfiguration": {**configuration, "namespace": "old"}}
    assert asked(update).items() >= (sent if is_shown else {}).items()
    assert left == ([] if is_shown else ["serviceConnectConfiguration.namespace"])
    assert ("splunk" in update) is False
