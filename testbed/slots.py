"""Which loopback addresses a bed takes, and the record of the one that runs (STATE/bed.json).

Slot 0 is 127.0.0.1 with the network 127.20, slot n is 127.(20+n).0.1 with 127.(20+n): all on port 4566, as LocalStack.
Two beds never share a slot, for only one can listen on its address.
"""

import contextlib
import errno
import fcntl
import json
import os
import select
import shutil
import signal
import socket
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

PORT = 4566
COUNT = 100
REGION = "us-east-1"
ACCOUNT = "000000000000"  # LocalStack's


class NoSlot(Exception):
    """Every slot is taken; the text says so in one sentence."""


@dataclass(frozen=True)
class Slot:
    number: int

    @property
    def net(self) -> str:
        return f"127.{20 + self.number}"

    @property
    def address(self) -> str:
        return f"{self.net}.0.1" if self.number else "127.0.0.1"

    @property
    def endpoint(self) -> str:
        return f"http://{self.address}:{PORT}"


def take_slot() -> tuple[Slot, socket.socket]:
    """The first free slot and the socket that listens there. Raises NoSlot."""
    for slot in map(Slot, range(COUNT)):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((slot.address, PORT))
            listener.listen(1024)
        except OSError as e:
            listener.close()
            if e.errno != errno.EADDRINUSE:
                raise
        else:
            return slot, listener
    raise NoSlot(f"no free slot: something listens on port {PORT} of all loopback addresses from 127.0.0.1 on")


def start_ticks(pid: int) -> int | None:
    """When a process started, in clock ticks since boot; None when it has ended (a zombie has too)."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rsplit(")", 1)[1].split()  # proc_pid_stat(5): the state is field 3, starttime field 22
    return None if fields[0] in "ZX" else int(fields[19])


@dataclass
class Record:
    """STATE/bed.json. `started` tells the bed from another process that got its number later."""

    state: Path
    endpoint: str
    pid: int
    started: int
    net: str
    scale: float
    engine: str
    region: str = REGION
    account: str = ACCOUNT
    url: str | None = None
    slot: int = field(default=0)

    @classmethod
    def read(cls, state: Path) -> "Record | None":
        """The record of this state folder, whether or not its bed still runs."""
        try:
            return cls(state=state, **json.loads((state / "bed.json").read_text()))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError):  # cut off half-way, or from another version: nobody can run by it
            return None

    def view(self) -> dict[str, Any]:
        return {k: v for k, v in asdict(self).items() if k != "state"}

    def write(self) -> None:
        """At once: a reader sees the old record or the new one."""
        draft = self.state / f"bed.json.{os.getpid()}"
        draft.write_text(json.dumps(self.view(), indent=2) + "\n")
        draft.replace(self.state / "bed.json")

    def is_written(self) -> bool:
        return (self.state / "bed.json").exists()

    def running(self) -> bool:
        return start_ticks(self.pid) == self.started

    def end(self, patience: float) -> None:
        """SIGTERM, after `patience` seconds SIGKILL; returns when the process is gone."""
        try:
            handle = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return
        try:
            if not self.running():  # looked at after the handle was made: the number cannot change hands any more
                return
            for number, seconds in ((signal.SIGTERM, patience), (signal.SIGKILL, 10.0)):
                signal.pidfd_send_signal(handle, number)
                if select.select([handle], [], [], seconds)[0]:
                    return
        except ProcessLookupError:
            pass
        finally:
            os.close(handle)


def folder(state: Path) -> Path:
    """Where a bed keeps its files: logs and what its tasks share."""
    return state / "bed"


def remove_files(state: Path) -> None:
    for path in (*state.glob("bed.json.*"), state / "bed.json"):
        path.unlink(missing_ok=True)
    shutil.rmtree(folder(state), ignore_errors=True)


@contextlib.contextmanager
def alone(state: Path) -> Iterator[None]:
    """One start or stop of a state folder at a time; the lock is the folder itself and leaves no file."""
    state.mkdir(parents=True, exist_ok=True)
    handle = os.open(state, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
