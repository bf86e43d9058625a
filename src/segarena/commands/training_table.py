"""The progress of trainings that run side by side: one table on a terminal, plain lines with their names elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

from rich.markup import escape

from segarena.commands.log import Log
from segarena.commands.terminal import console
from segarena.commands.training_lines import TrainingLines, describe_left, training_bars
from segarena.experiment.progress import TrainingListener, TrainingStart
from segarena.formats import percent

if TYPE_CHECKING:
    from segarena.training.state import Step


class TrainingTable:
    """A row for each training that runs: its name, epochs, loss and best validation mIoU; and the time left for all."""

    def __init__(self) -> None:
        self._running = 0
        self.progress = training_bars()

    def __enter__(self) -> Self:
        self.progress.start()
        self._total = self.progress.add_task("all", total=None, facts="", visible=False)
        return self

    def __exit__(self, *exception: object) -> None:
        self.progress.stop()

    def show_left(self, seconds_left: float | None) -> None:
        """Show the time that is left for all trainings."""
        if left := describe_left(seconds_left):
            self.progress.update(self._total, facts=left)

    @contextmanager
    def row(self, start: TrainingStart) -> Iterator[TrainingListener]:
        """Give a training its row, as long as it runs; its run folder has a log of its own."""
        row = _Row(start, self)
        self._running += 1
        self.progress.update(self._total, total=start.total, completed=start.number - self._running, visible=True)
        try:
            yield row
        except BaseException as error:
            row.log.add_error(error)
            raise
        finally:
            self._running -= 1
            self.progress.remove_task(row.task)
            self.progress.advance(self._total)


class _Row(TrainingLines):
    """One training among several that run at a time."""

    def __init__(self, start: TrainingStart, table: TrainingTable) -> None:
        super().__init__(start)
        self.table = table
        self.log = Log()
        self.log.open(start.folder)
        self.task = table.progress.add_task(start.title, total=None, facts="")
        self.show(f"begins (training {start.number} of {start.total})")

    def on_step(self, step: Step, seconds_left: float | None) -> None:
        done = (step.epoch - 1) * step.steps + step.step
        facts = "  ".join(filter(None, (f"epoch {step.epoch}/{self.start.epochs}  loss {step.loss:.3f}", self.best)))
        self.table.progress.update(self.task, completed=done, total=self.start.epochs * step.steps, facts=facts)
        self.table.show_left(seconds_left)

    def on_epoch(self, row: dict[str, Any], is_best: bool, seconds_left: float | None) -> None:
        if is_best:
            self.best = f"best {percent(row['val_miou'])}"
        super().on_epoch(row, is_best, seconds_left)
        self.table.show_left(seconds_left)

    def show(self, text: str) -> None:
        console.print(f"[bold]{escape(self.start.title)}[/bold]: {escape(text)}")
        self.log.add(text)

    def detail(self, text: str) -> None:
        console.detail(f"{self.start.title}: {text}")
        self.log.add(text)

    def warn(self, text: str, joint: str) -> None:
        super().warn(text, joint)
        self.log.add(text)
