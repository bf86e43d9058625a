"""Several tasks at a time, each in a process of its own on this machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from types import ModuleType
from typing import Any, Generic

from segarena.errors import Interrupted
from segarena.experiment.executors.child import FINISHED, SIGNALS, STOP, RemoteTraceback, work
from segarena.experiment.executors.task import Executor, Observer, ProcessDied, Task_contra

#: Seconds between two looks at the processes where none sends anything.
_LOOK = 0.1
#: Seconds that a process may take to end once its task has ended.
_END = 10.0


class Processes(Executor):
    """Runs a number of tasks at a time. Each gets a new process, which begins with an interpreter of its own.

    A process survives neither its task nor this process: where this one ends, even by SIGKILL, the tasks save and stop.

    Args:
        number: Tasks at a time.
        environments: Environment variables of the first task that runs at a time, of the second one, ...; none where
            there are fewer.
    """

    def __init__(self, number: int, environments: Sequence[Mapping[str, str]] = ()) -> None:
        self._number = number
        self._environments = [*environments, *[{}] * number][:number]

    def run(
        self, tasks: Iterable[Task_contra], observer: Observer[Task_contra], should_stop: Callable[[], bool]
    ) -> None:
        """Run the tasks; see `Executor.run`."""
        waiting, free = iter(tasks), list(range(self._number))
        running: list[_Child[Task_contra]] = []
        failures: list[Exception] = []
        is_complete = False
        try:
            while running or not (is_complete or failures or should_stop()):
                stops = bool(failures) or should_stop()
                while free and not (stops or failures or is_complete):
                    try:
                        task = next(waiting, None)
                        is_complete = task is None
                        if task is not None:
                            running.append(_Child.start(task, free[0], self._environments[free.pop(0)]))
                    except Exception as error:  # those that run save and stop
                        failures.append(error)
                failures += _look(running, observer, should_stop, stops=stops)
                gone = [child for child in running if child.is_gone]
                running = [child for child in running if child not in gone]
                free += [child.slot for child in gone]
        finally:
            for child in running:
                child.kill()
        if errors := [failure for failure in failures if not isinstance(failure, Interrupted)]:
            raise errors[0]
        if failures:
            raise Interrupted("; ".join(map(str, failures)))
        if not is_complete and next(waiting, None) is not None:
            raise Interrupted("stopped between two trainings")


def _look(
    running: Sequence[_Child[Task_contra]],
    observer: Observer[Task_contra],
    should_stop: Callable[[], bool],
    *,
    stops: bool,
) -> list[Exception]:
    """Wait for a moment, and pass on what the tasks have sent. Returns what the observer raised."""
    for child in running:
        if stops:
            child.ask_to_stop()
    open_ones = [child.connection for child in running if not child.has_ended]
    if open_ones:
        wait(open_ones, _LOOK)
    else:
        time.sleep(_LOOK / 10)  # the last processes are ending
    failures: list[Exception] = []
    for child in running:
        try:
            child.receive(observer, should_stop)
        except Exception as error:
            failures.append(error)
    return failures


@dataclass(eq=False)
class _Child(Generic[Task_contra]):
    """A task and its process."""

    task: Task_contra
    slot: int
    process: Any
    connection: Connection[Any, Any]
    has_ended: bool = False
    is_asked: bool = False
    ended: float = field(default=0.0)

    @classmethod
    def start(cls, task: Task_contra, slot: int, environment: Mapping[str, str]) -> _Child[Task_contra]:
        """Start the process of a task."""
        own, other = multiprocessing.Pipe()
        process = multiprocessing.get_context("spawn").Process(target=work, args=(other, task), name=task.name)
        if os.name == "posix":
            resource_tracker.ensure_running()  # where it is started in the block, signals are not kept back after it
        with _environment(environment), _signals_kept_back(), _without_main_module():
            process.start()
        other.close()
        return cls(task, slot, process, own)

    @property
    def is_gone(self) -> bool:
        """Whether the process has ended; one that does not end after its task is ended."""
        if self.has_ended and self.process.is_alive() and time.monotonic() - self.ended > _END:
            self.process.kill()
        if self.process.is_alive() or not self.has_ended:
            return False
        self.process.join()
        self.connection.close()
        return True

    def ask_to_stop(self) -> None:
        """Ask the task to save and stop, once."""
        if not self.is_asked and not self.has_ended:
            self.is_asked = True
            with suppress(OSError):
                self.connection.send(STOP)

    def receive(self, observer: Observer[Task_contra], should_stop: Callable[[], bool]) -> None:
        """Pass on what has been sent, and note the end of the task or of its process."""
        is_alive = self.process.is_alive()  # asked first: what a process sent before its end is there
        while not self.has_ended:
            try:
                if not self.connection.poll():
                    break
                kind, content = self.connection.recv()
            except (EOFError, OSError):
                self.process.join(_END)
                is_alive = False
                break
            if kind == FINISHED:
                error = None if content is None else _located(*content)
                if isinstance(error, Interrupted) and not (self.is_asked or should_stop()):
                    error = ProcessDied(-signal.SIGTERM, str(error))  # it alone was stopped
                self._end(observer, error)
            else:
                observer.on_event(self.task, content)
        if not is_alive and not self.has_ended:
            died = ProcessDied(self.process.exitcode or 0)
            is_stopped = self.is_asked or should_stop()
            self._end(observer, Interrupted("its process ended before it had saved again") if is_stopped else died)

    def _end(self, observer: Observer[Task_contra], error: Exception | None) -> None:
        self.has_ended, self.ended = True, time.monotonic()
        observer.on_end(self.task, error)

    def kill(self) -> None:
        """End the process at once."""
        self.process.kill()
        self.process.join()
        self.connection.close()


def _located(error: Exception, place: str) -> Exception:
    """The error of another process, with its traceback there as its cause."""
    error.__cause__ = RemoteTraceback(f"in the process of the task:\n{place}")
    return error


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables in the block; a process that is started there keeps them."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _signals_kept_back() -> Iterator[None]:
    """Keep signals back in the block. A process that is started there does not see them until it is ready to."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _without_main_module() -> Iterator[None]:
    """Hide the program that runs: a process that is started in the block does not import it.

    `multiprocessing` would import it, and a script without `if __name__ == "__main__"` would begin again.
    """
    before = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = before
