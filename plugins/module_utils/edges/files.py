# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files of our own on this machine: private, whole or not there at all, and locked for the length of one write.

Whoever is killed at any moment leaves readable files: each is written beside its place, synced, then linked (create)
or renamed (replace).
"""

from __future__ import annotations

import fcntl
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ansible_collections.steady.ecs.plugins.module_utils.work import Failure

TEMPORARY = ".tmp-"

_held: set[tuple[int, str]] = set()
"""Thread and folder of each lock that this process holds."""


@contextmanager
def told(path: Path, doing: str) -> Iterator[None]:
    """Turn the system's refusals into a :class:`Failure`; ``doing`` is ``read``, ``written`` or ``made``."""
    try:
        yield
    except OSError as error:
        reason = "store_unreadable" if doing == "read" else "store_unwritable"
        remedy = {
            "read": "Let the user who runs this read it, or name another folder.",
            "written": "Nothing more is changed. Make room, or let the user who runs this write there; then run again.",
            "made": "Let the user who runs this write there, or name another folder.",
        }[doing]
        raise Failure(f"{path} cannot be {doing}: {os.strerror(error.errno or 0)}. {remedy}", reason=reason) from None


def make_private(folder: Path) -> None:
    """Make a folder and what is missing above it, for the owner only: ``mkdir(parents=True)`` opens the upper ones."""
    with told(folder, "made"):
        for each in reversed([folder, *folder.parents]):
            if not each.exists():
                each.mkdir(mode=0o700, exist_ok=True)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes and threads out of a folder's files.

    A signal handler may come here while the code that it interrupted holds the lock. That code goes on only when the
    handler has ended, so the handler need not wait for it, and must not.
    """
    mine = (threading.get_ident(), str(folder))
    if mine in _held:
        yield
        return
    with told(folder, "written"):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        _held.add(mine)
        yield
    finally:
        _held.discard(mine)
        os.close(handle)


def read(path: Path, limit: int) -> bytes | None:
    """At most ``limit`` bytes of a file, or None when there is none. Links are not followed, and no pipe is waited for.

    Raises Failure.
    """
    with told(path, "read"):
        try:
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            return None
        with os.fdopen(handle, "rb") as file:
            return file.read(limit)


def put(path: Path, data: bytes, place: Callable[[str, Path], None] = os.replace) -> None:
    """Write beside, sync, put in place, sync the folder. mkstemp makes the file readable to its owner only.

    ``place`` is ``os.link`` where nothing may be yet. Raises OSError.
    """
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


def sweep(folder: Path) -> None:
    """Remove what a killed writer left beside its file. The caller holds the lock of the folder."""
    for stale in folder.glob(f"{TEMPORARY}*"):
        with told(stale, "written"):
            stale.unlink(missing_ok=True)
