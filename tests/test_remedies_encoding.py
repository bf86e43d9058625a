"""Every remedy for masks whose values are unclear, and for a classes.yaml, is followed, and the masks are read then.

Two ways of saving in one set; transparency; palettes; softened, compressed and composed values; classes.yaml.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from drawings import label_map, paint, soften
from followed_remedies import (
    COUNT,
    Case,
    Edit,
    both,
    declare,
    each_mask,
    gets_further,
    move,
    name,
    remove,
    save,
    text,
    write_layers,
)
from support import scene

pytestmark = pytest.mark.long

COLORS = np.array([[0, 0, 0], [200, 0, 0], [0, 200, 0]], dtype=np.uint8)
BLOCKS = np.indices((64, 80)) // 9
HALF = range(COUNT // 2)
BY_COLOR = text(
    "classes.yaml",
    "{classes: [{name: a, value: [0, 0, 0]}, {name: b, value: [200, 0, 0]}, {name: c, value: [0, 200, 0]}]}",
)


def as_tiff(white_is_zero: range) -> Edit:
    """The masks as TIFF, those of the range with 0 as white."""

    def edit(root: Path) -> None:
        for number in range(COUNT):
            path = root / "masks" / f"{name(number)}.png"
            labels = np.asarray(Image.open(path))
            shown, tags = (255 - labels, {262: 0}) if number in white_is_zero else (labels, {})
            Image.fromarray(shown).save(path.with_suffix(".tif"), tiffinfo=tags)
            path.unlink()

    return edit


def as_jpeg(root: Path) -> None:
    for path in sorted((root / "masks").iterdir()):
        labels = np.asarray(Image.open(path))
        Image.fromarray(labels * np.uint8(20)).save(path.with_suffix(".jpg"), quality=60)
        path.unlink()


def draw_again(values: object) -> Edit:
    """The masks as they were drawn, with these values."""

    def edit(root: Path) -> None:
        for path in sorted((root / "masks").iterdir()):
            path.unlink()
        for number in range(COUNT):
            save(root / "masks" / f"{name(number)}.png", np.array(values)[label_map(number, 3, 64, 80)])

    return edit


def with_alpha(labels: np.ndarray) -> np.ndarray:
    """Black with and without transparency, and red."""
    columns = np.arange(80)[None, :] < 40
    return np.dstack([COLORS[labels], np.where((labels == 0) & columns, 0, 255)])


def random_palette(labels: np.ndarray) -> Image.Image:
    image = Image.fromarray(labels)
    seed = int(labels.sum())
    image.putpalette(np.random.default_rng(seed).integers(0, 256, 768).tolist())
    return image


def photographs(root: Path) -> None:
    """Photographs in the place of the masks, which are elsewhere."""
    (root / "masks").rename(root.parent / "labels")
    for number in range(COUNT):
        save(root / "masks" / f"{name(number)}.png", np.asarray(scene(number + 50, 80))[:64])


def soft(values: object) -> Edit:
    """Resized to a third and back, with all the values between."""
    return each_mask(lambda labels: soften(soften(paint(labels, values), 1 / 3), 3).resize((80, 64)))  # type: ignore[arg-type]


def composed(labels: np.ndarray) -> np.ndarray:
    return np.where(labels == 2, 26000 + BLOCKS[1] // 3, labels.astype(np.int64)).astype(np.uint16)


def in_alpha(labels: np.ndarray) -> np.ndarray:
    """One colour, opaque in the object."""
    return np.dstack([np.full((*labels.shape, 3), 200), 255 * (labels > 0)])


def tables(numbers: range, names: str = "a\nb\nc\n") -> Edit:
    """A list of names beside each of these masks."""

    def edit(root: Path) -> None:
        for number in numbers:
            (root / "masks" / f"{name(number)}_names.txt").write_text(names)

    return edit


def shrink(file: str) -> Edit:
    return lambda root: save(root / file, np.asarray(Image.open(root / file))[::2, ::2])


def add_level(file: str) -> Edit:
    def edit(root: Path) -> None:
        pixels = np.asarray(Image.open(root / file)).copy()
        pixels[10:20, 10:20] = 100
        save(root / file, pixels)

    return edit


LAYERS = (
    "{classes: [{name: rest, value: 0}, {name: crack, value: 1}, {name: oil spill, value: 2}, {name: rust, value: 3}]}"
)

ENCODINGS = [
    Case("one bit beside numbers", each_mask(lambda labels: Image.fromarray(labels > 0) if labels[0].sum() % 2 else
         np.array([0, 1, 255])[labels]), "unclear-encoding", "Save all masks of a data set in the same way",
         draw_again((0, 1, 255))),
    Case("black with and without alpha", each_mask(with_alpha), "unclear-encoding", "without transparency",
         each_mask(lambda rgba: np.where(rgba[..., 3:] > 0, rgba[..., :3], 99))),
    Case("a palette for each mask", each_mask(random_palette), "unclear-encoding", "with one palette",
         draw_again((0, 1, 2))),
    Case("a palette for each mask, declared", each_mask(random_palette), "unclear-encoding", "classes.yaml",
         declare(0, 1, 2)),
    Case("16 bits beside colours", both(each_mask(lambda labels: COLORS[labels]),
         each_mask(lambda rgb: rgb[..., 0].astype(np.uint16) * 200, range(3))), "unclear-encoding",
         "in the same", draw_again(COLORS)),
    Case("photographs", photographs, "unclear-encoding", "--masks DIR=../labels"),
    Case("soft greys", soft((0, 90, 200)), "unclear-encoding", "without smoothing", draw_again((0, 90, 200))),
    Case("numbers as JPEG", as_jpeg, "unclear-encoding", "Export the masks as PNG", draw_again((0, 1, 2))),
    Case("0 as white and as black", both(draw_again((0, 255, 0)), as_tiff(HALF)), "unclear-encoding", "e.g. as PNG",
         draw_again((0, 255, 0))),
    Case("class and object", each_mask(composed), "unclear-encoding", "classes.yaml"),
    Case("class and object in a colour", each_mask(lambda labels: np.dstack([labels * 7, *(BLOCKS * 25)])),
         "unclear-encoding", "Save the red channel alone",
         each_mask(lambda rgb: rgb[..., 0])),
    Case("black masks", each_mask(lambda labels: 0 * labels), "unclear-encoding", "Check that these are the masks",
         draw_again((0, 1, 2))),
    Case("numbers and colours declared", text("classes.yaml", "{classes: [{name: a, value: 0}, {name: b, value: 1},"
         " {name: c, value: [9, 200, 7]}]}"), "unclear-encoding|undeclared-value|refused", "Write all values",
         declare(0, 1, 2)),
    Case("two files of classes", both(text("class_names.txt", "a\nb\nc\n"), text("masks/class_names.txt", "b\na\nc\n")),
         "unused-class-file|refused|unclear-encoding", "Remove one of the two", remove("masks/class_names.txt")),
    Case("the object in alpha of some", each_mask(in_alpha, HALF), "unclear-encoding", "without transparency",
         draw_again((0, 1, 2))),
    Case("tables beside some masks", both(tables(range(4)), tables(range(4, 8), "a\nc\nb\n")), "unclear-encoding",
         "of each mask beside it", tables(range(8, COUNT))),
    Case("a number that a table lacks", both(tables(range(COUNT)), tables(range(1), "c\na\n")),
         "unclear-encoding|undeclared-value",
         "Export the mask and its table again", tables(range(1))),
    Case("a layer of another size", both(write_layers, shrink("masks/rust/b-20.png")), "unreadable-mask",
         "at the same size", write_layers),
    Case("a layer of three levels", both(write_layers, add_level("masks/rust/b-20.png")),
         "unreadable-mask|unclear-encoding|refused", "one black and white mask per class", write_layers),
    Case("a layer that is not declared", both(write_layers, text("classes.yaml", LAYERS.replace("rust", "iron"))),
         "refused|undeclared-value|unclear-encoding", "Name the classes in classes.yaml as the layers",
         text("classes.yaml", LAYERS)),
]  # fmt: skip

NAMES = "{classes: [{name: a, value: 0}, {name: b, value: 1}, {name: c, value: 2}]}"

#: A classes.yaml that cannot be read: its content, words of the remedy, and the content that they ask for.
TABLES = {
    "empty": ("", "Remove it", None),
    "empty, filled": ("", "class", NAMES),
    "no list": ("names: [a, b, c]", "class", NAMES),
    "a key that is not read": (NAMES.replace("]}", "], void: [9]}"), "class", NAMES),
    "a value twice": (NAMES.replace("value: 2", "value: 1"), "", NAMES),
    "a name twice": (NAMES.replace("name: c", "name: b"), "", NAMES),
    "value and values": (NAMES.replace("value: 2", "value: 2, values: [2]"), "Remove one of the two", NAMES),
    "a class that is void": (NAMES.replace("]}", "], ignore: [2]}"), "", NAMES),
    "no value": (NAMES.replace(", value: 2", ""), "class", NAMES),
    "no YAML": ("{classes: [", "", NAMES),
}


@pytest.mark.parametrize("case", ENCODINGS, ids=lambda case: case.title)
def test_the_remedy_gets_further(case: Case, tmp_path: Path) -> None:
    gets_further(case, tmp_path)


@pytest.mark.parametrize(("content", "words", "right"), TABLES.values(), ids=TABLES)
def test_the_remedy_for_a_classes_yaml_gets_further(
    content: str, words: str, right: str | None, tmp_path: Path
) -> None:
    edit = remove("classes.yaml") if right is None else text("classes.yaml", right)
    gets_further(Case("", text("classes.yaml", content), "refused|undeclared-value", words, edit), tmp_path)


def test_a_table_of_another_name_is_renamed_as_the_remedy_asks(tmp_path: Path) -> None:
    edit = move("class.yaml", "classes.yaml")
    gets_further(Case("", text("class.yaml", NAMES), "refused", "Rename it to classes.yaml", edit), tmp_path)
