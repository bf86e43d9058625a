"""A trial before the trainings predicts their time, fills a budget with epochs, and leaves their bits as they are."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

import segarena
from recording import RecordingReporter
from segarena import cli
from segarena.commands import compare, train
from segarena.config import CompareOptions
from segarena.config.durations import parse_duration
from segarena.errors import ConfigError, RunError
from segarena.experiment import calibration, work_left
from segarena.experiment.plan import Training
from segarena.experiment.prediction import Speed
from segarena.experiment.prediction_report import LONG
from segarena.experiment.prepare import prepare
from segarena.records.comparison import ComparisonRecord
from segarena.records.config import Config
from segarena.records.options import OptionsRecord
from segarena.reporting.comparison import read_comparison
from segarena.reporting.method import protocol_rows, subtitle
from segarena.runs import Run
from support import QUICK, refuses

OPEN = {name: value for name, value in QUICK.items() if name != "epochs"}
#: With 10 training and 2 validation images of `squares`, and batches of 4: epochs of 4, 8 and 12 s.
STEPS = {"fcn": 1.0, "pspnet": 3.0, "deeplabv3": 5.0}
EPOCHS = {model: 2 * step + 2 for model, step in STEPS.items()}


def made_speed(slower: float = 1.0) -> Callable[..., Speed]:
    def measure(training: Training, *_: object) -> Speed:
        return Speed(0.0, slower * STEPS[training.model], slower, 0.0, 0.0, peak_memory_mib=100.0)

    return measure


@pytest.fixture
def stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The preparation takes no time of a budget, however busy the machine is."""
    for module in (compare, train, calibration):
        monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=lambda: 0.0))


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch, stopped_clock: None) -> None:
    """Models whose time is known, on a machine where all else takes none."""
    monkeypatch.setattr(work_left, "measure_speed", made_speed())
    monkeypatch.setattr(work_left, "after_trainings", lambda *_: 0.0)
    monkeypatch.setattr(calibration, "FILLED", 1.0)


def epochs_of(folder: Path) -> dict[str, int]:
    return {path.name.partition("-")[0]: Config.read(path).protocol.epochs for path in folder.glob("*-seed*")}


def contents(folder: Path) -> dict[str, Any]:
    history = pd.read_csv(folder / "history.csv").drop(columns=["seconds", "images_per_second", "waiting_share"])
    return {"weights": (folder / "best.safetensors").read_bytes(), "history": history.to_csv()}


@pytest.mark.long
def test_a_trial_leaves_the_bits_of_the_trainings_and_predicts_them(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options: dict[str, Any] = {**QUICK, "models": ["fcn", "deeplabv3"], "seeds": 1}
    segarena.compare(squares, out=tmp_path / "without", **options)
    assert ComparisonRecord.read(tmp_path / "without").predicted_time is None  # shorter than a trial
    monkeypatch.setattr(calibration, "FEWEST_STEPS", 1)
    segarena.compare(squares, out=tmp_path / "with", **options)
    for run in ("fcn-seed0", "deeplabv3-seed0"):
        assert contents(tmp_path / "with" / run) == contents(tmp_path / "without" / run)
    assert not list((tmp_path / "with").glob(".*"))
    found = ComparisonRecord.read(tmp_path / "with").predicted_time
    assert found is not None
    assert set(found.model_seconds) == {"fcn", "deeplabv3"}
    assert sum(found.model_seconds.values()) + found.after_seconds == pytest.approx(found.predicted_seconds)
    assert found.actual_seconds > 0
    assert found.predicted_memory_mib is not None
    assert found.predicted_memory_mib > 100  # libraries alone need more
    segarena.compare(resume=tmp_path / "with")
    assert ComparisonRecord.read(tmp_path / "with").predicted_time == found


@pytest.mark.usefixtures("made")
@pytest.mark.long
def test_a_budget_is_filled_with_epochs_that_stay_when_resumed(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, reporter = tmp_path / "out", RecordingReporter()
    monkeypatch.setattr("segarena.commands.compare.TerminalReporter", lambda: reporter)
    # 12 epochs of both take 144 s and 11 take 132 s, and the preparation took 10 s
    monkeypatch.setattr(calibration, "time", SimpleNamespace(perf_counter=lambda: 10.0))
    segarena.compare(squares, out=out, models=["fcn", "pspnet"], budget="152s", **OPEN)
    chosen = 11
    assert epochs_of(out) == {"fcn": chosen, "pspnet": chosen}
    assert not any("epochs" in line for line in reporter.lines[:4])  # those that there would be without a budget
    record, started = ComparisonRecord.read(out), OptionsRecord.read(out)
    assert (record.protocol.epochs, record.predicted_time and record.predicted_time.budget_seconds) == (chosen, 152)
    assert f"--epochs {chosen}" in record.command
    assert "--budget" not in record.command
    assert started.options["budget"] == "152s"

    monkeypatch.setattr(work_left, "measure_speed", made_speed(slower=0.1))
    segarena.compare(resume=out, models=["fcn", "pspnet", "deeplabv3"])
    assert epochs_of(out) == dict.fromkeys(("fcn", "pspnet", "deeplabv3"), chosen)
    with refuses(RunError, where=out, value="152s"):
        segarena.compare(resume=out, budget="1h")


@pytest.mark.usefixtures("made")
def test_the_error_of_a_small_budget_names_one_that_is_enough(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    options = {**OPEN, "device": "cpu", "models": ["fcn"]}
    with refuses(ConfigError, where="--budget", value="20s") as caught:
        segarena.compare(squares, budget="20s", **options)
    assert not list(tmp_path.glob("runs/*"))
    least = caught.value.remedy.partition('budget="')[2].partition('"')[0]
    folder = segarena.train(squares, model="fcn", budget=least, **OPEN).folder
    assert Config.read(folder).protocol.epochs >= 10


@pytest.mark.usefixtures("made")
def test_models_share_the_time_also_one_that_is_added(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    segarena.compare(squares, out=out, models=["fcn", "pspnet"], epochs=3, equal="time", seeds=1, **OPEN)
    assert epochs_of(out) == {"fcn": 4, "pspnet": 2}  # 18 s of 4 s and 8 s: 4.5 and 2.25 epochs
    comparison = read_comparison(out)
    rows = dict(protocol_rows(comparison))
    assert (rows["equal"], rows["model epochs"]) == ("time", "fcn: 4, pspnet: 2")
    assert "time" in subtitle(comparison)
    assert "training time" in comparison.record.verdict
    for name in ("costs.json", "metrics.json"):
        (out / "pspnet-seed0" / name).unlink()  # as if it had been interrupted after its last epoch
    left: list[dict[str, int]] = []
    monkeypatch.setattr(
        calibration,
        "report_prediction",
        lambda _, forecast, __: left.append({w.model: w.epochs for w in forecast.works}),
    )
    segarena.compare(resume=out, models=["deeplabv3"])
    assert epochs_of(out) == {"fcn": 4, "pspnet": 2, "deeplabv3": 1}
    assert left == [{"pspnet": 0, "deeplabv3": 1}]


@pytest.mark.parametrize(
    ("epochs", "slower", "proposed"), [(25, 80.0, {"budget": "1h"}), (12, 200.0, {"size": 32})], ids=["budget", "size"]
)
@pytest.mark.usefixtures("made")
def test_over_two_hours_there_is_a_shorter_one(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, epochs: int, slower: float, proposed: dict[str, Any]
) -> None:
    """The second one has hardly more than the least number of epochs."""
    monkeypatch.setattr(calibration, "FEWEST_STEPS", 1)
    monkeypatch.setattr(work_left, "measure_speed", made_speed(slower))
    options = CompareOptions(data=squares, models=("fcn",), seeds=2, **{**QUICK, "epochs": epochs, "size": 64})
    reporter = RecordingReporter()
    calibrated = calibration.calibrate(
        prepare(options, reporter), tmp_path, {Run("fcn", 0): tmp_path / "a"}, reporter, started=0.0
    )
    assert calibrated.forecast is not None
    assert calibrated.forecast.predict().seconds > LONG
    line = next(line for line in reporter.lines if "segarena compare" in line)
    parsed: list[CompareOptions] = []
    monkeypatch.setattr("segarena.commands.compare.run", parsed.append)
    monkeypatch.setattr(sys, "argv", shlex.split(line[line.index("segarena compare") :]))
    assert cli.main() == 0
    again = vars(parsed[0])
    expected = {**vars(options), **proposed, **({"epochs": None} if "budget" in proposed else {})}
    assert {name: value for name, value in again.items() if value != expected[name]} == {}


@pytest.mark.usefixtures("stopped_clock")
def test_a_budget_chooses_the_resolution_that_fits_with_the_usual_epochs(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At output stride 8 an epoch takes 10 s, at 16 a third of it; by default there are 60 epochs."""

    def measure(training: Training, *_: object) -> Speed:
        seconds = {8: 10.0, 16: 3.0}[training.protocol.network["output_stride"]]
        return Speed(0.0, (seconds - 2) / 2, 1.0, 0.0, 0.0)

    monkeypatch.setattr(work_left, "measure_speed", measure)
    monkeypatch.setattr(work_left, "after_trainings", lambda *_: 0.0)
    found = {}
    for budget in ("2m", "6m", "20m"):
        options = CompareOptions(data=squares, models=("pspnet",), budget=budget, **{**OPEN, "size": None})
        reporter = RecordingReporter()
        prepared = prepare(options, reporter)
        assert not any("output stride" in line for line in reporter.lines)
        places = {Run("pspnet", 0): tmp_path / budget}
        calibrated = calibration.calibrate(prepared, tmp_path, places, reporter, started=0.0)
        assert any("output stride" in line for line in reporter.lines)
        protocol = calibrated.prepared.protocol
        found[budget] = protocol.network["output_stride"], protocol.epochs
        assert calibrated.prepared.fixed_by_budget["output_stride"] == protocol.network["output_stride"]
    assert {budget: stride for budget, (stride, _) in found.items()} == {"2m": 16, "6m": 16, "20m": 8}
    for budget, (stride, epochs) in found.items():
        seconds = epochs * {8: 10, 16: 3}[stride]
        assert 0.8 * parse_duration(budget, "") < seconds <= parse_duration(budget, "")
