"""The first part of an ONNX graph: the network's input, to the bit; and files that are not such graphs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from PIL import Image

import segarena
from segarena.exporting.preprocessing import preprocessing_text
from segarena.loading.sizes import working_size
from segarena.loading.transforms import normalize, resize_image
from support import refuses


def test_resized_pixels_in_the_graph_are_those_of_torchvision() -> None:
    """To the bit: strong and weak reduction, enlargement, and sizes that are kept."""
    random = np.random.default_rng(0)
    for size, shape in (
        (96, (720, 961)),
        (33, (40, 900)),
        (64, (64, 90)),
        (70, (101, 99)),
        (32, (7, 5)),
        (48, (801, 999)),
    ):
        model = onnx.parser.parse_model(preprocessing_text(size, 32))
        session = onnxruntime.InferenceSession(model.SerializeToString())
        image = random.integers(0, 256, (1, *shape, 3), dtype=np.uint8)
        [found] = session.run(None, {"image": image})
        small = resize_image(torch.from_numpy(image).permute(0, 3, 1, 2).contiguous(), working_size(*shape, size))
        expected = normalize(small).numpy()
        rows, columns = expected.shape[2:]
        assert found.shape[2:] == (-(-rows // 32) * 32, -(-columns // 32) * 32)
        assert np.array_equal(found[..., :rows, :columns], expected)
        assert not found[..., rows:, :].any()
        assert not found[..., columns:].any()


def test_predict_refuses_what_is_no_exported_model(tmp_path: Path) -> None:
    (tmp_path / "broken.onnx").write_bytes(b"\x3a\xff\xff\xff\xff\x0f")
    with refuses(segarena.RunError, where=tmp_path / "broken.onnx"):
        segarena.load(tmp_path / "broken.onnx")
    Image.new("RGB", (8, 8)).save(tmp_path / "image.onnx", "PNG")
    with refuses(segarena.RunError, where=tmp_path / "image.onnx"):
        segarena.load(tmp_path / "image.onnx")
    with refuses(segarena.RunError, where=tmp_path / "none.onnx"):
        segarena.load(tmp_path / "none.onnx")
