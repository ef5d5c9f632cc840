# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What every release store does with documents, wherever it keeps them.

A store remembers the version of each document that it last read or wrote, and writes only over that version. So two
runs never overwrite one another: the later of the two is told (:class:`Conflict`), reads again and decides again.
"""

from __future__ import annotations

import json
import math
import re
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules.records import (
    FINAL,
    HEAD,
    RECORD,
    SIZE_LIMIT,
    UNTRUSTED,
    Document,
    Identity,
    misnumbered,
    new_head,
    read_back,
    strangers,
)
from ansible_collections.steady.ecs.plugins.module_utils.rules.release import CREATE, Write, as_it_runs
from ansible_collections.steady.ecs.plugins.module_utils.rules.release import HEAD as HEAD_WRITE
from ansible_collections.steady.ecs.plugins.module_utils.rules.states import unreadable
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure

HEAD_NAME = "head.json"
LONGEST_NUMBER = 18
"""Digits of a whole number, which whoever computes with it may do in floating point too."""
RECORD_NAME = re.compile(r"releases/([0-9]{8,12})\.json")
UNLUCKY = (Failure, OSError, LookupError, TypeError, ValueError, RuntimeError)
"""What a signal handler's write may end with; the next run finds out by itself what was not noted."""


class Conflict(Failure):
    """Another run wrote a document since this one read it. Nothing was written over it."""

    def __init__(self, place: str) -> None:
        super().__init__(
            f"{place} was written by another run since this one read it. Wait until that run has ended, then run "
            "again.",
            reason="store_conflict",
        )


class Missing(Failure, KeyError):
    """A record that the head or another record names is not there: somebody, or a lifecycle rule, has deleted it."""

    def __init__(self, place: str, seq: int) -> None:
        super().__init__(
            f"{place}/{record_name(seq)} is not there, and the head or another record names it: somebody has deleted "
            "it, or a lifecycle rule of the bucket has. Bring it back from a backup (of a versioned bucket: delete its "
            f"delete marker). Without it, move all of {place} away: the next deployment begins a history of its own.",
            reason="no_such_release",
        )


class Changed(Exception):
    """The document is not the version that was to be written over."""


@dataclass(frozen=True)
class Found:
    """The bytes of a document, and the store's name for exactly these."""

    data: bytes
    version: str


def record_name(seq: int) -> str:
    """``releases/00000042.json``: known without a listing, and in order when listed."""
    return f"releases/{seq:08d}.json"


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number")


def _countable(text: str) -> int:
    return int(text) if len(text) <= LONGEST_NUMBER else int(_no_number("what is so long"))


def _finite(text: str) -> float:
    found = float(text)
    return found if math.isfinite(found) else _no_number(text)  # 1e999


class Records(Mapping[int, Document]):
    """All records of a service by sequence number, ascending, each as its release runs by now
    (:func:`release.as_it_runs`). One is read when it is asked for, and only once.

    So a deployment reads the few records that its decision needs, however long the history is. Whoever iterates over
    the values reads them all. What cannot be trusted raises Failure when it is reached, and what is not there Missing,
    which is a KeyError to a mapping.
    """

    def __init__(self, read: Callable[[int], Document | None], numbers: Callable[[], list[int]], place: str) -> None:
        self._read, self._list, self._place = read, numbers, place
        self._numbers: list[int] | None = None
        self._documents: dict[int, Document | None] = {}

    def __getitem__(self, seq: int) -> Document:
        if not isinstance(seq, int):
            raise KeyError(seq)
        document = self.written(seq)
        if document is None:
            raise Missing(self._place, seq)
        return as_it_runs(document, self._later(seq))

    def written(self, seq: int) -> Document | None:
        """One record as it was written; None when it is not there."""
        if seq not in self._documents:
            self._documents[seq] = self._read(seq)
        return self._documents[seq]

    def _later(self, seq: int) -> Iterator[Document]:
        numbers = list(self)
        found = (self.written(number) for number in numbers[bisect_right(numbers, seq) :])
        return (each for each in found if each is not None)

    def __iter__(self) -> Iterator[int]:
        if self._numbers is None:
            self._numbers = sorted(self._list())
        return iter(self._numbers)

    def __len__(self) -> int:
        return sum(1 for _number in self)


class Documents(ABC):
    """The documents of one service; a subclass knows how to keep bytes."""

    REPAIR = ""
    """What to do about a document that cannot be trusted."""
    scope = ""
    """For people, who shares history and lock; empty where all do who name the place."""

    def __init__(self, identity: Identity, place: str) -> None:
        """Raises Failure when a name is none: it would lead out of the store."""
        problem = identity.problem()
        if problem:
            raise Failure(f"No place in the release store: {problem}. Correct it in the inventory.", reason="bad_name")
        self.identity, self.place = identity, place
        self._versions: dict[str, str | None] = {}
        self._head: Document | None = None
        self._final: dict[int, Document] = {}

    @abstractmethod
    def fetch(self, name: str) -> Found | None:
        """The bytes of a document, at most ``SIZE_LIMIT + 1`` of them; None when there is none. Raises Failure."""

    @abstractmethod
    def put(self, name: str, data: bytes, version: str | None) -> str:
        """Write over this version only (None: only where nothing is); the new version. Raises Changed, Failure."""

    @abstractmethod
    def numbers(self) -> list[int]:
        """The sequence numbers of all records."""

    @abstractmethod
    def now(self) -> str:
        """The time in UTC for records, such as 2025-11-27T10:00:00Z. One decision depends on it, in minutes: whether
        ECS may have forgotten a task (rules/one_off.forgotten)."""

    @abstractmethod
    def in_handler(self, act: Callable[[], object]) -> bool:
        """Call ``act`` from a signal handler: soon over, one attempt, no exception. Whether it answered something."""

    def head(self) -> Document:
        """The head; a new one when nothing was released yet."""
        found = self._read(HEAD_NAME, HEAD)
        wrong = misnumbered(found) if found else []
        if wrong:
            raise self._untrusted(HEAD_NAME, wrong)
        self._head = new_head() if found is None else found
        return self._head

    def remembered_head(self) -> Document | None:
        """The head as this instance last read or wrote it; None when it has not, or another run wrote it since."""
        return self._head

    def record(self, seq: int) -> Document:
        """One record, as it was written. Raises Failure when it is not there, or cannot be trusted."""
        record = self._record(seq)
        if record is None:
            raise Failure(f"Release {seq} is not on record in {self.place}.", reason="no_such_release")
        return record

    def records(self) -> Records:
        """All records, each read when it is asked for, as its release runs by now."""
        return Records(self._record, self.numbers, self.place)

    def apply(self, writes: list[Write]) -> None:
        """Write documents in their order, each only over the version that this store last read or wrote.

        Raises Conflict at the first that another run wrote since; those before it are written. A document that was
        never read cannot be replaced (KeyError).
        """
        for each in writes:
            name = HEAD_NAME if each.how == HEAD_WRITE else record_name(each.document["seq"])
            version = None if each.how == CREATE else self._versions[name]
            if each.how == HEAD_WRITE:
                self._head = None  # until it is known what became of the write
            try:
                self._versions[name] = self.put(name, self._encoded(name, each.document), version)
            except Changed:
                self._versions.pop(name, None)
                raise Conflict(f"{self.place}/{name}") from None
            if each.how == HEAD_WRITE:
                self._head = each.document

    def _record(self, seq: int) -> Document | None:
        """A record as it is in the store; a final one never changes, so it is read once."""
        if seq in self._final:
            return self._final[seq]
        record = self._read(record_name(seq), RECORD)
        if record is None:
            return None
        wrong = strangers(record, self.identity, seq) or unreadable(record)
        if wrong:
            raise self._untrusted(record_name(seq), wrong)
        if record["state"] in FINAL:
            self._final[seq] = record
        return record

    def _read(self, name: str, shape: Document) -> Document | None:
        found = self.fetch(name)
        self._versions[name] = None if found is None else found.version
        if found is None:
            return None
        if len(found.data) > SIZE_LIMIT:
            raise self._untrusted(name, [f"it is larger than {SIZE_LIMIT // 1024} KB"])
        try:
            document: Any = json.loads(found.data, parse_constant=_no_number, parse_float=_finite, parse_int=_countable)
        except (ValueError, RecursionError):
            raise self._untrusted(name, ["it is not JSON"]) from None
        accepted, wrong = read_back(document, shape)
        if wrong:
            raise self._untrusted(name, wrong)
        return accepted

    def _encoded(self, name: str, document: Document) -> bytes:
        """The bytes of a document. What could not be read back is not written (TypeError): it would lock out all."""
        _accepted, wrong = read_back(document, HEAD if name == HEAD_NAME else RECORD)
        if wrong:
            raise TypeError(f"{name}: {'; '.join(wrong)}")
        data = json.dumps(document, indent=1, ensure_ascii=False).encode(errors="surrogatepass") + b"\n"
        if len(data) > SIZE_LIMIT:
            raise Failure(
                f"{self.place}/{name} would be larger than {SIZE_LIMIT // 1024} KB. Declare less in one release.",
                reason="too_large",
            )
        return data

    def _untrusted(self, name: str, wrong: list[str]) -> Failure:
        return Failure(f"{self.place}/{name} is not used: {'; '.join(wrong)}. {self.REPAIR}", reason=UNTRUSTED)
