"""Moves tasks: PROVISIONING > PENDING > RUNNING > DEACTIVATING > STOPPING > STOPPED.

Source: "Amazon ECS task lifecycle",
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html
"""

import signal
import time
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Protocol

from .addresses import Addresses
from .container_health import ContainerHealth
from .container_logs import LogPump, open_stream
from .container_secrets import ResourceInitialization, resolve
from .ecs import Ecs, rules
from .ecs.registration import start_order
from .ecs.state import Process, Task
from .images import CannotPull
from .moto_calls import MotoCalls
from .wire import Params, now

SHORTEST_STOP = 1.0  # seconds a process has after SIGTERM at any scale: an application needs real time to end


class ContainerEngine(Protocol):
    """engine.Engine or declared.DeclaredEngine."""

    def start_container(
        self, name: str, container: Params, address: str, task_id: str, secrets: Mapping[str, str], piped: bool
    ) -> Process: ...

    def start_check(self, name: str, container: Params, address: str, task_id: str) -> Process: ...


def targets(ecs: Ecs, task: Task) -> Iterator[tuple[Any, str, int]]:
    """(target group, address, port) of the task in each target group of its service revision."""
    for balancer in task.deployment.balancers if task.deployment else []:
        group = ecs.elbv2.groups.get(balancer["targetGroupArn"])
        if group and task.address:
            yield group, *task.target(balancer)


def _hosts(task: Task) -> list[tuple[tuple[str, int], int]]:
    """((instance, host port), container port) of a task in bridge or host mode."""
    return [((task.instance.id, b["hostPort"]), b["containerPort"]) for b in task.bindings if task.instance]


def overridden(container: Params, override: Params) -> Params:
    """A container as RunTask wants it: its variables win, and its command replaces the image's. What a revision itself
    declares as command is not run: images are commands here."""
    variables = {e["name"]: e for e in [*container["environment"], *override.get("environment", [])]}
    return {**container, "environment": list(variables.values()), "command": override.get("command")}


class TaskRuntime:
    def __init__(
        self, engine: ContainerEngine, addresses: Addresses, moto: MotoCalls, logs: LogPump, scale: float
    ) -> None:
        self.engine, self.addresses, self.moto, self.logs, self.scale = engine, addresses, moto, logs, scale

    def move(self, ecs: Ecs, task: Task) -> bool:
        """One step, under the bed's lock. True when the task's containers are to be launched (without the lock)."""
        if task.status in ("PROVISIONING", "PENDING") and task.wanted == "STOPPED":
            self._terminate(task)
        elif task.status == "PROVISIONING":
            task.address, task.status = self.addresses.task(), "PENDING"
            ecs.elbv2.hosts.update({host: (task.address, port) for host, port in _hosts(task)})
            return True
        elif task.status == "RUNNING":
            self._watch(ecs, task)
        elif task.status == "DEACTIVATING" and not any(g.target(a, p) for g, a, p in targets(ecs, task)):
            self._terminate(task)
        if task.status == "STOPPING":
            self._end(ecs, task)
        elif task.stopped is not None and time.time() - task.stopped > rules.KEPT * self.scale:
            ecs.forget_task(task)
        return False

    # -- start -----------------------------------------------------------------------------------
    def launch(self, ecs: Ecs, task: Task) -> str | None:
        """Start the containers of a PENDING task; the stopped reason when that fails. Without the bed's lock."""
        try:
            for container in start_order(task.definition.containers):
                self._launch_container(ecs, task, container)
        except (CannotPull, ResourceInitialization) as e:
            return str(e)
        except (OSError, ValueError) as e:  # ValueError: a name or value that no process can have in its environment
            return f"CannotStartContainerError: {e}"
        return None

    def _launch_container(self, ecs: Ecs, task: Task, container: Params) -> None:
        assert task.address is not None
        given = resolve(self.moto, ecs.region, container)
        stream = open_stream(self.moto, container, task.id)
        container = overridden(container, task.overrides.get(container["name"], {}))
        process = self.engine.start_container(
            task.definition.name, container, task.address, task.id, given, piped=stream is not None
        )
        task.processes[container["name"]] = process
        if container.get("healthCheck"):
            check = partial(self.engine.start_check, task.definition.name, container, task.address, task.id)
            health = ContainerHealth(container["healthCheck"], self.scale, check)
            task.health = {**task.health, container["name"]: health}  # a new one: the API may be reading the other
        if stream is not None and process.output is not None:
            self.logs.attach(stream, process.output)

    def launched(self, ecs: Ecs, task: Task, problem: str | None) -> None:
        """Record what `launch` did, under the bed's lock."""
        if problem:
            task.start_problem = problem
            task.ask_to_stop("TaskFailedToStart", problem)
            return
        task.status, task.started = "RUNNING", now()
        if task.service:
            task.service.event(f"has started 1 tasks: (task {task.id}).")
        if task.wanted == "RUNNING":
            for group, address, port in targets(ecs, task):
                ecs.elbv2.register_targets({"TargetGroupArn": group.arn, "Targets": [{"Id": address, "Port": port}]})
                if task.service:
                    task.service.event(f"registered 1 targets in (target-group {group.arn})")

    # -- stop ------------------------------------------------------------------------------------
    def _watch(self, ecs: Ecs, task: Task) -> None:
        for each in task.definition.containers:
            process = task.processes[each["name"]]
            if each.get("memory") and process.exit_code() is None and process.memory() > each["memory"]:
                # "If your container attempts to exceed the memory specified here, the container is killed"
                task.out_of_memory.add(each["name"])  # (API reference, ContainerDefinition)
                process.send(signal.SIGKILL)
        for check in task.health.values():
            check.step()
        essential = [c["name"] for c in task.definition.containers if c["essential"]]
        if any(task.processes[name].exit_code() is not None for name in essential):
            task.ask_to_stop("EssentialContainerExited", "Essential container in task exited")
        if task.wanted == "STOPPED":
            self._leave(ecs, task)

    def _leave(self, ecs: Ecs, task: Task) -> None:
        """Out of the target groups first; the processes end when the load balancers have let go.

        After an essential container's exit the agent stops the others at once: there is nothing left to drain.
        """
        served = False
        for group, address, port in targets(ecs, task):
            if group.target(address, port) is None:
                continue  # asked to stop while it was launched, so it never was registered
            served = True
            ecs.elbv2.deregister_targets({"TargetGroupArn": group.arn, "Targets": [{"Id": address, "Port": port}]})
            if task.service:
                task.service.event(f"deregistered 1 targets in (target-group {group.arn})")
        if served and task.service:
            task.service.event("has begun draining connections on 1 tasks.")
        task.status = "DEACTIVATING"
        if task.stop_code == "EssentialContainerExited":
            self._terminate(task)

    def _terminate(self, task: Task) -> None:
        for check in task.health.values():
            check.close()
        for process in task.processes.values():
            process.send(signal.SIGTERM)
        task.status, task.term_sent = "STOPPING", time.monotonic()

    def _end(self, ecs: Ecs, task: Task) -> None:
        """STOPPED once all containers have exited; SIGKILL for those that outlive their stopTimeout."""
        waited = time.monotonic() - (task.term_sent or 0.0)
        for container in task.definition.containers:
            process = task.processes.get(container["name"])
            patience = max(SHORTEST_STOP, container.get("stopTimeout", 30) * self.scale)
            if process and waited > patience:
                process.send(signal.SIGKILL)
        if any(p.exit_code() is None for p in task.processes.values()):
            return
        task.status, task.stopped = "STOPPED", now()
        if task.address:
            self.addresses.give_back(task.address)
        for host, _port in _hosts(task):
            ecs.elbv2.hosts.pop(host, None)
        if task.service:
            task.service.event(f"has stopped 1 running tasks: (task {task.id}).")
