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
    Painting,
    check_size,
    fitting_size,
    make_classes,
)
from segarena.data.converters.image_index import ImageFiles, annotation_files, split_of_folders
from segarena.data.converters.parsing import entry, member, outline, read_json, shorten
from segarena.data.converters.rasterize import Ellipse, Malformed, Patch, Polygons, Region, Shape, rectangle
from segarena.data.files.image_io import decode, open_image, shown_size
from segarena.data.files.images import IMAGE_SUFFIXES
from segarena.errors import DataError
from segarena.formats import plural

#: The label that LabelMe's examples give to what counts nowhere.
IGNORED = "__ignore__"
_LINES = frozenset({"point", "points", "line", "linestrip"})


@dataclass(frozen=True)
class _File:
    path: Path
    image: Path | partial[bytes]
    suffix: str
    size: tuple[int, int]
    shapes: list[tuple[Shape, str]]


def read_labelme(src: Path) -> Annotations:
    """Read the JSON files below a folder, or one; folders called train, val and test divide them.

    The image is the one in the file (imageData), as LabelMe does, else the file that imagePath says. Class 0 is the
    background (also the label _background_), then the labels by name; __ignore__ is void. Shapes are painted in the
    order of the file. Points and lines have no area and are left out. Raises DataError.
    """
    root, paths = annotation_files(src, ".json")
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
            "is no LabelMe annotation: no list shapes",
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
            labels=Painting(file.size, tuple((shape, labels[label]) for shape, label in file.shapes)),
        )
        for file in files
    ]
    bare = {path.with_suffix("") for path in paths}  # the image beside a file that holds a copy of it
    used = {file.image for file in files}
    counts["unlabelled"] = sum(path not in used and path.with_suffix("") not in bare for path in images.paths)
    return Annotations(classes, tuple(converted), _notes(counts))


def _read_file(path: Path, content: dict[str, Any], images: ImageFiles, counts: Counter[str]) -> _File:
    with entry(path, "image"):
        image, suffix, size = _read_image(path, content, images)
    shapes = []
    for position, shape in enumerate(content["shapes"]):
        with entry(path, f"shapes[{position}]"):
            label = member(shape, "label", str)
            figure = _read_shape(shape, size, path)
            if figure is None:
                counts[shape.get("shape_type") or "polygon"] += 1
            else:
                shapes.append((figure, label))
    return _File(path, image, suffix, size, shapes)


def _read_image(
    path: Path, content: dict[str, Any], images: ImageFiles
) -> tuple[Path | partial[bytes], str, tuple[int, int]]:
    height, width = content.get("imageHeight"), content.get("imageWidth")
    if content.get("imageData"):
        data = _decode(member(content, "imageData", str))
        with open_image(_within(path, "imageData"), data) as picture:
            size, kind = shown_size(picture), str(picture.format).lower()
        check_size(size, height, width, "its imageData")
        return partial(_embedded, path), "." + {"jpeg": "jpg", "mpo": "jpg"}.get(kind, kind), size
    name = member(content, "imagePath", str)
    beside = path.parent / PureWindowsPath(name).as_posix()
    image = beside if beside.suffix.lower() in IMAGE_SUFFIXES and beside.is_file() else images.find(name)
    return image, image.suffix.lower(), fitting_size(image, height, width)


def _within(path: Path, what: str) -> Path:
    """What a message calls an image inside a JSON file."""
    return path.with_name(f"{path.name} ({what})")


def _embedded(path: Path) -> bytes:
    """The image inside a JSON file; read again when it is written, so that not all are in memory at once."""
    with entry(path, "image"):
        return _decode(member(read_json(path), "imageData", str))


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text)
    except (binascii.Error, ValueError) as error:
        raise Malformed(f"base64 cannot be decoded ({error})") from error


def _read_shape(shape: dict[str, Any], size: tuple[int, int], path: Path) -> Shape | None:
    """None for what has no area."""
    kind = member({"shape_type": "polygon", **shape}, "shape_type", str, type(None)) or "polygon"
    pairs = member(shape, "points", list)
    if not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
        raise Malformed(f"the points {shorten(pairs)} are not pairs of x and y")
    points = outline([value for pair in pairs for value in pair])
    if kind in _LINES:
        return None
    if kind in ("polygon", "oriented_rectangle", "rotation") or (kind == "rectangle" and len(points) == 4):
        return Polygons((points,)) if len(points) > 2 else None
    if kind not in ("rectangle", "circle", "mask"):
        raise Malformed(f"the shape_type {shorten(kind)} is not known")
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
    where = _within(path, "mask")
    with open_image(where, _decode(member(shape, "mask", str))) as picture:
        if picture.width > size[1] or picture.height > size[0]:
            raise Malformed(f"the mask of {picture.width} x {picture.height} pixels is larger than its image")
        region: Region = np.asarray(decode(picture, where).convert("L")) > 0
    return region


def _notes(counts: Counter[str]) -> tuple[str, ...]:
    other, unlabelled = counts.pop("other", 0), counts.pop("unlabelled", 0)
    notes = [f"{count} x {kind}, which has no area: left out" for kind, count in sorted(counts.items())]
    if unlabelled:
        notes.append(f"{plural(unlabelled, 'image')} without annotation: left out")
    if other:
        notes.append(f"{other} JSON files that are not LabelMe's: passed over")
    return tuple(notes)
