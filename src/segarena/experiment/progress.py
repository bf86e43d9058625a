"""How an experiment reports what it does: to a `Reporter`, which a command implements with bars and lines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segarena.runs import Run

if TYPE_CHECKING:  # `check` needs no torch
    from segarena.training.state import Step


#: Where it does not matter what is trained.
NO_RUN = Run("", 0)


@dataclass(frozen=True)
class TrainingStart:
    """A training that begins.

    Args:
        title: The training, e.g. "U-Net, seed 0".
        number: Its place among all trainings of the command, from 1.
        total: Number of all trainings, with those that were finished earlier.
        epochs: Number of epochs if it is not stopped early.
        folder: The run folder.
        seconds_left: Estimate for this and all further trainings if none is stopped early; None where nothing has been
            measured.
        validates: Whether each epoch is scored on validation images.
        run: Its model, seed and fold.
        is_finished: Whether it was trained and scored by an earlier call.
    """

    title: str
    number: int
    total: int
    epochs: int
    folder: Path
    seconds_left: float | None = None
    validates: bool = True
    run: Run = NO_RUN
    is_finished: bool = False


class TrainingListener:
    """Receives the progress of one training. This one ignores it."""

    def on_step(self, step: Step, seconds_left: float | None) -> None:
        """Called about once a second within an epoch.

        Args:
            step: The progress within the epoch.
            seconds_left: Estimate for all trainings of the command that are left, as in `TrainingStart`.
        """

    def on_classes(self, ious: Mapping[str, float]) -> None:
        """Called after each validation with the IoU of each class, 0..1; NaN for a class without truth pixels."""

    def on_epoch(self, row: dict[str, Any], is_best: bool, seconds_left: float | None) -> None:
        """Called after each epoch.

        Args:
            row: The epoch's row of history.csv.
            is_best: Whether its validation mIoU is the best so far.
            seconds_left: Estimate for all trainings of the command that are left, as in `TrainingStart`.
        """

    def on_preview(self, labels: Sequence[NDArray[np.uint8]]) -> None:
        """Called after the best epoch so far, with what it predicts for a few validation images.

        Args:
            labels: Class indices of each image, (H, W), reduced; in the order of `preview_places`.
        """

    def on_restart(self, why: str, learning_rate: float) -> None:
        """Called when a training has been restarted from its initial weights, at a third of the learning rate.

        Args:
            why: "diverged": the loss became NaN or infinite. "majority": it ended hardly better than the
                majority baseline.
            learning_rate: The new peak learning rate of the encoder.
        """

    def on_skip(self, epoch: int, step: int, skipped: int) -> None:
        """Called when a step was left out, because the loss or a gradient was NaN or infinite.

        Args:
            epoch: The epoch, from 1.
            step: The step in the epoch, from 1.
            skipped: Steps that were left out so far.
        """

    def on_split(self, images: int, epoch: int, step: int) -> None:
        """Called when fewer images of a step are computed at a time from now on, because the memory was too small.

        Args:
            images: Images that are computed at a time at most; the batch is the same.
            epoch: The epoch, from 1.
            step: The step in the epoch, from 1.
        """

    def on_early_stop(self, epochs: int, best_epoch: int, best_miou: float | None) -> None:
        """Called when a training ends before its last epoch.

        Args:
            epochs: Number of epochs since the best one.
            best_epoch: The epoch whose weights are kept, from 1.
            best_miou: Its validation mIoU, 0..1; None where it was undefined in each epoch.
        """


class Reporter:
    """Receives the messages and the progress of an experiment. This one ignores them; commands override it."""

    def say(self, text: str, *, title: str = "") -> None:
        """Called with a message for the user: one line, or several separated by line breaks.

        Args:
            text: The message, without markup.
            title: What the message is about, to be shown before it.
        """

    def detail(self, text: str) -> None:
        """Called with a message for users who ask for more."""

    def warn(self, text: str, *, title: str = "warning") -> None:
        """Called with a warning, or with an error that is described before it is raised; shown in any case."""

    def begin(self) -> None:
        """Called when all has been checked and the trainings begin: from now on files of the results change."""

    def plan(self, starts: Sequence[TrainingStart]) -> None:
        """Called once before the first training, with all trainings in their order, also those that are finished."""

    def end(self, start: TrainingStart, error: str | None) -> None:
        """Called when a training that was begun is over, and its scores are written.

        Args:
            start: The training.
            error: Why it failed; None where it did not.
        """

    def progress(self, what: str) -> AbstractContextManager[Callable[[int, int], None]]:
        """Give a context with the function that is called with the number of items done and their total.

        Args:
            what: The work, e.g. "reading images and masks".
        """
        return nullcontext(lambda done, total: None)

    def side_by_side(self, number: int) -> AbstractContextManager[None]:
        """Give a context in which several trainings run at a time.

        Args:
            number: How many at a time.
        """
        return nullcontext()

    def training(self, start: TrainingStart) -> AbstractContextManager[TrainingListener]:
        """Give a context with the listener of one training.

        Args:
            start: The training.
        """
        return nullcontext(TrainingListener())


#: Used where no reporter is given.
SILENT = Reporter()
