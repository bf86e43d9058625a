"""The classes of masks with numbers without a classes.yaml: two levels, or a number for each class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from segarena.classes import ClassTable, SegmentationClass, name_classes
from segarena.data.encoding.mask_encoding import DECLARE, MaskEncoding, cut_encoding, exact_encoding, one_class, unpack
from segarena.data.encoding.mixed import refuse_mixed_numbers
from segarena.data.encoding.objects import class_numbers, composed_encoding, find_factor, refuse_objects
from segarena.data.encoding.one_channel import refuse_shared_by_transparency
from segarena.data.encoding.value_counts import ValueCounts, add_up, are_classes, fills_areas, greys_of, with_merged
from segarena.data.encoding.void import FAR, find_void, without_last_void, without_void
from segarena.errors import DataError
from segarena.formats import listing
from segarena.image_files.mask_facts import CountedMask

#: Two levels with soft edges between them differ by at least this.
_APART = 32
#: This number of pixels inside areas of one level is more than the edges of other levels leave.
_AREA = 16
#: More than the second, different values are a depth map or a soft shade if neighbouring pixels that differ do so by 1
#: more often than the first.
_SMOOTH, _SMOOTH_LEVELS = 0.7, 32
#: Levels that differ by no more than this may be one level that compression changed.
_NEAR = 32
#: Levels between two others that may be a class of their own differ from both by the first; the second is one level.
_MERGED, _MERGED_SAME = 64, 3
#: Strays are this close to one of two levels, have at most this share of its pixels, and fill no areas: at most this
#: share of their pixels is inside.
_STRAY, _FEW, _INSIDE = 8, 0.1, 0.1


class Modes(NamedTuple):
    """The two levels that nearly all pixels have, and the number halfway between them."""

    low: int
    high: int
    cut: float


def guess_levels(masks: Sequence[CountedMask]) -> MaskEncoding:
    """Infer the classes from the numbers in all masks.

    - Two values are two classes.
    - Two levels with nearly all pixels, and those of soft edges between them, are two classes, cut halfway.
    - Of numbers that fill areas, each is a class. 255 (65535 in 16 bits) is void beside class numbers, and a class if
      the values are widely spread.

    Anything else could be a photograph, a depth map, resized or compressed labels, or numbers of objects.

    Args:
        masks: All masks of the set.

    Raises:
        DataError: The numbers have none of these forms, or fit more than one.
    """
    masks = _bits_as_numbers(masks)
    counts = add_up(masks)
    seen = counts.values.tolist()
    refuse_shared_by_transparency(masks, counts, colors=False)
    if len(seen) == 1:
        raise one_class([path for path, _ in masks], f"only the value {seen[0]}")
    lossy = next((path for path, facts in masks if facts.lossy), None)
    if len(seen) == 2 and (seen[1] >= FAR or lossy is None) and not any(facts.minus_one for _, facts in masks):
        return _two_values(masks, seen)
    modes = find_modes_with_strays(counts)
    if modes is not None:
        return stray_encoding(_two_levels(modes.low, modes.high), modes, seen)
    modes = find_modes(counts)
    if lossy is None and not _is_smooth(masks, counts):
        if modes is None:
            refuse_objects(masks, [without_last_void(facts.values) for _, facts in masks])
        factor = find_factor(masks)
        if factor is not None:
            return _classes_of_objects(masks, counts, factor)
        if _look_like_numbers(counts):
            return _numbers(masks, counts)
    if modes is None:
        raise _unclear(masks, counts)
    encoding = cut_encoding(_two_levels(modes.low, modes.high), modes.cut, len(seen))
    apart = np.abs(counts.values[:, None] - modes[:2]).min(axis=1) >= _MERGED
    return with_merged(encoding, masks, counts, apart, same=_MERGED_SAME)


def guess_greys(masks: Sequence[CountedMask]) -> MaskEncoding:
    """Infer the classes as `guess_levels` does, from the greys of palette files in place of their indices."""
    greys = [CountedMask(one.path, replace(one.facts, values=greys_of(one), palette=None)) for one in masks]
    return replace(guess_levels(greys), by_grey=True)


def find_modes(counts: ValueCounts) -> Modes | None:
    """Return the two modes of the values, None if there are not exactly two clear ones.

    They are clear if nearly all pixels have one of two values far apart, most of those around a mode have the mode
    itself, and the others are spread over many levels between, none of which is frequent or fills areas.
    """
    values, pixels = counts.values, counts.pixels
    middle = (values[0] + values[-1]) / 2
    low, high = (int(values[side][pixels[side].argmax()]) for side in (values < middle, values > middle))
    if high - low < max(_APART, middle - values[0]):
        return None
    window = (high - low) // 14
    around = [pixels[np.abs(values - mode) <= window] for mode in (low, high)]
    middle_ones = (np.abs(values - low) > window) & (np.abs(values - high) > window)
    between, areas = pixels[middle_ones], counts.inside[middle_ones]
    peaks = [pixels[np.abs(values - mode) <= 2].sum() for mode in (low, high)]
    smaller = min(part.sum() for part in around)
    clear = (
        all(peak >= 0.5 * part.sum() for peak, part in zip(peaks, around, strict=True))
        and between.sum() <= min(0.1 * counts.total, smaller)
        and between.max(initial=0) <= 0.1 * min(peaks)
        and not ((areas >= _AREA) & (areas >= 0.1 * between)).any()
    )
    return Modes(low, high, (low + high) / 2) if clear else None


def find_modes_with_strays(counts: ValueCounts) -> Modes | None:
    """Return two levels that all pixels have but for a few strays close to both, e.g. 0 and 255 with 1 and 254.

    None for other values. If nothing but the highest value were in its place, it could be void beside class numbers.
    """
    values, pixels = counts.values, counts.pixels
    split = int(np.diff(values).argmax()) + 1
    sides = (slice(None, split), slice(split, None))
    low, high = (int(values[side][pixels[side].argmax()]) for side in sides)
    if high - low < FAR or high != values[-1] or len(values) - split < 2:
        return None
    for side, level in zip(sides, (low, high), strict=True):
        strays = values[side] != level
        near = np.abs(values[side] - level).max() <= _STRAY
        few = pixels[side][strays].sum() <= _FEW * pixels[side].sum()
        if not near or not few or (counts.inside[side][strays] > _INSIDE * pixels[side][strays]).any():
            return None
    return Modes(low, high, (low + high) / 2)


def stray_encoding(classes: ClassTable, modes: Modes, seen: Sequence[int]) -> MaskEncoding:
    """Make the encoding of two levels with strays: `seen` are all numbers of the masks."""
    strays = listing([str(value) for value in seen if value not in modes[:2]])
    return cut_encoding(classes, modes.cut, len(seen), strays=strays)


def _bits_as_numbers(masks: Sequence[CountedMask]) -> Sequence[CountedMask]:
    """The masks, with 255 as 1 in masks of 1 bit if all other masks have only 0 and 1."""
    others = [facts.values for _, facts in masks if not facts.one_bit]
    if not others or len(others) == len(masks) or np.setdiff1d(np.concatenate(others), (0, 1)).size:
        return masks
    return [
        CountedMask(path, replace(facts, values=facts.values // 255) if facts.one_bit else facts)
        for path, facts in masks
    ]


def _two_values(masks: Sequence[CountedMask], seen: list[int]) -> MaskEncoding:
    if seen[1] >= FAR:
        return exact_encoding("two-level", _two_levels(*seen))
    return exact_encoding("index", _number_classes(masks, seen, []))


def _two_levels(low: int, high: int) -> ClassTable:
    return name_classes((low, high), ("background", "foreground"))


def _is_smooth(masks: Sequence[CountedMask], counts: ValueCounts) -> bool:
    """Whether most neighbouring pixels that differ do so by 1, as in a depth map."""
    borders = sum(facts.borders for _, facts in masks)
    steps = sum(facts.steps for _, facts in masks)
    return len(counts.values) > _SMOOTH_LEVELS and steps > _SMOOTH * borders


def _look_like_numbers(counts: ValueCounts) -> bool:
    tight = np.diff(counts.values).min() < 4 and without_void(counts.values).max(initial=0) >= FAR
    if tight and not fills_areas(counts):
        return False
    return are_classes(counts, counts.values[:, None], _NEAR)


def _numbers(masks: Sequence[CountedMask], counts: ValueCounts) -> MaskEncoding:
    refuse_mixed_numbers(masks)
    void = find_void(masks, counts)
    classes = [value for value in counts.values.tolist() if value != void]
    return exact_encoding("index", _number_classes(masks, classes, [] if void is None else [void]))


def _classes_of_objects(masks: Sequence[CountedMask], counts: ValueCounts, factor: int) -> MaskEncoding:
    """The encoding of numbers that have class and object."""
    void = find_void(masks, counts)
    numbers = counts.values[counts.values != void] if void is not None else counts.values
    classes = np.unique(class_numbers(numbers, factor)).tolist()
    return composed_encoding(_number_classes(masks, classes, [] if void is None else [void]), factor)


def _number_classes(masks: Sequence[CountedMask], values: list[int], void: list[int]) -> ClassTable:
    """A class for each number, in the colours of the files' palettes if these are not all grey and differ."""
    table = name_classes(values, [f"class_{value}" for value in values], void)
    colors = {
        value: color
        for _, facts in masks
        if facts.palette is not None
        for value, color in zip(facts.values.tolist(), unpack(facts.palette).tolist(), strict=True)
    }
    chosen = [(*colors[value],) for value in values if value in colors]
    if len(set(chosen)) < len(values) or all(len(set(color)) == 1 for color in chosen):
        return table
    named = zip(table.classes, chosen, strict=True)
    return ClassTable(
        tuple(SegmentationClass(entry.name, entry.value, (color[0], color[1], color[2])) for entry, color in named),
        table.ignore,
    )


def _unclear(masks: Sequence[CountedMask], counts: ValueCounts) -> DataError:
    lossy = next(((path, facts.lossy) for path, facts in masks if facts.lossy), None)
    if lossy is not None:
        return DataError(
            f"is a {lossy[1]}, whose compression changes the values of a mask; the {len(counts.values)} values of "
            "all masks are not two clear levels, so the classes are lost",
            where=lossy[0],
            remedy="Export the masks as PNG, with one value per class",
        )
    culprit = max(masks, key=lambda one: len(one.facts.values))
    values = counts.values
    return DataError(
        f"the masks (e.g. {culprit.path.name}) have {len(values)} different grey levels between {values[0]} and "
        f"{values[-1]}, which are neither two clear levels nor clearly a number per class; photographs, depth maps "
        "and masks that were resized, smoothed or compressed look like this",
        where=culprit.path.parent,
        remedy="Export the masks with one value per class and without smoothing, e.g. by a threshold for two "
        f"classes. If each value is a class, {DECLARE}",
    )
