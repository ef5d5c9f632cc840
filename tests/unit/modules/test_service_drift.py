# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Drift, judged by what it asks AWS, what it answers and what it leaves in drift.json."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import reads
from ansible_collections.steady.ecs.plugins.module_utils.rules import approval
from ansible_collections.steady.ecs.plugins.modules import service_drift

from testbed.elbv2.attributes import TARGET_GROUP
from testbed.production import task_definition as production
from tests.unit.modules.drifting import DECLARED, released, settled
from tests.unit.modules.releases import ACCOUNT, CLUSTER, DURATION, FAMILY, GROUP, REGION, SERVICE
from tests.unit.modules.stack_world import Stacks, template
from tests.unit.modules.system import System
from tests.unit.task_definitions import URL, URL_BEFORE

SECRET = "canary-5e1d"
SAFE = ["CORAL_SESSIONS", "CORAL_SSE_URL"]
ANSWERED = {
    "changed",
    "status",
    "outcome",
    "reason",
    "summary",
    "differences",
    "elsewhere",
    "template",
    "columns",
    "to_write",
    "released",
    "undeclared",
    "findings",
    "ignored",
    "checked",
    "not_looked_at",
    "calls",
    "digest",
    "diff",
    *("service", "account", "region", "cluster"),
}


@pytest.fixture(autouse=True)
def nothing_remembered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setattr(reads, "_definitions", {})
    monkeypatch.setattr(approval, "MOST_ROUNDS", approval.FEWEST_ROUNDS)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("CI", raising=False)
    yield


@pytest.fixture
def system() -> System:
    return System()


def paths(found: list[dict[str, Any]]) -> list[str]:
    return [each["path"] for each in found]


def test_the_plan_of_the_production_deployment(system: System) -> None:
    found = system.run(service_drift, safe_environment=SAFE, **DECLARED)
    assert set(found) == ANSWERED
    assert (found["status"], found["outcome"], found["changed"]) == ("DRIFTED", "drifted", False)
    assert found["checked"] == 9 + 2 + 1
    agents = [f"containerDefinitions[agent-{number}].environment[CORAL_SSE_URL]" for number in range(1, 9)]
    sessions = "containerDefinitions[coral].environment[CORAL_SESSIONS]"
    assert paths(found["differences"]) == [sessions, *agents, DURATION]
    first, second, *_rest, last = found["differences"]
    assert (first["type"], first["actual"]) == ("ADD", "pool-0,pool-1,pool-2,pool-3,pool-4")
    assert (second["type"], second["expected"], second["actual"]) == ("NOT_EQUAL", URL, URL_BEFORE)
    assert (last["resource"], last["expected"], last["actual"]) == (
        "target group pardon-production-coral-tg",
        "86400",
        "3600",
    )
    assert found["summary"] == f"{SERVICE}: 10 declared properties are not live"
    assert found["diff"]["before"][DURATION] == "3600"
    assert len(system.lines) == 10
    assert found["not_looked_at"]


def test_what_was_deployed_is_in_sync_in_four_calls(system: System) -> None:
    found = settled(system).run(service_drift, **DECLARED)
    assert (found["status"], found["outcome"], found["differences"]) == ("IN_SYNC", "unchanged", [])
    assert found["diff"] == {"before": {}, "after": {}}
    assert sorted(system.calls) == [
        "describe_services",
        "describe_target_group_attributes",
        "describe_target_groups",
        "describe_task_definition",
    ]
    assert system.lines == system.warnings == []


def test_a_value_of_the_environment_is_shown_nowhere(system: System, tmp_path: Path) -> None:
    system.container("coral")["environment"].append({"name": "TOKEN", "value": SECRET})
    changes = {"containers": {"coral": {"environment": {"TOKEN": f"{SECRET}-new"}}}}
    ignore = [{"path": "*agent-1*", "resource": None, "reason": "r", "until": "2999-01-01"}]
    changes["containers"]["agent-1"] = {"environment": {"KEY": SECRET}}
    found = system.run(service_drift, changes=changes, ignore=ignore, file=str(tmp_path / "drift.json"))
    assert (len(found["differences"]), len(found["ignored"])) == (1, 1)
    shown = json.dumps(found) + "".join(system.lines) + (tmp_path / "drift.json").read_text()
    assert "TOKEN" in shown and SECRET not in shown


# -- what is not checked


@pytest.mark.parametrize(
    ("operation", "code", "words"),
    [
        ("describe_services", "AccessDeniedException", "AWS refused it"),
        ("describe_task_definition", "ExpiredTokenException", "expired"),
        ("describe_target_groups", "Throttling", "Throttling"),
        ("describe_target_group_attributes", "nothing answers", "./steady bed start"),
    ],
)
def test_an_answer_that_cannot_be_had_is_a_status(system: System, operation: str, code: str, words: str) -> None:
    system.refused[operation] = code
    found = system.run(service_drift, **DECLARED)
    assert set(found) == ANSWERED
    assert (found["status"], found["outcome"], found["checked"]) == ("NOT_CHECKED", "error", 0)
    assert words in found["reason"] and words in found["summary"]


def test_a_service_that_does_not_exist_is_not_checked(system: System) -> None:
    found = system.run(service_drift, service="other")
    assert found["status"] == "NOT_CHECKED" and SERVICE in found["reason"]


@pytest.mark.parametrize("elsewhere", [{"account": "111122223333"}, {"region": "eu-west-1"}])
def test_a_service_of_elsewhere_is_not_compared(system: System, elsewhere: dict[str, str]) -> None:
    found = settled(system).run(service_drift, **{**DECLARED, **elsewhere})
    assert (found["status"], found["differences"]) == ("NOT_CHECKED", [])
    assert "account and Region" in found["reason"]


def test_a_declaration_that_cannot_be_meant_fails_and_is_in_the_report(system: System, tmp_path: Path) -> None:
    file = tmp_path / "drift.json"
    found = system.run(service_drift, attributes={"stickiness.enable": True}, file=str(file))
    assert found["failed"] and found["reason"] == "declaration" and "Did you mean" in found["msg"]
    assert json.loads(file.read_text())["hosts"][SERVICE]["status"] == "NOT_CHECKED"


# -- the report of all hosts


@pytest.mark.parametrize("check_mode", [False, True])
def test_each_host_adds_itself_to_the_report(system: System, tmp_path: Path, check_mode: bool) -> None:
    file = tmp_path / "reports" / "drift.json"
    system.run(service_drift, file=str(file), host="first", check_mode=check_mode, **DECLARED)
    settled(system).run(service_drift, file=str(file), host="second", check_mode=check_mode, **DECLARED)
    report = json.loads(file.read_text())
    assert (report["schema"], report["status"], report["drifted"]) == (1, "DRIFTED", ["first"])
    assert {name: each["status"] for name, each in report["hosts"].items()} == {"first": "DRIFTED", "second": "IN_SYNC"}
    first = report["hosts"]["first"]
    assert (first["service"], first["account"], first["region"], first["cluster"]) == (
        SERVICE,
        ACCOUNT,
        REGION,
        CLUSTER,
    )
    assert paths(first["differences"])[-1] == DURATION


# -- what nobody declares


def test_what_was_changed_by_hand_and_is_not_declared_counts_when_asked(system: System) -> None:
    declared = {"attributes": {DURATION: 3600}}
    found = system.run(service_drift, **declared)
    assert found["status"] == "IN_SYNC"
    assert paths(found["undeclared"]) == ["deregistration_delay.timeout_seconds", "stickiness.enabled"]
    counted = system.run(service_drift, undeclared=True, **declared)
    assert (counted["status"], counted["differences"]) == ("DRIFTED", [])


@pytest.mark.parametrize("on_record", [False, True])
def test_a_count_that_nobody_declares_is_nobodys_change_wherever_autoscaling_has_it(
    system: System, tmp_path: Path, on_record: bool
) -> None:
    settled(system)
    declared: dict[str, Any] = {"attributes": {DURATION: 86400}}
    if on_record:
        released(system, tmp_path, **declared)
    asked = {"undeclared": True, "store": str(tmp_path), **declared}
    before = system.run(service_drift, **asked)
    system.service["desiredCount"] += 2
    after = system.run(service_drift, **asked)
    compared = ("status", "undeclared", "differences", "findings")
    assert [after[name] for name in compared] == [before[name] for name in compared]
    assert not on_record or after["status"] == "IN_SYNC"


def test_ignored_differences_are_listed_and_count_again_after_their_day(system: System) -> None:
    entry = {"path": DURATION, "resource": None, "reason": "load test", "until": "2999-12-31"}
    declared = {"attributes": {DURATION: 86400}}
    found = system.run(service_drift, ignore=[entry], **declared)
    assert (found["status"], found["differences"]) == ("IN_SYNC", [])
    (ignored,) = found["ignored"]
    assert (ignored["path"], ignored["reason"], ignored["until"]) == (DURATION, "load test", "2999-12-31")
    assert found["summary"].endswith("; 1 ignored")
    late = system.run(service_drift, ignore=[{**entry, "until": "2025-11-27"}], **declared)
    assert late["status"] == "DRIFTED" and "held until 2025-11-27" in late["findings"][0]


def test_a_name_that_left_the_inventory_is_a_finding(system: System, tmp_path: Path) -> None:
    settled(system)
    released(system, tmp_path, **DECLARED)
    assert system.run(service_drift, store=str(tmp_path), **DECLARED)["findings"] == []
    found = system.run(service_drift, store=str(tmp_path), attributes={DURATION: 86400})
    assert found["status"] == "IN_SYNC"
    assert [each.split(": no longer")[0] for each in found["findings"]] == [
        "service: healthCheckGracePeriodSeconds",
        *(f"task definition: containerDefinitions[agent-{n}].environment[CORAL_SSE_URL]" for n in range(1, 9)),
        "target group pardon-production-coral-tg: stickiness.enabled",
    ]
    assert system.lines[-len(found["findings"]) :] == found["findings"]


def test_an_image_that_the_last_release_was_given_is_held_against_what_runs(system: System, tmp_path: Path) -> None:
    content = production()
    content["containerDefinitions"][0]["image"] = "pardon/coral-server:2.0.0"
    system.service["taskDefinition"] = system.register(75, content)
    released(system, tmp_path, images={"coral": "pardon/coral-server:2.0.0"})
    same = system.run(service_drift, store=str(tmp_path))
    assert (same["status"], same["released"], same["findings"]) == ("IN_SYNC", [], [])
    system.service["taskDefinition"] = f"{FAMILY}:74"
    found = system.run(service_drift, store=str(tmp_path))
    assert (found["status"], found["differences"]) == ("DRIFTED", [])
    (image,) = found["released"]
    assert (image["expected"], image["actual"]) == ("pardon/coral-server:2.0.0", "pardon/coral-server:1.0.0")
    assert "1 declared property is not live" in found["summary"]
    assert "taskDefinition" in paths(found["undeclared"])
    named = system.run(service_drift, store=str(tmp_path), images={"coral": "pardon/coral-server:1.0.0"})
    assert (named["status"], named["released"]) == ("IN_SYNC", [])


def test_no_store_is_made_by_looking(system: System, tmp_path: Path) -> None:
    system.run(service_drift, **DECLARED)
    assert list(tmp_path.iterdir()) == []


def test_the_digest_of_a_plan_is_not_in_the_report_that_is_kept(system: System, tmp_path: Path) -> None:
    report = tmp_path / "drift.json"
    found = system.run(service_drift, digest=True, file=str(report), **DECLARED)
    assert found["digest"] and found["digest"] not in report.read_text()
    assert system.run(service_drift, **DECLARED)["digest"] == "", "nobody asked for it, and it takes time"


TEMPLATE = """
Parameters: {Seconds: {Type: Number, Default: 60}}
Resources:
  Role: {Type: "AWS::IAM::Role", Properties: {RoleName: !Sub "${AWS::StackName}-role"}}
  CoralGroup:
    Type: AWS::ElasticLoadBalancingV2::TargetGroup
    Properties:
      Name: pardon-production-coral-tg
      VpcId: !ImportValue vpc
      TargetGroupAttributes:
        - {Key: stickiness.enabled, Value: true}
        - {Key: stickiness.lb_cookie.duration_seconds, Value: 3600}
        - {Key: deregistration_delay.timeout_seconds, Value: !Ref Seconds}
        - {Key: slow_start.duration_seconds, Value: "30"}
"""


def test_c63_the_template_that_would_undo_a_change_is_drift_in_three_columns(system: System, tmp_path: Path) -> None:
    path, declared = tmp_path / "edge.yml", {"attributes": {DURATION: 86400, "stickiness.enabled": True}}
    path.write_text(TEMPLATE)
    system.attributes[GROUP][DURATION] = "86400"
    found = system.run(service_drift, **declared, template=str(path))
    name = "template of target group pardon-production-coral-tg"
    assert (found["status"], found["differences"], found["elsewhere"]) == ("DRIFTED", [], [])
    assert [(each["resource"], each["path"], each["expected"], each["actual"]) for each in found["template"]] == [
        (name, DURATION, "86400", "3600")
    ]
    assert {each["path"]: (each["declared"], each["live"], each["file"]) for each in found["columns"]} == {
        "stickiness.enabled": ("true", "true", "true"),
        DURATION: ("86400", "86400", "3600"),
        "deregistration_delay.timeout_seconds": (None, "60", "!Ref Seconds"),
        "slow_start.duration_seconds": (None, "0", "30"),
    }
    assert f"{name}: {DURATION}: declared 86400, live 86400, file 3600" in system.lines
    assert found["to_write"][1:] == ["TargetGroupAttributes:", f'  - {{Key: {DURATION}, Value: "86400"}}']
    assert "1 declared property is not so in the template" in found["summary"]
    assert ("slow_start.duration_seconds", "30") in [(each["path"], each["actual"]) for each in found["undeclared"]]
    assert not any("template" in each for each in found["not_looked_at"])
    ignored = {"path": DURATION, "resource": "template of *", "reason": "with the next stack", "until": "2999-01-01"}
    assert system.run(service_drift, **declared, template=str(path), ignore=[ignored])["status"] == "IN_SYNC"
    path.write_text(TEMPLATE.replace("3600", '"86400"'))
    assert system.run(service_drift, **declared, template=str(path))["status"] == "IN_SYNC"


def test_c63_the_stack_has_a_column_of_its_own_with_its_parameters_put_in(system: System, tmp_path: Path) -> None:
    path, declared = tmp_path / "edge.yml", {"attributes": {DURATION: 86400}}
    path.write_text(TEMPLATE.replace("3600", "86400"))
    system.attributes[GROUP][DURATION] = "86400"
    body = template(Duration={"Ref": "Seconds"}, Delay={"Ref": "Seconds"})
    stacks = Stacks({GROUP: dict(TARGET_GROUP.defaults)})
    stacks.declare("edge", body, {"CoralGroup": GROUP}, {"Seconds": "3600"})
    system.tags, system.others["cloudformation"] = stacks.tags[GROUP], stacks
    found = system.run(service_drift, **declared, template=str(path))
    rows = {each["path"]: (each["declared"], each["live"], each["stack"], each["file"]) for each in found["columns"]}
    assert rows[DURATION] == ("86400", "86400", "3600", "86400")
    assert rows["deregistration_delay.timeout_seconds"] == (None, "60", "3600", "!Ref Seconds")
    assert rows["stickiness.enabled"] == (None, "true", None, "true")
    (other,) = found["template"]
    assert (other["resource"], other["actual"]) == ("stack of target group pardon-production-coral-tg", "3600")
    assert "1 declared property is not so in the stack" in found["summary"]
    line = f"{DURATION}: declared 86400, live 86400, stack 3600, file 86400"
    assert f"template of target group pardon-production-coral-tg: {line}" in system.lines
    assert found["to_write"][0].startswith("to be written by an update of the stack of target group")
    assert stacks.wrote() == []
    stacks.refused["get_template"] = "AccessDenied"
    unread = system.run(service_drift, **declared, template=str(path))
    assert (unread["status"], [each["stack"] for each in unread["columns"]]) == ("IN_SYNC", [None] * 4)
    assert any("cloudformation:GetTemplate" in each for each in unread["not_looked_at"])


def test_what_a_stack_would_set_is_in_the_plan(system: System) -> None:
    stacks = Stacks({GROUP: dict(TARGET_GROUP.defaults)})
    body = template(Duration={"Ref": "Seconds"})
    stacks.declare("edge", body, {"CoralGroup": GROUP}, {"Seconds": "3600"})
    system.tags, system.others["cloudformation"] = stacks.tags[GROUP], stacks
    found = system.run(service_drift, attributes={DURATION: 86400}, owner="stack", digest=True)
    assert (found["status"], found["elsewhere"], len(found["differences"])) == ("DRIFTED", [], 1)
    assert (
        "cloudformation:ExecuteChangeSet (attributes of pardon-production-coral-tg, by change set" in found["calls"][0]
    )
    assert "parameter Seconds from 3600 to 86400" in found["calls"][0]
    stacks.api.stacks["edge"].status = "UPDATE_ROLLBACK_FAILED"
    refused = system.run(service_drift, attributes={DURATION: 86400}, owner="stack", digest=True)
    assert "no change set: stack edge is UPDATE_ROLLBACK_FAILED" in refused["calls"][0]


def test_which_of_several_resources_it_is_the_tags_of_the_stack_say(system: System, tmp_path: Path) -> None:
    path, declared = tmp_path / "edge.yml", {"attributes": {DURATION: 3600}}
    kind = "AWS::ElasticLoadBalancingV2::TargetGroup"
    own = {"TargetGroupAttributes": [{"Key": DURATION, "Value": "60"}]}
    resources: dict[str, Any] = {"A": {"Type": kind}, "B": {"Type": kind, "Properties": own}}
    path.write_text(json.dumps({"Resources": resources}))
    failed = system.run(service_drift, **declared, template=str(path))
    assert (failed["failed"], failed["reason"]) == (True, "declaration")
    assert "none of A, B" in failed["msg"]
    system.refused["describe_tags"] = "AccessDenied"
    unread = system.run(service_drift, **declared, template=str(path))
    assert unread["status"] == "IN_SYNC"
    assert any("template" in each and "DescribeTags" in each for each in unread["not_looked_at"])
    system.refused.clear()
    system.tags = {"aws:cloudformation:logical-id": "B"}
    (found,) = system.run(service_drift, **declared, template=str(path))["template"]
    assert (found["path"], found["actual"]) == (DURATION, "60")


def test_a_template_that_is_not_there_is_refused(system: System, tmp_path: Path) -> None:
    failed = system.run(service_drift, template=str(tmp_path / "nothing.yml"))
    assert (failed["failed"], failed["reason"]) == (True, "declaration")
    assert "target_group_template: there is no file" in failed["msg"]


def test_c63_what_another_owner_has_to_write_is_drift_with_the_lines(system: System, tmp_path: Path) -> None:
    """Live and declared disagree, and only the owner may settle it: no plan of ours has it."""
    declared = {"attributes": {DURATION: 86400, "stickiness.enabled": True}, "digest": True}
    found = system.run(service_drift, **declared, owner="terraform", file=str(tmp_path / "drift.json"))
    assert (found["status"], found["differences"], found["calls"], found["digest"]) == ("DRIFTED", [], [], "")
    assert [(each["path"], each["actual"]) for each in found["elsewhere"]] == [(DURATION, "3600")]
    assert found["to_write"][1:] == ["stickiness {", "  cookie_duration = 86400", "}"]
    assert "1 declared property is not live" in found["summary"]
    for line in ("stickiness.lb_cookie.duration_seconds: 3600 -> 86400", "  cookie_duration = 86400"):
        assert any(line in each for each in system.lines)
    (host,) = json.loads((tmp_path / "drift.json").read_text())["hosts"].values()
    assert host["elsewhere"] == found["elsewhere"]
    system.attributes[GROUP][DURATION] = "86400"
    found = system.run(service_drift, **declared, owner="terraform")
    assert (found["status"], found["to_write"]) == ("IN_SYNC", [])
