"""LabelMe's JSON (github.com/wkentaro/labelme): a file per image with polygons, rectangles, circles and masks."""

from __future__ import annotations

import base64
import binascii
from collections import Counter
from dataclasses import dataclass
from functools import partial
from math import hypot
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np

from segarena.classes import IGNORE_INDEX
from segarena.data.converters.annotations import (
    Annotations,
    LabelledImage,
    Malformed,
    check_size,
    entry,
    make_classes,
    read_json,
    read_member,
    read_outline,
    read_size,
    show,
)
from segarena.data.converters.image_index import ImageFiles, find_annotation_files, split_of_folders
from segarena.data.converters.painting import Item, Painting
from segarena.data.converters.peek import Peek
from segarena.data.converters.rasterize import Ellipse, Patch, Polygons, Region, Shape, rectangle
from segarena.data.files.image_io import decode, open_image, shown_size
from segarena.data.files.images import IMAGE_SUFFIXES
from segarena.errors import DataError
from segarena.formats import plural

#: The label that LabelMe's examples use for void.
IGNORED = "__ignore__"
_WITHOUT_AREA = frozenset({"point", "points", "line", "linestrip"})


def recognise_labelme(peek: Peek) -> str | None:
    """Return what shows that there are LabelMe files; None if nothing does."""
    for path in peek.sample(".json"):
        content = peek.json(path)
        if isinstance(content, dict) and isinstance(content.get("shapes"), list) and "imagePath" in content:
            return f"{peek.name(path)} has shapes and an imagePath"
    return None


def read_labelme(src: Path) -> Annotations:
    """Read the JSON files below a folder, or one; folders named train, val and test are splits.

    The image is the one in the file (imageData), as in LabelMe itself, else the file at imagePath. Class 0 is the
    background (also the label _background_), then the labels by name; __ignore__ is void. Shapes are painted in the
    order of the file. Points and lines have no area and are left out. Raises DataError.
    """
    root, paths = find_annotation_files(src, ".json")
    images = ImageFiles(root)
    counts: Counter[str] = Counter()
    files = []
    for path in paths:
        content = read_json(path)
        if isinstance(content, dict) and isinstance(content.get("shapes"), list):
            files.append(_read_file(path, content, images, counts))
        else:
            counts["other"] += 1
    if not files:
        raise DataError(
            "is no LabelMe annotation: it needs the list shapes",
            where=paths[0] if len(paths) == 1 else root,
            remedy="Name the folder that holds LabelMe's JSON files",
        )
    names = sorted({label for file in files for _, label in file.shapes} - {IGNORED})
    classes, labels = make_classes(names, where=src)
    labels[IGNORED] = IGNORE_INDEX
    converted = [
        LabelledImage(
            name=file.path.relative_to(root).with_suffix("").as_posix(),
            split=split_of_folders(file.path.relative_to(root)),
            image=file.image,
            suffix=file.suffix,
            labels=Painting(file.size, tuple(Item(shape, labels[label]) for shape, label in file.shapes)),
        )
        for file in files
    ]
    used = {file.image for file in files}
    beside = {path.with_suffix("") for path in paths}  # an image beside a file that has a copy of it
    counts["unlabelled"] = sum(path not in used and path.with_suffix("") not in beside for path in images.paths)
    return Annotations(classes, tuple(converted), _make_notes(counts))


def _make_notes(counts: Counter[str]) -> tuple[str, ...]:
    other, unlabelled = counts.pop("other", 0), counts.pop("unlabelled", 0)
    notes = [f"{plural(n, 'object')} of type {kind} without an area: left out" for kind, n in sorted(counts.items())]
    if unlabelled:
        notes.append(f"{plural(unlabelled, 'image')} without annotation: left out")
    if other:
        notes.append(f"{plural(other, 'JSON file')} not from LabelMe: ignored")
    return tuple(notes)


@dataclass(frozen=True)
class _File:
    """A JSON file with its image and its shapes, each with its label's name."""

    path: Path
    image: Path | partial[bytes]
    suffix: str
    size: tuple[int, int]
    shapes: list[tuple[Shape, str]]


def _read_file(path: Path, content: dict[str, Any], images: ImageFiles, counts: Counter[str]) -> _File:
    with entry(path, "image"):
        image, suffix, size = _read_image(path, content, images)
    shapes = []
    for position, shape in enumerate(content["shapes"]):
        with entry(path, f"shapes[{position}]"):
            label = read_member(shape, "label", str)
            figure = _read_shape(shape, size, path)
            if figure is None:
                counts[shape.get("shape_type") or "polygon"] += 1
            else:
                shapes.append((figure, label))
    return _File(path, image, suffix, size, shapes)


def _read_image(
    path: Path, content: dict[str, Any], images: ImageFiles
) -> tuple[Path | partial[bytes], str, tuple[int, int]]:
    """The image file or the bytes in the JSON file, the ending to write, and (height, width)."""
    height, width = content.get("imageHeight"), content.get("imageWidth")
    if content.get("imageData"):
        data = _decode(read_member(content, "imageData", str))
        with open_image(_inner_path(path, "imageData"), data) as picture:
            size, kind = shown_size(picture), str(picture.format).lower()
        check_size(size, height, width, "its imageData")
        return partial(_read_embedded, path), "." + {"jpeg": "jpg", "mpo": "jpg"}.get(kind, kind), size
    name = read_member(content, "imagePath", str)
    beside = path.parent / PureWindowsPath(name).as_posix()
    image = beside if beside.suffix.lower() in IMAGE_SUFFIXES and beside.is_file() else images.find(name)
    return image, image.suffix.lower(), read_size(image, height, width)


def _inner_path(path: Path, what: str) -> Path:
    """The name of an image inside a JSON file, for messages."""
    return path.with_name(f"{path.name} ({what})")


def _read_embedded(path: Path) -> bytes:
    """The image inside a JSON file; read again when it is written, so that not all are in memory at once."""
    with entry(path, "image"):
        return _decode(read_member(read_json(path), "imageData", str))


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text)
    except (binascii.Error, ValueError) as error:
        raise Malformed(f"base64 cannot be decoded ({error})") from error


def _read_shape(shape: dict[str, Any], size: tuple[int, int], path: Path) -> Shape | None:
    """The shape; None if it has no area."""
    kind = read_member({"shape_type": "polygon", **shape}, "shape_type", str, type(None)) or "polygon"
    pairs = read_member(shape, "points", list)
    if not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
        raise Malformed(f"the points {show(pairs)} are not pairs of x and y")
    points = read_outline([value for pair in pairs for value in pair])
    if kind in _WITHOUT_AREA:
        return None
    if kind in ("polygon", "oriented_rectangle", "rotation") or (kind == "rectangle" and len(points) == 4):
        return Polygons((points,)) if len(points) > 2 else None
    if kind not in ("rectangle", "circle", "mask"):
        raise Malformed(f"the shape_type {show(kind)} is unknown")
    if len(points) != 2:
        raise Malformed(f"the {kind} has {len(points)} points, not 2")
    (x0, y0), (x1, y1) = points.tolist()
    if kind == "rectangle":
        return rectangle(x0, y0, x1, y1)
    if kind == "circle":
        radius = hypot(x1 - x0, y1 - y0)
        return Ellipse(x0, y0, radius, radius)
    return Patch(_read_mask(shape, size, path), top=round(y0), left=round(x0))


def _read_mask(shape: dict[str, Any], size: tuple[int, int], path: Path) -> Region:
    """The mask inside a shape, (h, w)."""
    where = _inner_path(path, "mask")
    with open_image(where, _decode(read_member(shape, "mask", str))) as picture:
        if picture.width > size[1] or picture.height > size[0]:
            raise Malformed(f"the mask of {picture.width} x {picture.height} pixels is larger than its image")
        region: Region = np.asarray(decode(picture, where).convert("L")) > 0
    return region
