"""The files of a suite, a comparison on many data sets: suite.json, suite.csv, and what it was started with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from segarena.records.comparison import Claim
from segarena.records.record import Count, Fraction, Milliseconds, Record, Seconds

#: What is shown about a pair of models on one data set.
PairStatus = Literal["higher", "networks", "equal", "unclear", "too few", "no claim"]


@dataclass(frozen=True, kw_only=True)
class SuiteEntry:
    """A data set of a suite, as it was requested."""

    name: str
    """Name of the data set in the suite, and of its folder."""
    domain: str | None = None
    """What kind of images it has, in the user's words, e.g. medical."""
    comparison: str | None = None
    """Finished comparison that is used as it is: its folder, absolute; null where the suite trains."""
    options: dict[str, Any]
    """Options of `segarena compare`, by name; those left open are not in it."""


@dataclass(frozen=True, kw_only=True)
class SuiteOptionsRecord(Record, file="suite_options.json", schema=1):
    """The data sets and options that a suite was started with. It is written before the first training."""

    data_sets: tuple[SuiteEntry, ...]
    """The data sets, in their order."""
    command: str
    """Command line that repeats the suite."""


@dataclass(frozen=True, kw_only=True)
class SuiteScore:
    """One model on one data set."""

    model: str
    """Name of the architecture."""
    miou: Fraction
    """mIoU, mean over the seeds."""
    low: Fraction | None
    """Lower end of its 95% interval; null where it is not known."""
    high: Fraction | None
    """Upper end."""
    rank: float
    """Place among the models of the suite on this data set, from 1; equal scores share the mean of their places."""
    seeds: Count
    """Number of trainings."""
    epochs: float
    """Epochs trained, mean over the seeds."""
    train_seconds: Seconds
    """Time of one training, mean over the seeds."""
    train_cpu_seconds: Seconds | None
    """Processor time of one training; null if the system did not report it."""
    latency_ms: Milliseconds
    """Time from one image in memory to its labels in memory."""
    ceiling: Fraction | None = None
    """Resolution ceiling, see comparison.json; null where it is not known, and in files of older versions."""


@dataclass(frozen=True, kw_only=True)
class SuitePair:
    """The difference of two models on one data set."""

    first: str
    """Model with the higher mIoU on this data set."""
    second: str
    """Model with the lower one."""
    difference: float
    """mIoU of the first minus that of the second, a fraction."""
    low: float | None
    """Lower end of its 95% interval: of the architectures where that is known, else of the trained networks."""
    high: float | None
    """Upper end."""
    status: PairStatus
    """higher: the first model is higher. networks: its trained networks are; repeated training could change that.
    equal: practically equal. unclear. too few: too few images were scored. no claim: no model is clearly better than
    the majority baseline."""


@dataclass(frozen=True, kw_only=True)
class SuiteDataSet:
    """One data set of a suite, with the result of its comparison."""

    name: str
    """Name of the data set in the suite."""
    domain: str | None = None
    """What kind of images it has; null where that is not stated."""
    folder: str
    """Folder of the comparison, as seen from the folder of the suite, with / between folders."""
    is_reused: bool
    """Whether the comparison was finished before, and is used as it is."""
    claim: Claim
    """What its verdict claims, see comparison.json."""
    best: str | None
    """The model that the claim is about; null where the verdict names none."""
    headline: str
    """Its verdict in one sentence."""
    scored_split: Literal["test", "val"]
    """Part of the split that the scores are from."""
    images: Count
    """Number of scored images."""
    units: Count | None
    """Number of independent units among them, images or groups; null where it is not known."""
    unit: str
    """What a unit is called, e.g. image."""
    classes: Count
    """Number of classes."""
    train_images: Count | None
    """Number of training images; null with folds."""
    folds: Count | None
    """Number of folds; null without cross-validation."""
    encoder: str | None
    """Encoder of all models; null in the paper track."""
    weights: str | None
    """Initial weights, as the option has them; null in the paper track."""
    output_stride: Count | None
    """Output stride of PSPNet and DeepLabv3; null where it is not one for all."""
    size: Count
    """Working size, in pixels."""
    epochs: Count
    """Maximum number of epochs."""
    processor: str
    """Name of the GPU or the CPU that the networks were computed on."""
    timed_by: Literal["elapsed", "processor"]
    """Which training time is in the ratios: the elapsed one; that of the processor where other programs slowed the
    trainings."""
    trivial_miou: Fraction | None
    """mIoU of the majority baseline."""
    fingerprint: tuple[str, ...]
    """SHA-256 of the data, as in comparison.json; with folds one for each."""
    scores: tuple[SuiteScore, ...]
    """The models that every data set of the suite has, highest mIoU first."""
    pairs: tuple[SuitePair, ...]
    """Each pair of these models."""


@dataclass(frozen=True, kw_only=True)
class SuiteModel:
    """One model over all data sets."""

    model: str
    """Name of the architecture."""
    mean_rank: float
    """Mean of its places, from 1."""
    mean_miou: Fraction
    """Mean of its mIoU. It depends on how difficult the data sets are; the ranks do not."""
    wins: Count
    """Data sets whose verdict names it as the best architecture."""
    network_wins: Count
    """Data sets whose verdict names only its trained network as the best one: a repeated training could change that."""
    train_ratio: float | None
    """Training time as a multiple of that of the fastest model: geometric mean over the data sets; null where one is
    missing."""
    latency_ratio: float | None
    """Latency as a multiple of that of the fastest model: geometric mean; null where one is missing."""


@dataclass(frozen=True, kw_only=True)
class SuiteDifference:
    """Two models over all data sets."""

    first: str
    """Model with the lower, that is better, mean rank."""
    second: str
    """The other model."""
    rank_difference: float
    """Mean rank of the second minus that of the first."""
    distinguished: bool | None
    """Whether that is at least the critical difference, and Friedman's test shows that the models are not all equal;
    null with one data set."""
    mean_difference: float
    """mIoU of the first minus that of the second, mean over the data sets, a fraction."""
    low: float | None
    """Lower end of its 95% interval for further data sets like these, by Student's t; null with one data set."""
    high: float | None
    """Upper end."""
    first_higher: Count
    """Data sets on which the first is clearly higher, also allowing for repeated training."""
    second_higher: Count
    """Data sets on which the second is clearly higher."""
    first_networks: Count
    """Data sets on which only the trained networks of the first are clearly higher."""
    second_networks: Count
    """Data sets on which only those of the second are."""
    equal: Count
    """Data sets on which the two are practically equal."""
    undecided: Count
    """All other data sets."""
    train_ratio: float | None
    """Training time of the first divided by that of the second, geometric mean over the data sets."""
    latency_ratio: float | None
    """The same of the latency."""


@dataclass(frozen=True, kw_only=True)
class RankTest:
    """Tests of the mean ranks (Demšar 2006)."""

    alpha: Fraction
    """Level of the tests."""
    friedman: float | None
    """Friedman's chi-squared, corrected for ties; null where all ranks are equal."""
    p: Fraction | None
    """Its p value, for the hypothesis that all models are equal."""
    exact: bool
    """Whether it is from all possible orders; else from the F distribution (Iman and Davenport 1980)."""
    critical_difference: float
    """Difference of two mean ranks from which on they are distinguished (Nemenyi 1963)."""
    largest_difference: float
    """The largest possible difference of two mean ranks: the number of models less one."""
    needed_for_one: Count
    """Data sets from which on neighbours are distinguished, if the order of the models is the same on each."""

    @property
    def rejects_equality(self) -> bool:
        """Whether Friedman's test shows that the models are not all equal."""
        return self.p is not None and self.p <= self.alpha


@dataclass(frozen=True, kw_only=True)
class FailedDataSet:
    """A data set without a result. `--resume` tries it again."""

    name: str
    """Name of the data set."""
    message: str
    """Why."""


@dataclass(frozen=True, kw_only=True)
class SuiteRecord(Record, file="suite.json", schema=1):
    """The result of a suite: everything that its page shows."""

    name: str
    """Name of the suite: that of its folder."""
    created: str
    """Date and time, UTC, ISO 8601."""
    track: Literal["encoder", "paper"]
    """encoder: each architecture on the same encoder; paper: each as published."""
    headline: str
    """The result in one sentence."""
    details: tuple[str, ...]
    """Further sentences: what the tests over data sets can show."""
    models: tuple[SuiteModel, ...]
    """The models that every data set has, best mean rank first."""
    differences: tuple[SuiteDifference, ...]
    """Each pair of these models, those of the best mean rank first."""
    test: RankTest | None
    """Tests of the mean ranks; null with one data set or one model."""
    data_sets: tuple[SuiteDataSet, ...]
    """The data sets, in the order of the suite."""
    left_out: dict[str, tuple[str, ...]]
    """Models that are not on every data set, and so have no mean rank, with the data sets that have them."""
    failed: tuple[FailedDataSet, ...]
    """Data sets without a result."""
    notes: tuple[str, ...]
    """What limits the result: the same images twice, different encoders, scores of validation images, ..."""
    command: str
    """Command line that repeats the suite."""
    segarena: str
    """Version of segarena. Each comparison has its own software and machine."""


@dataclass(frozen=True, kw_only=True)
class SuiteRow:
    """A row of suite.csv: one model on one data set."""

    data_set: str
    """Name of the data set."""
    domain: str | None
    """What kind of images it has; empty where that is not stated."""
    model: str
    """Name of the architecture."""
    miou: Fraction
    """mIoU, mean over the seeds."""
    miou_low: Fraction | None
    """Lower end of its 95% interval."""
    miou_high: Fraction | None
    """Upper end."""
    rank: float
    """Place on this data set, from 1."""
    seeds: Count
    """Number of trainings."""
    claim: str
    """What the verdict of the data set claims, see comparison.json."""
    best: str | None
    """The model that the claim is about; empty where the verdict names none."""
    train_seconds: Seconds
    """Time of one training, mean over the seeds."""
    latency_ms: Milliseconds
    """Time from one image in memory to its labels in memory."""
