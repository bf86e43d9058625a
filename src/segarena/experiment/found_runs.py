"""Finished runs on disk that a comparison is asked for: where they are, and what they were trained with."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from segarena.errors import RunError
from segarena.records.comparison import ComparisonRecord
from segarena.records.config import Config
from segarena.records.metrics import Metrics
from segarena.records.options import OptionsRecord, resume_command
from segarena.records.run import Costs, Data
from segarena.reuse.recorded import MAY_DIFFER, comparable, inputs_of_folds, is_same
from segarena.runs import finished_runs, trainings


@dataclass(frozen=True)
class FoundRun:
    """A finished run: of one model and seed, with all its folds.

    Args:
        folder: Its folder.
        trainings: The folders of its trainings: of the folds, or the folder itself.
    """

    folder: Path
    trainings: tuple[Path, ...]

    @cached_property
    def config(self) -> Config:
        """How it was trained; with folds, the first one."""
        return Config.read(self.trainings[0])

    @cached_property
    def data(self) -> tuple[Data, ...]:
        """What it was trained on, for each training."""
        return tuple(Data.read(folder) for folder in self.trainings)

    @property
    def folds(self) -> int | None:
        """Number of folds; None without cross-validation."""
        return None if self.trainings == (self.folder,) else len(self.trainings)

    @cached_property
    def group_by(self) -> str | None:
        """The rule of its groups."""
        return group_rule(self.config, self.trainings[0])

    @cached_property
    def _options(self) -> dict[str, Any] | None:
        """What options.json has: that of the run or of its comparison; None without."""
        for folder in (self.folder, self.folder.parent):
            if (folder / OptionsRecord.file).exists():
                return OptionsRecord.read(folder).options
        return None

    @cached_property
    def settings(self) -> dict[str, Any]:
        """What has to be the same in all runs that are compared, by the name of its option."""
        own = {name: comparable(name, value) for name, value in self.config.protocol.settings().items()}
        own |= {"folds": self.folds, "protocol_version": self.config.protocol_version}
        own |= {"micro_batch": self.config.protocol.micro_batch}  # 0 too: a value like another
        absolute = (self._options or {}).get("weights")  # config.json has a file of weights as it was typed
        if "weights" in own and absolute is not None and is_same("weights", own["weights"], absolute):
            own["weights"] = absolute
        if (tuning := self.config.tuning) is not None:  # what the trials began with
            own |= {name: getattr(tuning.default, name) for name in ("learning_rate", "class_weights")}
        return {name: value for name, value in own.items() if name not in MAY_DIFFER}


def group_rule(config: Config, folder: Path) -> str | None:
    """Return the rule of a training's groups. Those of folds do not have it: their command does, or their comparison.

    Args:
        config: Its config.json.
        folder: Its folder.

    Raises:
        RunError: A file cannot be read.
    """
    if config.data.group_by is not None or not re.fullmatch(r"fold\d+", folder.name):
        return config.data.group_by
    inputs = inputs_of_folds(folder.absolute().parent)
    return None if inputs is None else inputs.group_by


def find_runs(folders: Sequence[Path]) -> list[FoundRun]:
    """Find the finished runs in folders.

    Args:
        folders: Runs, and comparisons, of which all finished runs are taken.

    Raises:
        RunError: A folder has no finished run.
    """
    found: dict[Path, FoundRun] = {}
    for folder in folders:
        inside = [folder / run.path for run in finished_runs(folder)]
        for place in inside or [folder]:
            run = FoundRun(place, tuple(trainings(place)))
            if not all((part / Config.file).exists() for part in run.trainings):
                raise RunError(
                    "is neither a run nor a comparison",
                    where=folder,
                    remedy="Name folders that `segarena train` or `segarena compare` wrote; to compare on several data "
                    "sets, name their folders after `segarena suite`",
                )
            if not (place / Costs.file).exists() or not (place / Metrics.file).exists():
                line = resume_command(place)
                raise RunError("is not finished", where=place, remedy=f"Finish it: {line}" if line else "Finish it")
            found.setdefault(place.resolve(), run)
    return list(found.values())


def is_run(folder: Path) -> bool:
    """Whether a folder is a run or a comparison, finished or not, and not data."""
    if (folder / ComparisonRecord.file).exists() or any(folder.glob(f"*-seed*/**/{Config.file}")):
        return True
    return any((place / Config.file).exists() and (place / Data.file).exists() for place in trainings(folder))
