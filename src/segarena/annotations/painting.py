"""The objects of an image, painted onto one mask: which of two is above the other, and what is left of each."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np

from segarena.annotations.annotations import Mask
from segarena.annotations.rasterize import Shape
from segarena.classes import IGNORE_INDEX
from segarena.errors import DataError
from segarena.formats import join_words, listing, percent, plural, small_percent

#: Which of two overlapping objects is above: the one of fewer pixels, or the later one in the file.
Overlap = Literal["smaller-on-top", "file-order"]

_HALF, _TENTH = 0.5, 0.1
_MANY_EMPTY = 0.3
_MOST_CLASSES = 5  # that have a note of their own
_VOID_NAMES = frozenset("ignore ignored void dontcare unlabeled unlabelled unknown undefined".split())
_FEW_PIXELS = 1000  # of all images together: drawings of a few pixels are no photographs


class Item(NamedTuple):
    """One object of an image."""

    shape: Shape
    label: int
    layer: int = 0
    """Objects of a higher layer are above those of a lower one, whatever their size."""


class Kept(NamedTuple):
    """What is left of an object after all are painted, in pixels."""

    label: int
    area: int
    """The pixels that it covers within the image."""
    visible: int
    """Those of them that have its class in the mask."""


@dataclass(frozen=True)
class Painting:
    """The objects of an image in the order of the file."""

    size: tuple[int, int]
    """(height, width) of the mask."""
    items: tuple[Item, ...]

    def __call__(self) -> Mask:
        """Return the mask, smaller objects above larger ones."""
        return self.paint("smaller-on-top")[0]

    def paint(self, overlap: Overlap) -> tuple[Mask, list[Kept]]:
        """Paint all objects onto a mask of 0.

        Args:
            overlap: The order within a layer. Of objects of the same size the later one in the file is above.

        Returns:
            The mask (H, W), and what is left of each object in the order of the file.
        """
        covers = [item.shape.cover(*self.size) for item in self.items]
        areas = [cover.area for cover in covers]
        order = list(range(len(covers)))
        if overlap == "smaller-on-top":
            order.sort(key=lambda place: -areas[place])
        order.sort(key=lambda place: self.items[place].layer)
        mask = np.zeros(self.size, dtype=np.uint8)
        for place in order:
            rows, columns, inside = covers[place]
            mask[rows, columns][inside] = self.items[place].label
        visible = [
            int(np.count_nonzero(mask[rows, columns][inside] == item.label))
            for item, (rows, columns, inside) in zip(self.items, covers, strict=True)
        ]
        return mask, [Kept(item.label, *each) for item, *each in zip(self.items, areas, visible, strict=True)]


@dataclass
class Tally:
    """Counts over all masks of what is covered, outside and void, as notes for the user."""

    objects: Counter[int] = field(default_factory=Counter)
    covered: dict[float, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    covered_in: list[str] = field(default_factory=list)
    missing: int = 0
    missing_in: list[str] = field(default_factory=list)
    painted: int = 0
    with_objects: list[str] = field(default_factory=list)
    largest: int = 0
    """The most pixels that one object covers."""
    void: int = 0
    pixels: int = 0

    def add(self, name: str, mask: Mask, objects: Sequence[Kept] | None) -> None:
        """Count an image: its name, its mask (H, W), and what is left of its objects; None if it was not painted."""
        self.void += int(np.count_nonzero(mask == IGNORE_INDEX))
        self.pixels += mask.size
        if objects is None:
            return
        self.painted += 1
        if objects:
            self.with_objects.append(name)
        self.largest = max([self.largest, *(each.area for each in objects)])
        missing = sum(not each.area for each in objects)
        self.missing += missing
        if missing:
            self.missing_in.append(name)
        before = sum(self.covered[_HALF].values())
        for label, area, visible in objects:
            if not area or label == IGNORE_INDEX:
                continue
            self.objects[label] += 1
            for share in (_HALF, _TENTH):
                self.covered[share][label] += visible < share * area
        if sum(self.covered[_HALF].values()) > before:
            self.covered_in.append(name)

    def check(self) -> None:
        """Raise DataError if no object covers more than one pixel: then these are no coordinates in pixels."""
        if self.with_objects and self.largest <= 1 and self.pixels > _FEW_PIXELS:
            raise DataError(
                f"no object covers more than one pixel, in {plural(len(self.with_objects), 'image')}",
                where=self.with_objects[0],
                remedy="Check that the coordinates are pixels of these images, not fractions of their size, and export "
                "the annotations again",
            )

    def notes(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return sentences for the user; `names` are the classes in the order of their labels."""
        notes = []
        if self.missing:
            what = "covers no pixel: it is" if self.missing == 1 else "cover no pixel: they are"
            notes.append(
                f"{plural(self.missing, 'object')} {what} outside the image or smaller than a pixel"
                f" (in {listing(self.missing_in)})"
            )
        covered = sorted((label, count) for label, count in self.covered[_HALF].items() if count)
        most = sorted(covered, key=lambda each: -each[1])[:_MOST_CLASSES]
        for label, count in covered:
            if (label, count) in most:
                tenth = self.covered[_TENTH][label]
                notes.append(
                    f"{names[label]}: {count:,} of {plural(self.objects[label], 'object')}"
                    f" ({percent(count / self.objects[label], 0)}) lie more than half under other objects"
                    + (f", {tenth:,} of them more than nine tenths" if tenth else "")
                )
        if rest := sum(count for label, count in covered if (label, count) not in most):
            others = plural(len(covered) - len(most), "other class")
            notes.append(f"more than half under others, too: {plural(rest, 'object')} of {others}")
        if self.covered_in:
            notes.append(f"objects that lie mostly under others are in {listing(self.covered_in)}")
        empty = self.painted - len(self.with_objects)
        if empty > _MANY_EMPTY * self.painted:
            notes.append(
                f"{empty:,} of {plural(self.painted, 'image')} without an object are all background: remove those "
                "that are not labelled yet"
            )
        for name in names:
            if re.sub(r"[\s_'-]+", "", name).casefold() in _VOID_NAMES:
                notes.append(
                    f"{name!r} is a class like any other; if it is void, move its value from `classes` to `ignore` in "
                    "classes.yaml"
                )
        for alike in _group(names):
            notes.append(f"classes {join_words([repr(name) for name in alike])} differ only in spelling")
        if self.void:
            notes.append(f"{small_percent(self.void / self.pixels)} of all pixels are void and count nowhere")
        return tuple(notes)


def _group(names: Sequence[str]) -> list[list[str]]:
    """Names that are equal but for upper and lower case, spaces, hyphens and underscores."""
    groups: dict[str, list[str]] = defaultdict(list)
    for name in names:
        groups[re.sub(r"[\s_-]+", "", name).casefold()].append(name)
    return [alike for alike in groups.values() if len(alike) > 1]
