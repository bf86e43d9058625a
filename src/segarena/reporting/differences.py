"""The table of the differences between the models, and what their intervals mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from segarena.formats import listing, plural
from segarena.records.statistics import FEWEST_UNITS, Difference, Interval, Statistics
from segarena.reporting.comparison import Comparison
from segarena.scoring.statistics import FEW_UNITS_OF_CLASS, ROUGH_UNITS

Status = Literal["higher", "lower", "networks", "equal", "unclear", "too few", "no claim"]

#: The word below the interval in a cell of the matrix.
MATRIX_WORDS: dict[Status, str] = {
    "higher": "higher",
    "lower": "lower",
    "networks": "networks only",
    "equal": "practically equal",
    "unclear": "unclear",
    "too few": "too few",
    "no claim": "no claim",
}
#: A minus sign that is as wide as a plus sign.
MINUS = "\u2212"


@dataclass(frozen=True)
class MatrixCell:
    """One model minus another one, as text, and what is shown."""

    difference: str
    interval: str
    status: Status


@dataclass(frozen=True)
class DifferenceRow:
    """A row of the table, as text: a pair of models, their difference in points and its intervals."""

    pair: str
    difference: str
    networks: str
    architectures: str
    result: str


def difference_rows(comparison: Comparison) -> list[DifferenceRow]:
    """Return a row for each pair of models, pairs with the highest mIoU first; none with one model."""
    shown = comparison.record.statistics
    return [] if shown is None else [_row(comparison, pair, shown) for pair in shown.pairs]


def has_architectures(comparison: Comparison) -> bool:
    """Whether something is known about repeated training."""
    shown = comparison.record.statistics
    return shown is not None and any(pair.architectures is not None for pair in shown.pairs)


def difference_notes(comparison: Comparison) -> list[str]:
    """What the intervals mean, and what limits them: a sentence or two each."""
    shown = comparison.record.statistics
    if shown is None or not shown.pairs:
        return []
    units = plural(shown.units, shown.unit_name)
    measured = f"Differences are points of mIoU, measured on the same {units}."
    if shown.units < FEWEST_UNITS:
        few = f"With fewer than {FEWEST_UNITS} {shown.unit_name}s there are no intervals, and nothing is claimed."
        return [measured, few, *_limits(shown)]
    notes = [f"{measured} Trained networks: the interval for further images like these."]
    if has_architectures(comparison):
        repeated = "training on other parts of this data" if comparison.folds else "repeated training on this data"
        notes.append(f"Architectures: also for {repeated}.")
    else:
        notes.append("Each model was trained once, so no interval for the architectures can be given.")
    if _is_without_claim(comparison):
        name = comparison.record.majority_baseline.class_name
        notes.append(f"No model is clearly better than always predicting “{name}”, so no difference is claimed.")
    else:
        notes.append("“Unclear” is no proof that two models are equal.")
    return notes + _limits(shown)


def _is_without_claim(comparison: Comparison) -> bool:
    """Whether no model is above the majority baseline: then it means nothing that one is above another."""
    return comparison.record.answer.claim == "no_better_than_baseline"


def _limits(shown: Statistics) -> list[str]:
    notes = []
    if FEWEST_UNITS <= shown.units < ROUGH_UNITS:
        notes.append(f"With {plural(shown.units, shown.unit_name)} the intervals are rough.")
    if shown.rare_classes and shown.units >= FEW_UNITS_OF_CLASS:  # otherwise each class is one
        names = listing([f"“{name}”" for name in shown.rare_classes])
        notes.append(
            f"{names}: true pixels in fewer than {FEW_UNITS_OF_CLASS} {shown.unit_name}s, on which the score depends."
        )
    if shown.false_classes:
        names = listing([f"“{name}”" for name in shown.false_classes])
        notes.append(
            f"{names}: no true pixels, but predicted; in no mean. The pixels count against the classes they cover."
        )
    return notes


def _row(comparison: Comparison, pair: Difference, shown: Statistics) -> DifferenceRow:
    first, second = (comparison.styles[name].label for name in (pair.first, pair.second))
    return DifferenceRow(
        pair=f"{first} minus {second}",
        difference=f"{100 * pair.difference:.1f}",
        networks=_ends(pair.networks),
        architectures=_ends(pair.architectures),
        result="no claim" if _is_without_claim(comparison) else pair_result(pair, first, shown),
    )


def pair_result(pair: Difference, first: str, shown: Statistics) -> str:
    """Return what is shown about one pair, in words.

    Args:
        pair: The pair.
        first: What its first model is called.
        shown: The statistics that it is from.
    """
    status = pair_status(pair, shown)
    if status == "too few":
        return f"too few {shown.unit_name}s"
    if status == "higher":
        return f"{first} is higher{', by less than 1 point' if pair.practically_equal else ''}"
    if status == "networks":
        return f"{first} is higher; repeated training could change it"
    return "practically equal" if status == "equal" else "unclear"


def pair_status(pair: Difference, shown: Statistics) -> Status:
    """Return what is shown about one pair. The p values that the claim rests on need no adjustment, all others do.

    Args:
        pair: The pair.
        shown: The statistics that it is from.

    Returns:
        higher: the first model is higher. networks: its networks are; repeated training could change that. equal:
        practically equal. unclear. too few: nothing is claimed.
    """
    if pair.networks is None or shown.claim == "too_few_units":
        return "too few"
    of_first = shown.candidates[0] in (pair.first, pair.second)

    def is_clear(interval: Interval | None, claim: str) -> bool:
        if interval is None:
            return False
        return (interval.p if of_first and shown.claim == claim else interval.p_holm) <= shown.alpha

    networks = is_clear(pair.networks, "best_network")
    if is_clear(pair.architectures, "best_architecture") or (pair.architectures is None and networks):
        return "higher"
    if networks:
        return "networks"
    return "equal" if pair.practically_equal else "unclear"


def difference_matrix(comparison: Comparison) -> list[list[MatrixCell | None]]:
    """Return a row and a column for each model, best first: row minus column; None on the diagonal.

    The interval is that of the architectures, where something is known about repeated training.
    """
    shown = comparison.record.statistics
    if shown is None or not shown.pairs:
        return []
    cells = {}
    for pair in shown.pairs:
        status: Status = "no claim" if _is_without_claim(comparison) else pair_status(pair, shown)
        interval = pair.architectures or pair.networks
        for sign, key in ((1, (pair.first, pair.second)), (-1, (pair.second, pair.first))):
            ends = None if interval is None else sorted((sign * interval.low, sign * interval.high))
            cells[key] = MatrixCell(
                difference=signed_points(sign * pair.difference),
                interval="–" if ends is None else to_text(*ends),
                status="lower" if sign < 0 and status == "higher" else status,
            )
    return [[cells.get((row, column)) for column in comparison.names] for row in comparison.names]


def signed_points(difference: float) -> str:
    """Write a difference of fractions in points, with its sign: 0.031 as "+3.1"."""
    text = f"{100 * difference:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text.replace("-", MINUS)


def to_text(low: float, high: float) -> str:
    """Write the ends of an interval of fractions in points, "1.0 to 5.0"; no difference has more than 100."""
    first, second = (f"{round(100 * min(1.0, max(-1.0, end)), 1) + 0.0:.1f}" for end in (low, high))  # no "-0.0"
    return f"{first} to {second}".replace("-", MINUS)


def _ends(interval: Interval | None) -> str:
    return "–" if interval is None else to_text(interval.low, interval.high)
