"""The last part of an ONNX graph: labels and probabilities of enlarged logits, computed strip by strip."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from segarena.exporting import postprocessing
from segarena.kernels.upsample_argmax import interpolate, plain_upsample_argmax


@pytest.mark.parametrize("strip", [1, 3000, 1 << 17], ids=["a row", "some rows", "whole"])
@pytest.mark.parametrize(
    ("grid", "padded", "small", "size"),
    [
        ((8, 10), (64, 80), (61, 75), (203, 251)),
        ((64, 96), (64, 96), (50, 90), (31, 41)),
        ((1, 2), (32, 64), (32, 33), (7, 9)),
    ],
)
def test_labels_and_probabilities_are_those_of_torch(
    monkeypatch: pytest.MonkeyPatch,
    strip: int,
    grid: tuple[int, int],
    padded: tuple[int, int],
    small: tuple[int, int],
    size: tuple[int, int],
) -> None:
    """Enlarged and reduced, of a batch: also in strips of which the last one is not full."""
    monkeypatch.setattr(postprocessing, "_STRIP", strip)
    model = onnx.parser.parse_model(postprocessing.postprocessing_text(5, probabilities=True))
    session = onnxruntime.InferenceSession(model.SerializeToString())
    logits = np.random.default_rng(0).normal(size=(2, 5, *grid)).astype(np.float32)
    names = ("in_height", "in_width", "in_rows", "in_columns")
    sizes = {name: np.array(length, np.int64) for name, length in zip(names, (*size, *small), strict=True)}
    image, pixels = np.zeros((2, *size, 3), np.uint8), np.zeros((2, 3, *padded), np.float32)
    labels, probabilities = session.run(None, {"image": image, "pixels": pixels, "logits": logits, **sizes})
    extent = (small[0] * grid[0] / padded[0], small[1] * grid[1] / padded[1])
    expected = plain_upsample_argmax(torch.from_numpy(logits), size, extent).numpy()
    assert (labels == expected).mean() > 0.9999
    np.testing.assert_allclose(
        probabilities, interpolate(torch.from_numpy(logits), size, extent).softmax(dim=1).numpy(), atol=1e-4
    )
    assert np.array_equal(probabilities.argmax(axis=1), labels)
