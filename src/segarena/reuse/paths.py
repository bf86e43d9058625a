"""Paths in a file of options are relative to that file, so that it works in any working directory."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from segarena.config import PUBLISHED_NAMES
from segarena.config.arguments import expand_home
from segarena.config.checks import check_reachable
from segarena.errors import ConfigError
from segarena.formats import relative_path

#: What `weights` and `group_by` can be other than a file.
NAMES = {
    "weights": ("none", "imagenet", "coco"),
    "group_by": ("none", "prefix", "folder", "blocks"),
    "data": PUBLISHED_NAMES,
}
#: Options that name what the command writes: it need not exist.
_WRITTEN = ("out", "json")
_TABLES = (".csv", ".tsv", ".txt")


def place_path(name: str, value: Any, file: Path, data: Path | None) -> Any:
    """Return the value of an option; of a path the one seen from the working directory.

    Args:
        name: The option.
        value: Its value in the file.
        file: The file.
        data: The data that the file names, with which `images` and `masks` begin.

    Raises:
        ConfigError: There is nothing at the path, but there is in the working directory; or the system cannot say
            what is there.
    """
    if str(value) in NAMES.get(name, ()) and why_absent(file.parent / str(value)):
        return value
    if name in ("data", "root", "splits", "weights", *_WRITTEN):
        place = file.parent / expand_home(value)
        if name not in _WRITTEN:
            check_reachable(place)
        if name not in _WRITTEN and why_absent(place) and not why_absent(Path(value)):
            raise ConfigError(
                f"has {value} as {name}: {place} does not exist, as paths are relative to the file",
                where=file,
                remedy=f"Write {relative_path(value, file.parent)}",
            )
        return str(_shorten(place)) if isinstance(value, str) else _shorten(place)
    place = file.parent / str(value)
    if name == "group_by":
        return str(_shorten(place)) if Path(value).suffix.lower() in _TABLES or is_file(place) else value
    if name in ("images", "masks"):
        folder = None if data is None or ".." in Path(value).parts else file.parent / data.expanduser()
        in_data = folder is not None and not why_absent(folder / value)
        return value if in_data or why_absent(place) else _shorten(place)
    return value


def _shorten(place: Path) -> Path:
    """The path without `folder/..`, unless the folder is a link."""
    short = Path(os.path.normpath(place))
    return short if short.resolve() == place.resolve() else place


def why_absent(path: Path) -> str:
    """Return why there is nothing to use at a path; empty where there is something.

    >>> why_absent(Path("no/such/folder"))
    'does not exist'
    """
    try:
        return "" if path.exists() else "does not exist"
    except (OSError, ValueError) as error:  # a folder that is closed to the user; no valid path
        return f"cannot be read ({getattr(error, 'strerror', None) or error})"


def is_file(path: Path) -> bool:
    """Whether there is a file at a path, which may be any text: a regular expression may be no valid path."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
