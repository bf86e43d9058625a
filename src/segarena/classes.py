"""The class table: the classes in the order of their indices, and the mask values that are void."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from segarena.errors import DataError

#: The label of pixels that no loss and no score counts: void, padding. Class indices are 0..254.
IGNORE_INDEX = 255

#: The file in a data folder that declares its classes.
TABLE = "classes.yaml"

#: Paul Tol's "bright" and "muted" sets (personal.sron.nl/~pault), which colour-blind readers can distinguish; the
#: colours of classes that are declared without one.
DEFAULT_COLORS: tuple[tuple[int, int, int], ...] = (
    (221, 221, 221),
    (68, 119, 170),
    (238, 102, 119),
    (34, 136, 51),
    (204, 187, 68),
    (102, 204, 238),
    (170, 51, 119),
    (51, 34, 136),
    (221, 204, 119),
    (17, 119, 51),
    (136, 204, 238),
    (136, 34, 85),
    (68, 170, 153),
    (153, 153, 51),
)

#: The value of a class in a mask file: a number, or RGB of 0..255.
Value = int | tuple[int, int, int]


@dataclass(frozen=True)
class SegmentationClass:
    """One class of a data set."""

    name: str
    value: Value
    """Its value in the mask files: 0..65535, or RGB of 0..255."""
    color: tuple[int, int, int]
    """The colour it is drawn in, RGB of 0..255."""


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
    """The mask values that are void."""

    @property
    def num_classes(self) -> int:
        """Number of classes, void not included."""
        return len(self.classes)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the classes."""
        return tuple(entry.name for entry in self.classes)

    @property
    def colors(self) -> tuple[tuple[int, int, int], ...]:
        """Colours of the classes, RGB of 0..255."""
        return tuple(entry.color for entry in self.classes)

    @property
    def background(self) -> int | None:
        """The index of the class named "background", None where the data has none."""
        names = [name.lower() for name in self.names]
        return names.index("background") if "background" in names else None

    def palette(self) -> list[int]:
        """768 numbers of 0..255 for `PIL.Image.putpalette`: class colours, then grey; void (255) is black."""
        flat = [channel for color in self.colors for channel in color]
        flat += [127] * (3 * IGNORE_INDEX - len(flat))
        return [*flat, 0, 0, 0]

    def to_dict(self) -> dict[str, Any]:
        """Return the content of classes.yaml, as lists, numbers and strings."""
        return {
            "classes": [
                {"name": entry.name, "value": _plain(entry.value), "color": list(entry.color)} for entry in self.classes
            ],
            "ignore": [_plain(value) for value in self.ignore],
        }

    @property
    def digest(self) -> str:
        """SHA-256, in hex, of what scores depend on: names and values in their order, and the void values."""
        content = [[(entry.name, entry.value) for entry in self.classes], self.ignore]
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
        remedy = "Write it as `classes: [{name: road, value: 3, color: [128, 64, 128]}, ...]` and `ignore: [255]`"
        if not isinstance(content, dict) or not isinstance(content.get("classes"), list):
            raise DataError("has no list `classes`", where=where, remedy=remedy)
        unknown = sorted(set(content) - {"classes", "ignore"}, key=str)
        if unknown:
            raise DataError(f"has an unknown key {unknown[0]!r}", where=where, remedy=remedy)
        classes = tuple(_read_class(i, entry, where, remedy) for i, entry in enumerate(content["classes"]))
        ignore = content.get("ignore") or []
        if not isinstance(ignore, list):
            raise DataError("`ignore` is not a list", where=where, remedy=remedy)
        table = cls(classes, tuple(_read_value(value, where, remedy) for value in ignore))
        table._check(where)
        return table

    def _check(self, where: object) -> None:
        """Raise DataError where the number of classes is impossible, or two have the same name or value."""
        if not 2 <= self.num_classes <= IGNORE_INDEX:
            raise DataError(
                f"declares {self.num_classes} classes, needs 2 to {IGNORE_INDEX}",
                where=where,
                remedy="Name each class of the masks, background included",
            )
        for what, items in (("name", self.names), ("value", [entry.value for entry in self.classes])):
            twice = [item for i, item in enumerate(items) if item in items[:i]]
            if twice:
                raise DataError(f"two classes have the {what} {twice[0]!r}", where=where, remedy="Make them differ")
        both = [entry for entry in self.classes if entry.value in self.ignore]
        if both:
            raise DataError(
                f"the value of class {both[0].name!r} is also in `ignore`", where=where, remedy="Remove one of the two"
            )


def find_class_table(folder: Path) -> ClassTable | None:
    """Read the classes.yaml of a data folder.

    Args:
        folder: The data folder.

    Returns:
        The class table; None where the folder has no such file.

    Raises:
        DataError: The file cannot be read, or its name is misspelt: ignored, the masks would silently get other
            classes.
    """
    for path in sorted(folder.iterdir()):
        name = path.name.lower()
        if path.name != TABLE and name in (TABLE, "classes.yml", "class.yaml", "class.yml"):
            raise DataError("has a misspelt name", where=path, remedy=f"Rename it to {TABLE}, or remove it")
    path = folder / TABLE
    return read_class_table(path) if path.exists() or path.is_symlink() else None


def read_class_table(path: Path) -> ClassTable:
    """Read a classes.yaml. Raises DataError where the file cannot be read or is not a class table."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot be read ({error})", where=path, remedy="Check the file and its permissions") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: an impossible date or number
        raise DataError(
            f"is not valid YAML ({_in_one_line(error)})", where=path, remedy="Correct the syntax"
        ) from error
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
    colors = [DEFAULT_COLORS[i % len(DEFAULT_COLORS)] for i in range(len(values))]
    entries = [SegmentationClass(n, v, c) for n, v, c in zip(names, values, colors, strict=True)]
    return ClassTable(tuple(entries), tuple(ignore))


def _in_one_line(error: Exception) -> str:
    """The message of a YAML parser, which spans several lines, in one."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"line {mark.line + 1}, column {mark.column + 1}: {error.problem}"
    return " ".join(str(error).split())


def _plain(value: Value) -> int | list[int]:
    return value if isinstance(value, int) else list(value)


def _read_value(value: Any, where: object, remedy: str) -> Value:
    if isinstance(value, bool):
        raise DataError(f"{value!r} is not a mask value", where=where, remedy=remedy)
    if isinstance(value, int) and 0 <= value <= 65535:
        return value
    if (color := _read_rgb(value)) is not None:
        return color
    raise DataError(f"{value!r} is not a mask value (a number or [r, g, b])", where=where, remedy=remedy)


def _read_rgb(value: Any) -> tuple[int, int, int] | None:
    """The list [r, g, b] as a tuple; None for anything else."""
    if isinstance(value, list) and len(value) == 3 and all(type(c) is int and 0 <= c <= 255 for c in value):
        return (value[0], value[1], value[2])
    return None


def _read_class(index: int, entry: Any, where: object, remedy: str) -> SegmentationClass:
    if not isinstance(entry, dict) or "name" not in entry or "value" not in entry:
        raise DataError(f"class {index} has no name or no value", where=where, remedy=remedy)
    unknown = sorted(set(entry) - {"name", "value", "color"}, key=str)
    if unknown:
        raise DataError(f"class {index} has an unknown key {unknown[0]!r}", where=where, remedy=remedy)
    value = _read_value(entry["value"], where, remedy)
    if entry.get("color") is None:
        color = value if isinstance(value, tuple) else DEFAULT_COLORS[index % len(DEFAULT_COLORS)]
    elif (given := _read_rgb(entry["color"])) is not None:
        color = given
    else:
        raise DataError(f"class {index} has a color that is not [r, g, b]", where=where, remedy=remedy)
    return SegmentationClass(str(entry["name"]), value, color)
