# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Our pace against AWS's token buckets as the bed has them: nothing that we send is turned away."""

from __future__ import annotations

import time

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import aws, waits
from ansible_collections.steady.ecs.plugins.module_utils.work import Task

from tests.testbed.beds import Bed

HASTE = 4.0
"""Seconds of the collection and of the bed's buckets in one of ours."""


class FastClock:
    def now(self) -> float:
        return time.monotonic() * HASTE

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds / HASTE)


@pytest.mark.parametrize(
    ("service", "operation", "calls"),
    [("elbv2", "describe_target_groups", 100), ("ecs", "list_task_definitions", 120)],
)
def test_as_fast_as_aws_lets_us_and_no_faster(
    bed: Bed, home: object, monkeypatch: pytest.MonkeyPatch, service: str, operation: str, calls: int
) -> None:
    monkeypatch.setattr(waits, "clock", FastClock())
    monkeypatch.setenv("STEADY_ECS_AWS_SHARE", "90")
    options = {"region": "us-east-1", "endpoint_url": bed.endpoint, "validate_certs": True}
    options |= {"access_key": "AKIAX", "secret_key": "x"}
    client = aws.reading(Task(params=options, connection=aws.Connection(options)), service)
    assert bed.admin("PUT", "/_bed/buckets", {"scale": 1 / HASTE})[0] == 200
    for _ in range(calls):
        getattr(client, operation)()
    log = bed.admin("GET", "/_bed/calls")[1]["log"]
    assert [each for each in log if "error" in each] == []
    assert len(log) == calls
