"""What is printed of a training, line by line, whether it runs alone or beside others."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress

from segarena.commands.plain_console import PlainColumn
from segarena.commands.terminal import console
from segarena.experiment.progress import TrainingListener, TrainingStart
from segarena.formats import percent, plural, rough_duration
from segarena.records.metrics import RESTARTS

#: Steps that are named one by one when they are left out.
SKIPS_SHOWN = 5


class TrainingLines(TrainingListener, ABC):
    """Puts the events of a training into words; a subclass prints them.

    Args:
        start: The training.
    """

    def __init__(self, start: TrainingStart) -> None:
        self.start = start
        self.best = ""
        self._ious: Mapping[str, float] = {}

    @abstractmethod
    def show(self, text: str) -> None:
        """Print a line."""

    @abstractmethod
    def detail(self, text: str) -> None:
        """Print a line with --verbose only."""

    def show_epoch(self, text: str) -> None:
        """Print the line of an epoch."""
        self.show(text)

    def warn(self, text: str, joint: str) -> None:
        """Print a warning: the name of the training, what joins it to the text, and the text."""
        console.warn(f"{self.start.title}{joint}{text}")

    def on_classes(self, ious: Mapping[str, float]) -> None:
        self._ious = ious

    def on_epoch(self, row: dict[str, Any], is_best: bool, seconds_left: float | None) -> None:
        score = f"  val mIoU {percent(row['val_miou']):>6}{' *' if is_best else '  '}" if self.start.validates else ""
        self.show_epoch(
            f"epoch {row['epoch']:>3}/{self.start.epochs}  loss {row['train_loss']:.3f}{score}"
            f"  {describe_left(seconds_left)}".rstrip()
        )
        accuracy = f", validation accuracy {percent(row['val_pixel_accuracy'])}" if self.start.validates else ""
        self.detail(
            f"{row['seconds']:.1f} s, {row['images_per_second']:.1f} images/s in training,"
            f" learning rate {row['learning_rate']:.2g}{accuracy}"
        )
        if self._ious:
            self.detail(f"IoU: {', '.join(f'{name} {percent(iou)}' for name, iou in self._ious.items())}")

    def on_restart(self, why: str, learning_rate: float) -> None:
        self.best, self._ious = "", {}
        self.warn(f"{RESTARTS[why]}: it is trained again, at a learning rate of {learning_rate:.3g}", " ")

    def on_skip(self, epoch: int, step: int, skipped: int) -> None:
        if skipped <= SKIPS_SHOWN:
            further = ". Further ones are counted in metrics.json" if skipped == SKIPS_SHOWN else ""
            left_out = "is left out, as its loss or a gradient is NaN or infinite"
            self.warn(f"step {step} of epoch {epoch} {left_out}{further}", ": ")

    def on_split(self, images: int, epoch: int, step: int) -> None:
        at_a_time = f"{plural(images, 'image')} are computed at a time from step {step} of epoch {epoch} on"
        self.warn(f"out of memory. The batch is the same, but {at_a_time}", ": ")

    def on_early_stop(self, epochs: int, best_epoch: int, best_miou: float | None) -> None:
        best = "undefined" if best_miou is None else percent(best_miou)
        without = f"no better validation mIoU for {plural(epochs, 'epoch')}"
        self.show(f"stopped early: {without}; best was epoch {best_epoch}, {best}")


def training_bars() -> Progress:
    """Return the bars of trainings, with the field `facts` behind each; nothing is shown where there is no terminal."""
    return Progress(
        PlainColumn("  {task.description}"),
        BarColumn(bar_width=10),
        MofNCompleteColumn(),
        PlainColumn("{task.fields[facts]}"),
        console=console.rich,
        transient=True,
        disable=not console.shows_bars,
    )


def describe_left(seconds_left: float | None) -> str:
    """Return the time left for all trainings of the command: an estimate, and less where one is stopped early.

    Args:
        seconds_left: The estimate; None or 0 where there is none.
    """
    return "" if not seconds_left else f"at most about {rough_duration(seconds_left)} left"
