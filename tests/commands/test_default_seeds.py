"""How often each model is trained where --seeds is left open: by the time that was predicted, and kept when resumed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import segarena
from recording import RecordingReporter
from segarena.config import CompareOptions
from segarena.experiment import calibration, work_left
from segarena.experiment.plan import Training
from segarena.experiment.prediction import Speed
from segarena.experiment.prepare import prepare
from segarena.records.comparison import ComparisonRecord
from segarena.records.config import Config
from segarena.records.options import OptionsRecord
from segarena.reporting.comparison import read_comparison
from segarena.reporting.method import protocol_rows
from segarena.runs import Run
from support import QUICK

OPEN = {**QUICK, "epochs": None}


def made_speed(step: float) -> Callable[..., Speed]:
    """An epoch of two steps, with validation of two images, takes twice this and 2 s."""

    def measure(training: Training, *_: object) -> Speed:
        return Speed(0.0, step, 1.0, 0.0, 0.0)

    return measure


@pytest.fixture(autouse=True)
def made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work_left, "measure_speed", made_speed(1.0))
    monkeypatch.setattr(work_left, "after_trainings", lambda *_: 0.0)


@pytest.mark.parametrize(
    ("step", "options", "seeds"),
    [
        (1.0, {"epochs": 20}, 3),  # 80 s for each training
        (28.0, {"epochs": 20}, 3),  # 3 take 58 minutes
        (30.0, {"epochs": 20}, 1),  # 62 minutes
        (1.0, {"epochs": 19}, 1),  # 38 steps, too few for a trial
        (1.0, {"epochs": 20, "folds": 2}, 1),
        (1.0, {"epochs": 20, "seeds": 2}, None),
        (1.0, {"budget": "13m"}, 3),  # 60 epochs is the default: 12 minutes
        (1.0, {"budget": "11m"}, 1),
        (30.0, {"budget": "4h"}, 3),  # 3.1 hours, which was asked for
    ],
)
def test_three_where_they_fit_into_an_hour_or_the_budget(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: float, options: dict[str, Any], seeds: int
) -> None:
    monkeypatch.setattr(work_left, "measure_speed", made_speed(step))
    reporter = RecordingReporter()
    prepared = prepare(CompareOptions(data=squares, models=("fcn",), **{**OPEN, **options}), reporter)
    typed = prepared.options.seeds  # type: ignore[attr-defined]
    runs = {Run("fcn", seed): tmp_path / f"fcn-seed{seed}" for seed in range(prepared.seeds)}
    assert len(runs) == (typed or 1)
    calibrated = calibration.calibrate(prepared, tmp_path, runs, reporter, started=calibration.time.perf_counter())
    chosen = {choice.name: choice for choice in calibrated.prepared.choices}
    assert ("seeds" in chosen) == (seeds is not None)
    expected = seeds or typed
    assert calibrated.prepared.seeds == expected
    assert calibrated.runs == {Run("fcn", seed): tmp_path / f"fcn-seed{seed}" for seed in range(expected)}
    if calibrated.forecast is not None:
        assert len(calibrated.forecast.works) == expected * (options.get("folds") or 1)
    if seeds is not None:
        said = [line for line in reporter.lines if chosen["seeds"].sentence in line]
        assert len(said) == 1
        if "folds" in options and calibrated.forecast is not None:  # not of 3 folds
            assert "3 seeds take" in chosen["seeds"].why
        # the epochs fill the budget later, so the time is that of another number of them
        assert ("budget" in chosen["seeds"].why) == ("budget" in options)
        assert ("usual number of epochs" in chosen["seeds"].why) == ("budget" in options and seeds == 3)


@pytest.mark.long
def test_the_number_is_recorded_kept_when_resumed_and_can_be_raised(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibration, "FEWEST_STEPS", 1)
    out = tmp_path / "out"
    segarena.compare(squares, out=out, models=["fcn"], **QUICK)
    record, started = ComparisonRecord.read(out), OptionsRecord.read(out)
    [why] = [choice.why for choice in record.choices if choice.name == "seeds"]
    assert (record.seeds, record.ranking[0].seeds) == (3, (0, 1, 2))
    assert why in dict(protocol_rows(read_comparison(out)))["seeds"]
    assert "--seeds 3" in record.command
    assert "seeds" not in started.options
    assert "seeds" not in {choice.name for choice in Config.read(out / "fcn-seed0").choices}

    for name in ("costs.json", "metrics.json"):
        (out / "fcn-seed2" / name).unlink()  # as if it had been interrupted
    monkeypatch.setattr(work_left, "measure_speed", made_speed(1e6))
    segarena.compare(resume=out)
    assert ComparisonRecord.read(out).ranking[0].seeds == (0, 1, 2)
    segarena.compare(resume=out, seeds=2)
    assert ComparisonRecord.read(out).ranking[0].seeds == (0, 1, 2)
    segarena.compare(resume=out, seeds=4)
    assert ComparisonRecord.read(out).ranking[0].seeds == (0, 1, 2, 3)
    segarena.compare(resume=out)
    assert ComparisonRecord.read(out).ranking[0].seeds == (0, 1, 2, 3)
