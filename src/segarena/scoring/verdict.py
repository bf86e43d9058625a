"""What the scores show: which model is best, or that none can be called best. `wording` has the sentences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from segarena.records.comparison import Answer, Claim, RankedModel
from segarena.records.statistics import FEWEST_UNITS, Statistics
from segarena.scoring.setting import Setting
from segarena.scoring.wording import put_into_words

#: A lead over the majority baseline, as a fraction of mIoU, below which a model is not called better than it.
CLEAR_LEAD = 0.02
#: A resolution ceiling above this limits no model.
HIGH_CEILING = 0.95

_ROUNDING = 1e-9  # 0.7 - 0.68 is a little below 0.02


def answer(ranking: Sequence[RankedModel], setting: Setting) -> Answer:
    """Decide what the scores show, and put it into words.

    Nothing is claimed about the order of models of which none is ahead of the majority baseline by two points of mIoU,
    with every seed, and by more than chance. Otherwise the claim is that of the statistics: a model is best where its
    difference to every other one is more than chance.

    Args:
        ranking: The models as `rank` orders them.
        setting: What was scored, and the statistics.

    Raises:
        ValueError: The ranking is empty, or the split is another word.
    """
    if setting.split not in ("test", "val"):
        raise ValueError(f"split must be 'test' or 'val', got {setting.split!r}")
    if not ranking:
        raise ValueError("the ranking is empty")
    scored = [entry for entry in ranking if entry.miou is not None]
    if not scored:
        return put_into_words(Answer(claim="no_score"), ranking, setting)
    first = scored[0]
    facts = Answer(
        claim="undecided",
        lead=None if len(scored) == 1 else _miou(first) - _miou(scored[1]),
        baseline_lead=_baseline_lead(first, setting),
        at_ceiling=tuple(entry.model for entry in scored if _is_at_ceiling(entry)),
    )
    claim = _claim(facts, scored, setting)
    best = first.model if claim in ("best_architecture", "best_network", "single_model") else None
    candidates = {"no_better_than_baseline": (), "undecided": _candidates(scored, setting)}.get(claim, (first.model,))
    return put_into_words(replace(facts, claim=claim, best=best, candidates=candidates), ranking, setting)


def _claim(facts: Answer, scored: Sequence[RankedModel], setting: Setting) -> Claim:
    first = scored[0]
    if facts.baseline_lead is not None:
        lowest = facts.baseline_lead - (_miou(first) - (first.lowest_miou or 0.0))
        if facts.baseline_lead < CLEAR_LEAD - _ROUNDING or lowest <= 0 or _may_be_chance(first, setting.statistics):
            return "no_better_than_baseline"
    if len(scored) == 1:
        return "single_model"
    shown = setting.statistics
    if shown is None or shown.models[0].model != first.model:
        return "undecided"  # runs of earlier versions can differ: their mIoU counts absent classes that are predicted
    return shown.claim if shown.claim in ("best_architecture", "best_network") else "undecided"


def _may_be_chance(first: RankedModel, shown: Statistics | None) -> bool:
    """Whether the interval of the lead over the majority baseline reaches 0; False where too little is known."""
    if shown is None or shown.baseline_lead is None or shown.models[0].model != first.model:
        return False
    return shown.units >= FEWEST_UNITS and shown.baseline_lead.low <= 0


def _candidates(scored: Sequence[RankedModel], setting: Setting) -> tuple[str, ...]:
    """The models that may be the best, in the order of the ranking."""
    shown = setting.statistics
    if shown is None:
        return tuple(entry.model for entry in scored)
    return tuple(entry.model for entry in scored if entry.model in (scored[0].model, *shown.candidates))


def _is_at_ceiling(entry: RankedModel) -> bool:
    """Whether the grid of the logits, not the model, may be what limits the score."""
    if entry.ceiling is None or entry.ceiling > HIGH_CEILING:
        return False
    return _miou(entry) >= entry.ceiling - CLEAR_LEAD - _ROUNDING


def _baseline_lead(first: RankedModel, setting: Setting) -> float | None:
    baseline = setting.baseline_miou
    return None if baseline is None or math.isnan(baseline) else _miou(first) - baseline


def _miou(entry: RankedModel) -> float:
    assert entry.miou is not None
    return entry.miou
