"""Label maps that look like a person's: rectangles and ellipses, in all encodings that soften or spoil them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw

from segarena.classes import ClassTable
from segarena.data.encoding.infer import InferredEncoding, infer_encoding
from segarena.image_files.mask_facts import CountedMask, read_mask_facts


def label_map(seed: int, count: int, height: int = 160, width: int = 200) -> NDArray[np.uint8]:
    """(height, width) labels 0..count-1 in a dozen overlapping shapes on 0."""
    random = np.random.default_rng(seed)
    image = Image.new("L", (width, height), 0)
    draw = ImageDraw.Draw(image)
    for number in range(12):
        x, y, reach_x, reach_y = (
            int(random.integers(low, high)) for low, high in ((0, width), (0, height), (8, 50), (8, 40))
        )
        shape = draw.ellipse if number % 2 else draw.rectangle
        shape((x - reach_x, y - reach_y, x + reach_x, y + reach_y), fill=number % count)
    return np.asarray(image)


def paint(labels: NDArray[np.uint8], values: ArrayLike) -> Image.Image:
    """The labels as an image of `values`: greys, or colours."""
    return Image.fromarray(np.asarray(values, dtype=np.uint8)[labels])


def soften(image: Image.Image, factor: float = 0.5) -> Image.Image:
    """The image at another size, with the mixed values that resizing leaves at edges."""
    return image.resize((int(image.width * factor), int(image.height * factor)), Image.Resampling.BILINEAR)


def through_jpeg(image: Image.Image, quality: int = 75) -> Image.Image:
    """What a JPEG makes of an image."""
    stream = io.BytesIO()
    image.save(stream, format="JPEG", quality=quality)
    return Image.open(stream).copy()


def save_all(folder: Path, images: Sequence[Image.Image], suffix: str = "png", **options: Any) -> list[Path]:
    """Write FOLDER/0.SUFFIX, FOLDER/1.SUFFIX, ..."""
    folder.mkdir(exist_ok=True)
    paths = [folder / f"{number}.{suffix}" for number in range(len(images))]
    for path, image in zip(paths, images, strict=True):
        image.save(path, **options)
    return paths


def infer(paths: Sequence[Path], classes: ClassTable | None = None) -> InferredEncoding:
    """The encoding of these mask files."""
    return infer_encoding([CountedMask(path, read_mask_facts(path)) for path in paths], classes)
