"""Formats that are recognised and not read: what they are, and what to export in their place."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from segarena.annotations.image_index import walk
from segarena.annotations.peek import Peek
from segarena.converters.yolo import find_labels


@dataclass(frozen=True)
class Foreign:
    """Annotations that no converter reads."""

    evidence: str
    """The file and what it is, as a phrase: "a.json is Darwin JSON of V7"."""
    remedy: str
    """What to export or run instead."""


def find_foreign(peek: Peek) -> Foreign | None:
    """Return what is known of annotations that no converter reads; None if there are none."""
    for path in peek.sample(".json", ".ndjson", ".jsonl"):
        content = peek.json(path)
        content = _first_line(peek.head(path)) if content is None else content
        for what, remedy, fits in _JSON:
            if fits(content):
                return Foreign(f"{peek.name(path)} is {what}", remedy)
    others = [peek.src] if peek.src.is_file() else list(walk(peek.src, (".npy", ".roi", ".zip")))
    for path in others:
        for what, remedy, belongs in _FILES:
            if belongs(path.name.lower()):
                return Foreign(f"{peek.name(path)} {what}", remedy)
    path_of_boxes = find_labels(peek, boxes=True)
    if path_of_boxes is not None:
        return Foreign(f"{peek.name(path_of_boxes)} has bounding boxes, as YOLO's labels", _BOXES)
    for path in peek.sample(".csv"):
        if "annotation_id" in peek.head(path).partition("\n")[0] and "original_width" in peek.head(path):
            return Foreign(f"{peek.name(path)} is a CSV file of Label Studio", _JSON_OF_LABEL_STUDIO)
    return _find_xml(peek)


def _find_xml(peek: Peek) -> Foreign | None:
    for path in peek.sample(".xml"):
        tags = peek.xml_tags(path)
        if {"Annotations", "Annotation"} <= tags and "<Regions" in peek.head(path):
            return Foreign(f"{peek.name(path)} is XML of Aperio ImageScope", _QUPATH)
        if not {"annotation", "object"} <= tags:
            continue
        if "<bndbox" in peek.head(path):
            return Foreign(f"{peek.name(path)} has boxes, as VOC and LabelImg write them", _BOXES)
        return Foreign(f"{peek.name(path)} is XML of the LabelMe web tool", f"{_COCO}, e.g. with CVAT or Datumaro")
    return None


_COCO = "Export the annotations as COCO"
_JSON_OF_LABEL_STUDIO = "Export the project in the format JSON, which has all that is needed"
_QUPATH = (
    "Open image and annotations in QuPath, e.g. with its extension for ImageScope's XML, and export them as GeoJSON, a "
    "file for each image"
)
_BOXES = (
    "A box does not outline its object, so no mask can be made from it: draw polygons or masks, in a tool that reads "
    "these boxes, e.g. CVAT or Label Studio"
)


def _is_darwin(content: Any) -> bool:
    return isinstance(content, dict) and isinstance(content.get("item"), dict) and "annotations" in content


def _is_labelbox(content: Any) -> bool:
    first = content[0] if isinstance(content, list) and content else content
    return isinstance(first, dict) and ("data_row" in first or "Labeled Data" in first)


def _is_datumaro(content: Any) -> bool:
    return (
        isinstance(content, dict)
        and isinstance(content.get("items"), list)
        and isinstance(content.get("categories"), dict)
    )


def _is_segments(content: Any) -> bool:
    dataset = content.get("dataset") if isinstance(content, dict) else None
    return isinstance(dataset, dict) and isinstance(dataset.get("samples"), list)


def _is_cityscapes(content: Any) -> bool:
    return isinstance(content, dict) and {"imgHeight", "imgWidth", "objects"} <= content.keys()


def _is_isat(content: Any) -> bool:
    info = content.get("info") if isinstance(content, dict) else None
    return isinstance(info, dict) and info.get("description") == "ISAT"


def _is_segment_anything(content: Any) -> bool:
    objects = content.get("annotations") if isinstance(content, dict) else content
    return (
        isinstance(objects, list) and bool(objects) and isinstance(objects[0], dict) and "stability_score" in objects[0]
    )


def _is_hasty(content: Any) -> bool:
    return isinstance(content, dict) and {"export_format_version", "images", "project_name"} <= content.keys()


def _is_create_ml(content: Any) -> bool:
    first = content[0] if isinstance(content, list) and content else None
    objects = first.get("annotations") if isinstance(first, dict) and "image" in first else None
    return isinstance(objects, list) and bool(objects) and isinstance(objects[0], dict) and "coordinates" in objects[0]


def _is_json_min(content: Any) -> bool:
    """JSON-MIN of Label Studio: the results of a task by the names of its labels, without data and annotations."""
    first = content[0] if isinstance(content, list) and content else None
    if not isinstance(first, dict) or "annotation_id" not in first:
        return False
    results = [value[0] for value in first.values() if isinstance(value, list) and value]
    return any(isinstance(result, dict) and "original_width" in result for result in results)


#: Files that are known by their names in lower case.
_FILES: tuple[tuple[str, str, Callable[[str], bool]], ...] = (
    (
        "was written by Cellpose as a Python pickle, which can run code when it is opened",
        "Save the masks in Cellpose beside the images: File, Save masks as PNG/tif",
        lambda name: name.endswith("_seg.npy"),
    ),
    (
        "has ROIs of ImageJ, which do not name their image",
        "Make a mask of them in ImageJ (Edit, Selection, Create Mask), or a label image with a number for each object, "
        "and save it beside the image: cells_mask.png for cells.png",
        lambda name: name.endswith(".roi") or "roiset" in name,
    ),
)
_JSON: tuple[tuple[str, str, Callable[[Any], bool]], ...] = (
    (
        "Darwin JSON of V7",
        f"{_COCO}, or with V7's own tool: darwin convert coco FILES FOLDER",
        _is_darwin,
    ),
    ("an export of Labelbox", f"{_COCO} with Labelbox's converters", _is_labelbox),
    ("Datumaro's own JSON", f"{_COCO} (in CVAT: COCO 1.0), or with Datumaro", _is_datumaro),
    (
        "a release of Segments.ai",
        "Export it with its export_dataset, as coco-instance or semantic",
        _is_segments,
    ),
    ("the polygons of Cityscapes", "Use the masks *_gtFine_labelIds.png that belong to them", _is_cityscapes),
    ("JSON of ISAT", f"{_COCO} with ISAT", _is_isat),
    (
        "the output of Segment Anything: segments without classes",
        "Give the segments that are objects a class in a labelling tool, e.g. CVAT or Label Studio, which have Segment "
        "Anything built in or as a backend, and export them from there",
        _is_segment_anything,
    ),
    ("Hasty's own JSON", f"{_COCO}, or as semantic segmentation masks", _is_hasty),
    ("CreateML's JSON of boxes", _BOXES, _is_create_ml),
    ("JSON-MIN of Label Studio", _JSON_OF_LABEL_STUDIO, _is_json_min),
)


def _first_line(head: str) -> Any:
    """The content of the first line of a file with one JSON object a line; None if it is none."""
    try:
        return json.loads(head.partition("\n")[0])
    except (ValueError, RecursionError):
        return None
