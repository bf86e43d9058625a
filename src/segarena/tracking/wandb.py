"""Log to Weights & Biases: files in the folder of the command, unless the environment asks for the service."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from segarena.formats import command
from segarena.records.tracking import TrackedBy
from segarena.tracking.callback import TrackedRun
from segarena.tracking.tracker import Status, Tracker


class WandbTracker(Tracker):
    """Logs to runs of one group, named as the folder of the command; WANDB_PROJECT names the project.

    Without WANDB_MODE nothing is sent: `wandb sync` sends what was written. The parts of a run that was resumed have
    one id, and become one run there.
    """

    name, title = "wandb", "Weights & Biases"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._runs: dict[str, Any] = {}

    @property
    def mode(self) -> str:
        """What WANDB_MODE asks for; offline without."""
        return os.environ.get("WANDB_MODE") or "offline"

    @property
    def where(self) -> str:
        """The command that sends what was written, or the project."""
        if self.mode == "offline":
            return command("wandb", "sync", self.place / "wandb") + "/offline-run-*"
        return f"project {self._project}"

    @property
    def _project(self) -> str:
        return os.environ.get("WANDB_PROJECT") or "segarena"

    def open(self, run: TrackedRun, known: TrackedBy | None) -> str:
        """Begin a run with the parameters as its config, or another part of the known one."""
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        wandb: Any = import_module("wandb")

        own = known.id if known is not None else uuid.uuid4().hex[:12]
        self.place.mkdir(parents=True, exist_ok=True)
        self._runs[run.name] = wandb.init(
            project=self._project,
            dir=str(self.place),
            id=own,
            name=run.name,
            group=self.folder.absolute().name,
            job_type="training",
            config={name: value for name, value in run.parameters.items() if value is not None},
            resume=None if self.mode == "offline" or known is None else "allow",
            mode=self.mode,
            reinit="create_new",
            settings=wandb.Settings(
                silent=True,
                console="off",
                disable_git=True,
                save_code=False,
                x_disable_stats=True,
                x_save_requirements=False,
            ),
        )
        return own

    def log(self, run: TrackedRun, step: int, metrics: Mapping[str, float]) -> None:
        """Log the metrics at a step."""
        self._runs[run.name].log(dict(metrics), step=step)

    def log_final(self, run: TrackedRun, metrics: Mapping[str, float]) -> None:
        """Put the scores into the summary."""
        self._runs[run.name].summary.update(dict(metrics))

    def finish(self, run: TrackedRun, status: Status) -> None:
        """End the run; only one that finished is a success."""
        self._runs.pop(run.name).finish(exit_code=0 if status == "finished" else 1)

    def close(self) -> None:
        """End the runs of the trainings that were stopped."""
        for run in self._runs.values():
            run.finish(exit_code=1)
        self._runs.clear()
