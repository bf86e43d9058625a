"""Which image an entry of a list of splits refers to: by a name, a path, the name of its mask, or a number."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from segarena.data.layout.lists.entries import Cells, has_image_suffix, split_lines
from segarena.data.layout.vocabulary import strip_kind_words, to_nfc, words_in
from segarena.data.source import Sample
from segarena.errors import DataError
from segarena.formats import join_words
from segarena.image_files.images import PICTURE_SUFFIXES

_NUMBER = re.compile(r"\d+")
#: A file's name is not longer.
_MOST_DIGITS = 255
#: Words that the first line of a list may consist of, and that the column of the images may be named by.
_HEADER = frozenset(
    "image images img imgs mask masks label file files filename filenames name names path id ids".split()
)


class ImageIndex:
    """Images by all names that a list may have for them.

    An image is a number: that of its sample, then, behind the samples', those of the images without a mask.
    """

    def __init__(self, root: Path, samples: Sequence[Sample], unpaired: Sequence[Path]) -> None:
        self.paths = [*(sample.image for sample in samples if sample.image), *unpaired]
        self._by_path: dict[str, set[int]] = {}
        self._by_core: dict[str, set[int]] = {}
        self._by_number: dict[int, set[int]] = {}
        for i, path in enumerate(self.paths):
            self._add_path(root, i, path)
            for stripped in strip_kind_words(to_nfc(path.stem), "image"):
                self._by_core.setdefault(stripped.core, set()).add(i)
        for i, sample in enumerate(samples):
            if sample.mask:
                self._add_path(root, i, sample.mask)
                for stripped in strip_kind_words(to_nfc(sample.mask.stem), "mask"):
                    self._by_core.setdefault(stripped.core, set()).add(i)
            self._by_core.setdefault(to_nfc(sample.name), set()).add(i)
        for i, number in enumerate(_distinct_numbers([to_nfc(path.stem) for path in self.paths])):
            self._by_number.setdefault(number, set()).add(i)

    def read_entries(self, lines: Sequence[str], where: Path, *, is_alone: bool = False) -> tuple[list[str], bool]:
        """Return the entry of each line but the header, and whether the lines are a table with other columns.

        Of several columns, the one with most names of images has the entries; of several such, the one with file
        names, or with a name such as `filename`, is first.

        Args:
            lines: At least one line.
            where: The list.
            is_alone: Whether there is no list of another split.

        Raises:
            DataError: A line has an image and the mask of another one; or two columns of numbers could be the images,
                and there are other lists.
        """
        rows = split_lines(lines, lambda cell: not cell.isdecimal() and bool(self.find(cell)))
        header = rows[0] if self._is_header(rows) else ()
        rows = rows[1:] if header else rows
        columns = range(max(map(len, rows)))

        def rate(column: int) -> tuple[int, int, bool, int]:
            cells = [cells[column] for cells in rows if column < len(cells)]
            names = [cell for cell in cells if not cell.isdecimal() and self.find(cell)]
            is_named = column < len(header) and bool(_HEADER & set(words_in(header[column])))
            different = len({cell for cell in cells if self.find(cell)}) if header else 0
            return len(names), sum(map(has_image_suffix, names)), is_named, different

        best = max(columns, key=rate, default=0)  # a quotation mark alone has no column
        equal = [header[column] for column in columns if rate(column) == rate(best) and column < len(header)]
        if rate(best)[:3] == (0, 0, False) and rate(best)[3] and len(equal) > 1 and not is_alone:
            raise DataError(
                f"has numbers in the columns {join_words(equal)}, and it is not clear which are the names of images",
                where=where,
                remedy="Call that column filename, or move the table to another folder if it is not a list of splits",
            )
        if best and not header and not rate(best)[1]:
            best = 0  # a word in a line of text may be a name by chance
        self._check_rows(rows, best, where)
        others = [column for column in columns if column != best]
        is_table = any(c < len(cells) and not has_image_suffix(cells[c]) for cells in rows for c in others)
        return [cells[best] if best < len(cells) else " ".join(cells) for cells in rows], is_table

    def _is_header(self, rows: Sequence[Cells]) -> bool:
        """Whether the first of several rows names the columns: it has no image, though the others have."""
        if len(rows) < 2 or any(self.find(cell) or has_image_suffix(cell) for cell in rows[0]):
            return False
        is_named = {word for cell in rows[0] for word in words_in(cell)} <= _HEADER
        return is_named or (len(rows[0]) > 1 and all(any(map(self.find, cells)) for cells in rows[1:]))

    def _check_rows(self, rows: Sequence[Cells], column: int, where: Path) -> None:
        for cells in rows:
            found = self.find(cells[column]) if column < len(cells) else set()
            for cell in cells:
                other = self.find(cell) if has_image_suffix(cell) else set()
                if found and other and not found & other:
                    raise DataError(
                        f"has {cells[column]} and {cell} on one line, but {cell} has the name of another image",
                        where=where,
                        remedy="Give each mask the file name of its image, or correct the list",
                    )

    def _add_path(self, root: Path, i: int, path: Path) -> None:
        """Add the path with each number of folders in front, with and without the file's ending."""
        parts = to_nfc(path.as_posix()).split("/")
        depths = len(path.relative_to(root).parts) if path.is_relative_to(root) else 2
        for depth in range(1, depths + 1):
            self._by_path.setdefault("/".join(parts[-depth:]), set()).add(i)
            self._by_path.setdefault("/".join([*parts[-depth:-1], to_nfc(path.stem)]), set()).add(i)

    def find(self, entry: str) -> set[int]:
        """Return the images that an entry refers to, none or more."""
        parts = [part for part in to_nfc(entry).replace("\\", "/").split("/") if part not in ("", ".")]
        for start in range(len(parts)):
            name = "/".join(parts[start:])
            suffix = Path(name).suffix
            without_suffix = name.removesuffix(suffix) if suffix.lower() in PICTURE_SUFFIXES else name
            for table in (self._by_path, self._by_core):
                found = table.get(name) or table.get(without_suffix)
                if found:
                    return found
        return self._by_number.get(int(entry), set()) if _is_number(entry) else set()


def _is_number(entry: str) -> bool:
    """Whether an entry is the number of an image, and not e.g. a mask as digits, which Python refuses to read."""
    return entry.isdecimal() and len(entry) <= _MOST_DIGITS


def _distinct_numbers(stems: Sequence[str]) -> list[int]:
    """The number in each stem that no other stem has in its place; empty if there is none, or more than one."""
    found = [tuple(int(digits) for digits in _NUMBER.findall(stem)) for stem in stems]
    columns = list(zip(*found, strict=True)) if len({len(numbers) for numbers in found}) == 1 else []
    distinct = [column for column in columns if len(set(column)) == len(column)]
    return list(distinct[0]) if len(distinct) == 1 else []
