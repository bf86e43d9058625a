"""What a training reports while it runs, and what it needs to recover from a failure by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from segarena.models import SegmentationModel
from segarena.training.state import Step, TrainingState


class TrainerListener:
    """Receives the progress of a `Trainer`. This one ignores it."""

    def on_step(self, step: Step) -> None:
        """Called about once a second within an epoch."""

    def on_epoch(self, row: dict[str, Any], is_best: bool) -> None:
        """Called after each epoch.

        Args:
            row: The epoch's row of history.csv.
            is_best: Whether its validation mIoU is the best so far.
        """

    def on_early_stop(self, state: TrainingState) -> None:
        """Called when the patience has run out."""

    def on_restart(self, state: TrainingState, learning_rate: float) -> None:
        """Called when the training has been restarted, with the new peak learning rate of the encoder."""

    def on_skip(self, state: TrainingState) -> None:
        """Called when a step was left out, because its loss or a gradient was NaN or infinite."""

    def on_split(self, state: TrainingState) -> None:
        """Called when fewer images are computed at a time from now on, because the memory was too small."""


#: Used where nobody follows the training.
IGNORED = TrainerListener()


@dataclass(frozen=True)
class Recovery:
    """What a training needs to restart, or to compute fewer images at a time where the memory is too small."""

    rebuild: Callable[[], SegmentationModel]
    """Builds the untrained model again."""
    baseline: Callable[[], float]
    """Computes the validation mIoU of the majority baseline, 0..1. A training that ends hardly better is restarted."""
