"""The classes of masks in colours without a classes.yaml: each colour that fills areas and is clearly separate.

Softened edges and compression add other colours, called strays here. They count as the nearest class, unless there are
more of them than edges and compression leave: then a class may have been missed, and the masks are refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from segarena.classes import ClassTable, SegmentationClass
from segarena.data.encoding.grey import guess_levels
from segarena.data.encoding.mask_encoding import (
    DECLARE,
    MaskEncoding,
    exact_encoding,
    one_class,
    place_of,
    show_place,
    snapped_encoding,
    unpack,
)
from segarena.data.encoding.objects import refuse_ade20k, refuse_class_and_object, refuse_unshared
from segarena.data.encoding.one_channel import channel_of_numbers, guess_channel, refuse_shared_by_transparency
from segarena.data.encoding.value_counts import (
    SAME,
    SAME_COMPRESSED,
    ValueCounts,
    add_up,
    are_classes,
    colors_of,
    with_merged,
)
from segarena.errors import DataError
from segarena.image_files.mask_facts import CountedMask
from segarena.image_files.raw_masks import read_plane

#: Colours with well-known names.
NAMES: dict[str, tuple[int, int, int]] = {
    "black": (0, 0, 0),
    "white": (255, 255, 255),
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
    "yellow": (255, 255, 0),
    "cyan": (0, 255, 255),
    "magenta": (255, 0, 255),
    "grey": (128, 128, 128),
    "silver": (192, 192, 192),
    "maroon": (128, 0, 0),
    "dark_green": (0, 128, 0),
    "navy": (0, 0, 128),
    "olive": (128, 128, 0),
    "teal": (0, 128, 128),
    "purple": (128, 0, 128),
    "orange": (255, 165, 0),
    "pink": (255, 192, 203),
    "brown": (165, 42, 42),
}

#: Colours that differ by less than this in each channel may be one colour that compression changed.
NEAR = 32
#: A colour fills areas if this share of its pixels is inside areas of it.
FILLS = 0.1

#: The most classes that are inferred.
_MOST = 64
#: Soft edges alone leave fewer different colours than this: with more, the masks were compressed at some time.
_COMPRESSED = 512
#: Drawings, compressed ones too, have fewer different colours than this.
_MANY_DIFFERENT = 2**18
#: Soft edges alone leave fewer pixels inside areas of one colour.
_AREA = 8
#: Compression leaves no more of a colour, as a share of the pixels of the colour nearby that it was made of.
_DUST = 0.001
#: Compression leaves no more of a colour, as a share of all pixels.
_RAREST = 0.0005
#: The share of all pixels that must be near the colours that are classes.
_COVERED = 0.9
#: A stray is explained if its distance from all mixtures of two classes is at most the first of these, in channel
#: steps; at most the second, as a share of all pixels, may be unexplained. Measured on softened masks: 0.006% are; with
#: one class in ten missing, 1.2%.
_OFF_LINE, _UNEXPLAINED = 12.0, 0.005
#: The same for compressed masks.
_OFF_MIXTURE, _UNEXPLAINED_COMPRESSED = 32.0, 0.001
#: The share of all pixels that may be inside areas of strays thicker than edges. Measured: at most 0.06%; with a class
#: missing, 0.5%.
_THICK = 0.001
#: RGB to luma and two chroma components of the same range, as JPEG converts them (ITU-T T.871).
_YCC = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
#: Strays along an edge are in a band narrower than this, in pixels, even if the chroma has half the resolution.
_BAND = 5


def guess_colors(masks: Sequence[CountedMask]) -> MaskEncoding:
    """Infer the classes from the colours of all masks.

    If each colour fills areas, each is a class. If softened edges or compression added others, the colours that fill
    areas are the classes: they must differ clearly and have nearly all pixels, and the other colours must be near one
    of them or between two of them; those count as the nearest class. The classes are sorted by red, green, blue. Black
    is named background if it is the most frequent.

    Args:
        masks: All masks of the set.

    Raises:
        DataError: It is not clear which colours are classes, or there is only one colour.
    """
    counts = add_up(masks, [colors_of(one) for one in masks])
    if len(counts.values) == 1:
        raise one_class([path for path, _ in masks], f"only the colour {show_place(int(counts.values[0]), 'color')}")
    refuse_shared_by_transparency(masks, counts)
    colors = [colors_of(one) for one in masks]
    channel = channel_of_numbers(colors)
    numbered = None if channel is None else guess_channel(masks, colors, channel, guess_levels)
    if numbered is not None:
        return numbered
    filling = counts.values[FILLS * counts.pixels <= counts.inside]
    refuse_ade20k(masks, filling)
    refuse_unshared(masks, "colours")
    refuse_class_and_object(masks, filling)
    if len(counts.values) > _MANY_DIFFERENT:
        raise _unclear(masks, counts, "more colours than a drawing can have")
    lossy = any(facts.lossy for _, facts in masks)
    if not lossy and are_classes(counts, unpack(counts.values), SAME):
        return exact_encoding("color", _name(counts.values, counts.values, counts))
    compressed = lossy or len(counts.values) > _COMPRESSED
    chosen = _choose(masks, counts, compressed)
    table = _name(counts.values[chosen], _restore(counts.values[chosen]), counts)
    labels = nearest(counts.values, np.array([entry.value for entry in table.classes]))[0]
    encoding = snapped_encoding(table, counts.values, labels)
    unexplained = find_unexplained(counts, unpack(counts.values[chosen]), compressed)
    return with_merged(encoding, masks, counts, unexplained, same=SAME_COMPRESSED if compressed else SAME)


def find_unexplained(counts: ValueCounts, palette: NDArray[np.int64], compressed: bool) -> NDArray[np.bool_]:
    """Return which of the K colours are neither near one of a palette nor a mixture of two: (K,).

    Args:
        counts: The colours.
        palette: (P, 3), RGB, 0 to 255.
        compressed: Whether luma and chroma are mixed separately, as by JPEG.
    """
    points = unpack(counts.values)
    unexplained: NDArray[np.bool_] = nearest(counts.values, palette)[1] >= NEAR
    if compressed:
        unexplained[unexplained] = distance_from_mixtures(points[unexplained], palette) > _OFF_MIXTURE
    else:
        unexplained[unexplained] = _distance_from_lines(points[unexplained], palette) > _OFF_LINE
    return unexplained


def nearest(colors: NDArray[np.int64], palette: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find the nearest colour of a palette, by the Euclidean distance in RGB.

    Args:
        colors: (K,), packed.
        palette: (P, 3), 0 to 255.

    Returns:
        (K,) the place in the palette, and (K,) the largest difference in one channel.
    """
    points = unpack(colors)
    best = np.zeros(len(points), dtype=np.int64)
    least = np.full(len(points), np.iinfo(np.int64).max)
    for place, color in enumerate(palette):
        distance = ((points - color) ** 2).sum(axis=-1)
        closer = distance < least
        best[closer], least[closer] = place, distance[closer]
    return best, np.abs(points - palette[best]).max(axis=-1)


def _choose(masks: Sequence[CountedMask], counts: ValueCounts, compressed: bool) -> NDArray[np.int64]:
    """The places in `counts` of the colours that are classes, ascending. Raises DataError if that is not clear."""
    points = unpack(counts.values)
    fills = (counts.inside > 0) & (counts.inside >= FILLS * counts.pixels)
    if compressed:
        fills &= counts.pixels >= _RAREST * counts.total
    else:
        fills |= counts.inside >= _AREA
    chosen: list[int] = []
    for place in sorted(np.flatnonzero(fills).tolist(), key=lambda place: -int(counts.inside[place])):
        distance = np.abs(points[chosen] - points[place]).max(axis=-1) if chosen else np.array([NEAR])
        owner = chosen[int(distance.argmin())] if chosen else place
        if distance.min() >= NEAR:
            chosen.append(place)
        elif not compressed or (distance.min() > SAME and counts.pixels[place] > _DUST * counts.pixels[owner]):
            pair = [show_place(int(counts.values[one]), "color") for one in (owner, place)]
            raise _unclear(masks, counts, f"{pair[0]} and {pair[1]} are so close that they could be one class or two")
        if len(chosen) > _MOST:
            raise _unclear(masks, counts, f"more than {_MOST} of them fill areas")
    if len(chosen) < 2:
        raise _unclear(masks, counts, "fewer than two of them fill areas")
    _check_strays(masks, counts, points[chosen], compressed)
    return np.array(sorted(chosen))


def _check_strays(
    masks: Sequence[CountedMask], counts: ValueCounts, palette: NDArray[np.int64], compressed: bool
) -> None:
    """Raise DataError if there are more colours far from all of `palette` (P, 3) than edges and compression leave."""
    stray = nearest(counts.values, palette)[1] >= NEAR
    strays = counts.pixels[stray]
    if strays.sum() > (1 - _COVERED) * counts.total:
        raise _unclear(masks, counts, f"the {len(palette)} that fill areas have under {_COVERED:.0%} of the pixels")
    off = find_unexplained(counts, palette, compressed)
    unexplained = counts.pixels[off]
    if unexplained.sum() > (_UNEXPLAINED_COMPRESSED if compressed else _UNEXPLAINED) * counts.total:
        worst = int(counts.values[off][unexplained.argmax()])
        raise _unclear(masks, counts, f"e.g. {show_place(worst, 'color')} fills no areas and is not a mixture")
    if compressed:
        thick, path = find_thick(masks, counts.values[stray])
        if path is not None and thick > _THICK * counts.total:
            raise _unclear(masks, counts, f"{path.name} has areas of none of the {len(palette)} colours that are clear")


def _distance_from_lines(points: NDArray[np.int64], palette: NDArray[np.int64]) -> NDArray[np.float64]:
    """The distance of `points` (S, 3) from the nearest line between two of `palette` (P, 3), in channel steps."""
    least = np.full(len(points), np.inf)
    for place, start in enumerate(palette):
        for end in palette[place + 1 :]:
            way = (end - start).astype(np.float64)
            along = np.clip((points - start) @ way / (way @ way), 0, 1)
            away = np.linalg.norm(points - start - along[:, None] * way, axis=-1)
            np.minimum(least, away, out=least)
    return least


def distance_from_mixtures(points: NDArray[np.int64], palette: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the distance of each colour from the nearest mixture of two colours of a palette.

    JPEG blurs luma and chroma separately, the chroma over twice the distance. Beside an edge, the luma may therefore be
    that of one side and the chroma halfway: a mixture has any luma between the two, and any chroma between the two.

    Args:
        points: (S, 3), RGB, 0 to 255.
        palette: (P, 3), RGB, 0 to 255.

    Returns:
        (S,), the larger of the distances in luma and in chroma, in steps of 0 to 255.
    """
    least = np.full(len(points), np.inf)
    mixed = points @ _YCC.T
    for start, end in combinations(palette @ _YCC.T, 2):
        low, high = sorted((start[0], end[0]))
        luma = np.maximum(np.maximum(low - mixed[:, 0], mixed[:, 0] - high), 0)
        way, offset = end[1:] - start[1:], mixed[:, 1:] - start[1:]
        along = np.clip(offset @ way / max(float(way @ way), 1e-9), 0, 1)
        chroma = np.linalg.norm(offset - along[:, None] * way, axis=1)
        np.minimum(least, np.maximum(luma, chroma), out=least)
    return least


def find_thick(masks: Sequence[CountedMask], strays: NDArray[np.int64]) -> tuple[int, Path | None]:
    """Count the pixels of strays that are inside areas of strays thicker than an edge.

    Args:
        masks: The masks; each is decoded again.
        strays: (S,), packed colours.

    Returns:
        The number of such pixels in all masks, and the mask with most of them, None without any.

    Raises:
        DataError: A mask cannot be read any more.
    """
    total, most, worst = 0, 0, None
    for path, _ in masks:
        stray = Image.fromarray(np.isin(read_plane(path).colors(path), strays).astype(np.uint8))
        deep = int(np.count_nonzero(np.asarray(stray.filter(ImageFilter.MinFilter(_BAND)))))
        total += deep
        if deep > most:
            most, worst = deep, path
    return total, worst


def _restore(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Packed colours, those near a well-known colour replaced by it: compression has changed them a little."""
    known = np.array(list(NAMES.values()))
    place, distance = nearest(values, known)
    return np.where(distance <= SAME, known[place] @ (1 << 16, 1 << 8, 1), values)


def _name(found: NDArray[np.int64], values: NDArray[np.int64], counts: ValueCounts) -> ClassTable:
    """A class for each of `values`, packed colours, sorted. `found` are the same colours as they are in the masks."""
    frequent = found == found[np.argmax(counts.pixels[np.searchsorted(counts.values, found)])]
    known = {place_of(color): name for name, color in NAMES.items()}
    classes = []
    for value, most in sorted(zip(values.tolist(), frequent.tolist(), strict=True)):
        name = "background" if value == 0 and most else known.get(value, f"color_{value:06x}")
        red, green, blue = unpack(np.array(value)).tolist()
        classes.append(SegmentationClass(name, (red, green, blue), (red, green, blue)))
    return ClassTable(tuple(classes))


def _unclear(masks: Sequence[CountedMask], counts: ValueCounts, reason: str) -> DataError:
    culprit: Path = max(masks, key=lambda one: len(one.facts.values)).path
    return DataError(
        f"the masks (e.g. {culprit.name}) have {len(counts.values)} different colours, and it is not clear which "
        f"of them are classes: {reason}",
        where=culprit.parent,
        remedy=f"Export the masks as PNG without smoothing, or {DECLARE}, e.g. `value: [128, 64, 128]`",
    )
