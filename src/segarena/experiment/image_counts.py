"""Write and read images.csv: the counts that every score derives from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segarena.errors import RunError
from segarena.files import write_text
from segarena.records.tables import ImageRow, columns
from segarena.scoring.scores import class_counts

_COUNTS = ("tp", "fp", "fn")
_REPEAT = "Repeat the run in a new folder"


def write_image_counts(
    path: Path,
    images: Sequence[str],
    parts: Sequence[str],
    classes: tuple[str, ...],
    confusions: NDArray[np.int64],
    groups: Mapping[str, str] | None = None,
) -> None:
    """Write a row per image and class: its true positives, false positives and false negatives, in pixels.

    Args:
        path: The file.
        images: The names of the images.
        parts: What the run used each image for: train, val, test or new.
        classes: The names of the classes.
        confusions: A confusion matrix for each image, (N, C, C): rows are the truth, columns the prediction.
        groups: The group of each image, by its name; None where each image is a unit.
    """
    tp, fp, fn = class_counts(confusions)
    num_images, num_classes = tp.shape
    table = pd.DataFrame(
        {
            "image": np.repeat(images, num_classes),
            "part": np.repeat(parts, num_classes),
            "group": np.repeat(["" if groups is None else groups[name] for name in images], num_classes),
            "class_index": np.tile(np.arange(num_classes), num_images),
            "class": np.tile(classes, num_images),
            "tp": tp.ravel(),
            "fp": fp.ravel(),
            "fn": fn.ravel(),
        },
        columns=columns(ImageRow),
    )
    write_text(path, table.to_csv(index=False, lineterminator="\n"))


def read_image_counts(path: Path) -> pd.DataFrame:
    """Read what `write_image_counts` wrote; an image called 007 or NA keeps its name.

    Raises:
        RunError: The file is missing, cannot be read, or lacks a count.
    """
    types = {"image": str, "group": str, "class": str} | dict.fromkeys(("class_index", *_COUNTS), np.int64)
    try:
        table = pd.read_csv(path, dtype=types, na_filter=False)
    except FileNotFoundError as error:
        raise RunError("is missing", where=path, remedy=_REPEAT) from error
    except (OSError, ValueError) as error:
        raise RunError(f"cannot be read ({error})", where=path, remedy=_REPEAT) from error
    needed = ("image", "class_index", "class", *_COUNTS)
    if absent := [name for name in needed if name not in table]:
        raise RunError(f"has no column `{absent[0]}`", where=path, remedy=_REPEAT)
    rows = table["image"].nunique() * table["class_index"].nunique()
    if len(table) != rows or table.duplicated(["image", "class_index"]).any():
        raise RunError("does not have one row for each image and class", where=path, remedy=_REPEAT)
    if (table[[*_COUNTS]] < 0).any(axis=None):
        raise RunError("has a count below 0", where=path, remedy=_REPEAT)
    if "part" not in table:  # of an earlier version
        table.insert(1, "part", "")
    if "group" not in table:
        table.insert(2, "group", "")
    return table
