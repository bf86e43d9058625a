"""The annotation formats that can be converted, and which of them a folder has.

A format is added by its module, with `read_X` and `recognise_X`, its entry in `FORMATS`, and its name in
`config.data.AnnotationFormat`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from segarena.annotations.annotations import Annotations
from segarena.annotations.peek import Peek
from segarena.converters.coco import read_coco
from segarena.converters.coco_files import recognise_coco
from segarena.converters.cvat import read_cvat, recognise_cvat
from segarena.converters.foreign import find_foreign
from segarena.converters.geojson import read_geojson, recognise_geojson
from segarena.converters.instances import read_instances, recognise_instances
from segarena.converters.label_studio import read_label_studio, recognise_label_studio
from segarena.converters.labelme import read_labelme, recognise_labelme
from segarena.converters.rle_csv import read_rle_csv, recognise_rle_csv
from segarena.converters.supervisely import read_supervisely, recognise_supervisely
from segarena.converters.via import read_via, recognise_via
from segarena.converters.voc import read_voc, recognise_voc
from segarena.converters.yolo import read_yolo, recognise_yolo
from segarena.data.layout.layout import find_pairs
from segarena.errors import DataError
from segarena.formats import command, join_words, listing


@dataclass(frozen=True)
class Format:
    """A format of annotations."""

    title: str
    """What it is, for messages."""
    read: Callable[..., Annotations]
    """Reads a folder or a file: `read(src)`, and keywords for the options below."""
    recognise: Callable[[Peek], str | None]
    """A look at a few files: what shows that they have this format, or None."""
    options: frozenset[str] = frozenset()
    """The options of `convert` that only this format has."""


_ATTRIBUTE = frozenset({"class_attribute"})

FORMATS: dict[str, Format] = {
    "coco": Format("COCO's JSON", read_coco, recognise_coco, frozenset({"crowd"})),
    "labelme": Format("LabelMe's JSON", read_labelme, recognise_labelme),
    "cvat": Format("CVAT's XML for images", read_cvat, recognise_cvat),
    "voc": Format("VOC's folders", read_voc, recognise_voc),
    "yolo": Format("YOLO's text files with polygons", read_yolo, recognise_yolo),
    "via": Format("VGG Image Annotator's JSON or CSV", read_via, recognise_via, _ATTRIBUTE),
    "supervisely": Format("a project of Supervisely", read_supervisely, recognise_supervisely),
    "label-studio": Format("Label Studio's JSON", read_label_studio, recognise_label_studio),
    "rle-csv": Format("run lengths in a CSV file", read_rle_csv, recognise_rle_csv),
    "geojson": Format("GeoJSON, as QuPath's", read_geojson, recognise_geojson, _ATTRIBUTE),
    "instances": Format("a mask for each object", read_instances, recognise_instances),
}


def recognise(src: Path) -> dict[str, str]:
    """Look for annotations that can be converted.

    Args:
        src: A folder of annotations and images, or an annotation file.

    Returns:
        What shows that there is a format, for the name of each format that is found.

    Raises:
        DataError: `src` does not exist or cannot be listed.
    """
    peek = Peek(src)
    found = {name: entry.recognise(peek) for name, entry in FORMATS.items()}
    return {name: evidence for name, evidence in found.items() if evidence is not None}


def choose_format(src: Path, dst: Path) -> tuple[str, str]:
    """Return the name of the one format that is found, and what shows it.

    Args:
        src: A folder of annotations and images, or an annotation file.
        dst: The folder to write, for the commands in messages.

    Raises:
        DataError: No format is found, or more than one.
    """
    found = recognise(src)
    if len(found) == 1:
        return next(iter(found.items()))
    if found:
        reasons = [f"{name} ({evidence})" for name, evidence in found.items()]
        commands = [convert_command(src, dst, name) for name in found]
        raise DataError(
            f"has annotations of more than one format: {join_words(reasons)}",
            where=src,
            remedy=f"Choose one: {join_words(commands, 'or')}",
        )
    foreign = find_foreign(Peek(src))
    if foreign is not None:
        raise DataError(f"has annotations that are not read: {foreign.evidence}", where=src, remedy=foreign.remedy)
    if _is_ready(src):
        raise DataError(
            "has images and masks, which are read without a conversion",
            where=src,
            remedy=f"Use the folder itself: {command('segarena', 'check', src)}",
        )
    endings = sorted({path.suffix.lower() for path in Peek(src).files()})
    known = [f"{name} ({entry.title})" for name, entry in FORMATS.items()]
    raise DataError(
        "has no annotations of a known format" + (f"; it has files {listing(endings, 8)}" if endings else ""),
        where=src,
        remedy=f"Name the folder that holds annotations and images, or the format with --from: {', '.join(known)}",
    )


def _is_ready(src: Path) -> bool:
    """Whether images and masks are found in a folder."""
    try:
        return bool(find_pairs(src).samples)
    except DataError:
        return False


def convert_command(src: Path, dst: Path, name: str) -> str:
    """Return the command that converts `src`, quoted for the shell."""
    return command("segarena", "convert", src, dst, "--from", name)
