"""The encoding of masks whose classes are declared in a classes.yaml."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from segarena.classes import ClassTable, Value
from segarena.classes.values import MINUS_ONE
from segarena.data.encoding.color import FILLS, NEAR, find_thick, find_unexplained, nearest
from segarena.data.encoding.grey import find_modes, find_modes_with_strays, stray_encoding
from segarena.data.encoding.mask_encoding import (
    MaskEncoding,
    cut_encoding,
    exact_encoding,
    place_of,
    snapped_encoding,
    undeclared,
)
from segarena.data.encoding.objects import composed_encoding, find_declared_factor
from segarena.data.encoding.one_channel import refuse_shared_by_transparency
from segarena.data.encoding.stored_values import have_grey_palettes, palettes_agree
from segarena.data.encoding.value_counts import SAME_COMPRESSED, add_up, colors_of, greys_of, with_merged
from segarena.errors import DataError
from segarena.image_files.faults import join_faults
from segarena.image_files.mask_facts import CountedMask, Counts

#: What -1 becomes in files of 8 and of 16 bits.
_WRAPPED = (255, 65535)
#: Masks of two greys with at least this many levels have soft edges.
_SOFT_LEVELS = 16
#: The largest difference between a declared grey and the most frequent one nearby.
_NEAR_MODE = 18
#: The colours of soft edges have at most the first share of all pixels; at most the second may be other than a mixture
#: of two declared colours, and at most the third inside areas thicker than edges.
_MOST_SOFT, _UNEXPLAINED, _THICK = 0.5, 0.005, 0.001
#: Colours that differ by no more than this in each channel are one, after JPEG has converted them and back.
_ROUNDED = 4
#: In a compressed file, an undeclared colour with more pixels than this inside areas is a class that was forgotten.
_MOST_INSIDE = 16


def apply_classes(masks: Sequence[CountedMask], classes: ClassTable) -> MaskEncoding:
    """Return the encoding with the declared values.

    Each value must be declared, with exceptions for edges. Between two greys, declared without void, the levels of soft
    or compressed edges are cut halfway. In files whose compression changes values, a colour counts as the nearest
    declared one, and so do the many colours of soft edges between declared ones.

    Args:
        masks: All masks of the set.
        classes: The content of the classes.yaml.

    Raises:
        DataError: A mask has a value that is not declared, or classes.yaml has both numbers and colours.
    """
    if _is_color(classes):
        return _declared_colors(masks, replace(classes, ignore=_without_minus_one(classes)))
    return _declared_numbers(masks, _replace_minus_one(masks, classes))


def _without_minus_one(classes: ClassTable) -> tuple[Value, ...]:
    return tuple(value for value in classes.ignore if value != MINUS_ONE)


def _replace_minus_one(masks: Sequence[CountedMask], classes: ClassTable) -> ClassTable:
    """Replace -1 in `ignore` by what -1 is in a file of unsigned numbers: 255 or 65535, if masks have it."""
    if MINUS_ONE not in classes.ignore:
        return classes
    declared = {*(value for entry in classes.classes for value in entry.values), *classes.ignore}
    void = [value for value in _WRAPPED if value not in declared and any(value in one.facts.values for one in masks)]
    return replace(classes, ignore=(*_without_minus_one(classes), *void))


def _declared_numbers(masks: Sequence[CountedMask], classes: ClassTable) -> MaskEncoding:
    encoding = exact_encoding("index", classes)
    colored = [path for path, facts in masks if facts.colored]
    if colored:
        raise join_faults(
            [
                DataError(
                    "is a colour image, but classes.yaml declares numbers",
                    where=path,
                    remedy="Declare the colours in classes.yaml, e.g. `value: [128, 64, 128]`, or export numbers",
                )
                for path in colored
            ]
        )
    if _mean_greys(masks, encoding):
        return replace(encoding, by_grey=True)
    strange = [one for one in masks if not one.facts.one_bit and not _are_declared(one.facts.values, encoding)]
    if not strange:
        return encoding
    factor = find_declared_factor(masks, classes)
    if factor is not None:
        return composed_encoding(classes, factor)
    cut = _cut_halfway(masks, strange, classes)
    if cut is not None:
        return cut
    present = add_up(masks).values
    if any(len(entry.values) == 3 and not np.isin(entry.values, present).any() for entry in classes.classes):
        raise _both_kinds()  # three numbers of which no mask has one are a colour
    raise join_faults([_describe_strange(one, encoding) for one in strange])


def _describe_strange(mask: CountedMask, encoding: MaskEncoding) -> DataError:
    path, facts = mask
    if facts.lossy:
        return DataError(
            f"is a {facts.lossy}, whose compression changes the values of a mask",
            where=path,
            remedy="Export the masks as PNG, with one value per class",
        )
    return undeclared(path, int(facts.values[encoding.lookup[facts.values] < 0][0]), "index")


def _mean_greys(masks: Sequence[CountedMask], encoding: MaskEncoding) -> bool:
    """Whether the numbers of palette files are the greys of their palettes, rather than the indices."""
    if not have_grey_palettes(masks) or not all(_are_declared(greys_of(one), encoding) for one in masks):
        return False
    return not palettes_agree(masks) or not all(_are_declared(one.facts.values, encoding) for one in masks)


def _are_declared(values: Counts, encoding: MaskEncoding) -> bool:
    return bool((encoding.lookup[values] >= 0).all())


def _cut_halfway(
    masks: Sequence[CountedMask], strange: Sequence[CountedMask], classes: ClassTable
) -> MaskEncoding | None:
    """The encoding of two declared greys with soft or compressed edges, None if the masks are not of that kind."""
    counts = add_up(masks)
    soft = len(counts.values) >= _SOFT_LEVELS or any(facts.lossy for _, facts in strange)
    if classes.num_classes != 2 or any(entry.others for entry in classes.classes) or classes.ignore:
        return None
    if len(counts.values) < 2:
        return None
    low, high = sorted(place_of(entry.value) for entry in classes.classes)
    modes = find_modes_with_strays(counts)
    if modes is not None and (modes.low, modes.high) == (low, high):
        return stray_encoding(classes, modes, counts.values.tolist())
    if not soft:
        return None
    modes = find_modes(counts)
    if modes is None or max(abs(modes.low - low), abs(modes.high - high)) > _NEAR_MODE:
        return None
    return cut_encoding(classes, modes.cut, len(counts.values))


def _is_color(classes: ClassTable) -> bool:
    """Whether the declared values are colours. Raises DataError if some are and others are not."""
    values = [*(value for entry in classes.classes for value in entry.values), *_without_minus_one(classes)]
    kinds = {isinstance(value, tuple) for value in values}
    if len(kinds) > 1:
        raise _both_kinds()
    return kinds == {True}


def _both_kinds() -> DataError:
    return DataError(
        "classes.yaml has both numbers and colours [r, g, b] as mask values",
        remedy="Write all values, those of `ignore` too, as the mask files have them: as numbers or as colours; "
        "several numbers of one class are `values: [1, 2, 3]`",
    )


def _declared_colors(masks: Sequence[CountedMask], classes: ClassTable) -> MaskEncoding:
    """The declared colours, and in compressed files other colours as the nearest of them.

    Raises DataError if a compressed file has an area of a colour that is far from every declared one.
    """
    refuse_shared_by_transparency(masks, add_up(masks, [colors_of(one) for one in masks]))
    exact = exact_encoding("color", classes)
    lossy = [one for one in masks if one.facts.lossy]
    if not lossy:
        return _soften(masks, exact)
    counts = add_up(lossy, [colors_of(one) for one in lossy])
    values = [*(value for entry in classes.classes for value in entry.values), *classes.ignore]
    place, distance = nearest(counts.values, np.array(values))
    far = (distance > NEAR) & (counts.inside > FILLS * counts.pixels) & (counts.inside > _MOST_INSIDE)
    if far.any():
        culprit = int(counts.values[far][counts.inside[far].argmax()])
        raise undeclared(next(one.path for one in lossy if culprit in colors_of(one)), culprit, "color")
    labels = exact.lookup[[place_of(value) for value in values]].astype(np.int64)
    encoding = snapped_encoding(classes, counts.values, labels[place])
    unexplained = find_unexplained(counts, np.array(values), compressed=True)
    return with_merged(encoding, lossy, counts, unexplained, same=SAME_COMPRESSED)


def _soften(masks: Sequence[CountedMask], exact: MaskEncoding) -> MaskEncoding:
    """The encoding in which colours of soft edges, or of an earlier compression, count as the nearest declared one.

    They are many, have few pixels, are mixtures of two declared colours, and fill no areas. Other colours that are not
    declared stay errors.
    """
    counts = add_up(masks, [colors_of(one) for one in masks])
    stray = exact.lookup[counts.values] < 0
    values = [*(value for entry in exact.classes.classes for value in entry.values), *exact.classes.ignore]
    palette = np.array(values)
    place, distance = nearest(counts.values, palette)
    other, far = stray & (distance > _ROUNDED), stray & (distance >= NEAR)
    if stray.sum() < _SOFT_LEVELS or counts.pixels[other].sum() > _MOST_SOFT * counts.total:
        return exact
    unexplained = find_unexplained(counts, palette, compressed=True)
    fills = other & (counts.inside > FILLS * counts.pixels) & (counts.inside > _MOST_INSIDE)
    if fills.any() or counts.pixels[unexplained].sum() > _UNEXPLAINED * counts.total:
        return exact
    if find_thick(masks, counts.values[far])[0] > _THICK * counts.total:
        return exact
    labels = exact.lookup[[place_of(value) for value in values]].astype(np.int64)
    encoding = snapped_encoding(exact.classes, counts.values, labels[place])
    return with_merged(encoding, masks, counts, unexplained)
