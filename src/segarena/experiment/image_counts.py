"""images.csv: the counts that every score derives from, written and read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segarena.files import write_text
from segarena.records.tables import ImageRow, columns
from segarena.scoring.scores import class_counts


def write_image_counts(path: Path, images: list[str], classes: tuple[str, ...], confusions: NDArray[np.int64]) -> None:
    """A row per image and class: tp, fp, fn, the counts that every score derives from."""
    tp, fp, fn = class_counts(confusions)
    num_images, num_classes = tp.shape
    table = pd.DataFrame(
        {
            "image": np.repeat(images, num_classes),
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
    """What `write_image_counts` wrote: an image called 007 or NA is still called so."""
    return pd.read_csv(path, dtype={"image": str, "class": str}, na_filter=False)
