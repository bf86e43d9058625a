"""COCO's panoptic PNGs (cocodataset.org, Data format, 4): a segment's id is R + 256 G + 65536 B, 0 is unlabelled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np

from segarena.annotations.annotations import Malformed, Mask, read_id, read_member
from segarena.classes import IGNORE_INDEX
from segarena.converters.coco_crowds import Crowd
from segarena.errors import DataError
from segarena.image_files.headers import image_size
from segarena.image_files.raw_masks import read_plane


@dataclass(frozen=True)
class Segments:
    """A panoptic PNG and the label of each segment in it; calling it gives the mask."""

    path: Path
    labels: Mapping[int, int]

    def __call__(self) -> Mask:
        """Return the mask. Raises DataError if the PNG is damaged or has a segment that is not described."""
        plane = read_plane(self.path)
        if plane.values.dtype == np.uint16:
            raise DataError(
                "has 16 bits per pixel, but a panoptic PNG has 8 bits each for red, green and blue",
                where=self.path,
                remedy="Export the panoptic PNGs again",
            )
        colors = plane.colors(self.path)  # red in the highest byte
        ids, place = np.unique(colors >> 16 | colors & 0xFF00 | (colors & 0xFF) << 16, return_inverse=True)
        unknown = [number for number in ids.tolist() if number not in self.labels]
        if unknown:
            raise DataError(
                f"has the segment {unknown[0]}, which is not in its segments_info",
                where=self.path,
                remedy="Use the PNGs that belong to the JSON file, or export both again",
            )
        table = np.array([self.labels[number] for number in ids.tolist()], dtype=np.uint8)
        mask: Mask = table[place].reshape(colors.shape)
        return mask


def find_segments(
    annotation: Any,
    labels: Mapping[int | str, int],
    root: Path,
    path: Path,
    image: Path,
    size: tuple[int, int],
    crowd: Crowd = "void",
) -> Segments:
    """Find the PNG of an annotation.

    It is in a folder with the name of the JSON file, beside that or in `root`, or in the folder of the JSON file or the
    image, as Segments.ai writes it.

    Args:
        annotation: The annotation as it is in the JSON file.
        labels: The label of each category.
        root: The folder of the data set.
        path: The JSON file.
        image: The image file.
        size: Its (height, width) in pixels.
        crowd: What a segment with `iscrowd: 1` is.

    Raises:
        Malformed: The PNG does not exist or has another size, or the annotation is incomplete.
    """
    name = read_member(annotation, "file_name", str)
    if any(kind(name).is_absolute() or ".." in kind(name).parts for kind in (PurePosixPath, PureWindowsPath)):
        raise Malformed(f"the PNG {name} is outside of the folder")
    places = [folder / path.stem / name for folder in (path.parent, root)]
    places += [folder / name for folder in (path.parent, root, image.parent)]
    png = next((place for place in places if place != image and place.is_file()), None)
    if png is None:
        raise Malformed(f"the PNG {places[0]} does not exist")
    if image_size(png) != size:
        raise Malformed(f"the size of {png} is not that of the image {image}")
    label_of = {0: IGNORE_INDEX}
    for segment in read_member(annotation, "segments_info", list):
        number, category = read_member(segment, "id", int), read_id(segment, "category_id")
        if category not in labels:
            raise Malformed(f"the category {category} of segment {number} does not exist")
        label_of[number] = IGNORE_INDEX if segment.get("iscrowd") and crowd == "void" else labels[category]
    return Segments(png, label_of)
