"""Masks of several files for each image, each of them binary, are found and read as one map of labels.

The kinds of situations: the class is the name of a folder, an ending or a beginning of the file's name, or the name of
a file in a folder for each image; a class has several files; files hold objects of one class; and what only looks like
this: two versions of a mask, numbers that may be classes or objects.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from layer_zoo import CLASSES, WIDTH, check, draw, photograph, white, write
from layout_zoo import NAMES, SPLITS
from segarena.data.folder import FolderSource
from segarena.data.layout.layout import find_pairs
from segarena.errors import DataError
from support import refuses

NAMINGS = {
    "a folder for each class": ("images/{name}.jpg", "masks/{label}/{name}.png"),
    "a folder for each class, words in names": ("images/{name}.jpg", "masks/{label}/{name}_mask.png"),
    "a folder for each class, in splits": ("images/{split}/{name}.jpg", "masks/{split}/{label}/{name}.png"),
    "a folder for each class, around splits": ("images/{split}/{name}.jpg", "masks/{label}/{split}/{name}.png"),
    "a folder for each class, splits outside": ("{split}/images/{name}.jpg", "{split}/masks/{label}/{name}.png"),
    "a folder for each class, in groups": ("images/{group}/{name}.jpg", "masks/{group}/{label}/{name}.png"),
    "a folder for each class, around groups": ("images/{group}/{name}.jpg", "masks/{label}/{group}/{name}.png"),
    "a folder for each class, an ending for all": ("images/{name}.jpg", "masks/{label}/{name}_MA.png"),
    "a folder for each class, named for masks too": ("images/{name}.jpg", "masks/{label}_mask/{name}.png"),
    "a folder for each class, outside": ("images/{name}.jpg", "{label}/masks/{name}.png"),
    "a folder for each class, in a word": ("CXR_png/{name}.jpg", "ManualMask/{label}Mask/{name}.png"),
    "a folder for each class, side by side": ("images/{name}.jpg", "{label}_masks/{name}.png"),
    "a folder for each class, not named for masks": ("images/{name}.jpg", "{label}/{name}.png"),
    "an ending": ("images/{name}.png", "masks/{name}_{label}.png"),
    "an ending with a hyphen": ("img/{name}.png", "gt/{name}-{label}.png"),
    "an ending and a word": ("images/{name}.jpg", "masks/{name}_{label}_mask.png"),
    "a word and an ending": ("images/{name}.jpg", "masks/{name}_mask_{label}.png"),
    "an ending, words in names of images": ("images/{name}_image.jpg", "masks/{name}_{label}.png"),
    "an ending, in splits": ("{split}/images/{name}.jpg", "{split}/masks/{name}_{label}.png"),
    "a beginning": ("images/{name}.png", "masks/{label}_{name}.png"),
    "an ending, beside the images": ("{name}.jpg", "{name}_{label}.png"),
    "an ending and a word, beside the images": ("data/{name}.png", "data/{name}_{label}_mask.png"),
    "an ending, folders without a name": ("a/{name}.jpg", "b/{name}_{label}.png"),
    "an ending, numbers of another width": ("faces/images/{n}.jpg", "faces/masks/0/{n:05}_{label}.png"),
    "the class in place of a word": ("images/tile_{n}.png", "masks/{label}_{n}.png"),
    "several of a class": ("images/{name}.png", "masks/{name}_{label}_{number}.png"),
    "several of a class, a word between": ("images/{name}.png", "masks/{name}_{label}_mask_{number}.png"),
    "several of a class, in brackets": ("images/{name}.png", "masks/{name}_{label} ({number}).png"),
    "a folder for each image": ("{name}/images/{name}.png", "{name}/masks/{label}.png"),
    "a folder for each image, several of a class": ("{name}/image.png", "{name}/masks/{label}/{number}.png"),
    "a folder for each image, without folders in it": ("{name}/image.png", "{name}/{label}.png"),
    "a folder for each image, in its name": ("{name}/{name}.png", "{name}/{name}_{label}.png"),
    "a folder in the image's name": ("images/{name}.jpg", "masks/{name}/{label}.png"),
    "a folder in the image's name, folders in it": ("images/{name}.jpg", "masks/{name}/{label}/{number}.png"),
}


@pytest.mark.parametrize(("image", "mask"), NAMINGS.values(), ids=NAMINGS)
def test_layers_are_read_as_they_were_drawn(image: str, mask: str, tmp_path: Path) -> None:
    write(tmp_path, image, mask)
    source = FolderSource(tmp_path)
    check(source)
    assert [sample.split for sample in source.samples if "{split}" in image] == list(SPLITS) * ("{split}" in image)


def test_a_folder_of_many_images_is_not_one_of_their_names(tmp_path: Path) -> None:
    """CelebAMask-HQ: images 0.jpg, 1.jpg, ...; the masks of the first thousands in 0/, of the next in 1/."""
    write(tmp_path, "images/{n}.jpg", "masks/{n:05}_{label}.png")
    for path in (tmp_path / "masks").glob("*.png"):
        target = tmp_path / "masks" / str(int(path.name[:5]) // 5 + 1) / path.name
        target.parent.mkdir(exist_ok=True)
        path.rename(target)
    source = FolderSource(tmp_path)
    assert source.classes.names == ("background", *CLASSES)
    for index, sample in enumerate(source.samples):
        np.testing.assert_array_equal(source.read(index)[1], draw(int(sample.name)))


OBJECTS = {
    "Data Science Bowl": (
        "stage1_train/{name}/images/{name}.png",
        "stage1_train/{name}/masks/{label}{n}{number}ab.png",
    ),
    "numbered": ("{name}/images/{name}.png", "{name}/masks/{number}.png"),
    "in a folder in the image's name": ("images/{name}.png", "masks/{name}/{n}{label}{number}.png"),
}


@pytest.mark.parametrize(("image", "mask"), OBJECTS.values(), ids=OBJECTS)
def test_files_of_objects_are_one_class(image: str, mask: str, tmp_path: Path) -> None:
    classes = CLASSES if "{label}" in mask else CLASSES[:1]
    write(tmp_path, image, mask, classes=classes)
    source = FolderSource(tmp_path)
    assert source.classes.names == ("background", "foreground")
    for index, sample in enumerate(source.samples):
        number = 1 + NAMES.index(next(name for name in NAMES if name in str(sample.image)))
        drawn = draw(number)
        np.testing.assert_array_equal(source.read(index)[1], (drawn > 0) & (drawn <= len(classes)))


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("images/{n}.png", "masks/{n}/{k}.png"),
        ("{n}/images/{n}.png", "{n}/masks/{k}.png"),
        ("{n}/{n}.png", "{n}/masks/{k}.png"),
    ],
)
def test_numbers_of_objects_are_not_those_of_images(image: str, mask: str, tmp_path: Path) -> None:
    for number in range(8):
        photograph(tmp_path / image.format(n=number), number)
        third = np.arange(WIDTH) // 18
        for k in range(1 + number % 3):
            white((draw(number) == 1) & (np.minimum(third, number % 3) == k), tmp_path / mask.format(n=number, k=k))
    source = FolderSource(tmp_path)
    assert source.classes.names == ("background", "foreground")
    for index, sample in enumerate(source.samples):
        np.testing.assert_array_equal(source.read(index)[1], draw(int(sample.name)) == 1)


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("{n}.jpg", "{n}_{label}.png"),
        ("all/{n}.png", "all/{n}_{label}.png"),
        ("images/{n}.png", "masks/{n}_{label}.png"),
        ("images/{n}.png", "masks/{label}/{n}.png"),
        ("images/{n}.png", "{label}/{n}.png"),
        ("{n}/image.png", "{n}/{label}.png"),
    ],
)
def test_a_class_in_few_images_is_a_class(image: str, mask: str, tmp_path: Path) -> None:
    for number in range(12):
        photograph(tmp_path / image.format(n=number), number)
        for label, name in enumerate(("crack", "dent"), start=1):
            if name == "crack" or number < 2:
                white(draw(number) == label, tmp_path / mask.format(n=number, label=name))
    source = FolderSource(tmp_path)
    assert source.classes.names == ("background", "crack", "dent")
    assert len(source.samples) == 12
    for index, sample in enumerate(source.samples):
        number = int(sample.name)
        drawn = draw(number)
        expected = np.where(drawn <= (2 if number < 2 else 1), drawn, 0)
        np.testing.assert_array_equal(source.read(index)[1], expected)


# What only looks like this


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("images/{name}.png", "masks/{name}_{number}.png"),
        ("images/{name}.png", "masks/{name}_mask_{number}.png"),
        ("images/x{n}.png", "masks/x{n}_{number}.png"),
        ("images/{n}.png", "masks/img{n}_{number}.png"),
        ("images/{n}.png", "masks/{n}_{number}.png"),
    ],
)
def test_numbers_alone_are_no_classes(image: str, mask: str, tmp_path: Path) -> None:
    write(tmp_path, image, mask, classes=CLASSES[:1])
    with pytest.raises(DataError):
        find_pairs(tmp_path)


def test_numbers_with_gaps_may_be_classes(tmp_path: Path) -> None:
    for number in range(8):
        photograph(tmp_path / "images" / f"{number}.png", number)
        for label in {1, 2, 3} - {1 + number % 3}:
            white(draw(number) == label, tmp_path / "masks" / str(number) / f"{label}.png")
    with pytest.raises(DataError):
        find_pairs(tmp_path)


@pytest.mark.skipif(shutil.which("sh") is None, reason="sh, which the remedy is for, is not installed")
@pytest.mark.parametrize("separator", ["_", "-"])
def test_the_remedies_for_numbered_masks_work(separator: str, tmp_path: Path) -> None:
    root = tmp_path / "my data"
    write(root, "images/x{n}.png", f"masks/x{{n}}{separator}{{number}}.png", classes=CLASSES[:1])
    with refuses(where=root / "masks", value=f"x1{separator}1.png") as caught:
        find_pairs(root)
    assert "_class1.png" in caught.value.remedy
    subprocess.run(["sh", "-c", caught.value.remedy.partition("each image: ")[2]], check=True)
    source = FolderSource(root)
    assert source.classes.names == ("background", "foreground")
    np.testing.assert_array_equal(source.read(0)[1], draw(1) == 1)
    for path in [*root.glob("masks/*/*.png")]:
        path.rename(root / "masks" / path.name.replace(separator, "_class"))
        path.parent.rmdir() if not any(path.parent.iterdir()) else None
    assert FolderSource(root).classes.names[:3] == ("background", "class0", "class1")


@pytest.mark.parametrize("names", [("v1", "v2"), ("expert 1", "expert 2"), ("reader1", "reader2"), ("draft", "final")])
def test_names_of_versions_are_no_classes(names: tuple[str, str], tmp_path: Path) -> None:
    for number in range(6):
        photograph(tmp_path / "images" / f"{number}.png", number)
        for label, name in enumerate(names, start=1):  # thin lines of two people hardly overlap
            white(draw(number) == label, tmp_path / "masks" / name / f"{number}.png")
    with pytest.raises(DataError):
        find_pairs(tmp_path)


def test_two_versions_of_a_mask_are_not_two_classes(tmp_path: Path) -> None:
    for number in range(6):
        photograph(tmp_path / "images" / f"{number}.png", number)
        for name in ("left", "right"):
            white(draw(number) > 1, tmp_path / "masks" / name / f"{number}.png")
    with refuses(where=tmp_path / "masks" / "right" / "0.png", value="left"):
        find_pairs(tmp_path)
    assert len(find_pairs(tmp_path, masks=Path("masks/left")).samples) == 6
