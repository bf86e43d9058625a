"""Small annotated data sets for the tests of the converters, and how to read back what they write."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segarena.annotations.annotations import Annotations
from segarena.annotations.write import write_annotations
from segarena.converters.voc_names import voc_color
from segarena.data.folder import FolderSource
from support import refuses

#: Width and height of an image, by default.
WIDTH, HEIGHT = 8, 6
VOC_PALETTE = [channel for index in range(256) for channel in voc_color(index)]


def write_image(path: Path, size: tuple[int, int] = (WIDTH, HEIGHT), seed: int = 0) -> Path:
    """Write an image of noise, `size` = (width, height)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    return path


def write_mask(path: Path, rows: list[str], palette: list[int] | None = None) -> Path:
    """Write a mask from rows of digits; `palette` makes it a palette file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(draw(rows))
    if palette is not None:
        image.putpalette(palette)
    image.save(path)
    return path


def write_json(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def draw(rows: list[str]) -> NDArray[np.uint8]:
    """Return labels from rows of digits; `.` is 0 and `x` is void (255)."""
    values = {".": 0, "x": 255, **{str(digit): digit for digit in range(10)}}
    return np.array([[values[letter] for letter in row] for row in rows], dtype=np.uint8)


def show(mask: NDArray[np.uint8]) -> list[str]:
    """Return rows of digits: the opposite of `draw`."""
    return ["".join({0: ".", 255: "x"}.get(value, str(value)) for value in row) for row in mask.tolist()]


# One image a.png in each format


#: Rows with a square of 2 from (2, 1) to (5, 4): the mask of `coco()`.
COCO_MASK = ["........", "..222...", "..222...", "..222...", "........", "........"]
SQUARE = [2, 1, 5, 1, 5, 4, 2, 4]


def coco(**changes: Any) -> dict[str, Any]:
    """Return COCO's JSON with two categories and a square of the second."""
    content: dict[str, Any] = {
        "images": [{"id": 1, "file_name": "a.png", "width": WIDTH, "height": HEIGHT}],
        "categories": [{"id": 3, "name": "cat"}, {"id": 7, "name": "dog"}],
        "annotations": [{"id": 5, "image_id": 1, "category_id": 7, "segmentation": [SQUARE], "iscrowd": 0}],
    }
    return {**content, **changes}


def labelme(*shapes: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return LabelMe's JSON."""
    size = {"imageHeight": HEIGHT, "imageWidth": WIDTH}
    return {"version": "5.5.0", "shapes": list(shapes), "imagePath": "a.png", "imageData": None, **size, **changes}


def cvat(*images: str, meta: str = "<label><name>car</name></label>", head: str = "") -> str:
    """Return CVAT's XML with images from `cvat_image`."""
    meta = f"<meta><task><labels>{meta}</labels></task></meta>"
    return f'<?xml version="1.0"?>\n{head}<annotations><version>1.1</version>{meta}{"".join(images)}</annotations>'


def cvat_image(*shapes: str, name: str = "a.png", size: str = f'width="{WIDTH}" height="{HEIGHT}"') -> str:
    return f'<image id="0" name="{name}" {size}>{"".join(shapes)}</image>'


def write_voc(root: Path, *stems: str, rows: list[str], lists: dict[str, str] | None = None) -> Path:
    """Write VOC's folders with an image and a mask of `rows` for each stem, and lists without .txt in their names."""
    for stem in stems:
        write_image(root / "JPEGImages" / f"{stem}.jpg", size=(len(rows[0]), len(rows)))
        write_mask(root / "SegmentationClass" / f"{stem}.png", rows, VOC_PALETTE)
    for name, content in (lists or {}).items():
        path = root / "ImageSets" / "Segmentation" / f"{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{stem}\n" for stem in content.split()))
    return root


def write_bowl(root: Path, name: str, **masks: list[str]) -> None:
    """Write an image and its masks as in the Data Science Bowl 2018; `x__y` is a mask y in a folder x in masks/."""
    write_image(root / name / "images" / f"{name}.png", size=(4, 2))
    for key, rows in masks.items():
        write_mask(root / name / "masks" / (key.replace("__", "/") + ".png"), rows)


def encode(pixels: NDArray[np.uint8], kind: str = "PNG") -> str:
    """Return an image file as base64."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format=kind)
    return base64.b64encode(stream.getvalue()).decode()


# Converting


def convert(read: Callable[[Path], Annotations], src: Path, dst: Path) -> dict[str, list[str]]:
    """Convert, read the folder back, and return each mask as rows of digits by the sample's name (split/name)."""
    write_annotations(dst, read(src))
    return read_back(FolderSource(dst))


def check_refusal(read: Callable[[Path], Annotations], src: Path, expected: str) -> None:
    """Converting `src` has to fail with a DataError, and to leave nothing.

    Args:
        read: The reader.
        src: A folder.
        expected: The file that the error names, below `src` or "out", and parts of what is wrong, separated by " | ".
    """
    dst = src.parent / "out"
    where, *values = expected.split(" | ")
    with refuses(where=dst if where == "out" else src / where) as caught:
        write_annotations(dst, read(src))
    for value in values:
        assert value in caught.value.what
    assert len(str(caught.value)) < 700
    assert not list(dst.rglob("*")), "part of a data set is left"


def read_back(source: FolderSource) -> dict[str, list[str]]:
    found = {}
    for index, sample in enumerate(source.samples):
        name = sample.name.rpartition("/")[2]
        found[f"{sample.split}/{name}" if sample.split else name] = show(source.read(index)[1])
    return found
