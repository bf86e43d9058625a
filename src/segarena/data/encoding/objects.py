"""Numbers of objects in the place of classes: 1 to N in each mask, numbers of one mask alone, class * 1000 + object."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segarena.classes import ClassTable
from segarena.data.encoding.mask_encoding import DECLARE, MaskEncoding, exact_encoding, place_of, write_classes
from segarena.data.encoding.value_counts import which_fill_areas
from segarena.data.encoding.void import without_void
from segarena.errors import DataError
from segarena.formats import command, listing
from segarena.image_files.mask_facts import CountedMask

#: A class and an object in one number: the class times this, plus the object. The first is of Cityscapes, whose numbers
#: below 1000 are classes without objects; of the second, each number is so composed (KITTI, Mapillary Vistas).
FACTORS = (1000, 256)

_OBJECTS = "numbers of objects, not of classes"

#: The most objects of one class in a mask.
_MOST_OBJECTS = 200
#: Objects are numbered from 0 or 1 in each mask. That is certain if this number of different counts occurs,
#: and the highest of them is at least this.
_COUNTS, _MANY_OBJECTS = 3, 5
#: Masks that number objects with gaps have this share of all numbers up to their highest, and one has at least
#: this number of objects.
_DENSE, _LONG = 0.6, 30
#: Objects are in one mask only: at least this number of values, of which at most this share is in a second mask.
_VALUES, _SHARED = 12, 0.05
#: Red is a class, and green and blue are objects, if red is lower than this and a value of red has this number
#: of colours.
_LOW_RED, _COLORS_OF_A_CLASS = 64, 3
#: The highest red of ADE20K, which has fewer than 4096 classes.
_HIGHEST_RED = 150


class NumberedObjectsError(DataError):
    """Masks number objects from 1 on; `segarena convert --from instances` makes one class of them."""


def refuse_objects(masks: Sequence[CountedMask], numbers: Sequence[NDArray[np.int64]]) -> None:
    """Raise DataError if the masks number objects.

    Each has all numbers up to one that differs from mask to mask; or nearly all, as after small objects were removed;
    or hardly a number is in two masks.

    Args:
        masks: All masks of the set.
        numbers: The different numbers of each mask, ascending, without void.
    """
    some = [values for values in numbers if len(values)]
    counts = {int(values[-1]) for values in some}
    if len(counts) > 1:
        most = max(counts)
        complete = all(values[0] <= 1 and len(values) == values[-1] - values[0] + 1 for values in some)
        dense = all(len(values) >= _DENSE * values[-1] for values in some)
        if complete and (most >= 8 if len(counts) > 2 else most > _LONG):
            raise _objects(masks, f"each mask has all numbers up to one that differs from mask to mask, at most {most}")
        if dense and len(counts) > 2 and most >= _LONG and 2 * most >= 3 * min(counts):
            raise _objects(
                masks, f"each mask has most numbers up to one that differs from mask to mask, at most {most}"
            )
    refuse_unshared(masks, "numbers")


def refuse_unshared(masks: Sequence[CountedMask], what: str) -> None:
    """Raise DataError if hardly a value that fills areas is in two masks: then the values number objects.

    Args:
        masks: All masks of the set.
        what: "numbers" or "colours", for the message.
    """
    filled = [facts.values[which_fill_areas(facts)] for _, facts in masks]
    having = np.unique(np.concatenate(filled), return_counts=True)[1]
    if len(masks) >= 3 and len(having) >= _VALUES and (having > 1).sum() <= max(1, _SHARED * len(having)):
        raise _objects(masks, f"the masks have {len(having)} different {what}, and hardly one is in two masks")


def refuse_class_and_object(masks: Sequence[CountedMask], colors: NDArray[np.int64]) -> None:
    """Raise DataError if red has class numbers, and green and blue have objects, as in CARLA's instance images.

    Args:
        masks: All masks of the set.
        colors: (K,), their different packed colours.
    """
    red = np.unique(colors >> 16)
    if len(colors) < _VALUES or red[-1] >= _LOW_RED or len(colors) < _COLORS_OF_A_CLASS * len(red):
        return
    raise DataError(
        f"the masks have {len(colors)} different colours, but only {len(red)} values of red, at most {red[-1]}: red "
        "seems to be the class, green and blue the object",
        where=masks[0].path.parent,
        remedy=f"Save the red channel alone as masks; or, if each colour is a class, {DECLARE}",
    )


def refuse_ade20k(masks: Sequence[CountedMask], colors: NDArray[np.int64]) -> None:
    """Raise DataError if red and green have the class, and blue has the object, as in ADE20K's `*_seg.png`.

    There the class is red / 10 * 256 + green (github.com/CSAILVision/ADE20K), so that red is a multiple of 10.

    Args:
        masks: All masks of the set.
        colors: (K,), their different packed colours.
    """
    red, classes = colors >> 16, np.unique(colors >> 8)
    if len(colors) < max(_VALUES, 2 * len(classes)) or (red % 10).any() or red.max() > _HIGHEST_RED:
        return
    ending = "_seg.png"
    folder = Path(os.path.commonpath([path.parent for path, _ in masks]))
    code = (
        "import numpy as np; from pathlib import Path; from PIL import Image; "
        "[(o := Path('ade20k-masks') / f.relative_to(d).with_name(f.name.replace("
        f"'{ending}', '.png'))).parent.mkdir(parents=True, exist_ok=True) or Image.fromarray("
        "(a := np.asarray(Image.open(f)).astype(np.uint16))[..., 0] // 10 * 256 + a[..., 1]).save(o) "
        f"for d in [Path({folder.as_posix()!r})] for f in d.rglob('*{ending}')]"
    )
    raise DataError(
        f"the masks have {len(colors)} different colours, but only {len(classes)} different pairs of red and green, "
        "with red a multiple of 10: red and green seem to be the class and blue the object, as in ADE20K",
        where=masks[0].path.parent,
        remedy="For 150 classes, use ADEChallengeData2016 of the same authors. To make masks of all classes (at most "
        f"254): {command('python', '-c', code)}. Then name them with --masks ade20k-masks. If each colour is a class, "
        f"{DECLARE}",
    )


def find_factor(masks: Sequence[CountedMask]) -> int | None:
    """Return by what classes are multiplied in masks with class and object in one number; None for other masks.

    Args:
        masks: All masks of the set.

    Raises:
        DataError: The numbers seem to be of this kind, but could also be classes.
    """
    values = [without_void(facts.values) for _, facts in masks]
    if not any(facts.wide for _, facts in masks) or not any(len(numbers) for numbers in values):
        return None
    together = np.unique(np.concatenate(values))
    factor = next((factor for factor in FACTORS if _are_composed(together, factor)), None)
    if factor is None:
        return None
    if _is_certain(values, factor):
        return factor
    classes = np.unique(class_numbers(together, factor)).tolist()
    composed = together[together >= factor]
    example = next(path for path, facts in masks if composed[0] in facts.values)
    raise DataError(
        f"the masks (e.g. {example.name}) have the numbers {listing([str(number) for number in composed.tolist()])}: "
        f"they seem to be {factor} * class + object",
        where=example.parent,
        remedy=f"{write_classes(classes, [])} if so: the numbers of objects are then read as their classes. If each "
        "number is a class, list all of them there",
    )


def find_declared_factor(masks: Sequence[CountedMask], classes: ClassTable) -> int | None:
    """Return by what declared classes are multiplied in masks with class and object in one number, None for others."""
    numbers = np.unique(np.concatenate([facts.values for _, facts in masks]))
    without = numbers[~np.isin(numbers, [place_of(value) for value in classes.ignore])]
    for factor in FACTORS:
        if _are_composed(without, factor) and (composed_encoding(classes, factor).lookup[numbers] >= 0).all():
            return factor
    return None


def class_numbers(numbers: NDArray[np.int64], factor: int) -> NDArray[np.int64]:
    """Return the class in numbers that have class and object."""
    return np.where((numbers < factor) & (factor == FACTORS[0]), numbers, numbers // factor)


def composed_encoding(classes: ClassTable, factor: int) -> MaskEncoding:
    """Make an encoding in which the numbers of all objects of a class are that class.

    Args:
        classes: The values are numbers of classes, or void; another number that has the factor in it is not allowed.
        factor: One of `FACTORS`.
    """
    encoding = exact_encoding("index", classes)
    for label, entry in enumerate(classes.classes):
        for number in map(place_of, entry.values):
            if number or factor != FACTORS[0]:
                own = encoding.lookup[number * factor : (number + 1) * factor]
                own[own < 0] = label
    return replace(encoding, note=f"numbers from {factor} on are {factor} * class + object")


def _are_composed(numbers: NDArray[np.int64], factor: int) -> bool:
    """Whether numbers, ascending, could be class and object: low objects, and a class with several."""
    composed = numbers[numbers >= factor] if factor == FACTORS[0] else numbers
    if not len(composed) or composed[-1] < (factor if factor == FACTORS[0] else 2 * factor):
        return False
    classes, objects = composed // factor, composed % factor
    repeated = np.unique(classes[classes > 0], return_counts=True)[1].max(initial=0) >= 2
    low = objects.max() < min(_MOST_OBJECTS, factor)
    closest = min((b - a for a, b in pairwise(composed.tolist()) if a // factor == b // factor), default=factor)
    return bool(repeated and low and closest <= 2)


def _is_certain(values: Sequence[NDArray[np.int64]], factor: int) -> bool:
    """Whether the objects of each class and mask are 0, 1, 2, ... or 1, 2, 3, ..., up to a number that differs."""
    counts: dict[int, set[int]] = {}
    for numbers in values:
        composed = numbers[numbers >= factor] if factor == FACTORS[0] else numbers
        for label in np.unique(composed // factor).tolist():
            objects = composed[composed // factor == label] % factor
            if objects[0] > 1 or objects[-1] - objects[0] + 1 != len(objects):
                return False
            counts.setdefault(label, set()).add(len(objects))
    return any(len(seen) >= _COUNTS and max(seen) >= _MANY_OBJECTS for seen in counts.values())


def _objects(masks: Sequence[CountedMask], seen: str) -> DataError:
    same = "Give all objects of a class the same value"
    remedy = f"{same}; or, if each number is a class, {DECLARE}"
    if any(facts.colored for _, facts in masks):
        return DataError(f"{seen}: these are {_OBJECTS}", where=masks[0].path.parent, remedy=remedy)
    return NumberedObjectsError(f"{seen}: these are {_OBJECTS}", where=masks[0].path.parent, remedy=remedy)
