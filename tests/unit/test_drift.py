# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The words and the counting of drift, what nobody declares, and what is told to be left out."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.rules import drift, intent, undeclared
from ansible_collections.steady.ecs.plugins.module_utils.rules.declaration import DeclarationError
from ansible_collections.steady.ecs.plugins.module_utils.rules.differences import Difference
from ansible_collections.steady.ecs.plugins.module_utils.rules.ignored import Ignore
from ansible_collections.steady.ecs.plugins.module_utils.rules.plan import Declared, Live

from tests.unit.answers import GROUP, deployment, revision, service
from tests.unit.task_definitions import described

DELAY, DURATION = "deregistration_delay.timeout_seconds", "stickiness.lb_cookie.duration_seconds"
SESSIONS = "containerDefinitions[app].environment[SESSIONS]"


def live(**changes: Any) -> Live:
    attributes = {"stickiness.enabled": "true", DURATION: "86400", DELAY: "60"}
    group = {"TargetGroupArn": GROUP, "TargetGroupName": "tg-web", "Protocol": "HTTP", "TargetType": "ip"}
    container = {
        "name": "app",
        "image": "example.com/app:1",
        "environment": [{"name": "SESSIONS", "value": "a"}],
        "secrets": [{"name": "TOKEN", "valueFrom": "token"}],
    }
    found = Live(
        service=service(deployment(1)),
        definition=described({"family": "web", "containerDefinitions": [container], "cpu": "256"}),
        groups=[group],
        attributes={GROUP: attributes},
    )
    return Live(**{**vars(found), **changes})


def record(declared: Declared, revision_arn: str = revision(1), **before: Any) -> dict[str, Any]:
    """The parts of a release's record that say what it declared and what it left."""
    return {
        "before": {"task_definition": revision(0), "settings": {}, "attributes": {}, **before},
        "steps": {"task_definition": revision_arn},
        "intent": intent.intent(
            revision(0),
            declared.changes,
            declared.definition,
            declared.images,
            declared.settings,
            {GROUP: {key: str(value) for key, value in declared.attributes.items()}},
        ),
    }


def paths(found: list[Difference]) -> dict[str, tuple[Any, Any]]:
    return {each.path: (each.expected, each.actual) for each in found}


# -- words


@pytest.mark.parametrize(
    ("differences", "others", "counts", "status"),
    [
        ([], [], False, "IN_SYNC"),
        ([], [1], False, "IN_SYNC"),
        ([], [1], True, "DRIFTED"),
        ([1], [], False, "DRIFTED"),
    ],
)
def test_undeclared_differences_count_only_when_asked(
    differences: list[Any], others: list[Any], counts: bool, status: str
) -> None:
    assert drift.status(differences, others, counts) == status


FILE, STACK = ({"resource": f"{kind} of target group web"} for kind in ("template", "stack"))


@pytest.mark.parametrize(
    ("found", "text"),
    [
        ({"status": "NOT_CHECKED", "reason": "no rights."}, "web could not be looked at: no rights."),
        ({"checked": 1}, "web: 1 declared property is live"),
        ({"checked": 12, "ignored": [1]}, "web: 12 declared properties are live; 1 ignored"),
        ({"status": "DRIFTED", "template": [FILE]}, "web: 1 declared property is not so in the template"),
        (
            {"status": "DRIFTED", "template": [FILE, STACK]},
            "web: 1 declared property is not so in the template, 1 declared property is not so in the stack",
        ),
        (
            {"status": "DRIFTED", "differences": [1, 2], "template": [FILE]},
            "web: 2 declared properties are not live, 1 declared property is not so in the template",
        ),
        ({"status": "DRIFTED", "differences": [1]}, "web: 1 declared property is not live"),
        ({"status": "DRIFTED", "differences": [1, 2], "undeclared": [1]}, "web: 2 declared properties are not live"),
        (
            {"status": "DRIFTED", "undeclared": [1]},
            "web: 1 undeclared property is not as the last release left it, or not AWS's default",
        ),
    ],
)
def test_one_sentence(found: dict[str, Any], text: str) -> None:
    none = dict.fromkeys(("differences", "template", "undeclared", "ignored"), [])
    whole = {"status": "IN_SYNC", "reason": "", "checked": 3, **none}
    assert drift.summary("web", {**whole, **found}) == text


def test_the_report_of_all_hosts_is_as_bad_as_its_worst() -> None:
    first = drift.merged({}, "a", {"status": "DRIFTED"}, "10:00")
    assert (first["status"], first["drifted"], first["not_checked"]) == ("DRIFTED", ["a"], [])
    second = drift.merged(first, "b", {"status": "NOT_CHECKED"}, "10:01")
    assert (second["status"], second["drifted"], second["not_checked"]) == ("NOT_CHECKED", ["a"], ["b"])
    third = drift.merged(drift.merged(second, "a", {"status": "IN_SYNC"}, "10:02"), "b", {"status": "IN_SYNC"}, "10:03")
    assert (third["status"], third["time"], sorted(third["hosts"])) == ("IN_SYNC", "10:03", ["a", "b"])


def test_each_status_has_an_outcome() -> None:
    assert set(drift.OUTCOMES) == set(drift.BY_WEIGHT)


# -- what nobody declares


def test_without_a_release_attributes_are_held_against_the_defaults() -> None:
    found = undeclared.differences(Declared(attributes={DURATION: 86400}), live(), None)
    assert paths(found) == {DELAY: ("300", "60"), "stickiness.enabled": ("false", "true")}


def test_what_is_declared_of_one_group_is_no_declaration_of_another() -> None:
    arn, values = GROUP.replace("tg-web", "tg-b"), live().attributes[GROUP]
    other = {**live().groups[0], "TargetGroupArn": arn, "TargetGroupName": "tg-b"}
    now = live(groups=[live().groups[0], other], attributes={GROUP: values, arn: values})
    of = {"tg-web": {DELAY: 60, "stickiness.enabled": True, DURATION: 86400}, arn: {DELAY: 60}}
    declared = Declared(attributes_of=of)
    found = undeclared.differences(declared, now, None)
    assert [(each.resource, each.path) for each in found] == [("target group tg-b", "stickiness.enabled")]


def test_a_release_that_left_a_value_makes_it_no_news() -> None:
    left = record(Declared(), attributes={GROUP: {DELAY: "60", "stickiness.enabled": "false"}})
    assert paths(undeclared.differences(Declared(), live(), left)) == {"stickiness.enabled": ("false", "true")}


def test_settings_and_revision_that_changed_since_the_release_are_seen() -> None:
    settings = {"deploymentConfiguration": {"maximumPercent": 150}, "healthCheckGracePeriodSeconds": 60}
    attributes = {GROUP: live().attributes[GROUP]}
    left = record(Declared(), revision(7), settings=settings, attributes=attributes)
    found = paths(undeclared.differences(Declared(settings={"healthCheckGracePeriodSeconds": 30}), live(), left))
    assert found == {
        "taskDefinition": (revision(7), revision(1)),
        "deploymentConfiguration.maximumPercent": (150, 200),
    }


def test_groups_of_other_load_balancers_have_other_defaults() -> None:
    group = {**live().groups[0], "Protocol": "TCP"}
    assert undeclared.differences(Declared(), live(groups=[group]), None) == []


def test_names_that_are_declared_no_longer_and_still_live_are_findings() -> None:
    environment = {"environment": {"SESSIONS": "a", "GONE": "b"}, "secrets": {"TOKEN": "token"}, "cpu": 0}
    then = Declared(
        changes={"containers": {"app": environment}, "cpu": "256", "memory": None},
        settings={"healthCheckGracePeriodSeconds": 60, "deploymentConfiguration": {"maximumPercent": 200}},
        attributes={DELAY: 60, DURATION: 86400, "slow_start.duration_seconds": 0},
    )
    now = live(service=service(deployment(1), healthCheckGracePeriodSeconds=60))
    words = ": no longer declared; still live: set null, or declare it"
    assert undeclared.no_longer_declared(Declared(), now, record(then)) == [
        f"service: healthCheckGracePeriodSeconds{words}",
        f"task definition: {SESSIONS}{words}",
        f"task definition: containerDefinitions[app].secrets[TOKEN]{words}",
        f"task definition: cpu{words}",
        f"target group tg-web: {DELAY}{words}",
    ]
    assert undeclared.no_longer_declared(then, now, record(then)) == []
    assert undeclared.no_longer_declared(Declared(), now, None) == []


def test_a_removal_that_was_carried_out_may_leave_the_inventory() -> None:
    then = Declared(changes={"containers": {"app": {"environment": {"GONE": None}}}})
    assert undeclared.no_longer_declared(Declared(), live(), record(then)) == []


def test_a_whole_definition_that_is_declared_no_longer_is_one_finding() -> None:
    then = Declared(definition={"containerDefinitions": [{"name": "app", "image": "x", "essential": True}]})
    (found,) = undeclared.no_longer_declared(Declared(), live(), record(then))
    assert "as a whole" in found


def test_an_image_of_the_last_release_is_compared_and_is_no_finding() -> None:
    then = record(Declared(images={"app": "example.com/app:2", "gone": "x"}))
    assert undeclared.no_longer_declared(Declared(), live(), then) == []
    assert undeclared.released_images(Declared(), live(), then) == ["app", "gone"]
    assert undeclared.released_images(Declared(images={"app": "y"}), live(), then) == ["gone"]
    assert undeclared.released_images(Declared(), live(), None) == []
    released = {"containerDefinitions": [{"name": "app", "image": "example.com/app:2"}]}
    found = undeclared.image_differences(["app", "gone"], released, live().definition)
    assert paths(found) == {"containerDefinitions[app].image": ("example.com/app:2", "example.com/app:1")}


# -- what is told to be left out

DIFFERENCES = [
    Difference("task definition", SESSIONS, "a", "b"),
    Difference("target group tg-web", DELAY, "300", "60"),
    Difference("service", "desiredCount", 3, 5),
]


def entry(path: str, until: str = "2026-01-31", **more: str) -> dict[str, Any]:
    return {"path": path, "until": until, "reason": "load test", "resource": None, **more}


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (entry(SESSIONS), [1, 2]),
        (entry("containerDefinitions[app].environment[*]"), [1, 2]),
        (entry("*"), []),
        (entry("*", resource="target group *"), [0, 2]),
        (entry("desired"), [0, 1, 2]),
        (entry("*Count", until="2026-01-30"), [0, 1]),
        (entry("*", until="2026-01-29"), [0, 1, 2]),
    ],
)
def test_an_entry_leaves_out_what_it_names_until_its_day_is_over(given: dict[str, Any], kept: list[int]) -> None:
    ignore = Ignore([given], "2026-01-30")
    assert ignore.kept(DIFFERENCES) == [DIFFERENCES[index] for index in kept]
    assert [each for each, _entry in ignore.left_out] == [
        each for index, each in enumerate(DIFFERENCES) if index not in kept
    ]
    assert bool(ignore.expired) == (given["until"] == "2026-01-29")


@pytest.mark.parametrize("until", ["2026-01-31", "20260131", 20260131, "2026-W05-6", datetime.date(2026, 1, 31)])
def test_an_entry_ends_on_its_day_however_the_date_is_written(until: Any) -> None:
    for today, kept in (("2026-01-31", []), ("2026-02-01", DIFFERENCES), ("2026-11-30", DIFFERENCES)):
        ignore = Ignore([{**entry("*"), "until": until}], today)
        assert ignore.kept(DIFFERENCES) == kept
        assert ignore.expired == (
            ["drift_ignore: * held until 2026-01-31: settle it, or give it a new date"] if kept else []
        )


def test_an_entry_without_a_date_is_refused() -> None:
    with pytest.raises(DeclarationError, match="such as 2026-01-31; it is 'next week'"):
        Ignore([entry("*", until="next week")], "2026-01-30")
