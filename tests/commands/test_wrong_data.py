"""Everything that can be wrong with a folder of images and masks: one message with a remedy, exit status 2."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from broken_folders import (
    SIDE,
    Spoil,
    both,
    clear,
    copy,
    cut,
    declare,
    fill,
    frames,
    half_transparent,
    hold,
    link,
    lock,
    mostly,
    move,
    noise,
    of,
    of_objects,
    of_random_colors,
    paint,
    remove,
    save,
    shaded,
    write_good_folder,
)
from drawings import soften, through_jpeg
from segarena import cli
from support import huge_png

IMAGE, MASK = "images/photo3.png", "masks/photo3.png"
NUMBERS, GREYS = of((0, 1, 2, 3)), of((0, 60, 120, 200))
COLORS = of(((0, 0, 0), (0, 0, 255), (0, 255, 0), (255, 0, 0)))
CLOSE = of(((0, 0, 0), (90, 0, 0), (110, 0, 0), (0, 200, 0)))
UNCLEAR = ("masks/: the masks (e.g. photo", "different grey levels", "without smoothing")
TURNED = Image.Exif()
TURNED[0x0112] = 6


class Broken(NamedTuple):
    """A folder that nothing can be trained on.

    `words` are in the complaint of `segarena check`, called with these further `options`; `locked` is the name of the
    file or folder that the system refuses to open.
    """

    title: str
    spoil: Spoil
    words: tuple[str, ...]
    options: tuple[str, ...] = ()
    locked: str = ""


def leave(folder: Path) -> None:
    """Do nothing: something else is wrong."""


FOLDERS = (
    Broken("no such folder", shutil.rmtree, ("data: does not exist", "Check the path")),
    Broken("a link to itself", both(shutil.rmtree, link("", "data")), ("data: ", "Check the path")),
    Broken("a file", both(shutil.rmtree, fill("", "x")), ("data: is a file", "folder that holds the images and masks")),
    Broken("nothing in it", clear, ("data: is empty", "images/ and masks/")),
    Broken("texts alone", hold("readme.txt", "a/b.csv"), ("has no images", "images/ and masks/")),
    Broken("an archive alone", hold("data.zip"), ("has no images", ".zip", "Unpack")),
    Broken("no masks", remove("masks"), ("images/photo0.png", "no masks", "--masks DIR")),
    Broken("polygons for masks", hold("images/a.jpg", "labels/a.json"), ("labels/ has .json", "segarena convert")),
    Broken("predictions for masks", move("masks", "predictions"), ("skipped: predictions/", "--masks DIR")),
    Broken(
        "masks of other images", hold("images/a.jpg", "masks/b.png"), ("e.g. images/a.jpg", "masks/b.png", "Rename")
    ),
    Broken("two folders of masks", copy("masks", "labels"), ("labels/ and masks/", "--masks labels or --masks masks")),
    Broken("two folders of images", copy("images", "img"), ("images/ and img/", "--images images or --images img")),
    Broken(
        "two masks for one image",
        both(copy(MASK, "masks/photo3_gt.png"), move(MASK, "masks/photo3_mask.png")),
        ("photo3.png", "photo3_gt.png", "photo3_mask.png", "Keep one"),
    ),
    Broken("two images for one mask", copy(IMAGE, "images/photo3.jpg"), ("photo3.jpg", "photo3.png", "same stem")),
    Broken(
        "two formats",
        hold(*(f"{kind}/{part}/1.tif" for kind in ("PNG", "TIF") for part in ("images", "masks"))),
        ("two formats", "--images DIR"),
    ),
    Broken(
        "names that differ by case",
        hold("images/Ab.jpg", "images/aB.jpg", "masks/ab.png"),
        ("Ab.jpg and aB.jpg", "upper and lower case", "rename"),
    ),
    Broken(
        "a mask for each object",
        hold("1/images/a.png", "1/masks/x.png", "1/masks/y.png", "2/images/b.png", "2/masks/z.png"),
        ("1/ has one image and 2 masks", "--from instances"),
    ),
    Broken(
        "some in splits",
        both(move(IMAGE, "images/train/a.png"), move(MASK, "masks/train/a.png")),
        ("images/train/", "--images images/train --masks masks/train"),
    ),
    Broken(
        "names that say nothing",
        hold("a/1.png", "b/1.png"),
        ("no masks were found", "--images DIR --masks DIR"),
    ),
    Broken("--masks misspelt", leave, ("no folder mask for --masks", "masks/"), ("--masks", "mask")),
    Broken("--images a file", leave, (f"{IMAGE}: is a file", "--images DIR"), ("--images", IMAGE)),
    Broken("a locked folder", leave, ("masks: cannot be listed (Permission denied)", "permissions"), locked="masks"),
    Broken(
        "images that link to themselves",
        both(remove("images"), link("images", "images")),
        ("no images for the masks in masks/", "broken links: images", "--images DIR"),
    ),
    Broken(
        "masks on a disk that is gone",
        both(remove("masks"), link("masks", "/no/such/disk/masks")),
        ("no masks", "broken links: masks", "--masks DIR"),
    ),
    Broken(
        "one pair",
        remove(*(f"{kind}/photo{n}.png" for kind in ("images", "masks") for n in range(1, 6))),
        ("1 labelled images", "Add labelled images"),
    ),
)

FILES = (
    Broken("empty image", fill(IMAGE, ""), (f"{IMAGE} is empty (0 bytes)", "Copy the file again")),
    Broken("empty mask", fill(MASK, ""), (f"{MASK} is empty (0 bytes)", "Copy the file again")),
    Broken(
        "empty images and masks",
        both(*(fill(f"{kind}/photo{n}.png", "") for kind in ("images", "masks") for n in range(6))),
        ("12 errors", "is empty (0 bytes)"),
    ),
    Broken("half an image", cut(IMAGE), (f"{IMAGE} cannot be read", "again")),
    Broken("half a mask", cut(MASK), (f"{MASK} cannot be read", "again")),
    Broken("a text called image", fill(IMAGE, "hello"), (f"{IMAGE} is not an image", "remove it")),
    Broken("a text called mask", fill(MASK, "hello"), (f"{MASK} is not an image", "remove it")),
    Broken("an image of 400 megapixels", fill(IMAGE, huge_png(20_000)), (f"{IMAGE} has too many pixels", "tiles")),
    Broken("a mask of 400 megapixels", fill(MASK, huge_png(20_000)), (f"{MASK} has too many pixels", "tiles")),
    Broken("an image that links to itself", link(IMAGE, "photo3.png"), (IMAGE, "symbolic links", "remove it")),
    Broken(
        "masks that link to each other",
        both(link(MASK, "photo4.png"), link("masks/photo4.png", "photo3.png")),
        (MASK, "symbolic links"),
    ),
    Broken("a link to nothing", link(MASK, "gone.png"), (f"{MASK} does not exist", "Check the path")),
    Broken("a locked image", leave, ("photo3.png may not be read (permission denied)", "chmod"), locked="photo3.png"),
    Broken(
        "an image of three frames", fill(IMAGE, frames("GIF")), (f"{IMAGE} holds 3 pages or frames", "file of its own")
    ),
    Broken("a mask of three pages", fill(MASK, frames("TIFF")), (f"{MASK} holds 3 pages or frames", "file of its own")),
    Broken("an image of floats", save(IMAGE, Image.new("F", (SIDE, SIDE), 0.5)), (IMAGE, "floating-point", "8 bits")),
    Broken("an image of 32 bits", save(IMAGE, Image.new("I", (SIDE, SIDE), 70000)), (IMAGE, "70000", "8 or 16 bits")),
    Broken("a CMYK mask", save(MASK, Image.new("CMYK", (SIDE, SIDE))), (f"{MASK} has the pixel format CMYK", "PNG")),
    Broken("a mask of fractions", save(MASK, Image.new("F", (SIDE, SIDE), 0.5)), (f"{MASK} holds fractions", "PNG")),
    Broken("a mask below 0", save(MASK, Image.new("I", (SIDE, SIDE), -1)), (f"{MASK} holds numbers from -1", "PNG")),
    Broken(
        "a mask of another shape", save(MASK, Image.new("L", (30, 40))), (f"{MASK} is 30 x 40", "48 x 48", "Export")
    ),
    Broken(
        "an image turned by EXIF",
        both(save(IMAGE, Image.new("RGB", (40, 30)), exif=TURNED), save(MASK, Image.new("L", (40, 30)))),
        (f"{MASK} is 40 x 30", "30 x 40", "EXIF"),
    ),
)

MASKS = (
    Broken("all black", paint(of((0, 0, 0, 0))), ("masks/: all 6 masks hold only the value 0", "Check that these")),
    Broken("photographs", paint(noise), ("masks/photo0.png has", "a photograph", "Name the folder of the masks")),
    Broken("numbers after JPEG", paint(NUMBERS, suffix="jpg"), ("masks/photo0.jpg is a JPEG", "as PNG")),
    Broken("greys that were compressed", paint(lambda labels: through_jpeg(GREYS(labels))), UNCLEAR),
    Broken("greys that were resized", paint(lambda labels: soften(GREYS(labels), 2)), UNCLEAR),
    Broken("depth maps", paint(shaded), UNCLEAR),
    Broken(
        "colours too close for JPEG",
        paint(CLOSE, suffix="jpg"),
        ("which of them are classes is not clear", "classes.yaml"),
    ),
    Broken("numbers of objects", paint(of_objects), ("number objects", "--from instances")),
    Broken("255 beside stray pixels", save(MASK, mostly(255, 7)), ("255 beside 0, 7", "classes.yaml")),
    Broken("a palette for each file", paint(of_random_colors), ("palettes of the masks differ", "classes.yaml")),
    Broken(
        "colours half transparent",
        paint(half_transparent),
        ("masks/photo0.png has transparent pixels", "without transparency"),
    ),
    Broken(
        "1 bit among numbers",
        paint(NUMBERS, lambda labels: Image.fromarray(labels > 0)),
        ("has 1 bit per pixel", "same way"),
    ),
    Broken(
        "16 bits among colours", paint(COLORS, of((0, 1, 2, 300), np.uint16)), ("has 16 bits per pixel", "same way")
    ),
    Broken(
        "a colour among numbers",
        both(
            paint(NUMBERS),
            declare("classes: [{name: a, value: 0}, {name: b, value: 1}, {name: c, value: 2}, {name: d, value: 3}]"),
            save(MASK, Image.new("RGB", (SIDE, SIDE), "red")),
        ),
        ("is a colour image", "Declare the colours"),
    ),
)

TABLES = (
    Broken("no YAML", declare("classes: ["), ("classes.yaml: is not valid YAML", "Mend the syntax")),
    Broken("no text", fill("classes.yaml", b"\xff\xfe\x00"), ("classes.yaml: cannot be read", "Check the file")),
    Broken("a folder", fill("classes.yaml/x", ""), ("classes.yaml: cannot be read", "Check the file")),
    Broken("locked", declare(""), ("classes.yaml: cannot be read", "permissions"), locked="classes.yaml"),
    Broken("no list of classes", declare("names: [a, b]"), ("classes.yaml: has no list `classes`", "Write it as")),
    Broken("one class", declare("classes: [{name: a, value: 0}]"), ("declares 1 classes, needs 2", "Name each")),
    Broken(
        "one value twice", declare("classes: [{name: a, value: 0}, {name: b, value: 0}]"), ("the value 0", "differ")
    ),
    Broken(
        "a value beyond all files",
        declare("classes: [{name: a, value: 0}, {name: b, value: 70000}]"),
        ("70000", "Write it"),
    ),
    Broken(
        "a class that is void",
        declare("classes: [{name: a, value: 0}, {name: b, value: 255}]\nignore: [255]"),
        ("'b'", "ignore"),
    ),
    Broken(
        "numbers and colours",
        declare("classes: [{name: a, value: 0}, {name: b, value: [1, 2, 3]}]"),
        ("both numbers and colours", "one form"),
    ),
    Broken(
        "another value in the masks",
        declare("classes: [{name: a, value: 0}, {name: b, value: 1}]"),
        ("holds the value 255", "`ignore`"),
    ),
    Broken(
        "void in all masks but for a class",
        declare("classes: [{name: a, value: 0}, {name: b, value: 1}]\nignore: [255]"),
        ("only the class 'a'", "two classes"),
    ),
    Broken(
        "a list of a missing image",
        fill("train.txt", "photo0\nphoto9\n"),
        ("train.txt: lists 'photo9' for train", "correct the list"),
    ),
)


@pytest.mark.parametrize("broken", [*FOLDERS, *FILES, *MASKS, *TABLES], ids=lambda broken: broken.title)
def test_one_message_that_names_the_file_and_the_remedy(
    broken: Broken, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_good_folder(tmp_path / "data")
    broken.spoil(tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["segarena", "check", "data", *broken.options])
    if broken.locked:
        lock(monkeypatch, broken.locked)
    assert cli.main() == 2
    complaint = capsys.readouterr().err
    assert complaint.startswith("segarena: ")
    assert complaint.count("\n") == 1, "more than one message"
    for word in broken.words:
        assert word in complaint
