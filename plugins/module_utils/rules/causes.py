# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Why a task failed, in words: container, exit code, stop code, target reason, last log lines (cases C42 C44 C75).

Stop codes and reasons are those of "Amazon ECS stopped tasks error messages" in the developer guide.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Set
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules import redact

Answer = dict[str, Any]

LOG_LINES = 20
SHOWN_LINES = 3
SHORTEST_SECRET = 4

EXITS = {
    0: "it ended by itself, and a service's essential container must not",
    1: "the application reported an error",
    2: "wrong use of a shell command, or an error of the application",
    125: "the container runtime itself failed",
    126: "the command cannot be executed",
    127: "the command was not found in the image",
    134: "it aborted itself (SIGABRT)",
    137: "it was killed (SIGKILL): out of memory, or it did not end within its stopTimeout",
    139: "it accessed memory that is not its own (SIGSEGV), or it was built for another processor",
    143: "it was asked to end (SIGTERM)",
}
OWN_HEALTH = "failed container health checks"
REASONS = {
    "CannotPullContainerError": "the image cannot be pulled: check that name, tag or digest exist and that the "
    "execution role and the subnets reach the registry",
    "CannotPullContainer": "the image cannot be pulled",
    "ResourceInitializationError": "what the task needs before it starts (a secret, a log group, a volume, the "
    "network) cannot be had: check that it exists and that the execution role may read it",
    "unable to assume the role": "ECS cannot use the role: check that it exists and that its trust policy lets "
    "ecs-tasks.amazonaws.com assume it (a role that was just made needs a minute)",
    "OutOfMemoryError": "a container used more memory than its limit: raise memory, or find the leak",
    "OutOfMemory": "a container used more memory than its limit: raise memory, or find the leak",
    "CannotStartContainerError": "the container cannot be started: check command, user and mount points",
    "CannotCreateContainerError": "the container cannot be created: check mount points and volumes",
    "CannotStartVolumeError": "a volume cannot be mounted",
    "InternalError": "AWS failed to run it",
    "failed ELB health checks": "the load balancer's health check failed: check path, port, status codes, grace period",
    OWN_HEALTH: "the container's own health check failed",
    "Timeout waiting for network interface provisioning": "no network interface could be made in time",
    "already using a port required": "the host port is taken on each instance: add an instance, declare hostPort 0, or "
    "lower minimumHealthyPercent so that an old task frees its port",
    "has insufficient memory": "no instance has so much memory free: add an instance, let the task ask for less, or "
    "lower minimumHealthyPercent so that an old task makes room",
    "has insufficient CPU": "no instance has so many CPU units free: add an instance, let the task ask for less, or "
    "lower minimumHealthyPercent so that an old task makes room",
    "No Container Instances were found": "the cluster has no instance: add one, or declare launchType FARGATE",
    "unable to place a task": "no capacity has room for the task",
    "port already in use": "the host port is taken",
}
ENDED_FROM_OUTSIDE = {137, 143}
HEALTH = re.compile(r"health ?checks?", re.IGNORECASE)
TROUBLE = re.compile(r"unable to|was unable|failed|port .* already in use|cannot", re.IGNORECASE)
ENDED = "deployment failed:"
"""In the event of a deployment's end: of what it comes, an earlier one tells."""


def failed(task: Answer) -> bool:
    """Whether a stopped task counts as a failure of its deployment: it did not start, exited, or failed its health
    checks. Scaling, a person's StopTask and the loss of a Spot host or an instance are none."""
    code = task.get("stopCode")
    if code in {"TaskFailedToStart", "EssentialContainerExited"}:
        return True
    return code == "ServiceSchedulerInitiated" and bool(HEALTH.search(task.get("stoppedReason") or ""))


def culprit(task: Answer, serving: str = "") -> Answer:
    """The container that failed; an empty dict when no single one did.

    A container that never started has a reason and no exit code (case C74); a sibling that was only asked to end exits
    143 or 137, and 0 when it does so in good order: of one with 0 and one that was killed, neither of which ECS dates,
    it is the container ``serving`` that the load balancer asks. So it is when its health checks stopped the task; when
    containers' own did, it is the one that ECS says is UNHEALTHY.
    """
    containers = task.get("containers", [])
    if not containers:
        return {}
    if task.get("stopCode") == "ServiceSchedulerInitiated":
        if OWN_HEALTH in (task.get("stoppedReason") or ""):
            ill = [each for each in containers if each.get("healthStatus") == "UNHEALTHY"]
            return ill[0] if ill else containers[0] if len(containers) == 1 else {}
        return next((each for each in containers if each.get("name") == serving), containers[0])
    unstarted = [each for each in containers if each.get("exitCode") is None and each.get("reason")]
    wrong = [each for each in containers if each.get("exitCode") not in {None, 0, *ENDED_FROM_OUTSIDE}]
    ended = [each for each in containers if each.get("exitCode") == 0]
    killed = [each for each in containers if each.get("exitCode") in ENDED_FROM_OUTSIDE]
    served = [each for each in containers if each.get("name") == serving and each.get("exitCode") in {0, 137}]
    memory = [each for each in killed if "OutOfMemory" in (each.get("reason") or "")]
    at_the_end = [] if task.get("stopCode") == "TaskFailedToStart" else served or ended or killed
    found = memory or wrong or unstarted or at_the_end
    return found[0] if found else {}


def log_stream(definition: Answer, container: str, task_arn: str) -> tuple[str, str] | None:
    """Group and stream of a container's log, or None when its driver is another or the stream has no known name.

    The stream is PREFIX/CONTAINER/TASK ("Using the awslogs log driver", developer guide).
    """
    for each in definition.get("containerDefinitions", []):
        log = each.get("logConfiguration") or {}
        options = log.get("options") or {}
        if each.get("name") == container and log.get("logDriver") == "awslogs":
            group, prefix = options.get("awslogs-group"), options.get("awslogs-stream-prefix")
            return (group, f"{prefix}/{container}/{task_arn.rsplit('/', 1)[-1]}") if group and prefix else None
    return None


def secret_values(definition: Answer) -> set[str]:
    """What of a revision must not reach an output by way of a log line; see ``redact.values_in``."""
    return redact.values_in(definition, SHORTEST_SECRET)


def masked(lines: list[str], secrets: Set[str]) -> list[str]:
    """Log lines without environment values and without user names and passwords in URLs."""
    return [redact.without_user_info(redact.without(line, secrets)) for line in lines]


def cause(
    task: Answer,
    log_lines: list[str],
    targets: list[Answer],
    events: list[str],
    serving: str = "",
    secrets: Set[str] = frozenset(),
) -> dict[str, Any]:
    """The first failure, from a stopped task's answer; an empty ``task`` leaves the service's events to speak.

    ``log_lines`` are the culprit's last lines, ``targets`` the task's own targets as reads.target_health gives them,
    ``events`` the texts of the service's events since the deployment began. None of these and no reason, which may
    quote the whole command, shows ``secrets``.
    """

    def shown(text: str) -> str:
        return readable(masked([text], secrets)[0])

    container = culprit(task, serving)
    stopped_by_ecs = task.get("stopCode") == "ServiceSchedulerInitiated"
    exit_code = None if stopped_by_ecs else container.get("exitCode")
    telling = [each for each in events if TROUBLE.search(each)]
    why = [each for each in telling if ENDED not in each] or telling
    reason = str(task.get("stoppedReason") or (why[-1] if why and not task else ""))
    detail = str(container.get("reason") or "")
    ill = next((each for each in targets if each["state"] not in {"healthy", "draining"}), None)
    name = task.get("taskArn", "").rsplit("/", 1)[-1]
    of_it = [each for each in telling if name and name in each and HEALTH.search(each)]
    said = [each.replace(f"(task {name})", "the task") for each in of_it]
    return {
        "task": name or None,
        "container": container.get("name"),
        "image": container.get("image"),
        "exit_code": exit_code,
        "meaning": _meaning(f"{detail} {reason}", exit_code),
        "stop_code": task.get("stopCode"),
        "reason": shown("; ".join(dict.fromkeys(each for each in (reason, detail) if each))),
        "target_reason": _target_reason(ill, shown) if ill else shown(said[-1]) if said else None,
        "log_lines": [shown(each) for each in log_lines[-LOG_LINES:]],
        "events": [shown(each) for each in telling[-5:]],
    }


def from_events(events: list[str]) -> dict[str, Any] | None:
    """The cause when no task was seen to fail, such as a lack of capacity (case C49); None when no event tells."""
    found = cause({}, [], [], events)
    return found if found["reason"] else None


def as_text(found: dict[str, Any]) -> str:
    """The cause in one paragraph for people."""
    said = []
    if found["container"]:
        who = (
            f"container {found['container']} ({found['image']})"
            if found["image"]
            else f"container {found['container']}"
        )
        said.append(f"{who} exited with code {found['exit_code']}" if found["exit_code"] is not None else who)
    if found["meaning"]:
        said.append(found["meaning"])
    text = ": ".join(said) or "no task of this deployment was seen to fail"
    if found["reason"]:
        text += f". ECS says: {found['reason']}".rstrip(".")
        text += f" [{found['stop_code']}]" if found["stop_code"] else ""
    if found["target_reason"]:
        text += f". The load balancer says: {found['target_reason']}".rstrip(".")
    if found["log_lines"]:
        last = " | ".join(line.strip() for line in found["log_lines"][-SHOWN_LINES:])
        text += f". Last log lines: {last}"
    return (text[:1].upper() + text[1:]).rstrip(".") + "."


def readable(text: str) -> str:
    """An event or reason for people: no control characters, and names in the place of long ARNs."""
    text = re.sub(r"arn:aws[\w-]*:elasticloadbalancing:[^\s:]*:\d*:targetgroup/([\w-]+)/\w+", r"\1", text)
    text = re.sub(r"arn:aws[\w-]*:ecs:[^\s:]*:\d*:[\w-]+/(?:[\w-]+/)*([\w:.-]+)", r"\1", text)
    return " ".join(redact.text(text).split())


def _meaning(text: str, exit_code: int | None) -> str:
    for word, meaning in REASONS.items():
        if word.lower() in text.lower():
            return meaning
    if exit_code is None:
        return ""
    other = f"it was ended by signal {exit_code - 128}" if 128 < exit_code < 165 else EXITS[1]
    return EXITS.get(exit_code, other)


def _target_reason(target: Answer, shown: Callable[[str], str]) -> str:
    reason = f" {target['reason']}" if target["reason"] else ""
    description = f" ({shown(target['description'])})" if target["description"] else ""
    return f"{target['address']}:{target['port']} is {target['state']}{reason}{description}"
