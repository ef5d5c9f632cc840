"""The log driver awslogs: containers' lines to CloudWatch Logs (moto's), in the stream PREFIX/CONTAINER/TASK.

Source: "Send Amazon ECS logs to CloudWatch",
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html
"""

import os
import queue
import selectors
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import BinaryIO

from .container_secrets import ResourceInitialization
from .moto_calls import MotoCalls
from .wire import AwsError, Params

FLUSH_EVERY = 0.2  # seconds: lines of one stream are sent together
LONGEST = 200_000  # characters of one event; AWS cuts at 256 KB


@dataclass(frozen=True)
class Stream:
    region: str
    group: str
    name: str


def open_stream(moto: MotoCalls, container: Params, task_id: str) -> Stream | None:
    """Create the log stream of a container, or None without log driver. Raises ResourceInitialization."""
    config = container.get("logConfiguration")
    if not config:
        return None
    options = config["options"]
    stream = Stream(
        options["awslogs-region"],
        options["awslogs-group"],
        f"{options['awslogs-stream-prefix']}/{container['name']}/{task_id}",
    )
    try:
        if options.get("awslogs-create-group") == "true":
            _create_group(moto, stream)
        moto.call("logs", stream.region, "CreateLogStream", logGroupName=stream.group, logStreamName=stream.name)
    except AwsError as e:
        raise ResourceInitialization(
            "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: "
            "failed to create Cloudwatch log stream: operation error CloudWatch Logs: CreateLogStream, "
            f"{e.code}: {e.message} : exit status 1"
        ) from None
    return stream


def _create_group(moto: MotoCalls, stream: Stream) -> None:
    try:
        moto.call("logs", stream.region, "CreateLogGroup", logGroupName=stream.group)
    except AwsError as e:
        if e.code != "ResourceAlreadyExistsException":
            raise


@dataclass
class _Pipe:
    stream: Stream
    file: BinaryIO
    rest: bytes = b""
    events: list[Params] = field(default_factory=list)

    def take(self, chunk: bytes) -> None:
        """Keep whole lines as events; what follows the last line end waits for more."""
        *lines, self.rest = (self.rest + chunk).split(b"\n")
        stamp = int(time.time() * 1000)
        for line in lines:
            text = line.decode(errors="replace").rstrip("\r")[:LONGEST]
            if text:  # an event without text is not one for CloudWatch Logs
                self.events.append({"timestamp": stamp, "message": text})


class LogPump:
    """One thread that empties the containers' pipes and sends their lines."""

    def __init__(self, moto: MotoCalls) -> None:
        self._moto = moto
        self._new: queue.SimpleQueue[_Pipe] = queue.SimpleQueue()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK)
        self._closing = False
        self._thread = threading.Thread(target=self._run, daemon=True, name="container-logs")

    def start(self) -> None:
        self._thread.start()

    def attach(self, stream: Stream, pipe: BinaryIO) -> None:
        self._new.put(_Pipe(stream, pipe))
        os.eventfd_write(self._wake, 1)

    def close(self) -> None:
        """Ends the thread; lines that containers wrote before are sent first."""
        self._closing = True
        os.eventfd_write(self._wake, 1)
        self._thread.join(5)
        os.close(self._wake)

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._wake, selectors.EVENT_READ)
            waiting: dict[int, _Pipe] = {}
            flush_at: float | None = None
            while not self._closing:
                ready = selector.select(None if flush_at is None else max(0.0, flush_at - time.monotonic()))
                for key, _ in ready:
                    self._read(selector, key, waiting)
                if waiting and flush_at is None:
                    flush_at = time.monotonic() + FLUSH_EVERY
                if flush_at is not None and time.monotonic() >= flush_at:
                    self._flush(waiting)
                    flush_at = None
            self._flush(waiting)

    def _read(self, selector: selectors.BaseSelector, key: selectors.SelectorKey, waiting: dict[int, _Pipe]) -> None:
        if key.data is None:
            os.eventfd_read(self._wake)
            while not self._new.empty():
                pipe = self._new.get()
                selector.register(pipe.file, selectors.EVENT_READ, pipe)
            return
        pipe = key.data
        chunk = os.read(key.fd, 65536)
        pipe.take(chunk or b"\n")  # at the end, what has no line end is a line too
        if pipe.events:
            waiting[id(pipe)] = pipe
        if not chunk:
            selector.unregister(pipe.file)
            pipe.file.close()

    def _flush(self, waiting: dict[int, _Pipe]) -> None:
        for pipe in waiting.values():
            events, pipe.events = pipe.events, []
            stream = pipe.stream
            try:
                self._moto.call(
                    "logs",
                    stream.region,
                    "PutLogEvents",
                    logGroupName=stream.group,
                    logStreamName=stream.name,
                    logEvents=events,
                )
            except AwsError as e:  # the group was deleted under a running task: its lines are lost, as on AWS
                sys.stderr.write(f"lost {len(events)} lines of {stream.group}: {e.code}\n")
        waiting.clear()
