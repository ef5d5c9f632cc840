"""The referee: independent users of the application, who count what went wrong for them.

    python -m testbed.users URL --users 100 --pace 5 --seconds 60 [--until FILE] [--json FILE] [--ramp 5]
                            [--endpoint AWS --target-group NAME]

Each user has a connection, a cookie jar and a thread of messages of their own. Every `pace` seconds they say something,
and then compare the whole history with what they have seen: each text and each reply exactly once. Now and then they
restore their session, or read the replies as a stream. It knows the application by HTTP alone and imports none of it.

What counts as what:
    failed          no usable answer. connect_error; timeout; reset (closed before the end of an answer, or no HTTP);
                    http_4xx; http_5xx; assertion (answered, but wrong: context lost, something there twice)
    reused_connection_closed   an idle connection was closed just as it was used again. Browsers try once more then,
                    whatever the method (Chromium, HttpNetworkTransaction::ShouldResendRequest); RFC 9110 9.2.2 permits
                    it where a repetition does no harm, and here a request carries an id. So it is counted apart
    lost_messages   a text or reply once answered as stored, and no longer in the history
    moves           another task answered than the time before (X-Coral-Instance)
    moves_off_healthy          the same while the task before was a healthy target all the time
"""

import argparse
import asyncio
import json
import signal
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from testbed.browser import Browser, Failed

RESTORE_EVERY, STREAM_EVERY, THREAD_LENGTH = 5, 4, 40  # turns; then a new thread, or long runs only compare histories
LEAVING = 5  # users who take their last look at the same time
Health = Callable[[], dict[str, str]]  # target address -> state of its target health


@dataclass
class Summary:
    """What all users saw. Times in milliseconds; `first_failures` are the first ten in words."""

    run: str
    users: int
    seconds: float = 0.0
    requests: int = 0
    turns: int = 0
    failed: int = 0
    failures: dict[str, int] = field(default_factory=dict)
    reused_connection_closed: int = 0
    lost_messages: int = 0
    moves: int = 0
    moves_off_healthy: int | None = None  # None: nobody watched the targets from before the first move on
    instances: dict[str, int] = field(default_factory=dict)
    p50: float = 0.0
    p99: float = 0.0
    max: float = 0.0
    first_failures: list[str] = field(default_factory=list)
    per_user: list[dict[str, Any]] = field(default_factory=list)

    def line(self) -> str:
        kinds = ", ".join(f"{n} {kind}" for kind, n in sorted(self.failures.items()))
        off = "not watched" if self.moves_off_healthy is None else self.moves_off_healthy
        return (
            f"{self.users} users, {self.seconds:.0f} s: {self.requests} requests, {self.failed} failed"
            f"{f' ({kinds})' if kinds else ''}, {self.lost_messages} lost messages, {self.moves} moves "
            f"(off a healthy target: {off}), {self.reused_connection_closed} reused connections closed, "
            f"p50/p99/max {self.p50:.0f}/{self.p99:.0f}/{self.max:.0f} ms"
        )


class TargetWatch:
    """The states of the targets over time, by polling: only changes are kept. `health` may raise OSError."""

    BEFORE, AFTER = 1.0, 0.6  # seconds around a move in which the old target may have shown that it was going

    def __init__(self, health: Health, every: float = 0.2) -> None:
        self.health, self.every = health, every
        self.samples: list[tuple[float, dict[str, str]]] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def start(self) -> None:
        self._sample()
        self._thread.start()

    def stop(self) -> None:
        self._stop.wait(self.AFTER)  # the last move wants its samples too
        self._stop.set()
        self._thread.join()

    def _sample(self) -> None:
        try:
            states = self.health()
        except OSError:
            return  # the API is away or throttles: the last states hold until it answers again
        if not self.samples or self.samples[-1][1] != states:
            self.samples.append((time.monotonic(), states))

    def _watch(self) -> None:
        while not self._stop.wait(self.every):
            self._sample()

    def off_healthy(self, moves: list[tuple[float, str]]) -> int | None:
        """How many of the moves (moment, target before) were off a healthy target; None if one cannot be judged."""
        if not self.samples or any(not address or at < self.samples[0][0] for at, address in moves):
            return None
        return sum(self.was_healthy(address, at) for at, address in moves)

    def was_healthy(self, address: str, moment: float) -> bool:
        """Whether this target was healthy, and nothing else, around this moment (time.monotonic)."""
        begin, end = moment - self.BEFORE, moment + self.AFTER
        before = [states for at, states in self.samples if at <= begin][-1:]
        around = before + [states for at, states in self.samples if begin < at <= end]
        return bool(around) and all(states.get(address) == "healthy" for states in around)


class ApiHealth:
    """Target health from the AWS API (botocore is imported only here), of a group whose targets are IP addresses:
    by them users know their task. Raises ValueError for another group."""

    def __init__(self, endpoint: str, target_group: str) -> None:
        import botocore.exceptions
        import botocore.session

        self._errors = (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError)
        keys = {"aws_access_key_id": "emulator", "aws_secret_access_key": "emulator-secret"}
        session = botocore.session.get_session()
        self._client: Any = session.create_client("elbv2", region_name="us-east-1", endpoint_url=endpoint, **keys)
        group = self._client.describe_target_groups(Names=[target_group])["TargetGroups"][0]
        if group["TargetType"] != "ip":
            raise ValueError(f"targets of {target_group} are of the type {group['TargetType']}; only ip can be watched")
        self._arn = group["TargetGroupArn"]

    def __call__(self) -> dict[str, str]:
        try:
            found = self._client.describe_target_health(TargetGroupArn=self._arn)["TargetHealthDescriptions"]
        except self._errors as error:
            raise ConnectionError(str(error)) from error
        return {t["Target"]["Id"]: t["TargetHealth"]["State"] for t in found}


class User:
    """One user, and what they know must be in their thread."""

    def __init__(self, run: str, number: int, url: str, pace: float, timeout: float) -> None:
        self.name, self.pace = f"{run}-{number}", pace
        self.browser = Browser(url, timeout)
        self.thread = ""
        self.history: Counter[tuple[str, str]] = Counter()  # (author, text) that must be there
        self.said: list[str] = []
        self.pending = ""  # said without a good answer: it is said again, with the same id, until there is one
        self.requests = self.turns = self.lost = 0
        self.failures: list[Failed] = []
        self.latencies: list[float] = []
        self.moves: list[tuple[float, str]] = []  # (when, address of the task before)
        self.instances: Counter[str] = Counter()
        self._at: tuple[str, str] | None = None  # (instance, address)

    async def ask(self, method: str, path: str, value: object = None) -> bytes:
        """The body of a good answer. Raises Failed."""
        self.requests += 1
        begun = time.monotonic()
        try:
            status, headers, body = await self.browser.request(method, path, f"{self.name}-{self.requests}", value)
        finally:
            self.latencies.append((time.monotonic() - begun) * 1000)
        instance = headers.get("x-coral-instance", "")
        if instance:
            if self._at and self._at[0] != instance:
                self.moves.append((time.monotonic(), self._at[1]))
            self._at = (instance, headers.get("x-coral-address", ""))
            self.instances[instance] += 1
        if status >= 400:
            raise Failed(f"http_{status // 100}xx", f"{method} {path}: {status} {body[:200].decode(errors='replace')}")
        return body

    async def ask_json(self, method: str, path: str, value: object = None) -> dict[str, Any]:
        body = await self.ask(method, path, value)
        try:
            found = json.loads(body)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise Failed("assertion", f"{method} {path}: the answer is no JSON object: {body[:100]!r}")
        return found

    async def live(self, begin: float, stop: asyncio.Event, leaving: asyncio.Semaphore) -> None:
        """A visit every `pace` seconds from `begin` on (a time of the loop); after `stop` one last look at all."""
        loop = asyncio.get_running_loop()
        while not stop.is_set():
            try:
                async with asyncio.timeout_at(begin):
                    await stop.wait()
            except TimeoutError:
                await self.attempt(self.visit)
            begin = max(begin + self.pace, loop.time())
        if self.thread:
            async with leaving:  # not all at once: the rush would be in the latencies
                await self.attempt(self.check_history)
        self.browser.close()

    async def attempt(self, what: Callable[[], Any]) -> None:
        try:
            await what()
        except Failed as failure:
            self.failures.append(failure)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            self.failures.append(Failed("assertion", f"an answer of another shape: {error!r}"))

    async def visit(self) -> None:
        if not self.thread or len(self.said) >= THREAD_LENGTH:
            self.thread = str((await self.ask_json("POST", "/api/threads", {}))["thread"])
            self.said, self.history = [], Counter()
        if self.said and self.turns % RESTORE_EVERY == 0 and not self.pending:
            await self.ask_json("POST", "/api/sessions/restore", {"thread": self.thread})
            await self.check_history()
        await self.say()
        await self.check_history()

    async def say(self) -> None:
        """One turn. Its two replies must refer to all that was said before."""
        text = self.pending or f"line {self.turns + 1} of {self.name}"
        self.pending = text
        path, streams = f"/api/threads/{self.thread}", len(self.said) % STREAM_EVERY == STREAM_EVERY - 1
        message = {"text": text, "client_id": text.replace(" ", "-"), **({"stream": True} if streams else {})}
        answer = await self.ask_json("POST", f"{path}/messages", message)
        replies = parse_events(await self.ask("GET", f"{path}/stream")) if streams else answer.get("replies", [])
        self.pending = ""
        self.turns += 1
        self.said.append(text)
        self.history[("user", text)] += 1
        self.history.update((str(reply["agent"]), str(reply["text"])) for reply in replies)
        wanted = f"you said {len(self.said)} things; the first was {self.said[0]!r}"
        if len({reply["agent"] for reply in replies}) != 2 or not all(wanted in str(r["text"]) for r in replies):
            raise Failed("assertion", f"context lost: want two replies with {wanted!r}, got {str(replies)[:300]}")

    async def check_history(self) -> None:
        """Everything once. What is lost is counted once, and no longer expected."""
        messages = (await self.ask_json("GET", f"/api/threads/{self.thread}"))["messages"]
        there = Counter((str(m["author"]), str(m["text"])) for m in messages)
        self.lost += (self.history - there).total()
        # A turn without a good answer may be stored all the same, with its replies.
        surplus = [m for m in (there - self.history).elements() if not (self.pending and self.pending in m[1])]
        self.history &= there
        self.said = [text for text in self.said if there[("user", text)]]
        if surplus:
            raise Failed("assertion", f"in the history, but never said or said once: {surplus[:3]}")


def parse_events(body: bytes) -> list[dict[str, Any]]:
    """The replies of a stream. Raises Failed when it does not end with the event `done`."""
    events = [block.split("\n") for block in body.decode(errors="replace").split("\n\n") if block]
    if not events or events[-1][0] != "event: done":
        raise Failed("assertion", f"the stream did not end with done: {body[-200:]!r}")
    return [json.loads(event[1].removeprefix("data: ")) for event in events if event[0] == "event: reply"]


class Users:
    """A number of users at work in a thread of their own. `health` gives the target states, for moves_off_healthy."""

    def __init__(
        self,
        url: str,
        count: int = 100,
        pace: float = 5.0,
        ramp: float = 5.0,
        timeout: float = 10.0,
        health: Health | None = None,
    ) -> None:
        self.run, self.ramp = f"u{uuid.uuid4().hex[:8]}", ramp
        self.users = [User(self.run, n, url, pace, timeout) for n in range(count)]
        self.watch = TargetWatch(health) if health else None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._live()), daemon=True)
        self._ready = threading.Event()
        self._begun = self._ended = 0.0

    def start(self) -> "Users":
        """Returns at once; the users come one after the other within `ramp` seconds."""
        if self.watch:
            self.watch.start()
        self._begun = time.monotonic()
        self._thread.start()
        self._ready.wait()
        return self

    async def _live(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._ready.set()
        step = self.ramp / max(1, len(self.users))
        begin = self._loop.time()
        lives = [(user, begin + n * step) for n, user in enumerate(self.users)]
        leaving = asyncio.Semaphore(LEAVING)
        await asyncio.gather(*(user.live(at, self._stop, leaving) for user, at in lives))

    def stop(self) -> Summary:
        """Let everyone finish what they do and re-read their history; the final count."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._ended = time.monotonic()
        if self.watch:
            self.watch.stop()
        return self.summary()

    def summary(self) -> Summary:
        """The count so far; also while they are at work."""
        users = self.users
        failures = [failure for user in users for failure in user.failures]
        latencies = sorted(ms for user in users for ms in list(user.latencies)) or [0.0]
        moves = [move for user in users for move in user.moves]
        watch = self.watch
        return Summary(
            run=self.run,
            users=len(users),
            seconds=round((self._ended or time.monotonic()) - self._begun, 1),
            requests=sum(user.requests for user in users),
            turns=sum(user.turns for user in users),
            failed=len(failures),
            failures=dict(Counter(failure.kind for failure in failures)),
            reused_connection_closed=sum(user.browser.stale for user in users),
            lost_messages=sum(user.lost for user in users),
            moves=len(moves),
            moves_off_healthy=watch.off_healthy(moves) if watch else None,
            instances=dict(sum((user.instances for user in users), Counter())),
            p50=round(latencies[len(latencies) // 2], 1),
            p99=round(latencies[int(len(latencies) * 0.99)], 1),
            max=round(latencies[-1], 1),
            first_failures=[str(failure)[:400] for failure in failures[:10]],
            per_user=[
                {"user": u.name, "requests": u.requests, "turns": u.turns, "lost_messages": u.lost}
                | {"failures": dict(Counter(f.kind for f in u.failures)), "moves": len(u.moves)}
                for u in users
            ],
        )


def write(path: Path, summary: Summary) -> None:
    """Whole or not at all: somebody may be reading."""
    new = path.with_suffix(".new")
    new.write_text(json.dumps(asdict(summary), indent=1) + "\n")
    new.replace(path)


def main(arguments: list[str] | None = None) -> int:
    """0: nothing failed, nothing lost, no move off a healthy target; 1 otherwise, and if targets were to be watched and
    could not be."""
    parser = argparse.ArgumentParser(prog="python -m testbed.users", description="Users at work; they count failures.")
    parser.add_argument("url")
    parser.add_argument("--users", type=int, default=100)
    parser.add_argument("--pace", type=float, default=5.0, help="seconds between two turns of a user")
    parser.add_argument("--ramp", type=float, default=5.0, help="seconds within which all users come")
    parser.add_argument("--timeout", type=float, default=10.0, help="seconds that a user waits for an answer")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--until", type=Path, help="go on (after --seconds too) until this file exists")
    parser.add_argument("--json", type=Path, help="write the whole count here, every second and at the end")
    parser.add_argument("--endpoint", help="AWS endpoint whose target health is watched, with --target-group")
    parser.add_argument("--target-group", help="name of the target group")
    given = parser.parse_args(arguments)
    if bool(given.endpoint) != bool(given.target_group):
        parser.error("--endpoint and --target-group go together")
    try:
        health = ApiHealth(given.endpoint, given.target_group) if given.endpoint else None
    except ValueError as error:
        parser.error(str(error))
    users = Users(given.url, given.users, given.pace, given.ramp, given.timeout, health).start()
    enough, end = threading.Event(), time.monotonic() + given.seconds
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: enough.set())  # whoever ends it early still gets the count
    looked = 0.0
    while time.monotonic() < end or (given.until and not given.until.exists()):
        if enough.wait(0.1):
            break
        if given.json and time.monotonic() - looked > 1:
            write(given.json, users.summary())  # so that a report made meanwhile can say what users have seen so far
            looked = time.monotonic()
    summary = users.stop()
    sys.stdout.write(summary.line() + "\n")
    for failure in summary.first_failures:
        sys.stdout.write(f"  {failure}\n")
    if given.json:
        write(given.json, summary)
    unwatched = health is not None and summary.moves_off_healthy is None
    return 1 if summary.failed or summary.lost_messages or summary.moves_off_healthy or unwatched else 0


if __name__ == "__main__":
    sys.exit(main())
