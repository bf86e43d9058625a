"""Masks that do not fit their images: moved by some pixels, or with object and background exchanged.

Also: A closer look at some pairs at full size: do mask borders lie on image edges, which side of them is the object?
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segarena.classes import IGNORE_INDEX
from segarena.data.checks.problem import Problem, relative
from segarena.data.folder import FolderSource
from segarena.errors import DataError
from segarena.formats import plural, small_percent
from segarena.threads import thread_pool

#: The longest shift of a mask that is tried, in pixels, along rows and columns.
REACH = 8

_WINDOW = 1024  # of a larger image the middle is enough
_MIN_POINTS, _MOST_POINTS = 50, 1000


@dataclass(frozen=True)
class Look:
    """What one pair shows.

    `edges` (2 REACH + 1, 2 REACH + 1): how strong the image's edges are under the mask's borders when the mask is
    moved up to REACH pixels down (rows) and right (columns), as a multiple of the image's mean gradient; [REACH, REACH]
    is the mask as it is. None where there are too few borders, or no edges.
    `frame` (num_classes,): the share of each class in the outermost labelled pixels.
    `colors` (num_classes, 3): mean RGB of each class, NaN where it is absent.
    """

    index: int
    edges: NDArray[np.float64] | None
    frame: NDArray[np.float64]
    colors: NDArray[np.float64]


def look_at(source: FolderSource, indices: Sequence[int]) -> list[Look]:
    """Read these pairs and measure them; one that cannot be read is passed over."""

    def look(index: int) -> Look | None:
        try:
            image, mask = source.read(index)
        except DataError:  # listed as what it is, elsewhere
            return None
        image, mask = _middle(image), _middle(mask)
        frame = np.concatenate([mask[0], mask[-1], mask[1:-1, 0], mask[1:-1, -1]])
        shares = np.bincount(frame, minlength=256)[: source.classes.num_classes]
        colors = _mean_colors(image, mask, source.classes.num_classes)
        return Look(index, edge_strengths(image, mask), shares / max(1, shares.sum()), colors)

    with thread_pool() as threads:
        return [found for found in threads.map(look, indices) if found is not None]


def edge_strengths(image: NDArray[np.uint8], mask: NDArray[np.uint8]) -> NDArray[np.float64] | None:
    """`Look.edges` of an image (H, W, 3) and its mask (H, W)."""
    rows, columns = np.nonzero(_borders(mask))
    low, high_row, high_column = REACH, mask.shape[0] - REACH, mask.shape[1] - REACH
    inside = (rows >= low) & (rows < high_row) & (columns >= low) & (columns < high_column)
    rows, columns = rows[inside], columns[inside]
    if len(rows) < _MIN_POINTS:
        return None
    gradient = np.hypot(*np.gradient(image.astype(np.float32).mean(axis=2)))
    if not gradient.any():
        return None
    chosen = np.random.default_rng(0).permutation(len(rows))[:_MOST_POINTS]
    places = rows[chosen] * mask.shape[1] + columns[chosen]
    steps = np.arange(-REACH, REACH + 1)
    shifts = steps[:, None, None] * mask.shape[1] + steps[:, None]
    strengths: NDArray[np.float64] = gradient.ravel()[shifts + places].mean(axis=2, dtype=np.float64)
    return strengths / float(gradient.mean())


def _borders(mask: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where a pixel and its left or upper neighbour are of different classes, void aside."""
    borders = np.zeros(mask.shape, dtype=bool)
    known = mask != IGNORE_INDEX
    borders[:, 1:] |= (mask[:, 1:] != mask[:, :-1]) & known[:, 1:] & known[:, :-1]
    borders[1:] |= (mask[1:] != mask[:-1]) & known[1:] & known[:-1]
    return borders


def _mean_colors(image: NDArray[np.uint8], mask: NDArray[np.uint8], num_classes: int) -> NDArray[np.float64]:
    labels = mask.ravel()
    pixels = np.bincount(labels, minlength=256)[:num_classes].astype(np.float64)
    sums = [np.bincount(labels, image[..., channel].ravel(), minlength=256)[:num_classes] for channel in range(3)]
    pixels[pixels == 0] = np.nan
    return np.stack(sums, axis=1) / pixels[:, None]


def _middle(array: NDArray[np.uint8]) -> NDArray[np.uint8]:
    top, left = (max(0, size - _WINDOW) // 2 for size in array.shape[:2])
    return array[top : top + _WINDOW, left : left + _WINDOW]


#: A shorter shift than this, in pixels, is the width of an edge.
MIN_SHIFT = 2
#: Images must show this much more edge under the shifted borders than under the borders as they are ...
MIN_GAIN = 1.1
#: ... and in this share of the images. Measured on masks moved on purpose by 2 pixels or more, in sets of three kinds:
#: 1.10 or more, in all images; on masks as they came, where a far place wins at all: 1.04, in 60% of the images.
MIN_SHARE = 0.9

#: A foreground that covers more than this share of all pixels may be the background of inverted masks, and so may
INVERTED_SHARE = 0.9
#: one that covers more than this, and nearly all of the images' outermost pixels.
INVERTED_WITH_FRAME, FRAME_SHARE = 0.6, 0.97

_MOST_IMAGES, _MIN_IMAGES = 24, 6


def check_alignment(source: FolderSource) -> Iterator[Problem]:
    """Yield shifted and inverted masks, from up to 24 pairs spread over the set and the suspicious ones."""
    spread = np.linspace(0, len(source.samples) - 1, min(_MOST_IMAGES, len(source.samples))).round().astype(int)
    suspects = _unlike_the_others(source)[:_MOST_IMAGES]
    looks = look_at(source, sorted({*spread.tolist(), *suspects}))
    yield from _shifted(looks)
    if source.classes.num_classes == 2:
        inverted = _inverted_ones(looks, suspects)
        if inverted:
            yield Problem(
                "inverted-mask",
                "warning",
                tuple(relative(source.samples[index].mask, source.root) for index in inverted),
                f"{plural(len(inverted), 'mask')} look inverted beside the others: the share of the foreground, and"
                " what is bright or dark in the image, are the other way round",
                "Look at them; exchange the two values where object and background are mixed up",
            )
        yield from _inverted_set(source, looks)


def _shifted(looks: Sequence[Look]) -> Iterator[Problem]:
    maps = [look.edges for look in looks if look.edges is not None]
    if len(maps) < _MIN_IMAGES:
        return
    stack = np.stack(maps)
    down, right = _best(stack)
    here, there = stack[:, REACH, REACH], stack[:, REACH + down, REACH + right]
    share = float((there > here).mean())
    halves = np.array([_best(stack[::2]), _best(stack[1::2])])
    agree = np.abs(halves - (down, right)).max() <= 1
    far = max(abs(down), abs(right)) >= MIN_SHIFT
    if far and agree and share >= MIN_SHARE and there.mean() >= MIN_GAIN * here.mean():
        steps = ((down, "down", "up"), (right, "right", "left"))
        way = " and ".join(f"{abs(step)} px {plus if step > 0 else minus}" for step, plus, minus in steps if step)
        yield Problem(
            "shifted-mask",
            "warning",
            (),
            f"All masks look shifted: moved {way}, their borders would lie on stronger edges in"
            f" {small_percent(share)} of {len(maps)} images",
            "Look at the overlays; if it is so, export the masks again on the images' own grid",
        )


def _best(maps: NDArray[np.float64]) -> tuple[int, int]:
    """The shift, down and right, with the strongest edges on average over the images (N, rows, columns)."""
    row, column = np.unravel_index(int(maps.mean(axis=0).argmax()), maps.shape[1:])
    return int(row) - REACH, int(column) - REACH


def _unlike_the_others(source: FolderSource) -> list[int]:
    """Two-class masks whose foreground is as large as the background of the others."""
    if source.classes.num_classes != 2:
        return []
    labelled = source.mask_pixels[:, :-1].sum(axis=1)
    shares = source.mask_pixels[:, 1] / np.maximum(1, labelled)
    usual = float(np.median(shares[labelled > 0]))
    other_side = (shares > 0.5) != (usual > 0.5)
    nearer = np.abs(shares - (1 - usual)) < np.abs(shares - usual)
    return np.flatnonzero(other_side & nearer & (labelled > 0)).tolist() if abs(usual - 0.5) > 0.1 else []


def _inverted_ones(looks: Sequence[Look], suspects: Sequence[int]) -> list[int]:
    """The suspects whose classes differ in colour the other way than in nearly all the other masks."""
    contrast = {look.index: look.colors[1] - look.colors[0] for look in looks if np.isfinite(look.colors).all()}
    usual = np.array([value for index, value in contrast.items() if index not in suspects])
    if len(usual) < _MIN_IMAGES:
        return []
    direction = usual.mean(axis=0)
    if (usual @ direction > 0).mean() < MIN_SHARE:
        return []
    return [index for index in suspects if index in contrast and contrast[index] @ direction < 0]


def _inverted_set(source: FolderSource, looks: Sequence[Look]) -> Iterator[Problem]:
    background = source.classes.background or 0
    foreground, name = 1 - background, source.classes.names[1 - background]
    share = float(source.class_pixels[foreground] / source.class_pixels.sum())
    frame = float(np.mean([look.frame[foreground] for look in looks])) if looks else 0.0
    if share > INVERTED_SHARE or (share > INVERTED_WITH_FRAME and frame > FRAME_SHARE):
        yield Problem(
            "inverted-mask",
            "note",
            (),
            f"{name!r} covers {small_percent(share)} of all pixels and {small_percent(frame)} of the images' frames,"
            " which background does as a rule: the masks may be inverted",
            f"If {name!r} is the background, name the two values the other way round in classes.yaml",
        )
