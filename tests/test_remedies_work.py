"""Every remedy is followed on a folder that provokes it, and gets further: the problem is gone, and no error came.

Commands, options and files that a remedy writes out are taken from its text; edits in words are done as they say.
"""

from __future__ import annotations

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

from drawings import label_map
from segarena import cli
from support import scene

Edit = Callable[[Path], None]
COUNT = 16


def name(number: int) -> str:
    return f"photo {number:02}"


def save(path: Path, pixels: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    (pixels if isinstance(pixels, Image.Image) else Image.fromarray(np.asarray(pixels, dtype=np.uint8))).save(path)


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


def make_one_class(root: Path) -> None:
    """What `segarena convert ROOT ROOT-one-class --from instances` writes, in the place of the folder."""
    target = root.parent / f"{root.name}-one-class"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["segarena", "convert", str(root), str(target), "--from", "instances"])
        assert cli.main() == 0
    shutil.rmtree(root)
    target.rename(root)


class Case(NamedTuple):
    """What is done to a good folder, the code that it provokes, words of the remedy, and the edit that they ask for."""

    title: str
    spoil: Edit
    code: str
    words: str
    edit: Edit | None = None


PAIRS_2_AND_3 = [f"{kind}/{name(number)}.png" for number in (2, 3) for kind in ("images", "masks")]

CASES = [
    Case("no mask", remove(f"masks/{name(3)}.png"), "image-without-mask", "move them elsewhere",
         remove(f"images/{name(3)}.png")),
    Case("no image", remove(f"images/{name(3)}.png"), "mask-without-image", "remove them",
         remove(f"masks/{name(3)}.png")),
    Case("another mask of an image", copy_masks("_color"), "further-file", "--masks '*_color.png'"),
    Case("listed twice", lists(train=range(12), val=range(11, 16)), "leak-listed-twice", "one of the lists",
         lists(train=range(11))),
    Case("in no list", lists(train=range(10), val=range(11, 16)), "unlisted-image", "Add them to a list",
         lists(train=range(11))),
    Case("smaller masks", each_mask(lambda labels: labels[::2, ::2]), "resized-mask", "at the images' size",
         each_mask(lambda labels: labels.repeat(2, 0).repeat(2, 1))),
    Case("turned masks", each_mask(lambda labels: labels.T), "size-mismatch", "in the shape in which its image is",
         each_mask(lambda labels: labels.T)),
    Case("a rare class", each_mask(lambda labels: np.where(labels == 2, 3, labels), range(2)), "rare-class",
         "merge such a class", declare(0, 1, [2, 3])),
    Case("a class in no mask", declare(0, 1, 2, 9), "rare-class", "remove it there", declare(0, 1, 2)),
    Case("another value", declare(0, 1), "undeclared-value", "Add it to `classes` or to `ignore`",
         declare(0, 1, ignore="2")),
    Case("a class absent from val", in_two_splits((0, 1, 2), (0, 1)), "class-absent-from-split", "move some",
         in_two_splits((0, 1, 2), (0, 1, 2))),
    Case("only void", both(declare(0, 1, ignore="2"), each_mask(lambda labels: 0 * labels + 2, range(1))),
         "void-mask", "remove them with their images", remove(f"masks/{name(0)}.png", f"images/{name(0)}.png")),
    Case("empty images", empty(*PAIRS_2_AND_3[::2]), "unreadable-image", "remove it", remove(*PAIRS_2_AND_3)),
    Case("empty masks", empty(*PAIRS_2_AND_3[1::2]), "unreadable-mask", "remove it", remove(*PAIRS_2_AND_3)),
    Case("copies", copy_pairs((0, "again")), "duplicate-images|leak-duplicates", "Keep one of each|remove the copies",
         remove("images/again.png", "masks/again.png")),
    Case("frames", write_sequence, "leak-sequence", "--group-by blocks"),
    Case("shuffled pairs", rename_masks(1), "mismatched-pairs", "rename the masks after", rename_masks(-1)),
    Case("shifted masks", move_masks(5), "shifted-mask", "on the images' own grid", move_masks(-5)),
    Case("two numberings", each_mask(lambda labels: np.array([0, 3, 4])[labels], range(8)), "mixed-numbering",
         "`value: [1, 3]`", declare(0, [1, 3], [2, 4])),
    Case("numbers of objects", number_objects, "numbered-objects", "segarena convert", make_one_class),
    Case("a darker split",
         both(in_two_splits((0, 1, 2), (0, 1, 2)), each_image(lambda rgb: rgb // 5, range(10, COUNT))),
         "split-brightness", "exported in the same way", each_image(lambda rgb: rgb * 5, range(10, COUNT))),
    Case("masks as images", masks_for_images, "image-like-a-mask", "--images DIR=../photos"),
    Case("images too dark", each_image(lambda rgb: rgb // 64), "flat-image", "exported again",
         each_image(lambda rgb: rgb * 64 + np.asarray(scene(1, 80))[:64] // 8)),
    Case("255 beside sparse numbers", each_mask(lambda labels: np.array([0, 97, 255])[labels]),
         "unclear-encoding", "classes.yaml"),
    Case("two ways of void",
         both(each_mask(lambda labels: np.where(labels == 2, 255, 0), range(8)),
              each_mask(lambda labels: np.where(labels == 2, 1, 0), range(8, 16))),
         "unclear-encoding", "classes.yaml"),
]  # fmt: skip


def check(root: Path, *options: str) -> list[dict[str, Any]]:
    """The problems that `segarena check` writes; a folder that is refused as a whole is one of code "refused"."""
    file = root.parent / f"found{len(list(root.parent.iterdir()))}.json"
    arguments = ["segarena", "check", str(root), *options, "--json", str(file), "--out", str(file.with_suffix(""))]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", arguments)
        patch.setattr("segarena.commands.check.save_sheet", lambda sheet, path: None)  # takes longer than all the rest
        assert cli.main() in (0, 2)
    found: list[dict[str, Any]] = json.loads(file.read_text())["problems"] if file.exists() else [{"code": "refused"}]
    return found


def follow(remedy: str, words: str, root: Path) -> list[str]:
    """Do what the remedy writes out: a classes.yaml, or options, which are returned."""
    for text in re.findall(r"`(\{classes: .*?\})`", remedy)[:1]:
        yaml.safe_load(text)
        (root / "classes.yaml").write_text(text)
    if not words.startswith("--"):
        return []
    option, _, folder = words.partition(" DIR=")
    return [option, str(root / folder)] if folder else shlex.split(words)


def test_the_good_folder_has_no_problem(tmp_path: Path) -> None:
    write(tmp_path / "my data")
    assert check(tmp_path / "my data") == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_the_remedy_gets_further(case: Case, tmp_path: Path) -> None:
    root = tmp_path / "my data"
    write(root)
    case.spoil(root)
    before = check(root)
    found = [problem for problem in before if re.fullmatch(case.code, problem["code"])]
    assert found, f"{case.code} is not among {[problem['code'] for problem in before]}"
    remedy = found[0]["remedy"]
    assert re.search(re.escape(case.words.partition("=")[0]).replace(r"\|", "|"), remedy), remedy
    options = follow(remedy, case.words, root)
    if case.edit is not None:
        case.edit(root)
    after = check(root, *options)
    assert not [problem for problem in after if re.fullmatch(case.code, problem["code"])]
    assert not [problem for problem in after if problem["severity"] == "error" or problem["code"] == "refused"]
