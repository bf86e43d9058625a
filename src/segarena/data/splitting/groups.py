"""Which images belong together and must not be divided: frames of one film, slices of one volume or patient."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from segarena.errors import ConfigError, DataError
from segarena.formats import listing
from segarena.image_files.images import READABLE_SUFFIXES
from segarena.texts import csv_rows, decode_text

_OPTION = "--group-by"
_NUMBER = re.compile(r"([0-9]{1,18})")  # at most 18 digits fit into 64 bits
_LAST_NUMBER = re.compile(_NUMBER.pattern + r"[^0-9]*\Z")
_SEPARATORS = "_-. /"


def find_groups(
    names: Sequence[str], by: str | None, *, root: Path | None = None, paths: Sequence[Path | None] | None = None
) -> tuple[str, ...] | None:
    r"""Return the group of each image, or None if `by` is None or "none".

    Args:
        names: the images' names, without duplicates.
        by: the value of `--group-by`, one of
            - `prefix`: the part of the name before its frame number, see `cut_frame_numbers`;
            - `folder`: the folder of the image file, relative to `root`;
            - `blocks`: runs of neighbours in the natural order of the names, see `cut_blocks`;
            - a file, relative to the working directory or to `root`: a name and its group in each line, separated by
              comma, semicolon or tab;
            - a regular expression: what its first group matches anywhere in the name, or else the whole match.
        root: the data folder.
        paths: the images' files, for `folder`.

    Raises:
        ConfigError: The rule gives one of the names no group, or there is no such file.
        DataError: The file cannot be read, or has no line or two different lines for one of the names.

    >>> find_groups(["p1_s3", "p12_s4"], r"^(p\d+)")
    ('p1', 'p12')
    """
    if by in (None, "none"):
        return None
    if by == "prefix":
        return _require(names, [prefix for prefix, _ in cut_frame_numbers(names)], "has nothing before its number")
    if by == "folder":
        return tuple(_folder(path, root) for path in paths or [None] * len(names))
    if by == "blocks":
        return cut_blocks(names)
    file = _find_file(by, root)
    return _by_file(names, file) if file is not None else _by_pattern(names, by)


def natural_key(name: str) -> tuple[Any, ...]:
    """Sort key by which img_9 comes before img_10. Different names have different keys."""
    parts: list[Any] = list(_NUMBER.split(name))
    parts[1::2] = [int(digits) for digits in parts[1::2]]
    return (tuple(parts), name)  # the name decides between img_1 and img_01


def cut_frame_numbers(names: Sequence[str]) -> list[tuple[str, int | None]]:
    """Cut each name into what stands before its frame number, which may be "", and the number, None if there is none.

    The frame number is the last number, with the letters between it and the separator (`_ - . / ` or a space) before
    it. A name without a number is cut at its last separator. An ending that all names share, from a separator on, is
    ignored: `_0000` in case_012_0000.

    >>> cut_frame_numbers(["0001TP_006690", "Seq05VD_f00000"])
    [('0001TP', 6690), ('Seq05VD', 0)]
    """
    ending = _common_ending(names)
    return [_cut_number(name.removesuffix(ending)) for name in names]


def cut_blocks(names: Sequence[str]) -> tuple[str, ...]:
    """Cut the names, in natural order, into blocks of nearly equal size, called FIRST..LAST; return each name's block.

    Up to 59 names are cut into 5 blocks, with one more for each 10 names, up to 10: only the first and last image of a
    block have a neighbour in another block.
    """
    order = sorted(names, key=natural_key)
    blocks = min(len(order), max(5, min(10, len(order) // 10)))
    group = {}
    for block in range(blocks):
        members = order[block * len(order) // blocks : (block + 1) * len(order) // blocks]
        group.update(dict.fromkeys(members, f"{members[0]}..{members[-1]}"))
    return tuple(group[name] for name in names)


def _cut_number(name: str) -> tuple[str, int | None]:
    found = _LAST_NUMBER.search(name)
    before = name[: found.start()] if found else name
    cut = max(before.rfind(separator) for separator in _SEPARATORS)
    if cut < 0 and found is None:
        return "", None
    return (before[:cut] if cut >= 0 else before).rstrip(_SEPARATORS), int(found[1]) if found else None


def _common_ending(names: Sequence[str]) -> str:
    """The ending that all names share, from a separator on, if each has a number before it."""
    ending = ""
    while len(names) > 1:
        heads = [name.removesuffix(ending) for name in names]
        cut = max(heads[0].rfind(separator) for separator in _SEPARATORS)
        tail = heads[0][cut:]
        if cut < 0 or not all(head.endswith(tail) and _NUMBER.search(head.removesuffix(tail)) for head in heads):
            break
        ending = tail + ending
    return ending


def _folder(path: Path | None, root: Path | None) -> str:
    if path is None:
        raise ConfigError("these images are not in folders", where=f"{_OPTION} folder", remedy="Use another rule")
    folder = path.parent
    return (folder.relative_to(root) if root is not None and folder.is_relative_to(root) else folder).as_posix()


def _by_pattern(names: Sequence[str], pattern: str) -> tuple[str, ...]:
    try:
        compiled = re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise ConfigError(
            f"{pattern!r} is not prefix, folder, blocks, an existing file or a regular expression ({error})",
            where=_OPTION,
            remedy=r"Correct it, e.g. '^(patient\d+)_'",
        ) from error
    found = [compiled.search(name) for name in names]
    groups = [(match[1] if compiled.groups else match[0]) or "" if match else "" for match in found]
    return _require(names, groups, f"does not match {pattern!r}")


def _require(names: Sequence[str], groups: Sequence[str], fault: str) -> tuple[str, ...]:
    for name, group in zip(names, groups, strict=True):
        if not group:
            raise ConfigError(
                f"the name {name} {fault}",
                where=_OPTION,
                remedy="Give a regular expression that matches all names, or a file with name,group in each line",
            )
    return tuple(groups)


def _find_file(by: str, root: Path | None) -> Path | None:
    for folder in (Path(), root or Path()):
        with suppress(OSError, ValueError):  # a regular expression may not be a valid path
            if (folder / by).is_file():
                return folder / by
    if Path(by).suffix.lower() in (".csv", ".tsv", ".txt"):
        raise ConfigError(f"the file {by} does not exist", where=_OPTION, remedy="Check the path")
    return None


def _by_file(names: Sequence[str], path: Path) -> tuple[str, ...]:
    """Names in the file may have the suffix of an image; names that the data do not have are ignored."""
    group: dict[str, str] = {}
    for number, name, value in _read_table(path):
        stem, _, suffix = name.rpartition(".")
        for key in (name, stem) if f".{suffix.lower()}" in READABLE_SUFFIXES else (name,):
            if group.setdefault(key, value) != value:
                raise DataError(
                    f"line {number} assigns {key} to the group {value}, an earlier line to {group[key]}",
                    where=path,
                    remedy="Keep one line for each image",
                )
    missing = [name for name in names if name not in group]
    if missing:
        raise DataError(f"has no group for {listing(missing, 3)}", where=path, remedy="Add a line for each: name,group")
    return tuple(group[name] for name in names)


def _read_table(path: Path) -> Iterator[tuple[int, str, str]]:
    """Yield line number, name and group; empty lines, and a header `...,group`, are left out."""
    try:
        text = decode_text(path.read_bytes())
        separator = next((mark for mark in ",;\t" if mark in text), ",")
        rows = csv_rows(text.splitlines(), separator)
    except (OSError, ValueError) as error:
        raise DataError(f"cannot be read ({error})", where=path, remedy="Save it as UTF-8 text") from error
    for number, row in enumerate(rows, start=1):
        fields = [field.strip() for field in row]
        if not any(fields) or (number == 1 and [field.lower() for field in fields[1:]] == ["group"]):
            continue
        if len(fields) != 2 or not all(fields):
            raise DataError(
                f"line {number} is not name,group: {separator.join(row)[:80]!r}",
                where=path,
                remedy="Write a name and its group in each line, separated by a comma",
            )
        yield number, fields[0], fields[1]
