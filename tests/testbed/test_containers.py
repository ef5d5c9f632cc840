"""Containers as processes: environment, secrets, logs, several in a task, how they end."""

import json
import os
import signal
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.testbed.beds import PORT, World, until

GROUP = "/ecs/containers"
PRINTER = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN if os.environ.get("STUBBORN") else signal.SIG_DFL)
for name in os.environ.get("SHOW", "").split():
    print(name, "=", os.environ.get(name), flush=True)
print("to stderr", file=sys.stderr, flush=True)
sys.stdout.write("no line end"); sys.stdout.flush()
if os.environ.get("CODE"):
    sys.exit(int(os.environ["CODE"]))
time.sleep(600)
"""


SLOW = """
import http.server, os, time
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/slow":
            open(os.environ["MARK"], "w").close()
            time.sleep(1)
        self.send_response(200); self.send_header("Content-Length", "2"); self.end_headers(); self.wfile.write(b"ok")
http.server.ThreadingHTTPServer((os.environ["BIND_ADDRESS"], 8080), Handler).serve_forever()
"""


@pytest.fixture
def printing(world: World, tmp_path: Path) -> World:
    """A world whose image prints what it was given and then lives on, or ends with CODE."""
    program = tmp_path / "printer.py"
    program.write_text(PRINTER)
    world.image = f"demo/{world.name}"
    world.bed.admin("PUT", "/_bed/images", {world.image: {"command": ["python", str(program)]}})
    return world


def logging(create: bool = True) -> dict[str, Any]:
    options = {"awslogs-group": GROUP, "awslogs-region": "us-east-1", "awslogs-stream-prefix": "ecs"}
    return {"logDriver": "awslogs", "options": {**options, **({"awslogs-create-group": "true"} if create else {})}}


def lines(world: World, task: dict[str, Any], container: str = "app") -> list[str]:
    """What the container has written to CloudWatch Logs."""
    logs = world.bed.client("logs")
    stream = f"ecs/{container}/{task['taskArn'].rsplit('/', 1)[1]}"
    if not logs.describe_log_streams(logGroupName=GROUP, logStreamNamePrefix=stream)["logStreams"]:
        return []
    found = logs.get_log_events(logGroupName=GROUP, logStreamName=stream, startFromHead=True)["events"]
    return [e["message"] for e in found]


def alone(world: World, *containers: dict[str, Any], **more: Any) -> str:
    """A service of one task without load balancer."""
    definition = world.register("v1", *containers, **more)
    world.create(definition, desiredCount=1, loadBalancers=[])
    return definition


def running(world: World) -> dict[str, Any]:
    return dict(until(lambda: [t for t in world.tasks() if t["lastStatus"] == "RUNNING"])[0])


def stopped(world: World) -> dict[str, Any]:
    return dict(until(lambda: [t for t in world.tasks("STOPPED") if t["lastStatus"] == "STOPPED"])[0])


def address(task: dict[str, Any]) -> str:
    return str(task["containers"][0]["networkInterfaces"][0]["privateIpv4Address"])


def processes_at(where: str) -> dict[str, int]:
    """{container name or "": pid} of the processes that run with this BIND_ADDRESS."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                environment = (entry / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            if f"BIND_ADDRESS={where}".encode() in environment:
                name = next((v[5:].decode() for v in environment if v.startswith(b"NAME=")), "")
                found[name] = int(entry.name)
    return found


def test_a_container_gets_its_environment_and_the_beds(printing: World) -> None:
    show = "BIND_ADDRESS TASK_ID APP_VERSION DECLARED PEER SHARED_FOLDER"
    given = {"SHOW": show, "DECLARED": "yes", "PEER": "http://localhost:5555/x"}
    alone(printing, env=given, logConfiguration=logging())
    task = running(printing)
    until(lambda: len(lines(printing, task)) >= 7)
    told = dict(line.split(" = ") for line in lines(printing, task) if " = " in line)
    where = address(task)
    assert told["BIND_ADDRESS"] == where
    assert told["TASK_ID"] == task["taskArn"].rsplit("/", 1)[1]
    assert told["APP_VERSION"] == "v1"
    assert told["DECLARED"] == "yes"
    assert told["PEER"] == f"http://{where}:5555/x"
    assert Path(told["SHARED_FOLDER"]).is_dir()


def test_both_outputs_reach_the_log_line_by_line(printing: World) -> None:
    alone(printing, env={"CODE": "4"}, logConfiguration=logging())
    task = stopped(printing)
    until(lambda: lines(printing, task) == ["to stderr", "no line end"], what=lambda: lines(printing, task))
    assert task["containers"][0]["exitCode"] == 4


def test_a_missing_log_group_keeps_a_task_from_starting(printing: World) -> None:
    config = logging(create=False)
    config["options"]["awslogs-group"] = "/ecs/nowhere"
    alone(printing, logConfiguration=config)
    task = stopped(printing)
    assert task["stopCode"] == "TaskFailedToStart"
    assert task["stoppedReason"].startswith("ResourceInitializationError: failed to validate logger args")
    assert "The specified log group does not exist." in task["stoppedReason"]


def test_secrets_of_both_stores_reach_the_container(printing: World) -> None:
    ssm, manager = printing.bed.client("ssm"), printing.bed.client("secretsmanager")
    name = f"/{printing.name}/value"
    for each in (name, printing.name):
        ssm.put_parameter(Name=each, Value="from ssm", Type="SecureString")
    arn = manager.create_secret(Name=printing.name, SecretString=json.dumps({"user": "admin", "port": 5}))["ARN"]
    parameter = f"arn:aws:ssm:us-east-1:000000000000:parameter{name}"
    sources = {"A": name, "B": parameter, "C": f"{arn}:user::", "D": arn, "E": f"{arn}:port:AWSCURRENT:"}
    sources["F"] = f"arn:aws:ssm:us-east-1:000000000000:parameter/{printing.name}"  # as AWS writes both names
    secrets = [{"name": k, "valueFrom": v} for k, v in sources.items()]
    alone(printing, env={"SHOW": "A B C D E F"}, secrets=secrets, logConfiguration=logging())
    task = running(printing)
    until(lambda: len(lines(printing, task)) >= 7)
    told = dict(line.split(" = ") for line in lines(printing, task) if " = " in line)
    whole = '{"user": "admin", "port": 5}'
    assert told == {"A": "from ssm", "B": "from ssm", "C": "admin", "D": whole, "E": "5", "F": "from ssm"}
    shown = json.dumps([task, printing.service()], default=str)
    assert "from ssm" not in shown


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("/nowhere", "unable to retrieve secrets from ssm"),
        ("arn:aws:secretsmanager:us-east-1:000000000000:secret:nowhere-AbCdEf", "unable to retrieve secret from asm"),
        ("KEY", "did not contain json key password"),
    ],
)
def test_a_missing_secret_keeps_a_task_from_starting(printing: World, source: str, reason: str) -> None:
    if source == "KEY":
        made = printing.bed.client("secretsmanager").create_secret(Name=printing.name, SecretString="{}")
        source = f"{made['ARN']}:password::"
    alone(printing, secrets=[{"name": "A", "valueFrom": source}])
    task = stopped(printing)
    assert task["stopCode"] == "TaskFailedToStart"
    assert task["stoppedReason"].startswith("ResourceInitializationError: unable to pull secrets or registry auth")
    assert reason in task["stoppedReason"]


def test_an_image_that_nobody_has_cannot_be_pulled(world: World) -> None:
    world.image = "nobody/has"
    alone(world)
    task = stopped(world)
    assert (task["stopCode"], task["lastStatus"]) == ("TaskFailedToStart", "STOPPED")
    assert task["stoppedReason"].startswith("CannotPullContainerError")
    assert "startedAt" not in task
    assert "exitCode" not in task["containers"][0]


@pytest.mark.parametrize(
    ("container", "reason"),
    [
        ({"secrets": [{"name": "A", "valueFrom": "arn:aws:secretsmanager:us-east-1"}]}, "ResourceInitializationError"),
        ({"secrets": [{"name": "A", "valueFrom": "arn:aws:ssm"}]}, "ResourceInitializationError"),
        ({"environment": [{"name": "A=B", "value": "x"}]}, "CannotStartContainerError"),
        ({"environment": [{"name": "A", "value": "nul\0"}]}, "CannotStartContainerError"),
    ],
)
def test_nonsense_in_a_definition_stops_the_task_and_not_the_bed(
    world: World, container: dict[str, Any], reason: str
) -> None:
    alone(world, {**world.container(), **container})
    task = stopped(world)
    assert task["stopCode"] == "TaskFailedToStart"
    assert task["stoppedReason"].startswith(reason)


def test_a_log_region_that_does_not_exist(world: World) -> None:
    config = logging()
    config["options"]["awslogs-region"] = "mars-1"
    alone(world, logConfiguration=config)
    assert stopped(world)["stoppedReason"].startswith("ResourceInitializationError: failed to validate logger args")


def named(world: World, name: str, env: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    ports = [] if name != "app" else [{"containerPort": PORT}]
    return {**world.container(env={"NAME": name, **(env or {})}), "name": name, "portMappings": ports, **more}


def ignores_sigterm(pid: int) -> bool:
    """proc(5): SigIgn is a mask, with a bit for each signal from 1 on."""
    status = Path(f"/proc/{pid}/status").read_text()
    ignored = next(line.split()[1] for line in status.splitlines() if line.startswith("SigIgn:"))
    return bool(int(ignored, 16) & 1 << signal.SIGTERM - 1)


def test_all_containers_end_when_an_essential_one_exits(printing: World) -> None:
    stubborn = named(printing, "stubborn", {"STUBBORN": "1"}, essential=False, stopTimeout=80)
    alone(printing, named(printing, "app"), named(printing, "side", essential=False), stubborn)
    where = address(running(printing))
    pids = until(lambda: len(found := processes_at(where)) == 3 and found)
    until(lambda: ignores_sigterm(pids["stubborn"]))  # python has come that far
    os.kill(pids["app"], signal.SIGINT)
    task = stopped(printing)
    assert processes_at(where) == {}
    assert task["stopCode"] == "EssentialContainerExited"
    codes = {c["name"]: c["exitCode"] for c in task["containers"]}
    assert codes == {"app": 130, "side": 143, "stubborn": 137}  # SIGTERM is enough for one and not for the other, and
    assert (task["stoppedAt"] - task["stoppingAt"]).total_seconds() > 3.9  # SIGKILL comes after stopTimeout, 4 s here


def test_a_task_outlives_a_container_that_is_not_essential(printing: World) -> None:
    alone(printing, named(printing, "app"), named(printing, "init", {"CODE": "0"}, essential=False))
    task = running(printing)

    def statuses() -> dict[str, Any]:
        found = running(printing)
        return {c["name"]: (c["lastStatus"], c.get("exitCode")) for c in found["containers"]}

    until(lambda: statuses() == {"app": ("RUNNING", None), "init": ("STOPPED", 0)}, what=statuses)
    assert running(printing)["taskArn"] == task["taskArn"]


def test_a_container_starts_after_those_it_depends_on(printing: World) -> None:
    first = [{"containerName": "first", "condition": "START"}]
    alone(printing, named(printing, "app", dependsOn=first), named(printing, "first"))
    pids = until(lambda: len(found := processes_at(address(running(printing)))) == 2 and found)
    assert pids["first"] < pids["app"]


def test_nothing_new_reaches_a_task_that_stops_and_nothing_is_cut_off(world: World) -> None:
    """SIGTERM comes only after the load balancer has let go of the target."""
    definition = world.register()
    world.create(definition, desiredCount=2, healthCheckGracePeriodSeconds=3600)
    world.completed(definition)
    victim = world.tasks()[0]
    world.ecs.stop_task(cluster=world.name, task=victim["taskArn"])

    def ask() -> str:
        with urllib.request.urlopen(world.url, timeout=5) as response:
            return str(json.load(response)["instance"])

    def state() -> str:
        return str(world.ecs.describe_tasks(cluster=world.name, tasks=[victim["taskArn"]])["tasks"][0]["lastStatus"])

    until(lambda: state() in ("DEACTIVATING", "STOPPING", "STOPPED"))
    end = time.monotonic() + 0.5
    asked = [ask() for _ in iter(lambda: time.monotonic() < end, False)]
    assert asked
    assert victim["taskArn"].rsplit("/", 1)[1] not in asked
    until(lambda: state() == "STOPPED")
    until(lambda: len([t for t in world.tasks() if t["lastStatus"] == "RUNNING"]) == 2)


def test_a_request_under_way_is_answered_before_the_process_ends(world: World, tmp_path: Path) -> None:
    """The process ends at once at SIGTERM: only the order of things saves the answer."""
    program, mark = tmp_path / "slow.py", tmp_path / "mark"
    program.write_text(SLOW)
    world.image = f"demo/{world.name}"
    world.bed.admin("PUT", "/_bed/images", {world.image: {"command": ["python", str(program)]}})
    delay = [{"Key": "deregistration_delay.timeout_seconds", "Value": "300"}]
    world.elb.modify_target_group_attributes(TargetGroupArn=world.group, Attributes=delay)
    world.elb.modify_target_group(TargetGroupArn=world.group, HealthCheckIntervalSeconds=40)  # it is slow to start
    definition = world.register("v1", env={"MARK": str(mark)})
    world.create(definition, desiredCount=1, healthCheckGracePeriodSeconds=3600)
    world.completed(definition)

    def slow() -> int:
        with urllib.request.urlopen(world.url + "slow", timeout=10) as response:
            return int(response.status)

    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(slow)
        until(mark.exists)
        world.ecs.stop_task(cluster=world.name, task=world.tasks()[0]["taskArn"])
        assert answer.result() == 200
    assert stopped(world)["stopCode"] == "UserInitiated"
