"""Faults that a task definition switches on by environment variables, for the tests of what Steady finds and undoes.

CRASH_AT_START=code  CRASH_AFTER=seconds  NEVER_HEALTHY=1 (or the status)  SLOW_HEALTH=seconds  SLOW_START=seconds
ANSWER_500=1  IGNORE_SIGTERM=1  WRONG_PORT=port  LOSES_MESSAGES=1  SLOW_ANSWER=seconds  EATS_MEMORY=MiB: each says so in
the log before it does harm. What is no fault, but a way to be that settings must fit (docs/hazards.md):
SLOW_STREAM=seconds after each reply of a stream, WORK_AFTER=seconds from an answer to its receipt, KEEP_ALIVE=seconds
that an idle connection is kept.
"""

import os
import threading

from testbed.app.web import log

STACK = """\
    at org.coralprotocol.{place}
    at org.coralprotocol.coralserver.Main.main(Main.kt:27)"""


EATEN: list[bytes] = []


def number(name: str) -> float:
    """The variable as a number; 0 when it is absent."""
    return float(os.environ.get(name) or 0)


def is_on(name: str, what: str) -> bool:
    """Whether a fault is switched on; if so, the log says what it does."""
    on = os.environ.get(name, "") not in ("", "0")
    if on:
        log(f"ERROR: {what} ({name}={os.environ[name]})")
    return on


def fatal(code: int, what: str, place: str) -> None:
    """End the process as a crash does: no clean-up, nothing in flight is finished."""
    log(f"FATAL: {what}\n{STACK.format(place=place)}")
    os._exit(code)


def at_start() -> None:
    """CRASH_AT_START, SLOW_START, CRASH_AFTER: called first by every program of the task."""
    if os.environ.get("CRASH_AT_START"):
        what = "cannot start: connection to PostgreSQL refused: password authentication failed"
        fatal(int(number("CRASH_AT_START")), what, "coralserver.storage.Database.connect(Database.kt:41)")
    if number("EATS_MEMORY"):
        log(f"WARN: loading {number('EATS_MEMORY'):g} MiB into the cache")
        EATEN.append(b"x" * (int(number("EATS_MEMORY")) << 20))
    if number("SLOW_START"):
        log(f"WARN: slow start: loading for {number('SLOW_START'):g} s")
        threading.Event().wait(number("SLOW_START"))
    if number("CRASH_AFTER"):
        place = "coralserver.session.SessionManager.collect(SessionManager.kt:118)"
        what = "java.lang.OutOfMemoryError: Java heap space"
        timer = threading.Timer(number("CRASH_AFTER"), fatal, (137, what, place))
        timer.daemon = True
        timer.start()
