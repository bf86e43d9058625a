"""COCO's JSON (cocodataset.org, Data format): objects as polygons or run lengths, or panoptic annotations."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from segarena.annotations.annotations import (
    Annotations,
    LabelledImage,
    LeftOut,
    Malformed,
    entry,
    is_size,
    make_classes,
    read_id,
    read_member,
    read_outline,
    read_size,
    show,
)
from segarena.annotations.drawn import check_inside
from segarena.annotations.image_index import ImageFiles, find_annotation_files, name_without_ending, split_of_file
from segarena.annotations.painting import Item, Painting
from segarena.annotations.rasterize import (
    ColumnRuns,
    Polygons,
    Shape,
    check_counts,
    decompress_counts,
)
from segarena.annotations.reading import Faults
from segarena.classes import IGNORE_INDEX
from segarena.converters.coco_crowds import Crowd, read_crowds
from segarena.converters.coco_files import are_panoptic, choose_files, read_categories
from segarena.converters.panoptic import Segments, find_segments
from segarena.data.source import Split
from segarena.errors import DataError
from segarena.formats import listing, plural


def read_coco(src: Path, *, crowd: Crowd | None = None) -> Annotations:
    """Read a JSON file, or the JSON files below a folder, with the images below the same folder.

    If there are files named instances*.json, only those are read, else panoptic*.json, else all that look like COCO.
    A split is in the name of the file (instances_train2017.json) or its folder (valid/_annotations.coco.json).
    Class 0 is the background, then the categories by id. Panoptic annotations cover the image: no background is
    added, and what is in no segment is void.

    Args:
        src: The file or folder.
        crowd: What `iscrowd: 1` means: void where no other object covers it, or an object. None: see `coco_crowds`.

    Raises:
        DataError: Something cannot be read, or does not fit.
    """
    root, paths = find_annotation_files(src, ".json")
    contents = choose_files(root, paths)
    is_panoptic = are_panoptic(root, contents)
    categories = read_categories(contents)
    crowds = read_crowds(contents, crowd)
    classes, label_of = make_classes(
        categories.names, colors=categories.colors, background=not is_panoptic, where=next(iter(contents))
    )
    with_pngs = [path for path in paths if path.name.startswith("panoptic") or (is_panoptic and path in contents)]
    files = ImageFiles(root, without=frozenset(path.stem for path in with_pngs))  # panoptic PNGs are not images
    left_out = LeftOut()
    for path in paths:
        left_out.add("JSON file", "not read", path.relative_to(root).as_posix(), path not in contents)
    images: list[LabelledImage] = []
    file_of: dict[Path, Path] = {}
    boxes = total = 0
    faults = Faults()
    for path, content in contents.items():
        labels = {number: label_of[name] for number, name in categories.by_id[path].items() if name in label_of}
        found = _read_images(path, content["images"], files, split_of_file(path.relative_to(root)), left_out)
        _check_once(root, path, found, file_of)
        orphans = [_is_orphan(annotation, found) for annotation in content["annotations"]]
        are_few = sum(orphans) * 2 < len(orphans)  # else the annotations are of other images
        for position, annotation in enumerate(content["annotations"]):
            if orphans[position] and are_few:
                left_out.add("annotation", "of an image that is not in the file: left out", path.name)
                continue
            with faults, entry(path, _describe(position, annotation)):
                total += 1
                image = _look_up(annotation, "image_id", found, "image")
                if image is None:
                    continue
                if is_panoptic:
                    if image.segments is not None:
                        raise Malformed(f"another panoptic annotation is of the image {image.path.name}, too")
                    names = (root, path, image.path)
                    image.segments = find_segments(annotation, labels, *names, image.size, crowds.meaning)
                elif not _add_object(image, annotation, labels, crowds.meaning):
                    boxes += 1
                    left_out.add("annotation", "without an area: left out", image.path.name)
        images += _make_images(found, split_of_file(path.relative_to(root)), is_panoptic, left_out)
    faults.check()
    used = {image.image for image in images} | {
        image.labels.path for image in images if isinstance(image.labels, Segments)
    }
    for file in files.unused(used):
        left_out.add("image", "not in the annotations: left out", file)
    if total and boxes == total:
        raise DataError("has only boxes: no annotation has a segmentation", where=src, remedy="Export with masks")
    notes = (*categories.notes, *crowds.notes, *left_out.notes(), *files.notes())
    return Annotations(classes, tuple(images), notes)


@dataclass
class _Image:
    """An entry of `images` with its `annotations`."""

    path: Path
    name: str
    size: tuple[int, int]
    is_size_declared: bool
    objects: list[Item] = field(default_factory=list)
    segments: Segments | None = None

    def labels(self) -> Painting | Segments:
        return self.segments or Painting(self.size, tuple(self.objects))


def _make_images(
    found: dict[Any, _Image | None], split: Split | None, is_panoptic: bool, left_out: LeftOut
) -> list[LabelledImage]:
    """The images of one file. Without objects an image is empty; without a panoptic annotation it is left out."""
    kept = []
    for image in found.values():
        if image is None:
            continue
        if is_panoptic and image.segments is None:
            left_out.add("image", "without panoptic annotation: left out", image.path.name)
            continue
        left_out.add("image", "without an object: all background", image.path.name, not (image.objects or is_panoptic))
        kept.append(LabelledImage(image.name, split, image.path, image.path.suffix.lower(), image.labels()))
    return kept


# Entries


def _read_images(
    path: Path, images: list[Any], files: ImageFiles, split: Split | None, left_out: LeftOut
) -> dict[Any, _Image | None]:
    """The images of one file by their id; None for an image that does not exist, if others do."""
    found: dict[Any, _Image | None] = {}
    faults = Faults()
    for position, image in enumerate(images):
        with faults, entry(path, f"images[{position}]"):
            number, name = read_id(image, "id"), read_member(image, "file_name", str)
            if number in found:
                raise Malformed(f"another image has the id {number!r}, too")
            file = files.find(name, split, optional=True)
            if file is None:
                found[number] = None
                left_out.add("image", f"of the annotations not below {files.root}: left out", name)
                continue
            declared = image.get("height"), image.get("width")
            size = read_size(file, *declared)
            found[number] = _Image(file, name_without_ending(name), size, is_size(*declared))
    faults.check()
    if found and not any(found.values()):
        with entry(path, "images[0]"):
            files.find(images[0]["file_name"], split)
    return found


def _add_object(image: _Image, annotation: Any, labels: dict[int | str, int], crowd: Crowd) -> bool:
    """Add an object to its image; return False if it has no area to paint."""
    label = _look_up(annotation, "category_id", labels, "category")
    shape = _read_segmentation(annotation.get("segmentation"), image.size)
    if shape is None:
        return False
    if isinstance(shape, Polygons) and not image.is_size_declared:
        check_inside(np.concatenate(shape.outlines), image.size)
    # In COCO a crowd is a region with persons somewhere in it: void except for the persons drawn one by one.
    is_void = annotation.get("iscrowd") and crowd == "void"
    image.objects.append(Item(shape, IGNORE_INDEX, layer=-1) if is_void else Item(shape, label))
    return True


def _read_segmentation(segmentation: object, size: tuple[int, int]) -> Shape | None:
    if not segmentation:
        return None
    if isinstance(segmentation, list) and len(segmentation) == 1 and isinstance(segmentation[0], dict):
        [segmentation] = segmentation
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


def _check_once(root: Path, path: Path, images: dict[Any, _Image | None], file_of: dict[Path, Path]) -> None:
    """Raise DataError if an image is in another JSON file, too; `file_of` has the file of each image."""
    shared = [image.path for image in filter(None, images.values()) if file_of.setdefault(image.path, path) != path]
    if shared:
        first = shared[0]
        other = file_of[first].relative_to(root)
        names = [image.name for image in shared if file_of[image] == file_of[first]]
        raise DataError(
            f"has {other} and {path.relative_to(root)}, which both annotate {plural(len(names), 'image')}"
            f" ({listing(names)})",
            where=root,
            remedy="Name one of the files, or move the other one away",
        )


def _is_orphan(annotation: Any, images: dict[Any, _Image | None]) -> bool:
    try:
        return read_id(annotation, "image_id") not in images
    except Malformed:  # the reader describes it
        return False


def _look_up(annotation: Any, key: str, known: dict[Any, Any], what: str) -> Any:
    number = read_id(annotation, key)
    if number not in known:
        raise Malformed(f"the {what} {number!r} does not exist")
    return known[number]


def _describe(position: int, annotation: Any) -> str:
    number = annotation.get("id") if isinstance(annotation, dict) else None
    return f"annotations[{position}]" + ("" if number is None else f" (id {number})")
