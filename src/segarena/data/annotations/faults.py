"""Faults of many annotation files, or of many entries of one, as one error: the most frequent cause with its places."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path, PurePath
from types import TracebackType
from typing import NamedTuple, TypeVar

from segarena.data.annotations.annotations import Malformed
from segarena.data.files.faults import find_cause
from segarena.errors import DataError
from segarena.formats import listing, plural

_T = TypeVar("_T")
_DETAILS = re.compile(r" \(.*\)")  # "is not valid JSON (Expecting value: line 1)"


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
            raise join_entries(self._found)


def read_all(paths: Iterable[Path], read: Callable[[Path], _T]) -> dict[Path, _T]:
    """Return what `read` returns for each file. Raises DataError for all files that cannot be read."""
    faults = Faults()
    contents = {}
    for path in paths:
        with faults:
            contents[path] = read(path)
    faults.check()
    return contents


def join_entries(faults: list[DataError]) -> DataError:
    """Return the first fault of the most frequent cause, with the number of such faults, five places and an example."""
    if len(faults) == 1:
        return faults[0]
    groups: dict[str, list[_Place]] = {}
    for fault in faults:
        place = _Place.of(fault)
        groups.setdefault(place.cause(), []).append(place)
    alike = max(groups.values(), key=len)
    first, others = alike[0], len(faults) - len(alike)
    what = first.fault.what
    if len(alike) > 1:
        number = f"{len(alike):,} {'entries' if any(place.entry for place in alike) else 'files'}"
        names = _names(alike)
        example = next((n for n, place in enumerate(alike) if place.what != first.what), None)
        same = "this" if example is None else "such a"
        what += f"; {number} have {same} fault ({listing(list(dict.fromkeys(names)))})"
        what += "" if example is None else f", e.g. {names[example]}: {alike[example].what}"
    if others:
        what += f"; {plural(others, 'other fault')}"
    return DataError(what, where=first.fault.where, remedy=first.fault.remedy, parts=faults)


class _Place(NamedTuple):
    """A fault, with the entry that it is in ("" for the whole file) and what is wrong with that."""

    fault: DataError
    entry: str
    what: str

    @classmethod
    def of(cls, fault: DataError) -> _Place:
        if not isinstance(fault.__cause__, Malformed):
            return cls(fault, "", fault.what)
        what = str(fault.__cause__)
        return cls(fault, fault.what.removesuffix(what).removesuffix(": "), what)

    def cause(self) -> str:
        """The text that faults of one cause share."""
        return find_cause(DataError(_DETAILS.sub("", self.what), where=self.fault.where, remedy=self.fault.remedy))


def _names(places: list[_Place]) -> list[str]:
    """The entry of each place, after its file where there are several; without commas, to be listed."""
    files = [str(place.fault.where) for place in places]
    common = os.path.commonpath([Path(file).parent for file in files])
    if len(set(files)) == 1:
        files = [""] * len(files) if all(place.entry for place in places) else files
    shown = [PurePath(os.path.relpath(file, common)).as_posix() if file else "" for file in files]
    return [f"{file} {place.entry}".strip().replace(", ", " ") for file, place in zip(shown, places, strict=True)]
