"""What a verdict needs beside the ranking: what was scored, with which statistics, and how the models were trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from segarena.records.comparison import FailureReason, RankedModel
from segarena.records.statistics import Statistics

#: The seeds with which a verdict is about architectures.
ENOUGH_SEEDS = 3


@dataclass(frozen=True, kw_only=True)
class Setting:
    """The scored images, the statistics of the scores, and the training of the models.

    Args:
        split: The part of the data that gave the scores.
        images: Number of scored images.
        baseline_miou: mIoU of the majority baseline on the same pixels, 0..1; None or NaN where it is undefined.
        baseline_class: The class that it predicts.
        missed: Classes with true pixels of which no model found a single one.
        epochs: Maximum number of epochs.
        loss: The loss that the models were trained with, as `--loss` has it.
        class_weights: The weights of the classes in it, as `--class-weights` has them.
        restarted: The models of which a training was restarted at a third of the learning rate, and why: "diverged" or
            "majority".
        failed: The models that are not ranked because a training of theirs failed, and why.
        track: The track of the models.
        equal: What the models shared: the number of epochs, or the training time.
        data: The folder of the data; None for generated data.
        groups: Number of groups in all of the data, where groups count as units.
        titles: Names to write instead of the models' own.
        statistics: Intervals and tests of the differences; None where no class has true pixels.
        of_finished_runs: Whether runs are compared that were trained one by one, each with its `--seed`.
    """

    split: Literal["test", "val"]
    images: int
    baseline_miou: float | None
    baseline_class: str
    missed: Sequence[str] = ()
    epochs: int
    loss: str = "ce"
    class_weights: str = "none"
    restarted: Mapping[str, str] = field(default_factory=dict)
    failed: Mapping[str, FailureReason] = field(default_factory=dict)
    track: str = "encoder"
    equal: Literal["epochs", "time"] = "epochs"
    data: str | None = None
    groups: int | None = None
    titles: Mapping[str, str] = field(default_factory=dict)
    statistics: Statistics | None = None
    of_finished_runs: bool = False

    def name(self, entry: RankedModel) -> str:
        """What the model is called."""
        return self.titles.get(entry.model, entry.model)


def repeat_trainings(*, of_finished_runs: bool) -> str:
    """Return how a comparison gets further seeds, without a full stop; one of finished runs trains nothing itself."""
    if of_finished_runs:
        return "Train each model again with --seed 1 and --seed 2, and compare all runs"
    return f"Repeat the training with --seeds {ENOUGH_SEEDS}"
