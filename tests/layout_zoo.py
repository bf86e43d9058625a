"""Folders of images and masks as people lay them out, written small and in one place for several tests."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
from PIL import Image

from segarena.data.layout.layout import Layout

SPLITS = ("train", "train", "train", "val", "test", "test")
NAMES = ("river 1", "Zürich", "b-2.final", "b-20", "0007", "木")
SIZE = (24, 18)

Save = Callable[[Path, int], None]
Expected = list[tuple[str | None, str, str]]


@dataclass(frozen=True)
class Animal:
    """One layout: where images and masks lie, with {name}, {n} (1, 2, ...), {split} and {group} to be filled in.

    `by_content`: not by names, but by the pixels alone can images and masks be told apart.
    """

    title: str
    image: str
    mask: str
    splits: bool = False
    by_content: bool = False

    @property
    def folders(self) -> tuple[Path, Path]:
        """Where the images and where the masks of a layout without placeholders in its folders lie."""
        return Path(self.image).parent, Path(self.mask).parent

    def with_endings(self, image: tuple[str, str], mask: str) -> Animal:
        """The same with other file formats; the second for images that would be called as their masks are."""
        new_mask = _change_ending(self.mask, mask)
        new_images = [_change_ending(self.image, ending) for ending in image]
        return replace(self, mask=new_mask, image=next(one for one in new_images if one.lower() != new_mask.lower()))

    def write(self, root: Path, save_image: Save | None = None, save_mask: Save | None = None) -> Expected:
        """Write six pairs, noise and a rectangle unless told otherwise; return (split, image, mask) of each, sorted."""
        expected = []
        for number, (name, split) in enumerate(zip(NAMES, SPLITS, strict=True), start=1):
            group = "east" if number % 2 else "west"
            word = {"train": "training", "val": "validation", "test": "testing"}[split]
            image, mask = (
                template.format(name=name, n=number, split=split, word=word, group=group)
                for template in (self.image, self.mask)
            )
            (save_image or write_photograph)(root / image, number)
            (save_mask or write_mask)(root / mask, number)
            expected.append((split if self.splits else None, image, mask))
        return sorted(expected, key=str)


def _change_ending(template: str, ending: str) -> str:
    return str(PurePosixPath(template).with_suffix(f".{ending}"))


def write_photograph(path: Path, seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (SIZE[1], SIZE[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def write_mask(path: Path, seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.zeros((SIZE[1], SIZE[0]), dtype=np.uint8)
    pixels[seed % 9 :, seed % 7 :] = 255
    Image.fromarray(pixels).save(path)


def write_clutter(root: Path) -> None:
    """What gathers in such folders: previews, predictions, systems' files, texts, archives, all of known stems."""
    for name in NAMES[:2]:
        for folder in (
            "overlays",
            "predictions/unet",
            "preview_masks",
            "__MACOSX/images",
            ".cache/masks",
            "runs/1/images",
        ):
            write_photograph(root / folder / f"{name}.png")
    write_mask(root / "masks_thumbs" / "river 1.png")
    for file in ("notes.txt", "Thumbs.db", "desktop.ini", "data.zip", "README.md", "checkpoints/best.pth", "._a.jpg"):
        path = root / file
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"not an image")


ZOO = (
    Animal("images beside masks", "images/{name}.jpg", "masks/{name}.png"),
    Animal("image and label", "image/{name}.png", "label/{name}.png"),
    Animal("words in capitals and with a separator", "IMGS/{name}.tif", "Ground_Truth/{name}.bmp"),
    Animal("original and Ground Truth", "Original/{name}.tif", "Ground Truth/{name}.tif"),
    Animal("input and target", "input/{name}.bmp", "target/{name}.gif"),
    Animal("labelled with longer names", "701_StillsRaw_full/{name}.png", "LabeledApproved_full/{name}_L1.png"),
    Animal("masks inside the images' folder", "images/{name}.jpg", "images/masks/{name}.png"),
    Animal("one folder down", "my data/set 1/images/{name}.jpg", "my data/set 1/masks/{name}.png"),
    Animal("under different parents", "camera/images/{name}.jpg", "tool/export/masks/{name}.png"),
    Animal("deep below in groups", "a/b/images/{group}/{name}.jpg", "a/b/labels/{group}/{name}.png"),
    Animal("groups of images, masks in one folder", "images/{group}/{name}.jpg", "masks/{name}.png"),
    Animal("groups outside", "{group}/images/{name}.jpg", "{group}/masks/{name}.png"),
    Animal("same numbers in each group", "images/{group}/{n}.jpg", "masks/{group}/{n}.png"),
    Animal("only the masks' folder is named", "frames of May/{name}.jpg", "masks/{name}.png"),
    Animal("only the images' folder is named", "images/{name}.jpg", "painted/{name}.png", by_content=True),
    Animal("folders named in another language", "Bilder/{name}.jpg", "Masken/{name}.png", by_content=True),
    Animal("folders named a and b, all PNG", "a/{name}.png", "b/{name}.png", by_content=True),
    Animal("folders named b and a, all PNG", "b/{name}.png", "a/{name}.png", by_content=True),
    Animal("splits inside", "images/{split}/{name}.jpg", "masks/{split}/{name}.png", splits=True),
    Animal("splits outside", "{split}/images/{name}.jpg", "{split}/masks/{name}.png", splits=True),
    Animal("splits spelled out", "{word}/img/{name}.jpg", "{word}/gt/{name}.png", splits=True),
    Animal("train and trainannot", "{split}/{name}.png", "{split}annot/{name}.png", splits=True),
    Animal("train_images and train_masks", "{split}_images/{name}.jpg", "{split}_masks/{name}_mask.gif", splits=True),
    Animal("years behind splits", "images/{split}2017/{name}.jpg", "annotations/{split}2017/{name}.png", splits=True),
    Animal(
        "a challenge's names", "C_{word}_Input/{name}.jpg", "C_{word}_Part1_GroundTruth/{name}_segmentation.png", True
    ),
    Animal("images divided, masks in one folder", "images/{split}/{name}.jpg", "masks/{name}.png", splits=True),
    Animal("images in one folder, masks divided", "images/{name}.jpg", "masks/{split}/{name}.png", splits=True),
    Animal(
        "cities within splits",
        "leftImg8bit/{split}/{group}/{name}_leftImg8bit.png",
        "gtFine/{split}/{group}/{name}_gtFine_labelIds.png",
        splits=True,
    ),
    Animal("split, then side by side", "{split}/{name}_sat.jpg", "{split}/{name}_mask.png", splits=True),
    Animal("observers' marks beside images", "Image_{n:02}L.jpg", "Image_{n:02}L_1stHO.png", by_content=True),
    Animal("numbers in brackets", "benign ({n}).png", "benign ({n})_mask.png"),
    Animal("VOC", "VOC2012/JPEGImages/{name}.jpg", "VOC2012/SegmentationClass/{name}.png"),
    Animal("side by side, another extension", "{name}.jpg", "{name}.png", by_content=True),
    Animal("side by side, both lossless", "{name}.bmp", "{name}.png", by_content=True),
    Animal("side by side, _mask", "{name}.png", "{name}_mask.png"),
    Animal("side by side, -labels", "all/{name}.jpg", "all/{name}-labels.png"),
    Animal("side by side, _GT", "images/{name}.jpg", "images/{name}_GT.png"),
    Animal("side by side, .annotation", "{name}.jpg", "{name}.annotation.png"),
    Animal("side by side, mask_ in front", "{name}.jpg", "mask_{name}.png"),
    Animal("side by side, img_ and gt_", "img_{name}.jpg", "gt_{name}.png"),
    Animal("side by side, an ending of their own", "{name}.png", "{name}_L.png", by_content=True),
    Animal(
        "side by side in a folder for masks and images",
        "images_and_masks/{name}.jpg",
        "images_and_masks/{name}_seg.png",
    ),
    Animal("a folder for each sample", "{name}/image.png", "{name}/mask.png"),
    Animal("a folder for each sample, deeper", "set/{name}/{name}.jpg", "set/{name}/{name}_label.png"),
    Animal("a folder for each sample, with folders in it", "{name}/images/{name}.png", "{name}/masks/{name}.png"),
    Animal("a folder for each sample, other stems", "{name}/images/x{n}.png", "{name}/masks/y{n}7.png"),
    Animal("a folder for each sample, divided", "{split}/{name}/img.png", "{split}/{name}/label.png", splits=True),
    Animal("a folder for each mask alone", "images/{name}.jpg", "labels/{name}/label.png"),
    Animal("words at both ends", "images/{name}_image.jpg", "masks/{name}_annotation.png"),
    Animal("a word in front", "images/img_{name}.jpg", "masks/label_{name}.png"),
    Animal("a word in the middle", "images/{name}_img_{n}.jpg", "masks/{name}_mask_{n}.png"),
    Animal("beginnings of their own", "images/IMG_2024_{n:03}.jpg", "masks/tool7-{n:03}.png"),
    Animal("numbers of another width", "images/image_{n:03}.jpg", "masks/gt_{n}.png"),
)


def touch(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"not looked at")
    return root


def found(layout: Layout, root: Path) -> list[tuple[str | None, str, str]]:
    return [
        (sample.split, sample.image.relative_to(root).as_posix(), sample.mask.relative_to(root).as_posix())
        for sample in layout.samples
        if sample.image and sample.mask
    ]


def refuse_to_list(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    scandir: Callable[[Path], object] = os.scandir

    def listing(folder: Path) -> object:
        if Path(folder).name == name:
            raise PermissionError(13, "Permission denied", str(folder))
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", listing)
