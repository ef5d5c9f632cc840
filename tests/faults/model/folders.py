"""The release store in a folder, in this world: its documents are calls too, and they go where the world goes."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from pathlib import Path
from typing import Any

from tests.faults.model.cloud import Cloud
from tests.faults.model.wire import Call, Killed, Run, current

KINDS_OF_READS = ("kill_before", "int_before", "pause")
KINDS_OF_WRITES = (*KINDS_OF_READS, "kill_after", "term_after", "pause_after")
"""What can happen to a process at a file. A full disk and a read-only folder are tests/faults/plays."""
MEMORY = Path("/dev/shm")  # noqa: S108 a sync of a real disk would be the slowest part of a sweep


class FileCall(Call):
    """One document read or written."""

    def kinds(self) -> tuple[str, ...]:
        return KINDS_OF_WRITES if self.write else KINDS_OF_READS


class CountedStore:
    """A file store whose every document is a call. Each write of an ``apply`` is one, in its order."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def head(self) -> Any:
        return _called("head", False, self._store.head)

    def record(self, seq: int) -> Any:
        return _called("record", False, lambda: self._store.record(seq))

    def records(self) -> Any:
        return _called("records", False, self._store.records)

    def apply(self, writes: list[Any]) -> None:
        for each in writes:
            _called("apply", True, lambda each=each: self._store.apply([each]))


def _called(method: str, write: bool, act: Any) -> Any:
    run: Run = current()
    fault = run.fault(FileCall("store", method, write))
    if fault == "kill_before":
        raise Killed
    if fault == "int_before":
        run.signal("SIGINT")
    if fault == "pause":
        run.stand_still()
    run.step()
    answer = act()
    if fault == "kill_after":
        raise Killed
    if fault == "term_after":
        run.signal("SIGTERM")
    if fault == "pause_after":
        run.stand_still()
    return answer


_root: list[Path] = []


def new_folder() -> Path:
    """An empty folder in memory, gone with this process."""
    if not _root:
        _root.append(Path(tempfile.mkdtemp(prefix="steady-model-", dir=MEMORY if MEMORY.is_dir() else None)))
        atexit.register(shutil.rmtree, _root[0], ignore_errors=True)
    return Path(tempfile.mkdtemp(dir=_root[0]))


def unpacked(cloud: Cloud, prefix: str) -> Path:
    """The documents of the world as files in a new folder."""
    folder = new_folder()
    for key, (data, _etag) in cloud.objects.items():
        path = folder / key.removeprefix(f"{prefix}/")
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_bytes(data)
    return folder


def packed(cloud: Cloud, prefix: str, folder: Path) -> None:
    """The files of the folder back into the world; the folder is gone."""
    cloud.objects = {
        f"{prefix}/{path.relative_to(folder)}": (path.read_bytes(), "")
        for path in sorted(folder.rglob("*.json"))
        if "reports" not in path.parts
    }
    shutil.rmtree(folder)
