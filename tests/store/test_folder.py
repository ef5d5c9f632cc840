"""The store in a folder: what is on disk, who may see it, and what survives a full disk and a kill."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import random
import shutil
import signal
import stat
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import files, store_files, stores
from ansible_collections.steady.ecs.plugins.module_utils.rules import release
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure

from tests.store.conftest import HEAD, RECORD, Folder, heads, interrupt, opened, opening, touched

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.store.conftest"])


def test_only_the_owner_may_see_it(folder: Folder) -> None:
    store = opened(folder)
    places = [store.folder, *store.folder.parents[:4], *store.folder.rglob("*")]
    assert len(places) > 8
    for path in places:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


@pytest.mark.parametrize("name", ["", "releases", "reports"])
def test_a_link_that_leads_out_of_the_store_is_refused(folder: Folder, tmp_path: Path, name: str) -> None:
    (tmp_path / "outside").mkdir()
    place = folder.folder / name
    place.parent.mkdir(parents=True)
    place.symlink_to(tmp_path / "outside")
    with pytest.raises(Failure, match="leads out of the release store .*Remove the link"):
        folder.store()


def test_the_store_itself_may_be_a_link(folder: Folder, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    Path(folder.release_store).symlink_to(tmp_path / "elsewhere")
    opened(folder)
    assert folder.store().head()["open"] == 2


def test_a_record_that_is_a_link_is_not_read(folder: Folder, tmp_path: Path) -> None:
    opened(folder)
    path = folder.folder / RECORD
    path.rename(tmp_path / "elsewhere.json")
    path.symlink_to(tmp_path / "elsewhere.json")
    with pytest.raises(Failure, match="cannot be read: Too many levels of symbolic links. Let the user"):
        folder.store().record(2)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_refused_at_once(folder: Folder, make: Callable[[Path], None]) -> None:
    opened(folder)
    path = folder.folder / RECORD
    path.unlink()
    make(path)
    with pytest.raises(Failure, match="is not used|cannot be read"):
        folder.store().record(2)


def test_on_a_build_machine_the_store_is_named(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.release_store = ""
    monkeypatch.setenv("CI", "true")
    with pytest.raises(Failure, match="CI is set.*Set release_store to s3://BUCKET/PREFIX") as refused:
        folder.store()
    assert refused.value.fields["reason"] == "store_not_named"
    monkeypatch.setenv("CI", "false")
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert folder.store().place.startswith("/state/steady/")
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    assert folder.store().place.startswith(str(Path.home() / ".local/state/steady"))


# -- disks


class Disk:
    """What the disk does to the next files that are written: a stand-in for :func:`files.put`."""

    def __init__(self) -> None:
        self.put, self.refuses = files.put, lambda _path: 0

    def __call__(self, path: Path, data: bytes, place: Any = os.replace) -> None:
        number = self.refuses(path)
        if number:
            raise OSError(number, os.strerror(number))
        self.put(path, data, place)


def test_a_document_is_on_the_disk_before_it_has_its_name_and_its_name_before_it_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a machine that loses its power has an empty file under the right name, or the new record under none."""
    seen: list[str] = []

    def told(name: str, act: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            kind = "folder" if name == "fsync" and stat.S_ISDIR(os.fstat(arguments[0]).st_mode) else name
            seen.append(kind)
            return act(*arguments)

        return call

    monkeypatch.setattr(os, "fsync", told("fsync", os.fsync))
    for place in (os.replace, os.link):
        seen.clear()
        files.put(tmp_path / f"by-{place.__name__}", b"{}", told("named", place))
        assert seen == ["fsync", "named", "folder"]


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    found = Disk()
    monkeypatch.setattr(files, "put", found)
    return found


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_cannot_stop_renewal_and_closing(folder: Folder, disk: Disk, number: int) -> None:
    store = opened(folder)
    reserve = folder.folder / ".reserve"
    assert reserve.stat().st_size == store_files.RESERVE
    disk.refuses = lambda path: number if reserve.exists() or path == reserve else 0
    store.apply(heads(touched(store.head())))
    assert not reserve.exists()
    store.apply(release.closing(store.head(), store.record(2), "failed", {}, store.now()))
    assert (folder.store().record(2)["state"], folder.store().head()["open"]) == ("failed", None)


def test_a_disk_that_is_full_before_a_release_stops_it_with_nothing_written(folder: Folder, disk: Disk) -> None:
    store = folder.store()
    disk.refuses = lambda _path: errno.ENOSPC
    with pytest.raises(Failure, match="cannot be written: No space left on device. Nothing more is changed. Make room"):
        stores.transact(store, opening(store))
    assert folder.names() == []


def test_the_reserve_is_gone_when_no_release_is_open(folder: Folder) -> None:
    store = opened(folder)
    store.apply(release.closing(store.head(), store.record(2), "failed", {}, store.now()))
    assert sorted(each.name for each in folder.folder.iterdir()) == [HEAD, "releases"]


def test_another_error_of_the_disk_is_told_and_leaves_what_was(folder: Folder, disk: Disk) -> None:
    store = opened(folder)
    before = folder.read(HEAD)
    disk.refuses = lambda _path: errno.EIO
    with pytest.raises(
        Failure, match="head.json cannot be written: Input/output error. Nothing more is changed"
    ) as told:
        store.apply(heads(touched(store.head())))
    assert told.value.fields["reason"] == "store_unwritable"
    assert folder.read(HEAD) == before


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that any user can reach."""
    found = Path(tempfile.mkdtemp())
    found.chmod(0o755)
    yield found
    shutil.rmtree(found)


def write_head(folder: Folder) -> None:
    store = folder.store()
    store.apply(heads(touched(store.head())))


def read_record(folder: Folder) -> None:
    folder.store().record(2)


def read_head(folder: Folder) -> None:
    folder.store().head()


def as_a_user(act: Callable[[Folder], object], folder: Folder, answer: Any) -> None:
    if os.geteuid() == 0:
        os.setgid(65534)
        os.setuid(65534)
    try:
        act(folder)
        answer.send("")
    except Failure as failure:
        answer.send(failure.msg)


def told_to_a_user(act: Callable[[Folder], object], folder: Folder) -> str:
    """The Failure that a person gets who is not root, in a process of their own."""
    ours, theirs = PROCESSES.Pipe()
    child = PROCESSES.Process(target=as_a_user, args=(act, folder, theirs))
    child.start()
    assert ours.poll(60), "no answer"
    answer: str = ours.recv()
    child.join(60)
    return answer


def test_a_folder_that_may_only_be_read_is_refused_and_read(public: Path) -> None:
    folder = Folder(str(public / "store"))
    opened(folder)
    for each in (public / "store").rglob("*"):
        each.chmod(0o555 if each.is_dir() else 0o444)
    (public / "store").chmod(0o555)
    said = told_to_a_user(write_head, folder)
    assert "head.json cannot be written: Permission denied. Nothing more is changed." in said
    assert "let the user who runs this write there; then run again" in said
    assert told_to_a_user(read_record, folder) == ""
    elsewhere = Folder(str(public / "store" / "new"))
    assert "cannot be made: Permission denied" in told_to_a_user(opened, elsewhere)
    (folder.folder / HEAD).chmod(0o000)
    said = told_to_a_user(read_head, folder)
    assert "cannot be read: Permission denied. Let the user who runs this read it" in said


# -- kills and signals


def write_for_ever(folder: Folder, report: Any) -> None:
    """A run that renews and notes until it dies, and says what is written for sure."""
    store = folder.store()
    head, record = store.head(), store.record(2)
    while True:
        head, record = touched(head), touched(record)
        store.apply([release.Write(release.REPLACE, record), *heads(head)])
        report.send((record["n"], head["n"]))


@pytest.mark.walk
def test_a_killed_writer_leaves_readable_documents_and_a_free_lock(folder: Folder) -> None:
    opened(folder)
    moments = random.Random(7)
    left_behind = 0
    for _ in range(60):
        ours, theirs = PROCESSES.Pipe(duplex=False)
        writer = PROCESSES.Process(target=write_for_ever, args=(folder, theirs))
        writer.start()
        theirs.close()
        for _each in range(moments.randrange(1, 4)):
            assert ours.poll(60)
            said = ours.recv()
        for _each in range(moments.randrange(40_000)):
            pass
        assert writer.pid
        os.kill(writer.pid, signal.SIGKILL)
        writer.join(60)
        left_behind += len(list(folder.folder.rglob(".tmp-*")))
        store = folder.store()
        assert store.record(2)["n"] >= said[0] and store.head()["n"] >= said[1], "what was written is kept"
        assert store.head()["open"] == 2
        store.apply(heads(touched(store.head())))
        assert not list(folder.folder.rglob(".tmp-*")), "the next write sweeps what a killed writer left"
    assert left_behind, "no kill struck within a write: the moments prove nothing"


def test_a_handler_that_interrupts_a_write_does_not_wait_for_it(folder: Folder) -> None:
    store, done = opened(folder), threading.Event()

    def act() -> None:
        with files.locked(folder.folder):
            interrupt(store, 2)
        done.set()

    threading.Thread(target=act, daemon=True).start()
    assert done.wait(60)
    assert folder.store().record(2)["log"][-1]["state"] == "interrupted"


def test_a_writer_waits_for_the_lock_of_another(folder: Folder) -> None:
    store, begun, done = opened(folder), threading.Event(), threading.Event()

    def act() -> None:
        begun.set()
        other = folder.store()
        other.apply(heads(touched(other.head(), nonce="other")))
        done.set()

    with files.locked(folder.folder):
        threading.Thread(target=act, daemon=True).start()
        assert begun.wait(60)
        assert store.head()["nonce"] == "nonce" and not done.is_set()
    assert done.wait(60)
    assert json.loads(folder.read(HEAD))["nonce"] == "other"
