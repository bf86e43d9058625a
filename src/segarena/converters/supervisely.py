"""Supervisely's project folder (developer.supervisely.com, Annotation format): polygons with holes, and bitmaps.

A project has a meta.json with the classes, and data sets: folders with `img/` and `ann/`, a JSON file for each image.
The `supervisely` package (Apache 2.0) is not used: it brings OpenCV and some 60 other packages.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segarena.annotations.annotations import (
    Annotations,
    Color,
    LeftOut,
    Malformed,
    Outline,
    check_size,
    entry,
    read_coordinate,
    read_member,
    read_outline,
    show,
)
from segarena.annotations.drawn import (
    DrawnImage,
    make_annotations,
    name_of,
    names_in,
    split_of,
    without_area,
)
from segarena.annotations.image_index import ImageFiles, walk
from segarena.annotations.peek import Peek
from segarena.annotations.rasterize import Cover, Patch, Polygons, Region, Shape, rectangle
from segarena.annotations.reading import Faults, read_json
from segarena.errors import DataError
from segarena.formats import listing, plural
from segarena.image_files.headers import image_size
from segarena.image_files.image_io import decode, open_image

_NO_AREA = frozenset({"point", "line", "polyline", "graph", "cuboid", "keypoint"})
_UNLABELLED = ("image", "without a file in ann/: left out")
_TAGGED = ("tag", "of images or objects: left out")
_MOST_BYTES = 1 << 28  # that the PNG of a bitmap may unpack to


def recognise_supervisely(peek: Peek) -> str | None:
    """Return what shows that there is a project of Supervisely; None if nothing does."""
    for path in peek.files(".json"):
        if path.parent.name == "ann":
            content = peek.json(path)
            is_annotation = isinstance(content, dict) and {"size", "objects"} <= set(content)
            return f"{peek.name(path)} has a size and objects, in a folder ann" if is_annotation else None
    return None


def read_supervisely(src: Path) -> Annotations:
    """Read a project: the folder of meta.json, or that file, or one of its data sets.

    Class 0 is the background, then the classes of meta.json in their order and colours; without that file, by name.
    Objects are in the order of the file, as in Supervisely. Coordinates are numbers of pixels: the corner (2, 1) is the
    centre of that pixel, and a rectangle includes its last row and column. Points, lines and graphs have no area and
    are left out. Folders named train, val and test are splits. Raises DataError.
    """
    root = src.parent if src.is_file() else src
    root = root.parent if root.name == "ann" else root
    meta = _find_meta(root)
    project = root if meta is None or meta.parent in root.parents else meta.parent
    names, colors = (None, {}) if meta is None else _read_classes(meta)
    files = ImageFiles(project)
    left_out = LeftOut()
    images: list[DrawnImage] = []
    beside: dict[Path, list[Path]] = defaultdict(list)
    for path in files.paths:
        beside[path.parent].append(path)
    faults = Faults()
    for path in _find_files(project):
        with faults:
            content = read_json(path)
            with entry(path, "image"):
                image = _find_image(path, beside, files)
                size = image_size(image)
                declared = read_member(content, "size", dict)
                check_size(size, declared.get("height"), declared.get("width"), image)
                items = read_member(content, "objects", list)
            drawn = DrawnImage(name_of(image, files), image, size, split_of(image, files))
            tags = content.get("tags")
            left_out.add(*_TAGGED, image.name, len(tags) if isinstance(tags, list) else 0)
            for position, item in enumerate(items):
                with faults, entry(path, f"objects[{position}]"):
                    name = read_member(item, "classTitle", str)
                    if names is not None and name not in names:
                        raise Malformed(f"the class {name!r} is not in meta.json")
                    shape = _read_shape(item, path)
                    if shape is None:
                        left_out.add(*without_area(item["geometryType"]), image.name)
                    else:
                        drawn.objects.append((shape, name))
            images.append(drawn)
    faults.check()
    if not images:
        raise DataError(
            "has no JSON file in a folder ann", where=project, remedy="Download the project with its annotations"
        )
    for file in files.unused({drawn.file for drawn in images}):
        left_out.add(*_UNLABELLED, file)
    if names is None:
        names = names_in(images)
        left_out.add("class", "in the order of the names: there is no meta.json", count=len(names))
    return make_annotations(images, names, left_out, files, where=meta or root, colors=colors)


# Files


def _find_meta(root: Path) -> Path | None:
    """The file of the classes, if there is one."""
    if (root / "meta.json").is_file():
        return root / "meta.json"
    above = root.parent / "meta.json"  # a data set may be named
    if above.is_file() and _is_meta(read_json(above)):
        return above
    found = [path for path in walk(root, [".json"]) if path.name == "meta.json" and _is_meta(read_json(path))]
    if len(found) > 1:
        raise DataError(
            f"has {len(found)} projects: {listing([path.parent.name for path in found])}",
            where=root,
            remedy="Name the folder of one project, which holds its meta.json",
        )
    return found[0] if found else None


def _is_meta(content: Any) -> bool:
    return isinstance(content, dict) and isinstance(content.get("classes"), list)


def _find_files(project: Path) -> Iterator[Path]:
    """The annotation files of a project."""
    return (path for path in walk(project, [".json"]) if path.parent.name == "ann")


def _find_image(path: Path, beside: dict[Path, list[Path]], files: ImageFiles) -> Path:
    """The image of ann/NAME.jpg.json, or, in projects of the old format, of ann/NAME.json."""
    folder = path.parent.parent / "img"
    name = path.name.removesuffix(".json")
    images = beside.get(folder, [])
    found = [image for image in images if image.name == name] or [image for image in images if image.stem == name]
    return found[0] if len(found) == 1 else files.find(name)


def _read_classes(meta: Path) -> tuple[list[str], dict[str, Color]]:
    """The names of all classes that have an area, in their order, and their colours."""
    content = read_json(meta)
    if not _is_meta(content):
        raise DataError("has no list of classes", where=meta, remedy="Download the project again")
    names: list[str] = []
    colors: dict[str, Color] = {}
    for position, item in enumerate(content["classes"]):
        with entry(meta, f"classes[{position}]"):
            name = read_member(item, "title", str)
            if item.get("shape") in _NO_AREA:
                continue
            names.append(name)
            digits = str(item.get("color", "")).removeprefix("#")
            if len(digits) == 6 and set(digits.lower()) <= set("0123456789abcdef"):
                red, green, blue = bytes.fromhex(digits)
                colors[name] = (red, green, blue)
    return names, colors


# Shapes


def _read_shape(item: dict[str, Any], path: Path) -> Shape | None:
    """The shape of an object; None if it has no area."""
    kind = read_member(item, "geometryType", str)
    if kind in _NO_AREA:
        return None
    if kind == "bitmap":
        bitmap = read_member(item, "bitmap", dict)
        origin = read_member(bitmap, "origin", list)
        if len(origin) != 2:
            raise Malformed(f"the origin {show(origin)} is not x and y")
        left, top = (round(read_coordinate(value)) for value in origin)
        region = _read_bitmap(read_member(bitmap, "data", str), path)
        return _Bitmap(np.packbits(region, axis=1), region.shape[1], top, left)
    if kind not in ("polygon", "rectangle"):
        raise Malformed(f"the geometryType {show(kind)} is unknown")
    points = read_member(item, "points", dict)
    exterior = _read_points(read_member(points, "exterior", list))
    if kind == "rectangle":
        if len(exterior) != 2:
            raise Malformed(f"the rectangle has {plural(len(exterior), 'corner')}, not 2")
        (left, top), (right, bottom) = exterior.min(axis=0), exterior.max(axis=0)
        return rectangle(left, top, right + 1, bottom + 1)
    holes = [_read_points(hole) for hole in read_member({"interior": [], **points}, "interior", list)]
    if len(exterior) < 3:
        return None
    return Polygons((_centres(exterior),), tuple(_centres(hole) for hole in holes if len(hole) > 2))


@dataclass(frozen=True)
class _Bitmap(Shape):
    """A region of pixels as bits, (h, w / 8), with its first pixel at row `top` and column `left`."""

    bits: NDArray[np.uint8]
    width: int
    top: int
    left: int

    def cover(self, height: int, width: int) -> Cover:
        region = np.unpackbits(self.bits, axis=1, count=self.width).astype(np.bool_)
        return Patch(region, self.top, self.left).cover(height, width)


def _read_points(points: object) -> Outline:
    if not isinstance(points, list) or not all(isinstance(point, list) and len(point) == 2 for point in points):
        raise Malformed(f"the points {show(points)} are not pairs of x and y")
    return read_outline([value for point in points for value in point])


def _centres(outline: Outline) -> Outline:
    """Numbers of pixels as the places of their centres; what has a fraction is a place already."""
    return outline + 0.5 if (outline == np.floor(outline)).all() else outline


def _read_bitmap(text: str, path: Path) -> Region:
    """A PNG, packed by zlib, in base64. Source: Bitmap.base64_2_data of Supervisely's SDK."""
    try:
        unpacker = zlib.decompressobj()
        content = unpacker.decompress(base64.b64decode(text), _MOST_BYTES)
    except (binascii.Error, ValueError, zlib.error) as error:
        raise Malformed(f"the bitmap cannot be unpacked ({error})") from error
    if not unpacker.eof:
        raise Malformed("the bitmap cannot be unpacked: it ends too early, or is too large")
    where = path.with_name(f"{path.name} (bitmap)")
    with open_image(where, content) as undecoded:
        pixels = np.asarray(decode(undecoded, where).convert(_mode(undecoded)))
    region: Region = (pixels[..., 3] if pixels.ndim == 3 else pixels) > 0
    return region


def _mode(image: Image.Image) -> str:
    """The mode in which the pixels of an object differ from the others: by their opacity, else by their value."""
    return "RGBA" if "A" in image.getbands() or "transparency" in image.info else "L"
