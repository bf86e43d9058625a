"""Label Studio's JSON export (labelstud.io, Export formats): polygons, brushes, rectangles and ellipses in percent."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np

from segarena.annotations.annotations import (
    Annotations,
    LeftOut,
    Malformed,
    check_size,
    entry,
    read_coordinate,
    read_member,
    show,
)
from segarena.annotations.drawn import (
    NOT_LISTED,
    DrawnImage,
    make_annotations,
    name_of,
    names_in,
    split_of,
    without_area,
)
from segarena.annotations.image_index import ImageFiles, find_annotation_files
from segarena.annotations.peek import Peek
from segarena.annotations.rasterize import Ellipse, Polygons, Shape, rectangle
from segarena.annotations.reading import Faults, read_all, read_json
from segarena.converters.brush import decode_brush, read_bitmask
from segarena.converters.pixel_runs import PixelRuns
from segarena.errors import DataError
from segarena.formats import listing
from segarena.image_files.headers import image_size
from segarena.image_files.images import PICTURE_SUFFIXES

_SKIPPED = ("task", "without an annotation, or skipped: left out")
_SEVERAL = ("task", "with several annotations: the ground truth of it, or else the first one, is used")
_OPEN = ("polygon", "that is not closed: left out")
#: What Label Studio puts before the name of an uploaded file: 1a2b3c4d-photo.jpg.
_UPLOAD = re.compile(r"^[0-9a-zA-Z]+-(?=.)")
#: Results that are about the whole image, or about other results.
_NO_REGION = frozenset({"relation", "choices", "textarea", "number", "rating", "taxonomy", "pairwise", "datetime"})
_PNG = "data:image/png;base64,"


def recognise_label_studio(peek: Peek) -> str | None:
    """Return what shows that there is an export of Label Studio; None if nothing does."""
    for path in peek.sample(".json"):
        content = peek.json(path)
        head = peek.head(path) if content is None else ""
        if _tasks(content) or (head.lstrip().startswith("[") and '"annotations"' in head and '"to_name"' in head):
            return f"{peek.name(path)} is a list of tasks with annotations"
    return None


def read_label_studio(src: Path) -> Annotations:
    """Read the JSON file of an export, or those below a folder, with the images below the same folder.

    Class 0 is the background, then the labels by name. Of a task's annotations, those that were cancelled are left out;
    of several, the one marked as ground truth is used, else the first. A brush covers what is at least half opaque. Key
    points have no area and are left out. Raises DataError.
    """
    root, paths = find_annotation_files(src, ".json")
    contents = read_all(paths, read_json)
    exports = {path: tasks for path, content in contents.items() if (tasks := _tasks(content))}
    if not exports:
        raise DataError(
            "is not a JSON export of Label Studio, which is a list of tasks with annotations",
            where=paths[0] if len(paths) == 1 else root,
            remedy="Export the project in the format JSON (not JSON-MIN), and name that file",
        )
    files = ImageFiles(root)
    left_out = LeftOut()
    drawn: dict[Path, DrawnImage] = {}
    faults = Faults()
    for path, tasks in exports.items():
        for position, task in enumerate(tasks):
            with faults:
                with entry(path, f"task {task.get('id', position)}"):
                    annotation = _choose(task, task.get("id", position), left_out)
                    if annotation is None:
                        continue
                    file = _find_image(task, annotation["result"], files)
                    if file in drawn:
                        raise Malformed(
                            f"{file.name} is in another task, too",
                            remedy="Remove one of the two tasks, or name one file",
                        )
                    drawn[file] = DrawnImage(name_of(file, files), file, image_size(file), split_of(file, files))
                for number, result in enumerate(results := annotation["result"]):
                    with faults, entry(path, f"task {task.get('id', position)}, result {number}"):
                        _add_object(drawn[file], result, results, left_out, path)
    faults.check()
    if not drawn:
        raise DataError("has no task with an annotation", where=src, remedy="Label some images, and export them again")
    for unused in files.unused(drawn):
        left_out.add(*NOT_LISTED, unused)
    return make_annotations(list(drawn.values()), names_in(list(drawn.values())), left_out, files, where=src)


def _tasks(content: Any) -> list[dict[str, Any]]:
    """The tasks of an export, or the one of a file in target storage, which is an annotation with its task in it."""
    if isinstance(content, dict) and isinstance(content.get("result"), list) and isinstance(content.get("task"), dict):
        content = [{**content["task"], "annotations": [content]}]
    is_export = (
        isinstance(content, list)
        and all(isinstance(task, dict) and isinstance(task.get("data"), dict) for task in content)
        and any(isinstance(task.get("annotations", task.get("completions")), list) for task in content)
    )
    return content if is_export else []


# Tasks


def _choose(task: dict[str, Any], number: object, left_out: LeftOut) -> dict[str, Any] | None:
    """The annotation of a task that is used, if there is one."""
    annotations = task.get("annotations", task.get("completions")) or []
    if not isinstance(annotations, list):
        raise Malformed(f"its annotations are {show(annotations)}")
    for annotation in annotations:
        read_member(annotation, "result", list)
    done = [annotation for annotation in annotations if not annotation.get("was_cancelled")]
    if not done:
        left_out.add(*_SKIPPED, number)
        return None
    left_out.add(*_SEVERAL, number, len(done) > 1)
    chosen: dict[str, Any] = next((annotation for annotation in done if annotation.get("ground_truth")), done[0])
    return chosen


def _find_image(task: dict[str, Any], results: list[Any], files: ImageFiles) -> Path:
    """The image of a task: by its name, or without what Label Studio puts before it.

    Of several images it is the one that the results are of, by the name in their `to_name`, else the one named image.
    """
    addresses = {key: _image_name(value) for key, value in task["data"].items() if isinstance(value, str)}
    named = {key: name for key, name in addresses.items() if PurePosixPath(name).suffix.lower() in PICTURE_SUFFIXES}
    names = list(dict.fromkeys(named.values()))
    if len(names) > 1:
        regions = [each for each in results if isinstance(each, dict) and each.get("type") not in _NO_REGION]
        drawn_on = list(dict.fromkeys(str(each["to_name"]) for each in regions if "to_name" in each))
        if len(drawn_on) > 1:
            raise Malformed(
                f"its regions are drawn on several images: {listing(drawn_on)}",
                remedy="Make a task of each image, e.g. with a script that divides the export by to_name",
            )
        key = next((key for key in (*drawn_on, "image") if key in named), None)
        names = names if key is None else [named[key]]
    if len(names) != 1:
        what = f"several: {listing(names)}" if names else f"none: {show(task['data'])}"
        raise Malformed(f"its data should name one image, and names {what}")
    path = PurePosixPath(names[0])
    try:
        return files.find(names[0])
    except Malformed:
        shorter = path.with_name(_UPLOAD.sub("", path.name))
        if shorter == path:
            raise
        return files.find(shorter.name)


def _image_name(address: str) -> str:
    """The path in an address: /data/upload/1/ab-x.jpg, /data/local-files/?d=x.jpg, s3://bucket/x.jpg, https://..."""
    parts = urlsplit(address)
    inner = parse_qs(parts.query).get("d", [])
    return inner[0] if inner and parts.path.rstrip("/").endswith("local-files") else unquote(parts.path)


# Objects


def _add_object(image: DrawnImage, result: Any, results: list[Any], left_out: LeftOut, path: Path) -> None:
    kind = read_member(result, "type", str) if isinstance(result, dict) and "value" in result else "relation"
    if kind == "labels" and _twin(result, results) is not None:  # its shape is a result of its own, with the same id
        return
    if kind in _NO_REGION:
        return
    value = read_member(result, "value", dict)
    labels = _labels(value) or _labels((_twin(result, results) or {}).get("value"))
    if kind.startswith("keypoint"):
        left_out.add(*without_area("keypoint"), image.file.name)
        return
    check_size(image.size, result.get("original_height"), result.get("original_width"), image.file)
    if result.get("image_rotation"):
        raise Malformed(
            f"the image was rotated by {show(result['image_rotation'])} degrees when it was annotated",
            remedy="Rotate the image file itself, and annotate it again",
        )
    if not labels:
        raise Malformed("it has no label", remedy="Give it a label in Label Studio, or remove it")
    if len(labels) > 1:
        raise Malformed(f"it has several labels: {listing(labels)}", remedy="Leave it one of them")
    if value.get("closed") is False:
        left_out.add(*_OPEN, image.file.name)
        return
    shape = _read_shape(value, image.size, path)
    if shape is None:
        left_out.add(*without_area(kind), image.file.name)
    else:
        image.objects.append((shape, labels[0]))


def _twin(result: dict[str, Any], results: list[Any]) -> dict[str, Any] | None:
    """The other result of the same region: one of the two is the shape, the other one its labels."""
    for other in results:
        if isinstance(other, dict) and other is not result and other.get("id") == result.get("id") is not None:
            return other
    return None


def _labels(value: object) -> list[str]:
    if not isinstance(value, dict):
        return []
    found = [names for key, names in value.items() if key.endswith("labels") and isinstance(names, list)]
    return [str(name) for names in found for name in names]


def _read_shape(value: dict[str, Any], size: tuple[int, int], path: Path) -> Shape | None:
    """The shape of a result's value; None if it has no area."""
    height, width = size
    across, down = width / 100, height / 100
    if "points" in value:
        points = read_member(value, "points", list)
        if not all(isinstance(point, list) and len(point) == 2 for point in points):
            raise Malformed(f"the points {show(points)} are not pairs of x and y")
        corners = np.array([[read_coordinate(x) * across, read_coordinate(y) * down] for x, y in points])
        return Polygons((corners.reshape(-1, 2),)) if len(corners) > 2 else None
    if "rle" in value:
        return PixelRuns.of(decode_brush(read_member(value, "rle", list), height, width))
    if any(str(part).startswith(_PNG) for part in value.values()):
        text = next(str(part) for part in value.values() if str(part).startswith(_PNG))
        return PixelRuns.of(read_bitmask(text.removeprefix(_PNG), size, path))
    degrees = read_coordinate(value.get("rotation") or 0)
    x, y = read_coordinate(value.get("x")) * across, read_coordinate(value.get("y")) * down
    if "radiusX" in value:
        radius_x, radius_y = read_coordinate(value["radiusX"]) * across, read_coordinate(value.get("radiusY")) * down
        return Ellipse(x, y, radius_x, radius_y, degrees)
    right = x + read_coordinate(value.get("width")) * across
    bottom = y + read_coordinate(value.get("height")) * down
    return _turned_rectangle(x, y, right, bottom, degrees)


def _turned_rectangle(left: float, top: float, right: float, bottom: float, degrees: float) -> Polygons:
    """A rectangle that is turned clockwise around its left upper corner, as Label Studio turns it."""
    (corners,) = rectangle(left, top, right, bottom, degrees).outlines
    return Polygons((corners - corners[0] + (left, top),))
