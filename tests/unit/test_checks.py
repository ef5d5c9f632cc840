# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Checks, and what a healthy service is in them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.rules import checks, health
from ansible_collections.steady.ecs.plugins.module_utils.rules.differences import Difference
from ansible_collections.steady.ecs.plugins.module_utils.rules.endpoints import Endpoint
from ansible_collections.steady.ecs.plugins.module_utils.rules.looks import Look

from tests.unit.answers import GROUP, crashed, deployment, revision, service, target, task

KEY = b"0" * 16


def seen(**changes: Any) -> Look:
    return Look(
        changes.pop("service", service(deployment(1))),
        tasks=changes.pop("tasks", [task(1, index) for index in range(3)]),
        targets={GROUP: changes.pop("targets", [target(1, index) for index in range(3)])},
    )


def test_a_table_has_a_line_a_check_and_a_message_the_failed_ones_with_remedies() -> None:
    found = [
        checks.check("one", "1", "1", True, "never shown"),
        checks.check("second", ["a", "b"], {"a": "1", "b": None}, False, "Do this."),
        checks.not_checked("third", "x", "no url is declared"),
    ]
    assert checks.table(found).splitlines() == [
        "ok           one     1",
        "FAILED       second  expected a; b, found a=1, b absent",
        "not checked  third   no url is declared",
    ]
    assert checks.failed(found) == [found[1]]
    assert found[0]["remedy"] == ""
    assert found[2]["ok"] is None
    assert checks.message("web runs web:1, 3/3 healthy", found).splitlines() == [
        "web runs web:1, 3/3 healthy; 1 check failed:",
        "- second: expected a; b, found a=1, b absent. Do this.",
    ]


def test_what_was_not_checked_is_said_with_its_reason() -> None:
    found = [checks.check("image", "there", "gone", False), checks.not_checked("secret", "there", "no right to ask")]
    assert checks.unanswered(found) == ["not checked: secret: no right to ask"]


def test_foreign_text_forges_no_line_and_no_command() -> None:
    found = checks.check("x", "y", ["\x1b[31mred\n::error::gone", {"a": "b\rc"}], False)
    assert found["found"] == ["red : :error::gone", {"a": "bc"}]


@pytest.mark.parametrize(
    ("changes", "declared", "ok", "words"),
    [
        ({}, None, True, "3 running of 3 desired"),
        ({}, 3, True, "3 running of 3 desired"),
        ({}, 5, False, "3 running of 3 desired"),
        ({"runningCount": 2, "pendingCount": 1}, 3, False, "2 running of 3 desired, 1 starting"),
        ({"desiredCount": 5}, None, False, "3 running of 5 desired"),
    ],
)
def test_task_count(changes: Any, declared: int | None, ok: bool, words: str) -> None:
    found = health.count(seen(service=service(deployment(1), **changes)), declared)
    assert (found["ok"], found["found"]) == (ok, words)


def test_a_count_that_the_list_of_tasks_contradicts_is_not_believed() -> None:
    found = health.count(seen(tasks=[task(1, 0), task(1, 1), crashed(1, 2)]), 3)
    assert (found["ok"], found["found"]) == (False, "2 running of 3 desired")


def test_nothing_runs_where_nothing_is_declared_to() -> None:
    none = seen(service=service(deployment(1), desiredCount=0, runningCount=0), tasks=[])
    assert health.count(none, 0)["ok"]
    assert not health.count(none, None)["ok"], "nothing that runs proves nothing"


def test_another_deployment_in_progress_is_named() -> None:
    assert health.deployment(service(deployment(1)))["ok"]
    found = health.deployment(service(deployment(2, state="IN_PROGRESS"), deployment(1, status="ACTIVE")))
    assert not found["ok"]
    assert "ecs-svc/2 IN_PROGRESS of web:2, begun 2025-11-27 10:02:00 UTC" in found["found"]
    assert not health.deployment(service())["ok"], "a controller that keeps no deployments"
    assert not health.deployment(service(deployment(1, state="FAILED")))["ok"]


def test_the_revision_that_is_named() -> None:
    assert health.revision(service(deployment(1)), revision(1))["ok"]
    assert health.revision(service(deployment(1)), "web:1")["ok"]
    found = health.revision(service(deployment(1)), revision(2))
    assert (found["ok"], found["expected"], found["found"]) == (False, "web:2", "web:1")


def test_content_names_what_differs_and_keeps_the_list_short() -> None:
    assert health.content(service(deployment(1)), [])["ok"]
    wrong = [
        Difference("task definition", f"containerDefinitions[app].environment[V{n}]", None, "x") for n in range(15)
    ]
    found = health.content(service(deployment(1)), wrong)
    assert not found["ok"]
    assert found["found"][0] == "containerDefinitions[app].environment[V0] is x, declared absent"
    assert found["found"][-1] == "and 5 more"


def test_a_task_on_another_revision_is_named() -> None:
    assert health.task_revisions(seen())["ok"]
    found = health.task_revisions(seen(tasks=[task(1, 0), task(2, 1), crashed(3, 2)]))
    assert (found["ok"], found["found"]) == (False, ["10.0.2.1 runs web:2"])


def test_targets_are_known_by_address_and_port() -> None:
    assert health.targets(seen(), GROUP)["found"] == "3 of 3 healthy"
    ill = [target(1, 0), target(1, 1, "unhealthy", "Target.ResponseCodeMismatch"), {**target(1, 2), "port": 9}]
    found = health.targets(seen(targets=ill), GROUP)
    assert found["found"] == [
        "10.0.1.1:8080 is unhealthy (Target.ResponseCodeMismatch)",
        "10.0.1.2:8080 is not registered",
    ]
    assert health.healthy_count(seen(targets=ill)) == 1
    old = [target(1, index) for index in range(3)] + [target(0, 0, "draining")]
    assert health.targets(seen(targets=old), GROUP)["ok"], "the target of a task that is gone"


def test_containers_run_in_each_task() -> None:
    assert health.containers(seen(), ["app"])["found"] == "3 of 3 RUNNING"
    stopped = {"name": "agent", "lastStatus": "STOPPED", "exitCode": 1}
    tasks = [task(1, 0, containers=[{"name": "app", "lastStatus": "RUNNING"}, stopped]), task(1, 1)]
    assert health.containers(seen(tasks=tasks), ["app", "agent"])["found"] == [
        "agent in 10.0.1.0 is STOPPED (exit code 1)",
        "agent in 10.0.1.1 is not in it",
    ]
    ill = task(1, 0, healthStatus="UNHEALTHY")
    assert health.containers(seen(tasks=[ill]), [])["found"] == ["10.0.1.0 is UNHEALTHY"]
    assert health.containers(seen(), [])["ok"]


def test_the_environment_has_what_is_declared_and_lacks_what_is_removed() -> None:
    expected = {"URL": "http://b/", "POOL": None}
    good = health.environment("app", expected, {revision(1): {"URL": "http://b/", "MORE": "x"}}, {"URL"}, KEY)
    assert (good["ok"], good["found"]) == (True, {"URL": "http://b/", "POOL": None})
    live = {revision(1): {"URL": "http://b/"}, revision(2): {"URL": "http://b/", "POOL": "hunter2"}}
    bad = health.environment("app", expected, live, set(), KEY)
    assert not bad["ok"]
    assert "web:2" in bad["remedy"]
    assert bad["found"]["POOL"].startswith("hidden:")
    assert "hunter2" not in repr(bad) + checks.sentence(bad)
    assert "http://b/" not in repr(bad)
    assert health.environment("app", expected, {}, set(), KEY)["reason"] == "no task runs"


@pytest.mark.parametrize(
    ("one", "others", "ok"),
    [
        (["a"] * 10, ["b", "a"], True),
        (["a"] * 9 + ["b"], ["a", "b"], False),
        (["a"] * 10, ["b"] * 10, False),
        ([None] * 10, [None] * 10, None),
        (["a", None], ["a", "b"], None),
        (["a", "b", None], ["a", None], False),
    ],
)
def test_stickiness(one: list[str | None], others: list[str | None], ok: bool | None) -> None:
    assert health.stickiness(one, others, {"AWSALB"}, {"stickiness.type": "lb_cookie"})["ok"] is ok


def test_a_user_without_the_applications_cookie_says_nothing_of_stickiness() -> None:
    live = {"stickiness.type": "app_cookie", "stickiness.app_cookie.cookie_name": "SESSION"}
    wanders = ["a", "b"], ["a", "b"]
    assert health.stickiness(*wanders, {"other"}, live)["ok"] is None
    assert health.stickiness(*wanders, {"SESSION"}, live)["ok"] is False


@pytest.mark.parametrize(
    ("url", "identity", "live", "healthy", "words"),
    [
        (None, {"request": "/"}, {"stickiness.enabled": "true"}, 3, "no url"),
        ("http://x", {}, {"stickiness.enabled": "true"}, 3, "no task_identity"),
        ("http://x", {"request": "/"}, None, 3, "which target group"),
        ("http://x", {"request": "/"}, {"stickiness.enabled": "false"}, 3, "stickiness is off"),
        ("http://x", {"request": "/"}, {"stickiness.enabled": "true"}, 1, "no other to change to"),
    ],
)
def test_why_stickiness_is_not_checked(url: Any, identity: Any, live: Any, healthy: int, words: str) -> None:
    assert words in health.why_not_sticky(url, identity, live, healthy)


def test_stickiness_is_checked_when_it_can_be() -> None:
    assert health.why_not_sticky("http://x", {"request": "/"}, {"stickiness.enabled": "true"}, 2) == ""


def test_an_endpoint_that_was_not_asked_is_not_checked() -> None:
    wanted = Endpoint("http://x/")
    assert health.endpoint(wanted, 200)["ok"]
    assert health.endpoint(wanted, 503)["found"] == "503"
    assert health.endpoint(wanted, "timeout: no whole answer within 10 s")["ok"] is False
    assert health.not_asked(wanted, "later") == {**health.not_asked(wanted, ""), "ok": None, "reason": "later"}
