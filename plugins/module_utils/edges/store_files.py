# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The release store in a folder: ``STORE/ACCOUNT/REGION/CLUSTER/SERVICE/{head.json,releases/00000042.json}``.

``flock`` on the service's folder guards the comparison and the writing of one :meth:`FileStore.apply`, never a whole
run, for each Ansible task may be a process of its own. History and lock are this machine's.
"""

from __future__ import annotations

import datetime
import errno
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ansible_collections.steady.ecs.plugins.module_utils.edges import files
from ansible_collections.steady.ecs.plugins.module_utils.edges.documents import (
    RECORD_NAME,
    UNLUCKY,
    Changed,
    Documents,
    Found,
)
from ansible_collections.steady.ecs.plugins.module_utils.rules.records import SIZE_LIMIT, Identity
from ansible_collections.steady.ecs.plugins.module_utils.rules.release import CREATE, HEAD, Write
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure

RESERVE = 64 * 1024
"""Bytes kept while a release is open and freed when the disk is full, so that the closing write has room."""
FULL = {errno.ENOSPC, errno.EDQUOT}


def utc_now() -> str:
    """The time in UTC as records carry it: ISO 8601 with seconds and a Z. No decision depends on it."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def root(named: str | None, environment: Mapping[str, str]) -> Path:
    """The store's folder: the named one, else ``${XDG_STATE_HOME:-~/.local/state}/steady``. Raises Failure."""
    if named:
        return _at_home(named).absolute()
    if environment.get("CI", "").lower() in ("true", "1", "yes"):
        raise Failure(
            "CI is set, and the default folder of a build machine does not outlive its job: the next run would know "
            "no release to go back to. Set release_store to s3://BUCKET/PREFIX, or to a folder that does outlive it.",
            reason="store_not_named",
        )
    state = environment.get("XDG_STATE_HOME", "")
    # The XDG Base Directory Specification: a relative path is invalid and must be ignored.
    return (Path(state) if state.startswith("/") else _at_home("~/.local/state")) / "steady"


def _at_home(named: str) -> Path:
    """A path with its ``~`` replaced, for which some containers' users have nothing. Raises Failure."""
    try:
        return Path(named).expanduser()
    except RuntimeError as wrong:
        raise Failure(
            f"The release store {named} has no place: {wrong} Set release_store to s3://BUCKET/PREFIX, or to the whole "
            "path of a folder.",
            reason="store_not_named",
        ) from None


class FileStore(Documents):
    """The documents of one service in a folder. Made without touching the disk; only writing makes folders."""

    REPAIR = "Restore it from a backup, or move it away to do without it."
    scope = "its history and its lock are this machine's"

    def __init__(self, folder: Path, identity: Identity) -> None:
        """``folder`` is the store's root. Raises Failure when a link leads out of it."""
        top = folder.resolve()
        self.folder = top.joinpath(*identity.as_dict().values())
        super().__init__(identity, str(self.folder))
        for place in (self.folder, self.folder / "releases", self.reports):
            if not place.resolve().is_relative_to(top):
                raise Failure(
                    f"{place} leads out of the release store {top} through a symbolic link. Remove the link.",
                    reason="store_escapes",
                )

    @property
    def reports(self) -> Path:
        """The folder for reports of this service's releases."""
        return self.folder / "reports"

    def now(self) -> str:
        """This machine's time."""
        return utc_now()

    def fetch(self, name: str) -> Found | None:
        """A file's bytes; their version is a digest of them, so that an edit by hand is a change too."""
        data = files.read(self.folder / name, SIZE_LIMIT + 1)
        return None if data is None else Found(data, hashlib.sha256(data).hexdigest())

    def put(self, name: str, data: bytes, version: str | None) -> str:
        """Compare, then write. The caller holds the lock."""
        path, found = self.folder / name, self.fetch(name)
        if (found and found.version) != version:
            raise Changed
        with files.told(path, "written"):
            try:
                files.put(path, data, os.link if version is None else os.replace)
            except OSError as error:
                if error.errno not in FULL:
                    raise
                self._reserve.unlink(missing_ok=True)
                files.put(path, data, os.link if version is None else os.replace)
        return hashlib.sha256(data).hexdigest()

    def numbers(self) -> list[int]:
        """The numbers of the files in ``releases``."""
        names = [f"releases/{path.name}" for path in (self.folder / "releases").glob("*.json")]
        return [int(found[1]) for found in map(RECORD_NAME.fullmatch, names) if found]

    def apply(self, writes: list[Write]) -> None:
        """As every store, under the lock. The reserve is made before a release is opened and goes when it is closed."""
        if not writes:
            return
        with self._locked():
            opened = [each.document["open"] is not None for each in writes if each.how == HEAD]
            if True in opened and any(each.how == CREATE for each in writes):
                with files.told(self._reserve, "written"):
                    files.put(self._reserve, b"\0" * RESERVE)
            super().apply(writes)
            if opened and not opened[-1]:
                with files.told(self._reserve, "written"):
                    self._reserve.unlink(missing_ok=True)

    def in_handler(self, act: Callable[[], object]) -> bool:
        """A file is written in no time, and :func:`files.locked` does not wait for what the handler interrupted."""
        try:
            return bool(act())
        except UNLUCKY:
            return False

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep other processes out of this service's documents; make the folders and sweep stale files."""
        files.make_private(self.folder / "releases")
        with files.locked(self.folder):
            for each in (self.folder, self.folder / "releases"):
                files.sweep(each)
            yield

    @property
    def _reserve(self) -> Path:
        return self.folder / ".reserve"
