# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The release store of a service, wherever it is: what runs may ask of it, and how they change it together."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from ansible_collections.steady.ecs.plugins.module_utils.edges import store_files, store_s3, waits
from ansible_collections.steady.ecs.plugins.module_utils.edges.documents import Conflict, Records
from ansible_collections.steady.ecs.plugins.module_utils.rules.records import Document, Identity
from ansible_collections.steady.ecs.plugins.module_utils.rules.release import HEAD, Write
from ansible_collections.steady.ecs.plugins.module_utils.rules.store_place import bucket, release
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Task

__all__ = ["Conflict", "Records", "Store", "located", "of", "transact", "transact_head"]

ATTEMPTS = 8
PAUSE = 0.1
LONGEST_PAUSE = 2.0
"""Seconds before a decision is made again. The pauses double and vary, so that two runs do not meet again at once."""


class Store(Protocol):
    """The documents of one service, each written only over the version that this instance last read or wrote."""

    identity: Identity
    place: str
    """For people: the folder, or s3://BUCKET/PREFIX/ACCOUNT/REGION/CLUSTER/SERVICE."""
    scope: str
    """For people, who shares history and lock; empty where all do who name the place."""

    @property
    def reports(self) -> Path:
        """The folder on this machine for reports of this service's releases."""

    def head(self) -> Document:
        """The head; a new one when nothing was released yet."""

    def remembered_head(self) -> Document | None:
        """The head as this instance last read or wrote it; None when it has not, or another run wrote it since."""

    def record(self, seq: int) -> Document:
        """One record, as it was written. Raises Failure when it is not there, or cannot be trusted."""

    def records(self) -> Records:
        """All records by number; each is read when it is asked for, as its release runs by now."""

    def apply(self, writes: list[Write]) -> None:
        """Write in order. Raises Conflict at the first document that another run wrote since it was read here."""

    def now(self) -> str:
        """The time in UTC for records. Decisions depend on it in minutes: whether ECS may have forgotten a task
        (rules/one_off.forgotten), and whether an interrupted verb is gone on with (rules/verbs.is_recent)."""

    def in_handler(self, act: Callable[[], object]) -> bool:
        """Call ``act`` from a signal handler: soon over, one attempt, no exception. Whether it answered something."""


# pylint: disable-next=using-generic-type-syntax-in-unsupported-version  # Python 3.12
def transact[T](
    store: Store, decide: Callable[[Document, Records], tuple[list[Write], T]], attempts: int = ATTEMPTS
) -> T:
    """Read head and records, let ``decide`` say what to write, write it; read and decide again when another run wrote.

    Returns the second thing that ``decide`` answers. Raises Conflict after so many attempts, and what ``decide``
    raises at once.
    """
    return _settled(store, lambda: decide(store.head(), store.records()), attempts)


# pylint: disable-next=using-generic-type-syntax-in-unsupported-version  # Python 3.12
def transact_head[T](store: Store, decide: Callable[[Document], tuple[list[Write], T]], attempts: int = ATTEMPTS) -> T:
    """As :func:`transact` for what the head alone decides, such as a lease.

    The head that the store remembers is tried first, without reading it again. That is safe where the head is what is
    written first: this fails when another run wrote it since. Nothing else is concluded from what is remembered.
    """
    remembered = store.remembered_head()
    if remembered is not None:
        with suppress(Conflict, _Stale):
            return _on_remembered(store, decide, remembered)
    return _settled(store, lambda: decide(store.head()), attempts)


class _Stale(Exception):
    """What is remembered decides nothing here."""


# pylint: disable-next=using-generic-type-syntax-in-unsupported-version  # Python 3.12
def _on_remembered[T](store: Store, decide: Callable[[Document], tuple[list[Write], T]], head: Document) -> T:
    try:
        writes, answer = decide(head)
    except Failure:
        raise _Stale from None
    if not writes or writes[0].how != HEAD:
        raise _Stale
    store.apply(writes)
    return answer


# pylint: disable-next=using-generic-type-syntax-in-unsupported-version  # Python 3.12
def _settled[T](store: Store, decide: Callable[[], tuple[list[Write], T]], attempts: int) -> T:
    for attempt in range(attempts):
        writes, answer = decide()
        try:
            store.apply(writes)
            return answer
        except Conflict:
            if attempt + 1 == attempts:
                raise
            waits.clock.sleep(random.uniform(0.5, 1) * min(PAUSE * 2**attempt, LONGEST_PAUSE))
    raise ValueError(f"attempts is {attempts}, and must be at least 1")


def of(task: Task) -> Store:
    """The store of the service that a task names. Touches neither file nor network."""
    params = task.params
    if not params.get("region"):
        raise Failure("No Region is known. Declare service_region, or set AWS_REGION.", reason="no_region")
    identity = Identity(params["account"], params["region"], params["cluster"], params["service"])
    return _at(task, params.get("store"), identity)


def located(task: Task, place: str) -> tuple[Store, int | None]:
    """The store and number of ``STORE/ACCOUNT/REGION/CLUSTER/SERVICE/releases/41``: another service's release. Without
    ``/releases/41`` there is no number: its last one is meant."""
    store, identity, seq = release(place)
    return _at(task, store, identity), seq


def _at(task: Task, named: str | None, identity: Identity) -> Store:
    place = bucket(named)
    if place is not None:
        return store_s3.S3Store(task, place, identity)
    # Check mode writes nothing, so a folder that does not outlive the job is no danger.
    environment = {name: value for name, value in os.environ.items() if name != "CI" or not task.check_mode}
    return store_files.FileStore(store_files.root(named, environment), identity)
