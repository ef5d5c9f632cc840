"""The load balancers' data plane: a socket for every listener, a health check for every target, requests routed.

One thread with an event loop. It follows what elbv2/ stores by its revision numbers; only the comparison takes the
bed's lock, in a thread of its own, so that a slow API call never holds up a request.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from aiohttp import web

from . import balancing, stickiness
from .draining import drain
from .elbv2 import Elbv2, Listener, Rule, Target, TargetGroup
from .elbv2.conditions import Facts, met
from .elbv2.model import Json, forwards_to
from .forwarding import SERVER, Forwarder, own_answer
from .health_checks import Checker, Declared

log = logging.getLogger(__name__)
Where = tuple[str, int]
LOOK = 0.02  # seconds between two looks at the revision numbers, which need no lock
MOST_BYTES = 16384  # of the request line, and of a header (user guide, quotas: 16 K each)


@dataclass
class Site:
    """An open listener: the socket's server and the HTTP server behind it."""

    api: Elbv2
    listener: Listener
    http: web.Server
    sockets: asyncio.Server

    async def close(self) -> None:
        """Free the address at once; requests in flight have a second to end."""
        self.sockets.close()
        self.http.pre_shutdown()  # idle connections at once
        await self.http.shutdown(timeout=1)


@dataclass
class Wanted:
    """What the API stores, as far as the plane must act on it."""

    sites: dict[Where, tuple[Elbv2, Listener]]
    checks: dict[Target, TargetGroup]
    drains: list[Target]


class Plane:
    """`regions` gives the APIs to serve; `declared` answers health checks by address when no process is probed."""

    def __init__(
        self,
        regions: Callable[[], Iterable[Elbv2]],
        lock: AbstractContextManager[object],
        scale: float,
        declared: Declared | None = None,
    ) -> None:
        self.regions, self.lock, self.scale = regions, lock, scale
        self.declared: Declared = declared or (lambda address: None)
        self.sites: dict[Where, Site] = {}
        self.checks: dict[Target, asyncio.Task[None]] = {}
        self.drains: dict[Target, asyncio.Task[None]] = {}
        self.closing: set[asyncio.Task[None]] = set()
        self.loop = asyncio.new_event_loop()
        self.ready, self.stopping = threading.Event(), asyncio.Event()
        self.thread = threading.Thread(target=self._run, daemon=True, name="load-balancers")

    def start(self) -> None:
        self.thread.start()
        if not self.ready.wait(10):
            raise RuntimeError("the load balancers' thread did not start")

    def stop(self) -> None:
        """Close every socket and end every check; returns when the thread is gone."""
        self.loop.call_soon_threadsafe(self.stopping.set)
        self.thread.join(10)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
            runner.run(self._serve_until_stopped())

    async def _serve_until_stopped(self) -> None:
        self.checker, self.forwarder = Checker(self.scale, self.declared), Forwarder()
        self.ready.set()
        seen: list[tuple[Elbv2, int]] = []
        try:
            while not self.stopping.is_set():
                now = [(api, api.revision) for api in list(self.regions())]
                if now != seen:
                    seen = now
                    await self._follow(await asyncio.to_thread(self._wanted))
                await asyncio.sleep(LOOK)
        finally:
            for task in (*self.checks.values(), *self.drains.values()):
                task.cancel()
            await asyncio.gather(*self.closing, *(site.close() for site in self.sites.values()))
            await self.checker.close()
            await self.forwarder.close()

    # -- following the API -------------------------------------------------------------------------------------------

    def _wanted(self) -> Wanted:
        wanted = Wanted({}, {}, [])
        with self.lock:
            for api in self.regions():
                used = {
                    arn
                    for found in api.listeners.values()
                    for rule in found.rules
                    for arn, _ in forwards_to(rule.actions)
                }
                for listener in api.listeners.values():
                    where = api.balancers[listener.balancer].address, listener.port
                    wanted.sites[where] = api, listener
                for group in api.groups.values():
                    if group.arn in used:
                        wanted.checks.update(dict.fromkeys(group.targets.values(), group))
                    wanted.drains += [t for a, t in group.shown().items() if a in group.deregistered]
        return wanted

    async def _follow(self, wanted: Wanted) -> None:
        for where in set(self.sites) - set(wanted.sites):
            task = self.loop.create_task(self.sites.pop(where).close())
            self.closing.add(task)
            task.add_done_callback(self.closing.discard)
            await asyncio.sleep(0)  # its socket is closed now: a new listener may want the same address
        for where, (api, listener) in wanted.sites.items():
            if where in self.sites:
                self.sites[where].api, self.sites[where].listener = api, listener
            else:
                await self._open(where, api, listener)
        for target in set(self.checks) - set(wanted.checks):
            self.checks.pop(target).cancel()
        for target, group in wanted.checks.items():
            if target not in self.checks:
                self.checks[target] = self.loop.create_task(self.checker.watch(group, target))
        self.drains = {target: task for target, task in self.drains.items() if not task.done()}
        for target in wanted.drains:
            if target not in self.drains and not target.let_go:
                self.drains[target] = self.loop.create_task(drain(target))

    async def _open(self, where: Where, api: Elbv2, listener: Listener) -> None:
        async def serve(request: web.BaseRequest) -> web.StreamResponse:
            return await self._serve(request, site)

        def connection() -> web.RequestHandler:
            balancer = site.api.balancers.get(site.listener.balancer)
            idle = float(balancer.attributes["idle_timeout.timeout_seconds"]) if balancer else 0.0
            return web.RequestHandler(
                http,
                loop=self.loop,
                keepalive_timeout=idle,
                auto_decompress=False,
                max_line_size=MOST_BYTES,
                max_field_size=MOST_BYTES,
            )

        # A client that goes away ends its request to the target too.
        http = web.Server(serve, handler_cancellation=True)
        try:
            sockets = await self.loop.create_server(connection, *where, backlog=1024)
        except OSError as e:
            log.error("the load balancer cannot listen on %s:%s: %s", *where, e)
            return
        site = self.sites[where] = Site(api, listener, http, sockets)

    # -- traffic -----------------------------------------------------------------------------------------------------

    async def _serve(self, request: web.BaseRequest, site: Site) -> web.StreamResponse:
        api, listener = site.api, site.listener
        if not request.raw_path.startswith("/"):
            return own_answer(400)
        if request.method == "TRACE":
            return own_answer(405)  # "not supported by Application Load Balancers" (user guide, troubleshooting)
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return web.Response(status=501, text="The test bed does not serve WebSocket.", headers=SERVER)
        if request.headers.get("Expect", "").lower() == "100-continue" and request.transport:
            # "The load balancer immediately responds HTTP/1.1 100 Continue" (user guide, "HTTP connections")
            request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        facts = facts_of(request)
        rule = next(rule for rule in listener.rules if met(rule.conditions, facts))
        action = rule.actions[-1]
        if action["Type"] == "fixed-response":
            return fixed_response(action["FixedResponseConfig"])
        return await self._route(request, api, listener, rule, action["ForwardConfig"])

    async def _route(
        self, request: web.BaseRequest, api: Elbv2, listener: Listener, rule: Rule, config: Json
    ) -> web.StreamResponse:
        """Forward to a target; 503 when there is none, as AWS says of a target group without registered targets."""
        seen, now = request.cookies, time.time()
        balancer = api.balancers.get(listener.balancer)
        group = balancing.pick_group(api.groups, rule, config, seen, now)
        target = balancing.pick_target(group, config, seen, now) if group else None
        if balancer is None or group is None or target is None:
            response: web.StreamResponse = own_answer(503)
            for value in stickiness.group_cookies(rule, config, group, now) if group else []:
                response.headers.add("Set-Cookie", value)
            return response

        def cookies(answered: list[str]) -> list[str]:
            moment = time.time()
            return [
                *stickiness.group_cookies(rule, config, group, moment),
                *stickiness.target_cookies(group, config, target, seen, answered, moment),
            ]

        return await self.forwarder.forward(request, target, balancer, listener.port, cookies)


def facts_of(request: web.BaseRequest) -> Facts:
    host = request.headers.get("Host", "")
    return Facts(host=host.rpartition(":")[0] or host, path=request.raw_path.partition("?")[0])


def fixed_response(config: Json) -> web.Response:
    kind = config.get("ContentType", "text/plain")
    return web.Response(
        status=int(config["StatusCode"]), text=config.get("MessageBody", ""), content_type=kind, headers=SERVER
    )
