"""Masks saved in one of the ways in which people save them, and read back by segarena's own reader."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from segarena.classes import IGNORE_INDEX
from segarena.data.encoding.mask_encoding import MaskEncoding
from segarena.data.folder import FolderSource
from segarena.image_files.raw_masks import read_plane
from segarena.scenes.scenery import BOAT, FOREST, HOUSE, LAKE, ROAD, SEA, generate_scene

Bytes = NDArray[np.uint8]
#: Labels (H, W) to the picture that is saved.
Painter = Callable[[Bytes], Image.Image]

#: What the scenes' eight classes become here; 255 is void.
LAND, WATER, WOOD, BUILDING, WAY = 0, 1, 3, 2, 4
_CLASSES = {SEA: WATER, LAKE: WATER, BOAT: WATER, HOUSE: BUILDING, FOREST: WOOD, ROAD: WAY}  # all others are land

#: Pixels of a scene's side.
SIDE = 80

_SCENES = (2, 0, 1, 3, 4, 5)  # of seed 0; the first is the one that is drawn
_SQUARE, _SHADES = 4, (200, 240)  # what viewers show behind transparent pixels


@dataclass(frozen=True)
class MaskFile:
    """A way to save masks.

    Args:
        name: Name of the picture.
        looks: What a viewer shows of the file.
        format: The file's format.
        paint: Makes the picture from labels.
        ending: Ending of the file name, for Pillow.
        options: Options of `Image.save`.
        with_void: Boats and shores are void, instead of water and land.
        classes_yaml: Content of the classes.yaml beside the masks, if any.
        scale: How many times as large as the scene the files are.
        corner: Row and column of the first pixel of the enlarged square; the default square has four classes.
        cells: Side of the enlarged square, in pixels of the file.
    """

    name: str
    looks: str
    format: str
    paint: Painter
    ending: str = ".png"
    options: dict[str, Any] = field(default_factory=dict)
    with_void: bool = False
    classes_yaml: str = ""
    scale: int = 1
    corner: tuple[int, int] = (19, 30)
    cells: int = 5


@dataclass(frozen=True)
class Reading:
    """The first scene's files, and what segarena understood of them.

    `image` and `viewed`, the mask file as a viewer shows it, are (H, W, 3) RGB; `values` (H, W) are the numbers in the
    file, or packed colours if `colored`; `labels` (H, W) come from the reader, 255 = void, by the set's `encoding`.
    """

    image: Bytes
    viewed: Bytes
    values: NDArray[np.integer[Any]]
    colored: bool
    labels: Bytes
    encoding: MaskEncoding


def read_back(way: MaskFile) -> Reading:
    """Save the scenes' masks in this way, and read the folder as `segarena check` does. Raises DataError."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for kind in ("images", "masks"):
            (folder / kind).mkdir()
        for number, scene in enumerate(_SCENES):
            image, labels = (_enlarge(one, way.scale) for one in generate_scene(0, scene, SIDE))
            Image.fromarray(image).save(folder / "images" / f"scene{number}.png")
            mask = way.paint(_simplify(labels, way.with_void))
            mask.save(folder / "masks" / f"scene{number}{way.ending}", **way.options)
        if way.classes_yaml:
            (folder / "classes.yaml").write_text(way.classes_yaml)
        source = FolderSource(folder)
        path = folder / "masks" / f"scene0{way.ending}"
        plane = read_plane(path)
        image, labels = source.read(0)
        return Reading(image, view(path), plane.values, plane.colored, labels, source.encoding)


def view(path: Path) -> Bytes:
    """(H, W, 3): what a viewer shows of a picture, 0 as black and the highest number its bits can hold as white."""
    with Image.open(path) as picture:
        if picture.mode == "I;16":
            return np.repeat((np.asarray(picture) >> 8).astype(np.uint8)[..., None], 3, axis=2)
        solid = picture.convert("RGBA")
    rows, columns = np.indices((solid.height, solid.width)) // _SQUARE
    ground = Image.fromarray(np.where((rows + columns) % 2, *_SHADES).astype(np.uint8))
    return np.asarray(Image.alpha_composite(ground.convert("RGBA"), solid).convert("RGB"))


def _enlarge(pixels: Bytes, scale: int) -> Bytes:
    return pixels.repeat(scale, 0).repeat(scale, 1)


def _simplify(labels: Bytes, with_void: bool) -> Bytes:
    """Labels of the scenes to those of this page."""
    simple = np.full(8, LAND, dtype=np.uint8)
    simple[list(_CLASSES)] = list(_CLASSES.values())
    result: Bytes = simple[labels]
    if with_void:
        water, around = result == WATER, np.ones((3, 3), dtype=bool)
        shore = ndimage.binary_dilation(water, around) & ~ndimage.binary_erosion(water, around, border_value=1)
        result[shore | (labels == BOAT)] = IGNORE_INDEX
    return result
