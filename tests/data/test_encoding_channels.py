"""What is in one channel of a mask alone: the object in alpha, or class numbers in red, green or blue.

- One colour, and the object in alpha, also with soft edges; masks without an object among them.
- Masks with the object in alpha among others with the object in their colours: refused.
- Numbers or colours that are transparent in one part and opaque in another: refused.
- Class numbers in one channel, 255 is void as in any numbers.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from drawings import infer, label_map, save_all
from segarena.classes import name_classes
from segarena.data.encoding.mask_encoding import read_mask
from support import refuses

MAPS = [label_map(seed, 4, 120, 160) for seed in range(4)]
TWO = [(labels > 1).astype(np.uint8) for labels in MAPS]


def layer(color: tuple[int, int, int], alpha: NDArray[np.uint8]) -> Image.Image:
    channels = np.broadcast_to(np.array(color, dtype=np.uint8), (*alpha.shape, 3))
    return Image.fromarray(np.dstack([channels, alpha]))


def check(paths: list[Path], drawn: list[NDArray[np.uint8]], **options: object) -> None:
    encoding, pixels, void = infer(paths, **options)  # type: ignore[arg-type]
    for path, labels, counted in zip(paths, drawn, pixels, strict=True):
        np.testing.assert_array_equal(read_mask(path, encoding), labels)
        assert counted.tolist() == [(labels == index).sum() for index in range(encoding.classes.num_classes)]
    assert void.sum() == sum(int((labels == 255).sum()) for labels in drawn)


@pytest.mark.parametrize("color", [(0, 0, 0), (255, 255, 255), (255, 0, 0)])
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_an_object_in_alpha_alone_is_read(color: tuple[int, int, int], suffix: str, tmp_path: Path) -> None:
    paths = save_all(tmp_path, [layer(color, labels * 255) for labels in TWO], suffix)
    check(paths, TWO)
    check(paths, [1 - labels for labels in TWO], classes=name_classes((255, 0), ("object", "rest")))


def test_soft_alpha_is_cut_halfway(tmp_path: Path) -> None:
    soft = [np.asarray(Image.fromarray(labels * 255).resize((240, 180), Image.Resampling.BILINEAR)) for labels in TWO]
    check(
        save_all(tmp_path, [layer((9, 9, 9), alpha) for alpha in soft]),
        [(alpha >= 128).astype(np.uint8) for alpha in soft],
    )


def test_grey_with_alpha_too(tmp_path: Path) -> None:
    grey = [Image.fromarray(np.dstack([np.full_like(labels, 255), labels * 255])) for labels in TWO]
    check(save_all(tmp_path, grey), TWO)


def test_masks_without_an_object_and_of_nothing_else_are_read_with_them(tmp_path: Path) -> None:
    empty = np.zeros_like(TWO[0])
    drawn = [*TWO[:2], empty, empty + 1]
    check(save_all(tmp_path, [layer((255, 255, 255), labels * 255) for labels in drawn]), drawn)


def test_objects_in_alpha_and_in_colours_are_not_mixed(tmp_path: Path) -> None:
    images = [layer((255, 255, 255), TWO[0] * 255), *(Image.fromarray(labels * 255) for labels in TWO[1:])]
    with refuses(where=tmp_path, value="1 mask of 4 (e.g. 0.png)"):
        infer(save_all(tmp_path, images))


@pytest.mark.parametrize("values", [(0, 1, 2, 3), (0, 255, 0, 255)])
def test_numbers_transparent_in_part_are_refused(values: tuple[int, ...], tmp_path: Path) -> None:
    images = []
    for labels in MAPS:
        alpha = np.full(labels.shape, 255, dtype=np.uint8)
        alpha[:60] = 0
        images.append(Image.fromarray(np.dstack([np.array(values, dtype=np.uint8)[labels]] * 3 + [alpha])))
    with refuses(where=tmp_path / "0.png", value="transparent pixels with the number 0"):
        infer(save_all(tmp_path, images))


@pytest.mark.parametrize("channel", [0, 2])
@pytest.mark.parametrize("values", [(0, 1, 2, 3), (0, 1, 2, 255), (0, 3, 7, 12)])
def test_numbers_in_one_channel_are_class_numbers(channel: int, values: tuple[int, ...], tmp_path: Path) -> None:
    images = []
    for labels in MAPS:
        channels = np.zeros((*labels.shape, 3), dtype=np.uint8)
        channels[..., channel] = np.array(values)[labels]
        images.append(Image.fromarray(channels))
    check(save_all(tmp_path, images), [np.where((labels == 3) & (values[3] == 255), 255, labels) for labels in MAPS])


def test_shades_of_one_colour_that_are_easy_to_see_are_colours(tmp_path: Path) -> None:
    images = [
        Image.fromarray(np.array([(0, 0, 0), (90, 0, 0), (170, 0, 0), (255, 0, 0)], np.uint8)[labels])
        for labels in MAPS
    ]
    check(save_all(tmp_path, images), MAPS)
