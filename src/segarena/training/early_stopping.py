"""When a training ends before its last epoch, and when it has learned nothing and begins again."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from segarena.scoring.verdict import CLEAR_LEAD
from segarena.training.state import TrainingState

#: A training of fewer steps is too short to judge its learning rate by its score.
FEWEST_STEPS = 100


class EarlyStopping:
    """Judges a training by its validation mIoU.

    Args:
        epochs: Epochs at most.
        patience: Epochs without a better score after which it ends.
        steps: Training steps of an epoch.
        baseline: Computes the validation mIoU of the majority baseline, 0..1; called once, when it is needed. None
            where no image is held out: then all epochs are trained.
    """

    def __init__(self, epochs: int, patience: int, steps: int, baseline: Callable[[], float] | None) -> None:
        self._epochs, self._patience, self._steps, self._baseline = epochs, patience, steps, baseline

    def is_finished(self, state: TrainingState) -> bool:
        """Return whether the epochs or the patience have run out.

        The patience does not count while the model is hardly better than the majority baseline. At a high learning rate
        some trainings stay there for many epochs, and learn when the rate falls. One of three trainings of a U-Net on
        EPFL roads (128 pixels, 29 epochs, peak rate 0.0014) rose from 39 to 71% mIoU in the 15th to 17th epoch.
        """
        done = state.epoch - 1
        if done >= self._epochs:
            return True
        # a tie is not an improvement: best_epoch only moves on a strictly better score
        return done - state.best_epoch >= self._patience and not self._is_hardly_better(state)

    def is_useless(self, state: TrainingState) -> bool:
        """Return whether a finished training is so little above the majority baseline that a lower rate may help."""
        return (state.epoch - 1) * self._steps >= FEWEST_STEPS and self._is_hardly_better(state)

    def _is_hardly_better(self, state: TrainingState) -> bool:
        return self._baseline is not None and state.best_miou <= self._majority_miou + CLEAR_LEAD

    @cached_property
    def _majority_miou(self) -> float:
        """NaN where it is undefined: then no model is hardly better."""
        return float("nan") if self._baseline is None else self._baseline()
