# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What happens around each request of a client at the moment it is sent, the SDK's own retries included.

Before: it waits for its turn (``pace``), and a write is held to the deadline of its lease, and where that is fenced to
a fresh look at what it changes (``fence``). A check before the call is not enough: a process may stand still between
the two (debugger, sleep, overload). After: a throttle slows all of us down, and expired credentials are had anew, once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import pace
from ansible_collections.steady.ecs.plugins.module_utils.rules.refusals import EXPIRED, THROTTLED
from ansible_collections.steady.ecs.plugins.module_utils.work import Lease

RENEWED = "steady.ecs.renewed"


class Transport:
    """The hooks of one client."""

    def __init__(
        self,
        turns: pace.Pace | None,
        say: Callable[[str], None],
        lease: Lease | None,
        at_renewal: Callable[[], object] = lambda: None,
    ) -> None:
        """``say`` shows a line while a request waits for its turn; ``lease`` is what its requests are held to;
        ``at_renewal`` raises Failure when credentials that were had anew are not to be used."""
        self._turns, self._say, self._lease, self._at_renewal = turns, say, lease, at_renewal
        self._service = ""
        self._credentials: Any = None

    def attach(self, client: Any) -> None:
        """Have this client call the hooks."""
        self._service = client.meta.service_model.service_id.hyphenize()
        self._credentials = client._request_signer._credentials
        client.meta.events.register("before-send", self.before_send)
        client.meta.events.register("needs-retry", self.needs_retry)

    def before_send(self, event_name: str, **_request: Any) -> None:
        """Wait for the turn, then look at the deadline. What it raises was certainly not sent."""
        if self._turns is not None:
            self._turns.wait(self._service, _operation(event_name), self._waiting)
        if self._lease is not None:
            self._lease.in_time()

    def _waiting(self, bucket: str, left: float) -> None:
        if left >= pace.NOTABLE:
            self._say(f"{left:.0f} s until AWS's rate lets us call ({self._service} {bucket})")
        if self._lease is not None:
            self._lease.renew_if_due()

    def needs_retry(self, event_name: str, response: Any, request_dict: dict[str, Any], **_more: Any) -> int | None:
        """Seconds after which to send a request again; None leaves that to the SDK.

        A call that was refused for expired credentials was not carried out, a write neither, so it may be sent again;
        its signature is made anew, and the hooks above are called again. Somebody may have logged in as another one.
        """
        code = response[1].get("Error", {}).get("Code") if response else None
        if code in THROTTLED and self._turns is not None:
            self._turns.throttled(self._service, _operation(event_name))
        if code not in EXPIRED or request_dict["context"].get(RENEWED) or not hasattr(self._credentials, "renew"):
            return None
        request_dict["context"][RENEWED] = True
        self._credentials.renew()
        if self._service != "sts":  # which is what is asked then
            self._at_renewal()
        return 0


def _operation(event_name: str) -> str:
    return event_name.rsplit(".", 1)[-1]
