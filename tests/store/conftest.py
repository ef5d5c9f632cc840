"""The two places of a release store, for one suite: a folder, and a bucket on a bed."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import documents, stores, waits
from ansible_collections.steady.ecs.plugins.module_utils.edges.aws import Connection
from ansible_collections.steady.ecs.plugins.module_utils.edges.held import Held
from ansible_collections.steady.ecs.plugins.module_utils.rules import intent, records, release
from ansible_collections.steady.ecs.plugins.module_utils.work import Task

from tests.testbed.beds import Bed, running

ACCOUNT, REGION = "000000000000", "us-east-1"
NAMES = {"account": ACCOUNT, "region": REGION, "cluster": "production", "service": "web"}
IDENTITY = records.Identity(**NAMES)
GROUP = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:targetgroup/web/6cd8923ffc120347"
LIVE = {
    "task_definition": f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/web:74",
    "deployment": "ecs-svc/1",
    "settings": {},
    "running": 3,
    "desired": 3,
    "attributes": {GROUP: {"stickiness.enabled": "true"}},
}
HEAD, RECORD = "head.json", "releases/00000002.json"

_numbers = itertools.count(1)


class Clock:
    """Time that passes only where somebody waits."""

    def __init__(self) -> None:
        self.time = 1000.0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Waiting takes no time in this test."""
    found = Clock()
    monkeypatch.setattr(waits, "clock", found)
    return found


def interrupt(store: Any, seq: int, steps: dict[str, Any] | None = None) -> None:
    """What a signal does to the run that works on a release."""
    Held(Task(params={}, connection=None), store, "mine", 90, seq=seq, known=lambda: steps or {}).interrupted()


@dataclass
class Place:
    """Where a store is; the methods are what a person or another program does there, without our code."""

    release_store: str
    connection: dict[str, Any] = field(default_factory=dict)

    def task(self, **named: str) -> Task:
        """A task of a module that names the service."""
        params = {"store": self.release_store, **NAMES, **self.connection, **named}
        return Task(params=params, connection=Connection(params))

    def store(self, **named: str) -> Any:
        """The store as one more run sees it."""
        return stores.of(self.task(**named))

    def write(self, name: str, data: bytes) -> None:
        raise NotImplementedError

    def read(self, name: str) -> bytes:
        raise NotImplementedError

    def remove(self, name: str) -> None:
        raise NotImplementedError

    def names(self) -> list[str]:
        """All documents."""
        raise NotImplementedError


class Folder(Place):
    @property
    def folder(self) -> Path:
        return Path(self.release_store).joinpath(*NAMES.values())

    def write(self, name: str, data: bytes) -> None:
        (self.folder / name).write_bytes(data)

    def read(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()

    def remove(self, name: str) -> None:
        (self.folder / name).unlink()

    def names(self) -> list[str]:
        return sorted(str(each.relative_to(self.folder)) for each in self.folder.rglob("*.json"))


@dataclass
class Bucket(Place):
    s3: Any = None
    bed: Any = None

    @property
    def bucket(self) -> str:
        return self.release_store.split("/")[2]

    def key(self, name: str) -> str:
        return "/".join(("steady", *NAMES.values(), name))

    def write(self, name: str, data: bytes) -> None:
        self.s3.put_object(Bucket=self.bucket, Key=self.key(name), Body=data)

    def read(self, name: str) -> bytes:
        return bytes(self.s3.get_object(Bucket=self.bucket, Key=self.key(name))["Body"].read())

    def remove(self, name: str) -> None:
        self.s3.delete_object(Bucket=self.bucket, Key=self.key(name))

    def names(self) -> list[str]:
        found = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=self.key("")).get("Contents", [])
        return sorted(each["Key"].removeprefix(self.key("")) for each in found)

    def versions(self, name: str) -> int:
        """How often an object was written."""
        return len(self.s3.list_object_versions(Bucket=self.bucket, Prefix=self.key(name))["Versions"])

    def fault(self, *rules: dict[str, Any]) -> None:
        """What the bed does to the next calls."""
        status, answer = self.bed.admin("PUT", "/_bed/faults", [{"service": "s3", **each} for each in rules])
        assert status == 200, answer


@pytest.fixture(scope="session")
def store_bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    with running(tmp_path_factory.mktemp("store-bed"), "--engine", "none") as found:
        yield found


@pytest.fixture
def bucket(store_bed: Bed) -> Iterator[Bucket]:
    """A bucket of its own for each test, as store.yml makes it: versioned."""
    name = f"releases-{next(_numbers)}"
    s3 = store_bed.client("s3")
    s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    connection = {
        "endpoint_url": store_bed.endpoint,
        "access_key": "emulator",
        "secret_key": "emulator-secret",
        "session_token": None,
        "profile": None,
        "validate_certs": True,
        "aws_ca_bundle": None,
        "aws_config": None,
        "debug_botocore_endpoint_logs": False,
    }
    yield Bucket(f"s3://{name}/steady", connection, s3=s3, bed=store_bed)
    store_bed.admin("DELETE", "/_bed/faults")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(str(tmp_path / "store"))


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest) -> Place:
    """Each of the two, one after the other."""
    found: Place = request.getfixturevalue(request.param)
    return found


def opening(store: Any) -> Callable[[records.Document, documents.Records], Any]:
    """What a deployment decides when it begins."""
    made = intent.intent(LIVE["task_definition"], {}, {}, {}, {}, {})
    request = release.Request(store.identity, "deploy", made, {"who": "ada"}, "nonce")

    def decide(head: records.Document, known: documents.Records) -> tuple[list[release.Write], release.Opening]:
        found = release.opening(head, known, request, LIVE, store.now())
        return found.writes, found

    return decide


def opened(place: Place) -> Any:
    """A store in which release 2 is open, on a baseline."""
    store = place.store()
    stores.transact(store, opening(store))
    return store


def touched(document: records.Document, **fields: Any) -> records.Document:
    """The document as one more write of some run."""
    return records.written(document, **fields)


def heads(document: records.Document) -> list[release.Write]:
    return [release.Write(release.HEAD, document)]
