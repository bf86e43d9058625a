"""The progress of a training: what is reported within an epoch, and what is saved."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self

#: A training has diverged after this number of steps, or all of an epoch, without a finite gradient one after another.
MOST_SKIPPED = 3


@dataclass(frozen=True)
class Step:
    """Progress within an epoch, reported about once a second."""

    epoch: int
    """The current epoch, from 1."""
    step: int
    """Completed steps of the epoch."""
    steps: int
    """All steps of the epoch."""
    loss: float
    """Mean loss of the completed steps."""
    images_per_second: float
    """Training images of the epoch so far, all processes together, by the time that they took."""


@dataclass
class TrainingState:
    """Progress of the whole training, as it is saved."""

    epoch: int = 1
    """The present epoch, from 1."""
    step: int = 0
    """Completed steps of the epoch, over which the four sums below are taken."""
    loss_sum: float = 0.0
    """Of the losses, those of steps that were left out not counted."""
    auxiliary_sum: float = 0.0
    """Likewise of the cross-entropy of the auxiliary head; 0 without one."""
    seconds: float = 0.0
    """Time of the steps."""
    waiting: float = 0.0
    """The part of `seconds` in which the network waited for a batch."""
    cpu_seconds: float | None = 0.0
    """Processor time of all epochs so far, validation included; None where the system does not report it."""
    best_epoch: int = 0
    """0 before the first validation; without one, the last epoch."""
    best_miou: float = -1.0
    """Validation mIoU of the best epoch, 0..1; -1 where it was NaN."""
    peak_memory_mib: float | None = None
    """The most so far; None where the system does not report it."""
    history: list[dict[str, Any]] = field(default_factory=list)
    """A row of history.csv for each finished epoch."""
    restart: Literal["diverged", "majority"] | None = None
    """Why the training was restarted: its loss became NaN or infinite, or it ended hardly better than the majority
    baseline. None if it was not. All but memory and processor time are of the training since then."""
    lost_seconds: float = 0.0
    """Time of the training before the restart, and of steps that were repeated."""
    skipped: int = 0
    """Steps that were left out because the loss or a gradient was NaN or infinite."""
    skipped_in_epoch: int = 0
    """Those of the present epoch."""
    skipped_in_row: int = 0
    """Those since the last step that was not."""
    micro_batch: int | None = None
    """Images of a step that are computed at a time, fewer than in the protocol since the memory was too small for
    them; None where it was not."""

    @classmethod
    def of(cls, progress: Mapping[str, Any]) -> Self:
        """Make the state of what this or an earlier version saved; arguments and TypeError as of `restored`."""
        return cls(**{"cpu_seconds": None, **progress})

    @classmethod
    def restored(cls, progress: Mapping[str, Any], epochs: int, steps: int) -> Self:
        """Make the state of what was saved.

        Args:
            progress: Its attributes; those that an earlier version did not have are missing.
            epochs: Epochs of the training.
            steps: Steps of an epoch.

        Raises:
            TypeError: A name is unknown, or a value has a wrong type.
            ValueError: A number cannot be that of this training.
        """
        state = cls.of(progress)
        if not 1 <= state.epoch <= epochs + 1 or not 0 <= state.step <= steps:
            raise ValueError(f"epoch {state.epoch}, step {state.step}, of {epochs} epochs with {steps} steps")
        if [row["epoch"] for row in state.history] != list(range(1, state.epoch)):
            raise ValueError(f"a history of {len(state.history)} epochs in epoch {state.epoch}")
        return state

    def again(self) -> Self:
        """Return the state of the same training that is begun again: all that it has is what it took so far."""
        return type(self)(
            cpu_seconds=self.cpu_seconds, peak_memory_mib=self.peak_memory_mib, micro_batch=self.micro_batch
        )

    def count_repeated(self, before: Self) -> None:
        """Count what the steps after this state took, which are repeated.

        Args:
            before: The state at their end.
        """
        self.lost_seconds = before.lost_seconds + before.all_seconds - self.all_seconds
        self.cpu_seconds = before.cpu_seconds

    @property
    def all_seconds(self) -> float:
        """Time of all finished epochs and of the present one."""
        return self.seconds + sum(float(row["seconds"]) for row in self.history)

    def count_skipped(self) -> None:
        """Count a step that was left out."""
        self.skipped, self.skipped_in_epoch = self.skipped + 1, self.skipped_in_epoch + 1
        self.skipped_in_row += 1

    def has_diverged(self, steps: int) -> bool:
        """Whether too many steps were left out one after the other, of epochs with this number of steps."""
        return self.skipped_in_row >= min(MOST_SKIPPED, steps)

    def row(
        self, steps: int, batch_size: int, scores: Mapping[str, float], learning_rate: float, seconds: float
    ) -> dict[str, Any]:
        """Return the row of history.csv of the present epoch.

        Args:
            steps: Steps of the epoch.
            batch_size: Images of a step.
            scores: Those of the validation.
            learning_rate: That of the last step.
            seconds: Time of the epoch, validation included.
        """
        counted = steps - self.skipped_in_epoch
        return {
            "epoch": self.epoch,
            "train_loss": self.loss_sum / counted if counted else math.nan,
            "auxiliary_loss": self.auxiliary_sum / counted if self.auxiliary_sum else math.nan,
            **scores,
            "learning_rate": learning_rate,
            "seconds": seconds,
            "images_per_second": steps * batch_size / max(self.seconds, 1e-9),
            "waiting_share": min(1.0, self.waiting / max(self.seconds, 1e-9)),
        }
