"""The rule of --budget and --equal: how many epochs fit into a time.

With a budget, the working size and the output stride are chosen first, if they are open: by the usual rule
(`segarena.config.resolution`), where affordable is what fits into the budget with the usual number of epochs. Then the
number of epochs is the largest with which the predicted time is within the budget. All else is as without a budget.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from segarena.experiment.prediction import Forecast, Prediction

#: The fewest epochs that a model gets: fewer are no training, and with ten, one epoch is a tenth of the time or less.
LEAST_EPOCHS = 10
#: The most epochs that a model gets, however large the budget.
MOST_EPOCHS = 500
#: A least budget that is named is larger than what was predicted for it, so that it is accepted.
SPARE = 1.05

Equal = Literal["epochs", "time"]
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Plan:
    """What fits into a budget.

    Args:
        epochs: Epochs of each model; the mean where they differ.
        model_epochs: Epochs by model where they differ; otherwise empty.
        prediction: The time that this takes.
    """

    epochs: int
    prediction: Prediction
    model_epochs: Mapping[str, int] = field(default_factory=dict)


def fit_epochs(forecast: Forecast, seconds: float, equal: Equal) -> Plan | None:
    """Return the largest number of epochs that fits; None where not even the least number does.

    Args:
        forecast: The measured models and the trainings.
        seconds: The time for all of it.
        equal: Whether the models share the number of epochs, or the training time. Then a model has as many epochs as
            fit into its share of the time for epochs, which is the same for each.
    """
    if seconds < least_seconds(forecast, equal) * (1 - _ROUNDING):
        return None
    own = _epoch_seconds(forecast)
    free = seconds - forecast.with_epochs(0).predict().seconds
    if equal == "epochs":
        epochs = _within(free / sum(own.values()))
        return Plan(epochs, forecast.predict(epochs=epochs))
    model_epochs = {model: _within(free / len(own) / one) for model, one in own.items()}
    return _of_time(forecast, model_epochs)


def share_time(forecast: Forecast, epochs: int) -> Plan:
    """Return a plan in which all models train for the same time, in all as long as with this number of epochs each.

    Args:
        forecast: The measured models and the trainings.
        epochs: The number of epochs.
    """
    own = _epoch_seconds(forecast)
    share = epochs * sum(own.values()) / len(own)
    return _of_time(forecast, {model: max(1, round(share / one)) for model, one in own.items()})


def least_seconds(forecast: Forecast, equal: Equal) -> float:
    """Return the smallest budget: with it, the model with the fewest epochs has `LEAST_EPOCHS`."""
    own = _epoch_seconds(forecast)
    without = forecast.with_epochs(0).predict().seconds
    return without + LEAST_EPOCHS * (sum(own.values()) if equal == "epochs" else len(own) * max(own.values()))


def _of_time(forecast: Forecast, model_epochs: Mapping[str, int]) -> Plan:
    mean = round(sum(model_epochs.values()) / len(model_epochs))
    return Plan(mean, forecast.predict(epochs=model_epochs), model_epochs)


def _epoch_seconds(forecast: Forecast) -> dict[str, float]:
    """Seconds of one epoch of all trainings of each model: its seeds and folds."""
    own = dict.fromkeys((work.model for work in forecast.works), 0.0)
    for work in forecast.works:
        own[work.model] += work.epoch_seconds(forecast.speeds[work.model])
    return own


def _within(epochs: float) -> int:
    return min(MOST_EPOCHS, max(LEAST_EPOCHS, math.floor(epochs + _ROUNDING)))
