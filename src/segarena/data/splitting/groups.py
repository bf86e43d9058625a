"""Which images belong together and must not be divided: frames of one film, slices of one patient."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from segarena.data.files.images import IMAGE_SUFFIXES
from segarena.data.splitting.sequences import cut_blocks, frame_prefixes
from segarena.errors import ConfigError, DataError, listing

_OPTION = "--group-by"
_TABLE_SUFFIXES = frozenset({".csv", ".tsv", ".txt"})


def find_groups(
    names: Sequence[str], by: str | None, *, root: Path | None = None, paths: Sequence[Path | None] | None = None
) -> tuple[str, ...] | None:
    """Return the group of each name, None where `by` is None.

    `by` is one of

    - `prefix`: what stands before the frame number (`segarena.data.splitting.sequences.frame_prefixes`);
    - `folder`: the folder of the file in `paths`, as seen from `root`;
    - `blocks`: runs of neighbours in the order of the names (`segarena.data.splitting.sequences.cut_blocks`);
    - a file, beside the caller or in `root`: a name and its group in each line, apart by comma, semicolon or tab;
    - a regular expression, found anywhere in the name: its first group, or all it matches where it has none.

    Raises ConfigError where a rule does not fit, with the name that it does not fit, and DataError for a file's faults.
    """
    if by is None:
        return None
    if by == "prefix":
        return _check(names, frame_prefixes(names), "has nothing before its number that could name a sequence")
    if by == "folder":
        return _by_folder(names, root, paths)
    if by == "blocks":
        return cut_blocks(names)
    file = _find_file(by, root)
    return _by_file(names, file) if file is not None else _by_pattern(names, by)


def _by_folder(names: Sequence[str], root: Path | None, paths: Sequence[Path | None] | None) -> tuple[str, ...]:
    folders = []
    for path in paths or [None] * len(names):
        if path is None:
            raise ConfigError(
                "these images lie in no folders", where=f"{_OPTION} folder", remedy="Group them by another rule"
            )
        folder = path.parent
        inside = root is not None and folder.is_relative_to(root)
        folders.append((folder.relative_to(root) if inside and root is not None else folder).as_posix())
    return tuple(folders)


def _by_pattern(names: Sequence[str], pattern: str) -> tuple[str, ...]:
    try:
        compiled = re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise ConfigError(
            f"{pattern!r} is neither prefix, folder, blocks, a file that exists nor a regular expression ({error})",
            where=_OPTION,
            remedy=r"Mend it, e.g. '^(patient\d+)_'",
        ) from error
    found = [compiled.search(name) for name in names]
    groups = [(match[1] if compiled.groups else match[0]) or "" if match else "" for match in found]
    return _check(names, groups, f"has nothing that {pattern!r} finds")


def _check(names: Sequence[str], groups: Sequence[str], fault: str) -> tuple[str, ...]:
    for name, group in zip(names, groups, strict=True):
        if not group:
            raise ConfigError(
                f"the name {name} {fault}",
                where=_OPTION,
                remedy="Give a regular expression that fits all names, or a file with name,group in each line",
            )
    return tuple(groups)


def _find_file(by: str, root: Path | None) -> Path | None:
    for path in (Path(by), *([root / by] if root is not None else [])):
        try:
            if path.is_file():
                return path
        except (OSError, ValueError):  # a regular expression need not be a possible path
            continue
    if Path(by).suffix.lower() in _TABLE_SUFFIXES:
        raise ConfigError(f"there is no file {by}", where=_OPTION, remedy="Check the path")
    return None


def _by_file(names: Sequence[str], path: Path) -> tuple[str, ...]:
    """The file may name images with their ending, and images that the data does not have."""
    group: dict[str, str] = {}
    for number, (name, value) in _read_table(path):
        stem, _, suffix = name.rpartition(".")
        for key in (name, stem) if f".{suffix.lower()}" in IMAGE_SUFFIXES else (name,):
            if group.setdefault(key, value) != value:
                raise DataError(
                    f"line {number} puts {key} into the group {value}, an earlier line into {group[key]}",
                    where=path,
                    remedy="Leave one line for each image",
                )
    missing = [name for name in names if name not in group]
    if missing:
        shown = listing(missing, 3)
        raise DataError(
            f"names no group of {shown}", where=path, remedy="Add a line name,group for each image with a mask"
        )
    return tuple(group[name] for name in names)


def _read_table(path: Path) -> Iterator[tuple[int, tuple[str, str]]]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"cannot be read ({error})", where=path, remedy="Save it as UTF-8 text, and readable"
        ) from error
    for number, line in enumerate(lines, start=1):
        if not line.strip() or (number == 1 and re.split(r"[,;\t]", line.strip().lower())[1:] == ["group"]):
            continue  # the head of a table
        separator = next((mark for mark in ",;\t" if mark in line), ",")
        try:
            fields = [field.strip() for field in next(csv.reader([line], delimiter=separator))]
        except csv.Error:  # a field of more than 131072 letters
            fields = []
        if len(fields) != 2 or not all(fields):
            raise DataError(
                f"line {number} is not name,group: {line.strip()[:80]!r}",
                where=path,
                remedy="Write a name and its group in each line, apart by a comma",
            )
        yield number, (fields[0], fields[1])
