"""Numbers the task borders of a play and, at the wanted one, ends ansible-playbook as a user's kill would.

`STEADY_BORDERS` names the file that gets one line a border; `STEADY_CUT_AT` and `STEADY_CUT_BY` say where and by which
signal. The whole process group gets it, as from Ctrl-C at a terminal or a pipeline's cancellation.
"""

from __future__ import annotations

import os
import signal
import time

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: borders
type: aggregate
short_description: Cut a play at a border between two tasks
description: For tests only.
author: The steady.ecs authors
"""


class CallbackModule(CallbackBase):
    """A border is the moment before a task begins, and the one after the last task."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "borders"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._reached = 0

    def v2_playbook_on_task_start(self, task, is_conditional):
        self._border(task.get_name())

    def v2_playbook_on_stats(self, stats):
        self._border("the end")

    def _border(self, name):
        self._reached += 1
        place = os.environ.get("STEADY_BORDERS")
        if place:
            with open(place, "a", encoding="utf-8") as file:
                file.write(f"{self._reached} {name}\n")
        if str(self._reached) == os.environ.get("STEADY_CUT_AT"):
            os.killpg(0, signal.Signals[os.environ["STEADY_CUT_BY"]])
            while True:  # until the signal has arrived: no pause(), for another thread may be the one that it wakes
                time.sleep(0.01)
