"""Folders that are spoilt in one way, and what follows the remedy of the problem that this provokes.

Commands, options and files that a remedy writes out are taken from its text; edits in words are done as they say.
"""

from __future__ import annotations

import itertools
import json
import re
import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import yaml
from PIL import Image

import layer_zoo
from drawings import label_map
from segarena import cli
from segarena.data.folder import FolderSource
from segarena.data.layout.layout import find_pairs
from segarena.errors import DataError
from support import scene

Edit = Callable[[Path], None]
COUNT = 16


def name(number: int) -> str:
    return f"photo {number:02}"


def save(path: Path, pixels: object) -> None:
    """An image, or an array of 8 bits, of 16 bits if it has that type."""
    path.parent.mkdir(parents=True, exist_ok=True)
    array = np.asarray(pixels)
    image = pixels if isinstance(pixels, Image.Image) else None
    (image or Image.fromarray(array if array.dtype == np.uint16 else array.astype(np.uint8))).save(path)


def write(root: Path, values: tuple[int, ...] = (0, 1, 2), numbers: range = range(COUNT), inside: str = "") -> None:
    """Photographs whose colours follow the labels, and masks with these values."""
    colors = np.array([[60, 120, 60], [200, 80, 50], [70, 90, 210], [220, 200, 70], [140, 60, 160], [90, 90, 90]])
    for number in numbers:
        labels = label_map(number, len(values), 64, 80)
        shade = np.asarray(scene(number, 80))[:64] * 0.35
        save(root / inside / "images" / f"{name(number)}.png", np.clip(0.65 * colors[labels] + shade, 0, 255))
        save(root / inside / "masks" / f"{name(number)}.png", np.array(values)[labels])


def each_mask(change: Callable[[np.ndarray], Any], numbers: range = range(COUNT)) -> Edit:
    return _each("masks", change, numbers)


def each_image(change: Callable[[np.ndarray], Any], numbers: range = range(COUNT)) -> Edit:
    return _each("images", change, numbers)


def _each(kind: str, change: Callable[[np.ndarray], Any], numbers: range) -> Edit:
    def edit(root: Path) -> None:
        for path in [one for number in numbers for one in root.rglob(f"{kind}/{name(number)}.png")]:
            save(path, change(np.asarray(Image.open(path))))

    return edit


def remove(*names: str) -> Edit:
    def edit(root: Path) -> None:
        for each in names:
            (root / each).unlink()

    return edit


def rename_masks(step: int) -> Edit:
    """The mask of each number becomes that of the number `step` further, and the last the first."""

    def edit(root: Path) -> None:
        contents = [(root / "masks" / f"{name(number)}.png").read_bytes() for number in range(COUNT)]
        for number in range(COUNT):
            (root / "masks" / f"{name((number + step) % COUNT)}.png").write_bytes(contents[number])

    return edit


def both(*edits: Edit) -> Edit:
    def edit(root: Path) -> None:
        for each in edits:
            each(root)

    return edit


def empty(*names: str) -> Edit:
    def edit(root: Path) -> None:
        for each in names:
            (root / each).write_bytes(b"")

    return edit


def declare(*values: object, ignore: str = "") -> Edit:
    """A classes.yaml of the classes a, b, c, ... with these values."""
    classes = ", ".join(f"{{name: {letter}, value: {value}}}" for letter, value in zip("abcd", values, strict=False))

    def edit(root: Path) -> None:
        (root / "classes.yaml").write_text(f"{{classes: [{classes}], ignore: [{ignore}]}}")

    return edit


def masks_for_images(root: Path) -> None:
    """The photographs are elsewhere, and masks of other levels in their place."""
    (root / "images").rename(root.parent / "photos")
    for path in sorted((root / "masks").iterdir()):
        save(root / "images" / path.name, 90 * np.asarray(Image.open(path)))


def lists(**parts: range) -> Edit:
    def edit(root: Path) -> None:
        for part, numbers in parts.items():
            (root / f"{part}.txt").write_text("".join(f"{name(number)}\n" for number in numbers))

    return edit


def copy_pairs(*pairs: tuple[int, str]) -> Edit:
    def edit(root: Path) -> None:
        for number, target in pairs:
            for kind in ("images", "masks"):
                shutil.copy(root / kind / f"{name(number)}.png", root / kind / f"{target}.png")

    return edit


def copy_masks(ending: str) -> Edit:
    """Each mask once more in other levels, beside it."""

    def edit(root: Path) -> None:
        for path in sorted((root / "masks").iterdir()):
            save(path.with_name(f"{path.stem}{ending}.png"), 100 * np.asarray(Image.open(path)))

    return edit


def write_sequence(root: Path) -> None:
    """Frames that fade into each other."""
    shutil.rmtree(root)
    knots = [np.asarray(scene(seed, 64), dtype=np.float64) for seed in range(12)]
    for number in range(30):
        knot, share = divmod(number / 3, 1)
        save(root / "images" / f"frame{number:02}.png", (1 - share) * knots[int(knot)] + share * knots[int(knot) + 1])
        save(root / "masks" / f"frame{number:02}.png", label_map(number, 3, 64, 64))


def move_masks(step: int) -> Edit:
    return each_mask(lambda labels: np.roll(labels, step, axis=1))


def in_two_splits(train: tuple[int, ...], val: tuple[int, ...]) -> Edit:
    def edit(root: Path) -> None:
        shutil.rmtree(root)
        write(root, train, range(10), "train")
        write(root, val, range(10, COUNT), "val")

    return edit


def number_objects(root: Path) -> None:
    """Squares numbered from 1 on in each mask, three to six of them."""
    for number, path in enumerate(sorted((root / "masks").iterdir())):
        labels = np.zeros((64, 80))
        for one in range(3 + number % 4):
            labels[10:30, 13 * one : 13 * one + 8] = one + 1
        save(path, labels)


def write_discs(root: Path) -> None:
    """Bright discs on a dark ground, their masks of 0 and 255."""
    shutil.rmtree(root)
    for number in range(COUNT):
        rows, columns = np.mgrid[:64, :80]
        inside = np.hypot(rows - 30 - number % 5, columns - 40 + number) < 14
        save(
            root / "images" / f"{name(number)}.png",
            60 + 110 * inside[..., None] + np.asarray(scene(number, 80))[:64] // 4,
        )
        save(root / "masks" / f"{name(number)}.png", 255 * inside)


def write_layers(root: Path) -> None:
    """A black and white mask for each of three classes, in a folder of its own."""
    shutil.rmtree(root)
    layer_zoo.write(root, "images/{name}.jpg", "masks/{label}/{name}.png")


def move(source: str, target: str) -> Edit:
    def edit(root: Path) -> None:
        (root / target).parent.mkdir(parents=True, exist_ok=True)
        (root / source).rename(root / target)

    return edit


def copy(source: str, target: str) -> Edit:
    def edit(root: Path) -> None:
        (root / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / source, root / target)

    return edit


def text(name_of_file: str, content: str) -> Edit:
    def edit(root: Path) -> None:
        (root / name_of_file).parent.mkdir(parents=True, exist_ok=True)
        (root / name_of_file).write_text(content)

    return edit


def make_one_class(root: Path) -> None:
    """What `segarena convert ROOT ROOT-one-class --from instances` writes, in the place of the folder."""
    target = root.parent / f"{root.name}-one-class"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["segarena", "convert", str(root), str(target), "--from", "instances"])
        assert cli.main() == 0
    shutil.rmtree(root)
    target.rename(root)


#: Cases in which the labels are not those of `write`: others are drawn, or the edit divides, merges or coarsens them.
OTHER_LABELS = frozenset(
    (
        *("a layer of another size", "a layer of three levels", "a layer that is not declared"),
        *("a layer that is not there", "a class named trash", "old masks"),
        *(
            "one inverted mask",
            "all masks inverted",
            "numbers of objects",
            "frames",
            "a thin colour",
            "stretched images",
        ),
        *("pages in one file", "black with and without alpha", "tables beside some masks", "two ways of void"),
        *("smaller masks", "a number far above the others", "a mask listed for two images"),
        "edges of images without data",
    )
)


class Case(NamedTuple):
    """What is done to a good folder, the code that it provokes, words of the remedy, and the edit that they ask for."""

    title: str
    spoil: Edit
    code: str
    words: str
    edit: Edit | None = None
    stays: bool = False
    """Whether the problem is still there, as of a note whose remedy begins with "Intended"."""
    options: tuple[str, ...] = ()
    """Options that the words ask for, if they have DIR in them."""


def check(root: Path, *options: str) -> list[dict[str, Any]]:
    """The problems that `segarena check` writes; a folder that is refused as a whole is one of code "refused"."""
    names = (root.parent / f"found{number}" for number in itertools.count())
    file = next(name.with_suffix(".json") for name in names if not [*root.parent.glob(f"{name.name}*")])
    arguments = ["segarena", "check", str(root), *options, "--json", str(file), "--out", str(file.with_suffix(""))]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", arguments)
        patch.setattr("segarena.commands.check.save_sheet", lambda sheet, path: None)  # takes longer than all the rest
        assert cli.main() in (0, 2)
    if not file.exists():
        folders = {option[2:]: Path(value) for option, value in zip(options[::2], options[1::2], strict=True)}
        with pytest.raises(DataError) as caught:
            find_pairs(root, **folders)
            FolderSource(root)
        return [{"code": "refused", "severity": "error", "message": str(caught.value), "remedy": caught.value.remedy}]
    found: list[dict[str, Any]] = json.loads(file.read_text())["problems"]
    return found


def follow(remedy: str, words: str, root: Path) -> list[str]:
    """Do what the remedy writes out: a classes.yaml, or options, which are returned."""
    for text in re.findall(r"`(\{classes: .*?\})`", remedy)[:1]:
        yaml.safe_load(text)
        (root / "classes.yaml").write_text(text)
    option, _, folder = words.partition(" DIR=")
    if not words.startswith("--") or ("DIR" in words and not folder):
        return []
    return [option, str(root / folder)] if folder else shlex.split(words)


def gets_further(case: Case, folder: Path) -> None:
    """Fail unless the case provokes its problem, and the remedy removes it without an error.

    Args:
        case: The case.
        folder: An empty folder for the data and what is written.
    """
    root = folder / "my data"
    write(root)
    case.spoil(root)
    before = check(root)
    found = [problem for problem in before if re.fullmatch(case.code, problem["code"])]
    assert found, f"{case.code} is not among {[problem['code'] for problem in before]}"
    remedy = found[0]["remedy"]
    assert re.search(re.escape(case.words.partition("=")[0]).replace(r"\|", "|"), remedy), remedy
    options = [*follow(remedy, case.words, root), *case.options]
    if case.edit is not None:
        case.edit(root)
    after = check(root, *options)
    left = [problem for problem in after if re.fullmatch(case.code, problem["code"])]
    assert bool(left) == case.stays, left
    assert not [problem for problem in after if problem["severity"] == "error"], after
    if case.title not in OTHER_LABELS:
        check_labels(root, options)


def check_labels(root: Path, options: list[str]) -> None:
    """Fail unless all pixels of a drawn class have one label: the remedy has given the masks that were drawn.

    Two drawn classes may have one label, as a remedy may merge them.
    """
    folders = dict(zip(options[::2], options[1::2], strict=False))
    chosen = {name[2:]: Path(value) for name, value in folders.items() if name in ("--images", "--masks")}
    source = FolderSource(root, **chosen)
    labels_of: dict[int, set[int]] = {}
    compared = 0
    for index, sample in enumerate(source.samples):
        number = re.search(r"photo (\d+)$", sample.name)
        labels = source.read(index)[1]
        if number is None or int(number[1]) >= COUNT or labels.shape != (64, 80):
            continue
        drawn = label_map(int(number[1]), 3, 64, 80)
        compared += 1
        for label in range(3):
            labels_of.setdefault(label, set()).update(np.unique(labels[drawn == label]).tolist())
    assert compared
    assert all(len(labels) <= 1 for labels in labels_of.values()), labels_of
