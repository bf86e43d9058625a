"""Faults of many annotation files, or of many entries of one, are collected before they are reported."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from segarena.data.files.faults import join_faults
from segarena.errors import DataError

_T = TypeVar("_T")


class Faults:
    """Faults that are collected, so that the user sees how many there are.

    >>> faults = Faults()
    >>> for number in range(3):
    ...     with faults:
    ...         raise DataError("is empty", where=Path(f"{number}.json"), remedy="Export it again")
    >>> faults.check()
    Traceback (most recent call last):
    segarena.errors.DataError: 0.json: is empty; 3 files have this fault (0.json, 1.json, 2.json). Export it again.
    """

    def __init__(self) -> None:
        self._found: list[DataError] = []

    def __enter__(self) -> None:
        """Begin with one file or entry."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        """Keep a DataError, and go on after the block."""
        if not isinstance(error, DataError):
            return False
        self._found.append(error)
        while error is not None:
            error.__traceback__ = None  # it holds the content of the file in memory
            error = error.__cause__ or error.__context__
        return True

    def check(self) -> None:
        """Raise DataError if anything was wrong; its `parts` are all faults."""
        if self._found:
            raise join_faults(self._found)


def read_all(paths: Iterable[Path], read: Callable[[Path], _T]) -> dict[Path, _T]:
    """Return what `read` returns for each file. Raises DataError for all files that cannot be read."""
    faults = Faults()
    contents = {}
    for path in paths:
        with faults:
            contents[path] = read(path)
    faults.check()
    return contents
