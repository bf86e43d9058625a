"""Lists that name an image and its mask on each line: train.txt, pairs.csv, a JSON file with a table of both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from segarena.data.layout.fuzzy_pairing import Pair
from segarena.data.layout.layers.open_images import is_table_of_objects
from segarena.data.layout.lists.entries import Cells, NamedFiles, has_image_suffix, split_lines
from segarena.data.layout.lists.split_lists import LARGEST_LIST, LINES_OF_JSON, load_table, read_lines
from segarena.data.layout.search import are_masks
from segarena.data.layout.tree import File, files_ending, looking_at, relative_name
from segarena.data.layout.vocabulary import FileKind, folder_kind, split_of_name, strip_kind_words, words_in
from segarena.errors import DataError
from segarena.formats import join_words, listing, plural
from segarena.records.prediction import PredictionRecord

_TEXT = frozenset({".txt", ".lst", ".csv", ".tsv"})
_YAML = frozenset({".yaml", ".yml"})
_TABLE = frozenset({".json"}) | LINES_OF_JSON | _YAML
#: YAML takes long to read: a longer file, in bytes, is passed over.
_LARGEST_YAML = 1_000_000
#: Of more files in one folder, only those named for splits may be lists: the others are labels, one for each image.
_MOST_FILES = 20
#: Lists may be up to this number of folders below the data folder.
_DEEPEST = 3
_LIST_WORDS = frozenset("pairs pair list lists files index data dataset metadata samples split splits".split())
_REMEDY = "Put the file back, correct the list, or move the list to another folder if it is not to be used"


class ListedPair(NamedTuple):
    """An image and its mask as a list has them."""

    image: File
    mask: File
    path: Path
    """The list."""


@dataclass(frozen=True)
class _Table:
    path: Path
    folder: Cells
    """The folder of the list below the data folder."""
    rows: list[Cells]


def find_listed_pairs(root: Path, files: Sequence[File], folders: Iterable[Path]) -> list[ListedPair]:
    """Find the images and masks that are named together in lists below the data folder.

    Tables in folders that `segarena predict` wrote are not lists of labels, and are left out.

    A list has at least two columns of files. Which one has the images is shown by the folders and the names of these
    files, else by the names of the columns; else the first column has them.

    Args:
        root: The data folder.
        files: All image files below it, images and masks alike.
        folders: The folders below it that have files of other endings.

    Returns:
        The pairs, each once; none if no list names both.

    Raises:
        DataError: A line names a file that is not there, or that could be two; it is not clear which column has the
            images; or an image is listed with two masks.
    """
    named = NamedFiles(root, files)
    found: dict[File, ListedPair] = {}
    for table in _tables(root, folders, named):
        pairs, absent = _read_pairs(root, table, named)
        if absent:
            raise _missing(table.path, absent)
        for pair in pairs:
            earlier = found.setdefault(pair.image, pair)
            if earlier.mask is not pair.mask:
                masks = join_words([relative_name(root, one.mask.path) for one in (earlier, pair)])
                other = f" ({earlier.path.name} has the first)" if earlier.path != pair.path else ""
                raise DataError(
                    f"lists {relative_name(root, pair.image.path)} with two masks, {masks}{other}",
                    where=pair.path,
                    remedy="Correct the list, or move the one that is not to be used to another folder",
                )
    return list(found.values())


# Reading


def _tables(root: Path, folders: Iterable[Path], named: NamedFiles) -> Iterator[_Table]:
    for folder in dict.fromkeys([root, *folders]):
        parts = folder.relative_to(root).parts
        with looking_at(folder):
            is_predicted = (folder / PredictionRecord.file).exists()
        if len(parts) > _DEEPEST or is_predicted:  # tables of what a model predicted
            continue
        paths = files_ending(folder, _TEXT | _TABLE)
        for path in paths:
            is_list = bool(split_of_name(path.stem) or _LIST_WORDS & set(words_in(path.stem)))
            is_other = path.suffix.lower() in _TABLE or len(paths) > _MOST_FILES
            largest = _LARGEST_YAML if path.suffix.lower() in _YAML else LARGEST_LIST
            if (is_other and not is_list) or not path.exists():  # `find_lists` refuses broken links named for splits
                continue
            if path.stat().st_size > largest or is_table_of_objects(path):
                continue
            if path.suffix.lower() in _TABLE:
                rows = _rows_of(load_table(path))
            else:
                rows = split_lines(read_lines(path), lambda cell, parts=parts: named.has(cell, parts))  # type: ignore[misc]
            if any(len(cells) > 1 for cells in rows):
                yield _Table(path, parts, rows)


def _rows_of(content: Any) -> list[Cells]:
    """Rows below their header, of the tables in a JSON or YAML file: [{image: a.jpg, mask: a.png}, ...]."""
    lists = content.values() if isinstance(content, dict) else [content]
    entries = [entry for value in lists if isinstance(value, list) for entry in value]
    if entries and all(isinstance(entry, list) for entry in entries):
        return [tuple(map(str, entry)) for entry in entries]
    tables = [entry for entry in entries if isinstance(entry, dict)]
    keys = [key for key, _ in Counter(key for entry in tables for key in entry).most_common(8)]
    return [tuple(map(str, keys)), *(tuple(str(entry.get(key, "")) for key in keys) for entry in tables)]


# Columns


def _read_pairs(root: Path, table: _Table, named: NamedFiles) -> tuple[list[ListedPair], list[str]]:
    """The pairs of a table, and the names in it that are not files."""
    found = [[named.find(cell, table.folder) for cell in cells] for cells in table.rows]
    is_header = len(found) > 1 and not any(found[0]) and not any(map(has_image_suffix, table.rows[0]))
    header = table.rows[0] if is_header else ()
    rows, found = table.rows[is_header:], found[is_header:]
    columns = _file_columns(rows, found, header)
    if len(columns) < 2:
        return [], []
    kinds = {column: _kind_of(header, column, found) for column in columns}
    if set(kinds.values()) == {"image"} or set(kinds.values()) == {"mask"}:
        return [], []
    if len(columns) > 2:
        columns = _choose_columns(table, kinds)
    first, second = columns
    is_mask_first = kinds[first] == "mask" or kinds[second] == "image"
    image_column, mask_column = (second, first) if is_mask_first else (first, second)
    pairs, missing = _pair_rows(root, table, rows, found, image_column, mask_column)
    if not any(kinds.values()) and not _are_masks(pairs):
        swapped = [pair._replace(image=pair.mask, mask=pair.image) for pair in pairs]
        pairs = swapped if _are_masks(swapped) else pairs
    return pairs, missing


def _are_masks(pairs: Sequence[ListedPair]) -> bool:
    return bool(pairs) and are_masks([(pair.image.path, pair.mask.path) for pair in pairs])


def _file_columns(rows: Sequence[Cells], found: Sequence[Sequence[list[File]]], header: Cells) -> list[int]:
    """The columns whose cells are files, at least half of them in the data or with the ending of an image.

    Numbers are not files, unless the header names images and masks: a class may be the name of one by chance.
    """
    kinds = [folder_kind(cell) for cell in header]
    columns: list[int] = []
    for column in range(max(map(len, rows))):
        has_numbers = column < len(kinds) and bool(kinds[column]) and {"image", "mask"} <= set(kinds)
        cells = [
            (cells[column], files[column]) for cells, files in zip(rows, found, strict=True) if column < len(cells)
        ]
        files = [
            files
            for cell, files in cells
            if has_image_suffix(cell) or (files and (has_numbers or not cell.isdecimal()))
        ]
        is_varied = len({cell for cell, _ in cells}) > 1 or len(cells) == 1
        if 2 * len(files) >= len(rows) and is_varied:
            columns.append(column)
    known = (sum(column < len(files) and bool(files[column]) for files in found) for column in columns)
    return columns if 2 * max(known, default=0) >= len(rows) else []


def _kind_of(header: Cells, column: int, found: Sequence[Sequence[list[File]]]) -> FileKind | None:
    """What a column holds, by the folders and names of its files, else by its name."""
    files = [file for row in found if column < len(row) for file in row[column]]
    kinds = {_kind_of_file(file) for file in files}
    if len(kinds) == 1 and (kind := kinds.pop()):
        return kind
    return folder_kind(header[column]) if column < len(header) else None


def _kind_of_file(file: File) -> FileKind | None:
    is_named = any(part.ending or part.beginning for part in strip_kind_words(file.stem, "mask"))
    return file.location.kind or ("mask" if is_named else None)


def _choose_columns(table: _Table, kinds: dict[int, FileKind | None]) -> list[int]:
    masks = [column for column, kind in kinds.items() if kind == "mask"]
    images = [column for column, kind in kinds.items() if kind == "image"] or [
        column for column, kind in kinds.items() if kind is None
    ]
    if len(masks) == len(images) == 1:
        return [images[0], masks[0]]
    raise DataError(
        f"has {len(kinds)} files on a line, and it is not clear which of them are the image and its mask",
        where=table.path,
        remedy="Keep two columns in the list, the image and its mask, or move the list to another folder",
    )


# Pairs


def _pair_rows(
    root: Path,
    table: _Table,
    rows: Sequence[Cells],
    found: Sequence[Sequence[list[File]]],
    image_column: int,
    mask_column: int,
) -> tuple[list[ListedPair], list[str]]:
    pairs: list[ListedPair] = []
    missing: list[str] = []
    kinds: tuple[tuple[int, FileKind], ...] = ((image_column, "image"), (mask_column, "mask"))
    for cells, files in zip(rows, found, strict=True):
        if not any(character.isalnum() for cell in cells for character in cell):
            continue
        if len(cells) <= max(image_column, mask_column):
            missing.append(" ".join(cells))
            continue
        chosen = [_of_kind(files[column], kind) for column, kind in kinds]
        missing += [cells[column] or " ".join(cells) for (column, _), one in zip(kinds, chosen, strict=True) if not one]
        for (column, _), one in zip(kinds, chosen, strict=True):
            if len(one) > 1:
                paths = join_words([relative_name(root, file.path) for file in one[:2]], "or")
                raise DataError(
                    f"lists {cells[column]!r}, which could be {paths}",
                    where=table.path,
                    remedy="Write the paths into the list, with their folders",
                )
        if all(chosen):
            (image,), (mask,) = chosen
            if _kind_of_file(image) == "mask" != _kind_of_file(mask):
                image, mask = mask, image
            pairs.append(ListedPair(image, mask, table.path))
    if {pair.image for pair in pairs} & {pair.mask for pair in pairs}:
        return [], []
    return pairs, missing


def _missing(path: Path, names: Sequence[str]) -> DataError:
    return DataError(
        f"lists {plural(len(names), 'file')} that {'is' if len(names) == 1 else 'are'} not there:"
        f" {listing([repr(name) for name in names])}",
        where=path,
        remedy=_REMEDY,
    )


def _of_kind(files: list[File], kind: FileKind) -> list[File]:
    """Of several files of one name, those of the kind if there are any."""
    if len(files) < 2:
        return files
    return [file for file in files if (_kind_of_file(file) == "mask") == (kind == "mask")] or files


def contradiction(root: Path, listed: Sequence[ListedPair], by_name: Sequence[Pair]) -> DataError | None:
    """Return the error if equal names pair the listed files in another way; None if they do not."""
    mask_of, image_of = dict(by_name), {mask: image for image, mask in by_name}
    wrong = [
        pair
        for pair in listed
        if mask_of.get(pair.image, pair.mask) is not pair.mask or image_of.get(pair.mask, pair.image) is not pair.image
    ]
    if not wrong:
        return None
    image, mask, path = wrong[0]
    other = image_of.get(mask)
    of_name = (
        f"{relative_name(root, mask.path)} has the name of {relative_name(root, other.path)}"
        if other
        else f"{relative_name(root, mask_of[image].path)} has its name"
    )
    more = f"; so do {len(wrong) - 1} more lines" if len(wrong) > 2 else ""
    return DataError(
        f"has {relative_name(root, image.path)} with {relative_name(root, mask.path)}, but {of_name}{more}",
        where=path,
        remedy="If the names are right, correct the list or move it to another folder; if the list is right, give each"
        " mask the file name of its image",
    )
