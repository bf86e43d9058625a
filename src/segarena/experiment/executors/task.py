"""The interface of the executors: tasks, what they send while they work, and who receives it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar


class Channel(Protocol):
    """What a task has of the process that started it."""

    def send(self, event: object) -> None:
        """Send something that can be pickled; the observer receives what a task sends in its order."""

    def should_stop(self) -> bool:
        """Whether the task is to save its state and raise Interrupted. It is asked after each step."""


class Task(Protocol):
    """A piece of work that can be pickled. It raises an error where it fails, and Interrupted where it was stopped."""

    @property
    def name(self) -> str:
        """What it is called in messages."""

    def __call__(self, channel: Channel) -> None:
        """Do the work."""


Task_contra = TypeVar("Task_contra", bound=Task, contravariant=True)


class Observer(Protocol[Task_contra]):
    """Receives the progress of all tasks, in the process that started them, one call after the other."""

    def on_event(self, task: Task_contra, event: object) -> None:
        """Called with what a task has sent."""

    def on_again(self, task: Task_contra, why: str) -> None:
        """Called where the process or the machine of a task was lost, and it is started again elsewhere.

        Args:
            task: The task.
            why: What was lost, as a phrase.
        """

    def on_end(self, task: Task_contra, error: Exception | None) -> None:
        """Called at the end of each task that was started.

        Args:
            task: The task.
            error: None where the work is done, otherwise what the task raised, or `ProcessDied`.

        Raises:
            Exception: No further task is started, those that run are stopped, and then this is raised.
        """


class ProcessDied(Exception):  # noqa: N818 - it is no error of the task
    """The process of a task ended before the task did: it was killed, stopped by a signal of its own, or crashed.

    Args:
        status: The exit status; minus the number of the signal that ended it.
        saved: What the task did before, where it could.
        what: How it was lost, where there is no status that shows it.
    """

    def __init__(self, status: int, saved: str = "", what: str = "") -> None:
        super().__init__(status)
        self.status, self.saved, self.what = status, saved, what


class Executor(ABC):
    """Runs tasks. How many at a time, and where, is what the executors differ in."""

    @abstractmethod
    def run(
        self, tasks: Iterable[Task_contra], observer: Observer[Task_contra], should_stop: Callable[[], bool]
    ) -> None:
        """Run the tasks, and return once all have ended.

        Args:
            tasks: The tasks. The next one is asked for when it can be started.
            observer: Receives their progress and their ends.
            should_stop: Whether all are to stop; called several times a second.

        Raises:
            Exception: What the observer raised first, or why the next task could not be started.
            Interrupted: `should_stop` returned True, and no task was running that could have raised it.
        """
