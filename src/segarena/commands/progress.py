"""The progress of an experiment: bars on a terminal, a line in a notebook, plain lines in a pipe and in the log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from segarena.commands.notebook import LiveLine, in_notebook
from segarena.commands.plain_console import PlainColumn
from segarena.commands.terminal import console, keep_log, log_also_in
from segarena.commands.training_lines import TrainingLines, describe_left, training_bars
from segarena.commands.training_table import TrainingTable
from segarena.experiment.progress import Reporter, TrainingListener, TrainingStart
from segarena.formats import percent, plural

if TYPE_CHECKING:  # `check` needs no torch
    from segarena.training.state import Step


#: Columns of a terminal that has room for all facts beside a bar.
_WIDE = 95


class TerminalReporter(Reporter):
    """Shows the messages and the progress of an experiment."""

    #: The folder whose log.txt is written once the trainings begin.
    folder: Path | None = None
    _table: TrainingTable | None = None

    def begin(self) -> None:
        """Write the log from now on."""
        if self.folder is not None:
            keep_log(self.folder)

    def say(self, text: str, *, title: str = "") -> None:
        """Print the message; the title is bold."""
        console.print(f"[bold]{escape(title)}[/bold]: {escape(text)}" if title else escape(text))

    def detail(self, text: str) -> None:
        """Print the message with --verbose only."""
        console.detail(text)

    def warn(self, text: str, *, title: str = "warning") -> None:
        """Print the warning."""
        console.warn(text, title=title)

    def progress(self, what: str) -> AbstractContextManager[Callable[[int, int], None]]:
        """Show a bar."""
        return show_progress(what)

    @contextmanager
    def side_by_side(self, number: int) -> Iterator[None]:
        """Show one table of the trainings that run at a time; each line has the name of its training."""
        console.print(f"{plural(number, 'training')} at a time")
        with TrainingTable() as table:
            self._table = table
            try:
                yield
            finally:
                self._table = None

    @contextmanager
    def training(self, start: TrainingStart) -> Iterator[TrainingListener]:
        """Show a bar for each epoch, and a line when it is finished; its run folder has a log of its own."""
        if self._table is not None:
            with self._table.row(start) as listener:
                yield listener
            return
        with log_also_in(start.folder), _TrainingProgress(start) as listener:
            yield listener


@contextmanager
def show_progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar, and give the function (done, total) that moves it; in a pipe nothing is shown."""
    line = LiveLine(console.shows_live_lines)
    columns = (PlainColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console.rich, transient=True, disable=not console.shows_bars) as progress:
        task = progress.add_task(what, total=None)

        def move(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)
            line.show(what, done, total)

        try:
            yield move
        finally:
            line.remove()


class _TrainingProgress(TrainingLines):
    """A bar within the epoch and a line for each finished one: loss, validation mIoU, time left for all trainings."""

    def __init__(self, start: TrainingStart) -> None:
        super().__init__(start)
        self.line = LiveLine(console.shows_live_lines)
        self.bar = training_bars()
        self.task = self.bar.add_task("starting", total=None, facts="")

    def __enter__(self) -> _TrainingProgress:
        place = f" (training {self.start.number} of {self.start.total})" if self.start.total > 1 else ""
        left = describe_left(self.start.seconds_left)
        console.print(f"[bold]{escape(self.start.title)}[/bold]{place}{f', {left}' if left else ''}")
        self.bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.bar.stop()
        self.line.remove()
        if in_notebook() and self.best:
            console.print(f"  {self.best}")

    def on_step(self, step: Step, seconds_left: float | None) -> None:
        left = describe_left(seconds_left)
        rate = f"{step.images_per_second:.1f} images/s" if console.rich.width >= _WIDE else ""
        self.bar.update(
            self.task,
            description=f"epoch {step.epoch}/{self.start.epochs}",
            completed=step.step,
            total=step.steps,
            facts="  ".join(filter(None, (f"loss {step.loss:.3f}", left, rate))),
        )
        epoch = f"epoch {step.epoch}/{self.start.epochs}  loss {step.loss:.3f}"
        done = (step.epoch - 1) * step.steps + step.step
        self.line.show(f"{epoch}  {self.best}  {left}", done, self.start.epochs * step.steps)

    def on_epoch(self, row: dict[str, Any], is_best: bool, seconds_left: float | None) -> None:
        if is_best:
            self.best = f"best epoch {row['epoch']}, val mIoU {percent(row['val_miou'])}"
        super().on_epoch(row, is_best, seconds_left)

    def show_epoch(self, text: str) -> None:
        show = console.detail if in_notebook() else console.print  # there `line` shows it
        show(f"  {text}")

    def show(self, text: str) -> None:
        console.print(f"  {text}")

    def detail(self, text: str) -> None:
        console.detail(f"    {text}")
