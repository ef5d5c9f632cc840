# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How fast and how large the test bed is: start and memory, API work among many services, sticky clients.

PYTHONPATH=. .venv-bed/bin/python benchmarks/bed.py [start] [services] [clients]
    [--services 10000] [--clients 500] [--rate 200] [--seconds 30]

Says of each limit that the bed was given whether it holds; the exit status is 1 when one does not.
"""

from __future__ import annotations

import argparse
import asyncio
import concurrent.futures
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp

from tests.testbed.beds import NETWORK, ROLE, Bed, World, command, running, until


def timed(call: Callable[[], Any]) -> float:
    began = time.monotonic()
    call()
    return time.monotonic() - began


def told(took: list[float]) -> str:
    took.sort()
    at = [f"p{q} {took[int(len(took) * q / 100)] * 1000:.1f}" for q in (50, 90, 99)]
    return f"{', '.join(at)}, longest {took[-1] * 1000:.1f} ms"


def memory(state: Path) -> float:
    """MB that the bed's process holds (VmRSS, proc_pid_status(5))."""
    pid = json.loads((state / "bed.json").read_text())["pid"]
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.partition("VmRSS:")[2].split()[0]) / 1024


def limit(what: str, holds: bool) -> bool:
    print(f"  {what}: {'holds' if holds else 'DOES NOT HOLD'}")
    return holds


@contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def start(given: argparse.Namespace) -> bool:
    took = []
    for _ in range(5):
        with folder() as state:
            took.append(timed(partial(command, "start", "--state", state)))
            Bed(json.loads((state / "bed.json").read_text())["endpoint"]).client("s3").list_buckets()
            held = memory(state)  # with moto, which is loaded after the start
            command("stop", "--state", state)
    print(f"start: {told(took)}; memory without tasks {held:.0f} MB")
    return all((limit("each start under 1 s", max(took) < 1), limit("under 100 MB without tasks", held < 100)))


def services(given: argparse.Namespace) -> bool:
    """Services of no tasks: nothing to watch, so that what is measured is the API and the tick."""
    with folder() as state, running(state, "--engine", "none", "--scale", "0.1") as bed:
        ecs = bed.client("ecs")
        ecs.create_cluster(clusterName="many")
        arn = registered(ecs)

        def make(number: int) -> float:
            return timed(lambda: created(bed, arn, f"s{number}"))

        began = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(make, range(given.services)))
        print(f"services: {given.services} created in {time.monotonic() - began:.0f} s; memory {memory(state):.0f} MB")
        names = [[f"s{n * 10 + each}" for each in range(10)] for n in range(200)]
        print("  DescribeServices of ten:", told([timed(partial(described, ecs, s)) for s in names]))
        pages = ecs.get_paginator("list_services").paginate(cluster="many", PaginationConfig={"PageSize": 100})
        listed: list[str] = []
        took = timed(lambda: listed.extend(pages.search("serviceArns[]")))
        print(f"  ListServices, all pages of 100: {took:.1f} s")

        def deployed() -> None:
            ecs.update_service(cluster="many", service="s0", forceNewDeployment=True)
            until(lambda: [d["rolloutState"] for d in described(ecs, ["s0"])[0]["deployments"]] == ["COMPLETED"], 60)

        print("  a deployment of no tasks, from call to COMPLETED:", told([timed(deployed) for _ in range(5)]))
        return limit(f"{given.services} services without tasks", len(set(listed)) == given.services)


def registered(ecs: Any) -> str:
    made = ecs.register_task_definition(
        family="many", networkMode="awsvpc", requiresCompatibilities=["FARGATE"], cpu="256", memory="512",
        executionRoleArn=ROLE, containerDefinitions=[{"name": "app", "image": "steady/echo"}],
    )  # fmt: skip
    return str(made["taskDefinition"]["taskDefinitionArn"])


def created(bed: Bed, arn: str, name: str) -> None:
    bed.client("ecs").create_service(
        cluster="many", serviceName=name, taskDefinition=arn, desiredCount=0, launchType="FARGATE",
        networkConfiguration=NETWORK,
    )  # fmt: skip


def described(ecs: Any, names: list[str]) -> list[dict[str, Any]]:
    return list(ecs.describe_services(cluster="many", services=names)["services"])


# -- a service of three echo tasks behind its load balancer; its clients in this process -------------------------------


class Heard:
    """What the clients have met: seconds from request to answer, and in words what no user may meet."""

    def __init__(self) -> None:
        self.took: list[float] = []
        self.wrong: list[str] = []


async def client(url: str, after: float, pause: float, until: float, heard: Heard) -> None:
    """Asks once a pause, each time with the cookies of the answer before, so that it meets one task and no other."""
    seen: set[str] = set()
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        await asyncio.sleep(after)
        while time.monotonic() < until:
            began = time.monotonic()
            try:
                async with session.get(url) as answer:
                    answer.raise_for_status()
                    seen.add((await answer.json())["instance"])
                if len(seen) != 1:
                    heard.wrong.append(f"moved: {sorted(seen)}")
            except (aiohttp.ClientError, OSError, ValueError, LookupError) as e:
                heard.wrong.append(f"failed: {e!r}")
            heard.took.append(time.monotonic() - began)
            await asyncio.sleep(max(0, pause - (time.monotonic() - began)))


async def asked(url: str, given: argparse.Namespace) -> Heard:
    heard, until, pause = Heard(), time.monotonic() + given.seconds, given.clients / given.rate
    await asyncio.gather(*(client(url, n / given.rate, pause, until, heard) for n in range(given.clients)))
    return heard


def clients(given: argparse.Namespace) -> bool:
    """What the plane adds is no more than what its client waits: for it, for the task and for this process itself."""
    with folder() as state, running(state, "--scale", "0.1") as bed:
        heard = asyncio.run(asked(served(bed), given))
    wrong, rate = len(heard.wrong), len(heard.took) / given.seconds
    print(f"clients: {given.clients}, {rate:.0f} requests/s, {wrong} failed or moved; {told(heard.took)}")
    for each in heard.wrong[:5]:
        print(f"  {each}")
    slowest = heard.took[int(len(heard.took) * 0.99)]
    return all(
        (
            limit(f"{given.rate} requests a second in all", rate > given.rate * 0.95),
            limit("0 failures, and each client stays at its task", not wrong),
            limit("p99 under 50 ms, as the client sees it", slowest < 0.05),
        )
    )


def served(bed: Bed) -> str:
    """The URL of a service of three echo tasks with stickiness, once its deployment is COMPLETED. Two failed checks in
    a row take four seconds here, so that a task that waits for a core is not taken for an unhealthy one."""
    world = World(bed, interval=20)
    sticky = [{"Key": "stickiness.enabled", "Value": "true"}]
    world.elb.modify_target_group_attributes(TargetGroupArn=world.group, Attributes=sticky)
    revision = world.register()
    world.create(revision, healthCheckGracePeriodSeconds=3600)
    world.completed(revision, seconds=60)
    return world.url


def main() -> None:
    parts = {"start": start, "services": services, "clients": clients}
    parser = argparse.ArgumentParser(description="How fast and how large the test bed is.")
    parser.add_argument("parts", nargs="*", help=", ".join(parts))
    for name, default in (("services", 10000), ("clients", 500), ("rate", 200), ("seconds", 30)):
        parser.add_argument(f"--{name}", type=int, default=default)
    given = parser.parse_args()
    hold = [parts[name](given) for name in given.parts or parts]
    sys.exit(0 if all(hold) else 1)


if __name__ == "__main__":
    main()
