# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How fast and how large the test bed is: start and memory, API work among many services, sticky clients.

PYTHONPATH=. .venv-bed/bin/python benchmarks/bed.py [start] [services] [clients]
    [--services 10000] [--clients 500] [--rate 200] [--seconds 30]
"""

from __future__ import annotations

import argparse
import asyncio
import concurrent.futures
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import boto3

from tests.testbed.beds import NETWORK, PYTHON, ROLE, Bed, command, running, until

NET = "127.78"
TARGET = """
import asyncio, sys
from aiohttp import web
async def main():
    async def answer(request):
        return web.json_response({"me": sys.argv[1]})
    runner = web.ServerRunner(web.Server(answer, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, sys.argv[1], 8080).start()
    await asyncio.Event().wait()
asyncio.run(main())
"""


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


@contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def start(given: argparse.Namespace) -> None:
    took = []
    for _ in range(5):
        with folder() as state:
            took.append(timed(partial(command, "start", "--state", state)))
            Bed(json.loads((state / "bed.json").read_text())["endpoint"]).client("s3").list_buckets()
            held = memory(state)  # with moto, which is loaded after the start
            command("stop", "--state", state)
    print(f"start: {told(took)}; memory without tasks {held:.0f} MB")


def services(given: argparse.Namespace) -> None:
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
        took = timed(lambda: list(pages))
        print(f"  ListServices, all pages of 100: {took:.1f} s")

        def deployed() -> None:
            ecs.update_service(cluster="many", service="s0", forceNewDeployment=True)
            until(lambda: [d["rolloutState"] for d in described(ecs, ["s0"])[0]["deployments"]] == ["COMPLETED"], 60)

        print("  a deployment of no tasks, from call to COMPLETED:", told([timed(deployed) for _ in range(5)]))


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


# -- the plane alone, against two targets, each side in a process of its own ------------------------------------------


async def client(number: int, url: str, pause: float, until: float, took: list[float], wrong: list[object]) -> None:
    jar, seen = aiohttp.CookieJar(unsafe=True), set()
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        await asyncio.sleep(pause * (number % 100) / 100)
        while time.monotonic() < until:
            began = time.monotonic()
            async with session.get(url) as answer:
                seen.add((await answer.json())["me"])
                if answer.status != 200 or len(seen) != 1:
                    wrong.append((answer.status, seen))
            took.append(time.monotonic() - began)
            await asyncio.sleep(max(0, pause - (time.monotonic() - began)))


async def asked(url: str, given: argparse.Namespace) -> None:
    took: list[float] = []
    wrong: list[object] = []
    until, pause = time.monotonic() + given.seconds, given.clients / given.rate
    await asyncio.gather(*(client(n, url, pause, until, took, wrong) for n in range(given.clients)))
    rate = len(took) / given.seconds
    print(f"clients: {given.clients}, {rate:.0f} requests/s, {len(wrong)} wrong or moved; {told(took)}")


def clients(given: argparse.Namespace) -> None:
    line = [str(PYTHON), "-m", "tests.testbed.balancer_host", f"{NET}.0.1", NET, "0.1"]
    host = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    targets = [f"{NET}.1.2", f"{NET}.1.3"]
    processes = [subprocess.Popen([sys.executable, "-c", TARGET, address]) for address in targets]
    try:
        assert host.stdin and host.stdout
        keys = {"region_name": "us-east-1", "aws_access_key_id": "a", "aws_secret_access_key": "b"}
        elb = boto3.client("elbv2", endpoint_url=host.stdout.readline().strip(), **keys)
        asyncio.run(asked(served(elb, targets), given))
        host.stdin.close()
        host.wait(5)
    finally:
        for process in (host, *processes):
            process.kill()
            process.wait()


def served(elb: Any, targets: list[str]) -> str:
    """The address of a load balancer in front of the targets, with stickiness, once they are healthy."""
    balancer = elb.create_load_balancer(Name="measure", Subnets=["subnet-1", "subnet-2"])["LoadBalancers"][0]
    group = elb.create_target_group(Name="measure", Protocol="HTTP", Port=8080, VpcId="vpc-1", TargetType="ip")
    arn = group["TargetGroups"][0]["TargetGroupArn"]
    elb.modify_target_group_attributes(TargetGroupArn=arn, Attributes=[{"Key": "stickiness.enabled", "Value": "true"}])
    action = [{"Type": "forward", "TargetGroupArn": arn}]
    elb.create_listener(LoadBalancerArn=balancer["LoadBalancerArn"], Protocol="HTTP", Port=8080, DefaultActions=action)
    elb.register_targets(TargetGroupArn=arn, Targets=[{"Id": address} for address in targets])

    def healthy() -> bool:
        found = elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
        return all(row["TargetHealth"]["State"] == "healthy" for row in found)

    until(healthy)
    return f"http://{balancer['DNSName']}:8080/"


def main() -> None:
    parts = {"start": start, "services": services, "clients": clients}
    parser = argparse.ArgumentParser(description="How fast and how large the test bed is.")
    parser.add_argument("parts", nargs="*", help=", ".join(parts))
    for name, default in (("services", 10000), ("clients", 500), ("rate", 200), ("seconds", 30)):
        parser.add_argument(f"--{name}", type=int, default=default)
    given = parser.parse_args()
    for name in given.parts or parts:
        parts[name](given)


if __name__ == "__main__":
    main()
