"""Read a comparison folder: everything a report needs, and nothing but what the comparison wrote."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segarena import formats
from segarena.errors import RunError
from segarena.records.comparison import ComparisonRecord
from segarena.records.metrics import Metrics
from segarena.reporting.style import ModelStyle, model_styles
from segarena.runs import Run

_NAME_A_COMPARISON = "Name a folder that `segarena compare` wrote"
_REPEAT = "Repeat the comparison in a new folder"
_MODEL_COLUMNS = ("model", "seed", "miou")
_FOLD_COLUMNS = ("model", "seed", "fold", "images", "miou")
_CLASS_COLUMNS = ("model", "seed", "class_index", "iou", "tp", "fn")
_HISTORY_COLUMNS = ("epoch", "train_loss", "val_miou")


@dataclass(frozen=True)
class Comparison:
    """The content of a comparison folder. Scores are fractions; tables have the columns of their CSV files.

    `content` is comparison.json. `by_fold` has a row per model, seed and fold, or None where the images were divided
    once. `histories` and `best_epochs` have an entry for each training. `confusions` has, for each model, the pixel
    counts summed over its seeds and folds: (num_classes, num_classes), rows truth, columns prediction.
    """

    folder: Path
    content: dict[str, Any]
    models: pd.DataFrame
    classes: pd.DataFrame
    by_fold: pd.DataFrame | None
    histories: dict[Run, pd.DataFrame]
    best_epochs: dict[Run, int]
    confusions: dict[str, NDArray[np.int64]]

    @property
    def ranking(self) -> list[dict[str, Any]]:
        """A dictionary per model, best first."""
        return list(self.content["ranking"])

    @cached_property
    def names(self) -> list[str]:
        """The models, best first."""
        return [str(entry["model"]) for entry in self.ranking]

    @cached_property
    def styles(self) -> dict[str, ModelStyle]:
        return model_styles(self.names)

    @cached_property
    def class_names(self) -> list[str]:
        """In the order of the class indices."""
        return [str(entry["name"]) for entry in self.content["data"]["classes"]]

    @cached_property
    def class_colors(self) -> list[tuple[int, int, int]]:
        """RGB, 0..255, in the order of the class indices."""
        colors = [[int(c) & 255 for c in entry["color"]] for entry in self.content["data"]["classes"]]
        return [(color[0], color[1], color[2]) for color in colors]

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
        return [int(seed) for seed in self.models.loc[self.models["model"] == model, "seed"]]

    def fact(self, model: str, column: str) -> Any:
        """What models.csv says of a model, the same for each seed; None where it says nothing."""
        rows = self.models[self.models["model"] == model]
        value = rows[column].iloc[0] if column in rows else None
        return None if formats.is_missing(value) else value

    def chosen_stride(self, model: str) -> int | None:
        """The output stride of a model that could have another one, which is one on a dilated encoder."""
        stride = self.fact(model, "output_stride")
        return int(stride) if stride in (8, 16) and self.fact(model, "encoder") is not None else None

    @property
    def starts(self) -> dict[str, list[str]]:
        """What the models' weights began as, each with the labels of its models, best first; empty where not told."""
        starts: dict[str, list[str]] = {}
        for name in self.names:
            start = self.fact(name, "start")
            if start is not None:
                starts.setdefault(str(start), []).append(self.styles[name].label)
        return starts

    @property
    def folds(self) -> int | None:
        """Into how many folds the images were divided; None where they were divided once."""
        return _folds(self.content)

    def fold_mious(self, model: str) -> list[float]:
        """The model's mIoU in each fold, averaged over the seeds; NaN where undefined, nothing without folds."""
        if self.by_fold is None:
            return []
        rows = self.by_fold[self.by_fold["model"] == model].groupby("fold")["miou"]
        return [float(miou) for miou in rows.mean()]

    def runs(self, model: str) -> list[Run]:
        """The trainings of a model, seed by seed and fold by fold."""
        return [run for run in self.histories if run.model == model]


def read_comparison(folder: Path) -> Comparison:
    """Read `folder`. Raises RunError, with the file and a remedy, where it is no comparison or is damaged."""
    path = folder / "comparison.json"
    if not path.is_file():
        raise RunError("is not a comparison, it has no comparison.json", where=folder, remedy=_NAME_A_COMPARISON)
    content = ComparisonRecord.read(folder).to_json()
    models = _read_table(folder / "models.csv", _MODEL_COLUMNS)
    classes = _read_table(folder / "classes.csv", _CLASS_COLUMNS)
    names = [str(entry["model"]) for entry in content["ranking"]]
    for table, file in ((models, "models.csv"), (classes, "classes.csv")):
        absent = sorted(set(names) - set(table["model"]))
        if absent:
            raise RunError(f"has no row for the model {absent[0]!r}", where=folder / file, remedy=_REPEAT)
    folds = _folds(content)
    by_fold = None if folds is None else _read_table(folder / "folds.csv", _FOLD_COLUMNS)
    wholes = [Run(str(m), int(s)) for m, s in zip(models["model"], models["seed"], strict=True) if m in names]
    runs = [run for whole in wholes for run in whole.folds(folds)]
    size = len(content["data"]["classes"])
    confusions = {name: np.zeros((size, size), dtype=np.int64) for name in names}
    best_epochs = {}
    for run in runs:
        confusion, best_epochs[run] = _read_metrics(folder / run.path, size)
        confusions[run.model] += confusion
    histories = {run: _read_table(folder / run.path / "history.csv", _HISTORY_COLUMNS) for run in runs}
    return Comparison(folder, content, models, classes, by_fold, histories, best_epochs, confusions)


def _folds(content: dict[str, Any]) -> int | None:
    folds = content["protocol"].get("folds")
    return None if folds is None else int(folds)


def _read_table(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    try:
        table = pd.read_csv(path, dtype={"model": str, "class": str}, keep_default_na=True)
    except FileNotFoundError as error:
        raise RunError("is missing", where=path, remedy=_REPEAT) from error
    except (OSError, ValueError) as error:
        raise RunError(f"cannot be read ({error})", where=path, remedy=_REPEAT) from error
    absent = [column for column in columns if column not in table.columns]
    if absent:
        raise RunError(f"has no column `{absent[0]}`", where=path, remedy=_REPEAT)
    return table


def _read_metrics(folder: Path, size: int) -> tuple[NDArray[np.int64], int]:
    """The confusion matrix and the best epoch."""
    metrics, path = Metrics.read(folder), folder / Metrics.file
    if metrics.best_epoch is None:
        raise RunError("has no `best_epoch`", where=path, remedy=_REPEAT)
    counts = np.array(metrics.confusion, dtype=np.int64)
    if counts.shape != (size, size):
        shape = " x ".join(str(n) for n in counts.shape)
        raise RunError(f"has a {shape} confusion matrix for {size} classes", where=path, remedy=_REPEAT)
    return counts, int(metrics.best_epoch)
