"""The tick, ten times a second and when the API wakes it: every task and every deployment moves one step.

Its thread is the only one that moves a task on (the API makes them and asks them to stop), and the only one that starts
processes (see engine.py). Containers are launched without the bed's lock: a task of nine must not hold up the API and
the load balancers.
"""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import TypeVar

from .ecs import Ecs
from .ecs.state import Task
from .rollout import Rollouts
from .tasks_runtime import TaskRuntime

TICK = 0.1  # seconds of real time
BREATH = 0.01  # the shortest time between two ticks
T = TypeVar("T")


class Scheduler:
    def __init__(
        self,
        regions: Callable[[], Iterable[Ecs]],
        lock: threading.RLock,
        runtime: TaskRuntime,
        rollouts: Rollouts,
        died: Callable[[], None],
    ) -> None:
        self.regions, self.lock, self.runtime, self.rollouts, self.died = regions, lock, runtime, rollouts, died
        self._awake, self._closing = threading.Event(), threading.Event()
        self._errands: list[Callable[[], None]] = []
        self._thread = threading.Thread(target=self._run, daemon=True, name="scheduler")

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        self._awake.set()

    def close(self) -> None:
        """No more starts. The thread ends, and with it whatever process is still there: stop them first."""
        self._closing.set()
        self._awake.set()
        self._thread.join(10)

    def do(self, errand: Callable[[], T]) -> T:
        """Have the scheduler's thread run `errand` between two ticks, and give its result."""
        future: Future[T] = Future()

        def run() -> None:
            try:
                future.set_result(errand())
            except (OSError, ValueError) as e:
                future.set_exception(e)

        with self.lock:
            self._errands.append(run)
        self.wake()
        return future.result(30)

    def _run(self) -> None:
        try:
            while not self._closing.is_set():
                self._awake.clear()
                self._round()
                self._awake.wait(TICK)
                self._closing.wait(BREATH)
        finally:
            if not self._closing.is_set():
                self.died()  # a defect of the bed: it ends rather than answer from a state that stands still

    def _round(self) -> None:
        with self.lock:
            errands, self._errands = self._errands, []
        for errand in errands:
            errand()
        with self.lock:
            pending = [found for ecs in self.regions() for found in self._tick(ecs)]
        for ecs, task in pending:
            problem = self.runtime.launch(ecs, task) if task.wanted == "RUNNING" else "Task stopped before it started"
            with self.lock:
                self.runtime.launched(ecs, task, problem)
        if pending:
            self.wake()

    def _tick(self, ecs: Ecs) -> list[tuple[Ecs, Task]]:
        pending = [(ecs, t) for t in list(ecs.tasks.values()) if self.runtime.move(ecs, t)]
        for service in list(ecs.services.values()):
            self.rollouts.step(ecs, service)
        return pending
