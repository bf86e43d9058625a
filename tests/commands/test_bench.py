"""`segarena bench`: what is measured of an architecture, a run and an exported model, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import segarena
from segarena.commands import bench
from segarena.config import BenchOptions
from segarena.config.bench import BATCH_SIZE, NUM_CLASSES
from segarena.errors import ConfigError, RunError
from segarena.experiment import bench as measuring
from segarena.models import build_model
from segarena.records.bench import BenchRecord
from segarena.training import rates
from segarena.training.costs import count_activations, count_flops, count_parameters
from segarena.training.rates import Rates

#: Times of the calls, in seconds, and rates of the machine.
TIMES = [0.002, 0.004, 0.006]
RATES = [Rates(flops=1e9, copied=4e9), Rates(flops=2e9, copied=3e9)]


@pytest.fixture
def clockwork(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each work is done once, and its times are invented."""

    def repeat(work: Callable[[], object], *, seconds: float, device: str) -> list[float]:
        work()
        return TIMES

    found = iter(RATES)
    monkeypatch.setattr(measuring, "repeat", repeat)
    monkeypatch.setattr(measuring, "measure_rates", lambda device, precision, *, seconds: next(found))


def run(network: object, **options: Any) -> BenchRecord:
    return bench.run(BenchOptions(network=str(network), device="cpu", **options))


def test_an_architecture_by_its_name(clockwork: None, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "found.json"
    found = run("PSPNet", size=(64, 96), num_classes=5, batch_size=3, precision="bf16", json=path)
    model = build_model("pspnet", 5)
    assert (found.kind, found.model, found.encoder, found.num_classes) == ("architecture", "pspnet", "resnet18", 5)
    assert (found.size, found.precision) == ((64, 96), "bf16")
    assert (found.params, found.flops) == (count_parameters(model), count_flops(model, (64, 96)))
    assert (found.flops_per_second, found.copied_per_second) == (2e9, 4e9), "the higher of both times"
    assert found.step is not None
    assert [work.images for work in (found.image, found.batch, found.step)] == [1, 3, 3]
    assert [work.images_per_second for work in (found.image, found.batch)] == pytest.approx([250, 750])
    assert found.image.median_ms == pytest.approx(4.0)
    assert (found.image.p95_ms, found.image.p99_ms, found.image.repetitions) == (None, None, 3)
    flops, numbers = count_flops(model, (64, 96)), count_activations(model, (64, 96))
    assert found.image.products_ms == pytest.approx(1000 * flops / 2e9)
    assert found.image.moved_ms == pytest.approx(1000 * 2 * 2 * numbers / 4e9)
    assert found.step.products_ms == pytest.approx(1000 * 3 * 3 * flops / 2e9)
    assert found.step.moved_ms == pytest.approx(1000 * 3 * 5 * 2 * numbers / 4e9)
    assert found.image.share_of_limit == pytest.approx(max(found.image.products_ms, found.image.moved_ms or 0) / 4.0)
    assert BenchRecord.from_json(json.loads(path.read_text()), path) == found
    shown = capsys.readouterr().out
    for text in ("pspnet on resnet18, 5 classes", "training step of 3", "2 GFLOP/s", "4.0 GB/s", "4.00", "750"):
        assert text in shown


def test_the_defaults_of_an_architecture(clockwork: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segarena.experiment.bench_network.SIZE", 64)
    monkeypatch.setattr("segarena.experiment.bench_network.BATCH_SIZE", 2)
    found = run("fcn")
    assert (found.size, found.batch.images, found.num_classes) == ((64, 64), 2, NUM_CLASSES)
    assert BenchOptions(network="fcn8s").track == "paper"
    assert BATCH_SIZE == 8


@pytest.mark.long
def test_deeplabv3_of_the_paper_is_counted_at_its_stride_for_training(clockwork: None) -> None:
    """In an evaluation its stride is 8, which has about four times the operations."""
    found = run("deeplabv3", track="paper", size=(64,), batch_size=2, num_classes=3)
    assert found.step is not None
    training = build_model("deeplabv3", 3, track="paper", output_stride=16)
    assert found.step.products_ms == pytest.approx(1000 * 2 * 3 * count_flops(training, (64, 64)) / 2e9)
    assert found.image.products_ms is not None
    assert found.step.products_ms < 2 * 3 * found.image.products_ms


def test_a_run_has_its_own_settings(clockwork: None, trained: Path) -> None:
    found = run(trained)
    config = json.loads((trained / "config.json").read_text())
    protocol = config["protocol"]
    assert (found.kind, found.model, found.num_classes) == ("run", "unet", 2)
    assert found.size == tuple(protocol["input_size"])
    assert found.step is not None
    assert found.step.images == protocol["batch_size"]
    assert run_again(trained, batch_size=2, size=(32,)) == ((32, 32), 2)


def run_again(folder: Path, **options: Any) -> tuple[tuple[int, int], int]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measuring, "measure_rates", lambda device, precision, *, seconds: RATES[0])
        found = run(folder, **options)
    return found.size, found.batch.images


@pytest.mark.long
def test_real_times_and_memory_of_a_run(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "SIDE", 64)
    monkeypatch.setattr(rates, "COPIED", 1 << 20)
    found = segarena.bench(trained, seconds=0.05, device="cpu", batch_size=4, quiet=True)
    table = found.table
    assert list(table) == ["image", "batch", "step"]
    assert bool((table.loc["median_ms"] > 0).all())
    assert bool((table.loc["repetitions"] >= 5).all())
    assert table.loc["median_ms", "step"] > table.loc["median_ms", "batch"] > table.loc["median_ms", "image"]
    assert found["image"]["images_per_second"] == pytest.approx(1000 / found["image"]["median_ms"])
    if found["step"]["peak_memory_mib"] is not None:
        weights = 4 * found["params"] / 2**20
        assert found["step"]["peak_memory_mib"] > 3 * weights, "weights, gradients and two moments"
    assert repr(found).startswith("Benchmark(unet")
    assert "median_ms" in found._repr_html_()


@pytest.mark.long
def test_exported_models(clockwork: None, trained: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
    pytest.importorskip("onnxscript", reason="onnxscript is not installed")
    onnx = segarena.export(trained, out=tmp_path / "model.onnx", quiet=True)
    found = run(onnx)
    assert (found.kind, found.precision, found.step) == ("onnx", "fp32", None)
    assert found.image.share_of_limit is not None
    for name, value in (("size", (64,)), ("precision", "bf16")):
        with pytest.raises(ConfigError, match=f"--{name}"):
            run(onnx, **{name: value})
    folder = segarena.export(trained, out=tmp_path / "folder", format="huggingface", quiet=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measuring, "measure_rates", lambda device, precision, *, seconds: RATES[0])
        of_folder = run(folder)
    assert (of_folder.kind, of_folder.flops, of_folder.params) == ("huggingface", found.flops, found.params)


@pytest.mark.parametrize(
    ("network", "options", "names"),
    [
        ("runs/mine", {"encoder": "resnet18"}, ["--encoder", "fcn"]),
        ("runs/mine", {"num_classes": 3}, ["--num-classes"]),
        ("fcn", {"batch_size": 1}, ["--batch-size", "2 or more"]),
        ("fcn", {"seconds": 0.0}, ["--seconds"]),
        ("fcn", {"size": (1, 2, 3)}, ["--size"]),
        ("fcn", {"num_classes": 0}, ["--num-classes"]),
    ],
)
def test_options_that_cannot_be(network: str, options: dict[str, Any], names: list[str]) -> None:
    with pytest.raises(ConfigError) as error:
        BenchOptions(network=network, **options)
    assert all(name in str(error.value) for name in names)


def test_no_file_is_overwritten_and_no_pickle_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "there.json"
    path.write_text("mine")
    with pytest.raises(ConfigError, match="--json"):
        run("fcn", json=path)
    assert path.read_text() == "mine"
    program = tmp_path / "model.pt2"
    program.write_bytes(b"")
    with pytest.raises(RunError, match=r"torch\.export"):
        run(program)
    with pytest.raises(RunError, match="missing"):
        run(tmp_path / "missing")
