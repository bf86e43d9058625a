"""Why a folder cannot be read, told of every file at once instead of the first one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from segarena.classes import ClassTable, find_class_table
from segarena.data.checks.problem import Problem, relative
from segarena.data.checks.thumbnails import make_thumbnail
from segarena.data.encoding.infer import infer_encoding
from segarena.data.encoding.value_counts import read_facts
from segarena.data.files.headers import fit
from segarena.data.files.images import read_header
from segarena.data.layout.layout import Layout, find_pairs
from segarena.errors import DataError
from segarena.threads import thread_pool

#: Masks that cannot be meant as the others are come to light one by one; so many are told at most.
MOST_REFUSED = 50


class Faults(NamedTuple):
    """What stops a folder from being read: how it is laid out, and a problem of severity "error" for each file."""

    layout: Layout
    problems: tuple[Problem, ...]


def find_faults(
    root: Path,
    *,
    images: Path | None = None,
    masks: Path | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Faults:
    """Look at every pair of a folder that `FolderSource` refuses. The rest of the arguments are the same.

    Each image and mask is decoded; masks that can be decoded are then read together, without those that are refused
    one after the other. Raises DataError where the folder's layout or its classes.yaml is the fault.
    """
    layout = find_pairs(root, images=images, masks=masks)
    classes = find_class_table(root)
    pairs = [(sample.image, sample.mask) for sample in layout.samples if sample.image and sample.mask]
    problems: list[Problem] = []
    sound = []
    with thread_pool() as threads:
        for number, found in enumerate(threads.map(lambda pair: list(_look(root, *pair)), pairs)):
            problems += found
            if not any(problem.code == "unreadable-mask" for problem in found):
                sound.append(pairs[number][1])
            if on_progress is not None:
                on_progress(number + 1, len(pairs))
    return Faults(layout, (*problems, *_refused(root, sound, classes)))


def _refused(root: Path, masks: list[Path], classes: ClassTable | None) -> Iterator[Problem]:
    """The masks that cannot be meant as the others are, each found by reading the others without it."""
    for _ in range(min(MOST_REFUSED, len(masks))):
        try:
            infer_encoding(masks, classes)
            return
        except DataError as error:
            if error.where not in masks:  # all of them together
                yield _problem(root, "unclear-encoding", error, None)
                return
            path = Path(str(error.where))
            yield _problem(root, "unclear-encoding" if classes is None else "undeclared-value", error, path)
            masks.remove(path)


def _look(root: Path, image: Path, mask: Path) -> Iterator[Problem]:
    """The faults of one pair by itself."""
    steps: Sequence[tuple[str, Path, Callable[[Path], object]]] = (
        ("unreadable-image", image, make_thumbnail),
        ("unreadable-mask", mask, read_facts),
    )
    readable = True
    for code, path, read in steps:
        try:
            read(path)
        except DataError as error:
            yield _problem(root, code, error, path)
            readable = False
    if readable:
        try:
            one, other = read_header(image), read_header(mask)
            fit(image, (one.height, one.width), mask, (other.height, other.width))
        except DataError as error:
            yield _problem(root, "size-mismatch", error, mask)


def _problem(root: Path, code: str, error: DataError, path: Path | None) -> Problem:
    if path is not None:
        name = relative(path, root)
        return Problem(code, "error", (name,), f"{name} {error.what}", error.remedy)
    place = f"{relative(error.where, root)}/: " if isinstance(error.where, Path) else ""
    return Problem(code, "error", (), f"{place}{error.what}", error.remedy)
