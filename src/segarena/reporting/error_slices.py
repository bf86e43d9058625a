"""Where the errors are, in numbers and sentences: the section of the page about objects, boundaries and confidence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segarena.formats import NOTHING, join_words, listing, percent, plural
from segarena.records.slices import ImageSlice, Slices
from segarena.reporting.comparison import Comparison
from segarena.scoring.error_analysis import ErrorTotals
from segarena.scoring.objects import SIZES

#: Fewer objects are not worth a sentence.
FEWEST_OBJECTS = 20
#: Objects are called small below this area in pixels, in sentences.
_SMALL = 100
#: Names of the worst images that are listed for each model; the others are counted.
_NAMED_IMAGES = 10
_TITLES = {"brightness": "brightness", "size": "size of the image", "group": "group"}


@dataclass(frozen=True)
class ErrorSection:
    """What the section shows."""

    findings: tuple[str, ...]
    scores: tuple[tuple[str, tuple[str, ...]], ...]
    """Of each model, its name and cells: boundary IoU, boundary F1, ECE, NLL, mIoU of the worst 5% of the images."""
    sizes: tuple[str, ...]
    """Headings of the size bins that have objects."""
    objects: tuple[tuple[str, tuple[tuple[str, tuple[tuple[str, str], ...]], ...]], ...]
    """Of each model, its name and its rows: a class, and of each bin the share found and the number of objects."""
    slices: tuple[tuple[str, str, str, tuple[str, ...]], ...]
    """Property, slice, images, and the mIoU of each model."""
    worst: tuple[tuple[str, str], ...]
    """Of each model, its name and the names of its worst images, the lowest mIoU first."""


def read_slices(comparison: Comparison) -> Slices | None:
    """Read slices.json; None where the comparison has none, or another set of models, as those of earlier versions."""
    if not (comparison.folder / Slices.file).exists():
        return None
    slices = Slices.read(comparison.folder)
    return slices if set(comparison.names) <= set(slices.models) else None


def totals_of(comparison: Comparison, slices: Slices) -> dict[str, ErrorTotals]:
    """Return the counts of each model, best first."""
    return {name: ErrorTotals.from_record(slices.models[name]) for name in comparison.names}


def describe_errors(comparison: Comparison) -> ErrorSection | None:
    """Return the content of the section; None where the comparison has no slices.json."""
    slices = read_slices(comparison)
    if slices is None:
        return None
    totals = totals_of(comparison, slices)
    objects = np.sum([total.objects[..., 0] for total in totals.values()], axis=0)
    used = np.flatnonzero(objects.sum(axis=0))
    shown = [index for index in comparison.class_order if objects[index].any()]
    labels = {name: comparison.styles[name].label for name in comparison.names}
    return ErrorSection(
        findings=tuple(_findings(comparison, totals)),
        scores=tuple((labels[name], _scores(total, slices, name)) for name, total in totals.items()),
        sizes=tuple(size_titles()[size] for size in used),
        objects=tuple(
            (
                labels[name],
                tuple(
                    (
                        comparison.class_names[index],
                        tuple(_cell(total.objects[index, size], len(comparison.seeds(name))) for size in used),
                    )
                    for index in shown
                ),
            )
            for name, total in totals.items()
        ),
        slices=tuple(
            (
                _TITLES[entry.property],
                _slice_title(entry),
                str(entry.images),
                tuple(percent(entry.miou.get(name)) for name in comparison.names),
            )
            for entry in slices.slices
        ),
        worst=tuple(
            (labels[name], listing(slices.worst[name].names, _NAMED_IMAGES))
            for name in comparison.names
            if name in slices.worst
        ),
    )


def size_titles() -> list[str]:
    """Return the headings of the bins of area, in pixels.

    >>> size_titles()[0], size_titles()[-1]
    ('1–9', '≥ 10,000')
    """
    ends = [f"{low:,}–{following - 1:,}" for low, following in pairwise(SIZES)]
    return [*ends, f"≥ {SIZES[-1]:,}"]


def boundary_iou(total: ErrorTotals) -> float:
    """Return the mean boundary IoU over the classes with true pixels."""
    both, predicted, true = total.boundaries.regions.T
    return _mean(both, predicted + true - both, true > 0)


def boundary_f1(total: ErrorTotals) -> float:
    """Return the mean boundary F1 over the classes with contours in the truth; 0 for one that is never predicted."""
    predicted, matched, true, found = total.boundaries.contours.T.astype(np.float64)
    precision = np.divide(matched, predicted, out=np.zeros_like(matched), where=predicted > 0)
    recall = np.divide(found, true, out=np.zeros_like(found), where=true > 0)
    both = precision + recall
    return _mean(2 * precision * recall, np.where(both > 0, both, 1), true > 0)


def _mean(top: NDArray[Any], bottom: NDArray[Any], counted: NDArray[np.bool_]) -> float:
    return float((top[counted] / bottom[counted]).mean()) if counted.any() else math.nan


def _scores(total: ErrorTotals, slices: Slices, name: str) -> tuple[str, ...]:
    worst = slices.worst.get(name)
    nll = total.confidence.nll
    return (
        percent(boundary_iou(total)),
        percent(boundary_f1(total)),
        percent(total.confidence.ece),
        NOTHING if math.isnan(nll) else f"{nll:.3f}",
        NOTHING if worst is None else f"{percent(worst.miou)} (all: {percent(worst.all_miou)})",
    )


def _slice_title(entry: ImageSlice) -> str:
    """The slice in words; a range of brightness has its ends, a single brightness or size is its own title."""
    if entry.property != "brightness" or entry.low == entry.high:
        return entry.name
    return f"{entry.name}: {entry.low:.0f} to {entry.high:.0f}"


def _cell(counts: NDArray[np.int64], seeds: int) -> tuple[str, str]:
    """The share that is found, and of how many objects: each once, whatever the number of seeds."""
    objects, found = int(counts[0]), int(counts[1])
    return (f"{100 * found / objects:.0f}%", f"{objects // seeds:,}") if objects else (NOTHING, "")


def _findings(comparison: Comparison, totals: dict[str, ErrorTotals]) -> list[str]:
    """What matters most, in a sentence each."""
    best = comparison.names[0]
    found = [
        _all_small_objects(comparison, totals),
        _small_objects(comparison, totals),
        _near_boundaries(comparison.styles[best].label, totals[best]),
        _sureness(comparison.styles[best].label, totals[best]),
    ]
    return [sentence for sentence in found if sentence]


def _small() -> list[int]:
    """The bins of small objects."""
    return [size for size, following in enumerate(SIZES[1:]) if following <= _SMALL]


def _all_small_objects(comparison: Comparison, totals: dict[str, ErrorTotals]) -> str:
    """What the first two models find of small and of other objects, all classes together."""
    number = totals[comparison.names[0]].objects[:, : len(_small()), 0].sum() // len(
        comparison.seeds(comparison.names[0])
    )
    if number < FEWEST_OBJECTS:
        return ""
    shown = comparison.names[:2]
    small: list[str] = []
    larger: list[str] = []
    for name in shown:
        for part, texts in zip(np.split(totals[name].objects, [len(_small())], axis=1), (small, larger), strict=True):
            objects, found = part[..., :2].sum(axis=(0, 1))
            texts.append(f"{100 * found / objects:.0f}%" if objects else "")
    finds = [f"finds {small[0]}", *small[1:]]
    labels = [comparison.styles[name].label for name in shown]
    first = join_words([" ".join(pair) for pair in zip(labels, finds, strict=True)])
    others = f"; of the larger ones {join_words(larger)}" if all(larger) else ""
    return f"Of the {plural(int(number), 'object')} with fewer than {_SMALL} pixels, {first}{others}."


def _small_objects(comparison: Comparison, totals: dict[str, ErrorTotals]) -> str:
    """What is found of the class with the largest share of its pixels in small objects, if it has enough of them."""
    best = comparison.names[0]
    counts = {name: total.objects[:, : len(_small()), :2].sum(axis=1) for name, total in totals.items()}
    pixels = totals[best].objects[..., 2]
    number = counts[best][:, 0] // len(comparison.seeds(best))
    chosen = [index for index in range(len(number)) if number[index] >= FEWEST_OBJECTS]
    if not chosen:
        return ""
    index = max(chosen, key=lambda index: pixels[index, : len(_small())].sum() / pixels[index].sum())
    share = {name: count[index, 1] / count[index, 0] for name, count in counts.items() if count[index, 0]}
    other = max(share, key=lambda name: share[name])
    sentence = (
        f"Of the classes with {FEWEST_OBJECTS} such objects or more, “{comparison.class_names[index]}” has the largest"
        f" share of its pixels in them: {comparison.styles[best].label} finds {100 * share[best]:.0f}% of"
        f" {plural(int(number[index]), 'object')}"
    )
    if other != best and share[other] - share[best] >= 0.05:
        sentence += f"; {comparison.styles[other].label} finds {100 * share[other]:.0f}%"
    return f"{sentence}."


def _near_boundaries(label: str, total: ErrorTotals) -> str:
    """How many of the wrong pixels are near a boundary, and how many pixels are."""
    pixels, correct = total.boundaries.bands.T
    wrong = pixels - correct
    if not wrong.sum():
        return ""
    errors, near = wrong[:2].sum() / wrong.sum(), pixels[:2].sum() / pixels.sum()
    return (
        f"{100 * errors:.0f}% of the wrong pixels of {label} are at most 2 pixels from a boundary of the truth, where"
        f" {100 * near:.0f}% of all pixels are."
    )


def _sureness(label: str, total: ErrorTotals) -> str:
    """Whether the probabilities are too high or too low."""
    pixels = int(total.confidence.pixels.sum())
    if not pixels:
        return ""
    mean, right = float(total.confidence.confidence.sum()) / pixels, int(total.confidence.correct.sum()) / pixels
    gap = mean - right
    word = "about right" if abs(gap) < 0.02 else "too high" if gap > 0 else "too low"
    return (
        f"The probabilities of {label} are {word}: {percent(mean)} on average for the predicted class, which is right"
        f" in {percent(right)} of the pixels."
    )


def figure_alt(comparison: Comparison) -> str:
    """Return what the figure shows, in words."""
    slices = read_slices(comparison)
    if slices is None:
        return ""
    parts: Sequence[str] = _findings(comparison, totals_of(comparison, slices))
    return " ".join(["Objects found by size, accuracy by distance to a boundary, and reliability.", *parts])
