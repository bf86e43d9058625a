"""Read a comparison folder: everything that a report needs, from the files that `segarena compare` wrote."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import is_numeric_dtype

from segarena import formats
from segarena.errors import RunError
from segarena.records.comparison import ComparisonRecord, RankedModel
from segarena.records.metrics import Metrics
from segarena.records.tables import ClassRow, EpochRow, FoldRow, ModelRow, columns, optional_columns
from segarena.reporting.style import ModelStyle, model_styles
from segarena.runs import Run

#: What to do about a damaged file of a comparison.
REPEAT = "Repeat the comparison in a new folder"


@dataclass(frozen=True)
class Comparison:
    """The content of a comparison folder. Scores are fractions; tables have the columns of their CSV files."""

    folder: Path
    record: ComparisonRecord
    """comparison.json."""
    models: pd.DataFrame
    """models.csv: a row for each model and seed."""
    classes: pd.DataFrame
    """classes.csv: a row for each model, seed and class."""
    by_fold: pd.DataFrame | None
    """folds.csv: a row for each model, seed and fold; None without cross-validation."""
    histories: dict[Run, pd.DataFrame]
    """history.csv of each training: a row for each epoch."""
    best_epochs: dict[Run, int]
    """The epoch of each training whose weights were scored, from 1."""
    confusions: dict[str, NDArray[np.int64]]
    """Pixel counts of each model, over its seeds and folds: (num_classes, num_classes), rows = truth."""

    @property
    def ranking(self) -> tuple[RankedModel, ...]:
        """The models with their scores and costs, best first."""
        return self.record.ranking

    @cached_property
    def names(self) -> list[str]:
        """The models, best first."""
        return [entry.model for entry in self.ranking]

    @cached_property
    def styles(self) -> dict[str, ModelStyle]:
        """Label, colour and marker of each model, best first."""
        return model_styles(self.names)

    @cached_property
    def class_names(self) -> list[str]:
        """In the order of the class indices."""
        return [entry.name for entry in self.record.data.classes]

    @cached_property
    def class_colors(self) -> list[tuple[int, int, int]]:
        """RGB, 0..255, in the order of the class indices."""
        return [entry.color for entry in self.record.data.classes]

    @cached_property
    def class_shares(self) -> NDArray[np.float64]:
        """The fraction of the scored pixels that each class has in the truth: (num_classes,), sums to 1."""
        first = self.classes[self.classes["model"] == self.names[0]]
        pixels = first.assign(pixels=first["tp"] + first["fn"]).groupby("class_index")["pixels"].sum()
        counts = pixels.reindex(range(len(self.class_names)), fill_value=0).to_numpy(dtype=np.float64)
        shares: NDArray[np.float64] = counts / max(counts.sum(), 1.0)
        return shares

    @cached_property
    def class_order(self) -> list[int]:
        """Class indices by their share of the pixels, largest first; equal shares stay in the table's order."""
        return [int(index) for index in np.argsort(-self.class_shares, kind="stable")]

    def class_iou(self, model: str) -> pd.DataFrame:
        """Columns mean, lowest and highest over the seeds, a row per class index; NaN where undefined."""
        rows = self.classes[self.classes["model"] == model].groupby("class_index")["iou"]
        table = pd.DataFrame({"mean": rows.mean(), "lowest": rows.min(), "highest": rows.max()})
        return table.reindex(range(len(self.class_names)))

    def seeds(self, model: str) -> list[int]:
        """The seeds that a model was trained with."""
        return [int(seed) for seed in self.models.loc[self.models["model"] == model, "seed"]]

    @property
    def has_several_seeds(self) -> bool:
        """Whether any model was trained with more than one seed."""
        return any(len(self.seeds(name)) > 1 for name in self.names)

    def fact(self, model: str, column: str) -> Any:
        """The value that a model has in a column of models.csv with each of its seeds; None for an empty cell."""
        value = self.models.loc[self.models["model"] == model, column].iloc[0]
        return None if formats.is_missing(value) else value

    def chosen_stride(self, model: str) -> int | None:
        """The output stride of a model on a dilated encoder, which could have another one; None for any other model."""
        stride = self.fact(model, "output_stride")
        return int(stride) if stride in (8, 16) and self.fact(model, "encoder") is not None else None

    @property
    def starts(self) -> dict[str, list[str]]:
        """The initial weights in words, each with the labels of the models that have them, best first."""
        starts: dict[str, list[str]] = {}
        for name in self.names:
            if (start := self.fact(name, "start")) is not None:
                starts.setdefault(str(start), []).append(self.styles[name].label)
        return starts

    @property
    def folds(self) -> int | None:
        """Number of folds; None without cross-validation."""
        return self.record.folds

    def fold_mious(self, model: str) -> list[float]:
        """The model's mIoU in each fold, averaged over the seeds; NaN where undefined, empty without folds."""
        if self.by_fold is None:
            return []
        rows = self.by_fold[self.by_fold["model"] == model].groupby("fold")["miou"]
        return [float(miou) for miou in rows.mean()]

    def interval(self, model: str) -> tuple[float, float] | None:
        """The ends of the 95% interval of the model's mIoU; None where it is not known."""
        return None if self.record.statistics is None else self.record.statistics.interval(model)

    @property
    def has_intervals(self) -> bool:
        """Whether the interval of any model's mIoU is known."""
        return any(self.interval(name) for name in self.names)

    def class_interval(self, model: str, index: int) -> tuple[float, float] | None:
        """The ends of the 95% interval of the model's IoU in a class; None where it is not known."""
        shown = self.record.statistics
        scores = {} if shown is None else {entry.class_name: entry.models for entry in shown.classes}
        for entry in scores.get(self.class_names[index], ()):
            if entry.model == model and entry.low is not None and entry.high is not None:
                return entry.low, entry.high
        return None

    def runs(self, model: str) -> list[Run]:
        """The trainings of a model, seed by seed and fold by fold."""
        return [run for run in self.histories if run.model == model]


def read_comparison(folder: Path) -> Comparison:
    """Read `folder`. Raises RunError, with the file and a remedy, where it is no comparison or is damaged."""
    if not (folder / ComparisonRecord.file).is_file():
        raise RunError(
            f"is not a comparison, it has no {ComparisonRecord.file}",
            where=folder,
            remedy="Name a folder that `segarena compare` wrote",
        )
    record = ComparisonRecord.read(folder)
    if record.statistics is not None:
        record = replace(record, statistics=record.statistics.for_readers())
    models = read_table(folder / "models.csv", ModelRow)
    classes = read_table(folder / "classes.csv", ClassRow)
    names = [entry.model for entry in record.ranking]
    for table, file in ((models, "models.csv"), (classes, "classes.csv")):
        absent = sorted(set(names) - set(table["model"]))
        if absent:
            raise RunError(f"has no row for the model {absent[0]!r}", where=folder / file, remedy=REPEAT)
    folds = record.folds
    by_fold = None if folds is None else read_table(folder / "folds.csv", FoldRow)
    wholes = [Run(str(m), int(s)) for m, s in zip(models["model"], models["seed"], strict=True) if m in names]
    runs = [run for whole in wholes for run in whole.folds(folds)]
    size = len(record.data.classes)
    confusions = {name: np.zeros((size, size), dtype=np.int64) for name in names}
    best_epochs = {}
    for run in runs:
        confusion, best_epochs[run] = _read_metrics(folder / run.path, size)
        confusions[run.model] += confusion
    histories = {run: read_table(folder / run.path / "history.csv", EpochRow) for run in runs}
    return Comparison(folder, record, models, classes, by_fold, histories, best_epochs, confusions)


def read_table(path: Path, row: type) -> pd.DataFrame:
    """Read a table that has the columns of `row`. Names such as "NA" and "007" stay names; an empty cell is missing."""
    words = [name.rstrip("_") for name, hint in get_type_hints(row).items() if hint in (str, str | None)]
    try:
        table = pd.read_csv(path, dtype=dict.fromkeys(words, str), keep_default_na=False, na_values=[""])
    except FileNotFoundError as error:
        raise RunError("is missing", where=path, remedy=REPEAT) from error
    except (OSError, ValueError) as error:
        raise RunError(f"cannot be read ({error})", where=path, remedy=REPEAT) from error
    for column in columns(row):
        if column in table.columns and column not in words and not is_numeric_dtype(table[column]):
            wrong = table[column][pd.to_numeric(table[column], errors="coerce").isna() & table[column].notna()]
            if len(wrong):
                raise RunError(f"has {wrong.iloc[0]!r} as `{column}`, not a number", where=path, remedy=REPEAT)
    absent = [column for column in columns(row) if column not in table.columns]
    if needed := [column for column in absent if column not in optional_columns(row)]:
        raise RunError(f"has no column `{needed[0]}`", where=path, remedy=REPEAT)
    return table.assign(**dict.fromkeys(absent, np.nan))


def _read_metrics(folder: Path, size: int) -> tuple[NDArray[np.int64], int]:
    """The confusion matrix (size, size) and the best epoch of a training."""
    metrics, path = Metrics.read(folder), folder / Metrics.file
    if metrics.best_epoch is None:
        raise RunError("has no `best_epoch`", where=path, remedy=REPEAT)
    counts = np.array(metrics.confusion, dtype=np.int64)
    if counts.shape != (size, size):
        shape = " x ".join(str(n) for n in counts.shape)
        raise RunError(f"has a {shape} confusion matrix for {size} classes", where=path, remedy=REPEAT)
    return counts, int(metrics.best_epoch)
