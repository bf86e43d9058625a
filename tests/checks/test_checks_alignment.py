"""Masks against their images: a shift of the whole set and inverted masks are found, aligned masks have no problem."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from segarena.checks import measurements
from segarena.checks.alignment import check_alignment
from segarena.checks.measurements import MAX_SHIFT, PairMeasurement, edge_strengths, measure_pairs
from segarena.checks.problem import Problem
from segarena.data.folder import FolderSource
from segarena.scenes.synthetic import SyntheticSource
from segarena.threads import thread_pool

Pixels = NDArray[np.uint8]


def discs(seed: int, size: int = 96) -> tuple[Pixels, Pixels]:
    """Bright discs on darker noise, away from the frame, and their 0/255 mask."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:size, :size]
    mask = np.zeros((size, size), dtype=bool)
    for row, column in random.integers(20, size - 20, (3, 2)):
        mask |= (rows - row) ** 2 + (columns - column) ** 2 < 100
    image = random.integers(40, 90, (size, size, 3)) + 100 * mask[..., None]
    return image.astype(np.uint8), (255 * mask).astype(np.uint8)


def write(root: Path, number: int, image: Pixels, mask: Pixels) -> None:
    for kind, pixels in (("images", image), ("masks", mask)):
        (root / kind).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(root / kind / f"disc{number:02}.png")


def find(root: Path) -> list[Problem]:
    return list(check_alignment(FolderSource(root)))


def test_aligned_masks_have_no_problem(tmp_path: Path) -> None:
    for number in range(12):
        write(tmp_path, number, *discs(number))
    assert find(tmp_path) == []


@pytest.mark.parametrize(
    ("shift", "words"),
    [((3, 0), "3 px up,"), ((0, -5), "5 px right,"), ((-2, 4), "2 px down and 4 px left,")],
)
def test_masks_that_are_all_shifted_are_found(tmp_path: Path, shift: tuple[int, int], words: str) -> None:
    for number in range(12):
        image, mask = discs(number)
        write(tmp_path, number, image, np.roll(mask, shift, axis=(0, 1)))
    [problem] = find(tmp_path)
    assert problem.code == "shifted-mask"
    assert f"moved {words}" in problem.message


def test_pairs_are_measured_once_until_one_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measured = []

    def measure(source: FolderSource, indices: Sequence[int]) -> list[PairMeasurement]:
        measured.append(len(indices))
        return measure_pairs(source, indices)

    monkeypatch.setattr(measurements, "measure_pairs", measure)
    pairs = [discs(number) for number in range(12)]
    for number, (image, mask) in enumerate(pairs):
        write(tmp_path, number, image, 255 - mask if number == 4 else np.roll(mask, (3, 0), axis=(0, 1)))
    first, again = find(tmp_path), find(tmp_path)
    assert first == again
    assert [problem.code for problem in first] == ["shifted-mask", "inverted-mask"]
    assert measured == [12]
    write(tmp_path, 4, *pairs[4])
    assert [problem.code for problem in find(tmp_path)] == ["shifted-mask"]
    assert measured == [12, 12]


def test_memory_for_the_pairs_is_that_of_the_largest_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many large images were decoded at a time as there are threads."""
    for number in range(3):
        write(tmp_path, number, *discs(number))
    source, taken = FolderSource(tmp_path), []
    monkeypatch.setattr(measurements, "thread_pool", lambda pixels: taken.append(pixels) or thread_pool(pixels))
    assert len(measure_pairs(source, [0, 2])) == 2
    assert taken == [source.sizes[0][0] * source.sizes[0][1]]


def test_masks_shifted_differently_are_no_shifted_set(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for number in range(12):
        image, mask = discs(number)
        write(tmp_path, number, image, np.roll(mask, random.integers(-5, 6, 2), axis=(0, 1)))
    assert find(tmp_path) == []


def test_one_inverted_mask_among_others_is_found(tmp_path: Path) -> None:
    for number in range(12):
        image, mask = discs(number)
        write(tmp_path, number, image, 255 - mask if number == 4 else mask)
    [problem] = find(tmp_path)
    assert (problem.code, problem.severity) == ("inverted-mask", "warning")
    assert problem.files == ("masks/disc04.png",)


@pytest.mark.parametrize("inverted", [6, 7])
def test_half_of_the_masks_inverted_is_found(tmp_path: Path, inverted: int) -> None:
    """Two annotators, of whom one has painted the background: with as many of each, no foreground is the usual one."""
    for number in range(14):
        image, mask = discs(number)
        write(tmp_path, number, image, 255 - mask if number < inverted else mask)
    [problem] = find(tmp_path)
    assert (problem.code, problem.severity) == ("inverted-mask", "warning")
    assert problem.files == tuple(f"masks/disc{number:02}.png" for number in range(inverted))


def test_large_and_small_objects_are_not_inverted(tmp_path: Path) -> None:
    for number in range(14):
        image, mask = discs(number)
        if number < 7:
            mask = 255 - mask
            image = np.where(mask[..., None] > 0, np.uint8(180), np.uint8(60)).repeat(3, axis=2)
        write(tmp_path, number, image, mask)
    assert find(tmp_path) == []


def test_a_mask_of_a_large_bright_object_is_not_inverted(tmp_path: Path) -> None:
    for number in range(12):
        image, mask = discs(number)
        if number == 4:
            mask = 255 - mask
            image = np.where(mask[..., None] > 0, np.uint8(180), np.uint8(60)).repeat(3, axis=2)
        write(tmp_path, number, image, mask)
    assert find(tmp_path) == []


def test_a_set_of_inverted_masks_is_noted(tmp_path: Path) -> None:
    for number in range(12):
        image, mask = discs(number)
        write(tmp_path, number, image, 255 - mask)
    [problem] = find(tmp_path)
    assert (problem.code, problem.severity) == ("inverted-mask", "note")
    assert "100.0% of the outermost" in problem.message


def test_edges_are_strongest_where_the_mask_fits() -> None:
    image, mask = discs(1)
    strengths = edge_strengths(image, np.roll(mask // 255, (2, -3), axis=(0, 1)))
    assert strengths is not None
    assert strengths.shape == (2 * MAX_SHIFT + 1, 2 * MAX_SHIFT + 1)
    row, column = np.unravel_index(int(strengths.argmax()), strengths.shape)
    assert max(abs(row - MAX_SHIFT + 2), abs(column - MAX_SHIFT - 3)) <= 1


def test_no_edges_without_boundaries_or_gradients() -> None:
    image, mask = discs(1)
    labels = mask // 255
    assert edge_strengths(image, labels) is not None
    assert edge_strengths(image, np.zeros_like(labels)) is None
    assert edge_strengths(np.full_like(image, 7), labels) is None
    assert edge_strengths(image, mask) is None  # 255 is void, which has no boundaries
    assert edge_strengths(image[:10, :10], labels[:10, :10]) is None


def test_pairs_that_cannot_be_read_are_left_out(tmp_path: Path) -> None:
    for number in range(8):
        write(tmp_path, number, *discs(number))
    source = FolderSource(tmp_path)
    (tmp_path / "images" / "disc03.png").unlink()
    assert [pair.index for pair in measure_pairs(source, range(8))] == [0, 1, 2, 4, 5, 6, 7]


def test_the_built_in_scenes_are_aligned(tmp_path: Path) -> None:
    scenes = SyntheticSource()
    for number in range(12):
        write(tmp_path, number, *scenes.read(number))
    assert find(tmp_path) == []
