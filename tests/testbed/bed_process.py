"""A bed of one's own for the tests of a file, started and stopped through its command line, in the first free slot."""

import json
import os
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3

ROOT = Path(__file__).resolve().parents[2]
BED_PYTHON = os.environ.get("BED_PYTHON", str(ROOT / ".venv-bed/bin/python"))


class RunningBed:
    def __init__(self, state: Path) -> None:
        self.state = state

    @property
    def record(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.state / "bed.json").read_text())
        return found

    @property
    def endpoint(self) -> str:
        return str(self.record["endpoint"])

    @property
    def request_log(self) -> Path:
        return self.state / "bed" / "shared" / "requests.log"

    def client(self, service: str) -> Any:
        keys = {"aws_access_key_id": "emulator", "aws_secret_access_key": "emulator-secret"}
        return boto3.client(service, endpoint_url=self.endpoint, region_name="us-east-1", **keys)

    def admin(self, method: str, path: str, value: object = None) -> Any:
        data = None if value is None else json.dumps(value).encode()
        request = urllib.request.Request(f"{self.endpoint}/_bed/{path}", data=data, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)


@contextmanager
def running_bed(state: Path) -> Iterator[RunningBed]:
    def bed(verb: str) -> None:
        subprocess.run([BED_PYTHON, "-m", "testbed", verb, "--state", str(state)], cwd=ROOT, check=True)

    bed("start")
    try:
        yield RunningBed(state)
    finally:
        bed("stop")
