"""Images with any number of channels, whose classes only some of the channels tell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

#: The value of white in each type.
TOPS = {"uint8": 255, "uint16": 10000, "float32": 1.0}


def bands(shape: tuple[int, int, int], dtype: str, seed: int = 0) -> NDArray[Any]:
    """Noise of all values of a type, (H, W, C); of float32 negative ones, too."""
    rng = np.random.default_rng(seed)
    if dtype == "float32":
        return rng.normal(0, 100, shape).astype(np.float32)
    return rng.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def write_bands(
    folder: Path, channels: int, dtype: str, *, images: int = 6, side: int = 64, suffix: str = ".tif"
) -> Path:
    """Images of noise in which the last channel alone tells the two classes, squares of 16 pixels, with their masks."""
    rng = np.random.default_rng(channels)
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True)
    for number in range(images):
        cells = rng.permutation(np.arange((side // 16) ** 2) % 2).reshape(side // 16, -1)
        mask = np.kron(cells, np.ones((16, 16), np.uint8)).astype(np.uint8)
        image = rng.uniform(0.3, 0.6, (side, side, channels))
        image[..., -1] = np.where(mask == 1, 0.7, 0.2) + rng.normal(0, 0.03, mask.shape)
        save_bands(folder / "images" / f"{number:02}{suffix}", (image.clip(0, 1) * TOPS[dtype]).astype(dtype))
        Image.fromarray(mask).save(folder / "masks" / f"{number:02}.png")
    return folder


def save_bands(path: Path, image: NDArray[Any], **options: Any) -> Path:
    """Write (H, W, C) as the file's ending says."""
    if path.suffix == ".npy":
        np.save(path, image)
    elif path.suffix == ".png":
        Image.fromarray(image[..., 0] if image.shape[2] == 1 else image).save(path)
    else:
        array = np.moveaxis(image, -1, 0) if options.get("planarconfig") == "separate" else image
        array = array[..., 0] if image.shape[2] == 1 else array
        tifffile.imwrite(
            path,
            np.ascontiguousarray(array),
            **{"photometric": "minisblack", **({"planarconfig": "contig"} if image.shape[2] > 1 else {}), **options},
        )
    return path
