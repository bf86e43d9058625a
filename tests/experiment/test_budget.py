"""What a command will take, and how many epochs fit into a time: from made step times."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segarena.config import CompareOptions
from segarena.config.durations import parse_duration, short_duration
from segarena.errors import ConfigError
from segarena.experiment.budget import LEAST_EPOCHS, MOST_EPOCHS, Equal, fit_epochs, least_seconds, share_time
from segarena.experiment.prediction import LATENCY_IMAGES, PER_TRAINING, PROCESS, Forecast, Speed, Work
from segarena.runs import SAVE_EVERY
from support import refuses

SECONDS = st.floats(0.01, 5)
SPEEDS = st.builds(Speed, build=SECONDS, step=SECONDS, image=SECONDS, save=SECONDS, latency=SECONDS)
EQUAL = st.sampled_from(["epochs", "time"])


@st.composite
def forecasts(draw: st.DrawFn) -> Forecast:
    """One to four models, each trained as often, in folds of slightly different sizes."""
    models = ["fcn", "unet", "pspnet", "deeplabv3"][: draw(st.integers(1, 4))]
    sizes = draw(st.lists(st.integers(5, 9), min_size=1, max_size=3))
    works = [Work(model, size, size, size, 7) for model in models for size in sizes]
    return Forecast({model: draw(SPEEDS) for model in models}, tuple(works), after=draw(SECONDS))


@given(forecasts(), st.integers(2, 4), st.integers(1, 3))
def test_trainings_side_by_side_take_between_their_share_and_all(forecast: Forecast, jobs: int, seeds: int) -> None:
    alone, beside = forecast.predict(seeds=seeds), replace(forecast, jobs=jobs).predict(seeds=seeds)
    works = seeds * len(forecast.works)
    latency = seeds * sum(work.latency_seconds(forecast.speeds[work.model]) for work in forecast.works)
    each = [work.side_seconds(forecast.speeds[work.model]) for work in forecast.works]
    assert beside.models == alone.models
    assert beside.seconds <= alone.seconds + works * PROCESS + latency + 1e-6
    assert beside.seconds >= beside.after + latency + max(*each, seeds * sum(each) / jobs) - 1e-6


@settings(max_examples=50)
@given(forecasts(), EQUAL, st.integers(2, 4), st.floats(1.0, 50))
def test_a_budget_is_filled_side_by_side(forecast: Forecast, equal: Equal, jobs: int, times: float) -> None:
    forecast = replace(forecast, jobs=jobs)
    least = least_seconds(forecast, equal)
    assert fit_epochs(forecast, 0.9 * least, equal) is None
    plan = fit_epochs(forecast, times * least, equal)
    assert plan is not None
    assert plan.prediction.seconds <= times * least * (1 + 1e-6)
    epochs = dict(plan.model_epochs) or dict.fromkeys(forecast.speeds, plan.epochs)
    more = {model: number + 1 for model, number in epochs.items()}
    assert max(epochs.values()) == MOST_EPOCHS or forecast.predict(epochs=more).seconds > times * least


@pytest.mark.parametrize("on_gpu", [False, True])
def test_each_process_needs_its_memory(on_gpu: bool) -> None:
    speed = Speed(build=1, step=1, image=1, save=1, latency=1, peak_memory_mib=100)
    works = tuple(Work("fcn", 1, 1, 1, 1) for _ in range(3))
    forecast = Forecast({"fcn": speed}, works, memory_before=1000, jobs=2, process_mib=None if on_gpu else 300)
    assert forecast.predict().peak_memory_bytes == (1100 if on_gpu else 1000 + 2 * 400) * 2**20


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("45m", 2700), ("1h30m", 5400), ("90s", 90), ("2h", 7200), ("1.5h", 5400), (" 2 H ", 7200), ("1 h 5 min", 3900)],
)
def test_a_length_of_time(text: str, seconds: float) -> None:
    assert parse_duration(text, "--budget") == seconds
    assert parse_duration(short_duration(seconds), "") == seconds


@pytest.mark.parametrize("text", ["45", "", "m", "ten minutes", "45m1h", "5m5m", "-5m", "0s", "1:30", "1e3s", "45m!"])
def test_what_is_no_length_of_time_is_refused(text: str) -> None:
    with refuses(ConfigError, where="--budget", value=repr(text)):
        CompareOptions(budget=text)


def test_a_budget_and_a_number_of_epochs_exclude_each_other() -> None:
    with refuses(ConfigError, where="--budget", value="--epochs"):
        CompareOptions(budget="45m", epochs=10)


def test_all_that_takes_time_is_summed() -> None:
    speed = Speed(build=2.0, step=0.5, image=0.25, save=6.0, latency=0.01, peak_memory_mib=100.0)
    works = (Work("fcn", 8, 4, 12, epochs=3), Work("fcn", 6, 4, 12, epochs=3))
    forecast = Forecast({"fcn": speed}, works, after=5.0, memory_before=900.0)
    lengths = (8 * 0.5 + 4 * 0.25, 6 * 0.5 + 4 * 0.25)
    epochs = 3 * sum(seconds + 6.0 * seconds / SAVE_EVERY for seconds in lengths)  # a save each minute
    ends = 2 * (2.0 + 6.0 + 12 * 0.25 + LATENCY_IMAGES * 0.01 + PER_TRAINING)
    assert forecast.all_epochs_seconds == pytest.approx(epochs)
    prediction = forecast.predict()
    assert prediction.models == pytest.approx({"fcn": epochs + ends})
    assert prediction.seconds == pytest.approx(epochs + ends + 5.0)
    assert prediction.peak_memory_bytes == 1000 * 2**20
    assert forecast.predict(epochs=6, seeds=3).seconds == pytest.approx(3 * (2 * epochs + ends) + 5.0)


@settings(max_examples=30, deadline=None)
@given(forecasts(), EQUAL, st.floats(1, 200))
def test_the_predicted_time_fills_the_budget_and_stays_within(forecast: Forecast, equal: Equal, factor: float) -> None:
    budget = factor * least_seconds(forecast, equal)
    plan = fit_epochs(forecast, budget, equal)
    assert plan is not None
    assert plan.prediction.seconds <= budget * (1 + 1e-6)
    counts = list(plan.model_epochs.values()) or [plan.epochs]
    assert LEAST_EPOCHS <= min(counts) <= max(counts) <= MOST_EPOCHS
    if max(counts) < MOST_EPOCHS:  # one epoch more of each model would not fit
        more = {model: epochs + 1 for model, epochs in plan.model_epochs.items()} or plan.epochs + 1
        assert forecast.predict(epochs=more).seconds > budget * (1 - 1e-6)
    larger = fit_epochs(forecast, 1.3 * budget, equal)
    assert larger is not None
    assert larger.epochs >= plan.epochs
    assert all(larger.model_epochs[model] >= epochs for model, epochs in plan.model_epochs.items())


@settings(max_examples=30, deadline=None)
@given(forecasts(), EQUAL)
def test_the_least_budget_fits_and_nothing_below(forecast: Forecast, equal: Equal) -> None:
    least = least_seconds(forecast, equal)
    plan = fit_epochs(forecast, least, equal)
    assert plan is not None
    assert min(plan.model_epochs.values(), default=plan.epochs) == LEAST_EPOCHS
    assert fit_epochs(forecast, 0.999 * least, equal) is None


@settings(max_examples=30, deadline=None)
@given(forecasts(), st.integers(5, 100))
def test_models_that_share_the_time_differ_by_less_than_an_epoch(forecast: Forecast, epochs: int) -> None:
    plan = share_time(forecast, epochs)
    mean = sum(forecast.epoch_seconds(model) for model in plan.model_epochs) / len(plan.model_epochs)
    for model, number in plan.model_epochs.items():
        own = forecast.epoch_seconds(model)
        assert abs(number * own - epochs * mean) <= own * (0.5 if number > 1 else 1) + 1e-6
    assert plan.prediction == forecast.predict(epochs=plan.model_epochs)
