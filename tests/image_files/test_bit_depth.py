"""16-bit images that a trained network gets are read on its training's scale, or by their own range with a warning.

- Training with 8 bits, images of 12 bits in 16: by their own range.
- Training with 12 bits: other dark images stay dark, a few brighter ones are cut off, images of 16 bits get their own
  range; each with a warning.
- A TIFF that declares its range (12 bits per sample, MaxSampleValue): that range, however dark the image.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segarena.image_files.bit_depth import choose_bits, highest_values


@pytest.mark.parametrize(
    ("highest", "trained", "deep_images", "bits", "warns"),
    [
        ([], 16, 0, 16, False),
        ([4000, 900], 16, 0, 12, True),
        ([65000], 16, 0, 16, True),
        ([255], 16, 0, 8, True),
        ([4000, 900], 12, 8, 12, False),
        ([900, 800], 12, 8, 12, True),
        ([3000, 3000, 5000], 12, 8, 12, True),
        ([3000, 3000, 65535], 12, 8, 12, True),
        ([65000, 64000], 12, 8, 16, True),
        ([4000], 12, None, 12, False),
    ],
)
def test_the_bits_of_the_training_are_used_while_most_images_fit(
    highest: list[int], trained: int, deep_images: int | None, bits: int, warns: bool
) -> None:
    chosen = choose_bits(highest, trained, deep_images)
    assert chosen.bits == bits
    assert bool(chosen.warning) == warns
    if warns:
        assert str(max(highest)) in chosen.warning
        assert f"{bits} bits" in chosen.warning


def test_the_highest_values_are_of_16_bit_images_alone_and_as_declared(tmp_path: Path) -> None:
    dark = np.full((4, 6), 700, dtype=np.uint16)
    Image.fromarray(dark).save(tmp_path / "plain.png")
    Image.fromarray(dark).save(tmp_path / "declared.tif", tiffinfo={281: 4095})
    Image.fromarray(dark).save(tmp_path / "own maximum.tif", tiffinfo={281: 701})
    Image.fromarray(dark).save(tmp_path / "exceeded.tif", tiffinfo={281: 255})
    Image.new("L", (6, 4), 255).save(tmp_path / "8 bits.png")
    (tmp_path / "damaged.png").write_bytes(b"no image")
    packed = bytes([700 >> 4, (700 & 15) << 4 | 700 >> 8, 700 & 255]) * 12
    tags = [(256, 6), (257, 4), (258, 12), (259, 1), (262, 1), (273, 8 + 2 + 12 * 9 + 4), (277, 1), (278, 4), (279, 36)]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    header = struct.pack("<2sHIH", b"II", 42, 8, len(tags))
    (tmp_path / "12 bits.tif").write_bytes(header + entries + struct.pack("<I", 0) + packed)
    names = ("plain.png", "declared.tif", "own maximum.tif", "exceeded.tif", "8 bits.png", "damaged.png", "12 bits.tif")
    assert highest_values(tmp_path / name for name in names) == [700, 4095, 700, 700, 4095]
