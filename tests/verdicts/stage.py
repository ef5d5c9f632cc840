"""Where one way to fail is provoked: a bed, a service of its own behind a load balancer, and who deploys to it.

Whoever deploys is free: `begin(kind)` makes the world, `definition(kind)` and `settings(kind)` say what is declared,
`meanwhile(kind)` plays the other people, `truth()` looks at what serves in the end. `deploy(kind)` is Steady itself.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.testbed import beds
from tests.testbed.beds import BREAKER, ROLE, ROOT, Bed, World

if TYPE_CHECKING:
    from tests.verdicts.kinds import Kind

Json = dict[str, Any]
SCALE = "0.05"
"""Seconds of ours in one of AWS's on these beds."""
APP_PORT = 5555
LOG_GROUP = "/verdicts"
KEY = "player"
"""Access key of who deploys: in the bed's log and for its faults told from everybody else."""
OTHERS = "somebody"
"""Access key of the other people."""
MERGED = ("environment", "secrets")
"""Lists of a container whose items have names: a kind names only what changes in them."""
DECLARED = 2
"""Number of the revision that whoever deploys registers first."""
SETTLED = 90.0
PATIENCE = 400.0
"""Seconds within which who deploys comes to an end, or to what others wait for, on a machine that has much to do."""
EVERY = 0.2
"""Seconds between two looks of ours: several beds share the machine."""
until = functools.partial(beds.until, every=EVERY)


@dataclass(frozen=True)
class Truth:
    """What serves at this moment, from ECS and the load balancer."""

    revision: int
    """Number of the revision of most of the healthy tasks; 0 when none is healthy."""
    healthy: int
    desired: int
    named: int
    """Number of the revision that the service names."""

    @property
    def new_serves(self) -> bool:
        """Whether what was declared, and nothing else, serves in full."""
        return self.revision == DECLARED == self.named and self.healthy == self.desired > 0


@dataclass
class Run:
    """How a command ended, all that it printed, and the calls that it made of AWS."""

    status: int
    text: str
    calls: list[Json] = field(default_factory=list)

    @property
    def last(self) -> str:
        """The last word and why: what a person reads first."""
        found = self.text.rfind(": outcome: ")
        return self.text[self.text.rfind("\n", 0, found) + 1 :].strip() if found >= 0 else ""

    @property
    def outcome(self) -> str:
        """The one word of it."""
        found = re.search(r": outcome: (\w+)", self.last)
        return found[1] if found else "none"

    @property
    def verdict(self) -> str:
        """What the module that watched said of the deployment; "refused" when none was begun."""
        found = re.search(r'"verdict": "(\w+)"', self.text)
        began = any(call["operation"] == "UpdateService" for call in self.calls)
        return found[1] if found else "succeeded" if began else "refused"


class Stage:
    """One bed; each kind gets a cluster, a load balancer and a service of its own on it."""

    def __init__(self, bed: Bed, folder: Path) -> None:
        self.bed, self.folder = bed, folder
        folder.mkdir(parents=True, exist_ok=True)
        self.ecs, self.elb = bed.client("ecs", key=OTHERS), bed.client("elbv2", key=OTHERS)
        self.world: World
        self.first = ""
        """ARN of the revision that serves before anybody deploys."""
        self.notes: Json = {}
        """What a kind's functions keep for each other."""
        self.faults: list[Json] = []
        """Rules of the bed while Steady deploys."""
        logs = bed.client("logs", key=OTHERS)
        if not logs.describe_log_groups(logGroupNamePrefix=LOG_GROUP)["logGroups"]:
            logs.create_log_group(logGroupName=LOG_GROUP)

    # -- the world before ----------------------------------------------------------------------------------------------

    def begin(self, kind: Kind) -> None:
        """A world of its own, as this kind wants it; call `end` when it is over."""
        self.world, self.notes, self.first = World(self.bed, image="pardon/coral-server"), {}, ""
        self.faults = []
        wanted = {"deregistration_delay.timeout_seconds": "20", "stickiness.enabled": "true"}
        attributes = [{"Key": key, "Value": value} for key, value in wanted.items()]
        self.elb.modify_target_group_attributes(TargetGroupArn=self.world.group, Attributes=attributes)
        kind.before(self)

    def end(self) -> None:
        """Nothing of it is left running."""
        self.bed.admin("DELETE", "/_bed/faults")
        with contextlib.suppress(Exception):
            self.world.remove()
        self.elb.delete_load_balancer(LoadBalancerArn=self.world.balancer["LoadBalancerArn"])

    @property
    def where(self) -> dict[str, str]:
        """Cluster and service, as the API takes them."""
        return {"cluster": self.world.name, "service": "web"}

    def container(self, name: str = "app", **more: Any) -> Json:
        """One container of the application as it was before: the server `app`, or one of its two agents."""
        logs = {"awslogs-group": LOG_GROUP, "awslogs-region": "us-east-1", "awslogs-stream-prefix": "web"}
        found: Json = {
            "name": name,
            "image": "pardon/coral-server:v1" if name == "app" else "pardon/agent:v1",
            "essential": True,
            "logConfiguration": {"logDriver": "awslogs", "options": logs},
        }
        given = {"CORAL_SESSIONS": "pool-0", "AGENTS": "2"}
        if name == "app":
            found["portMappings"] = [{"containerPort": APP_PORT}]
        else:
            given = {"AGENT_NAME": name, "CORAL_SSE_URL": f"http://localhost:{APP_PORT}/sse/v1/devmode/app/priv"}
        return {**found, "environment": [{"name": k, "value": v} for k, v in given.items()], **more}

    def create(
        self,
        count: int = 3,
        changes: Json | None = None,
        wait: bool = True,
        definition: Json | None = None,
        **more: Any,
    ) -> None:
        """Register revision 1 and create the service. `changes` as a kind's, `more` are CreateService's parameters."""
        body = {
            "family": self.world.name, "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"],
            "cpu": "256", "memory": "512", "executionRoleArn": ROLE,
            "containerDefinitions": [self.container(each) for each in ("app", "agent-1", "agent-2")],
        }  # fmt: skip
        body = merged({**body, **(definition or {})}, changes or {})
        self.first = self.ecs.register_task_definition(**body)["taskDefinition"]["taskDefinitionArn"]
        balancers = [{"targetGroupArn": self.world.group, "containerName": "app", "containerPort": APP_PORT}]
        wanted = {"desiredCount": count, "loadBalancers": balancers, "healthCheckGracePeriodSeconds": 60, **more}
        self.world.create(self.first, **{"deploymentConfiguration": BREAKER, **wanted})
        if wait:
            self.world.completed(self.first, seconds=SETTLED, every=EVERY)

    # -- what is declared ----------------------------------------------------------------------------------------------

    def definition(self, kind: Kind) -> Json:
        """RegisterTaskDefinition's parameters of what the kind declares: the live revision with its changes."""
        live = self.ecs.describe_task_definition(taskDefinition=self.first)["taskDefinition"]
        names = self.ecs.meta.service_model.operation_model("RegisterTaskDefinition").input_shape.members
        return merged({k: v for k, v in live.items() if k in names}, kind.changes(self))

    def settings(self, kind: Kind) -> Json:
        """UpdateService's parameters that the kind declares besides the task definition."""
        return dict(kind.changes(self).get("settings", {}))

    def variables(self, kind: Kind) -> Json:
        """The same for Steady, and what the kind declares for it alone."""
        changes = kind.changes(self)
        containers = {"app": changes.get("container", {}), **changes.get("containers", {})}
        changed = {name: for_steady(each) for name, each in containers.items() if each}
        declared = {**changes.get("definition", {}), **({"containers": changed} if changed else {})}
        known: Json = {
            "service_account": "000000000000",
            "service_region": "us-east-1",
            "service_endpoint_url": self.bed.endpoint,
            "service_access_key": KEY,
            "service_secret_key": "emulator-secret",
            "service_cluster": self.world.name,
            "service_name": "web",
            "service_url": self.world.url.rstrip("/"),
            "release_store": str(self.folder / self.world.name / "store"),
            "release_wait_seconds": 5,
            "ansible_python_interpreter": "{{ ansible_playbook_python }}",
            "rollout_changes": declared,
            "rollout_settings": changes.get("settings", {}),
            "rollout_wait_delay": 1,
            "rollout_wait_timeout": 60,
            "rollout_stable_seconds": 1,
            "health_wait_timeout": 10,
        }
        return {**known, **kind.declared(self)}

    # -- who deploys, and the others -----------------------------------------------------------------------------------

    @contextlib.contextmanager
    def meanwhile(self, kind: Kind) -> Iterator[None]:
        """What others do while somebody deploys. A failure of theirs is one of the test."""
        problems: list[BaseException] = []

        def act(does: Callable[[Stage], None]) -> None:
            try:
                does(self)
            except BaseException as problem:  # noqa: BLE001 it is raised again in the test's own thread
                problems.append(problem)

        thread = threading.Thread(target=act, args=(kind.meanwhile,)) if kind.meanwhile else None
        if thread:
            thread.start()
        yield
        if thread:
            thread.join(PATIENCE)
            assert not thread.is_alive(), "what others do meanwhile has no end"
        if problems:
            raise problems[0]

    def command(self, kind: Kind, *words: str, **variables: Any) -> list[str]:
        """The command that a person types: its inventory is written where it says."""
        place = self.folder / self.world.name / "inventory.json"
        place.parent.mkdir(parents=True, exist_ok=True)
        hosts = {"all": {"hosts": {"web": {**self.variables(kind), **variables}}}}
        place.write_text(json.dumps(hosts), encoding="utf-8")
        return [kind.playbook, "-i", str(place), *words]

    def deploy(self, kind: Kind, *words: str, **variables: Any) -> Run:
        """`./steady play`, as it is typed, with the others at work."""
        command = ["./steady", "play", *self.command(kind, *words, **variables)]
        self.bed.admin("PUT", "/_bed/faults", self.faults)
        self.bed.admin("DELETE", "/_bed/calls")
        with self.meanwhile(kind):
            done = subprocess.run(
                command, cwd=ROOT, env=self.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, text=True, timeout=PATIENCE, check=False,
            )  # fmt: skip
        return Run(done.returncode, done.stdout, self.calls())

    def environment(self) -> dict[str, str]:
        """What a person's shell has: no variable of Ansible's or AWS's."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "AWS_", "CI"))}
        return {**kept, "XDG_STATE_HOME": str(self.folder / "xdg"), "ANSIBLE_NOCOLOR": "1", "COLUMNS": "120"}

    def calls(self, key: str = KEY) -> list[Json]:
        """Their part of the bed's log since the last deploy began."""
        return [call for call in self.bed.admin("GET", "/_bed/calls")[1]["log"] if call["access_key"] == key]

    @contextlib.contextmanager
    def users(self, count: int = 6) -> Iterator[Json]:
        """Users at work, all served once before it goes on; afterwards what they counted stands in the dict."""
        stop, summary, counted = self.folder / "stop", self.folder / "users.json", dict[str, Any]()
        stop.unlink(missing_ok=True)
        summary.unlink(missing_ok=True)
        process = subprocess.Popen(
            [
                sys.executable, "-m", "testbed.users", self.world.url.rstrip("/"), "--users", str(count),
                "--pace", "2", "--ramp", "1", "--seconds", "0", "--until", str(stop), "--json", str(summary),
                "--endpoint", self.bed.endpoint, "--target-group", self.world.name,
            ],
            cwd=ROOT, env=self.environment(), stdout=subprocess.DEVNULL,
        )  # fmt: skip

        def read() -> Json:
            with contextlib.suppress(OSError, ValueError):
                return dict(json.loads(summary.read_text(encoding="utf-8")))
            return {}

        try:
            until(lambda: all(each["turns"] for each in read().get("per_user", [{"turns": 0}])), 60, read)
            yield counted
        finally:
            stop.touch()
            process.wait(120)
            counted.update(read())

    # -- how it looks --------------------------------------------------------------------------------------------------

    def service(self) -> Json:
        """As ECS answers it."""
        return self.world.service()

    def revision_of(self, arn: str) -> int:
        """Its number."""
        return int(arn.rsplit(":", 1)[1])

    def truth(self) -> Truth:
        """Looks once. A task serves when it runs and its target is healthy."""
        service = self.service()
        found = self.elb.describe_target_health(TargetGroupArn=self.world.group)["TargetHealthDescriptions"]
        well = {each["Target"]["Id"] for each in found if each["TargetHealth"]["State"] == "healthy"}
        serving = [
            self.revision_of(task["taskDefinitionArn"])
            for task in self.world.tasks(serviceName="web")
            if self.registered(task) in well
        ]
        most = max(set(serving), key=serving.count, default=0)
        named = self.revision_of(service["taskDefinition"]) if "taskDefinition" in service else 0
        return Truth(most, serving.count(most), service["desiredCount"], named)

    def registered(self, task: Json) -> str:
        """What of a task is a target: its address; its instance where it shares the host's network."""
        details = [each for attachment in task["attachments"] for each in attachment["details"]]
        if details or "containerInstanceArn" not in task:
            return next((each["value"] for each in details if each["name"] == "privateIPv4Address"), "")
        asked = {"cluster": self.world.name, "containerInstances": [task["containerInstanceArn"]]}
        return str(self.ecs.describe_container_instances(**asked)["containerInstances"][0]["ec2InstanceId"])

    def begun(self) -> Json:
        """The deployment of what is declared, as soon as there is one."""
        first = self.first

        def found() -> Json | None:
            lead = self.service()["deployments"][0]
            return dict(lead) if lead["taskDefinition"] != first else None

        return dict(until(found, PATIENCE, lambda: self.world.deployments()))

    def started(self, count: int = 1) -> None:
        """Wait until so many tasks of what is declared are there."""
        begun = self.begun()
        until(lambda: len(self.world.tasks(startedBy=begun["id"])) >= count, SETTLED, self.world.events)

    def looked(self, times: int = 2) -> None:
        """Wait until who deploys has looked at its deployment so often."""

        def seen() -> bool:
            names = [call["operation"] for call in self.calls()]
            after = names[names.index("UpdateService") :] if "UpdateService" in names else []
            return after.count("DescribeServices") >= times

        until(seen, PATIENCE, lambda: [call["operation"] for call in self.calls()][-20:])

    def newest(self) -> Json:
        """The newest service deployment."""
        return self.world.rollouts()[0]

    def at_rest(self, seconds: float = SETTLED) -> None:
        """Wait until ECS has nothing under way."""

        def resting() -> bool:
            deployments = self.service()["deployments"]
            return len(deployments) < 2 and all(each["rolloutState"] != "IN_PROGRESS" for each in deployments)

        until(resting, seconds, self.world.deployments)


def merged(body: Json, changes: Json) -> Json:
    """A task definition with a kind's changes: of containers, by name, and of the rest."""
    found = copy.deepcopy({**body, **changes.get("definition", {})})
    for name, change in {"app": changes.get("container", {}), **changes.get("containers", {})}.items():
        there = next((each for each in found["containerDefinitions"] if each["name"] == name), None)
        if there is None:
            there = {"name": name}
            found["containerDefinitions"].append(there)
        for key, value in change.items():
            if key in MERGED:
                items = {each["name"]: each for each in [*there.get(key, []), *value]}
                there[key] = list(items.values())
            else:
                there[key] = value
    return found


def for_steady(container: Json) -> Json:
    """A container's change as `rollout_changes` takes it: variables and secrets as mappings."""
    values = {"environment": "value", "secrets": "valueFrom"}
    return {
        key: {each["name"]: each[values[key]] for each in value} if key in MERGED else value
        for key, value in container.items()
    }


def env(**values: str) -> Json:
    """The change of environment variables, as AWS has them."""
    return {"environment": [{"name": name, "value": value} for name, value in values.items()]}


def pause(seconds: float) -> None:
    """Of the others: time that passes in their story, never a wait for something to be ready."""
    time.sleep(seconds)
