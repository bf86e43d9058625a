"""Are the differences between the models more than chance: intervals, paired tests, and what can be claimed.

docs/statistics.md has the method, its assumptions, and how it was tested.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import pandas as pd

from segarena.records.statistics import (
    FEWEST_UNITS,
    ClassDifferences,
    ClassScore,
    Difference,
    Interval,
    Plan,
    ScoreInterval,
    Statistics,
)
from segarena.scoring.count_table import UnitCounts, arrange
from segarena.scoring.intervals import architecture_width
from segarena.scoring.linearization import Ratios, model_variances
from segarena.scoring.pairs import Pair, describe_pairs, pair_models
from segarena.scoring.planning import components, plan

#: With fewer than this, the intervals are rough.
ROUGH_UNITS = 20
#: A class with true pixels in fewer units than this is named.
FEW_UNITS_OF_CLASS = 3

_Ends = tuple[float, float | None, float | None]

Shown = Literal["best_architecture", "best_network", "undecided", "too_few_units", "single_model"]


def analyse(
    counts: pd.DataFrame,
    *,
    groups: Mapping[str, str] | None = None,
    folds: Mapping[str, int] | None = None,
    baseline: Mapping[str, str] | None = None,
    alpha: float = 0.05,
    smallest_difference: float = 0.02,
    equal_within: float = 0.01,
) -> Statistics:
    """Estimate how certain the differences between the models are. All of it holds for this training data.

    Two kinds of claims are kept apart: that these trained networks differ on further images like the scored ones, and
    that the architectures differ, also when they are trained again. The second needs two seeds or more, or folds.

    Args:
        counts: The table of images.csv: columns model, seed, image, class, tp, fp, fn, and fold where there are folds.
        groups: The group of each image, e.g. the patient, where images of a group resemble each other. None: those of
            the column `group`, if there is one with entries.
        folds: The fold of each image, if it is not a column of `counts`.
        baseline: The class that the majority baseline predicts in each image; None for no interval of that lead.
        alpha: Level of the tests; intervals are for 1 - alpha.
        smallest_difference: The difference that the plan is for, a fraction.
        equal_within: Models are practically equal where the interval is within this distance of 0, a fraction.

    Raises:
        ValueError: The counts are incomplete, or models were scored on different pixels.
    """
    groups = _groups_in(counts) if groups is None else groups
    table = arrange(counts, groups, folds, baseline)
    unit: Literal["image", "group"] = "image" if groups is None else "group"
    return analyse_units(table, unit, alpha=alpha, smallest_difference=smallest_difference, equal_within=equal_within)


def _groups_in(counts: pd.DataFrame) -> dict[str, str] | None:
    """The group of each image by the column `group`; an image without an entry is a group of its own."""
    if "group" not in counts:
        return None
    known = counts.dropna(subset="group").query("group != ''")
    if known.empty:
        return None
    own = {str(image): str(image) for image in counts["image"]}
    return own | dict(zip(known["image"].astype(str), known["group"].astype(str), strict=True))


def analyse_units(
    table: UnitCounts,
    unit: Literal["image", "group"],
    *,
    alpha: float = 0.05,
    smallest_difference: float = 0.02,
    equal_within: float = 0.01,
) -> Statistics:
    """Do as `analyse`, from counts that are already arranged.

    Args:
        table: The counts by unit.
        unit: What a unit is.
        alpha: As for `analyse`.
        smallest_difference: As for `analyse`.
        equal_within: As for `analyse`.
    """
    ious = {name: Ratios(table.tp[name], table.union[name]) for name in table.tp}
    f1s = {name: Ratios(2 * table.tp[name], table.tp[name] + table.union[name]) for name in table.tp}
    names = _order(ious)
    pairs = pair_models(ious, names, table.folds, alpha)
    miou, *classes = describe_pairs(pairs, equal_within) or [()]
    f1, *_ = describe_pairs(pair_models(f1s, _order(f1s), table.folds, alpha), equal_within) or [()]
    claim, candidates = what_is_shown(names, miou, table.units, alpha)
    intervals = {name: _ends(ious[name], list(ious.values()), table, alpha) for name in names}
    return Statistics(
        unit=unit,
        units=table.units,
        alpha=alpha,
        claim=claim,
        candidates=candidates,
        models=tuple(_score_interval(name, ious[name], ends) for name, ends in intervals.items()),
        pairs=miou,
        f1=f1,
        classes=tuple(
            ClassDifferences(
                class_name=class_name,
                pairs=classes[place] if classes else (),
                models=tuple(_class_score(name, ends[place + 1]) for name, ends in intervals.items()),
            )
            for place, class_name in enumerate(table.classes)
        ),
        plan=_plan(pairs, miou, ious, claim, alpha, smallest_difference),
        rare_classes=tuple(
            name for name, units in zip(table.classes, table.units_of_class, strict=True) if units < FEW_UNITS_OF_CLASS
        ),
        false_classes=table.false_classes,
        baseline_lead=_baseline_lead(ious[names[0]], table, alpha),
    )


def _baseline_lead(first: Ratios, table: UnitCounts, alpha: float) -> Interval | None:
    """The interval of the first model's lead over the majority baseline, for its trained networks."""
    if table.baseline is None:
        return None
    [pair] = pair_models(
        {"first": first, "baseline": Ratios(*table.baseline)}, ("first", "baseline"), table.folds, alpha
    )
    found = pair.networks()
    if found is None:
        return None
    lead, half, p = (float(values[0]) for values in (pair.differences, *found))
    return Interval(low=lead - half, high=lead + half, p=p, p_holm=p)


def _order(models: Mapping[str, Ratios]) -> list[str]:
    """The models, highest mean first; equal ones by name."""
    return sorted(models, key=lambda name: (-float(models[name].scores[:, 0].mean()), name))


def what_is_shown(
    names: Sequence[str], pairs: Sequence[Difference], units: int, alpha: float
) -> tuple[Shown, tuple[str, ...]]:
    """Decide what is shown about the first model: it is best where the largest p against any rival is at most alpha.

    That needs no correction for the number of rivals (Gutmann and Maymin 1987; Hung and Fithian 2019).

    Args:
        names: The models, highest mIoU first.
        pairs: Their differences in mIoU.
        units: Number of images or groups.
        alpha: Level of the tests.

    Returns:
        The claim, and the first model with all that may be as good.
    """
    if len(names) == 1:
        return "single_model", (names[0],)
    if units < FEWEST_UNITS:
        return "too_few_units", tuple(names)
    best = names[0]
    rivals = [
        (pair, pair.second if pair.first == best else pair.first) for pair in pairs if best in (pair.first, pair.second)
    ]
    widest = [(pair.architectures or pair.networks, name) for pair, name in rivals]
    candidates = (best, *(name for interval, name in widest if interval is None or interval.p > alpha))
    if len(candidates) == 1:
        repeated = all(pair.architectures is not None for pair, _ in rivals)
        return ("best_architecture" if repeated else "best_network"), candidates
    if all(pair.networks is not None and pair.networks.p <= alpha for pair, _ in rivals):
        return "best_network", candidates
    return "undecided", candidates


def _ends(model: Ratios, models: list[Ratios], table: UnitCounts, alpha: float) -> list[_Ends]:
    """One model's score with the ends of its interval: for the mean over the classes, then for each class."""
    scores = np.clip(model.scores.mean(axis=0), 0.0, 1.0)  # a sum of rounded values can be a little above 1
    if table.units < 2 or (table.folds is not None and table.folds.max() == 0):
        return [(score, None, None) for score in scores.tolist()]
    half = architecture_width(model_variances(model, models, table.folds), alpha)
    low, high = np.clip(scores - half, 0.0, 1.0), np.clip(scores + half, 0.0, 1.0)
    return list(zip(scores.tolist(), low.tolist(), high.tolist(), strict=True))


def _score_interval(name: str, model: Ratios, ends: list[_Ends]) -> ScoreInterval:
    miou, low, high = ends[0]
    by_seed = tuple(model.scores[:, 0].clip(0.0, 1.0).tolist())
    return ScoreInterval(model=name, miou=miou, low=low, high=high, by_seed=by_seed)


def _class_score(name: str, ends: _Ends) -> ClassScore:
    iou, low, high = ends
    return ClassScore(model=name, iou=iou, low=low, high=high)


def _plan(
    pairs: Sequence[Pair],
    miou: Sequence[Difference],
    models: Mapping[str, Ratios],
    claim: Shown,
    alpha: float,
    smallest: float,
) -> Plan | None:
    """For the first model and the rival that is hardest to distinguish; none with folds or unequal numbers of seeds."""
    seeds = {len(model.top) for model in models.values()}
    if claim not in ("undecided", "best_network") or len(seeds) > 1 or pairs[0].variances is None:
        return None
    first = pairs[0].first
    rivals = [(difference, pair) for difference, pair in zip(miou, pairs, strict=True) if first == pair.first]
    _, hardest = max(rivals, key=lambda rival: _p(rival[0]))
    if hardest.variances is None or hardest.variances.folds is not None:
        return None
    (number,) = seeds
    return plan(components(hardest.variances, number), smallest, hardest.variances.units, number, alpha=alpha)


def _p(difference: Difference) -> float:
    interval = difference.architectures or difference.networks
    return 1.0 if interval is None else interval.p
