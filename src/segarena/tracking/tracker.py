"""What all trackers share: each epoch is logged once, also after a run was stopped, killed or restarted."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Literal

from segarena.errors import RunError
from segarena.records.tracking import TrackedBy, Tracking
from segarena.tracking.callback import Callback, TrackedRun

#: Folder of what trackers write on this machine, in the folder of the command.
TRACKING = "tracking"
Status = Literal["finished", "failed", "stopped", "restarted"]


class Tracker(Callback):
    """Logs to an experiment tracker. A subclass opens, logs to and closes a run of it.

    Args:
        folder: The folder of the command.
    """

    name: ClassVar[str]
    title: ClassVar[str]

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.place = folder / TRACKING
        self._states: dict[str, TrackedBy] = {}

    @abstractmethod
    def open(self, run: TrackedRun, known: TrackedBy | None) -> str:
        """Begin a run of the tracker, or continue a known one; return its id.

        Args:
            run: The training.
            known: What an earlier call has logged of it; None for a new run.
        """

    @abstractmethod
    def log(self, run: TrackedRun, step: int, metrics: Mapping[str, float]) -> None:
        """Log the metrics of an epoch.

        Args:
            run: The training.
            step: The epoch, from 1.
            metrics: As of `Callback.on_epoch_end`.
        """

    @abstractmethod
    def log_final(self, run: TrackedRun, metrics: Mapping[str, float]) -> None:
        """Log the final scores.

        Args:
            run: The training.
            metrics: As of `Callback.on_run_end`.
        """

    @abstractmethod
    def finish(self, run: TrackedRun, status: Status) -> None:
        """End the tracker's run.

        Args:
            run: The training.
            status: How it ended; "restarted" where it begins again with epoch 1 as another run.
        """

    @property
    @abstractmethod
    def where(self) -> str:
        """How to look at what was logged: a command, or an address."""

    def has_all(self, folder: Path) -> bool:
        """Whether all of a finished run was logged."""
        state = _read(folder).get(self.name)
        return state is not None and state.is_ended

    def on_run_start(self, run: TrackedRun) -> None:
        """Open the run, and log the epochs of its history that have not been logged yet.

        A training that is resumed on another machine, because its own was lost, begins twice.
        """
        if self._states.pop(run.name, None) is not None:
            self.finish(run, "stopped")
        known = _read(run.folder).get(self.name)
        self._keep(run, replace(known or TrackedBy(id=""), id=self.open(run, known)))
        for epoch, metrics in sorted(run.history.items()):
            self.on_epoch_end(run, epoch, metrics)

    def on_epoch_end(self, run: TrackedRun, epoch: int, metrics: Mapping[str, float]) -> None:
        """Log the metrics, unless a run that was killed has logged this epoch before."""
        state = self._states[run.name]
        if epoch > state.epochs:
            self.log(run, epoch, metrics)
            self._keep(run, replace(state, epochs=epoch))

    def on_restart(self, run: TrackedRun, reason: str) -> None:
        """End the run, and begin another one with epoch 1."""
        self.finish(run, "restarted")
        self._keep(run, TrackedBy(id=self.open(run, None)))

    def on_run_end(self, run: TrackedRun, metrics: Mapping[str, float], error: str | None) -> None:
        """Log the final scores and end the run."""
        state = self._states.pop(run.name, None)
        if state is None:
            return  # it failed before it began
        if error is None:
            self.log_final(run, metrics)
        self.finish(run, "finished" if error is None else "failed")
        if error is None:
            self._write(run, replace(state, is_ended=True))

    def _keep(self, run: TrackedRun, state: TrackedBy) -> None:
        self._states[run.name] = state
        self._write(run, state)

    def _write(self, run: TrackedRun, state: TrackedBy) -> None:
        Tracking(trackers={**_read(run.folder), self.name: state}).write(run.folder)


def _read(folder: Path) -> dict[str, TrackedBy]:
    try:
        return Tracking.read(folder).trackers if (folder / Tracking.file).exists() else {}
    except RunError:  # damaged: everything is logged again
        return {}
