"""COCO's JSON (cocodataset.org, Data format): objects as polygons or run lengths, or panoptic PNGs.

Also: COCO's panoptic PNGs (cocodataset.org, Data format, 4): a segment's id is R + 256 G + 65536 B, 0 is unlabelled.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from segarena.classes import IGNORE_INDEX
from segarena.data.converters.annotations import (
    Annotations,
    Color,
    LabelledImage,
    Painting,
    fitting_size,
    make_classes,
)
from segarena.data.converters.image_index import ImageFiles, annotation_files, bare_name, split_of
from segarena.data.converters.parsing import entry, member, outline, read_json, shorten
from segarena.data.converters.rasterize import Malformed, Mask, Polygons, Runs, Shape, check_counts, read_string
from segarena.data.files.image_io import image_size
from segarena.data.files.raw_masks import read_plane
from segarena.data.source import Split
from segarena.errors import DataError
from segarena.formats import plural


@dataclass(frozen=True)
class Segments:
    """A panoptic PNG and the label of each segment in it; calling it gives the mask."""

    path: Path
    labels: Mapping[int, int]

    def __call__(self) -> Mask:
        """Return (H, W) uint8. Raises DataError where the PNG is damaged or has a segment that is not described."""
        colors = read_plane(self.path).colors(self.path)  # red in the highest byte
        ids, place = np.unique(colors >> 16 | colors & 0xFF00 | (colors & 0xFF) << 16, return_inverse=True)
        unknown = [number for number in ids.tolist() if number not in self.labels]
        if unknown:
            raise DataError(
                f"has the segment {unknown[0]}, which its segments_info does not describe",
                where=self.path,
                remedy="Use the PNGs that belong to the JSON file, or export both again",
            )
        table = np.array([self.labels[number] for number in ids.tolist()], dtype=np.uint8)
        mask: Mask = table[place].reshape(colors.shape)
        return mask


def find_segments(
    annotation: Any, labels: Mapping[int, int], root: Path, path: Path, image: Path, size: tuple[int, int]
) -> Segments:
    """The PNG of one annotation, in the folder called like the JSON file `path`, beside it or in `root`.

    `labels` has the label of each category, `size` is the image's (height, width). Raises Malformed.
    """
    name = member(annotation, "file_name", str)
    places = [folder / path.stem / name for folder in (path.parent, root)]
    png = next((place for place in places if place.is_file()), None)
    if png is None:
        raise Malformed(f"the PNG {places[0]} does not exist")
    if image_size(png) != size:
        raise Malformed(f"the size of {png} is not that of the image {image}")
    of_segment = {0: IGNORE_INDEX}
    for segment in member(annotation, "segments_info", list):
        number, category = member(segment, "id", int), member(segment, "category_id", int)
        if category not in labels:
            raise Malformed(f"the category {category} of segment {number} does not exist")
        of_segment[number] = IGNORE_INDEX if segment.get("iscrowd") else labels[category]
    return Segments(png, of_segment)


_KEYS = ("images", "annotations", "categories")


@dataclass
class _Image:
    """An entry of `images` with what `annotations` say of it."""

    path: Path
    name: str
    size: tuple[int, int]
    objects: list[tuple[Shape, int]] = field(default_factory=list)
    crowds: list[tuple[Shape, int]] = field(default_factory=list)
    segments: Segments | None = None

    def mask(self) -> Painting | Segments:
        # A crowd is "persons, somewhere here": void, but for the persons that are drawn one by one.
        return self.segments or Painting(self.size, (*self.crowds, *self.objects))


def read_coco(src: Path) -> Annotations:
    """Read a JSON file, or the JSON files below a folder, with the images below the same folder.

    Where there are files called instances*.json, those only, else panoptic*.json, else all that look like COCO; a
    split is in the name of the file (instances_train2017.json) or its folder (valid/_annotations.coco.json).
    Class 0 is the background, then the categories by id. Panoptic annotations cover the image: no background is added,
    and what is in no segment is void. iscrowd is void where no other object lies. Raises DataError.
    """
    root, paths = annotation_files(src, ".json")
    contents = _choose(root, paths)
    is_panoptic = {_is_panoptic(content) for content in contents.values() if content["annotations"]}
    if len(is_panoptic) > 1:
        raise DataError(
            f"holds panoptic annotations and others: {', '.join(path.name for path in contents)}",
            where=root,
            remedy="Name one of the files, or move one kind to another folder",
        )
    panoptic = is_panoptic == {True}
    categories, colors = _read_categories(contents)
    names = [name for _, name in sorted(categories.items())]
    classes, label_of = make_classes(names, colors=colors, background=not panoptic, where=next(iter(contents)))
    labels = {number: label_of[name] for number, name in categories.items()}
    drawn = [path for path in paths if path.name.startswith("panoptic") or (panoptic and path in contents)]
    files = ImageFiles(root, without=frozenset(path.stem for path in drawn))  # their PNGs are no images
    images: list[LabelledImage] = []
    counts: Counter[str] = Counter()
    for path, content in contents.items():
        split = split_of(path.relative_to(root))
        found = _read_images(path, content["images"], files, split)
        for position, annotation in enumerate(content["annotations"]):
            with entry(path, _name(position, annotation)):
                image = _lookup(annotation, "image_id", found, "image")
                if panoptic:
                    image.segments = find_segments(annotation, labels, root, path, image.path, image.size)
                else:
                    counts["objects"] += not _add_object(image, annotation, labels)
        images += _finish(found, split, panoptic, counts)
    counts["unlisted"] = len(files.paths) - len(images) - counts["unlabelled"]
    total = sum(len(content["annotations"]) for content in contents.values())
    if total and counts["objects"] == total:
        raise DataError("holds boxes only: no annotation has a segmentation", where=src, remedy="Export with masks")
    return Annotations(classes, tuple(images), _notes(counts, paths, contents))


def _finish(found: dict[Any, _Image], split: Split | None, panoptic: bool, counts: Counter[str]) -> list[LabelledImage]:
    """What is known of the images of one file; without a panoptic annotation an image is unlabelled, not empty."""
    kept = [image for image in found.values() if image.segments is not None or not panoptic]
    counts["unlabelled"] += len(found) - len(kept)
    counts["empty"] += sum(not (image.objects or image.crowds or panoptic) for image in kept)
    return [LabelledImage(image.name, split, image.path, image.path.suffix.lower(), image.mask()) for image in kept]


def _choose(root: Path, paths: list[Path]) -> dict[Path, Any]:
    """The content of each file that counts; one for each split."""
    for start in ("instances", "panoptic"):
        paths = [path for path in paths if path.name.startswith(start)] or paths
    contents = {path: read_json(path) for path in paths}
    contents = {path: content for path, content in contents.items() if _is_coco(content)}
    if not contents:
        raise DataError(
            f"is no COCO annotation: no lists {', '.join(_KEYS)}",
            where=paths[0] if len(paths) == 1 else root,
            remedy="Name the JSON file of the annotations, or the folder that holds it",
        )
    first: dict[Split | None, Path] = {}
    for path in contents:
        other = first.setdefault(split_of(path.relative_to(root)), path)
        if other != path:
            raise DataError(
                f"holds {other.relative_to(root)} and {path.relative_to(root)} for the same split",
                where=root,
                remedy="Name one of the files, or move the other away",
            )
    return contents


def _is_coco(content: Any) -> bool:
    return isinstance(content, dict) and all(isinstance(content.get(key), list) for key in _KEYS)


def _is_panoptic(content: Any) -> bool:
    return any(isinstance(annotation, dict) and "segments_info" in annotation for annotation in content["annotations"])


def _read_categories(contents: dict[Path, Any]) -> tuple[dict[int, str], dict[str, Color]]:
    """Names by id and colours by name, over all files."""
    names: dict[int, str] = {}
    colors: dict[str, Color] = {}
    for path, content in contents.items():
        for position, category in enumerate(content["categories"]):
            with entry(path, f"categories[{position}]"):
                number, name = member(category, "id", int), member(category, "name", str)
                if names.setdefault(number, name) != name:
                    raise Malformed(f"the category {number} is {name!r}, but {names[number]!r} before")
                color = category.get("color")
                if isinstance(color, list) and len(color) == 3 and all(type(c) is int and 0 <= c < 256 for c in color):
                    colors[name] = (color[0], color[1], color[2])
    twice = [name for name, count in Counter(names.values()).items() if count > 1]
    if twice:
        raise DataError(
            f"two categories are called {twice[0]!r}", where=next(iter(contents)), remedy="Rename or merge them"
        )
    return names, colors


def _read_images(path: Path, images: list[Any], files: ImageFiles, split: Split | None) -> dict[Any, _Image]:
    found: dict[Any, _Image] = {}
    for position, image in enumerate(images):
        with entry(path, f"images[{position}]"):
            number, name = member(image, "id", int, str), member(image, "file_name", str)
            if number in found:
                raise Malformed(f"the id {number!r} is that of another image, too")
            file = files.find(name, split)
            size = fitting_size(file, image.get("height"), image.get("width"))
            found[number] = _Image(file, bare_name(name), size)
    return found


def _add_object(image: _Image, annotation: Any, labels: dict[int, int]) -> bool:
    """Note an object; False where it has no area to paint."""
    label = _lookup(annotation, "category_id", labels, "category")
    shape = _read_segmentation(annotation.get("segmentation"), image.size)
    if shape is None:
        return False
    if annotation.get("iscrowd"):
        image.crowds.append((shape, IGNORE_INDEX))
    else:
        image.objects.append((shape, label))
    return True


def _read_segmentation(segmentation: object, size: tuple[int, int]) -> Shape | None:
    if not segmentation:
        return None
    if isinstance(segmentation, list):
        if not all(isinstance(part, list) for part in segmentation):
            raise Malformed(f"the segmentation {shorten(segmentation)} is not a list of polygons")
        outlines = [outline(part) for part in segmentation]
        with_area = tuple(corners for corners in outlines if len(corners) > 2)
        return Polygons(with_area) if with_area else None
    counts = member(segmentation, "counts", list, str)
    declared = tuple(member(segmentation, "size", list))
    if declared != size:
        raise Malformed(f"the RLE is for (height, width) = {declared}, but its image is {size}")
    return Runs(check_counts(read_string(counts) if isinstance(counts, str) else counts, *size))


def _lookup(annotation: Any, key: str, known: dict[Any, Any], what: str) -> Any:
    number = member(annotation, key, int, str)
    if number not in known:
        raise Malformed(f"the {what} {number!r} does not exist")
    return known[number]


def _name(position: int, annotation: Any) -> str:
    number = annotation.get("id") if isinstance(annotation, dict) else None
    return f"annotations[{position}]" + ("" if number is None else f" (id {number})")


def _notes(counts: Counter[str], paths: list[Path], contents: dict[Path, Any]) -> tuple[str, ...]:
    passed_over = [path.name for path in paths if path not in contents]
    notes = []
    if passed_over:
        notes.append(f"passed over: {', '.join(passed_over)}")
    if counts["objects"]:
        notes.append(f"{counts['objects']} annotations have no area and are left out")
    if counts["empty"]:
        notes.append(f"{plural(counts['empty'], 'image')} without an object: all background")
    if counts["unlabelled"]:
        notes.append(f"{plural(counts['unlabelled'], 'image')} without panoptic annotation: left out")
    if counts["unlisted"]:
        notes.append(f"{plural(counts['unlisted'], 'image')} not in the annotations: left out")
    return tuple(notes)
