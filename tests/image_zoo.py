"""Photographs as people have them: the file formats of the images of a data set, and what each is to be read as."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from encoding_zoo import HEIGHT, WIDTH

Pixels = NDArray[np.uint8]

_ORIENTATION = 0x0112
#: EXIF's orientation, and what makes of an upright picture the one that is stored with it.
_TURNS: tuple[tuple[int, Image.Transpose | None], ...] = (
    (1, None),
    (2, Image.Transpose.FLIP_LEFT_RIGHT),
    (3, Image.Transpose.ROTATE_180),
    (5, Image.Transpose.TRANSPOSE),
    (6, Image.Transpose.ROTATE_90),
    (8, Image.Transpose.ROTATE_270),
)
_LOSSY = frozenset({"jpg", "jpeg", "JPG", "webp"})


@dataclass(frozen=True)
class Camera:
    """One kind of image files.

    `endings`: the second is for layouts in which a mask has the first, and the image's own name. `store` makes of a
    picture and its number what is saved with which options; `sees` makes of it the RGB that is to be read: exactly,
    but for compression.
    """

    title: str
    endings: tuple[str, str]
    store: Callable[[Pixels, int], tuple[Image.Image, dict[str, Any]]]
    sees: Callable[[Pixels], Pixels] = lambda pixels: pixels

    def save(self, path: Path, number: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        image, options = self.store(take(number), number)
        if path.suffix[1:] in _LOSSY:
            options = {"quality": 95, **options}
        image.save(path, **options)

    def check(self, path: Path, number: int, image: Pixels) -> None:
        """Fail unless `image` (H, W, 3) is what the file at `path` shows."""
        expected = self.sees(take(number))
        assert image.shape == expected.shape
        difference = np.abs(image.astype(int) - expected)
        if path.suffix[1:] in _LOSSY:
            assert difference.mean() < 4
        else:
            assert difference.max() == 0


@cache
def take(number: int) -> Pixels:
    """Picture `number`, (HEIGHT, WIDTH, 3): brighter to the right, bluer below, with the grain of a sensor."""
    random = np.random.default_rng(number)
    rows, columns = np.meshgrid(np.linspace(0, 1, HEIGHT), np.linspace(0, 1, WIDTH), indexing="ij")
    shade = np.stack([columns, 0.5 * columns + 0.3, rows], axis=2)
    grain = random.normal(0, 0.05, (HEIGHT, WIDTH, 1))
    return np.clip((0.1 + 0.8 * shade + grain) * 255, 0, 255).astype(np.uint8)


def _turned(pixels: Pixels, number: int) -> tuple[Image.Image, dict[str, Any]]:
    orientation, turn = _TURNS[number % len(_TURNS)]
    exif = Image.Exif()
    exif[_ORIENTATION] = orientation
    image = Image.fromarray(pixels)
    return image if turn is None else image.transpose(turn), {"exif": exif}


def _as_grey(pixels: Pixels) -> Pixels:
    return np.repeat(pixels[..., 1:2], 3, axis=2)


def _deep(pixels: Pixels, top: int) -> tuple[Image.Image, dict[str, Any]]:
    """Grey of 16 bits of which the brightest is `top`."""
    return Image.fromarray((pixels[..., 1].astype(np.uint32) * top // 255).astype(np.uint16)), {}


def _with_palette(pixels: Pixels) -> Image.Image:
    return Image.fromarray(pixels).quantize(256)


def _veil(pixels: Pixels) -> NDArray[np.bool_]:
    """Where a transparent image shows nothing."""
    return pixels[..., 2] < 60


def _on_white(pixels: Pixels) -> Pixels:
    return np.where(_veil(pixels)[..., None], np.uint8(255), pixels)


CAMERAS = (
    Camera("JPEG", ("jpg", "webp"), lambda pixels, _: (Image.fromarray(pixels), {})),
    Camera("PNG", ("png", "bmp"), lambda pixels, _: (Image.fromarray(pixels), {})),
    Camera("turned JPEG", ("JPG", "jpeg"), _turned),
    Camera("turned PNG", ("png", "tif"), _turned),
    Camera("grey", ("png", "tif"), lambda pixels, _: (Image.fromarray(pixels[..., 1]), {}), _as_grey),
    Camera("grey JPEG", ("jpg", "jpeg"), lambda pixels, _: (Image.fromarray(pixels[..., 1]), {}), _as_grey),
    Camera(
        "RGBA",
        ("png", "tif"),
        lambda pixels, _: (Image.fromarray(np.dstack([pixels, np.where(_veil(pixels), 0, 255).astype(np.uint8)])), {}),
        _on_white,
    ),
    Camera("CMYK", ("jpg", "tif"), lambda pixels, _: (Image.fromarray(pixels).convert("CMYK"), {})),
    Camera("CMYK, TIFF", ("tif", "jpg"), lambda pixels, _: (Image.fromarray(pixels).convert("CMYK"), {})),
    Camera(
        "palette",
        ("png", "bmp"),
        lambda pixels, _: (_with_palette(pixels), {}),
        lambda pixels: np.asarray(_with_palette(pixels).convert("RGB")),
    ),
    Camera("16 bits", ("png", "tif"), lambda pixels, _: _deep(pixels, 65535), _as_grey),
    Camera("12 of 16 bits", ("tif", "png"), lambda pixels, _: _deep(pixels, 4095), _as_grey),
)
