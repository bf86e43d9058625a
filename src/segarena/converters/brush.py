"""Label Studio's brush: run lengths in a stream of bits with the four channels of an image, or a PNG.

Source: the description of the format in github.com/thi-ng/umbrella, packages/rle-pack. The stream is 32 bits for the
number of words, 5 for the size of a word less one, four times 4 for the sizes of lengths less one, and then chunks: one
bit (1: a word repeated, 0: different words), 2 bits (which of the four sizes), the length less one in that number of
bits, and the words. The words are red, green, blue and opacity of each pixel, row by row; what is opaque is the object.

`label-studio-converter` (Apache 2.0) is not used: it is no longer developed and brings lxml, nltk and eight others; its
successor `label-studio-sdk` brings 38.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segarena.annotations.annotations import Malformed, check_size
from segarena.annotations.rasterize import Region
from segarena.formats import plural
from segarena.image_files.image_io import decode, open_image

_CHANNELS = 4
_OPAQUE = 128  # of 255: the edge of a brush's stroke is smoothed


def decode_brush(rle: Sequence[object], height: int, width: int) -> Region:
    """Return the object (height, width) of `value.rle`, a list of bytes.

    Raises Malformed if the list is not bytes, ends too early, or is for another size.
    """
    if not all(type(byte) is int and 0 <= byte < 256 for byte in rle):
        raise Malformed("the rle is not a list of bytes")
    words = _decode(bytes(rle), _CHANNELS * height * width)  # type: ignore[arg-type]  # checked above
    region: Region = words.reshape(height, width, _CHANNELS)[..., 3] >= _OPAQUE
    return region


def read_bitmask(text: str, size: tuple[int, int], path: Path) -> Region:
    """Return the object (height, width) of a PNG in base64, which is opaque there.

    Raises Malformed if it is no base64 or has not the `size` (height, width), DataError if it is no PNG.
    """
    where = path.with_name(f"{path.name} (bitmask)")
    try:
        content = base64.b64decode(text)
    except (binascii.Error, ValueError) as error:
        raise Malformed(f"base64 cannot be decoded ({error})") from error
    with open_image(where, content) as undecoded:
        opacity = np.asarray(decode(undecoded, where).convert("RGBA"))[..., 3]
    check_size(size, opacity.shape[0], opacity.shape[1], path)
    region: Region = opacity >= _OPAQUE
    return region


def _decode(data: bytes, expected: int) -> NDArray[np.uint8]:
    bits = _Bits(data)
    total, word_size = bits.read(32), bits.read(5) + 1
    if total != expected:
        raise Malformed(f"the rle has {plural(total, 'value')}, but the image has 4 x {expected // _CHANNELS}")
    if word_size != 8:
        raise Malformed(f"the rle has words of {word_size} bits, not 8")
    sizes = [bits.read(4) + 1 for _ in range(4)]
    words = np.zeros(total, dtype=np.uint8)
    done = 0
    while done < total:
        is_repeated = bits.read(1)
        end = done + 1 + bits.read(sizes[bits.read(2)])
        if end > total:
            raise Malformed(f"the rle has more than {total} values")
        words[done:end] = bits.read(8) if is_repeated else bits.read_bytes(end - done)
        done = end
    return words


class _Bits:
    """A stream of bits, the highest of each byte first."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0

    def read(self, number: int) -> int:
        """Return the next bits, at most 32, as a number. Raises Malformed if there are fewer."""
        window = self._take(number)
        last = (self._place + 7) // 8 * 8
        return int.from_bytes(window, "big") >> last - self._place & (1 << number) - 1

    def read_bytes(self, number: int) -> NDArray[np.uint8]:
        """Return the next `number` words of eight bits. Raises Malformed if there are fewer."""
        shift = self._place % 8
        window = np.frombuffer(self._take(8 * number), dtype=np.uint8)
        if not shift:
            return window
        return (window[:-1].astype(np.uint16) << shift | window[1:] >> 8 - shift).astype(np.uint8)

    def _take(self, number: int) -> bytes:
        """The bytes around the next bits, which are passed."""
        first = self._place // 8
        self._place += number
        if self._place > 8 * len(self._data):
            raise Malformed("the rle ends too early")
        return self._data[first : (self._place + 7) // 8]
