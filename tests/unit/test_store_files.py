"""The store in a folder: what is on disk, what is refused, and what survives a kill."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import files, store_files, stores
from ansible_collections.steady.ecs.plugins.module_utils.rules import intent, records, release
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure

RECORD = "releases/00000002.json"
ACCOUNT, REGION = "640080112933", "us-east-1"
IDENTITY = records.Identity(ACCOUNT, REGION, "production", "web")
GROUP = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:targetgroup/web/6cd8923ffc120347"
LIVE = {
    "task_definition": f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/web:74",
    "deployment": "ecs-svc/1",
    "settings": {},
    "running": 3,
    "desired": 3,
    "attributes": {GROUP: {"stickiness.enabled": "true"}},
}


@pytest.fixture
def store(tmp_path: Path) -> store_files.FileStore:
    return store_files.FileStore(tmp_path / "store", IDENTITY)


def opened(store: store_files.FileStore) -> release.Opening:
    made = intent.intent(LIVE["task_definition"], {}, {}, {}, {}, {})
    request = release.Request(IDENTITY, "deploy", made, {"who": "ada"}, "nonce")

    def decide(head: records.Document, known: stores.Records) -> tuple[list[release.Write], release.Opening]:
        opening = release.opening(head, known, request, LIVE, store.now())
        return opening.writes, opening

    return stores.transact(store, decide)


def test_documents_come_back_as_they_were_written(store: store_files.FileStore) -> None:
    opening = opened(store)
    assert json.loads((store.folder / RECORD).read_text()) == opening.record
    assert store.record(2)["write_id"] == opening.record["write_id"]
    assert list(store.records()) == [1, 2]
    head = store.head()
    assert (head["seq"], head["open"], head["current"], head["lease"]) == (2, 2, 1, None)
    assert store.folder.relative_to(store.folder.parents[3]).parts == (ACCOUNT, REGION, "production", "web")
    assert sorted(each.name for each in (store.folder / "releases").iterdir()) == ["00000001.json", "00000002.json"]


def test_only_the_owner_may_read(store: store_files.FileStore) -> None:
    opened(store)
    for path in [store.folder, *store.folder.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_reading_makes_no_folder(store: store_files.FileStore) -> None:
    assert (store.head(), store.records()) == (records.new_head(), {})
    assert not store.folder.exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("account", "1234"),
        ("region", "../x"),
        ("cluster", "a/b"),
        ("service", ".."),
        ("service", ""),
        ("service", "a\n"),
    ],
)
def test_a_name_that_would_leave_the_store_is_refused(tmp_path: Path, field: str, value: str) -> None:
    with pytest.raises(Failure, match=field):
        store_files.FileStore(tmp_path, records.Identity(**{**IDENTITY.as_dict(), field: value}))


def test_a_link_that_leads_out_of_the_store_is_refused(store: store_files.FileStore, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    store.folder.parent.mkdir(parents=True)
    store.folder.symlink_to(outside)
    with pytest.raises(Failure, match="leads out"):
        store_files.FileStore(tmp_path / "store", IDENTITY)


def test_a_record_that_is_a_link_is_not_read(store: store_files.FileStore, tmp_path: Path) -> None:
    opened(store)
    path = store.folder / RECORD
    path.rename(tmp_path / "elsewhere.json")
    path.symlink_to(tmp_path / "elsewhere.json")
    with pytest.raises(Failure, match="cannot be read"):
        store.record(2)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"schema": 2}, "schema is 2"),
        ({"seq": 7}, "says seq 7"),
        ({"state": "done"}, "state must be one of"),
        ({"surprise": 1}, "surprise"),
        ({"target": {**IDENTITY.as_dict(), "service": "other", "target_groups": []}}, "another service"),
        ({"before": {**LIVE, "task_definition": LIVE["task_definition"].replace(ACCOUNT, "1" * 12)}}, "no ARN of this"),
        ({"before": {**LIVE, "attributes": {GROUP: {"a": 1}}}}, "not text"),
        ({"before": {**LIVE, "attributes": {"arn:aws:s3:::x": {}}}}, "no ARN of this"),
        ({"log": "none"}, "log"),
    ],
)
def test_a_record_that_was_tampered_with_is_refused(
    store: store_files.FileStore, change: dict[str, Any], complaint: str
) -> None:
    opened(store)
    path = store.folder / RECORD
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(Failure, match=complaint):
        store.record(2)


@pytest.mark.parametrize("text", ["", "{", "[1]", "[" * 100_000, "1" * 300_000])
def test_what_is_no_record_is_refused(store: store_files.FileStore, text: str) -> None:
    opened(store)
    (store.folder / RECORD).write_text(text)
    with pytest.raises(Failure, match="is not used"):
        dict(store.records())


def test_a_number_is_given_once(store: store_files.FileStore) -> None:
    opening = opened(store)
    with pytest.raises(stores.Conflict, match="another run") as refused:
        store.apply([release.Write(release.CREATE, opening.record)])
    assert refused.value.fields["reason"] == "store_conflict"


def test_the_store_is_a_folder_and_is_named_on_a_build_machine() -> None:
    with pytest.raises(Failure, match="CI is set"):
        store_files.root(None, {"CI": "true"})
    assert store_files.root("/named", {"CI": "true"}) == Path("/named")
    assert store_files.root(None, {"XDG_STATE_HOME": "/state"}) == Path("/state/steady")
    assert store_files.root(None, {"XDG_STATE_HOME": "relative"}) == Path.home() / ".local/state/steady"


def test_a_full_disk_cannot_stop_the_closing_write(
    store: store_files.FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    opening = opened(store)
    reserve = store.folder / ".reserve"
    assert reserve.stat().st_size == store_files.RESERVE
    write = files.put

    def full(path: Path, data: bytes, place: Any = os.replace) -> None:
        if reserve.exists():
            raise OSError(28, "No space left on device")
        write(path, data, place)

    monkeypatch.setattr(files, "put", full)
    store.apply(release.closing(store.head(), opening.record, "failed", {}, "2025-11-27T10:00:00Z"))
    assert store.record(2)["state"] == "failed" and store.head()["open"] is None
    assert not reserve.exists()


def test_an_interruption_is_noted_and_leaves_the_release_open(store: store_files.FileStore) -> None:
    opening = opened(store)
    arn = f"{LIVE['task_definition'][:-2]}75"
    assert store.interrupted(2, {"task_definition": arn, "unknown": 1, "deployment": None})
    record = store.record(2)
    assert (record["log"][-1]["state"], record["state"]) == ("interrupted", "applying")
    assert record["steps"]["task_definition"] == arn and record["n"] == opening.record["n"] + 1
    assert store.head()["open"] == 2


def test_an_interruption_never_raises(store: store_files.FileStore) -> None:
    assert store.interrupted(1) is False, "there is nothing at all"
    opened(store)
    assert store.interrupted(1) is False, "a final record has nothing to note"
    (store.folder / RECORD).write_text("{}")
    assert store.interrupted(2) is False


WRITER = """
import sys
from pathlib import Path
from ansible_collections.steady.ecs.plugins.module_utils.edges import files, store_files, stores
from ansible_collections.steady.ecs.plugins.module_utils.rules import records, release
store = store_files.FileStore(Path(sys.argv[1]), records.Identity(*sys.argv[2:]))
while True:
    writes = [release.Write(release.REPLACE, records.written(store.record(2)))]
    store.apply([*writes, release.Write(release.HEAD, records.written(store.head()))])
    print(flush=True)
"""


def test_a_killed_writer_leaves_readable_documents_and_a_free_lock(store: store_files.FileStore) -> None:
    opened(store)
    arguments = [str(store.folder.parents[3]), *IDENTITY.as_dict().values()]
    environment = {**os.environ, "PYTHONPATH": "collections"}
    for kill_after in range(1, 6):
        command = [sys.executable, "-c", WRITER, *arguments]
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as writer:
            assert writer.stdout is not None
            for _ in range(kill_after):
                assert writer.stdout.readline() == b"\n"
            writer.send_signal(signal.SIGKILL)
        assert store.record(2)["state"] == "applying"
        assert store.head()["open"] == 2
        stores.transact_head(store, lambda head: ([release.Write(release.HEAD, records.written(head))], None))
    assert not list(store.folder.rglob(".tmp-*")), "the next write sweeps what a killed writer left"
