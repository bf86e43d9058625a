"""Which images belong together and must not be divided: frames of one film, slices of one patient.

Also: What names say about frames of a film and slices of a volume: the order, the sequence, and what to group.
"""

from __future__ import annotations

import csv
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from segarena.data.files.images import IMAGE_SUFFIXES
from segarena.errors import ConfigError, DataError
from segarena.formats import listing

#: At most 18 digits, so that any name makes a number that fits 64 bits.
_LAST_NUMBER = re.compile(r"([0-9]{1,18})[^0-9]*\Z")
_NUMBER = re.compile(r"([0-9]{1,18})")
_SEPARATORS = "_-. /"
#: Fewer names, or fewer blocks, leave nothing to choose from.
_FEWEST_NAMES, _FEWEST_BLOCKS, _MOST_BLOCKS = 10, 5, 10


@dataclass(frozen=True)
class Proposal:
    """A grouping that the names suggest: `sentence` says why, `by` is what `--group-by` takes, `groups` the result.

    It is never applied unasked: names cannot tell slices of one volume from separate photographs that someone numbered.
    """

    by: str
    sentence: str
    groups: tuple[str, ...]


def natural_key(name: str) -> tuple[Any, ...]:
    """Sort key of a listing as people number it: img_9 before img_10. Names that differ never have equal keys."""
    parts: list[Any] = list(_NUMBER.split(name))
    parts[1::2] = [int(digits) for digits in parts[1::2]]
    return (tuple(parts), name)  # the name decides between img_1 and img_01


def frame_prefixes(names: Sequence[str]) -> tuple[str, ...]:
    """Return what stands before each name's frame number: 0001TP_006690 -> 0001TP, Seq05VD_f00000 -> Seq05VD.

    The frame number is the last number, with the letters that a separator (`_ - . / ` or a space) sets apart from the
    rest; a name without a number is cut at its last separator. What all names end in, from a separator on, is no
    part of the number: the `_0000` of case_012_0000. The prefix is empty where nothing stands before the number.
    """
    ending = _common_ending(names)
    return tuple(_split(name.removesuffix(ending))[0] for name in names)


def cut_blocks(names: Sequence[str]) -> tuple[str, ...]:
    """Cut the names, in natural order, into 5 to 10 blocks of neighbours of nearly equal size, named by their ends.

    5 for up to 59 names, one more for each 10 above: only the ends of a block have a neighbour elsewhere.
    """
    order = sorted(names, key=natural_key)
    blocks = min(len(order), max(_FEWEST_BLOCKS, min(_MOST_BLOCKS, len(order) // 10)))
    group = {}
    for block in range(blocks):
        members = order[block * len(order) // blocks : (block + 1) * len(order) // blocks]
        group.update(dict.fromkeys(members, f"{members[0]}..{members[-1]}"))
    return tuple(group[name] for name in names)


def propose_groups(names: Sequence[str]) -> Proposal | None:
    """Look for sequences in the names: several of them are groups, a single one is cut into blocks of neighbours.

    A sequence is three or more names with the same prefix and evenly spaced numbers (over half of the gaps are alike:
    1, or each 30th frame). Nine tenths of the names must lie in sequences; a single one needs ten names.
    """
    ending = _common_ending(names)
    numbers: dict[str, list[int]] = defaultdict(list)
    for name in names:
        prefix, number = _split(name.removesuffix(ending))
        if number is not None:
            numbers[prefix].append(number)
    sequences = {prefix: sorted(found) for prefix, found in numbers.items() if _is_sequence(found)}
    if 10 * sum(map(len, sequences.values())) < 9 * max(1, len(names)):
        return None
    prefixes = frame_prefixes(names)
    if len(sequences) > 1 and all(prefixes):
        shown = [f"{prefix} ({len(found)} images)" for prefix, found in sorted(sequences.items())]
        listed = listing(shown, 4)
        return Proposal(
            "prefix",
            f"The names look like frames of {len(sequences)} sequences: {listed}. Frames of one sequence look alike: a"
            " random split puts near-copies of training images into validation; --group-by prefix keeps each"
            " sequence whole",
            prefixes,
        )
    if len(sequences) == 1 and len(names) >= _FEWEST_NAMES:
        found = next(iter(sequences.values()))
        groups = cut_blocks(names)
        return Proposal(
            "blocks",
            f"The names are one run of numbers, {found[0]} to {found[-1]}. If these are slices of one volume or frames"
            " of one film, neighbours look alike: a random split puts near-copies of training images into"
            f" validation; --group-by blocks keeps neighbours together, in {len(set(groups))} blocks",
            groups,
        )
    return None


def _split(name: str) -> tuple[str, int | None]:
    """The part before the frame number, and the number."""
    found = _LAST_NUMBER.search(name)
    before = name[: found.start()] if found else name
    cut = max(before.rfind(separator) for separator in _SEPARATORS)
    if cut < 0 and found is None:
        return "", None
    return (before[:cut] if cut >= 0 else before).rstrip(_SEPARATORS), int(found[1]) if found else None


def _common_ending(names: Sequence[str]) -> str:
    """What all names end in, from a separator on, as long as each keeps a number before it."""
    ending = ""
    while len(names) > 1:
        heads = [name.removesuffix(ending) for name in names]
        cut = max(heads[0].rfind(separator) for separator in _SEPARATORS)
        tail = heads[0][cut:]
        if cut < 0 or not all(head.endswith(tail) and _NUMBER.search(head.removesuffix(tail)) for head in heads):
            break
        ending = tail + ending
    return ending


def _is_sequence(numbers: Sequence[int]) -> bool:
    ordered = sorted(set(numbers))
    gaps = Counter(after - before for before, after in pairwise(ordered))
    return len(ordered) >= 3 and 2 * max(gaps.values()) > gaps.total()


_OPTION = "--group-by"
_TABLE_SUFFIXES = frozenset({".csv", ".tsv", ".txt"})


def find_groups(
    names: Sequence[str], by: str | None, *, root: Path | None = None, paths: Sequence[Path | None] | None = None
) -> tuple[str, ...] | None:
    """Return the group of each name, None where `by` is None.

    `by` is one of

    - `prefix`: what stands before the frame number (`segarena.data.splitting.groups.frame_prefixes`);
    - `folder`: the folder of the file in `paths`, as seen from `root`;
    - `blocks`: runs of neighbours in the order of the names (`segarena.data.splitting.groups.cut_blocks`);
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
