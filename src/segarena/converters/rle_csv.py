"""Run lengths in a CSV file, as in Kaggle's competitions: a row for each object, `start length start length ...`.

Pixels are counted from 1, down the columns of the whole image. (The evaluation pages of Kaggle's Data Science Bowl 2018
and Airbus Ship Detection describe this; Sartorius and UW-Madison count along the rows.)
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from segarena.annotations.annotations import Annotations, LeftOut, check_size, entry
from segarena.annotations.drawn import (
    NOT_LISTED,
    ONLY_CLASS,
    DrawnImage,
    make_annotations,
    name_of,
    split_of,
)
from segarena.annotations.image_index import ImageFiles, split_of_file, walk
from segarena.annotations.peek import Peek, read_head
from segarena.annotations.reading import Faults, read_rows
from segarena.converters.pixel_runs import PixelRuns, check_end, edges_are_along_rows, is_along_rows, read_runs
from segarena.errors import DataError
from segarena.formats import listing
from segarena.image_files.headers import image_size
from segarena.image_files.images import PICTURE_SUFFIXES
from segarena.texts import csv_rows, decode_text

_RUNS = ("encodedpixels", "encoded_pixels", "rle_mask", "mask_rle", "rle", "annotation", "segmentation")
_IMAGES = (
    "imageid",
    "image_id",
    "id",
    "img",
    "image",
    "imageid_classid",
    "image_label",
    "filename",
    "file_name",
    "name",
)
_CLASSES = ("classid", "class_id", "class", "label", "categoryid", "category_id", "category", "cell_type", "class_name")
_ALONG_ROWS = frozenset({"annotation", "segmentation"})  # Sartorius and UW-Madison
_NAME_AND_CLASS = re.compile(rf"(.+?(?:{'|'.join(map(re.escape, sorted(PICTURE_SUFFIXES)))}))_(.+)", re.IGNORECASE)
_HAS_RUNS = re.compile(r"(?:^|[,;\"])\s*\d+ \d+(?: \d+ \d+)*\s*(?:$|[,;\"])", re.MULTILINE)
_FROM_0 = ("file", "that counts pixels from 0, not from 1, because a run begins at 0")
_BY_ROWS = ("file", "with runs along the rows, not down the columns, as the objects or the images show")


def recognise_rle_csv(peek: Peek) -> str | None:
    """Return what shows that there are run lengths in a CSV file; None if nothing does."""
    for path in peek.files(".csv"):
        header, _, rest = peek.head(path).partition("\n")
        columns = _find_columns(header)
        if columns is not None and _HAS_RUNS.search(rest):
            return f"{peek.name(path)} has the columns {columns.image} and {columns.runs}"
    return None


def read_rle_csv(src: Path) -> Annotations:
    """Read a CSV file of run lengths, or those below a folder, with the images below the same folder.

    A row has an image (with or without its ending; or IMAGE_CLASS), run lengths, perhaps a class, perhaps width and
    height. No run lengths, or -1, is no object. Class 0 is the background, then the classes by number or name; without
    any, all objects are foreground. Files of sample submissions are skipped. Images without a row are left out. A split
    is in the file's name or its folders, or those of the image. Raises DataError.
    """
    root, paths = _find_files(src)
    files = ImageFiles(root, bare_names=True)
    left_out = LeftOut()
    drawn: dict[Path, DrawnImage] = {}
    names: dict[str, None] = {}
    found: dict[str, Path] = {}
    missing: dict[str, tuple[Path, int]] = {}
    faults = Faults()
    for path in paths:
        objects: list[_Object] = []
        columns, rows = _read_rows(path)
        for number, row in rows:
            with faults, entry(path, f"line {number}"):
                name, class_name = _split_name(row, columns)
                file = found.get(name) or files.find(name, optional=True)
                if file is None:
                    missing.setdefault(name, (path, number))
                    continue
                found[name] = file
                if file not in drawn:
                    split = split_of_file(path.relative_to(root)) or split_of(file, files)
                    drawn[file] = DrawnImage(name_of(file, files), file, image_size(file), split)
                size = drawn[file].size
                check_size(size, _whole(row, columns.height), _whole(row, columns.width), file)
                runs = read_runs(row[columns.runs])
                if runs is not None or class_name != ONLY_CLASS:
                    names[class_name] = None
                if runs is not None:
                    objects.append(_Object(drawn[file], runs, class_name, number))
        _add_objects(path, columns, objects, left_out, faults)
    if missing and not drawn:
        name, (path, number) = next(iter(missing.items()))
        with entry(path, f"line {number}"):
            files.find(name)
    for name in missing:
        left_out.add("image", f"of the annotations not below {files.root}: left out", name)
    for unused in files.unused(drawn):
        left_out.add(*NOT_LISTED, unused)
    ordered = sorted(names, key=lambda name: (0, int(name), "") if name.isdecimal() else (1, 0, name))
    shown = {name: f"class_{name}" if name.isdecimal() else name for name in ordered}
    for image in drawn.values():
        image.objects = [(shape, shown[name]) for shape, name in image.objects]
    return make_annotations(list(drawn.values()), list(shown.values()), left_out, files, where=src)


class _Object(NamedTuple):
    """A row of a file, with its runs as they are counted there."""

    image: DrawnImage
    runs: PixelRuns
    class_name: str
    line: int


def _add_objects(path: Path, columns: _Columns, objects: list[_Object], left_out: LeftOut, faults: Faults) -> None:
    """Find out how a file counts pixels, and add its objects to their images. Raises DataError for all its faults."""
    from_0 = any(one.runs.starts[0] == 0 for one in objects)
    for one in objects:
        with faults, entry(path, f"line {one.line}"):
            check_end(one.runs, one.image.size, first=0 if from_0 else 1)
    faults.check()
    by_rows = is_along_rows([(one.image.size, one.runs) for one in objects])
    if by_rows is None:
        by_rows = columns.runs.strip().lower() in _ALONG_ROWS or edges_are_along_rows(
            [(one.image.file, one.image.size, one.runs) for one in objects]
        )
    left_out.add(*_FROM_0, path.name, from_0)
    left_out.add(*_BY_ROWS, path.name, by_rows)
    for one in objects:
        runs = PixelRuns(one.runs.starts - (not from_0), one.runs.lengths, by_rows)
        one.image.objects.append((runs, one.class_name))


# Files and columns


@dataclass(frozen=True)
class _Columns:
    """The names of the columns, as they are in the file; None for those that it has not."""

    image: str
    runs: str
    classes: str | None
    width: str | None
    height: str | None


def _find_columns(header: str) -> _Columns | None:
    """The columns of a CSV file; None if it has no run lengths."""
    try:
        names = next(iter(csv_rows([header.lstrip("\ufeff")], _delimiter(header))), [])
    except ValueError:
        return None
    by_key = {name.strip().lower(): name for name in names}
    image, runs = _first(by_key, _IMAGES), _first(by_key, _RUNS)
    if image is None or runs is None:
        return None
    return _Columns(image, runs, _first(by_key, _CLASSES), by_key.get("width"), by_key.get("height"))


def _first(names: Mapping[str, str], keys: Sequence[str]) -> str | None:
    return next((names[key] for key in keys if key in names), None)


def _delimiter(header: str) -> str:
    return ";" if ";" in header and "," not in header else ","


def _find_files(src: Path) -> tuple[Path, list[Path]]:
    """The folder of the images, and the CSV files with run lengths."""
    root = src.parent if src.is_file() else src
    found = [src] if src.is_file() else [path for path in walk(src, [".csv"]) if _find_columns(_header(path))]
    labelled = [path for path in found if "submission" not in path.name.lower()] or found
    if not labelled or _find_columns(_header(labelled[0])) is None:
        raise DataError(
            "has no CSV file with a column of images and one of run lengths",
            where=src,
            remedy=f"Name the columns ImageId and EncodedPixels, or one of {listing(_RUNS[2:5])}",
        )
    splits = [split_of_file(path.relative_to(root)) for path in labelled]
    if len(set(splits)) < len(splits):
        raise DataError(
            f"has several CSV files with run lengths: {listing([path.name for path in labelled])}",
            where=src,
            remedy="Name the one to read",
        )
    return root, labelled


def _header(path: Path) -> str:
    return read_head(path).partition("\n")[0]


def _read_rows(path: Path) -> tuple[_Columns, list[tuple[int, dict[str, str]]]]:
    try:
        text = decode_text(path.read_bytes())
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot be read ({error})", where=path, remedy="Check the file and its permissions") from error
    header = next(iter(text.splitlines()), "")
    columns = _find_columns(header)
    if columns is None:
        raise DataError("has no column of run lengths", where=path, remedy="Name it EncodedPixels")
    return columns, read_rows(path, text, delimiter=_delimiter(header))


# Rows


def _split_name(row: dict[str, str], columns: _Columns) -> tuple[str, str]:
    """The image and the class of a row."""
    name = row[columns.image].strip()
    if columns.classes is not None:
        value = row[columns.classes].strip()
        return name, value.removesuffix(".0") if value else ONLY_CLASS
    both = _NAME_AND_CLASS.fullmatch(name)
    return (both[1], both[2].strip()) if both else (name, ONLY_CLASS)


def _whole(row: dict[str, str], column: str | None) -> int | None:
    text = row[column].strip().removesuffix(".0") if column is not None else ""
    return int(text) if text.isdecimal() else None
