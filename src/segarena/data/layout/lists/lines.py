"""Lines of lists and tables as cells: which separator a list uses is found by the names that its cells hold."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Sequence

from segarena.data.files.images import PICTURE_SUFFIXES

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
_NUMBERS = re.compile(r"\d+(?:\s+\d+)+")


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


def is_run_length(cell: str) -> bool:
    """Whether a cell is a mask as pairs of numbers, start and length: `3 4 17 6`."""
    return bool(_NUMBERS.fullmatch(cell.strip())) and len(cell.split()) % 2 == 0


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
