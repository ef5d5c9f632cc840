# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A one-off task in the place of a service's: what to ask ECS for, whose task is found again, what its end means.

Commands and variables may be secrets: they reach ECS, and neither a record nor a line.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import dataclass
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules import causes, verdict
from ansible_collections.steady.ecs.plugins.module_utils.rules.looks import name_of, primary, serving_container
from ansible_collections.steady.ecs.plugins.module_utils.rules.outcome import one_line
from ansible_collections.steady.ecs.plugins.module_utils.rules.records import (
    FAILED,
    SUCCEEDED,
    Document,
    seconds_between,
)

Answer = dict[str, Any]

KIND = "run_task"
LOOKS_BACK = 20
"""Records that are looked through for what an interrupted run has begun, however old they are."""
REMEMBERED = 3300.0
"""Seconds for which ECS lists a task after its end: "at least one hour" (API reference, DescribeTasks), less what the
clocks of two machines may differ by."""
ENDED_BY_SIGNAL = {137, 143}
NOT_STARTED = {
    "RESOURCE:MEMORY": "no instance of the cluster has so much memory free",
    "RESOURCE:CPU": "no instance of the cluster has so many CPU units free",
    "RESOURCE:PORTS": "the host port is taken on every instance",
    "RESOURCE:ENI": "no instance can take another network interface",
    "RESOURCE:GPU": "no instance has so many GPUs free",
    "AGENT": "the ECS agent of the instance does not answer",
    "ATTRIBUTE": "no instance has an attribute that the task definition needs",
    "INACTIVE": "the instance that was to run it is gone",
    "MISSING": "the cluster has no instance",
    "CAPACITY": "Fargate has no capacity in these subnets now: try again, or add subnets of other zones",
    "LOCATION": "the instance is in another Availability Zone or Region than the task needs",
}
"""Reasons of RunTask's ``failures`` (developer guide, "Amazon ECS API failures")."""


@dataclass(frozen=True)
class End:
    """How a task ended. ``speaker``: the container whose log says why; ``code``: None when ours never ran."""

    well: bool
    code: int | None
    speaker: str

    @property
    def verdict(self) -> str:
        """The word for it."""
        return verdict.SUCCEEDED if self.well else verdict.FAILED


def chosen_container(definition: Answer, service: Answer, wanted: str | None) -> tuple[str, str]:
    """The container that does the work, and why none can be chosen (with the remedy).

    By default the one that the load balancer asks, else the first essential one. It must be essential, for ECS ends a
    task when an essential container ends, and not before.
    """
    essential = [each["name"] for each in definition["containerDefinitions"] if each.get("essential", True)]
    every = [each["name"] for each in definition["containerDefinitions"]]
    serving = serving_container(service)
    name = wanted or (serving if serving in essential else essential[0])
    if name in essential:
        return name, ""
    names = ", ".join(essential)
    if name in every:
        return "", (
            f"Container {name} is not essential, so the task would go on after it has ended. Name an essential one: "
            f"{names}."
        )
    return "", f"{definition['family']} has no container {one_line(name)}. Name one of: {names}."


def request(cluster: str, service: Answer, revision: str, overrides: Answer, mark: str, token: str) -> Answer:
    """RunTask's arguments: where and how the service's own tasks run (case C77), once (the client token)."""
    strategy = service.get("capacityProviderStrategy")
    lead = primary(service)
    found = {
        "cluster": cluster,
        "taskDefinition": revision,
        "count": 1,
        "clientToken": token,
        "startedBy": mark,
        "networkConfiguration": service.get("networkConfiguration") or lead.get("networkConfiguration"),
        "capacityProviderStrategy": strategy,
        "launchType": None if strategy else service.get("launchType"),
        "platformVersion": service.get("platformVersion"),
        "volumeConfigurations": lead.get("volumeConfigurations"),
        "tags": [each for each in service.get("tags", []) if not each["key"].startswith("aws:")],
        "enableECSManagedTags": service.get("enableECSManagedTags"),
        "propagateTags": "TASK_DEFINITION" if service.get("propagateTags") == "TASK_DEFINITION" else None,
        "overrides": overrides,
    }
    return {name: value for name, value in found.items() if value}


def overrides(container: str, command: list[str], environment: dict[str, Any]) -> Answer:
    """RunTask's ``overrides``; an empty one when the container is to run as its revision says."""
    variables = [{"name": name, "value": str(value)} for name, value in sorted(environment.items())]
    changed = {"command": command, "environment": variables}
    given = {name: value for name, value in changed.items() if value}
    return {"containerOverrides": [{"name": container, **given}]} if given else {}


def told(container: str, revision: str, command: list[str], environment: dict[str, Any]) -> Answer:
    """What the verb was told, for the record: no word of a command, and of variables the names."""
    return {
        "container": container,
        "task_definition": name_of(revision),
        "command": f"hidden ({len(command)} {'word' if len(command) == 1 else 'words'})" if command else None,
        "environment": sorted(environment),
    }


def started_by(nonce: str) -> str:
    """What ECS notes of a task that a run with this nonce started."""
    return f"steady/{nonce}"


def gate(service: str, seq: int, revision: str, overrides: Answer) -> tuple[str, str]:
    """(mark, token) of a gate of a release: the same whoever goes on with it, so that it is run once.

    ECS keeps a task for an hour after its end; a release that is gone on with later runs its gates again.
    """
    mark = hashlib.sha256(f"{service} {seq}".encode()).hexdigest()[:24]
    content = json.dumps([mark, revision, overrides], sort_keys=True)
    return f"steady/{mark}", hashlib.sha256(content.encode()).hexdigest()[:48]


@dataclass(frozen=True)
class Unfinished:
    """A run of whose task no end is on record: it died, or could not look until then."""

    seq: int
    nonce: str
    task: str | None
    """Its id; None when the run may have died, or lost the answer, before it knew one."""
    began: str
    revision: str = ""
    """What it ran, where the record says so."""
    settled: bool = False
    """Whether a job that was told the same, as far as it is on record, has come to its end since."""

    def as_text(self) -> str:
        """Its task, for people."""
        named = f"task {self.task}" if self.task else "the task that it may have started"
        return f"{named}, of run {self.seq}, begun {self.began},"


def looked_through(earlier: Iterable[Document], now: Callable[[], str]) -> Iterator[Document]:
    """Of the records before ours, newest first, those that may tell what an interrupted run has begun: LOOKS_BACK, and
    all that are no older than the time for which ECS lists a task. ``now``: the store's, which knows it once it has
    answered."""
    for count, record in enumerate(earlier):
        if count >= LOOKS_BACK and seconds_between(record["log"][-1]["t"], now()) > REMEMBERED:
            return
        yield record


def unfinished(earlier: Iterable[Document], now: Callable[[], str]) -> tuple[list[Unfinished], set[str]]:
    """Of the records before ours, newest first: the runs whose task may still be at work; and the ids of the tasks of
    which the end is on record.

    Neither a release nor another job ends the search, for a task goes on beside them. What a release has called
    abandoned has no end on record either.
    """
    found, over, done = list[Unfinished](), set[str](), list[Any]()
    for record in looked_through(earlier, now):
        if record["kind"] != KIND:
            continue
        operation = record["operation"] or {}
        result, asked = operation.get("result") or {}, operation.get("arguments")
        if record["state"] not in (SUCCEEDED, FAILED) or may_go_on(result):
            if result.get("task") not in over:
                known = record["seq"], record["nonce"], result.get("task"), record["audit"]["started"]
                revision = str((asked or {}).get("task_definition") or "")
                found.append(Unfinished(*known, revision, settled=asked in done))
        elif result.get("task"):
            over.add(str(result["task"]))
            done.append(asked)
    return found, over


def forgotten(runs: Iterable[Unfinished], listed: dict[str, list[str]], now: str) -> str:
    """Why no task is started while nobody can know how an earlier one ended, and what to type; empty when it may be.

    ``listed``: the ids of the tasks that ECS still knows, by the nonce of the run that started them. A run that began
    within the time for which ECS knows a task, and has none there, has started none.
    """
    known = {name for names in listed.values() for name in names}
    for run in runs:
        if (
            run.settled
            or listed[run.nonce]
            or run.task in known
            or not (run.task or seconds_between(run.began, now) > REMEMBERED)
        ):
            continue
        return (
            f"The end of {run.as_text()} is not known: ECS forgets a stopped task after an hour. Nothing was started. "
            "See in its log, or in what it was to change, whether it has done its work. To run it again: "
            "-e run_task_again=true."
        )
    return ""


def is_equal(task: Answer, revision: str, wanted: Answer) -> bool:
    """Whether a task does what is wanted now: its revision, its command and its variables."""
    return task["taskDefinitionArn"] == revision and _content(task.get("overrides") or {}) == _content(wanted)


def ended(task: Answer, definition: Answer, container: str) -> End:
    """What a stopped task says of itself."""
    if succeeded(task, definition, container):
        return End(True, exit_code(task, container), container)
    return End(False, exit_code(task, container), str(causes.culprit(task).get("name") or container))


def told_of(name: str, end: End, cause: Answer | None) -> Answer:
    """An ended task's part of the answer; ``operation`` is what the record keeps."""
    found = {"task": name, "exit_code": end.code, "verdict": end.verdict}
    caused = {} if cause is None else {"cause": cause}
    return {**found, **caused, "operation": {**found, **caused}}


def not_ended(name: str | None) -> Answer:
    """The answer for a task whose end nobody has seen; without a name, for one of which nobody knows that it is."""
    found = {"task": name, "verdict": verdict.UNKNOWN}
    return {**found, "operation": found, "reason": verdict.UNKNOWN}


def may_go_on(answer: Answer) -> bool:
    """Whether the task may still be at work."""
    return answer.get("verdict") == verdict.UNKNOWN


def succeeded(task: Answer, definition: Answer, container: str) -> bool:
    """Whether a stopped task has done its work: the container ended with 0 by itself, and no essential one failed."""
    essential = {each["name"] for each in definition["containerDefinitions"] if each.get("essential", True)}
    codes = {each["name"]: each.get("exitCode") for each in task.get("containers", []) if each["name"] in essential}
    others = {code for name, code in codes.items() if name != container}
    return (
        task.get("stopCode") == "EssentialContainerExited"
        and codes.get(container) == 0
        and others <= {None, 0, *ENDED_BY_SIGNAL}
    )


def exit_code(task: Answer, container: str) -> int | None:
    """The exit code of one container; None when it never ran."""
    found: Answer = next((each for each in task.get("containers", []) if each["name"] == container), {})
    return found.get("exitCode")


def not_started(failures: list[Answer], secrets: Set[str]) -> Answer:
    """The answer when RunTask starts no task at all (case C74), without ``secrets``, which it may quote."""
    first = failures[0] if failures else {}
    reason = str(first.get("reason") or "ECS gives no reason")
    known = next((words for code, words in NOT_STARTED.items() if code in reason.upper()), "")
    said = ": ".join(text for text in (reason, str(first.get("detail") or "")) if text)
    detail = causes.readable(causes.masked([said], secrets)[0])
    cause = {**causes.cause({}, [], [], []), "reason": detail, "meaning": known}
    return {"verdict": verdict.FAILED, "cause": cause, "reason": "not_started"}


def _content(given: Answer) -> dict[str, Any]:
    """Overrides in a form in which equal means equal: ECS names every container, also those that it leaves alone."""
    found: dict[str, Any] = {}
    for each in given.get("containerOverrides", []):
        variables = {variable["name"]: variable["value"] for variable in each.get("environment", [])}
        if each.get("command") or variables:
            found[each["name"]] = (list(each.get("command") or []), variables)
    return found
