"""Masks of Open Images: a file for each object, with its image and its class in a table beside them.

`train-annotations-object-segmentation.csv`, or FiftyOne's `segmentations.csv`, has the columns MaskPath, ImageID and
LabelName; `class-descriptions.csv` has the names of labels such as /m/0k4j (storage.googleapis.com/openimages).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from segarena.data.layout.tree import File, files_ending
from segarena.errors import DataError
from segarena.formats import listing, plural
from segarena.image_files.image_io import reading
from segarena.image_files.layers import MOST_LAYERS
from segarena.texts import csv_rows, decode_text

_COLUMNS = ("maskpath", "imageid", "labelname")
_HEAD = 4096


class Table(NamedTuple):
    """The layers of each image with the names of their classes, and how they were paired, as a sentence."""

    layers: dict[File, list[tuple[str, File]]]
    rule: str


def is_table_of_objects(path: Path) -> bool:
    """Whether a CSV file has the columns of such a table."""
    with reading(path), path.open("rb") as stream:
        head = stream.read(_HEAD).partition(b"\n")[0]
    return set(_COLUMNS) <= set(_cells(head.decode("utf-8-sig", "replace")))


def read_tables(folders: Iterable[Path], images: Sequence[File], masks: Sequence[File]) -> Table | None:
    """Find the image and the class of each mask in tables.

    Args:
        folders: Where the tables may be.
        images: The images; a table has their stems.
        masks: The masks; a table has their names.

    Returns:
        None if there is no table, or none that has most of the masks.

    Raises:
        DataError: There are more classes than masks in layers may have.
    """
    paths = [path for folder in folders for path in files_ending(folder, {".csv"}) if path.exists()]
    tables = [path for path in paths if is_table_of_objects(path)]
    if not tables:
        return None
    by_stem, by_name = {file.stem: file for file in images}, {file.path.name: file for file in masks}
    layers: dict[File, list[tuple[str, File]]] = defaultdict(list)
    for table in tables:
        for mask, image, label in _rows(table):
            if mask in by_name and image in by_stem:
                layers[by_stem[image]].append((label, by_name.pop(mask)))
    if 2 * sum(map(len, layers.values())) < len(masks):
        return None
    labels = {label for some in layers.values() for label, _ in some}
    if len(labels) > MOST_LAYERS:
        raise DataError(
            f"has masks of {plural(len(labels), 'class')} ({listing(sorted(labels), 3)}), and masks of a file for each "
            f"object may have {MOST_LAYERS}",
            where=tables[0],
            remedy="Keep the rows and masks of the classes that you need, in a copy of the data",
        )
    names = _read_names(paths, labels)
    named = {image: [(names.get(label, label), mask) for label, mask in some] for image, some in layers.items()}
    return Table(named, f"{', '.join(dict.fromkeys(table.name for table in tables))} has the image and class of each")


def _rows(table: Path) -> Iterator[tuple[str, str, str]]:
    """The mask's file name, the image's stem and the label of each row."""
    with reading(table):
        lines = decode_text(table.read_bytes()).splitlines()
        rows = csv_rows(lines[1:])
    header = _cells(lines[0])
    columns = [header.index(name) for name in _COLUMNS]
    for row in rows:
        if len(row) > max(columns):
            mask, image, label = (row[column].strip() for column in columns)
            yield Path(mask.replace("\\", "/")).name, image, label


def _read_names(paths: Sequence[Path], labels: set[str]) -> dict[str, str]:
    """The names of labels, from tables of two columns that have all of them."""
    for path in paths:
        with reading(path):
            if path.stat().st_size > 1 << 22:
                continue
            rows = [row for row in csv_rows(decode_text(path.read_bytes()).splitlines()) if len(row) == 2]
        names = {label.strip(): name.strip() for label, name in rows}
        found = {label: names[label] for label in labels if names.get(label)}
        if len(found) == len(labels) == len(set(found.values())):
            return found
    return {}


def _cells(line: str) -> list[str]:
    return [cell.strip().strip('"').lower() for cell in line.split(",")]
