"""The trials of `--tune` are in the predicted time, in a budget, and in the time that models share."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

import segarena
from segarena.errors import Interrupted, RunError
from segarena.experiment import calibration, work_left
from segarena.experiment.plan import Training
from segarena.experiment.prediction import Speed
from segarena.records.options import OptionsRecord
from segarena.training.engine import Trainer
from support import QUICK, refuses, write_pair, write_squares

MODELS = ["fcn", "pspnet"]


@pytest.fixture(scope="module")
def squares(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty images, of which 16 train; in a trial 13 train and 3 are held out."""
    folder = tmp_path_factory.mktemp("data") / "squares"
    return write_squares(folder, 20)


def made_speed(training: Training, *_: object) -> Speed:
    """A step takes 1 s in FCN and 3 s in PSPNet; nothing else takes time."""
    return Speed(0.0, {"fcn": 1.0, "pspnet": 3.0}[training.model], 0.0, 0.0, 0.0, peak_memory_mib=100.0)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Models of a known speed; gives the predictions, after which nothing is trained."""
    predicted: list[Any] = []

    def note(prepared: Any, forecast: Any, reporter: Any) -> None:
        predicted.append((prepared, forecast))
        raise Interrupted("enough")

    monkeypatch.setattr(work_left, "measure_speed", made_speed)
    monkeypatch.setattr(work_left, "after_trainings", lambda *_: 0.0)
    monkeypatch.setattr(calibration, "FILLED", 1.0)
    monkeypatch.setattr(calibration, "FEWEST_STEPS", 0)
    monkeypatch.setattr(calibration, "report_prediction", note)
    return predicted


@pytest.mark.parametrize("seeds", [1, 2])
def test_the_prediction_contains_the_trials_once(squares: Path, tmp_path: Path, made: list[Any], seeds: int) -> None:
    """Sixteen images train: 4 steps of an epoch, and 3 in a trial, which has a tenth of 200 epochs."""
    options = {**QUICK, "epochs": 200}
    with pytest.raises(Interrupted):
        segarena.compare(squares, out=tmp_path / "out", models=MODELS, seeds=seeds, tune=4, **options)
    [(_, forecast)] = made
    prediction = forecast.predict()
    trials = 4 * 20 * 3
    assert prediction.trials == pytest.approx(trials * (1 + 3))
    ends = 0.5 * seeds
    assert prediction.models == pytest.approx(
        {"fcn": seeds * 800 + trials + ends, "pspnet": 3 * (seeds * 800 + trials) + ends}
    )
    if seeds == 1:
        assert forecast.predict(seeds=2).models["fcn"] == pytest.approx(2 * 800 + trials + 1.0)


def test_a_budget_and_equal_time_contain_the_trials(squares: Path, tmp_path: Path, made: list[Any]) -> None:
    options = {name: value for name, value in QUICK.items() if name != "epochs"}
    for number, more in enumerate([{"budget": "30m"}, {"budget": "30m", "equal": "time"}, {"equal": "time"}]):
        with pytest.raises(Interrupted):
            segarena.compare(squares, out=tmp_path / f"{number}", models=MODELS, tune=4, **more, **options)
    for prepared, forecast in made[:2]:
        seconds = forecast.predict().seconds
        assert seconds <= 1800
        one_more = {model: prepared.protocol.epochs_of(model) + 1 for model in MODELS}
        assert forecast.predict(epochs=one_more).seconds > 1800 - 60  # reading the data took the rest
        assert forecast.predict().trials > 0
    for prepared, forecast in made[1:]:
        assert prepared.protocol.model_epochs["fcn"] > prepared.protocol.model_epochs["pspnet"]
        fcn, pspnet = (forecast.predict().models[model] for model in MODELS)
        assert fcn == pytest.approx(pspnet, abs=4 * 3 * 4 + 12)  # one epoch, and one of each trial


def test_data_that_changed_while_a_tuning_was_stopped_is_refused(squares: Path, tmp_path: Path) -> None:
    out, step = tmp_path / "out", Trainer._train_step

    def stop_in_the_first_trial(self: Trainer, *arguments: Any) -> Any:
        os.kill(os.getpid(), signal.SIGINT)
        return step(self, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "_train_step", stop_in_the_first_trial)
        with pytest.raises(Interrupted, match="trial 1 of 2"):
            segarena.train(squares, out=out, model="fcn", tune=2, **QUICK)
    before = OptionsRecord.read(out)
    write_pair(squares, "square03", seed=77)
    with refuses(RunError, where=out, value="other data"):
        segarena.train(resume=out)
    assert OptionsRecord.read(out) == before
    write_pair(squares, "square03", seed=3)
    segarena.train(resume=out)
