"""Log to TensorBoard: event files in the folder of the command."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from segarena.formats import command
from segarena.records.tracking import TrackedBy
from segarena.tracking.callback import TrackedRun
from segarena.tracking.tracker import Status, Tracker


class TensorBoardTracker(Tracker):
    """Writes event files, flushed after each epoch: scalars, the parameters as text and for the tab of HParams."""

    name, title = "tensorboard", "TensorBoard"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._writers: dict[str, Any] = {}

    @property
    def where(self) -> str:
        """The command that shows it."""
        return command("tensorboard", "--logdir", self.place / self.name)

    def open(self, run: TrackedRun, known: TrackedBy | None) -> str:
        """Open an event file; what it has of later epochs than were logged is void."""
        module: Any = import_module("torch.utils.tensorboard")
        logged = 0 if known is None else known.epochs
        place = self.place / self.name / run.name
        writer = module.SummaryWriter(str(place), purge_step=logged + 1 if place.exists() else None)
        self._writers[run.name] = writer
        parameters = {name: value for name, value in run.parameters.items() if value is not None}
        rows = [f"| {name} | {str(value).replace('|', '&#124;')} |" for name, value in parameters.items()]
        writer.add_text("parameters", "\n".join(["| parameter | value |", "|---|---|", *rows]), logged)
        scalars = {k: v if isinstance(v, (bool, int, float, str)) else str(v) for k, v in parameters.items()}
        experiment, start, self._end = module.summary.hparams(scalars, {"val_miou": None})
        writer.file_writer.add_summary(experiment, logged)
        writer.file_writer.add_summary(start, logged)
        writer.flush()
        return run.name

    def log(self, run: TrackedRun, step: int, metrics: Mapping[str, float]) -> None:
        """Write a scalar for each."""
        writer = self._writers[run.name]
        for name, value in metrics.items():
            writer.add_scalar(name, value, step)
        writer.flush()

    def log_final(self, run: TrackedRun, metrics: Mapping[str, float]) -> None:
        """Write a scalar for each, at the last epoch."""
        step = int(metrics.get("epochs", run.epochs))
        for name, value in metrics.items():
            self._writers[run.name].add_scalar(name, value, step)
        self._writers[run.name].file_writer.add_summary(self._end, step)

    def finish(self, run: TrackedRun, status: Status) -> None:
        """Close the event file."""
        self._writers.pop(run.name).close()

    def close(self) -> None:
        """Close the files of the trainings that were stopped."""
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()
