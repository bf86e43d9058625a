"""Label Studio's brush: what is encoded is decoded to the same pixels, of any shape and length of runs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from segarena.converters.brush import decode_brush
from segarena.outputs.brush import encode_brush


@settings(deadline=None)
@given(arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.booleans()))
def test_any_region_is_decoded_to_itself(region: np.ndarray) -> None:
    assert np.array_equal(decode_brush(encode_brush(region), *region.shape), region)


@pytest.mark.parametrize("runs", [[16384], [16384, 16385], [1, 2, 3, 4, 63, 64, 65, 16383, 40000, 131072]])
def test_runs_of_any_length_are_decoded(runs: list[int]) -> None:
    """A length has 3, 4, 8 or 16 bits; a longer run is several."""
    region = np.repeat(np.arange(len(runs)) % 2 == 0, runs)[None]
    assert np.array_equal(decode_brush(encode_brush(region), *region.shape), region)


def test_the_stream_is_that_of_label_studio() -> None:
    """`label_studio_converter.brush.mask2rle` gives these bytes for one opaque pixel between two others."""
    expected = "00000000000000000000000000001100001110010001101111111"  # 12 words of 8 bits
    for word in ("00000000", "11111111", "00000000"):
        expected += "100011" + word  # a run, its length in 3 bits: 4
    expected += "0" * (-len(expected) % 8)
    assert "".join(f"{byte:08b}" for byte in encode_brush(np.array([[False, True, False]]))) == expected
