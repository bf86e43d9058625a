"""What can be wrong with a data set, each thing with its code, its files and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from segarena.data.source import Split
from segarena.data.splitting.splits import Splits
from segarena.errors import DataError
from segarena.formats import plural

#: "error": training would stop. "warning": scores or training suffer. "note": worth a look, often as it should be.
Severity = Literal["error", "warning", "note"]

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
PARTS: tuple[Split, ...] = ("train", "val", "test")


@dataclass(frozen=True)
class Problem:
    """One thing that looks wrong.

    `code` never changes, so that programs can ask for it; docs/data.md lists them all. `files` are paths relative to
    the data folder. `message` and `remedy` are sentences or phrases without a full stop.
    """

    code: str
    severity: Severity
    files: tuple[str, ...]
    message: str
    remedy: str

    def to_dict(self) -> dict[str, Any]:
        """The problem as plain strings and lists, for JSON."""
        return {
            "code": self.code,
            "severity": self.severity,
            "files": list(self.files),
            "message": self.message,
            "remedy": self.remedy,
        }


def sort_problems(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Errors first, then warnings, then notes; otherwise in the given order."""
    return tuple(sorted(problems, key=lambda problem: SEVERITIES.index(problem.severity)))


def worst_of(findings: Sequence[Sequence[Problem]]) -> tuple[Problem, ...]:
    """Of several divisions of one data set: each kind of problem as it is where it has the most files."""
    codes = dict.fromkeys(problem.code for problems in findings for problem in problems)
    kinds = [[[problem for problem in problems if problem.code == code] for problems in findings] for code in codes]
    worst = [
        max(kind, key=lambda found: (len(found) > 0, sum(len(problem.files) for problem in found))) for kind in kinds
    ]
    return sort_problems(chain.from_iterable(worst))


def summarise(problems: Sequence[Problem]) -> str:
    """A line with the remedy for each error and warning, one that counts the notes; "" if there is nothing to say."""
    lines = [f"{one.severity}: {one.message}. {one.remedy}" for one in problems if one.severity != "note"]
    notes = sum(problem.severity == "note" for problem in problems)
    if notes:
        lines.append(f"{plural(notes, 'note')}: see `segarena check`")
    return "\n".join(lines)


def stop_on_errors(problems: Sequence[Problem], data: Path) -> None:
    """Raise a DataError that sums up the problems of severity "error", which would stop a training, if any."""
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
    """The split that a sample is in, by its index; samples that are in none are left out."""
    return {index: part for part in PARTS for index in splits.indices(part)}


def relative(path: Path | None, root: Path) -> str:
    """A path as the user knows it: from the data folder, or whole where it lies elsewhere."""
    assert path is not None
    return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()
