"""The names of the classes in VOC's layout: from a file beside the masks, VOC's own, or numbers.

Other people's data in VOC's layout, even in folders called VOCdevkit/VOC2007, is not VOC's: its classes have no names
unless a file gives them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from segarena.annotations.annotations import BACKGROUND, Color
from segarena.classes import IGNORE_INDEX
from segarena.errors import DataError
from segarena.texts import decode_text

VOC_NAMES = tuple(
    "background aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse motorbike person "
    "pottedplant sheep sofa train tvmonitor".split()
)

#: Files with a name on each line, in the order of the indices, beside the folder of masks.
_LISTS = ("class_names.txt", "classes.txt", "labels.txt", "label_names.txt", "classnames.txt")
#: CVAT's and Datumaro's: `name:red,green,blue:parts:actions`.
_LABELMAP = "labelmap.txt"
_IGNORED = "__ignore__"
#: Images of VOC 2008 to 2012; those of 2007 have plain numbers, as many other sets have.
_STEM = re.compile(r"20(0[7-9]|1[0-2])_\d{6}")


@dataclass(frozen=True)
class Names:
    """Names from a file."""

    path: Path
    names: tuple[str, ...]
    """In the order of the indices."""
    colors: dict[str, Color]
    """Of a labelmap.txt: the colour of each name, RGB."""


def read_names(root: Path, indices: Collection[int]) -> Names | None:
    """Return the names in a file beside the masks; None if there is no such file.

    Args:
        root: The folder that holds SegmentationClass.
        indices: Those that occur in the masks, without void. If there is one more than names, 0 is the background.

    Raises:
        DataError: A file cannot be read or has no names.
    """
    path = root / _LABELMAP
    lines = read_lines(path)
    if lines is not None:
        return _read_labelmap(path, [line for line in lines if not line.startswith("#")])
    for name in _LISTS:
        lines = read_lines(root / name)
        if lines is not None:
            names = [line for line in lines if line != _IGNORED]
            has_background = any(each.lower() in BACKGROUND for each in names)
            if max(indices, default=0) == len(names) and not has_background:
                names.insert(0, "background")
            return Names(root / name, tuple(names), {})
    return None


def are_vocs(stems: Sequence[str], indices: Collection[int]) -> bool:
    """Whether a set is VOC's own: its images have VOC's names, or all of its 20 classes and void occur.

    Args:
        stems: The names of the images, without ending.
        indices: Those that occur in the masks, void included.
    """
    if any(index >= len(VOC_NAMES) and index != IGNORE_INDEX for index in indices):
        return False
    own = sum(bool(_STEM.fullmatch(stem)) for stem in stems)
    return own > len(stems) / 2 or {*range(len(VOC_NAMES)), IGNORE_INDEX} <= set(indices)


def voc_color(index: int) -> Color:
    """Return the colour of an index 0..255 as RGB, 0..255.

    Its bits go in turn, from the lowest on, to red, green and blue, from their highest bit down. Source: VOC
    development kit, VOClabelcolormap.m.
    """
    channels = [0, 0, 0]
    for bit in range(8):
        channels[bit % 3] |= (index >> bit & 1) << (7 - bit // 3)
    return channels[0], channels[1], channels[2]


def read_lines(path: Path) -> list[str] | None:
    """Return the lines of a text file that are not empty; None if there is no file. Raises DataError."""
    try:
        lines = decode_text(path.read_bytes()).splitlines()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot be read ({error})", where=path, remedy="Save the list again as UTF-8") from error
    return [line.strip() for line in lines if line.strip()]


def _read_labelmap(path: Path, lines: list[str]) -> Names:
    names: list[str] = []
    colors: dict[str, Color] = {}
    for number, line in enumerate(lines, start=1):
        name, _, rest = line.partition(":")
        color = rest.partition(":")[0].strip()
        try:
            if color or ":" not in line:
                red, green, blue = bytes(int(part) for part in color.split(","))  # ValueError above 255
                colors[name] = (red, green, blue)
            else:  # Datumaro leaves VOC's colours out
                colors[name] = voc_color(len(names))
        except ValueError as error:
            raise DataError(
                f"{line!r} (entry {number}) is not name:red,green,blue",
                where=path,
                remedy="Export the masks again, or remove the file to have classes named by their numbers",
            ) from error
        names.append(name)
    return Names(path, tuple(names), colors)
