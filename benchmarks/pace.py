# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Registering many revisions against AWS's own buckets: the SDK's retries alone, and with our pace.

    PYTHONPATH=collections:. .venv/bin/python benchmarks/pace.py [--services 60] [--haste 20] [--share 50]

The test bed has AWS's buckets, on a clock that runs --haste times as fast, and so has our pace; the SDK's own pauses
are as long as they always are, so compare wall times with --haste 1 only. Ratio: the least time that the share of the
bucket allows, by the time that it took; with lost calls a high ratio only means that work was dropped.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
from ansible_collections.steady.ecs.plugins.module_utils.edges import aws, pace, waits, writes
from ansible_collections.steady.ecs.plugins.module_utils.rules import rates
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Task
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.testbed.beds import Bed, running

THREADS = 8
OPTIONS = {"region": "us-east-1", "access_key": "A", "secret_key": "x", "validate_certs": True}


class Clock:
    """The collection's clock, with so many seconds in one."""

    def __init__(self, haste: float) -> None:
        self.haste = haste

    def now(self) -> float:
        """Seconds since some moment."""
        return time.monotonic() * self.haste

    def sleep(self, seconds: float) -> None:
        """Return after so many of them."""
        time.sleep(seconds / self.haste)


def content(name: str) -> dict[str, Any]:
    """A small task definition."""
    return {"family": name, "containerDefinitions": [{"name": "a", "image": "b", "memory": 64}]}


def with_sdk(bed: Bed, attempts: int) -> Callable[[str], bool]:
    """Register by the SDK, which tries so many times."""
    config = Config(retries={"mode": "standard", "total_max_attempts": attempts})
    keys = {"aws_access_key_id": "A", "aws_secret_access_key": "x"}
    client = boto3.client("ecs", endpoint_url=bed.endpoint, region_name="us-east-1", config=config, **keys)

    def register(name: str) -> bool:
        try:
            client.register_task_definition(**content(name))
        except ClientError:
            return False
        return True

    return register


def with_pace(bed: Bed) -> Callable[[str], bool]:
    """Register as the collection does: a connection of its own for each service, as each is a process of its own."""

    def register(name: str) -> bool:
        options = {**OPTIONS, "endpoint_url": bed.endpoint}
        task = Task(params=options, connection=aws.Connection(options))
        try:
            writes.register_task_definition(task, content(name), lambda: None)
        except Failure:
            return False
        return True

    return register


def measured(bed: Bed, name: str, haste: float, services: int, register: Callable[[str], bool], share: int) -> None:
    """Register for all services at once; print a row."""
    bed.admin("POST", "/_bed/reset")
    bed.admin("PUT", "/_bed/buckets", {"scale": 1 / haste})
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
        done = sum(pool.map(register, [f"{name.split()[0]}-{number}" for number in range(services)]))
    took = (time.monotonic() - began) * haste
    log = bed.admin("GET", "/_bed/calls")[1]["log"]
    refused = sum(each.get("error") == "ThrottlingException" for each in log)
    limit = next(each.limit for each in rates.RULES if each.name == rates.REGISTER)
    least = rates.least_seconds(services, rates.Limit(limit.burst * share / 100, limit.rate * share / 100))
    print(f"{name:24}{took:8.1f} s{refused:10}{services - done:8}{least / took:9.2f}")


def turns(calls: int = 20_000) -> None:
    """What one turn costs when nobody waits."""
    found = pace.Pace("1", "us-east-1", "https://ecs.us-east-1.amazonaws.com", 90)
    rule = next(each for each in rates.RULES if each.name == "service-read")
    began = time.monotonic()
    for _call in range(calls):
        found._turn(rule)
    print(f"\none turn, its file and its lock: {(time.monotonic() - began) / calls * 1e6:.0f} microseconds")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--services", type=int, default=60)
    parser.add_argument("--haste", type=float, default=20)
    parser.add_argument("--share", type=int, default=50)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"XDG_RUNTIME_DIR": folder, pace.SHARE: str(given.share)}
        with running(Path(folder), "--scale", str(1 / given.haste), "--engine", "none") as bed:
            print(f"{given.services} registers{'wall':>19}{'refused':>11}{'lost':>8}{'ratio':>9}")
            for attempts in (3, 10):
                rows = f"sdk {attempts} attempts"
                measured(bed, rows, given.haste, given.services, with_sdk(bed, attempts), 100)
            waits.clock = Clock(given.haste)
            measured(bed, f"pace {given.share} %", given.haste, given.services, with_pace(bed), given.share)
            turns()


if __name__ == "__main__":
    main()
