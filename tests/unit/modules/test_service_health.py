# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The verification of one service in a small world: what is asked, how often, and what is said."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import reads, visits, waits
from ansible_collections.steady.ecs.plugins.module_utils.rules import images
from ansible_collections.steady.ecs.plugins.modules import service_health as module

from tests.unit.answers import GROUP, deployment, revision, target, task
from tests.unit.modules.world import World, refused

Answer = dict[str, Any]
URL = "http://127.0.0.1:8080"
IDENTITY = {"request": "/health", "header": "X-Task"}


class Web(World):
    """A world whose revision 1 has a family and an environment, and whose target group is sticky."""

    def __init__(self) -> None:
        super().__init__()
        self.environment = [{"name": "URL", "value": "http://hunter2/"}, {"name": "MODE", "value": "calm"}]
        self.attributes = {"stickiness.enabled": "true", "stickiness.lb_cookie.duration_seconds": "3600"}
        self.groups = [GROUP]

    def describe_task_definition(self, **arguments: Any) -> Answer:
        answer = super().describe_task_definition(**arguments)
        answer["taskDefinition"]["family"] = "web"
        answer["taskDefinition"]["containerDefinitions"][0]["image"] = "example.com/app:2"
        return answer

    def describe_target_groups(self, **arguments: Any) -> Answer:
        self._called("describe_target_groups", arguments)
        found = {"TargetGroupName": "tg-web", "Protocol": "HTTP", "TargetType": "ip"}
        if not self.groups:
            raise refused("TargetGroupNotFound")()
        return {"TargetGroups": [{**found, "TargetGroupArn": arn} for arn in self.groups]}

    def describe_target_group_attributes(self, **arguments: Any) -> Answer:
        self._called("describe_target_group_attributes", arguments)
        return {"Attributes": [{"Key": key, "Value": value} for key, value in self.attributes.items()]}


class Users:
    """What users meet, in place of HTTP."""

    def __init__(self) -> None:
        self.status: int | str = 200
        self.met: Any = (["a"] * 10, ["a", "b"], {"AWSALB"})
        self.asked: list[str] = []

    def ask(self, url: str) -> tuple[int | str, bytes]:
        self.asked.append(url)
        return self.status, b'{"status": "healthy"}'

    def tasks_met(self, url: str, _identity: Answer, _requests: int) -> Any:
        self.asked.append(url)
        if isinstance(self.met, Exception):
            raise self.met
        return self.met


@pytest.fixture
def users(monkeypatch: pytest.MonkeyPatch) -> Users:
    found = Users()
    monkeypatch.setattr(visits, "asked", found.ask)
    monkeypatch.setattr(visits, "tasks_met", found.tasks_met)
    return found


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, users: Users) -> Web:
    found = Web()
    monkeypatch.setattr(waits, "clock", found)
    monkeypatch.setattr(reads, "_definitions", {})
    return found


def verify(world: World, check_mode: bool = False, **changes: Any) -> Answer:
    options = {name: option.get("default") for name, option in module.SPEC.options.items()}
    return world.run(module.run, {**options, "cluster": "c1", "service": "web", **changes}, check_mode)


def declared(**environment: str | None) -> Answer:
    return {"containers": {"app": {"environment": environment}}}


EVERYTHING: Answer = {
    "url": URL,
    "target_group": "tg-web",
    "attributes": {"stickiness.enabled": True, "stickiness.lb_cookie.duration_seconds": 3600},
    "changes": declared(URL="http://hunter2/", POOL=None),
    "images": {"app": "example.com/app:2"},
    "containers": ["app"],
    "desired_count": 3,
    "endpoints": [f"{URL}/health"],
    "task_identity": IDENTITY,
}


def by_name(found: Answer) -> dict[str, Answer]:
    return {each["name"]: each for each in found["checks"]}


def wrong(found: Answer) -> list[str]:
    return [each["name"] for each in found["checks"] if each["ok"] is False]


def test_everything_as_declared(world: Web, users: Users) -> None:
    found = verify(world, **EVERYTHING)
    assert set(found) == {"changed", "ok", "checks", "summary", "images"}
    assert (found["changed"], found["ok"], found["summary"]) == (False, True, "web runs web:1, 3/3 healthy")
    assert list(by_name(found)) == [
        *("service status", "task count", "deployment", "task definition", "revision of each task"),
        *("targets in tg-web", "attributes of tg-web", "environment of app", "containers"),
        *(f"endpoint {URL}/health", "stickiness"),
    ]
    assert all(each["ok"] for each in found["checks"])
    assert users.asked == [f"{URL}/health"] * 2
    assert world.seconds == 600, "nothing is waited for"
    assert "ok  stickiness" in world.lines[-1]
    assert "hunter2" not in repr(found) + repr(world.lines)
    assert verify(world, check_mode=True, **EVERYTHING)["ok"]
    assert world.writes() == []


def test_a_look_takes_at_most_five_calls_and_what_never_changes_is_read_once(world: Web, users: Users) -> None:
    users.status = 503
    verify(world, **EVERYTHING, wait_timeout=50)
    asked = [operation for operation, _arguments in world.calls]
    assert asked.count("describe_services") == 11
    assert asked.count("describe_task_definition") == 1
    assert asked.count("describe_target_groups") == 1
    assert len(asked) - 2 <= 5 * 11


@pytest.mark.parametrize("count", [0, "0"])
def test_a_declared_count_of_0_is_verified_as_0(world: Web, count: int | str) -> None:
    world.service["desiredCount"], world.tasks, world.targets = 0, [], []
    found = verify(world, wait_timeout=0)
    assert wrong(found) == ["task count"] and "health_desired_count" in found["msg"]
    assert verify(world, settings={"desiredCount": count})["ok"]
    assert verify(world, desired_count=0)["ok"]
    found = verify(world, settings={"desiredCount": count}, desired_count=1, wait_timeout=0)
    assert "1 running of 1 desired" in found["msg"], "what is said of the verification itself counts"


def test_where_no_task_is_meant_to_run_no_endpoint_is_asked(world: Web, users: Users) -> None:
    world.service["desiredCount"], world.tasks, world.targets = 0, [], []
    found = verify(world, settings={"desiredCount": 0}, endpoints=["http://web/health"], url="http://web")
    assert found["ok"], "a load balancer without targets answers 503"
    (asked,) = [each for each in found["checks"] if each["name"].startswith("endpoint ")]
    assert (asked["ok"], asked["reason"]) == (None, "no task is meant to run")


def test_a_declared_count_is_where_autoscaling_begins_and_0_is_nobodys_but_ours(world: Web) -> None:
    assert verify(world, settings={"desiredCount": 2})["ok"], "case C35: it may have moved since"
    assert wrong(verify(world, settings={"desiredCount": 0}, wait_timeout=0)) == ["task count"]


def test_it_waits_until_all_is_well(world: Web) -> None:
    world.targets[1]["state"] = "initial"
    world.at(20, lambda: world.targets[1].update(state="healthy"))
    assert verify(world)["ok"]
    assert world.seconds == 620


def test_the_time_is_over_and_every_failed_check_is_told(world: Web, users: Users) -> None:
    world.targets[1] = target(1, 1, "unhealthy", "Target.Timeout")
    world.tasks[2]["taskDefinitionArn"] = revision(2)
    found = verify(world, **EVERYTHING, wait_timeout=12)
    assert world.seconds == 612
    assert (found["failed"], found["ok"], found["reason"]) == (True, False, "unhealthy")
    assert found["summary"] == "web runs web:1, 2/3 healthy"
    assert wrong(found) == ["revision of each task", "targets in tg-web"]
    assert "2 checks failed" in found["msg"]
    assert "found 10.0.1.2 runs web:2." in found["msg"]
    assert "10.0.1.1:8080 is unhealthy (Target.Timeout)" in found["msg"]
    assert all(each["remedy"] in found["msg"] for each in found["checks"])
    assert "FAILED" in world.lines[-1]
    assert users.asked == [], "users are not sent to a service that is not whole"
    assert by_name(found)["stickiness"]["reason"] == by_name(found)[f"endpoint {URL}/health"]["reason"]


def test_a_deployment_in_progress_is_waited_for(world: Web) -> None:
    world.begin_deployment()
    world.at(5, world.start_tasks)
    world.at(10, world.complete)
    assert verify(world)["summary"] == "web runs web:2, 3/3 healthy"
    world.service["deployments"].append(deployment(9, status="ACTIVE", state="IN_PROGRESS"))
    assert "ecs-svc/9 IN_PROGRESS" in verify(world, wait_timeout=0)["msg"]


def test_content_and_environment_that_differ_are_told_without_values(world: Web) -> None:
    found = verify(world, changes=declared(URL="http://secret/", MODE=None, NEW="new"), wait_timeout=0)
    assert wrong(found) == ["task definition", "environment of app"]
    assert by_name(found)["environment of app"]["expected"]["MODE"] is None
    assert "containerDefinitions[app].environment[MODE]" in found["msg"]
    shown = repr(found) + repr(world.lines)
    assert not [each for each in ("hunter2", "secret/", "calm", "'new'") if each in shown]
    safe = verify(world, changes=declared(MODE="wild"), safe_environment=["MODE"], wait_timeout=0)
    assert "environment[MODE] is calm, declared wild" in safe["msg"]


def test_the_environment_is_that_of_the_revision_that_tasks_run(world: Web) -> None:
    def of_revision(**arguments: Any) -> Answer:
        world.environment = [] if arguments["taskDefinition"] == revision(1) else [{"name": "POOL", "value": "x"}]
        return Web.describe_task_definition(world, **arguments)

    world.describe_task_definition = of_revision  # type: ignore[method-assign]
    world.tasks[0]["taskDefinitionArn"] = revision(7)
    found = verify(world, changes=declared(POOL=None), wait_timeout=0)
    assert wrong(found) == ["revision of each task", "environment of app"]
    assert "web:7" in by_name(found)["environment of app"]["remedy"]


def test_after_a_rollback_only_the_revision_counts(world: Web) -> None:
    found = verify(world, task_definition=revision(1), changes=declared(MODE="wild"))
    assert found["ok"]
    assert "environment of app" not in by_name(found)
    assert wrong(verify(world, task_definition=revision(2), wait_timeout=0)) == ["service revision"]


def test_attributes_that_differ(world: Web) -> None:
    attributes = {"stickiness.lb_cookie.duration_seconds": 86400}
    found = verify(world, attributes=attributes, wait_timeout=0)
    assert wrong(found) == ["attributes of tg-web"]
    assert "duration_seconds=86400, found stickiness.lb_cookie.duration_seconds=3600" in found["msg"]


def test_a_deleted_target_group_is_named(world: Web) -> None:
    world.groups = []
    found = verify(world, attributes={"stickiness.enabled": True}, wait_timeout=0)
    assert wrong(found) == ["targets in tg-web"]
    assert "the target group is deleted" in found["msg"]


def test_an_endpoint_that_comes_up_late(world: Web, users: Users) -> None:
    users.status = "connect_error: no connection"
    world.at(10, lambda: setattr(users, "status", 200))
    assert verify(world, endpoints=[f"{URL}/health?token=hunter2"])["ok"]
    assert world.seconds == 610
    assert "hunter2" not in repr(world.lines)


def test_users_who_change_tasks(world: Web, users: Users) -> None:
    users.met = (["a", "b"], ["a", "b"], {"AWSALB"})
    found = verify(world, url=URL, task_identity=IDENTITY, wait_timeout=0)
    assert wrong(found) == ["stickiness"]
    users.met = visits.NotServed(503)
    assert "/health: 503" in verify(world, url=URL, task_identity=IDENTITY, wait_timeout=0)["msg"]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({}, "no url is declared"),
        ({"url": URL}, "no task_identity is declared"),
        ({"url": URL, "task_identity": IDENTITY, "off": True}, "stickiness is off"),
        ({"url": URL, "task_identity": IDENTITY, "met": ([None], [None], set())}, "2 of 2 answers name no task"),
        ({"url": URL, "task_identity": IDENTITY, "one": True}, "1 healthy task"),
        ({"url": URL, "task_identity": IDENTITY, "type": "app_cookie"}, "no answer sets the cookie SESSION"),
    ],
)
def test_stickiness_that_cannot_be_checked_fails_nothing(
    world: Web, users: Users, options: Answer, reason: str
) -> None:
    if options.pop("off", False):
        world.attributes["stickiness.enabled"] = "false"
    if options.pop("one", False):
        world.service["desiredCount"] = 1
        world.tasks, world.targets = [task(1, 0)], [target(1, 0)]
    if options.pop("type", ""):
        world.attributes |= {"stickiness.type": "app_cookie", "stickiness.app_cookie.cookie_name": "SESSION"}
    users.met = options.pop("met", users.met)
    found = verify(world, **options)
    assert found["ok"]
    assert (by_name(found)["stickiness"]["ok"], reason in by_name(found)["stickiness"]["reason"]) == (None, True)


def test_a_throttled_look_is_looked_again(world: Web) -> None:
    world.fail("describe_services", refused("ThrottlingException"))
    assert verify(world)["ok"]
    assert world.seconds == 605


def test_what_keeps_us_from_looking_is_said(world: Web) -> None:
    world.fail("list_tasks", refused("AccessDeniedException", "not authorized"))
    found = verify(world)
    assert (found["failed"], found["reason"], found["ok"]) == (True, "access_denied", False)
    assert world.seconds == 600
    world.fail("describe_services", *[refused("ThrottlingException")] * 9)
    assert verify(world, wait_timeout=10)["code"] == "ThrottlingException"


@pytest.mark.parametrize("code", ["ThrottlingException", "ServiceUnavailableException"])
def test_c78_what_was_seen_before_aws_stopped_answering_is_no_last_word(world: Web, users: Users, code: str) -> None:
    users.status = 503
    world.fail("describe_services", None, *[refused(code)] * 9)
    found = verify(world, endpoints=[f"{URL}/health"], wait_timeout=10)
    assert (found["failed"], found["code"], found["reason"]) == (True, code, "refused")
    assert wrong(found) == [f"endpoint {URL}/health"], "what was seen is told all the same"
    world.faults.clear()
    world.fail("describe_services", refused(code))
    assert verify(world, endpoints=[f"{URL}/health"], wait_timeout=10)["reason"] == "unhealthy", "seen after all"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"endpoints": ["ftp://x/"]}, "health_endpoints must be an http or https URL"),
        ({"url": "http://user:hunter2@x/"}, "service_url holds a user name"),
        ({"task_identity": {"request": "/x"}}, "health_task_identity takes"),
        ({"sticky_requests": 1}, "health_sticky_requests"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_any_call(world: Web, options: Answer, words: str) -> None:
    found = verify(world, **options)
    assert (found["failed"], found["reason"], world.calls) == (True, "declaration", [])
    assert words in found["msg"]
    assert "hunter2" not in found["msg"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"changes": {"containers": {"ap": {"environment": {"A": "b"}}}}}, "Did you mean app?"),
        ({"attributes": {"stickiness.enable": True}}, "stickiness.enabled"),
        ({"target_group": "tg-other"}, "tg-web"),
    ],
)
def test_what_the_live_service_shows_to_be_wrong_is_not_waited_for(world: Web, options: Answer, words: str) -> None:
    found = verify(world, **options)
    assert (found["failed"], found["reason"], world.seconds) == (True, "declaration", 600)
    assert words in found["msg"]


def test_what_no_waiting_mends_is_told_after_a_second_look(world: Web) -> None:
    found = verify(world, attributes={"stickiness.lb_cookie.duration_seconds": 86400})
    assert wrong(found) == ["attributes of tg-web"]
    assert world.seconds == 605


def test_the_attributes_of_each_group_are_verified(world: Web) -> None:
    duration = "stickiness.lb_cookie.duration_seconds"
    found = verify(world, attributes_of={"tg-web": {duration: 3600}})
    assert by_name(found)["attributes of tg-web"]["ok"]
    found = verify(world, attributes_of={GROUP: {duration: 60, "stickiness.enabled": True}})
    assert wrong(found) == ["attributes of tg-web"]
    assert verify(world, attributes_of={"tg-other": {duration: 60}})["reason"] == "declaration"


def test_a_single_old_answer_fails_nothing(world: Web) -> None:
    world.attributes["stickiness.enabled"] = "false"
    world.at(5, lambda: world.attributes.update({"stickiness.enabled": "true"}))
    assert verify(world, attributes={"stickiness.enabled": True})["ok"]


def test_what_a_deployment_is_about_to_change_is_waited_for(world: Web) -> None:
    def of_revision(**arguments: Any) -> Answer:
        world.environment = [{"name": "MODE", "value": "calm"}] if arguments["taskDefinition"] == revision(1) else []
        return Web.describe_task_definition(world, **arguments)

    world.describe_task_definition = of_revision  # type: ignore[method-assign]
    world.begin_deployment()
    world.at(20, world.start_tasks)
    world.at(40, world.complete)
    assert verify(world, changes=declared(MODE=None))["ok"]
    assert world.seconds == 640


def test_a_wait_says_what_it_waits_for(world: Web) -> None:
    world.targets[1]["state"] = "initial"
    world.at(30, lambda: world.targets[2].update(state="initial"))
    world.at(40, lambda: [each.update(state="healthy") for each in world.targets] and None)
    assert verify(world)["ok"]
    waiting = [line.split("  ") for line in world.lines[:-1]]
    assert [when for when, _what in waiting] == ["0:00", "0:15", "0:30"]
    assert {what for _when, what in waiting} == {"not yet: targets in tg-web"}


def test_an_endpoint_whose_answer_must_say_something(world: Web) -> None:
    endpoint = {"url": f"{URL}/health", "path": "status", "equals": "healthy"}
    assert verify(world, endpoints=[endpoint])["ok"]
    found = verify(world, endpoints=[{**endpoint, "equals": "degraded"}], wait_timeout=0)
    assert 'expected 200, status is "degraded", found 200, status is "healthy"' in found["msg"]


def pulled(world: World, *digits: str) -> None:
    """Let each running task have pulled the content of this digest."""
    for each, digit in zip(world.tasks, digits, strict=True):
        each["containers"][0]["imageDigest"] = f"sha256:{digit * 64}"


def test_c68_a_tag_that_moved_fails_the_verification_of_what_came_back(world: Web) -> None:
    recorded = {"app": f"example.com/app:2@sha256:{'1' * 64}"}
    pulled(world, "1", "1", "1")
    found = verify(world, task_definition=revision(1), recorded_images=recorded)
    assert found["ok"] and found["images"] == recorded
    pulled(world, "1", "2", "2")
    found = verify(world, task_definition=revision(1), recorded_images=recorded)
    assert found["failed"] and wrong(found) == ["image of app"]
    assert "another content" in found["msg"] and f"sha256:{'2' * 64}" in found["msg"]
    assert found["images"] == {}, "two contents behind one name are not one image"


def test_c68_fails_on_a_verification_that_compares_names(world: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "compared", lambda _tasks, _expected: [])
    with pytest.raises(KeyError, match="failed"):
        test_c68_a_tag_that_moved_fails_the_verification_of_what_came_back(world)
