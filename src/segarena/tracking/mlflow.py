"""Log to MLflow: a database in the folder of the command, or the server that MLFLOW_TRACKING_URI names."""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Mapping
from functools import cached_property
from importlib import import_module
from typing import Any

from segarena.formats import command
from segarena.records.tracking import TrackedBy
from segarena.tracking.callback import TrackedRun
from segarena.tracking.tracker import Status, Tracker

_STATUS = {"finished": "FINISHED", "failed": "FAILED", "stopped": "KILLED", "restarted": "KILLED"}
#: Characters of a parameter's value at most.
_LONGEST = 6000


class MlflowTracker(Tracker):
    """Logs to runs of one experiment: that of MLFLOW_EXPERIMENT_NAME, or one named as the folder of the command."""

    name, title = "mlflow", "MLflow"

    @property
    def uri(self) -> str:
        """Where the runs are."""
        own = (self.place / "mlflow.db").absolute()
        return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{own.as_posix()}"

    @property
    def where(self) -> str:
        """The command that shows it, or the server."""
        if os.environ.get("MLFLOW_TRACKING_URI"):
            return self.uri
        return command("mlflow", "ui", "--backend-store-uri", self.uri)

    @cached_property
    def _client(self) -> Any:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        for name in ("alembic", "mlflow.store.db.utils"):
            logging.getLogger(name).setLevel(logging.WARNING)
        self.place.mkdir(parents=True, exist_ok=True)
        return import_module("mlflow.tracking").MlflowClient(self.uri)

    @cached_property
    def _experiment(self) -> str:
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or self.folder.absolute().name
        found = self._client.get_experiment_by_name(name)
        if found is not None:
            return str(found.experiment_id)
        is_own = not os.environ.get("MLFLOW_TRACKING_URI")
        artifacts = (self.place / "artifacts").absolute().as_uri() if is_own else None
        return str(self._client.create_experiment(name, artifact_location=artifacts))

    def open(self, run: TrackedRun, known: TrackedBy | None) -> str:
        """Begin a run with the parameters, or continue the known one."""
        if known is not None:
            self._client.update_run(known.id, status="RUNNING")
            self._ids[run.name] = known.id
            return known.id
        tags = {"model": run.model, "seed": str(run.seed), "segarena.folder": str(run.folder.absolute())}
        tags |= {} if run.fold is None else {"fold": str(run.fold)}
        made = self._client.create_run(self._experiment, run_name=run.name, tags=tags)
        make: Any = import_module("mlflow.entities").Param
        params = [make(name, str(value)[:_LONGEST]) for name, value in run.parameters.items() if value is not None]
        for begin in range(0, len(params), 100):
            self._client.log_batch(made.info.run_id, params=params[begin : begin + 100])
        self._ids[run.name] = str(made.info.run_id)
        return self._ids[run.name]

    @cached_property
    def _ids(self) -> dict[str, str]:
        return {}

    def log(self, run: TrackedRun, step: int, metrics: Mapping[str, float]) -> None:
        """Log the metrics at a step."""
        make: Any = import_module("mlflow.entities").Metric
        now = int(1000 * time.time())
        named = list(metric_names(metrics).items())
        for begin in range(0, len(named), 1000):
            batch = [make(name, value, now, step) for name, value in named[begin : begin + 1000]]
            self._client.log_batch(self._ids[run.name], metrics=batch)

    def log_final(self, run: TrackedRun, metrics: Mapping[str, float]) -> None:
        """Log the metrics at the last epoch."""
        self.log(run, int(metrics.get("epochs", run.epochs)), metrics)

    def finish(self, run: TrackedRun, status: Status) -> None:
        """Set how the run ended."""
        if status == "restarted":
            self._client.set_tag(self._ids[run.name], "segarena.void", "the training was restarted")
        self._client.set_terminated(self._ids.pop(run.name), _STATUS[status])

    def close(self) -> None:
        """Set that the trainings which are left were stopped."""
        for known in self._ids.values():
            self._client.set_terminated(known, "KILLED")
        self._ids.clear()


def metric_names(metrics: Mapping[str, float]) -> dict[str, float]:
    """Return the metrics by names that MLflow takes; two that would have one name are numbered.

    >>> metric_names({"val_iou/a.b (c)": 0.5, "val_iou/a.b [c]": 0.25})
    {'val_iou/a_b _c_': 0.5, 'val_iou/a_b _c_ 2': 0.25}
    """
    named: dict[str, float] = {}
    for name, value in metrics.items():
        plain = "/".join(re.sub(r"[^\w\- ]", "_", part) or "_" for part in name.split("/", 1))
        number, unique = 1, plain
        while unique in named:
            number += 1
            unique = f"{plain} {number}"
        named[unique] = value
    return named
