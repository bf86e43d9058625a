"""Layouts crossed with ways to save masks and images: each folder is read back to the labels it was made from."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from encoding_zoo import ENCODINGS, Encoding
from image_zoo import CAMERAS, Camera
from layout_zoo import LAYOUTS, NAMES, LayoutCase, found
from segarena.data.folder import FolderSource
from support import refuses

_PER_LAYOUT = 4
_STEP = 13  # has no divisor in common with the number of encodings, so that each layout is crossed with other ones


class Crossing(NamedTuple):
    """How a folder is made: its layout, its masks, its images."""

    layout: LayoutCase
    encoding: Encoding
    camera: Camera

    @property
    def refused(self) -> bool:
        """Whether only the pixels show which files are the masks and these are JPEGs, as photographs are."""
        return self.layout.by_content and self.encoding.is_jpeg


CROSSINGS = [
    [Crossing(layout, encoding, CAMERAS[(place + number) % len(CAMERAS)]) for number, encoding in enumerate(ENCODINGS)]
    for place, layout in enumerate(LAYOUTS)
]
FAST = {
    (place, (place * _PER_LAYOUT + number) * _STEP % len(ENCODINGS))
    for place in range(len(LAYOUTS))
    for number in range(_PER_LAYOUT)
}


def crossings(refused: bool) -> list[Any]:
    """Return all crossings that are to be refused, or all others; those that are not in `FAST` are slow tests."""
    return [
        pytest.param(
            crossing,
            id="; ".join(part.title for part in crossing),
            marks=() if (place, number) in FAST else pytest.mark.slow,
        )
        for place, row in enumerate(CROSSINGS)
        for number, crossing in enumerate(row)
        if crossing.refused == refused
    ]


def write(crossing: Crossing, root: Path) -> tuple[list[tuple[str | None, str, str]], dict[Path, int]]:
    """Write the folder. Return (split, image, mask) of each pair, sorted, and the number of the pair of each file."""
    layout, encoding, camera = crossing
    numbers: dict[Path, int] = {}

    def save_image(path: Path, number: int) -> None:
        numbers[path] = number
        camera.save(path, number)

    def save_mask(path: Path, number: int) -> None:
        numbers[path] = number
        encoding.save(path, number)

    encoding.declare(root)
    written = layout.with_endings(camera.endings, encoding.suffix).write(root, save_image, save_mask)
    assert len(numbers) == 2 * len(NAMES), "an image and a mask have one and the same name"
    return written, numbers


def check(crossing: Crossing, source: FolderSource, numbers: dict[Path, int]) -> None:
    """Fail unless the source has the classes, the labels and the images that were written."""
    _, encoding, camera = crossing
    num_classes = len(encoding.classes)
    assert tuple(entry.value for entry in source.classes.classes) == encoding.classes
    assert source.classes.ignore == encoding.ignore
    assert len({sample.name for sample in source.samples}) == len(NAMES)
    for index, sample in enumerate(source.samples):
        assert sample.image
        assert sample.mask
        number = numbers[sample.image]
        assert numbers[sample.mask] == number
        assert NAMES[number - 1] in sample.name or str(number) in sample.name
        image, labels = source.read(index)
        camera.check(sample.image, number, image)
        expected = encoding.labels(number)
        np.testing.assert_array_equal(labels, expected, err_msg=sample.name)
        counts = np.bincount(np.minimum(expected, num_classes).ravel(), minlength=num_classes + 1)
        np.testing.assert_array_equal([*source.mask_pixels[index], source.void_pixels[index]], counts)


def test_the_fast_crossings_have_every_layout_encoding_and_camera() -> None:
    fast = [CROSSINGS[place][number] for place, number in FAST]
    for part, everything in enumerate((LAYOUTS, ENCODINGS, CAMERAS)):
        assert {crossing[part].title for crossing in fast if not crossing.refused} == {
            each.title for each in everything
        }
    assert any(crossing.refused for crossing in fast)


@pytest.mark.parametrize("crossing", crossings(refused=False))
def test_a_folder_is_read_back_to_its_labels(crossing: Crossing, tmp_path: Path) -> None:
    written, numbers = write(crossing, tmp_path)
    source = FolderSource(tmp_path)
    assert sorted(found(source.layout, tmp_path), key=str) == written
    check(crossing, source, numbers)


@pytest.mark.parametrize("crossing", crossings(refused=True))
def test_jpeg_masks_have_to_be_named_if_only_pixels_show_them(crossing: Crossing, tmp_path: Path) -> None:
    written, numbers = write(crossing, tmp_path)
    with refuses(where=tmp_path, value="no masks") as caught:
        FolderSource(tmp_path)
    assert "--images DIR --masks DIR" in caught.value.remedy
    images, masks = crossing.layout.folders
    if images != masks:  # so that the remedy can be followed
        source = FolderSource(tmp_path, images=images, masks=masks)
        assert sorted(found(source.layout, tmp_path), key=str) == written
        check(crossing, source, numbers)
