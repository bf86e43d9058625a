"""Where an ONNX file is computed: on the device that was named, or not at all."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from segarena.classes import name_classes
from segarena.errors import ConfigError
from segarena.exporting import onnx_model
from segarena.exporting.onnx_model import load_onnx
from support import refuses


@pytest.fixture
def sessions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The providers with which sessions are made; ONNX Runtime loads CUDA's libraries for the first session only."""
    asked: list[Any] = []

    def make(path: str, options: Any, providers: list[Any]) -> Any:
        asked.append(providers)
        return SimpleNamespace(
            get_providers=lambda: ["CUDAExecutionProvider"] * (len(asked) == 1) + ["CPUExecutionProvider"]
        )

    library = SimpleNamespace(
        InferenceSession=make,
        SessionOptions=SimpleNamespace,
        __version__="1",
        get_available_providers=lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"],
    )
    monkeypatch.setitem(sys.modules, "onnxruntime", library)
    facts = SimpleNamespace(class_table=name_classes([0, 1], ["a", "b"]).to_dict())
    monkeypatch.setattr(onnx_model, "read_facts", lambda metadata, where: facts)
    (tmp_path / "model.onnx").write_bytes(b"")
    return asked


def test_the_gpu_of_the_number_computes(sessions: list[Any], tmp_path: Path) -> None:
    assert load_onnx(tmp_path / "model.onnx", device="cuda:1").device == "cuda:1"
    assert sessions == [[("CUDAExecutionProvider", {"device_id": "1"})]]


def test_the_processor_does_not_compute_in_place_of_a_gpu(sessions: list[Any], tmp_path: Path) -> None:
    load_onnx(tmp_path / "model.onnx", device="cuda")
    with refuses(ConfigError, where="--device", value="cuda"):
        load_onnx(tmp_path / "model.onnx", device="cuda")
    assert load_onnx(tmp_path / "model.onnx", device="cpu").device == "cpu"
