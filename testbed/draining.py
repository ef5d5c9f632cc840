"""Deregistration: requests in flight may end until the deregistration delay is over, then they are cut off.

User guide, "Deregistration delay": "If a deregistering target has no in-flight requests and no active connections,
Elastic Load Balancing immediately completes the deregistration process", and troubleshooting, HTTP 502: "The
deregistration delay period elapsed for a request being handled by a target that was deregistered".
"""

import asyncio
import time

from .elbv2.model import Target


async def drain(target: Target) -> None:
    """Wait for the requests in flight, at the latest until `drain_until`; afterwards the target is let go."""
    while target.flights and (left := (target.drain_until or 0.0) - time.time()) > 0:
        target.idle.clear()
        try:
            async with asyncio.timeout(left):
                await target.idle.wait()
        except TimeoutError:
            break
    for flight in list(target.flights):
        flight.reschedule(asyncio.get_running_loop().time())
    target.let_go = True
