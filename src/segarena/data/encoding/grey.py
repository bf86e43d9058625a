"""The classes of masks with numbers without a classes.yaml: two levels, or a number for each class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segarena.classes import IGNORE_INDEX, ClassTable, SegmentationClass, name_classes
from segarena.data.encoding.mask_encoding import DECLARE, MaskEncoding, cut_encoding, exact_encoding, one_class, unpack
from segarena.data.encoding.palette import greys_of
from segarena.data.encoding.value_counts import ValueCounts, add_up, are_classes, fills_areas
from segarena.data.files.faults import join_faults
from segarena.data.files.mask_facts import CountedMask
from segarena.errors import DataError
from segarena.formats import listing

#: Two values, the higher of which is at least this, are two levels; class numbers are usually lower.
FAR = 64

#: Void beside class numbers, in 8 and in 16 bits.
_VOIDS = (IGNORE_INDEX, 65535)
#: Two levels with soft edges between them differ by at least this.
_APART = 32
#: So many pixels inside areas of one level are more than the edges of other levels leave.
_AREA = 16
#: Values that differ by at least this were chosen to be distinguished by eye.
_SPREAD = 16
#: More than the second, different values are a depth map or a soft shade if neighbouring pixels that differ do so by 1
#: more often than the first.
_SMOOTH, _SMOOTH_LEVELS = 0.7, 32
#: Levels that differ by no more than this may be one level that compression changed.
_NEAR = 32
#: Class numbers with a smaller share of pixels than this, relative to 255, may be strays of a two-level mask.
_RARE = 0.01


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
    if len(seen) == 1:
        raise one_class([path for path, _ in masks], f"only the value {seen[0]}")
    lossy = next((path for path, facts in masks if facts.lossy), None)
    if len(seen) == 2 and (seen[1] >= FAR or lossy is None):
        return _two_values(masks, seen)
    if lossy is None and _look_like_numbers(masks, counts):
        _refuse_objects(masks)
        return _numbers(masks, counts)
    modes = find_modes(counts)
    if modes is None:
        raise _unclear(masks, counts)
    return cut_encoding(_two_levels(modes.low, modes.high), modes.cut, len(seen))


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


def _look_like_numbers(masks: Sequence[CountedMask], counts: ValueCounts) -> bool:
    borders = sum(facts.borders for _, facts in masks)
    steps = sum(facts.steps for _, facts in masks)
    if len(counts.values) > _SMOOTH_LEVELS and steps > _SMOOTH * borders:
        return False
    tight = np.diff(counts.values).min() < 4 and _without_void(counts.values).max(initial=0) >= FAR
    if tight and not fills_areas(counts):
        return False
    return are_classes(counts, counts.values[:, None], _NEAR)


def _numbers(masks: Sequence[CountedMask], counts: ValueCounts) -> MaskEncoding:
    seen = counts.values.tolist()
    void = [seen[-1]] if seen[-1] in _VOIDS and _is_void(masks, counts) else []
    classes = [value for value in seen if value not in void]
    return exact_encoding("index", _number_classes(masks, classes, void))


def _is_void(masks: Sequence[CountedMask], counts: ValueCounts) -> bool:
    """Whether the highest value, 255 or 65535, is void. Raises DataError if it could be a class as well."""
    values, pixels = counts.values, counts.pixels
    one_bit = [path for path, facts in masks if facts.one_bit and IGNORE_INDEX in facts.values]
    if one_bit:
        raise DataError(
            "has 1 bit per pixel, but other masks have more values",
            where=one_bit[0],
            remedy="Save all masks of a data set in the same way",
        )
    _refuse_two_ways(masks, values)
    highest_class = values[-2]
    if highest_class >= FAR and np.diff(values).min() >= _SPREAD:
        return False
    dense = highest_class < FAR or len(values) - 1 > highest_class / 4
    other_classes = pixels[:-1].sum() - pixels[:-1].max()
    if not dense or other_classes < _RARE * pixels[-1]:
        what = (
            f"has {values[-1]} beside {_show_values(values[:-1])}, and it is not clear whether that is void or a class"
        )
        remedy = f"Correct the mask if {values[-1]} is a mistake, or {DECLARE}"
        having = [path for path, facts in masks if values[-1] in facts.values]
        raise join_faults([DataError(what, where=path, remedy=remedy) for path in having])
    return True


def _refuse_two_ways(masks: Sequence[CountedMask], values: NDArray[np.int64]) -> None:
    """Raise DataError if some masks have 0 and 255, and the others 0 and one other value.

    255 could be void, or the second class, saved in another way.
    """
    if len(values) != 3:
        return
    _, upper, highest = values.tolist()
    having = {value: [path for path, facts in masks if value in facts.values] for value in (highest, upper)}
    if set(having[highest]) & set(having[upper]):
        return
    some, others = (f"{len(paths)} of the masks (e.g. {paths[0].name})" for paths in having.values())
    raise DataError(
        f"{some} have {highest} and no {upper}, and {others} have {upper} and no {highest}: {highest} could be void, "
        f"or what is {upper} in the others",
        where=having[highest][0].parent,
        remedy=f"Save all masks in the same way; if {highest} is void, {DECLARE}",
    )


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


def _refuse_objects(masks: Sequence[CountedMask]) -> None:
    """Raise DataError if the masks number objects: each has all numbers up to one that differs from mask to mask."""
    numbers = [_without_void(facts.values) for _, facts in masks]
    counts = {int(values[-1]) for values in numbers if len(values)}
    if len(counts) < 3 or max(counts) < 8:
        return
    if all(np.array_equal(values, np.arange(values[0], values[0] + len(values))) for values in numbers if len(values)):
        first = {int(values[0]) for values in numbers if len(values)}
        if first <= {0, 1}:
            raise DataError(
                f"each mask has all numbers up to one that differs from mask to mask, at most {max(counts)}: these are "
                "numbers of objects, not of classes",
                where=masks[0].path.parent,
                remedy="Give all objects of a class the same value, e.g. 1 if there is one class; "
                f"or, if each number is a class, {DECLARE}",
            )


def _without_void(values: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.unique(values[~np.isin(values, _VOIDS)])


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


def _show_values(values: NDArray[np.int64]) -> str:
    return listing([str(value) for value in values.tolist()])
