# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""When an operator may take a lease away, and what they must know before they do."""

from __future__ import annotations

from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules import lease
from ansible_collections.steady.ecs.plugins.module_utils.rules.outcome import duration_text, one_line
from ansible_collections.steady.ecs.plugins.module_utils.rules.records import Document, seconds_between

Answer = dict[str, Any]

LOOK_EVERY = 2.0
"""Seconds between two looks at the lease."""


def found(head: Document, opened: Document | None) -> Answer:
    """Who holds the service, and which release is open."""
    holder = lease.holder(head)
    audit = opened and {name: opened["audit"][name] for name in ("who", "host", "why", "started")}
    return {
        "holder": holder and {**holder, "nonce": head["lease"]["nonce"]},
        "open": opened and {**{name: opened[name] for name in ("seq", "kind", "state")}, **(audit or {})},
    }


def lines(seen: Answer, now: str) -> list[str]:
    """Both for people: holder, host, reason and age."""
    holder, opened = seen["holder"], seen["open"]
    said = []
    if holder:
        said.append(f"held by {lease.holder_text(holder)}{_age(holder['since'], now)}; its key is {holder['nonce']}")
    if opened:
        said.append(
            f"release {opened['seq']} ({opened['kind']}) is open: {opened['state']}, begun by {opened['who']} on "
            f"{opened['host'] or 'an unknown host'} at {opened['started']}{_age(opened['started'], now)}"
            + (f" ({opened['why']})" if opened["why"] else "")
        )
    return [one_line(each) for each in said or ["nobody holds it, and no release is open"]]


def refusal(holder: Document, confirm: bool, key: str | None) -> str:
    """Why the lease is not taken away, and what to type; empty when it is meant."""
    who = lease.holder_text(holder)
    if key and key != holder["nonce"]:
        return f"The key {one_line(key)} is not that of the lease there is: {who}. Look again with unlock.yml."
    if confirm or key:
        return ""
    return (
        f"Held by {who}. Nothing was changed. Make sure that this run is dead, then take its lease away with "
        f"-e unlock_key={holder['nonce']}, or wait: the next run takes over a lease that nobody renews."
    )


def alive(holder: Document, now: Document) -> str:
    """Why a lease that moved is not taken away."""
    same = now["nonce"] == holder["nonce"]
    what = (
        "its holder is alive and has renewed it" if same else f"{one_line(str(now.get('who')))} has taken it meanwhile"
    )
    return f"The lease is not taken away, for {what}: {lease.holder_text(holder)}. Nothing was changed. End that run."


def _age(since: str, now: str) -> str:
    try:
        return f", {duration_text(seconds_between(since, now))} ago"
    except (ValueError, TypeError):  # what a lease says is for people only
        return ""
