"""Images of another brightness than those of the training are reported; those of the same kind are not."""

from __future__ import annotations

import numpy as np
import pytest

from segarena.data.folder import FolderSource
from segarena.data.splitting.splits import split_samples
from segarena.image_files.brightness import brightness, brightness_range, warn_if_unlike
from support import SHARED, needs_real_data

TRAINED = {"lowest": 60.0, "median": 90.0, "highest": 120.0}


@pytest.mark.parametrize(
    ("levels", "word"),
    [
        ([60, 120, 90], ""),
        ([36, 144], ""),
        ([5, 6, 7], "3 of 3 images are darker"),
        ([5, 6, 100], "2 of 3 images are darker"),
        ([5, 100], ""),
        ([200, 210], "2 of 2 images are brighter"),
        ([5], "the image is darker than all training images: mean grey level 5, against"),
        ([], ""),
    ],
)
def test_images_far_outside_the_range_are_reported(levels: list[float], word: str) -> None:
    warning = warn_if_unlike(levels, TRAINED)
    assert word in warning
    assert bool(warning) == bool(word)


def test_a_run_without_the_range_is_no_warning() -> None:
    assert warn_if_unlike([3.0], None) == ""


def test_brightness_is_that_of_the_grey_image() -> None:
    assert brightness(np.full((8, 8, 3), (200, 100, 0), dtype=np.uint8)) == pytest.approx(118.5)
    assert brightness_range([3, 1.04, 2]) == {"lowest": 1.0, "median": 2, "highest": 3}


@needs_real_data
@pytest.mark.parametrize("name", ["camvid", "cwfid", "epfl-roads", "isbi"])
def test_splits_of_real_data_are_alike_and_an_eighth_as_bright_is_not(name: str) -> None:
    root = SHARED / "data" / name
    source = FolderSource(root, masks=root / "masks" if name == "cwfid" else None)
    splits = split_samples(source.samples, where=root)
    parts = [source.brightness(splits.indices(part)) for part in ("train", "val", "test") if splits.indices(part)]
    for trained in map(brightness_range, parts):
        for levels in parts:
            assert warn_if_unlike(levels, trained) == ""
            assert "darker" in warn_if_unlike([level / 8 for level in levels], trained)
