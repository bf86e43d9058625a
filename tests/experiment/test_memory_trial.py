"""What fits into memory is found before anything is trained, is the same for all models, and stays when resumed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from test_shortage import memory_for

import segarena
from segarena.errors import Interrupted, OutOfMemoryError
from segarena.experiment import memory_trial
from segarena.experiment.run import train_run
from segarena.records.comparison import ComparisonRecord
from segarena.records.config import Config
from segarena.records.options import OptionsRecord
from segarena.reporting.caveats import caveats
from segarena.reporting.comparison import read_comparison
from segarena.reporting.method import protocol_rows
from support import QUICK, refuses

pytestmark = pytest.mark.usefixtures("quick_runs")
GIB = 1024**3
ONE: dict[str, Any] = {**QUICK, "model": "fcn", "epochs": 1}


@pytest.fixture
def as_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps are tried, as on a GPU, and not predicted."""
    monkeypatch.setattr(memory_trial, "_predicted", lambda training, jobs: memory_trial._tried(training))


def with_memory(monkeypatch: pytest.MonkeyPatch, free: float, *, fixed: int = 100, image: int = 50) -> list[int]:
    """A CPU with so many MiB free, where a step needs `fixed` MiB and `image` more for each image.

    Returns the sizes of the steps that were measured.
    """
    measured: list[int] = []

    class Peak:
        def __init__(self, device: str) -> None:
            """Nothing is measured."""

        def read(self) -> float:
            return fixed + image * measured[-1]

    monkeypatch.setattr(memory_trial, "free_memory", lambda: int(free * 2**20))
    monkeypatch.setattr(memory_trial, "PeakMemory", Peak)
    monkeypatch.setattr(memory_trial, "_try", lambda training, images: measured.append(images))
    return measured


@pytest.mark.usefixtures("as_on_a_gpu")
@pytest.mark.long
def test_the_largest_part_that_fits_for_all_models_is_used_and_recorded(squares: Path, tmp_path: Path) -> None:
    options = {**QUICK, "models": ["fcn", "unet"], "epochs": 1}
    with memory_for(2):
        folder = segarena.compare(squares, out=tmp_path / "out", **options).folder
    for run in ("fcn-seed0", "unet-seed0"):
        config = Config.read(folder / run)
        assert (config.protocol.batch_size, config.protocol.micro_batch) == (4, 2)
        assert "FCN" in next(choice.why for choice in config.choices if choice.name == "micro_batch")
    comparison = read_comparison(folder)
    assert "2 (4 images of FCN" in dict(protocol_rows(comparison))["micro batch"]
    assert any("BatchNorm normalised 2 images" in note for note in caveats(comparison))
    log = (folder / "log.txt").read_text()
    assert "micro batch 2 (4 images of FCN" in log
    segarena.compare(resume=folder, seeds=2)  # with memory for all of them
    assert Config.read(folder / "unet-seed1").protocol.micro_batch == 2
    assert ComparisonRecord.read(folder).seeds == 2


@pytest.mark.usefixtures("as_on_a_gpu")
@pytest.mark.parametrize(
    ("size", "encoder", "advised"),
    [(64, "resnet18", "size=32"), (32, "resnet18", 'encoder="mobilenet_v2"'), (32, "mobilenet_v2", "")],
)
def test_nothing_is_written_where_two_images_are_too_many(
    squares: Path, tmp_path: Path, size: int, encoder: str, advised: str
) -> None:
    options = {**ONE, "size": size, "encoder": encoder}
    with memory_for(1), refuses(OutOfMemoryError, where="fcn", value="2 images") as caught:
        segarena.train(squares, out=tmp_path / "run", **options)
    assert advised in caught.value.remedy
    assert ("=" in caught.value.remedy) == bool(advised)  # nothing is advised that is so already
    assert not (tmp_path / "run").exists()


@pytest.mark.usefixtures("as_on_a_gpu")
def test_a_micro_batch_that_was_typed_is_kept_or_refused(squares: Path, tmp_path: Path) -> None:
    with memory_for(3), refuses(OutOfMemoryError, where="--micro-batch", value="4 images") as caught:
        segarena.train(squares, out=tmp_path / "run", **{**ONE, "batch_size": 8}, micro_batch=4)
    assert "micro_batch=2" in caught.value.remedy
    with memory_for(3):
        run = segarena.train(squares, out=tmp_path / "run", **{**ONE, "batch_size": 8}, micro_batch=2).folder
    assert Config.read(run).protocol.micro_batch == 2


@pytest.mark.usefixtures("as_on_a_gpu")
def test_a_training_is_not_resumed_with_other_parts(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(training: Any, start: Any, should_stop: Any, reporter: Any, **_: Any) -> None:
        train_run(training, start, lambda: True, reporter)

    with monkeypatch.context() as patch:
        patch.setattr("segarena.experiment.training_task.train_run", stop)
        with pytest.raises(Interrupted):
            segarena.train(squares, out=tmp_path / "run", **ONE)
    with memory_for(2), refuses(OutOfMemoryError, where=tmp_path / "run", value="4 images") as caught:
        segarena.train(resume=tmp_path / "run")
    assert "micro_batch=2" in caught.value.remedy
    segarena.train(resume=tmp_path / "run")  # with memory again
    assert (tmp_path / "run" / "costs.json").exists()


@pytest.mark.usefixtures("as_on_a_gpu")
def test_a_training_that_was_split_is_resumed_with_its_parts(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segarena.experiment.memory_trial.saved_micro_batch", lambda folder: 2)
    segarena.train(squares, out=tmp_path / "run", **ONE)
    (tmp_path / "run" / "costs.json").unlink()
    (tmp_path / "run" / "metrics.json").unlink()
    with memory_for(2):
        segarena.train(resume=tmp_path / "run")
    assert (tmp_path / "run" / "costs.json").exists()


@pytest.mark.usefixtures("as_on_a_gpu")
def test_the_batch_that_auto_chooses_is_what_fits(squares: Path, tmp_path: Path) -> None:
    open_rate = {**ONE, "batch_size": "auto", "split": 0.9}
    with memory_for(4):  # 11 of the 12 images train, and a quarter of them are two
        small = Config.read(segarena.train(squares, out=tmp_path / "small", **open_rate).folder)
    assert small.protocol.batch_size == 2
    for number in range(12, 46):
        for kind in ("images", "masks"):
            source = squares / kind / f"square{number % 12:02}.png"
            (squares / kind / f"square{number:02}.png").write_bytes(source.read_bytes())
    with memory_for(4):
        run = segarena.train(squares, out=tmp_path / "large", **open_rate, group_by="none").folder
    config = Config.read(run)
    assert (config.protocol.batch_size, config.protocol.micro_batch) == (4, 0)
    chosen = {choice.name: choice for choice in config.choices}
    assert "8 images" in chosen["batch_size"].why
    assert chosen["learning_rate"].value == config.protocol.learning_rate
    assert "batch size 4" in chosen["learning_rate"].why
    assert "batch_size" not in OptionsRecord.read(run).options
    with memory_for(3):
        like = segarena.train(like=run, batch_size="auto", out=tmp_path / "like").folder
    assert Config.read(like).protocol.batch_size == 2


@pytest.mark.parametrize(
    ("free", "size", "measured"),
    [
        (2000, 8, [2, 2]),  # four times the 200 MiB of two images are free
        (800, 8, [2, 2, 4]),  # eight need 500 MiB
        (500, 4, [2, 2, 4]),  # 90% of it are less than 500
        (250, 2, [2, 2, 4]),
    ],
)
def test_on_a_cpu_the_memory_is_predicted_from_small_steps(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: float, size: int, measured: list[int]
) -> None:
    found = with_memory(monkeypatch, free)
    run = segarena.train(squares, out=tmp_path / "run", **{**ONE, "batch_size": 8}).folder
    assert Config.read(run).protocol.micro_batch == (size if size < 8 else 0)
    assert found == measured


def test_on_a_cpu_too_little_memory_is_found_before_the_training(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_memory(monkeypatch, 210)
    with refuses(OutOfMemoryError, where="fcn", value="2 images"):
        segarena.train(squares, out=tmp_path / "run", **ONE)


def test_where_memory_is_plenty_nothing_is_measured(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = with_memory(monkeypatch, 64 * 1024)
    segarena.train(squares, out=tmp_path / "run", **ONE)
    assert found == []


def test_a_real_step_is_measured(squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole way, on this machine's memory; with the moving average that is evaluated."""
    plain = segarena.train(squares, out=tmp_path / "plain", **ONE, ema_decay=0.9).folder
    monkeypatch.setattr(memory_trial, "MOST_OF_PIXEL", GIB)
    run = segarena.train(squares, out=tmp_path / "run", **ONE, ema_decay=0.9).folder
    for name in ("metrics.json", "best.safetensors"):  # it leaves the bits of the training
        assert (run / name).read_bytes() == (plain / name).read_bytes()
