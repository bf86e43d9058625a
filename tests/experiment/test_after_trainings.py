"""The time of a comparison after its trainings counts every model of it, also those that were trained earlier."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from segarena.experiment import after_trainings as module
from segarena.experiment.after_trainings import after_trainings
from segarena.experiment.prediction import Speed


def predicted(trained_now: dict[str, Speed], models: tuple[str, ...]) -> float:
    source = SimpleNamespace(classes=SimpleNamespace(num_classes=3))
    prepared: Any = SimpleNamespace(options=SimpleNamespace(model_names=models), source=source, splits=(1,))
    return after_trainings(prepared, trained_now, 1.0)


def test_models_that_were_trained_earlier_take_time_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_slowness", lambda: 1.0)
    speed = Speed(build=2.0, step=1.0, image=1.0, save=0.0, latency=0.5)
    both = predicted({"fcn": speed, "unet": speed}, ("fcn", "unet"))
    assert predicted({"unet": speed}, ("fcn", "unet")) == pytest.approx(both)
    assert predicted({"unet": speed}, ("unet",)) < 0.6 * both + 1.0
