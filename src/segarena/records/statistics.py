"""How certain the differences between the models are: a part of comparison.json. docs/statistics.md has the method."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from segarena.records.record import Count, Fraction

#: With fewer images or groups than this, nothing is claimed.
FEWEST_UNITS = 5


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A confidence interval of a difference of two models' scores, and the test that goes with it."""

    low: float
    """Lower end of the 95% interval, a fraction."""
    high: float
    """Upper end."""
    p: Fraction
    """p value: the smallest level at which the interval leaves out 0."""
    p_holm: Fraction
    """p value adjusted for all pairs of models (Holm 1979)."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """The difference of two models in one score."""

    first: str
    """Model with the higher score."""
    second: str
    """Model with the lower one."""
    difference: float
    """Score of the first minus that of the second, means over the seeds, a fraction."""
    networks: Interval | None
    """For the trained networks on further images; null with fewer than two images or groups."""
    architectures: Interval | None
    """Also for repeated training on the same training data; null with one seed and without folds."""
    practically_equal: bool
    """Whether the wider of the two intervals is within one point of 0 on both sides."""
    noise_survived: float | None
    """With one seed: standard deviation of a score over repeated trainings up to which the difference would be clear;
    null where it is not clear, and with several seeds or folds."""


@dataclass(frozen=True, kw_only=True)
class ClassScore:
    """IoU of one model in one class with its 95% interval."""

    model: str
    """Name of the architecture."""
    iou: Fraction
    """IoU of the class, mean over the seeds."""
    low: Fraction | None
    """Lower end of the interval, of the same kind as that of mIoU; null with fewer than two images or groups."""
    high: Fraction | None
    """Upper end."""


@dataclass(frozen=True, kw_only=True)
class ClassDifferences:
    """The scores of the models in one class, and the differences of all pairs of models."""

    class_name: str
    """Name of the class."""
    pairs: tuple[Difference, ...]
    """One entry for each pair."""
    models: tuple[ClassScore, ...] = ()
    """The models, highest mIoU first; empty in comparisons of earlier versions."""


@dataclass(frozen=True, kw_only=True)
class ScoreInterval:
    """mIoU of one model with its 95% interval."""

    model: str
    """Name of the architecture."""
    miou: Fraction
    """mIoU over the classes that have true pixels, mean over the seeds."""
    low: Fraction | None
    """Lower end of the interval: for further images, and with several seeds also for repeated training; null with fewer
    than two images or groups."""
    high: Fraction | None
    """Upper end."""
    by_seed: tuple[Fraction, ...]
    """mIoU of each seed, in the order of the seeds."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What would probably show a difference of a given size between two models, from the variation of this data."""

    difference: Fraction
    """The difference to show."""
    images_low: Count | None
    """Number of scored images, or groups, that show it in 6 of 10 repetitions: the present number where that is enough,
    null where more than 100,000 would be needed."""
    images_high: Count | None
    """The same for 9 of 10 repetitions."""
    seeds: Count | None
    """Number of seeds, above the present one, that show it in 8 of 10 repetitions on as many images as now; null with
    one seed, and where 20 are too few."""


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """Intervals and tests of all differences, and what can be claimed from them."""

    unit: Literal["image", "group"]
    """What is counted as independent: images, or groups of images such as patients or films."""
    units: Count
    """How many there are."""
    grouped_by: str | None = None
    """What made the groups: the value of `--group-by`; or, without it, prefix or blocks where the names are sequences
    whose neighbours look alike, copies where only copies of an image are grouped. null where images are counted, and in
    files of older versions."""
    divided: bool = False
    """Whether groups that were found are in several folds: the intervals are then too narrow."""
    alpha: Fraction
    """Level of the tests; the intervals are for 1 - alpha."""
    claim: Literal["best_architecture", "best_network", "undecided", "too_few_units", "single_model"]
    """What the first model's differences to all others show."""
    candidates: tuple[str, ...]
    """The first model, and each model from which it is not clearly different, highest mIoU first."""
    models: tuple[ScoreInterval, ...]
    """The models, highest mIoU first."""
    pairs: tuple[Difference, ...]
    """Differences in mIoU."""
    f1: tuple[Difference, ...]
    """Differences in mean F1."""
    classes: tuple[ClassDifferences, ...]
    """Differences in the IoU of each class that has true pixels."""
    plan: Plan | None
    """What would settle the order of the first model and the one that is hardest to distinguish from it; null where it
    is settled or nothing can be predicted."""
    rare_classes: tuple[str, ...]
    """Classes with true pixels in one or two units: their scores depend on these alone."""
    false_classes: tuple[str, ...]
    """Classes without true pixels that a model predicted; their pixels count against the classes that they cover."""
    baseline_lead: Interval | None = None
    """mIoU of the first model minus that of the majority baseline, for the trained networks; null with fewer than two
    images or groups."""

    @property
    def unit_name(self) -> str:
        """What a unit is called: image, sequence, block, folder or group."""
        return self.unit if self.unit == "image" else unit_name(self.grouped_by)

    def for_readers(self) -> Statistics:
        """The statistics to show: without intervals and p values where fewer than FEWEST_UNITS were scored.

        With two units an interval is nearly as wide as the scale. The file keeps it; nothing is shown from it.
        """
        if self.units >= FEWEST_UNITS:
            return self

        def plain(pairs: tuple[Difference, ...]) -> tuple[Difference, ...]:
            return tuple(replace(pair, networks=None, architectures=None, practically_equal=False) for pair in pairs)

        return replace(
            self,
            models=tuple(replace(entry, low=None, high=None) for entry in self.models),
            pairs=plain(self.pairs),
            f1=plain(self.f1),
            classes=tuple(
                replace(
                    entry,
                    pairs=plain(entry.pairs),
                    models=tuple(replace(score, low=None, high=None) for score in entry.models),
                )
                for entry in self.classes
            ),
            baseline_lead=None,
        )

    def interval(self, model: str) -> tuple[float, float] | None:
        """The ends of the 95% interval of a model's mIoU; None where it is not known."""
        for entry in self.models:
            if entry.model == model and entry.low is not None and entry.high is not None:
                return entry.low, entry.high
        return None


def unit_name(rule: str | None) -> str:
    """Return what a group is called that a rule of `--group-by` made.

    >>> unit_name("prefix"), unit_name("patients.csv")
    ('sequence', 'group')
    """
    names = {"prefix": "sequence", "blocks": "block", "folder": "folder"}
    return names.get(rule or "", "group")
