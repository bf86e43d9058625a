"""Masks that do not fit their images: shifted, with object and background exchanged, or with classes exchanged.

Some pairs are read at full size. Masks are shifted if the image has stronger edges beside the class boundaries than on
them, always in the same direction; they are inverted if foreground is where the other masks have background.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from segarena.checks.class_appearance import check_class_appearance
from segarena.checks.measurements import MAX_SHIFT, PairMeasurement, recall_pairs
from segarena.checks.problem import Problem
from segarena.data.folder import FolderSource
from segarena.data.layout.tree import relative_name
from segarena.evenly import evenly_spaced
from segarena.formats import plural, small_percent

#: A smaller shift, in pixels, is within the width of an edge.
MIN_SHIFT = 2
#: Factor by which the edges under the shifted boundaries must be stronger than under the boundaries as they are ...
MIN_GAIN = 1.1
#: ... and stronger in this share of the images. Measured on masks shifted on purpose by 2 pixels or more, in sets of
#: three kinds: 1.10 or more, in all images; on the original masks: at most 1.04, in 60% of the images.
MIN_SHARE = 0.9

#: Masks may be inverted if the foreground covers more than this share of all pixels, ...
INVERTED_SHARE = 0.9
#: ... or more than the first of these, and more than the second of the images' outermost pixels.
INVERTED_WITH_BORDER, BORDER_SHARE = 0.6, 0.97

#: About half of the masks may be inverted if at least this share of them has a foreground above a half, ...
MIN_HALF = 0.2
#: ... the typical foregrounds of the two groups differ by this share of the pixels, and add up to all but ...
MIN_APART, MOST_UNLIKE = 0.2, 0.2

_MOST_IMAGES, _MIN_IMAGES = 24, 6


def check_alignment(source: FolderSource) -> Iterator[Problem]:
    """Yield masks that do not fit, judged by up to 24 pairs spread over the set and up to 24 suspicious ones."""
    spread = evenly_spaced(len(source.samples), _MOST_IMAGES)
    suspects = _unlike_the_others(source)[:_MOST_IMAGES]
    pairs = recall_pairs(source, sorted({*spread, *suspects}))
    yield from _shifted_masks(pairs)
    yield from check_class_appearance(source, pairs)
    if source.classes.num_classes == 2:
        yield from _inverted_masks(source, pairs, suspects)
        if not suspects:
            yield from _inverted_half(source, pairs)
        yield from _inverted_set(source, pairs)


def _shifted_masks(pairs: Sequence[PairMeasurement]) -> Iterator[Problem]:
    maps = [pair.edges for pair in pairs if pair.edges is not None]
    if len(maps) < _MIN_IMAGES:
        return
    edges = np.stack(maps)
    down, right = _best_shift(edges)
    as_is, shifted = edges[:, MAX_SHIFT, MAX_SHIFT], edges[:, MAX_SHIFT + down, MAX_SHIFT + right]
    share = float((shifted > as_is).mean())
    halves = np.array([_best_shift(edges[::2]), _best_shift(edges[1::2])])
    agree = np.abs(halves - (down, right)).max() <= 1
    far = max(abs(down), abs(right)) >= MIN_SHIFT
    if far and agree and share >= MIN_SHARE and shifted.mean() >= MIN_GAIN * as_is.mean():
        steps = ((down, "down", "up"), (right, "right", "left"))
        way = " and ".join(f"{abs(step)} px {plus if step > 0 else minus}" for step, plus, minus in steps if step)
        yield Problem(
            "shifted-mask",
            "warning",
            (),
            f"All masks look shifted: moved {way}, their boundaries would be on stronger edges in"
            f" {small_percent(share)} of {len(maps)} images",
            "Look at the overlays; if they are shifted, export the masks again on the images' own grid",
        )


def _best_shift(edges: NDArray[np.float64]) -> tuple[int, int]:
    """The shift, down and right, with the strongest edges in the mean over the images (N, rows, columns)."""
    row, column = np.unravel_index(int(edges.mean(axis=0).argmax()), edges.shape[1:])
    return int(row) - MAX_SHIFT, int(column) - MAX_SHIFT


def _unlike_the_others(source: FolderSource) -> list[int]:
    """Two-class masks whose foreground is about as large as the background of the others."""
    if source.classes.num_classes != 2:
        return []
    labelled = source.mask_pixels.sum(axis=1)
    shares = source.mask_pixels[:, 1] / np.maximum(1, labelled)
    usual = float(np.median(shares[labelled > 0]))
    other_side = (shares > 0.5) != (usual > 0.5)
    nearer = np.abs(shares - (1 - usual)) < np.abs(shares - usual)
    return np.flatnonzero(other_side & nearer & (labelled > 0)).tolist() if abs(usual - 0.5) > 0.1 else []


def _inverted_masks(
    source: FolderSource, pairs: Sequence[PairMeasurement], suspects: Sequence[int]
) -> Iterator[Problem]:
    """The suspects in which the colors of the two classes differ in the opposite way to nearly all other masks."""
    colors = {pair.index: pair.colors for pair in pairs}
    contrast = {index: values[1] - values[0] for index, values in colors.items() if np.isfinite(values).all()}
    usual = np.array([value for index, value in contrast.items() if index not in suspects])
    if len(usual) < _MIN_IMAGES:
        return
    direction = usual.mean(axis=0)
    if (usual @ direction > 0).mean() < MIN_SHARE:
        return
    inverted = [index for index in suspects if index in contrast and contrast[index] @ direction < 0]
    if inverted:
        yield _describe_inverted(source, inverted, plural(len(inverted), "mask"))


def _inverted_half(source: FolderSource, pairs: Sequence[PairMeasurement]) -> Iterator[Problem]:
    """About as many masks with object and background exchanged as without: none of the two is what is usual."""
    labelled = source.mask_pixels.sum(axis=1)
    shares = source.mask_pixels[:, 1] / np.maximum(1, labelled)
    measured = [(pair.index, pair.colors[1] - pair.colors[0]) for pair in pairs]
    contrast = {index: value for index, value in measured if np.isfinite(value).all()}
    if len(contrast) < 2 * _MIN_IMAGES:
        return
    values, large = np.array(list(contrast.values())), shares[list(contrast)] > 0.5
    if not MIN_HALF <= large.mean() <= 1 - MIN_HALF:
        return
    small, other = (float(np.median(shares[list(contrast)][large == side])) for side in (False, True))
    if abs(small + other - 1) > MOST_UNLIKE or other - small < MIN_APART:
        return
    direction = values[~large].mean(axis=0)
    agree = (values @ direction > 0) != large
    if min(agree[large].mean(), agree[~large].mean()) >= MIN_SHARE:
        indices = np.flatnonzero((shares > 0.5) & (labelled > 0))
        yield _describe_inverted(source, indices, f"{plural(len(indices), 'mask')} of {len(shares)}")


def _describe_inverted(source: FolderSource, indices: Iterable[int], which: str) -> Problem:
    return Problem(
        "inverted-mask",
        "warning",
        tuple(relative_name(source.root, source.samples[index].files[1]) for index in indices),
        f"{which} may be inverted: compared with the others, the share of the foreground and its contrast to the"
        " background are reversed",
        "Look at them; where object and background are exchanged, exchange the two values in the mask",
    )


def _inverted_set(source: FolderSource, pairs: Sequence[PairMeasurement]) -> Iterator[Problem]:
    background = source.classes.untinted
    foreground, name = 1 - background, source.classes.names[1 - background]
    share = float(source.class_pixels[foreground] / source.class_pixels.sum())
    border = float(np.mean([pair.border[foreground] for pair in pairs])) if pairs else 0.0
    if share > INVERTED_SHARE or (share > INVERTED_WITH_BORDER and border > BORDER_SHARE):
        yield Problem(
            "inverted-mask",
            "note",
            (),
            f"{name!r} covers {small_percent(share)} of all pixels and {small_percent(border)} of the outermost ones,"
            " as background usually does: the masks may be inverted",
            f"If {name!r} is the background, exchange the names of the two values in a classes.yaml",
        )
