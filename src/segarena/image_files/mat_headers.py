"""The header of an array in a MATLAB file, read before SciPy reads the array.

SciPy takes the type of the numbers from the file and does not check it: a damaged file can end the process
(scipy/scipy#25829). The layout is that of "MAT-File Format" (The MathWorks, 2024), level 5.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

_HEADER = 128
_MATRIX, _COMPRESSED = 14, 15
#: Types in which numbers are stored: integers of 8 to 32 bits, single, double, integers of 64 bits.
_NUMBERS = frozenset({1, 2, 3, 4, 5, 6, 7, 9, 12, 13})
#: Classes of arrays of numbers: double, single, integers of 8 to 64 bits.
_NUMERIC = range(6, 16)
_SPARSE = 5
#: No name and no list of dimensions is longer.
_MOST_BYTES = 1 << 16


class _Variable(NamedTuple):
    """The header of an array; the type of its numbers is None where it is no array of numbers."""

    name: str
    array_class: int
    is_complex: bool
    type_of_numbers: int | None


def why_not_numbers(content: bytes, name: str) -> str | None:
    """Return why an array of a file is none of real numbers, e.g. "is sparse"; None where it is one.

    Args:
        content: The bytes of the file. One of level 4, which SciPy reads safely, is taken as it is.
        name: The name of the array.

    Raises:
        ValueError: The file is damaged.
        struct.error: Likewise.
        zlib.error: Likewise.
    """
    if 0 in content[:4]:
        return None
    found = [variable for variable in _variables(content) if variable.name == name]
    if len(found) != 1:
        raise ValueError(f"it has {len(found)} arrays called {name!r}")
    variable = found[0]
    if variable.array_class == _SPARSE:
        return "is sparse"
    if variable.array_class not in _NUMERIC:
        raise ValueError(f"an array of the class {variable.array_class} is marked as logical")
    if variable.is_complex:
        return "has complex numbers"
    if variable.type_of_numbers not in _NUMBERS:
        raise ValueError(f"its numbers have the type {variable.type_of_numbers}, which there is not")
    return None


def _variables(content: bytes) -> Iterator[_Variable]:
    order = "<" if content[126:128] == b"IM" else ">"
    start = _HEADER
    while start < len(content):
        kind, size = struct.unpack_from(f"{order}II", content, start)
        element = content[start + 8 : start + 8 + min(size, _MOST_BYTES)]
        if kind == _COMPRESSED:
            unpacked = zlib.decompressobj().decompress(element, _MOST_BYTES)
            kind, element = struct.unpack_from(f"{order}I", unpacked)[0], unpacked[8:]
        if kind != _MATRIX:
            raise ValueError(f"it has an element of the type {kind} where an array should be")
        yield _header(element, order)
        start += 8 + size


def _header(element: bytes, order: str) -> _Variable:
    """The header at the beginning of an array."""
    (flags,) = struct.unpack_from(f"{order}I", element, 8)
    array_class, is_complex = flags & 0xFF, bool(flags >> 11 & 1)
    if array_class not in _NUMERIC:
        start = 16 if array_class > _NUMERIC[-1] else _tag(element, 16, order)[2]
        return _Variable(_name(element, start, order)[0], array_class, is_complex, None)
    _, _, start = _tag(element, 16, order)  # the dimensions
    name, start = _name(element, start, order)
    return _Variable(name, array_class, is_complex, _tag(element, start, order)[0])


def _name(element: bytes, start: int, order: str) -> tuple[str, int]:
    """The name at a place, and the place after it."""
    _, data, following = _tag(element, start, order)
    return data.decode("latin-1"), following


def _tag(element: bytes, start: int, order: str) -> tuple[int, bytes, int]:
    """The type of the data at a place, as much of the data as is there, and the place after it.

    Up to four bytes of data can be in the tag itself, beside two bytes each for the type and the size.
    """
    kind, size = struct.unpack_from(f"{order}II", element, start)
    small = kind >> 16
    if small:
        return kind & 0xFFFF, element[start + 4 : start + 4 + small], start + 8
    return kind, element[start + 8 : start + 8 + size], start + 8 + size + -size % 8
