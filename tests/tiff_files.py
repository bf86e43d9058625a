"""TIFF files of any number of bands, which Pillow cannot write."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def save_tiff(path: Path, values: NDArray[Any], *, photometric: int = 2, extra: int | None = None, **tags: int) -> Path:
    """Write (H, W) or (H, W, C) uncompressed; `photometric` and `extra` are the tags 262 and 338."""
    channels = values[..., None] if values.ndim == 2 else values
    count, bits = channels.shape[2], 8 * values.itemsize
    colors = 3 if photometric == 2 else 1
    planar = tags.get("planar", 1)
    pixels = np.moveaxis(channels, 2, 0).tobytes() if planar == 2 else channels.tobytes()
    fields: list[tuple[int, list[int]]] = [
        (256, [channels.shape[1]]),
        (257, [channels.shape[0]]),
        (258, [bits] * count),
    ]
    fields += [(259, [1]), (262, [photometric]), (273, [0]), (277, [count]), (278, [channels.shape[0]])]
    fields += [(279, [len(pixels) // (count if planar == 2 else 1)]), (284, [planar])]
    if extra is not None:
        fields.append((338, [extra] * (count - colors)))
    if planar == 2:
        fields[5], fields[8] = (273, [0] * count), (279, [len(pixels) // count] * count)
    start = 8 + 2 + 12 * len(fields) + 4
    pool, content = b"", struct.pack("<2sHIH", b"II", 42, 8, len(fields))
    size = start + sum(4 * len(numbers) for _, numbers in fields if len(numbers) > 1)
    for tag, values_of_tag in fields:
        places = [size + place * (len(pixels) // count) for place in range(len(values_of_tag))]
        numbers = places if tag == 273 else values_of_tag
        packed = struct.pack(f"<{len(numbers)}I", *numbers)
        if len(numbers) > 1:
            packed, pool = struct.pack("<I", start + len(pool)), pool + packed
        content += struct.pack("<HHI", tag, 4, len(numbers)) + packed
    path.write_bytes(content + struct.pack("<I", 0) + pool + pixels)
    return path
