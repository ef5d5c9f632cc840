# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module service_declaration, judged by the files that it leaves and by the plan of what it wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.steady.ecs.plugins.module_utils.edges import project_files, reads
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure
from ansible_collections.steady.ecs.plugins.modules import service_declaration as module
from ansible_collections.steady.ecs.plugins.modules import service_drift

from tests.unit.modules.releases import ACCOUNT, CLUSTER, DURATION, GROUP, REGION, SERVICE
from tests.unit.modules.system import System

HOSTS = "inventories/main/hosts.yml"
VARIABLES = f"inventories/main/host_vars/{SERVICE}.yml"
FILES = ["ansible.cfg", "inventories/main/group_vars/all.yml", VARIABLES, HOSTS, "requirements.yml"]
CANARY = "canary-7f3a-secret"


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> System:
    monkeypatch.setattr(reads, "_definitions", {})
    return System()


def contents(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text(encoding="utf-8")
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def host_variables(folder: Path, name: str = SERVICE) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((folder / f"inventories/main/host_vars/{name}.yml").read_text())
    return found


def written(system: System, folder: Path, **params: Any) -> dict[str, Any]:
    return system.run(module, folder=str(folder), **params)


def test_a_running_service_becomes_a_project(system: System, tmp_path: Path) -> None:
    found = written(system, tmp_path / "new/folder", url="https://pardonsimulator.com")
    assert (found["changed"], found["files"], found["account"]) == (True, FILES, ACCOUNT)
    assert sorted(contents(tmp_path / "new/folder")) == sorted(FILES)
    assert yaml.safe_load((tmp_path / "new/folder" / HOSTS).read_text()) == {"all": {"hosts": {SERVICE: None}}}
    variables = host_variables(tmp_path / "new/folder")
    assert variables == {"service_account": ACCOUNT, "service_region": REGION, **found["declaration"]}
    assert variables["target_group_attributes"] == {
        "deregistration_delay.timeout_seconds": 60,
        "stickiness.enabled": True,
        DURATION: 3600,
        "stickiness.type": "lb_cookie",
    }
    assert variables["service_cluster"] == CLUSTER
    assert "health_desired_count" not in variables, "autoscaling may move the count, and the next release would go back"
    assert len(variables["health_containers"]) == 9
    assert set(system.calls) == {
        "describe_services",
        "describe_task_definition",
        "describe_target_groups",
        "describe_target_group_attributes",
    }


def test_what_was_written_down_is_in_sync_until_somebody_changes_it(system: System, tmp_path: Path) -> None:
    written(system, tmp_path)
    variables = host_variables(tmp_path)
    declared = {
        "settings": variables["rollout_settings"],
        "attributes": variables["target_group_attributes"],
        "target_group": variables["target_group_name"],
        "store": str(tmp_path / "store"),
    }
    found = system.run(service_drift, **declared)
    assert (found["status"], found["differences"], found["checked"]) == ("IN_SYNC", [], 9)
    system.attributes[GROUP][DURATION] = "86400"
    system.service["deploymentConfiguration"]["minimumHealthyPercent"] = 50
    found = system.run(service_drift, **declared)
    assert [(each["path"], each["actual"]) for each in found["differences"]] == [
        (DURATION, "86400"),
        ("deploymentConfiguration.minimumHealthyPercent", 50),
    ]


def test_nothing_of_a_containers_content_is_written_down(system: System, tmp_path: Path) -> None:
    container = system.container("coral")
    container["environment"] += [{"name": "TOKEN", "value": CANARY}]
    container["command"] = ["serve", CANARY]
    container["image"] = f"example.com/coral:{CANARY}"
    container["dockerLabels"] = {"label": CANARY}
    values = {each["value"] for each in container["environment"] if len(each["value"]) > 5}
    found = json.dumps(written(system, tmp_path)) + json.dumps(contents(tmp_path))
    assert not {each for each in values if each in found}
    assert CANARY not in found
    assert "TOKEN" not in found


def test_check_mode_shows_the_files_and_writes_none(system: System, tmp_path: Path) -> None:
    planned = system.run(module, check_mode=True, folder=str(tmp_path / "project"))
    assert list(tmp_path.iterdir()) == []
    assert {each["after_header"]: each["after"] for each in planned["diff"]}.keys() == set(FILES)
    done = written(system, tmp_path / "project")
    assert planned == done, "the same keys and the same answer"
    assert contents(tmp_path / "project") == {each["after_header"]: each["after"] for each in planned["diff"]}


def test_the_second_time_nothing_changes(system: System, tmp_path: Path) -> None:
    written(system, tmp_path)
    before = contents(tmp_path)
    again = written(system, tmp_path)
    assert (again["changed"], again["files"], again["diff"]) == (False, [], [])
    assert contents(tmp_path) == before


@pytest.mark.parametrize("check_mode", [False, True])
def test_host_variables_that_people_wrote_are_not_overwritten(system: System, tmp_path: Path, check_mode: bool) -> None:
    path = tmp_path / VARIABLES
    path.parent.mkdir(parents=True)
    path.write_text("service_name: mine\n")
    found = system.run(module, check_mode=check_mode, folder=str(tmp_path))
    assert (found["failed"], found["reason"]) == (True, "exists")
    assert str(path) in found["msg"]
    assert "Move it away" in found["msg"]
    assert contents(tmp_path) == {VARIABLES: "service_name: mine\n"}


def test_a_projects_own_settings_stay(system: System, tmp_path: Path) -> None:
    (tmp_path / "ansible.cfg").write_text("[defaults]\nforks = 50\n")
    found = written(system, tmp_path)
    assert "ansible.cfg" not in found["files"]
    assert (tmp_path / "ansible.cfg").read_text() == "[defaults]\nforks = 50\n"


def test_a_second_service_joins_the_first(system: System, tmp_path: Path) -> None:
    written(system, tmp_path)
    first = contents(tmp_path)
    found = written(system, tmp_path, name="blue")
    assert found["files"] == ["inventories/main/host_vars/blue.yml", HOSTS]
    assert yaml.safe_load((tmp_path / HOSTS).read_text()) == {"all": {"hosts": {SERVICE: None, "blue": None}}}
    assert {name: text for name, text in contents(tmp_path).items() if name in first and name != HOSTS} == {
        name: text for name, text in first.items() if name != HOSTS
    }


def test_an_inventory_with_a_persons_comment_is_left_to_the_person(system: System, tmp_path: Path) -> None:
    path = tmp_path / HOSTS
    path.parent.mkdir(parents=True)
    path.write_text("all:\n  hosts:\n    other:  # Ada's\n")
    found = written(system, tmp_path)
    assert found["reason"] == "exists"
    assert f"add the host {SERVICE} there by hand" in found["msg"]
    assert contents(tmp_path) == {HOSTS: "all:\n  hosts:\n    other:  # Ada's\n"}
    path.write_text(f"all:\n  hosts:\n    other:  # Ada's\n    {SERVICE}:\n")
    assert written(system, tmp_path)["changed"]
    assert "# Ada's" in path.read_text()


@pytest.mark.parametrize("name", ["../evil", "a/b", "with space", "semi;colon"])
def test_a_name_that_leads_elsewhere_is_refused(system: System, tmp_path: Path, name: str) -> None:
    found = written(system, tmp_path / "project", name=name)
    assert (found["failed"], found["reason"]) == (True, "name")
    assert list(tmp_path.iterdir()) == []


def test_a_service_that_does_not_exist_is_answered_with_those_that_do(system: System, tmp_path: Path) -> None:
    found = written(system, tmp_path, service="pardon")
    assert found["reason"] == "service_not_found"
    assert SERVICE in found["msg"]
    assert list(tmp_path.iterdir()) == []


def test_a_service_of_task_sets_is_refused_with_its_controller(system: System, tmp_path: Path) -> None:
    """Controller EXTERNAL: DescribeServices answers no taskDefinition (case C36)."""
    del system.service["taskDefinition"]
    system.service["deploymentController"] = {"type": "EXTERNAL"}
    found = written(system, tmp_path)
    assert found["reason"] == "controller"
    assert "EXTERNAL" in found["msg"]


def test_a_folder_that_cannot_be_written_is_said(system: System, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    found = written(system, tmp_path / "file")
    assert (found["failed"], found["reason"]) == (True, "unreadable")
    assert str(tmp_path / "file") in found["msg"]


def test_a_file_that_comes_up_in_between_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "ansible.cfg").write_text("mine")
    with pytest.raises(Failure, match=r"ansible\.cfg cannot be written: File exists"):
        project_files.write(tmp_path, {"ansible.cfg": "ours"})
    assert contents(tmp_path) == {"ansible.cfg": "mine"}


def test_an_inventory_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "hosts.yml"
    path.write_text("before")
    (tmp_path / "hosts.yml.new").mkdir()
    with pytest.raises(Failure, match="cannot be written"):
        project_files.replace(path, "after")
    assert path.read_text() == "before"


@pytest.mark.parametrize("url", ["https://ada:canary@example.com", "example.com", "https://example.com:4x"])
def test_a_url_that_may_not_be_declared_is_not_written_down(system: System, tmp_path: Path, url: str) -> None:
    found = written(system, tmp_path / "new", url=url)
    assert (found["failed"], found["reason"]) == (True, "declaration") and "service_url" in found["msg"]
    assert "canary" not in str(found) and not (tmp_path / "new").exists()
