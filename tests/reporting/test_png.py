"""PNG files written by numpy and zlib are read back by Pillow, pixel for pixel."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from segarena.reporting.png import encode_png


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 1), (40, 31)])
def test_a_png_has_the_pixels_and_the_resolution(shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    with Image.open(io.BytesIO(encode_png(pixels, 150))) as picture:
        picture.verify()
    with Image.open(io.BytesIO(encode_png(pixels, 150))) as picture:
        assert picture.info["dpi"] == pytest.approx((150, 150), abs=0.02)
        np.testing.assert_array_equal(np.asarray(picture), pixels)
