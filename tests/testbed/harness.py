"""What the tests of the load balancing half share: the host process with its API, and applications as targets."""

import contextlib
import http.client
import http.server
import json
import os
import random
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from tests.testbed.modelled import watch

ROOT = Path(__file__).parents[2]
BED_PYTHON = os.environ.get("BED_PYTHON", str(ROOT / ".venv-bed/bin/python"))
PORT = 8080


def until(condition: Callable[[], Any], seconds: float = 10) -> Any:
    """The first true value of `condition`; fails when there is none within `seconds`."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"not within {seconds} s: {condition}"
        time.sleep(0.01)
    return found


class App(http.server.ThreadingHTTPServer):
    """An application on one loopback address. `routes` maps a path to a function of the request's handler."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, address: str, port: int = PORT) -> None:
        super().__init__((address, port), Handler)
        self.address, self.port, self.health = address, port, 200
        self.routes: dict[str, Callable[[Handler], None]] = {}
        self.connections = self.closed = 0
        self.seen: list[str] = []  # paths asked for, health checks aside
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def get_request(self) -> Any:
        self.connections += 1
        return super().get_request()

    def close_request(self, request: Any) -> None:
        super().close_request(request)
        self.closed += 1

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Connections are broken on purpose here."""

    def close(self) -> None:
        self.shutdown()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: App

    def answer(self) -> None:
        path = self.path.partition("?")[0]
        if self.headers.get("User-Agent") == "ELB-HealthChecker/2.0":
            return self.answer_check()
        self.server.seen.append(path)
        if path in self.server.routes:
            return self.server.routes[path](self)
        told = {"me": self.server.address, "path": self.path, "headers": self.headers.items(), "body": self.body()}
        return self.send(200, json.dumps(told).encode())

    do_GET = do_POST = do_PUT = do_HEAD = answer

    def answer_check(self) -> None:
        """The application's `health` as a status; 0: silence until the prober gives up; -1: not HTTP."""
        if self.server.health > 0:
            return self.send(self.server.health, b"")
        if self.server.health == 0:
            self.rfile.read(1)
        else:
            self.wfile.write(b"SSH-2.0-OpenSSH_9.6\r\n")
        self.close_connection = True
        return None

    def body(self) -> str:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()

    def send(self, status: int, content: bytes, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *words: Any) -> None:
        """Quiet."""


class Host:
    """The host process: `elb` is a client of its API, `net` its own part of the loopback range."""

    def __init__(self, scale: float = 0.05) -> None:
        self.guard, self.net = _free_net()
        command = [BED_PYTHON, "-m", "tests.testbed.balancer_host", f"{self.net}.0.1", self.net, str(scale)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        assert self.process.stdout
        self.endpoint = self.process.stdout.readline().strip()
        made = boto3.client(
            "elbv2",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id="a",
            aws_secret_access_key="b",
            config=Config(retries={"total_max_attempts": 1}),
        )
        self.elb: Any = watch(made)
        self.numbers = iter(range(1, 10000))
        self.apps: list[App] = []

    def close(self) -> None:
        for app in self.apps:
            app.close()
        assert self.process.stdin and self.process.stdout
        self.process.stdin.close()
        try:
            assert self.process.wait(10) == 0
        finally:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()
            self.guard.close()

    def app(self, port: int = PORT) -> App:
        number = next(self.numbers)
        app = App(f"{self.net}.{1 + number // 200}.{2 + number % 200}", port)
        self.apps.append(app)
        return app

    def address(self) -> str:
        """An address where nothing listens."""
        return f"{self.net}.200.{next(self.numbers) % 250 + 1}"

    def group(self, *apps: App, check: dict[str, Any] | None = None, **attributes: str) -> str:
        """ARN of a new target group of the apps; attributes with __ for the dot."""
        settings = {
            "HealthCheckIntervalSeconds": 5,
            "HealthCheckTimeoutSeconds": 2,
            "HealthyThresholdCount": 2,
            **(check or {}),
        }
        made = self.elb.create_target_group(
            Name=f"g{next(self.numbers)}", Protocol="HTTP", Port=PORT, VpcId="vpc-1", TargetType="ip", **settings
        )
        arn: str = made["TargetGroups"][0]["TargetGroupArn"]
        self.set(arn, **attributes)
        if apps:
            self.elb.register_targets(TargetGroupArn=arn, Targets=[{"Id": a.address, "Port": a.port} for a in apps])
        return arn

    def set(self, group: str, **attributes: str) -> None:
        wanted = [{"Key": k.replace("__", "."), "Value": v} for k, v in attributes.items()]
        if wanted:
            self.elb.modify_target_group_attributes(TargetGroupArn=group, Attributes=wanted)

    def listen(self, *actions: dict[str, Any], port: int = PORT) -> "Entrance":
        """A new load balancer with one listener that forwards to groups or does the given action."""
        made = self.elb.create_load_balancer(Name=f"b{next(self.numbers)}", Subnets=["subnet-1", "subnet-2"])
        balancer = made["LoadBalancers"][0]
        listener = self.elb.create_listener(
            LoadBalancerArn=balancer["LoadBalancerArn"], Protocol="HTTP", Port=port, DefaultActions=list(actions)
        )
        arn = listener["Listeners"][0]["ListenerArn"]
        entrance = Entrance(balancer["DNSName"], port, balancer["LoadBalancerArn"], arn)
        until(entrance.open)
        return entrance

    def states(self, group: str) -> dict[str, tuple[str, str | None]]:
        """{address: (state, reason)} as DescribeTargetHealth tells."""
        rows = self.elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
        return {r["Target"]["Id"]: (r["TargetHealth"]["State"], r["TargetHealth"].get("Reason")) for r in rows}

    def await_states(self, group: str, *states: str) -> None:
        until(lambda: sorted(state for state, _ in self.states(group).values()) == sorted(states))

    def served(self, *apps: App, check: dict[str, Any] | None = None, **attributes: str) -> tuple["Entrance", str]:
        """An entrance to a group of apps that are all healthy, and the group's ARN."""
        group = self.group(*apps, check=check, **attributes)
        entrance = self.listen(forward(group))
        self.await_states(group, *["healthy"] * len(apps))
        return entrance, group

    def deregister(self, group: str, app: App) -> None:
        self.elb.deregister_targets(TargetGroupArn=group, Targets=[{"Id": app.address, "Port": app.port}])

    def put(self, what: str, name: str, value: str | int) -> str:
        address = self.endpoint.removeprefix("http://")
        with contextlib.closing(http.client.HTTPConnection(address, timeout=10)) as connection:
            connection.request("PUT", f"/{what}/{name}/{value}")
            return connection.getresponse().read().decode()

    def held(self, app: App) -> bool:
        """Whether the load balancer still holds the target: what the ECS scheduler waits for."""
        return self.put("held", app.address, app.port) == "held"


class Entrance:
    """A listener, seen by a client."""

    def __init__(self, address: str, port: int, balancer: str, listener: str) -> None:
        self.address, self.port, self.balancer, self.listener = address, port, balancer, listener

    def open(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((self.address, self.port)) == 0

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.address, self.port, timeout=10)

    def get(self, path: str = "/", method: str = "GET", body: Any = None, **headers: str) -> "Answer":
        with contextlib.closing(self.connect()) as connection:
            connection.request(method, path, body=body, headers={k.replace("_", "-"): v for k, v in headers.items()})
            return Answer(connection.getresponse())


class Answer:
    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status, self.headers, self.content = response.status, response.headers, response.read()
        self.set = [cookie.partition(";")[0].split("=", 1) for cookie in self.headers.get_all("Set-Cookie") or []]
        self.cookies = dict(self.set)

    @property
    def told(self) -> Any:
        return json.loads(self.content)

    @property
    def me(self) -> str:
        return str(self.told["me"])


def cookie(**values: str) -> dict[str, str]:
    return {"Cookie": "; ".join(f"{name.replace('__', '-')}={value}" for name, value in values.items())}


def forward(*groups: str, weights: tuple[int, ...] = (), sticky: int = 0) -> dict[str, Any]:
    if len(groups) == 1 and not weights:
        return {"Type": "forward", "TargetGroupArn": groups[0]}
    pairs = zip(groups, weights or (1,) * len(groups), strict=True)
    config: dict[str, Any] = {"TargetGroups": [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in pairs]}
    if sticky:
        config["TargetGroupStickinessConfig"] = {"Enabled": True, "DurationSeconds": sticky}
    return {"Type": "forward", "ForwardConfig": config}


@contextlib.contextmanager
def running(scale: float = 0.05) -> Iterator[Host]:
    host = Host(scale)
    try:
        yield host
    finally:
        host.close()


def _free_net() -> tuple[socket.socket, str]:
    """A /16 of the loopback range that no other test uses: whoever holds its first address owns it."""
    for number in random.sample(range(100, 250), 150):
        guard = socket.socket()
        try:
            guard.bind((f"127.{number}.0.1", 4599))
            return guard, f"127.{number}"
        except OSError:
            guard.close()
    raise AssertionError("no free part of the loopback range")
