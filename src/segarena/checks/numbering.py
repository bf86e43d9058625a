"""Numbers that change their meaning: between two groups of files, or from file to file where they number objects."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segarena.checks.problem import Problem
from segarena.data.encoding.infer import one_class_command
from segarena.data.encoding.mask_encoding import write_classes
from segarena.data.folder import FolderSource
from segarena.data.layout.tree import relative_name
from segarena.formats import listing, percent, small_percent

#: A class belongs to one of two groups of files if at least the first share of that group shows it, and at most the
#: second share of the other group.
OFTEN, SELDOM = 0.5, 0.005
#: Smallest share and number of files in the smaller group.
MIN_SHARE, _MIN_FILES = 0.2, 3
#: The same classes with other numbers have the same sizes: the largest difference of their sorted shares of the pixels.
MAX_DIFFERENCE = 0.25

_MOST_VALUES = 20  # of one property

#: What to do about two groups of masks, by whether their colours are the same with red and blue exchanged.
_SAVE_ALIKE = {
    False: "If the same thing has another number in the other group, save all masks with the same numbers, or give both"
    " numbers to one class in classes.yaml: `value: [1, 3]`; intended if the groups show different things",
    True: "If the same thing has two colors (OpenCV saves blue first), save all masks in the same way, or give both"
    " colors to one class in classes.yaml: `value: [[255, 0, 0], [0, 0, 255]]`; intended if they are two things",
}

#: Numbers of objects: smallest number of different last numbers, smallest highest number, smallest number of masks.
_ENDS, _HIGHEST, _MASKS = 3, 4, 5

#: A number stands apart if it is at least this high, and this many times as high as the one before it.
_ISOLATED, _TIMES_AS_HIGH = 99, 4


class Division(NamedTuple):
    """Two groups of files, and the classes that only one of them has.

    Attributes:
        line: what the files of the first group have in common, as a phrase; "" if it is nothing but their classes.
        members: (N,), whether each file is in the first group.
        first: the labels of the classes of the first group only.
        second: the labels of the classes of the second group only.
    """

    line: str
    members: NDArray[np.bool_]
    first: tuple[int, ...]
    second: tuple[int, ...]


def check_numbering(source: FolderSource) -> Iterator[Problem]:
    """Yield two groups of masks that look as if they numbered the same classes in different ways."""
    found = next(iter(find_divisions(source)), None)
    if found is None:
        return
    names = [repr(name) for name in source.classes.names]
    size, number = int(found.members.sum()), len(source.samples)
    files = np.flatnonzero(found.members if 2 * size <= number else ~found.members)
    first, second = (listing([names[label] for label in labels]) for labels in (found.first, found.second))
    exchanged = are_exchanged(source, found)
    yield Problem(
        "mixed-numbering",
        "warning" if len(found.first) + len(found.second) > 2 or exchanged else "note",
        tuple(relative_name(source.root, source.masks[index].path) for index in files),
        f"Two groups of masks do not share these classes: {size} of {number} masks ({percent(size / number, 0)}"
        f"{', ' + found.line if found.line else ''}) have {first} and never {second}, the others the reverse"
        f"{'; with red and blue exchanged, their colours are the same' if exchanged else ''}",
        _SAVE_ALIKE[exchanged],
    )


def check_objects(source: FolderSource) -> Iterator[Problem]:
    """Yield masks that may number objects: each has all numbers up to one that differs from mask to mask.

    Colours count as numbered by how frequent they are. With eight objects in a mask or more this is certain, and
    refused (`encoding.objects`).
    """
    present = source.mask_pixels > 0
    all_of_them, one, remedy = (
        "numbers",
        "number",
        f"If all objects are of one class: `{one_class_command(source.root)}`",
    )
    if source.encoding.kind == "color" and source.is_inferred:
        present = present[:, np.argsort(-present.sum(axis=0), kind="stable")]
        all_of_them, one, remedy = "colours of an order", "colour", "If so, give all objects of a class the same colour"
    elif list(source.classes.names) != [f"class_{number}" for number in range(present.shape[1])]:
        return  # named by the user or by a tool, or not 0, 1, 2, ...
    counts, last = present[:, 1:].sum(axis=1), present.shape[1] - 1
    ends = np.where(present.any(axis=1), last - present[:, ::-1].argmax(axis=1), 0)
    some = ends > 0
    if last < _HIGHEST or some.sum() < _MASKS or len(np.unique(ends[some])) < _ENDS or (counts != ends).any():
        return
    yield Problem(
        "numbered-objects",
        "warning",
        (),
        f"Each mask has all {all_of_them} up to one that differs from mask to mask, {ends[some].min()} to {last}: they"
        f" may be {one}s of objects, not of classes",
        f"{remedy}. If each {one} is a class, nothing has to be done",
    )


def check_isolated_value(source: FolderSource) -> Iterator[Problem]:
    """Yield a class number far above all others, e.g. 254 beside 0, 1 and 2, which may stand for void."""
    values = [entry.value for entry in source.classes.classes]
    numbers = sorted(value for value in values if isinstance(value, int))
    if source.encoding.kind != "index" or not source.is_inferred or len(numbers) < 3 or len(numbers) < len(values):
        return
    *others, highest = numbers
    if highest < max(_ISOLATED, _TIMES_AS_HIGH * others[-1]):
        return
    label = values.index(highest)
    share = small_percent(int(source.class_pixels[label]) / int(source.class_pixels.sum()))
    yield Problem(
        "isolated-value",
        "warning",
        tuple(relative_name(source.root, source.masks[i].path) for i in np.flatnonzero(source.mask_pixels[:, label])),
        f"{highest} ({share} of the pixels) is far above the other numbers, {others[0]} to {others[-1]}: it may stand"
        " for pixels without a label, but is a class that is trained and scored",
        f"{write_classes(others, [highest])} if so",
    )


def find_divisions(source: FolderSource) -> Iterator[Division]:
    """Yield divisions of the files: along folders, splits, names, sizes and encodings, then by the classes alone."""
    present = source.mask_pixels > 0
    if len(present) < 2 * _MIN_FILES or present.shape[1] < 3:
        return
    for line, values in _properties(source).items():
        different, counts = np.unique(values, return_counts=True)
        for value in different[np.argsort(-counts, kind="stable")][:_MOST_VALUES] if len(different) > 1 else ():
            found = _divide(source, np.array([one == value for one in values]), line.format(value))
            if found is not None:
                yield found
    for label in np.flatnonzero((present.mean(axis=0) >= MIN_SHARE) & (present.mean(axis=0) <= 1 - MIN_SHARE)):
        found = _divide(source, present[:, label], "")
        if found is not None and (min(len(found.first), len(found.second)) > 1 or are_exchanged(source, found)):
            yield found


def are_exchanged(source: FolderSource, found: Division) -> bool:
    """Return whether the classes of one group have the colours of the other's with red and blue exchanged.

    Args:
        source: The folder.
        found: A division of its files.
    """
    classes = source.classes.classes
    first, second = (
        {value for label in labels for value in classes[label].values if isinstance(value, tuple)}
        for labels in (found.first, found.second)
    )
    return bool(first) and {value[::-1] for value in first} == second


def _properties(source: FolderSource) -> dict[str, list[str]]:
    """By the phrase for its values: a property of each mask."""
    files = [mask.path for mask in source.masks]
    facts = [mask.facts for mask in source.masks]
    return {
        "in {}/": [relative_name(source.root, path.parent) for path in files],
        "for {}": [sample.split or "no split" for sample in source.samples],
        "ending in {}": [path.suffix.lower() for path in files],
        "with names like {}1": [re.split(r"\d", path.stem, maxsplit=1)[0] for path in files],
        "of {} pixels": [f"{one.size[1]} x {one.size[0]}" for one in facts],
        "saved with {}": [
            "1 bit" if one.one_bit else "16 bits" if one.wide else "a palette" if one.palette is not None else "8 bits"
            for one in facts
        ],
    }


def _divide(source: FolderSource, members: NDArray[np.bool_], line: str) -> Division | None:
    """The division into `members` and the others, None if it does not separate classes of the same sizes."""
    size = int(members.sum())
    if min(size, len(members) - size) < max(_MIN_FILES, MIN_SHARE * len(members)):
        return None
    present = source.mask_pixels > 0
    here, there = present[members].mean(axis=0), present[~members].mean(axis=0)
    first, second = (here >= OFTEN) & (there <= SELDOM), (there >= OFTEN) & (here <= SELDOM)
    if not first.any() or not second.any():
        return None
    shares = [source.mask_pixels[group].sum(axis=0) for group in (members, ~members)]
    one, other = (np.sort(pixels / max(1, pixels.sum())) for pixels in shares)
    if np.abs(one - other).sum() > MAX_DIFFERENCE:
        return None
    return Division(line, members, tuple(np.flatnonzero(first).tolist()), tuple(np.flatnonzero(second).tolist()))
