"""The file of a comparison: what was compared, how, and the result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Self

from segarena.config import Choice, Protocol
from segarena.errors import RunError
from segarena.records.config import DataSettings
from segarena.records.record import Channel, Count, Fraction, Mebibytes, Record, Seconds
from segarena.records.run import Environment
from segarena.records.statistics import Statistics
from segarena.records.tuning import Tuning
from segarena.records.values import CostValues, EpochChoice, MeanScores


@dataclass(frozen=True, kw_only=True)
class RankedModel(MeanScores, EpochChoice, CostValues):
    """One model of the ranking. Scores and costs are means over its seeds, null if one of them has none."""

    model: str
    """Name of the architecture."""
    seeds: tuple[int, ...]
    """Seeds that the model was trained with."""
    lowest_miou: Fraction | None
    """mIoU of the seed with the lowest one."""
    highest_miou: Fraction | None
    """mIoU of the seed with the highest one."""
    fold_mious: tuple[Fraction | None, ...] | None = None
    """mIoU in each fold, mean over the seeds; null without cross-validation."""
    logit_stride: Count | None = None
    """Pixels of the image, at the working size, from one logit to the next."""
    ceiling: Fraction | None = None
    """Resolution ceiling: the mIoU to expect at most from logits at this stride, computed from training masks."""


@dataclass(frozen=True, kw_only=True)
class MajorityBaseline:
    """The predictor that assigns the most frequent class of the training images to every pixel, scored like a model."""

    class_name: str
    """The class that it predicts; with folds that differ in it, "a or b"."""
    miou: Fraction | None
    """Its mIoU on the scored images."""
    pixel_accuracy: Fraction | None
    """Its share of correct pixels."""


Claim = Literal[
    "best_architecture",
    "best_network",
    "undecided",
    "single_model",
    "no_better_than_baseline",
    "no_score",
    "not_recorded",
]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The verdict in parts: what can be claimed, for which model, and the sentences that state it."""

    claim: Claim
    """best_architecture: one model is better than every other one, also allowing for repeated training. best_network:
    one of the trained networks is better than every other one; a repeated training could change that. undecided: two
    models or more may be the best. single_model: there is only one model with a score. no_better_than_baseline: no
    model is clearly better than the majority baseline. no_score: no model has a score. not_recorded: written by a
    version of segarena that had only the sentence."""
    best: str | None = None
    """The model that the claim is about; null for undecided, no_better_than_baseline and no_score."""
    candidates: tuple[str, ...] = ()
    """The models that may be the best, highest mIoU first; one for a model that is ahead of all others."""
    lead: Fraction | None = None
    """mIoU of the first model minus that of the second; null if there is no second one."""
    baseline_lead: float | None = None
    """mIoU of the first model minus that of the majority baseline; below 0 where no model is better than it."""
    at_ceiling: tuple[str, ...] = ()
    """The models whose mIoU is not below their resolution ceiling by more than two points."""
    headline: str = ""
    """The result in one sentence."""
    details: tuple[str, ...] = ()
    """At most two further sentences: how far the headline can be trusted. One more where the models shared the training
    time, and for each model that failed or of which a training was restarted."""
    advice: str = ""
    """What to do next, where the result is not clear."""

    @property
    def text(self) -> str:
        """All sentences, as one paragraph."""
        return " ".join(part for part in (self.headline, *self.details, self.advice) if part)


@dataclass(frozen=True, kw_only=True)
class ComparedClass:
    """One class of the data."""

    index: Count
    """Class index, from 0."""
    name: str
    """Name of the class."""
    color: tuple[Channel, Channel, Channel]
    """Colour in figures and masks: red, green, blue."""


@dataclass(frozen=True, kw_only=True)
class ComparedData:
    """The data that the models were compared on."""

    name: str
    """Name of the data set."""
    origin: str
    """Folder of the data; "generated" for the built-in scenes."""
    fingerprint: str | tuple[str, ...]
    """SHA-256, in hex, of all files, their split and their decoding; with folds a list, one for each fold."""
    classes: tuple[ComparedClass, ...]
    """The classes in the order of their indices."""
    counts: dict[str, Count]
    """Number of images in train, val and test; with folds only test, which is all images."""


#: Why a training ended a model's part in a comparison.
FailureReason = Literal["out_of_memory", "diverged", "ended"]


@dataclass(frozen=True, kw_only=True)
class FailedRun:
    """A training that failed for a reason of its own. Its model is not ranked; `--resume` tries it again."""

    model: str
    """Name of the architecture."""
    seed: Count
    """Seed of the training."""
    fold: Count | None = None
    """Fold, from 1; null without cross-validation."""
    data_fraction: Fraction | None = None
    """Share of the training images, of `--data-fractions`, whose curve then lacks the model; null for all of them."""
    reason: FailureReason
    """out_of_memory: the memory of the GPU or of the machine was too small. diverged: the loss became NaN or infinite,
    also after a restart. ended: its process was killed, or stopped by a signal."""
    message: str
    """The same in words."""


@dataclass(frozen=True, kw_only=True)
class PredictedTime:
    """What the comparison was predicted to take before its trainings, and what it took."""

    predicted_seconds: Seconds
    """From the end of the prediction to the end of the comparison, if no training is stopped early. Of a comparison
    that was resumed, this and all below are of the last call that trained."""
    actual_seconds: Seconds
    """The same time, measured."""
    preparation_seconds: Seconds
    """Time before: reading the data, and the trial of each model."""
    model_seconds: dict[str, Seconds]
    """Predicted time of the trainings of each model."""
    after_seconds: Seconds
    """Predicted time after the trainings: latency, gallery, page."""
    trial_seconds: Seconds = 0.0
    """Predicted time of the trials of `--tune`, which is part of that of the models."""
    predicted_memory_mib: Mebibytes | None
    """Predicted peak memory: of the process on a CPU, of PyTorch on a GPU; null where the system does not report it."""
    actual_memory_mib: Mebibytes | None
    """The same memory, measured."""
    load_cores: float
    """Processor cores that other programs used during the prediction."""
    predicted_cpu_share: Fraction | None
    """Processor time of the measured steps as a share of their time on all threads: below 1 other programs were in the
    way; null on a GPU and where the system does not report it."""
    actual_cpu_share: Fraction | None
    """The same of the trainings."""
    budget_seconds: Seconds | None
    """Time that the command was given with --budget; null without one."""


@dataclass(frozen=True, kw_only=True)
class ComparisonRecord(Record, file="comparison.json", schema=2):
    """The result of a comparison."""

    name: str
    """Name of the comparison: that of the data."""
    created: str
    """Date and time at the end of the comparison, UTC, ISO 8601."""
    track: Literal["encoder", "paper"]
    """encoder: each architecture on the same encoder; paper: each as published."""
    verdict: str
    """The result and how far it can be trusted, in a few sentences: those of `answer`, together."""
    answer: Answer
    """The same in parts, for other programs."""
    statistics: Statistics | None = None
    """Intervals and tests of the differences; null where no class has true pixels, and in files of older versions."""
    ranking: tuple[RankedModel, ...]
    """The models, best first. Scores and costs are means over the seeds of a model."""
    trivial_miou: Fraction | None
    """mIoU of the majority baseline, the same as `majority_baseline.miou`: a useful model is above it."""
    majority_baseline: MajorityBaseline
    """The predictor that assigns the most frequent class of the training images to every pixel."""
    scored_split: Literal["test", "val"]
    """Part of the split that the scores are from."""
    protocol: Protocol
    """How the networks were built, trained and scored: the same for all models and seeds."""
    inputs: DataSettings
    """Where the data is and how it was split."""
    seeds: Count
    """Number of trainings of each model, with seeds 0, 1, ...; where models were added later, the most of one model."""
    folds: Count | None
    """Number of folds; null without cross-validation."""
    notes: tuple[str, ...]
    """A sentence for each setting that was chosen for this data and this machine."""
    choices: tuple[Choice, ...] = ()
    """The same with names and values; none in files of older versions."""
    data: ComparedData
    """What the models were compared on."""
    command: str
    """Command line that repeats the comparison."""
    environment: Environment
    """Software and machine of the comparison."""
    compared_runs: tuple[str, ...] = ()
    """Folders of the finished runs that were compared; empty where the comparison trained its runs itself."""
    varied: tuple[str, ...] = ()
    """Settings in which these differ, as was allowed with `--vary`; the models' names have their values."""
    tuning: tuple[Tuning, ...] = ()
    """The trials of `--tune` of each model, and of each fold; empty without, and in files of older versions."""
    failed: tuple[FailedRun, ...] = ()
    """Trainings that failed, whose models are not ranked; none in files of older versions."""
    gallery: tuple[str, ...]
    """Names of the images shown in the report, from the hardest to the easiest; each has a folder in gallery/."""
    predicted_time: PredictedTime | None = None
    """What it was predicted to take, and what it took; null where the trainings were too short for a prediction, and in
    files of older versions."""

    @property
    def processor(self) -> str:
        """Name of the GPU or the CPU that the networks were computed on."""
        gpu = None if self.protocol.device == "cpu" else self.environment.gpu
        return gpu or self.environment.cpu

    @classmethod
    def from_json(cls, content: Any, where: object) -> Self:
        """Check the content as every record does, and that it ranks a model. Raises RunError.

        A comparison without the key `answer`, of an older version, gets one with its verdict as the headline.
        """
        if isinstance(content, dict) and "answer" not in content:
            content = {**content, "answer": {"claim": "not_recorded", "headline": content.get("verdict", "")}}
        record = super().from_json(content, where)
        if not record.ranking:
            raise RunError("ranks no model", where=where, remedy="Repeat the comparison in a new folder")
        return record
