"""`segarena export`: what is written gives the labels of PyTorch, at any size, or is refused and leaves nothing."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from PIL import Image
from torch import nn

import segarena
from segarena.config import ExportOptions
from segarena.errors import ConfigError
from segarena.exporting import graph
from segarena.exporting.agreement import torch_labels
from segarena.exporting.onnx_model import OnnxModel
from segarena.files import read_json, write_json
from segarena.models import SegmentationModel, build_model
from segarena.records.exported import ExportedModel
from segarena.records.run import Data
from segarena.training.checkpoint import BEST, save_tensors
from segarena.training.evaluation import to_input
from support import refuses, scene

#: Odd, wide, high, smaller than the working size, and the working size itself.
SIZES = ((71, 150), (203, 97), (29, 41), (64, 64))
#: Besides these, the trained U-Net is exported.
QUICK = [pytest.param(("pspnet", "encoder"), marks=pytest.mark.long)]
SLOW = [pytest.param((name, "encoder"), marks=pytest.mark.slow) for name in ("fcn", "unet", "deeplabv3")]
SLOW += [pytest.param((name, "paper"), marks=pytest.mark.slow) for name in ("fcn8s", "unet", "pspnet", "deeplabv3")]
CLASSES = ["sky", "road", "car", "tree"]


def make_run(trained: Path, folder: Path, name: str, track: str) -> Path:
    """A run with random weights that predict every class: what was trained is copied, and its network replaced."""
    folder.mkdir(parents=True)
    for path in trained.glob("*.*"):
        if path.is_file():
            shutil.copy(path, folder)
    torch.manual_seed(0)
    model = build_model(name, len(CLASSES), track=track).eval()
    scores = [m for m in model.modules() if isinstance(m, nn.Conv2d) and m.out_channels == len(CLASSES)]
    with torch.no_grad():
        for layer in scores:
            nn.init.normal_(layer.weight, std=0.3)
        images = [torch.from_numpy(np.array(scene(seed, 64))).permute(2, 0, 1) for seed in range(4)]
        logits = model(to_input(torch.stack(images), "cpu"), size="native").logits
        bias = getattr(model, "classifier", scores[-1]).bias  # PSPNet has an auxiliary head behind it
        assert bias is not None
        bias -= logits.mean(dim=(0, 2, 3))
    save_tensors(model.state_dict(), folder / BEST)
    config = read_json(folder / "config.json")
    config |= {"model": name, "architecture": model.settings}
    config["protocol"] |= {"size": 64}
    write_json(folder / "config.json", config)
    data = read_json(folder / "data.json")
    data["class_table"] = {"classes": [{"name": n, "value": i} for i, n in enumerate(CLASSES)], "ignore": []}
    data["train_class_pixels"] = dict.fromkeys(CLASSES, 1)
    data["origin"] = "/nowhere"
    data["description"]["train_sides"] = {"shorter": 150, "longest_shorter": 150, "longest": 150}
    write_json(folder / "data.json", data)
    config["data"] |= {"data": "/nowhere"}
    write_json(folder / "config.json", config)
    return folder


@pytest.fixture(scope="module", autouse=True)
def each_network_is_exported_once() -> Iterator[None]:
    """Its graph takes seconds, and is the same for float32, for 8 bits and for what is refused."""
    found: dict[float, onnx.ModelProto] = {}
    real = graph.export_network

    def export_network(model: SegmentationModel, channels: int = 3) -> onnx.ModelProto:
        key = sum(float(weights.detach().double().sum()) for weights in model.parameters())
        if key not in found:
            found[key] = real(model, channels)
        return found[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(graph, "export_network", export_network)
        yield


@pytest.fixture(scope="module", params=[*QUICK, *SLOW], ids="-".join)
def exported(
    request: pytest.FixtureRequest, trained: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """A run, and its ONNX file."""
    run = make_run(trained, tmp_path_factory.mktemp("export") / "run", *request.param)
    return run, segarena.export(run, probabilities=True, quiet=True)


def expected_labels(run: Path) -> Callable[[np.ndarray], np.ndarray]:
    predictor = segarena.load(run, device="cpu")
    return torch_labels(predictor.model, predictor.size)


def test_labels_and_probabilities_are_those_of_pytorch(exported: tuple[Path, Path]) -> None:
    run, path = exported
    label, model = expected_labels(run), segarena.load(path)
    assert isinstance(model, OnnxModel)
    assert model.classes.names == tuple(CLASSES)
    seen, equal, pixels = set(), 0, 0
    for number, size in enumerate(SIZES):
        image = np.asarray(scene(number).resize(size[::-1]))
        found = model.predict(image)
        assert found.shape == size
        assert found.dtype == np.uint8
        expected = label(image)
        seen |= set(np.unique(expected))
        equal, pixels = equal + (found == expected).sum(), pixels + found.size
        probabilities = model.probabilities(image)
        assert probabilities.shape == (len(CLASSES), *size)
        assert np.array_equal(probabilities.argmax(axis=0), found)
        np.testing.assert_allclose(probabilities, segarena.load(run, device="cpu").probabilities(image), atol=1e-3)
    assert equal / pixels > 0.9999
    assert len(seen) > 1


def test_a_batch_has_the_labels_of_its_images(exported: tuple[Path, Path]) -> None:
    _, path = exported
    model = segarena.load(path)
    assert isinstance(model, OnnxModel)
    batch = np.stack([np.asarray(scene(seed).resize((90, 61))) for seed in (1, 2)])
    labels = model.run(batch)
    assert labels.shape == (2, 61, 90)
    for image, found in zip(batch, labels, strict=True):
        assert np.array_equal(model.predict(image), found)
    assert [mask.shape for mask in model.predict([batch[0], batch[1][:40]])] == [(61, 90), (40, 90)]


def test_the_file_states_what_a_user_needs(exported: tuple[Path, Path]) -> None:
    run, path = exported
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    assert {entry.domain: entry.version for entry in model.opset_import}[""] == 18
    facts = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(facts["classes"]) == CLASSES
    assert len(json.loads(facts["colors"])) == len(CLASSES)
    assert facts["size"] == "64"
    assert facts["fingerprint"] == Data.read(run).fingerprint
    assert facts["version"] == segarena.__version__
    record = ExportedModel.from_json(json.loads(facts["segarena"]), path)
    assert record.agreement is not None
    assert record.agreement.source == "generated"
    assert record.agreement.share > 0.9999
    assert record.scores.miou is not None
    assert "nowhere" not in facts["segarena"]
    [image] = model.graph.input
    shape = [axis.dim_param or axis.dim_value for axis in image.type.tensor_type.shape.dim]
    assert shape == ["N", "H", "W", 3]


@pytest.fixture(scope="module")
def onnx_file(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The exported file of a run whose data is there."""
    return segarena.export(trained, out=tmp_path_factory.mktemp("onnx") / "model.onnx", quiet=True)


@pytest.mark.long
def test_a_run_is_checked_on_its_own_validation_images(trained: Path, onnx_file: Path) -> None:
    model = segarena.load(onnx_file)
    assert isinstance(model, OnnxModel)
    found = model.facts.agreement
    assert found is not None
    assert (found.source, found.images) == ("val", Data.read(trained).counts["val"])
    image = trained.parent / "data" / "images" / "square03.png"
    assert np.array_equal(model.predict(image), segarena.load(trained, device="cpu").predict(image))


@pytest.mark.long
def test_an_onnx_file_is_loaded_without_torch(onnx_file: Path, trained: Path) -> None:
    image = trained.parent / "data" / "images" / "square03.png"
    code = f"""
import sys, segarena
mask = segarena.load({str(onnx_file)!r}).predict({str(image)!r})
assert mask.shape == (48, 48) and mask.max() == 1
for name in ("torch", "torchvision", "onnx", "pandas"):
    assert name not in sys.modules, name
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.long
def test_a_large_image_is_labelled_in_windows_as_by_the_run(trained: Path, onnx_file: Path) -> None:
    model = segarena.load(onnx_file)
    images = [np.asarray(Image.open(path)) for path in sorted((trained.parent / "data" / "images").glob("*.png"))]
    large = np.vstack([np.hstack(images[row : row + 3]) for row in (0, 3, 6)])
    expected = segarena.load(trained, device="cpu").predict(large)
    assert (model.predict(large) == expected).mean() > 0.99
    assert (model.run(large[None])[0] == expected).mean() < 0.97  # as a whole, its details are lost


@pytest.mark.long
def test_probabilities_that_were_not_exported_are_refused(onnx_file: Path) -> None:
    model = segarena.load(onnx_file)
    with refuses(ConfigError, value="model.onnx"):
        model.probabilities(np.zeros((9, 9, 3), np.uint8))


@pytest.mark.long
def test_a_file_that_exists_is_not_overwritten(trained: Path, onnx_file: Path) -> None:
    before = onnx_file.read_bytes()
    with refuses(segarena.RunError, where=onnx_file):
        segarena.export(trained, out=onnx_file)
    assert onnx_file.read_bytes() == before


def spoil(labels: Callable[..., np.ndarray], share: float) -> Callable[..., np.ndarray]:
    """Labels of which a share is wrong."""

    def spoiled(image: np.ndarray) -> np.ndarray:
        found = labels(image).copy()
        found.reshape(-1)[: int(np.ceil(share * found.size))] ^= 1
        return found

    return spoiled


def test_other_labels_are_refused_and_nothing_is_left(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The labels are those of a stand-in, of which one in 500 is wrong."""
    import segarena.experiment.export as module

    labels = torch_labels(segarena.load(trained, device="cpu").model, 32)
    ways = iter([spoil(labels, 0.002), labels])
    monkeypatch.setattr(module, "torch_labels", lambda *_: next(ways))
    with refuses(segarena.RunError, where=trained, value="99.9") as caught:
        segarena.export(trained, format="huggingface", out=tmp_path / "new")
    assert "differ" in caught.value.what
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("module", ["onnx", "onnxscript", "onnxruntime"])
def test_a_missing_library_is_named_with_its_command(
    module: str, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with refuses(ConfigError, value=module) as caught:
        segarena.export(trained, out=tmp_path / "model.onnx")
    assert 'python -m pip install "segarena[export]"' in caught.value.remedy


@pytest.mark.long
def test_loading_without_onnxruntime_names_the_extra(onnx_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with refuses(ConfigError, value="onnxruntime") as caught:
        segarena.load(onnx_file)
    assert 'python -m pip install "segarena[onnx]"' in caught.value.remedy


def test_a_folder_for_the_hub_is_loaded_again(trained: Path, tmp_path: Path) -> None:
    folder = segarena.export(trained, format="huggingface", out=tmp_path / "hub", quiet=True)
    assert {path.name for path in folder.iterdir()} == {"README.md", "config.json", "model.safetensors"}
    shutil.move(folder, tmp_path / "moved")
    model, run = segarena.load(tmp_path / "moved", device="cpu"), segarena.load(trained, device="cpu")
    image = np.asarray(scene(5).resize((77, 53)))
    assert np.array_equal(model.predict(image), run.predict(image))
    assert np.array_equal(model.probabilities(image), run.probabilities(image))
    assert model.classes == run.classes
    text = (tmp_path / "moved" / "config.json").read_text()
    assert str(trained.parent) not in text


@pytest.mark.parametrize(
    ("options", "place"),
    [({"format": "torch", "int8": True}, "--int8"), ({"format": "huggingface", "probabilities": True}, "--prob")],
)
def test_options_that_exclude_each_other_are_refused(options: dict[str, object], place: str) -> None:
    with refuses(ConfigError, where=place):
        ExportOptions(run=Path("run"), **options)  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.parametrize("probabilities", [False, True])
def test_a_program_of_torch_export_gives_the_labels_of_pytorch(
    probabilities: bool, squares: Path, tmp_path: Path
) -> None:
    options: dict[str, Any] = {"encoder": "mobilenet_v2", "weights": "none", "epochs": 2, "batch_size": 4}
    trained = segarena.train(squares, model="unet", size=64, device="cpu", out=tmp_path / "run", **options).folder
    path = segarena.export(trained, format="torch", probabilities=probabilities, out=tmp_path, quiet=True)
    assert path == tmp_path / "unet.pt2"
    files = {"segarena.json": ""}
    program = torch.export.load(path, extra_files=files).module()
    assert ExportedModel.from_json(json.loads(files["segarena.json"]), path).model == "unet"
    label = expected_labels(trained)
    for number, size in enumerate(SIZES):
        images = np.stack([np.asarray(scene(seed).resize(size[::-1])) for seed in (number, number + 1)])
        found = program(torch.from_numpy(images))
        labels = found[0] if probabilities else found
        assert np.array_equal(labels.numpy(), np.stack([label(image) for image in images]))
    with refuses(segarena.RunError, where=path):
        segarena.load(path)


def test_no_program_of_torch_whose_map_may_have_one_cell(trained: Path, tmp_path: Path) -> None:
    """torch.export takes a length of 1 for fixed, so that the program would refuse square images."""
    with refuses(ConfigError, where="--format", value="32"):
        segarena.export(trained, format="torch", out=tmp_path / "a.pt2", quiet=True)


@pytest.mark.long
def test_int8_is_within_its_gate_and_smaller(trained: Path, onnx_file: Path, tmp_path: Path) -> None:
    path = segarena.export(trained, int8=True, out=tmp_path / "int8.onnx", quiet=True)
    model = segarena.load(path)
    assert isinstance(model, OnnxModel)
    found = model.facts.quantization
    assert found is not None
    assert found.val_miou - found.val_miou_int8 <= 0.005
    assert found.calibration_images == Data.read(trained).counts["train"]
    assert path.stat().st_size < 0.7 * onnx_file.stat().st_size
    operations = {node.op_type for node in onnx.load(path).graph.node}
    assert "DequantizeLinear" in operations


@pytest.mark.long
def test_int8_that_loses_too_much_is_refused(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scores = iter([0.7, 0.69])
    monkeypatch.setattr("segarena.experiment.export._miou", lambda *_: next(scores))
    with refuses(segarena.RunError, where=trained, value="69.00%"):
        segarena.export(trained, int8=True, out=tmp_path / "int8.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.long
def test_the_example_of_the_document_runs(
    onnx_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (Path(__file__).parents[2] / "docs" / "export.md").read_text()
    examples = [code for code in re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL) if "unet.onnx" in code]
    assert len(examples) == 2
    shutil.copy(onnx_file, tmp_path / "unet.onnx")
    scene(3, 60).save(tmp_path / "new_image.jpg")
    monkeypatch.chdir(tmp_path)
    for code in examples:
        exec(compile(code, "docs/export.md", "exec"), {})
        names = segarena.load("unet.onnx").classes.names
        assert all(name in capsys.readouterr().out for name in names[:1])
