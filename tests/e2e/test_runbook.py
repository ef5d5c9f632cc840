"""docs/runbooks/rollback.md, typed as it stands: each command on the bed, what it prints compared with the page.

On the page a fenced `sh` block is what people type and the `text` block below it an excerpt of what is printed: its
lines must come in this order, others may stand between them, `...` is any text. A comment `<!-- world: NAME -->` says
what the world is like when the commands below it are typed; `<!-- status: N -->` the exit status of the last of them.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.e2e.conftest import GROUP, ROOT, Checkout
from tests.e2e.test_release import declare

PAGE = ROOT / "docs/runbooks/rollback.md"
BLOCK = re.compile(r"^```(sh|text)\n(.*?)^```$|^<!-- (world|status): (.+?) -->$", re.MULTILINE | re.DOTALL)
NOBODY_ANSWERS = {"health_endpoints": [], "health_task_identity": {}}  # tasks without processes


@dataclass
class Step:
    """A block of commands, and what the page says of it."""

    commands: list[str]
    status: int = 0
    excerpt: list[str] = field(default_factory=list)


@dataclass
class Part:
    """The steps that follow one another in one world."""

    world: str
    steps: list[Step] = field(default_factory=list)


def parts(page: str) -> list[Part]:
    """The page as a test carries it out."""
    found: list[Part] = []
    status = 0
    for match in BLOCK.finditer(page):
        kind, text, note, value = match.groups()
        if note == "world":
            found.append(Part(value))
        elif note == "status":
            status = int(value)
        elif kind == "sh":
            found[-1].steps.append(Step([line for line in text.splitlines() if line], status))
            status = 0
        else:
            found[-1].steps[-1].excerpt = text.splitlines()
    return found


def missing(excerpt: list[str], printed: str) -> str:
    """The first line of an excerpt that was not printed after the ones before it; "" when all were.

    Columns are as wide as what stands in them, so blanks are compared as one.
    """
    lines = iter(re.sub(" +", " ", printed).splitlines())
    for wanted in excerpt:
        pattern = re.compile(".*".join(re.escape(part) for part in wanted.strip().split("...")))
        if not any(pattern.search(line) for line in lines):
            return wanted
    return ""


@pytest.mark.parametrize(
    ("excerpt", "printed", "wrong"),
    [
        (["outcome: proven: ... (12 s)"], "x\nhost: outcome: proven: all is well (12 s)\n", ""),
        (["one", "two"], "two\none\n", "two"),
        (["one", "two"], "one\nbetween\ntwo\n", ""),
        (["a.c"], "abc\n", "a.c"),
        (["2 deploy proven"], "host:  2  deploy    proven\n", ""),
    ],
)
def test_an_excerpt_is_compared_line_by_line(excerpt: list[str], printed: str, wrong: str) -> None:
    assert missing(excerpt, printed) == wrong


def test_a_page_falls_into_worlds_and_steps() -> None:
    page = "<!-- world: a -->\n```sh\none\n```\n```text\nsays\n```\ntext\n<!-- status: 2 -->\n```sh\ntwo\nthree\n```\n"
    assert parts(page) == [Part("a", [Step(["one"], 0, ["says"]), Step(["two", "three"], 2)])]


AWS = """#!{python}
# The commands of the AWS CLI that the page names, on the bed.
import json, sys
import boto3
service, operation, *rest = sys.argv[1:]
bed = json.load(open(".state/bed.json"))
keys = dict(aws_access_key_id="emulator", aws_secret_access_key="emulator-secret", region_name="us-east-1")
client = boto3.client(service, endpoint_url=bed["endpoint"], **keys)
method = operation.replace("-", "_")
model = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[method])
named = {{name.lower(): name for name in model.input_shape.members}}
given = {{named[word[2:].replace("-", "")]: value for word, value in zip(rest[::2], rest[1::2])}}
for name, value in given.items():
    if model.input_shape.members[name].type_name == "list":
        pairs = dict(part.split("=", 1) for part in value.split(",")) if "=" in value else value
        given[name] = [pairs]
json.dump(getattr(client, method)(**given), sys.stdout, default=str, indent=4)
"""


def deployed(checkout: Checkout, *options: str) -> None:
    """One more release, proven."""
    done = checkout.run("./steady", "play", "deploy.yml", *options)
    assert done.status == 0, done.text


def versioned(checkout: Checkout, version: str, **more: object) -> None:
    """Declare another revision than before."""
    changes = {"containers": {"coral": {"environment": {"VERSION": version}}}}
    declare(checkout, rollout_changes=changes, **more)


def fresh(checkout: Checkout) -> None:
    """The state before the deployment, with nothing on record."""
    checkout.prepare("--engine", "none", "--scale", "0.02")
    declare(checkout, **NOBODY_ANSWERS, rollout_stable_seconds=1, rollout_wait_delay=1)


def released(checkout: Checkout) -> None:
    """Release 2 is live and proven; 1 is what was there before."""
    fresh(checkout)
    deployed(checkout)


def begun(checkout: Checkout, playbook: str, *options: str) -> subprocess.Popen[str]:
    """A run that watches its deployment, and will for a while."""
    process = checkout.start("./steady", "play", playbook, "-e", "rollout_stable_seconds=300", *options)
    assert process.stdout is not None
    seen = ""
    for line in process.stdout:
        seen += line
        if "seeing for 300 s" in line:
            threading.Thread(target=process.stdout.read, daemon=True).start()  # or it would wait for a reader
            return process
    raise AssertionError(seen)


def at_work(checkout: Checkout) -> Iterator[None]:
    """Somebody else's deploy is under way."""
    released(checkout)
    versioned(checkout, "3", release_why="Sessions stay on one task")
    process = begun(checkout, "deploy.yml")
    versioned(checkout, "3", release_why="")
    yield
    process.send_signal(signal.SIGTERM)
    process.wait(60)


def cancelled(checkout: Checkout) -> None:
    """That run was interrupted: its deployment goes on, its lease is given back."""
    other = at_work(checkout)
    next(other)
    next(other, None)


def killed(checkout: Checkout) -> None:
    """A deploy was killed with its machine, in the middle."""
    released(checkout)
    versioned(checkout, "3")
    process = begun(checkout, "deploy.yml", "-e", "release_lease_seconds=15")
    for pid in descendants(process.pid):
        os.kill(pid, signal.SIGKILL)
    process.wait(60)


def cut(checkout: Checkout) -> None:
    """A rollback was interrupted after its deployment had begun."""
    released(checkout)
    process = begun(checkout, "rollback.yml")
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 7


def image_gone(checkout: Checkout) -> None:
    """Release 2 needs an image that a lifecycle policy has deleted; 3 is live."""
    fresh(checkout)
    ecr = checkout.client("ecr")
    ecr.create_repository(repositoryName="pardon/coral-server")
    ecr.put_image(repositoryName="pardon/coral-server", imageManifest=MANIFEST, imageTag="1.1.0")
    registry = "000000000000.dkr.ecr.us-east-1.amazonaws.com/pardon/coral-server:1.1.0"
    versioned(checkout, "2", rollout_images={"coral": registry})
    deployed(checkout)
    versioned(checkout, "3", rollout_images={"coral": "pardon/coral-server:1.2.0"})
    deployed(checkout)
    ecr.batch_delete_image(repositoryName="pardon/coral-server", imageIds=[{"imageTag": "1.1.0"}])


def ill_before(checkout: Checkout) -> None:
    """Release 3 is live; the revision of release 2, which was well, does not become healthy any more."""
    released(checkout)
    versioned(checkout, "3")
    deployed(checkout)
    checkout.admin("PUT", "/_bed/health", {"pardon-simulator:75": "unhealthy"})


def throttling(checkout: Checkout) -> None:
    """AWS refuses the first calls of each kind that matter."""
    released(checkout)
    refusing = [
        {"kind": "throttle", "operation": name, "times": 3}
        for name in ("UpdateService", "ModifyTargetGroupAttributes", "DescribeServices")
    ]
    checkout.admin("PUT", "/_bed/faults", refusing)


def storeless(checkout: Checkout) -> None:
    """The folder with the releases was lost."""
    released(checkout)
    shutil.rmtree(checkout.path / ".state/releases")
    shim = checkout.path / ".shim/aws"
    shim.parent.mkdir()
    shim.write_text(AWS.format(python=sys.executable), encoding="utf-8")
    shim.chmod(0o755)


MANIFEST = json.dumps(
    {
        "schemaVersion": 2,
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": {
            "mediaType": "application/vnd.docker.container.image.v1+json",
            "size": 7,
            "digest": "sha256:" + "1" * 64,
        },
        "layers": [],
    }
)
WORLDS: dict[str, Callable[[Checkout], Iterator[None] | None]] = {
    "released": released,
    "another run is at work": at_work,
    "the other run was cancelled": cancelled,
    "a run was killed": killed,
    "a rollback was interrupted": cut,
    "nothing on record": fresh,
    "an image is gone": image_gone,
    "the one before is ill too": ill_before,
    "AWS throttles for a while": throttling,
    "the store is lost": storeless,
}
PARTS = parts(PAGE.read_text(encoding="utf-8"))


def descendants(pid: int) -> list[int]:
    """A process and all below it."""
    below = [int(each.parent.name) for each in Path("/proc").glob("[0-9]*/stat") if parent_of(each) == pid]
    return [pid, *(found for each in below for found in descendants(each))]


def parent_of(stat: Path) -> int:
    """0 when it ended meanwhile."""
    try:
        return int(stat.read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def carried_out(checkout: Checkout, step: Step) -> None:
    """Type the commands, compare what they print and how the last one ends."""
    group = checkout.client("elbv2").describe_target_groups(Names=[GROUP])["TargetGroups"][0]["TargetGroupArn"]
    shell = {"GROUP": group, "PATH": f"{checkout.path}/.shim:{os.environ['PATH']}"}
    printed = ""
    for number, command in enumerate(step.commands, 1):
        done = checkout.run("sh", "-c", command, **shell)
        printed += done.text
        wanted = step.status if number == len(step.commands) else 0
        assert done.status == wanted, f"{command} ended with {done.status}:\n{done.text}"
    assert not missing(step.excerpt, printed), f"{missing(step.excerpt, printed)!r} is not printed here:\n{printed}"


@pytest.mark.walk
@pytest.mark.parametrize("part", PARTS, ids=[f"{number}-{part.world}" for number, part in enumerate(PARTS, 1)])
def test_the_page_says_what_happens(checkout: Checkout, part: Part) -> None:
    world = WORLDS[part.world](checkout)
    if world is not None:
        next(world)
    try:
        for step in part.steps:
            carried_out(checkout, step)
    finally:
        if world is not None:
            next(world, None)


def test_every_command_of_the_page_is_carried_out() -> None:
    page = PAGE.read_text(encoding="utf-8")
    fences = [line for line in page.splitlines() if line.startswith("```") and line != "```"]
    assert set(fences) == {"```sh", "```text"}, "a block in another language would be read by people alone"
    assert fences.count("```sh") == sum(len(part.steps) for part in PARTS) > 15
    assert all(step.commands for part in PARTS for step in part.steps)
    assert {part.world for part in PARTS} == set(WORLDS)
