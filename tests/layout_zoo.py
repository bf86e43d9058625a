"""Layouts of folders of images and masks, as they occur in practice, written small, and helpers to check them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from segarena.data.layout.layout import Layout

SPLITS = ("train", "train", "train", "val", "test", "test")
NAMES = ("river 1", "Zürich", "b-2.final", "b-20", "0007", "木")
SIZE = (24, 18)

Save = Callable[[Path, int], None]
Expected = list[tuple[str | None, str, str]]


@dataclass(frozen=True)
class LayoutCase:
    """One layout: paths of images and masks, with {name}, {n} (1, 2, ...), {split}, {word} and {group} to fill in."""

    title: str
    image: str
    mask: str
    by_content: bool = False
    """Whether only the pixels show which files are the masks."""

    @property
    def has_splits(self) -> bool:
        return any(part in self.image + self.mask for part in ("{split}", "{word}"))

    @property
    def folders(self) -> tuple[Path, Path]:
        """The folders of the images and of the masks, of a layout without placeholders in them."""
        return Path(self.image).parent, Path(self.mask).parent

    def with_endings(self, image: tuple[str, str], mask: str) -> LayoutCase:
        """Return the layout with other file formats: the second for images that would have the name of their mask."""
        new_mask = _change_ending(self.mask, mask)
        new_images = [_change_ending(self.image, ending) for ending in image]
        return replace(self, mask=new_mask, image=next(one for one in new_images if one.lower() != new_mask.lower()))

    def write(self, root: Path, save_image: Save | None = None, save_mask: Save | None = None) -> Expected:
        """Write six pairs, by default noise and a rectangle; return (split, image, mask) of each, sorted."""
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
            expected.append((split if self.has_splits else None, image, mask))
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
    """Write what accumulates in such folders, with stems of the data: previews, predictions, system files, archives."""
    folders = "overlays, predictions/unet, preview_masks, __MACOSX/images, .cache/masks, runs/1/images".split(", ")
    for name in NAMES[:2]:
        for folder in folders:
            write_photograph(root / folder / f"{name}.png")
    write_mask(root / "masks_thumbs" / "river 1.png")
    touch(root, "notes.txt, Thumbs.db, desktop.ini, data.zip, README.md, checkpoints/best.pth, ._a.jpg")


LAYOUTS = (
    LayoutCase("images beside masks", "images/{name}.jpg", "masks/{name}.png"),
    LayoutCase("image and label", "image/{name}.png", "label/{name}.png"),
    LayoutCase("words in capitals and with a separator", "IMGS/{name}.tif", "Ground_Truth/{name}.bmp"),
    LayoutCase("original and Ground Truth", "Original/{name}.tif", "Ground Truth/{name}.tif"),
    LayoutCase("input and target", "input/{name}.bmp", "target/{name}.gif"),
    LayoutCase("labelled with longer names", "701_StillsRaw_full/{name}.png", "LabeledApproved_full/{name}_L1.png"),
    LayoutCase("masks inside the images' folder", "images/{name}.jpg", "images/masks/{name}.png"),
    LayoutCase("MMSegmentation's folders", "img_dir/{split}/{name}.jpg", "ann_dir/{split}/{name}.png"),
    LayoutCase(
        "such folders in one of images", "Images/img_dir/{split}/{name}.jpg", "Images/ann_dir/{split}/{name}.png"
    ),
    LayoutCase("one folder down", "my data/set 1/images/{name}.jpg", "my data/set 1/masks/{name}.png"),
    LayoutCase("under different parents", "camera/images/{name}.jpg", "tool/export/masks/{name}.png"),
    LayoutCase("deep below in groups", "a/b/images/{group}/{name}.jpg", "a/b/labels/{group}/{name}.png"),
    LayoutCase("groups of images, masks in one folder", "images/{group}/{name}.jpg", "masks/{name}.png"),
    LayoutCase("groups outside", "{group}/images/{name}.jpg", "{group}/masks/{name}.png"),
    LayoutCase("same numbers in each group", "images/{group}/{n}.jpg", "masks/{group}/{n}.png"),
    LayoutCase("only the masks' folder is named", "frames of May/{name}.jpg", "masks/{name}.png"),
    LayoutCase("only the images' folder is named", "images/{name}.jpg", "painted/{name}.png", by_content=True),
    LayoutCase(
        "only the masks' files are named", "raw/{name}.png", "export/{name}_Simple Segmentation.png", by_content=True
    ),
    LayoutCase("folders named in another language", "Bilder/{name}.jpg", "Masken/{name}.png", by_content=True),
    LayoutCase("folders named a and b, all PNG", "a/{name}.png", "b/{name}.png", by_content=True),
    LayoutCase("folders named b and a, all PNG", "b/{name}.png", "a/{name}.png", by_content=True),
    LayoutCase("splits inside", "images/{split}/{name}.jpg", "masks/{split}/{name}.png"),
    LayoutCase("splits outside", "{split}/images/{name}.jpg", "{split}/masks/{name}.png"),
    LayoutCase("splits spelled out", "{word}/img/{name}.jpg", "{word}/gt/{name}.png"),
    LayoutCase("train and trainannot", "{split}/{name}.png", "{split}annot/{name}.png"),
    LayoutCase("train_images and train_masks", "{split}_images/{name}.jpg", "{split}_masks/{name}_mask.gif"),
    LayoutCase("years behind splits", "images/{split}2017/{name}.jpg", "annotations/{split}2017/{name}.png"),
    LayoutCase(
        "a challenge's names", "C_{word}_Input/{name}.jpg", "C_{word}_Part1_GroundTruth/{name}_segmentation.png"
    ),
    LayoutCase("images in splits, masks in one folder", "images/{split}/{name}.jpg", "masks/{name}.png"),
    LayoutCase("images in one folder, masks in splits", "images/{name}.jpg", "masks/{split}/{name}.png"),
    LayoutCase(
        "cities within splits",
        "leftImg8bit/{split}/{group}/{name}_leftImg8bit.png",
        "gtFine/{split}/{group}/{name}_gtFine_labelIds.png",
    ),
    LayoutCase("split, then side by side", "{split}/{name}_sat.jpg", "{split}/{name}_mask.png"),
    LayoutCase("observers' marks beside images", "Image_{n:02}L.jpg", "Image_{n:02}L_1stHO.png", by_content=True),
    LayoutCase("numbers in brackets", "benign ({n}).png", "benign ({n})_mask.png"),
    LayoutCase("VOC", "VOC2012/JPEGImages/{name}.jpg", "VOC2012/SegmentationClass/{name}.png"),
    LayoutCase("side by side, another extension", "{name}.jpg", "{name}.png", by_content=True),
    LayoutCase("side by side, both lossless", "{name}.bmp", "{name}.png", by_content=True),
    LayoutCase("side by side, _mask", "{name}.png", "{name}_mask.png"),
    LayoutCase("side by side, -labels", "all/{name}.jpg", "all/{name}-labels.png"),
    LayoutCase("side by side, _GT", "images/{name}.jpg", "images/{name}_GT.png"),
    LayoutCase("side by side, .annotation", "{name}.jpg", "{name}.annotation.png"),
    LayoutCase("side by side, mask_ in front", "{name}.jpg", "mask_{name}.png"),
    LayoutCase("side by side, img_ and gt_", "img_{name}.jpg", "gt_{name}.png"),
    LayoutCase("side by side, an ending of their own", "{name}.png", "{name}_L.png", by_content=True),
    LayoutCase("side by side in a folder for both", "images_and_masks/{name}.jpg", "images_and_masks/{name}_seg.png"),
    LayoutCase("a folder for each sample", "{name}/image.png", "{name}/mask.png"),
    LayoutCase("a folder for each sample, deeper", "set/{name}/{name}.jpg", "set/{name}/{name}_label.png"),
    LayoutCase("a folder for each sample, with folders in it", "{name}/images/{name}.png", "{name}/masks/{name}.png"),
    LayoutCase("a folder for each sample, other stems", "{name}/images/x{n}.png", "{name}/masks/y{n}7.png"),
    LayoutCase("a folder for each sample, in splits", "{split}/{name}/img.png", "{split}/{name}/label.png"),
    LayoutCase("a folder for each mask alone", "images/{name}.jpg", "labels/{name}/label.png"),
    LayoutCase("words at both ends", "images/{name}_image.jpg", "masks/{name}_annotation.png"),
    LayoutCase("a word in front", "images/img_{name}.jpg", "masks/label_{name}.png"),
    LayoutCase("a word in the middle", "images/{name}_img_{n}.jpg", "masks/{name}_mask_{n}.png"),
    LayoutCase("beginnings of their own", "images/IMG_2024_{n:03}.jpg", "masks/tool7-{n:03}.png"),
    LayoutCase("MATLAB's numbers", "images/frame_{n:03}.jpg", "PixelLabelData/Label_{n}.png"),
    LayoutCase("numbers of another width", "images/image_{n:03}.jpg", "masks/gt_{n}.png"),
)


def touch(root: Path, *names: str) -> Path:
    """Write files that nobody opens; an argument may have several names with ", " between them."""
    for name in ", ".join(names).split(", "):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"not an image")
    return root


def write_lists(root: Path, lists: dict[str, str]) -> Path:
    """Write text files by their paths."""
    for name, content in lists.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content, encoding="utf-8")
    return root


def found(layout: Layout, root: Path) -> Expected:
    """Return (split, image, mask) of each sample, paths relative to the root."""
    return [
        (sample.split, sample.image.relative_to(root).as_posix(), sample.mask.relative_to(root).as_posix())
        for sample in layout.samples
        if sample.image and sample.mask
    ]


def splits(layout: Layout) -> dict[str, str | None]:
    """Return the split of each sample by its name."""
    return {sample.name: sample.split for sample in layout.samples}
