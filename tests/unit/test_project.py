# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What ``init`` writes down of a running service, and that it loses nothing of what people wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.steady.ecs.plugins.module_utils.rules import project, target_group

from testbed.elbv2.attributes import TARGET_GROUP
from tests.unit.answers import GROUP, deployment, service
from tests.unit.task_definitions import RICH, described

ROOT = Path(__file__).parents[2]
DURATION = "stickiness.lb_cookie.duration_seconds"


def group(**attributes: str) -> tuple[dict[str, Any], dict[str, str]]:
    named = {name.replace("__", "."): value for name, value in attributes.items()}
    return {"TargetGroupArn": GROUP, "TargetGroupName": "tg-web"}, {**TARGET_GROUP.defaults, **named}


def declared(*groups: tuple[dict[str, Any], dict[str, str]], url: str = "", **changes: Any) -> dict[str, Any]:
    live = service(deployment(1), **changes)
    return project.declaration(live, described(RICH), list(groups), target_group.DEFAULTS, url)


def test_a_sticky_service_is_written_down_as_people_would() -> None:
    attributes = {"stickiness__enabled": "true", "stickiness__lb_cookie__duration_seconds": "3600"}
    assert declared(group(**attributes), url="https://example.com", healthCheckGracePeriodSeconds=60) == {
        "service_cluster": "c1",
        "service_name": "web",
        "service_url": "https://example.com",
        "target_group_name": "tg-web",
        "target_group_attributes": {
            "deregistration_delay.timeout_seconds": 300,
            "stickiness.enabled": True,
            DURATION: 3600,
            "stickiness.type": "lb_cookie",
        },
        "rollout_settings": {
            "deploymentConfiguration": {
                "maximumPercent": 200,
                "minimumHealthyPercent": 100,
                "deploymentCircuitBreaker": {"enable": True, "rollback": True},
            },
            "healthCheckGracePeriodSeconds": 60,
        },
        "health_containers": ["app", "envoy"],
        "health_endpoints": ["https://example.com"],
    }


def test_nothing_is_invented_for_a_service_without_load_balancer_or_url() -> None:
    found = declared(loadBalancers=[])
    assert {"target_group_name", "target_group_attributes", "health_endpoints"}.isdisjoint(found)
    assert "healthCheckGracePeriodSeconds" not in found["rollout_settings"]


def test_several_target_groups_are_written_down_by_their_names() -> None:
    first, second = group(), group(stickiness__enabled="false")
    second[0]["TargetGroupName"] = "tg-admin"
    found = declared(first, second)
    assert "target_group_attributes" not in found
    assert found["target_group_attributes_of"] == {
        "tg-web": declared(first)["target_group_attributes"],
        "tg-admin": declared(second)["target_group_attributes"],
    }


@pytest.mark.parametrize("name", ["session", "true", "007"])
def test_the_applications_own_cookie_is_written_down_with_its_name_as_text(name: str) -> None:
    """AWS takes the type app_cookie only together with the name, which has no default."""
    found = declared(
        group(
            stickiness__enabled="true",
            stickiness__type="app_cookie",
            stickiness__app_cookie__cookie_name=name,
        )
    )
    attributes = found["target_group_attributes"]
    assert (attributes["stickiness.type"], attributes["stickiness.app_cookie.cookie_name"]) == ("app_cookie", name)


def test_a_side_container_that_may_end_is_not_expected_to_run() -> None:
    definition = described(RICH)
    definition["containerDefinitions"][1]["essential"] = False
    found = project.declaration(service(deployment(1)), definition, [], {}, "")
    assert found["health_containers"] == ["app"]


def test_the_files_of_a_project_are_an_inventory() -> None:
    files = project.files("web", "111122223333", "us-east-1", None, declared(group()))
    assert set(files) == {
        "ansible.cfg",
        "requirements.yml",
        "inventories/main/hosts.yml",
        "inventories/main/group_vars/all.yml",
        "inventories/main/host_vars/web.yml",
    }
    variables = yaml.safe_load(files["inventories/main/host_vars/web.yml"])
    assert variables["service_account"] == "111122223333", "text: YAML would take the leading zeros of a number"
    assert variables["service_region"] == "us-east-1"
    assert "service_endpoint_url" not in variables
    assert yaml.safe_load(files["inventories/main/hosts.yml"]) == {"all": {"hosts": {"web": None}}}


def test_an_account_that_begins_with_a_zero_stays_text() -> None:
    files = project.files("web", "001122223333", "us-east-1", "http://127.0.0.1:4566", declared())
    variables = yaml.safe_load(files["inventories/main/host_vars/web.yml"])
    assert (variables["service_account"], variables["service_endpoint_url"]) == (
        "001122223333",
        "http://127.0.0.1:4566",
    )


def test_the_written_requirement_admits_this_version() -> None:
    wanted = yaml.safe_load(project.REQUIREMENTS)["collections"][0]
    version = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))["version"]
    assert wanted == {"name": "steady.ecs", "version": f">={version}"}


@pytest.mark.parametrize("name", ["../web", "web/1", "", "web:1", "w" * 256, "web\n"])
def test_a_name_that_cannot_be_a_file_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="host name"):
        project.files(name, "111122223333", "us-east-1", None, declared())


@pytest.mark.parametrize("changes", [{"serviceName": "../../etc"}, {"clusterArn": "arn:aws:ecs:r:1:cluster/a b"}])
def test_a_service_whose_names_are_not_aws_s_is_refused(changes: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="not a name as AWS gives them"):
        project.files("web", "111122223333", "us-east-1", None, declared(**changes))


def test_a_second_host_joins_the_first() -> None:
    first = project.files("web", "111122223333", "us-east-1", None, declared())["inventories/main/hosts.yml"]
    both = project.with_host(first, "admin")
    assert yaml.safe_load(both) == {"all": {"hosts": {"web": None, "admin": None}}}
    assert project.with_host(both, "web") == both
    assert yaml.safe_load(project.with_host(both, "third"))["all"]["hosts"].keys() == {"web", "admin", "third"}


def test_a_host_that_is_there_needs_no_change_whatever_else_is_in_the_file() -> None:
    edited = "all:\n  hosts:\n    web:  # ours\n"
    assert project.with_host(edited, "web") == edited


@pytest.mark.parametrize(
    "edited",
    [
        pytest.param("---\n# ask Ada first\nall:\n  hosts:\n    web: null\n", id="a comment would be lost"),
        pytest.param("all: {children: {blue: {hosts: {web: null}}}}\n", id="other groups"),
        pytest.param("all:\n", id="empty"),
        pytest.param("[web]\n", id="a list"),
        pytest.param("all: {hosts: {web: !vault x}}\n", id="a tag"),
        pytest.param("all: {hosts: [", id="no YAML"),
    ],
)
def test_an_inventory_that_people_wrote_is_not_written_anew(edited: str) -> None:
    with pytest.raises(ValueError, match=r"inventories/main/hosts\.yml"):
        project.with_host(edited, "admin")
