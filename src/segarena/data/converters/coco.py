"""COCO's JSON (cocodataset.org, Data format): objects as polygons or run lengths, or panoptic annotations."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from segarena.classes import IGNORE_INDEX
from segarena.data.converters.annotations import (
    Annotations,
    Color,
    LabelledImage,
    Malformed,
    entry,
    make_classes,
    read_json,
    read_member,
    read_outline,
    read_size,
    show,
)
from segarena.data.converters.image_index import ImageFiles, find_annotation_files, name_without_ending, split_of_file
from segarena.data.converters.painting import Item, Painting
from segarena.data.converters.panoptic import Segments, find_segments
from segarena.data.converters.peek import Peek
from segarena.data.converters.rasterize import (
    ColumnRuns,
    Polygons,
    Shape,
    check_counts,
    decompress_counts,
)
from segarena.data.source import Split
from segarena.errors import DataError
from segarena.formats import listing, plural

_KEYS = ("images", "annotations", "categories")


def recognise_coco(peek: Peek) -> str | None:
    """Return what shows that there is a COCO file; None if nothing does. Files over 32 MiB are known by their head."""
    for path in peek.sample(".json"):
        content = peek.json(path)
        head = peek.head(path) if content is None else ""
        if _is_coco(content) or ('"images"' in head and '"file_name"' in head):
            return f"{peek.name(path)} has lists of images, annotations and categories"
    return None


def read_coco(src: Path) -> Annotations:
    """Read a JSON file, or the JSON files below a folder, with the images below the same folder.

    If there are files named instances*.json, only those are read, else panoptic*.json, else all that look like COCO.
    A split is in the name of the file (instances_train2017.json) or its folder (valid/_annotations.coco.json).
    Class 0 is the background, then the categories by id. Panoptic annotations cover the image: no background is
    added, and what is in no segment is void. A crowd is void where no other object covers it. Raises DataError.
    """
    root, paths = find_annotation_files(src, ".json")
    contents = _choose_files(root, paths)
    is_panoptic = _is_panoptic(root, contents)
    categories, colors = _read_categories(contents)
    names = [name for _, name in sorted(categories.items())]
    classes, label_of = make_classes(names, colors=colors, background=not is_panoptic, where=next(iter(contents)))
    labels = {number: label_of[name] for number, name in categories.items()}
    with_pngs = [path for path in paths if path.name.startswith("panoptic") or (is_panoptic and path in contents)]
    files = ImageFiles(root, without=frozenset(path.stem for path in with_pngs))  # panoptic PNGs are no images
    images: list[LabelledImage] = []
    counts: Counter[str] = Counter()
    for path, content in contents.items():
        split = split_of_file(path.relative_to(root))
        found = _read_images(path, content["images"], files, split)
        for position, annotation in enumerate(content["annotations"]):
            with entry(path, _describe(position, annotation)):
                image = _look_up(annotation, "image_id", found, "image")
                if is_panoptic:
                    image.segments = find_segments(annotation, labels, root, path, image.path, image.size)
                else:
                    counts["without area"] += not _add_object(image, annotation, labels)
        images += _make_images(found, split, is_panoptic, counts)
    counts["unlisted"] = len(files.paths) - len(images) - counts["unlabelled"]
    total = sum(len(content["annotations"]) for content in contents.values())
    if total and counts["without area"] == total:
        raise DataError("has only boxes: no annotation has a segmentation", where=src, remedy="Export with masks")
    return Annotations(classes, tuple(images), _make_notes(counts, [path for path in paths if path not in contents]))


@dataclass
class _Image:
    """An entry of `images` with its `annotations`."""

    path: Path
    name: str
    size: tuple[int, int]
    objects: list[Item] = field(default_factory=list)
    segments: Segments | None = None

    def labels(self) -> Painting | Segments:
        return self.segments or Painting(self.size, tuple(self.objects))


def _make_images(
    found: dict[Any, _Image], split: Split | None, is_panoptic: bool, counts: Counter[str]
) -> list[LabelledImage]:
    """The images of one file. Without objects an image is empty; without a panoptic annotation it is left out."""
    kept = [image for image in found.values() if image.segments is not None or not is_panoptic]
    counts["unlabelled"] += len(found) - len(kept)
    counts["empty"] += sum(not (image.objects or is_panoptic) for image in kept)
    return [LabelledImage(image.name, split, image.path, image.path.suffix.lower(), image.labels()) for image in kept]


def _make_notes(counts: Counter[str], ignored: list[Path]) -> tuple[str, ...]:
    notes = [f"ignored: {', '.join(path.name for path in ignored)}"] if ignored else []
    for key, noun, what in (
        ("without area", "annotation", "without an area: left out"),
        ("empty", "image", "without an object: all background"),
        ("unlabelled", "image", "without panoptic annotation: left out"),
        ("unlisted", "image", "not in the annotations: left out"),
    ):
        if counts[key]:
            notes.append(f"{plural(counts[key], noun)} {what}")
    return tuple(notes)


# Files


def _choose_files(root: Path, paths: list[Path]) -> dict[Path, Any]:
    """The content of each file that is read, one for each split."""
    for start in ("instances", "panoptic"):
        paths = [path for path in paths if path.name.startswith(start)] or paths
    contents = {path: read_json(path) for path in paths}
    contents = {path: content for path, content in contents.items() if _is_coco(content)}
    if not contents:
        raise DataError(
            f"is no COCO annotation: it needs the lists {', '.join(_KEYS)}",
            where=paths[0] if len(paths) == 1 else root,
            remedy="Name the JSON file of the annotations, or the folder that holds it",
        )
    first: dict[Split | None, Path] = {}
    for path in contents:
        other = first.setdefault(split_of_file(path.relative_to(root)), path)
        if other != path:
            raise DataError(
                f"has {other.relative_to(root)} and {path.relative_to(root)} for the same split",
                where=root,
                remedy="Name one of the files, or move the other one away",
            )
    return contents


def _is_coco(content: Any) -> bool:
    return isinstance(content, dict) and all(isinstance(content.get(key), list) for key in _KEYS)


def _is_panoptic(root: Path, contents: dict[Path, Any]) -> bool:
    """Whether the annotations are panoptic. Raises DataError if only those of some files are."""
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


# Entries


def _read_categories(contents: dict[Path, Any]) -> tuple[dict[int, str], dict[str, Color]]:
    """Names by id, and colours by name, of all files."""
    names: dict[int, str] = {}
    colors: dict[str, Color] = {}
    for path, content in contents.items():
        for position, category in enumerate(content["categories"]):
            with entry(path, f"categories[{position}]"):
                number, name = read_member(category, "id", int), read_member(category, "name", str)
                if names.setdefault(number, name) != name:
                    raise Malformed(f"the category {number} is {name!r} here and {names[number]!r} before")
                color = category.get("color")
                if isinstance(color, list) and len(color) == 3 and all(type(c) is int and 0 <= c < 256 for c in color):
                    colors[name] = (color[0], color[1], color[2])
    twice = [name for name, count in Counter(names.values()).items() if count > 1]
    if twice:
        raise DataError(
            f"has two categories named {twice[0]!r}", where=next(iter(contents)), remedy="Rename or merge them"
        )
    return names, colors


def _read_images(path: Path, images: list[Any], files: ImageFiles, split: Split | None) -> dict[Any, _Image]:
    """The images of one file by their id."""
    found: dict[Any, _Image] = {}
    for position, image in enumerate(images):
        with entry(path, f"images[{position}]"):
            number, name = read_member(image, "id", int, str), read_member(image, "file_name", str)
            if number in found:
                raise Malformed(f"another image has the id {number!r}, too")
            file = files.find(name, split)
            size = read_size(file, image.get("height"), image.get("width"))
            found[number] = _Image(file, name_without_ending(name), size)
    return found


def _add_object(image: _Image, annotation: Any, labels: dict[int, int]) -> bool:
    """Add an object to its image; return False if it has no area to paint."""
    label = _look_up(annotation, "category_id", labels, "category")
    shape = _read_segmentation(annotation.get("segmentation"), image.size)
    if shape is None:
        return False
    # A crowd is a region with persons somewhere in it: void except for the persons drawn one by one.
    image.objects.append(Item(shape, IGNORE_INDEX, layer=-1) if annotation.get("iscrowd") else Item(shape, label))
    return True


def _read_segmentation(segmentation: object, size: tuple[int, int]) -> Shape | None:
    if not segmentation:
        return None
    if isinstance(segmentation, list):
        if not all(isinstance(part, list) for part in segmentation):
            raise Malformed(f"the segmentation {show(segmentation)} is not a list of polygons")
        outlines = [read_outline(part) for part in segmentation]
        with_area = tuple(corners for corners in outlines if len(corners) > 2)
        return Polygons(with_area) if with_area else None
    counts = read_member(segmentation, "counts", list, str)
    declared = tuple(read_member(segmentation, "size", list))
    if declared != size:
        raise Malformed(f"the RLE is for (height, width) = {declared}, but its image is {size}")
    return ColumnRuns(check_counts(decompress_counts(counts) if isinstance(counts, str) else counts, *size))


def _look_up(annotation: Any, key: str, known: dict[Any, Any], what: str) -> Any:
    number = read_member(annotation, key, int, str)
    if number not in known:
        raise Malformed(f"the {what} {number!r} does not exist")
    return known[number]


def _describe(position: int, annotation: Any) -> str:
    number = annotation.get("id") if isinstance(annotation, dict) else None
    return f"annotations[{position}]" + ("" if number is None else f" (id {number})")
