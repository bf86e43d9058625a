"""Write and read images.csv: the counts that every score derives from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segarena.files import write_text
from segarena.records.tables import ImageRow, columns
from segarena.scoring.scores import class_counts


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
    """Read what `write_image_counts` wrote; an image called 007 or NA keeps its name."""
    table = pd.read_csv(path, dtype={"image": str, "group": str, "class": str}, na_filter=False)
    if "part" not in table:  # of an earlier version
        table.insert(1, "part", "")
    if "group" not in table:
        table.insert(2, "group", "")
    return table
