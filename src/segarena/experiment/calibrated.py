"""What was predicted before the trainings, and the record of what they took."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from segarena.config.devices import device_type
from segarena.config.durations import parse_duration
from segarena.errors import RunError
from segarena.experiment.prediction import Forecast
from segarena.experiment.prepared import Prepared
from segarena.records.comparison import ComparisonRecord, PredictedTime
from segarena.runs import Run
from segarena.units import MIB


@dataclass(frozen=True)
class Calibrated:
    """The data and the protocol with all choices made, and what was measured for them.

    Args:
        prepared: The data and the protocol, with the epochs that fit into the budget.
        runs: The run folder of each model and seed, with those of the seeds that were chosen.
        forecast: The measured models and the trainings; None where the trainings are shorter than a trial.
        started: When the command began, by `time.perf_counter`.
        finished: When the prediction was made.
        earlier: What an earlier call predicted and took, of a comparison to which nothing is added.
    """

    prepared: Prepared
    runs: Mapping[Run, Path]
    forecast: Forecast | None
    started: float
    finished: float
    earlier: PredictedTime | None = None

    def record(self, comparison: ComparisonRecord, folder: Path) -> None:
        """Add to comparison.json what was predicted and what it took until now.

        Args:
            comparison: The content of comparison.json.
            folder: The comparison folder.
        """
        forecast = self.forecast
        if forecast is None:
            if self.earlier is not None:
                replace(comparison, predicted_time=self.earlier).write(folder)
            return
        prediction, budget = forecast.predict(), self.prepared.options.budget
        memory, before = prediction.peak_memory_bytes, forecast.memory_before
        peaks = [entry.peak_memory_mib for entry in comparison.ranking if entry.model in prediction.models]
        known = [peak for peak in peaks if peak is not None]
        time_taken = PredictedTime(
            predicted_seconds=prediction.seconds,
            actual_seconds=time.perf_counter() - self.finished,
            preparation_seconds=self.finished - self.started,
            model_seconds=dict(prediction.models),
            after_seconds=prediction.after,
            trial_seconds=prediction.trials,
            predicted_memory_mib=None if memory is None else memory / MIB,
            actual_memory_mib=before + max(known) if known and before is not None and forecast.jobs == 1 else None,
            load_cores=forecast.load,
            predicted_cpu_share=forecast.cpu_share,
            actual_cpu_share=_cpu_share(comparison),
            budget_seconds=None if budget is None else parse_duration(budget, "--budget"),
        )
        replace(comparison, predicted_time=time_taken).write(folder)


def earlier_time(folder: Path) -> PredictedTime | None:
    """Return what an earlier call predicted and took; None where the folder has no finished comparison.

    Args:
        folder: The comparison folder.
    """
    if not (folder / ComparisonRecord.file).exists():
        return None
    with suppress(RunError):  # of another schema: the comparison is written again
        return ComparisonRecord.read(folder).predicted_time
    return None


def _cpu_share(comparison: ComparisonRecord) -> float | None:
    """The processor time of all trainings as a share of their time on all threads."""
    entries = [entry for entry in comparison.ranking if entry.train_seconds]
    if device_type(comparison.protocol.device) != "cpu" or any(entry.train_cpu_seconds is None for entry in entries):
        return None
    seconds = sum(entry.train_seconds or 0.0 for entry in entries) * max(1, comparison.protocol.threads)
    return min(1.0, sum(entry.train_cpu_seconds or 0.0 for entry in entries) / seconds) if seconds else None
