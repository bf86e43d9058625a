"""Masks as people save them: the value of each label, the file format, and drawings to save."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray
from PIL import Image

from drawings import label_map

Value = int | tuple[int, int, int]
Picture = tuple[Image.Image, dict[str, Any]]
Writers = dict[str, tuple[str, Callable[[NDArray[Any]], Picture]]]

HEIGHT, WIDTH = 36, 48
VOID = 255
_FINER = 5  # along each side: an odd number of samples, so that no two labels share a pixel evenly


def grey(values: NDArray[Any], **options: Any) -> Picture:
    return Image.fromarray(values.astype(np.uint8)), options


def stacked(values: NDArray[Any], *alpha: int) -> Picture:
    """RGB, or RGBA with one `alpha`: grey in three channels, colours as they are."""
    channels = values if values.ndim == 3 else np.repeat(values[..., None], 3, axis=2)
    more = [np.full((*channels.shape[:2], 1), level) for level in alpha]
    return Image.fromarray(np.concatenate([channels, *more], axis=2).astype(np.uint8)), {}


def cut_out(values: NDArray[Any]) -> Picture:
    """RGBA, black transparent and all else opaque, as drawing programs export a layer."""
    alpha = 255 * values.any(axis=2, keepdims=True)
    return Image.fromarray(np.concatenate([values, alpha], axis=2).astype(np.uint8)), {}


def indexed(values: NDArray[Any]) -> Picture:
    image = Image.fromarray(values.astype(np.uint8))
    image.putpalette(np.random.default_rng(0).permutation(768).astype(np.uint8).tobytes())
    return image, {}


def own_palette(values: NDArray[Any]) -> Picture:
    """Colours, numbered in an order of this file's own."""
    return stacked(values)[0].quantize(256), {}


def shuffled_palette(values: NDArray[Any]) -> Picture:
    """Colours, numbered in an order that has nothing to do with that of other files."""
    image = stacked(values)[0].quantize(256)
    order = np.random.default_rng(values.sum()).permutation(len(image.getcolors() or []))
    return image.remap_palette(order.tolist()), {}


#: By the name of a format: the ending of its files, and what makes the image and the options to save it with.
WRITERS: Writers = {
    "grey png": ("png", grey),
    "grey bmp": ("bmp", grey),
    "grey gif": ("gif", grey),
    "grey pgm": ("pgm", grey),
    "grey tif": ("tif", lambda values: grey(values, compression="tiff_lzw")),
    "grey webp": ("webp", lambda values: (stacked(values)[0], {"lossless": True})),
    "grey and alpha": ("png", lambda values: (grey(values)[0].convert("LA"), {})),
    "grey as RGB": ("png", stacked),
    "palette": ("png", indexed),
    "palette bmp": ("bmp", indexed),
    "bits png": ("png", lambda values: (Image.fromarray(values > 0), {})),
    "bits tif": ("tif", lambda values: (Image.fromarray(values > 0), {"compression": "group4"})),
    "bits pbm": ("pbm", lambda values: (Image.fromarray(values > 0), {})),
    "16-bit png": ("png", lambda values: (Image.fromarray(values.astype(np.uint16)), {})),
    "16-bit tif": ("tif", lambda values: (Image.fromarray(values.astype(np.uint16)), {"compression": "tiff_deflate"})),
    "32-bit tif": ("tif", lambda values: (Image.fromarray(values.astype(np.int32)), {})),
    "float tif": ("tif", lambda values: (Image.fromarray(values.astype(np.float32)), {})),
    "RGB png": ("png", stacked),
    "RGB bmp": ("bmp", stacked),
    "RGB tif": ("tif", lambda values: (stacked(values)[0], {"compression": "packbits"})),
    "RGB webp": ("webp", lambda values: (stacked(values)[0], {"lossless": True})),
    "RGBA png": ("png", lambda values: stacked(values, 255)),
    "RGBA see-through": ("png", lambda values: stacked(values, 0)),
    "colours in palettes": ("png", own_palette),
}

#: Formats that hold only some sets of values, or change them a little.
_FURTHER: Writers = {
    "grey jpg": ("jpg", lambda values: grey(values, quality=90)),
    "grey as RGB jpg": ("JPG", lambda values: (stacked(values)[0], {"quality": 90})),
    "RGB jpg": ("jpg", lambda values: (stacked(values)[0], {"quality": 95, "subsampling": 0})),
    "RGBA cut out": ("png", cut_out),
    "colours in gif": ("gif", own_palette),
    "colours in own palettes": ("png", shuffled_palette),
    "colours in own palettes gif": ("gif", shuffled_palette),
}


@dataclass(frozen=True)
class Encoding:
    """One way of saving masks: `values` of the labels 0, 1, ..., with that of void last if there is `void`.

    Where the masks come with a classes.yaml, `declared`, its classes are in the order of `values`; where not, the
    values rise, as the classes then do. `soft`: edges are anti-aliased.
    """

    title: str
    format: str
    values: tuple[Value, ...]
    void: bool = False
    declared: bool = False
    soft: bool = False

    @property
    def suffix(self) -> str:
        return self._writer[0]

    @property
    def classes(self) -> tuple[Value, ...]:
        return self.values[:-1] if self.void else self.values

    @property
    def ignore(self) -> tuple[Value, ...]:
        return self.values[-1:] if self.void else ()

    @property
    def is_jpeg(self) -> bool:
        return self.suffix.lower() == "jpg"

    def labels(self, number: int) -> NDArray[np.int64]:
        """What the masks of picture `number` say, (HEIGHT, WIDTH): class indices, 255 = void."""
        labels = draw(number, len(self.values))[1]
        return np.where(labels == len(self.classes), VOID, labels)

    def save(self, path: Path, number: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        fine, labels = draw(number, len(self.values))
        values = np.array(self.values)
        pixels = values[labels]
        if self.soft:
            pixels = values[fine].reshape(HEIGHT, _FINER, WIDTH, _FINER).mean(axis=(1, 3)).round()
        image, options = self._writer[1](pixels)
        image.save(path, **options)

    def declare(self, folder: Path) -> None:
        """Write the classes.yaml, where there is one."""
        if self.declared:
            write_classes(folder, self.classes, self.ignore)

    @property
    def _writer(self) -> tuple[str, Callable[[NDArray[Any]], Picture]]:
        return (WRITERS | _FURTHER)[self.format]


def write_classes(folder: Path, classes: tuple[Value, ...], ignore: tuple[Value, ...]) -> None:
    """A classes.yaml of c0, c1, ..."""
    table = [{"name": f"c{number}", "value": _plain(value)} for number, value in enumerate(classes)]
    content = {"classes": table, "ignore": [_plain(value) for value in ignore]}
    (folder / "classes.yaml").write_text(yaml.safe_dump(content))


def _plain(value: Value) -> int | list[int]:
    return list(value) if isinstance(value, tuple) else value


@cache
def draw(number: int, count: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Picture `number`, a dozen shapes of `count` labels: (5 * HEIGHT, 5 * WIDTH), and what most of each pixel is."""
    fine = label_map(number, count, _FINER * HEIGHT, _FINER * WIDTH)
    blocks = fine.reshape(HEIGHT, _FINER, WIDTH, _FINER)
    shares = np.stack([(blocks == label).mean(axis=(1, 3)) for label in range(count)])
    return fine, shares.argmax(axis=0)


_STREET = ((0, 0, 142), (70, 70, 70), (128, 64, 128), (220, 20, 60))
_CLEAR = ((0, 0, 0), (0, 0, 255), (0, 255, 0), (255, 0, 0))

ENCODINGS = (
    Encoding("numbers", "grey png", (0, 1, 2, 3)),
    Encoding("0 and 1", "grey png", (0, 1)),
    Encoding("numbers with gaps", "grey png", (0, 3, 7, 12)),
    Encoding("numbers, 255 is void", "grey png", (0, 1, 2, 255), void=True),
    Encoding("numbers of which classes.yaml ignores one", "grey png", (2, 0, 1, 3), void=True, declared=True),
    Encoding("numbers that classes.yaml chooses", "grey png", (7, 8, 11, 0), void=True, declared=True),
    Encoding("numbers in RGB", "grey as RGB", (0, 1, 2, 3)),
    Encoding("spread greys", "grey png", (0, 85, 170, 255)),
    Encoding("three greys", "grey png", (0, 128, 255)),
    Encoding("0 and 255, 128 is void by classes.yaml", "grey png", (0, 255, 128), void=True, declared=True),
    Encoding("0 and 255", "grey png", (0, 255)),
    Encoding("0 and 255 in RGB", "grey as RGB", (0, 255)),
    Encoding("0 and 255 with alpha", "grey and alpha", (0, 255)),
    Encoding("0 and 255, anti-aliased", "grey png", (0, 255), soft=True),
    Encoding("30 and 220, anti-aliased, BMP", "grey bmp", (30, 220), soft=True),
    Encoding("0 and 255, JPEG", "grey jpg", (0, 255)),
    Encoding("0 and 255, JPEG in RGB", "grey as RGB jpg", (0, 255)),
    Encoding("255 and 0 by classes.yaml, JPEG", "grey jpg", (255, 0), declared=True),
    Encoding("1 bit", "bits png", (0, 255)),
    Encoding("1 bit, fax", "bits tif", (0, 255)),
    Encoding("1 bit, PBM", "bits pbm", (0, 255)),
    Encoding("palette", "palette", (0, 1, 2, 3)),
    Encoding("palette, 255 is void", "palette", (0, 1, 2, 255), void=True),
    Encoding("palette, 0 and 255", "palette", (0, 255)),
    Encoding("palette, BMP", "palette bmp", (0, 1, 2, 3)),
    Encoding("palettes that differ", "colours in own palettes", _CLEAR),
    Encoding("palettes that differ, GIF", "colours in own palettes gif", _CLEAR),
    Encoding("colours", "RGB png", _CLEAR),
    Encoding("colours, TIFF", "RGB tif", _STREET),
    Encoding("colours, WebP", "RGB webp", _CLEAR),
    Encoding("colours, RGBA", "RGBA png", _STREET),
    Encoding("colours, cut out", "RGBA cut out", _CLEAR),
    Encoding("black and red, JPEG", "RGB jpg", ((0, 0, 0), (255, 0, 0))),
    Encoding("colours by classes.yaml, with void", "RGB png", (*_STREET[::-1], (0, 0, 0)), void=True, declared=True),
    Encoding("colours by classes.yaml, palettes", "colours in palettes", _STREET[::-1], declared=True),
    Encoding("colours by classes.yaml, GIF", "colours in gif", _CLEAR[::-1], declared=True),
    Encoding("colours by classes.yaml, JPEG", "RGB jpg", _CLEAR[::-1], declared=True),
    Encoding("16 bits", "16-bit png", (0, 1, 2, 3)),
    Encoding("16 bits, high numbers", "16-bit tif", (0, 1000, 2000, 40000)),
    Encoding("16 bits, 65535 is void", "16-bit png", (0, 1, 2, 65535), void=True),
    Encoding("floats", "float tif", (0, 1, 2, 3)),
    Encoding("numbers, TIFF", "grey tif", (0, 1, 2, 3)),
    Encoding("numbers, BMP", "grey bmp", (0, 1, 2, 255), void=True),
    Encoding("numbers, GIF", "grey gif", (0, 1, 2, 3)),
    Encoding("numbers, PGM", "grey pgm", (0, 1, 2, 3)),
    Encoding("0 and 255, GIF", "grey gif", (0, 255)),
)
