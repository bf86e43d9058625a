"""The rule of --budget and --equal: how many epochs fit into a time.

With a budget, the working size and the output stride are chosen first, if they are open: by the usual rule
(`segarena.config.resolution`), where affordable is what fits into the budget with the usual number of epochs. Then the
number of epochs is the largest with which the predicted time is within the budget. All else is as without a budget.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
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
            fit into its share of the time for epochs and trials, which is the same for each.
    """
    if seconds < least_seconds(forecast, equal) * (1 - _ROUNDING):
        return None
    models = _models(forecast)
    if forecast.jobs > 1:
        return _fit_side_by_side(forecast, seconds, equal)
    free = seconds - forecast.with_epochs(0).predict().seconds
    if equal == "epochs":
        epochs = _largest(lambda epochs: sum(_seconds(forecast, model, epochs) for model in models), free)
        return Plan(epochs, forecast.predict(epochs=epochs))
    share = free / len(models)
    return _with_share(forecast, share)


def share_time(forecast: Forecast, epochs: int) -> Plan:
    """Return a plan in which all models train for the same time, in all as long as with this number of epochs each.

    Args:
        forecast: The measured models and the trainings.
        epochs: The number of epochs.
    """
    models = _models(forecast)
    share = sum(_seconds(forecast, model, epochs) for model in models) / len(models)
    return _of_time(forecast, {model: _nearest(partial(_seconds, forecast, model), share) for model in models})


def take_as_long(forecast: Forecast, seconds: float) -> dict[str, int]:
    """Return the epochs with which each model takes so long, for one of its trainings and its share of the trials.

    Args:
        forecast: The measured models and the trainings.
        seconds: The time of one training of a model that was compared earlier.
    """
    counts = Counter(work.model for work in forecast.works)
    return {model: _nearest(partial(_seconds, forecast, model), seconds * count) for model, count in counts.items()}


def least_seconds(forecast: Forecast, equal: Equal) -> float:
    """Return the smallest budget: with it, the model with the fewest epochs has `LEAST_EPOCHS`."""
    least = [_seconds(forecast, model, LEAST_EPOCHS) for model in _models(forecast)]
    if forecast.jobs > 1:
        if equal == "epochs":
            return forecast.predict(epochs=LEAST_EPOCHS).seconds
        return _with_share(forecast, max(least)).prediction.seconds
    without = forecast.with_epochs(0).predict().seconds
    return without + (sum(least) if equal == "epochs" else len(least) * max(least))


def _fit_side_by_side(forecast: Forecast, seconds: float, equal: Equal) -> Plan:
    """The same where several trainings run at a time: how they fill the places is part of the prediction."""
    if equal == "epochs":
        epochs = _largest(lambda epochs: forecast.predict(epochs=epochs).seconds, seconds)
        return Plan(epochs, forecast.predict(epochs=epochs))
    least = max(_seconds(forecast, model, LEAST_EPOCHS) for model in _models(forecast))
    best, low, high = _with_share(forecast, least), least, least + seconds * forecast.jobs
    for _ in range(40):
        plan = _with_share(forecast, (low + high) / 2)
        if plan.prediction.seconds <= seconds:
            best, low = plan, (low + high) / 2
        else:
            high = (low + high) / 2
    return best


def _with_share(forecast: Forecast, share: float) -> Plan:
    """The plan in which the trainings of each model take so long."""
    return _of_time(
        forecast, {model: _largest(partial(_seconds, forecast, model), share) for model in _models(forecast)}
    )


def _of_time(forecast: Forecast, model_epochs: Mapping[str, int]) -> Plan:
    mean = round(sum(model_epochs.values()) / len(model_epochs))
    return Plan(mean, forecast.predict(epochs=model_epochs), model_epochs)


def _models(forecast: Forecast) -> list[str]:
    return list(dict.fromkeys(work.model for work in forecast.works))


def _seconds(forecast: Forecast, model: str, epochs: int) -> float:
    """Seconds of all trainings of a model, its seeds and folds, beyond those without epochs."""
    speed, own = forecast.speeds[model], [work for work in forecast.works if work.model == model]
    return sum(replace(work, epochs=epochs).seconds(speed) - replace(work, epochs=0).seconds(speed) for work in own)


def _largest(seconds: Callable[[int], float], most: float) -> int:
    """The largest number of epochs, at least `LEAST_EPOCHS` and at most `MOST_EPOCHS`, that takes at most so long."""
    most += _ROUNDING * seconds(1)
    return max(LEAST_EPOCHS, bisect_right(range(MOST_EPOCHS + 1), most, key=seconds) - 1)


def _nearest(seconds: Callable[[int], float], share: float) -> int:
    """The number of epochs, at least 1, whose time is nearest to a share."""
    above = 1
    while seconds(above) < share:
        above += 1
    return min((max(1, above - 1), above), key=lambda epochs: abs(seconds(epochs) - share))
