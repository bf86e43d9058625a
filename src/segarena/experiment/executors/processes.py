"""Several tasks at a time, each in a process of its own on this machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from types import ModuleType

from segarena.experiment.executors.child import SIGNALS, STOP, located, work
from segarena.experiment.executors.pool import FINISHED, Pool, Running
from segarena.experiment.executors.task import ProcessDied, Task_contra

#: Seconds between two looks at the processes where none sends anything.
_LOOK = 0.1
#: Seconds that a process may take to end once its task has ended.
_END = 10.0


class Processes(Pool):
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

    @property
    def places(self) -> int:
        """As many as were asked for."""
        return self._number

    def start(self, task: Task_contra, beside: Sequence[Running[Task_contra]]) -> Running[Task_contra]:
        """Start the process of a task, in the first place that is free."""
        used = {child.slot for child in beside if isinstance(child, _Child)}
        slot = next(slot for slot in range(self._number) if slot not in used)
        return _Child(task, slot, self._environments[slot])

    def wait(self, running: Sequence[Running[Task_contra]]) -> None:
        """Wait for the connection of one of the processes."""
        open_ones = [child.connection for child in running if isinstance(child, _Child) and not child.has_ended]
        if open_ones:
            wait(open_ones, _LOOK)
        else:
            time.sleep(_LOOK / 10)  # the last processes are ending


class _Child(Running[Task_contra]):
    """A task and its process."""

    def __init__(self, task: Task_contra, slot: int, environment: Mapping[str, str]) -> None:
        super().__init__(task)
        self.slot, self._ended = slot, 0.0
        self.connection, other = multiprocessing.Pipe()
        self.process = multiprocessing.get_context("spawn").Process(target=work, args=(other, task), name=task.name)
        if os.name == "posix":
            resource_tracker.ensure_running()  # where it is started in the block, signals are not kept back after it
        try:
            with _environment(environment), _signals_kept_back(), _without_main_module():
                self.process.start()
        except BaseException:
            self.connection.close()
            raise
        finally:
            other.close()

    def receive(self) -> Iterator[tuple[str, object]]:
        """Yield what the process has sent, or that it has died; see `Running.receive`."""
        is_alive = self.process.is_alive()  # asked first: what a process sent before its end is there
        while True:
            try:
                if not self.connection.poll():
                    break
                kind, content = self.connection.recv()
            except (EOFError, OSError):
                self.process.join(_END)
                is_alive = False
                break
            if kind == FINISHED:
                self._ended = time.monotonic()
                content = None if content is None else located(*content)
            yield kind, content
        if not is_alive:
            self._ended = time.monotonic()
            yield FINISHED, ProcessDied(self.process.exitcode or 0)

    def ask_to_stop(self) -> None:
        """Send the message."""
        with suppress(OSError):
            self.connection.send(STOP)

    @property
    def is_gone(self) -> bool:
        """Whether the process has ended; one that does not end after its task is ended."""
        if self.process.is_alive() and time.monotonic() - self._ended > _END:
            self.process.kill()
        if self.process.is_alive():
            return False
        self.process.join()
        self.connection.close()
        return True

    def kill(self) -> None:
        """End the process at once."""
        self.process.kill()
        self.process.join()
        self.connection.close()


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
