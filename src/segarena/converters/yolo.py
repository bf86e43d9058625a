"""YOLO's text files with polygons (docs.ultralytics.com, Instance Segmentation Datasets): a file for each image.

A line is a class's number and the corners x1 y1 x2 y2 ... as fractions of the image's width and height, with spaces or
commas between. A line of five numbers is a bounding box. Neither `ultralytics` (AGPL) nor `supervision` (MIT, brings
PyAV) is used: they would only split the lines.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from pathlib import Path, PurePath

import numpy as np

from segarena.annotations.annotations import Annotations, LeftOut, Malformed, Outline, entry, show
from segarena.annotations.drawn import DrawnImage, make_annotations, name_of, split_of
from segarena.annotations.image_index import ImageFiles, split_of_folders, walk
from segarena.annotations.peek import Peek
from segarena.annotations.rasterize import Polygons
from segarena.annotations.reading import Faults
from segarena.classes import IGNORE_INDEX
from segarena.converters.yolo_names import NAME_FILES, read_data_files, read_names, read_text
from segarena.converters.yolo_splits import read_splits
from segarena.errors import DataError
from segarena.formats import plural
from segarena.image_files.headers import image_size

#: Folders that tell images from labels, and are left out when the two are compared.
_KIND_FOLDERS = frozenset({"images", "labels", "image", "label"})
_BOX = ("object", "with a bounding box and no mask: left out")
_UNLABELLED = ("image", "without a label file: left out (an empty .txt file makes an image all background)")
_ORPHAN = ("label file", "without an image: left out")
_NO_SPLIT = ("path", "of a split in data.yaml without an image here: not used")
_SAME_SPLIT = ("path", "of a split in data.yaml that is another split's, too: used for that one only")
_QUADS = ("polygon", "of four corners, and none of more: if they are oriented boxes, they are not masks")
_SLACK = 0.1
_FARTHEST = 1e5  # pixels
_DECIMAL_COMMA = re.compile(r"-?\d+,\d+")


def recognise_yolo(peek: Peek) -> str | None:
    """Return what shows that there are YOLO's polygons beside images; None if nothing does."""
    path = find_labels(peek, boxes=False)
    if path is not None:
        return f"{peek.name(path)} has a class and fractions of the image's size on each line"
    path = find_labels(peek, boxes=False, in_pixels=True)
    return None if path is None else f"{peek.name(path)} has a class and coordinates on each line"


def find_labels(peek: Peek, *, boxes: bool, in_pixels: bool = False) -> Path | None:
    """Return a file with a polygon, or with a bounding box, for an image; None if none of a few files has one.

    Coordinates in pixels are not those of the format: they are found so that reading them can say so.
    """
    stems = {path.stem for path in peek.images}
    for path in peek.sample(".txt"):
        if path.stem in stems:
            lines = [split_numbers(line) for line in peek.head(path).splitlines()[:-1] or [peek.head(path)]]
            if any(_is_label(words, in_pixels) and (len(words) < 7) == boxes for words in lines):
                return path
    return None


def split_numbers(line: str) -> list[str]:
    """Divide a line into numbers, which have spaces, commas or semicolons between them.

    In numbers between spaces, a comma is the sign before the fraction, unless there is a point as well.

    >>> split_numbers("1 0.25 0.5"), split_numbers("1, 0.25,0.5"), split_numbers("1 0,25 0,5")
    (['1', '0.25', '0.5'], ['1', '0.25', '0.5'], ['1', '0.25', '0.5'])
    """
    words = line.replace(";", " ").split()
    if "." not in line and sum(_DECIMAL_COMMA.fullmatch(word) is not None for word in words) >= len(words) - 1 > 0:
        return [word.replace(",", ".") for word in words]
    return line.replace(",", " ").replace(";", " ").split()


def _is_label(words: list[str], in_pixels: bool) -> bool:
    try:
        number, *fractions = map(float, words)
    except ValueError:
        return False
    if in_pixels:
        fits = all(-_FARTHEST < value < _FARTHEST for value in fractions) and len(fractions) % 2 == 0
    else:
        fits = all(-_SLACK <= fraction <= 1 + _SLACK for fraction in fractions)
    return number >= 0 and number.is_integer() and fits and len(fractions) > 3


def read_yolo(src: Path) -> Annotations:
    """Read the .txt files below a folder, or below that of a data.yaml, with the images below the same folder.

    A label file has the name of its image, in the same folder or with `labels` for `images` in its path. Class 0 is the
    background, then the names of data.yaml (or classes.txt, obj.names) in their order. A split is in the paths of
    data.yaml or in the folders' names. An empty label file makes an image all background. Raises DataError.
    """
    root = src.parent if src.is_file() else src
    files = ImageFiles(root)
    if not files.paths:
        raise DataError("has no images", where=root, remedy="Name the folder that holds both images and labels")
    contents = read_data_files(root, src if src.is_file() else None)
    declared, splits = read_names(root, contents), read_splits(files, contents)
    left_out = LeftOut()
    pairs = _pair(root, files, left_out)
    drawn, indices, corners, boxes = [], set(), Counter[int](), 0
    faults = Faults()
    for image, path in pairs.items():
        with faults:
            objects = []
            height, width = image_size(image)
            for number, outline in _read_labels(path, declared, faults):
                boxes += outline is None
                indices.add(number)
                if outline is not None:
                    objects.append((Polygons((outline * (width, height),)), number))
                    corners[len(outline)] += 1
                else:
                    left_out.add(*_BOX, path.name)
            drawn.append((image, (height, width), objects))
    faults.check()
    if boxes and not corners:
        raise DataError(
            "has only bounding boxes: no label is a polygon",
            where=src,
            remedy="Export polygons: each line is a class and at least three corners x y. Boxes are not masks",
        )
    names = declared or [f"class_{number}" for number in range(max(indices, default=0) + 1)]
    left_out.add(*_QUADS, count=corners[4] if set(corners) == {4} else 0)
    if not declared:
        left_out.add("class", "named by its number: there is no data.yaml with names", count=len(names))
    for place in splits.unused:
        left_out.add(*_NO_SPLIT, place)
    for place in splits.repeated:
        left_out.add(*_SAME_SPLIT, place)
    for file in files.unused(pairs):
        left_out.add(*_UNLABELLED, file)
    images = [
        DrawnImage(
            name_of(image, files),
            image,
            size,
            splits.split_of(image.relative_to(root)) or split_of(image, files),
            [(shape, names[number]) for shape, number in objects],
        )
        for image, size, objects in drawn
    ]
    return make_annotations(images, names, left_out, files, where=src)


# Label files


def _pair(root: Path, files: ImageFiles, left_out: LeftOut) -> dict[Path, Path]:
    """The label file of each image that has one."""
    by_key: dict[tuple[str, ...], list[Path]] = defaultdict(list)
    by_stem: dict[str, list[Path]] = defaultdict(list)
    for image in files.paths:
        by_key[_key(image.relative_to(root))].append(image)
        by_stem[image.stem].append(image)
    pairs: dict[Path, Path] = {}
    faults = Faults()
    for path in walk(root, [".txt"]):
        relative = path.relative_to(root)
        images = by_key.get(_key(relative), []) or [
            image
            for image in by_stem.get(path.stem, [])
            if split_of_folders(image.relative_to(root)) == split_of_folders(relative)
        ]
        if not images:
            is_label = any(part.lower() in _KIND_FOLDERS for part in relative.parts[:-1])
            left_out.add(*_ORPHAN, relative, is_label and path.name.lower() not in NAME_FILES)
            continue
        with faults:
            if len(images) > 1:
                raise DataError(
                    f"could be the labels of {images[0].relative_to(root)} or {images[1].relative_to(root)}",
                    where=path,
                    remedy="Put images and labels into folders of the same name below images/ and labels/",
                )
            if images[0] in pairs:
                raise DataError(
                    f"and {pairs[images[0]].relative_to(root)} are both labels of {images[0].relative_to(root)}",
                    where=path,
                    remedy="Move one of the two away, or name the folder of the right ones",
                )
            pairs[images[0]] = path
    faults.check()
    if not pairs:
        raise DataError(
            "has no .txt file with the name of an image",
            where=root,
            remedy="Name the folder that holds both images/ and labels/",
        )
    return pairs


def _key(path: PurePath) -> tuple[str, ...]:
    """A path without its ending and without folders named images or labels."""
    return (*(part for part in path.parts[:-1] if part.lower() not in _KIND_FOLDERS), path.stem)


def _read_labels(path: Path, names: list[str], faults: Faults) -> list[tuple[int, Outline | None]]:
    """The number of the class and the corners (N, 2), as fractions, of each line; None for a box.

    Lines that cannot be read are left out, and added to `faults`.
    """
    labels = []
    for position, line in enumerate(read_text(path).splitlines(), start=1):
        if words := split_numbers(line):
            with faults, entry(path, f"line {position}"):
                labels.append(_read_line(words, names))
    return labels


def _read_line(words: list[str], names: list[str]) -> tuple[int, Outline | None]:
    try:
        values = np.array([float(word) for word in words])
    except ValueError as error:
        raise Malformed(f"{show(' '.join(words))} is not a list of numbers") from error
    number = int(values[0]) if np.isfinite(values[0]) else -1
    limit = len(names) or IGNORE_INDEX  # more than a mask can hold would need any amount of memory
    if number != values[0] or not 0 <= number < limit:
        raise Malformed(f"the class {words[0]!r} is not one of 0 to {limit - 1}")
    if len(values) in (5, 6):  # a sixth number is a confidence
        return number, None
    if len(values) == 1:
        raise Malformed("has a class without corners", remedy="Leave the file empty if the image shows no object")
    if len(values) % 2 == 0 or len(values) < 7:
        raise Malformed(
            f"has {plural(len(values) - 1, 'number')} after the class, not x and y of at least three corners",
            remedy="Export the labels again, as polygons, without confidences and numbers of objects",
        )
    outline = values[1:].reshape(-1, 2)
    if not (np.isfinite(outline) & (outline >= -_SLACK) & (outline <= 1 + _SLACK)).all():
        raise Malformed(
            f"{outline.flat[np.abs(outline - 0.5).argmax()]:g} is not a fraction of the image's width or height",
            remedy="Divide x by the image's width and y by its height",
        )
    return number, outline
