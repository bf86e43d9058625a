"""Files in which tools and data sets list their classes: names, and the numbers or colours of the masks.

| file | of | a line or entry |
|---|---|---|
| `labelmap.txt` | CVAT, "Segmentation mask 1.1" | `road:128,64,128::` |
| `label_colors.txt` | CamVid | `128 64 128  Road`, or the name first |
| `class_dict.csv` and similar names | CamVid and others on Kaggle | `name,r,g,b` |
| `classes.json` | SuperAnnotate | `{"name": "road", "color": "#804080"}` |
| `meta.json` | Supervisely | `{"classes": [{"title": "road", "color": "#804080"}]}` |
| `_classes.csv` | Roboflow, "Semantic Segmentation Masks" | `Pixel Value, Class` |
| `label_classes.json` | Hasty, CloudFactory | `{"png_index": 1, "class_name": "road", "color": "#804080ff"}` |
| `id2label.json`, `config.json` | Hugging Face | `{"0": "background", "1": "road"}`, or the same as `id2label` |
| `config_v2.0.json`, `config_v1.2.json`, `config.json` | Mapillary Vistas | `{"labels": [{"readable": "Road", ...}]}` |
| `category_id.txt` | FoodSeg103 | a number and a name |
| `dataset.json` | nnU-Net | `{"labels": {"background": 0, "road": 1}}` |
| `class_names.txt`, `label_names.txt`, `codes.txt` | labelme, fast.ai | a name for each number, from 0 on |
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from segarena.classes.values import Color, read_number, read_rgb
from segarena.image_files.image_io import reading
from segarena.texts import csv_rows, decode_text


class Listed(NamedTuple):
    """A class as a file lists it.

    Args:
        name: Its name.
        number: Its number in the masks, if the file has numbers.
        color: Its colour, if the file has colours.
    """

    name: str
    number: int | None = None
    color: Color | None = None


class ClassFile(NamedTuple):
    """A file that lists classes.

    Args:
        path: The file.
        entries: The classes in the order of the file; empty if the file could not be understood.
        by_row: Whether the number of a class is its place in the file, from 0 on, by the format.
    """

    path: Path
    entries: tuple[Listed, ...]
    by_row: bool = False


def find_class_files(root: Path, masks: Iterable[Path]) -> list[ClassFile]:
    """Find the files that list classes, in a data folder, in the folders of its masks, and in those between.

    Args:
        root: The data folder.
        masks: The mask files.

    Returns:
        The files, nearer to the root first. A `dataset.json` or `.csv` of another kind is none of them.

    Raises:
        DataError: A file cannot be read.
    """
    folders = {root: None, root / "classes": None}  # the second is SuperAnnotate's
    for folder in dict.fromkeys(mask.parent for mask in masks):
        ups = [up for up in folder.parents if up.is_relative_to(root)] if folder.is_relative_to(root) else []
        folders |= dict.fromkeys([folder, *ups])
    found = []
    for folder in sorted(folders, key=lambda folder: (len(folder.parts), folder)):
        present = {path.name.lower(): path for path in folder.iterdir()} if folder.is_dir() else {}
        for name, read in _READERS.items():
            if name in present and present[name].is_file():
                with reading(present[name]):
                    text = decode_text(present[name].read_bytes())
                entries = read(text)
                if entries is not None:
                    found.append(ClassFile(present[name], tuple(entries), name in _BY_ROW))
    return found


def _read_labelmap(text: str) -> list[Listed]:
    entries = []
    for line in _lines(text):
        match = re.fullmatch(r"(.+?):([\d\s,]*):[^:]*:[^:]*", line)
        if match is None or (match[2].strip() and read_rgb(match[2]) is None):
            return []
        entries.append(Listed(match[1], color=read_rgb(match[2])))
    return entries


def _read_label_colors(text: str) -> list[Listed]:
    entries = []
    for line in _lines(text):
        first = re.fullmatch(r"(\d+)[\s,]+(\d+)[\s,]+(\d+)[\s,:]+(.*\S)", line)
        last = re.fullmatch(r"(.*?\S)[\s,:]+(\d+)[\s,]+(\d+)[\s,]+(\d+)", line)
        name, channels = (first[4], first.groups()[:3]) if first else (last[1], last.groups()[1:]) if last else ("", ())
        color = read_rgb(list(channels))
        if color is None:
            return []
        entries.append(Listed(name, color=color))
    return entries


def _read_table(text: str) -> list[Listed] | None:
    """A table with a name, and a number or red, green and blue, in each row; None for one of other columns."""
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        return []
    delimiter = max(",;\t", key=lines[0].count)
    try:
        header, *rows = ([cell.strip().strip('"') for cell in row] for row in csv_rows(lines, delimiter))
    except ValueError:
        return []
    column = {name: place for place, cell in enumerate(header) for name in (_COLUMNS.get(cell.lower()),) if name}
    if "name" not in column or not ("number" in column or {"red", "green", "blue"} <= set(column)):
        return None
    entries = []
    for row in rows:
        if len(row) < len(header):
            return []
        number = read_number(row[column["number"]]) if "number" in column else None
        rgb = [row[column[channel]] for channel in ("red", "green", "blue") if channel in column]
        color = read_rgb(rgb)
        if (rgb and color is None) or ("number" in column and number is None):
            return []
        entries.append(Listed(row[column["name"]], number, color))
    return entries


def _read_nnunet(text: str) -> list[Listed] | None:
    labels = _json(text, "labels")
    if not isinstance(labels, dict) or not labels:
        return None
    entries = []
    for key, value in labels.items():
        name, number = (value, key) if isinstance(value, str) and read_number(key) is not None else (key, value)
        if read_number(number) is None:  # a region of several numbers
            return []
        entries.append(Listed(str(name), read_number(number)))
    return entries


def _read_config(text: str) -> list[Listed] | None:
    """A name for each number, a configuration with this table, or with a list of labels; None for any other JSON."""
    content = _json(text)
    labels = content.get("labels") if isinstance(content, dict) else None
    if isinstance(labels, list) and labels and all(isinstance(one, dict) and "readable" in one for one in labels):
        entries = [Listed(_name(one, "readable"), n, read_rgb(one.get("color"))) for n, one in enumerate(labels)]
        return entries if all(entry.name for entry in entries) else []
    table = content.get("id2label", content) if isinstance(content, dict) else None
    if not isinstance(table, dict) or not table or any(read_number(key) is None for key in table):
        return None
    if not all(isinstance(name, str) for name in table.values()):
        return []
    return [Listed(name, read_number(key)) for key, name in table.items()]


def _read_hasty(text: str) -> list[Listed] | None:
    content = _json(text)
    if not isinstance(content, list) or not all(isinstance(one, dict) and "png_index" in one for one in content):
        return None
    entries = [
        Listed(_name(one, "class_name"), read_number(one["png_index"]), read_rgb(one.get("color"))) for one in content
    ]
    if any(not one.name or one.number is None for one in entries):
        return []
    has_background = any(one.number == 0 for one in entries)
    return entries if has_background else [Listed("background", 0), *entries]


def _read_colors(text: str) -> list[Listed] | None:
    """A list of objects with a name or title, and a color."""
    content = _json(text)
    content = content.get("classes") if isinstance(content, dict) else content
    if not isinstance(content, list) or not all(
        isinstance(one, dict) and read_rgb(one.get("color")) for one in content
    ):
        return None
    entries = [Listed(_name(one, "name", "title"), color=read_rgb(one["color"])) for one in content]
    if not all(entry.name for entry in entries):
        return []
    if all(entry.color != (0, 0, 0) for entry in entries) and all(entry.name != "background" for entry in entries):
        entries.insert(0, Listed("background", color=(0, 0, 0)))  # what is in no object
    return entries


def _read_numbered_names(text: str) -> list[Listed]:
    """A number and a name in each line."""
    found = [re.fullmatch(r"(\d{1,20})[\s,:]+(.*\S)", line) for line in _lines(text)]
    return [Listed(match[2], int(match[1])) for match in found if match] if all(found) else []


def _read_names(text: str) -> list[Listed]:
    """A name in each line. labelme's `__ignore__`, number -1, may be first."""
    lines = list(_lines(text))
    start = 1 if lines[:1] == ["__ignore__"] else 0
    return [Listed(name, number) for number, name in enumerate(lines[start:])]


def _name(entry: dict[str, Any], *keys: str) -> str:
    """The name under one of the keys; "" without one."""
    return next((str(entry[key]) for key in keys if entry.get(key) not in (None, "")), "")


def _lines(text: str) -> Iterator[str]:
    return (line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#"))


def _json(text: str, key: str | None = None) -> Any:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if key is not None:
        return content.get(key) if isinstance(content, dict) else None
    return content


_COLUMNS = {
    **dict.fromkeys(("name", "class", "label", "class_name", "class name", "classname", "label_name"), "name"),
    **dict.fromkeys(("pixel value", "pixel_value", "value", "id", "index", "class_id", "label_id"), "number"),
    **{"r": "red", "red": "red", "g": "green", "green": "green", "b": "blue", "blue": "blue"},
}
_READERS: dict[str, Callable[[str], Sequence[Listed] | None]] = {
    "labelmap.txt": _read_labelmap,
    "label_colors.txt": _read_label_colors,
    "class_dict.csv": _read_table,
    **dict.fromkeys(("class_dict_seg.csv", "label_class_dict.csv", "labels_class_dict.csv"), _read_table),
    "_classes.csv": _read_table,
    "classes.json": _read_colors,
    "meta.json": _read_colors,
    "label_classes.json": _read_hasty,
    "dataset.json": _read_nnunet,
    **dict.fromkeys(("id2label.json", "config.json", "config_v2.0.json", "config_v1.2.json"), _read_config),
    "category_id.txt": _read_numbered_names,
    "class_names.txt": _read_names,
    "label_names.txt": _read_names,
    "codes.txt": _read_names,
}
_BY_ROW = frozenset({"class_names.txt", "label_names.txt", "codes.txt"})
