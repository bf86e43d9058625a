"""What the user sees while a command works: progress bars on a terminal, plain lines in a log file."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import FrameType
from typing import IO, TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from segarena.errors import Interrupted
from segarena.experiment.progress import Reporter, TrainingListener
from segarena.formats import duration, percent
from segarena.streams import make_printable

if TYPE_CHECKING:  # `check` needs no torch
    from segarena.training.engine import Step


class _PlainConsole(Console):
    """A console that prints on any terminal, see `make_printable`; also where no command line was parsed."""

    @property
    def file(self) -> IO[str]:
        """The stream that is written to, of this moment."""
        stream: IO[str] = make_printable(super().file)
        return stream

    @file.setter
    def file(self, stream: IO[str]) -> None:
        self._file = stream


#: Everything that a command prints goes through here.
console = _PlainConsole(highlight=False, soft_wrap=True)


class TerminalReporter(Reporter):
    """Shows the messages and the progress of an experiment."""

    def say(self, text: str, *, title: str = "") -> None:
        """Print the message; the title is bold."""
        console.print(f"[bold]{escape(title)}[/bold]: {escape(text)}" if title else escape(text))

    def progress(self, what: str) -> AbstractContextManager[Callable[[int, int], None]]:
        """Show a bar."""
        return show_progress(what)

    def training(self, title: str, epochs: int) -> AbstractContextManager[TrainingListener]:
        """Show a bar for each epoch, and a line when it is finished."""
        return _TrainingProgress(title, epochs)


@contextmanager
def show_progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar, and give the function (done, total) that moves it; without a terminal nothing is shown."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(what, total=None)

        def move(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        yield move


class _TrainingProgress(TrainingListener):
    """A bar within the epoch and a line for each finished one: loss, validation mIoU, images/s, time left."""

    def __init__(self, title: str, epochs: int) -> None:
        self.title, self.epochs = title, epochs
        self.seconds: list[float] = []
        self.bar = Progress(
            TextColumn("  {task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[facts]}"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self.task = self.bar.add_task("starting", total=None, facts="")

    def __enter__(self) -> _TrainingProgress:
        console.print(f"[bold]{escape(self.title)}[/bold]")
        self.bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.bar.stop()

    def on_step(self, step: Step) -> None:
        self.bar.update(
            self.task,
            description=f"epoch {step.epoch}/{self.epochs}",
            completed=step.step,
            total=step.steps,
            facts=f"loss {step.loss:.3f}  {step.images_per_second:.1f} images/s",
        )

    def on_epoch(self, row: dict[str, Any], is_best: bool) -> None:
        self.seconds.append(row["seconds"])
        left = (self.epochs - row["epoch"]) * sum(self.seconds) / len(self.seconds)
        console.print(
            f"  epoch {row['epoch']:>3}/{self.epochs}  loss {row['train_loss']:.3f}"
            f"  val mIoU {percent(row['val_miou']):>6}{' *' if is_best else '  '}"
            f"  {row['images_per_second']:6.1f} images/s  at most {duration(left)} left"
        )


@contextmanager
def catch_interrupt(*, resume: str) -> Iterator[Callable[[], bool]]:
    """Give the function that returns whether Ctrl-C was pressed; a second Ctrl-C stops at once, without saving.

    Args:
        resume: The command line that resumes the work.

    Raises:
        Interrupted: The work was stopped and saved; the message has `resume`.
    """
    pressed = threading.Event()

    def note(number: int, frame: FrameType | None) -> None:
        if pressed.is_set():
            raise KeyboardInterrupt
        pressed.set()
        console.print("\nStopping after this step and saving; press Ctrl-C again to stop at once, without saving.")

    is_main = threading.current_thread() is threading.main_thread()  # signals reach the main thread only
    before = signal.signal(signal.SIGINT, note) if is_main else None
    try:
        yield pressed.is_set
    except Interrupted as stop:
        raise Interrupted(f"{stop}. Resume with: {resume}") from stop
    finally:
        if is_main:
            signal.signal(signal.SIGINT, before)
