"""What is the world's and not the machine's in a plan: time, signals, threads; and what is left out, for it decides
nothing."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import threading
import types
from collections.abc import Callable, Iterator
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils import work
from ansible_collections.steady.ecs.plugins.module_utils.edges import documents, result_files, store_s3, stores, waits
from ansible_collections.steady.ecs.plugins.module_utils.rules import report_markdown
from ansible_collections.steady.ecs.plugins.module_utils.work import Task

from tests.faults.model.ecs import Answer
from tests.faults.model.wire import current


class Clock:
    """In the place of ``waits.clock``."""

    def now(self) -> float:
        return current().cloud.seconds

    def sleep(self, seconds: float) -> None:
        current().pause(seconds)


class _Shield(threading.local):
    """In the place of work._shield: each deployer is a thread here, and a process in life."""

    depth = 0
    waiting: signal.Signals | None = None


class _Os:
    """In the place of ``os`` in work.py: a signal that was put off arrives in this world."""

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def kill(self, _process: int, number: signal.Signals) -> None:
        current().signal(signal.Signals(number).name)


class _AtOnce:
    """In the place of the thread of a signal handler: nothing else runs in a process that dies."""

    def __init__(self, target: Callable[[], None], daemon: bool) -> None:
        self.start = target

    def join(self, _seconds: float) -> None:
        """It is over already."""


_trusted: set[Any] = set()
_SAID = {"kind", "state", "mode", "schema"}
"""Members whose values are checked, not their types alone."""


def skeleton(value: Any, name: str = "") -> Any:
    """The types of a document, and the values of what is chosen from a list."""
    if isinstance(value, dict):
        return tuple((key, skeleton(item, key)) for key, item in value.items())
    if isinstance(value, list):
        return frozenset(skeleton(item) for item in value)
    return (type(value), value) if name in _SAID else type(value)


def remembered(read_back: Callable[[Any, Answer], Any]) -> Callable[[Any, Answer], Any]:
    """The same check once for documents of the same form: it would be the slowest part of a sweep."""

    def found(document: Any, shape: Answer) -> Any:
        form = (len(shape), skeleton(document))
        if form in _trusted:
            return pickle.loads(pickle.dumps(document, pickle.HIGHEST_PROTOCOL)), []  # noqa: S301 our own bytes
        accepted, wrong = read_back(document, shape)
        if not wrong and accepted == document:
            _trusted.add(form)
        return accepted, wrong

    return found


@contextlib.contextmanager
def installed(counted: Callable[[Any], Any]) -> Iterator[None]:
    """The product runs in this world, not on this machine: time and signals are the world's.

    ``counted``: what makes the calls of a store in a folder be seen; one in the bucket is seen on the wire.
    """
    store_of = stores.of

    def of(task: Task) -> Any:
        return counted(store_of(task)) if current().cloud.files else store_of(task)

    changes: list[tuple[Any, str, Any]] = [
        (documents, "read_back", remembered(documents.read_back)),
        (report_markdown, "markdown", lambda _report: "not laid out: a report decides nothing"),
        (result_files, "write_report", lambda _folder, _files: None),
        (stores, "of", of),
        (waits, "clock", Clock()),
        (work, "interruptible", lambda _task: contextlib.nullcontext()),
        (work, "_shield", _Shield()),
        (work, "os", _Os()),
        (store_s3, "threading", types.SimpleNamespace(Thread=_AtOnce)),
    ]
    before = [(place, name, getattr(place, name)) for place, name, _new in changes]
    for place, name, new in changes:
        setattr(place, name, new)
    try:
        yield
    finally:
        for place, name, old in before:
            setattr(place, name, old)
