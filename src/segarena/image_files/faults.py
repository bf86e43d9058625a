"""Faults of many files or entries that have one cause, as one message: an example, how many, and five names.

A fault of an entry in a file is raised from the error that describes it, as "ENTRY: what is wrong".
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath
from typing import NamedTuple

from segarena.errors import DataError
from segarena.formats import listing, plural

_NAMES = re.compile(r"'[^']*'|\"[^\"]*\"|\S*[/\\]\S*|\S+\.\w{2,5}\b")
_NUMBER = r"\d+(?:[.,]\d+)*"
_NUMBERS = re.compile(rf"{_NUMBER}(?:(?:, | x | to | and ){_NUMBER})*")
_COUNTED = re.compile(r"# (\w+?)(?:s|ses)?\b")  # 1 page, 2 pages
_REASON = re.compile(r" \(.*\)$")  # "is not valid JSON (Expecting value: line 1)"


def group_by_cause(faults: Iterable[DataError]) -> list[tuple[DataError, ...]]:
    """Group faults that differ in names, numbers and reasons only, in the order of the first of each group."""
    groups: dict[str, list[DataError]] = {}
    for fault in faults:
        groups.setdefault(_Place.of(fault).cause, []).append(fault)
    return [tuple(group) for group in groups.values()]


def join_faults(faults: Sequence[DataError], all_faults: str = "") -> DataError:
    """Return one error for the faults of several files or entries.

    Args:
        faults: One or more, each with its file as `where`.
        all_faults: A command that lists all faults; the remedy names it if there are several causes.

    Returns:
        The first fault of the most frequent cause, with the number and the names of those that have it; its `parts` are
        all faults.
    """
    if len(faults) == 1:
        return faults[0]
    alike = max(group_by_cause(faults), key=len)
    what, remedy = describe_group(alike, names=True), alike[0].remedy
    others = len(faults) - len(alike)
    if others:
        what += f"; {plural(others, 'other fault')}"
        remedy += f". `{all_faults}` lists all" if all_faults else ""
    return DataError(what, where=alike[0].where, remedy=remedy, parts=faults)


def describe_group(faults: Sequence[DataError], *, names: bool = False) -> str:
    """Return what is wrong with the first one, how many have such a fault, and another example if details differ.

    Args:
        faults: Of one cause.
        names: Whether the text has five names; if they are listed beside it, it need not.

    >>> sizes = {"a.tif": 2, "b.tif": 3, "c.tif": 3}
    >>> faults = [DataError(f"has {n} pages", where=Path(name), remedy="Split it") for name, n in sizes.items()]
    >>> describe_group(faults, names=True)
    'has 2 pages; 3 files have such a fault (a.tif, b.tif, c.tif), e.g. b.tif has 3 pages'
    """
    first, *rest = places = [_Place.of(fault) for fault in faults]
    if not rest:
        return first.fault.what
    shown = _names(places)
    listed = f" ({listing(list(dict.fromkeys(shown)))})" if names else ""
    number = f"{len(places):,} {'entries' if any(place.entry for place in places) else 'files'}"
    other = next((n for n, place in enumerate(places) if place.details != first.details), None)
    if other is None:
        return f"{first.fault.what}; {number} have this fault{listed}"
    colon = ":" if places[other].entry else ""
    return f"{first.fault.what}; {number} have such a fault{listed}, e.g. {shown[other]}{colon} {places[other].what}"


class _Place(NamedTuple):
    """A fault, with the entry that it is in ("" for the whole file) and what is wrong with that."""

    fault: DataError
    entry: str
    what: str

    @classmethod
    def of(cls, fault: DataError) -> _Place:
        what = f"{fault.__cause__}"
        if fault.__cause__ is None or not fault.what.endswith(f": {what}"):
            return cls(fault, "", fault.what)
        return cls(fault, fault.what.removesuffix(f": {what}"), what)

    @property
    def details(self) -> str:
        """The text without names, so that faults that differ in them only have the same one."""
        return self._without_names(self.what)

    @property
    def cause(self) -> str:
        """The text that faults of one cause share: what and remedy without names, numbers, plurals and the reason."""
        text = self._without_names(_REASON.sub("", self.what))
        return _COUNTED.sub(r"# \1", _NUMBERS.sub("#", text))

    def _without_names(self, what: str) -> str:
        text, where = f"{what}. {self.fault.remedy}", self.fault.where
        if isinstance(where, Path):
            text = re.sub(re.escape(where.stem) + r"\.\w+", "~", text.replace(str(where), "~"))
        return _NAMES.sub("~", text)


def _names(places: Sequence[_Place]) -> list[str]:
    """The entry of each place, after its file if there are several; without commas, to be listed."""
    files = [str(place.fault.where) for place in places]
    shown = _below_common_folder(files)
    if len(set(files)) == 1 and all(place.entry for place in places):
        shown = [""] * len(files)
    return [f"{file} {place.entry}".strip().replace(", ", " ") for file, place in zip(shown, places, strict=True)]


def _below_common_folder(files: Sequence[str]) -> list[str]:
    try:
        common = os.path.commonpath([Path(file).parent for file in files])
        return [PurePath(os.path.relpath(file, common or ".")).as_posix() for file in files]
    except ValueError:  # relative and absolute paths, or several drives
        return list(files)
