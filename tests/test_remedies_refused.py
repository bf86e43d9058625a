"""Every remedy of a folder or a file that is refused is followed on it, and the folder is read then.

What the search finds or does not find; names that do not pair; lists; options; files of images and masks; arrays.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from followed_remedies import (
    COUNT,
    Case,
    Edit,
    both,
    copy,
    declare,
    each_mask,
    gets_further,
    move,
    name,
    remove,
    save,
    text,
    write,
)
from tiff_files import save_tiff

FIRST = name(0)
DIGITS, LETTERS = "0123456789", "KLMNOPQRST"
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"


def rename_all(kind: str, old: str, new: str) -> Edit:
    """The files of a folder, by a pattern of `re`."""

    def edit(root: Path) -> None:
        for path in sorted((root / kind).iterdir()):
            path.rename(path.with_name(re.sub(old, new, path.name)))

    return edit


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


def translate(old: str, new: str) -> Edit:
    """The letters in the names of the masks."""

    def edit(root: Path) -> None:
        for path in sorted((root / "masks").iterdir()):
            path.rename(path.with_stem(path.stem.translate(str.maketrans(old, new))))

    return edit


def save_array(path: Path, array: np.ndarray) -> None:
    with path.open("wb") as stream:
        np.save(stream, array)


def pack(root: Path) -> None:
    shutil.make_archive(str(root.parent / "packed"), "zip", root)
    shutil.rmtree(root)
    root.mkdir()
    (root.parent / "packed.zip").rename(root / "data.zip")


def unpack(root: Path) -> None:
    shutil.unpack_archive(root / "data.zip", root)


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


def in_two_formats(root: Path) -> None:
    for kind in ("images", "masks"):
        (root / kind).rename(root / f"{kind}.old")
        for form, ending in (("png", "png"), ("tif", "tif")):
            for path in sorted((root / f"{kind}.old").iterdir()):
                save(root / form / kind / f"{path.stem}.{ending}", Image.open(path))
        shutil.rmtree(root / f"{kind}.old")


def lines(file: str, rows: list[tuple[str, str]]) -> Edit:
    return text(file, "".join(f"{image},{mask}\n" for image, mask in rows))


def break_name(root: Path) -> None:
    """Of the first image and its mask, in another encoding than UTF-8."""
    for kind in ("images", "masks"):
        (root / kind / f"{FIRST}.png").rename(os.fsdecode(os.fsencode(root / kind) + b"/caf\xe9.png"))


def repair_name(root: Path) -> None:
    for kind in ("images", "masks"):
        Path(os.fsdecode(os.fsencode(root / kind) + b"/caf\xe9.png")).rename(root / kind / "cafe.png")


def copy_masks_to(folder: str) -> Edit:
    def edit(root: Path) -> None:
        shutil.copytree(root / "masks", root / folder)

    return edit


def pointers(root: Path) -> None:
    for path in (root / "images").iterdir():
        path.write_text(POINTER)


def number_masks(root: Path) -> None:
    """Black and white masks of two classes, numbered: photo 00_1.png, photo 00_2.png."""
    for path in sorted((root / "masks").iterdir()):
        labels = np.asarray(Image.open(path))
        for number in (1, 2):
            save(path.with_name(f"{path.stem}_{number}.png"), 255 * (labels == number))
        path.unlink()


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


PAIRS = [(f"images/{name(number)}.png", f"masks/{name(number)}.png") for number in range(COUNT)]
ALL = "".join(f"{name(number)}\n" for number in range(12))

LAYOUTS = [
    Case("an archive", pack, "refused", "Unpack", unpack),
    Case("one folder alone", move("masks", "../labels"), "refused", "--masks DIR=../labels"),
    Case("masks alone", move("images", "../photos"), "refused", "--images DIR=../photos"),
    Case("a name of backups", both(move("images", "old/images"), move("masks", "old/masks")), "refused",
         "Put them into images/ and masks/", both(move("old/images", "images"), move("old/masks", "masks"))),
    Case("a name of backups, by options", both(move("images", "old/images"), move("masks", "old/masks")), "refused",
         "--images DIR --masks DIR", options=("--images", "old/images", "--masks", "old/masks")),
    Case("other names", translate(DIGITS, LETTERS), "refused", "Rename each mask as its image",
         translate(LETTERS, DIGITS)),
    Case("one stem twice", copy(f"images/{FIRST}.png", f"images/{FIRST}.bmp"), "refused", "keep one of the two",
         remove(f"images/{FIRST}.bmp")),
    Case("one stem twice, by an option", copy(f"images/{FIRST}.png", f"images/{FIRST}.bmp"), "refused",
         "--images '*.png'"),
    Case("inside and outside of splits", both(move(f"images/{FIRST}.png", f"images/train/{FIRST}.png"),
         move(f"masks/{FIRST}.png", f"masks/train/{FIRST}.png")), "refused", "or none",
         both(move(f"images/train/{FIRST}.png", f"images/{FIRST}.png"),
              move(f"masks/train/{FIRST}.png", f"masks/{FIRST}.png"))),
    Case("two formats", in_two_formats, "refused", "--images png/images --masks png/masks"),
    Case("two folders of masks", copy_masks_to("labels"), "refused", "--masks labels"),
    Case("pointers", pointers, "unreadable-image", "git lfs pull", write),
    Case("a name of another encoding", break_name, "refused", "Rename the file", repair_name),
    Case("pages in one file", two_pages, "unreadable-image|unreadable-mask", "Save each page as a file", each_page),
    Case("numbers as classes", number_masks, "refused", "_class1.png", rename_all("masks", r"_(\d)", r"_class\1")),
]  # fmt: skip

LISTS = [
    Case("a name that is not there", text("train.txt", ALL + "photo 99\n"), "refused", "correct the list",
         text("train.txt", ALL)),
    Case("a list of other data", text("train.txt", ALL + "photo 99\n"), "refused", "move the list to another folder",
         move("train.txt", "../train.txt")),
    Case("a list that is a pointer", text("train.txt", POINTER), "refused", "git lfs pull", text("train.txt", ALL)),
    Case("a list with a mask that is not there", lines("pairs.csv", [*PAIRS, ("images/a.png", "masks/a.png")]),
         "refused", "correct the list", lines("pairs.csv", PAIRS)),
    Case("a list of two masks", lines("pairs.csv", [*PAIRS, (PAIRS[0][0], PAIRS[1][1])]), "refused",
         "Correct the list", lines("pairs.csv", PAIRS)),
    Case("a list against the names", lines("pairs.csv", [*PAIRS[2:], (PAIRS[0][0], PAIRS[1][1])]), "refused",
         "correct the list", lines("pairs.csv", PAIRS)),
    Case("three columns", lines("pairs.csv", [(f"{one},{one}", mask) for one, mask in PAIRS]), "refused",
         "Keep two columns", lines("pairs.csv", PAIRS)),
    Case("two lists that differ", both(text("train.txt", ALL), text("val.txt", f"{name(13)}\n"), text("split.csv",
         "image,split\n" + "".join(f"{name(number)}.png,{'val' if number < 4 else 'train'}\n"
         for number in range(COUNT)))), "refused", "Move the one that is not to be used",
         remove("train.txt", "val.txt")),
]  # fmt: skip

FILES = [
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
]  # fmt: skip


@pytest.mark.parametrize("case", [*LAYOUTS, *LISTS, *FILES], ids=lambda case: case.title)
def test_the_remedy_gets_further(case: Case, tmp_path: Path) -> None:
    gets_further(case, tmp_path)
