"""The data.yaml of a YOLO data set, and the names of its classes there or in a text file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from segarena.annotations.annotations import Malformed, entry, show
from segarena.annotations.image_index import walk
from segarena.errors import DataError
from segarena.texts import decode_text

#: Files with a name on each line; they are no labels.
NAME_FILES = ("classes.txt", "obj.names", "names.txt", "class_names.txt", "labels.txt")


def read_data_files(root: Path, given: Path | None) -> dict[Path, dict[str, Any]]:
    """Return the content of each data.yaml, all scalars as text: of the one that is given, or of those with names.

    Args:
        root: The folder of the images.
        given: The file that the user named.

    Raises:
        DataError: A file cannot be read or declares key points, or the given one has no names.
    """
    found: dict[Path, dict[str, Any]] = {}
    for path in [given] if given is not None else walk(root, (".yaml", ".yml")):
        content = _read_yaml(path)
        if isinstance(content, dict) and content.get("names"):
            found[path] = content
    if given is not None and not found:
        raise DataError("has no names", where=given, remedy="Name YOLO's data.yaml, or the folder that holds it")
    for path, content in found.items():
        if content.get("kpt_shape"):
            raise DataError(
                "declares key points (kpt_shape), not polygons", where=path, remedy="Export the data for segmentation"
            )
    return found


def read_names(root: Path, contents: dict[Path, dict[str, Any]]) -> list[str]:
    """Return the classes in the order of their numbers: those of data.yaml, else of classes.txt or the like, or none.

    Args:
        root: The folder of the images.
        contents: The content of each data.yaml.

    Raises:
        DataError: Names cannot be read, or two files have different ones.
    """
    lists = {path: _read_names(path, content["names"]) for path, content in contents.items()}
    if len({tuple(names) for names in lists.values()}) > 1:
        one, other = list(lists)[:2]
        raise DataError(
            f"has other names than {other.relative_to(root)}", where=one, remedy="Name the data.yaml that is right"
        )
    return next(iter(lists.values()), None) or _read_name_file(root)


def _read_yaml(path: Path) -> Any:
    try:  # BaseLoader: `no`, `on` and 1 are names like any other
        return yaml.load(decode_text(path.read_bytes()), Loader=yaml.BaseLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DataError(f"cannot be read ({error})", where=path, remedy="Fix or remove the file") from error


def _read_names(path: Path, names: object) -> list[str]:
    """The names in the order of their numbers, from a list or a table by number."""
    with entry(path, "names"):
        if isinstance(names, list) and all(isinstance(name, str) for name in names):
            return list(names)
        if isinstance(names, dict):
            numbers = sorted(int(key) for key in names if str(key).isdecimal())
            if numbers == list(range(len(names))) and all(isinstance(name, str) for name in names.values()):
                return [names[str(number)] for number in numbers]
        raise Malformed(
            f"{show(names)} is neither a list of names nor a table from 0, 1, 2, ... to names",
            remedy="Write `names: [first, second]`",
        )


def _read_name_file(root: Path) -> list[str]:
    """The lines of classes.txt or its like, if there is one."""
    for path in sorted(walk(root, (".txt", ".names")), key=lambda path: (len(path.parts), path)):
        if path.name.lower() in NAME_FILES or path.suffix.lower() == ".names":
            return [line.strip() for line in read_text(path).splitlines() if line.strip()]
    return []


def read_text(path: Path) -> str:
    """Return the content of a text file. Raises DataError if it cannot be read."""
    try:
        return decode_text(path.read_bytes())
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot be read ({error})", where=path, remedy="Check the file and its permissions") from error
