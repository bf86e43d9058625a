"""Every remedy of an image or a mask that cannot be read is followed, and the folder is read then.

Several pages; formats of pixels; files of another kind than their name; arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from followed_remedies import COUNT, Case, Edit, both, declare, each_mask, gets_further, move, name, save, text
from tiff_files import save_tiff

pytestmark = pytest.mark.long

FIRST = name(0)
MATLAB = b"MATLAB 7.3 MAT-file".ljust(124) + b"\0\2IM" + b"\x89HDF".ljust(400)


def put_mask(ending: str, write_file: Callable[[np.ndarray, Path], Any]) -> Edit:
    """That mask in the way that the remedy asks for."""

    def edit(root: Path) -> None:
        write_file(np.asarray(Image.open(root.parent / "kept.png")), root / "masks" / f"{FIRST}{ending}")

    return edit


def first_image(write_file: Callable[[np.ndarray, Path], Any] | None) -> Edit:
    """The first image as another file, a TIFF by its name; without `write_file` as the PNG that it was."""

    def edit(root: Path) -> None:
        path = root / "images" / f"{FIRST}.png"
        kept = root.parent / "image.png"
        if path.exists():
            path.rename(kept)
        path.with_suffix(".tif").unlink(missing_ok=True)
        if write_file is None:
            kept.rename(path)
        else:
            write_file(np.asarray(Image.open(kept)), path.with_suffix(".tif"))

    return edit


def save_deep(rgb: np.ndarray, path: Path) -> None:
    """16 bits, the channels of a pixel beside each other."""
    save_tiff(path, rgb.astype(np.uint16) * 257)


def first_mask(ending: str, write_file: Callable[[np.ndarray, Path], Any]) -> Edit:
    """The first mask as another file, from its labels."""

    def edit(root: Path) -> None:
        path = root / "masks" / f"{FIRST}.png"
        labels = np.asarray(Image.open(path))
        path.rename(root.parent / "kept.png")
        write_file(labels, path.with_suffix(ending))

    return edit


def restore(ending: str) -> Edit:
    """Remove that file, and put the mask back: it was saved again as a PNG of numbers."""

    def edit(root: Path) -> None:
        (root / "masks" / f"{FIRST}{ending}").unlink()
        (root.parent / "kept.png").rename(root / "masks" / f"{FIRST}.png")

    return edit


def arrays(change: Callable[[np.ndarray], Any]) -> Edit:
    """Each mask as an array in a .npy, made of its labels; or from the array that is there."""

    def edit(root: Path) -> None:
        for path in sorted((root / "masks").iterdir()):
            array = np.load(path) if path.suffix == ".npy" else np.asarray(Image.open(path))
            path.unlink()
            np.save(path.with_suffix(".npy"), change(array))

    return edit


def save_array(path: Path, array: np.ndarray) -> None:
    with path.open("wb") as stream:
        np.save(stream, array)


def two_pages(root: Path) -> None:
    for kind in ("images", "masks"):
        paths = sorted((root / kind).iterdir())
        pages = [Image.open(path) for path in paths]
        pages[0].save(root / kind / "all.tif", save_all=True, append_images=pages[1:])
        for path in paths:
            path.unlink()


def each_page(root: Path) -> None:
    for kind in ("images", "masks"):
        with Image.open(root / kind / "all.tif") as stack:
            for number in range(COUNT):
                stack.seek(number)
                save(root / kind / f"{number:03}.png", stack.copy())
        (root / kind / "all.tif").unlink()


def one_hot(labels: np.ndarray) -> np.ndarray:
    """(H, W, 2), without a channel for the background."""
    return np.stack([labels == label for label in (1, 2)], -1).astype(np.uint8)


def scores(labels: np.ndarray) -> np.ndarray:
    """(3, H, W), which add up to 1."""
    return np.stack([np.where(labels == label, 0.8, 0.1) for label in range(3)])


def arrays_of_objects(root: Path) -> None:
    for path in sorted((root / "masks").iterdir()):
        [loaded] = np.load(path, allow_pickle=True)
        np.save(path, loaded["mask"].astype("uint8"))


def argmax(array: np.ndarray) -> Any:
    return array.argmax(0)


FILES = [
    Case("pages in one file", two_pages, "unreadable-image|unreadable-mask", "Save each page as a file", each_page),
    Case("16 bits per channel", first_mask(".tif", lambda labels, path: save_tiff(
         path, np.dstack([labels.astype(np.uint16)] * 3) * 257)), "unreadable-mask", "Export the masks as PNG",
         restore(".tif")),
    Case("floats with holes", first_mask(".tif", lambda labels, path: Image.fromarray(
         np.where(labels == 2, np.nan, labels).astype(np.float32)).save(path)), "unreadable-mask",
         "Export the masks as PNG", restore(".tif")),
    Case("fractions", first_mask(".tif", lambda labels, path: Image.fromarray(
         (labels / 3).astype(np.float32)).save(path)), "unreadable-mask", "Export the masks as PNG", restore(".tif")),
    Case("negative numbers", first_mask(".tif", lambda labels, path: Image.fromarray(
         labels.astype(np.int32) - 7).save(path)), "unreadable-mask", "Export the masks as PNG", restore(".tif")),
    Case("a web page", first_mask(".jpg", lambda labels, path: path.write_text("<!doctype html>")),
         "unreadable-mask", "Download it again", restore(".jpg")),
    Case("an array named as an image", first_mask(".tif", lambda labels, path: save_array(path, labels)),
         "unreadable-mask", "Give it the ending .npy", move(f"masks/{FIRST}.tif", f"masks/{FIRST}.npy")),
    Case("objects of Python", arrays(lambda labels: np.array([{"mask": labels}])), "unreadable-mask|refused",
         'np.save("a.npy", mask.astype("uint8"))', arrays_of_objects),
    Case("channels without background", arrays(one_hot), "unreadable-mask",
         "np.where(mask.any(-1), mask.argmax(-1) + 1, 0)",
         arrays(lambda mask: np.where(mask.any(-1), mask.argmax(-1) + 1, 0))),
    Case("scores", arrays(scores), "unreadable-mask", "scores.argmax(0)", arrays(argmax)),
    Case("void of -1", arrays(lambda labels: np.where(labels == 2, -1, labels.astype(np.int8))), "unreadable-mask",
         "`np.where(mask < 0, 255, mask.astype(int))`", arrays(lambda mask: np.where(mask < 0, 255, mask.astype(int)))),
    Case("NaN", arrays(lambda labels: np.where(labels == 2, np.nan, labels.astype(np.float32))), "unreadable-mask",
         "`np.nan_to_num(mask, nan=255)`", arrays(lambda mask: np.nan_to_num(mask, nan=255))),
    Case("a stack of 5", arrays(lambda labels: np.stack([labels] * 5)), "unreadable-mask|refused",
         "Save each slice as a file of its own", arrays(lambda stack: stack[0])),
    Case("colours among numbers", first_mask(".png", lambda labels, path: save(
         path, np.array([[0, 0, 0], [200, 0, 0], [0, 200, 0]])[labels])), "unclear-encoding",
         "all as class numbers", restore(".png")),
    Case("colours, but numbers declared", both(declare(0, 1, 2), each_mask(
         lambda labels: np.array([[0, 0, 0], [200, 0, 0], [0, 200, 0]])[labels])), "undeclared-value",
         "Declare the colours in classes.yaml",
         text("classes.yaml", "{classes: [{name: a, value: [0, 0, 0]}, {name: b, value: [200, 0, 0]}, {name: c,"
         " value: [0, 200, 0]}]}")),
    Case("several arrays", first_mask(".npz", lambda labels, path: np.savez(path, a=labels, b=labels)),
         "unreadable-mask", "name it `mask`",
         put_mask(".npz", lambda labels, path: np.savez(path, mask=labels, b=labels))),
    Case("MATLAB 7.3", first_mask(".mat", lambda labels, path: path.write_bytes(MATLAB)), "unreadable-mask", "'-v7'",
         put_mask(".mat", lambda labels, path: savemat(path, {"mask": labels}))),
    Case("planes of 16 bits", first_image(lambda rgb, path: save_tiff(path, rgb.astype(np.uint16) * 257, planar=2)),
         "unreadable-image", "planar configuration 1", first_image(save_deep)),
    Case("eight bands", first_image(lambda rgb, path: save_tiff(
         path, np.dstack([rgb, rgb, rgb[..., :2]]), photometric=1)), "unreadable-image",
         "three of the bands as red, green and blue", first_image(None)),
    Case("an image of floats", first_image(lambda rgb, path: Image.fromarray(
         (rgb[..., 0] / 255).astype(np.float32)).save(path)), "unreadable-image", "Save it with 8 bits",
         first_image(None)),
    Case("negative brightness", first_image(lambda rgb, path: Image.fromarray(
         rgb[..., 0].astype(np.int32) - 99).save(path)), "unreadable-image", "without negative values",
         first_image(None)),
    Case("a drawing", first_image(lambda rgb, path: path.write_text("<svg></svg>")), "unreadable-image",
         "Export it as PNG", first_image(None)),
    Case("a broken copy", first_image(lambda rgb, path: path.write_bytes(bytes(4000))), "unreadable-image",
         "Copy or download it again", first_image(None)),
]  # fmt: skip


@pytest.mark.parametrize("case", FILES, ids=lambda case: case.title)
def test_the_remedy_gets_further(case: Case, tmp_path: Path) -> None:
    gets_further(case, tmp_path)
