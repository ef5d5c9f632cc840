"""What lies between a task and the cloud: clients that check, count, disturb and lose; and the process that dies.

A call is one method of a client. Reads are tried again as the SDK does it, writes are not: who asks for a client says
how many attempts it makes. A fault disturbs the first attempt of one call; the kinds are in ``KINDS``.
"""

from __future__ import annotations

import functools
import json
import signal
import threading
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import botocore.loaders
from ansible_collections.steady.ecs.plugins.module_utils import work
from ansible_collections.steady.ecs.plugins.module_utils.edges import transport
from ansible_collections.steady.ecs.plugins.module_utils.edges.aws import WRITE_ATTEMPTS
from ansible_collections.steady.ecs.plugins.module_utils.work import Task
from botocore import xform_name
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

from tests.faults.model.cloud import Cloud
from tests.faults.model.ecs import REGION, Answer, refused

LATENCY = 0.05
TIMEOUT = 20.0
"""Seconds until a client gives up waiting for an answer (edges/aws.py)."""
PAUSE = 200.0
"""Seconds for which a process stands still: longer than a lease and a call together."""
NAP = 30.0
"""Seconds of standing still after which a lease still holds, and a look at the service is old."""
STRONG_SERVICES = {"s3", "sts"}
THROTTLES = {"s3": "SlowDown", "elbv2": "Throttling"}
EXPIRED = {"s3": "ExpiredToken"}

READ_KINDS = ("throttle", "unavailable", "reset", "timeout", "expired", "kill_before", "int_before", "pause", "outage")
WRITE_KINDS = (*READ_KINDS, "lost", "error_after", "late", "kill_after", "term_after", "pause_after")
STALE = "stale"
"""Only reads of what is not strongly consistent."""
CONSOLE = "console"
"""Somebody deploys another revision by hand just before the call."""
CONSOLE_STILL = ("console_pause", "console_nap")
"""The same while the process stands still before the request is sent: past its lease, or for so short that it holds."""
CONSOLE_ROUNDS = ("console_throttle", "console_reset", "console_lost")
"""The same after a write was turned away, or not answered (carried out or not), and before it is sent again."""
BORDER = "border"
"""Not at a call: the process dies before a task begins, where nothing of ours runs."""


class Killed(BaseException):
    """The process is no more. Nothing of the product may catch it."""


class NotModelled(BaseException):
    """Something was asked that this world does not know: mend the model, not the product."""


@functools.cache
def model(service: str) -> ServiceModel:
    """botocore's own model of a service."""
    return ServiceModel(botocore.loaders.create_loader().load_service_model(service, "service-2"), service)


@functools.cache
def operations(service: str) -> dict[str, str]:
    """Method name to operation name."""
    return {xform_name(each): each for each in model(service).operation_names}


def is_write(operation: str) -> bool:
    """Whether a method changes something."""
    return not operation.startswith(("describe_", "list_", "get_", "head_"))


_checked: set[tuple[str, str, str]] = set()


def check(service: str, method: str, arguments: Answer) -> None:
    """Refuse what botocore would refuse: wrong names, wrong types, what is missing."""
    key = (service, method, repr(arguments))
    if key in _checked:
        return
    shape = model(service).operation_model(operations(service)[method]).input_shape
    problems = ParamValidator().validate(arguments, shape) if shape else None
    if problems and problems.has_errors():
        raise NotModelled(f"{service}.{method}: {problems.generate_report()}")
    _checked.add(key)


@dataclass
class Call:
    """One call as the trace keeps it."""

    service: str
    method: str
    write: bool
    task: str = ""

    def kinds(self) -> tuple[str, ...]:
        """The faults that mean something here."""
        if self.write:
            return WRITE_KINDS
        return READ_KINDS if self.service in STRONG_SERVICES else (*READ_KINDS, STALE)


@dataclass
class Run:
    """One ansible-playbook process: its calls so far, its faults to come, and what it showed."""

    cloud: Cloud
    faults: dict[int, str] = field(default_factory=dict)
    """Fault by the index of its call."""
    name: str = "a"
    dies_before_task: int | None = None
    trace: list[Call] = field(default_factory=list)
    tasks: list[str] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    task: Task | None = None
    expired: bool = False
    dying: bool = False
    wrong: list[str] = field(default_factory=list)
    """What must never happen and was seen."""
    watch: Callable[[Run, str, str, Answer], None] | None = None
    """Called before a write takes effect."""

    def pause(self, seconds: float) -> None:
        """Time goes by for this process."""
        self.cloud.seconds += max(0.0, seconds)

    def stand_still(self) -> None:
        """The process is stopped for longer than a lease: a laptop sleeps, a debugger holds it."""
        self.pause(PAUSE)

    def step(self) -> None:
        """A document of a folder is read or written: time goes by, and others may run."""
        self.pause(LATENCY / 10)

    def latency(self, _call: Call) -> float:
        """Seconds that a request is under way before it takes effect."""
        return LATENCY

    def begin_task(self, task: Task, name: str) -> None:
        """A process of its own begins."""
        if self.dies_before_task == len(self.tasks):
            raise Killed
        self.task, self.dying = task, False
        self.tasks.append(name)

    def signal(self, name: str) -> None:
        """SIGINT or SIGTERM arrives: the clean-up runs, then the process dies (work.interruptible). Where the product
        has put it off (work.shielded), it arrives at the end of that."""
        if work._shield.depth:
            work._shield.waiting = signal.Signals[name]
            return
        self.dying = True
        for step in self.task.at_interrupt if self.task else []:
            try:
                step(name)
            except Exception as problem:  # noqa: BLE001 whatever it is, a handler must not raise
                self.wrong.append(f"a signal handler raised {type(problem).__name__}: {problem}")
        raise Killed

    def fault(self, call: Call) -> str:
        """The fault of the call that begins now; it is counted."""
        index = len(self.trace)
        self.trace.append(call)
        return "" if self.dying else self.faults.get(index, "")


_thread = threading.local()


def set_current(run: Run | None) -> None:
    """The run that this thread plays."""
    _thread.run = run


def current() -> Run:
    """The run that this thread plays."""
    found: Run = _thread.run
    return found


class Events:
    """botocore's event system as far as hooks use it: by the beginning of the name."""

    def __init__(self) -> None:
        self._hooks: list[tuple[str, Callable[..., Any], Any]] = []

    def register(self, name: str, handler: Callable[..., Any], unique_id: Any = None, **_more: Any) -> None:
        if unique_id is None or unique_id not in [each[2] for each in self._hooks]:
            self._hooks.append((name, handler, unique_id))

    register_first = register_last = register

    def unregister(self, name: str, handler: Any = None, unique_id: Any = None, **_more: Any) -> None:
        self._hooks = [
            each for each in self._hooks if each[0] != name or (handler, unique_id) not in ((each[1], each[2]),)
        ]

    def wants(self, name: str) -> bool:
        return any(f"{name}.".startswith(f"{each[0]}.") for each in self._hooks)

    def emit(self, name: str, **given: Any) -> None:
        for each in list(self._hooks):
            if f"{name}.".startswith(f"{each[0]}."):
                each[1](event_name=name, **given)


class Client:
    """A boto3 client of one service, for one task."""

    def __init__(self, run: Run, service: str, attempts: int) -> None:
        self._run, self._service, self._attempts = run, service, attempts
        self._request_signer = types.SimpleNamespace(_credentials=None)
        self.meta = types.SimpleNamespace(
            region_name=REGION, events=Events(), service_model=model(service), endpoint_url=f"https://{service}.model"
        )

    def __getattr__(self, method: str) -> Any:
        if method not in operations(self._service) or not hasattr(Cloud, method):
            raise NotModelled(f"{self._service}.{method}")
        return functools.partial(self._call, method)

    def get_paginator(self, method: str) -> types.SimpleNamespace:
        def paginate(**arguments: Any) -> Iterator[Answer]:
            arguments.pop("PaginationConfig", None)
            yield self._call(method, **arguments)

        return types.SimpleNamespace(paginate=paginate)

    def _call(self, method: str, **arguments: Any) -> Answer:
        check(self._service, method, arguments)
        run, call = self._run, Call(self._service, method, is_write(method), self._run.tasks[-1])
        kind = run.fault(call)
        fault = kind.removeprefix(f"{CONSOLE}_")
        if fault == "kill_before":
            raise Killed
        if fault == "int_before":
            run.signal("SIGINT")
        if fault == "expired":
            run.expired = True
        if fault == "pause":
            run.stand_still()
        if fault == "nap":
            run.pause(NAP)
        if kind in (CONSOLE, *CONSOLE_STILL):
            run.cloud.by_hand()
        try:
            answer = self._attempted(call, arguments, fault)
        finally:
            if kind in CONSOLE_ROUNDS:
                run.cloud.by_hand()
        if fault == "kill_after":
            raise Killed
        if fault == "term_after":
            run.signal("SIGTERM")
        if fault == "pause_after":
            run.stand_still()
        return answer

    def _attempted(self, call: Call, arguments: Answer, fault: str) -> Answer:
        for attempt in range(self._attempts):
            try:
                return self._sent(call, arguments, fault if attempt == 0 or fault == "outage" else "")
            except Again as problem:
                if attempt + 1 == self._attempts:
                    raise problem.error from None
                self._run.pause(0.5 * 2**attempt)
        raise AssertionError("no attempt was asked for")

    def _sent(self, call: Call, arguments: Answer, fault: str) -> Answer:
        run, cloud, operation = self._run, self._run.cloud, operations(call.service)[call.method]
        if self.meta.events.wants("before-send"):
            request = types.SimpleNamespace(url=self.meta.endpoint_url, method="POST", headers={}, body=b"")
            self.meta.events.emit(f"before-send.{call.service}.{operation}", request=request)
        run.pause(run.latency(call))
        if run.expired:
            raise refused(EXPIRED.get(call.service, "ExpiredTokenException"), "The security token is expired")
        self._before(call, fault)
        cloud.settle()
        if call.write and run.watch:
            run.watch(run, call.service, call.method, arguments)
        source = cloud.stale() if fault == STALE else cloud
        answer: Answer = getattr(source, call.method)(**arguments)
        self._after(call, fault)
        run.pause(LATENCY)
        event = f"after-call.{call.service}.{operation}"
        if self.meta.events.wants(event):
            content = json.dumps(answer, default=str).encode()
            self.meta.events.emit(event, http_response=types.SimpleNamespace(content=content), parsed=answer)
        return answer

    def _before(self, call: Call, fault: str) -> None:
        if fault == "throttle":
            code = THROTTLES.get(call.service, "ThrottlingException")
            raise Again(refused(code, "Rate exceeded", 503 if call.service == "s3" else 400))
        if fault in ("unavailable", "outage"):
            raise Again(refused("ServiceUnavailable", "Service is unavailable. Try again later.", 503))
        if fault == "reset":
            raise Again(ConnectionClosedError(endpoint_url=self.meta.endpoint_url))
        if fault == "timeout":
            self._run.pause(TIMEOUT)
            raise Again(ReadTimeoutError(endpoint_url=self.meta.endpoint_url))

    def _after(self, _call: Call, fault: str) -> None:
        if fault == "lost":
            raise Again(ConnectionClosedError(endpoint_url=self.meta.endpoint_url))
        if fault == "error_after":
            raise Again(refused("InternalError", "We encountered an internal error.", 500))
        if fault == "late":
            self._run.pause(TIMEOUT)
            raise Again(ReadTimeoutError(endpoint_url=self.meta.endpoint_url))


class Again(Exception):
    """An attempt failed in a way that the SDK tries again, if it may."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


class Connection:
    """``task.connection``: clients of one task, as its process has them."""

    def __init__(self, run: Run, params: Answer) -> None:
        self.run, self.params = run, params
        self.lease: Any = None
        """What writing clients are held to (edges/aws.py)."""
        self._clients: dict[tuple[str, int, int], Client] = {}

    def client(self, service: str, attempts: int) -> Client:
        """A client with the product's own hooks around each request, but for the turns: nobody else calls here."""
        lease = self.lease if attempts == WRITE_ATTEMPTS else None
        key = (service, attempts, id(lease))
        if key not in self._clients:
            self._clients[key] = Client(self.run, service, attempts)
            transport.Transport(None, self.run.shown.append, lease).attach(self._clients[key])
        return self._clients[key]
