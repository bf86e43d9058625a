"""Which of a folder's JSON files are COCO's, and of which kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from segarena.data.annotations.peek import Peek
from segarena.data.annotations.reading import read_all, read_json
from segarena.errors import DataError
from segarena.formats import listing

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
    contents = {path: content for path, content in contents.items() if _is_coco(content)}
    if not contents:
        raise DataError(
            f"is not a COCO annotation file: it needs the lists {', '.join(_KEYS)}",
            where=paths[0] if len(paths) == 1 else root,
            remedy="Name the JSON file of the annotations, or the folder that holds it",
        )
    return contents


def _is_coco(content: Any) -> bool:
    return isinstance(content, dict) and all(isinstance(content.get(key), list) for key in _KEYS)


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
