# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Take, renew and give back the lease of a service; every verb that writes works under it.

Each Ansible task may be a process of its own, so the claim of a run is the lease in the head, by the run's nonce: each
task renews it by compare-and-swap when it starts (:func:`of`) and while it waits, and leaves it with the time that a
foreign task in between may take.
"""

from __future__ import annotations

import dataclasses
import math
import platform
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import live, reads, stores, waits
from ansible_collections.steady.ecs.plugins.module_utils.edges.aws import may_be_another
from ansible_collections.steady.ecs.plugins.module_utils.rules import lease, operation, unlocking
from ansible_collections.steady.ecs.plugins.module_utils.rules.checks import sentence
from ansible_collections.steady.ecs.plugins.module_utils.rules.outcome import shortened
from ansible_collections.steady.ecs.plugins.module_utils.rules.records import Document
from ansible_collections.steady.ecs.plugins.module_utils.rules.release import (
    HEAD,
    REPLACE,
    Records,
    Request,
    Write,
    closing,
    interrupted,
    step,
)
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Task, TooLate, shielded

OPTIONS: dict[str, Any] = {
    "lease_seconds": {"type": "int", "default": lease.TTL},
    "lease_wait": {"type": "int"},
}
"""The options of every module that takes the lease."""

RELEASE_OPTION: dict[str, Any] = {"release": {"type": "dict", "default": {}}}
"""The option of every module that writes within a release: ``release`` of the module release's answer."""

NOTHING_OPENED: Document = {"nothing_opened": True}
"""What the option ``release`` is where a run found nothing to release, so that it has neither lease nor record."""


class NothingOpened:
    """In the place of a lease: what differs now and did not differ a moment ago is another run's work, or somebody's by
    hand, and settling it would be a change without record in the midst of theirs."""

    ttl = lease.TTL

    def in_time(self) -> None:
        """Raise Failure ``overtaken``."""
        raise Failure(
            "Nothing differed when this run began, so it opened no release; now something does: somebody changes the "
            "service at this moment. Nothing was changed by this run. Run the same command again.",
            reason="overtaken",
        )

    renew = in_time

    def renew_if_due(self) -> None:
        """There is nothing to renew while it only looks."""


@dataclass
class Held:
    """The lease of a run, as one task of it has it."""

    task: Task
    store: stores.Store
    nonce: str
    ttl: int
    seq: int | None = None
    """The release that is worked on; None before one is opened."""
    who: str = ""
    """ARN of the caller, where it was asked."""
    known: Callable[[], Document] = field(default=dict)
    """Steps to note in the record at an interruption, so that the next run knows this one's work."""
    _sent: float = 0.0
    """When the last write of the lease that is known to have worked was sent, on our clock."""

    def taking(self, head: Document, why: str) -> Write:
        """The write that takes the lease, whoever has it."""
        holder = {"who": self.who, "host": platform.node(), "why": why}
        return Write(HEAD, lease.taken(head, self.nonce, self.ttl, holder, self.store.now()))

    def renew(self) -> None:
        """Renew the lease, by compare-and-swap on the head. Raises Failure ``lease_lost`` when another run has it."""
        self.write(lambda head: [])

    def write(self, decide: Callable[[Document], list[Write]]) -> None:
        """Renew the lease, and then write what ``decide`` makes of the head (no head): in this order, for only who
        has the lease may write. Raises Failure ``lease_lost``, or one with the field ``cut_off``: whoever cannot renew
        touches nothing more, and nothing is known to be ill."""

        def renewing(head: Document) -> tuple[list[Write], float]:
            renewed = lease.renewed(head, self.nonce)
            if renewed is None:
                raise self._lost(head)
            return [Write(HEAD, renewed), *decide(renewed)], waits.clock.now()

        with shielded(), _needed():
            self._sent = stores.transact_head(self.store, renewing)

    def renew_if_due(self) -> None:
        """Renew when half of the ttl is over; called at each look of a wait, where nothing but reads happens.

        A renewal that may succeed at the next look is left to it: nothing is written before :meth:`in_time` agrees.
        """
        if waits.clock.now() - self._sent < self.ttl / 2:
            return
        try:
            self.renew()
        except Failure as failure:
            if not waits.passing(failure):
                raise

    def in_time(self) -> None:
        """Raise TooLate unless a call that is sent now ends within the lease. Called while it is being sent: a check
        before the call would leave the whole pause of a stopped process unguarded."""
        if waits.clock.now() + lease.call_limit(self.ttl) > self._sent + self.ttl:
            raise TooLate(
                f"The lease of {self.store.place} ends too soon for this call, which was not sent. Run the same "
                "command again.",
                reason="too_late",
            )

    def note(self, steps: Document) -> None:
        """Note in the open release what was done. Raises Failure: ``lease_lost``, or ``release_closed``."""
        self.change(lambda record, now: step(record, steps, now))

    def change(self, change: Callable[[Document, str], Document]) -> Document:
        """Renew, and write the open release as ``change(record, now)`` makes it; its answer."""
        made: list[Document] = []

        def changing(head: Document) -> list[Write]:
            if self.seq is None:
                raise self._lost(head)
            with _still_open():
                made[:] = [change(self.store.record(self.seq), self.store.now())]
            return [Write(REPLACE, made[0])]

        self.write(changing)
        return made[0]

    # pylint: disable-next=using-generic-type-syntax-in-unsupported-version  # Python 3.12
    def claim[T](self, decide: Callable[[Document, Records], tuple[list[Write], T]]) -> T:
        """Decide on the head and all records, and write, as long as the lease is ours. The writes name the head."""

        def claiming(head: Document, records: Records) -> tuple[list[Write], T]:
            if not lease.holds(head, self.nonce):
                raise self._lost(head)
            return decide(head, records)

        with shielded():
            return stores.transact(self.store, claiming)

    def release(self) -> None:
        """Give the lease back; one that is not ours any more is left alone. Never raises: one that could not be given
        back ends by itself."""
        with shielded():
            self.store.in_handler(lambda: stores.transact_head(self.store, self._giving_back, attempts=2))

    def close(self, outcome: str, result: Callable[[Document, str], Document]) -> Document:
        """Write the last state of the open release, then the head without it and without the lease; the record.

        ``result(record, now)`` as in ``release.closing``. Raises Failure: ``lease_lost``, or ``release_closed``.
        """

        def closing_it(head: Document) -> tuple[list[Write], Document]:
            if self.seq is None or not lease.holds(head, self.nonce):
                raise self._lost(head)
            record, now = self.store.record(self.seq), self.store.now()
            with _still_open():
                writes = closing(head, record, outcome, result(record, now), now)
            return writes, writes[0].document

        with shielded():
            return stores.transact_head(self.store, closing_it)

    def interrupted(self, _signal: str = "") -> None:
        """What a signal does: give the lease back, so that the next run goes on at once, then note the interruption."""
        self.release()
        self.store.in_handler(lambda: stores.transact_head(self.store, self._noting, attempts=1))

    def _giving_back(self, head: Document) -> tuple[list[Write], bool]:
        without = lease.released(head, self.nonce)
        return ([Write(HEAD, without)] if without else []), without is not None

    def _noting(self, head: Document) -> tuple[list[Write], bool]:
        is_foreign = bool(head["lease"]) and not lease.holds(head, self.nonce)
        if self.seq is None or is_foreign:
            return [], False
        noted = interrupted(self.store.record(self.seq), self.known(), self.store.now())
        return ([Write(REPLACE, noted)] if noted else []), noted is not None

    def _lost(self, head: Document) -> Failure:
        found = lease.holder(head)
        return Failure(lease.lost_text(found, self.store.place), reason="lease_lost", holder=found)


@contextmanager
def _needed() -> Iterator[None]:
    """Mark a failure of the store itself."""
    try:
        yield
    except Failure as failure:
        if failure.fields.get("reason") not in ("lease_lost", "release_closed"):
            failure.fields["cut_off"] = True
        raise


@contextmanager
def _still_open() -> Iterator[None]:
    try:
        yield
    except ValueError as problem:
        raise Failure(f"{problem}. Look at it with release_info.", reason="release_closed") from None


def take(task: Task, why: str) -> Held:
    """Take the lease for ``lease_seconds``; wait at most ``lease_wait`` seconds for that of another run: when none are
    given, for as long as that of a dead run takes to run out.

    A foreign lease that nobody renews is taken over after its ttl and one call. Raises Failure ``held`` with
    ``holder`` (who, host, why, since) when the other run is still alive, and ``wrong_account``.
    """
    held = _ours(task)
    store, watch, foreign = held.store, lease.Watch(), dict[str, Document]()

    def taking(head: Document) -> tuple[list[Write], float | None]:
        now = waits.clock.now()
        if not watch.is_over(head, now):
            foreign["holder"] = lease.holder(head) or {}
            return [], None
        return [held.taking(head, why)], now

    given = task.params["lease_wait"]
    limit = lease.WAIT if given is None else given

    def look(elapsed: float) -> float | None:
        waits_already = bool(foreign)
        with shielded():
            sent = stores.transact_head(store, taking)
        if sent is not None:
            held._sent = sent
            return sent
        if not waits_already:
            task.report(f"{store.place} is held by {lease.holder_text(foreign['holder'])}; waiting")
        task.count(f"waiting for the lease of {foreign['holder']['who']}, {elapsed:.0f} s")
        if elapsed >= limit and (given is not None or watch.moved):
            text = lease.held_text(foreign["holder"], store.place, elapsed, watch, waits.clock.now())
            raise Failure(text, reason="held", holder=foreign["holder"])
        return None

    # It ends at the latest when a lease that stands still is over.
    waits.until(look, math.inf, min(lease.LOOK_EVERY, held.ttl / 10))
    task.lease = held
    return held


def take_from(task: Task, why: str, dead: Document) -> Held:
    """Take the lease in the place of ``dead``, a lease as the head has it, and of no other: by one write, so that no
    run that waits comes in between and the record that says so can be made.

    What that record needs is asked for before: of a service that cannot be read, or is another account's, the lease
    stays. Raises Failure ``held`` with ``holder`` when the lease is another one by now.
    """
    held = _ours(task)
    live.state(task)

    def taking(head: Document) -> tuple[list[Write], float]:
        now = head["lease"]
        if now is not None and now["key"] != dead["key"]:
            looked_at = unlocking.found({"lease": dead}, None)["holder"]
            raise Failure(unlocking.alive(looked_at, now), reason="held", holder=lease.holder(head))
        return [held.taking(head, why)], waits.clock.now()

    with shielded():
        held._sent = stores.transact_head(held.store, taking)
    task.lease = held
    return held


def _ours(task: Task) -> Held:
    """A lease that is still to be taken, for the run that this task is. Raises Failure ``wrong_account``, or one for a
    lease that is too short."""
    long_enough = lease.length(task.params["lease_seconds"])
    if not long_enough["ok"]:
        raise Failure(f"Nothing was changed. {sentence(long_enough)}", reason="declaration")
    store = stores.of(_unbound(task))
    held = Held(
        task,
        store,
        secrets.token_hex(8),
        task.params["lease_seconds"],
        who=_asking(task, store.identity.account)(),
    )
    task.at_interrupt.append(held.interrupted)
    return held


def of(task: Task) -> Held | None:
    """The lease of the release that the option ``release`` names, renewed; None outside a release and in check mode.
    In a run that had nothing to release, no write of the task leaves from now on.

    The account was asked for at the run's begin. Each task reads anew who calls, so it is asked for again where a file
    or a program says that.

    Raises Failure ``lease_lost`` when another run has it, and ``wrong_account``: then nothing may be touched.
    """
    given = task.params.get("release")
    if given == NOTHING_OPENED and not task.check_mode:
        task.lease = NothingOpened()
    if task.check_mode or not given or given.get("seq") is None:
        return None
    place = {name: given[name] for name in ("store", "account")}
    store = stores.of(_unbound(task, **place))
    held = Held(task, store, given["nonce"], given["lease_seconds"], seq=given["seq"])
    task.at_interrupt.append(held.interrupted)
    ask = _asking(task, given["account"])
    if may_be_another(task):
        ask()
    held.renew()
    task.lease = held
    return held


def _asking(task: Task, account: str) -> Callable[[], str]:
    """The question who calls, which raises Failure ``wrong_account`` unless it is somebody of this account.

    It is asked again wherever credentials are had anew, for somebody may have logged in elsewhere since.
    """

    def ask() -> str:
        return reads.caller_of(task, account)

    task.connection.at_renewal = ask
    return ask


def _unbound(task: Task, **params: Any) -> Task:
    """The task as its store sees it: the store's own calls are not under the lease that they renew."""
    return dataclasses.replace(task, params={**task.params, **params}, lease=None)


def operate(
    task: Task,
    kind: str,
    why: str,
    intent: Document,
    act: Callable[[Held], dict[str, Any]],
    dead: Document | None = None,
) -> dict[str, Any]:
    """Do one operator's verb under the lease, with a record of its own around it, and answer what ``act`` answers.

    ``dead``: the lease in whose place ours comes (:func:`take_from`); without it ours is waited for.
    ``intent``: what the verb was told, redacted; what ``act`` answers under ``operation`` stands in the record as its
    result, also of a Failure that has this field. A release that a dead run left open stays as it is: its recovery is
    the next deploy's. Raises what ``act`` raises, after the record says so.
    """
    began = waits.clock.now()
    held = take(task, why) if dead is None else take_from(task, why, dead)
    try:
        held.seq = _opened(task, held, kind, why, intent)
        try:
            answer = act(held)
        except Failure as failure:
            with suppress(Failure):  # the verb's own failure is what people must read
                _closed(held, failure.fields.get("operation"), failure.msg, waits.clock.now() - began)
            raise
        try:
            _closed(held, answer.get("operation"), None, waits.clock.now() - began)
        except Failure as failure:
            raise _done(held, answer, failure) from None
        return answer
    finally:
        held.release()


def _done(held: Held, answer: dict[str, Any], failure: Failure) -> Failure:
    """What is said of a verb that is done, and could not say so on record: interrupted, as of a release of which that
    holds (the module outcome). Why it could not is no word about the service, be it that another run has it by now."""
    fields = {name: value for name, value in answer.items() if name not in ("operation", "outcome", "detail")}
    what = f"Done: {answer['detail']}" if answer.get("detail") else "What it was to do is done"
    return Failure(
        f"{what}; only its record {held.seq} could not be closed: {failure.msg}",
        **{"changed": True, **fields, "release": held.seq, "reason": "not_closed", "cut_off": True},
    )


def _opened(task: Task, held: Held, kind: str, why: str, arguments: Document) -> int:
    audit = {"who": held.who, "host": platform.node(), "commit": None, "why": why}
    request = Request(held.store.identity, kind, operation.NOTHING, audit, held.nonce)
    found = live.state(task)

    def opening(head: Document, records: Records) -> tuple[list[Write], int]:
        writes = operation.opening(head, records, request, arguments, found, held.store.now())
        return writes, int(writes[0].document["seq"])

    return held.claim(opening)


def _closed(held: Held, result: Document | None, reason: str | None, seconds: float) -> None:
    short = None if reason is None else shortened(reason)
    held.change(lambda record, now: operation.closed(record, result, short, seconds, now))
