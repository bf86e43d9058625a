"""The order of the models by their scores."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from segarena.records.comparison import RankedModel
from segarena.records.record import field_names
from segarena.records.tables import ModelRow


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
