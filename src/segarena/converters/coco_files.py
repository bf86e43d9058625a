"""A folder's files of COCO: which JSON files they are, of which kind, and which of their categories become classes.

An id is an id within its file; the name is the category. Ids of one name are one class.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segarena.annotations.annotations import Color, Malformed, entry, read_id, read_member
from segarena.annotations.peek import Peek
from segarena.annotations.reading import Faults, read_all, read_json
from segarena.errors import DataError
from segarena.formats import join_words, listing

_KEYS = ("images", "annotations", "categories")


def recognise_coco(peek: Peek) -> str | None:
    """Return what shows that there is a COCO file; None if nothing does. Files over 32 MiB are known by their head."""
    for path in peek.sample(".json"):
        content = peek.json(path)
        head = peek.head(path) if content is None else ""
        if _is_coco(content) or ('"images"' in head and '"file_name"' in head):
            return f"{peek.name(path)} has lists of images, annotations and categories"
    return None


def choose_files(root: Path, paths: list[Path]) -> dict[Path, Any]:
    """Return the content of each file that is read. Raises DataError if none is COCO's."""
    for start in ("instances", "panoptic"):
        paths = [path for path in paths if path.name.startswith(start)] or paths
    contents = read_all(paths, read_json)
    contents = {path: _as_lists(content) for path, content in contents.items() if _is_coco(content)}
    if not contents:
        raise DataError(
            f"is not a COCO annotation file: it needs the lists {', '.join(_KEYS)}",
            where=paths[0] if len(paths) == 1 else root,
            remedy="Name the JSON file of the annotations, or the folder that holds it",
        )
    return contents


def _is_coco(content: Any) -> bool:
    return isinstance(content, dict) and all(
        isinstance(value := content.get(key), list) or _is_table(value) for key in _KEYS
    )


def _is_table(value: Any) -> bool:
    """Whether a value has entries by their ids, where COCO has a list: pandas and home-made scripts write such."""
    return isinstance(value, dict) and bool(value) and all(isinstance(entry, dict) for entry in value.values())


def _as_lists(content: dict[str, Any]) -> dict[str, Any]:
    """The content with a list in place of each table of entries by their ids."""
    tables = {key: content[key] for key in _KEYS if isinstance(content[key], dict)}
    return content | {key: [{"id": number} | one for number, one in table.items()] for key, table in tables.items()}


def are_panoptic(root: Path, contents: dict[Path, Any]) -> bool:
    """Return whether the annotations are panoptic. Raises DataError if only those of some files are."""
    kinds = {
        any(isinstance(annotation, dict) and "segments_info" in annotation for annotation in content["annotations"])
        for content in contents.values()
        if content["annotations"]
    }
    if len(kinds) > 1:
        raise DataError(
            f"has panoptic annotations and others: {listing([path.name for path in contents])}",
            where=root,
            remedy="Name one of the files, or move those of one kind to another folder",
        )
    return kinds == {True}


@dataclass(frozen=True)
class Categories:
    """The categories of all files."""

    names: tuple[str, ...]
    """Those that become classes, by id."""
    colors: dict[str, Color]
    """Their colours, where a file has some."""
    by_id: dict[Path, dict[int | str, str]]
    """The name of each id, for each file."""
    notes: tuple[str, ...]
    """Sentences on what is left out, merged or without an object."""


def read_categories(contents: dict[Path, Any]) -> Categories:
    """Read the categories of COCO files; one that only groups others (Roboflow's id 0) is left out.

    Args:
        contents: The content of each file.

    Raises:
        DataError: A category has no id or no name, or an id has two names in one file.
    """
    by_id: dict[Path, dict[int | str, str]] = {}
    colors: dict[str, Color] = {}
    first: dict[str, int | str] = {}
    groups: set[str] = set()
    faults = Faults()
    for path, content in contents.items():
        ids = by_id[path] = {}
        for position, category in enumerate(content["categories"]):
            with faults, entry(path, f"categories[{position}]"):
                number, name = read_id(category, "id"), read_member(category, "name", str).strip()
                if ids.setdefault(number, name) != name:
                    raise Malformed(f"the category {number} is {name!r} here and {ids[number]!r} before")
                first.setdefault(name, number)
                color = category.get("color")
                if isinstance(color, list) and len(color) == 3 and all(type(c) is int and 0 <= c < 256 for c in color):
                    colors.setdefault(name, (color[0], color[1], color[2]))
                if isinstance(group := category.get("supercategory"), str) and group != name:
                    groups.add(group)
    faults.check()
    objects = Counter(by_id[path].get(number) for path, number in _objects(contents))
    dropped = [name for name in first if name in groups and not objects[name]]
    names = sorted((name for name in first if name not in dropped), key=lambda name: _order(first[name]))
    if not names:
        names, dropped = sorted(first, key=lambda name: _order(first[name])), []
    notes = [f"without an object, only groups of others, left out: {listing(dropped)}"] if dropped else []
    if merged := list(_describe_merged(by_id)):
        notes.append(f"ids of one name are read as one class: {listing(merged)}")
    unused = [name for name in names if not objects[name]]
    if unused and any(objects.values()):
        notes.append(f"without an object, kept as classes: {listing(unused)}")
    return Categories(tuple(names), colors, by_id, tuple(notes))


def _order(number: int | str) -> tuple[bool, int, str]:
    """Numbers come first, in their order, then texts."""
    return (False, number, "") if isinstance(number, int) else (True, 0, number)


def _objects(contents: dict[Path, Any]) -> Iterator[tuple[Path, Any]]:
    """The file and the category's id of each object or segment; a wrong entry is left to the reader."""
    for path, content in contents.items():
        for annotation in content["annotations"]:
            if isinstance(annotation, dict):
                segments = annotation.get("segments_info")
                for each in segments if isinstance(segments, list) else [annotation]:
                    try:
                        yield path, read_id(each, "category_id")
                    except Malformed:
                        yield path, None


def _describe_merged(by_id: dict[Path, dict[int | str, str]]) -> Iterator[str]:
    for path, ids in by_id.items():
        for name, count in Counter(ids.values()).items():
            if count > 1:
                numbers = [str(number) for number, other in ids.items() if other == name]
                yield f"{name!r} of {join_words(numbers)} in {path.name}"
