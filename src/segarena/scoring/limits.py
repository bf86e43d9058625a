"""What makes a verdict less certain: few scored images, folds that share groups, training noise; a sentence each."""

from __future__ import annotations

from segarena.formats import command, plural
from segarena.records.comparison import Answer, RankedModel
from segarena.records.statistics import FEWEST_UNITS, Difference, Statistics
from segarena.scoring.statistics import ROUGH_UNITS


def describe_limits(
    answer: Answer, scored: list[RankedModel], shown: Statistics | None, pair: Difference | None
) -> list[str]:
    """Return the sentences that apply, the most important first; empty strings for the others.

    Args:
        answer: What is claimed.
        scored: The models with a score, best first.
        shown: The statistics; None where there are none.
        pair: The difference that the verdict is about; None without one.
    """
    if shown is None or pair is None or answer.claim not in ("undecided", "best_network", "best_architecture"):
        return []
    noise, rough = _training_noise(answer, scored, pair), _rough(answer, shown, pair)
    return [_divided(shown), *([rough, noise] if answer.claim == "undecided" else [noise, rough])]


def _divided(shown: Statistics) -> str:
    """That the folds are not independent."""
    if not shown.divided:
        return ""
    what = "copies of an image" if shown.grouped_by == "copies" else f"images of one {shown.unit_name}"
    keep = "" if shown.grouped_by == "copies" else f" ({command('--group-by', shown.grouped_by)} keeps them together)"
    return f"Some folds share {what}, so the interval is too narrow{keep}."


def _training_noise(answer: Answer, scored: list[RankedModel], pair: Difference) -> str:
    """How much repeated training may change the scores before the lead is unclear, or how poorly that was measured."""
    if answer.claim == "best_network" and pair.noise_survived is not None:
        points = f"{100 * pair.noise_survived:.1f}"
        points = "less than 0.1" if points == "0.0" else f"up to {points}"
        return f"The lead would survive training noise of {points} points (standard deviation)."
    if answer.claim != "best_architecture" and not scored[0].fold_mious and min(len(e.seeds) for e in scored) == 2:
        return "Two seeds measure training noise poorly; a third helps most."
    return ""


def _rough(answer: Answer, shown: Statistics, pair: Difference) -> str:
    """With few units, how large a difference must be to be shown."""
    interval = pair.networks if answer.claim == "best_network" else pair.architectures or pair.networks
    if interval is None or not FEWEST_UNITS <= shown.units < ROUGH_UNITS:
        return ""
    half = 50 * (interval.high - interval.low)
    few = plural(shown.units, shown.unit_name)
    return f"With {few} the intervals are rough: only differences above about {half:.1f} points could show."
