"""One trained model: what `train` returns."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import fields
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segarena.config.own_models import given_builder, own_models
from segarena.errors import RunError
from segarena.formats import percent
from segarena.records.config import Config
from segarena.records.metrics import Metrics
from segarena.records.tables import EpochRow
from segarena.results.evaluation import Evaluation
from segarena.results.folder import ResultFolder, read_rows
from segarena.runs import best_val_miou, trainings

if TYPE_CHECKING:
    import pandas as pd

    from segarena.training.predictor import Predictor


class TrainedRun(ResultFolder):
    """A trained model: what `segarena.train` returns. `TrainedRun("runs/my-unet")` reads an earlier one.

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
        return list(trainings(self.folder))

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
        """The scores on the test images, or without a test split on the validation images: a dictionary.

        A run on all images has none: `.metrics.caveat` states what to expect.
        """
        return Evaluation(self.folder)

    @property
    def val_miou(self) -> float:
        """The validation mIoU of the best epoch so far, a fraction; of the best fold; 0 where it is undefined."""
        return max(map(best_val_miou, self.trainings))

    @cached_property
    def history(self) -> pd.DataFrame:
        """history.csv: a row for each epoch: losses, validation scores, learning rate; with folds, a column `fold`.

        Of a training that is not finished, the epochs so far.
        """
        import pandas as pd

        files = [folder / "history.csv" for folder in self.trainings]
        empty = pd.DataFrame(columns=[item.name for item in fields(EpochRow)])
        tables = [read_rows(file, EpochRow) if file.exists() else empty for file in files]
        if self.trainings == [self.folder]:
            return tables[0]
        numbered = {fold: table for fold, table in enumerate(tables, start=1) if len(table)} or {1: empty}
        return pd.concat(numbered, names=["fold", None]).reset_index("fold").reset_index(drop=True)

    def predictor(self, *, device: str = "auto", build: Callable[..., Any] | None = None) -> Predictor:
        """Load the model to label images: `run.predictor().predict(image)`; with folds, that of the best fold.

        Args:
            device: auto, cpu, cuda, cuda:1 (the second GPU) or mps.
            build: For your own module, the function that builds it.
        """
        from segarena.training import predictor

        with own_models(given_builder(build)):
            return predictor.load(self.folder, device=device)

    def __repr__(self) -> str:
        metrics = self.folder / Metrics.file
        score = f"mIoU {percent(Metrics.read(self.folder).miou)}" if metrics.exists() else "not finished"
        score = "trained on all images" if self.config.data.all_images and metrics.exists() else score
        return f"TrainedRun({str(self)!r}: {self.model}, seed {self.seed}, {score})"

    def _repr_html_(self) -> str:
        """The scores, for a notebook."""
        if not (self.folder / Metrics.file).exists():
            return f"<p>{escape(repr(self))}</p>"
        return f"<p><b>{escape(self.model)}</b>, seed {self.seed}</p>{self.metrics._repr_html_()}"
