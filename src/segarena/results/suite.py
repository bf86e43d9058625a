"""A suite, a comparison on many data sets: what `suite` returns, and how it is read later."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from segarena.errors import ConfigError
from segarena.formats import join_words, percent
from segarena.records.suite import SuiteRecord, SuiteRow
from segarena.results.comparison import Comparison
from segarena.results.folder import ResultFolder, html_table, read_rows

if TYPE_CHECKING:
    import pandas as pd


class Suite(ResultFolder):
    """A comparison on many data sets: what `segarena.suite` returns. `Suite("runs/mine")` reads an earlier one.

    It is also its folder: use it wherever a path is expected.

    Args:
        folder: A folder that `segarena suite` wrote.

    Raises:
        RunError: The folder has no suite.json, or it is damaged.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        super().__init__(folder)
        self.record: SuiteRecord = SuiteRecord.read(self.folder)
        """The content of suite.json."""

    @property
    def verdict(self) -> str:
        """What the tests over the data sets show, and what they could show."""
        return " ".join((self.record.headline, *self.record.details))

    @cached_property
    def ranking(self) -> pd.DataFrame:
        """A row for each model, best mean rank first: mean rank, wins, mean mIoU (a fraction) and ratios of costs."""
        import pandas as pd

        return pd.DataFrame([vars(entry) for entry in self.record.models]).set_index("model")

    @cached_property
    def differences(self) -> pd.DataFrame:
        """A row for each pair of models, with the number of data sets on which one is clearly higher."""
        import pandas as pd

        return pd.DataFrame([vars(pair) for pair in self.record.differences])

    @cached_property
    def scores(self) -> pd.DataFrame:
        """suite.csv: a row for each data set and model, with mIoU (a fraction), its interval and the rank."""
        return read_rows(self / "suite.csv", SuiteRow)

    @property
    def data_sets(self) -> list[str]:
        """The names of the data sets that have a result."""
        return [one.name for one in self.record.data_sets]

    @property
    def report(self) -> Path:
        """The page, report.html."""
        return self / "report.html"

    def comparison(self, data_set: str) -> Comparison:
        """Return the comparison of a data set.

        Args:
            data_set: Its name in the suite.

        Raises:
            ConfigError: The suite has no such data set.
            RunError: Its folder is not where it was.
        """
        for one in self.record.data_sets:
            if one.name == data_set:
                return Comparison(self.folder / one.folder)
        raise ConfigError(
            f"has no data set {data_set!r}", where=self.folder, remedy=f"Choose from {join_words(self.data_sets, 'or')}"
        )

    def __repr__(self) -> str:
        return f"Suite({str(self.folder)!r}): {self.record.headline}"

    def _repr_html_(self) -> str:
        titles = ["data set", *(entry.model for entry in self.record.models)]
        rows: list[list[object]] = []
        for one in self.record.data_sets:
            scores = {score.model: percent(score.miou) for score in one.scores}
            rows.append([one.name, *(scores[entry.model] for entry in self.record.models)])
        rows.append(["mean rank", *(f"{entry.mean_rank:.2f}" for entry in self.record.models)])
        return html_table(titles, rows)
