"""One trained model: what `train` returns."""

from __future__ import annotations

import os
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from segarena.errors import RunError
from segarena.formats import percent
from segarena.records.config import Config
from segarena.records.metrics import Metrics
from segarena.records.tables import EpochRow
from segarena.results.evaluation import Evaluation
from segarena.results.folder import ResultFolder, read_rows
from segarena.runs import fold_folder

if TYPE_CHECKING:
    import pandas as pd

    from segarena.training.predictor import Predictor


class TrainedRun(ResultFolder):
    """A trained model: what `segarena.train` returns. `TrainedRun("runs/my-unet")` reads one of earlier.

    It is also its folder: use it wherever a path is expected.

    Args:
        folder: A folder that `segarena train` wrote, or one of a model and seed in a comparison.

    Raises:
        RunError: The folder is not a run.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        super().__init__(folder)
        if not (self.trainings[0] / Config.file).is_file():
            raise RunError(
                f"has no {Config.file}, so it is not a run",
                where=self.folder,
                remedy="Name a folder that `segarena train` wrote, or MODEL-seedK in a comparison folder",
            )
        self.config: Config = Config.read(self.trainings[0])
        """The content of config.json: every setting; with folds, of the first fold."""

    @property
    def trainings(self) -> list[Path]:
        """The folder of each training: of the folds, or the folder itself."""
        folds: list[Path] = []
        while (fold := fold_folder(self.folder, len(folds) + 1)).is_dir():
            folds.append(fold)
        return folds or [self.folder]

    @property
    def model(self) -> str:
        """The architecture."""
        return self.config.model

    @property
    def seed(self) -> int:
        """The seed of the training."""
        return self.config.seed

    @cached_property
    def metrics(self) -> Evaluation:
        """The scores on the test images, or without a test split on the validation images: a dictionary."""
        return Evaluation(self.folder)

    @property
    def val_miou(self) -> float:
        """The validation mIoU of the best epoch, a fraction; of the best fold; 0 where it is undefined."""
        return max(Metrics.read(folder).val_miou or 0.0 for folder in self.trainings)

    @cached_property
    def history(self) -> pd.DataFrame:
        """history.csv: a row for each epoch: losses, validation scores, learning rate; with folds, a column `fold`."""
        tables = [read_rows(folder / "history.csv", EpochRow) for folder in self.trainings]
        if self.trainings == [self.folder]:
            return tables[0]
        import pandas as pd

        numbered = dict(enumerate(tables, start=1))
        return pd.concat(numbered, names=["fold", None]).reset_index("fold").reset_index(drop=True)

    def predictor(self, *, device: str = "auto") -> Predictor:
        """Load the model to label images: `run.predictor().predict(image)`; with folds, that of the best fold.

        Args:
            device: auto, cpu or cuda.
        """
        from segarena.training import predictor

        return predictor.load(self.folder, device=device)

    def __repr__(self) -> str:
        metrics = self.folder / Metrics.file
        score = f"mIoU {percent(Metrics.read(self.folder).miou)}" if metrics.exists() else "not finished"
        return f"TrainedRun({str(self)!r}: {self.model}, seed {self.seed}, {score})"

    def _repr_html_(self) -> str:
        """The scores, for a notebook."""
        if not (self.folder / Metrics.file).exists():
            return f"<p>{escape(repr(self))}</p>"
        return f"<p><b>{escape(self.model)}</b>, seed {self.seed}</p>{self.metrics._repr_html_()}"
