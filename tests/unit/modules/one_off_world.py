# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A world in which ECS runs one-off tasks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import reads, store_files, waits

from tests.unit.answers import ACCOUNT, moment
from tests.unit.modules.test_deployment_continue import strict
from tests.unit.modules.verb_world import VerbWorld
from tests.unit.modules.world import no_answer, refused

Answer = dict[str, Any]
NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-1"], "assignPublicIp": "DISABLED"}}


class Runner(VerbWorld):
    """ECS runs a one-off task for 20 seconds; ``ends`` says how it is then."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.service.update(
            networkConfiguration=NETWORK,
            platformVersion="1.4.0",
            tags=[{"key": "team", "value": "a"}, {"key": "aws:cloudformation:stack-name", "value": "x"}],
            enableECSManagedTags=True,
            propagateTags="SERVICE",
        )
        self.jobs: list[Answer] = []
        self.forgotten: list[Answer] = []
        self.tokens: dict[str, Answer] = {}
        self.failures: list[Answer] = []
        self.ends: Answer = {"stopCode": "EssentialContainerExited", "containers": [{"name": "app", "exitCode": 0}]}
        self.seconds_of_work: float | None = 20
        self.essential = True

    def run_task(self, **asked: Any) -> Answer:
        self._called("run_task", asked)
        strict("RunTask", asked)
        return self.started(asked)

    def started(self, asked: Answer) -> Answer:
        """The same token gives the same task."""
        if asked["clientToken"] not in self.tokens:
            if self.failures:
                return {"tasks": [], "failures": self.failures}
            job = {
                "taskArn": f"{ACCOUNT}task/c1/{len(self.jobs):032x}",
                "taskDefinitionArn": asked["taskDefinition"],
                "startedBy": asked["startedBy"],
                "lastStatus": "PROVISIONING",
                "desiredStatus": "RUNNING",
                "overrides": asked.get("overrides", {"containerOverrides": [{"name": "app"}]}),
                "containers": [{"name": "app", "image": "example.com/app:2"}],
            }
            self.jobs.append(job)
            self.tokens[asked["clientToken"]] = job
            if self.seconds_of_work is not None:
                self.at(self.seconds_of_work, lambda: self.stop(job))
        return {"tasks": [self.tokens[asked["clientToken"]]], "failures": []}

    def stop(self, job: Answer) -> None:
        """ECS forgets a stopped task after an hour."""
        job.update(lastStatus="STOPPED", desiredStatus="STOPPED", **self.ends)
        self.at(3600, lambda: self.forgotten.append(job))

    def known(self) -> list[Answer]:
        return [each for each in self.jobs if each not in self.forgotten]

    def lose_the_start(self) -> Exception:
        self.started(self.calls[-1][1])
        return no_answer()

    def get_paginator(self, operation: str) -> Any:
        return _Pages(self) if operation == "list_tasks" else super().get_paginator(operation)

    def describe_tasks(self, **asked: Any) -> Answer:
        self._called("describe_tasks", asked)
        return {"tasks": [each for each in [*self.tasks, *self.known()] if each["taskArn"] in asked["tasks"]]}

    def describe_task_definition(self, **asked: Any) -> Answer:
        found = super().describe_task_definition(**asked)
        content = found["taskDefinition"]
        content["containerDefinitions"][0]["essential"] = self.essential
        content["containerDefinitions"] += [{"name": "sidecar", "essential": False}]
        return {**found, "taskDefinition": {**content, "taskDefinitionArn": asked["taskDefinition"], "family": "web"}}


class _Pages:
    def __init__(self, world: Runner) -> None:
        self.world = world

    def paginate(self, **asked: Any) -> Iterator[Answer]:
        """A task a page; ``startedBy`` "must be the only filter that you use" (API reference, ListTasks)."""
        self.world._called("list_tasks", asked)
        if "startedBy" in asked and set(asked) != {"cluster", "startedBy"}:
            raise refused("InvalidParameterException", "cannot specify startedBy with other arguments")
        for each in [*self.world.tasks, *self.world.known()]:
            wanted = each["desiredStatus"] == asked.get("desiredStatus", "RUNNING")
            family = each["taskDefinitionArn"].rsplit("/", 1)[-1].split(":")[0]
            wanted = wanted and family == asked.get("family", family)
            if wanted and each.get("startedBy") == asked.get("startedBy", each.get("startedBy")):
                yield {"taskArns": [each["taskArn"]]}


def on_its_clock(world: Runner, monkeypatch: pytest.MonkeyPatch) -> Runner:
    """The world, whose clock waits and records go by, and of which nothing is remembered."""
    monkeypatch.setattr(waits, "clock", world)
    monkeypatch.setattr(reads, "_definitions", {})
    monkeypatch.setattr(store_files, "utc_now", lambda: moment(world.seconds).strftime("%Y-%m-%dT%H:%M:%SZ"))
    return world
