"""CVAT's XML 1.1 "for images" (docs.cvat.ai, XML annotation format): polygons, boxes, ellipses, masks, z_order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePath
from xml.etree.ElementTree import Element

from segarena.annotations.annotations import (
    Annotations,
    Color,
    LabelledImage,
    LeftOut,
    Malformed,
    entry,
    make_classes,
    read_coordinate,
    read_outline,
    read_size,
    show,
)
from segarena.annotations.drawn import note_boxes
from segarena.annotations.image_index import (
    ImageFiles,
    find_annotation_files,
    name_without_ending,
    split_of_file,
    split_of_folders,
)
from segarena.annotations.painting import Item, Painting
from segarena.annotations.peek import Peek
from segarena.annotations.rasterize import (
    Ellipse,
    Patch,
    Polygons,
    Shape,
    check_counts,
    decode_runs,
    rectangle,
)
from segarena.annotations.reading import Faults, read_all, read_xml
from segarena.errors import DataError

_WITHOUT_AREA = frozenset({"polyline", "points", "cuboid", "skeleton"})
_LABELS_WITHOUT_AREA = _WITHOUT_AREA | {"tag"}


def recognise_cvat(peek: Peek) -> str | None:
    """Return what shows that there is CVAT's XML; None if nothing does."""
    for path in peek.sample(".xml"):
        tags = peek.xml_tags(path)
        if {"annotations", "meta"} <= tags or {"annotations", "image"} <= tags:
            return f"{peek.name(path)} is an XML file of annotations with CVAT's meta"
    return None


def read_cvat(src: Path) -> Annotations:
    """Read an annotations.xml, or those below a folder, with the images below the same folder.

    An image's `subset` is its split if it is named train, val or test, else such a word in the name of the image's
    folder, the file (train.xml) or its folder. Class 0 is the background, then the labels in the order of the file, in
    its colours. Objects are painted by z_order, then in the order of the file. Polylines, points, cuboids and skeletons
    have no area and are left out. Raises DataError.
    """
    root, paths = find_annotation_files(src, ".xml")
    trees = read_all(paths, _read_file)
    colors: dict[str, Color | None] = {}
    faults = Faults()
    for path, tree in trees.items():
        for number, label in enumerate(tree.findall("./meta//label")):
            with faults, entry(path, f"meta, label {number}"):
                name, color = _read_label(label)
                if name is not None:
                    colors[name] = color
    faults.check()
    if not colors:
        raise DataError("has no labels in its meta", where=paths[0], remedy="Export it again as CVAT for images 1.1")
    known_colors = {name: color for name, color in colors.items() if color is not None}
    classes, labels = make_classes(list(colors), colors=known_colors, where=paths[0])
    files = ImageFiles(root)
    left_out = LeftOut()
    elements = [(path, *each) for path, tree in trees.items() for each in enumerate(tree.findall("image"))]
    found = []
    for element in elements:
        with faults:
            found.append(_read_image(*element, files, labels, left_out, faults))
    faults.check()
    images = [labelled for labelled in found if labelled is not None]
    if elements and not images:
        for path, position, image in elements:
            with faults, entry(path, f"image {image.get('name') or position}"):
                files.find(image.get("name", ""))
        faults.check()
    items = [item for image in images if isinstance(image.labels, Painting) for item in image.labels.items]
    left_out.check_objects(bool(items), paths[0])
    note_boxes([item.shape for item in items], left_out)
    used = {labelled.image for labelled in images}
    for file in files.unused(used):
        left_out.add("image", "not in the annotations: left out", file)
    return Annotations(classes, tuple(images), (*left_out.notes(), *files.notes()))


def _read_file(path: Path) -> Element:
    tree = read_xml(path)
    if tree.tag != "annotations" or tree.find("track") is not None or tree.find("image") is None:
        what = "is CVAT for video" if tree.find("track") is not None else "is not an annotation of images by CVAT"
        raise DataError(what, where=path, remedy="Export the task as CVAT for images 1.1, or name its annotations.xml")
    return tree


def _read_label(label: Element) -> tuple[str | None, Color | None]:
    """Name and colour of a label; no name if it is not for areas, no colour if it has none."""
    name = label.findtext("name")
    if not name:
        raise Malformed("a label has no name")
    if label.findtext("type") in _LABELS_WITHOUT_AREA or label.find("parent") is not None:
        return None, None
    digits = (label.findtext("color") or "").removeprefix("#")
    try:
        red, green, blue = bytes.fromhex(digits)
    except ValueError:
        return name, None
    return name, (red, green, blue)


def _read_image(
    path: Path,
    position: int,
    image: Element,
    files: ImageFiles,
    labels: dict[str, int],
    left_out: LeftOut,
    faults: Faults,
) -> LabelledImage | None:
    name = image.get("name", "")
    subset = split_of_folders(PurePath(image.get("subset", ""), "_")) or split_of_folders(PurePath(name))
    split = subset or split_of_file(path.relative_to(files.root))
    with entry(path, f"image {name or position}"):
        file = files.find(name, split, optional=True)
        if file is None:
            left_out.add("image", f"of the annotations not below {files.root}: left out", name)
            return None
        size = read_size(file, _read_whole(image, "height"), _read_whole(image, "width"))
    objects: list[Item] = []
    for index, element in enumerate(image):
        if element.tag == "tag":
            left_out.add("tag", "of a whole image: left out", name)
            continue
        with faults, entry(path, f"image {name}, {element.tag} {index}"):
            label = element.get("label", "")
            if element.tag in _WITHOUT_AREA:
                left_out.add("object", f"of type {element.tag} without an area: left out", name)
                continue
            if label not in labels:
                raise Malformed(f"the label {label!r} is not in the meta")
            if element.tag not in _SHAPES:
                raise Malformed(f"the element {element.tag!r} is unknown")
            shape = _SHAPES[element.tag](element, size)
            if shape is None:
                left_out.add("object", f"of type {element.tag} without an area: left out", name)
            else:
                objects.append(Item(shape, labels[label], layer=_read_whole(element, "z_order", 0)))
    left_out.add("image", "without an object: all background", name, not objects)
    painting = Painting(size, tuple(objects))
    return LabelledImage(name_without_ending(name), split, file, file.suffix.lower(), painting)


# Shapes, from an element and the (height, width) of its image


def _read_polygon(element: Element, size: tuple[int, int]) -> Shape | None:
    pairs = [pair.split(",") for pair in element.get("points", "").split(";") if pair.strip()]
    if not all(len(pair) == 2 for pair in pairs):
        raise Malformed(f"the points {show(element.get('points'))} are not pairs of x and y")
    outline = read_outline([value for pair in pairs for value in pair])
    return Polygons((outline,)) if len(outline) > 2 else None


def _read_box(element: Element, size: tuple[int, int]) -> Shape:
    left, top, right, bottom = (read_coordinate(element.get(key)) for key in ("xtl", "ytl", "xbr", "ybr"))
    return rectangle(left, top, right, bottom, read_coordinate(element.get("rotation", "0")))


def _read_ellipse(element: Element, size: tuple[int, int]) -> Shape:
    x, y, radius_x, radius_y = (read_coordinate(element.get(key)) for key in ("cx", "cy", "rx", "ry"))
    return Ellipse(x, y, radius_x, radius_y, read_coordinate(element.get("rotation", "0")))


def _read_mask(element: Element, size: tuple[int, int]) -> Shape:
    height, width = _read_whole(element, "height"), _read_whole(element, "width")
    if not (0 < height <= size[0] and 0 < width <= size[1]):
        raise Malformed(f"the mask of {width} x {height} pixels does not fit its image of {size[1]} x {size[0]}")
    try:
        lengths = [int(length) for length in element.get("rle", "").split(",")]
    except ValueError as error:
        raise Malformed(f"the rle {show(element.get('rle'))} is not a list of numbers") from error
    region = decode_runs(check_counts(lengths, height, width), height, width)
    return Patch(region, top=_read_whole(element, "top"), left=_read_whole(element, "left"))


_SHAPES: dict[str, Callable[[Element, tuple[int, int]], Shape | None]] = {
    "polygon": _read_polygon,
    "box": _read_box,
    "ellipse": _read_ellipse,
    "mask": _read_mask,
}


def _read_whole(element: Element, key: str, default: int | None = None) -> int:
    text = element.get(key, default)
    try:
        return int(text)  # type: ignore[arg-type]  # None is a TypeError
    except (TypeError, ValueError) as error:
        raise Malformed(f"{key} is {show(text)}, not a whole number") from error
