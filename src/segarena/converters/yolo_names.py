"""What a YOLO data set declares: the names of its classes, and its splits, in data.yaml or in text files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import yaml

from segarena.annotations.annotations import Malformed, entry, show
from segarena.annotations.image_index import ImageFiles, walk
from segarena.data.source import Split
from segarena.errors import DataError
from segarena.texts import decode_text

#: Files with a name on each line; they are no labels.
NAME_FILES = ("classes.txt", "obj.names", "names.txt", "class_names.txt", "labels.txt")
_SPLIT_KEYS: dict[str, Split] = {"train": "train", "val": "val", "valid": "val", "test": "test"}


@dataclass(frozen=True)
class Declared:
    """What data.yaml declares: the classes' names, and the folders or lists of each split."""

    names: list[str]
    folders: dict[tuple[str, ...], Split]
    listed: dict[str, Split]

    def split_of(self, image: PurePath) -> Split | None:
        """The split of an image, by its path below the root."""
        if image.as_posix() in self.listed:
            return self.listed[image.as_posix()]
        folder = image.parent.parts
        found = [
            (len(parts), split)
            for parts, split in self.folders.items()
            if any(folder[start : start + len(parts)] == parts for start in range(len(folder)))
        ]
        return max(found)[1] if found else None


def read_declared(files: ImageFiles, given: Path | None) -> Declared:
    """Read the data.yaml that is given, or those below the images' folder; without names in one, classes.txt.

    Raises DataError if a file cannot be read or declares key points, or two files have different names.
    """
    root = files.root
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
    lists = {path: _read_names(path, content["names"]) for path, content in found.items()}
    if len({tuple(names) for names in lists.values()}) > 1:
        one, other = list(lists)[:2]
        raise DataError(
            f"has other names than {other.relative_to(root)}", where=one, remedy="Name the data.yaml that is right"
        )
    folders: dict[tuple[str, ...], Split] = {}
    listed: dict[str, Split] = {}
    for path, content in found.items():
        for key, split in _SPLIT_KEYS.items():
            places = content.get(key) or []
            for place in [places] if isinstance(places, str) else places:
                parts = tuple(part for part in PurePath(str(place)).parts if part not in (".", "..", "/"))
                if str(place).endswith(".txt"):
                    listed |= dict.fromkeys(_read_list(files, path, parts), split)
                elif parts:
                    folders[parts] = split
    names = next(iter(lists.values()), None) or _read_name_file(root)
    return Declared(names, folders, listed)


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


def _read_list(files: ImageFiles, path: Path, parts: tuple[str, ...]) -> list[str]:
    """The images that a list names, as paths below the root as far as they can be found there."""
    known = {image.relative_to(files.root).as_posix() for image in files.paths}
    found = []
    for folder in dict.fromkeys((path.parent, files.root)):
        if folder.joinpath(*parts).is_file():
            for line in read_text(folder.joinpath(*parts)).splitlines():
                words = PurePath(line.strip()).parts
                tails = ("/".join(words[start:]) for start in range(len(words)))
                found += [tail for tail in tails if tail in known][:1]
            break
    return found


def read_text(path: Path) -> str:
    """Return the content of a text file. Raises DataError if it cannot be read."""
    try:
        return decode_text(path.read_bytes())
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot be read ({error})", where=path, remedy="Check the file and its permissions") from error
