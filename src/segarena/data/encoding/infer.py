"""The encoding of all masks of a set: declared in a classes.yaml, or inferred from their values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from segarena.classes import IGNORE_INDEX, ClassTable
from segarena.data.encoding.color import guess_colors
from segarena.data.encoding.declared import apply_classes
from segarena.data.encoding.grey import guess_greys, guess_levels
from segarena.data.encoding.label_tables import encode_by_names, find_label_tables
from segarena.data.encoding.mask_encoding import MaskEncoding, one_class
from segarena.data.encoding.mixed import refuse_mixed_colors
from segarena.data.encoding.objects import NumberedObjectsError
from segarena.data.encoding.one_channel import infer_objects_in_alpha
from segarena.data.encoding.stored_values import choose_reading, infer_as_shown_or_stored
from segarena.data.encoding.value_counts import colors_of, greys_of
from segarena.errors import DataError
from segarena.formats import command
from segarena.image_files.faults import join_faults
from segarena.image_files.mask_facts import CountedMask

Result = TypeVar("Result")


class InferredEncoding(NamedTuple):
    """The encoding of N masks, and the pixels of each class in them.

    Attributes:
        encoding: The classes, and the label of each value.
        pixels: (N, num_classes) int64, pixels of each class in each mask.
        void: (N,) int64, pixels of each mask that are void.
    """

    encoding: MaskEncoding
    pixels: NDArray[np.int64]
    void: NDArray[np.int64]


def infer_encoding(
    masks: Sequence[CountedMask], classes: ClassTable | None = None, root: Path | None = None, *, least: int = 2
) -> InferredEncoding:
    """Infer the encoding of masks by the rules in `encoding.grey` and `encoding.color`, or apply declared classes.

    Label tables beside the masks come first, see `encoding.label_tables`.

    Args:
        masks: The masks and their values.
        classes: The content of a classes.yaml, if there is one, see `encoding.declared`.
        root: The data folder, for the commands of remedies.
        least: The number of classes that the masks must show: 2, or 1 for the classes of a run.

    Raises:
        DataError: The values could mean two things, one is not declared, a mask is a picture, or all pixels are of one
            class.
    """
    _for_each(masks, refuse_picture)
    encoding = encode_by_names(masks, find_label_tables(masks), classes, of_run=least < 2)
    try:
        if encoding is None:
            encoding = infer_as_shown_or_stored(
                masks, classes, lambda some: infer_objects_in_alpha(some, lambda others: _read(others, classes))
            )
    except NumberedObjectsError as error:
        raise DataError(error.what, where=error.where, remedy=_convert(root, error.remedy)) from error
    return count_classes(masks, encoding, least=least)


def _convert(root: Path | None, remedy: str) -> str:
    """The remedy for numbers of objects, with the command that makes one class of them."""
    if root is None:
        return remedy
    return f"If all objects are of one class: `{one_class_command(root)}`. {remedy}"


def one_class_command(root: Path) -> str:
    """The command that gives all objects of a folder one class."""
    folder = (root.parent if root.name else Path("..")) / f"{root.resolve().name}-one-class"
    return command("segarena", "convert", root, folder, "--from", "instances")


def infer_like(masks: Sequence[CountedMask], classes: ClassTable, root: Path | None = None) -> InferredEncoding:
    """Infer the encoding of masks that may lack some of the classes of a run, e.g. all but background.

    If the classes that are inferred have the names of the run's, they are used, else the run's values are applied, if
    the masks have no others.

    Args:
        masks: The masks and their values.
        classes: The classes of the run.
        root: The data folder, for the commands of remedies.

    Raises:
        DataError: As `infer_encoding`; masks of a single class are no error.
    """
    values = {value for _, facts in masks for value in facts.values.tolist()} - {IGNORE_INDEX}
    if len(values) == 1 or (not values and any(IGNORE_INDEX in entry.values for entry in classes.classes)):
        return infer_encoding(masks, classes, root, least=1)
    inferred = infer_encoding(masks, root=root)
    if inferred.encoding.classes.names != classes.names:
        with suppress(DataError):
            return infer_encoding(masks, classes, root, least=1)
    return inferred


def count_classes(masks: Sequence[CountedMask], encoding: MaskEncoding, *, least: int = 2) -> InferredEncoding:
    """Count the pixels of each class.

    Raises DataError where a value is not allowed, where the masks show fewer than `least` classes, or where there are
    more than a mask can hold.
    """
    if encoding.classes.num_classes > IGNORE_INDEX:
        raise DataError(
            f"has masks of {encoding.classes.num_classes} classes; {IGNORE_INDEX} are possible",
            where=masks[0].path.parent,
            remedy="Give all objects of a class one name and one value",
        )
    counts = np.stack(_for_each(masks, lambda mask: _count_labels(mask, encoding)))
    pixels, void = counts[:, :-1], counts[:, -1]
    present = np.flatnonzero(pixels.sum(axis=0))
    if len(present) < least:
        only = f"only the class {encoding.classes.names[present[0]]!r}" if len(present) else "only void pixels"
        raise one_class([path for path, _ in masks], only)
    return InferredEncoding(encoding, pixels, void)


def _for_each(masks: Sequence[CountedMask], function: Callable[[CountedMask], Result]) -> list[Result]:
    """The result for each mask. Raises one DataError for all masks for which there is one."""
    results, faults = [], []
    for mask in masks:
        try:
            results.append(function(mask))
        except DataError as error:
            faults.append(error)
    if faults:
        raise join_faults(faults)
    return results


def refuse_picture(mask: CountedMask) -> None:
    """Raise DataError if a mask has the values of a photograph, a depth map or noise."""
    path, facts = mask
    if facts.is_picture:
        kind = "colours" if facts.colored else "grey levels"
        raise DataError(
            f"has {len(facts.values)} different {kind} and hardly an area of one: it is a photograph, a depth map or "
            "noise, not a mask",
            where=path,
            remedy="Choose the folder of the masks with --masks DIR, or export masks with one value per class",
        )


def _read(masks: Sequence[CountedMask], classes: ClassTable | None) -> MaskEncoding:
    return _guess(masks) if classes is None else apply_classes(masks, classes)


def _guess(masks: Sequence[CountedMask]) -> MaskEncoding:
    if any(facts.colored for _, facts in masks) and not any(facts.lossy for _, facts in masks):
        refuse_mixed_colors(masks)
    match choose_reading(masks):
        case "colors":
            return guess_colors(masks)
        case "numbers":
            return guess_levels(masks)
        case "greys":
            return guess_greys(masks)


def _count_labels(mask: CountedMask, encoding: MaskEncoding) -> NDArray[np.int64]:
    """The number of pixels of each class, and of void as the last: (num_classes + 1,)."""
    labels = labels_of_values(mask, encoding)
    columns = np.where(labels == IGNORE_INDEX, encoding.classes.num_classes, labels)
    pixels = np.zeros(encoding.classes.num_classes + 1, dtype=np.int64)
    np.add.at(pixels, columns, mask.facts.pixels)
    return pixels


def labels_of_values(mask: CountedMask, encoding: MaskEncoding) -> NDArray[np.int16]:
    """Return the label of each of a mask's K values, 255 for void: (K,). Raises DataError for one that has none."""
    path, facts = mask
    color = encoding.kind == "color"
    places = colors_of(mask) if color else greys_of(mask) if encoding.by_grey else facts.values
    return encoding.labels(places, facts.one_bit and not color, path)
