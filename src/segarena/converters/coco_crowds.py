"""What `iscrowd: 1` means in a COCO file: a region of many objects, or an object whose mask is a run length.

In COCO itself a crowd is a region with some persons in it, drawn as run lengths, and void. CVAT and others set the same
flag for each mask of a brush or of SAM, because their exporters store run lengths in that way (cvat #7030).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, Literal

from segarena.formats import listing, plural

#: What to make of them: void, or objects as any other.
Crowd = Literal["void", "object"]

_MOST_CROWDS = 0.05  # of all objects; in COCO 2017 it is 1.2%
_MOST_NAMED = 0.3  # the same, if `info` names COCO: of a few images with crowds
_HOSTS = ("cocodataset", "mscoco")
_IMAGE = re.compile(r"(COCO_(train|val|test)20\d\d_)?0{3}\d{9}")


@dataclass(frozen=True)
class CrowdMeaning:
    """How `iscrowd: 1` is read, and why."""

    meaning: Crowd
    notes: tuple[str, ...]


def read_crowds(contents: dict[Path, Any], given: Crowd | None) -> CrowdMeaning:
    """Decide what crowds are: void in COCO's own files, and where they are few among other run lengths; else objects.

    Args:
        contents: The content of each file.
        given: What the user chose.
    """
    objects = list(_objects(contents))
    crowds = [each for each in objects if each.get("iscrowd")]
    if not crowds:
        return CrowdMeaning("void", ())
    meaning, reason = (given, "by --crowd") if given else _decide(contents, objects, crowds)
    places = Counter(path.name for path, content in contents.items() if any(_crowds_of(content)))
    share = f"{len(crowds):,} of {plural(len(objects), 'object')}"
    other = "void" if meaning == "object" else "object"
    what = "are void where no other object covers them" if meaning == "void" else "are painted as objects"
    change = "" if given else f"; --crowd {other} changes this"
    note = f"{share} with iscrowd: 1 {what}, {reason}{change} (in {listing(list(places))})"
    return CrowdMeaning(meaning, (note,))


def _decide(contents: dict[Path, Any], objects: list[Any], crowds: list[Any]) -> tuple[Crowd, str]:
    if len(crowds) == len(objects) and all("segmentation" in each for each in objects):
        return "object", "because there is no other object"
    if any(_is_coco(content) for content in contents.values()):
        return "void", "because the images are COCO's own"
    if any(_names_coco(content) for content in contents.values()) and len(crowds) <= _MOST_NAMED * len(objects):
        return "void", "because the files name COCO and crowds are few"
    if not any("segmentation" in each for each in objects):
        return "void", "as in COCO's panoptic annotations"
    if len(crowds) > _MOST_CROWDS * len(objects):
        return "object", "because it is set on too many objects to mark crowds: they are masks of a brush"
    if any(_is_cvat(content) for content in contents.values()):
        return "object", "because CVAT sets the flag for every mask of a brush"
    ordinary = [each for each in objects if not each.get("iscrowd")]
    if {_category(each) for each in crowds} - {_category(each) for each in ordinary}:
        return "object", "because some classes have no other objects"
    if all(map(_has_runs, crowds)) and not any(map(_has_runs, ordinary)):
        return "object", "because the flag is on all run lengths and on no polygon, as tools set it"
    return "void", "because they are few, and other objects are run lengths, too"


def _category(annotation: dict[str, Any]) -> str:
    return str(annotation.get("category_id"))


def _has_runs(annotation: dict[str, Any]) -> bool:
    return isinstance(annotation.get("segmentation"), dict)


def _is_coco(content: Any) -> bool:
    """Whether a file is COCO's own: its images are on COCO's server, or have COCO's names.

    Other tools fill in `coco_url`, too, with other addresses.
    """
    images = [image for image in content["images"][:100] if isinstance(image, dict)]
    urls = [str(image.get("coco_url", "")).lower() for image in images]
    names = [PurePath(str(image.get("file_name"))).stem for image in images]
    return any(name in url for url in urls for name in _HOSTS) or (bool(names) and all(map(_IMAGE.fullmatch, names)))


def _names_coco(content: Any) -> bool:
    """Whether the info of a file names COCO, which scripts copy into other files."""
    info = content.get("info")
    text = " ".join(str(value) for value in info.values()).lower() if isinstance(info, dict) else ""
    return any(name in text for name in (*_HOSTS, "coco 20", "coco consortium"))


def _is_cvat(content: Any) -> bool:
    """Whether CVAT (its library Datumaro) wrote a file: objects have attributes, and `info` has keys without values."""
    info = content.get("info")
    blank = isinstance(info, dict) and bool(info) and not any(info.values())
    return blank or any(isinstance(each.get("attributes"), dict) for each in _crowds_of(content))


def _objects(contents: dict[Path, Any]) -> Iterator[dict[str, Any]]:
    for content in contents.values():
        yield from _objects_of(content)


def _objects_of(content: Any) -> Iterator[dict[str, Any]]:
    """The objects of a file, or the segments of its panoptic annotations."""
    for annotation in content["annotations"]:
        if isinstance(annotation, dict):
            segments = annotation.get("segments_info")
            for each in segments if isinstance(segments, list) else [annotation]:
                if isinstance(each, dict):
                    yield each


def _crowds_of(content: Any) -> Iterator[dict[str, Any]]:
    return (each for each in _objects_of(content) if each.get("iscrowd"))
