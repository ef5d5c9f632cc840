# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Log options of Service Connect (case C91): a token among them is in no output and no record, declared or live."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import reads, waits
from ansible_collections.steady.ecs.plugins.module_utils.rules import approval
from ansible_collections.steady.ecs.plugins.modules import (
    deployment,
    release,
    release_history,
    release_info,
    release_report,
    service_drift,
    service_preflight,
    service_status,
)

from tests.unit.modules.releases import FAMILY
from tests.unit.modules.system import System
from tests.unit.modules.world import World, refused

Answer = dict[str, Any]
CANARY = "canary-splunk"
PATH = "serviceConnectConfiguration.logConfiguration"


@pytest.fixture(autouse=True)
def nothing_remembered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(reads, "_definitions", {})
    monkeypatch.setattr(approval, "MOST_ROUNDS", approval.FEWEST_ROUNDS)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("CI", raising=False)


def logs(token: str = "", **shown: str) -> Answer:
    options = {"splunk-token": f"{CANARY}-{token}"} if token else {"awslogs-group": "/connect"}
    return {"logDriver": "splunk" if token else "awslogs", "options": {**options, **shown}}


def connect(configuration: Answer) -> Answer:
    return {"enabled": True, "namespace": "internal", "services": [], "logConfiguration": configuration}


def declared(configuration: Answer) -> Answer:
    return {"settings": {"serviceConnectConfiguration": connect(configuration)}}


class Place:
    """The production system with Service Connect, its records and its drift file in a folder."""

    def __init__(self, folder: Path, configuration: Answer) -> None:
        self.folder, self.system = folder, System()
        self.becomes(configuration)
        self.answers: list[Answer] = []

    def becomes(self, configuration: Answer) -> None:
        self.system.service["deployments"][0]["serviceConnectConfiguration"] = connect(configuration)

    def run(self, module: Any, **params: Any) -> Answer:
        found = self.system.run(module, store=str(self.folder / "store"), **params)
        self.answers.append(found)
        assert not found.get("failed"), found
        return found

    def released(self, configuration: Answer) -> None:
        """A release that sets this log configuration, on record, as a play makes it."""
        wish = declared(configuration)
        plan = self.run(service_drift, **wish)["differences"]
        opened = self.run(release, state="opened", differences=plan, **wish)["release"]
        self.becomes(configuration)
        done = {"task_definition": f"{FAMILY}:74", "deployment": "ecs-svc/74"}
        self.run(release, state="applied", release=opened, steps=done)
        self.run(release, state="closed", release=opened, outcome="proven")

    def found(self) -> str:
        """All that was answered, shown and written."""
        written = [each.read_text() for each in sorted(self.folder.rglob("*")) if each.is_file()]
        return json.dumps([self.answers, self.system.lines, self.system.warnings], default=str) + "".join(written)


def test_c91_no_token_is_in_an_answer_or_a_record(tmp_path: Path) -> None:
    place = Place(tmp_path, logs("first"))
    place.released(logs("second"))
    place.becomes(logs("third", **{"splunk-url": f"https://{CANARY}.internal"}))
    place.run(service_drift)
    place.run(service_drift, **declared(logs("fourth")))
    for module in (release_info, release_history, service_status, service_preflight):
        place.run(module)
    place.run(release_report, seq=2, differences=[])
    found = place.found()
    assert PATH in found and "splunk-token" in found, "its name is shown"
    assert CANARY not in found


def test_what_is_live_by_the_release_is_not_called_changed(tmp_path: Path) -> None:
    place = Place(tmp_path, logs())
    place.released(logs("first"))
    assert place.run(release_info)["live_is_current"]
    assert PATH not in json.dumps(place.run(service_drift)["undeclared"])
    place.becomes(logs("first", **{"splunk-sourcetype": "x"}))
    assert not place.run(release_info)["live_is_current"], "what may be shown is compared"


@pytest.mark.parametrize(
    ("before", "is_known"), [(logs(), True), (logs(mode="blocking"), True), (logs("first"), False)]
)
def test_a_rollback_restores_what_is_on_record_whole_and_names_the_rest(
    tmp_path: Path, before: Answer, is_known: bool
) -> None:
    """Half of a log configuration would be another one, and a marker in the place of a token would be sent to AWS."""
    place = Place(tmp_path, before)
    place.released(logs("second"))
    target = place.run(release_info)["target"]
    wanted = target["settings"]["serviceConnectConfiguration"]
    assert wanted.get("logConfiguration") == (before if is_known else None)
    assert target["not_restorable"] == ([] if is_known else [PATH])
    commands = place.run(release_report, seq=2)["markdown"]
    assert CANARY not in commands and '"hidden"' not in commands
    assert (f"These commands leave as they are: {PATH}" in commands) is not is_known


@pytest.mark.parametrize(("before", "is_said"), [(logs(), False), (logs("first"), True)])
def test_what_no_way_back_brings_back_is_said_before_the_release(tmp_path: Path, before: Answer, is_said: bool) -> None:
    found = Place(tmp_path, before).run(service_preflight, **declared(logs("second")))["findings"]
    assert any(f"no way back for {PATH}" in each for each in found) is is_said


def test_options_that_are_no_secret_are_on_record(tmp_path: Path) -> None:
    fire = {"logDriver": "awsfirelens", "options": {"Name": "cloudwatch", "region": "us-east-1", "log_group_name": "g"}}
    place = Place(tmp_path, fire)
    place.released({**fire, "options": {**fire["options"], "region": "eu-west-1"}})
    target = place.run(release_info)["target"]
    assert target["settings"]["serviceConnectConfiguration"]["logConfiguration"] == fire
    assert target["not_restorable"] == []


def test_what_is_really_called_so_is_restored(tmp_path: Path) -> None:
    place = Place(tmp_path, logs())
    tags = {"settings": {"tags": {"visibility": "public"}}}
    place.system.service["tags"] = [{"key": "visibility", "value": "hidden"}]
    plan = place.run(service_drift, **tags)["differences"]
    opened = place.run(release, state="opened", differences=plan, **tags)["release"]
    place.system.service["tags"] = [{"key": "visibility", "value": "public"}]
    place.run(release, state="closed", release=opened, outcome="proven")
    target = place.run(release_info)["target"]
    assert (target["settings"], target["not_restorable"]) == ({"tags": {"visibility": "hidden"}}, [])


def test_a_record_of_before_this_rule_is_compared_and_shown_like_any_other(tmp_path: Path) -> None:
    place = Place(tmp_path, logs("first"))
    place.released(logs("second"))
    for each in (tmp_path / "store").rglob("0*.json"):
        each.write_text(each.read_text().replace('"splunk-token": "hidden"', f'"splunk-token": "{CANARY}-second"'))
    assert CANARY in place.found()
    place.answers = []
    assert place.run(release_info)["live_is_current"]
    place.run(release_report, seq=2)
    place.run(release_history)
    assert CANARY not in json.dumps(place.answers)


def test_the_rollout_sends_the_token_and_shows_none(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    monkeypatch.setattr(waits, "clock", world)
    world.service["deployments"][0]["serviceConnectConfiguration"] = connect(logs("first"))
    options = {name: option.get("default") for name, option in deployment.SPEC.options.items()}
    params = {**options, "cluster": "c1", "service": "web", **declared(logs("second")), "wait": False}
    answers = [world.run(deployment.run, params, check_mode=True)]
    world.fail("update_service", refused("InvalidParameterException", f"The token {CANARY}-second is not one."))
    answers += [world.run(deployment.run, params), world.run(deployment.run, params)]
    assert world.writes()[-1]["serviceConnectConfiguration"]["logConfiguration"] == logs("second")
    assert "The token hidden is not one" in answers[1]["msg"]
    text = json.dumps([answers, world.lines], default=str)
    assert CANARY not in text
    assert '"splunk-token": "hidden:' in text


@pytest.mark.parametrize("wrong", [CANARY, [CANARY], {"logConfiguration": CANARY}, {"logConfiguration": [CANARY]}])
def test_what_is_refused_is_not_quoted(tmp_path: Path, wrong: Any) -> None:
    given = {"enabled": True, **wrong} if isinstance(wrong, dict) else wrong
    found = System().run(service_preflight, store=str(tmp_path), settings={"serviceConnectConfiguration": given})
    assert found["failed"] and "must be a mapping" in found["msg"] and CANARY not in json.dumps(found, default=str)
