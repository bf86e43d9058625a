"""One task after the other, in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from segarena.experiment.executors.task import Executor, Observer, Task_contra


@dataclass(frozen=True)
class _Direct:
    """The channel of a task in this process: what it sends is received at once."""

    send: Callable[[object], None]
    should_stop: Callable[[], bool]


class Serial(Executor):
    """Runs the tasks in turn."""

    def run(
        self, tasks: Iterable[Task_contra], observer: Observer[Task_contra], should_stop: Callable[[], bool]
    ) -> None:
        """Run the tasks; see `Executor.run`."""
        for task in tasks:
            error: Exception | None = None
            try:
                task(_Direct(partial(observer.on_event, task), should_stop))
            except Exception as caught:
                error = caught
            observer.on_end(task, error)
