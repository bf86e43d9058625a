"""The scores of one network on one set of images, and the counts that they come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from segarena.formats import percent, plural, share_of
from segarena.records.record import Count, Epochs, Fraction, Pixels, Record
from segarena.records.statistics import FEWEST_UNITS, unit_name
from segarena.records.values import ClassMetrics, MeanScores

#: What happened to a training that was restarted, after the name of the model.
RESTARTS = {
    "diverged": "had a loss that became NaN or infinite",
    "majority": "was hardly better than the majority baseline",
}


@dataclass(frozen=True, kw_only=True)
class MetricDetails:
    """What metrics.json has beside the scores that tables have too."""

    mean_f1_without_background: Fraction | None
    """Mean F1 over all classes but background; null if no class is marked or named as such."""
    mean_precision_without_background: Fraction | None
    """Mean precision over all classes but background; null if no class is marked or named as such."""
    mean_recall_without_background: Fraction | None
    """Mean recall over all classes but background; null if no class is marked or named as such."""
    undefined_classes: Count
    """Classes with no true pixel in the scored images; the means leave them out."""
    false_classes: tuple[str, ...] | None = None
    """Those of them that are predicted somewhere: these pixels count against the classes that they cover. null in files
    of earlier versions, whose means count such a class as 0."""
    images: Count
    """Images scored."""
    train_images: Count | None = None
    """Images scored that trained the network, so that these scores are higher than those of new images; null in files
    of earlier versions."""
    val_images: Count | None = None
    """Images scored that chose the epoch; null in files of earlier versions."""
    void_images: Count
    """Images with no counted pixel, among those scored."""
    pixels: Pixels
    """Pixels counted: all but void."""
    per_class: dict[str, ClassMetrics]
    """Scores of each class, by its name, in the order of the class indices."""
    confusion: tuple[tuple[Pixels, ...], ...]
    """Confusion matrix summed over the images: a row for each true class, a column for each predicted class."""


@dataclass(frozen=True, kw_only=True)
class Metrics(MeanScores, MetricDetails, Record, file="metrics.json", schema=1):
    """The scores of a run on its test or validation images, or of `segarena evaluate` on the images that it was given.

    With folds, the folder of a model and seed has one for the pixels of all folds together.
    """

    split: str
    """Images that were scored: train, val, test, all, or unseen: those of test, and others that the run does not
    have. none: all images trained the network, so there is no score."""
    miou_low: Fraction | None = None
    """Lower end of the 95% interval of mIoU, for this network on further images like these; null with fewer than two
    units, and for the scores of the training itself: comparison.json has theirs."""
    miou_high: Fraction | None = None
    """Upper end."""
    units: Count | None = None
    """Images, or groups of images, that the interval counts as independent."""
    grouped_by: str | None = None
    """What made the groups, as in comparison.json; null where images are counted."""
    note: str | None = None
    """Why there is no score, and what to expect; null where there is one."""
    data: str | None = None
    """Data that `segarena evaluate` scored; null for the scores of the training itself."""
    views: str | None = None
    """Options of `segarena evaluate` by which the images were labelled, e.g. "--scale 0.5 --tta flip"; null where they
    were labelled by the usual rule, see prediction.md."""
    folds: Count | None = None
    """Number of folds whose pixels are scored together; null without cross-validation."""
    best_epoch: Epochs | None = None
    """Epoch whose weights are scored, from 1; with folds their mean; null for `segarena evaluate`."""
    epochs: Epochs | None = None
    """Epochs trained; with folds their mean; null for `segarena evaluate`."""
    restart: Literal["diverged", "majority"] | None = None
    """Why the training was restarted at a third of the learning rate: its loss became NaN or infinite, or it was
    hardly better than the majority baseline; null if it was not, for `segarena evaluate`, and in files of earlier
    versions."""
    skipped_steps: Count = 0
    """Training steps that were left out because the loss or a gradient was NaN or infinite; with folds their sum."""
    micro_batch: Count | None = None
    """Images of a training step that were computed at a time at the end, fewer than in config.json because the memory
    was too small for them; with folds the fewest; null where it was not."""
    val_miou: Fraction | None = None
    """Validation mIoU of the best epoch; null if it is undefined, with folds, and for `segarena evaluate`."""

    @property
    def counted(self) -> str:
        """The interval of mIoU and what is counted, e.g. "95% interval 51.0 to 57.2%, counted as 9 sequences"."""
        if self.miou_low is None or self.miou_high is None or self.units is None:
            return ""
        counted = f"counted as {plural(self.units, unit_name(self.grouped_by))}" if self.units < self.images else ""
        if self.interval is None:
            return f"{counted or plural(self.units, 'image')}, too few for an interval"
        interval = f"95% interval {100 * self.interval[0]:.1f} to {percent(self.interval[1])}"
        return f"{interval}, {counted}" if counted else interval

    @property
    def interval(self) -> tuple[float, float] | None:
        """The ends of the 95% interval of mIoU; None where it was not computed, or from fewer than FEWEST_UNITS."""
        if self.miou_low is None or self.miou_high is None or self.units is None or self.units < FEWEST_UNITS:
            return None
        return self.miou_low, self.miou_high

    @property
    def caveat(self) -> str:
        """Which of the scored images had a part in the training, as a sentence; empty if none had, or it is unknown.

        Where no image was scored, why.
        """
        if self.note is not None:
            return self.note
        if self.train_images:
            share = share_of(self.train_images, self.images, "image")
            return f"{share} trained the model: on new images it usually scores lower."
        if self.val_images:
            share = share_of(self.val_images, self.images, "image")
            return f"{share} chose the epoch: on new images the score is usually a little lower."
        return ""
