# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One module, two ways to run it.

A module of this collection is ``SPEC`` plus ``run(task)``. ``main()`` hands both to :func:`execute`, in a process of
its own; the action plugin hands the same two to the controller process. ``run`` sees only a :class:`Task`, so it
cannot tell the difference, and both ways return equal results.
"""

from __future__ import annotations

import datetime
import os
import signal
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from ansible_collections.steady.ecs.plugins.module_utils.rules import redact


class Failure(Exception):
    """A failure that people can act on: a message with the remedy, and fields that a playbook can test."""

    def __init__(self, msg: str, **fields: Any) -> None:
        super().__init__(msg)
        self.msg = msg
        self.fields = fields


class TooLate(Failure):
    """A write that was not sent, because our lease might have ended before AWS has carried it out. Certainly not sent:
    renew the lease and send it again."""


class Lease(Protocol):
    """What those who write or wait need of the lease that the task works under; see ``edges/held.py``."""

    ttl: int
    """Seconds for which it holds from the moment when it was sent."""

    def in_time(self) -> None:
        """Raise :class:`TooLate` unless a call that is sent now ends within the lease, and Failure where somebody else
        has changed what the call is about (edges/fence.py)."""

    def renew(self) -> None:
        """Renew it. Raises Failure when another run has it."""

    def renew_if_due(self) -> None:
        """Renew it when half of its time is over; called at each look of a wait."""


def _nothing(_text: str) -> None:
    """What a module process does with a progress line: Ansible shows a module's output only at its end."""


@dataclass
class Task:
    """Everything that ``run`` may know about its surroundings."""

    params: dict[str, Any]
    connection: Any
    """Makes clients; see ``edges/aws.py``, the only one to use it."""
    check_mode: bool = False
    report: Callable[[str], None] = _nothing
    """Show a line at once."""
    count: Callable[[str], None] = _nothing
    """Show a line that the next one replaces, on a terminal; nothing elsewhere."""
    warn: Callable[[str], None] = _nothing
    at_interrupt: list[Callable[[str], None]] = field(default_factory=list)
    """Called with the signal's name before the process dies of SIGINT or SIGTERM. One store write, nothing more."""
    lease: Lease | None = None
    """The lease that the task works under; None where it takes none."""

    def assure_lease(self) -> None:
        """Raise Failure where another run has the lease: what is not as we want it may be its work, and is no failure
        of ours (race 1318 of tests/faults/model)."""
        if self.lease is not None:
            self.lease.renew()


@dataclass
class Spec:
    """The argument spec of a module, and the rules across arguments (AnsibleModule's keywords)."""

    options: dict[str, Any]
    supports_check_mode: bool = True
    rules: dict[str, Any] = field(default_factory=dict)


def plain(value: Any) -> Any:
    """Copy a value into built-in JSON types: no tags, no lazy templates, no dates, no vault objects."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, (datetime.datetime, datetime.date)):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, dict):
        return {str(plain(key)): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    return "".join(str(value))


@dataclass
class _Shield:
    """How many blocks are shielded now, and the signal that waits for their end."""

    depth: int = 0
    waiting: int | None = None


_shield = _Shield()


@contextmanager
def shielded() -> Iterator[None]:
    """Put off what an interruption does until the block is over.

    A write of the store must not be begun again inside itself, for it holds a lock; and after a call that changes AWS
    the identity in its answer has to be noted, or the next run does not know its own work.
    """
    _shield.depth += 1
    try:
        yield
    finally:
        _shield.depth -= 1
        _deliver()


@contextmanager
def pausing() -> Iterator[None]:
    """Let an interruption through although the block is shielded, for nothing is being written while it pauses."""
    depth, _shield.depth = _shield.depth, 0
    try:
        _deliver()
        yield
    finally:
        _shield.depth = depth


def _deliver() -> None:
    if _shield.depth == 0 and _shield.waiting is not None:
        number, _shield.waiting = _shield.waiting, None
        os.kill(os.getpid(), number)


@contextmanager
def interruptible(task: Task) -> Iterator[None]:
    """Run the task's clean-up when SIGINT or SIGTERM arrives, then die of that signal as before.

    Ansible's worker dies of both without exception, ``finally``, rescue or always. The clean-up is protected against
    a second signal, and a clean-up that fails does not keep the process alive.
    """
    signals = (signal.SIGINT, signal.SIGTERM)

    def clean_up(number: int, _frame: object) -> None:
        if _shield.depth:
            _shield.waiting = number
            return
        for each in signals:
            signal.signal(each, signal.SIG_IGN)
        try:
            for step in task.at_interrupt:
                step(signal.Signals(number).name)
        finally:
            before = earlier[signal.Signals(number)]
            signal.signal(number, before if callable(before) else signal.SIG_DFL)
            os.kill(os.getpid(), number)

    # One that is ignored (nohup, a shell's background job) stays ignored.
    heeded = [each for each in signals if signal.getsignal(each) is not signal.SIG_IGN]
    earlier = {each: signal.signal(each, clean_up) for each in heeded}
    try:
        yield
    finally:
        for each, before in earlier.items():
            signal.signal(each, before)


def perform(task: Task, run: Callable[[Task], dict[str, Any]]) -> dict[str, Any]:
    """Call ``run`` and turn whatever happens into a result; both ways of running a module end here.

    Whatever AWS, an application or a record said is free of what a terminal or a CI system would obey.

    A defect of ours must not print a value that it was handed (an exception's text may quote one), so only the type
    of the exception and the places in our own code are shown.
    """
    try:
        with interruptible(task):
            result = run(task)
    except Failure as failure:
        result = {"failed": True, "msg": failure.msg, **failure.fields}
    except Exception as problem:  # noqa: BLE001 the last place that can keep a value out of the output
        places = [f"{frame.name} ({os.path.basename(frame.filename)}:{frame.lineno})" for frame in _frames(problem)]
        result = {
            "failed": True,
            "msg": f"A defect in steady.ecs, not in your declaration: {type(problem).__name__} in {places[-1]}. "
            "Nothing more was changed. Please report it with the places below.",
            "reason": "defect",
            "places": places,
        }
    answer: dict[str, Any] = redact.texts(plain(result))
    return answer


def _frames(problem: BaseException) -> traceback.StackSummary:
    return traceback.extract_tb(problem.__traceback__)


def execute(spec: Spec, run: Callable[[Task], dict[str, Any]]) -> None:
    """Run as an ordinary module in a process of its own."""
    from ansible.module_utils.basic import AnsibleModule, missing_required_lib
    from ansible_collections.amazon.aws.plugins.module_utils.modules import aws_argument_spec
    from ansible_collections.steady.ecs.plugins.module_utils.edges.aws import HAS_BOTO3, Connection

    class Module(AnsibleModule):  # type: ignore[misc]
        """Keeps the arguments out of ``-vvv`` and of the system's log: they hold values of environment variables."""

        def _log_invocation(self) -> None:
            pass

        def _return_formatted(self, kwargs: dict[str, Any]) -> None:
            super()._return_formatted({**kwargs, "invocation": {"module_args": {}}})

    module = Module(
        argument_spec={**aws_argument_spec(), **spec.options},
        supports_check_mode=spec.supports_check_mode,
        **spec.rules,
    )
    if not HAS_BOTO3:
        module.fail_json(msg=missing_required_lib("boto3"))
    task = Task(
        params=plain(module.params),
        connection=Connection(module.params),
        check_mode=module.check_mode,
        warn=lambda line: module.warn(redact.text(line)),
    )
    result = perform(task, run)
    if result.pop("failed", False):
        module.fail_json(**result)
    module.exit_json(**result)
