"""Masks of several files for each image: an image and a binary mask of each class, in paths to choose."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from drawings import label_map
from layout_zoo import NAMES, SPLITS
from segarena.data.folder import FolderSource

HEIGHT, WIDTH = 40, 52
CLASSES = ("crack", "oil spill", "rust")

Save = Callable[[NDArray[np.bool_], Path], None]


def draw(number: int) -> NDArray[np.uint8]:
    """Labels: 0 is nothing, the others are CLASSES."""
    return label_map(number, len(CLASSES) + 1, HEIGHT, WIDTH)


def photograph(path: Path, number: int) -> None:
    noise = np.random.default_rng(number).normal(0, 20, (HEIGHT, WIDTH, 3))
    colors = np.array([(90, 120, 60), (200, 60, 50), (60, 80, 210), (220, 200, 60)])[draw(number)]
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray((colors + noise).clip(0, 255).astype(np.uint8)).save(path)


def white(region: NDArray[np.bool_], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(region * np.uint8(255)).save(path)


def write(root: Path, image: str, mask: str, save: Save = white, classes: tuple[str, ...] = CLASSES) -> None:
    """An image and a mask for each class, in paths with {name}, {n}, {split}, {group}, {label} and {number} in them."""
    for number, (name, split) in enumerate(zip(NAMES, SPLITS, strict=True), start=1):
        places = {"name": name, "n": number, "split": split, "group": "east" if number % 2 else "west"}
        photograph(root / image.format(**places), number)
        for label, title in enumerate(classes, start=1):
            region = draw(number) == label
            parts = [region]
            if "{number}" in mask:  # two objects: the left and the right of the image, in one image three
                cuts = [0, WIDTH // 3, WIDTH // 2, WIDTH] if number == 1 else [0, WIDTH // 2, WIDTH]
                columns = np.arange(WIDTH)
                parts = [region & (columns >= a) & (columns < b) for a, b in pairwise(cuts)]
            for place, part in enumerate(parts):
                save(part, root / mask.format(label=title, number=place, **places))


def check(source: FolderSource, classes: tuple[str, ...] = CLASSES) -> None:
    """Fail unless each pixel has the class that was drawn."""
    assert len(source.samples) == len(NAMES)
    assert source.classes.names == ("background", *classes)
    numbers = {name: number for number, name in enumerate(NAMES, start=1)}
    for index, sample in enumerate(source.samples):
        number = next((numbers[name] for name in NAMES if name in str(sample.image)), 0)
        image, labels = source.read(index)
        drawn = draw(number or int(sample.name.removeprefix("tile_")))
        assert image.shape[:2] == drawn.shape
        expected = np.minimum(drawn, 1) if classes == ("foreground",) else drawn
        np.testing.assert_array_equal(labels, expected, err_msg=sample.name)
        np.testing.assert_array_equal(
            source.mask_pixels[index], np.bincount(expected.ravel(), minlength=len(source.classes.names))
        )
