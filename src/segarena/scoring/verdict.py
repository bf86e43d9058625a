"""The order of the models and the sentence that says how far to trust it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any, Literal

from segarena.formats import plural

#: A lead over the trivial answer, as a fraction, below which a model has hardly learned anything.
LITTLE = 0.01

_SPLITS = {"test": "test", "val": "validation"}


def rank(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Put the models in order, best first, by their mIoU over the data set, averaged over the seeds.

    rows: one per model and seed, with `model`, `seed`, `miou` (a fraction, None or NaN where there is none) and any
    other columns. -> a dict per model: `model`, `miou` (mean over the seeds), `lowest_miou`, `highest_miou`, `seeds`,
    and each numeric column: its value where the seeds agree on it, else its mean. A value that is missing for one seed
    is NaN for the model, never a mean over the rest: a model whose run failed with one seed is placed last, not ranked
    by its luckier ones. Equal models keep the order of the rows. Raises ValueError where a model has a seed twice.
    """
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault(str(row["model"]), []).append(row)
    ranking = [_summarise(model, group) for model, group in groups.items()]
    return sorted(ranking, key=lambda entry: -math.inf if math.isnan(entry["miou"]) else entry["miou"], reverse=True)


def verdict(
    ranking: Sequence[Mapping[str, Any]],
    *,
    split: Literal["test", "val"],
    images: int,
    trivial_miou: float | None,
    fold_mious: Mapping[str, Sequence[float]] | None = None,
    titles: Mapping[str, str] | None = None,
) -> str:
    """Say who is first, by how much, and how far the order can be trusted, in two or three sentences.

    ranking: what `rank` gives (None may stand for NaN). split: where the scores come from; images: how many;
    trivial_miou: the mIoU of answering the most frequent class everywhere, on the same pixels; fold_mious: each model's
    mIoU fold by fold, where the data was cross-validated; titles: what to call a model instead of its name. Speaks in
    percent and in points of mIoU, and claims no significance: seed ranges that do not overlap, and folds that agree,
    are reported as just that. Raises ValueError for an empty ranking or another split.
    """
    if split not in _SPLITS:
        raise ValueError(f"split must be 'test' or 'val', got {split!r}")
    if not ranking:
        raise ValueError("the ranking is empty: there is no model to speak of")
    titles = titles or {}
    ranking = [{**entry, "model": titles.get(entry["model"], entry["model"])} for entry in ranking]
    fold_mious = {titles.get(model, model): mious for model, mious in (fold_mious or {}).items()}
    place = f"{plural(images, f'{_SPLITS[split]} image')}"
    if fold_mious:
        place = (
            f"{images} images in {len(next(iter(fold_mious.values())))} folds, each tested by models that never saw it,"
        )
    elif split == "val":
        place += " (the ones that chose each model's best epoch, which flatters every score)"
    scored = [entry for entry in ranking if not math.isnan(_number(entry["miou"]))]
    failed = [str(entry["model"]) for entry in ranking if math.isnan(_number(entry["miou"]))]
    if not scored:
        return f"No model has a score on the {place}: look for failed runs, and for masks that are all void."
    best = scored[0]
    trivial = _number(trivial_miou)
    if best["miou"] <= trivial:
        return (
            f"NO MODEL BEATS THE TRIVIAL ANSWER: on {place} the best one, {best['model']}, reaches "
            f"{_percent(best['miou'])} mIoU, and answering the most frequent class everywhere {_percent(trivial)}. "
            "Do not read the order of the models; check the masks and their classes, then train longer."
        )
    little = ""
    if min(best["lowest_miou"], best["miou"] - LITTLE) <= trivial:
        little = (
            f" Answering the most frequent class everywhere reaches {_percent(trivial)}: hardly anything was learned;"
            " check the masks and their classes, then train longer."
        )
    missing = f"; {_join(failed)} {'has' if len(failed) == 1 else 'have'} no score" if failed else ""
    if len(scored) == 1:
        return (
            f"On {place} {best['model']} reaches {_percent(best['miou'])} mIoU{missing}.{little} {_trust_alone(best)}"
        )
    folds = f" {_folds(scored, fold_mious)}" if fold_mious else ""
    return f"On {place} {_order(scored)}{missing}.{little}{folds} {_trust(scored)}"


def _summarise(model: str, group: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    seeds = [int(row["seed"]) for row in group]
    if len(set(seeds)) != len(seeds):
        raise ValueError(f"model {model!r} has a seed twice: {sorted(seeds)}")
    scores = [_number(row["miou"]) for row in group]
    known = not any(math.isnan(value) for value in scores)
    entry: dict[str, Any] = {
        "model": model,
        "miou": _mean(scores),
        "lowest_miou": min(scores) if known else math.nan,
        "highest_miou": max(scores) if known else math.nan,
        "seeds": sorted(seeds),
    }
    for column in dict.fromkeys(key for row in group for key in row if key != "seed"):
        values = [row.get(column) for row in group]
        if column not in entry and all(value is None or _is_number(value) for value in values):
            numbers = [_number(value) for value in values]
            entry[column] = values[0] if len(set(numbers)) == 1 and values[0] is not None else _mean(numbers)
    return entry


def _order(scored: Sequence[Mapping[str, Any]]) -> str:
    best = scored[0]
    level = [str(entry["model"]) for entry in scored if entry["miou"] == best["miou"]]
    behind = [f"{entry['model']} by {_gap(best['miou'] - entry['miou'])}" for entry in scored[len(level) :]]
    verb = "is first with" if len(level) == 1 else "are level at"
    ahead = f", ahead of {_join(behind)} points" if behind else ""
    return f"{_join(level)} {verb} {_percent(best['miou'])} mIoU{ahead}"


def _folds(scored: Sequence[Mapping[str, Any]], fold_mious: Mapping[str, Sequence[float]]) -> str:
    """Say in how many folds the first model is first; two equally good ones share none."""
    table = [[_number(value) for value in fold_mious[str(entry["model"])]] for entry in scored]
    ahead = sum(all(first > other for other in others) for first, *others in zip(*table, strict=True))
    best, folds = scored[0]["model"], len(table[0])
    if ahead == folds:
        return f"{best} is first in each of the {folds} folds."
    return f"{best} is first in {ahead} of the {folds} folds."


def _trust(scored: Sequence[Mapping[str, Any]]) -> str:
    """Say what the seeds say about the order; `scored` has two models or more."""
    best, rest = scored[0], scored[1:]
    if min(len(entry["seeds"]) for entry in scored) == 1:
        one = [str(entry["model"]) for entry in scored if len(entry["seeds"]) == 1]
        who = "Each model" if len(one) == len(scored) else _join(one)
        return (
            f"{who} ran with one seed, so training noise was not measured and no difference can be called real; "
            "repeat with 3 seeds or more."
        )
    overlapping = [entry for entry in rest if entry["highest_miou"] >= best["lowest_miou"]]
    if overlapping:
        ranges = _join([f"{entry['model']} ({_range(entry)})" for entry in (best, *overlapping)])
        return f"The seed ranges of {ranges} overlap: the order between them is not settled."
    seeds, others = len(best["seeds"]), len(rest[0]["seeds"])
    highest = max(entry["highest_miou"] for entry in rest)
    # Two equal models give seeds + others exchangeable scores: all of one model lie above all of the other
    # in 2 of the comb(seeds + others, seeds) ways to deal them out. A caution while that is likely, not a test.
    chance = math.comb(seeds + others, seeds) // 2
    caution = f", but two equal models part like this in 1 of {chance} comparisons" if chance <= 20 else ""
    return (
        f"{best['model']} was higher with every one of the {seeds} seeds: its lowest, {_percent(best['lowest_miou'])}, "
        f"is above the highest of {rest[0]['model'] if len(rest) == 1 else 'the others'}, {_percent(highest)}{caution}."
    )


def _trust_alone(best: Mapping[str, Any]) -> str:
    if len(best["seeds"]) == 1:
        return "There is no other model to compare it with, and with one seed training noise was not measured."
    return f"There is no other model to compare it with; its {len(best['seeds'])} seeds give {_range(best)}."


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.1f}%"


def _range(entry: Mapping[str, Any]) -> str:
    return f"{100 * entry['lowest_miou']:.1f} to {_percent(entry['highest_miou'])}"


def _gap(fraction: float) -> str:
    points = f"{100 * fraction:.1f}"
    return "under 0.1" if points == "0.0" else points


def _join(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
