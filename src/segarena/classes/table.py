"""The class table: the classes in the order of their indices, and the mask values that are void."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from segarena.classes.background import find_background, find_untinted
from segarena.classes.colors import choose_colors
from segarena.classes.entries import (
    REMEDY,
    SegmentationClass,
    check_entry,
    make_classes,
    plain_value,
    plain_values,
    values_of,
)
from segarena.classes.values import HIGHEST, Color, Value, ValueMistakeError, read_ignored, settle
from segarena.errors import DataError
from segarena.formats import plural
from segarena.texts import decode_text, is_lfs_pointer, parse_yaml, yaml_problem

#: The label of pixels that no loss and no score counts: void, padding. Class indices are 0..254.
IGNORE_INDEX = 255

#: The file in a data folder that declares its classes, and the names that it may have.
TABLE = "classes.yaml"
TABLES = (TABLE, "classes.yml")

_SYNTAX = "Correct the syntax; names with a colon, a comma or a bracket are written in quotes"


@dataclass(frozen=True)
class ClassTable:
    """The classes of a data set, as in classes.yaml.

    >>> table = ClassTable.from_dict({"classes": [{"name": "cell", "value": 1}, {"name": "gap", "value": 0}]}, where="")
    >>> table.names, table.num_classes, table.background
    (('cell', 'gap'), 2, None)
    """

    classes: tuple[SegmentationClass, ...]
    """In the order of their indices, 0..num_classes - 1."""
    ignore: tuple[Value, ...] = ()
    """The mask values that are void; -1 is what it becomes in files of unsigned numbers, see `encoding.declared`."""

    @property
    def num_classes(self) -> int:
        """Number of classes, void not included."""
        return len(self.classes)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the classes."""
        return tuple(entry.name for entry in self.classes)

    @property
    def colors(self) -> tuple[Color, ...]:
        """Colours of the classes, RGB of 0..255."""
        return tuple(entry.color for entry in self.classes)

    @property
    def background(self) -> int | None:
        """The index of the class marked or named as background, None where the data has none; see `find_background`."""
        return find_background(self.names, self._marked)

    @cached_property
    def untinted(self) -> int:
        """The index of the class that overlays leave untinted; see `find_untinted`."""
        return find_untinted(self.names, [entry.value for entry in self.classes], self._marked)

    @property
    def _marked(self) -> int | None:
        return next((index for index, entry in enumerate(self.classes) if entry.is_background), None)

    def palette(self) -> list[int]:
        """768 numbers of 0..255 for `PIL.Image.putpalette`: class colours, then grey; void (255) is black."""
        flat = [channel for color in self.colors for channel in color]
        flat += [127] * (3 * IGNORE_INDEX - len(flat))
        return [*flat, 0, 0, 0]

    def to_dict(self) -> dict[str, Any]:
        """Return the content of classes.yaml, as lists, numbers and strings; several values are `values`."""
        return {
            "classes": [
                {
                    "name": entry.name,
                    **plain_values(entry),
                    "color": list(entry.color),
                    **({"background": True} if entry.is_background else {}),
                }
                for entry in self.classes
            ],
            "ignore": [plain_value(value) for value in self.ignore],
        }

    @property
    def digest(self) -> str:
        """SHA-256, in hex, of what scores depend on: names and values in their order, void values, the background."""
        classes = [(entry.name, entry.values if entry.others else entry.value) for entry in self.classes]
        content: list[Any] = [classes, self.ignore]
        if self.background != find_background(self.names):
            content.append(self.background)
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()

    @classmethod
    def from_dict(cls, content: Any, *, where: object) -> ClassTable:
        """Read the content of classes.yaml.

        Args:
            content: A dictionary as of `to_dict`; a class without `color` gets one.
            where: The file, for messages.

        Raises:
            DataError: The content is not a class table.
        """
        if content in (None, ""):
            raise DataError("is empty", where=where, remedy=f"Remove it, or {REMEDY[0].lower()}{REMEDY[1:]}")
        if not isinstance(content, dict) or not isinstance(content.get("classes"), list):
            raise DataError("has no list `classes`", where=where, remedy=REMEDY)
        unknown = sorted(set(content) - {"classes", "ignore"}, key=str)
        if unknown:
            raise DataError(f"has an unknown key {unknown[0]!r}", where=where, remedy=REMEDY)
        entries = content["classes"]
        for index, entry in enumerate(entries):
            check_entry(index, entry, where)
        try:
            written = [values_of(entry) for entry in entries]
            values, void = settle(written, read_ignored(content.get("ignore")))
        except ValueMistakeError as mistake:
            raise DataError(
                f"{mistake} is not a mask value (a number of 0 to {HIGHEST}, or a colour)", where=where, remedy=REMEDY
            ) from mistake
        table = cls(make_classes(entries, values, where), tuple(dict.fromkeys(void)))
        table._check(where)
        return table

    def _check(self, where: object) -> None:
        """Raise DataError where the number of classes is impossible, or two have the same name or value."""
        if self.num_classes < 2:
            raise DataError(
                f"declares {plural(self.num_classes, 'class')}, needs 2 to {IGNORE_INDEX}",
                where=where,
                remedy="Name each class of the masks, background included",
            )
        if self.num_classes > IGNORE_INDEX:
            raise DataError(
                f"declares {self.num_classes} classes, needs 2 to {IGNORE_INDEX}",
                where=where,
                remedy="Put several values into one class, `value: [1, 2]`, or write some of them into `ignore`",
            )
        flat = [value for entry in self.classes for value in entry.values]
        for what, items in (("name", list(self.names)), ("value", flat)):
            twice = next((item for item, count in Counter[str | Value](items).items() if count > 1), None)
            if twice is not None:
                raise DataError(
                    f"two classes have the {what} {_show(twice)}",
                    where=where,
                    remedy="Make them differ; a class that has several values is written once, with `value: [1, 2]`",
                )
        both = [entry for entry in self.classes if set(entry.values) & set(self.ignore)]
        if both:
            raise DataError(
                f"the value of class {both[0].name!r} is also in `ignore`", where=where, remedy="Remove one of the two"
            )


class DeclaredClasses(NamedTuple):
    """A class table and the file that declares it."""

    table: ClassTable
    path: Path


def find_declared(root: Path, masks: Iterable[Path] = ()) -> DeclaredClasses | None:
    """Find and read the classes.yaml of a data folder: in the folder itself, or in a folder of its masks.

    Args:
        root: The data folder.
        masks: The mask files. A classes.yaml may be in their folders, or in one between these and `root`.

    Returns:
        The class table and its file; None where there is none.

    Raises:
        DataError: A file cannot be read, its name is misspelt (ignored, the masks would silently get other classes), or
            two of them differ.
    """
    for path in sorted(root.iterdir()):
        if path.name not in TABLES and path.name.lower() in (*TABLES, "class.yaml", "class.yml"):
            raise DataError("has a misspelt name", where=path, remedy=f"Rename it to {TABLE}, or remove it")
    found: DeclaredClasses | None = None
    for folder in _folders(root, masks):
        for path in (folder / name for name in TABLES):
            if os.path.lexists(path):  # a broken link is an error; a folder that is closed is one of the masks
                table = read_class_table(path)
                if found is not None and table.digest != found.table.digest:
                    raise DataError(
                        f"declares other classes than {found.path}", where=path, remedy="Keep one of the two files"
                    )
                found = found or DeclaredClasses(table, path)
    return found


def find_class_table(folder: Path, masks: Iterable[Path] = ()) -> ClassTable | None:
    """Read the classes.yaml of a data folder, as `find_declared`; None where there is none. Raises DataError."""
    found = find_declared(folder, masks)
    return None if found is None else found.table


def read_class_table(path: Path) -> ClassTable:
    """Read a classes.yaml. Raises DataError where the file cannot be read or is not a class table."""
    if path.is_dir():
        raise DataError("is a directory, not a file", where=path, remedy="Rename the directory, or move it away")
    if path.exists() and not path.is_file():  # reading a pipe would wait for somebody to write into it
        raise DataError("is a pipe or a device, not a file", where=path, remedy="Replace it by a text file")
    try:
        text = path.read_bytes()
        if is_lfs_pointer(text):
            raise DataError(
                "is a pointer of git-lfs, not the file itself",
                where=path,
                remedy="Run `git lfs pull` in its repository",
            )
        content = parse_yaml(decode_text(text))
    except OSError as error:
        raise DataError(f"cannot be read ({error})", where=path, remedy="Check the file and its permissions") from error
    except UnicodeError as error:
        raise DataError(f"cannot be read ({error})", where=path, remedy="Save it again as UTF-8") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DataError(f"is not valid YAML ({yaml_problem(error)})", where=path, remedy=_SYNTAX) from error
    return ClassTable.from_dict(content, where=path)


def name_classes(values: Sequence[Value], names: Sequence[str], ignore: Sequence[Value] = ()) -> ClassTable:
    """Build a class table with the default colours.

    Args:
        values: The mask value of each class, in the order of the indices.
        names: The name of each class.
        ignore: The mask values that are void.

    >>> name_classes([0, 255], ["background", "road"]).background
    0
    """
    colors = choose_colors([None] * len(values), find_untinted(names, values))
    entries = [SegmentationClass(n, v, c) for n, v, c in zip(names, values, colors, strict=True)]
    return ClassTable(tuple(entries), tuple(ignore))


def _folders(root: Path, masks: Iterable[Path]) -> list[Path]:
    """The root, the folders of the masks, and those between: nearer to the root first."""
    folders = {root: None}
    for folder in dict.fromkeys(mask.parent for mask in masks):
        inside = folder.is_relative_to(root)
        folders |= dict.fromkeys([folder, *(up for up in folder.parents if inside and up.is_relative_to(root))])
    return sorted(folders, key=lambda folder: (len(folder.parts), folder))


def _show(item: str | Value) -> str:
    return str(list(item)) if isinstance(item, tuple) else repr(item)
