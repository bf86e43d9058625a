"""LabelMe's JSON (github.com/wkentaro/labelme): a file per image with polygons, rectangles, circles and masks."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from functools import partial
from math import hypot
from pathlib import Path, PureWindowsPath
from typing import Any, NamedTuple

import numpy as np

from segarena.annotations.annotations import (
    Annotations,
    LabelledImage,
    LeftOut,
    Malformed,
    check_size,
    entry,
    is_size,
    make_classes,
    read_member,
    read_outline,
    read_size,
    show,
)
from segarena.annotations.drawn import check_inside, note_boxes
from segarena.annotations.image_index import ImageFiles, find_annotation_files, split_of_folders
from segarena.annotations.painting import Item, Painting
from segarena.annotations.peek import Peek
from segarena.annotations.rasterize import Ellipse, Patch, Polygons, Region, Shape, rectangle
from segarena.annotations.reading import Faults, read_json
from segarena.classes import IGNORE_INDEX
from segarena.errors import DataError
from segarena.formats import plural
from segarena.image_files.headers import image_size
from segarena.image_files.image_io import decode, open_image, shown_size
from segarena.image_files.images import PICTURE_SUFFIXES

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
    left_out = LeftOut()
    files, missing = [], []
    faults = Faults()
    for path in paths:
        with faults:
            content = read_json(path)
            name = path.relative_to(root).as_posix()
            if not isinstance(content, dict) or not isinstance(content.get("shapes"), list):
                left_out.add("JSON file", "not from LabelMe: ignored", name)
                continue
            with entry(path, "image"):
                image = _read_image(path, content, images, left_out)
            if image is None:
                missing.append((path, content))
                left_out.add("annotation", f"whose image is not below {root}: left out", name)
            else:
                files.append(_read_file(path, content, image, left_out, faults))
    faults.check()
    if missing and not files:
        path, content = missing[0]
        with entry(path, "image"):
            images.find(read_member(content, "imagePath", str))
    if not files:
        raise DataError(
            "is not a LabelMe annotation file: it needs the list shapes",
            where=paths[0] if len(paths) == 1 else root,
            remedy="Name the folder that holds LabelMe's JSON files",
        )
    left_out.check_objects(any(file.shapes for file in files), src)
    note_boxes([shape for file in files for shape, _ in file.shapes], left_out)
    names = sorted({label for file in files for _, label in file.shapes} - {IGNORED})
    classes, labels = make_classes(names, where=src)
    labels[IGNORED] = IGNORE_INDEX
    converted = [
        LabelledImage(
            name=file.path.relative_to(root).with_suffix("").as_posix(),
            split=split_of_folders(file.path.relative_to(root)),
            image=file.image.file,
            suffix=file.image.suffix,
            labels=Painting(file.image.size, tuple(Item(shape, labels[label]) for shape, label in file.shapes)),
        )
        for file in files
    ]
    used = {file.image.file for file in files}
    beside = {path.with_suffix("") for path in paths}  # an image beside a file that has a copy of it
    for path in images.paths:
        without = path not in used and path.with_suffix("") not in beside
        left_out.add("image", "without annotation: left out", path.relative_to(root), without)
    return Annotations(classes, tuple(converted), (*left_out.notes(), *images.notes()))


class _Image(NamedTuple):
    """The image of a JSON file."""

    file: Path | partial[bytes]
    """The image file, or what gives the bytes in the JSON file."""
    suffix: str
    """The ending to write."""
    size: tuple[int, int]
    """(height, width) in pixels."""


@dataclass(frozen=True)
class _File:
    """A JSON file with its image and its shapes, each with its label's name."""

    path: Path
    image: _Image
    shapes: list[tuple[Shape, str]]


def _read_file(path: Path, content: dict[str, Any], image: _Image, left_out: LeftOut, faults: Faults) -> _File:
    shapes = []
    declared = is_size(content.get("imageHeight"), content.get("imageWidth"))
    for position, shape in enumerate(content["shapes"]):
        with faults, entry(path, f"shapes[{position}]"):
            label = str(read_member(shape, "label", str, int)).strip()
            figure = _read_shape(shape, image.size, path)
            if isinstance(figure, Polygons) and not declared:
                check_inside(np.concatenate(figure.outlines), image.size)
            if figure is None:
                kind = shape.get("shape_type") or "polygon"
                left_out.add("object", f"of type {kind} without an area: left out", path.name)
            else:
                shapes.append((figure, label))
    left_out.add("image", "without an object: all background", path.name, not shapes)
    return _File(path, image, shapes)


def _read_image(path: Path, content: dict[str, Any], images: ImageFiles, left_out: LeftOut) -> _Image | None:
    """The image in the JSON file, else its file; None if it does not exist.

    Raises Malformed if imagePath names another image than the one beside the file that has the file's name.
    """
    height, width = content.get("imageHeight"), content.get("imageWidth")
    if content.get("imageData"):
        try:
            return _read_copy(path, content)
        except (Malformed, DataError):
            file = _find_file(path, content, images)
            size = None if file is None else image_size(file)
            if file is None or size is None or not (size == (height, width) or not is_size(height, width)):
                raise
            left_out.add("copy", "of an image in imageData is damaged or outdated: the image file is used", path.name)
            return _Image(file, file.suffix.lower(), size)
    image = _find_file(path, content, images)
    return None if image is None else _Image(image, image.suffix.lower(), read_size(image, height, width))


def _read_copy(path: Path, content: dict[str, Any]) -> _Image:
    """The image in imageData. Raises Malformed or DataError if it is damaged or has not the declared size."""
    data = _decode(read_member(content, "imageData", str))
    with open_image(_inner_path(path, "imageData"), data) as picture:
        size, kind = shown_size(picture), str(picture.format).lower()
    check_size(size, content.get("imageHeight"), content.get("imageWidth"), "its imageData")
    return _Image(partial(_read_embedded, path), "." + {"jpeg": "jpg", "mpo": "jpg"}.get(kind, kind), size)


def _find_file(path: Path, content: dict[str, Any], images: ImageFiles) -> Path | None:
    """The image at imagePath, else the one beside the file that has its name; None if there is neither."""
    name = read_member(content, "imagePath", str)
    named = path.parent / PureWindowsPath(name).as_posix()
    image: Path | None = named
    if named.suffix.lower() not in PICTURE_SUFFIXES or not named.is_file():
        image = images.find(name, optional=True)
    own = images.beside(path)
    if own is not None and image is None:
        images.rename(name, own)
        image = own
    if image is None:
        return None
    if own is not None and image.stem.lower() != path.stem.lower():
        raise Malformed(
            f"imagePath names {image.name}, but {own.name} is beside the file and has its name",
            remedy="Correct imagePath, or rename the JSON file or the image",
        )
    return image


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
        raise Malformed(f"the {kind} has {plural(len(points), 'point')}, not 2")
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
