"""What a user gets wrong: exit status 2, one message with place and remedy, nothing written, no traceback."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image

from broken_folders import (
    IMAGE,
    MASK,
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
    leave,
    link,
    lock,
    mostly,
    move,
    noise,
    of,
    of_1_bit,
    of_objects,
    of_random_colors,
    paint,
    remove,
    save,
    shaded,
    write_good_folder,
)
from drawings import soften, through_jpeg
from segarena.errors import ConfigError, DataError, RunError, SegarenaError, WeightsError
from support import huge_png, refused

NUMBERS, GREYS = of((0, 1, 2, 3)), of((0, 60, 120, 200))
COLORS = of(((0, 0, 0), (0, 0, 255), (0, 255, 0), (255, 0, 0)))
CLOSE = of(((0, 0, 0), (90, 0, 0), (110, 0, 0), (0, 200, 0)))
TURNED = Image.Exif()
TURNED[0x0112] = 6

CHECK = "check data"
TRAIN = "train data --encoder mobilenet_v2 --device cpu --weights none --model fcn"
COMPARE = "compare data --encoder mobilenet_v2 --device cpu --weights none --models fcn"
EACH = (CHECK, TRAIN, COMPARE)


def trains(options: str) -> tuple[str, str]:
    return f"{TRAIN} {options}", f"{COMPARE} {options}"


def write_weights(folder: Path) -> None:
    torch.save({"stem.weight": torch.zeros(3, 3)}, folder.parent / "w.pth")


class Case(NamedTuple):
    """What is done to a good folder; the place, values and options that the message names; the commands it is run by.

    `locked` is the name of a file or folder that the system refuses to open.
    """

    title: str
    spoil: Spoil
    words: tuple[str, ...]
    commands: tuple[str, ...] = (CHECK,)
    kind: type[SegarenaError] = DataError
    locked: str = ""


PHOTOS = [f"{kind}/photo{number}.png" for number in range(6) for kind in ("images", "masks")]
FORMATS = [f"{kind}/{part}/1.tif" for kind in ("PNG", "TIF") for part in ("images", "masks")]

FOLDERS = (
    Case("no such folder", shutil.rmtree, ("data: ", "exist"), EACH),
    Case("a link to itself", both(shutil.rmtree, link("", "data")), ("data: ", "path")),
    Case("a file", both(shutil.rmtree, fill("", "x")), ("data: ", "file", "folder")),
    Case("nothing in it", clear, ("data: ", "empty", "images/ and masks/"), EACH),
    Case("texts alone", hold("readme.txt", "a/b.csv"), ("no images", "a/", "images/ and masks/")),
    Case("an archive alone", hold("data.zip"), ("no images", ".zip")),
    Case("no masks", remove("masks"), ("data: ", "no masks", "images/photo0.png", "--masks DIR"), EACH),
    Case("polygons for masks", hold("images/a.jpg", "labels/a.json"), ("labels/", ".json")),
    Case("predictions for masks", move("masks", "predictions"), ("predictions/", "--masks DIR")),
    Case("masks of other images", hold("images/a.jpg", "masks/b.png"), ("images/a.jpg", "masks/b.png")),
    Case("two folders of masks", copy("masks", "labels"), ("--masks labels or --masks masks",)),
    Case("two folders of images", copy("images", "img"), ("--images images or --images img",)),
    Case(
        "two masks for one image",
        both(copy(MASK, "masks/photo3_gt.png"), move(MASK, "masks/photo3_mask.png")),
        (f"{IMAGE}: ", "photo3_gt.png", "photo3_mask.png"),
    ),
    Case("two images for one mask", copy(IMAGE, "images/photo3.jpg"), ("images: ", "photo3.jpg", "photo3.png")),
    Case("two formats", hold(*FORMATS), ("PNG/", "TIF/", "--images")),
    Case("stems like Ab and aB", hold("images/Ab.jpg", "images/aB.jpg", "masks/ab.png"), ("Ab.jpg", "aB.jpg", "case")),
    Case(
        "a mask for each object",
        hold("1/images/a.png", "1/masks/x.png", "1/masks/y.png", "2/images/b.png", "2/masks/z.png"),
        ("1/", "2 masks", "--from instances"),
    ),
    Case(
        "some in splits",
        both(move(IMAGE, "images/train/a.png"), move(MASK, "masks/train/a.png")),
        ("--images images/train --masks masks/train",),
    ),
    Case("names that do not help", hold("a/1.png", "b/1.png"), ("a/1.png", "no masks", "--images DIR --masks DIR")),
    Case("--masks misspelt", leave, ("--masks", "folder mask ", "masks/"), ("check data --masks mask",)),
    Case("--images a file", leave, (f"{IMAGE}: ", "--images DIR"), (f"check data --images {IMAGE}",)),
    Case("a locked folder", leave, ("masks: ", "Permission denied", "permissions"), locked="masks"),
    Case(
        "images that link to themselves",
        both(remove("images"), link("images", "images")),
        ("no images", "links: images", "--images DIR"),
    ),
    Case(
        "masks on a disk that is gone",
        both(remove("masks"), link("masks", "/no/such/disk/masks")),
        ("no masks", "links: masks", "--masks DIR"),
    ),
    Case("two pairs", remove(*PHOTOS[4::2]), ("data: ", "2 labelled images"), EACH),
    Case("one pair", remove(*PHOTOS[2:]), ("1 labelled image",)),
)

FILES = (
    Case("empty image", fill(IMAGE, ""), (IMAGE, "0 bytes")),
    Case("empty mask", fill(MASK, ""), (MASK, "0 bytes")),
    Case("all empty", both(*(fill(name, "") for name in PHOTOS)), ("2 errors", "6 files", "0 bytes")),
    Case("half an image", cut(IMAGE), (IMAGE, "truncated"), EACH),
    Case("half a mask", cut(MASK), (MASK, "truncated"), EACH),
    Case("a text called image", fill(IMAGE, "hello"), (IMAGE, "not an image")),
    Case("a text called mask", fill(MASK, "hello"), (MASK, "not an image")),
    Case("an image of 400 megapixels", fill(IMAGE, huge_png(20_000)), (IMAGE, "89 million", "tiles")),
    Case("a mask of 400 megapixels", fill(MASK, huge_png(20_000)), (MASK, "89 million", "tiles")),
    Case("an image that links to itself", link(IMAGE, "photo3.png"), (IMAGE, "symbolic links")),
    Case(
        "masks that link to each other",
        both(link(MASK, "photo4.png"), link("masks/photo4.png", "photo3.png")),
        (MASK, "symbolic links"),
    ),
    Case("a link to nothing", link(MASK, "gone.png"), (MASK, "exist")),
    Case("a locked image", leave, (IMAGE, "permission denied", "chmod"), locked="photo3.png"),
    Case("an image of three frames", fill(IMAGE, frames("GIF")), (IMAGE, "3 pages or frames")),
    Case("a mask of three pages", fill(MASK, frames("TIFF")), (MASK, "3 pages or frames")),
    Case("an image of floats", save(IMAGE, Image.new("F", (SIDE, SIDE), 0.5)), (IMAGE, "floating-point", "8 bits")),
    Case("an image of 32 bits", save(IMAGE, Image.new("I", (SIDE, SIDE), 70000)), (IMAGE, "70000", "16 bits")),
    Case("a CMYK mask", save(MASK, Image.new("CMYK", (SIDE, SIDE))), (MASK, "CMYK", "PNG")),
    Case("a mask of fractions", save(MASK, Image.new("F", (SIDE, SIDE), 0.5)), (MASK, "0.5", "PNG")),
    Case("a mask below -1", save(MASK, Image.new("I", (SIDE, SIDE), -2)), (MASK, "-2", "PNG")),
    Case("a mask of another shape", save(MASK, Image.new("L", (30, 40))), (MASK, "30 x 40", "48 x 48"), EACH),
    Case(
        "an image turned by EXIF",
        both(save(IMAGE, Image.new("RGB", (40, 30)), exif=TURNED), save(MASK, Image.new("L", (40, 30)))),
        (MASK, "40 x 30", "30 x 40", "EXIF"),
    ),
)

MASKS = (
    Case("all black", paint(of((0, 0, 0, 0))), ("masks", "6 masks", "value 0", "two classes"), EACH),
    Case("photographs", paint(noise), ("masks/photo0.png", "2304 different")),
    Case("numbers after JPEG", paint(NUMBERS, suffix="jpg"), ("masks/photo0.jpg", "JPEG", "PNG")),
    Case("greys after JPEG", paint(lambda labels: through_jpeg(GREYS(labels))), ("175 different", "0 and 229")),
    Case("resized greys", paint(lambda labels: soften(GREYS(labels), 2)), ("70 different", "0 and 200")),
    Case("depth maps", paint(shaded), ("48 different", "0 and 47")),
    Case("colours too close for JPEG", paint(CLOSE, suffix="jpg"), ("[110, 0, 0]", "[90, 0, 0]", "classes.yaml")),
    Case("numbers of objects", paint(of_objects), ("masks/", "objects", "at most 9", "same value")),
    Case("255 beside stray pixels", save(MASK, mostly(255, 7)), ("255 beside 0, 7", "classes.yaml")),
    Case("a palette for each file", paint(of_random_colors), ("4 numbers", "22 colours", "classes.yaml")),
    Case("colours half transparent", paint(half_transparent), ("masks/photo0.png", "[0, 0, 0]", "transparency")),
    Case("1 bit among numbers", paint(NUMBERS, of_1_bit), ("masks/", "photo1.png", "1 bit ")),
    Case(
        "16 bits among colours",
        paint(COLORS, of((0, 1, 2, 300), np.uint16)),
        ("masks/", "3 masks (e.g. photo1.png) with 16 bits "),
    ),
    Case(
        "a colour among numbers",
        both(paint(of((0, 1, 0, 1))), declare(0, 1), save(MASK, Image.new("RGB", (SIDE, SIDE), "red"))),
        (MASK, "colour image", "classes.yaml"),
    ),
)

TABLES = (
    Case("no YAML", fill("classes.yaml", "classes: ["), ("classes.yaml: ", "line 1")),
    Case("no text", fill("classes.yaml", b"\xff\xfe\x00"), ("classes.yaml: ", "0xff")),
    Case("a folder", fill("classes.yaml/x", ""), ("classes.yaml: ", "directory")),
    Case("locked", declare(), ("classes.yaml: ", "Permission denied", "permissions"), locked="classes.yaml"),
    Case("no list of classes", fill("classes.yaml", "names: [a, b]"), ("classes.yaml: ", "`classes`")),
    Case("one class", declare(0), ("classes.yaml: ", "1 class", "2 to 255")),
    Case("one value twice", declare(0, 0), ("classes.yaml: ", "value 0")),
    Case("a value above 16 bits", declare(0, 70000), ("classes.yaml: ", "70000")),
    Case("a class that is void", declare(0, 1, ignore=1), ("classes.yaml: ", "'b'", "`ignore`")),
    Case("numbers and colours", declare(0, [1, 2, 3]), ("classes.yaml", "[r, g, b]")),
    Case(
        "a value that is not declared",
        both(declare(0, 255), save(MASK, mostly(255, 7))),
        (MASK, "value 7", "`ignore`", "classes.yaml"),
        EACH,
    ),
    Case("void in all masks but for a class", declare(0, 1, ignore=255), ("masks/", "6 masks", "'a'", "two classes")),
    Case("a list of a missing image", fill("train.txt", "photo0\nphoto9\n"), ("train.txt: ", "'photo9'")),
)

WEIGHTS = (
    Case("another network's", write_weights, ("w.pth: ",), trains("--weights w.pth"), WeightsError),
    Case("no weights", fill("../w.pth", "none"), ("w.pth: ",), trains("--weights w.pth"), WeightsError),
    Case("no such weights", leave, ("w.pth: ",), trains("--weights w.pth"), WeightsError),
)

#: Command lines that fail whatever the data are; `no-data` is not there and `empty` has no file, so these fail before
#: anything is read.
PAPER = "train empty --track paper --model"
COMMANDS = (
    (f"{TRAIN} --out data/images/photo1.png/run", RunError, "photo1.png/run: ", "another folder"),
    (f"{COMPARE} --out data/images/photo1.png", RunError, "photo1.png: ", "file"),
    (f"{TRAIN} --out data", RunError, "data: ", "not empty"),
    (f"{COMPARE} --out data", RunError, "data: ", "not empty"),
    ("check data --out data", RunError, "data: ", "not empty"),
    (f"check data --json data/{IMAGE}", ConfigError, f"--json data/{IMAGE}: ", "exists"),
    ("synth data", RunError, "data: ", "empty"),
    ("convert data data --from coco", RunError, "data: ", "empty"),
    ("convert no-data new --from coco", DataError, "no-data: ", "exist"),
    ("check no/such/folder", DataError, "no/such/folder: "),
    ("report no/such/folder", RunError, "no/such/folder: "),
    ("report data", RunError, "data: ", "comparison.json"),
    ("predict no/such/run image.jpg", RunError, "no/such/run: "),
    ("evaluate no/such/run", RunError, "no/such/run: "),
    ("evaluate data", RunError, "data: ", "config.json"),
    ("train voc2012 --model fcn --weights none", DataError, "voc2012", "--root DIR", "--download"),
    ("train voc2012 --model fcn --weights none --root data", DataError, "data: ", "--root DIR", "--download"),
    ("train empty --model fcn --weights gone.pth", WeightsError, "gone.pth: "),
    ("train empty --model fcn --weights coco", ConfigError, "COCO", "fcn and deeplabv3"),
    ("train empty --model pspnet --encoder swin_t", ConfigError, "swin_t", "fcn, unet"),
    (f"{PAPER} fcn8s --encoder swin_t", ConfigError, "--encoder: ", "swin_t", "fcn8s"),
    (f"{PAPER} pspnet --output-stride 16 --weights gone.pth", WeightsError, "gone.pth: "),
    ("train no-data --model fcn --output-stride 4", ConfigError, "--output-stride: ", "'4'", "8, 16."),
    ("train no-data --model fcn --encoder None", ConfigError, "--encoder: ", "'None'", "resnet18, resnet34"),
    ("train no-data --model fcn --size 8", ConfigError, "--size: ", "8", "32"),
    ("train no-data --model fcn --epochs 0", ConfigError, "--epochs: ", "0", "1"),
    ("train no-data --model fcn --split 80", ConfigError, "--split: ", "80.0"),
    ("train no-data --model fcn --resume", ConfigError, "--resume: ", "--resume DIR"),
    ("train --resume no/such/run", RunError, "no/such/run: ", "exist"),
    ("compare --resume data", RunError, "data: ", "options.json", "--out data"),
    ("compare --config no.yaml", ConfigError, "no.yaml: ", "exist"),
    ("train no-data --model segformer", ConfigError, "--model: ", "'segformer'"),
    ("compare no-data --models fcn fcn9", ConfigError, "--models: ", "'fcn9'", "fcn, unet, pspnet, deeplabv3, fcn8s"),
    ("compare no-data --models fcn fcn", ConfigError, "--models: ", "twice"),
    ("compare no-data --size 8", ConfigError, "--size: ", "8", "32"),
    ("compare no-data --encoder resnet19", ConfigError, "--encoder: ", "'resnet19'", "resnet18, resnet34, "),
    ("models --track both", ConfigError, "--track: ", "'both'", "encoder, paper."),
    ("convert data new --from pdf", ConfigError, "--from: ", "'pdf'", "auto, coco, labelme, "),
    ("evaluate run --split dev", ConfigError, "--split: ", "'dev'", "train, val, test, unseen, all."),
    ("predict run a.png --device tpu", ConfigError, "--device: ", "'tpu'", "auto, cpu, cuda, cuda:1"),
)

CASES = (
    *(case for table in (FOLDERS, FILES, MASKS, TABLES, WEIGHTS) for case in table),
    *(Case(command.partition(" ")[2], leave, tuple(words), (command,), kind) for command, kind, *words in COMMANDS),
)


@pytest.mark.parametrize(
    ("case", "command"),
    [
        pytest.param(case, command, id=f"{case.title}: {command.split()[0]}")
        for case in CASES
        for command in case.commands
    ],
)
def test_one_message_with_place_and_remedy(
    case: Case, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_good_folder(tmp_path / "data")
    case.spoil(tmp_path / "data")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    before = set(tmp_path.rglob("*"))
    with monkeypatch.context() as patch:
        if case.locked:
            lock(patch, case.locked)
        error = refused(command, patch, capsys)
    assert type(error) is case.kind
    for word in case.words:
        assert word in str(error)
    written = {str(path.relative_to(tmp_path)) for path in set(tmp_path.rglob("*")) - before}
    assert not written - (
        {"runs", "runs/data-check", *(f"runs/data-check/check.{end}" for end in ("png", "svg", "csv"))}
        if command == CHECK
        else set()
    )


def test_weights_that_cannot_be_downloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise OSError("network is unreachable")

    write_good_folder(tmp_path / "data")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("torch.hub.download_url_to_file", refuse)
    error = refused(f"train {tmp_path / 'data'} --model fcn --device cpu", monkeypatch, capsys)
    assert type(error) is WeightsError
    assert "--weights none" in error.remedy
    assert "--weights FILE" in error.remedy


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    write_good_folder(tmp_path / "data")
    monkeypatch.setattr(os, "fsync", full)
    monkeypatch.chdir(tmp_path)
    error = refused(f"{TRAIN} --epochs 1", monkeypatch, capsys)
    assert type(error) is RunError
    assert "No space left on device" in error.what
    assert "Free some space" in error.remedy
