"""Masks of Label Studio's export "Brush labels to PNG", whose names have the number of a task in place of the image's.

`task-12-annotation-3-by-1-tag-crack-0.png`: task, annotation, user, the tag's name in the labelling interface, class,
and a number for each brush stroke or region.
"""

from __future__ import annotations

import json
import os
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray

from segarena.data.layout.tree import File, files_ending, relative_name
from segarena.data.layout.vocabulary import to_nfc
from segarena.errors import DataError
from segarena.image_files.images import find_bits, read_image
from segarena.image_files.layers import read_layers

_NAME = re.compile(r"task-(\d+)-annotation-(\d+)-by-(\d+|[^@]*@.*?\.[a-z]+|)-(.+)-(\d+)", re.IGNORECASE)
#: What Label Studio puts before the name of an uploaded file.
_UPLOAD = re.compile(r"[0-9a-f]{8}-")
_NUMBER = re.compile(r"\d+")
_TASK = re.compile(r"task[-_ ]?", re.IGNORECASE)
#: Number of tasks that are examined, of images for each, of tasks that are needed, and the share that has to agree.
_EXAMINED, _OTHERS, _FEWEST, _AGREE = 24, 8, 4, 0.9
#: Edges agree with a mask if they are stronger by this factor under its boundaries than those of all other images.
_MARGIN = 1.05


class Export(NamedTuple):
    """The layers of each image with the names of their classes, and how they were paired, as a sentence."""

    layers: dict[File, list[tuple[str, File]]]
    rule: str


def is_label_studio(file: File) -> bool:
    """Whether a file has such a name."""
    return _NAME.fullmatch(file.stem) is not None


def read_export(root: Path, images: Sequence[File], masks: Sequence[File]) -> Export:
    """Find the image of each task: by its number, in the project's JSON export, or by order if the pixels confirm it.

    Args:
        root: The data folder; JSON files are looked for there and beside the masks.
        images: At least one image.
        masks: At least one mask, all of them with such names.

    Raises:
        DataError: It is not clear which image a task has, or a task has two annotations.
    """
    tasks = _read_tasks(masks)
    folders = dict.fromkeys([root, *(mask.folder for mask in masks)])
    listed = _by_json([path for folder in folders for path in files_ending(folder, {".json"})], images)
    if 2 * len(tasks.keys() & listed.keys()) > len(tasks):
        by_json = {listed[task]: tasks[task] for task in tasks if task in listed}
        return Export(by_json, "the JSON export has the image of each task of Label Studio")
    numbers = {file: _NUMBER.fullmatch(_TASK.sub("", file.stem)) for file in images}
    numbered = {int(number.group()): file for file, number in numbers.items() if number}
    if tasks.keys() <= numbered.keys():
        by_number = {numbered[task]: tasks[task] for task in tasks}
        # The third image is often task 3; where images are counted from 0, it is not.
        if all(_TASK.match(file.stem) for file in by_number) or _is_confirmed(by_number):
            return Export(by_number, "an image has the number of its task in Label Studio")
    ordered = sorted(images, key=lambda file: _natural(relative_name(root, file.path)))
    if len(ordered) == len(tasks):
        by_order = {image: tasks[task] for image, task in zip(ordered, sorted(tasks), strict=True)}
        if _is_confirmed(by_order):
            first = f"task {min(tasks)} is {ordered[0].path.name}"
            return Export(by_order, f"the tasks of Label Studio in the order of the images ({first}), as edges confirm")
    raise DataError(
        f"is named by Label Studio for task {min(tasks)}, and it is not clear which of {len(images)} images that is",
        where=tasks[min(tasks)][0][1].path,
        remedy=f"Export the project as JSON too, and put that file into {root}: it has the image of each task. Or"
        " rename the masks, e.g. to IMAGE_CLASS.png",
    )


def _read_tasks(masks: Sequence[File]) -> dict[int, list[tuple[str, File]]]:
    """The masks of each task with their classes."""
    found: dict[int, list[tuple[str, File]]] = defaultdict(list)
    annotations: dict[int, str] = {}
    parts = [(match.groups(), mask) for mask in masks if (match := _NAME.fullmatch(mask.stem))]
    titles = [title.split("-") for (_, _, _, title, _), _ in parts]
    # The tag's name is what all titles begin with; a class follows.
    shared = min(1, len(os.path.commonprefix(titles)), *(len(title) - 1 for title in titles))  # noqa: RUF071
    for ((number, annotation, _, _, _), mask), title in zip(parts, titles, strict=True):
        task = int(number)
        if annotations.setdefault(task, annotation) != annotation:
            raise DataError(
                f"is annotation {annotation} of task {task}, which has annotation {annotations[task]} too",
                where=mask.path,
                remedy="Keep the files of one annotation for each task, and move the others to another folder",
            )
        found[task].append(("-".join(title[shared:]), mask))
    return found


# By the JSON export


def _by_json(paths: Sequence[Path], images: Sequence[File]) -> dict[int, File]:
    """The image of each task, from files that are lists of tasks."""
    by_name: dict[str, File] = {}
    for file in images:
        for name in _names(file.path.name):
            by_name.setdefault(name, file)
    found: dict[int, File] = {}
    for path in paths:
        try:
            tasks = json.loads(path.read_bytes())
        except (OSError, ValueError, RecursionError):
            continue
        for task in tasks if isinstance(tasks, list) else []:
            if isinstance(task, dict) and isinstance(task.get("id"), int):
                names = (name for text in _texts(task) for name in _names(re.split(r"[/\\=]", unquote(text))[-1]))
                image = next((by_name[name] for name in names if name in by_name), None)
                if image:
                    found[task["id"]] = image
    return found


def _texts(task: dict[str, Any]) -> Iterator[str]:
    """Strings that may be the address of the task's image, in JSON and in JSON-MIN."""
    data = task.get("data")
    yield from (value for value in (data if isinstance(data, dict) else task).values() if isinstance(value, str))
    if isinstance(task.get("file_upload"), str):
        yield task["file_upload"]


def _names(name: str) -> list[str]:
    """A file's name as it is, and without what an upload adds to it."""
    return [to_nfc(name), _UPLOAD.sub("", to_nfc(name), count=1)]


# By numbers, and by order


def _natural(name: str) -> list[tuple[int, int, str]]:
    """A key that sorts numbers by their value."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", name) if part]


def _is_confirmed(by_order: dict[File, list[tuple[str, File]]]) -> bool:
    """Whether boundaries of the masks are on stronger edges in their own image than in any of eight others."""
    images = list(by_order)
    places = sorted({int(place) for place in np.linspace(0, len(images) - 1, _EXAMINED)})
    best = 0
    try:
        gradients = {place: _gradient(images[place].path) for place in places}
        for place in places:
            classes = sorted({name for name, _ in by_order[images[place]]})
            mask = read_layers([(classes.index(name), file.path) for name, file in by_order[images[place]]]).values
            near = sorted(places, key=lambda other: abs(other - place))[: _OTHERS + 1]
            strengths = {
                other: _strength(gradients[other], mask) for other in near if gradients[other].shape == mask.shape
            }
            if len(strengths) < _FEWEST or place not in strengths:
                return False
            own = strengths.pop(place)
            best += own > _MARGIN * max(strengths.values())
    except DataError:
        return False
    return len(places) >= _FEWEST and best >= _AGREE * len(places)


def _gradient(path: Path) -> NDArray[np.float64]:
    """(H, W), how strong an edge is at each pixel, as a multiple of the image's mean; 0 in a line of pixels."""
    grey = read_image(path, find_bits(path)).mean(axis=2)
    if min(grey.shape) < 2:
        return np.zeros(grey.shape)
    down, right = np.gradient(grey)
    strength: NDArray[np.float64] = np.hypot(down, right)
    return strength / max(float(strength.mean()), 1e-9)


def _strength(gradient: NDArray[np.float64], mask: NDArray[np.integer[Any]]) -> float:
    """The mean strength of the edges under the mask's boundaries."""
    boundary = np.zeros(mask.shape, dtype=bool)
    boundary[:, 1:] |= mask[:, 1:] != mask[:, :-1]
    boundary[1:] |= mask[1:] != mask[:-1]
    return float(gradient[boundary].mean()) if boundary.any() else 0.0
