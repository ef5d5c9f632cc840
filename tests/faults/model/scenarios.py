"""The situations that plans disturb: what is declared, what was released before, and how the undisturbed run ends."""

from __future__ import annotations

import functools
import json
import pickle
import random
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules.records import FINAL, SUCCEEDED
from ansible_collections.steady.ecs.plugins.module_utils.rules.states import differences, live_settings, state_of

from tests.faults.model import folders, plays
from tests.faults.model.cloud import BUCKET, Cloud
from tests.faults.model.ecs import ACCOUNT, CLUSTER, FAMILY, GROUP, REGION, SERVICE, Answer
from tests.faults.model.stand_ins import installed
from tests.faults.model.wire import Call, Killed, Run, set_current

CANARY = "canary-5d1e-secret"
"""The value of an environment variable; it may stand in a revision and nowhere else."""
DURATION = "stickiness.lb_cookie.duration_seconds"
PREFIX = "prefix"
PLACE = f"{PREFIX}/{ACCOUNT}/{REGION}/{CLUSTER}/{SERVICE}"

INVENTORY: Answer = {
    "service_account": ACCOUNT,
    "service_region": REGION,
    "service_cluster": CLUSTER,
    "service_name": SERVICE,
    "release_why": "the model",
    "rollout_wait_delay": 2,
    "rollout_wait_timeout": 120,
    "rollout_stable_seconds": 2,
    "health_wait_timeout": 20,
}


def declared(image: str, duration: int, grace: int = 60, **more: Any) -> Answer:
    """The inventory of one intent: revision, attribute and setting."""
    return {
        **INVENTORY,
        "target_group_attributes": {DURATION: duration},
        "rollout_images": {"web": f"example.com/web:{image}"},
        "rollout_changes": {"containers": {"web": {"environment": {"TOKEN": f"{CANARY}-{image}"}}}},
        "rollout_settings": {"healthCheckGracePeriodSeconds": grace},
        **more,
    }


FIRST = declared("1", 7200, 70)
SECOND = declared("2", 86400, 80)
OTHER = declared("3", 600, 90)
BAD = declared("bad", 60, 100, rollout_wait_delay=5)
BREAKER_OFF: Answer = {"deploymentCircuitBreaker": {"enable": False, "rollback": False}}
ENDLESS: Answer = {
    **BAD,
    "rollout_settings": {"healthCheckGracePeriodSeconds": 100, "deploymentConfiguration": BREAKER_OFF},
}
"""Nothing of it ever runs, and ECS does not give up."""


@dataclass(frozen=True)
class Command:
    """What a person types."""

    playbook: str
    variables: Answer = field(hash=False)


def by_hand() -> Cloud:
    """A service that nobody has released yet."""
    cloud = Cloud()
    container = {
        "name": "web",
        "image": "example.com/web:0",
        "essential": True,
        "environment": [{"name": "TOKEN", "value": f"{CANARY}-0"}, {"name": "MODE", "value": "production"}],
        "portMappings": [{"containerPort": 8080, "hostPort": 8080, "protocol": "tcp"}],
    }
    fargate = {"cpu": "256", "memory": "512", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"]}
    for _number in range(2):
        cloud.register_task_definition(family="model", containerDefinitions=[container], **fargate)
    cloud.begin(2, cloud.seconds)
    cloud.seconds += 3600
    cloud.settle()
    cloud.remember()
    cloud.seconds += 3600
    return cloud


@dataclass
class Ended:
    """One run of a command."""

    outcome: plays.Outcome
    run: Run
    facts: Answer


def play(cloud: Cloud, command: Command, run: Run | None = None) -> Ended:
    """Type the command, and see how it ends; what killed it is no exception here."""
    run = run or Run(cloud)
    set_current(run)
    with installed(folders.CountedStore):
        if not cloud.files:
            return played(run, {**command.variables, "release_store": f"s3://{BUCKET}/{PREFIX}"}, command.playbook)
        folder = folders.unpacked(cloud, PREFIX)
        try:
            return played(run, {**command.variables, "release_store": str(folder)}, command.playbook)
        finally:
            folders.packed(cloud, PREFIX, folder)


def played(run: Run, variables: Answer, playbook: str) -> Ended:
    """A process from its beginning to its end, by itself or killed."""
    process = plays.Play(run, variables)
    try:
        outcome = process.play(playbook)
    except Killed:
        outcome = plays.Outcome(None, True, "killed", killed=True)
    return Ended(outcome, run, process.facts)


@dataclass(frozen=True)
class Scenario:
    """A command in a situation."""

    name: str
    before: tuple[Command, ...]
    command: Command
    ends: str
    """The outcome of the undisturbed run."""
    proves: bool = True
    """Whether its release succeeds in the end; one that cannot is rolled back whenever it is tried."""

    def __hash__(self) -> int:
        return hash(self.name)

    def start(self, files: bool = False) -> Cloud:
        """A world of its own, in which what came before has happened. ``files``: its records are in a folder."""
        found: Cloud = pickle.loads(_start(self, files))  # noqa: S301 our own bytes
        return found

    def undisturbed(self, files: bool = False) -> tuple[Answer, tuple[Call, ...], int]:
        """What the world is like after the command; its calls; how many tasks it has."""
        return _undisturbed(self, files)


@functools.cache
def _start(scenario: Scenario, files: bool) -> bytes:
    cloud = by_hand()
    cloud.files = files
    for each in scenario.before:
        ended = play(cloud, each)
        assert ended.outcome.word == "proven", (scenario.name, each.playbook, ended.outcome, ended.run.wrong)
        cloud.seconds += 600
    return pickle.dumps(cloud, pickle.HIGHEST_PROTOCOL)


@functools.cache
def _undisturbed(scenario: Scenario, files: bool) -> tuple[Answer, tuple[Call, ...], int]:
    cloud = scenario.start(files)
    random.seed(0)
    ended = play(cloud, scenario.command)
    assert ended.outcome.word == scenario.ends, (scenario.name, ended.outcome, ended.run.wrong)
    assert not ended.run.wrong, ended.run.wrong
    return seen(cloud), tuple(ended.run.trace), len(ended.run.tasks)


def seen(cloud: Cloud) -> Answer:
    """The world when ECS has come to rest."""
    cloud.seconds += 600
    cloud.settle()
    return cloud.seen()


def documents(cloud: Cloud) -> tuple[Answer, dict[int, Answer]]:
    """The head and the records by number, as they stand in the bucket."""
    found = {key: json.loads(data) for key, (data, _etag) in cloud.objects.items() if key.startswith(PLACE)}
    head = found.pop(f"{PLACE}/head.json", {"seq": 0, "current": None, "open": None, "lease": None})
    return head, {each["seq"]: each for key, each in sorted(found.items()) if "/releases/" in key}


def live_state(cloud: Cloud) -> Answer:
    """The state of the service in the form of a record's ``before``."""
    return {
        "task_definition": f"{FAMILY}:{cloud.primary['revision']}",
        "settings": live_settings(cloud._service()),
        "attributes": {GROUP: dict(cloud.attributes)},
    }


def is_live(record: Answer, cloud: Cloud) -> bool:
    """Whether what a record says to have brought about is what AWS shows."""
    return not differences(state_of(record), live_state(cloud))


def final(record: Answer) -> bool:
    return record["state"] in FINAL


def succeeded(record: Answer) -> bool:
    return bool(record["state"] == SUCCEEDED)


def _c(playbook: str, variables: Answer, **more: Any) -> Command:
    return Command(playbook, {**variables, **more})


HEALTH_FAILS = {"health_desired_count": 5}
"""More than the service wants: the deployment is good, and the verification is not."""
SCENARIOS = (
    Scenario("first deploy", (), _c("deploy", FIRST), "proven"),
    Scenario("deploy", (_c("deploy", FIRST),), _c("deploy", SECOND), "proven"),
    Scenario(
        "attributes only",
        (_c("deploy", FIRST),),
        _c("deploy", {**FIRST, "target_group_attributes": {DURATION: 100}}),
        "proven",
    ),
    Scenario("rollback", (_c("deploy", FIRST), _c("deploy", SECOND)), _c("rollback", INVENTORY), "proven"),
    Scenario("bad image", (_c("deploy", FIRST),), _c("deploy", BAD), "failed_rolled_back", proves=False),
    Scenario(
        "bad image without a breaker",
        (_c("deploy", {**FIRST, "rollout_settings": {"deploymentConfiguration": BREAKER_OFF}}),),
        _c("deploy", BAD),
        "failed_rolled_back",
        proves=False,
    ),
    Scenario(
        "health check fails",
        (_c("deploy", FIRST),),
        _c("deploy", SECOND, **HEALTH_FAILS),
        "failed_rolled_back",
        proves=False,
    ),
)
THIRD = Scenario(
    "third deploy", (_c("deploy", FIRST), _c("deploy", SECOND)), _c("deploy", declared("4", 900, 110)), "proven"
)
BY_NAME = {each.name: each for each in (*SCENARIOS, THIRD)}
