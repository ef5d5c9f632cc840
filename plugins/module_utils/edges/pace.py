# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keeps the calls of all our processes on this machine within a share of AWS's limits; see ``rules/rates.py``.

Each task of Ansible is a process of its own, so the buckets stand in files, sixteen bytes each, under ``flock``. Where
no private folder can be had, each process keeps its own.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import stat
import tempfile
from collections.abc import Callable
from urllib.parse import urlsplit

from ansible_collections.steady.ecs.plugins.module_utils.edges import waits
from ansible_collections.steady.ecs.plugins.module_utils.rules import addresses, rates

SHARE = "STEADY_ECS_AWS_SHARE"
ACCOUNT = "STEADY_ECS_ACCOUNT"
"""Environment variables by which whoever runs a module says how much of the limits it may use, and whose they are."""
LONGEST = 3600.0
"""Seconds from now at which a bucket may be full again; more is left from another boot of the machine."""
SLICE = 5.0
"""Seconds of a wait after which whoever waits is told."""
NOTABLE = 2.0
"""Seconds from which a wait is worth a word."""

_own: dict[str, rates.State] = {}


def of(account: str | None, region: str, endpoint: str) -> Pace | None:
    """The buckets that a client's calls count in; None where there are none to keep.

    ``account``: what tells the account from others, where it was not declared.
    """
    percent = share(endpoint)
    return None if percent is None else Pace(os.environ.get(ACCOUNT) or account or "", region, endpoint, percent)


def share(endpoint: str) -> int | None:
    """Percent of AWS's limits that we use; None where there are no limits: an endpoint on loopback is an emulator,
    which has none unless a share is asked for."""
    text = os.environ.get(SHARE, "")
    if text.isdecimal():
        return rates.within(int(text))
    return None if addresses.is_loopback(urlsplit(endpoint).hostname or "") else rates.SHARE


class Pace:
    """The buckets of one account and Region."""

    def __init__(self, account: str, region: str, endpoint: str, percent: int) -> None:
        """``account``: its id, or whatever else tells it from others. An ``endpoint`` has buckets of its own."""
        self._place = hashlib.sha256(f"{account}\n{region}\n{endpoint}".encode()).hexdigest()[:16]
        self._share = percent

    def wait(self, service: str, operation: str, meanwhile: Callable[[str, float], None]) -> None:
        """Return when the call may be sent. A wait calls ``meanwhile(bucket, seconds left)`` now and then."""
        for each in rates.rules(service, operation):
            moment = self._turn(each)
            while (left := moment - waits.clock.now()) > 0:
                meanwhile(each.name, left)
                waits.clock.sleep(min(left, SLICE))

    def throttled(self, service: str, operation: str) -> None:
        """AWS turned a call away: someone else uses the rest of the limit, so take less for a while."""
        for each in rates.rules(service, operation):
            self._slow_down(each)

    def _turn(self, rule: rates.Rule) -> float:
        limit, now = rates.ours(rule.limit, self._share), waits.clock.now()
        return self._change(rule, lambda state: rates.taken(state, limit, now))

    def _slow_down(self, rule: rates.Rule) -> None:
        limit, now = rates.ours(rule.limit, self._share), waits.clock.now()
        self._change(rule, lambda state: (rates.throttled(state, limit, now), now))

    def _change(self, rule: rates.Rule, change: Callable[[rates.State], tuple[rates.State, float]]) -> float:
        """Change one bucket, alone; answer what ``change`` answers."""
        name = f"{self._place}.{rule.service}.{rule.name}"
        try:
            return _change_shared(name, change)
        except OSError:
            _own[name], answer = change(_own.get(name, rates.State()))
            return answer


def _change_shared(name: str, change: Callable[[rates.State], tuple[rates.State, float]]) -> float:
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    with open(os.open(os.path.join(folder(), name), flags, 0o600), "r+b", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        state = rates.State.unpacked(file.read(rates.State.FORM.size), waits.clock.now(), LONGEST)
        state, answer = change(state)
        file.seek(0)
        file.write(state.packed())
    return answer


def folder() -> str:
    """A folder that is ours alone. Raises OSError where there is none: buckets are then kept by process."""
    base = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    name = "steady-ecs"
    if not (os.path.isdir(base) and os.access(base, os.W_OK)):
        base, name = tempfile.gettempdir(), f"steady-ecs-{os.getuid()}"
    path = os.path.join(base, name)
    with contextlib.suppress(FileExistsError):
        os.mkdir(path, 0o700)
    found = os.lstat(path)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise PermissionError(f"{path} is not a folder of ours alone")
    return path
