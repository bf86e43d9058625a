"""One training from folder to run folder: what it writes, that it repeats, that it can be resumed."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

import segarena
from segarena import cli
from segarena.errors import ConfigError, Interrupted, RunError, WeightsError
from segarena.experiment import run as command
from segarena.formats import percent
from segarena.records.config import Config
from segarena.records.metrics import Metrics
from segarena.records.run import Costs, Data
from segarena.training import engine
from support import QUICK, refuses


def train(data: Path, out: Path, model: str = "fcn", **options: object) -> Path:
    return segarena.train(data, model=model, out=out, **{**QUICK, **options})


def test_writes_the_run_folder(squares: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = train(squares, tmp_path / "run", model="unet")
    names = {path.name for path in run.iterdir()}
    records = {f"{name}.json" for name in ("config", "environment", "data", "metrics", "costs")}
    errors = {"error_analysis.json", "confident_errors.npz"}
    kept = {"options.json", "history.csv", "images.csv", "predictions.zip", "best.safetensors", "last", "log.txt"}
    assert names == records | errors | kept
    metrics, data = Metrics.read(run), Data.read(run)
    assert metrics.split == "val"
    assert list(metrics.per_class) == ["background", "foreground"]
    assert sum(map(sum, metrics.confusion)) == 2 * 48 * 48  # two whole images at their own size, not at 32
    history = pd.read_csv(run / "history.csv")
    assert list(history["epoch"]) == [1, 2]
    assert history["val_miou"].max() == metrics.val_miou == metrics.miou  # the best epoch's weights are scored
    assert data.counts == {"train": 10, "val": 2, "test": 0}
    assert all(len(digest) == 64 for digest in data.sha256.values())
    costs = Costs.read(run)
    assert 0 < costs.train_cpu_seconds < costs.train_seconds * (os.cpu_count() or 1)
    assert costs.latency_low_ms <= costs.latency_ms <= costs.latency_high_ms
    assert "mIoU" in capsys.readouterr().out


def test_choices_are_printed_and_saved(squares: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = Config.read(train(squares, tmp_path / "run", precision="auto", batch_size=64, size=None))
    said = capsys.readouterr().out
    assert (config.protocol.size, config.protocol.batch_size) == (48, 10)  # the data has no larger batch
    assert {choice.name for choice in config.choices} >= {"size", "precision", "batch_size"}
    assert all(choice.sentence in said for choice in config.choices if choice.name != "size")
    assert "working size 48: " in said
    assert config.architecture["output_stride"] == 32


def test_one_seed_gives_the_same_scores_and_another_other_weights(squares: Path, tmp_path: Path) -> None:
    first, second, other = (train(squares, tmp_path / name, seed=seed) for name, seed in (("a", 3), ("b", 3), ("c", 4)))
    for name in ("metrics.json", "best.safetensors"):
        assert (first / name).read_bytes() == (second / name).read_bytes()
    assert (first / "best.safetensors").read_bytes() != (other / "best.safetensors").read_bytes()


def test_resume_of_a_run_that_saved_nothing_starts_it(squares: Path, tmp_path: Path) -> None:
    run = train(squares, tmp_path / "new", resume=True)
    assert (run / "metrics.json").exists()


def test_resume_of_a_finished_run_says_so(squares: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = train(squares, tmp_path / "run")
    before = (run / "metrics.json").stat().st_mtime_ns
    assert train(squares, run, resume=True) == run
    assert "finished already" in capsys.readouterr().out
    assert (run / "metrics.json").stat().st_mtime_ns == before


@pytest.mark.parametrize("data", ["squares", "no such folder"])
def test_a_folder_with_files_is_refused_before_the_data_is_read(squares: Path, tmp_path: Path, data: str) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.txt").write_text("three years")
    for work in (lambda: train(squares.parent / data, out), lambda: segarena.compare(squares.parent / data, out=out)):
        with refuses(RunError, where=out, value="not empty"):
            work()
    assert [path.name for path in out.iterdir()] == ["thesis.txt"]
    assert (out / "thesis.txt").read_text() == "three years"


STOPS = {
    "mid-epoch": (1, signal.SIGINT),
    "second epoch": (3, signal.SIGTERM),
    "last step": (4, getattr(signal, "SIGHUP", signal.SIGINT)),
}


@pytest.mark.usefixtures("usual_signals")
@pytest.mark.parametrize("moment", STOPS)
def test_stopped_by_a_signal_and_resumed_ends_in_the_same_bits(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    stop_at, number = STOPS[moment]
    whole = train(squares, tmp_path / "whole", model="deeplabv3")
    steps = 0

    def should_stop_after_some_steps(self: engine.Trainer, *arguments: object) -> object:
        nonlocal steps
        steps += 1
        if steps == stop_at:
            os.kill(os.getpid(), number)
        return step(self, *arguments)

    step = engine.Trainer._train_step
    monkeypatch.setattr(engine.Trainer, "_train_step", should_stop_after_some_steps)
    part = tmp_path / "a part"
    with pytest.raises(Interrupted) as stopped:
        train(squares, part, model="deeplabv3")
    assert stopped.value.signal == number
    monkeypatch.setattr(engine.Trainer, "_train_step", step)
    line = str(stopped.value).partition("Resume with: ")[2]
    assert line == f"segarena.train(resume={str(part)!r}), or in a shell: segarena train --resume '{part}'"
    monkeypatch.chdir("/")  # from there, as from anywhere
    monkeypatch.setattr(sys, "argv", shlex.split(line.partition("in a shell: ")[2]))
    assert cli.main() == 0
    assert (part / "metrics.json").read_bytes() == (whole / "metrics.json").read_bytes()
    assert (part / "best.safetensors").read_bytes() == (whole / "best.safetensors").read_bytes()


@pytest.mark.usefixtures("usual_signals")
@pytest.mark.parametrize("part", ["val", "test"])
def test_stopped_while_scoring_and_resumed_ends_in_the_same_bits(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    options: dict[str, Any] = {"model": "fcn", "test_fraction": 0.25}
    whole = train(squares, tmp_path / "whole", **options)
    evaluated = command.evaluate

    def evaluate_and_stop(*arguments: Any, on_progress: Callable[[int], None], **more: Any) -> Any:
        def stop(images: int) -> None:
            is_test = (out / "last" / "state.pt").exists()  # saved when the training has ended
            if is_test == (part == "test"):
                os.kill(os.getpid(), signal.SIGTERM)
            on_progress(images)

        return evaluated(*arguments, on_progress=stop, **more)

    out = tmp_path / "out"
    monkeypatch.setattr(command, "evaluate", evaluate_and_stop)
    with pytest.raises(Interrupted, match=part):
        train(squares, out, **options)
    assert not (out / "metrics.json").exists()
    assert (out / "last" / "state.pt").exists()
    monkeypatch.setattr(command, "evaluate", evaluated)
    segarena.train(resume=out)
    assert (out / "metrics.json").read_bytes() == (whole / "metrics.json").read_bytes()
    assert (out / "best.safetensors").read_bytes() == (whole / "best.safetensors").read_bytes()


@pytest.mark.slow
def test_kill_9_at_three_moments_and_resume_end_in_the_same_bits(squares: Path, tmp_path: Path) -> None:
    arguments = [
        sys.executable,
        "-m",
        "segarena",
        "train",
        str(squares),
        "--model",
        "pspnet",
        "--encoder",
        "mobilenet_v2",
    ]
    arguments += ["--weights", "none", "--epochs", "6", "--size", "64", "--batch-size", "4", "--device", "cpu"]
    whole, part = tmp_path / "whole", tmp_path / "part"
    subprocess.run([*arguments, "--out", str(whole)], check=True, capture_output=True)
    for epochs in (0, 2, 4):  # before the first save; in the middle, twice
        process = subprocess.Popen(
            [*arguments, "--out", str(part), "--resume"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        history = part / "history.csv"
        while not (part / "config.json").exists() or (
            epochs and (not history.exists() or len(history.read_text().splitlines()) <= epochs)
        ):
            assert process.poll() is None, "finished before it could be killed"
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not (part / "metrics.json").exists()
    subprocess.run([*arguments, "--out", str(part), "--resume"], check=True, capture_output=True)
    assert (part / "metrics.json").read_bytes() == (whole / "metrics.json").read_bytes()


@pytest.fixture
def unfinished(squares: Path, tmp_path: Path) -> Path:
    """A run that stopped when its first epoch was to be validated."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command, "evaluate_split", lambda *arguments: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            train(squares, tmp_path / "run")
    return tmp_path / "run"


def test_resume_with_other_options_is_refused(squares: Path, unfinished: Path) -> None:
    for options, value in (({"learning_rate": 0.5}, "--learning-rate"), ({"seed": 1}, "--seed 0, not 1")):
        with refuses(RunError, where=unfinished, value=value):
            train(squares, unfinished, resume=True, **options)


def test_resume_with_other_data_is_refused(squares: Path, unfinished: Path) -> None:
    image = next((squares / "images").iterdir())
    image.write_bytes(image.read_bytes() + b"\0")
    with refuses(RunError, where=unfinished, value=f"{image.stem} is changed"):
        train(squares, unfinished, resume=True)


def test_changed_data_is_the_reason_where_settings_follow_from_it(squares: Path, unfinished: Path) -> None:
    for path in [*squares.glob("*/*.png")]:  # the input size is another one now
        Image.open(path).crop((0, 0, 48, 40)).save(path)
    with refuses(RunError, where=unfinished, value="are changed") as caught:
        train(squares, unfinished, resume=True)
    assert "data back" in caught.value.remedy


def test_a_run_is_resumed_where_its_data_was_moved(squares: Path, unfinished: Path) -> None:
    moved = squares.rename(squares.with_name("moved"))
    assert Metrics.read(train(moved, unfinished, resume=True)).epochs == 2


def test_resume_with_other_classes_is_refused(squares: Path, tmp_path: Path) -> None:
    """The same files, but their values are other classes."""

    def declare(**values: int) -> None:
        (squares / "classes.yaml").write_text(
            yaml.safe_dump({"classes": [{"name": n, "value": v} for n, v in values.items()]}, sort_keys=False)
        )

    declare(ground=0, square=255)
    run = train(squares, tmp_path / "run")
    for other in ({"ground": 255, "square": 0}, {"square": 255, "ground": 0}, {"ground": 0, "box": 255}):
        declare(**other)
        with refuses(RunError, where=run, value="other classes"):
            train(squares, run, resume=True)
    declare(ground=0, square=255)
    train(squares, run, resume=True)


def test_early_stopping_counts_a_plateau_as_no_improvement(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A validation score that never moves ends the training after `patience` epochs, with the first epoch's weights."""
    constant = np.array([[[8, 2], [1, 9]]])
    monkeypatch.setattr(command, "evaluate_split", lambda *arguments: constant)
    monkeypatch.setattr(command, "write_image_counts", lambda *arguments: None)
    run = train(squares, tmp_path / "run", epochs=9, patience=2)
    assert list(pd.read_csv(run / "history.csv")["epoch"]) == [1, 2, 3]
    assert Metrics.read(run).best_epoch == 1
    [line] = [line for line in capsys.readouterr().out.splitlines() if "stopped early" in line]
    assert all(word in line for word in ("2 epochs", "epoch 1", percent(Metrics.read(run).val_miou)))


def test_weights_of_another_network(squares: Path, tmp_path: Path) -> None:
    run = train(squares, tmp_path / "run")
    with refuses(WeightsError, where=run / "best.safetensors"):
        train(squares, tmp_path / "other", weights=str(run / "best.safetensors"), encoder="mobilenet_v2")


def test_a_full_disk_is_one_message_and_keeps_what_was_saved(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = os.fsync, 0

    def full(descriptor: int) -> None:
        nonlocal calls
        calls += 1
        if calls > 7:  # settings and the first epoch still fit
            raise OSError(28, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with refuses(RunError, value="No space left on device"):
        train(squares, tmp_path / "run")
    monkeypatch.setattr(os, "fsync", real)
    assert not list((tmp_path / "run").rglob(".*")), "a temporary file was left"
    run = train(squares, tmp_path / "run", resume=True)
    assert (run / "metrics.json").exists()


def test_a_loss_that_is_no_number_is_explained(squares: Path, tmp_path: Path) -> None:
    with refuses(ConfigError, where="run", value="NaN"):
        train(squares, tmp_path / "run", learning_rate=1e30, optimizer="sgd", clip_norm=1e30)


def test_dice_and_class_weights_train(squares: Path, tmp_path: Path) -> None:
    run = train(squares, tmp_path / "run", loss="ce+dice", class_weights="median", optimizer="sgd", schedule="poly")
    assert (Metrics.read(run).miou or 0) > 0
