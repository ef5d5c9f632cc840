"""The clients of others, as their users type them: a deployment by the AWS CLI, by ecs-deploy, by community.aws.

Each runs as processes of its own with the environment of a person's shell; from the bed they get an endpoint, keys and
one thing more: `waiters`, for the waiters of botocore sleep 15 real seconds between two looks, and the seconds of a bed
are shorter.
"""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
FOREIGN, MAIN = ROOT / ".venv-foreign", ROOT / ".venv"
Json = dict[str, Any]
PATIENCE = 600
"""Seconds of AWS that a deployment gets: 40 looks of `aws ecs wait`, 15 seconds apart; for the others as an option."""
KEY = "player"
"""The access key of who deploys, by which the bed's log tells it from everybody else."""


@dataclass(frozen=True)
class Ended:
    """How a client ended: its exit status, all that it printed, the commands that ran, and real seconds."""

    status: int
    text: str
    seconds: float
    commands: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wanted:
    """What shall be deployed."""

    cluster: str
    service: str
    definition: Json
    """RegisterTaskDefinition's parameters: the live revision with the changes in it."""
    changes: Json
    """The changes alone: fields of the containers by their names; of environment and secrets the named items."""


def waiters(folder: Path, scale: float) -> Path:
    """A data path for botocore: its own waiters of ECS and load balancing, each delay in the bed's seconds.

    Nothing but the delays differs. The command line has no option for them, and botocore looks into AWS_DATA_PATH
    before it looks into itself: https://docs.aws.amazon.com/boto3/latest/guide/configuration.html
    """
    [data] = FOREIGN.glob("lib/python3*/site-packages/botocore/data")
    for name in ("ecs/2014-11-13", "elbv2/2015-12-01"):
        model = json.loads((data / name / "waiters-2.json").read_text(encoding="utf-8"))
        for waiter in model["waiters"].values():
            waiter["delay"] *= scale
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / "waiters-2.json").write_text(json.dumps(model), encoding="utf-8")
    return folder


class Shell:
    """Where a person types the commands: an empty home, the bed's endpoint, waiters at the bed's pace."""

    def __init__(self, endpoint: str, folder: Path, scale: float) -> None:
        assert (FOREIGN / "bin/aws").exists(), "there is no .venv-foreign: ./steady test foreign makes it"
        self.folder, self.scale, self.said = folder, scale, list[str]()
        (folder / "home").mkdir(parents=True, exist_ok=True)
        kept = {n: v for n, v in os.environ.items() if not n.startswith(("ANSIBLE_", "AWS_", "PYTHON"))}
        self.environment = {
            **kept,
            "HOME": str(folder / "home"),
            "AWS_DATA_PATH": str(waiters(folder / "models", scale)),
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": "emulator-secret",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_REGION": "us-east-1",
            "AWS_PAGER": "",
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_NOCOLOR": "true",
            "COLUMNS": "200",
        }

    def run(self, program: Path, *words: str, timeout: float = 300) -> Ended:
        """Run a command to its end; whoever does not come to an end is a failed test."""
        self.said.append(" ".join((program.name, *words)))
        begun = time.monotonic()
        done = subprocess.run(
            (program, *words), cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout, check=False,
        )  # fmt: skip
        return Ended(done.returncode, done.stdout, time.monotonic() - begun, (self.said[-1],))

    def aws(self, *words: str) -> Ended:
        """The AWS CLI."""
        return self.run(FOREIGN / "bin/aws", *words)

    def ecs(self, *words: str) -> Ended:
        """ecs-deploy; its `--sleep-time` takes whole seconds only, so it looks as often as on AWS, or more rarely."""
        return self.run(FOREIGN / "bin/ecs", *words)

    def module(self, module: str, /, check: bool = False, **options: Any) -> tuple[Ended, Json]:
        """One module of Ansible as typed: how it ended and what it answered."""
        words = ["localhost", "-i", "localhost,", "-c", "local", "-m", module, "-a", json.dumps(options)]
        python = f"ansible_python_interpreter={MAIN / 'bin/python'}"
        ended = self.run(MAIN / "bin/ansible", *words, "-e", python, *(["--check"] if check else []))
        answer = ended.text.partition(" => ")[2]
        return ended, json.loads(answer) if answer else {}

    def file(self, name: str, content: Any) -> str:
        """A file of JSON beside the person, as file:// has it."""
        (self.folder / name).write_text(json.dumps(content), encoding="utf-8")
        return f"file://{name}"


def in_turn(steps: Iterator[Ended]) -> Ended:
    """One command after the other, as `set -e` has it: the first that fails is the end."""
    text, seconds, commands, status = "", 0.0, list[str](), 0
    for step in steps:
        text, seconds, status = text + step.text, seconds + step.seconds, step.status
        commands += step.commands
        if status:
            break
    return Ended(status, text, seconds, tuple(commands))


def aws_cli(shell: Shell, want: Wanted) -> Ended:
    """`aws ecs register-task-definition`, `update-service`, `wait services-stable`."""

    def steps() -> Iterator[Ended]:
        given = shell.file("definition.json", want.definition)
        arn = ("--query", "taskDefinition.taskDefinitionArn", "--output", "text")
        registered = shell.aws("ecs", "register-task-definition", "--cli-input-json", given, *arn)
        yield registered
        words = ("--cluster", want.cluster, "--service", want.service, "--task-definition", registered.text.strip())
        yield shell.aws("ecs", "update-service", *words, "--query", "service.deployments[0].id", "--output", "text")
        yield shell.aws("ecs", "wait", "services-stable", "--cluster", want.cluster, "--services", want.service)

    return in_turn(steps())


def options(changes: Json) -> list[str]:
    """The changes in the words of `ecs deploy`; one that it has no word for is an error of the test."""
    words: list[str] = []
    for name, change in changes.items():
        for key, value in change.items():
            if key == "image":
                words += ["-i", name, value]
            elif key == "environment":
                words += [word for each in value for word in ("-e", name, each["name"], each["value"])]
            elif key == "secrets":
                words += [word for each in value for word in ("-s", name, each["name"], each["valueFrom"])]
            elif key == "logConfiguration":
                pairs = value["options"].items()
                words += [word for pair in pairs for word in ("-l", name, value["logDriver"], *pair)]
            else:
                raise AssertionError(f"ecs deploy has no option for {key}")
    return words


def ecs_deploy(shell: Shell, want: Wanted, *more: str) -> Ended:
    """`ecs deploy CLUSTER SERVICE` with the changes as options. It looks without pause: its pause is whole seconds."""
    patience = ("--timeout", str(round(PATIENCE * shell.scale)), "--sleep-time", "0")
    return shell.ecs("deploy", want.cluster, want.service, *options(want.changes), *patience, *more)


def playbook(shell: Shell, want: Wanted, until_stable: bool = True) -> Ended:
    """community.aws: `ecs_taskdefinition`, `ecs_service`, and the loop of `ecs_service_info` that people add.

    To start a module takes seconds of the machine, which are minutes of the bed, so ten looks are as long as forty.
    """
    given = {
        "wanted": {"cluster": want.cluster, "service": want.service, **want.definition},
        "until_stable": until_stable,
        "pause": 15 * shell.scale,
        "looks": 10,
        "ansible_python_interpreter": str(MAIN / "bin/python"),
    }
    name = shell.file("variables.json", given).removeprefix("file://")
    words = ("-i", "localhost,", str(Path(__file__).parent / "community.yml"), "-e", f"@{name}")
    return shell.run(MAIN / "bin/ansible-playbook", *words)


Deploy = Callable[[Shell, Wanted], Ended]
CLIENTS: dict[str, Deploy] = {"aws_cli": aws_cli, "ecs_deploy": ecs_deploy, "community_aws": playbook}
