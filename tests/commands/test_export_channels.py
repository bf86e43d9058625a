"""`segarena export` of networks on other channels than RGB: the file takes an image in its own type, as stored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch

import segarena
from band_files import bands, write_bands
from segarena.config import ServeOptions
from segarena.errors import DataError
from segarena.exporting.agreement import torch_labels
from segarena.exporting.onnx_model import OnnxModel
from support import QUICK, refuses

pytestmark = pytest.mark.long

OPTIONS: dict[str, Any] = {**QUICK, "model": "unet", "epochs": 4, "size": 64, "learning_rate": 5e-3}
KINDS = [
    ("uint16", 5),
    *(pytest.param(kind, marks=pytest.mark.slow) for kind in (("float32", 2), ("uint8", 1), ("uint8", 16))),
]


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: f"{kind[1]} of {kind[0]}")
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    dtype, channels = request.param
    data = write_bands(tmp_path_factory.mktemp("bands") / "data", channels, dtype, images=8)
    return segarena.train(data, channels="all", out=data.parent / "run", **OPTIONS)


@pytest.fixture(scope="module")
def onnx_file(run: Path) -> Path:
    return segarena.export(run, probabilities=True, out=run.parent / "model.onnx", quiet=True)


def first_image(run: Path) -> np.ndarray:
    image = tifffile.imread(run.parent / "data" / "images" / "00.tif")
    return image if image.ndim == 3 else image[..., None]


def test_the_file_labels_images_as_they_are_stored(run: Path, onnx_file: Path) -> None:
    model, predictor = segarena.load(onnx_file), segarena.load(run, device="cpu")
    assert isinstance(model, OnnxModel)
    assert model.facts.agreement is not None
    assert (model.facts.agreement.source, model.facts.agreement.share > 0.9999) == ("val", True)
    label, image = torch_labels(predictor.model, predictor.size), first_image(run)
    noise = bands((91, 73, image.shape[2]), str(image.dtype))
    seen = set()
    for pixels in (image, image[:51, :47], np.concatenate([image, image])[:, :63], noise):
        expected, found = label(pixels), model.run(pixels[None])[0]
        assert found.shape == pixels.shape[:2]
        assert (found == expected).mean() > 0.999
        seen |= set(np.unique(expected))
        assert np.array_equal(model.probabilities(pixels).argmax(axis=0), model.predict(pixels))  # both in windows
    assert seen == {0, 1}
    path = run.parent / "data" / "images" / "00.tif"
    assert np.array_equal(model.predict(path), model.predict(image))


def test_other_channels_are_refused_by_the_file(run: Path, onnx_file: Path) -> None:
    with refuses(DataError, value="3 channels"):
        segarena.load(onnx_file).predict(np.zeros((40, 40, 3), np.uint8))


def test_a_server_reads_the_channels_of_a_file(run: Path, onnx_file: Path) -> None:
    for name in ("fastapi", "uvicorn", "python_multipart", "prometheus_client"):
        pytest.importorskip(name)
    from segarena.commands.serve import _load

    path = run.parent / "data" / "images" / "00.tif"
    (found,), _ = _load(ServeOptions(run=onnx_file, device="cpu"))
    image = found.read(path, found.choose_bits([]).bits, path.read_bytes())
    assert found.has_channels
    assert np.array_equal(image, first_image(run))
    assert found.shown(image).shape == (*image.shape[:2], 3)
    assert np.array_equal(found.label([image])[0], segarena.load(onnx_file).predict(path))


def test_a_folder_for_the_hub_takes_the_channels(run: Path) -> None:
    folder = segarena.export(run, format="huggingface", out=run.parent / "hub", quiet=True)
    image = first_image(run)
    for pixels in (image, image[:51, :47]):
        expected = segarena.load(run, device="cpu").predict(pixels)
        assert np.array_equal(segarena.load(folder, device="cpu").predict(pixels), expected)


@pytest.mark.slow
def test_a_program_of_torch_takes_the_channels(run: Path) -> None:
    path = segarena.export(run, format="torch", out=run.parent / "model.pt2", quiet=True)
    image, predictor = first_image(run), segarena.load(run, device="cpu")
    found = torch.export.load(path).module()(torch.from_numpy(np.stack([image, image[::-1]]))[:, :51])
    label = torch_labels(predictor.model, predictor.size)
    assert np.array_equal(found.numpy(), np.stack([label(image[:51]), label(image[::-1][:51])]))


@pytest.mark.slow
def test_8_bits_are_calibrated_on_the_channels(run: Path) -> None:
    path = segarena.export(run, int8=True, out=run.parent / "int8.onnx", quiet=True)
    model = segarena.load(path)
    assert isinstance(model, OnnxModel)
    assert (model.predict(first_image(run)) == segarena.load(run, device="cpu").predict(first_image(run))).mean() > 0.9


@pytest.mark.slow
def test_without_its_data_generated_images_of_the_channels_are_used(run: Path) -> None:
    hidden = (run.parent / "data").rename(run.parent / "hidden")
    try:
        path = segarena.export(run, out=run.parent / "generated.onnx", quiet=True)
    finally:
        hidden.rename(run.parent / "data")
    model = segarena.load(path)
    assert isinstance(model, OnnxModel)
    assert model.facts.agreement is not None
    assert model.facts.agreement.source == "generated"
