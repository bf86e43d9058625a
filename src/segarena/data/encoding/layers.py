"""The encoding of masks in layers, a file for each class: the class of a pixel in several of them, or in none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from segarena.classes import IGNORE_INDEX, ClassTable, Value, name_classes
from segarena.data.encoding.infer import InferredEncoding, count_classes
from segarena.data.encoding.mask_encoding import MaskEncoding
from segarena.errors import DataError
from segarena.formats import listing, small_percent
from segarena.image_files.mask_facts import CountedMask, Counts

#: Names of layers that count nowhere.
_VOID = frozenset({"void", "ignore"})
_BACKGROUND = "background"


def encode_layers(
    masks: Sequence[CountedMask], names: Sequence[str], classes: ClassTable | None = None, *, least: int = 2
) -> InferredEncoding:
    """Give each set of layers a class.

    The layers are put on top of each other, those with the most pixels in all images first, so that a small class is
    not hidden by a large one. A class's `value` is its place from below: 1, 2, ...; 0 is `background`, in no layer.
    Layers named void or ignore are void, and on top. With a classes.yaml, the classes are those of the same names, and
    those with the higher values are on top.

    Args:
        masks: The masks; the value of a pixel has bit k where layer k covers it.
        names: The name of each layer.
        classes: The content of a classes.yaml, if there is one.
        least: The number of classes that the masks must show: 1 or 2.

    Raises:
        DataError: classes.yaml lacks the name of a layer, or all pixels are of one class.
    """
    areas = _areas(masks, len(names))
    table = _infer_table(names, areas, has_gaps=_has_gaps(masks)) if classes is None else classes
    entries = {entry.name.casefold(): label for label, entry in enumerate(table.classes)}
    rest = next((label for label, entry in enumerate(table.classes) if entry.value == 0), entries.get(_BACKGROUND))
    lookup = np.full(2 ** max(16, len(names)), _uncovered(table, rest), dtype=np.int16)
    sets = np.arange(len(lookup))
    for layer in _from_below(names, table, entries):
        lookup[sets >> layer & 1 == 1] = entries.get(names[layer].casefold(), IGNORE_INDEX)
    shared = count_overlap(masks)
    share = small_percent(shared / sum(int(facts.pixels.sum()) for _, facts in masks))
    note = f"{share} of the pixels are in several layers and get the class with the highest value" if shared else ""
    return count_classes(masks, MaskEncoding("layer", table, lookup, note=note), least=least)


def count_overlap(masks: Sequence[CountedMask]) -> int:
    """Return the number of pixels that are in several layers."""
    return sum(int(facts.pixels[facts.values & (facts.values - 1) > 0].sum()) for _, facts in masks)


def _areas(masks: Sequence[CountedMask], count: int) -> Counts:
    """The pixels of each layer in all masks."""
    areas = np.zeros(count, dtype=np.int64)
    for _, facts in masks:
        areas += [int(facts.pixels[facts.values >> layer & 1 == 1].sum()) for layer in range(count)]
    return areas


def _has_gaps(masks: Sequence[CountedMask]) -> bool:
    return any(facts.values[0] == 0 for _, facts in masks)


def _infer_table(names: Sequence[str], areas: Counts, has_gaps: bool) -> ClassTable:
    """The classes by name, background first, each with its place from below as its value."""
    own = [layer for layer, name in enumerate(names) if name.casefold() not in _VOID | {_BACKGROUND}]
    from_below = sorted(own, key=lambda layer: (-areas[layer], names[layer]))
    values: list[Value] = [1 + from_below.index(layer) for layer in own]
    shown = [names[layer] for layer in own]
    if has_gaps or any(name.casefold() == _BACKGROUND for name in names):
        values, shown = [0, *values], [_BACKGROUND, *shown]
    return name_classes(values, shown, [len(own) + 1] if any(name.casefold() in _VOID for name in names) else ())


def _from_below(names: Sequence[str], table: ClassTable, entries: dict[str, int]) -> list[int]:
    """The layers in the order in which they are painted. Raises DataError where one is not declared."""
    places: list[tuple[int, int, int]] = []
    for layer, name in enumerate(names):
        if name.casefold() in _VOID and name.casefold() not in entries:
            places.append((2, 0, layer))
        elif name.casefold() not in entries:
            raise DataError(
                f"has no class {name!r}, but the masks are layers named {listing([repr(each) for each in names])}",
                where="classes.yaml",
                remedy="Name the classes in classes.yaml as the layers, or rename the files or folders of the layers",
            )
        else:
            label = entries[name.casefold()]
            value = table.classes[label].value
            places.append((int(value != 0), value if isinstance(value, int) else label, layer))
    return [layer for _, _, layer in sorted(places)]


def _uncovered(table: ClassTable, rest: int | None) -> int:
    """The label of a pixel that is in no layer."""
    if rest is not None:
        return rest
    return IGNORE_INDEX if table.ignore else -1
