"""Faults of many files that have one cause, as one message: an example, how many files, and the names of five."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from segarena.errors import DataError
from segarena.formats import listing

_NAMES = re.compile(r"'[^']*'|\"[^\"]*\"|\S*[/\\]\S*|\S+\.\w{2,5}\b")
_NUMBER = r"\d+(?:[.,]\d+)*"
_NUMBERS = re.compile(rf"{_NUMBER}(?:(?:, | x | to | and ){_NUMBER})*")
_COUNTED = re.compile(r"# (\w+?)(?:s|ses)?\b")  # 1 page, 2 pages


def group_by_cause(faults: Iterable[DataError]) -> list[tuple[DataError, ...]]:
    """Group faults that differ in names and numbers only, in the order of the first of each group."""
    groups: dict[str, list[DataError]] = {}
    for fault in faults:
        groups.setdefault(find_cause(fault), []).append(fault)
    return [tuple(group) for group in groups.values()]


def join_faults(faults: Sequence[DataError], all_faults: str = "") -> DataError:
    """Return one error for the faults of several files.

    Args:
        faults: One or more, each with its file as `where`.
        all_faults: A command that lists all faults; the remedy names it where there are several causes.

    Returns:
        The first fault, with the number and the names of the files that have the same one; its `parts` are all faults.
    """
    groups = group_by_cause(faults)
    first = groups[0][0]
    if len(faults) == 1:
        return first
    what = describe_group(groups[0], names=True)
    remedy = first.remedy
    others = len(faults) - len(groups[0])
    if others:
        what += f"; {others} more {'file has another fault' if others == 1 else 'files have other faults'}"
        remedy += f". `{all_faults}` lists all" if all_faults else ""
    return DataError(what, where=first.where, remedy=remedy, parts=faults)


def describe_group(faults: Sequence[DataError], *, names: bool = False) -> str:
    """Return what is wrong with the first file, how many have such a fault, and another example where details differ.

    Args:
        faults: Of one cause.
        names: Whether the text has the names of five files; where they are listed beside it, it need not.

    >>> sizes = {"a.tif": 2, "b.tif": 3, "c.tif": 3}
    >>> faults = [DataError(f"has {n} pages", where=Path(name), remedy="Split it") for name, n in sizes.items()]
    >>> describe_group(faults, names=True)
    'has 2 pages; 3 files have such a fault (a.tif, b.tif, c.tif), e.g. b.tif has 3 pages'
    """
    first = faults[0]
    if len(faults) == 1:
        return first.what
    files = f" ({listing([_name(fault) for fault in faults])})" if names else ""
    other = next((fault for fault in faults if _details(fault) != _details(first)), None)
    example = "" if other is None else f", e.g. {_name(other)} {other.what}"
    return f"{first.what}; {len(faults):,} files have {'this' if other is None else 'such a'} fault{files}{example}"


def _name(fault: DataError) -> str:
    return fault.where.name if isinstance(fault.where, Path) else str(fault.where)


def _details(fault: DataError) -> str:
    """The text without names, so that faults that differ in them only have the same one."""
    text = f"{fault.what}. {fault.remedy}"
    if isinstance(fault.where, Path):
        text = re.sub(re.escape(fault.where.stem) + r"\.\w+", "~", text.replace(str(fault.where), "~"))
    return _NAMES.sub("~", text)


def find_cause(fault: DataError) -> str:
    """Return the text that faults of one cause share: what and remedy without names, numbers and plurals."""
    return _COUNTED.sub(r"# \1", _NUMBERS.sub("#", _details(fault)))
