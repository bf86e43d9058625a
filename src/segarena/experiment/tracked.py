"""Call callbacks and trackers at what happens to the trainings of a command."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from segarena.config import ProtocolOptions
from segarena.experiment.progress import Reporter, TrainingStart
from segarena.experiment.watching import Watcher
from segarena.records.config import Config
from segarena.records.metrics import Metrics
from segarena.records.values import MeanScores
from segarena.tracking.callback import TrackedRun
from segarena.tracking.calling import Callbacks, find_own_callbacks
from segarena.tracking.choose import make_trackers
from segarena.tracking.tracker import Tracker
from segarena.training.checkpoint import HISTORY

#: Columns of history.csv that have another name for trackers, where it stands alone.
_RENAMED = {"seconds": "epoch_seconds"}


@contextmanager
def tracking(options: ProtocolOptions, folder: Path, reporter: Reporter) -> Iterator[list[Watcher]]:
    """Give the watcher that calls the trackers of --track-with and the callbacks of a Python program; none without.

    Args:
        options: The options as typed.
        folder: The folder of the command.
        reporter: Receives warnings, and where one looks at what was logged.
    """
    trackers = make_trackers(options.track_with, folder)
    callbacks = Callbacks([*trackers, *find_own_callbacks()], reporter.warn)
    if not callbacks.active:
        yield []
        return
    try:
        yield [_Calling(callbacks, folder)]
    finally:
        callbacks.call("close")
    for tracker in trackers:
        if tracker in callbacks.active:
            reporter.say(tracker.where, title=tracker.title)


class _Calling(Watcher):
    def __init__(self, callbacks: Callbacks, folder: Path) -> None:
        self._callbacks, self._folder = callbacks, folder
        self._runs: dict[str, TrackedRun] = {}

    def on_plan(self, starts: Sequence[TrainingStart]) -> None:
        """Log the runs that are finished, where a tracker has not all of them."""
        for tracker in [one for one in self._callbacks.active if isinstance(one, Tracker)]:
            for start in starts:
                if start.is_finished and not tracker.has_all(start.folder):
                    run = describe_run(start, self._folder)
                    self._callbacks.call("on_run_start", run, only=tracker)
                    self._callbacks.call("on_run_end", run, final_metrics(start.folder), None, only=tracker)

    def on_begin(self, start: TrainingStart) -> None:
        run = self._runs[start.title] = describe_run(start, self._folder)
        self._callbacks.call("on_run_start", run)

    def on_epoch(
        self,
        start: TrainingStart,
        row: Mapping[str, Any],
        ious: Mapping[str, float],
        is_best: bool,
        seconds_left: float | None,
    ) -> None:
        metrics = {**epoch_metrics(row), **{f"val_iou/{name}": iou for name, iou in ious.items() if math.isfinite(iou)}}
        self._callbacks.call("on_epoch_end", self._runs[start.title], int(row["epoch"]), metrics)

    def on_restart(self, start: TrainingStart, why: str) -> None:
        self._callbacks.call("on_restart", self._runs[start.title], why)

    def on_end(self, start: TrainingStart, error: str | None) -> None:
        run = self._runs.pop(start.title, None)
        if run is not None:  # otherwise it failed before it began
            self._callbacks.call("on_run_end", run, {} if error is not None else final_metrics(start.folder), error)


def describe_run(start: TrainingStart, folder: Path) -> TrackedRun:
    """Return a training as callbacks see it.

    Args:
        start: The training; its folder has config.json.
        folder: The folder of the command.
    """
    config = Config.read(start.folder)
    name = start.folder.name if start.folder == folder else start.folder.relative_to(folder).as_posix()
    return TrackedRun(
        name=name,
        model=config.model,
        seed=config.seed,
        fold=start.run.fold,
        epochs=start.epochs,
        folder=start.folder,
        comparison=folder,
        parameters={
            "model": config.model,
            "seed": config.seed,
            **({} if start.run.fold is None else {"fold": start.run.fold}),
            **{name: _plain(value) for name, value in config.protocol.settings().items()},
            **{name: value for name, value in vars(config.data).items() if value is not None},
        },
        history=_read_epochs(start.folder),
    )


def epoch_metrics(row: Mapping[str, Any]) -> dict[str, float]:
    """Return the metrics of a row of history.csv, without those that are undefined."""
    return {
        _RENAMED.get(name, name): float(value)
        for name, value in row.items()
        if name != "epoch" and isinstance(value, (int, float)) and math.isfinite(value)
    }


def final_metrics(folder: Path) -> dict[str, float]:
    """Return the scores of a finished run, by names that begin with the split.

    Args:
        folder: The run folder.
    """
    metrics = Metrics.read(folder)
    scores = {name: getattr(metrics, name) for name in MeanScores.__dataclass_fields__}
    scores |= {f"iou/{name}": one.iou for name, one in metrics.per_class.items()}
    found = {f"{metrics.split}_{name}": value for name, value in scores.items() if value is not None}
    found |= {"best_epoch": metrics.best_epoch, "epochs": metrics.epochs}
    return {name: float(value) for name, value in found.items() if value is not None and metrics.split != "none"}


def _read_epochs(folder: Path) -> dict[int, dict[str, float]]:
    try:
        rows = pd.read_csv(folder / HISTORY).to_dict("records")
        return {int(row["epoch"]): epoch_metrics({str(name): value for name, value in row.items()}) for row in rows}
    except (OSError, ValueError, KeyError):
        return {}


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)
