"""A folder of results: it is used like its path, and shows itself as a table in a notebook."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segarena.config.arguments import expand_home
from segarena.config.checks import check_reachable

if TYPE_CHECKING:  # `import segarena` is light
    import pandas as pd


class ResultFolder(os.PathLike[str]):
    """A folder of results. `open`, `Path(...)`, `str(...)` and `/` take it as its path, and so does segarena.

    Args:
        folder: The folder.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._folder = expand_home(folder)
        check_reachable(self._folder)

    @property
    def folder(self) -> Path:
        """The folder that was written."""
        return self._folder

    def __fspath__(self) -> str:
        return str(self._folder)

    def __str__(self) -> str:
        return str(self._folder)

    def __truediv__(self, name: str | os.PathLike[str]) -> Path:
        return self._folder / name

    def __eq__(self, other: object) -> bool:
        if isinstance(other, ResultFolder):
            return self._folder == other._folder
        return self._folder == other if isinstance(other, Path) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._folder)

    if not TYPE_CHECKING:  # a type checker should refuse a misspelt name

        def __getattr__(self, name: str) -> Any:
            """The path's own attributes: `result.name`, `result.iterdir()`, ..."""
            if not name.startswith("_") and hasattr(Path, name):
                return getattr(self._folder, name)
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self)


def read_rows(path: Path, row: type) -> pd.DataFrame:
    """Read a CSV file of segarena's. Raises RunError where it is missing or damaged.

    Args:
        path: The file.
        row: The class of its rows.
    """
    from segarena.reporting.comparison import read_table

    return read_table(path, row)


def html_table(titles: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Write a small table for a notebook: the first column is text, the others are numbers.

    Args:
        titles: The head of each column.
        rows: The cells of each row, as they are to be shown.
    """

    def line(kind: str, cells: Sequence[object]) -> str:
        sides = ("left", *["right"] * (len(cells) - 1))
        shown = (
            f'<{kind} style="text-align: {side}">{escape(str(cell))}</{kind}>'
            for cell, side in zip(cells, sides, strict=True)
        )
        return f"<tr>{''.join(shown)}</tr>"

    return f"<table>{line('th', titles)}{''.join(line('td', row) for row in rows)}</table>"
