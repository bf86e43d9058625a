"""What the scores show: which model is best, or that none can be called best. `wording` has the sentences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from segarena.records.comparison import Answer, Claim, RankedModel
from segarena.scoring.wording import FEWEST_IMAGES, FEWEST_SEEDS, Setting, put_into_words

#: A difference of mIoU, as a fraction, below which no model is called better than another one or than the baseline.
CLEAR_LEAD = 0.02
#: A resolution ceiling above this limits no model.
HIGH_CEILING = 0.95

_ROUNDING = 1e-9  # 0.7 - 0.68 is a little below 0.02


def answer(ranking: Sequence[RankedModel], setting: Setting) -> Answer:
    """Decide what the scores show, and put it into words.

    A model is called better than another one where it is ahead by two points of mIoU or more, with every seed, on five
    images or more. The architecture is called better, rather than the trained network, from three seeds on. All this is
    a rule for careful reading, not a test.

    Args:
        ranking: The models as `rank` orders them.
        setting: What was scored.

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
    first, *others = scored
    facts = Answer(
        claim="undecided",
        candidates=(first.model, *(other.model for other in others if not _is_better(first, other, setting.images))),
        lead=None if not others else _miou(first) - _miou(others[0]),
        baseline_lead=_baseline_lead(first, setting),
        at_ceiling=tuple(entry.model for entry in scored if _is_at_ceiling(entry)),
    )
    claim = _claim(facts, scored, setting)
    best = first.model if claim in ("best_architecture", "best_network", "single_model") else None
    candidates = () if claim == "no_better_than_baseline" else facts.candidates
    return put_into_words(replace(facts, claim=claim, best=best, candidates=candidates), ranking, setting)


def _claim(facts: Answer, scored: Sequence[RankedModel], setting: Setting) -> Claim:
    first = scored[0]
    if facts.baseline_lead is not None:
        lowest = facts.baseline_lead - (_miou(first) - (first.lowest_miou or 0.0))
        if facts.baseline_lead < CLEAR_LEAD - _ROUNDING or lowest <= 0:
            return "no_better_than_baseline"
    if len(scored) == 1:
        return "single_model"
    if len(facts.candidates) > 1:
        return "undecided"
    return "best_architecture" if min(len(entry.seeds) for entry in scored) >= FEWEST_SEEDS else "best_network"


def _is_better(first: RankedModel, other: RankedModel, images: int) -> bool:
    """Whether `first` is clearly better than `other`: by enough, on enough images, with every seed."""
    apart = (first.lowest_miou or 0.0) > (other.highest_miou or 0.0)
    return images >= FEWEST_IMAGES and _miou(first) - _miou(other) >= CLEAR_LEAD - _ROUNDING and apart


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
