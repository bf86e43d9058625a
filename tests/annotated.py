"""Small annotated data sets for the tests of the converters, and how to read back what they write."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segarena.data.converters.annotations import Annotations
from segarena.data.converters.write import write_annotations
from segarena.data.folder import FolderSource

#: Width and height of an image that does not say otherwise.
WIDTH, HEIGHT = 8, 6


def write_image(path: Path, size: tuple[int, int] = (WIDTH, HEIGHT), seed: int = 0) -> Path:
    """An image of noise, `size` = (width, height)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    return path


def write_mask(path: Path, rows: list[str], palette: list[int] | None = None) -> Path:
    """A mask from rows of digits; `palette` makes it a palette file."""
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
    """Labels from rows of digits; `.` is 0 and `x` is void (255)."""
    values = {".": 0, "x": 255, **{str(digit): digit for digit in range(10)}}
    return np.array([[values[letter] for letter in row] for row in rows], dtype=np.uint8)


def coco(**changes: Any) -> dict[str, Any]:
    """One image a.png, two categories and a square of the second, as COCO's JSON."""
    content: dict[str, Any] = {
        "images": [{"id": 1, "file_name": "a.png", "width": WIDTH, "height": HEIGHT}],
        "categories": [{"id": 3, "name": "cat"}, {"id": 7, "name": "dog"}],
        "annotations": [
            {"id": 5, "image_id": 1, "category_id": 7, "segmentation": [[2, 1, 5, 1, 5, 4, 2, 4]], "iscrowd": 0}
        ],
    }
    return {**content, **changes}


#: The mask of `coco()`.
COCO_MASK = ["........", "..222...", "..222...", "..222...", "........", "........"]


def convert(read: Callable[[Path], Annotations], src: Path, dst: Path) -> dict[str, list[str]]:
    """Convert, read the folder back, and give each mask as rows of digits by the sample's name (split/name)."""
    write_annotations(dst, read(src))
    return read_back(FolderSource(dst))


def read_back(source: FolderSource) -> dict[str, list[str]]:
    found = {}
    for index, sample in enumerate(source.samples):
        name = sample.name.rpartition("/")[2]
        found[f"{sample.split}/{name}" if sample.split else name] = show(source.read(index)[1])
    return found


def show(mask: NDArray[np.uint8]) -> list[str]:
    """The opposite of `draw`."""
    return ["".join({0: ".", 255: "x"}.get(value, str(value)) for value in row) for row in mask.tolist()]
