"""A problem of a data set: its code, its files and what to do about it; how problems are sorted and summarised."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from segarena.data.folder import FolderSource
from segarena.data.layout.tree import relative_name
from segarena.data.source import Split
from segarena.data.splitting.splits import PARTS, Splits
from segarena.errors import DataError
from segarena.formats import command, listing, plural

#: "error": training would stop. "warning": training or scores suffer. "note": worth a look, often intended.
Severity = Literal["error", "warning", "note"]

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


@dataclass(frozen=True)
class Problem:
    """One thing that looks wrong.

    Attributes:
        code: never changes, so that programs can rely on it; docs/problems.md lists all codes.
        severity: see `Severity`.
        files: relative to the data folder; empty if the problem concerns the whole set.
        message: what is wrong, a sentence or phrase without a full stop.
        remedy: what to do about it, likewise.
        details: what is wrong with each of `files`, where the message has an example for all of them; else empty.
    """

    code: str
    severity: Severity
    files: tuple[str, ...]
    message: str
    remedy: str
    details: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The problem as strings and lists, for JSON."""
        return {
            "code": self.code,
            "severity": self.severity,
            "files": list(self.files),
            "message": self.message,
            "remedy": self.remedy,
            "details": list(self.details),
        }


def names_of(source: FolderSource, paths: Iterable[Path]) -> tuple[str, ...]:
    """Return files as `Problem.files` has them: relative to the data folder, with / as the separator."""
    return tuple(relative_name(source.root, path) for path in paths)


def sort_problems(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Errors first, then warnings, then notes; otherwise in the given order."""
    return tuple(sorted(problems, key=lambda problem: SEVERITIES.index(problem.severity)))


def worst_of(findings: Sequence[Sequence[Problem]]) -> tuple[Problem, ...]:
    """Merge the problems of several splits of one data set, e.g. of folds; return them sorted.

    Of each code the problems of one split are kept: of the split in which they have the most files.
    """
    codes = dict.fromkeys(problem.code for problems in findings for problem in problems)
    by_code = [[[problem for problem in problems if problem.code == code] for problems in findings] for code in codes]
    worst = [
        max(candidates, key=lambda found: (len(found) > 0, sum(len(problem.files) for problem in found)))
        for candidates in by_code
    ]
    return sort_problems(chain.from_iterable(worst))


def summarise(problems: Sequence[Problem], data: object = "DATA") -> str:
    """Return a line for each error and warning, with five files and the remedy, and one with the number of notes.

    Args:
        problems: The problems; without any the text is empty.
        data: The folder, for the command that shows the notes.
    """
    lines = [
        f"{one.severity}: {one.message}{_show_files(one)}. {one.remedy}" for one in problems if one.severity != "note"
    ]
    notes = sum(problem.severity == "note" for problem in problems)
    if notes:
        lines.append(f"{plural(notes, 'note')}: see {command('segarena', 'check', data)}")
    return "\n".join(lines)


def _show_files(problem: Problem) -> str:
    """The files, unless the message has the only one of them."""
    is_named = len(problem.files) == 1 and problem.files[0] in problem.message
    return f" ({listing(problem.files)})" if problem.files and not is_named else ""


def stop_on_errors(problems: Sequence[Problem], data: Path) -> None:
    """Raise a DataError that names the number of errors among the problems and the first of them, if there are any."""
    errors = [problem for problem in problems if problem.severity == "error"]
    if errors:
        first = errors[0]
        raise DataError(
            f"{plural(len(errors), 'error')} would stop a training"
            + (": " if len(errors) == 1 else ", listed above; the first: ")
            + first.message,
            where=data,
            remedy=first.remedy,
        )


def parts_of(splits: Splits) -> dict[int, Split]:
    """Return the split of each sample, by the sample's index; samples in no split are left out."""
    return {index: part for part in PARTS for index in splits.indices(part)}
