"""Masks saved in two ways in one folder are one error, with the count of each kind and examples.

- Class numbers, or 0 and 255, among colours; 16 bits among colours; palettes whose colours the others lack.
- Class numbers among greys far apart, with and without 255; 0 and 1 among 0 and 255.
- Not mixed: a mask of colours that shows only black, or a grey class; palette files of the same colours.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from drawings import infer, label_map, paint, save_all, soften
from segarena.data.encoding.mask_encoding import read_mask
from support import refuses

Paint = Callable[[NDArray[np.uint8]], Image.Image]
COLORS = ((90, 120, 60), (200, 60, 50), (60, 80, 210), (128, 128, 128))
OTHERS = ((0, 0, 0), (250, 250, 0), (0, 250, 250), (250, 0, 250))
MAPS = [label_map(seed, 4) for seed in range(6)]


def of(*values: int | tuple[int, int, int]) -> Paint:
    return lambda labels: paint(labels, values)


def of_16_bits(labels: NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(labels.astype(np.uint16) * 100)


def with_palette(*colors: tuple[int, int, int]) -> Paint:
    def draw(labels: NDArray[np.uint8]) -> Image.Image:
        image = Image.fromarray(labels)
        image.putpalette([channel for color in colors for channel in color])
        return image

    return draw


MIXED: dict[str, tuple[Paint, Paint]] = {
    "numbers among colours": (of(0, 1, 2, 3), of(*COLORS)),
    "numbers in RGB among colours": (lambda labels: paint(labels, (0, 1, 2, 3)).convert("RGB"), of(*COLORS)),
    "numbers in a grey palette among colours": (with_palette(*((n, n, n) for n in range(4))), of(*COLORS)),
    "one-hot bytes among numbers": (of(0, 1, 2, 3), of((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1))),
    "0 and 255 among colours": (of(0, 255, 255, 255), of(*COLORS)),
    "16 bits among colours": (of_16_bits, of(*COLORS)),
    "palettes of other colours": (with_palette(*OTHERS), of(*COLORS)),
    "numbers among greys": (of(0, 1, 2, 3), of(0, 64, 128, 192)),
    "numbers among greys, one of them 255": (of(0, 1, 2, 3), of(0, 85, 170, 255)),
    "numbers among 0 and 255": (of(0, 1, 2, 3), of(0, 255, 255, 255)),
    "0 and 1 among 0 and 255": (of(0, 1, 1, 1), of(0, 255, 255, 255)),
}


@pytest.mark.parametrize("kind", MIXED)
def test_masks_of_two_kinds_are_one_error_with_counts_and_examples(kind: str, tmp_path: Path) -> None:
    first, second = MIXED[kind]
    images = [(second if number in (1, 4) else first)(labels) for number, labels in enumerate(MAPS)]
    with refuses(where=tmp_path) as caught:
        infer(save_all(tmp_path, images))
    for part in ("4 ", "2 ", "0.png", "1.png", " mask"):
        assert part in caught.value.what


@pytest.mark.parametrize(
    ("some", "others"),
    [
        (lambda labels: paint(labels % 2 * 3, COLORS).convert("RGB"), of(*COLORS)),
        (lambda labels: Image.fromarray(labels * 0), of((0, 0, 0), *COLORS[1:])),
        (lambda labels: paint(labels % 2, (0, 128)), of((0, 0, 0), *COLORS[1:])),
        (with_palette(*COLORS), of(*COLORS)),
        (
            lambda labels: soften(paint(labels % 2, (0, 255)), 2),
            of((0, 0, 0), (255, 0, 0), (0, 0, 255), (255, 255, 255)),
        ),
    ],
)
def test_masks_of_colours_that_show_only_some_are_no_mixture(some: Paint, others: Paint, tmp_path: Path) -> None:
    paths = save_all(tmp_path, [(some if number == 1 else others)(labels) for number, labels in enumerate(MAPS)])
    encoding = infer(paths).encoding
    assert encoding.kind == "color"
    values = [entry.value for entry in encoding.classes.classes]
    for path in paths[2:]:
        np.testing.assert_array_equal(np.array(values)[read_mask(path, encoding)], np.asarray(Image.open(path)))
