# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lease on a service: who may change it now, and when another run may take over from one that died.

It stands in the head: ``{"nonce", "key": "NONCE/EPOCH/N", "ttl_s", "who", "host", "why", "since"}`` or null. No two
clocks are ever compared: a holder counts its ttl from before it sent the write, a waiter counts how long ``key`` has
stood still before its own eyes. Each write of the head is a compare-and-swap, so a late renewal is safe: it fails when
anybody else wrote.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ansible_collections.steady.ecs.plugins.module_utils.rules.checks import Check, check
from ansible_collections.steady.ecs.plugins.module_utils.rules.outcome import one_line
from ansible_collections.steady.ecs.plugins.module_utils.rules.records import Document, written

TTL = 90
"""Seconds. Long enough for a hook between two of our tasks, short enough to wait for after a crash."""
WAIT = 180
"""Seconds to wait for a foreign lease: longer than a ttl and a call, so that a run after a crash goes on by itself."""
LONGEST_CALL = 25.0
"""Seconds: 5 to connect and 20 to read."""
LEAST = 15
"""Seconds that a lease must hold at least. One call gets a third of it (:func:`call_limit`) and a fifth of that to
connect (edges/aws.py): 1 s, after which TCP sends a first packet that was lost again (RFC 6298). Under a shorter one a
write fails that would arrive, and at 0 none leaves at all while another run takes the lease of a living one."""
LOOK_EVERY = 2.0
"""Seconds between two looks at a foreign lease."""
LONGEST_TEXT = 200


def call_limit(ttl: float) -> float:
    """Seconds that one writing call may take under a lease of this ttl, so that three of them fit into it."""
    return min(LONGEST_CALL, ttl / 3)


def length(ttl: int) -> Check:
    """Whether a lease of this ttl is long enough to work under."""
    return check(
        "release_lease_seconds",
        f"{LEAST} or more",
        ttl,
        ttl >= LEAST,
        f"Leave it out for {TTL}, or give it a greater number.",
    )


def patience(lease: Document) -> float:
    """Seconds after which a lease that stands still is a dead run's: between two tasks of a living one there may be a
    hook, of nearly the whole ttl, and the call that renews may take some time."""
    ttl = float(lease["ttl_s"])
    return ttl + call_limit(ttl)


def taken(head: Document, nonce: str, ttl: int, holder: Document, now: str) -> Document:
    """The head with the lease given to ``nonce``: a new epoch, whoever had it before. ``holder``: who, host, why."""
    epoch = head["epoch"] + 1
    lease = {
        "nonce": nonce,
        "key": f"{nonce}/{epoch}/1",
        "ttl_s": ttl,
        **{name: one_line(str(holder[name] or ""))[:LONGEST_TEXT] for name in ("who", "host", "why")},
        "since": now,
    }
    return written(head, nonce, lease=lease, epoch=epoch)


def holds(head: Document, nonce: str) -> bool:
    """Whether the lease belongs to this run. One that is null does not: it was given back or taken away."""
    return bool(head["lease"]) and head["lease"]["nonce"] == nonce


def renewed(head: Document, nonce: str) -> Document | None:
    """The head with our lease renewed, or None when it is not ours any more."""
    if not holds(head, nonce):
        return None
    before, number = head["lease"]["key"].rsplit("/", 1)
    return written(head, nonce, lease={**head["lease"], "key": f"{before}/{int(number) + 1}"})


def released(head: Document, nonce: str) -> Document | None:
    """The head without our lease, or None when it is not ours any more: then there is nothing to give back."""
    return written(head, nonce, lease=None) if holds(head, nonce) else None


def holder(head: Document) -> Document | None:
    """For people, who has the lease: ``{"who", "host", "why", "since"}``; None when it is free."""
    lease = head["lease"]
    return {name: one_line(str(lease.get(name) or "")) for name in ("who", "host", "why", "since")} if lease else None


def holder_text(found: Document) -> str:
    """``arn:...:user/ada on runner-7 since 2026-01-02T03:04:05Z (sessions stay on one task)``."""
    why = f" ({found['why']})" if found["why"] else ""
    return f"{found['who'] or 'unknown'} on {found['host'] or 'an unknown host'} since {found['since']}{why}"


def lost_text(found: Document | None, place: str) -> str:
    """Why a run that lost its lease stops, and what to do."""
    by = f"it belongs to {holder_text(found)} now" if found else "it was given back or taken away"
    return (
        f"This run does not have the lease of {place} any more: {by}. It stopped and touches nothing more. Run the "
        "same command again: it begins by reading what the other run left."
    )


def held_text(found: Document, place: str, waited: float, watch: Watch, now: float) -> str:
    """Why a run gives up waiting, and what to do."""
    seen = f"its last sign of life is {now - watch.first_seen:.0f} s old"
    if not watch.moved:
        seen = f"that is too short to tell whether it is dead: {watch.patience:.0f} s without a sign of life say so"
    return (
        f"Another run is at work on {place}: {holder_text(found)}. Waited {waited:.0f} s, and {seen}. Nothing was "
        "changed. Run the same command again when it has ended; `status` shows what it does."
    )


@dataclass
class Watch:
    """A foreign lease before one waiter's eyes; times are seconds of the waiter's own clock."""

    key: str | None = None
    first_seen: float = field(default=0.0)
    moved: bool = False
    """Whether it was renewed, or taken by another run, before our eyes."""
    patience: float = 0.0
    """Seconds for which it must stand still: its ttl, and one call that may have been sent in its last moment."""

    def is_over(self, head: Document, now: float) -> bool:
        """Whether the lease may be taken: it is free, or its key has stood still for its patience."""
        lease = head["lease"]
        if not lease:
            return True
        if lease["key"] != self.key:
            self.moved = self.key is not None
            self.key, self.first_seen = lease["key"], now
        self.patience = patience(lease)
        return now - self.first_seen >= self.patience
