"""Classes whose value means another thing in some masks: found by the colours of the images, whatever the cause."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from drawings import label_map
from segarena.checks.alignment import check_alignment
from segarena.checks.class_appearance import find_change
from segarena.data.folder import FolderSource
from support import SHARED, needs_real_data

Pixels = NDArray[np.uint8]

COLORS = np.array([[90, 120, 60], [200, 60, 50], [60, 80, 210], [220, 200, 60]])
PALETTE = np.array([[0, 0, 0], [255, 0, 0], [0, 0, 255], [0, 255, 0]], dtype=np.uint8)
COUNT = 16


def missing_in_half(labels: Pixels, number: int, label: int) -> Pixels:
    """Every second image does not show this class."""
    return np.where((labels == label) & (number % 2 == 0), 0, labels).astype(np.uint8)


def stretched(labels: Pixels, number: int) -> Pixels:
    """OpenCV's `mask * 255 / mask.max()`."""
    shown = missing_in_half(labels, number, 2)
    return (shown * 255.0 / shown.max()).astype(np.uint8)


def by_viridis(labels: Pixels, number: int) -> Pixels:
    """Matplotlib's `plt.imsave(path, mask)`: the lowest number is violet and the highest yellow, in each file."""
    shown = missing_in_half(labels, number, 2)
    colors = np.array([[68, 1, 84], [33, 145, 140], [253, 231, 37]], dtype=np.uint8)
    return colors[shown * (2 // shown.max())]


def by_appearance(labels: Pixels, number: int) -> Pixels:
    """NumPy's `np.unique(mask, return_inverse=True)`: 0, 1, 2, ... in each file."""
    shown = missing_in_half(labels, number, 1)
    return np.unique(shown, return_inverse=True)[1].reshape(shown.shape).astype(np.uint8)


def from_one(labels: Pixels, number: int) -> Pixels:
    """MATLAB's numbers in every second file."""
    return (labels + number % 2).astype(np.uint8)


def blue_first(labels: Pixels, number: int) -> Pixels:
    """OpenCV's order of the channels in every second file."""
    return np.ascontiguousarray(PALETTE[labels][..., :: 1 - 2 * (number % 2)])


FAULTS: dict[str, Callable[[Pixels, int], Pixels]] = {
    "stretched": stretched,
    "viridis": by_viridis,
    "by appearance": by_appearance,
    "from one": from_one,
    "blue first": blue_first,
}


def write(root: Path, save: Callable[[Pixels, int], Pixels]) -> None:
    for kind in ("images", "masks"):
        (root / kind).mkdir(parents=True)
    for number in range(COUNT):
        labels = label_map(number, 3, 64, 80).astype(np.uint8)
        noise = np.random.default_rng(number).normal(0, 18, (64, 80, 3))
        Image.fromarray(np.clip(COLORS[labels] + noise, 0, 255).astype(np.uint8)).save(root / f"images/{number:02}.png")
        Image.fromarray(save(labels, number)).save(root / f"masks/{number:02}.png")


@pytest.mark.parametrize("fault", FAULTS)
def test_a_value_with_two_meanings_is_found(tmp_path: Path, fault: str) -> None:
    write(tmp_path, FAULTS[fault])
    [problem] = check_alignment(FolderSource(tmp_path))
    assert (problem.code, problem.severity) == ("class-changes", "warning")
    changed = {int(name[6:8]) % 2 for name in problem.files}
    assert len(changed) == 1
    assert len(problem.files) == COUNT // 2


@pytest.mark.parametrize("label", [0, 1, 2])
def test_a_class_that_some_images_do_not_show_is_no_problem(tmp_path: Path, label: int) -> None:
    write(tmp_path, lambda labels, number: missing_in_half(labels, number, label))
    assert list(check_alignment(FolderSource(tmp_path))) == []


def test_objects_of_two_colours_are_no_exchange() -> None:
    """White cars on a grey road and black ones: neither looks like a road."""
    random = np.random.default_rng(0)
    colors = np.full((20, 3, 3), 128.0)
    colors[:, 1] = np.where(np.arange(20) % 2, 230, 20)[:, None]
    colors[:, 2] = 80
    assert find_change(colors + random.normal(0, 5, colors.shape)) is None


@needs_real_data
@pytest.mark.parametrize("name", ["cwfid", "camvid"])
def test_no_false_alarm_on_real_classes(name: str) -> None:
    root = SHARED / "data" / name
    source = FolderSource(root, masks=root / "annotations" if name == "cwfid" else None)
    assert [one.code for one in check_alignment(source) if one.code == "class-changes"] == []
