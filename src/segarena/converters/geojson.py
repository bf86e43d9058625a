"""GeoJSON with coordinates in pixels, as QuPath exports it (qupath.readthedocs.io, Exporting annotations).

A file for each image, named as the image: `slide1.geojson` or `slide1.tif.geojson`. `shapely` (BSD) is not used:
it does not paint pixels.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from pathlib import Path, PurePath
from typing import Any

from segarena.annotations.annotations import (
    Annotations,
    Color,
    LeftOut,
    Malformed,
    Outline,
    entry,
    read_member,
    read_outline,
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
from segarena.annotations.image_index import ImageFiles, walk
from segarena.annotations.peek import Peek
from segarena.annotations.rasterize import Polygons, Shape
from segarena.annotations.reading import Faults, read_all, read_json
from segarena.converters.class_attribute import NAMES, choose_attribute, is_missing, read_class
from segarena.errors import DataError
from segarena.image_files.headers import image_size

_ENDINGS = (".geojson", ".json")
_NO_AREA = frozenset({"Point", "MultiPoint", "LineString", "MultiLineString"})
_CLASS = "classification"
#: Properties of QuPath's objects that are not a class.
_NO_CLASS = frozenset(
    {"objectType", "isLocked", "measurements", "name", "color", "object_type", "metadata", "isEllipse"}
)


def recognise_geojson(peek: Peek) -> str | None:
    """Return what shows that there is GeoJSON; None if nothing does."""
    for path in peek.sample(".geojson") or peek.sample(".json"):
        content = peek.json(path)
        head = peek.head(path)[:4096] if content is None else ""
        if _find_features(content) or ('"Feature' in head and '"geometry"' in head):
            return f"{peek.name(path)} has features with a geometry"
    return None


def read_geojson(src: Path, class_attribute: str | None = None) -> Annotations:
    """Read a GeoJSON file, or those below a folder, with the images below the same folder.

    Class 0 is the background, then the classifications by name, in their colours. Without classifications the class is
    a property of the features; without properties, all objects are foreground. Objects are in the order of the file.
    Points and lines have no area and are left out. Folders named train, val and test are splits.

    Args:
        src: The file or folder.
        class_attribute: The property that is the class.

    Raises:
        DataError: A file is not GeoJSON or is wrong, an image is missing, or the class is ambiguous.
    """
    root, contents = _read_files(src)
    files = ImageFiles(root)
    features = [(path, position, each) for path, found in contents.items() for position, each in enumerate(found)]
    attribute = _choose(features, class_attribute, src)
    left_out = LeftOut()
    drawn: dict[Path, DrawnImage] = {}
    by_file: dict[Path, DrawnImage] = {}
    faults = Faults()
    named: dict[str, list[Path]] = defaultdict(list)
    for image in files.paths:
        named[image.name].append(image)
        named[image.stem].append(image)
    images = frozenset(files.unused(()))  # without those in folders for masks
    for path in contents:
        with faults, entry(path, "image"):
            file = _find_image(path, files, named, images)
            if file in drawn:
                raise Malformed(f"{file.name} is annotated by another file, too", remedy="Remove one of the two files")
            drawn[file] = by_file[path] = DrawnImage(
                name_of(file, files), file, image_size(file), split_of(file, files)
            )
    faults.check()
    colors: dict[str, Color] = {}
    for path, position, feature in features:
        with faults, entry(path, f"features[{position}]"):
            shapes = _read_geometry(read_member(feature, "geometry", dict), by_file[path], left_out)
            if not shapes:
                continue
            name = ONLY_CLASS if attribute is None else _read_name(feature, attribute)
            if attribute == _CLASS and (color := _read_color(feature)) is not None:
                colors[name] = color
            by_file[path].objects += [(shape, name) for shape in shapes]
    faults.check()
    for unused in files.unused(drawn):
        left_out.add(*NOT_LISTED, unused)
    found = list(drawn.values())
    return make_annotations(found, names_in(found), left_out, files, where=src, colors=colors)


# Files


def _find_features(content: Any) -> list[Any]:
    """The features of a FeatureCollection, a list of features or a single one; empty if it is none of them."""
    if isinstance(content, dict):
        content = content.get("features") if content.get("type") == "FeatureCollection" else [content]
    if (
        isinstance(content, list)
        and content
        and all(isinstance(f, dict) and f.get("type") == "Feature" for f in content)
    ):
        return content
    return []


def _is_geojson(content: Any) -> bool:
    empty = isinstance(content, dict) and content.get("type") == "FeatureCollection" and content.get("features") == []
    return empty or bool(_find_features(content))


def _read_files(src: Path) -> tuple[Path, dict[Path, list[Any]]]:
    """The folder of the images, and the features of each file."""
    root = src.parent if src.is_file() else src
    contents = read_all([src] if src.is_file() else walk(src, _ENDINGS), read_json)
    found = {path: _find_features(content) for path, content in contents.items() if _is_geojson(content)}
    if not found:
        raise DataError(
            "has no GeoJSON file",
            where=src,
            remedy="Export one for each image (QuPath: File, Export)",
        )
    return root, found


def _find_image(path: Path, files: ImageFiles, named: Mapping[str, list[Path]], images: Collection[PurePath]) -> Path:
    """The image that a file is named for: in its folder, or else among the images below the root, or among all files.

    Args:
        path: The file.
        files: All image files.
        named: Those of each name, with and without an ending.
        images: Those in no folder for masks, as paths below the root.
    """
    name = path.name.removesuffix(path.suffix)
    both = named.get(name, [])
    found = [file for file in both if file.parent == path.parent]
    found = found or [file for file in both if file.relative_to(files.root) in images] or both
    if len(found) == 1:
        return found[0]
    if found:
        raise Malformed(f"the file could belong to {found[0]} or {found[1]}", remedy="Move one of the images away")
    raise Malformed(
        f"no image below {files.root} is named {name!r}",
        remedy="Name it as its image: slide1.geojson for slide1.png",
    )


# Features


def _choose(features: list[tuple[Path, int, Any]], chosen: str | None, src: Path) -> str | None:
    """The property that is the class; QuPath's classification comes first."""
    properties = [feature.get("properties") or {} for _, _, feature in features]
    with_class = any(isinstance(each, dict) and not is_missing(each.get(_CLASS)) for each in properties)
    if chosen is None and with_class:
        return _CLASS
    tables = [each for each in properties if isinstance(each, dict)]
    others = [{key: value for key, value in each.items() if key not in _NO_CLASS} for each in tables]
    return choose_attribute(others if chosen is None else tables, chosen, src)


def _read_name(feature: dict[str, Any], attribute: str) -> str:
    properties = read_member(feature, "properties", dict)
    value = properties.get(attribute)
    if attribute == _CLASS and isinstance(value, dict):
        names = value.get("names")  # of a class derived from others, as Tumor: Positive
        name = ": ".join(map(str, names)) if isinstance(names, list) else value.get("name")
        return read_class({attribute: name}, attribute)
    if attribute == NAMES:
        properties = {key: each for key, each in properties.items() if key not in _NO_CLASS}
    return read_class(properties, attribute)


def _read_color(feature: dict[str, Any]) -> Color | None:
    """The colour of QuPath's classification: a list, or in former versions one number."""
    value = feature["properties"].get(_CLASS) if isinstance(feature.get("properties"), dict) else None
    if not isinstance(value, dict):
        return None
    color, number = value.get("color"), value.get("colorRGB")
    if isinstance(color, list) and len(color) == 3 and all(type(part) is int and 0 <= part < 256 for part in color):
        return color[0], color[1], color[2]
    if type(number) is int:
        return number >> 16 & 255, number >> 8 & 255, number & 255
    return None


def _read_geometry(geometry: dict[str, Any], image: DrawnImage, left_out: LeftOut) -> list[Shape]:
    kind = read_member(geometry, "type", str)
    if kind in _NO_AREA:
        left_out.add(*without_area(kind), image.file.name)
        return []
    if kind == "GeometryCollection":
        parts = read_member(geometry, "geometries", list)
        return [shape for part in parts for shape in _read_geometry(part, image, left_out)]
    if kind not in ("Polygon", "MultiPolygon"):
        raise Malformed(f"the geometry {show(kind)} is unknown")
    coordinates = read_member(geometry, "coordinates", list)
    shapes: list[Shape] = []
    for rings in [coordinates] if kind == "Polygon" else coordinates:
        if not isinstance(rings, list) or not rings:
            raise Malformed(f"the polygon {show(rings)} has no ring")
        outer, *holes = (_read_ring(ring) for ring in rings)
        if len(outer) > 2:
            check_inside(outer, image.size)
            shapes.append(Polygons((outer,), tuple(hole for hole in holes if len(hole) > 2)))
    return shapes


def _read_ring(ring: object) -> Outline:
    if not isinstance(ring, list) or not all(isinstance(point, list) and len(point) in (2, 3) for point in ring):
        raise Malformed(f"the ring {show(ring)} is not a list of x and y")
    return read_outline([value for point in ring for value in point[:2]])
