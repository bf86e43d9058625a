"""The pixels of a mask file before they are interpreted: one plane of numbers or of colours."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile
from PIL.TiffImagePlugin import PHOTOMETRIC_INTERPRETATION, TiffImageFile

from segarena.errors import DataError
from segarena.formats import plural
from segarena.image_files.image_io import decode, open_image, raw_mode
from segarena.image_files.row_bands import row_bands, to_array

#: (H, W), each pixel's number in the file or its colour as r * 65536 + g * 256 + b.
Places = NDArray[np.integer[Any]]

#: A grey of 0..255 multiplied by this is the packed colour with three equal channels.
GREY = 0x010101

_LOSSY = frozenset({"JPEG", "MPO", "JPEG2000", "AVIF", "HEIF"})
_LOSSY_TIFF = frozenset({"jpeg", "tiff_jpeg", "webp"})
#: What -1, the void of many programs, is read as: the same in unsigned numbers of 16 bits.
WRAPPED_MINUS_ONE = 65535
#: Pillow spreads grey of 2 and 4 bits over 0..255; dividing gives back the number that the file holds.
_GREY_STEP = {"L;2": 85, "L;2I": 85, "L;4": 17, "L;4I": 17}
#: Pillow's decoders of PGM files that spread grey over 0..255, or 0..65535 if the file's highest value is above 255.
_PGM_DECODERS = frozenset({"ppm", "ppm_plain"})


@dataclass(frozen=True)
class Plane:
    """A decoded mask file.

    Attributes:
        values: (H, W): numbers, or packed colours (r * 65536 + g * 256 + b) if `colored`. Grey, and RGB with three
            equal channels in every pixel, are numbers.
        colored: Whether the values are packed colours.
        palette: (256,), the packed colour of each number; None for a file without a palette.
        clear: (H, W), the pixels that are more transparent than opaque; None if there are none.
        one_bit: Whether the values are 0 and 255, which the file stores as one bit.
        lossy: The name of a compression that changes values, if the file has one.
        minus_one: Whether some values are -1 in the file; they are `WRAPPED_MINUS_ONE` here.
        white_is_zero: Whether the file stores the opposite of the values, those that it displays (TIFF, fax apart).
        object_in_alpha: Whether all pixels have one colour, and some are transparent: the values are 0 for these, and
            255 for the opaque ones.
    """

    values: Places
    colored: bool
    palette: NDArray[np.int32] | None = None
    clear: NDArray[np.bool_] | None = None
    one_bit: bool = False
    lossy: str | None = None
    minus_one: bool = False
    white_is_zero: bool = False
    object_in_alpha: bool = False

    def numbers(self, path: Path, by_grey: bool) -> Places:
        """Return the numbers (H, W). Raises DataError for a colour image.

        Args:
            path: The file, for the message.
            by_grey: Whether the numbers of a palette file are the greys of its palette, not its indices.
        """
        if self.colored:
            raise DataError(
                f"is a colour image with {len(np.unique(self.values))} different colours, but the classes are numbers",
                where=path,
                remedy="Declare the colours in classes.yaml, e.g. `value: [128, 64, 128]`, or export numbers",
            )
        return self.palette[self.values] & 255 if by_grey and self.palette is not None else self.values

    def colors(self, path: Path) -> Places:
        """Return the packed colours (H, W), grey as three equal channels. Raises DataError for numbers of 16 bits."""
        if self.colored:
            return self.values
        if self.palette is not None:
            return self.palette[self.values]
        if self.values.dtype != np.uint8:
            raise DataError(
                "has 16 bits per pixel, but the classes are colours",
                where=path,
                remedy="Save all masks of a data set in the same way",
            )
        return self.values.astype(np.int32) * GREY


def read_plane(path: Path, content: bytes | None = None) -> Plane:
    """Decode a mask file; `content` are its bytes, if they have been read already. Raises DataError."""
    with open_image(path, content) as undecoded:
        raw = raw_mode(undecoded)
        lossy = _lossy_format(undecoded, path, content)
        white = isinstance(undecoded, TiffImageFile) and _is_inverted(undecoded)
        highest = _declared_highest(undecoded)
        image = decode(undecoded, path)
    if image.mode in {"RGB", "RGBA"}:
        if ";16" in raw:
            raise DataError(
                "has 16 bits per colour channel, which is not supported for masks",
                where=path,
                remedy="Export the masks as PNG with 8 bits per channel, or one number per class",
            )
        return _color_plane(to_array(image), lossy)
    if image.mode == "LA":
        grey = to_array(image)
        return _color_plane(grey[..., [0, 0, 0, 1]], lossy)
    if image.mode == "1":
        return Plane(
            to_array(image, lambda band: band.convert("L")), False, one_bit=True, lossy=lossy, white_is_zero=white
        )
    if image.mode == "P":
        indices, palette = to_array(image), _palette(image)
        if image.format == "GIF" and is_grey(palette).all():  # GIF stores grey as a palette
            return Plane((palette & 255).astype(np.uint8)[indices], False)
        return Plane(indices, False, palette=palette, lossy=lossy)
    if image.mode == "L":
        step = _GREY_STEP.get(raw, 1)
        numbers = to_array(image)
        numbers //= np.uint8(step)
        if highest is not None:
            numbers = _spread_back(numbers, highest, 255)
        return Plane(numbers, False, lossy=lossy, white_is_zero=white and step == 1)
    wide, minus_one = _wide_numbers(image, path)
    if highest is not None:
        wide = _spread_back(wide, highest, 65535)
    # Pillow displays 0 as white in files of 8 bits, and not in those of 16.
    return Plane(65535 - wide if white else wide, False, lossy=lossy, minus_one=minus_one, white_is_zero=white)


def is_grey(colors: NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
    """Whether packed colours have three equal channels."""
    equal: NDArray[np.bool_] = (colors & 255) * GREY == colors
    return equal


def _color_plane(channels: NDArray[np.uint8], lossy: str | None) -> Plane:
    red, green, blue = (channels[..., channel] for channel in range(3))
    clear = _clear(channels[..., 3]) if channels.shape[2] == 4 else None
    if clear is not None and not clear.all() and (channels[..., :3] == channels[0, 0, :3]).all():
        return Plane(np.where(clear, np.uint8(0), np.uint8(255)), False, lossy=lossy, object_in_alpha=True)
    bands = row_bands(*red.shape)
    if all((channels[rows, :, :1] == channels[rows, :, 1:3]).all() for rows in bands):
        return Plane(red.copy(), False, clear=clear, lossy=lossy)
    packed = red.astype(np.int32)
    for channel in (green, blue):
        packed <<= 8
        packed |= channel
    return Plane(packed, True, clear=clear, lossy=lossy)


def _declared_highest(image: ImageFile.ImageFile) -> int | None:
    """The value that a PGM file declares as white, if Pillow will spread all values as if it were the highest one."""
    if not image.tile or image.tile[0][0] not in _PGM_DECODERS:
        return None
    arguments: Any = image.tile[0][3]
    return int(arguments[1])


def _spread_back(values: NDArray[Any], highest: int, top: int) -> NDArray[Any]:
    """The numbers 0..`highest` that were spread over 0..`top`, of the same type."""
    table = np.round(np.arange(top + 1) * (highest / top)).astype(values.dtype)
    numbers: NDArray[Any] = table[values]
    return numbers


def _clear(alpha: NDArray[np.uint8]) -> NDArray[np.bool_] | None:
    clear = alpha < 128
    return clear if clear.any() else None


def _palette(image: Image.Image) -> NDArray[np.int32]:
    flat = image.getpalette("RGB") or []
    entries = np.zeros((256, 3), dtype=np.int32)
    entries[: len(flat) // 3] = np.reshape(flat, (-1, 3))
    packed: NDArray[np.int32] = entries[:, 0] << 16 | entries[:, 1] << 8 | entries[:, 2]
    return packed


def _wide_numbers(image: Image.Image, path: Path) -> tuple[NDArray[np.uint16], bool]:
    """Numbers of 16 or 32 bits, or floats that are whole, with -1 as `WRAPPED_MINUS_ONE`; and whether there is a -1."""
    values = to_array(image)
    if image.mode == "F" or image.mode.startswith("I"):
        missing = int(np.isnan(values).sum()) if image.mode == "F" else 0
        if missing:
            raise DataError(
                f"has {plural(missing, 'pixel')} of {values.size:,} without a number (NaN)",
                where=path,
                remedy="Export the masks as PNG, with one number per class and 255 for void",
            )
        minus = values == -1 if values.dtype.kind != "u" else np.zeros(values.shape, dtype=bool)
        if minus.any():
            values = np.where(minus, WRAPPED_MINUS_ONE, values)
        if not (values >= 0).all() or values.max() > 65535:
            raise DataError(
                f"has numbers from {values.min():g} to {values.max():g}, but those of a mask are between 0 and 65535, "
                "or -1 for void",
                where=path,
                remedy="Export the masks as PNG, with one number per class and 255 for void",
            )
        whole = values.astype(np.uint16)
        if image.mode == "F" and (whole != values).any():
            raise DataError(
                f"has fractions, e.g. {values[whole != values][0]:g}, not class numbers",
                where=path,
                remedy="Export the masks as PNG, with one number per class",
            )
        return whole, bool(minus.any())
    raise DataError(
        f"has the pixel format {image.mode}, which masks cannot have",
        where=path,
        remedy="Export the masks as PNG: 8- or 16-bit grey, palette, RGB or RGBA",
    )


def _is_inverted(image: TiffImageFile) -> bool:
    """Whether 0 is white, in a compression other than that of fax, which is made so and read so."""
    is_fax = str(image.info.get("compression")).startswith(("group", "tiff_ccitt"))
    return not is_fax and image.mode != "F" and image.tag_v2.get(PHOTOMETRIC_INTERPRETATION) == 0


def _lossy_format(image: Image.Image, path: Path, content: bytes | None) -> str | None:
    """The name of a compression that changes values, None if there is none."""
    if image.format in _LOSSY:
        return image.format
    if image.format == "TIFF" and image.info.get("compression") in _LOSSY_TIFF:
        return "JPEG-compressed TIFF"
    if image.format == "WEBP":
        return None if b"VP8L" in (content or path.read_bytes()) else "lossy WebP"
    return None
