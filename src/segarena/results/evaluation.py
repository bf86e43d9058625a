"""The scores of a trained model on a set of images: what `evaluate` returns."""

from __future__ import annotations

import os
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segarena.formats import percent, plural
from segarena.records.metrics import Metrics
from segarena.records.tables import ImageRow
from segarena.results.folder import html_table, read_rows

if TYPE_CHECKING:
    import pandas as pd


class Evaluation(dict[str, Any]):
    """The scores of a model on some images: what `segarena.evaluate` returns, and `.metrics` of a run.

    A dictionary with the content of metrics.json: `evaluation["miou"]`. Scores are fractions.

    Args:
        folder: The folder with metrics.json, images.csv and error_analysis.json.

    Raises:
        RunError: A file is missing or damaged.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        """The folder with metrics.json, images.csv and error_analysis.json."""
        metrics = Metrics.read(self.folder)
        self._interval = f" ({metrics.counted})" if metrics.counted else ""
        self.caveat = metrics.caveat
        """Which of the images trained the model or chose its epoch, or why there is no score; empty if none did."""
        super().__init__(metrics.to_json())

    @property
    def miou(self) -> float | None:
        """Mean IoU over the classes, from the pixels of all images together, a fraction; None where it is undefined."""
        score: float | None = self["miou"]
        return score

    @cached_property
    def classes(self) -> pd.DataFrame:
        """A row for each class, by name: IoU, precision, recall, F1 (fractions) and pixel counts."""
        import pandas as pd

        return pd.DataFrame.from_dict(self["per_class"], orient="index").rename_axis("class")

    @cached_property
    def confusion(self) -> pd.DataFrame:
        """Pixel counts: a row for each true class, a column for each predicted class."""
        import pandas as pd

        names = list(self["per_class"])
        return pd.DataFrame(
            self["confusion"], index=pd.Index(names, name="truth"), columns=pd.Index(names, name="prediction")
        )

    @cached_property
    def images(self) -> pd.DataFrame:
        """images.csv: a row for each image and class, with the pixel counts."""
        return read_rows(self.folder / "images.csv", ImageRow)

    def _summary(self) -> str:
        if self["split"] == "none":
            return "no score"
        images = f"{self['split']}, {plural(self['images'], 'image')}"
        return (
            f"{images}: mIoU {percent(self['miou'])}{self._interval}, pixel accuracy {percent(self['pixel_accuracy'])}"
        )

    def __repr__(self) -> str:
        note = f"; {self.caveat}" if self.caveat else ""
        return f"Evaluation({self._summary()}{note}; {str(self.folder)!r})"

    def _repr_html_(self) -> str:
        """The scores of all classes together and of each, for a notebook."""
        titles = ("class", "IoU", "F1", "precision", "recall")
        keys = ("iou", "f1", "precision", "recall")
        rows = [(name, *(percent(scores[key]) for key in keys)) for name, scores in self["per_class"].items()]
        mean = ("mean", *(percent(self[key]) for key in ("miou", "mean_f1", "mean_precision", "mean_recall")))
        note = f"<p><b>{escape(self.caveat)}</b></p>" if self.caveat else ""
        return f"<p>{escape(self._summary())}</p>{note}{html_table(titles, [*rows, mean])}"
