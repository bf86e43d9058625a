"""Pictures inside the page: no file beside it, no request."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

#: The longest side of a gallery picture in the page, in pixels.
LONGEST_SIDE = 420


@dataclass(frozen=True)
class Picture:
    """An image of the page: a data address, what it shows in words, and its size in pixels."""

    address: str
    alt: str
    width: int
    height: int


def photo(array: NDArray[np.uint8], alt: str) -> Picture:
    """A photograph, RGB (H, W, 3), made smaller where it is large; as JPEG."""
    image = Image.fromarray(array)
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    image.save(stream, format="JPEG", quality=86)
    return embed(stream.getvalue(), alt)


def labels_picture(array: NDArray[np.uint8], alt: str) -> Picture:
    """Coloured labels or an error map, RGB (H, W, 3): no colour is mixed with its neighbour's; as PNG."""
    image = Image.fromarray(array)
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.NEAREST)
    enlarge = LONGEST_SIDE // max(image.size)  # a browser would blur the edges of a small one
    if enlarge > 1:
        image = image.resize((enlarge * image.width, enlarge * image.height), Image.Resampling.NEAREST)
    image = _with_palette(image)
    stream = io.BytesIO()
    image.save(stream, format="PNG", optimize=True)
    return embed(stream.getvalue(), alt)


def _with_palette(image: Image.Image) -> Image.Image:
    # Exactly the same colours in a third of the bytes, where there are few enough.
    pixels = np.asarray(image)
    packed = pixels @ np.array([1 << 16, 1 << 8, 1])
    colors, indices = np.unique(packed, return_inverse=True)
    if len(colors) > 256:
        return image
    result = Image.fromarray(indices.reshape(packed.shape).astype(np.uint8))
    result.putpalette([channel for color in colors.tolist() for channel in color.to_bytes(3)])
    return result


def embed(content: bytes, alt: str) -> Picture:
    """The bytes of an image file, as a data address."""
    with Image.open(io.BytesIO(content)) as image:
        kind, (width, height) = image.get_format_mimetype(), image.size
    return Picture(f"data:{kind};base64,{base64.b64encode(content).decode()}", alt, width, height)
