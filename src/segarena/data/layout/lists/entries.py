"""The entries of lists and tables: how a line is divided into cells, and which files a name in a cell may mean.

Which separator a list uses is found by the names that its cells hold. A name is a path below another folder, a file
name, or a stem.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from segarena.data.layout.tree import File, relative_name
from segarena.data.layout.vocabulary import to_nfc
from segarena.image_files.images import PICTURE_SUFFIXES

Cells = tuple[str, ...]

#: Number of lines that show which separator a list uses.
_EXAMINED_LINES = 200
_SEPARATORS = "\t,;|:"
#: A longer line has no two names with spaces: it has a mask as numbers.
_LONGEST = 2000
_SUFFIX = "|".join(sorted(re.escape(suffix) for suffix in PICTURE_SUFFIXES))
#: A quoted name; a name up to its ending, with spaces in it; any other word.
_NAMES_WITH_SPACES = re.compile(rf""""[^"]*"|'[^']*'|\S.*?(?:{_SUFFIX})(?=[\s,;]|$)|[^\s,;]+""", re.IGNORECASE)
_SEVERAL = re.compile(rf"(?:{_SUFFIX})[\"']?[\s,;|]+.*(?:{_SUFFIX})[\"']?$", re.IGNORECASE)
_WORDS = re.compile(r"""[^\s,;"']+""")

_SLASHES = re.compile(r"[/\\]+")


def has_image_suffix(cell: str) -> bool:
    """Whether a cell ends like the name of an image file."""
    return cell.lower().endswith(tuple(PICTURE_SUFFIXES))


def split_lines(lines: Sequence[str], is_name: Callable[[str], bool]) -> list[Cells]:
    """Divide each line into its cells.

    Args:
        lines: Lines without line breaks.
        is_name: Whether a text is the name of a file of the data.

    The separator is tab, comma, semicolon, bar, colon, spaces, or nothing at all, as a name may have spaces in it: the
    one by which most cells are names; of several, one that gives as many cells in each line, and the fewest. If no cell
    is a name, it is a separator that gives as many cells in each line.

    Returns:
        The cells of each line, without quotation marks and without the spaces around them.
    """
    examined = lines[:_EXAMINED_LINES]

    def rate(split: Callable[[str], Cells]) -> tuple[int, int, int]:
        found = [split(line) for line in examined]
        names = sum(is_name(cell) for cells in found for cell in cells if not _SEVERAL.search(cell))
        return names, -len(set(map(len, found))), -sum(map(len, found))

    ways = list(_ways_to_split(examined))
    best = max(ways, key=rate)
    if rate(best)[0] == 0:  # the names may be numbers: of a table, all lines have as many cells
        best = next((way for way in ways[1:-2] if len({len(way(line)) for line in examined}) == 1), best)
    return [best(line) for line in lines]


def _ways_to_split(lines: Sequence[str]) -> Iterator[Callable[[str], Cells]]:
    yield lambda line: (_bare(line),)
    for separator in _SEPARATORS:
        if any(separator in line for line in lines):
            yield lambda line, separator=separator: _split_table(line, separator)  # type: ignore[misc]
    yield lambda line: tuple(
        _bare(cell) for cell in (_WORDS if len(line) > _LONGEST else _NAMES_WITH_SPACES).findall(line)
    )
    yield lambda line: tuple(_WORDS.findall(line))


def _split_table(line: str, separator: str) -> Cells:
    try:
        return tuple(_bare(cell) for cell in next(csv.reader([line], delimiter=separator, skipinitialspace=True)))
    except csv.Error:
        return (line,)


def _bare(cell: str) -> str:
    cell = cell.strip()
    is_quoted = len(cell) > 1 and cell[0] == cell[-1] and cell[0] in "\"'"
    return cell[1:-1].strip() if is_quoted else cell


class _Files:
    """Files by a name, and by the name of their folder too: thousands may be called image.png."""

    def __init__(self) -> None:
        self._by_name: dict[str, list[File]] = {}
        self._by_place: dict[tuple[str, str], list[File]] = {}

    def add(self, name: str, file: File, folders: tuple[str, ...]) -> None:
        """Add a file with the folders that it is in."""
        self._by_name.setdefault(name, []).append(file)
        self._by_place.setdefault((folders[-1] if folders else "", name), []).append(file)

    def in_folder(self, name: str, folders: tuple[str, ...]) -> list[File]:
        """Return the files of a name in folders of the name of the last one; none without folders."""
        return self._by_place.get((folders[-1], name), []) if folders else []

    def find(self, name: str, folders: tuple[str, ...]) -> list[File]:
        """Return the files in such folders, which agree with more of the folders than others; else all of the name."""
        return self.in_folder(name, folders) or self._by_name.get(name, [])


class NamedFiles:
    """Image and mask files by the names that a list may have for them."""

    def __init__(self, root: Path, files: Iterable[File]) -> None:
        """Index files; their paths count from `root` on."""
        self._parts: dict[File, tuple[str, ...]] = {}
        self._by_name, self._by_folded_name, self._by_stem = _Files(), _Files(), _Files()
        for file in files:
            parts = tuple(to_nfc(relative_name(root, file.path)).split("/"))
            self._parts[file] = parts
            self._by_name.add(parts[-1], file, parts[:-1])
            self._by_folded_name.add(parts[-1].casefold(), file, parts[:-1])
            self._by_stem.add(file.stem, file, parts[:-1])

    def has(self, entry: str, folder: tuple[str, ...] = ()) -> bool:
        """Whether an entry is the name of a file. A number alone is none: it may be a class or an index."""
        return not entry.isdecimal() and bool(self.find(entry, folder))

    def find(self, entry: str, folder: tuple[str, ...] = ()) -> list[File]:
        """Return the files that an entry may mean, those that agree with most of its folders.

        Args:
            entry: A path below the root, below the list's folder or on another machine, with slashes of either kind; a
                file name; or a stem. Case counts unless nothing else fits. With another ending than the file's, the
                folder has to agree.
            folder: The folder of the list below the root.
        """
        parts = tuple(part for part in _SLASHES.split(to_nfc(entry.strip())) if part not in ("", ".", ".."))
        if not parts:
            return []
        name, folders = parts[-1], parts[:-1]
        named = self._by_name.find(name, folders) or self._by_folded_name.find(name.casefold(), folders)
        if named:
            return self._best(named, parts, folder)
        stem = name.rpartition(".")[0] if has_image_suffix(name) else name
        is_other = stem != name  # of another ending
        same_stem = self._by_stem.in_folder(stem, folders) if is_other else self._by_stem.find(stem, folders)
        return self._best(same_stem, parts, folder)

    def _best(self, files: list[File], parts: tuple[str, ...], folder: tuple[str, ...]) -> list[File]:
        def agreement(file: File) -> tuple[int, bool]:
            own = self._parts[file][-2::-1]
            wanted = parts[-2::-1]
            common = next((i for i, (a, b) in enumerate(zip(own, wanted, strict=False)) if a != b), None)
            count = min(len(own), len(wanted)) if common is None else common
            return count, self._parts[file][:-1] in (parts[:-1], (*folder, *parts[:-1]))

        best = max(map(agreement, files), default=None)
        return [file for file in files if agreement(file) == best]
