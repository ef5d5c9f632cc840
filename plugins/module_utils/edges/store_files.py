# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The release store in a folder: ``STORE/ACCOUNT/REGION/CLUSTER/SERVICE/{head.json,releases/00000042.json}``.

Whoever is killed at any moment leaves readable documents: a file is written beside its place, synced, then linked
(create) or renamed (replace). ``flock`` on the service's folder guards one read-modify-write, never a whole run, for
each Ansible task may be a process of its own. History and lock are this machine's.
"""

from __future__ import annotations

import datetime
import errno
import fcntl
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules.drift import merged
from ansible_collections.steady.ecs.plugins.module_utils.rules.records import (
    FINAL,
    HEAD,
    RECORD,
    SIZE_LIMIT,
    Document,
    Identity,
    new_head,
    read_back,
    strangers,
    written,
)
from ansible_collections.steady.ecs.plugins.module_utils.rules.release import CREATE, REPLACE, Write, worst
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure

RESERVE = 64 * 1024
"""Bytes kept while a release is open and freed when the disk is full, so that the closing write has room."""
TEMPORARY = ".tmp-"


def utc_now() -> str:
    """The time in UTC as records carry it: ISO 8601 with seconds and a Z. No decision depends on it."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def root(named: str | None, environment: Mapping[str, str]) -> Path:
    """The store's folder: the named one, else ``${XDG_STATE_HOME:-~/.local/state}/steady``. Raises Failure."""
    if named and "://" in named:
        raise Failure(
            f"release_store is {named}, and this version keeps releases in folders only. Name a folder that outlives "
            "the run and that every operator of this service shares.",
            reason="store_not_supported",
        )
    if named:
        return Path(named).expanduser().absolute()
    if environment.get("CI", "").lower() in ("true", "1", "yes"):
        raise Failure(
            "CI is set, and the default folder of a build machine does not outlive its job: the next run would know "
            "no release to go back to. Set release_store to a folder that does.",
            reason="store_not_named",
        )
    state = environment.get("XDG_STATE_HOME", "")
    # The XDG Base Directory Specification: a relative path is invalid and must be ignored.
    return (Path(state) if state.startswith("/") else Path("~/.local/state").expanduser()) / "steady"


class Store:
    """The documents of one service. Made without touching the disk; only :meth:`apply` makes folders."""

    def __init__(self, folder: Path, identity: Identity) -> None:
        """``folder`` is the store's root. Raises Failure when a name is none, or a link leads out of the root."""
        problem = identity.problem()
        if problem:
            raise Failure(f"No place in the release store: {problem}. Correct it in the inventory.", reason="bad_name")
        self.identity = identity
        top = folder.resolve()
        self.folder = top / identity.account / identity.region / identity.cluster / identity.service
        for place in (self.folder, self.folder / "releases"):
            if not place.resolve().is_relative_to(top):
                raise Failure(
                    f"{place} leads out of the release store {top} through a symbolic link. Remove the link.",
                    reason="store_escapes",
                )

    def head(self) -> Document:
        """The head; a new one when nothing was released yet."""
        document = _read(self.folder / "head.json")
        return new_head() if document is None else _accepted(self.folder / "head.json", document, HEAD)

    def records(self) -> dict[int, Document]:
        """All records by sequence number, ascending. Raises Failure for one that cannot be trusted."""
        return {int(path.stem): self.record(int(path.stem)) for path in sorted(self._files())}

    def record(self, seq: int) -> Document:
        """One record. Raises Failure when it is not there, or cannot be trusted."""
        path = record_path(self.folder, seq)
        document = _read(path)
        if document is None:
            raise Failure(f"Release {seq} is not on record in {self.folder}.", reason="no_such_release")
        record = _accepted(path, document, RECORD)
        wrong = strangers(record, self.identity, seq)
        if wrong:
            raise _untrusted(path, wrong)
        return record

    def apply(self, writes: list[Write]) -> None:
        """Write documents in their order. The caller holds :meth:`locked`."""
        for each in writes:
            if each.how in (CREATE, REPLACE):
                _write(record_path(self.folder, each.document["seq"]), each.document, create=each.how == CREATE)
            else:
                _write(self.folder / "head.json", each.document)
                self._reserve(each.document["open"] is not None)

    @contextmanager
    def locked(self, write: bool = True) -> Iterator[None]:
        """Keep other processes out of this service's documents; to write, make the folders and sweep stale files."""
        if write:
            _make_private(self.folder / "releases")
        elif not self.folder.exists():
            yield
            return
        with _folder_locked(self.folder):
            if write:
                for stale in self.folder.rglob(f"{TEMPORARY}*"):
                    stale.unlink(missing_ok=True)
            yield

    def _files(self) -> list[Path]:
        return [path for path in (self.folder / "releases").glob("*.json") if path.stem.isdigit()]

    def _reserve(self, wanted: bool) -> None:
        path = self.folder / ".reserve"
        if not wanted:
            path.unlink(missing_ok=True)
        elif not path.exists():
            _put(path, b"\0" * RESERVE, os.replace)


def record_path(folder: Path, seq: int) -> Path:
    """``releases/00000042.json`` of a service's folder."""
    return folder / "releases" / f"{seq:08d}.json"


def interrupted(path: str, seq: int, steps: Document | None = None) -> bool:
    """Note in a release's record that its run was interrupted; for a signal handler: one atomic write, no lock.

    ``path`` is the ``path`` of the module ``release``'s answer; ``steps`` adds what is known by now
    (``task_definition``, ``deployment``, ``service_deployment``), so that the next run recognises its own. The record
    stays open, in its state. False when there was nothing to note, or it could not be written: a handler never raises.
    """
    try:
        place = record_path(Path(path), seq)
        document = _read(place)
        if document is None or document["state"] in FINAL:
            return False
        done = {name: value for name, value in (steps or {}).items() if value is not None and name in document["steps"]}
        log = [*document["log"], {"t": utc_now(), "state": "interrupted"}]
        _write(place, written(document, log=log, steps={**document["steps"], **done}))
    except (OSError, Failure, KeyError, TypeError):
        return False
    return True


def merge_outcome(path: Path, verb: str, host: str, entry: Document) -> Document:
    """Add one host to the result file of a run and return the file's content; other hosts may do so at the same time.

    ``{"outcome": the worst one, "verb", "hosts": {host: entry}}``; ``entry`` has ``outcome``, ``detail``, ``release``.
    """
    path = path.expanduser().absolute()
    _make_private(path.parent)
    with _folder_locked(path.parent):
        found = _read(path, forgiving=True)
        hosts = found.get("hosts") if isinstance(found, dict) else None
        hosts = {**(hosts if isinstance(hosts, dict) else {}), host: entry}
        outcome = worst([str(each.get("outcome")) for each in hosts.values()])
        document = {"outcome": outcome, "verb": verb, "hosts": hosts}
        _write(path, document)
    return document


def merge_drift(path: Path, host: str, entry: Document) -> Document:
    """Add one host to drift.json and return the file's content; other hosts may do so at the same time."""
    path = path.expanduser().absolute()
    _make_private(path.parent)
    with _folder_locked(path.parent):
        found = _read(path, forgiving=True)
        document = merged(found if isinstance(found, dict) else {}, host, entry, utc_now())
        _write(path, document)
    return document


def write_report(folder: Path, files: dict[str, str]) -> None:
    """Write the files of a report into a folder, each whole or not at all."""
    _make_private(folder)
    for name, text in files.items():
        _put(folder / name, text.encode(), os.replace)


def summary_file(path: Path) -> Document:
    """A JSON object that another program wrote (a traffic generator's summary). Raises Failure."""
    document = _read(path.expanduser())
    if document is None:
        raise Failure(f"There is no file {path}. Give the traffic summary's path, or leave it out.", reason="no_file")
    if not isinstance(document, dict):
        raise _untrusted(path, ["it is not a JSON object"])
    return document


def _make_private(folder: Path) -> None:
    """Make a folder and what is missing above it, for the owner only: ``mkdir(parents=True)`` opens the upper ones."""
    try:
        for each in reversed([folder, *folder.parents]):
            if not each.exists():
                each.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        problem = os.strerror(error.errno or 0)
        raise Failure(f"{folder} cannot be made: {problem}. Name another folder.", reason="store_unwritable") from None


@contextmanager
def _folder_locked(folder: Path) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _accepted(path: Path, document: Any, shape: Document) -> Document:
    accepted, wrong = read_back(document, shape)
    if wrong:
        raise _untrusted(path, wrong)
    return accepted


def _untrusted(path: Path, wrong: list[str]) -> Failure:
    return Failure(
        f"{path} is not used: {'; '.join(wrong)}. Restore it from a backup, or move it away to do without it.",
        reason="untrusted_document",
    )


def _read(path: Path, forgiving: bool = False) -> Any:
    """A JSON document, or None when there is no such file. Links are not followed. Raises Failure."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Failure(f"{path} cannot be read: {os.strerror(error.errno or 0)}.", reason="store_unreadable") from None
    with os.fdopen(handle, "rb") as file:
        data = file.read(SIZE_LIMIT + 1)
    try:
        if len(data) > SIZE_LIMIT:
            raise _untrusted(path, [f"it is larger than {SIZE_LIMIT // 1024} KB"])
        return json.loads(data)
    except (ValueError, RecursionError):
        if forgiving:
            return None
        raise _untrusted(path, ["it is not JSON"]) from None


def _write(path: Path, document: Document, create: bool = False) -> None:
    """Write one document; raises Failure when ``create`` finds one there, or the disk does not take it."""
    data = json.dumps(document, indent=1).encode() + b"\n"
    if len(data) > SIZE_LIMIT:
        raise Failure(f"{path.name} would be larger than {SIZE_LIMIT // 1024} KB.", reason="too_large")
    place: Callable[[str, Path], None] = os.link if create else os.replace
    try:
        try:
            _put(path, data, place)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            (path.parents[path.parent.name == "releases"] / ".reserve").unlink(missing_ok=True)
            _put(path, data, place)
    except FileExistsError:
        raise Failure(
            f"{path} was written by another run at the same time. Wait until it has ended, then run again.",
            reason="held",
        ) from None
    except OSError as error:
        raise Failure(
            f"{path} cannot be written: {os.strerror(error.errno or 0)}. Nothing more is changed.",
            reason="store_unwritable",
        ) from None


def _put(path: Path, data: bytes, place: Callable[[str, Path], None]) -> None:
    """Write beside, sync, put in place, sync the folder. mkstemp makes the file readable to its owner only."""
    handle, beside = tempfile.mkstemp(prefix=TEMPORARY, dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        place(beside, path)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(beside)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
