"""The splits of a YOLO data set: the folders and lists of images that data.yaml names for train, val and test."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath, PureWindowsPath
from typing import Any

from segarena.annotations.image_index import ImageFiles
from segarena.converters.yolo_names import read_text
from segarena.data.source import Split
from segarena.errors import DataError
from segarena.formats import listing

_KEYS: dict[str, Split] = {"train": "train", "val": "val", "valid": "val", "test": "test"}

#: Consecutive folders in the path of an image.
_Parts = tuple[str, ...]


@dataclass(frozen=True)
class DeclaredSplits:
    """The splits that data.yaml declares.

    Attributes:
        folders: The split of each folder, by consecutive parts of its path below the root.
        listed: The split of each image that a list names, by its path below the root.
        unused: The paths in data.yaml, as they are written there, that no image is in.
        repeated: Those that were used for another split before.
    """

    folders: dict[_Parts, Split]
    listed: dict[str, Split]
    unused: tuple[str, ...]
    repeated: tuple[str, ...]

    def split_of(self, image: PurePath) -> Split | None:
        """Return the split of an image, by its path below the root: that of its list, else of its longest folder."""
        if image.as_posix() in self.listed:
            return self.listed[image.as_posix()]
        found = [(len(parts), split) for parts, split in self.folders.items() if _has_parts(image.parent.parts, parts)]
        return max(found)[1] if found else None


def read_splits(files: ImageFiles, contents: dict[Path, dict[str, Any]]) -> DeclaredSplits:
    """Read the paths of the splits, and the lists among them.

    A path may be one of another machine: what counts is the longest end of it that is in the paths of images here. Data
    sets that are validated on their training images name one path for two splits: it is used for the first, by which
    training comes before validation, and that before test.

    Args:
        files: The images.
        contents: The content of each data.yaml.

    Raises:
        DataError: A list cannot be read, or an image is in the lists of two splits.
    """
    images = [image.relative_to(files.root) for image in files.paths]
    known, below = {image.as_posix() for image in images}, {image.parent.parts for image in images}
    named: dict[Path | _Parts | None, list[tuple[Split, str]]] = defaultdict(list)
    for path, split, place in _places(contents):
        is_list = place.endswith(".txt")
        found = _find_list(place, (path.parent, files.root)) if is_list else _find_folder(place, below)
        named[found].append((split, place))
    folders: dict[_Parts, Split] = {}
    listed: dict[str, Split] = {}
    unused: list[str] = []
    repeated: list[str] = []
    for found, pairs in named.items():
        split = pairs[0][0]
        names = _read_list(found, known) if isinstance(found, Path) else []
        if found is None or (isinstance(found, Path) and not names):
            unused += [place for _, place in pairs]
            continue
        repeated += [place for other, place in pairs if other != split]
        if twice := [name for name in names if listed.get(name, split) != split]:
            raise DataError(
                f"has {listing(twice)}, as the list of another split, too, but an image is in one split only",
                where=found,
                remedy="Leave each image in one list",
            )
        listed |= dict.fromkeys(names, split)
        if not isinstance(found, Path):
            folders[found] = split
    return DeclaredSplits(folders, listed, tuple(unused), tuple(repeated))


def _places(contents: dict[Path, dict[str, Any]]) -> Iterator[tuple[Path, Split, str]]:
    """Each data.yaml, split and path in it."""
    for path, content in contents.items():
        for key, split in _KEYS.items():
            places = content.get(key) or []
            for place in [places] if isinstance(places, str) else places:
                yield path, split, str(place)


def _ends(place: str) -> Iterator[_Parts]:
    """The ends of a path, the longest first; Windows' separators count."""
    parts = tuple(part for part in PureWindowsPath(place).parts if part not in (".", ".."))
    yield from (parts[start:] for start in range(len(parts)))


def _find_folder(place: str, below: Collection[_Parts]) -> _Parts | None:
    """The longest end of a path that is in the path of an image's folder."""
    return next((end for end in _ends(place) if any(_has_parts(folder, end) for folder in below)), None)


def _find_list(place: str, bases: Collection[Path]) -> Path | None:
    """The list at the longest end of a path, below one of the folders."""
    paths = (base.joinpath(*end) for end in _ends(place) for base in bases)
    return next((path for path in paths if path.is_file()), None)


def _has_parts(folder: _Parts, parts: _Parts) -> bool:
    return any(folder[start : start + len(parts)] == parts for start in range(len(folder)))


def _read_list(path: Path, known: Collection[str]) -> list[str]:
    """The images that a list names, as paths below the root as far as they are in `known`."""
    lines = read_text(path).splitlines()
    found = (next((name for name in map("/".join, _ends(line.strip())) if name in known), None) for line in lines)
    return [name for name in found if name is not None]
