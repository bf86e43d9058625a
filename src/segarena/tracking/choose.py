"""From the names of --track-with to trackers, and whether their libraries are installed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from segarena.config.training import TrackerName
from segarena.extras import require
from segarena.tracking.mlflow import MlflowTracker
from segarena.tracking.tensorboard import TensorBoardTracker
from segarena.tracking.tracker import Tracker
from segarena.tracking.wandb import WandbTracker

_TRACKERS: dict[str, type[Tracker]] = {one.name: one for one in (TensorBoardTracker, MlflowTracker, WandbTracker)}


def check_trackers(names: Sequence[TrackerName]) -> None:
    """Import the libraries of trackers, so that a missing one is found before any work.

    Args:
        names: The names, of which each is that of its extra too.

    Raises:
        ConfigError: One is not installed.
    """
    for name in dict.fromkeys(names):
        require([name], name, f"--track-with {name}")


def make_trackers(names: Sequence[TrackerName], folder: Path) -> list[Tracker]:
    """Return the trackers, each once.

    Args:
        names: Their names.
        folder: The folder of the command.
    """
    return [_TRACKERS[name](folder) for name in dict.fromkeys(names)]
