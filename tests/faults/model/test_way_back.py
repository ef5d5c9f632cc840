"""Ways back that are rare: releases that keep their revision, ECS that goes back by a deployment of its own, what dead
and failed releases have left. Each was wrong once."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import visits
from ansible_collections.steady.ecs.plugins.module_utils.work import Task

from tests.faults.model import folders, plays, scenarios
from tests.faults.model.cloud import BUCKET, Cloud
from tests.faults.model.ecs import Answer
from tests.faults.model.scenarios import BAD, DURATION, FIRST, INVENTORY, OTHER, SECOND, Command, Ended, documents
from tests.faults.model.stand_ins import installed
from tests.faults.model.wire import Run, set_current

UNPROVEN: Answer = {"health_desired_count": 5}
"""ECS is content, and the verification is not."""
STAYS: Answer = {"rollback_on_failure": False}
GROUPS = {"awsvpcConfiguration": {"subnets": ["subnet-a"], "securityGroups": ["sg-old"], "assignPublicIp": "DISABLED"}}
OTHER_GROUP: Answer = {"networkConfiguration": {"awsvpcConfiguration": {"securityGroups": ["sg-new"]}}}
URL = "http://127.0.0.1:8080/api/health/new"
BACK = Command("rollback", INVENTORY)


class Odd(Cloud):
    """A cloud whose next deployment fails when a test says so, and which may go back by a new one."""

    fails_next = False
    new_id = False

    def begin(self, number: int, when: float) -> Answer:
        if not self.fails_next:
            return super().begin(number, when)
        self.fails_next = False
        revision = self.revisions[number]
        kept, revision["containerDefinitions"] = revision["containerDefinitions"], [{"image": "web:bad"}]
        try:
            return super().begin(number, when)
        finally:
            revision["containerDefinitions"] = kept

    def _goes_back(self, found: Answer, last: Answer, when: float) -> None:
        super()._goes_back(found, last, when)
        if self.new_id:
            self.numbers += 1
            old, last["id"] = last["id"], f"ecs-svc/{self.numbers:019d}"
            last["createdAt"], self.last_completed = when, last["id"]
            self.due = [(at, order, what, which.replace(old, last["id"])) for at, order, what, which in self.due]

    def update_service(self, cluster: str, service: str, **changes: Any) -> Answer:
        network = changes.pop("networkConfiguration", None)
        if network:
            self.settings = {**self.settings, "networkConfiguration": network}
            changes["forceNewDeployment"] = True
        return super().update_service(cluster, service, **changes)


class At(Run):
    """Something happens when the first task of a name begins, after one of another."""

    def __init__(self, cloud: Cloud, task: str, what: Callable[[Any], object], after: str = "") -> None:
        super().__init__(cloud)
        self.moment, self.what, self.after, self.over = task, what, after, False
        self.names: list[str] = []

    def begin_task(self, task: Task, name: str) -> None:
        super().begin_task(task, name)
        if name == self.moment and not self.over and (not self.after or self.after in self.names):
            self.over = True
            self.what(self.cloud)
        self.names.append(name)


def start(*released: Answer, new_id: bool = False) -> Odd:
    """A service after these releases."""
    cloud = scenarios.by_hand()
    cloud.__class__ = Odd
    assert isinstance(cloud, Odd)
    cloud.new_id = new_id
    cloud.settings["networkConfiguration"] = GROUPS
    for each in released:
        typed(cloud, each, "proven")
    return cloud


def typed(cloud: Cloud, command: Answer | Command, word: str | None, run: Run | None = None) -> Ended:
    """Type it, look how it ends, and wait until ECS is at rest."""
    command = command if isinstance(command, Command) else Command("deploy", command)
    ended = scenarios.play(cloud, command, run)
    assert ended.outcome.word == word, ended.outcome
    assert not ended.run.wrong
    cloud.seconds += 600
    cloud.settle()
    return ended


def killed_while_watched(cloud: Odd, command: Answer | Command) -> None:
    """The process dies after its deployment was begun and noted, and ECS comes to its end meanwhile."""
    command = command if isinstance(command, Command) else Command("deploy", command)
    trace = scenarios.play(copied(cloud), command).run.trace
    begun = next(number for number, each in enumerate(trace) if each.method == "update_service")
    typed(cloud, command, None, Run(cloud, {begun + 8: "kill_before"}))


def restarted(cloud: Odd) -> None:
    """By our own verb, which says its last word itself."""
    assert not typed(cloud, Command("restart", INVENTORY), None).outcome.failed


def copied(cloud: Odd) -> Odd:
    found: Odd = pickle.loads(pickle.dumps(cloud))  # noqa: S301 our own bytes
    return found


def newest(cloud: Cloud) -> Answer:
    """The newest record."""
    records = documents(cloud)[1]
    found: Answer = records[max(records)]
    return found


def deployments(ended: Ended) -> list[str]:
    return [each.method for each in ended.run.trace if each.method == "update_service"]


# -- releases that keep their revision ---------------------------------------------------------------------------------


@pytest.mark.parametrize("new_id", [False, True], ids=["the earlier deployment", "a new one"])
@pytest.mark.parametrize("kind", ["new tasks", "another network"])
def test_what_keeps_its_revision_and_was_undone_while_nobody_watched_has_failed(new_id: bool, kind: str) -> None:
    """It was called proven, for the revision from before is its own: with the network of tasks that had never run."""
    cloud = start(FIRST, new_id=new_id)
    wanted = {**FIRST, "rollout_force": True}
    if kind == "another network":
        wanted = {**FIRST, "rollout_settings": {**FIRST["rollout_settings"], **OTHER_GROUP}}
    cloud.fails_next = True
    killed_while_watched(cloud, wanted)
    again = typed(cloud, wanted, "failed_rolled_back")
    assert "was rolled back" in again.outcome.detail
    assert cloud.settings["networkConfiguration"] == GROUPS
    assert deployments(again) == ([] if kind == "new tasks" else ["update_service"]), "never rolled out a second time"
    assert newest(cloud)["state"] == "rolled_back"


@pytest.mark.parametrize("new_id", [False, True], ids=["the earlier deployment", "a new one"])
def test_a_rollback_that_keeps_its_revision_and_was_undone_has_failed(new_id: bool) -> None:
    cloud = start(FIRST, {**FIRST, "rollout_settings": {**FIRST["rollout_settings"], **OTHER_GROUP}}, new_id=new_id)
    cloud.fails_next = True
    killed_while_watched(cloud, BACK)
    assert deployments(typed(cloud, BACK, "failed")) == []
    assert newest(cloud)["state"] == "failed"


# -- deployments that nobody has noted, and that are nobody else's -----------------------------------------------------


@pytest.mark.parametrize("new_id", [False, True], ids=["the earlier deployment", "a new one"])
@pytest.mark.parametrize("by", ["rollback", "way back"])
def test_what_ecs_returned_to_from_our_way_back_is_not_somebody_elses(new_id: bool, by: str) -> None:
    """The run ended as superseded, and the attributes of the failed release stayed."""
    cloud = start(FIRST, new_id=new_id)
    if by == "rollback":
        typed(cloud, SECOND, "proven")
        cloud.fails_next = True
        ended = typed(cloud, BACK, "failed")
    else:
        wanted = {**SECOND, **UNPROVEN}
        ended = typed(cloud, wanted, "failed", At(cloud, "release_info", lambda at: setattr(at, "fails_next", True)))
    assert "was rolled back" in ended.outcome.detail
    assert cloud.attributes[DURATION] == "7200"


@pytest.mark.parametrize("then", ["same", "other", "rollback"])
def test_a_restart_between_two_runs_hides_nothing(then: str) -> None:
    """Only the newest service deployment was asked, which is the restart's; nobody but ECS had gone back."""
    cloud = start(FIRST)
    killed_while_watched(cloud, BAD)
    restarted(cloud)
    command = {"same": BAD, "other": OTHER, "rollback": BACK}[then]
    ended = typed(cloud, command, "failed_rolled_back" if then == "same" else "proven")
    grace, duration = (90, "600") if then == "other" else (70, "7200")
    assert (cloud.settings["healthCheckGracePeriodSeconds"], cloud.attributes[DURATION]) == (grace, duration)
    assert "Somebody else" not in ended.outcome.detail


def test_a_restart_before_a_dead_release_has_begun_its_deployment_is_no_hindrance() -> None:
    cloud = start(FIRST)
    trace = scenarios.play(copied(cloud), Command("deploy", SECOND)).run.trace
    registered = next(number for number, each in enumerate(trace) if each.method == "register_task_definition")
    typed(cloud, SECOND, None, Run(cloud, {registered + 1: "kill_before"}))
    restarted(cloud)
    typed(cloud, SECOND, "proven")
    assert cloud.attributes[DURATION] == "86400"


def test_without_a_breaker_a_mended_release_replaces_the_failed_one() -> None:
    """ECS goes on starting its tasks for ever, so it was somebody's deployment under way for ever."""
    off = {"deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": False, "rollback": False}}}

    def without_breaker(declared: Answer) -> Answer:
        return {**declared, "rollout_settings": {**declared["rollout_settings"], **off}, **STAYS}

    cloud = start(without_breaker(FIRST))
    typed(cloud, {**without_breaker(BAD), "rollout_wait_timeout": 300}, "failed")
    typed(cloud, without_breaker(SECOND), "proven")
    cloud.by_hand()
    ended = scenarios.play(cloud, Command("deploy", without_breaker(OTHER)))
    assert ended.outcome.word == "error" and "Somebody is deploying something else" in ended.outcome.detail


# -- what the way back asks, and restores ------------------------------------------------------------------------------


class Route:
    """A URL that only what runs the image ``2`` knows; a release before it answers 404, or as a test says."""

    def __init__(self, cloud: Odd, otherwise: int = 404) -> None:
        self.cloud, self.otherwise = cloud, otherwise

    def __call__(self, _url: str) -> tuple[int, bytes]:
        image = self.cloud.revisions[self.cloud.primary["revision"]]["containerDefinitions"][0]["image"]
        return (200 if image.endswith(":2") else self.otherwise), b"{}"


@pytest.mark.parametrize(("otherwise", "is_back"), [(404, True), (500, False)])
def test_an_endpoint_that_came_with_a_release_says_nothing_of_the_one_before(
    monkeypatch: pytest.MonkeyPatch, otherwise: int, is_back: bool
) -> None:
    """No rollback over it could ever end well, and each began another deployment. An error of the server is one."""
    cloud = start(FIRST)
    monkeypatch.setattr(visits, "asked", Route(cloud, otherwise))
    asked = {"health_endpoints": [URL]}
    typed(cloud, {**SECOND, **asked}, "proven")
    typed(cloud, Command("rollback", {**INVENTORY, **asked}), "proven" if is_back else "failed")
    if is_back:
        typed(cloud, {**BAD, **asked}, "failed_rolled_back")
        typed(cloud, Command("rollback", {**INVENTORY, **asked}), "unchanged")


def test_an_endpoint_that_was_verified_must_hold_after_a_way_back(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {"health_endpoints": [URL]}
    cloud = start()
    monkeypatch.setattr(visits, "asked", lambda _url: (200, b"{}"))
    for each in (FIRST, SECOND):
        typed(cloud, {**each, **asked}, "proven")
    monkeypatch.setattr(visits, "asked", lambda _url: (404, b"{}"))
    typed(cloud, Command("rollback", {**INVENTORY, **asked}), "failed")


def test_an_endpoint_that_answers_as_it_did_is_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is expected of it is of the later release: the number of its version, say."""
    cloud = start()
    monkeypatch.setattr(visits, "asked", lambda _url: (200, b'{"revision": %d}' % cloud.primary["revision"]))

    def asking(revision: int) -> Answer:
        return {"health_endpoints": [{"url": URL, "path": "revision", "equals": revision}]}

    typed(cloud, {**FIRST, **asking(3)}, "proven")
    typed(cloud, {**SECOND, **asking(4)}, "proven")
    typed(cloud, Command("rollback", {**INVENTORY, **asking(4)}), "proven")


@pytest.mark.parametrize("declares", [6, None], ids=["both declare it", "the first alone"])
def test_the_count_of_a_dead_release_is_undone_by_the_way_back_of_the_next(declares: int | None) -> None:
    """It was said that everything was put back, and twice as many tasks ran."""
    cloud = start({**FIRST, "rollout_settings": {**FIRST["rollout_settings"], "desiredCount": 3}})
    bad = {**BAD, "rollout_settings": {**BAD["rollout_settings"], "desiredCount": 6}}
    killed_while_watched(cloud, bad)
    assert cloud.desired == 6
    worse = {**(bad if declares else BAD), "rollout_images": {"web": "example.com/web:bad-2"}}
    ended = typed(cloud, worse, "failed_rolled_back")
    assert cloud.desired == 3
    assert "except" not in ended.outcome.detail


def test_a_rollback_is_checked_for_the_release_that_it_goes_to() -> None:
    """Preflight knew nothing of the count, and checked the release before that."""
    cloud = start(FIRST, SECOND)
    images = {"rollout_images": {"web": "example.com/web:bad"}}
    counted = {"rollout_settings": {**SECOND["rollout_settings"], "desiredCount": 6}}
    typed(cloud, {**SECOND, **images, **counted, **STAYS}, "failed")
    further = copied(cloud)
    further.revisions[3]["status"] = "DELETE_IN_PROGRESS"
    typed(further, BACK, "proven")
    cloud.revisions[4]["status"] = "DELETE_IN_PROGRESS"
    ended = typed(cloud, BACK, "error")
    assert "Release 3 cannot run" in ended.outcome.detail and not deployments(ended)


def test_a_way_back_that_can_never_succeed_is_not_begun_again_for_ever() -> None:
    """Its release stayed open, and the same command, mended or not, was refused ever after."""
    cloud = start(FIRST)

    def gone(at: Cloud) -> None:
        at.revisions[3]["status"] = "DELETE_IN_PROGRESS"

    ended = typed(cloud, {**SECOND, **UNPROVEN}, "failed", At(cloud, "release_info", gone))
    assert "names the nearest release that can run" in ended.outcome.detail
    assert "Run the same command again" not in ended.outcome.detail
    assert documents(cloud)[0]["open"] is None
    typed(cloud, SECOND, "proven")


def test_what_stays_of_a_release_that_somebody_took_over_on_its_way_back_is_said() -> None:
    cloud = start(FIRST)
    run = At(cloud, "deployment", lambda at: at.by_hand(), after="release_info")
    ended = typed(cloud, {**SECOND, **UNPROVEN}, "superseded", run)
    assert f"What this run set stays, unless they have set it since: {DURATION} of target group" in ended.outcome.detail
    assert "healthCheckGracePeriodSeconds of service" in ended.outcome.detail


# -- several plays of one call -----------------------------------------------------------------------------------------


def call(cloud: Cloud, run: Run, *commands: Command) -> list[plays.Outcome]:
    """`ansible-playbook rollback.yml deploy.yml`: what is registered stays from one play to the next."""
    set_current(run)
    facts: Answer = {}
    with installed(folders.CountedStore):
        return [
            plays.Play(run, {**each.variables, "release_store": f"s3://{BUCKET}/{scenarios.PREFIX}"}, facts).play(
                each.playbook
            )
            for each in commands
        ]


def test_what_an_earlier_play_has_restored_is_not_what_this_one_did() -> None:
    cloud = start(FIRST, SECOND)

    def gone(at: Cloud) -> None:
        at.revisions[3]["status"] = "DELETE_IN_PROGRESS"

    run = At(cloud, "release_info", gone)
    back, deploy = call(cloud, run, BACK, Command("deploy", {**OTHER, **UNPROVEN}))
    assert (back.word, deploy.word) == ("proven", "failed"), deploy
    assert "the way back failed" in deploy.detail


def test_a_play_that_opened_nothing_has_no_release_of_an_earlier_one() -> None:
    cloud = start()
    seen: list[str] = []

    def second(at: Cloud) -> None:
        seen.append("x")
        at.status = "DRAINING" if len(seen) == 2 else at.status

    class Each(At):
        def begin_task(self, task: Task, name: str) -> None:
            self.over = False
            super().begin_task(task, name)

    first, after = call(
        cloud, Each(cloud, "service_preflight", second), Command("deploy", FIRST), Command("deploy", SECOND)
    )
    assert (first.word, after.word) == ("proven", "error"), after
