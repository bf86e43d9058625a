"""Several tasks at a time, each in a place of its own: what the executors have in common that run tasks elsewhere."""

from __future__ import annotations

import signal
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Generic

from segarena.errors import Interrupted
from segarena.experiment.executors.task import Executor, Observer, ProcessDied, Task_contra

#: The kinds of messages of a task: what it reports, that it was lost and is started again, and how it ended.
EVENT, AGAIN, FINISHED = "event", "again", "finished"


class Running(ABC, Generic[Task_contra]):
    """A task that has been started. A kind of place is a class of these.

    Args:
        task: The task.
    """

    def __init__(self, task: Task_contra) -> None:
        self.task = task
        self.has_ended = self.is_asked = False

    @abstractmethod
    def receive(self) -> Iterator[tuple[str, object]]:
        """Yield the messages that have arrived, without waiting, in their order.

        They are (EVENT, what the task has sent), (AGAIN, why its place was lost), and (FINISHED, the error or None),
        which is the last one. Where the place was lost for good, the error is `ProcessDied`. A message is taken when it
        is asked for: those that follow it are kept if nobody asks for them.
        """

    @abstractmethod
    def ask_to_stop(self) -> None:
        """Ask the task to save and stop; called once."""

    @property
    @abstractmethod
    def is_gone(self) -> bool:
        """Whether its place is free again; asked for once the task has ended."""

    @abstractmethod
    def kill(self) -> None:
        """End the task at once; it may have ended."""


class Pool(Executor):
    """Runs tasks in a number of places. A subclass decides what a place is, and how many there are."""

    @property
    @abstractmethod
    def places(self) -> int:
        """How many tasks may run at a time, now."""

    @abstractmethod
    def start(self, task: Task_contra, beside: Sequence[Running[Task_contra]]) -> Running[Task_contra]:
        """Start a task.

        Args:
            task: The task.
            beside: Those that run.

        Raises:
            Exception: It cannot be started. Those that run save and stop, and then this is raised.
        """

    @abstractmethod
    def wait(self, running: Sequence[Running[Task_contra]]) -> None:
        """Wait until one of the tasks has sent something, and for a fraction of a second at most."""

    def run(
        self, tasks: Iterable[Task_contra], observer: Observer[Task_contra], should_stop: Callable[[], bool]
    ) -> None:
        """Run the tasks; see `Executor.run`."""
        waiting = iter(tasks)
        running: list[Running[Task_contra]] = []
        failures: list[Exception] = []
        is_complete = False
        try:
            while running or not (is_complete or failures or should_stop()):
                stops = bool(failures) or should_stop()
                while not (stops or failures or is_complete) and len(running) < self.places:
                    try:
                        task = next(waiting, None)
                        is_complete = task is None
                        if task is not None:
                            running.append(self.start(task, running))
                    except Exception as error:  # those that run save and stop
                        failures.append(error)
                failures += self._look(running, observer, should_stop, stops=stops)
                running = [one for one in running if not (one.has_ended and one.is_gone)]
        finally:
            for one in running:
                one.kill()
        if errors := [failure for failure in failures if not isinstance(failure, Interrupted)]:
            raise errors[0]
        if failures:
            raise Interrupted("; ".join(map(str, failures)))
        if not is_complete and next(waiting, None) is not None:
            raise Interrupted("stopped between two trainings")

    def _look(
        self,
        running: Sequence[Running[Task_contra]],
        observer: Observer[Task_contra],
        should_stop: Callable[[], bool],
        *,
        stops: bool,
    ) -> list[Exception]:
        """Wait for a moment, and pass on what the tasks have sent. Returns what the observer raised."""
        for one in running:
            if stops and not (one.is_asked or one.has_ended):
                one.is_asked = True
                one.ask_to_stop()
        self.wait(running)
        failures: list[Exception] = []
        for one in running:
            try:
                _pass_on(one, observer, should_stop)
            except Exception as error:
                failures.append(error)
        return failures


def _pass_on(one: Running[Task_contra], observer: Observer[Task_contra], should_stop: Callable[[], bool]) -> None:
    """Pass on what a task has sent."""
    if one.has_ended:
        return
    for kind, content in one.receive():
        if kind == EVENT:
            observer.on_event(one.task, content)
        elif kind == AGAIN:
            observer.on_again(one.task, str(content))
        else:
            one.has_ended = True
            error = content if isinstance(content, Exception) else None
            is_stopped = one.is_asked or should_stop()
            if isinstance(error, ProcessDied) and is_stopped:
                error = Interrupted("its process ended before it had saved again")
            elif isinstance(error, Interrupted) and not is_stopped:
                error = ProcessDied(-signal.SIGTERM, str(error))  # it alone was stopped
            observer.on_end(one.task, error)
            return
