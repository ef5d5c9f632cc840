"""Ansible imported once; each play is a fork of this process, so that a thousand plays cost a half.

A fork is ansible-playbook in everything that matters here: a process of its own, in a session of its own, with the
signal handlers, the workers and the exit status of ansible-playbook. Two things differ, for time: the clock by which
the collection waits runs STEADY_HASTE times as fast, as the bed's does, and HTTP time-outs end at STEADY_HTTP_LIMIT.

Reads one JSON object a line, `{"arguments", "environment", "output"}`; answers with the process's id, then with its
exit status, as a shell would say it.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import time
import warnings
from typing import Any

import ansible.cli.playbook as cli
from ansible import constants
from ansible.plugins.loader import callback_loader, filter_loader, init_plugin_loader, test_loader

COLLECTION = "ansible_collections.steady.ecs.plugins"


class FastClock:
    """The collection's clock, with so many seconds in one."""

    def __init__(self, haste: float) -> None:
        self.haste = haste

    def now(self) -> float:
        """Seconds since some moment."""
        return time.clock_gettime(time.CLOCK_BOOTTIME) * self.haste

    def sleep(self, seconds: float) -> None:
        """Return after so many of them."""
        time.sleep(seconds / self.haste)


def warm_up() -> None:
    """Import what the plays need, and put the clock in."""
    init_plugin_loader([])
    for loader in (filter_loader, test_loader, callback_loader):
        list(loader.all(class_only=True))
    importlib.import_module(f"{COLLECTION}.callback.warm").CallbackModule().v2_playbook_on_start(None)
    waits = importlib.import_module(f"{COLLECTION}.module_utils.edges.waits")
    waits.clock = FastClock(float(os.environ["STEADY_HASTE"]))
    aws = importlib.import_module(f"{COLLECTION}.module_utils.edges.aws")
    real = aws.Config

    def hasty(**given: Any) -> Any:
        limit = float(os.environ.get("STEADY_HTTP_LIMIT", "30"))
        shorter = {name: min(given[name], limit) for name in ("connect_timeout", "read_timeout") if name in given}
        return real(**{**given, **shorter})

    aws.Config = hasty
    warnings.filterwarnings("ignore", message="AnsibleCollectionFinder has already been configured")


def become(order: dict[str, Any]) -> None:
    """Be ansible-playbook; does not return."""
    os.setsid()
    output = os.open(order["output"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    empty = os.open(os.devnull, os.O_RDONLY)
    for mine, theirs in ((empty, 0), (output, 1), (output, 2)):
        os.dup2(mine, theirs)
    os.environ.update(order["environment"])
    if order.get("largest_file") is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (order["largest_file"], resource.RLIM_INFINITY))
    os.makedirs(constants.DEFAULT_LOCAL_TMP, exist_ok=True)  # the fork before this one removed it at its end
    cli.PlaybookCLI.cli_executor(["ansible-playbook", *order["arguments"]])


def main() -> None:
    """Until stdin ends."""
    orders, answers = os.fdopen(os.dup(0), "r"), os.fdopen(os.dup(1), "w", buffering=1)
    sys.stdin, sys.stdout = open(os.devnull), open(os.devnull, "w")  # noqa: SIM115 for the process's life
    warm_up()
    answers.write("ready\n")
    for line in orders:
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            orders.close()
            answers.close()
            sys.stdin, sys.stdout = os.fdopen(0, "r"), os.fdopen(1, "w")
            become(order)
        answers.write(f"{pid}\n")
        status = os.waitpid(pid, 0)[1]
        answers.write(f"{128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)}\n")


if __name__ == "__main__":
    main()
