"""The order of the models, and the sentences that say how far to trust it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from segarena.formats import join_words, percent, plural
from segarena.records.comparison import RankedModel
from segarena.records.record import field_names
from segarena.records.tables import ModelRow

#: A lead over the majority baseline, as a fraction, below which a model has hardly learned anything.
SMALL_LEAD = 0.01

_SPLITS = {"test": "test", "val": "validation"}
_RETRY = "check the masks and their classes, then train longer"


def rank(rows: Sequence[ModelRow]) -> list[RankedModel]:
    """Order the models, best first, by their mIoU over the data set, averaged over the seeds.

    A score or cost of a model is the mean over its seeds, and None where it is missing for one of them, never a mean
    over the rest. So a model that has no mIoU for one seed is placed last. Equal models keep the order of the rows.

    Args:
        rows: One for each model and seed.

    Raises:
        ValueError: A model has a seed twice.
    """
    groups: dict[str, list[ModelRow]] = {}
    for row in rows:
        groups.setdefault(row.model, []).append(row)
    ranking = [_average(model, group) for model, group in groups.items()]
    return sorted(ranking, key=lambda entry: -math.inf if entry.miou is None else entry.miou, reverse=True)


def verdict(
    ranking: Sequence[RankedModel],
    *,
    split: Literal["test", "val"],
    images: int,
    baseline_miou: float | None,
    titles: Mapping[str, str] | None = None,
) -> str:
    """Write which model is first, by how much, and how far the order can be trusted, in two or three sentences.

    Scores are written in percent, differences in points of mIoU. No significance is claimed: that the seed ranges of
    two models do not overlap, or that a model is first in each fold, is reported as an observation.

    Args:
        ranking: The models as `rank` orders them.
        split: The part of the data that gave the scores.
        images: Number of images scored.
        baseline_miou: mIoU of always predicting the most frequent class, on the same pixels, 0..1.
        titles: Names to write instead of the models' own.

    Raises:
        ValueError: The ranking is empty, or `split` is another word.
    """
    if split not in _SPLITS:
        raise ValueError(f"split must be 'test' or 'val', got {split!r}")
    if not ranking:
        raise ValueError("the ranking is empty")
    titles = titles or {}
    names = {entry.model: titles.get(entry.model, entry.model) for entry in ranking}
    scored = [score for entry in ranking if (score := _read(entry, names[entry.model])) is not None]
    failed = [names[entry.model] for entry in ranking if entry.miou is None]
    place = _place(split, images, ranking[0].fold_mious)
    if not scored:
        return f"No model has a score on the {place}: look for failed runs, and for masks that are all void."
    best = scored[0]
    baseline = math.nan if baseline_miou is None else baseline_miou
    if best.miou <= baseline:
        return (
            f"NO MODEL BEATS THE BASELINE: on {place} the best one, {best.name}, reaches {percent(best.miou)} mIoU, "
            f"and always predicting the most frequent class {percent(baseline)}. "
            f"The order of the models means nothing; {_RETRY}."
        )
    missing = f"; {join_words(failed)} {'has' if len(failed) == 1 else 'have'} no score" if failed else ""
    little = ""
    if min(best.lowest, best.miou - SMALL_LEAD) <= baseline:
        little = (
            f" Always predicting the most frequent class reaches {percent(baseline)}: hardly anything was learned;"
            f" {_RETRY}."
        )
    if len(scored) == 1:
        return f"On {place} {best.name} reaches {percent(best.miou)} mIoU{missing}.{little} {_trust_alone(best)}"
    folds = f" {_compare_folds(scored)}" if best.folds else ""
    return f"On {place} {_compare(scored)}{missing}.{little}{folds} {_trust(scored)}"


@dataclass(frozen=True)
class _Score:
    """A model that has a score: mIoU as fractions, mean over the seeds, of the lowest and of the highest seed."""

    name: str
    miou: float
    lowest: float
    highest: float
    seeds: int
    folds: tuple[float, ...]

    @property
    def seed_range(self) -> str:
        """From the lowest seed to the highest, e.g. "51.2 to 53.0%"."""
        return f"{100 * self.lowest:.1f} to {percent(self.highest)}"


def _read(entry: RankedModel, name: str) -> _Score | None:
    if entry.miou is None or entry.lowest_miou is None or entry.highest_miou is None:
        return None
    folds = tuple(math.nan if miou is None else miou for miou in entry.fold_mious or ())
    return _Score(name, entry.miou, entry.lowest_miou, entry.highest_miou, len(entry.seeds), folds)


def _average(model: str, group: Sequence[ModelRow]) -> RankedModel:
    seeds = [row.seed for row in group]
    if len(set(seeds)) != len(seeds):
        raise ValueError(f"model {model!r} has a seed twice: {sorted(seeds)}")
    shared = [name for name in field_names(RankedModel) if name in field_names(ModelRow) and name != "model"]
    means: dict[str, Any] = {name: _mean([getattr(row, name) for row in group]) for name in shared}
    scores = [row.miou for row in group if row.miou is not None]
    complete = len(scores) == len(group)
    means["miou"] = math.fsum(scores) / len(scores) if complete else None
    return RankedModel(
        model=model,
        seeds=tuple(sorted(seeds)),
        lowest_miou=min(scores) if complete else None,
        highest_miou=max(scores) if complete else None,
        **means,
    )


def _mean(values: Sequence[float | None]) -> float | None:
    """The mean; None where a value is missing; where all are equal that value, so that a count stays a whole number."""
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return None
    return known[0] if len(set(known)) == 1 else math.fsum(known) / len(known)


def _place(split: str, images: int, fold_mious: Sequence[float | None] | None) -> str:
    if fold_mious:
        return f"{images} images in {len(fold_mious)} folds, each tested by a model that was not trained on it,"
    place = plural(images, f"{_SPLITS[split]} image")
    if split == "val":
        place += " (also used to select each model's best epoch, so every score is somewhat too high)"
    return place


def _compare(scored: Sequence[_Score]) -> str:
    best = scored[0]
    level = [entry.name for entry in scored if entry.miou == best.miou]
    behind = [f"{entry.name} by {_points(best.miou - entry.miou)}" for entry in scored[len(level) :]]
    verb = "is first with" if len(level) == 1 else "are level at"
    ahead = f", ahead of {join_words(behind)} points" if behind else ""
    return f"{join_words(level)} {verb} {percent(best.miou)} mIoU{ahead}"


def _compare_folds(scored: Sequence[_Score]) -> str:
    """In how many folds the first model is better than all others."""
    mious = zip(*(entry.folds for entry in scored), strict=True)
    ahead = sum(all(first > other for other in others) for first, *others in mious)
    best, folds = scored[0].name, len(scored[0].folds)
    return f"{best} is first in {f'each of the {folds}' if ahead == folds else f'{ahead} of the {folds}'} folds."


def _trust(scored: Sequence[_Score]) -> str:
    """What the seeds show about the order of two models or more."""
    best, *rest = scored
    alone = [entry.name for entry in scored if entry.seeds == 1]
    if alone:
        who = "Each model" if len(alone) == len(scored) else join_words(alone)
        return (
            f"{who} was trained with one seed, so training noise was not measured and no difference can be called "
            "real; repeat with 3 seeds or more."
        )
    overlapping = [entry for entry in rest if entry.highest >= best.lowest]
    if overlapping:
        ranges = join_words([f"{entry.name} ({entry.seed_range})" for entry in (best, *overlapping)])
        return f"The seed ranges of {ranges} overlap: the order between them is not settled."
    highest = max(entry.highest for entry in rest)
    others = rest[0].name if len(rest) == 1 else "the others"
    return (
        f"{best.name} was higher with every one of the {best.seeds} seeds: its lowest, {percent(best.lowest)}, is "
        f"above the highest of {others}, {percent(highest)}{_caution(best.seeds, rest[0].seeds)}."
    )


def _caution(seeds: int, others: int) -> str:
    """How often two equally good models separate by chance, where that is often; nothing where it is rare.

    The scores of two equally good models are exchangeable: of the comb(seeds + others, seeds) ways to assign them, 2
    put all of one model above all of the other.
    """
    ways = math.comb(seeds + others, seeds) // 2
    return f", but two equally good models separate like this by chance 1 time in {ways}" if ways <= 20 else ""


def _trust_alone(best: _Score) -> str:
    if best.seeds == 1:
        return "There is no other model to compare it with, and with one seed training noise was not measured."
    return f"There is no other model to compare it with; its {best.seeds} seeds give {best.seed_range}."


def _points(fraction: float) -> str:
    points = f"{100 * fraction:.1f}"
    return "under 0.1" if points == "0.0" else points
