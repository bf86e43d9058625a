"""Labels over their photograph: one class untinted, the others tinted, contours that any photograph leaves visible."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segarena.classes import ClassTable, SegmentationClass, name_classes
from segarena.outputs.overlay import OverlayWriter
from segarena.outputs.result import Result
from segarena.reporting.overlay import LONGEST_JPEG, OPACITY, draw_overlay
from segarena.serving.answers import overlay_jpeg, preview_jpeg

#: Class 0 is untinted.
CLASSES = name_classes((0, 1, 2), ("a", "b", "c"))


def grey(level: int, shape: tuple[int, int] = (20, 30)) -> np.ndarray:
    return np.full((*shape, 3), level, dtype=np.uint8)


def halves(left: int, right: int) -> np.ndarray:
    labels = np.full((20, 30), left, dtype=np.uint8)
    labels[:, 15:] = right
    return labels


def recolored(*colors: tuple[int, int, int]) -> ClassTable:
    names = enumerate(zip("abcdef", colors, strict=False))
    return ClassTable(tuple(SegmentationClass(name, index, color) for index, (name, color) in names))


def test_each_class_but_one_is_tinted() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    shown = draw_overlay(photo, halves(0, 1), CLASSES)
    np.testing.assert_array_equal(shown[:, :14], photo[:, :14])
    mixed = photo[:, 16:] + OPACITY * (np.array(CLASSES.colors[1]) - photo[:, 16:])
    np.testing.assert_allclose(shown[:, 16:], mixed, atol=2)


def test_a_black_background_of_any_name_leaves_the_photograph_as_it_is() -> None:
    table = ClassTable((SegmentationClass("soil", (0, 0, 0), (0, 0, 0)), SegmentationClass("b", (9, 9, 9), (9, 9, 9))))
    np.testing.assert_array_equal(draw_overlay(grey(90), halves(0, 0), table), grey(90))


@pytest.mark.parametrize(
    "color", [(0, 0, 0), (255, 255, 255), (128, 128, 128), (255, 0, 0), (255, 255, 0), (0, 0, 255)]
)
@pytest.mark.parametrize("turned", [False, True])
def test_a_contour_contrasts_with_any_photograph(color: tuple[int, int, int], turned: bool) -> None:
    """The line inside and the line outside differ, so that one of them differs from the photograph."""
    table = recolored((0, 0, 0), color)
    for level in (0, 128, 255):
        shown = draw_overlay(grey(level), halves(1, 0) if turned else halves(0, 1), table)
        inside, outside = (14, 15) if turned else (15, 14)
        assert (shown[:, inside] == color).all()
        assert np.abs(shown[0, outside].astype(int) - color).sum() > 250


def test_thin_objects_have_their_full_colour() -> None:
    labels = np.zeros((20, 30), dtype=np.uint8)
    labels[:, 10], labels[5, :] = 1, 2
    shown = draw_overlay(grey(100), labels, CLASSES)
    assert (shown[8:, 10] == CLASSES.colors[1]).all()
    assert (shown[5, 12:] == CLASSES.colors[2]).all()


def test_classes_of_one_colour_are_separated_by_a_line() -> None:
    table = recolored((0, 0, 0), (200, 30, 30), (200, 30, 30))
    shown = draw_overlay(grey(100), halves(1, 2), table).astype(int)
    assert np.abs(shown[10, 15] - shown[10, 20]).sum() > 300


def test_contours_are_wider_in_large_images_and_do_not_wrap_around() -> None:
    labels = np.zeros((50, 3000), dtype=np.uint8)
    labels[:, 1500:] = 1
    changed = (draw_overlay(grey(100, (50, 3000)), labels, CLASSES) == CLASSES.colors[1]).all(axis=2)
    assert changed.any(axis=0).nonzero()[0].tolist() == [1500, 1501, 1502]


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (2, 3000)])
def test_images_of_any_shape_are_drawn(shape: tuple[int, int]) -> None:
    labels = (np.indices(shape).sum(axis=0) % 3).astype(np.uint8)
    assert draw_overlay(grey(7, shape), labels, CLASSES).shape == (*shape, 3)


def test_void_is_pale_and_striped_and_has_no_class_colour() -> None:
    shown = draw_overlay(grey(50, (40, 40)), np.full((40, 40), 255, dtype=np.uint8), CLASSES)
    different = np.unique(shown.reshape(-1, 3), axis=0)
    assert len(different) == 2
    assert (different[:, 0] == different[:, 1]).all()
    assert different.max() > 150


@pytest.mark.parametrize("shape", [(4, 66_000), (66_000, 4)])
def test_an_overlay_of_more_pixels_than_jpeg_has_is_reduced(shape: tuple[int, int], tmp_path: Path) -> None:
    """`predict` ended at such an image with "broken data stream", and a server answered 500."""
    mask, image = np.zeros(shape, np.uint8), np.zeros((*shape, 3), np.uint8)
    classes = name_classes([0, 1], ["a", "b"])
    [path] = OverlayWriter(classes, has_legend=False).write(Result("x", tmp_path, image, mask), tmp_path)
    for content in (path.read_bytes(), overlay_jpeg(image, mask, classes), preview_jpeg(image)):
        with Image.open(io.BytesIO(content)) as picture:
            assert max(picture.size) == LONGEST_JPEG
