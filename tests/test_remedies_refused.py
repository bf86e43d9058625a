"""Every remedy of a folder that is refused is followed on it, and the folder is read then.

What the search finds or does not find; names that do not pair; lists; options.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from followed_remedies import (
    COUNT,
    Case,
    Edit,
    both,
    copy,
    gets_further,
    move,
    name,
    remove,
    save,
    text,
    write,
)

pytestmark = pytest.mark.long

FIRST = name(0)
DIGITS, LETTERS = "0123456789", "KLMNOPQRST"
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"


def rename_all(kind: str, old: str, new: str) -> Edit:
    """The files of a folder, by a pattern of `re`."""

    def edit(root: Path) -> None:
        for path in sorted((root / kind).iterdir()):
            path.rename(path.with_name(re.sub(old, new, path.name)))

    return edit


def translate(old: str, new: str) -> Edit:
    """The letters in the names of the masks."""

    def edit(root: Path) -> None:
        for path in sorted((root / "masks").iterdir()):
            path.rename(path.with_stem(path.stem.translate(str.maketrans(old, new))))

    return edit


def in_types(images: str, masks: str) -> Edit:
    """Half of the pairs in folders of one type, the others in those of another."""

    def edit(root: Path) -> None:
        shutil.rmtree(root)
        for number in range(2):
            write(root / "new", numbers=range(number * COUNT // 2, (number + 1) * COUNT // 2))
            move("new/images", images.format(number))(root)
            move("new/masks", masks.format(number))(root)
        (root / "new").rmdir()

    return edit


def pack(root: Path) -> None:
    shutil.make_archive(str(root.parent / "packed"), "zip", root)
    shutil.rmtree(root)
    root.mkdir()
    (root.parent / "packed.zip").rename(root / "data.zip")


def unpack(root: Path) -> None:
    shutil.unpack_archive(root / "data.zip", root)


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
    Case("a folder for each type", in_types("type_{}", "type_{}_mask"), "refused", "To use both, move",
         in_types("images/type_{}", "masks/type_{}")),
    Case("pointers", pointers, "unreadable-image", "git lfs pull", write),
    Case("a name of another encoding", break_name, "refused", "Rename the file", repair_name),
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


@pytest.mark.parametrize("case", [*LAYOUTS, *LISTS], ids=lambda case: case.title)
def test_the_remedy_gets_further(case: Case, tmp_path: Path) -> None:
    gets_further(case, tmp_path)
