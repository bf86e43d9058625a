"""Alpha channels and further bands: what is transparent is shown on white, what only looks like alpha is left out.

Renderers and screen grabs leave alpha 0 in every pixel, and tools for aerial photographs store a band of light, e.g.
near infrared, in the place of alpha. Taken for transparency, both would destroy the picture.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile
from PIL.TiffImagePlugin import EXTRASAMPLES, TiffImageFile

from segarena.image_files.image_io import raw_mode
from segarena.image_files.row_bands import row_bands, to_array

#: How a file's alpha was used. "": there is none, or all is opaque. "transparent": parts are shown as white. "hiding":
#: so too, but the colours of those parts are a picture. "shapeless": left out, it is the same everywhere or nowhere
#: more opaque than transparent. "band": left out, it has many levels, as a band of light has.
AlphaUse = Literal["", "transparent", "hiding", "shapeless", "band"]

#: Transparency has at most this number of levels, or at least the share of its pixels within the margin of 0 or 255.
_FEW_LEVELS, _EXTREMES, _MARGIN = 8, 0.5, 2
#: Transparent parts are a picture if they are at least this share of all pixels and have this number of
#: different colours.
_HIDDEN_SHARE, _HIDDEN_COLORS = 0.01, 32
#: A premultiplied colour is no brighter than its alpha, in all but this share of the pixels.
_BRIGHTER = 0.01


def on_white(image: Image.Image) -> tuple[NDArray[np.uint8], AlphaUse]:
    """Show an image with transparency on white, unless its alpha is none.

    Args:
        image: Decoded, in any mode that has transparency data.

    Returns:
        (H, W, 3) RGB, and how alpha was used.
    """
    use = judge_alpha(to_array(image, lambda band: band.convert("RGBA")))

    def show(band: Image.Image) -> Image.Image:
        layer = band.convert("RGBA")
        if use in ("transparent", "hiding"):
            layer = Image.alpha_composite(Image.new("RGBA", layer.size, (255, 255, 255, 255)), layer)
        return layer.convert("RGB")

    return to_array(image, show), use


def judge_alpha(channels: NDArray[np.uint8]) -> AlphaUse:
    """Return what the fourth channel of (H, W, 4) uint8 is."""
    alpha = channels[..., 3]
    if alpha.min() == 255:
        return ""
    levels = np.bincount(alpha.ravel(), minlength=256)
    if np.count_nonzero(levels) == 1 or not levels[128:].any():
        return "shapeless"
    extremes = levels[: _MARGIN + 1].sum() + levels[-_MARGIN - 1 :].sum()
    if np.count_nonzero(levels) > _FEW_LEVELS and extremes < _EXTREMES * alpha.size:
        return "band"
    if levels[: _MARGIN + 1].sum() < _HIDDEN_SHARE * alpha.size:
        return "transparent"
    colors: set[int] = set()
    for rows in row_bands(*alpha.shape):
        hidden = channels[rows][alpha[rows] <= _MARGIN][:, :3].astype(np.int32)
        colors |= {*np.unique(hidden @ (1 << 16, 1 << 8, 1))[:_HIDDEN_COLORS].tolist()}
        if len(colors) >= _HIDDEN_COLORS:
            return "hiding"
    return "transparent"


def keep_straight(image: ImageFile.ImageFile) -> bool:
    """Make Pillow leave the colours of a TIFF that is marked as premultiplied as they are stored.

    Args:
        image: Not decoded yet.

    Returns:
        Whether the file is marked so: then `straighten` has to follow.
    """
    if not raw_mode(image).startswith("RGBa"):
        return False
    for place, tile in enumerate(image.tile):
        arguments: Any = tile[3]
        if isinstance(arguments, tuple):
            arguments = (arguments[0].replace("RGBa", "RGBA"), *arguments[1:])
        else:
            arguments = arguments.replace("RGBa", "RGBA")
        image.tile[place] = type(tile)(tile[0], tile[1], tile[2], arguments)
    return True


def straighten(channels: NDArray[Any], top: int) -> NDArray[Any]:
    """Divide premultiplied colours by their alpha; colours brighter than alpha were never multiplied, and stay.

    Args:
        channels: (H, W, 4), integers, 0..`top`.
        top: The value of full opacity.

    Returns:
        (H, W, 4) of the same type.
    """
    height, width = channels.shape[:2]
    bands = list(row_bands(height, width))
    brighter = sum(int((channels[rows, :, :3].max(axis=-1) > channels[rows, :, 3]).sum()) for rows in bands)
    if brighter > _BRIGHTER * height * width:
        return channels
    straight = np.empty_like(channels)
    for rows in bands:
        colors, alpha = channels[rows, :, :3].astype(np.int64), channels[rows, :, 3:].astype(np.int64)
        straight[rows, :, :3] = np.where(alpha == 0, 0, np.minimum(top, colors * top // np.maximum(alpha, 1)))
        straight[rows, :, 3:] = alpha
    return straight


def count_extra_bands(image: ImageFile.ImageFile) -> int:
    """Return how many bands of a file that is not decoded yet are neither colour nor alpha, and left out."""
    return sum(kind == 0 for kind in image.tag_v2.get(EXTRASAMPLES, ())) if isinstance(image, TiffImageFile) else 0
