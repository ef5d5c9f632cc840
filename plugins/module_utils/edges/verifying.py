# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The wait of a verification: look again until all is well, and say what is waited for."""

from __future__ import annotations

from collections.abc import Callable

from ansible_collections.steady.ecs.plugins.module_utils.edges import waits
from ansible_collections.steady.ecs.plugins.module_utils.rules import checks, health, progress
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Task


class Watch:
    """Looks until no check fails, no waiting can help, or the time is over; and says what is waited for."""

    def __init__(self, task: Task, look: Callable[[], list[checks.Check]]) -> None:
        self.task, self.look = task, look
        self.timeout = task.params["wait_timeout"]
        self.lasting: list[str] = []
        self.missed: Failure | None = None
        self.said, self.said_at = "", 0.0

    def poll(self, elapsed: float) -> bool | None:
        """One look. False when it need not be repeated. An answer that is missing in passing is waited for."""
        if self.task.lease:
            self.task.lease.renew_if_due()
        try:
            found = self.look()
        except Failure as failure:
            if not waits.passing(failure):
                raise
            self.missed = failure
            self.say(elapsed, f"could not look, looking on: {failure.msg}")
            return None
        self.missed, wrong = None, checks.failed(found)
        if not wrong:
            return True
        before, self.lasting = self.lasting, health.lasting(found)
        # Seen twice, for a single answer of AWS may be old, and a false failure would set off a rollback.
        if self.lasting and self.lasting == before:
            return False
        self.say(elapsed, f"not yet: {', '.join(each['name'] for each in wrong)}")
        return None

    def say(self, elapsed: float, words: str) -> None:
        """Show what is waited for when it changes, and at least every 15 s."""
        line = f"{progress.clock_text(elapsed)}  {words}"
        self.task.count(line)
        if elapsed < self.timeout and (words != self.said or elapsed - self.said_at >= progress.SILENCE):
            self.said, self.said_at = words, elapsed
            self.task.report(line)

    def run(self) -> None:
        """Raises the Failure that kept us from the last look: what an older one saw may be past (case C78)."""
        waits.until(self.poll, self.timeout, self.task.params["wait_delay"])
        if self.missed is not None:
            raise self.missed
