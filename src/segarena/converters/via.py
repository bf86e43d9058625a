"""VGG Image Annotator (robots.ox.ac.uk/~vgg/software/via), versions 1 to 3, JSON and CSV."""

from __future__ import annotations

from collections.abc import Collection
from math import degrees
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np

from segarena.annotations.annotations import (
    Annotations,
    LeftOut,
    Malformed,
    Outline,
    entry,
    read_coordinate,
    read_member,
    show,
)
from segarena.annotations.drawn import (
    NOT_LISTED,
    ONLY_CLASS,
    DrawnImage,
    check_inside,
    make_annotations,
    name_of,
    names_in,
    split_of,
    without_area,
)
from segarena.annotations.image_index import ImageFiles, split_of_file, walk
from segarena.annotations.peek import Peek, read_head
from segarena.annotations.rasterize import Ellipse, Polygons, Shape, rectangle
from segarena.annotations.reading import Faults, read_json
from segarena.converters.class_attribute import NAMES, choose_attribute, read_class
from segarena.converters.via_files import ViaImage, is_via, is_via_csv, read_content, read_csv
from segarena.errors import DataError
from segarena.formats import listing, plural
from segarena.image_files.headers import image_size

_RESIZED = ("image", "of another size in bytes than when it was annotated: check that it was not resized since")
_WITHOUT_AREA = frozenset({"point", "line", "polyline"})


def recognise_via(peek: Peek) -> str | None:
    """Return what shows that there is a file of VIA; None if nothing does."""
    for path in peek.sample(".json"):
        content = peek.json(path)
        head = peek.head(path) if content is None else ""
        if is_via(content) or '"shape_attributes"' in head:
            return f"{peek.name(path)} has images with regions, as VIA writes them"
    for path in peek.files(".csv"):
        if is_via_csv(peek.head(path)):
            return f"{peek.name(path)} has the columns of VIA"
    return None


def read_via(src: Path, class_attribute: str | None = None) -> Annotations:
    """Read VIA's JSON or CSV file, or those below a folder, with the images below the same folder.

    Class 0 is the background, then the values of the class attribute by name; without any attribute, all regions are
    foreground. Regions are in the order of the file. Points, lines and open polylines have no area and are left out.

    Args:
        src: The file or folder.
        class_attribute: The region attribute that is the class; by default the only one, or the one named class, label
            or the like.

    Raises:
        DataError: A file is not VIA's or is wrong, an image is missing, or the class is ambiguous.
    """
    root, found = _read_files(src)
    files = ImageFiles(root)
    regions = [attributes for images in found.values() for image in images for _, attributes in image.regions]
    attribute = choose_attribute(regions, class_attribute, src)
    left_out = LeftOut()
    names = list(dict.fromkeys(name for attributes in regions for name in attributes))
    if attribute == NAMES:
        which = f"used as classes by their names, because each region has one of them: {listing(names)}"
        left_out.add("attribute", which, count=len(names))
    elif len(names) > 1:
        left_out.add("attribute", f"used as the class: {attribute}")
    known = frozenset(files.paths)
    drawn: dict[Path, DrawnImage] = {}
    faults = Faults()
    for path, images in found.items():
        for image in images:
            with faults:
                with entry(path, image.filename):
                    file = _find_image(path, image.filename, files, known)
                    if file in drawn:
                        raise Malformed(
                            "this image is annotated twice, here or in another file",
                            remedy="Name the one file to read, or remove one of the two entries",
                        )
                    drawn[file] = DrawnImage(name_of(file, files), file, image_size(file), split_of(file, files))
                is_resized = image.size >= 0 and image.size != file.stat().st_size
                left_out.add(*_RESIZED, file.name, is_resized)
                drawn[file].objects = _read_regions(path, image, drawn[file].size, attribute, left_out, faults)
    faults.check()
    for unused in files.unused(drawn):
        left_out.add(*NOT_LISTED, unused)
    return make_annotations(list(drawn.values()), names_in(list(drawn.values())), left_out, files, where=src)


def _read_files(src: Path) -> tuple[Path, dict[Path, list[ViaImage]]]:
    """The folder of the images, and the images that each file annotates."""
    root = src.parent if src.is_file() else src
    found = {}
    faults = Faults()
    for path in [src] if src.is_file() else walk(src, (".json", ".csv")):
        with faults:
            if path.suffix.lower() == ".csv":
                if is_via_csv(read_head(path)):
                    found[path] = read_csv(path)
            elif is_via(content := read_json(path)):
                found[path] = read_content(path, content)
    faults.check()
    if not found:
        raise DataError(
            "has no JSON or CSV file of VIA",
            where=src,
            remedy="Export it in VIA: Annotation, Export Annotations (as json)",
        )
    return root, found


def _find_image(path: Path, name: str, files: ImageFiles, known: Collection[Path]) -> Path:
    """The image beside the file that annotates it, or else below the folder."""
    beside = path.parent / PureWindowsPath(name).name
    return beside if beside in known else files.find(name, split_of_file(path.relative_to(files.root)))


def _read_regions(
    path: Path, image: ViaImage, size: tuple[int, int], attribute: str | None, left_out: LeftOut, faults: Faults
) -> list[tuple[Shape, str]]:
    objects = []
    for position, (content, attributes) in enumerate(image.regions):
        with faults, entry(path, f"{image.filename}, region {position}"):
            shape = _read_shape(content, size)
            if shape is None:
                left_out.add(*without_area(str(content["name"])), image.filename)
            else:
                objects.append((shape, ONLY_CLASS if attribute is None else read_class(attributes, attribute)))
    return objects


def _read_shape(content: dict[str, Any], size: tuple[int, int]) -> Shape | None:
    """The shape of VIA's shape_attributes; None if it has no area."""
    kind = read_member(content, "name", str)
    if kind == "rect":
        x, y, width, height = _numbers(content, "x", "y", "width", "height")
        check_inside(np.array([(x, y), (x + width, y + height)]), size)
        return rectangle(x, y, x + width, y + height)
    if kind in ("circle", "ellipse"):
        x, y = _numbers(content, "cx", "cy")
        check_inside(np.array([(x, y)]), size)
        radius_x, radius_y = _numbers(content, *(("r", "r") if kind == "circle" else ("rx", "ry")))
        return Ellipse(x, y, radius_x, radius_y, degrees(read_coordinate(content.get("theta") or 0)))
    if kind not in ("polygon", "polyline", "point", "line", "extreme_rect"):
        raise Malformed(f"the shape {show(kind)} is unknown")
    if kind in ("point", "line"):
        return None
    outline = _read_points(content)
    if len(outline) < 3 or (kind == "polyline" and (outline[0] != outline[-1]).any()):
        return None
    check_inside(outline, size)
    if kind == "extreme_rect":
        return rectangle(*outline.min(axis=0), *outline.max(axis=0))
    return Polygons((outline,))


def _numbers(content: dict[str, Any], *keys: str) -> list[float]:
    return [read_coordinate(content.get(key)) for key in keys]


def _read_points(content: dict[str, Any]) -> Outline:
    xs, ys = (read_member(content, key, list) for key in ("all_points_x", "all_points_y"))
    if len(xs) != len(ys):
        raise Malformed(f"has {plural(len(xs), 'value')} of x and {len(ys)} of y")
    return np.array([[read_coordinate(x), read_coordinate(y)] for x, y in zip(xs, ys, strict=True)]).reshape(-1, 2)
