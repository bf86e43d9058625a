"""The files that VIA writes, of its versions 1 to 3, as one list of images with their regions."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from segarena.annotations.annotations import Malformed, entry, read_member, show
from segarena.annotations.reading import Faults, read_rows
from segarena.errors import DataError
from segarena.texts import decode_text

#: The numbers of VIA 3 for shapes (_via_metadata.js), by the names of VIA 2 for them.
_SHAPES = {1: "point", 2: "rect", 3: "circle", 4: "ellipse", 5: "line", 6: "polyline", 7: "polygon", 8: "extreme_rect"}
#: What the numbers of VIA 3 for a shape are, by the names of VIA 2 for them; of other shapes they are corners.
_NUMBERS = {3: ("cx", "cy", "r"), 2: ("x", "y", "width", "height"), 4: ("cx", "cy", "rx", "ry", "theta")}
_VIDEO = 4  # VIA 3's number for a file's type
_SEVERAL_VALUES = 2  # VIA 3's number for an attribute of boxes to tick
_COLUMNS = {"filename", "region_shape_attributes", "region_attributes"}
_COLUMNS_3 = ["metadata_id", "file_list", "flags", "temporal_coordinates", "spatial_coordinates", "metadata"]


@dataclass
class ViaImage:
    """An image as VIA has it."""

    filename: str
    size: int = -1
    """Of the file when it was annotated, in bytes; -1 if it is unknown."""
    regions: list[tuple[dict[str, Any], dict[str, Any]]] = field(default_factory=list)
    """The shape (VIA 2's shape_attributes) and the attributes of each region."""


def is_via(content: Any) -> bool:
    """Whether the content of a JSON file was written by VIA, as a table or, by scripts, as a list of its values."""
    if isinstance(content, list):
        content = dict(enumerate(content))
    if not isinstance(content, dict) or not content:
        return False
    if "_via_img_metadata" in content or {"project", "file", "view", "metadata"} <= set(content):
        return True
    return all(isinstance(each, dict) and {"filename", "regions"} <= set(each) for each in content.values())


def is_via_csv(text: str) -> bool:
    """Whether a CSV file, or its beginning, was written by VIA."""
    first = text.lstrip("\ufeff#").partition("\n")[0]
    return set(first.strip().split(",")) >= _COLUMNS or "# CSV_HEADER = metadata_id,file_list" in text[:65536]


def read_content(path: Path, content: Any) -> list[ViaImage]:
    """Return the images of a JSON file of VIA. Raises DataError."""
    if isinstance(content, dict) and "_via_img_metadata" in content:
        with entry(path, "project"):
            content = read_member(content, "_via_img_metadata", dict)
    elif isinstance(content, dict) and {"project", "file", "view", "metadata"} <= set(content):
        return _read_version_3(path, content)
    images = []
    faults = Faults()
    for key, image in enumerate(content) if isinstance(content, list) else content.items():
        with faults, entry(path, str(key)):
            regions = read_member(image, "regions", dict, list)
            pairs = [
                (read_member(region, "shape_attributes", dict), read_member(region, "region_attributes", dict))
                for region in (regions.values() if isinstance(regions, dict) else regions)
            ]
            size = image.get("size", -1)
            images.append(ViaImage(read_member(image, "filename", str), size if type(size) is int else -1, pairs))
    faults.check()
    return images


def read_csv(path: Path) -> list[ViaImage]:
    """Return the images of a CSV file of VIA. Raises DataError."""
    try:
        text = decode_text(path.read_bytes())
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot be read ({error})", where=path, remedy="Check the file and its permissions") from error
    if "# CSV_HEADER = " in text[:65536]:
        return _read_csv_3(path, text)
    images: dict[str, ViaImage] = {}
    faults = Faults()
    for position, row in read_rows(path, text.lstrip("#")):
        with faults, entry(path, f"line {position}"):
            name, size = read_member(row, "filename", str), str(row.get("file_size", ""))
            image = images.setdefault(name, ViaImage(name, int(size) if size.isdecimal() else -1))
            shape = _decode(read_member(row, "region_shape_attributes", str))
            if shape:
                image.regions.append((shape, _decode(read_member(row, "region_attributes", str))))
    faults.check()
    return list(images.values())


def _decode(text: str) -> dict[str, Any]:
    try:
        content = json.loads(text or "{}")
    except (ValueError, RecursionError) as error:
        raise Malformed(f"{show(text)} is not JSON") from error
    if not isinstance(content, dict):
        raise Malformed(f"{show(text)} is not a table in JSON")
    return content


# Version 3


def _read_version_3(path: Path, content: dict[str, Any]) -> list[ViaImage]:
    with entry(path, "project"):
        files, views = read_member(content, "file", dict), read_member(content, "view", dict)
        regions, attributes = read_member(content, "metadata", dict), content.get("attribute") or {}
    images: dict[str, ViaImage] = {}
    faults = Faults()
    for key, view in views.items():
        with faults, entry(path, f"view {key}"):
            numbers = read_member(view, "fid_list", list)
            if len(numbers) != 1:
                raise Malformed(f"has {len(numbers)} files, not one image", remedy="Show each image in its own view")
            file = read_member(files, str(numbers[0]), dict)
            if file.get("type") == _VIDEO:
                raise Malformed(f"{show(file.get('fname'))} is a video", remedy="Save its frames as images first")
            images[key] = ViaImage(read_member(file, "fname", str))
    for key, region in regions.items():
        with faults, entry(path, f"metadata {key}"):
            view = str(read_member(region, "vid", str, int))
            if view not in views:
                raise Malformed(f"the view {view!r} does not exist")
            image = images.get(view) or ViaImage("")  # of a view that is wrong, its regions are looked at as well
            _add_region_3(image, region.get("xy"), region.get("z"), region.get("av"), attributes)
    faults.check()
    return list(images.values())


def _read_csv_3(path: Path, text: str) -> list[ViaImage]:
    lines = text.splitlines()
    with entry(path, "# ATTRIBUTE"):
        heads = (line.partition(" = ") for line in lines if line.startswith("# ATTRIBUTE"))
        attributes = _decode(next((rest for _, _, rest in heads), "{}"))
    images: dict[str, ViaImage] = {}
    faults = Faults()
    content = "\n".join(line for line in lines if not line.startswith("#"))
    for position, row in read_rows(path, content, columns=_COLUMNS_3):
        with faults, entry(path, f"row {position}"):
            names, place = (_decode_list(row.get(key) or "[]") for key in ("file_list", "spatial_coordinates"))
            if len(names) != 1 or not isinstance(names[0], str):
                raise Malformed(f"{show(names)} is not one image")
            image = images.setdefault(names[0], ViaImage(names[0]))
            moment = _decode_list(row.get("temporal_coordinates") or "[]")
            _add_region_3(image, place, moment, _decode(row.get("metadata") or "{}"), attributes)
    faults.check()
    return list(images.values())


def _decode_list(text: str) -> list[Any]:
    content = _decode(f'{{"list": {text}}}').get("list")
    if not isinstance(content, list):
        raise Malformed(f"{show(text)} is not a list")
    return content


def _add_region_3(image: ViaImage, xy: Any, z: Any, values: Any, attributes: dict[str, Any]) -> None:
    """Add a region of VIA 3 to its image in the words of VIA 2."""
    if z:
        raise Malformed(f"is at the time {show(z)} of a video", remedy="Save the frames as images first")
    if not xy:  # attributes of the whole image
        return
    if not isinstance(xy, list) or type(xy[0]) is not int or xy[0] not in _SHAPES:
        raise Malformed(f"the shape {show(xy)} is unknown")
    number, numbers = xy[0], xy[1:]
    shape: dict[str, Any] = {"name": _SHAPES[number], "all_points_x": numbers[::2], "all_points_y": numbers[1::2]}
    shape |= dict(zip(_NUMBERS.get(number, ()), numbers, strict=False))
    named: dict[str, Any] = {}
    for key, value in (values if isinstance(values, dict) else {}).items():
        attribute = attributes.get(key)
        if not isinstance(attribute, dict) or not isinstance(attribute.get("options", {}), dict):
            raise Malformed(f"the attribute {show(key)} is {show(attribute)}")
        options = attribute.get("options", {})
        words = str(value).split(",") if attribute.get("type") == _SEVERAL_VALUES else [str(value)]
        options_chosen = [str(options.get(word, word)) for word in words if word]
        named[str(attribute.get("aname", key))] = (
            dict.fromkeys(options_chosen, True) if len(options_chosen) > 1 else "".join(options_chosen)
        )
    image.regions.append((shape, named))
