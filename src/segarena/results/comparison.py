"""A finished comparison: what `compare` returns, and how it is read later."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segarena.errors import ConfigError, RunError
from segarena.formats import count, duration, join_words, milliseconds, percent
from segarena.records.comparison import ComparisonRecord
from segarena.records.config import Config
from segarena.records.options import OptionsRecord
from segarena.records.record import field_names
from segarena.records.tables import ClassRow, FoldRow, ImageRow, ModelRow
from segarena.records.values import MeanScores
from segarena.results.folder import ResultFolder, html_table, read_rows
from segarena.results.trained_run import TrainedRun
from segarena.runs import Run, find_all_images_run

if TYPE_CHECKING:
    import pandas as pd

    from segarena.training.predictor import Predictor


class Comparison(ResultFolder):
    """A finished comparison: what `segarena.compare` returns. `Comparison("runs/mine")` reads an earlier one.

    It is also its folder: use it wherever a path is expected.

    Args:
        folder: A folder that `segarena compare` wrote.

    Raises:
        RunError: The folder is not a finished comparison.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        super().__init__(folder)
        self.record: ComparisonRecord = _read(self.folder)
        """The content of comparison.json."""

    @property
    def verdict(self) -> str:
        """Which model is first, by how much, and how far the order can be trusted."""
        return self.record.verdict

    @cached_property
    def ranking(self) -> pd.DataFrame:
        """A row for each model, highest mIoU first: scores (fractions) and costs, means over its seeds."""
        import pandas as pd

        rows = [vars(entry) for entry in self.record.ranking]
        first = ["model", *field_names(MeanScores), "lowest_miou", "highest_miou", "seeds"]
        table = pd.DataFrame(rows, index=pd.RangeIndex(1, len(rows) + 1, name="place"))
        table = table[[*first, *(name for name in table if name not in first)]]
        return table.drop(columns="fold_mious") if self.record.folds is None else table

    @cached_property
    def models(self) -> pd.DataFrame:
        """models.csv: a row for each model and seed, with scores (fractions) and costs."""
        return read_rows(self / "models.csv", ModelRow)

    @cached_property
    def classes(self) -> pd.DataFrame:
        """classes.csv: a row for each model, seed and class, with scores (fractions) and pixel counts."""
        return read_rows(self / "classes.csv", ClassRow)

    @cached_property
    def images(self) -> pd.DataFrame:
        """images.csv: a row for each model, seed, image and class, with the pixel counts behind every score."""
        return read_rows(self / "images.csv", ImageRow)

    @cached_property
    def folds(self) -> pd.DataFrame | None:
        """folds.csv: a row for each model, seed and fold; None without cross-validation."""
        return None if self.record.folds is None else read_rows(self / "folds.csv", FoldRow)

    @property
    def best(self) -> str | None:
        """The model that is the best one according to the verdict; None where that is not clear."""
        return self.record.answer.best

    @property
    def report(self) -> Path:
        """The page, report.html."""
        return self / "report.html"

    @property
    def runs(self) -> list[TrainedRun]:
        """The trained runs, in the order of the ranking, seed by seed."""
        return [TrainedRun(self / Run(entry.model, seed).path) for entry in self.record.ranking for seed in entry.seeds]

    def run(self, model: str | None = None, seed: int | None = None) -> TrainedRun:
        """Return one of the trained runs.

        Args:
            model: Its architecture. None: the one with the highest mIoU.
            seed: Its seed. None: the one with the best validation mIoU.

        Raises:
            ConfigError: No such run is in the comparison.
        """
        model = self._find(model)
        [seeds] = [entry.seeds for entry in self.record.ranking if entry.model == model]
        runs = [TrainedRun(self / Run(model, number).path) for number in seeds]
        if seed is None:
            return max(runs, key=lambda run: run.val_miou)
        for run in runs:
            if run.seed == seed:
                return run
        raise ConfigError(
            f"{model} was not trained with seed {seed}",
            where=self.folder,
            remedy=f"Choose from {join_words([str(run.seed) for run in runs], 'or')}",
        )

    def predictor(
        self,
        model: str | None = None,
        *,
        seed: int | None = None,
        device: str = "auto",
        build: Callable[..., Any] | None = None,
    ) -> Predictor:
        """Load a trained model to label images: `comparison.predictor().predict(image)`.

        Without a seed it is the run on all images (`segarena.train(like=comparison, all_images=True)`) where the
        comparison has one.

        Args:
            model: The architecture. None: the one that has a run on all images, or the highest mIoU.
            seed: Its seed. None: the one with the best validation mIoU.
            device: auto, cpu, cuda, cuda:1 (the second GPU) or mps.
            build: For your own module, the function that builds it.
        """
        names = [entry.model for entry in self.record.ranking] if model is None else [self._find(model)]
        found = find_all_images_run(self.folder, names) if seed is None else None
        run = self.run(model, seed) if found is None else TrainedRun(found)
        return run.predictor(device=device, build=build)

    def _find(self, model: str | None) -> str:
        from segarena.config.names import choose_from, find_choice

        names = [entry.model for entry in self.record.ranking]
        found = names[0] if model is None else find_choice(model, names)
        if found is None:
            raise ConfigError(f"has no model {model!r}", where=self.folder, remedy=choose_from(names, like=str(model)))
        return str(found)

    def __repr__(self) -> str:
        scores = [f"{entry.model} {percent(entry.miou)}" for entry in self.record.ranking]
        return f"Comparison({str(self)!r}: mIoU {', '.join(scores)})"

    def _repr_html_(self) -> str:
        """The verdict, the ranking and the path of the page, for a notebook."""
        from segarena.reporting.style import model_styles

        styles = model_styles([entry.model for entry in self.record.ranking])
        rows: list[tuple[object, ...]] = [
            (
                styles[entry.model].label,
                *(percent(score) for score in (entry.miou, entry.mean_f1, entry.pixel_accuracy)),
                *(count(entry.params), milliseconds(entry.latency_ms), duration(entry.train_seconds)),
            )
            for entry in self.record.ranking
        ]
        baseline = self.record.majority_baseline
        name = f"always '{baseline.class_name}'"
        rows.append((name, percent(baseline.miou), "", percent(baseline.pixel_accuracy), "", "", ""))
        titles = ("model", "mIoU", "F1", "pixel accuracy", "parameters", "latency", "training")
        headline, page = self.record.answer.headline, f"Report: <code>{escape(str(self.report))}</code>"
        rest = self.verdict.removeprefix(headline)
        words = f"<p><b>{escape(headline)}</b>{escape(rest)}</p>" if headline else f"<p>{escape(rest)}</p>"
        return f"{words}{html_table(titles, rows)}<p>{page}</p>"


def _read(folder: Path) -> ComparisonRecord:
    if (folder / ComparisonRecord.file).is_file():
        return ComparisonRecord.read(folder)
    if any(folder.glob(f"*-seed*/**/{Config.file}")) or _is_started(folder):
        raise RunError(
            f"is a comparison that is not finished (it has no {ComparisonRecord.file})",
            where=folder,
            remedy="Wait until its trainings are over, or resume it with --resume",
        )
    if (folder / Config.file).is_file():
        raise RunError("is one run, not a comparison", where=folder, remedy=f"Use segarena.TrainedRun({str(folder)!r})")
    raise RunError(
        f"is not a comparison, it has no {ComparisonRecord.file}",
        where=folder,
        remedy="Name a folder that `segarena compare` wrote",
    )


def _is_started(folder: Path) -> bool:
    """Whether a comparison was started of which no training has begun, as where it waits in a queue."""
    return (folder / OptionsRecord.file).is_file() and OptionsRecord.read(folder).command == "compare"
