"""What is reported before the trainings: the predicted time and memory, and a shorter command where it is long."""

from __future__ import annotations

from segarena.config import command_line
from segarena.config.durations import parse_duration, short_duration
from segarena.cores import LEAST_LOAD, count_processors
from segarena.experiment.budget import SPARE, fit_epochs, least_seconds
from segarena.experiment.prediction import Forecast
from segarena.experiment.prepared import Prepared
from segarena.experiment.progress import Reporter
from segarena.formats import is_command_line, plain, plural, rough_duration
from segarena.reporting.style import label_of

#: A command that takes longer is followed by a shorter one, and by how much that takes if possible, in seconds.
LONG, SHORTER = 7200.0, 3600.0
#: With less than this share of the processor time, trainings were slowed down by other programs.
BUSY = 0.85


def report_prediction(prepared: Prepared, forecast: Forecast, reporter: Reporter) -> None:
    """Report the predicted time and memory, and how busy the machine is.

    Args:
        prepared: The data and the protocol.
        forecast: The measured models and the trainings.
        reporter: Receives it.
    """
    prediction = forecast.predict()
    parts = [f"{label_of(model)} {rough_duration(seconds)}" for model, seconds in prediction.models.items()]
    memory = prediction.peak_memory_bytes
    text = f"  predicted: at most {rough_duration(prediction.seconds)}"
    text += f" ({', '.join(parts)})" if len(parts) > 1 else ""
    at_a_time = min(forecast.jobs, max(1, len(forecast.works)))
    text += f", {at_a_time} at a time" if at_a_time > 1 else ""
    text += f", with {rough_duration(prediction.trials)} of trials" if prediction.trials else ""
    text += f", memory {plain(round(memory / 2**30, 1))} GiB" if memory is not None else ""
    reporter.say(text)
    share, cores = forecast.cpu_share, count_processors()
    if share is not None and share < BUSY and forecast.load + prepared.protocol.threads > cores + LEAST_LOAD:
        idle = rough_duration(share * prediction.seconds)
        reporter.say(f"  other programs use {forecast.load:.1f} of {plural(cores, 'core')}; without them about {idle}")


def report_shorter(prepared: Prepared, forecast: Forecast, reporter: Reporter) -> None:
    """Report a command that would take less, if this one takes over two hours and no budget was given.

    Args:
        prepared: The data and the protocol.
        forecast: The measured models and the trainings.
        reporter: Receives it.
    """
    options, seconds = prepared.options, forecast.predict().seconds
    if seconds <= LONG or options.budget is not None or options.resume is not None:
        return
    least = SPARE * least_seconds(forecast, prepared.protocol.equal)
    budget = short_duration(max(SHORTER, least))
    plan = fit_epochs(forecast, parse_duration(budget, "--budget"), prepared.protocol.equal)
    changed: dict[str, object]
    if plan is not None and plan.prediction.seconds < seconds / 1.5:
        changed = {"budget": budget, "epochs": None}
        what = f"about {plan.epochs} epochs at this size in place of {prepared.protocol.epochs}"
    else:
        changed = {"size": max(32, prepared.protocol.size // 2)}
        what = "about a quarter of the computation"
    if is_command_line():
        how = command_line(type(options), {**vars(options), **changed}, program=None)
    else:
        how = ", ".join(f"{name}={value!r}" for name, value in changed.items() if value is not None)
    reporter.say(f"  shorter ({what}): {how}")
