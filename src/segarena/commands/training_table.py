"""The progress of trainings that run side by side: one table on a terminal, plain lines with their names elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from segarena.commands.log import Log
from segarena.commands.terminal import console
from segarena.experiment.progress import TrainingListener, TrainingStart
from segarena.formats import percent, plural, rough_duration
from segarena.records.metrics import RESTARTS

if TYPE_CHECKING:
    from segarena.training.state import Step

#: Steps that are named one by one when they are left out.
SKIPS_SHOWN = 5


class TrainingTable:
    """A row for each training that runs: its name, epochs, loss and best validation mIoU; and the time left for all."""

    def __init__(self) -> None:
        self._running = 0
        self.progress = Progress(
            TextColumn("  {task.description}"),
            BarColumn(bar_width=10),
            MofNCompleteColumn(),
            TextColumn("{task.fields[facts]}"),
            console=console.rich,
            transient=True,
            disable=not console.shows_bars,
        )

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


class _Row(TrainingListener):
    """One training among several that run at a time."""

    def __init__(self, start: TrainingStart, table: TrainingTable) -> None:
        self.start, self.table, self.best = start, table, ""
        self.log = Log()
        self.log.open(start.folder)
        self.task = table.progress.add_task(escape(start.title), total=None, facts="")
        self._show(f"begins (training {start.number} of {start.total})")

    def on_step(self, step: Step, seconds_left: float | None) -> None:
        done = (step.epoch - 1) * step.steps + step.step
        facts = "  ".join(filter(None, (f"epoch {step.epoch}/{self.start.epochs}  loss {step.loss:.3f}", self.best)))
        self.table.progress.update(self.task, completed=done, total=self.start.epochs * step.steps, facts=facts)
        self.table.show_left(seconds_left)

    def on_classes(self, ious: Mapping[str, float]) -> None:
        self.ious = ious

    def on_epoch(self, row: dict[str, Any], is_best: bool, seconds_left: float | None) -> None:
        if is_best:
            self.best = f"best {percent(row['val_miou'])}"
        score = f"  val mIoU {percent(row['val_miou']):>6}{' *' if is_best else '  '}" if self.start.validates else ""
        self._show(
            f"epoch {row['epoch']:>3}/{self.start.epochs}  loss {row['train_loss']:.3f}{score}"
            f"  {describe_left(seconds_left)}".rstrip()
        )
        accuracy = f", validation accuracy {percent(row['val_pixel_accuracy'])}" if self.start.validates else ""
        self._detail(
            f"{row['seconds']:.1f} s, {row['images_per_second']:.1f} images/s in training,"
            f" learning rate {row['learning_rate']:.2g}{accuracy}"
        )
        if self.start.validates:
            self._detail(f"IoU: {', '.join(f'{name} {percent(iou)}' for name, iou in self.ious.items())}")
        self.table.show_left(seconds_left)

    def on_restart(self, why: str, learning_rate: float) -> None:
        self.best = ""
        text = f"{RESTARTS[why]}: it is trained again, at a learning rate of {learning_rate:.3g}"
        console.warn(f"{self.start.title} {text}")
        self.log.add(text)

    def on_skip(self, epoch: int, step: int, skipped: int) -> None:
        if text := describe_skip(epoch, step, skipped):
            console.warn(f"{self.start.title}: {text}")
            self.log.add(text)

    def on_early_stop(self, epochs: int, best_epoch: int, best_miou: float | None) -> None:
        best = "undefined" if best_miou is None else percent(best_miou)
        without = f"no better validation mIoU for {plural(epochs, 'epoch')}"
        self._show(f"stopped early: {without}; best was epoch {best_epoch}, {best}")

    def _show(self, text: str) -> None:
        console.print(f"[bold]{escape(self.start.title)}[/bold]: {escape(text)}")
        self.log.add(text)

    def _detail(self, text: str) -> None:
        console.detail(f"{self.start.title}: {text}")
        self.log.add(text)


def describe_skip(epoch: int, step: int, skipped: int) -> str:
    """Return the sentence on a step that is left out; "" once `SKIPS_SHOWN` were shown. Arguments as of `on_skip`."""
    if skipped > SKIPS_SHOWN:
        return ""
    further = ". Further ones are counted in metrics.json" if skipped == SKIPS_SHOWN else ""
    return f"step {step} of epoch {epoch} is left out, as its loss or a gradient is NaN or infinite{further}"


def describe_left(seconds_left: float | None) -> str:
    """Return the time left for all trainings of the command: an estimate, and less where one is stopped early.

    Args:
        seconds_left: The estimate; None or 0 where there is none.
    """
    return "" if not seconds_left else f"at most about {rough_duration(seconds_left)} left"
