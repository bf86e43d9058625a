"""Images with objects whose classes are names: what readers of drawn annotations make, and the data set from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from segarena.annotations.annotations import (
    Annotations,
    Color,
    LabelledImage,
    LeftOut,
    Malformed,
    Outline,
    make_classes,
)
from segarena.annotations.image_index import ImageFiles, name_without_ending, split_of_folders
from segarena.annotations.painting import Item, Painting
from segarena.annotations.rasterize import Polygons, Shape
from segarena.data.source import Split

#: The class of all objects where the annotations name none.
ONLY_CLASS = "foreground"
EMPTY = ("image", "without an object: all background")
NOT_LISTED = ("image", "not in the annotations: left out")

_BOXES = ("object", "of rectangular shape, and none of another shape: bounding boxes are not masks")
_MANY = 10  # fewer objects may all be rectangles by chance
_SLACK = 0.1  # of a side, by which a hand-drawn corner may be outside the image


@dataclass
class DrawnImage:
    """An image with its objects, each with the name of its class, in the order of the file."""

    name: str
    """Without its ending, `/` between folders."""
    file: Path
    size: tuple[int, int]
    """(height, width) at which it is displayed."""
    split: Split | None
    objects: list[tuple[Shape, str]] = field(default_factory=list)


def make_annotations(
    images: Sequence[DrawnImage],
    names: Sequence[str],
    left_out: LeftOut,
    files: ImageFiles,
    *,
    where: object,
    colors: Mapping[str, Color] | None = None,
) -> Annotations:
    """Make the data set.

    Args:
        images: The images that are annotated.
        names: The classes in the order of their labels, without the background that is added.
        left_out: What to report.
        files: Where the images were found.
        where: The file or folder, for messages.
        colors: Colours by name.

    Returns:
        The data set, with a note for each reason, and one on images of other names.

    Raises:
        DataError: As `make_classes`, or all objects were left out.
    """
    classes, labels = make_classes(names, colors=colors, where=where)
    left_out.check_objects(any(image.objects for image in images), where)
    for image in images:
        left_out.add(*EMPTY, image.file.name, not image.objects)
    note_boxes([shape for image in images for shape, _ in image.objects], left_out)
    converted = [
        LabelledImage(
            image.name,
            image.split,
            image.file,
            image.file.suffix.lower(),
            Painting(image.size, tuple(Item(shape, labels[name]) for shape, name in image.objects)),
        )
        for image in images
    ]
    return Annotations(classes, tuple(converted), (*left_out.notes(), *files.notes()))


def names_in(images: Sequence[DrawnImage]) -> list[str]:
    """Return the names of all classes that have an object, sorted."""
    return sorted({name for image in images for _, name in image.objects})


def name_of(file: Path, files: ImageFiles) -> str:
    """Return an image's path below the folder, without its ending."""
    return name_without_ending(file.relative_to(files.root).as_posix())


def split_of(file: Path, files: ImageFiles) -> Split | None:
    """Return the split that one of an image's folders is named for."""
    return split_of_folders(file.relative_to(files.root))


def without_area(kind: str) -> tuple[str, str]:
    """Return what is counted for an object without an area."""
    return "object", f"of type {kind} without an area: left out"


def check_inside(outline: Outline, size: tuple[int, int]) -> None:
    """Raise Malformed if a corner is far outside the image: then it was drawn on an image of another size.

    Args:
        outline: (N, 2), x and y in pixels.
        size: (height, width) of the image.
    """
    for axis, name, length in ((0, "x", size[1]), (1, "y", size[0])):
        values = outline[:, axis]
        farthest = values.max() if values.max() - length > -values.min() else values.min()
        if not -_SLACK * length - 2 <= farthest <= (1 + _SLACK) * length + 2:
            raise Malformed(
                f"it reaches {name} = {farthest:g}, but the image is {size[1]} x {size[0]} pixels",
                remedy="Use the images that were annotated, in their full size, and coordinates in pixels",
            )


def note_boxes(shapes: Sequence[Shape], left_out: LeftOut) -> None:
    """Report that all objects are rectangles, if there are many."""
    if len(shapes) >= _MANY and all(map(_is_box, shapes)):
        left_out.add(*_BOXES, count=len(shapes))


def _is_box(shape: Shape) -> bool:
    """Whether a shape is a rectangle along the edges of the image."""
    if not isinstance(shape, Polygons) or len(shape.outlines) != 1 or shape.holes:
        return False
    corners = {(x, y) for x, y in shape.outlines[0].tolist()}
    return len(corners) == 4 and all(len({corner[axis] for corner in corners}) == 2 for axis in (0, 1))
