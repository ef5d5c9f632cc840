"""The bed's one port: ECS and load balancing answered here, every other service by moto, faults in front of all."""

import contextlib
import io
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from . import strict, wire
from .access import Access
from .addresses import Addresses
from .alarms import Alarms
from .buckets import Buckets
from .calls import Call, identify, unsigned
from .clock import Clock
from .container_logs import LogPump
from .declared import DeclaredEngine
from .ecs import Ecs
from .elbv2 import Elbv2
from .engine import Engine, Process, stop_all
from .faults import Faults, Lost, error
from .images import Image, Images
from .moto_calls import MotoCalls
from .moto_server import MotoServer
from .plane import Plane
from .rollout import Rollouts
from .scaling import Scaling
from .scheduler import Scheduler
from .simulation import Simulation
from .slots import ACCOUNT
from .stacks import Stacks
from .tasks_runtime import TaskRuntime
from .wire import Answer, AwsError, Params

OURS = {  # signing name: botocore's name
    "application-autoscaling": "application-autoscaling",
    "cloudformation": "cloudformation",
    "ecs": "ecs",
    "elasticloadbalancing": "elbv2",
}
LAYERS = "/_bed/layers/"
JSON = "application/x-amz-json-1.1"
EXPIRED = "EXPIRED"  # an access key that starts so is answered as expired credentials
ERROR_CODE = re.compile(rb'<Code>([\w.]+)</Code>|"__type"\s*:\s*"(?:[^"#]*#)?([\w.]+)"')
PATIENCE = 2.0  # seconds that processes have after SIGTERM when the bed ends


class Region:
    def __init__(self, name: str, bed: "Bed") -> None:
        self.elbv2 = Elbv2(name, ACCOUNT, bed.addresses, bed.scale)
        self.ecs = Ecs(name, ACCOUNT, self.elbv2, bed.scheduler.wake, bed.families)
        self.stacks = Stacks(name, ACCOUNT, self.elbv2, bed.scale)
        self.apis: dict[str, Any] = {
            "application-autoscaling": Scaling(self.ecs),
            "cloudformation": self.stacks,
            "ecs": self.ecs,
            "elbv2": self.elbv2,
        }


class Bed:
    """Everything of one bed; `died` is called when it cannot go on."""

    def __init__(self, net: str, scale: float, engine: str, folder: Path, died: Callable[[], None]) -> None:
        self.scale, self.folder, self.lock = scale, folder, threading.RLock()
        self.faults, self.addresses, self.images = Faults(), Addresses(net), Images()
        self.clock, self.buckets = Clock(), Buckets()
        self.families: dict[str, int] = {}
        self.layers: dict[str, bytes] = {}
        self.regions: dict[str, Region] = {}
        self.helpers: dict[str, tuple[str, Process]] = {}  # address and process by name
        self.moto = MotoServer()
        self.s3_lock = threading.Lock()  # moto compares If-Match and writes in two steps
        self.moto_calls = MotoCalls(self.moto)
        self.access = Access(ACCOUNT, self.moto_calls, self._roles)
        self.logs = LogPump(self.moto_calls)
        shared, logs = folder / "shared", folder / "logs"
        for path in (shared, logs):
            path.mkdir(parents=True, exist_ok=True)
        self.engine = Engine(self.images, shared, logs)
        self.declared = DeclaredEngine() if engine == "none" else None
        runtime = TaskRuntime(self.declared or self.engine, self.addresses, self.moto_calls, self.logs, scale)
        self.alarms = Alarms(self.moto_calls)
        rollouts = Rollouts(scale, self.alarms)
        self.scheduler = Scheduler(
            lambda: [r.ecs for r in list(self.regions.values())], self.lock, runtime, rollouts, died
        )
        self.plane = Plane(
            lambda: [r.elbv2 for r in list(self.regions.values())],
            self.lock,
            scale,
            declared=self.declared.health if self.declared else None,
        )

    def start(self) -> None:
        self.logs.start()
        self.plane.start()
        self.scheduler.start()

    def stop(self) -> None:
        """No process, socket or thread is left."""
        self.scheduler.do(self._stop_processes)
        self.scheduler.close()
        self.plane.stop()
        self.logs.close()

    def reset(self) -> None:
        """As if the bed had just started; on the scheduler's thread, so that no launch is under way."""
        self.scheduler.do(self._reset)

    def _stop_processes(self) -> None:
        with self.lock:
            tasks = [t for r in self.regions.values() for t in r.ecs.tasks.values()]
            running = [p for t in tasks for p in t.processes.values()]
        running += [p for _, p in self.helpers.values()]
        stop_all([p for p in running if isinstance(p, Process)], PATIENCE)
        self.helpers.clear()

    def _reset(self) -> None:
        self._stop_processes()
        with self.lock:
            places = [
                (r.elbv2.balancers[found.balancer].address, found.port)
                for r in self.regions.values()
                for found in r.elbv2.listeners.values()
            ]
            self.regions.clear()
            self.families.clear()
            self.layers.clear()
            self.addresses.reset()
            self.images.reset()
            self.faults.reset()
            self.clock.ahead = 0.0
            self.access.reset()
            self.alarms.reset()
            self.buckets.switch(None)
            if self.declared:
                self.declared.reset()
        self.moto_calls.reset()
        wait_until_free(places)

    def region(self, name: str) -> Region:
        with self.lock:
            if name not in self.regions:
                self.regions[name] = Region(name, self)
            return self.regions[name]

    def start_helper(self, name: str, given: Any) -> Params:
        """A process outside any service, on an address of its own; it takes the place of one of the same name."""
        image, port = Image.declared(given), given.get("port")
        if not isinstance(port, int):
            raise ValueError("port must be a number")

        def launch() -> Params:
            address, before = self.helpers.pop(name, (None, None))
            if before:
                stop_all([before], PATIENCE)
            address = address or self.addresses.helper()
            given = {"BIND_ADDRESS": address, "TASK_ID": name, "APP_VERSION": "latest", "PORT": str(port)}
            process = self.engine.start(name, image, given)
            self.helpers[name] = address, process
            return {"address": address, "port": port, "pid": process.pid}

        return self.scheduler.do(launch)

    # -- answering -------------------------------------------------------------------------------
    def answer(self, environ: dict[str, Any], body: bytes) -> Answer | Lost:
        """The answer to an API request, or how it is lost."""
        call = identify(environ, body)
        if call is None and unsigned(environ, body):
            return self._through_moto(environ, body)
        if call is None:  # "Common Error Types" of the API references
            protocol = "json" if "HTTP_X_AMZ_TARGET" in environ else "query"
            return wire.failure(protocol, "MissingAuthenticationToken", "Missing Authentication Token", 403)
        entry = self.faults.note(call)
        found = self.faults.apply(call, body, entry, lambda: self._answer(call, environ, body, entry))
        if isinstance(found, Lost):
            entry["error"] = found.value
        elif found[0] >= 400:
            entry["error"] = _error_code(found)
        return found

    def _answer(self, call: Call, environ: dict[str, Any], body: bytes, entry: Params) -> Answer:
        if not self.buckets.take(call):
            entry["fault"] = "bucket"
            return error("throttle", call.protocol)
        if call.key.startswith(EXPIRED):
            return error("expired", call.protocol)
        if refusal := self.clock.refusal(call, environ.get("HTTP_X_AMZ_DATE", "")):
            return refusal
        if call.service == "s3" and environ.get("HTTP_X_AMZ_EXPECTED_BUCKET_OWNER", ACCOUNT) != ACCOUNT:
            return wire.failure(call.protocol, "AccessDenied", "Access Denied", 403)
        return self.access.guarded(call, environ, body, entry, lambda: self._allowed(call, environ, body, entry))

    def _allowed(self, call: Call, environ: dict[str, Any], body: bytes, entry: Params) -> Answer:
        if call.service in OURS:
            return self._ours(call, body, entry)
        if (call.service, call.operation) == ("ecr", "GetDownloadUrlForLayer"):  # moto does not have it
            digest = json.loads(body)["layerDigest"]
            url = f"http://{environ['HTTP_HOST']}{LAYERS}{digest}"
            return 200, [("Content-Type", JSON)], json.dumps({"downloadUrl": url, "layerDigest": digest}).encode()
        if (call.service, call.operation) == ("iam", "SimulatePrincipalPolicy"):  # nor this
            return self._simulated(call, body)
        with self.s3_lock if call.service == "s3" else contextlib.nullcontext():
            return self._through_moto(environ, body)

    def _ours(self, call: Call, body: bytes, entry: Params) -> Answer:
        model = wire.service_model(OURS[call.service])
        try:
            if call.operation not in model.operation_names:
                raise AwsError("InvalidAction", f"There is no operation {call.operation}")
            params = wire.parse(model, call.operation, body)
            entry["parameters"] = params
            region = self.region(call.region)
            service = region.apis[OURS[call.service]]
            with self.lock:
                region.stacks.settle()
                return wire.answer(model, call.operation, strict.call(model, service, call.operation, params))
        except AwsError as e:
            return wire.failure(model.metadata["protocol"], e.code, e.message, e.status)

    def _simulated(self, call: Call, body: bytes) -> Answer:
        model = wire.service_model("iam")
        try:
            params = wire.parse(model, call.operation, body)
            found = strict.call(model, Simulation(self.moto_calls, call.region), call.operation, params)
            return wire.answer(model, call.operation, found)
        except AwsError as e:
            return wire.failure(call.protocol, e.code, e.message, e.status)

    def _roles(self, region: str, definition: str) -> list[str]:
        """The roles that a task of this revision gets."""
        try:
            with self.lock:
                body = self.region(region).ecs.definition(definition).body
        except AwsError:
            return []
        return [body[name] for name in ("taskRoleArn", "executionRoleArn") if body.get(name)]

    def _through_moto(self, environ: dict[str, Any], body: bytes) -> Answer:
        kept: list[Any] = []

        def start_response(status: str, headers: Iterable[tuple[str, str]], exc_info: Any = None) -> None:
            kept[:] = [int(status.split()[0]), list(headers)]

        chunks = self.moto({**environ, "wsgi.input": io.BytesIO(body)}, start_response)
        try:
            content = b"".join(chunks)
        finally:
            getattr(chunks, "close", lambda: None)()
        return kept[0], kept[1], content


def unsupported() -> dict[str, list[str]]:
    """The operations of the bed's own services that it refuses by name, by botocore's name of the service."""
    apis: dict[str, type] = {
        "application-autoscaling": Scaling,
        "cloudformation": Stacks,
        "ecs": Ecs,
        "elbv2": Elbv2,
    }
    return {name: strict.unsupported(wire.service_model(name), api) for name, api in apis.items()}


def wait_until_free(places: Iterable[tuple[str, int]]) -> None:
    """Until the load balancers have closed these sockets: the next listener may want the same address."""
    pause, end = threading.Event(), time.monotonic() + PATIENCE
    for place in places:
        while time.monotonic() < end:
            try:
                socket.create_server(place).close()
                break
            except OSError:
                pause.wait(0.01)


def _error_code(answer: Answer) -> str:
    """The error's code in whatever form the service gave it, else the HTTP status."""
    status, headers, content = answer
    for name, value in headers:
        if name.lower() == "x-amzn-errortype":
            return value
    found = ERROR_CODE.search(content)
    return (found.group(1) or found.group(2)).decode() if found else str(status)
