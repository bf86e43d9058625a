"""The resolution ceilings of the built-in scenes and of folders, averaged and optimised, as rows of Markdown.

    python benchmarks/ceilings.py 128 camvid:256,360 isbi:256 ...

A number alone is a working size of the built-in scenes; FOLDER:SIZES a folder, FOLDER:SIZES:MASKS one with --masks.
Ceilings are computed from training masks as in `segarena check`, which has strides 1, 8 and 16 only.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

from segarena.config import CheckOptions
from segarena.data.folder import FolderSource
from segarena.data.source import Source
from segarena.experiment.ceilings import measure_ceilings
from segarena.experiment.inputs import make_splits
from segarena.scenes.synthetic import SyntheticSource
from segarena.scoring.ceilings import Grid

STRIDES = (2, 4, 8, 16)


def main() -> None:
    """Print a row for each data set and size."""
    print("| data, working size | masks | " + " | ".join(f"stride {stride}" for stride in STRIDES) + " | seconds |")
    print("|---" * (len(STRIDES) + 3) + "|")
    for word in sys.argv[1:]:
        place, _, rest = word.partition(":")
        if place.isdigit():
            show(SyntheticSource(), [int(place)], Path(place))
        else:
            sizes, _, masks = rest.partition(":")
            source = FolderSource(Path(place), masks=Path(masks) if masks else None)
            show(source, [int(size) for size in sizes.split(",")], Path(place))


def show(source: Source, sizes: list[int], data: Path) -> None:
    """Print the rows of one data set."""
    train = list(make_splits(source, CheckOptions(data=data)).train)
    masks = [source.read(index)[1].ravel() for index in train]
    pixels = np.stack([np.bincount(mask, minlength=256)[: source.classes.num_classes] for mask in masks])
    for size in sizes:
        grids = [Grid(size, stride) for stride in STRIDES]
        start = time.process_time()
        averaged, used = measure_ceilings(source, train, grids, pixels)
        seconds = time.process_time() - start
        optimised, _ = measure_ceilings(source, train, grids, pixels, optimise=True)
        cells = [f"{a.miou:.1%} ({o.miou:.1%})" for a, o in zip(averaged, optimised, strict=True)]
        print(f"| {source.name}, {size} | {used} | " + " | ".join(cells) + f" | {seconds:.1f} |", flush=True)


if __name__ == "__main__":
    main()
