"""What a callback is: a class of the user's own, or a tracker, that is called at the ends of epochs and trainings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class TrackedRun:
    """A training, as callbacks see it.

    Args:
        name: Its name within the command, e.g. "unet-seed0", or "unet-seed0/fold1" with folds.
        model: Name of the architecture.
        seed: Its seed.
        fold: Its fold, from 1; None without cross-validation.
        epochs: Epochs if it is not stopped early.
        folder: The run folder.
        comparison: The folder of the command: of the comparison; with `train` it is the run folder.
        parameters: The resolved protocol: each setting by the name of its option.
        history: The metrics of the epochs that an earlier call has trained, by their number; a callback gets them only
            here.
    """

    name: str
    model: str
    seed: int
    fold: int | None
    epochs: int
    folder: Path
    comparison: Path
    parameters: Mapping[str, Any] = field(default_factory=dict)
    history: Mapping[int, Mapping[str, float]] = field(default_factory=dict)


class Callback:
    """Called while trainings run. Override what you need; each method does nothing by default.

    All calls are made by the process of the command, one after the other, also where trainings run side by side. They
    happen between two steps: a slow callback makes the training wait, and changes no result. One that raises an error
    is reported once and not called again; the trainings go on.
    """

    def on_run_start(self, run: TrackedRun) -> None:
        """Called when a training begins, or goes on after it was stopped."""

    def on_epoch_end(self, run: TrackedRun, epoch: int, metrics: Mapping[str, float]) -> None:
        """Called after each epoch.

        Args:
            run: The training.
            epoch: The epoch, from 1.
            metrics: train_loss, val_miou, val_pixel_accuracy, learning_rate, epoch_seconds, images_per_second, ... and
                val_iou/CLASS for each class. Scores are fractions, 0..1; what is undefined is left out.
        """

    def on_restart(self, run: TrackedRun, reason: str) -> None:
        """Called when a training begins again with epoch 1; its earlier epochs are void.

        Args:
            run: The training.
            reason: "diverged", or "majority": it was no better than the majority baseline.
        """

    def on_run_end(self, run: TrackedRun, metrics: Mapping[str, float], error: str | None) -> None:
        """Called when a training is over.

        Args:
            run: The training.
            metrics: The final scores: test_miou, test_mean_f1, ... and test_iou/CLASS for each class; val_... where
                there is no test split. best_epoch and epochs. Empty where it failed.
            error: Why it failed; None where it did not.
        """

    def close(self) -> None:
        """Called at the end of the command, also where it was stopped; trainings that had no end can be resumed."""
