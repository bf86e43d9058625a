"""Images paired with masks of other images are found by what they show: shuffled, reversed, or moved on by some files.

Rightly paired sets have no such warning, nor have sets whose masks cannot be recognised in the images.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from drawings import label_map
from segarena.checks import mismatch
from segarena.checks.mismatch import check_mismatch
from segarena.checks.problem import Problem
from segarena.checks.thumbnails import collect_thumbnails
from segarena.checks.turns import TURNS
from segarena.data.folder import FolderSource
from support import SHARED, needs_real_data, write_pair

Order = Callable[[int], NDArray[np.intp]]

ORDERS: dict[str, Order] = {
    "shuffled": lambda count: np.random.default_rng(3).permutation(count),
    "reversed": lambda count: np.arange(count)[::-1],
    "the next": lambda count: np.roll(np.arange(count), -1),
    "the one before": lambda count: np.roll(np.arange(count), 1),
    "two further": lambda count: np.roll(np.arange(count), -2),
}


def squares(root: Path) -> None:
    for number in range(16):
        write_pair(root, f"s{number}", seed=number)


def scenes(root: Path) -> None:
    """Five classes of their own colours, with noise."""
    colors = np.random.default_rng(0).integers(30, 220, (5, 3))
    for kind in ("images", "masks"):
        (root / kind).mkdir(parents=True)
    for number in range(16):
        labels = label_map(number, 5, 72, 96)
        noise = np.random.default_rng(number).normal(0, 25, (72, 96, 3))
        image = np.clip(colors[labels] + noise, 0, 255).astype(np.uint8)
        Image.fromarray(image).save(root / "images" / f"s{number}.png")
        Image.fromarray(labels.astype(np.uint8)).save(root / "masks" / f"s{number}.png")


def unrelated(root: Path) -> None:
    """Masks that cannot be recognised in their images."""
    for number in range(16):
        write_pair(root, f"s{number}", seed=number)
        noise = np.random.default_rng(number).integers(0, 256, (48, 48), dtype=np.uint8)
        Image.fromarray(noise).save(root / "images" / f"s{number}.png")


def find(source: FolderSource, order: NDArray[np.intp] | None = None) -> list[Problem]:
    """The problems where image i has the mask order[i]."""
    if order is not None:
        source.masks = [source.masks[place] for place in order]
        source.mask_pixels, source.void_pixels = source.mask_pixels[order], source.void_pixels[order]
    return list(check_mismatch(source, collect_thumbnails(source)))


@pytest.mark.parametrize("write", [squares, scenes, unrelated])
def test_right_pairs_are_no_problem(tmp_path: Path, write: Callable[[Path], None]) -> None:
    write(tmp_path)
    assert find(FolderSource(tmp_path)) == []


@pytest.mark.parametrize(
    ("write", "turn"), [*((squares, turn) for turn in TURNS), *((scenes, turn) for turn in list(TURNS)[:3])]
)
def test_masks_that_are_turned_are_found(tmp_path: Path, write: Callable[[Path], None], turn: str) -> None:
    """coco-annotator #557, labelme #499: a tool that ignores the orientation, arrays whose rows begin below."""
    write(tmp_path)
    quarters, mirrored = TURNS[turn]
    for path in (tmp_path / "masks").iterdir():
        labels = np.rot90(np.asarray(Image.open(path)), -quarters)  # what turns it back is named
        Image.fromarray(np.ascontiguousarray(labels[:, ::-1] if mirrored else labels)).save(path)
    [problem] = find(FolderSource(tmp_path))
    assert (problem.code, problem.severity) == ("turned-masks", "warning")
    assert turn in problem.message


@pytest.mark.parametrize("write", [squares, scenes])
@pytest.mark.parametrize(("turn", "every"), [("mirrored from left to right", 2), ("turned upside down", 2)])
def test_some_turned_masks_among_others_are_found(
    tmp_path: Path, write: Callable[[Path], None], turn: str, every: int
) -> None:
    """Two annotators, of whom one had the images mirrored: labelme #499, photographs of two cameras."""
    write(tmp_path)
    quarters, mirrored = TURNS[turn]
    turned = [f"masks/s{number}.png" for number in range(0, 16, every)]
    for name in turned:
        labels = np.rot90(np.asarray(Image.open(tmp_path / name)), -quarters)
        Image.fromarray(np.ascontiguousarray(labels[:, ::-1] if mirrored else labels)).save(tmp_path / name)
    [problem] = find(FolderSource(tmp_path))
    assert (problem.code, problem.severity) == ("turned-masks", "warning")
    assert f"{turn}" in problem.message
    assert set(problem.files) <= set(turned)
    assert len(problem.files) >= 5


@pytest.mark.parametrize("write", [squares, scenes])
def test_some_masks_of_other_images_among_others_are_found(tmp_path: Path, write: Callable[[Path], None]) -> None:
    """Tiles whose row and column are exchanged in the masks' names: the tiles of the diagonal are right."""
    write(tmp_path)
    tiles = np.arange(16).reshape(4, 4)
    [problem] = find(FolderSource(tmp_path), tiles.T.ravel())
    assert (problem.code, problem.severity) == ("mismatched-pairs", "warning")
    names = [sample.image.name for sample in FolderSource(tmp_path).samples]
    right = {f"images/{names[place]}" for place in np.diag(tiles)}
    assert len(set(problem.files) - right) >= 8
    assert len(set(problem.files) & right) <= 1


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("write", [squares, scenes])
def test_masks_of_other_images_are_found(tmp_path: Path, write: Callable[[Path], None], order: str) -> None:
    write(tmp_path)
    [problem] = find(FolderSource(tmp_path), ORDERS[order](16))
    assert (problem.code, problem.severity) == ("mismatched-pairs", "warning")
    assert len(problem.files) >= 12


def test_a_large_set_is_compared_with_a_part_of_its_masks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the images, their neighbours', and some that are spread over the set."""
    sizes: list[int] = []
    plain = mismatch.Compared.of

    def of(images: NDArray[np.uint8], labels: NDArray[np.uint8], own: NDArray[np.intp]) -> mismatch.Compared:
        sizes.append(len(labels))
        return plain(images, labels, own)

    squares(tmp_path)
    monkeypatch.setattr(mismatch, "_MOST_IMAGES", 10)
    monkeypatch.setattr(mismatch, "_STEPS", ())
    monkeypatch.setattr(mismatch, "_MOST_MASKS", 2)
    monkeypatch.setattr(mismatch, "has_suspects", lambda compared: True)
    monkeypatch.setattr(mismatch.Compared, "of", of)
    source = FolderSource(tmp_path)
    assert list(check_mismatch(source, collect_thumbnails(source))) == []
    assert sizes == [10, 10]
    monkeypatch.setattr(mismatch, "_MOST_MASKS", 16)
    list(check_mismatch(source, collect_thumbnails(source)))
    assert sizes == [10, 10, 10, 16]


@pytest.mark.parametrize("order", ORDERS)
def test_masks_that_fit_no_image_are_no_evidence(tmp_path: Path, order: str) -> None:
    unrelated(tmp_path)
    assert find(FolderSource(tmp_path), ORDERS[order](16)) == []


def test_masks_that_were_all_renamed_by_one_are_found(tmp_path: Path) -> None:
    """Every name has its partner, and the last mask came first: nothing but the content shows it."""
    scenes(tmp_path)
    for number in range(15, -1, -1):
        (tmp_path / "masks" / f"s{number}.png").rename(tmp_path / "masks" / f"s{number + 1}.png")
    (tmp_path / "masks" / "s16.png").rename(tmp_path / "masks" / "s0.png")
    [problem] = find(FolderSource(tmp_path))
    assert "the next image" in problem.message
    assert "images/s0.png with masks/s1.png, not masks/s0.png" in problem.message


def open_real(name: str) -> FolderSource:
    root = SHARED / "data" / name
    return FolderSource(root, masks=root / "masks" if name == "cwfid" else None)


@needs_real_data
@pytest.mark.parametrize("name", ["cwfid", "isbi", "epfl-roads", "camvid"])
def test_no_false_alarm_on_real_pairs(name: str) -> None:
    assert find(open_real(name)) == []


@needs_real_data
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", ["cwfid", "isbi"])
def test_permuted_real_masks_are_found(name: str, order: str) -> None:
    source = open_real(name)
    assert find(source, ORDERS[order](len(source.samples)))


@needs_real_data
@pytest.mark.parametrize("name", ["cwfid", "isbi", "camvid"])
def test_every_second_real_mask_mirrored_is_found(name: str) -> None:
    source = open_real(name)
    thumbnails = collect_thumbnails(source)
    thumbnails.fine[::2] = thumbnails.fine[::2, :, ::-1]
    [problem] = check_mismatch(source, thumbnails)
    assert problem.code == "turned-masks"
